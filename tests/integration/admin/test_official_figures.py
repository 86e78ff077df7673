"""Official installs: brought in whole or not at all, corrected by a later row, shown beside what residents report."""

import re
from datetime import date

import pytest
from sqlalchemy import func, select

from campaigns.goals.goals import import_official, latest_official
from campaigns.models.figures import OfficialInstalls
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.snapshot import OfficialInstallFigure
from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import BadInput, NotAllowed
from tests.integration.admin.test_progress import LEADER, NEIGHBOUR, answer, launch, places
from tests.support.admin_client import signed_in
from tests.support.errors import refuses
from tests.support.tables import cases
from tests.support.world import AUTHOR

__all__ = ["places"]
HEAD = "day,area,installed,source\n"
TODAY = date(2020, 8, 20)


def bring(world, lines, *, head=HEAD, email=AUTHOR):
    drive = world.drive()
    return world.do(import_official, (head + lines).encode(), drive=drive, by=email)


def known(world, *, today=TODAY):
    return world.read(latest_official, 1, today=today)


def test_of_a_place_the_latest_day_and_of_a_day_the_last_row_counts(places):
    first = "2020-08-17,608,1.250,Bộ TT&TT\n2020-08-18,608,1300,Bộ TT&TT\n"
    assert bring(places, first) == (2, 0)
    assert bring(places, first) == (0, 2)  # the same file again
    assert bring(places, "2020-08-18,608,1310,Sở TT&TT\n2020-08-25,608,2000,Sở TT&TT\n") == (2, 0)
    assert known(places)["608"] == OfficialInstallFigure(1310, "2020-08-18", "Sở TT&TT")
    assert known(places, today=date(2020, 8, 17))["608"].installed == 1250
    assert "615" not in known(places)


def test_a_district_is_the_sum_of_its_communes_once_all_are_known_and_its_own_figure_before_that(places):
    bring(places, "2020-08-17,23281,40,Sở\n")
    assert known(places)["608"] == OfficialInstallFigure(40, "2020-08-17", "Sở", is_sum=True)
    bring(places, "2020-08-16,608,90,Bộ\n")
    assert known(places)["608"] == OfficialInstallFigure(90, "2020-08-16", "Bộ")


def test_a_commune_that_was_merged_keeps_no_districts_sum_waiting(places):
    former = {"name": "Xã cũ", "kind": "Xã", "level": AreaLevel.COMMUNE, "parent_code": "608"}
    places.add(Area(code="23282", **former, valid_to="2020-01-31"))
    bring(places, "2020-08-17,23281,40,Sở\n")
    assert known(places)["608"] == OfficialInstallFigure(40, "2020-08-17", "Sở", is_sum=True)


@cases(
    (
        "2020-8-17,608,1,Bộ\n",
        "Dữ liệu chưa được lưu. Dòng 3: ngày phải ghi theo dạng năm-tháng-ngày, ví dụ 2026-08-20",
    ),
    ("2020-W33-1,608,1,Bộ\n", "Dữ liệu chưa được lưu. Dòng 3: ngày phải ghi theo dạng năm-tháng-ngày"),
    ("2999-01-01,608,1,Bộ\n", "Dữ liệu chưa được lưu. Dòng 3: ngày này chưa tới"),
    ("2020-08-17,62,1,Bộ\n", "Dữ liệu chưa được lưu. Dòng 3: không có địa bàn nào mang mã 62"),
    ("2020-08-17,608,-1,Bộ\n", "Dữ liệu chưa được lưu. Dòng 3: số máy phải là số nguyên không âm"),
    ("2020-08-17,608,,Bộ\n", "Dữ liệu chưa được lưu. Dòng 3: số máy phải là số nguyên không âm"),
    ("2020-08-17,608,9999999999,Bộ\n", "Dữ liệu chưa được lưu. Dòng 3: số máy quá lớn"),
    ("2020-08-17,608,1,\n", "Dữ liệu chưa được lưu. Dòng 3: thiếu nguồn"),
    ("2020-08-16,608,2,Bộ\n", "Dữ liệu chưa được lưu. Dòng 3: ngày và địa bàn này đã có ở dòng trên"),
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_with_a_wrong_line_brings_nothing(places, line, said):
    with refuses(BadInput, says=re.escape(said)):
        bring(places, "2020-08-16,608,1,Bộ\n" + line)
    assert places.scalar(select(func.count()).select_from(OfficialInstalls)) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_may_bring_official_figures_and_in_which_form(places):
    for email in (NEIGHBOUR, LEADER):
        with pytest.raises(NotAllowed):
            bring(places, "2020-08-17,608,1,Bộ\n", email=email)
    with pytest.raises(BadInput, match="first_line_wrong"):
        bring(places, "2020-08-17;608;1;Bộ\n", head="day;area;installed;source\n")


def test_both_sources_stand_side_by_side_and_what_is_unknown_says_so(places, client):
    campaign_id = launch(places)
    answer(places, campaign_id, Label.INSTALLED)
    signed_in(client, LEADER)
    assert "Số tự khai báo và số chính thức" not in client.get("/admin/progress/").text
    bring(places, "2020-08-17,608,1.250,Sở TT&TT\n")
    page = client.get("/admin/progress/").text
    table = page.split('id="official-title"')[1].split("</section>")[0]
    rows = [
        re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row)
        for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    ]
    assert ["Huyện Kon Tum", "1", "1.250", "+1.249", "17/8/2020", "Sở TT&amp;TT"] in rows
    assert ["Huyện Đắk Hà", "0", "–", "–", "", ""] in rows
    assert ["Huyện Ia H&#39;Drai", "–", "–", "–", "", ""] in rows
    signed_in(client, NEIGHBOUR)
    assert (
        'id="official-title"' not in client.get("/admin/progress/").text
    )  # they see but a part of the reports


def test_a_figure_is_typed_into_the_page_and_a_wrong_one_is_kept_to_be_put_right(places, client):
    launch(places)
    signed_in(client, AUTHOR)
    page = client.get("/admin/progress/").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    form = {
        "day": "2020-08-17",
        "area": "608",
        "installed": "nhiều",
        "source": "Sở Y",
        "csrf_token": token[1],
    }
    refused = client.post("/admin/progress/official", data=form)
    assert refused.status_code == 422
    assert "Số máy phải là số nguyên không âm" in refused.text
    assert 'value="nhiều"' in refused.text
    assert 'value="Sở Y"' in refused.text
    assert client.post("/admin/progress/official", data={**form, "installed": "1.250"}).status_code == 303
    assert known(places)["608"] == OfficialInstallFigure(1250, "2020-08-17", "Sở Y")
    signed_in(client, NEIGHBOUR)
    assert "official-count" not in client.get("/admin/progress/").text
