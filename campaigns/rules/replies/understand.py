"""Understanding of replies: what a reply means, how sure that is, whether it is a wish to be left alone or a cry for help (docs/replies.md).

Words of danger (danger.txt) hold in any kind of campaign. The learned model gives scores of every label and of urgency. It is linear: a feature
(a word, neighbours or two words near each other, a piece of up to five letters) has a weight for each label, and the weights of a reply's
features are added up. What was asked is in placeholders, so that what was learned of one question holds for another. `make replies-train`
writes the weights; nothing here learns. The weights of a feature are one integer, 32 bits for each, so that one addition adds all of them.
Each has `_HALF` added, so that none is below 0; the highest column counts how often that is to be taken away.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import repeat
from pathlib import Path
from typing import Literal, NamedTuple

from campaigns.rules.replies.asked import (
    BLUEZONE,
    LONGEST_PHRASE,
    TURNS,
    Answer,
    Asked,
    Phrases,
    bare_words,
    fit_answers,
    given_plainly,
    read_phrases,
    tag_words,
    turn_of,
)
from campaigns.rules.replies.labels import OPT_IN, USES, Label, Meaning
from campaigns.rules.replies.words import plain_words, split_words, unaccent_word

LABELS: tuple[Meaning, ...] = (*(label for label in Label if USES[label].is_learned), OPT_IN)
COLUMNS = len(LABELS) + len(TURNS) + 1
"""Weights of a feature: one for each label, one for each way in which an office's own answer turns, and one for urgency."""
_HALF = 1 << 15
SCALE = 256
"""A weight of 1 as stored: a weight is a multiple of 1/SCALE, in 16 bits."""
WEIGHTS = Path(__file__).parent
MENU, OFFICES = "menu", "offices"
"""Files of weights: of the menus of kinds, learned before and without the ways in which answers turn, and of questions of offices."""
START, END = "^", "$"
LONGEST_PIECE = 5


class Weights(NamedTuple):
    """What a file holds: the packed weights of every feature, what speaks for each meaning and for a cry (`understand.py`), the limits of decisions."""

    columns: int
    features: dict[str, int]
    meanings: dict[str, float]
    cries: dict[str, float]
    limits: dict[str, float]


@lru_cache(maxsize=20_000)
def features_of_word(word: str) -> tuple[str, ...]:
    """Return the features of a word alone: with and without accents, and its pieces."""
    plain = unaccent_word(word)
    padded = f" {plain} "
    sizes = range(3, LONGEST_PIECE + 1)
    pieces = [padded[at : at + size] for size in sizes for at in range(len(padded) - size + 1)]
    return ("w" + word, *(["w" + plain] if plain != word else []), *("c" + piece for piece in pieces))


@lru_cache(maxsize=50_000)
def features_of_border(before: str, word: str) -> tuple[str, ...]:
    """Return the features of two neighbours: both, and the pieces over their border."""
    plain_before, plain = unaccent_word(before), unaccent_word(word)
    left, right = plain_before[-3:], plain[:3]
    pair = [f"b{before} {word}"]
    if plain != word or plain_before != before:
        pair.append(f"b{plain_before} {plain}")
    return (*pair, *(f"c{left[at:]} {right}" for at in range(len(left))))


def features_apart(words: Sequence[str]) -> Iterator[str]:
    """Yield the features of a reply beyond words and neighbours: three in a row, words with one or two between them, how many they are."""
    plain = [START, *map(unaccent_word, words), END]
    yield f"n{min(len(words), 12)}"
    for one, two, three in zip(plain, plain[1:], plain[2:], strict=False):
        yield f"t{one} {two} {three}"
    for gap in (2, 3):
        for one, two in zip(plain[1:-1], plain[1 + gap : -1], strict=False):
            yield f"s{one} {two}"


def size_of(words: Sequence[str]) -> float:
    """Return what sums are divided by, so that long replies are not surer than short ones."""
    return math.sqrt(len(words) + 2)


