"""Whom a campaign is for, as data: which people of its lists, and why not the others. Pure.

The description is read once and made into conditions; the freezing of an audience (SQL) and its counting beforehand
both follow those, so that what was promised is what is frozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, TypeVar

from campaigns.states import Exclusion
from outreach.errors import BadCampaign
from outreach.people.languages import NAMES

Choice = TypeVar("Choice", bound=StrEnum)

# Who has no language on record is written to in Vietnamese.
USUAL_LANGUAGE = "vi"


class Smartphone(StrEnum):
    YES = "yes"
    UNKNOWN = "unknown"
    NO = "no"


class Answered(StrEnum):
    """What the person's phones have told earlier campaigns of the same kind."""

    NO = "no"
    YES = "yes"
    NOT_INSTALLED = "not_installed"  # whether they answered or not
    INSTALLED = "installed"


class Field(StrEnum):
    """What is known of a person; a place that is not known is ""."""

    AREA = "area"
    LANGUAGE = "language"
    SMARTPHONE = "smartphone"  # of Smartphone
    HISTORY = "history"  # none, answered, installed


_HISTORIES = {
    Answered.NO: ("none",),
    Answered.YES: ("answered", "installed"),
    Answered.NOT_INSTALLED: ("none", "answered"),
    Answered.INSTALLED: ("installed",),
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What people must be besides standing in a list. An empty part asks for nothing.

    `organisations`, by code: all lists of these and of those below them, as they are when the audience is frozen.
    """

    organisations: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    smartphone: tuple[Smartphone, ...] = ()
    answered: Answered | None = None

    def as_data(self) -> dict[str, Any]:
        """Only what is asked for, ready for JSON and for `read_conditions`."""
        said = {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }
        return {key: value for key, value in said.items() if value}


@dataclass(frozen=True, slots=True)
class Condition:
    """A person's `field` must be one of `allowed`, else they are excluded for this reason."""

    field: Field
    allowed: frozenset[str]
    exclusion: Exclusion


@dataclass(frozen=True, slots=True)
class Whom:
    """A description with everything looked up. `unfounded`: those of the lists that may not be written to.

    `is_recorded`: the basis of each list is on record.

    `kind`: the campaign's, whose earlier answers count. `conditions` in their order of precedence.
    """

    kind: str
    lists: frozenset[int]
    unfounded: frozenset[int] = frozenset()
    conditions: tuple[Condition, ...] = ()
    is_recorded: bool = True


def read_conditions(data: Mapping[str, Any]) -> Conditions:
    """Conditions from a campaign's file, a form or the database. Raises BadCampaign."""
    languages = tuple(dict.fromkeys(map(str, data.get("languages", ()))))
    if unknown := [code for code in languages if code not in NAMES]:
        known = ", ".join(f"{code} ({name})" for code, name in NAMES.items())
        raise BadCampaign(f"Không có ngôn ngữ “{unknown[0]}”. Mục “languages” nhận: {known}.")
    return Conditions(
        organisations=tuple(dict.fromkeys(map(str, data.get("organisations", ())))),
        languages=languages,
        smartphone=tuple(
            _one_of(Smartphone, each, "smartphone") for each in dict.fromkeys(data.get("smartphone", ()))
        ),
        answered=_one_of(Answered, data["answered"], "answered") if data.get("answered") else None,
    )


def _one_of(choices: type[Choice], value: Any, key: str) -> Choice:
    try:
        return choices(value)
    except ValueError:
        raise BadCampaign(f"Mục “{key}” chỉ nhận: {', '.join(choices)}.") from None


def make_conditions(wanted: Conditions, areas: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions in the order in which they are told. `areas`: these and all below them; none is everywhere."""
    answered = _HISTORIES[wanted.answered] if wanted.answered else ()
    asked = (
        (Field.AREA, areas, Exclusion.OUTSIDE_AREA),
        (Field.LANGUAGE, wanted.languages, Exclusion.OTHER_LANGUAGE),
        (Field.SMARTPHONE, wanted.smartphone, Exclusion.SMARTPHONE),
        (Field.HISTORY, answered, Exclusion.ANSWERS),
    )
    made = (Condition(field, frozenset(map(str, allowed)), reason) for field, allowed, reason in asked)
    return tuple(condition for condition in made if condition.allowed)
