"""Answers of a campaign's own by page, by SMS and by officer; and opt-outs from one drive, whose others go on."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from campaigns.analytics.campaign_status import read_status
from campaigns.analytics.progress import read_progress
from campaigns.analytics.reach import read_reach
from campaigns.answer_totals import find_differences
from campaigns.cases.case_list import read_case_rows
from campaigns.cases.conversation import read_conversations
from campaigns.cases.handle_case import label_reply, undo_reply_label
from campaigns.models.campaigns import Campaign, Drive, Recipient
from campaigns.models.messages import Message
from campaigns.models.privacy import PersonRequest, RequestKind
from campaigns.models.replies import Answer, AnswerSource
from campaigns.models.reports import FileKind
from campaigns.privacy.export_data import export_personal_data
from campaigns.reports.documents import build_files, words_of
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.reach import ReachMeasure
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.compose import compose
from campaigns.rules.reports.document import Table
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import MessageKind, MessageState
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import enter_results
from outreach.contacts.contact import Closing, lift_suppression
from outreach.contacts.phones import remove_number
from outreach.models.contacts import Contact, Membership
from outreach.rules.errors import BadInput
from outreach.rules.wishes import drive_scope
from tests.support.admin_client import signed_in
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, AUTHOR, number

SURVEY = "Moi ong/ba tra loi. TC de tu choi"


def own(world, campaign):
    return {each["text"]: each["people"] for each in world.status(campaign)["own_answers"]}


def state_of(world, campaign, index):
    recipient = world.recipient(number(index), campaign)
    return recipient.answer, recipient.own_answer


def test_a_number_of_the_menu_is_no_own_answer(world):
    campaign = world.sent(people=2)
    world.press(campaign, "installed")
    world.reply(number(0), "1", gateway_id="SM1")
    world.reply(number(1), "3", gateway_id="SM2")
    assert state_of(world, campaign, 1) == (Label.NO_SMARTPHONE, None)
    kept = world.get_one(Campaign, campaign)
    assert not world.read(read_reach, kept, seen=None).total.by.get(ReachMeasure.OWN_ANSWERS)
    assert len(world.all(select(Answer))) == 2, "who presses it and texts it has said it once"


def test_who_asked_for_help_and_is_recorded_as_done_has_answered_once(world, client):
    campaign = world.sent(people=3, kind="hen-tiem", text=SURVEY, content={"asked": "tiêm vắc xin lúc 7:00"})
    world.press(campaign, "own-4")
    world.press(campaign, "own-1", index=1)
    for index in (0, 1):
        world.hear(world.recipient(number(index), campaign), "installed")
    page = signed_in(client, AUTHOR).get(f"/admin/campaigns/{campaign}/").text
    assert "trong 3 người" in page
    assert "trong 5 người" not in page


@both_databases
def test_own_answers_are_counted_alike_whatever_way_they_come(world):
    campaign = world.sent(people=6, kind="khao-sat", text=SURVEY)
    world.simulator.reset()
    world.press(campaign, "own-1")
    world.press(campaign, "own-2")  # the same person, who has thought again
    world.reply(number(1), "dạ số 2 ạ", gateway_id="SM1")
    world.reply(number(2), "HÀI LÒNG", gateway_id="SM2")
    world.reply(number(3), "rồi", gateway_id="SM3")  # which of them is not said
    world.reply(number(4), "4", gateway_id="SM4")
    with pytest.raises(BadInput):
        world.press(campaign, "own-5", index=5)
    assert [state_of(world, campaign, index) for index in range(5)] == [
        (Label.INSTALLED, 2),
        (Label.INSTALLED, 2),
        (Label.INSTALLED, 1),
        (None, None),
        (Label.NEED_HELP, 4),
    ]
    case = next(each for each in world.cases() if each.reply_id and each.recipient_id and each.kind != "help")
    who = {"user": world.user(AUTHOR), "now": world.now}
    label_reply(world.runtime, case.id, "own-3", **who)
    assert state_of(world, campaign, 3) == (Label.INSTALLED, 3)
    undo_reply_label(world.runtime, case.id, **who)
    assert state_of(world, campaign, 3) == (None, None)
    label_reply(world.runtime, case.id, "own-1", **who)
    counted = {"Hài lòng": 2, "Chưa hài lòng": 2, "Chưa làm thủ tục nào": 0, "Tôi cần gặp cán bộ": 1}
    assert own(world, campaign) == counted
    assert world.status(campaign)["self_reported"]["installed"] == 4
    kept = world.get_one(Campaign, campaign)
    reach = world.read(read_reach, kept, seen=None).total.by[ReachMeasure.OWN_ANSWERS]
    assert dict(reach) == {"1": 2, "2": 2, "4": 1}
    assert world.read(find_differences)[1] == []
    assert world.read(read_status, kept)["answers"] == {"installed": 4, "need_help": 1}
    world.undo(campaign)  # a mistake takes back the last one alone
    assert state_of(world, campaign, 0) == (Label.INSTALLED, 1)
    assert world.read(find_differences)[1] == []


def test_a_reply_that_quotes_our_message_is_read_without_it(world):
    campaign = world.sent(people=1, kind="khao-sat", text=SURVEY)
    world.reply(number(0), f'"{SURVEY}" số 2 nhé', gateway_id="SM1")
    assert state_of(world, campaign, 0) == (Label.INSTALLED, 2)
    assert world.read(numbers_left_alone) == set()


def test_over_a_drive_each_number_counts_once_in_the_report_and_on_the_leaders_page(world):
    first = world.sent(people=4, kind="khao-sat", text=SURVEY)
    world.press(first, "own-1")
    world.press(first, "own-1", index=1)
    world.answers(first, {2: Label.REFUSE}, source=AnswerSource.OFFICER, at=world.now)
    expected = {"Hài lòng": 2, "Chưa hài lòng": 0, "Chưa làm thủ tục nào": 0, "Tôi cần gặp cán bộ": 0}
    assert [reported(world), on_leaders_page(world)] == [expected] * 2
    second = world.sent(kind="khao-sat", name="Lần hai", text=f"{SURVEY} (lan hai)")
    world.press(second, "own-2", index=1)
    expected |= {"Hài lòng": 1, "Chưa hài lòng": 1}
    assert [reported(world), on_leaders_page(world)] == [expected] * 2
    form = world.read(current_template, world.drive("khao-sat"))
    document = compose(world.read(snapshot_of, world), form)
    assert "Câu hỏi gửi người dân: “Ông/bà có hài lòng" in str(document.blocks)
    [table] = [each for each in document.blocks if getattr(each, "name", "") == "Câu trả lời"]
    assert isinstance(table, Table)
    counted = [row[1:3] for row in table.rows]
    assert counted == [*expected.items(), ("Trả lời khác, kể cả từ chối nhận tin", 1), ("Đã trả lời", 3)]
    for kind, content in build_files(document, made_at=world.now).items():
        if kind is not FileKind.PDF:
            assert "Tôi cần gặp cán bộ" in words_of(content, kind)


def test_who_has_no_number_counts_under_the_own_answer_that_they_gave_at_the_door(world):
    about = {"at_the_door": True, "created_at": world.now, "updated_at": world.now}
    person = world.add(Contact(name="Y Rơ", name_key="yro", **about)).id
    world.add(Membership(list_id=world.list_id, contact_id=person))
    campaign = world.sent(people=1, kind="khao-sat", text=SURVEY)
    world.set_all(MessageState.NO_REPORT)
    world.do(enter_results, world.make_sheet(campaign), dict.fromkeys((1, 2), VisitOutcome.NEED_HELP))
    expected = {"Hài lòng": 0, "Chưa hài lòng": 0, "Chưa làm thủ tục nào": 0, "Tôi cần gặp cán bộ": 2}
    assert [reported(world), on_leaders_page(world)] == [expected] * 2


def snapshot_of(session, world):
    drive, now = world.drive("khao-sat"), datetime.now(UTC) + timedelta(seconds=1)
    form = current_template(session, drive)
    form = replace(form, hours=replace(form.hours, freeze="23:59"))
    day = now.astimezone(VIETNAM).date()
    return take_snapshot(session, form, drive=drive, day=day, known_until=now)


def reported(world):
    own = world.read(snapshot_of, world).own
    return {each.text: each.people for each in own.answers} if own else {}


def on_leaders_page(world):
    world.runtime.redis.flushdb()
    drive, given = world.get_one(Drive, world.drive("khao-sat")), {"now": datetime.now(UTC)}
    page = world.read(read_progress, drive, by=AUTHOR, runtime=world.runtime, **given)
    return {each.text: each.people for each in page.own_answers} if page else {}


def test_a_persons_export_has_the_words_of_their_answers(world):
    first = world.sent(people=1, kind="khao-sat", text=SURVEY)
    world.reply(number(0), "số 2", gateway_id="SM1")
    assert exported(world) == ("Chưa hài lòng", {"Chưa hài lòng"})
    world.press(first, "opt_out_drive")
    words = "Không nhận tin về việc này nữa"
    assert exported(world) == (words, {"Chưa hài lòng", words})


def exported(world):
    """What a person's data say of their answer in the campaign, and of all their answers."""
    about = {"contact_id": world.first(select(Contact.id)), "recorded_by": world.user(APPROVER).id}
    about |= dict.fromkeys(("asked_at", "due_at", "recorded_at"), world.now)
    request = world.add(PersonRequest(kind=RequestKind.EXPORT, asked_by="", answer="", **about)).id
    parts = {part.title: part.rows for part in world.do(export_personal_data, request, by=APPROVER)}
    return parts["Chiến dịch"][-1][2], {line[3] for line in parts["Câu trả lời"]}


