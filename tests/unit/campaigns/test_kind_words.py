"""Words of a kind: read from its table, refused where a part is unknown or too long."""

import pytest

from campaigns.rules.content_texts import find_copied
from campaigns.rules.kind_words import (
    KindWords,
    propose_content,
    propose_says,
    propose_vocabulary,
    read_words,
)
from outreach.rules.errors import BadCampaign
from tests.support.tables import cases


@cases(
    ({}, KindWords("thực hiện", "", False), "người thuộc diện vận động"),
    (
        {"done": " nhận  giấy ", "goal": False},
        KindWords("nhận giấy", "", False, goal=False),
        "người thuộc diện vận động",
    ),
    (
        {"done": "cài", "owners": "người có máy", "agencies": True},
        KindWords("cài", "người có máy", True),
        "người có máy",
    ),
)
def test_words_are_read(table, words, counted):
    assert read_words({"words": table}) == words
    assert words.counted == counted
    assert words.counted_heading[0].isupper()


THANKS = "answers.installed.thanks"


@cases("cài", {"verb": "cài"}, {"done": "x" * 61})
def test_a_wrong_table_is_refused(table):
    with pytest.raises(BadCampaign, match="content_words_table_wrong"):
        read_words({"words": table})


@cases(
    (
        {"title": "Sơ tán", "answers": {"need_help": {"reply": "Tra loi phieu: {link}"}}},
        "sơ tán",
        {"answers.need_help.reply": "Tra loi phieu"},
    ),
    ({"title": "Sơ tán", "page": {"ask": "Xin Trả lời phiếu."}}, "sơ tán", {"page.ask": "Trả lời phiếu"}),
    ({"title": "Sơ tán", "question": "Đã đi chưa?"}, "sơ tán", {}),
    ({"title": "Trả lời phiếu sức khỏe"}, "trả lời phiếu sức khỏe", {}),
    ({"answers": {"installed": {"thanks": "Cảm ơn đã cho ý kiến."}}}, "sơ tán", {THANKS: "ý kiến"}),
    ({"answers": {"installed": {"thanks": "Xin cho thêm ý kiến."}}}, "sơ tán", {}),
    (
        {"answers": {"installed": {"thanks": "Cảm ơn đã cho ý kiến."}}, "vocabulary": {"things": ["ý kiến"]}},
        "góp ý",
        {},
    ),
)
def test_what_the_kind_that_was_copied_asks_for_is_found(texts, done, copied):
    source = {
        "words": {"done": "trả lời phiếu"},
        "vocabulary": {"things": ["ý kiến"]},
        "answers": {"installed": {"thanks": "Cảm ơn đã cho ý kiến."}},
    }
    assert find_copied({**texts, "words": {"done": done}}, source) == copied


@cases(
    ("khám sức khỏe", "Ông/bà đã khám sức khỏe chưa?", ["khám sức khỏe", "khám"], ["sức khỏe"]),
    ("dọn vệ sinh", "Gia đình có tham gia không?", ["dọn vệ sinh", "dọn"], []),
    ("sơ tán", "Gia đình đã sơ tán chưa?", ["sơ tán"], []),
    ("đăng ký khám", "Đã đăng ký khám chưa?", ["đăng ký khám"], []),
)
def test_words_for_understanding_are_proposed_from_what_is_asked(done, question, verbs, things):
    found = propose_vocabulary(done, question)
    assert found["verbs"] == [*verbs, f"đi {done}", f"{done} xong"]
    assert found.get("things", []) == things


@cases(("Tôi sẽ đến", ["sẽ đến"]), ("Gia đình tôi bận", ["bận"]), ("Hài lòng", []))
def test_an_answer_is_also_said_without_who_speaks(text, says):
    assert propose_says(text) == says


@cases(
    ({}, "khám mắt", "Ông/bà đã khám mắt chưa?", ["Đã khám mắt", "Chưa khám mắt", "Cần giúp"]),
    (
        {"words": {"done": "đi khám"}},
        "đi khám",
        "Ông/bà đã đi khám chưa?",
        ["Đã đi khám", "Chưa đi khám", "Cần giúp"],
    ),
    ({"question": "Đã đi chưa?", "own_answers": {"1": {"text": "Đi rồi"}}}, "khám mắt", "Đã đi chưa?", []),
    ({"answers": {"installed": {"button": "Đã khám"}}}, "khám mắt", "Ông/bà đã khám mắt chưa?", []),
)
def test_what_follows_from_the_title_is_proposed_and_what_is_written_stays(written, done, question, answers):
    proposed = propose_content({"title": "Khám  mắt"} | written)
    assert (proposed["done"], proposed["question"]) == (done, question)
    assert [text for _means, text in proposed["answers"]] == answers
