"""Where the goal stands: against which figure, by place, organisation and day, within a user's scope."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from admin.app import create_app
from campaigns.agencies.reports import submit_by_officer
from campaigns.analytics import progress, reach
from campaigns.analytics.progress import drive_of_campaign, read_progress
from campaigns.analytics.reach_counts import store_reach
from campaigns.goals.goals import enter_denominator, find_subject, set_goal
from campaigns.models.campaigns import Campaign, Drive, Recipient
from campaigns.models.messages import Message
from campaigns.models.reports import ReportIssue
from campaigns.replies.record_answer import undo_answer
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.progress import Outlook, ShareBasis
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.compose import compose
from campaigns.rules.reports.document import Table
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignState, MessageState
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.results import enter_results
from campaigns.visits.sheets import read_lines
from outreach.accounts.users import find_user
from outreach.imports.store_rows import find_or_create_list
from outreach.models.accounts import OrganisationKind, Role
from outreach.models.contacts import Contact, Membership
from tests.support.admin_client import signed_in
from tests.support.servers import both_databases
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
    with world.runtime.db.write() as session:
        their_list = find_or_create_list(session, organisation_id=women, name="Phụ nữ", now=world.now).id
        people = session.scalars(select(Contact.id).order_by(Contact.id)).all()
        session.execute(update(Contact).where(Contact.id.in_(people[:4])).values(area_code="23281"))
        session.execute(update(Contact).where(Contact.id.in_(people[4:])).values(area_code="23425"))
        session.execute(
            update(Membership).where(Membership.contact_id.in_(people[4:])).values(list_id=their_list)
        )
    return world


def launch(world, **changes):
    return world.launch(lists=[LIST, "Phụ nữ"], **{"goal": {"share": 0.5}, **changes})


def answer(world, campaign_id, *labels, at=None):
    """The first people say these, one each."""
    world.answers(campaign_id, dict(enumerate(labels)), at=at)


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
    page = client.get("/admin/progress/").text
    assert "2,5%" in page
    assert "Sở TT&amp;TT" in page
    assert "1/8/2020" in page
    assert "Huyện Ia H&#39;Drai" in page
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
    with places.runtime.db.write() as session:
        first = session.scalars(select(Recipient).order_by(Recipient.id)).first()
        assert first
        undo_answer(session, first, now=noon - timedelta(days=1))
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
    with places.runtime.db.write() as session:
        recipients = session.scalars(select(Recipient.id).order_by(Recipient.id)).all()
        # The first three were written to; the fourth told an officer at the door.
        session.execute(
            update(Message).where(Message.recipient_id.in_(recipients[:3])).values(state=MessageState.SENT)
        )
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
    with places.runtime.db.write() as session:
        women = find_user(session, NEIGHBOUR).organisation_id
        places.add_officer(session, of_women, Role.LEADER, women)
        places.add_officer(session, "bithu@loa.example", Role.LEADER)

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
    with places.runtime.db.write() as session:
        day, drive = "2020-08-01", session.scalars(select(Drive.id)).one()
        issue = ReportIssue(drive_id=drive, day=day, n=0, snapshot={}, digest="", form={}, written_on=day)
        issue.frozen_at = issue.prepared_at = datetime.now(UTC)
        session.add(issue)
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


def test_before_the_first_campaign_the_page_says_what_will_come(world, client):
    signed_in(client, AUTHOR)
    assert "Chưa có chiến dịch nào được gửi" in client.get("/admin/progress/").text


def test_the_page_says_what_is_needed_a_day_and_when_the_goal_will_be_reached(places, client):
    today = datetime.now(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    campaign_id = launch(places, deadline=(today + timedelta(days=1, hours=23)).isoformat())
    signed_in(client, LEADER)
    page = client.get("/admin/progress/").text
    assert "Cần thêm 2 người mỗi ngày" in page  # four of eight, today and tomorrow
    assert "Chưa đủ số ngày để dự báo." in page
    with places.runtime.db.write() as session:
        session.get_one(Campaign, campaign_id).launched_at = today - timedelta(days=8)
    for n in (6, 3):
        answer(places, campaign_id, *[Label.INSTALLED] * (3 - n // 3), at=today - timedelta(days=n))
    page = client.get("/admin/progress/").text
    assert "Cần thêm 1 người mỗi ngày" in page
    assert "8 ngày gần nhất" in page
    assert "Dự báo đến hạn" in page
    one_verdict = ("Dự kiến đạt mục tiêu khoảng ngày", "Đến hạn, dự kiến còn thiếu khoảng")
    assert sum(each in page for each in one_verdict) == 1
    with places.runtime.db.write() as session:
        campaign = session.get_one(Campaign, campaign_id)
        campaign.state, campaign.ended_at = CampaignState.COMPLETED, today - timedelta(days=1)
    assert "Dự báo đến hạn" in client.get("/admin/progress/").text, (
        "the last message has left, not the last answer"
    )
    answer(places, campaign_id, *[Label.INSTALLED] * 4)
    assert "mỗi ngày" not in client.get("/admin/progress/").text  # it is reached


def set_goal_of_the_province(world, *, people):
    """Half of the residents, and how many there are by area."""
    drive = world.drive()
    with world.runtime.db.write() as session:
        user = find_user(session, AUTHOR)
        for scope, place, share in (("residents", "62", "50"), ("staff", "", "100")):
            subject = find_subject(session, drive=drive, scope=scope, place=place)
            deadline = (datetime.now(VIETNAM) + timedelta(days=3)).date().isoformat()
            set_goal(
                session, subject, share=share, deadline=deadline, basis="", user=user, now=datetime.now(UTC)
            )
        for code, value in people.items():
            subject = find_subject(session, drive=drive, scope="residents", place=code)
            enter_denominator(
                session,
                subject,
                value=value,
                as_of="2020-08-01",
                source="Sở TT&TT",
                user=user,
                now=datetime.now(UTC),
            )


def test_of_how_many_is_not_known_until_somebody_enters_it(places, client):
    campaign_id = launch(places)
    answer(places, campaign_id, Label.INSTALLED)
    set_goal_of_the_province(places, people={})
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
    set_goal_of_the_province(places, people={})
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
