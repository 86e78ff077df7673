"""Conversation with a contact by campaign; what an officer records for them, and answers them by SMS, with the saved texts for it.

And the line of time of one person: what was sent to them, what they said and did, and what was recorded about them. It shows what the
user may see: campaigns and lists of their scope; of campaigns about health only that there was one, unless the answers were opened
on record.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal, or_, select, true, union
from sqlalchemy.orm import Session

from campaigns.cases.handle_case import cases_visible_to, lock_open_case, mark_closed, may_read_answers
from campaigns.delivery.outbox import queue_message
from campaigns.delivery.streams import campaign_hours
from campaigns.models.activities import VisitLine, VisitResult
from campaigns.models.campaigns import Campaign, PageOpen, Recipient
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.privacy import ConsentEvent
from campaigns.models.replies import Answer, AnswerPlace, AnswerSource, Case, OfficerEntry, Reply, SavedText
from campaigns.planning.drives import scope_name
from campaigns.planning.kinds import all_kinds
from campaigns.privacy.requests import RequestRow, opted_out_of_drive, shown_answer
from campaigns.replies.acknowledgements import resident_name
from campaigns.replies.record_answer import read_said, record_officer_answer
from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.delivery import LINK, told_as
from campaigns.rules.links import LENGTH, mask_tokens
from campaigns.rules.own_answers import (
    OPT_OUT_OF_DRIVE,
    GivenAnswer,
    OwnAnswer,
    current_own,
    own_answer,
    read_own_answers,
)
from campaigns.rules.replies.labels import OFFICER_LABELS, Label
from campaigns.rules.sending_hours import opens_at
from campaigns.rules.states import (
    NOT_ARRIVED,
    UNSETTLED,
    AttemptState,
    Exclusion,
    MessageKind,
    MessageState,
    SkipReason,
)
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, home_of, organisations_of, require_role, visible_to
from outreach.contacts.contact import PhoneRow, ShownContact, find_contact, find_recorded_contact
from outreach.contacts.directory import visible_lists
from outreach.contacts.phones import read_removed
from outreach.contacts.wishes import is_left_alone
from outreach.core.db import find_row, id_of
from outreach.core.settings import Settings
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ImportSighting,
    ListImport,
    Membership,
    PersonMerge,
    Suppression,
)
from outreach.places.areas import descendants
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.rules.identity import mask_number
from outreach.rules.segments import measure
from outreach.rules.sms_template import Template
from outreach.use_cases import enqueue_after_commit, enqueue_send, use_case


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
    # A message to the resident that has not left, or never will, as `read_sent` returns it.
    waiting: Any = None


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
    # What somebody's case is about tells what they said of their health.
    told = [id_ for id_, each in by_recipient.items() if may_read_answers(user) or not each.is_masked]
    open_cases = session.execute(
        select(Case.recipient_id, Case.id, Case.kind)
        .where(Case.recipient_id.in_(told), Case.done_at.is_(None), cases_visible_to(session, user))
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
    now: datetime,
) -> bool:
    """Record an answer given at the door, by phone or at a meeting.

    Returns False if it repeats the current one. Raises BadInput if the campaign does not write to the
    contact, NotFound, NotAllowed, also where the user's lists only name whose number is called wrong.
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
    if said.label is Label.WRONG_NUMBER:
        find_recorded_contact(session, contact_id, user=user)
    if recipient.phone_id is None or recipient.exclusion is not None:
        raise BadInput("contact_not_written_to")
    answer = record_officer_answer(session, recipient, word, place=place, note=note, user=user, now=now)
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
    rows = session.execute(
        select(Campaign.id, Campaign.name)
        .where(
            Campaign.launched_at.is_not(None),
            or_(~Campaign.is_health, Campaign.id.in_(opened)),
            visible_to(session, user, Campaign.organisation_id),
        )
        .order_by(Campaign.id.desc())
    )
    return [(campaign_id, name) for campaign_id, name in rows]


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
            Recipient.merge_id == 0,  # of a number alone: that it is wrong
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
        select(Answer, OfficerEntry.place, OfficerEntry.note, User.shown_name)
        .outerjoin(OfficerEntry, OfficerEntry.answer_id == Answer.id)
        .outerjoin(User, User.id == OfficerEntry.recorded_by)
        .where(
            Answer.recipient_id.in_(recipients), Answer.source != AnswerSource.SMS, Answer.reply_id.is_(None)
        )
    )
    for answer, place, note, by in answers:
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
            by=by,
        )
        items.append(item)
    return items


