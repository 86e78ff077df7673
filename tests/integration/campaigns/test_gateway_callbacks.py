"""The gateway's calls: only genuine ones count, what came is stored before it is acknowledged, nothing breaks them."""

import logging
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from admin.app import create_app, create_front
from campaigns.models.messages import Attempt, StatusEvent
from campaigns.models.replies import Reply, ReplyState
from campaigns.rules.links import LinkCipher
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import AttemptState
from campaigns.web.responses import count_errors
from outreach.models.contacts import Phone
from outreach.rules.aggregator import AttemptNames
from tests.support.asgi_client import AsgiClient
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import number

INBOUND = "/webhooks/twilio/inbound"
SECRET_TEXT = "nha toi o thon Kon Ro Bang"
one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def campaign(world):
    """A campaign that two people have received."""
    campaign = world.sent(people=2)
    return campaign


@pytest.fixture
def settings(settings):
    """The public address is another one than that which the web sees: a proxy stands before it."""
    return replace(settings, public_base_url="https://loa.example")


@pytest.fixture
def front(client):
    with closing(AsgiClient(create_front(client.application))) as through_the_front:
        yield through_the_front


class Gateway:
    """Calls the web as Twilio does."""

    def __init__(self, client, settings):
        self.client, self.base = client, settings.public_base_url
        self.validator = RequestValidator(settings.twilio_auth_token)

    def post(self, path, form, *, signature=None, **more):
        signature = signature or self.validator.compute_signature(self.base + path, form)
        return self.client.post(path, data=form, headers={"X-Twilio-Signature": signature}, **more)

    def status(self, attempt, word, **fields):
        form = {"MessageSid": f"SM{attempt}"[:34], "MessageStatus": word, **fields}
        return self.post(f"/webhooks/twilio/status/{attempt}", form)

    def inbound(self, sender, body, sid="SM1"):
        return self.post(INBOUND, {"MessageSid": sid, "From": sender, "To": "MTTQ", "Body": body})


@pytest.fixture
def gateway(front, settings):
    return Gateway(front, settings)


def stored(world):
    """Status events and replies."""
    counts = [world.scalar(select(func.count()).select_from(t)) for t in (StatusEvent, Reply)]
    return counts[0] or 0, counts[1] or 0


def replies(world):
    return world.all(select(Reply).order_by(Reply.id))


def attempt_to(world, e164):
    return world.one(select(Attempt).join(Phone, Phone.id == Attempt.phone_id).where(Phone.e164 == e164))


# -- who may call


@one_database
def test_twilios_webhooks_are_closed_while_another_gateway_is_in_use(world, settings):
    """The token's default stands in the source: with it a stranger could sign opt-outs and failed deliveries."""
    phone = replace(
        settings, sms_gateway="phone", phone_api_base_url="http://127.0.0.1:1", twilio_auth_token="simulator"
    )
    app = create_app(phone, runtime=replace(world.runtime, settings=phone))
    with closing(AsgiClient(create_front(app))) as front:
        stranger = Gateway(front, phone)
        assert stranger.inbound(number(0), "STOP").status_code == 404
        assert stranger.status(1, "failed", ErrorCode="21610").status_code == 404
    assert stored(world) == (0, 0)


@one_database
def test_a_call_of_another_account_is_refused_whoever_signed_it(gateway, world):
    form = {
        "MessageSid": "SM1",
        "From": number(0),
        "To": "MTTQ",
        "Body": "STOP",
        "AccountSid": "AC" + "9" * 32,
    }
    assert gateway.post(INBOUND, form).status_code == 403
    form = {"MessageSid": "SM1", "MessageStatus": "failed", "AccountSid": "AC" + "9" * 32}
    assert gateway.post("/webhooks/twilio/status/1", form).status_code == 403
    assert stored(world) == (0, 0)


# -- status callbacks


@both_databases
def test_a_status_is_stored_then_applied(gateway, world, campaign):
    attempt = attempt_to(world, number(0))
    response = gateway.post(
        f"/webhooks/twilio/status/{attempt.id}",
        {"MessageSid": attempt.gateway_id, "MessageStatus": "delivered", "To": number(0)},
    )
    assert response.status_code == 204
    assert attempt_to(world, number(0)).state is not AttemptState.DELIVERED
    world.sweep()
    assert attempt_to(world, number(0)).state is AttemptState.DELIVERED
    assert world.status(campaign)["steps"][0]["messages"]["delivered"] == 1


def test_a_status_of_an_attempt_that_is_not_there_harms_nothing(gateway, world, campaign):
    world.sweep()
    before = world.status(campaign)
    assert gateway.status(987_654, "delivered").status_code == 204
    assert gateway.status(2**63 - 1, "failed", ErrorCode="30003").status_code == 204
    world.sweep()
    assert stored(world) == (2, 0)
    assert world.status(campaign) == before


