"""Audience conditions, and counting an audience in memory.

A campaign's description is read once and turned into conditions. Both the freezing of an audience (SQL) and the count
shown before it use them, so the promised audience is the frozen one.

`AudienceCounter` holds everybody who could be written to, grouped by what they have in common, and counts any audience
in milliseconds: a million people are a few thousand profiles. Only which of several people on one phone gets the
message depends on others; that is counted over the shared phones alone, by the rule that freezes an audience.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self, TypeVar

from campaigns.rules.states import Exclusion
from outreach.rules.errors import BadCampaign
from outreach.rules.languages import NAMES
from outreach.rules.wishes import EVERYTHING

Choice = TypeVar("Choice", bound=StrEnum)
Item = TypeVar("Item")
# The language of contacts without one on record.
USUAL_LANGUAGE = "vi"


class Smartphone(StrEnum):
    """Whether a contact has a smartphone."""

    YES = "yes"
    UNKNOWN = "unknown"
    NO = "no"


class Answered(StrEnum):
    """Answers of the contact's phones to earlier campaigns of the same kind."""

    NO = "no"
    YES = "yes"
    NOT_INSTALLED = "not_installed"  # answered or not
    INSTALLED = "installed"


class ContactField(StrEnum):
    """Attributes of a contact that conditions test; an unknown area is ""."""

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
# What a campaign's file says of contacts, with its type there.
CONDITIONS: dict[str, type] = {"languages": list, "smartphone": list, "answered": str}


@dataclass(frozen=True, slots=True)
class AudienceConditions:
    """Conditions on contacts, none where empty; `organisations` adds all their lists at the freeze."""

    organisations: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    smartphone: tuple[Smartphone, ...] = ()
    answered: Answered | None = None

    def as_data(self) -> dict[str, Any]:
        """Return the conditions that are set, ready for JSON and `read_conditions`."""
        data = {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }
        return {key: value for key, value in data.items() if value}


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition that a contact's `field` is one of `allowed`; else they are excluded for `exclusion`."""

    field: ContactField
    allowed: frozenset[str]
    exclusion: Exclusion


class ListRule(NamedTuple):
    """Rule that contacts are in at least `number` of `lists`, for 0 in none; else excluded for `exclusion`."""

    lists: frozenset[int]
    number: int
    exclusion: Exclusion

    def leaves_out(self, lists: frozenset[int]) -> bool:
        """Return whether who is in these lists is excluded."""
        found = len(lists & self.lists)
        return found < self.number if self.number else found > 0


@dataclass(frozen=True, slots=True)
class AudienceQuery:
    """Audience description with all names resolved.

    `kind` is the campaign's; earlier answers to this kind count. `lists_without_basis` are those of `lists` that have
    no legal basis. `rules`, then `conditions` go by precedence. `is_recorded`: each list's basis is on record.
    `passes_opt_outs`: a warning that goes to opted-out numbers and those of the do-not-call register as well. `scopes`: of
    the wishes to be left alone that count. `untold`: campaigns whose answers do not count. `organisations`: the lists'.
    """

    kind: str
    lists: frozenset[int]
    lists_without_basis: frozenset[int] = frozenset()
    rules: tuple[ListRule, ...] = ()
    conditions: tuple[Condition, ...] = ()
    is_recorded: bool = True
    passes_opt_outs: bool = False
    scopes: tuple[str, ...] = (EVERYTHING,)
    untold: frozenset[int] = frozenset()
    organisations: frozenset[int] = frozenset()


def read_conditions(data: Mapping[str, Any]) -> AudienceConditions:
    """Read the conditions of a campaign's file, a form or the database. Raises BadCampaign."""
    languages = tuple(dict.fromkeys(map(str, data.get("languages", ()))))
    if unknown := [code for code in languages if code not in NAMES]:
        known = [f"{code} ({name})" for code, name in NAMES.items()]
        raise BadCampaign("languages_unknown", language=unknown[0], codes=known)
    return AudienceConditions(
        organisations=tuple(dict.fromkeys(map(str, data.get("organisations", ())))),
        languages=languages,
        smartphone=tuple(
            _one_of(Smartphone, value, "smartphone")
            for value in dict.fromkeys(map(str, data.get("smartphone", ())))
        ),
        answered=_one_of(Answered, data["answered"], "answered") if data.get("answered") else None,
    )


def _one_of(choices: type[Choice], value: Any, key: str) -> Choice:
    try:
        return choices(value)
    except ValueError:
        raise BadCampaign(
            "part_choice_wrong", key=key, choices=[choice.value for choice in choices]
        ) from None


def make_conditions(audience: AudienceConditions, areas: Iterable[str]) -> tuple[Condition, ...]:
    """Return the conditions by precedence; `areas` include those below the chosen ones, none: everywhere."""
    answered = _HISTORIES[audience.answered] if audience.answered else ()
    specs = (
        (ContactField.AREA, areas, Exclusion.OUTSIDE_AREA),
        (ContactField.LANGUAGE, audience.languages, Exclusion.OTHER_LANGUAGE),
        (ContactField.SMARTPHONE, audience.smartphone, Exclusion.SMARTPHONE),
        (ContactField.HISTORY, answered, Exclusion.ANSWERS),
    )
    conditions = (Condition(field, frozenset(map(str, allowed)), reason) for field, allowed, reason in specs)
    return tuple(condition for condition in conditions if condition.allowed)