# Longer answers are better given by phone.
MOST_SEGMENTS = 3
_ACTION = "case.answer"
MOST_UNASKED = 60  # of an officer in an hour, to people of whom it was only recorded that they asked


@use_case
def answer_by_sms(
    session: Session,
    case_id: int,
    text: str,
    *,
    is_done: bool,
    seen: int | None = None,
    user: User,
    settings: Settings,
    now: datetime,
) -> datetime:
    """Queue an answer to a case's resident, and close the case if `is_done`, else assign it to the user.

    Its {name} is filled in here and its {link} when it is sent: by the link its holder speaks for the resident. Returns the earliest time
    it is sent. Raises BadInput if the text is empty or too long, BadTemplate, WrongState if the number is suppressed or the
    previous answer is still under way, NotFound, NotAllowed.
    """
    enqueue_after_commit(session, enqueue_send)
    case = lock_open_case(session, case_id, seen=seen, user=user, now=now)
    campaign = find_row(session, Campaign, case.campaign_id)
    if case.recipient_id is None or case.phone_id is None or campaign is None:
        raise WrongState("number_without_campaign")
    measured = measure(fill_text(session, case, text), unaccented=campaign.unaccented)
    if not measured.text:
        raise BadInput("answer_empty")
    if (segments := measure(with_example_link(measured.text, settings)).segments) > MOST_SEGMENTS:
        raise BadInput("answer_long", segments=segments, most=MOST_SEGMENTS)
    if takes_no_messages(session, case):
        raise WrongState("number_takes_no_messages")
    before = find_row(session, Message, case.message_id)
    if before and before.state in UNSETTLED:
        raise WrongState("answer_under_way")
    if before and before.text == measured.text and before.state not in NOT_ARRIVED:
        raise WrongState("answer_sent_before")
    _refuse_many_unasked(session, case, user, now=now)
    leaves_at = opens_at(now, campaign_hours(campaign, is_live=settings.is_live))
    message = queue_message(
        session,
        kind=MessageKind.ACKNOWLEDGEMENT,
        campaign_id=campaign.id,
        recipient_id=case.recipient_id,
        phone_id=case.phone_id,
        text=measured.text,
        not_before=leaves_at,
    )
    case.message_id = message.id
    if is_done:
        mark_closed(case, CaseOutcome.MESSAGED, user=user, now=now)
    else:
        case.taken_by, case.taken_at = user.id, now
    audit.record(session, _ACTION, case, user, now, message=message.id)
    return leaves_at


def _refuse_many_unasked(session: Session, case: Case, user: User, *, now: datetime) -> None:
    """Refuse many answers to people who did not write: by recording that each needs help, a user would reach all without approval."""
    said = find_row(session, Answer, case.answer_id)
    has_asked = case.reply_id is not None or (said and said.source in (AnswerSource.SMS, AnswerSource.PAGE))
    if not has_asked and audit.count_lately(session, _ACTION, user, now=now) >= MOST_UNASKED:
        raise BadInput("answers_unasked_many", most=MOST_UNASKED)


def fill_text(session: Session, case: Case, text: str) -> str:
    """Return an answer's text with the resident's name in it, and its field for the link: no stored text holds a token. Raises BadTemplate."""
    text, name = text.strip(), resident_name(session, session.get(Recipient, case.recipient_id or 0))
    return Template.parse(text).render({"name": name, "link": LINK}) if "{" in text else text


