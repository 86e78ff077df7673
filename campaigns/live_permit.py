"""Permission to send to real phones: given by an administrator, once the checks of the installation are passed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.checks import LivePermit
from campaigns.rules.checks import Finding, Level
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.enqueue_jobs import enqueue_sweep
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, WrongState
from outreach.use_cases import enqueue_after_commit, use_case

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
