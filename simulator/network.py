"""Simulated network: delivery, status callbacks, inbound SMS, opt-outs and billed segments.

Segments are counted independently of `outreach.rules.segments` on purpose: that module predicts the bill, this one
makes it. Source: 3GPP TS 23.038 (GSM 7-bit alphabet) and TS 23.040 (concatenation).
"""

import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from simulator.callbacks import Counters, Post, Poster, PostPurpose, show_as_public
from simulator.messages import API_VERSION, FINAL, Direction, Journal, Sms, Status, Store, mint_sid
from simulator.settings import CurrentSettings, NoticeFate, fail_at_phone, fail_in_transit, fate_of, roll


@dataclass(frozen=True, slots=True)
class Options:
    """Options fixed while the process runs; clients must send these credentials."""

    account_sid: str
    auth_token: str
    inbound_url: str
    public_url: str
    data: Path | None
    keep: int
    smpp_port: int | None = None


class Parts:
    """What is stored and counted, the settings in force, and the way of calls to the system under test."""

    def __init__(self, options: Options) -> None:
        self.options, self.counters, self.panel = options, Counters(), CurrentSettings()
        self.store, self.journal = Store(keep=options.keep), Journal(options.data)
        self.poster = Poster(self.counters, auth_token=options.auth_token, public_url=options.public_url)

    @contextmanager
    def working(self) -> Iterator[bool]:
        """Count a request while it is worked on. Yields whether it is one too many at once."""
        counters, most = self.counters, self.panel.faults.most_at_once
        counters.in_flight += 1
        counters.max_in_flight = max(counters.max_in_flight, counters.in_flight)
        try:
            yield bool(most) and counters.in_flight > most
        finally:
            counters.in_flight -= 1

    async def delay(self) -> None:
        """Wait for as long as the gateway takes for a request."""
        faults = self.panel.faults
        if wait_ms := faults.latency_ms + random.uniform(0, faults.jitter_ms):  # noqa: S311
            await asyncio.sleep(wait_ms / 1000)


# The sender that a messaging service chooses.
SERVICE_NUMBER = "+84900000000"
SHUFFLE_S = 3.0
# Source: Twilio, "Support for opt-out keywords": the default English ones.
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})


class Operator(Protocol):
    """Way to and from the system under test that is no HTTP: SMPP."""

    def report(self, sms: Sms) -> None: ...

    def receive(self, sms: Sms) -> bool: ...

    def forget(self) -> None: ...


