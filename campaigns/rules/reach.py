"""Reach measures and totals; shares and intervals.

What is counted of a campaign, and what the counts of a step, a place or an organisation say. Pure.

Counts to shares. Pure.

How sure a difference between two shares is. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt

from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState, SkipReason

# With the gateway, whatever became of it there.
TAKEN = (
    MessageState.ACCEPTED,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.UNDELIVERED,
    MessageState.NO_REPORT,
)
FAILED = (MessageState.FAILED, MessageState.UNDELIVERED)
WAITING = (MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN)


class ReachMeasure(StrEnum):
    """What a count is of. Some have a detail: a reason, a state, a cause, a label."""

    # Of people, each once, whatever the step.
    RECIPIENTS = "recipients"
    EXCLUDED = "excluded"  # by reason
    WRITTEN = "written"  # the gateway has had one of their messages at least
    ARRIVED = "arrived"  # one of their messages at least was delivered
    WRITTEN_INSTALLED = "written_installed"  # of those written to
    WRITTEN_WITHOUT = "written_without"  # of those written to: have said that they have no smartphone
    # Of a step's messages.
    MESSAGES = "messages"  # by state
    SKIPPED = "skipped"  # by reason; part of the messages
    CAUSES = "causes"  # of failures; part of the messages
    SEGMENTS = "segments"  # that are charged
    # Of what people did while a step was the latest: from its opening to that of the next.
    OPENED = "opened"
    CLICKED = "clicked"
    ANSWERS = "answers"  # by label, as they stand
    INSTALLED = "installed"  # reports that stand
    # Of a step that is compared: whom the lot put where (planning.lots), and who of them reported an install meanwhile.
    ARMS = "arms"
    ARMS_INSTALLED = "arms_installed"


@dataclass(slots=True)
class ReachTotals:
    """Of a campaign, a step, a place or an organisation; zero where nothing was counted."""

    by: dict[ReachMeasure, dict[str, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )

    def add(self, measure: ReachMeasure, detail: str, n: int) -> None:
        self.by[measure][detail] += n

    def merge(self, other: ReachTotals) -> None:
        for measure, details in other.by.items():
            for detail, n in details.items():
                self.add(measure, detail, n)

    def total(self, measure: ReachMeasure) -> int:
        return sum(self.by[measure].values()) if measure in self.by else 0

    def _states(self, states: Iterable[MessageState]) -> int:
        found = self.by.get(ReachMeasure.MESSAGES, {})
        return sum(found.get(state.value, 0) for state in states)

    @property
    def recipients(self) -> int:
        return self.total(ReachMeasure.RECIPIENTS)

    @property
    def excluded(self) -> dict[Exclusion, int]:
        found = self.by.get(ReachMeasure.EXCLUDED, {})
        return {reason: found[reason.value] for reason in Exclusion if found.get(reason.value)}

    @property
    def messages(self) -> int:
        return self.total(ReachMeasure.MESSAGES)

    @property
    def sent(self) -> int:
        """Messages that the gateway has, whatever became of them there."""
        return self._states(TAKEN)

    @property
    def delivered(self) -> int:
        return self._states([MessageState.DELIVERED])

    @property
    def failed(self) -> int:
        """Refused by the gateway or not delivered."""
        return self._states(FAILED)

    @property
    def waiting(self) -> int:
        return self._states(WAITING)

    @property
    def cancelled(self) -> int:
        return self._states([MessageState.CANCELLED])

    @property
    def skipped(self) -> dict[SkipReason, int]:
        found = self.by.get(ReachMeasure.SKIPPED, {})
        return {reason: found[reason.value] for reason in SkipReason if found.get(reason.value)}

    @property
    def causes(self) -> dict[str, int]:
        """Of the failures, the most frequent first."""
        found = self.by.get(ReachMeasure.CAUSES, {})
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def segments(self) -> int:
        return self.total(ReachMeasure.SEGMENTS)

    @property
    def opened(self) -> int:
        return self.total(ReachMeasure.OPENED)

    @property
    def clicked(self) -> int:
        return self.total(ReachMeasure.CLICKED)

    @property
    def answers(self) -> dict[Label, int]:
        found = self.by.get(ReachMeasure.ANSWERS, {})
        return {label: found[label.value] for label in Label if found.get(label.value)}

    @property
    def answered(self) -> int:
        return self.total(ReachMeasure.ANSWERS)

    @property
    def opted_out(self) -> int:
        return self.by.get(ReachMeasure.ANSWERS, {}).get(Label.OPT_OUT.value, 0)

    @property
    def installed(self) -> int:
        return self.total(ReachMeasure.INSTALLED)

    @property
    def written(self) -> int:
        return self.total(ReachMeasure.WRITTEN)

    @property
    def arrived(self) -> int:
        return self.total(ReachMeasure.ARRIVED)

    @property
    def share(self) -> InstallShare:
        """Installs among those written to who have not said that they have no smartphone."""
        return share_of(
            installed=self.total(ReachMeasure.WRITTEN_INSTALLED),
            recipients=self.written,
            no_smartphone=self.total(ReachMeasure.WRITTEN_WITHOUT),
            entered=None,
        )


@dataclass(frozen=True, slots=True)
class InstallShare:
    """Self-reported installs against those who could install.

    `basis` says what the denominator is: `entered` (a dated, attributed figure of smartphone owners) or
    `recipients` (those written to who have not said that they have no smartphone). `value` is None where
    the denominator is zero: unknown, never nought.
    """

    installed: int
    denominator: int
    basis: str
    value: float | None


def share_of(*, installed: int, recipients: int, no_smartphone: int, entered: int | None) -> InstallShare:
    """The share toward a goal."""
    denominator = entered if entered is not None else recipients - no_smartphone
    value = installed / denominator if denominator > 0 else None
    return InstallShare(installed, denominator, "entered" if entered is not None else "recipients", value)


Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class ShareDifference:
    """`first` and `second` are shares, `value` is first minus second; `low` and `high` hold the true one in 95 of 100."""

    first: float
    second: float
    value: float
    low: float
    high: float


def wilson(successes: int, of: int) -> tuple[float, float]:
    """The 95% score interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22:209-212). `of` is at least 1."""
    share, square = successes / of, Z95 * Z95
    middle = share + square / (2 * of)
    half = Z95 * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, (middle - half) / (1 + square / of)), min(1.0, (middle + half) / (1 + square / of))


def compare_shares(first: int, of_first: int, second: int, of_second: int) -> ShareDifference | None:
    """first/of_first - second/of_second with its 95% interval; None where one of them has nobody.

    Newcombe's hybrid score interval, his method 10 (Newcombe 1998, Statistics in Medicine 17:873-890): it keeps
    its coverage with small groups and shares near 0, where the textbook's interval does not.
    """
    if not of_first or not of_second:
        return None
    p, q = first / of_first, second / of_second
    p_low, p_high = wilson(first, of_first)
    q_low, q_high = wilson(second, of_second)
    return ShareDifference(
        first=p,
        second=q,
        value=p - q,
        low=p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2),
        high=p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2),
    )
