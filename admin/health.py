"""Is the process up, can it do its work, and how much work waits."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from redis import RedisError
from rq import Worker
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session

from campaigns.messages import Attempt, Incident, Outbox, StatusEvent
from campaigns.models import Campaign
from campaigns.states import AttemptState, CampaignState
from outreach.doorbell import RESCUES
from outreach.runtime import Runtime
from outreach.schema import is_current


def create_health(runtime: Runtime) -> Blueprint:
    """`/healthz` answers while the process lives; `/readyz` says what is missing, with 503.

    `/metrics` is for Prometheus: gauges read at that moment, so every web process shows the same.
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
        registry = CollectorRegistry()
        with runtime.db.read() as session:
            _measure(session, registry)
        try:
            workers: float = count_workers(runtime)
        except RedisError:
            workers = float("nan")  # not known, and not none
        Gauge("loa_workers", "Live worker processes.", registry=registry).set(workers)
        rescues = Gauge("loa_sweep_rescues", "Work that only the sweep found.", ["kind"], registry=registry)
        for kind in ("leases", "callbacks", "bells"):
            rescues.labels(kind).set(_read_rescues(runtime, kind))
        return generate_latest(registry), {"Content-Type": CONTENT_TYPE_LATEST}

    return health


def count_workers(runtime: Runtime) -> int:
    """Workers whose last sign of life still stands; one that was killed is counted for some minutes."""
    keys = Worker.all_keys(connection=runtime.redis)
    # A worker that was killed leaves its name in the set; its own key runs out.
    return int(runtime.redis.exists(*keys)) if keys else 0


def _read_rescues(runtime: Runtime, kind: str) -> float:
    try:
        return float(runtime.redis.hget(RESCUES, kind) or 0)
    except RedisError:
        return float("nan")


def _measure(session: Session, registry: CollectorRegistry) -> None:
    def count(model: type, *conditions: object) -> int:
        return session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0  # type: ignore[arg-type]

    for name, help_text, value in (
        ("outbox_waiting", "Messages that wait to be sent.", count(Outbox)),
        (
            "attempts_unknown",
            "Requests whose outcome nobody saw yet.",
            count(Attempt, Attempt.state == AttemptState.UNKNOWN),
        ),
        (
            "status_events_waiting",
            "Callbacks stored and not applied yet.",
            count(StatusEvent, StatusEvent.applied_at.is_(None)),
        ),
        (
            "incidents_unseen",
            "Incidents that nobody has looked at.",
            count(Incident, Incident.seen_at.is_(None)),
        ),
    ):
        Gauge(f"loa_{name}", help_text, registry=registry).set(value)
    campaigns = Gauge("loa_campaigns", "Campaigns by state.", ["state"], registry=registry)
    counted = dict(session.execute(select(Campaign.state, func.count()).group_by(Campaign.state)).all())
    for state in CampaignState:
        campaigns.labels(state.value).set(counted.get(state, 0))
