"""Audit log: who did what, when and from where. Record, read and verify.

An entry is written in the transaction of the action it is about, so that neither exists alone. Entries form a
hash chain (`rules/audit_chain`). They are appended when their transaction is about to commit, so that a
transaction waits for the chain's head only while a few rows are written, never for another's long work. The
head is the last lock that any transaction takes, so that there can be no deadlock.

Verification reads every entry again and compares the chain with anchors that were noted elsewhere.

The chain's end is noted outside the database each day, in a file, a mail or the system's log: so it is found if the log's end was
cut off together with the chain's. `audit verify` compares with the files.
"""

import json
import logging
import os
import secrets
import smtplib
import syslog
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Select, event, exists, func, select, update
from sqlalchemy.orm import Session

from outreach.accounts.permissions import visible_to
from outreach.core.db import BaseWithId, advance, columns_of, count_rows, installation_of, set_columns
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.models.accounts import AuditEvent, AuditHead, AuditValues, User
from outreach.rules import audit_chain
from outreach.rules.errors import BadInput
from outreach.rules.keys import key_id, newest_key, split_keys
from outreach.runtime import Runtime

COMMAND = "command"
_PENDING = "audit.pending"
# An address, COMMAND, or "" for a worker.
_origin: ContextVar[str] = ContextVar("audit_origin", default="")


def set_origin(origin: str) -> None:
    """Set from where this thread acts: the address of a request, or COMMAND."""
    _origin.set(origin[:64])


def record(
    session: Session,
    action: str,
    subject: BaseWithId | str,
    user: User | int | None,
    now: datetime,
    /,
    **details: Any,
) -> None:
    """Record an action, to be appended when the session's transaction commits; a rollback drops it.

    `subject` is a row, which gets its id here if it is new, or table:id. `user` is who acts, or their id. Details hold ids and counts, never numbers, names or texts.
    """
    record_change(session, action, subject, user, now, {}, **details)


def record_change(
    session: Session,
    action: str,
    subject: BaseWithId | str,
    user: User | int | None,
    now: datetime,
    changes: Mapping[str, tuple[Any, Any]],
    /,
    **details: Any,
) -> None:
    """Record an action as `record` does, with fields and their values before and after.

    The values are stored beside the chain, which has only their digest: `erase_values` empties them.
    """
    actor_id = user.id if isinstance(user, User) else user
    if not isinstance(subject, str) and subject.id is None:
        session.flush()
    name = subject if isinstance(subject, str) else f"{subject.__tablename__}:{subject.id}"
    who_and_where = {"at": now, "actor_id": actor_id, "origin": _origin.get()}
    entry = {**who_and_where, "action": action, "subject": name, "details": _as_stored(details)}
    stored = _as_stored({field: list(pair) for field, pair in changes.items()})
    session.info.setdefault(_PENDING, []).append((entry, stored))


def change(
    session: Session,
    action: str,
    row: BaseWithId,
    values: Mapping[str, Any],
    user: User | None,
    now: datetime,
    /,
    **details: Any,
) -> None:
    """Set fields of a row, and record the action with their values before and after."""
    changes = differences(row, values)
    for field, value in values.items():
        setattr(row, field, value)
    record_change(session, action, row, user, now, changes, **details)


def count_lately(session: Session, action: str, user: User, *, now: datetime) -> int:
    """Return how often a user has taken an action within an hour."""
    of_user = (AuditEvent.actor_id == user.id, AuditEvent.action == action)
    return count_rows(session, AuditEvent, *of_user, AuditEvent.at > now - timedelta(hours=1))