@cache
def load_weights(part: str) -> Weights:
    """Return what training has written for a part."""
    data = zlib.decompress((WEIGHTS / f"{part}.bin").read_bytes())
    ends = struct.unpack("<2I", data[:8])
    header, names, numbers = data[8 : ends[0]], data[ends[0] : ends[1]].decode().split("\n"), data[ends[1] :]
    columns = len(numbers) // (2 * len(names))
    size = 4 * (columns + 1)
    wide = bytearray(len(names) * size)
    # Each weight of 16 bits becomes one of 32 bits with `_HALF` added, which turns its highest bit.
    turned = numbers[1::2].translate(bytes(byte ^ 0x80 for byte in range(256)))
    for column in range(columns):
        wide[4 * column :: size] = numbers[2 * column :: 2 * columns]
        wide[4 * column + 1 :: size] = turned[column::columns]
    wide[4 * columns :: size] = b"\1" * len(names)
    rows = (int.from_bytes(wide[at : at + size], "little") for at in range(0, len(wide), size))
    kept: dict[int, int] = {}  # half of the rows are like another one: 15 MB
    features = {name: kept.setdefault(row, row) for name, row in zip(names, rows, strict=True)}
    return Weights(columns, features, **json.loads(header))


def _add(names: Iterable[str], part: str) -> int:
    return sum(map(load_weights(part).features.get, names, repeat(0)))


@lru_cache(maxsize=20_000)
def _weigh_word(word: str, part: str) -> int:
    return _add(features_of_word(word), part)


@lru_cache(maxsize=50_000)
def _weigh_border(before: str, word: str, part: str) -> int:
    return _add(features_of_border(before, word), part)


def weigh(words: Sequence[str], part: str) -> list[float]:
    """Return the scores of the labels, in the order of `LABELS`, of the ways own answers turn, and of urgency, for the words of a reply."""
    total = sum(map(_weigh_word, words, repeat(part))) + _add(features_apart(words), part)
    total += sum(map(_weigh_border, (START, *words), (*words, END), repeat(part)))
    wide = load_weights(part).columns + 1
    *columns, times = struct.unpack(f"<{wide}I", total.to_bytes(4 * wide, "little"))
    size = size_of(words) * SCALE
    return [(column - times * _HALF) / size for column in columns]


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


LONGEST = 1600
"""Characters that are read: no SMS is longer (Twilio's limit for a body)."""
OptOut = Literal["sure", "held"]


class Understanding(NamedTuple):
    """What a reply means: its label with the probability that it is right, whether that is sure enough, whether it is a cry for help.

    Without `is_automatic` a person looks at it. `opt_out`: the wish to be left alone counts at once, or is likely and holds back what is
    sent until an officer has looked. `own` is the number of the answer that it gives, in the menu only by that number or its words alone.
    """

    label: Meaning | None
    confidence: float
    is_automatic: bool
    is_urgent: bool
    opt_out: OptOut | None = None
    own: int | None = None

    @property
    def stored_label(self) -> Label:
        """Return the label that is stored: a wish to be written to, and an answer that amounts to none, are no answer of ours."""
        return self.label if isinstance(self.label, Label) else Label.UNCLEAR

    @classmethod
    def by_gateway(cls, label: Meaning) -> Understanding:
        """Return what the gateway itself has understood: its own stop and help words."""
        return cls(label, 1.0, True, False, "sure" if label is Label.OPT_OUT else None)


class Chance(NamedTuple):
    """How likely a reply means a label, or one of the message's own answers."""

    label: Meaning | None
    own: int | None
    likely: float


# Words of law, alone or with a polite word: they count whatever the model says.
_STOPS = re.compile(
    r"(?:stop|tc|huy|dung|ngung|tu choi|tuchoi|unsubscribe|cancel|quit|end)(?: (?:nhan|tin|all|dich vu|dv|ngay|lai|di|nhe|[0-9]+))*"
)
# Behind an answer ("1 da tiem. TC"), but not in a tale of one ("hôm trước lỡ bấm TC").
_STOPS_TOO = re.compile(r"(?s:.*[^\w\s]\s*(?:TC|STOP|tc|stop|Tc)|.*(?<!m|n|õ|o|ữ) (?:TC|STOP))[.!\s]*")
_STARTS = re.compile(r"start|unstop|dk|dang ky|dang ki|(?:bat|nhan) lai(?: tin)?")


def read_keyword(text: str) -> Meaning | None:
    """Return what a reply orders that is nothing but a word of law: to stop or to start. "đúng" and "dùng" are no "dừng"."""
    said = " ".join(bare_words(text)) or " ".join(text.lower().split())
    if re.search(r"[đd](?:ú|ù|ũ)ng", text.lower()):
        return None
    if _STOPS.fullmatch(said) or _STOPS_TOO.fullmatch(text):
        return Label.OPT_OUT
    return OPT_IN if _STARTS.fullmatch(said) else None


