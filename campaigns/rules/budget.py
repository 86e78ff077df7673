"""A campaign's money: budget check before a launch, reserve, spending and bills in đồng."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from outreach.rules.errors import WrongState
from outreach.rules.segments import MOST_SEGMENTS


@dataclass(frozen=True, slots=True)
class Spending:
    """A campaign's used segments and their cost.

    Of `taken` segments the gateway has billed `priced`, for `priced_vnd` in total. The others are estimated at
    `price_vnd` each. A failed message may be billed too; it then counts in `priced_vnd` alone.
    """

    taken: int
    priced: int
    priced_vnd: int
    price_vnd: int

    @property
    def vnd(self) -> int:
        """Return the billed amount plus the estimate for segments not billed yet."""
        return max(0, self.taken - self.priced) * self.price_vnd + self.priced_vnd

    @property
    def each_vnd(self) -> float:
        """Return the average cost of a segment."""
        return self.vnd / self.taken if self.taken else float(self.price_vnd)


def refusal_of(*, estimate_vnd: int | None, budget_vnd: int | None) -> WrongState | None:
    """Return the error for a launch that would exceed the budget, or None if it would not."""
    if estimate_vnd is None or budget_vnd is None or estimate_vnd <= budget_vnd:
        return None
    return WrongState("cost_over_budget", cost_vnd=estimate_vnd, budget_vnd=budget_vnd)


def reserve_of(steps: Iterable[tuple[int, float | None]], *, price_vnd: int) -> int:
    """Return the VND reserved for messages to come: by step their number, and segments (None: nothing)."""
    return round(sum(messages * (segments or 0.0) for messages, segments in steps) * price_vnd)


MOST_VND = 1_000_000_000  # a bill of more for one message is a mistake of the other side


def expected_segments(counted: int, *, factor: float) -> int:
    """Return the segments to reserve for a text that has `counted` of them by our own count."""
    return min(MOST_SEGMENTS, math.ceil(counted * factor - 1e-6))


def next_factor(factor: float, answers: Iterable[tuple[int, int]]) -> float:
    """Return how many segments the gateway charges for each of ours, after its latest answers; at least 1.

    `answers`: pairs of segments counted and charged. It rises to the dearest at once, and falls by halves: one odd answer is soon
    forgotten, and what is dear now and then stays reserved.
    """
    dearest = max([1.0, *(charged / max(1, counted) for counted, charged in answers)])
    if dearest >= factor or factor - dearest < 0.1:
        return dearest
    return (factor + dearest) / 2


def vnd_of(price: Decimal | None, unit: str, *, usd_vnd: float) -> int | None:
    """Convert a bill to whole đồng; None without a bill yet or a known rate of its currency."""
    rate = {"VND": Decimal(1), "USD": Decimal(str(usd_vnd))}.get(unit.upper())
    if price is None or rate is None or abs(price * rate) > MOST_VND:
        return None
    return int((price * rate).quantize(Decimal(1), rounding=ROUND_HALF_UP))
