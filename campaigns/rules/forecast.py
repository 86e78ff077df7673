"""Forecast of a drive from its causes: people follow a message, most of them within days, others come without one.

Each day a share of the people who have not done it yet does it. That share is a base, plus what waves of messages bring: a wave
to a part of the people brings its effect times that part, spread over the days after it, each day a part of the day before.
Base and effect are followed from day to day by a filter that begins with what drives usually show, so that a few days say
little (a dynamic linear model with a discount: West and Harrison 1997, chapter 6).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import ceil, exp, log, sqrt
from statistics import NormalDist, fmean

# With fewer days that are over there is no forecast.
FEWEST_DAYS = 5
WITHOUT_DEADLINE_DAYS = 30
_FARTHEST_DAYS = 3660  # a day mistyped, as 9999, would keep a page for many seconds
_PACE_DAYS = 14
# From this `misfit` on the range says little; of days as the model has them about one in 30 lies beyond.
_MISFIT = 3.0
_LEAST = 1e-6  # share of a day
# How much of a wave's daily effect is left a day later; how far the days before still count for base and effect; the spread
# of a day's share around what it should be (weekdays, weather, news). Chosen, as the widths below, on the seeds 0 to 39 of
# `tests.forecasts`, so that 80 in 100 ends lie within the range.
_FADE, _DISCOUNT, _SPREAD = 0.6, 0.85, 0.3
# Mean and standard deviation of the base (share of those left, a day) and of the effect (share of those written to).
_BASE_PRIOR = (0.006, 0.006)
_EFFECT_PRIOR = (0.06, 0.08)
_MOST_VARIANCE = 1e4 * _EFFECT_PRIOR[1] ** 2  # after months without a message nothing is known of its effect
# Neighbouring days are alike, and real drives differ from the model: widths are this many times those of the filter.
_CORRELATION = 4.0
_WIDEN = 1.5


@dataclass(frozen=True, slots=True)
class Wave:
    """Messages of one day: how many people they went to, or will go to if they have not left."""

    day: date
    people: int
    has_left: bool = True


def by_day(waves: Iterable[Wave]) -> list[Wave]:
    """Return a day's messages as one wave, those to come as another, in the order of the days."""
    sums: dict[tuple[date, bool], int] = {}
    for wave in waves:
        key = wave.day, wave.has_left
        sums[key] = sums.get(key, 0) + wave.people
    return [Wave(day, people, has_left) for (day, has_left), people in sorted(sums.items())]


@dataclass(frozen=True, slots=True)
class CountForecast:
    """Number of people who will have done it by a day; `left` of the `people` have not done it yet.

    `mean` and `width` are of the logarithm of the sum of daily shares to come. `effect` and `effect_sd` are of a wave to
    everybody, by that day. `misfit` is the mean square of how far the last days lay from what was expected of them, in standard
    deviations: about 1 where days are as assumed.
    """

    people: int
    left: int
    mean: float
    width: float
    effect: float
    effect_sd: float
    misfit: float

    def chance_below(self, count: float) -> float:
        """Return the chance that at most `count` people will have done it."""
        if count >= self.people:
            return 1.0
        needed = log(self.left / (self.people - count))
        return NormalDist(self.mean, self.width).cdf(log(needed)) if needed > 0 else 0.0

    def quantile(self, chance: float) -> float:
        """Return the count below which the truth lies with this chance."""
        return self.people - self.left * exp(-exp(NormalDist(self.mean, self.width).inv_cdf(chance)))

    def count_of_wave(self, people: int) -> tuple[int, int]:
        """Return how many a message to so many people now would add by then, from and to in 80 of 100 cases."""
        # Those whom it brings are taken from what the other days leave.
        rest = self.people - self.quantile(0.5)
        effects = (max(0.0, self.effect + z * self.effect_sd) for z in (-1.2816, 1.2816))
        low, high = (min(people, round(rest * (1 - exp(-each * people / self.people)))) for each in effects)
        return low, high


