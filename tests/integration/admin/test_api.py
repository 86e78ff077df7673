"""Other systems: people handed in by the rules of a file, campaigns and figures read, and nothing beyond the token.

The interface is what its OpenAPI document says: every route and nothing else, whatever is sent to it.
"""

import csv
import json
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import schemathesis
import sqlalchemy
from hypothesis import HealthCheck, Phase, given, seed, settings
from jsonschema import Draft202012Validator
from limits import RateLimitItemPerMinute
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sqlalchemy import Engine, delete, select, update
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.serving import make_server

from admin.api import routing
from campaigns.lifecycle import create_campaign
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message
from campaigns.models.replies import Answer, AnswerSource, Case, Reply, SafetyReport
from campaigns.models.webhooks import Delivery, DeliveryState, Subscription
from campaigns.planning.kinds import load_kinds
from campaigns.replies.receive_reply import receive_reply
from campaigns.rules.draft import read_draft
from campaigns.rules.replies.labels import Label
from campaigns.rules.safety import SafetyStatus
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.webhooks.collect_events import collect_events
from outreach.accounts.api_tokens import create_token, end_token, open_sandbox
from outreach.accounts.users import create_organisation, create_user
from outreach.contacts.references import IS_GIVEN
from outreach.core.rate_limits import hit
from outreach.imports.store_rows import find_or_create_list
from outreach.imports.uploads import UploadContext, process_upload, undo_import
from outreach.models.accounts import (
    ApiRequest,
    ApiToken,
    AuditEvent,
    AuditHead,
    OrganisationKind,
    Right,
    Role,
)
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactReference,
    ImportIssue,
    KeptValue,
    ListImport,
    Membership,
    Phone,
    Upload,
    Wish,
)
from outreach.rules.errors import NotAllowed
from outreach.rules.gateway import InboundMessage
from tests.project.test_layout import ROOT
from tests.support.admin_client import post, shows, signed_in
from tests.support.lists import local
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, AUTHOR, LIST, number

ADMINISTRATOR = "quantri@loa.example"
IMPORTS = "/api/v1/contacts/imports"
PEOPLE = [
    {"name": "A Blưm", "phone": "0905000901", "birth": "1960", "commune": "xã Mường Hoong"},
    {"name": "Y Hlan", "phone": "0905 000 902; 0905.000.903", "smartphone": True},
    {"name": "A Blum", "phone": "+84905000901"},
    {"name": "Y Sương", "phone": "090500090"},
    {"name": "Y Rơ", "phone": "09O5 OOO 904"},
    {"name": "Tổng cộng"},
]


class Other:
    """Another system with its token."""

    def __init__(self, client, world, *rights, organisation="MTTQ"):
        self.client, self.world = client, world
        owner = world.organisation_id(organisation)
        made, self.token = world.token(ADMINISTRATOR, organisation_id=owner, rights=rights or list(Right))
        self.id = made.id

    def get(self, path, **headers):
        return self.client.get(path, headers={"Authorization": f"Bearer {self.token}", **headers})

    def hand_in(self, rows, *, key="1", **changes):
        body = {"organisation": "MTTQ", "list": "Từ cổng dữ liệu", "rows": rows, **changes}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        return self.client.post(IMPORTS, json=body, headers=headers)


def test_what_cannot_be_read_or_is_too_large_is_said_as_a_problem(other):
    """A number of thousands of digits was a 500, a large body an HTML page."""
    headers = {"Authorization": f"Bearer {other.token}", "Idempotency-Key": "1"}
    for body in (b'{"rows": [{"row": 1' + b"0" * 4400 + b"}]}", b'{"rows": [NaN]}'):
        refused = other.client.post(IMPORTS, data=body, content_type="application/json", headers=headers)
        assert (refused.status_code, refused.mimetype) == (400, "application/problem+json")
    app = other.client.application
    with app.test_request_context("/api/v1/webhooks", method="POST"):
        large = app.make_response(app.handle_user_exception(RequestEntityTooLarge()))
    assert (large.status_code, large.mimetype) == (413, "application/problem+json")


@pytest.fixture
def other(client, world):
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    world.organisation()
    return Other(client, world)


def test_rows_for_a_list_that_was_archived_bring_it_back(other, world):
    other.hand_in(PEOPLE)
    world.execute(update(ContactList).values(archived_at=world.now))
    assert other.hand_in([{"name": "Y Hlan Niê", "phone": local(9)}], key="2").status_code == 200
    archived = world.all(select(ContactList.name).where(ContactList.archived_at.is_not(None)))
    assert "Từ cổng dữ liệu" not in archived


def test_rows_come_in_as_a_file_does_and_a_repeat_changes_nothing(other, world):
    answer = other.hand_in(PEOPLE)
    assert answer.status_code == 200
    found = answer.get_json()
    counts = found["counts"]
    assert counts == {
        "rows": 6, "created": 2, "updated": 0, "merged": 1, "unchanged": 0, "review": 1, "rejected": 2,
    }  # fmt: skip
    assert [(row["row"], row["status"], row["reason"]) for row in found["set_aside"]["rows"]] == [
        (4, "reject", "too_short"),
        (5, "review", "letter_substitution"),
        (6, "reject", "missing"),
    ]
    assert found["set_aside"]["rows"][2]["detail"] == "không có số điện thoại"
    told = other.get(found["address"], **{"Accept-Language": "en"}).get_json()
    assert told["set_aside"]["rows"][2]["detail"] == "no phone number"
    shows(answer.text, but=("0905", "Blưm"))
    tables = (Contact, Phone, Upload, ListImport, ImportIssue)
    before = [world.count(each) for each in tables]

    again = other.hand_in(PEOPLE)
    assert again.get_json() == found
    assert other.get(again.headers["Location"]).get_json() == found
    assert other.hand_in(PEOPLE[:1]).status_code == 422  # the same key with something else
    assert [world.count(each) for each in tables] == before
    # Under a new key it is a new handing in, and finds everybody there.
    assert other.hand_in(PEOPLE, key="2").get_json()["counts"]["unchanged"] >= 3
    uses = world.audited("api.contacts")
    assert [(use.details["token"], use.details["rows"]) for use in uses] == [(other.id, 6), (other.id, 6)]


