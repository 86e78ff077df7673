"""Progress toward goals: share, gap in people, rank, outlook, and concerns for leaders."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from campaigns.rules.forecast import Forecast
from campaigns.rules.goals import Denominator, Goal, people_for


class ShareBasis(StrEnum):
    """What the denominator of a share is."""

    ENTERED = "entered"  # an entered number of people, with day and source
    RECIPIENTS = "recipients"  # recipients, but for those whom `outside_base` leaves out


@dataclass(slots=True)
class PlaceCounts:
    """Counts of one place or organisation over all campaigns of a drive, each number once.

    `no_smartphone` gave an answer that the base of the share leaves out (`outside_base`). `sent` and `delivered` are None
    while unknown. `at_the_door` are those of the recipients who have no usable number and answered there.
    """

    installed: int = 0
    today: int = 0  # `installed` minus its value at the end of yesterday
    recipients: int = 0
    no_smartphone: int = 0
    answered: int = 0
    at_the_door: int = 0
    sent: int | None = None
    delivered: int | None = None

    def update(self, other: PlaceCounts) -> None:
        """Add all counts except `sent` and `delivered`, which are counted separately."""
        self.installed += other.installed
        self.today += other.today
        self.recipients += other.recipients
        self.no_smartphone += other.no_smartphone
        self.answered += other.answered
        self.at_the_door += other.at_the_door

    @property
    def could_install(self) -> int:
        """Return the base of the share."""
        return self.recipients - self.no_smartphone

    @property
    def is_empty(self) -> bool:
        """Return whether there are neither recipients nor installs."""
        return not (self.recipients or self.installed)


@dataclass(frozen=True, slots=True)
class RankRow:
    """One place or organisation of a ranking; `code` is None for people whose place is unknown.

    `denominator`, `share` and `missing` (people short of the goal, 0 once it is reached) are None if unknown. `rank` counts from 1 among the rows with a known share.
    `perhaps` are people who may live there, as their unit was split; then the share is known only as `between`.
    """

    code: str | None
    name: str
    counts: PlaceCounts
    denominator: int | None
    entered: Denominator | None
    share: float | None = None
    missing: int | None = None
    rank: int | None = None
    perhaps: PlaceCounts | None = None
    between: tuple[float, float] | None = None
    # Of an entered figure that is known as a range, `denominator` being the least.
    most_people: int | None = None

    @property
    def installed(self) -> int:
        """Return who has done it for sure."""
        return self.counts.installed

    @property
    def is_untouched(self) -> bool:
        """Return whether nobody there was written to."""
        return not self.counts.recipients and self.perhaps is None


@dataclass(frozen=True, slots=True)
class RankTable:
    """Ranking on one `basis`, highest share first; `entered` counts the rows with an entered figure."""

    lines: list[RankRow]
    basis: ShareBasis
    entered: int


def measure(
    counted: Mapping[str | None, PlaceCounts],
    *,
    name_of: Callable[[str | None], str],
    goal_of: Callable[[str | None], float | None],
    entered: Mapping[str, Denominator],
    perhaps: Mapping[str | None, PlaceCounts] | None = None,
    most_people: Mapping[str, int] | None = None,
) -> RankTable:
    """Rank places by entered figures once each place with people has one, else by recipients."""
    perhaps, most_people = perhaps or {}, most_people or {}
    is_entered = _is_entered(counted, entered, perhaps)
    basis = ShareBasis.ENTERED if is_entered else ShareBasis.RECIPIENTS
    lines = [
        measure_line(
            code,
            name_of(code),
            counts,
            goal=goal_of(code),
            entered=entered.get(code or "") if is_entered else None,
            basis=basis,
            perhaps=perhaps.get(code),
            most_people=most_people.get(code or "") if is_entered else None,
        )
        for code, counts in counted.items()
    ]
    lines.sort(key=lambda line: (line.code is None, line.share is None, -(line.share or 0), line.name))
    ranked = [
        replace(line, rank=place if line.code is not None and line.share is not None else None)
        for place, line in enumerate(lines, start=1)
    ]
    return RankTable(ranked, basis, sum(code in entered for code in counted))


def _is_entered(
    counted: Mapping[str | None, PlaceCounts], entered: Collection[str], perhaps: Collection[str | None]
) -> bool:
    """Return whether there are places with people and each of them has an entered figure."""
    named = {code: counts for code, counts in counted.items() if code is not None}
    with_people = [code for code, counts in named.items() if code in perhaps or not counts.is_empty]
    return bool(with_people) and all(code in entered for code in with_people)


def measure_line(
    code: str | None,
    name: str,
    counts: PlaceCounts,
    *,
    goal: float | None,
    entered: Denominator | None,
    basis: ShareBasis,
    perhaps: PlaceCounts | None = None,
    most_people: int | None = None,
) -> RankRow:
    """Compute a row: unknown where nobody was written to, a range where figures are, then none missing."""
    if basis is ShareBasis.ENTERED:
        denominator = entered.value if entered else None
    else:
        denominator = counts.could_install or None
    row = RankRow(code, name, counts, denominator, entered, perhaps=perhaps, most_people=most_people)
    if perhaps is not None or most_people is not None:
        between = _share_between(counts, perhaps or PlaceCounts(), denominator, most_people, basis)
        return replace(row, between=between)
    share = row.installed / denominator if denominator and not counts.is_empty else None
    target = people_for(goal, denominator) if goal else None
    missing = max(0, target - row.installed) if target is not None else None
    return replace(row, share=share, missing=missing)


def _share_between(
    counts: PlaceCounts,
    perhaps: PlaceCounts,
    denominator: int | None,
    most_people: int | None,
    basis: ShareBasis,
) -> tuple[float, float] | None:
    """Return the least and the greatest share that is possible; None where that cannot be said."""
    least, most = counts.installed, counts.installed + perhaps.installed
    if basis is ShareBasis.ENTERED:
        fewest, all_people = denominator or 0, most_people or denominator or 0
    else:
        # Least: of those who may live there, all who have not done it do, and greatest: all who have.
        fewest = counts.could_install + perhaps.installed
        all_people = counts.could_install + max(0, perhaps.could_install - perhaps.installed)
    if not fewest or not all_people:
        return None if not most else (0.0, 1.0)
    return least / all_people, min(1.0, most / fewest) if basis is ShareBasis.RECIPIENTS else most / fewest


@dataclass(frozen=True, slots=True)
class HeadlineGoal:
    """What the headline of a drive is held against: a goal and the base of its share.

    The headline is one figure: of those whom the goal counts, how many have done it, by residents' own reports. Home, the
    leader's page, the report with its charts and mail, and the API show this one. A share on another base is a line of its
    own, with the base in its name.
    """

    goal: Goal | None
    basis: ShareBasis
    is_of_place: bool


def choose_headline(
    place_goal: Goal | None, own_goals: Sequence[Goal], *, campaigns: int, is_whole: bool
) -> HeadlineGoal:
    """Return the goal of a drive's headline.

    `place_goal` is that of all residents, which counts for readers who see the whole. Else it is the last of `own_goals`,
    which campaigns under way have, in the order of their launch. The number entered with a campaign is of its own
    audience: it is no base of several.
    """
    if place_goal is not None and is_whole:
        return HeadlineGoal(place_goal, ShareBasis.ENTERED, is_of_place=True)
    own = own_goals[-1] if own_goals else None
    is_own = campaigns == 1 and own is not None and own.denominator is not None and is_whole
    return HeadlineGoal(own, ShareBasis.ENTERED if is_own else ShareBasis.RECIPIENTS, is_of_place=False)


class Outlook(StrEnum):
    """Whether a goal will be reached by its deadline, by the forecast."""

    REACHED = "reached"
    ON_TRACK = "on_track"  # in at least 90 of 100 cases
    AT_RISK = "at_risk"  # in between
    OFF_TRACK = "off_track"  # in at most 10 of 100 cases
    PAST = "past"  # the deadline has passed without reaching the goal
    OPEN = "open"  # no deadline
    UNKNOWN = "unknown"


_LIKELY, _UNLIKELY = 0.9, 0.1


def find_outlook(
    *, share: float | None, goal: float | None, deadline: date | None, today: date, ahead: Forecast | None
) -> Outlook:
    """Return the outlook of a goal; unknown rather than guessed."""
    if share is None or goal is None:
        return Outlook.UNKNOWN
    if share >= goal:
        return Outlook.REACHED
    if deadline is None:
        return Outlook.OPEN
    if deadline < today:
        return Outlook.PAST
    if ahead is None:
        return Outlook.UNKNOWN
    if ahead.chance >= _LIKELY:
        return Outlook.ON_TRACK
    return Outlook.AT_RISK if ahead.chance > _UNLIKELY else Outlook.OFF_TRACK


def worst_first(lines: Sequence[RankRow]) -> list[RankRow]:
    """Return the rows with the largest gap first, those whose place is unknown last."""
    return sorted(
        lines,
        key=lambda line: (
            line.code is None,
            -(line.missing or 0),
            2.0 if line.share is None else line.share,
            line.name,
        ),
    )


def furthest_behind(lines: Sequence[RankRow], *, most: int) -> list[RankRow]:
    """Return the rows that lack the most people, largest gap first."""
    return [line for line in worst_first(lines) if line.code is not None and line.missing][:most]


_MOST_NAMES = 3


class ConcernKind(StrEnum):
    """Kinds of concerns."""

    NO_GOAL = "no_goal"
    NO_DENOMINATOR = "no_denominator"
    TOO_MANY = "too_many"  # more installs than people: the denominator cannot be right
    PAST = "past"
    OFF_TRACK = "off_track"
    AT_RISK = "at_risk"
    BEHIND = "behind"  # the places whose gap is largest
    AGENCIES_MISSING = "agencies_missing"  # without a report today
    NOT_STARTED = "not_started"  # places without recipients
    OFFICIAL_MISSING = "official_missing"  # places without an official figure, while others have one
    MORE_THAN_OFFICIAL = "more_than_official"  # more self-reports than official installs
    SUBMITTED = "submitted"  # a campaign waits for approval
    PAUSED = "paused"  # a campaign is paused
    REPORT_WAITING = "report_waiting"  # a report that the reader may approve
    REPORT_MISSED = "report_missed"  # days without a report that was due


_OF_OUTLOOK = {
    Outlook.PAST: ConcernKind.PAST,
    Outlook.OFF_TRACK: ConcernKind.OFF_TRACK,
    Outlook.AT_RISK: ConcernKind.AT_RISK,
}


@dataclass(frozen=True, slots=True)
class Concern:
    """Matter for a leader's attention: its kind (`worry`), how many it concerns, and the first few names."""

    worry: ConcernKind
    count: int = 0
    names: tuple[str, ...] = ()


