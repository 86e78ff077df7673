"""Learned model of replies: scores of every label and of urgency, from the words of a reply.

It is linear: a feature (a word, two neighbours or two words near each other, a piece of up to five letters, up to three meanings in a row) has a weight for each label, and
the weights of a reply's features are added up. The action of the campaign is one placeholder, so that what was learned from one kind of
campaign holds for another. `make replies-train` writes the weights; nothing here learns.

Ten weights are one integer, 32 bits for each, so that one addition adds all of them. Each has `_HALF` added, so that none is below 0; the highest
column counts how often that is to be taken away.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import repeat
from pathlib import Path

from campaigns.rules.replies.danger import features_of_danger
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.words import unaccent_word

LABELS = tuple(Label)
COLUMNS = len(LABELS) + 1
"""Weights of a feature: one for each label, and one for urgency."""
_WIDTH = 32
_HALF = 1 << 15
_SIZE = 4 * (COLUMNS + 1)
_columns = struct.Struct(f"<{COLUMNS + 1}I").unpack
SCALE = 256
"""A weight of 1 as stored: a weight is a multiple of 1/SCALE, in 16 bits."""
WEIGHTS = Path(__file__).parent / "weights.bin"
RULES_SURE = 0.7
"""From this confidence of the rules on, what they say has a weight of its own."""
LIMITS = "t"
"""Row of the file that holds what `load_limits` returns, in thousandths, instead of weights."""
WORDS_OF_DANGER = 2.0
"""How much more urgent a reply is where words of danger stand, beside what was learned of each."""
HELP_TELLS = 0.8
LEAST_HELP = 0.03
"""How much the chance that a reply asks for help at all counts for its urgency, and the chance below which less makes no difference."""
START, END = "^", "$"
LONGEST_PIECE = 5


def features_of_word(word: str) -> Iterator[str]:
    """Yield the features of a word alone: with and without accents, and its pieces."""
    plain = unaccent_word(word)
    yield "w" + word
    if plain != word:
        yield "w" + plain
    padded = f" {plain} "
    for size in range(3, LONGEST_PIECE + 1):
        for at in range(len(padded) - size + 1):
            yield "c" + padded[at : at + size]


def features_of_border(before: str, word: str) -> Iterator[str]:
    """Yield the features of two neighbours, and the pieces over their border."""
    yield f"b{before} {word}"
    plain, plain_before = unaccent_word(word), unaccent_word(before)
    if before != START:
        yield f"b{plain_before} {plain}"
    yield from features_of_joint(plain_before[-3:], plain[:3])


def features_of_joint(left: str, right: str) -> Iterator[str]:
    """Yield the pieces over the border of two words, the longest first: of the end of the first, and the beginning of the second."""
    for at in range(len(left)):
        yield f"c{left[at:]} {right}"


def feature_of_pair(before: str, word: str) -> str:
    """Return the feature of two words near each other, without accents."""
    return f"s{unaccent_word(before)} {unaccent_word(word)}"


def features_of_meaning(two_before: str, before: str, name: str) -> Iterator[str]:
    """Yield the features of a meaning after two others, the longest first: all three, two, one. "" stands before the start."""
    if two_before:
        yield f"m{two_before} {before} {name}"
    if before:
        yield f"m{before} {name}"
    yield "m" + name


def rule_feature(label: Label, confidence: float) -> str:
    """Return the feature of what the rules say; its weight is added undivided."""
    return f"r{label.value} {'sure' if confidence >= RULES_SURE else 'unsure'}"


def size_of(words: Sequence[str]) -> float:
    """Return what sums are divided by, so that long replies are not surer than short ones."""
    return math.sqrt(len(words) + 2)


def unpack(total: int) -> list[int]:
    """Return the sums that one integer holds."""
    *columns, times = _columns(total.to_bytes(_SIZE, "little"))
    offset = times * _HALF
    return [column - offset for column in columns]


@cache
def load_weights() -> dict[str, int]:
    """Return the packed weights of the features that the model knows."""
    data = zlib.decompress(WEIGHTS.read_bytes())
    start = 4 + int.from_bytes(data[:4], "little")
    names, numbers = data[4:start].decode().split("\n"), data[start:]
    wide = bytearray(len(names) * _SIZE)
    # Each weight of 16 bits becomes one of 32 bits with `_HALF` added, which turns its highest bit.
    turned = numbers[1::2].translate(bytes(byte ^ 0x80 for byte in range(256)))
    for column in range(COLUMNS):
        wide[4 * column :: _SIZE] = numbers[2 * column :: 2 * COLUMNS]
        wide[4 * column + 1 :: _SIZE] = turned[column::COLUMNS]
    wide[4 * COLUMNS :: _SIZE] = b"\1" * len(names)
    rows = (int.from_bytes(wide[at : at + _SIZE], "little") for at in range(0, len(wide), _SIZE))
    return dict(zip(names, rows, strict=True))


def _add(names: Iterable[str]) -> int:
    return sum(map(load_weights().get, names, repeat(0)))


@lru_cache(maxsize=20_000)
def _weigh_word(word: str) -> int:
    return _add(features_of_word(word))


def _weigh_longest(names: Iterator[str]) -> int:
    """Return the weights of the first feature that is known, which are those of the others as well (`add_shorter`)."""
    known = load_weights()
    for name in names:
        if name in known:
            return known[name]
    return 0


@lru_cache(maxsize=50_000)
def _weigh_joint(left: str, right: str) -> int:
    return _weigh_longest(features_of_joint(left, right))


@lru_cache(maxsize=50_000)
def _weigh_pair(before: str, word: str) -> int:
    """Return the weights of a word and of its border to the word before."""
    plain, plain_before = unaccent_word(word), unaccent_word(before)
    total = _weigh_word(word) + _weigh_joint(plain_before[-3:], plain[:3])
    total += (pair := load_weights().get(f"b{before} {word}", 0))
    if before == START:
        return total
    return total + (pair if plain == word and plain_before == before else _add([f"b{plain_before} {plain}"]))


@lru_cache(maxsize=50_000)
def _weigh_apart(before: str, word: str) -> int:
    return load_weights().get(feature_of_pair(before, word), 0)


@cache
def _weigh_count(count: int) -> int:
    return load_weights().get(f"n{count}", 0)


@lru_cache(maxsize=20_000)
def _weigh_danger(danger: frozenset[str]) -> int:
    return _add(features_of_danger(danger))


@lru_cache(maxsize=50_000)
def _weigh_meaning(two_before: str, before: str, name: str) -> int:
    return _weigh_longest(features_of_meaning(two_before, before, name))


def weigh(
    words: Sequence[str],
    meanings: Sequence[str],
    danger: frozenset[str],
    label: Label,
    confidence: float,
) -> list[float]:
    """Return the scores of the labels, in the order of `Label`, and of urgency.

    `label` and `confidence` are what the rules say.
    """
    total = _weigh_count(min(len(words), 12))
    total += sum(map(_weigh_pair, (START, *words), (*words, END)))
    total += sum(map(_weigh_apart, words, words[2:])) + sum(map(_weigh_apart, words, words[3:]))
    padded = ("", "", START, *meanings, END)
    total += sum(map(_weigh_meaning, padded, padded[1:], padded[2:]))
    total += _weigh_danger(danger)
    size = 1 / (size_of(words) * SCALE)
    said = _weights_of_rules(label, confidence)
    return [score * size + more for score, more in zip(unpack(total), said, strict=True)]


@lru_cache(maxsize=256)
def _weights_of_rules(label: Label, confidence: float) -> tuple[float, ...]:
    packed = load_weights().get(rule_feature(label, confidence), 0)
    return tuple(weight / SCALE for weight in unpack(packed))


@cache
def load_limits() -> tuple[float, ...]:
    """Return for each label the least confidence with which it stands without an officer's look; last, the `urgency` from which a reply is a cry for help."""
    return tuple(limit / 1000 for limit in unpack(load_weights()[LIMITS]))


def urgency(score: float, chance_of_help: float, *, has_words: bool) -> float:
    """Return how urgent a reply is: its score of urgency, how likely it asks for help, and whether words of danger stand in it."""
    return score + HELP_TELLS * math.log(chance_of_help + LEAST_HELP) + WORDS_OF_DANGER * has_words
