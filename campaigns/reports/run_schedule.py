"""What the scheduler does about the report: reads what has happened, does what is due, until nothing is.

Everything is read from the database, so that it makes no difference who asks, how often, or since when nobody did.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.report.day import Deed, Happened, next_deed
from campaigns.report.form import Form
from campaigns.report.forms import current_form
from campaigns.report.issues.issuing import correct, freeze, hold, issue, look_for_changes, newest_issue
from campaigns.report.mail import chasing
from campaigns.report.mail.mailing import deliver, is_delivered, waiting
from campaigns.report.models import ReportDay, ReportIssue, ReportMail
from campaigns.report.snapshot.sources import is_anything_running, read_agencies
from campaigns.rings import ring_report
from campaigns.windows import VIETNAM
from outreach.doorbell import take_turn
from outreach.runtime import Runtime

log = logging.getLogger(__name__)

# Late figures of days before that are still corrected by themselves.
CORRECTED_FOR = 7
# A step that broke is not tried again for so long: meanwhile the alarm has its turn.
TRY_AGAIN = timedelta(seconds=60)
_LOOK_EVERY_S = 20
_MOST_DEEDS = 50  # of one call; the next one goes on


def ring_for_report(runtime: Runtime, *, now: datetime) -> bool:
    """Ring where something is due; looked for every so many seconds, whoever asks."""
    if not take_turn(runtime.redis, "loa:report", every_s=_LOOK_EVERY_S):
        return False
    if any(find_deed(runtime, day, now=now) for day in _days(runtime, now)):
        return ring_report(runtime.doorbell)
    return False


def tick(runtime: Runtime, *, now: datetime) -> list[Deed]:
    """Do all that is due at `now`, in order; what was done."""
    done: list[Deed] = []
    for day in _days(runtime, now):
        while len(done) < _MOST_DEEDS and (deed := find_deed(runtime, day, now=now)):
            done.append(deed)
            try:
                _do(runtime, deed, day, now=now)
            except Exception:
                # Whatever broke, the alarm must have its turn, and the next try.
                log.exception("report.failed deed=%s day=%s", deed, day)
                with runtime.db.write() as session:
                    hold(session, day.isoformat()).failed_at = now
                if deed not in (Deed.FREEZE, Deed.ISSUE):
                    break
    return done


def find_deed(runtime: Runtime, day: date, *, now: datetime) -> Deed | None:
    """What is due next about a day's report."""
    local = now.astimezone(VIETNAM)
    with runtime.db.read() as session:
        form = current_form(session)
        happened = read_happened(session, day, form=form, has_server=bool(runtime.settings.smtp_url), now=now)
    if happened.is_issued and f"{local:%H:%M}" >= form.hours.correct and not happened.has_changed:
        # Only now does anybody want to know, and only where something was entered does it cost.
        if look_for_changes(runtime, day, now=now):
            return Deed.CORRECT
        return next_deed(f"{local:%H:%M}", happened, form.hours)
    return next_deed(f"{local:%H:%M}", happened, form.hours)


def read_happened(session: Session, day: date, *, form: Form, has_server: bool, now: datetime) -> Happened:
    """What has happened on a day, from the database. Call it inside one `db.read()`."""
    iso = day.isoformat()
    held = session.get(ReportDay, iso) or ReportDay(day=iso, marks={}, pending=[])
    newest = newest_issue(session, iso)
    is_today = day == now.astimezone(VIETNAM).date()
    is_wanted = is_today and is_anything_running(session, kind=form.kind, day=day)
    missing = 0
    if is_wanted and newest is None:
        missing = sum(each.is_missing for each in read_agencies(session, day=day, known_until=None))
    return Happened(
        is_wanted=is_wanted,
        missing=missing,
        is_chased=held.chased_at is not None,
        is_alarmed=held.alarmed_at is not None,
        is_frozen=newest is not None,
        is_issued=newest is not None and newest.issued_at is not None,
        may_deliver=has_server
        and bool(session.execute(select(ReportMail.id).where(*waiting(iso, now=now)).limit(1)).first()),
        is_delivered=held.by_hand_at is not None or is_delivered(session, iso),
        is_undelivered_alarmed=held.undelivered_at is not None,
        has_changed=bool(held.pending),
        has_just_failed=held.failed_at is not None and now < held.failed_at + TRY_AGAIN,
    )


def _days(runtime: Runtime, now: datetime) -> Sequence[date]:
    """Today, and the days before whose report may still be sent or corrected."""
    today = now.astimezone(VIETNAM).date()
    first = (today - timedelta(days=CORRECTED_FOR)).isoformat()
    with runtime.db.read() as session:
        earlier = session.scalars(
            select(ReportIssue.day)
            .where(ReportIssue.day >= first, ReportIssue.day < today.isoformat())
            .distinct()
            .order_by(ReportIssue.day.desc())
        ).all()
    return [today, *(date.fromisoformat(day) for day in earlier)]


def _do(runtime: Runtime, deed: Deed, day: date, *, now: datetime) -> None:
    match deed:
        case Deed.CHASE:
            chasing.chase(runtime, day, now=now)
        case Deed.ALARM_MISSING | Deed.ALARM_UNDELIVERED:
            chasing.alarm(runtime, day, deed, now=now)
        case Deed.FREEZE:
            freeze(runtime, day, now=now)
        case Deed.ISSUE:
            issue(runtime, day, now=now)
        case Deed.DELIVER:
            deliver(runtime, day.isoformat(), now=now)
        case Deed.CORRECT:
            correct(runtime, day, now=now)
