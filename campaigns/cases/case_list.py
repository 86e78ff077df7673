"""The work list, filtered and counted.

The work list within a user's scope: counted, filtered, a page at a time.

What is counted here is what the home page counts. A page begins behind the last case shown, never OFFSET.

Cases as an officer reads them: who asks, what they wrote, where they live, who has it in hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from campaigns.cases.handle_case import cases_visible_to
from campaigns.cases.sms_answers import SentAnswer, sent_for
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Answer, AnswerSource, Case, Handling, OfficerEntry, Reply
from campaigns.rules.cases import FOLLOW_UP, CaseKind, assigned_until
from campaigns.rules.replies.labels import Label
from outreach.models.accounts import Organisation, User
from outreach.models.contacts import Contact, Phone
from outreach.models.places import Area, AreaLevel
from outreach.places.areas import descendants

ON_A_PAGE = 25
# Of what is done only this much is looked through.
DONE_SINCE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """What to show; everything where nothing is named. `after` is the id of the last case shown."""

    kind: CaseKind | None = None
    campaign_id: int | None = None
    organisation_id: int | None = None
    area_code: str = ""
    taken_by: int | None = None
    is_done: bool = False
    newest_first: bool = False
    after: int | None = None


@dataclass(frozen=True, slots=True)
class FilterOption:
    """Something that the list can be narrowed down to, and to how many cases."""

    key: str
    name: str
    count: int
    below: list[FilterOption] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case with what an officer needs to know of it.

    `held_until`: while it is somebody's alone. `given`: the label that a person gave its reply. `sent`: the
    messages that answered it. `asked_through`: how help was asked for; `entry`: what an officer wrote with it.
    """

    case: Case
    reply: Reply | None
    sender: str
    person: str
    contact_id: int | None
    village: str
    place: str
    campaign: str
    kind: str  # of the campaign
    organisation: str
    taken_by: str
    done_by: str
    held_until: datetime | None
    said_since: Label | None
    given: Label | None
    texts_since: list[str] = field(default_factory=list)
    sent: list[SentAnswer] = field(default_factory=list)
    asked_through: AnswerSource | None = None
    entry: OfficerEntry | None = None
    entered_by: str = ""

    @property
    def means(self) -> Label | None:
        """What the case's kind says of its reply; None while the label is in doubt."""
        return next((label for label, kind in FOLLOW_UP.items() if kind is self.case.kind), None)


@dataclass(frozen=True, slots=True)
class CaseList:
    """One page. The choices of each filter are counted with the others applied. `after`: None on the last page."""

    lines: list[CaseRow]
    total: int
    kinds: list[FilterOption]
    campaigns: list[FilterOption]
    organisations: list[FilterOption]
    districts: list[FilterOption]
    own: int  # those that the user has taken
    after: int | None


def count_open(session: Session, user: User) -> dict[CaseKind, int]:
    """How many cases wait, by kind."""
    rows = session.execute(
        select(Case.kind, func.count())
        .where(Case.done_at.is_(None), cases_visible_to(session, user))
        .group_by(Case.kind)
    )
    return dict(rows.all())


def read_case_list(session: Session, user: User, wanted: CaseFilter, *, now: datetime) -> CaseList:
    """One page and the filters' choices. Call it inside one `db.read()`."""
    areas = {area.code: area for area in session.scalars(select(Area))}
    within = descendants(((area.code, area.parent_code) for area in areas.values()), [wanted.area_code])
    scope = [
        cases_visible_to(session, user),
        Case.done_at > now - DONE_SINCE if wanted.is_done else Case.done_at.is_(None),
    ]
    ids = _ids(session, wanted, scope, within)
    shown = ids[:ON_A_PAGE]
    choices = _Choices(session, wanted, scope, within, areas)
    return CaseList(
        lines=read_case_rows(session, shown, areas, now=now),
        total=choices.total,
        kinds=choices.kinds(),
        campaigns=choices.named("campaign_id", Campaign),
        organisations=choices.named("organisation_id", Organisation),
        districts=choices.districts(),
        own=choices.taken_by(user.id),
        after=shown[-1] if len(ids) > ON_A_PAGE else None,
    )


