"""Every message the simulator holds in memory, found by id, by phone or in order.

Bounded: past `keep` messages the oldest are forgotten, a tenth at a time; indexes keep counting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from outreach.sms.simulator.exchange.messages import Direction, Sms


@dataclass(slots=True, eq=False)
class Phone:
    """A training phone: its number and conversation, oldest first."""

    number: str
    entries: list[Sms] = field(default_factory=list)
    version: int = 0  # rises with every change a page would show
    last_answer: str | None = None  # the label of its latest automatic answer
    last_answer_at: float = 0.0
    draws: int = 0

    @property
    def received(self) -> int:
        return sum(sms.direction is Direction.OUTBOUND for sms in self.entries)


class Store:
    """Everything accepted and received."""

    def __init__(self, *, keep: int) -> None:
        self._keep = keep
        self.clear()

    def clear(self) -> None:
        self.everything: list[Sms] = []
        self.ledger: list[Sms] = []
        self.by_sid: dict[str, Sms] = {}
        self.phones: dict[str, Phone] = {}  # the latest one active stands last
        self.senders: set[str] = set()
        self.opted_out: set[str] = set()
        self.forgotten = 0
        self.forgotten_ledger = 0
        self.version = 0

    def add(self, sms: Sms) -> None:
        sms.seq = self.forgotten + len(self.everything)
        self.everything.append(sms)
        self.by_sid[sms.sid] = sms
        if sms.direction is Direction.OUTBOUND:
            sms.ledger_index = self.forgotten_ledger + len(self.ledger)
            self.ledger.append(sms)
            if sms.from_:
                self.senders.add(sms.from_)
        else:
            self.senders.add(sms.to)
        phone = self.phones.pop(sms.resident, None) or Phone(sms.resident)
        self.phones[sms.resident] = phone
        phone.entries.append(sms)
        self._changed(phone)
        if len(self.everything) > self._keep:
            self._forget(len(self.everything) - self._keep + self._keep // 10)

    def touch(self, sms: Sms) -> None:
        """Say that a message's status or answer changed, so that pages are drawn anew."""
        phone = self.phones.get(sms.resident)
        if phone is not None:
            self._changed(phone)

    def newest_first(self, *, to: str | None, from_: str | None, before_seq: int | None) -> Iterator[Sms]:
        """Candidates for a list filtered by `to` and `from_`; the caller still applies its filters."""
        entries = self._narrowest(to, from_)
        if entries is self.everything and before_seq is not None:
            stop = max(0, min(before_seq - self.forgotten, len(entries)))
            return (entries[i] for i in range(stop - 1, -1, -1))
        return (sms for sms in reversed(entries) if before_seq is None or sms.seq < before_seq)

    def oldest_first(self, *, to: str | None, from_: str | None, after_seq: int) -> Iterable[Sms]:
        """The same, in the other direction, of what is newer than `after_seq`."""
        return (sms for sms in self._narrowest(to, from_) if sms.seq > after_seq)

    def find_phones(self, needle: str) -> Iterator[Phone]:
        """Phones whose number holds the digits of `needle`, latest active first; all if it has none."""
        digits = "".join(char for char in needle if char.isdigit())
        return (phone for phone in reversed(self.phones.values()) if _holds(phone.number, digits))

    def _narrowest(self, to: str | None, from_: str | None) -> list[Sms]:
        # The list is asked for one number at a time by a sender that lost an answer: it must not
        # cost a walk over everything, above all when that number never got a message.
        for number in (to, from_):
            if number and number in self.phones:
                return self.phones[number].entries
            if number and number not in self.senders:
                return []
        return self.everything

    def _changed(self, phone: Phone) -> None:
        phone.version += 1
        self.version += 1

    def _forget(self, count: int) -> None:
        oldest, self.everything = self.everything[:count], self.everything[count:]
        self.forgotten += count
        outbound = sum(sms.direction is Direction.OUTBOUND for sms in oldest)
        self.ledger = self.ledger[outbound:]
        self.forgotten_ledger += outbound
        for sms in oldest:
            del self.by_sid[sms.sid]
        for number in {sms.resident for sms in oldest}:
            phone = self.phones[number]
            phone.entries = [sms for sms in phone.entries if sms.seq >= self.forgotten]
            if not phone.entries:
                del self.phones[number]


def _holds(number: str, digits: str) -> bool:
    return digits in number or digits in "0" + number.removeprefix("+84")
