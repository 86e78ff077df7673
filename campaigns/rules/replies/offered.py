"""How a reply fits each answer that its message offers: by number, by words, by saying yes or no. The same for every question."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from campaigns.rules.replies.asked import (
    Answer,
    Asked,
    Phrases,
    find_phrases,
    index_phrases,
    read_phrases,
    turn_of,
)
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.words import plain_words, split_words, unaccent_word

# What people write around a number or the words of an answer.
_POLITE = """
    da a ah vang thua nhe nha nhi em toi minh con chau co chu bac ong anh chi oi nghe nghen nghenh
    ba gia dinh xin chon so cau phuong an dap tra loi y kien la nhan bam tui e
"""
POLITE = frozenset(_POLITE.split())
_TELLING = frozenset(("da", "co"))  # "đã" and "có" in an answer, "dạ" and "cô" around one
_NOT = frozenset("khong chua khoi dung thoi mien cha chang deo dau dech".split())  # noqa: SIM905
_YES = frozenset("có co ok vâng vang ừ u uh um uk duoc được yes dạ".split())  # noqa: SIM905
_CHOICE = frozenset("chon lay xin ghi dang ky muon can thich ung theo qua la thi".split())  # noqa: SIM905
_NUMERALS = "không một/mot hai ba bốn/bon/tư năm/nam sáu/sau bảy/bay tám/tam chín/chin mười/muoi/chục"
_VALUES = {word: value for value, words in enumerate(_NUMERALS.split()) for word in words.split("/")}
SAYS = (Label.INSTALLED, Label.NOT_YET, Label.NO_SMARTPHONE, Label.NEED_HELP, Label.REFUSE, Label.QUESTION, Label.UNCLEAR)  # fmt: skip


def bare_words(text: str) -> list[str]:
    """Return the plain words of a text without what is said for politeness."""
    return [word for word in plain_words(text) if word not in POLITE]


@cache
def _concepts() -> Phrases:
    return read_phrases(Path(__file__).parent / "alike_words.txt")


class _Read:
    """An answer as replies are compared with it: its words, concepts, range of numbers, how it turns."""

    def __init__(self, answer: Answer) -> None:
        self.phrases = [plain_words(words) for words in answer.words]
        self.bare = [
            [word for word in phrase if word in _TELLING or word not in POLITE] for phrase in self.phrases
        ]
        self.words = frozenset(word for words in self.bare for word in words) - {"roi", "qua"}
        self.concepts = frozenset[str]().union(*map(concepts_of, answer.words))
        self.turn = turn_of(answer)
        self.span = _span(answer.words[0] if answer.words else "")


def concepts_of(text: str) -> frozenset[str]:
    """Return the names of what a text says in any words."""
    return frozenset[str]().union(*(names for _, names in find_phrases(split_words(text), _concepts())))


def _numbers(text: str) -> list[float]:
    """Return the numbers that a text names, in digits or words; "7h30" and "bảy rưỡi" are 7.5, "2 giờ chiều" is 14 as well, "3 trăm rưỡi" 350."""
    words, found, unit = re.findall(r"\d+|[^\W\d_]+", text.lower()), list[float](), 1.0
    for before, word in pairwise(["", *words]):
        is_counted = before in _VALUES or before.isdecimal()
        if is_counted and word in _UNITS:
            unit = _UNITS[word]
            found[-1:] = [found[-1] * unit] if found else []
        elif found and word in ("rưỡi", "ruoi"):
            found[-1] += unit / 2
        elif word in _VALUES or (word.isdecimal() and len(word) < MOST_DIGITS):
            value, unit = float(_VALUES.get(word, word)), 1.0
            found[-1:] = [found[-1] + value / 60] if found and before in _HOURS else [*found[-1:], value]
    is_late = not {"chiều", "chieu", "tối", "đêm"}.isdisjoint(words)
    return found + [hour + 12 for hour in found if is_late and hour < 12]


MOST_DIGITS = 6
"""Digits from which on a number is no amount."""
_HOURS = frozenset(("h", "g", "giờ", "gio"))
_UNITS = {
    "chục": 10.0,
    "chuc": 10.0,
    "mươi": 10.0,
    "muoi": 10.0,
    "trăm": 100.0,
    "tram": 100.0,
} | dict.fromkeys(("ngàn", "ngan", "nghìn", "nghin"), 1000.0)


def _span(words: str) -> tuple[float, float] | None:
    """Return from where to where the numbers of an answer reach, None where it names none."""
    numbers, said = _numbers(words), plain_words(words)
    if not numbers:
        return None
    if "duoi" in said:
        return 0.0, numbers[0] - 0.1
    if "tren" in said or "hon" in said:
        return numbers[0] + 0.1, 1e9
    return min(numbers), max(numbers)


class _Answers(NamedTuple):
    """All answers of a question: each as it is read, and which of them a phrase, a word or a concept names, and how."""

    read: list[_Read]
    phrases: Phrases
    named: Mapping[str, tuple[frozenset[int], str]]


HOWS = ("phrase", "word", "concept", "topic", "part")
"""How answers are named: by all their words, by one, by what says the same, by a word of the question, by what several have."""


@lru_cache(maxsize=256)
def _read_answers(asked: Asked) -> _Answers:
    read = [_Read(answer) for answer in asked.answers]
    by_name: dict[str, set[int]] = {}
    counts = Counter(word for each in read for word in each.words)
    topic = plain_words(asked.question)
    tables: list[tuple[str, list[str]]] = []
    for n, (each, answer) in enumerate(zip(read, asked.answers, strict=True)):
        spelled = {unaccent_word(word): word for text in answer.words for word in split_words(text)}
        for name in (f"phrase {n}", *(f"word {word}" for word in each.words), *each.concepts):
            by_name.setdefault(name, set()).add(n)
        own = [[word for word in words if counts[word] <= len(read) / 2] for words in each.bare[:1]]
        bare = [" ".join(spelled[word] for word in words) for words in (*each.bare, *own) if len(words) > 1]
        tables += [(f"phrase {n}", [*answer.words, *bare])]
        tables += [(f"word {word}", [spelled[word]]) for word in each.words]
    named = {}
    for name, numbers in by_name.items():
        how, _, word = name.partition(" ")
        how = "part" if len(numbers) > 1 else "topic" if word in topic else how if word else "concept"
        if len(numbers) < len(read):  # what all answers have tells nothing
            named[name] = frozenset(numbers), how
    return _Answers(read, index_phrases(tables), named)


class _Mention(NamedTuple):
    """What a reply says that names answers."""

    answers: frozenset[int]
    how: str
    name: str
    is_denied: bool
    is_chosen: bool
    is_first: bool


def _mentions(words: Sequence[str], asked: Asked) -> list[_Mention]:
    _, phrases, named = _read_answers(asked)
    plain = [unaccent_word(word) for word in words]
    found, at = [], 0
    for part, names in find_phrases(words, phrases, _concepts()):
        here = named.keys() & names
        if len(part) > 1 and not any(name.startswith("phrase") for name in here):
            # In what says the same stand the answer's own words, too.
            told = frozenset[int]().union(*(named[name][0] for name in here))
            inside = {name for word in part for name in phrases.get(word, {}).get((word,), ())}
            here |= {name for name in inside & named.keys() if not told or named[name][0] <= told}
        if here:
            denied = (
                not _NOT.isdisjoint(plain[max(0, at - 2) : at])
                or tuple(plain[at + len(part) :][:2]) in _TURNED
            )
            chosen = not _CHOICE.isdisjoint(plain[max(0, at - 3) : at])
            found += [_Mention(*named[name], name, denied, chosen, at < 3) for name in sorted(here)]
        at += len(part)
    return found


_TURNED = {("thi", "thoi"), ("thi", "khong"), ("thi", "khoi")}


_POLITELY = rf"(?: (?:{'|'.join(sorted(POLITE))}|luon|thoi|ban))*"
_SAYS_YES = re.compile(rf"(?:da |vang )?(?:co|duoc|ok|u|uh|uk|um|yes|dong y|nhat tri){_POLITELY}")
_SAYS_DONE = re.compile(rf"(?:da )?(?:co|roi){_POLITELY}")
_SAYS_NOT_YET = re.compile(rf"(?:da )?(?:chua|khong){_POLITELY}")
_SAYS_NO = re.compile(rf"(?:da |thoi )?(?:khong|no)(?: duoc)?{_POLITELY}")


def says_yes(text: str) -> bool | None:
    """Return whether a reply says yes, or no, and nothing else; None for any other. "dạ" is neither, "dạ cô" no "dạ có"."""
    if "?" in text or re.search(r"\b(?:cô|chi|vắng|đã)\b", text.lower()):
        return None
    said = " ".join(plain_words(text))
    if _SAYS_YES.fullmatch(said) or re.match(rf"vâng{_POLITELY}$", text.lower().strip(" .!")):
        return True
    return False if _SAYS_NO.fullmatch(said) else None


def _answers_question(text: str, asked: Asked) -> Answer | None:
    """Return the answer that a bare yes, no, "rồi" or "chưa" gives to a question that asks for one."""
    ends = next((word for word in reversed(plain_words(asked.question)) if word not in POLITE), "")
    is_yes = says_yes(text)
    if ends == "chua":  # "ok" only says that it was read
        said = " ".join(plain_words(text))
        is_yes = True if _SAYS_DONE.fullmatch(said) else False if _SAYS_NOT_YET.fullmatch(said) else None
    if ends not in ("khong", "chua") or is_yes is None:
        return None
    against = [each.turn in ("no", "yet") for each in _read_answers(asked).read]
    if is_yes:
        return None if against[0] else asked.answers[0]
    return asked.answers[against.index(True)] if against.count(True) == 1 else None


# Beside an answer's words these may turn it.
_DOUBTING = """
    neu nhung tuy chac xem hoac hay chang giup can nho don dung tin nhan thoi huy ngung phien eo dech dau gi
    ai sao nao rang kho xa may mai ma con cho chua khong tc stop bo
