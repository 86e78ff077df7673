"""Removal of personal data beside the campaigns' audiences and texts, by their own age, the days of `retention`.

A cry for help that nobody has settled keeps its words and its number. These are import issues, replies of unknown senders and the answers to them, their numbers, who made privacy requests,
and values before and after in the audit log. Rows, counts, labels and the hashes of suppressed numbers stay.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Select, String, cast, exists, or_, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, CampaignList, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.privacy import PersonRequest
from campaigns.models.replies import IS_OPEN_CRY, Case, Reply
from campaigns.privacy.erase_contact import IN_FLIGHT, erase_details, erase_numbers
from campaigns.privacy.retention import SLICE, campaigns_in_use
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.safety import EVENT_LASTS
from campaigns.rules.states import UNSETTLED
from outreach.accounts import audit
from outreach.core.bulk import set_columns, values_subquery
from outreach.core.db import count_rows
from outreach.core.job_queue import once_every
from outreach.imports.erasures import erase_issues, is_undecided
from outreach.models.contacts import ContactPhone, ImportIssue, ListImport, Phone, RemovedPhone
from outreach.rules.identity import ERASED
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_remove_expired

_RUN_EVERY_S = 24 * 3600
_Eraser = Callable[[Session, Sequence[int], datetime], int]


@dataclass(slots=True)
class ExpiryResult:
    """What is removed by its age.

    Texts of import issues, replies, messages and cases of no campaign, numbers of no contact, texts of
    privacy requests, values of audit entries about people.
    """

    rows: int = 0
    replies: int = 0
    messages: int = 0
    cases: int = 0
    numbers: int = 0
    requests: int = 0
    entries: int = 0
    reports: int = 0  # what was needed in an event, and where


def enqueue_expired(runtime: Runtime) -> bool:
    """Enqueue the removal of expired data, once a day."""
    return once_every(runtime.redis, "loa:expiry", every_s=_RUN_EVERY_S) and enqueue_remove_expired(runtime)


def preview_expired(session: Session, *, days: int, now: datetime) -> ExpiryResult:
    """Return what `remove_expired` would remove now; nothing is changed."""
    queries = _expired(now - timedelta(days=days))
    return ExpiryResult(**{name: count_rows(session, ids) for name, ids in queries.items()})


def remove_expired(runtime: Runtime, *, days: int, now: datetime) -> ExpiryResult:
    """Remove expired personal data, in one transaction for each slice.

    A run that was interrupted is continued by the next one.
    """
    db, cutoff = runtime.db, now - timedelta(days=days)
    secret_key = runtime.settings.keys_of(Purpose.SUPPRESSIONS)
    erase_expired = partial(_erase_expired_numbers, cutoff, secret_key)
    erasers: dict[str, _Eraser] = {**_ERASERS, "numbers": erase_expired}
    removed: Counter[str] = Counter()
    for name, ids in _expired(cutoff).items():
        while True:
            with db.write() as session:
                slice_ = session.scalars(ids.limit(SLICE)).all()
                erased = erasers[name](session, slice_, now) if slice_ else 0
            removed[name] += erased
            if len(slice_) < SLICE or not erased:
                break
    with db.write() as session:
        # A warning is sent within the hour, and its storm goes on; one that stays paused has its end as well.
        begun, ended = now - EVENT_LASTS, now - timedelta(days=runtime.settings.position_days)
        has_ended = or_(Campaign.ended_at < ended, Campaign.launched_at < ended - EVENT_LASTS)
        over = select(Campaign.id).where(
            Campaign.urgent_reason != "", Campaign.launched_at < begun, has_ended
        )
        removed["reports"] = erase_details(session, over)
    result = ExpiryResult(**removed)
    if any(removed.values()):
        with db.write() as session:
            audit.record(session, "retention.expire", "retention:days", None, now, **asdict(result))
    return result


def _expired(cutoff: datetime) -> dict[str, Select[Any]]:
    """Select the ids of rows that still hold expired personal data, by the name of their count."""
    return {
        "rows": _expired_issues(cutoff),
        "replies": select(Reply.id).where(
            Reply.campaign_id.is_(None),
            Reply.recipient_id.is_(None),
            Reply.received_at < cutoff,
            ~exists().where(Case.reply_id == Reply.id, IS_OPEN_CRY),
            or_(Reply.body != "", Reply.sender != "", Reply.raw.is_not(None)),
        ),
        "messages": select(Attempt.id)
        .join(Message, Message.id == Attempt.message_id)
        .where(
            Message.campaign_id.is_(None),
            Attempt.claimed_at < cutoff,
            Attempt.state.not_in(IN_FLIGHT),
            Attempt.body != "",
        ),
        "cases": select(Case.id).where(
            Case.campaign_id.is_(None),
            Case.recipient_id.is_(None),
            Case.opened_at < cutoff,
            ~IS_OPEN_CRY,
            or_(Case.note != "", Case.done_at.is_(None)),
        ),
        "numbers": _expired_numbers(cutoff),
        "requests": select(PersonRequest.id).where(
            PersonRequest.done_at < cutoff, or_(PersonRequest.asked_by != "", PersonRequest.answer != "")
        ),
        "entries": audit.entries_with_values("contacts", before=cutoff),
    }


def _expired_issues(cutoff: datetime) -> Select[Any]:
    """Select import issues from before `cutoff`.

    A decision is remembered by its key, so that a list in use that brings the row again does not ask again:
    such rows stay until no campaign uses the list.
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


