"""Who owns a message and for how long: leases, looks into the gateway's list, and what nobody reports on."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

import campaigns.delivery.reconcile as reconciling
from campaigns.delivery.claim_messages import claim_next_batch
from campaigns.delivery.reconcile import DECIDE_AFTER, _may_repeat_until, expire_leases, reconcile_account
from campaigns.delivery.record_outcomes import store_outcomes
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.rules.states import AttemptState, CampaignAction, CampaignState, MessageKind, MessageState
from outreach.rules.gateway import Accepted, Lasting
from tests.support.servers import both_databases
from tests.support.world import number


class EmptyList:
    """A gateway whose list is empty, and held back where it is told so."""

    request_id = None

    def __init__(self, *, is_held=False):
        self.may_answer = asyncio.Event()
        if not is_held:
            self.may_answer.set()
        self.looks = 0

    async def send(self, message):
        return Accepted(f"SM{message.attempt_id}")

    async def list_to(self, number, *, attempt_id):
        self.looks += 1
        await self.may_answer.wait()
        return []

    async def close(self):
        return None


class Repeating(EmptyList):
    """A gateway that takes no request twice: what `then` says happens once the first was made again, and the next ones take longer."""

    request_id = Lasting.ALWAYS

    def __init__(self, then=lambda: None):
        super().__init__()
        self.then = then
        self.asked = []  # whether each request might still have left

    async def send(self, message):
        assert message.is_over
        if self.asked:
            await asyncio.sleep(0.6)
        self.asked.append(not message.is_over())
        await asyncio.to_thread(self.then)
        return Accepted(f"SM{message.attempt_id}")


def attempts(world):
    return world.all(select(Attempt).order_by(Attempt.id))


def make_unknown(world):
    world.sent(people=3)
    world.execute(
        update(Attempt).values(state=AttemptState.UNKNOWN, gateway_id=None, due_at=world.now, body="other")
    )
    world.execute(update(Message).values(state=MessageState.UNKNOWN))


def test_a_lease_begins_when_it_is_taken_however_long_another_campaign_had_to_wait(world):
    first = world.launch(people=2)
    world.launch(name="Đợt hai")
    held, released_at = threading.Event(), list[datetime]()

    def pause_slowly():
        with world.runtime.db.write() as session:
            session.execute(update(Campaign).where(Campaign.id == first).values(state=CampaignState.PAUSED))
            held.set()
            time.sleep(1.5)
            released_at.append(datetime.now(UTC))

    other = threading.Thread(target=pause_slowly)
    other.start()
    held.wait()
    batch = claim_next_batch(world.runtime, "test")  # begins with the first campaign
    other.join()
    jobs = batch[2]
    assert len(jobs) == 2
    taken = attempts(world)
    ends = min(attempt.due_at for attempt in taken if attempt.due_at)
    lease = timedelta(seconds=world.runtime.settings.lease_s)
    assert ends >= released_at[0] + lease
    # The worker's own fence stands before the lease's end by the time of one request.
    spare = world.runtime.settings.send_timeout_s
    in_database = (ends - datetime.now(UTC)).total_seconds()
    assert all(job.fence.wall_s - time.time() <= in_database - spare + 0.05 for job in jobs)


@both_databases
def test_a_request_that_was_made_again_is_not_given_back_by_a_worker_that_comes_late(world):
    world.use_aggregator(sms_live="no")
    world.launch(people=1)
    claimed = claim_next_batch(world.runtime, "stopped for long")
    assert claimed
    world.do(expire_leases, now=world.in_hours(1))
    world.execute(update(Attempt).values(due_at=world.now))
    world.simulator.faults(rate_cut=1.0)  # taken, the answer is lost
    world.reconcile()
    world.simulator.faults(rate_cut=0.0)
    store_outcomes(world.runtime, [(task.claim, None) for task in claimed[2]])
    world.send()
    assert len(world.sent_to()) <= 1


@pytest.mark.parametrize("meanwhile", ["pause", "opt-out", "the hours end", "nothing"])
def test_a_request_is_made_again_only_while_its_message_might_leave(world, monkeypatch, meanwhile):
    make_unknown(world)
    campaign = world.one(select(Campaign.id))
    monkeypatch.setattr(reconciling, "CONCURRENT_LOOKUPS", 1)

    def then():
        if meanwhile == "pause" and len(gateway.asked) == 1:
            world.act(campaign, CampaignAction.PAUSE)
        elif meanwhile == "opt-out":
            for index in range(3):
                world.reply(number(index), "TC", gateway_id=f"SM{index}-{len(gateway.asked)}")

    if meanwhile == "the hours end":
        ends = datetime.now(UTC) + timedelta(seconds=0.4 + world.runtime.settings.send_timeout_s)
        monkeypatch.setattr(reconciling, "streams_still_open", lambda *_a, **_k: {campaign: ends})
    gateway = Repeating(then)
    asyncio.run(reconcile_account(world.runtime, gateway))
    assert sum(gateway.asked) == (3 if meanwhile == "nothing" else 1)


def test_an_acknowledgement_is_not_asked_for_again_outside_its_campaigns_hours(world):
    campaign = world.sent(people=1, text="Moi ong/ba cai Bluezone: {link} Da cai tra loi 1.")
    world.reply(number(0), "1", gateway_id="SM1")
    world.send()
    kinds = world.all(select(Message.kind).order_by(Message.id))
    assert kinds == [MessageKind.STEP, MessageKind.ACKNOWLEDGEMENT]
    world.lose_sight()
    opens, closes = world.closed_window()
    recent = {"claimed_at": world.now - timedelta(minutes=5), "due_at": world.now}
    world.execute(update(Attempt).values(**recent))
    world.execute(update(Campaign).where(Campaign.id == campaign).values(window_from=opens, window_to=closes))
    gateway = Repeating()
    asyncio.run(reconcile_account(world.runtime, gateway))
    assert gateway.asked == []


def test_a_request_is_made_again_only_for_as_long_as_no_person_may_decide(world):
    make_unknown(world)
    now = datetime.now(UTC)
    decided_at = now + timedelta(seconds=60)
    world.execute(update(Attempt).values(claimed_at=decided_at - DECIDE_AFTER))
    world.execute(update(Campaign).values(state=CampaignState.SENDING))
    for attempt in attempts(world):
        row = SimpleNamespace(
            **{name: getattr(attempt, name) for name in ("id", "stream_id", "claimed_at")},
            kind=MessageKind.STEP,
        )
        fence = _may_repeat_until(world.runtime, row, Lasting.ALWAYS, now + timedelta(minutes=5))
        assert fence
        assert fence.wall_s < decided_at.timestamp()


def test_an_answer_about_one_message_that_cannot_be_read_keeps_none_of_the_others(world):
    class Odd(EmptyList):
        async def list_to(self, number, *, attempt_id):
            if attempt_id == broken:
                raise KeyError("sid")
            return []

    make_unknown(world)
    broken, *others = [each.id for each in attempts(world)]
    asyncio.run(reconcile_account(world.runtime, Odd()))
    looked = {each.id: each.times_absent for each in attempts(world)}
    assert looked == {broken: 0, **dict.fromkeys(others, 1)}


@both_databases
def test_two_looks_at_once_count_as_one(world):
    make_unknown(world)

    async def both():
        slow, quick = EmptyList(is_held=True), EmptyList()
        round_one = asyncio.create_task(reconcile_account(world.runtime, slow))
        while slow.looks < 3:
            await asyncio.sleep(0.01)
        found = await reconcile_account(world.runtime, quick)
        assert (quick.looks, found["open"]) == (0, 0)
        slow.may_answer.set()
        assert (await round_one)["open"] == 3

    asyncio.run(both())
    assert [(a.state, a.times_absent) for a in attempts(world)] == [(AttemptState.UNKNOWN, 1)] * 3


@both_databases
def test_a_round_that_was_stopped_for_too_long_counts_for_nothing(world):
    make_unknown(world)

    async def late():
        slow = EmptyList(is_held=True)
        round_one = asyncio.create_task(reconcile_account(world.runtime, slow))
        while slow.looks < 3:
            await asyncio.sleep(0.01)
        world.execute(update(Attempt).values(due_at=world.now))  # as if its time had run out
        await reconcile_account(world.runtime, EmptyList())
        slow.may_answer.set()
        await round_one

    asyncio.run(late())
    assert [(a.state, a.times_absent) for a in attempts(world)] == [(AttemptState.UNKNOWN, 1)] * 3


def test_what_nobody_reports_on_is_said_so_after_three_days_and_a_late_report_still_counts(world):
    campaign = world.sent(people=2)
    world.sweep(at=world.in_hours(71))
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 2}
    world.sweep(at=world.in_hours(73))
    assert world.status(campaign)["steps"][0]["messages"] == {"no_report": 2}


def test_a_step_that_cannot_be_opened_stops_nobody_else(world):
    good = world.sent(people=2)
    bad = world.draft(name="Hỏng")
    # Its audience is there already, so that writing it once more breaks a constraint.
    world.change(Campaign, bad, state=CampaignState.SENDING, launched_at=world.now)
    for row in world.all(select(Recipient).where(Recipient.campaign_id == good)):
        world.add(Recipient(campaign_id=bad, contact_id=row.contact_id, phone_id=row.phone_id))
    world.sweep()
    assert world.status(good)["state"] == "completed"
    assert world.status(bad)["state"] == "paused"
