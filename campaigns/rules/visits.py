"""Home visits: reasons, outcomes and keys, houses, late results, lists that are handed over, random checks. Pure."""

import hashlib
import re
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import NormalDist

from campaigns.rules.agencies import read_mark
from campaigns.rules.reach import wilson
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState
from outreach.rules.cells import Row
from outreach.rules.declared_tables import find_table
from outreach.rules.identity import name_key
from outreach.rules.phone_numbers import unaccented


class VisitReason(StrEnum):
    """Reasons for being on a visit sheet."""

    NO_PHONE = "no_phone"
    FAILED = "failed"  # no message was delivered, and none is under way
    NO_ANSWER = "no_answer"
    CHECK = "check"  # reported it themselves and drawn for a random check; sheets show it as NO_ANSWER


class VisitOutcome(StrEnum):
    """Results of a visit: the residents' answers, and three that only an officer can enter."""

    INSTALLED = Label.INSTALLED.value
    NOT_YET = Label.NOT_YET.value
    NO_SMARTPHONE = Label.NO_SMARTPHONE.value
    NEED_HELP = Label.NEED_HELP.value
    REFUSE = Label.REFUSE.value
    OPT_OUT = Label.OPT_OUT.value  # neither messages nor visits any more
    ABSENT = "absent"
    CALL = "call"  # wants to be called by the office: counts as a request for help

    @property
    def label(self) -> Label | None:
        """Return the answer that the outcome is recorded as, None for somebody who was not met."""
        if self is VisitOutcome.ABSENT:
            return None
        return Label.NEED_HELP if self is VisitOutcome.CALL else Label(self.value)


class VisitFate(StrEnum):
    """What became of a result that came from an officer's phone; the officer is told all but the first."""

    RECORDED = "recorded"
    REPLACED = "replaced"  # it counts in place of another officer's
    OPTED_OUT = "opted_out"  # it counts, and the person has opted out: no further visit
    ANSWERED = "answered"  # the person has answered since: that answer stays
    VISITED = "visited"  # another officer's result stays
    GONE = "gone"  # the person was erased or objects to the processing: nothing is stored
    UNKNOWN = "unknown"  # of no sheet that was given to the officer: nothing is stored


# One key per outcome; the first four are the menu of the messages (1 installed, 2 not yet, ...).
RESULT_KEYS: dict[str, VisitOutcome] = {
    "1": VisitOutcome.INSTALLED,
    "2": VisitOutcome.NOT_YET,
    "3": VisitOutcome.NO_SMARTPHONE,
    "4": VisitOutcome.NEED_HELP,
    "5": VisitOutcome.REFUSE,
    "6": VisitOutcome.OPT_OUT,
    "0": VisitOutcome.ABSENT,
}
_MAY_ARRIVE = frozenset({MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN})
_NOT_ARRIVED = frozenset({MessageState.FAILED, MessageState.UNDELIVERED})


def visit_reason(
    *, exclusion: Exclusion | None, answer: Label | None, states: Collection[MessageState]
) -> VisitReason | None:
    """Return why a contact of a campaign's lists is to be visited, or None if they are not.

    `states` are those of the steps' messages to the contact. A question or an unclear reply does not count as an answer. A
    contact excluded for any other reason than a missing or wrong number is not visited either.
    """
    if answer not in (None, Label.QUESTION, Label.UNCLEAR, Label.WRONG_NUMBER):
        return None
    if exclusion is None and answer is Label.WRONG_NUMBER:
        exclusion = Exclusion.WRONG_NUMBER  # as who has the number says
    if exclusion is not None:
        without_number = exclusion in (Exclusion.NO_PHONE, Exclusion.WRONG_NUMBER)
        return VisitReason.NO_PHONE if without_number else None
    if any(state in _MAY_ARRIVE for state in states) or not states:
        return None
    attempted = [state for state in states if state not in (MessageState.SKIPPED, MessageState.CANCELLED)]
    if attempted and all(state in _NOT_ARRIVED for state in attempted):
        return VisitReason.FAILED
    return VisitReason.NO_ANSWER if attempted else None


def village_key(area_code: str | None, village: str) -> str:
    """Return what tells villages apart: many communes have a "Thôn 1"."""
    return f"{area_code or ''}.{name_key(village)}"


def line_code(round_id: int, n: int) -> str:
    """Return the code of a line on the printed sheet, such as "12-07"."""
    return f"{round_id}-{n:02}"


def read_code(text: str) -> tuple[int, int] | None:
    """Return the sheet and the line (0: none) of a code as printed, "12" or "12-07", however it was typed."""
    found = re.fullmatch(r"\D*([0-9]{1,9})(?:\s*[-–/. ]\s*([0-9]{1,3}))?\s*", text)
    return (int(found[1]), int(found[2] or 0)) if found else None


