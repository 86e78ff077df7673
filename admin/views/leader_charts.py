"""Charts of the leaders' page: development by day, places, and the way from the list to those who have done it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path

from flask_babel import gettext as _
from markupsafe import Markup

from admin.rules.charts import (
    WIDTH,
    Bar,
    Goal,
    Projection,
    SentWave,
    bar_chart,
    line_chart,
    scale_of,
)
from admin.rules.maps import MapPlace, Outlines, area_map, read_boundaries, tile_grid
from admin.wording.filters import day as show_day
from admin.wording.filters import kind_has_app, kind_words, number, percent
from admin.wording.progress import did_of, told_of
from campaigns.analytics.progress import LeadGoal, ProgressPage
from campaigns.rules.progress import Outlook, ShareBasis

log = logging.getLogger(__name__)


def draw_charts(leaders: ProgressPage, boundaries_file: str, *, today: date) -> dict[str, Markup]:
    """Draw the page's charts. `boundaries_file` is the path of a GeoJSON file; places without one are tiles."""
    return {
        "days": _draw_days(leaders, today),
        "places": _draw_places(leaders, _boundaries(boundaries_file)),
        "funnel": _draw_funnel(leaders),
    }


def _draw_places(leaders: ProgressPage, boundaries: Mapping[str, list[Outlines]]) -> Markup:
    goal_share = leaders.head.goal.share if leaders.head.goal else None
    goal = Goal(goal_share, _("Mục tiêu %(share)s", share=percent(goal_share))) if goal_share else None
    did = did_of(kind_words(leaders.drive.kind))
    about = (
        _("Tỷ lệ %(did)s trên số người thuộc diện vận động đã nhập cho từng địa bàn.", did=did)
        if leaders.districts.basis is ShareBasis.ENTERED
        else _(
            "Tỷ lệ %(did)s trên số người trong danh sách nhận tin, trừ người báo không có điện thoại thông minh.",
            did=did,
        )
        if kind_has_app(leaders.drive.kind)
        else _("Tỷ lệ %(did)s trên số người trong danh sách nhận tin.", did=did)
    )
    places = [
        MapPlace(
            line.code,
            line.name,
            line.share,
            percent(line.share) if line.share is not None else "?",
            line.rank,
        )
        for line in leaders.districts.lines
        if line.code
    ]
    if any(place.code in boundaries for place in places):
        return area_map("places", _("Bản đồ các địa bàn"), about, places, boundaries, goal=goal)
    return tile_grid("places", _("Sơ đồ ô các địa bàn"), about, places, goal=goal)


def _boundaries(path: str) -> Mapping[str, list[Outlines]]:
    if not path:
        return {}
    try:
        return _read_boundaries(path, Path(path).stat().st_mtime_ns)
    except (OSError, ValueError) as error:
        # The page is more than its map: places are tiles until the file is mended.
        log.warning("boundaries.unreadable reason=%s", type(error).__name__)
        return {}


@lru_cache(maxsize=1)
def _read_boundaries(path: str, _changed_at: int) -> Mapping[str, list[Outlines]]:
    return read_boundaries(json.loads(Path(path).read_text(encoding="utf-8")))


def _draw_funnel(leaders: ProgressPage) -> Markup:
    total, reached = leaders.total, leaders.reach.total
    is_counted = leaders.reach.counted_at is not None
    steps: list[tuple[str, int | None]] = [
        (_("Trong danh sách nhận tin"), total.recipients),
        (_("Tin đã gửi"), reached.written if is_counted else None),
        (_("Tin đã đến máy"), reached.arrived or None),
        (_("Đã trả lời"), total.answered),
        (told_of(leaders.drive.kind), total.installed),
    ]
    bars = [
        Bar(
            name,
            count / total.recipients if count is not None and total.recipients else None,
            f"{number(count)} ({percent(count / total.recipients)})"
            if count is not None and total.recipients
            else "–",
        )
        for name, count in steps
    ]
    return bar_chart(
        "funnel",
        _("Kết quả qua từng bước"),
        _("Đơn vị: người; tỷ lệ so với danh sách nhận tin."),
        bars,
        top=1.0,
    )


