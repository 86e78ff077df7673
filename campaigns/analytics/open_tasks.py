"""Open tasks of a user: campaigns and imports that wait for a person, and incidents.

Everything is limited to the user's scope; each list is a few reads by index. An incident is something that
must never happen. It is shown until a person of its scope has marked it as seen, and is kept afterwards.

The first campaign is a list of steps, each done when the user has really done it: read from what they did, as recorded.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    case,
    cast,
    exists,
    func,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.cases.alert_officers import has_lost_alert
from campaigns.cases.handle_case import cases_visible_to
from campaigns.delivery.reconcile import CAMPAIGN_OF_ATTEMPT, waits_for_person
from campaigns.live_permit import STOP_ALL
from campaigns.models.campaigns import Campaign, CampaignDecision, CampaignVersion, Switch
from campaigns.models.messages import Attempt, Incident, Message
from campaigns.models.replies import IS_OPEN_CRY, Case, Reply
from campaigns.rules.states import AttemptState, CampaignState
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.core.db import columns_of, count_rows, read_once, values_subquery
from outreach.models.accounts import AuditEvent, Role, User
from outreach.models.places import Area
from outreach.rules.errors import NotFound
from outreach.use_cases import use_case

MAX_ROWS = 10


@dataclass(frozen=True, slots=True)
class CampaignTask:
    """A campaign that waits; `by_user` wrote it; `unknown` requests, of them `undecided` for a person."""

    id: int
    name: str
    pause_reason: str = ""
    submitted_at: datetime | None = None
    by_user: bool = False
    unknown: int = 0
    undecided: int = 0


def read_submitted(session: Session, user: User) -> list[CampaignTask]:
    """Return the campaigns that wait for an approver, oldest first."""
    lines = [line for line in _waiting(session, user) if line.state is CampaignState.SUBMITTED]
    return _tasks(user, sorted(lines, key=lambda line: line.submitted_at))


def read_proposed(session: Session, user: User, what: InstrumentedAttribute[Any]) -> list[tuple[int, str]]:
    """Return (id, name) of the campaigns with a proposal in this column (`correction`, `wave`), oldest first."""
    query = select(Campaign.id, Campaign.name).where(
        what.is_not(null()),
        Campaign.state != CampaignState.CANCELLED,
        Campaign.cleared_at.is_(None),
        visible_to(session, user, Campaign.organisation_id),
    )
    rows = session.execute(query.order_by(Campaign.id).limit(MAX_ROWS))
    return [(campaign_id, name) for campaign_id, name in rows]


def read_decided(session: Session, user: User) -> list[CampaignTask]:
    """Return the approved campaigns that wait to be launched, oldest first."""
    lines = [line for line in _waiting(session, user) if line.state is CampaignState.APPROVED]
    return _tasks(user, sorted(lines, key=lambda line: line.approved_at))


def read_returned(session: Session, user: User) -> list[CampaignTask]:
    """Return the user's own drafts that an approver sent back, newest first."""
    return _tasks(user, [line for line in _waiting(session, user) if line.was_returned])


def was_returned() -> ColumnElement[bool]:
    """Return the condition that a campaign is a draft again because an approver gave back what was last submitted."""
    latest = select(func.max(CampaignVersion.id)).where(CampaignVersion.campaign_id == Campaign.id)
    decision = exists().where(
        CampaignDecision.version_id == latest.correlate(Campaign).scalar_subquery(),
        CampaignDecision.approved.is_(False),
        CampaignDecision.reason != "",
    )
    return and_(Campaign.state == CampaignState.DRAFT, decision)


def read_drafts(session: Session, user: User) -> list[CampaignTask]:
    """Return the user's own drafts that were never submitted, newest first."""
    lines = _waiting(session, user)
    return _tasks(user, [line for line in lines if line.state is CampaignState.DRAFT and line.is_new])


def read_paused(session: Session, user: User) -> list[CampaignTask]:
    """Return the paused campaigns, newest first."""
    return _tasks(user, [line for line in _waiting(session, user) if line.state is CampaignState.PAUSED])


@read_once
def _waiting(session: Session, user: User) -> Sequence[Any]:
    """Return the campaigns that wait for somebody, newest first: the user's own drafts, and others of their scope."""
    submitted = exists().where(CampaignVersion.campaign_id == Campaign.id)
    waits = Campaign.state.in_((CampaignState.SUBMITTED, CampaignState.APPROVED, CampaignState.PAUSED))
    mine = (Campaign.state == CampaignState.DRAFT) & (Campaign.created_by == user.id)
    columns = (
        *columns_of(Campaign, "id name state pause_reason submitted_at approved_at created_by"),
        was_returned().label("was_returned"),
        (~submitted).label("is_new"),
    )
    seen = visible_to(session, user, Campaign.organisation_id)
    return session.execute(select(*columns).where(mine | (waits & seen)).order_by(Campaign.id.desc())).all()


