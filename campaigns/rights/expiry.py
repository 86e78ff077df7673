"""What is personal beside the campaigns' audiences and texts goes by its own age, the days of `retention`.

Rows that imports set aside, what strangers wrote and what was answered them, their numbers, who asked for what of their
data, and values before and after in the audit. Rows, counts, labels and the hashes of suppressed numbers stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Select, String, cast, exists, func, or_, select, update
from sqlalchemy.orm import Session

from campaigns.answers.models import Reply
from campaigns.casework.kinds import Outcome
from campaigns.casework.models import Case
from campaigns.messages import Attempt, Message
from campaigns.models import CampaignList, Recipient
from campaigns.rights.erasing import ON_ITS_WAY, forget_numbers
from campaigns.rights.models import PersonRequest
from campaigns.rights.retention import SLICE, campaigns_in_use
from campaigns.rings import ring_expire
from campaigns.states import UNSETTLED
from outreach.access import audit
from outreach.bulk import UNSYNCED, listed
from outreach.db import Database
from outreach.doorbell import take_turn
from outreach.people.importing.forgetting import forget_aside, is_undecided
from outreach.people.models import ERASED, ContactPhone, ImportIssue, ListImport, Phone
from outreach.people.own_numbers import RemovedPhone
from outreach.runtime import Runtime

_EACH_S = 24 * 3600
_Forget = Callable[[Session, Sequence[int], datetime], int]


@dataclass(slots=True)
class Expired:
    """What goes by its age, or went: texts out of rows set aside, replies, messages and cases of no campaign, numbers of
    nobody in the directory, requests about somebody's data, entries of the audit about people."""

    rows: int = 0
    replies: int = 0
    messages: int = 0
    cases: int = 0
    numbers: int = 0
    requests: int = 0
    entries: int = 0


def ring_for_expired(runtime: Runtime) -> bool:
    """Have it removed, once a day."""
    return take_turn(runtime.redis, "loa:expiry", every_s=_EACH_S) and ring_expire(runtime.doorbell)


def foresee_expired(session: Session, *, days: int, now: datetime) -> Expired:
    """What `remove_expired` would come to now; nothing is changed."""
    found = _found(now - timedelta(days=days))
    return Expired(
        **{
            name: session.scalar(select(func.count()).select_from(ids.subquery())) or 0
            for name, ids in found.items()
        }
    )


def remove_expired(db: Database, *, days: int, now: datetime) -> Expired:
    """Remove it, a slice a transaction; one that was broken off is gone on with."""
    cutoff = now - timedelta(days=days)
    forget: dict[str, _Forget] = {**_FORGET, "numbers": partial(_forget_numbers, cutoff)}
    removed: Counter[str] = Counter()
    for name, ids in _found(cutoff).items():
        while True:
            with db.write() as session:
                slice_ = session.scalars(ids.limit(SLICE)).all()
                forgotten = forget[name](session, slice_, now) if slice_ else 0
            removed[name] += forgotten
            if len(slice_) < SLICE or not forgotten:
                break
    done = Expired(**removed)
    if any(removed.values()):
        with db.write() as session:
            audit.record(
                session,
                actor_id=None,
                action="retention.expire",
                subject="retention:days",
                now=now,
                **asdict(done),
            )
    return done


def _found(cutoff: datetime) -> dict[str, Select[Any]]:
    """The ids of what still says something of somebody, by the name of its count."""
    return {
        "rows": _rows(cutoff),
        "replies": select(Reply.id).where(
            Reply.campaign_id.is_(None),
            Reply.recipient_id.is_(None),
            Reply.received_at < cutoff,
            or_(Reply.body != "", Reply.sender != ""),
        ),
        "messages": select(Attempt.id)
        .join(Message, Message.id == Attempt.message_id)
        .where(
            Message.campaign_id.is_(None),
            Attempt.claimed_at < cutoff,
            Attempt.state.not_in(ON_ITS_WAY),
            Attempt.body != "",
        ),
        "cases": select(Case.id).where(
            Case.campaign_id.is_(None),
            Case.recipient_id.is_(None),
            Case.opened_at < cutoff,
            or_(Case.note != "", Case.done_at.is_(None)),
        ),
        "numbers": _numbers(cutoff),
        "requests": select(PersonRequest.id).where(
            PersonRequest.done_at < cutoff, or_(PersonRequest.asked_by != "", PersonRequest.answer != "")
        ),
        "entries": audit.entries_with_values("contacts", before=cutoff),
    }


