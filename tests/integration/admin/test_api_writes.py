"""Other systems write: drafts that people approve, replies, webhooks; each once, each fault with its place, none in a sandbox."""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message
from campaigns.models.replies import Answer, Reply
from campaigns.models.webhooks import Delivery, DeliveryState, Subscription
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.webhooks.collect_events import collect_events
from outreach.accounts.api_tokens import create_token
from outreach.accounts.organisations import create_organisation
from outreach.accounts.users import find_user
from outreach.models.accounts import ApiRequest, AuditEvent, Organisation, OrganisationKind, Right, Role
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ContactReference,
    Membership,
    Phone,
    Upload,
    Wish,
)
from outreach.rules.errors import NotAllowed
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, LIST, World, number

ADMINISTRATOR = "quantri@loa.example"
DRAFT = {"name": "Từ cổng", "text": "Mời cài: {link}", "lists": [LIST], "sender": "MTTQ"}


class System:
    """Another system with its token."""

    def __init__(
        self, client: FlaskClient, world: World, *, organisation: str = "MTTQ", is_sandbox: bool = False
    ) -> None:
        self.client, self.keys = client, iter(range(1, 1000))
        with world.runtime.db.write() as session:
            owner = session.scalars(select(Organisation.id).where(Organisation.code == organisation)).one()
            _made, self.token = create_token(
                session,
                name="Cổng dữ liệu",
                organisation_id=owner,
                rights=list(Right),
                days=30,
                user=find_user(session, ADMINISTRATOR),
                now=world.now,
                is_sandbox=is_sandbox,
            )

    def call(
        self, method: str, path: str, body: Any = None, *, key: str = "", **headers: str
    ) -> TestResponse:
        given = {
            "Authorization": f"Bearer {self.token}",
            "Idempotency-Key": key or f"k{next(self.keys)}",
            **headers,
        }
        client = self.client.application.test_client()  # of its own: threads may call
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return client.open(f"/api/v1{path}", method=method, headers=given, **sent)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers).get_json()

    def hand_in(self, *rows: dict[str, Any], **more: Any) -> TestResponse:
        return self.call(
            "POST", "/contacts/imports", {"organisation": "MTTQ", "list": LIST, "rows": rows}, **more
        )


@pytest.fixture
def system(client: FlaskClient, world: World) -> System:
    with world.runtime.db.write() as session:
        world.add_officer(session, ADMINISTRATOR, Role.ADMINISTRATOR)
        create_organisation(
            session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS, parent_code="MTTQ"
        )
    return System(client, world)


