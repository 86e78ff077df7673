"""Progress of visits: by village officer for the office, in total for a drive."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, case, false, func, select
from sqlalchemy.orm import Session

from campaigns.cases.handle_case import may_read_answers
from campaigns.models.activities import SheetOfficer, VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.small_counts import FEWEST
from campaigns.rules.visits import VisitOutcome
from outreach.accounts.permissions import visible_to
from outreach.accounts.village_officers import list_officers
from outreach.models.accounts import User, UserSession


@dataclass(slots=True)
class OfficerProgress:
    """An officer's sheets in numbers of people. `done` have a result other than "nobody met"; `today` were met today.

    Results that others entered for the sheet count as done, too; `today` are the officer's own.
    """

    officer: User
    seen_at: datetime | None = None  # when the phone was last online, None: no phone is signed in
    sheets: list[int] = field(default_factory=list)
    people: int = 0
    done: int = 0
    absent: int = 0
    help: int | None = 0  # None: so few people of a campaign about health that it would tell who
    today: int = 0
    target: int | None = None  # people a day

    @property
    def left(self) -> int:
        return self.people - self.done


@dataclass(frozen=True, slots=True)
class VisitTotals:
    """A drive's visits: people on sheets, with a result, not met, who need help, who reported it done at the door.

    The last two are None where they would tell the reader what few people answered about their health.
    """

    sheets: int
    people: int
    done: int
    absent: int
    help: int | None
    installed: int | None


def read_officers(session: Session, user: User, *, now: datetime) -> list[OfficerProgress]:
    """Return the progress of the village officers of a user's scope: those with the most left first."""
    found = {officer.id: OfficerProgress(officer) for officer in list_officers(session, user)}
    seen = select(UserSession.user_id, func.max(UserSession.seen_at)).where(
        UserSession.user_id.in_(found), UserSession.ended_at.is_(None), UserSession.kept_until > now
    )
    for officer_id, seen_at in session.execute(seen.group_by(UserSession.user_id)):
        found[officer_id].seen_at = seen_at
    given = session.execute(
        select(SheetOfficer.user_id, SheetOfficer.round_id, SheetOfficer.target)
        .where(SheetOfficer.user_id.in_(found), SheetOfficer.ended_at.is_(None))
        .order_by(SheetOfficer.round_id)
    ).all()
    midnight = now.astimezone(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    counts = count_lines(session, {round_id for _officer, round_id, _target in given}, since=midnight)
    hidden = _sheets_hidden_from(session, counts, user)
    for officer_id, round_id, target in given:
        progress, of_sheet = found[officer_id], counts.get(round_id, SheetCounts())
        progress.sheets.append(round_id)
        progress.people += of_sheet.people
        progress.done += of_sheet.done
        progress.absent += of_sheet.absent
        progress.help = (progress.help or 0) + of_sheet.help
        progress.today += of_sheet.today.get(officer_id, 0)
        progress.target = max(progress.target or 0, target or 0) or None
    for each in found.values():
        if each.people < FEWEST and hidden & {*each.sheets}:
            each.help = None
    return sorted(found.values(), key=lambda each: (-each.left, each.officer.name, each.officer.id))


def read_totals(session: Session, drive_id: int, user: User, *, now: datetime) -> VisitTotals | None:
    """Return the totals of a drive's sheets within a user's scope, None without sheets."""
    sheets = session.scalars(
        select(VisitSheet.id)
        .join(Campaign, Campaign.id == VisitSheet.campaign_id)
        .where(Campaign.drive_id == drive_id, visible_to(session, user, VisitSheet.organisation_id))
    ).all()
    if not sheets:
        return None
    counts = count_lines(session, sheets)
    people, done, absent, needs_help, installed = (
        sum(getattr(each, name) for each in counts.values())
        for name in ("people", "done", "absent", "help", "installed")
    )
    if people < FEWEST and _sheets_hidden_from(session, counts, user):
        return VisitTotals(len(sheets), people, done, absent, None, None)
    return VisitTotals(len(sheets), people, done, absent, needs_help, installed)


def _sheets_hidden_from(session: Session, sheets: Iterable[int], user: User) -> set[int]:
    """Return the sheets of which a user may not know what single people answered: about health, unless they handle answers."""
    if may_read_answers(user):
        return set()
    of_health = select(VisitSheet.id).join(Campaign, Campaign.id == VisitSheet.campaign_id)
    return set(session.scalars(of_health.where(VisitSheet.id.in_(sheets), Campaign.is_health)))


@dataclass(slots=True)
class SheetCounts:
    """A sheet's people: with a result other than "nobody met", not met, who need help, who reported it done; and who were met today."""

    people: int = 0
    done: int = 0
    absent: int = 0
    help: int = 0
    installed: int = 0
    today: dict[int, int] = field(default_factory=dict)  # by officer


def count_lines(
    session: Session, sheets: Collection[int], *, since: datetime | None = None
) -> dict[int, SheetCounts]:
    """Return the counts of sheets by their ids; `today` are the visits since a moment."""
    counts = {
        round_id: SheetCounts(people)
        for round_id, people in session.execute(
            select(VisitLine.round_id, func.count())
            .where(VisitLine.round_id.in_(sheets))
            .group_by(VisitLine.round_id)
        )
    }
    at = func.coalesce(VisitResult.visited_at, VisitResult.entered_at)
    is_today: ColumnElement[bool] = at >= since if since else false()
    latest = (
        select(func.max(VisitResult.id).label("id"))
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .where(VisitLine.round_id.in_(sheets), VisitResult.undone_at.is_(None))
        .group_by(VisitResult.line_id)
        .subquery()
    )
    rows = session.execute(
        select(
            VisitLine.round_id,
            VisitResult.outcome,
            VisitResult.entered_by,
            func.sum(case((is_today, 1), else_=0)),
            func.count(),
        )
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .join(latest, latest.c.id == VisitResult.id)
        .where(VisitResult.outcome.is_not(None))
        .group_by(VisitLine.round_id, VisitResult.outcome, VisitResult.entered_by)
    )
    for round_id, outcome, entered_by, today, n in rows:
        of_sheet = counts[round_id]
        if outcome is VisitOutcome.ABSENT:
            of_sheet.absent += n
        else:
            of_sheet.done += n
        if outcome in (VisitOutcome.NEED_HELP, VisitOutcome.CALL):
            of_sheet.help += n
        if outcome is VisitOutcome.INSTALLED:
            of_sheet.installed += n
        if outcome is not VisitOutcome.ABSENT:
            of_sheet.today[entered_by] = of_sheet.today.get(entered_by, 0) + today
    return counts
