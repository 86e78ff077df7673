"""What people say of their safety in a storm: safe or in need, how many, what is needed, and where. Pure.

Coordinates are read from a text as people paste them: decimal degrees, degrees with minutes and seconds, a map's link.
What is read is taken out of the text: a position is kept in one place, from which it is removed in time.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import cos, hypot, radians
from typing import NamedTuple

from campaigns.rules.replies.words import plain_words, split_words


class SafetyStatus(StrEnum):
    """What a number says last."""

    SAFE = "safe"
    HELP = "help"
    OTHER = "other"  # somebody else needs help


def may_replace(
    known: SafetyStatus, said: SafetyStatus, *, is_known_verified: bool, is_verified: bool
) -> bool:
    """Return whether what is said of a number counts beside what is known: hearsay of safety only beside its like."""
    is_hearsay = said is SafetyStatus.SAFE and not is_verified
    return not is_hearsay or (known is SafetyStatus.SAFE and not is_known_verified)


class Need(StrEnum):
    """What is needed, the most dangerous first."""

    WOUNDED = "wounded"
    BIRTH = "birth"
    BOAT = "boat"
    ISOLATED = "isolated"
    MEDICINE = "medicine"
    FOOD = "food"


class CryState(StrEnum):
    """How far the help for a cry is."""

    NEW = "new"
    TAKEN = "taken"
    ON_THE_WAY = "on_the_way"


class Position(NamedTuple):
    """Degrees north and east, to five places: about a metre."""

    latitude: float
    longitude: float


def position_of(latitude: float | None, longitude: float | None) -> Position | None:
    """Return a stored position, None where there is none."""
    return None if latitude is None or longitude is None else Position(latitude, longitude)


class SafetyText(NamedTuple):
    """What a text says of safety: `text` is without the position."""

    status: SafetyStatus | None
    people: int | None
    needs: tuple[Need, ...]
    position: Position | None
    text: str


MASKED = "[vị trí]"
MOST_PEOPLE = 500
EVENT_LASTS = timedelta(days=14)
"""How long after its launch a warning is what a cry from any number is about; a storm and its floods take a week."""
LONGEST_PLACE = 200
# Vietnam with its islands and the sea around them: what is outside was mistyped, or is no position.
_NORTH, _EAST = (6.0, 24.0), (101.5, 118.5)
_NUMBER = r"[-+]?\d{1,3}[.,]\d{3,}"
_DEGREES = r"\d{1,3}\s*[°º*]\s*\d{1,2}\s*['′’]\s*(?:\d{1,2}(?:[.,]\d+)?\s*(?:\"|″|”|'')\s*)?"
# What comes before a link's place is bounded, and no blank can be matched in two ways: anybody's text is searched.
_LINK = r"https?://\S{0,500}?"
_PAIRS = (
    # A map's link, of which the place (!3d…!4d…, q=) counts before the middle of the shown map (@).
    re.compile(rf"{_LINK}!3d({_NUMBER})!4d({_NUMBER})\S*", re.IGNORECASE),
    re.compile(
        rf"(?:{_LINK}[?&/](?:q|ll|query|daddr|destination|center|mlat|loc)[=:](?:loc:)?|geo:)({_NUMBER})"
        rf"(?:,|%2c|&mlon=)\+?(?:%20)?({_NUMBER})\S*",
        re.IGNORECASE,
    ),
    re.compile(rf"{_LINK}[/@]({_NUMBER}),\+?({_NUMBER})\S*", re.IGNORECASE),
    re.compile(rf"({_DEGREES})[NB][\s,;]*({_DEGREES})[EĐD]", re.IGNORECASE),
    re.compile(
        rf"({_NUMBER})(?:\s*°)?(?:\s*[NB])?(?:\s*[,;/]\s*|\s+)({_NUMBER})(?:\s*°)?(?:\s*[EĐ])?(?![\d.])",
        re.IGNORECASE,
    ),
)


def read_position(latitude: str, longitude: str) -> Position | None:
    """Return a position in or near Vietnam of two numbers as a browser or a person writes them, either first; else None."""
    try:
        first, second = _degrees(latitude), _degrees(longitude)
    except ValueError:
        return None
    for north, east in ((first, second), (second, first)):
        if _NORTH[0] <= north <= _NORTH[1] and _EAST[0] <= east <= _EAST[1]:
            return Position(round(north, 5), round(east, 5))
    return None


def _degrees(text: str) -> float:
    parts = [float(part.replace(",", ".")) for part in re.findall(r"[-+]?\d+(?:[.,]\d+)?", text)]
    if not 1 <= len(parts) <= 3:
        raise ValueError("no degrees")
    return sum(part / 60.0**at for at, part in enumerate(parts))


def find_position(text: str) -> tuple[Position | None, str]:
    """Return the first position in a text, and the text with each position masked."""
    found: Position | None = None

    def mask(match: re.Match[str]) -> str:
        nonlocal found
        position = read_position(match[1], match[2])
        found = found or position
        return MASKED if position else match[0]

    for pattern in _PAIRS:
        text = pattern.sub(mask, text)
    return found, text


# No two rows of these say the same, as "nha toi" beside "nha" and "toi" would: a text would have thousands of readings.
_WHO = "toi|minh|em|con|chau|gia dinh|ca nha|nha|nguoi nha|chung toi|tui|bo me|vo con|moi nguoi|toi va gia dinh|ca gia dinh"
_SAFE = re.compile(
    rf"(?:(?:{_WHO}|da|deu|van|hien|dang|rat|bao|binh|thi|o noi|noi|cho|duoc) )*an toan"
    r"(?: (?:roi|het|ca|a|nhe|nha|va|binh an|cam on|can bo|ca gia dinh|toi|o day))*"
)
_CRY = re.compile(r"cuu(?: (?!tro|ho da|thuong binh|nguoi nhu|sach).*)?")
_PEOPLE = re.compile(
    r"\b(\d{1,3}|mot|hai|ba|bon|nam|sau|bay|tam|chin|muoi) (?:nguoi|ng|mang|dua|em be|cu gia|tre em|chau)\b"
)
_COUNTS = {
    word: n
    for n, word in enumerate(["mot", "hai", "ba", "bon", "nam", "sau", "bay", "tam", "chin", "muoi"], start=1)
}
_NEEDS = {
    Need.BOAT: r"xuong|ghe|thuyen|ca no|cano|mai nha|noc nha|tren mai|tren noc|nuoc (?:len|dang|ngap|toi)",
    Need.FOOD: r"doi|luong thuc|thuc an|do an|gao|mi tom|nuoc uong|het (?:gao|do an|nuoc|sua)",
    Need.MEDICINE: r"thuoc|insulin|chay than|tho oxy",
    Need.BIRTH: r"sap sinh|sap de|dau de|chuyen da|vo oi|ba bau|san phu|mang thai",
    Need.WOUNDED: r"bi thuong|gay (?:tay|chan|xuong)|chay mau|bat tinh|ngat xiu|bi ngat|dot quy|cap cuu|bi bong",
    Need.ISOLATED: r"co lap|bi kep|mac ket|bi ket|chia cat|khong ra duoc|khong di duoc",
}
_READ_NEEDS = {need: re.compile(rf"\b(?:{words})\b") for need, words in _NEEDS.items()}


def read_safety(text: str) -> SafetyText:
    """Return what a text says of safety, by plain words alone: "AN TOAN", "CUU 5 nguoi mai nha", a position pasted.

    Only a whole text that says nothing else is read as safe: "chưa an toàn", "an toàn không?" are not. Other cries are
    understood as every reply is (`campaigns/rules/replies/understand.py`).
    """
    position, masked = find_position(text)
    without = masked.replace(MASKED, " ")
    plain = " ".join(plain_words(without))
    status: SafetyStatus | None = None
    if _SAFE.fullmatch(plain) and "?" not in split_words(without):
        status = SafetyStatus.SAFE
    elif _CRY.fullmatch(plain) and not unicodedata.normalize("NFC", without.lower()).lstrip().startswith(
        "cừu"
    ):
        status = SafetyStatus.HELP
    elif position:
        status = SafetyStatus.HELP  # who says where they are wants to be found
    counted = _PEOPLE.search(plain)
    people = (_COUNTS.get(counted[1]) or int(counted[1])) if counted else None
    needs = tuple(need for need in Need if _READ_NEEDS[need].search(plain))
    return SafetyText(status, people or None, needs, position, masked)


def danger_of(needs: Collection[str], people: int | None, *, is_cry: bool) -> int:
    """Return how dangerous a case is, 0 to 3; who says nothing of what they need may be worst off.

    3: wounded or giving birth. 2: a boat is needed, cut off, many people, or a cry without a word of what for.
    """
    if {Need.WOUNDED, Need.BIRTH}.intersection(needs):
        return 3
    if {Need.BOAT, Need.ISOLATED}.intersection(needs) or (people or 0) >= 10 or (is_cry and not needs):
        return 2
    return 1 if needs or is_cry else 0


def state_of(*, taken: bool, handed_at: datetime | None) -> CryState:
    """Return how far the help for an open case is."""
    if handed_at:
        return CryState.ON_THE_WAY
    return CryState.TAKEN if taken else CryState.NEW


NEAR_M = 80.0
"""Positions this near are likely of one house: a phone's own error is 20 to 50 m."""