def test_an_own_answer_is_acknowledged_in_its_words_and_shown_on_the_page(world):
    world.add_people(1)
    answers = {"1": {"reply": "Da ghi: hai long.", "thanks": "Mừng vì ông/bà hài lòng."}}
    campaign = world.sent(kind="khao-sat", text=SURVEY, content={"own_answers": answers})
    world.reply(number(0), "1", gateway_id="SM1")
    texts = world.all(select(Message.text).where(Message.kind == MessageKind.ACKNOWLEDGEMENT))
    assert texts == ["Da ghi: hai long."]
    page = page_of(world, campaign)
    assert "Ông/bà đã trả lời: Hài lòng" in page
    assert "Mừng vì ông/bà hài lòng." in page
    assert re.findall(r'name="answer" value="(own-\d)"', page) == ["own-2", "own-3", "own-4"]


def page_of(world, campaign):
    client = world.app().test_client()
    return client.get(f"/{world.link(campaign)}").text


def test_an_opt_out_from_each_drive_and_from_everything_is_confirmed_once(world):
    survey = world.launch(people=1, kind="khao-sat", text=SURVEY)
    papers = world.sent(kind="giay-to", name="Việc khác", text="Moi ong/ba lam giay to. TC de tu choi")

    def confirmed():
        query = select(Message.text).where(Message.kind == MessageKind.CONFIRMATION).order_by(Message.id)
        return ["ve viec nay" in text for text in world.all(query)]

    for campaign in (survey, papers, survey):
        world.press(campaign, "opt_out_drive")
    assert confirmed() == [True, True]
    world.press(survey, "opt_out")
    world.press(papers, "opt_out")
    world.press(papers, "opt_out_drive")
    assert confirmed() == [True, True, False]


