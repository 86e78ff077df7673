"""Agencies' figures in the office: by form, by link, by file; corrected, missing, unknown."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from campaigns.agencies.links import address_of
from campaigns.agencies.models import AgencyLink, AgencyReport
from campaigns.windows import VIETNAM
from outreach.access.models import AuditEvent, OrganisationKind, Role
from outreach.access.organisations import create_organisation
from tests.flows.world import AUTHOR, World
from tests.web.office import post, signed_in

LEADER = "lanhdao@loa.example"


@pytest.fixture
def agencies(world: World, client: FlaskClient) -> list[int]:
    """Two agencies' ids; the author is signed in."""
    with world.runtime.db.write() as session:
        world.add_officer(session, LEADER, Role.LEADER)
        made = [
            create_organisation(
                session, code=code, name=name, kind=OrganisationKind.AGENCY, parent_code="MTTQ"
            ).id
            for code, name in (("SYT", "Sở Y tế"), ("STC", "Sở Tài chính"))
        ]
    signed_in(client, AUTHOR)
    return made


def today() -> date:
    return datetime.now(VIETNAM).date()


def hand_in(
    client: FlaskClient, agency: int, staff: str, smartphones: str, installed: str, **more: str
) -> TestResponse:
    form = {
        "day": today().isoformat(),
        "staff": staff,
        "with_smartphone": smartphones,
        "installed": installed,
    }
    return post(client, f"/admin/agencies/{agency}/report", **form | more)


def reports(world: World) -> list[tuple[int, int | None, int | None, str]]:
    with world.runtime.db.read() as session:
        rows = session.scalars(select(AgencyReport).order_by(AgencyReport.id))
        return [(each.staff, each.with_smartphone, each.installed, each.road.value) for each in rows]


def test_figures_add_up_and_what_is_missing_is_said(
    world: World, client: FlaskClient, agencies: list[int]
) -> None:
    page = client.get("/admin/agencies/").text
    assert "2/2" in page
    assert "<strong>Chưa rõ</strong>" in page
    assert "chưa nộp lần nào" in page
    assert hand_in(client, agencies[0], "1.200", "1 000", "900").status_code == 303
    page = client.get("/admin/agencies/").text
    assert "90,0%" in page
    assert "1/2" in page
    assert "1 cơ quan chưa có đủ số liệu" in page
    assert "1 cơ quan chưa nộp số liệu hôm nay" in client.get("/admin/").text
    hand_in(client, agencies[1], "50", "", "40")
    page = client.get("/admin/agencies/").text
    assert "90,0%" in page  # of whom it is not known how many could, none is counted
    assert "Tất cả các cơ quan đã nộp" in page
    world.add_people(1)
    world.launch()
    signed_in(client, LEADER)
    assert "90,0%" in client.get("/admin/progress/").text
    assert client.get("/admin/agencies/").status_code == 200
    assert hand_in(client, agencies[1], "50", "", "41").status_code == 403


def test_a_correction_counts_and_leaves_what_it_replaced(
    world: World, client: FlaskClient, agencies: list[int]
) -> None:
    hand_in(client, agencies[0], "100", "90", "80")
    hand_in(client, agencies[0], "100", "90", "81")
    hand_in(client, agencies[0], "100", "90", "60", day=(today() - timedelta(days=1)).isoformat())
    assert "90,0%" in client.get("/admin/agencies/").text
    yesterday = today() - timedelta(days=1)
    assert "66,7%" in client.get(f"/admin/agencies/?day={yesterday}").text
    page = client.get(f"/admin/agencies/{agencies[0]}/").text
    assert page.count("đã thay") == 1
    assert len(reports(world)) == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"installed": "91"}, "không thể lớn hơn số người có điện thoại thông minh"),
        ({"with_smartphone": "101", "installed": ""}, "không thể lớn hơn tổng số người"),
        ({"staff": ""}, "Hãy ghi tổng số người"),
        ({"staff": "một trăm"}, "không phải là một số"),
        ({"staff": "-5"}, "không phải là một số"),
        ({"day": "2999-01-01"}, "không sau hôm nay"),
        ({"day": ""}, "Hãy chọn ngày"),
    ],
)
def test_what_cannot_be_is_refused_and_stays_in_the_form(
    world: World, client: FlaskClient, agencies: list[int], changes: dict[str, str], told: str
) -> None:
    form = {"day": today().isoformat(), "staff": "100", "with_smartphone": "90", "installed": "80"} | changes
    answer = post(client, f"/admin/agencies/{agencies[0]}/report", **form, note="ghi chú này")
    assert answer.status_code == 422
    assert told in answer.text
    assert "ghi chú này" in answer.text
    assert reports(world) == []


