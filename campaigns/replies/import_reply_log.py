"""A log of replies that an operator or a phone exported (CSV, Excel), stored and applied as if they had come one by one.

The same file again changes nothing, and what came by another channel already counts once. Only what was said within
the last hour is answered by SMS.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import BigInteger, select
from sqlalchemy.orm import Session

from campaigns.models.replies import ReplyChannel
from campaigns.replies.receive_reply import ACKNOWLEDGE_WINDOW, DUPLICATE_WINDOW, REPLY_WINDOW, receive_reply
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.contacts.phones import find_phones
from outreach.core.bulk import values_subquery
from outreach.core.db import Database
from outreach.imports.file_reader import read_sheets
from outreach.models.contacts import Phone
from outreach.rules.errors import BadList
from outreach.rules.gateway import InboundMessage
from outreach.rules.segments import unaccent
from outreach.rules.sms_inbound import as_number, keyed_id

# What logs call their columns, without accents, spaces and case.
_COLUMNS = {
    "sender": {"so", "sodienthoai", "sdt", "sodt", "nguoigui", "tuso", "from", "sender", "msisdn", "phone", "phonenumber", "number", "address"},
    "body": {"noidung", "tinnhan", "noidungtin", "traloi", "text", "body", "message", "content"},
    "at": {"thoigian", "luc", "ngay", "ngaygio", "gio", "nhanluc", "time", "date", "datetime", "receivedat", "timestamp"},
}  # fmt: skip
_LOOK_FOR_HEADER = 20  # rows
_TIMES = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d/%m/%Y")
_EARLIEST = 2000  # the year; before it nobody wrote us, whatever a cell says
_LATEST = 9998
_AT_ONCE = 200  # replies in one transaction: a page may answer between two


@dataclass(frozen=True, slots=True)
class LogRow:
    """A row's reply. `at` is None where the log does not say; `same_within` says how exactly it does."""

    number: int
    sender: str
    body: str
    at: datetime | None
    same_within: timedelta


@dataclass(slots=True)
class LogImportResult:
    """Rows read; stored as new; known already by this channel or another; unreadable, by the file's row."""

    rows: int = 0
    new: int = 0
    known: int = 0
    unreadable: list[int] = field(default_factory=list)


def import_log(
    db: Database,
    path: Path,
    *,
    keys: AnswerContext,
    actor_id: int | None,
    now: datetime,
    most_rows: int | None = None,
) -> LogImportResult:
    """Store a log's replies, on record with those of each transaction; without an actor it was a command.

    Raises BadList for a file that is no log or longer than `most_rows`.
    """
    outcome = LogImportResult()
    log = read_log(path)
    with path.open("rb") as file:
        file_hash = hashlib.file_digest(file, "sha256").hexdigest()
    if most_rows is not None:
        rows = list(islice(log, most_rows + 1))
        if len(rows) > most_rows:
            raise BadList(
                f"Tệp có hơn {most_rows} dòng. Hãy chia nhỏ, hoặc nhờ người quản trị nhập bằng lệnh trên máy chủ."
            )
        log = iter(rows)
    while rows := list(islice(log, _AT_ONCE)):
        with db.write() as session:
            _lock_phones(session, {row.sender for row in rows if isinstance(row, LogRow)})
            new_before = outcome.new
            for row in rows:
                outcome.rows += 1
                if isinstance(row, int):
                    outcome.unreadable.append(row)
                    continue
                # Without a time the same row in another file may be another reply; only the same file is known by it.
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
                outcome.new += reply is not None
                outcome.known += reply is None
            audit.record(
                session,
                actor_id=actor_id,
                action="reply.import",
                subject="replies:all",
                now=now,
                rows=len(rows),
                new=outcome.new - new_before,
            )
    return outcome


def read_log(path: Path) -> Iterator[LogRow | int]:
    """Its rows below the header; the bare number of one without a sender or with a time that is none."""
    for sheet in read_sheets(path):
        columns: dict[str, int] | None = None
        for number, cells in enumerate(sheet.rows, start=1):
            if columns is None:
                columns = _find_columns(cells)
                if columns is None and number >= _LOOK_FOR_HEADER:
                    break
                continue
            if any(str(cell or "").strip() for cell in cells):
                yield _read_row(number, cells, columns)
        if columns is None:
            raise BadList(
                "Không thấy dòng tiêu đề có cột số điện thoại và cột nội dung. "
                "Hãy đặt tên cột, ví dụ “Số điện thoại”, “Nội dung”, “Thời gian”, rồi nhập lại."
            )


def _find_columns(cells: Sequence[object]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for place, cell in enumerate(cells):
        label = re.sub(r"[^a-z]", "", unaccent(str(cell or "")).lower())
        for name, labels in _COLUMNS.items():
            if label in labels:
                found.setdefault(name, place)
    return found if {"sender", "body"} <= found.keys() else None


def _read_row(number: int, cells: Sequence[object], columns: Mapping[str, int]) -> LogRow | int:
    def cell(name: str) -> object:
        place = columns.get(name)
        return cells[place] if place is not None and place < len(cells) else None

    sender = as_number(_text(cell("sender")))
    try:
        at, is_day = _read_time(cell("at"))
    except ValueError:
        return number
    if not sender:
        return number
    same_within = DUPLICATE_WINDOW if at and not is_day else timedelta(days=1) if at else REPLY_WINDOW
    return LogRow(number, sender, _text(cell("body")), at, same_within)


def _text(cell: object) -> str:
    # A spreadsheet keeps a number, and the answer "1" as well, as 1.0.
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell if cell is not None else "").replace("\0", "").strip()


def _read_time(cell: object) -> tuple[datetime | None, bool]:
    """The moment in UTC, and whether it is only a day. Raises ValueError for what is no time."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None, False
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return _utc(datetime(cell.year, cell.month, cell.day)), True  # noqa: DTZ001 - Vietnam's, below
    if isinstance(cell, datetime):
        return _utc(cell), False
    said = " ".join(str(cell).split())
    try:
        return _utc(datetime.fromisoformat(said)), len(said) <= 10
    except ValueError:
        pass
    for form in _TIMES:
        try:
            return _utc(datetime.strptime(said, form)), form == _TIMES[-1]  # noqa: DTZ007 - Vietnam's, below
        except ValueError:
            continue
    raise ValueError(said)


def _utc(moment: datetime) -> datetime:
    if not _EARLIEST <= moment.year <= _LATEST:
        raise ValueError(moment.year)
    return (moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)).astimezone(UTC)


def _lock_phones(session: Session, numbers: set[str]) -> None:
    """In the order of their ids, as everybody does: a log's own order may cross another transaction's."""
    ids = values_subquery(session, sorted(find_phones(session, numbers).values()), BigInteger)
    session.execute(
        select(Phone.id).where(Phone.id.in_(ids)).order_by(Phone.id).with_for_update(key_share=True)
    ).all()
