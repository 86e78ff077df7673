"""Where the goal stands: against which figure, by place, organisation and day, within a user's scope.

A campaign's reach in the office: by step, organisation and place, for whoever may see it, and as a file.
Official installs: brought in whole or not at all, corrected by a later row, shown beside what residents report.
Goals on the page and by command: set by staff of the province, read by all, with where each figure comes from.
"""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select, update

from admin.app import create_app
from campaigns.agencies.reports import submit_by_officer
from campaigns.analytics import progress, reach
from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.analytics.progress import drive_of_campaign, read_progress
from campaigns.analytics.reach import read_reach
from campaigns.analytics.reach_counts import store_reach
from campaigns.cases.merge_people import merge_people
from campaigns.goals.goals import import_denominators, import_official, latest_official, read_goals
from campaigns.models.campaigns import Campaign, Drive, Recipient
from campaigns.models.figures import OfficialInstalls
from campaigns.models.messages import Attempt, Message
from campaigns.models.reports import ReportIssue
from campaigns.replies.record_answer import undo_answer
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.progress import Outlook, ShareBasis
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.compose import compose
from campaigns.rules.reports.document import Table
from campaigns.rules.reports.snapshot import OfficialInstallFigure
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptState, CampaignState, Exclusion, MessageState, SkipReason
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import enter_results
from campaigns.visits.sheets import read_lines
from outreach.accounts.users import find_user
from outreach.models.accounts import Area, AreaLevel, Organisation, OrganisationKind, Role
from outreach.models.contacts import Contact, Membership
from outreach.rules.errors import BadInput, NotAllowed
from tests.integration.campaigns.test_answer_totals import says
from tests.support.admin_client import post, shows, signed_in
from tests.support.errors import refuses
from tests.support.goals import aim
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, LIST

LEADER, NEIGHBOUR = "lanhdao@loa.example", "pn@loa.example"
BOUNDARIES = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"code": "608"},
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[[107, 14], [108, 14], [108, 15], [107, 14]]],
                },
            }
        ],
    }
)
DISTRICTS = {"608": "Kon Tum", "615": "Đắk Hà", "618": "Ia H'Drai"}


@pytest.fixture
def places(world):
    """Three districts, a second organisation with its own list: four people in Kon Tum, four in Đắk Hà."""
    world.add_areas(DISTRICTS, {"23281": "608", "23425": "615"})
    women = world.organisation()
    world.officer(LEADER, Role.LEADER)
    world.officer(NEIGHBOUR, Role.STAFF, women)
    world.add_people(8)
    world.live_in(["23281"] * 4 + ["23425"] * 4)
    people = world.all(select(Contact.id).order_by(Contact.id))
    their_list = world.add_list("Phụ nữ", owner=women)
    world.execute(update(Membership).where(Membership.contact_id.in_(people[4:])).values(list_id=their_list))
    return world


def launch(world, **changes):
    return world.launch(lists=[LIST, "Phụ nữ"], **{"goal": {"share": 0.5}, **changes})


def answer(world, campaign_id, *labels, at=None):
    """The first people say these, one each."""
    world.answers(campaign_id, dict(enumerate(labels)), at=at)


def test_a_leaders_home_says_which_places_lag_and_how_many_need_help(places, client):
    campaign_id = launch(places)
    places.send()
    places.press(campaign_id, "need_help", index=5)
    answer(places, campaign_id, Label.INSTALLED)
    signed_in(client, LEADER)
    page = client.get("/admin/").text
    assert "1 người cần giúp" in page
    [behind] = re.findall(r'<ol class="laggards">.*?</ol>', page, re.DOTALL)
    assert re.findall(r"<span>([^<]+)</span> <strong>(\d+)</strong>", behind) == [
        ("Huyện Đắk Hà", "2"),
        ("Huyện Kon Tum", "1"),
    ]
    assert re.search(r'href="/admin/urging/\?drive=1&amp;area=615">Đôn đốc', behind)
    signed_in(client, AUTHOR)
    assert "laggards" not in client.get("/admin/").text, "an officer's home begins with tasks"


def figures(world, campaign_id, email=APPROVER):
    user = world.read(find_user, email)
    drive = world.read(drive_of_campaign, campaign_id, user=user)
    read = world.read(read_progress, drive, user=user, runtime=world.runtime, now=datetime.now(UTC))
    assert read is not None
    return read


