"""Gateway port: messages, outcomes, causes of failure, and the protocols of a gateway. Pure.

A gateway returns an outcome for each request; it never raises for an error or a missing answer of the other side. The
outcome tells the caller what to do next:

Accepted         the gateway has the message and gave it an id
Refused          final: the gateway will never send this message
Throttled        the request was never processed; try again later
OutcomeUnknown   the gateway may have the message: reconcile, never resend blindly
RequestExpired   the request's time was over before it could leave

Also here: the sample numbers of this project. Real subscribers may have them, so a live gateway never gets one.

What identifies a message at a gateway is declared for each road: by what, for how long, and under whose clock. Nothing is settled
by less than is declared. What cannot be told by it is put to a person, with what is known.

How many requests may be under way at once on one connection is learned from a gateway's answers.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

VIETNAM = timezone(timedelta(hours=7))
# A gateway's clock may differ from the database's by this much. Near midnight it is not known which day it counts.
CLOCK_SLACK = timedelta(minutes=10)


class Lookup(StrEnum):
    """How it is found out what became of a request that nobody saw the end of."""

    NUMBER = "number"  # the gateway lists what went to a number, with texts
    OUR_ID = "our_id"  # the gateway keeps an id of ours with the message
    REPEAT = "repeat"  # the same request again: a second message is refused by its id, while that stands
    NOTHING = "nothing"  # there is no question to ask: a report, or a person


class Lasting(StrEnum):
    """For how long a gateway refuses an id of ours that it has seen."""

    DAY = "day"  # within a day of Vietnam by the gateway's clock, as eSMS says ("trong ngày")
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class MessageIdentity:
    """What identifies a message on one road.

    `request_id`: how long an id of ours keeps the gateway from taking a request twice, None where it has none.
    `message_id`: how long the gateway's own id means one message to a number, None for ever. After that, or where two
    messages have it within that time, only what the report carries beside it can tell them apart.
    """

    lookup: Lookup
    request_id: Lasting | None = None
    message_id: timedelta | None = None


ROADS = {
    # Ids are unique for ever; a callback's address has the attempt's id.
    "twilio": MessageIdentity(Lookup.NUMBER),
    "simulator": MessageIdentity(Lookup.NUMBER),
    # The phone keeps our id with each message for as long as its list goes back.
    "phone": MessageIdentity(Lookup.OUR_ID),
    # A centre counts its ids anew after a restart. A message ends within its validity, and its receipt comes within 72
    # hours. A receipt also names the message by our reference where it gives that back, or by what it quotes of the text.
    "smpp": MessageIdentity(Lookup.NOTHING, message_id=timedelta(hours=72)),
}


def aggregator_road(request_id: Lasting | None) -> MessageIdentity:
    """Return the road of an aggregator, whose profile says how long an id of ours stands. Its callbacks name the attempt."""
    return MessageIdentity(Lookup.REPEAT if request_id else Lookup.NOTHING, request_id)


def repeats_until(asked_at: datetime, lasting: Lasting | None) -> datetime:
    """Return until when a request that was first made at `asked_at` may be made again under its id: no second message.

    `asked_at` itself where it may not at all: near midnight, the gateway may have counted it to a day that is over.
    """
    if lasting is None:
        return asked_at
    if lasting is Lasting.ALWAYS:
        return datetime.max.replace(tzinfo=asked_at.tzinfo)
    day = asked_at.astimezone(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    if asked_at < day + CLOCK_SLACK:
        return asked_at
    return max(asked_at, day + timedelta(days=1) - CLOCK_SLACK)


class DeliveryStatus(StrEnum):
    """Delivery status of a message, as reported by the gateway."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


class Cause(StrEnum):
    """Cause why a message was not sent or not delivered, the same for all gateways."""

    BAD_NUMBER = "bad_number"
    NOT_MOBILE = "not_mobile"
    OPTED_OUT = "opted_out"
    UNREACHABLE = "unreachable"
    BLOCKED = "blocked"
    BAD_SENDER = "bad_sender"
    BAD_TEXT = "bad_text"
    ACCOUNT = "account"
    EXPIRED = "expired"
    BUSY = "busy"
    SAMPLE_NUMBER = "sample_number"
    NO_ACCOUNT = "no_account"  # of notices: the number is not on the channel
    DECLINED = "declined"  # of notices: it takes none, or its app cannot show them
    NOTICE_LIMIT = "notice_limit"  # of notices: as many as may leave in a day have left
    OTHER = "other"


