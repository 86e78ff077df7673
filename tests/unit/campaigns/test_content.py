"""What a campaign says and asks, as data: its texts as fields and checked, a kind's words, promises told from what is done."""

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules import content_texts, kind_words
from campaigns.rules.content import (
    PAGE_WORDS,
    AnswerWording,
    App,
    merge,
    page_choices,
    read_content,
    render_reply,
)
from campaigns.rules.content_texts import PATHS, find_copied, find_text_errors
from campaigns.rules.promises import OwnCount, is_promise, read_promised, short_answer
from campaigns.rules.replies.labels import USES, Label
from outreach.core.sentences import word_error
from outreach.rules.errors import BadCampaign
from outreach.rules.segments import measure
from tests.support.errors import refuses
from tests.support.tables import cases, each_of

LEAST = {"title": "Cài", "question": "Đã cài chưa?", "issuer": "Mặt trận"}
APP = {"name": "Bluezone", "page": "https://bluezone.gov.vn/taiapp"}
KINDS = load_kinds()


def test_the_least_content_asks_without_an_app():
    content = read_content(LEAST)
    assert (content.title, content.question, content.issuer) == tuple(LEAST.values())
    assert content.app is None
    assert content.wording(Label.INSTALLED) == AnswerWording()


@pytest.mark.parametrize("missing", list(LEAST))
@pytest.mark.parametrize("instead", [None, "", "  "])
def test_title_question_and_issuer_are_needed(missing, instead):
    data = {key: value for key, value in LEAST.items() if key != missing}
    if instead is not None:
        data[missing] = instead
    with refuses(BadCampaign, says=f"“{missing}”"):
        read_content(data)


@cases(
    ({"colour": "red"}, "colour"),
    ({"answers": ["installed"]}, "“answers”"),
    ({"answers": {"yes": {"button": "Có"}}}, "“yes”"),
    ({"answers": {"installed": "Rồi"}}, "answers.installed"),
    ({"answers": {"installed": {"label": "Rồi"}}}, "answers.installed"),
    ({"vocabulary": ["tiêm"]}, "“vocabulary”"),
    ({"vocabulary": {"verbs": "tiêm"}}, "vocabulary.verbs"),
    ({"vocabulary": {"done": ["tiêm"]}}, "cần verbs"),
    ({"app": "Bluezone"}, "“app”"),
    ({"app": {"name": "Bluezone"}}, "“app”"),
    ({"app": {**APP, "windows": "https://example.vn"}}, "“app”"),
)
def test_what_is_not_understood_is_refused_by_name(more, says):
    with refuses(BadCampaign, says=says):
        read_content({**LEAST, **more})


@pytest.mark.parametrize("part", ["page", "android", "ios"])
@cases("http://bluezone.gov.vn", "bluezone.gov.vn", "javascript:alert(1)", "//x.vn", "https:", "https://[x")
def test_an_app_is_linked_to_by_https_alone(part, address):
    with refuses(BadCampaign, says=f"app.{part}"):
        read_content({**LEAST, "app": {**APP, part: address}})


@cases(
    ("Mozilla/5.0 (Linux; Android 9; SM-J610F) Chrome/84", "android"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 13_6 like Mac OS X)", "ios"),
    ("Mozilla/5.0 (iPad; CPU OS 13_6 like Mac OS X)", "ios"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "page"),
    ("", "page"),
)
def test_a_phone_is_led_to_its_own_store(agent, address):
    app = App("Bluezone", page="page", android="android", ios="ios")
    assert app.address_for(agent) == address


def test_without_a_store_the_official_page_serves_every_phone():
    app = App("Bluezone", page="page")
    assert {app.address_for(agent) for agent in ("Android", "iPhone", "")} == {"page"}


def test_changes_are_laid_over_table_by_table():
    base = {"title": "a", "answers": {"installed": {"button": "b", "reply": "r"}, "refuse": {"reply": "x"}}}
    merged = merge(base, {"answers": {"installed": {"reply": "R"}}, "why": "w"})
    assert merged == {
        "title": "a",
        "why": "w",
        "answers": {"installed": {"button": "b", "reply": "R"}, "refuse": {"reply": "x"}},
    }
    assert base["answers"]["installed"]["reply"] == "r"


def test_a_campaign_may_do_without_its_kinds_app():
    assert read_content(merge(KINDS["bluezone"], {"app": {}})).app == read_content(KINDS["bluezone"]).app
    assert read_content(merge(KINDS["bluezone"], {"app": False})).app is None


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_can_be_read_and_lets_people_leave(kind):
    content = read_content(KINDS[kind])
    for label in (Label.INSTALLED, Label.NEED_HELP, Label.OPT_OUT):
        assert content.wording(label).button, label
        assert content.wording(label).thanks, label
    # Decree 91/2020: the confirmation says when the request came.
    assert "{time}" in content.wording(Label.OPT_OUT).reply


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_is_sent_back_fits_one_plain_message(kind):
    for label, wording in read_content(KINDS[kind]).answers.items():
        values = {"time": "18:05 ngay 18/08/2020", "link": "https://bluezone.kontum.gov.vn/abcdefgh"}
        measured = measure(render_reply(wording.reply, values))
        # Whoever needs help gets the steps and the link.
        most = 2 if label is Label.NEED_HELP else 1
        assert measured.encoding == "GSM-7", label
        assert measured.segments <= most, label


