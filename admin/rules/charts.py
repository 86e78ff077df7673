"""Charts as SVG, drawn on the server.

No script, readable in print, with a title and a description. Pure.

Drawn 320 units wide, so that letters stay readable on a phone; a stylesheet limits how far it is blown up.
Texts and numbers are given as they are displayed. An unknown value has no bar, only its text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from markupsafe import Markup, escape

from campaigns.rules.reports.document import Bar

Spot = tuple[float, float]
WIDTH = 320
_ROW = 36
_TOP = 26  # room for the goal's label


@dataclass(frozen=True, slots=True)
class Goal:
    """The line of a goal: a share on bars, a count over time."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Projection:
    """What is to come after the last point of a count, in positions on the axis of days.

    `fan` is the day that a forecast is for, and the count then: low, likely and high; None if there is no forecast.
    `needed_by` is the deadline, while it lies ahead and the goal is not reached.
    """

    fan: tuple[float, int, int, int] | None
    needed_by: float | None


@dataclass(frozen=True, slots=True)
class SentWave:
    """Messages of one day, at a position on the axis of days; `text` says when and to how many, `is_to_come` that they are planned."""

    place: int
    text: str
    is_to_come: bool


def bar_chart(
    name: str, title: str, description: str, bars: Sequence[Bar], *, top: float | None = None
) -> Markup:
    """Draw horizontal bars. `name` is unique on a page; `top` is the end of the scale."""
    largest = max([0.1, *(bar.value or 0 for bar in bars)])
    top = top or ceil(largest * 10 - 1e-9) / 10  # a tenth further, so that a bar never reaches past the edge
    height = _TOP + _ROW * len(bars) + 4
    parts = []
    for place, bar in enumerate(bars):
        y = _TOP + place * _ROW
        parts += [
            element("text", "name", shorten(bar.label, 34), x=0, y=y + 13),
            element("text", "value", bar.text, x=WIDTH, y=y + 13, text_anchor="end"),
            element("rect", "track", x=0, y=y + 19, width=WIDTH, height=10, rx=2),
        ]
        if bar.value is not None:
            share = WIDTH * min(1.0, bar.value / top)
            parts.append(element("rect", "share", x=0, y=y + 19, width=share, height=10, rx=2))
    return frame(name, title, description, height, parts)


def line_chart(
    name: str,
    title: str,
    description: str,
    points: Sequence[tuple[str, int, str]],
    *,
    goal: Goal | None,
    deadline: tuple[int, str] | None,
    ahead: Projection | None = None,
    waves: Sequence[SentWave] = (),
    unit: str = "",
    ticks: Sequence[tuple[int, str]] = (),
) -> Markup:
    """Draw a count over the days: (day's label, count, count's label).

    `deadline`: position on the axis, label. `ticks`: counts and their labels on the axis of counts, whose `unit` stands above.
    Each of the `waves` is a mark on the axis of days.

    With `ahead` the fan of the forecast and, dashed, the way that the goal by the deadline would take.
    """
    left, right, low, high = 4, WIDTH - 4, 190, 34
    last, top = _find_ends(points, goal, deadline, ahead)

    def at(place: float, count: float) -> Spot:
        return left + (right - left) * place / last, low - (low - high) * count / top

    parts = [element("line", "axis", x1=left, x2=right, y1=low, y2=low)]
    parts += _draw_scale([tick for tick in ticks if 0 < tick[0] <= top], unit, left, right, at)
    parts += [_draw_wave(wave, at(wave.place, 0), high) for wave in waves if 0 <= wave.place <= last]
    if goal:
        _, y = at(0, goal.value)
        parts += [
            element("line", "goal", x1=left, x2=right, y1=y, y2=y),
            element("text", "goal-words", goal.text, x=left, y=y - 6),
        ]
    if ahead and goal and points:
        parts += _draw_ahead(points, goal, ahead, last, at)
    if deadline:
        x, _ = at(deadline[0], 0)
        anchor = "end" if x > WIDTH / 2 else "start"
        parts += [
            element("line", "deadline", x1=x, x2=x, y1=high, y2=low),
            element("text", "goal-words", deadline[1], x=x, y=low + 32, text_anchor=anchor),
        ]
    if points:
        spots = [at(place, count) for place, (_, count, _) in enumerate(points)]
        # The future is on the right.
        parts += _draw_days(points, spots, left, low, turns_at=WIDTH / 5 if ahead else WIDTH / 2)
    return frame(name, title, description, low + 38, parts)


def _find_ends(
    points: Sequence[tuple[str, int, str]],
    goal: Goal | None,
    deadline: tuple[int, str] | None,
    ahead: Projection | None,
) -> tuple[float, float]:
    """Return where the axes of days and of counts end."""
    last: float = max(len(points) - 1, deadline[0] if deadline else 0, 1)
    if ahead and goal and points:
        # A distant forecast must not squeeze the past days into a corner.
        last = max(last, min(ahead.fan[0] if ahead.fan else 0, 2 * last))
    reached = ahead.fan[3] if ahead and ahead.fan else 0
    highest = int(goal.value * 1.08) if goal else 0
    return last, max([1, reached, highest, *(count for _, count, _ in points)])


