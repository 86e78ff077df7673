"""Servers that we ask and that lie: whatever they send, a process keeps its memory, its time and what others have sent."""

import asyncio
import re
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from smtplib import SMTPServerDisconnected

import pytest

from campaigns.delivery.claim_messages import claim_next_batch
from campaigns.delivery.record_outcomes import store_outcomes
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.rules.gateway import Accepted, OutboundMessage, OutcomeUnknown, Throttled
from outreach.sms.aggregator import AggregatorGateway
from outreach.sms.android import AndroidGateway
from outreach.sms.smpp import ENQUIRE, MOST_ARRIVED, TEMPORARY, SmppGateway
from outreach.sms.twilio import TwilioGateway
from tests.support.servers import both_databases
from tests.support.smpp_pdus import inbound_pdu
from tests.support.tables import cases
from tests.support.world import number

HEADER = struct.Struct(">IIII")
MESSAGE = OutboundMessage(1, number(1), "MTTQ", "Chào ông/bà")


def settings_for(port, gateway):
    here = f"127.0.0.1:{port}"
    return Settings.from_env(
        {
            "APP_ENV": "test",
            "SECRET_KEY": "tests-only-" + "k" * 32,
            "SMS_GATEWAY": gateway,
            "SMS_LIVE": "no",
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "t" * 32,
            "TWILIO_FROM": "MTTQ",
            "TWILIO_API_BASE_URL": f"http://{here}",
            "PHONE_API_BASE_URL": f"http://{here}",
            "PHONE_LOGIN": "phone",
            "PHONE_PASSWORD": "word",
            "PHONE_WEBHOOK_KEY": "key",
            "AGGREGATOR_PROFILE": "esms",
            "AGGREGATOR_URL": f"http://{here}",
            "AGGREGATOR_KEY": "key",
            "AGGREGATOR_SECRET": "secret",
            "SMPP_URL": f"smpp://loa:word@{here}",
        }
    )


def play(serve, ask):
    """What `ask(port)` returns with a server on this machine that does `serve(reader, writer)` for each connection."""

    async def answer(reader, writer):
        with suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    async def run():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        try:
            async with asyncio.timeout(60):
                return await ask(server.sockets[0].getsockname()[1])
        finally:
            server.close()

    return asyncio.run(run())


async def bind(reader, writer):
    length, command, _status, sequence = HEADER.unpack(await reader.readexactly(16))
    await reader.readexactly(length - 16)
    writer.write(HEADER.pack(17, command | 0x80000000, 0, sequence) + b"\0")


def over_smpp(serve, seconds, look, inbox):
    async def ask(port):
        gateway = SmppGateway(settings_for(port, "smpp"), inbox)
        await asyncio.sleep(seconds)
        try:
            return look(gateway)
        finally:
            await gateway.close()

    return play(serve, ask)


async def takes_all(_items):
    return None


async def waits(_items):
    await asyncio.sleep(60)


def test_what_a_centre_delivers_without_waiting_for_answers_is_put_off():
    statuses = []

    async def serve(reader, writer):
        await bind(reader, writer)
        writer.write(inbound_pdu(number(1), b"TC") * 3 * MOST_ARRIVED)
        while True:
            length, _command, status, _sequence = HEADER.unpack(await reader.readexactly(16))
            await reader.readexactly(length - 16)
            statuses.append(status)

    kept = over_smpp(serve, 2.0, lambda gateway: len(gateway._arrived), waits)
    assert kept <= MOST_ARRIVED
    assert statuses.count(TEMPORARY) >= MOST_ARRIVED


def test_nothing_more_is_read_of_a_centre_that_takes_no_answers():
    async def serve(reader, writer):
        await bind(reader, writer)
        while True:
            writer.write(HEADER.pack(16, ENQUIRE, 0, 1) * 10_000)
            await writer.drain()

    def look(gateway):
        return gateway._sessions["transceiver"]._transport.get_write_buffer_size()

    assert over_smpp(serve, 4.0, look, takes_all) < 1_000_000


@cases((b"",), (HEADER.pack(16, 0x06, 0, 9),), (b"\xff" * 1000,), (b"\0" * 1000,))
def test_a_centre_that_ends_each_connection_is_not_asked_without_a_pause(then):
    begun = []

    async def serve(reader, writer):
        begun.append(True)
        await bind(reader, writer)
        writer.write(then)
        await writer.drain()
        if then:
            await reader.read()

    over_smpp(serve, 1.0, lambda gateway: None, takes_all)
    assert 1 < len(begun) < 10


GATEWAYS = {"twilio": TwilioGateway, "phone": AndroidGateway, "aggregator": AggregatorGateway}


def send_by_http(gateway, head, piece=b""):
    async def serve(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", request)[1]))
        writer.write(head)
        while piece:
            writer.write(piece)
            await writer.drain()
        await writer.drain()

    async def ask(port):
        opened = GATEWAYS[gateway](settings_for(port, gateway))
        try:
            return await opened.send(MESSAGE)
        finally:
            await opened.close()

    return play(serve, ask)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_an_answer_without_end_is_not_kept_in_memory(gateway):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"
    assert send_by_http(gateway, head, b"x" * 100_000) == OutcomeUnknown("ClientPayloadError")


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_an_answer_that_nests_too_deep_is_no_answer(gateway):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000
    assert send_by_http(gateway, head) == OutcomeUnknown("RecursionError")


@cases(("phone", "9" * 30, 3600.0), ("phone", "9" * 400, None), ("twilio", "9" * 30, 3600.0))
def test_no_gateway_stops_sending_for_more_than_an_hour(gateway, seconds, wait):
    head = f"HTTP/1.1 429 Busy\r\nRetry-After: {seconds}\r\nContent-Length: 2\r\n\r\n{{}}"
    assert send_by_http(gateway, head.encode()) == Throttled(wait)


@contextmanager
def mail_server(banner):
    """A server that says this, again and again; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):
                connection = listening.accept()[0]
                with connection:
                    for _ in range(100_000):
                        connection.sendall(banner)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def test_a_mail_server_whose_answer_has_no_end_is_left():
    with (
        mail_server(b"220-come in\r\n" * 100) as port,
        pytest.raises(SMTPServerDisconnected, match="without end"),
    ):
        send_mail(f"smtp://127.0.0.1:{port}", to=["canbo@loa.example"], subject="Báo cáo", body="…")


@both_databases
def test_an_answer_that_cannot_be_stored_keeps_no_others_from_being_stored(world):
    campaign = world.launch(people=3)
    claims = [task.claim for task in claim_next_batch(world.runtime, "one", 3)[2]]
    answers = zip(claims, map(Accepted, ("SM1", "SM\ud800", "SM3")), strict=True)
    store_outcomes(world.runtime, list(answers))
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 2, "unknown": 1}