class Channel(StrEnum):
    """How an attempt is to reach the phone."""

    SMS = "sms"
    ZALO = "zalo"  # a templated notice; where it does not arrive, a text follows as the next attempt
    BOTH = "both"  # one request for both: the provider sends the text where its notice does not arrive


class Proof(StrEnum):
    """What a gateway's report that a message was delivered comes from."""

    HANDSET = "handset"
    OPERATOR = "operator"
    NOTHING = "nothing"


class Notice(NamedTuple):
    """A notice by its registered template, with the values of its parameters in the template's order."""

    template: str
    values: tuple[str, ...]
    channel: Channel = Channel.ZALO

    def as_stored(self) -> str:
        """Return what `read_notice` reads, as an attempt keeps it beside its channel."""
        return json.dumps(self[:2])


def goes_alone(notice: Notice | None) -> bool:
    """Return whether only a notice leaves now: its text may follow."""
    return notice is not None and notice.channel is Channel.ZALO


def read_notice(stored: str, channel: str) -> Notice:
    """Return the notice of an attempt that has one."""
    template, values = json.loads(stored)
    return Notice(template, tuple(values), Channel(channel))


@dataclass(slots=True)
class OutboundMessage:
    """One request. `attempt_id` goes into the callback URL; after `validity_s` the gateway stops trying.

    `is_over` is asked when the connection is in hand: if it returns True the request is not made. With a `notice` that goes,
    alone or before the text.
    """

    attempt_id: int
    to: str
    sender: str
    body: str
    validity_s: int | None = None
    is_over: Callable[[], bool] | None = None
    notice: Notice | None = None


class Accepted(NamedTuple):
    """Outcome of an accepted message; `segments` are those billed, `price` in `unit` (USD, VND). None if not known yet.

    `parts` are the ids of all its parts, where the gateway reports on each by itself.
    """

    gateway_id: str
    status: DeliveryStatus = DeliveryStatus.ACCEPTED
    segments: int | None = None
    price: Decimal | None = None
    unit: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Outcome of a message that the gateway will never send; `code` is the gateway's own."""

    cause: Cause
    code: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Outcome of a request that was not processed and may be repeated later.

    `fault` says why where the gateway itself did not say it: "certificate" or "connection". `is_eased`: less is under way for
    it already, so that others need not wait.
    """

    retry_after_s: float | None = None
    fault: str = ""
    is_eased: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """Outcome of a request without a clear answer: the gateway may have the message.

    `detail` is the kind of failure (a class or an HTTP status), never a number or a text.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class RequestExpired:
    """Outcome of a request that was not made, as its time was over before it could leave."""


Outcome = Accepted | Refused | Throttled | OutcomeUnknown | RequestExpired


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """Message in the gateway's own list.

    `created_at` is the latest moment of our clock at which it may have been created; None where it is not given.
    """

    gateway_id: str
    body: str
    created_at: datetime | None
    status: DeliveryStatus
    cause: Cause | None = None
    code: str | None = None
    attempt_id: int | None = None  # where the gateway stores an id of ours


@dataclass(frozen=True, slots=True)
class BilledMessage:
    """Message in the gateway's list of a day, with its price in `unit` (USD, VND), None until the gateway has billed it.

    `segments` and `status` are None where they are not given.
    """

    gateway_id: str
    price: Decimal | None
    unit: str
    segments: int | None
    status: DeliveryStatus | None = None
    cause: Cause | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Parsed status callback. `status` is None for an unknown value."""

    gateway_id: str
    status: DeliveryStatus | None
    cause: Cause | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """Parsed reply of a resident. `sender` is E.164.

    `is_opt_out` if the gateway treated it as an opt-out, `is_help_request` if as a call for help: it has answered both
    itself. `received_at` is when the gateway received it, None where it is not given. `raw` is what came where not all of it
    could be read; without `is_whole` a part is missing. `delivery` names the connection and request by which it came, where
    the gateway has no id for it: `gateway_id` then stands for all that it carried. Where it is not `is_own`, somebody else may have
    named the number.
    """

    gateway_id: str
    sender: str
    recipient: str
    body: str
    is_opt_out: bool
    is_help_request: bool = False
    received_at: datetime | None = None
    raw: bytes | None = None
    is_whole: bool = True
    is_own: bool = True
    delivery: str = ""

    @property
    def is_answered(self) -> bool:
        """Return whether the gateway has answered it itself."""
        return self.is_opt_out or self.is_help_request


@dataclass(frozen=True, slots=True)
class Receipt:
    """Delivery report that does not name our attempt.

    `message_ids` are the gateway's, as it writes them; one of `numbers` (E.164) is the phone's. `reference` is ours where the
    gateway gives it back, `text` the beginning of the message.
    """

    message_ids: tuple[str, ...]
    numbers: tuple[str, ...]
    status: DeliveryStatus
    cause: Cause | None = None
    code: str | None = None
    reference: int | None = None
    text: str = ""
    account_id: int = 1


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """Answer to a request that came when the attempt's outcome was unknown already: it was accepted."""

    attempt_id: int
    gateway_id: str


