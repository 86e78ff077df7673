"""Doubts about a message, and the one short answer to each."""

import pytest

from campaigns.rules.replies.doubts import DoubtKind, answer_doubt, find_doubt
from outreach.rules.segments import measure


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("bạn là ai", "sender"),
        ("tin này có phải lừa đảo không", "sender"),
        ("ai nhắn vậy", "sender"),
        ("tin nay that khong", "sender"),
        ("có mất tiền không", "cost"),
        ("ton tien khong", "cost"),
        ("miễn phí hả", "cost"),
        ("sao biết số tôi", "data"),
        ("lay so toi o dau ra", "data"),
        ("có bị lộ thông tin không", "data"),
        ("cài ở đâu", None),
        ("tiêm có đau không", None),
    ],
)
def test_a_doubt_is_recognised(text: str, doubt: str | None) -> None:
    assert find_doubt(text) == (DoubtKind(doubt) if doubt else None)


@pytest.mark.parametrize("doubt", DoubtKind)
def test_an_answer_is_short(doubt: DoubtKind) -> None:
    text = answer_doubt(
        doubt, issuer="UB MTTQ Viet Nam tinh Kon Tum", contact="truong thon, to truong to dan pho"
    )
    assert measure(text, unaccented=True).segments <= 2
