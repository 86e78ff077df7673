"""Answers of a kind's own: read from its table, and found in what a resident writes."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import page_choices, read_content
from campaigns.rules.draft import read_draft
from campaigns.rules.own_answers import (
    GivenAnswer,
    counted_own,
    find_own_answer,
    is_of_drive_only,
    read_among,
    read_own_answers,
    read_word,
    suggest_own,
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
        ("vang toi se di", 1, True),  # "vang" may be "vắng"
        ("vâng tôi đến", 1, True),
        ("dạ đi", 1, True),
        ("da con di a", 1, True),
        ("vang, mai em di hop nhe", 1, True),
        ("vang em khong di duoc", 2, True),
        ("vang nha toi di lam", None, False),
        ("vang toi se di lam an xa", 1, False),
        ("da toi di lam ray roi", None, False),
        ("da di", None, False),  # "đã đi"
        ("vang toi se di neu khoe", 1, False),
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


ASKED = "UBMTTQ xa moi ong/ba du hop luc 7h30 ngay 3/12. Ong/ba co den du duoc khong? Tra loi: 1 toi se den, 2 toi khong den duoc"


@pytest.mark.parametrize(
    ("body", "number", "is_clear"),
    [
        (yes, 1, True)
        for yes in (
            "có",
            "co",
            "Dạ có ạ",
            "vâng",
            "Vâng ạ",
            "ok",
            "ok chị",
            "được",
            "dc",
            "đc nha",
            "ừ",
            "uh",
            "Đồng ý",
        )
    ]
    + [(no, 2, True) for no in ("không", "ko", "k", "không ạ", "Dạ ko em", "hông", "không được", "k dc")]
    + [(doubt, 1, False) for doubt in ("dạ", "dạ chị", "dạ cô", "có chi")]
    + [
        (other, None, False)
        for other in ("được không?", "đã", "có ai đi không", "không biết", "có việc bận", "ok nhưng trễ")
    ],
)
def test_a_bare_yes_or_no_answers_the_question_of_an_invitation(
    body: str, number: int | None, is_clear: bool
) -> None:
    kind = read_content(load_kinds()["moi-du"])
    meant, own = read_among(body, understand(body, kind.vocabulary), INVITED, asked=ASKED)
    assert (own, own is not None and meant.is_automatic) == (number, is_clear)
    if number and not is_clear:
        suggested = suggest_own(body, meant.label, INVITED)
        assert suggested is not None
        assert suggested.number == number
    # Without the question, as after another message of ours, it is none.
    without = read_among(body, understand(body, kind.vocabulary), INVITED)
    assert without[1] is None or not without[0].is_automatic or body in ("không được", "k dc")


@pytest.mark.parametrize(
    ("asked", "is_asked"),
    [
        (ASKED, True),
        ("Chị có đến tiêm theo lịch được không? TC từ chối", True),
        ("Ông/bà có bận không?", False),
        ("Vì sao ông/bà không đến được không?", False),
        ("Ông/bà có đến được không? Có cần xe đưa đi không?", False),
        ("Moi ong/ba den du hop.", False),
    ],
)
def test_only_one_question_whether_somebody_comes_is_answered_by_a_bare_yes(
    asked: str, is_asked: bool
) -> None:
    kind = read_content(load_kinds()["hen-tiem"])
    own = read_among("có", understand("có", kind.vocabulary), kind.own_answers, asked=asked)[1]
    assert own == (1 if is_asked else None)


@pytest.mark.parametrize(
    "body", ["TC", "không nhận tin nữa", "cứu tôi với, nhà sập rồi", "có người ngất ở nhà"]
)
def test_after_a_question_an_opt_out_and_a_cry_stay_what_they_are(body: str) -> None:
    meant = understand(body, read_content(load_kinds()["moi-du"]).vocabulary)
    assert read_among(body, meant, INVITED, asked=ASKED)[0] == meant


def test_a_question_without_answers_in_words_is_not_answered_by_a_bare_yes() -> None:
    kind = read_content(load_kinds()["khao-sat"])
    asked = "Ông/bà có hài lòng không?"
    assert read_among("có", understand("có", kind.vocabulary), kind.own_answers, asked=asked)[1] is None


@pytest.mark.parametrize(
    ("kind", "given", "counted"),
    [
        ("moi-du", [(Label.NOT_YET, 1), (Label.INSTALLED, None)], 1),
        ("hen-tiem", [(Label.NOT_YET, 1), (Label.INSTALLED, None)], 1),
        ("hen-tiem", [(Label.NOT_YET, 1), (Label.INSTALLED, 3)], 3),  # their own word
        ("hen-tiem", [(Label.INSTALLED, None)], None),
        ("khao-sat", [(Label.INSTALLED, 2), (Label.INSTALLED, None)], None),
    ],
)
def test_who_is_recorded_as_done_still_counts_as_having_promised_it(
    kind: str, given: list[tuple[Label, int | None]], counted: int | None
) -> None:
    assert counted_own(given, load_kinds()[kind]) == counted


def test_a_doubt_beside_an_answers_words_leaves_it_the_one_to_suggest() -> None:
    late = "co toi di duoc nhung den tre 15 phut"
    assert [suggest_own(late, label, INVITED) for label in (Label.OPT_OUT, Label.NEED_HELP)] == [None, None]
    found = suggest_own(late, Label.QUESTION, INVITED)
    assert found is not None
    assert found.number == 1
    assert suggest_own("mai họp mấy giờ ạ", Label.QUESTION, INVITED) is None