def _expired_numbers(cutoff: datetime) -> Select[Any]:
    """Select numbers that no contact has and that had no reply or message since `cutoff`."""
    return select(Phone.id).where(
        ~Phone.e164.startswith(ERASED),
        Phone.created_at < cutoff,
        ~exists().where(ContactPhone.phone_id == Phone.id),
        ~exists().where(RemovedPhone.phone_id == Phone.id),
        ~exists().where(Reply.phone_id == Phone.id, Reply.received_at >= cutoff),
        ~exists().where(Case.phone_id == Phone.id, IS_OPEN_CRY),
        ~exists().where(Message.phone_id == Phone.id, Message.state.in_(UNSETTLED)),
        ~exists().where(
            Attempt.phone_id == Phone.id, or_(Attempt.claimed_at >= cutoff, Attempt.state.in_(IN_FLIGHT))
        ),
        ~exists().where(Recipient.phone_id == Phone.id, Recipient.campaign_id.in_(campaigns_in_use(cutoff))),
    )


def _erase_message_texts(session: Session, ids: Sequence[int], _now: datetime) -> int:
    messages = select(Attempt.message_id).where(Attempt.id.in_(values_subquery(session, ids, BigInteger)))
    set_columns(session, Message, Message.id.in_(messages), Message.text.is_not(None), text="")
    return _empty(session, Attempt, ids, body="", notice=None)


def _erase_cases(session: Session, ids: Sequence[int], now: datetime) -> int:
    set_columns(
        session,
        Case,
        Case.id.in_(values_subquery(session, ids, BigInteger)),
        Case.done_at.is_(None),
        outcome=CaseOutcome.WITHDRAWN,
        done_at=now,
    )
    return _empty(session, Case, ids, note="")


def _erase_expired_numbers(
    cutoff: datetime, secret_key: str, session: Session, ids: Sequence[int], _now: datetime
) -> int:
    locked = (
        select(Phone.id).where(Phone.id.in_(values_subquery(session, ids, BigInteger))).order_by(Phone.id)
    )
    session.execute(locked.with_for_update()).all()
    # An import or a reply may have brought a number meanwhile.
    expired = session.scalars(
        _expired_numbers(cutoff).where(Phone.id.in_(values_subquery(session, ids, BigInteger)))
    ).all()
    erase_numbers(session, expired, secret_key=secret_key)
    return len(expired)


def _empty(session: Session, table: type[Any], ids: Sequence[int], **values: str | None) -> int:
    return set_columns(session, table, table.id.in_(values_subquery(session, ids, BigInteger)), **values)


_ERASERS: dict[str, _Eraser] = {
    "rows": lambda session, ids, now: erase_issues(session, ids, now=now),
    "replies": lambda session, ids, _now: _empty(session, Reply, ids, body="", sender="", raw=None),
    "messages": _erase_message_texts,
    "cases": _erase_cases,
    "requests": lambda session, ids, _now: _empty(
        session, PersonRequest, ids, asked_by="", answer="", extension_reason=""
    ),
    "entries": lambda session, ids, now: audit.empty_values(session, ids, now=now),
}
