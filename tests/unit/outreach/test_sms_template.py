import pytest

from outreach.core.sentences import word_error
from outreach.rules.errors import BadTemplate
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
