"""Rules of the checks of an installation: what is well, what needs care and what is a fault, with what to do.

Each function judges one figure. Thresholds are those of docs/operations.md.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from outreach.rules.errors import LoaError


class Check(StrEnum):
    """What is checked, in the order of the list."""

    VERSIONS = "versions"
    ENCODING = "encoding"
    DATABASE = "database"
    CONNECTIONS = "connections"
    QUEUE = "queue"
    WORKERS = "workers"
    JOBS = "jobs"
    CLOCK = "clock"
    KEYS = "keys"
    GATEWAY = "gateway"
    CERTIFICATE = "certificate"
    CALLBACKS = "callbacks"
    MAIL = "mail"
    DUTY = "duty"
    DISK = "disk"
    BACKUPS = "backups"
    EXCHANGE = "exchange"


class Level(StrEnum):
    """How bad a finding is: a fault stops work or loses data, a warning will become one."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check; `problem` says what is wrong and what to do, None where nothing is."""

    check: Check
    level: Level = Level.OK
    problem: LoaError | None = None


OLDEST_REDIS = (6, 2)  # BLMOVE, without which a job can be lost
OLDEST_POSTGRESQL = 13
CLOCK_WARNS_S, CLOCK_FAULT_S = 5.0, 60.0  # a minute is what sending once rests on
BACKUP_WARNS, BACKUP_FAULT = timedelta(hours=26), timedelta(hours=50)
EXCHANGE_WARNS = timedelta(hours=1)
DISK_WARNS, DISK_FAULT = 0.15, 0.05  # shares of the disk that are free
DISK_FAULT_BYTES = 500 * 1024**2
CERTIFICATE_WARNS = timedelta(days=14)
QUEUE_WAITS_S = 120.0
FAILURES = 3  # of a job in a row; mail has been tried several times when it counts as one
REPORT_WITHIN = timedelta(minutes=15)


def fault(check: Check, problem: LoaError) -> Finding:
    """Return a finding of a fault."""
    return Finding(check, Level.FAULT, problem)


def warning(check: Check, problem: LoaError) -> Finding:
    """Return a finding of a warning."""
    return Finding(check, Level.WARNING, problem)


def judge_clock(seconds: float, *, other: LoaError) -> Finding:
    """Judge how far this machine's clock is from another's (`other` names whose)."""
    away = abs(seconds)
    if away < CLOCK_WARNS_S:
        return Finding(Check.CLOCK)
    problem = LoaError("check_clock_wrong", seconds=round(away), other=other)
    return fault(Check.CLOCK, problem) if away >= CLOCK_FAULT_S else warning(Check.CLOCK, problem)


def judge_backup(age: timedelta | None, *, is_encrypted: bool, is_same_key: bool) -> Finding:
    """Judge the newest backup: its age (None if there is none) and whether today's keys open what is in it."""
    if age is None:
        return fault(Check.BACKUPS, LoaError("check_backup_none"))
    if age >= BACKUP_WARNS:
        problem = LoaError("check_backup_old", hours=round(age / timedelta(hours=1)))
        return fault(Check.BACKUPS, problem) if age >= BACKUP_FAULT else warning(Check.BACKUPS, problem)
    if not is_same_key:
        return warning(Check.BACKUPS, LoaError("check_backup_other_key"))
    return Finding(Check.BACKUPS) if is_encrypted else warning(Check.BACKUPS, LoaError("check_backup_open"))


def judge_disk(free: int, total: int, *, folder: str) -> Finding:
    """Judge the free bytes of the disk that a folder is on."""
    share = free / total if total else 1.0
    problem = LoaError(
        "check_disk_full", folder=folder, free=round(free / 1024**2), percent=round(share * 100)
    )
    if share < DISK_FAULT or free < DISK_FAULT_BYTES:
        return fault(Check.DISK, problem)
    return warning(Check.DISK, problem) if share < DISK_WARNS else Finding(Check.DISK)


def judge_connections(used: int, most: int) -> Finding:
    """Judge how many of the database's connections are used."""
    problem = LoaError("check_connections_full", used=used, most=most)
    if used >= most * 0.95:
        return fault(Check.CONNECTIONS, problem)
    return warning(Check.CONNECTIONS, problem) if used >= most * 0.8 else Finding(Check.CONNECTIONS)


def judge_jobs(
    failures: Mapping[str, int], waiting_s: Mapping[str, float], stuck: Collection[str]
) -> Finding:
    """Judge jobs: failures in a row by job, the age of the oldest waiting job by queue, jobs that run too long."""
    # A mail is a fault at once: it was tried before.
    failing = sorted(name for name, times in failures.items() if times >= (1 if "mail" in name else FAILURES))
    if failing:
        return fault(Check.JOBS, LoaError("check_jobs_fail", jobs=failing))
    if stuck:
        return fault(Check.JOBS, LoaError("check_jobs_stuck", jobs=sorted(stuck)))
    old = sorted(queue for queue, age_s in waiting_s.items() if age_s > QUEUE_WAITS_S)
    return warning(Check.JOBS, LoaError("check_jobs_wait", queues=old)) if old else Finding(Check.JOBS)


def judge_workers(served: Collection[str], queues: Sequence[str]) -> Finding:
    """Judge whether a living worker serves each queue."""
    alone = [queue for queue in queues if queue not in served]
    return (
        fault(Check.WORKERS, LoaError("check_workers_missing", queues=alone))
        if alone
        else Finding(Check.WORKERS)
    )


def judge_certificate(left: timedelta | None, *, host: str) -> Finding:
    """Judge how long a host's certificate is still valid; None where it is not valid at all."""
    if left is None or left <= timedelta():
        return fault(Check.CERTIFICATE, LoaError("check_certificate_invalid", host=host))
    if left < CERTIFICATE_WARNS:
        return warning(Check.CERTIFICATE, LoaError("check_certificate_ends", host=host, days=left.days))
    return Finding(Check.CERTIFICATE)


def judge_callbacks(accepted: int, reported: int, *, is_live: bool) -> Finding:
    """Judge whether the gateway's reports arrive: of messages accepted some time ago, how many were reported on."""
    if accepted and not reported:
        return fault(Check.CALLBACKS, LoaError("check_callbacks_none", n=accepted))
    if not accepted and is_live:
        return warning(Check.CALLBACKS, LoaError("check_callbacks_untried"))
    return Finding(Check.CALLBACKS)


def worst(findings: Sequence[Finding]) -> Level:
    """Return the worst level of all findings."""
    order = list(Level)
    return max((each.level for each in findings), key=order.index, default=Level.OK)
