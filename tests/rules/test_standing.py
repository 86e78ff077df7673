"""What a phone's answers amount to."""

from __future__ import annotations

import pytest

from campaigns.answers.standing import SURE, Standing, counts, fold, needs_a_person
from campaigns.replies.classifier import Label

L = Label


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
    assert fold([L(word) for word in answers.split()]) == Standing(L(label) if label else None, installed_by)


BELOW = SURE - 0.01


@pytest.mark.parametrize(
    ("label", "confidence", "is_counted", "is_looked_at"),
    [
        ("installed", 1.0, True, False),
        ("installed", SURE, True, False),
        ("installed", BELOW, False, True),
        ("not_yet", SURE, True, False),
        ("not_yet", BELOW, False, True),
        ("no_smartphone", SURE, True, False),
        ("no_smartphone", BELOW, False, True),
        ("refuse", SURE, True, False),
        ("wrong_number", SURE, True, False),
        ("wrong_number", BELOW, False, True),
        # Counted, and a person calls.
        ("need_help", 1.0, True, True),
        ("need_help", BELOW, False, True),
        # Whoever may have asked to be left alone is; a doubtful case is looked at as well.
        ("opt_out", 1.0, True, False),
        ("opt_out", BELOW, True, True),
        ("opt_out", 0.0, True, True),
        ("question", 1.0, False, True),
        ("unclear", 1.0, False, True),
    ],
)
def test_what_counts_by_itself_and_what_a_person_looks_at(
    label: str, confidence: float, is_counted: bool, is_looked_at: bool
) -> None:
    assert counts(L(label), confidence) is is_counted
    assert needs_a_person(L(label), confidence) is is_looked_at


def test_no_reply_falls_between_counting_and_looking() -> None:
    for label in L:
        for confidence in (0.0, BELOW, SURE, 1.0):
            assert counts(label, confidence) or needs_a_person(label, confidence)
