"""The simulator misbehaves as told, and the real `twilio` library feels it."""

import json
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from tests.support.tables import cases


def send(simulator, number="+84905000123", *, timeout_s=5.0):
    client = Client(
        simulator.account_sid, simulator.auth_token, http_client=TwilioHttpClient(timeout=timeout_s)
    )
    client.api.base_url = simulator.url
    sid = client.messages.create(to=number, from_="LOA", body="Mời bà con cài Bluezone").sid
    return sid


def post_plainly(simulator):
    return requests.post(
        f"{simulator.url}/2010-04-01/Accounts/{simulator.account_sid}/Messages.json",
        data={"To": "+84905000123", "From": "LOA", "Body": "x"},
        auth=(simulator.account_sid, simulator.auth_token),
        timeout=30,
    )


@cases(({"rate_429": 1}, 429, 0), ({"rate_500": 1}, 500, 0), ({"rate_500_after": 1}, 500, 1))
def test_error_is_answered_before_or_after_acceptance(simulator, faults, status, accepted):
    simulator.faults(**faults)
    with pytest.raises(TwilioRestException) as failed:
        send(simulator)
    assert failed.value.status == status
    assert failed.value.code == {429: 20429, 500: 20500}[status]
    assert len(simulator.ledger()) == accepted


@cases(("rate_cut", 1), ("rate_cut_before", 0))
def test_cut_connection_gives_no_answer(simulator, fault, accepted):
    simulator.faults(**{fault: 1})
    with pytest.raises(requests.ConnectionError):
        send(simulator)
    assert len(simulator.ledger()) == accepted
    assert simulator.stats()["cuts"] == 1


def test_silence_is_accepted_and_never_answered(simulator):
    simulator.faults(rate_timeout=1, timeout_s=0.6)
    with pytest.raises(requests.ReadTimeout):
        send(simulator, timeout_s=0.2)
    started = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        send(simulator)
    assert 0.5 < time.monotonic() - started < 20
    assert len(simulator.ledger()) == 2


def test_latency_delays_each_answer_and_requests_overlap(simulator):
    simulator.faults(latency_ms=200)
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: send(simulator, f"+84905000{i:03d}"), range(8)))
    assert time.monotonic() - started >= 0.2
    assert simulator.stats()["max_in_flight"] > 1


@cases((None, None), (2, "2"), (0.5, "0.5"))
def test_retry_after_comes_only_when_set(simulator, retry_after_s, header):
    simulator.faults(rate_429=1, retry_after_s=retry_after_s)
    answer = post_plainly(simulator)
    assert answer.status_code == 429
    assert answer.headers.get("Retry-After") == header


def test_problem_json_carries_the_earned_error_or_too_many_requests(simulator):
    simulator.faults(rate_problem_json=1)
    with pytest.raises(TwilioServiceException) as throttled:
        send(simulator)
    assert (throttled.value.status, throttled.value.code) == (429, 20429)
    with pytest.raises(TwilioServiceException) as refused:
        send(simulator, "+84260000123")
    assert (refused.value.status, refused.value.code) == (400, 21614)
    assert post_plainly(simulator).headers["Content-Type"].startswith("application/problem+json")
    assert simulator.ledger() == []


def test_reads_fail_only_when_asked_to(simulator):
    client = Client(simulator.account_sid, simulator.auth_token)
    client.api.base_url = simulator.url
    simulator.faults(rate_500=1)
    assert client.messages.list(limit=1) == []
    simulator.faults(reads_too=True)
    with pytest.raises(TwilioRestException):
        client.messages("SM" + "0" * 32).fetch()


def test_seed_gives_each_number_the_same_fate_in_any_order(simulator):
    numbers = [f"+84905000{i:03d}" for i in range(40)]

    def fates(order):
        simulator.reset()
        simulator.faults(rate_429=0.3, rate_500_after=0.3, seed=7)
        met = {}
        for number in order:
            try:
                send(simulator, number)
                met[number] = 201
            except TwilioRestException as error:
                met[number] = error.status
        return met

    there, back = fates(numbers), fates(numbers[::-1])
    assert there == back
    assert set(there.values()) == {201, 429, 500}


def test_partial_change_keeps_the_rest_and_reset_ends_all(simulator):
    before = simulator.faults(reset=True)
    assert simulator.faults(rate_cut=0.05)["rate_cut"] == 0.05
    changed = simulator.faults(latency_ms=20)
    assert (changed["rate_cut"], changed["latency_ms"]) == (0.05, 20)
    assert simulator.faults(reset=True) == before
    simulator.faults(rate_cut=0.05)
    assert requests.delete(f"{simulator.url}/_faults", timeout=30).json() == before
    assert requests.get(f"{simulator.url}/_faults", timeout=30).json() == before


@cases(
    {"rate_typo": 1},
    {"rate_cut": 5},
    {"rate_cut": -0.1},
    {"rate_cut": "0.5"},
    {"callbacks_off": 1},
    {"callbacks_repeat": 1.5},
    {"latency_ms": None},
    {"latency_ms": float("nan")},
)
def test_impossible_setting_is_named_and_changes_nothing(simulator, changes):
    before = simulator.faults()
    with pytest.raises(urllib.error.HTTPError) as refused:
        simulator.faults(rate_429=0.5, **changes)
    assert refused.value.code == 400
    assert next(iter(changes)) in json.loads(refused.value.read())["error"]
    assert simulator.faults() == before


@pytest.mark.parametrize("body", [b"[1]", b"rate_cut=1", b"\xff\xfe"])
def test_body_that_is_no_json_object_is_refused(simulator, body):
    assert requests.post(f"{simulator.url}/_faults", data=body, timeout=30).status_code == 400
