"""Webhook rules: allowed addresses, meaning of a response, retry times and signature.

The signature follows Standard Webhooks: `webhook-signature` is `v1,` and the base64 of HMAC-SHA256, under the
secret's bytes, over `<webhook-id>.<webhook-timestamp>.<body>`.
"""

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from outreach.rules.errors import BadInput

LONGEST_URL = 500
_PLAIN_URL = re.compile(rf"[!-~]{{1,{LONGEST_URL}}}")
# After this time a delivery has failed, and an administrator decides.
TRIED_FOR = timedelta(days=1)
# Seconds until the next try; the last value is used for all later tries.
BACK_OFF_S = (5, 30, 120, 300, 900, 1800, 3600, 7200)
_LONGEST_WAIT_S = 3600  # of a receiver's Retry-After
# A host whose last part is a number is an address, not a name (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
# NAT64 and 6to4: a public-looking address may contain a private one.
_EMBEDDING_NETWORKS = (
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0:0/96"),
    IPv6Network("fec0::/10"),
)


class EventKind(StrEnum):
    """Kinds of events sent to webhooks."""

    ANSWER_RECORDED = "answer.recorded"
    INSTALL_REPORTED = "install.reported"
    INSTALL_WITHDRAWN = "install.withdrawn"
    OPT_OUT = "opt_out"
    CAMPAIGN_STATE = "campaign.state"
    MESSAGE_FINAL = "message.final"
    PING = "ping"  # sent on request, to test the receiver


class DeliveryOutcome(StrEnum):
    """Outcomes of one try to deliver an event."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # the receiver rejects this event; later events are not held up
    AWAY = "away"  # unreachable or busy: all later events wait, in their order
    GONE = "gone"  # the receiver is gone for good (410)


def check_url(url: str, *, is_production: bool) -> str:
    """Return the checked address of a receiver.

    Raises BadInput, also for a numeric address of the local network and for any number that is not written in full:
    programs read 127.1 and 0x7f000001 as this machine.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInput("webhook_address_wrong") from error
    host = host.removesuffix(".")
    if not host or "%" in host or not _PLAIN_URL.fullmatch(url):
        raise BadInput("webhook_address_wrong")
    if parts.scheme != "https" and (is_production or parts.scheme != "http"):
        raise BadInput("webhook_not_https")
    if parts.username or parts.password or parts.fragment:
        raise BadInput("webhook_address_secret")
    if _is_inside(host, is_production=is_production):
        raise BadInput("webhook_address_internal")
    return url


def _is_inside(host: str, *, is_production: bool) -> bool:
    """Return whether a host is this machine or a network of its own. Raises BadInput for a number not written in full."""
    try:
        return not may_connect(ip_address(host), is_production=is_production)
    except ValueError as error:
        # With a colon or an empty part it is no name either, though programs may take it for an address.
        if ":" in host or "" in host.split(".") or _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise BadInput("webhook_address_number") from error
    return is_production and (host == "localhost" or host.endswith(".localhost"))


def may_connect(address: IPv4Address | IPv6Address, *, is_production: bool) -> bool:
    """Return whether a webhook may connect to this address: public, or loopback outside production."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return may_connect(address.ipv4_mapped, is_production=is_production)
        if not address.is_loopback and any(address in network for network in _EMBEDDING_NETWORKS):
            return False
    if address.is_loopback:
        return not is_production
    return address.is_global and not address.is_multicast


def interpret_status(status: int | None) -> DeliveryOutcome:
    """Return the outcome for a response status; None as status means that no response came."""
    if status is None or status in (408, 425, 429) or status >= 500:
        return DeliveryOutcome.AWAY
    if 200 <= status < 300:
        return DeliveryOutcome.DELIVERED
    return DeliveryOutcome.GONE if status == 410 else DeliveryOutcome.REFUSED


def try_again_at(tries: int, *, now: datetime, asked_s: int = 0) -> datetime:
    """Return when to try again after `tries`: an hour at most, but not before the receiver asked for."""
    wait = BACK_OFF_S[min(max(tries, 1), len(BACK_OFF_S)) - 1]
    return now + timedelta(seconds=max(wait, min(asked_s, _LONGEST_WAIT_S)))


PREFIX = "whsec_"


def secret_of(salt: str, *, secret_key: str) -> str:
    """Return a subscription's secret, derived from the salt, which is worthless without the secret key."""
    raw = hmac.digest(secret_key.encode(), f"webhook:{salt}".encode(), hashlib.sha256)
    return PREFIX + base64.b64encode(raw).decode()


def sign(secret: str, *, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of one try; its time in seconds keeps an old request from being replayed."""
    raw = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(raw, signed, hashlib.sha256)).decode()
