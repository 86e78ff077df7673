"""A hostile crawl: nothing breaks, nothing leaks, nothing of residents stands in logs, jobs or metrics."""

import logging
import random
import re
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import pytest

from admin.views.contacts import ContactsView
from campaigns.rules.links import LinkCipher
from outreach.accounts.audit import check_audit
from outreach.core.job_queue import DEFAULT
from outreach.models.accounts import Role
from outreach.use_cases import enqueue_approval_mail
from tests.integration.admin.test_permission_matrix import SHOWS_NUMBERS, spellings
from tests.support import hostile_requests
from tests.support.hostile_requests import SCRIPT, Attack
from tests.support.permission_world import BODY, HERE, NAME, NUMBER, THERE, Office, Visitor
from workers.processes import create_worker

FEWEST_REQUESTS = 10_000
KEY = "tests-only-" + "k" * 32
# What shows a whole number on purpose, on record.
REVEALS = {endpoint for _method, endpoint in SHOWS_NUMBERS} | {
    "contacts.number",
    "inbox.number",
    "privacy_requests.export",
}
# What ends the thing that is asked about: last, so that all else still has something to find.
LAST = re.compile(r"discard|erase|undo|cancel|retract|remove|disable|end|lift|stop|release|delete")
MAY_BE_AWAY = {"health.readyz", "health.healthz"}  # no worker runs here
NOBODY = Visitor("nobody")


@dataclass
class Watch:
    """What a crawl has seen: how much it asked, and what was wrong."""

    secrets: list[str]
    asked: int = 0
    wrong: list[str] = field(default_factory=list)

    def look(self, attack, visitor, answer, *, is_stranger):
        self.asked += 1
        text = answer.get_data().decode("utf-8", "replace")
        faults = []
        if answer.status_code >= 500 and not (attack.endpoint in MAY_BE_AWAY and answer.status_code == 503):
            faults.append(f"status {answer.status_code}")
        place = answer.headers.get("Location", "")
        if urlsplit(place).netloc or place.startswith(("//", "/\\")):
            faults.append(f"leads to {place[:60]}")
        if "X-Evil" in answer.headers:
            faults.append("header split")
        if SCRIPT[2:] in text and answer.mimetype == "text/html":
            faults.append("script stands in the page")
        shown = self.secrets if is_stranger else spellings(NUMBER)
        if is_stranger or attack.endpoint not in REVEALS:
            faults += [f"shows {secret!r}" for secret in shown if secret in text or secret in place]
        if faults:
            self.wrong.append(f"{attack} as {visitor.name}: {', '.join(faults)}")