@dataclass(frozen=True, slots=True)
class InboundPart:
    """One part of a resident's long reply, for which the gateway has no id; the rest as in InboundMessage."""

    sender: str
    recipient: str
    reference: int
    total: int
    number: int
    body: str
    gateway_id: str = ""
    delivery: str = ""
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Deliveries of which the gateway has our answer by now, each as `kept_id`: what is equal to one was said again."""

    kept_ids: tuple[str, ...]


def kept_id(message: InboundMessage | InboundPart) -> str:
    """Return the id under which a message without one is kept: of all that it carried, and of the delivery by which it came."""
    return f"{message.gateway_id}:{message.delivery}"


InboxItem = Receipt | LateAnswer | InboundPart | InboundMessage | Answered
# Stores what came in over a connection of our own, and returns once it is durable; raises if it is not.
Inbox = Callable[[list[InboxItem]], Awaitable[None]]


class Gateway(Protocol):
    """Client of a gateway for sending. Belongs to one event loop, with one connection pool.

    By default it has neither a list of messages nor one of prices.
    """

    @property
    def request_id(self) -> Lasting | None:
        """For how long `send` may be called again for the same attempt: no second message comes of it. None: never."""
        return None

    async def send(self, message: OutboundMessage) -> Outcome: ...

    async def list_to(self, number: str, *, attempt_id: int) -> list[ListedMessage]:
        """Return the newest messages to a number, or the attempt's own. Raises GatewayUnavailable."""
        raise GatewayUnavailable("no list")

    async def ask(self, gateway_id: str, *, of_notice: bool = False) -> StatusReport | None:
        """Ask what became of a message; None where there is no such question. Raises GatewayUnavailable."""
        return None

    async def list_billed(self, day: date) -> AsyncIterator[list[BilledMessage]]:
        """Yield pages of all messages sent on a day (UTC), with prices and statuses. Raises GatewayUnavailable."""
        no_pages: tuple[list[BilledMessage], ...] = ()
        for page in no_pages:
            yield page

    async def close(self) -> None: ...


class Webhooks(Protocol):
    """Reader of a gateway's calls to the web: checks their signature and parses them."""

    def is_genuine(self, *, url: str, form: Mapping[str, str], signature: str | None) -> bool: ...

    def read_status(self, form: Mapping[str, str]) -> StatusReport: ...

    def read_inbound(self, form: Mapping[str, str]) -> InboundMessage: ...


class GatewayUnavailable(Exception):
    """Failure to read the gateway's list; nothing is known, try again later."""


_SAMPLE = re.compile(r"^\+84\d{3}000\d{3}$")


def is_sample_number(number: str) -> bool:
    return _SAMPLE.match(number) is not None


LEAST = 1.0
FIRST = 2.0
LOWER_BY = 0.7
RAISE_AFTER = 8  # a window is raised by one after it was accepted so many times over


def is_too_much(outcome: Outcome) -> bool:
    """Return whether a gateway says by this that less should be under way: throttled, or the account refused."""
    match outcome:
        case Throttled(fault=fault):
            return not fault
        case Refused(cause):
            return cause in (Cause.ACCOUNT, Cause.BAD_SENDER)
        case _:
            return False


def next_size(
    size: float, outcome: Outcome, *, under_way: int, most: int, is_stale: bool, is_new: bool = False
) -> float:
    """Return the window after an answer: additive up while it is full, multiplicative down at a refusal.

    `under_way`: requests when the answer came, with its own. `is_stale`: the request was made before the window was last
    lowered, so its refusal says nothing of the window of now. `is_new`: it has never been lowered; then it doubles with each
    time that it was accepted, so that a gateway which takes few is not asked for many to learn that.
    """
    if is_too_much(outcome):
        return size if is_stale else max(LEAST, min(size, under_way) * LOWER_BY)
    if isinstance(outcome, Accepted) and under_way >= int(size):
        return min(float(most), size + (1 if is_new else 1 / (RAISE_AFTER * size)))
    return size