@one_database
def test_a_genuine_call_of_an_aggregator_says_nothing_of_another_message_or_account(
    world, settings, campaign
):
    """Each address is good for its own message: with what the call of another one said nothing changes."""
    world.sweep()
    used = replace(settings, sms_gateway="aggregator", aggregator_profile="esms", aggregator_key="k")
    client = create_app(used, runtime=replace(world.runtime, settings=used)).test_client()
    names = AttemptNames(used.secret_key)
    mine, other = attempt_to(world, number(0)), attempt_to(world, number(1))
    other_id = str(other.gateway_id)
    operator = world.one(select(Phone.operator).where(Phone.e164 == number(0)))

    def call(name, gateway_id, status="5"):
        said = {"SMSID": gateway_id or "", "SendStatus": status, "SendSuccess": "1", "telcoid": "4"}
        return client.get(f"/webhooks/aggregator/{name}", query_string=said).status_code

    assert call(names.callback(mine.id), other_id) == 204
    assert call(names.callback(mine.id).replace(str(mine.id), str(other.id), 1), other_id) == 404
    assert call(AttemptNames("k" * 40).callback(mine.id), mine.gateway_id) == 404
    world.sweep()
    assert attempt_to(world, number(0)).state is mine.state
    assert attempt_to(world, number(1)).state is other.state
    assert world.one(select(Phone.operator).where(Phone.e164 == number(0))) == operator
    for _ in range(2):
        assert call(names.callback(mine.id), mine.gateway_id) == 204
    world.sweep()
    assert attempt_to(world, number(0)).state is AttemptState.DELIVERED
    assert world.one(select(Phone.operator).where(Phone.e164 == number(0))) == "vietnamobile"
    deep, long = b"[" * 30_000, b'{"SMSID": "x", "SendStatus": "%s"}' % (b"9" * 5000)
    for body, status in ((deep, 400), (long, 204)):
        path = f"/webhooks/aggregator/{names.callback(mine.id)}"
        assert client.post(path, data=body, content_type="application/json").status_code == status
    twilio = replace(used, sms_gateway="simulator")
    closed = create_app(twilio, runtime=replace(world.runtime, settings=twilio)).test_client()
    assert closed.get(f"/webhooks/aggregator/{names.callback(mine.id)}").status_code == 404


def test_a_status_word_that_is_new_is_kept_and_changes_nothing(gateway, world, campaign):
    world.sweep()
    attempt = attempt_to(world, number(0))
    for word in ("teleported", "", "đã gửi", "x" * 500, "deliv\0"):
        gateway.status(attempt.id, word, ErrorCode="9" * 60)
    world.sweep()
    assert stored(world)[0] == 5
    assert attempt_to(world, number(0)).state is attempt.state


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("attempt", [str(2**63), "9" * 19, "9" * 500, "9" * 5000, "0x10", "-1", "1.5", "٣"])
def test_an_id_that_cannot_be_one_is_not_found(gateway, world, attempt):
    response = gateway.status(attempt, "delivered")
    assert response.status_code == 404
    assert stored(world) == (0, 0)


@both_databases
def test_fields_longer_than_their_columns_are_cut(gateway, world):
    form = {"MessageSid": "S" * 900, "MessageStatus": "failed", "ErrorCode": "1" * 900}
    assert gateway.post("/webhooks/twilio/status/1", form).status_code == 204
    assert stored(world) == (1, 0)


# -- signatures


@one_database
@pytest.mark.parametrize("path", ["/webhooks/twilio/status/1", INBOUND])
@pytest.mark.parametrize("signature", [None, "", "bm90IGl0", "ký", "A" * 10_000])
def test_without_the_right_signature_nothing_is_stored(front, world, path, signature):
    headers = {} if signature is None else {"X-Twilio-Signature": signature}
    form = {"MessageSid": "SM1", "MessageStatus": "delivered", "From": number(0), "Body": "TC"}
    assert front.post(path, data=form, headers=headers).status_code == 403
    assert stored(world) == (0, 0)


@one_database
def test_a_signature_is_good_for_its_own_address_and_content_only(gateway, world, campaign):
    form = {"MessageSid": "SM1", "From": number(0), "Body": "TC"}
    signature = gateway.validator.compute_signature(gateway.base + INBOUND, form)
    changed = [
        gateway.post(INBOUND, {**form, "From": number(1)}, signature=signature),
        gateway.post(INBOUND, {**form, "OptOutType": "STOP"}, signature=signature),
        gateway.post(f"{INBOUND}?x=1", form, signature=signature),
        gateway.post("/webhooks/twilio/status/1", form, signature=signature),
    ]
    assert [response.status_code for response in changed] == [403] * 4
    assert stored(world) == (0, 0)
    assert gateway.post(f"{INBOUND}?x=1", form).status_code == 200