def test_installs_stand_against_those_who_could_install(places):
    campaign_id = launch(places)
    answer(places, campaign_id, Label.INSTALLED, Label.INSTALLED, Label.NO_SMARTPHONE)
    read = figures(places, campaign_id)
    head = read.head.line
    assert (head.counts.installed, head.denominator, read.head.basis) == (2, 7, ShareBasis.RECIPIENTS)
    districts = {line.code: line for line in read.districts.lines}
    assert (districts["608"].counts.installed, districts["608"].denominator) == (2, 3)
    assert districts["615"].share == 0
    assert districts["618"].share is None  # nobody was written to: not known, never nought
    assert [line.name for line in read.organisations.lines] == ["Ủy ban MTTQ", "Hội Phụ nữ"]
    assert [line.code for line in read.communes["608"].lines] == ["23281"]


def test_an_entered_figure_is_the_basis_for_those_who_see_the_whole(places, client):
    goal = {"share": 0.5, "denominator": 40, "date": "2020-08-01", "source": "Sở TT&TT"}
    campaign_id = launch(places, goal=goal)
    answer(places, campaign_id, Label.INSTALLED)
    assert figures(places, campaign_id).head.line.share == 1 / 40
    part = figures(places, campaign_id, NEIGHBOUR)
    assert (part.head.basis, part.total.recipients, part.is_whole) == (ShareBasis.RECIPIENTS, 4, False)
    signed_in(client, LEADER)
    page = shows(client.get("/admin/progress/"), "2,5%", "Sở TT&amp;TT", "1/8/2020", "Huyện Ia H&#39;Drai")
    assert "chưa rõ" in page, "where nobody was written to"


def test_each_chart_is_a_picture_to_take_along_and_a_bad_boundary_file_leaves_the_circles(places, tmp_path):
    campaign_id = launch(places)
    answer(places, campaign_id, Label.INSTALLED)
    file = tmp_path / "boundaries.json"
    settings = replace(places.runtime.settings, boundaries_file=str(file))
    with create_app(settings, runtime=replace(places.runtime, settings=settings)).test_client() as client:
        signed_in(client, LEADER)
        for content, is_map in (("{", False), (BOUNDARIES, True)):
            file.write_text(content, encoding="utf-8")
            page = client.get("/admin/progress/").text
            assert ('<path class="area ' in page) is is_map
            assert ('<circle class="area ' in page) is not is_map
            assert ("#place-608" if is_map else "#place-23281") in page
        for name in ("days", "places", "funnel"):
            taken = client.get(f"/admin/progress/picture/{name}.png?drive=1")
            assert taken.data.startswith(b"\x89PNG"), name
        assert client.get("/admin/progress/picture/other.png?drive=1").status_code == 404


@both_databases
def test_days_add_up_and_a_withdrawn_report_leaves_its_day(places):
    campaign_id = launch(places)
    noon = datetime.now(VIETNAM).replace(hour=12)
    answer(places, campaign_id, Label.INSTALLED, Label.INSTALLED, at=noon - timedelta(days=2))
    first = places.first(select(Recipient).order_by(Recipient.id))
    places.do(undo_answer, first, now=noon - timedelta(days=1))
    days = figures(places, campaign_id).head.days
    assert [count for _, count in days] == [2, 1, 1]
    assert days[-1][0] == datetime.now(VIETNAM).date()


@both_databases
def test_reach_counts_each_person_once_and_does_not_invent_deliveries(places, client):
    campaign_id = launch(places)
    places.send()
    read = figures(places, campaign_id)
    assert (read.reach.total.written, read.reach.total.arrived) == (8, 0)
    for lines in (read.districts.lines, [line for table in read.communes.values() for line in table.lines]):
        assert [(line.counts.sent, line.counts.delivered) for line in lines][:2] == [(4, None), (4, None)]
    assert [line.counts.sent for line in read.organisations.lines] == [4, 4]
    signed_in(client, LEADER)
    assert "Chưa có báo cáo đến máy nào" in client.get("/admin/progress/").text


