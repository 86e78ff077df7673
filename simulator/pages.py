"""Pages of the simulator: the training phones and the control page.

The training phones: their list, a phone with its conversation, and a resident's answer. The control page: habits of
residents, faults of the gateway, and counts. Also here: templates, the headers of every page, formats of numbers and
times.
"""

import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from simulator import settings
from simulator.messages import Direction, Sms, Status, TrainingPhone
from simulator.residents import split_links
from simulator.simulation import Simulation
from simulator.twilio_api import MAX_BODY, MOBILE, read_form

ROWS = 50
CONVERSATION_LIMIT = 200
# An answer of a message: "1 đã cài", "2: chưa". Steps of an explanation have a point, "1. Mở".
_OFFERED = re.compile(r"(?<![\w/.])([1-9]) ?[:=)-]? ?(?=[^\W\d_])")


def add_routes(app: web.Application, simulation: Simulation) -> None:
    """Add the pages and their static files."""
    phones = _PhonePages(simulation)
    app.router.add_get("/", phones.show_list)
    app.router.add_get("/danh-sach", phones.refresh_list)
    app.router.add_get(r"/dien-thoai/{digits:[0-9]{6,15}}", phones.show_phone)
    app.router.add_get(r"/dien-thoai/{digits:[0-9]{6,15}}/tin", phones.refresh_phone)
    app.router.add_post(r"/dien-thoai/{digits:[0-9]{6,15}}", phones.answer)
    ControlPage(simulation).add_routes(app)
    app.router.add_static("/static/", STATIC)


