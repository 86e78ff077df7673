"""Retention: removal of personal data whose time is over.

After a campaign's time is over its personal data go; figures and hashed suppressions stay. The rules are
those of erasing one contact (`erase_contact`), in bulk, but for one: it was not requested, so a list that
brings a person again is no import issue. People stay in the directory who are in the audience or in a list of
a campaign that is in use or ended later, whom an import or a correction has changed since, whose consent was recorded since,
who wait for an answer about their data or for one that is still to be sent, and who have asked for help since or cried for it. An ended campaign is gone through again each day until no people of its audience
are left. (Law 91/2025/QH15: no longer than the purpose needs; the days are a setting.)

What is beside the campaigns' audiences and texts goes by its own age, the days of `retention`: import issues, replies of unknown senders and the
answers to them, their numbers, who made privacy requests, and values before and after in the audit log. Rows, counts, labels and the hashes of
suppressed numbers stay, and so do words and number of a cry for help that nobody has settled.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
)
from sqlalchemy.orm import Session, aliased

from campaigns.models.activities import VisitLine
from campaigns.models.campaigns import Campaign, CampaignComment, CampaignList, FormerRecipient, Recipient
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.privacy import ConsentEvent, PersonRequest
from campaigns.models.replies import IS_OPEN_CRY, Answer, Case, OfficerEntry, Reply
from campaigns.privacy.erase_contact import (
    IN_FLIGHT,
    delete_people,
    erase_details,
    erase_messages,
    erase_numbers,
    erase_visit_notes,
    withdraw_cases,
)
from campaigns.rules.safety import EVENT_LASTS
from campaigns.rules.states import UNSETTLED, CampaignState, MessageState
from outreach.accounts import audit
from outreach.contacts.references import lock_removal
from outreach.core.db import Database, change_rows, count_rows, full_scan, set_columns, values_subquery
from outreach.core.job_queue import once_every
from outreach.imports.erasures import erase_issues, is_undecided, keep_wishes_of
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
from outreach.use_cases import enqueue_remove_expired

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


def may_wait(cutoff: datetime) -> ColumnElement[bool]:
    """Return the condition for cases that no removal closes: open, and asked for since a moment or a cry for help."""
    return and_(Case.done_at.is_(None), or_(Case.opened_at >= cutoff, IS_OPEN_CRY))


def recipients_to_answer(cutoff: datetime) -> Select[Any]:
    """Select the recipients for whom an answer or a confirmation is to be sent, and was not held up since before a moment."""
    waits = select(Message.recipient_id).join(Outbox, Outbox.message_id == Message.id)
    # The stream of answers and confirmations; campaigns have the others.
    of_stream = (Outbox.stream_id == 0, Outbox.not_before >= cutoff)
    return waits.where(*of_stream, Message.recipient_id.is_not(None))


def _is_asked_from(phone_id: Any, cutoff: datetime) -> ColumnElement[bool]:
    """Return the condition that a case of a number `may_wait`, of whatever campaign or of none."""
    return exists().where(Case.phone_id == phone_id, may_wait(cutoff))


def campaigns_due(session: Session, *, days: int, now: datetime) -> list[int]:
    """Return campaigns with personal data that ended so many days ago, without messages on their way."""
    under_way = exists().where(Attempt.stream_id == Campaign.id, Attempt.state.in_(IN_FLIGHT))
    has_people = or_(
        exists().where(Recipient.campaign_id == Campaign.id, Recipient.contact_id.is_not(None)),
        exists().where(FormerRecipient.campaign_id == Campaign.id),
        exists().where(Case.campaign_id == Campaign.id, Case.done_at.is_(None)),
    )
    is_left = or_(Campaign.cleared_at.is_(None), (Campaign.cleared_at <= now - _RECHECK_AFTER) & has_people)
    ended = select(Campaign.id).where(Campaign.ended_at < now - timedelta(days=days))
    return list(session.scalars(ended.where(is_left, ~under_way).order_by(Campaign.id)))


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


def preview_clear(
    session: Session, campaign_id: int, *, days: int, now: datetime, before: Sequence[int] = ()
) -> ClearResult:
    """Return what `clear_campaign` would remove now; nothing is changed. Whom the campaigns `before` take is gone by then."""
    cutoff = now - timedelta(days=days)
    earlier = (Contact.id.not_in(_written_to(each)) for each in before)
    removed = _people_to_remove(session, campaign_id, cutoff=cutoff).where(*earlier).cte()
    other, goes = aliased(ContactPhone), removed.alias()
    # Not "a contact that is not one of them": of a million PostgreSQL would look through all for each.
    stays = ~exists().where(goes.c.contact_id == other.contact_id)
    numbers = union(
        *(
            select(links.phone_id)
            .join(removed, removed.c.contact_id == links.contact_id)
            .where(~exists().where(other.phone_id == links.phone_id, stays))
            .where(~_is_asked_from(links.phone_id, cutoff))
            for links in (ContactPhone, RemovedPhone)
        )
    )
    audience = _written_to(campaign_id)
    over = _values_that_are_over(campaign_id, cutoff=cutoff)
    is_gone = exists().where(removed.c.contact_id == KeptValue.contact_id)
    with full_scan(session):
        people = count_rows(session, select(removed.c.contact_id))
        return ClearResult(
            people=people,
            kept=count_rows(session, audience) - people,
            numbers=count_rows(session, numbers),
            values=count_rows(session, KeptValue, over, ~is_gone),
            **{
                name: count_rows(session, query)
                for name, query in _personal_texts(campaign_id, cutoff=cutoff).items()
            },
        )


def clear_campaign(runtime: Runtime, campaign_id: int, *, days: int, now: datetime) -> ClearResult:
    """Remove a campaign's personal data, slice by slice; the next run continues an interrupted one."""
    db, cutoff = runtime.db, now - timedelta(days=days)
    secret_key = runtime.settings.keys_of(Purpose.SUPPRESSIONS)
    result = ClearResult()
    with db.read() as session:
        audience = count_rows(session, _written_to(campaign_id))
        people = _read_ids(session, _people_to_remove(session, campaign_id, cutoff=cutoff))
    result.messages = empty_messages(db, campaign_id, cutoff=cutoff)
    for some in _slices(people, SLICE):
        with db.write() as session:
            lock_removal(session)
            erased, numbers = _erase_people(session, some, cutoff=cutoff, secret_key=secret_key, now=now)
        result.people += erased
        result.numbers += numbers
    result.kept = audience - result.people
    with db.write() as session:  # also where the people are gone
        lists = select(ContactList.organisation_id).join(CampaignList, CampaignList.list_id == ContactList.id)
        owners = session.scalars(lists.where(CampaignList.campaign_id == campaign_id).distinct()).all()
        if owners:
            lock_imports(session)
        over = _values_that_are_over(campaign_id, cutoff=cutoff)
        result.values = sum(remove_values(session, over, organisation_id=owner) for owner in owners)
    with db.write() as session:  # imports wait for the one before
        emptied = erase_texts(session, campaign_id, cutoff=cutoff, now=now)
        result.messages += emptied["messages"]
        result.replies, result.notes = emptied["replies"], emptied["notes"]
        change_rows(session, delete(CampaignComment).where(CampaignComment.campaign_id == campaign_id))
        cleared_before = session.scalar(select(Campaign.cleared_at).where(Campaign.id == campaign_id))
        set_columns(session, Campaign, Campaign.id == campaign_id, cleared_at=now)
        removed = {what: count for what, count in asdict(result).items() if what != "kept"}
        if cleared_before is None or any(removed.values()):
            audit.record(session, "campaign.clear", f"campaigns:{campaign_id}", None, now, **asdict(result))
    return result


