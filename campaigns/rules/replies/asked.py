"""What a message asked: its action and thing, and the answers it offers, as the words of a reply are read against them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, product
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.words import split_words, unaccent_word
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
