"""The nation's working days and the clocks of privacy requests, from files; the days without sending that follow."""

import tomllib
from functools import cache
from pathlib import Path

from campaigns.rules.privacy import Clocks, WorkCalendar, read_calendar, read_clocks
from outreach.core.settings import Settings
from outreach.rules.quiet_days import HOLIDAYS, NO_DAYS, QuietDays


@cache
def load_calendar() -> WorkCalendar:
    """Return the country's working days, from `holidays.toml`."""
    text = (Path(__file__).parent / "holidays.toml").read_text(encoding="utf-8")
    return read_calendar(tomllib.loads(text))


@cache
def load_clocks() -> tuple[Clocks, ...]:
    """Return the rules of `clocks.toml`."""
    text = (Path(__file__).parent / "clocks.toml").read_text(encoding="utf-8")
    return read_clocks(tomllib.loads(text))


def quiet_days(settings: Settings) -> QuietDays:
    """Return the days on which campaigns send nothing: those of QUIET_DAYS, else the holidays where messages are real."""
    return _with_holidays(settings.quiet_days or (HOLIDAYS if settings.is_live else NO_DAYS))


@cache
def _with_holidays(named: QuietDays) -> QuietDays:
    calendar = load_calendar()
    return named.with_holidays(calendar.off, calendar.every_year)
