"""The daily report's pages: what an officer sees and does, and what is behind the link without an account."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from docx import Document
from sqlalchemy import update

from admin.app import create_app
from admin.wording.filters import day as show_day
from campaigns.agencies.reports import submit_by_officer
from campaigns.models.campaigns import Campaign
from campaigns.models.reports import ReportDay, ReportForm, ReportLink
from campaigns.reports.documents import address_of, read_links
from campaigns.reports.issue_report import approve_report, freeze, issue, prepare_report
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from outreach.models.accounts import OrganisationKind, Role
from tests.support.admin_client import post, shows, signed_in
from tests.support.mail_server import running_mail_server
from tests.support.report_sample import save_sample_form
from tests.support.servers import on_sqlite
from tests.support.world import APPROVER, AUTHOR

database_url = on_sqlite

YESTERDAY = (datetime.now(VIETNAM) - timedelta(days=1)).date()
PAGE = f"/admin/report/?day={YESTERDAY}"


@pytest.fixture
def agency(world):
    """A campaign under way with one install, and an agency that handed in today for yesterday: too late."""
    campaign_id = world.launch(people=3)
    world.answers(campaign_id, {0: Label.INSTALLED})
    world.officer("lanhdao@loa.example", Role.LEADER)
    world.do(save_sample_form, AUTHOR, world.now)
    made = world.organisation("SYT", "Sở Y tế", kind=OrganisationKind.AGENCY, below=None)
    user, counts, now = world.user(AUTHOR), StaffCounts(120, 100, 90), datetime.now(UTC)
    world.do(submit_by_officer, made, counts, day=YESTERDAY, note="", user=user, now=now)
    return made


def approve(world, now):
    """One officer prepares what is frozen, another approves it."""
    iso = YESTERDAY.isoformat()
    world.do(prepare_report, 1, iso, now=now)
    world.do(approve_report, 1, iso, prepared_at=now.isoformat(), by=APPROVER, now=now)


@pytest.fixture
def issued(world, agency):
    now = datetime.now(UTC)
    assert freeze(world.runtime, 1, YESTERDAY, now=now)
    approve(world, now)
    assert issue(world.runtime, 1, YESTERDAY, now=now)
    return agency


def link(world):
    """The path of the report's link."""
    [found] = world.read(read_links, 1, YESTERDAY.isoformat(), now=datetime.now(UTC))
    return address_of(found, world.runtime.settings).removeprefix(world.runtime.settings.public_base_url)


def downloads(world):
    """Who took which file with them, as the audit has it."""
    events = world.audited("report.download")
    return [(event.actor_id, event.details) for event in events]


def test_a_day_that_was_missed_is_prepared_by_one_and_approved_by_another(client, world, agency):
    # Yesterday's report was due.
    world.execute(update(ReportForm).values(saved_at=datetime.now(UTC) - timedelta(days=3)))
    world.execute(update(Campaign).values(launched_at=datetime.now(UTC) - timedelta(days=1)))
    signed_in(client, AUTHOR)
    assert f"Chưa phát hành báo cáo ngày {show_day(YESTERDAY.isoformat())}" in client.get("/admin/").text
    assert "Chưa lập báo cáo nào." in client.get(PAGE).text
    assert post(client, "/admin/report/issue", day=YESTERDAY).status_code == 303
    refused = post(client, "/admin/report/prepare", day=YESTERDAY, remark="Mưa lớn", asked="ý\n" * 11)
    assert refused.status_code == 422
    assert "Mưa lớn" in refused.text  # nothing typed is lost
    post(client, "/admin/report/prepare", day=YESTERDAY, remark="Mưa lớn tại ba xã", hindered="Mất điện")
    page = client.get(PAGE).text
    assert "Chờ phê duyệt" in page
    assert "Phê duyệt và phát hành" not in page  # not by who prepared it
    assert "Đã phát hành</h2>" not in page, "a draft is not among what was issued"
    assert re.search(r'id="document">Dự thảo <[^>]*>số liệu đến \d\d:\d\d', page), (
        "its figures name their hour"
    )
    assert "còn phải làm" in page
    assert "DỰ THẢO" in client.get(f"/admin/report/preview?day={YESTERDAY}&n=0").text
    signed_in(client, "lanhdao@loa.example")
    assert "chờ phê duyệt" in client.get("/admin/").text
    [prepared_at] = re.findall(r'name="prepared_at" value="([^"]+)"', client.get(PAGE).text)
    assert post(client, "/admin/report/approve", day=YESTERDAY, prepared_at=prepared_at).status_code == 303
    page = client.get(PAGE).text
    assert "Đã phát hành</h2>" in page
    assert "còn phải làm" not in page, "nothing is left to be done for what is issued"
    assert "Tải PDF" in page
    assert "Gửi lại" not in page  # that is the staff's
    assert "Sở Y tế" in page  # it had not handed in by the hour
    assert "không có địa chỉ thư" in page
    taken = client.get(f"/admin/report/file?day={YESTERDAY}&n=0&kind=docx")
    assert f"report-{YESTERDAY}.docx" in taken.headers["Content-Disposition"]
    lines = [line.text for line in Document(BytesIO(taken.data)).paragraphs]
    assert "BÁO CÁO" in lines
    assert "- Nhận xét: Mưa lớn tại ba xã." in lines
    assert "- Mất điện." in lines
    assert "DỰ THẢO" not in lines
    assert client.get(f"/admin/report/file?day={YESTERDAY}&n=7&kind=docx").status_code == 404
    said = {"day": YESTERDAY.isoformat(), "correction": 0, "file": "docx", "drive": 1}
    assert downloads(world) == [(world.user("lanhdao@loa.example").id, said)]
    read = client.get(f"/admin/report/preview?day={YESTERDAY}&n=0").text
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in read
    assert "Sở Y tế" in read
    assert "Chưa phát hành báo cáo ngày" not in client.get("/admin/").text


