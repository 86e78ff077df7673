"""SMPP 3.4 server of the simulator: an operator's centre with the faults of one.

It answers `submit_sm` with an id in hexadecimal and writes decimal, with zeros in front, into the receipt, as some
operators do. It counts its ids anew after a restart: a number is then given those that it had. A receipt or a resident's
message that was not answered is delivered again over the next connection.
Source of commands and fields: SMPP Protocol Specification v3.4.
"""

import asyncio
import hmac
import os
import random
import struct
import time
from collections import Counter, deque

from smpp34 import DeliverSm, SmppError, SubmitSm, Tlv, decode

from simulator.callbacks import PostPurpose
from simulator.messages import Direction, Sms, Status
from simulator.network import GSM, SHUFFLE_S, Network, Parts
from simulator.settings import RequestFault, fault_after_accept, fault_before_accept
from simulator.twilio_api import MOBILE

_HEADER = struct.Struct(">IIII")
_BINDS = {0x01: "receiver", 0x02: "transmitter", 0x09: "transceiver"}
_SUBMIT, _DELIVER, _DATA, _UNBIND, _ENQUIRE, _ANSWER = 0x04, 0x05, 0x103, 0x06, 0x15, 0x80000000
_PASSWORD, _ALREADY_BOUND, _NOT_BOUND = 0x0E, 0x05, 0x04
_ADDRESS, _SYSTEM_ERROR, _THROTTLED = 0x0B, 0x08, 0x58
_PAYLOAD, _REFERENCE, _HAS_HEADER, _WINDOW = 0x0424, 0x0204, 0x40, 50
_STATES = {Status.DELIVERED: "DELIVRD", Status.UNDELIVERED: "UNDELIV", Status.FAILED: "REJECTD"}
# Marks a message in the store that came by SMPP, where Twilio's messages have the address of their callback.
BY_SMPP = "smpp"


