"""Notes: what officers write into a day's report besides its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.rules.reports.template import clean_line
from outreach.rules.errors import BadInput


@dataclass(frozen=True, slots=True)
class Notes:
    """What officers write into a day's report: a remark on the day, what hindered, what is asked for."""

    remark: str = ""
    hindered: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return the data that `read_notes` reads."""
        return {"remark": self.remark, "hindered": list(self.hindered), "asked": list(self.asked)}


_MOST_NOTES, _LONGEST_NOTE = 10, 1000


def read_notes(data: Mapping[str, Any]) -> Notes:
    """Read notes from a form or the database; each line of text is a note. Raises BadInput."""
    values: dict[str, tuple[str, ...]] = {}
    for name in ("remark", "hindered", "asked"):
        value = data.get(name) or ()
        lines = value.splitlines() if isinstance(value, str) else value
        cleaned = tuple(text for line in lines if (text := clean_line(line)))
        if len(cleaned) > _MOST_NOTES or any(len(line) > _LONGEST_NOTE for line in cleaned):
            raise BadInput("report_notes_long", most=_MOST_NOTES, longest=_LONGEST_NOTE)
        values[name] = cleaned
    return Notes(". ".join(values["remark"]), values["hindered"], values["asked"])


NO_NOTES = Notes()
