"""Progress of visits: by village officer for the office, in total for a drive; and what random checks leave of a drive's self-reports."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from redis import Redis
from sqlalchemy import ColumnElement, and_, case, exists, false, func, or_, select, true
from sqlalchemy.orm import Session

from campaigns.analytics.progress_counts import MIN_TTL_S, count_at_the_door, scope_key
from campaigns.cases.handle_case import may_read_answers
from campaigns.models.activities import SheetOfficer, VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import AnswerSource, InstallReport
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.small_counts import FEWEST
from campaigns.rules.visits import (
    CorrectedCount,
    VillageChecks,
    VisitOutcome,
    VisitReason,
    are_enough,
    correct,
)
from outreach.accounts.permissions import organisations_of, visible_to
from outreach.accounts.village_officers import list_officers
from outreach.core.cache import cached_count
from outreach.models.accounts import User, UserSession
from outreach.models.contacts import ContactList


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


# What is true or not at the door; nobody met, a refusal and a wish for peace say neither.
_CONFIRMED = (VisitOutcome.INSTALLED,)
_CLEAR = (
    *_CONFIRMED,
    VisitOutcome.NOT_YET,
    VisitOutcome.NO_SMARTPHONE,
    VisitOutcome.NEED_HELP,
    VisitOutcome.CALL,
)


def read_corrected(
    session: Session, drive_id: int, user: User | None, *, as_of: datetime, redis: Redis | None = None
) -> CorrectedCount | None:
    """Return what is left of a drive's self-reports as of a moment, each phone once; None with too few checks.

    Within the user's scope; of all without a user. With `redis` the count of the reports is kept as `cached_count` does.
    """
    seen = visible_to(session, user, ContactList.organisation_id) if user else true()
    in_scope = (Campaign.drive_id == drive_id, Recipient.exclusion.is_(None), seen)
    in_force = (
        func.coalesce(VisitResult.visited_at, VisitResult.entered_at) <= as_of,
        or_(VisitResult.undone_at.is_(None), VisitResult.undone_at > as_of),
    )
    latest = (
        select(func.max(VisitResult.id).label("id"))
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .where(VisitLine.why == VisitReason.CHECK, *in_force)
        .group_by(VisitResult.line_id)
        .subquery()
    )
    checks = session.execute(
        select(
            Recipient.area_code,
            VisitLine.round_id,
            func.sum(case((VisitResult.outcome.in_(_CONFIRMED), 1), else_=0)),
            func.count(),
        )
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .join(latest, latest.c.id == VisitResult.id)
        .join(Recipient, Recipient.id == VisitLine.recipient_id)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(*in_scope, VisitResult.outcome.in_(_CLEAR))
        .group_by(Recipient.area_code, VisitLine.round_id)
    ).all()
    villages = [VillageChecks(checked, int(confirmed)) for _area, _sheet, confirmed, checked in checks]
    if not are_enough(villages):  # the reports themselves, of which there may be a million, need not be read
        return None
    is_checked = exists().where(
        VisitLine.recipient_id == Recipient.id,
        VisitLine.why == VisitReason.CHECK,
        VisitResult.line_id == VisitLine.id,
        *in_force,
        VisitResult.outcome.in_(_CLEAR),
    )
    is_own = InstallReport.source.in_((AnswerSource.SMS, AnswerSource.PAGE))
    # A phone that reported in several campaigns counts once, as on the leader's page: as unchecked only if it nowhere is.
    by_phone = (
        select(
            InstallReport.phone_id,
            func.min(case((and_(is_own, ~is_checked), 1), else_=0)).label("is_unchecked"),
        )
        .join(Recipient, Recipient.id == InstallReport.recipient_id)
        .join(Campaign, Campaign.id == InstallReport.campaign_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(
            *in_scope,
            InstallReport.reported_at <= as_of,
            or_(InstallReport.withdrawn_at.is_(None), InstallReport.withdrawn_at > as_of),
        )
        .group_by(InstallReport.phone_id)
        .subquery()
    )
    query = select(func.count(), func.coalesce(func.sum(by_phone.c.is_unchecked), 0)).select_from(by_phone)

    def count() -> dict[str, list[int]]:
        return {"counts": [int(n) for n in session.execute(query).one()]}

    whose = scope_key(organisations_of(session, user)) if user else "all"
    key = f"loa:unchecked:{drive_id}:{whose}"
    counted = cached_count(redis, key, count, min_ttl_s=MIN_TTL_S) if redis else count()
    reported, unchecked = counted["counts"]
    ids = session.scalars(select(Campaign.id).where(Campaign.drive_id == drive_id)).all()
    reported += sum(
        n
        for *_where, outcome, n, _new in count_at_the_door(session, ids, as_of=as_of, seen=seen)
        if outcome is VisitOutcome.INSTALLED
    )
    return correct(reported, unchecked, villages)
