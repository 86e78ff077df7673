"""The office in English: whatever is Vietnamese on a page is what somebody has entered."""

import json
import re
from html.parser import HTMLParser

import pytest
from sqlalchemy import select

from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import EXAMPLE_NAME
from campaigns.privacy.clocks import load_calendar, load_clocks
from outreach.core.db import Base
from outreach.models.accounts import Role
from outreach.rules.languages import NAMES
from tests.integration.admin.test_permission_matrix import GUARDED, NOBODY, address, office
from tests.project.test_translations import QUOTED, VIETNAMESE
from tests.support.permission_world import HERE
from tests.support.tables import cases

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
