"""What only training and measuring need of the learned model: all features of a reply, and its file (campaigns/rules/replies/understand.py reads both)."""

import json
import struct
import zlib
from itertools import chain

from campaigns.rules.replies import understand
from campaigns.rules.replies.understand import (
    COLUMNS,
    END,
    START,
    features_apart,
    features_of_border,
    features_of_word,
)


def all_features(words):
    """Yield all features of a reply's words, as they are learned; `weigh` adds up the weights of the same ones."""
    yield from chain.from_iterable(map(features_of_word, words))
    yield from chain.from_iterable(map(features_of_border, (START, *words), (*words, END)))
    yield from features_apart(words)


def pack_weights(features, meanings, cries, limits):
    """Return a file of weights, as `load_weights` reads it."""
    header = json.dumps({"meanings": meanings, "cries": cries, "limits": limits}).encode()
    names = "\n".join(features).encode()
    numbers = b"".join(struct.pack(f"<{COLUMNS}h", *row) for row in features.values())
    ends = (8 + len(header), 8 + len(header) + len(names))
    return zlib.compress(struct.pack("<2I", *ends) + header + names + numbers, 9)


def use_weights(path):
    """Let the files of another folder count, for measuring."""
    understand.WEIGHTS = path
    for each in vars(understand).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()
