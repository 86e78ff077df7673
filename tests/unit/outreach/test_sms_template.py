import random
import unicodedata

import pytest
import regex

from outreach.core.sentences import word_error
from outreach.rules.errors import BadTemplate
from outreach.rules.segments import BASIC, CAPACITY, EXTENSION, Encoding, measure, unaccent
from outreach.rules.sms_template import FIELDS, Template, gap_types, split_gaps
from tests.support.tables import cases, each_of

FULL = {"name": "A Thun", "link": "loa.vn/x"}


@cases(
    ("Chào {name}, cài tại {link}", FULL, "Chào A Thun, cài tại loa.vn/x"),
    ("{name} {name}", FULL, "A Thun A Thun"),
    ("Chào { name }!", FULL, "Chào A Thun!"),
    ("[QC] Mời {name}", FULL, "[QC] Mời A Thun"),
    ("Giảm 50% {{không phải trường}} %s", FULL, "Giảm 50% {không phải trường} %s"),
    ("{{{name}}}", FULL, "{A Thun}"),
    ("Không có trường nào", FULL, "Không có trường nào"),
    ("", FULL, ""),
    ("Chào[ {name}], mời cài", FULL, "Chào A Thun, mời cài"),
    ("Xem [mục 1] tại {link}", FULL, "Xem [mục 1] tại loa.vn/x"),
)
def test_fields_are_filled_and_everything_else_stays_as_written(text, values, expected):
    assert Template.parse(text).render(values) == expected


@cases(
    *each_of("Chào[ anh chị {name}], mời cài | Chào {name}, mời cài", "Chào, mời cài"),
    ("Chào [bạn {name}] , mời", "Chào, mời"),
    ("Mời [bà con {name}] cài ứng dụng", "Mời cài ứng dụng"),
    *each_of("[{name}, ]mời cài | [{name},] mời cài", "mời cài"),
    ("Mời cài [tại {link}]", "Mời cài"),
    ("A [x {name}] [y {link}] B", "A B"),
    ("A [x {name}] [y {link}]", "A"),
    ("Dòng một\n[Gửi {name}]\nDòng ba", "Dòng một\nDòng ba"),
    ("Dòng một [gửi {name}]\nDòng hai", "Dòng một\nDòng hai"),
    ("[Gửi {name}]\nDòng hai", "Dòng hai"),
    ("hai  dấu cách của người viết [{name}]", "hai  dấu cách của người viết"),
)
def test_what_is_left_out_leaves_no_stray_space(text, expected):
    assert Template.parse(text).render({"name": "", "link": "  "}) == expected


def test_only_the_part_with_the_empty_field_is_left_out():
    template = Template.parse("A [x {name}] [y {link}]B")
    assert template.render({"name": "", "link": "L"}) == "A y LB"
    assert template.render({"name": "N", "link": ""}) == "A x N B"
    assert template.render({"name": "N", "link": "L"}) == "A x N y LB"


def test_a_part_with_two_fields_needs_both():
    template = Template.parse("Mời[ {name} vào {link}] nhé")
    assert template.render(FULL) == "Mời A Thun vào loa.vn/x nhé"
    assert template.render({"name": "A Thun", "link": ""}) == "Mời nhé"


def test_a_value_missing_from_the_row_counts_as_empty():
    assert Template.parse("Chào[ {name}]!").render({}) == "Chào!"


@pytest.mark.parametrize("name", ["{link}", "[{name}]", "100%", "%s", "%(name)s", "{{", "}", "\\"])
def test_a_value_is_never_read_as_template(name):
    assert Template.parse("Chào {name}[ ({name})]!").render({"name": name}) == f"Chào {name} ({name})!"


def test_fields_names_what_the_text_uses():
    assert Template.parse("{name} [ở {commune}]", frozenset({"name", "commune", "link"})).fields == {
        "name",
        "commune",
    }


def test_an_unknown_field_is_named_with_those_that_exist():
    with pytest.raises(BadTemplate) as caught:
        Template.parse("Chào {tên}")
    sentence = word_error(caught.value)
    assert "{tên}" in sentence
    assert all(f"{{{name}}}" in sentence for name in FIELDS)


