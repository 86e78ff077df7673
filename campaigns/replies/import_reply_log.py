"""Import of a reply log (CSV, Excel) exported by an operator or a phone.

Its replies are stored and applied as if they had come one by one. Importing the same file again changes nothing, and a
reply already received by another channel is not stored twice. Only replies of the last hour are acknowledged by SMS.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

from campaigns.models.replies import ReplyChannel
from campaigns.replies.receive_reply import ACKNOWLEDGE_WINDOW, DUPLICATE_WINDOW, REPLY_WINDOW, receive_reply
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.contacts.phones import find_phones
from outreach.contacts.suppressions import lock_phones
from outreach.imports.sheet_process import read_sheets
from outreach.rules.cells import written
from outreach.rules.declared_tables import TableRow, find_table
from outreach.rules.errors import BadList
from outreach.rules.gateway import InboundMessage
from outreach.rules.sms_inbound import as_number, keyed_id
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_send, transaction

_COLUMNS = {
    name: re.compile(rf"(?:{labels.replace(' ', '[ _]?')})[\W\d_]*$")
    for name, labels in (
        ("sender", "so|(?:so )?dien thoai|so dt|sdt|nguoi gui|tu so|from|sender|msisdn|phone(?: number)?|number|address"),
        ("body", "noi dung(?: tin)?|tin nhan|tra loi|text|body|message|content"),
        ("at", "thoi gian|luc|ngay(?: gio)?|gio|nhan luc|time|date(?: time)?|received at|time stamp"),
    )
}  # fmt: skip
_TIMES = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d/%m/%Y")
_EARLIEST = 2000  # the year; an earlier one in a cell is an error
_LATEST = 9998
_BATCH = 200  # replies per transaction, so that the answer page gets its turn between two


@dataclass(frozen=True, slots=True)
class LogRow:
    """Reply of a row. `at` is None if the log has no time; `same_within` is the precision of `at`."""

    number: int
    sender: str
    body: str
    at: datetime | None
    same_within: timedelta


@dataclass(slots=True)
class LogImportResult:
    """Counts of an import: rows read, stored as new, already known; and the numbers of unreadable rows."""

    rows: int = 0
    new: int = 0
    known: int = 0
    unreadable: list[int] = field(default_factory=list)


def import_log(
    runtime: Runtime,
    path: Path,
    *,
    keys: AnswerContext,
    actor_id: int | None,
    now: datetime,
    most_rows: int | None = None,
) -> LogImportResult:
    """Store and apply the replies of a log, a batch per transaction, each with its audit entry.

    `actor_id` is None if started from the command line. Raises BadList if the file is no log or has more than
    `most_rows` rows.
    """
    result = LogImportResult()
    log = read_log(path)
    with path.open("rb") as file:
        file_hash = hashlib.file_digest(file, "sha256").hexdigest()
    if most_rows is not None:
        rows = list(islice(log, most_rows + 1))
        if len(rows) > most_rows:
            raise BadList("reply_log_long", most=most_rows)
        log = iter(rows)
    while rows := list(islice(log, _BATCH)):
        with transaction(runtime) as session:
            enqueue_after_commit(session, enqueue_send)
            senders = {row.sender for row in rows if isinstance(row, LogRow)}
            lock_phones(session, find_phones(session, senders).values())
            new_before = result.new
            for row in rows:
                result.rows += 1
                if isinstance(row, int):
                    result.unreadable.append(row)
                    continue
                # Without a time an equal row in another file may be another reply: the id depends on the file.
                identity = keyed_id(
                    row.sender,
                    row.at.isoformat() if row.at else file_hash,
                    row.body,
                    secret_key=keys.secret_key,
                )
                reply = receive_reply(
                    session,
                    InboundMessage(f"log:{identity}", row.sender, "", row.body, False),
                    keys=keys,
                    now=min(row.at or now, now),
                    channel=ReplyChannel.LOG,
                    same_within=row.same_within,
                    acknowledge=row.at is not None and now - row.at <= ACKNOWLEDGE_WINDOW,
                )
                result.new += reply is not None
                result.known += reply is None
            audit.record(
                session,
                "reply.import",
                "replies:all",
                actor_id,
                now,
                rows=len(rows),
                new=result.new - new_before,
            )
    return result


def read_log(path: Path) -> Iterator[LogRow | int]:
    """Yield the rows below the header; an unreadable row as its bare number.

    A row is unreadable without a sender or with an invalid time. Raises BadList if a sheet has no header.
    """
    for sheet in read_sheets(path):
        table = find_table(sheet.rows, _COLUMNS, needed=(("sender",), ("body",)))
        if table is None:
            raise BadList("reply_log_header_missing")
        yield from map(_read_row, table)


def _read_row(row: TableRow) -> LogRow | int:
    sender, body = (written(row.cells.get(name)).strip() for name in ("sender", "body"))
    try:
        at, is_day = _read_time(row.cells.get("at"))
    except ValueError:
        return row.line
    if not (number := as_number(sender)):
        return row.line
    same_within = DUPLICATE_WINDOW if at and not is_day else timedelta(days=1) if at else REPLY_WINDOW
    return LogRow(row.line, number, body, at, same_within)


def _read_time(cell: object) -> tuple[datetime | None, bool]:
    """Return the time in UTC, and whether it is only a day. Raises ValueError if it is no time."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None, False
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return _utc(datetime(cell.year, cell.month, cell.day)), True  # noqa: DTZ001 - Vietnam's, below
    if isinstance(cell, datetime):
        return _utc(cell), False
    text = " ".join(str(cell).split())
    try:
        return _utc(datetime.fromisoformat(text)), len(text) <= 10
    except ValueError:
        pass
    for time_format in _TIMES:
        try:
            return _utc(datetime.strptime(text, time_format)), time_format == _TIMES[-1]  # noqa: DTZ007 - Vietnam's, below
        except ValueError:
            continue
    raise ValueError(text)


def _utc(moment: datetime) -> datetime:
    if not _EARLIEST <= moment.year <= _LATEST:
        raise ValueError(moment.year)
    return (moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)).astimezone(UTC)
