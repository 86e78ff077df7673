"""Health endpoints: /healthz (process is up), /readyz (it can work) and /metrics (for Prometheus).

The metrics say how much waits and for how long, what is sent, and what went wrong; docs/operations.md says what to do.
"""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from redis import RedisError
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from campaigns.checks.doctor import check_database, queue_age_s, run_core_checks
from campaigns.delivery.open_gateways import count_errors as count_gateway_errors
from campaigns.delivery.open_gateways import read_fault
from campaigns.delivery.streams import TRANSACTIONAL_STREAM
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, AttemptTotal, Incident, Outbox, StatusEvent
from campaigns.models.reports import ReportIssue
from campaigns.reports.settings import current_template, drives_with_report
from campaigns.reports.take_snapshot import days_with_report
from campaigns.rules.checks import Finding, Level
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptState, CampaignState
from campaigns.web.responses import count_errors as count_http_errors
from deploy import VERSION
from outreach.accounts.security_events import SecurityEvent, count_events
from outreach.core.db import count_rows
from outreach.core.job_queue import QUEUES, RECOVERED_KEY, allowed_jobs, open_queue, read_alive, read_failures
from outreach.core.schema import newest
from outreach.gateway_accounts import read_accounts, shared_name
from outreach.models.office import ENVIRONMENT, Backup
from outreach.runtime import Runtime


def create_health(runtime: Runtime) -> Blueprint:
    """Return the blueprint of the health endpoints.

    `/healthz` answers while the process lives; `/readyz` answers 503 with what is missing; `/metrics` is for Prometheus.
    """
    health = Blueprint("health", __name__)
    recent = _RecentChecks(runtime)

    @health.get("/healthz")
    def healthz() -> ResponseReturnValue:
        """Say that the process lives."""
        return {"status": "ok"}

    @health.get("/readyz")
    def readyz() -> ResponseReturnValue:
        """Say whether database, migrations, Redis and a worker at each queue are there; 503 with what is
        missing.
        """
        found = [each for each in recent.findings(datetime.now(UTC)) if each.level is Level.FAULT]
        missing = list(
            dict.fromkeys(_MISSING.get(each.problem.code, each.check.value) for each in found if each.problem)
        )
        return ({"status": "missing", "missing": missing}, 503) if missing else {"status": "ready"}

    @health.get("/metrics")
    def metrics() -> ResponseReturnValue:
        """Give the metrics for Prometheus."""
        registry = measure(runtime, now=datetime.now(UTC))
        return generate_latest(registry), {"Content-Type": CONTENT_TYPE_LATEST}

    return health


# How `/readyz` names what is missing; other findings have the name of their check.
_MISSING = {
    "database_newer": "migrations",
    "database_older": "migrations",
    "database_too_old": "migrations",
    "check_redis_away": "redis",
    "check_redis_refuses": "redis",
    "check_workers_missing": "worker",
}
# Findings are kept for so long, as the checks write and probes may come from several places.
CHECKED_FOR_S = 5.0


