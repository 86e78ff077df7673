"""Removal of personal data: of a campaign whose time is over, by their age, and of one contact at their own request.

Recipients, messages, answers and counted installs keep their rows, which no longer lead to a person. Keyed hashes of the numbers are
kept, so that suppressions hold and an import that brings a number again becomes an import issue.

After a campaign's time is over its personal data go. The rules are those of erasing one contact (`erase_contact`), in bulk, but for one: it was not requested, so a list that
brings a person again is no import issue. People stay in the directory who are in the audience or in a list of
a campaign that is in use or ended later, whom an import or a correction has changed since, whose consent was recorded since,
who wait for an answer about their data or for one that is still to be sent, and who have asked for help since or cried for it. An ended campaign is gone through again each day until no people of its audience
are left. (Law 91/2025/QH15: no longer than the purpose needs; the days are a setting.)

What is beside the campaigns' audiences and texts goes by its own age, the days of `retention`: import issues, replies of unknown senders and the
answers to them, their numbers, who made privacy requests, and values before and after in the audit log. Rows, counts, labels and the hashes of
suppressed numbers stay, and so do words and number of a cry for help that nobody has settled.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
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
    union_all,
)
from sqlalchemy.orm import Session, aliased

from campaigns.models.activities import VisitLine, VisitResult
from campaigns.models.campaigns import Campaign, CampaignComment, CampaignList, FormerRecipient, Recipient
from campaigns.models.messages import Attempt, Message, Outbox, WaitingReceipt
from campaigns.models.privacy import ConsentEvent, PersonRequest, RequestKind
from campaigns.models.replies import (
    IS_OPEN_CRY,
    Answer,
    Case,
    OfficerEntry,
    Reply,
    SafetyReport,
    said_by_number,
)
from campaigns.models.webhooks import Delivery, Subscription
from campaigns.privacy.requests import lock_request
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.safety import EVENT_LASTS, SafetyStatus
from campaigns.rules.states import (
    UNSETTLED,
    AttemptState,
    CampaignState,
    MessageKind,
    MessageState,
    SkipReason,
)
from outreach.accounts import audit
from outreach.accounts.kept_filters import remove_filters_naming
from outreach.accounts.permissions import require_role
from outreach.contacts.contact import find_recorded_contact
from outreach.contacts.references import lock_removal
from outreach.contacts.suppressions import lock_phone
from outreach.contacts.wishes import erase_numbers_of_wishes, keep_wishes
from outreach.core.db import Database, change_rows, count_rows, full_scan, set_columns, values_subquery
from outreach.core.job_queue import once_every
from outreach.imports.erasures import (
    erase_import_rows,
    erase_issues,
    is_undecided,
    keep_wishes_of,
    record_erasure,
)
from outreach.imports.kept_values import remove_values
from outreach.imports.store_rows import lock_imports
from outreach.models.accounts import AuditEvent, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ContactReference,
    ImportIssue,
    KeptValue,
    ListImport,
    Membership,
    PersonMerge,
    Phone,
    PhoneLanguage,
    RemovedPhone,
    Suppression,
)
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.identity import ERASED
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_remove_expired, use_case

SLICE = 1000
_RECHECK_AFTER = timedelta(days=1)


# What is removed with a campaign: people, numbers, texts of messages, replies and notes, and values that its lists kept for
# texts. `kept` people of its audience stay in the directory. `values` are theirs; those of removed people go with them.
_CLEARED = ("people", "kept", "numbers", "messages", "replies", "notes", "values")


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
) -> Counter[str]:
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
        texts = _personal_texts(campaign_id, cutoff=cutoff)
        return Counter(
            people=people,
            kept=count_rows(session, audience) - people,
            numbers=count_rows(session, numbers),
            values=count_rows(session, KeptValue, over, ~is_gone),
            **{name: count_rows(session, query) for name, query in texts.items()},
        )


def clear_campaign(runtime: Runtime, campaign_id: int, *, days: int, now: datetime) -> Counter[str]:
    """Remove a campaign's personal data, slice by slice; the next run continues an interrupted one."""
    db, cutoff = runtime.db, now - timedelta(days=days)
    result = Counter(dict.fromkeys(_CLEARED, 0))
    with db.read() as session:
        audience = count_rows(session, _written_to(campaign_id))
        people = _read_ids(session, _people_to_remove(session, campaign_id, cutoff=cutoff))
    result["messages"] = empty_messages(db, campaign_id, cutoff=cutoff)
    for some in _slices(people, SLICE):
        with db.write() as session:
            lock_removal(session)
            erased, numbers = _erase_people(session, some, cutoff=cutoff, now=now)
        result.update(people=erased, numbers=numbers)
    result["kept"] = audience - result["people"]
    with db.write() as session:  # also where the people are gone
        lists = select(ContactList.organisation_id).join(CampaignList, CampaignList.list_id == ContactList.id)
        owners = session.scalars(lists.where(CampaignList.campaign_id == campaign_id).distinct()).all()
        if owners:
            lock_imports(session)
        over = _values_that_are_over(campaign_id, cutoff=cutoff)
        result["values"] = sum(remove_values(session, over, organisation_id=owner) for owner in owners)
    with db.write() as session:  # imports wait for the one before
        result.update(erase_texts(session, campaign_id, cutoff=cutoff, now=now))
        change_rows(session, delete(CampaignComment).where(CampaignComment.campaign_id == campaign_id))
        cleared_before = session.scalar(select(Campaign.cleared_at).where(Campaign.id == campaign_id))
        set_columns(session, Campaign, Campaign.id == campaign_id, cleared_at=now)
        if cleared_before is None or any(count for what, count in result.items() if what != "kept"):
            audit.record(session, "campaign.clear", f"campaigns:{campaign_id}", None, now, **result)
    return result


