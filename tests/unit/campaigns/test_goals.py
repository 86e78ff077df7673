"""What stood at a moment, how many people make up a share, and what may be typed."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from campaigns.rules.goals import (
    Denominator,
    Goal,
    Goals,
    GoalScope,
    GoalSubject,
    current_denominator,
    people_for,
    read_as_of,
    read_count,
    read_deadline,
    read_share,
)
from outreach.rules.errors import BadInput
from tests.support.tables import cases, each_of

NOW = datetime(2020, 8, 15, 3, tzinfo=UTC)
PROVINCE = GoalSubject(1, GoalScope.RESIDENTS, area="62")
DISTRICT = PROVINCE._replace(area="608")


def entered(value, day, source="Sở TT&TT"):
    return Denominator(value, date(2020, 8, day), source, "Hương", NOW)


@cases(
    ([], None),
    ([entered(120, 1)], (120, 1)),
    ([entered(120, 1), entered(130, 5)], (130, 5)),
    ([entered(130, 5), entered(120, 1)], (130, 5)),  # an older day, entered late
    ([entered(120, 1), entered(125, 1)], (125, 1)),  # a correction
    ([entered(120, 1), entered(130, 5), entered(None, 5)], (120, 1)),  # the newer one is taken back
    ([entered(120, 1), entered(None, 1)], None),  # unknown, not nought
    ([entered(None, 1), entered(120, 1)], (120, 1)),
)
def test_of_what_was_entered_the_newest_known_day_stands(history, stands):
    found = current_denominator(history)
    assert (found and (found.value, found.as_of.day)) == stands


@cases((0.5, 10, 5), (0.5, 11, 6), (1.0, 7, 7), (0.1, 30, 3), (0.3, 10, 3), (0.5, None, None), (0.5, 0, None))
def test_less_than_a_person_short_is_short(share, of, people):
    assert people_for(share, of) == people


def test_a_place_is_measured_by_the_nearest_goal_and_its_own_people():
    goal = Goal(PROVINCE, 0.5, date(2020, 8, 20), "", "Hương", NOW, entered(200, 1))
    goals = Goals({PROVINCE: goal}, {PROVINCE: entered(200, 1), DISTRICT: entered(80, 2)})
    district = goals.nearest(DISTRICT, ["62"])
    assert (district.share, district.target) == (0.5, 40)
    commune = goals.nearest(PROVINCE._replace(area="23281"), ["608", "62"])
    assert (commune.share, commune.target) == (0.5, None)  # nobody knows of how many
    assert goals.nearest(PROVINCE._replace(drive=2), []) is None
    stricter = replace(goal, subject=DISTRICT, share=0.6)
    own = Goals({**goals.goals, DISTRICT: stricter}, goals.denominators).nearest(DISTRICT, ["62"])
    assert (own.share, own.target) == (0.6, 48)


@cases(
    (read_share, "50", 0.5),
    (read_share, " 62,5 % ", 0.625),
    (read_share, "100%", 1.0),
    (read_share, "", None),
    (read_count, "120.000", 120_000),
    (read_count, "120000", 120_000),
    (read_count, " ", None),
    (read_deadline, "2020-08-20", date(2020, 8, 20)),
    (read_deadline, "", None),
)
def test_what_is_typed_is_read(read, typed, value):
    assert read(typed) == value


@cases(
    *each_of("0 | 101 | nửa | -5", read_share),
    *each_of("0 | -3 | 12,5 | 1.20 | ² | 9999999999", read_count),
    *each_of("20/8/2020 | 2020-08-32", read_deadline),
)
def test_what_cannot_be_is_refused_in_words(typed, read):
    with pytest.raises(BadInput):
        read(typed)


def test_a_figure_is_of_a_day_that_has_come():
    today = date(2020, 8, 15)
    assert read_as_of("2020-08-15", today=today) == today
    for typed in ("2020-08-16", "", "15/8/2020"):
        with pytest.raises(BadInput):
            read_as_of(typed, today=today)
