"""Places against a goal, whether it will be reached, and what needs a leader's word."""

from datetime import UTC, date, datetime

from campaigns.rules.forecast import Forecast
from campaigns.rules.goals import Denominator
from campaigns.rules.progress import (
    Concern,
    ConcernKind,
    Outlook,
    PlaceCounts,
    ShareBasis,
    find_concerns,
    find_outlook,
    furthest_behind,
    measure,
)
from tests.support.tables import cases

NOW = datetime(2020, 8, 15, 3, tzinfo=UTC)
DAY = date(2020, 8, 20)


def known(value):
    return Denominator(value, date(2020, 8, 1), "Sở TT&TT", "Hương", NOW)


def table(counted, entered, goal=0.5):
    return measure(
        counted,
        name_of=lambda code: f"Huyện {code}" if code else "",
        goal_of=lambda code: goal,
        entered={code: known(value) for code, value in entered.items()},
    )


COUNTED = {
    "608": PlaceCounts(installed=30, recipients=100, no_smartphone=20),
    "615": PlaceCounts(installed=30, recipients=60),
    "618": PlaceCounts(),
    None: PlaceCounts(installed=9, recipients=10),
}


def test_places_are_measured_on_entered_figures_once_each_with_people_has_one():
    found = table(COUNTED, {"608": 100, "615": 50})
    assert found.basis is ShareBasis.ENTERED
    assert [(line.code, line.share, line.missing, line.rank) for line in found.lines] == [
        ("615", 0.6, 0, 1),
        ("608", 0.3, 20, 2),
        ("618", None, None, None),  # not known, never nought
        (None, None, None, None),  # nobody enters how many live nowhere
    ]


def test_until_then_all_of_them_are_measured_on_recipients():
    found = table(COUNTED, {"608": 100})
    assert (found.basis, found.entered) == (ShareBasis.RECIPIENTS, 1)
    assert [(line.code, line.installed, line.denominator, line.missing) for line in found.lines] == [
        ("615", 30, 60, 0),
        ("608", 30, 80, 10),
        ("618", 0, None, None),
        (None, 9, 10, 0),
    ]


def test_without_a_goal_there_is_a_share_and_no_gap():
    line = table(COUNTED, {}, goal=None).lines[0]
    assert (line.share, line.missing) == (0.5, None)


def test_the_largest_gap_in_people_comes_first():
    counted = {
        code: PlaceCounts(installed=n, recipients=of) for code, n, of in (("a", 10, 200), ("b", 0, 40))
    }
    assert [
        line.code
        for line in furthest_behind(table({**counted, None: PlaceCounts(recipients=900)}, {}).lines, most=3)
    ] == ["a", "b"]


def ahead(chance):
    return Forecast(DAY, 100, 200, 300, chance, None, None, 10.0, 14, True)


@cases(
    (0.5, DAY, None, Outlook.REACHED),
    (0.2, DAY, ahead(0.9), Outlook.ON_TRACK),
    (0.2, DAY, ahead(0.89), Outlook.AT_RISK),
    (0.2, DAY, ahead(0.11), Outlook.AT_RISK),
    (0.2, DAY, ahead(0.1), Outlook.OFF_TRACK),
    (0.2, DAY, None, Outlook.UNKNOWN),
    (0.2, date(2020, 8, 15), None, Outlook.UNKNOWN),  # the last day is not over
    (0.2, date(2020, 8, 14), ahead(0.5), Outlook.PAST),
    (0.2, None, ahead(0.5), Outlook.OPEN),
    (None, DAY, ahead(0.5), Outlook.UNKNOWN),
)
def test_whether_it_will_be_reached_follows_from_the_chance(share, deadline, forecast, outlook):
    today = date(2020, 8, 15)
    assert find_outlook(share=share, goal=0.5, deadline=deadline, today=today, ahead=forecast) is outlook


def concerns(**changes):
    calm = {"has_goal": True, "has_denominator": True, "share": 0.3}
    calm |= {"outlook": Outlook.ON_TRACK, "districts": [], "official": {}, "named": {}}
    return find_concerns(**{**calm, **changes})


@cases(
    ({}, []),
    ({"has_goal": False, "has_denominator": False, "share": None}, [Concern(ConcernKind.NO_GOAL)]),
    ({"has_denominator": False, "share": None}, [Concern(ConcernKind.NO_DENOMINATOR)]),
    ({"share": 1.2, "outlook": Outlook.REACHED}, [Concern(ConcernKind.TOO_MANY)]),
    ({"outlook": Outlook.OFF_TRACK}, [Concern(ConcernKind.OFF_TRACK)]),
    (
        {"outlook": Outlook.AT_RISK, "named": {ConcernKind.PAUSED: ["Đợt 1"]}},
        [Concern(ConcernKind.AT_RISK), Concern(ConcernKind.PAUSED, 1, ("Đợt 1",))],
    ),
    (
        {"named": {ConcernKind.AGENCIES_MISSING: ["A", "B", "C", "D"]}},
        [Concern(ConcernKind.AGENCIES_MISSING, 4, ("A", "B", "C"))],
    ),
)
def test_what_needs_a_word_is_said_and_nothing_else(changes, found):
    assert concerns(**changes) == found


def test_districts_that_fall_behind_or_say_more_than_the_official_figure_are_named():
    lines = table(COUNTED, {}).lines
    found = concerns(districts=lines, official={"608": 29, "615": 30})
    assert found == [
        Concern(ConcernKind.BEHIND, 10, ("Huyện 608",)),
        Concern(ConcernKind.NOT_STARTED, 1, ("Huyện 618",)),
        Concern(ConcernKind.OFFICIAL_MISSING, 1, ("Huyện 618",)),
        Concern(ConcernKind.MORE_THAN_OFFICIAL, 1, ("Huyện 608",)),
    ]
    assert ConcernKind.BEHIND not in [
        each.worry for each in concerns(districts=lines, outlook=Outlook.REACHED)
    ]
