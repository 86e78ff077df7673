"""What campaigns have to do with one person: what was sent and answered, and an answer given to an officer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, exists, literal, select
from sqlalchemy.orm import Session

from campaigns.cases.handle_case import cases_visible_to
from campaigns.cases.sms_answers import SentAnswer, read_sent
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import Answer, AnswerPlace, AnswerSource, Case, OfficerEntry, Reply
from campaigns.replies.record_answer import AnswerContext, record_officer_answer
from campaigns.rules.cases import CaseKind
from campaigns.rules.links import mask_tokens
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.contacts.contact import find_contact
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact
from outreach.rules.errors import BadInput, NotFound

# What a person says at the door; questions are for the inbox.
OFFICER_LABELS = (
    Label.INSTALLED,
    Label.NOT_YET,
    Label.NO_SMARTPHONE,
    Label.NEED_HELP,
    Label.REFUSE,
    Label.OPT_OUT,
    Label.WRONG_NUMBER,
)


@dataclass(frozen=True, slots=True)
class ConversationItem:
    """One line of the talk. `label` is what an answer was taken as; `text` stands where something was written."""

    at: datetime
    is_ours: bool
    text: str = ""
    state: MessageState | None = None
    label: Label | None = None
    source: AnswerSource | None = None
    is_undone: bool = False
    # What an officer wrote down, and who.
    place: AnswerPlace | None = None
    note: str = ""
    by: str = ""
    # An answer to the resident that has not left, or never will.
    waiting: SentAnswer | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A campaign with this person. `answer` is where they stand now, `cases` what waits for an officer."""

    campaign_id: int
    name: str
    kind: str
    recipient_id: int
    exclusion: Exclusion | None
    answer: Label | None
    said: list[ConversationItem] = field(default_factory=list)
    cases: list[tuple[int, CaseKind]] = field(default_factory=list)


def read_conversations(session: Session, contact_id: int, *, user: User) -> list[Conversation]:
    """What was sent to a person and came back, in the campaigns that the user may see, the latest first."""
    find_contact(session, contact_id, user=user)
    talks = [
        Conversation(campaign_id, name, kind, recipient_id, exclusion, answer)
        for campaign_id, name, kind, recipient_id, exclusion, answer in session.execute(
            select(
                Campaign.id, Campaign.name, Campaign.kind, Recipient.id, Recipient.exclusion, Recipient.answer
            )
            .join(Recipient, Recipient.campaign_id == Campaign.id)
            .where(Recipient.contact_id == contact_id, visible_to(session, user, Campaign.organisation_id))
            .order_by(Campaign.id.desc())
        )
    ]
    by_recipient: dict[int | None, Conversation] = {talk.recipient_id: talk for talk in talks}
    ids = [talk.recipient_id for talk in talks]
    for recipient_id, said in [*_messages(session, ids), *_answers(session, ids)]:
        by_recipient[recipient_id].said.append(said)
    waiting = session.execute(
        select(Case.recipient_id, Case.id, Case.kind)
        .where(
            Case.recipient_id.in_(ids),
            Case.done_at.is_(None),
            cases_visible_to(session, user),
        )
        .order_by(Case.id)
    )
    for recipient_id, case_id, kind in waiting:
        by_recipient[recipient_id].cases.append((case_id, kind))
    for talk in talks:
        talk.said.sort(key=lambda said: said.at)
    return talks


def read_talk(session: Session, recipient_id: int) -> list[ConversationItem]:
    """The same with one recipient, whom the user may see."""
    said = [*_messages(session, [recipient_id]), *_answers(session, [recipient_id])]
    return sorted((each for _recipient, each in said), key=lambda each: each.at)


