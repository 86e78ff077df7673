"""Answers by SMS, answer page or officer: recording, undoing, and the messages that acknowledge them.

Everything runs in the caller's transaction and may be repeated. An acknowledgement that has not left is cancelled with
its answer. An officer's entry (heard at the door, by phone, at a meeting) also changes whether the contact has a
smartphone; undoing the entry restores the earlier value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from campaigns.answer_totals import RecipientState, add_change, count_instead
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
from campaigns.rules.delivery import LINK, drops_accents
from campaigns.rules.own_answers import GivenAnswer, counted_own, own_answer, read_own_answers, read_word
from campaigns.rules.replies.labels import Label, fold_answers
from campaigns.rules.sending_hours import VIETNAM, opens_at
from campaigns.rules.states import MessageKind, MessageState
from outreach.contacts.suppressions import has_suppression, lift_suppressions, lock_phone, suppress
from outreach.core.db import is_set
from outreach.core.settings import Settings
from outreach.models.accounts import User
from outreach.models.contacts import Contact, Phone, SuppressionReason
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose
from outreach.rules.languages import VIETNAMESE
from outreach.rules.segments import measure

# Answers by the residents themselves; those of other sources are recorded by others.
_OWN_SOURCES = frozenset({AnswerSource.SMS, AnswerSource.PAGE})
# Labels after which a number gets no more messages, on any list.
SUPPRESSES = {
    Label.OPT_OUT: SuppressionReason.OPT_OUT,
    Label.WRONG_NUMBER: SuppressionReason.WRONG_NUMBER,
}


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """Settings needed to record an answer."""

    secret_key: str
    is_live: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.keys_of(Purpose.SUPPRESSIONS), settings.is_live)


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
    own: int | None = None,
    drive_only: bool = False,
) -> Answer | None:
    """Record an answer and its effects. Returns None if it repeats the current one.

    Locks the phone. `recipient` is None for a phone in no campaign: then only labels of SUPPRESSES count.
    `acknowledge` is False if no message is to follow: the gateway has sent one, or the reply is old. `own`: which of the
    campaign's own answers; `drive_only`: an opt-out from the recipient's drive alone.
    """
    phone = lock_phone(session, phone_id)
    if recipient:
        session.refresh(recipient)  # values read before the lock may be outdated
        count_instead(session, recipient)
    answers = _answers(session, recipient)
    drive_only = drive_only and recipient is not None
    reason = None if drive_only else SUPPRESSES.get(label)
    is_suppressed = reason is not None and has_suppression(session, phone_id, reason)
    if answers:
        is_again = answers[-1].label is label and own in (None, answers[-1].own_answer)
        is_again = is_again and (drive_only or not answers[-1].drive_only)
    else:
        is_again = recipient is None and is_suppressed
    if is_again and (reason is None or is_suppressed):
        # A repeated answer is stored only if undoing the first one would lose it: the resident's own answer after one
        # recorded by others, and a second opt-out after one that may have been misread.
        is_own = source in _OWN_SOURCES and bool(answers) and answers[-1].source not in _OWN_SOURCES
        if not is_own and not (is_suppressed and _is_separate_opt_out(session, phone_id, reply_id, source)):
            return None
    answer = Answer(
        recipient_id=recipient.id if recipient else None,
        campaign_id=recipient.campaign_id if recipient else None,
        phone_id=phone_id,
        label=label,
        own_answer=own,
        drive_only=drive_only,
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
            # Confirmations of opt-outs and messages written by officers still leave.
            _cancel(
                session,
                Message.recipient_id == recipient.id,
                Message.answer_id.is_not(None),
                Message.kind == MessageKind.ACKNOWLEDGEMENT,
            )
        _update_recipient(session, recipient, [*answers, answer], now=now)
        if label is Label.NEED_HELP:
            open_help_case(session, recipient, answer=answer, now=now)
    # An opt-out is confirmed once; other answers on the page are acknowledged by the page itself.
    if not acknowledge:
        return answer
    if label is Label.OPT_OUT:
        if (is_new or drive_only) and not is_confirmed(session, answer):
            queue_acknowledgement(session, answer, phone, recipient, is_live=keys.is_live, now=now)
    elif source is AnswerSource.SMS:
        queue_acknowledgement(session, answer, phone, recipient, is_live=keys.is_live, now=now)
    return answer


def _is_separate_opt_out(session: Session, phone_id: int, reply_id: int | None, source: AnswerSource) -> bool:
    """Return whether an opt-out comes from another source than those in force.

    Each reply counts as another source, as each may be misread.
    """
    if reply_id is not None:
        return True
    earlier = select(Answer.id).where(
        Answer.phone_id == phone_id,
        Answer.label.in_(SUPPRESSES),
        Answer.drive_only.is_(False),
        Answer.source == source,
        Answer.undone_at.is_(None),
    )
    return session.execute(earlier.limit(1)).first() is None


def record_page_answer(
    session: Session,
    recipient_id: int,
    word: str,
    *,
    keys: AnswerContext,
    now: datetime,
    given: str | None = None,
) -> Recipient:
    """Record a button press on the answer page: an answer, `install` (the click) or `undo`. After "not yet" reminders go on.

    `given` is the label shown by the page that offered the undo: a repeated press then undoes only once. Raises
    BadInput for any other `word` or if the link is no longer valid.
    """
    recipient = session.get_one(Recipient, recipient_id)
    if recipient.phone_id is None:
        raise BadInput("personal_link_ended")
    if word == "install":
        recipient.clicked_at = recipient.clicked_at or now
    elif word == "undo":
        undo_answer(session, recipient, given=given, now=now)
    else:
        said = read_said(session, recipient, word)
        if said.label not in PAGE_LABELS:
            raise BadInput("choice_not_understood")
        record_answer(
            session,
            phone_id=recipient.phone_id,
            recipient=recipient,
            label=said.label,
            source=AnswerSource.PAGE,
            keys=keys,
            now=now,
            own=said.own,
            drive_only=said.drive_only,
        )
        recipient.wants_reminder = said.label is Label.NOT_YET
    return recipient


def read_said(session: Session, recipient: Recipient | None, word: str) -> GivenAnswer:
    """Return what a button's or a form's word says in a recipient's campaign. Raises BadInput."""
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    return read_word(word, read_own_answers(campaign.content) if campaign else ())


