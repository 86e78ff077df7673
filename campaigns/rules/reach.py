"""Reach: measures and totals of a campaign, install shares and their intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt
from typing import Any, NamedTuple, TypeVar

from campaigns.rules.delivery import is_charged
from campaigns.rules.gateway_choice import GatewayTerms
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import GIVEN_UP, AttemptState, Exclusion, MessageState, SkipReason
from outreach.rules.gateway import Proof
from outreach.rules.phone_numbers import Operator, operator_of

Detail = TypeVar("Detail", bound=StrEnum)
# Accepted by the gateway, whatever happened after.
TAKEN = (
    MessageState.ACCEPTED,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.UNDELIVERED,
    MessageState.NO_REPORT,
)
FAILED = (MessageState.FAILED, MessageState.UNDELIVERED)
WAITING = (MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN)
# What became of messages, by the word that addresses have for it; "causes" are the failed ones by cause.
RESULTS = {
    "waiting": WAITING,
    "cancelled": (MessageState.CANCELLED,),
    "sent": TAKEN,
    "delivered": (MessageState.DELIVERED,),
    "failed": FAILED,
    "causes": FAILED,
    "skipped": (MessageState.SKIPPED,),
}


class Result(NamedTuple):
    """What became of people in a campaign: a word of RESULTS, `excluded`, `recipients` or `unanswered`; a reason or cause."""

    name: str
    detail: str = ""


def read_result(word: str) -> Result | None:
    """Return what a word of the address asks for, as `delivered` or `skipped.cap`; None for one that is none."""
    result = Result(*word.split(".", 1))
    reasons = {"excluded": {*Exclusion}, "skipped": {"", *SkipReason}}
    if result.name == "causes":
        return result if result.detail else None
    if result.name in reasons:
        return result if result.detail in reasons[result.name] else None
    return result if result.name in {*RESULTS, "recipients", "unanswered"} and not result.detail else None


class ReachMeasure(StrEnum):
    """Measures that are counted. Some have a detail: a reason, a state, a cause, a label."""

    # People, each counted once over all steps.
    RECIPIENTS = "recipients"
    EXCLUDED = "excluded"  # by reason
    WRITTEN = "written"  # the gateway accepted at least one of their messages
    ARRIVED = "arrived"  # at least one of their messages was delivered
    WRITTEN_INSTALLED = "written_installed"  # of those written to
    WRITTEN_WITHOUT = "written_without"  # of those written to: their answer is of `outside_base`
    # Messages of a step.
    MESSAGES = "messages"  # by state
    SKIPPED = "skipped"  # by reason; part of the messages
    CAUSES = "causes"  # of failures, by cause; part of the messages
    SEGMENTS = "segments"  # charged ones
    # What people did while a step was the latest: from its opening to that of the next one.
    OPENED = "opened"
    CLICKED = "clicked"
    ANSWERS = "answers"  # by label, current answers
    OWN_ANSWERS = (
        "own_answers"  # by the number of a campaign's own answer, current answers; part of the answers
    )
    INSTALLED = "installed"  # current reports
    # Steps with a hold-out or a second text: people by arm (rules.experiments), and those who reported an install
    # meanwhile.
    ARMS = "arms"
    ARMS_INSTALLED = "arms_installed"


class _Sum:
    """A measure of `ReachTotals`, over all its details or these."""

    def __init__(self, measure: ReachMeasure, *details: str) -> None:
        self.measure, self.details = measure, details

    def __get__(self, totals: ReachTotals, _owner: object) -> int:
        counts = totals.by.get(self.measure, {})
        return sum(counts.get(each, 0) for each in self.details or counts)


@dataclass(slots=True)
class ReachTotals:
    """Totals of a campaign, a step, a place or an organisation; 0 if nothing was counted."""

    by: dict[ReachMeasure, dict[str, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )

    def add(self, measure: ReachMeasure, detail: str, n: int) -> None:
        self.by[measure][detail] += n

    def update(self, other: ReachTotals) -> None:
        """Add the counts of another."""
        for measure, details in other.by.items():
            for detail, n in details.items():
                self.add(measure, detail, n)

    recipients = _Sum(ReachMeasure.RECIPIENTS)
    written = _Sum(ReachMeasure.WRITTEN)
    arrived = _Sum(ReachMeasure.ARRIVED)
    written_installed = _Sum(ReachMeasure.WRITTEN_INSTALLED)
    written_without = _Sum(ReachMeasure.WRITTEN_WITHOUT)
    messages = _Sum(ReachMeasure.MESSAGES)
    sent = _Sum(ReachMeasure.MESSAGES, *TAKEN)
    delivered = _Sum(ReachMeasure.MESSAGES, MessageState.DELIVERED)
    failed = _Sum(ReachMeasure.MESSAGES, *FAILED)
    waiting = _Sum(ReachMeasure.MESSAGES, *WAITING)
    cancelled = _Sum(ReachMeasure.MESSAGES, MessageState.CANCELLED)
    segments = _Sum(ReachMeasure.SEGMENTS)
    opened = _Sum(ReachMeasure.OPENED)
    clicked = _Sum(ReachMeasure.CLICKED)
    answered = _Sum(ReachMeasure.ANSWERS)
    opted_out = _Sum(ReachMeasure.ANSWERS, Label.OPT_OUT)
    installed = _Sum(ReachMeasure.INSTALLED)

    def _by_detail(self, measure: ReachMeasure, details: type[Detail]) -> dict[Detail, int]:
        counts = self.by.get(measure, {})
        return {detail: counts[detail.value] for detail in details if counts.get(detail.value)}

    @property
    def excluded(self) -> dict[Exclusion, int]:
        return self._by_detail(ReachMeasure.EXCLUDED, Exclusion)

    @property
    def skipped(self) -> dict[SkipReason, int]:
        return self._by_detail(ReachMeasure.SKIPPED, SkipReason)

    @property
    def answers(self) -> dict[Label, int]:
        return self._by_detail(ReachMeasure.ANSWERS, Label)

    @property
    def causes(self) -> dict[str, int]:
        """Return the failures by cause, the most frequent first."""
        counts = self.by.get(ReachMeasure.CAUSES, {})
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def share(self) -> InstallShare:
        """Return the share of installs among those written to, but for those whom the base leaves out."""
        return share_of(
            installed=self.written_installed,
            recipients=self.written,
            no_smartphone=self.written_without,
            entered=None,
        )


@dataclass(frozen=True, slots=True)
class InstallShare:
    """Share of installs; `basis`: `entered`, or `recipients` but `outside_base`; `value` None without any."""

    installed: int
    denominator: int
    basis: str
    value: float | None


def outside_base(*, needs_smartphone: bool) -> frozenset[Label]:
    """Return the answers of people whom the base of a share leaves out.

    An app is asked of people with a smartphone: those who say that they have none are not asked. People invited to
    something else stay in the base, also with the answer that they cannot come, which is counted apart.
    """
    return frozenset({Label.NO_SMARTPHONE}) if needs_smartphone else frozenset()


def share_of(*, installed: int, recipients: int, no_smartphone: int, entered: int | None) -> InstallShare:
    """Return the share of `entered` people if given, else of those written to; `no_smartphone` have an answer of `outside_base`."""
    denominator = entered if entered is not None else recipients - no_smartphone
    value = installed / denominator if denominator > 0 else None
    return InstallShare(installed, denominator, "entered" if entered is not None else "recipients", value)


Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class ShareDifference:
    """Difference of two shares: `value` is first minus second, `low` and `high` are its 95% interval."""

    first: float
    second: float
    value: float
    low: float
    high: float


def wilson(share: float, of: float, *, z: float = Z95) -> tuple[float, float]:
    """Return a share's 95% score interval, `of` at least 1 (Wilson 1927, J. Am. Stat. Assoc. 22:209)."""
    square = z * z
    middle = share + square / (2 * of)
    half = z * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, (middle - half) / (1 + square / of)), min(1.0, (middle + half) / (1 + square / of))


