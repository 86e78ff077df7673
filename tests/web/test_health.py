"""What the operator's probes read: alive, ready or what is missing, and how much waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from rq import Queue, SimpleWorker

from admin.app import create_app
from outreach.runtime import Runtime, open_runtime
from outreach.schema import downgrade
from outreach.settings import Settings
from tests.flows.world import World

NOWHERE = "redis://127.0.0.1:1/0"


@contextmanager
def living_worker(runtime: Runtime) -> Iterator[SimpleWorker]:
    worker = SimpleWorker([Queue("send", connection=runtime.redis)], connection=runtime.redis)
    worker.register_birth()
    yield worker
    worker.register_death()


def missing(client: FlaskClient) -> list[str]:
    response = client.get("/readyz")
    assert response.status_code == 503
    return response.json["missing"]


def client_with(settings: Settings, **changes: str) -> FlaskClient:
    changed = replace(settings, **changes)
    return create_app(changed, runtime=open_runtime(changed)).test_client()


def metrics(client: FlaskClient) -> dict[str, float]:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain")
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(response.get_data(as_text=True))
        for sample in family.samples
    }


def test_the_web_is_ready_with_a_living_worker(client: FlaskClient, runtime: Runtime) -> None:
    assert missing(client) == ["worker"]
    with living_worker(runtime):
        response = client.get("/readyz")
        assert (response.status_code, response.json) == (200, {"status": "ready"})


def test_a_worker_that_was_killed_is_not_taken_for_living(client: FlaskClient, runtime: Runtime) -> None:
    with living_worker(runtime) as worker:
        # What is left when nobody renews its sign of life.
        runtime.redis.delete(worker.key)
        assert missing(client) == ["worker"]


def test_a_database_that_is_not_migrated_is_named(client: FlaskClient, runtime: Runtime) -> None:
    downgrade(runtime.db)
    assert missing(client) == ["migrations", "worker"]


def test_what_is_away_is_named_and_the_process_still_lives(settings: Settings) -> None:
    no_redis = client_with(settings, redis_url=NOWHERE)
    assert missing(no_redis) == ["redis"]
    no_database = client_with(
        settings, redis_url=NOWHERE, database_url="postgresql+psycopg://loa@127.0.0.1:1/loa"
    )
    assert missing(no_database) == ["database", "redis"]
    assert no_database.get("/healthz").json == {"status": "ok"}
    assert no_database.get("/metrics").status_code == 503


def test_metrics_follow_what_waits(client: FlaskClient, world: World) -> None:
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


def test_metrics_without_redis_leave_out_what_is_not_known(settings: Settings, runtime: Runtime) -> None:
    without = create_app(settings, runtime=replace(runtime, redis=Redis.from_url(NOWHERE))).test_client()
    found = metrics(without)
    assert found["loa_workers"] != found["loa_workers"]  # not a number
    assert found["loa_outbox_waiting"] == 0


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_read_only(client: FlaskClient, path: str) -> None:
    assert client.post(path).status_code == 405
