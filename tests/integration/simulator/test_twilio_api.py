"""The real `twilio` library, pointed at the simulator, sees what it would see at Twilio."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from tests.support.tables import cases

LINE = "Mời bà con cài Bluezone"


@pytest.fixture
def client(simulator):
    return connect(simulator)


def connect(simulator, *, token=None, **options):
    client = Client(simulator.account_sid, token or simulator.auth_token, **options)
    client.api.base_url = simulator.url
    return client


def send_many(client, count):
    numbers = [f"+84905000{i:03d}" for i in range(count)]
    return [client.messages.create(to=number, from_="LOA", body=LINE).sid for number in numbers]


def test_message_is_accepted_as_twilio_accepts_it(client, simulator):
    message = client.messages.create(
        to="+84905000123",
        from_="LOA",
        body=LINE,
        status_callback="http://127.0.0.1:9/status/7",
        validity_period=3600,
    )
    assert re.fullmatch(r"SM[0-9a-f]{32}", message.sid)
    assert (message.status, message.direction, message.num_segments) == ("queued", "outbound-api", "1")
    assert (message.to, message.from_, message.body) == ("+84905000123", "LOA", LINE)
    assert message.date_sent is None
    assert message.price is None
    assert message.error_code is None
    assert abs(message.date_created - datetime.now(UTC)) < timedelta(seconds=30)
    assert message.uri == f"/2010-04-01/Accounts/{simulator.account_sid}/Messages/{message.sid}.json"


def test_messaging_service_counts_segments_later(client, simulator):
    simulator.faults(sent_after_s=0, delivered_after_s=0)
    message = client.messages.create(to="+84905000123", messaging_service_sid="MG" + "1" * 32, body=LINE)
    assert (message.status, message.num_segments, message.from_) == ("accepted", "0", None)
    wait_for_status(client, message.sid, "delivered")
    delivered = client.messages(message.sid).fetch()
    assert (delivered.num_segments, delivered.from_) == ("1", "+84900000000")
    assert delivered.date_sent is not None
    assert (delivered.price, delivered.price_unit) == ("-0.01509", "USD")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library's own use of aiohttp
def test_async_client_works_as_the_sync_one(simulator):
    asyncio.run(use_async_client(simulator))


async def use_async_client(simulator):
    async with AsyncTwilioHttpClient() as http:
        client = connect(simulator, http_client=http)
        sids = [
            (await client.messages.create_async(to=f"+84905000{i:03d}", from_="LOA", body=LINE)).sid
            for i in range(3)
        ]
        listed = await client.messages.list_async(page_size=2)
        fetched = await client.messages(sids[0]).fetch_async()
    assert [message.sid for message in listed] == sids[::-1]
    assert fetched.body == LINE


@cases(
    ({"to": "0905000123"}, 21211),
    ({"to": "+84" + "1685000123"}, 21211),  # the eleven digits of before 2018
    ({"to": "+84" + "90500012"}, 21211),
    ({"to": "+84260000123"}, 21614),  # a landline of Kon Tum
    ({"to": ""}, 21604),
    ({"from_": ""}, 21603),
    ({"from_": "Mặt trận"}, 21212),
    ({"from_": "MTTQ Kon Tum"}, 21212),  # twelve characters
    ({"body": ""}, 21602),
    ({"body": "a" * 1601}, 21617),
    ({"status_callback": "khong phai dia chi"}, 21609),
    ({"validity_period": 36001}, 20001),
)
def test_bad_message_is_refused_with_twilios_code(client, simulator, changes, code):
    message = {"to": "+84905000123", "from_": "LOA", "body": LINE} | changes
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(**message)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert simulator.ledger() == []
    assert simulator.stats()["rejected"] == {str(code): 1}


def test_longest_body_is_taken(client):
    assert client.messages.create(to="+84905000123", from_="LOA", body="a" * 1600).num_segments == "11"


def test_number_that_stopped_at_the_gateway_is_refused_until_it_starts_again(client, simulator):
    simulator.faults(gateway_stop=True)
    simulator.reply("+84905000123", " stop ")
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to="+84905000123", from_="LOA", body=LINE)
    assert refused.value.code == 21610
    simulator.reply("+84905000123", "START")
    client.messages.create(to="+84905000123", from_="LOA", body=LINE)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.messages.create(to="+84905000123", from_="LOA", body=LINE),
        lambda client: client.messages("SM" + "0" * 32).fetch(),
        lambda client: client.messages.list(limit=1),
    ],
    ids=["create", "fetch", "list"],
)
def test_wrong_token_is_not_authenticated(simulator, call):
    with pytest.raises(TwilioException) as refused:
        call(connect(simulator, token="wrong"))
    assert "20003" in str(vars(refused.value)) + str(refused.value.args)
    assert simulator.ledger() == []


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.messages("SM" + "0" * 32).fetch(),
        lambda client: client.api.accounts("AC" + "f" * 32).messages("SM" + "0" * 32).fetch(),
        lambda client: client.calls("CA" + "0" * 32).fetch(),
    ],
    ids=["message", "account", "resource"],
)
def test_what_does_not_exist_is_not_found(client, call):
    with pytest.raises(TwilioRestException) as missing:
        call(client)
    assert (missing.value.status, missing.value.code) == (404, 20404)


def test_list_runs_over_all_pages_newest_first(client):
    sids = send_many(client, 7)
    assert [message.sid for message in client.messages.list(page_size=3)] == sids[::-1]
    assert [message.sid for message in client.messages.list(limit=4, page_size=3)] == sids[:2:-1]


def test_page_leads_on_and_back(client):
    sids = send_many(client, 7)
    first = client.messages.page(page_size=3)
    assert first.previous_page_url is None
    second = first.next_page()
    assert [message.sid for message in second] == sids[3:0:-1]
    back = second.previous_page()
    assert [message.sid for message in back] == sids[6:3:-1]
    last = second.next_page()
    assert [message.sid for message in last] == sids[:1]
    assert last.next_page() is None


def test_pages_do_not_slip_when_messages_arrive_between_them(client):
    sids = send_many(client, 4)
    first = client.messages.page(page_size=2)
    send_many(client, 2)
    assert [message.sid for message in first.next_page()] == [sids[1], sids[0]]


def test_list_is_filtered_by_number_with_unsent_messages_in_it(client, simulator):
    simulator.faults(sent_after_s=60)
    sids = send_many(client, 3)
    simulator.reply("+84905000001", "1")
    found = client.messages.list(to="+84905000001")
    assert [(message.sid, message.date_sent) for message in found] == [(sids[1], None)]
    assert client.messages.list(to="+84905000777") == []
    assert [message.body for message in client.messages.list(from_="+84905000001")] == ["1"]
    assert [message.sid for message in client.messages.list(from_="LOA")] == sids[::-1]


def test_list_by_date_finds_sent_messages_only(client, simulator):
    simulator.faults(sent_after_s=0, delivered_after_s=60)
    sent = client.messages.create(to="+84905000001", from_="LOA", body=LINE).sid
    wait_for_status(client, sent, "sent")
    simulator.faults(sent_after_s=60)
    client.messages.create(to="+84905000001", from_="LOA", body=LINE)
    now = datetime.now(UTC)
    hour = timedelta(hours=1)

    def sids(**dates):
        return [message.sid for message in client.messages.list(to="+84905000001", **dates)]

    assert sids(date_sent_after=now - hour) == [sent]
    assert sids(date_sent_before=now + hour) == [sent]
    assert sids(date_sent_after=now - hour, date_sent_before=now + hour) == [sent]
    assert sids(date_sent=now.strftime("%Y-%m-%d")) == [sent]
    assert sids(date_sent_after=now + hour) == []
    assert sids(date_sent_before=now - hour) == []
    assert sids(date_sent="2020-08-14") == []
    assert len(sids()) == 2


def test_date_that_is_none_is_refused(client):
    with pytest.raises(TwilioException) as refused:
        client.messages.list(date_sent="hôm qua")
    assert "20001" in str(refused.value.args)


def test_message_appears_in_the_list_only_after_the_lists_delay(client, simulator):
    simulator.faults(list_delay_s=30)
    sid = client.messages.create(to="+84905000001", from_="LOA", body=LINE).sid
    assert client.messages.list(to="+84905000001") == []
    assert client.messages(sid).fetch().sid == sid
    simulator.faults(list_delay_s=0)
    assert len(client.messages.list(to="+84905000001")) == 1


def test_ledger_holds_each_accepted_message_in_order(client, simulator):
    sids = send_many(client, 3)
    lines = simulator.ledger()
    assert [line["sid"] for line in lines] == sids
    assert [line["index"] for line in lines] == [0, 1, 2]
    assert (lines[0]["To"], lines[0]["Body"], lines[0]["From"]) == ("+84905000000", LINE, "LOA")
    assert lines[0]["account"] == simulator.account_sid
    assert lines[0]["accepted_at"] <= lines[1]["accepted_at"]
    assert [line["sid"] for line in simulator.ledger(since=2)] == sids[2:]
    stats = simulator.stats()
    assert (stats["requests"], stats["accepted"], stats["distinct_numbers"]) == (3, 3, 3)


def wait_for_status(client, sid, status):
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while client.messages(sid).fetch().status != status:
        assert datetime.now(UTC) < deadline, f"{sid} never was {status}"
