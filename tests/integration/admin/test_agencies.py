"""Agencies' figures in the office: by form, by link, by file; corrected, missing, unknown.

The reports behind a figure: as many as it says, each with its source, and those taken back when asked for.
What the columns of a reach file are called.
"""

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from flask import Flask
from flask_babel import Babel
from sqlalchemy import func, select, update

from admin.wording.progress import file_rows
from campaigns.activities.activity_log import ActivityFilter, read_summary
from campaigns.agencies.reports import address_of
from campaigns.cases.merge_people import merge_people
from campaigns.models.activities import Activity
from campaigns.models.campaigns import Drive
from campaigns.models.figures import AgencyLink, AgencyReport
from campaigns.models.replies import Answer, AnswerSource, InstallReport
from campaigns.planning.drives import choose_drive
from campaigns.rules.activities import ActivityKind, ActivityTotals
from campaigns.rules.reach import ReachMeasure, ReachTotals
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from outreach.models.accounts import Area, AreaLevel, AuditEvent, Organisation, OrganisationKind, Role
from outreach.models.contacts import Phone
from outreach.rules.errors import BadInput
from tests.integration.admin import test_progress
from tests.support.admin_client import post, shows, signed_in
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import AUTHOR, number

LEADER = "lanhdao@loa.example"


@pytest.fixture
def agencies(world, client):
    """Two agencies' ids; the author is signed in."""
    world.officer(LEADER, Role.LEADER)
    signed_in(client, AUTHOR)
    named = (("SYT", "Sở Y tế"), ("STC", "Sở Tài chính"))
    return [world.organisation(code, name, kind=OrganisationKind.AGENCY) for code, name in named]


def today():
    return datetime.now(VIETNAM).date()


def hand_in(client, agency, staff, smartphones, installed, **more):
    form = {
        "day": today().isoformat(),
        "staff": staff,
        "with_smartphone": smartphones,
        "installed": installed,
    }
    return post(client, f"/admin/agencies/{agency}/report", **form | more)


def reports(world):
    rows = world.all(select(AgencyReport).order_by(AgencyReport.id))
    return [(each.staff, each.with_smartphone, each.installed, each.channel.value) for each in rows]


@both_databases
def test_figures_add_up_and_what_is_missing_is_said(world, client, agencies):
    shows(client.get("/admin/agencies/"), "2/2", "<strong>Chưa rõ</strong>", "chưa gửi lần nào")
    assert hand_in(client, agencies[0], "1.200", "1 000", "900").status_code == 303
    shows(client.get("/admin/agencies/"), "90,0%", "1/2", "1 cơ quan chưa có đủ số liệu")
    assert "1 cơ quan chưa gửi số liệu hôm nay" in client.get("/admin/").text
    hand_in(client, agencies[1], "50", "", "40")
    page = client.get("/admin/agencies/").text
    assert "90,0%" in page  # of whom it is not known how many could, none is counted
    assert "Tất cả các cơ quan đã gửi" in page
    world.launch(people=1)
    signed_in(client, LEADER)
    assert "90,0%" in client.get("/admin/progress/").text
    assert client.get("/admin/agencies/").status_code == 200
    earlier = client.get("/admin/agencies/?day=2020-01-01").text
    assert "chưa gửi lần nào" in earlier
    assert "để nhập thay" not in earlier, "who may not is not told to"
    assert hand_in(client, agencies[1], "50", "", "41").status_code == 403


def test_a_correction_counts_and_leaves_what_it_replaced(world, client, agencies):
    hand_in(client, agencies[0], "100", "90", "80")
    hand_in(client, agencies[0], "100", "90", "81")
    hand_in(client, agencies[0], "100", "90", "60", day=(today() - timedelta(days=1)).isoformat())
    assert "90,0%" in client.get("/admin/agencies/").text
    yesterday = today() - timedelta(days=1)
    assert "66,7%" in client.get(f"/admin/agencies/?day={yesterday}").text
    page = client.get(f"/admin/agencies/{agencies[0]}/").text
    assert page.count("đã thay") == 1
    shows(page, "Đã gửi hôm nay", "90,0%")
    assert len(reports(world)) == 3