class _PhonePages:
    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._store = simulation.store
        # Versions of a former process must not equal those of this one.
        self._started = f"{time.time():.3f}"
        self._labels = {item.name: item.label for item in settings.settings_of(simulation.panel.habits)}

    async def show_list(self, request: web.Request) -> web.Response:
        return show("phones.html", **self._list(request.query))

    async def refresh_list(self, request: web.Request) -> web.Response:
        version = self._version(self._store.version)
        if request.query.get("phien") == version:
            return nothing_new()
        return show("_phones.html", version=version, **self._list(request.query))

    async def refresh_phone(self, request: web.Request) -> web.Response:
        phone = self._find(request)
        version = self._version(phone.version)
        if request.query.get("phien") == version:
            return nothing_new()
        return show("_conversation.html", version=version, bubbles=self._bubbles(phone))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        phone = self._find(request)
        body = (await read_form(request)).get("body", "").strip()
        problem = "" if body else "Tin còn trống. Hãy gõ nội dung rồi bấm Gửi."
        if len(body) > MAX_BODY:
            problem = f"Tin dài {len(body)} ký tự, tối đa là {MAX_BODY}. Hãy rút ngắn lại."
        if problem:
            return await self.show_phone(request, problem=problem)
        self._simulation.network.receive(phone.number, body)
        raise web.HTTPSeeOther(request.path)

    def _find(self, request: web.Request) -> TrainingPhone:
        number = "+" + request.match_info["digits"]
        phone = self._store.phones.get(number)
        if phone is None and not MOBILE.fullmatch(number):
            raise web.HTTPNotFound(text="Không có máy này. Hãy quay lại danh sách và tìm theo số.")
        return phone or TrainingPhone(number)

    async def show_phone(self, request: web.Request, *, problem: str = "") -> web.Response:
        phone = self._find(request)
        return show(
            "phone.html",
            status=400 if problem else 200,
            phone=phone,
            title=write_number(phone.number),
            sender=phone.last_sender or "Tin nhắn",
            bubbles=self._bubbles(phone),
            phone_version=self._version(phone.version),
            others=[self._row(other) for other in islice(reversed(self._store.phones.values()), 8)],
            quick_replies=quick_replies(phone),
            max_body=MAX_BODY,
            problem=problem,
        )

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        search = query.get("so", "").strip()
        phones = list(self._store.find_phones(search))
        pages = max(1, -(-len(phones) // ROWS))
        requested = query.get("trang", "1")
        page = min(max(1, int(requested)), pages) if requested.isdecimal() and len(requested) < 9 else 1
        digits = "".join(char for char in search if char.isdecimal())
        number = "+84" + digits[1:] if digits.startswith("0") else "+" + digits
        return {
            "search": search,
            "page": page,
            "pages": pages,
            "total": len(phones),
            "rows": [self._row(phone) for phone in phones[(page - 1) * ROWS : page * ROWS]],
            "fresh_number": number if MOBILE.fullmatch(number) else None,
            "list_version": self._version(self._store.version),
        }

    def _row(self, phone: TrainingPhone) -> dict[str, Any]:
        last = phone.entries[-1]
        by_link = (sms.answered_by_link for sms in reversed(phone.entries) if sms.answered_by_link)
        return {
            "number": phone.number,
            "preview": last.body,
            "is_own": last.direction is Direction.INBOUND,
            "at": last.created,
            "received": phone.received,
            "answers": len(phone.entries) - phone.received,
            "link_answer": self._labels.get(next(by_link, "")),
        }

    def _bubbles(self, phone: TrainingPhone) -> list[dict[str, Any]]:
        public_url, is_wired = self._simulation.options.public_url, bool(self._simulation.panel.inbound_url)
        return [
            {
                "sid": sms.sid,
                "is_own": sms.direction is Direction.INBOUND,
                "is_lost": sms.status in (Status.UNDELIVERED, Status.FAILED),
                "pieces": list(split_links(sms.body, public_url=public_url)),
                "is_notice": sms.notice is not None,
                "at": sms.created,
                "state": describe_state(sms, is_wired=is_wired),
                "link_answer": self._labels.get(sms.answered_by_link or ""),
            }
            for sms in phone.entries[-CONVERSATION_LIMIT:]
        ]

    def _version(self, number: int) -> str:
        return f"{self._started}-{number}"


ADDRESS = "/dieu-khien"
# Groups of settings on the page, by title with their names: those for a trainer, and those for technicians, which are folded.
FAULT_GROUPS = {"Đường tới máy": "sent_after_s delivered_after_s rate_failed rate_undelivered"}
TECHNICAL_FAULTS = {
    "Chậm và từ chối": "latency_ms jitter_ms rate_429 retry_after_s rate_500 rate_cut_before rate_problem_json "
    "rate_407 proxy_status rate_refused refused_code gateway_stop",
    "Đã nhận tin nhưng người gửi không biết": "rate_500_after rate_cut rate_timeout timeout_s rate_nonsense",
    "Báo trạng thái, tra cứu và cước": "callbacks_repeat callbacks_shuffle callbacks_off rate_callbacks_lost "
    "list_delay_s list_alters clock_s reads_too segments_factor",
    "Lặp lại được": "seed",
}
HABIT_GROUPS = {
    "Tỉ lệ máy trả lời": " ".join(settings.LABELS),
    "Cách và lúc trả lời": "by_link delay_min_s delay_max_s again_after_s",
}
TECHNICAL_HABITS = {"Lặp lại được": "seed"}
COUNTS: tuple[tuple[str, str], ...] = (
    ("accepted", "Tin đã nhận để gửi"),
    ("distinct_numbers", "Số máy khác nhau"),
    ("inbound_sent", "Tin trả lời đã chuyển"),
    ("link_answers_sent", "Trả lời qua liên kết"),
)
TECHNICAL_COUNTS: tuple[tuple[str, str], ...] = (
    ("in_flight", "Yêu cầu đang xử lý"),
    ("throttled", "Từ chối vì quá tải (429)"),
    ("server_errors", "Lỗi 500"),
    ("cuts", "Lần đứt kết nối"),
    ("timeouts", "Lần im lặng"),
    ("callbacks_sent", "Báo trạng thái đã gửi"),
    ("callbacks_pending", "Báo trạng thái đang chờ"),
    ("callbacks_failed", "Báo trạng thái không ai nhận"),
    ("inbound_pending", "Tin trả lời đang chờ"),
    ("inbound_failed", "Tin trả lời bị từ chối"),
)
UNITS = {
    settings.SettingKind.SHARE: "%",
    settings.SettingKind.SECONDS: "giây",
    settings.SettingKind.OPTIONAL: "giây",
    settings.SettingKind.MILLISECONDS: "ms",
    settings.SettingKind.WHOLE: "lần",
    settings.SettingKind.SEED: "",
}
SAVED = {
    "cu-dan": "Đã lưu cách người dân trả lời.",
    "loi": "Đã lưu cách tổng đài hoạt động.",
    "xoa": "Đã xóa hết tin và đưa mọi thứ về ban đầu.",
}


class ControlPage:
    """Control page: habits of residents, faults of the gateway, counts, and the reset."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._panel = simulation.panel

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(ADDRESS, self.show)
        app.router.add_get(ADDRESS + "/so-lieu", self.refresh_counts)
        app.router.add_post(ADDRESS + "/{form:cu-dan|loi}", self.save)
        app.router.add_post(ADDRESS + "/xoa", self.wipe)

    async def refresh_counts(self, request: web.Request) -> web.Response:
        layout = TECHNICAL_COUNTS if "ky-thuat" in request.query else COUNTS
        return show("_counts.html", version="", counts=self._counts(layout))

    async def save(self, request: web.Request) -> web.StreamResponse:
        """Save the residents' habits or the faults, or their defaults."""
        form, name = await read_form(request), request.match_info["form"]
        group = "habits" if name == "cu-dan" else "faults"
        now, is_reset = getattr(self._panel, group), "reset" in form
        try:
            self._panel.change(
                group, {} if is_reset else settings.parse_changes(now, form), is_reset=is_reset
            )
        except settings.InvalidSetting as error:
            return await self.show(request, problem=_explain(error, now), forms={group: form})
        raise web.HTTPSeeOther(f"{ADDRESS}?da={name}")

    async def wipe(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        if not form.get("sure"):
            return await self.show(request, problem="Chưa xóa gì. Hãy đánh dấu “Tôi chắc chắn” rồi bấm lại.")
        self._simulation.reset()
        raise web.HTTPSeeOther(ADDRESS + "?da=xoa")

    async def show(
        self, request: web.Request, *, problem: str = "", forms: Mapping[str, Mapping[str, str]] | None = None
    ) -> web.Response:
        """Show the page, with what was typed into a form by its group where it was refused."""
        forms = forms or {}
        habits, faults, normal = self._panel.habits, self._panel.faults, settings.Faults()
        technical = " ".join(TECHNICAL_FAULTS.values()).split()
        is_changed = any(getattr(faults, name) != getattr(normal, name) for name in technical)
        return show(
            "control.html",
            status=400 if problem else 200,
            notice=SAVED.get(request.query.get("da", ""), ""),
            problem=problem,
            habits=_fields(habits, HABIT_GROUPS, forms.get("habits")),
            technical_habits=_fields(habits, TECHNICAL_HABITS, forms.get("habits")),
            faults=_fields(faults, FAULT_GROUPS, forms.get("faults")),
            technical_faults=_fields(faults, TECHNICAL_FAULTS, forms.get("faults")),
            is_technical="faults" in forms or is_changed,
            is_faulty=faults != normal,
            is_talking=any(getattr(habits, label) for label in settings.LABELS),
            counts=self._counts(COUNTS),
            technical_counts=self._counts(TECHNICAL_COUNTS),
        )

    def _counts(self, layout: tuple[tuple[str, str], ...]) -> list[tuple[str, int]]:
        counts = self._simulation.count()
        return [(label, counts[name]) for name, label in layout]


def _fields(group: Any, layout: Mapping[str, str], form: Mapping[str, str] | None) -> list[dict[str, Any]]:
    known = {item.name: item for item in settings.settings_of(group)}

    def row(item: settings.Setting) -> dict[str, Any]:
        value, is_flag = getattr(group, item.name), item.kind is settings.SettingKind.FLAG
        if form is not None:
            written = form.get(item.name, "")
        elif is_flag:
            written = "1" if value else ""
        else:
            factor = 100 if item.kind is settings.SettingKind.SHARE else 1
            written = "" if value is None else f"{value * factor:.10g}"
        return {"setting": item, "unit": UNITS.get(item.kind, ""), "is_flag": is_flag, "value": written}

    return [
        {"title": title, "rows": [row(known[name]) for name in names.split()]}
        for title, names in layout.items()
    ]


def _explain(error: settings.InvalidSetting, group: Any) -> str:
    """Return the error message for the form."""
    if error.name == "shares":
        return "Chưa lưu: tổng các tỉ lệ trả lời vượt quá 100%. Hãy giảm bớt một vài tỉ lệ."
    item = next(item for item in settings.settings_of(group) if item.name == error.name)
    if error.name == "delay_max_s":
        return f"Chưa lưu: “{item.label}” không được nhỏ hơn “Trả lời sớm nhất sau”."
    factor = 100 if item.kind is settings.SettingKind.SHARE else 1
    unit = "%" if item.kind is settings.SettingKind.SHARE else f" {UNITS[item.kind]}".rstrip()
    bounds = f"từ {item.low * factor:g} đến {item.high * factor:.16g}{unit}"
    return f"Chưa lưu: “{item.label}” phải là số {bounds}."


_HERE = Path(__file__).resolve().parent
STATIC = _HERE / "static"
# Vietnam has one time zone without summer time, so a fixed offset is right.
_VIETNAM = timezone(timedelta(hours=7))
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers would then send `Origin: null`, and the guard would refuse our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def quick_replies(phone: TrainingPhone) -> list[str]:
    """Return what a resident answers by one press: the digits of the last message that offers some, and the word that ends messages."""
    texts = (sms.body for sms in reversed(phone.entries) if sms.direction is Direction.OUTBOUND)
    offered = (len(list(takewhile(set(_OFFERED.findall(text)).__contains__, "123456789"))) for text in texts)
    return [*"123456789"[: next((n for n in offered if n > 1), 4)], "TC"]


def write_number(number: str) -> str:
    """Return `+84905000123` as 0905 000 123; other numbers as they are."""
    if number.startswith("+84") and len(number) == 12:
        local = "0" + number[3:]
        return f"{local[:4]} {local[4:7]} {local[7:]}"
    return number


def write_time(epoch: float) -> str:
    """Return hour and minute in Vietnam, with the day if it is not today."""
    moment = datetime.fromtimestamp(epoch, _VIETNAM)
    is_today = moment.date() == datetime.now(_VIETNAM).date()
    return moment.strftime("%H:%M" if is_today else "%H:%M %d/%m")


def describe_state(sms: Sms, *, is_wired: bool) -> str:
    """Return a message's state as shown; `is_wired`: residents' SMS are posted somewhere."""
    if sms.direction is Direction.OUTBOUND:
        if sms.status in (Status.UNDELIVERED, Status.FAILED):
            return f"Không tới máy (mã {sms.error_code})"
        return "" if sms.status is Status.DELIVERED else "Đang tới máy…"
    if sms.status is Status.FAILED:
        return "Hệ thống không nhận tin này"
    if sms.is_reported:
        return "Đã gửi"
    return "Đang gửi…" if is_wired else "Chưa gửi được: chưa đặt địa chỉ nhận tin trả lời"


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"number": write_number, "time": write_time}
_environment.filters["count"] = lambda number: f"{number:,}".replace(",", ".")  # 5.000


def show(template: str, *, status: int = 200, version: str | None = None, **values: Any) -> web.Response:
    """Render a page, or with `version` a part of one that the poll script inserts."""
    text = _environment.get_template(template).render(**values)
    headers = _HEADERS if version is None else {**_HEADERS, "X-Version": version}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def nothing_new() -> web.Response:
    """Return 204: the part of the page has not changed."""
    return web.Response(status=204, headers=_HEADERS)
