"""Replies that say the same, whatever their letters: for groups in the inbox, and for what officers have corrected before. Pure.

Two replies are alike by their words, where what was asked is one word; a doubt ("is it a swindle?") is one meaning however it is put.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.asked import POLITE, Asked, tag_words
from campaigns.rules.replies.doubts import find_doubt
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.words import plain_words, unaccent_word

ALIKE_FROM = 0.6
"""Share of what two replies say together that both must say."""
MOST_KINDS_COMPARED = 200
"""Groups of one label that a reply is compared with; beyond, only replies that say exactly the same are put together."""
# What says little by itself.
_LITTLE = "? , roi qua thi ma la lai do luon cung voi giup ko khong nay may"
_WEAK = POLITE.union(_LITTLE.split())
_SURE_FROM = {Label.INSTALLED: 5, Label.WRONG_NUMBER: 5}
"""Officers' decisions, all the same, from which a label stands by itself: an error of these two is the worst."""
_SURE_FROM_ELSE = 3


class AlikeReply(NamedTuple):
    """A reply to be put into a group: `topic` is what is never mixed, such as its campaign and label."""

    id: int
    topic: tuple[object, ...]
    text: str
    asked: Asked


@dataclass(slots=True)
class _Group:
    parts: frozenset[str]
    ids: list[int] = field(default_factory=list)


def group_alike(replies: Iterable[AlikeReply]) -> list[list[int]]:
    """Return the ids of replies that say the same, the largest group first, in the order given."""
    exact: dict[tuple[object, ...], _Group] = {}
    by_topic: dict[tuple[object, ...], list[_Group]] = {}
    for reply in replies:
        parts = meaning_of(reply.text, reply.asked)
        group = exact.get((*reply.topic, parts))
        if group is None:
            others = by_topic.setdefault(reply.topic, [])
            group = next(
                (each for each in others[:MOST_KINDS_COMPARED] if _share(each.parts, parts) >= ALIKE_FROM),
                None,
            )
            if group is None:
                group = _Group(parts)
                others.append(group)
            exact[(*reply.topic, parts)] = group
        group.ids.append(reply.id)
    groups = [each.ids for others in by_topic.values() for each in others]
    return sorted(groups, key=len, reverse=True)


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def meaning_of(text: str, asked: Asked) -> frozenset[str]:
    """Return what a reply says: its doubt alone, else its words, without those that say little if others are left."""
    if doubt := find_doubt(text):
        return frozenset({f"doubt {doubt}"})
    words = frozenset(map(unaccent_word, tag_words(text, asked)))
    return words - _WEAK or words


def signature_of(text: str, asked: Asked, private: Collection[str]) -> str:
    """Return a hash of a reply's words, the campaign's and numbers as one each, without `private` ones."""
    words = ("0" if word.isdecimal() else unaccent_word(word) for word in tag_words(text, asked))
    kept = [word for word in words if word not in private and word != ","]
    return hashlib.blake2b(" ".join(kept).encode(), digest_size=16).hexdigest() if kept else ""


def private_words(*texts: str | None) -> frozenset[str]:
    """Return the words of names and places, without accents and marks."""
    return frozenset(word for text in texts if text for word in plain_words(text))


def choose_answer(decisions: Mapping[GivenAnswer, int]) -> tuple[GivenAnswer, bool] | None:
    """Return what officers took the same words for, and whether it is sure; None where they chose nothing or several."""
    if len(decisions) != 1:
        return None
    ((said, times),) = decisions.items()
    return said, times >= _SURE_FROM.get(said.label, _SURE_FROM_ELSE)
