"""What is personal in a campaign goes a set time after its end; figures and hashed suppressions stay."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from sqlalchemy import String, cast, delete, func, literal, select, update

from campaigns.answer_totals import find_differences
from campaigns.cases.conversation import answer_by_sms
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt
from campaigns.models.privacy import ConsentEvent, PersonRequest, RequestKind
from campaigns.models.replies import Case, Reply
from campaigns.privacy.requests import ALL_MESSAGES
from campaigns.privacy.retention import (
    campaigns_due,
    clear_campaign,
    preview_clear,
    preview_expired,
    remove_expired,
)
from campaigns.replies.receive_reply import receive_reply
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.states import CampaignAction
from outreach.accounts import audit
from outreach.accounts.audit import check_audit
from outreach.contacts.phones import find_or_create_phones, remove_number
from outreach.contacts.suppressions import lock_phone
from outreach.models.accounts import AuditEvent, AuditValues
from outreach.models.contacts import (
    Contact,
    ContactList,
    ImportIssue,
    KeptValue,
    ListImport,
    Membership,
    Phone,
    Wish,
    WishNumber,
)
from outreach.rules.gateway import InboundMessage
from outreach.rules.wishes import drive_scope
from tests.support.lists import bring, local
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, LIST, number

DAYS = 90


def end_and_wait(world, campaign, *, days):
    """A campaign that is over, so many days later; its people untouched since."""
    ended = datetime.now(UTC)
    world.execute(update(Campaign).where(Campaign.id == campaign).values(ended_at=ended, state="completed"))
    world.execute(update(Contact).values(updated_at=ended - timedelta(days=1)))
    return ended + timedelta(days=days)


def expected(world, campaign, now):
    return world.read(preview_clear, campaign, days=DAYS, now=now)


def counted(world):
    return {table: world.count(table) for table in (Contact, Phone, Recipient, Attempt, Reply, Wish)}


@both_databases
def test_people_of_two_campaigns_are_foretold_once(world):
    world.add_people(5)
    campaigns = [world.launch(), world.launch()]
    for each in campaigns:
        now = end_and_wait(world, each, days=91)
    first = world.read(preview_clear, campaigns[0], days=DAYS, now=now)
    second = world.read(preview_clear, campaigns[1], days=DAYS, now=now, before=campaigns[:1])
    assert (first["people"], second["people"], second["numbers"]) == (5, 0, 0)


@both_databases
def test_people_and_texts_go_after_ninety_days_and_the_figures_stay(world, simulator):
    campaign = world.sent(people=5)
    world.reply(number(0), "da cai roi", gateway_id="SM1")
    world.reply(number(1), "TC", gateway_id="SM2")
    world.send()
    status = world.status(campaign)
    assert world.read(campaigns_due, days=DAYS, now=end_and_wait(world, campaign, days=89)) == []
    now = end_and_wait(world, campaign, days=91)
    assert world.read(campaigns_due, days=DAYS, now=now) == [campaign]
    before, foreseen = counted(world), expected(world, campaign, now)
    assert counted(world) == before, "to look changes nothing"
    assert (foreseen["people"], foreseen["kept"], foreseen["numbers"], foreseen["replies"]) == (5, 0, 5, 2)

    done = clear_campaign(world.runtime, campaign, days=DAYS, now=now)

    assert done == foreseen
    after = world.status(campaign)
    assert {**after, "state": ""} == {**status, "state": ""}
    with world.runtime.db.read() as session:
        assert counted(world) == {**before, Contact: 0}
        assert all(e164.startswith("#") for e164 in session.scalars(select(Phone.e164)))
        bodies = session.scalars(select(Attempt.body).join(Recipient, Recipient.phone_id == Attempt.phone_id))
        assert not [body for body in bodies if "Thun" in body or "http" in body]
        assert {(row.body, row.sender) for row in session.scalars(select(Reply))} == {("", "")}
        assert set(session.scalars(select(Recipient.contact_id))) == {None}
        kept = session.scalars(select(WishNumber)).one()
        assert (kept.phone_id, len(kept.number_hash)) == (None, 64)
        assert find_differences(session)[1] == []
        entry = session.scalars(select(AuditEvent).where(AuditEvent.action == "campaign.clear")).one()
        assert entry.details["people"] == 5
    assert world.read(campaigns_due, days=DAYS, now=now) == [], "once"


@both_databases
@pytest.mark.parametrize("is_migrated", [False, True])
def test_an_opt_out_from_one_drive_holds_for_a_number_that_returns(world, is_migrated):
    campaign = world.sent(people=3, kind="khao-sat", text="Moi ong/ba tra loi. TC de tu choi")
    world.reply(number(1), "TC đợt này", gateway_id="SM1")
    with world.runtime.db.write() as session:  # a number whose contact went before
        gone = session.merge(world.recipient(number(2), campaign))
        record_page_answer(session, gone.id, "opt_out_drive", now=world.now)
        session.execute(delete(Contact).where(Contact.id == gone.contact_id))
        if is_migrated:  # as the migration leaves numbers that it cannot hash
            number_hash = literal("phone:") + cast(WishNumber.phone_id, String)
            session.execute(update(WishNumber).values(number_hash=number_hash, key_id=""))
    world.send()  # confirmations
    now = end_and_wait(world, campaign, days=91)
    assert clear_campaign(world.runtime, campaign, days=DAYS, now=now)["numbers"] == 2
    remove_expired(world.runtime, days=DAYS, now=now)
    world.do(find_or_create_phones, [number(index) for index in range(3)], now=now)
    assert world.read(numbers_left_alone) == set()
    assert world.read(numbers_left_alone, scopes=[drive_scope(world.drive("khao-sat"))]) == {
        number(1),
        number(2),
    }


def test_who_is_needed_elsewhere_or_was_brought_anew_stays(world):
    first = world.sent(people=4)
    now = end_and_wait(world, first, days=91)
    # A draft on the same list: its people are about to be written to.
    world.now = now - timedelta(days=1)
    draft = world.draft(name="Tiêm chủng", text="Mời ông/bà đi tiêm: {link}")
    assert expected(world, first, now)["people"] == 0
    world.act(draft, CampaignAction.CANCEL)
    world.change(Campaign, draft, ended_at=now - timedelta(days=100))
    kept = world.all(select(Contact.id).order_by(Contact.id))[:2]
    world.change(Contact, kept[0], updated_at=now - timedelta(days=1))
    world.consent(kept[1], ALL_MESSAGES, now=now - timedelta(days=1))
    foreseen = expected(world, first, now)
    assert (foreseen["people"], foreseen["kept"]) == (2, 2)
    clear_campaign(world.runtime, first, days=DAYS, now=now)
    assert world.all(select(Contact.id).order_by(Contact.id)) == kept
    assert world.all(select(ConsentEvent.contact_id)) == kept[1:]
    assert {e164 for e164 in world.all(select(Phone.e164)) if not e164.startswith("#")} == {
        number(0),
        number(1),
    }


def test_a_campaign_with_a_message_on_its_way_waits(world, simulator):
    campaign = world.launch(people=2)
    simulator.faults(rate_cut=1.0)
    world.send()
    assert world.read(campaigns_due, days=DAYS, now=end_and_wait(world, campaign, days=91)) == []


def test_who_was_kept_goes_when_the_reason_is_gone(world):
    campaign = world.sent(people=3)
    ended = end_and_wait(world, campaign, days=0)
    file = {"file_name": "ds.xlsx", "sha256": "0" * 64, "imported_at": ended + timedelta(days=5)}
    again = world.add(ListImport(list_id=world.list_id, **file))
    world.execute(update(Membership).values(last_import_id=again.id))
    for day, left in ((91, 3), (96, 0)):
        now = ended + timedelta(days=day)
        assert world.read(campaigns_due, days=DAYS, now=now) == [campaign]
        done = clear_campaign(world.runtime, campaign, days=DAYS, now=now)
        assert (done["kept"], counted(world)[Contact]) == (left, left)
    assert world.read(campaigns_due, days=DAYS, now=(ended + timedelta(days=98))) == [], "nobody is left"
    with world.runtime.db.read() as session:
        assert session.query(AuditEvent).filter_by(action="campaign.clear").count() == 2


def test_a_draft_or_a_pause_that_was_left_lying_keeps_nobody(world, simulator):
    paused = world.launch(people=2, name="Tiêm chủng", window=world.closed_window())
    world.act(paused, CampaignAction.PAUSE)
    world.draft(name="Chưa gửi")
    campaign = world.sent()
    now = end_and_wait(world, campaign, days=91)
    assert expected(world, campaign, now - timedelta(days=1, seconds=5))["people"] == 0
    now += timedelta(minutes=1)
    assert clear_campaign(world.runtime, campaign, days=DAYS, now=now)["people"] == 2
    world.act(paused, CampaignAction.RESUME)
    assert world.status(paused)["steps"][0]["messages"] == {"skipped": 2}, "nothing is left to go to anybody"


@both_databases
def test_columns_of_a_list_go_with_its_last_campaign_also_of_who_stays(world, tmp_path):
    file = tmp_path / "list.csv"
    lines = [f"{name},{local(n)},8h" for n, name in ((11, "A Thun"), (12, "Y Rơ"))]
    file.write_text("\n".join(("Họ và tên,SĐT,{giờ hẹn}", *lines)), encoding="utf-8")
    bring(world, file, LIST)
    fields = {"giờ hẹn": "giờ hành chính"}
    first, second = (
        world.launch(text="Mời đến lúc {giờ hẹn}: {link}", fields=fields, name=each) for each in "AB"
    )
    now = end_and_wait(world, first, days=91)
    world.execute(update(Contact).where(Contact.name == "A Thun").values(updated_at=now))

    def kept():
        rows = select(Contact.name, ContactList.fields).join(KeptValue, KeptValue.contact_id == Contact.id)
        rows = rows.join(ContactList, ContactList.id == KeptValue.list_id)
        return world.rows(rows.order_by(Contact.id))

    assert expected(world, first, now)["values"] == 0
    clear_campaign(world.runtime, first, days=DAYS, now=now)
    assert kept() == [("A Thun", ["giờ hẹn"]), ("Y Rơ", ["giờ hẹn"])], "the second campaign is under way"
    world.change(Campaign, second, state="completed", ended_at=now - timedelta(days=91))
    foreseen = expected(world, second, now)
    assert (foreseen["people"], foreseen["kept"], foreseen["values"]) == (1, 1, 1)
    assert clear_campaign(world.runtime, second, days=DAYS, now=now) == foreseen
    assert kept() == []
    assert world.all(select(Contact.name)) == ["A Thun"]
    assert world.all(select(ContactList.fields)) == [[]]


# What is personal beside the campaigns goes by its own age, and is counted before; hashes of suppressed
# numbers stay.


STRANGER, FRIEND = number(500), number(501)


def foreseen(world, now):
    return world.read(preview_expired, days=DAYS, now=now)


def keep_rows(world, *rows):
    """An import that kept rows for review, each with status, decision and cells; its id."""
    counts = {"review": sum(row[:2] == ("review", None) for row in rows), "rejected": 0}
    file = {"file_name": "ds.xlsx", "sha256": "0" * 64, "imported_at": world.now, "counts": counts}
    brought = world.add(ListImport(list_id=world.list_id, **file)).id
    for n, (status, decision, cells) in enumerate(rows, start=1):
        kept = {"status": status, "decision": decision, "cells": cells}
        world.add(ImportIssue(import_id=brought, row=n, reason="no_number", key=f"k{n}", **kept))
    return brought


def test_rows_kept_for_review_go_whatever_was_decided_and_what_a_list_in_use_remembers_stays(world):
    said = {"name": "A Thun", "phone": number(3)}
    brought = keep_rows(
        world,
        ("reject", None, said),
        ("review", None, said),
        ("question", None, said),
        ("review", "superseded", said),
        ("review", "taken", said),
    )
    now = world.now + timedelta(days=DAYS, minutes=1)
    assert foreseen(world, now - timedelta(days=1))["rows"] == 0
    world.now = now
    world.draft()  # uses the list
    assert foreseen(world, now) == Counter(rows=4)
    assert remove_expired(world.runtime, days=DAYS, now=now) == Counter(rows=4)
    kept = select(ImportIssue.cells, ImportIssue.key, ImportIssue.decision).order_by(ImportIssue.row)
    assert world.rows(kept) == [
        ({}, "", "dropped"),
        ({}, "", "dropped"),
        ({}, "", "answered"),
        ({}, "", "dropped"),
        (said, "k5", "taken"),
    ]
    assert world.get_one(ListImport, brought).counts == {"review": 0, "rejected": 1}
    assert foreseen(world, now) == Counter()
    assert foreseen(world, now + timedelta(days=DAYS, minutes=1))["rows"] == 1, (
        "nobody has touched the draft since"
    )


@both_databases
def test_what_strangers_wrote_goes_and_their_opt_out_holds(world, simulator):
    world.reply(STRANGER, "TC", gateway_id="SM1")
    world.reply(FRIEND, "xin chào, tôi là Thun", gateway_id="SM2")
    world.send()
    [case] = world.cases()
    world.change(Case, case.id, note="Gọi cho bà Thun")
    hashed = world.one(select(WishNumber.number_hash))
    now = datetime.now(UTC) + timedelta(days=DAYS)
    assert foreseen(world, now - timedelta(days=1)) == Counter()
    now += timedelta(minutes=1)
    said = foreseen(world, now)
    assert (said["replies"], said["cases"], said["numbers"]) == (2, 1, 1)
    assert remove_expired(world.runtime, days=DAYS, now=now) == said
    assert foreseen(world, now) == Counter()
    assert world.cases() == []
    assert {(reply.sender, reply.body) for reply in world.all(select(Reply))} == {("", "")}
    assert world.all(select(Case.note)) == [""]
    assert world.one(select(Phone.e164)).startswith("#")
    kept = world.one(select(WishNumber))
    assert (kept.number_hash, kept.phone_id) == (hashed, None)
    # It meets the number when it returns.
    world.reply(STRANGER, "TC", gateway_id="SM3", now=now)
    assert world.read(numbers_left_alone) == {STRANGER}


def test_who_asked_for_what_of_their_data_goes_and_what_was_corrected(world):
    person = world.add_person("A Thun", number(1))
    user = world.user(APPROVER)
    about = {"contact_id": person, "asked_by": "con gái", "answer": "Đã đưa bản in", "recorded_by": user.id}
    moments = dict.fromkeys(("asked_at", "due_at", "recorded_at"), world.now)
    for done_at in (world.now, None):
        world.add(PersonRequest(kind=RequestKind.EXPORT, **about, **moments, done_at=done_at))
    for subject in (f"contacts:{person}", f"users:{user.id}"):
        change = {"name": ("A Thun", "A Thuần")}
        world.do(audit.record_change, "contact.correct", subject, user, world.now, change)
    now = world.now + timedelta(days=DAYS, minutes=1)
    assert foreseen(world, now - timedelta(days=1)) == Counter()
    assert foreseen(world, now) == Counter(requests=1, entries=1)
    done = remove_expired(world.runtime, days=DAYS, now=now)
    assert done == Counter(requests=1, entries=1)
    asked = select(PersonRequest.asked_by, PersonRequest.answer).order_by(PersonRequest.id)
    assert world.rows(asked) == [("", ""), ("con gái", "Đã đưa bản in")]
    assert world.scalar(select(func.count()).where(AuditValues.changes.is_not(None))) == 1
    assert world.read(check_audit).broken is None


def test_an_answer_that_waits_for_the_hours_leaves_with_its_text_before_its_person_goes(world):
    campaign = world.sent(people=1)
    now = end_and_wait(world, campaign, days=0)
    world.change(Campaign, campaign, ended_at=now - timedelta(days=91))
    world.execute(update(Contact).values(updated_at=now - timedelta(days=92)))
    world.do(record_page_answer, world.recipient(number(0), campaign).id, "need_help", now=now)
    [case] = world.cases()
    world.do(answer_by_sms, case.id, "Can bo se den nha ong ba.", is_done=True)
    clear_campaign(world.runtime, campaign, days=DAYS, now=now)
    world.send()
    assert world.simulator.ledger()[-1]["Body"] == "Can bo se den nha ong ba."
    assert clear_campaign(world.runtime, campaign, days=DAYS, now=now)["people"] == 1


def test_help_that_is_asked_for_after_a_campaign_waits_for_an_officer_however_short_its_data_are_kept(world):
    campaign = world.sent(people=2)
    now = end_and_wait(world, campaign, days=2)
    world.reply(number(0), "Cứu với, nước ngập nhà tôi", gateway_id="SM1")
    recipient = world.recipient(number(1), campaign)
    world.do(record_page_answer, recipient.id, "need_help", now=now - timedelta(hours=1))
    world.execute(update(Contact).values(updated_at=now - timedelta(days=9)))
    for days, waiting in ((0, 2), (1.1, 1), (2.2, 1)):
        later = now + timedelta(days=days)
        assert world.read(campaigns_due, days=1, now=later) == [campaign]
        clear_campaign(world.runtime, campaign, days=1, now=later)
        cases = world.cases()
        assert len(cases) == waiting
        assert world.get_one(Reply, cases[0].reply_id).body.startswith("Cứu")
        assert world.get_one(Phone, cases[0].phone_id).e164 == number(0)
    world.execute(update(Case).values(done_at=now))
    clear_campaign(world.runtime, campaign, days=1, now=now + timedelta(days=9))
    assert (world.all(select(Contact.id)), world.all(select(Reply.body))) == ([], [""])


@pytest.mark.parametrize("words", ["cuu toi voi, nha toi dang chay", "khi nao thi co nuoc lai?"])
def test_whose_number_asks_long_after_its_last_campaign_stays_until_that_is_settled(world, words):
    campaign = world.sent(people=2)
    now = end_and_wait(world, campaign, days=DAYS + 1)
    world.reply(number(0), words, gateway_id="SM1", now=now - timedelta(days=1))
    foreseen = expected(world, campaign, now)
    assert clear_campaign(world.runtime, campaign, days=DAYS, now=now) == foreseen
    (case,) = world.cases()
    assert (case.recipient_id, world.get_one(Phone, case.phone_id).e164) == (None, number(0))
    world.execute(update(Case).values(done_at=now))
    clear_campaign(world.runtime, campaign, days=DAYS, now=now + timedelta(days=DAYS))
    assert world.all(select(Contact.id)) == []


@both_databases
def test_who_cries_while_they_are_being_removed_stays(world):
    campaign = world.sent(people=2)
    now = end_and_wait(world, campaign, days=DAYS + 1)
    phone, holds = world.phone(number(0)), Event()

    def cry():
        with world.runtime.db.write() as session:
            lock_phone(session, phone)
            holds.set()
            time.sleep(0.5)
            said = InboundMessage("SM1", number(0), "MTTQ", "cuu toi voi, nha toi dang chay", False, False)
            receive_reply(session, said, now=now)

    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(cry)
        holds.wait(10)
        clear_campaign(world.runtime, campaign, days=DAYS, now=now)
        said.result()
    assert world.all(select(Contact.name)) == ["A Thun 0"]
    assert world.get_one(Phone, phone).e164 == number(0)


def test_a_cry_from_a_number_that_was_taken_from_somebody_waits_though_they_go(world):
    campaign = world.sent(people=1)
    person, phone = world.one(select(Contact.id)), world.phone(number(0))
    world.do(remove_number, person, phone, note="số của người khác")
    now = end_and_wait(world, campaign, days=DAYS + 1)
    world.reply(number(0), "cuu toi voi, nha toi dang chay", gateway_id="SM1", now=now)
    foreseen = expected(world, campaign, now)
    assert clear_campaign(world.runtime, campaign, days=DAYS, now=now) == foreseen
    assert (foreseen["people"], foreseen["numbers"]) == (1, 0)
    assert world.get_one(Phone, phone).e164 == number(0)


def test_a_cry_from_nobodys_number_waits_for_an_officer(world):
    world.reply(number(9), "Cứu với, nước ngập nhà tôi", gateway_id="SM1", now=world.now)
    (case,) = world.cases()
    assert case.urgent_at
    later = world.now + timedelta(days=DAYS + 1)
    assert remove_expired(world.runtime, days=DAYS, now=later) == Counter()
    assert [each.id for each in world.cases()] == [case.id]
    world.execute(update(Case).values(done_at=later))
    assert remove_expired(world.runtime, days=DAYS, now=later)["replies"] == 1
