"""Who asks for help is helped once, whatever the channel, and is not forgotten before somebody has done it."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from campaigns.cases.case_list import CaseFilter, read_case_list
from campaigns.cases.handle_case import (
    Labelled,
    Reopened,
    assign_case,
    close_case,
    label_reply,
    number_to_call,
    reopen_case,
    unassign_case,
    undo_reply_label,
)
from campaigns.models.messages import Message
from campaigns.models.replies import AnswerPlace, Case, OfficerEntry
from campaigns.replies import record_answer as recording
from campaigns.replies.receive_reply import receive_reply
from campaigns.replies.record_answer import confirm_overdue
from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import Understanding
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import MessageKind, MessageState
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import enter_results
from campaigns.visits.sheets import read_lines
from outreach.models.accounts import AuditEvent, Role
from outreach.models.contacts import Contact, Phone, Suppression
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState
from outreach.rules.gateway import InboundMessage
from tests.integration.campaigns.test_concurrent_actions import at_once
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import AUTHOR, number

COLLEAGUE = "dongnghiep@loa.example"


@pytest.fixture
def campaign(world):
    campaign = world.sent(people=4, window=["00:00", "24:00"])
    world.officer(COLLEAGUE, Role.STAFF)
    return campaign


def test_what_somebody_says_whose_number_counts_for_another_is_no_answer_of_that_number(world):
    """It counted as the number's report; where the number had one already, the case could not be closed."""
    world.add_person("Y Một", number(0))
    other = world.add_person("Y Hai", number(0))
    campaign = world.sent()
    world.set_all(MessageState.FAILED)
    sheet = world.make_sheet(campaign)
    line = next(each.n for each in world.read(read_lines, sheet, by=AUTHOR) if each.contact_id == other)
    world.do(enter_results, sheet, {line: VisitOutcome.CALL})
    [case] = world.cases()
    do(world, close_case, case.id, CaseOutcome.CALLED, result="installed")
    assert world.status(campaign)["self_reported"]["installed"] == 0
    world.press(campaign, "installed")
    assert world.status(campaign)["self_reported"]["installed"] == 1


def do(world, operation, case_id, *args, email=AUTHOR, **more):
    """One officer's action in its own transaction."""
    more.setdefault("now", world.now)
    if operation is close_case:
        more = {"note": "", "result": None, **more}
    return world.do(operation, case_id, *args, by=email, **more)


def case(world, case_id):
    return world.get_one(Case, case_id)


def stopped(world):
    """Why numbers are not written to, by number."""
    closed = select(Phone.e164, Suppression.reason).join(Suppression, Suppression.phone_id == Phone.id)
    closed = world.rows(closed.where(Suppression.lifted_at.is_(None)))
    left_alone = dict.fromkeys(world.read(numbers_left_alone), "opt_out")
    return {e164: reason.value for e164, reason in closed} | left_alone


def kinds(world):
    return [each.kind for each in world.cases()]


# -- opened --------------------------------------------------------------------------------------------


def test_help_asked_for_by_page_sms_and_officer_is_one_list(world, campaign):
    world.press(campaign, "need_help", index=0)
    world.reply(number(1), "4", gateway_id="SM1")
    contact = world.recipient(number(2), campaign).contact_id
    assert contact
    world.tell(contact, campaign, Label.NEED_HELP)
    assert kinds(world) == [CaseKind.HELP] * 3
    assert {each.organisation_id for each in world.cases()} == {world.user(AUTHOR).organisation_id}


def test_who_asks_twice_is_helped_once_and_who_asks_again_later_once_more(world, campaign):
    world.press(campaign, "need_help")
    world.press(campaign, "need_help")
    world.reply(number(0), "4", gateway_id="SM1")
    (first,) = world.cases()
    do(world, close_case, first.id, CaseOutcome.CALLED)
    assert world.cases() == []
    world.press(campaign, "need_help")  # the page sent once more by a slow network
    assert world.cases() == []
    world.reply(number(0), "giup toi voi", gateway_id="SM2")
    (again,) = world.cases()
    assert again.id != first.id


