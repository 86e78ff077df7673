"""Where recipients stand, for their page. Those who ask while a look-up is under way share the next one: a
campaign's links are opened in the minutes after it was sent, by thousands."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, and_, select
from sqlalchemy.exc import DBAPIError

from campaigns.models import Campaign, Recipient
from outreach.bulk import listed_later
from outreach.db import Database
from outreach.people.models import Phone, Suppression, SuppressionReason

_STANDINGS = (
    select(
        Recipient.id,
        Recipient.campaign_id,
        Campaign.launched_at,
        Campaign.corrected_at,
        Recipient.list_id,
        Recipient.answer,
        Recipient.clicked_at,
        Phone.language,
        Suppression.id.label("left_alone"),
    )
    .join(Campaign, Campaign.id == Recipient.campaign_id)
    .join(Phone, Phone.id == Recipient.phone_id)
    .outerjoin(
        Suppression,
        and_(
            Suppression.phone_id == Recipient.phone_id,
            Suppression.reason == SuppressionReason.OPT_OUT,
            Suppression.lifted_at.is_(None),
        ),
    )
    # Without a contact the person was erased.
    .where(Recipient.exclusion.is_(None), Recipient.contact_id.is_not(None))
)


@dataclass(slots=True)
class _Question:
    recipient_id: int
    is_answered: bool = False
    standing: Row[Any] | None = None
    error: Exception | None = None


class Standings:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._turn = Lock()
        self._waiting: deque[_Question] = deque()
        self._connection: Connection | None = None
        ids = listed_later("ids", BigInteger, is_postgresql=db.is_postgresql)
        self._statement: Any = _STANDINGS.where(Recipient.id.in_(ids))

    def find(self, recipient_id: int) -> Row[Any] | None:
        """The recipient's row with its campaign's launch and an opt-out, if any; None for nobody who is written to."""
        question = _Question(recipient_id)
        self._waiting.append(question)
        with self._turn:
            if not question.is_answered:
                self._answer([self._waiting.popleft() for _ in range(len(self._waiting))])
        if question.error:
            raise question.error
        return question.standing

    def _answer(self, questions: list[_Question]) -> None:
        try:
            found = self.find_all([question.recipient_id for question in questions])
        except Exception as error:
            for question in questions:
                question.error, question.is_answered = error, True
            return
        for question in questions:
            question.standing, question.is_answered = found.get(question.recipient_id), True

    def find_all(self, ids: list[int]) -> dict[int, Row[Any]]:
        """As `find`, for many at once and by their ids. Nobody else may ask meanwhile."""
        if self._connection is not None:
            try:
                return self._ask(self._connection, ids)
            except DBAPIError:
                # The database was started anew meanwhile; if it is away, the next try says so.
                self._connection.invalidate()
                self._connection.close()
                self._connection = None
        self._connection = self._db.connect_for_glances()
        return self._ask(self._connection, ids)

    def _ask(self, connection: Connection, ids: list[int]) -> dict[int, Row[Any]]:
        try:
            found = connection.execute(self._statement, {"ids": json.dumps(ids)})
            return {row.id: row for row in found}
        finally:
            connection.rollback()
