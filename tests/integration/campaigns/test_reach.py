"""How far a campaign reached: counted over all, it says what each person, message and answer says, whatever happened."""

import random
from collections import Counter as Sums
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import String, cast, select, update

from campaigns.analytics import reach, reach_counts
from campaigns.analytics.reach import find_disagreements, read_reach
from campaigns.analytics.reach_counts import Key, campaigns_to_recount, count_reach, store_reach
from campaigns.cases.merge_people import merge_people
from campaigns.models.campaigns import Campaign, PageOpen, Recipient, Step
from campaigns.models.figures import ReachCount, ReachSnapshot
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import InstallReport
from campaigns.planning import audience
from campaigns.rules.reach import FAILED, TAKEN, ReachMeasure
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import AttemptState, CampaignAction, MessageState
from outreach.models.accounts import Area, AreaLevel
from outreach.models.contacts import Contact, ContactList, Membership
from tests.integration.campaigns.test_answer_totals import recipients, says, takes_back
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, number

pytestmark = both_databases

PEOPLE = 12
_CHARGED = {
    AttemptState.ACCEPTED,
    AttemptState.SENT,
    AttemptState.NO_REPORT,
    AttemptState.UNDELIVERED,
    AttemptState.DELIVERED,
}


@pytest.fixture
def populated(world):
    """People of three places and two organisations; one has no phone, one opted out, two share a phone."""
    world.add_people(PEOPLE)
    world.add_person("Y Blốc")
    world.add_person("A Chung", number(0))
    places = {"kind": "Huyện", "level": AreaLevel.DISTRICT}
    world.add(*(Area(code=str(n), name=f"Nơi {n}", **places) for n in range(3)))
    world.execute(update(Contact).values(area_code=cast(Contact.id % 3, String)))
    theirs = world.add_list("Chi hội", owner=world.organisation())
    world.execute(update(Membership).where(Membership.contact_id % 2 == 0).values(list_id=theirs))
    world.reply(number(3), "TC", gateway_id="SMbefore")
    return world


def launch(world):
    return world.launch(
        lists=["MTTQ/Hội viên", "PN/Chi hội"], step=[{"after_days": 1, "at": "09:00", "text": "Nhắc: {link}"}]
    )


def count_one_by_one(world, campaign_id):
    """The same, by looking at each row."""
    sums = Sums()
    owners = {each.id: each.organisation_id for each in world.all(select(ContactList))}
    steps = world.all(
        select(Step).where(Step.campaign_id == campaign_id, Step.opened_at.is_not(None)).order_by(Step.number)
    )
    messages = world.all(select(Message).where(Message.step_id.is_not(None)))
    attempts = world.all(select(Attempt).order_by(Attempt.n))
    reports = {
        each.recipient_id
        for each in world.all(select(InstallReport).where(InstallReport.withdrawn_at.is_(None)))
    }
    reported_at = {each.recipient_id: each.reported_at for each in world.all(select(InstallReport))}
    opened_at = {each.recipient_id: each.at for each in world.all(select(PageOpen))}
    for one in world.all(select(Recipient).where(Recipient.campaign_id == campaign_id)):

        def note(measure, detail="", n=1, step=None, of=one):
            owner = owners[of.list_id] if of.list_id else None
            sums[Key(step, owner, of.area_code, measure, detail)] += n

        def step_of(at):
            latest = [step.id for step in steps if at and step.opened_at and step.opened_at <= at]
            return latest[-1] if latest else steps[0].id

        if one.exclusion:
            note(ReachMeasure.EXCLUDED, one.exclusion.value)
            continue
        note(ReachMeasure.RECIPIENTS)
        mine = [message for message in messages if message.recipient_id == one.id]
        if any(message.state in TAKEN for message in mine):
            note(ReachMeasure.WRITTEN)
            note(ReachMeasure.ARRIVED, n=any(message.state is MessageState.DELIVERED for message in mine))
            note(ReachMeasure.WRITTEN_INSTALLED, n=one.id in reports)
            note(ReachMeasure.WRITTEN_WITHOUT, n=one.answer is Label.NO_SMARTPHONE)
        for message in mine:
            note(ReachMeasure.MESSAGES, message.state.value, step=message.step_id)
            if message.skip_reason:
                note(ReachMeasure.SKIPPED, message.skip_reason.value, step=message.step_id)
            tried = [attempt for attempt in attempts if attempt.message_id == message.id]
            if message.state in FAILED:
                why = next(each.cause for each in reversed(tried) if each.state == message.state.value)
                note(ReachMeasure.CAUSES, why or "other", step=message.step_id)
            for attempt in tried:
                if attempt.state in _CHARGED:
                    note(ReachMeasure.SEGMENTS, n=attempt.segments, step=message.step_id)
        if one.id in opened_at:
            note(ReachMeasure.OPENED, step=step_of(opened_at[one.id]))
        if one.clicked_at:
            note(ReachMeasure.CLICKED, step=step_of(one.clicked_at))
        if one.answer:
            note(ReachMeasure.ANSWERS, one.answer.value, step=step_of(one.answered_at))
        if one.id in reports:
            note(ReachMeasure.INSTALLED, step=step_of(reported_at[one.id]))
    return {key: n for key, n in sums.items() if n}


