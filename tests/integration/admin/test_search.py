"""Search everywhere: people, campaigns, places and pages, each only within the rights of who searches."""

from sqlalchemy import select

from outreach.models.accounts import AuditEvent, Role
from tests.support.admin_client import post, signed_in
from tests.support.world import AUTHOR, number

LEADER = "lanhdao@loa.example"


def test_people_campaigns_and_pages_are_found_without_accents(client, world):
    world.launch(people=3, name="Vận động Đăk Hring")
    signed_in(client, AUTHOR)
    digits = number(1)[-3:]
    assert "Người dân" in post(client, "/admin/search/", q=digits).text
    assert "Vận động Đăk Hring" in post(client, "/admin/search/", q="dak hri").text
    part = post(client, "/admin/search/?part=1", q="danh sach").text
    assert part.lstrip().startswith("<section")
    assert 'href="/admin/lists/"' in part
    assert "Không tìm thấy" in post(client, "/admin/search/", q="không có gì như vậy").text


def test_a_leader_finds_no_person_and_a_whole_number_is_on_record(client, world):
    world.add_people(2)
    world.officer(LEADER, Role.LEADER)
    signed_in(client, LEADER)
    assert "/admin/people/" not in post(client, "/admin/search/?part=1", q=number(1)[-3:]).text
    signed_in(client, AUTHOR)
    post(client, "/admin/search/", q=number(1))
    actions = world.all(select(AuditEvent.action))
    assert actions.count("contact.search_number") == 1
