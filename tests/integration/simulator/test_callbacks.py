"""Callbacks, residents' SMS and answers by link, as the system under test receives them."""

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.support.simulator import running_simulator
from tests.support.tables import cases
from tests.support.wait_until import wait_until

PUBLIC = "https://loa.example"
NUMBER = "+84905000123"


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class Receiver:
    """A web server that keeps what it got; `statuses` are answered first, then `status`."""

    port: int = 0
    status: int = 200
    statuses: list[int] = field(default_factory=list)
    got: list[Received] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def start(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(parse_qsl(body, keep_blank_values=True))
                receiver.got.append(Received(self.path, dict(self.headers.items()), form))
                status = receiver.statuses.pop(0) if receiver.statuses else receiver.status
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Location", "/")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def states(self):
        return [one.form["MessageStatus"] for one in self.got if "MessageStatus" in one.form]

    @property
    def texts(self):
        return [one.form["Body"] for one in self.got if one.path == "/inbound"]


@pytest.fixture(scope="module")
def process():
    with running_simulator(public_url=PUBLIC) as simulator:
        yield simulator


@pytest.fixture
def receiver():
    receiver = Receiver()
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture
def simulator(process, receiver):
    process.reset()
    process.faults(sent_after_s=0, delivered_after_s=0.02)
    process.send_inbound_to(receiver.url + "/inbound")
    return process


def send(simulator, callback, *, body="Mời bà con", to=NUMBER):
    client = Client(simulator.account_sid, simulator.auth_token)
    client.api.base_url = simulator.url
    options = {"status_callback": callback} if callback else {}
    sid = client.messages.create(to=to, from_="LOA", body=body, **options).sid
    return sid


def is_signed(one, simulator, url):
    return RequestValidator(simulator.auth_token).validate(url, one.form, one.headers["X-Twilio-Signature"])


def test_sent_then_delivered_is_reported_and_signed(simulator, receiver):
    url = receiver.url + "/status/7?step=1"
    sid = send(simulator, url)
    wait_until(lambda: len(receiver.got) == 2)
    assert receiver.states == ["sent", "delivered"]
    first, last = receiver.got
    assert first.path == "/status/7?step=1"
    assert first.form["MessageSid"] == first.form["SmsSid"] == sid
    assert first.form["SmsStatus"] == "sent"
    assert (first.form["To"], first.form["From"]) == (NUMBER, "LOA")
    assert (first.form["AccountSid"], first.form["ApiVersion"]) == (simulator.account_sid, "2010-04-01")
    assert "ErrorCode" not in first.form
    assert len(last.form["RawDlrDoneDate"]) == 10
    assert all(is_signed(one, simulator, url) for one in receiver.got)
    assert not is_signed(first, simulator, url + "0")


@cases(
    ("rate_undelivered", ["sent", "undelivered"], {"30003", "30005", "30006"}),
    ("rate_failed", ["failed"], {"30001", "30007", "30008"}),
)
def test_failure_is_reported_with_its_code(simulator, receiver, fault, states, codes):
    simulator.faults(**{fault: 1})
    send(simulator, receiver.url + "/status")
    wait_until(lambda: len(receiver.got) == len(states))
    assert receiver.states == states
    assert receiver.got[-1].form["ErrorCode"] in codes
    assert simulator.ledger()[0]["error_code"] in {int(code) for code in codes}


def test_public_address_is_signed_and_carried_like_by_a_proxy(simulator, receiver):
    send(simulator, PUBLIC + "/status/7")
    simulator.reply(NUMBER, "Tôi cài rồi ạ")
    wait_until(lambda: len(receiver.got) == 3)
    by_path = {one.path: one for one in receiver.got}
    assert is_signed(by_path["/status/7"], simulator, PUBLIC + "/status/7")
    assert is_signed(by_path["/inbound"], simulator, PUBLIC + "/inbound")
    assert by_path["/status/7"].headers["X-Forwarded-Proto"] == "https"
    assert by_path["/status/7"].headers["Host"] == "loa.example"


def test_other_machines_are_never_called(simulator, receiver):
    send(simulator, "http://example.vn/status")
    send(simulator, "http://10.0.0.1:8000/status")
    wait_until(lambda: simulator.stats()["callbacks_refused"] == 4)
    assert receiver.got == []
    assert [line["status"] for line in simulator.ledger()] == ["delivered", "delivered"]


def test_callback_outlives_a_restart_of_the_receiver(simulator, receiver):
    receiver.stop()
    send(simulator, receiver.url + "/status")
    wait_until(lambda: simulator.stats()["callbacks_retried"] >= 2)
    assert simulator.stats()["callbacks_pending"] == 2
    receiver.start()
    wait_until(lambda: len(receiver.got) == 2)
    assert sorted(receiver.states) == ["delivered", "sent"]
    assert simulator.settle()["callbacks_failed"] == 0


def test_5xx_is_tried_again_and_4xx_is_not(simulator, receiver):
    simulator.faults(delivered_after_s=60)
    receiver.statuses = [500, 503, 403]
    send(simulator, receiver.url + "/status")
    wait_until(lambda: len(receiver.got) >= 3)
    stats = simulator.settle()
    assert (stats["callbacks_retried"], stats["callbacks_failed"], stats["callbacks_sent"]) == (2, 1, 0)


def test_callbacks_are_repeated_and_shuffled_when_told_to(simulator, receiver):
    simulator.faults(callbacks_repeat=3)
    send(simulator, receiver.url + "/status")
    wait_until(lambda: len(receiver.got) == 6)
    assert sorted(receiver.states) == ["delivered"] * 3 + ["sent"] * 3
    receiver.got.clear()
    simulator.faults(callbacks_repeat=1, callbacks_shuffle=True)
    sids = {send(simulator, receiver.url + "/status", to=f"+84905000{120 + i}") for i in range(10)}

    def is_shuffled():
        first = {}
        for one in receiver.got:
            first.setdefault(one.form["MessageSid"], one.form["MessageStatus"])
        return "delivered" in [first[sid] for sid in sids & first.keys()]

    wait_until(is_shuffled)


def test_switched_off_callbacks_leave_the_status_to_be_asked(simulator, receiver):
    simulator.faults(callbacks_off=True)
    send(simulator, receiver.url + "/status")
    wait_until(lambda: simulator.ledger()[0]["status"] == "delivered")
    assert receiver.got == []


def test_reply_arrives_signed_at_the_inbound_address(simulator, receiver):
    send(simulator, None)
    sid = simulator.reply(NUMBER, "đã cài rồi 👍")
    wait_until(lambda: len(receiver.got) == 1)
    form = receiver.got[0].form
    assert (form["MessageSid"], form["From"], form["To"]) == (sid, NUMBER, "LOA")
    assert (form["Body"], form["NumMedia"]) == ("đã cài rồi 👍", "0")
    assert form["AccountSid"] == simulator.account_sid
    assert "OptOutType" not in form


def test_gateways_own_stop_is_marked_in_the_reply(simulator, receiver):
    simulator.faults(gateway_stop=True)
    simulator.reply(NUMBER, "STOP", to="LOA")
    wait_until(lambda: len(receiver.got) == 1)
    assert receiver.got[0].form["OptOutType"] == "STOP"


def test_residents_answer_by_sms_once_and_not_to_the_acknowledgement(simulator, receiver):
    simulator.residents(installed=1, by_link=0, delay_min_s=0, delay_max_s=0)
    send(simulator, None)
    wait_until(lambda: len(receiver.texts) == 1)
    send(simulator, None, body="Cảm ơn bà con")
    time.sleep(0.2)
    assert len(receiver.texts) == 1


def test_open_answer_is_followed_up_later(simulator, receiver):
    simulator.residents(not_yet=1, delay_min_s=0, delay_max_s=0, again_after_s=0)
    send(simulator, None)
    wait_until(lambda: len(receiver.texts) == 1)
    simulator.residents(not_yet=0, installed=1)
    send(simulator, None, body="Nhắc bà con")
    wait_until(lambda: len(receiver.texts) == 2)


def test_residents_press_the_link_where_the_page_offers_their_answer(simulator, receiver):
    receiver.status = 303  # as the answer page does
    simulator.residents(need_help=1, by_link=1, delay_min_s=0, delay_max_s=0)
    send(simulator, None, body=f"Bấm {PUBLIC}/AbCdEf để trả lời")
    wait_until(lambda: len(receiver.got) == 1)
    assert (receiver.got[0].path, receiver.got[0].form) == ("/AbCdEf", {"answer": "need_help"})
    assert "X-Twilio-Signature" not in receiver.got[0].headers
    assert simulator.settle()["link_answers_sent"] == 1


def test_seeded_residents_answer_the_same_again(simulator, receiver):
    def answers():
        receiver.got.clear()
        simulator.reset()
        simulator.faults(sent_after_s=0, delivered_after_s=0)
        simulator.residents(installed=0.4, refuse=0.3, question=0.3, delay_min_s=0, delay_max_s=0, seed=3)
        for i in range(15):
            send(simulator, None, to=f"+84905000{100 + i}")
        wait_until(lambda: len(receiver.texts) == 15)
        return {one.form["From"]: one.form["Body"] for one in receiver.got}

    assert answers() == answers()


def test_second_start_keeps_conversations_and_finishes_what_was_under_way(tmp_path, receiver):
    with running_simulator(data=tmp_path) as simulator:
        simulator.faults(sent_after_s=0, delivered_after_s=0)
        send(simulator, receiver.url + "/status/1")
        simulator.reply(NUMBER, "da cai")
        wait_until(lambda: len(receiver.got) == 2)
        simulator.settle()
        simulator.faults(delivered_after_s=60)
        send(simulator, receiver.url + "/status/2")
        wait_until(lambda: len(receiver.got) == 3)
    receiver.got.clear()
    with running_simulator(data=tmp_path) as simulator:
        wait_until(lambda: "delivered" in receiver.states)
        assert {one.path for one in receiver.got} == {"/status/2"}
        assert [line["index"] for line in simulator.ledger()] == [0, 1]
        assert simulator.ledger()[0]["status"] == "delivered"
        client = Client(simulator.account_sid, simulator.auth_token)
        client.api.base_url = simulator.url
        assert [message.body for message in client.messages.list(from_=NUMBER)] == ["da cai"]
