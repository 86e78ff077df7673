"""Forecast of a drive from its causes: people follow a message, most of them within days, others come without one.

Each day a share of the people who have not done it yet does it. That share is a base, plus what waves of messages bring: a wave
to a part of the people brings its effect times that part, spread over the days after it, each day a part of the day before.
Base and effect are followed from day to day by a filter that begins with what drives usually show, so that a few days say
little. How fast an effect fades and how much a day may differ are not known: several settings run side by side, each counts by
how well it foretold the days that are over, and what is stated is their mixture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise, product
from math import ceil, erf, exp, log, sqrt

# With fewer days that are over there is no forecast.
FEWEST_DAYS = 5
WITHOUT_DEADLINE_DAYS = 30
_PACE_DAYS = 14
_LEAST = 1e-6  # share of a day
# What is tried: how much of a wave's daily effect is left a day later; how far the days before still count for base and
# effect; the spread of a day's share around what it should be (weekdays, weather, news).
_FADES = (0.3, 0.6, 0.85, 0.95)
_DISCOUNTS = (0.8, 0.95)
_SPREADS = (0.2, 0.6)
# Mean and standard deviation of the base (share of those left, a day) and of the effect (share of those written to).
_BASE_PRIOR = (0.006, 0.006)
_EFFECT_PRIOR = (0.06, 0.08)
# Neighbouring days are alike, and real drives differ from the model: widths are this many times those of the filter.
# Chosen on the seeds 0 to 39 of `benchmarks.forecast_scores`, so that 80 in 100 ends lie within the range.
_CORRELATION = 4.0
_WIDEN = 1.5


@dataclass(frozen=True, slots=True)
class Wave:
    """Messages of one day: how many people they went to, or will go to."""

    day: date
    people: int


def by_day(waves: Iterable[Wave]) -> list[Wave]:
    """Return one wave a day, in their order, with the messages of all waves of that day."""
    sums: dict[date, int] = {}
    for wave in waves:
        sums[wave.day] = sums.get(wave.day, 0) + wave.people
    return [Wave(day, people) for day, people in sorted(sums.items())]


@dataclass(frozen=True, slots=True)
class CountForecast:
    """Number of people who will have done it by a day: a mixture of ways to come, each with its weight.

    `left` of the `people` have not done it yet.
    """

    people: int
    left: int
    ways: tuple[tuple[float, _Way], ...]

    def chance_below(self, count: float) -> float:
        """Return the chance that at most `count` people will have done it."""
        if count < self.people - self.left:
            return 0.0
        if count >= self.people:
            return 1.0
        needed = log(self.left / (self.people - count))
        if needed <= 0:
            return 0.0
        return sum(weight * _below((log(needed) - way.mean) / way.width) for weight, way in self.ways)

    def quantile(self, chance: float) -> float:
        """Return the count below which the truth lies with this chance."""
        low, high = float(self.people - self.left), float(self.people)
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if self.chance_below(middle) < chance else (low, middle)
        return high

    def count_of_wave(self, people: int) -> tuple[int, int]:
        """Return how many a message to so many people now would add by then, from and to in 80 of 100 cases."""
        size = people / self.people
        # Those whom it brings are taken from what the other days leave.
        rest = self.people - self.quantile(0.5)
        effects = [
            (weight, way.effect * way.follows * size, way.effect_sd * way.follows * size)
            for weight, way in self.ways
        ]
        mean = sum(weight * each for weight, each, _ in effects)
        variance = sum(weight * ((each - mean) ** 2 + sd * sd) for weight, each, sd in effects)
        low, high = (max(0.0, mean + z * sqrt(variance)) for z in (-1.2816, 1.2816))
        return round(rest * (1 - exp(-low))), round(rest * (1 - exp(-high)))


def _below(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2


def forecast_count(
    days: Sequence[tuple[date, int]], waves: Sequence[Wave], *, people: int, until: date
) -> CountForecast | None:
    """Forecast how many of `people` will have done it by the end of `until`.

    `days` are the totals at the end of each day that is over, without a gap; `waves` are those that have left and those
    that are planned. Returns None with fewer than FEWEST_DAYS days, or without anybody left.
    """
    totals = [0, *(total for _, total in days)]
    shares = [max(0, after - before) / max(1, people - before) for before, after in pairwise(totals)]
    ahead = (until - days[-1][0]).days
    if len(shares) < FEWEST_DAYS or days[-1][1] >= people or ahead < 1:
        return None
    first = days[0][0]
    sizes = [0.0] * (len(shares) + ahead)
    for wave in waves:
        place = max(0, (wave.day - first).days)
        if place < len(sizes):
            sizes[place] += wave.people / people
    lefts = [max(1, people - before) for before in totals[:-1]]
    ways = [_filter(shares, lefts, sizes, setting) for setting in product(_FADES, _DISCOUNTS, _SPREADS)]
    best = max(way.fit for way in ways)
    weights = [exp(way.fit - best) for way in ways]
    total = sum(weights)
    return CountForecast(
        people,
        people - days[-1][1],
        tuple((weight / total, way) for weight, way in zip(weights, ways, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """One setting of the filter after the days that are over.

    `fit` is the log likelihood of each day as it was foretold; `mean` and `width` are of the logarithm of the sum of daily
    shares to come. `effect` and `effect_sd` are of a wave to everybody, `follows` the part of it that comes by the last day.
    """

    fit: float
    mean: float
    width: float
    effect: float
    effect_sd: float
    follows: float


def _filter(
    shares: Sequence[float], lefts: Sequence[int], sizes: Sequence[float], setting: tuple[float, float, float]
) -> _Way:
    """Take in one day after the other (a dynamic linear model with discounts: West and Harrison 1997, chapter 6)."""
    fade, discount, spread = setting
    base, effect = _BASE_PRIOR[0], _EFFECT_PRIOR[0]
    # The variance of the base, the covariance, the variance of the effect.
    a, b, c = _BASE_PRIOR[1] ** 2, 0.0, _EFFECT_PRIOR[1] ** 2
    fit = pull = 0.0
    ahead = []
    for day, size in enumerate(sizes):
        pull = pull * fade + size * (1 - fade)
        if day >= len(shares):
            ahead.append(pull)
            continue
        a, b, c = a / discount, b / discount, c / discount
        mean = max(base + effect * pull, _LEAST)
        of_base, of_effect = a + b * pull, b + c * pull
        variance = of_base + pull * of_effect + (spread * mean) ** 2 + mean / lefts[day]
        error = shares[day] - mean
        fit -= (error * error / variance + log(variance)) / 2
        base = max(_LEAST, base + of_base * error / variance)
        effect = max(0.0, effect + of_effect * error / variance)
        a, b, c = a - of_base**2 / variance, b - of_base * of_effect / variance, c - of_effect**2 / variance
    means = [base + effect * pull for pull in ahead]
    total = sum(means)
    variance = _CORRELATION * sum((spread * mean) ** 2 + mean / lefts[-1] for mean in means)
    # What is not known of base and effect, and by how much they move on each day.
    pulls = 0.0
    for days, pull in enumerate(reversed(ahead), start=1):
        pulls += pull
        of_both = days * days * a + 2 * days * pulls * b + pulls * pulls * c
        variance += of_both * (1 / discount - 1) + (of_both if days == len(ahead) else 0.0)
    width2 = log(1 + variance / (total * total))
    return _Way(
        fit=fit,
        mean=log(total) - width2 / 2,
        width=_WIDEN * sqrt(width2),
        effect=effect,
        effect_sd=_WIDEN * sqrt(c),
        follows=1 - fade ** len(ahead),
    )


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a goal's forecast says: people who will have done it by the end of `until`, and how likely that suffices.

    `until` is the deadline, or 30 days ahead where there is none. In 80 of 100 drives the count lies between `low` and
    `high`. `reached_on` is the likely day, None if it lies after `until`. `reminder` is what one more message to everybody
    who has not answered would add by then, from and to; None before any message has left. `per_day` is the mean of the last
    `days` days.
    """

    until: date
    low: int
    likely: int
    high: int
    chance: float
    reached_on: date | None
    reminder: tuple[int, int] | None
    per_day: float
    days: int


