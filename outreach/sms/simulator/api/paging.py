"""Twilio's list of messages: filters, newest first, pages chained by tokens.

A token names the message at the edge of the page before: `PA` and its sid for what is older, `PB` for
what is newer. Times are inclusive on both sides, as Twilio's `DateSent<` and `DateSent>` are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from outreach.sms.simulator.exchange.messages import Sms, to_twilio
from outreach.sms.simulator.exchange.store import Store

DEFAULT_SIZE, LARGEST_SIZE = 50, 1000
_DAY_S = 86_400


class BadDate(ValueError):
    """A DateSent that is neither a day nor a time."""


class BadPage(ValueError):
    """A page number without a token, or a token that names no message."""


@dataclass(frozen=True, slots=True)
class Filters:
    """`sent_from` and `sent_until` are epoch seconds, inclusive; None where nothing is asked."""

    to: str | None
    from_: str | None
    sent_from: float | None
    sent_until: float | None

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Filters:
        """Raises BadDate."""
        starts, ends = [], []
        for name in ("DateSent", "DateSent<", "DateSent>"):
            if query.get(name):
                first, last = _span(query[name])
                starts += [first] if name != "DateSent<" else []
                ends += [last] if name != "DateSent>" else []
        return cls(
            to=query.get("To") or None,
            from_=query.get("From") or None,
            sent_from=max(starts, default=None),
            sent_until=min(ends, default=None),
        )

    def admit(self, sms: Sms) -> bool:
        if self.to is not None and sms.to != self.to:
            return False
        if self.from_ is not None and sms.from_ != self.from_:
            return False
        if self.sent_from is None and self.sent_until is None:
            return True
        if sms.sent is None:
            return False
        second = int(sms.sent)
        return (self.sent_from is None or second >= self.sent_from) and (
            self.sent_until is None or second <= self.sent_until
        )


def list_page(store: Store, query: Mapping[str, str], *, path: str, shown_until: float) -> dict[str, Any]:
    """One page of the messages created before `shown_until`. Raises BadDate or BadPage."""
    filters = Filters.parse(query)
    size = _size(query.get("PageSize"))
    number = int(page) if (page := query.get("Page", "0")).isdigit() and page.isascii() else 0
    token = query.get("PageToken", "")
    if number and not token:
        raise BadPage("no token")
    edge = store.by_sid.get(token[2:]) if token else None
    if token and (edge is None or token[:2] not in ("PA", "PB")):
        raise BadPage("unknown token")

    def admitted(found: Iterable[Sms]) -> Iterable[Sms]:
        return (sms for sms in found if sms.created <= shown_until and filters.admit(sms))

    if edge is not None and token.startswith("PB"):
        newer = store.oldest_first(to=filters.to, from_=filters.from_, after_seq=edge.seq)
        rows = list(islice(admitted(newer), size))[::-1]
        has_older = True
    else:
        older = store.newest_first(
            to=filters.to, from_=filters.from_, before_seq=None if edge is None else edge.seq
        )
        rows = list(islice(admitted(older), size + 1))
        has_older, rows = len(rows) > size, rows[:size]

    def uri(page: int, page_token: str | None) -> str:
        kept = {name: value for name, value in query.items() if name not in ("Page", "PageToken", "PageSize")}
        kept |= {"PageSize": str(size), "Page": str(page)}
        return f"{path}?{urlencode(kept | ({'PageToken': page_token} if page_token else {}))}"

    return {
        "first_page_uri": uri(0, None),
        "previous_page_uri": uri(number - 1, "PB" + rows[0].sid) if number and rows else None,
        "next_page_uri": uri(number + 1, "PA" + rows[-1].sid) if has_older and rows else None,
        "uri": uri(number, token or None),
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(0, len(rows) - 1),
        "messages": [to_twilio(sms) for sms in rows],
    }


def _size(raw: str | None) -> int:
    if not raw or not (raw.isascii() and raw.isdigit()):
        return DEFAULT_SIZE
    return max(1, min(int(raw), LARGEST_SIZE))


def _span(text: str) -> tuple[float, float]:
    """First and last second that `text` means: a whole day of UTC, or one second."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadDate(text) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    start = int(moment.timestamp())
    return (start, start + _DAY_S - 1) if len(text) == len("2020-08-14") else (start, start)
