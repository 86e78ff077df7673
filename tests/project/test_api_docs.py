"""What docs/api.md shows to type and to copy is right: routes, bodies, and the check of a signature."""

import json
import re
import shlex
import time

import jsonschema
import pytest

from admin.api import campaigns, people
from admin.api.people import check_rows
from admin.api.problems import check_part
from admin.app import create_app
from campaigns.rules.webhooks import BACK_OFF_S, EventKind, secret_of, sign
from outreach.core.settings import Settings
from outreach.models.accounts import Right
from tests.project.test_layout import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_curl_asks_a_route_that_exists_with_a_body_that_is_taken():
    adapter = create_app(Settings.from_env({})).url_map.bind("localhost")
    asked = 0
    for block in blocks("bash"):
        for command in re.split(r"\n(?=curl )", block):
            words = shlex.split(command.replace("\\\n", " "))
            body = words[words.index("-d") + 1] if "-d" in words else None
            address = next(word for word in words if word.startswith("$LOA/")).removeprefix("$LOA")
            path = address.partition("?")[0]
            adapter.match(path, method="POST" if body else "GET")
            assert "Authorization: Bearer $TOKEN" in words
            if body and path.endswith("/imports"):
                check_rows(json.loads(body))
            elif body:
                schemas = {
                    "/api/v1/campaigns": campaigns.DRAFT_SCHEMAS["Draft"],
                    "/api/v1/replies": people.REPLY_SCHEMAS["NewReply"],
                    "/api/v1/campaigns/1/recipients": campaigns.RECIPIENT_SCHEMAS["NewRecipient"],
                }
                check_part(json.loads(body), schemas[path], "")
            asked += 1
    assert asked >= 8


def test_the_document_shows_a_body_for_every_route_that_takes_one_and_it_is_taken():
    document = create_app(Settings.from_env({})).test_client().get("/api/v1/openapi.json").get_json()
    schemas, shown = document["components"]["schemas"], 0
    for operation in (each for path in document["paths"].values() for each in path.values()):
        if body := operation.get("requestBody"):
            schema = schemas[body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
            for example in schema["examples"]:
                check_part(example, schema, "")
                jsonschema.validate(example, {**schema, "components": document["components"]})
                shown += 1
    assert shown >= 8


def test_the_document_says_which_parts_of_a_draft_go_together():
    draft = campaigns.DRAFT_SCHEMAS["Draft"]
    fine = draft["examples"][0] | {
        "texts": {"jra": "x"},
        "goal": {"share": 0.5},
        "window": ["07:00", "21:00"],
    }
    jsonschema.validate(fine, draft)
    for wrong in (
        {"lists": []},
        {"notice_text": "x"},
        {"notice_template": "a", "notice_text": "x", "text_b": "y"},
        {"notice_template": "a", "notice_text": "x", "urgent": {"reason": "lũ"}},
        {"goal": {"share": 0.5, "denominator": 9}},
        {"texts": {"vi": "x"}},
        {"window": ["7", "21"]},
        {"answered": "maybe"},
        {"sender": "Ủy ban"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(fine | wrong, draft)


def test_the_page_names_every_right_and_every_event():
    assert [right for right in Right if f"`{right.value}`" not in PAGE] == []
    assert [kind for kind in EventKind if f"`{kind.value}`" not in PAGE] == []
    assert BACK_OFF_S == (5, 30, 120, 300, 900, 1800, 3600, 7200)  # as the page says it in words


def test_a_receiver_that_copies_the_check_knows_our_signature_from_another():
    names = {}
    exec(next(each for each in blocks("python") if "is_from_loa" in each), names)
    secret, body, now = secret_of("5a17", secret_key="k" * 32), blocks("json")[0].encode(), int(time.time())
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(now)}
    signed = sign(secret, event_id="evt_1", timestamp=now, body=body)
    check = names["is_from_loa"]
    assert check(secret, {**headers, "webhook-signature": f"v1,other {signed}"}, body)
    assert not check(secret, {**headers, "webhook-signature": signed}, body + b" ")
    assert not check(secret, {**headers, "webhook-id": "evt_2", "webhook-signature": signed}, body)
    old = sign(secret, event_id="evt_1", timestamp=now - 400, body=body)
    late = {**headers, "webhook-timestamp": str(now - 400), "webhook-signature": old}
    assert not check(secret, late, body)
