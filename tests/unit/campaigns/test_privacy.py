"""Until when a person's request must be answered."""

import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

import campaigns.privacy
from campaigns.models.privacy import RequestKind
from campaigns.rules import privacy
from campaigns.rules.privacy import Childhood, Urgency, WorkCalendar
from campaigns.rules.sending_hours import VIETNAM
from tests.support.tables import cases, each_of

DATA = (Path(campaigns.privacy.__file__).parent / "holidays.toml").read_text(encoding="utf-8")
CALENDAR = privacy.read_calendar(tomllib.loads(DATA))
CLOCKS = privacy.read_clocks(
    tomllib.loads((Path(campaigns.privacy.__file__).parent / "clocks.toml").read_text(encoding="utf-8"))
)


def at(text):
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=VIETNAM)


@cases(
    ("03/08/2020 09:00", "05/08/2020"),  # Monday
    ("03/08/2020 23:59", "05/08/2020"),  # the day of asking does not count, whatever the hour
    ("04/08/2020 00:00", "06/08/2020"),
    ("06/08/2020 09:00", "10/08/2020"),  # Thursday: over a weekend
    ("07/08/2020 09:00", "11/08/2020"),
    ("08/08/2020 09:00", "11/08/2020"),  # asked on a Saturday
    ("01/09/2020 09:00", "04/09/2020"),  # over the national day
    ("22/01/2020 09:00", "31/01/2020"),  # over Tet
    ("29/04/2021 09:00", "05/05/2021"),  # 1 May is a Saturday: the Monday in lieu
    ("02/05/2024 09:00", "04/05/2024"),  # a Saturday that is worked
    ("31/12/2029 09:00", "03/01/2030"),  # a year that nobody has announced yet
)
def test_an_answer_is_due_when_the_second_working_day_ends(asked, last_day):
    assert privacy.due_at(at(asked), CALENDAR, working_days=2) == at(f"{last_day} 00:00") + timedelta(days=1)


def test_the_day_is_vietnams_wherever_the_clock_stands():
    late = datetime.fromisoformat("2020-08-03T18:00:00+00:00")  # 1 in the morning of the 4th
    assert privacy.due_at(late, CALENDAR, working_days=2) == at("07/08/2020 00:00")


@cases(
    ("04/08/2020 23:59", Urgency.OPEN),
    *each_of("05/08/2020 00:00 | 05/08/2020 23:59", Urgency.SOON),
    ("06/08/2020 00:00", Urgency.OVERDUE),
)
def test_a_request_presses_from_the_morning_of_its_last_day(now, expected):
    assert (
        privacy.urgency(privacy.due_at(at("03/08/2020 09:00"), CALENDAR, working_days=2), now=at(now))
        is expected
    )


def test_days_worked_in_exchange_are_weekends():
    assert all(day.weekday() >= 5 for day in CALENDAR.worked)


@pytest.mark.parametrize("span", [[date(2020, 1, 2), date(2020, 1, 1)], "2020-01-01", ["2020-01-01", "x"]])
def test_a_calendar_that_makes_no_sense_is_refused(span):
    with pytest.raises(ValueError, match="span of days"):
        privacy.read_calendar({"every_year": [], "off": [span], "worked": []})


@cases(("2026-10-31", False), ("2026-11-01", True), ("2026-12-31", True), ("2027-01-01", True))
def test_next_years_days_off_are_asked_for_two_months_before_it_begins(today, is_asked_for):
    calendar = WorkCalendar(frozenset(), frozenset({date(2026, 2, 17)}), frozenset())
    assert calendar.known_until == 2026
    assert calendar.is_running_out(date.fromisoformat(today)) is is_asked_for


def test_a_calendar_without_days_off_is_always_asked_about():
    assert WorkCalendar(frozenset(), frozenset(), frozenset()).is_running_out(date(2026, 1, 1))


def test_every_rule_has_a_source_and_a_time_for_each_kind():
    assert [rule.effective for rule in CLOCKS] == sorted(rule.effective for rule in CLOCKS)
    for rule in CLOCKS:
        assert rule.source
        assert set(rule.carry_out_days) == set(RequestKind)
        assert set(rule.with_processor_days) <= set(RequestKind)
    assert all(CALENDAR.source_on(date(year, 1, 1)) for year in range(2020, 2027))
    assert CALENDAR.source_on(date(2000, 1, 1)) == ""


@cases(
    ("2026-11-26", "export", False, 10),
    ("2026-11-26", "export", True, 10),
    ("2026-11-26", "withdraw", False, 15),
    ("2026-11-26", "restrict", True, 20),
    ("2026-11-26", "erase", False, 20),
    ("2025-12-31", "object", True, 15),  # the rule of its own day
    ("2019-05-01", "object", False, 15),  # before every rule: the first one
)
def test_the_time_to_carry_out_follows_from_the_kind_and_the_day(day, kind, has_processor, days):
    rule = privacy.clocks_on(CLOCKS, date.fromisoformat(day))
    assert rule.days_for(kind, has_processor=has_processor) == days
    assert privacy.carry_out_by(at("26/11/2026 23:30"), days) == at("27/11/2026 00:00") + timedelta(days=days)


@cases((None, Childhood.UNKNOWN), (2011, Childhood.CHILD), (2010, Childhood.PERHAPS), (2009, Childhood.ADULT))
def test_who_is_a_child_follows_from_the_year_of_birth(born, expected):
    assert privacy.childhood(born, today=date(2026, 11, 26), age=16) is expected
