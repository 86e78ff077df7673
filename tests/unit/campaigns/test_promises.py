"""A promise is told from what is done, and a button that counts as done may not promise."""

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import merge
from campaigns.rules.content_texts import find_text_errors
from campaigns.rules.promises import OwnCount, is_promise, read_promised, short_answer
from campaigns.rules.replies.labels import Label
from tests.support.tables import cases, each_of


@cases(
    *each_of("Tôi sẽ đến | Toi se den | TÔI SẼ ĐI TIÊM | Tôi đồng ý tiêm | Tôi đã đăng ký tiêm", True),
    *each_of("Có, tôi đến được | Ngày mai tôi đi | Hẹn tuần sau", True),
    *each_of("Tôi đã xong, con tôi sẽ đi sau | Chưa, nhưng tôi sẽ đến", True),
    *each_of("Tôi sẽ không đến | Tôi chưa đi được | Toi khong tham gia duoc | Tôi chưa đăng ký", False),
    *each_of("Tôi đã đăng ký nhưng không đến được | Tôi đã tiêm | Tôi đã tiêm theo hẹn", False),
    *each_of("Nhà tôi đã chuẩn bị xong | Tiêm được rồi | Nhà tôi se se lạnh | Hài lòng", False),
    ("", False),
)
def test_a_promise_is_told_from_what_is_done(text, promises):
    assert is_promise(text) is promises


@pytest.mark.parametrize("kind", load_kinds())
def test_a_button_that_counts_as_done_may_not_promise(kind):
    content = load_kinds()[kind]
    assert find_text_errors(content) == {}
    error = find_text_errors(merge(content, {"answers": {"installed": {"button": "Tôi sẽ đến"}}}))
    assert [each.code for each in error.values()] == ["button_promises"]


def test_in_a_kind_that_asks_for_a_promise_it_may():
    asking = {"words": {"done": "nhận lời"}, "answers": {"installed": {"button": "Tôi sẽ đến"}}}
    assert find_text_errors(merge(load_kinds()["tiem-chung"], asking)) == {}


@cases(
    ("Tôi sẽ đến", "sẽ đến"),
    ("Tôi xin vắng mặt", "vắng mặt"),
    ("Gia đình tôi sẽ đi", "sẽ đi"),
    ("Sẽ đến", "Sẽ đến"),
)
def test_an_answer_is_told_of_somebody_without_naming_them(text, told):
    assert short_answer(text) == told


def test_who_is_recorded_without_having_answered_is_no_other_answer():
    counts = [
        OwnCount("Tôi không đến được", 1, 0, Label.NO_SMARTPHONE),
        OwnCount("Tôi sẽ đến", 4, 3, Label.NOT_YET),
        OwnCount("Tôi đã tiêm rồi", 2, 2, Label.INSTALLED),
    ]
    figures = read_promised(counts, recipients=75, answered=10, done=7)  # 2 recorded alone, 1 other
    assert [(each.text, each.people) for each in figures.answers] == [
        ("Tôi sẽ đến", 4),
        ("Tôi không đến được", 1),
    ]
    assert (figures.others, figures.unanswered, figures.done, figures.kept) == (1, 65, 7, 3)
    assert read_promised(counts[::2], recipients=75, answered=3, done=2) is None, "nobody promises"