def forecast_goal(
    days: Sequence[tuple[date, int]],
    waves: Sequence[Wave],
    *,
    people: int,
    goal: float,
    today: date,
    deadline: date | None,
    unanswered: int = 0,
) -> Forecast | None:
    """Forecast a goal from the totals at the end of each day; today is not over and is left out.

    Returns None if too few days are over, nobody is left, the goal is reached, or the deadline has passed.
    """
    past = [(day, total) for day, total in days if day < today]
    target = ceil(goal * people - 1e-9)
    until = deadline or today + timedelta(days=WITHOUT_DEADLINE_DAYS)
    if not past or until < today or days[-1][1] >= target:
        return None
    found = forecast_count(past, waves, people=people, until=until)
    if found is None:
        return None
    low, likely, high = (round(found.quantile(chance)) for chance in (0.1, 0.5, 0.9))
    last, before = past[-1][1], past[-_PACE_DAYS - 1 :][0][1] if len(past) > _PACE_DAYS else 0
    counted = min(len(past), _PACE_DAYS)
    reached_on = None
    if likely >= target:
        early, late = 1, (until - past[-1][0]).days
        while early < late:
            middle = (early + late) // 2
            then = forecast_count(past, waves, people=people, until=past[-1][0] + timedelta(days=middle))
            early, late = (early, middle) if then and then.quantile(0.5) >= target else (middle + 1, late)
        reached_on = past[-1][0] + timedelta(days=early)
    return Forecast(
        until=until,
        low=low,
        likely=likely,
        high=high,
        chance=1 - found.chance_below(target - 0.5),
        reached_on=reached_on,
        reminder=found.count_of_wave(unanswered)
        if unanswered and any(w.day < today for w in waves)
        else None,
        per_day=(last - before) / counted,
        days=counted,
    )
