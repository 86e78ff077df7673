"""Remove what is past its time.

After a campaign's time is over: what is personal in it goes, figures and hashed suppressions stay.

The rules of erasing one person, in bulk (`erasing`), but for one: nobody asked for it, so a list that brings a person
anew is no question. People stay in the directory who stand in the audience or in a list of a campaign that is in use or
ended later, whom an import or a correction has touched since, and who wait for an answer about their data: until none of
it holds any more, so an ended campaign is gone through again each day while people of its audience are left.
(Law 91/2025/QH15: no longer than the purpose needs; the days are a setting.)

What is personal beside the campaigns' audiences and texts goes by its own age, the days of `retention`.

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

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Select,
    String,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.orm import Session, aliased

from campaigns.enqueue_jobs import enqueue_remove_expired
from campaigns.models.campaigns import Campaign, CampaignList, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.privacy import PersonRequest
from campaigns.models.replies import Answer, Case, OfficerEntry, Reply
from campaigns.privacy.erase_contact import IN_FLIGHT, erase_messages, erase_numbers
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.states import UNSETTLED, CampaignState, MessageState
from outreach.accounts import audit
from outreach.core.bulk import NO_SYNC, values_subquery
from outreach.core.db import Database
from outreach.core.job_queue import once_every
from outreach.imports.erasures import erase_issues, is_undecided
from outreach.models.accounts import AuditEvent
from outreach.models.contacts import (
    Contact,
    ContactPhone,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
    RemovedPhone,
)
from outreach.rules.identity import ERASED
from outreach.runtime import Runtime

SLICE = 1000
_AGAIN = timedelta(days=1)


@dataclass(slots=True)
class ClearResult:
    """What goes with a campaign, or went: people and numbers out of the directory, texts out of messages, replies and
    notes. `kept` people of its audience stay in the directory."""

    people: int = 0
    kept: int = 0
    numbers: int = 0
    messages: int = 0
    replies: int = 0
    notes: int = 0


def campaigns_due(session: Session, *, days: int, now: datetime) -> list[int]:
    """Campaigns that ended so many days ago and still hold what is personal, without a message that is on its way."""
    under_way = exists().where(Attempt.stream_id == Campaign.id, Attempt.state.in_(IN_FLIGHT))
    were_kept = exists().where(Recipient.campaign_id == Campaign.id, Recipient.contact_id.is_not(None))
    return list(
        session.scalars(
            select(Campaign.id)
            .where(
                Campaign.ended_at < now - timedelta(days=days),
                or_(Campaign.cleared_at.is_(None), and_(Campaign.cleared_at <= now - _AGAIN, were_kept)),
                ~under_way,
            )
            .order_by(Campaign.id)
        )
    )


def campaigns_in_use(cutoff: datetime) -> Select[Any]:
    """The ids of campaigns that need their people: under way, with a date, ended since then, or not left lying since then
    as a draft, before or after its approval, or paused. What is done to one is in the audit.
    """
    done_since = exists().where(
        AuditEvent.subject == literal("campaigns:") + cast(Campaign.id, String),
        AuditEvent.action.startswith("campaign."),
        AuditEvent.at >= cutoff,
    )
    not_over = Campaign.state.not_in((CampaignState.COMPLETED, CampaignState.CANCELLED))
    goes_on = Campaign.state.in_((CampaignState.SENDING, CampaignState.SCHEDULED))
    return select(Campaign.id).where(
        or_(
            goes_on,
            Campaign.ended_at >= cutoff,
            and_(not_over, or_(Campaign.created_at >= cutoff, done_since)),
        )
    )


def preview_clear(session: Session, campaign_id: int, *, days: int, now: datetime) -> ClearResult:
    """What `clear` would come to now; nothing is changed."""
    leaves = _leaving(campaign_id, cutoff=now - timedelta(days=days)).subquery()
    theirs = select(leaves.c.contact_id)
    stays = aliased(ContactPhone)
    numbers = union(
        *(
            select(held.phone_id).where(
                held.contact_id.in_(theirs),
                ~exists().where(stays.phone_id == held.phone_id, stays.contact_id.not_in(theirs)),
            )
            for held in (ContactPhone, RemovedPhone)
        )
    )
    people = _count(session, select(leaves.c.contact_id))
    audience = select(Recipient.contact_id).where(
        Recipient.campaign_id == campaign_id, Recipient.contact_id.is_not(None)
    )
    return ClearResult(
        people=people,
        kept=_count(session, audience) - people,
        numbers=_count(session, numbers),
        **{name: _count(session, found) for name, found in _texts(campaign_id).items()},
    )


def clear_campaign(db: Database, campaign_id: int, *, days: int, now: datetime) -> ClearResult:
    """Remove what is personal, a slice of people a transaction: one that was broken off is gone on with."""
    cutoff = now - timedelta(days=days)
    with db.read() as session:
        done = preview_clear(session, campaign_id, days=days, now=now)
    done.people = done.numbers = 0
    while True:
        with db.write() as session:
            people = session.scalars(_leaving(campaign_id, cutoff=cutoff).limit(SLICE)).all()
            if people:
                done.numbers += _forget_people(session, people, now=now)
        done.people += len(people)
        if not people:
            break
    with db.write() as session:
        _forget_texts(session, campaign_id, now=now)
        cleared_before = session.scalar(select(Campaign.cleared_at).where(Campaign.id == campaign_id))
        session.execute(
            update(Campaign).where(Campaign.id == campaign_id).values(cleared_at=now),
            execution_options=NO_SYNC,
        )
        gone = {what: count for what, count in asdict(done).items() if what != "kept"}
        if cleared_before is None or any(gone.values()):
            audit.record(
                session,
                actor_id=None,
                action="campaign.clear",
                subject=f"campaigns:{campaign_id}",
                now=now,
                **asdict(done),
            )
    return done


def _count(session: Session, found: Select[Any] | CompoundSelect[Any]) -> int:
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def _leaving(campaign_id: int, *, cutoff: datetime) -> Select[Any]:
    """Of a campaign's audience the people whom nothing else keeps in the directory."""
    other, listing = aliased(Recipient), aliased(Membership)
    in_use = campaigns_in_use(cutoff)
    used = exists().where(other.contact_id == Contact.id, other.campaign_id.in_(in_use))
    in_a_list_in_use = exists().where(
        listing.contact_id == Contact.id,
        CampaignList.list_id == listing.list_id,
        CampaignList.campaign_id.in_(in_use),
    )
    brought_since = exists().where(
        listing.contact_id == Contact.id,
        or_(ListImport.id == listing.import_id, ListImport.id == listing.last_import_id),
        ListImport.imported_at >= cutoff,
        ListImport.undone_at.is_(None),
    )
    asks = exists().where(PersonRequest.contact_id == Contact.id, PersonRequest.done_at.is_(None))
    return (
        select(Recipient.contact_id)
        .join(Contact, Contact.id == Recipient.contact_id)
        .where(
            Recipient.campaign_id == campaign_id,
            Contact.updated_at < cutoff,
            ~used,
            ~in_a_list_in_use,
            ~brought_since,
            ~asks,
        )
        .order_by(Recipient.contact_id)
    )