def check(world, campaign_id):
    counted = world.read(count_reach, campaign_id)
    compared, wrong = world.read(find_disagreements)
    assert counted == count_one_by_one(world, campaign_id)
    assert wrong == []
    assert compared > 5
    return counted


@pytest.mark.parametrize("seed", range(2))
def test_any_history_is_counted_as_each_row_says(populated, seed, monkeypatch):
    monkeypatch.setattr(audience, "SMALL", 0)
    monkeypatch.setattr(reach_counts, "BLOCK", 5)
    monkeypatch.setattr(reach_counts, "_age", lambda _took_s: timedelta(0))
    dice = random.Random(seed)
    campaign_id = launch(populated)
    populated.send()
    kept = {
        key: n
        for key, n in count_one_by_one(populated, campaign_id).items()
        if key.measure in (ReachMeasure.RECIPIENTS, ReachMeasure.EXCLUDED)
    }
    began = datetime.now(UTC)
    for turn in range(24):
        now = began + timedelta(seconds=turn)  # the machine's clock may be set back in between
        match dice.choice(["outcome"] * 6 + ["says"] * 4 + ["takes back", "opens", "clicks", "keep", "keep"]):
            case "outcome":
                _report(populated, dice)
            case "says":
                says(
                    populated,
                    dice.choice(recipients(populated)),
                    dice.choice([Label.INSTALLED, *Label]),
                    days=turn // 8,
                )
            case "takes back":
                takes_back(populated, dice.choice(recipients(populated)), days=turn // 8)
            case "opens":
                who = dice.choice(recipients(populated))
                if not populated.all(select(PageOpen.at).where(PageOpen.recipient_id == who)):
                    populated.add(PageOpen(campaign_id=campaign_id, recipient_id=who, at=now))
            case "clicks":
                populated.change(Recipient, dice.choice(recipients(populated)), clicked_at=now)
            case "keep":
                store_reach(populated.runtime.db, campaign_id, now=now)
                kept = count_one_by_one(populated, campaign_id)
        if turn == 12:
            populated.sweep(at=now + timedelta(days=2))  # the second step
            if dice.random() < 0.5:
                populated.send()
            else:
                populated.act(campaign_id, CampaignAction.CANCEL)
        assert _kept(populated, campaign_id) == kept
    assert len(check(populated, campaign_id)) > 20


def _report(world, dice):
    """The gateway says something of an attempt: late, repeated or new."""
    attempt = dice.choice(world.all(select(Attempt.id).order_by(Attempt.id)))
    state = dice.choice(
        [AttemptState.DELIVERED, AttemptState.DELIVERED, AttemptState.FAILED, AttemptState.UNDELIVERED]
    )
    cause = dice.choice(["unreachable", "busy"]) if state is not AttemptState.DELIVERED else None
    world.report(state, Attempt.id == attempt, cause=cause, segments=dice.choice([None, 2]))


def _kept(world, campaign_id):
    rows = world.all(select(ReachCount).where(ReachCount.campaign_id == campaign_id))
    return {
        Key(row.step_id, row.organisation_id, row.area_code, row.measure, row.detail): row.n for row in rows
    }


def test_what_is_kept_reads_as_what_is_counted_at_once_also_for_those_who_see_a_part(populated, monkeypatch):
    campaign_id = launch(populated)
    populated.send()
    says(populated, recipients(populated)[0], Label.INSTALLED)
    women = populated.organisation_id("PN")

    def counted(seen=None, **at):
        campaign = populated.get_one(Campaign, campaign_id)
        return populated.read(read_reach, campaign, seen=seen, now=populated.now + timedelta(**at))

    at_once = [counted(), counted({women})]
    monkeypatch.setattr(reach, "is_small", lambda _campaign: False)
    first = counted()
    assert (first.counted_at, first.is_due, first.total.recipients) == (None, True, 0)
    store_reach(populated.runtime.db, campaign_id, now=populated.now)
    kept, later = [counted(), counted({women})], counted(minutes=1)
    assert kept == at_once
    assert (kept[0].is_due, later.is_due) == (False, True)
    whole, part = kept
    assert whole.total.recipients + sum(whole.total.excluded.values()) == PEOPLE + 2
    assert 0 < part.total.sent < whole.total.sent == whole.total.written == whole.total.recipients
    assert set(part.organisations) == {women}
    assert sum(each.sent for each in whole.areas.values()) == whole.total.sent


def test_a_worker_keeps_large_campaigns_counted_and_never_puts_older_counts_in_the_place_of_newer(
    populated, monkeypatch
):
    campaign_id, db = launch(populated), populated.runtime.db

    def left(hours):
        with db.read() as session:
            return campaigns_to_recount(session, now=populated.in_hours(hours))

    assert left(0) == []  # small: counted when it is read
    monkeypatch.setattr(audience, "SMALL", 0)
    assert left(0) == [campaign_id]
    assert store_reach(db, campaign_id, now=populated.in_hours(1)) > 0
    assert store_reach(db, campaign_id, now=populated.in_hours(0.5)) == 0
    assert (left(1), left(1.2)) == ([], [campaign_id])
    populated.act(campaign_id, CampaignAction.UNDO)
    with db.read() as session:
        assert session.scalars(select(ReachSnapshot.at)).all() == []
    assert _kept(populated, campaign_id) == {}
    assert store_reach(db, campaign_id, now=populated.in_hours(2)) == 0


def test_after_a_merge_the_reach_counts_one_person_as_the_status_does(world):
    campaign_id = world.sent(people=4)
    world.set_all()
    for n, word in ((0, "installed"), (1, "need_help"), (2, "installed")):
        world.press(campaign_id, "install", index=n)
        world.press(campaign_id, word, index=n)
        recipient = world.recipient(number(n), campaign_id).id
        world.add(PageOpen(recipient_id=recipient, campaign_id=campaign_id, at=world.now))
    merge_people(world.runtime, 1, 2, user=world.user(AUTHOR), now=world.now)
    status = world.status(campaign_id)
    reach = world.read(read_reach, world.get_one(Campaign, campaign_id), seen=None)
    total, (step,) = reach.total, reach.steps.values()
    assert world.read(find_disagreements)[1] == []
    assert status["recipients"] == total.recipients == 3
    assert status["steps"][0]["messages"] == {"delivered": 3} == step.by[ReachMeasure.MESSAGES]
    assert (total.written, total.arrived) == (3, 3)
    assert sum(status["answers"].values()) == total.answered == 2
    assert status["page"] == {"opened": 2, "clicked": 2}
    assert (total.opened, total.clicked) == (2, 2)
    assert total.segments == 4, "what was sent was paid for"
