"""Units of another day: whole ones exactly, split ones as a range, in both directions and through several reforms."""

from outreach.places.areas import former_units, units_of_today
from outreach.rules.gazetteer import Ground, UnitsOfDay, known_ground, sort_ground
from tests.support.tables import cases

# Until 2025: A and B went whole into X; C was split between X and Y; D alone became Z. In 2026 Z was split into Z1 and Z2.
PAIRS = [("A", "X"), ("B", "X"), ("C", "X"), ("C", "Y"), ("D", "Z"), ("Z", "Z1"), ("Z", "Z2")]
BEFORE, SINCE_2025, SINCE_2026 = "ABCD", "XYZ", ("X", "Y", "Z1", "Z2")


@cases(
    (SINCE_2025, {"A": "X", "B": "X", "C": "XY", "D": "Z", "X": "X", "Z1": "Z", "Z2": "Z"}),
    (BEFORE, {"X": "ABC", "Y": "C", "Z": "D", "A": "A", "Z1": "D"}),
    (SINCE_2026, {"A": "X", "D": ("Z1", "Z2"), "Z": ("Z1", "Z2"), "Y": "Y"}),
    (SINCE_2025, {"nowhere": ""}),
)
def test_the_ground_of_a_unit_on_another_day(day, ground):
    units = UnitsOfDay([*day], PAIRS)
    assert {code: units.ground_of(code) for code in ground} == {
        code: frozenset(places) for code, places in ground.items()
    }


def test_reforms_in_a_circle_end():
    assert UnitsOfDay(["C"], [("A", "B"), ("B", "A")]).ground_of("A") == frozenset()


def places_on(day, codes):
    units = UnitsOfDay([*day], PAIRS)
    return {code: units.ground_of(code) for code in codes}


def test_whole_units_are_counted_exactly_and_split_ones_as_a_range():
    assert sort_ground(places_on(SINCE_2025, "ABCD")) == {
        "X": Ground(["A", "B"], ["C"]),
        "Y": Ground([], ["C"]),
        "Z": Ground(["D"], []),
    }
    assert sort_ground(places_on(BEFORE, "XYZ")) == {
        "A": Ground([], ["X"]),
        "B": Ground([], ["X"]),
        "C": Ground(["Y"], ["X"]),
        "D": Ground(["Z"], []),
    }


def test_a_figure_of_a_part_is_no_figure_of_the_whole():
    ground = places_on(SINCE_2025, "ABCD")
    assert set(known_ground("ABC", ground)) == {"X", "Y"}
    assert set(known_ground("ABD", ground)) == {"Z"}


def test_the_nation_reads_in_both_directions_and_loses_nobody():
    former, today = former_units(), units_of_today()
    keys = {code: f"{code}-2024" for code in former}
    pairs = [(keys[unit.code], code) for unit in former.values() for code in unit.successors]
    forwards, backwards = UnitsOfDay(today, pairs), UnitsOfDay(keys.values(), pairs)
    whole = {unit.code for unit in former.values() if len(unit.successors) == 1}
    assert {code for code in former if len(forwards.ground_of(keys[code])) == 1} == whole
    assert all(forwards.ground_of(key) for key in keys.values())
    assert all(backwards.ground_of(code) for code in today)
    # One of today's communes that came from a single former one, or a part of one, reads back exactly.
    exact = sum(len(backwards.ground_of(code)) == 1 for code in today)
    assert 0 < exact < len(today)
