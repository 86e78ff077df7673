"""Words of danger in replies: water, fire, illness, violence, people trapped, lost or dying, in any kind of campaign (the words: danger.txt)."""

from functools import cache
from pathlib import Path

from campaigns.rules.replies.asked import LONGEST_PHRASE, Phrases, read_phrases
from campaigns.rules.replies.words import split_words

# Groups of words that make a cry together.
_TOGETHER = """
    house+break boat+sinks water+body water+harm water+rise water+who water+now water+life harm+who harm+life harm+now
    life+now life+who life+alone who+now
"""
_PAIRS = [frozenset(pair.split("+")) for pair in _TOGETHER.split()]


@cache
def _phrases() -> Phrases:
    return read_phrases(Path(__file__).parent / "danger.txt")


def find_danger(text: str) -> frozenset[str]:
    """Return the names of what was found in a reply: "strong", and groups of other words."""
    phrases = _phrases()
    words = tuple(word for word in split_words(text) if word not in (",", "?"))
    found: set[str] = set()
    after = 0
    for at, word in enumerate(words):
        if at < after or word not in phrases:
            continue
        here: set[str] = set()
        for size in range(1, min(LONGEST_PHRASE, len(words) - at) + 1):
            names = phrases[word].get(words[at : at + size], ())
            if "harmless" in names:
                # Nothing that is shorter counts, and what follows begins after it.
                here.clear()
                after = at + size
            else:
                here.update(names)
        found |= here
    return frozenset(found)


def is_danger(found: frozenset[str]) -> bool:
    """Return whether what was found speaks of danger: one strong word, or two of groups that belong together."""
    return "strong" in found or any(pair <= found for pair in _PAIRS)
