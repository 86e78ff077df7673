"""Handling of cases by officers: assign, call, close, reopen, label a reply. All on record.

Labelling a reply does not close its case if the label is one that needs help or an answer. The labelled replies are
also examples for the classifier's tests.
"""

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased, object_session

from campaigns.delivery.outbox import cancel_waiting
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import (
    IS_OPEN_CRY,
    Answer,
    AnswerPlace,
    AnswerSource,
    Case,
    Handling,
    Reply,
    ReplyState,
    SafetyReport,
    said_by_number,
)
from campaigns.replies.open_case import find_open_help, tell_next
from campaigns.replies.receive_reply import is_mobile_number, sign_reply
from campaigns.replies.record_answer import (
    LONGEST_NOTE,
    OWN_SOURCES,
    confirm_held,
    lock_person,
    read_said,
    record_answer,
    record_officer_answer,
    undo_answer_by_id,
)
from campaigns.rules.answers import CLOSING
from campaigns.rules.cases import (
    FOLLOW_UP,
    WAITS_FOR_LABEL,
    WRITTEN,
    CaseKind,
    CaseOutcome,
    assigned_until,
    cried_since,
    kind_of,
    last_cry,
)
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.labels import NON_ANSWERS, RESULTS, Label
from campaigns.rules.safety import SafetyStatus
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import has_role, require_role, visible_to, within_area
from outreach.accounts.users import name_of
from outreach.contacts.contact import knows_number
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import lock_phone, lock_phones
from outreach.core.db import find_row, id_of
from outreach.core.whole_file import whole_file
from outreach.models.accounts import Role, User
from outreach.models.contacts import Phone
from outreach.rules.errors import BadInput, NotFound, WrongState, or_raise
from outreach.rules.identity import ERASED
from outreach.rules.wishes import WishSource, is_own_slip
from outreach.use_cases import enqueue_after_commit, enqueue_send, use_case


def cases_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    """Return the condition for cases of the user's organisations and area; every query uses it.

    Of cases about health who handles no answers sees cries for help alone: kind and place of another would tell what somebody said.
    """
    is_seen = and_(
        visible_to(session, user, Case.organisation_id), within_area(session, user, Case.area_code)
    )
    if may_read_answers(user):
        return is_seen
    campaign = aliased(Campaign)  # the query around it may have its own
    is_of_health = exists().where(campaign.id == Case.campaign_id, campaign.is_health)
    return and_(is_seen, or_(IS_OPEN_CRY, ~is_of_health))


def may_read_answers(user: User) -> bool:
    """Return whether the user handles what residents answer, and so may read answers about their health."""
    return has_role(user, Role.STAFF, Role.APPROVER)


def find_case(session: Session, case_id: int, *, user: User) -> Case:
    """Return a case that the user may see. Raises NotFound.

    A case without an organisation is visible only to users who see everything.
    """
    query = select(Case).where(Case.id == case_id, cases_visible_to(session, user))
    return or_raise(session.scalar(query), NotFound("case_not_found"))


