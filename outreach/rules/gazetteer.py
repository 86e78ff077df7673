"""Gazetteer: the codes of communes for any spelling of a place, among the units of one day. Pure.

Names are written in many ways (Đắk, Đăk, Dak; Hoà, Hòa; X., P., TT.; any order of commune, district and province), and
lists still name units that ended. A unit that went whole into another gives its successor. What may mean several units
gives candidates, never a guess: a unit that was split, names that repeat, and without a district a name that is both
one of the day's units and a former one with other ground.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import lru_cache
from itertools import chain
from typing import Generic, TypeVar

from rapidfuzz import fuzz

# Spelling: keys under which Đắk, Đăk and Dak, Hoà and Hòa, Ia and Ya are one name.
_KINDS_OF_TWO_WORDS = {"thị trấn", "đặc khu", "thị xã", "thành phố"}
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_ODD_LETTERS = str.maketrans({"ƀ": "b", "ð": "đ", "'": None, "’": None, "‘": None, "`": None, "´": None})
_COMBINING = re.compile("[\u0300-\u036f]")
_NO_WORD = re.compile(r"[^\w]+|_")


def spelling_key(name: str) -> str:
    """Return one key for all spellings of a name, without spaces and accents.

    Đắk/Đăk/Dak/Đắc, Ngọk/Ngọc, Ia/Ya/Ea, Buk/But, Krong/Kroong, Xú/Sú, Blô/Plô have the same key.
    """
    return key_of(words_of(lower_text(name)))


def split_kind(name: str) -> tuple[str, str]:
    """Return kind and name of a unit whose kind is written in full: ("Thị trấn", "Đăk Hà")."""
    words = name.split()
    count = 2 if " ".join(words[:2]).lower() in _KINDS_OF_TWO_WORDS else 1
    return " ".join(words[:count]), " ".join(words[count:])


def key_of(words: Sequence[str]) -> str:
    """Return one key for all spellings of these words."""
    # After joining, so that "Rơ Ông" and "RơÔng" are one.
    return "".join(map(_spell, words)).replace("oo", "o")


@lru_cache(maxsize=50_000)
def _spell(word: str) -> str:
    word = bare_word(word)
    word = "ia" if word == "ea" else word
    word = word.replace("y", "i").replace("x", "s").replace("p", "b")
    word = re.sub(r"c(?!h)", "k", word)
    return f"{word[:-1]}k" if word.endswith("t") else word


@lru_cache(maxsize=50_000)
def bare_word(word: str) -> str:
    """Return a word without accents."""
    apart = unicodedata.normalize("NFD", word.replace("đ", "d"))
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return (bare.lstrip("0") or "0") if bare.isdigit() else bare


@lru_cache(maxsize=50_000)
def exact_word(word: str) -> str:
    """Return a word with its accents, the tone mark behind: "hoà" and "hòa" are one.

    Đắk, Đăk and Đắc are written for one another and stay without.
    """
    bare = bare_word(word)
    if bare in ("dak", "dac"):
        return "dak"
    if bare.isdigit():
        return bare
    apart = unicodedata.normalize("NFD", word)
    tones = "".join(letter for letter in apart if letter in _TONES)
    return "".join(letter for letter in apart if letter not in _TONES) + tones


def lower_text(text: str) -> str:
    """Return the text in lower case, composed, without apostrophes and the accents that Vietnamese does not have."""
    text = unicodedata.normalize("NFC", text.lower()).translate(_ODD_LETTERS)
    if not _COMBINING.search(text):
        return text
    return "".join(letter for letter in text if not unicodedata.combining(letter))


def words_of(text: str) -> list[str]:
    """Return the words of a text, without punctuation."""
    return _NO_WORD.sub(" ", text).split()


_COMMON_STARTS = ("dak", "ngok", "mang", "kon", "ia", "sa")
# Of 100: one letter more or less in five, one wrong in seven; of shorter names ("Đắk Min") too many are alike.
_MIN_RATIO = 85
_MIN_LENGTH_TO_CORRECT = 4
_MIN_LEAD = 8
_MIN_RATIO_IN_DISTRICT = 80  # to ask: a district has some ten names
_VILLAGE_WORD = re.compile(
    r"(?:th[ôo]n|l[àa]ng|[ấa]p|t[ổo]|kh[ốo]i|b[ảa]n|bu[ôo]n|x[óo]m|s[ốo]|khu|tdp|đội|doi)$"
)
_MOST_NAMES_TO_CORRECT = 3000  # a nation's names are too many: most slips are near several
_CACHE_SIZE = 100_000
_LONGEST_TEXT = 400
_LINE_END = re.compile(r"[\t\r\n\v\f]")
_SEPARATOR = re.compile(r"[,;:()\[\]/|]+")
_DASH = re.compile(r"\s*[-–—_]+\s*")
_NUMBERED = re.compile(r"\b(phường|phuong|quận|quan|p|q|f)[.\s]*(\d+)")
_ABBREVIATED = re.compile(r"\b(t\.\s?t|t\.\s?x|t\.\s?p|đ\.\s?k|[xphqtf]|tt|tx|tp|đk)\.\s*(?=\w)")
# Where a level's word stands inside a part, the next place begins there; "thị xã" is one.
_LEVELS = (
    r"(?<!\bthị)\s(?=(?:xã|phường|thị trấn|đặc khu|huyện|quận|thị xã|thành phố|tỉnh|tt|tx|tp|q"
    r"|[xphf](?= \d))\s)"
)
_NEXT_LEVEL, _NEXT_LEVEL_BARE = re.compile(_LEVELS), re.compile(bare_word(_LEVELS))
_OTHER_NAMES = (
    (
        re.compile(r"(?:\b(?:tp|t\.p|thành phố|thanh pho)[.\s]*|\b)(?:hcm|hồ chí minh|ho chi minh)\b"),
        " tp ho chi minh",
    ),
    (re.compile(r"\b(?:tp|t\.p|thành phố|thanh pho)[.\s]*(?:sài gòn|sai gon)\b"), " tp ho chi minh"),
    (re.compile(r"\b(?:thừa thiên|thua thien|t\.?\s?t\.?)[\s-]*(?=hu(?:ế|e)\b)"), " "),
    (re.compile(r"\bbr\s*[-–]?\s*vt\b"), " ba ria vung tau"),
)
_ONE_WORD_KINDS = {
    **dict.fromkeys(("xã", "xa", "x"), "xa"),
    **dict.fromkeys(("phường", "phuong", "p", "f"), "phuong"),
    **dict.fromkeys(("tt",), "thi tran"),
    **dict.fromkeys(("đk", "dk"), "dac khu"),
    **dict.fromkeys(("huyện", "huyen", "h"), "huyen"),
    **dict.fromkeys(("quận", "quan", "q"), "quan"),
    **dict.fromkeys(("tx",), "thi xa"),
    **dict.fromkeys(("tp",), "thanh pho"),
    **dict.fromkeys(("tỉnh", "tinh", "t"), "tinh"),
}
_TWO_WORD_KINDS = {kind: kind for kind in ("thi tran", "dac khu", "thi xa", "thanh pho")} | {
    **{"t t": "thi tran", "đ k": "dac khu", "t x": "thi xa", "t p": "thanh pho", "huyen dao": "huyen"}
}
_COMMUNE_KINDS = {"xa", "phuong", "thi tran", "dac khu"}
_MAYBE_COMMUNE = {"", *_COMMUNE_KINDS}
_DISTRICT_KINDS = {"huyen", "quan", "thi xa"}
_OF_COLUMN = "district"  # the kind of what the district's column has without a kind
_MAYBE_DISTRICT = {"", "thanh pho", _OF_COLUMN, *_DISTRICT_KINDS}
_MAYBE_PROVINCE = {"", "tinh", "thanh pho"}
_EXACT, _UNACCENTED, _ALIKE = 0.9, 0.6, 0.3  # how near the name is; less than any other evidence


@dataclass(frozen=True, slots=True)
class PlaceMatch:
    """Result of a look-up: `code` if the text names one commune, else the possible codes, ascending.

    `likely` is the candidate that most of a split unit became. `former` is the name of the unit that ended, where the
    text names one.
    """

    code: str | None = None
    candidates: tuple[str, ...] = ()
    likely: str | None = field(default=None, compare=False)
    former: str = field(default="", compare=False)

    @property
    def as_text(self) -> str:
        """The code, "ambiguous:23368/23504", or ""."""
        return f"ambiguous:{'/'.join(self.candidates)}" if self.candidates else self.code or ""


@dataclass(frozen=True, slots=True)
class Unit:
    """Commune that a text may name, and the codes of the day's units that it stands for.

    `name` and the other names carry their kind ("Xã Đăk Hà"). A unit that ended has its district, and its successors
    as `codes`, the likely one in `likely`; a unit of the day has the districts that its ground lay in. `provinces` are
    those of its day and of today; the last is today's.
    """

    name: str
    codes: tuple[str, ...]
    districts: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    is_former: bool = False
    likely: str | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """Part of a text as a place: its kind if one is written, and its name, in three degrees of likeness."""

    kind: str
    words: tuple[str, ...]
    exact: str
    bare: str
    key: str


# A part's readings: with its first word as a kind, if it may be one; the last is the part as a name without a kind.
_Part = tuple[_Reading, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    unit: Unit
    name: _Reading
    districts: dict[str, set[str]]  # kinds by key
    provinces: frozenset[str]
    today: str  # key of today's province
    is_renamed: bool = False  # a name of before, which counts with its district only


class _Says(Enum):
    """What a part beside a place's name is: one of its districts or provinces, another district, another province."""

    PLACE = auto()
    DISTRICT = auto()
    OTHER_PROVINCE = auto()


