"""A refused form is the same everywhere: 422, with all that was typed, and its faults led to from a summary.

The office in English: whatever is Vietnamese on a page is what somebody has entered.
What is written in the campaign form is kept while one writes, and two who write are shown both.
"""

import json
import re
from html.parser import HTMLParser
from io import BytesIO

import pytest
from sqlalchemy import func, select

from campaigns.models.campaigns import Campaign, CampaignForm, Step
from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import EXAMPLE_NAME
from campaigns.privacy.clocks import load_calendar, load_clocks
from campaigns.rules.states import CampaignState
from outreach.core.db import Base
from outreach.models.accounts import AuditEvent, Role
from outreach.rules.languages import NAMES
from tests.integration.admin.test_permission_matrix import GUARDED, NOBODY, address, office
from tests.project.test_translations import QUOTED, VIETNAMESE
from tests.support.admin_client import post, shows, signed_in
from tests.support.permission_world import HERE
from tests.support.tables import cases
from tests.support.world import AUTHOR, LIST, number

__all__ = ["office"]  # the fixture
# The answer page speaks its readers' language, also where it is tried out.
RESIDENTS_PAGES = ("campaigns.page", "kinds.page")
READ_ALOUD = ("title", "aria-label", "placeholder", "alt", "data-ask", "data-ask-yes", "value", "label")


class Reader(HTMLParser):
    """What a person sees or hears of a page, except for what is marked as being in another language."""

    def __init__(self):
        super().__init__()
        self.said = []
        self._silent = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "style", "textarea") or (given.get("lang") == "vi" and tag != "html"):
            self._silent.append(tag)
        elif not self._silent:
            self.said += [given[name] or "" for name in READ_ALOUD if name in given]

    def handle_endtag(self, tag):
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data):
        if not self._silent:
            self.said.append(data)


def leaves(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)


def entered(db):
    """Every text of the database, the kinds and the law's data, in the parts in which a page may show it."""
    rows = [list(row) for table in Base.metadata.sorted_tables for row in db.execute(select(table))]
    # A language is called by its own name in every language.
    texts = {
        *leaves(rows),
        *NAMES.values(),
        *leaves(json.loads(json.dumps(load_kinds(), default=str))),
        EXAMPLE_NAME,
    }
    texts |= {
        *(source for _, source in load_calendar().sources),
        *(clocks.source for clocks in load_clocks()),
    }
    texts |= {text[:1].upper() + text[1:] for text in texts}
    return texts | {part.strip() for text in texts for part in re.split(r"\[|\]|\{\w+\}", text)}


def vietnamese_of(page, known):
    reader = Reader()
    reader.feed(page)
    found = []
    for said in reader.said:
        rest = QUOTED.sub("", said)
        for text in known:
            rest = rest.replace(text, "")
        if VIETNAMESE.search(rest):
            found.append(" ".join(said.split()))
    return found


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.LEADER])
def test_english_pages_are_english(office, role):
    with office.runtime.db.read() as db:
        known = sorted((text for text in entered(db) if VIETNAMESE.search(text)), key=len, reverse=True)
    visitor = office.visitors[HERE, role]
    wrong = []
    for row in GUARDED:
        if row.method == "GET" and role in row.roles and row.endpoint not in RESIDENTS_PAGES:
            path = address(office, row)
            answer = office.ask(visitor, "GET", path, language="en")
            if answer.status_code == 200 and "html" in answer.content_type:
                wrong += [f"{row}: {text}" for text in vietnamese_of(answer.text, known)]
                # The same eyes see that the page is Vietnamese otherwise.
                assert vietnamese_of(office.ask(visitor, "GET", path).text, known), str(row)
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@cases(
    (NOBODY, "/login", "Password"),
    (NOBODY, "/", "Sign in"),
    (NOBODY, "/admin/khong-co", "There is no such page"),
)
def test_pages_outside_are_english_too(office, visitor, path, said):
    answer = office.ask(visitor, "GET", path, language="en")
    assert said in answer.text
    assert vietnamese_of(answer.text, []) == []
    assert '<html lang="en">' in answer.text


def test_a_refused_form_says_why_in_english(office):
    visitor = office.visitors[HERE, Role.ADMINISTRATOR]
    form = {"code": "", "name": "", "kind": "mass", "area_code": "", "parent_id": ""}
    for language, said in (
        ("vi", "Tổ chức phải có mã và tên."),
        ("en", "An organisation needs a code and a name."),
    ):
        answer = office.ask(visitor, "POST", "/admin/organisations/", form, language=language)
        assert said in answer.text


