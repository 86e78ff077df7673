"""What all workers and all campaigns share: a sender's pace, the account's halt, contents, numbers, failures."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from redis import TimeoutError as RedisTimeoutError
from sqlalchemy import select

from campaigns.delivery.claim_messages import claim_next_batch
from campaigns.delivery.outbox import causes_and_segments
from campaigns.delivery.send_messages import MessageSender as SendingJob
from campaigns.delivery.streams import Reservation
from campaigns.models.campaigns import Campaign, Sender
from campaigns.models.messages import Attempt
from campaigns.replies.public_requests import leave_note
from campaigns.rules.states import AttemptState, CampaignAction
from outreach.models.contacts import Phone, Suppression
from outreach.rules.gateway import Accepted, Cause, Refused
from outreach.rules.segments import measure
from tests.integration.campaigns.test_leases import EmptyList
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, OneGateway, number

SHORT = {"unaccented": True}


def send_with_two_workers(world, seconds):
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(world.send, seconds, worker=name) for name in ("one", "two")]:
            job.result()


def report(world, states, cause):
    """What the gateway would report of the first attempts, in order."""
    attempts = world.all(select(Attempt.id).order_by(Attempt.id))
    for attempt, state in zip(attempts, states, strict=False):
        of = {"cause": cause if state is AttemptState.UNDELIVERED else None, "code": "30000"}
        world.report(state, Attempt.id == attempt, **of)


def test_campaigns_of_one_sender_share_its_pace_evenly(world):
    world.add_people(80)
    world.add(Sender(name="MTTQ", pace=20))
    world.launch(text="Moi cai Bluezone mot", **SHORT)
    world.launch(text="Moi cai Bluezone hai", **SHORT)
    rounds = 0
    while len(world.sent_to()) < 80 and rounds < 2:  # twice where the machine stood still
        send_with_two_workers(world, 5)
        rounds += 1
    ledger = world.simulator.ledger()
    times = [line["accepted_at"] for line in ledger]
    assert 80 <= len(times) <= 145 * rounds
    # Over all of it: in any one second a busy machine may catch up on what it let wait.
    assert len(times) <= 20 * (times[-1] - times[0]) + 24
    shares = Counter(line["Body"] for line in ledger)
    # Both workers may begin with the same campaign; from then on they take turns.
    assert min(shares["Moi cai Bluezone mot"], shares["Moi cai Bluezone hai"]) >= 0.3 * len(times)


def test_what_was_claimed_is_sent_though_redis_goes_away_just_then(world, monkeypatch):
    def hang(*_):
        raise RedisTimeoutError

    monkeypatch.setattr(Reservation, "settle", hang)
    world.add_people(3)
    world.add(Sender(name="MTTQ", pace=1000))
    world.sent(text="Moi cai Bluezone", **SHORT)
    assert len(world.sent_to()) == 3


def test_an_answer_goes_ahead_of_its_senders_bulk(world):
    world.add_people(60)
    world.add(Sender(name="MTTQ", pace=2))
    world.launch(text="Moi cai Bluezone", **SHORT)

    def find_confirmation():
        bodies = [line["Body"] for line in world.simulator.ledger()]
        return next((i for i, body in enumerate(bodies) if body != "Moi cai Bluezone"), None)

    with ThreadPoolExecutor() as pool:
        job = pool.submit(world.send_until, lambda: find_confirmation() is not None)
        while not world.sent_to():
            world.wait(0.05)
        world.reply(world.sent_to()[0], "TC", gateway_id="SM-reply")
        job.result()
    # Two seconds of the pace are reserved ahead, the rest is a busy machine.
    assert (find_confirmation() or 60) <= 15


def test_a_halt_is_obeyed_by_all_workers(world):
    world.add_people(300)
    world.simulator.faults(rate_429=1.0, retry_after_s=60, latency_ms=20)
    campaign = world.launch(**SHORT)
    send_with_two_workers(world, 2.5)
    # Those under way when the first refusal came, with both workers, and not one more.
    assert world.simulator.stats()["throttled"] <= 2 * world.runtime.settings.send_in_flight
    messages = world.status(campaign)["steps"][0]["messages"]
    # On a busy machine an answer may come after our patience; what became of that one is looked up.
    assert messages.keys() <= {"queued", "unknown"}
    assert sum(messages.values()) == 300


def test_the_same_content_is_not_sent_twice_a_day_to_a_number(world):
    world.sent(people=5, text="Mời bà con cài Bluezone: {link}")
    again = world.launch(text="Moi ba con cai  Bluezone: {link}", name="Lần hai")
    other = world.sent(text="Bluezone có bản mới: {link}", name="Bản mới")
    assert world.status(again)["steps"][0]["messages"] == {"skipped": 5}
    assert world.status(other)["steps"][0]["messages"] == {"accepted": 5}
    assert len(world.sent_to()) == 10


@both_databases
def test_two_workers_do_not_both_send_the_same_content(world):
    first = world.launch(people=200, text="Mời bà con cài Bluezone: {link}")
    second = world.launch(text="Mời bà con cài Bluezone: {link}", name="Bản sao")
    send_with_two_workers(world, 60)
    assert sorted(world.sent_to()) == sorted(number(i) for i in range(200))
    counts = Counter[str]()
    for campaign in (first, second):
        counts.update(world.status(campaign)["steps"][0]["messages"])
    assert counts == {"accepted": 200, "skipped": 200}


def test_a_number_that_does_not_exist_is_left_alone_from_then_on(world):
    world.sent(people=2)
    report(world, [AttemptState.UNDELIVERED, AttemptState.DELIVERED], "bad_number")
    assert [(s.reason.value, s.source) for s in world.all(select(Suppression))] == [
        ("wrong_number", "gateway")
    ]
    later = world.launch(text="Tin khác: {link}")
    assert world.status(later)["excluded"] == {"wrong_number": 1}


@pytest.mark.parametrize("since", ["replied", "arrived", "replied before", "noted by somebody"])
def test_a_number_that_was_in_use_since_is_not_closed_by_a_late_report(world, since):
    world.add_people(1)
    if since == "replied before":
        world.reply(number(0), "da cai", gateway_id="SM1")
    world.sent()
    if since == "replied":
        world.reply(number(0), "da cai", gateway_id="SM1")
    elif since == "noted by somebody":
        world.do(leave_note, number(0), "Hỏi giúp", False, now=datetime.now(UTC))
    elif since == "arrived":
        world.sent(text="Tin khác: {link}")
        report(world, [AttemptState.SENT, AttemptState.DELIVERED], "")
    report(world, [AttemptState.UNDELIVERED], "bad_number")
    assert len(world.all(select(Suppression))) == (since in ("replied before", "noted by somebody"))


def test_a_number_that_the_gateway_did_not_know_is_open_again_once_somebody_writes_from_it(world):
    world.sent(people=2)
    report(world, [AttemptState.UNDELIVERED, AttemptState.UNDELIVERED], "bad_number")
    world.reply(number(0), "da cai", gateway_id="SM1")
    world.reply(number(1), "nham so roi", gateway_id="SM2")
    closed = select(Phone.e164).join(Suppression).where(Suppression.lifted_at.is_(None))
    assert world.all(closed) == [number(1)], "said by its owner now"


def test_a_campaign_that_fails_too_often_pauses_itself_and_says_why(world):
    campaign = world.sent(people=200, pace=5000)
    report(world, [AttemptState.UNDELIVERED] * 59, "unreachable")
    assert world.status(campaign)["state"] == "sending"
    report(world, [AttemptState.UNDELIVERED] * 60, "unreachable")
    status = world.status(campaign)
    assert status["state"] == "paused"
    assert "60 trên 200 tin không gửi được" in status["pause_reason"]
    # Resumed by a person who has looked: what was is not held against it again.
    world.act(campaign, CampaignAction.RESUME, AUTHOR)
    report(world, [AttemptState.UNDELIVERED] * 61, "unreachable")
    assert world.status(campaign)["state"] == "sending"


def test_what_the_gateway_refuses_costs_nothing(world):
    world.add_people(10)
    world.simulator.faults(gateway_stop=True)
    for i in range(10):
        world.simulator.reply(number(i), "STOP", to="MTTQ")
    campaign = world.sent(budget_vnd=1_000_000)
    assert world.status(campaign)["steps"][0]["messages"] == {"failed": 10}
    assert world.get_one(Campaign, campaign).segments_taken == 0


def send_by(world, answer):
    """A sending job with a gateway that gives these answers."""

    class Answering(EmptyList):
        async def send(self, message):
            return answer(message)

    gateways = OneGateway(world.runtime, Answering())
    job = SendingJob(world.runtime, gateways, world.run_in_database, "test", lambda: False, lambda: None)
    asyncio.run(job.run(20))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("bad", ["too long an id", "a code that is no text"])
def test_an_answer_that_cannot_be_stored_keeps_none_of_the_others(world, bad):
    def answer(message):
        if message.to != number(3):
            return Accepted(f"SM{message.attempt_id}")
        return Accepted("9" * 70) if bad == "too long an id" else Refused(Cause.OTHER, "5\0")

    campaign = world.launch(people=6)
    send_by(world, answer)
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 5, "unknown": 1}


@both_databases
def test_what_the_gateway_charges_is_what_the_budget_has_paid(world):
    def dearer(message):
        """Counts a segment more than we do."""
        return Accepted(f"SM{message.attempt_id}", segments=measure(message.body).segments + 1)

    campaign = world.launch(people=3, text="Moi cai Bluezone", budget_vnd=1_000_000, **SHORT)
    send_by(world, dearer)
    assert world.get_one(Campaign, campaign).segments_taken == 6
    _causes, charged, answered = world.read(causes_and_segments, campaign)
    assert (charged, answered) == (6, 3)
    assert set(world.all(select(Attempt.segments))) == {2}


def test_what_went_back_while_a_slow_claim_was_under_way_is_sent_by_the_same_job(world):
    """On a busy machine a claim takes longer than a job waits for more work."""
    world.add_people(3)
    campaign = world.launch(text="Moi cai Bluezone", budget_vnd=1_000_000, **SHORT)
    call = world.run_in_database

    async def call_slowly(function, *args):
        done = await call(function, *args)
        await asyncio.sleep(0.6 if function is claim_next_batch else 0)
        return done

    world.run_in_database = call_slowly
    send_by(world, lambda sent: Accepted(f"SM{sent.attempt_id}", segments=measure(sent.body).segments + 1))
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 3}
