"""Where the goal stands: self-reported installs by place, organisation and day, as charts with their tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from math import ceil
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from admin.charts import Bar, Goal, Tile, bar_chart, line_chart, tile_grid
from admin.texts import number, percent
from admin.views.base import OfficeView
from campaigns.agencies.overview import read_overview
from campaigns.figures.forecast import forecast, required_per_day
from campaigns.figures.places import Figures, Line, list_launched, read_figures
from campaigns.goals.reading import read_staff_goal
from campaigns.models import Campaign
from campaigns.official import COLUMNS, Official, enter_official, latest_official, may_enter
from campaigns.rings import ring_count_reach
from campaigns.windows import VIETNAM
from outreach.errors import LoaError
from outreach.runtime import Runtime

# How the districts of Kon Tum lie towards each other: column and row by GSO code. No map is needed.
TILE_PLACES = {
    "610": (0, 0),
    "617": (1, 0),
    "611": (0, 1),
    "612": (1, 1),
    "613": (2, 1),
    "616": (0, 2),
    "615": (1, 2),
    "614": (2, 2),
    "618": (0, 3),
    "608": (1, 3),
}


class ProgressView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Tiến độ"), endpoint="progress", url="/admin/progress")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """`?campaign=` chooses the campaign (the newest by itself), `?district=` the communes shown."""
        return self._show()

    @expose("/official", methods=["POST"])
    def official(self) -> ResponseReturnValue:
        """An official figure of a district, as somebody at the province's committee types it."""
        typed = {name: request.form.get(name, "").strip()[:400] for name in COLUMNS}
        try:
            with self.writing() as (session, user):
                enter_official(session, **typed, user=user, now=datetime.now(UTC))
        except LoaError as error:
            return self._show(typed=typed, error=str(error)), 422
        flash(_("Đã ghi số liệu."), "success")
        to = url_for(".index", campaign=request.args.get("campaign", type=int), _anchor="official")
        return redirect(to, code=303)

    def _show(self, *, typed: dict[str, str] | None = None, error: str = "") -> str:
        now = datetime.now(UTC)
        with self.reading() as (session, user):
            campaigns = list_launched(session, user)
            chosen = request.args.get("campaign", type=int) or (campaigns[0][0] if campaigns else None)
            figures = read_figures(session, chosen, user=user, now=now) if chosen else None
            agencies = None
            staff_goal = None
            official: dict[str, Official] = {}
            enters = False
            if chosen and figures and session.get_one(Campaign, chosen).content.get("app"):
                staff_goal = read_staff_goal(session, at=now)
                agencies = read_overview(session, user, day=now.astimezone(VIETNAM).date())
                if figures.is_whole:
                    official = latest_official(session, today=now.astimezone(VIETNAM).date())
                    enters = may_enter(session, user)
        if figures is None:
            return self.render("office/progress_empty.html")
        if figures.reach and figures.reach.is_due:
            ring_count_reach(self.runtime.doorbell, figures.campaign_id)
        district = next(
            (line for line in figures.districts if line.code and line.code == request.args.get("district")),
            None,
        )
        communes = figures.communes.get(district.code or "", []) if district else []
        return self.render(
            "office/progress.html",
            campaigns=campaigns,
            figures=figures,
            as_of=now,
            agencies=agencies,
            agency_goal=staff_goal,
            official=official,
            enters=enters,
            typed=typed or {},
            error=error,
            today=now.astimezone(VIETNAM).date().isoformat(),
            district=district,
            communes=communes,
            days=_day_rows(figures),
            charts=_draw(figures, communes, district),
            outlook=_look_ahead(figures, today=now.astimezone(VIETNAM).date()),
        )


def _look_ahead(figures: Figures, *, today: date) -> dict[str, Any] | None:
    """What is needed a day and when the goal will be reached, while the campaign goes on and has a goal."""
    if not figures.goal or not figures.days or figures.days[-1][0] < today:
        return None
    ahead = forecast(figures.days, denominator=figures.share.denominator, goal=figures.goal, today=today)
    deadline = figures.deadline.astimezone(VIETNAM).date() if figures.deadline else None
    needed = (
        required_per_day(
            installed=figures.share.installed,
            denominator=figures.share.denominator,
            goal=figures.goal,
            today=today,
            deadline=deadline,
        )
        if deadline
        else None
    )
    return {
        "forecast": ahead,
        "is_reached": ahead is not None and ahead.likely is not None and ahead.likely <= today,
        "needed": ceil(needed) if needed is not None else None,
        "deadline": deadline,
        "is_past": deadline is not None and deadline < today,
    }


