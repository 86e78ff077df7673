"""Answers about health lead to nobody after a time of their own; figures, people and opt-outs stay."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from campaigns.answer_totals import find_differences
from campaigns.cases.conversation import answer_by_sms
from campaigns.cases.merge_people import merge_people, unmerge_people
from campaigns.models.activities import VisitLine
from campaigns.models.campaigns import Campaign, FormerRecipient, Recipient
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Answer, Case, InstallReport, Reply
from campaigns.privacy import health_answers
from campaigns.privacy.export_data import export_personal_data
from campaigns.privacy.health_answers import count_people, drives_due, separate_health_answers
from campaigns.privacy.retention import clear_campaign
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.links import LinkCipher
from campaigns.rules.replies.labels import Label
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import enter_results
from outreach.models.accounts import AuditEvent
from outreach.models.contacts import Contact, ContactPhone, PersonMerge, Wish
from outreach.rules.keys import Purpose
from outreach.rules.wishes import drive_scope
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, AUTHOR, number

DAYS = 30
KIND = {"kind": "tiem-chung", "text": "Mời ông/bà đi tiêm. Trả lời 1 hoặc 2.", "window": ["00:00", "24:00"]}
LED = (Recipient, Message, Attempt, Reply, Answer, InstallReport, Case)


def end(world, *campaigns, days_ago):
    now = datetime.now(UTC)
    world.execute(
        update(Campaign)
        .where(Campaign.id.in_(campaigns))
        .values(ended_at=now - timedelta(days=days_ago), state="completed")
    )
    world.execute(update(Contact).values(updated_at=now - timedelta(days=days_ago + 1)))
    world.execute(update(Case).values(opened_at=now - timedelta(days=days_ago + 1)))
    world.execute(update(Outbox).values(not_before=now - timedelta(days=days_ago + 1)))
    return now


def leads(world):
    """In how many rows a campaign's record still leads to a number that somebody has."""
    held = select(ContactPhone.phone_id)
    return sum(
        world.scalar(select(func.count()).select_from(table).where(table.phone_id.in_(held))) or 0
        for table in LED
    )


def due(world, now):
    return world.read(drives_due, days=DAYS, now=now)


@both_databases
def test_after_its_time_an_answer_about_health_leads_to_nobody(world):
    first = world.sent(people=4, **KIND)
    for n, body in enumerate(("da tiem roi", "chua tiem", "TC", "toi bi di ung co tiem duoc khong?")):
        world.reply(number(n), body, gateway_id=f"SM{n}")
    second = world.sent(**KIND, name="Mũi 2")
    before = [world.status(each) for each in (first, second)]
    now = end(world, first, days_ago=31)
    assert due(world, now) == [], "the drive goes on"
    now = end(world, first, second, days_ago=29)
    assert due(world, now) == []
    now = end(world, first, second, days_ago=31)
    assert world.read(count_people, days=DAYS, now=now) == 4
    numbers = world.one(
        select(func.count(Recipient.phone_id.distinct())).where(Recipient.campaign_id.in_([first, second]))
    )

    assert separate_health_answers(world.runtime.db, days=DAYS, now=now) == 4

    assert leads(world) == 0
    assert [{**world.status(each), "state": ""} for each in (first, second)] == [
        {**each, "state": ""} for each in before
    ]
    assert set(world.all(select(Recipient.contact_id))) == {None}
    assert {(row.body, row.sender) for row in world.all(select(Reply))} == {("", "")}
    assert world.read(find_differences)[1] == []
    assert world.scalar(select(func.count(Recipient.phone_id.distinct()))) == numbers, (
        "over a drive a number counts once, as before"
    )
    assert world.count(Contact) == 4
    assert world.read(numbers_left_alone) == {number(2)}, "an opt-out is not about health"
    assert world.all(select(Wish.evidence)) == [""]
    entry = world.one(select(AuditEvent).where(AuditEvent.action == "retention.separate_health"))
    assert entry.details["people"] == 4
    assert due(world, now) == [], "once"
    assert separate_health_answers(world.runtime.db, days=DAYS, now=now) == 0


@both_databases
def test_a_merge_of_people_leads_to_no_answer_either(world):
    campaign = world.sent(people=2, **KIND)
    world.reply(number(0), "da tiem roi", gateway_id="SM1")
    kept, other = world.all(select(Contact.id).order_by(Contact.id))
    merge = world.do(merge_people, kept, other).id
    before = world.status(campaign)
    separate_health_answers(world.runtime.db, days=DAYS, now=end(world, campaign, days_ago=31))
    held = world.get_one(PersonMerge, merge).data
    assert (held["recipients"], held["moved"]["recipients"]) == ([], [])
    assert merge not in world.all(select(Recipient.merge_id))
    assert {**world.status(campaign), "state": ""} == {**before, "state": ""}
    world.do(unmerge_people, merge)
    assert leads(world) == 0