def _ids(
    session: Session, wanted: CaseFilter, scope: list[ColumnElement[bool]], within: set[str]
) -> list[int]:
    query = select(Case.id).where(*scope)
    if wanted.kind:
        query = query.where(Case.kind == wanted.kind)
    if wanted.campaign_id is not None:
        query = query.where(Case.campaign_id == wanted.campaign_id)
    if wanted.organisation_id is not None:
        query = query.where(Case.organisation_id == wanted.organisation_id)
    if wanted.area_code:
        query = query.where(Case.area_code.in_(within))
    if wanted.taken_by is not None:
        query = query.where(Case.taken_by == wanted.taken_by)
    if wanted.after is not None:
        last = session.execute(select(Case.opened_at, Case.id).where(Case.id == wanted.after)).first()
        if last:
            place = tuple_(Case.opened_at, Case.id)
            query = query.where(place < tuple_(*last) if wanted.newest_first else place > tuple_(*last))
    clock: list[Any] = [Case.opened_at, Case.id]
    order = [column.desc() for column in clock] if wanted.newest_first else clock
    return list(session.scalars(query.order_by(*order).limit(ON_A_PAGE + 1)))


class _Choices:
    """Every combination counted in one statement; what each filter offers is added up from it."""

    def __init__(
        self,
        session: Session,
        wanted: CaseFilter,
        scope: list[ColumnElement[bool]],
        within: set[str],
        areas: dict[str, Area],
    ) -> None:
        self._session, self._wanted, self._areas, self._within = session, wanted, areas, within
        columns = (Case.kind, Case.campaign_id, Case.organisation_id, Case.area_code, Case.taken_by)
        self._rows = session.execute(select(*columns, func.count()).where(*scope).group_by(*columns)).all()
        self.total = sum(count for *_keys, count in self._matching(""))

    def _matching(
        self, without: str
    ) -> Iterable[tuple[CaseKind, int | None, int | None, str | None, int | None, int]]:
        wanted = self._wanted
        for kind, campaign_id, organisation_id, area_code, taken_by, count in self._rows:
            if (
                (without == "kind" or wanted.kind in (None, kind))
                and (without == "campaign_id" or wanted.campaign_id in (None, campaign_id))
                and (without == "organisation_id" or wanted.organisation_id in (None, organisation_id))
                and (without == "area_code" or not wanted.area_code or area_code in self._within)
                and (without == "taken_by" or wanted.taken_by in (None, taken_by))
            ):
                yield kind, campaign_id, organisation_id, area_code, taken_by, count

    def _counted(self, column: str) -> Counter[Any]:
        place = ("kind", "campaign_id", "organisation_id", "area_code", "taken_by").index(column)
        counted: Counter[Any] = Counter()
        for row in self._matching(column):
            counted[row[place]] += row[-1]
        return counted

    def kinds(self) -> list[FilterOption]:
        counted = self._counted("kind")
        return [FilterOption(kind.value, "", counted[kind]) for kind in CaseKind]

    def taken_by(self, user_id: int) -> int:
        return self._counted("taken_by")[user_id]

    def named(self, column: str, table: type[Campaign] | type[Organisation]) -> list[FilterOption]:
        counted = self._counted(column)
        rows = self._session.execute(
            select(table.id, table.name)
            .where(table.id.in_([key for key in counted if key]))
            .order_by(table.name)
        )
        return [FilterOption(str(key), name, counted[key]) for key, name in rows]

    def districts(self) -> list[FilterOption]:
        counted = self._counted("area_code")
        below: dict[str, list[FilterOption]] = {}
        for area in sorted(self._areas.values(), key=lambda area: area.name):
            if counted[area.code] and area.parent_code:
                name = area.full_name
                below.setdefault(area.parent_code, []).append(
                    FilterOption(area.code, name, counted[area.code])
                )
        return [
            FilterOption(
                area.code,
                area.full_name,
                sum(each.count for each in below[area.code]),
                below[area.code],
            )
            for area in sorted(self._areas.values(), key=lambda area: area.name)
            if area.level is AreaLevel.DISTRICT and area.code in below
        ]


