"""Corrections, answers to what we asked, and a second meaning in one message."""

from campaigns.rules.replies import context
from campaigns.rules.replies.asked import BLUEZONE
from tests.support.tables import cases, each_of


@cases(
    *each_of("nhầm | à nhầm | em bấm nhầm ạ | Xin lỗi, nhắn nhầm | nham roi | lộn", True),
    *each_of("nhầm số | nhầm, 2 | nhầm người | chưa cài", False),
    ("", False),
)
def test_a_bare_mistake_takes_back_what_was_said(text, is_taken_back):
    assert context.takes_back(text) is is_taken_back


@cases(
    ("có", "Ông/bà có cần giúp không?", True),
    ("dạ có ạ", "Ong/ba can can bo goi lai khong?", True),
    ("vâng", "Cán bộ đến nhà hướng dẫn được không ạ?", True),
    ("có", "Ông/bà đã cài Bluezone chưa?", False),
    *each_of("không | có tốn tiền không", "Ông/bà có cần giúp không?", False),
)
def test_a_bare_yes_answers_what_we_asked_last(text, asked, is_yes):
    assert context.accepts_help(text, asked=asked) is is_yes


@cases(
    *each_of("cài rồi, đừng nhắn nữa | đừng nhắn nữa, tôi cài xong rồi | cai roi nen thoi dung nhan", True),
    *each_of("đừng nhắn nữa | vợ cài rồi, đừng nhắn nữa | chưa cài, đừng nhắn nữa", False),
)
def test_done_is_heard_beside_a_stop(text, is_told):
    assert context.reports_install_too(text, BLUEZONE) is is_told


@cases(
    *each_of("TC đợt này | tu choi chien dich nay | Không nhận tin về việc này nữa", True),
    ("đừng nhắn đợt này nữa", True),
    *each_of("TC | Đợt này nhắn nhiều quá, đừng nhắn nữa | không nhận tin nữa", False),
    *each_of("không làm việc này | đợt này", False),
)
def test_an_opt_out_is_from_everything_unless_it_says_clearly_from_what(body, is_of_drive):
    assert context.is_of_drive_only(body) is is_of_drive


@cases(*each_of("có | Dạ ko em | ok chị | rồi ạ", True), *each_of("có đi | không biết", False))
def test_a_bare_yes_or_no_answers_only_what_was_asked_just_before(text, is_bare):
    assert context.needs_question(text) is is_bare