@both_databases
def test_the_same_rows_sent_twice_at_once_come_in_once(other, world):
    app = other.client.application
    headers = {"Authorization": f"Bearer {other.token}", "Idempotency-Key": "1"}
    body = {"organisation": "MTTQ", "list": "Từ cổng dữ liệu", "rows": PEOPLE}
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(app.test_client().post, IMPORTS, json=body, headers=headers) for _ in range(4)]
        answers = [each.result() for each in sent]
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert world.count(Upload) == 1
    assert world.count(Contact) == 3  # one of them without a number; a total is nobody


def test_many_rows_are_taken_in_at_once_and_stored_by_a_worker(other, world, client):
    rows = [{"name": f"A Thun {i}", "phone": f"+849{i // 1000:02d}000{i % 1000:03d}"} for i in range(1, 1501)]
    rows[700] = {"name": "Không số"}
    answer = other.hand_in(rows)
    assert answer.status_code == 202
    found = answer.get_json()
    assert (found["state"], found["rows"], found["done"], found["counts"]) == ("storing", 1500, 0, None)
    assert "Đang lưu vào danh sách" in signed_in(client, AUTHOR).get(f"/admin/imports/{found['id']}/").text
    held = world.runtime
    work = UploadContext(held.db, Path(held.settings.uploads_dir), lambda: False)
    assert process_upload(work, found["id"])
    done = other.get(found["address"]).get_json()
    assert (done["state"], done["counts"]["created"], done["counts"]["rejected"]) == ("done", 1499, 1)
    assert [row["row"] for row in done["set_aside"]["rows"]] == [701]
    # An officer may undo it like any import.
    post(client, f"/admin/imports/{found['id']}/undo")
    assert process_upload(work, found["id"])
    assert other.get(found["address"]).get_json()["counts"] is None
    assert world.count(Contact) == 0


def test_fields_of_rows_are_values_of_the_list_as_columns_of_a_file_are(other, world):
    people = [
        {"name": "A Thun", "phone": "0905000901", "fields": {"Giờ hẹn": "07:30", "nơi hẹn": "Thôn 3"}},
        {"name": "Y Rơ", "phone": "0905000902", "fields": {"giờ hẹn": None}},
        {"name": "A Bré", "phone": "0905000903", "fields": {"{giờ hẹn}": " 8h "}},
    ]
    assert other.hand_in(people).get_json()["counts"]["created"] == 3
    many = other.hand_in(
        [{"name": "A", "fields": {f"cột {n}": "8h"}} for n in "abcdef"], key="many"
    ).get_json()
    assert (many["code"], many["pointer"]) == ("list_fields_many", "/rows")
    people[0]["fields"] = {"giờ hẹn": "09:00"}
    assert other.hand_in(people[:1], key="2").get_json()["counts"]["updated"] == 1
    kept = select(Contact.name, KeptValue.name, KeptValue.value)
    kept = kept.join(Contact, Contact.id == KeptValue.contact_id)
    assert world.rows(kept.order_by(KeptValue.import_id, KeptValue.name, Contact.id)) == [
        ("A Thun", "giờ hẹn", "07:30"),
        ("A Bré", "giờ hẹn", "8h"),
        ("A Thun", "nơi hẹn", "Thôn 3"),
        ("A Thun", "giờ hẹn", "09:00"),
    ]


def test_a_reference_may_look_like_a_place(other):
    people = [{"reference": "/1", "name": "A", "phone": "0905000901"}, {"name": "B", "phone": "0905000902"}]
    assert other.hand_in(people).status_code == 200


def test_a_body_that_cannot_be_taken_is_refused_with_the_place(other, world):
    for pointer, wrong in {
        "/rows": {"rows": []},
        "/rows/1": {"rows": [{"phone": "0905000901"}, {"village": "Đắk Rô"}]},
        "/rows/0/name": {"rows": [{"name": 5}]},
        "/rows/0/smartphone": {"rows": [{"name": "A", "smartphone": "có"}]},
        "/rows/0/dân tộc": {"rows": [{"name": "A", "dân tộc": "Ba Na"}]},
        "/rows/0/a~1b": {"rows": [{"name": "A", "a/b": 1}]},
        "/list": {"list": " "},
        "/rows/2/reference": {"rows": [{"name": "A", "reference": each} for each in ("/2", "1", "1")]},
        "/organisation": {"organisation": 7},
        "/rows/0/fields": {"rows": [{"name": "A", "fields": "8h"}]},
        "/rows/1/fields/nơi hẹn": {
            "rows": [{"name": "A", "fields": {"nơi hẹn": each}} for each in ("Thôn 1", "bit.ly/x")]
        },
        "/rows/0/fields/giờ hẹn": {"rows": [{"name": "A", "fields": {"giờ hẹn": "gọi 0905 000 901"}}]},
        "/rows/0/fields/chẩn đoán": {"rows": [{"name": "A", "fields": {"chẩn đoán": "ho"}}]},
        "/rows/0/fields/giờ": {"rows": [{"name": "A", "fields": {"giờ": 8}}]},
    }.items():
        answer = other.hand_in(**{"rows": PEOPLE, **wrong})
        assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
        assert answer.get_json()["pointer"] == pointer
    headers = {
        "Authorization": f"Bearer {other.token}",
        "Idempotency-Key": "1",
        "Content-Type": "application/json",
    }
    missing = other.client.post(IMPORTS, json={"organisation": "MTTQ", "list": "x"}, headers=headers)
    assert missing.get_json()["pointer"] == "/rows"
    for unreadable in (b'{"list":\n  x}', b'{"list":\n "\xff"}'):
        problem = other.client.post(IMPORTS, data=unreadable, headers=headers).get_json()
        assert (problem["status"], "dòng 2, cột 3" in problem["detail"]) == (400, True)
    assert world.count(Upload) == 0


