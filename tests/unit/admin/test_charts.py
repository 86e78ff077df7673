"""The charts: what they show, what they say to those who do not see them, and that no name breaks out of them."""

import re
from xml.etree import ElementTree

import pytest

from admin.rules.charts import (
    WIDTH,
    Bar,
    Goal,
    MapPlace,
    Projection,
    SentWave,
    area_map,
    bar_chart,
    line_chart,
    read_boundaries,
    scale_of,
)
from tests.support.tables import cases

GOAL = Goal(0.5, "Mục tiêu 50%")
SQUARE = [[[(107.0, 14.0), (108.0, 14.0), (108.0, 15.0), (107.0, 15.0), (107.0, 14.0)]]]


def widths(svg, kind):
    return [float(width) for width in re.findall(rf'<rect class="{kind}"[^>]* width="([\d.]+)"', svg)]


def test_a_bar_is_as_long_as_its_share():
    svg = bar_chart("a", "Tiêu đề", "Mô tả", [Bar("A", 0.2, "20%"), Bar("B", 0.4, "40%")])
    short, long = widths(svg, "share")
    assert long == WIDTH
    assert short == pytest.approx(long / 2, abs=0.1)


def test_what_is_not_known_has_no_bar_but_its_words():
    svg = bar_chart("a", "Tiêu đề", "Mô tả", [Bar("Ia H'Drai", None, "chưa có số liệu")])
    assert widths(svg, "share") == []
    assert "chưa có số liệu" in svg


def test_nought_is_not_the_same_as_not_known():
    svg = bar_chart("a", "Tiêu đề", "Mô tả", [Bar("A", 0.0, "0%")])
    assert widths(svg, "share") == [0.0]


@pytest.mark.parametrize("share", [1.0, 1.7])
def test_no_bar_reaches_past_the_edge(share):
    svg = bar_chart("a", "T", "M", [Bar("A", share, "")])
    assert all(width <= WIDTH for width in widths(svg, "share"))


def test_title_and_description_are_tied_to_the_picture():
    svg = ElementTree.fromstring(bar_chart("x", "Theo huyện", "Mô tả", []))
    ids = svg.attrib["aria-labelledby"].split()
    assert [svg.find(tag).attrib["id"] for tag in ("title", "desc")] == ids


def test_a_name_cannot_break_out():
    bad = '<script>"&'
    charts = [
        bar_chart("a", bad, bad, [Bar(bad, 0.1, bad)]),
        line_chart("b", bad, bad, [(bad, 1, bad)], goal=Goal(2, bad), deadline=(3, bad)),
        area_map("c", bad, bad, [MapPlace("1", bad, 0.1, bad, url=bad)], {"1": (108.0, 14.0)}, goal=GOAL),
        area_map("m", bad, bad, [MapPlace("1", bad, 0.1, bad)], {"1": SQUARE}, goal=GOAL),
    ]
    for svg in charts:
        ElementTree.fromstring(svg)
        assert "<script" not in svg


def test_days_rise_from_left_to_right_below_the_goal():
    points = [("1/8", 0, "0"), ("2/8", 50, "50"), ("3/8", 90, "90")]
    svg = line_chart("d", "T", "M", points, goal=Goal(100, "100"), deadline=(5, "Hạn"))
    line = re.search(r'points="([^"]+)"', svg)
    xs, ys = zip(*(map(float, spot.split(",")) for spot in line[1].split()), strict=True)
    assert list(xs) == sorted(xs)
    assert list(ys) == sorted(ys, reverse=True)
    goal = re.search(r'class="goal"[^>]*y1="([\d.]+)"', svg)
    assert float(goal[1]) < ys[-1]


def test_messages_are_marked_on_their_day_and_those_to_come_are_told_apart():
    points = [(f"{n}/8", 10 * n, str(10 * n)) for n in range(5)]
    waves = [SentWave(1, "2/8: 100 tin", False), SentWave(6, "7/8: 80 tin", True), SentWave(-1, "cũ", False)]
    svg = line_chart("d", "T", "M", points, goal=None, deadline=(8, "Hạn"), waves=waves, unit="người")
    assert re.findall(r'<g class="(wave[^"]*)"><title>([^<]+)', svg) == [
        ("wave", "2/8: 100 tin"),
        ("wave to-come", "7/8: 80 tin"),
    ]


@cases((0, []), (3, [1, 2, 3]), (100, [20, 40, 60, 80, 100]), (634, [200, 400, 600]))
def test_an_axis_has_a_few_round_counts(top, ticks):
    assert scale_of(top) == ticks