def test_whoever_needs_help_with_the_app_gets_the_steps_by_sms_and_on_the_page():
    wording = read_content(KINDS["bluezone"]).wording(Label.NEED_HELP)
    assert "{link}" in wording.reply
    assert "goi lai" in wording.reply
    assert "3." in wording.reply
    assert len(wording.steps) >= 3


@pytest.mark.parametrize("steps", ["Mở", {"1": "Mở"}])
def test_steps_are_a_list(steps):
    with refuses(BadCampaign, says=r"need_help\.steps"):
        read_content({**LEAST, "answers": {"need_help": {"steps": steps}}})


def test_the_page_offers_what_can_be_pressed():
    offered = {kind: page_choices(read_content(KINDS[kind])) for kind in ("bluezone", "tiem-chung")}
    choices = [label for label, use in USES.items() if use.is_choice]
    for kind, found in offered.items():
        written = {label for label, texts in KINDS[kind]["answers"].items() if texts.get("button")}
        assert [each.value for each in found] == [each for each in choices if each in written | {"not_yet"}]
    assert offered["bluezone"][1].text == "Chưa, nhắc tôi sau"
    assert "no_smartphone" not in {each.value for each in offered["tiem-chung"]}


def test_bluezone_links_to_the_official_addresses_only():
    app = read_content(KINDS["bluezone"]).app
    assert app.page == "https://bluezone.gov.vn/taiapp"
    assert app.android == "https://play.google.com/store/apps/details?id=com.mic.bluezone"
    assert app.ios == "https://apps.apple.com/vn/app/id1508062685"


EVERYTHING = {
    "title": "Tiêm",
    "question": "Tiêm chưa?",
    "issuer": "Mặt trận",
    "phone": "1022",
    "app": {"name": "Sổ sức khỏe", "page": "https://example.vn"},
    "answers": {"need_help": {"reply": "Mo {link}", "steps": ["Mở liên kết.", "Bấm nút."]}},
    "vocabulary": {"verbs": ["tiêm"]},
    "page": {"ask": "Hỏi {contact}.", "steps": "Cách làm"},
    "languages": {"sed": {"title": "T", "answers": {"installed": {"button": "B"}}, "page": {"next": "N"}}},
}


@cases(EVERYTHING, *load_kinds().values(), {"app": False}, {"mới": {"a": 1}})
def test_what_is_taken_apart_is_put_together_as_it_was(content):
    texts, rest = content_texts.split_content(content)
    assert content_texts.join_content(texts, rest) == content


def test_only_texts_have_a_path_and_the_rest_stays_together():
    texts, rest = content_texts.split_content(EVERYTHING)
    assert rest == {"vocabulary": {"verbs": ["tiêm"]}}
    assert texts["answers.need_help.steps"] == "Mở liên kết.\nBấm nút."
    assert texts["languages.sed.page.next"] == "N"
    assert texts["page.steps"] == "Cách làm"  # a heading, not lines
    assert set(texts) <= set(PATHS)
    for path in (
        *(f"page.{name}" for name in PAGE_WORDS),
        *(f"answers.{each.value}.reply" for each in Label),
    ):
        assert path in PATHS
        assert f"languages.jra.{path}" in PATHS


def test_an_empty_text_is_left_out_unless_another_would_show_through():
    assert content_texts.join_content({"why": "", "contact": ""}, {}, over={"why"}) == {"why": ""}
    assert content_texts.join_content(
        {"answers.need_help.steps": ""}, {}, over={"answers.need_help.steps"}
    ) == {"answers": {"need_help": {"steps": []}}}


def test_without_any_of_its_texts_an_app_is_none():
    base = load_kinds()["bluezone"]
    texts, rest = content_texts.split_content(base)
    emptied = {path: "" if path.startswith("app.") else text for path, text in texts.items()}
    assert read_content(merge(base, content_texts.join_content(emptied, rest, over=texts))).app is None
    assert "app" not in content_texts.join_content({"app.name": "", "app.page": ""}, {})


@cases({"answers": "x"}, {"answers": {"need_help": []}}, {"languages": {"sed": 1}})
def test_what_stands_in_a_tables_place_gives_way(rest):
    texts = {"answers.need_help.reply": "r", "languages.sed.title": "t"}
    assert content_texts.split_content(content_texts.join_content(texts, rest))[0] == texts


def test_addresses_of_the_app_are_not_corrected_on_the_way():
    assert content_texts.is_correctable("answers.installed.reply")
    assert content_texts.is_correctable("languages.sed.page.ask")
    assert content_texts.is_correctable("app.button")
    for path in ("app.page", "app.android", "app.ios", "app.name", "vocabulary", "x"):
        assert not content_texts.is_correctable(path)


