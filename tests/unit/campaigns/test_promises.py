"""A promise is told from what is done, and a button that counts as done may not promise."""

from __future__ import annotations

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import merge
from campaigns.rules.content_texts import find_text_errors
from campaigns.rules.promises import is_promise


@pytest.mark.parametrize(
    ("text", "promises"),
    [
        ("Tôi sẽ đến", True),
        ("Toi se den", True),
        ("TÔI SẼ ĐI TIÊM", True),
        ("Tôi đồng ý tiêm", True),
        ("Tôi đã đăng ký tiêm", True),
        ("Có, tôi đến được", True),
        ("Ngày mai tôi đi", True),
        ("Hẹn tuần sau", True),
        ("Tôi đã xong, con tôi sẽ đi sau", True),
        ("Tôi đã tiêm", False),
        ("Tôi đã tiêm theo hẹn", False),
        ("Nhà tôi đã chuẩn bị xong", False),
        ("Tiêm được rồi", False),
        ("Nhà tôi se se lạnh", False),
        ("Hài lòng", False),
        ("", False),
    ],
)
def test_a_promise_is_told_from_what_is_done(text: str, promises: bool) -> None:
    assert is_promise(text) is promises


@pytest.mark.parametrize("kind", load_kinds())
def test_a_button_that_counts_as_done_may_not_promise(kind: str) -> None:
    content = load_kinds()[kind]
    assert find_text_errors(content) == {}
    error = find_text_errors(merge(content, {"answers": {"installed": {"button": "Tôi sẽ đến"}}}))
    assert [each.code for each in error.values()] == ["button_promises"]


def test_in_a_kind_that_asks_for_a_promise_it_may() -> None:
    asking = {"words": {"done": "nhận lời"}, "answers": {"installed": {"button": "Tôi sẽ đến"}}}
    assert find_text_errors(merge(load_kinds()["tiem-chung"], asking)) == {}
