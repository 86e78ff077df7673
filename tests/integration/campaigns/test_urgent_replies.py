"""Cries for help: on top of the inbox, answered once with whom to call, told to the officer on duty and to those who stand in."""

import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from smtplib import SMTPException
from threading import Thread

import pytest
from sqlalchemy import select, update

from campaigns.analytics.open_tasks import read_open_cries
from campaigns.cases import rescue as alert_cases
from campaigns.cases.case_list import CaseFilter, read_case_list
from campaigns.cases.conversation import read_items
from campaigns.cases.handle_case import assign_case, close_case, label_reply, last_cry_of, unassign_case
from campaigns.cases.rescue import alert_officers, enqueue_due_alerts
from campaigns.lifecycle import resume_all_sending, stop_all_sending
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.replies import Case, Reply
from campaigns.planning.kinds import load_kinds
from campaigns.replies.open_case import MOST_CRIES
from campaigns.replies.public_requests import leave_note, receive_page_message
from campaigns.rules.cases import URGENT_WAITS, CaseKind, CaseOutcome
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import MessageState
from campaigns.webhooks.deliver_events import post_event
from outreach.rules.errors import BadInput, WrongState
from tests.support.world import APPROVER, AUTHOR, number

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CRY = "nước lên tới ngực rồi, cứu với"


@pytest.fixture
def campaign(world):
    world.add_people(3, first=15)
    campaign = world.sent(content=load_kinds()["bao-lu"])
    return campaign


def say(world, body, *, sender=None, at=None):
    count = world.count(Reply)
    reply = world.reply(sender or number(15), body, gateway_id=f"said-{count}", now=at or world.now)
    assert reply
    return reply


def emergency_answers(world):
    texts = select(Message.text, Outbox.not_before).join(Outbox, Outbox.message_id == Message.id)
    return world.rows(texts.where(Message.id.in_(select(Reply.emergency_id))))


def test_a_cry_for_help_is_on_top_of_the_inbox_and_answered_at_once_at_any_hour(world, campaign):
    say(world, "bão vào lúc mấy giờ", sender=number(16))
    night = world.now + timedelta(hours=14)
    reply = say(world, CRY, at=night)
    assert (reply.label, reply.is_urgent) == (Label.NEED_HELP, True)
    ((text, leaves_at),) = emergency_answers(world)
    assert "112" in text
    assert leaves_at == night
    officer = world.user(AUTHOR)
    for order in (False, True):
        shown = world.read(read_case_list, officer, CaseFilter(newest_first=order), now=night)
        assert [line.case.kind for line in shown.lines] == [CaseKind.HELP, CaseKind.QUESTION]


def test_a_number_gets_one_emergency_answer_in_a_day_also_after_it_opted_out(world, campaign):
    say(world, "TC")
    say(world, CRY)
    say(world, "cứu với", at=world.now + timedelta(hours=23))
    assert len(emergency_answers(world)) == 1
    say(world, "cứu với", at=world.now + timedelta(hours=25))
    assert len(emergency_answers(world)) == 2


def test_a_cry_from_a_number_in_no_list_is_a_case_too(world, campaign):
    say(world, CRY, sender=number(99))
    (case,) = world.all(select(Case).order_by(Case.id))
    assert case.urgent_at
    assert len(emergency_answers(world)) == 1


def test_a_phone_in_no_list_that_cries_on_and_on_is_one_case_and_one_alert(world, campaign):
    world.use(duty_contacts=(number(70),))
    words = [f"cứu với, nước ngập mái nhà, {n} người" for n in range(3)]
    for seconds, body in enumerate(words):
        say(world, body, sender=number(99), at=world.now + timedelta(seconds=seconds))
    (case,) = world.cases()
    assert enqueue_due_alerts(world.runtime, now=world.in_hours(0.01)) == 1
    [line] = world.read(read_case_list, world.user(AUTHOR), CaseFilter(), now=world.in_hours(0.01)).lines
    assert (line.reply and line.reply.body, line.texts_since) == (words[0], words[1:])
    world.change(Case, case.id, done_at=world.now)
    say(world, CRY, sender=number(99), at=world.in_hours(1))
    (other,) = world.cases()
    assert other.id != case.id, "a new cry after help was given is a new case"


def test_cries_of_a_number_that_may_be_questions_are_told_once_in_ten_minutes(world, campaign):
    world.use(duty_contacts=(number(70),))
    asked = [say(world, f"ai đó bị đuối nước thì gọi số nào? {n}") for n in range(3)]
    assert {(reply.label, reply.is_urgent) for reply in asked} == {(Label.QUESTION, True)}
    recipient = asked[0].recipient_id
    for n in range(10):
        text = f"ai đó bị đuối nước thì gọi vào số nào? {n}"
        assert world.do(receive_page_message, recipient, text) == "urgent"
    told = select(Case.id).where(Case.urgent_at.is_not(None), Case.alerted_at.is_(None))
    assert len(world.all(told)) == 2, "one of each way"
    assert say(world, CRY), "one that is sure is told all the same"
    assert len(world.all(told)) == 3
    say(world, "ai đó bị đuối nước thì gọi số nào?", at=world.now + URGENT_WAITS + timedelta(minutes=1))
    assert len(world.all(told)) == 4