class _RecentChecks:
    """The core checks' findings, made anew at most every CHECKED_FOR_S seconds."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._lock = runtime, threading.Lock()
        self._found: list[Finding] = []
        self._until = 0.0

    def findings(self, now: datetime) -> list[Finding]:
        with self._lock:
            if time.monotonic() >= self._until or any(each.problem for each in self._found):
                self._found = run_core_checks(self._runtime, now=now)
                self._until = time.monotonic() + CHECKED_FOR_S
            return self._found


SEND_RATE_WINDOW = timedelta(seconds=60)


def measure(runtime: Runtime, *, now: datetime) -> CollectorRegistry:
    """Read all gauges now, from the database and Redis: every web process shows the same.

    Raises DBAPIError.
    """
    registry = CollectorRegistry()
    gauge = partial(Gauge, registry=registry)
    with runtime.db.read() as session:
        for name, (help_text, value) in _database_gauges(session, runtime, now=now).items():
            gauge(f"loa_{name}", help_text).set(value)
        by_state = select(Campaign.state, func.count()).group_by(Campaign.state)
        n_by_state = dict(session.execute(by_state).all())
        accounts = {
            "environment" if each.id == ENVIRONMENT else each.name: shared_name(each.id, runtime.settings)
            for each in read_accounts(session)
        }
    campaigns = gauge("loa_campaigns", "Campaigns by state.", ["state"])
    for state in CampaignState:
        campaigns.labels(state.value).set(n_by_state.get(state, 0))
    about = "1; the program's version, and the newest migration that it knows."
    gauge("loa_version", about, ["version", "revision"]).labels(VERSION, newest()).set(1)
    _measure_redis(runtime, gauge)
    _measure_errors(runtime, gauge, accounts)
    return registry


def _database_gauges(session: Session, runtime: Runtime, *, now: datetime) -> dict[str, tuple[str, float]]:
    count = partial(count_rows, session)

    def age(moment: ColumnElement[Any] | Any, *conditions: ColumnElement[bool]) -> float:
        oldest: datetime | None = session.scalar(select(func.min(moment)).where(*conditions))
        return max(0.0, (now - oldest).total_seconds()) if oldest else 0.0

    def answered(*conditions: ColumnElement[bool]) -> int:
        return session.scalar(select(func.sum(AttemptTotal.n)).where(*conditions)) or 0

    finished: datetime | None = session.scalar(select(func.max(Backup.finished_at)))
    local = now.astimezone(VIETNAM)
    unknown = Attempt.state == AttemptState.UNKNOWN
    unapplied = StatusEvent.applied_at.is_(None)
    sending_ids = select(Campaign.id).where(Campaign.state == CampaignState.SENDING)
    is_open = (Outbox.stream_id == TRANSACTIONAL_STREAM) | Outbox.stream_id.in_(sending_ids)
    return {
        "outbox_waiting": ("Messages that wait to be sent.", count(Outbox)),
        "outbox_age_seconds": (
            "For how long the oldest message that may go has been due; the hours and the pace hold some back.",
            age(Outbox.not_before, is_open),
        ),
        "attempts_answered": (
            "Requests that the gateway has answered, or that were found in its list, ever.",
            answered(),
        ),
        "send_rate": (
            "The same a second, over the last minute.",
            answered(AttemptTotal.at > now - SEND_RATE_WINDOW) / SEND_RATE_WINDOW.total_seconds(),
        ),
        "attempts_unknown": ("Requests whose outcome nobody saw yet.", count(Attempt, unknown)),
        "attempts_unknown_age_seconds": (
            "For how long the oldest of them.",
            age(Attempt.claimed_at, unknown),
        ),
        "status_events_waiting": ("Callbacks stored and not applied yet.", count(StatusEvent, unapplied)),
        "callback_lag_seconds": ("For how long the oldest of them.", age(StatusEvent.received_at, unapplied)),
        "campaigns_held": (
            "Campaigns that the program has paused: an account's or a sender's fault, many failures, the budget.",
            count(Campaign, Campaign.state == CampaignState.PAUSED, Campaign.pause_reason != ""),
        ),
        "write_check_failed": (
            "1 while the database takes no writes.",
            float(any(each.level is Level.FAULT for each in check_database(runtime, now))),
        ),
        "incidents_unseen": (
            "Incidents that nobody has looked at.",
            count(Incident, Incident.seen_at.is_(None)),
        ),
        "report_late_seconds": (
            "Since today's report should have been there, while it is not issued; 0 where none is due.",
            max((_drive_late_s(session, each, local) for each in drives_with_report(session)), default=0.0),
        ),
        "backup_age_seconds": (
            "Since the last backup that was finished.",
            (now - finished).total_seconds() if finished else math.nan,
        ),
    }


def _drive_late_s(session: Session, drive: int, local: datetime) -> float:
    hour, minute = map(int, current_template(session, drive).hours.deadline.split(":"))
    late_s = (local - local.replace(hour=hour, minute=minute, second=0, microsecond=0)).total_seconds()
    if late_s <= 0 or not days_with_report(session, drive, [local.date()]):
        return 0.0
    issued = select(ReportIssue.id).where(
        ReportIssue.drive_id == drive,
        ReportIssue.day == local.date().isoformat(),
        ReportIssue.issued_at.is_not(None),
    )
    return 0.0 if session.execute(issued.limit(1)).first() else late_s


def _or(unknown: Any, read: Callable[..., Any], *args: Any) -> Any:
    """Return what is read of Redis, or without it what stands for what is not known, as zero would not."""
    try:
        return read(*args)
    except RedisError:
        return unknown


def _measure_redis(runtime: Runtime, gauge: Callable[..., Gauge]) -> None:
    redis = runtime.redis
    alive = _or(None, read_alive, redis)
    workers = gauge("loa_workers", "Live worker processes.")
    workers.set(math.nan if alive is None else sum(alive.values()))
    about = "How often jobs have failed in a row, those that failed most."
    failing = gauge("loa_jobs_failing", about, ["job"])
    try:
        failures = read_failures(redis)
        for job in sorted({name.rsplit(".", 1)[-1] for name in allowed_jobs}):
            failing.labels(job).set(failures.get(job, 0))
    except RedisError:
        failing.labels("unknown").set(math.nan)
    served = gauge("loa_queue_workers", "Live workers at a queue.", ["queue"])
    jobs = gauge("loa_queue_jobs", "Jobs that wait in a queue.", ["queue"])
    ages = gauge("loa_queue_age_seconds", "For how long the oldest of them.", ["queue"])
    for name in QUEUES:
        jobs.labels(name).set(_or(math.nan, len, open_queue(name, redis)))
        ages.labels(name).set(_or(math.nan, queue_age_s, runtime, name))
        served.labels(name).set(math.nan if alive is None else alive[name])
    refusals = gauge("loa_security_events", "Security events since Redis was started.", ["event"])
    events = _or(None, count_events, redis)
    for event in SecurityEvent:
        refusals.labels(event.value).set(math.nan if events is None else events[event])
    recovered = gauge("loa_sweep_rescues", "Work that only the sweep found.", ["kind"])
    for kind in ("leases", "callbacks", "bells"):
        found = _or(math.nan, lambda kind: float(redis.hget(RECOVERED_KEY, kind) or 0), kind)
        recovered.labels(kind).set(found)


def _measure_errors(runtime: Runtime, gauge: Callable[..., Gauge], accounts: dict[str, str]) -> None:
    """Measure what failed of requests to us and to the gateways. `accounts`: the name that each one's workers share."""
    http = gauge("loa_http_errors", "Requests answered with 5xx since Redis was started, but for probes.")
    about = "Requests that a gateway did not answer, or not as a gateway does, since Redis was started."
    faulty = gauge("loa_gateway_errors", about, ["gateway"])
    stopped = gauge("loa_gateway_stopped", "1 while nothing is sent because of such answers.", ["gateway"])
    try:
        http.set(count_http_errors(runtime.redis))
        errors = count_gateway_errors(runtime.redis)
    except RedisError:
        http.set(math.nan)
        return
    for gateway, shared in accounts.items():
        faulty.labels(gateway).set(errors[shared])
        stopped.labels(gateway).set(bool(read_fault(runtime.redis, shared)))
