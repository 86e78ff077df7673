"""How sure a difference between two shares is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Difference:
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


def compare_shares(first: int, of_first: int, second: int, of_second: int) -> Difference | None:
    """first/of_first - second/of_second with its 95% interval; None where one of them has nobody.

    Newcombe's hybrid score interval, his method 10 (Newcombe 1998, Statistics in Medicine 17:873-890): it keeps
    its coverage with small groups and shares near 0, where the textbook's interval does not.
    """
    if not of_first or not of_second:
        return None
    p, q = first / of_first, second / of_second
    p_low, p_high = wilson(first, of_first)
    q_low, q_high = wilson(second, of_second)
    return Difference(
        first=p,
        second=q,
        value=p - q,
        low=p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2),
        high=p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2),
    )
