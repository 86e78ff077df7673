"""What identifies a message at a gateway, for each road: by what, for how long, and under whose clock. Pure.

Nothing is settled by less than is declared here. What cannot be told by it is put to a person, with what is known.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum

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
