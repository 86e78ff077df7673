"""What an officer brought back, entered for many lines at once: repeatable, corrected, undone as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.answers.models import Place
from campaigns.answers.officers import write_down
from campaigns.answers.taking import Keys, take_back
from campaigns.models import Recipient
from campaigns.replies.classifier import Label
from campaigns.rounds.models import RoundLine, RoundResult
from campaigns.rounds.sheets import find_round, standing_results
from campaigns.rounds.visiting import Outcome
from outreach.access import audit
from outreach.access.models import Role, User
from outreach.access.users import require_role
from outreach.errors import WrongState
from outreach.people.models import Contact


@dataclass(frozen=True, slots=True)
class Entered:
    """`saved` lines are new or changed. `outdated` of them: the person has answered otherwise since, which stands."""

    saved: int
    outdated: int = 0


def enter_results(
    session: Session,
    round_id: int,
    outcomes: Mapping[int, Outcome | None],
    *,
    user: User,
    keys: Keys,
    now: datetime,
) -> Entered:
    """Save what was found, by the lines' numbers; None takes back what was entered. The same again changes nothing.

    Raises NotAllowed, NotFound.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_round(session, round_id, user=user, hold=True)
    standing = standing_results(session, round_id)
    entry = _last_entry(session, round_id) + 1
    saved = outdated = 0
    for line, recipient in _hold_lines(session, round_id):
        before = standing.get(line.id)
        if line.n not in outcomes or outcomes[line.n] is (before.outcome if before else None):
            continue
        if before and not _take_back(session, before, recipient, now=now):
            outdated += 1
        result = RoundResult(
            line_id=line.id, outcome=outcomes[line.n], entry=entry, entered_by=user.id, entered_at=now
        )
        session.add(result)
        _give(session, result, line, recipient, user=user, keys=keys, now=now)
        saved += 1
    if saved:
        session.flush()
        audit.record(
            session, actor_id=user.id, action="round.enter", subject=f"rounds:{round_id}", now=now, rows=saved
        )
    return Entered(saved, outdated)


def undo_entry(session: Session, round_id: int, *, user: User, keys: Keys, now: datetime) -> Entered:
    """Put a sheet back as it was before the last saving. Raises WrongState where there is none, NotAllowed, NotFound."""
    require_role(user, Role.STAFF, Role.APPROVER)
    find_round(session, round_id, user=user, hold=True)
    entry = _last_entry(session, round_id)
    if not entry:
        raise WrongState("Phiếu này chưa nhập gì, không có gì để hoàn tác.")
    standing = standing_results(session, round_id)
    saved = outdated = 0
    for line, recipient in _hold_lines(session, round_id):
        result = standing.get(line.id)
        if result is None or result.entry != entry:
            continue
        if not _take_back(session, result, recipient, now=now):
            outdated += 1
        result.undone_at = now
        session.flush()
        saved += 1
        earlier = session.scalar(
            select(RoundResult)
            .where(RoundResult.line_id == line.id, RoundResult.undone_at.is_(None))
            .order_by(RoundResult.id.desc())
            .limit(1)
        )
        if earlier:
            _give(session, earlier, line, recipient, user=user, keys=keys, now=now)
    audit.record(
        session, actor_id=user.id, action="round.undo", subject=f"rounds:{round_id}", now=now, rows=saved
    )
    return Entered(saved, outdated)


def _hold_lines(session: Session, round_id: int) -> list[tuple[RoundLine, Recipient]]:
    """In the order of their phones, which are locked one by one: whoever locks many does it in this order."""
    rows = session.execute(
        select(RoundLine, Recipient)
        .join(Recipient, Recipient.id == RoundLine.recipient_id)
        .where(RoundLine.round_id == round_id)
    ).all()
    return sorted(
        ((line, recipient) for line, recipient in rows), key=lambda row: (row[1].phone_id or 0, row[0].n)
    )


def _last_entry(session: Session, round_id: int) -> int:
    return (
        session.scalar(
            select(func.max(RoundResult.entry))
            .join(RoundLine, RoundLine.id == RoundResult.line_id)
            .where(RoundLine.round_id == round_id, RoundResult.undone_at.is_(None))
        )
        or 0
    )


def _give(
    session: Session,
    result: RoundResult,
    line: RoundLine,
    recipient: Recipient,
    *,
    user: User,
    keys: Keys,
    now: datetime,
) -> None:
    """Let a result count as the person's answer, where there is one and a phone to count it for."""
    result.answer_id = None
    if result.outcome is None or result.outcome is Outcome.ABSENT:
        return
    if recipient.phone_id is not None and recipient.exclusion is None:
        answer = write_down(
            session,
            recipient,
            Label(result.outcome.value),
            place=Place.HOME,
            note="",
            user=user,
            keys=keys,
            now=now,
        )
        result.answer_id = answer.id if answer else None
    elif result.outcome is Outcome.NO_SMARTPHONE and line.contact_id:
        contact = session.get_one(Contact, line.contact_id)
        contact.has_smartphone, contact.updated_at = False, now


def _take_back(session: Session, result: RoundResult, recipient: Recipient, *, now: datetime) -> bool:
    """Undo the answer that a result gave. False where the person has said something else since: that stands."""
    if result.answer_id is None:
        return True
    return take_back(session, result.answer_id, now=now)
