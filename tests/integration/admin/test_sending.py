"""A campaign that is being sent, as its page shows it: figures, why it stands still, and its buttons."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from campaigns.analytics import campaign_status
from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.delivery.streams import TRANSACTIONAL_STREAM
from campaigns.lifecycle import stop_all_sending
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Message
from campaigns.rules.sending_hours import StallReason
from campaigns.rules.states import AttemptReport, AttemptState, CampaignAction, CampaignState, MessageState
from outreach.models.office import GatewayAccount, GatewayKind, GatewayState
from outreach.rules.gateway import Cause
from tests.support.admin_client import shows, signed_in, token
from tests.support.servers import on_sqlite
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, number

database_url = on_sqlite

ALL_DAY = ["00:00", "24:00"]


@pytest.fixture
def campaign_id(world):
    return world.launch(people=6, window=ALL_DAY)


def read(world, campaign_id):
    campaign = world.get_one(Campaign, campaign_id)
    return world.read(read_sending_panel, campaign, datetime.now(UTC), runtime=world.runtime)


def state(world, campaign_id):
    return world.get_one(Campaign, campaign_id).state


def press(client, campaign_id, action):
    """As the page's script does; the status."""
    return client.post(
        f"/admin/campaigns/{campaign_id}/running/{action}",
        data={"csrf_token": token(client)},
        headers={"X-Requested-With": "fetch"},
    ).status_code


def test_the_figures_add_up_and_say_what_it_cost(world, campaign_id):
    before = read(world, campaign_id)
    assert (before.total, before.left, before.spent_vnd, before.replies_vnd) == (6, 6, 0, 0)
    assert before.whole_vnd == before.reserved_vnd
    world.send()
    world.runtime.redis.flushdb()
    after = read(world, campaign_id)
    assert after.states == {MessageState.ACCEPTED: 6}
    assert after.spent_vnd == after.segments * world.runtime.settings.price_per_segment_vnd > 0
    assert after.whole_vnd == after.spent_vnd
    assert after.rate_now > 0
    assert after.still is None
    # A confirmation is paid for, too.
    world.reply(number(0), "TC", gateway_id="SM1")
    world.send()
    world.runtime.redis.flushdb()
    answered = read(world, campaign_id)
    assert answered.spent_vnd == after.spent_vnd
    assert answered.replies_vnd >= world.runtime.settings.price_per_segment_vnd
    assert answered.whole_vnd == answered.spent_vnd + answered.replies_vnd + answered.reserved_vnd
    # Not one that was refused.
    world.execute(
        update(Attempt).where(Attempt.stream_id == TRANSACTIONAL_STREAM).values(state=AttemptState.FAILED)
    )
    world.runtime.redis.flushdb()
    assert read(world, campaign_id).replies_vnd == 0


def test_counting_is_shared_for_a_moment_but_never_across_a_change_of_state(world, campaign_id, monkeypatch):
    monkeypatch.setattr(campaign_status, "COUNT_TTL_S", 60)
    assert read(world, campaign_id).left == 6
    world.send()
    assert read(world, campaign_id).left == 6  # a moment ago
    world.act(campaign_id, CampaignAction.PAUSE)
    assert read(world, campaign_id).left == 0


def test_the_page_tells_why_nothing_moves(world, author, campaign_id):
    world.do(stop_all_sending, by=APPROVER)
    assert read(world, campaign_id).still.why is StallReason.ALL_STOPPED
    assert "Đang dừng toàn bộ việc nhắn tin" in author.get(f"/admin/campaigns/{campaign_id}/running/").text
    world.act(campaign_id, CampaignAction.PAUSE)
    shows(author.get(f"/admin/campaigns/{campaign_id}/running/"), "Đang tạm dừng", "đã tạm dừng lúc")


def test_pause_resume_and_cancel_take_effect_without_a_reload(world, author, campaign_id):
    assert press(author, campaign_id, "pause") == 204
    assert state(world, campaign_id) is CampaignState.PAUSED
    world.send()
    assert world.sent_to() == []
    assert press(author, campaign_id, "resume") == 204
    assert state(world, campaign_id) is CampaignState.SENDING
    assert press(author, campaign_id, "cancel") == 204
    assert press(author, campaign_id, "resume") == 422
    page = author.get(f"/admin/campaigns/{campaign_id}/running/")
    assert page.headers["X-Live"] == "end"
    shows(page.text, "Đã hủy", "đã gửi trước khi hủy: 0 trong")


def test_the_question_before_a_pause_tells_what_becomes_of_the_reminder(world, author):
    campaign = world.launch(
        people=2, window=ALL_DAY, step=[{"after_days": 2, "at": "18:00", "text": "Nhắc: {link}"}]
    )
    sheet = author.get(f"/admin/campaigns/{campaign}/").text
    assert re.search(r'data-ask="[^"]*Lần nhắc lại dự kiến lúc 18:00', sheet)
    world.begin(unprepared := world.draft(window=ALL_DAY))
    assert "Lần nhắc lại" not in author.get(f"/admin/campaigns/{unprepared}/").text


def test_a_finished_campaign_says_when_and_leads_to_what_came_of_it(world, author, campaign_id):
    world.act(campaign_id, CampaignAction.CANCEL)
    sheet = shows(author.get(f"/admin/campaigns/{campaign_id}/"), "Đã hủy lúc", but="sẽ nhận tin")
    for path in (
        f"/admin/progress/?campaign={campaign_id}",
        f"/admin/people/?campaign={campaign_id}",
        "/admin/inbox/",
    ):
        assert f'href="{path}"' in sheet
        assert author.get(path).status_code == 200


