"""Benchmark of many logins at once: what those who read pages notice of them, and the memory of the web."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from benchmarks.callbacks import server
from benchmarks.ground import PASSWORD, Ground, add_people
from benchmarks.measures import peak_mb, percentile, show_times, target
from benchmarks.readers import Reader, over_after, read_pages
from deploy.redis_server import find_port
from outreach.accounts.users import create_user
from outreach.core.db import Database
from outreach.models.accounts import Role

LOGINS, READERS = 64, 8
ROUNDS = 3
PAUSE_S = 0.2  # between two pages of a reader
PAGES = {page: f"/admin/{page}" for page in ("", "progress/", "people/", "campaigns/", "lists/")}
LONGEST_MS, MOST_MB = 500.0, 600.0


def main(on: Ground, *, people: int = 20_000, logins: int = LOGINS, rounds: int = ROUNDS) -> str:
    """Measure pages of READERS while `logins` people sign in at the same moment, some times over."""
    with on.database() as url:
        db, now = Database(url), datetime.now(UTC)
        add_people(db, people)
        with db.write() as session:
            for n in range(logins + READERS):
                create_user(session, email=_email(n), password=PASSWORD, role=Role.STAFF, now=now)
        db.close()
        on.flush_redis()
        port = find_port()
        settings = on.settings(url, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}")
        with server(settings, "asgi:app", on, port=port) as processes:
            readers = [Reader(port, _email(n)) for n in range(READERS)]
            read_pages(readers, PAGES, lambda opened: opened == len(PAGES), pause_s=0.0)  # warm-up
            alone = read_pages(readers, PAGES, over_after(3.0), pause_s=PAUSE_S)
            signed_in: list[float] = []

            def storm() -> None:
                for _ in range(rounds):
                    with ThreadPoolExecutor(logins) as pool:
                        signed_in.extend(pool.map(lambda n: _sign_in(port, READERS + n), range(logins)))

            storming = threading.Thread(target=storm)
            storming.start()
            beside = read_pages(readers, PAGES, lambda _: not storming.is_alive(), pause_s=PAUSE_S)
            memory = peak_mb([process.pid for process in processes.running])
    took = [ms for page in beside.values() for ms in page]
    times = {
        "pages, nobody signs in": [ms for page in alone.values() for ms in page],
        f"pages beside {logins} logins": took,
        "a login": signed_in,
    }
    return "\n".join(
        [
            show_times(f"{READERS} readers, ms", times),
            target(
                f"pages beside {logins} logins, p95 ms", percentile(took, 95), at_most=LONGEST_MS, form=".0f"
            ),
            target("memory of the web, MB", memory, at_most=MOST_MB, form=".0f"),
        ]
    )


def _email(n: int) -> str:
    return f"canbo{n}@loa.example"


def _sign_in(port: int, n: int) -> float:
    began = time.perf_counter()
    Reader(port, _email(n))
    return (time.perf_counter() - began) * 1000
