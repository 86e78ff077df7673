"""The first page: what each role finds there, and the switch that stops all sending."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns.analytics.open_tasks import count_incidents, read_first_steps
from campaigns.delivery.record_outcomes import add_incident
from campaigns.lifecycle import is_stopped, pause_automatically
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Message
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.accounts import audit
from outreach.models.accounts import Role
from outreach.rules.errors import LoaError
from tests.support.admin_client import post, shows, signed_in
from tests.support.servers import on_sqlite
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, number

database_url = on_sqlite

LEADER = "lanhdao@loa.example"


@pytest.fixture
def leader(world):
    world.officer(LEADER, Role.LEADER)
    return LEADER


def home(client):
    return client.get("/admin/").text


def test_a_new_installation_leads_to_the_first_steps(world, client, leader):
    signed_in(client, AUTHOR)
    assert "Nhập danh sách người nhận" in home(client)
    signed_in(client, leader)
    assert "Chưa có chiến dịch nào" in home(client)
    assert "Nhập danh sách" not in home(client)


def test_the_questions_of_an_own_kind_are_one_press_away_for_who_may_make_one(world, client):
    association = world.organisation()
    world.add_people(2)
    world.draft()
    officer = world.officer("phunu@loa.example", Role.STAFF, association)
    world.change(Campaign, world.draft(), organisation_id=association)
    for who, may_make in ((AUTHOR, True), (officer, False)):
        signed_in(client, who)
        page = home(client)
        assert 'href="/admin/campaigns/new">Soạn chiến dịch' in page
        assert ('href="/admin/kinds/new">Tạo loại mới' in page) is may_make


def test_the_approver_finds_what_waits_for_them_and_the_author_that_it_waits(world, client):
    world.add_people(2)
    waiting = world.draft(name="Đợt một")
    world.act(waiting, CampaignAction.SUBMIT)
    signed_in(client, APPROVER)
    card = home(client).partition("1 chiến dịch chờ duyệt")[2].partition("</article>")[0]
    shows(card, "Đợt một", 'class="bubble"', "<dd>2</dd><dt>người nhận", "đồng", "Đọc và duyệt")
    assert "Chờ duyệt</p>" not in home(client), "one campaign waits once"
    decision, fold, rest = home(client).partition('<details class="rest">')
    folded, _, below = rest.rpartition("</details>")
    assert fold
    assert "Đọc và duyệt" in decision
    assert "Chiến dịch hôm nay" in folded
    assert "Dừng toàn bộ việc nhắn tin" in below, "the emergency stop is never folded"
    signed_in(client, AUTHOR)
    assert "<strong>1</strong> Chờ duyệt</p>" in home(client)
    assert "Đọc và duyệt" not in home(client)
    signed_in(client, APPROVER)
    post(client, f"/admin/campaigns/{waiting}/approve")
    assert '<details class="rest">' not in home(client), "nothing waits for a decision"
    decided = home(client).partition("Đã quyết định trong 7 ngày qua")[2]
    assert re.search(r"Đã duyệt</span> <a[^>]*>Đợt một", decided)


def test_the_author_finds_what_was_returned_and_what_may_be_sent(world, client):
    returned, approved = world.draft(name="Đợt một"), world.draft(name="Đợt hai")
    for campaign_id in (returned, approved):
        world.act(campaign_id, CampaignAction.SUBMIT)
    signed_in(client, APPROVER)
    post(client, f"/admin/campaigns/{returned}/return", reason="Thiếu tên cơ quan.")
    post(client, f"/admin/campaigns/{approved}/approve")
    signed_in(client, AUTHOR)
    page = home(client)
    assert re.search(
        r"<strong>1</strong> Đã duyệt</p>\s*<ul><li><a[^>]*>Đợt hai</a><p[^>]*>Mở ra và bấm gửi", page
    )
    assert re.search(
        r"<strong>1</strong> Trả lại</p>\s*<ul><li><a[^>]*>Đợt một</a><p[^>]*>Người duyệt trả lại", page
    )
    badge = r">Đợt một</a></th>\s*<td[^>]*><span class=\"tag bad\" data-campaign-state>Bị trả lại<"
    assert re.search(badge, client.get("/admin/campaigns/").text)
    world.act(returned, CampaignAction.SUBMIT)
    assert "Bị trả lại" not in client.get("/admin/campaigns/").text


def test_the_training_phones_are_one_press_away_on_this_machine_only(world, author):
    link = f'href="{world.runtime.settings.api_base_url}"'
    assert link in home(author)
    assert link not in author.get("/admin/", headers={"Host": "loa.example"}).text


def test_tasks_stand_above_what_is_over_and_below_what_is_sending(world, client):
    def order():
        return re.findall(r'aria-labelledby="(tasks|running)"', client.get("/admin/").text)

    campaign_id = world.launch(people=3)
    signed_in(client, AUTHOR)
    assert order() == ["running", "tasks"]
    world.change(Campaign, campaign_id, state=CampaignState.COMPLETED)
    assert order() == ["tasks", "running"]


def test_what_was_cancelled_is_no_goal_any_more(world, client, leader):
    campaign_id = world.launch(people=2, window=["00:00", "24:00"], goal={"share": 0.5})
    world.act(campaign_id, CampaignAction.CANCEL)
    signed_in(client, leader)
    assert "mục tiêu 50,0%" not in home(client)
    assert "mục tiêu 50,0%" not in client.get("/admin/progress/").text


def test_what_needs_a_person_is_there_with_its_reason(world, client):
    campaign_id = world.sent(people=3, window=["00:00", "24:00"])
    world.reply(number(0), "4", gateway_id="SM1")
    world.reply(number(1), "cài ở đâu vậy", gateway_id="SM2")
    world.press(campaign_id, "need_help", index=2)
    world.do(pause_automatically, campaign_id, reason=LoaError("gateway_refuses", code="20003"))
    signed_in(client, AUTHOR)
    assert "kêu cứu" not in home(client)
    world.reply(number(0), "nước lên tới ngực rồi, cứu với", gateway_id="SM3")
    page = home(client)
    assert page.index("1 tin kêu cứu chưa xử lý xong") < page.index("cứu với") < page.index("Cần giúp")
    assert re.search(r'action="/admin/inbox/\d+/number".*?<button class="primary alarm">Gọi', page)
    signed_in(client, world.officer(LEADER, Role.LEADER))
    seen = home(client)
    assert seen.index("1 tin kêu cứu chưa xử lý xong") < seen.index("1 tin chưa ai nhận; chờ lâu nhất")
    assert "cứu với" not in home(client), "what somebody wrote is for those who answer it"
    signed_in(client, AUTHOR)
    for text in (
        "<strong>2</strong> Cần giúp",
        "Câu hỏi: 1",
        "Cổng tin nhắn từ chối tài khoản hoặc tên người gửi (mã 20003).",
    ):
        assert text in page
    assert page.index("<strong>2</strong> Cần giúp") < page.index("(mã 20003)"), "people before papers"
    waiting = {kind: client.get(f"/admin/inbox/?kind={kind}").text for kind in ("help", "question")}
    for kind, count in (("help", 2), ("question", 1)):
        assert f'href="/admin/inbox/?kind={kind}"' in page
        assert waiting[kind].count('id="case-') == count, "what is counted is what is shown"
    assert "Câu trả lời chờ xem (3)" in client.get(f"/admin/campaigns/{campaign_id}/").text


def test_a_leader_sees_figures_only(world, client, leader):
    campaign_id = world.launch(people=2, window=["00:00", "24:00"], goal={"share": 0.5})
    world.act(world.draft(name="Nháp của cán bộ"), CampaignAction.SUBMIT)
    signed_in(client, leader)
    page = home(client)
    assert "mục tiêu 50,0%" in page
    assert "<dd>0</dd><dt>trong 2 tin đã xong" in page
    shows(page, but=("Việc cần làm", "Nháp của cán bộ", "Dừng khẩn cấp", "/admin/campaigns/"))
    assert "trong 2 tin đã xong" in client.get("/admin/running").text
    world.act(campaign_id, CampaignAction.PAUSE)
    paused = client.get("/admin/running").text
    assert "đã tạm dừng" in paused
    assert "Gửi tiếp" not in paused, "a leader has no such button"


def test_a_drives_goal_says_nothing_of_another_drives_campaign(world, client, leader):
    world.launch(people=3, window=["00:00", "24:00"], goal={"share": 0.5})
    world.launch(window=["00:00", "24:00"], kind="khao-sat", name="Khảo sát")
    signed_in(client, leader)
    goals = home(client).partition('id="goals"')[2].partition("</section>")[0]
    assert "mục tiêu 50,0%" in goals
    assert "tin" not in re.findall(r"trong \d+ (\w+)", goals), "how far sending is stands with the campaign"


def test_an_officer_reads_the_share_in_one_line_below_the_tasks(world, author):
    world.launch(people=2, window=["00:00", "24:00"], goal={"share": 0.5})
    page = home(author)
    assert "mục tiêu 50,0%" in page.partition('<details class="rest" open>')[2], "nothing else to be done"
    world.draft(name="Nháp")
    tasks, _, goals = home(author).partition('<details class="rest"><summary><h2 id="goals">')
    assert "Nháp" in tasks
    assert ": 0,0%</span></summary>" in goals


def test_the_days_left_are_those_that_the_need_a_day_is_counted_by(world, client, leader):
    world.add_people(320)
    deadline = world.now.astimezone(VIETNAM).date() + timedelta(days=31)
    world.launch(goal={"share": 0.5}, deadline=f"{deadline.isoformat()}T23:00")
    signed_in(client, leader)
    page = client.get("/admin/progress/").text
    assert "Còn thiếu 160 người</strong>, còn 32 ngày, kể cả hôm nay" in page
    headline = page.partition('class="headline"')[2].partition("</section>")[0]
    assert re.search(r"Số liệu lúc \d\d:\d\d", headline), "what is of another hour than the report's says so"
    assert re.search(r"Số cần đạt mỗi ngày</dt><dd><strong>5</strong>", page), "160 in 32 days"


def test_the_first_steps_are_gone_once_the_first_campaign_is_over(world, author):
    campaign_id = world.launch(people=1, window=["00:00", "24:00"])
    assert "trên 8 bước" in home(author)
    world.change(Campaign, campaign_id, state=CampaignState.COMPLETED, ended_at=world.now)
    assert "trên 8 bước" not in home(author)


def test_the_switch_stops_every_campaign_until_it_is_released(world, approver):
    world.launch(people=2, window=["00:00", "24:00"])
    assert post(approver, "/admin/stop").status_code == 303
    world.send()
    assert world.sent_to() == []
    page = home(approver)
    assert "Cho phép nhắn tin trở lại" in page
    assert "đã dừng toàn bộ việc nhắn tin lúc" in page
    assert post(approver, "/admin/release").status_code == 303
    world.send()
    assert len(world.sent_to()) == 2


def test_who_did_not_stop_all_sending_lets_it_go_on_only_when_they_see_everything(world, client):
    small = ("pn@loa.example", "xa@loa.example")
    below = world.organisation()
    for email in small:
        world.officer(email, Role.APPROVER, below)

    def release(email):
        page = post(signed_in(client, email), "/admin/release").text
        return client.get("/admin/").text + page

    for stopper, refused, allowed in ((APPROVER, small[0], APPROVER), (small[0], small[1], small[0])):
        post(signed_in(client, stopper), "/admin/stop")
        assert 'action="/admin/release"' not in signed_in(client, refused).get("/admin/").text
        assert "người phụ trách toàn bộ hệ thống mới mở lại được việc gửi tin" in release(refused)
        assert world.read(is_stopped)
        release(allowed)
        assert not world.read(is_stopped)
    post(signed_in(client, small[0]), "/admin/stop")
    release(APPROVER)
    assert not world.read(is_stopped)


def test_an_incident_stays_until_someone_has_looked_and_is_kept(world, approver):
    world.do(add_incident, kind="sent_twice", subject="messages:7", gateway_ids=["a", "b"])
    assert "1 sự cố cần xem" in home(approver)
    assert post(approver, "/admin/incidents/1/seen").status_code == 303
    assert "sự cố cần xem" not in home(approver)
    assert "Nhà cung cấp tin nhắn nhận một tin hai lần" in approver.get("/admin/incidents/").text


def test_an_incident_is_seen_within_its_campaigns_scope_only(world, client):
    world.sent(people=1, window=["00:00", "24:00"])
    world.officer("pn@loa.example", Role.APPROVER, world.organisation())
    message, attempt = world.one(select(Message)), world.one(select(Attempt))
    world.do(add_incident, kind="sent_twice", subject=f"messages:{message.id}")
    world.do(add_incident, kind="second_gateway_id", subject=f"attempts:{attempt.id}")
    theirs, ours = (world.user(email) for email in ("pn@loa.example", APPROVER))
    assert [world.read(count_incidents, each) for each in (theirs, ours)] == [0, 2]
    world.execute(update(Campaign).values(organisation_id=theirs.organisation_id))
    assert world.read(count_incidents, theirs) == 2
    world.execute(update(Campaign).values(organisation_id=ours.organisation_id))
    signed_in(client, "pn@loa.example")
    assert "Chưa có sự cố nào" in client.get("/admin/incidents/").text
    assert post(client, "/admin/incidents/1/seen").status_code == 404


@cases(("checks", "checks"), ("security", "security"), ("imports", "lists"))
def test_one_item_of_the_menu_is_marked(world, client, page, marked):
    signed_in(client, world.officer("quantri@loa.example", Role.ADMINISTRATOR))
    shown = client.get(f"/admin/{page}/").text
    assert re.findall(r'href="/admin/(\w+)/" class="active"', shown) == [marked]


def test_the_bare_address_leads_officers_to_the_login(world, client):
    shows(client.get("/"), 'href="/login"', "liên kết trong tin", status=200)
    signed_in(client, AUTHOR)
    assert client.get("/").location == "/admin/"


def test_the_steps_of_a_first_campaign_are_done_when_really_done(world, client):
    def steps():
        world.runtime.redis.delete(f"loa:first-steps:{world.user(AUTHOR).id}:fresh")
        found = re.search(r"(\d) trên 8 bước", home(client))
        return found[1] if found else ""

    author = world.user(AUTHOR).id
    signed_in(client, AUTHOR)
    assert steps() == "0"
    campaign_id = world.draft()
    assert steps() == "1"
    world.act(campaign_id, CampaignAction.SUBMIT)
    assert steps() == "2"
    world.act(campaign_id, CampaignAction.APPROVE, APPROVER)
    assert steps() == "3"
    for action in ("upload.confirm", "message.test", "case.label", "report.download", "case.answer"):
        world.do(audit.record, action, "uploads:1", world.user(AUTHOR), world.now)
    assert steps() == "7"
    assert len(world.read(read_first_steps, [author])[author]) == 7
    post(client, "/admin/first-steps")
    assert steps() == ""
    post(client, "/admin/account/notices", wanted="first")
    assert steps() == "7"


def test_before_its_people_are_counted_a_launched_campaign_tells_no_zeros(world, author):
    world.add_people(6)
    campaign_id = world.draft(window=["00:00", "24:00"])
    for action, officer in (("submit", AUTHOR), ("approve", APPROVER), ("launch", AUTHOR)):
        world.act(campaign_id, CampaignAction(action), officer)
    page = shows(author.get(f"/admin/campaigns/{campaign_id}/"), "Chưa có người nhận.", but="trong 0 người")
    assert 'part=results" data-every="2000"' in page, "soon asked for again"
    world.sweep()
    assert "trong 6 người" in author.get(f"/admin/campaigns/{campaign_id}/?part=results").text