def test_help_taken_back_on_the_page_closes_the_request(world, campaign):
    world.press(campaign, "need_help")
    (asked,) = world.cases()
    world.press(campaign, "undo")
    assert world.cases() == []
    assert case(world, asked.id).outcome is CaseOutcome.WITHDRAWN
    with refuses(WrongState, says="rút lại"):
        do(world, assign_case, asked.id)
    world.press(campaign, "need_help")
    assert kinds(world) == [CaseKind.HELP]


def test_who_says_meanwhile_that_it_is_done_still_waits_for_a_word_of_an_officer(world, campaign):
    world.press(campaign, "need_help")
    world.press(campaign, "installed")
    assert kinds(world) == [CaseKind.HELP]
    do(world, close_case, world.cases()[0].id, CaseOutcome.SOLVED)
    assert world.recipient(number(0), campaign).answer is Label.INSTALLED


# -- done ----------------------------------------------------------------------------------------------


def test_done_says_how_by_whom_and_what_the_resident_then_said(world, campaign):
    world.press(campaign, "need_help")
    (asked,) = world.cases()
    do(world, close_case, asked.id, CaseOutcome.VISITED, note="  Đã đến   nhà ", result=Label.INSTALLED)
    done = case(world, asked.id)
    assert (done.outcome, done.note, done.done_by) == (
        CaseOutcome.VISITED,
        "Đã đến nhà",
        world.user(AUTHOR).id,
    )
    assert world.status(campaign)["self_reported"]["installed"] == 1
    entry = world.one(select(OfficerEntry))
    assert (entry.answer_id, entry.place, entry.note) == (done.result_id, AnswerPlace.HOME, "Đã đến nhà")
    with pytest.raises(WrongState, match="case_done"):
        do(world, close_case, asked.id, CaseOutcome.CALLED, email=COLLEAGUE)


def test_done_is_taken_back_with_what_was_recorded_unless_the_resident_spoke_since(world, campaign):
    world.press(campaign, "need_help")
    (asked,) = world.cases()
    do(world, close_case, asked.id, CaseOutcome.CALLED, result=Label.INSTALLED)
    assert do(world, reopen_case, asked.id) == Reopened(keeps_answer=False, keeps_message=False)
    assert world.recipient(number(0), campaign).answer is Label.NEED_HELP
    do(world, close_case, asked.id, CaseOutcome.CALLED, result=Label.INSTALLED)
    world.press(campaign, "no_smartphone")
    assert do(world, reopen_case, asked.id) == Reopened(keeps_answer=True, keeps_message=False)
    assert world.recipient(number(0), campaign).answer is Label.NO_SMARTPHONE
    with refuses(WrongState, says="đang mở"):
        do(world, reopen_case, asked.id)


def test_what_was_known_of_the_phone_comes_back_with_the_case(world, campaign):
    world.press(campaign, "need_help")
    (asked,) = world.cases()
    do(world, close_case, asked.id, CaseOutcome.CALLED, result=Label.NO_SMARTPHONE)
    contact_id = world.recipient(number(0), campaign).contact_id
    assert contact_id
    known = []
    for operation in (lambda: None, lambda: do(world, reopen_case, asked.id)):
        operation()
        known.append(world.get_one(Contact, contact_id).has_smartphone)
    assert known == [False, None]


def test_a_request_is_not_opened_again_beside_a_newer_one(world, campaign):
    world.press(campaign, "need_help")
    (asked,) = world.cases()
    do(world, close_case, asked.id, CaseOutcome.CALLED)
    world.reply(number(0), "4", gateway_id="SM1")
    with pytest.raises(WrongState, match="case_other_open"):
        do(world, reopen_case, asked.id)


def test_nothing_is_opened_again_or_relabelled_for_who_was_erased_also_on_a_shared_number(world, campaign):
    world.set_all()
    world.add_person("Y Blốc", number(0))
    for index, body in enumerate(("Cai co mat tien khong?", "hong biet nua")):
        world.reply(number(index), body, gateway_id=f"SM{index}")
    asked, unclear = world.cases()
    do(world, close_case, asked.id, CaseOutcome.CALLED)
    do(world, label_reply, unclear.id, Label.INSTALLED)
    for index in (0, 1):
        world.erase(world.recipient(number(index), campaign).contact_id or 0)
    for operation, case_id in ((reopen_case, asked.id), (undo_reply_label, unclear.id)):
        with refuses(WrongState, says="xóa"):
            do(world, operation, case_id)


