"""A gateway that is out of order: sending stops soon, nobody is failed for it, and goes on by itself when it is mended."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from campaigns.delivery.claim_messages import claim_next_batch
from campaigns.delivery.open_gateways import read_fault
from campaigns.delivery.record_outcomes import store_outcomes
from campaigns.models.messages import Attempt
from campaigns.rules.delivery import MOST_FAULTS, MOST_FIRST_REFUSALS
from campaigns.rules.states import CampaignAction
from outreach.core.db import count_rows
from outreach.models.contacts import Suppression, Wish
from outreach.rules.gateway import Accepted, Cause, Refused
from outreach.sms.twilio import TwilioGateway
from tests.integration.campaigns.test_budget import ONE_SEGMENT, PRICE
from tests.support.admin_client import signed_in
from tests.support.world import AUTHOR, number

PEOPLE = 150
IN_FLIGHT = 10


@pytest.fixture
def settings(settings):
    return replace(settings, send_in_flight=IN_FLIGHT)


def requests(world):
    return world.count(Attempt)


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ({"rate_407": 1}, "không phải của nhà cung cấp tin nhắn"),
        *(
            pytest.param(
                {"rate_407": 1, "proxy_status": status},
                "không phải của nhà cung cấp tin nhắn",
                marks=pytest.mark.rest,
            )
            for status in (400, 405)
        ),
        ({"rate_500": 1}, "Nhà cung cấp tin nhắn đang lỗi (HTTP 500)"),
        ({"rate_cut_before": 1}, "không trả lời, hoặc trả lời không đọc được"),
    ],
)
def test_sending_stops_at_the_twentieth_and_goes_on_when_it_works_again(world, client, faults, reason):
    campaign = world.launch(people=PEOPLE)
    world.simulator.faults(callbacks_off=True, **faults)
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(world.send, 3, worker=name) for name in ("one", "two")]:
            job.result()
    messages = world.status(campaign)["steps"][0]["messages"]
    # Those under way, with both workers, and a try now and then.
    assert messages["unknown"] <= 2 * (MOST_FAULTS + IN_FLIGHT) + 6
    assert messages == {"queued": PEOPLE - messages["unknown"], "unknown": messages["unknown"]}
    assert read_fault(world.runtime.redis, world.runtime.settings.twilio_account_sid)
    assert suppressed(world) == 0
    page = signed_in(client, AUTHOR).get(f"/admin/campaigns/{campaign}/").text
    assert "Đã ngừng gửi vì nhà cung cấp tin nhắn có sự cố" in page
    assert reason in page
    world.simulator.faults(callbacks_off=True, **dict.fromkeys(faults, 0))
    world.send_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"])
    for _ in range(3):
        world.wait(0.3)
        world.reconcile()
    world.send()
    assert Counter(world.sent_to()) == Counter(number(i) for i in range(PEOPLE))
    assert read_fault(world.runtime.redis, world.runtime.settings.twilio_account_sid) == ""


def rejected(world):
    return sum(world.simulator.stats()["rejected"].values())


def suppressed(world):
    with world.runtime.db.read() as session:
        return count_rows(session, Suppression) + count_rows(session, Wish)


@pytest.mark.parametrize("code", [21211, 20001])
def test_one_refusal_to_everybody_pauses_the_campaign_and_fails_nobody(world, code):
    campaign = world.launch(people=PEOPLE)
    world.simulator.faults(callbacks_off=True, rate_refused=1, refused_code=code)
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(world.send, 2, worker=name) for name in ("one", "two")]:
            job.result()
    status = world.status(campaign)
    assert status["state"] == "paused"
    assert f"từ chối mọi tin đầu tiên của chiến dịch (mã {code})" in status["pause_reason"]
    assert MOST_FIRST_REFUSALS <= rejected(world) <= 2 * (MOST_FIRST_REFUSALS + IN_FLIGHT)
    assert status["steps"][0]["messages"] == {"queued": PEOPLE}
    assert suppressed(world) == 0
    world.simulator.faults(callbacks_off=True, rate_refused=0)
    world.act(campaign, CampaignAction.RESUME)
    world.send_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"])
    assert Counter(world.sent_to()) == Counter(number(i) for i in range(PEOPLE))


def test_a_refusal_from_before_it_was_resumed_does_not_pause_a_campaign_again(world):
    campaign = world.launch(people=PEOPLE)
    claimed = claim_next_batch(world.runtime, "one", PEOPLE)
    assert claimed
    refused = [(task.claim, Refused(Cause.ACCOUNT, "103")) for task in claimed[2]]
    store_outcomes(world.runtime, refused[:1])
    assert world.status(campaign)["state"] == "paused"
    world.act(campaign, CampaignAction.RESUME)
    store_outcomes(world.runtime, refused[1:])
    assert world.status(campaign)["state"] == "sending"
    world.simulator.faults(callbacks_off=True)
    world.send_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"])
    assert Counter(world.sent_to()) == Counter(number(i) for i in range(PEOPLE))


def test_numbers_that_are_refused_among_others_fail_as_ever(world):
    campaign = world.launch(people=60)
    world.simulator.faults(callbacks_off=True, rate_refused=0.15, seed=3)
    world.send_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"])
    messages = world.status(campaign)["steps"][0]["messages"]
    assert messages["accepted"] + messages["failed"] == 60
    assert suppressed(world) == messages["failed"] > 0
    assert world.status(campaign)["state"] == "sending"


def test_after_too_many_requests_one_at_a_time_tries(world):
    world.launch(people=PEOPLE)
    world.simulator.faults(callbacks_off=True, rate_429=1)
    world.send(3)
    # All that were under way, the fewer and fewer that follow, then one after each halt: 0.25, 0.5, 1, 2 seconds.
    assert world.simulator.stats()["throttled"] <= 4 * IN_FLIGHT + 4
    world.simulator.faults(callbacks_off=True, rate_429=0)
    world.send_until(lambda: len(world.sent_to()) == PEOPLE)


BUDGET = 200 * PRICE


def spend(world):
    """Send with a budget for 200 segments until the campaign pauses; how many messages the gateway took."""
    campaign = world.launch(people=PEOPLE, **ONE_SEGMENT, budget_vnd=BUDGET)
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(world.send, 4, worker=name) for name in ("one", "two")]:
            job.result()
    status = world.status(campaign)
    assert status["state"] == "paused"
    assert "ngân sách" in status["pause_reason"]
    return len(world.sent_to())


def test_a_gateway_that_counts_more_segments_ends_it_at_the_budget(world):
    world.simulator.faults(callbacks_off=True, segments_factor=5)
    messages = spend(world)
    # What is in flight holds its part of the budget, and may come too late to give the rest of it back.
    assert 40 - IN_FLIGHT <= messages <= 40 + 2 * IN_FLIGHT


def test_a_gateway_that_names_a_higher_price_ends_it_at_the_budget(world, monkeypatch):
    send = TwilioGateway.send

    async def send_and_price(self, message):
        outcome = await send(self, message)
        return (
            outcome._replace(price=Decimal(5 * PRICE), unit="VND")
            if isinstance(outcome, Accepted)
            else outcome
        )

    monkeypatch.setattr(TwilioGateway, "send", send_and_price)
    world.simulator.faults(callbacks_off=True)
    messages = spend(world)
    assert 40 - IN_FLIGHT <= messages <= 40 + 2 * IN_FLIGHT
