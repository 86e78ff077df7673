"""Register of senders: the names that the operators have accepted, as an administrator enters them."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from campaigns.models.campaigns import Sender
from campaigns.rules.draft import check_sender
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, NotFound, or_raise
from outreach.rules.formats import read_decimal
from outreach.use_cases import use_case


@use_case
def register_sender(
    session: Session, *, name: str, registered_on: str, pace: str = "", note: str, user: User, now: datetime
) -> None:
    """Add a sender or change its entry. Without a date it is applied for and not registered yet.

    `pace` is in segments a second over all its campaigns and answers; empty means no limit. Raises NotAllowed for anyone
    but an administrator, BadInput for an invalid name or date.
    """
    require_role(user)
    name = " ".join(name.split())
    check_sender(name)
    day = None
    if registered_on.strip():
        try:
            day = date.fromisoformat(registered_on.strip()).isoformat()
        except ValueError:
            raise BadInput("sender_day_wrong") from None
    session.merge(Sender(name=name, registered_on=day, pace=_read_pace(pace), note=note.strip()))
    audit.record(session, "sender.register", f"senders:{name}", user, now)


def _read_pace(text: str) -> float | None:
    try:
        pace = read_decimal(text)
    except ValueError:
        pace = Decimal(0)
    if pace is None:
        return None
    if not 0 < pace <= 10_000:
        raise BadInput("sender_rate_wrong")
    return float(pace)


@use_case
def remove_sender(session: Session, name: str, *, user: User, now: datetime) -> None:
    """Remove a sender from the register; its campaigns get a warning again. Raises NotFound, NotAllowed."""
    require_role(user)
    sender = or_raise(session.get(Sender, name), NotFound("sender_unknown", name=name))
    session.delete(sender)
    audit.record(session, "sender.remove", f"senders:{name}", user, now)
