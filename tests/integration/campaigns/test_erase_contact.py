"""Somebody asks to be forgotten: nothing tells of them any more, and no figure changes."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event

import pytest
from sqlalchemy import func, select, update

from campaigns.answer_totals import find_differences
from campaigns.cases.conversation import record_answer
from campaigns.cases.handle_case import assign_case, close_case
from campaigns.models.activities import VisitLine, VisitResult
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.messages import Attempt, Message, Outbox, WaitingReceipt
from campaigns.models.privacy import PersonRequest, RequestKind
from campaigns.models.replies import Answer, AnswerPlace, Reply
from campaigns.models.webhooks import Delivery, Subscription
from campaigns.privacy.export_data import export_personal_data
from campaigns.privacy.requests import finish_request, record_request
from campaigns.privacy.retention import erase_contact
from campaigns.replies.public_requests import receive_page_message
from campaigns.replies.record_answer import record_page_answer
from campaigns.replies.safety import Details, record_public_safety
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.links import LinkCipher
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import AttemptState, MessageKind, MessageState
from campaigns.rules.visits import VisitOutcome
from campaigns.rules.webhooks import EventKind
from campaigns.visits.results import enter_results, undo_entry
from campaigns.webhooks.collect_events import new_delivery
from outreach.accounts.kept_filters import keep_filters
from outreach.contacts.contact import Closing, lift_suppression, suppress_number
from outreach.contacts.phones import add_number, remove_number
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision, read_open_issues
from outreach.imports.store_rows import lock_imports
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactReference,
    Erasure,
    ImportIssue,
    KeptValue,
    ListImport,
    Phone,
    Suppression,
    Upload,
    UploadState,
    WishNumber,
    WishPerson,
)
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState
from outreach.rules.identity import ERASED
from tests.support.lists import bring, local, people, write
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, AUTHOR, number

NAME = "Y Blốc Kđăm"
OTHER = "A Thun Kđăm"
SHARED, OWN = number(7), number(8)


def ask(world, contact_id, kind=RequestKind.ERASE):
    return world.do(record_request, contact_id, kind, asked_by=f"chính {NAME}", asked_on=None).id


def forget(world, request_id, email=APPROVER):
    world.do(erase_contact, request_id, by=email)


def dump(world):
    """Every row that the database holds, a line each, as it would be read."""
    tables = Contact.metadata.sorted_tables
    found = [(table.name, *row) for table in tables for row in world.rows(select(table))]
    return "\n".join(json.dumps(row, ensure_ascii=False, default=str) for row in found)


@pytest.fixture
def person(world, tmp_path):
    """Somebody on a number of their own and on one that they share, brought by a list; their id."""
    bring(
        world,
        write(
            tmp_path,
            f"1,{NAME},1960,Thôn 1,,{local(8)}; {local(7)}",
            f"2,{OTHER},1985,Thôn 1,,{local(7)}",
            f"3,{NAME},60,Thôn 1,,{local(8)}",
            f"4,{NAME},1960,Thôn 1,,0900 OOO 008",
            f"5,{NAME},1960,Thôn 1,,không có",
        ),
    )
    return world.contact(NAME)


@pytest.fixture
def campaign(world, person):
    """Sent to them and answered in every way."""
    found = world.sent(
        people=2, text="Chào {name}, mời cài: {link}", step=[{"after_days": 2, "text": "Nhắc {name}: {link}"}]
    )
    world.reply(OWN, f"giup toi cai voi, toi ten la {NAME}", gateway_id="SM1")
    (case,) = world.cases()
    world.do(assign_case, case.id)
    world.do(close_case, case.id, CaseOutcome.CALLED, note=f"{NAME} nhờ con", result=None)
    told = {"place": AnswerPlace.HOME, "note": f"bà {NAME} tự cài"}
    world.do(record_answer, person, found, Label.INSTALLED, **told)
    world.reply(number(0), "1", gateway_id="SM2")
    return found


@both_databases
def test_nothing_of_them_is_left_and_no_figure_changes(world, person, campaign):
    world.add(KeptValue(list_id=1, name="nơi hẹn", contact_id=person, import_id=1, value="Nhà Y Bloc"))
    for name in (f"Hỏi lại {NAME} nhé", f"Số 0{OWN[3:]}", "Cần giúp"):
        world.do(keep_filters, page="inbox.index", query="kind=help", name=name)
    world.do(suppress_number, person, world.phone(OWN), reason=Closing.OPT_OUT, note=f"{NAME} gọi điện")
    before = world.status(campaign)
    token = LinkCipher(world.runtime.settings.secret_key).token(world.recipient(OWN, campaign).id)
    assert token in dump(world)
    forget(world, ask(world, person))
    after = dump(world)
    for told in (NAME, "Y Bloc", OWN, OWN[3:], OWN[::-1], token, "OOO 008"):
        assert [line for line in after.splitlines() if told in line] == []
    for kept_name in (OTHER, SHARED, "Cần giúp"):
        assert kept_name in after
    assert world.status(campaign) == before
    assert world.all(select(WishNumber.phone_id)) == [None]
    assert world.all(select(WishPerson.contact_id)) == []
    assert world.read(find_differences)[1] == []


def test_rows_kept_for_review_of_others_on_a_shared_number_stay_and_are_not_handed_out(
    world, person, tmp_path
):
    more = write(
        tmp_path,
        "1,Y Hlan,1962,Thôn 1,,0900 OOO 007",
        f"2,{NAME},1960,Thôn 1,,0900 OOO 007",
        "3,A Rin,1970,Thôn 1,,0900 OOO 009",
        f"4,{NAME},1960,Thôn 1,,{local(7)}",
        name="more.csv",
    )
    assert bring(world, more).review == 3
    campaign = world.launch()
    # Reached once by a number that was erased with somebody else.
    erased = world.add(Phone(e164=f"{ERASED}99", reversed="99", created_at=world.now))
    theirs = (Recipient.campaign_id == campaign, Recipient.contact_id == person)
    world.execute(update(Recipient).where(*theirs).values(phone_id=erased.id))
    request_id = ask(world, person, RequestKind.EXPORT)
    parts = world.do(export_personal_data, request_id, by=APPROVER)
    (issues,) = (part.rows for part in parts if part.title == "Dòng để riêng khi nhập")
    assert ["Y Hlan" in cells or "A Rin" in cells for *_, cells in issues] == [False] * len(issues)
    assert ("more.csv", 3) in {(name, line) for name, line, _ in issues}
    world.do(finish_request, request_id, answer="đã gửi", by=APPROVER)
    forget(world, ask(world, person))
    kept = [(issue.cells["name"], issue.decision) for issue in world.all(select(ImportIssue)) if issue.cells]
    assert sorted(kept) == [("A Rin", None), ("Y Hlan", None)]


def test_notes_on_shared_numbers_and_on_wishes_taken_back_are_emptied(world, person, campaign):
    who = {"user": world.user(APPROVER), "now": world.now}
    lift = {"user": world.user(APPROVER), "now": world.now}
    own, shared = (world.phone(each) for each in (OWN, SHARED))
    wrong, stop = Closing.WRONG_NUMBER, Closing.OPT_OUT
    suppress_number(world.runtime, person, shared, reason=wrong, note=f"{NAME} nói nhầm số", **who)
    suppress_number(world.runtime, person, own, reason=stop, note=f"{NAME} gọi điện", **who)
    lift_suppression(world.runtime, person, own, reason=stop, note=f"{NAME} xin nhận lại", **lift)
    receipt = {"message_ids": ["1"], "status": "delivered", "text": f"Chao {NAME}"[:20]}
    moments = {"received_at": world.now, "next_try_at": world.now}
    world.add(WaitingReceipt(**receipt, **moments, phone_id=own))
    forget(world, ask(world, person))
    assert [line for line in dump(world).splitlines() if NAME in line] == []
    assert world.scalar(select(Suppression.lifted_at).where(Suppression.phone_id == shared)) is None


def test_what_a_number_wrote_before_its_person_was_known_is_exported_and_erased(world):
    world.reply(OWN, "Cho hoi cai o dau", gateway_id="SM1")
    world.reply(OWN, "TC", gateway_id="SM2")
    world.send()
    known = world.add_person(NAME, OWN)
    request_id = ask(world, known, RequestKind.EXPORT)
    parts = world.do(export_personal_data, request_id, by=APPROVER)
    told = {part.title: part.rows for part in parts}
    assert "Cho hoi cai o dau" in str(told["Câu trả lời"])
    assert "Da nhan yeu cau tu choi" in str(told["Tin đã gửi"])
    assert len(told["Việc cán bộ xử lý"]) == 1
    forget(world, ask(world, known))
    assert "Cho hoi cai o dau" not in dump(world)


def test_what_is_noted_of_who_shares_a_number_is_not_in_the_file_for_the_other(world, person):
    told = {"reason": Closing.OPT_OUT, "note": "đang ốm nặng, xin đừng nhắn"}
    other = world.add_person("Y Hlan", OWN)
    world.do(suppress_number, other, world.phone(OWN), **told)
    for asks, is_told in ((person, False), (other, True)):
        parts = world.do(export_personal_data, ask(world, asks, RequestKind.EXPORT), by=APPROVER)
        [wishes] = [part.rows for part in parts if part.title == "Từ chối nhận tin"]
        assert ("ốm nặng" in str(wishes), len(wishes)) == (is_told, 1)


def test_a_note_at_the_door_that_counts_no_more_is_in_the_file_for_the_person(world, person):
    campaign = world.sent()
    world.set_all(MessageState.NO_REPORT)
    sheet = world.make_sheet(campaign, list_id=world.one(select(ListImport.list_id)))
    n = world.one(select(VisitLine.n).where(VisitLine.contact_id == person))
    world.do(enter_results, sheet, {n: VisitOutcome.REFUSE})
    world.execute(update(VisitResult).values(note="hẹn hôm khác"))
    world.do(undo_entry, sheet)
    parts = world.do(export_personal_data, ask(world, person, RequestKind.EXPORT), by=APPROVER)
    (rows,) = (part.rows for part in parts if part.title == "Phiếu đến nhà")
    assert "hẹn hôm khác" in rows[0]


@pytest.mark.parametrize("is_theirs_again", [False, True])
def test_whose_number_stood_with_somebody_by_mistake_gets_an_answer_though_they_are_erased(
    world, is_theirs_again
):
    known = world.add_person(NAME, OWN)
    wrong = {"note": "số của người khác", "opted_out": False, "by": APPROVER}
    world.do(remove_number, known, world.phone(OWN), **wrong)
    if is_theirs_again:
        world.do(add_number, known, OWN)
    world.reply(OWN, "Cho hoi cai o dau", gateway_id="SM1")
    forget(world, ask(world, known))
    stays = not is_theirs_again
    assert [world.get_one(Phone, case.phone_id).e164 for case in world.cases()] == [OWN] * stays
    assert world.all(select(Reply.body)) == ["Cho hoi cai o dau" * stays]


def test_a_merge_of_who_is_being_erased_and_the_erasure_wait_for_each_other_in_one_order(world, person):
    request_id, holds = ask(world, person), Event()

    def merge():
        with world.runtime.db.write() as session:
            lock_imports(session)
            holds.set()
            time.sleep(0.5)
            session.execute(update(PersonRequest).values(asked_by="mẹ"))

    with ThreadPoolExecutor(1) as pool:
        merged = pool.submit(merge)
        holds.wait(10)
        forget(world, request_id)
        merged.result()


def test_what_a_system_calls_them_stands_in_no_event_told_to_it(world, person):
    organisation = world.one(select(ContactList.organisation_id).distinct())
    with world.runtime.db.write() as session:
        session.add(ContactReference(organisation_id=organisation, reference="cd-77", contact_id=person))
        made_by = world.user(AUTHOR).id
        subscription = Subscription(
            name="Kho", url="https://x.example", organisation_id=organisation, kinds=["opt_out"],
            salt="0", made_by=made_by, made_at=world.now,
        )  # fmt: skip
        session.add(subscription)
        session.flush()
        for n, data in enumerate(({"reference": "cd-77"}, {"references": ["cd-77", "cd-770"]})):
            new = partial(new_delivery, subscription, EventKind.OPT_OUT, str(n), at=world.now, now=world.now)
            session.add(new(dict(data)))
    forget(world, ask(world, person))
    assert world.all(select(Delivery.data).order_by(Delivery.id)) == [
        {"reference": None},
        {"references": ["cd-770"]},
    ]


def test_later_steps_and_what_still_waits_do_not_reach_them(world, person, campaign):
    assert world.all(select(Outbox.message_id)) != []  # acknowledgements
    forget(world, ask(world, person))
    before = world.sent_to().count(OWN)
    world.send()
    world.sweep(at=world.now + timedelta(days=3))
    world.send()
    assert world.sent_to().count(OWN) == before
    steps = world.status(campaign)["steps"]
    assert len(steps) == 2
    assert {sum(step["messages"].values()) for step in steps} == {world.status(campaign)["recipients"]}


def test_a_message_written_for_them_at_the_last_moment_is_not_sent(world, person, campaign):
    recipient = world.recipient(OWN, campaign)
    forget(world, ask(world, person))
    before = len(world.sent_to())
    # As a step does that was being opened meanwhile.
    step_id = world.one(select(func.max(Step.id)).where(Step.campaign_id == campaign))
    whose = {"campaign_id": campaign, "step_id": step_id, "recipient_id": recipient.id}
    message = world.add(Message(kind=MessageKind.STEP, **whose, phone_id=recipient.phone_id))
    world.add(Outbox(message_id=message.id, stream_id=campaign, not_before=world.now))
    world.send()
    assert world.get_one(Message, message.id).state is MessageState.SKIPPED
    assert OWN not in world.sent_to()[before:]
    assert not any(number.startswith("#") for number in world.sent_to())


def test_who_is_being_written_to_is_erased_only_once_that_is_known(world, person, campaign):
    request_id = ask(world, person)
    theirs = select(Message.id).where(Message.recipient_id == world.recipient(OWN, campaign).id)
    world.execute(update(Attempt).where(Attempt.message_id.in_(theirs)).values(state=AttemptState.UNKNOWN))
    before = dump(world)
    with pytest.raises(WrongState, match="erasure_message_under_way"):
        forget(world, request_id)
    assert dump(world) == before


def test_a_list_that_has_them_again_is_asked_about(world, person, tmp_path):
    world.do(suppress_number, person, world.phone(OWN), reason=Closing.OPT_OUT, note="xin thôi")
    forget(world, ask(world, person))
    again = write(
        tmp_path,
        f"1,{NAME},1960,Thôn 1,,{local(8)}",  # the number was theirs alone: whoever comes with it
        f"2,Y Bloc,1960,Thôn 2,,{local(8)}",
        f"3,{NAME.upper()},1960,Thôn 1,,{local(7)}",  # the number is somebody else's, too
        f"4,Y Hlan,1990,Thôn 1,,{local(7)}",
        f"5,{OTHER},1985,Thôn 1,,{local(7)}",
        name="again.csv",
    )
    counts = bring(world, again, "Danh sách mới")
    assert (counts.review, counts.created, counts.merged) == (3, 1, 1)
    assert sorted(people(world)) == [OTHER, "Y Hlan"]
    assert not len(world.all(select(Phone.id).where(Phone.e164 == OWN)))
    taken, dropped = waiting(world)[0], waiting(world)[1]
    world.do(decide_issue, taken, Decision.TAKEN)
    world.do(decide_issue, dropped, Decision.DROPPED)
    assert people(world)[NAME] == [OWN]
    assert world.get_one(ImportIssue, dropped).cells == {}
    # The wish to be left alone has outlived them.
    assert world.read(numbers_left_alone) == {OWN}
    assert bring(world, again, "Danh sách mới").unchanged == 3
    kept = [issue.cells for issue in world.all(select(ImportIssue)) if issue.decision == "dropped"]
    assert not any(kept)


def test_who_is_not_to_come_back_is_forgotten_wherever_they_were_asked_about(world, person, tmp_path):
    forget(world, ask(world, person))
    again = write(tmp_path, f"1,{NAME},1960,Thôn 1,,{local(8)}", f"2,{NAME},1960,Thôn 1,,{local(8)}")
    for _ in range(2):
        assert bring(world, again).review == 2
    first, _second = waiting(world)
    world.do(decide_issue, first, Decision.DROPPED)
    assert waiting(world) == []
    assert NAME not in dump(world)
    assert bring(world, again).rejected == 2
    assert NAME not in dump(world)


def waiting(world):
    rows, _count = world.read(read_open_issues, world.user(AUTHOR))
    return [row.issue.id for row in rows if row.issue.reason == "was_erased"]


def test_who_opted_out_and_was_erased_may_write_again(world, campaign, person):
    world.reply(OWN, "TC", gateway_id="SM3")
    forget(world, ask(world, person))
    world.reply(OWN, "TC", gateway_id="SM4")
    assert world.read(numbers_left_alone) == {OWN}


def test_only_an_approver_erases_and_only_at_the_persons_request(world, person):
    with pytest.raises(NotAllowed):
        forget(world, ask(world, person), AUTHOR)
    with pytest.raises(BadInput, match="request_not_erasure"):
        forget(world, ask(world, person, RequestKind.EXPORT))
    with pytest.raises(WrongState, match="request_waiting"):
        ask(world, person)
    assert world.count(Erasure) == 0


def test_what_is_pressed_or_written_on_a_page_while_its_person_is_erased_leaves_nothing(world):
    world.add_people(1)
    recipient = world.recipient(number(0), world.launch())
    world.erase(recipient.contact_id or 0)
    for word in ("installed", "opt_out", "wrong_number", "need_help", "undo", "install"):
        with pytest.raises(BadInput), world.runtime.db.write() as session:
            record_page_answer(session, recipient.id, word, now=world.now)
    with pytest.raises(BadInput), world.runtime.db.write() as session:
        receive_page_message(session, recipient.id, f"Tôi là {NAME}", now=world.now)
    assert not world.all(select(Answer.id)) + world.all(select(Reply.id))


@both_databases
def test_erased_while_the_campaign_is_being_sent_they_get_it_once_or_not_at_all(world):
    world.add_people(300)
    ids = world.all(select(Contact.id).order_by(Contact.id.desc()).limit(20))
    requests = [ask(world, contact_id) for contact_id in ids]
    world.simulator.faults(latency_ms=30, callbacks_off=True)
    campaign = world.launch()
    with ThreadPoolExecutor(3) as pool:
        halves = (requests[::2], requests[1::2])
        done = [pool.submit(world.send, 60), *(pool.submit(forget_all, world, half) for half in halves)]
        for each in done:
            each.result()
    assert max(Counter(world.sent_to()).values()) == 1
    assert world.all(select(Contact.id).where(Contact.id.in_(ids))) == []
    assert world.all(select(Outbox.message_id)) == []
    messages = world.status(campaign)["steps"][0]["messages"]
    assert messages["accepted"] == len(world.sent_to())
    assert sum(messages.values()) == world.status(campaign)["recipients"] == 300


def forget_all(world, requests):
    """As an officer would: whoever is being written to is tried again."""
    for request_id in requests:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            try:
                forget(world, request_id)
            except WrongState as error:
                if "đã được trả lời" in str(error):
                    break
                time.sleep(0.02)
            else:
                break


def test_erasing_answers_every_open_request_and_cannot_be_done_twice(world, person):
    ask(world, person, RequestKind.CORRECT)
    request_id = ask(world, person)
    forget(world, request_id)
    requests = world.all(select(PersonRequest))
    assert {(each.asked_by, each.contact_id, each.done_at is None) for each in requests} == {
        ("", None, False)
    }
    with pytest.raises(WrongState, match="request_answered_before"):
        forget(world, request_id)
    with pytest.raises(NotFound):
        ask(world, person)


def test_erasing_somebody_without_a_name_leaves_the_previews_of_others_alone(world):
    person = world.add_person("", number(7))
    preview = {"rows": [], "sheets": [{"lines": [[1, "Y Hlan"]], "columns": []}]}
    about = {"list_id": world.list_id, "file_name": "a", "sha256": "", "size": 1, "uploaded_at": world.now}
    world.add(Upload(**about, state=UploadState.READY, preview=preview))
    world.erase(person)
    assert world.scalar(select(Upload.preview))["sheets"] == preview["sheets"]


def test_whose_cry_for_help_waits_is_erased_only_once_it_is_settled(world, person, campaign):
    world.reply(OWN, "cuu toi voi, nha toi dang chay", gateway_id="SM9")
    (case,) = [each for each in world.cases() if each.urgent_at]
    with pytest.raises(WrongState, match="erasure_cry_open"):
        world.erase(person)
    world.do(close_case, case.id, CaseOutcome.CALLED, note="", result=None)
    forget(world, world.one(select(PersonRequest.id).where(PersonRequest.contact_id == person)))
    assert world.all(select(Contact.id).where(Contact.id == person)) == []


def test_who_is_said_to_need_help_is_erased_only_once_that_is_settled_also_if_no_officer_was_told(
    world, person
):
    world.change(Campaign, world.sent(), urgent_reason="Bão số 9 đổ bộ trong đêm")
    said = Details(people=2, needs=[], place="", position=None, forgets=False)
    world.do(record_public_safety, OWN, "help", said, is_told=False, now=datetime.now(UTC))
    with pytest.raises(WrongState, match="erasure_cry_open"):
        world.erase(person)
    world.do(close_case, world.cases()[-1].id, CaseOutcome.CALLED, note="", result=None)
    forget(world, world.one(select(PersonRequest.id).where(PersonRequest.contact_id == person)))
    assert world.all(select(Contact.id).where(Contact.id == person)) == []
