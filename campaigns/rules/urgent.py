"""The urgent class: warnings of danger (a storm, an evacuation).

Two people approve a warning. It leaves day and night and ahead of everything else. Numbers that opted out or are in the
do-not-call register get it only where the installation allows that and a legal basis was typed in; numbers reported as
wrong or dead never do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outreach.rules.errors import BadCampaign

APPROVALS = 2
# Warnings to a number in 24 hours. They are counted apart from all other messages: a storm takes several, and a
# mistake must not become hundreds.
MAX_PER_DAY = 10
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Urgency:
    """Why a campaign is a warning, and the legal basis of writing to those who asked for no messages; "": they are left out."""

    reason: str
    basis: str = ""

    def as_data(self) -> dict[str, str]:
        """Return it as in a campaign's file."""
        return {"reason": self.reason, "basis": self.basis} if self.basis else {"reason": self.reason}


def read_urgency(data: Any) -> Urgency:
    """Read the table `urgent` of a campaign's file. Raises BadCampaign."""
    if not isinstance(data, Mapping) or set(data) - {"reason", "basis"}:
        raise BadCampaign("urgent_part_unknown")
    reason, basis = (" ".join(str(data.get(name, "")).split()) for name in ("reason", "basis"))
    if not reason:
        raise BadCampaign("urgent_reason_missing")
    if max(len(reason), len(basis)) > _LONGEST:
        raise BadCampaign("urgent_text_long", most=_LONGEST)
    return Urgency(reason, basis)