def _tasks(user: User, lines: Iterable[Any]) -> list[CampaignTask]:
    return [
        CampaignTask(row.id, row.name, row.pause_reason, row.submitted_at, by_user=row.created_by == user.id)
        for row in islice(lines, MAX_ROWS)
    ]


def read_unknown(session: Session, user: User, *, now: datetime) -> list[CampaignTask]:
    """Return the campaigns with requests of unknown outcome, newest first."""
    is_undecided = case((waits_for_person(now=now), 1), else_=0)
    rows = session.execute(
        select(
            Campaign.id,
            Campaign.name,
            func.count().label("unknown"),
            func.sum(is_undecided).label("undecided"),
        )
        .join(Attempt, Campaign.id == CAMPAIGN_OF_ATTEMPT)
        .where(Attempt.state == AttemptState.UNKNOWN, visible_to(session, user, Campaign.organisation_id))
        .group_by(Campaign.id, Campaign.name)
        .order_by(Campaign.id.desc())
        .limit(MAX_ROWS)
    )
    return [CampaignTask(row.id, row.name, unknown=row.unknown, undecided=row.undecided) for row in rows]


def read_current(session: Session, user: User, *, since: datetime) -> list[Campaign]:
    """Return the campaigns under way, sending, paused or scheduled, and those launched or ended since a moment."""
    under_way = (CampaignState.SENDING, CampaignState.PAUSED, CampaignState.SCHEDULED)
    is_late = Campaign.launched_at.is_not(None) & (
        (Campaign.launched_at >= since) | (Campaign.ended_at >= since)
    )
    is_under_way = Campaign.state.in_(under_way)
    seen = visible_to(session, user, Campaign.organisation_id)
    query = select(Campaign).where(is_under_way | is_late, seen)
    return list(session.scalars(query.order_by(is_under_way.desc(), Campaign.id.desc()).limit(MAX_ROWS)))


def has_ended_campaign(session: Session, user: User) -> bool:
    """Return whether a campaign that the user wrote was sent to its end."""
    own = (Campaign.created_by == user.id, Campaign.state == CampaignState.COMPLETED)
    return session.scalar(select(Campaign.id).where(*own).limit(1)) is not None


@dataclass(frozen=True, slots=True)
class OpenCry:
    """An open case with a cry for help. `text` is what was written last, `taken_by` the officer who has it in hand."""

    case_id: int
    since: datetime
    text: str
    place: str
    taken_by: str
    is_escalated: bool
    has_lost_alert: bool


def read_cries(session: Session, user: User) -> list[OpenCry]:
    """Return the open cries for help of the user's scope, the oldest first."""
    own = Reply.campaign_id.is_not_distinct_from(Case.campaign_id)  # of others the user may see none
    said = select(Reply.body).where(Reply.phone_id == Case.phone_id, own, Reply.is_urgent.is_(True))
    newest = said.order_by(Reply.id.desc()).limit(1).scalar_subquery()
    rows = session.execute(
        select(Case, newest, Area.kind, Area.name, User.name, User.email, has_lost_alert())
        .outerjoin(Area, Area.code == Case.area_code)
        .outerjoin(User, User.id == Case.taken_by)
        .where(IS_OPEN_CRY, cases_visible_to(session, user))
        .order_by(Case.urgent_at, Case.id)
    )
    return [
        OpenCry(
            case.id,
            case.urgent_at or case.opened_at,
            text or "",
            f"{kind} {place}" if place else "",
            name or email or "",
            case.escalated_at is not None,
            is_lost,
        )
        for case, text, kind, place, name, email, is_lost in rows
    ]


@dataclass(frozen=True, slots=True)
class Decision:
    """What an approver decided on a campaign."""

    campaign_id: int
    name: str
    is_approved: bool
    by: str
    at: datetime


def read_decisions(session: Session, user: User, *, since: datetime) -> list[Decision]:
    """Return the decisions on campaigns since a moment, the newest first."""
    rows = session.execute(
        select(Campaign.id, Campaign.name, CampaignDecision, User.name, User.email)
        .join(CampaignVersion, CampaignVersion.id == CampaignDecision.version_id)
        .join(Campaign, Campaign.id == CampaignVersion.campaign_id)
        .join(User, User.id == CampaignDecision.decided_by)
        .where(CampaignDecision.decided_at >= since, visible_to(session, user, Campaign.organisation_id))
        .order_by(CampaignDecision.id.desc())
        .limit(MAX_ROWS)
    )
    return [
        Decision(campaign_id, campaign, each.approved, name or email, each.decided_at)
        for campaign_id, campaign, each, name, email in rows
    ]