@dataclass(slots=True)
class _Parts:
    """What the parts beside a place's name say of it together."""

    score: float = 0.0
    has_district: bool = False
    names_district: bool = False
    names_province: bool = False
    names_today: bool = False


@dataclass(frozen=True, slots=True)
class _Candidate:
    score: float
    place: _Place
    has_kind: bool
    has_district: bool  # the text names its district
    names_district: bool  # the text names some district
    names_today: bool  # the text names its province of today

    @property
    def is_former(self) -> bool:
        return self.place.unit.is_former


class Gazetteer:
    """Communes looked up by any spelling of their names."""

    def __init__(
        self,
        units: Iterable[Unit],
        *,
        provinces: Iterable[str] = (),
        renamed: Iterable[tuple[str, str, str]] = (),
    ) -> None:
        """Index units. `provinces` are the names of all provinces, to tell a place of another one.

        `renamed`: (former name, district, name since) of units that were called otherwise before.
        """
        self._places: dict[str, list[_Place]] = {}
        self._districts: dict[str, set[str]] = {}
        self._provinces: set[str] = set()
        self._has_former = False
        self._cache: dict[tuple[str, str], PlaceMatch] = {}
        formerly = {(spelling_key(since), spelling_key(district)): name for name, district, since in renamed}
        for unit in units:
            place = _place(unit, unit.name)
            self._add(place)
            if " - " in unit.name:
                self._add(_place(unit, unit.name.split(" - ")[0]))
            for district in place.districts:
                if name := formerly.get((place.name.key, district)):
                    self._add(replace(_place(unit, name), is_renamed=True))
        self._foreign = {_readings(lower_text(name))[0].key for name in provinces} - self._provinces
        self._around = self._districts.keys() | self._provinces
        self._known = self._places.keys() | self._around | self._foreign

    def _add(self, place: _Place) -> None:
        self._places.setdefault(place.name.key, []).append(place)
        for district, kinds in place.districts.items():
            self._districts.setdefault(district, set()).update(kinds)
        self._provinces |= place.provinces
        self._has_former = self._has_former or place.unit.is_former

    def match(self, commune: str, district: str | None = None) -> PlaceMatch:
        """Find the commune that a cell names; `district` is the text of the list's district column, if any."""
        return self._remember((commune, district or ""), self._look_up)

    def match_address(self, address: str, district: str | None = None) -> PlaceMatch:
        """Find the commune in an address such as "Thôn 4, X. Đắk La, Đắk Hà".

        Where no part is marked as a commune, a part after the first counts if it is the exact name of a commune and of no
        district.
        """
        key = (f"{address}\0", district or "")  # no cell has this character
        return self._remember(key, self._look_up_address)

    def match_title(self, title: str) -> tuple[str, PlaceMatch]:
        """Find the commune in a title such as "UBND XÃ ĐẮK LA - HUYỆN ĐẮK HÀ, NĂM 2020": its name there, and the match.

        The commune must be marked as one. ("", no match) if there is none.
        """
        parts = [self._cut(part) for part in self._parts(title)]
        named = next((part[0] for part in parts if part[0].kind in _COMMUNE_KINDS), None)
        if named is None or named.key not in self._places:
            return "", PlaceMatch()
        around = [part for part in parts if part[0].kind and part[0].kind not in _COMMUNE_KINDS]
        return " ".join(named.words), self._look_up([(named,), *around], [])

    def _cut(self, part: _Part) -> _Part:
        """Cut off what follows the longest known name of a part with a kind."""
        kind, words = part[0].kind, part[0].words
        around = self._places if kind in _COMMUNE_KINDS else self._districts
        ends = (end for end in range(len(words), 0, -1) if kind and key_of(words[:end]) in around)
        end = next(ends, 0)
        return _with_kind(kind, words[:end]) if end else part

    def _remember(
        self, key: tuple[str, str], look_up: Callable[[list[_Part], list[_Part]], PlaceMatch]
    ) -> PlaceMatch:
        if (match := self._cache.get(key)) is None:
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            text, district = key
            match = self._cache[key] = look_up(self._parts(text.rstrip("\0")), self._parts(district))
        return match

    def _look_up_address(self, parts: list[_Part], within: list[_Part]) -> PlaceMatch:
        if any(part[0].kind in _COMMUNE_KINDS for part in parts):
            return self._look_up(parts, within)
        for index, part in enumerate(parts[1:], 1):
            key = part[-1].key
            if key in self._places and key not in self._districts:
                return self._look_up(parts[index:], within)
        for index, part in enumerate(parts):
            around = [*parts[index + 1 :], *within]
            if question := self._misspelt(part, around):
                return question
            # The commune, or somewhere in the district of its name.
            if index and part[-1].key in self._places:
                match = self._look_up(parts[index:], within)
                return replace(match, code=None, candidates=(match.code,)) if match.code else match
        return PlaceMatch()

    def _misspelt(self, part: _Part, around: Sequence[_Part]) -> PlaceMatch | None:
        """Return the commune of the district around that is called nearly so, as a question; None if there is none."""
        key, words = part[0].key, part[0].words
        if any(reading.key in self._known for reading in part) or _VILLAGE_WORD.match(words[0]):
            return None
        districts = {reading.key for other in around for reading in other if reading.key in self._districts}
        alike = (
            place.unit.codes
            for place in chain.from_iterable(self._places.values() if districts else ())
            if districts & place.districts.keys()
            and _similarity(key, place.name.key) >= _MIN_RATIO_IN_DISTRICT
        )
        codes = sorted(set[str]().union(*alike))
        return PlaceMatch(None, tuple(codes), _only(codes)) if codes else None

    def _look_up(self, parts: list[_Part], within: list[_Part]) -> PlaceMatch:
        if not parts or self._is_foreign([*parts, *within]):
            return PlaceMatch()
        marked = next((at for at, part in enumerate(parts) if part[0].kind in _COMMUNE_KINDS), None)
        first = marked or 0
        question = self._misspelt(parts[first], [*parts[first + 1 :], *within])
        if question and marked is None and len(parts) > 1 and parts[1][-1].key in self._places:
            return question  # not the commune that is named like its district
        parts = [self._correct_district(part, "") for part in parts]
        within = [self._correct_district(part, _OF_COLUMN) for part in within]
        is_named = False
        for attempt in (parts, self._peel(parts)):
            found = self._find(attempt, within)
            is_named |= bool(found)
            if (match := self._settle(found)) != PlaceMatch():
                return match
        is_corrected = not is_named and len(self._places) <= _MOST_NAMES_TO_CORRECT
        nearest = self._find_nearest(parts, within, first) if is_corrected else []
        return self._settle(nearest) if nearest else question or PlaceMatch()

    def _find_nearest(self, parts: Sequence[_Part], within: Sequence[_Part], at: int) -> list[_Candidate]:
        """Return the places that the part `at` names if it is misspelt, in the district that is named, if one is."""
        nearest = self._nearest(parts[at][0].key)
        if not nearest:
            return []
        corrected = (replace(parts[at][0], key=nearest),)
        found = self._find([*parts[:at], corrected, *parts[at + 1 :]], within)
        return [each for each in found if each.has_district or not each.names_district]

    def _is_foreign(self, parts: Sequence[_Part]) -> bool:
        """Check whether a text names a province that has none of the places."""
        for at, part in enumerate(parts):
            for reading in part:
                is_province = reading.kind in ("tinh", "thanh pho") or (
                    not reading.kind and at and at == len(parts) - 1 and reading.key not in self._places
                )
                if is_province and reading.key in self._foreign and reading.key not in self._districts:
                    return True
        return False

    def _find(self, parts: Sequence[_Part], within: Sequence[_Part]) -> list[_Candidate]:
        """Return the best places among those that any part names, each judged by the other parts."""
        marked = [at for at, part in enumerate(parts) if part[0].kind in _COMMUNE_KINDS]
        # Without any accent "An Thanh" may be An Thành.
        is_accented = any(each.exact != each.bare for part in (*parts, *within) for each in part)
        found = list[_Candidate]()
        for at in marked or range(len(parts)):
            others = [*parts[:at], *parts[at + 1 :], *within]
            for position, reading in enumerate(parts[at]):
                for place in self._places.get(reading.key, ()):
                    # An island district had no communes: it is the unit itself.
                    if reading.kind not in _MAYBE_COMMUNE and reading.kind != place.name.kind:
                        continue
                    if candidate := self._judge(
                        place, reading, others, is_whole=bool(position), is_accented=is_accented
                    ):
                        found.append(candidate)
        best = max((candidate.score for candidate in found), default=0.0)
        return [candidate for candidate in found if candidate.score > best - 0.01]

    def _judge(
        self, place: _Place, reading: _Reading, others: Sequence[_Part], *, is_whole: bool, is_accented: bool
    ) -> _Candidate | None:
        """Weigh a place by its name and the other parts. None if they name another province."""
        name = place.name
        score = _ALIKE
        if reading.bare == name.bare:
            score = _EXACT if reading.exact == name.exact and is_accented else _UNACCENTED
            score += is_whole  # "Phường Đúc" is a name
        has_kind = bool(reading.kind) and reading.kind == name.kind
        if reading.kind:
            score += 1.5 if has_kind else -0.5
        parts = _Parts()
        for part in others:
            says: set[_Says | None] = set()
            for other in part:
                says.add(self._read(place, other, parts))
                if _Says.PLACE in says:
                    break
            else:
                if _Says.OTHER_PROVINCE in says:
                    return None
                parts.names_district = parts.names_district or _Says.DISTRICT in says
        if place.is_renamed and not parts.has_district:
            return None
        names_district = parts.names_district or parts.has_district
        return _Candidate(
            score + parts.score, place, has_kind, parts.has_district, names_district, parts.names_today
        )

    def _read(self, place: _Place, other: _Reading, parts: _Parts) -> _Says | None:
        """Return what one reading of another part says of a place, and count it in `parts`."""
        kind, key = other.kind, other.key
        districts = place.districts.get(key, ()) if kind in _MAYBE_DISTRICT else ()
        if kind not in districts and kind in self._districts.get(key, ()):
            districts = ()  # thị xã Kỳ Anh is not huyện Kỳ Anh
        if kind in _MAYBE_PROVINCE and key in place.provinces and kind not in districts:
            # "Kon Tum" twice without a kind is the city and the province.
            if districts and parts.names_province and not kind:
                parts.has_district = True
                parts.score += 4.0
            parts.score += 0.0 if parts.names_province else 2.0
            parts.names_province = True
            parts.names_today |= key == place.today
            return _Says.PLACE
        if districts:
            parts.has_district = True
            parts.score += 4.5 if kind in districts else 4.0
            return _Says.PLACE
        if kind in _DISTRICT_KINDS or (kind in _MAYBE_DISTRICT and key in self._districts):
            is_district = key not in self._provinces or kind in {*_DISTRICT_KINDS, _OF_COLUMN}
            return _Says.DISTRICT if is_district else None
        if kind in ("tinh", "thanh pho") and key in self._provinces:
            return _Says.OTHER_PROVINCE
        return None

    def _settle(self, found: Sequence[_Candidate]) -> PlaceMatch:
        """Decide between equally good places: the codes that are left, one or several."""
        chosen = self._choose(found)
        codes = sorted({code for each in chosen for code in each.place.unit.codes})
        former = chosen[0].place.unit.name if len(chosen) == 1 and chosen[0].is_former else ""
        if len(codes) == 1:
            return PlaceMatch(codes[0], former=former)
        split = [each.place.unit for each in chosen if each.is_former or len(each.place.unit.codes) > 1]
        likely = {unit.likely or "" for unit in split}
        likely |= {each.place.unit.codes[0] for each in chosen if not each.is_former}
        return PlaceMatch(None, tuple(codes), _only(likely) or None, former)

    def _choose(self, found: Sequence[_Candidate]) -> list[_Candidate]:
        """Return those of equally good places that the district speaks for; none where it speaks against a single name."""
        if any(each.has_district for each in found):
            return [each for each in found if each.has_district and each.is_former] or list(found)
        if any(each.names_district for each in found):
            # The name is right and its district is not: of one day's units a single name is enough.
            is_single = len({each.place.unit.codes for each in found}) == 1
            return [] if self._has_former and is_single else list(found)
        todays = [each for each in found if not each.is_former]
        if any(each.has_kind and each.names_today for each in todays):
            return todays
        return list(found)

    def _nearest(self, key: str) -> str:
        """Return the most similar name; "" if a second one is nearly as similar."""
        best, second, nearest = 0.0, 0.0, ""
        for name in self._places:
            similarity = _similarity(key, name)
            if similarity > best:
                best, second, nearest = similarity, best, name
            elif similarity > second:
                second = similarity
        return nearest if best >= _MIN_RATIO and best - second >= _MIN_LEAD else ""

    def _correct_district(self, part: _Part, kind: str) -> _Part:
        """Return a misspelt district's part with its key; `kind` is what one without a kind is taken for."""
        first = part[0] if part[0].kind or not kind else replace(part[0], kind=kind)
        if first.kind not in {*_DISTRICT_KINDS, _OF_COLUMN, "thanh pho"}:
            return part
        if any(reading.key in self._known for reading in part):
            return (first, *part[1:])
        near = [key for key in self._districts if _similarity(first.key, key) >= _MIN_RATIO]
        return (replace(first, key=near[0]),) if len(near) == 1 else (first, *part[1:])

    def _parts(self, text: str) -> list[_Part]:
        """Return the places that a text names, in its order."""
        # Without runs of spaces, over which the patterns below would take long.
        text = " ".join(lower_text(_LINE_END.sub(",", text[:_LONGEST_TEXT])).split())
        for pattern, name in _OTHER_NAMES:
            text = pattern.sub(name, text)
        text = _ABBREVIATED.sub(lambda match: f" , {match[1].replace('.', ' ')} ", text)
        text = _NUMBERED.sub(r"\1 \2", text)
        parts = list[_Part]()
        for piece in _SEPARATOR.split(text):
            pieces = [each for each in _DASH.split(piece) if each.strip(" .")]
            while pieces:
                # "Xuân Hương - Đà Lạt" is one name.
                ends = range(len(pieces), 1, -1)
                end = next((end for end in ends if self._is_known(" ".join(pieces[:end]))), 1)
                self._split(" ".join(" ".join(pieces[:end]).split()), parts)
                del pieces[:end]
        return parts

    def _is_known(self, text: str) -> bool:
        return any(reading.key in self._known for reading in _readings(text))

    def _split(self, text: str, parts: list[_Part]) -> None:
        """Split a piece at the words that name a level, unless it is a name as a whole."""
        readings = _readings(text)
        if not readings:
            return
        pattern = _NEXT_LEVEL_BARE if text.isascii() else _NEXT_LEVEL
        pieces = pattern.split(text)
        if len(pieces) < 2 or any(each.key in self._places for each in readings):
            parts.append(readings)
        else:
            parts += filter(None, map(_readings, pieces))

    def _peel(self, parts: Sequence[_Part]) -> list[_Part]:
        """Split off districts and provinces that stand behind a name without any mark. Empty if there are none."""
        peeled, has_split = list[_Part](), False
        for part in parts:
            words, tail = part[0].words, list[_Part]()
            while cut := next(
                (cut for cut in range(1, len(words)) if key_of(words[cut:]) in self._around), 0
            ):
                tail.insert(0, _readings(" ".join(words[cut:])))
                words = words[:cut]
            if tail:
                has_split = True
                peeled += [_with_kind(part[0].kind, words), *tail]
            else:
                peeled.append(part)
        return peeled if has_split else []