class CryPlace(NamedTuple):
    """Where a case is, as far as it is known."""

    case_id: int
    position: Position | None
    area_code: str | None
    place: str


def same_places(cries: Sequence[CryPlace]) -> dict[int, int]:
    """Return for each case the earliest one before it that is likely at the same place: near it, or the same words in one commune."""
    found: dict[int, int] = {}
    cells: dict[tuple[int, int], list[CryPlace]] = {}
    words: dict[tuple[str, str], CryPlace] = {}
    for cry in cries:
        if cry.position:
            cell = int(cry.position.latitude * 1000), int(cry.position.longitude * 1000)  # about 110 m
            beside = (cells.get((cell[0] + n, cell[1] + e), []) for n in (-1, 0, 1) for e in (-1, 0, 1))
            near = [each for some in beside for each in some if metres(each.position, cry.position) <= NEAR_M]
            if near:
                found[cry.case_id] = min(each.case_id for each in near)
            cells.setdefault(cell, []).append(cry)
        said = " ".join(plain_words(cry.place))
        if len(said) >= 8 and cry.area_code:
            first = words.setdefault((cry.area_code, said), cry)
            # Of two positions these tell more than words.
            if first is not cry and not (first.position and cry.position):
                found.setdefault(cry.case_id, first.case_id)
    return found


