"""Benchmark of leaders' pages during sending, with a million people and three messages each."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text

from benchmarks import gateway
from benchmarks.callbacks import server
from benchmarks.ground import APPROVER, PASSWORD, Ground
from benchmarks.measures import percentile, show_times, target, wait_until
from benchmarks.province import province_of
from benchmarks.readers import Reader, over_after, read_pages
from campaigns.agencies.reports import submit_by_officer
from campaigns.goals.goals import enter_denominator, set_goal
from campaigns.goals.official_figures import enter_official
from campaigns.planning.drives import open_drive_of
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.goals import GoalScope, GoalSubject
from campaigns.rules.sending_hours import VIETNAM
from deploy.redis_server import find_port
from outreach.accounts.organisations import create_organisation
from outreach.accounts.users import create_user, find_user
from outreach.core.db import Database
from outreach.models.accounts import OrganisationKind, Role
from outreach.models.places import Area, AreaLevel
from outreach.runtime import Runtime
from tests.support.processes import Processes

PEOPLE = 1_000_000
SECONDS = 60
PACE = 200  # segments a second; each message has one
READERS = 8
PAUSE_S = 1.0  # between two pages of a reader
RESTARTS = 5
FIRST_VIEW_WITHIN_S = 1.0
AGENCIES = 40
COUNTED_WITHIN_S = 240.0
LONGEST_MS = 150.0
PAGES = {
    "leader's page": "/admin/progress/?campaign=1",
    "leader's page, a district": "/admin/progress/?campaign=1&district=615",
    "campaign reach": "/admin/campaigns/1/reach/",
}


def main(on: Ground, *, people: int = PEOPLE, seconds: int = SECONDS) -> str:
    """Measure pages of READERS, each after a pause, while PACE messages per second are sent."""
    waiting = PACE * (seconds + 120)
    with (
        gateway.running(on.gateway_program) as to,
        province_of(on, people, waiting=min(waiting, people // 2)) as (url, runtime),
    ):
        on.flush_redis()
        add_figures(runtime.db)
        with runtime.db.write() as session:  # nothing is sent before the first count
            session.execute(text("UPDATE campaigns SET state = 'paused'"))
        settings = on.settings(url, gateway_url=to.url)
        processes = Processes(settings, on.folder / "workers.log")
        port = find_port()
        try:
            with server(settings, "asgi:app", on, port=port):
                for queue in ("send", "default", "imports"):
                    processes.start("worker", "--queues", queue)
                processes.start("scheduler")
                readers = [Reader(port, f"lanhdao{n}@loa.example") for n in range(READERS)]
                began = time.monotonic()
                # Opening the page starts the count of a large campaign.
                wait_until(
                    lambda: "đang đếm lần đầu" not in readers[0].get(PAGES["leader's page"]),
                    "nobody counts: see workers.log",
                    seconds=COUNTED_WITHIN_S,
                    look_every_s=0.5,
                )
                first_count = time.monotonic() - began
                _send(runtime)
                to.wait_for(1, seconds=30.0)
                read_pages(readers, PAGES, lambda opened: opened > 4, pause_s=PAUSE_S)  # fills caches
                sent = to.stats().accepted
                began = time.monotonic()
                took = read_pages(readers, PAGES, over_after(seconds), pause_s=PAUSE_S)
                rate = (to.stats().accepted - sent) / (time.monotonic() - began)
                hardest = read_pages(readers, PAGES, over_after(seconds / 4), pause_s=0.0)
            first_views = []
            for _ in range(RESTARTS):
                with server(settings, "asgi:app", on, port=port):
                    readers[0].connection.close()
                    began = time.monotonic()
                    readers[0].get(PAGES["leader's page"])
                    first_views.append(time.monotonic() - began)
        finally:
            processes.stop()
    return "\n".join(
        [
            show_times(
                f"{people:,} people, ms",
                took | {f"{name}, without a pause": ms for name, ms in hardest.items()},
            ),
            f"{READERS} readers, {PAUSE_S:g} s between two pages of one; counted for the first time in {first_count:.0f} s",
            target("messages/s meanwhile, of the pace", rate / PACE, at_least=0.95, form=".1%"),
            *(
                target(f"{name}, p95 ms", percentile(ms, 95), at_most=LONGEST_MS, form=".0f")
                for name, ms in {**took, "leader's page, without a pause": hardest["leader's page"]}.items()
            ),
            target(
                f"leader's page, first view after a restart, worst of {RESTARTS}, s",
                max(first_views),
                at_most=FIRST_VIEW_WITHIN_S,
                form=".2f",
            ),
        ]
    )


def _send(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        session.execute(text("UPDATE campaigns SET state = 'sending', pace = :pace"), {"pace": PACE})


def add_figures(db: Database) -> None:
    """Add readers, goals, a denominator for every area, a week of official installs, and agency reports."""
    now = datetime.now(UTC)
    today = now.astimezone(VIETNAM).date()
    with db.write() as session:
        for n in range(READERS):
            email = f"lanhdao{n}@loa.example"
            create_user(session, email=email, password=PASSWORD, role=Role.LEADER, now=now)
        user = find_user(session, APPROVER)
        drive = open_drive_of(session, DEFAULT_KIND, now=now).id
        province = GoalSubject(drive, GoalScope.RESIDENTS, area="62")
        for subject, share in ((province, "50"), (GoalSubject(drive, GoalScope.STAFF), "100")):
            deadline = (today + timedelta(days=5)).isoformat()
            set_goal(session, subject, share=share, deadline=deadline, basis="", user=user, now=now)
        areas = session.scalars(select(Area)).all()
        for area in areas:
            enter_denominator(
                session,
                province._replace(area=area.code),
                value="1200000" if area.code == "62" else "12000",
                as_of="2020-08-01",
                source="Sở TT&TT",
                user=user,
                now=now,
            )
        for ago in range(7):
            day = (today - timedelta(days=ago)).isoformat()
            for area in areas:
                if area.level is AreaLevel.DISTRICT:
                    enter_official(
                        session,
                        drive=drive,
                        day=day,
                        area=area.code,
                        installed=str(9_000 - 100 * ago),
                        source="Sở TT&TT",
                        user=user,
                        now=now,
                    )
        for n in range(AGENCIES):
            made = create_organisation(
                session, code=f"S{n}", name=f"Sở thứ {n}", kind=OrganisationKind.AGENCY, parent_code="MTTQ"
            )
            for ago in range(7, n % 2 - 1, -1):
                counts = StaffCounts(400, 390, 380 - 20 * ago)
                day_of_it = today - timedelta(days=ago)
                submit_by_officer(session, made.id, counts, day=day_of_it, note="", user=user, now=now)
