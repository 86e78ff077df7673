"""Gazetteer: the code of a commune (General Statistics Office) for any spelling of its name. Pure.

Names of Kon Tum are written in many ways (Đắk, Đăk, Dak; Ngọk, Ngọc; Ia, Ya) and some are the same without accents.
Such a name gives candidates, never a guess.
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
_KIND_IN_FULL = {"x": "xa", "p": "phuong", "f": "phuong", "tt": "thi tran", "t t": "thi tran"}
_DISTRICT_KIND = re.compile(r"(huyen|h|thanh pho|tp|t p) (?=\w)")
_COMMON_STARTS = ("dak", "ngok", "mang", "kon", "ia", "sa")
# Of 100: one letter more or less in five, one wrong in seven; of shorter names ("Đắk Min") too many are alike.
_MIN_RATIO = 85
_MIN_LENGTH_TO_CORRECT = 4
_MIN_LEAD = 8
_CACHE_SIZE = 10_000
_ODD_LETTERS = str.maketrans({"đ": "d", "ƀ": "b", "'": None, "’": None, "`": None})


@dataclass(frozen=True, slots=True)
class PlaceMatch:
    """Result of a look-up: `code` if the text names one commune, else the possible codes, ascending."""

    code: str | None = None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Commune:
    code: str
    key: str
    kind: str
    district: str


class Gazetteer:
    """Communes of a province, looked up by any spelling of their names."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Index rows with the columns of `kontum_units.csv`."""
        self._communes: dict[str, list[_Commune]] = {}
        self._districts: set[str] = set()
        self._cache: dict[tuple[str, str], PlaceMatch] = {}
        for row in rows:
            district = spelling_key(row["district_name"])
            kind = _plain(row["commune_kind"])
            commune = _Commune(row["commune_code"], spelling_key(row["commune_name"]), kind, district)
            self._communes.setdefault(commune.key, []).append(commune)
            self._districts.add(district)

    def match(self, commune: str, district: str | None = None) -> PlaceMatch:
        """Find the commune that a cell names; `district` is the text of the list's district column, if any."""
        key = (commune, district or "")
        match = self._cache.get(key)
        if match is None:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            match = self._cache[key] = self._look_up(*key)
        return match

    def match_address(self, address: str, district: str | None = None) -> PlaceMatch:
        """Find the commune in an address such as "Thôn 4, X. Đắk La, Đắk Hà".

        Where no part is marked as a commune, a part after the first counts if it is the exact name of a commune and of no
        district.
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
        name = _RENAMED.get((name, within), name)
        communes = self._communes.get(name) or self._misspelt(name, within)
        if len(communes) > 1 and kind:
            communes = [commune for commune in communes if commune.kind == kind] or communes
        if len(communes) > 1 and within:
            communes = [commune for commune in communes if commune.district == within] or communes
        codes = sorted(commune.code for commune in communes)
        return PlaceMatch(codes[0]) if len(codes) == 1 else PlaceMatch(None, tuple(codes))

    def _district_among(self, texts: Iterable[str]) -> str:
        keys = (spelling_key(_DISTRICT_KIND.sub("", _plain(text), count=1)) for text in texts)
        return next((key for key in keys if key in self._districts), "")

    def _misspelt(self, name: str, district: str) -> list[_Commune]:
        """Return the communes of the most similar name; none if a second name is nearly as similar."""
        scored = sorted(((_similarity(name, key), key) for key in self._communes), reverse=True)
        (best, key), (second, _) = (*scored, (0.0, ""), (0.0, ""))[:2]
        if best < _MIN_RATIO or best - second < _MIN_LEAD:
            return []
        near = self._communes[key]
        return [commune for commune in near if commune.district == district] if district else near


def default_gazetteer() -> Gazetteer:
    """Return the gazetteer of the communes of Kon Tum in 2020, from the file in this project."""
    with (Path(__file__).parents[1] / "places" / "kontum_units.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        return Gazetteer(csv.DictReader(file))


def spelling_key(name: str) -> str:
    """Return one key for all spellings of a name, without spaces and accents.

    Đắk/Đăk/Dak/Đắc, Ngọk/Ngọc, Ia/Ya/Ea, Buk/But, Krong/Kroong, Xú/Sú, Blô/Plô have the same key.
    """
    words = ("ia" if word == "ea" else word for word in _plain(name).split())
    # After joining, so that "Rơ Ông" and "RơÔng" are one.
    return "".join(_spell(word) for word in words).replace("oo", "o")


def _spell(word: str) -> str:
    word = word.replace("y", "i").replace("x", "s").replace("p", "b")
    word = re.sub(r"c(?!h)", "k", word)
    return f"{word[:-1]}k" if word.endswith("t") else word


def _plain(text: str) -> str:
    """Return the text in lower case, without accents and apostrophes, other marks as spaces."""
    decomposed = unicodedata.normalize("NFD", text.lower().translate(_ODD_LETTERS))
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[^\w]|_", " ", bare).split())


def _parts_of(text: str) -> list[str]:
    return [plain for part in _NEXT_PLACE.split(text) if (plain := _plain(part))]


def _take_apart(text: str) -> tuple[str, str, list[str]]:
    """Return the commune's key, its kind if the text has it, and the other places in the text."""
    parts = _parts_of(text)
    if not parts:
        return "", "", []
    at = next((index for index, part in enumerate(parts) if _KIND.match(part)), 0)
    prefix = _KIND.match(parts[at])
    kind = _KIND_IN_FULL.get(prefix[1], prefix[1]) if prefix else ""
    name = parts[at][prefix.end() :] if prefix else parts[at]
    # "Kon Tum" alone after a commune is as likely the province as the city.
    others = [part for index, part in enumerate(parts) if index != at and part != "kon tum"]
    return spelling_key(name), kind, others


def _similarity(name: str, key: str) -> float:
    """Return the similarity of two keys, 0 to 100, without the first word that half of all names share."""
    for start in _COMMON_STARTS:
        if name.startswith(start) and key.startswith(start):
            name, key = name.removeprefix(start), key.removeprefix(start)
            break
    return fuzz.ratio(name, key) if min(len(name), len(key)) >= _MIN_LENGTH_TO_CORRECT else 0


# (former name, district): the name since. The whole commune became a town in 2019.
_RENAMED = {(spelling_key("Đắk Long"), spelling_key("Kon Plông")): spelling_key("Măng Đen")}
