"""Languages of people, recognised by the spellings that lists use."""

from outreach.rules.languages import NAMES, language_code, spelling_key
from tests.support.tables import cases, each_of


@cases(
    *each_of("Ba Na | tiếng Ba Na | Rơ Ngao", "bdq"),
    *each_of("Xơ-đăng | Xê Đăng | SƠ ĐĂNG | sed", "sed"),
    ("Jarai", "jra"),
    ("Giẻ-Triêng", "jeh"),
    *each_of("Kinh | tiếng Việt", "vi"),
    *each_of("Cơ Ho | K'Ho", "kpm"),
    *each_of("Ê Đê | ede", "rad"),
    ("Ê Ðê", "rad"),  # with the Icelandic letter that some fonts put for Đ
    *each_of("Hrê | H'rê", "hre"),
    *each_of("Cor | Co", "cua"),
    ("H'Mông", "hmn"),
    ("Khơ-me", "km"),
    ("M'nông", "cmo"),
    ("Sán Dìu", "qsd"),
    ("Tiếng Anh", "en"),
    ("tiếng Hàn", "ko"),
    *each_of("Klingon | tiếng", None),
    ("", None),
)
def test_a_language_is_known_by_the_names_that_lists_use(written, code):
    assert language_code(written) == code


def test_every_language_is_known_by_its_own_name_and_its_code():
    assert {name: language_code(name) for name in NAMES.values()} == {
        name: code for code, name in NAMES.items()
    }
    assert all(language_code(code) == code for code in NAMES)
    assert len({spelling_key(name) for name in NAMES.values()}) == len(NAMES) > 50


def test_a_spelling_of_ones_own_comes_before_the_register():
    assert language_code("Tơ Đrá", {spelling_key("tơ đrá"): "sed"}) == "sed"
    assert language_code("tiếng Tơ-đrá", {spelling_key("tơ đrá"): "sed"}) == "sed"
    assert language_code("Ba Na", {"bana": "sed"}) == "sed"
