"""A person as an import meets them: what is known, and what its rows add."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from outreach.people.reading.rows import CheckedRow, Sex

_LETTER: dict[Sex | None, str | None] = {None: None, Sex.MALE: "m", Sex.FEMALE: "f"}
FACTS = ("birth_year", "sex", "area_code", "village", "has_smartphone")


@dataclass(slots=True, eq=False)
class Person:
    """Somebody on the chunk's phones. A new one has no id until written.

    `added` is what this chunk adds to others: the value before and its own; `confirmed` what it says as another import
    has done that added it.
    """

    id: int
    name: str
    key: str
    facts: dict[str, Any]
    phones: list[int] = field(default_factory=list)
    added: dict[str, list[Any]] = field(default_factory=dict)
    phones_added: list[int] = field(default_factory=list)
    confirmed: dict[str, list[Any]] = field(default_factory=dict)
    phones_confirmed: list[int] = field(default_factory=list)
    is_new: bool = False

    def fill(self, brought: dict[str, Any], *, newer: Collection[str] = ()) -> bool:
        """Add what was not known; never overwrite but what is `newer`: a changed value is a question for a person.

        Whether anything was added.
        """
        grown = False
        for name, value in brought.items():
            known = self.facts[name]
            if value not in (None, "", known) and (known in (None, "") or name in newer):
                self.facts[name] = value
                self.added[name] = [self.added[name][0] if name in self.added else known, value]
                grown = True
        return grown

    def confirm(
        self,
        values: dict[str, list[Any]],
        phones: Collection[int],
        *,
        brought: dict[str, Any],
        on: Collection[int],
    ) -> None:
        """Of what another import added remember what a row with these facts, `on` these phones, says as well."""
        for name, (before, value) in values.items():
            if value == brought[name] == self.facts[name] and name not in self.added:
                self.confirmed[name] = [before, value]
        known = {*self.phones_added, *self.phones_confirmed}
        self.phones_confirmed += [each for each in on if each in phones and each not in known]

    def contradicts(self, brought: dict[str, Any]) -> bool:
        """Is the sex or the year of birth another one?"""
        return any(
            self.facts[name] and brought[name] and self.facts[name] != brought[name]
            for name in ("birth_year", "sex")
        )

    def is_namesake(self, row: CheckedRow, known_areas: Collection[str]) -> bool:
        """Of two whose names have the same letters: are they two, by their accents and by what else is known?"""
        differ = self.name.lower() != row.name[:120].lower()
        return differ and self.contradicts(facts_of(row, known_areas))


def facts_of(row: CheckedRow, known_areas: Collection[str]) -> dict[str, Any]:
    """What a row tells of a person; of places those that the database knows."""
    return {
        "birth_year": row.birth_year,
        "sex": _LETTER[row.sex],
        "area_code": row.place.code if row.place.code in known_areas else None,
        "village": row.village[:120],
        "has_smartphone": row.has_smartphone,
    }
