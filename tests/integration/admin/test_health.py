"""What the operator's probes read: alive, ready or what is missing, and how much waits.

A hostile crawl: nothing breaks, nothing leaks, nothing of residents stands in logs, jobs or metrics.
"""

import json
import logging
import random
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from sqlalchemy import text, update

from admin.app import create_app
from admin.views.contacts import ContactsView
from campaigns.delivery.incoming_reports import StatusCallback, store_callbacks
from campaigns.models.messages import Outbox, StatusEvent
from campaigns.rules.links import LinkCipher
from outreach.accounts import users
from outreach.accounts.audit import check_audit
from outreach.core.job_queue import DEFAULT, QUEUES, note_alive, open_queue
from outreach.core.logs import begin_request
from outreach.core.schema import downgrade, newest, require_current, upgrade
from outreach.models.accounts import Role
from outreach.models.office import Backup
from outreach.rules.errors import WrongState
from outreach.rules.gateway import DeliveryStatus, StatusReport
from outreach.runtime import open_runtime
from outreach.use_cases import enqueue_approval_mail, enqueue_send
from tests.integration.admin.test_permission_matrix import SHOWS_NUMBERS, spellings
from tests.support import hostile_requests
from tests.support.admin_client import post, signed_in
from tests.support.errors import refuses
from tests.support.hostile_requests import SCRIPT, Attack
from tests.support.permission_world import BODY, HERE, NAME, NUMBER, THERE, Office, Visitor
from tests.support.processes import ROOT, Processes
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, PASSWORD
from workers.processes import create_worker

NOWHERE = "redis://127.0.0.1:1/0"


def missing(client):
    response = client.get("/readyz")
    assert response.status_code == 503
    return response.json["missing"]


def client_with(settings, **changes):
    changed = replace(settings, **changes)
    return create_app(changed, runtime=open_runtime(changed)).test_client()


def metrics(client):
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain")
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_the_web_is_ready_with_a_living_worker(client, runtime):
    assert missing(client) == ["worker"]
    note_alive(runtime.redis, QUEUES, "here")
    response = client.get("/readyz")
    assert (response.status_code, response.json) == (200, {"status": "ready"})


