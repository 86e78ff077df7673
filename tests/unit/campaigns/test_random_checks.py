"""Random checks: nobody chooses who is drawn, and the interval holds the true number in simulated drives."""

import random

from campaigns.rules.visits import FEWEST_CHECKS, VillageChecks, correct, is_drawn
from tests.support.tables import cases


def simulate(dice):
    """One drive: villages of different honesty, some without a sheet, some people not met. What is told, and the truth."""
    honesty, differ = dice.uniform(0.55, 0.98), dice.choice((0.0, 0.05, 0.12))
    villages, true, unchecked, confirmed_before = [], 0, 0, 0
    campaign, percent = dice.randrange(1000), dice.choice((5, 10, 20))
    n = 0
    for _village in range(dice.randrange(15, 80)):
        is_visited = dice.random() < 0.7  # no sheet was made of the others
        share = min(1.0, max(0.0, dice.gauss(honesty, differ)))
        checked = confirmed = 0
        for _person in range(dice.randrange(10, 60)):
            n += 1
            is_true = dice.random() < share
            true += is_true
            if is_visited and is_drawn(campaign, n, percent) and dice.random() < 0.75:  # a quarter is not met
                checked += 1
                confirmed += is_true
            else:
                unchecked += 1
        villages.append(VillageChecks(checked, confirmed))
        confirmed_before += confirmed
    # Who was refuted counts no more: the door has taken the report back.
    return correct(confirmed_before + unchecked, unchecked, villages), true


def test_over_200_drives_the_interval_holds_the_true_number_in_at_least_90_of_100():
    dice = random.Random(24)
    drives = [simulate(dice) for _ in range(200)]
    told = [(found, true) for found, true in drives if found is not None]
    assert len(told) > 190
    held = sum(found.low <= true <= found.high for found, true in told)
    width = sum((found.high - found.low) / true for found, true in told) / len(told)
    print(f"{held} of {len(told)} intervals hold the truth; they are {width:.1%} wide")
    assert held >= 0.9 * len(told)
    assert width < 0.35, "an interval that says something"
    assert sum(found.reported > found.high for found, _true in told) > 100, "most drives report too much"


def test_the_draw_is_the_same_at_every_asking_and_near_its_share():
    drawn = {n for n in range(20_000) if is_drawn(7, n, 5)}
    assert 0.045 < len(drawn) / 20_000 < 0.055
    assert drawn < {n for n in range(20_000) if is_drawn(7, n, 10)}
    assert drawn != {n for n in range(20_000) if is_drawn(8, n, 5)}
    assert not any(is_drawn(7, n, 0) for n in range(2_000))


@cases(
    ([(FEWEST_CHECKS - 1, 3)], None, None),
    ([(10, 10)] * 10, 96, 100),  # all true: still no certainty
    ([(10, 8)] * 10, 70, 88),
    ([(10, 10), (10, 0)] * 5, 20, 81),  # villages that differ say less
    ([(100, 80)], 25, 98),  # and one village nearly nothing about the others
)
def test_what_is_left_of_a_hundred_reports(villages, low, high):
    found = correct(100, 100, [VillageChecks(*village) for village in villages])
    if low is None:
        assert found is None
        return
    assert found is not None
    assert high is not None
    assert low - 4 <= found.low <= low + 4
    assert high - 4 <= found.high <= high + 4
    assert found.low <= found.likely <= found.high
