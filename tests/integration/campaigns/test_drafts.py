"""A description laid over its kind and read back, a suggested text, changes between versions, marked accents."""

import re

import pytest

from campaigns.planning.drafts import VersionChange, changed_parts, compare_versions, suggest_text
from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import EXAMPLE_TOKEN, mark_text
from campaigns.rules.content import merge, read_content
from campaigns.rules.links import ALPHABET, LENGTH
from campaigns.rules.warnings import asks_for_reply
from outreach.rules.segments import unaccent
from outreach.rules.sms_template import Template, find_gaps
from tests.support.admin_client import shows

CHANGES = [
    {},
    {"question": "Cài chưa?"},
    {"answers": {"installed": {"reply": ""}, "refuse": {"reply": "Cam on ong/ba."}}},
    {"app": {"button": "Cài"}, "why": ""},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("kind", load_kinds())
def test_what_was_changed_of_a_kind_is_found_again(kind, changes):
    base = load_kinds()[kind]
    content = merge(base, changes)
    assert merge(base, changed_parts(base, content)) == content


@pytest.mark.parametrize("kind", load_kinds())
def test_the_suggested_text_can_be_sent_and_says_how_to_stop(kind):
    content = read_content(load_kinds()[kind])
    template = Template.parse(suggest_text(content, takes_replies=True))
    assert ("link" in template.fields) is bool(content.app)
    shows(template.text, "TC từ chối nhận tin", content.issuer)
    numbers = re.findall(r"(?:^|, )(\d) ", template.text.partition("Trả lời: ")[2])
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
    assert ("[địa điểm]" in find_gaps(template.text)) is (kind in ("tiem-chung", "hen-tiem", "moi-du"))


@pytest.mark.parametrize("kind", load_kinds())
def test_without_a_way_back_for_replies_everything_is_done_behind_the_link(kind):
    template = Template.parse(suggest_text(read_content(load_kinds()[kind]), takes_replies=False))
    assert "link" in template.fields
    assert "Trả lời hoặc từ chối tại liên kết" in template.text
    assert not asks_for_reply(template.text)


def test_changes_are_told_part_by_part():
    before = {"name": "A", "text": "Một", "step": [{"text": "x", "after_days": 2}], "goal": {"share": 0.5}}
    after = {"name": "A", "text": "Hai", "goal": {"share": 0.6}, "pace": 20}
    assert compare_versions(before, after) == [
        VersionChange("text", "Một", "Hai"),
        VersionChange("goal.share", 0.5, 0.6),
        VersionChange("pace", None, 20),
        VersionChange("step.2", {"text": "x", "after_days": 2}, None),
    ]


@pytest.mark.parametrize("text", ["Mời đồng bào", "Y Blưm, ƀiă", "khong dau", "", "ê̆ 😀 €"])
def test_marked_letters_are_those_that_lose_their_accents(text):
    runs = mark_text(text)
    assert "".join(run.text for run in runs) == unaccent(text)
    assert all(run.text == "" or run.text.isalpha() for run in runs if run.is_changed)


def test_the_example_link_is_as_long_as_a_real_one():
    assert len(EXAMPLE_TOKEN) == LENGTH
    assert set(EXAMPLE_TOKEN) <= set(ALPHABET)
