"""Trial of three provinces, each with a database, a Redis database and a web of its own, and the nation's sums over their APIs.

`python -m benchmarks.nation` adds up what docs/scale.md promises and compares it with the three databases. Exit status 1
if a sum differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from urllib.request import Request, urlopen

from sqlalchemy import select, text

from benchmarks.callbacks import server
from benchmarks.ground import PASSWORD, Ground, ground
from benchmarks.province import fill_province
from campaigns.analytics.reach_counts import store_reach
from deploy.redis_server import find_port
from outreach.accounts.api_tokens import create_token
from outreach.accounts.users import create_user
from outreach.models.accounts import Organisation, Right, Role
from outreach.runtime import Runtime, open_runtime

PROVINCES = {"01": 2_000, "48": 3_000, "79": 7_000}  # by code: people
Sums = Counter[str]


def read_province(address: str, token: str) -> Sums:
    """Return a province's figures by name, read over its API: campaigns add up, and so do drives, each of which is read once."""
    sums: Sums = Counter()
    drives = set()
    for campaign in _list(address, token):
        if campaign["launched_at"] is None:
            continue
        status = _get(f"{address}/api/v1/campaigns/{campaign['id']}", token)
        sums["recipients"] += status["recipients"]
        for step in status["steps"]:
            sums.update({f"message {state}": count for state, count in step["messages"].items()})
        sums.update({f"answer {label}": count for label, count in status["answers"].items()})
        if campaign["drive"] not in drives:
            drives.add(campaign["drive"])
            figures = _get(f"{address}/api/v1/campaigns/{campaign['id']}/figures", token)
            assert figures["is_whole"], "the token does not see the whole province"
            own = figures["self_reported"]
            sums.update({f"people {name}": own[name] for name in ("installed", "recipients", "answered")})
            # Below the province there are districts with communes, or since July 2025 communes alone.
            sums["people installed, by place"] += sum(
                line["installed"] for line in figures["districts"]["lines"]
            )
            sums["people installed, by day"] += figures["days"][-1]["installed"] if figures["days"] else 0
    return sums


def _list(address: str, token: str) -> Iterator[dict]:
    following = "/api/v1/campaigns"
    while following:
        page = _get(address + following, token)
        yield from page["campaigns"]
        following = page["next"]


def _get(url: str, token: str) -> dict:
    with urlopen(Request(url, headers={"Authorization": f"Bearer {token}"}), timeout=60) as answer:
        return dict(json.load(answer))


_ROWS = (
    "SELECT 'recipients', count(*) FROM recipients WHERE exclusion IS NULL",
    "SELECT 'message ' || state, count(*) FROM messages GROUP BY state",
    "SELECT 'answer ' || answer, count(*) FROM recipients WHERE answer IS NOT NULL GROUP BY answer",
    """SELECT 'people installed', count(DISTINCT i.phone_id) FROM install_reports i
       JOIN recipients r ON r.id = i.recipient_id WHERE i.withdrawn_at IS NULL AND r.exclusion IS NULL""",
    "SELECT 'people recipients', count(DISTINCT phone_id) FROM recipients WHERE exclusion IS NULL",
    "SELECT 'people answered', count(DISTINCT phone_id) FROM recipients WHERE answer IS NOT NULL AND exclusion IS NULL",
)


def count_rows(runtime: Runtime) -> Sums:
    """Return the same figures counted in a province's database."""
    with runtime.db.read() as session:
        return Counter({name: n for query in _ROWS for name, n in session.execute(text(query))})


def prepare(runtime: Runtime, code: str, people: int) -> str:
    """Fill a province. Returns a token of its API."""
    now = datetime.now(UTC)
    fill_province(runtime, people, waiting=people // 10, province=code)
    store_reach(runtime.db, 1, now=now)
    with runtime.db.write() as session:
        administrator = create_user(
            session, email="quantri@loa.example", password=PASSWORD, role=Role.ADMINISTRATOR, now=now
        )
        _, token = create_token(
            session,
            name="Số liệu cả nước",
            organisation_id=session.scalars(select(Organisation.id).where(Organisation.code == "MTTQ")).one(),
            rights=[Right.CAMPAIGNS_READ, Right.FIGURES_READ],
            days=30,
            user=administrator,
            now=now,
        )
    return token


def compare(on: Ground, times: int) -> bool:
    """Start the provinces, print the nation's sums over the APIs, and return whether the databases have the same."""
    with ExitStack() as stack:
        provinces = []
        for number, (code, people) in enumerate(PROVINCES.items()):
            redis = f"{on.redis.url.removesuffix('/0')}/{number}"
            settings = on.settings(stack.enter_context(on.database()), REDIS_URL=redis)
            runtime = open_runtime(settings)
            stack.callback(runtime.close)
            token = prepare(runtime, code, people * times)
            port = find_port()
            stack.enter_context(server(settings, "asgi:app", on, port=port))
            provinces.append((f"http://127.0.0.1:{port}", token, runtime))
        began = time.monotonic()
        nation: Sums = sum((read_province(address, token) for address, token, _ in provinces), Counter())
        print(f"three installations read in {time.monotonic() - began:.1f} s")
        counted: Sums = sum((count_rows(runtime) for *_, runtime in provinces), Counter())
    for name in sorted(nation.keys() | counted.keys()):
        known = f"{counted[name]:,}" if name in counted else "-"
        print(f"{name:24} {nation[name]:>12,} {known:>12}")
    same = {nation[name] for name in nation if name.startswith("people installed")}
    return len(same) == 1 and all(nation[name] == count for name, count in counted.items())


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.nation", description=__doc__)
    options.add_argument("--times", type=int, default=1, help="so many times the people")
    parsed = options.parse_args(arguments)
    with ground() as on:
        return 0 if compare(on, parsed.times) else 1


if __name__ == "__main__":
    sys.exit(main())
