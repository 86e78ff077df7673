"""Understanding of replies: the rules and the learned model together (docs/replies.md)."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

from campaigns.rules.replies.classifier import BLUEZONE, LONGEST, Classification, Vocabulary, read_reply
from campaigns.rules.replies.danger import find_danger, is_cry
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.model import LABELS, load_limits, urgency, weigh
from campaigns.rules.replies.words import is_vietnamese


class Understanding(NamedTuple):
    """What a reply means: its label with the probability that it is right, whether that is sure enough, whether it is a cry for help.

    `by_rules` is what the rules alone say. Without `is_automatic` a person looks at it.
    """

    label: Label
    confidence: float
    is_automatic: bool
    is_urgent: bool
    by_rules: Label

    @classmethod
    def by_gateway(cls, label: Label) -> Understanding:
        """Return what the gateway itself has understood: its own stop and help words."""
        return cls(label, 1.0, True, False, label)


class Scores(NamedTuple):
    """What the rules and the learned model say of a reply: the labels' probabilities, in the order of `LABELS`."""

    likely: list[float]
    is_cry: bool
    by_rules: Classification


def score_reply(text: str, vocabulary: Vocabulary) -> Scores:
    """Return the scores of a reply, before anything is decided."""
    reading = read_reply(text, vocabulary)
    danger = find_danger(text)
    scores = weigh(reading.words, reading.meanings, danger, *reading.reply)
    cry = scores.pop()
    top = max(scores)
    likely = [math.exp(score - top) for score in scores]
    whole = sum(likely)
    likely = [each / whole for each in likely]
    is_urgent = urgency(cry, likely[_NEED_HELP], has_words=is_cry(danger)) >= load_limits()[-1]
    return Scores(likely, is_urgent, reading.reply)


OPT_OUT_FROM = 0.08
"""An opt-out missed is some twelve times as bad as one read into a reply, which an officer sees and takes back."""
OPT_OUT_FROM_RULES = 0.03
"""The same where the rules read a wish to be left alone."""
BEYOND_DOUBT = 0.97
"""Confidence of the rules for the menu's numbers and for what can be nothing but a wish to be left alone: they decide alone."""
UNKNOWN = frozenset({"X", "OTHERTHING", "NUMBER", "BREAK", "MARK"})
"""Meanings of words of which the rules know nothing."""
_OPT_OUT, _NEED_HELP = LABELS.index(Label.OPT_OUT), LABELS.index(Label.NEED_HELP)


def has_sense(text: str, vocabulary: Vocabulary) -> bool:
    """Return whether a word is known, or half of them may be Vietnamese, as may one or two written as one: a doubt needs some evidence."""
    reading = read_reply(text, vocabulary)
    may_be = sum(map(is_vietnamese, reading.words))
    return (
        len(reading.words) < 3 or not UNKNOWN.issuperset(reading.meanings) or 2 * may_be >= len(reading.words)
    )


def understand(text: str, vocabulary: Vocabulary = BLUEZONE) -> Understanding:
    """Return what a reply means, in any spelling. Never raises; a reply without words is unclear.

    Only the first LONGEST characters are read.
    """
    return _understand(text[:LONGEST], vocabulary)


# Most replies are among the few thousand that others have written before.
@lru_cache(maxsize=20_000)
def _understand(text: str, vocabulary: Vocabulary) -> Understanding:
    likely, is_urgent, (by_rules, confidence) = score_reply(text, vocabulary)
    if confidence >= BEYOND_DOUBT:
        return Understanding(by_rules, confidence, not is_urgent, is_urgent, by_rules)
    at = likely.index(max(likely))
    from_rules = by_rules is Label.OPT_OUT and likely[_OPT_OUT] >= OPT_OUT_FROM_RULES
    # Whom rules and model read as asking for help, an officer reads in any case: a doubt must not silence the number.
    is_help = at == _NEED_HELP and by_rules is Label.NEED_HELP
    is_doubt = likely[_OPT_OUT] >= OPT_OUT_FROM and (
        at == _OPT_OUT or (not is_help and has_sense(text, vocabulary))
    )
    if from_rules or is_doubt:
        at = _OPT_OUT
    elif is_urgent and likely[_NEED_HELP] >= 0.05:
        at = _NEED_HELP
    label = LABELS[at]
    is_sure = likely[at] >= load_limits()[at]
    return Understanding(label, likely[at], is_sure and not is_urgent, is_urgent, by_rules)


MOST_WEIGHED = 60
"""Words of a text that are weighed one by one."""
TELLS_FROM = 0.35
"""Loss of the label's log odds without a word, as a share of the greatest loss, from which the word told."""
LEAST_LOSS = 0.15


def telling_parts(text: str, vocabulary: Vocabulary, label: Label) -> list[tuple[str, bool]]:
    """Return a text in parts, each with whether it told the label: without such a word the label is less likely."""
    pieces = re.split(r"(\s+)", text)
    words = [at for at, piece in enumerate(pieces) if piece.strip()][:MOST_WEIGHED]

    def odds(without: int | None) -> float:
        rest = "".join("" if at == without else piece for at, piece in enumerate(pieces))
        chance = score_reply(rest, vocabulary).likely[LABELS.index(label)]
        return math.log((chance + 1e-6) / (1 - chance + 1e-6))

    whole = odds(None)
    losses = {at: whole - odds(at) for at in words}
    least = max(LEAST_LOSS, TELLS_FROM * max(losses.values(), default=0.0))
    return [(piece, losses.get(at, 0.0) >= least) for at, piece in enumerate(pieces) if piece]
