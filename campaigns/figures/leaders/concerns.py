"""What needs a leader's decision or word, the most pressing first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from campaigns.figures.leaders.measuring import Line, Outlook, furthest_behind

NAMED = 3


class Worry(StrEnum):
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

    worry: Worry
    count: int = 0
    names: tuple[str, ...] = ()


def find_concerns(
    *,
    has_goal: bool,
    has_denominator: bool,
    share: float | None,
    outlook: Outlook,
    districts: Sequence[Line],
    official: dict[str, int],
    agencies_missing: Sequence[str],
    submitted: Sequence[str],
    paused: Sequence[str],
) -> list[Concern]:
    """`official` are installs by district. Names come as they are to be read."""
    found = [
        Concern(worry)
        for worry, is_so in (
            (Worry.NO_GOAL, not has_goal),
            (Worry.NO_DENOMINATOR, has_goal and not has_denominator),
            (Worry.TOO_MANY, share is not None and share > 1),
            (Worry.PAST, outlook is Outlook.PAST),
            (Worry.OFF_TRACK, outlook is Outlook.OFF_TRACK),
            (Worry.AT_RISK, outlook is Outlook.AT_RISK),
        )
        if is_so
    ]
    behind = furthest_behind(districts, most=NAMED)
    if behind and outlook is not Outlook.REACHED:
        gap = sum(line.missing or 0 for line in behind)
        found.append(Concern(Worry.BEHIND, gap, tuple(line.name for line in behind)))
    known = [line for line in districts if line.code is not None]
    untouched = [line.name for line in known if not line.tally.recipients]
    without = [line.name for line in known if official and line.code not in official]
    more = [line.name for line in known if line.tally.installed > official.get(line.code or "", 1 << 62)]
    for worry, names in (
        (Worry.AGENCIES_MISSING, agencies_missing),
        (Worry.PAUSED, paused),
        (Worry.SUBMITTED, submitted),
        (Worry.NOT_STARTED, untouched if len(untouched) < len(known) else []),
        (Worry.OFFICIAL_MISSING, without),
        (Worry.MORE_THAN_OFFICIAL, more),
    ):
        if names:
            found.append(Concern(worry, len(names), tuple(names[:NAMED])))
    return found