_ME = "(?:toi|em|e|minh|con|chau|chi|anh|bac|co|chu|tui|ong|ba|me)"
_ASKS = re.compile(
    rf"\b(?:(?:dong y|cho phep|muon|xin|cu|van|nho|tiep tuc|dang ky|dk|cho {_ME})(?: (?:tiep tuc|duoc|muon|van))*"
    rf" (?:nhan|gui)(?: lai| tiep)?(?: (?:tin|thong bao|tb))?|(?:nhan|gui)(?: tin| lai| thong bao)* cho {_ME}"
    rf"|(?:nhan|gui)(?: tin)? (?:tiep|lai)|(?:nhan|bao|nhac|gui)(?: tin| cho| biet)* {_ME})\b"
)
# Beside one of these it may as well be the opposite.
_AGAINST = """
    dung khong thoi ngung huy xoa bo chan choi khoi mien het tat rut go cat phien hoai miet suot mai lam gi chi nhieu spam stop
    tc block bot cam kien yen deo dep rac ai sao chua bien quay roi met tha la cai cha chang nhu toan thua du kia nao loai out
    lo ra tam dg giai tra kiem kieu nghi it cham dut dech doi nua
"""
MOST_TO_ASK = 12
"""Words of a plain wish to be written to."""


def asks_for_messages(text: str) -> bool:
    """Return whether a reply asks for messages in plain words, with none beside them that could turn it: it is never an opt-out."""
    words = plain_words(text)
    if words[-1:] == ("chi",) and len(words) > MOST_TO_ASK // 3:
        words = words[:-1]  # whom it is said to; "nhắn chi" asks what for
    if len(words) > MOST_TO_ASK or "?" in text or "chớ" in text.lower():
        return False
    return _ASKS.search(" ".join(words)) is not None and not set(words).intersection(_AGAINST.split())


def chances_of(text: str, asked: Asked) -> tuple[list[Chance], float]:
    """Return how likely each label and each own answer is, and how urgent the reply is."""
    words, part = tag_words(text, asked), part_of(asked)
    scores, weights = weigh(words, part), load_weights(part)
    found = chances_from(facts_of(text, scores, asked), weights.meanings, asked)
    facts = facts_of_cry(scores[-1], find_danger(text), found, len(words))
    return found, sum(weights.cries.get(name, 0.0) * value for name, value in facts.items())


def part_of(asked: Asked) -> str:
    """Return whose weights read the replies to a question."""
    return OFFICES if asked.is_own else MENU


def facts_of_cry(
    score: float, danger: frozenset[str], chances: Sequence[Chance], size: int
) -> dict[str, float]:
    """Return what speaks for a cry: its score, words of danger, what else the reply may mean, how many words it has."""
    has_words = float(is_danger(danger))
    facts = {
        "cry": score,
        "cry strong": float("strong" in danger),
        "cry danger": has_words,
        "cry groups": float(len(danger)),
        "cry size": math.log(size + 1),
        "cry both": score * has_words,
        "cry always": 1.0,
    }
    likely: dict[Meaning | None, float] = dict.fromkeys((*LABELS, None), 1e-6)
    for each in chances:
        likely[each.label] += each.likely
    return facts | {f"cry {label or 'own'}": max(math.log(each), -4.0) for label, each in likely.items()}


ReplyFacts = Sequence[tuple[Meaning | None, int | None, Mapping[str, float]]]
"""What a reply may mean, each label and each answer that the message offers, with what speaks for it by name."""


def chances_from(facts: ReplyFacts, weights: Mapping[str, float], asked: Asked) -> list[Chance]:
    """Return one chance for each label and each own answer: a label's is shared out among the own answers that amount to it.

    But "chưa biết" promises nothing: to an answer such as "sẽ đến" nothing of what is not done yet is given.
    """
    scores = [sum(weights.get(name, 0.0) * value for name, value in fact.items()) for _, _, fact in facts]
    shares = [
        Chance(label, own, share) for (label, own, _), share in zip(facts, _softmax(scores), strict=True)
    ]
    labels = {each.label: each.likely for each in shares if each.own is None}
    answers = [each for each in shares if each.own is not None]
    if not asked.is_own:
        for answer in answers:
            if answer.label:
                labels[answer.label] += answer.likely
        return [Chance(label, None, share) for label, share in labels.items()]
    promises = [
        each.number for each in asked.answers if each.means is Label.NOT_YET and turn_of(each) == "will"
    ]
    whole: dict[Meaning | None, float] = {}
    for answer in answers:
        if answer.own not in promises:
            whole[answer.label] = whole.get(answer.label, 0.0) + answer.likely
    found = [Chance(label, None, share) for label, share in labels.items() if label not in whole]
    for answer in answers:
        more = labels.get(answer.label, 0.0) if answer.label and answer.own not in promises else 0.0
        share = answer.likely * (1 + more / whole.get(answer.label, 1.0))
        found.append(answer._replace(likely=share))
    return found