def empty_messages(db: Database, campaign_id: int, *, cutoff: datetime) -> int:
    """Empty the texts of a campaign's messages, a slice in a transaction. Returns how many."""
    with db.read() as session:
        ids = _read_ids(session, _personal_texts(campaign_id, cutoff=cutoff)["messages"])
    for some in _slices(ids, 10 * SLICE):
        with db.write() as session:
            chosen = Attempt.id.in_(values_subquery(session, some, BigInteger))
            set_columns(session, Attempt, chosen, body="", notice=None)
    return len(ids)


def _read_ids(session: Session, query: Select[Any]) -> array[int]:
    """Return the ids that a query selects, eight bytes each: of ten million a list would take five times as much."""
    with full_scan(session):
        return array("q", session.scalars(query.execution_options(yield_per=10_000)))


def _slices(ids: array[int], size: int) -> Iterator[array[int]]:
    return (ids[first : first + size] for first in range(0, len(ids), size))


def _written_to(campaign_id: int) -> CompoundSelect[Any]:
    """Select the people of a campaign's audience."""
    return union_all(
        select(Recipient.contact_id).where(
            Recipient.campaign_id == campaign_id, Recipient.contact_id.is_not(None)
        ),
        select(FormerRecipient.contact_id).where(FormerRecipient.campaign_id == campaign_id),
    )