def undo_answer(session: Session, recipient: Recipient, *, now: datetime, given: str | None = None) -> None:
    """Undo the latest answer and its direct repetitions, opt-outs included.

    Does nothing without an answer. With `given` only if that is the recipient's current label.
    """
    answers = _lock_answers(session, recipient)
    if answers and given in (None, recipient.answer):
        label, own = answers[-1].label, answers[-1].own_answer
        while answers and (answers[-1].label, answers[-1].own_answer) == (label, own):
            last = answers.pop()
            _undo(session, last, list(answers), recipient, now=now)


def give_back(session: Session, phone_id: int, *, now: datetime) -> bool:
    """Undo the opt-outs by which a resident's own replies and page stopped the messages to a number. Returns whether there was one.

    What an officer entered or a register holds stays. The phone must be locked.
    """
    said = (Answer.phone_id == phone_id, Answer.label == Label.OPT_OUT, Answer.source.in_(_OWN_SOURCES))
    # A reply that comes in late does not override a newer one.
    in_force = (Answer.undone_at.is_(None), Answer.at <= now)
    own = session.scalars(select(Answer.id).where(*said, *in_force).order_by(Answer.id.desc())).all()
    for answer_id in own:
        undo_answer_by_id(session, answer_id, now=now, is_mistaken=True)
    return bool(own)


def undo_answer_by_id(session: Session, answer_id: int, *, now: datetime, is_mistaken: bool = False) -> bool:
    """Undo one answer, also of a phone in no campaign.

    Returns False if a newer answer exists, which stays. An answer that `is_mistaken` (misread) is removed
    even below newer answers.
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
        return True  # erased since: the answer belongs to nobody any more
    answers = _lock_answers(session, recipient)
    others = [other for other in answers if other.id != answer_id]
    if len(others) == len(answers) or not (is_mistaken or answers[-1].id == answer_id):
        return False
    _undo(session, answer, others, recipient, now=now)
    return True


def _lock_answers(session: Session, recipient: Recipient) -> list[Answer]:
    """Lock the phone and return the recipient's current answers, empty for an erased contact."""
    if recipient.phone_id is None:
        return []
    lock_phone(session, recipient.phone_id)
    session.refresh(recipient)
    return _answers(session, recipient)


def _undo(
    session: Session, answer: Answer, others: list[Answer], recipient: Recipient | None, *, now: datetime
) -> None:
    """Undo an answer; `others` are the remaining ones."""
    answer.undone_at = now
    reason = None if answer.drive_only else SUPPRESSES.get(answer.label)
    # An opt-out given elsewhere too stays in force, and so does its confirmation.
    if reason is None or _lift_unless_repeated(session, answer, reason, now=now):
        _cancel(session, Message.answer_id == answer.id)
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


