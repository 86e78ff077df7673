"""Load test of the inbox after a storm warning: replies arrive, every tenth a cry for help, while officers read and open cases.

Run it by `python -m benchmarks.storm`. Each reply is a signed request of the gateway, in the words of authors who were not trained on.
Three officers look each second; one of them opens the first case and closes as many as arrive, as urgent ones stand longest waiting first. Exit status 1 where a cry is seen on the first
page later than LONGEST_S (99 of a hundred), or a page takes longer than LONGEST_MS (95 of a hundred).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import time
from collections.abc import Iterator

import aiohttp
from sqlalchemy import text
from twilio.request_validator import RequestValidator

from benchmarks.__main__ import machine
from benchmarks.ground import AUTHOR, Ground, ground, server
from benchmarks.measures import percentile, show_times, target, wait_until
from benchmarks.province import campaign_of
from benchmarks.readers import Seen, log_in, look, token_in
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.replies.understand import understand
from deploy.redis_server import find_port
from outreach.core.settings import Settings
from tests.replies.data import asked_of, read_authors

LONGEST_S, LONGEST_MS = 5.0, 300.0
CRIES_OF = 10
OFFICERS = 3
CLOSED_AT_ONCE = 8
_INBOX = "/admin/inbox/"
_CASE = re.compile(r'id="case-(\d+)"')
_URGENT = text("SELECT id, extract(epoch FROM urgent_at) AS at FROM cases WHERE urgent_at IS NOT NULL")


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__)
    options.add_argument("--replies", type=int, default=10_000)
    options.add_argument("--minutes", type=float, default=60.0)
    given = options.parse_args()
    print(machine(), flush=True)
    with ground() as on:
        return run(on, replies=given.replies, seconds=given.minutes * 60)


def run(on: Ground, *, replies: int, seconds: float) -> int:
    port = find_port()
    with campaign_of(on, replies, sent_of=1, state="delivered") as (url, runtime):
        settings = on.settings(url, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}")
        with server(settings, on, port=port) as processes:
            for queue in ("inbound", "default"):
                processes.start("worker", "--queues", queue)
            processes.start("scheduler")
            wait_until(lambda: int(runtime.redis.scard("rq:workers")) >= 2, "no workers", seconds=60)
            asked = list(requests_of(settings, replies))
            seen, shown, answered = asyncio.run(play(port, asked, seconds=seconds))
        with runtime.db.read() as session:
            urgent = {row.id: float(row.at) for row in session.execute(_URGENT)}
    late = sorted(shown[case] - at for case, at in urgent.items() if case in shown)
    print(
        f"{replies:,} replies in {seconds:.0f} s, {len(urgent):,} cases urgent, {len(urgent) - len(late)} never on the first page"
    )
    print(show_times("ms", {"a reply's request": answered, **dict(sorted(seen.ms.items()))}))
    p99, pages = percentile(late, 99), percentile([each for ms in seen.ms.values() for each in ms], 95)
    print(target("seconds until a cry is seen on the first page, p99", p99, at_most=LONGEST_S, form=".1f"))
    print(target("p95 of the officers' pages, ms", pages, at_most=LONGEST_MS, form=".0f"))
    print(f"errors: {dict(seen.errors) or 'none'}")
    return int(bool(seen.errors) or len(late) < len(urgent) or p99 > LONGEST_S or pages > LONGEST_MS)


def requests_of(settings: Settings, count: int) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the address, the form and the signature of each reply, from `count` numbers in any order."""
    written = [each for each in read_authors() if each.is_held_out and each.kind == "bao-lu"]
    heard = {each.text: understand(each.text, asked_of(each.kind)).is_urgent for each in written}
    cries, calm = ([text for text, is_cry in heard.items() if is_cry is wanted] for wanted in (True, False))
    validator, chance = RequestValidator(settings.twilio_auth_token), random.Random(1)
    path = "/webhooks/twilio/inbound"
    for n, number in enumerate(chance.sample(range(1, count + 1), count)):
        body = chance.choice(cries if n % CRIES_OF == 0 else calm)
        form = {"MessageSid": f"SM{n:032}", "From": f"+849{number:08}", "To": "+84900000000", "Body": body}
        yield path, form, validator.compute_signature(settings.public_base_url + path, form)


async def play(
    port: int, asked: list[tuple[str, dict[str, str], str]], *, seconds: float
) -> tuple[Seen, dict[int, float], list[float]]:
    """Return what officers saw, when each case was first on their page, and the milliseconds of each reply's request."""
    seen, shown, answered = Seen(), dict[int, float](), list[float]()
    is_over = asyncio.Event()

    async def post_replies() -> None:
        began = time.monotonic()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as gateway:
            for n, (path, form, signature) in enumerate(asked):
                await asyncio.sleep(max(0.0, began + n * seconds / len(asked) - time.monotonic()))
                sent = time.perf_counter()
                async with gateway.post(path, data=form, headers={"X-Twilio-Signature": signature}) as reply:
                    if reply.status != 200:
                        seen.errors[f"reply: {reply.status}"] += 1
                answered.append((time.perf_counter() - sent) * 1000)
        await asyncio.sleep(LONGEST_S)
        is_over.set()

    async def officer(n: int) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", cookie_jar=jar) as session:
            await log_in(session, AUTHOR)
            while not is_over.is_set():
                found = _CASE.findall(await look(session, seen, "inbox", _INBOX))
                for case in found:
                    shown.setdefault(int(case), time.time())
                if found and n == 0:
                    page = await look(session, seen, "a case", f"/admin/inbox/{found[0]}/")
                    done = {"csrf_token": token_in(page), "outcome": CaseOutcome.CALLED}
                    for case in found[:CLOSED_AT_ONCE]:
                        await session.post(f"/admin/inbox/{case}/finish", data=done, allow_redirects=False)
                await asyncio.sleep(1.0)

    await asyncio.gather(post_replies(), *(officer(n) for n in range(OFFICERS)))
    return seen, shown, answered


if __name__ == "__main__":
    sys.exit(main())