@cases(
    ("Chào {name", "{"),
    ("Chào name}", "}"),
    ("Chào {}", "{}"),
    ("Chào {Name}", "{Name}"),
    *each_of("[Chào {name} | [a [b {name}] c]", "["),
    ("Chào {name}]", "]"),
    ("{name.__class__}", "{name.__class__}"),
    ("{name!r:>10}", "{name!r:>10}"),
)
def test_a_slip_of_the_pen_is_refused_before_anything_is_sent(text, sign):
    with pytest.raises(BadTemplate) as caught:
        Template.parse(text)
    assert sign in word_error(caught.value)


def test_gaps_as_suggested_are_told_from_brackets_in_which_something_was_written():
    texts = ["[QC] Mời[ {name}] họp lúc [7h30, 3/12] tại [địa điểm]", "Nhắc: họp lúc [7h30, 3/12]"]
    assert split_gaps(texts, {"[địa điểm]", "[giờ, ngày]"}) == (["[địa điểm]"], ["[7h30, 3/12]"])
    assert split_gaps(["Mời[ {name}] họp"], {"[địa điểm]"}) == ([], [])


@cases(
    *each_of("[giờ, ngày] | [ngày, giờ họp]", ["time", "date"]),
    ("[ngày]", ["date"]),
    ("[Giờ]", ["time"]),
    ("[địa điểm]", ["text"]),
)
def test_a_gap_is_filled_in_by_fields_of_its_type(gap, types):
    assert gap_types(gap) == types


GSM7, UCS2 = Encoding.GSM7, Encoding.UCS2
FAMILY = "👨‍👩‍👧"  # one grapheme of 8 units
FLAG = "🇻🇳"  # one grapheme of 4
E_BREVE = "ê̆"  # Gia Rai, Ba Na: one grapheme of 2, in NFC as well


@cases(
    ("", GSM7, 0, 0),
    ("a", GSM7, 1, 1),
    ("a" * 160, GSM7, 160, 1),
    ("a" * 161, GSM7, 161, 2),
    ("a" * 306, GSM7, 306, 2),
    ("a" * 307, GSM7, 307, 3),
    ("€" * 80, GSM7, 160, 1),
    ("€" * 81, GSM7, 162, 2),
    ("à è é ì ò ù É", GSM7, 13, 1),
    ("ạ" * 70, UCS2, 70, 1),
    ("ạ" * 71, UCS2, 71, 2),
    ("ạ" * 134, UCS2, 134, 2),
    ("ạ" * 135, UCS2, 135, 3),
    ("a" * 69 + "đ", UCS2, 70, 1),
    ("a" * 70 + "đ", UCS2, 71, 2),
    ("Chào\nbà con", GSM7, 11, 1),
)
def test_units_and_segments_on_each_side_of_the_limits(text, encoding, units, segments):
    assert measure(text) == (encoding, units, segments, text)


@cases(
    # 152 letters, then a pair that would straddle: it moves whole, and 153 more units do not fit.
    ("a" * 152 + "€" + "a" * 152, 3),
    ("a" * 151 + "€" + "a" * 153, 2),
    ("a" * 152 + "\r\n" + "a" * 152, 3),
    ("ạ" * 66 + "😀" + "ạ" * 66, 3),
    ("ạ" * 65 + "😀" + "ạ" * 67, 2),
    ("ạ" * 66 + E_BREVE + "ạ" * 66, 3),
    ("ạ" * 60 + FAMILY + "ạ" * 60, 3),
    ("ạ" * 59 + FAMILY + "ạ" * 67, 2),
    ("ạ" * 64 + FLAG + "ạ" * 64, 3),
    ("ạ" * 66 + "👍🏽" + "ạ" * 64, 3),
    ("ạ" * 66 + "1️⃣" + "ạ" * 65, 3),
    ("€" * 153, 3),  # 76 a part
)
def test_a_character_never_straddles_two_parts(text, segments):
    assert measure(text).segments == segments


def test_a_grapheme_longer_than_a_part_breaks_between_its_characters():
    stacked = "ạ" + "\u0323" * 138
    assert measure(stacked) == (UCS2, 139, 3, stacked)


def test_decomposed_text_is_counted_as_it_is_sent_composed():
    text = "Đề nghị bà con cài đặt ứng dụng"
    assert measure(unicodedata.normalize("NFD", text)) == measure(text)
    assert measure(unicodedata.normalize("NFD", text)).text == text


