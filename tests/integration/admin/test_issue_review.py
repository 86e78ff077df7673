"""Rows that wait for an officer come one after the other and go by one key."""

import re

from sqlalchemy import select

from outreach.imports.erasures import record_erasure
from outreach.models.accounts import AuditEvent
from outreach.models.contacts import Contact
from outreach.places.areas import load_areas
from tests.support.admin_client import post, signed_in
from tests.support.lists import UNITS, bring, local, people, write
from tests.support.world import AUTHOR, LIST, number


def test_an_officer_decides_row_after_row(client, world, tmp_path):
    bring(world, write(tmp_path, "1,Y Hlan,,,,09O5 OOO 121", f"2,A Lâu,41,,,{local(2)}"), LIST)
    signed_in(client, AUTHOR)
    assert f"/admin/lists/waiting?list={world.list_id}" in client.get("/admin/lists/").text
    page = client.get("/admin/lists/waiting").text
    assert "còn 2 dòng" in page
    assert "09O5 OOO 121" in page
    assert "0905000121" in page
    assert re.search(r'value="answered.1941" aria-keyshortcuts="1"', page)
    answer = post(client, "/admin/lists/waiting/1", decision="taken", phone="0260 3000123")
    assert "không phải là một số di động" in answer.text
    post(client, "/admin/lists/waiting/1", decision="taken")
    page = client.get(post(client, "/admin/lists/waiting/2", decision="answered.1941").location).text
    assert "Không có dòng nào chờ quyết định" in page
    assert people(world)["Y Hlan"] == ["+84905000121"]
    assert world.scalar(select(Contact.birth_year).where(Contact.name == "A Lâu")) == 1941
    events = world.all(select(AuditEvent).where(AuditEvent.action == "import.decide").order_by(AuditEvent.id))
    assert [event.details["decision"] for event in events] == ["taken", "answered"]
    assert "0905000121" not in str([event.details for event in events])


def test_another_commune_is_named_with_its_district_and_taken_by_one_key(client, world, tmp_path):
    world.do(load_areas, UNITS)
    bring(world, write(tmp_path, f"1,Y Hlan,,Thôn 1,TT Đắk Hà,{local(1)}"), LIST)
    bring(world, write(tmp_path, f"1,Y Hlan,,Thôn 2,xã Đắk Hà,{local(1)}"), LIST)
    signed_in(client, AUTHOR)
    page = client.get("/admin/lists/waiting").text
    assert "Dữ liệu hiện có: Thị trấn Đắk Hà (Đắk Hà). Theo tệp này: Xã Đắk Hà (Tu Mơ Rông)." in page
    post(client, "/admin/lists/waiting/1", decision="answered.moved")
    assert world.rows(select(Contact.area_code, Contact.village)) == [("23425", "Thôn 2")]


def test_who_looked_is_on_record_with_each_file_whose_rows_were_shown(client, world, tmp_path):
    bring(world, write(tmp_path, "1,Y Hlan,,,,09O5 OOO 121", "2,A Lâu,,,,09O5 OOO 122"), LIST)
    bring(world, write(tmp_path, "1,Y Rơ,,,,09O5 OOO 123", name="b.csv"), LIST)
    signed_in(client, AUTHOR)
    client.get("/admin/lists/waiting")
    events = world.all(
        select(AuditEvent).where(AuditEvent.action == "import.see_waiting").order_by(AuditEvent.id)
    )
    assert [(event.subject, event.details) for event in events] == [
        ("list_imports:1", {"rows": 2}),
        ("list_imports:2", {"rows": 1}),
    ]


def test_a_decision_that_there_is_not_is_refused(client, world, tmp_path):
    bring(world, write(tmp_path, "1,Y Hlan,,,,09O5 OOO 121"), LIST)
    signed_in(client, AUTHOR)
    for decision in ("", "deleted", "corrected", "superseded", "same"):
        post(client, "/admin/lists/waiting/1", decision=decision)
    assert "còn 1 dòng" in client.get("/admin/lists/waiting").text
    assert post(client, "/admin/lists/waiting/99", decision="taken").status_code == 404


def test_one_press_for_all_rows_alike_and_one_to_take_it_back(client, world, tmp_path):
    rows = [f"{n},Y Hlan {n},,,,09O5 OOO 12{n}" for n in range(1, 6)]
    bring(world, write(tmp_path, *rows, f"6,A Lâu,41,,,{local(2)}"), LIST)
    signed_in(client, AUTHOR)
    page = client.get("/admin/lists/waiting").text
    assert "Như nhau cho cả 5 dòng" in page
    assert "Hoàn tác" not in page
    for path in ("/admin/", "/admin/lists/waiting"):
        assert "5 dòng chờ quyết định, 1 dòng cần hỏi thêm" in client.get(path).text, "one name for a number"
    page = client.get(post(client, "/admin/lists/waiting/2", decision="taken", alike="1").location).text
    assert "Đã quyết định như nhau cho 5 dòng" in page
    assert "còn 1 dòng" in page
    assert "dòng chờ quyết định" not in client.get("/admin/").text
    assert len(people(world)) == 6
    retract = re.search(r'action="(/admin/lists/waiting/\d+/retract)"', page)
    page = client.get(post(client, retract[1]).location).text
    assert "5 dòng chờ quyết định trở lại" in page
    assert "còn 6 dòng" in page
    assert list(people(world)) == ["A Lâu"]


def test_who_was_erased_is_dropped_by_the_first_key_and_taken_after_a_question(client, world, tmp_path):
    world.do(record_erasure, Contact(name="Y Hlan"), [(number(1), True)])
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), LIST)
    signed_in(client, AUTHOR)
    page = client.get("/admin/lists/waiting").text
    assert "chỉ nhập lại nếu chính họ đồng ý" in page
    assert re.search(r'value="dropped" aria-keyshortcuts="1" class="primary"', page)
    assert re.search(r'value="taken" aria-keyshortcuts="2" data-ask="Nhập lại người', page)