def with_example_link(text: str, settings: Settings) -> str:
    """Return an answer's text with a link as long as any resident's."""
    return text.replace(LINK, f"{settings.link_base}/{'x' * LENGTH}")


def takes_no_messages(session: Session, case: Case) -> bool:
    """Return whether a case's number is suppressed for any reason, or its owner or the resident asked for no messages."""
    if case.phone_id is None:
        return False
    suppressions = select(Suppression.id).where(
        Suppression.phone_id == case.phone_id, Suppression.lifted_at.is_(None)
    )
    recipient = session.get(Recipient, case.recipient_id or 0)
    return session.execute(suppressions).first() is not None or is_left_alone(
        session, case.phone_id, contact_id=recipient.contact_id if recipient else None
    )


def read_sent(session: Session, *conditions: ColumnElement[bool]) -> Sequence[Any]:
    """Read the messages that are not campaign steps and meet these conditions, in order of their ids.

    `answered_at` is the time of the answer that one acknowledges; `due_at` is set while it waits, `sent_at` once it was
    requested from the gateway.
    """
    last_claim = select(func.max(Attempt.claimed_at)).where(Attempt.message_id == Message.id)
    return session.execute(
        select(
            *(Message.id.label("message_id"), Message.answer_id, Message.recipient_id, Message.text),
            *(Message.state, Message.skip_reason, Answer.at.label("answered_at")),
            *(Outbox.not_before.label("due_at"), last_claim.scalar_subquery().label("sent_at")),
        )
        .outerjoin(Answer, Answer.id == Message.answer_id)
        .outerjoin(Outbox, Outbox.message_id == Message.id)
        .where(Message.step_id.is_(None), *conditions)
        .order_by(Message.id)
    ).all()


def sent_for(session: Session, cases: list[Case]) -> dict[int, list[Any]]:
    """Read the messages that answered each case, as `read_sent` does: the acknowledgement and the officer's answer."""
    by_answer: dict[int | None, int] = {case.answer_id: case.id for case in cases if case.answer_id}
    by_message: dict[int | None, int] = {case.message_id: case.id for case in cases if case.message_id}
    by_case: dict[int, list[Any]] = {}
    of_cases = or_(Message.answer_id.in_(by_answer), Message.id.in_(by_message))
    for sent in read_sent(session, of_cases) if by_answer or by_message else ():
        for case_id in {by_answer.get(sent.answer_id), by_message.get(sent.message_id)}:
            by_case.setdefault(case_id or 0, []).append(sent)
    return by_case


LONGEST_TITLE, LONGEST_TEXT = 80, 600


def list_texts(session: Session, user: User, kind: str | None) -> list[SavedText]:
    """List the saved texts that a user may send in a campaign of a kind, by title: first those of the kind, then those for all.

    One whose kind was removed is for all.
    """
    is_general = and_(
        or_(SavedText.kind.is_(None), SavedText.kind.not_in([*all_kinds(session)])),
        SavedText.kind.is_distinct_from(kind),
    )
    query = select(SavedText).where(
        visible_texts(session, user), or_(is_general, SavedText.kind.is_not_distinct_from(kind))
    )
    return list(session.scalars(query.order_by(is_general, SavedText.title, SavedText.id)))


def visible_texts(session: Session, user: User) -> ColumnElement[bool]:
    """Return the condition for the saved texts that a user may send."""
    organisations = organisations_of(session, user)
    if organisations is None:
        return true()
    rows = session.execute(select(Organisation.id, Organisation.parent_id))
    above = descendants(((parent or 0, own) for own, parent in rows), [user.organisation_id or 0])
    owners = organisations | above
    return or_(SavedText.organisation_id.is_(None), SavedText.organisation_id.in_(owners))


def may_change(session: Session, text: SavedText, user: User) -> bool:
    """Return whether a user may change a saved text: of their own organisation or one below it.

    Texts without an organisation may be changed only by users who see everything.
    """
    organisations = organisations_of(session, user)
    return organisations is None or text.organisation_id in organisations


