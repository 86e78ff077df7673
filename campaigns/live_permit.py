"""Permission to send to real phones, given once the checks of the installation are passed; and the stop of all sending until it is released."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Switch
from campaigns.models.checks import LivePermit
from campaigns.rules.checks import Finding, Level
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotAllowed, WrongState
from outreach.use_cases import enqueue_after_commit, enqueue_sweep, use_case

LIVE_NOT_ALLOWED = WrongState("live_not_allowed")


def read_permit(session: Session) -> LivePermit | None:
    """Return the permission in force, None while there is none."""
    return session.scalar(select(LivePermit).order_by(LivePermit.id.desc()).limit(1))


def lacks_permit(session: Session, *, is_live: bool) -> bool:
    """Return whether messages of campaigns would reach real people and nobody has allowed that yet."""
    return is_live and read_permit(session) is None


def require_permit(session: Session, *, is_live: bool) -> None:
    """Raise WrongState if `lacks_permit`."""
    if lacks_permit(session, is_live=is_live):
        raise LIVE_NOT_ALLOWED


@use_case
def allow_live(
    session: Session, findings: Sequence[Finding], *, reason: str, user: User, now: datetime
) -> LivePermit:
    """Allow sending to real phones; faults among the checks' findings need a reason, which is kept.

    Raises BadInput without one.
    """
    require_role(user, Role.ADMINISTRATOR)
    faults = sorted({each.check.value for each in findings if each.level is Level.FAULT})
    reason = reason.strip()
    if faults and len(reason) < 10:
        raise BadInput("live_reason_missing", n=len(faults))
    permit = LivePermit(allowed_by=user.id, allowed_at=now, reason=reason[:1000], findings=" ".join(faults))
    session.add(permit)
    session.flush()
    enqueue_after_commit(session, enqueue_sweep)
    changes = {"reason": ("", permit.reason), "findings": ("", permit.findings)}
    audit.record_change(session, "sending.allow_live", permit, user, now, changes)
    return permit


STOP_ALL = "stop_all"
# Set from the restore of a backup until it is known what may have been sent since the backup.
RESTORING = "restoring"


def is_stopped(session: Session) -> bool:
    """Return whether all sending is stopped."""
    stops = Switch.name.in_((STOP_ALL, RESTORING))
    return session.scalar(select(Switch.name).where(stops).limit(1)) is not None


@use_case
def stop_all_sending(session: Session, *, user: User, now: datetime) -> None:
    """Stop all sending: no request starts later than a second from now. Repeating it does no harm.

    Queued messages and all states stay as they are.
    """
    require_role(user, Role.APPROVER)
    if session.get(Switch, STOP_ALL) is None:
        session.add(Switch(name=STOP_ALL, turned_by=user.id, turned_at=now))
        audit.record(session, "sending.stop_all", "switches:stop_all", user, now)


def may_resume_sending(session: Session, user: User) -> bool:
    """Return whether the user may release the stop.

    Only the user who stopped it, or one with the whole scope, as the stop affects every organisation.
    """
    turned_by = session.scalar(select(Switch.turned_by).where(Switch.name == STOP_ALL))
    return turned_by == user.id or organisations_of(session, user) is None


@use_case
def resume_all_sending(session: Session, *, user: User, now: datetime) -> None:
    """Release the stop; sending continues where it was. Raises NotAllowed (see `may_resume_sending`)."""
    require_role(user, Role.APPROVER)
    if not may_resume_sending(session, user):
        raise NotAllowed("stop_lift_not_allowed")
    session.execute(delete(Switch).where(Switch.name == STOP_ALL))
    enqueue_after_commit(session, enqueue_sweep)
    audit.record(session, "sending.release_all", "switches:stop_all", user, now)
