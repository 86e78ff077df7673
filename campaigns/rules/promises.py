"""Promises: whether an answer is one rather than says that it is done, and the figures of campaigns whose people promise."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.rules.replies.labels import Label
from outreach.rules.segments import unaccent

# Each also without its accents, where the whole text has none.
_AGREED = "hứa|dự định|định đi|định đến|nhận lời|đồng ý|đăng ký|hẹn"
_WILL = f"sẽ|{_AGREED}|ngày mai|tuần sau|hôm đó"
_ABLE = "có đến|có đi|đến được|đi được|dự được|tham gia được|tiêm được"
_NOT = rf"sẽ (?:không|chưa)|(?:không|chưa|chẳng)(?: \w+){{0,2}} (?:{_AGREED}|{_ABLE})"
_DONE = "đã|rồi|xong|vừa"
_DONE_PROMISING = "đã (?:hẹn|hứa|nhận lời|đồng ý|đăng ký)"


def is_promise(text: str) -> bool:
    """Return whether a text promises: "Tôi sẽ đến", "Tôi đã đăng ký"; "Tôi đã tiêm theo hẹn" and "Tôi chưa đi được" do not."""
    said = text.lower()

    def has(words: str) -> bool:
        spelled = unaccent(words) if said.isascii() else words
        return re.search(rf"\b(?:{spelled})\b", said) is not None

    promises = has("sẽ") or has(_DONE_PROMISING) or (has(f"{_WILL}|{_ABLE}") and not has(_DONE))
    return promises and not has(_NOT)


@dataclass(frozen=True, slots=True)
class OwnCount:
    """How many people gave an own answer, by its text; `done`: of them those who are recorded as done. `means`: its label."""

    text: str
    people: int
    done: int = 0
    means: str = ""

    @property
    def is_promise(self) -> bool:
        return self.means == Label.NOT_YET and is_promise(self.text)


@dataclass(frozen=True, slots=True)
class PromisedFigures:
    """What people answered where some answer promises: `answers` that do not say that it is done, promises first.

    `done` are those recorded as done, of whom `kept` had promised it. Who was recorded without having answered is in `done` alone.
    """

    recipients: int
    answers: tuple[OwnCount, ...]
    others: int
    unanswered: int
    done: int
    kept: int


def read_promised(
    counts: Sequence[OwnCount], *, recipients: int, answered: int, done: int
) -> PromisedFigures | None:
    """Return the figures of own answers of which some promise; None where none does."""
    promised = tuple(each for each in counts if each.is_promise)
    if not promised:
        return None
    undone = tuple(each for each in counts if not each.is_promise and each.means != Label.INSTALLED)
    unasked = done - sum(each.done for each in counts)
    return PromisedFigures(
        recipients,
        promised + undone,
        others=max(0, answered - unasked - sum(each.people for each in counts)),
        unanswered=recipients - answered,
        done=done,
        kept=sum(each.done for each in promised),
    )


def short_answer(text: str) -> str:
    """Return an answer as it is told of somebody: "sẽ đến" for "Tôi sẽ đến"; one that does not begin so as it is."""
    of_self = re.match(r"(?:gia đình )?tôi (?:xin )?", text, re.IGNORECASE)
    return text[of_self.end() :] if of_self else text
