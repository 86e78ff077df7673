"""Ten faults from outside, each made for real: the doctor names it, and `/readyz` or a figure behind an alert shows it."""

import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from rq.job import Job
from rq.registry import StartedJobRegistry
from sqlalchemy import event, text, update

from admin.app import create_app
from campaigns.checks.doctor import run_checks
from campaigns.rules.checks import Check, Level, judge_certificate
from campaigns.rules.delivery import MOST_FAULTS, fault_of
from campaigns.rules.states import CampaignState
from outreach.core.job_queue import DEFAULT, QUEUES, note_alive, open_queue
from outreach.core.network_checks import ask, certificate_left
from outreach.models.office import ENVIRONMENT, GatewayAccount, GatewayKind, GatewayState
from outreach.runtime import open_runtime
from outreach.use_cases import enqueue_reset_mail, enqueue_sweep
from tests.integration.admin.test_health import metrics
from tests.support.certificates import make_certificate
from tests.support.twilio_server import send, settings_for
from workers.processes import create_worker

# Two of the faults are made in PostgreSQL's way.
pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture(autouse=True)
def alive(runtime):
    note_alive(runtime.redis, QUEUES, "here")


def found(runtime, check, *, now=None):
    """The code of the fault that a check finds, "" if it finds none."""
    faults = [
        each
        for each in run_checks(runtime, now=now or datetime.now(UTC))
        if each.check is check and each.problem
    ]
    return next((each.problem.code for each in faults if each.problem and each.level is Level.FAULT), "")


def missing(client):
    response = client.get("/readyz")
    assert response.status_code == (503 if response.json["status"] == "missing" else 200)
    return response.json.get("missing", [])


def client_of(runtime):
    return create_app(runtime.settings, runtime=runtime).test_client()


@contextmanager
def opened(settings):
    runtime = open_runtime(settings)
    yield runtime
    runtime.close()


def test_a_database_that_is_read_only(settings):
    # An address of its own: all tests share the connections to the other.
    with opened(
        replace(settings, database_url=f"{settings.database_url}&target_session_attrs=any")
    ) as runtime:

        @event.listens_for(runtime.db.engine, "connect")
        def set_read_only(connection, _record):
            connection.autocommit = True
            connection.execute("SET default_transaction_read_only = on")
            connection.autocommit = False

        assert found(runtime, Check.DATABASE) == "check_database_read_only"
        assert missing(client_of(runtime)) == ["database"]
        assert metrics(client_of(runtime))["loa_write_check_failed"] == 1


def test_readyz_answers_while_another_transaction_holds_its_row(runtime, client):
    assert missing(client) == []
    with runtime.db.write() as session:
        session.execute(text("SELECT 1 FROM write_probes FOR UPDATE"))
        assert found(runtime, Check.DATABASE) == "check_database_read_only"


_FULL = """
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON write_probes FOR EACH ROW EXECUTE FUNCTION no_space();
"""


def test_a_full_disk_of_the_database_and_of_this_machine(runtime, client, monkeypatch):
    with runtime.db.write() as session:
        session.execute(text(_FULL))  # its disk is not ours to fill: it says what it would say
    try:
        assert found(runtime, Check.DATABASE) == "check_database_read_only"
        assert missing(client) == ["database"]
    finally:
        with runtime.db.write() as session:
            session.execute(text("DROP FUNCTION no_space CASCADE"))
    assert missing(client) == []
    full = shutil.disk_usage("/")._replace(total=10**11, free=10**8)
    monkeypatch.setattr("campaigns.checks.doctor.shutil.disk_usage", lambda _folder: full)
    assert found(runtime, Check.DISK) == "check_disk_full"


def test_a_redis_that_refuses_writes(runtime, client):
    runtime.redis.config_set("maxmemory", "1")
    try:
        assert found(runtime, Check.QUEUE) == "check_redis_refuses"
        assert missing(client) == ["redis"]
    finally:
        runtime.redis.config_set("maxmemory", "0")


def test_a_clock_that_is_an_hour_off(runtime):
    assert found(runtime, Check.CLOCK) == ""
    assert found(runtime, Check.CLOCK, now=datetime.now(UTC) + timedelta(hours=1)) == "check_clock_wrong"


def test_a_gateway_that_refuses_the_login(world, client):
    assert found(world.runtime, Check.GATEWAY) == ""
    with opened(replace(world.runtime.settings, twilio_auth_token="w" * 32)) as wrong:
        assert found(wrong, Check.GATEWAY) == "check_gateway_login"
    campaign = world.launch(people=3)
    assert metrics(client)["loa_campaigns_held"] == 0
    world.simulator.faults(callbacks_off=True, rate_refused=1, refused_code=20003)
    world.send()
    assert world.status(campaign)["state"] == CampaignState.PAUSED
    assert metrics(client)["loa_campaigns_held"] == 1