class Network:
    """Simulated network. `on_arrival` is called with each message that reaches its phone."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._generation = 0
        self.on_arrival: Callable[[Sms], None] = lambda sms: None
        self.smpp: Operator | None = None

    def forget(self) -> None:
        """Drop all messages and callbacks on their way."""
        self._generation += 1
        self._parts.poster.forget()
        if self.smpp:
            self.smpp.forget()

    def resume(self) -> None:
        """Continue with messages that a former process accepted and did not finish."""
        for sms in self._parts.store.ledger:
            if not sms.is_reported:
                self._later(0.0, self._leave_gateway, sms)
        for sms in self._parts.store.everything:
            if sms.direction is Direction.INBOUND and not sms.is_reported:
                self._post_inbound(sms, {})

    def carry(self, sms: Sms) -> None:
        """Store a message, write it to the journal, and start its delivery."""
        self._parts.store.add(sms)
        self._parts.journal.write_message(sms)
        self._later(self._parts.panel.faults.sent_after_s, self._leave_gateway, sms)

    def receive(self, number: str, body: str, *, to: str | None = None) -> Sms:
        """Send an SMS as a resident; without `to`, to the last sender of a message to that phone."""
        now, phone = time.time(), self._parts.store.phones.get(number)
        sms = Sms(
            sid=mint_sid(),
            account_sid=self._parts.options.account_sid,
            direction=Direction.INBOUND,
            to=to or (phone and phone.last_sender) or SERVICE_NUMBER,
            from_=number,
            body=body,
            status=Status.RECEIVED,
            num_segments=count_segments(body),
            created=now,
            updated=now,
            sent=now,
        )
        self._parts.store.add(sms)
        self._parts.journal.write_message(sms)
        self._post_inbound(sms, self._apply_stop(number, body))
        return sms

    def _apply_stop(self, number: str, body: str) -> dict[str, str]:
        word, opted_out = body.strip().upper(), self._parts.store.opted_out
        if not self._parts.panel.faults.gateway_stop or word not in STOP_WORDS | START_WORDS:
            return {}
        if word in STOP_WORDS:
            opted_out.add(number)
        else:
            opted_out.discard(number)
        return {"OptOutType": "STOP" if word in STOP_WORDS else "START"}

    def _post_inbound(self, sms: Sms, extra: dict[str, str]) -> None:
        if self.smpp and self.smpp.receive(sms):
            return self._end(sms, True)
        if not self._parts.panel.inbound_url:
            return
        params = {
            **_common(sms),
            "SmsStatus": "received",
            "Body": sms.body,
            "NumMedia": "0",
            "NumSegments": str(sms.num_segments),
            "FromCountry": "VN",
            "ToCountry": "VN",
            **extra,
        }
        url = show_as_public(self._parts.panel.inbound_url, public_url=self._parts.options.public_url)
        self._parts.poster.post(
            Post(PostPurpose.INBOUND, url, params, finished=lambda accepted: self._end(sms, accepted))
        )

    def _later(self, delay_s: float, step: Callable[[Sms], None], sms: Sms) -> None:
        generation = self._generation

        def run() -> None:
            if generation == self._generation:
                step(sms)

        asyncio.get_running_loop().call_later(max(0.0, delay_s), run)

    def _leave_gateway(self, sms: Sms) -> None:
        if sms.notice is not None:
            return self._send_notice(sms)
        faults = self._parts.panel.faults
        code = fail_in_transit(faults, self._chance("failed", sms))
        if code is not None:
            return self._report(sms, Status.FAILED, code)
        if sms.from_ is None:
            sms.from_ = SERVICE_NUMBER
            sms.num_segments = count_segments(sms.body) * faults.segments_factor
            self._parts.store.senders.add(SERVICE_NUMBER)
        if sms.sent is None:
            sms.sent = time.time()
        self._report(sms, Status.SENT, None)
        self._later(faults.delivered_after_s - faults.sent_after_s, self._arrive, sms)

    def _send_notice(self, sms: Sms) -> None:
        """Let a notice arrive, late or not at all; where its provider falls back, its text follows."""
        faults = self._parts.panel.faults
        fate = fate_of(faults, sms.to, self._chance("notice", sms))
        sms.status, sms.sent = Status.SENT, sms.sent or time.time()
        if fate in (NoticeFate.NO_ACCOUNT, NoticeFate.DECLINED):
            self._report(sms, Status.UNDELIVERED, int(fate))
            if sms.text:
                new = replace(sms, sid=mint_sid(), created=time.time(), updated=time.time(), **_AS_NEW)
                self.carry(replace(new, body=sms.text, num_segments=count_segments(sms.text)))
        elif fate is not NoticeFate.LOST:
            late_s = faults.notice_late_s if fate is NoticeFate.LATE else faults.delivered_after_s
            self._later(late_s - faults.sent_after_s, self._arrive, sms)

    def _arrive(self, sms: Sms) -> None:
        code = None
        if sms.notice is None:
            code = fail_at_phone(self._parts.panel.faults, self._chance("undelivered", sms))
        self._report(sms, Status.DELIVERED if code is None else Status.UNDELIVERED, code)
        if code is None:
            self.on_arrival(sms)

    def _chance(self, purpose: str, sms: Sms) -> float:
        return self._parts.panel.chance(purpose, sms.to)

    def _report(self, sms: Sms, status: Status, code: int | None) -> None:
        sms.status, sms.error_code, sms.updated = status, code, time.time()
        self._parts.store.touch(sms)
        faults = self._parts.panel.faults
        is_aggregator = sms.account_sid == AGGREGATOR
        is_silent = faults.callbacks_off or roll(None) < faults.rate_callbacks_lost
        if not sms.status_callback or is_silent or (is_aggregator and status not in FINAL):
            return self._end_if_final(sms, status)
        if self.smpp and sms.account_sid == "smpp":
            self.smpp.report(sms)
            return self._end_if_final(sms, status)
        params = {**_common(sms), "MessageStatus": status.value, "SmsStatus": status.value}
        if code is not None:
            params["ErrorCode"] = str(code)
        if status is Status.DELIVERED:
            params["RawDlrDoneDate"] = time.strftime("%y%m%d%H%M", time.gmtime(sms.updated))
        if sms.service_sid:
            params["MessagingServiceSid"] = sms.service_sid
        for _ in range(faults.callbacks_repeat):
            post = Post(
                PostPurpose.CALLBACK,
                sms.status_callback,
                aggregator_fields(sms) if is_aggregator else params,
                finished=lambda accepted: self._end_if_final(sms, status),
                method="GET" if is_aggregator else "POST",
            )
            wait_s = random.uniform(0, SHUFFLE_S) if faults.callbacks_shuffle else 0.0  # noqa: S311
            self._parts.poster.post(post, after_s=wait_s)

    def _end_if_final(self, sms: Sms, status: Status) -> None:
        if status in FINAL and not sms.is_reported:
            sms.is_reported = True
            self._parts.journal.write_end(sms)

    def _end(self, sms: Sms, accepted: bool) -> None:
        sms.is_reported = True
        if not accepted:
            sms.status = Status.FAILED
        self._parts.journal.write_end(sms)
        self._parts.store.touch(sms)


_AS_NEW: dict[str, Any] = dict.fromkeys(("sent", "error_code", "notice", "text"))
_AS_NEW |= {"status": Status.QUEUED, "is_reported": False}
# Account of messages that came by the aggregator's interface.
AGGREGATOR = "aggregator"


def aggregator_fields(sms: Sms) -> dict[str, str]:
    """Return what an aggregator of eSMS's kind says of a message."""
    is_done = sms.status in (Status.SENT, *FINAL) and sms.status is not Status.FAILED
    of_notice = {
        "TypeId": "25",
        "TotalPrice": "200.0000" if sms.status is Status.DELIVERED else "0.0000",
        "tempid": sms.notice or "",
        "error_info": json.dumps({"error": sms.error_code, "message": ""}, separators=(",", ":")),
    }
    return {
        "SMSID": sms.sid,
        "SendStatus": "4" if sms.status is Status.FAILED else "5" if is_done else "2",
        "SendSuccess": str(int(sms.status is Status.DELIVERED)),
        "SendFailed": str(int(sms.status is Status.UNDELIVERED)),
        "TotalPrice": f"{350 * sms.num_segments:.4f}",
        "TypeId": "2",
        "phonenumber": "0" + sms.to.removeprefix("+84"),
        **(of_notice if sms.notice is not None else {}),
    }


