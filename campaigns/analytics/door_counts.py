"""Answers at the door of people without a usable number: no answer of a phone is recorded for them, so they are counted here.

Each person counts once over the campaigns of a drive, by what they said last in any of them, as a number of their own would:
that somebody was not met later takes nothing back, nor does a number that is found since, until they answer by it.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from campaigns.models.activities import VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Recipient
from campaigns.models.replies import Answer
from campaigns.replies.one_person import counted_id
from campaigns.rules.replies.labels import NON_ANSWERS
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import Exclusion
from campaigns.rules.visits import VisitOutcome
from outreach.core.db import newest_of_each, read_once
from outreach.models.contacts import ContactList

# Why a campaign writes to none of their numbers, if they have one.
WITHOUT_NUMBER = (Exclusion.NO_PHONE, Exclusion.WRONG_NUMBER)
VISITED_AT = func.coalesce(VisitResult.visited_at, VisitResult.entered_at)


def count_at_the_door(
    session: Session, campaigns: Sequence[int], *, as_of: datetime, seen: ColumnElement[bool] | None
) -> list[tuple[str | None, int | None, VisitOutcome, int, int]]:
    """Count answers in force at a moment, by area, organisation and outcome, and those of them whose people have no number since."""
    if not _is_visited(session, tuple(campaigns)):
        return []
    by = (Recipient.area_code, ContactList.organisation_id, VisitResult.outcome)
    without_number = func.count(Recipient.exclusion)  # whom the counts of numbers do not have
    query = _answers(campaigns, as_of, seen, *by, func.count(), without_number).group_by(*by)
    return [tuple(row) for row in session.execute(query)]


def days_at_the_door(
    session: Session, campaigns: Sequence[int], *, as_of: datetime, seen: ColumnElement[bool] | None
) -> dict[tuple[str | None, date], int]:
    """Count by area and day, in Vietnam, those who said at the door that it is done and have not said otherwise since."""
    days: dict[tuple[str | None, date], int] = {}
    if not _is_visited(session, tuple(campaigns)):
        return days
    query = _answers(campaigns, as_of, seen, Recipient.area_code, VISITED_AT.label("at"))
    for area, at in session.execute(query.where(VisitResult.outcome == VisitOutcome.INSTALLED)):
        key = (area, at.astimezone(VIETNAM).date())
        days[key] = days.get(key, 0) + 1
    return days


@read_once
def _is_visited(session: Session, campaigns: tuple[int, ...]) -> bool:
    """Return whether the campaigns have visit sheets: without any, the statement below cost home a fifth of its time."""
    sheet = select(VisitSheet.id).where(VisitSheet.campaign_id.in_(campaigns)).limit(1)
    return session.scalar(sheet) is not None


def _answers(
    campaigns: Sequence[int], as_of: datetime, seen: ColumnElement[bool] | None, *columns: Any
) -> Select[Any]:
    # An erased person is still one: their lines keep the recipient.
    person = func.coalesce(VisitLine.contact_id, -VisitLine.recipient_id)
    own, other, line = aliased(Recipient), aliased(Recipient), aliased(Recipient)
    # A number that was found since, which a later campaign of the drive counts.
    numbered = (
        other.contact_id == line.contact_id,
        other.campaign_id.in_(campaigns),
        other.exclusion.is_(None),
    )
    answered = exists().where(
        *numbered,
        Answer.recipient_id == other.id,
        Answer.label.not_in(NON_ANSWERS),
        Answer.at <= as_of,
        or_(Answer.undone_at.is_(None), Answer.undone_at > as_of),
    )
    by_number = select(func.min(other.id)).where(
        *numbered, or_(other.joined_at.is_(None), other.joined_at <= as_of)
    )
    last_of_line = (  # a later one on the same sheet corrects it, to nothing as well
        select(func.max(VisitResult.id))
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .join(own, own.id == VisitLine.recipient_id)
        .join(line, line.id == counted_id(own))
        .where(
            line.campaign_id.in_(campaigns),
            line.exclusion.in_(WITHOUT_NUMBER),
            ~answered,
            as_of >= VISITED_AT,
            or_(VisitResult.undone_at.is_(None), VisitResult.undone_at > as_of),
        )
        .group_by(VisitResult.line_id)
    )
    of_last = (VisitResult.id.in_(last_of_line), VisitLine.id == VisitResult.line_id)
    is_answer = (VisitResult.outcome.is_not(None), VisitResult.outcome != VisitOutcome.ABSENT)
    # The last visit counts, whichever sheet was entered last.
    by = (VISITED_AT, VisitResult.id)
    latest = newest_of_each(person, VisitResult.id, by=by, where=(*of_last, *is_answer)).subquery()
    return (
        select(*columns)
        .select_from(VisitResult)
        .join(latest, latest.c.id == VisitResult.id)
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .join(own, own.id == VisitLine.recipient_id)
        .join(line, line.id == counted_id(own))
        .join(Recipient, Recipient.id == func.coalesce(by_number.scalar_subquery(), line.id))
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(true() if seen is None else seen)
    )