def empty_messages(db: Database, campaign_id: int, *, cutoff: datetime) -> int:
    """Empty the texts of a campaign's messages, a slice in a transaction. Returns how many."""
    with db.read() as session:
        ids = _read_ids(session, _personal_texts(campaign_id, cutoff=cutoff)["messages"])
    for some in _slices(ids, 10 * SLICE):
        with db.write() as session:
            chosen = Attempt.id.in_(values_subquery(session, some))
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
    session: Session, some: Sequence[int], *, cutoff: datetime, now: datetime
) -> tuple[int, int]:
    """Delete those of some people whom nothing keeps, with the numbers that no other contact has and nobody has asked from.

    Messages that an idle campaign has queued for them are not sent. Returns how many people and numbers.
    """
    contact_ids = values_subquery(session, some)
    phones = session.scalars(
        union(
            select(ContactPhone.phone_id).where(ContactPhone.contact_id.in_(contact_ids)),
            select(RemovedPhone.phone_id).where(RemovedPhone.contact_id.in_(contact_ids)),
        )
    ).all()
    locked = select(Phone.id).where(Phone.id.in_(values_subquery(session, phones))).order_by(Phone.id)
    session.execute(locked.with_for_update()).all()
    # What the locks waited for may keep one of them.
    people = session.scalars(_people_without_use(session, cutoff).where(Contact.id.in_(contact_ids))).all()
    contact_ids = values_subquery(session, people)
    recipients = select(Recipient.id).where(Recipient.contact_id.in_(contact_ids))
    waiting = select(Message.id).where(
        Message.recipient_id.in_(recipients), Message.state == MessageState.QUEUED
    )
    erase_messages(session, session.scalars(waiting).all())
    audit.erase_values(session, [f"contacts:{contact_id}" for contact_id in people], now=now)
    erase_visit_notes(session, VisitLine.contact_id.in_(contact_ids))
    keep_wishes_of(session, people, now=now)
    delete_people(session, people)
    on_its_way = exists().where(Attempt.phone_id == Phone.id, Attempt.state.in_(IN_FLIGHT))
    shared = or_(*(exists().where(links.phone_id == Phone.id) for links in (ContactPhone, RemovedPhone)))
    gone = session.scalars(locked.where(~shared, ~on_its_way, ~_is_asked_from(Phone.id, cutoff))).all()
    erase_numbers(session, gone)
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


def enqueue_expired(runtime: Runtime) -> bool:
    """Enqueue the removal of expired data, once a day."""
    return once_every(runtime.redis, "loa:expiry", every_s=_RUN_EVERY_S) and enqueue_remove_expired(runtime)


def preview_expired(session: Session, *, days: int, now: datetime) -> Counter[str]:
    """Return what `remove_expired` would remove now, but for reports; nothing is changed."""
    queries = _expired(now - timedelta(days=days))
    return Counter({"reports": 0} | {name: count_rows(session, ids) for name, ids in queries.items()})


def remove_expired(runtime: Runtime, *, days: int, now: datetime) -> Counter[str]:
    """Remove expired data, slice by slice; the next run continues an interrupted one.

    Returns what was removed as `_expired` names it, and in `reports` what was needed in an event, and where.
    """
    db, cutoff = runtime.db, now - timedelta(days=days)
    erasers: dict[str, _Eraser] = {**_ERASERS, "numbers": partial(_erase_expired_numbers, cutoff)}
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
    if any(removed.values()):
        with db.write() as session:
            audit.record(session, "retention.expire", "retention:days", None, now, **removed)
    return removed


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
    messages = select(Attempt.message_id).where(Attempt.id.in_(values_subquery(session, ids)))
    set_columns(session, Message, Message.id.in_(messages), Message.text.is_not(None), text="")
    return _empty(session, Attempt, ids, body="", notice=None)


