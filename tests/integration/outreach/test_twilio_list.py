"""The gateway's own list of messages: by it an outcome that nobody saw is settled."""

import json
import time
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from aiohttp import web

from outreach.rules.gateway import (
    Accepted,
    BilledMessage,
    Cause,
    DeliveryStatus,
    GatewayUnavailable,
    ListedMessage,
    OutcomeUnknown,
)
from outreach.sms.twilio import LIST_LIMIT
from tests.support.tables import cases, each_of
from tests.support.twilio_server import (
    TO,
    Server,
    answering,
    list_to,
    outgoing,
    refusal,
    send,
    send_all,
    settings_for,
)


@pytest.fixture
def training(simulator):
    return settings_for(
        simulator.url, twilio_account_sid=simulator.account_sid, twilio_auth_token=simulator.auth_token
    )


def test_the_list_shows_what_was_sent_to_a_number(simulator, training):
    before = datetime.now(UTC).replace(microsecond=0)
    sent = send_all(training, outgoing(body="một"), outgoing(body="hai"), outgoing(to="+84905000124"))
    listed = list_to(training)
    assert [item.gateway_id for item in listed] == [
        outcome.gateway_id for outcome in reversed(sent[:2]) if isinstance(outcome, Accepted)
    ]
    assert [item.body for item in listed] == ["hai", "một"]
    for item in listed:
        assert item.created_at is not None
        assert before <= item.created_at <= datetime.now(UTC)


def test_the_list_tells_why_a_message_failed(simulator, training):
    simulator.faults(rate_undelivered=1, sent_after_s=0, delivered_after_s=0, seed=1)
    send(training)
    ends = time.monotonic() + 20
    while (found := list_to(training)[0]).status is not DeliveryStatus.UNDELIVERED:
        assert time.monotonic() < ends
    assert found.code in ("30003", "30005", "30006")
    assert found.cause in (Cause.UNREACHABLE, Cause.BAD_NUMBER, Cause.NOT_MOBILE)


def entry(number, **changes):
    return {
        "sid": f"SM{number}",
        "body": f"tin {number}",
        "status": "sent",
        "direction": "outbound-api",
        "date_created": "Tue, 18 Aug 2020 02:00:00 +0000",
        "error_code": None,
        **changes,
    }


def pages(*contents):
    async def handler(request):
        page = int(request.query.get("Page", "0"))
        more = page + 1 < len(contents)
        return web.json_response(
            {
                "messages": contents[page],
                "page": page,
                "page_size": len(contents[page]),
                "next_page_uri": f"{request.path}?Page={page + 1}&PageToken=PA{page}" if more else None,
            }
        )

    return Server(handler)


def test_the_list_is_read_over_all_its_pages():
    server = pages([entry(1), entry(2)], [entry(3)], [entry(4)])
    assert [item.gateway_id for item in server.list_to()] == ["SM1", "SM2", "SM3", "SM4"]
    assert len(server.asked) == 3
    assert server.asked[0].query["To"] == TO


def test_the_list_ends_at_its_limit():
    server = pages([entry(i) for i in range(LIST_LIMIT)], [entry(-1)])
    assert len(server.list_to()) == LIST_LIMIT
    assert len(server.asked) == 1


def test_what_residents_wrote_is_left_out_of_the_list():
    server = pages([entry(1, direction="inbound"), entry(2), entry(3, direction="outbound-reply")])
    assert [item.gateway_id for item in server.list_to()] == ["SM2", "SM3"]


def test_a_list_may_leave_things_unsaid():
    server = pages([{"sid": "SM1"}, entry(2, status="teleported", error_code=30099, date_created="gần đây")])
    assert server.list_to() == [
        ListedMessage("SM1", "", None, DeliveryStatus.ACCEPTED),
        ListedMessage("SM2", "tin 2", None, DeliveryStatus.ACCEPTED, cause=Cause.OTHER, code="30099"),
    ]


@cases(
    (refusal(401, 20003), 401),
    (refusal(429, 20429), 429),
    ("", 500),
    ("", 200),
    *each_of('<html> | [] | null | {"messages": null} | {"messages": [1]} | {}', 200),
)
def test_a_list_that_cannot_be_had_is_no_empty_list(text, status):
    """An empty list would mean that the message never arrived, and it would be sent again."""
    with pytest.raises(GatewayUnavailable):
        answering(status, text).list_to()


@cases("rate_429", "rate_500", "rate_cut_before")
def test_a_list_that_fails_says_so(simulator, training, fault):
    simulator.faults(**{fault: 1}, reads_too=True)
    with pytest.raises(GatewayUnavailable):
        list_to(training)


def test_a_second_page_that_fails_is_no_short_list():
    """Half a list would make the other half look absent."""

    async def handler(request):
        if "Page" in request.query:
            return web.Response(status=500)
        return web.json_response({"messages": [entry(1)], "next_page_uri": f"{request.path}?Page=1"})

    with pytest.raises(GatewayUnavailable):
        Server(handler).list_to()


DAY = date(2020, 8, 18)


def test_a_day_is_read_page_by_page_and_costs_what_leaves_the_account():
    server = pages(
        [
            entry(1, price="-0.07250", price_unit="USD", num_segments="2", status="delivered"),
            entry(2, price=None, price_unit="USD", num_segments="0", status="queued"),
        ],
        [
            entry(3, price="-1.5", price_unit="EUR", num_segments="1", status="failed", error_code=30007),
            entry(4, direction="inbound", price="-0.0075", price_unit="USD", num_segments="1"),
            entry(5, price="NaN", price_unit=None, num_segments="1", status="teleported"),
        ],
    )
    assert server.list_billed(DAY) == [
        [
            BilledMessage("SM1", Decimal("0.07250"), "USD", 2, DeliveryStatus.DELIVERED),
            BilledMessage("SM2", None, "USD", None, DeliveryStatus.ACCEPTED),
        ],
        [
            BilledMessage("SM3", Decimal("1.5"), "EUR", 1, DeliveryStatus.FAILED, Cause.BLOCKED, "30007"),
            BilledMessage("SM5", None, "", 1),
        ],
    ]
    # A whole day: of a date the library would make its first second.
    assert (server.asked[0].query["DateSent"], server.asked[0].query["PageSize"]) == ("2020-08-18", "1000")


ODD_IDS = ["SM" + "9" * 500, "SM\x00", "", None, 7, {}]


@pytest.mark.parametrize("odd", ODD_IDS)
def test_an_id_that_could_not_be_stored_makes_no_answer_and_no_list(odd):
    """It would keep all that is stored together with it from being stored."""
    assert isinstance(answering(201, json.dumps({"sid": odd, "status": "queued"})).send()[0], OutcomeUnknown)
    with pytest.raises(GatewayUnavailable):
        answering(200, json.dumps({"messages": [entry(1), {"sid": odd}]})).list_to()


@cases("0", "256", "9" * 30, "-1", "1.5", ["1"], True, None)
def test_a_count_of_segments_that_cannot_be_is_none(segments):
    outcome = answering(201, json.dumps({"sid": "SM1", "status": "queued", "num_segments": segments})).send()
    assert outcome == [Accepted("SM1")]


@cases((401, ""), (500, ""), (200, "<html>"), (200, "{}"))
def test_bills_that_cannot_be_had_say_so(status, text):
    with pytest.raises(GatewayUnavailable):
        answering(status, text).list_billed(DAY)
