"""Totals of recipients by answer and of installs: figures by area, list and day are sums of them.

Each change of a recipient's answer or counted install adds rows here, in the same transaction. Rows are only
added, so that no transaction waits for another; the sweep folds them together. `find_differences` counts the
recipients again and compares.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, and_, cast, func, insert, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.models.campaigns import Recipient
from campaigns.models.replies import Answer, AnswerTotal, InstallReport
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from outreach.core.db import delete_rows, fold_rows, is_postgresql
from outreach.models.contacts import ContactList

# Unfolded changes that a campaign may have: a reader adds up that many rows more.
FOLD_BEYOND = 500
_KEY = (
    AnswerTotal.campaign_id,
    AnswerTotal.list_id,
    AnswerTotal.area_code,
    AnswerTotal.answer,
    AnswerTotal.own_answer,
    AnswerTotal.day,
)


class Key(NamedTuple):
    """Key of a total: recipients with equal values are counted together."""

    campaign_id: int
    list_id: int | None
    area_code: str | None
    answer: Label | None
    own_answer: int | None
    day: str | None


class Count(NamedTuple):
    people: int
    installed: int


class RecipientState(NamedTuple):
    """State of a recipient that is counted: the answer, whether an install is counted, and which own answer it is."""

    answer: Label | None
    is_installed: bool
    own_answer: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Key whose stored total differs from the count of recipients."""

    key: Key
    counted: Count
    kept: Count


def add_change(
    session: Session, recipient: Recipient, before: RecipientState, after: RecipientState, *, at: datetime
) -> None:
    """Add the change of a recipient's state to the totals, in the transaction of the change.

    `at`: when an install was reported or withdrawn.
    """
    if before == after or recipient.exclusion is not None:
        return
    group, day = (
        (recipient.campaign_id, recipient.list_id, recipient.area_code),
        at.astimezone(VIETNAM).date(),
    )
    changes = [
        (Key(*group, before.answer, before.own_answer, None), -1, 0),
        (Key(*group, after.answer, after.own_answer, None), 1, 0),
        (Key(*group, None, None, day.isoformat()), 0, after.is_installed - before.is_installed),
    ]
    _store(session, _sum(changes))


def add_recipient(session: Session, recipient_id: int, *, sign: int) -> None:
    """Count a recipient in (1) or out (-1), with its answer and installs, as its row stands now."""
    counted = _count_people(session, Recipient.id == recipient_id)
    _store(session, {key: Count(sign * people, sign * new) for key, (people, new) in counted.items()})


def recount(session: Session, campaign_id: int) -> None:
    """Replace a campaign's totals by a new count, after statements that changed recipients in bulk."""
    delete_totals(session, campaign_id)
    _store(session, _count_people(session, Recipient.campaign_id == campaign_id))


def count_new_audience(session: Session, campaign_id: int, *, after: int = 0) -> int:
    """Store the totals of new recipients, those with an id after this one, without installs. Returns their number."""
    new = (Recipient.campaign_id == campaign_id) & (Recipient.id > after)
    counted = _sum(_count_answers(session, new))
    _store(session, counted)
    return sum(count.people for count in counted.values())


def delete_totals(session: Session, campaign_id: int) -> None:
    """Delete a campaign's totals, as when its launch is undone."""
    delete_rows(session, AnswerTotal, AnswerTotal.campaign_id == campaign_id)


def sum_totals(
    session: Session, campaigns: Collection[int], *by: Any, where: Collection[ColumnElement[bool]] = ()
) -> list[Any]:
    """Return the sums of people and of installs by columns of AnswerTotal and of the lists, which `where` may ask for, too."""
    rows = session.execute(
        select(*by, func.sum(AnswerTotal.people), func.sum(AnswerTotal.installed))
        .outerjoin(ContactList, ContactList.id == AnswerTotal.list_id)
        .where(AnswerTotal.campaign_id.in_(campaigns), *where)
        .group_by(*by)
        .having(or_(func.sum(AnswerTotal.people) != 0, func.sum(AnswerTotal.installed) != 0))
    )
    return [(*key, int(people), int(installed)) for *key, people, installed in rows]


