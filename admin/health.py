"""Is the process up, can it do its work, and how much work waits."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from admin.metrics import count_workers, measure
from outreach.runtime import Runtime
from outreach.schema import is_current


def create_health(runtime: Runtime) -> Blueprint:
    """`/healthz` answers while the process lives; `/readyz` says what is missing, with 503.

    `/metrics` is for Prometheus.
    """
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "ok"}

    @health.get("/readyz")
    def readyz() -> ResponseReturnValue:
        missing = []
        try:
            with runtime.db.read() as session:
                session.execute(text("SELECT 1"))
            if not is_current(runtime.db):
                missing.append("migrations")
        except (DBAPIError, NoConnectionFree):
            missing.append("database")
        try:
            if not count_workers(runtime):
                missing.append("worker")
        except RedisError:
            missing.append("redis")
        return ({"status": "missing", "missing": missing}, 503) if missing else {"status": "ready"}

    @health.get("/metrics")
    def metrics() -> ResponseReturnValue:
        registry = measure(runtime, now=datetime.now(UTC))
        return generate_latest(registry), {"Content-Type": CONTENT_TYPE_LATEST}

    return health
