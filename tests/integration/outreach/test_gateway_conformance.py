"""One table of cases that every gateway has to pass: what a campaign of three comes to, and what the gateway took."""

import socket
import threading
from collections import Counter
from dataclasses import replace

import pytest
import uvicorn
from sqlalchemy import func, select

from admin.app import create_app, create_front
from campaigns.models.messages import Attempt, Incident
from campaigns.rules.states import AttemptState
from outreach.rules.gateway import Cause
from outreach.sms.twilio import TwilioWebhooks
from tests.support.world import number

LONG = "Kính mời ông/bà cài đặt ứng dụng Bluezone để bảo vệ bản thân, gia đình và cộng đồng. Chi tiết: {link}"
ALL = {"twilio", "smpp", "aggregator"}


def settings_of(gateway, world):
    simulator = world.simulator
    return {
        "twilio": {"sms_gateway": "twilio"},
        "smpp": {"sms_gateway": "smpp", "smpp_url": simulator.smpp_url, "send_timeout_s": 1.0},
        "aggregator": {
            "sms_gateway": "aggregator",
            "aggregator_profile": "esms",
            "aggregator_url": f"{simulator.url}/aggregator",
            "aggregator_key": simulator.account_sid,
            "aggregator_secret": simulator.auth_token,
        },
    }[gateway]


@pytest.fixture
def gateway(world, request):
    """The gateway's name; the world sends by it, and the web takes its callbacks."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = replace(
            world.runtime.settings,
            public_base_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            sms_live="no",
            suppression_keys=("suppressions-" + "k" * 32,),
            **settings_of(request.param, world),
        )
        world.runtime = replace(world.runtime, settings=settings, webhooks=TwilioWebhooks(settings))
        front = create_front(create_app(settings, runtime=world.runtime))
        web = uvicorn.Server(uvicorn.Config(front, log_config=None, lifespan="off"))
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listening]})
        thread.start()
        world.simulator.faults(sent_after_s=0, delivered_after_s=0, callbacks_off=False)
        yield request.param
        web.should_exit = True
        thread.join()


DELIVERED = {AttemptState.DELIVERED: 3}
# What is done to the gateway while it takes the messages, the states in the end, and for which gateways.
CASES = {
    "accepted, reports doubled and before the record": ({"callbacks_repeat": 2}, DELIVERED, ALL),
    "not delivered": ({"rate_undelivered": 1.0}, {AttemptState.UNDELIVERED: 3}, ALL),
    "not sent": ({"rate_failed": 1.0}, {AttemptState.FAILED: 3}, ALL),
    "throttled": ({"rate_429": 0.5, "seed": 3}, DELIVERED, ALL),
    "cut after acceptance": ({"rate_cut": 1.0}, DELIVERED, {"twilio", "aggregator"}),
    # A cut takes all that is under way on the connection with it: `make drill-gateways` counts.
    "silent after acceptance": ({"rate_timeout": 1.0, "timeout_s": 1}, DELIVERED, {"smpp"}),
    "error after acceptance": ({"rate_500_after": 1.0}, DELIVERED, ALL),
    # Found absent, or asked again under the same id; by SMPP a person decides.
    "cut before acceptance": ({"rate_cut_before": 1.0}, DELIVERED, {"aggregator"}),
    "cut before acceptance, for a person": ({"rate_cut_before": 1.0}, {AttemptState.UNKNOWN: 3}, {"smpp"}),
}


def states(world):
    world.sweep()
    return dict(world.rows(select(Attempt.state, func.count()).group_by(Attempt.state)))


@pytest.mark.parametrize(
    ("gateway", "case"),
    [(gateway, case) for case, (_, _, gateways) in CASES.items() for gateway in sorted(gateways)],
    indirect=["gateway"],
)
def test_gateway_passes_the_case(world, gateway, case):
    faults, expected, _ = CASES[case]
    world.launch(people=3, text=LONG)
    world.simulator.faults(**faults)
    world.send()
    world.simulator.faults(rate_cut=0, rate_cut_before=0, rate_500_after=0, rate_timeout=0)

    def has_ended():
        if case == "throttled":
            world.send()
        if "before" in case and gateway == "aggregator":
            world.reconcile()
        return states(world) == expected

    world.listen_until(has_ended)
    sent = Counter(world.sent_to())
    assert sent == ({} if AttemptState.UNKNOWN in expected else {number(i): 1 for i in range(3)})
    assert {line["Body"][:60] for line in world.simulator.ledger()} <= {LONG[:60]}
    assert world.count(Incident) == 0
    causes = set(world.all(select(Attempt.cause)))
    assert (Cause.UNREACHABLE.value in causes) == (case == "not delivered") or gateway == "twilio"