def read_keys(keys: dict[int, str]) -> tuple[dict[int, VisitOutcome | None], list[int]]:
    """Return the outcome typed for each line, None for an empty field, and the lines with an unknown key."""
    outcomes: dict[int, VisitOutcome | None] = {}
    unknown = []
    for n, text in keys.items():
        key = text.strip()
        if not key:
            outcomes[n] = None
        elif key in RESULT_KEYS:
            outcomes[n] = RESULT_KEYS[key]
        else:
            unknown.append(n)
    return outcomes, sorted(unknown)


@dataclass(frozen=True, slots=True)
class CountedResult:
    """The result of a line that counts so far."""

    outcome: VisitOutcome
    at: datetime
    is_own: bool  # of the officer whose new result is judged


SAME_VISIT = timedelta(hours=12)


def settle(
    outcome: VisitOutcome, at: datetime, *, counted: CountedResult | None, is_gone: bool, is_opted_out: bool
) -> VisitFate:
    """Return what becomes of a result, before it is held against the person's own answers.

    `at` is when the visit was. The later visit counts, whichever arrives first; but an opt-out stays against everything,
    and nobody met never replaces another officer's answer. An officer's own later result replaces the earlier one.
    """
    if is_gone:
        return VisitFate.GONE
    if counted is not None and outcome is not VisitOutcome.OPT_OUT:
        if counted.at > at:
            return VisitFate.VISITED
        if not counted.is_own and (
            counted.outcome is VisitOutcome.OPT_OUT
            or (outcome is VisitOutcome.ABSENT and counted.outcome is not VisitOutcome.ABSENT)
        ):
            return VisitFate.VISITED
    if is_opted_out and outcome is not VisitOutcome.OPT_OUT:
        return VisitFate.OPTED_OUT
    is_conflict = counted is not None and not counted.is_own and counted.outcome is not outcome
    return VisitFate.REPLACED if is_conflict else VisitFate.RECORDED


def moment_of_note(outcome: VisitOutcome, at: datetime, counted: CountedResult | None) -> datetime:
    """Return when a visit was whose result came at `at`: an officer's own answer that comes again is a note to it.

    After half a day it is another visit. Until then the page takes no touch on the same answer.
    """
    is_note = counted is not None and counted.is_own and counted.outcome is outcome
    return counted.at if counted and is_note and abs(at - counted.at) < SAME_VISIT else at


def visit_moment(at: datetime, *, sent_at: datetime, known_since: datetime, now: datetime) -> datetime:
    """Return when a visit was, by the server's clock.

    `at` and `sent_at` are by the phone's clock, which may be wrong; what counts is the time between them. `known_since` is
    the server's time of the data that the phone had: the visit was not before, and not after `now`.
    """
    return max(min(at + (now - sent_at), now), min(known_since, now))


def group_houses(people: Sequence[tuple[Hashable, Collection[int]]]) -> list[int]:
    """Return for each person the number of their house, from 0 in the order of the list.

    A person is a village and the ids of their phones: people of one village who share a phone are one house. Lists say no
    more about who lives together.
    """
    houses: list[int] = []
    by_phone: dict[tuple[Hashable, int], int] = {}
    joined: dict[int, int] = {}

    def first_of(house: int) -> int:
        while house in joined:
            house = joined[house]
        return house

    for index, (village, phones) in enumerate(people):
        found = {first_of(by_phone[village, phone]) for phone in phones if (village, phone) in by_phone}
        house = min(found, default=index)
        joined |= {other: house for other in found if other != house}
        by_phone |= {(village, phone): house for phone in phones}
        houses.append(house)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(first_of(house), len(numbers)) for house in houses]


# The first door first: those who asked, then those whom no message can reach.
_PRIORITY = {VisitReason.NO_PHONE: 1, VisitReason.FAILED: 2, VisitReason.NO_ANSWER: 3, VisitReason.CHECK: 3}


def visit_priority(why: VisitReason, last: VisitOutcome | None) -> int:
    """Return the place of a person in the order of a day's visits: 0 comes first, 9 has a result."""
    if last in (VisitOutcome.NEED_HELP, VisitOutcome.CALL):
        return 0
    return _PRIORITY[why] if last in (None, VisitOutcome.ABSENT) else 9


def shown_reason(why: VisitReason) -> VisitReason:
    """Return the reason that an officer reads: a random check is not marked as one."""
    return VisitReason.NO_ANSWER if why is VisitReason.CHECK else why


# A list that is handed over: the code of each of its people, and the marks on it when it comes back.
CODE_HEADING = "Mã"
_CODE = re.compile(r"D?\s*([0-9]{1,9})\s*[-–]\s*([0-9]{1,12})", re.IGNORECASE)
# "Đã tiêm", "Đã đến dự"; the last, as a field of the list may be "đã tiêm mũi 1".
_COLUMNS = {"code": re.compile(rf"{unaccented(CODE_HEADING)}$"), "mark": re.compile(r"da\b")}


