"""Random checks of self-reports: who is drawn, and the share that is left of what was reported, with its interval.

Some of those who reported by themselves that it is done are put on visit sheets, unmarked. What officers find there says
which part of the self-reports is true. See docs/random-checks.md.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

# Of those who reported by themselves; a sheet's form may say another share.
DEFAULT_PERCENT, MOST_PERCENT = 5, 30
_CONFIDENCE = 0.95
# With fewer checks than this nothing is said.
FEWEST_CHECKS = 10


@dataclass(frozen=True, slots=True)
class VillageChecks:
    """Checks with a clear result in one village: `confirmed` of `checked` were true."""

    checked: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class CorrectedCount:
    """What is left of a reported count: the likely number, the ends of its interval, and from how many checks."""

    reported: int
    likely: float
    low: float
    high: float
    checks: int
    confirmed: int


def is_drawn(campaign_id: int, recipient_id: int, percent: int) -> bool:
    """Return whether a person is drawn for a check: the same at every asking, and at every larger share.

    Nobody chooses: neither the officer who makes a sheet nor the order of the answers.
    """
    digest = hashlib.sha256(f"random check {campaign_id} {recipient_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % 10_000 < percent * 100


def are_enough(villages: Sequence[VillageChecks]) -> bool:
    """Return whether anything may be said from these checks."""
    return sum(village.checked for village in villages) >= FEWEST_CHECKS


def correct(reported: int, unchecked: int, villages: Sequence[VillageChecks]) -> CorrectedCount | None:
    """Return what is left of `reported`, None with fewer than `FEWEST_CHECKS` checks.

    `reported` counts everybody who counts as done now. Of them `unchecked` reported it themselves and were not checked;
    the others were confirmed, or heard by an officer. The share of true reports comes from the checks; its interval is
    Wilson's for 95%, made wider where villages differ (the checks of a village resemble each other) and by Student's t
    where they are few.
    """
    checks = sum(village.checked for village in villages)
    confirmed = sum(village.confirmed for village in villages)
    if not are_enough(villages):
        return None
    low, high = _wilson(confirmed, checks, villages)
    certain = reported - unchecked
    return CorrectedCount(
        reported=reported,
        likely=certain + unchecked * confirmed / checks,
        low=certain + unchecked * low,
        high=certain + unchecked * high,
        checks=checks,
        confirmed=confirmed,
    )


def _wilson(confirmed: int, checks: int, villages: Sequence[VillageChecks]) -> tuple[float, float]:
    """Return Wilson's interval with the effective number of checks."""
    share = confirmed / checks
    n = checks / _design_effect(share, checks, villages)
    quantile = _t_quantile(max(len([village for village in villages if village.checked]) - 1, 1))
    square = quantile * quantile
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _design_effect(share: float, checks: int, villages: Sequence[VillageChecks]) -> float:
    """Return by what factor the variance between villages exceeds that of as many separate draws; at least 1.

    The variance is that of a ratio over clusters: Cochran, Sampling Techniques, 3rd edition, 6.2 and 9A.
    """
    k = len(villages)
    simple = share * (1 - share) / checks
    if k < 2 or simple == 0:
        return 1.0
    spread = sum((village.confirmed - share * village.checked) ** 2 for village in villages)
    return max(1.0, spread * k / (k - 1) / checks**2 / simple)


def _t_quantile(degrees: int) -> float:
    """Return the two-sided 95% quantile of Student's t, by Cornish and Fisher's expansion; exact enough from 3 degrees on."""
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    if degrees < 3:
        return {1: 12.706, 2: 4.303}[degrees]
    return (
        z
        + (z**3 + z) / (4 * degrees)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
    )