def test_a_launch_is_undone_by_a_button_that_is_there_until_a_message_has_left(world, author, campaign_id):
    form = {"csrf_token": token(author)}
    assert CampaignAction.UNDO in read(world, campaign_id).actions
    undone = author.post(f"/admin/campaigns/{campaign_id}/running/undo", data=form, follow_redirects=True)
    assert "Chưa ai nhận tin" in undone.text
    assert state(world, campaign_id) is CampaignState.APPROVED
    world.act(campaign_id, CampaignAction.LAUNCH)
    world.sweep()
    world.send()
    world.runtime.redis.flushdb()
    assert read(world, campaign_id).actions == [CampaignAction.PAUSE, CampaignAction.CANCEL]
    assert press(author, campaign_id, "undo") == 422
    assert state(world, campaign_id) is CampaignState.SENDING


@cases(
    ("resend", "Đã xếp 6 tin vào hàng để gửi lại.", MessageState.QUEUED),
    ("keep", "Đã ghi 6 tin là đã gửi.", MessageState.NO_REPORT),
)
def test_what_stays_unknown_is_decided_on_the_page(world, author, campaign_id, choice, told, becomes):
    world.send()
    world.lose_sight()
    world.runtime.redis.flushdb()
    asked = "6 tin chưa rõ kết quả"
    assert asked in author.get("/admin/").text
    shows(author.get(f"/admin/campaigns/{campaign_id}/"), asked, but="Cán bộ không phải làm gì thêm")
    path, form = f"/admin/campaigns/{campaign_id}/running/undecided/{choice}", {"csrf_token": token(author)}
    assert told in author.post(path, data=form, follow_redirects=True).text
    world.runtime.redis.flushdb()
    assert read(world, campaign_id).states == {becomes: 6}
    assert asked not in author.get("/admin/").text
    assert "Không còn tin nào cần quyết định" in author.post(path, data=form, follow_redirects=True).text


@pytest.mark.parametrize("kind", [GatewayKind.SMPP, GatewayKind.AGGREGATOR])
def test_what_cannot_be_looked_up_waits_for_its_report_and_the_page_says_so(world, client, campaign_id, kind):
    world.send()
    options = {"state": GatewayState.ACTIVE, "options": {"profile": "speedsms"}, "changed_at": world.now}
    account = world.add(GatewayAccount(name="B", kind=kind, **options))
    values = {"state": AttemptState.UNKNOWN, "gateway_id": None, "account_id": account.id}
    world.execute(update(Attempt).values(values))
    world.execute(update(Message).values(state=MessageState.UNKNOWN))
    world.runtime.redis.flushdb()
    sheet = signed_in(client, AUTHOR).get(f"/admin/campaigns/{campaign_id}/").text
    assert "6 tin chưa rõ kết quả, đang chờ báo cáo" in sheet
    assert "nhà cung cấp tin nhắn không cho tra lại" in sheet
    assert "hỏi lại nhà cung cấp" not in sheet
    assert "đang được tra lại" not in sheet
    world.execute(update(Attempt).values(account_id=1))
    sheet = client.get(f"/admin/campaigns/{campaign_id}/").text
    assert "Hệ thống đang hỏi lại nhà cung cấp tin nhắn" in sheet
    assert "đang chờ báo cáo" not in sheet


def test_answers_whose_end_nobody_saw_are_decided_on_the_page_and_those_to_strangers_at_home(
    world, author, campaign_id
):
    world.send()
    world.reply(number(0), "TC", gateway_id="SM1")
    world.reply(number(99), "TC", gateway_id="SM2")
    world.send()
    world.execute(
        update(Attempt)
        .where(Attempt.stream_id == 0)
        .values(state=AttemptState.UNKNOWN, gateway_id=None, claimed_at=world.in_hours(-2))
    )
    world.runtime.redis.flushdb()
    sheet = author.get(f"/admin/campaigns/{campaign_id}/").text
    assert "Trong đó 1 tin là lời xác nhận" in sheet
    assert "tin đang gửi dở" not in sheet
    form = {"csrf_token": token(author)}
    path = f"/admin/campaigns/{campaign_id}/running/undecided/keep"
    assert "Đã ghi 1 tin là đã gửi." in author.post(path, data=form, follow_redirects=True).text
    asked = "1 tin xác nhận, trả lời người dân hoặc tin thử"
    assert asked in author.get("/admin/").text
    told = author.post("/admin/undecided/resend", data=form, follow_redirects=True).text
    assert "Đã xếp 1 tin vào hàng để gửi lại." in told
    assert asked not in told


def test_without_script_a_press_leads_back_to_the_sheet(world, author, campaign_id):
    form = {"csrf_token": token(author)}
    answer = author.post(f"/admin/campaigns/{campaign_id}/running/pause", data=form)
    assert (answer.status_code, answer.location) == (303, f"/admin/campaigns/{campaign_id}/")
    # Twice does no harm, and is told.
    author.post(f"/admin/campaigns/{campaign_id}/running/pause", data=form)
    assert "Tạm dừng" in author.get("/admin/").text
    sheet = author.get(f"/admin/campaigns/{campaign_id}/").text
    assert "Chi phí đến nay" in sheet
    assert "Tin vận động 0 đồng" not in sheet, "nothing was spent"
    assert "Dự kiến gửi xong" not in sheet, "a campaign that is not sending has no rate and no end"


def test_failures_are_told_by_cause_in_words(world, author, campaign_id):
    world.send()
    lost = [
        AttemptReport(attempt_id, AttemptState.UNDELIVERED, cause=Cause.UNREACHABLE.value)
        for attempt_id in world.all(select(Attempt.id).limit(2))
    ]
    world.do(apply_reports, lost)
    text = author.get(f"/admin/campaigns/{campaign_id}/running/").text
    assert re.search(r"Máy tắt hoặc ngoài vùng phủ sóng<svg.*?</th><td[^>]*><strong>2<", text)
