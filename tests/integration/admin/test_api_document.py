"""The interface is what its OpenAPI document says: every route and nothing else, whatever is sent to it."""

import re
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from werkzeug.serving import make_server

from campaigns.lifecycle import create_campaign
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from outreach.accounts.api_tokens import create_token
from outreach.accounts.users import create_organisation, create_user
from outreach.imports.store_rows import find_or_create_list
from outreach.models.accounts import OrganisationKind, Right, Role
from tests.project.test_layout import ROOT

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
