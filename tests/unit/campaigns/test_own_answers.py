"""Answers of a kind's own: read from its table, and found in what a resident writes."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import page_choices, read_content
from campaigns.rules.draft import read_draft
from campaigns.rules.own_answers import (
    GivenAnswer,
    find_own_answer,
    is_of_drive_only,
    read_among,
    read_own_answers,
    read_word,
)
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import understand
from outreach.rules.errors import BadCampaign, BadInput

TABLE: dict[str, Any] = {
    "1": {"text": "Đồng ý", "means": "installed", "reply": "Da ghi: dong y."},
    "2": {"text": "Không đồng ý", "means": "installed"},
    "3": {"text": "Chưa rõ, cần giải thích", "means": "need_help"},
    "4": {"text": "Để sau", "means": "not_yet"},
}
ANSWERS = read_own_answers({"own_answers": TABLE})


@pytest.mark.parametrize(
    "table",
    [
        {"1": TABLE["1"]},
        {"1": TABLE["1"], "3": TABLE["3"]},
        {"1": TABLE["1"], "2": {"text": "", "means": "installed"}},
        {"1": TABLE["1"], "2": {"text": "Khác", "means": "question"}},
        {"1": TABLE["1"], "2": {"text": "dong y", "means": "not_yet"}},
        {"1": TABLE["1"], "2": {**TABLE["2"], "button": "x"}},
        {str(n): {"text": f"Câu {n}", "means": "installed"} for n in range(1, 11)},
        ["Đồng ý", "Không"],
    ],
)
def test_a_wrong_table_is_refused(table: Any) -> None:
    with pytest.raises(BadCampaign):
        read_own_answers({"own_answers": table})


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("1", 1),
        ("Dạ số 2 ạ", 2),
        ("tôi chọn 3 nhé", 3),
        ("dong y", 1),
        ("KHÔNG ĐỒNG Ý", 2),
        ("k dong y nha", 2),
        ("2. Không đồng ý", 2),
        ("Để sau ạ", 4),
        ("1 2", None),
        ("9", None),
        ("đồng ý nhưng còn hỏi thêm", None),
        ("TC", None),
        ("", None),
    ],
)
def test_an_answer_is_found_by_its_number_or_its_words_alone(body: str, number: int | None) -> None:
    found = find_own_answer(body, ANSWERS)
    assert (found.number if found else None) == number


@pytest.mark.parametrize(
    ("body", "label", "is_automatic", "number"),
    [
        ("2", Label.INSTALLED, True, 2),
        ("7", Label.UNCLEAR, False, None),
        ("TC", Label.OPT_OUT, True, None),
        ("4", Label.NOT_YET, True, 4),
        ("chưa", Label.NOT_YET, True, 4),
        ("rồi", Label.INSTALLED, False, None),  # which of the two?
    ],
)
def test_what_a_reply_amounts_to(body: str, label: Label, is_automatic: bool, number: int | None) -> None:
    vocabulary = read_content(load_kinds()["khao-sat"]).vocabulary
    meant, own = read_among(body, understand(body, vocabulary), ANSWERS)
    assert (meant.label, meant.is_automatic, own) == (label, is_automatic, number)


def test_a_word_of_a_button() -> None:
    assert read_word("own-3", ANSWERS) == GivenAnswer(Label.NEED_HELP, 3)
    assert read_word("not_yet", ANSWERS) == GivenAnswer(Label.NOT_YET, 4)
    assert read_word("installed", ANSWERS) == GivenAnswer(Label.INSTALLED)
    assert read_word("opt_out_drive", ()) == GivenAnswer(Label.OPT_OUT, drive_only=True)
    for word in ("own-5", "own-", "nothing"):
        with pytest.raises(BadInput):
            read_word(word, ANSWERS)


def test_a_page_offers_the_own_answers_in_the_readers_language() -> None:
    data = load_kinds()["khao-sat"]
    translated = {"languages": {"jra": {"own_answers": {"1": {"text": "Hmâo"}}}}}
    assert page_choices(read_content(data))[0].text == "Hài lòng"
    content = read_content({**data, **translated}, "jra")
    assert [choice.text for choice in page_choices(content)][:2] == ["Hmâo", "Chưa hài lòng"]


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


INVITED = read_own_answers(load_kinds()["moi-du"])


@pytest.mark.parametrize(
    ("body", "number", "is_without_officer"),
    [
        ("1", 1, True),
        ("da toi se den dung gio a", 1, True),
        ("Dạ cháu đi được ạ", 1, True),
        ("toi ko di duoc, ban qua", 2, True),
        ("không đến được vì đau chân", 2, True),
        ("xin vắng mặt", 2, True),
        ("đi được nhé", 1, True),
        ("tôi sẽ đến nếu không mưa", 1, False),
        ("tôi không đi được, cần người chở", 3, True),
        ("đến được không?", None, False),  # a question
        ("chưa", 1, False),  # an officer sees it: it is no promise
        ("rồi", None, False),
        ("tôi có đi được đâu", None, False),  # it says no
        ("có đi làm ăn xa", None, False),
    ],
)
def test_an_answer_with_words_of_its_own_is_given_by_them(
    body: str, number: int | None, is_without_officer: bool
) -> None:
    kind = read_content(load_kinds()["moi-du"])
    meant, own = read_among(body, understand(body, kind.vocabulary), INVITED)
    waits = not meant.is_automatic or meant.label is Label.QUESTION
    assert (own, not waits) == (number, is_without_officer)


@pytest.mark.parametrize("body", ["không đi được, đừng nhắn nữa", "TC", "cứu tôi với, nhà sập rồi"])
def test_words_of_an_answer_hide_no_opt_out_and_no_cry_for_help(body: str) -> None:
    kind = read_content(load_kinds()["moi-du"])
    meant = understand(body, kind.vocabulary)
    assert read_among(body, meant, INVITED)[0].label is meant.label
    assert meant.label in (Label.OPT_OUT, Label.NEED_HELP)


def test_a_campaign_that_says_something_else_does_not_keep_the_kinds_words() -> None:
    data = {"name": "A", "text": "B", "lists": ["C"], "sender": "LOA", "kind": "moi-du"}
    changed = {"own_answers": {"1": {"text": "Tôi xem xét"}}}
    kept = read_own_answers(read_draft({**data, "content": changed}, kinds=load_kinds()).content)
    assert [bool(answer.words) for answer in kept] == [False, True, False]