@pytest.fixture(scope="module")
def logged():
    """All that is logged from INFO up, as lines."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record))

    handler, root = Keep(level=logging.INFO), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lines
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture(scope="module")
def office(open_site, logged):
    site = open_site(
        SECRET_KEY=KEY,
        TWILIO_API_BASE_URL="http://127.0.0.1:1",
        SMTP_URL="smtp://127.0.0.1:1",
        PUSH_SECRET="p" * 20,
        PHONE_WEBHOOK_KEY="w" * 20,
    )
    return Office(*site)


class Crawler:
    """Sends attacks as one visitor or another, in sessions that are opened anew when an attack has ended them."""

    def __init__(self, office, watch):
        self.office, self.watch = office, watch
        self.client = office.app.test_client(use_cookies=False)
        self._serializer = office.app.session_interface.get_signing_serializer(office.app)

    def send(self, attack, visitor, *, is_stranger):
        headers = {"Cookie": self._cookie(visitor), **attack.headers}
        more = {}
        if attack.body is not None:
            more = {"content_type": attack.body[0], "data": attack.body[1]}
        elif attack.fields is not None:
            key = "query_string" if attack.method == "GET" else "data"
            more = {key: {**_encodable(attack.fields), "csrf_token": self.office.token}}
        elif attack.method not in ("GET", "HEAD", "OPTIONS", "TRACE"):
            more = {"data": {"csrf_token": self.office.token}}
        answer = self.client.open(attack.path, method=attack.method, headers=headers, **more)
        self.watch.look(attack, visitor, answer, is_stranger=is_stranger)
        return answer

    def _cookie(self, visitor):
        held = {"csrf_token": self.office.secret, "language": "vi"}
        if visitor.user_id:
            held["_user_id"] = f"{visitor.user_id}.{self.office.open_session(visitor)}"
        return f"session={self._serializer.dumps(held)}"


def _encodable(fields):
    return {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}


def rules_of(office):
    return sorted(office.app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ())))


def discover(crawler, visitor):
    """The forms and queries of every page that a visitor may open, each form once."""
    forms = {}
    queries = set()
    adapter = crawler.office.app.url_map.bind("localhost")
    about = crawler.office.values
    for rule in rules_of(crawler.office):
        if "GET" not in (rule.methods or ()):
            continue
        for campaign in (
            {about["campaign_id"], about["launched_id"]} if "campaign_id" in rule.arguments else {0}
        ):
            path = hostile_requests.fill(rule, {**about, "campaign_id": campaign})
            answer = crawler.send(Attack("GET", path, rule.endpoint), visitor, is_stranger=False)
            if answer.status_code != 200 or answer.mimetype != "text/html":
                continue
            queries |= hostile_requests.read_queries(answer.text, path)
            for form in hostile_requests.read_forms(answer.text, path):
                # Raises where a form leads nowhere.
                endpoint = str(adapter.match(urlsplit(form.action).path, method=form.method)[0])
                if form.method == "GET":
                    queries |= {(urlsplit(form.action).path, name) for name in form.values}
                else:
                    forms.setdefault((endpoint, form.action, tuple(form.values)), (endpoint, form))
    return list(forms.values()), queries


def test_a_hostile_crawl_breaks_nothing_and_learns_nothing(office, logged, record_property):
    dice = random.Random(7319)
    rules, values = rules_of(office), dict(office.values)
    link = LinkCipher(KEY).token(1)
    secrets = [NAME, BODY, *spellings(NUMBER), link, KEY]
    watch = Watch(secrets)
    crawler = Crawler(office, watch)
    staff, administrator = office.visitors[HERE, Role.STAFF], office.visitors[HERE, Role.ADMINISTRATOR]
    neighbour, leader = office.visitors[THERE, Role.STAFF], office.visitors[HERE, Role.LEADER]
    for visitor in (NOBODY, neighbour, leader):
        for attack in hostile_requests.every_method(rules, values):
            crawler.send(attack, visitor, is_stranger=True)
    for attack in hostile_requests.raw_bodies(rules, values, dice, 8):
        crawler.send(attack, neighbour, is_stranger=True)
    for attack in (
        *hostile_requests.strange_headers(rules, dice, 4),
        *hostile_requests.strange_paths(rules, dice, 8),
    ):
        crawler.send(attack, administrator, is_stranger=False)
    known = set()
    for visitor in (staff, administrator):
        forms, queries = discover(crawler, visitor)
        assert len(forms) > 20
        assert len(queries) > 20
        # What the administrator sees beyond the staff's.
        forms = [found for found in forms if (found[0], *found[1].values) not in known]
        queries -= known
        known |= {(endpoint, *form.values) for endpoint, form in forms} | queries
        forms.sort(key=lambda found: bool(LAST.search(found[0])))
        adapter = office.app.url_map.bind("localhost")
        for attack in hostile_requests.strange_queries(queries, dice, 4):
            endpoint = str(adapter.match(urlsplit(attack.path).path, method="GET")[0])
            crawler.send(replace(attack, endpoint=endpoint), visitor, is_stranger=False)
        for attack in hostile_requests.strange_fields(forms, dice, 2):
            crawler.send(attack, visitor, is_stranger=False)
    discover(crawler, administrator)  # what was stored is shown as text
    # A resident's own link, and what somebody does with it.
    own = [Attack(method, f"/{link}", "answer_page.show") for method in hostile_requests.METHODS]
    own += [
        Attack("POST", f"/{link}", "answer_page.answer", fields={"answer": value})
        for value in hostile_requests.IN_FIELDS
    ]
    for attack in own:
        crawler.send(attack, NOBODY, is_stranger=False)
    record_property("requests", watch.asked)
    print(f"{watch.asked} hostile requests, {len(watch.wrong)} wrong")
    if watch.wrong:
        pytest.fail("\n".join(watch.wrong[:40]), pytrace=False)
    assert watch.asked >= FEWEST_REQUESTS
    # What was left behind elsewhere: nothing of residents, of officers, or of what was typed.
    metrics = crawler.client.get("/metrics").text
    kept = {"log": "\n".join(logged), "redis": read_all(office.runtime.redis), "metrics": metrics}
    private = [*secrets, "@loa.example", "alert(", "evil.example", "etc/passwd"]
    assert [(place, each) for place, text in kept.items() for each in private if each in text] == []
    assert office.read(check_audit).broken is None


def fail_as_a_job(number):
    raise ValueError(f"Key (name, e164)=({NAME}, {NUMBER}) already exists: {BODY} {number}")


def test_a_job_that_fails_over_residents_data_leaves_none_of_it(office, logged, monkeypatch):
    monkeypatch.setattr("workers.jobs.approval_mail_job", fail_as_a_job)
    enqueue_approval_mail(office.runtime, 7319)
    before = len(logged)
    redis = office.runtime.redis
    create_worker([DEFAULT], redis).work(burst=True, logging_level="WARNING")
    kept, said = read_all(redis), "\n".join(logged[before:])
    assert "job.failed job=approval_mail_job-7319 error=ValueError" in said
    assert "workers.jobs.approval_mail_job" in kept or "approval_mail_job-7319" in kept
    private = [NAME, BODY, *spellings(NUMBER)]
    assert [secret for secret in private if secret in kept + said] == []


def read_all(redis):
    """Everything in Redis as one text: job arguments and results, queues, rate limits."""
    found = []
    for key in redis.keys("*"):
        kind = redis.type(key)
        value = {
            b"string": redis.get,
            b"hash": redis.hgetall,
            b"set": redis.smembers,
            b"list": lambda key: redis.lrange(key, 0, -1),
            b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
            b"stream": redis.xrange,
            b"none": lambda _key: "",  # expired since the keys were read
        }[kind](key)
        found.append(f"{key!r} {value!r}")
    return "\n".join(found)


def test_a_fault_with_residents_data_in_its_words_tells_nobody(office, logged, monkeypatch):
    def broken(*_args, **_more):
        raise ValueError(f"Key (name, e164)=({NAME}, {NUMBER}) already exists: {BODY}")

    staff = office.visitors[HERE, Role.STAFF]
    watch = Watch([NAME, BODY, *spellings(NUMBER)])
    crawler = Crawler(office, watch)
    monkeypatch.setattr(ContactsView.correct.__wrapped__, "use_case", broken)
    monkeypatch.setattr("admin.views.home._read_tasks", broken)
    before = len(logged)
    person = f"/admin/people/{office.values['contact_id']}/correct"
    for attack in (
        Attack("POST", person, "contacts.correct", fields={"name": NAME}),
        Attack("GET", "/admin/", "admin.index"),
    ):
        answer = crawler.send(attack, staff, is_stranger=True)
        assert answer.status_code == 500
    assert [line for line in watch.wrong if "shows" in line] == []
    said = "\n".join(logged[before:])
    assert said.count("web.fault") == 2
    assert "ValueError" in said
    assert [secret for secret in watch.secrets if secret in said] == []
