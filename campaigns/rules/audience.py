"""Audience conditions; counting without a query.

Whom a campaign is for, as data: which people of its lists, and why not the others. Pure.

The description is read once and made into conditions; the freezing of an audience (SQL) and its counting beforehand
both follow those, so that what was promised is what is frozen.

Everybody who could be written to, counted by what they have in common: any audience of theirs in milliseconds. Pure.

A million people are a few thousand kinds of people. What depends on others, who of several people on one phone has
the message, is counted over the shared phones alone, by the rule that freezes an audience.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from campaigns.rules.states import Exclusion
from outreach.rules.errors import BadCampaign
from outreach.rules.identity import NAMES

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


class ContactField(StrEnum):
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
class AudienceConditions:
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

    field: ContactField
    allowed: frozenset[str]
    exclusion: Exclusion


@dataclass(frozen=True, slots=True)
class AudienceQuery:
    """A description with everything looked up. `lists_without_basis`: those of the lists that may not be written to.

    `is_recorded`: the basis of each list is on record.

    `kind`: the campaign's, whose earlier answers count. `conditions` in their order of precedence.
    """

    kind: str
    lists: frozenset[int]
    lists_without_basis: frozenset[int] = frozenset()
    conditions: tuple[Condition, ...] = ()
    is_recorded: bool = True


def read_conditions(data: Mapping[str, Any]) -> AudienceConditions:
    """Conditions from a campaign's file, a form or the database. Raises BadCampaign."""
    languages = tuple(dict.fromkeys(map(str, data.get("languages", ()))))
    if unknown := [code for code in languages if code not in NAMES]:
        known = ", ".join(f"{code} ({name})" for code, name in NAMES.items())
        raise BadCampaign(f"Không có ngôn ngữ “{unknown[0]}”. Mục “languages” nhận: {known}.")
    return AudienceConditions(
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


def make_conditions(wanted: AudienceConditions, areas: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions in the order in which they are told. `areas`: these and all below them; none is everywhere."""
    answered = _HISTORIES[wanted.answered] if wanted.answered else ()
    asked = (
        (ContactField.AREA, areas, Exclusion.OUTSIDE_AREA),
        (ContactField.LANGUAGE, wanted.languages, Exclusion.OTHER_LANGUAGE),
        (ContactField.SMARTPHONE, wanted.smartphone, Exclusion.SMARTPHONE),
        (ContactField.HISTORY, answered, Exclusion.ANSWERS),
    )
    made = (Condition(field, frozenset(map(str, allowed)), reason) for field, allowed, reason in asked)
    return tuple(condition for condition in made if condition.allowed)


class ContactProfile(NamedTuple):
    """What decides about a person alone. `unreachable`: why nobody may write to them, whatever the campaign."""

    lists: frozenset[int]
    area: str
    smartphone: str
    language: str
    history: str
    unreachable: Exclusion | None


@dataclass(frozen=True, slots=True)
class PhoneSharer:
    """Somebody on whose first phone another may be written to as well. `further`: their other phones, in order."""

    contact_id: int
    alike: ContactProfile
    phone_id: int
    further: tuple[int, ...] = ()


class _Group:
    """The people of the same lists: kinds that may be reached, and how many may not."""

    def __init__(self) -> None:
        self.kinds: list[int] = []
        self.unreachable: Counter[Exclusion] = Counter()

    def add(self, kind: int, unreachable: Exclusion | None, number: int) -> None:
        if unreachable is None:
            self.kinds.append(kind)
        else:
            self.unreachable[unreachable] += number


class AudienceCounter:
    """`people`: how many there are of each kind, sharers among them. `names`: some people's, evenly chosen."""

    def __init__(
        self,
        people: Mapping[ContactProfile, int],
        sharers: Iterable[PhoneSharer] = (),
        names: Iterable[tuple[ContactProfile, str]] = (),
    ) -> None:
        self._kinds = list(people)
        self._numbers = list(people.values())
        place = {alike: index for index, alike in enumerate(self._kinds)}
        self._names = [(place[alike], name) for alike, name in names]
        self._of_lists: dict[frozenset[int], _Group] = defaultdict(_Group)
        for index, alike in enumerate(self._kinds):
            self._of_lists[alike.lists].add(index, alike.unreachable, self._numbers[index])
        self._known = {field: [getattr(alike, field) for alike in self._kinds] for field in ContactField}
        on_phone: dict[int, list[tuple[bool, int, int, tuple[int, ...]]]] = defaultdict(list)
        wanted: set[int] = set()
        for each in sharers:
            # In the order in which they have the message: who has no other phone, then the first.
            who = (bool(each.further), each.contact_id, place[each.alike], each.further)
            on_phone[each.phone_id].append(who)
            wanted.update(each.further)
        # Phones of people who have no other one differ only by the kinds of people on them, and many are the same.
        households: Counter[tuple[int, ...]] = Counter()
        self._entangled: dict[int, list[tuple[bool, int, int, tuple[int, ...]]]] = {}
        for phone_id, here in on_phone.items():
            if phone_id in wanted or any(further for *_, further in here):
                self._entangled[phone_id] = sorted(here)
            else:
                households[tuple(sorted(kind for _, _, kind, _ in here))] += 1
        self._pairs = [(*kinds, phones) for kinds, phones in households.items() if len(kinds) == 2]
        self._larger = [(kinds, phones) for kinds, phones in households.items() if len(kinds) > 2]

    def count(self, whom: AudienceQuery, *, names: int = 0) -> tuple[int, dict[Exclusion, int], list[str]]:
        """Recipients, and the excluded by reason: exactly those that would be frozen. With names of at most `names`."""
        counts: Counter[Exclusion] = Counter()
        kinds = self._select(whom, counts)
        meant = bytearray(len(self._kinds))
        for kind in kinds:
            meant[kind] = 1
        shared = sum([phones for a, b, phones in self._pairs if meant[a] and meant[b]])
        for household, phones in self._larger:
            here = sum([meant[kind] for kind in household])
            shared += max(0, here - 1) * phones
        shared += self._count_entangled(meant)
        counts[Exclusion.SHARED_PHONE] += shared
        found = [name for kind, name in self._names if meant[kind]] if names else []
        return (
            self._total(kinds) - shared,
            {reason: counts[reason] for reason in Exclusion if counts[reason]},
            found[:: max(1, -(-len(found) // names))] if names else [],
        )

    def _select(self, whom: AudienceQuery, counts: Counter[Exclusion]) -> list[int]:
        """The kinds of people that are meant; those of the lists that are not are counted by the reason."""
        founded = whom.lists - whom.lists_without_basis
        kinds: list[int] = []
        for lists, group in self._of_lists.items():
            if not lists & whom.lists:
                continue
            counts.update(group.unreachable)
            if lists & founded:
                kinds += group.kinds
            else:
                counts[Exclusion.NO_BASIS] += self._total(group.kinds)
        for condition in whom.conditions:
            known, allowed = self._known[condition.field], condition.allowed
            kept = [kind for kind in kinds if known[kind] in allowed]
            counts[condition.exclusion] += self._total(kinds) - self._total(kept)
            kinds = kept
        return kinds

    def _total(self, kinds: list[int]) -> int:
        return sum(map(self._numbers.__getitem__, kinds))

    def _count_entangled(self, meant: bytearray) -> int:
        """How many have no message where somebody on a phone could have it on another one of theirs."""
        waiting: list[tuple[int, tuple[int, ...]]] = []
        taken: set[int] = set()
        for phone_id, here in self._entangled.items():
            present = [(contact_id, further) for _, contact_id, kind, further in here if meant[kind]]
            if present:
                taken.add(phone_id)
                waiting += present[1:]
        best: dict[int, tuple[int, int]] = {}  # by phone: the lowest choice, then the first person
        for contact_id, further in waiting:
            for choice, phone_id in enumerate(further):
                if phone_id not in taken:
                    best[phone_id] = min(best.get(phone_id, (choice, contact_id)), (choice, contact_id))
        served = {contact_id for _, contact_id in best.values()}
        return sum(contact_id not in served for contact_id, _ in waiting)
