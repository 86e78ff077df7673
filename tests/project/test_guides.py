"""The guides say what is: buttons and pages under their own names, and a section for every page of the office."""

import re

import pytest

from admin.permissions import ROUTES
from admin.views.home import PICTURES, SECTIONS, names, read_guide, section_of
from admin.wording.filters import LABELS, STATUSES
from campaigns.rules.states import MessageState, SkipReason
from tests.project.test_layout import ROOT
from tests.project.test_translations import catalogue

GUIDES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "huong-dan").glob("*.md")}


def shown_words():
    """Whatever the office's pages say, without a colon behind it."""
    return {str(message.id).strip(" .:") for message in catalogue() if isinstance(message.id, str)}


@pytest.mark.parametrize("guide", sorted(GUIDES))
def test_what_a_guide_tells_to_press_stands_on_a_page_under_that_name(guide):
    # Bold is kept for what stands on the screen.
    named = re.findall(r"\*\*([^*]+)\*\*", GUIDES[guide])
    assert named
    assert [words for words in named if words not in shown_words()] == []


def test_every_page_leads_to_a_section_that_exists():
    views = {endpoint.partition(".")[0] for endpoint in ROUTES} - {"guides", "running"}
    assert sorted(views - set(SECTIONS)) == []
    for page in [*SECTIONS, "guides.index", None]:
        guide, anchor = section_of(page)
        found = read_guide(guide)
        assert found is not None
        assert not anchor or f'id="{anchor}"' in found.html, page


def test_every_guide_can_be_read_with_its_pictures():
    assert set(names()) == set(GUIDES)
    for name in names():
        found = read_guide(name)
        assert len(found.html) > 500
        for picture in re.findall(r'src="pictures/([^"]+)"', found.html):
            assert (PICTURES / picture).is_file()
    assert read_guide("../reference") is None


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "huong-dan" / "en").glob("*.md")), ids=lambda path: path.stem
)
def test_an_english_guide_has_the_sections_and_the_words_of_the_english_pages(path):
    vietnamese, english = read_guide(path.stem), read_guide(path.stem, "en")
    assert vietnamese
    assert english.language == "en"
    assert english.title != vietnamese.title
    anchors = [re.findall(r'id="([^"]+)"', str(guide.html)) for guide in (vietnamese, english)]
    assert anchors[0] == anchors[1]
    shown = {str(message.string).strip(" .:") for message in catalogue() if isinstance(message.id, str)}
    named = re.findall(r"\*\*([^*]+)\*\*", path.read_text(encoding="utf-8"))
    assert [words for words in named if words not in shown] == []
    assert len(named) == len(re.findall(r"\*\*([^*]+)\*\*", GUIDES[path.stem]))


def test_the_guide_explains_a_message_s_status_in_the_words_of_the_pages():
    told = [
        f"| {LABELS[f'{family}.{value.value}']} | {words.means} | {words.todo} | {words.charged} |"
        for family, statuses in STATUSES.items()
        for value, words in statuses.items()
    ]
    assert "\n".join(told) in GUIDES["can-bo"]
    assert {*STATUSES["message"]} == {*MessageState}
    assert {*STATUSES["skip"]} == {*SkipReason}
