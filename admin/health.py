"""Is the process up, and can it do its work."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue
from redis import RedisError
from rq import Worker
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from outreach.runtime import Runtime
from outreach.schema import is_current


def create_health(runtime: Runtime) -> Blueprint:
    """`/healthz` answers while the process lives; `/readyz` says what is missing, with 503."""
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
        except DBAPIError:
            missing.append("database")
        try:
            if not Worker.count(connection=runtime.redis):
                missing.append("worker")
        except RedisError:
            missing.append("redis")
        return ({"status": "missing", "missing": missing}, 503) if missing else {"status": "ready"}

    return health
