"""Load test: staff and leaders browse while messages are sent and their callbacks arrive.

Run it by `python -m benchmarks.load`.

50 people open pages (one every 3 to 7 seconds; five of them keep a campaign's sending page open, which polls each
second); all sign in while the campaign is launched. One sending worker sends at a pace that fills the time, and for each
accepted message two signed callbacks arrive, `sent` and `delivered`. Everything runs on this machine, with the settings of
a careful operator. Exit status 1 for an error, a page slower than 150 ms at the 95th of a hundred, or a message that is
lost, sent twice or without its report.
"""

import argparse
import asyncio
import multiprocessing
import random
import sys
import time
from datetime import UTC, datetime

import aiohttp
from sqlalchemy import text
from twilio.request_validator import RequestValidator

from benchmarks import gateway
from benchmarks.__main__ import machine
from benchmarks.ground import PASSWORD, Ground, add_people, approve_campaign, ground, launch, server, vacuum
from benchmarks.measures import percentile, show_times, target, wait_until
from benchmarks.readers import Seen, log_in, look, post, send_all
from deploy.redis_server import find_port
from outreach.accounts.users import create_user
from outreach.core.settings import Settings
from outreach.models.accounts import Role
from outreach.runtime import Runtime, open_runtime

LONGEST_MS = 150.0
BETWEEN_S = (3.0, 7.0)
WATCHERS = 5
ENDS_AFTER_S = 180.0
STATES_TOLD = ("sent", "delivered")
_TAKEN = text(
    "SELECT id, gateway_id FROM attempts WHERE gateway_id IS NOT NULL AND id > :last ORDER BY id LIMIT 2000"
)
# An outcome may be recorded after those of later attempts were read.
_LEFT = text(
    "SELECT id, gateway_id FROM attempts WHERE gateway_id IS NOT NULL AND state = 'accepted' LIMIT 2000"
)
_STATES = text("SELECT state, count(*) FROM messages GROUP BY state")


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    options.add_argument("--messages", type=int, default=300_000)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--people", type=int, default=50, help="staff and leaders who turn pages")
    given = options.parse_args()
    print(machine(), flush=True)
    with ground() as on, gateway.running(on.gateway_program, latency_ms=20) as far:
        return run(on, far, messages=given.messages, seconds=given.minutes * 60, people=given.people)


def run(on: Ground, far: gateway.Gateway, *, messages: int, seconds: float, people: int) -> int:
    port = find_port()
    with on.database() as url:
        settings = on.settings(url, gateway_url=far.url, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}")
        runtime = open_runtime(settings)
        try:
            add_people(runtime.db, messages)
            users = add_officers(runtime, people)
            # A little faster than necessary, so that sending ends before browsing.
            pace = messages / (seconds * 0.9)
            campaign = approve_campaign(runtime, pace=pace)
            vacuum(runtime.db)
            with server(settings, on, port=port) as processes:
                for queue in ("send", "inbound", "default"):
                    processes.start("worker", "--queues", queue)
                processes.start("scheduler")
                wait_until(
                    lambda: int(runtime.redis.scard("rq:workers")) >= 3, "no workers", seconds=ENDS_AFTER_S
                )
                poster = multiprocessing.get_context("spawn").Process(
                    target=report_all, args=(settings, port, pace)
                )
                poster.start()
                launch(runtime, campaign)
                began = time.monotonic()
                seen = asyncio.run(browse(port, users, campaign=campaign, messages=messages, seconds=seconds))
                counts = wait_for_reports(runtime)
                took = time.monotonic() - began
                poster.terminate()
                poster.join()
            return tell(seen, far.stats(), counts, seconds=took)
        finally:
            runtime.close()


def add_officers(runtime: Runtime, count: int) -> list[tuple[str, Role]]:
    """Add users: four of five are staff, the others leaders."""
    users = [(f"nguoi{i}@loa.example", Role.LEADER if i % 5 == 0 else Role.STAFF) for i in range(count)]
    with runtime.db.write() as session:
        for email, role in users:
            create_user(session, email=email, password=PASSWORD, role=role, now=datetime.now(UTC))
    return users


# -- who browses