def compare_shares(first: int, of_first: int, second: int, of_second: int) -> ShareDifference | None:
    """Return first/of_first - second/of_second with its 95% interval, or None if a group is empty.

    Newcombe's hybrid score interval, his method 10 (Newcombe 1998, Statistics in Medicine 17:873-890): it keeps
    its coverage with small groups and shares near 0, where the textbook's interval does not.
    """
    if not of_first or not of_second:
        return None
    p, q = first / of_first, second / of_second
    (p_low, p_high), (q_low, q_high) = wilson(p, of_first), wilson(q, of_second)
    return ShareDifference(
        first=p,
        second=q,
        value=p - q,
        low=p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2),
        high=p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2),
    )


@dataclass(slots=True)
class Carried:
    """Messages that one operator's numbers were sent, or that one gateway took. `cost_vnd`: billed, else by its gateway's price."""

    sent: int = 0
    delivered: int = 0
    proven: int = 0  # of those delivered, the ones that a telephone confirmed
    failed: int = 0
    silent: int = 0  # without a report so far
    cost_vnd: int = 0


@dataclass(slots=True)
class ReachByOperator:
    """The same messages twice: by operator, and by gateway account's id; `total` is their sum."""

    total: Carried = field(default_factory=Carried)
    operators: dict[Operator, Carried] = field(default_factory=dict)
    gateways: dict[int, Carried] = field(default_factory=dict)


def add_up(
    rows: Iterable[list[Any]],
    *,
    proofs: Mapping[int, Proof],
    terms: Mapping[int, GatewayTerms],
    usual_price_vnd: float,
) -> ReachByOperator:
    """Add up counts by operator, account and state; unbilled segments cost what the gateway's terms say."""
    reach = ReachByOperator()
    for name, account_id, state_name, n, segments, billed_vnd in rows:
        state = AttemptState(state_name)
        if state in (AttemptState.SENDING, *GIVEN_UP):
            continue
        # An erased number's mark begins as no number does.
        operator = Operator(name) if name in {*Operator} else operator_of(name)
        price = terms[account_id].price_to(operator) if account_id in terms else None
        cost = billed_vnd + round(segments * (usual_price_vnd if price is None else price))
        for each in (
            reach.total,
            reach.operators.setdefault(operator, Carried()),
            reach.gateways.setdefault(account_id, Carried()),
        ):
            each.sent += n
            if state is AttemptState.DELIVERED:
                each.delivered += n
                each.proven += n * (proofs.get(account_id) is Proof.HANDSET)
            elif state in (AttemptState.FAILED, AttemptState.UNDELIVERED):
                each.failed += n
            else:
                each.silent += n
            if is_charged(state):
                each.cost_vnd += cost
    reach.operators = dict(sorted(reach.operators.items(), key=lambda pair: -pair[1].sent))
    reach.gateways = dict(sorted(reach.gateways.items()))
    return reach
