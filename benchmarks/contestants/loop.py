"""Bare loops: only requests, a fixed number in flight; no database, no queue.

`python -m benchmarks.contestants.loop ours|smpp URL MESSAGES IN_FLIGHT` prints "ready", waits for a line,
sends, prints the seconds and waits for the end of its input.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop

from benchmarks.contestants import Run
from benchmarks.gateway import Gateway
from benchmarks.measures import cpu_s, peak_mb
from outreach.core.settings import Settings
from outreach.rules import gateway as sms_gateway
from outreach.rules.gateway import Accepted, OutboundMessage
from outreach.sms.smpp import SmppGateway
from outreach.sms.twilio import TwilioGateway

ROOT = Path(__file__).resolve().parents[2]
BODY = "Chao A Thun {}, moi ong/ba cai Bluezone: http://127.0.0.1:8000/abcdefgh"
Send = Callable[[int], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


def number(index: int) -> str:
    return f"+849{index:08}"


def run(gateway: Gateway, client: str, *, messages: int, in_flight: int) -> Run:
    """Run one of the clients in its own process."""
    url = gateway.smpp_url if client == "smpp" else gateway.url
    command = [sys.executable, "-m", __name__, client, url, str(messages), str(in_flight)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the loop did not start")
            before = cpu_s([process.pid])
            process.stdin.write("go\n")
            process.stdin.flush()
            words = process.stdout.readline()
            if not words:
                raise RuntimeError("the loop ended: see its words above")
            seconds = float(words)
            cost = cpu_s([process.pid]) - before
            memory = peak_mb([process.pid])
        finally:
            process.stdin.close()
    stats = gateway.stats()
    assert stats.distinct == messages, stats
    return Run(messages, seconds, cost, 0.0, memory)


async def _ours(url: str, _in_flight: int) -> tuple[Send, Close]:
    return _sender(TwilioGateway(Settings.from_env({"TWILIO_API_BASE_URL": url})))


async def _smpp(url: str, in_flight: int) -> tuple[Send, Close]:
    settings = Settings.from_env({"SMPP_URL": url, "SMPP_WINDOW": str(in_flight)})
    return _sender(SmppGateway(settings, _no_inbox))


async def _no_inbox(items: Sequence[sms_gateway.InboxItem]) -> None:
    """The benchmark's gateway sends no receipts."""
    raise AssertionError(items)


def _sender(gateway: sms_gateway.Gateway) -> tuple[Send, Close]:

    async def send(i: int) -> None:
        message = OutboundMessage(i, number(i), "MTTQ", BODY.format(i), validity_s=3600)
        outcome = await gateway.send(message)
        assert isinstance(outcome, Accepted), outcome

    return send, gateway.close


async def _main(client: str, url: str, messages: int, in_flight: int) -> None:
    send, close = await {"ours": _ours, "smpp": _smpp}[client](url, in_flight)
    numbers = iter(range(1, messages + 1))

    async def one_after_another() -> None:
        for i in numbers:
            await send(i)

    print("ready", flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    await asyncio.gather(*(one_after_another() for _ in range(in_flight)))
    print(time.monotonic() - started, flush=True)
    sys.stdin.read()
    await close()


if __name__ == "__main__":
    given = sys.argv[1:]
    uvloop.run(_main(given[0], given[1], int(given[2]), int(given[3])))