def _draw_days(
    points: Sequence[tuple[str, int, str]], spots: list[Spot], left: float, low: float, *, turns_at: float
) -> list[Markup]:
    """Draw the line of the days, and what it begins and ends with; beyond `turns_at` the last count is left of its spot."""
    x, y = spots[-1]
    anchor = "end" if x > turns_at else "start"
    parts = [
        element("polyline", "line", points=_path(spots)),
        element("circle", "dot", cx=x, cy=y, r=4),
        element("text", "value", points[-1][2], x=x, y=max(14.0, y - 9), text_anchor=anchor),
        element("text", "name", points[0][0], x=left, y=low + 16),
    ]
    if len(points) > 1 and x > 110:
        parts.append(element("text", "name", points[-1][0], x=x, y=low + 16, text_anchor="end"))
    return parts


def _draw_scale(
    ticks: Sequence[tuple[int, str]], unit: str, left: float, right: float, at: Callable[[float, float], Spot]
) -> list[Markup]:
    parts = [element("text", "tick", unit, x=left, y=10)] if unit else []
    for count, text in ticks:
        _, y = at(0, count)
        parts += [
            element("line", "grid", x1=left, x2=right, y1=y, y2=y),
            element("text", "tick", text, x=right - 6, y=y - 3, text_anchor="end"),
        ]
    return parts


def _draw_wave(wave: SentWave, foot: Spot, top: float) -> Markup:
    x, y = foot
    inside = (
        Markup("<title>{}</title>").format(wave.text),
        element("line", "", x1=x, x2=x, y1=y, y2=top),
        element(
            "path", "", d=f"M{plain(x - 4)} {plain(y)}L{plain(x + 4)} {plain(y)}L{plain(x)} {plain(y - 8)}Z"
        ),
    )
    return element("g", "wave to-come" if wave.is_to_come else "wave", Markup().join(inside))


def scale_of(top: float) -> list[int]:
    """Return two to five round counts up to a count, for the axis of a chart."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if top / step <= 5:
                return [step * n for n in range(1, int(top // step) + 1)]
        size *= 10


def _draw_ahead(
    points: Sequence[tuple[str, int, str]],
    goal: Goal,
    ahead: Projection,
    last: float,
    at: Callable[[float, float], Spot],
) -> list[Markup]:
    """Draw from the last point the fan of a forecast, its likely line, and the line that is needed."""
    start, count = len(points) - 1, points[-1][1]

    def end(place: float, value: float) -> Spot:
        # A line that ends beyond the edge is cut off there.
        if place <= last:
            return at(place, value)
        return at(last, count + (value - count) * (last - start) / (place - start))

    first = at(start, count)
    parts = []
    if ahead.fan and ahead.fan[0] > start:
        place, *counts = ahead.fan
        low, likely, high = (end(place, value) for value in counts)
        parts = [element("polygon", "fan", points=_path([first, high, low])), _way("likely", first, likely)]
    if ahead.needed_by is not None and ahead.needed_by > start:
        parts.append(_way("needed", first, at(ahead.needed_by, goal.value)))
    return parts


def _way(look: str, start: Spot, end: Spot) -> Markup:
    return element("line", look, x1=start[0], y1=start[1], x2=end[0], y2=end[1])


def _path(spots: Sequence[Spot]) -> str:
    return " ".join(f"{plain(x)},{plain(y)}" for x, y in spots)


def element(tag: str, look: str, inside: str | None = None, **attributes: float | str) -> Markup:
    """Return an SVG element with a class; an underscore in an attribute's name is a hyphen."""
    given = {"class": look} if look else {}
    given |= {k.replace("_", "-"): v if isinstance(v, str) else plain(v) for k, v in attributes.items()}
    start = Markup().join(Markup(' {}="{}"').format(*each) for each in given.items())
    if inside is None:
        return Markup("<{}{}/>").format(tag, start)
    return Markup("<{0}{1}>{2}</{0}>").format(tag, start, inside)


def goal_level(value: float | None, goal: Goal | None) -> str:
    """Return the CSS class for the fifth of the way to the goal (or to everybody)."""
    if value is None:
        return "unknown"
    if goal and value >= goal.value:
        return "reached"
    return str(min(4, int(5 * value / (goal.value if goal else 1.0))))


def frame(
    name: str, title: str, description: str, height: float, parts: Sequence[Markup], *, role: str = "img"
) -> Markup:
    """Return the picture; its role is `group` where parts of it are links."""
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="{role}" aria-labelledby="{name}-t {name}-d">'
        '<title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>{inside}</svg>'
    ).format(
        width=WIDTH,
        height=plain(height),
        role=role,
        name=name,
        title=title,
        description=description,
        inside=Markup("").join(parts),
    )


def shorten(label: str, most: int) -> Markup:
    """Shorten a label; the table below the chart has the full name."""
    return escape(label if len(label) <= most else label[: most - 1].rstrip() + "…")


def plain(number: float) -> str:
    """Return a number to a tenth, as attributes of SVG have it."""
    return f"{number:.1f}".removesuffix(".0")