def count(world: World, *tables: Any) -> list[int]:
    return [world.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def fault(answer: TestResponse) -> tuple[int, str, str | None]:
    body = answer.get_json(force=True)
    return answer.status_code, body["code"], body.get("pointer", body.get("parameter"))


@both_databases
def test_a_draft_is_written_once_changed_and_submitted_and_people_approve_it(
    system: System, world: World
) -> None:
    world.add_people(3, first=11)
    with ThreadPoolExecutor(3) as pool:
        made = list(
            pool.map(
                lambda _: system.call("POST", "/campaigns", DRAFT, key="một-lần".encode().hex()), range(3)
            )
        )
    assert {answer.status_code for answer in made} <= {200, 201}
    assert count(world, Campaign) == [1]
    campaign = made[0].get_json()["id"]
    written = system.get(f"/campaigns/{campaign}/draft")
    assert (written["name"], written["lists"]) == ("Từ cổng", [f"MTTQ/{LIST}"])
    assert system.call("PUT", f"/campaigns/{campaign}/draft", {**DRAFT, "name": "Đợt 2"}).status_code == 200
    assert system.call("POST", f"/campaigns/{campaign}/submit").get_json()["state"] == "submitted"
    again = system.call("PUT", f"/campaigns/{campaign}/draft", DRAFT)
    assert fault(again)[:2] == (409, "campaign_not_editable")
    with pytest.raises(NotAllowed):
        world.act(campaign, CampaignAction.APPROVE, ADMINISTRATOR)  # who made the token wrote it
    world.act(campaign, CampaignAction.APPROVE, APPROVER)
    assert world.get_one(Campaign, campaign).state is CampaignState.APPROVED
    told = world.all(select(AuditEvent.action).where(AuditEvent.action == "api.draft"))
    assert len(told) == 2


def test_each_fault_is_named_with_its_place(system: System, world: World) -> None:
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
        "/content": {"content": {"gì": 1}},
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
    assert system.call("POST", "/campaigns", DRAFT, key="a").status_code == 201
    reused = system.call("POST", "/campaigns", {**DRAFT, "name": "Khác"}, key="a")
    assert fault(reused) == (422, "idempotency_key_reused", "Idempotency-Key")
    below = System(system.client, world, organisation="PN")
    assert fault(below.call("POST", "/campaigns", DRAFT)) == (422, "list_name_unknown", "/lists")
    assert fault(below.call("POST", "/campaigns/1/submit"))[0] == 404


@both_databases
def test_people_keep_what_the_system_calls_them_and_their_answers_carry_it(
    system: System, world: World
) -> None:
    rows = [
        {"name": "A Thun", "phone": number(11), "reference": "cd-7"},
        {"name": "Y Hlan", "phone": number(12)},
    ]
    assert system.hand_in(*rows).get_json()["counts"]["created"] == 2
    again = {"name": "A Thun", "phone": number(11), "reference": "cd-8"}
    assert system.hand_in(again, again).status_code == 422
    world.launch()
    world.send()
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


def test_a_reference_means_whom_it_named_last(system: System, world: World) -> None:
    system.hand_in({"name": "A Thun", "phone": number(11), "reference": "x"})
    system.hand_in({"name": "Y Hlan", "phone": number(12), "reference": "x"})
    system.hand_in({"name": "Y Hlan", "phone": number(12), "reference": "y"})
    with world.runtime.db.read() as session:
        named = select(ContactReference.reference, Contact.name).join(
            Contact, Contact.id == ContactReference.contact_id
        )
        assert sorted(session.execute(named).all()) == [("x", "Y Hlan"), ("y", "Y Hlan")]
    wrong = system.hand_in({"name": "A", "phone": number(13), "reference": "có dấu"})
    assert fault(wrong) == (422, "body_part_form_wrong", "/rows/0/reference")


def test_a_reply_that_cannot_be_taken_says_why(system: System, world: World) -> None:
    world.add_people(1, first=11)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for body, code, pointer in (
        ({"text": "1"}, "reply_person_or_phone", "/person"),
        ({"phone": number(11)}, "reply_without_text", "/text"),
        ({"phone": "115", "opt_out": True}, "phone_number_not_one", "/phone"),
        ({"phone": number(11), "text": "1", "at": later}, "reply_in_future", "/at"),
        ({"phone": number(11), "text": "1", "at": "hôm qua"}, "reply_moment_wrong", "/at"),
        ({"phone": number(11), "text": "1", "at": "0001-01-02T00:00:00Z"}, "reply_moment_wrong", "/at"),
    ):
        assert fault(system.call("POST", "/replies", body)) == (422, code, pointer)
    assert fault(system.call("POST", "/replies", {"phone": number(20), "text": "1"}))[:2] == (
        404,
        "phone_number_out_of_scope",
    )
    # Who is in no list may opt out nevertheless.
    assert system.call("POST", "/replies", {"phone": number(20), "opt_out": True}).status_code == 201
    assert count(world, Wish) == [1]
    # To be written to again was asked for before the opt-out.
    earlier = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert system.call("POST", "/replies", {"phone": number(11), "opt_out": True}).status_code == 201
    assert (
        system.call("POST", "/replies", {"phone": number(11), "text": "DK", "at": earlier}).status_code == 201
    )
    with world.runtime.db.read() as session:
        assert numbers_left_alone(session) == {number(11), number(20)}


def share_phone(world: World, code: str, name: str, e164: str) -> None:
    """Somebody in a list of an organisation who has a number, new or that of others."""
    with world.runtime.db.write() as session:
        owner = session.scalars(select(Organisation.id).where(Organisation.code == code)).one()
        made = ContactList(organisation_id=owner, name=f"Của {code}", created_at=world.now)
        person = Contact(name=name, name_key=name.lower(), created_at=world.now, updated_at=world.now)
        phone = session.scalar(select(Phone).where(Phone.e164 == e164)) or Phone(
            e164=e164, created_at=world.now
        )
        session.add_all([made, person, phone])
        session.flush()
        session.add(ContactPhone(contact_id=person.id, phone_id=phone.id, position=1))
        session.add(Membership(list_id=made.id, contact_id=person.id))


def test_a_reply_to_another_organisations_message_is_not_taken_but_an_opt_out_is(
    system: System, world: World
) -> None:
    world.add_people(2, first=11)
    share_phone(world, "PN", "Y Hlan", number(11))
    world.launch()
    world.send()
    assert system.call("POST", "/replies", {"phone": number(12), "opt_out": True}).status_code == 201
    below = System(system.client, world, organisation="PN")
    for text in ("1", "DK"):
        answer = below.call("POST", "/replies", {"phone": number(11), "text": text})
        assert fault(answer)[:2] == (404, "phone_number_out_of_scope")
    assert count(world, Reply, Answer) == [1, 1]
    stopped = below.call("POST", "/replies", {"phone": number(11), "opt_out": True}).get_json()
    assert [stopped[each] for each in ("label", "campaign", "recipient")] == ["opt_out", None, None]
    assert system.get(f"/replies/{stopped['id']}")["campaign"] == 1
    # Of two opt-outs the page of one has the own one.
    page = below.get("/opt-outs?limit=1")
    assert (len(page["opt_outs"]), page["next"], count(world, Wish)) == (1, None, [2])


def test_of_two_people_with_a_number_the_one_of_the_campaigns_lists_is_meant(
    system: System, world: World
) -> None:
    world.add_people(40, first=11)
    campaign = world.launch()
    with world.runtime.db.write() as session:
        session.get_one(Campaign, campaign).approved_recipients = 40
    share_phone(world, "MTTQ", "Y Hlan", number(60))
    world.add_person("A Mới", number(60))
    asked = system.call("POST", f"/campaigns/{campaign}/recipients", {"phone": number(60)})
    assert (asked.status_code, asked.get_json()["result"]) == (200, "queued")


def test_webhooks_are_made_tried_and_ended_by_a_system(system: System, world: World) -> None:
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
    with world.runtime.db.write() as session:
        session.scalars(select(Delivery)).one().state = DeliveryState.FAILED
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
def test_one_more_person_gets_an_approved_campaign_once_and_none_past_its_approval(
    system: System, world: World
) -> None:
    world.add_people(40, first=11)
    campaign = world.launch()
    world.send()
    with world.runtime.db.write() as session:
        session.get_one(Campaign, campaign).approved_recipients = 40
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


@both_databases
def test_a_sandbox_answers_as_usual_and_keeps_nothing(system: System, world: World) -> None:
    world.add_people(2, first=11)
    campaign = world.launch()
    world.send()
    tables = (Campaign, Message, Reply, Answer, Wish, Contact, Upload, Subscription, ApiRequest, AuditEvent)
    sandbox = System(system.client, world, is_sandbox=True)
    before = count(world, *tables)
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
    assert count(world, *tables) == before


def test_figures_are_to_be_had_as_a_table(system: System, world: World) -> None:
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
