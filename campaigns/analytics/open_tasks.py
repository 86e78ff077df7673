"""Open tasks of a user: campaigns and imports that wait for a person, incidents, and an event with its cries.

Everything is limited to the user's scope; each list is a few reads by index. An incident is something that
must never happen. It is shown until a person of its scope has marked it as seen, and is kept afterwards.

The first campaign is a list of steps, each done when the user has really done it: read from what they did, as recorded.

An event is a campaign of the urgent class: safe, in need and unheard by commune, and the cries as a file. The counts are cached for some
seconds; cries are read anew each time (`campaigns/cases/rescue.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
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

from campaigns.analytics.installs import takes_part
from campaigns.cases.handle_case import cases_visible_to
from campaigns.cases.rescue import Cry, flat, has_lost_alert, read_cries
from campaigns.delivery.reconcile import CAMPAIGN_OF_ATTEMPT, waits_for_person
from campaigns.lifecycle import STOP_ALL
from campaigns.models.campaigns import Campaign, CampaignDecision, CampaignVersion, Recipient, Switch
from campaigns.models.messages import Attempt, Incident, Message
from campaigns.models.replies import FROM_NUMBER, IS_OPEN_CRY, Case, Reply, SafetyReport
from campaigns.replies.safety import is_cry_of, is_current
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.safety import CryState, SafetyStatus
from campaigns.rules.states import AttemptState, CampaignState
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role, visible_to, within_area
from outreach.contacts.directory import visible_lists
from outreach.core.cache import cached_count
from outreach.core.db import columns_of, count_rows, read_once, values_subquery
from outreach.models.accounts import Area, AuditEvent, Role, User
from outreach.models.contacts import Contact
from outreach.rules.errors import BadInput, NotFound, or_raise
from outreach.use_cases import use_case

MAX_ROWS = 10


def read_campaigns_in_state(
    session: Session, user: User, state: CampaignState, *, drive_id: int | None = None
) -> Sequence[Any]:
    """Return the campaigns of a state that wait, of all drives or one: newest first, for an approver or to be launched oldest first; drafts that were never submitted."""
    is_draft, moment = state is CampaignState.DRAFT, _WAITS_SINCE.get(state)
    lines = [
        line for line in _waiting(session, user) if line.state is state and (line.is_new or not is_draft)
    ]
    lines = [line for line in lines if drive_id in (None, line.drive_id)]
    return (sorted(lines, key=attrgetter(moment)) if moment else lines)[:MAX_ROWS]


_WAITS_SINCE = {CampaignState.SUBMITTED: "submitted_at", CampaignState.APPROVED: "approved_at"}


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


def read_returned(session: Session, user: User) -> Sequence[Any]:
    """Return the user's own drafts that an approver sent back, newest first."""
    return [line for line in _waiting(session, user) if line.was_returned][:MAX_ROWS]


def was_returned() -> ColumnElement[bool]:
    """Return the condition that a campaign is a draft again because an approver gave back what was last submitted."""
    latest = select(func.max(CampaignVersion.id)).where(CampaignVersion.campaign_id == Campaign.id)
    decision = exists().where(
        CampaignDecision.version_id == latest.correlate(Campaign).scalar_subquery(),
        CampaignDecision.approved.is_(False),
        CampaignDecision.reason != "",
    )
    return and_(Campaign.state == CampaignState.DRAFT, decision)


@read_once
def _waiting(session: Session, user: User) -> Sequence[Any]:
    """Return the campaigns that wait for somebody, newest first: the user's own drafts, and others of their scope; `by_user` wrote it."""
    submitted = exists().where(CampaignVersion.campaign_id == Campaign.id)
    waits = Campaign.state.in_((CampaignState.SUBMITTED, CampaignState.APPROVED, CampaignState.PAUSED))
    mine = (Campaign.state == CampaignState.DRAFT) & (Campaign.created_by == user.id)
    columns = (
        *columns_of(Campaign, "id name drive_id state pause_reason submitted_at approved_at"),
        (Campaign.created_by == user.id).label("by_user"),
        was_returned().label("was_returned"),
        (~submitted).label("is_new"),
    )
    seen = visible_to(session, user, Campaign.organisation_id)
    return session.execute(select(*columns).where(mine | (waits & seen)).order_by(Campaign.id.desc())).all()


