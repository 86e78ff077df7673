"""The outreach log in the office: entered once however often it is sent, corrected with its history, as of a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from campaigns.activities.activity_log import ActivityFilter, read_summary
from campaigns.models.activities import Activity
from campaigns.rules.activities import ActivityKind, ActivityTotals
from campaigns.rules.sending_hours import VIETNAM
from outreach.models.accounts import AuditEvent, Role
from outreach.models.places import Area, AreaLevel
from tests.support.admin_client import post, signed_in
from tests.support.world import AUTHOR, World


@pytest.fixture
def officer(world: World, client: FlaskClient) -> FlaskClient:
    with world.runtime.db.write() as session:
        session.add(Area(code="62", name="Kon Tum", kind="Tỉnh", level=AreaLevel.PROVINCE))
        session.flush()
        session.add(
            Area(code="608", name="Kon Tum", kind="Thành phố", level=AreaLevel.DISTRICT, parent_code="62")
        )
        session.flush()
        session.add(
            Area(code="23281", name="Quang Trung", kind="Phường", level=AreaLevel.COMMUNE, parent_code="608")
        )
        world.add_officer(session, "lanhdao@loa.example", Role.LEADER)
    return signed_in(client, AUTHOR)


def enter(client: FlaskClient, **changed: str) -> TestResponse:
    page = client.get("/admin/publicity/new").text
    key = re.search(r'name="form_key" value="(\w+)"', page)
    assert key
    form = {"kind": "loudspeaker", "times": "2", "area": "23281", "organisation": "1", "form_key": key[1]}
    return post(client, "/admin/publicity/new", **form | changed)


def count(world: World) -> int:
    return world.scalar(select(func.count()).select_from(Activity)) or 0


def test_an_entry_counts_by_kind_area_and_day_and_once_however_often_its_form_is_sent(
    world: World, officer: FlaskClient
) -> None:
    assert "Chưa ghi hoạt động nào" in officer.get("/admin/publicity/").text
    for _again in range(2):
        assert enter(officer, form_key="f" * 32, place="Thôn 3").status_code == 303
    assert count(world) == 1
    assert enter(officer, kind="meeting", times="1", people="64", area="62").status_code == 303
    page = officer.get("/admin/publicity/").text
    assert "<strong>3</strong>" in page
    assert "Thôn 3, Phường Quang Trung" in page
    assert "Thành phố Kon Tum" in page
    assert "64 lượt người" in page
    assert "Thôn 3" not in officer.get("/admin/publicity/?kind=meeting").text
    assert "Thôn 3" in officer.get("/admin/publicity/?area=608").text
    # The next entry begins where the last one was.
    assert '<option value="62" selected>' in officer.get("/admin/publicity/new").text
    signed_in(officer, "lanhdao@loa.example")
    assert "Thôn 3" in officer.get("/admin/publicity/").text
    assert officer.get("/admin/publicity/new").status_code == 403


def test_what_is_refused_stays_in_the_form(world: World, officer: FlaskClient) -> None:
    refused = enter(officer, first="2999-01-01", place="Thôn 3")
    assert refused.status_code == 422
    assert "không được sau hôm nay" in refused.text
    assert 'value="Thôn 3"' in refused.text
    assert enter(officer, area="").status_code == 422
    assert enter(officer, organisation="99").status_code == 422
    assert enter(officer, campaign="99").status_code == 422
    assert count(world) == 0


def test_a_correction_leaves_its_history_and_the_log_can_be_read_as_it_stood(
    world: World, officer: FlaskClient
) -> None:
    enter(officer)
    between = datetime.now(UTC)
    changed = {"kind": "radio", "times": "5", "area": "608", "organisation": "1", "version": "1"}
    assert post(officer, "/admin/publicity/1/correct", **changed).status_code == 303
    late = post(officer, "/admin/publicity/1/correct", **changed)
    assert (late.status_code, count(world)) == (422, 2)
    assert "Người khác vừa sửa" in late.text
    page = officer.get("/admin/publicity/1/").text
    assert page.count("đã thay") == 1
    assert "Loa truyền thanh" in page
    today = datetime.now(VIETNAM).date()
    week = ActivityFilter(today - timedelta(days=6), today)
    with world.runtime.db.read() as session:
        assert read_summary(session, week).kinds == {ActivityKind.RADIO: ActivityTotals(1, 5)}
        assert read_summary(session, week, as_of=between).kinds == {
            ActivityKind.LOUDSPEAKER: ActivityTotals(1, 2)
        }
        assert read_summary(session, week, as_of=between - timedelta(hours=1)).total == ActivityTotals()
    assert post(officer, "/admin/publicity/1/withdraw", version="2").status_code == 303
    assert "Chưa ghi hoạt động nào" in officer.get("/admin/publicity/").text
    assert "Mục này đã bỏ" in officer.get("/admin/publicity/1/").text
    assert post(officer, "/admin/publicity/1/correct", **changed | {"version": "3"}).status_code == 303
    with world.runtime.db.read() as session:
        assert read_summary(session, week).total.times == 5
        told = session.scalars(select(AuditEvent.action).where(AuditEvent.subject == "activities:1")).all()
    assert told == ["publicity.enter", "publicity.correct", "publicity.withdraw", "publicity.correct"]
