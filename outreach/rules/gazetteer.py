"""The name of a commune as people write it to its code of the General Statistics Office.

Names of Kon Tum are written in many ways (Đắk, Đăk, Dak; Ngọk, Ngọc; Ia, Ya) and some collide once accents are
gone, so a colliding name gives candidates, never a guess.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz

_NEXT_PLACE = re.compile(
    r"[,;()\[\]/\n]|\s[-–—]\s"
    r"|\s(?=(?:xã|phường|phuong|thị trấn|thi tran|huyện|huyen|thành phố|thanh pho|tp|tỉnh|tinh)[\s.]|h\.)",
    re.IGNORECASE,
)
_KIND = re.compile(r"(xa|x|phuong|p|f|thi tran|tt|t t) (?=\w)")
_KIND_MEANT = {"x": "xa", "p": "phuong", "f": "phuong", "tt": "thi tran", "t t": "thi tran"}
_DISTRICT_KIND = re.compile(r"(huyen|h|thanh pho|tp|t p) (?=\w)")
_COMMON_STARTS = ("dak", "ngok", "mang", "kon", "ia", "sa")
# One letter more or less in five, one wrong in seven; of shorter names ("Đắk Min") too many are alike.
_SAFE_RATIO = 85
_SHORTEST_TO_MEND = 4
_CLEAR_LEAD = 8
_MOST_REMEMBERED = 10_000
_ODD_LETTERS = str.maketrans({"đ": "d", "ƀ": "b", "'": None, "’": None, "`": None})


@dataclass(frozen=True, slots=True)
class PlaceMatch:
    """`code` when the text names one commune; else the codes that it may mean, ascending, or none."""

    code: str | None = None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Commune:
    code: str
    key: str
    kind: str
    district: str


class Gazetteer:
    """All communes of a province, ready to be looked up by any spelling of their names."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Take rows with the columns of `kontum_units.csv`."""
        self._communes: dict[str, list[_Commune]] = {}
        self._districts: set[str] = set()
        self._remembered: dict[tuple[str, str], PlaceMatch] = {}
        for row in rows:
            district = spelling_key(row["district_name"])
            kind = _plain(row["commune_kind"])
            commune = _Commune(row["commune_code"], spelling_key(row["commune_name"]), kind, district)
            self._communes.setdefault(commune.key, []).append(commune)
            self._districts.add(district)

    def match(self, commune: str, district: str | None = None) -> PlaceMatch:
        """Find the commune that a cell names; `district` is the text of the list's district column, if any."""
        asked = (commune, district or "")
        found = self._remembered.get(asked)
        if found is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[asked] = self._look_up(*asked)
        return found

    def match_address(self, address: str, district: str | None = None) -> PlaceMatch:
        """Find the commune in an address such as "Thôn 4, X. Đắk La, Đắk Hà". Where no part says that it is a commune,
        one behind the first that is called as no district is counts, spelt as it is.
        """
        parts = _parts_of(address)
        if any(map(_KIND.match, parts)):
            return self.match(address, district)
        for index, part in enumerate(parts[1:], 1):
            key = spelling_key(part)
            if key in self._communes and key not in self._districts:
                return self.match(", ".join(parts[index:]), district)
        return PlaceMatch()

    def _look_up(self, text: str, district: str) -> PlaceMatch:
        name, kind, others = _take_apart(text)
        if not name:
            return PlaceMatch()
        within = self._district_among([district, *others])
        name = _FORMERLY.get((name, within), name)
        communes = self._communes.get(name) or self._misspelt(name, within)
        if len(communes) > 1 and kind:
            communes = [each for each in communes if each.kind == kind] or communes
        if len(communes) > 1 and within:
            communes = [each for each in communes if each.district == within] or communes
        codes = sorted(each.code for each in communes)
        return PlaceMatch(codes[0]) if len(codes) == 1 else PlaceMatch(None, tuple(codes))

    def _district_among(self, texts: Iterable[str]) -> str:
        keys = (spelling_key(_DISTRICT_KIND.sub("", _plain(text), count=1)) for text in texts)
        return next((key for key in keys if key in self._districts), "")

    def _misspelt(self, name: str, district: str) -> list[_Commune]:
        """The communes of the one name that is clearly nearest; none when two are near."""
        scored = sorted(((_likeness(name, key), key) for key in self._communes), reverse=True)
        (best, key), (second, _) = (*scored, (0.0, ""), (0.0, ""))[:2]
        if best < _SAFE_RATIO or best - second < _CLEAR_LEAD:
            return []
        near = self._communes[key]
        return [each for each in near if each.district == district] if district else near


def default_gazetteer() -> Gazetteer:
    """The communes of Kon Tum in 2020, which the project carries."""
    with (Path(__file__).parents[1] / "places" / "kontum_units.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        return Gazetteer(csv.DictReader(file))


def spelling_key(name: str) -> str:
    """One key for all spellings of a name that mean the same, spaces and accents gone.

    Đắk/Đăk/Dak/Đắc, Ngọk/Ngọc, Ia/Ya/Ea, Buk/But, Krong/Kroong, Xú/Sú, Blô/Plô fall together.
    """
    words = ("ia" if word == "ea" else word for word in _plain(name).split())
    # After joining, so that "Rơ Ông" and "RơÔng" are one.
    return "".join(_spell(word) for word in words).replace("oo", "o")


def _spell(word: str) -> str:
    word = word.replace("y", "i").replace("x", "s").replace("p", "b")
    word = re.sub(r"c(?!h)", "k", word)
    return f"{word[:-1]}k" if word.endswith("t") else word


def _plain(text: str) -> str:
    """Lower case, no accents, apostrophes gone, other marks to spaces."""
    decomposed = unicodedata.normalize("NFD", text.lower().translate(_ODD_LETTERS))
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[^\w]|_", " ", bare).split())


def _parts_of(text: str) -> list[str]:
    return [plain for part in _NEXT_PLACE.split(text) if (plain := _plain(part))]


def _take_apart(text: str) -> tuple[str, str, list[str]]:
    """The commune's key, its kind if the text says it, and the other places that the text names."""
    parts = _parts_of(text)
    if not parts:
        return "", "", []
    at = next((index for index, part in enumerate(parts) if _KIND.match(part)), 0)
    named = _KIND.match(parts[at])
    kind = _KIND_MEANT.get(named[1], named[1]) if named else ""
    name = parts[at][named.end() :] if named else parts[at]
    # A bare "Kon Tum" behind a commune is as likely the province as the city.
    others = [part for index, part in enumerate(parts) if index != at and part != "kon tum"]
    return spelling_key(name), kind, others


def _likeness(name: str, key: str) -> float:
    """How alike two keys are, 0 to 100, beyond the first word that half of all names share."""
    for start in _COMMON_STARTS:
        if name.startswith(start) and key.startswith(start):
            name, key = name.removeprefix(start), key.removeprefix(start)
            break
    return fuzz.ratio(name, key) if min(len(name), len(key)) >= _SHORTEST_TO_MEND else 0


# The commune's name, its district, and what it has been called since: a town made of all of it in 2019.
_FORMERLY = {(spelling_key("Đắk Long"), spelling_key("Kon Plông")): spelling_key("Măng Đen")}
