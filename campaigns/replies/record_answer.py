"""Answers by SMS, page, officer; undo; acknowledgements.

Taking answers in: by the page, by SMS, by an officer. In the transaction of the caller, repeatable.

Messages that answer an answer: queued, and taken back where the answer is before they have left.

What an officer heard from a resident: at the door, on the phone, at a meeting. In the caller's transaction.

What an officer's entry says of a person's phone: written down with it, and put back where the entry is undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.answer_totals import RecipientState, add_change
from campaigns.delivery.outbox import cancel_waiting
from campaigns.delivery.streams import TRANSACTIONAL_STREAM, campaign_hours
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message, Outbox
from campaigns.models.replies import (
    Answer,
    AnswerPlace,
    AnswerSource,
    InstallReport,
    OfficerEntry,
    SmartphoneChange,
)
from campaigns.replies.open_case import open_help_case, withdraw_help_case
from campaigns.rules.content import PAGE_LABELS, Content, read_content, render_reply
from campaigns.rules.delivery import LINK
from campaigns.rules.replies.labels import Label, fold_answers
from campaigns.rules.sending_hours import VIETNAM, opens_at
from campaigns.rules.states import MessageKind, MessageState
from outreach.contacts.suppressions import has_suppression, lift_suppressions, lock_phone, suppress
from outreach.models.accounts import User
from outreach.models.contacts import Contact, Phone, SuppressionReason
from outreach.rules.errors import BadInput
from outreach.rules.segments import measure

# By these a resident speaks; by the others somebody speaks of them.
_OWN_SOURCES = frozenset({AnswerSource.SMS, AnswerSource.PAGE})
# Not written to again, on whatever list the number stands.
SUPPRESSES = {
    Label.OPT_OUT: SuppressionReason.OPT_OUT,
    Label.WRONG_NUMBER: SuppressionReason.WRONG_NUMBER,
}


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """What taking an answer needs to know of the installation."""

    secret_key: str
    is_live: bool


def record_answer(
    session: Session,
    *,
    phone_id: int,
    recipient: Recipient | None,
    label: Label,
    source: AnswerSource,
    keys: AnswerContext,
    now: datetime,
    reply_id: int | None = None,
    acknowledge: bool = True,
) -> Answer | None:
    """Record an answer with all that follows from it. None when it says again what already stands.

    `recipient` is None for a phone that is in no campaign: then only what SUPPRESSES counts. `acknowledge` is
    False where no message is to answer it: the gateway has, or it was said long ago.
    """
    phone = lock_phone(session, phone_id)
    if recipient:
        # What was read before the lock may be outdated by whoever held it.
        session.refresh(recipient)
    answers = _answers(session, recipient)
    reason = SUPPRESSES.get(label)
    is_suppressed = reason is not None and has_suppression(session, phone_id, reason)
    is_again = answers[-1].label is label if answers else recipient is None and is_suppressed
    if is_again and (reason is None or is_suppressed):
        # What is said again is kept only where taking back what was said first would lose it: their own word
        # beside what was said of them, and a wish to be left alone beside one that may have been misread.
        own_word = source in _OWN_SOURCES and bool(answers) and answers[-1].source not in _OWN_SOURCES
        if not own_word and not (is_suppressed and _is_another_word(session, phone_id, reply_id, source)):
            return None
    answer = Answer(
        recipient_id=recipient.id if recipient else None,
        campaign_id=recipient.campaign_id if recipient else None,
        phone_id=phone_id,
        label=label,
        source=source,
        reply_id=reply_id,
        at=now,
    )
    session.add(answer)
    session.flush()
    is_new = reason is not None and suppress(
        session, phone, reason=reason, source=source.value, secret_key=keys.secret_key, now=now
    )
    if recipient:
        if answers:
            withdraw_acknowledgements(session, recipient)
        _update_recipient(session, recipient, [*answers, answer], now=now)
        if label is Label.NEED_HELP:
            open_help_case(session, recipient, answer=answer, now=now)
    # An opt-out is confirmed once; on the page the other answers are thanked for on the spot.
    if not acknowledge:
        return answer
    if label is Label.OPT_OUT:
        if is_new and not is_confirmed(session, phone_id, now=now):
            queue_acknowledgement(session, answer, phone, recipient, is_live=keys.is_live, now=now)
    elif source is AnswerSource.SMS:
        queue_acknowledgement(session, answer, phone, recipient, is_live=keys.is_live, now=now)
    return answer


def _is_another_word(session: Session, phone_id: int, reply_id: int | None, source: AnswerSource) -> bool:
    """Whether an opt-out that is in force was said by something else: each reply may be misread by itself."""
    if reply_id is not None:
        return True
    said = select(Answer.id).where(
        Answer.phone_id == phone_id,
        Answer.label.in_(SUPPRESSES),
        Answer.source == source,
        Answer.undone_at.is_(None),
    )
    return session.execute(said.limit(1)).first() is None


def record_page_answer(
    session: Session,
    recipient_id: int,
    word: str,
    *,
    keys: AnswerContext,
    now: datetime,
    given: str | None = None,
) -> Recipient:
    """A press on the page: a label, `install` (the click) or `undo`. Raises BadInput for anything else.

    `given` is the label that the page showed as it offered to undo it: a press that comes twice undoes it once.
    """
    recipient = session.get_one(Recipient, recipient_id)
    if recipient.phone_id is None:
        raise BadInput("Liên kết này không còn dùng được.")
    if word == "install":
        recipient.clicked_at = recipient.clicked_at or now
    elif word == "undo":
        undo_answer(session, recipient, given=given, now=now)
    elif word in [*PAGE_LABELS, Label.NOT_YET]:
        record_answer(
            session,
            phone_id=recipient.phone_id,
            recipient=recipient,
            label=Label(word),
            source=AnswerSource.PAGE,
            keys=keys,
            now=now,
        )
    else:
        raise BadInput("Không hiểu lựa chọn này. Hãy quay lại và bấm một trong các nút.")
    return recipient


def undo_answer(session: Session, recipient: Recipient, *, now: datetime, given: str | None = None) -> None:
    """Take the latest answer back, an opt-out included, also where it was said more than once. Without one nothing happens.

    With `given` only while that is where the recipient stands.
    """
    answers = _hold_answers(session, recipient)
    if answers and given in (None, recipient.answer):
        label = answers[-1].label
        while answers and answers[-1].label is label:
            last = answers.pop()
            _undo(session, last, list(answers), recipient, now=now)


def undo_answer_by_id(session: Session, answer_id: int, *, now: datetime, is_mistaken: bool = False) -> bool:
    """Undo one answer, also of a phone that is in no campaign. False where another was given since, which stands.

    One that `is_mistaken`, as nobody meant it, is taken out from under what was said since.
    """
    answer = session.get_one(Answer, answer_id)
    recipient = session.get_one(Recipient, answer.recipient_id) if answer.recipient_id else None
    if recipient is None:
        lock_phone(session, answer.phone_id)
        session.refresh(answer)
        if answer.undone_at is None:
            _undo(session, answer, [], None, now=now)
        return True
    if recipient.phone_id is None:
        return True  # erased since: nothing of it leads to anybody
    answers = _hold_answers(session, recipient)
    others = [each for each in answers if each.id != answer_id]
    if len(others) == len(answers) or not (is_mistaken or answers[-1].id == answer_id):
        return False
    _undo(session, answer, others, recipient, now=now)
    return True


def _hold_answers(session: Session, recipient: Recipient) -> list[Answer]:
    """The answers that stand, their phone locked. None of a person who was erased."""
    if recipient.phone_id is None:
        return []
    lock_phone(session, recipient.phone_id)
    session.refresh(recipient)
    return _answers(session, recipient)


def _undo(
    session: Session, answer: Answer, others: list[Answer], recipient: Recipient | None, *, now: datetime
) -> None:
    """Take an answer back; `others` are what stands without it."""
    answer.undone_at = now
    reason = SUPPRESSES.get(answer.label)
    # An opt-out that was said elsewhere, too, stays in force, and so does its confirmation.
    if reason is None or _lift_unless_said_elsewhere(session, answer, reason, now=now):
        cancel_acknowledgement(session, answer)
    entry = (
        session.get(OfficerEntry, answer.id)
        if answer.source not in (AnswerSource.SMS, AnswerSource.PAGE)
        else None
    )
    if entry and recipient:
        restore_smartphone(session, recipient.contact_id, answer.label, entry, now=now)
    if answer.label is Label.NEED_HELP:
        withdraw_help_case(session, answer, now=now)
    session.flush()
    if recipient:
        _update_recipient(session, recipient, others, now=now)


def _lift_unless_said_elsewhere(
    session: Session, answer: Answer, reason: SuppressionReason, *, now: datetime
) -> bool:
    """Write to a number again whose opt-out was taken back, unless another one stands, in whatever campaign."""
    session.flush()
    said = select(Answer.at, Answer.undone_at).where(
        Answer.phone_id == answer.phone_id, Answer.label == answer.label
    )
    rows = session.execute(said).all()
    if not all(undone_at for _, undone_at in rows):
        return False
    # Only what an answer brought about: another may be an officer's, or the DoNotCall list's.
    lift_suppressions(session, answer.phone_id, reason=reason, made_at={at for at, _ in rows}, now=now)
    return True


def latest_answer(session: Session, recipient: Recipient | None) -> Answer | None:
    """The answer that stands for a recipient, if any."""
    answers = _answers(session, recipient)
    return answers[-1] if answers else None


def _answers(session: Session, recipient: Recipient | None) -> list[Answer]:
    if recipient is None:
        return []
    return list(
        session.scalars(
            select(Answer)
            .where(Answer.recipient_id == recipient.id, Answer.undone_at.is_(None))
            .order_by(Answer.at, Answer.id)
        )
    )


def _update_recipient(
    session: Session, recipient: Recipient, answers: list[Answer], *, now: datetime
) -> None:
    """Make the recipient's row and the counted install say what the standing answers amount to."""
    standing = fold_answers([answer.label for answer in answers])
    said = recipient.answer
    recipient.answer = standing.label
    recipient.answered_at = answers[-1].at if standing.label else None
    counted = session.scalar(
        select(InstallReport).where(
            InstallReport.campaign_id == recipient.campaign_id,
            InstallReport.phone_id == recipient.phone_id,
            InstallReport.withdrawn_at.is_(None),
        )
    )
    before = RecipientState(said, counted is not None)
    by = None if standing.installed_by is None else answers[standing.installed_by]
    at = now
    if counted and (by is None or counted.answer_id not in {each.id for each in answers}):
        counted.withdrawn_at = now
        counted = None
        if by:  # said by somebody else, too: theirs counts now, from their day on
            gone = RecipientState(said, is_installed=False)
            add_change(session, recipient, before, gone, at=now)
            before = gone
        session.flush()
    if by and counted is None:
        at = by.at
        session.add(
            InstallReport(
                campaign_id=recipient.campaign_id,
                phone_id=by.phone_id,
                recipient_id=recipient.id,
                answer_id=by.id,
                source=by.source,
                reported_at=by.at,
            )
        )
    session.flush()
    add_change(session, recipient, before, RecipientState(standing.label, by is not None), at=at)


