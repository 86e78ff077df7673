"""Doubts about a message, and the one short answer to each."""

import pytest

from campaigns.rules.replies.doubts import DoubtKind, answer_doubt, find_doubt
from outreach.rules.segments import measure
from tests.support.tables import cases, each_of


@cases(
    *each_of("bạn là ai | tin này có phải lừa đảo không | ai nhắn vậy | tin nay that khong", "sender"),
    *each_of("có mất tiền không | ton tien khong | miễn phí hả", "cost"),
    *each_of("sao biết số tôi | lay so toi o dau ra | có bị lộ thông tin không", "data"),
    *each_of("cài ở đâu | tiêm có đau không", None),
)
def test_a_doubt_is_recognised(text, doubt):
    assert find_doubt(text) == (DoubtKind(doubt) if doubt else None)


@pytest.mark.parametrize("doubt", DoubtKind)
def test_an_answer_is_short(doubt):
    text = answer_doubt(
        doubt, issuer="UB MTTQ Viet Nam tinh Kon Tum", contact="truong thon, to truong to dan pho"
    )
    assert measure(text, unaccented=True).segments <= 2
