"""Benchmark of what is in front: status callbacks until all are applied, and a minute of callbacks, answer pages and the office together."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import md5
from statistics import median

import aiohttp
from sqlalchemy import text
from twilio.request_validator import RequestValidator

from benchmarks.ground import AUTHOR, STARTS_WITHIN_S, Ground, campaign_of, server
from benchmarks.measures import percentile, show_times, target, wait_until
from benchmarks.readers import Seen, get, log_in, look, post, send_all
from campaigns.rules.links import LinkCipher
from deploy.redis_server import find_port
from outreach.core.settings import Settings
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime, open_runtime
from outreach.use_cases import enqueue_apply_callbacks

CALLBACKS = 30_000  # two for each message; fewer take two seconds, of which start and end are half a second
ROUNDS = 3
SECONDS = 60
CALLBACKS_PER_S, ANSWER_PAGES_PER_S, LONGEST_MS = 500, 300, 300.0
READERS, PAUSE_S = 4, 0.5
PAGES = [f"/admin/{page}" for page in ("", "progress/", "people/", "campaigns/", "lists/", "inbox/")]
ENDS_AFTER_S = 120.0
_WAITING = text("SELECT count(*) FROM status_events WHERE applied_at IS NULL")


def callbacks(settings: Settings, port: int, ids: Iterable[int]) -> list[bytes]:
    """Return requests: for each of these messages `sent` and its final status, in order, signed as by Twilio."""
    validator = RequestValidator(settings.twilio_auth_token)
    made = []
    for i in ids:
        end = {"MessageStatus": "delivered"}
        if i % 10 == 0:
            end = {"MessageStatus": "undelivered", "ErrorCode": "30003"}
        for status in ({"MessageStatus": "sent"}, end):
            path = f"/webhooks/twilio/status/{i}"
            form = {
                "MessageSid": f"SM{md5(str(i).encode()).hexdigest()}",
                "AccountSid": settings.twilio_account_sid,
                **status,
            }
            signature = validator.compute_signature(settings.public_base_url + path, form)
            made.append(post(f"http://127.0.0.1:{port}{path}", form, X_Twilio_Signature=signature))
    return made


@contextmanager
def front(on: Ground, url: str) -> Iterator[tuple[Settings, Runtime, int]]:
    """Run the web and the worker that applies callbacks over a database; yield with the web's port."""
    on.flush_redis()
    port = find_port()
    settings = on.settings(url, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}")
    runtime = open_runtime(settings)
    try:
        with server(settings, on, port=port) as processes:
            processes.start("worker", "--queues", "inbound")
            wait_until(
                lambda: runtime.redis.scard("rq:workers"), "no worker: see web.log", seconds=STARTS_WITHIN_S
            )
            yield settings, runtime, port
    finally:
        runtime.close()


def time_applying(on: Ground, url: str, ids: Iterable[int]) -> tuple[float, float]:
    """Return callbacks about these messages of a database per second accepted, and per second until all are applied."""
    with front(on, url) as (settings, runtime, port):
        requests = callbacks(settings, port, ids)
        _load(port, requests[:1])
        started = time.monotonic()
        taken = len(requests) / _load(port, requests)
        _wait_until_applied(runtime)
        return taken, len(requests) / (time.monotonic() - started)


def _wait_until_applied(runtime: Runtime) -> None:
    def is_applied() -> bool:
        enqueue_apply_callbacks(runtime)  # as the sweep would
        with runtime.db.read() as session:
            return not session.execute(_WAITING).scalar_one()

    wait_until(is_applied, "the callbacks were not applied", seconds=ENDS_AFTER_S, look_every_s=0.02)


def _load(port: int, requests: list[bytes]) -> float:
    """Send the requests and return the seconds. All must have been accepted."""
    seconds, answers = send_all(port, requests)
    assert set(answers) == {204}, answers
    return seconds


def together(on: Ground, url: str, people: int, seconds: int) -> str:
    """Send callbacks and ask for answer pages at their rates, while officers read, and say what each took."""
    with front(on, url) as (settings, runtime, port):
        cipher = LinkCipher(settings.keys_of(Purpose.LINKS))
        links = (cipher.token(1 + i % people) for i in range(ANSWER_PAGES_PER_S * seconds))
        loads = {
            "callbacks": (
                callbacks(settings, port, range(1, CALLBACKS_PER_S * seconds // 2 + 1)),
                CALLBACKS_PER_S,
            ),
            "answer pages": ([get(f"http://127.0.0.1:{port}/{link}") for link in links], ANSWER_PAGES_PER_S),
        }
        rates, seen = asyncio.run(_load_all(port, loads))
        _wait_until_applied(runtime)
    assert not seen.errors, seen.errors
    slowest = max(percentile(ms, 95) for ms in seen.ms.values())
    return "\n".join(
        [
            show_times(f"{READERS} officers' pages meanwhile, ms", seen.ms),
            *(
                target(f"{what} a second", rates[what], at_least=0.99 * per_second, form=".0f")
                for what, (_, per_second) in loads.items()
            ),
            target("slowest page, p95 ms", slowest, at_most=LONGEST_MS, form=".0f"),
        ]
    )


async def _load_all(port: int, loads: dict[str, tuple[list[bytes], int]]) -> tuple[dict[str, float], Seen]:
    """Send all requests at their rates while officers turn pages. Return the rates that were kept, and what officers saw."""
    rates, seen, ready = dict[str, float](), Seen(), asyncio.Barrier(READERS + len(loads))

    async def load(what: str) -> None:
        requests, per_second = loads[what]
        await ready.wait()
        seconds, answers = await asyncio.to_thread(send_all, port, requests, per_second=per_second)
        assert set(answers) <= {200, 204}, answers
        rates[what] = len(requests) / seconds

    async def officer(n: int) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", cookie_jar=jar) as session:
            await log_in(session, AUTHOR)
            await ready.wait()
            for page in itertools.islice(itertools.cycle(PAGES), n, None):
                if len(rates) == len(loads):
                    return
                await look(session, seen, page, page)
                await asyncio.sleep(PAUSE_S)

    await asyncio.gather(*map(load, loads), *map(officer, range(READERS)))
    return rates, seen


def main(on: Ground, *, count: int = CALLBACKS, rounds: int = ROUNDS, seconds: int = SECONDS) -> str:
    people = max(count, CALLBACKS_PER_S * seconds) // 2
    with campaign_of(on, people, sent_of=1, state="accepted") as (template, runtime):
        runtime.close()
        rates = []
        for _ in range(rounds):
            with on.database(template) as url:
                rates.append(time_applying(on, url, range(1, count // 2 + 1)))
        with on.database(template) as url:
            beside = together(on, url, people, seconds)
    taken, applied = (median(each) for each in zip(*rates, strict=True))
    return "\n".join(
        [
            f"{applied:,.0f} callbacks/s until all are applied ({taken:,.0f} taken)",
            f"\ntogether for {seconds} s:\n\n{beside}",
        ]
    )