def _people_to_remove(session: Session, campaign_id: int, *, cutoff: datetime) -> Select[Any]:
    """Select the people of a campaign's audience whom no other reason keeps in the directory."""
    is_in_audience = Contact.id.in_(_written_to(campaign_id))
    return _people_without_use(session, cutoff).where(is_in_audience).order_by(Contact.id)


def _people_without_use(session: Session, cutoff: datetime) -> Select[Any]:
    """Select the people whom nothing keeps in the directory but a campaign whose time is over.

    What is in use is read before, and each reason is a condition of its own: else PostgreSQL looks up each of millions alone.
    """
    other, membership = aliased(Recipient), aliased(Membership)
    in_use = session.scalars(campaigns_in_use(cutoff)).all()
    lists = session.scalars(
        select(CampaignList.list_id).where(CampaignList.campaign_id.in_(in_use)).distinct()
    ).all()
    imports = session.scalars(
        select(ListImport.id).where(ListImport.imported_at >= cutoff, ListImport.undone_at.is_(None))
    ).all()
    reasons = (
        exists().where(other.contact_id == Contact.id, other.campaign_id.in_(in_use)),
        exists().where(FormerRecipient.contact_id == Contact.id, FormerRecipient.campaign_id.in_(in_use)),
        exists().where(membership.contact_id == Contact.id, membership.list_id.in_(lists)),
        exists().where(
            membership.contact_id == Contact.id,
            or_(membership.import_id.in_(imports), membership.last_import_id.in_(imports)),
        ),
        exists().where(PersonRequest.contact_id == Contact.id, PersonRequest.done_at.is_(None)),
        exists().where(other.contact_id == Contact.id, Case.recipient_id == other.id, may_wait(cutoff)),
        exists().where(other.contact_id == Contact.id, other.id.in_(recipients_to_answer(cutoff))),
        exists().where(ContactPhone.contact_id == Contact.id, _is_asked_from(ContactPhone.phone_id, cutoff)),
        exists().where(ConsentEvent.contact_id == Contact.id, ConsentEvent.recorded_at >= cutoff),
    )
    return select(Contact.id.label("contact_id")).where(
        Contact.updated_at < cutoff, *(~reason for reason in reasons)
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


def _erase_people(
    session: Session, some: Sequence[int], *, cutoff: datetime, secret_key: str, now: datetime
) -> tuple[int, int]:
    """Delete those of some people whom nothing keeps, with the numbers that no other contact has and nobody has asked from.

    Messages that an idle campaign has queued for them are not sent. Returns how many people and numbers.
    """
    contact_ids = values_subquery(session, some, BigInteger)
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
    # What the locks waited for may keep one of them.
    people = session.scalars(_people_without_use(session, cutoff).where(Contact.id.in_(contact_ids))).all()
    contact_ids = values_subquery(session, people, BigInteger)
    recipients = select(Recipient.id).where(Recipient.contact_id.in_(contact_ids))
    waiting = select(Message.id).where(
        Message.recipient_id.in_(recipients), Message.state == MessageState.QUEUED
    )
    erase_messages(session, session.scalars(waiting).all())
    audit.erase_values(session, [f"contacts:{contact_id}" for contact_id in people], now=now)
    erase_visit_notes(session, VisitLine.contact_id.in_(contact_ids))
    keep_wishes_of(session, people, secret_key=secret_key, now=now)
    delete_people(session, people)
    on_its_way = exists().where(Attempt.phone_id == Phone.id, Attempt.state.in_(IN_FLIGHT))
    shared = or_(*(exists().where(links.phone_id == Phone.id) for links in (ContactPhone, RemovedPhone)))
    gone = session.scalars(locked.where(~shared, ~on_its_way, ~_is_asked_from(Phone.id, cutoff))).all()
    erase_numbers(session, gone, secret_key=secret_key)
    return len(people), len(gone)


def _personal_texts(campaign_id: int, *, cutoff: datetime) -> dict[str, Select[Any]]:
    """Select, by the name of its count, the ids of rows with personal texts; not those of cases that wait."""
    # Two conditions: of one with "or" PostgreSQL would look through all cases for each reply.
    waits = [
        exists().where(same, may_wait(cutoff))
        for same in (Case.reply_id == Reply.id, Case.recipient_id == Reply.recipient_id)
    ]
    recipients = select(Recipient.id).where(Recipient.campaign_id == campaign_id)
    return {
        "messages": select(Attempt.id)
        .join(Message, Message.id == Attempt.message_id)
        .where(Message.campaign_id == campaign_id, Attempt.body != ""),
        "replies": select(Reply.id).where(
            or_(Reply.campaign_id == campaign_id, Reply.recipient_id.in_(recipients)),
            or_(Reply.body != "", Reply.sender != "", Reply.raw.is_not(None)),
            *(~each for each in waits),
        ),
        "notes": select(Case.id).where(Case.campaign_id == campaign_id, Case.note != "", ~may_wait(cutoff)),
    }


def erase_texts(session: Session, campaign_id: int, *, cutoff: datetime, now: datetime) -> dict[str, int]:
    """Empty a campaign's texts and close its cases but those that `may_wait`. Returns how many of each."""
    texts = _personal_texts(campaign_id, cutoff=cutoff)
    emptied = {
        name: set_columns(session, table, table.id.in_(texts[name]), **values)
        for name, table, values in (
            ("messages", Attempt, {"body": "", "notice": None}),
            ("replies", Reply, {"body": "", "sender": "", "raw": None}),
            ("notes", Case, {"note": ""}),
        )
    }
    erase_details(session, select(Campaign.id).where(Campaign.id == campaign_id))
    of_campaign = (Message.campaign_id == campaign_id, Message.state.not_in(UNSETTLED))
    set_columns(session, Message, *of_campaign, Message.text.is_not(None), Message.text != "", text="")
    answers = select(Answer.id).where(Answer.campaign_id == campaign_id)
    set_columns(session, OfficerEntry, OfficerEntry.answer_id.in_(answers), note="")
    erase_visit_notes(
        session, VisitLine.recipient_id.in_(select(Recipient.id).where(Recipient.campaign_id == campaign_id))
    )
    withdraw_cases(session, Case.campaign_id == campaign_id, ~may_wait(cutoff), done_at=now)
    return emptied


_RUN_EVERY_S = 24 * 3600
_Eraser = Callable[[Session, Sequence[int], datetime], int]


@dataclass(slots=True)
class ExpiryResult:
    """What is removed by its age: texts, numbers of no contact, values of audit entries about people."""

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
    """Remove expired data, slice by slice; the next run continues an interrupted one."""
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
    withdraw_cases(session, Case.id.in_(values_subquery(session, ids, BigInteger)), done_at=now)
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
