"""Columns of lists in a campaign's texts: what a draft may say, and what each person reads."""

from types import SimpleNamespace

import pytest

from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import AudiencePreview, FieldFacts, estimate
from campaigns.rules.delivery import Renderer
from campaigns.rules.draft import StepDraft, read_draft
from campaigns.rules.links import LinkCipher
from campaigns.rules.list_fields import check_text, read_substitutes
from campaigns.rules.registered_templates import RegisteredText, as_registered, find_mismatch, renderings
from outreach.rules.errors import BadInput
from tests.support.tables import cases, each_of

BASE = {"name": "Hẹn", "lists": ["L"], "sender": "MTTQ"}


def draft(**parts):
    return read_draft({**BASE, **parts}, kinds=load_kinds())


def test_a_draft_keeps_the_fields_that_its_texts_use():
    made = draft(
        text="Mời ông/bà đến lúc {Giờ  hẹn}[ tại {nơi hẹn}]: {link}",
        step=[{"text": "Nhắc: {ca} {link}", "after_days": 1}],
        fields={"giờ hẹn": " sáng  nay ", "nơi hẹn": "", "Ca": "ca sáng", "khác": "x"},
    )
    assert made.fields == {"giờ hẹn": "sáng nay", "nơi hẹn": "", "ca": "ca sáng"}


@cases(
    ("{giờ hẹn}", {}, "field_unknown"),
    *each_of("{giờ hẹn} | [{giờ hẹn}] {giờ hẹn}", {"giờ hẹn": ""}, "field_without_substitute"),
    ("-", {"giờ hẹn": "{link}"}, "field_substitute_wrong"),
    ("-", {"giờ hẹn": "bit.ly/x"}, "field_substitute_wrong"),
    ("-", {"giờ hẹn": "x" * 61}, "field_substitute_wrong"),
    ("-", {"link": "x"}, "field_name_wrong"),
    ("-", {"a{b": "x"}, "field_name_wrong"),
    ("-", {"dân tộc": "x"}, "field_name_sensitive"),
)
def test_a_field_that_would_leave_a_hole_or_is_none_is_refused(text, fields, code):
    with pytest.raises(BadInput) as refused:
        draft(text=text, fields=fields)
    assert refused.value.code == code


def test_the_officers_own_substitute_may_name_a_number_to_call():
    check_text("Đến lúc {giờ hẹn}", read_substitutes({"giờ hẹn": "giờ nào xin gọi 0260000123"}))


def row(text, fields, name="A Thun"):
    of = SimpleNamespace(
        step_text=text, text_b=None, texts={}, fields=fields, unaccented=False, unaccented_languages=[]
    )
    return SimpleNamespace(
        text=None, arm=None, language=None, name=name, recipient_id=1, campaign_id=7, contact_id=3, of=of
    )


@cases(
    ({"giờ": "8h", "nơi": "Thôn 1"}, "A Thun 8h tại Thôn 1."),
    ({"giờ": "8h"}, "A Thun 8h."),
    ({"nơi": "Thôn 1"}, "A Thun sáng nay tại Thôn 1."),
    ({}, "A Thun sáng nay."),
    # Values are data, whatever they look like.
    ({"giờ": "{link} {name} %s", "nơi": "[x] {{y}}"}, "A Thun {link} {name} %s tại [x] {{y}}."),
)
def test_each_person_reads_their_own(values, read):
    renderer = Renderer(link_base="https://loa.example", cipher=LinkCipher("tests-only-" + "k" * 32))
    step = row("{name} {giờ}[ tại {nơi}].", {"giờ": "sáng nay", "nơi": ""})
    assert renderer.render(step, {(7, 3): values})[0] == read
    assert renderer.render(step, {(8, 3): {"giờ": "khác"}, (7, 4): {"giờ": "khác"}})[0] == "A Thun sáng nay."


def test_a_name_with_a_link_is_left_out_of_the_message():
    renderer = Renderer(link_base="https://loa.example", cipher=LinkCipher("tests-only-" + "k" * 32))
    step = row("Mời ông/bà[ {name}] {giờ}.", {"giờ": "sáng nay"}, "Nguyễn Văn A vcb.support/otp")
    assert renderer.render(step, {})[0] == "Mời ông/bà sáng nay."


def test_the_longest_value_counts_for_the_most_that_a_message_costs():
    accents = SimpleNamespace(unaccented=True, unaccented_languages=(), fields={"nơi": "-"})
    facts = {"nơi": FieldFacts(("x", "y"), "z" * 60, 0)}
    step = StepDraft("a" * 120 + "{nơi}")
    cost = estimate(step, AudiencePreview(10, {}, ["A"], fields=facts), link="", price=300, accents=accents)
    assert (cost.least, cost.usual, cost.most, cost.total) == (1, 1, 2, 10)


def test_values_are_parameters_of_a_registered_template():
    template = RegisteredText(1, "Moi {A30} den luc {B10}. Tran trong")
    text = "Mời {name} đến lúc {giờ}. Trân trọng"

    def mismatches(*values):
        every = renderings(text, names=["A Thun"], link="", unaccented=True, fields={"giờ": values})
        return [found for name, sent in every if name and (found := find_mismatch(sent, [template]))]

    assert mismatches("8h", "sáng nay") == []
    assert mismatches("8h", "sáng mai lúc tám giờ")  # longer than what is registered
    assert mismatches("8h", "07:30 5/12") == []
    assert mismatches("8h", "8h + 9h")  # with a sign that the parameter may not have
    assert as_registered(text, unaccented=True, fields={"giờ": "sáng"})[0] == (
        "Moi {A30} den luc {B60}. Tran trong"
    )
    assert as_registered("Mời[ lúc {giờ}]", unaccented=True, fields={"giờ": ""}) == ["Moi luc {B60}", "Moi"]