def _draw(figures: Figures, communes: Sequence[Line], district: Line | None) -> dict[str, Markup]:
    goal = Goal(figures.goal, _("Mục tiêu %(share)s", share=percent(figures.goal))) if figures.goal else None
    about = _(
        "Số máy tự báo đã cài, chia cho số người trong danh sách nhận tin chưa báo là không có điện thoại thông minh."
    )
    charts = {
        "districts": bar_chart(
            "districts",
            _("Tỷ lệ tự báo đã cài theo huyện, thành phố"),
            about,
            _bars(figures.districts),
            goal=goal,
        ),
        "tiles": tile_grid(
            "tiles", _("Các huyện, thành phố trên sơ đồ ô"), about, _tiles(figures.districts), goal=goal
        ),
        "organisations": bar_chart(
            "organisations",
            _("Tỷ lệ tự báo đã cài theo tổ chức"),
            about,
            _bars(figures.organisations),
            goal=goal,
        ),
        "days": _draw_days(figures),
    }
    if district and communes:
        title = _("Tỷ lệ tự báo đã cài theo xã, phường, thị trấn của %(district)s", district=district.name)
        charts["communes"] = bar_chart("communes", title, about, _bars(communes), goal=goal)
    return charts


def _bars(lines: Sequence[Line]) -> list[Bar]:
    return [Bar(line.name or _("Chưa rõ"), line.tally.share.value, _share_text(line)) for line in lines]


def _share_text(line: Line) -> str:
    if line.tally.share.value is None:
        return _("chưa có số liệu")
    return percent(line.tally.share.value)


def _tiles(lines: Sequence[Line]) -> list[Tile]:
    """Districts where they lie; those without a place of their own in rows below."""
    known = [line for line in lines if line.code]
    free = max((row for _column, row in TILE_PLACES.values()), default=-1) + 1
    if not any(line.code in TILE_PLACES for line in known):
        free = 0
    without = [line.code for line in known if line.code not in TILE_PLACES]
    tiles = []
    for line in known:
        code = line.code or ""
        place = TILE_PLACES.get(code)
        if place is None:
            index = without.index(code)
            place = (index % 3, free + index // 3)
        value = line.tally.share.value
        name = line.name.split(" ", 2 if line.name.startswith("Thành phố") else 1)[-1]
        tiles.append(Tile(name, value, percent(value) if value is not None else "?", *place))
    return tiles


def _draw_days(figures: Figures) -> Markup:
    days = figures.days
    target = figures.goal * figures.share.denominator if figures.goal and figures.share.denominator else None
    goal = Goal(target, _("Mục tiêu: %(count)s máy", count=number(round(target)))) if target else None
    deadline: tuple[int, str] | None = None
    if figures.deadline and days:
        day = figures.deadline.astimezone(VIETNAM).date()
        deadline = ((day - days[0][0]).days, _("Hạn %(day)s", day=_day(day)))
    count = days[-1][1] if days else 0
    return line_chart(
        "days",
        _("Số máy tự báo đã cài, cộng dồn theo ngày"),
        _(
            "Từ %(first)s đến %(last)s, nay là %(count)s máy.",
            first=_day(days[0][0]),
            last=_day(days[-1][0]),
            count=number(count),
        )
        if days
        else _("Chưa có ngày nào."),
        [(_day(day), standing, number(standing)) for day, standing in days],
        goal=goal,
        deadline=deadline,
    )


def _day(day: date) -> str:
    return f"{day.day}/{day.month}/{day.year}"


def _day_rows(figures: Figures) -> list[dict[str, Any]]:
    """The table below the days' chart, newest first."""
    rows = []
    before = 0
    for day, standing in figures.days:
        rows.append({"day": _day(day), "new": standing - before, "standing": standing})
        before = standing
    return rows[::-1]