@one_database
def test_the_signature_is_of_the_public_address_whatever_the_proxy_calls_us(gateway, world, campaign):
    form = {"MessageSid": "SM1", "From": number(0), "Body": "1"}
    response = gateway.post(
        INBOUND,
        form,
        base_url="http://10.0.0.7:8000",
        environ_overrides={"HTTP_X_FORWARDED_PROTO": "http", "HTTP_X_FORWARDED_FOR": "192.0.2.1"},
    )
    assert response.status_code == 200
    wrong = RequestValidator(gateway.validator.token.decode()).compute_signature(
        f"http://10.0.0.7:8000{INBOUND}", form
    )
    assert gateway.post(INBOUND, form, signature=wrong).status_code == 403


# -- bodies

BODIES = {
    "raw bytes": {"data": bytes(range(256)) * 4, "content_type": "application/octet-stream"},
    "no type": {"data": b"\xff\x00\xfe"},
    "json": {"json": {"MessageSid": "SM1", "From": number(0), "Body": "TC"}},
    "a large file": {
        "data": b'--x\r\nContent-Disposition: form-data; name="Body"; filename="a"\r\n\r\n' + b"x" * 70_000,
        "content_type": "multipart/form-data; boundary=x",
    },
    "broken multipart": {"data": b"--x\r\n\r\n", "content_type": "multipart/form-data; boundary=x"},
    "multipart without a boundary": {"data": b"abc", "content_type": "multipart/form-data"},
    "not UTF-8": {
        "data": b"MessageSid=SM1&From=%2B84&Body=%FF%FE\xff",
        "content_type": "application/x-www-form-urlencoded",
    },
    "a charset that there is not": {
        "data": b"MessageSid=SM1",
        "content_type": "application/x-www-form-urlencoded; charset=klingon",
    },
    "too many fields": {
        "data": "&".join(f"f{i}=1" for i in range(9000)),
        "content_type": "application/x-www-form-urlencoded",
    },
    "64 KB and more": {"data": {"MessageSid": "SM1", "From": number(0), "Body": "x" * 70_000}},
    "nothing": {},
}


@one_database
@cases("", "bm90IGl0", "of the address alone")
def test_no_body_breaks_the_web(gateway, world, signature):
    for path in (INBOUND, "/webhooks/twilio/status/1"):
        if signature == "of the address alone":
            signature = gateway.validator.compute_signature(gateway.base + path, {})
        for name, body in BODIES.items():
            response = gateway.client.post(path, **body, headers={"X-Twilio-Signature": signature})
            assert response.status_code < 500, name
            if path == INBOUND:
                assert response.status_code in (400, 403, 413), name
    assert stored(world)[1] == 0


def test_a_field_given_twice_counts_once(gateway, world, campaign):
    form = MultiDict(
        [("MessageSid", "SM1"), ("From", number(0)), ("Body", "1"), ("Body", "TC"), ("From", number(1))]
    )
    assert gateway.post(INBOUND, form).status_code == 200
    assert [(r.sender, r.body, r.label) for r in replies(world)] == [(number(0), "1", Label.INSTALLED)]


# -- residents' messages


@both_databases
def test_an_inbound_message_is_stored_once_and_counts(gateway, world, campaign):
    for _ in range(3):
        response = gateway.inbound(number(0), "da cai roi")
        assert (response.status_code, response.data) == (200, b"<Response/>")
        assert response.content_type.startswith("text/xml")
    assert len(replies(world)) == 1
    assert world.status(campaign)["self_reported"]["installed"] == 1


@both_databases
@cases(number(0), number(555))
def test_the_same_message_at_the_same_moment_is_stored_once(gateway, world, settings, campaign, sender):
    app = create_app(settings, runtime=world.runtime)
    together = threading.Barrier(4)
    codes = []

    def call():
        with app.test_client() as client:
            own = Gateway(client, settings)
            together.wait()
            codes.append(own.inbound(sender, "TC").status_code)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 4
    assert len(replies(world)) == 1
    world.simulator.reset()
    world.send()
    assert world.sent_to() == [sender]


@cases(
    {"From": number(0), "Body": "TC"},
    {"MessageSid": "", "From": number(0), "Body": "TC"},
    {"MessageSid": "SM1", "Body": "TC"},
    {"MessageSid": "S" * 65, "From": number(0), "Body": "TC"},
    {"MessageSid": "\0", "From": number(0), "Body": "TC"},
)
@one_database
def test_a_message_without_id_or_sender_is_refused(gateway, world, form):
    assert gateway.post(INBOUND, form).status_code == 400
    assert stored(world) == (0, 0)


