"""What comes in by other ways than a form post: by a gateway's connection, on Zalo, from other systems, in a log.

Receipts, late answers and replies of a connection of our own are stored before they are answered. Other systems hand in what they
received by a channel of theirs, applied as a resident's reply is. A log (CSV, Excel) exported by an operator or a phone is applied as if its
replies had come one by one; importing it again changes nothing, and only replies of the last hour are acknowledged by SMS.
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import String, delete, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from campaigns.delivery.incoming_reports import store_receipts
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.campaigns import Recipient
from campaigns.models.replies import Reply, ReplyChannel, ReplyPart
from campaigns.replies.receive_reply import ACKNOWLEDGE_WINDOW, DUPLICATE_WINDOW, REPLY_WINDOW, receive_reply
from campaigns.rules.delivery import NoticesReach
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import Understanding, understand
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptReport, AttemptState
from outreach.accounts import audit
from outreach.accounts.api_tokens import Bearer
from outreach.accounts.permissions import visible_to
from outreach.contacts.contact import find_recorded_contact
from outreach.contacts.phones import find_phones
from outreach.contacts.references import find_person
from outreach.contacts.suppressions import lock_phones, number_keys
from outreach.core.db import advance, find_row, set_columns, values_subquery
from outreach.imports.sheet_process import read_sheets
from outreach.models.contacts import ContactList, Phone
from outreach.rules.cells import written
from outreach.rules.declared_tables import TableRow, find_table
from outreach.rules.errors import BadInput, BadList, NotFound, WrongState
from outreach.rules.gateway import (
    Answered,
    InboundMessage,
    InboundPart,
    InboxItem,
    LateAnswer,
    Receipt,
    kept_id,
)
from outreach.rules.sms_inbound import ZaloMessage, ZaloNumber, as_number, keyed_id
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_apply_callbacks, enqueue_send, transaction

log = logging.getLogger(__name__)
# What has come of a reply by then is read: it may be an opt-out.
PARTS_WAIT_FOR = timedelta(minutes=5)
MISSING = "[…]"
JOINED_AT_ONCE = 200  # replies whose parts never come are no reason to end the sweep
# A centre that saw no answer delivers again as soon as a connection is there: other workers have theirs, a killed one comes
# back within seconds. Who says the same later says it again.
REPEATED_WITHIN = timedelta(seconds=60)


class GatewayInbox:
    """Inbox of a process's gateway: stores in a thread of its own, so that receipts wait for no claim."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gateway-inbox")

    async def __call__(self, items: list[InboxItem]) -> None:
        """Store all items and return once they are durable. Raises what the transaction raised: none is stored."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(
            self._thread, lambda: store_delivered(self._runtime, items, now=datetime.now(UTC))
        )


def store_delivered(runtime: Runtime, items: Sequence[InboxItem], *, now: datetime) -> None:
    """Store what a gateway sent: receipts together, replies each in its transaction, in order of arrival. May be repeated."""
    _store_reports(runtime, items, now=now)
    replies = [item for item in items if isinstance(item, InboundMessage | InboundPart)]
    for reply in replies:
        try:
            _store_reply(runtime, reply, now=now)
        except IntegrityError:
            _store_reply(runtime, reply, now=now)  # the same at the same moment, at another worker
        except DBAPIError:
            raise
        except Exception as error:
            # A fault of ours must not keep the centre from what comes after it: a person reads what was sent.
            log.error("inbox.not_understood error=%s", type(error).__name__)
            unread = InboundMessage(reply.gateway_id, reply.sender, reply.recipient, reply.body, False)
            unread = replace(unread, raw=reply.raw or reply.body.encode(), delivery=reply.delivery)
            with runtime.db.write() as session:
                _receive(session, runtime, unread, now=now, meant=Understanding.by_gateway(Label.UNCLEAR))
    if replies:
        enqueue_send(runtime)


def _store_reports(runtime: Runtime, items: Sequence[InboxItem], *, now: datetime) -> None:
    """Store the receipts, the late acceptances, and which replies the gateway has answered itself."""
    receipts = [item for item in items if isinstance(item, Receipt)]
    late = [item for item in items if isinstance(item, LateAnswer)]
    if receipts or late:
        with runtime.db.write() as session:
            store_receipts(session, receipts, now=now)
            reports = [
                AttemptReport(item.attempt_id, AttemptState.ACCEPTED, item.gateway_id) for item in late
            ]
            apply_reports(session, reports, now=now)
        enqueue_apply_callbacks(runtime)
    if answered := [id_ for item in items if isinstance(item, Answered) for id_ in item.kept_ids]:
        with runtime.db.write() as session:
            for table in (Reply, ReplyPart):
                ids = values_subquery(session, answered, String)
                set_columns(session, table, table.gateway_id.in_(ids), is_answered=True)


def _store_reply(runtime: Runtime, reply: InboundMessage | InboundPart, *, now: datetime) -> None:
    with runtime.db.write() as session:
        if not isinstance(reply, InboundPart):
            _receive(session, runtime, reply, now=now)
        elif _add_part(session, reply, now=now):
            join_parts(session, runtime, now=now, of=reply)


def _receive(
    session: Session,
    runtime: Runtime,
    message: InboundMessage,
    *,
    now: datetime,
    meant: Understanding | None = None,
    is_long: bool = False,
) -> None:
    if _is_repeated(session, Reply, message, now=now):
        return
    kept = replace(message, gateway_id=_id_of(message, now=now))
    reply = receive_reply(session, kept, now=now, channel=ReplyChannel.PUSH, meant=meant)
    if reply and is_long:  # its parts are known by themselves when they come again
        reply.is_answered = True


def _id_of(message: InboundMessage | InboundPart, *, now: datetime) -> str:
    return kept_id(message if message.delivery else replace(message, delivery=f"{now.timestamp()}"))


def _is_repeated(
    session: Session,
    table: Any,  # Reply or ReplyPart
    message: InboundMessage | InboundPart,
    *,
    now: datetime,
) -> bool:
    """Return whether a message was kept before, and came again as the centre saw no answer to it.

    It came by the same request, or is equal in all that it carries to one that came by another connection seconds before and
    of which the centre may have no answer. That one is then known by its last delivery: who says the same once more has said
    it again.
    """
    identity, connection = _id_of(message, now=now), message.delivery.partition(":")[0]
    since = now - REPEATED_WITHIN
    if known := session.scalar(select(table).where(table.gateway_id == identity).with_for_update()):
        if known.received_at > since:
            return True
        known.gateway_id = f"{identity}~{known.id}"  # the centre's sequence numbers have begun anew
    equal = select(table).where(
        table.sender == message.sender[:32],
        table.received_at > since,
        table.is_answered.is_(False),
        table.gateway_id.startswith(f"{message.gateway_id}:", autoescape=True),
    )
    for each in session.scalars(equal.order_by(table.id).with_for_update()):
        if not connection or each.gateway_id.split(":")[-2] != connection:
            each.gateway_id = identity
            return True
    return False


def _add_part(session: Session, part: InboundPart, *, now: datetime) -> bool:
    """Keep a part. Returns False for one that was kept before."""
    if _is_repeated(session, ReplyPart, part, now=now):
        return False
    session.add(
        ReplyPart(
            gateway_id=_id_of(part, now=now),
            sender=part.sender[:32],
            recipient=part.recipient[:32],
            reference=part.reference,
            total=part.total,
            number=part.number,
            body=part.body,
            raw=part.raw,
            received_at=now,
        )
    )
    session.flush()
    return True


def has_parts(session: Session) -> bool:
    """Return whether parts of long replies wait for the others, or are to be forgotten."""
    return session.scalar(select(ReplyPart.id).limit(1)) is not None


def join_parts(session: Session, runtime: Runtime, *, now: datetime, of: InboundPart | None = None) -> int:
    """Receive the replies whose parts are complete, or have waited for PARTS_WAIT_FOR, JOINED_AT_ONCE at most. Returns how many.

    `of`: only those that this part may belong to. A telephone gives a reference again: of several replies with it a part belongs
    to the newest that lacks it.
    """
    waiting = select(ReplyPart).where(ReplyPart.joined_at.is_(None)).order_by(ReplyPart.id)
    if of is None:
        session.execute(delete(ReplyPart).where(ReplyPart.joined_at < now - PARTS_WAIT_FOR))
    else:
        alike = {"sender": of.sender[:32], "recipient": of.recipient[:32], "reference": of.reference}
        waiting = waiting.filter_by(**alike)
    groups: list[dict[int, ReplyPart]] = []
    open_groups: dict[tuple[str, str, int, int], list[dict[int, ReplyPart]]] = {}
    for part in session.scalars(waiting.with_for_update()):
        mine = open_groups.setdefault((part.sender, part.recipient, part.reference, part.total), [])
        group = next((each for each in reversed(mine) if part.number not in each), None)
        if group is None:
            group = {}
            mine.append(group)
            groups.append(group)
        group[part.number] = part
    count = 0
    for group in groups:
        first = next(iter(group.values()))
        if len(group) < first.total and now - first.received_at < PARTS_WAIT_FOR:
            continue
        raw = b"".join(part.raw for part in group.values() if part.raw) or None
        _, identity, delivery = [*first.gateway_id.split(":", 2), ""][:3]
        message = InboundMessage(
            f"long:{identity}",
            first.sender,
            first.recipient,
            join_bodies({number: part.body for number, part in group.items()}, total=first.total),
            is_opt_out=False,
            raw=raw,
            is_whole=len(group) == first.total,
            delivery=delivery,
        )
        _receive(session, runtime, message, now=now, is_long=True)
        for part in group.values():
            part.joined_at = now
        count += 1
        if count == JOINED_AT_ONCE:
            break
    return count


def join_bodies(bodies: Mapping[int, str], *, total: int) -> str:
    """Return the text of a long reply, with MISSING in the place of parts that have not come."""
    pieces: list[str] = []
    for number in range(1, total + 1):
        piece = bodies.get(number, MISSING)
        if piece is not MISSING or not pieces or pieces[-1] is not MISSING:
            pieces.append(piece)
    return "".join(pieces)


def keep_number(session: Session, given: ZaloNumber) -> None:
    """Keep by which id the account knows the owner of a number, where it is one of ours and no other user has given it.

    Nobody says whether what a user typed is their own number: who gives another's takes it from nobody, and who gives a second
    one has neither any more, lest one user speak for many.
    """
    doubted = f"?{given.user}"
    theirs = Phone.zalo_id.in_((given.user, doubted))
    if session.scalar(select(Phone.id).where(theirs, Phone.e164 != given.number).limit(1)):
        set_columns(session, Phone, theirs, zalo_id=doubted)
    else:
        own = (Phone.e164 == given.number, Phone.zalo_id.is_(None))
        set_columns(session, Phone, *own, zalo_id=given.user)


def as_reply(session: Session, message: ZaloMessage, *, now: datetime) -> InboundMessage:
    """Return a message as a reply from its number; of an owner who is not known, from the id, for an officer to see."""
    phone = session.execute(
        update(Phone)
        .where(Phone.zalo_id == message.user)
        .values(notices=NoticesReach.ANSWERED, notices_at=now)
        .returning(Phone.e164)
        .execution_options(synchronize_session=False)
    ).scalar()
    sender = phone or f"zalo:{message.user}"
    return InboundMessage(f"zalo:{message.id}", sender, "", message.text, False, received_at=message.sent_at)


OPT_OUT_TEXT = "TC"  # as a resident writes it


def hand_in_reply(
    session: Session,
    *,
    reference: str,
    person: str,
    phone: str,
    text: str,
    is_opt_out: bool,
    at: datetime,
    bearer: Bearer,
    now: datetime,
) -> Reply:
    """Record a reply of a person, named by the system's own name or by a number, in the caller's transaction.

    `reference` is what the system calls the reply. A number may be anybody's for an opt-out, which waits for an officer where nobody has the name any more, else it belongs to a person of
    a list in the token's scope, and the message that it answers went to one. Raises BadInput, NotFound, NotAllowed for a wrong
    number of whom the token's lists only name, WrongState where it came before.
    """
    if at > now:
        raise BadInput("reply_in_future")
    sender = find_person(session, bearer, person=person, phone=phone, is_anybody=is_opt_out).number
    stop = Understanding.by_gateway(Label.OPT_OUT)._replace(is_urgent=understand(text).is_urgent)
    reply = receive_reply(
        session,
        InboundMessage(f"{id_prefix(bearer)}{reference}", sender, "", text or OPT_OUT_TEXT, is_opt_out=False),
        now=at,
        channel=ReplyChannel.API,
        acknowledge=now - at <= ACKNOWLEDGE_WINDOW,
        meant=stop if is_opt_out else None,
    )
    if reply is None:
        raise WrongState("reply_known")
    # Whose ever it is, an opt-out and a cry for help count.
    if not (reply.label is Label.OPT_OUT or reply.is_urgent or _is_in_scope(session, reply, bearer)):
        raise NotFound("phone_number_out_of_scope")
    told_of = find_row(session, Recipient, reply.recipient_id)
    if reply.label is Label.WRONG_NUMBER and told_of and told_of.contact_id:
        # As on a page: who only names a person calls no number of theirs wrong.
        find_recorded_contact(session, told_of.contact_id, user=bearer.as_user())
    enqueue_after_commit(session, enqueue_send)
    audit.record(session, "api.reply", reply, None, now, token=bearer.token_id)
    return reply


def _is_in_scope(session: Session, reply: Reply, bearer: Bearer) -> bool:
    """Return whether the message that a reply answers, if any, went to a person of a list in the token's scope."""
    sent_to = select(Recipient.id).join(ContactList, ContactList.id == Recipient.list_id)
    own = visible_to(session, bearer.as_user(), ContactList.organisation_id)
    return reply.recipient_id is None or bool(
        session.scalar(sent_to.where(Recipient.id == reply.recipient_id, own))
    )


def id_prefix(bearer: Bearer) -> str:
    """Return how the ids begin under which an organisation's replies are stored, before its reference of each."""
    return f"api.{bearer.organisation_id}."


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
    runtime: Runtime, path: Path, *, actor_id: int | None, now: datetime, most_rows: int | None = None
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
                    secret_key=number_keys(session),
                )
                reply = receive_reply(
                    session,
                    InboundMessage(f"log:{identity}", row.sender, "", row.body, False),
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
        advance(len(rows))
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