def test_a_cry_that_is_kept_beside_another_is_told_once_that_one_is_settled(world, campaign):
    asked = [say(world, f"ai đó bị đuối nước thì gọi số nào? {n}") for n in range(3)]
    told = select(Case.reply_id).where(Case.done_at.is_(None), Case.alerted_at.is_(None))
    for each in (0, 2, 1):
        assert world.all(told) == [asked[each].id]
        case = world.one(select(Case.id).where(Case.reply_id == asked[each].id))
        world.do(close_case, case, CaseOutcome.CALLED, note="", result=None)


def test_who_cries_on_and_on_on_a_page_has_few_cases_and_every_word_is_kept(world, campaign):
    recipient = say(world, "ai đó bị đuối nước thì gọi số nào?").recipient_id or 0
    texts = [f"ai đó bị đuối nước thì gọi vào số nào? {n}" for n in range(3 * MOST_CRIES)]
    seen = 0
    for n, text in enumerate(texts):
        assert world.do(receive_page_message, recipient, text, now=world.now) == "urgent"
        if n == MOST_CRIES:
            seen = world.read(last_cry_of, world.cases()[-1].id)
    cases = world.cases()
    assert len(cases) == 1 + MOST_CRIES, "one by SMS"
    about = {"note": "", "result": None, "seen": seen, "now": world.now}
    with pytest.raises(WrongState, match="case_cried_since"):
        close_case(world.runtime, cases[-1].id, CaseOutcome.CALLED, user=world.user(AUTHOR), **about)
    said = {each.text for each in world.read(read_items, [recipient])}
    assert said >= set(texts)
    world.execute(update(Case).values(done_at=world.now, outcome=CaseOutcome.UNREACHED))
    assert world.do(receive_page_message, recipient, "ai đó bị đuối nước, gọi số nào?") == "urgent"
    assert len(world.cases()) == 1


def test_officers_on_duty_are_told_once_and_those_who_stand_in_when_nobody_takes_it(world, campaign):
    world.use(duty_contacts=(number(70),), stand_in_contacts=(number(71), number(72)))
    say(world, CRY)
    case_id = world.one(select(Case.id))
    assert enqueue_due_alerts(world.runtime, now=world.now) == 1
    assert alert_officers(world.runtime, case_id, now=world.now) == 1
    assert alert_officers(world.runtime, case_id, now=world.now) == 0
    late = world.now + URGENT_WAITS
    assert alert_officers(world.runtime, case_id, now=late) == 2
    assert enqueue_due_alerts(world.runtime, now=late) == 0
    texts = world.all(select(Message.text).where(Message.text.like("Loa:%")))
    assert len(texts) == 3
    assert all(
        f"/admin/inbox/{case_id}/" in (text or "") and number(15) not in (text or "") for text in texts
    )


@pytest.mark.parametrize("is_event", [False, True])
def test_officers_see_that_an_alert_by_sms_has_not_arrived(world, campaign, author, is_event):
    world.change(Campaign, campaign, urgent_reason="Bão số 9 đổ bộ" if is_event else "")
    world.use(duty_contacts=(number(70),))
    say(world, "chào")
    say(world, CRY)
    case_id = world.one(select(Case.id).where(Case.urgent_at.is_not(None)))
    assert alert_officers(world.runtime, case_id, now=world.now) == 1
    pages, lost = ("/admin/", f"/admin/inbox/{case_id}/"), "không tới: xin gọi cho họ"
    assert not any(lost in author.get(page).text for page in pages)
    world.execute(update(Message).where(Message.text.like("Loa:%")).values(state=MessageState.UNDELIVERED))
    assert all(lost in author.get(page).text for page in pages)
    other = world.first(select(Case.id).where(Case.urgent_at.is_(None)))
    assert lost not in author.get(f"/admin/inbox/{other}/").text


def test_a_case_that_was_taken_is_not_escalated(world, campaign):
    world.use(duty_contacts=(number(70),), stand_in_contacts=(number(71),))
    say(world, CRY)
    world.execute(update(Case).values(alerted_at=world.now, taken_at=world.now))
    assert enqueue_due_alerts(world.runtime, now=world.now + URGENT_WAITS) == 0