def pages_of(role: Role, chance: random.Random, *, campaign: int, messages: int) -> tuple[str, str]:
    """Return a page's kind and its URL."""
    anybody = chance.randint(1, messages)
    pages = [("home", "/admin/"), ("progress", "/admin/progress/")]
    if role is Role.STAFF:
        pages += [
            ("people", "/admin/people/"),
            ("people, further on", f"/admin/people/?after={anybody}"),
            ("a person", f"/admin/people/{anybody}/"),
            ("campaigns", "/admin/campaigns/"),
            ("a campaign", f"/admin/campaigns/{campaign}/"),
            ("inbox", "/admin/inbox/"),
            ("lists", "/admin/lists/"),
        ]
    return chance.choice(pages)


async def browse(
    port: int, users: list[tuple[str, Role]], *, campaign: int, messages: int, seconds: float
) -> Seen:
    seen, ends_at = Seen(), time.monotonic() + seconds
    running = ("running", f"/admin/campaigns/{campaign}/running/")

    async def person(i: int, email: str, role: Role) -> None:
        chance = random.Random(i)
        # As set by the reverse proxy: each user has a different address.
        headers = {"X-Forwarded-For": f"10.1.{i // 250}.{i % 250 + 1}"}
        # aiohttp otherwise stores no cookies for an IP address. A connection for each request, as by the proxy.
        jar, each_its_own = aiohttp.CookieJar(unsafe=True), aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{port}", headers=headers, cookie_jar=jar, connector=each_its_own
        ) as session:
            await asyncio.sleep(chance.uniform(0, BETWEEN_S[1]))
            await log_in(session, email)
            watches = role is Role.STAFF and i <= WATCHERS + 1
            while time.monotonic() < ends_at:
                kind, address = (
                    running if watches else pages_of(role, chance, campaign=campaign, messages=messages)
                )
                await look(session, seen, kind, address)
                await asyncio.sleep(1.0 if watches else chance.uniform(*BETWEEN_S))

    await asyncio.gather(*(person(i, email, role) for i, (email, role) in enumerate(users)))
    return seen


# -- the gateway's reports


def report_all(settings: Settings, port: int, pace: float) -> None:
    """Post signed callbacks for each accepted message, a moment later, as evenly as messages leave; runs in its own process."""
    runtime, validator = open_runtime(settings), RequestValidator(settings.twilio_auth_token)
    last = 0
    while True:
        with runtime.db.read() as session:
            taken = session.execute(_TAKEN, {"last": last}).all() or session.execute(_LEFT).all()
        requests = []
        for attempt_id, gateway_id in taken:
            path = f"/webhooks/twilio/status/{attempt_id}"
            for state in STATES_TOLD:
                form = {"MessageSid": gateway_id, "MessageStatus": state}
                signature = validator.compute_signature(settings.public_base_url + path, form)
                requests.append(post(f"http://127.0.0.1:{port}{path}", form, X_Twilio_Signature=signature))
        if requests:
            _, answers = send_all(port, requests, per_second=pace * len(STATES_TOLD) * 1.1)
            assert set(answers) == {204}, answers
            last = max(last, taken[-1].id)
        else:
            time.sleep(0.5)


def wait_for_reports(runtime: Runtime) -> dict[str, int]:
    """Return the messages by state, once none is in flight or the time is over."""
    ends = time.monotonic() + ENDS_AFTER_S
    while True:
        with runtime.db.read() as session:
            counts = {state: int(n) for state, n in session.execute(_STATES)}
        if set(counts) == {"delivered"} or time.monotonic() > ends:
            return counts
        time.sleep(0.5)


def tell(seen: Seen, sent: gateway.Stats, counts: dict[str, int], *, seconds: float) -> int:
    everything = sorted(each for ms in seen.ms.values() for each in ms)
    print(show_times("page, ms", dict(sorted(seen.ms.items()))))
    total = sum(counts.values())
    lost, twice = total - sent.distinct, sent.accepted - sent.distinct
    unreported = total - counts.get("delivered", 0)
    print(
        f"{sent.accepted:,} messages in {sent.last - sent.first:.0f} s, all over after {seconds:.0f} s: {counts}"
    )
    print(f"lost {lost}  twice {twice}  without a report {unreported}")
    print(f"{len(everything):,} pages, errors: {dict(seen.errors) or 'none'}")
    p95 = percentile(everything, 95)
    slowest = max(percentile(ms, 95) for ms in seen.ms.values())
    print(target("p95 of all pages, ms", p95, at_most=LONGEST_MS, form=".0f"))
    print(target("p95 of the slowest page, ms", slowest, at_most=LONGEST_MS, form=".0f"))
    return int(bool(lost or twice or unreported or seen.errors or slowest > LONGEST_MS))


if __name__ == "__main__":
    sys.exit(main())