def _common(sms: Sms) -> dict[str, str]:
    return {
        "MessageSid": sms.sid,
        "SmsSid": sms.sid,
        "SmsMessageSid": sms.sid,
        "AccountSid": sms.account_sid,
        "From": sms.from_ or "",
        "To": sms.to,
        "ApiVersion": API_VERSION,
    }


GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = "\f^{}\\[~]|€"
_IS_GSM = re.compile(f"[{re.escape(GSM + _ESCAPED)}]*")
_IS_ESCAPED = re.compile(f"[{re.escape(_ESCAPED)}]")


def count_segments(body: str) -> int:
    """Count the segments: GSM-7 160 or 153 units each, UCS-2 70 or 67; an empty body is one."""
    if _IS_GSM.fullmatch(body):
        widths = [2 if char in _ESCAPED else 1 for char in body] if _IS_ESCAPED.search(body) else None
        return _count_parts(len(body), widths, single=160, part=153)
    # A character outside the basic plane has two units, which stay in one part.
    widths = [2 if ord(char) > 0xFFFF else 1 for char in body] if max(body) > "\uffff" else None
    return _count_parts(len(body), widths, single=70, part=67)


def _count_parts(length: int, widths: list[int] | None, *, single: int, part: int) -> int:
    if widths is None:
        return 1 if length <= single else -(-length // part)
    if sum(widths) <= single:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
