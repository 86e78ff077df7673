"""Share, gap, rank, forecast, outlook, concerns.

Places and organisations against a goal: share, gap in people, rank; and whether the goal will be reached. Pure.

What needs a leader's decision or word, the most pressing first. Pure.

When a goal will be reached, as the last weeks went. Pure.

Of the people who have not installed yet a share does so each day. The shares of the last days have a mean and a spread;
over n days to come their sum is taken as Student's t about n times the mean, with the spread of n days and the doubt
about the mean itself, which grows with n squared. The goal is reached on the first day by which the sum is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from math import ceil, log, sqrt

from campaigns.rules.goals import Denominator, people_for


class ShareBasis(StrEnum):
    """What a share is of."""

    ENTERED = "entered"  # people as entered, with day and source
    RECIPIENTS = "recipients"  # those written to who have not said that they have no smartphone


@dataclass(slots=True)
class PlaceCounts:
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

    def add(self, other: PlaceCounts) -> None:
        """All but `sent` and `delivered`, which come from another count."""
        self.installed += other.installed
        self.today += other.today
        self.recipients += other.recipients
        self.no_smartphone += other.no_smartphone
        self.answered += other.answered
        self.own_installed += other.own_installed
        self.own_today += other.own_today

    @property
    def of_the_campaign(self) -> PlaceCounts:
        """The same people, and no installs but those of their campaign."""
        return replace(self, installed=self.own_installed, today=self.own_today)

    @property
    def could_install(self) -> int:
        return self.recipients - self.no_smartphone

    @property
    def is_empty(self) -> bool:
        return not (self.recipients or self.installed)


@dataclass(frozen=True, slots=True)
class RankRow:
    """One place or organisation; `code` is None for those of whom it is not known.

    `installed` and `today` are of the people that the denominator counts: over all campaigns of a kind where these are
    people of a place, of the one campaign where they are its recipients. `denominator`, `share` and `missing` (people short of the goal, 0 once it is reached) are None where not known.
    `rank` counts from 1 among those whose share is known.
    """

    code: str | None
    name: str
    counts: PlaceCounts
    installed: int
    today: int
    denominator: int | None
    entered: Denominator | None
    share: float | None
    missing: int | None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class RankTable:
    """Lines, the furthest first. All are measured on the same `basis`; `entered` of `lines` have a figure entered."""

    lines: list[RankRow]
    basis: ShareBasis
    entered: int


def measure(
    counted: Mapping[str | None, PlaceCounts],
    *,
    name_of: Callable[[str | None], str],
    goal_of: Callable[[str | None], float | None],
    entered: Mapping[str, Denominator],
) -> RankTable:
    """Lines that can be compared: on the entered figures once every place with people has one, else on recipients.

    `entered` by code; `goal_of` is the share that a place is measured by.
    """
    known = [code for code in counted if code in entered]
    wanted = [code for code, counts in counted.items() if code is not None and not counts.is_empty]
    is_entered = bool(wanted) and all(code in entered for code in wanted)
    basis = ShareBasis.ENTERED if is_entered else ShareBasis.RECIPIENTS
    lines = [
        measure_line(
            code,
            name_of(code),
            counts,
            goal=goal_of(code),
            entered=entered.get(code or "") if is_entered else None,
            basis=basis,
        )
        for code, counts in counted.items()
    ]
    lines.sort(key=_furthest_first)
    ranked = [_with_rank(line, place) for place, line in enumerate(lines, start=1)]
    return RankTable(ranked, basis, len(known))


def measure_line(
    code: str | None,
    name: str,
    counts: PlaceCounts,
    *,
    goal: float | None,
    entered: Denominator | None,
    basis: ShareBasis,
) -> RankRow:
    """One line on a basis. Nobody who could install is not known, never nought."""
    if basis is ShareBasis.ENTERED:
        installed, today, denominator = counts.installed, counts.today, entered.value if entered else None
    else:
        installed, today, denominator = counts.own_installed, counts.own_today, counts.could_install or None
    share = installed / denominator if denominator else None
    target = people_for(goal, denominator) if goal else None
    missing = max(0, target - installed) if target is not None else None
    return RankRow(code, name, counts, installed, today, denominator, entered, share, missing)


def _furthest_first(line: RankRow) -> tuple[bool, bool, float, str]:
    return line.code is None, line.share is None, -(line.share or 0), line.name


def _with_rank(line: RankRow, place: int) -> RankRow:
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


def find_outlook(
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


def furthest_behind(lines: Sequence[RankRow], *, most: int) -> list[RankRow]:
    """Those whose gap in people is largest."""
    short = [line for line in lines if line.code is not None and line.missing]
    return sorted(short, key=lambda line: (-(line.missing or 0), line.name))[:most]


NAMED = 3


class ConcernKind(StrEnum):
    NO_GOAL = "no_goal"
    NO_DENOMINATOR = "no_denominator"
    TOO_MANY = "too_many"  # more installs than people: the denominator cannot be right
    PAST = "past"
    OFF_TRACK = "off_track"
    AT_RISK = "at_risk"
    BEHIND = "behind"  # the places whose gap is largest
    AGENCIES_MISSING = "agencies_missing"  # have handed in nothing today
    NOT_STARTED = "not_started"  # places where nobody was written to
    OFFICIAL_MISSING = "official_missing"  # places without an official figure, while others have one
    MORE_THAN_OFFICIAL = "more_than_official"  # more self-reports than official installs
    SUBMITTED = "submitted"  # a campaign waits for approval
    PAUSED = "paused"  # a campaign stands still


@dataclass(frozen=True, slots=True)
class Concern:
    """`count` of what it is about, and the first few by `names`."""

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
    agencies_missing: Sequence[str],
    submitted: Sequence[str],
    paused: Sequence[str],
) -> list[Concern]:
    """`official` are installs by district. Names come as they are to be read."""
    found = [
        Concern(worry)
        for worry, is_so in (
            (ConcernKind.NO_GOAL, not has_goal),
            (ConcernKind.NO_DENOMINATOR, has_goal and not has_denominator),
            (ConcernKind.TOO_MANY, share is not None and share > 1),
            (ConcernKind.PAST, outlook is Outlook.PAST),
            (ConcernKind.OFF_TRACK, outlook is Outlook.OFF_TRACK),
            (ConcernKind.AT_RISK, outlook is Outlook.AT_RISK),
        )
        if is_so
    ]
    behind = furthest_behind(districts, most=NAMED)
    if behind and outlook is not Outlook.REACHED:
        gap = sum(line.missing or 0 for line in behind)
        found.append(Concern(ConcernKind.BEHIND, gap, tuple(line.name for line in behind)))
    known = [line for line in districts if line.code is not None]
    untouched = [line.name for line in known if not line.counts.recipients]
    without = [line.name for line in known if official and line.code not in official]
    more = [line.name for line in known if line.counts.installed > official.get(line.code or "", 1 << 62)]
    for worry, names in (
        (ConcernKind.AGENCIES_MISSING, agencies_missing),
        (ConcernKind.PAUSED, paused),
        (ConcernKind.SUBMITTED, submitted),
        (ConcernKind.NOT_STARTED, untouched if len(untouched) < len(known) else []),
        (ConcernKind.OFFICIAL_MISSING, without),
        (ConcernKind.MORE_THAN_OFFICIAL, more),
    ):
        if names:
            found.append(Concern(worry, len(names), tuple(names[:NAMED])))
    return found


# Whole weeks, so that a Sunday weighs what Sundays weigh.
WINDOW = 14
# With fewer whole days nobody is told anything.
LEAST = 5
# Beyond this many days no day is named.
HORIZON = 365
# Days resemble their neighbours, so n of them vary more than n strangers do: their variance is this many times as large.
# Chosen so that of 1,000 campaigns as the tests play them through 80 in 100 end within the range.
LIKENESS = 3.0
# Student's t at 90% by degrees of freedom, from 4 on (any table; R: qt(0.9, df)).
_T90 = (1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372, 1.363, 1.356, 1.350)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The day on which the goal is reached, and the days between which it falls in 80 of 100 campaigns.

    None stands for no day within HORIZON. `per_day` are installs a day over the last `days` days.
    """

    likely: date | None
    earliest: date | None
    latest: date | None
    per_day: float
    days: int


