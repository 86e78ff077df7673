"""Places as a map: circles at their centres, or the areas of a boundary file where one is set. Pure.

The darker a place, the nearer it is to the goal; a circle is as large as its people are many. Drawn as the charts of `admin.rules.charts`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians, sqrt
from typing import Any

from markupsafe import Markup

from admin.rules.charts import WIDTH, Goal, element, frame, goal_level, plain, shorten

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
