"""Classifier of replies by readable rules: label, confidence and the meanings found (docs/replies.md)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.patterns import COURTESY, GROUPS, RULES
from campaigns.rules.replies.vocabulary import HARD, MEANINGS
from campaigns.rules.replies.words import Phrases, is_vietnamese, split_words, unaccent_word

__all__ = ["BLUEZONE", "Classification", "Explanation", "Label", "Vocabulary", "classify", "explain"]


class Classification(NamedTuple):
    """What the sender says about their own phone now; `confidence` is from 0 to 1."""

    label: Label
    confidence: float


@dataclass(frozen=True)
class Vocabulary:
    """Words of a campaign, written with their accents: its action and the thing it is about."""

    verbs: tuple[str, ...]
    """What people are asked to do: cài, tải; tiêm, chích."""
    done: tuple[str, ...]
    """Words that by themselves say it is done."""
    things: tuple[str, ...]
    """Names of the app or the vaccine. Near misspellings of names of five letters or more are recognised."""
    other_things: tuple[str, ...] = ()
    """Names of what is often done instead and does not count."""
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        # Once, as every word of a reply is looked up by it.
        words = (self.verbs, self.done, self.things, self.other_things)
        object.__setattr__(self, "_hash", hash(words))

    def __hash__(self) -> int:
        return self._hash


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
# Each meaning is one character, so that a reply is a short string and a rule a regular expression over it.
_NAMES = ["VERB", "THING", "OTHERTHING", "DONE", *MEANINGS, "BREAK", "MARK", "NUMBER"]
_SIGN = {name: chr(0x4E00 + at) for at, name in enumerate(_NAMES)}
_NAME = {sign: name for name, sign in _SIGN.items()}
_PLACEHOLDERS = {_SIGN[name] for name in ("VERB", "THING", "OTHERTHING", "DONE")}
_IGNORED = {_SIGN["PART"], _SIGN["SELF"]}
_FIXED = {",": _SIGN["BREAK"], "?": _SIGN["MARK"]} | {n: _SIGN[f"NUM{n}"] for n in "1234"}
LONGEST = 1600
"""Characters: no SMS is longer (Twilio's limit for a body), and the time of the rules grows with the square."""
_UNSURE = Classification(Label.UNCLEAR, 0.3)


class Explanation(NamedTuple):
    """Reason for a label: the meanings found, in order, and the rule that decided, if any."""

    reply: Classification
    meanings: tuple[str, ...]
    rule: str | None


class Reading(NamedTuple):
    """What the rules see and decide: `words` with the campaign's own replaced by their meaning, `meanings`, and the reply's label."""

    reply: Classification
    meanings: tuple[str, ...]
    words: tuple[str, ...]


def classify(text: str, vocabulary: Vocabulary = BLUEZONE) -> Classification:
    """Return the label and confidence of a reply in any spelling. Never raises; an empty reply is unclear.

    Only the first LONGEST characters are read.
    """
    return _decide(_read_signs(text, vocabulary)[0])


def read_reply(text: str, vocabulary: Vocabulary = BLUEZONE) -> Reading:
    """Return the same decision with what the learned model reads as well."""
    signs, words = _read_signs(text, vocabulary)
    return Reading(_decide(signs), tuple(_NAME[sign] for sign in signs), tuple(words))


def explain(text: str, vocabulary: Vocabulary = BLUEZONE) -> Explanation:
    """Return the same decision with its reasons."""
    signs, _ = _read_signs(text, vocabulary)
    meanings = tuple(_NAME[sign] for sign in signs)
    for (reply, search, rule), needed in zip(_RULES, _NEEDED, strict=True):
        if needed <= set(signs) and search(signs):
            return Explanation(reply, meanings, rule)
    return Explanation(_UNSURE, meanings, None)


@lru_cache(maxsize=20_000)
def _decide(signs: str) -> Classification:
    here = set(signs)
    for at in sorted(_ANYWHERE.union(*map(_BY_SIGN.__getitem__, here & _BY_SIGN.keys()))):
        reply, search, _ = _RULES[at]
        if _NEEDED[at] <= here and search(signs):
            return reply
    return _UNSURE


def _read_signs(text: str, vocabulary: Vocabulary) -> tuple[str, list[str]]:
    phrases = _index_phrases(vocabulary)
    spelled = [*split_words(text[:LONGEST], HARD), ""]
    signs: list[str] = []
    words: list[str] = []
    position = 0
    while word := spelled[position]:
        # The longest phrase that begins here.
        sign, after, end = "", position, position
        place = phrases.get(word)
        while place is not None:
            after += 1
            if place.means:
                sign, end = place.means, after
            place = place.get(spelled[after])
        if sign:
            if sign in _PLACEHOLDERS:
                words.append(_NAME[sign])
            else:
                words += spelled[position:end]
            position = end
            if sign not in _IGNORED:
                signs.append(sign)
            continue
        unknown = _FIXED.get(word) or _read_unknown(word, vocabulary)
        # A foreign word is the name of another app if it follows the verb; else it may be a person's name.
        is_kept = unknown != _SIGN["OTHERTHING"] or signs[-1:] == [_SIGN["VERB"]]
        signs.append(unknown if is_kept else _SIGN["X"])
        words.append("THING" if unknown == _SIGN["THING"] else "0" if unknown == _SIGN["NUMBER"] else word)
        position += 1
    return _COURTESY.sub("", "".join(signs).strip(_SIGN["BREAK"])), words


@lru_cache(maxsize=20_000)
def _read_unknown(word: str, vocabulary: Vocabulary) -> str:
    if word.isdecimal():
        return _SIGN["NUMBER"]
    if len(word) > 4 and any(
        Levenshtein.normalized_similarity(word, thing) > 0.7 for thing in vocabulary.things
    ):
        return _SIGN["THING"]
    # The one long stop word, and the most misspelt.
    if len(word) > 8 and Levenshtein.normalized_similarity(word, "unsubscribe") > 0.7:
        return _SIGN["KEYWORD"]
    return _SIGN["X"] if is_vietnamese(word) else _SIGN["OTHERTHING"]


@lru_cache(maxsize=8)
def _index_phrases(vocabulary: Vocabulary) -> Phrases[str]:
    """Return the phrases, and the sign of each."""
    signs: dict[tuple[str, ...], str] = {}
    campaign_words = {
        "VERB": vocabulary.verbs,
        "THING": vocabulary.things,
        "OTHERTHING": vocabulary.other_things,
        "DONE": vocabulary.done,
    }
    tables = (
        {"X": MEANINGS["X"]} | {name: "|".join(words) for name, words in campaign_words.items()} | MEANINGS
    )
    for name, table in tables.items():
        for phrase in re.split(r"[|\n]", table):
            for choice in product(*(word.split("/") for word in phrase.split())):
                words = [word for part in choice for word in split_words(part, HARD)]
                spellings = [{word, unaccent_word(word)} if len(words) > 1 else {word} for word in words]
                for spelled in product(*spellings):
                    signs.setdefault(spelled, _SIGN[name])
    signs.pop((), None)
    return Phrases.of(signs)


def _compile(rule: str) -> re.Pattern[str]:
    for group, names in GROUPS.items():
        rule = re.sub(rf"\b{group}\b", names, rule)
    rule = re.sub(r"[A-Z][A-Z0-9]*", lambda name: _SIGN[name[0]], rule)
    return re.compile(rule.replace("~", f"[^{_SIGN['BREAK']}]").replace(" ", ""))


_COURTESY = _compile(COURTESY)
_RULES = [
    (Classification(label, confidence), _compile(rule).search, rule) for label, confidence, rule, _ in RULES
]


def _signs_needed(rule: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return signs without which a compiled rule cannot fit: all of the first, and one of the second, if there are any.

    The first stand outside brackets and are neither optional nor one of several; the second are the last such group of single signs.
    """
    needed, one_of, depth, start = set(), frozenset[str](), 0, 0
    for at, (sign, after) in enumerate(zip(rule, [*rule[1:], ""], strict=True)):
        start = at if depth == 0 else start
        depth += (sign in "([") - (sign in ")]")
        if depth or after in ("?", "*", "{"):
            continue
        if sign == "|":
            return frozenset(), frozenset()
        if sign in _NAME:
            needed.add(sign)
        elif sign == ")" and _NAME.keys() >= (group := frozenset(rule[start + 1 : at].split("|"))):
            one_of = group
    return frozenset(needed), one_of


_SIGNS = [_signs_needed(search.__self__.pattern) for _, search, _ in _RULES]  # type: ignore[attr-defined]
_NEEDED = [needed for needed, _ in _SIGNS]
"""For each rule; far fewer signs are looked at than by trying every rule."""
_ANYWHERE = frozenset(at for at, (needed, one_of) in enumerate(_SIGNS) if not needed and not one_of)
_times = Counter(sign for needed in _NEEDED for sign in needed)
_BY_SIGN: defaultdict[str, list[int]] = defaultdict(list)
"""Rules by the one sign they need that the fewest of them need, or by each of which they need one."""
for _at, (_needed, _one_of) in enumerate(_SIGNS):
    for _sign in [min(_needed, key=lambda sign: (_times[sign], sign))] if _needed else _one_of:
        _BY_SIGN[_sign].append(_at)
