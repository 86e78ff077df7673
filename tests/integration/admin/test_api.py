"""Other systems: people handed in by the rules of a file, campaigns and figures read, and nothing beyond the token."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from limits import RateLimitItemPerMinute
from sqlalchemy import func, select, update
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import TestResponse

from campaigns.models.replies import AnswerSource
from campaigns.rules.replies.labels import Label
from outreach.accounts.api_tokens import create_token, end_token
from outreach.accounts.organisations import create_organisation
from outreach.accounts.users import find_user
from outreach.core.rate_limits import hit
from outreach.imports.process_upload import UploadContext, process_upload
from outreach.models.accounts import ApiToken, AuditEvent, Organisation, OrganisationKind, Right, Role
from outreach.models.contacts import Contact, ContactList, ImportIssue, KeptValue, ListImport, Phone, Upload
from tests.support.admin_client import post, signed_in
from tests.support.lists import local
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, World, number

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

    def __init__(self, client: FlaskClient, world: World, *rights: Right, organisation: str = "MTTQ") -> None:
        self.client, self.world = client, world
        with world.runtime.db.write() as session:
            owner = session.scalars(select(Organisation).where(Organisation.code == organisation)).one()
            made, self.token = create_token(
                session,
                name="Cổng dữ liệu",
                organisation_id=owner.id,
                rights=rights or list(Right),
                days=30,
                user=find_user(session, ADMINISTRATOR),
                now=world.now,
            )
            self.id = made.id

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={"Authorization": f"Bearer {self.token}", **headers})

    def hand_in(self, rows: list[dict[str, Any]], *, key: str = "1", **changes: Any) -> TestResponse:
        body = {"organisation": "MTTQ", "list": "Từ cổng dữ liệu", "rows": rows, **changes}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        return self.client.post(IMPORTS, json=body, headers=headers)


def test_what_cannot_be_read_or_is_too_large_is_said_as_a_problem(other: Other) -> None:
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
def other(client: FlaskClient, world: World) -> Other:
    with world.runtime.db.write() as session:
        world.add_officer(session, ADMINISTRATOR, Role.ADMINISTRATOR)
        create_organisation(
            session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS, parent_code="MTTQ"
        )
    return Other(client, world)


def count(world: World, table: type) -> int:
    return world.scalar(select(func.count()).select_from(table)) or 0


def test_rows_for_a_list_that_was_archived_bring_it_back(other: Other, world: World) -> None:
    other.hand_in(PEOPLE)
    with world.runtime.db.write() as session:
        session.execute(update(ContactList).values(archived_at=world.now))
    assert other.hand_in([{"name": "Y Hlan Niê", "phone": local(9)}], key="2").status_code == 200
    archived = world.all(select(ContactList.name).where(ContactList.archived_at.is_not(None)))
    assert "Từ cổng dữ liệu" not in archived


def test_rows_come_in_as_a_file_does_and_a_repeat_changes_nothing(other: Other, world: World) -> None:
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
    assert "0905" not in answer.text
    assert "Blưm" not in answer.text
    before = [count(world, table) for table in (Contact, Phone, Upload, ListImport, ImportIssue)]

    again = other.hand_in(PEOPLE)
    assert again.get_json() == found
    assert other.get(again.headers["Location"]).get_json() == found
    assert other.hand_in(PEOPLE[:1]).status_code == 422  # the same key with something else
    assert [count(world, table) for table in (Contact, Phone, Upload, ListImport, ImportIssue)] == before
    # Under a new key it is a new handing in, and finds everybody there.
    assert other.hand_in(PEOPLE, key="2").get_json()["counts"]["unchanged"] >= 3
    uses = world.all(select(AuditEvent).where(AuditEvent.action == "api.contacts").order_by(AuditEvent.id))
    assert [(use.details["token"], use.details["rows"]) for use in uses] == [(other.id, 6), (other.id, 6)]


@both_databases
def test_the_same_rows_sent_twice_at_once_come_in_once(other: Other, world: World) -> None:
    app = other.client.application
    headers = {"Authorization": f"Bearer {other.token}", "Idempotency-Key": "1"}
    body = {"organisation": "MTTQ", "list": "Từ cổng dữ liệu", "rows": PEOPLE}
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(app.test_client().post, IMPORTS, json=body, headers=headers) for _ in range(4)]
        answers = [each.result() for each in sent]
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert count(world, Upload) == 1
    assert count(world, Contact) == 3  # one of them without a number; a total is nobody


def test_many_rows_are_taken_in_at_once_and_stored_by_a_worker(
    other: Other, world: World, client: FlaskClient
) -> None:
    rows = [{"name": f"A Thun {i}", "phone": f"+849{i // 1000:02d}000{i % 1000:03d}"} for i in range(1, 1501)]
    rows[700] = {"name": "Không số"}
    answer = other.hand_in(rows)
    assert answer.status_code == 202
    found = answer.get_json()
    assert (found["state"], found["rows"], found["done"], found["counts"]) == ("storing", 1500, 0, None)
    assert "Đang lưu vào danh sách" in signed_in(client, AUTHOR).get(f"/admin/imports/{found['id']}/").text
    held = world.runtime
    work = UploadContext(held.db, Path(held.settings.uploads_dir), held.settings.secret_key, lambda: False)
    assert process_upload(work, found["id"])
    done = other.get(found["address"]).get_json()
    assert (done["state"], done["counts"]["created"], done["counts"]["rejected"]) == ("done", 1499, 1)
    assert [row["row"] for row in done["set_aside"]["rows"]] == [701]
    # An officer may undo it like any import.
    post(client, f"/admin/imports/{found['id']}/undo")
    assert process_upload(work, found["id"])
    assert other.get(found["address"]).get_json()["counts"] is None
    assert count(world, Contact) == 0


def test_fields_of_rows_are_values_of_the_list_as_columns_of_a_file_are(other: Other, world: World) -> None:
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
    with world.runtime.db.read() as session:
        order = (KeptValue.import_id, KeptValue.name, Contact.id)
        kept = select(Contact.name, KeptValue.name, KeptValue.value).join(
            Contact, Contact.id == KeptValue.contact_id
        )
        assert [tuple(row) for row in session.execute(kept.order_by(*order))] == [
            ("A Thun", "giờ hẹn", "07:30"),
            ("A Bré", "giờ hẹn", "8h"),
            ("A Thun", "nơi hẹn", "Thôn 3"),
            ("A Thun", "giờ hẹn", "09:00"),
        ]


def test_a_reference_may_look_like_a_place(other: Other) -> None:
    people = [{"reference": "/1", "name": "A", "phone": "0905000901"}, {"name": "B", "phone": "0905000902"}]
    assert other.hand_in(people).status_code == 200


def test_a_body_that_cannot_be_taken_is_refused_with_the_place(other: Other, world: World) -> None:
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
    assert count(world, Upload) == 0


def test_problems_are_told_in_one_form_and_in_vietnamese(other: Other) -> None:
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


def test_a_problem_has_a_code_and_speaks_english_to_those_who_ask(other: Other) -> None:
    headers = {"Authorization": f"Bearer {other.token}"}
    told = {}
    for language in ("vi", "en"):
        answer = other.client.get("/api/v1/campaigns/99", headers={**headers, "Accept-Language": language})
        told[language] = json.loads(answer.text)
        assert told[language]["code"] == "campaign_id_not_visible"
    assert told["vi"]["detail"] == "Không có chiến dịch số 99 trong phạm vi được giao."
    assert told["en"]["detail"] == "There is no campaign 99 that you may see."
    assert told["en"]["title"] == "Not found"


def test_a_token_opens_what_it_was_made_for_until_it_ends(other: Other, world: World) -> None:
    reader = Other(other.client, world, Right.FIGURES_READ)
    assert reader.get("/api/v1/goals").status_code == 200
    assert reader.get("/api/v1/campaigns").status_code == 403
    assert reader.hand_in(PEOPLE).status_code == 403
    with world.runtime.db.write() as session:
        kept = session.get_one(ApiToken, reader.id)
        assert reader.token not in str(vars(kept))
        assert kept.last_used_at is not None
        end_token(session, other.id, user=find_user(session, ADMINISTRATOR), now=world.now)
        session.execute(
            update(ApiToken)
            .where(ApiToken.id == reader.id)
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
    assert other.get("/api/v1/goals").status_code == 401
    assert reader.get("/api/v1/goals").status_code == 401


def test_a_token_reaches_its_organisation_and_those_under_it_alone(other: Other, world: World) -> None:
    world.add_people(3)
    campaign = world.launch()
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


def test_campaigns_and_figures_are_what_the_office_sees(other: Other, world: World) -> None:
    world.add_people(3)
    campaign = world.launch(goal={"share": 0.5, "denominator": 100, "date": "2020-08-01", "source": "Sở"})
    assert other.get(f"/api/v1/campaigns/{world.draft(name='Đợt 2')}/figures").status_code == 404
    with world.runtime.db.write() as session:
        recipient = session.merge(world.recipient(number(0), campaign))
        assert recipient.phone_id
        world.answer(session, recipient, Label.INSTALLED, source=AnswerSource.OFFICER)
    status = other.get(f"/api/v1/campaigns/{campaign}")
    assert status.get_json() == json.loads(json.dumps(world.status(campaign)))
    unchanged = other.get(f"/api/v1/campaigns/{campaign}", **{"If-None-Match": status.headers["ETag"]})
    assert (unchanged.status_code, unchanged.text) == (304, "")
    figures = other.get(f"/api/v1/campaigns/{campaign}/figures").get_json()
    assert figures["self_reported"]["installed"] == 1
    assert figures["self_reported"]["recipients"] == 3
    assert figures["self_reported"]["denominator"] == 100
    assert figures["days"][-1]["installed"] == 1
    assert other.get("/api/v1/official-figures").get_json()["areas"] == []
    page = other.get("/api/v1/campaigns?limit=1").get_json()
    assert [each["name"] for each in page["campaigns"]] == ["Đợt 2"]
    page = other.get(page["next"]).get_json()
    assert [each["id"] for each in page["campaigns"]] == [campaign]
    assert page["next"] is None
    assert len(other.get("/api/v1/campaigns?state=draft").get_json()["campaigns"]) == 1


def test_a_token_is_slowed_down_by_itself(other: Other, world: World) -> None:
    limit = world.runtime.settings.api_requests_per_minute
    for _ in range(limit):
        hit(world.runtime.redis, RateLimitItemPerMinute(limit, namespace="api"), str(other.id))
    answer = other.get("/api/v1/goals")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert Other(other.client, world).get("/api/v1/goals").status_code == 200


def test_administrators_make_and_end_tokens_on_the_page(other: Other, world: World) -> None:
    client = signed_in(other.client, ADMINISTRATOR)
    owner = world.one(select(Organisation.id).where(Organisation.code == "PN"))
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
    assert "chạy thử" in post(client, "/admin/tokens/", **tried).text
    told = world.all(
        select(AuditEvent.action).where(AuditEvent.subject == "api_tokens:2").order_by(AuditEvent.id)
    )
    assert told == ["token.create", "token.end"]
