"""Who is visited at the door, and the keys by which results are entered."""

from __future__ import annotations

import pytest

from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState
from campaigns.rules.visits import RESULT_KEYS, VisitOutcome, VisitReason, line_code, read_keys, visit_reason

_M = MessageState


@pytest.mark.parametrize(
    ("exclusion", "answer", "states", "why"),
    [
        (Exclusion.NO_PHONE, None, [], VisitReason.NO_PHONE),
        (Exclusion.OPTED_OUT, None, [], None),
        (Exclusion.WRONG_NUMBER, None, [], None),
        (Exclusion.DO_NOT_CALL, None, [], None),
        (Exclusion.SHARED_PHONE, None, [], None),
        (Exclusion.OUTSIDE_AREA, None, [], None),
        (None, None, [_M.FAILED], VisitReason.FAILED),
        (None, None, [_M.FAILED, _M.UNDELIVERED], VisitReason.FAILED),
        (None, None, [_M.UNDELIVERED, _M.SKIPPED], VisitReason.FAILED),
        (None, None, [_M.DELIVERED, _M.FAILED], VisitReason.NO_ANSWER),
        (None, None, [_M.NO_REPORT], VisitReason.NO_ANSWER),
        (None, None, [_M.ACCEPTED], VisitReason.NO_ANSWER),
        (None, None, [_M.QUEUED], None),  # it may still come
        (None, None, [_M.DELIVERED, _M.QUEUED], None),
        (None, None, [_M.FAILED, _M.UNKNOWN], None),
        (None, None, [_M.SKIPPED], None),
        (None, None, [_M.CANCELLED], None),
        (None, None, [], None),
        (None, Label.INSTALLED, [_M.DELIVERED], None),
        (None, Label.REFUSE, [_M.FAILED], None),
        (None, Label.NEED_HELP, [_M.DELIVERED], None),  # a case of its own
        (None, Label.QUESTION, [_M.DELIVERED], VisitReason.NO_ANSWER),
        (None, Label.UNCLEAR, [_M.DELIVERED], VisitReason.NO_ANSWER),
        (Exclusion.NO_PHONE, Label.NOT_YET, [], None),
    ],
)
def test_who_is_visited(
    exclusion: Exclusion | None, answer: Label | None, states: list[MessageState], why: VisitReason | None
) -> None:
    told = {"exclusion": exclusion, "answer": answer, "states": states}
    assert visit_reason(**told, is_unwilling=False) is why  # type: ignore[arg-type]
    assert visit_reason(**told, is_unwilling=True) is None  # type: ignore[arg-type]


def test_keys_are_those_that_residents_know_and_a_wrong_one_is_named() -> None:
    assert [RESULT_KEYS[key].value for key in "1234"] == [
        "installed",
        "not_yet",
        "no_smartphone",
        "need_help",
    ]
    read, wrong = read_keys({1: " 1 ", 2: "", 3: "9", 4: "0", 12: "x"})
    assert read == {1: VisitOutcome.INSTALLED, 2: None, 4: VisitOutcome.ABSENT}
    assert wrong == [3, 12]
    assert set(RESULT_KEYS.values()) == set(VisitOutcome)


def test_a_line_s_code_names_its_sheet() -> None:
    assert (line_code(12, 7), line_code(3, 120)) == ("12-07", "3-120")
