"""Progress of visits: by village officer for the office, in total for a drive."""

from collections import Counter
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
class VisitCounts:
    """Sheets in numbers of people: `done` have a result other than "nobody met", `absent` were not met, `today` were met today.

    `help`, who need it, and `installed`, who reported it done at the door, are None where they would tell the reader what few
    people answered about their health.
    """

    sheets: list[int] = field(default_factory=list)
    people: int = 0
    done: int = 0
    absent: int = 0
    help: int | None = 0
    installed: int | None = 0
    today: Counter[int] = field(default_factory=Counter)  # by officer

    @property
    def left(self) -> int:
        return self.people - self.done


@dataclass(slots=True)
class OfficerProgress:
    """An officer's sheets; results that others entered for them count, too, but for `today`."""

    officer: User
    counts: VisitCounts
    seen_at: datetime | None = None  # when the phone was last online, None: no phone is signed in
    target: int | None = None  # people a day

    @property
    def today(self) -> int:
        return self.counts.today[self.officer.id]


def read_officers(session: Session, user: User, *, now: datetime) -> list[OfficerProgress]:
    """Return the progress of the village officers of a user's scope: those with the most left first."""
    officers = {officer.id: officer for officer in list_officers(session, user)}
    last = select(UserSession.user_id, func.max(UserSession.seen_at)).where(
        UserSession.user_id.in_(officers), UserSession.ended_at.is_(None), UserSession.kept_until > now
    )
    seen = dict(session.execute(last.group_by(UserSession.user_id)).all())
    given: dict[int, list[int]] = {}
    targets: dict[int, int] = {}
    for officer_id, round_id, target in session.execute(
        select(SheetOfficer.user_id, SheetOfficer.round_id, SheetOfficer.target)
        .where(SheetOfficer.user_id.in_(officers), SheetOfficer.ended_at.is_(None))
        .order_by(SheetOfficer.round_id)
    ):
        given.setdefault(officer_id, []).append(round_id)
        targets[officer_id] = max(targets.get(officer_id, 0), target or 0)
    midnight = now.astimezone(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)
    counts = count_lines(session, set().union(*given.values()), since=midnight)
    hidden = _sheets_hidden_from(session, counts, user)
    found = [
        OfficerProgress(
            officer,
            add_up([counts[each] for each in given.get(officer.id, ())], hidden, is_part=True),
            seen.get(officer.id),
            targets.get(officer.id) or None,
        )
        for officer in officers.values()
    ]
    return sorted(found, key=lambda each: (-each.counts.left, each.officer.name, each.officer.id))


def read_totals(session: Session, drive_id: int, user: User) -> VisitCounts | None:
    """Return the totals of a drive's sheets within a user's scope, None without sheets."""
    sheets = session.scalars(
        select(VisitSheet.id)
        .join(Campaign, Campaign.id == VisitSheet.campaign_id)
        .where(Campaign.drive_id == drive_id, visible_to(session, user, VisitSheet.organisation_id))
    ).all()
    counts = count_lines(session, sheets, people=True)
    return add_up(counts.values(), _sheets_hidden_from(session, counts, user)) if sheets else None


def add_up(counts: Collection[VisitCounts], hidden: Collection[int], *, is_part: bool = False) -> VisitCounts:
    """Return the counts of several sheets together, without what would tell too much of those `hidden`, also by subtraction.

    `is_part`: they stand beside the counts of others and of all, from which they could be taken: of those hidden nothing is told.
    """
    total = VisitCounts()
    for each in counts:
        for name in ("sheets", "people", "done", "absent", "help", "installed", "today"):
            setattr(total, name, getattr(total, name) + getattr(each, name))
    of_hidden = sum(each.people for each in counts if not set(hidden).isdisjoint(each.sheets))
    if of_hidden and (is_part or of_hidden < FEWEST):
        total.help = total.installed = None
    return total


def _sheets_hidden_from(session: Session, sheets: Iterable[int], user: User) -> set[int]:
    """Return the sheets of which a user may not know what single people answered: about health, unless they handle answers."""
    if may_read_answers(user):
        return set()
    of_health = select(VisitSheet.id).join(Campaign, Campaign.id == VisitSheet.campaign_id)
    return set(session.scalars(of_health.where(VisitSheet.id.in_(sheets), Campaign.is_health)))


def count_lines(
    session: Session, sheets: Collection[int], *, since: datetime | None = None, people: bool = False
) -> dict[int, VisitCounts]:
    """Return counts of sheets, visits since `today`; a person of `people` counts on one sheet alone."""
    at = func.coalesce(VisitResult.visited_at, VisitResult.entered_at)
    is_today: ColumnElement[bool] = at >= since if since else false()
    latest = (
        select(VisitResult.line_id, func.max(VisitResult.id).label("id"))
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .where(VisitLine.round_id.in_(sheets), VisitResult.undone_at.is_(None))
        .group_by(VisitResult.line_id)
        .subquery()
    )
    found, today = VisitResult.outcome, case((is_today, 1), else_=0).label("today")
    is_met = case((found.is_(None), 0), (found == VisitOutcome.ABSENT, 1), else_=2)
    person = func.coalesce(VisitLine.contact_id, -VisitLine.recipient_id) if people else VisitLine.id
    turn = func.row_number().over(partition_by=person, order_by=[is_met.desc(), at.desc(), VisitLine.id])
    lines = (
        select(VisitLine.round_id, found, VisitResult.entered_by, today, turn.label("turn"))
        .outerjoin(latest, latest.c.line_id == VisitLine.id)
        .outerjoin(VisitResult, VisitResult.id == latest.c.id)
        .where(VisitLine.round_id.in_(sheets))
        .subquery()
    ).c
    of_sheet = (lines.round_id, lines.outcome, lines.entered_by)
    counted = select(*of_sheet, func.sum(lines.today), func.count()).where(lines.turn == 1)
    rows = session.execute(counted.group_by(*of_sheet))
    counts = {round_id: VisitCounts([round_id]) for round_id in sheets}
    for round_id, outcome, entered_by, n_today, n in rows:
        total = counts[round_id]
        total.people += n
        if outcome is VisitOutcome.ABSENT:
            total.absent += n
        elif outcome is not None:
            total.done += n
            total.today[entered_by] += n_today
            total.help = (total.help or 0) + n * (outcome in (VisitOutcome.NEED_HELP, VisitOutcome.CALL))
            total.installed = (total.installed or 0) + n * (outcome is VisitOutcome.INSTALLED)
    return counts
