"""What the operator's probes read: alive, ready or what is missing, and how much waits."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from sqlalchemy import text, update

from admin.app import create_app
from campaigns.delivery.incoming_reports import StatusCallback, store_callbacks
from campaigns.models.messages import Outbox, StatusEvent
from outreach.accounts import users
from outreach.core.job_queue import QUEUES, note_alive, open_queue
from outreach.core.logs import begin_request
from outreach.core.schema import downgrade, newest, require_current, upgrade
from outreach.models.office import Backup
from outreach.rules.errors import WrongState
from outreach.rules.gateway import DeliveryStatus, StatusReport
from outreach.runtime import open_runtime
from outreach.use_cases import enqueue_send
from tests.support.admin_client import post, signed_in
from tests.support.errors import refuses
from tests.support.processes import ROOT, Processes
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, PASSWORD

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
