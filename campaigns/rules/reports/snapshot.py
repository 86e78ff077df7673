"""A day's figures as they were frozen: whole numbers, days and sources, nothing that is computed from them. Pure.

Three sources stand side by side and are never added: what was made known officially, what people said of themselves,
what agencies counted of their own staff. None is not known; it is never zero.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OfficialInstallFigure:
    """Installs made known for a place until the end of `day`; `is_sum` of its communes."""

    installed: int
    day: str
    source: str
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class SmartphoneOwners:
    """How many people of a place have a smartphone: an entered figure, with its day and source."""

    count: int
    day: str
    source: str


@dataclass(frozen=True, slots=True)
class SelfReported:
    """What people said of themselves. `reported` install, of `recipients` who were written to, without those who have
    said that they have no smartphone (`no_smartphone`)."""

    recipients: int = 0
    no_smartphone: int = 0
    answered: int = 0
    reported: int = 0

    @property
    def could(self) -> int:
        return self.recipients - self.no_smartphone

    @property
    def share(self) -> float | None:
        return self.reported / self.could if self.could > 0 else None


@dataclass(frozen=True, slots=True)
class PlaceFigures:
    """The province, a district or a commune (`district` is its district's code)."""

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
    """An organisation with the people of its lists; its id is None in issues of before it was kept."""

    name: str
    reported: SelfReported
    id: int | None = None


@dataclass(frozen=True, slots=True)
class AgencyFigures:
    """What an agency counted of its own staff, of `day`; `is_missing` where that is not the report's day."""

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
    """What one campaign wrote. `delivered` is None while no report of delivery has come; the id as a body's."""

    name: str
    launched_on: str
    recipients: int
    sent: int
    delivered: int | None
    reported: SelfReported
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Outreach:
    """How often people were told in one way (`kind` of campaigns.rules.activities), since `Snapshot.since` and on the
    report's day; `people` where they were counted."""

    kind: str
    times: int
    today: int
    people: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """A share to be reached by the end of `until`."""

    share: float
    until: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """As of `as_of` (ISO 8601 in Vietnam's time). `before`: self-reports that stood a day earlier. `days`: the same at
    the end of each of the last days, the last one as of now."""

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
    since: str  # from which day on the outreach is counted
    before: int | None
    days: tuple[tuple[str, int], ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Agencies that have not handed in for the day."""
        return tuple(agency.name for agency in self.agencies if agency.is_missing)

    @property
    def without_official(self) -> tuple[str, ...]:
        """Districts of which nothing official is known."""
        return tuple(place.name for place in self.districts if place.official is None)

    def as_data(self) -> dict[str, Any]:
        """What `read_snapshot` reads."""
        data = asdict(self)
        for each in (*data["bodies"], *data["campaigns"]):
            if each["id"] is None:  # as it was frozen, or its digest would be another
                del each["id"]
        return data

    @property
    def digest(self) -> str:
        """SHA-256 of the figures: two snapshots with the same one say the same."""
        text = json.dumps(self.as_data(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read_snapshot(data: Mapping[str, Any]) -> Snapshot:
    """A snapshot from what `as_data` made of it, also after a way through JSON."""
    return Snapshot(
        day=data["day"],
        as_of=data["as_of"],
        residents=Target(**data["residents"]) if data["residents"] else None,
        staff=Target(**data["staff"]),
        whole=_place(data["whole"]),
        districts=tuple(_place(each) for each in data["districts"]),
        communes=tuple(_place(each) for each in data["communes"]),
        bodies=tuple(
            OrganisationFigures(**{**each, "reported": SelfReported(**each["reported"])})
            for each in data["bodies"]
        ),
        agencies=tuple(AgencyFigures(**each) for each in data["agencies"]),
        campaigns=tuple(
            CampaignFigures(**{**each, "reported": SelfReported(**each["reported"])})
            for each in data["campaigns"]
        ),
        outreach=tuple(Outreach(**each) for each in data["outreach"]),
        since=data["since"],
        before=data["before"],
        days=tuple((day, count) for day, count in data["days"]),
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