def test_figures_are_of_the_drive_that_the_page_named_though_another_is_chosen_since(world, client, agencies):
    first = world.drive()
    pages = [client.get(f"/admin/agencies/{path}").text for path in (f"{agencies[0]}/", "")]
    world.open_drive("Đợt hai")
    second = world.scalar(select(func.max(Drive.id)))
    world.do(choose_drive, second, now=world.in_hours(1))
    drive = {"drive": str(first)}
    hand_in(client, agencies[0], "100", "90", "80", **drive)
    file = (BytesIO("Cơ quan;Tổng số;Đã cài\nSở Tài chính;50;40\n".encode()), "so-lieu.csv")
    assert (
        post(client, "/admin/agencies/file", day=today().isoformat(), file=file, **drive).status_code == 303
    )
    assert [*world.all(select(AgencyReport.drive_id))] == [first, first]
    assert all(f'value="{first}"' in page for page in pages)


@cases(
    ({"installed": "91"}, "không thể lớn hơn số người thuộc diện vận động"),
    ({"with_smartphone": "101", "installed": ""}, "không thể lớn hơn tổng số người"),
    ({"staff": ""}, "Hãy ghi tổng số người"),
    ({"staff": "một trăm"}, "không phải là một số"),
    ({"staff": "-5"}, "không phải là một số"),
    ({"day": "2999-01-01"}, "không sau hôm nay"),
    ({"day": ""}, "Hãy chọn ngày"),
)
def test_what_cannot_be_is_refused_and_stays_in_the_form(world, client, agencies, changes, told):
    form = {"day": today().isoformat(), "staff": "100", "with_smartphone": "90", "installed": "80"} | changes
    answer = post(client, f"/admin/agencies/{agencies[0]}/report", **form, note="ghi chú này")
    assert answer.status_code == 422
    assert told in answer.text
    assert "ghi chú này" in answer.text
    assert reports(world) == []


def test_a_sudden_fall_is_asked_about(world, client, agencies):
    hand_in(client, agencies[0], "100", "90", "80")
    answer = hand_in(client, agencies[0], "100", "90", "8")
    shows(answer, "Xin kiểm tra lại: số người đã thực hiện giảm nhiều", status=422)
    assert hand_in(client, agencies[0], "100", "90", "8", note="gõ thừa số 0 hôm trước").status_code == 303
    assert reports(world)[-1] == (100, 90, 8, "form")


def make_link(world, client, agency):
    post(client, f"/admin/agencies/{agency}/link", holder="chị Hoa", days="3")
    link = world.one(select(AgencyLink))
    address = address_of(link, world.runtime.settings)
    assert address in client.get(f"/admin/agencies/{agency}/").text
    return link.id, address.removeprefix(world.runtime.settings.public_base_url)


def test_by_a_link_nobody_signs_in_and_only_figures_go_in(world, client, agencies):
    link_id, path = make_link(world, client, agencies[0])
    stranger = client.application.test_client()
    page = stranger.get(path)
    assert "Sở Y tế" in page.text
    assert page.headers["X-Robots-Tag"] == "noindex"
    figures = {"day": today().isoformat(), "staff": "100", "with_smartphone": "90", "installed": "80"}
    assert stranger.post(path, data=figures | {"note": "đủ\0 cả"}).status_code == 303
    assert world.all(select(AgencyReport.note)) == ["đủ cả"]
    assert "Đã nộp số liệu hôm nay" in stranger.get(path).text
    refused = stranger.post(path, data=figures | {"installed": "95"})
    assert (refused.status_code, reports(world)) == (422, [(100, 90, 80, "link")])
    assert 'value="95"' in refused.text
    assert "chị Hoa, qua liên kết" in client.get(f"/admin/agencies/{agencies[0]}/").text
    event = world.one(select(AuditEvent).where(AuditEvent.action == "agency.report"))
    assert (event.actor_id, event.details["link"]) == (None, link_id)
    assert stranger.get(path[:-1]).status_code == 404
    post(client, f"/admin/agencies/{agencies[0]}/links/{link_id}/end")
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, data=figures).status_code == 404


