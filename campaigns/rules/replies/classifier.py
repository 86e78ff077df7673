"""What a resident's reply says: a label and how sure we are, by rules that can be read (docs/replies.md)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from campaigns.replies.labels import Label
from campaigns.replies.rules import COURTESY, GROUPS, RULES
from campaigns.replies.spelling import is_vietnamese, split_words, unaccent_word
from campaigns.replies.words import HARD, MEANINGS

__all__ = ["BLUEZONE", "Explanation", "Label", "Reply", "Vocabulary", "classify", "explain"]


class Reply(NamedTuple):
    """What the sender says about their own phone, now; `confidence` from 0 to 1."""

    label: Label
    confidence: float


@dataclass(frozen=True)
class Vocabulary:
    """The words that a campaign brings with it, written with their accents: its deed and its thing."""

    verbs: tuple[str, ...]
    """What people are asked to do: cài, tải; tiêm, chích."""
    done: tuple[str, ...]
    """What says by itself that it is done."""
    things: tuple[str, ...]
    """Names of the app or the vaccine. Near misspellings of names of five letters or more are recognised."""
    other_things: tuple[str, ...] = ()
    """Names of what is often done instead, and does not count."""


BLUEZONE = Vocabulary(
    verbs=(
        "cài", "cài đặt", "cài app", "cài vô", "cài hoài", "cài mãi", "tải", "tải về", "tải xuống", "tải mãi", "quét mã", "cài nó", "cài cái đó/này/ni/nớ",
        "down", "down về", "download", "install", "installing", "set up", "setup",
    ),
    done=("installed", "downloaded", "done installing", "finished installing"),
    things=("bluezone", "blue zone", "blu zone", "blue zon", "blu zon", "app", "apps", "ứng dụng", "phần mềm"),
    other_things=(
        "zalo", "ncovi", "facebook", "fb", "messenger", "tiktok", "youtube", "vssid", "vneid", "gmail", "momo", "game",
        "camera", "win", "sổ sức khỏe", "tiêm", "vaccine", "khai báo", "khai báo y tế", "viettel",
        "báo thức", "tải phim", "tải nhạc", "tải game", "ngân hàng",
    ),
)  # fmt: skip

# A meaning is one sign, so that a reply is a short string and a rule an expression over signs.
_NAMES = ["VERB", "THING", "OTHERTHING", "DONE", *MEANINGS, "BREAK", "MARK", "NUMBER"]
_SIGN = {name: chr(0x4E00 + at) for at, name in enumerate(_NAMES)}
_NAME = {sign: name for name, sign in _SIGN.items()}
_PASSED_OVER = {_SIGN["PART"], _SIGN["SELF"]}
_FIXED = {",": _SIGN["BREAK"], "?": _SIGN["MARK"]} | {n: _SIGN[f"NUM{n}"] for n in "1234"}

LONGEST = 1600
"""Characters: no SMS is longer (Twilio's limit for a body), and the rules' time grows with the square."""

_UNSURE = Reply(Label.UNCLEAR, 0.3)


class Explanation(NamedTuple):
    """Why a reply got its label: the meanings seen, in order, and the rule that decided, if one did."""

    reply: Reply
    meanings: tuple[str, ...]
    rule: str | None


def classify(text: str, vocabulary: Vocabulary = BLUEZONE) -> Reply:
    """Label and confidence of one reply in any spelling; never raises, and an empty reply is unclear.

    Only the first LONGEST characters are read.
    """
    signs = _read_signs(text, vocabulary)
    for reply, fits, _ in _RULES:
        if fits(signs):
            return reply
    return _UNSURE


def explain(text: str, vocabulary: Vocabulary = BLUEZONE) -> Explanation:
    """The same decision with its reasons, for a person who doubts it."""
    signs = _read_signs(text, vocabulary)
    meanings = tuple(_NAME[sign] for sign in signs)
    for reply, fits, rule in _RULES:
        if fits(signs):
            return Explanation(reply, meanings, rule)
    return Explanation(_UNSURE, meanings, None)


def _read_signs(text: str, vocabulary: Vocabulary) -> str:
    phrases, lengths = _index_phrases(vocabulary)
    words = tuple(split_words(text[:LONGEST], HARD))
    signs: list[str] = []
    at = 0
    while at < len(words):
        for length in lengths.get(words[at], ()):
            sign = phrases.get(words[at : at + length])
            if sign:
                at += length
                if sign not in _PASSED_OVER:
                    signs.append(sign)
                break
        else:
            unknown = _FIXED.get(words[at]) or _read_unknown(words[at], vocabulary)
            # A foreign word is the name of another app where it is what was installed; else a person's, say.
            named = unknown != _SIGN["OTHERTHING"] or signs[-1:] == [_SIGN["VERB"]]
            signs.append(unknown if named else _SIGN["X"])
            at += 1
    return _COURTESY.sub("", "".join(signs).strip(_SIGN["BREAK"]))


@lru_cache(maxsize=20_000)
def _read_unknown(word: str, vocabulary: Vocabulary) -> str:
    if word.isdecimal():
        return _SIGN["NUMBER"]
    if len(word) > 4 and any(
        Levenshtein.normalized_similarity(word, thing) > 0.7 for thing in vocabulary.things
    ):
        return _SIGN["THING"]
    # The one long word among those that stop everything, and the most misspelt.
    if len(word) > 8 and Levenshtein.normalized_similarity(word, "unsubscribe") > 0.7:
        return _SIGN["KEYWORD"]
    return _SIGN["X"] if is_vietnamese(word) else _SIGN["OTHERTHING"]


@lru_cache(maxsize=8)
def _index_phrases(vocabulary: Vocabulary) -> tuple[dict[tuple[str, ...], str], dict[str, list[int]]]:
    """Phrase -> its sign, and a phrase's first word -> how many words such phrases have, the longest first."""
    found: dict[tuple[str, ...], str] = {}
    own = {
        "VERB": vocabulary.verbs,
        "THING": vocabulary.things,
        "OTHERTHING": vocabulary.other_things,
        "DONE": vocabulary.done,
    }
    tables = {"X": MEANINGS["X"]} | {name: "|".join(words) for name, words in own.items()} | MEANINGS
    for name, table in tables.items():
        for phrase in re.split(r"[|\n]", table):
            for choice in product(*(word.split("/") for word in phrase.split())):
                words = [word for part in choice for word in split_words(part, HARD)]
                spellings = [{word, unaccent_word(word)} if len(words) > 1 else {word} for word in words]
                for spelled in product(*spellings):
                    found.setdefault(spelled, _SIGN[name])
    found.pop((), None)
    lengths: dict[str, set[int]] = {}
    for spelled in found:
        lengths.setdefault(spelled[0], set()).add(len(spelled))
    return found, {word: sorted(counts, reverse=True) for word, counts in lengths.items()}


def _compile(rule: str) -> re.Pattern[str]:
    for group, names in GROUPS.items():
        rule = re.sub(rf"\b{group}\b", names, rule)
    rule = re.sub(r"[A-Z][A-Z0-9]*", lambda name: _SIGN[name[0]], rule)
    return re.compile(rule.replace("~", f"[^{_SIGN['BREAK']}]").replace(" ", ""))


_COURTESY = _compile(COURTESY)
_RULES = [(Reply(label, confidence), _compile(rule).search, rule) for label, confidence, rule, _ in RULES]