def test_only_what_an_officer_may_write_ends_a_case(world, campaign):
    world.press(campaign, "need_help")
    (asked,) = world.cases()
    for outcome, result in ((CaseOutcome.CLASSIFIED, None), (CaseOutcome.CALLED, Label.OPT_OUT)):
        with pytest.raises(BadInput):
            do(world, close_case, asked.id, outcome, result=result)


# -- labels --------------------------------------------------------------------------------------------


def test_a_confirmed_call_for_help_stays_until_somebody_has_helped(world, campaign):
    world.reply(number(0), "ok", gateway_id="SM1")
    (unclear,) = world.cases()
    assert unclear.kind is CaseKind.UNCLEAR
    assert do(world, label_reply, unclear.id, Label.NEED_HELP) == Labelled(is_closed=False, is_counted=True)
    assert [(each.id, each.kind) for each in world.cases()] == [(unclear.id, CaseKind.HELP)]
    assert world.recipient(number(0), campaign).answer is Label.NEED_HELP
    do(world, undo_reply_label, unclear.id)
    assert [(each.id, each.kind) for each in world.cases()] == [(unclear.id, CaseKind.UNCLEAR)]
    assert world.recipient(number(0), campaign).answer is None


def test_a_second_call_for_help_joins_the_first(world, campaign):
    world.press(campaign, "need_help")
    world.reply(number(0), "ok", gateway_id="SM1")
    first, unclear = world.cases()
    assert do(world, label_reply, unclear.id, Label.NEED_HELP).is_closed
    assert [each.id for each in world.cases()] == [first.id]
    do(world, undo_reply_label, unclear.id)
    assert [each.id for each in world.cases()] == [first.id, unclear.id]


def test_a_label_is_not_taken_back_once_somebody_has_helped_or_the_resident_spoke(world, campaign):
    world.reply(number(0), "ok", gateway_id="SM1")
    world.reply(number(1), "ok", gateway_id="SM2")
    helped, spoke = world.cases()
    do(world, label_reply, helped.id, Label.NEED_HELP)
    do(world, close_case, helped.id, CaseOutcome.CALLED)
    with pytest.raises(WrongState, match="case_ended"):
        do(world, undo_reply_label, helped.id)
    do(world, label_reply, spoke.id, Label.INSTALLED)
    world.press(campaign, "not_yet", index=1)
    with pytest.raises(WrongState, match="case_answered_since"):
        do(world, undo_reply_label, spoke.id)
    assert case(world, spoke.id).done_at is not None


def test_what_comes_back_with_a_label_overrides_nothing_that_was_said_since(world, campaign):
    world.reply(number(0), "tôi cần giúp cài đặt", gateway_id="SM1", now=world.in_hours(-1))
    (opened,) = world.cases()
    do(world, label_reply, opened.id, Label.QUESTION)
    world.press(campaign, "installed")
    do(world, undo_reply_label, opened.id, now=world.in_hours(1))
    assert world.recipient(number(0), campaign).answer is Label.INSTALLED
    assert [each.kind for each in world.cases()] == [CaseKind.HELP]


@pytest.mark.parametrize("is_told", [False, True])
def test_a_label_of_an_earlier_reply_overrides_nothing_that_was_said_since(world, campaign, is_told):
    world.reply(number(0), "ok", gateway_id="SM1", now=world.in_hours(-0.2))
    (unclear,) = world.cases()
    recipient = world.recipient(number(0), campaign)
    if is_told:
        world.tell(recipient.contact_id, campaign, Label.INSTALLED)
    else:
        world.press(campaign, "installed")
    for word in (Label.NEED_HELP, Label.NOT_YET):
        do(world, label_reply, unclear.id, word)
    assert world.recipient(number(0), campaign).answer is Label.INSTALLED


def test_a_second_label_counts_in_place_of_the_first(world, campaign):
    world.reply(number(0), "ok", gateway_id="SM1", now=world.in_hours(-0.2))
    for word in (Label.NEED_HELP, Label.INSTALLED):
        do(world, label_reply, world.cases()[0].id, word)
    assert world.recipient(number(0), campaign).answer is Label.INSTALLED