# Decree 91/2020: received, when, and from when on; no advertising.
OPT_OUT_REPLY = "Da nhan yeu cau tu choi luc {time}. Tu bay gio chung toi khong gui tin den so nay nua."


def queue_acknowledgement(
    session: Session,
    answer: Answer,
    phone: Phone,
    recipient: Recipient | None,
    *,
    is_live: bool,
    now: datetime,
) -> None:
    """Queue the answer to an answer: an opt-out's at once, the others within the hours and once a label."""
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    content: Content | None = read_content(campaign.content, phone.language) if campaign else None
    text = content.wording(answer.label).reply if content else ""
    is_opt_out = answer.label is Label.OPT_OUT
    if is_opt_out:
        text = text or OPT_OUT_REPLY
    elif not text or campaign is None or _is_acknowledged(session, answer):
        return
    values = {
        "name": _name_of(session, recipient),
        "link": LINK if recipient else "",  # filled in as it leaves: no text keeps a token
        "time": f"{now.astimezone(VIETNAM):%H:%M ngay %d/%m/%Y}",
    }
    text = render_reply(text, values)
    message = Message(
        kind=MessageKind.CONFIRMATION if is_opt_out else MessageKind.ACKNOWLEDGEMENT,
        campaign_id=campaign.id if campaign else None,
        recipient_id=recipient.id if recipient else None,
        phone_id=phone.id,
        answer_id=answer.id,
        text=measure(text, unaccented=campaign is not None and campaign.unaccented).text,
        state=MessageState.QUEUED,
    )
    session.add(message)
    session.flush()
    hours = campaign_hours(campaign, is_live=is_live) if campaign else None
    session.add(
        Outbox(
            message_id=message.id,
            stream_id=TRANSACTIONAL_STREAM,
            not_before=now if is_opt_out else opens_at(now, hours),
        )
    )


