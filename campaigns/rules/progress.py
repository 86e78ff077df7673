"""Places and organisations against a goal: share, gap in people, rank; and whether the goal will be reached. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from campaigns.figures.forecast import Forecast
from campaigns.goals.goal import Denominator, people_for


class Basis(StrEnum):
    """What a share is of."""

    ENTERED = "entered"  # people as entered, with day and source
    RECIPIENTS = "recipients"  # those written to who have not said that they have no smartphone


@dataclass(slots=True)
class Tally:
    """Counts of one place or organisation. `installed` and `today` are over all campaigns of a kind, each phone once;
    the others are people of one campaign. `sent` and `delivered` are None while nobody knows."""

    installed: int = 0
    today: int = 0  # installed less what stood at the end of yesterday
    recipients: int = 0
    no_smartphone: int = 0
    answered: int = 0
    own_installed: int = 0  # of the one campaign, as is `own_today`
    own_today: int = 0
    sent: int | None = None
    delivered: int | None = None

    def add(self, other: Tally) -> None:
        """All but `sent` and `delivered`, which come from another count."""
        self.installed += other.installed
        self.today += other.today
        self.recipients += other.recipients
        self.no_smartphone += other.no_smartphone
        self.answered += other.answered
        self.own_installed += other.own_installed
        self.own_today += other.own_today

    @property
    def of_the_campaign(self) -> Tally:
        """The same people, and no installs but those of their campaign."""
        return replace(self, installed=self.own_installed, today=self.own_today)

    @property
    def could_install(self) -> int:
        return self.recipients - self.no_smartphone

    @property
    def is_empty(self) -> bool:
        return not (self.recipients or self.installed)


@dataclass(frozen=True, slots=True)
class Line:
    """One place or organisation; `code` is None for those of whom it is not known.

    `installed` and `today` are of the people that the denominator counts: over all campaigns of a kind where these are
    people of a place, of the one campaign where they are its recipients. `denominator`, `share` and `missing` (people short of the goal, 0 once it is reached) are None where not known.
    `rank` counts from 1 among those whose share is known.
    """

    code: str | None
    name: str
    tally: Tally
    installed: int
    today: int
    denominator: int | None
    entered: Denominator | None
    share: float | None
    missing: int | None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Lines, the furthest first. All are measured on the same `basis`; `entered` of `lines` have a figure entered."""

    lines: list[Line]
    basis: Basis
    entered: int


def measure(
    counted: Mapping[str | None, Tally],
    *,
    name_of: Callable[[str | None], str],
    goal_of: Callable[[str | None], float | None],
    entered: Mapping[str, Denominator],
) -> Table:
    """Lines that can be compared: on the entered figures once every place with people has one, else on recipients.

    `entered` by code; `goal_of` is the share that a place is measured by.
    """
    known = [code for code in counted if code in entered]
    wanted = [code for code, tally in counted.items() if code is not None and not tally.is_empty]
    is_entered = bool(wanted) and all(code in entered for code in wanted)
    basis = Basis.ENTERED if is_entered else Basis.RECIPIENTS
    lines = [
        measure_line(
            code,
            name_of(code),
            tally,
            goal=goal_of(code),
            entered=entered.get(code or "") if is_entered else None,
            basis=basis,
        )
        for code, tally in counted.items()
    ]
    lines.sort(key=_furthest_first)
    ranked = [_with_rank(line, place) for place, line in enumerate(lines, start=1)]
    return Table(ranked, basis, len(known))


def measure_line(
    code: str | None,
    name: str,
    tally: Tally,
    *,
    goal: float | None,
    entered: Denominator | None,
    basis: Basis,
) -> Line:
    """One line on a basis. Nobody who could install is not known, never nought."""
    if basis is Basis.ENTERED:
        installed, today, denominator = tally.installed, tally.today, entered.value if entered else None
    else:
        installed, today, denominator = tally.own_installed, tally.own_today, tally.could_install or None
    share = installed / denominator if denominator else None
    target = people_for(goal, denominator) if goal else None
    missing = max(0, target - installed) if target is not None else None
    return Line(code, name, tally, installed, today, denominator, entered, share, missing)


def _furthest_first(line: Line) -> tuple[bool, bool, float, str]:
    return line.code is None, line.share is None, -(line.share or 0), line.name


def _with_rank(line: Line, place: int) -> Line:
    return replace(line, rank=place if line.code is not None and line.share is not None else None)


class Outlook(StrEnum):
    """Whether a goal will be reached by its deadline, as the last weeks went."""

    REACHED = "reached"
    ON_TRACK = "on_track"  # the whole range of the forecast lies before the deadline
    AT_RISK = "at_risk"  # the deadline lies within it
    OFF_TRACK = "off_track"  # the whole range lies after it
    PAST = "past"  # the deadline is over and the goal not reached
    OPEN = "open"  # no deadline
    UNKNOWN = "unknown"


def look_ahead(
    *, share: float | None, goal: float | None, deadline: date | None, today: date, ahead: Forecast | None
) -> Outlook:
    """The answer to "will we make it"; unknown rather than guessed."""
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
    if ahead.latest is not None and ahead.latest <= deadline:
        return Outlook.ON_TRACK
    if ahead.earliest is None or ahead.earliest > deadline:
        return Outlook.OFF_TRACK
    return Outlook.AT_RISK


def furthest_behind(lines: Sequence[Line], *, most: int) -> list[Line]:
    """Those whose gap in people is largest."""
    short = [line for line in lines if line.code is not None and line.missing]
    return sorted(short, key=lambda line: (-(line.missing or 0), line.name))[:most]