def required_per_day(
    *, installed: int, denominator: int, goal: float, today: date, deadline: date
) -> float | None:
    """Installs a day from today to the deadline, both included, that reach the goal; None after the deadline."""
    left = (deadline - today).days + 1
    missing = max(0, ceil(goal * denominator - 1e-9) - installed)
    return missing / left if left > 0 else None


def forecast(
    days: Sequence[tuple[date, int]], *, denominator: int, goal: float, today: date
) -> Forecast | None:
    """From reports that stood at the end of each day. None where too few whole days are over, or nobody could install.

    A goal that is reached has its first day; today, which is not over, is left out of the pace.
    """
    target = ceil(goal * denominator - 1e-9)
    if denominator <= 0 or not days:
        return None
    over = [(day, standing) for day, standing in days if day < today]
    steps = list(pairwise(over))[-WINDOW:]
    if days[-1][1] >= target:
        first = next(day for day, standing in days if standing >= target)
        return Forecast(first, first, first, _pace(steps), len(steps))
    if len(steps) < LEAST or goal >= 1:
        return None
    shares = [(after - before) / max(1, denominator - before) for (_, before), (_, after) in steps]
    mean = sum(shares) / len(shares)
    spread = sqrt(sum((share - mean) ** 2 for share in shares) / (len(shares) - 1))
    installed = over[-1][1]
    # What has to add up: the share of those left falls from one day's to the next.
    needed = log((denominator - installed) / (denominator - target))
    t90 = _T90[min(len(shares) - 1, 13) - 4]

    def first_day(t: float) -> date | None:
        for n in range(1, HORIZON + 1):
            doubt = spread * sqrt(LIKENESS * (n + n * n / len(shares)))
            if n * mean + t * doubt >= needed:
                return over[-1][0] + timedelta(days=n)
        return None

    return Forecast(first_day(0.0), first_day(t90), first_day(-t90), _pace(steps), len(steps))


def _pace(steps: Sequence[tuple[tuple[date, int], tuple[date, int]]]) -> float:
    return (steps[-1][1][1] - steps[0][0][1]) / len(steps) if steps else 0.0