def test_officers_are_told_anew_of_a_cry_that_who_took_it_gives_back(world, campaign, box):
    world.use(duty_contacts=("truc@loa.example",), stand_in_contacts=("thay@loa.example",), smtp_url=box.url)
    say(world, CRY)
    case_id = world.one(select(Case.id))
    alert_officers(world.runtime, case_id, now=world.now)
    late = world.now + URGENT_WAITS
    alert_officers(world.runtime, case_id, now=late)
    world.do(assign_case, case_id, now=late + timedelta(minutes=1))
    assert enqueue_due_alerts(world.runtime, now=late + timedelta(minutes=1)) == 0
    world.do(unassign_case, case_id, now=late + timedelta(minutes=2))
    assert enqueue_due_alerts(world.runtime, now=late + timedelta(minutes=2)) == 1
    for _ in range(2):
        alert_officers(world.runtime, case_id, now=late + timedelta(minutes=2))
    mails = box.take()
    assert [to for to, _mail in mails] == ["truc@loa.example", "thay@loa.example"] * 2
    assert len({mail["Message-ID"] for _to, mail in mails}) == 4


def test_a_webhook_is_told_with_a_signature_and_one_that_is_away_costs_no_other_alert(world, campaign):
    got = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
            self.send_response(204 if self.path == "/duty" else 500)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    class Server(HTTPServer):
        connections = 0

        def verify_request(self, *_arguments):
            self.connections += 1
            return True

    server = Server(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    world.use(duty_contacts=(f"{base}/away", f"{base}/duty"), alert_secret="s" * 32)
    say(world, CRY)
    case_id = world.one(select(Case.id))
    assert alert_officers(world.runtime, case_id, now=world.now) == 2
    told, port = server.connections, server.server_port
    for address in (
        *(f"{base}/duty", f"https://127.0.0.1:{port}/duty", f"https://localhost:{port}/duty"),
        *(f"https://[::ffff:127.0.0.1]:{port}/duty", f"https://2130706433:{port}/duty"),
        *("https://169.254.169.254/latest", f"https://0.0.0.0:{port}/duty"),
    ):  # in production nothing of the host's own networks is asked
        with pytest.raises((OSError, BadInput)):
            post_event(address, event_id="x", kind="x", data={}, secret="", is_production=True, now=world.now)
    assert server.connections == told
    server.shutdown()
    server.server_close()
    headers, event = got[-1]
    assert headers["webhook-signature"].startswith("v1,")
    assert event["type"] == "case.urgent"
    assert event["data"]["case"] == case_id
    assert number(15) not in json.dumps(event)


def duty(world, **changed):
    names = {"duty_contacts": (number(70),), "stand_in_contacts": (number(71),), **changed}
    world.use(**names)


def tell(world, at):
    """What the sweep and its jobs do about the one case; how many were told."""
    [case] = world.cases()
    return alert_officers(world.runtime, case.id, now=at) if enqueue_due_alerts(world.runtime, now=at) else 0


def tell_all(world, at):
    """How many officers on duty are told of cases, of none for the second time."""
    told = {case.id for case in world.cases() if case.alerted_at is None}
    return sum(alert_officers(world.runtime, each, now=at) for each in told)


def test_a_cry_stands_on_the_home_page_in_the_words_of_its_own_campaign(world, campaign):
    said = say(world, CRY)
    of_others = {"campaign_id": None, "recipient_id": None, "gateway_id": "others", "body": "cứu bà tôi"}
    columns = {column.key: getattr(said, column.key) for column in Reply.__table__.columns}
    world.add(Reply(**columns | of_others | {"id": None}))
    assert [cry.text for cry in world.read(read_open_cries, user=world.user(AUTHOR))] == [CRY]


def test_a_further_cry_in_an_open_case_is_told_anew_whoever_took_the_case_before(world, campaign):
    duty(world)
    say(world, "can giup cai dat")
    world.execute(update(Case).values(taken_at=world.now))
    night = world.now + timedelta(hours=9)
    say(world, CRY, at=night)
    assert [tell(world, night), tell(world, night + URGENT_WAITS)] == [1, 1]
    say(world, "cứu với", at=night + timedelta(minutes=5))
    assert tell(world, night + timedelta(minutes=15)) == 0
    later = night + timedelta(hours=3)
    say(world, "nước tới cổ rồi cứu tôi", at=later)
    assert [tell(world, later), tell(world, later), tell(world, later + URGENT_WAITS)] == [1, 0, 1]


def test_the_same_cry_on_a_page_after_some_minutes_is_told_anew(world, campaign):
    duty(world)
    on_page = world.recipient(number(15), campaign).id
    for write, *said in ((receive_page_message, on_page, CRY), (leave_note, number(55), CRY, True)):
        told = []
        for at in (world.now, world.now, world.now + URGENT_WAITS):
            world.do(write, *said, now=at)
            told.append(tell_all(world, at))
        assert told == [1, 0, 1]


def test_a_cry_that_a_cut_off_phone_delivers_after_days_is_told(world, campaign):
    duty(world)
    say(world, CRY, at=world.now - timedelta(days=3))
    assert tell(world, world.now) == 1


def test_a_cry_is_told_whose_case_is_open_since_before_anybody_was_on_duty(world, campaign):
    on_page = world.recipient(number(15), campaign).id
    world.do(receive_page_message, on_page, CRY, now=world.now - timedelta(days=15))
    duty(world)
    world.do(receive_page_message, on_page, "nước tới cổ rồi cứu tôi", now=world.now)
    assert tell(world, world.now) == 1


def test_nobody_is_said_to_have_been_told_who_was_not(world, campaign):
    duty(world, duty_contacts=("truc@loa.example",), smtp_url="")
    say(world, CRY)
    assert tell(world, world.now) == 0
    stop_all_sending(world.runtime, user=world.user(APPROVER), now=world.now)
    assert tell(world, world.now + URGENT_WAITS) == 0
    resume_all_sending(world.runtime, user=world.user(APPROVER), now=world.now)
    assert tell(world, world.now + URGENT_WAITS) == 1
    [case] = world.cases()
    assert (case.alerted_at, case.escalated_at) == (None, world.now + URGENT_WAITS)


@pytest.mark.parametrize("on_duty", ["a mailbox that is gone", "a server that is away"])
def test_those_who_stand_in_are_told_where_nobody_on_duty_can_be(world, campaign, box, on_duty):
    contact = "nobody@loa.example" if on_duty == "a mailbox that is gone" else "http://127.0.0.1:9/duty"
    duty(world, duty_contacts=(contact,), smtp_url=box.url)
    say(world, CRY)
    with pytest.raises((OSError, SMTPException)):
        tell(world, world.now)
    assert tell(world, world.now + URGENT_WAITS) == 1
    [case] = world.cases()
    assert (case.alerted_at, case.escalated_at) == (None, world.now + URGENT_WAITS)


def test_a_mailbox_on_duty_that_is_gone_is_tried_ever_less_often(world, campaign, box):
    duty(world, duty_contacts=("nobody@loa.example",), stand_in_contacts=(), smtp_url=box.url)
    say(world, CRY)
    tried = [
        enqueue_due_alerts(world.runtime, now=world.now + timedelta(minutes=after))
        for after in (0, 20, 20.1, 60)
    ]
    assert tried == [1, 1, 0, 0]


def test_a_new_cry_is_told_though_hundreds_of_before_wait_for_a_mailbox_that_is_gone(
    world, campaign, monkeypatch
):
    duty(world, stand_in_contacts=("nobody@loa.example",), smtp_url="smtp://127.0.0.1:9")
    before = world.now - URGENT_WAITS
    known = {"kind": CaseKind.HELP, "opened_at": before, "urgent_at": before, "alerted_at": before}
    world.add(*(Case(**known) for _ in range(200)))
    say(world, CRY)
    told = []
    monkeypatch.setattr(alert_cases, "enqueue_alert", lambda _runtime, case_id: told.append(case_id))
    enqueue_due_alerts(world.runtime, now=world.now)
    assert world.cases()[-1].id in told


def test_what_asks_for_an_officer_waits_for_one_though_a_later_answer_came_first(world, campaign):
    world.execute(update(Attempt).values(claimed_at=world.in_hours(-5)))
    for index, asked in ((15, "tôi cần giúp"), (16, "cái này có mất tiền không?"), (17, "xyz abc")):
        say(world, "1", sender=number(index))
        say(world, asked, sender=number(index), at=world.now - timedelta(minutes=30))
        assert world.recipient(number(index), campaign).answered_at == world.now
    assert [case.kind for case in world.cases()] == [CaseKind.HELP, CaseKind.QUESTION, CaseKind.UNCLEAR]


def test_a_cry_is_taken_back_by_no_word_and_no_press(world, campaign):
    say(world, CRY)
    say(world, "nhầm", at=world.now + timedelta(minutes=2))
    assert [case.urgent_at for case in world.cases() if case.kind is CaseKind.HELP] == [world.now]


def test_a_cry_that_an_officer_joins_to_an_open_case_stays_one(world, campaign):
    say(world, "can giup cai dat")
    reply = say(world, "alo alo", at=world.now + timedelta(minutes=1))
    case = world.one(select(Case.id).where(Case.reply_id == reply.id))
    world.change(Case, case, urgent_at=world.now)
    label_reply(world.runtime, case, "need_help", user=world.user(AUTHOR), now=world.now)
    assert [case.urgent_at for case in world.cases()] == [world.now]