@use_case
def save_text(
    session: Session, *, title: str, text: str, text_id: int | None, kind: str = "", user: User, now: datetime
) -> SavedText:
    """Store a new text of the user's organisation, or change one; without a `kind` it is for campaigns of all kinds.

    Raises BadInput, BadTemplate, NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    title, text = " ".join(title.split())[:LONGEST_TITLE], text.strip()[:LONGEST_TEXT]
    if not title or not text:
        raise BadInput("saved_text_incomplete")
    if kind and kind not in all_kinds(session):
        raise BadInput("kind_not_found", code=kind[:40])
    Template.parse(text)
    if text_id is None:
        saved = SavedText(organisation_id=home_of(session, user), title=title, text=text, changed_by=user.id)
        session.add(saved)
    else:
        saved = _find_own(session, text_id, user=user)
        saved.title, saved.text, saved.changed_by = title, text, user.id
    saved.kind, saved.changed_at = kind or None, now
    session.flush()
    audit.record(session, "saved_text.save", saved, user, now)
    return saved


@use_case
def remove_text(session: Session, text_id: int, *, user: User, now: datetime) -> None:
    """Remove a saved text. Messages sent with it are unchanged. Raises NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    session.delete(_find_own(session, text_id, user=user))
    audit.record(session, "saved_text.remove", f"saved_texts:{text_id}", user, now)


def _find_own(session: Session, text_id: int, *, user: User) -> SavedText:
    saved = session.get(SavedText, text_id)
    if saved is None or not may_change(session, saved, user):
        raise NotFound("saved_text_not_found")
    return saved


ON_A_PAGE = 30


