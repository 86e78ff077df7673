"""What the gateway's list brings, prices and reports, counts once for each message, whatever happens meanwhile."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from campaigns.delivery.outbox import causes_and_segments, store_bills
from campaigns.delivery.reconcile import LISTED_WITHIN, days_due, read_list
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt
from campaigns.rules.states import AttemptReport, AttemptState, CampaignAction
from outreach.rules.gateway import BilledMessage, GatewayUnavailable
from tests.integration.campaigns.test_budget import ONE_SEGMENT, PRICE, panel
from tests.support.servers import both_databases
from tests.support.world import number


def last_days():
    today = datetime.now(UTC).date()
    return [today - timedelta(days=back) for back in range(LISTED_WITHIN.days + 1)]


def look(world, gateway=None):
    """As the job does, with the simulator's list where no gateway is given."""

    async def job():
        used = gateway or world.runtime.open_gateway()
        try:
            return await read_list(world.runtime, used, last_days(), stop_requested=lambda: False)
        finally:
            await used.close()

    return asyncio.run(job())


def bill(world, *prices):
    return world.do(store_bills, prices, usd_vnd=23_200, now=datetime.now(UTC))


def campaign_of(world, campaign_id):
    return world.get_one(Campaign, campaign_id)


def attempts(world):
    return world.all(select(Attempt).order_by(Attempt.id))


def billed(attempt, price, *, unit="USD", segments=1):
    assert attempt.gateway_id is not None
    return BilledMessage(attempt.gateway_id, Decimal(price) if price else None, unit, segments)


def wait_for_arrival(world, count):
    for _ in range(100):
        if sum(line["status"] == "delivered" for line in world.simulator.ledger()) >= count:
            return
        world.wait(0.1)
    raise AssertionError("not delivered")


@both_databases
def test_the_gateways_list_settles_what_was_an_estimate(world):
    world.use(price_per_segment_vnd=400)
    world.simulator.faults(callbacks_off=True, sent_after_s=0, delivered_after_s=0.1)
    campaign = world.sent(people=30, **ONE_SEGMENT, budget_vnd=30 * 400)
    assert panel(world, campaign).spent_vnd == 30 * 400
    wait_for_arrival(world, 30)
    assert look(world)["priced"] == 30
    shown = panel(world, campaign)
    assert (shown.spent_vnd, shown.campaign.priced_vnd) == (30 * PRICE, 30 * PRICE)
    # Read again, nothing is counted twice.
    assert look(world)["priced"] == 0
    found = campaign_of(world, campaign)
    assert (found.segments_taken, found.priced_segments, found.priced_vnd) == (30, 30, 30 * PRICE)


def test_what_has_no_price_yet_or_one_in_other_money_stays_an_estimate(world):
    campaign = world.sent(people=3, **ONE_SEGMENT)
    first, second, third = attempts(world)
    assert bill(world, billed(first, None), billed(second, "0.01", unit="EUR")) == 0
    other = BilledMessage("SMof-another", Decimal(1), "USD", 1)
    assert bill(world, billed(third, "0.0302", segments=2), other) == 1
    assert panel(world, campaign).spent_vnd == 2 * PRICE + 701


def test_what_the_list_counts_is_reserved_for_the_rest(world):
    campaign = world.sent(people=3, **ONE_SEGMENT)
    # Without a price yet, but five segments where one was counted.
    assert bill(world, *(billed(item, None, segments=5) for item in attempts(world))) == 0
    found = campaign_of(world, campaign)
    assert (found.segments_taken, found.segment_factor) == (15, 5)
    # The price comes later, and is more than was estimated.
    assert bill(world, *(billed(item, "0.1", segments=5) for item in attempts(world))) == 3
    found = campaign_of(world, campaign)
    assert (found.priced_segments, found.priced_vnd, found.price_vnd) == (15, 3 * 2320, 464)


def test_a_service_that_counted_nothing_at_first_is_billed_by_its_own_count(world):
    campaign = world.sent(people=2, **ONE_SEGMENT)
    first, _second = attempts(world)
    assert bill(world, billed(first, "0.0453", segments=3)) == 1
    found = campaign_of(world, campaign)
    assert (found.segments_taken, found.priced_segments, found.priced_vnd) == (4, 3, 1051)
    assert attempts(world)[0].segments == 3
    assert world.read(causes_and_segments, campaign)[1:] == (4, 2)


def test_a_message_that_fails_after_its_bill_still_costs_it(world):
    campaign = world.sent(people=2, **ONE_SEGMENT)
    first, second = attempts(world)
    bill(world, billed(first, "0.0151"))
    failed = [
        AttemptReport(item.id, AttemptState.FAILED, cause="blocked", code="30007") for item in (first, second)
    ]
    world.do(apply_reports, failed, now=datetime.now(UTC))
    found = campaign_of(world, campaign)
    assert (found.segments_taken, found.priced_segments, found.priced_vnd) == (0, 0, PRICE)
    # And one that had failed before.
    bill(world, billed(second, "0.001"))
    found = campaign_of(world, campaign)
    assert (found.segments_taken, found.priced_segments, found.priced_vnd) == (0, 0, PRICE + 23)
    assert panel(world, campaign).spent_vnd == PRICE + 23


