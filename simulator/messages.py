"""Messages of the simulator: one SMS, the store in memory, and the journal on disk.

The store holds at most `keep` messages; beyond that the oldest are deleted, a tenth at a time, and indexes keep
counting.

The journal (`--data DIR`) is an append-only file of JSON lines, read again at the next start. It is buffered and flushed
a few times a second; never synced, as a training gateway may lose the last moments before a power cut. Kinds of line:
`accepted`, `received`, `ended`, `answered`.
"""

import asyncio
import json
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

API_VERSION = "2010-04-01"
# Price of a segment here: 350 đồng, as in the settings of a new installation, so that what is billed is what was estimated.
PRICE_USD = 350 / 23_200
# Source: Twilio's error dictionary.
ERROR_MESSAGES = {
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
}


class Direction(StrEnum):
    """Direction of a message, as in Twilio's API."""

    OUTBOUND = "outbound-api"
    INBOUND = "inbound"


class Status(StrEnum):
    """Status of a message: those of Twilio's statuses that are used here."""

    ACCEPTED = "accepted"  # by a messaging service that has not chosen a sender yet
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    RECEIVED = "received"  # inbound


FINAL = frozenset({Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.RECEIVED})


@dataclass(slots=True, eq=False)
class Sms:
    """SMS; times are epoch seconds, `seq` counts all, `ledger_index` the accepted outbound ones."""

    sid: str
    account_sid: str
    direction: Direction
    to: str
    from_: str | None
    body: str
    status: Status
    num_segments: int
    created: float
    updated: float
    sent: float | None = None
    service_sid: str | None = None
    status_callback: str | None = None
    error_code: int | None = None
    is_reported: bool = False  # its final status reached the receiver, or no callback was requested
    answered_by_link: str | None = None
    # Of a notice: its template, and the text that follows where it does not arrive.
    notice: str | None = None
    text: str | None = None
    seq: int = -1
    ledger_index: int = -1

    @property
    def resident(self) -> str:
        """Number of the training phone that receives or sends this message."""
        return self.to if self.direction is Direction.OUTBOUND else (self.from_ or "")


def mint_sid() -> str:
    """Return a new sid: SM and 32 hexadecimal digits."""
    return "SM" + os.urandom(16).hex()


def rfc2822(epoch: float | None) -> str | None:
    """Return a time in Twilio's format, in whole seconds of UTC."""
    return None if epoch is None else _rfc2822(int(epoch))


