"""A campaign from draft to end: which press does what, when, and what follows."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from campaigns import sweep
from campaigns.lifecycle import STATE_NAMES
from campaigns.models.campaigns import Campaign, Step
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CAMPAIGN_MOVES, CampaignAction, CampaignState
from campaigns.sweep import steps_due
from outreach.core.sentences import word_error
from outreach.models.accounts import User
from outreach.rules.errors import WrongState
from outreach.rules.quiet_days import NO_DAYS
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, number

A, C = CampaignAction, CampaignState


def state(world, campaign_id):
    return world.get_one(Campaign, campaign_id).state


def put(world, campaign_id, **values):
    world.execute(update(Campaign).where(Campaign.id == campaign_id).values(**values))


# -- moves


def test_a_press_in_the_wrong_state_says_where_the_campaign_is(world):
    campaign = world.draft()
    pressed = [A.SUBMIT, A.RETURN, A.APPROVE, A.LAUNCH, A.PAUSE, A.RESUME, A.CANCEL]
    for starts_at in (None, world.in_hours(5)):
        for action in pressed:
            for before in set(C) - CAMPAIGN_MOVES[action][0]:
                put(world, campaign, state=before, starts_at=starts_at)
                with refuses(WrongState, says=word_error(STATE_NAMES[before])):
                    world.act(campaign, action, APPROVER)
                assert state(world, campaign) is before


def test_the_whole_way_is_on_record(world):
    world.add_people(1)
    campaign = world.draft()
    world.act(campaign, A.SUBMIT)
    world.act(campaign, A.RETURN, APPROVER)
    world.begin(campaign)
    world.act(campaign, A.PAUSE)
    world.act(campaign, A.RESUME)
    world.act(campaign, A.CANCEL)
    events = world.audited(subject=f"campaigns:{campaign}")
    names = {user.id: user.email for user in world.all(select(User))}
    kept = world.get_one(Campaign, campaign)
    assert all([kept.submitted_at, kept.approved_at, kept.launched_at, kept.ended_at])
    assert [(event.action, names[event.actor_id or 0]) for event in events] == [
        ("campaign.create", AUTHOR),
        ("campaign.submit", AUTHOR),
        ("campaign.return", APPROVER),
        ("campaign.submit", AUTHOR),
        ("campaign.approve", APPROVER),
        ("campaign.launch", AUTHOR),
        ("campaign.pause", AUTHOR),
        ("campaign.resume", AUTHOR),
        ("campaign.cancel", AUTHOR),
    ]


# -- when


def approved(world, **changes):
    campaign = world.draft(**changes)
    world.act(campaign, A.SUBMIT)
    world.act(campaign, A.APPROVE, APPROVER)
    return campaign


def test_a_campaign_with_an_hour_waits_for_it(world):
    world.add_people(2)
    starts = world.in_hours(5).replace(microsecond=0)
    campaign = approved(world, starts_at=starts)
    world.act(campaign, A.LAUNCH)
    assert state(world, campaign) is C.SCHEDULED
    world.sweep(at=starts - timedelta(seconds=1))
    assert state(world, campaign) is C.SCHEDULED
    assert world.status(campaign)["recipients"] == 0
    world.sweep(at=starts)
    assert state(world, campaign) is C.SENDING
    assert world.status(campaign)["recipients"] == 2
    assert world.get_one(Campaign, campaign).launched_at == starts


def test_a_campaign_whose_hour_has_passed_starts_at_once(world):
    campaign = approved(world, starts_at=world.in_hours(-1))
    world.act(campaign, A.LAUNCH)
    assert state(world, campaign) is C.SENDING


def test_paused_before_its_hour_it_waits_for_it_again(world):
    starts = world.in_hours(5)
    campaign = approved(world, starts_at=starts)
    world.act(campaign, A.LAUNCH)
    world.act(campaign, A.PAUSE)
    world.sweep(at=world.in_hours(6))
    assert state(world, campaign) is C.PAUSED
    world.act(campaign, A.RESUME)
    assert state(world, campaign) is C.SCHEDULED


def test_paused_over_its_hour_it_starts_when_it_is_resumed(world):
    campaign = approved(world, starts_at=world.in_hours(5))
    world.act(campaign, A.LAUNCH)
    world.act(campaign, A.PAUSE)
    put(world, campaign, starts_at=world.in_hours(-1))
    world.act(campaign, A.RESUME)
    assert state(world, campaign) is C.SENDING
    assert world.get_one(Campaign, campaign).launched_at is not None


def test_a_pause_does_not_move_the_day_of_the_launch(world):
    campaign = world.launch(people=1)
    launched = world.in_hours(-30)
    put(world, campaign, launched_at=launched)
    world.act(campaign, A.PAUSE)
    world.act(campaign, A.RESUME)
    assert world.get_one(Campaign, campaign).launched_at == launched


def test_past_its_deadline_a_campaign_is_not_launched(world):
    campaign = approved(world, deadline=world.in_hours(1))
    put(world, campaign, deadline=world.in_hours(-1))
    with pytest.raises(WrongState, match="campaign_deadline_past"):
        world.act(campaign, A.LAUNCH)
    assert state(world, campaign) is C.APPROVED


@both_databases
def test_steps_are_due_by_their_days_and_their_hour(world):
    campaign = approved(
        world,
        step=[
            {"text": "a", "after_days": 1, "at": "08:00"},
            {"text": "b", "after_days": 1, "at": "18:00"},
            {"text": "c", "after_days": 3},
        ],
    )
    launched = datetime(2020, 8, 18, 9, 30, tzinfo=VIETNAM)
    put(world, campaign, state=C.SENDING, launched_at=launched)
    due = {
        "18 09:29": 0,
        "18 09:30": 1,
        "19 07:59": 1,
        "19 08:00": 2,
        "19 17:59": 2,
        "19 18:00": 3,
        "21 09:29": 3,
        "21 09:30": 4,
    }
    with world.runtime.db.read() as session:
        steps = session.scalars(
            select(Step.id).where(Step.campaign_id == campaign).order_by(Step.number)
        ).all()
        opened = []
        for moment, count in due.items():
            local = datetime.strptime(f"2020-08-{moment}", "%Y-%m-%d %H:%M").replace(tzinfo=VIETNAM)
            now = local.astimezone(UTC)
            # One after the other, however late it is: each is due once the one before it is open.
            while following := steps_due(session, now=now, quiet=NO_DAYS):
                opened += following
                session.get_one(Step, following[0]).opened_at = now
                session.flush()
            assert opened == list(steps[:count]), moment
    put(world, campaign, state=C.PAUSED)
    assert world.read(steps_due, quiet=NO_DAYS) == []


# -- the end


def test_an_answer_that_waits_does_not_keep_a_campaign_open(world):
    campaign = world.sent(people=1, cap_per_day=1)
    world.reply(number(0), "4", gateway_id="SM1")
    world.send()
    assert len(world.sent_to()) == 1
    world.sweep()
    assert state(world, campaign) is C.COMPLETED


def test_a_campaign_ends_after_its_last_step(world):
    campaign = world.sent(people=2, step=[{"text": "Nhắc {link}", "after_days": 2}])
    world.sweep()
    assert state(world, campaign) is C.SENDING
    put(world, campaign, launched_at=world.in_hours(-49))
    world.sweep()
    assert state(world, campaign) is C.SENDING
    world.send()
    world.sweep()
    assert state(world, campaign) is C.COMPLETED


@pytest.mark.parametrize("action", [A.PAUSE, A.CANCEL])
def test_what_is_stopped_before_its_audience_is_known_sends_nothing(world, action):
    world.add_people(2)
    campaign = approved(world)
    world.act(campaign, A.LAUNCH)
    world.act(campaign, action)
    world.sweep()
    world.send()
    assert world.sent_to() == []
    assert world.status(campaign)["recipients"] == 0


def test_a_cancelled_campaign_opens_no_further_step(world):
    campaign = world.launch(people=2, step=[{"text": "Nhắc {link}", "after_days": 1}])
    world.act(campaign, A.CANCEL)
    put(world, campaign, launched_at=world.in_hours(-49))
    world.sweep()
    world.send()
    assert world.sent_to() == []
    assert world.status(campaign)["steps"] == [{"step": 1, "messages": {"cancelled": 2}, "skipped": {}}]


@pytest.mark.parametrize("fault", [ValueError("Y Hlan"), IntegrityError("INSERT", {}, ValueError())])
def test_a_fault_in_one_campaign_s_step_stops_no_other_campaign(world, monkeypatch, fault):
    world.add_people(1)
    broken, sound = world.draft(name="Hỏng"), world.draft(name="Lành")
    for each in (broken, sound):
        world.begin(each)
    freeze = sweep.freeze_audience

    def fail(session, campaign, **more):
        if campaign.id == broken:
            raise fault
        freeze(session, campaign, **more)

    monkeypatch.setattr(sweep, "freeze_audience", fail)
    found = sweep.sweep(world.runtime, now=datetime.now(UTC))
    assert found.failed == 1
    assert found.broken == isinstance(fault, ValueError), "the checks see it"
    opened = world.all(select(Step.campaign_id).where(Step.opened_at.is_not(None)))
    assert opened == [sound]
    status = world.status(broken)
    assert (status["state"], type(fault).__name__ in status["pause_reason"]) == ("paused", True)
    monkeypatch.setattr(sweep, "freeze_audience", freeze)
    world.act(broken, A.RESUME)
    world.sweep()
    assert world.status(broken)["steps"][0]["messages"] == {"queued": 1}
