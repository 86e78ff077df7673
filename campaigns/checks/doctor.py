"""The checks of an installation (`loa doctor`, the go-live list in the office, `/readyz`).

Each reads one thing and has it judged by `campaigns/rules/checks.py`. A check that cannot be made is a fault of what it asks.
"""

import os
import re
import shutil
import smtplib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from redis import RedisError
from rq.job import Job
from rq.utils import as_text
from sqlalchemy import ColumnElement, or_, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from campaigns.cases.rescue import DutyContacts
from campaigns.delivery.open_gateways import read_fault
from campaigns.models.checks import WriteProbe
from campaigns.models.messages import Attempt, StatusEvent
from campaigns.rules import checks as rules
from campaigns.rules.checks import Check, Finding, fault, warning
from outreach.core import network_checks
from outreach.core.db import count_rows, database_now, insert_missing, set_columns
from outreach.core.job_queue import IMPORTS, QUEUES, SEND, open_queue, read_alive, read_failures
from outreach.core.mail import check_server as check_server_of_mail
from outreach.core.schema import require_current
from outreach.core.settings import WEAK_SECRET, Settings
from outreach.gateway_accounts import account_settings, read_accounts, shared_name
from outreach.models.contacts import ExchangePeer
from outreach.models.office import ENVIRONMENT, Backup, GatewayAccount, GatewayKind, GatewayState, check_of
from outreach.rules.errors import BadInput, LoaError, WrongState, error_from_json
from outreach.rules.keys import split_keys
from outreach.runtime import Runtime

DATABASE_ERRORS = (DBAPIError, NoConnectionFree)
# Seconds after which a running job has been running too long; the others' take a second or two.
_RUNS_AT_MOST_S = {SEND: 110.0, IMPORTS: 3600.0}
_USUAL_RUN_S = 90.0
_PROBE = "doctor"


def run_checks(runtime: Runtime, *, now: datetime) -> list[Finding]:
    """Make all checks; the slowest wait `TIMEOUT_S` of `outreach/core/network_checks.py` for another server."""
    # Two clocks that are well are one line.
    return list(dict.fromkeys(finding for check in ALL_CHECKS for finding in _make(check, runtime, now)))


def run_core_checks(runtime: Runtime, *, now: datetime) -> list[Finding]:
    """Make those that ask nobody but the database and Redis: whether the installation can work at this moment."""
    core = (check_database, check_queue, check_workers, check_jobs)
    return [finding for check in core for finding in _make(check, runtime, now)]


def _make(
    check: Callable[[Runtime, datetime], Iterator[Finding]], runtime: Runtime, now: datetime
) -> Iterator[Finding]:
    """Make a check. That the database or Redis is away is said by `check_database` and `check_queue` alone."""
    with suppress(*DATABASE_ERRORS, RedisError):
        yield from check(runtime, now)


