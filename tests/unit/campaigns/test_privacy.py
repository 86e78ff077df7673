"""Until when a person's request must be answered."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

import campaigns.privacy
from campaigns.rules.privacy import Urgency, WorkCalendar, due_at, read_calendar, urgency
from campaigns.rules.sending_hours import VIETNAM

DATA = (Path(campaigns.privacy.__file__).parent / "holidays.toml").read_text(encoding="utf-8")
CALENDAR = read_calendar(tomllib.loads(DATA))


def at(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("asked", "last_day"),
    [
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
    ],
)
def test_an_answer_is_due_when_the_second_working_day_ends(asked: str, last_day: str) -> None:
    assert due_at(at(asked), CALENDAR) == at(f"{last_day} 00:00") + timedelta(days=1)


def test_the_day_is_vietnams_wherever_the_clock_stands() -> None:
    late = datetime.fromisoformat("2020-08-03T18:00:00+00:00")  # 1 in the morning of the 4th
    assert due_at(late, CALENDAR) == at("07/08/2020 00:00")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("04/08/2020 23:59", Urgency.OPEN),
        ("05/08/2020 00:00", Urgency.SOON),
        ("05/08/2020 23:59", Urgency.SOON),
        ("06/08/2020 00:00", Urgency.OVERDUE),
    ],
)
def test_a_request_presses_from_the_morning_of_its_last_day(now: str, expected: Urgency) -> None:
    assert urgency(due_at(at("03/08/2020 09:00"), CALENDAR), now=at(now)) is expected


def test_days_worked_in_exchange_are_weekends() -> None:
    assert all(day.weekday() >= 5 for day in CALENDAR.worked)


@pytest.mark.parametrize("span", [[date(2020, 1, 2), date(2020, 1, 1)], "2020-01-01", ["2020-01-01", "x"]])
def test_a_calendar_that_makes_no_sense_is_refused(span: object) -> None:
    with pytest.raises(ValueError, match="span of days"):
        read_calendar({"every_year": [], "off": [span], "worked": []})


@pytest.mark.parametrize(
    ("today", "is_asked_for"),
    [("2026-10-31", False), ("2026-11-01", True), ("2026-12-31", True), ("2027-01-01", True)],
)
def test_next_years_days_off_are_asked_for_two_months_before_it_begins(
    today: str, is_asked_for: bool
) -> None:
    calendar = WorkCalendar(frozenset(), frozenset({date(2026, 2, 17)}), frozenset())
    assert calendar.known_until == 2026
    assert calendar.is_running_out(date.fromisoformat(today)) is is_asked_for


def test_a_calendar_without_days_off_is_always_asked_about() -> None:
    assert WorkCalendar(frozenset(), frozenset(), frozenset()).is_running_out(date(2026, 1, 1))
