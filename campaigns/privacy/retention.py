"""Retention: removal of personal data whose time is over.

After a campaign's time is over its personal data go; figures and hashed suppressions stay. The rules are
those of erasing one contact (`erase_contact`), in bulk, but for one: it was not requested, so a list that
brings a person again is no import issue. People stay in the directory who are in the audience or in a list of
a campaign that is in use or ended later, whom an import or a correction has changed since, and who wait for
an answer about their data. An ended campaign is gone through again each day until no people of its audience
are left. (Law 91/2025/QH15: no longer than the purpose needs; the days are a setting.)

Personal data beside the campaigns' audiences and texts are removed by their own age, the days of `retention`:
import issues, replies of unknown senders and the answers to them, their numbers, who made privacy requests,
and values before and after in the audit log. Rows, counts, labels and the hashes of suppressed numbers stay.
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
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    and_,
    cast,
    delete,
    exists,
    literal,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.orm import Session, aliased

from campaigns.models.activities import VisitLine
from campaigns.models.campaigns import (
    Campaign,
    CampaignComment,
    CampaignList,
    FormerRecipient,
    Recipient,
)
from campaigns.models.messages import Attempt, Message
from campaigns.models.privacy import PersonRequest
from campaigns.models.replies import Answer, Case, OfficerEntry, Reply
from campaigns.privacy.erase_contact import IN_FLIGHT, erase_messages, erase_numbers, erase_visit_notes
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.states import UNSETTLED, CampaignState, MessageState
from outreach.accounts import audit
from outreach.core.bulk import change_rows, values_subquery
from outreach.core.db import count_rows
from outreach.core.job_queue import once_every
from outreach.enqueue_jobs import enqueue_remove_expired
from outreach.imports.erasures import erase_issues, is_undecided
from outreach.imports.kept_values import remove_values
from outreach.imports.store_rows import lock_imports
from outreach.models.accounts import AuditEvent
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportIssue,
    KeptValue,
    ListImport,
    Membership,
    Phone,
    RemovedPhone,
)
from outreach.rules.identity import ERASED
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime

SLICE = 1000
_RECHECK_AFTER = timedelta(days=1)


@dataclass(slots=True)
class ClearResult:
    """What is removed with a campaign: people, numbers, texts of messages, replies and notes, and values that its lists kept for texts.

    `kept` people of its audience stay in the directory. `values` are theirs; those of removed people go with them.
    """

    people: int = 0
    kept: int = 0
    numbers: int = 0
    messages: int = 0
    replies: int = 0
    notes: int = 0
    values: int = 0


def campaigns_due(session: Session, *, days: int, now: datetime) -> list[int]:
    """Return campaigns that ended so many days ago and still hold personal data.

    Campaigns with a message on its way are left out.
    """
    under_way = exists().where(Attempt.stream_id == Campaign.id, Attempt.state.in_(IN_FLIGHT))
    has_people = or_(
        exists().where(Recipient.campaign_id == Campaign.id, Recipient.contact_id.is_not(None)),
        exists().where(FormerRecipient.campaign_id == Campaign.id),
    )
    return list(
        session.scalars(
            select(Campaign.id)
            .where(
                Campaign.ended_at < now - timedelta(days=days),
                or_(
                    Campaign.cleared_at.is_(None),
                    and_(Campaign.cleared_at <= now - _RECHECK_AFTER, has_people),
                ),
                ~under_way,
            )
            .order_by(Campaign.id)
        )
    )


def campaigns_in_use(cutoff: datetime) -> Select[Any]:
    """Select the ids of campaigns that still need their people.

    These are under way, scheduled, or ended since `cutoff`; or neither ended nor left unchanged since then as
    a draft, before or after approval, or paused. The audit log shows what was done to a campaign.
    """
    done_since = exists().where(
        AuditEvent.subject == literal("campaigns:") + cast(Campaign.id, String),
        AuditEvent.action.startswith("campaign."),
        AuditEvent.at >= cutoff,
    )
    not_over = Campaign.state.not_in((CampaignState.COMPLETED, CampaignState.CANCELLED))
    is_running = Campaign.state.in_((CampaignState.SENDING, CampaignState.SCHEDULED))
    return select(Campaign.id).where(
        or_(
            is_running,
            Campaign.ended_at >= cutoff,
            and_(not_over, or_(Campaign.created_at >= cutoff, done_since)),
        )
    )


def preview_clear(session: Session, campaign_id: int, *, days: int, now: datetime) -> ClearResult:
    """Return what `clear_campaign` would remove now; nothing is changed."""
    removed = _people_to_remove(campaign_id, cutoff=now - timedelta(days=days)).subquery()
    contact_ids = select(removed.c.contact_id)
    other = aliased(ContactPhone)
    numbers = union(
        *(
            select(link_table.phone_id).where(
                link_table.contact_id.in_(contact_ids),
                ~exists().where(other.phone_id == link_table.phone_id, other.contact_id.not_in(contact_ids)),
            )
            for link_table in (ContactPhone, RemovedPhone)
        )
    )
    people = count_rows(session, select(removed.c.contact_id))
    audience = _written_to(campaign_id)
    over = _values_that_are_over(campaign_id, cutoff=now - timedelta(days=days))
    return ClearResult(
        people=people,
        kept=count_rows(session, audience) - people,
        numbers=count_rows(session, numbers),
        values=count_rows(session, KeptValue, over, KeptValue.contact_id.not_in(contact_ids)),
        **{name: count_rows(session, query) for name, query in _personal_texts(campaign_id).items()},
    )


def clear_campaign(runtime: Runtime, campaign_id: int, *, days: int, now: datetime) -> ClearResult:
    """Remove a campaign's personal data, in one transaction for each slice of people.

    A run that was interrupted is continued by the next one.
    """
    db, cutoff = runtime.db, now - timedelta(days=days)
    secret_key = runtime.settings.keys_of(Purpose.SUPPRESSIONS)
    with db.read() as session:
        result = preview_clear(session, campaign_id, days=days, now=now)
    result.people = result.numbers = 0
    while True:
        with db.write() as session:
            people = session.scalars(_people_to_remove(campaign_id, cutoff=cutoff).limit(SLICE)).all()
            if people:
                result.numbers += _erase_people(session, people, secret_key=secret_key, now=now)
        result.people += len(people)
        if not people:
            break
    with db.write() as session:
        _remove_values(session, campaign_id, cutoff=cutoff)
    with db.write() as session:  # imports wait for the one before
        erase_texts(session, campaign_id, now=now)
        change_rows(session, delete(CampaignComment).where(CampaignComment.campaign_id == campaign_id))
        cleared_before = session.scalar(select(Campaign.cleared_at).where(Campaign.id == campaign_id))
        change_rows(session, update(Campaign).where(Campaign.id == campaign_id).values(cleared_at=now))
        removed = {what: count for what, count in asdict(result).items() if what != "kept"}
        if cleared_before is None or any(removed.values()):
            audit.record(session, "campaign.clear", f"campaigns:{campaign_id}", None, now, **asdict(result))
    return result


def _written_to(campaign_id: int) -> CompoundSelect[Any]:
    """Select the people of a campaign's audience."""
    return union_all(
        select(Recipient.contact_id).where(
            Recipient.campaign_id == campaign_id, Recipient.contact_id.is_not(None)
        ),
        select(FormerRecipient.contact_id).where(FormerRecipient.campaign_id == campaign_id),
    )


