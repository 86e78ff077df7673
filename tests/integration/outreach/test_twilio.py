"""What the Twilio gateway makes of every answer to one message, and of none."""

import asyncio
import json
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from outreach.core.settings import Settings
from outreach.rules import gateway
from tests.support.tables import cases
from tests.support.twilio_document import breaches
from tests.support.twilio_server import (
    BODY,
    CREATED,
    TIMEOUT_S,
    TO,
    Server,
    answering,
    list_to,
    outgoing,
    problem,
    refusal,
    send,
    settings_for,
)

BUSY_S = 10.0  # by which a busy machine may be late


@pytest.fixture
def training(simulator):
    return settings_for(
        simulator.url, twilio_account_sid=simulator.account_sid, twilio_auth_token=simulator.auth_token
    )


# -- requests


@cases("", "MG" + "0123456789abcdef" * 2)
def test_requests_keep_to_twilios_document(simulator, training, service):
    """Between the gateway and the simulator stands a server that checks each request and passes it on."""
    simulator.faults(sent_after_s=0, delivered_after_s=0)

    async def pass_on(request):
        url = URL(f"{simulator.url}{request.raw_path}", encoded=True)
        headers = {
            name: request.headers[name]
            for name in ("Authorization", "Content-Type")
            if name in request.headers
        }
        async with ClientSession() as session:
            body = await request.read()
            async with session.request(request.method, url, data=body, headers=headers) as answer:
                return web.Response(
                    status=answer.status, text=await answer.text(), content_type="application/json"
                )

    proxy = Server(pass_on, twilio_auth_token=simulator.auth_token, twilio_messaging_service_sid=service)
    bodies = [BODY, "1 & 2 = 3 + ă", "ă" * 1600, "[]" * 70, "a\nb\fc"]
    messages = [outgoing(body=body, validity_s=validity) for body in bodies for validity in (None, 0, 90_000)]
    outcomes = proxy.send(*messages)
    assert all(isinstance(outcome, gateway.Accepted) for outcome in outcomes)
    assert len(proxy.list_to()) == len(messages)
    assert sum(map(len, proxy.list_billed(datetime.now(UTC).date()))) == len(messages)
    assert len(proxy.asked) == len(messages) + 2


@cases(
    ("POST", {}, {"To": TO, "Body": "a"}),
    ("POST", {}, {"To": TO, "From": "LOA", "Body": "a" * 1601}),
    ("POST", {}, {"To": TO, "From": "LOA", "Body": "a", "ValidityPeriod": "36001"}),
    ("POST", {}, {"To": TO, "From": "LOA", "Body": "a", "Sender": "LOA"}),
    ("GET", {"PageSize": "1001"}, {}),
    ("GET", {"DateSent": "05/08/2020"}, {}),
    ("DELETE", {}, {}),
)
def test_a_request_against_the_document_is_found(method, query, form):
    path = f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json"
    assert breaches(method, path, query, form)
    assert breaches("GET", path.replace("AC", "XX"), {}, {})
    assert not breaches("GET", path, {"To": TO, "PageSize": "1000"}, {})


# -- what the gateway says of one message


def test_an_accepted_message_has_an_id_and_went_as_it_was(simulator, training):
    outcome = send(training)
    (line,) = simulator.ledger()
    assert outcome == gateway.Accepted(line["sid"], gateway.DeliveryStatus.ACCEPTED, segments=1)
    assert (line["To"], line["Body"]) == (TO, BODY)


def test_a_request_carries_sender_callback_and_validity():
    server = answering(201, CREATED)
    server.send(outgoing(attempt_id=42, validity_s=90_000, body="1 & 2 = 3 + ă"))

    async def form():
        return dict(await server.asked[0].post())

    sent = asyncio.run(form())
    assert sent == {
        "To": TO,
        "Body": "1 & 2 = 3 + ă",
        "From": "MTTQ",
        "StatusCallback": "http://127.0.0.1:8000/webhooks/twilio/status/42",
        "ValidityPeriod": "36000",
    }
    assert server.asked[0].path.endswith(f"/Accounts/{Settings().twilio_account_sid}/Messages.json")


