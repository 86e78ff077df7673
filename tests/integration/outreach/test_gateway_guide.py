"""The guide to another gateway: the profile in it sends, and reads what its provider answers."""

import asyncio
import json
import re
import textwrap

import pytest
from aiohttp import web

from outreach.core.settings import Settings
from outreach.rules.aggregator import read_report
from outreach.rules.gateway import Accepted, Cause, DeliveryStatus, Refused, Throttled
from outreach.sms.aggregator import AggregatorGateway, load_profile
from tests.support.processes import ROOT
from tests.support.twilio_server import BODY, TO, outgoing

ANSWERS = [
    ({"result": "OK", "data": {"id": "m-1"}}, Accepted("m-1", DeliveryStatus.ACCEPTED)),
    (
        {"result": "DUPLICATE"},
        Accepted("", DeliveryStatus.ACCEPTED),
    ),  # its id is known from the first answer, if there was one
    ({"result": "BAD_NUMBER"}, Refused(Cause.BAD_NUMBER, "BAD_NUMBER")),
]


@pytest.fixture
def profile(tmp_path):
    """The profile as it stands in the guide, in a file."""
    guide = (ROOT / "docs" / "gateways.md").read_text("utf-8")
    (example,) = re.findall(
        r"```toml\n(.*?)```", guide.partition("## Another gateway in a day")[2], re.DOTALL
    )
    file = tmp_path / "example.toml"
    file.write_text(textwrap.dedent(f"   {example}"), "utf-8")
    return file


def send(profile, answer):
    """Send a message to a provider that answers so. Returns the outcome and what the provider was sent."""
    asked = []

    async def provider(request):
        assert request.path == "/v1/messages"
        asked.append(await request.json())
        return web.json_response(answer)

    async def job():
        app = web.Application()
        app.router.add_post("/{rest:.*}", provider)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        named = {"SMS_GATEWAY": "aggregator", "AGGREGATOR_PROFILE": str(profile), "AGGREGATOR_URL": url}
        settings = Settings.from_env({**named, "AGGREGATOR_KEY": "khoa", "SMS_LIVE": "no"})
        gateway = AggregatorGateway(settings)
        try:
            return await gateway.send(outgoing())
        finally:
            await gateway.close()
            await runner.cleanup()

    return asyncio.run(job()), asked[0]


@pytest.mark.parametrize(("answer", "outcome"), ANSWERS, ids=lambda each: json.dumps(each, default=str)[:40])
def test_the_example_sends_and_reads_the_answer(profile, answer, outcome):
    found, asked = send(profile, answer)
    assert found == outcome
    assert (asked["to"], asked["text"], asked["token"]) == (TO.removeprefix("+"), BODY, "khoa")
    assert asked["our_id"]
    assert "/webhooks/aggregator/" in asked["call"]


def test_the_example_waits_for_a_busy_provider_and_reads_its_reports(profile):
    assert isinstance(send(profile, {"result": "BUSY"})[0], Throttled)
    found = [
        read_report(load_profile(str(profile)), {"state": state}) for state in ("arrived", "dead", "new")
    ]
    assert [each.status for each in found] == [DeliveryStatus.DELIVERED, DeliveryStatus.UNDELIVERED, None]
    assert found[1].cause is Cause.UNREACHABLE