@dataclass(slots=True)
class ReturnedMarks:
    """Recipients who are marked on a list that came back, the lines whose mark is not understood, and those of other campaigns."""

    came: set[int] = field(default_factory=set)
    unclear: list[int] = field(default_factory=list)
    strangers: int = 0


def person_code(campaign_id: int, recipient_id: int) -> str:
    """Return the code of a person on a list, such as "D12-345"; no spreadsheet takes it for a day or a number."""
    return f"D{campaign_id}-{recipient_id}"


def value_key(value: str) -> list[tuple[int, int, str]]:
    """Return what values are ordered by: "7h30" before "10h00"; who has none is last."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", value)
    return [(0, int(digits), "") if digits else (1, 0, unaccented(text)) for digits, text in parts] or [
        (2, 0, "")
    ]


def read_marks(rows: Iterable[Row], *, campaign_id: int) -> ReturnedMarks | None:
    """Return the marks of a sheet; None if it has no row of headings with the code and a column such as "Đã đến"."""
    table = find_table(rows, _COLUMNS, needed=(("code",), ("mark",)), last=("mark",))
    if table is None:
        return None
    marks = ReturnedMarks()
    for row in table:
        code, mark = row.text("code"), row.text("mark")
        person = _CODE.fullmatch(code)
        if person is None or not mark:
            continue  # a signature below the table, or nobody who came
        has_come = read_mark(mark)
        if has_come is None:
            marks.unclear.append(row.line)
        elif has_come and int(person[1]) == campaign_id:
            marks.came.add(int(person[2]))
        else:
            marks.strangers += has_come
    return marks


# Of those who reported by themselves; a sheet's form may say another share.
DEFAULT_PERCENT, MOST_PERCENT = 5, 30
# Random checks: some of those who reported by themselves that it is done are put on visit sheets, unmarked. What officers
# find there says which part of the self-reports is true. See docs/random-checks.md.
_CONFIDENCE = 0.95
# With fewer checks than this nothing is said.
FEWEST_CHECKS = 10


@dataclass(frozen=True, slots=True)
class VillageChecks:
    """Checks with a clear result in one village: `confirmed` of `checked` were true."""

    checked: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class CorrectedCount:
    """What is left of a reported count: the likely number, the ends of its interval, and from how many checks."""

    reported: int
    likely: float
    low: float
    high: float
    checks: int
    confirmed: int


def is_drawn(campaign_id: int, recipient_id: int, percent: int) -> bool:
    """Return whether a person is drawn for a check: the same at every asking, and at larger shares."""
    digest = hashlib.sha256(f"random check {campaign_id} {recipient_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % 10_000 < percent * 100


def are_enough(villages: Sequence[VillageChecks]) -> bool:
    """Return whether anything may be said from these checks."""
    return sum(village.checked for village in villages) >= FEWEST_CHECKS


def correct(reported: int, unchecked: int, villages: Sequence[VillageChecks]) -> CorrectedCount | None:
    """Return what is left of `reported`, None with fewer than `FEWEST_CHECKS` checks.

    `reported` counts everybody who counts as done now. Of them `unchecked` reported it themselves and were not checked;
    the others were confirmed, or heard by an officer. The share of true reports comes from the checks; its interval is
    Wilson's for 95%, made wider where villages differ (the checks of a village resemble each other) and by Student's t
    where they are few.
    """
    checks = sum(village.checked for village in villages)
    confirmed = sum(village.confirmed for village in villages)
    if not are_enough(villages):
        return None
    n = checks / _design_effect(confirmed / checks, checks, villages)
    quantile = _t_quantile(max(len([village for village in villages if village.checked]) - 1, 1))
    low, high = wilson(confirmed / checks, n, z=quantile)
    certain = reported - unchecked
    return CorrectedCount(
        reported=reported,
        likely=certain + unchecked * confirmed / checks,
        low=certain + unchecked * low,
        high=certain + unchecked * high,
        checks=checks,
        confirmed=confirmed,
    )


def _design_effect(share: float, checks: int, villages: Sequence[VillageChecks]) -> float:
    """Return the variance between villages over separate draws, at least 1 (Cochran 1977, 6.2, 9A)."""
    k = len(villages)
    simple = share * (1 - share) / checks
    if k < 2 or simple == 0:
        return 1.0
    spread = sum((village.confirmed - share * village.checked) ** 2 for village in villages)
    return max(1.0, spread * k / (k - 1) / checks**2 / simple)


def _t_quantile(degrees: int) -> float:
    """Return the two-sided 95% quantile of Student's t, by Cornish and Fisher's expansion; exact enough from 3 degrees on."""
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    if degrees < 3:
        return {1: 12.706, 2: 4.303}[degrees]
    return (
        z
        + (z**3 + z) / (4 * degrees)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
    )