def test_a_sudden_fall_is_asked_about(world: World, client: FlaskClient, agencies: list[int]) -> None:
    hand_in(client, agencies[0], "100", "90", "80")
    answer = hand_in(client, agencies[0], "100", "90", "8")
    assert answer.status_code == 422
    assert "Xin kiểm tra lại: số người đã cài giảm nhiều" in answer.text
    assert hand_in(client, agencies[0], "100", "90", "8", note="gõ thừa số 0 hôm trước").status_code == 303
    assert reports(world)[-1] == (100, 90, 8, "form")


def make_link(world: World, client: FlaskClient, agency: int) -> tuple[int, str]:
    post(client, f"/admin/agencies/{agency}/link", holder="chị Hoa", days="3")
    with world.runtime.db.read() as session:
        link = session.scalars(select(AgencyLink)).one()
        address = address_of(link, world.runtime.settings)
    assert address in client.get(f"/admin/agencies/{agency}/").text
    return link.id, address.removeprefix(world.runtime.settings.public_base_url)


def test_by_a_link_nobody_signs_in_and_only_figures_go_in(
    world: World, client: FlaskClient, agencies: list[int]
) -> None:
    link_id, path = make_link(world, client, agencies[0])
    stranger = client.application.test_client()
    page = stranger.get(path)
    assert "Sở Y tế" in page.text
    assert page.headers["X-Robots-Tag"] == "noindex"
    figures = {"day": today().isoformat(), "staff": "100", "with_smartphone": "90", "installed": "80"}
    assert stranger.post(path, data=figures | {"note": "đủ\0 cả"}).status_code == 303
    with world.runtime.db.read() as session:
        assert session.scalars(select(AgencyReport.note)).all() == ["đủ cả"]
    assert "Đã nộp số liệu hôm nay" in stranger.get(path).text
    refused = stranger.post(path, data=figures | {"installed": "95"})
    assert (refused.status_code, reports(world)) == (422, [(100, 90, 80, "link")])
    assert 'value="95"' in refused.text
    assert "chị Hoa, qua liên kết" in client.get(f"/admin/agencies/{agencies[0]}/").text
    with world.runtime.db.read() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "agency.report")).one()
        assert (event.actor_id, event.details["link"]) == (None, link_id)
    assert stranger.get(path[:-1]).status_code == 404
    post(client, f"/admin/agencies/{agencies[0]}/links/{link_id}/end")
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, data=figures).status_code == 404


def test_a_link_ends_by_itself(world: World, client: FlaskClient, agencies: list[int]) -> None:
    _link_id, path = make_link(world, client, agencies[0])
    with world.runtime.db.write() as session:
        session.execute(update(AgencyLink).values(expires_at=world.now))
    assert client.get(path).status_code == 404
    assert path not in client.get(f"/admin/agencies/{agencies[0]}/").text


def send_file(client: FlaskClient, *lines: str) -> str:
    content = "\n".join(lines).encode()
    post(client, "/admin/agencies/file", day=today().isoformat(), file=(BytesIO(content), "so lieu.csv"))
    return client.get("/admin/agencies/").text


def test_a_file_brings_many_agencies_or_none(world: World, client: FlaskClient, agencies: list[int]) -> None:
    header = "STT,Tên cơ quan,Tổng số CBCCVC,Số người có ĐT thông minh,Đã cài đặt,Tỷ lệ cài đặt,Ghi chú"
    title = "BIỂU TỔNG HỢP,,,,,,"
    wrong = send_file(client, title, header, "1,Sở Y tế,100,90,80,,", "2,Sở Nội vụ,10,9,8,,", "3,STC,5,6,1,,")
    assert "Chưa lưu gì" in wrong
    assert "Dòng 4: không có cơ quan nào tên “Sở Nội vụ”" in wrong
    assert reports(world) == []
    right = send_file(
        client,
        title,
        header,
        '1,SỞ Y TẾ,"1.000",900,810,90%,',
        "2,Sở Tài chính,50,,40,,",
        ",Tổng cộng,1050,,850,,",
    )
    assert "Đã ghi số liệu của 2 cơ quan" in right
    assert reports(world) == [(1000, 900, 810, "file"), (50, None, 40, "file")]
    assert "trùng cơ quan" in send_file(client, header, "1,Sở Y tế,100,90,80,,", "2,Sở Y tế,100,90,80,,")
    assert "Không tìm thấy dòng tiêu đề" in send_file(client, "Kính gửi Ủy ban,1")
    assert len(reports(world)) == 2