def read_unknown(session: Session, user: User, *, now: datetime) -> Sequence[Any]:
    """Return the campaigns with `unknown` requests, of them `undecided` for a person, newest first."""
    undecided = func.sum(case((waits_for_person(now=now), 1), else_=0)).label("undecided")
    return session.execute(
        select(Campaign.id, Campaign.name, func.count().label("unknown"), undecided)
        .join(Attempt, Campaign.id == CAMPAIGN_OF_ATTEMPT)
        .where(Attempt.state == AttemptState.UNKNOWN, visible_to(session, user, Campaign.organisation_id))
        .group_by(Campaign.id, Campaign.name)
        .order_by(Campaign.id.desc())
        .limit(MAX_ROWS)
    ).all()


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


def read_open_cries(session: Session, user: User) -> Sequence[Any]:
    """Return the open cries for help of the user's scope, the oldest first: `text` is what was written last, `taken_by` who has it in hand."""
    own = Reply.campaign_id.is_not_distinct_from(Case.campaign_id)  # of others the user may see none
    said = select(Reply.body).where(Reply.phone_id == Case.phone_id, own, Reply.is_urgent.is_(True))
    newest = said.order_by(Reply.id.desc()).limit(1).scalar_subquery()
    columns = {
        "case_id": Case.id,
        "since": Case.urgent_at,
        "text": func.coalesce(newest, ""),
        "place": func.coalesce(Area.kind + " " + Area.name, ""),
        "taken_by": User.shown_name,
        "is_escalated": Case.escalated_at.is_not(None),
        "has_lost_alert": has_lost_alert(),
    }
    query: Any = (
        select(*(column.label(name) for name, column in columns.items()))
        .outerjoin(Area, Area.code == Case.area_code)
        .outerjoin(User, User.id == Case.taken_by)
        .where(IS_OPEN_CRY, cases_visible_to(session, user))
    )
    return session.execute(query.order_by(Case.urgent_at, Case.id)).all()


def read_decisions(session: Session, user: User, *, since: datetime) -> Sequence[Any]:
    """Return what approvers decided on campaigns since a moment, the newest first."""
    decided = (
        CampaignDecision.approved.label("is_approved"),
        User.shown_name.label("by"),
        CampaignDecision.decided_at.label("at"),
    )
    query = (
        select(Campaign.id.label("campaign_id"), Campaign.name, *decided)
        .join(CampaignVersion, CampaignVersion.campaign_id == Campaign.id)
        .join(CampaignDecision, CampaignDecision.version_id == CampaignVersion.id)
        .join(User, User.id == CampaignDecision.decided_by)
        .where(CampaignDecision.decided_at >= since, visible_to(session, user, Campaign.organisation_id))
    )
    return session.execute(query.order_by(CampaignDecision.id.desc()).limit(MAX_ROWS)).all()


def is_empty(session: Session, user: User, owner: Any) -> bool:
    """Return whether the user sees no row at all; `owner` is the column of the row's organisation."""
    return session.execute(select(owner).where(visible_to(session, user, owner)).limit(1)).first() is None


def who_stopped(session: Session) -> tuple[str, datetime] | None:
    """Return who started the emergency stop, and when. Returns None while it is off."""
    query = select(User.shown_name, Switch.turned_at).join(User, User.id == Switch.turned_by)
    row = session.execute(query.where(Switch.name == STOP_ALL)).first()
    return (row[0], row[1]) if row else None


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


COUNTED_FOR_S = 3.0
LEAST_REASON = 10  # letters
MOST_COMMUNES = 5  # on the home page