def test_a_press_on_the_page_has_no_label_to_correct(world, campaign):
    world.press(campaign, "need_help")
    with pytest.raises(WrongState, match="case_without_text"):
        do(world, label_reply, world.cases()[0].id, Label.INSTALLED)


@pytest.mark.parametrize("label", [Label.OPT_OUT, Label.WRONG_NUMBER])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_number_in_no_campaign_is_left_alone_by_an_officer_s_label_until_it_is_taken_back(
    world, campaign, label, is_known
):
    sender = number(0) if is_known else number(900)
    world.reply(sender, "ok", gateway_id="SM1", now=world.now + timedelta(days=15))
    (unclear,) = world.cases()
    assert unclear.recipient_id is None
    for _ in range(2):
        assert do(world, label_reply, unclear.id, label) == Labelled(is_closed=True, is_counted=True)
        assert stopped(world) == {sender: label.value}
        do(world, undo_reply_label, unclear.id)
        assert stopped(world) == {}
    assert kinds(world) == [CaseKind.UNCLEAR]
    world.send()
    assert number(900) not in world.sent_to()


def test_a_label_that_counts_for_nobody_says_so(world, campaign):
    world.reply(number(900), "1", gateway_id="SM1")
    world.reply("8099", "ok", gateway_id="SM2")
    world.reply(number(901), "ok", gateway_id="SM3")
    stranger, short_code, unclear = world.cases()
    assert do(world, label_reply, stranger.id, Label.INSTALLED).is_counted is False
    assert do(world, label_reply, short_code.id, Label.OPT_OUT).is_counted is False
    assert do(world, label_reply, unclear.id, Label.UNCLEAR).is_counted is True
    assert stopped(world) == {}


@pytest.mark.parametrize("sender", [number(0), number(900)])
def test_a_doubtful_opt_out_counts_until_somebody_finds_that_it_was_none(world, campaign, sender):
    world.reply(sender, "thôi mệt", gateway_id="SM1")
    (doubtful,) = world.cases()
    assert doubtful.kind is CaseKind.OPT_OUT
    assert stopped(world) == {sender: "opt_out"}
    for _ in range(2):
        do(world, label_reply, doubtful.id, Label.REFUSE)
        assert stopped(world) == {}
        do(world, undo_reply_label, doubtful.id)
        assert stopped(world) == {sender: "opt_out"}
    do(world, label_reply, doubtful.id, Label.OPT_OUT)
    assert stopped(world) == {sender: "opt_out"}


def test_an_opt_out_that_was_none_is_lifted_though_something_was_said_since(world, campaign):
    world.reply(number(0), "thôi mệt", gateway_id="SM1")
    (doubtful,) = world.cases()
    world.press(campaign, "need_help")
    do(world, label_reply, doubtful.id, Label.UNCLEAR)
    assert stopped(world) == {}
    assert world.recipient(number(0), campaign).answer is Label.NEED_HELP


# -- who does it ---------------------------------------------------------------------------------------


def test_what_one_has_taken_no_other_touches_until_the_time_is_over(world, campaign):
    world.press(campaign, "need_help")
    (asked,) = world.cases()
    do(world, assign_case, asked.id)
    for operation, args in ((assign_case, ()), (close_case, (CaseOutcome.CALLED,)), (number_to_call, ())):
        with pytest.raises(WrongState, match="case_taken"):
            do(world, operation, asked.id, *args, email=COLLEAGUE)
    later = world.now + timedelta(minutes=16)
    do(world, assign_case, asked.id, email=COLLEAGUE, now=later)
    assert case(world, asked.id).taken_by == world.user(COLLEAGUE).id
    do(world, unassign_case, asked.id, email=COLLEAGUE, now=later)
    assert case(world, asked.id).taken_by is None


def test_a_cry_that_came_after_somebody_took_the_case_is_for_whoever_calls_first(world, campaign):
    world.press(campaign, "need_help")
    [case_id] = (each.id for each in world.cases())
    do(world, assign_case, case_id)
    at = [world.now + timedelta(minutes=minutes) for minutes in range(3)]
    world.reply(number(0), "cứu với nước ngập tới nóc nhà rồi", gateway_id="cry", now=at[1])
    do(world, number_to_call, case_id, email=COLLEAGUE, now=at[2])
    with refuses(WrongState, says="đang xử lý"):
        do(world, number_to_call, case_id, now=at[2])


