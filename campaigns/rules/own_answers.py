"""Answers of a kind's own to its own question: two to nine, each with what it amounts to.

A resident gives one by its button, by its number or by its words; an officer chooses one for them. `read_word` reads
what a button or a form sends, for campaigns without answers of their own as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from campaigns.rules.promises import is_promise
from campaigns.rules.replies.asked import Answer, Asked
from campaigns.rules.replies.labels import NON_ANSWERS, Label
from campaigns.rules.replies.understand import understand
from campaigns.rules.replies.words import plain_words
from outreach.rules.errors import BadCampaign, BadInput

NUMBERS = tuple(str(number) for number in range(1, 10))
# What an own answer may amount to: done, not yet, unable, help, stop.
MEANINGS = (Label.INSTALLED, Label.NOT_YET, Label.NO_SMARTPHONE, Label.NEED_HELP, Label.OPT_OUT)
PARTS = frozenset({"text", "means", "thanks", "reply", "words"})
OPT_OUT_OF_DRIVE = "opt_out_drive"
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """An answer of a kind's own, with other `words` to say it. Without `thanks` or `reply` those of what it amounts to are used."""

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
    def offered(self) -> Answer:
        """Return it as what a reply is read against."""
        return Answer(self.number, (self.text, *self.words), self.means)

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
    answers = tuple(_read_own_answer(number, table[number]) for number in expected)
    if len({" ".join(plain_words(answer.text)) for answer in answers}) < len(answers):
        raise BadCampaign("content_own_answers_alike")
    return answers


def _read_own_answer(number: str, parts: object) -> OwnAnswer:
    if not isinstance(parts, Mapping):
        raise BadCampaign("content_own_answer_wrong", number=number)
    text, means, thanks, reply = (str(parts.get(name, "")) for name in ("text", "means", "thanks", "reply"))
    text, words = text.strip(), parts.get("words", [])
    if set(parts) - PARTS or not text or means not in MEANINGS or not isinstance(words, list):
        raise BadCampaign("content_own_answer_wrong", number=number)
    return OwnAnswer(int(number), Label(means), text, thanks, reply, tuple(map(str, words)))


def own_answer(answers: Sequence[OwnAnswer], number: int | None) -> OwnAnswer | None:
    """Return the own answer of a number, None for another."""
    return next((answer for answer in answers if answer.number == number), None)


def current_own(answers: Sequence[OwnAnswer], label: str | None, number: int | None) -> OwnAnswer | None:
    """Return the own answer that somebody's current answer is; None where it only stands beside the record that it is done."""
    own = own_answer(answers, number)
    return own if own and (label != Label.INSTALLED or own.means is Label.INSTALLED) else None


def counted_own(given: Sequence[tuple[Label, int | None]], content: Mapping[str, Any]) -> int | None:
    """Return the own answer that counts, oldest given first; a promise stays when done (`keeps_said`)."""
    said = [each for each in given if each[0] not in NON_ANSWERS]
    if not said:
        return None
    label, number = said[-1]
    if label is not Label.INSTALLED or number is not None:
        return number
    if not keeps_said(read_own_answers(content)):
        return None
    return next((own for what, own in reversed(said) if (what, own) != (Label.INSTALLED, None)), None)


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


def suggest_own(body: str, label: Label, answers: Sequence[OwnAnswer]) -> OwnAnswer | None:
    """Return the own answer to suggest to an officer for a reply that was read as its label: the likeliest that amounts to it, if one is likely."""
    heard = understand(body, Asked((), answers=tuple(each.offered for each in answers), is_own=True))
    own = own_answer(answers, heard.own)
    if own and (label in NON_ANSWERS or own.means is label):
        return own
    return own_answer(answers, _only_one(label, answers))
