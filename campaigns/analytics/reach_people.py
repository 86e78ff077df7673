"""The people behind a campaign's figures of sending: a condition for the directory."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, exists, func, literal, select
from sqlalchemy.orm import Session

from campaigns.cases.conversation import visible_campaigns
from campaigns.models.campaigns import Recipient, Step
from campaigns.models.messages import Attempt, Message
from campaigns.rules.reach import RESULTS, Result
from outreach.models.accounts import User
from outreach.models.contacts import Contact
from outreach.rules.errors import NotFound


def has_result(
    session: Session,
    user: User,
    campaign_id: int | None,
    result: Result,
    *,
    step: int | None = None,
    opened: Collection[int] = (),
) -> ColumnElement[bool]:
    """Return the condition that this became of a contact in a campaign; of messages, those of one step by its number.

    Raises NotFound for a campaign that the user may not see; for `opened` see `visible_campaigns`: that somebody was left
    out may tell what they answered.
    """
    if campaign_id not in dict(visible_campaigns(session, user, opened=opened)):
        raise NotFound("campaign_not_found")
    parts: list[ColumnElement[bool]] = [Recipient.exclusion.is_(None)]
    if result.name == "excluded":
        parts = [Recipient.exclusion == result.detail]
    elif result.name == "unanswered":
        parts.append(Recipient.answer.is_(None))
    elif result.name in RESULTS:
        parts.append(_has_message(campaign_id, result, step))
    return exists(
        select(literal(1)).where(
            Recipient.campaign_id == campaign_id, Recipient.contact_id == Contact.id, *parts
        )
    )


def _has_message(campaign_id: int | None, result: Result, step: int | None) -> ColumnElement[bool]:
    parts = [
        Message.recipient_id == Recipient.id,
        Message.campaign_id == campaign_id,
        Message.step_id.is_not(None),
        Message.state.in_(RESULTS[result.name]),
    ]
    if step:
        of_campaign = Step.campaign_id == campaign_id
        parts.append(Message.step_id.in_(select(Step.id).where(of_campaign, Step.number == step)))
    if result.name == "skipped" and result.detail:
        parts.append(Message.skip_reason == result.detail)
    if result.name == "causes":
        cause = func.coalesce(Attempt.cause, "other")
        failed = (Attempt.message_id == Message.id, Attempt.state == Message.state)
        last = select(cause).where(*failed).order_by(Attempt.n.desc()).limit(1)  # as it is counted
        parts.append(last.scalar_subquery() == result.detail)
    return exists(select(literal(1)).where(*parts))