def lock_case(
    session: Session, case_id: int, *, user: User, now: datetime, joined: Collection[int] = ()
) -> Case:
    """Lock a case for a change until the transaction ends, and `joined` ones that are changed with it.

    The phones and the people are locked first, as recording an answer locks them before the case. Raises NotFound, NotAllowed, and
    WrongState if the case is reserved for another officer.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    case = find_case(session, case_id, user=user)
    these = select(Case).where(Case.id.in_({case_id, *joined})).order_by(Case.id)
    changed = session.scalars(these).all()
    found = (find_row(session, Recipient, each.recipient_id) for each in changed)
    recipients = sorted(filter(None, found), key=lambda each: each.contact_id or 0)
    phones = {each.phone_id for each in changed} | {each.phone_id for each in recipients}
    lock_phones(session, {phone_id for phone_id in phones if phone_id is not None})
    for recipient in recipients:
        lock_person(session, recipient)
    session.scalars(these.with_for_update().execution_options(populate_existing=True)).all()
    until = assigned_until(case.taken_at, urgent_at=case.urgent_at, now=now)
    if until and case.done_at is None and case.taken_by not in (None, user.id):
        who = name_of(session, case.taken_by)
        raise WrongState("case_taken", who=who, until=f"{until.astimezone(VIETNAM):%H:%M}")
    return case


def lock_open_case(
    session: Session,
    case_id: int,
    *,
    seen: int | None = None,
    user: User,
    now: datetime,
    joined: Collection[int] = (),
) -> Case:
    """Lock an open case, like `lock_case`. Raises WrongState, naming who closed it, if it is closed.

    So it does for a cry after the one that the user has `seen` (see `last_cry_of`): nothing they decide is about that.
    """
    case = lock_case(session, case_id, user=user, now=now, joined=joined)
    if case.done_at is not None:
        who, at = name_of(session, case.done_by), f"{case.done_at.astimezone(VIETNAM):%H:%M}"
        raise WrongState("case_done", who=who, at=at) if who else WrongState("case_withdrawn", at=at)
    if seen is not None and case.urgent_at and (last := cried_since(last_cry_of(session, case.id), seen)):
        raise WrongState("case_cried_since", at=f"{last:%H:%M}")
    return case


def last_cry_of(session: Session, *case_ids: int) -> int:
    """Return the last cry of some cases as `last_cry` has it, also one of which officers were not alerted anew; 0 without one."""
    opened = aliased(Case)
    is_theirs = or_(Reply.phone_id == Case.phone_id, Reply.recipient_id == Case.recipient_id)
    has_own = select(opened.id).where(opened.reply_id == Reply.id).exists()
    has_joined = (Reply.is_urgent, or_(Reply.label == Label.NEED_HELP, ~has_own))
    is_since = or_(Reply.received_at >= Case.opened_at, Reply.id > Case.reply_id)
    written, reply = (
        select(func.max(column)).where(is_theirs, *has_joined, is_since)
        for column in (Reply.received_at, Reply.id)
    )
    said = select(SafetyReport.said_at).where(said_by_number(), SafetyReport.status != SafetyStatus.SAFE)
    columns = (Case.urgent_at, *(each.scalar_subquery() for each in (written, said, reply)))
    rows = session.execute(select(*columns).where(Case.id.in_(case_ids))).all()
    return last_cry([moment for *moments, _reply in rows for moment in moments], [row[-1] for row in rows])


@use_case
def assign_case(session: Session, case_id: int, *, user: User, now: datetime) -> None:
    """Assign a case to the user, or extend the time. Raises NotFound, NotAllowed, WrongState."""
    case = lock_open_case(session, case_id, user=user, now=now)
    case.taken_by, case.taken_at = user.id, now
    audit.record(session, "case.take", case, user, now)


@use_case
def unassign_case(session: Session, case_id: int, *, user: User, now: datetime) -> None:
    """Unassign a case; of a cry for help that nobody has any more officers are told anew. Raises NotFound, NotAllowed, WrongState."""
    case = lock_open_case(session, case_id, user=user, now=now)
    case.taken_by = case.taken_at = case.alerted_at = case.escalated_at = None
    audit.record(session, "case.release", case, user, now)


@use_case
def number_to_call(session: Session, case_id: int, *, user: User, now: datetime) -> str:
    """Return the phone number of a case to call it. This assigns the case to the user; that they saw the number is on record.

    Raises NotFound also where there is none: help is asked for at the door, too.
    """
    case = lock_open_case(session, case_id, user=user, now=now)
    case.taken_by, case.taken_at = user.id, now
    audit.record(session, "case.see_number", case, user, now)
    if case.phone_id is not None and may_call(session, case, user):
        return session.get_one(Phone, case.phone_id).e164
    reply = find_row(session, Reply, case.reply_id)
    return or_raise(reply, NotFound("contact_without_number")).sender


def may_call(session: Session, case: Case, user: User) -> bool:
    """Return whether a user may see a case's number: whose it is has spoken, or lists of the user's have it for the person.

    An officer may record that somebody asks for help whom their lists only name.
    """
    recipient = find_row(session, Recipient, case.recipient_id)
    if recipient is None or case.reply_id is not None or case.phone_id is None:
        return True
    spoken = select(Answer.id).where(Answer.recipient_id == recipient.id, Answer.source.in_(OWN_SOURCES))
    has_spoken = session.scalar(spoken.limit(1)) is not None
    return has_spoken or knows_number(session, recipient.contact_id, case.phone_id, user=user)


@use_case
def close_case(
    session: Session,
    case_id: int,
    outcome: CaseOutcome,
    *,
    note: str,
    result: str | None,
    seen: int | None = None,
    user: User,
    now: datetime,
) -> None:
    """Close a case with its outcome, and record the resident's answer (`result`) if there is one. A held opt-out that keeps its label counts.

    Raises BadInput, NotFound, NotAllowed, WrongState.
    """
    case = lock_open_case(session, case_id, seen=seen, user=user, now=now)
    recipient = find_row(session, Recipient, case.recipient_id)
    is_known = not result or read_said(session, recipient, result).label in RESULTS
    if outcome not in WRITTEN or not is_known:
        raise BadInput("case_result_missing")
    answer: Answer | None = None
    if result and recipient:
        place = AnswerPlace.HOME if outcome is CaseOutcome.VISITED else AnswerPlace.PHONE
        answer = record_officer_answer(session, recipient, result, place=place, note=note, user=user, now=now)
    case.result_id = id_of(answer)
    if case.kind is CaseKind.OPT_OUT and case.reply_id:
        enqueue_after_commit(session, enqueue_send)
        confirm_held(session, session.get_one(Reply, case.reply_id), now=now)
    mark_closed(case, outcome, user=user, now=now, note=note)
    audit.record(session, "case.finish", case, user, now, outcome=outcome.value)


def mark_closed(case: Case, outcome: CaseOutcome, *, user: User, now: datetime, note: str = "") -> None:
    """Set the columns of a closed case; without a note the one that was written while it was open stays."""
    case.done_by, case.done_at, case.outcome = user.id, now, outcome
    case.note = " ".join(note.split())[:LONGEST_NOTE] or case.note
    if case.urgent_at and (session := object_session(case)):
        tell_next(session, case)


@dataclass(frozen=True, slots=True)
class Reopened:
    """What reopening could not undo.

    `keeps_answer`: the resident has answered since. `keeps_message`: the SMS has left.
    """

    keeps_answer: bool
    keeps_message: bool


@use_case
def reopen_case(session: Session, case_id: int, *, user: User, now: datetime) -> Reopened:
    """Reopen a case, and undo the answer recorded and the message queued on closing it.

    Raises NotFound, NotAllowed, WrongState.
    """
    case = lock_case(session, case_id, user=user, now=now)
    if case.done_at is None:
        raise WrongState("case_open_nothing_to_undo")
    if case.outcome not in WRITTEN:
        raise WrongState("case_not_ended_by_officer")
    _refuse_erased(session, case)
    if case.kind is CaseKind.HELP and case.recipient_id and find_open_help(session, case.recipient_id):
        raise WrongState("case_other_open")
    keeps_answer = keeps_message = False
    if case.result_id:
        keeps_answer = not undo_answer_by_id(session, case.result_id, now=now)
    if case.message_id and case.outcome is CaseOutcome.MESSAGED:
        keeps_message = not cancel_waiting(session, case.message_id)
    mark_open(case)
    audit.record(session, "case.reopen", case, user, now)
    return Reopened(keeps_answer, keeps_message)


def _refuse_erased(session: Session, case: Case) -> None:
    """Raise WrongState if the person was erased, or their number, since the case was closed or labelled."""
    phone = find_row(session, Phone, case.phone_id)
    recipient = find_row(session, Recipient, case.recipient_id)
    if (phone and phone.e164.startswith(ERASED)) or (recipient and recipient.contact_id is None):
        raise WrongState("case_data_erased")


def mark_open(case: Case) -> None:
    """Clear the columns of a closed case; its note stays."""
    case.done_by = case.done_at = case.outcome = case.result_id = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """Result of labelling a reply.

    `is_closed` is False if an officer still has to help or to answer. `is_counted` is False if the label counts for no
    recipient, as the number is in no campaign.
    """

    is_closed: bool
    is_counted: bool


@use_case
def label_reply(
    session: Session, case_id: int, word: str, *, seen: int | None = None, user: User, now: datetime
) -> Labelled:
    """Confirm or correct the label of a case's reply, and record it as an answer with its effects.

    `word` is a label, or another that `read_said` knows. The answer recorded automatically is undone if the label differs. Raises NotFound, NotAllowed, WrongState.
    """
    enqueue_after_commit(session, enqueue_send)  # an opt-out is confirmed at once
    case = lock_open_case(session, case_id, seen=seen, user=user, now=now)
    if case.reply_id is None:
        raise WrongState("case_without_text")
    reply = session.get_one(Reply, case.reply_id)
    recipient = find_row(session, Recipient, case.recipient_id)
    said = read_said(session, recipient, word)
    label = said.label
    if case.kind not in WAITS_FOR_LABEL and FOLLOW_UP.get(label) is case.kind:
        raise WrongState("case_labelled_before")
    is_closed = _close_or_convert(session, case, label, recipient, user=user, now=now)
    withdrawn = _withdraw(session, reply, said, now=now)
    if label is Label.OPT_OUT and not withdrawn:
        confirm_held(session, reply, now=now)
    if case.phone_id is None and label in CLOSING:
        case.phone_id = reply.phone_id = _phone_of(session, reply.sender, now=now)
    is_answer = label not in NON_ANSWERS
    counts_for = recipient or (label in CLOSING and case.phone_id)
    answer = None
    if is_answer and case.phone_id and counts_for:
        answer = record_answer(
            session,
            said,
            phone_id=case.phone_id,
            recipient=recipient,
            source=AnswerSource.OFFICER,
            now=now,
            # Anybody who has the number may have written it.
            heard=(WishSource(reply.channel.source), user.id),
            written_at=reply.received_at,
        )
    reply.state = ReplyState.HANDLED
    session.add(
        Handling(
            reply_id=reply.id,
            label=label,
            handled_by=user.id,
            handled_at=now,
            answer_id=id_of(answer),
            withdrawn_id=id_of(withdrawn),
            signature=sign_reply(session, reply.body, recipient) or None,
        )
    )
    _note_label(session, case, label, reply.label, user=user, now=now)
    return Labelled(is_closed, is_counted=not is_answer or bool(counts_for))


def _note_label(
    session: Session, case: Case, label: Label, suggested: Label, *, user: User, now: datetime
) -> None:
    """Enter in the audit log that a reply was labelled; its entries outlive what they name: an answer about health is in none."""
    campaign = find_row(session, Campaign, case.campaign_id)
    labels = {} if campaign and campaign.is_health else {"label": label.value, "suggested": suggested.value}
    audit.record(session, "case.label", case, user, now, **labels)


def _withdraw(session: Session, reply: Reply, said: GivenAnswer, *, now: datetime) -> Answer | None:
    """Undo the answer recorded automatically from a reply, unless it says the same.

    Returns the undone answer, if any.
    """
    automatic = session.scalar(select(Answer).where(Answer.reply_id == reply.id, Answer.undone_at.is_(None)))
    if automatic is None or automatic.said == said:
        return None
    # If the resident never opted out, the number gets messages again, whatever was answered since.
    is_undone = undo_answer_by_id(session, automatic.id, now=now, is_mistaken=automatic.label in CLOSING)
    return automatic if is_undone else None


def _phone_of(session: Session, sender: str, *, now: datetime) -> int | None:
    """Return the phone of a sender who was in no list, locked.

    Returns None for a short code or a name, which gets no messages.
    """
    if not is_mobile_number(sender):
        return None
    phone_id = find_or_create_phones(session, [sender], now=now)[sender]
    # Safe after the case: no holder of this phone's lock looks for a case without phone.
    lock_phone(session, phone_id)
    return phone_id


def _close_or_convert(
    session: Session, case: Case, label: Label, recipient: Recipient | None, *, user: User, now: datetime
) -> bool:
    """Close the case, or change its kind to the one that the label requires. Returns whether it is closed."""
    kind = FOLLOW_UP.get(label)
    help_case = find_open_help(session, recipient.id) if kind is CaseKind.HELP and recipient else None
    if help_case and case.urgent_at:
        help_case.urgent_at = help_case.urgent_at or case.urgent_at  # a cry stays one
    if kind is None or help_case:
        mark_closed(case, CaseOutcome.CLASSIFIED, user=user, now=now)
    else:
        case.kind = kind
    session.flush()
    return case.done_at is not None


@use_case
def undo_reply_label(session: Session, case_id: int, *, user: User, now: datetime) -> None:
    """Undo the label an officer gave a case's reply. Raises NotFound, NotAllowed, WrongState."""
    case = lock_case(session, case_id, user=user, now=now)
    handling = or_raise(_last_label(session, case), WrongState("case_unhandled"))
    if not _may_lift(handling, user, now=now):
        require_role(user, Role.APPROVER)
    if case.done_at is not None and case.outcome is not CaseOutcome.CLASSIFIED:
        raise WrongState("case_ended")
    _refuse_erased(session, case)
    reply = session.get_one(Reply, handling.reply_id)
    recipient = find_row(session, Recipient, case.recipient_id)
    kind = (
        kind_of(
            reply.label, is_sure=reply.is_sure, is_matched=recipient is not None, is_urgent=reply.is_urgent
        )
        or case.kind
    )
    another = find_open_help(session, recipient.id) if recipient and kind is CaseKind.HELP else None
    if another and another.id != case.id:
        raise WrongState("case_other_open")
    mark_open(case)
    case.kind = kind
    if kind is not CaseKind.HELP:
        case.answer_id = None
    session.flush()
    if handling.answer_id and not undo_answer_by_id(session, handling.answer_id, now=now):
        raise WrongState("case_answered_since")
    withdrawn = find_row(session, Answer, handling.withdrawn_id)
    if withdrawn and case.phone_id:
        _give_again(session, withdrawn, case.phone_id, reply, recipient, now=now)
    reply.state = ReplyState.INBOX if kind in WAITS_FOR_LABEL else ReplyState.APPLIED
    handling.undone_at = now
    audit.record(session, "case.undo", case, user, now)