def read_case_rows(
    session: Session, ids: list[int], areas: dict[str, Area], *, now: datetime
) -> list[CaseRow]:
    """These cases in this order. The caller has looked to it that the user may see them."""
    taker, doer, recorder = aliased(User), aliased(User), aliased(User)
    rows: list[Any] = list(
        session.execute(
            select(
                Case,
                Reply,
                Recipient,
                Contact,
                Phone.e164,
                Campaign.name,
                Campaign.kind,
                Organisation.name,
                taker,
                doer,
                Answer.source,
                OfficerEntry,
                recorder,
            )
            .outerjoin(Answer, Answer.id == Case.answer_id)
            .outerjoin(OfficerEntry, OfficerEntry.answer_id == Case.answer_id)
            .outerjoin(recorder, recorder.id == OfficerEntry.recorded_by)
            .outerjoin(Reply, Reply.id == Case.reply_id)
            .outerjoin(Recipient, Recipient.id == Case.recipient_id)
            .outerjoin(Contact, Contact.id == Recipient.contact_id)
            .outerjoin(Phone, Phone.id == Case.phone_id)
            .outerjoin(Campaign, Campaign.id == Case.campaign_id)
            .outerjoin(Organisation, Organisation.id == Case.organisation_id)
            .outerjoin(taker, taker.id == Case.taken_by)
            .outerjoin(doer, doer.id == Case.done_by)
            .where(Case.id.in_(ids))
        )
    )
    later = _texts_since(session, [row[0] for row in rows])
    given = _labels_given(session, [row[0] for row in rows])
    sent = sent_for(session, [row[0] for row in rows])
    lines = {
        row[0].id: _line(*row, areas=areas, later=later, given=given, sent=sent, now=now) for row in rows
    }
    return [lines[case_id] for case_id in ids]


def _line(
    case: Case,
    reply: Reply | None,
    recipient: Recipient | None,
    contact: Contact | None,
    e164: str | None,
    campaign: str | None,
    kind: str | None,
    organisation: str | None,
    taker: User | None,
    doer: User | None,
    source: AnswerSource | None,
    entry: OfficerEntry | None,
    recorder: User | None,
    *,
    areas: dict[str, Area],
    later: dict[int, list[str]],
    given: dict[int | None, Label],
    sent: dict[int, list[SentAnswer]],
    now: datetime,
) -> CaseRow:
    asked_at = reply.received_at if reply else case.opened_at
    is_newer = recipient and recipient.answered_at and recipient.answered_at > asked_at
    area = areas.get(case.area_code or "")
    above = areas.get(area.parent_code or "") if area else None
    return CaseRow(
        case=case,
        reply=reply,
        sender=e164 or (reply.sender if reply else ""),
        person=contact.name if contact else "",
        contact_id=contact.id if contact else None,
        village=contact.village if contact else "",
        place=", ".join(f"{each.kind} {each.name}" for each in (area, above) if each),
        campaign=campaign or "",
        kind=kind or "",
        organisation=organisation or "",
        taken_by=_name(taker),
        done_by=_name(doer),
        held_until=None if case.done_at else assigned_until(case.taken_at, now=now),
        said_since=recipient.answer if recipient and is_newer and case.done_at is None else None,
        given=given.get(case.reply_id),
        texts_since=later.get(case.id, []),
        sent=sent.get(case.id, []),
        asked_through=source,
        entry=entry,
        entered_by=_name(recorder),
    )


def _name(user: User | None) -> str:
    return user.name or user.email if user else ""


def _labels_given(session: Session, cases: list[Case]) -> dict[int | None, Label]:
    rows = session.execute(
        select(Handling.reply_id, Handling.label)
        .where(Handling.reply_id.in_([case.reply_id for case in cases]), Handling.undone_at.is_(None))
        .order_by(Handling.id)
    )
    return dict(rows.all())


def _texts_since(session: Session, cases: list[Case]) -> dict[int, list[str]]:
    """What each recipient wrote after the case was opened, by case."""
    waiting = [case for case in cases if case.recipient_id and case.done_at is None]
    if not waiting:
        return {}
    found: dict[int, list[str]] = {}
    for reply in session.scalars(
        select(Reply)
        .where(
            Reply.recipient_id.in_({case.recipient_id for case in waiting}),
            Reply.received_at >= min(case.opened_at for case in waiting),
        )
        .order_by(Reply.received_at, Reply.id)
    ):
        for case in waiting:
            is_theirs = case.recipient_id == reply.recipient_id and case.reply_id != reply.id
            if is_theirs and reply.received_at >= case.opened_at:
                found.setdefault(case.id, []).append(reply.body)
    return found