def forecast_count(
    days: Sequence[tuple[date, int]], waves: Sequence[Wave], *, people: int, until: date
) -> CountForecast | None:
    """Forecast how many of `people` will have done it by the end of `until`.

    `days` are the totals at the end of each day that is over, without a gap; `waves` are those that have left and those
    that are planned. Returns None with fewer than FEWEST_DAYS days, or without anybody left.
    """
    ahead = (until - days[-1][0]).days
    if len(days) < FEWEST_DAYS or days[-1][1] >= people or ahead < 1:
        return None
    sizes = [0.0] * (len(days) + ahead)
    for wave in waves:
        if (place := max(0, (wave.day - days[0][0]).days)) < len(sizes):
            sizes[place] += wave.people / people
    pulls, pull = [], 0.0
    for size in sizes:
        pull = pull * _FADE + size * (1 - _FADE)
        pulls.append(pull)
    base, effect = _BASE_PRIOR[0], _EFFECT_PRIOR[0]
    # The variance of the base, the covariance, the variance of the effect.
    a, b, c = _BASE_PRIOR[1] ** 2, 0.0, _EFFECT_PRIOR[1] ** 2
    misses: list[float] = []
    for (before, after), pull in zip(pairwise([0, *(total for _, total in days)]), pulls, strict=False):
        left = max(1, people - before)
        a, b, c = a / _DISCOUNT, b / _DISCOUNT, c / _DISCOUNT
        if c > _MOST_VARIANCE:
            b, c = b * sqrt(_MOST_VARIANCE / c), _MOST_VARIANCE
        mean = max(base + effect * pull, _LEAST)
        of_base, of_effect = a + b * pull, b + c * pull
        variance = of_base + pull * of_effect + (_SPREAD * mean) ** 2 + mean / left
        error = max(0, after - before) / left - mean
        misses.append(error * error / variance)
        base = max(_LEAST, base + of_base * error / variance)
        effect = max(0.0, effect + of_effect * error / variance)
        a, b, c = a - of_base**2 / variance, b - of_base * of_effect / variance, c - of_effect**2 / variance
    means = [base + effect * pull for pull in pulls[-ahead:]]
    total = sum(means)
    variance = _CORRELATION * sum((_SPREAD * mean) ** 2 + mean / left for mean in means)
    # What is not known of base and effect, and by how much they move on each day.
    passed = 0.0
    for n, pull in enumerate(reversed(pulls[-ahead:]), start=1):
        passed += pull
        of_both = n * n * a + 2 * n * passed * b + passed * passed * c
        variance += of_both * (1 / _DISCOUNT - 1) + (of_both if n == ahead else 0.0)
    width2 = log(1 + variance / (total * total))
    follows = 1 - _FADE**ahead
    return CountForecast(
        people=people,
        left=people - days[-1][1],
        mean=log(total) - width2 / 2,
        width=_WIDEN * sqrt(width2),
        effect=effect * follows,
        effect_sd=_WIDEN * sqrt(c) * follows,
        misfit=fmean(misses[-FEWEST_DAYS:]),
    )


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a goal's forecast says: people who will have done it by the end of `until`, and how likely that suffices.

    `until` is the deadline, or 30 days ahead where there is none. In 80 of 100 drives the count lies between `low` and
    `high`. `reached_on` is the likely day, None if it lies after `until`. `reminder` is what one more message to everybody
    who has not answered would add by then, from and to; None before any message has left. `per_day` is the mean of the last
    `days` days. `fits`: the last days were as the forecast assumes days to be; else its range is less sure than it says.
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
    fits: bool


def _pace(past: Sequence[tuple[date, int]], latest: date | None) -> tuple[float, int]:
    """Return the pace a day and over how many days, from the second day after the latest message on."""
    calm = len(past) if latest is None else (past[-1][0] - latest).days - 1
    counted = min(max(calm, 1), len(past), _PACE_DAYS)
    before = past[-counted - 1][1] if len(past) > counted else 0
    return (past[-1][1] - before) / counted, counted


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

    Days without a total, as after a campaign's end, have the one before. Who is counted today stays counted: no figure is
    below. Returns None if too few days are over, nobody is left, the goal is reached, or the deadline has passed or lies years ahead.
    """
    past = [(day, total) for day, total in days if day < today]
    target = ceil(goal * people - 1e-9)
    until = deadline or today + timedelta(days=WITHOUT_DEADLINE_DAYS)
    if not past or not 0 <= (until - today).days <= _FARTHEST_DAYS or days[-1][1] >= target:
        return None
    past += [(past[-1][0] + timedelta(days=n), past[-1][1]) for n in range(1, (today - past[-1][0]).days)]
    found = forecast_count(past, waves, people=people, until=until)
    if found is None:
        return None
    low, likely, high = (max(days[-1][1], round(found.quantile(chance))) for chance in (0.1, 0.5, 0.9))
    latest = max((wave.day for wave in waves if wave.day < today), default=None)
    per_day, counted = _pace(past, latest)
    reached_on = _reached_on(past, waves, target, people=people, until=until) if likely >= target else None
    return Forecast(
        until=until,
        low=low,
        likely=likely,
        high=high,
        chance=1 - found.chance_below(target - 0.5),
        reached_on=reached_on,
        reminder=found.count_of_wave(unanswered) if unanswered and latest else None,
        per_day=per_day,
        days=counted,
        fits=found.misfit < _MISFIT,
    )


def _reached_on(
    past: Sequence[tuple[date, int]], waves: Sequence[Wave], target: int, *, people: int, until: date
) -> date:
    """Return the first day on which as many as `target` are likely; by `until` they are."""
    last = past[-1][0]
    early, late = 1, (until - last).days
    while early < late:
        middle = (early + late) // 2
        then = forecast_count(past, waves, people=people, until=last + timedelta(days=middle))
        early, late = (early, middle) if then and then.quantile(0.5) >= target else (middle + 1, late)
    return last + timedelta(days=early)
