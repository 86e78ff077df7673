"""Snapshot: a day's frozen figures with days and sources, without anything computed from them.

Three sources stand side by side and are never added: official figures, residents' self-reports, and what agencies
counted of their own staff. None is unknown; it is never zero.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from campaigns.rules.goals import Denominator
from campaigns.rules.progress import PlaceCounts, RankRow, ShareBasis, measure_line
from campaigns.rules.promises import OwnCount, PromisedFigures, read_promised
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
    known = [
        agency for agency in agencies if agency.with_smartphone is not None and agency.installed is not None
    ]
    if not known:
        return None, None, 0
    installed, owners = (
        sum(agency.installed or 0 for agency in known),
        sum(agency.with_smartphone or 0 for agency in known),
    )
    return installed, owners, len(known)


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """Figures of one campaign: `delivered` None before a delivery report, `id` None in old snapshots."""

    name: str
    launched_on: str
    recipients: int
    sent: int
    delivered: int | None
    reported: SelfReported
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