def _forget_people(session: Session, people: Sequence[int], *, now: datetime) -> int:
    """Out of the directory, with the numbers that nobody else has; how many numbers. What a campaign that was left lying
    has for them does not leave any more.
    """
    theirs = values_subquery(session, people, BigInteger)
    phones = session.scalars(
        union(
            select(ContactPhone.phone_id).where(ContactPhone.contact_id.in_(theirs)),
            select(RemovedPhone.phone_id).where(RemovedPhone.contact_id.in_(theirs)),
        )
    ).all()
    held = (
        select(Phone.id).where(Phone.id.in_(values_subquery(session, phones, BigInteger))).order_by(Phone.id)
    )
    session.execute(held.with_for_update()).all()
    recipients = select(Recipient.id).where(Recipient.contact_id.in_(theirs))
    waiting = select(Message.id).where(
        Message.recipient_id.in_(recipients), Message.state == MessageState.QUEUED
    )
    erase_messages(session, session.scalars(waiting).all())
    audit.erase_values(session, [f"contacts:{contact_id}" for contact_id in people], now=now)
    session.execute(delete(Contact).where(Contact.id.in_(theirs)), execution_options=NO_SYNC)
    on_its_way = exists().where(Attempt.phone_id == Phone.id, Attempt.state.in_(IN_FLIGHT))
    shared = exists().where(ContactPhone.phone_id == Phone.id)
    gone = session.scalars(held.where(~shared, ~on_its_way)).all()
    erase_numbers(session, gone)
    return len(gone)


def _texts(campaign_id: int) -> dict[str, Select[Any]]:
    """The ids of what still says something of somebody."""
    recipients = select(Recipient.id).where(Recipient.campaign_id == campaign_id)
    return {
        "messages": select(Attempt.id)
        .join(Message, Message.id == Attempt.message_id)
        .where(Message.campaign_id == campaign_id, Attempt.body != ""),
        "replies": select(Reply.id).where(
            or_(Reply.campaign_id == campaign_id, Reply.recipient_id.in_(recipients)),
            or_(Reply.body != "", Reply.sender != ""),
        ),
        "notes": select(Case.id).where(Case.campaign_id == campaign_id, Case.note != ""),
    }


