"""Corrections, answers to what we asked, and a second meaning in one message."""

import pytest

from campaigns.rules.replies.asked import BLUEZONE
from campaigns.rules.replies.context import (
    accepts_help,
    is_of_drive_only,
    needs_question,
    reports_install_too,
    takes_back,
)


@pytest.mark.parametrize(
    ("text", "is_taken_back"),
    [
        ("nhầm", True),
        ("à nhầm", True),
        ("em bấm nhầm ạ", True),
        ("Xin lỗi, nhắn nhầm", True),
        ("nham roi", True),
        ("lộn", True),
        ("nhầm số", False),
        ("nhầm, 2", False),
        ("nhầm người", False),
        ("chưa cài", False),
        ("", False),
    ],
)
def test_a_bare_mistake_takes_back_what_was_said(text: str, is_taken_back: bool) -> None:
    assert takes_back(text) is is_taken_back


@pytest.mark.parametrize(
    ("text", "asked", "is_yes"),
    [
        ("có", "Ông/bà có cần giúp không?", True),
        ("dạ có ạ", "Ong/ba can can bo goi lai khong?", True),
        ("vâng", "Cán bộ đến nhà hướng dẫn được không ạ?", True),
        ("có", "Ông/bà đã cài Bluezone chưa?", False),
        ("không", "Ông/bà có cần giúp không?", False),
        ("có tốn tiền không", "Ông/bà có cần giúp không?", False),
    ],
)
def test_a_bare_yes_answers_what_we_asked_last(text: str, asked: str, is_yes: bool) -> None:
    assert accepts_help(text, asked=asked) is is_yes


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("cài rồi, đừng nhắn nữa", True),
        ("đừng nhắn nữa, tôi cài xong rồi", True),
        ("cai roi nen thoi dung nhan", True),
        ("đừng nhắn nữa", False),
        ("vợ cài rồi, đừng nhắn nữa", False),
        ("chưa cài, đừng nhắn nữa", False),
    ],
)
def test_done_is_heard_beside_a_stop(text: str, is_told: bool) -> None:
    assert reports_install_too(text, BLUEZONE) is is_told


@pytest.mark.parametrize(
    ("body", "is_of_drive"),
    [
        ("TC đợt này", True),
        ("tu choi chien dich nay", True),
        ("Không nhận tin về việc này nữa", True),
        ("đừng nhắn đợt này nữa", True),
        ("TC", False),
        ("Đợt này nhắn nhiều quá, đừng nhắn nữa", False),
        ("không nhận tin nữa", False),
        ("không làm việc này", False),
        ("đợt này", False),
    ],
)
def test_an_opt_out_is_from_everything_unless_it_says_clearly_from_what(body: str, is_of_drive: bool) -> None:
    assert is_of_drive_only(body) is is_of_drive


@pytest.mark.parametrize(
    ("text", "is_bare"),
    [
        ("có", True),
        ("Dạ ko em", True),
        ("ok chị", True),
        ("rồi ạ", True),
        ("có đi", False),
        ("không biết", False),
    ],
)
def test_a_bare_yes_or_no_answers_only_what_was_asked_just_before(text: str, is_bare: bool) -> None:
    assert needs_question(text) is is_bare
