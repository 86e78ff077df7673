"""Load test of the inbox after a storm warning: replies arrive, every tenth a cry for help, while officers read and open cases.

With `--event` the warning is an event: 1,200 of 10,000 replies are cries, 400 with a position, the rest says to be safe, and officers look at its page, hand
cries to teams and settle them; a cry that is lost or joined to another number's is an error.

Run it by `python -m benchmarks.storm`. Each reply is a signed request of the gateway, in the words of authors who were not trained on.
Three officers look each second; one of them opens the first case and closes as many as arrive, as urgent ones stand longest waiting first. Exit status 1 where a cry is seen on the first
page later than LONGEST_S (99 of a hundred), or a page takes longer than LONGEST_MS (95 of a hundred).
"""

import argparse
import asyncio
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count

import aiohttp
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session
from twilio.request_validator import RequestValidator

from benchmarks.__main__ import machine
from benchmarks.ground import AUTHOR, Ground, campaign_of, ground, server
from benchmarks.measures import percentile, show_times, target, wait_until
from benchmarks.readers import Seen, log_in, look, token_in
from campaigns.models.campaigns import Campaign
from campaigns.models.replies import Case, Reply, SafetyReport
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.replies.understand import understand
from campaigns.rules.safety import SafetyStatus
from deploy.redis_server import find_port
from outreach.core.settings import Settings
from tests.replies.data import asked_of, read_authors

LONGEST_S, LONGEST_MS = 5.0, 300.0
CRIES_OF = 10
OFFICERS = 3
CLOSED_AT_ONCE = 8
_INBOX = "/admin/inbox/"
_EVENT = "/admin/rescue/?event={}"
_LIVE = "/admin/rescue/live?event={}"
_CRIES_OF_EVENT, _PLACED_OF_EVENT = 0.12, 0.04
_CASE, _KEY = re.compile(r'id="case-(\d+)"'), re.compile(r'data-key="(\w+)"')
_URGENT = text("SELECT id, extract(epoch FROM urgent_at) AS at FROM cases WHERE urgent_at IS NOT NULL")


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__)
    options.add_argument("--replies", type=int, default=10_000)
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--event", action="store_true", help="officers work on the event's page")
    given = options.parse_args()
    print(machine(), flush=True)
    with ground() as on:
        return run(on, replies=given.replies, seconds=given.minutes * 60, is_event=given.event)


def run(on: Ground, *, replies: int, seconds: float, is_event: bool) -> int:
    port = find_port()
    with campaign_of(on, replies, sent_of=1, state="delivered") as (url, runtime):
        settings = on.settings(url, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}")
        with server(settings, on, port=port) as processes:
            for queue in ("inbound", "default"):
                processes.start("worker", "--queues", queue)
            processes.start("scheduler")
            wait_until(lambda: int(runtime.redis.scard("rq:workers")) >= 2, "no workers", seconds=60)
            event = 0
            if is_event:
                with runtime.db.write() as session:
                    session.execute(update(Campaign).values(urgent_reason="Bão"))
                    event = session.scalars(select(Campaign.id)).one()
            chance = random.Random(1)
            bodies = (texts_of_event if is_event else texts_of)(replies, chance)
            asked = list(requests_of(settings, bodies, chance))
            seen, shown, answered = asyncio.run(play(port, asked, seconds=seconds, event=event))
        with runtime.db.read() as session:
            urgent = {row.id: float(row.at) for row in session.execute(_URGENT)}
            if is_event:
                check_event(session, bodies, seen)
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


def texts_of(count: int, chance: random.Random) -> list[str]:
    """Return replies by authors who were not trained on, every tenth a cry for help."""
    written = [each for each in read_authors() if each.is_held_out and each.kind == "bao-lu"]
    heard = {each.text: understand(each.text, asked_of(each.kind)).is_urgent for each in written}
    cries, calm = ([text for text, is_cry in heard.items() if is_cry is wanted] for wanted in (True, False))
    return [chance.choice(cries if n % CRIES_OF == 0 else calm) for n in range(count)]


def texts_of_event(count: int, chance: random.Random) -> list[str]:
    """Return replies to an event; positions lie some kilometres around a town, each a house of its own."""
    cries, placed = int(count * _CRIES_OF_EVENT), int(count * _PLACED_OF_EVENT)
    bodies = ["AN TOAN"] * (count - cries) + ["CUU 4 nguoi tren mai nha"] * (cries - placed)
    bodies += [f"CUU 4 nguoi {14.2 + n / 500:.5f}, {107.8 + n / 700:.5f}" for n in range(placed)]
    chance.shuffle(bodies)
    return bodies


def requests_of(
    settings: Settings, bodies: Sequence[str], chance: random.Random
) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the address, the form and the signature of each reply, from as many numbers in any order."""
    validator, path = RequestValidator(settings.twilio_auth_token), "/webhooks/twilio/inbound"
    numbers = chance.sample(range(1, len(bodies) + 1), len(bodies))
    for n, (number, body) in enumerate(zip(numbers, bodies, strict=True)):
        form = {"MessageSid": f"SM{n:032}", "From": f"+849{number:08}", "To": "+84900000000", "Body": body}
        yield path, form, validator.compute_signature(settings.public_base_url + path, form)


def check_event(session: Session, bodies: Sequence[str], seen: Seen) -> None:
    """Count as errors cries that have no case of their own, positions that are not kept, and those left in a text."""
    cries = sum(each.startswith("CUU") for each in bodies)
    placed = sum("14." in each or "15." in each for each in bodies)
    is_cry = SafetyReport.status != SafetyStatus.SAFE
    for name, wanted, query in (
        ("cries", cries, select(func.count()).where(is_cry)),
        ("positions", placed, select(func.count(SafetyReport.latitude)).where(is_cry)),
        ("cases", cries, select(func.count(Case.phone_id.distinct()))),
        ("joined", 0, select(func.count(SafetyReport.joined_to))),
        ("positions in texts", 0, select(func.count()).where(Reply.body.regexp_match(r"\d\d\.\d{4}"))),
    ):
        found = session.scalar(query)
        print(f"of the event: {name} {found}")
        if found != wanted:
            seen.errors[f"{name}: {found} for {wanted}"] += 1


async def play(
    port: int, asked: list[tuple[str, dict[str, str], str]], *, seconds: float, event: int = 0
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

    async def work_on(session: aiohttp.ClientSession, n: int) -> None:
        """Look at the event's page as it looks itself; one officer hands over and settles as many as arrive."""
        page = await look(session, seen, "event", _EVENT.format(event))
        form = {"csrf_token": token_in(page), "event": event}
        for turn in count():
            if is_over.is_set():
                return
            page = await look(
                session, seen, "live", _LIVE.format(event), {"X-Have": " ".join(_KEY.findall(page))}
            )
            found = list(map(int, _CASE.findall(page)))
            for case in found:
                shown.setdefault(case, time.time())
            if turn % 5 == 0:
                await look(session, seen, "map", _LIVE.format(event) + "&part=map")
            for case in found[n : n + 2]:
                more = {"number": "0905000123", "outcome": CaseOutcome.VISITED}
                for action in ("hand", "note"):
                    began = time.perf_counter()
                    address = f"/admin/rescue/{case}/{action}"
                    async with session.post(address, data={**form, **more}, allow_redirects=False) as reply:
                        if reply.status not in (303, 422):  # another officer was there before
                            seen.errors[f"{action}: {reply.status}"] += 1
                    seen.ms[action].append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(3.0)

    async def officer(n: int) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", cookie_jar=jar) as session:
            await log_in(session, AUTHOR)
            if event:
                await work_on(session, n)
                return
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
