"""What residents read: taken apart into fields and put together again, and checked before it is kept."""

from campaigns.planning.kinds import load_kinds
from campaigns.rules import content_texts
from campaigns.rules.content import PAGE_WORDS, merge, read_content, render_reply
from campaigns.rules.content_texts import PATHS
from campaigns.rules.replies.labels import Label
from outreach.core.sentences import word_error
from outreach.rules.errors import BadCampaign
from tests.support.errors import refuses
from tests.support.tables import cases, each_of

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