def test_seeing_the_number_takes_the_case_and_is_on_record(world, campaign):
    world.press(campaign, "need_help")
    (asked,) = world.cases()
    assert do(world, number_to_call, asked.id) == number(0)
    assert case(world, asked.id).taken_by == world.user(AUTHOR).id
    seen = world.one(select(AuditEvent).where(AuditEvent.action == "case.see_number"))
    assert (seen.subject, seen.details) == (f"cases:{asked.id}", {})


@both_databases
@pytest.mark.parametrize("operation", [assign_case, close_case])
def test_of_two_officers_at_once_one_is_told(world, campaign, operation):
    args = (CaseOutcome.CALLED,) if operation is close_case else ()
    for index in range(3):
        world.press(campaign, "need_help", index=index)
    for asked in world.cases():
        ends = at_once(
            lambda: do(world, operation, asked.id, *args),  # noqa: B023 - used up within the turn
            lambda: do(world, operation, asked.id, *args, email=COLLEAGUE),  # noqa: B023
        )
        assert sum(isinstance(end, WrongState) for end in ends) == 1


@both_databases
def test_a_resident_and_an_officer_at_once_come_to_one_end(world, campaign):
    for index in range(4):
        world.press(campaign, "need_help", index=index)
    for index, asked in enumerate(world.cases()):
        ends = at_once(
            lambda: do(world, close_case, asked.id, CaseOutcome.CALLED, result=Label.INSTALLED),  # noqa: B023
            lambda: world.press(campaign, "undo", index=index),  # noqa: B023
        )
        done = case(world, asked.id)
        # Taken back first: the officer is told. Done first: the undo takes the officer's answer back.
        expected = CaseOutcome.WITHDRAWN if isinstance(ends[0], WrongState) else CaseOutcome.CALLED
        assert done.outcome is expected


def test_a_case_is_its_organisations_and_a_strangers_is_for_those_who_see_all(world, campaign):
    world.press(campaign, "need_help")
    world.reply(number(900), "4", gateway_id="SM1")
    known, stranger = world.cases()
    assert stranger.organisation_id is None
    world.officer("pn@loa.example", Role.STAFF, world.organisation())
    world.officer("lanhdao@loa.example", Role.LEADER)
    for each in (known, stranger):
        assert do(world, number_to_call, each.id)
        do(world, unassign_case, each.id)
        with pytest.raises(NotFound):
            do(world, assign_case, each.id, email="pn@loa.example")
        with pytest.raises(NotAllowed):
            do(world, assign_case, each.id, email="lanhdao@loa.example")


def test_what_officers_taught_is_written_out_without_numbers(world, campaign, tmp_path):
    world.reply(number(0), "ok", gateway_id="SM1")
    world.reply(number(1), "ừ\ngọi 0905.000.123 nhé", gateway_id="SM2")
    world.reply(number(2), "ừ", gateway_id="SM3")
    confirmed, corrected, undone = world.cases()
    do(world, label_reply, confirmed.id, Label.UNCLEAR)
    do(world, label_reply, corrected.id, Label.INSTALLED)
    do(world, label_reply, undone.id, Label.REFUSE)
    do(world, undo_reply_label, undone.id)
    file = tmp_path / "vi-du.tsv"
    runner = world.app().test_cli_runner()
    for only in ([], ["--corrected"]):
        done = runner.invoke(args=["replies", "examples", str(file), *only, "--json"])
        head, *lines = file.read_text(encoding="utf-8").splitlines()
        assert json.loads(done.stdout) == {"examples": len(lines)} == {"examples": 1 if only else 2}
        assert head == "text\tlabel\tsuggested\tconfidence"
        if not only:
            assert lines.pop(0).startswith("ok\tunclear\t")
        assert lines[0].startswith("ừ gọi 0000.000.000 nhé\tinstalled\t")


# A likely wish to be left alone closes the number, and is confirmed once somebody has looked or nobody
# has in time.