def _forget_texts(session: Session, campaign_id: int, *, now: datetime) -> None:
    texts = _texts(campaign_id)
    for table, ids, values in (
        (Attempt, texts["messages"], {"body": ""}),
        (Reply, texts["replies"], {"body": "", "sender": ""}),
        (Case, texts["notes"], {"note": ""}),
    ):
        session.execute(update(table).where(table.id.in_(ids)).values(values), execution_options=NO_SYNC)
    session.execute(
        update(Message)
        .where(Message.campaign_id == campaign_id, Message.text.is_not(None), Message.text != "")
        .values(text=""),
        execution_options=NO_SYNC,
    )
    answers = select(Answer.id).where(Answer.campaign_id == campaign_id)
    session.execute(
        update(OfficerEntry).where(OfficerEntry.answer_id.in_(answers)).values(note=""),
        execution_options=NO_SYNC,
    )
    session.execute(
        update(Case)
        .where(Case.campaign_id == campaign_id, Case.done_at.is_(None))
        .values(outcome=CaseOutcome.WITHDRAWN, done_at=now),
        execution_options=NO_SYNC,
    )


_EACH_S = 24 * 3600
_Forget = Callable[[Session, Sequence[int], datetime], int]


@dataclass(slots=True)
class ExpiryResult:
    """What goes by its age, or went: texts out of rows set aside, replies, messages and cases of no campaign, numbers of
    nobody in the directory, requests about somebody's data, entries of the audit about people."""

    rows: int = 0
    replies: int = 0
    messages: int = 0
    cases: int = 0
    numbers: int = 0
    requests: int = 0
    entries: int = 0


def enqueue_expired(runtime: Runtime) -> bool:
    """Have it removed, once a day."""
    return once_every(runtime.redis, "loa:expiry", every_s=_EACH_S) and enqueue_remove_expired(
        runtime.job_queue
    )


def preview_expired(session: Session, *, days: int, now: datetime) -> ExpiryResult:
    """What `remove_expired` would come to now; nothing is changed."""
    found = _found(now - timedelta(days=days))
    return ExpiryResult(
        **{
            name: session.scalar(select(func.count()).select_from(ids.subquery())) or 0
            for name, ids in found.items()
        }
    )


def remove_expired(db: Database, *, days: int, now: datetime) -> ExpiryResult:
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
    done = ExpiryResult(**removed)
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
            Attempt.state.not_in(IN_FLIGHT),
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
            or_(Attempt.claimed_at >= cutoff, Attempt.state.in_(IN_FLIGHT)),
        ),
        ~exists().where(Recipient.phone_id == Phone.id, Recipient.campaign_id.in_(campaigns_in_use(cutoff))),
    )


def _forget_replies(session: Session, ids: Sequence[int], _now: datetime) -> int:
    return _empty(session, Reply, ids, body="", sender="")


def _forget_messages(session: Session, ids: Sequence[int], _now: datetime) -> int:
    messages = select(Attempt.message_id).where(Attempt.id.in_(values_subquery(session, ids, BigInteger)))
    session.execute(
        update(Message).where(Message.id.in_(messages), Message.text.is_not(None)).values(text=""),
        execution_options=NO_SYNC,
    )
    return _empty(session, Attempt, ids, body="")


def _forget_cases(session: Session, ids: Sequence[int], now: datetime) -> int:
    session.execute(
        update(Case)
        .where(Case.id.in_(values_subquery(session, ids, BigInteger)), Case.done_at.is_(None))
        .values(outcome=CaseOutcome.WITHDRAWN, done_at=now),
        execution_options=NO_SYNC,
    )
    return _empty(session, Case, ids, note="")


def _forget_numbers(cutoff: datetime, session: Session, ids: Sequence[int], _now: datetime) -> int:
    held = select(Phone.id).where(Phone.id.in_(values_subquery(session, ids, BigInteger))).order_by(Phone.id)
    session.execute(held.with_for_update()).all()
    # A list or a reply may have brought one meanwhile.
    still = session.scalars(
        _numbers(cutoff).where(Phone.id.in_(values_subquery(session, ids, BigInteger)))
    ).all()
    erase_numbers(session, still)
    return len(still)


def _forget_requests(session: Session, ids: Sequence[int], _now: datetime) -> int:
    return _empty(session, PersonRequest, ids, asked_by="", answer="")


def _empty(session: Session, table: type[Any], ids: Sequence[int], **values: str) -> int:
    session.execute(
        update(table).where(table.id.in_(values_subquery(session, ids, BigInteger))).values(values),
        execution_options=NO_SYNC,
    )
    return len(ids)


_FORGET: dict[str, _Forget] = {
    "rows": lambda session, ids, now: erase_issues(session, ids, now=now),
    "replies": _forget_replies,
    "messages": _forget_messages,
    "cases": _forget_cases,
    "requests": _forget_requests,
    "entries": lambda session, ids, now: audit.empty_values(session, ids, now=now),
}
