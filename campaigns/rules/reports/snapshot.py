"""Snapshot: a day's frozen figures with days and sources, without anything computed from them; and what changed between two.

Three sources stand side by side and are never added: official figures, residents' self-reports, and what agencies
counted of their own staff. None is unknown; it is never zero.
"""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import zip_longest
from typing import Any, TypeVar

from campaigns.rules.activities import ActivityKind
from campaigns.rules.agencies import StaffCounts, add_up
from campaigns.rules.goals import Denominator
from campaigns.rules.kind_words import SMARTPHONE_OWNERS
from campaigns.rules.progress import PlaceCounts, RankRow, ShareBasis, measure_line
from campaigns.rules.promises import OwnCount, PromisedFigures, read_promised
from campaigns.rules.reports.document import ACTIVITY_NAMES, Cell, cell, percent, said, short_day
from outreach.rules.stored_data import read_stored


@dataclass(frozen=True, slots=True)
class OfficialInstallFigure:
    """Official installs of a place by the end of `day`; `is_sum`: added up from its parts, as of the oldest of their days."""

    installed: int
    day: str
    source: str
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class SmartphoneOwners:
    """Number of people of a place with a smartphone: an entered figure, with day and source."""

    count: int
    day: str
    source: str


@dataclass(frozen=True, slots=True)
class SelfReported:
    """Residents' self-reports: `reported` of `recipients` but those outside the base (`no_smartphone`)."""

    recipients: int = 0
    no_smartphone: int = 0
    answered: int = 0
    reported: int = 0

    @property
    def could(self) -> int:
        """Return the base of the share."""
        return self.recipients - self.no_smartphone

    @property
    def share(self) -> float | None:
        return self.reported / self.could if self.could > 0 else None


@dataclass(frozen=True, slots=True)
class PlaceFigures:
    """Figures of the province, a district or a commune (`district` is the code of its district)."""

    code: str
    name: str
    reported: SelfReported
    official: OfficialInstallFigure | None = None
    owners: SmartphoneOwners | None = None
    district: str = ""

    @property
    def official_share(self) -> float | None:
        if self.official is None or self.owners is None or self.owners.count <= 0:
            return None
        return self.official.installed / self.owners.count


def common_basis(places: Sequence[PlaceFigures]) -> ShareBasis:
    """Return the base on which places are compared: entered numbers once every place with recipients has one."""
    counted = [place for place in places if place.reported.recipients]
    is_entered = bool(counted) and all(place.owners for place in counted)
    return ShareBasis.ENTERED if is_entered else ShareBasis.RECIPIENTS


@dataclass(frozen=True, slots=True)
class OrganisationFigures:
    """Figures of the people of an organisation's lists; `id` is None in old snapshots without it."""

    name: str
    reported: SelfReported
    id: int | None = None


@dataclass(frozen=True, slots=True)
class AgencyFigures:
    """Staff figures of an agency of `day`; `is_missing` if that is not the day of the report."""

    id: int
    name: str
    staff: int | None
    with_smartphone: int | None
    installed: int | None
    day: str | None
    is_missing: bool

    @property
    def share(self) -> float | None:
        if self.installed is None or not self.with_smartphone:
            return None
        return self.installed / self.with_smartphone


def staff_total(agencies: Sequence[AgencyFigures]) -> tuple[int | None, int | None, int]:
    """Return how many have done it and how many count, of the agencies with both figures, and how many these are."""
    total = add_up(StaffCounts(each.staff or 0, each.with_smartphone, each.installed) for each in agencies)
    return (total.installed, total.with_smartphone, total.known) if total.known else (None, None, 0)


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """Figures of one campaign: `delivered` None before a delivery report, `reported` where few people's are not told, `id` in old snapshots."""

    name: str
    launched_on: str
    recipients: int
    sent: int
    delivered: int | None
    reported: SelfReported | None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Outreach:
    """Totals of a kind of activity since `Snapshot.since`, `today` alone; `people` None if not counted."""

    kind: str
    times: int
    today: int
    people: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """Share to be reached by the end of `until`."""

    share: float
    until: str | None


@dataclass(frozen=True, slots=True)
class Headline:
    """What the headline is held against (`choose_headline`); `owners`: the entered base, if `is_entered`."""

    goal: float | None
    until: str | None
    is_entered: bool
    owners: SmartphoneOwners | None
    wants_goal: bool = True