def _people_to_remove(campaign_id: int, *, cutoff: datetime) -> Select[Any]:
    """Select the people of a campaign's audience whom no other reason keeps in the directory."""
    other, membership = aliased(Recipient), aliased(Membership)
    in_use = campaigns_in_use(cutoff)
    is_in_audience = or_(
        exists().where(other.contact_id == Contact.id, other.campaign_id.in_(in_use)),
        exists().where(FormerRecipient.contact_id == Contact.id, FormerRecipient.campaign_id.in_(in_use)),
    )
    in_a_list_in_use = exists().where(
        membership.contact_id == Contact.id,
        CampaignList.list_id == membership.list_id,
        CampaignList.campaign_id.in_(in_use),
    )
    imported_since = exists().where(
        membership.contact_id == Contact.id,
        or_(ListImport.id == membership.import_id, ListImport.id == membership.last_import_id),
        ListImport.imported_at >= cutoff,
        ListImport.undone_at.is_(None),
    )
    has_open_request = exists().where(PersonRequest.contact_id == Contact.id, PersonRequest.done_at.is_(None))
    return (
        select(Contact.id.label("contact_id"))
        .where(
            Contact.id.in_(_written_to(campaign_id)),
            Contact.updated_at < cutoff,
            ~is_in_audience,
            ~in_a_list_in_use,
            ~imported_since,
            ~has_open_request,
        )
        .order_by(Contact.id)
    )


