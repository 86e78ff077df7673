"""The control page: how residents answer, how the gateway misbehaves, what is going on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from outreach.sms.simulator.controls.faults import Faults
from outreach.sms.simulator.controls.habits import LABELS, Habits, change_habits
from outreach.sms.simulator.controls.knobs import BadKnob, Kind, Knob, knobs_of, parse_changes, turn
from outreach.sms.simulator.forms import read_form
from outreach.sms.simulator.pages.render import show
from outreach.sms.simulator.world import World

ADDRESS = "/dieu-khien"

# Which knobs stand together on the page: those that a trainer turns, and folded away those for technicians.
Layout = tuple[tuple[str, tuple[str, ...]], ...]
FAULT_GROUPS: Layout = (
    ("Đường tới máy", ("sent_after_s", "delivered_after_s", "rate_failed", "rate_undelivered")),
)
TECHNICAL_FAULTS: Layout = (
    (
        "Chậm và từ chối",
        (
            "latency_ms",
            "jitter_ms",
            "rate_429",
            "retry_after_s",
            "rate_500",
            "rate_cut_before",
            "rate_problem_json",
            "gateway_stop",
        ),
    ),
    ("Đã nhận tin nhưng người gửi không biết", ("rate_500_after", "rate_cut", "rate_timeout", "timeout_s")),
    (
        "Báo trạng thái và tra cứu",
        ("callbacks_repeat", "callbacks_shuffle", "callbacks_off", "list_delay_s", "reads_too"),
    ),
    ("Lặp lại được", ("seed",)),
)
HABIT_GROUPS: Layout = (
    ("Tỉ lệ máy trả lời", LABELS),
    ("Cách và lúc trả lời", ("by_link", "delay_min_s", "delay_max_s", "again_after_s")),
)
TECHNICAL_HABITS: Layout = (("Lặp lại được", ("seed",)),)
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
    Kind.SHARE: "%",
    Kind.SECONDS: "giây",
    Kind.OPTIONAL: "giây",
    Kind.MILLISECONDS: "ms",
    Kind.WHOLE: "lần",
    Kind.SEED: "",
}
SAVED = {
    "cu-dan": "Đã lưu cách người dân trả lời.",
    "loi": "Đã lưu cách tổng đài hoạt động.",
    "xoa": "Đã xóa hết tin và đưa mọi thứ về ban đầu.",
}


class ControlPage:
    def __init__(self, world: World) -> None:
        self._world = world
        self._panel = world.panel

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(ADDRESS, self.show)
        app.router.add_get(ADDRESS + "/so-lieu", self.refresh_counts)
        app.router.add_post(ADDRESS + "/cu-dan", self.save_habits)
        app.router.add_post(ADDRESS + "/loi", self.save_faults)
        app.router.add_post(ADDRESS + "/xoa", self.wipe)

    async def show(self, request: web.Request) -> web.Response:
        return self._page(notice=SAVED.get(request.query.get("da", ""), ""))

    async def refresh_counts(self, request: web.Request) -> web.Response:
        layout = TECHNICAL_COUNTS if "ky-thuat" in request.query else COUNTS
        return show("_counts.html", version="", counts=self._counts(layout))

    async def save_habits(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        if "reset" in form:
            self._panel.habits = Habits()
            raise web.HTTPSeeOther(ADDRESS + "?da=cu-dan")
        try:
            self._panel.habits = change_habits(self._panel.habits, parse_changes(self._panel.habits, form))
        except BadKnob as error:
            return self._page(problem=_explain(error, self._panel.habits), habits_typed=form)
        raise web.HTTPSeeOther(ADDRESS + "?da=cu-dan")

    async def save_faults(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        if "reset" in form:
            self._panel.set_faults(Faults())
            raise web.HTTPSeeOther(ADDRESS + "?da=loi")
        try:
            self._panel.set_faults(turn(self._panel.faults, parse_changes(self._panel.faults, form)))
        except BadKnob as error:
            return self._page(problem=_explain(error, self._panel.faults), faults_typed=form)
        raise web.HTTPSeeOther(ADDRESS + "?da=loi")

    async def wipe(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        if not form.get("sure"):
            return self._page(problem="Chưa xóa gì. Hãy đánh dấu “Tôi chắc chắn” rồi bấm lại.")
        self._world.reset()
        raise web.HTTPSeeOther(ADDRESS + "?da=xoa")

    def _page(
        self,
        *,
        notice: str = "",
        problem: str = "",
        habits_typed: Mapping[str, str] | None = None,
        faults_typed: Mapping[str, str] | None = None,
    ) -> web.Response:
        return show(
            "control.html",
            status=400 if problem else 200,
            notice=notice,
            problem=problem,
            habits=_fields(self._panel.habits, HABIT_GROUPS, habits_typed),
            technical_habits=_fields(self._panel.habits, TECHNICAL_HABITS, habits_typed),
            faults=_fields(self._panel.faults, FAULT_GROUPS, faults_typed),
            technical_faults=_fields(self._panel.faults, TECHNICAL_FAULTS, faults_typed),
            is_technical=bool(faults_typed) or _differs(self._panel.faults, Faults(), TECHNICAL_FAULTS),
            is_faulty=self._panel.faults != Faults(),
            is_talking=any(getattr(self._panel.habits, label) for label in LABELS),
            counts=self._counts(COUNTS),
            technical_counts=self._counts(TECHNICAL_COUNTS),
        )

    def _counts(self, layout: tuple[tuple[str, str], ...]) -> list[tuple[str, int]]:
        counts = self._world.count()
        return [(label, counts[name]) for name, label in layout]


def _differs(group: Any, usual: Any, layout: Layout) -> bool:
    return any(getattr(group, name) != getattr(usual, name) for _title, names in layout for name in names)


def _fields(group: Any, layout: Layout, typed: Mapping[str, str] | None) -> list[dict[str, Any]]:
    known = {item.name: item for item in knobs_of(group)}
    return [
        {
            "title": title,
            "rows": [
                {
                    "knob": known[name],
                    "unit": UNITS.get(known[name].kind, ""),
                    "is_flag": known[name].kind is Kind.FLAG,
                    "value": typed.get(name, "")
                    if typed is not None
                    else _write(known[name], getattr(group, name)),
                }
                for name in names
            ],
        }
        for title, names in layout
    ]


def _write(item: Knob, value: Any) -> str:
    if item.kind is Kind.FLAG:
        return "1" if value else ""
    if value is None:
        return ""
    return f"{value * 100 if item.kind is Kind.SHARE else value:.10g}"


def _explain(error: BadKnob, group: Any) -> str:
    """The sentence for whoever filled in the form."""
    if error.name == "shares":
        return "Chưa lưu: tổng các tỉ lệ trả lời vượt quá 100%. Hãy giảm bớt một vài tỉ lệ."
    item = next(item for item in knobs_of(group) if item.name == error.name)
    if error.name == "delay_max_s":
        return f"Chưa lưu: “{item.label}” không được nhỏ hơn “Trả lời sớm nhất sau”."
    factor = 100 if item.kind is Kind.SHARE else 1
    unit = "%" if item.kind is Kind.SHARE else f" {UNITS[item.kind]}".rstrip()
    span = f"từ {item.low * factor:g} đến {item.high * factor:.16g}{unit}"
    return f"Chưa lưu: “{item.label}” phải là số {span}."
