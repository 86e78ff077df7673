"""A person's requests in the office: written down, shown when they press, answered by a file or by erasing."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO
from zipfile import ZipFile

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from campaigns.models.privacy import PersonRequest
from outreach.models.accounts import AuditEvent
from outreach.models.contacts import Contact
from tests.support.admin_client import post, signed_in
from tests.support.world import APPROVER, AUTHOR, World, number

NAME = "=Y Blốc Kđăm"


@pytest.fixture
def person(world: World) -> int:
    return world.add_person(NAME, number(0))


def requests(world: World) -> list[PersonRequest]:
    with world.runtime.db.read() as session:
        return list(session.scalars(select(PersonRequest).order_by(PersonRequest.id)))


def ask(client: FlaskClient, person: int, kind: str) -> None:
    answer = post(client, f"/admin/requests/of/{person}", kind=kind, asked_by="chính bà")
    assert answer.status_code == 303


def test_a_request_is_shown_where_it_presses(world: World, client: FlaskClient, person: int) -> None:
    signed_in(client, AUTHOR)
    ask(client, person, "correct")
    (made,) = requests(world)
    assert "Sửa dữ liệu" in client.get("/admin/requests/").text
    assert "dữ liệu cá nhân" not in client.get("/admin/").text
    with world.runtime.db.write() as session:
        session.execute(update(PersonRequest).values(due_at=world.now + timedelta(hours=3)))
    assert "1 yêu cầu về dữ liệu cá nhân đến hạn" in client.get("/admin/").text
    with world.runtime.db.write() as session:
        session.execute(update(PersonRequest).values(due_at=world.now))
    assert "1 yêu cầu về dữ liệu cá nhân đã quá hạn" in client.get("/admin/").text
    post(client, f"/admin/requests/{made.id}/finish", answer="đã sửa")
    assert "dữ liệu cá nhân" not in client.get("/admin/").text
    assert "đã sửa" in client.get(f"/admin/people/{person}/").text


def test_the_file_for_the_person_has_all_and_runs_nothing(
    world: World, client: FlaskClient, person: int
) -> None:
    campaign = world.launch()
    world.send(5)
    world.reply(number(0), "@toi da cai roi", gateway_id="SM1")
    signed_in(client, AUTHOR)
    ask(client, person, "export")
    path = f"/admin/requests/{requests(world)[0].id}/export"
    assert post(client, path, format="json").status_code == 403
    signed_in(client, APPROVER)
    told = json.loads(post(client, path, format="json").data)
    assert told["Thông tin"][0] == {"Mục": "Họ tên", "Nội dung": NAME}
    assert told["Số điện thoại"][0]["Số"] == number(0)
    assert told["Danh sách"][0]["Danh sách"] == "Hội viên"
    assert told["Chiến dịch"][0]["Câu trả lời hiện nay"] == "Đã cài"
    assert NAME in told["Tin đã gửi"][0]["Nội dung"]
    assert told["Câu trả lời"][0]["Nội dung"] == "@toi da cai roi"
    assert told["Yêu cầu về dữ liệu"][0]["Loại"] == "Xem dữ liệu về mình"
    with ZipFile(BytesIO(post(client, path, format="xlsx").data)) as book:
        sheets = [book.read(name).decode() for name in book.namelist() if "worksheets/" in name]
    assert len(sheets) == len(told)
    assert any(NAME in sheet for sheet in sheets)
    assert not any("<f>" in sheet or "<f " in sheet for sheet in sheets)
    with world.runtime.db.read() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.action == "contact.export")).all()
        assert len(events) == 2
    assert world.status(campaign)["recipients"] == 1


def test_erasing_asks_twice_and_ends_the_persons_page(world: World, client: FlaskClient, person: int) -> None:
    signed_in(client, AUTHOR)
    ask(client, person, "erase")
    signed_in(client, APPROVER)
    path = f"/admin/requests/{requests(world)[0].id}/erase"
    post(client, path, contact=person)
    assert client.get(f"/admin/people/{person}/").status_code == 200
    answer = post(client, path, contact=person, understood="1")
    assert answer.location.endswith("/admin/requests/")
    assert client.get(f"/admin/people/{person}/").status_code == 404
    assert "(đã xóa)" in client.get("/admin/requests/?state=done").text
    with world.runtime.db.read() as session:
        assert session.scalars(select(Contact.id)).all() == []


@pytest.mark.parametrize("form", [{"kind": "all"}, {"kind": "erase", "asked_on": "hôm qua"}])
def test_a_form_that_no_page_offers_is_refused(
    client: FlaskClient, person: int, form: dict[str, str]
) -> None:
    signed_in(client, AUTHOR)
    assert post(client, f"/admin/requests/of/{person}", asked_by="bà", **form).status_code == 422
