"""What an agency says of its staff: what cannot be, what is asked about, what many add up to."""

from __future__ import annotations

import pytest

from campaigns.agencies.counts import Counts, Doubt, Problem, Total, add_up, find_doubts, find_problem


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        (Counts(10, 8, 8), None),
        (Counts(10, 10, 0), None),
        (Counts(10, None, 7), None),
        (Counts(10, 8, None), None),
        (Counts(10), None),
        (Counts(0, 0, 0), Problem.NO_STAFF),
        (Counts(10, 8, -1), Problem.NO_STAFF),
        (Counts(100_001), Problem.TOO_MANY),
        (Counts(10, 11, 5), Problem.MORE_SMARTPHONES_THAN_STAFF),
        (Counts(10, 8, 9), Problem.MORE_INSTALLED_THAN_SMARTPHONES),
        (Counts(10, None, 11), Problem.MORE_INSTALLED_THAN_STAFF),
    ],
)
def test_figures_that_contradict_each_other_are_refused(counts: Counts, problem: Problem | None) -> None:
    assert find_problem(counts) is problem


@pytest.mark.parametrize(
    ("before", "now", "doubts"),
    [
        (None, Counts(10, 8, 1), []),
        (Counts(100, 90, 80), Counts(100, 90, 85), []),
        (Counts(100, 90, 80), Counts(99, 89, 78), []),  # two have left
        (Counts(100, 90, 80), Counts(100, 90, 75), [Doubt.INSTALLED_FELL]),
        (Counts(100, 90, 80), Counts(100, 90, None), [Doubt.INSTALLED_FELL]),
        (Counts(100, 90, None), Counts(100, 90, 0), []),
        (Counts(1000, 900, 800), Counts(1000, 900, 761), []),  # less than a twentieth
        (Counts(100, 90, 80), Counts(100, 80, 80), [Doubt.SMARTPHONES_FELL]),
        (Counts(100, 90, 80), Counts(121, 90, 80), [Doubt.STAFF_CHANGED]),
        (Counts(100, 90, 80), Counts(79, 70, 60), list(Doubt)),
        (Counts(3, 3, 3), Counts(5, 5, 5), []),  # two more people are no error
    ],
)
def test_a_sudden_change_is_a_question(before: Counts | None, now: Counts, doubts: list[Doubt]) -> None:
    assert find_doubts(now, before) == doubts


def test_what_is_not_known_is_left_out_and_counted_as_such() -> None:
    total = add_up([Counts(10, 8, 4), Counts(20, None, 15), Counts(30, 12, 12), None])
    assert total == Total(agencies=4, known=2, staff=60, with_smartphone=20, installed=16)
    assert total.share == 0.8
    assert total.unknown == 2
    assert Counts(20, None, 15).share is None
    assert Counts(20, 0, 0).share is None


def test_of_nothing_the_share_is_unknown_not_nought() -> None:
    assert add_up([None, Counts(5)]).share is None
    assert add_up([]).share is None
