"""Message template with fields: checked once when it is saved, rendered for each recipient. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from outreach.rules.errors import BadTemplate
from outreach.rules.kept_values import field_key
from outreach.rules.segments import unaccent

FIELDS = frozenset({"name", "link"})
_SIGNS = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[\[\]{}]|[^\[\]{}]+")
# Marks that follow a word without a space: if the word is left out, the space before it is too.
_CLOSING = ",.;:!?)"


class _Piece(NamedTuple):
    """Literal text or a field's name; `group` is the number of its conditional part, 0 for none."""

    text: str
    is_field: bool
    group: int


@dataclass(frozen=True)
class Template:
    """Checked text. Fields are `{name}`; `[...]` with a field inside is left out if a field is empty.

    Brackets without a field are plain text, so that `[QC]` stays; `{{` and `}}` are plain braces.
    """

    text: str
    fields: frozenset[str]
    _pieces: tuple[_Piece, ...] = field(repr=False)
    _order: tuple[str, ...] = field(repr=False)
    # Which fields are empty -> a format string and its fields. At most 2 ** len(fields) entries.
    _patterns: dict[tuple[bool, ...], tuple[str, tuple[str, ...]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def parse(cls, text: str, allowed: frozenset[str] = FIELDS) -> "Template":
        """Parse a text as written by an officer.

        Raises:
            BadTemplate: an unknown field, a brace or bracket without its other half, or `[` within `[`.
        """
        pieces = tuple(_read(text, allowed))
        order = tuple(dict.fromkeys(piece.text for piece in pieces if piece.is_field))
        return cls(text, frozenset(order), pieces, order)

    @property
    def order(self) -> tuple[str, ...]:
        """The fields in the order in which they first stand in the text, each once."""
        return self._order

    @property
    def bare(self) -> frozenset[str]:
        """The fields that stand outside of `[...]` at least once: where they are empty, a hole is left."""
        return frozenset(piece.text for piece in self._pieces if piece.is_field and not piece.group)

    def without_accents(self) -> "Template":
        """Return the template with its own words without accents; values keep theirs."""
        pieces = (
            piece if piece.is_field else piece._replace(text=unaccent(piece.text)) for piece in self._pieces
        )
        return Template(self.text, self.fields, tuple(pieces), self._order)

    def render(self, values: Mapping[str, str]) -> str:
        """Return the text for one person. Values are data: a brace in a name is only a brace.

        A value that is missing or blank counts as empty. Where a part was left out, the spaces around
        the gap become one, or none at the start or end of a line and before a mark such as a comma.
        """
        stripped = {name: values.get(name, "").strip() for name in self._order}
        empty = tuple(not value for value in stripped.values())
        compiled = self._patterns.get(empty)
        if compiled is None:
            compiled = self._patterns[empty] = self._compile(dict(zip(self._order, empty, strict=True)))
        pattern, names = compiled
        return pattern % tuple([stripped[name] for name in names])

    def _compile(self, is_empty: dict[str, bool]) -> tuple[str, tuple[str, ...]]:
        omitted = {piece.group for piece in self._pieces if piece.is_field and is_empty[piece.text]} - {0}
        pattern, names, gap = "", [], False
        for text, is_field, group in self._pieces:
            if group in omitted or (is_field and is_empty[text]):
                gap = True
                continue
            part = "%s" if is_field else text.replace("%", "%%")
            if gap:
                pattern, part = _close_gap(pattern, part)
                gap = not part
            pattern += part
            names += [text] if is_field else []
        return pattern.rstrip(" ") if gap else pattern, tuple(names)


_GAP = re.compile(r"\[[^\[\]{}]*[a-zà-ỹ][^\[\]{}]*\]")


def find_gaps(text: str) -> list[str]:
    """Return what an officer has yet to fill in: "[địa điểm]". Capitals alone, as in "[QC]", are no gap."""
    return _GAP.findall(text)


def split_gaps(texts: Iterable[str], suggested: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the gaps of texts that are as they were suggested, and those in whose brackets something was written."""
    found = list(dict.fromkeys(gap for text in texts for gap in find_gaps(text)))
    return [gap for gap in found if gap in suggested], [gap for gap in found if gap not in suggested]


GAP_WORDS = {"time": "giờ", "date": "ngày"}  # what is said of an hour and a day, and what a gap for one names


def gap_types(gap: str) -> list[str]:
    """Return what is to be entered for a gap by its words, in the order of a sentence: "time", "date", else "text"."""
    words = re.findall(r"\w+", gap.lower())
    types = [name for name, word in GAP_WORDS.items() if word in words]
    return types or ["text"]


def _close_gap(before: str, after: str) -> tuple[str, str]:
    if not before or before[-1] in " \n":
        after = after.lstrip(" ")
    if after and after[0] in _CLOSING + "\n":
        before = before.rstrip(" ")
    if after[:1] == "\n" and before[-1:] in ("", "\n"):  # the whole line was left out
        after = after[1:]
    return before, after


def _read(text: str, allowed: frozenset[str]) -> list[_Piece]:
    pieces: list[_Piece] = []
    groups = count(1)
    opened = -1  # index of the open bracket in `pieces`
    for match in _SIGNS.finditer(text):
        sign, place = match[0], match.start() + 1
        if sign in ("{", "}"):
            raise BadTemplate("brace_alone", sign=sign, place=place)
        if sign == "[" and opened >= 0:
            raise BadTemplate("bracket_nested", place=place)
        if sign == "]" and opened < 0:
            raise BadTemplate("bracket_not_opened", place=place)
        if sign in ("{{", "}}"):
            pieces.append(_Piece(sign[0], False, 0))
        elif sign[0] == "{":
            pieces.append(_Piece(_checked(sign[1:-1].strip(), allowed), True, 0))
        else:
            pieces.append(_Piece(sign, False, 0))
        if sign == "[":
            opened = len(pieces) - 1
        elif sign == "]":
            inside = pieces[opened + 1 : -1]
            if any(piece.is_field for piece in inside):
                group = next(groups)
                pieces[opened:] = [piece._replace(group=group) for piece in inside]
            opened = -1
    if opened >= 0:
        raise BadTemplate("bracket_not_closed")
    return pieces


def _checked(name: str, allowed: frozenset[str]) -> str:
    key = name if name in FIELDS else field_key(name)  # the columns of lists are typed as people write
    if key not in allowed or (key in FIELDS and key != name):
        raise BadTemplate("field_unknown", name=name, fields=[f"{{{field}}}" for field in sorted(allowed)])
    return key
