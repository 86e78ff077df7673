"""Answers of a kind's own: read from its table, and found in what a resident writes."""

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import page_choices, read_content
from campaigns.rules.draft import read_draft
from campaigns.rules.own_answers import GivenAnswer, counted_own, read_own_answers, read_word, suggest_own
from campaigns.rules.replies.asked import Asked, given_plainly
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import understand
from outreach.rules.errors import BadCampaign, BadInput
from tests.support.tables import cases, each_of

TABLE = {
    "1": {"text": "Đồng ý", "means": "installed", "reply": "Da ghi: dong y."},
    "2": {"text": "Không đồng ý", "means": "installed"},
    "3": {"text": "Chưa rõ, cần giải thích", "means": "need_help"},
    "4": {"text": "Để sau", "means": "not_yet"},
}
ANSWERS = read_own_answers({"own_answers": TABLE})


@cases(
    {"1": TABLE["1"]},
    {"1": TABLE["1"], "3": TABLE["3"]},
    {"1": TABLE["1"], "2": {"text": "", "means": "installed"}},
    {"1": TABLE["1"], "2": {"text": "Khác", "means": "question"}},
    {"1": TABLE["1"], "2": {"text": "dong y", "means": "not_yet"}},
    {"1": TABLE["1"], "2": {**TABLE["2"], "button": "x"}},
    {str(n): {"text": f"Câu {n}", "means": "installed"} for n in range(1, 11)},
    ["Đồng ý", "Không"],
)
def test_a_wrong_table_is_refused(table):
    with pytest.raises(BadCampaign):
        read_own_answers({"own_answers": table})


@cases(
    *each_of("1 | dong y", 1),
    *each_of("Dạ số 2 ạ | KHÔNG ĐỒNG Ý | k dong y nha | 2. Không đồng ý", 2),
    ("tôi chọn 3 nhé", 3),
    ("Để sau ạ", 4),
    *each_of("1 2 | 9 | đồng ý nhưng còn hỏi thêm | TC", None),
    ("", None),
)
def test_an_answer_is_found_by_its_number_or_its_words_alone(body, number):
    asked = Asked((), answers=tuple(each.offered for each in ANSWERS), is_own=True)
    found = given_plainly(body, asked)
    assert (found.number if found else None) == number


def test_a_word_of_a_button():
    assert read_word("own-3", ANSWERS) == GivenAnswer(Label.NEED_HELP, 3)
    assert read_word("not_yet", ANSWERS) == GivenAnswer(Label.NOT_YET, 4)
    assert read_word("installed", ANSWERS) == GivenAnswer(Label.INSTALLED)
    assert read_word("opt_out_drive", ()) == GivenAnswer(Label.OPT_OUT, drive_only=True)
    for word in ("own-5", "own-", "nothing"):
        with pytest.raises(BadInput):
            read_word(word, ANSWERS)


def test_a_page_offers_the_own_answers_in_the_readers_language():
    data = load_kinds()["khao-sat"]
    translated = {"languages": {"jra": {"own_answers": {"1": {"text": "Hmâo"}}}}}
    assert page_choices(read_content(data))[0].text == "Hài lòng"
    content = read_content({**data, **translated}, "jra")
    assert [choice.text for choice in page_choices(content)][:2] == ["Hmâo", "Chưa hài lòng"]


INVITED = read_own_answers(load_kinds()["moi-du"])


@cases(
    *each_of("1 | da toi se den a | Dạ cháu đi được ạ | đi được nhé | vâng tôi đến | dạ đi", 1, True),
    ("da con di a", 1, True),
    *each_of("toi ko di duoc, ban qua | xin vắng mặt | vang em khong di duoc", 2, True),
    ("không đến được vì đau chân", 2, False),
    *each_of("tôi sẽ đến nếu không mưa | vang, mai em di hop nhe | vang toi se di lam an xa", 1, False),
    ("vang toi se di neu khoe", 1, False),
    *each_of("tôi không đi được, cần người chở | rồi | có đi làm ăn xa", None, False),
    *each_of("vang nha toi di lam | da toi di lam ray roi", None, False),
    ("đến được không?", None, False),  # a question
    *each_of("chưa | chưa biết | để xem đã", None, False),  # no promise: an officer sees it
    ("tôi có đi được đâu", None, False),  # it says no
    ("vang toi se di", 1, True),  # "vang" may be "vắng"
)
def test_an_answer_with_words_of_its_own_is_given_by_them(body, number, is_without_officer):
    found = understand(body, read_content(load_kinds()["moi-du"]).heard())
    waits = not found.is_automatic or found.label is Label.QUESTION
    assert not waits or not is_without_officer
    if is_without_officer or number is None:
        assert (found.own if not waits else None) == (number if is_without_officer else None)


@cases(
    *each_of("không đi được, đừng nhắn nữa | TC | không nhận tin nữa | cứu tôi với, nhà sập rồi"),
    "có người ngất ở nhà",
)
def test_words_of_an_answer_hide_no_opt_out_and_no_cry_for_help(body):
    found = understand(body, read_content(load_kinds()["moi-du"]).heard())
    assert found.is_urgent or found.opt_out


def test_a_campaign_that_says_something_else_does_not_keep_the_kinds_words():
    data = {"name": "A", "text": "B", "lists": ["C"], "sender": "LOA", "kind": "moi-du"}
    changed = {"own_answers": {"1": {"text": "Tôi xem xét"}}}
    kept = read_own_answers(read_draft({**data, "content": changed}, kinds=load_kinds()).content)
    assert [bool(answer.words) for answer in kept] == [False, True, False]


@pytest.mark.parametrize(
    ("body", "number"),
    [(yes, 1) for yes in ("có", "Dạ có ạ", "vâng", "ok chị", "Đồng ý")]
    + [(no, 2) for no in ("không ạ", "Dạ ko em", "không được", "k dc")]
    + [("mai họp mấy giờ ạ", None)],
)
def test_a_bare_yes_or_no_answers_the_question_of_an_invitation(body, number):
    assert understand(body, read_content(load_kinds()["moi-du"]).heard()).own == number


@cases(
    *each_of("moi-du | hen-tiem", [(Label.NOT_YET, 1), (Label.INSTALLED, None)], 1),
    ("hen-tiem", [(Label.NOT_YET, 1), (Label.INSTALLED, 3)], 3),  # their own word
    ("hen-tiem", [(Label.NOT_YET, 1), (Label.INSTALLED, 3), (Label.INSTALLED, None)], 3),  # and are recorded
    ("hen-tiem", [(Label.INSTALLED, None)], None),
    ("khao-sat", [(Label.INSTALLED, 2), (Label.INSTALLED, None)], None),
)
def test_who_is_recorded_as_done_still_counts_as_having_promised_it(kind, given, counted):
    assert counted_own(given, load_kinds()[kind]) == counted


def test_the_likeliest_own_answer_is_suggested_for_what_an_officer_has_to_label():
    likely = "chắc tôi sẽ đến nếu không mưa"
    found = suggest_own(likely, Label.NOT_YET, INVITED)
    assert found.number == 1
    assert suggest_own(likely, Label.OPT_OUT, INVITED) is None
    assert suggest_own("mai họp mấy giờ ạ", Label.QUESTION, INVITED) is None
