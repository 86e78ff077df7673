"""Replies by a short code's operator and by a phone: proven, stored once, and the same by two channels counted once."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from admin.app import create_app
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, StatusEvent
from campaigns.models.replies import Case, InstallReport, Reply, ReplyChannel, SafetyReport
from campaigns.replies.gateway_inbox import import_log
from campaigns.replies.receive_reply import receive_reply
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import Understanding
from campaigns.rules.safety import SafetyStatus
from campaigns.rules.sending_hours import VIETNAM
from outreach.contacts.suppressions import lock_phone
from outreach.contacts.wishes import is_left_alone
from outreach.models.contacts import Phone
from outreach.rules.formats import parse_push_fields
from outreach.rules.gateway import InboundMessage
from outreach.sms.android import MessageIds
from tests.support.wishes import numbers_left_alone
from tests.support.world import number

SECRET, KEY = "push-secret-of-a-test", "signing-key"
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def campaign(world):
    world.add_people(3, first=15)
    campaign = world.sent()
    return campaign


@pytest.fixture
def channels(world):
    settings = replace(world.runtime.settings, push_secret=SECRET, phone_webhook_key=KEY)
    world.runtime = replace(world.runtime, settings=settings)
    return create_app(settings, runtime=world.runtime).test_client()


def sign(content, key):
    return hmac.new(key.encode(), content, hashlib.sha256).hexdigest()


def push(client, *, proof=None, **said):
    body = "&".join(f"{name}={value}" for name, value in said.items()).encode()
    headers = {"X-Signature": sign(body, SECRET) if proof is None else proof}
    return client.post(
        "/webhooks/push", data=body, headers=headers, content_type="application/x-www-form-urlencoded"
    )


def call(client, event, moment="1606262400", *, key=KEY, **payload):
    body = json.dumps(
        {"deviceId": "d", "event": event, "id": "e", "webhookId": "w", "payload": payload}
    ).encode()
    headers = {"X-Timestamp": moment, "X-Signature": sign(body + moment.encode(), key)}
    return client.post("/webhooks/phone", data=body, headers=headers, content_type="application/json")


def replies(world):
    return [(reply.channel, reply.label) for reply in world.all(select(Reply).order_by(Reply.id))]


def installs(world):
    return world.count(InstallReport)


def test_a_push_is_stored_once_and_its_number_is_understood(channels, world, campaign):
    for _ in range(2):
        answer = push(channels, id="m1", **{"from": number(15)[1:]}, to="8099", text="da cai roi")
        assert answer.status_code == 200
    assert replies(world) == [(ReplyChannel.PUSH, Label.INSTALLED)]
    assert world.status(campaign)["answers"] == {"installed": 1}
    assert push(channels, id="m2", **{"from": "0" + number(16)[3:]}, text="TC").status_code == 200
    assert world.status(campaign)["answers"] == {"installed": 1, "opt_out": 1}


@one_database
def test_a_push_that_proves_nothing_is_refused_and_an_incomplete_one_is_told_why(channels, world, campaign):
    for proof in ("", "0" * 64, SECRET):
        assert push(channels, proof=proof, id="m1", **{"from": number(15)}, text="1").status_code == 403
    refused = push(channels, text="1")
    assert (refused.status_code, refused.text) == (400, "Thiếu “id” hoặc “from”.")
    assert push(channels, id="x" * 80, **{"from": number(15)}, text="1").status_code == 400
    assert replies(world) == []


@one_database
def test_names_of_fields_and_a_plain_secret_are_settings(world, campaign):
    settings = replace(
        world.runtime.settings,
        push_secret=SECRET,
        push_proof="secret",
        push_header="X-Key",
        push_fields=parse_push_fields("id=mo_id, sender=msisdn,recipient=code,body=content"),
    )
    client = create_app(settings, runtime=replace(world.runtime, settings=settings)).test_client()
    said = f'{{"mo_id": 7, "msisdn": "{number(15)}", "content": "cài rồi\\u0000 \\ud800"}}'
    for content, key, status in ((said, "no", 403), (said, SECRET, 200), ("[1]", SECRET, 400)):
        answer = client.post(
            "/webhooks/push", data=content, headers={"X-Key": key}, content_type="application/json"
        )
        assert answer.status_code == status
    assert replies(world) == [(ReplyChannel.PUSH, Label.INSTALLED)]


@one_database
def test_a_road_that_is_not_set_up_is_not_there(client, world):
    assert client.post("/webhooks/push", data={"id": "1"}).status_code == 404
    assert client.post("/webhooks/phone", data="{}").status_code == 404


def test_a_phone_s_replies_and_reports_are_taken(channels, world, campaign):
    said = {
        "phoneNumber": number(15),
        "message": "1",
        "messageId": "abc",
        "receivedAt": world.now.isoformat(),
    }
    for _ in range(2):
        assert call(channels, "sms:received", **said).status_code == 204
    assert replies(world) == [(ReplyChannel.PHONE, Label.INSTALLED)]
    # The same words a minute later are another reply; the app gives both the same id.
    assert (
        call(channels, "sms:received", **{**said, "receivedAt": world.in_hours(0.02).isoformat()}).status_code
        == 204
    )
    assert len(replies(world)) == 2
    attempt = world.first(select(Attempt.id)) or 0
    name = MessageIds(world.runtime.settings.secret_key).name(attempt)
    assert call(channels, "sms:delivered", messageId=name, phoneNumber=number(15)).status_code == 204
    assert call(channels, "sms:delivered", messageId="somebody-else's").status_code == 204
    assert call(channels, "system:ping", health={}).status_code == 204
    events = world.rows(select(StatusEvent.attempt_id, StatusEvent.status))
    assert [tuple(event) for event in events] == [(attempt, "delivered")]


@one_database
def test_a_reply_that_comes_as_an_mms_is_a_reply_and_a_picture_alone_is_looked_at(channels, world, campaign):
    at = world.now.isoformat()
    for index, said in ((15, {"body": "đừng nhắn cho tôi nữa", "attachments": []}), (16, {"subject": None})):
        for _ in range(2):
            assert (
                call(channels, "mms:downloaded", sender=number(index), receivedAt=at, **said).status_code
                == 204
            )
    assert replies(world) == [(ReplyChannel.PHONE, Label.OPT_OUT), (ReplyChannel.PHONE, Label.UNCLEAR)]
    assert len(world.cases()) == 1


@one_database
def test_what_a_phone_or_an_operator_delivers_late_undoes_nothing_but_a_stop_counts(
    channels, world, campaign
):
    world.execute(update(Attempt).values(claimed_at=world.in_hours(-5)))
    world.simulator.reset()
    for index in (15, 16):
        world.reply(number(index), "1", gateway_id=f"SM{index}")
    late = world.in_hours(-2)
    call(channels, "sms:received", sender=number(15), message="chua cai", receivedAt=late.isoformat())
    push(channels, id="m1", **{"from": number(16)}, text="chua cai", at=str(int(late.timestamp())))
    push(channels, id="m2", **{"from": number(17)}, text="TC", at=str(int(late.timestamp() * 1000)))
    assert world.status(campaign)["answers"] == {"installed": 2, "opt_out": 1}
    received = world.all(select(Reply.received_at).where(Reply.channel != ReplyChannel.TWILIO))
    assert all(abs(each - late) < timedelta(seconds=1) for each in received)
    world.send()
    assert number(17) not in world.sent_to()  # whoever wrote hours ago gets no message out of the blue


@one_database
def test_a_phone_that_proves_nothing_is_refused(channels, world):
    assert call(channels, "sms:received", key="other", phoneNumber=number(15), message="1").status_code == 403
    body = b"{}"
    headers = {"X-Timestamp": "2", "X-Signature": sign(body + b"1", KEY)}
    assert channels.post("/webhooks/phone", data=body, headers=headers).status_code == 403
    for content in (b"", b"[]", b"{", b'"x"'):
        headers = {"X-Timestamp": "1", "X-Signature": sign(content + b"1", KEY)}
        assert channels.post("/webhooks/phone", data=content, headers=headers).status_code == 400
    assert replies(world) == []


def test_the_same_reply_by_two_roads_counts_once(channels, world, campaign, tmp_path):
    assert push(channels, id="m1", **{"from": number(15)}, text="da  cai roi").status_code == 200
    assert (
        call(channels, "sms:received", sender=number(15), message="Da cai roi", receivedAt="x").status_code
        == 204
    )
    log = tmp_path / "log.csv"
    moment = world.now.astimezone(VIETNAM)
    rows = [
        "Số điện thoại,Nội dung,Thời gian",
        f"{number(15)},da cai roi,{moment:%d/%m/%Y %H:%M:%S}",
        f"{number(16)},1,{moment:%d/%m/%Y %H:%M:%S}",
    ]
    log.write_text("\n".join(rows), encoding="utf-8")
    for new in (1, 0):
        done = import_log(world.runtime, log, actor_id=None, now=world.in_hours(0.1))
        assert (done.rows, done.new, done.known, done.unreadable) == (2, new, 2 - new, [])
    assert replies(world) == [(ReplyChannel.PUSH, Label.INSTALLED), (ReplyChannel.LOG, Label.INSTALLED)]
    assert installs(world) == 2


@one_database
def test_who_says_the_same_by_another_way_after_something_else_has_said_it_again(channels, world, campaign):
    for n, text in enumerate(("TC", "DK")):
        at = world.now - timedelta(minutes=10 - 5 * n)
        push(channels, id=f"m{n}", **{"from": number(15)}, text=text, at=str(int(at.timestamp())))
    call(channels, "sms:received", sender=number(15), message="TC", receivedAt=world.now.isoformat())
    phone = world.phone(number(15))
    assert world.read(is_left_alone, phone)


@one_database
def test_what_a_number_says_itself_counts_though_somebody_else_has_said_the_same_for_it(
    channels, world, campaign
):
    """A cry was lost where another system had handed in its words as an opt-out, and a stop that somebody on Zalo had said before."""
    cry = "cứu tôi với, nước ngập tới mái nhà"
    with world.runtime.db.write() as session:
        for n, (index, text, channel, meant) in enumerate(
            (
                (15, cry, ReplyChannel.API, Understanding.by_gateway(Label.OPT_OUT)),
                (16, "TC", ReplyChannel.ZALO, None),
            )
        ):
            told = InboundMessage(f"other-{n}", number(index), "", text, False)
            receive_reply(session, told, now=world.now, channel=channel, meant=meant)
    for n, (index, text) in enumerate(((15, cry), (16, "TC"))):
        for road in (push, call):
            said = {"id": f"m{n}", "from": number(index), "text": text}
            if road is call:
                said = {"event": "sms:received", "phoneNumber": number(index), "message": text}
            assert road(channels, **said).status_code in (200, 204)
    own = select(Reply.is_urgent, Reply.label).where(Reply.channel == ReplyChannel.PUSH).order_by(Reply.id)
    assert world.rows(own)[0][0], "officers are alerted"
    assert world.rows(own)[1][1] is Label.OPT_OUT
    assert len(replies(world)) == 4, "by two roads of the number's own it counts once"
    assert world.one(select(Case.id).where(Case.urgent_at.is_not(None)))


@one_database
@pytest.mark.parametrize("stopped_before", [False, True])
def test_a_stop_that_comes_late_does_not_close_a_number_that_has_started_since(
    channels, world, campaign, stopped_before
):
    if stopped_before:
        world.reply(number(15), "TC", gateway_id="SM1", now=world.now - timedelta(minutes=30))
    world.reply(number(15), "DK", gateway_id="SM2", now=world.now - timedelta(minutes=5))
    late = str(int((world.now - timedelta(minutes=20)).timestamp()))
    push(channels, id="m1", **{"from": number(15)}, text="TC", at=late)
    phone = world.phone(number(15))
    assert not world.read(is_left_alone, phone)
    assert world.recipient(number(15), campaign).answer is None
    push(channels, id="m2", **{"from": number(15)}, text="TC", at=str(int(world.now.timestamp())))
    assert world.read(is_left_alone, phone), "said after it"


@one_database
def test_what_a_log_brings_late_undoes_nothing_but_a_stop_counts(world, campaign, tmp_path):
    world.reply(number(15), "1", gateway_id="SM1")
    world.reply(number(16), "1", gateway_id="SM2")
    earlier = (world.now - timedelta(seconds=30)).astimezone(VIETNAM)
    log = tmp_path / "log.csv"
    log.write_text(
        "from;message;time\n"
        f"{number(15)};chua cai;{earlier.isoformat()}\n"
        f"{number(16)};TC;{earlier.isoformat()}\n"
        f"{number(17)};1;hôm qua\n"
        f";1;{earlier.isoformat()}\n"
        f"{number(17)};1;01/01/0001 00:00:00\n",
        encoding="utf-8",
    )
    done = import_log(world.runtime, log, actor_id=None, now=world.in_hours(0.1))
    assert (done.rows, done.new, done.unreadable) == (5, 2, [4, 5, 6])
    assert world.recipient(number(15), campaign).answer is Label.INSTALLED
    assert world.status(campaign)["answers"] == {"installed": 1, "opt_out": 1}
    # It stands as the latest, so it is what "pressed by mistake" takes back.
    world.undo(campaign, 16, at=world.in_hours(0.2))
    assert world.status(campaign)["answers"] == {"installed": 2}


@one_database
def test_an_old_reply_belongs_to_the_message_before_it_and_is_not_answered(world, campaign, tmp_path):
    world.execute(update(Attempt).values(claimed_at=world.now - timedelta(days=3)))
    later = world.sent(name="Đợt hai", text="Nhắc lại: mời cài Bluezone {link}")
    world.simulator.reset()
    old, new = (moment.astimezone(VIETNAM).isoformat() for moment in (world.in_hours(-30), world.in_hours(0)))
    log = tmp_path / "log.csv"
    log.write_text(
        f"from;message;time\n{number(15)};1;{old}\n{number(16)};TC;{old}\n{number(17)};TC;{new}\n",
        encoding="utf-8",
    )
    assert import_log(world.runtime, log, actor_id=None, now=world.in_hours(0.1)).new == 3
    assert world.status(campaign)["answers"] == {"installed": 1, "opt_out": 1}
    assert world.status(later)["answers"] == {"opt_out": 1}
    world.send()
    assert world.sent_to() == [number(17)]


@one_database
def test_a_log_without_times_is_known_by_its_file_and_for_fourteen_days(world, campaign, tmp_path):
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    first.write_text(f"from;text\n{number(15)};TC\n", encoding="utf-8")
    second.write_text(f"from;text\n{number(15)};TC\n{number(16)};1\n", encoding="utf-8")

    def new(log, days):
        return import_log(
            world.runtime, log, actor_id=None, now=world.now + timedelta(days=days, hours=1)
        ).new

    assert [new(first, 0), new(second, 1), new(first, 30), new(second, 30)] == [1, 1, 0, 1]


@one_database
def test_what_cannot_be_stored_is_not_said_to_be(channels, campaign, monkeypatch):
    def fail(*_, **__):
        raise IntegrityError("", {}, Exception())

    monkeypatch.setattr("campaigns.web.gateway_callbacks.receive_reply", fail)
    assert push(channels, id="m1", **{"from": number(15)}, text="1").status_code == 500


@one_database
def test_a_reply_that_waited_for_an_erasure_says_nothing_of_the_erased(world, campaign, monkeypatch):
    def erase_first(session, phone_id):
        session.execute(
            update(Phone).where(Phone.id == phone_id).values(e164=f"#{phone_id}"),
            execution_options={"synchronize_session": False},
        )
        return lock_phone(session, phone_id)

    monkeypatch.setattr("campaigns.replies.receive_reply.lock_phone", erase_first)
    reply = world.reply(number(15), "1", gateway_id="SM1")
    assert (reply.phone_id, reply.recipient_id) == (None, None)
    assert world.status(campaign)["answers"] == {}


def write_on_zalo(client, name, *, secret=SECRET, sent_at="", **said):
    """An event of the official account, signed as Zalo documents it or with the head's moment; the answer's status."""
    moment = f"{datetime.now(UTC).timestamp() * 1000:.0f}"
    event = {"app_id": "99", "event_name": name, "timestamp": moment, "sender": {"id": "u-7"}, **said}
    body = json.dumps(event).encode()
    proof = hashlib.sha256(b"99" + body + (sent_at or moment).encode() + secret.encode()).hexdigest()
    headers = {"X-ZEvent-Signature": f"mac={proof}", "X-ZEvent-Timestamp": sent_at}
    return client.post(
        "/webhooks/zalo", data=body, headers=headers, content_type="application/json"
    ).status_code


@pytest.fixture
def zalo(world):
    world.use(zalo_secret=SECRET)
    return create_app(world.runtime.settings, runtime=world.runtime).test_client()


def test_what_is_written_to_the_official_account_is_a_reply_of_the_number_that_was_given(
    zalo, world, campaign
):
    assert write_on_zalo(zalo, "user_submit_info", info={"phone": number(15)[1:]}) == 200
    for _ in range(2):
        assert write_on_zalo(zalo, "user_send_text", message={"msg_id": "m1", "text": "đã cài rồi"}) == 200
    assert replies(world) == [(ReplyChannel.ZALO, Label.INSTALLED)]
    assert installs(world) == 1
    assert world.one(select(Phone.notices).where(Phone.e164 == number(15))) == "answered"
    by_head = {"sent_at": "1764543600123", "message": {"msg_id": "m2", "text": "TC"}}
    assert write_on_zalo(zalo, "user_send_text", **by_head) == 200
    assert world.read(is_left_alone, world.phone(number(15)))


def test_what_a_user_writes_whose_number_is_not_known_waits_for_an_officer(zalo, world, campaign):
    cry = {"text": "cứu tôi với, nước ngập tới mái nhà"}
    said = {"user_send_text": {"text": "TC"}, "anonymous_send_text": cry, "user_send_image": {}}
    for n, name in enumerate(said):
        assert write_on_zalo(zalo, name, message={"msg_id": f"m{n}", **said[name]}) == 200
    kept = world.all(select(Reply).order_by(Reply.id))
    assert [(each.phone_id, each.sender) for each in kept] == [(None, "zalo:u-7")] * 3
    assert kept[2].body == "[image]"
    assert {case.reply_id for case in world.all(select(Case))} == {each.id for each in kept}


def test_officers_are_told_once_of_cries_by_one_user_without_a_number_and_each_waits_in_the_inbox(
    zalo, world
):
    for n, user in enumerate(("u-1", "u-1", "u-2", "u-1")):
        sent = {"msg_id": f"m{n}", "text": f"cứu tôi với, nước ngập tới mái nhà {n}"}
        assert write_on_zalo(zalo, "user_send_text", sender={"id": user}, message=sent) == 200
    waiting = world.all(select(Case).where(Case.urgent_at.is_not(None)).order_by(Case.id))
    assert [case.alerted_at is None for case in waiting] == [True, False, True, False]
    assert all(case.done_at is None for case in waiting)


def test_who_gives_anothers_number_on_zalo_opens_nothing_again_and_calls_nobody_safe(zalo, world, campaign):
    def write(user, text):
        sent = {"msg_id": f"{user}-{text}", "text": text}
        assert write_on_zalo(zalo, "user_send_text", sender={"id": user}, message=sent) == 200

    phone = world.phone(number(15))
    for user in ("owner", "stranger"):  # nobody says whether what was typed is one's own
        write_on_zalo(zalo, "user_submit_info", sender={"id": user}, info={"phone": number(15)[1:]})
    world.reply(number(15), "TC", gateway_id="s1")
    write("stranger", "START")
    write("owner", "nhầm")
    write("owner", "START")
    assert world.read(is_left_alone, phone)
    kept = world.all(select(Reply).where(Reply.channel == ReplyChannel.ZALO).order_by(Reply.id))
    assert [(each.phone_id, each.sender) for each in kept] == [
        (None, "zalo:stranger"),
        *[(phone, number(15))] * 2,
    ]
    assert {case.reply_id for case in world.all(select(Case))} >= {each.id for each in kept}
    world.execute(update(Campaign).values(urgent_reason="Bão số 9 đổ bộ trong đêm"))
    world.reply(number(15), "cứu tôi với, nước ngập tới mái nhà", gateway_id="s2")
    write("owner", "AN TOAN")
    assert world.one(select(SafetyReport.status)) is SafetyStatus.HELP
    write("owner", "cứu tôi với, nhà sập rồi")
    assert world.one(select(SafetyReport.status)) is SafetyStatus.HELP


def test_who_gives_one_number_after_another_on_zalo_silences_at_most_the_first(zalo, world, campaign):
    given = [number(n) for n in (15, 16, 17, 15, 16, 17)]
    for n, e164 in enumerate(given):
        write_on_zalo(zalo, "user_submit_info", info={"phone": e164[1:]})
        assert write_on_zalo(zalo, "user_send_text", message={"msg_id": f"m{n}", "text": "TC"}) == 200
    assert world.read(numbers_left_alone) == {given[0]}
    unread = world.all(select(Reply.id).where(Reply.sender == "zalo:u-7"))
    assert len(unread) == len(given) - 1
    assert {case.reply_id for case in world.all(select(Case))} >= set(unread)


def test_an_event_of_somebody_else_or_of_no_reply_changes_nothing(zalo, world):
    text = {"msg_id": "m1", "text": "đã cài rồi"}
    assert write_on_zalo(zalo, "user_send_text", secret="another", message=text) == 403
    assert write_on_zalo(zalo, "user_send_text", secret="another", sent_at="1", message=text) == 403
    for name in ("user_received_message", "user_seen_message", "follow", "oa_send_text"):
        assert write_on_zalo(zalo, name, message=text) == 200
    assert write_on_zalo(zalo, "user_send_text", sender="?", message=[]) == 200
    assert zalo.post("/webhooks/zalo", data=b"[]").status_code == 400
    assert replies(world) == []
    closed = replace(world.runtime, settings=replace(world.runtime.settings, zalo_secret=""))
    client = create_app(closed.settings, runtime=closed).test_client()
    assert write_on_zalo(client, "user_send_text", message=text) == 404
