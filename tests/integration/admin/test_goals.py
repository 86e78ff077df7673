"""Goals on the page and by command: set by staff of the province, read by all, with where each figure comes from."""

import re

import pytest

from campaigns.goals.goals import import_denominators, read_goals
from outreach.rules.errors import BadInput
from tests.integration.admin.test_progress import LEADER, NEIGHBOUR, places
from tests.support.admin_client import signed_in
from tests.support.errors import refuses
from tests.support.world import AUTHOR

__all__ = ["places"]
HEAD = "scope,place,value,as_of,source\n"


def token(page):
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    return found[1]


def test_a_goal_and_its_people_are_set_on_the_page_and_what_was_typed_wrong_is_kept(places, client):
    signed_in(client, AUTHOR)
    page = client.get("/admin/goals/").text
    assert "Chưa đặt mục tiêu nào" in page
    goal = {
        "subject": "residents:62",
        "share": "50",
        "deadline": "2020-08-20",
        "basis": "Công văn của UBND tỉnh",
        "csrf_token": token(page),
    }
    refused = client.post("/admin/goals/set", data={**goal, "share": "nửa"})
    assert refused.status_code == 422
    assert "số phần trăm trên 0" in refused.text
    assert 'value="nửa"' in refused.text
    assert 'value="Công văn của UBND tỉnh"' in refused.text
    assert client.post("/admin/goals/set", data=goal).status_code == 303
    assert "chưa rõ" in client.get("/admin/goals/").text  # of how many people nobody knows yet
    people = {
        "subject": "residents:62",
        "value": "120.001",
        "as_of": "2020-08-01",
        "source": "Sở TT&TT",
        "csrf_token": goal["csrf_token"],
    }
    assert client.post("/admin/goals/denominator", data=people).status_code == 303
    page = client.get("/admin/goals/?subject=residents:62").text
    for said in ("50,0%", "hết ngày 20/8/2020", "120.001", "ngày 1/8/2020, nguồn: Sở TT&amp;TT", "60.001"):
        assert said in page, said
    assert client.get(f"/admin/goals/?drive={places.drive('tiem-chung')}").text.count("120.001") == 0


def test_others_read_the_goals_and_set_none(places, client):
    for email in (LEADER, NEIGHBOUR):
        signed_in(client, email)
        page = client.get("/admin/goals/")
        assert page.status_code == 200
        assert 'id="share"' not in page.text
    form = {"subject": "staff:", "share": "100", "csrf_token": token(page.text)}
    refused = client.post("/admin/goals/set", data=form)
    assert refused.status_code == 422
    assert "Chỉ cán bộ cấp tỉnh" in refused.text
    assert places.read(read_goals, at=places.now).goals == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_of_denominators_is_taken_whole_or_not_at_all(places):
    drive = places.drive()

    def bring(lines):
        return places.do(
            import_denominators,
            (HEAD + lines).encode(),
            drive=drive,
            user=places.user(AUTHOR),
            now=places.now,
        )

    good = "residents,608,1.250,2020-08-01,Sở\nmembers,PN,300,2020-08-01,Hội\n"
    with refuses(BadInput, says=r"Dòng 4: Không có địa bàn.*Dòng 5: Ngày của số liệu"):
        bring(good + "residents,99,1,2020-08-01,Sở\nresidents,615,1,hôm qua,Sở\n")
    assert places.read(read_goals, at=places.now).denominators == {}
    assert bring(good) == (2, 0)
    assert bring(good) == (0, 2)