# In place of an organisation: a number that only lists of others give is nobody's but theirs who give it.
EVERYBODY = 0


class ContactProfile(NamedTuple):
    """What decides about a contact apart from shared phones.

    `values`: of each ContactField. `unreachable`: why no campaign may write to them. `named`: to whom their contested phones
    are theirs and to whom not, and which are taken as theirs, as "+2,3!0;-4!2;".
    """

    lists: frozenset[int]
    values: tuple[str, ...]
    unreachable: Exclusion | None
    named: str = ""


class Sides(NamedTuple):
    """The organisations to which a contested phone is its person's, and those to which it is not."""

    theirs: frozenset[int]
    others: frozenset[int]

    def are_others(self, organisations: frozenset[int]) -> bool:
        """Return whether the phone is not the person's in a campaign to lists of these organisations."""
        is_contested = EVERYBODY in self.others or not self.others.isdisjoint(organisations)
        return is_contested and self.theirs.isdisjoint(organisations)


def _choice_of(named: str) -> list[tuple[bool, Sides]]:
    """Return of contested phones whether they are taken as others', and their sides."""
    return [
        (
            each[0] == "-",
            Sides(*(frozenset(map(int, filter(None, side.split(",")))) for side in each[1:].split("!"))),
        )
        for each in named.split(";")[:-1]
    ]


def others_of_choice(named: str) -> set[Sides]:
    """Return the sides of those phones that are taken as others'."""
    return {sides for are_others, sides in _choice_of(named) if are_others}


@dataclass(frozen=True, slots=True)
class PhoneSharer:
    """Contact whose first phone is shared with another one. `further` are their other phones, in order."""

    contact_id: int
    profile: ContactProfile
    phone_id: int
    further: tuple[int, ...] = ()


class _Group:
    """Profiles with the same lists and contested phones: indexes of the reachable ones, and counts of the unreachable people."""

    def __init__(self, named: str) -> None:
        self.choice = _choice_of(named)
        self.profiles: list[int] = []
        self.unreachable: Counter[Exclusion] = Counter()

    def add(self, index: int, unreachable: Exclusion | None, number: int) -> None:
        if unreachable is None:
            self.profiles.append(index)
        else:
            self.unreachable[unreachable] += number