def _values_that_are_over(campaign_id: int, *, cutoff: datetime) -> ColumnElement[bool]:
    """Return the condition for values of a campaign's lists that no campaign in use writes, and no file has brought since."""
    other = aliased(CampaignList)
    in_use = exists().where(
        other.list_id == KeptValue.list_id, other.campaign_id.in_(campaigns_in_use(cutoff))
    )
    brought_since = exists().where(ListImport.id == KeptValue.import_id, ListImport.imported_at >= cutoff)
    own = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign_id)
    return and_(KeptValue.list_id.in_(own), ~in_use, ~brought_since)


def _remove_values(session: Session, campaign_id: int, *, cutoff: datetime) -> None:
    """Remove those values, and the names of fields under which a list then has none: also where the people are gone."""
    lists = select(ContactList.organisation_id).join(CampaignList, CampaignList.list_id == ContactList.id)
    owners = session.scalars(lists.where(CampaignList.campaign_id == campaign_id).distinct()).all()
    if owners:
        lock_imports(session)
    over = _values_that_are_over(campaign_id, cutoff=cutoff)
    for owner in owners:
        remove_values(session, over, organisation_id=owner)


def _erase_people(session: Session, people: Sequence[int], *, secret_key: str, now: datetime) -> int:
    """Delete people, with the numbers that no other contact has. Returns how many numbers.

    Messages that an idle campaign has queued for them are not sent.
    """
    contact_ids = values_subquery(session, people, BigInteger)
    phones = session.scalars(
        union(
            select(ContactPhone.phone_id).where(ContactPhone.contact_id.in_(contact_ids)),
            select(RemovedPhone.phone_id).where(RemovedPhone.contact_id.in_(contact_ids)),
        )
    ).all()
    locked = (
        select(Phone.id).where(Phone.id.in_(values_subquery(session, phones, BigInteger))).order_by(Phone.id)
    )
    session.execute(locked.with_for_update()).all()
    recipients = select(Recipient.id).where(Recipient.contact_id.in_(contact_ids))
    waiting = select(Message.id).where(
        Message.recipient_id.in_(recipients), Message.state == MessageState.QUEUED
    )
    erase_messages(session, session.scalars(waiting).all())
    audit.erase_values(session, [f"contacts:{contact_id}" for contact_id in people], now=now)
    erase_visit_notes(session, VisitLine.contact_id.in_(contact_ids))
    change_rows(session, delete(Contact).where(Contact.id.in_(contact_ids)))
    on_its_way = exists().where(Attempt.phone_id == Phone.id, Attempt.state.in_(IN_FLIGHT))
    shared = exists().where(ContactPhone.phone_id == Phone.id)
    gone = session.scalars(locked.where(~shared, ~on_its_way)).all()
    erase_numbers(session, gone, secret_key=secret_key, now=now)
    return len(gone)


def _personal_texts(campaign_id: int) -> dict[str, Select[Any]]:
    """Select, by the name of its count, the ids of rows with personal texts."""
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