def test_the_switch_changes_the_language_and_back(office):
    browser = office.app.test_client()
    for language, said in (("en", "Sign in"), ("vi", "Đăng nhập"), ("xx", "Đăng nhập")):
        page = browser.get("/login").text
        token = re.search(r'csrf_token" value="([^"]+)', page)
        browser.post("/language", data={"language": language, "next": "/login", "csrf_token": token[1]})
        assert f"<h1>{said}</h1>" in browser.get("/login").text


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
    phone = world.phone(number(0))
    if "suppress" in path:
        typed = {**typed, "phone": phone}
    answer = post(client, path.format(person=person), **typed)
    assert answer.status_code == 422
    field = field.format(phone=phone)
    summary = re.search(
        r'<div class="note error" role="alert" id="faults">(.*?)</div>', answer.text, re.DOTALL
    )
    assert f'<a href="#{field}">' in summary[1]
    shows(answer.text, f'id="{field}"', stays)
    sentences = re.findall(rf'<a href="#{field}">([^<]*)</a>', summary[1])
    assert all(sentence in answer.text.replace(summary[0], "") for sentence in sentences)


def test_the_name_of_a_refused_file_stays(author, person):
    file = (BytesIO(b"a,b\n1,2\n"), "Hội viên xã.csv")
    shows(post(author, "/admin/imports/", file=file), "Hội viên xã.csv", status=422)


def test_the_forms_own_sentences_are_english_on_an_english_page(author, person):
    post(author, "/language", language="en")
    for path, typed in (
        (f"/admin/people/{person}/correct", {"name": LONG, "sex": "?"}),
        (f"/admin/requests/of/{person}", {"kind": "", "asked_on": "?"}),
    ):
        answer = post(author, path, **typed)
        summary = re.search(r'id="faults">(.*?)</div>', answer.text, re.DOTALL)
        assert summary
        reader = Reader()
        reader.feed(summary[1])
        assert not [said for said in reader.said if VIETNAMESE.search(said)]


def test_an_officer_who_is_too_late_reads_it_on_the_page(approver, world, person):
    shows(post(approver, "/admin/campaigns/1/approve"), 'id="faults"', status=422)


KEY = "k" * 24
COLLEAGUE = "dongnghiep@loa.example"


def written(world, **more):
    """A form that can be saved."""
    return {
        "name": "Vận động tổ 1",
        "kind": "bluezone",
        "content_of": "bluezone",
        "text": "Mời ông/bà cài Bluezone: {link}",
        "sender": "MTTQ",
        "lists": LIST,
        "key": KEY,
        "writer": "page-1",
        "version": "0",
        **more,
    }


def keep(client, **fields):
    return post(client, "/admin/campaigns/writing", **fields)


def test_a_form_is_kept_before_it_is_valid_and_found_again_on_the_home_page(author, world):
    answer = keep(author, key=KEY, writer="page-1", version="0", name="Vận động tháng 8", text="Mời [")
    assert (answer.status_code, answer.json["version"]) == (200, 1)
    shows(author.get("/admin/"), "Vận động tháng 8", f"/admin/campaigns/new?key={KEY}")
    page = author.get(f"/admin/campaigns/new?key={KEY}").text
    assert 'value="Vận động tháng 8"' in page
    assert "Mời [</textarea>" in page
    assert "Đang hiện phần viết dở" in page
    post(author, "/admin/campaigns/writing/drop", key=KEY)
    assert "Vận động tháng 8" not in author.get("/admin/").text


def test_back_and_save_makes_no_second_draft(author, world):
    kept = keep(author, **written(world)).json  # valid, so it is a draft with an address at once
    first = post(author, "/admin/campaigns/new", wish="save", **written(world, version="1"))
    assert first.status_code == 303, first.text
    again = post(
        author, "/admin/campaigns/new", wish="save", **written(world, version="1", name="Vận động tổ 1 và 2")
    )
    assert again.location == first.location == kept["address"]
    assert world.all(select(Campaign.name)) == ["Vận động tổ 1 và 2"]
    assert [form.fields for form in world.all(select(CampaignForm))] == [{}, {}]
    edits = select(func.count()).where(AuditEvent.action == "campaign.edit")
    assert world.scalar(edits) == 0  # one page went on writing what it had begun
    assert author.get(f"/admin/campaigns/new?key={KEY}").status_code == 302  # to the draft