def lead_of(case_id: int, joined: Mapping[int, int]) -> int:
    """Return the case that shows a case: what it is joined to, and so on to the last; `joined` has each case, by itself where to none.

    Of cases that lead back to each other (officers of different areas see different cases) the earliest is it: none may be hidden.
    """
    passed = [case_id]
    while (then := joined[passed[-1]]) not in passed:
        passed.append(then)
    return then if joined[then] == then else min(passed)


def metres(one: Position | None, other: Position | None) -> float:
    """Return the distance of two positions some kilometres apart at most."""
    if one is None or other is None:
        return float("inf")
    north = (one.latitude - other.latitude) * 111_320
    east = (one.longitude - other.longitude) * 111_320 * cos(radians(one.latitude))
    return hypot(north, east)


def read_people(text: str) -> int | None:
    """Return how many people somebody typed, None for nothing, no number, or more than is likely."""
    digits = re.fullmatch(r"\s*(\d{1,4})\s*", text)
    return int(digits[1]) if digits and 0 < int(digits[1]) <= MOST_PEOPLE else None


def chosen_needs(values: Iterable[str]) -> list[str]:
    """Return the needs that were ticked, in their order; what is none of them is left out."""
    ticked = set(values)
    return [need.value for need in Need if need.value in ticked]