def test_problems_are_told_in_one_form_and_in_vietnamese(other):
    client = other.client
    key = {"Authorization": f"Bearer {other.token}", "Idempotency-Key": "1"}
    json_type = {**key, "Content-Type": "application/json"}
    for answer, status in (
        (client.get("/api/v1/campaigns"), 401),
        (client.get("/api/v1/campaigns", headers={"Authorization": "Bearer loa_wrong"}), 401),
        (other.get("/api/v1/campaigns/99"), 404),
        (other.get("/api/v1/nothing"), 404),
        (other.get("/api/v2/campaigns"), 404),
        (other.get("/api/v1/campaigns?limti=5"), 400),
        (client.delete("/api/v1/campaigns", headers=key), 405),
        (client.post(IMPORTS, data="{", headers=json_type), 400),
        (client.post(IMPORTS, data="[" * 100_000, headers=json_type), 400),
        (client.post(IMPORTS, data="x", headers=key), 415),
        (client.post(IMPORTS, json={}, headers={"Authorization": key["Authorization"]}), 400),
    ):
        problem = json.loads(answer.text)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        assert problem["status"] == status
        assert problem["detail"].endswith(".")
        assert not problem["detail"].isascii()


def test_a_problem_has_a_code_and_speaks_english_to_those_who_ask(other):
    headers = {"Authorization": f"Bearer {other.token}"}
    told = {}
    for language in ("vi", "en"):
        answer = other.client.get("/api/v1/campaigns/99", headers={**headers, "Accept-Language": language})
        told[language] = json.loads(answer.text)
        assert told[language]["code"] == "campaign_id_not_visible"
    assert told["vi"]["detail"] == "Không có chiến dịch số 99 trong phạm vi được giao."
    assert told["en"]["detail"] == "There is no campaign 99 that you may see."
    assert told["en"]["title"] == "Not found"


