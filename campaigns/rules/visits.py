"""Home visits: their reasons, outcomes and keys, houses, and what becomes of a result that a phone brings late."""

import re
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState
from outreach.rules.identity import name_key


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
