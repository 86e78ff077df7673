"""Breaches of personal data: the log, with the clock for the notice to the authority."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.privacy import Breach
from campaigns.privacy.clocks import load_clocks
from campaigns.rules.privacy import Urgency, clocks_on, urgency
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, NotFound, WrongState, or_raise
from outreach.use_cases import use_case

_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class BreachRow:
    """A breach with the urgency of its notice, and the hours that are left, negative once it is late."""

    breach: Breach
    urgency: Urgency
    hours_left: int


@use_case
def record_breach(
    session: Session,
    *,
    found_on: date | None,
    found_time: str,
    what: str,
    people: int | None,
    measures: str,
    user: User,
    now: datetime,
) -> Breach:
    """Record a breach, found at a given moment or now. Raises BadInput, NotAllowed."""
    require_role(user)
    what, measures = what.strip()[:_LONGEST], measures.strip()[:_LONGEST]
    if not what:
        raise BadInput("breach_what_missing")
    found_at = _read_moment(found_on, found_time, now)
    hours = clocks_on(load_clocks(), found_at.astimezone(VIETNAM).date()).breach_hours
    made = Breach(
        found_at=found_at,
        due_at=found_at + timedelta(hours=hours),
        what=what,
        people=people,
        measures=measures,
        recorded_by=user.id,
        recorded_at=now,
    )
    session.add(made)
    session.flush()
    audit.record(session, "breach.record", made, user, now)
    return made


def _read_moment(day: date | None, clock: str, now: datetime) -> datetime:
    if day is None and not clock.strip():
        return now
    try:
        at = time.fromisoformat(clock.strip() or "00:00")
    except ValueError:
        raise BadInput("breach_time_wrong") from None
    found_at = datetime.combine(day or now.astimezone(VIETNAM).date(), at.replace(tzinfo=None), VIETNAM)
    if found_at > now:
        raise BadInput("breach_time_wrong")
    return found_at


@use_case
def report_breach(session: Session, breach_id: int, *, notice: str, user: User, now: datetime) -> Breach:
    """Record the notice to the authority: to whom, its number and day. Raises BadInput, NotFound, WrongState."""
    require_role(user)
    breach = or_raise(session.get(Breach, breach_id, with_for_update=True), NotFound("breach_not_found"))
    if breach.reported_at is not None:
        raise WrongState("breach_reported_before")
    notice = " ".join(notice.split())[:300]
    if not notice:
        raise BadInput("breach_notice_missing")
    breach.notice, breach.reported_by, breach.reported_at = notice, user.id, now
    audit.record(session, "breach.report", breach, user, now)
    return breach


def read_breaches(session: Session, user: User, *, now: datetime) -> list[BreachRow]:
    """Return the breaches that were recorded within a user's scope, those that are not reported first."""
    rows = session.scalars(
        select(Breach)
        .join(User, User.id == Breach.recorded_by)
        .where(visible_to(session, user, User.organisation_id))
        .order_by(Breach.reported_at.is_not(None), Breach.id.desc())
    )
    return [
        BreachRow(row, urgency(row.due_at, now=now), int((row.due_at - now) / timedelta(hours=1)))
        for row in rows
    ]


def count_unreported(session: Session, *, now: datetime) -> tuple[int, int]:
    """Return how many breaches are not reported, and how many of these are late."""
    ends = session.scalars(select(Breach.due_at).where(Breach.reported_at.is_(None))).all()
    return len(ends), sum(end <= now for end in ends)