def test_an_answer_that_got_lost_is_no_other_person_and_another_page_is(author, world):
    keep(author, **written(world))
    assert (
        keep(author, **written(world, name="Tên khác")).status_code == 200
    )  # the same page, with the version it knew
    other = keep(author, **written(world, writer="page-2", name="Của trang kia"))
    assert other.status_code == 409
    assert other.json["fields"]["name"] == ["Tên khác"]
    assert keep(author, **written(world, writer="page-2", version=other.json["version"])).status_code == 200


def test_a_draft_that_somebody_else_saved_meanwhile_is_not_overwritten(client, world):
    world.officer(COLLEAGUE, Role.STAFF)
    signed_in(client, AUTHOR)
    saved = post(client, "/admin/campaigns/new", wish="save", **written(world))
    edit = f"{saved.location}edit"
    mine = written(world, key="", writer="mine", version="2", name="Của tôi")
    signed_in(client, COLLEAGUE)
    theirs = written(world, key="", writer="theirs", version="2", name="Của đồng nghiệp")
    assert post(client, edit, wish="save", **theirs).status_code == 303
    signed_in(client, AUTHOR)
    refused = post(client, edit, wish="save", **mine)
    assert refused.status_code == 422
    assert "Người khác đã lưu mẫu này" in refused.text
    assert "Của đồng nghiệp" in refused.text  # both are there
    assert "Của tôi" in refused.text
    assert post(client, edit, wish="save", **{**mine, "version": "3"}).status_code == 303
    assert world.one(select(Campaign.name)) == "Của tôi"
    signed_in(client, COLLEAGUE)  # who still has the first page open
    # Another's form.
    shows(post(client, "/admin/campaigns/new", wish="save", **written(world, name="Quay lại")), status=404)


def test_a_second_page_of_a_new_form_does_not_overwrite_the_draft_that_it_became(author, world):
    keep(author, **written(world, text="Mời ["))  # both pages have read version 1 of the new form
    draft = keep(author, **written(world, version="1")).json
    late = keep(author, **written(world, version="1", writer="page-2", name="Của trang kia"))
    assert late.status_code == 409
    assert late.json["version"] == draft["version"]


def test_each_page_that_changes_a_draft_is_in_the_audit_log_once(client, world):
    world.officer(COLLEAGUE, Role.STAFF)
    signed_in(client, AUTHOR)
    draft = keep(client, **written(world)).json

    def edits():
        query = select(func.count()).where(AuditEvent.action == "campaign.edit")
        return world.scalar(query) or 0

    signed_in(client, COLLEAGUE)
    theirs = written(world, key=draft["key"], writer="theirs", version=str(draft["version"]))
    keep(client, **{**theirs, "text": "Mời ["})  # beside the draft, which is as it was
    assert edits() == 0
    keep(client, **theirs)
    keep(client, **{**theirs, "name": "Của đồng nghiệp"})
    assert edits() == 1
    post(client, "/admin/campaigns/writing/drop", key=draft["key"])
    keep(client, **{**theirs, "writer": "", "version": "6", "name": "Không tên trang"})
    assert edits() == 2


def test_anothers_form_and_a_wrong_key_are_not_there(client, world):
    world.officer(COLLEAGUE, Role.STAFF)
    signed_in(client, AUTHOR)
    keep(client, **written(world))
    signed_in(client, COLLEAGUE)
    assert client.get(f"/admin/campaigns/new?key={KEY}").status_code == 404
    for key in (KEY, "short", "campaign-999999", "campaign-x"):
        assert keep(client, **written(world, key=key)).status_code == 404
    assert world.count(CampaignForm) == 2  # the page's, and its draft's


def test_what_is_not_valid_yet_waits_beside_the_draft_and_submitting_takes_what_was_typed(author, world):
    world.add_people(1)
    page = keep(author, **written(world)).json["address"]
    half = written(world, key="", version="1", text="Mời [")
    assert keep(author, **{**half, "key": "campaign-1"}).json["saved"] is False
    assert "Mời [</textarea>" in author.get(page).text
    assert post(author, f"{page}edit", wish="submit", **{**half, "version": "2"}).status_code == 422
    whole = {**half, "version": "2", "text": "Mời cô bác: {link}"}
    assert post(author, f"{page}edit", wish="submit", **whole).status_code == 303
    found = world.rows(select(Campaign.state, Step.text).join(Step, Step.campaign_id == Campaign.id))
    assert found == [(CampaignState.SUBMITTED, "Mời cô bác: {link}")]
    assert "Mời cô bác" in author.get(page).text
    assert keep(author, **{**whole, "key": "campaign-1", "version": "3"}).status_code == 422