def test_an_opt_out_that_was_taken_back_confirms_no_later_one_from_the_drive(world):
    campaign = world.sent(people=1, kind="khao-sat", text=SURVEY)
    world.press(campaign, "opt_out")
    world.send()
    world.undo(campaign)
    for _ in range(2):
        world.press(campaign, "opt_out_drive")
    sent = select(Message.text).where(Message.kind == MessageKind.CONFIRMATION).order_by(Message.id)
    texts = world.all(sent)
    assert ["ve viec nay" in text for text in texts if text] == [False, True]


@both_databases
def test_who_opts_out_of_one_drive_is_still_written_to_by_another(world):
    first = world.sent(people=3, kind="khao-sat", text=SURVEY)
    world.simulator.reset()
    world.press(first, "opt_out_drive")
    world.reply(number(1), "TC đợt này", gateway_id="SM1")
    assert world.read(numbers_left_alone) == set()
    texts = world.all(select(Message.text).where(Message.kind == MessageKind.CONFIRMATION))
    assert len(texts) == 2
    assert all("khong gui tin ve viec nay" in text and "TC" in text for text in texts)
    # Another campaign of the drive does not write to them, one of another drive does.
    again = world.launch(kind="khao-sat", name="Lần hai", text="Nho ong/ba tra loi. TC de tu choi")
    other = world.launch(kind="giay-to", name="Việc khác", text="Moi ong/ba lam giay to. TC de tu choi")
    assert [excluded(world, again), excluded(world, other)] == [2, 0]
    assert heading(world) == "opt_out_drive"
    page = page_of(world, first)
    assert "không còn tin nào về việc này" in page
    assert 'value="opt_out"' in page, "everything can still be refused"
    # Everything is more than the drive; taken back, what was said before it holds, until that is taken back, too.
    world.press(first, "opt_out")
    assert state_of(world, first, 0) == (Label.OPT_OUT, None)
    assert heading(world) == Label.OPT_OUT
    assert world.read(numbers_left_alone) == {number(0)}
    world.undo(first)
    assert world.read(numbers_left_alone) == set()
    assert heading(world) == "opt_out_drive"
    world.undo(first)
    drive = drive_scope(world.drive("khao-sat"))
    assert world.read(numbers_left_alone, scopes=[drive]) == {number(1)}
    assert not world.all(select(Answer.id).where(Answer.undone_at.is_(None), Answer.phone_id == 1))