def differences(row: object, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the fields of a row that would change, with their values before and after."""
    before = {field: getattr(row, field) for field in values}
    return {field: (before[field], value) for field, value in values.items() if before[field] != value}


def erase_values(session: Session, subjects: Collection[str], *, now: datetime) -> None:
    """Empty the values before and after of all actions on these subjects; the entries stay."""
    empty_values(session, select(AuditEvent.id).where(AuditEvent.subject.in_(subjects)), now=now)


def entries_with_values(table: str, *, before: datetime) -> Select[Any]:
    """Return the query for ids of older entries about a table's rows that still have values."""
    return (
        select(AuditEvent.id)
        .join(AuditValues, AuditValues.event_id == AuditEvent.id)
        .where(
            AuditEvent.subject.startswith(f"{table}:"),
            AuditEvent.at < before,
            AuditValues.emptied_at.is_(None),
        )
    )


def empty_values(session: Session, ids: Sequence[int] | Select[Any], *, now: datetime) -> int:
    """Empty the values of these entries. Returns how many had values."""
    these = (AuditValues.event_id.in_(ids), AuditValues.emptied_at.is_(None))
    return set_columns(session, AuditValues, *these, salt=None, changes=None, emptied_at=now)


@event.listens_for(Session, "before_commit")
def _append_pending(session: Session) -> None:
    if session.in_nested_transaction():  # a sandbox's: the head is locked at the whole one's end alone
        return
    entries: list[tuple[dict[str, Any], dict[str, Any]]] = session.info.pop(_PENDING, [])
    if not entries:
        return
    session.flush()
    head = _lock_head(session)
    # If a row was inserted behind the last one by other means, actions must still be possible.
    last_id = max(head.last_id, session.scalar(select(func.max(AuditEvent.id))) or 0)
    previous, values, key = head.hash, [], newest_key(installation_of(session).audit_keys)
    for entry, changes in entries:
        last_id += 1
        salt = secrets.token_hex(16)
        values_digest = audit_chain.digest(salt, changes) if changes else ""
        parts: dict[str, Any] = {"id": last_id, **entry, "values_digest": values_digest}
        entry_hash = audit_chain.hash_entry(previous, key=key, **parts)
        session.add(
            AuditEvent(**parts, previous=previous, hash=entry_hash, key_id=key_id(key) if key else "")
        )
        if changes:
            values.append(AuditValues(event_id=last_id, salt=salt, changes=changes))
        previous = entry_hash
    head.last_id, head.hash = last_id, previous
    session.flush()
    session.add_all(values)
    session.flush()


@event.listens_for(Session, "after_rollback")
def _drop_pending(session: Session) -> None:
    session.info.pop(_PENDING, None)


def _lock_head(session: Session) -> AuditHead:
    """Return the chain's head, locked; the first entry of an emptied database creates it again."""
    query = select(AuditHead).where(AuditHead.id == 1).with_for_update()
    head = session.scalar(query.execution_options(populate_existing=True))
    if head is None:
        head = AuditHead(id=1, last_id=0, hash=audit_chain.GENESIS)
        session.add(head)
    return head


def _as_stored(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values as the database will return them, so that the hash can be verified."""
    return json.loads(json.dumps(values))


_FETCH_ROWS = 2000
_MIN_HASH_LENGTH = 16
_MOST_DIGITS = 18  # of what a column of ids holds


@dataclass(frozen=True, slots=True)
class Anchor:
    """Number of an entry and the beginning of its hash, noted outside the database: in a mail, on paper."""

    id: int
    hash: str

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Result of a verification.

    `head` is worth noting elsewhere: it alone reveals entries cut off at the end together with the chain's
    head.
    """

    entries: int
    emptied: int  # entries whose values are gone, as by an erasure
    head: Anchor
    broken: audit_chain.ChainBreak | None


def read_head(session: Session) -> Anchor:
    """Return the chain's last entry."""
    head = session.get(AuditHead, 1)
    return Anchor(head.last_id, head.hash) if head else Anchor(0, audit_chain.GENESIS)


def begin_keyed_chain(runtime: Runtime, *, now: datetime) -> None:
    """Record that entries are keyed from here on, once, after an upgrade: so the chain of before has a keyed end."""
    with runtime.db.write() as session:
        head = read_head(session)
        has_keyed = session.scalar(select(exists(select(AuditEvent.id).where(AuditEvent.key_id != ""))))
        if head.id and not has_keyed:
            record(session, "audit.keyed", "audit_head:1", None, now, entries=head.id, head=head.hash)


def read_anchor(text: str) -> Anchor:
    """Parse an anchor: `120:3f9a…`, at least 16 characters of the hash. Raises BadInput."""
    number, _sep, start = text.strip().lower().partition(":")
    if not number.isdecimal() or len(number) > _MOST_DIGITS or len(start) < _MIN_HASH_LENGTH:
        raise BadInput("audit_mark_wrong")
    return Anchor(int(number), start)


def check_audit(session: Session, anchors: Collection[Anchor] = ()) -> AuditCheck:
    """Verify the whole audit log against its chain and these anchors, in constant memory."""
    head = read_head(session)
    keys = {key_id(key): key for key in split_keys(installation_of(session).audit_keys) if key}
    broken = audit_chain.find_break(_read_chain(session), last_id=head.id, last_hash=head.hash, keys=keys)
    for anchor in sorted(anchors, key=lambda anchor: anchor.id):
        if broken is not None and broken.id <= anchor.id:
            break
        entry_hash = session.scalar(select(AuditEvent.hash).where(AuditEvent.id == anchor.id))
        if entry_hash is None or not entry_hash.startswith(anchor.hash):
            # The chain is consistent, but is not the one that was noted.
            broken = audit_chain.ChainBreak(
                anchor.id,
                audit_chain.ChainFault.REMOVED if entry_hash is None else audit_chain.ChainFault.CHANGED,
            )
    has_values = exists().where(AuditValues.event_id == AuditEvent.id, AuditValues.salt.is_not(None))
    emptied = count_rows(session, AuditEvent, AuditEvent.values_digest != "", ~has_values)
    return AuditCheck(count_rows(session, AuditEvent), emptied, head, broken)


def _read_chain(session: Session) -> Iterator[audit_chain.ChainEntry]:
    rows = session.execute(
        select(
            *(getattr(AuditEvent, name) for name in audit_chain.HASHED),
            AuditEvent.previous,
            AuditEvent.hash,
            AuditEvent.key_id,
            AuditValues.salt,
            AuditValues.changes,
        )
        .outerjoin(AuditValues, AuditValues.event_id == AuditEvent.id)
        .order_by(AuditEvent.id)
        .execution_options(yield_per=_FETCH_ROWS)
    )
    for row in rows:
        advance(1)
        yield audit_chain.ChainEntry(*row)


ON_A_PAGE = 20


def read_journal(
    session: Session,
    user: User,
    *,
    who: int | None = None,
    action: str = "",
    subject: str = "",
    origin: str = "",
    day: datetime | None = None,
    before: int | None = None,
) -> tuple[Sequence[Any], bool]:
    """Return a page of the audit log, latest first, and whether there are earlier entries.

    `who` is None for the system or a command; `is_emptied`: there were changes, and they are gone, as by an erasure.
    Without the whole scope only what users of the user's own organisations did. `day` is the first moment of
    the day; `before` the id of the last entry shown.
    """
    is_emptied = (AuditEvent.values_digest != "") & AuditValues.salt.is_(None)
    query = (
        select(
            *columns_of(AuditEvent, "id at action subject details origin"),
            User.shown_name.label("who"),
            AuditValues.changes,
            is_emptied.label("is_emptied"),
        )
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .outerjoin(AuditValues, AuditValues.event_id == AuditEvent.id)
        .where(visible_to(session, user, User.organisation_id))
        .order_by(AuditEvent.id.desc())
        .limit(ON_A_PAGE + 1)
    )
    wanted = {"actor_id": who, "action": action, "subject": subject, "origin": origin}
    query = query.where(*(getattr(AuditEvent, name) == value for name, value in wanted.items() if value))
    if day is not None:
        query = query.where(AuditEvent.at >= day, AuditEvent.at < day + timedelta(days=1))
    if before is not None:
        query = query.where(AuditEvent.id < before)
    entries = session.execute(query).all()
    return entries[:ON_A_PAGE], len(entries) > ON_A_PAGE


def read_actors(session: Session, user: User) -> list[tuple[int, str]]:
    """Return (id, e-mail) of the users whose actions a user may read."""
    rows = session.execute(
        select(User.id, User.email)
        .where(visible_to(session, user, User.organisation_id))
        .order_by(User.email)
    )
    return [(user_id, email) for user_id, email in rows]


log = logging.getLogger(__name__)
EVERY = timedelta(days=1)
_SUBJECT = "Loa: mốc cuối của nhật ký"
_BODY = """Kính gửi đồng chí,

Mốc cuối của nhật ký lúc {at}:

{head}

Hãy giữ thư này. Khi kiểm tra nhật ký (audit verify --anchor), mốc này phải còn trong nhật ký.
"""


def is_due(session: Session, settings: Settings, *, now: datetime) -> bool:
    """Return whether the chain's end has to go outside now."""
    head = session.get(AuditHead, 1) if settings.audit_head_to else None
    return head is not None and head.last_id > 0 and (head.sent_at is None or head.sent_at <= now - EVERY)


def send_head(runtime: Runtime, *, now: datetime) -> int:
    """Send the chain's end to all places. Returns to how many; it counts as sent if it reached one."""
    with runtime.db.read() as session:
        head = read_head(session)
    reached = 0
    for place in runtime.settings.audit_head_to:
        kind, _, where = place.partition(":")
        try:
            if kind == "file":
                _append(Path(where), f"{now.isoformat(timespec='seconds')} {head}\n")
            elif kind == "syslog":
                syslog.openlog("loa")
                syslog.syslog(syslog.LOG_NOTICE | syslog.LOG_AUTHPRIV, f"audit head {head}")
            else:
                body = _BODY.format(at=now.isoformat(timespec="seconds"), head=head)
                if not send_mail(runtime.settings.smtp_url, to=[where], subject=_SUBJECT, body=body):
                    raise smtplib.SMTPRecipientsRefused({})
        except (OSError, smtplib.SMTPException) as error:
            log.error("audit.head_not_sent to=%s error=%s", kind, type(error).__name__)
        else:
            reached += 1
    if reached:
        with runtime.db.write() as session:
            session.execute(update(AuditHead).where(AuditHead.id == 1).values(sent_at=now))
    return reached


def read_outside_heads(settings: Settings) -> list[Anchor]:
    """Return the ends that the files hold. Raises BadInput for a file that cannot be read: its ends count."""
    heads = []
    for place in settings.audit_head_to:
        kind, _, where = place.partition(":")
        if kind == "file":
            try:
                lines = Path(where).read_text("utf-8").splitlines()
            except FileNotFoundError:
                raise BadInput("audit_file_missing", path=where) from None
            heads += [read_anchor(line.rpartition(" ")[2]) for line in lines if line.strip()]
    return heads


def _append(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
