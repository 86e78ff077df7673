"""Taking answers in: by the page, by SMS, by an officer. In the transaction of the caller, repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.answers.counters import Standing, note_change
from campaigns.answers.models import Answer, InstallReport, Source
from campaigns.answers.standing import fold
from campaigns.casework.opening import open_help, withdraw_help
from campaigns.delivery.lanes import SERVICE_LANE, hours_of
from campaigns.messages import Message, Outbox
from campaigns.models import Campaign, Recipient
from campaigns.planning.content import PAGE_LABELS, Content, read_content
from campaigns.replies.classifier import Label
from campaigns.states import MessageKind, MessageState
from campaigns.windows import VIETNAM, opens_at
from outreach.errors import BadInput
from outreach.people.models import Phone, SuppressionReason
from outreach.people.suppression import active, lift, lock_phone, suppress

# Decree 91/2020: received, when, and from when on; no advertising.
OPT_OUT_REPLY = "Da nhan yeu cau tu choi luc {time}. Tu bay gio chung toi khong gui tin den so nay nua."

_SUPPRESSES = {
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

    `recipient` is None for a phone that is in no campaign: then only its opt-out counts. `acknowledge` is
    False where no message is to answer it: the gateway has, or it was said long ago.
    """
    phone = lock_phone(session, phone_id)
    if recipient:
        # What was read before the lock may be outdated by whoever held it.
        session.refresh(recipient)
    answers = _answers(session, recipient)
    reason = _SUPPRESSES.get(label)
    is_suppressed = reason is not None and active(session, phone_id, reason)
    # Their own word is kept beside the same said of them: a roster takes back only its own.
    is_own_word = bool(answers) and answers[-1].source is Source.ROSTER and source is not Source.ROSTER
    is_same = bool(answers) and answers[-1].label is label and not is_own_word
    if is_same and (reason is None or is_suppressed):
        return None
    if recipient is None and is_suppressed:
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
        _bring_up_to_date(session, recipient, [*answers, answer], now=now)
        if label is Label.NEED_HELP:
            open_help(session, recipient, answer=answer, now=now)
    # An opt-out is confirmed once; on the page the other answers are thanked for on the spot.
    if not acknowledge:
        return answer
    if label is Label.OPT_OUT:
        if is_new and not _is_confirmed(session, phone_id, now=now):
            _acknowledge(session, answer, phone, recipient, keys=keys, now=now)
    elif source is Source.SMS:
        _acknowledge(session, answer, phone, recipient, keys=keys, now=now)
    return answer


def take_page_answer(
    session: Session, recipient_id: int, word: str, *, keys: Keys, now: datetime
) -> Recipient:
    """A press on the page: a label, `install` (the click) or `undo`. Raises BadInput for anything else."""
    recipient = session.get_one(Recipient, recipient_id)
    if recipient.phone_id is None:
        raise BadInput("Liên kết này không còn dùng được.")
    if word == "install":
        recipient.clicked_at = recipient.clicked_at or now
    elif word == "undo":
        undo_answer(session, recipient, now=now)
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


def undo_answer(session: Session, recipient: Recipient, *, now: datetime) -> None:
    """Take the latest answer back, an opt-out included. Without one nothing happens."""
    if recipient.phone_id is None:
        return
    lock_phone(session, recipient.phone_id)
    session.refresh(recipient)
    answers = _answers(session, recipient)
    if not answers:
        return
    last = answers.pop()
    last.undone_at = now
    reason = _SUPPRESSES.get(last.label)
    if reason:
        lift(session, recipient.phone_id, reason=reason, made_at=last.at, now=now)
    if last.label is Label.NEED_HELP:
        withdraw_help(session, last, now=now)
    session.flush()
    _bring_up_to_date(session, recipient, answers, now=now)


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
    at = now
    if standing.installed_by is None:
        if counted:
            counted.withdrawn_at = now
    elif counted is None:
        by = answers[standing.installed_by]
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
    note_change(
        session,
        recipient,
        Standing(said, counted is not None),
        Standing(standing.label, standing.installed_by is not None),
        at=at,
    )


def _acknowledge(
    session: Session,
    answer: Answer,
    phone: Phone,
    recipient: Recipient | None,
    *,
    keys: Keys,
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
    message = Message(
        kind=MessageKind.CONFIRMATION if is_opt_out else MessageKind.ACKNOWLEDGEMENT,
        campaign_id=campaign.id if campaign else None,
        recipient_id=recipient.id if recipient else None,
        phone_id=phone.id,
        answer_id=answer.id,
        text=text.replace("{time}", f"{now.astimezone(VIETNAM):%H:%M ngay %d/%m/%Y}"),
        state=MessageState.QUEUED,
    )
    session.add(message)
    session.flush()
    hours = hours_of(campaign, is_live=keys.is_live) if campaign else None
    session.add(
        Outbox(
            message_id=message.id,
            lane=SERVICE_LANE,
            not_before=now if is_opt_out else opens_at(now, hours),
        )
    )


def _is_confirmed(session: Session, phone_id: int, *, now: datetime) -> bool:
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
