"""Answers of a kind's own to its own question: two to nine, each with what it amounts to.

A resident gives one by its button, by its number or by its words; an officer chooses one for them. `read_word` reads
what a button or a form sends, for campaigns without answers of their own as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from campaigns.rules.promises import is_promise
from campaigns.rules.replies.context import bare_answer
from campaigns.rules.replies.labels import NON_ANSWERS, Label
from campaigns.rules.replies.understand import Understanding
from campaigns.rules.replies.words import split_words, unaccent_word
from outreach.rules.errors import BadCampaign, BadInput

NUMBERS = tuple(str(number) for number in range(1, 10))
# What an own answer may amount to: done, not yet, unable, help, stop.
MEANINGS = (Label.INSTALLED, Label.NOT_YET, Label.NO_SMARTPHONE, Label.NEED_HELP, Label.OPT_OUT)
PARTS = frozenset({"text", "means", "thanks", "reply", "words"})
OPT_OUT_OF_DRIVE = "opt_out_drive"
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """An answer of a kind's own. Without `thanks` or `reply` those of what it amounts to are used.

    `words`: other ways to say it; an answer that has some is given by them, and not by what it amounts to.
    """

    number: int
    means: Label
    text: str
    thanks: str = ""
    reply: str = ""
    words: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        """Return what a button or a form sends for it."""
        return own_word(self.number)

    @property
    def is_promise(self) -> bool:
        """Return whether it promises to come, which is not yet done."""
        return self.means is Label.NOT_YET and is_promise(self.text)


def own_word(number: int) -> str:
    """Return what a button or a form sends for the own answer of a number."""
    return f"own-{number}"


class GivenAnswer(NamedTuple):
    """Answer of somebody: a label, which of the campaign's own answers, and whether an opt-out is from the drive alone."""

    label: Label
    own: int | None = None
    drive_only: bool = False


def read_own_answers(content: Mapping[str, Any]) -> tuple[OwnAnswer, ...]:
    """Read the own answers of a content, by their numbers from 1 on without a gap; () if it has none. Raises BadCampaign."""
    if not (table := content.get("own_answers")):
        return ()
    if not isinstance(table, Mapping):
        raise BadCampaign("content_part_not_table", name="own_answers")
    table = {number: parts for number, parts in table.items() if parts is not False}  # the kind's, left out
    expected = list(NUMBERS[: len(table)])
    if sorted(table) != expected or len(table) < _FEWEST:
        raise BadCampaign("content_own_answers_count")
    answers = []
    for number in expected:
        parts = table[number]
        if not isinstance(parts, Mapping) or set(parts) - PARTS:
            raise BadCampaign("content_own_answer_wrong", number=number)
        text, means = str(parts.get("text", "")).strip(), str(parts.get("means", ""))
        if not text or means not in MEANINGS:
            raise BadCampaign("content_own_answer_wrong", number=number)
        thanks, reply = (str(parts.get(name, "")) for name in ("thanks", "reply"))
        words = parts.get("words", [])
        if not isinstance(words, list):
            raise BadCampaign("content_own_answer_wrong", number=number)
        answers.append(OwnAnswer(int(number), Label(means), text, thanks, reply, tuple(map(str, words))))
    if len({_plain(answer.text) for answer in answers}) < len(answers):
        raise BadCampaign("content_own_answers_alike")
    return tuple(answers)


def own_answer(answers: Sequence[OwnAnswer], number: int | None) -> OwnAnswer | None:
    """Return the own answer of a number, None for another."""
    return next((answer for answer in answers if answer.number == number), None)


def current_own(answers: Sequence[OwnAnswer], label: str | None, number: int | None) -> OwnAnswer | None:
    """Return the own answer that somebody's current answer is; None where it only stands beside the record that it is done."""
    own = own_answer(answers, number)
    return own if own and (label != Label.INSTALLED or own.means is Label.INSTALLED) else None


def counted_own(given: Sequence[tuple[Label, int | None]], content: Mapping[str, Any]) -> int | None:
    """Return the number of the own answer that counts for somebody who has given these answers, oldest first.

    Who is recorded as done still counts as having promised it (`keeps_said`).
    """
    said = [each for each in given if each[0] not in NON_ANSWERS]
    if not said:
        return None
    label, number = said[-1]
    if label is not Label.INSTALLED or number is not None:
        return number
    if all(label is Label.INSTALLED for label, _number in said) or not keeps_said(read_own_answers(content)):
        return None
    return next(number for label, number in reversed(said) if label is not Label.INSTALLED)


