"""Places as a picture: the areas of a boundary file, or tiles where there is none. Pure.

The darker a place, the nearer it is to the goal. Drawn as the charts of `admin.rules.charts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians
from typing import Any

from markupsafe import Markup

from admin.rules.charts import WIDTH, Goal, element, frame, goal_level, shorten

_FEW_TILES = 18  # more have no room for their names
_LARGEST_HEIGHT = 460
_MOST_NAMES = 20  # of more places the names would cover the map

# Outlines of longitude and latitude, as in a GeoJSON polygon; holes are outlines like others.
Outlines = Sequence[Sequence[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class MapPlace:
    """One place: `value` is its share, None if unknown; `text` is the share as displayed, `rank` its number in the table."""

    code: str
    name: str
    value: float | None
    text: str
    rank: int | None = None


def tile_grid(
    name: str, title: str, description: str, places: Sequence[MapPlace], *, goal: Goal | None
) -> Markup:
    """Draw places as tiles in rows: few with name and figure, many with their rank."""
    is_named = len(places) <= _FEW_TILES
    columns, row, name_at, value_at = (3, 66, 24, 46) if is_named else (10, 26, 0, 16)
    width, gap = WIDTH / columns, 4 if is_named else 2
    parts = []
    for index, place in enumerate(places):
        x, y = width * (index % columns) + 2, row * (index // columns) + 2
        middle, level = x + (width - gap) / 2, goal_level(place.value, goal)
        name_ = element("text", "name", shorten(_short_name(place.name), 16), x=middle, y=y + name_at)
        look, shown = ("value", place.text) if is_named else ("rank", str(place.rank or place.text))
        inside = (
            _title(place),
            element("rect", f"tile-{level}", x=x, y=y, width=width - gap, height=row - gap, rx=4),
            name_ if is_named else Markup(),
            element("text", look, shown, x=middle, y=y + value_at),
        )
        parts.append(element("g", f"on-{level}", Markup().join(inside), text_anchor="middle"))
    rows = -(-len(places) // columns)
    return frame(name, title, description, row * rows + 2, parts)


def area_map(
    name: str,
    title: str,
    description: str,
    places: Sequence[MapPlace],
    boundaries: Mapping[str, Sequence[Outlines]],
    *,
    goal: Goal | None,
) -> Markup:
    """Draw the places that have a boundary, by their codes, north up."""
    known = [place for place in places if place.code in boundaries]
    points = [
        point
        for place in known
        for outlines in boundaries[place.code]
        for outline in outlines
        for point in outline
    ]
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    # A degree of longitude is shorter than one of latitude, the further from the equator.
    squeeze = cos(radians((south + north) / 2))
    span_x, span_y = max((east - west) * squeeze, 1e-9), max(north - south, 1e-9)
    scale = min((WIDTH - 4) / span_x, _LARGEST_HEIGHT / span_y)

    def at(x: float, y: float) -> tuple[float, float]:
        return 2 + (x - west) * squeeze * scale, 2 + (north - y) * scale

    shapes, names = [], []
    for place in known:
        level = goal_level(place.value, goal)
        path = "".join(
            f"M{'L'.join(_thinned(at(x, y) for x, y in outline))}Z"
            for outlines in boundaries[place.code]
            for outline in outlines
        )
        shapes.append(element("path", f"area tile-{level}", _title(place), fill_rule="evenodd", d=path))
        if len(known) <= _MOST_NAMES:
            x, y = at(*_middle(boundaries[place.code]))
            texts = (
                element("text", "name", shorten(_short_name(place.name), 14), x=x, y=y),
                element("text", "value", place.text, x=x, y=y + 14),
            )
            names.append(element("g", f"on-{level}", Markup().join(texts), text_anchor="middle"))
    return frame(name, title, description, span_y * scale + 4, [*shapes, *names])


def _title(place: MapPlace) -> Markup:
    return Markup("<title>{}: {}</title>").format(place.name, place.text)


def _thinned(points: Iterator[tuple[float, float]]) -> list[str]:
    """Return points to a tenth, without those that fall on the one before."""
    kept: list[str] = []
    for x, y in points:
        text = f"{_n(x)} {_n(y)}"
        if not kept or kept[-1] != text:
            kept.append(text)
    return kept


def _middle(polygons: Sequence[Outlines]) -> tuple[float, float]:
    """Return the middle of the largest outline's box."""
    outline = max((outlines[0] for outlines in polygons), key=len)
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


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