def list_events(session: Session, user: User, *, now: datetime) -> Sequence[Campaign]:
    """Return the events of now that a user may see, the newest first."""
    query = select(Campaign).where(is_current(now), takes_part(session, user))
    return session.scalars(query.order_by(Campaign.launched_at.desc(), Campaign.id.desc())).all()


def find_event_of(session: Session, event_id: int | None, user: User, *, now: datetime) -> Campaign | None:
    """Return an event that a user may see, over or not; without an id the newest of now, if any. Raises NotFound."""
    if event_id is None:
        return next(iter(list_events(session, user, now=now)), None)
    is_event = (Campaign.id == event_id, Campaign.urgent_reason != "", Campaign.launched_at.is_not(None))
    found = session.scalar(select(Campaign).where(*is_event, takes_part(session, user)))
    return or_raise(found, NotFound("campaign_id_not_visible", id=event_id))


class PlaceCounts(NamedTuple):
    """People of a commune whom the warning is written to. `heard`: they said something else; the rest is unheard."""

    people: int = 0
    safe: int = 0
    need: int = 0
    heard: int = 0

    @property
    def unheard(self) -> int:
        return self.people - self.safe - self.need - self.heard

    @property
    def unheard_share(self) -> float | None:
        return self.unheard / self.people if self.people else None


@dataclass(frozen=True, slots=True)
class EventCounts:
    """An event's counts by commune (None: no commune known), its cases, and what numbers said that nobody wrote to.

    `oldest`: since when the one that waits longest does; `on_the_way`: cases handed to a team.
    """

    places: dict[str | None, PlaceCounts]
    open: int
    oldest: datetime | None
    on_the_way: int
    settled: int
    others_safe: int
    others_need: int
    total: PlaceCounts = field(default_factory=PlaceCounts)


def count_event(
    session: Session, event_id: int, user: User, *, redis: Redis, cries: Sequence[Cry] | None = None
) -> EventCounts:
    """Return an event's counts for a user's scope, some seconds old at most; `cries` are its open ones, where they have been read."""

    def read() -> dict[str, Any]:
        shown = read_cries(session, event_id, cases_visible_to(session, user)) if cries is None else cries
        is_need, is_safe, is_heard = _said(event_id)
        safe, heard = and_(~is_need, is_safe), and_(~is_need, ~is_safe, is_heard)
        sums = (func.coalesce(func.sum(cast(each, Integer)), 0) for each in (safe, is_need, heard))
        query = _audience(session, event_id, user, Recipient.area_code, func.count(), *sums)
        return {
            "places": [list(row) for row in session.execute(query.group_by(Recipient.area_code))],
            **_count_cases(session, event_id, user, shown),
        }

    data = cached_count(redis, f"loa:event:{event_id}:{user.id}", read, min_ttl_s=COUNTED_FOR_S)
    places = {code: PlaceCounts(*counts) for code, *counts in data.pop("places")}
    total = PlaceCounts(*map(sum, zip(*places.values(), strict=True))) if places else PlaceCounts()
    oldest = datetime.fromisoformat(data.pop("oldest")) if data["oldest"] else data.pop("oldest")
    return EventCounts(places=places, total=total, oldest=oldest, **data)


def read_cards(
    session: Session, user: User, *, redis: Redis, now: datetime
) -> list[tuple[Campaign, EventCounts, list[tuple[str, PlaceCounts]]]]:
    """Return the events of now in numbers, for everybody who may see them: no need and no place of anybody.

    With each are the communes that have the largest share of people nothing was heard of.
    """
    cards = []
    for event in list_events(session, user, now=now):
        counts = count_event(session, event.id, user, redis=redis)
        behind = sorted(
            ((code, each) for code, each in counts.places.items() if code and each.unheard),
            key=lambda pair: -(pair[1].unheard_share or 0),
        )[:MOST_COMMUNES]
        found = session.scalars(select(Area).where(Area.code.in_([code for code, _each in behind])))
        names = {area.code: area.full_name for area in found}
        cards.append((event, counts, [(names.get(code, code), each) for code, each in behind]))
    return cards


