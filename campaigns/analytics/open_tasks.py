"""What needs a person now, within a user's scope; each part is a few reads by index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, exists, func, select
from sqlalchemy.orm import Session

from campaigns.delivery.deciding import CAMPAIGN_OF_ATTEMPT, DECIDE_AFTER
from campaigns.messages import Attempt
from campaigns.models import Campaign, CampaignDecision, CampaignVersion, Switch
from campaigns.states import AttemptState, CampaignState
from campaigns.stopping import STOP_ALL
from outreach.access.models import User
from outreach.access.users import visible_to
from outreach.people.models import ContactList, ImportIssue, ListImport

SHOWN = 10


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """`by_user`: the user wrote it. `unknown`: requests whose outcome nobody saw; `undecided` of them are old."""

    id: int
    name: str
    pause_reason: str = ""
    submitted_at: datetime | None = None
    by_user: bool = False
    unknown: int = 0
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class ImportLine:
    id: int
    list_id: int
    list_name: str
    file_name: str
    rows: int


def read_submitted(session: Session, user: User) -> list[CampaignLine]:
    """Campaigns that wait for an approver, the oldest first."""
    rows = session.execute(
        select(Campaign.id, Campaign.name, Campaign.submitted_at, Campaign.created_by)
        .where(Campaign.state == CampaignState.SUBMITTED, visible_to(session, user, Campaign.organisation_id))
        .order_by(Campaign.submitted_at)
        .limit(SHOWN)
    )
    return [
        CampaignLine(row.id, row.name, submitted_at=row.submitted_at, by_user=row.created_by == user.id)
        for row in rows
    ]


def read_decided(session: Session, user: User) -> list[CampaignLine]:
    """Campaigns that are approved and wait for somebody to send them, the oldest first."""
    rows = session.execute(
        select(Campaign.id, Campaign.name)
        .where(Campaign.state == CampaignState.APPROVED, visible_to(session, user, Campaign.organisation_id))
        .order_by(Campaign.approved_at)
        .limit(SHOWN)
    )
    return [CampaignLine(row.id, row.name) for row in rows]


def read_returned(session: Session, user: User) -> list[CampaignLine]:
    """The user's own drafts that an approver sent back, the newest first."""
    sent_back = exists().where(
        CampaignVersion.campaign_id == Campaign.id,
        CampaignDecision.version_id == CampaignVersion.id,
        CampaignDecision.reason != "",
    )
    rows = session.execute(
        select(Campaign.id, Campaign.name)
        .where(Campaign.state == CampaignState.DRAFT, Campaign.created_by == user.id, sent_back)
        .order_by(Campaign.id.desc())
        .limit(SHOWN)
    )
    return [CampaignLine(row.id, row.name) for row in rows]


def read_paused(session: Session, user: User) -> list[CampaignLine]:
    """Campaigns that stand still until someone lets them go on."""
    rows = session.execute(
        select(Campaign.id, Campaign.name, Campaign.pause_reason)
        .where(Campaign.state == CampaignState.PAUSED, visible_to(session, user, Campaign.organisation_id))
        .order_by(Campaign.id.desc())
        .limit(SHOWN)
    )
    return [CampaignLine(row.id, row.name, pause_reason=row.pause_reason) for row in rows]


def read_unknown(session: Session, user: User, *, now: datetime) -> list[CampaignLine]:
    """Campaigns with requests whose outcome nobody saw."""
    is_old = case((Attempt.claimed_at < now - DECIDE_AFTER, 1), else_=0)
    rows = session.execute(
        select(
            Campaign.id,
            Campaign.name,
            func.count().label("unknown"),
            func.sum(is_old).label("undecided"),
        )
        .join(Attempt, Campaign.id == CAMPAIGN_OF_ATTEMPT)
        .where(Attempt.state == AttemptState.UNKNOWN, visible_to(session, user, Campaign.organisation_id))
        .group_by(Campaign.id, Campaign.name)
        .order_by(Campaign.id.desc())
        .limit(SHOWN)
    )
    return [CampaignLine(row.id, row.name, unknown=row.unknown, undecided=row.undecided) for row in rows]


def read_imports_to_review(session: Session, user: User) -> list[ImportLine]:
    """Imports with rows that wait for a decision, the newest first."""
    rows = session.execute(
        select(ListImport.id, ContactList.id, ContactList.name, ListImport.file_name, func.count())
        .join(ImportIssue, ImportIssue.import_id == ListImport.id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .where(
            ImportIssue.status == "review",
            ImportIssue.decision.is_(None),
            visible_to(session, user, ContactList.organisation_id),
        )
        .group_by(ListImport.id, ContactList.id, ContactList.name, ListImport.file_name)
        .order_by(ListImport.id.desc())
        .limit(SHOWN)
    )
    return [ImportLine(*row) for row in rows]


def read_current(session: Session, user: User) -> list[Campaign]:
    """Campaigns under way: sending, paused or waiting for their hour."""
    under_way = (CampaignState.SENDING, CampaignState.PAUSED, CampaignState.SCHEDULED)
    return list(
        session.scalars(
            select(Campaign)
            .where(Campaign.state.in_(under_way), visible_to(session, user, Campaign.organisation_id))
            .order_by(Campaign.id.desc())
            .limit(SHOWN)
        )
    )


def is_empty(session: Session, user: User, owner: Any) -> bool:
    """Whether the user sees no row at all; `owner` is the column of its organisation."""
    return session.execute(select(owner).where(visible_to(session, user, owner)).limit(1)).first() is None


def who_stopped(session: Session) -> tuple[str, datetime] | None:
    """Who turned the switch that stops all sending, and when; None while it is off."""
    row = session.execute(
        select(User.name, User.email, Switch.turned_at)
        .join(User, User.id == Switch.turned_by)
        .where(Switch.name == STOP_ALL)
    ).first()
    return (row.name or row.email, row.turned_at) if row else None