def test_a_request_has_an_id_that_its_jobs_take_over(client, runtime):
    given = client.get("/healthz", headers={"X-Request-Id": "proxy-0123456789"})
    assert given.headers["X-Request-Id"] == "proxy-0123456789"
    made = {client.get("/healthz", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"] for _ in range(2)}
    assert len(made) == 2
    begin_request("proxy-0123456789")
    enqueue_send(runtime)
    (job,) = open_queue("send", runtime.redis).jobs
    assert job.meta == {"request": "proxy-0123456789"}
    begin_request()


@both_databases
def test_a_database_that_is_not_migrated_is_named(client, runtime):
    downgrade(runtime.db)
    assert missing(client) == ["migrations", "worker"]


def test_what_is_away_is_named_and_the_process_still_lives(settings):
    no_redis = client_with(settings, redis_url=NOWHERE)
    assert missing(no_redis) == ["redis"]
    no_database = client_with(
        settings, redis_url=NOWHERE, database_url="postgresql+psycopg://loa@127.0.0.1:1/loa"
    )
    assert missing(no_database) == ["database", "redis"]
    assert no_database.get("/healthz").json == {"status": "ok"}
    assert no_database.get("/metrics").status_code == 503


@both_databases
def test_metrics_follow_what_waits(client, world):
    world.add_people(3)
    world.draft(name="Bản nháp")
    world.launch()
    before = metrics(client)
    assert before["loa_outbox_waiting"] == 3
    assert before["loa_campaigns sending"] == before["loa_campaigns draft"] == 1
    assert before["loa_campaigns cancelled"] == 0
    assert before["loa_workers"] == 0
    world.simulator.faults(rate_cut=1.0)
    world.send()
    after = metrics(client)
    assert (after["loa_outbox_waiting"], after["loa_attempts_unknown"]) == (0, 3)
    report, came_at = StatusReport("SM1", DeliveryStatus.SENT), datetime.now(UTC) - timedelta(minutes=5)
    store_callbacks(world.runtime.db, [StatusCallback.of(1, report)], now=came_at)
    assert 300 <= metrics(client)["loa_callback_lag_seconds"] < 360


def test_metrics_without_redis_leave_out_what_is_not_known(settings, runtime):
    without = create_app(settings, runtime=replace(runtime, redis=Redis.from_url(NOWHERE))).test_client()
    found = metrics(without)
    assert found["loa_workers"] != found["loa_workers"]  # not a number
    assert found["loa_outbox_waiting"] == 0


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_read_only(client, path):
    assert client.post(path).status_code == 405


def test_metrics_say_for_how_long_something_waits(client, runtime, world):
    quiet = metrics(client)
    assert quiet["loa_callback_lag_seconds"] == quiet["loa_outbox_age_seconds"] == quiet["loa_send_rate"] == 0
    assert quiet["loa_backup_age_seconds"] != quiet["loa_backup_age_seconds"]  # none ever
    world.launch(people=4)
    enqueue_send(runtime)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with runtime.db.write() as session:
        session.execute(update(Outbox).values(not_before=an_hour_ago))
        session.add(StatusEvent(attempt_id=1, gateway_id="", status="sent", received_at=an_hour_ago))
        session.add(Backup(taken_at=an_hour_ago, finished_at=an_hour_ago, key_check=""))
    late = metrics(client)
    for name in ("outbox_age", "callback_lag", "backup_age"):
        assert 3600 <= late[f"loa_{name}_seconds"] < 3700
    assert late["loa_queue_jobs send"] == 1
    assert 0 <= late["loa_queue_age_seconds send"] < 60
    world.send()
    sent = metrics(client)
    assert sent["loa_attempts_answered"] == 4
    assert sent["loa_send_rate"] == pytest.approx(4 / 60)


def test_every_metric_that_the_dashboard_and_the_alerts_name_exists(client):
    shown = {name.split(" ")[0] for name in metrics(client)}
    for name in ("alerts.yml", "dashboard.json"):
        text = (ROOT / "deploy" / "monitoring" / name).read_text(encoding="utf-8")
        named = set(re.findall(r"\bloa_\w+", text))
        assert len(named) > 8, name
        assert named <= shown, name
    dashboard = json.loads((ROOT / "deploy" / "monitoring" / "dashboard.json").read_text(encoding="utf-8"))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_a_program_refuses_a_database_of_another_version(settings, runtime):
    require_current(runtime.db)
    downgrade(runtime.db, "-1")
    try:
        with refuses(WrongState, says="db upgrade"):
            require_current(runtime.db)
        processes = Processes(settings)
        assert processes.run("worker", "--queues", "send").returncode == 1
        assert "db upgrade" in processes.run("scheduler").stderr
        assert processes.start_program("workers", "send").wait(timeout=60) == 1
    finally:
        upgrade(runtime.db)
    with runtime.db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999_later'"))
    with refuses(WrongState, says="mới hơn"):
        require_current(runtime.db)
    with runtime.db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0043_reserved'"))
    for asked in (require_current, upgrade):
        with refuses(WrongState, says="lên 1.1.0 trước"):
            asked(runtime.db)
    with runtime.db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :newest"), {"newest": newest()})


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_transaction_stands_idle_while_a_password_is_checked(client, world, monkeypatch):
    """Passwords wait for each other: under load that took minutes, with a connection of the pool held by each."""
    held = []
    idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"

    def check(*_given):
        with world.runtime.db.connect_autocommit() as connection:
            held.append(connection.scalar(text(idle)) or 0)
        return True

    monkeypatch.setattr(users, "_hasher", SimpleNamespace(verify=check, hash=lambda _password: "x"))
    signed_in(client, AUTHOR)
    assert post(client, "/login/confirm", password=PASSWORD).status_code == 303
    assert held == [0, 0]


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
