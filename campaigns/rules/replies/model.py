"""Learned model of replies: scores of every label and of urgency, from the words of a reply.

It is linear: a feature (a word, neighbours or two words near each other, a piece of up to five letters) has a weight for each label, and the
weights of a reply's features are added up. What was asked is in placeholders, so that what was learned of one question holds for another.
`make replies-train` writes the weights; nothing here learns.

The weights of a feature are one integer, 32 bits for each, so that one addition adds all of them. Each has `_HALF` added, so that none is below 0;
the highest column counts how often that is to be taken away.
"""

import json
import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from campaigns.rules.replies.asked import TURNS
from campaigns.rules.replies.labels import OPT_IN, USES, Label, Meaning
from campaigns.rules.replies.words import unaccent_word

LABELS: tuple[Meaning, ...] = (*(label for label in Label if USES[label].is_learned), OPT_IN)
COLUMNS = len(LABELS) + len(TURNS) + 1
"""Weights of a feature: one for each label, one for each way in which an office's own answer turns, and one for urgency."""
_HALF = 1 << 15
SCALE = 256
"""A weight of 1 as stored: a weight is a multiple of 1/SCALE, in 16 bits."""
WEIGHTS = Path(__file__).parent
MENU, OFFICES = "menu", "offices"
"""Files of weights: of the menus of kinds, learned before and without the ways in which answers turn, and of questions of offices."""
START, END = "^", "$"
LONGEST_PIECE = 5


class Weights(NamedTuple):
    """What a file holds: the packed weights of every feature, what speaks for each meaning and for a cry (`understand.py`), the limits of decisions."""

    columns: int
    features: dict[str, int]
    meanings: dict[str, float]
    cries: dict[str, float]
    limits: dict[str, float]


@lru_cache(maxsize=20_000)
def features_of_word(word: str) -> tuple[str, ...]:
    """Return the features of a word alone: with and without accents, and its pieces."""
    plain = unaccent_word(word)
    padded = f" {plain} "
    sizes = range(3, LONGEST_PIECE + 1)
    pieces = [padded[at : at + size] for size in sizes for at in range(len(padded) - size + 1)]
    return ("w" + word, *(["w" + plain] if plain != word else []), *("c" + piece for piece in pieces))


@lru_cache(maxsize=50_000)
def features_of_border(before: str, word: str) -> tuple[str, ...]:
    """Return the features of two neighbours: both, and the pieces over their border."""
    plain_before, plain = unaccent_word(before), unaccent_word(word)
    left, right = plain_before[-3:], plain[:3]
    pair = [f"b{before} {word}"]
    if plain != word or plain_before != before:
        pair.append(f"b{plain_before} {plain}")
    return (*pair, *(f"c{left[at:]} {right}" for at in range(len(left))))


def features_apart(words: Sequence[str]) -> Iterator[str]:
    """Yield the features of a reply beyond words and neighbours: three in a row, words with one or two between them, how many they are."""
    plain = [START, *map(unaccent_word, words), END]
    yield f"n{min(len(words), 12)}"
    for one, two, three in zip(plain, plain[1:], plain[2:], strict=False):
        yield f"t{one} {two} {three}"
    for gap in (2, 3):
        for one, two in zip(plain[1:-1], plain[1 + gap : -1], strict=False):
            yield f"s{one} {two}"


def size_of(words: Sequence[str]) -> float:
    """Return what sums are divided by, so that long replies are not surer than short ones."""
    return math.sqrt(len(words) + 2)


@cache
def load_weights(part: str) -> Weights:
    """Return what training has written for a part."""
    data = zlib.decompress((WEIGHTS / f"{part}.bin").read_bytes())
    ends = struct.unpack("<2I", data[:8])
    header, names, numbers = data[8 : ends[0]], data[ends[0] : ends[1]].decode().split("\n"), data[ends[1] :]
    columns = len(numbers) // (2 * len(names))
    size = 4 * (columns + 1)
    wide = bytearray(len(names) * size)
    # Each weight of 16 bits becomes one of 32 bits with `_HALF` added, which turns its highest bit.
    turned = numbers[1::2].translate(bytes(byte ^ 0x80 for byte in range(256)))
    for column in range(columns):
        wide[4 * column :: size] = numbers[2 * column :: 2 * columns]
        wide[4 * column + 1 :: size] = turned[column::columns]
    wide[4 * columns :: size] = b"\1" * len(names)
    rows = (int.from_bytes(wide[at : at + size], "little") for at in range(0, len(wide), size))
    return Weights(columns, dict(zip(names, rows, strict=True)), **json.loads(header))


def _add(names: Iterable[str], part: str) -> int:
    return sum(map(load_weights(part).features.get, names, repeat(0)))


@lru_cache(maxsize=20_000)
def _weigh_word(word: str, part: str) -> int:
    return _add(features_of_word(word), part)


@lru_cache(maxsize=50_000)
def _weigh_border(before: str, word: str, part: str) -> int:
    return _add(features_of_border(before, word), part)


def weigh(words: Sequence[str], part: str) -> list[float]:
    """Return the scores of the labels, in the order of `LABELS`, of the ways own answers turn, and of urgency, for the words of a reply."""
    total = sum(map(_weigh_word, words, repeat(part))) + _add(features_apart(words), part)
    total += sum(map(_weigh_border, (START, *words), (*words, END), repeat(part)))
    wide = load_weights(part).columns + 1
    *columns, times = struct.unpack(f"<{wide}I", total.to_bytes(4 * wide, "little"))
    size = size_of(words) * SCALE
    return [(column - times * _HALF) / size for column in columns]
