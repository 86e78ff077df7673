"""Charts as SVG, drawn on the server.

No script, readable in print, with a title and a description. Pure.

Drawn 320 units wide, so that letters stay readable on a phone; a stylesheet limits how far it is blown up.
Texts and numbers are given as they are displayed. An unknown value has no bar, only its text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from markupsafe import Markup, escape

WIDTH = 320
_ROW = 36
_TOP = 26  # room for the goal's label


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: `value` is a share from 0 up, None if unknown; `text` is its label."""

    label: str
    value: float | None
    text: str


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
    name: str,
    title: str,
    description: str,
    bars: Sequence[Bar],
    *,
    top: float | None = None,
) -> Markup:
    """Draw horizontal bars. `name` is unique on a page; `top` is the end of the scale."""
    largest = max([0.1, *(bar.value or 0 for bar in bars)])
    top = top or ceil(largest * 10 - 1e-9) / 10  # a tenth further, so that a bar never reaches past the edge
    height = _TOP + _ROW * len(bars) + 4
    parts = []
    for place, bar in enumerate(bars):
        y = _TOP + place * _ROW
        parts.append(
            Markup('<text class="name" x="0" y="{}">{}</text>').format(y + 13, shorten(bar.label, 34))
            + Markup('<text class="value" x="{}" y="{}" text-anchor="end">{}</text>').format(
                WIDTH, y + 13, bar.text
            )
            + Markup('<rect class="track" x="0" y="{}" width="{}" height="10" rx="2"/>').format(y + 19, WIDTH)
        )
        if bar.value is not None:
            parts.append(
                Markup('<rect class="share" x="0" y="{}" width="{}" height="10" rx="2"/>').format(
                    y + 19, _n(WIDTH * min(1.0, bar.value / top))
                )
            )
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
    last: float = max(len(points) - 1, deadline[0] if deadline else 0, 1)
    if ahead and goal and points:
        # A distant forecast must not squeeze the past days into a corner.
        last = max(last, min(ahead.fan[0] if ahead.fan else 0, 2 * last))
    reached = ahead.fan[3] if ahead and ahead.fan else 0
    top = max([1, reached, *(count for _, count, _ in points), *([int(goal.value * 1.08)] if goal else [])])

    def at(place: float, count: float) -> tuple[str, str]:
        return _n(left + (right - left) * place / last), _n(low - (low - high) * count / top)

    parts = [Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(left, right, low, low)]
    parts += _draw_scale([tick for tick in ticks if 0 < tick[0] <= top], unit, left, right, at)
    parts += [_draw_wave(wave, at(wave.place, 0), high) for wave in waves if 0 <= wave.place <= last]
    if goal:
        _, y = at(0, goal.value)
        parts.append(
            Markup('<line class="goal" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(left, right, y, y)
            + Markup('<text class="goal-words" x="{}" y="{}">{}</text>').format(
                left, _n(float(y) - 6), goal.text
            )
        )
    if ahead and goal and points:
        parts += _draw_ahead(points, goal, ahead, last, at)
    if deadline:
        x, _ = at(deadline[0], 0)
        parts.append(
            Markup('<line class="deadline" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(x, high, low)
            + Markup('<text class="goal-words" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                x, low + 32, "end" if float(x) > WIDTH / 2 else "start", deadline[1]
            )
        )
    if points:
        spots = [at(place, count) for place, (_, count, _) in enumerate(points)]
        path = " ".join(f"{x},{y}" for x, y in spots)
        x, y = spots[-1]
        # The future is on the right.
        beside = "end" if float(x) > (WIDTH / 5 if ahead else WIDTH / 2) else "start"
        parts.append(
            Markup('<polyline class="line" points="{}"/>').format(path)
            + Markup('<circle class="dot" cx="{}" cy="{}" r="4"/>').format(x, y)
            + Markup('<text class="value" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                x, _n(max(14.0, float(y) - 9)), beside, points[-1][2]
            )
            + Markup('<text class="name" x="{}" y="{}">{}</text>').format(left, low + 16, points[0][0])
        )
        if len(points) > 1 and float(x) > 110:
            parts.append(
                Markup('<text class="name" x="{}" y="{}" text-anchor="end">{}</text>').format(
                    x, low + 16, points[-1][0]
                )
            )
    return frame(name, title, description, low + 38, parts)


def _draw_scale(
    ticks: Sequence[tuple[int, str]],
    unit: str,
    left: float,
    right: float,
    at: Callable[[float, float], tuple[str, str]],
) -> list[Markup]:
    parts = [Markup('<text class="tick" x="{}" y="10">{}</text>').format(left, unit)] if unit else []
    for count, text in ticks:
        _, y = at(0, count)
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(left, right, y, y)
            + Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
                right - 6, _n(float(y) - 3), text
            )
        )
    return parts


def _draw_wave(wave: SentWave, foot: tuple[str, str], top: float) -> Markup:
    x, y = foot
    return Markup(
        '<g class="wave{}"><title>{}</title><line x1="{x}" x2="{x}" y1="{y}" y2="{top}"/>'
        '<path d="M{left} {y}L{right} {y}L{x} {tip}Z"/></g>'
    ).format(
        " to-come" if wave.is_to_come else "",
        wave.text,
        x=x,
        y=y,
        top=_n(top),
        left=_n(float(x) - 4),
        right=_n(float(x) + 4),
        tip=_n(float(y) - 8),
    )


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
    at: Callable[[float, float], tuple[str, str]],
) -> list[Markup]:
    """Draw from the last point the fan of a forecast, its likely line, and the line that is needed."""
    start, count = len(points) - 1, points[-1][1]

    def end(place: float, value: float) -> tuple[str, str]:
        # A line that ends beyond the edge is cut off there.
        if place <= last:
            return at(place, value)
        return at(last, count + (value - count) * (last - start) / (place - start))

    first = at(start, count)
    parts = []
    if ahead.fan and ahead.fan[0] > start:
        place, *counts = ahead.fan
        low, likely, high = (end(place, value) for value in counts)
        points_of_fan = " ".join(f"{x},{y}" for x, y in [first, high, low])
        parts = [
            Markup('<polygon class="fan" points="{}"/>').format(points_of_fan),
            _way("likely", first, likely),
        ]
    if ahead.needed_by is not None and ahead.needed_by > start:
        parts.append(_way("needed", first, at(ahead.needed_by, goal.value)))
    return parts


def _way(look: str, start: tuple[str, str], end: tuple[str, str]) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(look, *start, *end)


def goal_level(value: float | None, goal: Goal | None) -> str:
    """Return the CSS class for the fifth of the way to the goal (or to everybody)."""
    if value is None:
        return "unknown"
    if goal and value >= goal.value:
        return "reached"
    return str(min(4, int(5 * value / (goal.value if goal else 1.0))))


def frame(name: str, title: str, description: str, height: float, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
        '<title id="{name}-t">{title}</title><desc id="{name}-d">{description}</desc>{inside}</svg>'
    ).format(
        width=WIDTH,
        height=_n(height),
        name=name,
        title=title,
        description=description,
        inside=Markup("").join(parts),
    )


def shorten(label: str, most: int) -> Markup:
    """Shorten a label; the table below the chart has the full name."""
    return escape(label if len(label) <= most else label[: most - 1].rstrip() + "…")


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
