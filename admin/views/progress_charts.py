"""The charts of the leader's page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flask_babel import gettext as _
from markupsafe import Markup

from admin.charts import Ahead, Goal, Tile, line_chart, tile_grid
from admin.texts import number, percent
from campaigns.figures.leaders.measuring import Basis, Line, Outlook
from campaigns.figures.leaders.reading import Head, Leaders
from campaigns.planning.kinds import needs_smartphone

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


def draw_charts(leaders: Leaders, *, today: date) -> dict[str, Markup]:
    """The days with what lies ahead, and the districts as tiles."""
    head = leaders.head
    goal = (
        Goal(head.goal.share, _("Mục tiêu %(share)s", share=percent(head.goal.share))) if head.goal else None
    )
    about = (
        _("Số tự báo, chia cho số người thuộc diện vận động đã nhập cho từng nơi.")
        if leaders.districts.basis is Basis.ENTERED
        else _(
            "Số tự báo, chia cho số người trong danh sách nhận tin chưa báo là không có điện thoại thông minh."
        )
        if needs_smartphone(leaders.chosen.kind)
        else _("Số tự báo, chia cho số người trong danh sách nhận tin.")
    )
    return {
        "days": _draw_days(head, today),
        "tiles": tile_grid(
            "tiles",
            _("Các huyện, thành phố trên sơ đồ ô"),
            about,
            _tiles(leaders.districts.lines),
            goal=goal,
        ),
    }


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
        name = line.name.split(" ", 2 if line.name.startswith("Thành phố") else 1)[-1]
        tiles.append(Tile(name, line.share, percent(line.share) if line.share is not None else "?", *place))
    return tiles


def _draw_days(head: Head, today: date) -> Markup:
    days = head.days
    target = head.target
    goal = Goal(target, _("Mục tiêu: %(count)s người", count=number(target))) if target else None
    deadline: tuple[int, str] | None = None
    by = head.goal.deadline if head.goal else None
    if by and days:
        deadline = ((by - days[0][0]).days, _("Hạn %(day)s", day=_day(by)))
    count = days[-1][1] if days else 0
    return line_chart(
        "days",
        _("Số tự báo, cộng dồn theo ngày"),
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
        ahead=_ahead(head, today),
    )


def _ahead(head: Head, today: date) -> Ahead | None:
    if head.outlook is Outlook.REACHED or not head.days:
        return None
    first = head.days[0][0]

    def place(day: date | None) -> float | None:
        return (day - first).days if day else None

    by, told = head.goal.deadline if head.goal else None, head.ahead
    return Ahead(
        fan=(place(told.earliest), place(told.likely), place(told.latest)) if told else None,
        needed_by=place(by) if by and by >= today else None,
    )


def _day(day: date) -> str:
    return f"{day.day}/{day.month}/{day.year}"
