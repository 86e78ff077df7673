"""Days without sending, as an installation names them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

from outreach.rules.errors import BadInput

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NONE, _HOLIDAYS = "none", "holidays"
# A day as people write it in Vietnam.
_WRITTEN_DAY = re.compile(r"\b([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\b")
# A period that is longer is a slip of the pen: nothing would be sent for a season.
LONGEST_PERIOD = 31


class Period(NamedTuple):
    """Days from `first` to `last` without sending: a period of the setting, or such days in a row.

    `why` is a name, the weekday as `weekday.N`, `holidays`, or "".
    """

    first: date
    last: date
    why: str


@dataclass(frozen=True, slots=True)
class QuietDays:
    """Days on which campaigns send nothing. `days_off` and `every_year` (month, day) are the nation's holidays."""

    weekdays: frozenset[int] = frozenset()  # Monday is 0
    periods: tuple[Period, ...] = ()
    takes_holidays: bool = False
    days_off: frozenset[date] = frozenset()
    every_year: frozenset[tuple[int, int]] = frozenset()

    def why(self, day: date) -> str | None:
        """Return why nothing is sent on a day (see `Period`), or None where it is a day like others."""
        for period in self.periods:
            if period.first <= day <= period.last:
                return period.why
        if day in self.days_off or (day.month, day.day) in self.every_year:
            return _HOLIDAYS
        return f"weekday.{day.weekday()}" if day.weekday() in self.weekdays else None

    def with_holidays(self, days_off: frozenset[date], every_year: frozenset[tuple[int, int]]) -> QuietDays:
        """Return these days with the nation's holidays, where the setting takes them."""
        return replace(self, days_off=days_off, every_year=every_year) if self.takes_holidays else self

    def between(self, first: date, last: date) -> list[Period]:
        """Return the days without sending from a day to another, those in a row for one reason as one."""
        found: list[Period] = []
        for n in range((last - first).days + 1):
            day = first + timedelta(days=n)
            why = self.why(day)
            if why is None:
                continue
            if found and found[-1].why == why and found[-1].last == day - timedelta(days=1):
                found[-1] = found[-1]._replace(last=day)
            else:
                found.append(Period(day, day, why))
        return found

    def __str__(self) -> str:
        parts = [WEEKDAYS[each] for each in sorted(self.weekdays)] + [_HOLIDAYS] * self.takes_holidays
        parts += [f"{period.first}..{period.last} {period.why}".strip() for period in self.periods]
        return ",".join(parts) or _NONE


NO_DAYS = QuietDays()
HOLIDAYS = QuietDays(takes_holidays=True)


def parse_quiet_days(text: str) -> QuietDays:
    """Parse weekdays, `holidays` and days, as in `sun, holidays, 2027-02-05..2027-02-11 nghỉ Tết`; `none` is no day.

    Raises BadInput.
    """
    weekdays, periods, takes_holidays = set(), [], False
    for part in filter(None, map(str.strip, text.split(","))):
        if part in WEEKDAYS:
            weekdays.add(WEEKDAYS.index(part))
        elif part == _HOLIDAYS:
            takes_holidays = True
        elif part != _NONE:
            periods.append(_parse_period(part))
    if len(weekdays) == len(WEEKDAYS):
        raise BadInput("quiet_days_all")
    return QuietDays(frozenset(weekdays), tuple(periods), takes_holidays)


def read_written_periods(lines: str) -> str:
    """Return days and periods typed as `05/02/2027-11/02/2027 nghỉ Tết`, one a line, as the setting has them. Raises BadInput."""
    parts = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        days = _WRITTEN_DAY.findall(line)
        why = _WRITTEN_DAY.sub("", line, count=2).replace(",", " ").strip(" -–")
        iso = [f"{year}-{month:0>2}-{day:0>2}" for day, month, year in days]
        if not iso:
            raise BadInput("quiet_days_written", part=line)
        part = f"{'..'.join(iso[:2])} {why}".strip()
        _parse_period(part)
        parts.append(part)
    return ",".join(parts)


def write_periods(days: QuietDays) -> str:
    """Return the periods of the setting as `read_written_periods` reads them."""
    return "\n".join(
        "-".join(f"{day:%d/%m/%Y}" for day in dict.fromkeys((each.first, each.last)))
        + f" {each.why}".rstrip()
        for each in days.periods
    )


def _parse_period(part: str) -> Period:
    written, _, why = part.partition(" ")
    first, _, last = written.partition("..")
    try:
        period = Period(date.fromisoformat(first), date.fromisoformat(last or first), why.strip())
    except ValueError:
        raise BadInput("quiet_days_part", part=part) from None
    if not 0 <= (period.last - period.first).days < LONGEST_PERIOD:
        raise BadInput("quiet_days_period", part=part, most=LONGEST_PERIOD)
    return period