def test_a_map_has_the_places_of_the_boundary_file_north_up():
    shape = {"type": "Polygon", "coordinates": SQUARE[0]}
    feature = {"type": "Feature", "properties": {"code": "608"}, "geometry": shape}
    boundaries = read_boundaries({"type": "FeatureCollection", "features": [feature]})
    places = [
        MapPlace("608", "Thành phố Kon Tum", 0.6, "60,0%"),
        MapPlace("610", "Huyện Đắk Glei", None, "?"),
    ]
    svg = area_map("m", "T", "M", places, boundaries, goal=GOAL)
    [(level, path)] = re.findall(r'class="area tile-(\w+)"[^>]* d="([^"]+)"', svg)
    assert level == "reached"
    ys = [float(point.split(" ")[1]) for point in re.split("[MLZ]", path) if point]
    assert ys[0] > ys[2]  # the south is below
    assert "Kon Tum" in svg
    for wrong in (
        {},
        *({"features": [{**feature, **gone}]} for gone in ({"properties": {}}, {"geometry": None})),
    ):
        with pytest.raises(ValueError, match=r"FeatureCollection|feature"):
            read_boundaries(wrong)


@pytest.mark.parametrize("points", [[], [("1/8", 0, "0")]])
def test_a_chart_of_no_day_or_one_is_drawn(points):
    ElementTree.fromstring(line_chart("d", "T", "M", points, goal=None, deadline=None))


@cases(
    (None, "unknown"), (0.0, "0"), (0.099, "0"), (0.1, "1"), (0.49, "4"), (0.5, "reached"), (0.9, "reached")
)
def test_a_place_is_the_darker_the_nearer_the_goal(share, level):
    svg = area_map("t", "T", "M", [MapPlace("1", "A", share, "")], {"1": (108.0, 14.0)}, goal=GOAL)
    assert f'class="area tile-{level}"' in svg


@pytest.mark.parametrize("fan", [(20, 150, 200, 290), (20, 140, 310, 500), (90, 200, 300, 400)])
def test_a_forecast_opens_from_the_last_day_and_stays_within_the_picture(fan):
    points = [(f"{n}/8", 10 * n, str(10 * n)) for n in range(15)]
    ahead = Projection(fan=fan, needed_by=18)
    svg = line_chart("d", "T", "M", points, goal=Goal(300, "300"), deadline=(18, "Hạn"), ahead=ahead)
    drawn = re.search(r'class="fan" points="([^"]+)"', svg)
    dot = re.search(r'class="dot" cx="([\d.]+)" cy="([\d.]+)"', svg)
    assert dot
    corner = [tuple(map(float, each.split(","))) for each in drawn[1].split()]
    assert corner[0] == (float(dot[1]), float(dot[2]))
    assert len(corner) == 3
    assert all(0 <= x <= WIDTH and 0 <= y <= 190 for x, y in corner)
    assert 'class="needed"' in svg
    unknown = Projection(fan=None, needed_by=None)
    alone = line_chart("d", "T", "M", points, goal=Goal(300, "300"), deadline=None, ahead=unknown)
    assert 'class="fan"' not in alone
    assert 'class="needed"' not in alone


def test_a_circle_stands_at_its_place_as_large_as_its_people_and_is_one_touch_from_them():
    places = [
        MapPlace("north", "Xã Bắc", 0.1, "10%", people=400, url="#place-north"),
        MapPlace("south", "Xã Nam", None, "?", people=100, url="#place-south", cries=2),
        MapPlace("unknown", "Xã không rõ ở đâu", 0.1, "10%"),
    ]
    points = {"north": (108.0, 15.0), "south": (107.5, 14.0)}
    svg = area_map("m", "T", "M", places, points, goal=GOAL, labels={"Huyện Đắk Hà": (107.8, 14.5)})
    circles = re.findall(
        r'href="#place-(\w+)"[^>]*><title>[^<]+</title><circle[^>]* cx="(\S+)" cy="(\S+)" r="(\S+)"', svg
    )
    (_, east, top, large), (_, west, below, small) = circles
    assert [each[0] for each in circles] == ["north", "south"]  # the small ones above the large ones
    assert float(east) > float(west)
    assert float(top) < float(below)
    assert float(large) == 2 * float(small)
    assert 'text class="cry"' in svg
    assert ">Đắk Hà<" in svg
    assert area_map("m", "T", "M", places, {}, goal=GOAL) == ""
