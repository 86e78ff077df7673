"""Snapshot: a day's frozen figures with days and sources, without anything computed from them.

Three sources stand side by side and are never added: official figures, residents' self-reports, and what agencies
counted of their own staff. None is unknown; it is never zero.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OfficialInstallFigure:
    """Official installs of a place by the end of `day`; `is_sum`: added up from its communes."""

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
    """Self-reports of residents.

    `reported` of them said that they installed, among `recipients` without those who have no smartphone
    (`no_smartphone`).
    """

    recipients: int = 0
    no_smartphone: int = 0
    answered: int = 0
    reported: int = 0

    @property
    def could(self) -> int:
        """Return the recipients who have not said that they have no smartphone."""
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


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """Figures of one campaign.

    `delivered` is None until a delivery report has come; `id` is None in old snapshots without it.
    """

    name: str
    launched_on: str
    recipients: int
    sent: int
    delivered: int | None
    reported: SelfReported
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Outreach:
    """Totals of one kind of activity (`kind` of campaigns.rules.activities).

    `times` and `people` are since `Snapshot.since`, `today` is of the report's day; `people` is None if not counted.
    """

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
class Snapshot:
    """All figures of a daily report, as of `as_of` (ISO 8601 in Vietnam time).

    `before` is the total of self-reports a day earlier; `days` the totals at the end of each of the last days, the last
    one as of `as_of`. `bodies` are organisations.
    """

    day: str
    as_of: str
    residents: Target | None
    staff: Target
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
        for entry in (*data["bodies"], *data["campaigns"]):
            if entry["id"] is None:  # as in the frozen data, else the digest would differ
                del entry["id"]
        if not self.level:
            del data["level"]
        return data

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the figures: equal for equal snapshots."""
        text = json.dumps(self.as_data(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read_snapshot(data: Mapping[str, Any]) -> Snapshot:
    """Read a snapshot from the data of `as_data`, also after conversion to JSON and back."""
    return Snapshot(
        day=data["day"],
        as_of=data["as_of"],
        residents=Target(**data["residents"]) if data["residents"] else None,
        staff=Target(**data["staff"]),
        whole=_place(data["whole"]),
        districts=tuple(_place(place) for place in data["districts"]),
        communes=tuple(_place(place) for place in data["communes"]),
        bodies=tuple(
            OrganisationFigures(**{**body, "reported": SelfReported(**body["reported"])})
            for body in data["bodies"]
        ),
        agencies=tuple(AgencyFigures(**agency) for agency in data["agencies"]),
        campaigns=tuple(
            CampaignFigures(**{**campaign, "reported": SelfReported(**campaign["reported"])})
            for campaign in data["campaigns"]
        ),
        outreach=tuple(Outreach(**activity) for activity in data["outreach"]),
        since=data["since"],
        before=data["before"],
        days=tuple((day, count) for day, count in data["days"]),
        level=data.get("level", ""),
    )


def _place(data: Mapping[str, Any]) -> PlaceFigures:
    official, owners = data["official"], data["owners"]
    return PlaceFigures(
        code=data["code"],
        name=data["name"],
        reported=SelfReported(**data["reported"]),
        official=OfficialInstallFigure(**official) if official else None,
        owners=SmartphoneOwners(**owners) if owners else None,
        district=data["district"],
    )