def may_reopen(session: Session, case: Case, *, user: User, now: datetime) -> bool:
    """Return whether a closed case is this user's to open again, by `reopen_case` or `undo_reply_label`."""
    handling = _last_label(session, case) if case.outcome is CaseOutcome.CLASSIFIED else None
    return case.outcome in WRITTEN or (handling is not None and _may_lift(handling, user, now=now))


def _last_label(session: Session, case: Case) -> Handling | None:
    given = select(Handling).where(Handling.reply_id == case.reply_id, Handling.undone_at.is_(None))
    return session.scalar(given.order_by(Handling.id.desc()).limit(1))


def _may_lift(handling: Handling, user: User, *, now: datetime) -> bool:
    """Return False where a reading as an opt-out would be undone by another or late, and not by who may lift one."""
    is_slip = is_own_slip(handling.handled_by, handling.handled_at, user_id=user.id, now=now)
    return handling.label is not Label.OPT_OUT or is_slip or has_role(user, Role.APPROVER)


def _give_again(
    session: Session,
    withdrawn: Answer,
    phone_id: int,
    reply: Reply,
    recipient: Recipient | None,
    *,
    now: datetime,
) -> None:
    """Record a withdrawn answer as a late reply: it overrides nothing that was said since, except as an opt-out."""
    withdrawn.reply_id = None  # the reply belongs to the new answer, so that the next label finds it
    session.flush()
    record_answer(
        session,
        withdrawn.said,
        phone_id=phone_id,
        recipient=recipient,
        source=withdrawn.source,
        now=now,
        reply_id=reply.id,
        acknowledge=False,
        written_at=reply.received_at,
    )


