"""Goals and denominators as they stood at a moment, and how they came to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.goals.goal import Denominator, Goal, Goals, Scope, Subject, standing_denominator
from campaigns.goals.models import DenominatorEntry, GoalEntry
from campaigns.models import Campaign
from outreach.access.models import User


def read_goals(session: Session, *, at: datetime, kind: str | None = None) -> Goals:
    """All goals and denominators in force at a moment, of one kind of campaign or of all, but for campaigns' own.

    What was entered later, even of an earlier day, is not among them: a figure can be computed again as it was.
    """
    wanted = [
        (table.scope != Scope.AUDIENCE, *([table.kind == kind] if kind else ()))
        for table in (GoalEntry, DenominatorEntry)
    ]
    return _in_force(session, *wanted, at=at)


def read_campaign_goals(
    session: Session, campaigns: Iterable[int], *, at: datetime | None = None
) -> dict[int, Goal]:
    """By campaign: the goal that its own file set, with its denominator, as of a moment or as they stand."""
    ids = list(campaigns)
    wanted = [
        (table.scope == Scope.AUDIENCE, table.campaign_id.in_(ids)) for table in (GoalEntry, DenominatorEntry)
    ]
    found = _in_force(session, *wanted, at=at).goals
    return {subject.campaign: goal for subject, goal in found.items() if subject.campaign is not None}


def read_staff_goal(session: Session, *, at: datetime) -> Goal | None:
    """The goal of all agencies' staff, of whichever kind it was set last: agencies hand in for one thing at a time."""
    found = [
        goal
        for subject, goal in read_goals(session, at=at).goals.items()
        if subject.scope is Scope.STAFF and subject.organisation is None
    ]
    return max(found, key=lambda goal: goal.entered_at, default=None)


def campaign_subject(campaign: Campaign) -> Subject:
    """Whom a campaign's own goal is about: those that it writes to."""
    return Subject(campaign.kind, Scope.AUDIENCE, campaign=campaign.id)


def read_history(session: Session, subject: Subject) -> tuple[list[Goal | None], list[Denominator]]:
    """All that was ever set and entered about a subject, the latest first; None where a goal was ended."""
    goals = [
        goal
        for row, author in _rows(session, GoalEntry, about(GoalEntry, subject))
        for goal in [_goal(row, author)]
    ]
    entered = [
        _denominator(row, author)
        for row, author in _rows(session, DenominatorEntry, about(DenominatorEntry, subject))
    ]
    return goals[::-1], entered[::-1]


def _in_force(
    session: Session,
    goal_rows: tuple[ColumnElement[bool], ...],
    denominator_rows: tuple[ColumnElement[bool], ...],
    *,
    at: datetime | None,
) -> Goals:
    entered: dict[Subject, list[Denominator]] = {}
    for row, author in _rows(session, DenominatorEntry, denominator_rows, at=at):
        entered.setdefault(row.subject, []).append(_denominator(row, author))
    standing = {subject: standing_denominator(history) for subject, history in entered.items()}
    denominators = {subject: found for subject, found in standing.items() if found}
    last = {row.subject: _goal(row, author) for row, author in _rows(session, GoalEntry, goal_rows, at=at)}
    goals = {
        subject: replace(goal, denominator=denominators.get(subject))
        for subject, goal in last.items()
        if goal
    }
    return Goals(goals, denominators)


def _rows(
    session: Session,
    table: type[GoalEntry] | type[DenominatorEntry],
    wanted: Iterable[ColumnElement[bool]],
    *,
    at: datetime | None = None,
) -> list[tuple[Any, str]]:
    query = (
        select(table, User.name, User.email)
        .outerjoin(User, User.id == table.entered_by)
        .where(*wanted, *([table.entered_at <= at] if at else ()))
        .order_by(table.id)
    )
    return [(row, name or email or "") for row, name, email in session.execute(query)]


def about(
    table: type[GoalEntry] | type[DenominatorEntry], subject: Subject
) -> tuple[ColumnElement[bool], ...]:
    """The condition that a row is about a subject."""
    # IS NOT DISTINCT FROM: most of a subject's columns are NULL.
    return (
        table.kind == subject.kind,
        table.scope == subject.scope,
        table.area_code.is_not_distinct_from(subject.area),
        table.organisation_id.is_not_distinct_from(subject.organisation),
        table.campaign_id.is_not_distinct_from(subject.campaign),
    )


def _goal(row: GoalEntry, author: str) -> Goal | None:
    if row.share is None:
        return None
    deadline = date.fromisoformat(row.deadline) if row.deadline else None
    return Goal(row.subject, row.share, deadline, row.basis, author, row.entered_at)


def _denominator(row: DenominatorEntry, author: str) -> Denominator:
    return Denominator(row.value, date.fromisoformat(row.as_of), row.source, author, row.entered_at)