@cases(
    ("“Bluezone”", '"Bluezone"'),
    ("‘app’ – mới — tốt", "'app' - moi - tot"),
    ("14h\u00a000\u202fphut\u2009nua", "14h 00 phut nua"),
    ("«cai» ‹dat› „nay‟", '"cai" \'dat\' "nay"'),
)
def test_typographic_signs_take_their_plain_form_where_that_saves_the_encoding(text, sent):
    assert measure(text, unaccented=True) == (GSM7, len(sent), 1, sent)


@cases("“Cài đặt” – Bluezone", "‘ok’ 👍", "14\u00a0giờ")
def test_typographic_signs_stay_where_the_text_is_ucs2_anyway(text):
    assert measure(text) == (UCS2, len(text.encode("utf-16-le")) // 2, 1, text)


@cases(
    ("Đắk Hà, đường Trường Chinh", "Dak Ha, duong Truong Chinh"),
    ("ƀơ̆n Ƀa ê̆ ô̆ ư̆", "bon Ba e o u"),
    ("Phí 5€ ≠ 0đ ❤️ 👍🏽 🇻🇳", "Phi 5€ ≠ 0d ❤️ 👍🏽 🇻🇳"),
    ("ĂÂÊÔƠƯ ăâêôơư", "AAEOOU aaeoou"),
    ("no accents [at all]", "no accents [at all]"),
    (unicodedata.normalize("NFD", "Ngọc Hồi"), "Ngoc Hoi"),
    ("ສະບາຍດີ 각", "ສະບາຍດີ 각"),
)
def test_unaccented_takes_off_vietnamese_marks_and_nothing_else(text, plain):
    assert unaccent(text) == plain


def test_every_vietnamese_letter_becomes_ascii():
    marks = "\u0300\u0301\u0303\u0309\u0323"
    letters = [base + mark for base in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY" for mark in ("", *marks)] + ["đ", "Đ"]
    assert len(letters) == 146
    assert all(unaccent(letter).isascii() and len(unaccent(letter)) == 1 for letter in letters)


def test_unaccented_is_measured_as_it_is_sent():
    text = "Đề nghị bà con cài đặt ứng dụng Bluezone để phòng, chống dịch. " * 3
    assert measure(text) == (UCS2, 189, 3, text)
    assert measure(text, unaccented=True) == (GSM7, 189, 2, unaccent(text))


@cases(
    ("\ud83d", 1, "\ufffd"),
    ("a\udc00b", 3, "a\ufffdb"),
    ("\ud83d\ude00", 2, "😀"),  # two halves that met in JSON are one character
    ("\x00\x07", 2, "\x00\x07"),
    ("a\tb", 3, "a\tb"),
    ("\u200d\u0301", 2, "\u200d\u0301"),
)
def test_what_cannot_be_typed_is_measured_without_failing(text, units, sent):
    assert measure(text) == (UCS2, units, 1, sent)


def fill_parts_one_by_one(text):
    """The rule written the slow way, over each grapheme of every text."""
    gsm = set(text) <= set(BASIC + EXTENSION)
    alone, part = CAPACITY[GSM7 if gsm else UCS2]

    def size(piece):
        return sum(2 if (c in EXTENSION if gsm else ord(c) > 0xFFFF) else 1 for c in piece)

    if size(text) <= alone:
        return size(text), min(1, size(text))
    parts = [0]
    for grapheme in regex.findall(r"\X", text):
        for piece in [grapheme] if size(grapheme) <= part else grapheme:
            if parts[-1] + size(piece) > part:
                parts.append(0)
            parts[-1] += size(piece)
    return size(text), len(parts)


def test_the_fast_path_agrees_with_filling_parts_one_by_one():
    signs = ["a", "à", "[", "€", "\r\n", "\r", "ạ", E_BREVE, FAMILY, FLAG, "👍🏽", "❤️"]
    signs += ["–", "‘", "\u00a0", "\u200d"]
    dice = random.Random(20200820)
    for _ in range(400):
        some = dice.sample(signs, dice.choice([1, 3, 15]))
        text = "".join(dice.choice([*some, "x" * dice.choice([0, 9])]) for _ in range(dice.randint(0, 250)))
        found = measure(text)
        assert (found.units, found.segments) == fill_parts_one_by_one(found.text)
