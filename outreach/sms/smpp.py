"""Gateway for an operator's short message centre by SMPP 3.4.

The only module that uses `smpp34`, for its codec. The session is our own: the library's acknowledges a receipt or a
reply before anybody has stored it, and cannot tell a cut connection from an answer (both are status 0x08). Here

- a `deliver_sm` is answered once it is stored, so that the centre repeats what a killed worker had in hand;
- nothing is asked between `is_over` and the write, and what was written and not answered is OutcomeUnknown;
- the connection is kept for the life of the process, also while no campaign is sending.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import ssl
import struct
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from smpp34 import SubmitSm, Tlv

from outreach.core.settings import Settings
from outreach.rules import gateway
from outreach.rules.smpp import (
    ALREADY_BOUND,
    HAS_HEADER,
    NO_TRANSCEIVER,
    OUR_REFERENCE,
    PAYLOAD,
    SAR_NUMBER,
    SAR_REFERENCE,
    SAR_TOTAL,
    Concatenation,
    InboundPdu,
    SubmitPart,
    decode_text,
    encode_parts,
    gateway_id,
    is_refused_login,
    join_outcomes,
    read_pdu,
    read_receipt,
    read_status,
    reference_of,
    split_header,
    whole_part,
)
from outreach.rules.sms_inbound import as_number, keyed_id
from outreach.sms.send_window import SendWindow

log = logging.getLogger(__name__)
_HEADER = struct.Struct(">IIII")
DELIVER, DATA, UNBIND, ENQUIRE, NACK, ANSWER = 0x05, 0x103, 0x06, 0x15, 0x80000000, 0x80000000
INVALID_COMMAND = 0x03
LONGEST_PDU = 70_000  # message_payload has at most 65,535 octets


class ConnectionCut(Exception):
    """The connection ended before the answer came."""


class Session(asyncio.Protocol):
    """One bound connection. `deliver` takes a `deliver_sm` or `data_sm`, with its command and sequence number.

    `name` tells it from all others of the installation.
    """

    def __init__(
        self, deliver: Callable[[Session, int, int, bytes], None], late: Callable[[int, int, bytes], None]
    ) -> None:
        self._deliver, self._late = deliver, late
        self.name = secrets.token_hex(4)
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._sequence = 0
        self.heard_at = time.monotonic()
        self.ended = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """Whether what is written now leaves: nothing does where the connection has ended, or is about to."""
        return not (self.ended.done() or self._transport is None or self._transport.is_closing())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass of asyncio's

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionCut())

    def pause_writing(self) -> None:
        """Read nothing more of a centre that takes none of our answers: else they would fill the memory."""
        if self._transport:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport:
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        self._buffer = buffer = self._buffer + data if self._buffer else data
        start, end = 0, len(buffer)
        while end - start >= _HEADER.size:
            length, command, status, sequence = _HEADER.unpack_from(buffer, start)
            if not _HEADER.size <= length <= LONGEST_PDU:
                log.warning("smpp.not_smpp")
                return self.close()
            if end - start < length:
                break
            self._take(command, status, sequence, buffer[start : start + length])
            start += length
        self._buffer = buffer[start:]

    def _take(self, command: int, status: int, sequence: int, pdu: bytes) -> None:
        if command & ANSWER:
            answer = self._waiting.pop(sequence, None)
            if answer is None or answer.done():
                self._late(status, sequence, pdu)
            else:
                # A `generic_nack` without a reason still says that nothing was done.
                answer.set_result((status or 0x03 if command == NACK else status, pdu[16:]))
        elif command in (DELIVER, DATA):
            self._deliver(self, command, sequence, pdu)
        elif command == ENQUIRE:
            self.answer(command, sequence)
        elif command == UNBIND:
            self.answer(command, sequence)
            if self._transport:
                self._transport.close()
        else:
            self._write(_HEADER.pack(16, NACK, INVALID_COMMAND, sequence))

    def answer(self, command: int, sequence: int, status: int = 0) -> None:
        """Answer a request of the centre's; `deliver_sm_resp` and `data_sm_resp` have an empty id after their header."""
        body = b"\0" if command in (DELIVER, DATA) else b""
        self._write(_HEADER.pack(16 + len(body), command | ANSWER, status, sequence) + body)

    def _write(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    def next_sequence(self) -> int:
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return self._sequence

    def write(self, sequence: int, pdu: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request. Its future has status and body of the answer, or ConnectionCut."""
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        if not self.is_open:
            answer.set_exception(ConnectionCut())
            return answer
        self._waiting[sequence] = answer
        self._write(pdu)
        return answer

    def request(self, command: int, body: bytes = b"") -> asyncio.Future[tuple[int, bytes]]:
        """Send a request that is not a message."""
        sequence = self.next_sequence()
        return self.write(sequence, _HEADER.pack(16 + len(body), command, 0, sequence) + body)

    def forget(self, sequence: int) -> None:
        """Stop waiting for an answer: it is late if it comes."""
        self._waiting.pop(sequence, None)


_BINDS = {"receiver": 0x01, "transmitter": 0x02, "transceiver": 0x09}
ENQUIRE_EVERY_S = 20.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0  # between two tries to connect
WAIT_FOR_BIND_S = 3.0  # a request waits this long for a connection that is being made again
THROTTLED_WAIT_S = 0.5  # for a part, when other parts of its message were accepted
STORE_FOR_S = 30.0  # a centre repeats what was not answered in such a time
TEMPORARY = 0x64
LATE_ANSWERS = 10_000
MOST_ARRIVED = 1000  # of one that waits for our answers no more are under way, in many connections


class NotBound(Exception):
    """No connection, or a refused login; `status` is the centre's, 0 without a connection."""

    def __init__(self, status: int = 0, fault: str = "connection") -> None:
        super().__init__(f"{status:#x}")
        self.status, self.fault = status, fault


class SmppGateway(gateway.Gateway):
    """Gateway by SMPP. Create it inside the event loop that will use it; it connects at once.

    `inbox` stores what the centre sends. There is no list: `query_sm` needs an id, and what is unknown has none.
    """

    def __init__(self, settings: Settings, inbox: gateway.Inbox, *, account_id: int = 1) -> None:
        url = urlsplit(settings.smpp_url)
        self._host, self._port = url.hostname or "", url.port or (3550 if url.scheme == "smpps" else 2775)
        self._login = unquote(url.username or ""), unquote(url.password or "")
        self._tls = ssl.create_default_context() if url.scheme == "smpps" else None
        self._inbox, self._secret_key = inbox, settings.secret_key
        self._account_id = account_id
        self._is_live, self._timeout_s = settings.is_live, settings.send_timeout_s
        self._long = settings.smpp_long
        self._window = SendWindow(settings.smpp_window)
        self._sessions: dict[str, Session] = {}
        self._problem = NotBound()
        self._bound = asyncio.Event()
        self._late: OrderedDict[int, int] = OrderedDict()  # attempts by sequence
        self._arrived: list[tuple[Session | None, int, int, gateway.InboxItem]] = []
        self._storing: asyncio.Task[None] | None = None
        self._confirming: set[asyncio.Task[None]] = set()
        self._may_split = settings.smpp_bind == "auto"
        self._keepers: list[asyncio.Task[None]] = []
        self._keep(*(("transmitter", "receiver") if settings.smpp_bind == "pair" else ("transceiver",)))

    # -- connections ---------------------------------------------------------------------------------

    def _keep(self, *modes: str) -> None:
        self._sender = modes[0]
        self._keepers += [asyncio.create_task(self._keep_bound(mode)) for mode in modes]

    async def _keep_bound(self, mode: str) -> None:
        """Keep one connection, until cancelled: bind, enquire, bind again."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                session = await self._bind(mode)
            except NotBound as error:
                log.warning("smpp.not_bound mode=%s status=%#x fault=%s", mode, error.status, error.fault)
                if self._may_split and mode == "transceiver" and error.status in NO_TRANSCEIVER:
                    return self._keep("transmitter", "receiver")
                if mode == self._sender:
                    self._problem = error
                await asyncio.sleep(wait_s * (1 + random.random() / 2))  # noqa: S311 - not a secret
                wait_s = min(LONGEST_WAIT_S, wait_s * 2)
                continue
            log.info("smpp.bound mode=%s", mode)
            wait_s, self._sessions[mode], self._problem = FIRST_WAIT_S, session, NotBound()
            if mode == self._sender:
                self._late.clear()
                self._bound.set()
            try:
                await self._watch(session)
            finally:
                if mode == self._sender:
                    self._bound.clear()
                session.close()
                del self._sessions[mode]
            log.warning("smpp.connection_ended mode=%s", mode)
            await asyncio.sleep(FIRST_WAIT_S)  # it may end each time that it is bound

    async def _bind(self, mode: str) -> Session:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                _, session = await loop.create_connection(
                    lambda: Session(self._take_delivered, self._take_late),
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls else None,
                )
        except ssl.SSLCertVerificationError as error:
            raise NotBound(fault="certificate") from error
        except (OSError, TimeoutError) as error:
            raise NotBound from error
        # system_id, password, system_type, interface_version, addr_ton, addr_npi, address_range (4.1.1)
        fields = b"\0".join(text.encode("latin-1", "replace") for text in self._login) + b"\0\0\x34\0\0\0"
        try:
            async with asyncio.timeout(self._timeout_s):
                status, _ = await session.request(_BINDS[mode], fields)
        except (ConnectionCut, TimeoutError) as error:
            session.close()
            raise NotBound from error
        if status:
            session.close()
            raise NotBound(status)
        return session

    async def _watch(self, session: Session) -> None:
        """Return when the connection has ended; end it when the centre does not answer."""
        while session.is_open:
            await asyncio.wait([session.ended], timeout=ENQUIRE_EVERY_S)
            if not session.is_open or time.monotonic() - session.heard_at < ENQUIRE_EVERY_S:
                continue
            try:
                async with asyncio.timeout(self._timeout_s):
                    await session.request(ENQUIRE)
            except (ConnectionCut, TimeoutError):
                session.close()
                return

    async def close(self) -> None:
        """Unbind, so that the centre sends nothing more to us, and close."""
        for task in (*self._keepers, *self._confirming):
            task.cancel()
        sessions = list(self._sessions.values())
        with suppress(ConnectionCut, TimeoutError):
            async with asyncio.timeout(1.0):
                if self._storing:
                    await self._storing
                await asyncio.gather(*(session.request(UNBIND) for session in sessions))
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for session in sessions:
            session.close()

    # -- messages ------------------------------------------------------------------------------------

    async def send(self, message: gateway.OutboundMessage) -> gateway.Outcome:
        """Send a message as one `submit_sm` or, in parts, as several that are written together."""
        if self._is_live and gateway.is_sample_number(message.to):
            return gateway.Refused(gateway.Cause.SAMPLE_NUMBER, "sample")
        is_over = message.is_over or (lambda: False)
        parts = encode_parts(message.body, reference=message.attempt_id)
        if len(parts) > 1 and self._long == "payload":
            parts = [whole_part(message.body)]
        if len(parts) == 1:
            return await self._submit(message, parts[0], is_over)
        results: list[gateway.Outcome] = [gateway.RequestExpired()] * len(parts)
        left = list(range(len(parts)))
        while left:
            answers = await asyncio.gather(*(self._submit(message, parts[i], is_over) for i in left))
            for i, outcome in zip(left, answers, strict=True):
                results[i] = outcome
            left = [i for i in left if isinstance(results[i], gateway.Throttled)]
            if len(left) == len(parts) or not left or is_over():
                break
            await asyncio.sleep(THROTTLED_WAIT_S)
        return join_outcomes(results)

    async def _submit(
        self, message: gateway.OutboundMessage, part: SubmitPart, is_over: Callable[[], bool]
    ) -> gateway.Outcome:
        async with self._window:
            return await self._window.ask(self._submit_once(message, part, is_over))

    async def _submit_once(
        self, message: gateway.OutboundMessage, part: SubmitPart, is_over: Callable[[], bool]
    ) -> gateway.Outcome:
        session = self._open_session()
        if session is None:
            self._bound.clear()  # what keeps the connection may not have seen yet that it ended
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bound.wait(), WAIT_FOR_BIND_S)
            session = self._open_session()
        if session is None:
            if is_refused_login(self._problem.status):
                return gateway.Refused(gateway.Cause.ACCOUNT, f"bind_{self._problem.status:#x}")
            if self._problem.status == ALREADY_BOUND:
                return gateway.RequestExpired()  # another worker has the connection, and sends
            return gateway.Throttled(fault=self._problem.fault)
        sequence = session.next_sequence()
        reference = reference_of(message.attempt_id, secret_key=self._secret_key)
        pdu = _submit_sm(message, part, reference, sequence)
        if is_over():
            return gateway.RequestExpired()
        answer = session.write(sequence, pdu)
        try:
            async with asyncio.timeout(self._timeout_s):
                status, body = await answer
        except TimeoutError as error:
            session.forget(sequence)
            if not part.esm_class & HAS_HEADER:  # of a message in parts the others are missing
                self._late[sequence] = message.attempt_id
                if len(self._late) > LATE_ANSWERS:
                    self._late.popitem(last=False)
            return gateway.OutcomeUnknown(type(error).__name__)
        except ConnectionCut as error:
            return gateway.OutcomeUnknown(type(error).__name__)
        if status:
            outcome = read_status(status)
            if isinstance(outcome, gateway.Refused) and outcome.cause is gateway.Cause.OTHER:
                log.warning("smpp.new_refusal status=%#x", status)
            return outcome
        message_id = body.split(b"\0")[0].decode("latin-1").strip()
        return (
            gateway.Accepted(gateway_id(message_id, message.attempt_id))
            if message_id
            else gateway.OutcomeUnknown("no_id")
        )

    def _open_session(self) -> Session | None:
        session = self._sessions.get(self._sender)
        return session if session and session.is_open else None

    def _take_late(self, status: int, sequence: int, pdu: bytes) -> None:
        attempt_id = self._late.pop(sequence, 0)
        message_id = pdu[16:].split(b"\0")[0].decode("latin-1").strip()
        if attempt_id and not status and message_id:
            self._store(None, 0, 0, gateway.LateAnswer(attempt_id, gateway_id(message_id, attempt_id)))

    # -- receipts and replies ------------------------------------------------------------------------

    def _take_delivered(self, session: Session, command: int, sequence: int, pdu: bytes) -> None:
        item = read_delivered(
            read_pdu(pdu[16:], is_data=command == DATA),
            pdu,
            delivery=f"{session.name}:{sequence:x}",
            secret_key=self._secret_key,
            account_id=self._account_id,
        )
        if item is None:
            return session.answer(command, sequence)
        if len(self._arrived) >= MOST_ARRIVED:
            return session.answer(command, sequence, TEMPORARY)
        self._store(session, command, sequence, item)

    def _store(self, session: Session | None, command: int, sequence: int, item: gateway.InboxItem) -> None:
        self._arrived.append((session, command, sequence, item))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_all())

    async def _store_all(self) -> None:
        """Store what has arrived, in batches, and answer each once it is durable."""
        try:
            while self._arrived:
                batch, self._arrived = self._arrived, []
                status = await self._store_batch([item for *_, item in batch])
                kept: dict[Session, list[str]] = {}
                for session, command, sequence, item in batch:
                    if session:
                        session.answer(command, sequence, status)
                        if isinstance(item, gateway.InboundMessage | gateway.InboundPart) and not status:
                            kept.setdefault(session, []).append(gateway.kept_id(item))
                for session, ids in kept.items():
                    confirming = asyncio.create_task(self._confirm(session, ids))
                    self._confirming.add(confirming)
                    confirming.add_done_callback(self._confirming.discard)
        finally:
            self._storing = None

    async def _confirm(self, session: Session, kept_ids: list[str]) -> None:
        """Note that the centre has our answers, once it has answered what was sent behind them."""
        with suppress(ConnectionCut, TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                await session.request(ENQUIRE)
            self._store(None, 0, 0, gateway.Answered(tuple(kept_ids)))

    async def _store_batch(self, items: list[gateway.InboxItem]) -> int:
        """Return the status to answer with: 0 once all are stored."""
        gives_up_at = time.monotonic() + STORE_FOR_S
        while True:
            try:
                await self._inbox(items)
                return 0
            except Exception as error:
                # The error's message stays out of the log: SQLAlchemy quotes a statement's values in it.
                log.error("smpp.not_stored count=%d error=%s", len(items), type(error).__name__)
            if time.monotonic() > gives_up_at:
                return TEMPORARY
            await asyncio.sleep(1.0)


def _submit_sm(message: gateway.OutboundMessage, part: SubmitPart, reference: int, sequence: int) -> bytes:
    sender, is_name = message.sender, not message.sender.lstrip("+").isdigit()
    ton = 5 if is_name else 1 if sender.startswith("+") or len(sender) > 8 else 3  # 5.2.5
    options = [Tlv(OUR_REFERENCE, reference.to_bytes(2, "big"))]
    is_long = len(part.octets) > 254
    if is_long:
        options.append(Tlv(PAYLOAD, part.octets))
    return SubmitSm(
        sender.lstrip("+"),
        message.to.lstrip("+"),
        b"" if is_long else part.octets,
        source_addr_ton=ton,
        source_addr_npi=0 if is_name else 1,
        dest_addr_ton=1,
        dest_addr_npi=1,
        esm_class=part.esm_class,
        validity_period=_relative(message.validity_s),
        registered_delivery=1,
        data_coding=part.data_coding,
        tlvs=options,
        sequence_number=sequence,
    ).encode()


def _relative(seconds: int | None) -> str:
    """Return a time from now on (7.1.1.1), or nothing."""
    if seconds is None:
        return ""
    days, rest = divmod(max(60, seconds), 86_400)
    return f"0000{min(days, 30):02}{rest // 3600:02}{rest % 3600 // 60:02}{rest % 60:02}000R"


def read_delivered(
    delivered: InboundPdu, pdu: bytes, *, delivery: str, secret_key: str, account_id: int
) -> gateway.Receipt | gateway.InboundPart | gateway.InboundMessage | None:
    """Read what the centre delivered. Returns None for a receipt by which the centre says that it does not know.

    All else is a receipt or a resident's message, also what cannot be read: that has all its octets with it.
    """
    options, octets = delivered.options, delivered.octets
    place: Concatenation | None = None
    if delivered.esm_class & HAS_HEADER:
        place, octets = split_header(octets)
    elif (total := delivered.number(SAR_TOTAL, size=1)) > 1:
        number = delivered.number(SAR_NUMBER, size=1)
        if 1 <= number <= total:
            place = Concatenation(delivered.number(SAR_REFERENCE), total, number)
    text = decode_text(octets, delivered.data_coding)
    sender, recipient = e164(delivered.source), delivered.destination
    receipt = read_receipt(text, options, is_marked=bool(delivered.esm_class & 0x24))
    if receipt is not None:
        if receipt.status is None:
            return None
        return gateway.Receipt(
            receipt.message_ids,
            (sender, e164(recipient)),
            receipt.status,
            receipt.cause,
            receipt.code,
            delivered.number(OUR_REFERENCE) if options.get(OUR_REFERENCE) else None,
            receipt.text,
            account_id,
        )
    identity = "smpp:" + keyed_id(pdu[16:].hex(), secret_key=secret_key)[:24]
    raw = None if delivered.is_whole and "\ufffd" not in text else pdu
    if place:
        return gateway.InboundPart(sender, recipient, *place, text, identity, delivery, raw)
    return gateway.InboundMessage(
        identity, sender, recipient, text, is_opt_out=False, raw=raw, delivery=delivery
    )


def e164(number: str) -> str:
    """Return a number as a centre writes it in E.164; a short code stays."""
    digits = number.replace("\0", "").lstrip("+")
    return f"+{digits}" if len(digits) == 11 and digits.startswith("84") else as_number(number)
