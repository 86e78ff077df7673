"""A refused form is the same everywhere: 422, with all that was typed, and its faults led to from a summary."""

import re
from io import BytesIO

import pytest
from sqlalchemy import select

from outreach.models.accounts import Role
from outreach.models.contacts import Phone
from tests.integration.admin.test_english import Reader
from tests.project.test_translations import VIETNAMESE
from tests.support.admin_client import post, signed_in
from tests.support.world import APPROVER, AUTHOR, number

ADMINISTRATOR = "quantri@loa.example"
LONG = "x" * 500


@pytest.fixture
def person(world):
    world.add_people(1)
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    return world.recipient(number(0), world.launch()).contact_id


FORMS = [
    # who, where, what is typed, the field at fault, what stays
    (AUTHOR, "/admin/people/{person}/correct", {"name": LONG, "village": "Thôn 3"}, "name", "Thôn 3"),
    (
        AUTHOR,
        "/admin/people/{person}/correct",
        {"name": "A", "village": "Thôn 3", "sex": "?"},
        "sex",
        "Thôn 3",
    ),
    (
        AUTHOR,
        "/admin/people/{person}/suppress",
        {"reason": "?", "note": "bà báo"},
        "suppress-reason-{phone}",
        "bà báo",
    ),
    (
        AUTHOR,
        "/admin/people/{person}/answer",
        {"campaign": 1, "note": "tại nhà"},
        "answer-answer-1",
        "tại nhà",
    ),
    (AUTHOR, "/admin/requests/of/{person}", {"kind": "?", "asked_by": "con gái"}, "request-kind", "con gái"),
    (AUTHOR, "/admin/lists/1/basis", {"basis": "", "basis_note": "Quyết định 12"}, "basis", "Quyết định 12"),
    (AUTHOR, "/admin/imports/", {"new_name": "Hội viên mới"}, "file", "Hội viên mới"),
    (AUTHOR, "/admin/publicity/new", {"kind": "?", "place": "Thôn 3"}, "kind", "Thôn 3"),
    (AUTHOR, "/admin/account/second-factor/", {"code": "1" * 20}, "code", "1" * 20),
    (AUTHOR, "/admin/campaigns/1/test", {"trial_number": "một hai"}, "trial_number", "một hai"),
    (ADMINISTRATOR, "/admin/reply-log/", {}, "file", ""),
]


@pytest.mark.parametrize(("who", "path", "typed", "field", "stays"), FORMS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_fault_stands_at_its_field_and_the_summary_leads_there(
    client, world, person, language, who, path, typed, field, stays
):
    signed_in(client, who)
    post(client, "/language", language=language)
    phone = world.one(select(Phone.id).where(Phone.e164 == number(0)))
    if "suppress" in path:
        typed = {**typed, "phone": phone}
    answer = post(client, path.format(person=person), **typed)
    assert answer.status_code == 422
    field = field.format(phone=phone)
    summary = re.search(
        r'<div class="note error" role="alert" id="faults">(.*?)</div>', answer.text, re.DOTALL
    )
    assert f'<a href="#{field}">' in summary[1]
    assert f'id="{field}"' in answer.text
    assert stays in answer.text
    sentences = re.findall(rf'<a href="#{field}">([^<]*)</a>', summary[1])
    assert all(sentence in answer.text.replace(summary[0], "") for sentence in sentences)


def test_the_name_of_a_refused_file_stays(client, person):
    signed_in(client, AUTHOR)
    file = (BytesIO(b"a,b\n1,2\n"), "Hội viên xã.csv")
    answer = post(client, "/admin/imports/", file=file)
    assert answer.status_code == 422
    assert "Hội viên xã.csv" in answer.text


def test_the_forms_own_sentences_are_english_on_an_english_page(client, person):
    signed_in(client, AUTHOR)
    post(client, "/language", language="en")
    for path, typed in (
        (f"/admin/people/{person}/correct", {"name": LONG, "sex": "?"}),
        (f"/admin/requests/of/{person}", {"kind": "", "asked_on": "?"}),
    ):
        answer = post(client, path, **typed)
        summary = re.search(r'id="faults">(.*?)</div>', answer.text, re.DOTALL)
        assert summary
        reader = Reader()
        reader.feed(summary[1])
        assert not [said for said in reader.said if VIETNAMESE.search(said)]


def test_an_officer_who_is_too_late_reads_it_on_the_page(client, world, person):
    signed_in(client, APPROVER)
    answer = post(client, "/admin/campaigns/1/approve")
    assert answer.status_code == 422
    assert 'id="faults"' in answer.text