@lru_cache(maxsize=4096)
def _rfc2822(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


def to_twilio(sms: Sms) -> dict[str, Any]:
    """Return the Message resource of Twilio's REST API."""
    uri = f"/{API_VERSION}/Accounts/{sms.account_sid}/Messages/{sms.sid}"
    return {
        "sid": sms.sid,
        "account_sid": sms.account_sid,
        "api_version": API_VERSION,
        "body": sms.body,
        "date_created": rfc2822(sms.created),
        "date_updated": rfc2822(sms.updated),
        "date_sent": rfc2822(sms.sent),
        "direction": sms.direction.value,
        "error_code": sms.error_code,
        "error_message": ERROR_MESSAGES.get(sms.error_code) if sms.error_code else None,
        "from": sms.from_,
        "messaging_service_sid": sms.service_sid,
        "num_media": "0",
        "num_segments": str(sms.num_segments),
        "price": _price(sms),
        "price_unit": "USD",
        "status": sms.status.value,
        "subresource_uris": {"media": uri + "/Media.json"},
        "to": sms.to,
        "uri": uri + ".json",
    }


def _price(sms: Sms) -> str | None:
    """Return the price as Twilio does: negative, and None until the message has its final status."""
    if sms.status not in (Status.DELIVERED, Status.UNDELIVERED):
        return None
    return f"{-PRICE_USD * sms.num_segments:.5f}"


def to_ledger(sms: Sms) -> dict[str, Any]:
    """Return the ledger entry of an accepted message, with Twilio's parameter names."""
    return {
        "index": sms.ledger_index,
        "sid": sms.sid,
        "account": sms.account_sid,
        "To": sms.to,
        "From": sms.from_,
        "MessagingServiceSid": sms.service_sid,
        "Body": sms.body,
        "Notice": sms.notice,
        "StatusCallback": sms.status_callback,
        "status": sms.status.value,
        "error_code": sms.error_code,
        "num_segments": sms.num_segments,
        "date_created": rfc2822(sms.created),
        "accepted_at": sms.created,
    }


@dataclass(slots=True, eq=False)
class TrainingPhone:
    """Training phone: its number and conversation, oldest first."""

    number: str
    entries: list[Sms] = field(default_factory=list)
    version: int = 0  # increases with every change visible on a page
    last_answer: str | None = None  # the label of its latest automatic answer
    last_answer_at: float = 0.0
    draws: int = 0

    @property
    def received(self) -> int:
        return sum(sms.direction is Direction.OUTBOUND for sms in self.entries)

    @property
    def last_sender(self) -> str | None:
        """Sender of the last message to it, None where there was none."""
        received = (sms for sms in reversed(self.entries) if sms.direction is Direction.OUTBOUND)
        return next((sms.from_ for sms in received if sms.from_), None)


class Store:
    """All messages accepted and received, found by sid, by phone or in order."""

    def __init__(self, *, keep: int) -> None:
        self._keep = keep
        self.clear()

    def clear(self) -> None:
        self.everything: list[Sms] = []
        self.ledger: list[Sms] = []
        self.by_sid: dict[str, Sms] = {}
        self.phones: dict[str, TrainingPhone] = {}  # the most recently active one is last
        self.senders: set[str] = set()
        self.opted_out: set[str] = set()
        self.request_ids: set[str] = set()  # of an aggregator's requests
        self.forgotten = 0
        self.forgotten_ledger = 0
        self.version = 0

    def add(self, sms: Sms) -> None:
        sms.seq = self.forgotten + len(self.everything)
        self.everything.append(sms)
        self.by_sid[sms.sid] = sms
        if sms.direction is Direction.OUTBOUND:
            sms.ledger_index = self.forgotten_ledger + len(self.ledger)
            self.ledger.append(sms)
            if sms.from_:
                self.senders.add(sms.from_)
        else:
            self.senders.add(sms.to)
        phone = self.phones.pop(sms.resident, None) or TrainingPhone(sms.resident)
        self.phones[sms.resident] = phone
        phone.entries.append(sms)
        self._mark_changed(phone)
        if len(self.everything) > self._keep:
            self._delete_oldest(len(self.everything) - self._keep + self._keep // 10)

    def touch(self, sms: Sms) -> None:
        """Mark a message as changed, so that pages are rendered again."""
        phone = self.phones.get(sms.resident)
        if phone is not None:
            self._mark_changed(phone)

    def newest_first(self, *, to: str | None, from_: str | None, before_seq: int | None) -> Iterator[Sms]:
        """Return candidates for a list by `to` and `from_`; the caller still applies its filters."""
        entries = self._narrowest(to, from_)
        if entries is self.everything and before_seq is not None:
            stop = max(0, min(before_seq - self.forgotten, len(entries)))
            return (entries[i] for i in range(stop - 1, -1, -1))
        return (sms for sms in reversed(entries) if before_seq is None or sms.seq < before_seq)

    def oldest_first(self, *, to: str | None, from_: str | None, after_seq: int) -> Iterable[Sms]:
        """Return the same in the other direction, newer than `after_seq`."""
        return (sms for sms in self._narrowest(to, from_) if sms.seq > after_seq)

    def find_phones(self, needle: str) -> Iterator[TrainingPhone]:
        """Return phones with the digits of `needle` in their number, recently active first; all if none."""
        digits = "".join(char for char in needle if char.isdigit())
        return (
            phone
            for phone in reversed(self.phones.values())
            if digits in phone.number or digits in "0" + phone.number.removeprefix("+84")
        )

    def _narrowest(self, to: str | None, from_: str | None) -> list[Sms]:
        # A sender that missed a response lists the messages of one number at a time. That must not cost a
        # scan of all messages, above all if the number never received one.
        for number in (to, from_):
            if number and number in self.phones:
                return self.phones[number].entries
            if number and number not in self.senders:
                return []
        return self.everything

    def _mark_changed(self, phone: TrainingPhone) -> None:
        phone.version += 1
        self.version += 1

    def _delete_oldest(self, count: int) -> None:
        oldest, self.everything = self.everything[:count], self.everything[count:]
        self.forgotten += count
        outbound = sum(sms.direction is Direction.OUTBOUND for sms in oldest)
        self.ledger = self.ledger[outbound:]
        self.forgotten_ledger += outbound
        for sms in oldest:
            del self.by_sid[sms.sid]
        for number in {sms.resident for sms in oldest}:
            phone = self.phones[number]
            phone.entries = [sms for sms in phone.entries if sms.seq >= self.forgotten]
            if not phone.entries:
                del self.phones[number]


log = logging.getLogger(__name__)
FLUSH_S = 0.2
_NOT_STORED = {"seq", "ledger_index"}
_STORED = tuple(item.name for item in fields(Sms) if item.name not in _NOT_STORED)


class Journal:
    """Journal on disk. Without a directory it writes nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / "messages.jsonl" if directory else None
        self._file: IO[bytes] | None = None

    def load(self, store: Store) -> None:
        """Read all lines into `store` and open the file for appending.

        A line cut short by a crash is dropped. Raises OSError when the directory cannot be used.
        """
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b", buffering=1 << 20)
        for line in _whole_lines(self._file):
            _apply(line, store)

    def clear(self) -> None:
        if self._file:
            self._file.truncate(0)

    def close(self) -> None:
        if self._file:
            self._file.close()

    async def keep_flushing(self) -> None:
        """Flush the file every FLUSH_S seconds, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            if self._file:
                self._file.flush()

    def write_message(self, sms: Sms) -> None:
        if self._file:
            kind = "accepted" if sms.direction is Direction.OUTBOUND else "received"
            self._write({"kind": kind, **{name: getattr(sms, name) for name in _STORED}})

    def write_end(self, sms: Sms) -> None:
        """Record that a message has its final status, and that its callback was answered."""
        if self._file:
            end = {"status": sms.status, "sent": sms.sent, "updated": sms.updated, "from_": sms.from_}
            end |= {"error_code": sms.error_code, "num_segments": sms.num_segments}
            self._write({"kind": "ended", "sid": sms.sid, **end})

    def write_answer(self, sms: Sms) -> None:
        if self._file:
            self._write({"kind": "answered", "sid": sms.sid, "answered_by_link": sms.answered_by_link})

    def _write(self, line: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _whole_lines(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    file.seek(0)
    end = 0
    for number, raw in enumerate(file, start=1):
        if not raw.endswith(b"\n"):
            log.warning("dropped the journal's last line: it was cut short")
            break
        end += len(raw)
        try:
            yield json.loads(raw)
        except ValueError:
            log.warning("skipped line %d of the journal: it is not JSON", number)
    file.truncate(end)


def _apply(line: dict[str, Any], store: Store) -> None:
    kind = line.pop("kind", None)
    if kind in ("accepted", "received"):
        line["direction"], line["status"] = Direction(line["direction"]), Status(line["status"])
        store.add(Sms(**line))
        return
    sms = store.by_sid.get(line.pop("sid", ""))
    if sms is None:
        return  # deleted, as there were more messages than `keep`
    if kind == "ended":
        line["status"] = Status(line["status"])
        sms.is_reported = True
    for name, value in line.items():
        setattr(sms, name, value)