def _erase_cases(session: Session, ids: Sequence[int], now: datetime) -> int:
    withdraw_cases(session, Case.id.in_(values_subquery(session, ids)), done_at=now)
    return _empty(session, Case, ids, note="")


def _erase_expired_numbers(cutoff: datetime, session: Session, ids: Sequence[int], _now: datetime) -> int:
    locked = select(Phone.id).where(Phone.id.in_(values_subquery(session, ids))).order_by(Phone.id)
    session.execute(locked.with_for_update()).all()
    # An import or a reply may have brought a number meanwhile.
    expired = session.scalars(
        _expired_numbers(cutoff).where(Phone.id.in_(values_subquery(session, ids)))
    ).all()
    erase_numbers(session, expired)
    return len(expired)


def _empty(session: Session, table: type[Any], ids: Sequence[int], **values: str | None) -> int:
    return set_columns(session, table, table.id.in_(values_subquery(session, ids)), **values)


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


IN_FLIGHT = (AttemptState.SENDING, AttemptState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Number:
    """One of the contact's numbers; `is_gone` where no other contact has it, nor a stranger who waits for an answer."""

    id: int
    e164: str
    is_gone: bool


@use_case
def erase_contact(session: Session, request_id: int, *, user: User, now: datetime) -> None:
    """Erase the contact of an erasure request, for good. Raises NotFound, NotAllowed, BadInput, WrongState."""
    require_role(user, Role.APPROVER)
    lock_imports(session)  # before the request, which a merge of its person holds by these locks
    lock_removal(session)
    request = lock_request(session, request_id, user=user)
    if request.kind is not RequestKind.ERASE or request.contact_id is None:
        raise BadInput("request_not_erasure")
    person = find_recorded_contact(session, request.contact_id, user=user)
    contact_id = person.id
    numbers = numbers_of(session, contact_id)
    recipients = session.scalars(select(Recipient.id).where(Recipient.contact_id == contact_id)).all()
    gone = [number.id for number in numbers if number.is_gone]
    messages = _lock_messages(session, recipients, numbers, gone)
    of_cases = _of_contact(session, Case, recipients, gone)
    # Also somebody's word for them that no officer was told.
    says_help = exists().where(said_by_number(), SafetyReport.status != SafetyStatus.SAFE)
    waits = or_(IS_OPEN_CRY, and_(Case.done_at.is_(None), says_help))
    if session.scalar(select(Case.id).where(of_cases, waits).limit(1)):
        raise WrongState("erasure_cry_open")
    erase_messages(session, messages)
    replies = _erase_conversation(session, recipients, numbers, gone, user=user, now=now)
    # A number of a former campaign may have been erased with another contact: its mark is in every row.
    real = [number for number in numbers if not number.e164.startswith(ERASED)]
    merges = session.scalars(select(PersonMerge).where(PersonMerge.kept_id == contact_id)).all()
    facts = ("name", "birth_year", "area_code")
    rows = 0
    # A person who was merged with this one is erased by that name, too.
    people = (person, *(Contact(**{fact: m.data["facts"][fact] for fact in facts}) for m in merges))
    remove_filters_naming(session, [each.name for each in people], [number.e164 for number in real])
    for each in people:
        rows += erase_import_rows(
            session,
            contact_id,
            each.name,
            own=[number.e164 for number in real if number.is_gone],
            shared=[number.e164 for number in real if not number.is_gone],
            user_id=user.id,
            now=now,
        )
        record_erasure(session, each, [(number.e164, number.is_gone) for number in real], now=now)
    keep_wishes(session, [contact_id])
    _erase_references(session, contact_id)
    # SQLite gives the last id again.
    merged = [each.merged_id for each in merges if session.get(Contact, each.merged_id) is None]
    erase_numbers(session, gone)
    set_columns(
        session,
        PersonRequest,
        PersonRequest.contact_id == contact_id,
        asked_by="",
        extension_reason="",
        answer="",
        done_by=func.coalesce(PersonRequest.done_by, user.id),
        done_at=func.coalesce(PersonRequest.done_at, now, type_=PersonRequest.done_at.type),
    )
    erase_visit_notes(session, VisitLine.contact_id == contact_id)
    delete_people(session, [contact_id])
    session.expire_all()
    audit.erase_values(session, [f"contacts:{each}" for each in (contact_id, *merged)], now=now)
    audit.record(
        session,
        "contact.erase",
        f"contacts:{contact_id}",
        user,
        now,
        messages=len(messages),
        replies=replies,
        rows=rows,
    )


def numbers_of(session: Session, contact_id: int) -> list[Number]:
    """Return the numbers of a contact, present, former and used by a campaign, in the order of locking."""
    other = aliased(ContactPhone)
    current = select(ContactPhone.phone_id).where(ContactPhone.contact_id == contact_id)
    former = select(RemovedPhone.phone_id).where(RemovedPhone.contact_id == contact_id)
    used = select(Recipient.phone_id).where(Recipient.contact_id == contact_id)
    is_shared = exists().where(other.phone_id == Phone.id, other.contact_id != contact_id)
    asks_since = exists().where(  # its owner, who waits for an officer
        RemovedPhone.contact_id == contact_id,
        RemovedPhone.phone_id == Phone.id,
        RemovedPhone.restored_at.is_(None),
        Case.phone_id == Phone.id,
        Case.done_at.is_(None),
        Case.opened_at > RemovedPhone.removed_at,
    )
    rows = session.execute(
        select(Phone.id, Phone.e164, or_(is_shared, asks_since))
        .where(or_(Phone.id.in_(current), Phone.id.in_(used), Phone.id.in_(former)))
        .order_by(Phone.id)
    )
    return [Number(id_, e164, not shared) for id_, e164, shared in rows]


def _lock_messages(
    session: Session, recipients: Sequence[int], numbers: Sequence[Number], gone: Sequence[int]
) -> list[int]:
    """Return the contact's messages, attempts and phones locked. Raises WrongState for one on its way."""
    # Each by its own index: of a million messages a handful belong to the contact.
    message_ids = union(
        select(Message.id).where(Message.recipient_id.in_(values_subquery(session, recipients))),
        select(Message.id).where(Message.phone_id.in_(values_subquery(session, gone))),
        # What a team was told, with the number to call.
        select(Message.id)
        .join(SafetyReport, SafetyReport.campaign_id == Message.campaign_id)
        .join(Phone, Phone.id == SafetyReport.phone_id)
        .where(Phone.id.in_(gone), Message.step_id.is_(None), Message.text.contains(Phone.e164)),
    )
    attempts = select(Attempt.id).where(Attempt.message_id.in_(message_ids)).order_by(Attempt.id)
    session.execute(attempts.with_for_update()).all()
    for number in numbers:
        lock_phone(session, number.id)
    if session.execute(attempts.where(Attempt.state.in_(IN_FLIGHT)).limit(1)).first():
        raise WrongState("erasure_message_under_way")
    return list(session.scalars(message_ids))


def erase_messages(session: Session, ids: Sequence[int]) -> None:
    """Cancel waiting messages, and empty the texts of sent ones. The texts contain name and link."""
    message_ids = values_subquery(session, ids)
    change_rows(session, delete(Outbox).where(Outbox.message_id.in_(message_ids)))
    waiting = (Message.id.in_(message_ids), Message.state == MessageState.QUEUED)
    skipped = {"state": MessageState.SKIPPED, "skip_reason": SkipReason.SUPPRESSED}
    set_columns(session, Message, *waiting, Message.step_id.is_not(None), **skipped)
    set_columns(session, Message, *waiting, Message.step_id.is_(None), state=MessageState.CANCELLED)
    set_columns(session, Message, Message.id.in_(message_ids), Message.text.is_not(None), text="")
    set_columns(session, Attempt, Attempt.message_id.in_(message_ids), body="", notice=None)


def delete_people(session: Session, ids: Sequence[int]) -> None:
    """Delete contacts, and what was noted of their numbers. What a campaign knows of its recipients stays, without them. With `lock_removal`."""
    contact_ids = values_subquery(session, ids)
    theirs = select(ContactPhone.phone_id).where(ContactPhone.contact_id.in_(contact_ids))
    set_columns(session, Suppression, Suppression.phone_id.in_(theirs), Suppression.note != "", note="")
    set_columns(session, Recipient, Recipient.contact_id.in_(contact_ids), contact_id=None)
    change_rows(session, delete(Contact).where(Contact.id.in_(contact_ids)))


def erase_visit_notes(session: Session, condition: ColumnElement[bool]) -> None:
    """Empty what officers noted at the door, on the lines of sheets that meet a condition."""
    lines = select(VisitLine.id).where(condition)
    set_columns(session, VisitResult, VisitResult.line_id.in_(lines), VisitResult.note != "", note="")


def _of_contact(
    session: Session,
    table: type[Reply] | type[Answer] | type[Case],
    recipients: Sequence[int],
    gone: Sequence[int],
) -> ColumnElement[bool]:
    return or_(
        table.recipient_id.in_(values_subquery(session, recipients)),
        table.phone_id.in_(values_subquery(session, gone)),
    )


def _erase_conversation(
    session: Session,
    recipients: Sequence[int],
    numbers: Sequence[Number],
    gone: Sequence[int],
    *,
    user: User,
    now: datetime,
) -> int:
    """Empty replies and officers' notes, and close open cases. Returns the number of replies."""
    of_replies, of_answers, of_cases = (
        _of_contact(session, table, recipients, gone) for table in (Reply, Answer, Case)
    )
    # Also replies from before an import brought the number.
    senders = values_subquery(session, [number.e164 for number in numbers if number.is_gone], String)
    emptied = set_columns(
        session, Reply, or_(of_replies, Reply.sender.in_(senders)), body="", sender="", raw=None
    )
    written_to = exists().where(
        Recipient.campaign_id == SafetyReport.campaign_id,
        Recipient.phone_id == SafetyReport.phone_id,
        Recipient.exclusion.is_(None),  # who shares the phone has said nothing
        Recipient.id.in_(values_subquery(session, recipients)),
    )
    of_gone = SafetyReport.phone_id.in_(values_subquery(session, gone))
    set_columns(session, SafetyReport, or_(of_gone, written_to), **SafetyReport.no_details())
    answers = select(Answer.id).where(of_answers)
    set_columns(session, OfficerEntry, OfficerEntry.answer_id.in_(answers), note="")
    set_columns(session, Case, of_cases, note="")
    withdraw_cases(session, of_cases, done_by=user.id, done_at=now)
    return emptied


def withdraw_cases(session: Session, *where: ColumnElement[bool], **done: int | datetime) -> None:
    """Close those of some cases that are open, as nobody is behind them any more."""
    set_columns(session, Case, *where, Case.done_at.is_(None), outcome=CaseOutcome.WITHDRAWN, **done)


def _erase_references(session: Session, contact_id: int) -> None:
    """Remove what other systems call a contact from the events that were told to them or wait."""
    named = select(ContactReference).where(ContactReference.contact_id == contact_id)
    for name, owner in [(each.reference, each.organisation_id) for each in session.scalars(named)]:
        told = select(Delivery).join(Subscription, Subscription.id == Delivery.subscription_id)
        has_name = cast(Delivery.data, String).contains(json.dumps(name), autoescape=True)
        told = told.where(Subscription.organisation_id == owner, has_name)
        for delivery in session.scalars(told.with_for_update(of=Delivery)).all():
            delivery.data = {
                key: [each for each in value if each != name]
                if isinstance(value, list)
                else (None if value == name else value)
                for key, value in delivery.data.items()
            }


def erase_details(session: Session, events: Select[Any]) -> int:
    """Remove what people of these events needed and where, and the messages to teams that say so; that they were safe stays. Returns how many reports."""
    has_details = or_(
        SafetyReport.people.is_not(None),
        cast(SafetyReport.needs, String) != "[]",
        SafetyReport.place != "",
        SafetyReport.latitude.is_not(None),
        SafetyReport.handed_at.is_not(None),
    )
    of_events = (SafetyReport.campaign_id.in_(events), has_details)
    emptied = set_columns(session, SafetyReport, *of_events, **SafetyReport.no_details())
    to_teams = select(Message.id).where(
        Message.campaign_id.in_(events),
        Message.kind == MessageKind.CONFIRMATION,
        Message.recipient_id.is_(None),
        Message.text != "",
    )
    if ids := session.scalars(to_teams).all():
        erase_messages(session, ids)
    return emptied


def erase_numbers(session: Session, gone: Sequence[int]) -> None:
    """Erase numbers, locked, that no contact has; suppressions and wishes are kept by their hash."""
    phone_ids = values_subquery(session, gone)
    set_columns(session, Suppression, Suppression.phone_id.in_(phone_ids), phone_id=None, note="")
    erase_numbers_of_wishes(session, gone)
    change_rows(session, delete(WaitingReceipt).where(WaitingReceipt.phone_id.in_(phone_ids)))
    change_rows(session, delete(PhoneLanguage).where(PhoneLanguage.phone_id.in_(phone_ids)))
    mark = literal(ERASED, String) + cast(Phone.id, String)
    forgotten = dict.fromkeys(("language", "asked_at", "zalo_id", "notices", "notices_at"))
    set_columns(session, Phone, Phone.id.in_(phone_ids), e164=mark, reversed=mark, **forgotten)