# A written number: six or more digits, with any separators.
_NUMBER = re.compile(r"\d(?:[ .\-]?\d){5,}")


@use_case
def export_examples(session: Session, file: Path, *, corrected_only: bool, now: datetime) -> int:
    """Write the replies labelled by officers to a file: text, latest label, the classifier's label and confidence at the time, with tabs between.

    Digits of numbers are zeros. Texts about health are left out: a file of them would outlast the time that they have. Returns how many; recorded.
    """
    rows = session.execute(
        select(Reply.id, Reply.body, Handling.label, Reply.label, Reply.confidence)
        .join(Handling, Handling.reply_id == Reply.id)
        .outerjoin(Recipient, Recipient.id == Reply.recipient_id)
        .outerjoin(Campaign, Campaign.id == Recipient.campaign_id)
        .where(Handling.undone_at.is_(None), func.coalesce(Campaign.is_health, false()).is_(false()))
        .order_by(Reply.id, Handling.id)
    )
    latest = {row[0]: row for row in rows}
    examples = [row for row in latest.values() if not corrected_only or row[2] is not row[3]]
    with whole_file(file) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as out:
        sheet = csv.writer(out, delimiter="\t", lineterminator="\n")
        sheet.writerow(("text", "label", "suggested", "confidence"))
        for _id, body, label, suggested, confidence in examples:
            text = _NUMBER.sub(lambda match: re.sub(r"\d", "0", match[0]), " ".join(body.split()))
            sheet.writerow((text, label.value, suggested.value, f"{confidence:.2f}"))
    audit.record(session, "reply.export", "replies:all", None, now, replies=len(examples))
    return len(examples)
