"""What only training and measuring need of the learned model: all features of a reply, and its file (campaigns/rules/replies/model.py reads both)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from campaigns.rules.replies import model
from campaigns.rules.replies.danger import features_of_danger
from campaigns.rules.replies.model import (
    COLUMNS,
    END,
    START,
    feature_of_pair,
    features_of_border,
    features_of_meaning,
    features_of_word,
)


def features_of(words: Sequence[str], meanings: Sequence[str], danger: frozenset[str]) -> Iterator[str]:
    """Yield all features of a reply: `words` with the campaign's own replaced, its meanings, and what `find_danger` finds."""
    padded = (START, *words, END)
    for at in range(1, len(padded)):
        yield from features_of_word(padded[at])
        yield from features_of_border(padded[at - 1], padded[at])
    # Words with one or two others between them.
    for gap in (2, 3):
        yield from map(feature_of_pair, words, words[gap:])
    yield f"n{min(len(words), 12)}"
    padded = ("", "", START, *meanings, END)
    for three in zip(padded, padded[1:], padded[2:], strict=False):
        yield from features_of_meaning(*three)
    yield from features_of_danger(danger)


def shorter_feature(name: str) -> str:
    """Return the next that `features_of_joint` or `features_of_meaning` yields after a feature, "" if none."""
    before, _, after = name[1:].partition(" ")
    if name[0] == "m":
        return "m" + after if after else ""
    return f"c{before[1:]} {after}" if name[0] == "c" and len(before) > 1 and after else ""


def add_shorter(weights: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Return the weights with those of all shorter features added, so that only the longest that is known need be looked up."""
    found: dict[str, list[int]] = {}
    for name in sorted(weights, key=len):
        shorter = shorter_feature(name)
        while shorter and shorter not in found:
            shorter = shorter_feature(shorter)
        less = found.get(shorter, [0] * COLUMNS)
        found[name] = [one + other for one, other in zip(weights[name], less, strict=True)]
    return found


def write_weights(path: Path, weights: Mapping[str, Sequence[int]]) -> None:
    """Write a file of weights: the names of the features, then their weights."""
    names = "\n".join(weights).encode()
    numbers = b"".join(
        weight.to_bytes(2, "little", signed=True) for row in weights.values() for weight in row
    )
    path.write_bytes(zlib.compress(len(names).to_bytes(4, "little") + names + numbers, 9))


def use_weights(path: Path) -> None:
    """Let another file's weights count, for measuring."""
    model.WEIGHTS = path
    for each in vars(model).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()