def _readings(text: str) -> _Part:
    """Return the readings of a part, none if it has no word."""
    words = words_of(text)
    if not words:
        return ()
    whole = _with_kind("", words)[0]
    if len(words) > 2 and (kind := _TWO_WORD_KINDS.get(f"{bare_word(words[0])} {bare_word(words[1])}")):
        return (*_with_kind(kind, words[2:]), whole)
    if len(words) > 1 and (kind := _ONE_WORD_KINDS.get(words[0])):
        return (*_with_kind(kind, words[1:]), whole)
    return (whole,)


def _with_kind(kind: str, words: Sequence[str]) -> _Part:
    exact, bare = " ".join(map(exact_word, words)), " ".join(map(bare_word, words))
    return (_Reading(kind, tuple(words), exact, bare, key_of(words)),)


def _place(unit: Unit, name: str) -> _Place:
    districts: dict[str, set[str]] = {}
    for district in map(_name, unit.districts):
        districts.setdefault(district.key, set()).add(district.kind)
    provinces = [_name(province).key for province in unit.provinces]
    return _Place(unit, _name(name), districts, frozenset(provinces), provinces[-1] if provinces else "")


@lru_cache(maxsize=20_000)
def _name(name: str) -> _Reading:
    return _readings(lower_text(name).replace("-", " "))[0]


