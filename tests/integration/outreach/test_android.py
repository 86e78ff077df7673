"""An Android phone as the gateway: what each of its answers means, and a campaign from launch to reports over it."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from campaigns.models.messages import Attempt
from campaigns.rules.states import AttemptState
from outreach.core.settings import Settings
from outreach.rules.gateway import (
    Accepted,
    Cause,
    DeliveryStatus,
    GatewayUnavailable,
    OutboundMessage,
    OutcomeUnknown,
    Refused,
    Throttled,
)
from outreach.runtime import open_runtime
from outreach.sms.android import AndroidGateway, MessageIds
from tests.support.phone_server import LOGIN, PASSWORD, running_phone
from tests.support.tables import cases
from tests.support.world import number

SECRET = "tests-only-" + "k" * 32


@pytest.fixture
def phone():
    with running_phone() as running:
        yield running


@pytest.fixture
def over_phone(phone):
    return Settings.from_env(
        {
            "APP_ENV": "test",
            "SECRET_KEY": SECRET,
            "SMS_GATEWAY": "phone",
            "PHONE_API_BASE_URL": phone.url,
            "PHONE_LOGIN": LOGIN,
            "PHONE_PASSWORD": PASSWORD,
            "PHONE_WEBHOOK_KEY": "key",
            "SEND_TIMEOUT_S": "10",
            "LEASE_S": "14",
            "RECONCILE_S": "0.2",
        }
    )


def send(settings, **changes):
    async def once():
        gateway = AndroidGateway(settings)
        try:
            message = OutboundMessage(7, number(0), "MTTQ", "Xin chào", validity_s=600)
            return await gateway.send(replace(message, **changes))
        finally:
            await gateway.close()

    return asyncio.run(once())


def look(settings, attempt_id):
    async def once():
        gateway = AndroidGateway(settings)
        try:
            return await gateway.list_to(number(0), attempt_id=attempt_id)
        finally:
            await gateway.close()

    return asyncio.run(once())


def test_a_message_arrives_with_an_id_of_ours_and_is_found_by_it(over_phone, phone):
    name = MessageIds(SECRET).name(7)
    assert len(name) <= 36  # what the app's database holds
    assert send(over_phone) == Accepted(name, DeliveryStatus.ACCEPTED)
    assert phone.messages[name]["text"] == "Xin chào"
    assert phone.messages[name]["ttl"] == 600
    phone.set_state(name, "Failed", "RESULT_ERROR_NO_SERVICE: no service")
    (found,) = look(over_phone, 7)
    assert (found.gateway_id, found.status, found.attempt_id) == (name, DeliveryStatus.FAILED, 7)
    assert found.code == "RESULT_ERROR_NO_SERVICE"
    assert look(over_phone, 8) == []


@cases(
    (429, Throttled(2.0)),
    (401, Refused(Cause.ACCOUNT, "401")),
    (400, Refused(Cause.OTHER, "400")),
    (422, Refused(Cause.BAD_NUMBER, "422")),
    (409, OutcomeUnknown("409")),
    (500, OutcomeUnknown("500")),
    (502, OutcomeUnknown("502")),
)
def test_each_answer_is_an_outcome(over_phone, phone, fault, outcome):
    phone.faults = [fault]
    assert send(over_phone) == outcome
    assert phone.asked == 1  # nothing is repeated here


def test_what_nobody_saw_is_unseen_and_what_never_left_waits(over_phone, phone):
    phone.faults = [0]
    assert isinstance(send(over_phone), OutcomeUnknown)
    assert len(look(over_phone, 7)) == 1
    away = replace(over_phone, phone_api_base_url="http://127.0.0.1:1")
    assert send(away) == Throttled(fault="connection")
    with pytest.raises(GatewayUnavailable):
        look(away, 7)
    with pytest.raises(GatewayUnavailable):
        look(replace(over_phone, phone_password="other"), 7)


@cases(
    {"app_env": "development"}, {"app_env": "production"}, {"phone_api_base_url": "https://phone.loa.example"}
)
def test_a_phone_is_live_wherever_its_server_stands_and_gets_no_sample_number(over_phone, phone, changes):
    assert not over_phone.is_live
    live = replace(over_phone, **changes)
    assert live.is_live
    assert send(live) == Refused(Cause.SAMPLE_NUMBER, "sample")
    assert phone.asked == 0


def test_a_campaign_goes_over_the_phone_and_a_lost_answer_is_found_again(world, over_phone, phone):
    world.add_people(3)
    base = world.runtime.settings
    world.runtime = open_runtime(
        replace(over_phone, database_url=base.database_url, redis_url=base.redis_url)
    )
    phone.faults = [0]
    campaign = world.sent()
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 2, "unknown": 1}
    world.wait(0.3)
    world.reconcile()
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 3}
    assert len(phone.messages) == 3  # none twice
    attempts = world.all(select(Attempt))
    assert {attempt.gateway_id for attempt in attempts} == set(phone.messages)
    assert {attempt.state for attempt in attempts} == {AttemptState.ACCEPTED}
    world.runtime.close()