def find_concerns(
    *,
    has_goal: bool,
    has_denominator: bool,
    share: float | None,
    outlook: Outlook,
    districts: Sequence[RankRow],
    official: dict[str, int],
    named: Mapping[ConcernKind, Sequence[str]],
    wants_goal: bool = True,
) -> list[Concern]:
    """Return the concerns, most pressing first; `named` what they are about, `official` by district."""
    about_reports = (ConcernKind.REPORT_MISSED, ConcernKind.REPORT_WAITING)
    about_campaigns = (ConcernKind.AGENCIES_MISSING, ConcernKind.PAUSED, ConcernKind.SUBMITTED)
    of_goal = {
        ConcernKind.NO_GOAL: wants_goal and not has_goal,
        ConcernKind.NO_DENOMINATOR: has_goal and not has_denominator,
        ConcernKind.TOO_MANY: (share or 0) > 1,
    }
    concerns = _name_all({kind: named.get(kind, ()) for kind in about_reports})
    concerns += [Concern(kind) for kind, is_so in of_goal.items() if is_so]
    concerns += [Concern(_OF_OUTLOOK[outlook])] if outlook in _OF_OUTLOOK else []
    behind = furthest_behind(districts, most=_MOST_NAMES)
    if behind and outlook is not Outlook.REACHED:
        gap = sum(line.missing or 0 for line in behind)
        concerns.append(Concern(ConcernKind.BEHIND, gap, tuple(line.name for line in behind)))
    concerns += _name_all({kind: named.get(kind, ()) for kind in about_campaigns})
    return concerns + _name_all(_of_places(districts, official, wants_goal=wants_goal))


