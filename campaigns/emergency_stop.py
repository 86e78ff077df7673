"""Emergency stop: stops all sending, of every campaign and every worker, until it is released."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Switch
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role
from outreach.enqueue_jobs import enqueue_sweep
from outreach.models.accounts import Role, User
from outreach.rules.errors import NotAllowed
from outreach.use_cases import enqueue_after_commit, use_case

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