def test_a_link_ends_by_itself(world, client, agencies):
    _link_id, path = make_link(world, client, agencies[0])
    world.execute(update(AgencyLink).values(expires_at=world.now))
    assert client.get(path).status_code == 404
    assert path not in client.get(f"/admin/agencies/{agencies[0]}/").text


def send_file(client, *lines):
    content = "\n".join(lines).encode()
    file = (BytesIO(content), "so lieu.csv")
    answer = post(client, "/admin/agencies/file", day=today().isoformat(), file=file)
    return client.get(answer.location).text if answer.status_code == 303 else answer.text


def test_a_file_brings_many_agencies_or_none(world, client, agencies):
    header = "STT,Tên cơ quan,Tổng số CBCCVC,Số người có ĐT thông minh,Đã cài đặt,Tỷ lệ cài đặt,Ghi chú"
    title = "BIỂU TỔNG HỢP,,,,,,"
    wrong = send_file(client, title, header, "1,Sở Y tế,100,90,80,,", "2,Sở Nội vụ,10,9,8,,", "3,STC,5,6,1,,")
    assert "Dữ liệu chưa được lưu" in wrong
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
    coded = "Mã cơ quan,Tên cơ quan,Tổng số,Đã cài đặt"
    assert "của hai cơ quan khác nhau" in send_file(client, coded, "SYT,Sở Tài chính,50,40")
    assert len(reports(world)) == 2
    assert "Đã ghi số liệu của 1 cơ quan" in send_file(client, coded, "s.t.c,Tài chính,50,41")


def test_a_code_that_another_organisation_has_but_for_its_signs_is_taken_and_old_ones_are_told_apart(
    world, client, agencies
):
    with refuses(BadInput, says="đã có"):
        world.organisation("S-YT", "Sở Ý tưởng", kind=OrganisationKind.AGENCY)
    world.change(Organisation, agencies[1], code="S-YT")  # from before
    header = "Mã cơ quan,Tổng số,Đã cài đặt"
    assert "không có cơ quan nào mang mã" in send_file(client, header, "S YT,50,40")
    assert "Đã ghi số liệu của 2 cơ quan" in send_file(client, header, "S-YT,50,40", "SYT,60,41")
    assert [staff for staff, *_others in reports(world)] == [50, 60]


def hand_in_roster(client, agency, *lines, **form):
    content = "\n".join(("STT,Họ và tên,SĐT,Điện thoại thông minh,Đã cài", *lines)).encode()
    file = (BytesIO(content), "can bo.csv")
    values = {"day": today().isoformat(), "note": "danh sách"} | form
    return post(client, f"/admin/agencies/{agency}/roster", file=file, **values)


def installs(world):
    """Each report's number, source and whether it stands."""
    found = select(Phone.e164, InstallReport).join(Phone, Phone.id == InstallReport.phone_id)
    rows = world.rows(found.order_by(InstallReport.id))
    return [(e164, report.source.value, report.withdrawn_at is None) for e164, report in rows]