def erase_texts(session: Session, campaign_id: int, *, now: datetime) -> None:
    """Empty messages, replies and notes of a campaign, and close its open cases."""
    texts = _personal_texts(campaign_id)
    for table, ids, values in (
        (Attempt, texts["messages"], {"body": ""}),
        (Reply, texts["replies"], {"body": "", "sender": ""}),
        (Case, texts["notes"], {"note": ""}),
    ):
        change_rows(session, update(table).where(table.id.in_(ids)).values(values))
    change_rows(
        session,
        update(Message)
        .where(Message.campaign_id == campaign_id, Message.text.is_not(None), Message.text != "")
        .values(text=""),
    )
    answers = select(Answer.id).where(Answer.campaign_id == campaign_id)
    change_rows(session, update(OfficerEntry).where(OfficerEntry.answer_id.in_(answers)).values(note=""))
    erase_visit_notes(
        session,
        VisitLine.recipient_id.in_(select(Recipient.id).where(Recipient.campaign_id == campaign_id)),
    )
    change_rows(
        session,
        update(Case)
        .where(Case.campaign_id == campaign_id, Case.done_at.is_(None))
        .values(outcome=CaseOutcome.WITHDRAWN, done_at=now),
    )


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
        ~exists().where(Message.phone_id == Phone.id, Message.state.in_(UNSETTLED)),
        ~exists().where(
            Attempt.phone_id == Phone.id,
            or_(Attempt.claimed_at >= cutoff, Attempt.state.in_(IN_FLIGHT)),
        ),
        ~exists().where(Recipient.phone_id == Phone.id, Recipient.campaign_id.in_(campaigns_in_use(cutoff))),
    )


def _erase_replies(session: Session, ids: Sequence[int], _now: datetime) -> int:
    return _empty(session, Reply, ids, body="", sender="")


def _erase_message_texts(session: Session, ids: Sequence[int], _now: datetime) -> int:
    messages = select(Attempt.message_id).where(Attempt.id.in_(values_subquery(session, ids, BigInteger)))
    change_rows(
        session, update(Message).where(Message.id.in_(messages), Message.text.is_not(None)).values(text="")
    )
    return _empty(session, Attempt, ids, body="")


def _erase_cases(session: Session, ids: Sequence[int], now: datetime) -> int:
    change_rows(
        session,
        update(Case)
        .where(Case.id.in_(values_subquery(session, ids, BigInteger)), Case.done_at.is_(None))
        .values(outcome=CaseOutcome.WITHDRAWN, done_at=now),
    )
    return _empty(session, Case, ids, note="")


def _erase_expired_numbers(
    cutoff: datetime, secret_key: str, session: Session, ids: Sequence[int], now: datetime
) -> int:
    locked = (
        select(Phone.id).where(Phone.id.in_(values_subquery(session, ids, BigInteger))).order_by(Phone.id)
    )
    session.execute(locked.with_for_update()).all()
    # An import or a reply may have brought a number meanwhile.
    expired = session.scalars(
        _expired_numbers(cutoff).where(Phone.id.in_(values_subquery(session, ids, BigInteger)))
    ).all()
    erase_numbers(session, expired, secret_key=secret_key, now=now)
    return len(expired)


def _erase_requests(session: Session, ids: Sequence[int], _now: datetime) -> int:
    return _empty(session, PersonRequest, ids, asked_by="", answer="", extension_reason="")


def _empty(session: Session, table: type[Any], ids: Sequence[int], **values: str) -> int:
    change_rows(
        session, update(table).where(table.id.in_(values_subquery(session, ids, BigInteger))).values(values)
    )
    return len(ids)


_ERASERS: dict[str, _Eraser] = {
    "rows": lambda session, ids, now: erase_issues(session, ids, now=now),
    "replies": _erase_replies,
    "messages": _erase_message_texts,
    "cases": _erase_cases,
    "requests": _erase_requests,
    "entries": lambda session, ids, now: audit.empty_values(session, ids, now=now),
}