def test_a_sender_that_is_no_number_goes_to_the_inbox(gateway, world, campaign):
    senders = ["VIETTEL", "9029", "", "whatsapp:" + number(0), "x" * 200, "+84 905", "anh Tư"]
    for place, sender in enumerate(filter(None, senders)):
        assert gateway.inbound(sender, "TC", f"SM{place}").status_code == 200
    kept = replies(world)
    assert len(kept) == 6
    assert {reply.state for reply in kept} == {ReplyState.INBOX}
    assert {reply.phone_id for reply in kept} == {None}


@both_databases
def test_characters_that_a_database_refuses_do_not_lose_a_message(gateway, world, campaign):
    assert gateway.inbound(number(0), "da\0 cai\0 roi").status_code == 200
    assert gateway.inbound(number(1), "T\0C", "SM2").status_code == 200
    assert [(r.body, r.label) for r in replies(world)] == [
        ("da cai roi", Label.INSTALLED),
        ("TC", Label.OPT_OUT),
    ]


def test_half_a_character_loses_nothing(gateway, world, campaign):
    form = {"MessageSid": "SM1", "From": number(0), "Body": "da cai %ED%A0%BD"}
    signature = gateway.validator.compute_signature(gateway.base + INBOUND, form)
    raw = f"MessageSid=SM1&From=%2B{number(0)[1:]}&Body=da+cai+%ED%A0%BD"
    response = gateway.client.post(
        INBOUND,
        data=raw,
        headers={"X-Twilio-Signature": signature},
        content_type="application/x-www-form-urlencoded",
    )
    assert response.status_code == 200
    # What is no UTF-8 stays as it was written in the form.
    assert [r.body for r in replies(world)] == [form["Body"]]


@both_databases
def test_every_kind_of_letter_arrives_as_it_was_sent(gateway, world, campaign):
    texts = ["Em cài rồi nhé ❤️", "Pơkă ê̆ ơ̆", "da cai 👨‍👩‍👧", "\u202eiac ad", "a" * 1600, "=HYPERLINK(1)"]
    for place, text in enumerate(texts):
        assert gateway.inbound(number(0), text, f"SM{place}").status_code == 200
    assert [r.body for r in replies(world)] == [text.replace("\u202e", "") for text in texts]


# -- what goes wrong on our side


@pytest.fixture
def log_of_all(caplog):
    with caplog.at_level(logging.DEBUG, logger="campaigns"), caplog.at_level(logging.INFO):
        yield caplog


@one_database
def test_the_log_knows_no_numbers_texts_or_tokens(gateway, client, world, campaign, log_of_all, monkeypatch):
    sender, stranger = number(0), number(777)
    form = {"MessageSid": "SM1", "From": sender, "Body": SECRET_TEXT}
    gateway.post(INBOUND, form)
    gateway.post(INBOUND, form)
    gateway.post(INBOUND, form, signature="x")
    gateway.post(INBOUND, {"From": sender, "Body": SECRET_TEXT})
    gateway.inbound(stranger, "TC " + SECRET_TEXT, "SM2")
    gateway.status(1, SECRET_TEXT, To=sender)
    gateway.status(SECRET_TEXT.replace(" ", "-"), "delivered", To=sender)

    def fail(*_args, **_more):
        # As SQLAlchemy words it: the statement, and the values in it.
        raise OperationalError("INSERT", {"sender": sender, "body": SECRET_TEXT}, Exception(sender))

    def be_wrong(*_args, **_more):
        raise ValueError(f"{sender} {SECRET_TEXT}")

    for fault, code in ((fail, 503), (be_wrong, 500)):
        monkeypatch.setattr("campaigns.web.gateway_callbacks.receive_reply", fault)
        monkeypatch.setattr("campaigns.web.answer_page.record_page_answer", fault)
        assert gateway.inbound(sender, SECRET_TEXT, "SM9").status_code == code
        from_page = client.post("/" + page_token(world, campaign), data={"answer": "installed"})
        assert from_page.status_code == code
        assert "Trang tạm thời chưa mở được" in from_page.get_data(as_text=True)
    assert client.get("/readyz").status_code == 503  # what a probe finds is no failed request
    assert count_errors(world.runtime.redis) == 4
    log = log_of_all.text
    assert "web.database_away" in log
    assert "web.fault" in log
    assert "security.webhook_refused" in log
    for planted in (sender, sender[3:], stranger[3:], SECRET_TEXT, "Kon-Ro", page_token(world, campaign)):
        assert planted not in log


def page_token(world, campaign):
    # Whoever reads the log must not be able to answer for a resident.
    cipher = LinkCipher(world.runtime.settings.secret_key)
    return cipher.token(world.recipient(number(0), campaign).id)
