"""Texts against registered templates: which fit, and which words do not."""

import pytest

from campaigns.rules.registered_templates import (
    Mismatch,
    RegisteredText,
    as_registered,
    check_registered,
    find_mismatch,
    fits,
    parameters_of,
    renderings,
)
from outreach.rules.errors import BadInput
from tests.support.tables import cases

WITH_NAME = RegisteredText(1, "Kinh moi ong/ba {A10} cai dat Bluezone: {C40}")
WITHOUT = RegisteredText(2, "Kinh moi ong/ba cai dat Bluezone: {C40}")
BOTH = [WITH_NAME, WITHOUT]
LINK = "http://loa.example/2b3c4d5f"


@cases(
    (f"Kinh moi ong/ba A Thun cai dat Bluezone: {LINK}", WITH_NAME.text, True),
    (f"Kinh moi  ong/ba A Thun cai dat Bluezone: {LINK}", WITH_NAME.text, True),  # spaces
    (f"Kinh moi ong/ba Y Bloc Nie Kdam cai dat Bluezone: {LINK}", WITH_NAME.text, False),  # 15 letters
    (f"Kinh moi ong/ba A.Thun cai dat Bluezone: {LINK}", WITH_NAME.text, False),  # A has no dot
    ("Kinh moi ong/ba A.Thun", "Kinh moi ong/ba {B10}", True),
    ("Moi den luc 07:30, 5/12 tai thon 3, xa Dak Ha.", "Moi den luc {B60}", True),
    ("Moi den luc 07:30 5/12", "Moi den luc {A30}", False),
    (f"Moi mo {LINK}", "Moi mo {B60}", False),  # a link is C
    (f"Kinh moi ong/ba cai dat Bluezone: {LINK}", WITH_NAME.text, False),  # a parameter is not empty
    (f"Kinh moi ong/ba cai dat Bluezone: {LINK} ngay", WITHOUT.text, False),
    ("Kính mời ông/bà A Thun", "Kính mời ông/bà {A10}", True),
    ("Gia 1.000d (mot)", "Gia 1.000d (mot)", True),  # no sign of it is a pattern
    ("Gia 1x000d (mot)", "Gia 1.000d (mot)", False),
)
def test_text_fits_a_template(rendered, template, expected):
    assert fits(rendered, template) is expected


@cases(
    (f"Kinh moi ong/ba A Thun cai dat Bluezone: {LINK}", None),
    (f"Kinh moi ong/ba cai dat ung dung Bluezone: {LINK}", Mismatch(2, extra=("ung", "dung"))),
    (f"Kinh moi ong/ba cai Bluezone: {LINK}", Mismatch(2, missing=("dat",))),
    (
        f"Kinh moi ong/ba A Thun Nie Kdam Siu cai dat Bluezone: {LINK}",
        Mismatch(1, unfit=("A Thun Nie Kdam Siu",)),
    ),
)
def test_what_does_not_match_is_named(rendered, expected):
    assert find_mismatch(rendered, BOTH) == expected


def test_a_word_beside_a_name_is_told_from_the_name():
    template = RegisteredText(1, "Chao {A30}, moi ong/ba cai: {C60}")
    assert find_mismatch(f"Chao A Huynh, kinh moi ong/ba cai: {LINK}", [template]) == Mismatch(
        1, extra=("kinh",)
    )


def test_without_a_template_nothing_fits():
    assert find_mismatch("Chao ba con", []) == Mismatch(None, extra=("Chao", "ba", "con"))


def test_one_of_the_names_that_no_parameter_tells_apart_stands_for_all():
    text = "Kính mời ông/bà[ {name}] cài đặt: {link}"
    names = ["A Thun", "Y Hoai", "A Lem", "Ông B."]
    found = dict(renderings(text, names=names, link=LINK, unaccented=True, fields={}))
    assert found[""] == f"Kinh moi ong/ba cai dat: {LINK}"
    assert len(found) == 4  # without a name, of six letters, of five, with a dot


def test_a_campaigns_text_becomes_the_operators_form():
    written = as_registered("Kính mời ông/bà[ {name}] cài đặt: {link}", unaccented=True, fields={})
    assert written == ["Kinh moi ong/ba {A30} cai dat: {C60}", "Kinh moi ong/ba cai dat: {C60}"]
    assert parameters_of(written[0]) == ("Kinh moi ong/ba {P} cai dat: {P}", [("A", 30), ("C", 60)])


@cases("", "Chao {name}", "Chao {A0}", "Chao {A30", "{A1} {A1} {A1} {A1}", "{A201}")
def test_template_that_no_operator_takes_is_refused(text):
    with pytest.raises(BadInput):
        check_registered(text)