def cancel_acknowledgement(session: Session, answer: Answer) -> None:
    """Of an answer that is taken back: its message does not go out, unless it has left."""
    _cancel(session, Message.answer_id == answer.id)


def withdraw_acknowledgements(session: Session, recipient: Recipient) -> None:
    """Something else is said now: what still waits to thank for what was said before does not go out.

    The confirmation of an opt-out does, and so does what an officer wrote.
    """
    _cancel(
        session,
        Message.recipient_id == recipient.id,
        Message.answer_id.is_not(None),
        Message.kind == MessageKind.ACKNOWLEDGEMENT,
    )


def _cancel(session: Session, *which: ColumnElement[bool]) -> None:
    waiting = select(Message.id).where(*which, Message.state == MessageState.QUEUED)
    for message_id in session.scalars(waiting).all():
        cancel_waiting(session, message_id)


def is_confirmed(session: Session, phone_id: int, *, now: datetime) -> bool:
    """Whether an opt-out of this number was confirmed within a day: pressing to and fro sends no more."""
    earlier = (
        select(Message.id)
        .join(Answer, Answer.id == Message.answer_id)
        .where(
            Message.phone_id == phone_id,
            Message.kind == MessageKind.CONFIRMATION,
            Message.state != MessageState.CANCELLED,
            Answer.at > now - timedelta(days=1),
        )
    )
    return session.execute(earlier).first() is not None