"""
_DOUBTS = frozenset(_DOUBTING.split())
MOST_WORDS = 10


def _says_words(text: str, asked: Asked) -> Answer | None:
    """Return the answer whose whole words, two or more, a short reply says without a doubt or denial beside them."""
    words, given, longest, rest = split_words(text), set[str](), 0, set[str]()
    for part, names in find_phrases(words, _read_answers(asked).phrases):
        if phrases := {name for name in names if name.startswith("phrase")}:
            given, longest = given | phrases, max(longest, len(part))
        else:
            rest.update(map(unaccent_word, part))
    if len(given) != 1 or longest < 2 or len(words) > MOST_WORDS or "?" in words:
        return None
    return asked.answers[int(given.pop().split(" ")[1])] if rest.isdisjoint(_DOUBTS) else None


def given_plainly(text: str, asked: Asked) -> Answer | None:
    """Return the answer that a reply gives by nothing but its number, its words, or a yes or no."""
    said, bare = plain_words(text), bare_words(text)
    read = _read_answers(asked).read
    for answer, each in zip(asked.answers, read, strict=True):
        number = str(answer.number)
        if bare == [number] or said in each.phrases or any(bare == [number, *words] for words in each.bare):
            return answer
    if asked.is_own and (given := _answers_question(text, asked) or _says_words(text, asked)):
        return given
    found = [answer for answer, each in zip(asked.answers, read, strict=True) if bare and bare in each.bare]
    return found[0] if len(found) == 1 else None


def fit_answers(text: str, likely: Mapping[str, float], asked: Asked) -> list[dict[str, float]]:
    """Return for each offered answer what speaks for it, by name; `likely` are the scores of the labels and of how own answers turn."""
    said, words = bare_words(text), split_words(text)
    named = _named_number(words)
    # "3 buổi" counts where the answers are amounts, "3" and "3, tôi bận" name one.
    counted = {one for one, after in pairwise(words) if after not in POLITE and after != ","}
    is_counted = asked.is_own and any(each.span for each in _read_answers(asked).read)
    facts: list[dict[str, float]] = []
    for answer in asked.answers:
        number, fact = str(answer.number), dict[str, float]()
        if number in said:
            how = "number first" if said[0] == number else "number"
            fact[f"{how} counted" if is_counted and number in counted else how] = 1.0
        elif said and said[0].isdecimal() and len(said[0]) == 1:
            fact["other number"] = 1.0
        if named:
            fact["number word" if named == answer.number else "other number word"] = 1.0
        facts.append(fact)
    if asked.is_own and asked.answers:  # what is offered by every menu is learned as labels are
        read = _read_answers(asked).read
        turns = [likely[f"own {each.turn}"] for each in read]
        compared, shares = _compare(text, asked)
        for n, (fact, names) in enumerate(zip(facts, compared, strict=True)):
            turn = read[n].turn
            fact["share"] = shares[n]
            fact["mine in distress"] = likely["cry"] * max(
                fact.get("number first", 0.0), *(float(f"begins {how}" in names) for how in HOWS[:3])
            )
            fact["unnamed in distress"] = likely["cry"] - fact["mine in distress"]
            fact["several"] = float("number" in fact or "first" in names)
            fact["named"] = float(not names.isdisjoint(("phrase", "word", "concept")))
            fact.update(dict.fromkeys(sorted(names), 1.0))
            fact["turn"] = turns[n]
            fact["turn lead"] = turns[n] - max((t for at, t in enumerate(turns) if at != n), default=0.0)
            fact.update((f"{turn} {label}", likely[label]) for label in SAYS)
    return facts


def _named_number(words: Sequence[str]) -> int | None:
    """Return the number that a reply gives in a word: "số hai", "ba nghen", "bốn, tôi bận", "tôi chọn một vì gần"."""
    plain = [unaccent_word(word) for word in words]
    for at, (word, after) in enumerate(pairwise([*plain, ","])):
        if word in _VALUES and word != "khong":
            is_first = POLITE.issuperset(plain[:at]) and (after in _PARTICLES or after in (",", word))
            if is_first or plain[at - 1 : at] in (["so"], ["chon"], ["an"]):
                return _VALUES[word]
    return None


_PARTICLES = frozenset("a nha nhe nghe nghen nghenh nhi luon".split())  # noqa: SIM905


class _Said(NamedTuple):
    """What a reply says, with whichever answer it is compared. `affirmed` are the mentions that are not denied, `sole` what those name that do not name several answers."""

    length: str
    numbers: list[float]
    denies: bool
    agrees: bool
    mentions: list[_Mention]
    affirmed: list[_Mention]
    sole: list[frozenset[int]]


def _read_reply(text: str, asked: Asked) -> _Said:
    words, size = split_words(text), len(bare_words(text))
    denies = not _NOT.isdisjoint(plain_words(text))
    mentions = _mentions(words, asked)
    affirmed = [each for each in mentions if not each.is_denied]
    return _Said(
        "short" if size < 4 else "mid" if size < 9 else "long",
        _numbers(text),
        denies,
        not denies and not _YES.isdisjoint(words[:2]),
        mentions,
        affirmed,
        [each.answers for each in affirmed if each.how != "part"],
    )


def _compare(text: str, asked: Asked) -> tuple[list[set[str]], list[float]]:
    """Return for each own answer what a reply has of it or of the others (its words, what says the same, numbers, a yes or no), and its share."""
    said, read = _read_reply(text, asked), _read_answers(asked).read
    facts = []
    for n, answer in enumerate(read):
        tests = _mentioned(said, n, answer) | _in_order(said, n) | _turned(said, n, answer)
        facts.append({name for name, holds in tests.items() if holds})
    counts = [sum(n in numbers for numbers in said.sole) for n in range(len(read))]
    return facts, [count / max(1, len(said.sole)) for count in counts]


def _mentioned(said: _Said, n: int, answer: _Read) -> dict[str, bool]:
    """Return how a reply names an answer, and the others."""
    mine = [mention for mention in said.affirmed if n in mention.answers]
    hows = {mention.how for mention in mine}
    others = {mention.how for mention in said.affirmed if n not in mention.answers}
    how = next((how for how in HOWS if how in hows), "none")
    other = next((f"other {how}" for how in HOWS if how in others), "")
    is_denied = any(n in mention.answers for mention in said.mentions if mention.is_denied)
    named = {word for mention in mine for word in mention.name.split(" ")[1:]}
    return {
        how: bool(hows),
        f"{how} {said.length}": True,
        other + (" too" if hows else ""): bool(other),
        "all words": bool(hows) and answer.words <= named,
        "twice": len({mention.name for mention in mine}) > 1,
        "chosen": any(mention.is_chosen for mention in mine),
        "denied": is_denied and not mine,
        "other denied": not mine and not is_denied and len(said.affirmed) < len(said.mentions),
    } | {f"begins {mention.how}": mention.is_first for mention in mine if mention.is_first}


def _in_order(said: _Said, n: int) -> dict[str, bool]:
    """Return whether an answer is the only one that a reply names alone, the first, the last."""
    first, last = (bool(said.sole) and n in said.sole[at] for at in (0, -1))
    several = len(set(said.sole)) > 1
    return {"only": first and not several, "first": first and several, "last": last and several}


def _turned(said: _Said, n: int, answer: _Read) -> dict[str, bool]:
    """Return what a yes, a denial or a number says, for how an answer turns and from where to where it reaches."""
    is_measured = bool(answer.span and said.numbers)
    low, high = answer.span or (0.0, 0.0)
    is_inside = is_measured and any(low <= number <= high for number in said.numbers)
    return {
        f"{answer.turn} {'denies' if said.denies else 'affirms'}": True,
        "in span": is_inside,
        "out of span": is_measured and not is_inside,
        f"yes {answer.turn}": said.agrees,
        "yes later" if n else "yes first": said.agrees,
        f"no {answer.turn} short": said.denies and said.length == "short",
    }
