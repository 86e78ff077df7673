"""Aggregator of the simulator: the interface of eSMS, with the faults of the simulator.

Notices go alone or in one request with their text. Source: eSMS's public documentation ("Gửi tin Chăm sóc khách hàng dạng
POST", "Hàm gửi tin ZNS", "Hàm gửi tin MultiChanel", "Callback Url", "Bảng mã lỗi").
"""

import asyncio
import hmac
import json
import random
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from simulator.messages import Direction, Sms, Status, mint_sid
from simulator.network import AGGREGATOR, Network, aggregator_fields, count_segments
from simulator.parts import Parts
from simulator.request_checks import MOBILE
from simulator.settings import RequestFault, fault_after_accept, fault_before_accept

PREFIX = "/aggregator"
ACCEPTED, WRONG_KEY, NO_SENDER, NOT_FOUND, REPEATED = "100", "101", "104", "105", "124"
BAD_NUMBER, BAD_PARAMETER, NO_TEMPLATE = "108", "790", "791"
LONGEST_PARAMETER = 100
VIETNAM_S = 7 * 3600  # ahead of UTC


class AggregatorApi:
    """Routes of the interface. The key is the account's SID, the secret its token."""

    def __init__(self, parts: Parts, network: Network) -> None:
        self._parts, self._network = parts, network
        self._login = parts.options.account_sid, parts.options.auth_token

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(f"{PREFIX}/SendMultipleMessage_V4_post_json/", self.send)
        app.router.add_post(f"{PREFIX}/SendZaloMessage_V4_post_json/", self.send)
        app.router.add_post(f"{PREFIX}/MultiChannelMessage/", self.send)
        app.router.add_get(f"{PREFIX}/GetSendStatus", self.status)

    async def send(self, request: web.Request) -> web.Response:
        """Accept a message, unless a check or a fault prevents it. A request's id is accepted once in a day of Vietnam."""
        self._parts.counters.requests += 1
        with self._parts.working() as is_too_many:
            if is_too_many:
                return self._fail(request, RequestFault.THROTTLED)
            return await self._take(request)

    async def _take(self, request: web.Request) -> web.Response:
        form = json.loads(await request.read())
        notice, text = form.get("Data") or (form, {})
        form = {
            **text,
            **notice,
            **{name: form[name] for name in ("ApiKey", "SecretKey", "Phone") if name in form},
        }
        faults, digits = self._parts.panel.faults, str(form.get("Phone", ""))
        number = "+84" + digits.removeprefix("84").removeprefix("0")
        if wait_ms := faults.latency_ms + random.uniform(0, faults.jitter_ms):  # noqa: S311
            await asyncio.sleep(wait_ms / 1000)
        if fault := fault_before_accept(faults, self._parts.panel.chance("before", number)):
            return self._fail(request, fault)
        day = int(time.time() + faults.clock_s + VIETNAM_S) // 86_400
        request_id = form.get("RequestId") and f"{day}/{form['RequestId']}"
        if refusal := self._refusal(form, request_id, number):
            return _answer(refusal)
        is_notice = "TempID" in form
        now, body = time.time(), str(form.get("Content", ""))
        shown = f"[{form['TempID']}] " + " · ".join(map(str, form.get("Params", ()))) if is_notice else body
        sms = Sms(
            mint_sid(), AGGREGATOR, Direction.OUTBOUND, number, form.get("Brandname") or str(form.get("OAID")), shown,
            Status.QUEUED, count_segments(shown), now, now, status_callback=form.get("CallbackUrl"),
            notice=str(form["TempID"]) if is_notice else None, text=body or None,
        )  # fmt: skip
        if request_id:
            self._parts.store.request_ids.add(request_id)
        self._parts.counters.accepted += 1
        self._network.carry(sms)
        fault = fault_after_accept(faults, self._parts.panel.chance("after", number))
        if fault is RequestFault.SILENCE:
            await asyncio.sleep(faults.timeout_s)
        return self._fail(request, fault) if fault else _answer(ACCEPTED, SMSID=sms.sid, CountRegenerate=0)

    async def status(self, request: web.Request) -> web.Response:
        """Return what became of a message."""
        self._parts.counters.fetches += 1
        if not self._may(request.query):
            return web.json_response({"CodeResponse": WRONG_KEY})
        sms = self._parts.store.by_sid.get(request.query.get("RefId", ""))
        if sms is None:
            return web.json_response({"CodeResponse": NOT_FOUND})
        return web.json_response({"CodeResponse": ACCEPTED, **aggregator_fields(sms)})

    def _refusal(self, form: Mapping[str, Any], request_id: str | None, number: str) -> str | None:
        """Return the code that refuses a message, None if it is taken."""
        if not self._may(form):
            return WRONG_KEY
        if request_id in self._parts.store.request_ids:
            return REPEATED
        if "TempID" in form:
            sender, missing = form["TempID"] and form.get("OAID"), NO_TEMPLATE
        else:
            sender, missing = form.get("Brandname"), NO_SENDER
        if not sender:
            return missing
        if any(len(each) > LONGEST_PARAMETER for each in form.get("Params", ())):
            return BAD_PARAMETER
        return None if MOBILE.fullmatch(number) else BAD_NUMBER

    def _may(self, form: Any) -> bool:
        given = str(form.get("ApiKey")), str(form.get("SecretKey"))
        return all(
            hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(given, self._login, strict=True)
        )

    def _fail(self, request: web.Request, fault: RequestFault) -> web.Response:
        if fault is RequestFault.THROTTLED:
            self._parts.counters.throttled += 1
            return web.Response(status=429)
        if fault in (RequestFault.CUT, RequestFault.CUT_BEFORE, RequestFault.SILENCE):
            self._parts.counters.cuts += 1
            if request.transport is not None:
                request.transport.abort()
        else:
            self._parts.counters.server_errors += 1
        return web.Response(status=500)


def _answer(code: str, **fields: Any) -> web.Response:
    return web.json_response({"CodeResult": code, **fields})