def _draw_days(leaders: ProgressPage, today: date) -> Markup:
    head = leaders.head
    days, target = head.days, head.target
    goal = Goal(target, _("Mục tiêu: %(count)s người", count=number(target))) if target else None
    deadline: tuple[int, str] | None = None
    due = head.goal.deadline if head.goal else None
    if due and days:
        deadline = ((due - days[0][0]).days, _("Hạn %(day)s", day=show_day(due.isoformat())))
    count = days[-1][1] if days else 0
    ahead = _ahead(head, today)
    top = max(count, target or 0, ahead.fan[3] if ahead and ahead.fan else 0)
    return line_chart(
        "days",
        _("%(told)s, cộng dồn theo ngày", told=told_of(leaders.drive.kind)),
        _(
            "Từ %(first)s đến %(last)s, nay là %(count)s người.",
            first=show_day(days[0][0].isoformat()),
            last=show_day(days[-1][0].isoformat()),
            count=number(count),
        )
        if days
        else _("Chưa có ngày nào."),
        [(show_day(day.isoformat()), total, number(total)) for day, total in days],
        goal=goal,
        deadline=deadline,
        ahead=ahead,
        waves=[
            SentWave(
                (wave.day - days[0][0]).days,
                _("%(day)s: %(n)s tin", day=show_day(wave.day.isoformat()), n=number(wave.people)),
                wave.day > today,
            )
            for wave in leaders.waves
            if days and wave.people
        ],
        unit=_("Đơn vị: người"),
        ticks=[(tick, number(tick)) for tick in scale_of(top)],
    )


def _ahead(head: LeadGoal, today: date) -> Projection | None:
    if head.outlook is Outlook.REACHED or not head.days:
        return None
    first = head.days[0][0]
    deadline, forecast = head.goal.deadline if head.goal else None, head.ahead
    return Projection(
        fan=((forecast.until - first).days, forecast.low, forecast.likely, forecast.high)
        if forecast
        else None,
        needed_by=(deadline - first).days if deadline and deadline >= today else None,
    )


# The colours of progress.css, for pictures that have no stylesheet.
_STYLE = """
text { font-family: "Liberation Serif"; font-size: 12.5px; fill: #17252a; }
.value { font-weight: 700; } .goal-words { fill: #a3242b; font-size: 11.5px; } .tick { fill: #51616a; font-size: 10px; } .rank { font-size: 10px; }
.track { fill: #e2e8ea; } .share { fill: #2c7a89; } .reached { fill: #2f8a57; }
.goal { stroke: #a3242b; stroke-width: 2; stroke-dasharray: 4 3; } .deadline { stroke: #51616a; stroke-width: 1.5; stroke-dasharray: 2 3; }
.axis { stroke: #9fb0b6; } .grid { stroke: #e2e8ea; } .line { fill: none; stroke: #0b5563; stroke-width: 2.5; } .dot { fill: #0b5563; }
.fan { fill: #c9dfe3; } .likely { stroke: #0b5563; stroke-dasharray: 2 3; } .needed { stroke: #a3242b; stroke-dasharray: 6 4; }
.wave line { stroke: #b8860b; stroke-width: 1; } .wave path { fill: #b8860b; } .to-come line { stroke-dasharray: 3 3; } .to-come path { fill: none; stroke: #b8860b; }
.tile-unknown { fill: #fff; stroke: #9fb0b6; } .tile-0 { fill: #e3f0f2; } .tile-1 { fill: #bfdde2; } .tile-2 { fill: #8cc0c9; }
.tile-3 { fill: #2c7a89; } .tile-4 { fill: #0b5563; } .tile-reached { fill: #1f6f43; } .area { stroke: #fff; } .area.tile-unknown { stroke: #9fb0b6; }
.on-3 text, .on-4 text, .on-reached text { fill: #fff; }
"""


def as_picture(chart: Markup, caption: str) -> str:
    """Return a chart as an SVG file of its own: with its colours, a white ground, and a line that says what it is of."""
    head, _start, inside = str(chart).partition(">")
    height = float(head.split('viewBox="0 0 ')[1].split('"')[0].split(" ")[1]) + 24
    return str(
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -8 {width} {height}"><style>{style}</style>'
            '<rect x="-8" y="-8" width="{width}" height="{height}" fill="#fff"/>{inside}'
            '<text class="tick" x="0" y="{foot}">{caption}</text></svg>'
        ).format(
            width=WIDTH + 16,
            height=height + 12,
            style=Markup(_STYLE),  # noqa: S704 - a constant
            inside=Markup(inside.removesuffix("</svg>")),  # noqa: S704 - a chart that was drawn here
            foot=height - 8,
            caption=caption,
        )
    )
