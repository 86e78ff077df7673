"""Where a campaign stands, in one snapshot: the figures add up at every moment."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.answers.models import InstallReport
from campaigns.figures.share import share_of
from campaigns.goals.reading import read_campaign_goals
from campaigns.messages import Message
from campaigns.models import Campaign, Opening, Recipient
from campaigns.planning.audience import count_audience
from campaigns.replies.classifier import Label


def read_status(session: Session, campaign: Campaign) -> dict[str, Any]:
    """The contract's `campaigns status`, and what was answered. Call it inside one `db.read()`."""
    recipients, excluded = count_audience(session, campaign.id)
    opened = session.scalar(
        select(func.count()).select_from(Opening).where(Opening.campaign_id == campaign.id)
    )
    clicked = session.scalar(
        select(func.count(Recipient.clicked_at)).where(Recipient.campaign_id == campaign.id)
    )
    messages: dict[int, dict[str, int]] = {}
    for step_id, state, count in session.execute(
        select(Message.step_id, Message.state, func.count())
        .where(Message.campaign_id == campaign.id, Message.step_id.is_not(None))
        .group_by(Message.step_id, Message.state)
    ):
        messages.setdefault(step_id or 0, {})[state.value] = count
    answers = {
        str(label): count
        for label, count in session.execute(
            select(Recipient.answer, func.count())
            .where(Recipient.campaign_id == campaign.id, Recipient.answer.is_not(None))
            .group_by(Recipient.answer)
        )
    }
    installed = session.scalar(
        select(func.count())
        .select_from(InstallReport)
        .where(InstallReport.campaign_id == campaign.id, InstallReport.withdrawn_at.is_(None))
    )
    goal = read_campaign_goals(session, [campaign.id]).get(campaign.id)
    known = goal.denominator if goal else None
    share = share_of(
        installed=installed or 0,
        recipients=recipients,
        no_smartphone=answers.get(Label.NO_SMARTPHONE.value, 0),
        entered=known.value if known else None,
    )
    return {
        "id": campaign.id,
        "name": campaign.name,
        "state": campaign.state.value,
        "pause_reason": campaign.pause_reason,
        "recipients": recipients,
        "excluded": {reason.value: count for reason, count in sorted(excluded.items())},
        "steps": [
            {"step": step.number, "messages": messages.get(step.id, {})}
            for step in campaign.steps
            if step.opened_at
        ],
        "page": {"opened": opened or 0, "clicked": clicked or 0},
        "answers": answers,
        "self_reported": {
            "installed": share.installed,
            "denominator": share.denominator,
            "basis": share.basis,
            "share": share.value,
            "goal": goal.share if goal else None,
            "denominator_date": known.as_of.isoformat() if known else None,
            "denominator_source": known.source if known else None,
        },
    }