def test_a_large_campaign_s_reach_is_as_of_the_moment_at_which_a_worker_counted_it(
    places, client, monkeypatch
):
    monkeypatch.setattr(reach, "is_small", lambda _campaign: False)
    campaign_id = launch(places)
    signed_in(client, LEADER)
    assert "đang đếm lần đầu" in client.get("/admin/progress/").text
    assert figures(places, campaign_id).districts.lines[0].counts.sent is None  # not known, never nought
    assert places.runtime.redis.exists("loa:pending:count_reach_job-1")  # who looks has it counted
    store_reach(places.runtime.db, campaign_id, now=datetime.now(UTC))
    assert "số đếm lúc" in client.get("/admin/progress/").text
    places.execute(update(Message).values(state=MessageState.DELIVERED))
    for email in (APPROVER, NEIGHBOUR):
        assert figures(places, campaign_id, email).reach.total.arrived == 0
    store_reach(places.runtime.db, campaign_id, now=datetime.now(UTC) + timedelta(minutes=1))
    for email, arrived in ((APPROVER, 8), (NEIGHBOUR, 4)):
        read = figures(places, campaign_id, email)
        assert read.reach.total.arrived == arrived
        assert sum(line.counts.delivered or 0 for line in read.organisations.lines) == arrived


def test_the_share_of_those_written_to_has_a_denominator_and_installs_of_its_own(places, client):
    campaign_id = launch(places)
    answer(places, campaign_id, Label.INSTALLED, Label.INSTALLED, Label.NO_SMARTPHONE, Label.INSTALLED)
    recipients = places.all(select(Recipient.id).order_by(Recipient.id))
    # The first three were written to; the fourth told an officer at the door.
    written = update(Message).where(Message.recipient_id.in_(recipients[:3]))
    places.execute(written.values(state=MessageState.SENT))
    read = figures(places, campaign_id)
    assert (read.head.line.counts.installed, read.head.line.denominator) == (3, 7)
    written = read.reach.total.share
    assert (written.installed, written.denominator) == (2, 2)
    signed_in(client, LEADER)
    page = client.get(f"/admin/progress/?campaign={campaign_id}").text
    assert "So với toàn danh sách nhận tin" in page
    assert "Riêng những người đã được gửi tin" in page
    assert "Mới gửi tới 3 trong 8 người nhận." in page


def test_the_page_of_a_large_drive_is_shared_by_leaders_who_see_the_same_and_by_nobody_else(
    places, client, monkeypatch
):
    monkeypatch.setattr(progress, "SMALL", 0)
    of_women, path = "lanhdao.pn@loa.example", f"/admin/progress/?campaign={launch(places)}"
    places.officer(of_women, Role.LEADER, places.organisation_id("PN"))
    places.officer("bithu@loa.example", Role.LEADER)

    def share(email):
        signed_in(client, email)
        return re.findall(r'"headline-share">([^<]+)<', client.get(path).text)[0]

    assert share(LEADER) == "0,0%"
    answer(places, 1, *[Label.INSTALLED] * 2)
    assert share("bithu@loa.example") == "0,0%"  # as read a moment ago
    assert share(AUTHOR) == "25,0%"  # who enters figures sees them at once
    answer(places, 1, *[Label.INSTALLED] * 6)
    assert share(of_women) == "50,0%"  # two of their own four
    assert "Huyện Kon Tum" not in client.get(path).text
    assert share(LEADER) == "0,0%"
    day, times = "2020-08-01", dict.fromkeys(("frozen_at", "prepared_at"), datetime.now(UTC))
    issue = {"drive_id": places.one(select(Drive.id)), "day": day, "written_on": day, "n": 0, "digest": ""}
    places.add(ReportIssue(**issue, snapshot={}, form={}, **times))
    assert share(LEADER) == "75,0%"  # what waits for leaders is there at once
    redis = places.runtime.redis
    for key in redis.scan_iter("loa:leaders:*"):
        if not key.endswith(b":fresh"):
            redis.set(key, json.dumps({"shown": "<h2>Nhập mật khẩu</h2>"}))
    assert share(LEADER) == "75,0%"  # what others put there is not shown


def test_what_is_beyond_ones_scope_is_not_there(places, client):
    own = places.launch(lists=[LIST])
    both = launch(places)
    signed_in(client, NEIGHBOUR)
    assert client.get(f"/admin/progress/?campaign={own}").status_code == 404
    page = client.get(f"/admin/progress/?campaign={both}").text
    assert "Hội Phụ nữ" in page
    assert "Huyện Kon Tum" not in page
    assert "Ủy ban MTTQ</th>" not in page


