"""What a phone's answers amount to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.rules.cases import CaseKind, assigned_until, kind_of
from campaigns.rules.replies.classifier import classify
from campaigns.rules.replies.labels import SURE, AnswerState, Label, counts_as_answer, fold_answers

L = Label
NOON = datetime(2020, 8, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answers", "label", "installed_by"),
    [
        ("", None, None),
        ("installed", "installed", 0),
        ("not_yet", "not_yet", None),
        ("not_yet installed", "installed", 1),
        # Repeated: the install counts once, by the first time it was said.
        ("installed installed", "installed", 0),
        # Taken back: "đã cài nhưng xóa rồi", "máy này không phải điện thoại thông minh".
        ("installed not_yet", "not_yet", None),
        ("installed refuse", "refuse", None),
        ("installed no_smartphone", "no_smartphone", None),
        ("installed wrong_number", "wrong_number", None),
        ("installed not_yet installed", "installed", 2),
        # Help and leaving do not uninstall.
        ("installed need_help", "need_help", 0),
        ("installed opt_out", "opt_out", 0),
        ("installed need_help installed", "installed", 0),
        ("installed opt_out not_yet", "not_yet", None),
        # No answers to the question.
        ("question", None, None),
        ("unclear question", None, None),
        ("installed question", "installed", 0),
        ("question installed unclear", "installed", 1),
        ("not_yet unclear", "not_yet", None),
        ("opt_out", "opt_out", None),
    ],
)
def test_the_latest_answer_stands_and_an_install_counts_until_taken_back(
    answers: str, label: str | None, installed_by: int | None
) -> None:
    assert fold_answers([L(word) for word in answers.split()]) == AnswerState(
        L(label) if label else None, installed_by
    )


BELOW = SURE - 0.01


@pytest.mark.parametrize(
    ("label", "confidence", "is_counted", "kind"),
    [
        ("installed", 1.0, True, None),
        ("installed", 0.8, True, None),
        ("installed", 0.79, False, "unclear"),  # "có cài" may as well ask
        ("not_yet", SURE, True, None),
        ("not_yet", BELOW, False, "unclear"),
        ("no_smartphone", SURE, True, None),
        ("no_smartphone", BELOW, False, "unclear"),
        ("refuse", SURE, True, None),
        ("wrong_number", SURE, True, None),
        ("wrong_number", BELOW, False, "unclear"),
        # Counted, and a person calls.
        ("need_help", 1.0, True, "help"),
        ("need_help", BELOW, False, "unclear"),
        # Whoever may have asked to be left alone is; a doubtful case is looked at as well.
        ("opt_out", 1.0, True, None),
        ("opt_out", BELOW, True, "opt_out"),
        ("opt_out", 0.0, True, "opt_out"),
        ("question", 1.0, False, "question"),
        ("question", BELOW, False, "unclear"),
        ("unclear", 1.0, False, "unclear"),
    ],
)
def test_what_counts_by_itself_and_what_a_person_looks_at(
    label: str, confidence: float, is_counted: bool, kind: str | None
) -> None:
    assert counts_as_answer(L(label), confidence) is is_counted
    assert kind_of(L(label), confidence, is_matched=True) == (CaseKind(kind) if kind else None)


@pytest.mark.parametrize(
    ("text", "is_counted", "kind"),
    [
        ("phiền quá", True, "opt_out"),
        ("tu choi nhan tin", True, None),
        ("co cai", False, "unclear"),
        ("da cai roi", True, None),
    ],
)
def test_a_doubtful_opt_out_counts_and_is_looked_at_and_a_doubtful_install_waits(
    text: str, is_counted: bool, kind: str | None
) -> None:
    label, confidence = classify(text)
    assert counts_as_answer(label, confidence) is is_counted
    assert kind_of(label, confidence, is_matched=True) == (CaseKind(kind) if kind else None)


def test_no_reply_falls_between_counting_and_looking() -> None:
    for label in L:
        for confidence in (0.0, BELOW, SURE, 1.0):
            assert counts_as_answer(label, confidence) or kind_of(label, confidence, is_matched=True)
            assert kind_of(label, confidence, is_matched=False)


def test_a_case_is_its_takers_alone_for_a_quarter_of_an_hour() -> None:
    assert assigned_until(None, now=NOON) is None
    assert assigned_until(NOON, now=NOON + timedelta(minutes=14)) == NOON + timedelta(minutes=15)
    assert assigned_until(NOON, now=NOON + timedelta(minutes=15)) is None
