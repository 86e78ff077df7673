"""The gateway's calls to us: who may call, and what they say."""

import base64
import hashlib
import hmac

import pytest

from outreach.core.settings import Settings
from outreach.rules.gateway import Cause, DeliveryStatus, InboundMessage, StatusReport
from outreach.sms.twilio import TwilioWebhooks
from tests.support.tables import cases
from tests.support.twilio_server import TO

TOKEN = "a token"
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": TO}


def signed(url, form, token=TOKEN):
    """As Twilio describes it: the address, then every name and value in the order of the names."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@pytest.mark.parametrize(
    "base",
    ["http://127.0.0.1:8000", "https://loa.example", "https://loa.example/loa", "https://loa.example:8443"],
)
@pytest.mark.parametrize("path", ["/webhooks/twilio/status/7", "/webhooks/twilio/inbound?list=a%20b&x=1"])
def test_a_genuine_call_was_signed_for_the_public_address(base, path):
    """Behind a proxy the web sees another scheme and host; only the public address was signed."""
    webhooks = TwilioWebhooks(Settings(public_base_url=base, twilio_auth_token=TOKEN))
    assert webhooks.is_genuine(url=path, form=FORM, signature=signed(base + path, FORM))
    for forged in (
        None,
        "",
        "x",
        "é",
        signed(base + path, FORM, "another token"),
        signed(base + path, {**FORM, "MessageStatus": "failed"}),
        signed(base + "/webhooks/twilio/status/8", FORM),
        signed("http://web.internal" + path, FORM),
    ):
        assert not webhooks.is_genuine(url=path, form=FORM, signature=forged)


def test_a_right_signature_with_another_account_is_refused():
    """A subaccount of the same owner signs with the same token."""
    base, path, ours = "https://loa.example", "/webhooks/twilio/inbound", "AC" + "1" * 32
    webhooks = TwilioWebhooks(
        Settings(public_base_url=base, twilio_auth_token=TOKEN, twilio_account_sid=ours)
    )
    for account, is_taken in ((ours, True), ("AC" + "2" * 32, False), ("", False)):
        form = {**FORM, "AccountSid": account}
        assert webhooks.is_genuine(url=path, form=form, signature=signed(base + path, form)) is is_taken


def test_the_query_belongs_to_what_was_signed():
    webhooks = TwilioWebhooks(Settings(public_base_url="https://loa.example", twilio_auth_token=TOKEN))
    signature = signed("https://loa.example/webhooks/twilio/inbound", FORM)
    assert not webhooks.is_genuine(url="/webhooks/twilio/inbound?x=1", form=FORM, signature=signature)
    assert not webhooks.is_genuine(
        url="/webhooks/twilio/inbound?bodySHA256=" + "0" * 64, form=FORM, signature=signature
    )


def test_a_signature_of_attempt_29_opens_no_other_attempt():
    """Name and value follow each other without separators: 2 + 9AccountSid reads like 29 + AccountSid."""
    base = "https://loa.example/webhooks/twilio/status/"
    webhooks = TwilioWebhooks(Settings(public_base_url="https://loa.example", twilio_auth_token=TOKEN))
    form = FORM
    signature = signed(base + "29", form)
    moved = {f"9{name}" if name == min(form) else name: value for name, value in form.items()}
    assert signed(base + "2", moved) == signature
    assert webhooks.is_genuine(url="/webhooks/twilio/status/29", form=form, signature=signature)
    assert not webhooks.is_genuine(url="/webhooks/twilio/status/2", form=moved, signature=signature)


def test_a_call_without_fields_can_be_genuine():
    webhooks = TwilioWebhooks(Settings(public_base_url="https://loa.example", twilio_auth_token=TOKEN))
    url = "/webhooks/twilio/inbound"
    assert webhooks.is_genuine(url=url, form={}, signature=signed("https://loa.example" + url, {}))


@cases(
    (FORM, StatusReport("SM1", DeliveryStatus.DELIVERED)),
    ({"SmsSid": "SM1", "SmsStatus": "sent"}, StatusReport("SM1", DeliveryStatus.SENT)),
    ({"MessageSid": "SM1", "MessageStatus": "queued"}, StatusReport("SM1", DeliveryStatus.ACCEPTED)),
    ({"MessageSid": "SM1", "MessageStatus": "read"}, StatusReport("SM1", DeliveryStatus.DELIVERED)),
    ({"MessageSid": "SM1", "MessageStatus": "canceled"}, StatusReport("SM1", DeliveryStatus.FAILED)),
    (
        {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"},
        StatusReport("SM1", DeliveryStatus.UNDELIVERED, Cause.UNREACHABLE, "30003"),
    ),
    (
        {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "39999", "New": "1"},
        StatusReport("SM1", DeliveryStatus.FAILED, Cause.OTHER, "39999"),
    ),
    (
        {"MessageSid": "SM1", "MessageStatus": "sent", "ErrorCode": ""},
        StatusReport("SM1", DeliveryStatus.SENT),
    ),
    ({"MessageSid": "SM1", "MessageStatus": "teleported"}, StatusReport("SM1", None)),
    ({"MessageSid": "SM1"}, StatusReport("SM1", None)),
    ({}, StatusReport("", None)),
)
def test_a_status_callback_is_read(form, report):
    assert TwilioWebhooks(Settings()).read_status(form) == report


@cases(
    (
        {"MessageSid": "SM1", "From": TO, "To": "MTTQ", "Body": "Đã cài", "NumMedia": "0"},
        InboundMessage("SM1", TO, "MTTQ", "Đã cài", is_opt_out=False),
    ),
    (
        {"SmsSid": "SM1", "From": TO, "To": "MTTQ", "Body": "TC", "OptOutType": "STOP"},
        InboundMessage("SM1", TO, "MTTQ", "TC", is_opt_out=True),
    ),
    (
        {"MessageSid": "SM1", "From": TO, "To": "MTTQ", "Body": "HELP", "OptOutType": "HELP"},
        InboundMessage("SM1", TO, "MTTQ", "HELP", is_opt_out=False, is_help_request=True),
    ),
    (
        {"MessageSid": "SM1", "From": TO, "To": "MTTQ", "Body": "START", "OptOutType": "START"},
        InboundMessage("SM1", TO, "MTTQ", "START", is_opt_out=False),
    ),
    ({}, InboundMessage("", "", "", "", is_opt_out=False)),
)
def test_a_residents_message_is_read(form, inbound):
    assert TwilioWebhooks(Settings()).read_inbound(form) == inbound
