"""SMS segments of a text, and cheaper ways to write it (3GPP TS 23.038, Unicode TR29). Pure."""

import re
import unicodedata
from enum import StrEnum
from typing import NamedTuple

import regex

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "[]{}^~\\|€\f"  # two units each: an escape and the character
# Characters that word processors put in place of the keyboard's quotes, dashes and spaces.
TYPOGRAPHIC = str.maketrans(
    dict.fromkeys("‘’‚‛′‹›", "'")
    | dict.fromkeys("“”„‟″«»", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
    | dict.fromkeys("\u00a0\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))), " ")
)
# Letters that have no decomposition, and the marks that are removed. U+0338 is not among them:
# it is the stroke of ≠, which would turn into =.
UNACCENTED: dict[int, str | None] = {
    **{ord(letter): plain for letter, plain in zip("đĐƀɃ", "dDbB", strict=True)},
    **dict.fromkeys([mark for mark in range(0x300, 0x370) if mark != 0x338], None),
}
_gsm7 = regex.compile("[" + regex.escape(BASIC + EXTENSION) + "]*").fullmatch
# ASCII that GSM-7 lacks, or writes with two units, or joins into one grapheme (CR LF).
_unusual = re.compile(r"[\x00-\x09\x0b-\x1f\x7f`\[\]{}\\^|~]").search
_extension = regex.compile("[" + regex.escape(EXTENSION) + "]").findall
# Characters of one unit each that never join a neighbour into one grapheme; Vietnamese is written with them.
_plain = regex.compile(r"[\n\x20-\x7e\xa0-\xac\xae-\u02ff\u1e00-\u1eff\u2010-\u2027\u20a0-\u20bf]*").fullmatch
_surrogate = regex.compile("[\ud800-\udfff]").search
_graphemes = regex.compile(r"\X").findall


class Encoding(StrEnum):
    """Encoding of an SMS. One letter outside GSM-7 makes the whole message UCS-2."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


# Units in a message of one part, and in each part of a longer one, whose header needs the rest.
CAPACITY = {Encoding.GSM7: (160, 153), Encoding.UCS2: (70, 67)}
MOST_SEGMENTS = 255  # of one message (3GPP TS 23.040, 9.2.3.24.1)


class TextMeasure(NamedTuple):
    """Text as it would be sent, with its units (septets or 16-bit) and the segments billed."""

    encoding: Encoding
    units: int
    segments: int
    text: str


def measure(text: str, *, unaccented: bool = False) -> TextMeasure:
    """Measure a text: encoding, units, segments and the text as it would be sent. Never raises.

    The text is put in NFC. Typographic quotes, dashes and spaces take their GSM-7 form where the whole
    text then fits GSM-7, and stay otherwise. Parts are filled grapheme by grapheme, so that no character
    is cut in two. An empty text is 0 segments: there is nothing to send. A control character that GSM-7
    lacks makes the text UCS-2. Half a surrogate pair becomes U+FFFD, as it could not travel.
    """
    if not text.isascii():
        if _surrogate(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        text = unicodedata.normalize("NFC", text)
        if unaccented:
            text = unaccent(text)
    if text.isascii() and not _unusual(text):
        return TextMeasure(Encoding.GSM7, len(text), _count_parts(text, len(text), Encoding.GSM7, True), text)
    if not _gsm7(text):
        plainer = text.translate(TYPOGRAPHIC)
        if not _gsm7(plainer):
            simple = _plain(text) is not None
            units = len(text) if simple else _units(text, Encoding.UCS2)
            return TextMeasure(Encoding.UCS2, units, _count_parts(text, units, Encoding.UCS2, simple), text)
        text = plainer
    extra = len(_extension(text))
    units = len(text) + extra
    simple = not extra and "\r" not in text
    return TextMeasure(Encoding.GSM7, units, _count_parts(text, units, Encoding.GSM7, simple), text)


def unaccent(text: str) -> str:
    """Return the text without Vietnamese accents, as operators send it; € and emoji stay."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", decomposed.translate(UNACCENTED))


def _units(text: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM7:
        return len(text) + len(_extension(text))
    return len(text.encode("utf-16-le")) // 2


def _count_parts(text: str, units: int, encoding: Encoding, simple: bool) -> int:
    """Count the parts, filled in order. `simple`: every character is one unit and one grapheme."""
    alone, part = CAPACITY[encoding]
    if units <= alone:
        return 1 if units else 0
    return -(-units // part) if simple else len(_pack(text, encoding))


def split(measured: TextMeasure) -> list[str]:
    """Return the parts of a measured text, as many as its segments."""
    if measured.segments <= 1:
        return [measured.text] if measured.text else []
    return _pack(measured.text, measured.encoding)


def _pack(text: str, encoding: Encoding) -> list[str]:
    """Split a text that needs several parts, filled in order, grapheme by grapheme."""
    part = CAPACITY[encoding][1]
    parts, used = [""], 0
    for grapheme in _graphemes(text):
        # A grapheme longer than a part has to break somewhere: between characters, never inside one.
        for piece in [grapheme] if _units(grapheme, encoding) <= part else grapheme:
            size = _units(piece, encoding)
            if used + size > part:
                parts.append("")
                used = 0
            parts[-1] += piece
            used += size
    return parts