class Event(StrEnum):
    """Kinds of entries."""

    SENT = "sent"
    WAITING = "waiting"  # our answer, which has not left or never will
    REPORT = "report"  # of the gateway, on a message
    SAID = "said"  # by SMS, on the page or to an officer
    OPENED = "opened"
    PRESSED = "pressed"  # "install" on the page
    MASKED = "masked"  # a campaign about health
    VISIT = "visit"
    ASKED = "asked"  # a privacy request
    RESPONDED = "responded"
    FINISHED = "finished"
    CONSENT = "consent"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    SUPPRESSED = "suppressed"
    LIFTED = "lifted"
    OPTED_OUT = "opted_out"
    ASKED_AGAIN = "asked_again"  # an opt-out was taken back
    REMOVED = "removed"  # a number
    RESTORED = "restored"
    IMPORTED = "imported"  # into a list for the first time
    IMPORTED_AGAIN = "imported_again"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Entry of the line. `word` is a value with a label of the family `family`; `talk` is the campaign it came through.

    `text` was written by somebody, `note` says more: a number, a list, a reason. `row` is the row of a
    file, `subject` the id of a merge or a list.
    """

    at: datetime
    event: Event
    talk: Conversation | None = None
    said: ConversationItem | None = None
    family: str = ""
    word: str = ""
    text: str = ""
    note: str = ""
    by: str = ""
    row: int | None = None
    subject: int = 0


def read_timeline(
    session: Session,
    person: ShownContact,
    phones: Sequence[PhoneRow],
    talks: Sequence[Conversation],
    requests: Sequence[RequestRow],
    consents: Sequence[ConsentEvent],
    *,
    user: User,
    begin: int | None = 0,
) -> tuple[list[TimelineEntry], int | None]:
    """Return a page of a person's line of time, the newest first, and where the next page begins, None on the last one.

    It goes from the entry number `begin`; None: all of it. Person, phones, conversations, requests and consents were read
    for the user. Nobody has so many entries that it is worth to find where a page begins before they are read.
    """
    entries = [
        *_masked(session, talks),
        *_spoken(session, {talk.recipient_id: talk for talk in talks if not talk.is_masked}),
        *_requests(requests),
        *_consents(consents),
        *_suppressions(phones),
        *_wishes(session, person, phones),
        *_imports(session, person.id, user),
    ]
    if not person.is_partial:
        entries += _of_the_record(session, person.id)
    entries.sort(key=lambda each: each.at, reverse=True)
    if begin is None:
        return entries, None
    end = begin + ON_A_PAGE
    return entries[begin:end], end if end < len(entries) else None


def _masked(session: Session, talks: Sequence[Conversation]) -> Iterator[TimelineEntry]:
    masked = {talk.campaign_id: talk for talk in talks if talk.is_masked}
    launched: Any = select(Campaign.id, Campaign.launched_at).where(
        Campaign.id.in_(masked), Campaign.launched_at.is_not(None)
    )
    for campaign_id, launched_at in session.execute(launched):
        yield TimelineEntry(launched_at, Event.MASKED, talk=masked[campaign_id])


def _spoken(session: Session, talks: dict[int, Conversation]) -> Iterator[TimelineEntry]:
    visits = session.execute(
        select(VisitLine.recipient_id, VisitResult, User)
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .join(User, User.id == VisitResult.entered_by)
        .where(
            VisitLine.recipient_id.in_(talks),
            VisitResult.undone_at.is_(None),
            VisitResult.outcome.is_not(None),
        )
    ).all()
    told = {visit.answer_id for _recipient, visit, _by in visits if visit.answer_id}
    for recipient_id, visit, by in visits:
        at, word, who = visit.visited_at or visit.entered_at, visit.outcome or "", by.shown_name
        yield TimelineEntry(
            at, Event.VISIT, talks[recipient_id], family="found", word=word, text=visit.note, by=who
        )
    for item in read_items(session, list(talks)):
        if item.answer_id in told:
            continue  # the visit says it
        event = Event.WAITING if item.waiting else Event.SENT if item.is_ours else Event.SAID
        yield TimelineEntry(
            item.at, event, talks[item.recipient_id or 0], said=item, text=item.text, by=item.by
        )
    yield from _reported(session, talks)
    opened: Any = session.execute(
        select(Recipient.id, PageOpen.at, Recipient.clicked_at)
        .outerjoin(
            PageOpen,
            and_(PageOpen.campaign_id == Recipient.campaign_id, PageOpen.recipient_id == Recipient.id),
        )
        .where(Recipient.id.in_(talks), or_(PageOpen.at.is_not(None), Recipient.clicked_at.is_not(None)))
    )
    for recipient_id, opened_at, pressed in opened:
        if opened_at:
            yield TimelineEntry(opened_at, Event.OPENED, talks[recipient_id])
        if pressed:
            yield TimelineEntry(pressed, Event.PRESSED, talks[recipient_id])


def _reported(session: Session, talks: dict[int, Conversation]) -> Iterator[TimelineEntry]:
    final = (AttemptState.DELIVERED, AttemptState.UNDELIVERED, AttemptState.FAILED)
    reports: Any = session.execute(
        select(Message.recipient_id, Attempt.settled_at, Attempt.state, Attempt.cause)
        .join(Message, Message.id == Attempt.message_id)
        .where(Message.recipient_id.in_(talks), Attempt.state.in_(final), Attempt.settled_at.is_not(None))
    )
    for recipient_id, settled_at, state, cause in reports:
        # One that came at the same moment still stands above its message.
        yield TimelineEntry(
            settled_at + timedelta(microseconds=1),
            Event.REPORT,
            talks[recipient_id],
            family="message",
            word=state,
            note=(cause or "") if state is not AttemptState.DELIVERED else "",
        )


def _requests(requests: Sequence[RequestRow]) -> Iterator[TimelineEntry]:
    for row in requests:
        asked = row.request
        steps = (
            (asked.asked_at, Event.ASKED, row.asked_by, row.recorded_by),
            (asked.responded_at, Event.RESPONDED, "", ""),
            (asked.done_at, Event.FINISHED, asked.answer, row.done_by),
        )
        for at, event, text, by in steps:
            if at and not (event is Event.RESPONDED and at == asked.done_at):
                yield TimelineEntry(at, event, family="request", word=asked.kind, text=text, by=by)


def _consents(consents: Sequence[ConsentEvent]) -> Iterator[TimelineEntry]:
    for each in consents:
        event = Event.CONSENT if each.is_given else Event.CONSENT_WITHDRAWN
        yield TimelineEntry(
            each.recorded_at, event, word=each.purpose, text=each.evidence, note=each.guardian
        )


def _suppressions(phones: Sequence[PhoneRow]) -> Iterator[TimelineEntry]:
    for phone in phones:
        for each in phone.suppressions:
            # The note grew when it was lifted: it stands with the last of both.
            note = "; ".join(each.note.splitlines())
            for at, event, text in (
                (each.created_at, Event.SUPPRESSED, "" if each.lifted_at else note),
                (each.lifted_at, Event.LIFTED, note),
            ):
                if at:
                    number, word = mask_number(phone.e164), each.reason
                    yield TimelineEntry(
                        at, event, family="suppression", word=word, text=text, note=number, by=each.source
                    )


def _wishes(session: Session, person: ShownContact, phones: Sequence[PhoneRow]) -> Iterator[TimelineEntry]:
    """Return the wishes to be left alone, and what took them back."""
    numbers = {phone.id: mask_number(phone.e164) for phone in phones}
    wishes = {
        each.id: each for each in (*person.wishes, *(each for phone in phones for each in phone.wishes))
    }
    for each in wishes.values():
        about = ", ".join(number for phone_id, number in numbers.items() if phone_id in each.phones)
        for at, event, text, by in (
            (each.said_at, Event.OPTED_OUT, each.note, each.source or ""),
            (each.ended_at, Event.ASKED_AGAIN, each.ended_note, each.ended_source),
        ):
            if at:
                yield TimelineEntry(
                    at, event, word=scope_name(session, each.scope), text=text, note=about, by=by
                )


def _imports(session: Session, contact_id: int, user: User) -> Iterator[TimelineEntry]:
    lists = visible_lists(session, user)
    member = [Membership.contact_id == contact_id]
    sighted = [ImportSighting.contact_id == contact_id]
    if lists is not None:
        member.append(Membership.list_id.in_(lists))
        sighted.append(ImportSighting.list_id.in_(lists))
    first = {
        import_id: row
        for import_id, row in session.execute(select(Membership.import_id, Membership.row).where(*member))
        if import_id
    }
    found: Any = union(
        select(Membership.import_id).where(*member),
        select(Membership.last_import_id).where(*member),
        select(ImportSighting.import_id).where(*sighted),
    )
    rows = session.execute(
        select(ListImport, ContactList.id, ContactList.name, Organisation.name)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(ListImport.id.in_(found))
    )
    for each, list_id, name, organisation in rows:
        yield TimelineEntry(
            each.imported_at,
            Event.IMPORTED if each.id in first else Event.IMPORTED_AGAIN,
            word=f"{name} ({organisation})",
            note=each.file_name,
            row=first.get(each.id),
            subject=list_id,
        )


def _of_the_record(session: Session, contact_id: int) -> Iterator[TimelineEntry]:
    """Yield what concerns the person's record as a whole: numbers taken away, people merged into it."""
    for number in read_removed(session, contact_id):
        yield TimelineEntry(
            number.removed_at, Event.REMOVED, text=number.note, note=mask_number(number.e164), by=number.by
        )
        if number.restored_at:
            yield TimelineEntry(number.restored_at, Event.RESTORED, note=mask_number(number.e164))
    merges = select(PersonMerge, User).join(User, User.id == PersonMerge.merged_by)
    for merge, by in session.execute(merges.where(PersonMerge.kept_id == contact_id)):
        at, name = merge.merged_at, merge.data["facts"]["name"]
        yield TimelineEntry(at, Event.MERGED, word=name, by=by.shown_name, subject=merge.id)
