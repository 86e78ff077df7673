"""What a message asked: its action and thing, and the answers it offers, as the words of a reply are read against them; how a reply fits each answer."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import chain, pairwise, product
from pathlib import Path
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.words import plain_words, split_words, unaccent_word
from outreach.rules.errors import BadInput

_TAGS = VERB, THING, OTHER, DONE = "VERB", "THING", "OTHER", "DONE"
"""Placeholders, so that what was learned of one question holds for another: its action, its thing, what does not count, "done" in a word."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that a message offers: its number, the words that give it, and the label it amounts to; None for one of its own."""

    number: int
    words: tuple[str, ...]
    means: Label | None = None


# How an answer's own words turn, the first that one of them is among; what replies say of it is learned for each.
_TURNS = {
    "unsure": "chưa biết|chưa chắc|chưa quyết|chưa rõ|chưa chọn|không biết|ý kiến|tùy|sao cũng|xem|suy nghĩ|bàn thêm|hỏi thêm|khác",
    "bad": "không hài lòng|chưa hài lòng|không tốt|chưa tốt|không thích|tệ|kém|xấu|chậm|dở|đắt|sập",
    "good": "hài lòng|tốt|nhanh|đẹp|an toàn|ngon|hay|thích",
    "fair": "bình thường|tạm|trung bình|chập chờn|yếu",
    "no": "không|khỏi|miễn|vắng|nghỉ|bỏ|từ chối|thôi|bận",
    "yet": "chưa|sau|đang|mai|hoãn",
    "help": "giúp|nhờ|hỗ trợ|tư vấn|mang|tại nhà|tận nhà|đến nhà|tới nhà",
    "done": "đã|rồi|xong",
    "will": "sẽ|có|muốn|đồng|tham gia|dự|được|đi|đến|tới|cần",
    "else": "",
}
TURNS = (*_TURNS, "any")


@lru_cache(maxsize=1_000)
def turn_of(answer: Answer) -> str:
    """Return how an answer turns: to no, to done, to help and so on."""
    said = " ".join(split_words(answer.words[0])) if answer.words else ""
    for turn, words in _TURNS.items():
        pattern = "|".join(map(unaccent_word, words.split("|"))) if said.isascii() else words
        if turn == "else" or re.search(rf"\b(?:{pattern})\b", said):
            break
    return turn


@dataclass(frozen=True)
class Asked:
    """What was asked, in words with their accents. `a/b_c` in a phrase is either a or "b c".

    `other_things` are names of what is often done instead and does not count. `is_own`: the answers are the campaign's own, and
    stand in place of the menu's labels.
    """

    verbs: tuple[str, ...]
    done: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    other_things: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    question: str = ""
    is_own: bool = False
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        # Once, as every reply is looked up by it.
        parts = (self.verbs, self.done, self.things, self.other_things, self.answers, self.question)
        object.__setattr__(self, "_hash", hash(parts))

    def __hash__(self) -> int:
        return self._hash


MENU = (
    Answer(1, ("đã xong", "xong rồi"), Label.INSTALLED),
    Answer(2, ("chưa xong", "chưa"), Label.NOT_YET),
    Answer(3, ("không có điện thoại thông minh",), Label.NO_SMARTPHONE),
    Answer(4, ("cần giúp",), Label.NEED_HELP),
)


def _listed(words: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in words.split("|"))


BLUEZONE = Asked(
    _listed(
        """cài | cài đặt | cài app | cài vô | cài hoài | cài mãi | tải | tải về | tải xuống | tải mãi | quét mã | cài nó
        | cài cái đó/này/ni/nớ | down | down về | download | install | installing | set up | setup"""
    ),
    _listed("installed | downloaded | done installing | finished installing"),
    _listed("bluezone | blue zone | blu zone | blue zon | blu zon | app | apps | ứng dụng | phần mềm"),
    _listed(
        """zalo | ncovi | facebook | fb | messenger | tiktok | youtube | vssid | vneid | gmail | momo | game | camera | win
        | sổ sức khỏe | tiêm | vaccine | khai báo | khai báo y tế | viettel | báo thức | tải phim | tải nhạc | tải game
        | ngân hàng"""
    ),
    MENU,
)
# Words of questions and answers that tell nothing of what is asked.
_COMMON = frozenset(
    """
    ông bà anh chị em cô chú bác cháu con tôi mình gia đình nhà quý vị có không chưa đã sẽ đang được phải là thì mà và hay hoặc của
    cho với ở tại trong ngoài vào ra lên về từ đến nay này đó kia nào gì ai mấy bao nhiêu khi lúc giờ ngày thứ tuần tháng năm sáng chiều tối
    rồi xong cần muốn giúp xin vui lòng trả lời nhắn nhấn số tin chọn bấm để theo bằng các những một hai ba bốn người nếu nhé ạ
    biết hết còn chỉ cũng rất hơn nữa thôi vẫn do vì việc
    """.split()  # noqa: SIM905
)