def is_empty(session: Session, user: User, owner: Any) -> bool:
    """Return whether the user sees no row at all; `owner` is the column of the row's organisation."""
    return session.execute(select(owner).where(visible_to(session, user, owner)).limit(1)).first() is None


def who_stopped(session: Session) -> tuple[str, datetime] | None:
    """Return who started the emergency stop, and when. Returns None while it is off."""
    row = session.execute(
        select(User.name, User.email, Switch.turned_at)
        .join(User, User.id == Switch.turned_by)
        .where(Switch.name == STOP_ALL)
    ).first()
    return (row.name or row.email, row.turned_at) if row else None


def count_incidents(session: Session, user: User) -> int:
    """Return how many incidents of the user's scope have not been seen yet."""
    return count_rows(session, Incident, Incident.seen_at.is_(None), visible_incidents(session, user))


@use_case
def mark_seen(session: Session, incident_id: int, *, user: User, now: datetime) -> None:
    """Mark an incident as seen by a person. It stays in the list. Raises NotAllowed, NotFound."""
    require_role(user, Role.APPROVER)
    conditions = (Incident.id == incident_id, visible_incidents(session, user))
    if not session.scalar(select(Incident.id).where(*conditions)):
        raise NotFound("incident_not_found")
    result = session.execute(
        update(Incident).where(Incident.id == incident_id, Incident.seen_at.is_(None)).values(seen_at=now)
    )
    if result.rowcount == 1:  # type: ignore[attr-defined]
        audit.record(session, "incident.see", f"incidents:{incident_id}", user, now)


def visible_incidents(session: Session, user: User) -> ColumnElement[bool]:
    """Return the condition for incidents of visible campaigns; of none, for users who see everything."""
    visible = visible_to(session, user, Campaign.organisation_id)
    if visible.compare(true()):
        return true()
    campaigns = select(Campaign.id).where(visible)
    of_message = exists().where(Message.id == _subject_id("messages"), Message.campaign_id.in_(campaigns))
    of_attempt = exists().where(
        Attempt.id == _subject_id("attempts"),
        Attempt.message_id == Message.id,
        Message.campaign_id.in_(campaigns),
    )
    return or_(of_message, of_attempt)


def _subject_id(table: str) -> ColumnElement[int | None]:
    """Return the id behind `table:` in an incident's subject; null in a subject of another table."""
    number = cast(func.substr(Incident.subject, len(table) + 2), BigInteger)
    return case((Incident.subject.startswith(f"{table}:"), number), else_=None)


class FirstStep(StrEnum):
    """Step of a first campaign, in order."""

    LIST = "list"
    TEXT = "text"
    TEST = "test"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SENT = "sent"
    ANSWERED = "answered"
    REPORT = "report"


_BY_ACTION = {
    "upload.confirm": FirstStep.LIST,
    "contacts.import": FirstStep.LIST,
    "campaign.create": FirstStep.TEXT,
    "message.test": FirstStep.TEST,
    "campaign.submit": FirstStep.SUBMITTED,
    "case.answer": FirstStep.ANSWERED,
    "case.finish": FirstStep.ANSWERED,
    "case.label": FirstStep.ANSWERED,
    "report.download": FirstStep.REPORT,
    "report.prepare": FirstStep.REPORT,
    "report.issue": FirstStep.REPORT,
    "reach.export": FirstStep.REPORT,
}


def read_first_steps(session: Session, users: Collection[int]) -> dict[int, set[FirstStep]]:
    """Return the steps that each of these users has done."""
    done: dict[int, set[FirstStep]] = {user_id: set() for user_id in users}
    ids = values_subquery(session, users)
    acted = select(AuditEvent.actor_id, AuditEvent.action).where(
        AuditEvent.actor_id.in_(ids), AuditEvent.action.in_(_BY_ACTION)
    )
    for user_id, action in session.execute(acted.distinct()):
        done[user_id or 0].add(_BY_ACTION[action])
    own = select(
        Campaign.created_by, Campaign.approved_at.is_not(None), Campaign.launched_at.is_not(None)
    ).where(Campaign.created_by.in_(ids))
    for user_id, is_approved, is_sent in session.execute(own.distinct()):
        done[user_id] |= {
            *([FirstStep.APPROVED] if is_approved else ()),
            *([FirstStep.SENT] if is_sent else ()),
        }
    return done
