"""How a reply fits each answer that its message offers: by number, by words, by saying yes or no. The same for every question."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

from campaigns.rules.replies.asked import Answer, Asked, Phrases, find_phrases, read_phrases
from campaigns.rules.replies.labels import Label, Meaning
from campaigns.rules.replies.words import plain_words, split_words

# What people write around a number or the words of an answer.
_POLITE = """
    da a ah vang thua nhe nha nhi em toi minh con chau co chu bac ong anh chi oi nghe nghen nghenh
    ba gia dinh xin chon so cau phuong an dap tra loi y kien la nhan bam tui e
"""
POLITE = frozenset(_POLITE.split())
_TELLING = frozenset(("da", "co"))  # "đã" and "có" in an answer, "dạ" and "cô" around one
_NOT = frozenset("khong chua khoi dung thoi mien cha chang deo dau".split())  # noqa: SIM905
_YES = frozenset("có co ok vâng vang ừ u uh um uk duoc được yes dạ".split())  # noqa: SIM905
_NUMERALS = "không một/mot hai ba bốn/bon/tư năm/nam sáu/sau bảy/bay tám/tam chín/chin mười/muoi/chục"
_VALUES = {word: value for value, words in enumerate(_NUMERALS.split()) for word in words.split("/")}
# How an answer's own words turn, the first that one of them is among; what replies say of it is learned for each.
_TURNS = (
    ("no", "khong khoi mien"),
    ("yet", "chua sau dang mai"),
    ("help", "giup nho ho tro tu van mang cho"),
    ("done", "da roi xong"),
    ("will", "se co muon dong tham duoc di den tot rat an"),
)
SAYS = (Label.INSTALLED, Label.NOT_YET, Label.NO_SMARTPHONE, Label.NEED_HELP, Label.REFUSE, Label.QUESTION, Label.UNCLEAR)  # fmt: skip


def bare_words(text: str) -> list[str]:
    """Return the plain words of a text without what is said for politeness."""
    return [word for word in plain_words(text) if word not in POLITE]


@cache
def _concepts() -> Phrases:
    return read_phrases(Path(__file__).parent / "alike_words.txt")


def concepts_of(text: str) -> frozenset[str]:
    """Return the names of what a text says in any words."""
    words = [word for word in split_words(text) if word not in (",", "?")]
    return frozenset[str]().union(*(names for _, names in find_phrases(words, _concepts())))


class _Read:
    """An answer as replies are compared with it: its words, concepts, range of numbers, how it turns."""

    def __init__(self, answer: Answer) -> None:
        self.phrases = [plain_words(words) for words in answer.words]
        self.bare = [
            [word for word in phrase if word in _TELLING or word not in POLITE] for phrase in self.phrases
        ]
        self.concepts = frozenset[str]().union(*map(concepts_of, answer.words))
        self.words = frozenset(word for words in self.bare for word in words) - {"roi", "qua"}
        first = answer.words[0] if answer.words else ""
        said = frozenset(plain_words(first))
        self.turn = next((turn for turn, words in _TURNS if said.intersection(words.split())), "else")
        self.span = _span(first)


def _numbers(text: str) -> list[float]:
    """Return the numbers that a text names, in digits or words; "7h30" and "bảy rưỡi" are 7.5, "2 giờ chiều" is 14 as well."""
    words, found = re.findall(r"\d+|[^\W\d_]+", text.lower()), list[float]()
    for at, word in enumerate(words):
        value = float(word) if word.isdecimal() else float(_VALUES.get(word, -1))
        if not 0 <= value < 1000:
            continue
        if found and words[at - 1] in _HOURS:
            found[-1] += value / 60
        else:
            found.append(value + (0.5 if words[at + 1 : at + 2] in (["rưỡi"], ["ruoi"]) else 0.0))
    is_late = not {"chiều", "chieu", "tối", "đêm"}.isdisjoint(words)
    return found + [hour + 12 for hour in found if is_late and hour < 12]


_HOURS = frozenset(("h", "g", "giờ", "gio"))


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


@lru_cache(maxsize=64)
def _read_answers(asked: Asked) -> list[_Read]:
    """Return the answers with what tells each from the others."""
    read = [_Read(answer) for answer in asked.answers]
    for name in ("words", "concepts"):
        parts = [getattr(each, name) for each in read]
        for n, each in enumerate(read):
            others = set().union(*(part for at, part in enumerate(parts) if at != n))
            setattr(each, name, frozenset(parts[n] - others))
    return read


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
    against = [each.turn in ("no", "yet") for each in _read_answers(asked)]
    if is_yes:
        return None if against[0] else asked.answers[0]
    return asked.answers[against.index(True)] if against.count(True) == 1 else None


# Beside an answer's words these may turn it.
_DOUBTS = """
    neu nhung tuy chac xem hoac hay chang giup can nho don dung tin nhan thoi huy ngung phien eo dech dau gi ai sao nao rang kho xa
    may mai ma con cho chua khong
