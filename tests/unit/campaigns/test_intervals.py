"""Differences of shares: published examples, the ends of the scale, and how often the interval holds the truth."""

import random
from itertools import pairwise

import pytest

from campaigns.rules.experiments import FIRST_TEXT, HELD_OUT, P
from campaigns.rules.reach import compare_shares, wilson
from tests.support.draws import arm, bucket
from tests.support.tables import cases


@cases(
    # Newcombe 1998, table II, method 10.
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
)
def test_the_interval_is_the_published_one(first, of_first, second, of_second, low, high):
    found = compare_shares(first, of_first, second, of_second)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.value == pytest.approx(first / of_first - second / of_second)


def test_nobody_in_a_group_compares_with_nothing():
    assert compare_shares(0, 0, 3, 10) is None
    assert compare_shares(3, 10, 0, 0) is None


def test_a_share_s_interval_stays_on_the_scale():
    assert wilson(0, 10)[0] == 0
    assert 1 - 1e-12 < wilson(1, 10)[1] <= 1
    assert wilson(0, 10)[1] > 0.2


def test_the_interval_holds_the_true_lift_in_at_least_90_of_100_campaigns():
    """Residents install by themselves in 6 of 100, after a reminder in 11: each seed is a campaign of 800 people."""
    alone, lift, held = 0.06, 0.05, 0
    for seed in range(1, 101):
        chance = random.Random(seed)
        done = {HELD_OUT: [0, 0], FIRST_TEXT: [0, 0]}
        for person in range(1, 801):
            group = done[arm(bucket(person, seed), seed, 2, hold_out=0.25, has_second=False)]
            installs = chance.random() < alone + (lift if group is done[FIRST_TEXT] else 0)
            group[0] += installs
            group[1] += 1
        found = compare_shares(*done[FIRST_TEXT], *done[HELD_OUT])
        held += found.low <= lift <= found.high
    assert held >= 90
    assert held < 100  # an interval that always holds is too wide to say anything


def test_lots_are_even_whatever_the_numbers_of_people():
    for seed in (1, 2, 3_000_000):
        for numbers in (range(1, 5_001), range(10_000_000, 10_005_000)):
            drawn = [bucket(number, seed) for number in numbers]
            tenths = [0] * 10
            for each in drawn:
                assert 0 <= each < P
                tenths[each * 10 // P] += 1
            assert (
                sum((count - 500) ** 2 / 500 for count in tenths) < 27.9
            )  # chi-square, 9 degrees, 1 in 1,000
            follow = sum(a < b for a, b in pairwise(drawn))
            assert 2_350 < follow < 2_650  # neighbours do not rise or fall together


def test_being_held_out_of_one_step_says_nothing_of_the_next():
    lots = [bucket(number, 7) for number in range(1, 8_001)]
    held = {
        step: {one for one in lots if arm(one, 7, step, hold_out=0.2, has_second=True) == HELD_OUT}
        for step in (2, 3)
    }
    assert 1_450 < len(held[2]) < 1_750
    assert 250 < len(held[2] & held[3]) < 390
    texts = [arm(one, 7, 2, hold_out=0.2, has_second=True) for one in lots]
    assert 2_950 < texts.count(FIRST_TEXT) < 3_450