class AudienceCounter:
    """In-memory counter of audiences, by profile, sharers included, with some evenly chosen names."""

    def __init__(
        self,
        people: Mapping[ContactProfile, int],
        sharers: Iterable[PhoneSharer] = (),
        names: Iterable[tuple[ContactProfile, int, str]] = (),
    ) -> None:
        self._group(list(people), list(people.values()))
        index_of = {profile: index for index, profile in enumerate(self._profiles)}
        self._names = [(index_of[profile], contact_id, name) for profile, contact_id, name in names]
        on_phone: dict[int, list[tuple[bool, int, int, tuple[int, ...]]]] = defaultdict(list)
        other_phones: set[int] = set()
        for sharer in sharers:
            # Sorted by who gets the message first: contacts without another phone, then the lowest id.
            entry = (bool(sharer.further), sharer.contact_id, index_of[sharer.profile], sharer.further)
            on_phone[sharer.phone_id].append(entry)
            other_phones.update(sharer.further)
        # Phones of people without another one differ only by the profiles on them, and many are the same.
        households: Counter[tuple[int, ...]] = Counter()
        self._with_other_phones: dict[int, list[tuple[bool, int, int, tuple[int, ...]]]] = {}
        for phone_id, entries in on_phone.items():
            if phone_id in other_phones or any(further for *_, further in entries):
                self._with_other_phones[phone_id] = sorted(entries)
            else:
                households[tuple(sorted(index for _, _, index, _ in entries))] += 1
        self._pairs = [(*indexes, phones) for indexes, phones in households.items() if len(indexes) == 2]
        self._larger = [(indexes, phones) for indexes, phones in households.items() if len(indexes) > 2]

    def _group(self, profiles: list[ContactProfile], numbers: list[int]) -> None:
        self._profiles, self._numbers = profiles, numbers
        self._by_lists: dict[tuple[frozenset[int], str], _Group] = {}
        for index, profile in enumerate(profiles):
            key = profile.lists, profile.named
            if key not in self._by_lists:
                self._by_lists[key] = _Group(profile.named)
            self._by_lists[key].add(index, profile.unreachable, numbers[index])
        self._values = {field: [each.values[n] for each in profiles] for n, field in enumerate(ContactField)}

    def as_data(self, *, names: int) -> dict[str, Any]:
        """Return the data of `from_data`, through JSON or not: nobody's name, but the ids of at most so many to be named."""
        return {
            "profiles": [(sorted(lists), *rest) for lists, *rest in self._profiles],
            "numbers": self._numbers,
            "pairs": self._pairs,
            "larger": self._larger,
            "others": list(self._with_other_phones.items()),
            "named": [(index, contact_id) for index, contact_id, _name in self._sample(self._names, names)],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any], names: Mapping[int, str]) -> Self:
        """Return the counter of `as_data`; `names` by the ids in its "named"."""
        counter = cls({})
        counter._group(
            [
                ContactProfile(frozenset(lists), tuple(values), Exclusion(why) if why else None, named)
                for lists, values, why, named in data["profiles"]
            ],
            list(data["numbers"]),
        )
        counter._pairs = [tuple(pair) for pair in data["pairs"]]
        counter._larger = [(tuple(indexes), phones) for indexes, phones in data["larger"]]
        counter._with_other_phones = {
            phone_id: [
                (is_last, contact_id, index, tuple(more)) for is_last, contact_id, index, more in entries
            ]
            for phone_id, entries in data["others"]
        }
        counter._names = [
            (index, contact_id, names[contact_id])
            for index, contact_id in data["named"]
            if contact_id in names
        ]
        return counter

    @staticmethod
    def _sample(items: list[Item], most: int) -> list[Item]:
        return items[:: max(1, -(-len(items) // most))]

    def count(self, query: AudienceQuery, *, names: int = 0) -> tuple[int, dict[Exclusion, int], list[str]]:
        """Return recipients, excluded by reason and some names, exactly as they would be frozen."""
        counts: Counter[Exclusion] = Counter()
        profiles = self._select(query, counts)
        selected = bytearray(len(self._profiles))
        for index in profiles:
            selected[index] = 1
        shared = sum([phones for a, b, phones in self._pairs if selected[a] and selected[b]])
        for household, phones in self._larger:
            people = sum([selected[index] for index in household])
            shared += max(0, people - 1) * phones
        shared += self._count_without_message(selected)
        counts[Exclusion.SHARED_PHONE] += shared
        sample = [name for index, _contact_id, name in self._names if selected[index]] if names else []
        return (
            self._total(profiles) - shared,
            {reason: counts[reason] for reason in Exclusion if counts[reason]},
            self._sample(sample, names) if names else [],
        )

    def _select(self, query: AudienceQuery, counts: Counter[Exclusion]) -> list[int]:
        """Return the recipients' profiles; the others of the lists are added to `counts` by reason."""
        profiles: list[int] = []
        for (lists, _named), group in self._by_lists.items():
            if not lists & query.lists or any(
                are_others is not sides.are_others(query.organisations) for are_others, sides in group.choice
            ):
                continue
            counts.update(group.unreachable)
            broken = next((rule for rule in query.rules if rule.leaves_out(lists)), None)
            if broken:
                counts[broken.exclusion] += self._total(group.profiles)
            else:
                profiles += group.profiles
        for condition in query.conditions:
            values, allowed = self._values[condition.field], condition.allowed
            matching = [index for index in profiles if values[index] in allowed]
            counts[condition.exclusion] += self._total(profiles) - self._total(matching)
            profiles = matching
        return profiles

    def _total(self, profiles: list[int]) -> int:
        return sum(map(self._numbers.__getitem__, profiles))

    def _count_without_message(self, selected: bytearray) -> int:
        """Count people left without a message on phones where someone could get it on another phone."""
        choices: dict[int, tuple[int, ...]] = {}
        holders: dict[int, int] = {}
        for phone_id, entries in self._with_other_phones.items():
            present = [(contact_id, further) for _, contact_id, index, further in entries if selected[index]]
            choices |= {contact_id: (phone_id, *further) for contact_id, further in present}
            if present:
                holders[phone_id] = present[0][0]
        return len(choices) - len(match_phones(choices, holders))


def match_phones(choices: Mapping[int, Sequence[int]], holders: Mapping[int, int]) -> dict[int, int]:
    """Give as many people as possible a phone of their own among those of their choice. Returns the person by phone.

    `holders` have one already. They keep one, but for another of theirs if that gives one to somebody else; those without
    choices keep theirs.
    """
    person_on = dict(holders)
    phone_of = {person: phone for phone, person in holders.items()}
    vain: set[int] = set()  # phones from which no way leads to a free one
    for person in sorted(choices.keys() - phone_of.keys()):
        wanted_by: dict[
            int, int
        ] = {}  # in the order of the search, which goes from a phone to what its holder may have instead
        asking = [person]
        for each in asking:
            for phone in choices.get(each, ()):
                if phone in wanted_by or phone in vain:
                    continue
                wanted_by[phone] = each
                if phone in person_on:
                    asking.append(person_on[phone])
                    continue
                given: int | None = phone
                while given is not None:
                    taker = wanted_by[given]
                    person_on[given], phone_of[taker], given = taker, given, phone_of.get(taker)
                break
            else:
                continue
            break
        else:
            vain |= wanted_by.keys()
    return person_on
