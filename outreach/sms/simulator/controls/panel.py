"""The settings in force now, and the chance that goes with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from outreach.sms.simulator.controls.faults import Faults, roll
from outreach.sms.simulator.controls.habits import Habits


@dataclass(slots=True)
class Panel:
    faults: Faults = field(default_factory=Faults)
    habits: Habits = field(default_factory=Habits)
    inbound_url: str = ""  # where residents' SMS are posted to; empty: nowhere
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def set_faults(self, faults: Faults) -> None:
        self.faults = faults
        self._seen.clear()

    def reset(self) -> None:
        """Faults and habits back to their defaults; the inbound address stays."""
        self.habits = Habits()
        self.set_faults(Faults())

    def chance(self, purpose: str, number: str) -> float:
        """A number in [0, 1) for the n-th question of `purpose` about `number`."""
        if self.faults.seed is None:
            return roll(None)
        self._seen[purpose, number] += 1
        return roll(self.faults.seed, purpose, number, self._seen[purpose, number])
