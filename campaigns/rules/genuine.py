"""Whether a message that somebody got may be ours: its words against those that were sent, and where its links lead. Pure.

Nothing about a person goes into the comparison: a name and a personal link stand for any other.
"""

import re
from collections.abc import Collection, Iterable
from enum import StrEnum
from urllib.parse import urlsplit

from outreach.rules.segments import unaccent


class MessageMatch(StrEnum):
    """What can be said of a message."""

    SAME = "same"  # its words are those of a message of ours
    FOREIGN_LINK = "foreign_link"  # it leads to an address that is not ours
    DIFFERENT = "different"


LONGEST = 1000
"""Characters of a message that are compared."""
LONGEST_VALUE = 40
"""Letters that may stand where a template has a field; none of them a digit, so that no account number hides there."""
SHORTEST = 12
"""Letters that a text must have of its own: a template of nothing but fields fits everything."""
_FIELD = re.compile(r"\{[^{}]*\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*\{[^\[\]]*)\]")
_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?://)|\b)(?P<host>(?:[a-z0-9-]+\.)+(?P<end>[a-z]{2,})(?![^\W_]|[\u3002\uff0e\uff61]\w)|\d+(?:\.\d+){3})(?::\d+)?(?P<path>/\S*)?",
    re.IGNORECASE,
)
# Ends of a host without a scheme or a path: "xong.Xin" is no address.
_ENDS = re.compile(
    "vn|com|net|org|info|top|xyz|cc|click|link|me|io|site|online|club|app|ly|gl|icu|shop|vip|store|live|work|win",
    re.IGNORECASE,
)
# Whatever a phone may make a link of, with any end and any letters; but for what an office shortens. Of a text without accents.
_NAME_WITH_DOTS = re.compile(
    r"(?<![\w-])(?!(?:tp|tx|tt|kp|tdp|ubnd|bs|ts|ths|gs|pgs|ks|cn|ds|ys|th|thcs|thpt|mn|nvh|tyt|bv)\.)[\w-]{2,}(?:[.\u3002\uff0e\uff61][\w-]{2,})+"
)
# A day or an hour that a list has for each person, the time of an opt-out, the code of the page for everybody.
_WHEN = re.compile(
    r"\b(?:[01]?\d|2[0-3])(?:[:hg]|\s?gio\s?)(?:[0-5]\d)?\b|\b(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|1[0-2])(?:/20\d\d)?\b"
    r"|(?<=ma xac nhan cua ong/ba: )\d{6}\b"
)


def addresses_in(text: str) -> list[re.Match[str]]:
    """Return the addresses of a text, with or without a scheme."""
    found = _ADDRESS.finditer(text)
    return [each for each in found if each["scheme"] or each["path"] or _ENDS.fullmatch(each["end"] or "")]


def compare_message(text: str, templates: Iterable[str], hosts: Collection[str]) -> MessageMatch:
    """Return what can be said of a message, beside the templates that were sent and the hosts that are ours.

    A link to another host decides, whatever the words: swindlers copy them. What may be one, and stands in no template, is no message of
    ours, and neither is what may have been cut.
    """
    text, templates = text[:LONGEST], list(templates)
    known = {host.lower() for host in hosts}
    known.update(each["host"].lower() for template in templates for each in addresses_in(template))
    if any(each["host"].lower() not in known for each in addresses_in(text)):
        return MessageMatch.FOREIGN_LINK
    named = set(_NAME_WITH_DOTS.findall(_plain(text)))
    if len(text) == LONGEST or not named.issubset(_NAME_WITH_DOTS.findall(_plain("\n".join(templates)))):
        return MessageMatch.DIFFERENT
    got = _letters(text)
    return MessageMatch.SAME if any(_fits(got, each) for each in templates) else MessageMatch.DIFFERENT


def hosts_of(*addresses: str) -> set[str]:
    """Return the hosts of addresses, without the empty ones."""
    return {host for each in addresses if each and (host := urlsplit(each).hostname)}


def _fits(got: str, template: str) -> bool:
    """Return whether a text is a template with something short in place of its fields, with or without its optional parts."""
    with_parts = _OPTIONAL.sub(r" \1 ", template)
    return any(_follows(got, _FIELD.split(each)) for each in (with_parts, _OPTIONAL.sub(" ", template)))


def _follows(got: str, parts: list[str]) -> bool:
    """Return whether a text is these parts in this order, with little in between and nothing before or after."""
    pieces = [_letters(part) for part in parts]
    if sum(map(len, pieces)) < SHORTEST or not got.startswith(pieces[0]) or not got.endswith(pieces[-1]):
        return False
    at = len(pieces[0])
    for piece in pieces[1:]:
        found = got.find(piece, at, at + LONGEST_VALUE + len(piece)) if piece else len(got)
        if piece is pieces[-1]:
            found = len(got) - len(piece)
        if found < at or found - at > LONGEST_VALUE or any(each.isdigit() for each in got[at:found]):
            return False
        at = found + len(piece)
    return at == len(got)


def _plain(text: str) -> str:
    """Return a text in small letters without accents and addresses."""
    for address in reversed(addresses_in(text)):
        text = text[: address.start()] + " " + text[address.end() :]
    return unaccent(text).lower()


def _letters(text: str) -> str:
    """Return a text's letters and digits without accents, case, spaces, addresses and times: phones and operators change the rest."""
    return "".join(letter for letter in _WHEN.sub(" ", _plain(text)) if letter.isalnum())
