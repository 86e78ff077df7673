"""What residents report over the campaigns of a drive, by place, organisation and day, each number once.

A drive of one campaign is read from stored counters. Where a number may be in several campaigns, the numbers are counted:
each belongs to the place and organisation of its first recipient; its answer is the last one given in any of the campaigns,
and it has reported an install while a report in any of them is in force. People without a usable number who answered at the
door are added, each as a number of their own (`count_at_the_door`): each person once over the campaigns, by what they said last in
any of them. That somebody was not met later takes nothing back, nor does a number that is found since, until they answer by it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import ColumnElement, Select, case, exists, func, or_, select, true
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import Subquery

from campaigns.analytics.reach_counts import Key
from campaigns.answer_totals import sum_totals
from campaigns.models.activities import VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, PageOpen, Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import Answer, AnswerTotal, InstallReport
from campaigns.planning.kinds import find_outside_base
from campaigns.replies.record_answer import counted_id
from campaigns.rules.own_answers import OwnAnswer, keeps_said, read_own_answers, read_word
from campaigns.rules.progress import PlaceCounts
from campaigns.rules.promises import OwnCount, PromisedFigures, read_promised
from campaigns.rules.reach import TAKEN, ReachMeasure
from campaigns.rules.replies.labels import NON_ANSWERS, Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import Exclusion, MessageState
from campaigns.rules.visits import VisitOutcome
from outreach.core.cache import cached_count
from outreach.core.db import newest_of_each, read_once
from outreach.models.contacts import ContactList

# Minimum lifetime of the cached counts of a drive with several campaigns.
MIN_TTL_S = 5.0


class Where(NamedTuple):
    """An area's code and an organisation's id; None where it is not known."""

    area: str | None
    organisation: int | None


@dataclass(frozen=True, slots=True)
class CountScope:
    """The scope of a count: the campaigns, and what the reader may see.

    `seen` is the condition on ContactList.organisation_id under which a row may be read; readers with the same `name` see
    the same rows, so they share a cache entry.
    """

    campaigns: Sequence[Campaign]
    seen: ColumnElement[bool]
    name: str

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(sorted(campaign.id for campaign in self.campaigns))


def scope_key(organisations: set[int] | None) -> str:
    """Return a short key for the set of organisations that a reader sees."""
    if organisations is None:
        return "all"
    return hashlib.sha256(repr(sorted(organisations)).encode()).hexdigest()[:16]


def count_places(
    session: Session, scope: CountScope, *, redis: Redis, now: datetime
) -> dict[Where, PlaceCounts]:
    """Count recipients, answers and installs by place and organisation."""
    midnight = datetime.combine(_day_of(now), time(), VIETNAM)
    ended = midnight - timedelta(microseconds=1)
    if len(scope.ids) == 1:
        counters = _read_counters(session, scope, now=now)

        def count_before() -> dict[str, Any]:
            before = _count_at_the_door(session, scope.ids, as_of=ended, seen=scope.seen)
            return {"rows": [[*where, each.installed] for where, each in before.items() if each.installed]}

        at_the_door = _count_at_the_door(session, scope.ids, as_of=now, seen=scope.seen)
        for where, counts in at_the_door.items():
            counters.setdefault(where, PlaceCounts()).update(replace(counts, today=counts.installed))
        for area, organisation, n in cached(redis, scope, f"door:{midnight:%d}", count_before)["rows"]:
            counters.setdefault(Where(area, organisation), PlaceCounts()).today -= n
        return counters

    def count() -> dict[str, Any]:
        counted = count_reported(session, scope.ids, as_of=now, seen=scope.seen)
        before = count_reported(session, scope.ids, as_of=ended, seen=scope.seen)
        for where, counts in counted.items():
            counts.today = counts.installed - before.get(where, PlaceCounts()).installed
        return {"rows": [[*where, asdict(counts)] for where, counts in counted.items()]}

    return {
        Where(area, organisation): PlaceCounts(**counts)
        for area, organisation, counts in cached(redis, scope, f"places:{midnight:%d}", count)["rows"]
    }


@read_once
def _find_outside(session: Session, campaigns: tuple[int, ...]) -> frozenset[Label]:
    """Return the answers that the base of the campaigns' shares leaves out; a drive's campaigns are of one kind."""
    kind = session.scalar(select(Campaign.kind).where(Campaign.id.in_(campaigns)).limit(1))
    return find_outside_base(session, kind or "")


def _read_counters(session: Session, scope: CountScope, *, now: datetime) -> dict[Where, PlaceCounts]:
    outside = _find_outside(session, scope.ids)
    place = (AnswerTotal.area_code, ContactList.organisation_id)
    counts: dict[Where, PlaceCounts] = {}
    for area, organisation, answer, people, installed in sum_totals(
        session, scope.ids, *place, AnswerTotal.answer, where=[scope.seen]
    ):
        counts.setdefault(Where(area, organisation), PlaceCounts()).update(
            PlaceCounts(
                recipients=people,
                no_smartphone=people if answer in outside else 0,
                answered=people if answer else 0,
                installed=installed,
            )
        )
    today = AnswerTotal.day == _day_of(now).isoformat()
    for area, organisation, _people, new in sum_totals(session, scope.ids, *place, where=[scope.seen, today]):
        counts.setdefault(Where(area, organisation), PlaceCounts()).today = new
    return counts


def count_days(session: Session, scope: CountScope, *, redis: Redis, now: datetime) -> list[tuple[date, int]]:
    """Count reports in force at the end of each day (Vietnam) from the first launch to today or the end."""
    changes: Counter[date] = Counter()
    of_days = [scope.seen, AnswerTotal.day.is_not(None)]
    for changed_on, _people, n in sum_totals(session, scope.ids, AnswerTotal.day, where=of_days):
        changes[date.fromisoformat(changed_on)] += n
    if len(scope.ids) > 1:
        corrections = cached(redis, scope, "days", lambda: _count_repeated(session, scope))
        for changed_on, n in corrections.items():
            changes[date.fromisoformat(changed_on)] += n
    for (_area, done_on), n in days_at_the_door(session, scope.ids, as_of=now, seen=scope.seen).items():
        changes[done_on] += n
    launches = [_day_of(campaign.launched_at) for campaign in scope.campaigns if campaign.launched_at]
    day = min([*launches, *changes])
    last = max([max(_day_of(campaign.ended_at or now) for campaign in scope.campaigns), *changes])
    days, in_force = [], 0
    while day <= last:
        in_force += changes[day]
        days.append((day, in_force))
        day += timedelta(days=1)
    return days


def count_new(
    session: Session, scope: CountScope, *, days: int, now: datetime
) -> dict[str | None, Counter[int]]:
    """Count by area and campaign the new reports, less those withdrawn, of the last days, 0 the first."""
    first = _day_of(now) - timedelta(days=days - 1)
    last = [(first + timedelta(days=n)).isoformat() for n in range(days)]
    by_area: dict[str | None, Counter[int]] = {}
    key, of_last = (AnswerTotal.area_code, AnswerTotal.day), [scope.seen, AnswerTotal.day.in_(last)]
    for area, day, _people, n in sum_totals(session, scope.ids, *key, where=of_last):
        by_area.setdefault(area, Counter())[last.index(day)] += n
    for (area, done_on), n in days_at_the_door(session, scope.ids, as_of=now, seen=scope.seen).items():
        if done_on.isoformat() in last:
            by_area.setdefault(area, Counter())[last.index(done_on.isoformat())] += n
    return by_area


def _count_repeated(session: Session, scope: CountScope) -> dict[str, int]:
    """Return by day what the sum over the campaigns has too many (below 0), as a number reported in several of them."""
    in_scope = (InstallReport.campaign_id.in_(scope.ids), Recipient.exclusion.is_(None), scope.seen)
    several = (
        select(InstallReport.phone_id)
        .where(InstallReport.campaign_id.in_(scope.ids))
        .group_by(InstallReport.phone_id)
        .having(func.count() > 1)
    )
    reports = session.execute(
        select(InstallReport.phone_id, InstallReport.reported_at, InstallReport.withdrawn_at)
        .join(Recipient, Recipient.id == InstallReport.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(*in_scope, InstallReport.phone_id.in_(several))
        .order_by(InstallReport.phone_id)
    )
    corrections: dict[str, int] = {}

    def change(moment: datetime, count: int) -> None:
        day = _day_of(moment).isoformat()
        corrections[day] = corrections.get(day, 0) + count

    for _phone, of_phone in groupby(reports, key=lambda row: row.phone_id):
        moments: list[tuple[datetime, int]] = []
        for _id, reported_at, withdrawn_at in of_phone:
            moments.append((reported_at, 1))
            if withdrawn_at:
                moments.append((withdrawn_at, -1))
        in_force = 0
        # At one moment a report comes before a withdrawal, so that a number that changes campaigns stays counted.
        for moment, step in sorted(moments, key=lambda each: (each[0], -each[1])):
            before, in_force = in_force, in_force + step
            change(moment, (in_force > 0) - (before > 0) - step)
    return corrections


def _day_of(moment: datetime) -> date:
    return moment.astimezone(VIETNAM).date()


def _count_at_the_door(
    session: Session, campaigns: Sequence[int], *, as_of: datetime, seen: ColumnElement[bool] | None
) -> dict[Where, PlaceCounts]:
    """Count those who answered at the door; each is a recipient who answered, counted by a number or else here."""
    outside, places = _find_outside(session, tuple(campaigns)), dict[Where, PlaceCounts]()
    for area, organisation, _of, outcome, n, new in count_at_the_door(
        session, campaigns, as_of=as_of, seen=seen
    ):
        places.setdefault(Where(area, organisation), PlaceCounts()).update(
            PlaceCounts(
                recipients=new,
                no_smartphone=n if outcome.value in outside else 0,
                answered=n,
                at_the_door=new,
                installed=n if outcome is VisitOutcome.INSTALLED else 0,
            )
        )
    return places


def count_reported(
    session: Session, campaigns: Sequence[int], *, as_of: datetime, seen: ColumnElement[bool] | None = None
) -> dict[Where, PlaceCounts]:
    """Count numbers of the audiences by area and organisation, with answers and install reports as of a moment.

    Counted by event time, so that a later count of the same moment gives the same. Without `seen` all lists are read.
    """
    if not campaigns:
        return {}
    outside = _find_outside(session, tuple(campaigns))
    first_recipients = select_first_recipients(campaigns, seen, as_of)

    def by_place(*more: Any, of: Subquery | None = None) -> list[tuple[Where, *tuple[Any, ...]]]:
        """Count the numbers, those that are in `of` where it is given, by place and `more`."""
        query = select_by_place(first_recipients, *more, func.count())
        if of is not None:
            query = query.join(of, of.c.phone_id == first_recipients.c.phone_id)
        rows = session.execute(query.group_by(*_PLACE, *more))
        return [(Where(*row[:2]), *row[2:]) for row in rows]

    totals = {where: PlaceCounts(recipients=n) for where, n in by_place()}
    answers = select_answers_in_force(campaigns, as_of, seen)
    for where, label, n in by_place(answers.c.label, of=answers):
        totals[where].update(PlaceCounts(answered=n, no_smartphone=n if label in outside else 0))
    reports = select(InstallReport.phone_id).where(*reports_in_force(campaigns, as_of))
    reports = _as_seen(reports, InstallReport.recipient_id, seen)
    for where, n in by_place(of=reports.distinct().subquery()):
        totals[where].installed += n
    for where, counts in _count_at_the_door(session, campaigns, as_of=as_of, seen=seen).items():
        totals.setdefault(where, PlaceCounts()).update(counts)
    return totals


def count_installs(session: Session, campaigns: Sequence[int], *, as_of: datetime) -> int:
    """Return how many numbers had an install report in force at a moment."""
    query = select(func.count(InstallReport.phone_id.distinct())).where(*reports_in_force(campaigns, as_of))
    at_the_door = count_at_the_door(session, campaigns, as_of=as_of, seen=None)
    return (session.scalar(query) or 0) + sum(
        n for *_where, outcome, n, _new in at_the_door if outcome is VisitOutcome.INSTALLED
    )


def count_reached(
    session: Session, scope: CountScope, *, redis: Redis, now: datetime
) -> tuple[datetime, dict[Key, int]]:
    """Count the numbers that a message of any campaign has left for, by organisation and area, and when that was counted.

    Of them: those whom one has reached, those whom the base leaves out, and those with an install report in force. Also the
    numbers that opened a page, and those that pressed "install" there.
    """

    def count() -> dict[str, Any]:
        first_recipients = select_first_recipients(scope.ids, scope.seen)
        written = _as_seen(
            select(
                Message.phone_id,
                func.max(case((Message.state == MessageState.DELIVERED, 1), else_=0)).label("arrived"),
            ).where(
                Message.campaign_id.in_(scope.ids), Message.step_id.is_not(None), Message.state.in_(TAKEN)
            ),
            Message.recipient_id,
            scope.seen,
        )
        phones = written.group_by(Message.phone_id).subquery()
        answers = select_answers_in_force(scope.ids, now, scope.seen)
        reports = _as_seen(
            select(InstallReport.phone_id).where(*reports_in_force(scope.ids, now)),
            InstallReport.recipient_id,
            scope.seen,
        )
        installed = reports.distinct().subquery()
        query = (
            select_by_place(
                first_recipients,
                func.count(),
                func.sum(phones.c.arrived),
                func.sum(case((answers.c.label.in_(_find_outside(session, scope.ids)), 1), else_=0)),
                func.count(installed.c.phone_id),
            )
            .join(phones, phones.c.phone_id == first_recipients.c.phone_id)
            .outerjoin(answers, answers.c.phone_id == first_recipients.c.phone_id)
            .outerjoin(installed, installed.c.phone_id == first_recipients.c.phone_id)
            .group_by(*_PLACE)
        )
        rows = [
            [row[1], row[0], measure.value, int(n)]
            for row in session.execute(query)
            for measure, n in zip(_WRITTEN, row[2:], strict=True)
        ]
        opened = select(Recipient.phone_id).join(PageOpen, PageOpen.recipient_id == Recipient.id)
        clicked = select(Recipient.phone_id).where(Recipient.clicked_at.is_not(None))
        for measure, did in ((ReachMeasure.OPENED, opened), (ReachMeasure.CLICKED, clicked)):
            who = did.where(Recipient.campaign_id.in_(scope.ids)).distinct().subquery()
            counted = select_by_place(first_recipients, func.count()).join(
                who, who.c.phone_id == first_recipients.c.phone_id
            )
            for area, organisation, n in session.execute(counted.group_by(*_PLACE)):
                rows.append([organisation, area, measure.value, n])
        return {"at": now.isoformat(), "rows": rows}

    counted = cached(redis, scope, "reached", count)
    return datetime.fromisoformat(counted["at"]), {
        Key(None, organisation, area, ReachMeasure(measure), ""): n
        for organisation, area, measure, n in counted["rows"]
    }


_WRITTEN = (
    ReachMeasure.WRITTEN,
    ReachMeasure.ARRIVED,
    ReachMeasure.WRITTEN_WITHOUT,
    ReachMeasure.WRITTEN_INSTALLED,
)
_PLACE = (Recipient.area_code, ContactList.organisation_id)


def _in_scope(seen: ColumnElement[bool] | None) -> list[ColumnElement[bool]]:
    """Return the condition for recipients from a list that the reader sees; none for a reader who sees all lists."""
    if seen is None or seen.compare(true()):
        return []
    return [Recipient.list_id.in_(select(ContactList.id).where(seen))]


def _as_seen(query: Any, recipient: Any, seen: ColumnElement[bool] | None) -> Any:
    """Limit a query to rows whose recipient came from a list that the reader sees."""
    conditions = _in_scope(seen)
    return query.join(Recipient, Recipient.id == recipient).where(*conditions) if conditions else query


def select_first_recipients(
    campaigns: Sequence[int], seen: ColumnElement[bool] | None, as_of: datetime | None = None
) -> Subquery:
    """Select each number of the audiences, as of a moment or now, with the recipient that says where it belongs."""
    query = select(Recipient.phone_id, func.min(Recipient.id).label("recipient_id")).where(
        Recipient.campaign_id.in_(campaigns), Recipient.exclusion.is_(None), *_in_scope(seen)
    )
    if as_of is not None:
        query = query.where(or_(Recipient.joined_at.is_(None), Recipient.joined_at <= as_of))
    return query.group_by(Recipient.phone_id).subquery()


def select_by_place(first_recipients: Subquery, *more: Any) -> Select[Any]:
    """Select columns by the area and organisation of the numbers' first recipients."""
    return (
        select(*_PLACE, *more)
        .select_from(first_recipients)
        .join(Recipient, Recipient.id == first_recipients.c.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
    )


def select_answers_in_force(
    campaigns: Sequence[int], as_of: datetime, seen: ColumnElement[bool] | None, promising: Sequence[int] = ()
) -> Subquery:
    """Select each number's last answer that counts as one, as of a moment; of `promising` campaigns the last but "done"."""
    in_force: list[ColumnElement[bool]] = [
        Answer.campaign_id.in_(campaigns),
        Answer.label.not_in(sorted(NON_ANSWERS)),
        ~(
            Answer.campaign_id.in_(promising)
            & (Answer.label == Label.INSTALLED)
            & Answer.own_answer.is_(None)
        ),
        Answer.at <= as_of,
        or_(Answer.undone_at.is_(None), Answer.undone_at > as_of),
    ]
    # By the recipient's number: of two numbers of one person the other one's answers count for it as well.
    columns = (Recipient.phone_id, Answer.label, Answer.campaign_id, Answer.own_answer)
    in_force += [Recipient.id == Answer.recipient_id, *_in_scope(seen)]
    return newest_of_each(Recipient.phone_id, *columns, by=(Answer.at, Answer.id), where=in_force).subquery()


def reports_in_force(campaigns: Sequence[int], as_of: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for reports of a moment; who was merged since is one person then, too."""
    return (
        InstallReport.campaign_id.in_(campaigns),
        exists()
        .where(Recipient.id == InstallReport.recipient_id, Recipient.exclusion.is_(None))
        .correlate(InstallReport),
        InstallReport.reported_at <= as_of,
        or_(InstallReport.withdrawn_at.is_(None), InstallReport.withdrawn_at > as_of),
    )


def cached(redis: Redis, scope: CountScope, what: str, count: Any) -> dict[str, Any]:
    key = f"loa:progress:{what}:{'-'.join(map(str, scope.ids))}:{scope.name}"
    return cached_count(redis, key, count, min_ttl_s=MIN_TTL_S)


# Why a campaign writes to none of their numbers, if they have one.
WITHOUT_NUMBER = (Exclusion.NO_PHONE, Exclusion.WRONG_NUMBER)
VISITED_AT = func.coalesce(VisitResult.visited_at, VisitResult.entered_at)


def count_at_the_door(
    session: Session, campaigns: Sequence[int], *, as_of: datetime, seen: ColumnElement[bool] | None
) -> list[tuple[str | None, int | None, int, VisitOutcome, int, int]]:
    """Count answers in force at a moment, by area, organisation, campaign and outcome, and those of them whose people have no number since."""
    if not _is_visited(session, tuple(campaigns)):
        return []
    by = (Recipient.area_code, ContactList.organisation_id, VisitSheet.campaign_id, VisitResult.outcome)
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
        .join(VisitSheet, VisitSheet.id == VisitLine.round_id)
        .join(own, own.id == VisitLine.recipient_id)
        .join(line, line.id == counted_id(own))
        .join(Recipient, Recipient.id == func.coalesce(by_number.scalar_subquery(), line.id))
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(true() if seen is None else seen)
    )


AnswerCounts = Counter[tuple[Label | None, int | None]]


def count_own_answers(
    session: Session,
    campaigns: Sequence[Campaign],
    *,
    as_of: datetime,
    seen: ColumnElement[bool] | None = None,
) -> list[OwnCount]:
    """Count numbers by the own answer that they gave last, as of a moment; empty where no campaign has own answers.

    What people without a number said at the door counts under the own answer that alone amounts to it, as somebody else's does.
    """
    ids = [campaign.id for campaign in campaigns]
    if not (own_answers := _own_answers(campaigns)):
        return []
    # Who is recorded as done still counts under what they said, as `counted_own` says.
    keeping = [each.id for each in campaigns if keeps_said(read_own_answers(each.content))]
    answers = select_answers_in_force(ids, as_of, seen, keeping)
    first_recipients = select_first_recipients(ids, seen, as_of)
    done = select(InstallReport.phone_id).where(*reports_in_force(ids, as_of)).distinct().subquery()
    own = (answers.c.campaign_id, answers.c.own_answer)
    query = (
        select(*own, func.count(), func.count(done.c.phone_id))
        .join(first_recipients, first_recipients.c.phone_id == answers.c.phone_id)
        .outerjoin(done, done.c.phone_id == answers.c.phone_id)
    )
    at_the_door = _own_at_the_door(session, own_answers, ids, as_of=as_of, seen=seen)
    return _by_text(own_answers, [*session.execute(query.group_by(*own)), *at_the_door])


def count_own_of(session: Session, scope: CountScope, *, redis: Redis, now: datetime) -> list[OwnCount]:
    """Count the own answers in force now that a reader may see: those of one campaign are kept as totals."""
    if not (own_answers := _own_answers(scope.campaigns)):
        return []
    if len(scope.ids) == 1:
        counts = count_answers(session, scope.ids, seen=scope.seen)
        at_the_door = _own_at_the_door(session, own_answers, scope.ids, as_of=now, seen=scope.seen)
        return _by_text(own_answers, [*_own_rows(scope.ids[0], counts[scope.ids[0]]), *at_the_door])

    def count() -> dict[str, Any]:
        counts = count_own_answers(session, scope.campaigns, as_of=now, seen=scope.seen)
        return {"rows": [astuple(each) for each in counts]}

    return [OwnCount(*row) for row in cached(redis, scope, "own", count)["rows"]]


def count_answers(
    session: Session, campaigns: Sequence[int], *, seen: ColumnElement[bool]
) -> dict[int, AnswerCounts]:
    """Count the recipients of each campaign by what they answered and which of its own answers; None is not yet."""
    counts = _count_answers_by(AnswerTotal.campaign_id, session, campaigns, seen=seen)
    return {each: counts.get(each, Counter()) for each in campaigns}


def count_answers_by_place(
    session: Session, campaign: int, *, seen: ColumnElement[bool]
) -> dict[str | None, AnswerCounts]:
    """Count a campaign's recipients by the code of their place, then as `count_answers` does; None: place not known."""
    return _count_answers_by(AnswerTotal.area_code, session, [campaign], seen=seen)


def _count_answers_by(
    column: Any, session: Session, campaigns: Sequence[int], *, seen: ColumnElement[bool]
) -> dict[Any, AnswerCounts]:
    counts: dict[Any, AnswerCounts] = {}
    key = (column, AnswerTotal.answer, AnswerTotal.own_answer)
    for value, label, own, people, _installed in sum_totals(session, campaigns, *key, where=[seen]):
        if people:
            counts.setdefault(value, Counter())[label, own] = people
    return counts


def read_promised_of(campaign: Campaign, counts: AnswerCounts, *, done: int) -> PromisedFigures | None:
    """Return the figures of a campaign whose people promise, of what `count_answers` counted and who is recorded as done; None of another."""
    own = _by_text(_own_answers([campaign]), _own_rows(campaign.id, counts))
    recipients = sum(counts.values())
    return read_promised(
        own, recipients=recipients, answered=recipients - counts.get((None, None), 0), done=done
    )


def question_of(campaigns: Sequence[Campaign]) -> str:
    """Return the question that own answers are to, the newest campaign's; "" where none has own answers."""
    asking = [campaign.content for campaign in campaigns if campaign.content.get("own_answers")]
    return str(asking[-1].get("question", "")) if asking else ""


def _own_answers(campaigns: Sequence[Campaign]) -> dict[tuple[int, int | None], OwnAnswer]:
    """Return the own answers by campaign and number, those of the newest campaign first."""
    return {
        (campaign.id, own.number): own
        for campaign in sorted(campaigns, key=lambda each: -each.id)
        for own in read_own_answers(campaign.content)
    }


def _own_at_the_door(
    session: Session,
    own_answers: Mapping[tuple[int, int | None], OwnAnswer],
    campaigns: Sequence[int],
    *,
    as_of: datetime,
    seen: ColumnElement[bool] | None,
) -> list[tuple[int, int | None, int, int]]:
    rows = []
    for *_where, campaign, outcome, n, _new in count_at_the_door(session, campaigns, as_of=as_of, seen=seen):
        label = outcome.label or Label.UNCLEAR  # a visit that met nobody has none, and is not counted
        said = read_word(label, [each for (of, _), each in own_answers.items() if of == campaign])
        rows.append((campaign, said.own, n, n if label is Label.INSTALLED else 0))
    return rows


def _own_rows(campaign: int, counts: AnswerCounts) -> list[tuple[int, int | None, int, int]]:
    return [
        (campaign, own, people, people if label is Label.INSTALLED else 0)
        for (label, own), people in counts.items()
    ]


def _by_text(own_answers: Mapping[tuple[int, int | None], OwnAnswer], rows: Iterable[Any]) -> list[OwnCount]:
    """Add up by text: each campaign of a drive has its own numbers for its answers."""
    counts: dict[str, OwnCount] = {}
    for own in own_answers.values():
        counts.setdefault(own.text, OwnCount(own.text, 0, 0, own.means))
    for campaign, number, people, done in rows:
        if given := own_answers.get((campaign, number)):
            before = counts[given.text]
            counts[given.text] = replace(
                before, people=before.people + int(people), done=before.done + int(done)
            )
    return list(counts.values())
