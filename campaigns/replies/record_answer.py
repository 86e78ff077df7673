"""Taking answers in: by the page, by SMS, by an officer. In the transaction of the caller, repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.answers.acknowledging import (
    is_confirmed,
    queue_answer,
    withdraw_acknowledgements,
    withdraw_message,
)
from campaigns.answers.counters import Standing, note_change
from campaigns.answers.models import Answer, InstallReport, OfficerEntry, Source
from campaigns.answers.smartphones import put_back_smartphone
from campaigns.answers.standing import fold
from campaigns.casework.opening import open_help, withdraw_help
from campaigns.models import Recipient
from campaigns.planning.content import PAGE_LABELS
from campaigns.replies.classifier import Label
from outreach.errors import BadInput
from outreach.people.models import SuppressionReason
from outreach.people.suppression import active, lift, lock_phone, suppress

# By these a resident speaks; by the others somebody speaks of them.
_OWN_ROADS = frozenset({Source.SMS, Source.PAGE})

# Not written to again, on whatever list the number stands.
SUPPRESSES = {
    Label.OPT_OUT: SuppressionReason.OPT_OUT,
    Label.WRONG_NUMBER: SuppressionReason.WRONG_NUMBER,
}


@dataclass(frozen=True, slots=True)
class Keys:
    """What taking an answer needs to know of the installation."""

    secret_key: str
    is_live: bool


def take_answer(
    session: Session,
    *,
    phone_id: int,
    recipient: Recipient | None,
    label: Label,
    source: Source,
    keys: Keys,
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
    is_suppressed = reason is not None and active(session, phone_id, reason)
    is_again = answers[-1].label is label if answers else recipient is None and is_suppressed
    if is_again and (reason is None or is_suppressed):
        # What is said again is kept only where taking back what was said first would lose it: their own word
        # beside what was said of them, and a wish to be left alone beside one that may have been misread.
        own_word = source in _OWN_ROADS and bool(answers) and answers[-1].source not in _OWN_ROADS
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
        _bring_up_to_date(session, recipient, [*answers, answer], now=now)
        if label is Label.NEED_HELP:
            open_help(session, recipient, answer=answer, now=now)
    # An opt-out is confirmed once; on the page the other answers are thanked for on the spot.
    if not acknowledge:
        return answer
    if label is Label.OPT_OUT:
        if is_new and not is_confirmed(session, phone_id, now=now):
            queue_answer(session, answer, phone, recipient, is_live=keys.is_live, now=now)
    elif source is Source.SMS:
        queue_answer(session, answer, phone, recipient, is_live=keys.is_live, now=now)
    return answer


def _is_another_word(session: Session, phone_id: int, reply_id: int | None, source: Source) -> bool:
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


def take_page_answer(
    session: Session,
    recipient_id: int,
    word: str,
    *,
    keys: Keys,
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
        take_answer(
            session,
            phone_id=recipient.phone_id,
            recipient=recipient,
            label=Label(word),
            source=Source.PAGE,
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


def take_back(session: Session, answer_id: int, *, now: datetime, is_mistaken: bool = False) -> bool:
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
        withdraw_message(session, answer)
    entry = session.get(OfficerEntry, answer.id) if answer.source not in (Source.SMS, Source.PAGE) else None
    if entry and recipient:
        put_back_smartphone(session, recipient.contact_id, answer.label, entry, now=now)
    if answer.label is Label.NEED_HELP:
        withdraw_help(session, answer, now=now)
    session.flush()
    if recipient:
        _bring_up_to_date(session, recipient, others, now=now)


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
    lift(session, answer.phone_id, reason=reason, made_at={at for at, _ in rows}, now=now)
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


def _bring_up_to_date(
    session: Session, recipient: Recipient, answers: list[Answer], *, now: datetime
) -> None:
    """Make the recipient's row and the counted install say what the standing answers amount to."""
    standing = fold([answer.label for answer in answers])
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
    before = Standing(said, counted is not None)
    by = None if standing.installed_by is None else answers[standing.installed_by]
    at = now
    if counted and (by is None or counted.answer_id not in {each.id for each in answers}):
        counted.withdrawn_at = now
        counted = None
        if by:  # said by somebody else, too: theirs counts now, from their day on
            gone = Standing(said, is_installed=False)
            note_change(session, recipient, before, gone, at=now)
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
    note_change(session, recipient, before, Standing(standing.label, by is not None), at=at)