class SmppServer:
    """Listener and its connections. `login` is the pair that a client must bind with."""

    def __init__(self, parts: Parts, network: Network, *, login: tuple[str, str]) -> None:
        self.parts, self.network, self.login = parts, network, login
        self.port = 0
        self.receivers: list[_Connection] = []
        self.connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.forget()

    def forget(self) -> None:
        self._parts: dict[tuple[str, int], dict[int, tuple[str, bytes]]] = {}
        self._ids: dict[str, list[str]] = {}  # ids of a message's parts, by its sid
        self._references: dict[str, bytes] = {}  # by sid
        self._given: Counter[str] = Counter()  # ids by number, since the start
        self._outgoing: deque[bytes] = deque()

    async def start(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.network.smpp = self

    async def stop(self) -> None:
        self.cut()
        if self._server:
            self._server.close()

    def cut(self, *, restarts: bool = False) -> int:
        """Cut all connections, and count ids anew where it `restarts`. Returns how many there were."""
        if restarts:
            self._given.clear()
        connections = list(self.connections)
        for connection in connections:
            connection.cut()
        return len(connections)

    def accept(self, submit: SubmitSm) -> str:
        """Take one `submit_sm`. Returns its id; a message in parts is carried once all of them have come."""
        digits = submit.destination_addr
        message_id = f"{int(digits[-7:]) * 64 + self._given[digits]:X}"
        self._given[digits] += 1
        octets = next((bytes(o.value) for o in submit.tlvs if o.tag == _PAYLOAD), submit.short_message)
        to = "+" + submit.destination_addr
        if not submit.esm_class & _HAS_HEADER:
            self._carry(submit, to, [message_id], _decode(octets, submit.data_coding), 1)
            return message_id
        reference, total, number = octets[3:6]
        parts = self._parts.setdefault((to, reference), {})
        parts[number] = message_id, octets[6:]
        if len(parts) == total:
            del self._parts[to, reference]
            whole = [parts[n] for n in sorted(parts)]
            body = _decode(b"".join(octets for _, octets in whole), submit.data_coding)
            self._carry(submit, to, [part_id for part_id, _ in whole], body, total)
        return message_id

    def _carry(self, submit: SubmitSm, to: str, ids: list[str], body: str, segments: int) -> None:
        now = time.time()
        sid = f"SMPP{ids[0]}-{os.urandom(4).hex()}"
        self._ids[sid] = ids
        self._references[sid] = next((bytes(o.value) for o in submit.tlvs if o.tag == _REFERENCE), b"")
        self.parts.counters.accepted += 1
        self.network.carry(
            Sms(sid, "smpp", Direction.OUTBOUND, to, submit.source_addr, body, Status.QUEUED, segments, now, now,
                status_callback=BY_SMPP if submit.registered_delivery & 1 else None)
        )  # fmt: skip

    def report(self, sms: Sms) -> None:
        """Send receipts for all parts of a message that has reached its end."""
        state = _STATES.get(sms.status)
        if state is None:
            return
        faults, stamp = self.parts.panel.faults, time.strftime("%y%m%d%H%M", time.gmtime())
        reports = [
            (f"{int(part_id, 16):010}", sms.body, self._references.get(sms.sid))
            for part_id in self._ids.get(sms.sid, [])
        ]
        if random.random() < faults.rate_strangers:  # noqa: S311
            reports.append((str(random.randrange(10**9)), "", b"\0\1"))  # noqa: S311
        for message_id, body, reference in reports:
            text = (
                f"id:{message_id} sub:001 dlvrd:{'001' if state == 'DELIVRD' else '000'} "
                f"submit date:{stamp} done date:{stamp} stat:{state} err:{sms.error_code or 0:03} text:{body[:20]}"
            )
            content = text.encode("ascii", "replace")
            pdu = DeliverSm(
                sms.to.lstrip("+"),
                sms.from_ or "",
                content,
                esm_class=4,
                source_addr_ton=1,
                tlvs=[Tlv(_REFERENCE, reference)] if faults.gives_reference and reference else [],
            ).encode()
            for _ in range(faults.callbacks_repeat):
                wait_s = random.uniform(0, SHUFFLE_S) if faults.callbacks_shuffle else 0.0  # noqa: S311
                asyncio.get_running_loop().call_later(wait_s, self.queue_pdu, pdu)
                self.parts.counters.posts[PostPurpose.CALLBACK].pending += 1

    def receive(self, sms: Sms) -> bool:
        """Deliver a resident's message, in parts where it is long. Returns False if nobody is bound to receive."""
        if not self.receivers:
            return False
        octets, size = sms.body.encode("utf-16-be"), 134
        pieces = (
            [octets[i : i + size] for i in range(0, len(octets), size)] if len(octets) > 140 else [octets]
        )
        reference = random.randrange(256)  # noqa: S311
        for number, piece in enumerate(pieces, start=1):
            header = bytes((5, 0, 3, reference, len(pieces), number)) if len(pieces) > 1 else b""
            pdu = DeliverSm(
                (sms.from_ or "").lstrip("+"),
                sms.to.lstrip("+"),
                header + piece,
                source_addr_ton=1,
                data_coding=8,
                esm_class=_HAS_HEADER if header else 0,
            ).encode()
            self.parts.counters.posts[PostPurpose.INBOUND].pending += 1
            self.queue_pdu(pdu)
        return True

    def queue_pdu(self, pdu: bytes) -> None:
        """Queue a `deliver_sm` for any connection that receives."""
        self._outgoing.append(pdu)
        self.flush()

    def flush(self) -> None:
        while self._outgoing and (free := [c for c in self.receivers if len(c.unanswered) < _WINDOW]):
            random.choice(free).write_pdu(self._outgoing.popleft())  # noqa: S311

    def take_back(self, pdus: list[bytes]) -> None:
        """Queue again what was not answered, first."""
        self._outgoing.extendleft(reversed(pdus))
        self.flush()


class _Connection(asyncio.Protocol):
    def __init__(self, server: SmppServer) -> None:
        self._server = server
        self._buffer = b""
        self._mode = ""
        self._sequence = 0
        self.unanswered: dict[int, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        if self in self._server.receivers:
            self._server.receivers.remove(self)
        self._server.take_back(list(self.unanswered.values()))
        self.unanswered.clear()

    def cut(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            length, command, status, sequence = _HEADER.unpack_from(self._buffer)
            if length < _HEADER.size:
                return self.cut()
            if len(self._buffer) < length:
                return
            pdu, self._buffer = self._buffer[:length], self._buffer[length:]
            self._take(command, status, sequence, pdu)

    def _take(self, command: int, status: int, sequence: int, pdu: bytes) -> None:
        if command in _BINDS:
            name, password = pdu[16:].split(b"\0")[:2]
            right = hmac.compare_digest(name, self._server.login[0].encode())
            if self._mode:
                self._answer(command, sequence, _ALREADY_BOUND)
            elif not (right and hmac.compare_digest(password, self._server.login[1].encode())):
                self._answer(command, sequence, _PASSWORD)
            else:
                self._mode = _BINDS[command]
                self._answer(command, sequence, 0, b"simulator\0")
                if self._mode != "transmitter":
                    self._server.receivers.append(self)
                    self._server.flush()
        elif command == _SUBMIT:
            asyncio.get_running_loop().create_task(self._submit(sequence, pdu))
        elif command in (_ENQUIRE, _UNBIND):
            self._answer(command, sequence, 0)
            if command == _UNBIND:
                self._transport.close()
        elif command in (_DELIVER | _ANSWER, _DATA | _ANSWER) and (
            answered := self.unanswered.pop(sequence, None)
        ):
            purpose = PostPurpose.CALLBACK if b" stat:" in answered else PostPurpose.INBOUND
            posts = self._server.parts.counters.posts[purpose]
            posts.pending, posts.sent = posts.pending - 1, posts.sent + 1
            if status:
                posts.failed += 1
            self._server.flush()

    def _answer(self, command: int, sequence: int, status: int, body: bytes = b"") -> None:
        self._transport.write(_HEADER.pack(16 + len(body), command | _ANSWER, status, sequence) + body)

    def write_pdu(self, pdu: bytes) -> None:
        self._sequence += 1
        self.unanswered[self._sequence] = pdu
        self._transport.write(pdu[:12] + self._sequence.to_bytes(4, "big") + pdu[16:])

    async def _submit(self, sequence: int, pdu: bytes) -> None:
        server = self._server
        faults, counters = server.parts.panel.faults, server.parts.counters
        counters.requests += 1
        with server.parts.working() as is_too_many:
            if is_too_many:
                return self._fail(sequence, RequestFault.THROTTLED)
            await server.parts.delay()
            try:
                submit = decode(pdu)
                assert isinstance(submit, SubmitSm)
            except SmppError:
                return self._answer(_SUBMIT, sequence, 0x02)
            number = "+" + submit.destination_addr
            fault = fault_before_accept(faults, server.parts.panel.chance("before", number))
            if fault:
                return self._fail(sequence, fault)
            if self._mode == "receiver" or not self._mode:
                return self._answer(_SUBMIT, sequence, _NOT_BOUND)
            if not MOBILE.fullmatch(number):
                return self._answer(_SUBMIT, sequence, _ADDRESS)
            message_id = server.accept(submit)
            fault = fault_after_accept(faults, server.parts.panel.chance("after", number))
            if fault:
                return self._fail(sequence, fault)
            return self._answer(_SUBMIT, sequence, 0, message_id.encode() + b"\0")

    def _fail(self, sequence: int, fault: RequestFault) -> None:
        counters = self._server.parts.counters
        match fault:
            case RequestFault.CUT_BEFORE | RequestFault.CUT:
                counters.cuts += 1
                self.cut()
            case RequestFault.SILENCE:
                counters.timeouts += 1
            case RequestFault.THROTTLED:
                counters.throttled += 1
                self._answer(_SUBMIT, sequence, _THROTTLED)
            case _:
                counters.server_errors += 1
                self._answer(_SUBMIT, sequence, _SYSTEM_ERROR)


def _decode(octets: bytes, data_coding: int) -> str:
    if data_coding == 8:
        return octets.decode("utf-16-be", "replace")
    text, escaped = [], False
    for octet in octets:
        if octet == 0x1B:
            escaped = True
            continue
        text.append(_ESCAPED.get(octet, "?") if escaped else _GSM[octet] if octet < len(_GSM) else "?")
        escaped = False
    return "".join(text)


# 3GPP TS 23.038, 6.2.1, with the escape at its place.
_GSM = f"{GSM[:27]}\x1b{GSM[27:]}"
_ESCAPED = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|",
            0x65: "€"}  # fmt: skip
