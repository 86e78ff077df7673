"""What happened since the start or the last reset, as counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any


class Errand(StrEnum):
    """Why the simulator posts to the system under test."""

    CALLBACK = "callbacks"
    INBOUND = "inbound"
    LINK = "link_answers"


@dataclass(slots=True)
class Posts:
    sent: int = 0
    failed: int = 0
    pending: int = 0
    refused: int = 0  # aimed at another machine
    retried: int = 0


@dataclass(slots=True)
class Tally:
    """`requests` are all under Twilio's API; `accepted` were taken, whatever answer followed."""

    requests: int = 0
    accepted: int = 0
    lists: int = 0
    fetches: int = 0
    rejected: Counter[int] = field(default_factory=Counter)
    throttled: int = 0
    server_errors: int = 0
    cuts: int = 0
    timeouts: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    posts: dict[Errand, Posts] = field(default_factory=lambda: {errand: Posts() for errand in Errand})

    def clear(self) -> None:
        """Count from nought; requests that are under way stay counted as such."""
        fresh = Tally(in_flight=self.in_flight, max_in_flight=self.in_flight)
        for item in fields(self):
            setattr(self, item.name, getattr(fresh, item.name))

    def as_json(self) -> dict[str, Any]:
        """Flat: `callbacks_sent`, `inbound_pending` and so on; rejected by Twilio's code."""
        counts = asdict(self)
        del counts["posts"]
        counts["rejected"] = {str(code): number for code, number in sorted(self.rejected.items())}
        for errand, posts in self.posts.items():
            counts |= {f"{errand}_{name}": number for name, number in asdict(posts).items()}
        return counts