def test_a_gateway_that_answers_with_errors_while_it_takes_the_login(world, client):
    world.launch(people=2)
    before = metrics(client)
    assert before["loa_gateway_errors environment"] == before["loa_gateway_stopped environment"] == 0
    world.simulator.faults(callbacks_off=True, rate_500=1)
    world.send()
    after = metrics(client)
    assert (after["loa_gateway_errors environment"], after["loa_gateway_stopped environment"]) == (2, 0)
    assert found(world.runtime, Check.GATEWAY) == ""
    world.add_people(MOST_FAULTS, first=2)
    world.sent(name="Đợt hai")
    assert metrics(client)["loa_gateway_stopped environment"] == 1
    assert found(world.runtime, Check.GATEWAY) == "check_gateway_stopped"


def test_a_second_gateway_that_is_away_is_named(world):
    of = {"kind": GatewayKind.SMPP, "state": GatewayState.TESTING, "changed_at": world.now}
    world.add(GatewayAccount(name="Nhà mạng B", url="smpp://127.0.0.1:1", login="loa", **of))
    assert found(world.runtime, Check.GATEWAY) == ""  # it carries nothing yet
    world.execute(update(GatewayAccount).values(state=GatewayState.ACTIVE))
    assert found(world.runtime, Check.GATEWAY) == "check_gateway_connection"
    world.execute(
        update(GatewayAccount).where(GatewayAccount.id != ENVIRONMENT).values(sealed_secret="of a lost key")
    )
    assert found(world.runtime, Check.GATEWAY) == "seal_broken"


def test_a_certificate_that_has_expired(tmp_path):
    certificate, context = make_certificate(tmp_path)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, now, trust = f"https://localhost:{server.server_port}", datetime.now(UTC), str(certificate)

    def judged(now, trust):
        return judge_certificate(certificate_left(url, now=now, trust=trust), host="localhost")

    try:
        assert judged(now, trust).level is Level.WARNING  # two days are left
        assert judged(now + timedelta(days=3), trust).level is Level.FAULT
        assert judged(now, None).level is Level.FAULT  # nobody's
        assert ask(url).fault == "certificate"  # so is a gateway's
        assert fault_of(send(settings_for(url))) == "certificate"  # and no message leaves for it
    finally:
        server.shutdown()
        server.server_close()


def test_a_database_without_a_free_connection(settings, runtime):
    with runtime.db.write() as session:
        session.execute(text("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0"))
    try:
        url = runtime.db.url.set(username="crowded").render_as_string(hide_password=False)
        with opened(replace(settings, database_url=url)) as crowded:
            assert found(crowded, Check.DATABASE) == "check_database_away"
            assert missing(client_of(crowded)) == ["database"]
    finally:
        with runtime.db.write() as session:
            session.execute(text("DROP ROLE crowded"))


def test_a_worker_that_is_dead(runtime, client):
    assert missing(client) == []
    runtime.redis.delete("loa:alive:send:here")  # nobody renews it: it ends after 45 seconds
    assert found(runtime, Check.WORKERS) == "check_workers_missing"
    assert missing(client_of(runtime)) == ["worker"]
    assert metrics(client)["loa_queue_workers send"] == 0


def test_a_job_that_is_stuck(runtime, client):
    enqueue_sweep(runtime)
    queue = open_queue(DEFAULT, runtime.redis)
    (job_id,) = queue.get_job_ids()
    runtime.redis.lpop(queue.key)
    began = datetime.now(UTC) - timedelta(minutes=2)
    registry = StartedJobRegistry(DEFAULT, connection=runtime.redis)
    runtime.redis.zadd(registry.key, {f"{job_id}:1": began.timestamp() + 300})
    assert runtime.redis.hget(Job.key_for(job_id), "started_at") == b""  # a worker has just taken it
    assert found(runtime, Check.JOBS) == ""
    runtime.redis.hset(Job.key_for(job_id), "started_at", began.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    assert found(runtime, Check.JOBS) == "check_jobs_stuck"
    assert missing(client) == ["jobs"]


def test_mail_that_is_not_sent(settings, monkeypatch):
    def fail(_user_id):
        raise ConnectionRefusedError

    monkeypatch.setattr("workers.jobs.reset_mail_job", fail)
    with opened(replace(settings, smtp_url="smtp://127.0.0.1:1")) as runtime:
        assert found(runtime, Check.MAIL) == "check_mail_away"
        enqueue_reset_mail(runtime, 1)
        for tried in range(4):
            runtime.job_queue.enqueue_retries(now=datetime.now(UTC) + timedelta(minutes=20 * tried))
            create_worker([DEFAULT], runtime.redis).work(burst=True, logging_level="CRITICAL")
        assert found(runtime, Check.JOBS) == "check_jobs_fail"
        assert missing(client_of(runtime)) == ["jobs"]
        assert metrics(client_of(runtime))["loa_jobs_failing reset_mail_job"] == 1
        monkeypatch.setattr("workers.jobs.reset_mail_job", lambda _user_id: None)
        enqueue_reset_mail(runtime, 2)
        create_worker([DEFAULT], runtime.redis).work(burst=True, logging_level="CRITICAL")
        assert missing(client_of(runtime)) == []