def check_database(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Read, compare the version, and write a row that is on the disk when the database has confirmed it."""
    try:
        with runtime.db.read() as session:
            session.execute(text("SELECT 1"))
        require_current(runtime.db)
    except WrongState as error:
        yield fault(Check.DATABASE, error)
        return
    except DATABASE_ERRORS as error:
        yield fault(Check.DATABASE, LoaError("check_database_away", error=_name(error)))
        return
    try:
        with runtime.db.write() as session:
            if runtime.db.is_postgresql:
                # Who asks is to have an answer, also while something holds the row or the disk.
                session.execute(text("SET LOCAL statement_timeout = '3s'"))
                session.execute(text("SET LOCAL synchronous_commit = on"))
            insert_missing(session, WriteProbe, [{"name": _PROBE, "written_at": now}])
            set_columns(session, WriteProbe, written_at=now)
    except DATABASE_ERRORS as error:
        yield fault(Check.DATABASE, LoaError("check_database_read_only", error=_name(error)))
    else:
        yield Finding(Check.DATABASE)


def check_server(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Compare the database server's encoding, version, connections and clock."""
    with runtime.db.read() as session:
        yield rules.judge_clock(
            (database_now(session) - now).total_seconds(), other=LoaError("check_database_clock")
        )
        if not runtime.db.is_postgresql:
            return
        encoding = str(session.scalar(text("SHOW server_encoding")))
        version = int(session.scalar(text("SHOW server_version_num")) or 0) // 10_000
        clients = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        used = session.scalar(text(clients))
        most = int(session.scalar(text("SHOW max_connections")) or 0)
        is_superuser = session.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
    yield (
        Finding(Check.ENCODING)
        if encoding == "UTF8"
        else fault(Check.ENCODING, LoaError("check_encoding_wrong", encoding=encoding))
    )
    if is_superuser and runtime.settings.app_env == "production":
        yield warning(Check.DATABASE, LoaError("check_database_superuser"))
    if version < rules.OLDEST_POSTGRESQL:
        yield _is_old("PostgreSQL", str(version), least=str(rules.OLDEST_POSTGRESQL))
    yield rules.judge_connections(used or 0, most)


def _is_old(program: str, version: str, *, least: str) -> Finding:
    return fault(Check.VERSIONS, LoaError("check_version_old", program=program, version=version, least=least))


def check_queue(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Write to Redis, and look at its version."""
    try:
        runtime.redis.ping()
        version = as_text(runtime.redis.info("server")["redis_version"])
    except RedisError as error:
        yield fault(Check.QUEUE, LoaError("check_redis_away", error=_name(error)))
        return
    try:
        runtime.redis.set("loa:probe", 1, ex=60)
    except RedisError as error:
        yield fault(Check.QUEUE, LoaError("check_redis_refuses", error=_name(error)))
        return
    yield Finding(Check.QUEUE)
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < rules.OLDEST_REDIS:
        yield _is_old("Redis", version, least="6.2")
    else:
        yield Finding(Check.VERSIONS)


def check_workers(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Look for a living worker at each queue."""
    yield rules.judge_workers(read_alive(runtime.redis), QUEUES)


def check_jobs(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Look for jobs that fail, run too long or wait."""
    waiting = {name: queue_age_s(runtime, name) for name in QUEUES if name != IMPORTS}
    yield rules.judge_jobs(read_failures(runtime.redis), waiting, list(_stuck_jobs(runtime)))


def queue_age_s(runtime: Runtime, name: str) -> float:
    """Return for how many seconds the oldest job of a queue has been waiting. Raises RedisError."""
    for job_id in open_queue(name, runtime.redis).get_job_ids(0, 1):
        if since := _moment(runtime.redis.hget(Job.key_for(job_id), "enqueued_at")):
            return max(0.0, time.time() - since)
    return 0.0


def _stuck_jobs(runtime: Runtime) -> Iterator[str]:
    for name in QUEUES:
        most = _RUNS_AT_MOST_S.get(name, _USUAL_RUN_S)
        for job_id in open_queue(name, runtime.redis).started_job_registry.get_job_ids(cleanup=False):
            key = Job.key_for(job_id)
            since = _moment(runtime.redis.hget(key, "started_at"))
            if since and time.time() - since > most:
                yield as_text(runtime.redis.hget(key, "description") or b"").partition("-")[0]


def _moment(stored: object) -> float | None:
    if not stored or not isinstance(stored, bytes | str):  # RQ writes "" until a job begins
        return None
    moment = datetime.fromisoformat(as_text(stored).replace("Z", "+00:00"))
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def check_keys(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Look whether the key is one's own, and whether the audit log's end has a place outside."""
    settings = runtime.settings
    if settings.secret_key == WEAK_SECRET:
        yield fault(Check.KEYS, LoaError("check_keys_weak"))
    elif not settings.audit_head_to:
        yield warning(Check.KEYS, LoaError("check_keys_no_anchor"))
    else:
        yield Finding(Check.KEYS)


def check_gateway(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Sign in to each gateway at work where that can be tried, compare its clock with this machine's, and look whether sending
    has stopped for its answers.
    """
    try:
        with runtime.db.read() as session:
            accounts = [each for each in read_accounts(session) if each.state is GatewayState.ACTIVE]
    except DATABASE_ERRORS:
        yield from _check_gateway(runtime.settings, now)
        return
    for account in accounts:
        try:
            settings = account_settings(account, runtime.settings)
        except BadInput as refusal:
            yield fault(Check.GATEWAY, refusal)
        else:
            yield from _check_gateway(settings, now)
        if answered := read_fault(runtime.redis, shared_name(account.id, runtime.settings)):
            yield fault(Check.GATEWAY, LoaError("check_gateway_stopped", fault=answered))


def _check_gateway(settings: Settings, now: datetime) -> Iterator[Finding]:
    url, login = settings.api_base_url, None
    if settings.speaks_twilio:
        login = (settings.twilio_account_sid, settings.twilio_auth_token)
        url = f"{url.rstrip('/')}/2010-04-01/Accounts/{settings.twilio_account_sid}/Messages.json?PageSize=1"
    elif settings.sms_gateway == "smpp":
        url = settings.smpp_url
    elif settings.sms_gateway == "aggregator":
        url = settings.aggregator_url
    elif settings.sms_gateway == "phone":
        login = (settings.phone_login, settings.phone_password)
    if not url:
        return
    answer, host = network_checks.ask(url, login=login), urlsplit(url).hostname or ""
    if answer.fault:
        of_certificate = LoaError("check_gateway_certificate", host=host)
        of_connection = LoaError("check_gateway_connection", host=host)
        yield fault(Check.GATEWAY, of_certificate if answer.fault == "certificate" else of_connection)
    elif answer.status in (401, 403) or (login and answer.status >= 400):
        yield fault(Check.GATEWAY, LoaError("check_gateway_login", host=host, status=answer.status))
    else:
        yield Finding(Check.GATEWAY)
    if answer.date:
        yield rules.judge_clock((answer.date - now).total_seconds(), other=LoaError("check_gateway_clock"))


def check_certificate(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Read the certificate under which residents reach the pages, as they do."""
    url = runtime.settings.public_base_url
    host = urlsplit(url).hostname or ""
    if not url.startswith("https:"):
        if runtime.settings.app_env == "production":
            yield fault(Check.CERTIFICATE, LoaError("check_certificate_http"))
        return
    try:
        yield rules.judge_certificate(network_checks.certificate_left(url, now=now), host=host)
    except OSError:
        yield fault(Check.CERTIFICATE, LoaError("check_certificate_away", host=host))


def check_callbacks(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Compare the messages of the last days with the reports that came: a test message shows that they come in."""
    since, until = now - timedelta(days=7), now - rules.REPORT_WITHIN
    # Reports of SMPP come over the sender's own connection.
    smpp = select(GatewayAccount.id).where(GatewayAccount.kind == GatewayKind.SMPP)
    by_smpp: ColumnElement[bool] = Attempt.account_id.in_(smpp)
    if runtime.settings.sms_gateway == "smpp":
        by_smpp = or_(by_smpp, Attempt.account_id == ENVIRONMENT)
    sent = (Attempt.claimed_at.between(since, until), Attempt.gateway_id.is_not(None), ~by_smpp)
    with runtime.db.read() as session:
        accepted = count_rows(session, Attempt, *sent)
        reported = accepted and count_rows(session, StatusEvent, StatusEvent.received_at >= since)
    yield rules.judge_callbacks(accepted, reported, is_live=runtime.settings.is_live)


def check_mail(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Sign in to the mail server."""
    if not runtime.settings.smtp_url:
        yield warning(Check.MAIL, LoaError("check_mail_none"))
        return
    try:
        check_server_of_mail(runtime.settings.smtp_url)
    except (OSError, smtplib.SMTPException) as error:
        yield fault(Check.MAIL, LoaError("check_mail_away", error=type(error).__name__))
    else:
        yield Finding(Check.MAIL)


def check_duty(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Look whether somebody is told of a cry for help."""
    with runtime.db.read() as session:
        is_told = DutyContacts.of(session, runtime.settings).duty
    yield Finding(Check.DUTY) if is_told else warning(Check.DUTY, LoaError("check_duty_nobody"))


def check_disk(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Look at the disks of uploads, of backups and of the database, and whether uploads can be written."""
    folders = {Path(runtime.settings.uploads_dir), Path(runtime.settings.backups_dir)}
    if not runtime.db.is_postgresql and runtime.db.url.database:
        folders.add(Path(runtime.db.url.database).parent)
    findings = list(_check_disk_of_postgresql(runtime)) if runtime.db.is_postgresql else []
    for folder in sorted(folders):
        finding = fault(Check.DISK, LoaError("check_folder_closed", folder=str(folder)))
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            usage = shutil.disk_usage(folder)
            if os.access(folder, os.W_OK):
                finding = rules.judge_disk(usage.free, usage.total, folder=str(folder))
        findings.append(finding)
    wrong = [each for each in findings if each.problem]
    yield from wrong or [Finding(Check.DISK)]


def _check_disk_of_postgresql(runtime: Runtime) -> Iterator[Finding]:
    """Look at the disk of a database on this machine whose user may read where its data are (`pg_read_all_settings`)."""
    if (runtime.db.url.host or "localhost") not in ("localhost", "127.0.0.1", "::1"):
        return
    with suppress(OSError, *DATABASE_ERRORS), runtime.db.read() as session:
        for folder in session.scalars(text("SELECT setting FROM pg_settings WHERE name = 'data_directory'")):
            usage = shutil.disk_usage(folder)
            yield rules.judge_disk(usage.free, usage.total, folder=folder)


def check_backups(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Look at the newest backup that was finished."""
    finished = select(Backup).where(Backup.finished_at.is_not(None)).order_by(Backup.finished_at.desc())
    with runtime.db.read() as session:
        newest = session.scalar(finished.limit(1))
    yield rules.judge_backup(
        now - newest.finished_at if newest and newest.finished_at else None,
        is_encrypted=bool(runtime.settings.backup_recipients),
        is_same_key=newest is None
        or any(newest.key_check == check_of(key) for key in split_keys(runtime.settings.backup_keys)),
    )


def check_exchange(runtime: Runtime, now: datetime) -> Iterator[Finding]:
    """Look whether each of the other installations was read within an hour, and what kept it."""
    with runtime.db.read() as session:
        rows = {each.name: each for each in session.scalars(select(ExchangePeer))}
    for peer in runtime.settings.exchange_peers:
        row = rows.get(peer.name)
        if row and row.read_at and now - row.read_at < rules.EXCHANGE_WARNS:
            yield Finding(Check.EXCHANGE)
        else:
            reason = error_from_json(row.error) if row else None
            yield warning(Check.EXCHANGE, reason or LoaError("exchange_away", office=peer.name))


def _name(error: Exception) -> str:
    """Return an error's kind, never its text, which may quote values."""
    return type(getattr(error, "orig", None) or error).__name__


ALL_CHECKS: tuple[Callable[[Runtime, datetime], Iterator[Finding]], ...] = (
    check_database,
    check_server,
    check_queue,
    check_workers,
    check_jobs,
    check_keys,
    check_gateway,
    check_certificate,
    check_callbacks,
    check_mail,
    check_duty,
    check_disk,
    check_backups,
    check_exchange,
)