__all__ = ["campaign"]  # the fixture
HELD = Understanding(Label.OPT_OUT, 0.3, False, False, "held")


def keep_held(world, sender):
    """A reply that is likely, not surely, a wish to be left alone; its case."""
    inbound = InboundMessage(f"SM{sender}", sender, "MTTQ", "thôi mệt", False, False)
    world.do(receive_reply, inbound, meant=HELD)
    return world.cases()[-1]


def confirmations(world):
    return world.scalar(select(func.count()).where(Message.kind == MessageKind.CONFIRMATION)) or 0


@pytest.mark.parametrize("sender", [number(0), number(900)])
def test_an_officer_who_agrees_confirms_it_once(world, campaign, sender):
    held = keep_held(world, sender)
    assert held.kind is CaseKind.OPT_OUT
    assert (stopped(world), confirmations(world)) == ({sender: "opt_out"}, 0)
    do(world, label_reply, held.id, Label.OPT_OUT)
    assert (stopped(world), confirmations(world)) == ({sender: "opt_out"}, 1)


def test_an_officer_who_closes_its_case_without_a_label_confirms_it(world, campaign):
    case = keep_held(world, number(0))
    do(world, close_case, case.id, CaseOutcome.CALLED)
    assert confirmations(world) == 1
    world.do(confirm_overdue, now=world.now + timedelta(days=9))
    assert confirmations(world) == 1


def test_an_officer_who_does_not_agree_opens_the_number_again(world, campaign):
    held = keep_held(world, number(0))
    do(world, label_reply, held.id, Label.REFUSE)
    assert (stopped(world), confirmations(world)) == ({}, 0)
    assert world.do(confirm_overdue, now=world.now + timedelta(days=9)) == 0


def test_one_that_was_none_has_no_later_opt_out_confirmed_twice(world, campaign):
    held = keep_held(world, number(0))
    do(world, label_reply, held.id, Label.REFUSE)
    for days in (1, 4):
        world.reply(number(0), "TC", gateway_id=f"TC{days}", now=world.now + timedelta(days=days))
    assert (stopped(world), confirmations(world)) == ({number(0): "opt_out"}, 1)


def test_who_is_erased_before_anybody_has_looked_hears_no_more(world, campaign):
    keep_held(world, number(0))
    world.simulator.reset()
    world.erase(world.recipient(number(0), campaign).contact_id or 0)
    world.do(confirm_overdue, now=world.now + timedelta(days=9))
    world.send()
    assert world.sent_to() == []


def test_those_that_have_no_number_to_confirm_them_to_hold_up_nobody_elses(world, campaign, monkeypatch):
    monkeypatch.setattr(recording, "MOST_AT_ONCE", 1)
    for sender in ("zalo:u1", number(0)):
        keep_held(world, sender)
    for days in (9, 10):
        world.do(confirm_overdue, now=world.now + timedelta(days=days))
    assert confirmations(world) == 1


def test_without_a_look_it_counts_after_a_working_day_and_is_confirmed_once(world, campaign):
    keep_held(world, number(0))
    for later, confirmed in ((timedelta(hours=20), 0), (timedelta(days=9), 1), (timedelta(days=10), 1)):
        world.do(confirm_overdue, now=world.now + later)
        assert confirmations(world) == confirmed
    [text] = world.all(select(Message.text).where(Message.kind == MessageKind.CONFIRMATION))
    assert f"{world.now.astimezone(VIETNAM):%H:%M ngay %d/%m/%Y}" in text  # when it was said
    assert stopped(world) == {number(0): "opt_out"}
    assert [case.kind for case in world.cases()] == [CaseKind.OPT_OUT]


def test_it_stands_in_the_inbox_after_the_cries_and_before_all_else(world, campaign):
    world.reply(number(1), "cài ở đâu vậy", gateway_id="SM1")
    keep_held(world, number(0))
    world.reply(number(2), "cứu tôi với, nhà sập rồi", gateway_id="SM3")
    found = world.read(read_case_list, world.user(AUTHOR), CaseFilter())
    kinds = [line.case.kind for line in found.lines]
    assert kinds == [CaseKind.HELP, CaseKind.OPT_OUT, CaseKind.QUESTION]