def test_what_was_billed_for_less_is_left_for_the_rest(world):
    campaign = world.launch(people=10, **ONE_SEGMENT, budget_vnd=5 * PRICE)
    world.act(campaign, CampaignAction.RESUME)
    world.send()
    assert len(world.sent_to()) == 5
    bill(world, *(billed(item, "0.00302") for item in attempts(world)))  # a fifth of it
    world.act(campaign, CampaignAction.RESUME)
    world.send()
    assert len(world.sent_to()) == 9


def test_a_dearer_bill_than_the_estimate_ends_it_sooner(world):
    campaign = world.launch(people=10, **ONE_SEGMENT, pace=1, budget_vnd=10 * PRICE)
    world.send_until(lambda: world.sent_to() != [])
    sent = len(world.sent_to())
    assert 0 < sent < 10
    bill(world, *(billed(item, "0.151") for item in attempts(world) if item.gateway_id))
    world.send()
    assert len(world.sent_to()) == sent
    assert "ngân sách" in world.status(campaign)["pause_reason"]


class Bills:
    """A gateway with a list of its own."""

    def __init__(self, *pages, away=False):
        self.pages, self.away, self.days = pages, away, []

    async def list_billed(self, day):
        self.days.append(day)
        for page in self.pages:
            yield page
        if self.away:
            raise GatewayUnavailable("cut")

    async def close(self):
        return None


def test_a_list_that_breaks_off_keeps_what_it_brought_and_the_other_days_are_read(world):
    world.sent(people=2, **ONE_SEGMENT)
    first, _second = attempts(world)
    gateway = Bills([billed(first, "0.0151")], away=True)
    done = look(world, gateway)
    assert (done["priced"], done["away"]) == (1, LISTED_WITHIN.days + 1)
    assert gateway.days == last_days()


@both_databases
def test_two_looks_at_once_count_a_bill_once(world):
    campaign = world.sent(people=20, **ONE_SEGMENT)
    page = [billed(item, "0.0151") for item in attempts(world)]

    async def both():
        looks = (
            read_list(world.runtime, gateway, last_days(), stop_requested=lambda: False)
            for gateway in (Bills(page), Bills(page))
        )
        await asyncio.gather(*looks)

    asyncio.run(both())
    assert campaign_of(world, campaign).priced_vnd == 20 * PRICE


def days_to_read(world, hours=0):
    """How many days are due when nothing has been read yet."""
    world.runtime.redis.delete("loa:list:all", "loa:list:latest")
    return len(world.read(days_due, world.runtime.redis, is_live=True, now=world.in_hours(hours)))


def deliver_all(world):
    delivered = [AttemptReport(item.id, AttemptState.DELIVERED) for item in attempts(world)]
    world.do(apply_reports, delivered, now=datetime.now(UTC))


def test_the_list_is_read_while_a_campaign_of_the_last_days_lacks_prices(world):
    world.add_people(2)
    assert days_to_read(world) == 0
    campaign = world.launch(**ONE_SEGMENT)
    assert days_to_read(world) == 0
    world.send()
    deliver_all(world)
    world.sweep()
    assert world.status(campaign)["state"] == "completed"
    assert days_to_read(world) == LISTED_WITHIN.days + 1
    assert days_to_read(world, 73) == 0
    bill(world, *(billed(item, "0.0151") for item in attempts(world)))
    assert days_to_read(world) == 0


def test_the_list_is_read_while_messages_lack_reports(world):
    world.simulator.faults(callbacks_off=True)
    world.sent(people=2, **ONE_SEGMENT)
    bill(world, *(billed(item, "0.0151") for item in attempts(world)))
    assert days_to_read(world) == 0
    assert days_to_read(world, 0.5) == LISTED_WITHIN.days + 1
    with world.runtime.db.read() as session:  # the hour is not over, but ten minutes are
        redis, now = world.runtime.redis, world.in_hours(0.5)
        redis.delete("loa:list:latest")
        assert 1 <= len(days_due(session, redis, is_live=True, now=now)) <= 2
        assert days_due(session, redis, is_live=True, now=now) == []
        assert 3500 < int(redis.ttl("loa:list:all")) <= 3600
        assert 500 < int(redis.ttl("loa:list:latest")) <= 600
    deliver_all(world)
    assert days_to_read(world, 0.5) == 0


@both_databases
def test_reports_that_no_callback_brought_are_fetched(world):
    world.simulator.faults(
        callbacks_off=True, sent_after_s=0, delivered_after_s=0.1, rate_undelivered=0.3, seed=1
    )
    campaign = world.sent(people=30)
    while any(line["status"] in ("queued", "sent") for line in world.simulator.ledger()):
        world.wait(0.1)
    listed = Counter(line["status"] for line in world.simulator.ledger())
    assert listed["undelivered"] > 0
    assert look(world)["reported"] == 30
    assert world.status(campaign)["steps"][0]["messages"] == listed
    assert look(world)["reported"] == 0


def test_an_answer_to_a_resident_keeps_its_price_without_a_campaigns_budget(world):
    campaign = world.sent(people=1, **ONE_SEGMENT)
    world.reply(number(0), "TC", gateway_id="SM1")
    world.send()
    _step, confirmation = attempts(world)
    assert bill(world, billed(confirmation, "0.0151")) == 1
    assert attempts(world)[1].price_vnd == PRICE
    assert campaign_of(world, campaign).priced_vnd == 0
