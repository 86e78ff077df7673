"""What officers taught: replies with the label that a person gave them, for the classifier's test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.answers.models import Handling, Reply
from campaigns.replies.classifier import Label

# A number that somebody wrote down: six digits and more, however they are set apart.
_NUMBER = re.compile(r"\d(?:[ .\-]?\d){5,}")


@dataclass(frozen=True, slots=True)
class Example:
    """`suggested` and `confidence` are the classifier's at the time."""

    text: str
    label: Label
    suggested: Label
    confidence: float


def read_examples(session: Session, *, corrected_only: bool = False) -> Iterator[Example]:
    """One for each reply that a person has given a label, by the latest that stands. Numbers in them are zeros."""
    rows = session.execute(
        select(Reply.id, Reply.body, Handling.label, Reply.label, Reply.confidence)
        .join(Handling, Handling.reply_id == Reply.id)
        .where(Handling.undone_at.is_(None))
        .order_by(Reply.id, Handling.id)
    )
    latest = {id_: (body, label, suggested, confidence) for id_, body, label, suggested, confidence in rows}
    for body, label, suggested, confidence in latest.values():
        if not corrected_only or label is not suggested:
            yield Example(without_numbers(" ".join(body.split())), label, suggested, confidence)


def without_numbers(text: str) -> str:
    """The text with every digit of a written-down number as 0."""
    return _NUMBER.sub(lambda found: re.sub(r"\d", "0", found[0]), text)