def _rows(cutoff: datetime) -> Select[Any]:
    """Rows that imports set aside before then. What was decided on one is remembered by its key, so that a list in use
    that brings it again is not asked about: until no campaign uses the list.
    """
    in_use = exists().where(
        CampaignList.list_id == ListImport.list_id, CampaignList.campaign_id.in_(campaigns_in_use(cutoff))
    )
    return (
        select(ImportIssue.id)
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .where(
            ListImport.imported_at < cutoff,
            or_(ImportIssue.key != "", cast(ImportIssue.cells, String) != "{}"),
            or_(is_undecided(), ~in_use),
        )
    )


def _numbers(cutoff: datetime) -> Select[Any]:
    """Numbers that are nobody's in the directory and that nothing has come from or gone to since then."""
    return select(Phone.id).where(
        ~Phone.e164.startswith(ERASED),
        Phone.created_at < cutoff,
        ~exists().where(ContactPhone.phone_id == Phone.id),
        ~exists().where(RemovedPhone.phone_id == Phone.id),
        ~exists().where(Reply.phone_id == Phone.id, Reply.received_at >= cutoff),
        ~exists().where(Message.phone_id == Phone.id, Message.state.in_(UNSETTLED)),
        ~exists().where(
            Attempt.phone_id == Phone.id,
            or_(Attempt.claimed_at >= cutoff, Attempt.state.in_(ON_ITS_WAY)),
        ),
        ~exists().where(Recipient.phone_id == Phone.id, Recipient.campaign_id.in_(campaigns_in_use(cutoff))),
    )


def _forget_replies(session: Session, ids: Sequence[int], _now: datetime) -> int:
    return _empty(session, Reply, ids, body="", sender="")


def _forget_messages(session: Session, ids: Sequence[int], _now: datetime) -> int:
    messages = select(Attempt.message_id).where(Attempt.id.in_(listed(session, ids, BigInteger)))
    session.execute(
        update(Message).where(Message.id.in_(messages), Message.text.is_not(None)).values(text=""),
        execution_options=UNSYNCED,
    )
    return _empty(session, Attempt, ids, body="")


def _forget_cases(session: Session, ids: Sequence[int], now: datetime) -> int:
    session.execute(
        update(Case)
        .where(Case.id.in_(listed(session, ids, BigInteger)), Case.done_at.is_(None))
        .values(outcome=Outcome.WITHDRAWN, done_at=now),
        execution_options=UNSYNCED,
    )
    return _empty(session, Case, ids, note="")


def _forget_numbers(cutoff: datetime, session: Session, ids: Sequence[int], _now: datetime) -> int:
    held = select(Phone.id).where(Phone.id.in_(listed(session, ids, BigInteger))).order_by(Phone.id)
    session.execute(held.with_for_update()).all()
    # A list or a reply may have brought one meanwhile.
    still = session.scalars(_numbers(cutoff).where(Phone.id.in_(listed(session, ids, BigInteger)))).all()
    forget_numbers(session, still)
    return len(still)


def _forget_requests(session: Session, ids: Sequence[int], _now: datetime) -> int:
    return _empty(session, PersonRequest, ids, asked_by="", answer="")


def _empty(session: Session, table: type[Any], ids: Sequence[int], **values: str) -> int:
    session.execute(
        update(table).where(table.id.in_(listed(session, ids, BigInteger))).values(values),
        execution_options=UNSYNCED,
    )
    return len(ids)


_FORGET: dict[str, _Forget] = {
    "rows": lambda session, ids, now: forget_aside(session, ids, now=now),
    "replies": _forget_replies,
    "messages": _forget_messages,
    "cases": _forget_cases,
    "requests": _forget_requests,
    "entries": lambda session, ids, now: audit.empty_values(session, ids, now=now),
}
