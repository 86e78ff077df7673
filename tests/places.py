"""How well places are recognised: every commune of the nation, before and after 1/7/2025, in many spellings.

Run with `make places`. Each line counts the texts that gave the right code, a question with the right code in it, nothing,
or another unit's code; the last must be 0.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from outreach.places.areas import NationUnit, former_units, gazetteer_of, units_of_today
from outreach.rules.gazetteer import Gazetteer, PlaceMatch
from outreach.rules.segments import unaccent

TODAY = date(2026, 1, 1)
_KINDS = re.compile(r"^(Xã|Phường|Thị trấn|Đặc khu|Huyện|Quận|Thị xã|Thành phố|Tỉnh) ")
_SHORT = {
    **{"Xã": "X.", "Phường": "P.", "Thị trấn": "TT.", "Đặc khu": "ĐK.", "Huyện": "H.", "Quận": "Q."},
    **{"Thị xã": "TX.", "Thành phố": "TP", "Tỉnh": "T."},
}


@dataclass(frozen=True, slots=True)
class Case:
    """Text as a list may have it, where it is looked up, and the codes that it stands for."""

    text: str
    province: str  # code; "" for the whole nation
    codes: frozenset[str]


def bare(name: str) -> str:
    """Return a name without its kind."""
    return _KINDS.sub("", name)


def short(name: str) -> str:
    """Return a name with its kind abbreviated."""
    return _KINDS.sub(lambda kind: f"{_SHORT[kind[1]]} ", name)


def noisy(names: list[str], chance: random.Random) -> str:
    """Return the names of one place, small to large, as a careless hand writes them."""
    names = [short(name) if chance.random() < 0.5 else name for name in names]
    if chance.random() < 0.3:
        names.reverse()
    text = chance.choice((", ", " - ", ",", "; ", " – ")).join(names)
    if chance.random() < 0.3:
        text = text.upper() if chance.random() < 0.5 else text.lower()
    return unaccent(text) if chance.random() < 0.4 else text


def cases_of_today(write: Callable[[NationUnit], str], *, province: bool) -> Iterator[Case]:
    """Yield each commune of today as written by `write`."""
    for unit in units_of_today().values():
        yield Case(write(unit), unit.province_code if province else "", frozenset((unit.code,)))


def cases_of_before(write: Callable[[NationUnit], str], *, province: bool, split: bool) -> Iterator[Case]:
    """Yield each former commune that went whole into another, or was split."""
    today = units_of_today()
    for unit in former_units().values():
        if (len(unit.successors) > 1) is split:
            code = today[unit.successors[0]].province_code if province else ""
            yield Case(write(unit), code, frozenset(unit.successors))


def outcome(case: Case, match: PlaceMatch) -> str:
    """Return "right", "question", "nothing" or "wrong"."""
    if match.code:
        return "right" if {match.code} == case.codes else "wrong"
    if not match.candidates:
        return "nothing"
    return "question" if case.codes <= {*match.candidates} else "wrong question"


def measure(cases: Iterable[Case], *, wrong: list[tuple[Case, PlaceMatch]] | None = None) -> Counter[str]:
    """Count the outcomes of cases; those that are wrong are added to `wrong`."""
    counts = Counter[str]()
    for case in cases:
        match = gazetteer_in(case.province).match(case.text)
        result = outcome(case, match)
        counts[result] += 1
        if wrong is not None and result in ("wrong", "nothing", "wrong question"):
            wrong.append((case, match))
    return counts


def gazetteer_in(province: str) -> Gazetteer:
    """Return today's gazetteer of a province, or of the nation."""
    return gazetteer_of(frozenset((province,)) if province else frozenset(), TODAY)


def all_measures() -> Iterator[tuple[str, Iterable[Case]]]:
    """Yield each measure with its title."""
    chance = random.Random(1)
    yield "today, full name and province", cases_of_today(lambda u: f"{u.name}, {u.province}", province=False)
    yield "the same, in its province", cases_of_today(lambda u: f"{u.name}, {u.province}", province=True)
    yield "today, full name in its province", cases_of_today(lambda u: u.name, province=True)
    yield "today, bare name in its province", cases_of_today(lambda u: bare(u.name), province=True)
    yield ("the same, without accents", cases_of_today(lambda u: unaccent(bare(u.name)), province=True))
    yield "today, noisy", cases_of_today(lambda u: noisy([u.name, u.province], chance), province=True)
    spellings: dict[str, tuple[Callable[[NationUnit], str], bool]] = {
        "full, in the nation": (lambda u: f"{u.name}, {u.district}, {u.province}", False),
        "full, in the province": (lambda u: f"{u.name}, {u.district}, {u.province}", True),
        "noisy, in the province": (lambda u: noisy([u.name, u.district, u.province], chance), True),
        "without district": (lambda u: u.name, True),
    }
    for title, split in (("before, whole", False), ("before, split", True)):
        for spelling, (write, province) in spellings.items():
            yield f"{title}: {spelling}", cases_of_before(write, province=province, split=split)


def speed(rows: int = 200_000) -> float:
    """Return the rows a second where 1,000 spellings repeat."""
    gazetteer = gazetteer_in("51")
    texts = [
        case.text
        for case in cases_of_before(lambda u: f"{u.name}, {u.district}", province=True, split=False)
        if case.province == "51"
    ]
    started = time.perf_counter()
    for row in range(rows):
        gazetteer.match(texts[row % len(texts)])
    return rows / (time.perf_counter() - started)


def main() -> None:
    """Print all measures."""
    wrong = list[tuple[Case, PlaceMatch]]()
    for title, cases in all_measures():
        started = time.perf_counter()
        found: list[tuple[Case, PlaceMatch]] = []
        counts = measure(cases, wrong=found)
        each = (time.perf_counter() - started) / counts.total() * 1e6
        share = counts["right"] / counts.total()
        print(f"{title:36} {counts.total():6} right {share:8.3%}  {dict(counts)}  {each:.0f} µs each")
        for case, match in found[:5]:
            print("    ", case, match)
        wrong += found
    print(f"repeated spellings: {speed():,.0f} rows a second")


if __name__ == "__main__":
    main()