def read_question(question: str, answers: Sequence[Answer]) -> Asked:
    """Return what a question asks that has no vocabulary of its own: its answers tell the action, its other words the thing."""

    def told(text: str) -> list[str]:
        words = (word for word in split_words(text) if word not in (",", "?"))
        return [word for word in words if word not in _COMMON and not word.isdecimal()]

    shared = told(question)
    verbs = dict.fromkeys(word for answer in answers for text in answer.words for word in told(text))
    things = [word for word in dict.fromkeys(shared) if word not in verbs]
    return Asked(tuple(verbs), (), tuple(things), (), tuple(answers), question, is_own=True)


def read_asked(data: bytes) -> tuple[Asked, str]:
    """Return what a JSON object of `text`, `question` and `answers` (each with `number`, `words` and perhaps `means`) asks, and its text. Raises BadInput."""
    try:
        parts = json.loads(data)
        answers = [
            Answer(
                int(each["number"]),
                (str(each["words"]),),
                Label(each["means"]) if each.get("means") else None,
            )
            for each in parts["answers"]
        ]
        return read_question(str(parts.get("question", "")), answers), str(parts.get("text", ""))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput("asked_file_wrong") from error


Phrases = Mapping[str, Mapping[tuple[str, ...], frozenset[str]]]
"""Names of phrases by their words, those that begin with a word together."""


def spellings(phrase: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of a phrase in all ways that count: each word with its accents or without any; after `!` only with them."""
    for choice in product(*(word.split("/") for word in phrase.replace("!", "").split())):
        words = split_words(" ".join(choice).replace("_", " "))
        plain = [unaccent_word(word) for word in words]
        yield from [words] if "!" in phrase else product(*map(dict.fromkeys, zip(words, plain, strict=True)))


def index_phrases(tables: Iterable[tuple[str, Iterable[str]]]) -> Phrases:
    """Return the names of all phrases, of each the tables that hold it."""
    found: dict[str, dict[tuple[str, ...], frozenset[str]]] = {}
    for name, phrases in tables:
        for words in filter(None, chain.from_iterable(map(spellings, phrases))):
            here = found.setdefault(words[0], {})
            here[words] = here.get(words, frozenset()) | {name}
    return found


def read_phrases(path: Path) -> Phrases:
    """Return the phrases of a file: `name: phrase | phrase`, several on a line with ";" between."""
    lines = path.read_text(encoding="utf-8").splitlines()
    tables = (table.split(":", 1) for line in lines if line[:1] != "#" for table in line.split(";"))
    return index_phrases((name.strip(), phrases.split("|")) for name, phrases in tables)


LONGEST_PHRASE = 6


def find_phrases(words: Sequence[str], *tables: Phrases) -> Iterator[tuple[Sequence[str], frozenset[str]]]:
    """Yield the words in order, each longest phrase of a table with its names, each other word alone with none."""
    at = 0
    while at < len(words):
        size, names = 1, frozenset[str]()
        if heads := [table[words[at]] for table in tables if words[at] in table]:
            for longest in range(min(LONGEST_PHRASE, len(words) - at), 0, -1):
                key = tuple(words[at : at + longest])
                if any(key in head for head in heads):
                    size, names = longest, frozenset[str]().union(*(head.get(key, ()) for head in heads))
                    break
        yield words[at : at + size], names
        at += size


@lru_cache(maxsize=256)
def _phrases(asked: Asked) -> Phrases:
    tables = ((VERB, asked.verbs), (THING, asked.things), (OTHER, asked.other_things), (DONE, asked.done))
    return index_phrases(tables)


@lru_cache(maxsize=20_000)
def _is_near(word: str, asked: Asked) -> bool:
    """Return whether a word is a slip of one of the asked things: "bluzonee"."""
    return any(Levenshtein.normalized_similarity(word, thing) > 0.7 for thing in asked.things)


_CIVIL_BEFORE, _CIVIL_AFTER = frozenset(("dạ", ",")), frozenset(("ạ", "nhé", "nha", "nhe", ","))


def tag_words(text: str, asked: Asked) -> list[str]:
    """Return the words of a reply without civilities, those of what was asked as placeholders; the longest phrase counts."""
    found: list[str] = []
    for words, names in find_phrases(split_words(text), _phrases(asked)):
        tag = next((tag for tag in _TAGS if tag in names), words[0])
        found.append(THING if len(tag) > 4 and not names and _is_near(tag, asked) else tag)
    while len(found) > 1 and found[-1] in _CIVIL_AFTER:
        found.pop()
    while len(found) > 1 and found[0] in _CIVIL_BEFORE:
        del found[0]
    return found


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
        elif (value := _amount_of(word)) is not None:
            unit = 1.0
            found[-1:] = [found[-1] + value / 60] if found and before in _HOURS else [*found[-1:], value]
    is_late = not {"chiều", "chieu", "tối", "đêm"}.isdisjoint(words)
    return found + [hour + 12 for hour in found if is_late and hour < 12]


def _amount_of(word: str) -> float | None:
    """Return the amount that a word or its digits name, if any."""
    if word in _VALUES:
        return float(_VALUES[word])
    return float(word) if word.isdecimal() and len(word) < _MOST_DIGITS else None


_MOST_DIGITS = 6  # from which on a number is no amount
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
