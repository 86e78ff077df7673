"""Who asked to be left alone is written to on no number and on no occasion, whatever became of their row since."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from campaigns.cases.handle_case import label_reply, undo_reply_label
from campaigns.delivery.office_phones import send_test_message
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.activities import VisitLine
from campaigns.models.messages import Attempt, Outbox
from campaigns.models.privacy import ConsentEvent, RequestKind
from campaigns.models.replies import AnswerPlace, OfficerEntry
from campaigns.privacy.requests import ALL_MESSAGES, record_request
from campaigns.privacy.retention import clear_campaign
from campaigns.replies.public_requests import Wish, code_of, confirm_code, send_code
from campaigns.replies.receive_reply import DUPLICATE_WINDOW, receive_reply
from campaigns.replies.record_answer import record_page_answer, undo_answer_by_id
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptReport, AttemptState
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import enter_results, undo_entry
from outreach.contacts.contact import Closing, lift_suppression, suppress_number
from outreach.contacts.phones import add_number, remove_number
from outreach.models.contacts import Contact, Erasure, ImportIssue, ListImport
from outreach.rules.errors import BadInput, NotAllowed, WrongState
from outreach.rules.gateway import InboundMessage
from tests.integration.campaigns.test_interleaved_transactions import interleave
from tests.integration.campaigns.test_merge_people import apart, merge
from tests.integration.campaigns.test_retention import end_and_wait
from tests.integration.outreach.test_undo_import import undo as undo_file
from tests.support.errors import refuses
from tests.support.lists import bring, local, write
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, AUTHOR, number

ONE, TWO = number(1), number(2)
HER_LIST = "Hội phụ nữ"


def sent_by(world, **campaign):
    """The texts that a further campaign sends."""
    before = len(world.simulator.ledger())
    name = f"Lần sau {before}"
    world.sent(
        **{"name": name, "text": f"[Chào {{name}}, ]xin mời {before}: {{link}}", "cap_per_day": 9, **campaign}
    )
    return [line["Body"] for line in world.simulator.ledger()[before:]]


def visit(world, campaign, person, outcome=VisitOutcome.OPT_OUT):
    """What an officer enters who was at somebody's door; the sheet's id."""
    world.set_all()
    sheet = world.make_sheet(campaign)
    enter(world, sheet, line_of(world, sheet, person), outcome)
    return sheet


def line_of(world, sheet, person):
    line = select(VisitLine.n).where(VisitLine.round_id == sheet, VisitLine.contact_id == person)
    return world.one(line)


def enter(world, sheet, n, outcome=VisitOutcome.OPT_OUT):
    now = datetime.now(UTC)
    world.do(enter_results, sheet, {n: outcome}, now=now)


@pytest.fixture
def couple(world):
    """Husband and wife on his phone, who got the message; the campaign."""
    husband, wife = world.add_person("A Thun", ONE), world.add_person("Y Hoa", ONE)
    campaign = world.sent()
    return husband, wife, campaign


@both_databases
def test_a_wife_who_opts_out_at_the_door_is_not_greeted_on_her_husbands_phone(world, couple):
    _husband, wife, campaign = couple
    visit(world, campaign, wife)
    world.add_list(HER_LIST, wife)
    assert sent_by(world, lists=[HER_LIST]) == []
    [his] = sent_by(world)
    assert "A Thun" in his


def test_what_waits_for_somebody_is_not_sent_to_a_number_that_is_theirs_no_more(world):
    husband, wife = world.add_person("A Thun", ONE), world.add_person("Y Hoa", ONE)
    campaign = world.launch()
    world.do(remove_number, husband, world.phone(ONE), note="của người khác", now=datetime.now(UTC))
    world.send()
    assert world.sent_to() == []
    assert world.status(campaign)["steps"][0]["messages"] == {"skipped": 1}
    assert "Y Hoa" in sent_by(world)[0]
    merge(world, wife, husband)
    assert "Y Hoa" in sent_by(world)[0], "she has it, though it was taken from whom she was merged with"


def test_who_asks_on_a_phone_that_another_has_closed_is_heard_as_well(world, couple):
    husband, wife, _campaign = couple
    user, now = world.user(AUTHOR), datetime.now(UTC)
    told = {"note": "báo trực tiếp", "user": user, "now": now}
    phone = world.phone(ONE)
    for person in (wife, husband):
        suppress_number(world.runtime, person, phone, reason=Closing.OPT_OUT, **told)
    world.do(add_number, husband, TWO, user=user, now=now)
    assert sent_by(world) == []
    with pytest.raises(WrongState, match="number_blocked_already"):
        suppress_number(world.runtime, husband, phone, reason=Closing.OPT_OUT, **told)


def test_a_number_that_somebody_gets_after_they_opted_out_at_the_door_is_not_written_to(world, couple):
    _husband, wife, campaign = couple
    sheet = visit(world, campaign, wife)
    world.do(add_number, wife, TWO, now=datetime.now(UTC))
    sent_by(world)
    assert TWO not in world.sent_to()
    world.do(undo_entry, sheet, now=datetime.now(UTC))
    sent_by(world)
    assert TWO in world.sent_to(), "what was entered by mistake silences nobody"


def test_no_test_message_goes_to_the_number_of_somebody_who_asked_an_officer_for_none(world, couple):
    husband, wife, _campaign = couple
    world.consent(wife, is_given=False)
    test = {"text": "Xin chào", "unaccented": False, "number": local(1), "now": datetime.now(UTC)}
    world.do(send_test_message, **test)  # it is her husband's as well
    world.consent(husband, is_given=False)
    with pytest.raises(BadInput, match="test_number_opted_out"):
        world.do(send_test_message, **test)


def test_what_somebody_wrote_holds_for_them_though_an_officer_opens_the_number_for_another_who_has_it(
    world, couple
):
    husband, wife, _campaign = couple
    world.reply(ONE, "TC", gateway_id="SM1")
    opened = {"reason": Closing.OPT_OUT, "note": "xin nhận lại", "by": APPROVER}
    world.do(lift_suppression, wife, world.phone(ONE), **opened)
    assert "Y Hoa" in sent_by(world)[-1]
    world.do(lift_suppression, husband, 0, **opened)
    assert "A Thun" in sent_by(world)[-1]


def test_a_result_that_counts_again_is_of_the_officer_who_entered_it(world, couple):
    husband, _wife, campaign = couple
    sheet = visit(world, campaign, husband, VisitOutcome.NOT_YET)
    line, approver, now = line_of(world, sheet, husband), world.user(APPROVER), datetime.now(UTC)
    world.do(enter_results, sheet, {line: VisitOutcome.REFUSE}, user=approver, now=now)
    world.do(undo_entry, sheet, user=approver, now=now)
    entries = select(OfficerEntry.recorded_by).order_by(OfficerEntry.answer_id)
    assert world.all(entries) == [world.user(AUTHOR).id, approver.id, world.user(AUTHOR).id]


def test_an_opt_out_on_a_line_whose_person_was_merged_meanwhile_is_the_one_persons(world):
    one, two = world.add_person("A Thun", ONE), world.add_person("A Thun Kđăm", TWO)
    campaign = world.sent()
    sheet = visit(world, campaign, one, VisitOutcome.ABSENT)
    n = line_of(world, sheet, two)
    merge(world, one, two)
    enter(world, sheet, n)
    world.send()  # the confirmation, if it is due
    assert sent_by(world) == []


@cases(("theirs", 0, False), ("theirs", 13, True), ("another", 0, True), ("opened", 13, False))
def test_a_sheet_opens_nobody_again_but_for_a_slip_of_who_made_it(world, couple, entered, hours, is_closed):
    husband, _wife, campaign = couple
    sheet = visit(world, campaign, husband)
    line, by = line_of(world, sheet, husband), APPROVER if entered == "another" else AUTHOR
    if entered == "opened":
        said = {"reason": Closing.OPT_OUT, "note": "ông xin nhận lại"}
        world.do(lift_suppression, husband, world.phone(ONE), by=APPROVER, **said)
    undos = [(enter_results, {line: None}), (undo_entry,)] if is_closed else [(undo_entry,)]
    for undo, *what in undos:
        with refuses(WrongState, says="xin không nhận tin") if is_closed else nullcontext():
            world.do(undo, sheet, *what, by=by, now=world.in_hours(hours))
    assert any("A Thun" in text for text in sent_by(world)) is not is_closed


@pytest.mark.parametrize("first", ["phone", "door"])
def test_who_says_it_again_at_the_door_has_said_it_though_the_first_entry_is_taken_back(world, couple, first):
    husband, _wife, campaign = couple
    world.set_all()
    sheets = [world.make_sheet(campaign, again=True) for _ in range(2)]
    user, now = world.user(AUTHOR), datetime.now(UTC)
    if first == "door":
        enter(world, sheets[0], line_of(world, sheets[0], husband))
    else:
        his = world.recipient(ONE, campaign)
        assert world.hear(his, "opt_out", place=AnswerPlace.PHONE, user=user, now=now)
    enter(world, sheets[1], line_of(world, sheets[1], husband))
    if first == "door":
        world.do(undo_entry, sheets[0], user=user, now=now)
    else:
        world.do(undo_answer_by_id, 1, now=now, is_mistaken=True)
    assert all("A Thun" not in text for text in sent_by(world))


@both_databases
def test_who_opted_out_is_left_alone_after_the_retention_on_each_number_they_had(world):
    world.add_person("A Thun", ONE, TWO)
    campaign = world.sent()
    world.reply(ONE, "TC", gateway_id="SM1")
    world.send()
    now = end_and_wait(world, campaign, days=91)
    clear_campaign(world.runtime, campaign, days=90, now=now)
    world.add_person("A Thun", TWO)
    assert sent_by(world) == []


def test_who_opted_out_without_a_number_and_was_removed_comes_back_only_by_an_officer(world, tmp_path):
    person = world.add_person("A Lâu")
    world.add_people(1, first=50)
    campaign = world.sent()
    visit(world, campaign, person)
    now = end_and_wait(world, campaign, days=91)
    clear_campaign(world.runtime, campaign, days=90, now=now)
    counts = bring(
        world, write(tmp_path, f"1,A Lâu,1960,Thôn 1,,{local(2)}", f"2,Y Mai,1970,Thôn 1,,{local(3)}")
    )
    assert (counts.created, counts.review) == (1, 1)
    assert world.all(select(ImportIssue.reason)) == ["was_erased"]
    assert world.all(select(Erasure.number_hash).distinct()) == [""]
    sent_by(world)
    assert TWO not in world.sent_to()


@both_databases
def test_undo_on_the_page_takes_back_the_last_wish_alone(world):
    campaign = world.sent(people=2, kind="khao-sat", text="Moi ong/ba tra loi. TC de tu choi")
    recipient = world.recipient(ONE, campaign)
    for n, word in enumerate(("opt_out_drive", "opt_out", "undo")):
        world.do(record_page_answer, recipient.id, word, now=world.now + timedelta(seconds=n))
    world.send()
    before = len(world.sent_to())
    sent_by(world, kind="khao-sat")
    assert ONE not in world.sent_to()[before:]
    sent_by(world)
    assert ONE in world.sent_to()[before:], "of another drive they still hear"


@both_databases
def test_who_opts_out_of_the_drive_while_merged_has_done_so_for_both(world):
    one, two = world.add_person("A Thun", ONE), world.add_person("A Thun Kđăm", TWO)
    world.sent(kind="khao-sat", text="Moi ong/ba tra loi. TC de tu choi")
    merge_id = merge(world, one, two)
    world.reply(ONE, "TC đợt này", gateway_id="g1", now=world.now + timedelta(minutes=5))
    world.send()
    apart(world, merge_id)
    assert sent_by(world, kind="khao-sat") == []
    assert len(sent_by(world)) == 2


@both_databases
def test_a_withdrawn_consent_stops_what_it_was_given_for_until_it_is_given_again(world):
    person = world.add_person("A Thun", ONE)
    world.add_people(1, first=50)

    def consent(purpose, *, is_given):
        kinds = ("bluezone", "khao-sat")
        world.consent(person, purpose, is_given=is_given, purposes=kinds, now=datetime.now(UTC))

    consent("khao-sat", is_given=False)
    assert len(sent_by(world)) == 2
    assert len(sent_by(world, kind="khao-sat")) == 1
    consent(ALL_MESSAGES, is_given=False)
    assert len(sent_by(world)) == 1
    consent(ALL_MESSAGES, is_given=True)
    assert len(sent_by(world)) == 2
    assert len(sent_by(world, kind="khao-sat")) == 1
    assert len(world.all(select(ConsentEvent.id))) == 3
    assert world.all(select(Contact.id).where(Contact.id == person)) == [person]


@pytest.mark.parametrize("how", ["consent", "request"])
def test_a_consent_of_before_a_withdrawal_takes_nothing_back_however_late_it_is_recorded(world, how):
    person = world.add_person("A Thun", ONE)
    world.add_people(1, first=50)
    today = world.now.astimezone(VIETNAM).date()
    if how == "consent":
        world.consent(person, is_given=False)
    else:
        world.ask(person, RequestKind.WITHDRAW)
    world.consent(person, on=today - timedelta(days=1))
    assert len(sent_by(world)) == 1
    world.consent(person)
    assert len(sent_by(world)) == 2


def asks_for_messages(world, how, at, *, sender=ONE):
    """The owner of a number asks for messages: on the page for everybody, or by SMS."""
    if how == "sms":
        world.reply(sender, "START", gateway_id=f"START{at.timestamp()}", now=at)
        return
    world.do(send_code, sender, Wish.JOIN, now=at)
    code = code_of(sender, Wish.JOIN, key=world.runtime.db.installation.number_keys, now=at)
    world.do(confirm_code, sender, Wish.JOIN, code, now=at)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("how", ["sms", "page"])
@pytest.mark.parametrize("when", ["in a campaign", "on no list", "from the other number", "twice a day"])
def test_a_stop_word_that_comes_late_closes_no_number_whose_owner_has_asked_for_messages_since(
    world, how, when
):
    sender, asker = (ONE, TWO) if when == "from the other number" else (ONE, ONE)
    if when != "on no list":
        world.add_person("A Thun", ONE, TWO)
        world.sent(text="Moi ong/ba cai Bluezone: {link} Da cai tra loi 1, TC de tu choi.")
    at = datetime.now(UTC) + timedelta(hours=1)
    if when == "twice a day":
        asks_for_messages(world, how, at - timedelta(minutes=30), sender=asker)
    asks_for_messages(world, how, at, sender=asker)
    world.reply(sender, "TC", gateway_id="SM2", now=at - timedelta(minutes=10))
    assert world.read(numbers_left_alone) == set()
    world.reply(sender, "TC", gateway_id="SM3", now=at + timedelta(minutes=10))
    assert ONE in world.read(numbers_left_alone)


@pytest.mark.parametrize("told_by", [ONE, TWO])
def test_an_officer_sees_who_asks_for_messages_and_gets_none_by_what_was_told_to_an_officer(world, told_by):
    person = world.add_person("A Thun", ONE, TWO)
    campaign = world.sent(text="Moi ong/ba cai Bluezone: {link} Da cai tra loi 1, TC de tu choi.")
    world.tell(person, campaign, Label.OPT_OUT)
    world.reply(told_by, "TC", gateway_id="SM1", now=world.in_hours(0.1))
    asks_for_messages(world, "sms", world.in_hours(0.2), sender=told_by)
    assert told_by in world.read(numbers_left_alone)
    assert [case.reply_id is not None for case in world.cases()] == [True]


@pytest.mark.parametrize(("within", "is_closed"), [(timedelta(days=1), True), (DUPLICATE_WINDOW, False)])
def test_where_nobody_can_tell_which_came_first_the_opt_out_counts(world, within, *, is_closed):
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    asks_for_messages(world, "sms", day + timedelta(hours=9))
    # A log that has the day alone.
    inbound = InboundMessage("LOG1", ONE, "MTTQ", "TC", False, False)
    world.do(receive_reply, inbound, now=day, same_within=within)
    assert (ONE in world.read(numbers_left_alone)) is is_closed


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("asked_at", ["before the attempt", "after it", "after it, and learned last"])
def test_an_operators_refusal_that_is_told_late_closes_no_number_whose_owner_has_asked_for_messages_since(
    world, asked_at
):
    world.add_person("A Thun", ONE)
    world.sent()
    attempt = world.one(select(Attempt))
    asked = attempt.claimed_at + timedelta(minutes=-5 if asked_at == "before the attempt" else 5)
    now = attempt.claimed_at + timedelta(minutes=10)
    refused = AttemptReport(
        attempt.id, AttemptState.FAILED, attempt.gateway_id, cause="opted_out", code="21610"
    )
    if asked_at != "after it, and learned last":
        asks_for_messages(world, "sms", asked)
    assert world.do(apply_reports, [refused], now=now) == 1
    if asked_at == "after it, and learned last":
        asks_for_messages(world, "sms", asked)
    assert world.read(numbers_left_alone) == ({ONE} if asked_at == "before the attempt" else set())


def test_what_an_officer_reads_as_an_opt_out_closes_no_number_whose_owner_has_asked_for_messages_since(world):
    world.add_person("A Thun", ONE)
    world.sent(text="Moi ong/ba cai Bluezone: {link} Da cai tra loi 1, TC de tu choi.")
    more = {"user": world.user(AUTHOR), "now": world.in_hours(1)}

    def held(at):
        world.reply(ONE, "thôi mệt", gateway_id=f"SM{at}", now=world.in_hours(at))
        return world.cases()[-1].id

    def is_closed():
        return ONE in world.read(numbers_left_alone)

    case = held(0.1)
    assert is_closed()
    asks_for_messages(world, "sms", world.in_hours(0.2))
    label_reply(world.runtime, case, "opt_out", **more)
    assert not is_closed()
    case = held(0.3)
    label_reply(world.runtime, case, "unclear", **more)
    asks_for_messages(world, "sms", world.in_hours(0.4))
    undo_reply_label(world.runtime, case, **more)
    assert not is_closed()


def test_who_objected_is_left_alone_though_another_opens_the_phone_that_they_share(world):
    husband = world.add_person("A Thun", ONE, TWO)
    wife = world.add_person("Y Hoa", ONE)
    world.ask(husband, RequestKind.OBJECT)
    reopened = {"reason": Closing.OPT_OUT, "note": "chị Hoa xin nhận lại"}
    world.do(lift_suppression, wife, world.phone(ONE), by=APPROVER, **reopened)
    [hers] = sent_by(world)
    assert "Y Hoa" in hers


def test_who_withdrew_consent_while_merged_with_another_is_not_heard_by_the_others_word(world):
    one, two = world.add_person("A Thun", ONE), world.add_person("A Thun Kđăm", TWO)
    merge_id = merge(world, one, two)
    world.consent(one, is_given=False, now=world.now + timedelta(minutes=1))
    apart(world, merge_id)
    assert sent_by(world) == []
    world.consent(one, now=datetime.now(UTC))
    assert len(sent_by(world)) == 1


def test_who_texted_that_they_want_nothing_while_merged_is_left_alone_though_the_other_is_opened(world):
    one, two = world.add_person("A Thun", ONE), world.add_person("A Thun Kđăm", TWO)
    world.sent()
    merge_id = merge(world, one, two)
    world.reply(TWO, "TC", gateway_id="g1", now=world.now + timedelta(minutes=5))
    world.send()
    apart(world, merge_id)
    reopened = {"reason": Closing.OPT_OUT, "note": "xin nhận lại", "now": datetime.now(UTC)}
    world.do(lift_suppression, one, world.phone(ONE), by=APPROVER, **reopened)
    before = len(world.sent_to())
    assert len(sent_by(world)) == 1
    assert world.sent_to()[before:] == [ONE]


@pytest.mark.parametrize("how", ["consent", "request"])
def test_a_withdrawal_of_before_a_consent_silences_nobody_however_late_it_is_recorded(world, how):
    person = world.add_person("A Thun", ONE)
    day = world.now.astimezone(VIETNAM).date() - timedelta(days=1)
    world.consent(person)
    if how == "consent":
        world.consent(person, is_given=False, on=day)
    else:
        told = {"asked_by": "chính họ", "asked_on": day}
        world.do(record_request, person, RequestKind.WITHDRAW, **told)
    assert len(sent_by(world)) == 1
    world.consent(person, is_given=False)
    assert sent_by(world) == []


@cases((AUTHOR, 1, True), (AUTHOR, 13, False), ("khac@loa.example", 1, False), (APPROVER, 13, True))
def test_a_reply_read_as_an_opt_out_is_read_anew_as_a_slip_or_by_an_approver(world, by, hours, may):
    world.officer("khac@loa.example")
    world.sent(people=1)
    world.reply(number(0), "dung nhan nua duoc khong hay la sao", gateway_id="a")
    (case,) = world.cases()
    world.do(label_reply, case.id, "opt_out", now=world.in_hours(0.1))
    with nullcontext() if may else pytest.raises(NotAllowed):
        world.do(undo_reply_label, case.id, by=by, now=world.in_hours(hours))


@pytest.mark.parametrize("in_another_list", [False, True])
def test_who_asks_for_none_while_a_file_is_undone_gets_none_on_another_number(
    world, tmp_path, in_another_list
):
    bring(world, write(tmp_path, f"1,A Thun,1951,,,{local(1)} / {local(2)}"), HER_LIST)
    undone = world.one(select(ListImport.id))
    if in_another_list:
        bring(world, write(tmp_path, f"1,A Thun,1951,,,{local(2)}"))

    def say_stop(session):
        inbound = InboundMessage("SM1", ONE, "MTTQ", "STOP", is_opt_out=True, is_help_request=False)
        receive_reply(session, inbound, now=world.now)
        session.execute(delete(Outbox).where(Outbox.message_id == 0))

    interleave(world, say_stop, lambda _session: undo_file(world, undone))
    bring(world, write(tmp_path, f"1,A Thun,1951,,,{local(2)}"))
    world.sent()
    assert TWO not in world.sent_to()
