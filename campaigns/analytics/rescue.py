"""An event in figures: safe, in need and unheard by commune, who was not heard of, on the home page; and the cries as a file.

An event is a campaign of the urgent class. The counts are cached for some seconds; cries are read anew each time (`campaigns/cases/rescue.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import ColumnElement, Integer, and_, cast, exists, func, or_, select, true
from sqlalchemy.orm import Session

from campaigns.analytics.installs import takes_part
from campaigns.cases.handle_case import cases_visible_to
from campaigns.cases.rescue import Cry, flat, read_cries
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Case, SafetyReport
from campaigns.replies.safety import is_cry_of, is_current
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.safety import CryState, SafetyStatus
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role, within_area
from outreach.contacts.directory import visible_lists
from outreach.core.cache import cached_count
from outreach.core.db import count_rows
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact
from outreach.models.places import Area
from outreach.rules.errors import BadInput, NotFound, or_raise
from outreach.use_cases import use_case

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


class EventCard(NamedTuple):
    """An event on the home page: `unheard` are the communes with the largest share of people nothing was heard of."""

    event: Campaign
    counts: EventCounts
    unheard: list[tuple[str, PlaceCounts]]


def read_cards(session: Session, user: User, *, redis: Redis, now: datetime) -> list[EventCard]:
    """Return the events of now in numbers, for everybody who may see them: no need and no place of anybody."""
    cards = []
    for event in list_events(session, user, now=now):
        counts = count_event(session, event.id, user, redis=redis)
        behind = sorted(
            ((code, each) for code, each in counts.places.items() if code and each.unheard),
            key=lambda pair: -(pair[1].unheard_share or 0),
        )[:MOST_COMMUNES]
        found = session.scalars(select(Area).where(Area.code.in_([code for code, _each in behind])))
        names = {area.code: area.full_name for area in found}
        cards.append(EventCard(event, counts, [(names.get(code, code), each) for code, each in behind]))
    return cards


def _said(event_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions for recipients in need, safe, and heard of in any way."""
    need = exists().where(Case.recipient_id == Recipient.id, is_cry_of(event_id), Case.done_at.is_(None))
    spoke = func.coalesce(SafetyReport.is_verified, False)
    safe = and_(spoke, SafetyReport.status == SafetyStatus.SAFE)
    return need, func.coalesce(safe, False), or_(spoke, Recipient.answer.is_not(None))


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


class UnheardVillage(NamedTuple):
    """Hamlet with how many people nothing was heard of."""

    area: Area | None
    village: str
    people: int


def read_unheard(session: Session, event_id: int, user: User) -> list[UnheardVillage]:
    """Return the hamlets with people nothing was heard of, the most first."""
    is_need, is_safe, is_heard = _said(event_id)
    rows = session.execute(
        _audience(session, event_id, user, Recipient.area_code, Contact.village, func.count())
        .join(Contact, Contact.id == Recipient.contact_id)
        .where(~is_need, ~is_safe, ~is_heard)
        .group_by(Recipient.area_code, Contact.village)
        .order_by(func.count().desc(), Recipient.area_code, Contact.village)
    )
    return [UnheardVillage(session.get(Area, code) if code else None, *more) for code, *more in rows]


@use_case
def export_event(
    session: Session, event_id: int, *, reason: str, user: User, now: datetime
) -> tuple[Campaign, list[Cry]]:
    """Return an event and its open cases with numbers and positions, for a file; who took it and why is on record. Raises BadInput, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if len(" ".join(reason.split())) < LEAST_REASON:
        raise BadInput("export_reason_missing")
    event = find_event_of(session, event_id, user, now=now)
    assert event is not None
    why = {"reason": ("", " ".join(reason.split())[:300])}
    audit.record_change(session, "event.export", event, user, now, why)
    return event, flat(read_cries(session, event_id, cases_visible_to(session, user)))
