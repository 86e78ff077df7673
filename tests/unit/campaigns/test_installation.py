"""The set-up file: a whole plan is read, and everything that is wrong in one is named at once."""

from datetime import date

import pytest

from campaigns.rules.installation import read_installation
from outreach.rules.errors import BadInput
from tests.support.tables import cases

TODAY = date(2026, 11, 26)
FRONT = {"code": "MTTQ", "name": "Ủy ban MTTQ", "kind": "front"}
PLAN = {
    "province": 68,
    "administrator": {"email": "quantri@loa.example"},
    "organisation": [FRONT, {"code": "PN", "name": "Hội  Phụ nữ", "parent": "MTTQ"}],
    "sender": [{"name": "MTTQ", "registered_on": date(2026, 11, 2)}],
    "goal": [{"share": 62.5, "deadline": date(2026, 12, 31)}],
}


def read(**changes):
    return read_installation({**PLAN, **changes}, kinds=["bluezone"], today=TODAY)


def test_values_become_texts_as_typed_into_a_form():
    plan = read()
    assert plan.province == "68"
    assert plan.organisations[1]["name"] == "Hội Phụ nữ"
    assert plan.senders[0]["registered_on"] == "2026-11-02"
    assert (plan.goals[0]["share"], plan.goals[0]["deadline"]) == ("62.5", "2026-12-31")
    assert plan.report == {}


@cases(
    ({"province": ""}, ["setup_part_missing"]),
    ({"colour": "red"}, ["setup_part_unknown"]),
    ({"sqlite": "yes"}, ["setup_part_type"]),
    ({"administrator": {"name": "Đức"}}, ["setup_part_missing"]),
    ({"administrator": None}, ["setup_part_missing"]),
    ({"organisation": "MTTQ"}, ["setup_part_type", "setup_front_missing"]),
    ({"organisation": [{**FRONT, "kind": "party"}]}, ["setup_choice_wrong", "setup_front_missing"]),
    ({"organisation": [*reversed(PLAN["organisation"])]}, ["setup_parent_later"]),
    ({"organisation": [FRONT, FRONT]}, ["setup_code_twice"]),
    ({"user": [{"email": "a@loa.example", "role": "boss"}]}, ["setup_choice_wrong"]),
    ({"user": [{"email": "a@loa.example", "role": "staff", "organisation": "X"}]}, ["setup_choice_wrong"]),
    ({"sender": [{"name": "Mặt trận"}]}, ["setup_part_wrong"]),
    ({"goal": [{"share": 120}, {"share": 5, "kind": "x"}]}, ["setup_choice_wrong", "setup_part_wrong"]),
    ({"denominator": [{"value": 5, "as_of": date(2027, 1, 1), "source": "Sở"}]}, ["setup_part_wrong"]),
    ({"report": {"kind": "x", "head": "", "hours": {"noon": ""}}}, ["setup_part_unknown"] * 2),
)
def test_everything_that_is_wrong_is_named(changes, codes):
    with pytest.raises(BadInput) as refused:
        read(**changes)
    assert refused.value.code == "setup_wrong"
    named = [error.code for error in refused.value.parameters["errors"]]
    assert named[: len(codes)] == codes