def _of_places(
    districts: Sequence[RankRow], official: Mapping[str, int], *, wants_goal: bool
) -> dict[ConcernKind, Sequence[str]]:
    """Return the places where nothing was begun, and those whose figures are none or above the official ones."""
    places = [line for line in districts if line.code is not None]
    untouched = [line.name for line in places if line.is_untouched]
    without = [line.name for line in places if official and line.code not in official]
    above = [line.name for line in places if line.counts.installed > official.get(line.code or "", 1 << 62)]
    return {
        # Without a share to be reached, as of a meeting, nobody has to be written to everywhere.
        ConcernKind.NOT_STARTED: untouched if wants_goal and len(untouched) < len(places) else (),
        ConcernKind.OFFICIAL_MISSING: without,
        ConcernKind.MORE_THAN_OFFICIAL: above,
    }


def _name_all(names_of: Mapping[ConcernKind, Sequence[str]]) -> list[Concern]:
    return [
        Concern(kind, len(names), tuple(names[:_MOST_NAMES])) for kind, names in names_of.items() if names
    ]


def required_per_day(
    *, installed: int, denominator: int, goal: float, today: date, deadline: date
) -> float | None:
    """Return the installs needed a day from today to the deadline, both included; None after it."""
    left = (deadline - today).days + 1
    missing = max(0, (people_for(goal, denominator) or 0) - installed)
    return missing / left if left > 0 else None
