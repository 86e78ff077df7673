"""Conversation with a contact by campaign, and answers that an officer records for a contact."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, exists, literal, or_, select
from sqlalchemy.orm import Session

from campaigns.cases.handle_case import cases_visible_to
from campaigns.cases.sms_answers import SentAnswer, read_sent
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.replies import Answer, AnswerPlace, AnswerSource, Case, OfficerEntry, Reply
from campaigns.privacy.requests import opted_out_of_drive, shown_answer
from campaigns.replies.record_answer import AnswerContext, read_said, record_officer_answer
from campaigns.rules.cases import CaseKind
from campaigns.rules.delivery import told_as
from campaigns.rules.links import mask_tokens
from campaigns.rules.own_answers import (
    OPT_OUT_OF_DRIVE,
    GivenAnswer,
    OwnAnswer,
    current_own,
    own_answer,
    read_own_answers,
)
from campaigns.rules.replies.labels import OFFICER_LABELS
from campaigns.rules.states import Exclusion, MessageState, SkipReason
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role, visible_to
from outreach.contacts.contact import find_contact
from outreach.core.db import id_of
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact
from outreach.rules.errors import BadInput, NotFound
from outreach.use_cases import use_case


@dataclass(frozen=True, slots=True)
class ConversationItem:
    """One message or answer. `label` is the label of an answer, or `opt_out_drive`; `text` is set if something was written."""

    at: datetime
    is_ours: bool
    recipient_id: int | None = None
    answer_id: int | None = None
    text: str = ""
    state: MessageState | None = None
    segments: int = 0
    label: str | None = None
    own: str = ""  # the campaign's own answer that it is
    source: AnswerSource | None = None
    is_undone: bool = False
    # An officer's entry and its author.
    place: AnswerPlace | None = None
    note: str = ""
    by: str = ""
    # A message to the resident that has not left, or never will.
    waiting: SentAnswer | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A contact in one campaign. `answer` is the current label or `opt_out_drive`, `cases` are open.

    Of one that is masked, nothing of what was said is read.
    """

    campaign_id: int
    name: str
    kind: str
    recipient_id: int
    exclusion: Exclusion | None
    answer: str | None
    is_masked: bool
    own_answers: tuple[OwnAnswer, ...] = ()
    own_answer: int | None = None
    cases: list[tuple[int, CaseKind]] = field(default_factory=list)
    # Of its texts that have not left: when they may, and why others never will.
    due: list[datetime] = field(default_factory=list)
    skipped: list[SkipReason] = field(default_factory=list)

    @property
    def own(self) -> str:
        """Return the text of the campaign's own answer that was given, "" for another."""
        own = current_own(self.own_answers, self.answer, self.own_answer)
        return own.text if own else ""


def read_conversations(
    session: Session, contact_id: int, *, user: User, opened: bool = False
) -> list[Conversation]:
    """Read a contact's campaigns that the user may see, the latest first; `read_items` has what was said in them.

    Those about health are masked unless `opened`; see `open_answers`. Raises NotFound.
    """
    find_contact(session, contact_id, user=user)
    of_drive = opted_out_of_drive(session, select(Recipient.id).where(Recipient.contact_id == contact_id))
    rows = session.execute(
        select(
            *(Campaign.id, Campaign.name, Campaign.kind, Campaign.is_health, Campaign.content),
            *(Recipient.id.label("recipient_id"), Recipient.exclusion, Recipient.answer),
            Recipient.own_answer,
        )
        .join(Recipient, Recipient.campaign_id == Campaign.id)
        .where(Recipient.contact_id == contact_id, visible_to(session, user, Campaign.organisation_id))
        .order_by(Campaign.id.desc())
    )
    conversations = []
    for row in rows:
        is_masked = row.is_health and not opened
        answer = None if is_masked else shown_answer(row.answer, row.recipient_id, of_drive)
        about = (row.id, row.name, row.kind, row.recipient_id, row.exclusion, answer, is_masked)
        own = None if is_masked else row.own_answer
        conversations.append(Conversation(*about, read_own_answers(row.content), own))
    by_recipient: dict[int | None, Conversation] = {each.recipient_id: each for each in conversations}
    waiting = session.execute(
        select(Message.recipient_id, Message.skip_reason, Outbox.not_before)
        .outerjoin(Outbox, Outbox.message_id == Message.id)
        .where(
            Message.recipient_id.in_([id_ for id_, each in by_recipient.items() if not each.is_masked]),
            Message.step_id.is_not(None),
            Message.state.in_((MessageState.QUEUED, MessageState.SKIPPED)),
        )
        .order_by(Message.id)
    )
    for recipient_id, skipped, due in waiting:
        if skipped:
            by_recipient[recipient_id].skipped.append(skipped)
        elif due:
            by_recipient[recipient_id].due.append(due)
    open_cases = session.execute(
        select(Case.recipient_id, Case.id, Case.kind)
        .where(Case.recipient_id.in_(by_recipient), Case.done_at.is_(None), cases_visible_to(session, user))
        .order_by(Case.id)
    )
    for recipient_id, case_id, kind in open_cases:
        by_recipient[recipient_id].cases.append((case_id, kind))
    return conversations