def test_before_the_first_campaign_the_page_says_what_will_come(world, author):
    assert "Chưa có chiến dịch nào được gửi" in author.get("/admin/progress/").text


def test_the_page_says_what_is_needed_a_day_and_when_the_goal_will_be_reached(places, client):
    today = datetime.now(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    campaign_id = launch(places, deadline=(today + timedelta(days=1, hours=23)).isoformat())
    signed_in(client, LEADER)
    page = client.get("/admin/progress/").text
    assert "Cần thêm 2 người mỗi ngày" in page  # four of eight, today and tomorrow
    assert "Chưa đủ số ngày để dự báo." in page
    places.change(Campaign, campaign_id, launched_at=today - timedelta(days=8))
    for n in (6, 3):
        answer(places, campaign_id, *[Label.INSTALLED] * (3 - n // 3), at=today - timedelta(days=n))
    page = shows(
        client.get("/admin/progress/"), "Cần thêm 1 người mỗi ngày", "8 ngày gần nhất", "Dự báo đến hạn"
    )
    one_verdict = ("Dự kiến đạt mục tiêu khoảng ngày", "Đến hạn, dự kiến còn thiếu khoảng")
    assert sum(each in page for each in one_verdict) == 1
    ended = {"state": CampaignState.COMPLETED, "ended_at": today - timedelta(days=1)}
    places.change(Campaign, campaign_id, **ended)
    assert "Dự báo đến hạn" in client.get("/admin/progress/").text, (
        "the last message has left, not the last answer"
    )
    answer(places, campaign_id, *[Label.INSTALLED] * 4)
    assert "mỗi ngày" not in client.get("/admin/progress/").text  # it is reached


def set_goal_of_the_province(world):
    """Half of the residents and all of the staff, of whom nobody knows how many there are."""
    drive, deadline = world.drive(), (datetime.now(VIETNAM) + timedelta(days=3)).date().isoformat()
    aim(world, "50", drive=drive, deadline=deadline)
    aim(world, "100", drive=drive, scope="staff", place="", deadline=deadline)


def test_of_how_many_is_not_known_until_somebody_enters_it(places, client):
    campaign_id = launch(places)
    answer(places, campaign_id, Label.INSTALLED)
    set_goal_of_the_province(places)
    head = figures(places, campaign_id).head
    assert (head.line.share, head.line.missing, head.outlook) == (None, None, Outlook.UNKNOWN)
    signed_in(client, LEADER)
    page = client.get("/admin/progress/").text
    assert "Chưa nhập số người thuộc diện vận động trên địa bàn" in page
    assert "Chưa rõ có bao nhiêu người thuộc diện vận động" in page  # among what needs a decision


def hand_in(world, agency, installed, day):
    """An agency of 40, of whom 30 could, hands in its figures of a day."""
    counts, user = StaffCounts(40, 30, installed), world.user(APPROVER)
    submit_by_officer(world.runtime, agency, counts, day=day, note="", user=user, now=datetime.now(UTC))


def test_agencies_stand_with_their_gap_their_change_and_who_is_missing(places, client):
    launch(places)
    set_goal_of_the_province(places)
    today = datetime.now(VIETNAM).date()
    for code in ("STTTT", "SYT"):
        made = places.organisation(code, f"Sở {code}", kind=OrganisationKind.AGENCY)
    for days_ago, installed in ((1, 20), (0, 25)):
        hand_in(places, made, installed, today - timedelta(days=days_ago))
    signed_in(client, LEADER)
    page = client.get("/admin/progress/").text
    table = page.split('id="agencies"')[1].split("</section>")[0]
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", table.split("<tbody>")[1], re.DOTALL)
    words = [re.sub(r"<[^>]+>|\s+", " ", cell).strip() for cell in cells]
    assert words[:7] == ["Sở SYT", "đã gửi", "83,3%", "5", "+5", "25", "30"]
    assert words[9].startswith("chưa gửi")
    assert [words[8], *words[10:]] == ["Sở STTTT", *["–"] * 6]
    assert "1 cơ quan chưa gửi số liệu hôm nay" in page


def test_an_agency_that_has_not_handed_in_today_has_no_change_since_yesterday(places):
    campaign_id = launch(places)
    agency = places.organisation("SYT", "Sở Y tế", kind=OrganisationKind.AGENCY)
    hand_in(places, agency, 20, datetime.now(VIETNAM).date() - timedelta(days=1))
    staff = figures(places, campaign_id).agencies
    assert ([line.today for line in staff.lines], staff.today) == ([None], None)


def test_a_reminder_to_come_is_no_message_of_its_day_before_it_has_left(places):
    campaign_id = launch(places, step=[{"after_days": 1, "text": "Nhac lai: {link}"}])
    places.send()
    launched = datetime.now(UTC) - timedelta(days=1)
    for sent_after_s, days in ((0, 0), (86_400, 1)):  # the last message left at once, or with a second wave
        places.change(Campaign, campaign_id, launched_at=launched, sent_after_s=sent_after_s)
        today = datetime.now(VIETNAM).date()
        waves = {(each.day, each.people, each.has_left) for each in figures(places, campaign_id).waves}
        assert waves == {(today, 8, True), (today + timedelta(days=days), 8, False)}


def test_who_has_no_number_and_answered_at_the_door_is_named_apart(places, client):
    person = places.add_person("Y Blốc")
    places.change(Contact, person, area_code="23281", village="Thôn 3")
    campaign_id = launch(places)
    places.send()
    sheet = places.make_sheet(campaign_id, list_id=None, area_code="23281")
    [line] = [
        line for line in places.read(read_lines, sheet, user=places.user(AUTHOR)) if line.contact_id == person
    ]
    places.do(enter_results, sheet, {line.n: VisitOutcome.INSTALLED}, now=datetime.now(UTC))
    total = figures(places, campaign_id).total
    assert (total.recipients, total.at_the_door, total.installed) == (9, 1, 1)
    page = signed_in(client, LEADER).get(f"/admin/progress/?campaign={campaign_id}").text
    assert "Kể cả 1 người không có số điện thoại, đã trả lời tại nhà." in page
    assert "trong 9 người nhận" not in page
    # The report's shares and its campaigns' lines have one base, which says who is in it.
    form, now = places.read(current_template, 1), datetime.now(UTC)
    at = {"day": now.astimezone(VIETNAM).date() + timedelta(days=1), "known_until": now}
    snapshot = places.read(take_snapshot, form, drive=1, **at)
    assert [each.recipients for each in (snapshot.whole.reported, *snapshot.campaigns)] == [9, 9]
    tables = [each for each in compose(snapshot, form).blocks if isinstance(each, Table)]
    heads = {column.title for table in tables for column in table.columns}
    assert {"Trên số được vận động", "Được vận động"} <= heads


@pytest.fixture
def campaign(places):
    """Eight recipients in two organisations, all written to; the first one's message arrived and they installed."""
    campaign_id = launch(places)
    places.send()
    first = places.first(select(Recipient.id).order_by(Recipient.id))
    arrived = update(Message).where(Message.recipient_id == first)
    places.execute(arrived.values(state=MessageState.DELIVERED))
    places.change(Organisation, places.organisation_id("PN"), name="=Hội Phụ nữ")
    says(places, first, Label.INSTALLED)
    return campaign_id


@both_databases
def test_the_page_tells_each_step_organisation_and_place_to_those_who_may_see_them(campaign, client):
    path = f"/admin/campaigns/{campaign}/reach/"
    signed_in(client, LEADER)
    page = client.get(path).text
    shows(page, "Tin đầu", "Đã đến máy", "Tự khai báo đã cài", "Đếm lúc", "Huyện Kon Tum", "=Hội Phụ nữ")
    assert "Theo nhà mạng và nhà cung cấp" in page
    assert "MobiFone" in page.split("Theo nhà mạng")[1]
    assert "Xã 23281" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL), "but on the map"
    assert "Xã 23281" in client.get(f"{path}?district=608&step=1").text
    signed_in(client, NEIGHBOUR)
    page = client.get(path).text
    assert "Theo nhà mạng" not in page
    assert "Ủy ban MTTQ" not in page.split("Theo tổ chức")[1]
    assert '<td class="num">4</td><td class="num">100,0%</td>' in page, "of their own"


@both_databases
def test_each_number_leads_to_its_people_where_the_reader_may_see_them(places, campaign, client):
    of_step = (Message.campaign_id == campaign, Message.step_id.is_not(None))
    _first, failed, repeated, *_rest = places.all(select(Message).where(*of_step).order_by(Message.id))
    places.change(Message, failed.id, state=MessageState.UNDELIVERED)
    places.change(Message, repeated.id, state=MessageState.SKIPPED, skip_reason=SkipReason.REPEATED)
    tried = {"message_id": failed.id, "phone_id": failed.phone_id, "stream_id": campaign, "worker": ""}
    tried |= {"state": AttemptState.UNDELIVERED, "body": "", "segments": 1, "claimed_at": places.now}
    places.add(
        *(Attempt(n=n, cause=cause, **tried) for n, cause in ((2, "unknown_number"), (3, "unreachable")))
    )
    left_out = places.first(select(Recipient.id).order_by(Recipient.id.desc()))
    places.change(Recipient, left_out, exclusion=Exclusion.NO_PHONE)
    path = f"/admin/campaigns/{campaign}/reach/"
    signed_in(client, AUTHOR)
    links = dict(
        re.findall(r'<a href="(/admin/people/[^"]+)">(\d+)</a>', client.get(path).text.replace("&amp;", "&"))
    )
    counts = {
        href.partition("?")[2].partition("&")[2]: (int(n), int(found[1]) if found else 0)
        for href, n in links.items()
        for found in [re.search(r'role="status">(\d+) người', client.get(href).text)]
    }
    assert counts["result=delivered"] == (1, 1)
    assert {"result=excluded.no_phone", "result=failed", "result=skipped.cap&step=1", "answer=installed"} <= {
        *counts
    }
    assert {key for key, (told, found) in counts.items() if told != found} == set()
    causes = {key for key in counts if key.startswith("result=causes")}
    assert causes == {"result=causes.unreachable&step=1", "result=causes.unreachable"}
    of_first_try = client.get(f"/admin/people/?campaign={campaign}&result=causes.unknown_number").text
    assert "Không tìm thấy ai" in of_first_try, "it is counted by its last try"
    assert (
        "Bỏ qua khi đến lượt"
        in client.get(f"/admin/people/?campaign={campaign}&result=skipped.cap&step=1").text
    )
    signed_in(client, LEADER)
    assert "/admin/people/" not in client.get(path).text
    signed_in(client, NEIGHBOUR)
    assert "/admin/people/?campaign" not in client.get(path).text


def test_the_files_hold_the_same_by_step_organisation_and_place_and_are_on_record(places, campaign, client):
    path = f"/admin/campaigns/{campaign}/reach/file"
    signed_in(client, AUTHOR)
    head, *lines = csv.reader(io.StringIO(post(client, path, form="csv").data.decode("utf-8-sig")))
    assert head[:5] == ["Bước", "Tổ chức", "Huyện", "Xã, phường, thị trấn", "Mã địa bàn"]
    delivered = head.index("Tin: Nhà mạng báo đã đến máy")
    assert sum(int(line[delivered] or 0) for line in lines) == 1
    assert sum(int(line[head.index("Người nhận")] or 0) for line in lines) == 8
    assert {line[1] for line in lines} == {"Ủy ban MTTQ", "'=Hội Phụ nữ"}  # no spreadsheet runs it
    book = CalamineWorkbook.from_filelike(io.BytesIO(post(client, path, form="xlsx").data))
    sheet = book.get_sheet_by_index(0).to_python()
    assert sheet[0] == head
    assert sum(row[delivered] or 0 for row in sheet[1:]) == 1  # a number, not a text
    assert post(client, path, form="pdf").status_code == 404
    signed_in(client, NEIGHBOUR)
    theirs = post(client, path, form="csv").data.decode("utf-8-sig")
    assert "Ủy ban MTTQ" not in theirs
    told = places.audited("reach.export")
    assert [event.subject for event in told] == [f"campaigns:{campaign}"] * 3


def test_the_page_of_a_campaign_is_there_after_somebody_was_erased(campaign, places, client):
    """A number that was among the first hundred of an installation and erased was of no operator, and the page a fault."""
    erased = places.first(select(Recipient.contact_id).order_by(Recipient.id))
    places.erase(erased)
    page = signed_in(client, AUTHOR).get(f"/admin/campaigns/{campaign}/reach/")
    assert page.status_code == 200
    carried = re.findall(r'<th scope="row">(MobiFone|nhà mạng khác)</th>\s*<td[^>]*>(\d+)', page.text)
    assert carried == [("MobiFone", "7"), ("nhà mạng khác", "1")]


@both_databases
def test_after_a_merge_every_page_and_the_report_tell_what_reach_tells(campaign, places, author):
    """The list of campaigns, the panel and the report went on counting both; the campaign's page did so until a restart."""
    page = f"/admin/campaigns/{campaign}/"
    assert "8 người" in author.get(page).text
    _first, second, third, fourth, *_others = places.all(select(Recipient).order_by(Recipient.id))
    # What the gateway took and could not send did not leave.
    of = Attempt.phone_id.in_((third.phone_id, fourth.phone_id))
    places.report(AttemptState.FAILED, of, now=places.now, cause="other")
    places.do(merge_people, second.contact_id, third.contact_id)
    assert places.status(campaign)["recipients"] == 7
    row = places.get_one(Campaign, campaign)
    written = places.read(read_reach, row, seen=None).total.written
    places.runtime.redis.delete(
        *places.runtime.redis.keys("loa:panel:*")
    )  # counted for the page, not a second ago
    panel = places.read(read_sending_panel, row, places.now, runtime=places.runtime)
    assert (panel.total, panel.states[MessageState.FAILED], panel.causes) == (7, 1, (("other", 1),))
    assert re.search(r'data-label="Người nhận">7<', author.get("/admin/campaigns/").text)
    assert "7 người" in author.get(page).text
    form, now = places.read(current_template, 1), datetime.now(UTC)
    at = {"day": now.astimezone(VIETNAM).date() + timedelta(days=1), "known_until": now}
    [line] = places.read(take_snapshot, form, drive=1, **at).campaigns
    assert (line.recipients, line.sent) == (7, written) == (7, 6)


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
    assert places.count(OfficialInstalls) == 0


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


DENOMINATORS = "scope,place,value,as_of,source\n"


def token(page):
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    return found[1]


def test_a_goal_and_its_people_are_set_on_the_page_and_what_was_typed_wrong_is_kept(places, author):
    page = author.get("/admin/goals/").text
    assert "Chưa đặt mục tiêu nào" in page
    goal = {
        "subject": "residents:62",
        "share": "50",
        "deadline": "2020-08-20",
        "basis": "Công văn của UBND tỉnh",
        "csrf_token": token(page),
    }
    refused = author.post("/admin/goals/set", data={**goal, "share": "nửa"})
    assert refused.status_code == 422
    assert "số phần trăm trên 0" in refused.text
    assert 'value="nửa"' in refused.text
    assert 'value="Công văn của UBND tỉnh"' in refused.text
    assert author.post("/admin/goals/set", data=goal).status_code == 303
    assert "chưa rõ" in author.get("/admin/goals/").text  # of how many people nobody knows yet
    people = {
        "subject": "residents:62",
        "value": "120.001",
        "as_of": "2020-08-01",
        "source": "Sở TT&TT",
        "csrf_token": goal["csrf_token"],
    }
    assert author.post("/admin/goals/denominator", data=people).status_code == 303
    page = author.get("/admin/goals/?subject=residents:62").text
    shows(page, "50,0%", "hết ngày 20/8/2020", "120.001", "ngày 1/8/2020, nguồn: Sở TT&amp;TT", "60.001")
    assert author.get(f"/admin/goals/?drive={places.drive('tiem-chung')}").text.count("120.001") == 0


def test_others_read_the_goals_and_set_none(places, client):
    for email in (LEADER, NEIGHBOUR):
        signed_in(client, email)
        page = client.get("/admin/goals/")
        shows(page, but='id="share"', status=200)
    form = {"subject": "staff:", "share": "100", "csrf_token": token(page.text)}
    shows(client.post("/admin/goals/set", data=form), "Chỉ cán bộ cấp tỉnh", status=422)
    assert places.read(read_goals, at=places.now).goals == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_of_denominators_is_taken_whole_or_not_at_all(places):
    drive = places.drive()

    def bring(lines):
        return places.do(
            import_denominators,
            (DENOMINATORS + lines).encode(),
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
