"""The training phones: the list, one phone with its conversation, and a resident's answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from aiohttp import web

from outreach.sms.simulator.api.creation import MAX_BODY, MOBILE
from outreach.sms.simulator.controls.knobs import knobs_of
from outreach.sms.simulator.exchange.messages import Direction, Sms, Status
from outreach.sms.simulator.exchange.store import Phone
from outreach.sms.simulator.forms import read_form
from outreach.sms.simulator.pages.control import ControlPage
from outreach.sms.simulator.pages.render import STATIC, describe_state, nothing_new, show, write_number
from outreach.sms.simulator.residents.links import split_links
from outreach.sms.simulator.world import World

ROWS = 50
SHOWN_OF_CONVERSATION = 200
QUICK_REPLIES = ("1", "2", "3", "4", "TC")


def add_routes(app: web.Application, world: World) -> None:
    phones = _PhonePages(world)
    app.router.add_get("/", phones.show_list)
    app.router.add_get("/danh-sach", phones.refresh_list)
    app.router.add_get(r"/dien-thoai/{digits:[0-9]{6,15}}", phones.show_phone)
    app.router.add_get(r"/dien-thoai/{digits:[0-9]{6,15}}/tin", phones.refresh_phone)
    app.router.add_post(r"/dien-thoai/{digits:[0-9]{6,15}}", phones.answer)
    ControlPage(world).add_routes(app)
    app.router.add_static("/static/", STATIC)


class _PhonePages:
    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store
        # Versions of a former process must not look like ours.
        self._born = f"{time.time():.3f}"
        self._labels = {item.name: item.label for item in knobs_of(world.panel.habits)}

    async def show_list(self, request: web.Request) -> web.Response:
        return show("phones.html", **self._list(request.query))

    async def refresh_list(self, request: web.Request) -> web.Response:
        version = self._version(self._store.version)
        if request.query.get("phien") == version:
            return nothing_new()
        return show("_phones.html", version=version, **self._list(request.query))

    async def show_phone(self, request: web.Request) -> web.Response:
        return self._phone_page(request)

    async def refresh_phone(self, request: web.Request) -> web.Response:
        phone = self._find(request)
        version = self._version(phone.version)
        if request.query.get("phien") == version:
            return nothing_new()
        return show("_conversation.html", version=version, bubbles=self._bubbles(phone))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        phone = self._find(request)
        body = (await read_form(request)).get("body", "").strip()
        if not body:
            return self._phone_page(request, problem="Tin còn trống. Hãy gõ nội dung rồi bấm Gửi.")
        if len(body) > MAX_BODY:
            return self._phone_page(
                request, problem=f"Tin dài {len(body)} ký tự, tối đa là {MAX_BODY}. Hãy rút ngắn lại."
            )
        self._world.carrier.receive(phone.number, body)
        raise web.HTTPSeeOther(request.path)

    def _find(self, request: web.Request) -> Phone:
        number = "+" + request.match_info["digits"]
        phone = self._store.phones.get(number)
        if phone is None and not MOBILE.fullmatch(number):
            raise web.HTTPNotFound(text="Không có máy này. Hãy quay lại danh sách và tìm theo số.")
        return phone or Phone(number)

    def _phone_page(self, request: web.Request, *, problem: str = "") -> web.Response:
        phone = self._find(request)
        return show(
            "phone.html",
            status=400 if problem else 200,
            phone=phone,
            title=write_number(phone.number),
            sender=_sender(phone),
            bubbles=self._bubbles(phone),
            phone_version=self._version(phone.version),
            others=[self._row(other) for other in islice(reversed(self._store.phones.values()), 8)],
            quick_replies=QUICK_REPLIES,
            max_body=MAX_BODY,
            problem=problem,
        )

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        search = query.get("so", "").strip()
        total = sum(1 for _ in self._store.find_phones(search))
        pages = max(1, -(-total // ROWS))
        asked = query.get("trang", "1")
        page = min(max(1, int(asked)), pages) if asked.isdecimal() and len(asked) < 9 else 1
        found = self._store.find_phones(search)
        rows = [self._row(phone) for phone in islice(found, (page - 1) * ROWS, page * ROWS)]
        return {
            "search": search,
            "page": page,
            "pages": pages,
            "total": total,
            "rows": rows,
            "fresh_number": _as_mobile(search),
            "list_version": self._version(self._store.version),
        }

    def _row(self, phone: Phone) -> dict[str, Any]:
        last = phone.entries[-1]
        return {
            "number": phone.number,
            "preview": last.body,
            "is_own": last.direction is Direction.INBOUND,
            "at": last.created,
            "received": phone.received,
            "answers": len(phone.entries) - phone.received,
            "link_answer": next(
                (
                    self._labels[sms.answered_by_link]
                    for sms in reversed(phone.entries)
                    if sms.answered_by_link
                ),
                None,
            ),
        }

    def _bubbles(self, phone: Phone) -> list[dict[str, Any]]:
        return [self._bubble(sms) for sms in phone.entries[-SHOWN_OF_CONVERSATION:]]

    def _bubble(self, sms: Sms) -> dict[str, Any]:
        return {
            "sid": sms.sid,
            "is_own": sms.direction is Direction.INBOUND,
            "is_lost": sms.status in (Status.UNDELIVERED, Status.FAILED),
            "pieces": list(split_links(sms.body, public_url=self._world.options.public_url)),
            "at": sms.created,
            "state": describe_state(sms, is_wired=bool(self._world.panel.inbound_url)),
            "link_answer": self._labels.get(sms.answered_by_link or ""),
        }

    def _version(self, number: int) -> str:
        return f"{self._born}-{number}"


def _sender(phone: Phone) -> str:
    for sms in reversed(phone.entries):
        if sms.direction is Direction.OUTBOUND and sms.from_:
            return sms.from_
    return "Tin nhắn"


def _as_mobile(search: str) -> str | None:
    """The whole mobile number that was searched for, in E.164, or None."""
    digits = "".join(char for char in search if char.isdecimal())
    number = "+84" + digits[1:] if digits.startswith("0") else "+" + digits
    return number if MOBILE.fullmatch(number) else None