def read_items(session: Session, recipients: list[int]) -> list[ConversationItem]:
    """Read what was said to and by recipients, the oldest first. The caller must have checked that the user may see them."""
    items = [*_messages(session, recipients), *_answers(session, recipients)]
    return sorted(items, key=lambda item: item.at)


@use_case
def open_answers(session: Session, contact_id: int, *, user: User, now: datetime) -> bool:
    """Let an officer read what a contact answered about their health, and record it in the audit log.

    Raises NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_contact(session, contact_id, user=user)
    audit.record(session, "contact.see_answers", f"contacts:{contact_id}", user, now)
    return True


@use_case
def open_campaign_answers(session: Session, campaign_id: int, *, user: User, now: datetime) -> int:
    """Let an officer read who answered what in a campaign about health, and record it in the audit log. Returns the campaign.

    Who handles what residents answer may; the people listed are those whom the user may see. Raises NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    campaign = find_visible(
        session, Campaign, campaign_id, user, NotFound("campaign_id_not_visible", id=campaign_id)
    )
    audit.record(session, "campaign.see_answers", campaign, user, now)
    return campaign.id


@use_case
def record_answer(
    session: Session,
    contact_id: int,
    campaign_id: int,
    word: str,
    *,
    place: AnswerPlace,
    note: str,
    user: User,
    keys: AnswerContext,
    now: datetime,
) -> bool:
    """Record an answer given at the door, by phone or at a meeting.

    Returns False if it repeats the current one. Raises BadInput if the campaign does not write to the
    contact, NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_contact(session, contact_id, user=user)
    recipient = session.scalar(
        select(Recipient)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .where(
            Recipient.contact_id == contact_id,
            Recipient.campaign_id == campaign_id,
            Recipient.merge_id == 0,
            visible_to(session, user, Campaign.organisation_id),
        )
    )
    if recipient is None:
        raise NotFound("contact_not_in_campaign")
    said = read_said(session, recipient, word)
    if said.label not in OFFICER_LABELS:
        raise BadInput("answer_not_chosen")
    if recipient.phone_id is None or recipient.exclusion is not None:
        raise BadInput("contact_not_written_to")
    answer = record_officer_answer(
        session, recipient, word, place=place, note=note, user=user, keys=keys, now=now
    )
    if answer is not None:
        is_health = session.scalar(select(Campaign.is_health).where(Campaign.id == campaign_id))
        # Entries outlive what they name: an answer about health is in none.
        about = {"campaign": campaign_id, "place": place.value}
        about |= {} if is_health else {"label": said.label.value}
        audit.record(session, "contact.answer", f"contacts:{contact_id}", user, now, **about)
    return answer is not None


def visible_campaigns(session: Session, user: User, *, opened: Collection[int] = ()) -> list[tuple[int, str]]:
    """Return (id, name) of the launched campaigns whose answers a user may see, the latest first.

    Of those about health only the `opened` ones: who answered what there is opened on record.
    """
    return [
        (campaign_id, name)
        for campaign_id, name in session.execute(
            select(Campaign.id, Campaign.name)
            .where(
                Campaign.launched_at.is_not(None),
                or_(~Campaign.is_health, Campaign.id.in_(opened)),
                visible_to(session, user, Campaign.organisation_id),
            )
            .order_by(Campaign.id.desc())
        )
    ]


def has_answered(
    session: Session,
    user: User,
    campaign_id: int | None,
    said: GivenAnswer | None,
    *,
    opened: Collection[int] = (),
) -> ColumnElement[bool]:
    """Return the condition that a contact has this current answer (None: any), or this own answer, in a campaign.

    Without a campaign, any that the user may see counts, but none about health. Raises NotFound for a campaign that the
    user may not see; for `opened` see `visible_campaigns`.
    """
    visible = dict(visible_campaigns(session, user, opened=() if campaign_id is None else opened)).keys()
    if campaign_id is not None and campaign_id not in visible:
        raise NotFound("campaign_not_found")
    is_answer: ColumnElement[bool] = Recipient.answer.is_not(None)
    if said:
        is_answer = Recipient.answer == said.label if said.own is None else Recipient.own_answer == said.own
    return exists(
        select(literal(1)).where(
            Recipient.campaign_id.in_(visible if campaign_id is None else [campaign_id]),
            Recipient.contact_id == Contact.id,
            is_answer,
        )
    )


_OF_ATTEMPT = (Attempt.claimed_at, Attempt.body, Attempt.segments, Attempt.channel, Attempt.state)


def _messages(session: Session, recipients: list[int]) -> list[ConversationItem]:
    rows = session.execute(
        select(Message.recipient_id, Message.state, *_OF_ATTEMPT)
        .join(Attempt, Attempt.message_id == Message.id)
        .where(Message.recipient_id.in_(recipients))
        .order_by(Attempt.id)
    )
    items = []
    for recipient, state, left_at, body, segments, channel, own in rows:
        text, told = told_as(body, state, channel=channel, own=own)
        items.append(
            ConversationItem(left_at, True, recipient, text=mask_tokens(text), state=told, segments=segments)
        )
    for sent in read_sent(session, Message.recipient_id.in_(recipients)):
        at = sent.due_at or sent.answered_at
        if sent.sent_at is None and at:
            text = mask_tokens(sent.text or "")
            items.append(
                ConversationItem(at, True, sent.recipient_id, text=text, state=sent.state, waiting=sent)
            )
    return items


def _own_text(answers: Sequence[OwnAnswer], number: int | None) -> str:
    own = own_answer(answers, number)
    return own.text if own else ""


def _word(answer: Answer) -> str:
    return OPT_OUT_OF_DRIVE if answer.drive_only else answer.label


def _answers(session: Session, recipients: list[int]) -> list[ConversationItem]:
    contents = session.execute(
        select(Recipient.id, Campaign.content)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .where(Recipient.id.in_(recipients))
    )
    own = {each: read_own_answers(content) for each, content in contents}
    replies = session.execute(
        select(Reply, Answer)
        .outerjoin(Answer, Answer.reply_id == Reply.id)
        .where(Reply.recipient_id.in_(recipients))
    )
    items = [
        ConversationItem(
            reply.received_at,
            False,
            reply.recipient_id,
            id_of(answer),
            text=mask_tokens(reply.body),
            label=_word(answer) if answer else reply.label,
            own=_own_text(own[reply.recipient_id], answer.own_answer) if answer else "",
            source=reply.channel.source,
        )
        for reply, answer in replies
    ]
    answers = session.execute(
        select(Answer, OfficerEntry.place, OfficerEntry.note, User.name, User.email)
        .outerjoin(OfficerEntry, OfficerEntry.answer_id == Answer.id)
        .outerjoin(User, User.id == OfficerEntry.recorded_by)
        .where(
            Answer.recipient_id.in_(recipients), Answer.source != AnswerSource.SMS, Answer.reply_id.is_(None)
        )
    )
    for answer, place, note, name, email in answers:
        item = ConversationItem(
            answer.at,
            False,
            answer.recipient_id,
            answer.id,
            label=_word(answer),
            own=_own_text(own[answer.recipient_id], answer.own_answer),
            source=answer.source,
            is_undone=answer.undone_at is not None,
            place=place,
            note=note or "",
            by=name or email or "",
        )
        items.append(item)
    return items