def record_answer(
    session: Session,
    contact_id: int,
    campaign_id: int,
    label: Label,
    *,
    place: AnswerPlace,
    note: str,
    user: User,
    keys: AnswerContext,
    now: datetime,
) -> bool:
    """An answer given at the door, by phone or at a meeting. False when it says again what already stands.

    Raises BadInput where the person is not written to in this campaign, NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_contact(session, contact_id, user=user)
    recipient = session.scalar(
        select(Recipient)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .where(
            Recipient.contact_id == contact_id,
            Recipient.campaign_id == campaign_id,
            visible_to(session, user, Campaign.organisation_id),
        )
    )
    if recipient is None:
        raise NotFound("Người này không có trong chiến dịch đó.")
    if label not in OFFICER_LABELS:
        raise BadInput("Hãy chọn một câu trả lời trong danh sách.")
    if recipient.phone_id is None or recipient.exclusion is not None:
        raise BadInput(
            "Người này không được gửi tin trong chiến dịch đó nên không tính câu trả lời. "
            "Nếu nhiều người dùng chung số, hãy ghi cho người đứng tên nhận tin."
        )
    answer = record_officer_answer(
        session, recipient, label, place=place, note=note, user=user, keys=keys, now=now
    )
    if answer is not None:
        audit.record(
            session,
            actor_id=user.id,
            action="contact.answer",
            subject=f"contacts:{contact_id}",
            now=now,
            campaign=campaign_id,
            label=label.value,
            place=place.value,
        )
    return answer is not None


def visible_campaigns(session: Session, user: User) -> list[tuple[int, str]]:
    """(id, name) of the campaigns with an audience that a user may see, the latest first."""
    return [
        (campaign_id, name)
        for campaign_id, name in session.execute(
            select(Campaign.id, Campaign.name)
            .where(Campaign.launched_at.is_not(None), visible_to(session, user, Campaign.organisation_id))
            .order_by(Campaign.id.desc())
        )
    ]


def has_answered(
    session: Session, user: User, campaign_id: int | None, label: Label | None
) -> ColumnElement[bool]:
    """The condition that a contact stands at this answer, at any where none is given, in a campaign; in any that the
    user may see where none is given. Raises NotFound for a campaign that the user may not see.
    """
    visible = dict(visible_campaigns(session, user)).keys()
    if campaign_id is not None and campaign_id not in visible:
        raise NotFound("Không có chiến dịch này, hoặc nằm ngoài phạm vi của bạn.")
    said = Recipient.answer.is_not(None) if label is None else Recipient.answer == label
    return exists(
        select(literal(1)).where(
            Recipient.campaign_id.in_(visible if campaign_id is None else [campaign_id]),
            Recipient.contact_id == Contact.id,
            said,
        )
    )


def _messages(session: Session, recipients: list[int]) -> list[tuple[int | None, ConversationItem]]:
    rows = session.execute(
        select(Message.recipient_id, Message.state, Attempt.claimed_at, Attempt.body)
        .join(Attempt, Attempt.message_id == Message.id)
        .where(Message.recipient_id.in_(recipients))
        .order_by(Attempt.id)
    )
    said = [
        (recipient, ConversationItem(at, True, text=mask_tokens(body), state=state))
        for recipient, state, at, body in rows
    ]
    for sent in read_sent(session, Message.recipient_id.in_(recipients)):
        at = sent.due_at or sent.answered_at
        if sent.sent_at is None and at:
            said.append(
                (
                    sent.recipient_id,
                    ConversationItem(
                        at, True, text=mask_tokens(sent.text or ""), state=sent.state, waiting=sent
                    ),
                )
            )
    return said


def _answers(session: Session, recipients: list[int]) -> list[tuple[int | None, ConversationItem]]:
    replies = session.execute(
        select(Reply.recipient_id, Reply.received_at, Reply.body, Reply.label).where(
            Reply.recipient_id.in_(recipients)
        )
    )
    said = [
        (recipient, ConversationItem(at, False, text=mask_tokens(body), label=label, source=AnswerSource.SMS))
        for recipient, at, body, label in replies
    ]
    answers = session.execute(
        select(Answer, OfficerEntry.place, OfficerEntry.note, User.name, User.email)
        .outerjoin(OfficerEntry, OfficerEntry.answer_id == Answer.id)
        .outerjoin(User, User.id == OfficerEntry.recorded_by)
        .where(Answer.recipient_id.in_(recipients), Answer.source != AnswerSource.SMS)
    )
    for answer, place, note, name, email in answers:
        line = ConversationItem(
            answer.at,
            False,
            label=answer.label,
            source=answer.source,
            is_undone=answer.undone_at is not None,
            place=place,
            note=note or "",
            by=name or email or "",
        )
        said.append((answer.recipient_id, line))
    return said
