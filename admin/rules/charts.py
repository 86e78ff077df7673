"""Charts and maps as SVG, drawn on the server.

No script, readable in print, with a title and a description. Pure.

Drawn 320 units wide, so that letters stay readable on a phone; a stylesheet limits how far it is blown up.
Texts and numbers are given as they are displayed. An unknown value has no bar, only its text.

A map has circles at the places' centres, or the areas of a boundary file where one is set: the darker a place, the nearer it is to the goal; a
circle is as large as its people are many.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, cos, radians, sqrt
from typing import Any

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


_LARGEST_HEIGHT = 460
_MOST_NAMES = 20  # of more places the names would cover the map
_LARGEST, _SMALLEST = 13.0, 2.5  # radius of a circle
_EDGE = 15.0  # room for circles and names at the edge

Point = tuple[float, float]
# Outlines of longitude and latitude, as in a GeoJSON polygon; holes are outlines like others.
Outlines = Sequence[Sequence[Point]]


@dataclass(frozen=True, slots=True)
class MapPlace:
    """One place: `value` is its share, None if unknown; `text` is the share as displayed, `people` how many it is of.

    `url` is the place's page or row, `cries` the open cries for help.
    """

    code: str
    name: str
    value: float | None
    text: str
    people: int = 0
    url: str = ""
    cries: int = 0


@dataclass(frozen=True, slots=True)
class MapPoint:
    """One spot: `look` is its CSS class, `url` what it leads to."""

    longitude: float
    latitude: float
    text: str
    look: str
    url: str = ""


def area_map(
    name: str,
    title: str,
    description: str,
    places: Sequence[MapPlace],
    shapes: Mapping[str, Sequence[Outlines] | Point],
    *,
    goal: Goal | None,
    labels: Mapping[str, Point] | None = None,
    spots: Sequence[MapPoint] = (),
) -> Markup:
    """Draw the places that have a boundary or a centre in `shapes`, by their codes, north up. `labels` are names for orientation.

    Returns nothing where no place has a shape and there are no `spots`, which lie above the places.
    """
    known = sorted((place for place in places if place.code in shapes), key=lambda place: -place.people)
    points = [point for place in known for point in _points(shapes[place.code])]
    points += [(spot.longitude, spot.latitude) for spot in spots]
    if not points:
        return Markup()
    (west, east), (south, north) = ((min(each), max(each)) for each in zip(*points, strict=True))
    # A degree of longitude is shorter than one of latitude, the further from the equator.
    squeeze = cos(radians((south + north) / 2))
    span_x, span_y = max((east - west) * squeeze, 1e-3), max(north - south, 1e-3)
    scale = min((WIDTH - 2 * _EDGE) / span_x, _LARGEST_HEIGHT / span_y)
    left = (WIDTH - span_x * scale) / 2

    def at(x: float, y: float) -> Point:
        return left + (x - west) * squeeze * scale, _EDGE + (north - y) * scale

    most = max([1, *(place.people for place in known)])
    has_names = len(known) <= _MOST_NAMES
    drawn, names = [], list[Markup]()
    for place in known:
        one, its_names = _draw_place(place, shapes[place.code], at, goal, most=most, has_names=has_names)
        drawn.append(one)
        names += its_names
    for spot in spots:
        x, y = at(spot.longitude, spot.latitude)
        dot = element("circle", f"spot {spot.look}", cx=x, cy=y, r=5.5)
        inside = [Markup("<title>{}</title>").format(spot.text), dot]
        link = {"href": spot.url, "tabindex": "-1"} if spot.url else {}
        names.append(element("a" if link else "g", "", Markup().join(inside), **link))
    for text, point in (labels or {}).items():
        x, y = at(*point)
        names.append(
            element("text", "place", shorten(_short_name(text), 16), x=x, y=y - 15, text_anchor="middle")
        )
    return frame(name, title, description, span_y * scale + 2 * _EDGE, [*drawn, *names], role="group")


def _draw_place(
    place: MapPlace,
    shape: Sequence[Outlines] | Point,
    at: Callable[[float, float], Point],
    goal: Goal | None,
    *,
    most: int,
    has_names: bool,
) -> tuple[Markup, list[Markup]]:
    """Return a place as it is drawn, and what lies above all places: its name and the number of its cries.

    `at` gives the place on paper of longitude and latitude, `most` the most people of a place.
    """
    level = goal_level(place.value, goal)
    x, y = at(*_middle(shape))
    inside, above = [Markup("<title>{}: {}</title>").format(place.name, place.text)], []
    if isinstance(shape[0], float):
        size = max(_SMALLEST, _LARGEST * sqrt(place.people / most))
        inside.append(element("circle", f"area tile-{level}", cx=x, cy=y, r=size))
    else:
        path = "".join(
            f"M{'L'.join(_thinned(at(*point) for point in outline))}Z"
            for outlines in shape
            for outline in outlines  # type: ignore[union-attr]
        )
        inside.append(element("path", f"area tile-{level}", "", fill_rule="evenodd", d=path))
        if has_names:
            texts = (
                element("text", "name", shorten(_short_name(place.name), 14), x=x, y=y),
                element("text", "value", place.text, x=x, y=y + 14),
            )
            above.append(element("g", f"on-{level}", Markup().join(texts), text_anchor="middle"))
    if place.cries:
        above.append(element("circle", "cry", cx=x, cy=y, r=7))
        above.append(element("text", "cry", str(place.cries), x=x, y=y + 4, text_anchor="middle"))
    link = {"href": place.url, "tabindex": "-1"} if place.url else {}
    return element("a" if link else "g", "", Markup().join(inside), **link), above


def _points(shape: Sequence[Outlines] | Point) -> Iterator[Point]:
    if isinstance(shape[0], float):
        yield shape  # type: ignore[misc]
        return
    for outlines in shape:
        for outline in outlines:  # type: ignore[union-attr]
            yield from outline


def _thinned(points: Iterator[tuple[float, float]]) -> list[str]:
    """Return points to a tenth, without those that fall on the one before."""
    kept: list[str] = []
    for x, y in points:
        text = f"{plain(x)} {plain(y)}"
        if not kept or kept[-1] != text:
            kept.append(text)
    return kept


def _middle(shape: Sequence[Outlines] | Point) -> Point:
    """Return the point itself, or the middle of the largest outline's box."""
    if isinstance(shape[0], float):
        return shape  # type: ignore[return-value]
    outline = max((outlines[0] for outlines in shape), key=len)  # type: ignore[index]
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def read_boundaries(data: Any) -> dict[str, list[Outlines]]:
    """Read a GeoJSON FeatureCollection: polygons by their property `code`. Raises ValueError with what is wrong."""
    if not isinstance(data, dict) or not isinstance(data.get("features"), list):
        raise ValueError("no GeoJSON FeatureCollection")
    found: dict[str, list[Outlines]] = {}
    for feature in data["features"]:
        code = str((feature.get("properties") or {}).get("code") or "")
        geometry = feature.get("geometry") or {}
        if not code or geometry.get("type") not in ("Polygon", "MultiPolygon"):
            raise ValueError("a feature without the property code, or that is no polygon")
        is_one = geometry["type"] == "Polygon"
        polygons = [geometry["coordinates"]] if is_one else geometry["coordinates"]
        found.setdefault(code, []).extend(
            [[(float(point[0]), float(point[1])) for point in outline] for outline in outlines]
            for outlines in polygons
        )
    return found


def _short_name(name: str) -> str:
    """Return a place's name without what kind of unit it is: what follows the first word that is not a kind's."""
    words = name.split(" ")
    kind = 1 if len(words) > 1 else 0
    # A kind is one word, or two of which the second is in small letters.
    if len(words) > 2 and words[1][:1].islower():
        kind = 2
    return " ".join(words[kind:])
