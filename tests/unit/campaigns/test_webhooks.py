"""Webhooks: where they may go, what an answer means, when the next try is, and how a receiver checks one."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from campaigns.rules import webhooks
from campaigns.rules.webhooks import BACK_OFF_S, DeliveryOutcome
from outreach.rules.errors import BadInput
from tests.support.tables import cases, each_of

NOW = datetime(2020, 8, 5, 7, tzinfo=UTC)


@cases(
    *each_of("https://dulieu.example.vn/loa | https://dulieu.example.vn:8443/loa?nguon=1", True, True),
    *each_of("https://8.8.8.8/ | https://3com.example.vn/", True, True),
    *each_of("http://dulieu.example.vn/loa | http://127.0.0.1:9000/ | https://127.0.0.1/", False, True),
    *each_of("http://localhost:9000/ | https://localhost/ | https://[::1]/", False, True),
    *each_of("https://127.0.0.1./ | https://localhost./", False, True),
    *each_of("https://10.0.0.5/ | https://127.1/ | https://127.0.1:8443/", False, False),
    *each_of("https://2130706433/ | https://0x7f.1/ | https://0x7f000001/", False, False),
    *each_of("https://0X7F.0.0.0x1/ | https://0177.0.0.1/ | https://10.0.0.5./", False, False),
    *each_of("https://127%2e1/ | https://0x/ | https://example.1/", False, False),
    *each_of("https://127.0.0.1../ | https://127.1../ | https://[v1.a:b.example.vn]/", False, False),
    *each_of("https://192.168.1.1/ | https://169.254.169.254/latest/meta-data", False, False),
    *each_of("https://[fd00::1]/ | https://[::ffff:10.0.0.5]/ | https://0.0.0.0/", False, False),
    *each_of("ftp://dulieu.example.vn/ | https://ai:do@dulieu.example.vn/", False, False),
    *each_of("https://dulieu.example.vn/#a | https://dulieu.example.vn:99999/", False, False),
    *each_of("https:///loa | https://dulieu.example.vn/a b | https://dữliệu.example.vn/", False, False),
    ("https://dulieu.example.vn/" + "a" * 500, False, False),
    ("", False, False),
)
def test_an_address_is_taken_or_refused(url, in_production, in_development):
    for is_production, is_taken in ((True, in_production), (False, in_development)):
        if is_taken:
            assert webhooks.check_url(f" {url} ", is_production=is_production) == url
        else:
            with pytest.raises(BadInput):
                webhooks.check_url(url, is_production=is_production)


@cases(
        "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "fe80::1", "fc00::1", "ff02::1", "::", "::ffff:192.168.0.1",
        "64:ff9b::a00:1", "2002:a00:1::1", "::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1", "fec0::1",
    )  # fmt: skip
def test_no_webhook_goes_inside(number):
    assert not webhooks.may_connect(ip_address(number), is_production=True)
    assert not webhooks.may_connect(ip_address(number), is_production=False)


def test_this_machine_is_reached_outside_production_alone():
    for number in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        assert not webhooks.may_connect(ip_address(number), is_production=True)
        assert webhooks.may_connect(ip_address(number), is_production=False)
    assert webhooks.may_connect(ip_address("8.8.8.8"), is_production=True)
    assert webhooks.may_connect(ip_address("2001:4860:4860::8888"), is_production=True)


def test_what_an_answer_means():
    meant = {
        status: webhooks.interpret_status(status)
        for status in (200, 202, 204, 301, 400, 404, 408, 410, 425, 429, 500, 503)
    }
    assert [status for status in meant if meant[status] is DeliveryOutcome.DELIVERED] == [200, 202, 204]
    assert [status for status in meant if meant[status] is DeliveryOutcome.REFUSED] == [301, 400, 404]
    assert [status for status in meant if meant[status] is DeliveryOutcome.AWAY] == [408, 425, 429, 500, 503]
    assert webhooks.interpret_status(410) is DeliveryOutcome.GONE
    assert webhooks.interpret_status(None) is DeliveryOutcome.AWAY


def test_the_next_try_comes_later_each_time():
    waits = [(webhooks.try_again_at(tries, now=NOW) - NOW).total_seconds() for tries in range(1, 12)]
    assert waits == [*BACK_OFF_S, *[BACK_OFF_S[-1]] * 3]
    assert (webhooks.try_again_at(1, now=NOW, asked_s=60) - NOW).total_seconds() == 60
    assert (webhooks.try_again_at(1, now=NOW, asked_s=10**6) - NOW).total_seconds() == 3600


def test_a_receiver_can_check_a_signature():
    secret = webhooks.secret_of("5a17", secret_key="k" * 32)
    assert secret != webhooks.secret_of("5a18", secret_key="k" * 32)
    body = b'{"type": "ping"}'
    signed = webhooks.sign(secret, event_id="evt_1", timestamp=1596610800, body=body)
    # As Standard Webhooks has it, written out anew.
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = hmac.new(key, b"evt_1.1596610800." + body, hashlib.sha256).digest()
    assert signed == "v1," + base64.b64encode(wanted).decode()
    assert len(key) == 32