def test_a_roster_is_counted_and_its_marks_are_its_peoples_reports(world, client, agencies):
    world.add_people(4, first=1)
    campaign = world.sent()
    own = [number(index) for index in range(1, 5)]
    world.reply(own[3], "xoa roi", gateway_id="SM1")
    rows = [
        f"1,Nguyễn Văn An,{own[0]},x,x",
        f"2,Trần Thị Bình,{own[1]},x,",
        f"3,Lê Cường,{own[2]},x,đã cài",
        f"4,Y Dung,{own[3]},x,x",
        "5,A Đức,0905000999,,x",
        "6,Phạm Em,,không,",
    ]
    answer = hand_in_roster(client, agencies[0], *rows, campaign=str(campaign))
    assert answer.status_code == 303
    page = client.get(f"/admin/agencies/{agencies[0]}/").text
    assert (
        "Đã ghi: 6 người, 4 người đã thực hiện. Trong chiến dịch, 2 người được ghi là đã thực hiện." in page
    )
    assert "1 người đã tự trả lời khác; câu trả lời của họ được giữ nguyên." in page
    assert "1 số trong danh sách không nhận tin của chiến dịch" in page
    assert reports(world) == [(6, 5, 4, "roster")]
    marked = [(own[0], "roster", True), (own[2], "roster", True)]
    assert installs(world) == marked
    # The same again is one more row of figures and not one more install.
    hand_in_roster(client, agencies[0], *rows, campaign=str(campaign))
    assert installs(world) == marked
    # A later list without the mark takes it back, where nobody has said otherwise.
    world.reply(own[2], "da cai roi", gateway_id="SM2")
    unmarked = [rows[0].removesuffix("x"), rows[1], rows[2].removesuffix("đã cài"), *rows[3:]]
    hand_in_roster(client, agencies[0], *unmarked, campaign=str(campaign))
    assert [standing for _number, _source, standing in installs(world)] == [False, True]
    yesterday = (today() - timedelta(days=1)).isoformat()
    hand_in_roster(client, agencies[0], *rows, campaign=str(campaign), day=yesterday)
    assert [standing for _number, _source, standing in installs(world)] == [False, True]
    assert "danh sách cơ quan" in client.get(f"/admin/campaigns/{campaign}/installs/?source=roster").text


def test_a_roster_takes_back_no_mark_of_another_agency(world, client, agencies):
    """A couple shares a number: one has it done, and is on the list of the one's agency."""
    world.add_people(1, first=1)
    campaign = world.sent()
    husband, wife = f"1,Nguyễn Văn An,{number(1)},x,x", f"1,Trần Thị Bình,{number(1)},x,"
    for agency, row in ((0, husband), (1, wife)):
        hand_in_roster(client, agencies[agency], row, campaign=str(campaign))
        assert installs(world) == [(number(1), "roster", True)]
    world.execute(update(AgencyReport).values(reported_at=world.one(select(Answer.at))))  # at one moment
    hand_in_roster(client, agencies[1], wife, campaign=str(campaign))
    assert installs(world) == [(number(1), "roster", True)]
    hand_in_roster(client, agencies[0], husband.removesuffix("x"), campaign=str(campaign))
    assert installs(world) == [(number(1), "roster", False)]


def test_a_mark_that_is_taken_back_leaves_what_the_person_reported_from_another_number(
    world, client, agencies
):
    world.add_people(2, first=1)
    campaign = world.sent()
    world.reply(number(1), "1", gateway_id="SM1")
    marked = f"1,Nguyễn Văn An,{number(2)},x,x"
    hand_in_roster(client, agencies[0], marked, campaign=str(campaign))
    world.do(merge_people, *(world.recipient(number(index), campaign).contact_id for index in (1, 2)))
    hand_in_roster(client, agencies[0], marked.removesuffix("x"), campaign=str(campaign))
    assert world.recipient(number(2), campaign).answer is Label.INSTALLED


@cases(
    (["1,An,0905000001,x,đang cài"], "Dòng 2: không hiểu “đang cài” ở cột “Đã cài”"),
    ([], "không có người nào"),
)
def test_a_roster_that_is_not_understood_says_where_and_stores_nothing(world, client, agencies, lines, told):
    answer = hand_in_roster(client, agencies[0], *lines, note="ghi chú này")
    shows(answer, told, "ghi chú này", status=422)
    assert reports(world) == []


def test_a_roster_without_a_column_of_marks_says_which_it_needs(world, client, agencies):
    file = (BytesIO("Họ và tên,SĐT\nAn,0905000001\n".encode()), "can bo.csv")
    answer = post(client, f"/admin/agencies/{agencies[0]}/roster", file=file, day=today().isoformat())
    assert answer.status_code == 422
    assert "Hãy đặt tên cột đó bắt đầu bằng chữ “Đã”" in answer.text
    assert reports(world) == []


