"""`python -m tests.forecasts`: how well forecasts fit campaigns that are simulated day by day.

Five shapes of campaigns, none of which is the forecast's own model. Each is asked on one day for the number of people who will
have done it by the deadline. Printed for each shape and each forecast: how often the truth lay in the range of 80% (coverage),
and the CRPS (continuous ranked probability score: the mean distance between the distribution that was stated and what came true,
in people of a hundred; less is better), computed from 19 quantiles (Gneiting and Raftery 2007, JASA 102, 359-378).
"""

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import exp, log, sqrt
from statistics import NormalDist, mean, stdev

from campaigns.rules.forecast import Wave, forecast_count

START = date(2030, 3, 4)
QUANTILES = [step / 20 for step in range(1, 20)]


@dataclass(frozen=True)
class Simulated:
    """A campaign: totals at the end of each day, what was known of its waves, and when it is asked."""

    people: int
    totals: list[int]
    waves: list[Wave]
    asked: int  # the number of days that are over
    deadline: int

    @property
    def truth(self) -> int:
        return self.totals[self.deadline]

    @property
    def days(self) -> list[tuple[date, int]]:
        return [(START + timedelta(days=n), total) for n, total in enumerate(self.totals[: self.asked + 1])]


def simulate(shape: str, seed: int) -> Simulated:
    """Play a campaign of a shape; the same seed plays the same campaign."""
    dice = random.Random(f"{shape} {seed}")
    people = round(exp(dice.uniform(log(800), log(200_000))))
    asked, ahead = dice.randint(6, 25), dice.randint(3, 30)
    deadline = asked + ahead
    rate, waves = _SHAPES[shape](dice, deadline + 1)
    wobble, totals, before = 0.0, list[int](), 0
    sunday, noise = dice.uniform(0.4, 1.1), dice.uniform(0.05, 0.3)
    for day in range(deadline + 1):
        wobble = 0.5 * wobble + dice.gauss(0, noise)
        share = min(0.5, rate[day] * exp(wobble))
        if (START + timedelta(days=day)).weekday() == 6:
            share *= sunday
        left = people - before
        before += min(left, max(0, round(dice.gauss(left * share, sqrt(left * share + 1)))))
        totals.append(before)
    known = [Wave(START + timedelta(days=day), round(people * share)) for day, share in waves]
    return Simulated(people, totals, known, asked, deadline)


Shape = tuple[list[float], list[tuple[int, float]]]


def _steady(dice: random.Random, days: int) -> Shape:
    """A pace that drifts slowly, as with visits from house to house; one message at the start."""
    pace, rates = dice.uniform(0.003, 0.02), []
    for _ in range(days):
        pace *= exp(dice.gauss(0, 0.06))
        rates.append(pace)
    return rates, [(0, 1.0)]


def _one_wave(dice: random.Random, days: int) -> Shape:
    """One message to all; most who follow it do so within days, as a power of the time since."""
    size, power, base = dice.uniform(0.03, 0.15), dice.uniform(1.1, 1.8), dice.uniform(0.0, 0.003)
    return [base + size * (1 + day) ** -power for day in range(days)], [(0, 1.0)]


def _reminders(dice: random.Random, days: int) -> Shape:
    """A message and reminders every few days, each weaker than the one before."""
    every, size, fade = dice.randint(4, 8), dice.uniform(0.03, 0.12), dice.uniform(0.4, 0.8)
    weaker, base = dice.uniform(0.6, 0.95), dice.uniform(0.0, 0.004)
    waves = [(day, dice.uniform(0.7, 1.0)) for day in range(0, days, every)][: dice.randint(2, 5)]
    rates = [
        base
        + sum(
            size * weaker**n * (1 - fade) * fade ** (day - at) for n, (at, _) in enumerate(waves) if at <= day
        )
        for day in range(days)
    ]
    return rates, waves


def _growing(dice: random.Random, days: int) -> Shape:
    """A drive that is built up: more officers each day until all are out, and tired at the end."""
    full, top, tired = dice.randint(8, 25), dice.uniform(0.006, 0.025), dice.uniform(0.95, 1.0)
    rates = [top * min(1.0, (day + 1) / full) * tired ** max(0, day - full) for day in range(days)]
    return rates, [(0, dice.uniform(0.2, 1.0))]


def _bursts(dice: random.Random, days: int) -> Shape:
    """Messages that are known, and meetings, markets or news on days that nobody wrote down."""
    rates, waves = [dice.uniform(0.001, 0.004)] * days, []
    for at in range(days):
        if at == 0 or dice.random() < 0.12:
            is_known = at == 0 or dice.random() < 0.5
            size, fade = dice.uniform(0.01, 0.06), dice.uniform(0.3, 0.7)
            for day in range(at, days):
                rates[day] += size * (1 - fade) * fade ** (day - at)
            if is_known:
                waves.append((at, dice.uniform(0.3, 1.0)))
    return rates, waves


_SHAPES: dict[str, Callable[[random.Random, int], Shape]] = {
    "steady": _steady,
    "one wave": _one_wave,
    "reminders": _reminders,
    "growing": _growing,
    "bursts": _bursts,
}
SHAPES = tuple(_SHAPES)


def quantiles_of_model(campaign: Simulated) -> list[float]:
    """Return the quantiles of the forecast in use."""
    deadline = START + timedelta(days=campaign.deadline)
    found = forecast_count(campaign.days, campaign.waves, people=campaign.people, until=deadline)
    assert found is not None
    return [found.quantile(q) for q in QUANTILES]


def quantiles_of_pace(campaign: Simulated) -> list[float]:
    """Return the quantiles of a naive forecast: the last week's pace, with the spread of its days."""
    steps = [after - before for before, after in pairwise(campaign.totals[: campaign.asked + 1])][-7:]
    n, now = campaign.deadline - campaign.asked, campaign.totals[campaign.asked]
    width = stdev(steps) * sqrt(n + n * n / len(steps))
    found = (now + n * mean(steps) + NormalDist().inv_cdf(q) * width for q in QUANTILES)
    return [min(campaign.people, max(now, each)) for each in found]


@dataclass(frozen=True)
class Score:
    """Coverage of the range of 80%, and CRPS in people of a hundred."""

    coverage: float
    crps: float


def score(forecast: Callable[[Simulated], list[float]], campaigns: Sequence[Simulated]) -> Score:
    """Score a forecast over campaigns."""
    held, losses = 0, []
    for campaign in campaigns:
        stated = forecast(campaign)
        held += stated[1] <= campaign.truth <= stated[-2]
        loss = mean(
            2 * (q - (campaign.truth < value)) * (campaign.truth - value)
            for q, value in zip(QUANTILES, stated, strict=True)
        )
        losses.append(100 * loss / campaign.people)
    return Score(held / len(campaigns), mean(losses))


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.forecasts")
    options.add_argument("--campaigns", type=int, default=200, help="of each shape")
    options.add_argument("--first-seed", type=int, default=10_000)
    given = options.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.campaigns)
    everything: list[Simulated] = []
    print(f"{'':12}{'in use':>16}{'pace':>16}   coverage of 80%, CRPS")
    for shape in (*SHAPES, "all"):
        campaigns = [simulate(shape, seed) for seed in seeds] if shape != "all" else everything
        everything += campaigns if shape != "all" else []
        found = [score(each, campaigns) for each in (quantiles_of_model, quantiles_of_pace)]
        print(f"{shape:12}" + "".join(f"{each.coverage:9.1%}{each.crps:7.3f}" for each in found))


if __name__ == "__main__":
    main()
