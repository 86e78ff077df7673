"""A campaign's budget: reserved at the launch, at the price of that day, given back as messages fall away."""

from datetime import UTC, datetime

from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.models.campaigns import Campaign
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.rules.errors import WrongState
from tests.support.errors import refuses
from tests.support.world import APPROVER, number

ONE_SEGMENT = {"unaccented": True, "text": "Moi ong/ba cai Bluezone"}
PRICE = 350


def panel(world, campaign_id):
    world.runtime.redis.flushdb()
    campaign = world.get_one(Campaign, campaign_id)
    return world.read(read_sending_panel, campaign, datetime.now(UTC), runtime=world.runtime)


def approved(world, **changes):
    campaign_id = world.draft(**ONE_SEGMENT, **changes)
    world.act(campaign_id, CampaignAction.SUBMIT)
    world.act(campaign_id, CampaignAction.APPROVE, APPROVER)
    return campaign_id


def test_a_launch_that_would_cost_more_than_its_budget_is_refused(world):
    world.add_people(10)
    campaign = approved(world, budget_vnd=10 * PRICE - 1)
    with refuses(WrongState, says=r"3\.500 đồng vượt ngân sách 3\.499 đồng"):
        world.decide(campaign, CampaignAction.LAUNCH)
    assert world.status(campaign)["state"] == "approved"
    enough = approved(world, budget_vnd=10 * PRICE, name="Đủ ngân sách")
    assert world.decide(enough, CampaignAction.LAUNCH) is CampaignState.SENDING


def test_an_audience_that_grew_beyond_the_budget_pauses_before_its_first_message(world):
    world.add_people(10)
    campaign = approved(world, budget_vnd=10 * PRICE)
    world.decide(campaign, CampaignAction.LAUNCH)
    world.add_people(1, first=10)
    world.sweep()
    status = world.status(campaign)
    assert status["state"] == "paused"
    assert "11 người nhận, dự kiến 3.850 đồng, vượt ngân sách 3.500 đồng" in status["pause_reason"]
    assert status["steps"][0]["messages"] == {"queued": 11}
    world.send()
    assert world.sent_to() == []
    # Taken back, nothing of it is left.
    world.act(campaign, CampaignAction.UNDO)
    with world.runtime.db.read() as session:
        found = session.get_one(Campaign, campaign)
        assert (found.price_vnd, found.steps[0].segments_each) == (None, None)


def test_a_campaign_keeps_the_price_of_its_launch(world):
    campaign = world.launch(people=10, **ONE_SEGMENT, budget_vnd=10 * PRICE)
    world.use(price_per_segment_vnd=1000)
    world.send()
    world.sweep()
    assert len(world.sent_to()) == 10
    assert panel(world, campaign).spent_vnd == 10 * PRICE
    later = world.launch(**{**ONE_SEGMENT, "text": "Bluezone co ban moi"}, name="Lần hai")
    assert panel(world, later).reserved_vnd == 10 * 1000


def test_what_was_launched_before_prices_were_kept_goes_by_the_setting(world):
    campaign = world.launch(people=2, **ONE_SEGMENT)
    with world.runtime.db.write() as session:
        found = session.get_one(Campaign, campaign)
        found.price_vnd = found.steps[0].segments_each = None
    world.use(price_per_segment_vnd=1000)
    world.send()
    shown = panel(world, campaign)
    assert (shown.spent_vnd, shown.reserved_vnd) == (2000, 0)


def test_what_is_reserved_shrinks_as_messages_leave_or_fall_away(world):
    campaign = world.launch(
        people=10,
        **ONE_SEGMENT,
        deadline=world.in_hours(48),
        step=[{"after_days": 1, "at": "18:00", "text": "Moi ong/ba cai Bluezone lan nua"}],
    )
    assert panel(world, campaign).reserved_vnd == 20 * PRICE
    world.reply(number(0), "TC", gateway_id="SM1")
    world.send()
    shown = panel(world, campaign)
    assert (shown.spent_vnd, shown.reserved_vnd) == (9 * PRICE, 10 * PRICE)
    # The reminder goes to those who have not opted out.
    world.sweep(at=world.in_hours(47))
    assert panel(world, campaign).reserved_vnd == 9 * PRICE
    world.sweep(at=world.in_hours(49))
    assert panel(world, campaign).reserved_vnd == 0


def test_a_cancelled_campaign_reserves_nothing(world):
    campaign = world.launch(people=3, **ONE_SEGMENT)
    assert panel(world, campaign).reserved_vnd == 3 * PRICE
    world.act(campaign, CampaignAction.CANCEL)
    assert panel(world, campaign).reserved_vnd == 0
