"""A reply that a domestic short code's operator hands on by HTTP: see docs/inbound.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from outreach.errors import BadInput
from outreach.people.phone.cells import read_phone_cell
from outreach.sms.gateway import Inbound
from outreach.sms.moments import read_moment


class Fields(NamedTuple):
    """What an operator calls the parts of a reply."""

    id: str = "id"
    sender: str = "from"
    recipient: str = "to"
    body: str = "text"
    at: str = "at"

    def __str__(self) -> str:
        return ",".join(f"{ours}={theirs}" for ours, theirs in self._asdict().items())


DEFAULT_FIELDS = Fields()


def read_fields(text: str) -> Fields:
    """`id=mo_id,sender=msisdn` to an operator's names. Raises ValueError."""
    named = Fields()._asdict()
    for part in filter(None, map(str.strip, text.split(","))):
        ours, sign, theirs = part.partition("=")
        if not sign or ours.strip() not in named or not theirs.strip():
            raise ValueError(f"viết dạng id=…,sender=…,recipient=…,body=…,at=…; không hiểu “{part}”")
        named[ours.strip()] = theirs.strip()
    return Fields(**named)


def read_push(said: Mapping[str, str], fields: Fields) -> Inbound:
    """The reply in an operator's form. Raises BadInput for one without an id or a sender."""
    identity = said.get(fields.id, "").strip()
    sender = said.get(fields.sender, "").strip()
    if not identity or not sender:
        raise BadInput(f"Thiếu “{fields.id}” hoặc “{fields.sender}”.")
    return Inbound(
        gateway_id=f"push:{identity}",
        sender=as_number(sender),
        recipient=said.get(fields.recipient, ""),
        body=said.get(fields.body, ""),
        stopped=False,
        received_at=read_moment(said.get(fields.at, "")),
    )


def as_number(sender: str) -> str:
    """E.164 for a mobile number as operators and people write it; anything else (a short code) stays."""
    numbers = read_phone_cell(sender).numbers
    return numbers[0] if len(numbers) == 1 else sender