def keeps_said(answers: Sequence[OwnAnswer]) -> bool:
    """Return whether who is recorded as done keeps what they said: one of the own answers promises it, or none says that it is done."""
    return any(each.is_promise for each in answers) or all(
        each.means is not Label.INSTALLED for each in answers
    )


def read_word(word: str, answers: Sequence[OwnAnswer]) -> GivenAnswer:
    """Return what a button's or a form's word says: a label, `own-N` or `opt_out_drive`. Raises BadInput."""
    if word == OPT_OUT_OF_DRIVE:
        return GivenAnswer(Label.OPT_OUT, drive_only=True)
    for answer in answers:
        if word == answer.value:
            return GivenAnswer(answer.means, answer.number)
    try:
        label = Label(word)
    except ValueError:
        raise BadInput("choice_not_understood") from None
    # Who is recorded as done where others promise has not said so: it stands beside what they said.
    is_record = label is Label.INSTALLED and keeps_said(answers)
    return GivenAnswer(label, None if is_record else _only_one(label, answers))


def without_stale_words(
    content: Mapping[str, Any], kind: Mapping[str, Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a content whose own answers have no words of the kind's answer that they have replaced."""
    own, changed = content.get("own_answers"), changes.get("own_answers")
    if not isinstance(own, Mapping) or not isinstance(changed, Mapping):
        return dict(content)
    before = kind.get("own_answers") or {}
    stale = {
        number
        for number, parts in changed.items()
        if isinstance(parts, Mapping)
        and "words" not in parts
        and parts.get("text", "") not in ("", before.get(number, {}).get("text"))
    }
    kept = {
        number: {name: part for name, part in parts.items() if name != "words"} if number in stale else parts
        for number, parts in own.items()
    }
    return {**content, "own_answers": kept}


def _only_one(label: Label, answers: Sequence[OwnAnswer]) -> int | None:
    """Return the number of the own answer that alone amounts to a label."""
    alike = [answer.number for answer in answers if answer.means is label]
    return alike[0] if len(alike) == 1 else None


# What people write around a number or the words of an answer.
_POLITE = """
    da a ah vang thua nhe nha nhi em toi minh con chau co chu bac ong
    ba gia dinh xin chon so cau phuong an dap tra loi y kien la nhan bam
"""
_AROUND = frozenset(_POLITE.split())


def find_own_answer(body: str, answers: Sequence[OwnAnswer]) -> OwnAnswer | None:
    """Return the one that a reply gives by its number or by its words, None if it is neither or says more."""
    said, bare = _plain(body), _bare(body)
    for answer in answers:
        if said == _plain(answer.text) or bare in (
            str(answer.number),
            f"{answer.number} {_bare(answer.text)}",
        ):
            return answer
    found = [answer for answer in answers if bare and bare == _bare(answer.text)]
    return found[0] if len(found) == 1 else None


def _bare(text: str) -> str:
    return " ".join(word for word in _plain(text).split() if word not in _AROUND)


def read_among(
    body: str,
    meant: Understanding,
    answers: Sequence[OwnAnswer],
    translated: Sequence[OwnAnswer] = (),
    *,
    asked: str = "",
) -> tuple[Understanding, int | None]:
    """Return what a reply means where a campaign has answers of its own, and the number of the one that it gives.

    `translated` are the same answers in the resident's language; `asked` is the campaign's message to which it replies.
    The menu's numbers are those of the own answers. A reply that is understood as done, not yet or unable counts only if
    one answer alone amounts to that; else an officer chooses.
    """
    found = None if meant.is_urgent else find_own_answer(body, answers) or find_own_answer(body, translated)
    is_hidden = meant.by_rules in _NEVER_HIDDEN or (meant.label in _NEVER_HIDDEN and meant.is_automatic)
    if not found and not meant.is_urgent and not is_hidden:
        found = find_by_words(body, answers)
        if not found and (bare := bare_answer(body)):
            given = _asks_for(asked, answers)[not bare.is_yes]
            if given and not bare.is_clear:
                return meant._replace(label=given.means, confidence=0.5, is_automatic=False), given.number
            found = given
    if found:
        return Understanding.by_gateway(found.means), found.number
    if _plain(body).isdecimal():
        return meant._replace(label=Label.UNCLEAR, is_automatic=False), None
    own = _only_one(meant.label, answers)
    if any(answer.number == own and answer.words for answer in answers):
        return meant._replace(is_automatic=False), own  # "chưa" is no promise
    if own is None and meant.label in (Label.INSTALLED, Label.NOT_YET, Label.NO_SMARTPHONE):
        return meant._replace(is_automatic=False), None
    return meant, own


# What an answer's words may not hide: a wish to be left alone is more than "không đến được".
_NEVER_HIDDEN = frozenset({Label.OPT_OUT, Label.WRONG_NUMBER})
_MOST_WORDS = 14
_DOUBTS = frozenset(
    "neu nhung tuy chac xem hoac hay khong chua chang giup can nho don dung tin nhan thoi huy ngung phien".split()  # noqa: SIM905
)
# They turn a promise around: "có đi được đâu", "có đi làm ăn xa".
_UNLIKELY = frozenset("eo dech dau gi ai sao nao rang kho vang xa".split())  # noqa: SIM905
_ON_TIME = ("dung gio", "dung hen", "dung lich", "dung ngay")  # "dung" is no "đừng" there

# "vang" is "vâng" and "vắng", "da" is "dạ" and "đã": without accents they are a yes before a comma or who speaks.
_CLEAR_YES = frozenset(("vâng", "dạ", "ok", ","))
_YES = _CLEAR_YES | {"vang", "da", "ạ", "a"}
_SPEAKER = frozenset("toi tui em con chau minh co chu bac ong ba anh chi".split())  # noqa: SIM905
_WHEN = frozenset("mai sang chieu hom nay ngay".split())  # noqa: SIM905
_CLOSE = frozenset("a nhe nha nhi nghe".split())  # noqa: SIM905


def _after_yes(body: str) -> list[str] | None:
    """Return the plain words after the yes with which a reply begins, None if it begins with none."""
    written = split_words(body.lower(), _CLEAR_YES)
    first = next((at for at, word in enumerate(written) if word not in _YES), len(written))
    after = [unaccent_word(word) for word in written[first:] if word not in (",", "?")]
    if not first or written[0] == ",":
        return None
    is_clear = not _CLEAR_YES.isdisjoint(written[:first])
    return after if is_clear or (after and after[0] in _SPEAKER | {"se"}) else None


def _promised_after_yes(after: Sequence[str], answers: Sequence[OwnAnswer]) -> OwnAnswer | None:
    """Return the one promise that "vâng, tôi đi" gives: nothing but who, when, what "sẽ …" of its words says and a polite end."""
    promises = [answer for answer in answers if answer.words and answer.means is Label.NOT_YET]
    if len(promises) != 1:
        return None
    what = list(after)
    while what and what[0] in _SPEAKER | _WHEN:
        del what[0]
    while what and what[-1] in _CLOSE:
        del what[-1]
    return promises[0] if f"se {' '.join(what)}" in map(_plain, promises[0].words) else None


def find_by_words(body: str, answers: Sequence[OwnAnswer], *, may_doubt: bool = False) -> OwnAnswer | None:
    """Return the one own answer that a short reply gives in other words, None where a doubt or a denial is left.

    With `may_doubt` it is one to suggest: "đi được nhưng đến trễ". Longer words are read first: "không đến được" holds "đến được".
    """
    after_yes = _after_yes(body)
    said = _plain(body).split() if after_yes is None else list(after_yes)
    for words in _ON_TIME:
        if (at := _place_of(words.split(), said)) is not None:
            del said[at : at + 2]
    if len(said) > _MOST_WORDS or "?" in body:
        return None
    phrases = [(_plain(word).split(), answer) for answer in answers for word in (answer.text, *answer.words)]
    given = {}
    for phrase, answer in sorted(phrases, key=lambda each: -len(each[0])):
        if (at := _place_of(phrase, said)) is not None:
            given[answer.number] = answer
            said[at : at + len(phrase)] = [","]  # what stood on both sides of it are no neighbours now
    if not given and after_yes:
        return _promised_after_yes(after_yes, answers)
    if len(given) != 1 or not (may_doubt or _DOUBTS.isdisjoint(said)):
        return None
    (answer,) = given.values()
    return None if answer.means is Label.NOT_YET and not _UNLIKELY.isdisjoint(said) else answer


_ENDS_SENTENCE = re.compile(r"[.!;:](?:\s|$)|\n")


def _asks_for(asked: str, answers: Sequence[OwnAnswer]) -> tuple[OwnAnswer | None, OwnAnswer | None]:
    """Return which answers a yes and a no give to a message's one question, (None, None) if it has no such question.

    The question is in words of the answer that a yes gives: "có đến được không?"; "có bận không?" is not.
    """
    nothing = None, None
    before, *after = asked.split("?")
    question = _plain(_ENDS_SENTENCE.split(before)[-1]).split()
    while question and question[-1] in _AROUND:
        question.pop()
    if len(after) != 1 or question[-1:] != ["khong"]:
        return nothing
    with_words = [answer for answer in answers if answer.words]
    denials = [answer for answer in with_words if "khong" in _plain(answer.text).split()]
    promises = [answer for answer in with_words if answer not in denials]
    if len(promises) != 1 or len(denials) != 1:
        return nothing

    def holds(answer: OwnAnswer) -> bool:
        return any(_place_of(_plain(words).split(), question) is not None for words in answer.words)

    return (promises[0], denials[0]) if holds(promises[0]) and not holds(denials[0]) else nothing


def suggest_own(body: str, label: Label, answers: Sequence[OwnAnswer]) -> OwnAnswer | None:
    """Return the own answer to suggest to an officer for a reply that was read as its label: one that it may well give."""
    own = own_answer(answers, _only_one(label, answers))
    bare = bare_answer(body)
    is_bare = (
        own is not None and bare is not None and bare.is_yes is ("khong" not in _plain(own.text).split())
    )
    if is_bare or label in _NEVER_HIDDEN or label is Label.NEED_HELP:
        return own if is_bare else None
    return find_by_words(body, answers, may_doubt=True)


def _place_of(phrase: Sequence[str], words: Sequence[str]) -> int | None:
    ends = len(words) - len(phrase) + 1
    return next((at for at in range(ends) if list(words[at : at + len(phrase)]) == list(phrase)), None)


def has_help_third(content: Mapping[str, Any]) -> bool:
    """Return whether a content's suggested message has help as its third answer: no answer before it says that one is unable."""
    unable = (content.get("answers") or {}).get(Label.NO_SMARTPHONE) or {}
    return not unable.get("reply") and not content.get("own_answers")


def read_third(body: str, meant: Understanding) -> Understanding:
    """Return what a reply means where help is third in the menu; "4", as in older texts, asks for it as well."""
    return Understanding.by_gateway(Label.NEED_HELP) if _bare(body) == "3" else meant


# A wish to be left alone by this drive alone; what is said less clearly is an opt-out from everything.
_STOP = (
    r"(?:(?:tc|tu choi|stop|huy)(?: (?:nhan|tin))*"
    r"|(?:thoi|ngung|dung|khong)(?: (?:muon|can|em|toi|cho))* (?:nhan|gui|nhac)(?: (?:tin|nhan|nua|them|em|toi|cho))*)"
)
_THIS = r"(?:cua |ve |trong )?(?:rieng )?(?:dot|chien dich|viec|vu|chuyen)(?: van dong)? nay"
_DRIVE_ONLY = re.compile(rf"(?:da |xin )?{_STOP} (?:rieng |chi )?{_THIS}(?: (?:thoi|a|nhe|nha|nua))*")


def is_of_drive_only(body: str) -> bool:
    """Return whether an opt-out is from this drive alone: "TC đợt này", "không nhận tin về việc này nữa"."""
    return _DRIVE_ONLY.fullmatch(_plain(body)) is not None


def _plain(text: str) -> str:
    words = split_words(text.lower(), frozenset())
    return " ".join(unaccent_word(word) for word in words if word not in (",", "?"))
