"""Profiles of aggregators: what is asked, what answers and callbacks mean, addresses that nobody can guess."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from outreach.rules import gateway
from outreach.rules.aggregator import AttemptNames, fill, read_answer, read_price, read_report, values_of
from outreach.sms.aggregator import load_profile
from tests.support.tables import cases, each_of

FILES = sorted((Path(__file__).resolve().parents[3] / "outreach" / "sms" / "aggregators").glob("*.toml"))


def profile(name):
    return load_profile(name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_profile_says_that_nobody_has_tested_it(path):
    shipped = profile(path.stem)
    assert shipped.tested == ""
    assert "untested against" in path.read_text("utf-8")
    message = gateway.OutboundMessage(7, "+84905000123", "LOA", "Mời ông/bà")
    values = values_of(message, shipped, key="K", secret="S", request="r-7", callback="https://loa.example/x")
    fields = json.dumps({name: fill(field, values) for name, field in shipped.send["fields"].items()})
    assert "{" not in fields[1:-1]
    assert "905000123" in fields


def test_request_has_the_fields_of_the_interface():
    esms = profile("esms")
    message = gateway.OutboundMessage(7, "+84905000123", "MTTQ", "Mời {ông}/bà")
    values = values_of(message, esms, key="K", secret="S", request="r-7", callback="https://loa.example/x")
    fields = {name: fill(field, values) for name, field in esms.send["fields"].items()}
    assert (fields["Phone"], fields["Content"], fields["IsUnicode"]) == ("0905000123", "Mời {ông}/bà", "1")
    assert (fields["RequestId"], fields["CallbackUrl"]) == ("r-7", "https://loa.example/x")


@cases(
    (200, {"CodeResult": "100", "SMSID": "abc"}, gateway.Accepted("abc")),
    (200, {"codeResult": 100, "smsid": "abc"}, gateway.Accepted("abc")),
    (200, {"CodeResult": "100"}, gateway.OutcomeUnknown("no_id")),
    (200, {"CodeResult": "124"}, gateway.Accepted("")),  # taken before
    (200, {"CodeResult": "146"}, gateway.Refused(gateway.Cause.BAD_TEXT, "146")),
    (200, {"CodeResult": "103"}, gateway.Refused(gateway.Cause.ACCOUNT, "103")),
    (200, {"CodeResult": "104"}, gateway.Refused(gateway.Cause.BAD_SENDER, "104")),
    (200, {"CodeResult": "790"}, gateway.Refused(gateway.Cause.BAD_TEXT, "790")),  # a notice's parameters
    (200, {"CodeResult": "799"}, gateway.Refused(gateway.Cause.ACCOUNT, "799")),  # its official account
    (200, {"CodeResult": "999"}, gateway.Refused(gateway.Cause.OTHER, "999")),
    (200, None, gateway.OutcomeUnknown("http_200")),  # a proxy's page
    (200, [], gateway.OutcomeUnknown("http_200")),
    (429, None, gateway.Throttled()),
    (502, None, gateway.OutcomeUnknown("http_502")),
    (500, {"CodeResult": "999"}, gateway.OutcomeUnknown("http_500")),
    (401, None, gateway.Refused(gateway.Cause.ACCOUNT, "401")),
    (404, None, gateway.Refused(gateway.Cause.ACCOUNT, "404")),  # a wrong address
)
def test_answer_becomes_an_outcome(status, answer, outcome):
    assert read_answer(profile("esms"), status, answer) == outcome


@cases(
    ({"SendStatus": "5", "SendSuccess": "1", "SendFailed": "0"}, gateway.DeliveryStatus.DELIVERED),
    ({"SendStatus": 5, "SendSuccess": 0, "SendFailed": 1}, gateway.DeliveryStatus.UNDELIVERED),
    ({"SendStatus": "4"}, gateway.DeliveryStatus.FAILED),
    ({"SendStatus": "5"}, gateway.DeliveryStatus.SENT),
    ({"SendStatus": "1"}, gateway.DeliveryStatus.ACCEPTED),
    ({"SendStatus": "new"}, None),
    ({}, None),
)
def test_callback_becomes_a_report(fields, status):
    report = read_report(profile("esms"), {"SMSID": "abc", **fields})
    assert (report.gateway_id, report.status) == ("abc", status)


@pytest.mark.parametrize("price", ["1e999999", "-350", "NaN", "sNaN", "Infinity", "9" * 400, "x", "", [1]])
def test_a_price_that_no_message_has_is_left_out_and_the_report_counts(price):
    assert read_price(profile("esms-multichannel"), {"TotalPrice": price}) is None
    assert read_price(profile("esms-multichannel"), {"TotalPrice": "350.5"}) == Decimal("350.5")


def test_address_of_a_callback_cannot_be_guessed():
    names, other = AttemptNames("a" * 32), AttemptNames("b" * 32)
    assert names.attempt_id(names.callback(12)) == 12
    guesses = ["12", "12-", "13" + names.callback(12)[2:], other.callback(12), "x-y", "12-é", "9" * 40 + "-a"]
    assert [names.attempt_id(guess) for guess in guesses] == [None] * len(guesses)
    assert names.request(12) == names.request(12) != other.request(12)


def night(clock):
    return datetime.fromisoformat(f"2026-11-30T{clock}+07:00")


@cases(
    *each_of("12:00 | 00:12", gateway.Lasting.DAY, "23:50"),
    ("00:05", gateway.Lasting.DAY, "00:05"),  # the gateway may have counted it to the day before
    ("23:55", gateway.Lasting.DAY, "23:55"),  # by the gateway's clock the day may be over
    ("12:00", None, "12:00"),
)
def test_a_request_is_made_again_only_on_the_day_of_its_id(asked, lasting, until):
    assert gateway.repeats_until(night(asked).astimezone(UTC), lasting) == night(until)
    assert gateway.repeats_until(night(asked), gateway.Lasting.ALWAYS) > night(asked) + timedelta(days=10_000)


@cases(("esms", "day"), ("vietguys", "day"), ("speedsms", None))
def test_a_profile_says_how_long_a_repeated_request_is_none(name, lasting):
    assert profile(name).request_id == lasting


PLAIN = '{"error":%s,"message":"no"}'
QUOTED = '"{\\"error\\":%s,\\"message\\":\\"no\\"}"'
TWICE = (
    "%%7B%%22data%%22%%3Anull%%2C%%22error%%22%%3A%s%%2C%%22message%%22%%3A%%22no%%22%%7D____24%%2F04%%2F2024"
)
LAST = '{"message": "no", "error": %s}'


@cases(
    (PLAIN % -118, "no_account"),
    (QUOTED % -119, "no_account"),
    (QUOTED % -114, "declined"),
    (TWICE % -141, "declined"),
    (LAST % -139, "declined"),
    (LAST % -144, "notice_limit"),
    (PLAIN % -147, "notice_limit"),
    (PLAIN % -1441, "other"),  # another code than -144
    (PLAIN % -124, "account"),
    (PLAIN % -131, "bad_text"),
    (PLAIN % -133, "other"),
    (PLAIN % 1001, "unreachable"),  # of eSMS: not online in time
    ("", "unreachable"),
)
def test_why_a_notice_did_not_arrive_is_read_in_each_form_that_callbacks_have(error, cause):
    """The forms are those of eSMS's page "Callback Url", the codes Zalo's."""
    fields = {"SendStatus": "5", "SendSuccess": "0", "SendFailed": "1", "TypeId": "25", "error_info": error}
    alone = read_report(profile("esms"), fields, of_notice=True)
    assert (alone.status, alone.cause) == (gateway.DeliveryStatus.UNDELIVERED, cause)
    both = read_report(profile("esms-multichannel"), fields, of_notice=True)
    is_told = cause in ("no_account", "declined", "notice_limit") or "1001" in error
    known = cause if is_told else "other"
    assert (both.status, both.cause) == (gateway.DeliveryStatus.SENT, known)