def test_a_case_says_that_the_opt_out_after_it_was_from_the_drive_alone(world):
    first = world.launch(people=1, kind="khao-sat", text=SURVEY)
    world.press(first, "need_help")
    world.now += timedelta(seconds=1)
    world.press(first, "opt_out_drive")
    [case] = world.cases()
    [row] = world.read(read_case_rows, [case.id], {})
    assert row.said_since == "opt_out_drive"


def heading(world):
    """The answer beside the campaign's name on the first person's page."""
    contact = world.first(select(Contact.id).order_by(Contact.id)) or 0
    return world.read(read_conversations, contact)[-1].answer


def excluded(world, campaign):
    query = select(Recipient.id).where(Recipient.campaign_id == campaign, Recipient.exclusion == "opted_out")
    return len(world.all(query))


@both_databases
def test_an_opt_out_from_the_drive_stops_what_waits_of_the_drive_alone(world):
    """It comes after the audience was frozen: the claim finds it, on whichever of the person's phones."""
    world.add_person("Y Mot", number(0), number(7))
    world.add_person("Y Hai", number(1))
    first = world.launch(kind="khao-sat", text=SURVEY)
    other = world.launch(kind="giay-to", name="Việc khác", text="Moi ong/ba lam giay to. TC de tu choi")
    world.press(first, "opt_out_drive")
    world.send()
    rows = world.rows(
        select(Message.campaign_id, Message.state).where(Message.step_id.is_not(None)).order_by(Message.id)
    )
    states = {id_: sorted(state for each, state in rows if each == id_) for id_ in (first, other)}
    assert MessageState.SKIPPED in states[first]
    assert len([state for state in states[first] if state is not MessageState.SKIPPED]) == 1
    assert MessageState.SKIPPED not in states[other]


@both_databases
def test_an_opt_out_from_the_drive_follows_the_person_to_another_number(world):
    person = world.add_person("Y Mot", number(0))
    world.add_person("Y Hai", number(1))
    first = world.launch(kind="khao-sat", text=SURVEY)
    world.press(first, "opt_out_drive")
    world.do(remove_number, person, world.phone(number(0)), note="đổi số", right_number=number(7))
    again = world.launch(kind="khao-sat", name="Lần hai", text="Nho ong/ba tra loi. TC de tu choi")
    assert excluded(world, again) == 1
    other = world.launch(kind="giay-to", name="Việc khác", text="Moi ong/ba lam giay to. TC de tu choi")
    assert excluded(world, other) == 0
    world.send()
    assert sorted(world.sent_to()).count(number(7)) == 1


def test_who_wants_no_more_messages_afterwards_is_recorded_as_done_on_every_page(world, author):
    campaign = world.sent(people=3, kind="hen-tiem", text="Moi ong/ba di tiem. TC de tu choi")
    for word in ("own-1", "own-3", "opt_out"):
        world.press(campaign, word)
    assert "đã tiêm 1" in author.get("/admin/campaigns/").text
    assert "Ghi nhận đã tiêm: 1 người" in author.get("/admin/progress/").text


def test_an_own_answer_that_opts_out_can_be_given_again_once_an_officer_has_lifted_it(world, client):
    own_answers = {"3": {"text": "Đừng nhắn nữa", "means": "opt_out"}}
    campaign = world.sent(people=1, kind="khao-sat", text=SURVEY, content={"own_answers": own_answers})
    button = 'name="answer" value="own-3"'
    assert button in client.get(f"/{world.link(campaign)}").text
    world.press(campaign, "own-3")
    assert button not in client.get(f"/{world.link(campaign)}").text
    phone, person = world.phone(number(0)), world.one(select(Contact.id))
    world.do(lift_suppression, person, phone, reason=Closing.OPT_OUT, note="Đã gọi lại", by=APPROVER)
    assert button in client.get(f"/{world.link(campaign)}").text