def _only(codes: Collection[str]) -> str | None:
    """Return the code if it is the only one."""
    return next(iter(codes)) if len(codes) == 1 else None


def _similarity(name: str, key: str) -> float:
    """Return the similarity of two keys, 0 to 100, without the first word that half of all names share."""
    for start in _COMMON_STARTS:
        if name.startswith(start) and key.startswith(start):
            name, key = name.removeprefix(start), key.removeprefix(start)
            break
    return fuzz.ratio(name, key) if min(len(name), len(key)) >= _MIN_LENGTH_TO_CORRECT else 0


Code = TypeVar("Code", bound=Hashable)
Place = TypeVar("Place", bound=Hashable)


# Counts by the units of their time, as the units of another day have them. People of a unit that went whole into another are
# counted there; of a unit that came from one only, in that one. Where ground was split in between nobody knows who lived on which
# part: then a place has those who surely live there, and those who may. Such figures are shown as a range and never shared out
# by a guess, not even where one part is the main one.
class UnitsOfDay:
    """The units of one day, and where the ground of any other unit lay on that day."""

    def __init__(self, of_day: Collection[str], successors: Iterable[tuple[str, str]]) -> None:
        """Take the day's units; `successors` pairs each ended unit with each that it or a part of it became."""
        self.of_day = frozenset(of_day)
        self._after: dict[str, list[str]] = {}
        self._before: dict[str, list[str]] = {}
        for old, new in successors:
            self._after.setdefault(old, []).append(new)
            self._before.setdefault(new, []).append(old)
        self._found: dict[str, frozenset[str]] = {}

    def ground_of(self, code: str) -> frozenset[str]:
        """Return the day's units on whose ground the people of a unit may live; none where that is not known."""
        if code not in self._found:
            self._found[code] = self._follow(code, self._after) or self._follow(code, self._before)
        return self._found[code]

    def _follow(self, code: str, steps: Mapping[str, list[str]]) -> frozenset[str]:
        """Follow all reforms in one direction, up to the units of the day. Cycles do no harm."""
        found, visited, pending = set[str](), set[str](), [code]
        while pending:
            unit = pending.pop()
            if unit in self.of_day:
                found.add(unit)
            elif unit not in visited:
                visited.add(unit)
                pending += steps.get(unit, ())
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Ground(Generic[Code]):
    """Recorded units whose people live in a place: `sure` all of them, `possible` some, all or none."""

    sure: list[Code]
    possible: list[Code]


def sort_ground(places_of: Mapping[Code, Collection[Place]]) -> dict[Place, Ground[Code]]:
    """Return for each place the units that lie in it, from the places that each unit may lie in."""
    ground: dict[Place, Ground[Code]] = {}
    for code, places in places_of.items():
        for place in places:
            known = ground.setdefault(place, Ground([], []))
            (known.sure if len(places) == 1 else known.possible).append(code)
    return ground


def known_ground(
    known: Collection[Code], places_of: Mapping[Code, Collection[Place]]
) -> dict[Place, Ground[Code]]:
    """Return the ground of each place of which every unit is `known`: a part's figure is no figure of the whole."""
    return {
        place: ground
        for place, ground in sort_ground(places_of).items()
        if all(code in known for code in (*ground.sure, *ground.possible))
    }