@dataclass(frozen=True, slots=True)
class CheckedReports:
    """Random checks at the door: the likely number and its 95% interval; `confirmed` of `checks` true."""

    likely: int
    low: int
    high: int
    checks: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class OwnAnswerFigures:
    """Counts by the own answers of a drive to its question, each number once, by its last answer."""

    question: str
    answers: tuple[OwnCount, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures of a daily report, as of `as_of` (ISO 8601 in Vietnam time).

    `before` is the total of self-reports a day earlier; `days` the totals at the end of each of the last days, the last
    one as of `as_of`. `bodies` are organisations. Without `has_sources` residents' own reports are the only source: the
    kind asks agencies and authorities for no figures, and there are none.
    """

    day: str
    as_of: str
    residents: Target | None
    staff: Target | None
    whole: PlaceFigures
    districts: tuple[PlaceFigures, ...]
    communes: tuple[PlaceFigures, ...]
    bodies: tuple[OrganisationFigures, ...]
    agencies: tuple[AgencyFigures, ...]
    campaigns: tuple[CampaignFigures, ...]
    outreach: tuple[Outreach, ...]
    since: str  # the first day of the counted activities
    before: int | None
    days: tuple[tuple[str, int], ...]
    level: str = ""  # what the places of `districts` are called, where they are no districts
    headline: Headline | None = None  # None in old snapshots without it
    checked: CheckedReports | None = None  # None with too few checks
    own: OwnAnswerFigures | None = None  # None where no campaign has own answers
    has_sources: bool = True

    @property
    def head(self) -> RankRow:
        """Return the headline: of those whom the goal counts, how many have done it, by residents' own reports."""
        headline = self.headline or Headline(None, None, is_entered=False, owners=None)
        basis = ShareBasis.ENTERED if headline.is_entered else ShareBasis.RECIPIENTS
        return _measure(self.whole, headline.owners, goal=headline.goal, basis=basis)

    @property
    def promised(self) -> PromisedFigures | None:
        """Return what people promised and kept; None where no own answer promises."""
        told = self.whole.reported
        return read_promised(
            self.own.answers if self.own else (),
            recipients=told.recipients,
            answered=told.answered,
            done=told.reported,
        )

    @property
    def told(self) -> str:
        """Return how those are known who have done it: they report it, or where people promise, it is recorded."""
        return "được ghi nhận" if self.promised else "tự khai báo"

    def did(self, done: str) -> str:
        """Return what is said of those who have done it."""
        return f"{self.told} đã {done}"

    @property
    def places_basis(self) -> ShareBasis:
        """Return the base of the places' shares."""
        return common_basis(self.districts)

    @property
    def lines(self) -> list[RankRow]:
        """Return the places of the level below the province as the leader's page ranks them, nearest to the goal first."""
        goal, basis = self.headline.goal if self.headline else None, self.places_basis
        lines = [_measure(place, place.owners, goal=goal, basis=basis) for place in self.districts]
        return sorted(lines, key=lambda line: (line.share is None, -(line.share or 0), line.name))

    @property
    def unknown_place(self) -> PlaceFigures | None:
        """Return the figures of those of whom the place below the province is not known; None where it is of everybody."""
        parts = [place.reported for place in self.districts]
        whole = self.whole.reported
        rest = SelfReported(
            whole.recipients - sum(each.recipients for each in parts),
            whole.no_smartphone - sum(each.no_smartphone for each in parts),
            whole.answered - sum(each.answered for each in parts),
            whole.reported - sum(each.reported for each in parts),
        )
        return PlaceFigures("", "", rest) if parts and rest.recipients > 0 else None

    @property
    def level_name(self) -> str:
        """Return what the level below the province is called, as a heading."""
        return self.level or "Huyện, thành phố"

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the names of agencies without a report for the day."""
        return tuple(agency.name for agency in self.agencies if agency.is_missing)

    @property
    def without_official(self) -> tuple[str, ...]:
        """Return the names of districts without an official figure."""
        return tuple(place.name for place in self.districts if place.official is None)

    def as_data(self) -> dict[str, Any]:
        """Return the data that `read_snapshot` reads."""
        data = asdict(self)
        usual = {"level": "", "headline": None, "checked": None, "own": None, "has_sources": True}
        for entry in (*data["bodies"], *data["campaigns"]):
            if entry["id"] is None:  # as in the frozen data, else the digest would differ
                del entry["id"]
        for each in data["own"]["answers"] if data["own"] else ():
            if not each["means"]:
                del each["done"], each["means"]
        return {name: value for name, value in data.items() if name not in usual or value != usual[name]}

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the figures: equal for equal snapshots."""
        text = json.dumps(self.as_data(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read_snapshot(data: Mapping[str, Any]) -> Snapshot:
    """Read a snapshot from the data of `as_data`, also after conversion to JSON and back."""
    return read_stored(Snapshot, data)


def _measure(
    place: PlaceFigures, owners: SmartphoneOwners | None, *, goal: float | None, basis: ShareBasis
) -> RankRow:
    """Return a place's figures as the leader's page computes them."""
    reported = place.reported
    counts = PlaceCounts(
        installed=reported.reported,
        recipients=reported.recipients,
        no_smartphone=reported.no_smartphone,
        answered=reported.answered,
    )
    never = datetime.min.replace(tzinfo=UTC)  # when and by whom it was entered is not needed here
    entered = None
    if owners:
        entered = Denominator(owners.count, date.fromisoformat(owners.day), owners.source, "", never)
    return measure_line(place.code, place.name, counts, goal=goal, entered=entered, basis=basis)


Item = TypeVar("Item")
# Stands for changes that are not in a figure.
OTHER = "Nội dung khác (tên gọi, mục tiêu, ngày bắt đầu)"


class ChangeKind(StrEnum):
    """Kinds of changes; `ADDED` means that the figure was unknown before."""

    ADDED = "added"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class FigureChange:
    """Change of one figure; None is unknown."""

    what: str
    before: Cell
    after: Cell

    @property
    def kind(self) -> ChangeKind:
        """Return ADDED if the figure was unknown before, else CORRECTED."""
        return ChangeKind.ADDED if self.before is None else ChangeKind.CORRECTED


def describe_change(change: FigureChange) -> str:
    """Describe a change in one line, such as: Sở Y tế: tổng số người: 1.204 (đã báo cáo: 1.200)."""
    before = "chưa có số liệu" if change.before is None else cell(change.before)
    return f"{change.what}: {cell(change.after)} (đã báo cáo: {before})"


def find_changes(
    issued: Snapshot, now: Snapshot, *, done: str, owners: str = SMARTPHONE_OWNERS
) -> list[FigureChange]:
    """Return the changes of printed figures since an issue, at the same hour; others as one named OTHER."""
    pairs = [
        *_headline(issued, now, owners=owners),
        *_staff_totals(issued, now, done=done, owners=owners),
        *_places(issued, now, owners),
        *_organisations(issued, now),
        *_agencies(issued, now, done=done, owners=owners),
        *_campaigns(issued, now, done=done),
        *_outreach(issued, now),
        *_own_answers(issued, now),
        *_days(issued, now),
    ]
    changes = [change for change in pairs if change.before != change.after]
    if _differs_otherwise(issued, now):
        changes.append(FigureChange(OTHER, "như báo cáo đã gửi", "như báo cáo dưới đây"))
    return changes


def _pairs(
    issued: Iterable[Item], now: Iterable[Item], key: Callable[[Item], Hashable]
) -> Iterator[tuple[Item | None, Item | None, Item]]:
    """Pair items by key, in the order of `now`, and say which tells their name; items no longer there come last."""
    before = {key(item): item for item in issued}
    for item in now:
        yield before.pop(key(item), None), item, item
    for gone in before.values():
        yield gone, None, gone


def _headline(issued: Snapshot, now: Snapshot, *, owners: str) -> Iterator[FigureChange]:
    """Compare the share that stands at the head of the report, and its base where that is an entered figure."""
    # As they are printed: what looks the same has not changed.
    shares = (None if each.head.share is None else percent(each.head.share) for each in (issued, now))
    yield FigureChange("Tỷ lệ so với mục tiêu", *shares)
    yield FigureChange("Ước tính sau kiểm tra ngẫu nhiên", _checked(issued), _checked(now))
    was, known = (each.headline.owners if each.headline else None for each in (issued, now))
    if (was, known) != (issued.whole.owners, now.whole.owners):  # else they are listed with the whole
        who = f"Tổng số {owners or 'người thuộc diện'} để tính tỷ lệ"
        yield FigureChange(who, was.count if was else None, known.count if known else None)
        if was and known:
            yield FigureChange(f"{who}: số liệu ngày", short_day(was.day), short_day(known.day))
            yield FigureChange(f"{who}: nguồn", was.source, known.source)


def _checked(snapshot: Snapshot) -> str | None:
    if (checked := snapshot.checked) is None:
        return None
    return f"{said(checked.likely)} người ({said(checked.low)} đến {said(checked.high)})"


def _staff_totals(issued: Snapshot, now: Snapshot, *, done: str, owners: str) -> Iterator[FigureChange]:
    """Compare the totals over the agencies with full figures."""
    before, after = staff_total(issued.agencies), staff_total(now.agencies)
    name = "Cộng các cơ quan, đơn vị đủ số liệu"
    yield FigureChange(f"{name}: số người đã {done}", before[0], after[0])
    yield FigureChange(f"{name}: {owners or 'thuộc diện'}", before[1], after[1])
    handed_in = (len(of.agencies) - len(of.missing) if of.agencies else None for of in (issued, now))
    yield FigureChange("Số cơ quan, đơn vị đã gửi số liệu trong ngày", *handed_in)


def _places(issued: Snapshot, now: Snapshot, owners: str) -> Iterator[FigureChange]:
    yield from _place(issued.whole, now.whole, owners, has_source=True, has_base=True, is_whole=True)
    districts = {place.code for place in (*issued.districts, *now.districts)}
    for was, are in ((issued.districts, now.districts), (issued.communes, now.communes)):
        # How many were written to is printed where it is the base of the shares.
        has_base = ShareBasis.RECIPIENTS in (common_basis(was), common_basis(are))
        for before, after, either in _pairs(was, are, lambda place: place.code):
            nothing = PlaceFigures(either.code, either.name, SelfReported())
            # Districts' sources are printed if the province has no figure of its own.
            is_named = either.code in districts and now.whole.official is None
            yield from _place(
                before or nothing, after or nothing, owners, has_source=is_named, has_base=has_base
            )


def _place(
    before: PlaceFigures,
    after: PlaceFigures,
    owners: str,
    *,
    has_source: bool,
    has_base: bool,
    is_whole: bool = False,
) -> Iterator[FigureChange]:
    name = after.name
    was, is_now = before.official, after.official
    yield FigureChange(
        f"Số chính thức, {name}", was.installed if was else None, is_now.installed if is_now else None
    )
    if was and is_now:
        yield FigureChange(f"Số chính thức, {name}: tính đến ngày", short_day(was.day), short_day(is_now.day))
        if has_source:
            yield FigureChange(f"Số chính thức, {name}: nguồn", was.source, is_now.source)
    had, has = before.owners, after.owners
    who = f"{owners[:1].upper()}{owners[1:]}"
    yield FigureChange(f"{who}, {name}", had.count if had else None, has.count if has else None)
    if is_whole and was and is_now and had and has:
        yield FigureChange(f"{who}, {name}: số liệu ngày", short_day(had.day), short_day(has.day))
        yield FigureChange(f"{who}, {name}: nguồn", had.source, has.source)
    yield FigureChange(f"Số tự khai báo, {name}", _reported(before.reported), _reported(after.reported))
    if has_base:
        yield FigureChange(
            f"Số được vận động, {name}", _could_install(before.reported), _could_install(after.reported)
        )


def _reported(reported: SelfReported) -> int | None:
    return reported.reported if reported.recipients else None


def _could_install(reported: SelfReported) -> int | None:
    return reported.could if reported.recipients else None


def _organisations(issued: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    for was, after, either in _paired_organisations(issued, now):
        nothing = OrganisationFigures(either.name, SelfReported())
        before, known = (was or nothing).reported, (after or nothing).reported
        yield FigureChange(f"{either.name}: đã trả lời", before.answered if was else None, known.answered)
        yield FigureChange(f"{either.name}: số tự khai báo", _reported(before), _reported(known))
        yield FigureChange(f"{either.name}: số được vận động", _could_install(before), _could_install(known))


def _paired_organisations(
    issued: Snapshot, now: Snapshot
) -> Iterator[tuple[OrganisationFigures | None, OrganisationFigures | None, OrganisationFigures]]:
    is_known = all(body.id is not None for body in issued.bodies)
    return _pairs(issued.bodies, now.bodies, lambda body: body.id if is_known else body.name)


def _agencies(issued: Snapshot, now: Snapshot, *, done: str, owners: str) -> Iterator[FigureChange]:
    for was, after, either in _pairs(issued.agencies, now.agencies, lambda agency: agency.id):
        nothing = AgencyFigures(either.id, either.name, None, None, None, None, is_missing=True)
        before, known = was or nothing, after or nothing
        for what, old, new in (
            ("tổng số người", before.staff, known.staff),
            (owners, before.with_smartphone, known.with_smartphone),
            (f"số người đã {done}", before.installed, known.installed),
        ):
            yield FigureChange(f"{either.name}: {what}", old, new)
        days = (short_day(each.day) if each.day else None for each in (before, known))
        yield FigureChange(f"{either.name}: số liệu ngày", *days)


def _campaigns(issued: Snapshot, now: Snapshot, *, done: str) -> Iterator[FigureChange]:
    names = [campaign.name for campaign in now.campaigns]
    for was, after, either in _paired_campaigns(issued, now):
        name = f"Đợt “{either.name}”"
        if names.count(either.name) > 1:
            name += f", bắt đầu {short_day(either.launched_on)}"
        before = _sent(was, done=done)
        for what, known in _sent(after, done=done).items():
            yield FigureChange(f"{name}: {what}", before[what], known)


def _paired_campaigns(
    issued: Snapshot, now: Snapshot
) -> Iterator[tuple[CampaignFigures | None, CampaignFigures | None, CampaignFigures]]:
    if all(campaign.id is not None for campaign in issued.campaigns):
        return _pairs(issued.campaigns, now.campaigns, lambda campaign: campaign.id)
    # Old snapshots have no campaign ids, but the order is the same.
    pairs = zip_longest(issued.campaigns, now.campaigns)
    return ((was, after, either) for was, after in pairs if (either := after or was))


def _sent(campaign: CampaignFigures | None, *, done: str) -> dict[str, int | None]:
    return {
        "người nhận": campaign.recipients if campaign else None,
        "đã gửi": campaign.sent if campaign else None,
        "đến máy": campaign.delivered if campaign else None,
        "trả lời": campaign.reported.answered if campaign and campaign.reported else None,
        f"tự khai báo đã {done}": campaign.reported.reported if campaign and campaign.reported else None,
    }


def _outreach(issued: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    for was, after, either in _pairs(issued.outreach, now.outreach, lambda line: line.kind):
        name = ACTIVITY_NAMES[ActivityKind(either.kind)]
        known = after or Outreach(either.kind, 0, 0, None)
        yield FigureChange(f"{name}: số lượt", was.times if was else None, known.times)
        yield FigureChange(f"{name}: số lượt trong ngày", was.today if was else 0, known.today)
        yield FigureChange(f"{name}: số lượt người", was.people if was else None, known.people)


def _own_answers(issued: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    was, are = ({each.text: each.people for each in of.own.answers} if of.own else {} for of in (issued, now))
    for text in {**are, **was}:
        yield FigureChange(f"Câu trả lời “{text}”", was.get(text), are.get(text))
    if issued.own or now.own:
        answered = (issued.whole.reported.answered, now.whole.reported.answered)
        yield FigureChange("Số người đã trả lời", *answered)


def _days(issued: Snapshot, now: Snapshot) -> Iterator[FigureChange]:
    """Compare the totals of self-reports by day. That of the previous report is usually the last but one."""
    if (issued.before, now.before) != (_day_before(issued), _day_before(now)):
        yield FigureChange("Số tự khai báo cùng giờ hôm trước", issued.before, now.before)
    for was, after, (day, _n) in _pairs(issued.days, now.days, lambda day: day[0]):
        what = f"Số tự khai báo, cộng dồn đến {short_day(day)}"
        yield FigureChange(what, was[1] if was else None, after[1] if after else None)


def _day_before(snapshot: Snapshot) -> int | None:
    return snapshot.days[-2][1] if len(snapshot.days) > 1 else None


def _differs_otherwise(issued: Snapshot, now: Snapshot) -> bool:
    """Return whether goals, names or start days are printed differently."""
    if (issued.residents, issued.since) != (now.residents, now.since):
        return True
    if now.staff and issued.staff != now.staff:  # earlier versions printed a goal that nobody had set
        return True
    if _without_owners(issued) != _without_owners(now) or _question(issued) != _question(now):
        return True
    places = (
        *_pairs(issued.districts, now.districts, lambda place: place.code),
        *_pairs(issued.communes, now.communes, lambda place: place.code),
    )
    agencies = _pairs(issued.agencies, now.agencies, lambda agency: agency.id)
    return any(
        was and after and was.name != after.name
        for pairs in (places, agencies, _paired_organisations(issued, now), _paired_campaigns(issued, now))
        for was, after, _either in pairs
    ) or any(
        was and after and was.launched_on != after.launched_on
        for was, after, _either in _paired_campaigns(issued, now)
    )


def _question(snapshot: Snapshot) -> str:
    return snapshot.own.question if snapshot.own else ""


def _without_owners(snapshot: Snapshot) -> Headline | None:
    return replace(snapshot.headline, owners=None, wants_goal=True) if snapshot.headline else None
