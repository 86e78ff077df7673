"""Words of a kind: read from its table, refused where a part is unknown or too long."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.rules.kind_words import KindWords, read_words
from outreach.rules.errors import BadCampaign


@pytest.mark.parametrize(
    ("table", "words", "counted"),
    [
        ({}, KindWords("thực hiện", "", False), "người thuộc diện vận động"),
        ({"done": " nhận  giấy "}, KindWords("nhận giấy", "", False), "người thuộc diện vận động"),
        (
            {"done": "cài", "owners": "người có máy", "agencies": True},
            KindWords("cài", "người có máy", True),
            "người có máy",
        ),
    ],
)
def test_words_are_read(table: dict[str, Any], words: KindWords, counted: str) -> None:
    assert read_words({"words": table}) == words
    assert words.counted == counted
    assert words.counted_heading[0].isupper()


@pytest.mark.parametrize("table", ["cài", {"verb": "cài"}, {"done": "x" * 61}])
def test_a_wrong_table_is_refused(table: Any) -> None:
    with pytest.raises(BadCampaign, match="content_words_table_wrong"):
        read_words({"words": table})
