"""When the goal will be reached: the range that is stated holds what it says, and what is unknown is not invented."""

from __future__ import annotations

import random
from datetime import date, timedelta
from math import exp, sqrt

import pytest

from campaigns.rules.progress import HORIZON, Forecast, forecast, required_per_day

START = date(2020, 8, 3)


def play(seed: int) -> tuple[list[tuple[date, int]], int, int]:
    """A campaign's days until well after its goal, its denominator, and how many days were over when it was asked.

    The pace drifts from day to day, Sundays are slow, and those who are left become fewer.
    """
    dice = random.Random(seed)
    people = dice.randint(2_000, 60_000)
    pace = dice.uniform(0.006, 0.02)
    drift, days, standing = 0.0, [(START, 0)], 0
    for day in range(1, HORIZON):
        drift = 0.7 * drift + dice.gauss(0, 0.15)
        when = START + timedelta(days=day)
        share = pace * exp(drift) * (0.6 if when.weekday() == 6 else 1.0)
        left = people - standing
        new = round(dice.gauss(left * share, sqrt(left * share)))
        standing += min(left, max(0, new))
        days.append((when, standing))
    return days, people, dice.randint(10, 25)


def test_the_range_of_80_percent_holds_the_day_in_72_to_88_of_100_campaigns() -> None:
    held = 0
    for seed in range(200):
        days, people, asked = play(seed)
        truth = next(day for day, standing in days if standing >= people / 2)
        found = forecast(
            days[: asked + 1], denominator=people, goal=0.5, today=days[asked][0] + timedelta(days=1)
        )
        assert found
        assert found.earliest
        held += found.earliest <= truth and (found.latest is None or truth <= found.latest)
    assert 144 <= held <= 176


def steady(per_day: int, days: int) -> list[tuple[date, int]]:
    return [(START + timedelta(days=n), n * per_day) for n in range(days)]


def test_a_pace_without_spread_leads_to_one_day() -> None:
    # 1.05% of those left a day on average; from 900 left to 800 are ln(9/8) = 0.118, which takes 11.3 days.
    found = forecast(steady(10, 12), denominator=1_000, goal=0.2, today=START + timedelta(days=11))
    assert found
    assert found.per_day == 10
    assert found.likely == START + timedelta(days=10 + 12)
    assert found.earliest
    assert found.latest
    assert found.earliest <= found.likely <= found.latest


def test_today_is_not_over_and_does_not_slow_the_pace() -> None:
    days = steady(10, 12)
    days[-1] = (days[-1][0], days[-2][1])  # nobody has reported yet this morning
    found = forecast(days, denominator=1_000, goal=0.5, today=days[-1][0])
    assert found
    assert (found.per_day, found.days) == (10, 10)


def test_a_goal_that_is_reached_keeps_its_day() -> None:
    days = steady(10, 12)
    found = forecast(days, denominator=100, goal=0.5, today=days[-1][0])
    assert found == Forecast(days[5][0], days[5][0], days[5][0], 10, 10)


@pytest.mark.parametrize(
    ("days", "denominator", "goal"),
    [
        ([], 100, 0.5),
        (steady(1, 3), 100, 0.5),  # two days are over
        (steady(1, 20), 0, 0.5),  # nobody who could install
        (steady(1, 20), 100, 1.0),  # the last one of all: not to be told from a pace
    ],
)
def test_what_cannot_be_told_is_not_told(days: list[tuple[date, int]], denominator: int, goal: float) -> None:
    assert forecast(days, denominator=denominator, goal=goal, today=START + timedelta(days=30)) is None


def test_a_campaign_that_stands_still_reaches_its_goal_on_no_day() -> None:
    found = forecast(steady(0, 20), denominator=100, goal=0.5, today=START + timedelta(days=20))
    assert found == Forecast(None, None, None, 0, 14)


@pytest.mark.parametrize(
    ("installed", "deadline", "needed"),
    [(0, 9, 5.0), (40, 9, 1.0), (50, 9, 0.0), (80, 0, 0.0), (49, 0, 1.0), (10, -1, None)],
)
def test_the_pace_that_is_needed(installed: int, deadline: int, needed: float | None) -> None:
    today = date(2020, 8, 20)
    found = required_per_day(
        installed=installed,
        denominator=100,
        goal=0.5,
        today=today,
        deadline=today + timedelta(days=deadline),
    )
    assert found == needed