def _lift_unless_repeated(
    session: Session, answer: Answer, reason: SuppressionReason, *, now: datetime
) -> bool:
    """Lift the suppression of an undone answer, unless another such answer exists in any campaign.

    Returns whether no other such answer is in force.
    """
    session.flush()
    answers = select(Answer.at, Answer.undone_at).where(
        Answer.phone_id == answer.phone_id, Answer.label == answer.label, Answer.drive_only.is_(False)
    )
    rows = session.execute(answers).all()
    if not all(undone_at for _, undone_at in rows):
        return False
    # Only suppressions made by answers: others may come from an officer or the do-not-call list.
    lift_suppressions(session, answer.phone_id, reason=reason, made_at={at for at, _ in rows}, now=now)
    return True


def latest_answer(session: Session, recipient: Recipient | None) -> Answer | None:
    """Return the current answer of a recipient, if any."""
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
    """Update the recipient's row, the install report and the totals from the current answers."""
    state = fold_answers([answer.label for answer in answers])
    former, former_own = recipient.answer, recipient.own_answer
    recipient.answer, recipient.wants_reminder = state.label, False
    given = [(answer.label, answer.own_answer) for answer in answers]
    recipient.own_answer = counted_own(given, session.get_one(Campaign, recipient.campaign_id).content)
    recipient.answered_at = answers[-1].at if state.label else None
    report = session.scalar(
        select(InstallReport).where(
            InstallReport.campaign_id == recipient.campaign_id,
            InstallReport.phone_id == recipient.phone_id,
            InstallReport.withdrawn_at.is_(None),
        )
    )
    before = RecipientState(former, report is not None, former_own)
    by = None if state.installed_by is None else answers[state.installed_by]
    at = now
    if report and (by is None or report.answer_id not in {answer.id for answer in answers}):
        report.withdrawn_at = now
        report = None
        if by:  # another answer reports an install too: it counts now, from its own time on
            without_install = RecipientState(former, False, former_own)
            add_change(session, recipient, before, without_install, at=now)
            before = without_install
        session.flush()
    if by and report is None:
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
    after = RecipientState(state.label, by is not None, recipient.own_answer)
    add_change(session, recipient, before, after, at=at)


# Decree 91/2020: that it was received, when, and from when it holds; no advertising.
OPT_OUT_REPLY = "Da nhan yeu cau tu choi luc {time}. Tu bay gio chung toi khong gui tin den so nay nua."
OPT_OUT_OF_DRIVE_REPLY = "Da nhan yeu cau tu choi luc {time}. Tu bay gio chung toi khong gui tin ve viec nay den so nay nua. Tu choi moi tin: TC"


