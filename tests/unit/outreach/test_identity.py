"""A language as lists write it, to the code that a campaign asks for."""

from __future__ import annotations

import pytest

from outreach.rules.identity import NAMES, language_code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Tiếng Việt", "vi"),
        ("việt", "vi"),
        ("Kinh", "vi"),
        ("Xơ Đăng", "sed"),
        ("tiếng Xơ-đăng", "sed"),
        ("SEDANG", "sed"),
        ("ba na", "bdq"),
        ("Tiếng Ba Na", "bdq"),
        ("Giẻ - Triêng", "jeh"),
        ("Gia-rai", "jra"),
        ("Jrai", "jra"),
        ("Brâu", "brb"),
        ("Rơ Măm", "rmx"),
        ("bdq", "bdq"),
        ("", None),
        ("tiếng", None),
        ("English", None),
        ("Hrê", None),
    ],
)
def test_language(written: str, code: str | None) -> None:
    assert language_code(written) == code


def test_every_name_is_its_own_language() -> None:
    assert {language_code(name): code for code, name in NAMES.items()} == {code: code for code in NAMES}
