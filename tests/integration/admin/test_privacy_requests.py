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
from campaigns.replies.record_answer import undo_answer
from outreach.contacts.references import set_references
from outreach.models.accounts import AuditEvent, Role
from outreach.models.contacts import Contact, ContactList, LegalBasis
from tests.support.admin_client import post, signed_in
from tests.support.world import APPROVER, AUTHOR, World, number

NAME = "=Y Blốc Kđăm"


@pytest.fixture
def person(world: World) -> int:
    return world.add_person(NAME, number(0))


def requests(world: World) -> list[PersonRequest]:
    return list(world.all(select(PersonRequest).order_by(PersonRequest.id)))


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
    world.send()
    world.reply(number(0), "@toi da cai roi", gateway_id="SM1")
    with world.runtime.db.write() as session:
        owner = session.get_one(ContactList, world.list_id).organisation_id
        set_references(session, owner, {"HV-7": person})
    signed_in(client, AUTHOR)
    ask(client, person, "export")
    path = f"/admin/requests/{requests(world)[0].id}/export"
    assert post(client, path, format="json").status_code == 403
    signed_in(client, APPROVER)
    told = json.loads(post(client, path, format="json").data)
    assert told["Thông tin"][0] == {"Mục": "Họ tên", "Nội dung": NAME}
    assert {"Mục": "Mã do hệ thống khác đặt", "Nội dung": "HV-7 (Ủy ban MTTQ)"} in told["Thông tin"]
    assert told["Số điện thoại"][0]["Số"] == number(0)
    assert told["Danh sách"][0]["Danh sách"] == "Hội viên"
    assert told["Chiến dịch"][0]["Câu trả lời hiện nay"] == "Đã thực hiện"
    assert NAME in told["Tin đã gửi"][0]["Nội dung"]
    assert told["Câu trả lời"][0]["Nội dung"] == "@toi da cai roi"
    assert told["Yêu cầu về dữ liệu"][0]["Loại"] == "Xem dữ liệu về mình"
    with ZipFile(BytesIO(post(client, path, format="xlsx").data)) as book:
        sheets = [book.read(name).decode() for name in book.namelist() if "worksheets/" in name]
    assert len(sheets) == len(told)
    assert any(NAME in sheet for sheet in sheets)
    assert not any("<f>" in sheet or "<f " in sheet for sheet in sheets)
    events = world.all(
        select(AuditEvent).where(AuditEvent.action == "contact.export").order_by(AuditEvent.id)
    )
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
    assert world.all(select(Contact.id)) == []


def test_both_clocks_are_kept_and_the_second_is_extended_once(
    world: World, client: FlaskClient, person: int
) -> None:
    signed_in(client, APPROVER)
    ask(client, person, "export")
    (made,) = requests(world)
    assert post(client, f"/admin/requests/{made.id}/respond").status_code == 303
    assert post(client, f"/admin/requests/{made.id}/respond").status_code == 422
    (responded,) = requests(world)
    assert responded.responded_at
    assert responded.carry_out_by == made.carry_out_by
    with world.runtime.db.write() as session:
        session.execute(update(PersonRequest).values(due_at=world.now))  # the first clock no longer counts
    assert "dữ liệu cá nhân đã quá hạn" not in client.get("/admin/").text
    assert post(client, f"/admin/requests/{made.id}/extend", reason="").status_code == 422
    assert post(client, f"/admin/requests/{made.id}/extend", reason="chờ nhà mạng").status_code == 303
    (extended,) = requests(world)
    assert made.carry_out_by
    assert extended.carry_out_by == made.carry_out_by + timedelta(days=10)
    assert post(client, f"/admin/requests/{made.id}/extend", reason="lần nữa").status_code == 422
    assert "chờ nhà mạng" in client.get("/admin/requests/").text


@pytest.mark.parametrize("kind", ["withdraw", "restrict", "object"])
def test_who_objects_withdraws_or_restricts_is_not_written_to_from_then_on(
    world: World, client: FlaskClient, person: int, kind: str
) -> None:
    signed_in(client, AUTHOR)
    consent = f"/admin/requests/of/{person}/consent"
    assert post(client, consent, given="yes", evidence="phiếu ký").status_code == 303
    ask(client, person, kind)
    campaign = world.launch()
    assert world.status(campaign)["excluded"] == {"opted_out": 1}
    shown = client.get(f"/admin/people/{person}/").text
    assert ("đã rút lại" in shown) == (kind == "withdraw")


