"""Languages of people, recognised by the spellings that lists use."""

import pytest

from outreach.rules.languages import NAMES, language_code, spelling_key


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Ba Na", "bdq"),
        ("tiếng Ba Na", "bdq"),
        ("Rơ Ngao", "bdq"),
        ("Xơ-đăng", "sed"),
        ("Xê Đăng", "sed"),
        ("SƠ ĐĂNG", "sed"),
        ("sed", "sed"),
        ("Jarai", "jra"),
        ("Giẻ-Triêng", "jeh"),
        ("Kinh", "vi"),
        ("tiếng Việt", "vi"),
        ("Cơ Ho", "kpm"),
        ("K'Ho", "kpm"),
        ("Ê Đê", "rad"),
        ("Ê Ðê", "rad"),  # with the Icelandic letter that some fonts put for Đ
        ("ede", "rad"),
        ("Hrê", "hre"),
        ("H'rê", "hre"),
        ("Cor", "cua"),
        ("Co", "cua"),
        ("H'Mông", "hmn"),
        ("Khơ-me", "km"),
        ("M'nông", "cmo"),
        ("Sán Dìu", "qsd"),
        ("Tiếng Anh", "en"),
        ("tiếng Hàn", "ko"),
        ("Klingon", None),
        ("", None),
        ("tiếng", None),
    ],
)
def test_a_language_is_known_by_the_names_that_lists_use(written: str, code: str | None) -> None:
    assert language_code(written) == code


def test_every_language_is_known_by_its_own_name_and_its_code() -> None:
    assert {name: language_code(name) for name in NAMES.values()} == {
        name: code for code, name in NAMES.items()
    }
    assert all(language_code(code) == code for code in NAMES)
    assert len({spelling_key(name) for name in NAMES.values()}) == len(NAMES) > 50


def test_a_spelling_of_ones_own_comes_before_the_register() -> None:
    assert language_code("Tơ Đrá", {spelling_key("tơ đrá"): "sed"}) == "sed"
    assert language_code("tiếng Tơ-đrá", {spelling_key("tơ đrá"): "sed"}) == "sed"
    assert language_code("Ba Na", {"bana": "sed"}) == "sed"
