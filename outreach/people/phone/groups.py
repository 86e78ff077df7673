"""The groups of digits in a cell to numbers: which groups belong together, and what is left over."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise

from outreach.people.phone.digits import LONGEST, Kind, Number, read_digits, split_concatenated
from outreach.people.phone.outcome import PhoneCell, PhoneStatus, PhoneWarning, Reason, reject

_TOKEN = re.compile(r"(?P<digits>\d+)|(?P<word>[^\W\d_]+)|(?P<hard>[;|&\n])|(?P<slash>[/\\])|(?P<plus>\+)")
_BETWEEN_NUMBERS = re.compile(r"\s-+\s|,\s")
_AND = {"và", "va", "hoặc", "hoac", "hay", "or", "and"}


class Break(IntEnum):
    """What stands before a group of digits, from what a number may hold to what it cannot."""

    INSIDE = 0  # a space, dot, dash, bracket: as within a number
    LOOSE = 1  # " - " or ", ": more often between two numbers
    SLASH = 2  # 0905/000/123 or 0905000123/0913000123
    HARD = 3
    WORD = 4
    START = 5


@dataclass(slots=True)
class Group:
    """Digits that stand together, the break before them, and whether a + announced them."""

    digits: str
    gap: Break = Break.START
    plus: bool = False


def take_apart(text: str) -> tuple[list[Group], list[str]]:
    """The groups of digits with what parts them, and the words other than "and"."""
    groups: list[Group] = []
    words = []
    gap, plus, end = Break.START, False, 0
    for token in _TOKEN.finditer(text):
        if _BETWEEN_NUMBERS.search(text, end, token.start()):
            gap = max(gap, Break.LOOSE)
        end = token.end()
        match token.lastgroup:
            case "digits":
                groups.append(Group(token[0], gap, plus))
                gap, plus = Break.INSIDE, False
            case "word" if token[0].lower() in _AND:
                gap = max(gap, Break.HARD)
            case "word":
                words.append(token[0])
                gap, plus = Break.WORD, False
            case "hard":
                gap, plus = max(gap, Break.HARD), False
            case "slash":
                gap, plus = max(gap, Break.SLASH), False
            case _:
                gap, plus = max(gap, Break.HARD), True
    return groups, words


def read_groups(groups: Sequence[Group], *, text_present: bool) -> PhoneCell:
    """Read all groups of one cell; `groups` is not empty."""
    numbers = _cover(groups)
    if numbers is not None:
        return _tell(numbers, [], text_present=text_present)
    found: list[Number] = []
    left: list[tuple[Group, Number]] = []
    for chunk in _chunks(groups):
        number = _read_run(chunk)
        parts = split_concatenated(chunk[0].digits) if len(chunk) == 1 else ()
        if parts:
            found += [_doubted(part) for part in parts]
        elif number.e164 or number.kind is Kind.LANDLINE:
            found.append(number)
        else:
            left.append((chunk[0], number))
    if any(number.e164 for number in found):
        return _tell(found, [_why_left(*each) for each in left], text_present=text_present)
    if not left:
        return reject(Reason.LANDLINE)
    together = "".join(group.digits for group in groups)
    if len(together) <= LONGEST and all(_may_follow(group) for group in groups[1:]):
        whole = read_digits(together, international=groups[0].plus)
        if whole.reason:
            return reject(whole.reason)
    return reject(left[0][1].reason or Reason.NO_VALID_NUMBER)


def in_order(warnings: Iterable[PhoneWarning]) -> tuple[PhoneWarning, ...]:
    """Each warning once, in the order in which they are told."""
    given = set(warnings)
    return tuple(warning for warning in PhoneWarning if warning in given) if given else ()


def _tell(found: Sequence[Number], left: Sequence[Reason], *, text_present: bool) -> PhoneCell:
    mobiles = [number for number in found if number.e164]
    if not mobiles:
        return reject(Reason.LANDLINE)
    numbers = tuple(dict.fromkeys(number.e164 for number in mobiles))
    warnings = {warning for number in mobiles for warning in number.warnings}
    if len(numbers) > 1:
        warnings.add(PhoneWarning.MULTIPLE_NUMBERS)
    if len(numbers) < len(mobiles):
        warnings.add(PhoneWarning.SAME_NUMBER_TWICE)
    if len(mobiles) < len(found):
        warnings.add(PhoneWarning.LANDLINE_DROPPED)
    if text_present:
        warnings.add(PhoneWarning.TEXT_PRESENT)
    reasons = [*left, *(number.reason for number in mobiles if number.reason)]
    status = PhoneStatus.REVIEW if reasons else PhoneStatus.OK
    return PhoneCell(status, numbers, reasons[0] if reasons else None, in_order(warnings))


def _doubted(part: Number) -> Number:
    if part.kind is Kind.LANDLINE:
        return part
    return replace(part, kind=Kind.DOUBTFUL, reason=Reason.CONCATENATED_NUMBERS)


def _why_left(first: Group, number: Number) -> Reason:
    if number.reason in (Reason.TOO_SHORT, Reason.SERVICE_NUMBER) and first.gap is not Break.WORD:
        return Reason.SECOND_NUMBER_TOO_SHORT
    return Reason.UNPARSED_REMAINDER


def _cover(groups: Sequence[Group]) -> list[Number] | None:
    """All groups as mobiles and landlines with none left over, as few as can be; None if there is no way.

    Two ways with equally few numbers leave a doubt, so that counts as no way.
    """
    best: list[list[list[Number]]] = [[[]]]
    for end in range(1, len(groups) + 1):
        ways: list[list[Number]] = []
        for start in range(end - 1, -1, -1):
            run = groups[start:end]
            if sum(len(group.digits) for group in run) > LONGEST or not _may_join(run):
                break  # a longer run would not do either
            if best[start]:
                number = _read_run(run)
                if number.kind in (Kind.MOBILE, Kind.LANDLINE):
                    ways += [[*way, number] for way in best[start]]
        fewest = min((len(way) for way in ways), default=0)
        best.append([way for way in ways if len(way) == fewest][:2])
    return best[-1][0] if len(best[-1]) == 1 else None


def _may_join(run: Sequence[Group]) -> bool:
    if not all(_may_follow(group) for group in run[1:]):
        return False
    slashed = any(group.gap is Break.SLASH for group in run[1:])
    return not slashed or all(len(group.digits) <= 6 for group in run)


def _may_follow(group: Group) -> bool:
    return group.gap <= Break.SLASH and not group.plus


def _chunks(groups: Sequence[Group]) -> list[list[Group]]:
    """The groups parted where a number most likely ends: at what parts numbers, around a whole number."""
    chunks = [[groups[0]]]
    for before, group in pairwise(groups):
        if group.plus or group.gap > Break.INSIDE or _is_whole(before) or _is_whole(group):
            chunks.append([group])
        else:
            chunks[-1].append(group)
    return chunks


def _is_whole(group: Group) -> bool:
    return len(group.digits) >= 10 and _read_run([group]).kind in (Kind.MOBILE, Kind.LANDLINE)


def _read_run(run: Sequence[Group]) -> Number:
    number = read_digits("".join(group.digits for group in run), international=run[0].plus)
    if number.kind is Kind.MOBILE and _is_oddly_grouped(run):
        return replace(number, kind=Kind.DOUBTFUL, reason=Reason.UNPARSED_REMAINDER)
    return number


def _is_oddly_grouped(run: Sequence[Group]) -> bool:
    """May a stray digit have joined a number cut short, as in "09050001 23 tuổi" or "tổ 9 05000123"?"""
    first = run[0]
    opens_a_number = first.plus or first.digits.startswith(("0", "84"))
    if first.gap is Break.WORD and len(first.digits) <= 2 and not opens_a_number:
        return True
    if any(group.gap >= Break.LOOSE and len(group.digits) < 3 for group in run[1:]):
        return True
    if len(run) < 2:
        return False
    before, last = (len(group.digits) for group in run[-2:])
    return (last <= 2 and before >= 4) or (last == 1 and before > 1)
