"""A campaign's money: what a launch may cost, what is put aside, what is spent and what the gateway has billed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from outreach.rules.formats import format_number


@dataclass(frozen=True, slots=True)
class Spending:
    """What a campaign has used: `taken` segments, of which the gateway has billed `priced` for `priced_vnd` in all.

    The others cost `price_vnd` each. A message that failed may be billed as well: in `priced_vnd` alone.
    """

    taken: int
    priced: int
    priced_vnd: int
    price_vnd: int

    @property
    def vnd(self) -> int:
        """As far as it is billed what was billed, the rest by the estimate."""
        return max(0, self.taken - self.priced) * self.price_vnd + self.priced_vnd

    @property
    def each_vnd(self) -> float:
        """A segment's share of it."""
        return self.vnd / self.taken if self.taken else float(self.price_vnd)


def refusal_of(*, estimate_vnd: int | None, budget_vnd: int | None) -> str:
    """Why a launch is refused that would cost more than the campaign's budget; "" where it would not."""
    if estimate_vnd is None or budget_vnd is None or estimate_vnd <= budget_vnd:
        return ""
    return (
        f"Chi phí ước tính {format_number(estimate_vnd)} đồng vượt ngân sách {format_number(budget_vnd)} đồng của chiến dịch. "
        "Hãy rút lại để tăng ngân sách, bớt người nhận hoặc rút ngắn tin, rồi trình duyệt lại."
    )


def reserve_of(steps: Iterable[tuple[int, float | None]], *, price_vnd: int) -> int:
    """What is put aside in VND for messages that have not left: by step how many, and segments each of them takes.

    A step without segments was opened before they were kept, and has nothing put aside.
    """
    return round(sum(messages * (each or 0.0) for messages, each in steps) * price_vnd)


def vnd_of(price: Decimal | None, unit: str, *, usd_vnd: float) -> int | None:
    """A bill in whole đồng; None where it has not come yet, or is in money of which we know no rate."""
    rate = {"VND": Decimal(1), "USD": Decimal(str(usd_vnd))}.get(unit.upper())
    if price is None or rate is None:
        return None
    return int((price * rate).quantize(Decimal(1), rounding=ROUND_HALF_UP))
