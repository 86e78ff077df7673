"""Days without sending: nothing of a campaign leaves on them but a warning, and who writes is answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from admin.app import create_app
from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.delivery.claim_messages import claim_next_batch
from campaigns.delivery.streams import open_streams, streams_still_open
from campaigns.models.campaigns import Campaign
from campaigns.privacy.clocks import quiet_days
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.sending_status import StallReason
from outreach.core.settings import Settings
from outreach.rules.quiet_days import NO_DAYS, Period, QuietDays
from tests.support.admin_client import signed_in
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, World, number


def keep_quiet(world: World, *, first: int = 0, last: int = 0) -> QuietDays:
    """Days without sending from `first` to `last` days after today."""
    today = datetime.now(VIETNAM).date()
    days = QuietDays(
        periods=(Period(today + timedelta(days=first), today + timedelta(days=last), "nghỉ Tết"),)
    )
    world.runtime = replace(world.runtime, settings=replace(world.runtime.settings, quiet_days=days))
    return days


@both_databases
def test_on_a_quiet_day_what_waits_stays_and_who_writes_is_answered(world: World) -> None:
    world.add_people(3)
    campaign_id = world.launch()
    days = keep_quiet(world)
    assert claim_next_batch(world.runtime, "test") is None
    with world.runtime.db.read() as session:
        panel = read_sending_panel(
            session, session.get_one(Campaign, campaign_id), world.now, runtime=world.runtime
        )
        assert panel.still is not None
        assert panel.still.why is StallReason.QUIET_DAY
        assert panel.still.until is not None
        assert panel.still.until.astimezone(VIETNAM).date() == days.periods[0].last + timedelta(days=1)
    with world.runtime.db.write() as session:
        session.get_one(Campaign, campaign_id).urgent_reason = "Bão số 9"
    world.send()
    assert len(world.sent_to()) == 3
    with world.runtime.db.write() as session:
        session.get_one(Campaign, campaign_id).urgent_reason = ""
    world.reply(number(0), "1", gateway_id="SMreply1")
    world.send()
    assert len(world.sent_to()) == 4


@both_databases
def test_what_is_claimed_before_a_quiet_day_does_not_leave_on_it(world: World) -> None:
    world.add_people(3)
    campaign_id = world.launch()
    days = keep_quiet(world, first=1, last=2)
    begins = datetime.combine(days.periods[0].first, datetime.min.time(), VIETNAM)
    claimed = claim_next_batch(world.runtime, "test")
    assert claimed is not None
    stream, batch, _tasks = claimed
    assert stream.closes_at == begins
    assert {item.closes_at for item in batch.claims} == {begins}
    with world.runtime.db.read() as session:
        later = streams_still_open(session, [campaign_id], now=begins, is_live=False, quiet=days)
    assert later == {}


@both_databases
def test_a_launch_on_a_quiet_day_opens_on_the_next_other_one(world: World) -> None:
    world.add_people(3)
    days = keep_quiet(world, last=1)
    ordinary = world.launch()
    after = datetime.combine(days.periods[0].last + timedelta(days=1), datetime.min.time(), VIETNAM)
    with world.runtime.db.read() as session:
        campaign = session.get_one(Campaign, ordinary)
        assert campaign.steps[0].opened_at is None
        panel = read_sending_panel(session, campaign, world.now, runtime=world.runtime)
        assert panel.still is not None
        assert (panel.still.why, panel.still.until) == (StallReason.QUIET_DAY, after.astimezone(UTC))
    world.sweep(at=after)
    with world.runtime.db.read() as session:
        assert session.get_one(Campaign, ordinary).steps[0].opened_at is not None
        assert open_streams(session, now=world.now, is_live=False, quiet=days) == []


def test_the_card_tells_what_a_day_without_sending_puts_off_and_the_panel_why_nothing_leaves(
    world: World,
) -> None:
    world.add_people(3)
    days = keep_quiet(world, last=1)
    draft = world.draft(window=["07:00", "20:00"])
    launched = world.launch(name="Đã gửi", window=["07:00", "20:00"])
    first, last = days.periods[0].first, days.periods[0].last
    after = last + timedelta(days=1)
    opens = f"07:00 {after.day}/{after.month}/{after.year}"
    put_off = f"Không gửi ngày {first.day}/{first.month}/{first.year} đến {last.day}/{last.month}/{last.year} (nghỉ Tết); phần còn lại gửi từ {opens}."
    app = create_app(world.runtime.settings, runtime=world.runtime)
    with app.test_client() as client:
        signed_in(client, AUTHOR)
        assert client.get(f"/admin/campaigns/{draft}/").text.count(put_off) == 2  # “Thời gian gửi”, “Xem lại”
        page = client.get(f"/admin/campaigns/{launched}/").text
    assert put_off in page
    assert f"Hôm nay là ngày không gửi tin.</strong> Tự gửi lúc {opens}." in page


@pytest.mark.parametrize(
    ("given", "is_live", "is_quiet"), [(None, True, True), (None, False, False), (NO_DAYS, True, False)]
)
def test_real_phones_get_nothing_on_a_holiday_unless_the_setting_says_so(
    given: QuietDays | None, is_live: bool, is_quiet: bool
) -> None:
    settings = Settings(sms_live="yes" if is_live else "no", quiet_days=given)
    national_day = datetime(2026, 9, 2, tzinfo=VIETNAM).date()
    assert (quiet_days(settings).why(national_day) is not None) is is_quiet