@cases(
    *each_of("0905 000 123 | +84 905 000 123 | 0260 386 0000 | (0260) 386.0000 | 1022 | 113", True),
    *each_of("1900 9095 | 18001119", True),
    *each_of("0905 | 84905000123 | 0000000000 | +1 202 555 0100 | gọi trạm y tế", False),
    ("905000123", False),  # no phone dials it so
    ("01685000123", False),  # not in use since 2018
    ("", False),
)
def test_a_phone_to_call_is_one_that_can_be_dialled(written, is_one):
    assert content_texts.can_be_called(written) is is_one
    if is_one:
        assert read_content({**EVERYTHING, "phone": written}).dialled.lstrip("+").isdigit()


@cases(
    ({"phone": "0905"}, "phone", "1022"),
    ({"answers": {"installed": {"reply": "{ten} ơi"}}}, "answers.installed.reply", "{link}, {name}, {time}"),
    ({"answers": {"installed": {"reply": "Mo {link"}}}, "answers.installed.reply", "gõ hai lần"),
    ({"answers": {"need_help": {"steps": ["Mở {lnk}."]}}}, "answers.need_help.steps", "{lnk}"),
    ({"page": {"call": "Gọi {number}"}}, "page.call", "{phone}"),
    ({"languages": {"sed": {"page": {"ask": "{name}"}}}}, "languages.sed.page.ask", "{contact}"),
    ({"languages": {"sed": {"answers": {"opt_out": {"reply": "{x}"}}}}}, "languages.sed.answers.opt_out.reply", "x"),
    ({"app": {"page": ""}}, "app.page", "trang tải"),
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_path(changes, path, says):
    wrong = content_texts.find_text_errors(merge(EVERYTHING, changes))
    assert list(wrong) == [path]
    assert says in word_error(wrong[path])
    with refuses(BadCampaign, says=path):
        content_texts.check_texts(merge(EVERYTHING, changes))


@cases(EVERYTHING, *load_kinds().values())
def test_nothing_is_wrong_with_what_comes_with_the_kinds(content):
    assert content_texts.find_text_errors(content) == {}


def test_what_a_language_leaves_empty_is_vietnamese():
    blank = {"title": "", "answers": {"need_help": {"reply": "", "steps": []}}, "page": {"ask": ""}}
    read = read_content({**EVERYTHING, "languages": {"jra": blank}}, "jra")
    assert (read.title, read.page["ask"]) == ("Tiêm", "Hỏi {contact}.")
    assert read.wording(Label.NEED_HELP).steps == ("Mở liên kết.", "Bấm nút.")
    without = {**EVERYTHING, "app": False, "languages": {"jra": {"app": {"button": "B"}}}}
    assert read_content(without, "jra").app is None


@cases(
    ("[{name} oi, ]mo {link} luc {time}", "A Thun", "A Thun oi, mo L luc T"),
    ("[{name} oi, ]mo {link} luc {time}", "", "mo L luc T"),
    ("Luc {time} [gap", "A", "Luc T [gap"),  # kept before it was checked
    ("{ten} luc {time}", "A", "{ten} luc T"),
)
def test_an_acknowledgement_is_filled_in(text, name, sent):
    assert render_reply(text, {"name": name, "link": "L", "time": "T"}) == sent


@cases(
    ({}, kind_words.KindWords("thực hiện", "", False), "người thuộc diện vận động"),
    (
        {"done": " nhận  giấy ", "goal": False},
        kind_words.KindWords("nhận giấy", "", False, goal=False),
        "người thuộc diện vận động",
    ),
    (
        {"done": "cài", "owners": "người có máy", "agencies": True},
        kind_words.KindWords("cài", "người có máy", True),
        "người có máy",
    ),
)
def test_words_are_read(table, words, counted):
    assert kind_words.read_words({"words": table}) == words
    assert words.counted == counted
    assert words.counted_heading[0].isupper()


THANKS = "answers.installed.thanks"


@cases("cài", {"verb": "cài"}, {"done": "x" * 61})
def test_a_wrong_table_is_refused(table):
    with pytest.raises(BadCampaign, match="content_words_table_wrong"):
        kind_words.read_words({"words": table})


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
    found = kind_words.propose_vocabulary(done, question)
    assert found["verbs"] == [*verbs, f"đi {done}", f"{done} xong"]
    assert found.get("things", []) == things


@cases(
    ("Khám  mắt", "khám mắt"),
    ("Mời bà con tiêm phòng dại cho chó", "tiêm phòng dại cho chó"),
    ("Vận động đóng quỹ", "đóng quỹ"),
    ("Nhắc nộp thuế đất", "nộp thuế đất"),
    ("Mời", "mời"),
)
def test_a_title_says_what_is_to_be_done_without_how_it_is_asked(title, action):
    assert kind_words.action_of(title) == action


@cases(("Tôi sẽ đến", ["sẽ đến"]), ("Gia đình tôi bận", ["bận"]), ("Hài lòng", []))
def test_an_answer_is_also_said_without_who_speaks(text, says):
    assert kind_words.propose_says(text) == says


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
    proposed = kind_words.propose_content({"title": "Khám  mắt"} | written)
    assert (proposed["done"], proposed["question"]) == (done, question)
    assert [text for _means, text in proposed["answers"]] == answers


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
