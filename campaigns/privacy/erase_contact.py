"""Erasure of a contact at their own request: personal data go everywhere, figures stay.

Recipients, messages, answers and counted installs keep their rows, which no longer lead to a person. Keyed
hashes of the numbers are kept, so that suppressions hold and an import that brings them again becomes an
import issue.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
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
)
from sqlalchemy.orm import Session, aliased

from campaigns.models.activities import VisitLine, VisitResult
from campaigns.models.campaigns import Recipient
from campaigns.models.messages import Attempt, Message, Outbox, WaitingReceipt
from campaigns.models.privacy import PersonRequest, RequestKind
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
from campaigns.rules.safety import SafetyStatus
from campaigns.rules.states import AttemptState, MessageKind, MessageState, SkipReason
from outreach.accounts import audit
from outreach.accounts.kept_filters import remove_filters_naming
from outreach.accounts.permissions import require_role
from outreach.contacts.contact import find_recorded_contact
from outreach.contacts.references import lock_removal
from outreach.contacts.suppressions import lock_phone
from outreach.contacts.wishes import erase_numbers_of_wishes, keep_wishes
from outreach.core.db import change_rows, set_columns, values_subquery
from outreach.imports.erasures import erase_import_rows, record_erasure
from outreach.imports.store_rows import lock_imports
from outreach.models.accounts import Role, User
from outreach.models.contacts import (
    Contact,
    ContactPhone,
    ContactReference,
    PersonMerge,
    Phone,
    RemovedPhone,
    Suppression,
    UnreadLanguage,
)
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.identity import ERASED
from outreach.use_cases import use_case

IN_FLIGHT = (AttemptState.SENDING, AttemptState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Number:
    """One of the contact's numbers; `is_gone` where no other contact has it, nor a stranger who waits for an answer."""

    id: int
    e164: str
    is_gone: bool


@use_case
def erase_contact(session: Session, request_id: int, *, secret_key: str, user: User, now: datetime) -> None:
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
        record_erasure(
            session, each, [(number.e164, number.is_gone) for number in real], secret_key=secret_key, now=now
        )
    keep_wishes(session, [contact_id], secret_key=secret_key)
    _erase_references(session, contact_id)
    # SQLite gives the last id again.
    merged = [each.merged_id for each in merges if session.get(Contact, each.merged_id) is None]
    erase_numbers(session, gone, secret_key=secret_key)
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
        select(Message.id).where(Message.recipient_id.in_(values_subquery(session, recipients, BigInteger))),
        select(Message.id).where(Message.phone_id.in_(values_subquery(session, gone, BigInteger))),
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
    message_ids = values_subquery(session, ids, BigInteger)
    change_rows(session, delete(Outbox).where(Outbox.message_id.in_(message_ids)))
    waiting = (Message.id.in_(message_ids), Message.state == MessageState.QUEUED)
    skipped = {"state": MessageState.SKIPPED, "skip_reason": SkipReason.SUPPRESSED}
    set_columns(session, Message, *waiting, Message.step_id.is_not(None), **skipped)
    set_columns(session, Message, *waiting, Message.step_id.is_(None), state=MessageState.CANCELLED)
    set_columns(session, Message, Message.id.in_(message_ids), Message.text.is_not(None), text="")
    set_columns(session, Attempt, Attempt.message_id.in_(message_ids), body="", notice=None)


def delete_people(session: Session, ids: Sequence[int]) -> None:
    """Delete contacts, and what was noted of their numbers. What a campaign knows of its recipients stays, without them. With `lock_removal`."""
    contact_ids = values_subquery(session, ids, BigInteger)
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
        table.recipient_id.in_(values_subquery(session, recipients, BigInteger)),
        table.phone_id.in_(values_subquery(session, gone, BigInteger)),
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
        Recipient.id.in_(values_subquery(session, recipients, BigInteger)),
    )
    of_gone = SafetyReport.phone_id.in_(values_subquery(session, gone, BigInteger))
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


def erase_numbers(session: Session, gone: Sequence[int], *, secret_key: str) -> None:
    """Erase numbers, locked, that no contact has; suppressions and wishes are kept by their hash."""
    phone_ids = values_subquery(session, gone, BigInteger)
    set_columns(session, Suppression, Suppression.phone_id.in_(phone_ids), phone_id=None, note="")
    erase_numbers_of_wishes(session, gone, secret_key=secret_key)
    change_rows(session, delete(WaitingReceipt).where(WaitingReceipt.phone_id.in_(phone_ids)))
    change_rows(session, delete(UnreadLanguage).where(UnreadLanguage.phone_id.in_(phone_ids)))
    mark = literal(ERASED, String) + cast(Phone.id, String)
    forgotten = dict.fromkeys(("language", "asked_at", "zalo_id", "notices", "notices_at"))
    set_columns(session, Phone, Phone.id.in_(phone_ids), e164=mark, reversed=mark, **forgotten)