def test_what_came_late_is_shown_and_issued_as_a_correction(author, world, issued):
    post(author, "/admin/report/look", day=YESTERDAY)
    assert "Sở Y tế: số người đã cài đặt: 90 (đã báo cáo: chưa có số liệu)" in author.get(PAGE).text
    post(author, "/admin/report/correct", day=YESTERDAY)
    assert "Bổ sung, đính chính lần 1" in author.get(PAGE).text
    assert "BÁO CÁO BỔ SUNG, ĐÍNH CHÍNH" not in author.get(link(world)).text  # it waits for another person
    now = datetime.now(UTC)
    approve(world, now)
    issue(world.runtime, 1, YESTERDAY, now=now)
    assert "Chưa có số liệu nào thay đổi" in author.get(PAGE).text
    assert "BÁO CÁO BỔ SUNG, ĐÍNH CHÍNH" in author.get(link(world)).text
    assert "Báo cáo này đã được bổ sung, đính chính." in author.get(f"{link(world)}?n=0").text


def test_the_link_shows_aggregates_to_anybody_until_it_is_ended_or_over(client, world, issued):
    path = link(world)
    page = client.get(path)
    shows(page, "Chỉ có số liệu tổng hợp", but="A Thun", status=200)
    assert not re.search(r"(?:\+84|0)\d{9}", page.text)
    assert page.headers["X-Robots-Tag"] == "noindex"
    pdf = client.get(f"{path}/0.pdf")
    assert pdf.data.startswith(b"%PDF")
    assert [client.get(f"{path}/{rest}").status_code for rest in ("0.exe", "7.pdf")] == [404, 404]
    assert downloads(world) == [
        (None, {"day": YESTERDAY.isoformat(), "correction": 0, "file": "pdf", "link": 1})
    ]
    assert client.get(path[:-3] + "abc").status_code == 404
    world.change(ReportLink, 1, expires_at=datetime.now(UTC))
    for gone in (path, f"{path}/0.pdf"):
        shows(client.get(gone), "Liên kết đã hết hạn", status=410)
    signed_in(client, AUTHOR)
    post(client, "/admin/report/link", day=YESTERDAY)
    again = link(world)
    assert client.get(again).status_code == 200
    [end] = re.findall(r'action="(/admin/report/link/\d+/end)"', client.get(PAGE).text)
    post(client, end, day=YESTERDAY)
    assert "Liên kết đã bị ngừng" in client.get(again).text


def test_whoever_sees_a_part_is_led_to_their_own_figures(client, world, issued):
    world.officer("syt@loa.example", Role.STAFF, issued)
    signed_in(client, "syt@loa.example")
    for path in (
        PAGE,
        f"/admin/report/preview?day={YESTERDAY}",
        f"/admin/report/file?day={YESTERDAY}&kind=pdf",
        "/admin/report/form",
    ):
        assert "do cán bộ cấp tỉnh lập và gửi" in client.get(path).text
    post(client, "/admin/report/link", day=YESTERDAY)
    assert "do cán bộ cấp tỉnh lập và gửi" in client.get("/admin/report/").text


@pytest.fixture
def mailed(world):
    """The same office with a mail server."""
    with running_mail_server() as box:
        settings = replace(
            world.runtime.settings, smtp_url=box.url, report_recipients=("lanhdao@loa.example",)
        )
        runtime = replace(world.runtime, settings=settings)
        with create_app(settings, runtime=runtime).test_client() as client:
            yield client


def test_a_report_is_sent_again_or_noted_as_taken_there(client, mailed, world, issued):
    signed_in(client, AUTHOR)
    world.change(ReportDay, (1, YESTERDAY.isoformat()), undelivered_at=datetime.now(UTC))
    task = f"Báo cáo ngày {YESTERDAY:%-d/%-m/%Y} chưa đến được tất cả nơi nhận"
    assert task in client.get("/admin/").text
    post(client, "/admin/report/send", day=YESTERDAY)
    assert "Chưa khai báo: báo cáo không tự gửi" in client.get(PAGE).text
    signed_in(mailed, AUTHOR)
    post(mailed, "/admin/report/send", day=YESTERDAY)
    assert "Đang gửi lại đến 1 nơi nhận." in mailed.get(PAGE).text
    post(mailed, "/admin/report/by-hand", day=YESTERDAY)
    assert "Báo cáo đã đến tất cả nơi nhận." in mailed.get(PAGE).text
    assert task not in mailed.get("/admin/").text


def test_the_form_is_changed_for_the_next_report_and_wrong_entries_lose_nothing(author, world, issued):
    page = author.get("/admin/report/form").text
    typed = dict(re.findall(r'<input id="(\w+)" name="\w+" (?:type="time" required )?value="([^"]*)"', page))
    typed |= dict(re.findall(r'<textarea id="(\w+)"[^>]*>([^<]*)</textarea>', page))
    typed |= {"kind": "tiem-chung", "subject": "Kết quả vận động tiêm vắc xin", "hour_freeze": "14:30"}
    refused = post(author, "/admin/report/form", **typed)
    assert refused.status_code == 422
    assert "các giờ phải theo thứ tự" in refused.text
    assert "Kết quả vận động tiêm vắc xin" in refused.text
    assert post(author, "/admin/report/form", **{**typed, "hour_freeze": "13:20"}).status_code == 303
    assert "Kết quả vận động tiêm vắc xin" in author.get("/admin/report/preview").text
    before = author.get(f"/admin/report/preview?day={YESTERDAY}&n=0").text
    assert "Kết quả vận động cài đặt ứng dụng Bluezone" in before