def _softmax(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    raised = [math.exp(score - top) for score in scores]
    whole = sum(raised)
    return [each / whole for each in raised]


_TOLD = {
    label: [f"{label} {what}" for what in ("named", "denied", "several", "urgent", "own")] for label in LABELS
}


@lru_cache(maxsize=256)
def _always(asked: Asked) -> Mapping[Meaning, Mapping[str, float]]:
    """Return what speaks for each label whatever the reply: whether an answer gives it, and how the others turn."""
    offered = {answer.means for answer in asked.answers}
    kind = "own" if asked.is_own else "menu"
    places = {label: f" {kind}" if label in offered else " not offered" for label in LABELS}
    turns = {turn_of(answer) for answer in asked.answers if asked.is_own}
    return {
        label: dict.fromkeys(
            [
                f"{label}{'' if label in BEYOND else place}",
                *(f"{label} beside {turn}" for turn in sorted(turns)),
            ],
            1.0,
        )
        for label, place in places.items()
    }


def facts_of(text: str, scores: Sequence[float], asked: Asked) -> ReplyFacts:
    """Return what speaks for each meaning of a reply; `scores` are those of its words (`weigh`)."""
    chances: dict[str, float] = dict(zip(LABELS, _softmax(scores[: len(LABELS)]), strict=True))
    turns = {
        f"own {turn}": max(-6.0, min(6.0, score))
        for turn, score in zip(TURNS, scores[len(LABELS) :], strict=False)
    }
    urgent = 1 / (1 + math.exp(-max(-30.0, min(30.0, scores[-1]))))
    fits = fit_answers(text, chances | turns | {"cry": urgent}, asked)
    facts: list[tuple[Meaning | None, int | None, Mapping[str, float]]] = []
    named, denied, several = (
        max((fact.get(name, 0.0) for fact in fits), default=0.0) for name in ("named", "denied", "several")
    )
    for label, always in _always(asked).items():
        chance = math.log(chances[label] + 1e-6)
        fact = {**always, "chance": chance}
        if asked.is_own:
            fact |= zip(_TOLD[label], (named, denied * (1 - named), several, urgent, chance), strict=True)
            fact["any"] = -turns["own any"]
        facts.append((label, None, fact))
    among = math.log(1e-6 + sum(chance for label, chance in chances.items() if label not in BEYOND))
    for answer, fact in zip(asked.answers, fits, strict=True):
        means = f"{'own' if asked.is_own else 'menu'} {'means' if answer.means else 'own'}"
        facts.append((answer.means, answer.number, {"among": among, means: 1.0, **fact}))
    return facts


BEYOND = frozenset({Label.OPT_OUT, OPT_IN, Label.WRONG_NUMBER, Label.QUESTION})
"""Labels that no answer gives."""


def understand(text: str, asked: Asked = BLUEZONE) -> Understanding:
    """Return what a reply's first LONGEST characters mean; unclear without words. Never raises."""
    return _understand(text[:LONGEST], asked)


# The model has learnt from texts without addresses and positions: to it an address alone was an opt-out and a cry.
_POINTERS = re.compile(r"(?:https?://|www\.|geo:)\S*|-?\d{1,3}\.\d{4,}", re.IGNORECASE)
_WORD_OR_SIGN = re.compile(r"[^\W\d_]|[^\w\s.,:;/()+*#-]")


# Most replies are among the few thousand that others have written before.
@lru_cache(maxsize=20_000)
def _understand(text: str, asked: Asked) -> Understanding:
    return decide_by(
        text, asked, *chances_of(_POINTERS.sub(" ", text), asked), load_weights(part_of(asked)).limits
    )


def decide_by(
    text: str, asked: Asked, chances: Sequence[Chance], urgency: float, limits: Mapping[str, float]
) -> Understanding:
    """Return what a reply means by what it may mean, how urgent it is, and what it says plainly."""
    if asks_for_messages(text):
        turned = (each._replace(label=OPT_IN) if each.label is Label.OPT_OUT else each for each in chances)
        chances = [*turned, Chance(Label.OPT_OUT, None, 0.0)]
    is_urgent = urgency >= limits["cry"]
    plain = None if is_urgent else given_plainly(text, asked)
    keyword = None if is_urgent or plain else read_keyword(text)
    return decide(
        chances,
        is_urgent=is_urgent,
        plain=plain,
        keyword=keyword,
        limits=limits,
        is_number=not _WORD_OR_SIGN.search(_POINTERS.sub(" ", text)) and any(map(str.isalnum, text)),
    )


BEYOND_DOUBT = 0.99
"""Confidence of what a number of the menu or a word of law says."""
WISHES_COUNT = 4.0
"""How many times as likely as its opposite a wish to be written to must be."""
LEAST_HELP = 0.05
"""How likely a cry must ask for help to be labelled so; else it keeps its label, and is urgent all the same."""


def decide(
    chances: Sequence[Chance],
    *,
    is_urgent: bool,
    plain: Answer | None,
    keyword: Meaning | None,
    limits: Mapping[str, float],
    is_number: bool = False,
) -> Understanding:
    """Return what a reply means by what it may mean. A cry comes before all, an opt-out before what else is likely.

    `plain` is the answer that it gives by its number or words alone, `keyword` what it orders by a word of law. `is_number`: it has no
    words, but a number that the message does not offer, a day, a position or an address.
    """
    if plain:
        opt_out: OptOut | None = "sure" if plain.means is Label.OPT_OUT else None
        return Understanding(plain.means, BEYOND_DOUBT, True, False, opt_out, plain.number)
    if keyword:
        return Understanding(keyword, BEYOND_DOUBT, True, False, "sure" if keyword is Label.OPT_OUT else None)
    best = max(chances, key=lambda each: each.likely)
    stop, wish, help_ = (
        max((each for each in chances if each.label == label), key=lambda each: each.likely)
        for label in (Label.OPT_OUT, OPT_IN, Label.NEED_HELP)
    )
    outcome: OptOut | None = None
    # Who asks for messages is not silenced, but where that is unsure an officer looks.
    if stop.likely >= limits["held"] and stop.likely * WISHES_COUNT > wish.likely:
        outcome = "sure" if stop.likely >= limits[Label.OPT_OUT] and not is_urgent else "held"
        best = stop
    is_own = any(each.own for each in chances)
    if is_urgent and help_.likely >= LEAST_HELP and outcome is None and not is_own:
        best = help_
    if is_number and not is_urgent:
        return Understanding(Label.UNCLEAR, best.likely, False, False)
    limit = _limit_of(best, chances, limits)
    is_sure = outcome == "sure" or (outcome is None and not is_urgent and best.likely >= limit)
    return Understanding(best.label, best.likely, is_sure, is_urgent, outcome, best.own)


def _limit_of(best: Chance, chances: Sequence[Chance], limits: Mapping[str, float]) -> float:
    """Return from which chance on a meaning stands without a look; none does that only amounts to what an answer means."""
    if best.own is None and best.label in {each.label for each in chances if each.own}:
        return 1.0
    return limits["own" if best.own else str(best.label)]


MOST_WEIGHED = 60
"""Words of a text that are weighed one by one."""
TELLS_FROM, LEAST_LOSS = 0.35, 0.15
"""Loss of the label's log odds without a word from which the word told: as a share of the greatest loss, and at least."""


def telling_parts(text: str, asked: Asked, label: Label) -> list[tuple[str, bool]]:
    """Return a text in parts, each with whether it told the label: without such a word the label is less likely."""
    pieces = re.split(r"(\s+)", text)

    def odds(rest: Sequence[str]) -> float:
        chance = sum(each.likely for each in chances_of("".join(rest), asked)[0] if each.label is label)
        return math.log((chance + 1e-6) / (1 - chance + 1e-6))

    whole = odds(pieces)
    words = [at for at, piece in enumerate(pieces) if piece.strip()][:MOST_WEIGHED]
    losses = {at: whole - odds(pieces[:at] + pieces[at + 1 :]) for at in words}
    least = max(LEAST_LOSS, TELLS_FROM * max(losses.values(), default=0.0))
    return [(piece, losses.get(at, 0.0) >= least) for at, piece in enumerate(pieces) if piece]