def test_a_wish_said_at_the_door_leads_to_no_answer_and_the_campaign_is_still_told(world):
    person = world.add_person("Y Blốc")
    campaign = world.sent(people=1, **KIND)
    sheet = world.make_sheet(campaign)
    lines = world.all(select(VisitLine.n).where(VisitLine.contact_id == person))
    found = dict.fromkeys(lines, VisitOutcome.OPT_OUT)
    enter_results(world.runtime, sheet, found, user=world.user(AUTHOR), now=world.now)
    assert world.one(select(Wish.evidence)).startswith("round_results:")
    separate_health_answers(world.runtime.db, days=DAYS, now=end(world, campaign, days_ago=31))
    assert world.one(select(Wish.evidence)) == ""
    asked = world.ask(person, RequestKind.EXPORT)
    parts = export_personal_data(world.runtime, asked, user=world.user(APPROVER), now=world.now)
    assert [row[0] for part in parts if part.title == "Chiến dịch" for row in part.rows] == [
        world.get_one(Campaign, campaign).name
    ]


def test_an_opt_out_from_the_drive_alone_stays_with_the_number(world):
    campaign = world.sent(people=1, **KIND)
    recipient = world.recipient(number(0), campaign)
    phone_id, drive = recipient.phone_id or 0, world.drive("tiem-chung")
    world.do(world.answer, recipient, Label.OPT_OUT, now=world.now, drive_only=True)
    separate_health_answers(world.runtime.db, days=DAYS, now=end(world, campaign, days_ago=31))
    assert world.read(numbers_left_alone, scopes=[drive_scope(drive)]) == {number(0)}
    assert not world.all(select(Answer.id).where(Answer.phone_id == phone_id))
    assert world.all(select(Wish.evidence)) == [""]


def test_people_whose_answers_went_early_are_removed_with_the_others(world):
    campaign = world.sent(people=2, **KIND)
    world.reply(number(0), "da tiem roi", gateway_id="SM1")
    now = end(world, campaign, days_ago=91)
    separate_health_answers(world.runtime.db, days=DAYS, now=now)
    assert world.count(FormerRecipient) == 2
    assert clear_campaign(world.runtime, campaign, days=90, now=now)["people"] == 2
    assert world.count(Contact) == 0
    assert world.count(FormerRecipient) == 0


def test_other_campaigns_keep_who_answered_what(world):
    campaign = world.sent(people=1, window=["00:00", "24:00"])
    world.reply(number(0), "da cai roi", gateway_id="SM1")
    now = end(world, campaign, days_ago=89)
    assert separate_health_answers(world.runtime.db, days=DAYS, now=now) == 0
    assert leads(world) > 0


def test_an_interrupted_run_goes_on_though_two_people_were_merged_meanwhile(world, monkeypatch):
    campaign = world.sent(people=2, **KIND)
    now = end(world, campaign, days_ago=31)
    slices = iter([health_answers._replace_numbers])
    monkeypatch.setattr(health_answers, "SLICE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(health_answers, "_replace_numbers", lambda *args, **given: next(slices)(*args, **given))
        with pytest.raises(StopIteration):
            separate_health_answers(world.runtime.db, days=DAYS, now=now)
    done = world.one(select(FormerRecipient.contact_id))
    world.do(merge_people, done, world.one(select(Contact.id).where(Contact.id != done)))
    separate_health_answers(world.runtime.db, days=DAYS, now=now)
    assert leads(world) == 0


def test_an_old_link_takes_no_opt_out_that_would_not_hold(world, client):
    campaign = world.sent(people=1, **KIND)
    cipher = LinkCipher(world.runtime.settings.keys_of(Purpose.LINKS))
    token = cipher.token(world.recipient(number(0), campaign).id)
    assert client.get(f"/{token}").status_code == 200
    separate_health_answers(world.runtime.db, days=DAYS, now=end(world, campaign, days_ago=31))
    answer = client.post(f"/{token}", data={"answer": "opt_out"})
    assert answer.status_code == 404
    assert "/hoi" in answer.text, "where it can be said"
    world.reply(number(0), "TC", gateway_id="SM9")
    assert world.read(numbers_left_alone) == {number(0)}


def test_a_drive_with_somebody_who_has_just_asked_for_help_waits(world):
    campaign = world.sent(people=1, **KIND)
    now = end(world, campaign, days_ago=DAYS + 1)
    world.press(campaign, "need_help")
    assert due(world, now) == []
    world.execute(update(Case).values(done_at=now))
    assert due(world, now) == [world.drive("tiem-chung")]


def test_an_answer_that_waits_to_be_sent_keeps_its_number(world):
    campaign = world.sent(people=1, **KIND)
    now = end(world, campaign, days_ago=31)
    world.do(record_page_answer, world.recipient(number(0), campaign).id, "need_help", now=now)
    world.do(answer_by_sms, world.cases()[0].id, "Can bo se den nha ong ba.", is_done=True)
    assert due(world, now) == []
    world.send()
    assert world.sent_to() == [number(0)] * 2
    assert len(due(world, now)) == 1
