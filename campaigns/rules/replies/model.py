"""Learned model of replies: scores of every label and of urgency, from the words of a reply.

It is linear: a feature (a word, two neighbours, a piece of up to five letters, up to three meanings in a row) has a weight for each label, and
the weights of a reply's features are added up. The action of the campaign is one placeholder, so that what was learned from one kind of
campaign holds for another. `make replies-train` writes the weights; nothing here learns.

Ten weights are one integer, 32 bits for each, so that one addition adds all of them.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path

from campaigns.rules.replies.danger import features_of_danger
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.words import unaccent_word

LABELS = tuple(Label)
COLUMNS = len(LABELS) + 1
"""Weights of a feature: one for each label, and one for urgency."""
_WIDTH = 32
_HALF = 1 << (_WIDTH - 1)
_OFFSET = sum(_HALF << (_WIDTH * column) for column in range(COLUMNS))
_SIZE = 4 * COLUMNS
_SIGNS = sum(0x8000 << (_WIDTH * column) for column in range(COLUMNS))
_columns = struct.Struct(f"<{COLUMNS}I").unpack
SCALE = 256
"""A weight of 1 as stored: a weight is a multiple of 1/SCALE, in 16 bits."""
WEIGHTS = Path(__file__).parent / "weights.bin"
RULES_SURE = 0.7
"""From this confidence of the rules on, what they say has a weight of its own."""
LIMITS = "t"
"""Row of the file that holds what `load_limits` returns, in thousandths, instead of weights."""
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
    """Yield the pieces over the border of two words: of the end of the first, and the beginning of the second."""
    left += " "
    for size in range(1, len(left)):
        yield f"c{left[-size - 1 :]}{right}"


def features_of_meanings(names: Sequence[str]) -> Iterator[str]:
    """Yield the features of meanings: each alone, and up to three in a row."""
    padded = (START, *names, END)
    for at, name in enumerate(padded):
        yield "m" + name
        if at:
            yield f"m{padded[at - 1]} {name}"
        if at > 1:
            yield f"m{padded[at - 2]} {padded[at - 1]} {name}"


def features_of(words: Sequence[str], meanings: Sequence[str], danger: frozenset[str]) -> Iterator[str]:
    """Yield all features of a reply: `words` with the campaign's own replaced, its meanings, and what `find_danger` finds."""
    padded = (START, *words, END)
    for at in range(1, len(padded)):
        yield from features_of_word(padded[at])
        yield from features_of_border(padded[at - 1], padded[at])
    yield f"n{min(len(words), 12)}"
    yield from features_of_meanings(meanings)
    yield from features_of_danger(danger)


def rule_feature(label: Label, confidence: float) -> str:
    """Return the feature of what the rules say; its weight is added undivided."""
    return f"r{label.value} {'sure' if confidence >= RULES_SURE else 'unsure'}"


def size_of(words: Sequence[str]) -> float:
    """Return what sums are divided by, so that long replies are not surer than short ones."""
    return math.sqrt(len(words) + 2)


def pack(weights: Sequence[int]) -> int:
    """Return ten signed weights as one integer."""
    return sum(weight << (_WIDTH * column) for column, weight in enumerate(weights))


def unpack(total: int) -> list[int]:
    """Return the sums that one integer holds."""
    columns = _columns((total + _OFFSET).to_bytes(4 * COLUMNS, "little"))
    return [column - _HALF for column in columns]


def write_weights(path: Path, weights: dict[str, Sequence[int]]) -> None:
    """Write a file of weights: the names of the features, then their weights."""
    names = "\n".join(weights).encode()
    numbers = b"".join(
        weight.to_bytes(2, "little", signed=True) for row in weights.values() for weight in row
    )
    path.write_bytes(zlib.compress(len(names).to_bytes(4, "little") + names + numbers, 9))


class Weights:
    """Packed weights by feature, unpacked from their bytes when they are asked for: most are not asked for soon."""

    def __init__(self, data: bytes) -> None:
        data = zlib.decompress(data)
        start = 4 + int.from_bytes(data[:4], "little")
        names = data[4:start].decode().split("\n")
        self._wide = bytearray(len(names) * _SIZE)
        numbers = memoryview(data)[start:]
        # Each weight of 16 bits becomes one of 32 bits, with its sign taken away as an offset.
        self._wide[0::4], self._wide[1::4] = numbers[0::2], numbers[1::2]
        self._places = dict(zip(names, range(0, len(self._wide), _SIZE), strict=True))

    def get(self, name: str) -> int:
        """Return the packed weights of a feature, 0 for one that the model does not know."""
        at = self._places.get(name)
        if at is None:
            return 0
        return (int.from_bytes(self._wide[at : at + _SIZE], "little") ^ _SIGNS) - _SIGNS


@cache
def load_weights() -> Weights:
    """Return the weights of the file."""
    return Weights(WEIGHTS.read_bytes())


@lru_cache(maxsize=20_000)
def _weigh_word(word: str) -> int:
    return sum(map(load_weights().get, features_of_word(word)))


@lru_cache(maxsize=50_000)
def _weigh_pair(before: str, word: str) -> int:
    """Return the weights of a word and of its border to the word before."""
    return _weigh_word(word) + sum(map(load_weights().get, features_of_border(before, word)))


@cache
def _weigh_count(count: int) -> int:
    return load_weights().get(f"n{count}")


@lru_cache(maxsize=20_000)
def _weigh_danger(danger: frozenset[str]) -> int:
    return sum(map(load_weights().get, features_of_danger(danger)))


@lru_cache(maxsize=50_000)
def _weigh_meaning(two_before: str, before: str, name: str) -> int:
    get = load_weights().get
    total = get("m" + name)
    if before:
        total += get(f"m{before} {name}")
    if two_before:
        total += get(f"m{two_before} {before} {name}")
    return total


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
    padded = ("", "", START, *meanings, END)
    total += sum(map(_weigh_meaning, padded, padded[1:], padded[2:]))
    total += _weigh_danger(danger)
    size = 1 / (size_of(words) * SCALE)
    said = _weights_of_rules(label, confidence)
    return [score * size + more for score, more in zip(unpack(total), said, strict=True)]


@lru_cache(maxsize=256)
def _weights_of_rules(label: Label, confidence: float) -> tuple[float, ...]:
    packed = load_weights().get(rule_feature(label, confidence))
    return tuple(weight / SCALE for weight in unpack(packed))


@cache
def load_limits() -> tuple[float, ...]:
    """Return for each label the least confidence with which it stands without an officer's look; last, the score from which a reply is a cry for help."""
    return tuple(limit / 1000 for limit in unpack(load_weights().get(LIMITS)))


def use_weights(path: Path) -> None:
    """Let another file's weights count, for measuring."""
    global WEIGHTS
    WEIGHTS = path
    for cached in (
        load_weights,
        load_limits,
        _weigh_word,
        _weigh_pair,
        _weigh_count,
        _weigh_danger,
        _weigh_meaning,
        _weights_of_rules,
    ):
        cached.cache_clear()