def test_a_token_opens_what_it_was_made_for_until_it_ends(other, world):
    reader = Other(other.client, world, Right.FIGURES_READ)
    assert reader.get("/api/v1/goals").status_code == 200
    assert reader.get("/api/v1/campaigns").status_code == 403
    assert reader.hand_in(PEOPLE).status_code == 403
    kept = world.get_one(ApiToken, reader.id)
    assert reader.token not in str(vars(kept))
    assert kept.last_used_at is not None
    world.do(end_token, other.id, by=ADMINISTRATOR)
    world.change(ApiToken, reader.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert other.get("/api/v1/goals").status_code == 401
    assert reader.get("/api/v1/goals").status_code == 401


def test_a_token_reaches_its_organisation_and_those_under_it_alone(other, world):
    campaign = world.launch(people=3)
    below = Other(other.client, world, organisation="PN")
    assert [each["id"] for each in other.get("/api/v1/campaigns").get_json()["campaigns"]] == [campaign]
    assert below.get("/api/v1/campaigns").get_json()["campaigns"] == []
    assert below.get(f"/api/v1/campaigns/{campaign}").status_code == 404
    assert below.get(f"/api/v1/campaigns/{campaign}/figures").status_code == 404
    assert below.get("/api/v1/official-figures").status_code == 403
    assert below.hand_in(PEOPLE).status_code == 404
    assert below.hand_in(PEOPLE, organisation="PN").status_code == 200
    made = other.hand_in(PEOPLE).get_json()
    assert below.get(made["address"]).status_code == 404


def test_campaigns_and_figures_are_what_the_office_sees(other, world):
    campaign = world.launch(
        people=3, goal={"share": 0.5, "denominator": 100, "date": "2020-08-01", "source": "Sở"}
    )
    assert other.get(f"/api/v1/campaigns/{world.draft(name='Đợt 2')}/figures").status_code == 404
    world.answers(campaign, {0: Label.INSTALLED}, source=AnswerSource.OFFICER)
    status = other.get(f"/api/v1/campaigns/{campaign}")
    assert status.get_json() == json.loads(json.dumps(world.status(campaign)))
    unchanged = other.get(f"/api/v1/campaigns/{campaign}", **{"If-None-Match": status.headers["ETag"]})
    assert (unchanged.status_code, unchanged.text) == (304, "")
    figures = other.get(f"/api/v1/campaigns/{campaign}/figures").get_json()
    assert figures["self_reported"]["installed"] == 1
    assert [figures["self_reported"][each] for each in ("recipients", "at_the_door", "perhaps")] == [3, 0, 0]
    assert figures["self_reported"]["denominator"] == 100
    assert figures["days"][-1]["installed"] == 1
    assert other.get("/api/v1/official-figures").get_json()["areas"] == []
    page = other.get("/api/v1/campaigns?limit=1").get_json()
    assert [each["name"] for each in page["campaigns"]] == ["Đợt 2"]
    page = other.get(page["next"]).get_json()
    assert [each["id"] for each in page["campaigns"]] == [campaign]
    assert page["next"] is None
    assert len(other.get("/api/v1/campaigns?state=draft").get_json()["campaigns"]) == 1


def test_a_token_is_slowed_down_by_itself(other, world):
    limit = world.runtime.settings.api_requests_per_minute
    for _ in range(limit):
        hit(world.runtime.redis, RateLimitItemPerMinute(limit, namespace="api"), str(other.id))
    answer = other.get("/api/v1/goals")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert Other(other.client, world).get("/api/v1/goals").status_code == 200


def test_administrators_make_and_end_tokens_on_the_page(other, world):
    client = signed_in(other.client, ADMINISTRATOR)
    owner = world.organisation_id("PN")
    page = post(
        client, "/admin/tokens/", name="Kho dữ liệu", organisation=owner, right="figures:read", days=30
    )
    token = page.text.partition('id="token-text" readonly value="')[2].partition('"')[0]
    assert token.startswith("loa_")
    assert token not in client.get("/admin/tokens/").text
    asked = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/goals", headers=asked).status_code == 200
    assert post(client, "/admin/tokens/2/end").status_code == 303
    assert client.get("/api/v1/goals", headers=asked).status_code == 401
    assert post(client, "/admin/tokens/", name="", organisation=owner, days=30).status_code == 422
    tried = {"name": "Thử", "organisation": owner, "right": "figures:read", "days": 30, "sandbox": "1"}
    page = post(client, "/admin/tokens/", **tried).text
    assert "chạy thử" in page
    assert page.index('<th scope="row">Thử') < page.index('<th scope="row">Kho dữ liệu'), (
        "who is in use comes first"
    )
    told = [each.action for each in world.audited(subject="api_tokens:2")]
    assert told == ["token.create", "token.end"]


# Other systems write: drafts that people approve, replies, webhooks; each once, each fault with its
# place, none in a sandbox.


DRAFT = {"name": "Từ cổng", "text": "Mời cài: {link}", "lists": [LIST], "sender": "MTTQ"}


class System:
    """Another system with its token."""

    def __init__(self, client, world, *, organisation="MTTQ", is_sandbox=False):
        self.client, self.keys = client, iter(range(1, 1000))
        owner = world.organisation_id(organisation)
        _made, self.token = world.token(ADMINISTRATOR, organisation_id=owner, is_sandbox=is_sandbox)

    def call(self, method, path, body=None, *, key="", **headers):
        given = {
            "Authorization": f"Bearer {self.token}",
            "Idempotency-Key": key or f"k{next(self.keys)}",
            **headers,
        }
        client = self.client.application.test_client()  # of its own: threads may call
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return client.open(f"/api/v1{path}", method=method, headers=given, **sent)

    def get(self, path, **headers):
        return self.call("GET", path, **headers).get_json()

    def hand_in(self, *rows, **more):
        return self.call(
            "POST", "/contacts/imports", {"organisation": "MTTQ", "list": LIST, "rows": rows}, **more
        )


@pytest.fixture
def system(client, world):
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    world.organisation()
    return System(client, world)


def fault(answer):
    body = answer.get_json(force=True)
    return answer.status_code, body["code"], body.get("pointer", body.get("parameter"))


@both_databases
def test_a_draft_is_written_once_changed_and_submitted_and_people_approve_it(system, world):
    world.add_people(3, first=11)
    with ThreadPoolExecutor(3) as pool:
        made = list(
            pool.map(
                lambda _: system.call("POST", "/campaigns", DRAFT, key="một-lần".encode().hex()), range(3)
            )
        )
    assert {answer.status_code for answer in made} <= {200, 201}
    assert world.count(Campaign) == 1
    campaign = made[0].get_json()["id"]
    written = system.get(f"/campaigns/{campaign}/draft")
    assert (written["name"], written["lists"]) == ("Từ cổng", [f"MTTQ/{LIST}"])
    assert system.call("PUT", f"/campaigns/{campaign}/draft", {**DRAFT, "name": "Đợt 2"}).status_code == 200
    for window in (["21:00", "07:00"], ["07:00", "07:00"]):  # a draft may be unfinished
        changed = {**DRAFT, "window": window}
        assert system.call("PUT", f"/campaigns/{campaign}/draft", changed).status_code == 200
        assert fault(system.call("POST", f"/campaigns/{campaign}/submit"))[:2] == (422, "window_wrong")
    blank = {**DRAFT, "notice_template": "", "notice_text": ""}
    assert system.call("PUT", f"/campaigns/{campaign}/draft", blank).status_code == 422
    changed = {**DRAFT, "window": ["07:00", "24:00"]}
    assert system.call("PUT", f"/campaigns/{campaign}/draft", changed).status_code == 200
    told = system.call("POST", f"/campaigns/{campaign}/submit").get_json()
    assert (told["state"], told["recipients"], told["excluded"], told["warnings"]) == ("submitted", 3, {}, [])
    again = system.call("PUT", f"/campaigns/{campaign}/draft", DRAFT)
    assert fault(again)[:2] == (409, "campaign_not_editable")
    with pytest.raises(NotAllowed):
        world.act(campaign, CampaignAction.APPROVE, ADMINISTRATOR)  # who made the token wrote it
    world.act(campaign, CampaignAction.APPROVE, APPROVER)
    assert world.get_one(Campaign, campaign).state is CampaignState.APPROVED
    told = world.all(select(AuditEvent.action).where(AuditEvent.action == "api.draft"))
    assert len(told) == 5


def test_a_draft_that_would_reach_nobody_says_so_with_the_reasons(system, world):
    world.add_people(2, first=11)
    for n in (11, 12):
        assert world.reply(number(n), "TC", gateway_id=f"stop-{n}")
    campaign = system.call("POST", "/campaigns", DRAFT).get_json()["id"]
    told = system.call("POST", f"/campaigns/{campaign}/submit").get_json()
    assert (told["state"], told["recipients"], told["excluded"]) == ("submitted", 0, {"opted_out": 2})
    nobody, reasons = told["warnings"]
    assert nobody.startswith("Không có ai nhận tin.")
    assert reasons == "Không gửi cho: Đã từ chối nhận tin 2"


def test_whom_a_draft_leaves_out_for_answers_about_health_is_told_to_no_other_system(system, world):
    asked = {"kind": "tiem-chung", "text": "Mời đi tiêm. Trả lời 1. {link}"}
    world.answers(world.sent(people=1, **asked), {0: Label.INSTALLED})
    for changes, is_told in (({}, True), ({"answered": "not_installed"}, False)):
        draft = system.call("POST", "/campaigns", {**DRAFT, **asked, **changes}).get_json()["id"]
        told = system.call("POST", f"/campaigns/{draft}/submit").get_json()
        assert [told[name] is None for name in ("recipients", "excluded", "repeated")] == [not is_told] * 3
        assert is_told or told["warnings"] == []


def test_a_list_named_a_thousand_times_is_looked_up_once(system, world):
    """Each name by itself took ten seconds."""
    world.add_people(1, first=11)
    asked = []
    note = lambda *_args: asked.append(1)  # noqa: E731
    sqlalchemy.event.listen(Engine, "before_cursor_execute", note)
    try:
        named = {**DRAFT, "lists": [LIST, f"MTTQ/{LIST}"] * 500, "also_in": [LIST] * 1000}
        assert system.call("POST", "/campaigns", named).status_code == 201
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", note)
    assert len(asked) < 100


def test_each_fault_is_named_with_its_place(system, world):
    world.add_people(1, first=11)
    for pointer, changes in {
        "/lists": {"lists": ["Không có"]},
        "/sender": {"sender": "Ủy ban"},
        "/text": {"text": "Mời {ai}"},
        "/step/0/text": {"step": [{"text": "Nhắc {"}]},
        "/areas": {"areas": ["0"]},
        "/pace": {"pace": 0.01},
        "/deadline": {"deadline": "mai"},
        "/window/0": {"window": [7, 21]},
        "/goal": {"goal": {"share": 2}},
        "/content": {"content": {"gì": -1}},
        "/tên": {"tên": "x"},
        "/name": {"name": "\ud800"},
    }.items():
        status, code, named = fault(system.call("POST", "/campaigns", {**DRAFT, **changes}))
        assert (status, named) == (422, pointer), code
    assert fault(system.call("POST", "/campaigns", ["x"])) == (422, "body_part_type_wrong", "")
    answer = system.client.post(
        "/api/v1/campaigns", json=DRAFT, headers={"Authorization": f"Bearer {system.token}"}
    )
    assert fault(answer) == (400, "idempotency_key_wrong", "Idempotency-Key")
    assert fault(system.call("GET", "/campaigns?limit=0")) == (400, "api_parameter_not_number", "limit")
    assert fault(system.call("GET", "/campaigns?state=x")) == (400, "api_parameter_not_among", "state")
    assert fault(system.call("GET", "/goals?fromat=csv")) == (400, "api_parameters_unknown", "fromat")
    # A whole number is one however it is written.
    assert system.call("POST", "/campaigns", {**DRAFT, "cap_per_day": 3.0}, key="a0").status_code == 201
    assert system.call("POST", "/campaigns", DRAFT, key="a").status_code == 201
    reused = system.call("POST", "/campaigns", {**DRAFT, "name": "Khác"}, key="a")
    assert fault(reused) == (422, "idempotency_key_reused", "Idempotency-Key")
    below = System(system.client, world, organisation="PN")
    assert fault(below.call("POST", "/campaigns", DRAFT)) == (422, "list_name_unknown", "/lists")
    assert fault(below.call("POST", "/campaigns/1/submit"))[0] == 404


@both_databases
def test_people_keep_what_the_system_calls_them_and_their_answers_carry_it(system, world):
    rows = [
        {"name": "A Thun", "phone": number(11), "reference": "cd-7"},
        {"name": "Y Hlan", "phone": number(12)},
    ]
    assert system.hand_in(*rows).get_json()["counts"]["created"] == 2
    again = {"name": "A Thun", "phone": number(11), "reference": "cd-8"}
    assert system.hand_in(again, again).status_code == 422
    world.sent()
    hook = {
        "name": "Cổng",
        "url": "http://127.0.0.1:9/loa",
        "organisation": "MTTQ",
        "kinds": ["answer.recorded", "opt_out"],
    }
    assert system.call("POST", "/webhooks", hook).status_code == 201
    handed = {"person": "cd-7", "text": "1", "reference": "trả-lời".encode().hex()}
    answer = system.call("POST", "/replies", handed)
    found = answer.get_json()
    assert (answer.status_code, found["label"], found["person"]) == (201, "installed", "cd-7")
    assert found["reference"] == handed["reference"]
    assert system.get(f"/replies/{found['id']}") == found
    assert fault(system.call("POST", "/replies", handed)) == (409, "reply_known", "/reference")
    stopped = system.call("POST", "/replies", {"phone": number(12), "opt_out": True}).get_json()
    assert (stopped["label"], stopped["person"], stopped["reference"]) == ("opt_out", None, None)
    assert [each["reference"] for each in system.get("/answers")["answers"]] == ["cd-7", None]
    assert [each["id"] for each in system.get("/replies")["replies"]] == [found["id"], stopped["id"]]
    page = system.get("/answers?limit=1")
    assert [each["label"] for each in system.get(page["next"].removeprefix("/api/v1"))["answers"]] == [
        "opt_out"
    ]
    (opt_out,) = system.get("/opt-outs")["opt_outs"]
    assert (len(opt_out["people"]), opt_out["references"]) == (1, [])
    collect_events(world.runtime.db, now=datetime.now(UTC))
    document = system.get("/openapi.json")
    events = world.all(select(Delivery).order_by(Delivery.id))
    assert [event.data.get("reference") for event in events] == ["cd-7", None, None]
    for event in events:
        body = document["webhooks"][event.kind]["post"]["requestBody"]["content"]["application/json"]
        told = {"type": event.kind, "timestamp": event.at.isoformat(), "data": event.data}
        Draft202012Validator(body["schema"]).validate(told)
    below = System(system.client, world, organisation="PN")
    assert below.get("/answers")["answers"] == below.get("/replies")["replies"] == []
    assert below.get("/opt-outs")["opt_outs"] == []
    assert fault(below.call("POST", "/replies", {"phone": number(11), "text": "1"}))[0] == 404
    assert fault(below.call("POST", "/replies", {"person": "cd-7", "text": "1"}))[0] == 404


def test_a_reference_means_whom_it_named_last(system, world):
    system.hand_in({"name": "A Thun", "phone": number(11), "reference": "x"})
    system.hand_in({"name": "Y Hlan", "phone": number(12), "reference": "x"})
    system.hand_in({"name": "Y Hlan", "phone": number(12), "reference": "y"})
    named = select(ContactReference.reference, Contact.name)
    named = named.join(Contact, Contact.id == ContactReference.contact_id).where(IS_GIVEN)
    assert sorted(world.rows(named)) == [("x", "Y Hlan"), ("y", "Y Hlan")]
    wrong = system.hand_in({"name": "A", "phone": number(13), "reference": "có dấu"})
    assert fault(wrong) == (422, "body_part_form_wrong", "/rows/0/reference")


def test_a_reply_that_cannot_be_taken_says_why(system, world):
    world.add_people(1, first=11)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for body, code, pointer in (
        ({"text": "1"}, "reply_person_or_phone", "/person"),
        ({"phone": number(11)}, "reply_without_text", "/text"),
        ({"phone": number(11), "text": "1", "at": later}, "reply_in_future", "/at"),
        ({"phone": number(11), "text": "1", "at": "hôm qua"}, "reply_moment_wrong", "/at"),
        ({"phone": number(11), "text": "1", "at": "0001-01-02T00:00:00Z"}, "reply_moment_wrong", "/at"),
    ):
        assert fault(system.call("POST", "/replies", body)) == (422, code, pointer)
    assert fault(system.call("POST", "/replies", {"phone": number(20), "text": "1"}))[:2] == (
        404,
        "phone_number_out_of_scope",
    )
    for unread in ("115", "0905000011 / 0905000012"):
        assert fault(system.call("POST", "/replies", {"phone": unread, "text": "1"})) == (
            404,
            "phone_number_not_one",
            "/phone",
        )
    # Who is in no list may opt out nevertheless.
    assert system.call("POST", "/replies", {"phone": number(20), "opt_out": True}).status_code == 201
    assert world.count(Wish) == 1
    # To be written to again was asked for before the opt-out.
    earlier = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert system.call("POST", "/replies", {"phone": number(11), "opt_out": True}).status_code == 201
    assert (
        system.call("POST", "/replies", {"phone": number(11), "text": "DK", "at": earlier}).status_code == 201
    )
    assert world.read(numbers_left_alone) == {number(11), number(20)}


def test_a_system_opens_no_number_again_and_calls_nobody_safe_but_an_officer_reads_what_it_says(
    system, world
):
    world.add_people(1, first=11)
    world.sent()
    world.reply(number(11), "TC", gateway_id="s1")
    for text in ("nhầm", "DK"):
        said = system.call("POST", "/replies", {"phone": number(11), "text": text})
        assert said.status_code == 201
    assert world.read(numbers_left_alone) == {number(11)}
    assert world.count(Case) == 2
    world.execute(update(Campaign).values(urgent_reason="Bão số 9 đổ bộ trong đêm"))
    world.reply(number(11), "cứu tôi với, nước ngập tới mái nhà", gateway_id="s2")
    assert system.call("POST", "/replies", {"phone": number(11), "text": "AN TOAN"}).status_code == 201
    assert world.one(select(SafetyReport.status)) is SafetyStatus.HELP


def share_phone(world, code, name, e164):
    """Somebody in a list of an organisation who has a number, new or that of others."""
    person = world.add_person(name, e164)
    world.execute(delete(Membership).where(Membership.contact_id == person))
    world.add_list(f"Của {code}", person, owner=world.organisation_id(code))


def test_a_reply_to_another_organisations_message_is_not_taken_but_an_opt_out_is(system, world):
    world.add_people(2, first=11)
    share_phone(world, "PN", "Y Hlan", number(11))
    world.sent()
    assert system.call("POST", "/replies", {"phone": number(12), "opt_out": True}).status_code == 201
    below = System(system.client, world, organisation="PN")
    for text in ("1", "DK"):
        answer = below.call("POST", "/replies", {"phone": number(11), "text": text})
        assert fault(answer)[:2] == (404, "phone_number_out_of_scope")
    assert (world.count(Reply), world.count(Answer)) == (1, 1)
    stopped = below.call("POST", "/replies", {"phone": number(11), "opt_out": True}).get_json()
    assert [stopped[each] for each in ("label", "campaign", "recipient")] == ["opt_out", None, None]
    assert system.get(f"/replies/{stopped['id']}")["campaign"] == 1
    # Of two opt-outs the page of one has the own one.
    page = below.get("/opt-outs?limit=1")
    assert (len(page["opt_outs"]), page["next"], world.count(Wish)) == (1, None, 2)


@pytest.mark.parametrize("what", ["answers", "opt-outs", "replies"])
def test_who_reads_on_from_the_last_id_misses_nothing_that_was_being_stored(system, world, monkeypatch, what):
    if not world.runtime.db.is_postgresql:
        return  # SQLite has one writer
    monkeypatch.setattr(routing, "SETTLES_WITHIN_S", 0.1)
    world.add_people(2, first=11)
    world.sent()
    with world.runtime.db.write() as slow:  # it has the lower id, and ends last
        late = InboundMessage("late", number(11), "MTTQ", "TC", is_opt_out=False)
        assert receive_reply(slow, late, now=world.now)
        assert world.reply(number(12), "TC", gateway_id="quick")
        asked = system.call("GET", f"/{what}")
        assert (asked.status_code, "Retry-After" in asked.headers) == (503, True)
    assert len(system.get(f"/{what}")[what.replace("-", "_")]) == 2


def test_a_cry_for_help_that_is_handed_in_as_an_opt_out_alerts_officers(system, world):
    said = {
        "phone": number(12),
        "opt_out": True,
        "text": "Cứu tôi với, nước ngập tới mái nhà, đừng nhắn tin nữa",
    }
    assert system.call("POST", "/replies", said).get_json()["label"] == "opt_out"
    assert world.one(select(Case.urgent_at)) is not None


def test_an_opt_out_counts_also_of_who_is_in_no_list_any_more(system, world):
    system.hand_in({"name": "A Mới", "phone": number(18), "reference": "cd-7"})
    world.sent()
    world.execute(delete(Membership))
    assert system.call("POST", "/replies", {"person": "cd-7", "text": "1"}).status_code == 404
    assert system.call("POST", "/replies", {"person": "cd-7", "opt_out": True}).status_code == 201
    assert world.read(numbers_left_alone) == {number(18)}


def test_an_opt_out_of_somebody_whose_import_was_undone_waits_for_an_officer(system, world):
    system.hand_in({"name": "A Mới", "phone": number(18), "reference": "cd-7"})
    below = System(system.client, world, organisation="PN")
    assert below.call("POST", "/replies", {"person": "cd-7", "opt_out": True}).status_code == 201
    assert (
        world.read(numbers_left_alone) == set()
    )  # what another system calls somebody names nobody to this one
    undo_import(world.runtime, world.one(select(ListImport.id)))
    assert system.call("POST", "/replies", {"person": "cd-7", "text": "1"}).status_code == 404
    assert system.call("POST", "/replies", {"person": "cd-7", "opt_out": True}).status_code == 201
    assert [case.done_at for case in world.cases()] == [None, None]


def test_an_opt_out_counts_however_its_number_is_written_and_waits_for_an_officer_where_it_cannot_be_read(
    system, world
):
    for written in ("0900 000 018", "0900000019*", "+84 (900) 000 020"):
        assert system.call("POST", "/replies", {"phone": written, "opt_out": True}).status_code == 201
    assert world.read(numbers_left_alone) == {number(18), number(19), number(20)}
    for unread in ("0905", "0900000021/0900000022", "cô Lan"):
        assert system.call("POST", "/replies", {"phone": unread, "opt_out": True}).status_code == 201
    assert [case.done_at for case in world.cases()] == [None, None, None]
    assert len(world.read(numbers_left_alone)) == 3


def test_of_two_people_with_a_number_the_one_of_the_campaigns_lists_is_meant(system, world):
    world.add_people(40, first=11)
    campaign = world.launch()
    world.change(Campaign, campaign, approved_recipients=40)
    share_phone(world, "MTTQ", "Y Hlan", number(60))
    world.add_person("A Mới", number(60))
    asked = system.call("POST", f"/campaigns/{campaign}/recipients", {"phone": number(60)})
    assert (asked.status_code, asked.get_json()["result"]) == (200, "queued")


def test_webhooks_are_made_tried_and_ended_by_a_system(system, world):
    hook = {
        "name": "Cổng",
        "url": "http://127.0.0.1:9/loa",
        "organisation": "MTTQ",
        "kinds": ["campaign.state"],
    }
    made = system.call("POST", "/webhooks", hook, key="a")
    repeated = system.call("POST", "/webhooks", hook, key="a")
    assert (made.status_code, repeated.status_code) == (201, 200)
    assert made.get_json() == repeated.get_json()
    address = f"/webhooks/{made.get_json()['id']}"
    assert made.get_json()["secret"].startswith("whsec_")
    assert system.get(address)["secret"] is None
    assert fault(system.call("POST", "/webhooks", {**hook, "url": "ftp://x"})) == (
        422,
        "webhook_not_https",
        "/url",
    )
    assert fault(system.call("POST", "/webhooks", {**hook, "organisation": "X"}))[2] == "/organisation"
    assert system.call("POST", f"{address}/ping").status_code == 202
    world.execute(update(Delivery).values(state=DeliveryState.FAILED))
    (failed,) = system.get(f"{address}/deliveries?state=failed")["deliveries"]
    assert failed["kind"] == "ping"
    assert system.call("POST", f"{address}/deliveries/{failed['id']}/again").status_code == 202
    assert system.get(f"{address}/deliveries?state=failed")["deliveries"] == []
    below = System(system.client, world, organisation="PN")
    assert below.get("/webhooks")["webhooks"] == []
    assert below.call("POST", f"{address}/end").status_code == 404
    assert system.call("POST", f"{address}/end").get_json()["ended_at"]
    assert fault(system.call("POST", f"{address}/end"))[:2] == (409, "webhook_stopped_before")


@both_databases
def test_one_more_person_gets_an_approved_campaign_once_and_none_past_its_approval(system, world):
    world.add_people(40, first=11)
    campaign = world.sent()
    world.change(Campaign, campaign, approved_recipients=40)
    path = f"/campaigns/{campaign}/recipients"
    late = [{"name": f"Y Mới {i}", "phone": number(60 + i), "reference": f"m{i}"} for i in range(4)]
    assert system.hand_in(*late).get_json()["counts"]["created"] == 4
    system.call("POST", "/replies", {"person": "m3", "opt_out": True})
    with ThreadPoolExecutor(3) as pool:
        asked = list(pool.map(lambda _: system.call("POST", path, {"person": "m0"}), range(3)))
    assert {(each.status_code, each.get_json()["result"]) for each in asked} == {(200, "queued")}
    world.send_until(lambda: number(60) in world.sent_to())
    assert system.call("POST", path, {"phone": number(60)}).get_json()["result"] == "sent"
    assert world.sent_to().count(number(60)) == 1
    refused = system.call("POST", path, {"person": "m3"}).get_json()
    assert (refused["result"], refused["reason"]) == ("refused", "opted_out")
    assert system.get(refused["address"].removeprefix("/api/v1")) == refused
    assert system.call("POST", path, {"person": "m1"}).get_json()["result"] == "queued"
    # 5 percent of 40 are approved, and no more.
    assert fault(system.call("POST", path, {"person": "m2"}))[:2] == (409, "recipient_beyond_approval")
    assert system.get(f"/campaigns/{campaign}")["recipients"] == 42
    assert fault(system.call("POST", path, {"person": "x"})) == (404, "person_reference_unknown", "/person")
    assert fault(system.call("POST", path, {})) == (422, "reply_person_or_phone", "/person")
    below = System(system.client, world, organisation="PN")
    assert below.call("POST", path, {"phone": number(11)}).status_code == 404
    draft = system.call("POST", "/campaigns", DRAFT).get_json()["id"]
    waits = system.call("POST", f"/campaigns/{draft}/recipients", {"person": "m2"})
    assert fault(waits)[:2] == (409, "second_wave_state")
    # By whether one is left out, another system would learn what somebody said of their health.
    health = world.sent(kind="tiem-chung", text="Mời đi tiêm. Trả lời 1. {link}", answered="not_installed")
    hidden = system.call("POST", f"/campaigns/{health}/recipients", {"person": "m0"})
    assert fault(hidden)[:2] == (403, "recipient_by_health")


def test_a_sandbox_keeps_nobody_waiting_for_the_audit_log(world):
    if not world.runtime.db.is_postgresql:
        return  # SQLite has one writer
    user = world.user(world.officer(ADMINISTRATOR, Role.ADMINISTRATOR))
    token = {"name": "Thử", "organisation_id": world.organisation(), "rights": ["figures:read"], "days": 1}
    with open_sandbox(world.runtime) as sandbox:
        create_token(sandbox, **token, user=user, now=world.now)
        world.execute(select(AuditHead).with_for_update(nowait=True))


@both_databases
def test_a_sandbox_answers_as_usual_and_keeps_nothing(system, world):
    world.add_people(2, first=11)
    campaign = world.sent()
    tables = (Campaign, Message, Reply, Answer, Wish, Contact, Upload, Subscription, ApiRequest, AuditEvent)
    sandbox = System(system.client, world, is_sandbox=True)
    before = [world.count(each) for each in tables]
    tried = sandbox.call("POST", "/campaigns", DRAFT)
    assert (tried.status_code, tried.headers["Loa-Sandbox"]) == (201, "true")
    assert sandbox.call("POST", "/campaigns", {**DRAFT, "lists": ["x"]}).status_code == 422
    row = {"name": "A Mới", "phone": number(18), "reference": "m"}
    assert sandbox.hand_in(row).get_json()["counts"]["created"] == 1
    assert fault(sandbox.hand_in(*[row | {"reference": None}] * 1001)) == (422, "sandbox_rows_many", "/rows")
    assert sandbox.call("POST", "/replies", {"phone": number(11), "opt_out": True}).status_code == 201
    hook = {"name": "Cổng", "url": "http://127.0.0.1:9/loa", "organisation": "MTTQ", "kinds": ["opt_out"]}
    assert sandbox.call("POST", "/webhooks", hook).status_code == 201
    assert sandbox.get(f"/campaigns/{campaign}")["recipients"] == 2
    assert [world.count(each) for each in tables] == before


def test_figures_are_to_be_had_as_a_table(system, world):
    world.add_people(3, first=11)
    campaign = world.launch()
    asked = (
        system.call("GET", f"/campaigns/{campaign}/figures?format=csv"),
        system.call("GET", f"/campaigns/{campaign}/figures", Accept="text/csv"),
    )
    for answer in asked:
        assert answer.mimetype == "text/csv"
        rows = list(csv.DictReader(answer.text.splitlines()))
        assert (rows[0]["level"], rows[0]["recipients"]) == ("total", "3")
    # The header is there without a row, too.
    assert system.call("GET", "/goals?format=csv").text.startswith("drive,kind,scope,area,")
    assert system.call("GET", "/official-figures?format=csv").text == "area,installed,day,source,is_sum\r\n"


EXAMPLES = 5  # for each operation, once with what the document allows and once with what it does not
LONGEST_S = 20  # of this process's own time
FEWEST_CASES = 200


def _keep_fields(case):
    """Fields that a list keeps: no schema says which names and values it does not."""
    for row in case.body["rows"] if case.path.endswith("/imports") and case.method == "POST" else ():
        if row.get("fields"):
            row["fields"] = {"giờ hẹn": "07:30", "nơi hẹn": None}
    return case


def _for_us(case):
    """Rows for an organisation that there is, under a new key: what is made up is none, and may come again."""
    if "rows" in case.body:
        case.body["organisation"] = "MTTQ"
    case.headers["Idempotency-Key"] = uuid4().hex
    return case


class Interface:
    """The application with one campaign and one list that rows were handed in for, and a token with every right."""

    def __init__(self, app, token):
        self.app, self.token, self.headers = app, token, {"Authorization": f"Bearer {token}"}
        self.client = app.test_client()
        body = {"organisation": "MTTQ", "list": "Hội viên", "rows": [{"name": "A Thun"}]}
        sent = self.client.post(
            "/api/v1/contacts/imports", json=body, headers={**self.headers, "Idempotency-Key": "1"}
        )
        assert sent.status_code == 200


@pytest.fixture(scope="module")
def interface(open_site):
    app, runtime = open_site(API_REQUESTS_PER_MINUTE="100000")
    now = datetime.now(UTC)
    with runtime.db.write() as session:
        front = create_organisation(session, code="MTTQ", name="Ủy ban MTTQ", kind=OrganisationKind.FRONT)
        about = {"password": None, "role": Role.ADMINISTRATOR, "area_code": None}
        administrator = create_user(
            session, email="quantri@loa.example", organisation_id=front.id, **about, now=now
        )
        find_or_create_list(session, organisation_id=front.id, name="Hội viên", now=now)
        data = {"name": "Bluezone", "text": "Mời cài: {link}", "sender": "MTTQ"}
        data |= {"notice_template": "moi-cai", "notice_text": "Mời cài: {link}"}
        draft = read_draft({**data, "lists": ["Hội viên"], "goal": {"share": 0.5}}, kinds=load_kinds())
        create_campaign(session, draft, user=administrator, now=now)
        rights = {"organisation_id": front.id, "rights": list(Right), "days": 30}
        _token, text = create_token(session, name="Cổng dữ liệu", **rights, user=administrator, now=now)
    return Interface(app, text)


def test_the_document_tells_of_every_route_and_of_nothing_else(interface):
    document = interface.client.get("/api/v1/openapi.json").get_json()
    told = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    there = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in interface.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert told == there
    assert document["openapi"] == "3.1.0"
    used = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert used == set(document["components"]["schemas"])


def test_the_client_that_the_page_shows_works(interface):
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    client, use = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:2]
    server = make_server("127.0.0.1", 0, interface.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        names = {"address": f"http://127.0.0.1:{server.port}", "token": interface.token}
        exec(client, names)
        names["loa"] = names["Loa"](names["address"], names["token"])
        exec(use, names)
        with pytest.raises(names["Refused"], match="person"):
            names["loa"].ask("POST", "/api/v1/replies", {"text": "da cai roi"})
        assert names["made"]["counts"]["created"] == 1
        assert [each["name"] for each in names["loa"].pages("/api/v1/campaigns?limit=1", "campaigns")] == [
            "Bluezone"
        ]
    finally:
        server.shutdown()
        thread.join()


def test_whatever_is_sent_is_answered_as_the_document_says(interface):
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", interface.app)
    asked, begun = Counter[int](), time.process_time()
    strategies = []
    for result in schema.get_all_operations():
        operation = result.ok()
        strategies.append(operation.as_strategy(GenerationMode.POSITIVE).map(_keep_fields))
        if there := {each.name: 1 for each in operation.path_parameters}:
            strategies.append(operation.as_strategy(GenerationMode.POSITIVE, path_parameters=there))
        if operation.body:
            strategies.append(operation.as_strategy(GenerationMode.POSITIVE).map(_keep_fields).map(_for_us))
        if there or operation.query or operation.body:
            strategies.append(operation.as_strategy(GenerationMode.NEGATIVE, headers=interface.headers))
    for strategy in strategies:

        @seed(20200820)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def ask(case):
            # A draft's list, a webhook's organisation and a reply's person must exist: those that are made up do not.
            names = case.operation.body and not case.path.endswith("/imports")
            excluded = [positive_data_acceptance] if names else []
            answer = case.call_and_validate(headers=interface.headers, excluded_checks=excluded)
            asked[answer.status_code] += 1

        ask()
    took = time.process_time() - begun
    print(f"{asked.total()} cases in {took:.1f} s: {dict(sorted(asked.items()))}")
    assert asked.total() >= FEWEST_CASES
    assert asked[200] > 50
    assert took < LONGEST_S
