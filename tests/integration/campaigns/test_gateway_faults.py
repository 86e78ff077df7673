"""A gateway that is out of order: sending stops soon, nobody is failed for it, and goes on by itself when it is mended."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from campaigns.delivery.gateway_faults import read_fault
from campaigns.models.messages import Attempt
from campaigns.rules.delivery import MOST_FAULTS
from outreach.core.settings import Settings
from outreach.models.contacts import Suppression
from tests.support.admin_client import signed_in
from tests.support.world import AUTHOR, World, number

PEOPLE = 150
IN_FLIGHT = 10


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, send_in_flight=IN_FLIGHT)


def requests(world: World) -> int:
    with world.runtime.db.read() as session:
        return session.scalar(select(func.count()).select_from(Attempt)) or 0


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ({"rate_407": 1}, "không phải của tổng đài"),
        ({"rate_500": 1}, "Tổng đài đang lỗi (HTTP 500)"),
        ({"rate_cut_before": 1}, "không trả lời, hoặc trả lời không đọc được"),
    ],
)
def test_sending_stops_at_the_twentieth_and_goes_on_when_it_works_again(
    world: World, client: FlaskClient, faults: dict[str, float], reason: str
) -> None:
    world.add_people(PEOPLE)
    campaign = world.launch()
    world.simulator.faults(callbacks_off=True, **faults)
    with ThreadPoolExecutor() as pool:
        for job in [pool.submit(world.send, 3, worker=name) for name in ("one", "two")]:
            job.result()
    messages = world.status(campaign)["steps"][0]["messages"]
    # Those under way, with both workers, and a try now and then.
    assert messages["unknown"] <= 2 * (MOST_FAULTS + IN_FLIGHT) + 6
    assert messages == {"queued": PEOPLE - messages["unknown"], "unknown": messages["unknown"]}
    assert read_fault(world.runtime.redis, world.runtime.settings.twilio_account_sid)
    with world.runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Suppression)) == 0
    page = signed_in(client, AUTHOR).get(f"/admin/campaigns/{campaign}/").text
    assert "Đã ngừng gửi vì tổng đài có sự cố" in page
    assert reason in page
    world.simulator.faults(callbacks_off=True, **dict.fromkeys(faults, 0))
    world.send_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"])
    for _ in range(3):
        world.wait(0.3)
        world.reconcile()
    world.send()
    assert Counter(world.sent_to()) == Counter(number(i) for i in range(PEOPLE))
    assert read_fault(world.runtime.redis, world.runtime.settings.twilio_account_sid) == ""