def fold_answer_totals(session: Session) -> int:
    """Fold the changes of campaigns that have many. Returns how many rows that saved."""
    many = session.scalars(
        select(AnswerTotal.campaign_id)
        .where(AnswerTotal.people < 0)
        .group_by(AnswerTotal.campaign_id)
        .having(func.count() > FOLD_BEYOND)
        .order_by(AnswerTotal.campaign_id)
    ).all()
    sums = (AnswerTotal.people, AnswerTotal.installed)
    return sum(
        fold_rows(session, AnswerTotal, _KEY, sums, AnswerTotal.campaign_id == campaign_id)
        for campaign_id in many
    )


def find_differences(session: Session) -> tuple[int, list[Difference]]:
    """Return how many totals there are, and those that differ from a new count.

    Call it within one `db.read()`.
    """
    counted = _count_people(session, Recipient.campaign_id.is_not(None))
    stored = _sum(
        (Key(*row[:6]), *row[6:])
        for row in session.execute(
            select(*_KEY, func.sum(AnswerTotal.people), func.sum(AnswerTotal.installed)).group_by(*_KEY)
        )
    )
    nothing = Count(0, 0)
    wrong = [
        Difference(key, counted.get(key, nothing), stored.get(key, nothing))
        for key in counted.keys() | stored.keys()
        if counted.get(key, nothing) != stored.get(key, nothing)
    ]
    wrong.sort(key=lambda difference: tuple(str(part or "") for part in difference.key))
    return len(counted), wrong


_GROUP_BY = (Recipient.campaign_id, Recipient.list_id, Recipient.area_code)


def _count_answers(session: Session, condition: ColumnElement[bool]) -> list[tuple[Key, int, int]]:
    query = (
        select(*_GROUP_BY, Recipient.answer, Recipient.own_answer, func.count())
        .where(condition, Recipient.exclusion.is_(None))
        .group_by(*_GROUP_BY, Recipient.answer, Recipient.own_answer)
    )
    return [(Key._make((*of_key, None)), people, 0) for *of_key, people in session.execute(query)]


def _count_people(session: Session, condition: ColumnElement[bool]) -> dict[Key, Count]:
    counts = _count_answers(session, condition)
    # No report is in force longer than its answer, or for somebody else than who gave it.
    is_given = and_(Answer.undone_at.is_(None), Answer.recipient_id == Recipient.id)
    is_true = or_(InstallReport.withdrawn_at.is_not(None), is_given)
    for moment, sign in ((InstallReport.reported_at, 1), (InstallReport.withdrawn_at, -1)):
        day = day_sql(session, moment)
        counts += [
            (Key._make((*group, None, None, on)), 0, sign * installed)
            for *group, on, installed in session.execute(
                select(*_GROUP_BY, day, func.count())
                .join(InstallReport, InstallReport.recipient_id == Recipient.id)
                .join(Answer, Answer.id == InstallReport.answer_id)
                .where(condition, Recipient.exclusion.is_(None), moment.is_not(None), is_true)
                .group_by(*_GROUP_BY, day)
            )
        ]
    return _sum(counts)


def day_sql(
    session: Session, moment: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]
) -> ColumnElement[str]:
    """Return the SQL expression for the day of a moment in Vietnam, YYYY-MM-DD."""
    if is_postgresql(session):
        return cast(func.date(func.timezone("Asia/Ho_Chi_Minh", moment)), String)
    return func.date(moment, "+7 hours")


def _sum(counts: Any) -> dict[Key, Count]:
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for key, people, installed in counts:
        sums[key][0] += int(people)
        sums[key][1] += int(installed)
    return {key: Count(*numbers) for key, numbers in sums.items() if any(numbers)}


def _store(session: Session, sums: Mapping[Key, Count]) -> None:
    if sums:
        session.execute(
            insert(AnswerTotal), [{**key._asdict(), **count._asdict()} for key, count in sums.items()]
        )
