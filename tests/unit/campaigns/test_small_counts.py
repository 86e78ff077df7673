"""Figures about health where few people live: folded together, and nothing is had by subtraction."""

import random
from collections import Counter

from campaigns.rules.small_counts import FEWEST, fold_small
from tests.support.tables import cases

ABOVE = {"a1": "A", "a2": "A", "a3": "A", "b1": "B", "b2": "B"}


@cases(
    ({"a1": 5, "a2": 90, None: 2}, {}),
    ({"a1": 2, "a2": 3, "a3": 90}, {"a1": "A", "a2": "A"}),
    (
        {"a1": 4, "a2": 20, "a3": 90},
        {"a1": "A", "a2": "A"},
    ),  # the second, so that the first is not what is left
    ({"a1": 1, "b1": 4, "b2": 9}, {"a1": None, "b1": None, "b2": None}),
    ({"x": 3, "y": 4, "z": 50}, {"x": None, "y": None}),  # communes without a district
    ({"x": 3, "z": 50}, {"x": None, "z": None}),
    ({"x": 0, "z": 50}, {}),
    # One without a district beside a district whose small communes are enough together: the whole less that is that one.
    ({"a1": 1, "a2": 4, "x": 3}, {"a1": None, "a2": None, "x": None}),
    # Nine people, of whom all but two got another campaign as well: the two are one campaign less the other.
    ({"a1": (9, 7), "a2": (30, 30), "a3": (40, 40)}, {"a1": None, "a2": None, "a3": None}),
    ({"a1": (9, 7), "a2": (30, 25), "a3": (40, 40)}, {"a1": "A", "a2": "A"}),
)
def test_small_communes_are_counted_with_others(sizes, folded):
    """Of two numbers the first are all, the second those of one of two campaigns."""
    groups = {
        code: Counter({"all": size} if isinstance(size, int) else {"one": size[1], "rest": size[0] - size[1]})
        for code, size in sizes.items()
    }
    assert fold_small(groups, ABOVE) == folded


def test_what_other_figures_fold_is_folded_with_them():
    sizes = {"a1": Counter(n=9), "a2": Counter(n=8), "b1": Counter(n=20)}
    assert fold_small(sizes, ABOVE, also={"a1"}) == {"a1": "A"}


def test_what_is_folded_to_one_place_is_never_few_unless_all_are():
    dice = random.Random(7)
    for _ in range(500):
        above = {f"{n}": dice.choice(["A", "B", "C", None]) for n in range(9)}
        sizes = {code: dice.choice([0, 1, 2, 4, 5, 30]) for code in above}
        folded = fold_small({code: Counter({"all": size}) for code, size in sizes.items()}, above)
        assert all(size >= FEWEST for code, size in sizes.items() if code not in folded and size)
        for to in {*folded.values()}:
            together = sum(sizes[code] for code, place in folded.items() if place == to)
            assert together >= FEWEST or folded == dict.fromkeys(code for code in sizes if sizes[code])