def test_a_messaging_service_takes_the_senders_place(simulator, training):
    settings = settings_for(training.api_base_url, twilio_messaging_service_sid="MG" + "0" * 32)
    assert isinstance(send(settings), gateway.Accepted)
    assert not simulator.ledger()[0].get("From")


@pytest.mark.parametrize(
    ("message", "cause", "code"),
    [
        ({"to": "+84260000123"}, gateway.Cause.NOT_MOBILE, "21614"),
        ({"to": "+8490500012"}, gateway.Cause.BAD_NUMBER, "21211"),
        ({"body": " "}, gateway.Cause.BAD_TEXT, "21602"),
        ({"body": "a" * 1601}, gateway.Cause.BAD_TEXT, "21617"),
    ],
)
@pytest.mark.parametrize("form", ["own", "problem"])
def test_a_refusal_is_final_and_says_why(simulator, training, message, cause, code, form):
    simulator.faults(rate_problem_json=1 if form == "problem" else 0)
    assert send(training, **message) == gateway.Refused(cause, code)
    assert simulator.ledger() == []


def test_a_number_that_the_gateway_has_stopped_is_opted_out(simulator, training):
    simulator.faults(gateway_stop=True)
    simulator.reply(TO, "STOP", "MTTQ")
    assert send(training) == gateway.Refused(gateway.Cause.OPTED_OUT, "21610")


def test_a_sender_that_is_refused_would_fail_for_everybody(training):
    assert send(training, sender="Mặt trận") == gateway.Refused(gateway.Cause.BAD_SENDER, "21212")


def test_wrong_credentials_would_fail_for_everybody(simulator, training):
    settings = settings_for(training.api_base_url, twilio_auth_token="wrong")
    assert send(settings) == gateway.Refused(gateway.Cause.ACCOUNT, "20003")
    assert simulator.stats()["requests"] == 1


@cases(
    (400, refusal(400, 99999), gateway.Refused(gateway.Cause.OTHER, "99999")),
    (400, problem(400, 21610), gateway.Refused(gateway.Cause.OPTED_OUT, "21610")),
    (403, refusal(403, 20003), gateway.Refused(gateway.Cause.ACCOUNT, "20003")),
    (403, "<html>Forbidden</html>", gateway.Refused(gateway.Cause.ACCOUNT, "403")),
    (404, refusal(404, 20404), gateway.Refused(gateway.Cause.ACCOUNT, "20404")),
    (404, "<html>Not found</html>", gateway.Refused(gateway.Cause.ACCOUNT, "404")),
    (401, "", gateway.Refused(gateway.Cause.ACCOUNT, "401")),
    (400, refusal(400, 21611), gateway.Throttled(None)),
    (400, refusal(400, 20429), gateway.Throttled(None)),
    # The limit of a day: no use to go on.
    (429, refusal(429, 63038), gateway.Refused(gateway.Cause.ACCOUNT, "63038")),
    # May have been processed: a 4xx without the gateway's own code may be a proxy's.
    (400, '{"code": "Nguyễn Văn A"}', gateway.OutcomeUnknown("http_400")),
    (400, "no JSON", gateway.OutcomeUnknown("http_400")),
    (405, "", gateway.OutcomeUnknown("http_405")),
    (407, "<html>Proxy</html>", gateway.OutcomeUnknown("http_407")),
    (408, "", gateway.OutcomeUnknown("http_408")),
    (500, refusal(500, 20500), gateway.OutcomeUnknown("http_500")),
    (500, problem(500, 20500), gateway.OutcomeUnknown("http_500")),
    (502, "<html>Bad gateway</html>", gateway.OutcomeUnknown("http_502")),
    (503, "", gateway.OutcomeUnknown("http_503")),
    (504, refusal(504, 21211), gateway.OutcomeUnknown("http_504")),
    # What the body says of the status does not make a failure of the server a refusal.
    (500, problem(400, 21211), gateway.OutcomeUnknown("http_500")),
    (302, "", gateway.OutcomeUnknown("http_302")),
)
def test_only_a_4xx_is_taken_for_a_no(status, text, outcome):
    server = answering(status, text)
    assert server.send() == [outcome]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>OK</html>",
        '{"sid": "SM1"',
        "[]",
        "null",
        '"SM1"',
        "7",
        "{}",
        '{"sid": null}',
        '{"sid": ""}',
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_an_answer_that_cannot_be_read_leaves_the_outcome_unseen(status, text):
    server = answering(status, text)
    (outcome,) = server.send()
    assert isinstance(outcome, gateway.OutcomeUnknown)
    assert len(server.asked) == 1