def _said(event_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions for recipients in need, safe, and heard of in any way."""
    need = exists().where(Case.recipient_id == Recipient.id, is_cry_of(event_id), Case.done_at.is_(None))
    spoke = func.coalesce(SafetyReport.is_verified, False)
    safe = and_(spoke, SafetyReport.status == SafetyStatus.SAFE)
    # Whatever came from the number is news, also while an officer has yet to read what it means.
    wrote = exists().where(Reply.recipient_id == Recipient.id, Reply.channel.in_(FROM_NUMBER))
    return need, func.coalesce(safe, False), or_(spoke, Recipient.answer.is_not(None), wrote)


def _audience(session: Session, event_id: int, user: User, *columns: Any) -> Any:
    """Select columns of an event's recipients in a user's scope, joined with what their numbers said."""
    lists = visible_lists(session, user)
    return (
        select(*columns)
        .select_from(Recipient)
        .outerjoin(
            SafetyReport,
            and_(
                SafetyReport.campaign_id == Recipient.campaign_id, SafetyReport.phone_id == Recipient.phone_id
            ),
        )
        .where(
            Recipient.campaign_id == event_id,
            Recipient.exclusion.is_(None),
            true() if lists is None else Recipient.list_id.in_(lists),
            within_area(session, user, Recipient.area_code),
        )
    )


def _count_cases(session: Session, event_id: int, user: User, cries: Sequence[Cry]) -> dict[str, Any]:
    oldest = min((cry.since for cry in cries), default=None)
    is_settled = (
        is_cry_of(event_id),
        cases_visible_to(session, user),
        Case.done_at.is_not(None),
        Case.outcome != CaseOutcome.WITHDRAWN,
    )
    written_to = exists().where(
        Recipient.campaign_id == event_id,
        Recipient.phone_id == SafetyReport.phone_id,
        Recipient.exclusion.is_(None),
    )
    others: dict[bool, int] = {}
    if organisations_of(session, user) is None:  # they belong to no organisation
        is_safe = SafetyReport.status == SafetyStatus.SAFE
        rows = session.execute(
            select(is_safe, func.count())
            .where(SafetyReport.campaign_id == event_id, or_(~written_to, ~SafetyReport.is_verified))
            .group_by(is_safe)
        )
        others = {bool(safe): count for safe, count in rows}
    return {
        "open": len(cries),
        "oldest": oldest and oldest.isoformat(),
        "on_the_way": sum(cry.state is CryState.ON_THE_WAY for cry in cries),
        "settled": count_rows(session, Case, *is_settled),
        "others_safe": others.get(True, 0),
        "others_need": others.get(False, 0),
    }


def read_unheard(session: Session, event_id: int, user: User) -> Sequence[Any]:
    """Return the hamlets, `area` and `village`, with how many people nothing was heard of, the most first."""
    is_need, is_safe, is_heard = _said(event_id)
    people = func.count().label("people")
    query = (
        _audience(session, event_id, user, Area, Contact.village, people)
        .join(Contact, Contact.id == Recipient.contact_id)
        .outerjoin(Area, Area.code == Recipient.area_code)
        .where(~is_need, ~is_safe, ~is_heard)
        .group_by(Area.code, Contact.village)
    )
    return session.execute(query.order_by(people.desc(), Area.code, Contact.village)).all()


@use_case
def export_event(
    session: Session, event_id: int, *, reason: str, user: User, now: datetime
) -> tuple[Campaign, list[Cry]]:
    """Return an event and its open cases with positions and the numbers that the user may call, for a file; who took it and why is on record. Raises BadInput, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if len(" ".join(reason.split())) < LEAST_REASON:
        raise BadInput("export_reason_missing")
    event = find_event_of(session, event_id, user, now=now)
    assert event is not None
    why = {"reason": ("", " ".join(reason.split())[:300])}
    audit.record_change(session, "event.export", event, user, now, why)
    return event, flat(read_cries(session, event_id, cases_visible_to(session, user), user=user))
