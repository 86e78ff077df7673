"""What a campaign says and asks, as data."""

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.rules.content import AnswerWording, App, merge, page_choices, read_content, render_reply
from campaigns.rules.replies.labels import PAGE_LABELS, Label
from outreach.rules.errors import BadCampaign
from outreach.rules.segments import measure
from tests.support.errors import refuses
from tests.support.tables import cases

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
    bluezone, vaccination = (page_choices(read_content(KINDS[kind])) for kind in ("bluezone", "tiem-chung"))
    assert [each.value for each in bluezone] == ["installed", "not_yet", "need_help", "no_smartphone"]
    assert [each.value for each in vaccination] == ["installed", "not_yet", "need_help"]
    assert {each.value for each in bluezone} < set(PAGE_LABELS)
    assert bluezone[1].text == "Chưa, nhắc tôi sau"


def test_bluezone_links_to_the_official_addresses_only():
    app = read_content(KINDS["bluezone"]).app
    assert app.page == "https://bluezone.gov.vn/taiapp"
    assert app.android == "https://play.google.com/store/apps/details?id=com.mic.bluezone"
    assert app.ios == "https://apps.apple.com/vn/app/id1508062685"
