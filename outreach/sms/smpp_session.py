"""One SMPP connection: framing, sequence numbers, answers. It knows nothing of messages."""

from __future__ import annotations

import asyncio
import logging
import secrets
import struct
import time
from collections.abc import Callable

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
