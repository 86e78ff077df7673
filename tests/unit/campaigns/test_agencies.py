"""What an agency says of its staff: what cannot be, what is asked about, what many add up to."""

from __future__ import annotations

from campaigns.rules.agencies import (
    StaffCounts,
    StaffDoubt,
    StaffProblem,
    StaffTotal,
    add_up,
    find_doubts,
    find_problem,
)
from tests.support.tables import cases


@cases(
    (StaffCounts(10, 8, 8), None),
    (StaffCounts(10, 10, 0), None),
    (StaffCounts(10, None, 7), None),
    (StaffCounts(10, 8, None), None),
    (StaffCounts(10), None),
    (StaffCounts(0, 0, 0), StaffProblem.NO_STAFF),
    (StaffCounts(10, 8, -1), StaffProblem.NO_STAFF),
    (StaffCounts(100_001), StaffProblem.TOO_MANY),
    (StaffCounts(10, 11, 5), StaffProblem.MORE_SMARTPHONES_THAN_STAFF),
    (StaffCounts(10, 8, 9), StaffProblem.MORE_INSTALLED_THAN_SMARTPHONES),
    (StaffCounts(10, None, 11), StaffProblem.MORE_INSTALLED_THAN_STAFF),
)
def test_figures_that_contradict_each_other_are_refused(
    counts: StaffCounts, problem: StaffProblem | None
) -> None:
    assert find_problem(counts) is problem


@cases(
    (None, StaffCounts(10, 8, 1), []),
    (StaffCounts(100, 90, 80), StaffCounts(100, 90, 85), []),
    (StaffCounts(100, 90, 80), StaffCounts(99, 89, 78), []),  # two have left
    (StaffCounts(100, 90, 80), StaffCounts(100, 90, 75), [StaffDoubt.INSTALLED_FELL]),
    (StaffCounts(100, 90, 80), StaffCounts(100, 90, None), [StaffDoubt.INSTALLED_FELL]),
    (StaffCounts(100, 90, None), StaffCounts(100, 90, 0), []),
    (StaffCounts(1000, 900, 800), StaffCounts(1000, 900, 761), []),  # less than a twentieth
    (StaffCounts(100, 90, 80), StaffCounts(100, 80, 80), [StaffDoubt.SMARTPHONES_FELL]),
    (StaffCounts(100, 90, 80), StaffCounts(121, 90, 80), [StaffDoubt.STAFF_CHANGED]),
    (StaffCounts(100, 90, 80), StaffCounts(79, 70, 60), list(StaffDoubt)),
    (StaffCounts(3, 3, 3), StaffCounts(5, 5, 5), []),  # two more people are no error
)
def test_a_sudden_change_is_a_question(
    before: StaffCounts | None, now: StaffCounts, doubts: list[StaffDoubt]
) -> None:
    assert find_doubts(now, before) == doubts


def test_what_is_not_known_is_left_out_and_counted_as_such() -> None:
    total = add_up([StaffCounts(10, 8, 4), StaffCounts(20, None, 15), StaffCounts(30, 12, 12), None])
    assert total == StaffTotal(agencies=4, known=2, staff=60, with_smartphone=20, installed=16)
    assert total.share == 0.8
    assert total.unknown == 2
    assert StaffCounts(20, None, 15).share is None
    assert StaffCounts(20, 0, 0).share is None


def test_of_nothing_the_share_is_unknown_not_nought() -> None:
    assert add_up([None, StaffCounts(5)]).share is None
    assert add_up([]).share is None
