"""Understanding of replies: the rules and the learned model together (docs/replies.md)."""

from __future__ import annotations

import math
from typing import NamedTuple

from campaigns.rules.replies.classifier import BLUEZONE, Vocabulary, read_reply
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.model import LABELS, load_thresholds, weigh


class Understanding(NamedTuple):
    """What a reply means: its label with the probability that it is right, whether that is sure enough, whether it is a cry for help.

    `by_rules` is what the rules alone say. Without `is_automatic` a person looks at it.
    """

    label: Label
    confidence: float
    is_automatic: bool
    is_urgent: bool
    by_rules: Label


def score_reply(text: str, vocabulary: Vocabulary) -> tuple[list[float], float, Label, float]:
    """Return the probabilities of the labels and of a cry for help, and what the rules say."""
    reading = read_reply(text, vocabulary)
    by_rules, confidence = reading.reply
    scores = weigh(reading.words, reading.meanings, by_rules, confidence)
    top = max(scores[:-1])
    likely = [math.exp(score - top) for score in scores[:-1]]
    whole = sum(likely)
    return [each / whole for each in likely], 1 / (1 + math.exp(-scores[-1])), by_rules, confidence


OPT_OUT_FROM = 0.12
"""An opt-out missed is some seven times as bad as one read into a reply, which an officer sees and takes back."""
CRY_FROM = 0.5
"""From this probability a cry for help needs help, whatever else it says."""
_OPT_OUT, _NEED_HELP, _UNCLEAR = (
    LABELS.index(each) for each in (Label.OPT_OUT, Label.NEED_HELP, Label.UNCLEAR)
)


def understand(text: str, vocabulary: Vocabulary = BLUEZONE) -> Understanding:
    """Return what a reply means, in any spelling. Never raises; a reply without words is unclear."""
    likely, cry, by_rules, _ = score_reply(text, vocabulary)
    *thresholds, cry_from = load_thresholds()
    at = likely.index(max(likely))
    is_urgent = cry >= cry_from
    if likely[_OPT_OUT] >= OPT_OUT_FROM:
        at = _OPT_OUT
    elif cry >= CRY_FROM:
        at = _NEED_HELP
    is_automatic = likely[at] >= thresholds[at] and not is_urgent
    return Understanding(LABELS[at], likely[at], is_automatic, is_urgent, by_rules)