# The outreach log in the office: entered once however often it is sent, corrected with its history, as of
# a moment.


@pytest.fixture
def officer(world, client):
    world.add(
        Area(code="62", name="Kon Tum", kind="Tỉnh", level=AreaLevel.PROVINCE),
        Area(code="608", name="Kon Tum", kind="Thành phố", level=AreaLevel.DISTRICT, parent_code="62"),
        Area(code="23281", name="Quang Trung", kind="Phường", level=AreaLevel.COMMUNE, parent_code="608"),
    )
    world.officer("lanhdao@loa.example", Role.LEADER)
    return signed_in(client, AUTHOR)


def enter(client, **changed):
    page = client.get("/admin/publicity/new").text
    key = re.search(r'name="form_key" value="(\w+)"', page)
    form = {"kind": "loudspeaker", "times": "2", "area": "23281", "organisation": "1", "form_key": key[1]}
    return post(client, "/admin/publicity/new", **form | changed)


def test_an_entry_counts_by_kind_area_and_day_and_once_however_often_its_form_is_sent(world, officer):
    assert "Chưa ghi hoạt động nào" in officer.get("/admin/publicity/").text
    for _again in range(2):
        assert enter(officer, form_key="f" * 32, place="Thôn 3").status_code == 303
    assert world.count(Activity) == 1
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


def test_what_is_refused_stays_in_the_form(world, officer):
    refused = enter(officer, first="2999-01-01", place="Thôn 3")
    shows(refused, "không được sau hôm nay", 'value="Thôn 3"', status=422)
    assert enter(officer, area="").status_code == 422
    assert enter(officer, organisation="99").status_code == 422
    assert enter(officer, campaign="99").status_code == 422
    assert world.count(Activity) == 0


def test_a_correction_leaves_its_history_and_the_log_can_be_read_as_it_stood(world, officer):
    enter(officer)
    between = datetime.now(UTC)
    changed = {"kind": "radio", "times": "5", "area": "608", "organisation": "1", "version": "1"}
    assert post(officer, "/admin/publicity/1/correct", **changed).status_code == 303
    late = post(officer, "/admin/publicity/1/correct", **changed)
    assert (late.status_code, world.count(Activity)) == (422, 2)
    assert "Người khác vừa sửa" in late.text
    page = officer.get("/admin/publicity/1/").text
    assert page.count("đã thay") == 1
    assert "Loa truyền thanh" in page
    today = datetime.now(VIETNAM).date()
    week = ActivityFilter(today - timedelta(days=6), today)
    assert world.read(read_summary, week).kinds == {ActivityKind.RADIO: ActivityTotals(1, 5)}
    assert world.read(read_summary, week, as_of=between).kinds == {
        ActivityKind.LOUDSPEAKER: ActivityTotals(1, 2)
    }
    assert world.read(read_summary, week, as_of=between - timedelta(hours=1)).total == ActivityTotals()
    assert post(officer, "/admin/publicity/1/withdraw", version="2").status_code == 303
    assert "Chưa ghi hoạt động nào" in officer.get("/admin/publicity/").text
    assert "Mục này đã bỏ" in officer.get("/admin/publicity/1/").text
    assert post(officer, "/admin/publicity/1/correct", **changed | {"version": "3"}).status_code == 303
    assert world.read(read_summary, week).total.times == 5
    told = [each.action for each in world.audited(subject="activities:1")]
    assert told == ["publicity.enter", "publicity.correct", "publicity.withdraw", "publicity.correct"]


places = test_progress.places
INSTALLED = ((0, AnswerSource.SMS), (1, AnswerSource.PAGE), (2, AnswerSource.OFFICER), (5, AnswerSource.PAGE))


def tell(world, campaign, person, label, source, *, minutes=0):
    world.answers(campaign, {person: label}, source=source, at=world.now + timedelta(minutes=minutes))


def listed(page):
    body = re.search(r"<tbody>(.*)</tbody>", page, re.DOTALL)
    return body[1].count("<tr>") if body else 0


