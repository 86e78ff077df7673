"""Agency reports and staff rosters: checks, questions about suspicious figures, and totals.

An agency's figures are its own: they are never added to what residents report.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from campaigns.rules.goals import people_for
from outreach.rules.errors import LoaError
from outreach.rules.identity import name_key
from outreach.rules.list_rows import read_yes_or_no
from outreach.rules.phone_numbers import unaccented

MOST_STAFF = 100_000
# Larger changes against the previous report, as a share of it, are asked about.
_LARGE_FALL = 0.05
_LARGE_STAFF_CHANGE = 0.2


@dataclass(frozen=True, slots=True)
class StaffCounts:
    """Staff figures of one agency; of `with_smartphone` and `installed` None is unknown, never zero."""

    staff: int
    with_smartphone: int | None = None
    installed: int | None = None

    @property
    def share(self) -> float | None:
        """Return installed / with_smartphone, or None if either is unknown or nobody has a smartphone."""
        if self.installed is None or not self.with_smartphone:
            return None
        return self.installed / self.with_smartphone


@dataclass(frozen=True, slots=True)
class StaffTotal:
    """Total over agencies; those with a smartphone and installs cover the `known` ones, with both."""

    agencies: int
    known: int
    staff: int
    with_smartphone: int
    installed: int

    @property
    def unknown(self) -> int:
        """Return the number of agencies that did not report both figures."""
        return self.agencies - self.known

    @property
    def share(self) -> float | None:
        """Return the share of the known agencies, or None if nobody has a smartphone."""
        return self.installed / self.with_smartphone if self.with_smartphone else None

    def short_of(self, goal: float) -> int:
        """Return how many people the known agencies lack for the share `goal`; 0 once it is reached."""
        return max(0, (people_for(goal, self.with_smartphone) or 0) - self.installed)


def find_problem(counts: StaffCounts) -> LoaError | None:
    """Return why these figures are impossible, or None if they are possible."""
    staff, smartphones, installed = counts.staff, counts.with_smartphone, counts.installed
    if staff < 1 or min(smartphones or 0, installed or 0) < 0:
        return LoaError("staff_number_wrong")
    if staff > MOST_STAFF:
        return LoaError("staff_number_large")
    if smartphones is not None and smartphones > staff:
        return LoaError("more_smartphones_than_staff")
    if installed is not None and smartphones is not None and installed > smartphones:
        return LoaError("more_installed_than_smartphones")
    if installed is not None and installed > staff:
        return LoaError("more_installed_than_staff")
    return None


def find_doubts(counts: StaffCounts, before: StaffCounts | None) -> list[LoaError]:
    """Return the suspicious changes since the agency's previous report, which it is asked to confirm."""
    if before is None:
        return []
    doubts = []
    if _fell(counts.installed, before.installed):
        doubts.append(LoaError("installed_fell"))
    if _fell(counts.with_smartphone, before.with_smartphone):
        doubts.append(LoaError("smartphones_fell"))
    if abs(counts.staff - before.staff) > max(2, _LARGE_STAFF_CHANGE * before.staff):
        doubts.append(LoaError("staff_changed"))
    return doubts


def add_up(reports: Iterable[StaffCounts | None]) -> StaffTotal:
    """Sum up agencies; None stands for one without a report."""
    agencies = known = staff = with_smartphone = installed = 0
    for counts in reports:
        agencies += 1
        staff += counts.staff if counts else 0
        if counts and counts.with_smartphone is not None and counts.installed is not None:
            known += 1
            with_smartphone += counts.with_smartphone
            installed += counts.installed
    return StaffTotal(agencies, known, staff, with_smartphone, installed)


def _fell(now: int | None, before: int | None) -> bool:
    """Return whether a figure fell by more than one or two people leaving, or is no longer known."""
    if before is None:
        return False
    if now is None:
        return True
    return before - now > max(2, _LARGE_FALL * before)


# Verbs of what kinds ask for, unaccented.
_DONE = "cai|tiem|lam|nhan|den|du|hop|tra loi|dien|gop y|so tan|chuan bi|thuc hien|hoan thanh"
# Heading of the column that marks who is done: "Đã cài Bluezone", "Cài đặt ứng dụng", "Đã tiêm", "Đã nhận giấy".
_HEADING = re.compile(rf"^da (?:{_DONE})\b|\bcai (?:dat|bluezone|app|ung dung)\b|^(?:cai|bluezone)$")
_YES = re.compile(
    rf"da|da cai\b.*|cai (?:roi|xong)\b.*|xong|da (?:{_DONE})\b.*|hoan thanh|da hoan thanh|da xong"
)
_NO = {"-", "–"}


@dataclass(frozen=True, slots=True)
class RosterPerson:
    """One row of a roster; `numbers` in E.164, `has_smartphone` None without such a column."""

    name: str
    numbers: tuple[str, ...]
    has_smartphone: bool | None
    has_done: bool


def find_heading(labels: Sequence[str], taken: Iterable[int]) -> int | None:
    """Return the first column, outside `taken`, that marks who has done what is asked; None without."""
    candidates = set(range(len(labels))) - set(taken)
    return next(
        (column for column in sorted(candidates) if _HEADING.search(unaccented(labels[column]))), None
    )


def read_mark(text: str) -> bool | None:
    """Read a mark: True or False (also if empty), or None if the text is neither."""
    if not text or text in _NO:
        return False
    mark = read_yes_or_no(text)
    return True if mark is None and _YES.fullmatch(unaccented(text)) else mark


def count(people: Iterable[RosterPerson]) -> StaffCounts:
    """Count a roster's people, same name and number once; having the app implies a smartphone."""
    seen: dict[tuple[str, str], tuple[bool | None, bool]] = {}
    staff = smartphones = done = 0
    has_column = False
    for person in people:
        key = (name_key(person.name), person.numbers[0]) if person.numbers else ("", str(staff))
        earlier = seen.get(key)
        has_done = person.has_done or bool(earlier and earlier[1])
        has_smartphone = person.has_smartphone or has_done or bool(earlier and earlier[0])
        has_column = has_column or person.has_smartphone is not None
        staff += earlier is None
        smartphones += has_smartphone - bool(earlier and earlier[0])
        done += has_done - bool(earlier and earlier[1])
        seen[key] = has_smartphone, has_done
    return StaffCounts(staff, smartphones if has_column else None, done)


def by_number(people: Iterable[RosterPerson]) -> dict[str, bool]:
    """Return, by number, whether anyone who shares it has done what is asked."""
    has_done: dict[str, bool] = {}
    for person in people:
        for number in person.numbers:
            has_done[number] = has_done.get(number, False) or person.has_done
    return has_done
