"""A campaign's money: budget check before a launch, reserve, spending and bills in đồng."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from outreach.rules.errors import WrongState


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
    """Return the VND reserved for messages not sent yet.

    `steps` holds, per step, the number of messages and the segments of each. None for the segments means the step
    was opened before they were stored; nothing is reserved for it.
    """
    return round(sum(messages * (segments or 0.0) for messages, segments in steps) * price_vnd)


def vnd_of(price: Decimal | None, unit: str, *, usd_vnd: float) -> int | None:
    """Convert a bill to whole đồng.

    Returns None if there is no bill yet or its currency has no known rate.
    """
    rate = {"VND": Decimal(1), "USD": Decimal(str(usd_vnd))}.get(unit.upper())
    if price is None or rate is None:
        return None
    return int((price * rate).quantize(Decimal(1), rounding=ROUND_HALF_UP))
