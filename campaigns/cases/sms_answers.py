"""SMS answers of officers to residents, their status, and saved texts.

An answer goes through the transactional stream, within the sending hours and the daily cap, and never to a suppressed
number. Saved texts belong to an organisation; those of the organisations above it may be used too.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session

from campaigns.cases.handle_case import lock_open_case, mark_closed
from campaigns.delivery.outbox import queue_message
from campaigns.delivery.streams import campaign_hours
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.replies import Answer, AnswerSource, Case, SavedText
from campaigns.planning.kinds import all_kinds
from campaigns.replies.acknowledgements import resident_name
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.delivery import LINK
from campaigns.rules.links import LENGTH
from campaigns.rules.sending_hours import opens_at
from campaigns.rules.states import NOT_ARRIVED, UNSETTLED, MessageKind, MessageState, SkipReason
from outreach.accounts import audit
from outreach.accounts.permissions import home_of, organisations_of, require_role
from outreach.contacts.wishes import is_left_alone
from outreach.core.db import find_row
from outreach.core.settings import Settings
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import Suppression
from outreach.places.areas import descendants
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.rules.segments import measure
from outreach.rules.sms_template import Template
from outreach.use_cases import enqueue_after_commit, enqueue_send, use_case

# Longer answers are better given by phone.
MOST_SEGMENTS = 3
_ACTION = "case.answer"
MOST_UNASKED = 60  # of an officer in an hour, to people of whom it was only recorded that they asked


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """Message that answers a resident; `answered_at` is the time of the answer it acknowledges.

    `due_at` is set while it waits, `sent_at` once it was requested from the gateway.
    """

    message_id: int
    answer_id: int | None
    recipient_id: int | None
    text: str | None
    state: MessageState
    skip_reason: SkipReason | None
    answered_at: datetime | None
    due_at: datetime | None
    sent_at: datetime | None


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


def read_sent(session: Session, *conditions: ColumnElement[bool]) -> list[SentAnswer]:
    """Read the messages that are not campaign steps and meet these conditions, in order of their ids."""
    rows = session.execute(
        select(
            Message.id,
            Message.answer_id,
            Message.recipient_id,
            Message.text,
            Message.state,
            Message.skip_reason,
            Answer.at,
            Outbox.not_before,
            select(func.max(Attempt.claimed_at)).where(Attempt.message_id == Message.id).scalar_subquery(),
        )
        .outerjoin(Answer, Answer.id == Message.answer_id)
        .outerjoin(Outbox, Outbox.message_id == Message.id)
        .where(Message.step_id.is_(None), *conditions)
        .order_by(Message.id)
    )
    return [SentAnswer(*row) for row in rows]


def sent_for(session: Session, cases: list[Case]) -> dict[int, list[SentAnswer]]:
    """Read the messages that answered each case: the acknowledgement and the officer's answer."""
    by_answer: dict[int | None, int] = {case.answer_id: case.id for case in cases if case.answer_id}
    by_message: dict[int | None, int] = {case.message_id: case.id for case in cases if case.message_id}
    by_case: dict[int, list[SentAnswer]] = {}
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