def queue_acknowledgement(
    session: Session,
    answer: Answer,
    phone: Phone,
    recipient: Recipient | None,
    *,
    is_live: bool,
    now: datetime,
) -> None:
    """Queue the message that acknowledges an answer.

    The confirmation of an opt-out leaves at once, the others within the sending hours and once per label.
    """
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    content: Content | None = read_content(campaign.content, phone.language) if campaign else None
    translated = campaign is not None and phone.language in campaign.content.get("languages", {})
    language = phone.language if translated and phone.language else VIETNAMESE
    own = own_answer(content.own_answers, answer.own_answer) if content else None
    text = (own.reply if own else "") or (content.wording(answer.label).reply if content else "")
    is_opt_out = answer.label is Label.OPT_OUT
    if answer.drive_only:
        text = OPT_OUT_OF_DRIVE_REPLY
    elif is_opt_out:
        text = text or OPT_OUT_REPLY
    elif not text or campaign is None or _is_acknowledged(session, answer):
        return
    values = {
        "name": _name_of(session, recipient),
        "link": LINK if recipient else "",  # filled in when it is sent: no stored text holds a token
        "time": f"{now.astimezone(VIETNAM):%H:%M ngay %d/%m/%Y}",
    }
    text = render_reply(text, values)
    message = Message(
        kind=MessageKind.CONFIRMATION if is_opt_out else MessageKind.ACKNOWLEDGEMENT,
        campaign_id=campaign.id if campaign else None,
        recipient_id=recipient.id if recipient else None,
        phone_id=phone.id,
        answer_id=answer.id,
        text=measure(text, unaccented=campaign is not None and drops_accents(language, campaign)).text,
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


def _cancel(session: Session, *conditions: ColumnElement[bool]) -> None:
    """Cancel messages that have not left."""
    waiting = select(Message.id).where(*conditions, Message.state == MessageState.QUEUED)
    for message_id in session.scalars(waiting).all():
        cancel_waiting(session, message_id)


def is_confirmed(session: Session, answer: Answer) -> bool:
    """Return whether an opt-out from as much, everything or this drive, was confirmed to this number within a day."""
    same: ColumnElement[bool] = Answer.drive_only.is_(False)
    if answer.drive_only:
        drive = select(Campaign.drive_id).where(Campaign.id == answer.campaign_id).scalar_subquery()
        same = or_(
            and_(same, Answer.undone_at.is_(None)),
            and_(is_set(Answer.drive_only), Campaign.drive_id == drive),
        )
    confirmed = select(Message.id).join(Answer, Answer.id == Message.answer_id)
    earlier = confirmed.outerjoin(Campaign, Campaign.id == Answer.campaign_id).where(
        Message.phone_id == answer.phone_id,
        Message.kind == MessageKind.CONFIRMATION,
        Message.state != MessageState.CANCELLED,
        Answer.at > answer.at - timedelta(days=1),
        same,
    )
    return session.execute(earlier).first() is not None


def _name_of(session: Session, recipient: Recipient | None) -> str:
    contact = session.get(Contact, recipient.contact_id) if recipient and recipient.contact_id else None
    return contact.name if contact else ""


def _is_acknowledged(session: Session, answer: Answer) -> bool:
    """Return whether the same answer of the recipient was acknowledged: stops loops between machines."""
    earlier = (
        select(Message.id)
        .join(Answer, Answer.id == Message.answer_id)
        .where(
            Message.recipient_id == answer.recipient_id,
            Message.state != MessageState.CANCELLED,
            Answer.label == answer.label,
            Answer.own_answer.is_not_distinct_from(answer.own_answer),
        )
    )
    return session.execute(earlier).first() is not None


LONGEST_NOTE = 300


def record_officer_answer(
    session: Session,
    recipient: Recipient,
    word: str,
    *,
    place: AnswerPlace,
    note: str,
    user: User,
    keys: AnswerContext,
    now: datetime,
    at: datetime | None = None,
    source: AnswerSource = AnswerSource.OFFICER,
) -> Answer | None:
    """Record an answer heard by an officer at `at` (default: now), with the officer, place and note.

    `word` is a label or one of the others that `read_said` knows. Returns None if it repeats the current answer or the recipient has no phone.
    """
    if recipient.phone_id is None:
        return None
    said = read_said(session, recipient, word)
    answer = record_answer(
        session,
        phone_id=recipient.phone_id,
        recipient=recipient,
        label=said.label,
        source=source,
        keys=keys,
        now=at or now,
        own=said.own,
        drive_only=said.drive_only,
    )
    entry: OfficerEntry | None = None
    if answer:
        note = " ".join(note.split())[:LONGEST_NOTE]
        entry = OfficerEntry(answer_id=answer.id, recorded_by=user.id, place=place, note=note)
        session.add(entry)
    note_smartphone(session, recipient.campaign_id, recipient.contact_id, said.label, entry, now=now)
    return answer


_HAS_SMARTPHONE = {Label.INSTALLED: True, Label.NO_SMARTPHONE: False}


def note_smartphone(
    session: Session,
    campaign_id: int,
    contact_id: int | None,
    label: Label,
    entry: SmartphoneChange | None,
    *,
    now: datetime,
) -> None:
    """Store what an answer says about the contact's smartphone, and the former value in `entry`; nothing where no app is asked for."""
    is_about_app = session.get_one(Campaign, campaign_id).content.get("app")
    contact = session.get(Contact, contact_id) if contact_id and is_about_app else None
    if contact is None or label not in _HAS_SMARTPHONE or contact.has_smartphone is _HAS_SMARTPHONE[label]:
        return
    if entry is not None:
        entry.changed_smartphone, entry.had_smartphone = True, contact.has_smartphone
    contact.has_smartphone, contact.updated_at = _HAS_SMARTPHONE[label], now


def restore_smartphone(
    session: Session, contact_id: int | None, label: Label, entry: SmartphoneChange, *, now: datetime
) -> None:
    """Restore the value before an entry, unless it was changed since."""
    contact = session.get(Contact, contact_id) if contact_id else None
    if contact and entry.changed_smartphone and contact.has_smartphone is _HAS_SMARTPHONE.get(label):
        contact.has_smartphone, contact.updated_at = entry.had_smartphone, now