@pytest.fixture
def campaign(places):
    campaign = test_progress.launch(places)
    for person, source in INSTALLED:
        tell(places, campaign, person, Label.INSTALLED, source)
    return campaign


@both_databases
def test_a_figure_leads_to_as_many_reports_as_it_says(author, places, campaign):
    shown = author.get(f"/admin/progress/?campaign={campaign}").text
    links = re.findall(rf'<a href="(/admin/campaigns/{campaign}/installs/\?[^"]+)">(\d+)</a>', shown)
    assert len(links) >= 2  # a district and an organisation
    for link, figure in links:
        assert listed(author.get(link.replace("&amp;", "&")).text) == int(figure), link
    page = author.get(f"/admin/campaigns/{campaign}/installs/").text
    assert listed(page) == 4
    for said in ("tin nhắn", "trang trả lời", "cán bộ"):
        assert said in page.lower()
    assert number(0) not in page


def test_a_report_taken_back_is_shown_when_asked_for_and_a_phone_counts_once(author, places, campaign):
    tell(places, campaign, 0, Label.NOT_YET, AnswerSource.SMS, minutes=1)  # "cài rồi nhưng xóa rồi"
    path = f"/admin/campaigns/{campaign}/installs/"
    assert listed(author.get(path).text) == 3
    with_history = author.get(f"{path}?all=1").text
    assert listed(with_history) == 4
    assert "rút lại" in with_history
    tell(places, campaign, 0, Label.INSTALLED, AnswerSource.PAGE, minutes=2)
    assert listed(author.get(path).text) == 4
    assert listed(author.get(f"{path}?all=1").text) == 5
    assert listed(author.get(f"{path}?source=page").text) == 3
    assert listed(author.get(f"{path}?source=nothing").text) == 4
    assert author.get("/admin/campaigns/999/installs/").status_code == 404


def test_each_sees_the_reports_of_their_own_lists(client, places, campaign):
    signed_in(client, test_progress.NEIGHBOUR)
    page = client.get(f"/admin/campaigns/{campaign}/installs/").text
    assert listed(page) == 1
    assert "A Thun 5" in page


@cases(("0", "không nhắn"), ("1", "nội dung thứ nhất"), ("2", "nội dung thứ hai"))
def test_the_groups_of_a_comparison_are_called_what_they_are(arm, name):
    counts = ReachTotals()
    counts.add(ReachMeasure.ARMS, arm, 5)
    counts.add(ReachMeasure.ARMS_INSTALLED, arm, 2)
    app = Flask(__name__)
    Babel(app, default_locale="vi")
    with app.test_request_context():
        head, _row = file_rows(
            {(1, None, None): counts},
            own_answers={},
            steps={1: 1},
            organisations={},
            places={},
            level="Huyện",
            price=0,
        )
    assert head[5:7] == [f"Chọn ngẫu nhiên vào nhóm: {name}", f"Tự khai báo đã thực hiện, nhóm: {name}"]


def test_what_is_not_counted_for_a_kind_of_row_is_blank_and_what_is_counted_may_be_nought():
    by_step, whole, elsewhere = ReachTotals(), ReachTotals(), ReachTotals()
    by_step.add(ReachMeasure.SEGMENTS, "", 3)
    whole.add(ReachMeasure.RECIPIENTS, "", 5)
    whole.add(ReachMeasure.ANSWERS, "installed", 2)
    elsewhere.add(ReachMeasure.RECIPIENTS, "", 4)
    app = Flask(__name__)
    Babel(app, default_locale="vi")
    with app.test_request_context():
        _head, *rows = file_rows(
            {(None, None, None): whole, (None, 1, None): elsewhere, (1, None, None): by_step},
            own_answers={},
            steps={1: 1},
            organisations={},
            places={},
            level="Huyện",
            price=400,
        )
    assert [row[5:] for row in rows] == [[5, "", 2, ""], [4, "", 0, ""], ["", 3, "", 1200]]