def test_who_objects_without_a_number_is_not_written_to_on_one_that_is_found_later(
    world: World, client: FlaskClient
) -> None:
    person = world.add_person("Y Ba")
    signed_in(client, AUTHOR)
    ask(client, person, "object")
    assert post(client, f"/admin/people/{person}/add-number", number=number(5)).status_code == 303
    world.launch()
    world.send()
    assert number(5) not in world.sent_to()


def test_an_objection_outlasts_the_opt_out_that_was_there_before(
    world: World, client: FlaskClient, person: int
) -> None:
    first = world.launch()
    world.send()
    world.reply(number(0), "TC", gateway_id="SM1")
    signed_in(client, AUTHOR)
    ask(client, person, "object")
    with world.runtime.db.write() as session:
        undo_answer(session, session.merge(world.recipient(number(0), first)), now=world.in_hours(1))
    assert world.status(world.launch(name="Lần hai"))["excluded"] == {"opted_out": 1}


def test_a_consent_needs_its_proof_and_a_child_somebody_who_gives_it(
    world: World, client: FlaskClient, person: int
) -> None:
    signed_in(client, AUTHOR)
    path = f"/admin/requests/of/{person}/consent"
    assert post(client, path, given="yes", evidence=" ").status_code == 422
    with world.runtime.db.write() as session:
        session.execute(update(Contact).values(birth_year=world.now.year - 9))
    assert "trẻ em" in client.get(f"/admin/people/{person}/").text
    assert post(client, path, given="yes", evidence="phiếu").status_code == 422
    done = post(client, path, given="yes", evidence="phiếu", guardian="mẹ, bà Y Hlan", purpose="tiem-chung")
    assert done.status_code == 303
    assert "bà Y Hlan" in client.get(f"/admin/people/{person}/").text
    assert post(client, path, given="yes", evidence="phiếu", purpose="x").status_code == 422


def test_a_breach_counts_down_until_the_authority_has_notice(world: World, client: FlaskClient) -> None:
    world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    signed_in(client, "quantri@loa.example")
    path = "/admin/data-protection/"
    assert post(client, f"{path}record", what="mất máy tính", found_time="25:00").status_code == 422
    assert post(client, f"{path}record", what="mất máy tính có một danh sách").status_code == 303
    assert "còn 71 giờ" in client.get(path).text
    assert "1 vi phạm dữ liệu cá nhân chưa thông báo" in client.get("/admin/").text
    assert post(client, f"{path}1/report", notice="A05, số 12, 26/11/2026").status_code == 303
    assert post(client, f"{path}1/report", notice="lần nữa").status_code == 422
    assert "vi phạm" not in client.get("/admin/").text


def test_the_impact_assessment_follows_the_settings_and_the_data(
    world: World, client: FlaskClient, person: int
) -> None:
    with world.runtime.db.write() as session:
        world.add_officer(session, "quantri@loa.example", Role.ADMINISTRATOR)
        session.execute(update(ContactList).values(basis=LegalBasis.CONSENT))
    signed_in(client, "quantri@loa.example")
    page = client.get("/admin/data-protection/impact").text
    assert "Ủy ban MTTQ" in page
    assert "1 người trong danh sách dựa trên sự đồng ý chưa có bản ghi" in page
    assert "không: đang ở chế độ tập huấn" in page
    signed_in(client, AUTHOR)
    post(client, f"/admin/requests/of/{person}/consent", given="yes", evidence="phiếu")
    signed_in(client, "quantri@loa.example")
    assert "chưa có bản ghi" not in client.get("/admin/data-protection/impact").text


@pytest.mark.parametrize("form", [{"kind": "all"}, {"kind": "erase", "asked_on": "hôm qua"}])
def test_a_form_that_no_page_offers_is_refused(
    client: FlaskClient, person: int, form: dict[str, str]
) -> None:
    signed_in(client, AUTHOR)
    assert post(client, f"/admin/requests/of/{person}", asked_by="bà", **form).status_code == 422