def _name_of(session: Session, recipient: Recipient | None) -> str:
    person = session.get(Contact, recipient.contact_id) if recipient and recipient.contact_id else None
    return person.name if person else ""


def _is_acknowledged(session: Session, answer: Answer) -> bool:
    """Whether this recipient has been thanked for the same answer before: no talk between two machines."""
    earlier = (
        select(Message.id)
        .join(Answer, Answer.id == Message.answer_id)
        .where(
            Message.recipient_id == answer.recipient_id,
            Message.state != MessageState.CANCELLED,
            Answer.label == answer.label,
        )
    )
    return session.execute(earlier).first() is not None


LONGEST_NOTE = 300


def record_officer_answer(
    session: Session,
    recipient: Recipient,
    label: Label,
    *,
    place: AnswerPlace,
    note: str,
    user: User,
    keys: AnswerContext,
    now: datetime,
    at: datetime | None = None,
    source: AnswerSource = AnswerSource.OFFICER,
) -> Answer | None:
    """An answer with who wrote it down and where they heard it, at `at` or now. None when it says again what stands."""
    if recipient.phone_id is None:
        return None
    answer = record_answer(
        session,
        phone_id=recipient.phone_id,
        recipient=recipient,
        label=label,
        source=source,
        keys=keys,
        now=at or now,
    )
    entry: OfficerEntry | None = None
    if answer:
        note = " ".join(note.split())[:LONGEST_NOTE]
        entry = OfficerEntry(answer_id=answer.id, recorded_by=user.id, place=place, note=note)
        session.add(entry)
    note_smartphone(session, recipient.contact_id, label, entry, now=now)
    return answer


_SAYS = {Label.INSTALLED: True, Label.NO_SMARTPHONE: False}


def note_smartphone(
    session: Session, contact_id: int | None, label: Label, entry: SmartphoneChange | None, *, now: datetime
) -> None:
    """Write down what an answer says of the person's phone, and in its entry what was known before."""
    contact = session.get(Contact, contact_id) if contact_id else None
    if contact is None or label not in _SAYS or contact.has_smartphone is _SAYS[label]:
        return
    if entry is not None:
        entry.changed_smartphone, entry.had_smartphone = True, contact.has_smartphone
    contact.has_smartphone, contact.updated_at = _SAYS[label], now


def restore_smartphone(
    session: Session, contact_id: int | None, label: Label, entry: SmartphoneChange, *, now: datetime
) -> None:
    """What was known before an entry is known again, unless something else has been written since."""
    contact = session.get(Contact, contact_id) if contact_id else None
    if contact and entry.changed_smartphone and contact.has_smartphone is _SAYS.get(label):
        contact.has_smartphone, contact.updated_at = entry.had_smartphone, now