"""
MOST_WORDS = 10


def _says_words(text: str, asked: Asked) -> Answer | None:
    """Return the answer whose whole words, two or more, a short reply says without a doubt or denial beside them."""
    words = plain_words(text)
    rest = [phrase for phrase, names in find_phrases(words, _phrases_of(asked)) if not names]
    given = {n for n, is_denied in _given_phrases(words, asked).items() if not is_denied}
    said = [phrase for phrase, names in find_phrases(words, _phrases_of(asked)) if names]
    is_clear = (
        len(words) <= MOST_WORDS
        and "?" not in text
        and set(_DOUBTS.split()).isdisjoint(word for part in rest for word in part)
    )
    if len(given) != 1 or not is_clear or max(map(len, said)) < 2:
        return None
    return asked.answers[given.pop()]


def given_plainly(text: str, asked: Asked) -> Answer | None:
    """Return the answer that a reply gives by nothing but its number, its words, or a yes or no."""
    said, bare = plain_words(text), bare_words(text)
    read = _read_answers(asked)
    for answer, each in zip(asked.answers, read, strict=True):
        number = str(answer.number)
        if bare == [number] or said in each.phrases or any(bare == [number, *words] for words in each.bare):
            return answer
    if asked.is_own and (given := _answers_question(text, asked) or _says_words(text, asked)):
        return given
    found = [answer for answer, each in zip(asked.answers, read, strict=True) if bare and bare in each.bare]
    return found[0] if len(found) == 1 else None


def fit_answers(text: str, likely: Mapping[Meaning, float], asked: Asked) -> list[dict[str, float]]:
    """Return for each offered answer what speaks for it, by name; `likely` are the labels' probabilities."""
    said = bare_words(text)
    facts: list[dict[str, float]] = []
    for answer in asked.answers:
        number, fact = str(answer.number), dict[str, float]()
        if number in said:
            fact["number first" if said[0] == number else "number"] = 1.0
        elif said and said[0].isdecimal() and len(said[0]) == 1:
            fact["other number"] = 1.0
        facts.append(fact)
    if asked.is_own:  # what is offered by every menu is learned as labels are
        for fact, names in zip(facts, _compare(text, asked), strict=True):
            fact.update(dict.fromkeys(names, 1.0))
        for fact, read in zip(facts, _read_answers(asked), strict=True):
            fact.update((f"{read.turn} {label}", likely[label]) for label in SAYS)
    return facts


def _compare(text: str, asked: Asked) -> list[set[str]]:
    """Return for each own answer what a reply has of it or of the others: its words, what says the same, numbers, a yes or no."""
    words, read = plain_words(text), _read_answers(asked)
    size = len(bare_words(text))
    length = "short" if size < 4 else "mid" if size < 9 else "long"
    heard, numbers, denies = concepts_of(text), _numbers(text), not _NOT.isdisjoint(words)
    agrees = not denies and not _YES.isdisjoint(split_words(text)[:2])
    given = _given_phrases(words, asked)
    facts = []
    for n, each in enumerate(read):
        names = {f"{each.turn} {'denies' if denies else 'affirms'}"}
        if n in given:
            names.add("denied phrase" if given[n] else f"phrase {length}")
        elif given:
            names.add("other phrase")
        if shared := each.words.intersection(words):
            names |= {"some words" if len(shared) < len(each.words) else "all words", f"words {length}"}
        elif any(other.words.intersection(words) for other in read):
            names.add("other words")
        if each.concepts & heard:
            names.add(f"concept {length}")
        elif any(other.concepts & heard for other in read):
            names.add("other concept")
        if each.span and numbers:
            low, high = each.span
            names.add("in span" if any(low <= number <= high for number in numbers) else "out of span")
        if agrees:
            names |= {f"yes {each.turn}", "yes later" if n else "yes first"}
        if denies and length == "short":
            names.add(f"no {each.turn} short")
        facts.append(names)
    return facts


def _given_phrases(words: Sequence[str], asked: Asked) -> dict[int, bool]:
    """Return which answers' whole words stand in a reply, and whether after a denial: the longest counts, as "không đến được" holds "đến được"."""
    found: dict[int, bool] = {}
    before = ""
    for phrase, names in find_phrases(words, _phrases_of(asked)):
        for name in names:
            found.setdefault(int(name), before in _NOT)
        before = phrase[-1]
    return found


@lru_cache(maxsize=64)
def _phrases_of(asked: Asked) -> Phrases:
    read = enumerate(_read_answers(asked))
    return {phrase: frozenset((str(n),)) for n, each in read for phrase in each.phrases if phrase}
