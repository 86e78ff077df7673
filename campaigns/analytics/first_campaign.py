"""The first campaign as a list of steps, each done when the user has really done it: read from what they did, as recorded."""

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import BigInteger, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign
from outreach.core.bulk import values_subquery
from outreach.models.accounts import AuditEvent


class FirstStep(StrEnum):
    """Step of a first campaign, in order."""

    LIST = "list"
    TEXT = "text"
    TEST = "test"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SENT = "sent"
    ANSWERED = "answered"
    REPORT = "report"


_BY_ACTION = {
    "upload.confirm": FirstStep.LIST,
    "contacts.import": FirstStep.LIST,
    "campaign.create": FirstStep.TEXT,
    "message.test": FirstStep.TEST,
    "campaign.submit": FirstStep.SUBMITTED,
    "case.answer": FirstStep.ANSWERED,
    "case.finish": FirstStep.ANSWERED,
    "case.label": FirstStep.ANSWERED,
    "report.download": FirstStep.REPORT,
    "report.prepare": FirstStep.REPORT,
    "report.issue": FirstStep.REPORT,
    "reach.export": FirstStep.REPORT,
}


def read_first_steps(session: Session, users: Collection[int]) -> dict[int, set[FirstStep]]:
    """Return the steps that each of these users has done."""
    done: dict[int, set[FirstStep]] = {user_id: set() for user_id in users}
    ids = values_subquery(session, users, BigInteger)
    acted = select(AuditEvent.actor_id, AuditEvent.action).where(
        AuditEvent.actor_id.in_(ids), AuditEvent.action.in_(_BY_ACTION)
    )
    for user_id, action in session.execute(acted.distinct()):
        done[user_id or 0].add(_BY_ACTION[action])
    own = select(
        Campaign.created_by, Campaign.approved_at.is_not(None), Campaign.launched_at.is_not(None)
    ).where(Campaign.created_by.in_(ids))
    for user_id, is_approved, is_sent in session.execute(own.distinct()):
        done[user_id] |= {
            *([FirstStep.APPROVED] if is_approved else ()),
            *([FirstStep.SENT] if is_sent else ()),
        }
    return done
