"""Counts to shares, differences of shares and how often their interval holds the truth, figures where few people live."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from campaigns.rules.experiments import FIRST_TEXT, HELD_OUT, P
from campaigns.rules.reach import InstallShare, compare_shares, outside_base, read_result, share_of, wilson
from campaigns.rules.replies.labels import Label
from campaigns.rules.small_counts import FEWEST, fold_small
from tests.support.draws import arm, bucket
from tests.support.tables import cases, each_of


@cases(
    (50, 100, 0, None, InstallShare(50, 100, "recipients", 0.5)),
    # People without a smartphone cannot install and are not among those who could.
    (50, 120, 20, None, InstallShare(50, 100, "recipients", 0.5)),
    # An entered figure is taken as it is.
    (50, 120, 20, 200, InstallShare(50, 200, "entered", 0.25)),
    (0, 100, 0, None, InstallShare(0, 100, "recipients", 0.0)),
    (30, 10, 0, 20, InstallShare(30, 20, "entered", 1.5)),
    # Unknown, never nought.
    (0, 0, 0, None, InstallShare(0, 0, "recipients", None)),
    (0, 20, 20, None, InstallShare(0, 0, "recipients", None)),
    (1, 20, 20, None, InstallShare(1, 0, "recipients", None)),
    (5, 20, 0, 0, InstallShare(5, 0, "entered", None)),
)
def test_a_share_names_what_it_is_a_share_of(installed, recipients, no_smartphone, entered, share):
    assert (
        share_of(installed=installed, recipients=recipients, no_smartphone=no_smartphone, entered=entered)
        == share
    )


@cases(
    ("delivered", ("delivered", "")),
    ("unanswered", ("unanswered", "")),
    ("excluded.no_phone", ("excluded", "no_phone")),
    ("skipped", ("skipped", "")),
    ("skipped.cap", ("skipped", "cap")),
    ("causes.blocked", ("causes", "blocked")),
    ("", None),
    *each_of("delivered.cap | excluded | skipped.no_phone | causes | opened", None),
)
def test_a_word_of_the_address_asks_for_a_result_or_for_none(word, result):
    assert read_result(word) == result


@cases(
    # An app: who has no smartphone is not asked.
    (True, {Label.NO_SMARTPHONE: 20, Label.INSTALLED: 50}, 80),
    (True, {Label.NOT_YET: 5, Label.REFUSE: 3, Label.OPT_OUT: 2, Label.NEED_HELP: 1}, 100),
    # An invitation: who cannot come was invited all the same.
    (False, {Label.NO_SMARTPHONE: 20, Label.INSTALLED: 50}, 100),
    (False, {Label.OPT_OUT: 2, Label.WRONG_NUMBER: 4}, 100),
    (False, {}, 100),
)
def test_only_who_has_no_smartphone_leaves_the_base_and_only_of_an_app(needs_smartphone, answers, base):
    left_out = sum(answers.get(label, 0) for label in outside_base(needs_smartphone=needs_smartphone))
    assert share_of(installed=50, recipients=100, no_smartphone=left_out, entered=None).denominator == base


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


ABOVE = {"a1": "A", "a2": "A", "a3": "A", "b1": "B", "b2": "B"}


@cases(
    ({"a1": 5, "a2": 90, None: 5}, {}),
    ({"a1": 7, "a2": 90, None: 2}, {"a1": None}),  # those of no known place are the whole less the others
    ({"a1": 3, "x": 3, "y": 80, None: 2}, {"a1": None, "x": None}),
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
        sizes = {code: dice.choice([0, 1, 2, 4, 5, 30]) for code in (*above, None)}
        folded = fold_small({code: Counter({"all": size}) for code, size in sizes.items()}, above)
        assert all(size >= FEWEST for code, size in sizes.items() if code and code not in folded and size)
        for to in {None, *folded.values()}:
            together = sum(size for code, size in sizes.items() if folded.get(code, code) == to)
            assert together >= FEWEST or not together or {*folded} == {code for code in above if sizes[code]}