def test_a_request_whose_time_is_over_when_its_connection_is_in_hand_is_not_made():
    server = answering(201, json.dumps({"sid": "SM1", "status": "queued"}))
    over = [outgoing(is_over=lambda: True), outgoing(), outgoing(is_over=lambda: True)]
    first, second, third = server.send(*over)
    assert (first, third) == (
        gateway.RequestExpired(),
        gateway.RequestExpired(),
    )  # on a new connection and on one that was used before
    assert isinstance(second, gateway.Accepted)
    assert len(server.asked) == 1


# -- too many requests


@pytest.mark.parametrize("text", [refusal(429, 20429), problem(429, 20429), "", "<html>"])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("1e300", 3600.0),
    ],
)
def test_too_many_requests_were_never_processed(text, header, seconds):
    server = answering(429, text, headers={"Retry-After": header} if header else None)
    assert server.send() == [gateway.Throttled(seconds)]
    assert len(server.asked) == 1


def test_the_simulators_429_brings_its_retry_after(simulator, training):
    simulator.faults(rate_429=1, retry_after_s=3)
    assert send(training) == gateway.Throttled(3.0)
    assert simulator.ledger() == []


# -- nothing is seen


@cases("rate_500", "rate_500_after", "rate_cut", "rate_cut_before")
def test_nothing_is_ever_repeated_by_itself(simulator, training, fault):
    simulator.faults(**{fault: 1})
    assert isinstance(send(training), gateway.OutcomeUnknown)
    assert simulator.stats()["requests"] == 1
    assert len(simulator.ledger()) == (1 if fault in ("rate_500_after", "rate_cut") else 0)


def test_a_connection_that_dies_while_idle_does_not_repeat_a_message():
    """The second request meets a connection that the server drops; an HTTP client likes to try again then."""

    async def handler(request):
        if len(server.asked) == 1:
            return web.Response(status=201, text=CREATED)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server = Server(handler)
    first, second = server.send(outgoing(), outgoing(attempt_id=8))
    assert first == gateway.Accepted("SM1")
    assert isinstance(second, gateway.OutcomeUnknown)
    assert len(server.asked) == 2


def test_the_timeout_is_kept(simulator, training):
    simulator.faults(rate_timeout=1, timeout_s=30)
    started = time.monotonic()
    assert isinstance(send(replace(training, send_timeout_s=TIMEOUT_S)), gateway.OutcomeUnknown)
    assert TIMEOUT_S <= time.monotonic() - started < TIMEOUT_S + BUSY_S
    assert simulator.stats()["requests"] == 1


def test_the_timeout_covers_a_body_that_comes_drop_by_drop():
    async def handler(request):
        response = web.StreamResponse(status=201)
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" ")
            await asyncio.sleep(TIMEOUT_S / 4)
        return response

    started = time.monotonic()
    (outcome,) = Server(handler, timeout_s=TIMEOUT_S).send()
    assert isinstance(outcome, gateway.OutcomeUnknown)
    assert time.monotonic() - started < TIMEOUT_S + BUSY_S


def test_where_nobody_listens_the_message_cannot_have_arrived():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = taken.getsockname()[1]
    assert send(settings_for(f"http://127.0.0.1:{closed}")) == gateway.Throttled(fault="connection")
    with pytest.raises(gateway.GatewayUnavailable):
        list_to(settings_for(f"http://127.0.0.1:{closed}"))


# -- live


@cases(TO, "+84397000985", "+84260000123")
def test_a_live_gateway_refuses_the_sample_numbers_before_it_asks_anyone(monkeypatch, number):
    asked = []
    monkeypatch.setattr(ClientSession, "_request", lambda *asked_for, **_: asked.append(asked_for))
    live = Settings(sms_gateway="twilio")
    assert live.is_live
    assert send(live, to=number) == gateway.Refused(gateway.Cause.SAMPLE_NUMBER, "sample")
    assert asked == []
