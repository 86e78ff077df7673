"""The send on real parts: launch, claim, send, record, and what must hold meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from campaigns.delivery import claim_messages
from campaigns.delivery.send_messages import SendBuffer
from campaigns.delivery.streams import reserve_capacity
from campaigns.lifecycle import resume_all_sending, stop_all_sending
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Message
from campaigns.rules.delivery import Renderer
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptState, CampaignAction, MessageKind
from outreach.core.db import database_now
from outreach.sms.twilio import TwilioGateway
from tests.support.servers import both_databases
from tests.support.world import APPROVER, number


@dataclass
class Starts:
    """When each message may start, by its attempt, and when its request did: monotonic seconds."""

    planned: dict[int, float] = field(default_factory=dict)
    requested: dict[int, float] = field(default_factory=dict)
    stall: float = 0.0  # the longest that a reservation took: a start is planned so much late at most

    def assert_pace(self, pace):
        """No more starts are planned in any second, and no request is early: a busy machine may be late."""
        planned = sorted(self.planned[attempt] for attempt in self.requested)
        gap = 0.98 - self.stall
        assert all(later - start >= gap for start, later in zip(planned, planned[pace:], strict=False))
        assert all(at >= self.planned[attempt] - 0.02 for attempt, at in self.requested.items())


@both_databases
def test_everyone_on_the_list_gets_one_message(world):
    campaign = world.sent(people=300)
    world.sweep()
    assert sorted(world.sent_to()) == sorted(number(i) for i in range(300))
    status = world.status(campaign)
    assert status["state"] == "completed"
    assert status["recipients"] == 300
    assert status["steps"] == [{"step": 1, "messages": {"accepted": 300}, "skipped": {}}]


def test_a_message_carries_the_name_and_a_link_of_its_own(world):
    world.add_person("Y Hlan", number(1))
    world.add_person("", number(2))
    world.sent()
    bodies = {line["To"]: line["Body"] for line in world.simulator.ledger()}
    assert bodies[number(1)].startswith("Chào Y Hlan, mời ông/bà")
    assert bodies[number(2)].startswith("mời ông/bà")
    assert bodies[number(1)].split()[-1] != bodies[number(2)].split()[-1]


@pytest.mark.parametrize("fault", ["rate_cut", "rate_500", "rate_500_after", "rate_cut_before"])
def test_an_outcome_nobody_saw_is_looked_up_before_it_is_sent_again(world, fault):
    world.add_people(40)
    world.simulator.faults(**{fault: 0.3, "seed": 7})
    campaign = world.sent()
    assert world.status(campaign)["steps"][0]["messages"].get("unknown", 0) > 5
    world.simulator.faults(**{fault: 0})  # what is unknown a second time waits for a person
    for _ in range(40):
        if world.status(campaign)["state"] == "completed":
            break
        world.wait(0.1)
        world.reconcile()
        world.send()
        world.sweep()
    status = world.status(campaign)
    assert status["state"] == "completed"
    # What was found in the gateway's list may be further on already.
    assert set(status["steps"][0]["messages"]) <= {"accepted", "sent", "delivered"}
    assert sorted(world.sent_to()) == sorted(number(i) for i in range(40))


def test_too_many_requests_are_tried_again_later(world):
    world.add_people(15)
    world.simulator.faults(rate_429=0.5, seed=3)
    campaign = world.launch()
    for _ in range(100):
        world.send()
        world.sweep()
        if world.status(campaign)["state"] == "completed":
            break
        world.wait(0.1)
    assert world.simulator.stats()["throttled"] > 0
    assert sorted(world.sent_to()) == sorted(number(i) for i in range(15))


def test_what_waits_for_its_turn_at_the_gateway_does_not_leave_once_the_campaign_is_paused(world):
    world.add_people(40)
    world.simulator.faults(latency_ms=2000)
    campaign = world.launch()
    with ThreadPoolExecutor() as pool:
        job = pool.submit(world.send)
        while not world.simulator.stats()["in_flight"]:
            world.wait(0.02)
        world.act(campaign, CampaignAction.PAUSE)
        job.result()
    assert len(world.sent_to()) <= 4  # a new window begins with two
    assert world.status(campaign)["steps"][0]["messages"]["queued"] >= 36


@both_databases
def test_paused_campaign_sends_nothing(world):
    campaign = world.launch(people=20)
    world.act(campaign, CampaignAction.PAUSE)
    world.send()
    assert world.sent_to() == []
    assert world.status(campaign)["steps"] == [{"step": 1, "messages": {"queued": 20}, "skipped": {}}]
    world.act(campaign, CampaignAction.RESUME)
    world.send()
    assert len(world.sent_to()) == 20


@both_databases
def test_cancelled_campaign_keeps_what_was_sent_and_sends_no_more(world):
    campaign = world.launch(people=60, pace=5)
    world.send_until(lambda: bool(world.sent_to()))
    world.act(campaign, CampaignAction.CANCEL)
    world.send()
    messages = world.status(campaign)["steps"][0]["messages"]
    assert messages["cancelled"] == 60 - messages["accepted"]
    assert len(world.sent_to()) == messages["accepted"] < 60


@pytest.fixture
def starts(monkeypatch):
    seen = Starts()
    put, send = SendBuffer.put, TwilioGateway.send

    def note_start(buffer, task):
        seen.planned[task.claim.attempt_id] = task.starts_at
        put(buffer, task)

    def note_stall(*args, **more):
        asked_at = time.monotonic()
        reservation = reserve_capacity(*args, **more)
        seen.stall = max(seen.stall, time.monotonic() - asked_at)
        return reservation

    async def note_request(gateway, message):
        seen.requested[message.attempt_id] = time.monotonic()
        return await send(gateway, message)

    monkeypatch.setattr(SendBuffer, "put", note_start)
    monkeypatch.setattr(claim_messages, "reserve_capacity", note_stall)
    monkeypatch.setattr(TwilioGateway, "send", note_request)
    return seen


def test_the_pace_is_kept(world, starts):
    world.sent(people=40, pace=10, unaccented=True, text="Moi ong/ba cai Bluezone")
    assert len(world.sent_to()) == 40
    starts.assert_pace(10)


def test_the_hour_is_the_databases_where_a_workers_clock_is_behind(world, monkeypatch):
    world.launch(people=1, deadline=world.in_hours(3))
    ahead = timedelta(hours=2)
    monkeypatch.setattr(claim_messages, "database_now", lambda session: database_now(session) + ahead)
    taken = claim_messages.claim_next_batch(world.runtime, "behind")
    assert taken
    assert taken[2][0].closes_at < time.monotonic() + 3600


def test_a_confirmation_may_still_arrive_when_the_hours_of_its_campaign_have_ended(world):
    campaign = world.sent(people=1)
    soon = datetime.now(VIETNAM) + timedelta(minutes=2)
    closes = f"{soon:%H:%M}" if soon.hour or soon.minute > 2 else "24:00"
    world.change(Campaign, campaign, window_from="00:00", window_to=closes)
    world.reply(number(0), "TC", gateway_id="SM1")
    taken = claim_messages.claim_next_batch(world.runtime, "test")
    assert taken
    assert taken[2][0].claim.kind is MessageKind.CONFIRMATION
    assert taken[2][0].closes_at > time.monotonic() + 1800  # how long the gateway tries


def test_a_message_that_the_database_cannot_store_keeps_no_other_campaigns(world):
    broken = world.launch(people=2)
    sound = world.launch(name="Lành", text="Moi hop thon: {link}")
    message = world.first(select(Message).where(Message.campaign_id == broken))
    attempt = {"n": 1, "body": "", "segments": 1, "worker": "x", "times_absent": 0, "account_id": 1}
    attempt |= {"state": AttemptState.FAILED, "claimed_at": world.in_hours(-48), "channel": "sms"}
    world.add(Attempt(message_id=message.id, stream_id=broken, phone_id=message.phone_id, **attempt))
    world.send()
    assert world.status(broken)["state"] == "paused"
    assert "IntegrityError" in world.status(broken)["pause_reason"]
    assert world.status(sound)["steps"][0]["messages"] == {"accepted": 2}


def test_a_slow_pace_goes_on_at_its_pace_and_holds_little_ahead(world, starts):
    campaign = world.launch(people=60, pace=2, unaccented=True, text="Moi ong/ba cai Bluezone")
    jobs = 0
    while len(world.sent_to()) < 12:
        assert jobs < 5  # three are enough where the machine does not stand still
        world.send(2.5)
        jobs += 1
        messages = world.status(campaign)["steps"][0]["messages"]
        assert messages["queued"] == 60 - messages.get("accepted", 0)
    assert len(world.sent_to()) <= 8 * jobs
    starts.assert_pace(2)


@both_databases
def test_an_opt_out_meets_what_is_claimed_and_waits_for_its_pace(world):
    campaign = world.launch(people=40, pace=1, unaccented=True, text="Moi ong/ba cai Bluezone")
    with ThreadPoolExecutor() as pool:
        job = pool.submit(world.send, 5)
        while not world.sent_to():
            world.wait(0.05)
        sent_before = len(world.sent_to())
        for i in range(40):
            world.reply(number(i), "TC", gateway_id=f"SM{i}")
        answered = len(world.sent_to())
        job.result()
    world.send_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"])
    bodies = [line for line in world.simulator.ledger() if "cai Bluezone" in line["Body"]]
    # Those that left while the opt-outs came in one by one, and those due until a busy machine sees them.
    assert len(bodies) <= max(sent_before, answered) + 4
    assert world.status(campaign)["steps"][0]["messages"]["skipped"] >= 40 - len(bodies)


@both_databases
def test_a_budget_is_never_exceeded(world):
    world.add_people(30)
    price = world.runtime.settings.price_per_segment_vnd
    campaign = world.launch(budget_vnd=price * 10, unaccented=True, text="Moi ong/ba cai Bluezone")
    # It was seen to be too small before the first message; somebody lets it go on as far as it goes.
    assert world.status(campaign)["state"] == "paused"
    world.act(campaign, CampaignAction.RESUME)
    world.send()
    assert len(world.sent_to()) == 10
    status = world.status(campaign)
    assert status["state"] == "paused"
    assert "ngân sách" in status["pause_reason"]


@both_databases
def test_a_cap_holds_over_all_campaigns(world):
    first = world.sent(people=5, cap_per_day=1)
    second = world.sent(cap_per_day=1, name="Bluezone lần hai", text="Bluezone đã có bản mới: {link}")
    assert len(world.sent_to()) == 5
    assert world.status(first)["steps"][0]["messages"] == {"accepted": 5}
    assert world.status(second)["steps"][0]["messages"] == {"queued": 5}


def test_a_closed_window_sends_nothing(world):
    campaign = world.sent(people=5, window=world.closed_window())
    assert world.sent_to() == []
    assert world.status(campaign)["steps"][0]["messages"] == {"queued": 5}


def test_a_campaign_past_its_deadline_leaves_the_rest_unsent(world):
    campaign = world.launch(people=5, deadline=world.in_hours(1))
    world.sweep(at=world.in_hours(2))
    world.send()
    assert world.sent_to() == []
    assert world.status(campaign)["steps"][0]["messages"] == {"skipped": 5}


def test_wrong_credentials_pause_the_campaign_and_say_so(world):
    world.add_people(3)
    world.simulator.faults(callbacks_off=True)
    campaign = world.launch()
    world.use_token("wrong")
    world.send()
    status = world.status(campaign)
    assert status["state"] == "paused"
    assert "20003" in status["pause_reason"]
    assert world.sent_to() == []
    # Nothing was wrong with the messages: once the token is right, all of them go.
    assert status["steps"][0]["messages"] == {"queued": 3}
    world.use_token(world.simulator.auth_token)
    world.act(campaign, CampaignAction.RESUME)
    world.send_until(lambda: len(world.sent_to()) == 3)


def test_the_switch_stops_all_sending_and_lets_it_go_on(world):
    campaign = world.launch(people=30)
    approver = world.user(APPROVER)
    stop_all_sending(world.runtime, user=approver, now=world.now)
    world.send()
    assert world.sent_to() == []
    resume_all_sending(world.runtime, user=approver, now=world.now)
    world.send()
    world.sweep()
    assert len(world.sent_to()) == 30
    assert world.status(campaign)["state"] == "completed"


def test_a_fault_in_one_campaign_s_messages_pauses_it_and_keeps_no_other_campaign_s(world, monkeypatch):
    world.add_people(1)
    broken, sound = world.launch(name="Hỏng", text="Lỗi {link}"), world.launch(name="Lành")
    render = Renderer.render

    def fail(self, row, values):
        if row.campaign_id == broken:
            raise ValueError("Y Hlan")
        return render(self, row, values)

    monkeypatch.setattr(Renderer, "render", fail)
    world.send(5)
    status = world.status(broken)
    assert (status["state"], status["steps"][0]["messages"]) == ("paused", {"queued": 1})
    assert "ValueError" in status["pause_reason"]
    assert len(world.sent_to()) == 1, sound
    monkeypatch.setattr(Renderer, "render", render)
    world.act(broken, CampaignAction.RESUME)
    world.send_until(lambda: len(world.sent_to()) == 2)
