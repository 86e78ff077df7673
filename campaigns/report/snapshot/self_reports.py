"""What people had said of themselves at a moment: each phone once, whichever of the campaigns it answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Subquery

from campaigns.answers.models import Answer, InstallReport
from campaigns.answers.standing import LEAVES_OPEN
from campaigns.models import Recipient
from campaigns.replies.classifier import Label
from campaigns.report.snapshot.figures import Reported
from outreach.people.models import ContactList

Where = tuple[str | None, int | None]  # area, organisation


def count_self_reports(
    session: Session, campaigns: Sequence[int], *, as_of: datetime
) -> dict[Where, Reported]:
    """By area and organisation of the audiences: by event time, so that a later count of the same moment is the same.

    A phone in several campaigns belongs where the first of them wrote to it.
    """
    if not campaigns:
        return {}
    home = _homes(campaigns)
    written: dict[Where, int] = {}
    for area, organisation, count in session.execute(_by_place(home, func.count()).group_by(*_PLACE)):
        written[area, organisation] = count
    found = {where: [count, 0, 0, 0] for where, count in written.items()}
    said = _standing_answers(campaigns, as_of)
    query = _by_place(home, said.c.label, func.count()).join(said, said.c.phone_id == home.c.phone_id)
    for area, organisation, label, count in session.execute(query.group_by(*_PLACE, said.c.label)):
        totals = found[area, organisation]
        totals[1] += count if label == Label.NO_SMARTPHONE else 0
        totals[2] += count
    stood = select(InstallReport.phone_id).where(*_stood(campaigns, as_of)).distinct().subquery()
    query = _by_place(home, func.count()).join(stood, stood.c.phone_id == home.c.phone_id)
    for area, organisation, count in session.execute(query.group_by(*_PLACE)):
        found[area, organisation][3] += count
    return {where: Reported(*totals) for where, totals in found.items()}


def count_installs(session: Session, campaigns: Sequence[int], *, as_of: datetime) -> int:
    """How many phones' reports stood at a moment."""
    query = select(func.count(InstallReport.phone_id.distinct())).where(*_stood(campaigns, as_of))
    return session.scalar(query) or 0


def add_up(parts: Sequence[Reported]) -> Reported:
    """Of places or organisations that have nobody in common."""
    return Reported(
        sum(each.recipients for each in parts),
        sum(each.no_smartphone for each in parts),
        sum(each.answered for each in parts),
        sum(each.reported for each in parts),
    )


_PLACE = (Recipient.area_code, ContactList.organisation_id)


def _homes(campaigns: Sequence[int]) -> Subquery:
    """Each phone that is written to, with the recipient that says where it belongs."""
    return (
        select(Recipient.phone_id, func.min(Recipient.id).label("recipient_id"))
        .where(Recipient.campaign_id.in_(campaigns), Recipient.exclusion.is_(None))
        .group_by(Recipient.phone_id)
        .subquery()
    )


def _by_place(home: Subquery, *more: Any) -> Select[Any]:
    return (
        select(*_PLACE, *more)
        .select_from(home)
        .join(Recipient, Recipient.id == home.c.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
    )


def _standing_answers(campaigns: Sequence[int], as_of: datetime) -> Subquery:
    """Where each phone stood: its last answer that is one (see answers.standing)."""
    turns = (
        select(
            Answer.phone_id,
            Answer.label,
            func.row_number()
            .over(partition_by=Answer.phone_id, order_by=(Answer.at.desc(), Answer.id.desc()))
            .label("turn"),
        )
        .where(
            Answer.campaign_id.in_(campaigns),
            Answer.label.not_in(sorted(LEAVES_OPEN)),
            Answer.at <= as_of,
            or_(Answer.undone_at.is_(None), Answer.undone_at > as_of),
        )
        .subquery()
    )
    return select(turns.c.phone_id, turns.c.label).where(turns.c.turn == 1).subquery()


def _stood(campaigns: Sequence[int], as_of: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        InstallReport.campaign_id.in_(campaigns),
        InstallReport.reported_at <= as_of,
        or_(InstallReport.withdrawn_at.is_(None), InstallReport.withdrawn_at > as_of),
    )
