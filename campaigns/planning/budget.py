"""A campaign's terms: its price and what its messages take, as they are when its audience is frozen."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.money import Spending
from campaigns.planning.audience import sample_names
from campaigns.planning.preview import EXAMPLE_TOKEN, SAMPLE, Audience, estimate
from outreach.numerals import number
from outreach.settings import Settings


def fix_terms(session: Session, campaign: Campaign, *, settings: Settings) -> str:
    """Keep today's price and each step's segments with a campaign whose audience has just been frozen.

    Returns why it has to pause: the audience has grown beyond the budget since the launch; "" where it has not.
    """
    recipients, price = campaign.recipients or 0, settings.price_per_segment_vnd
    names = sample_names(session, campaign.id, recipients=recipients, most=SAMPLE) if recipients else []
    audience, link = Audience(recipients, {}, names), f"{settings.public_base_url}/{EXAMPLE_TOKEN}"
    campaign.price_vnd = price
    total = 0
    for step in campaign.steps:
        cost = estimate(step, audience, link=link, price=price, unaccented=campaign.unaccented)
        step.segments_each = cost.total / recipients if recipients else 0.0
        total += cost.vnd
    session.flush()
    if campaign.budget_vnd is None or total <= campaign.budget_vnd:
        return ""
    return (
        f"Nay có {number(recipients)} người nhận, dự kiến {number(total)} đồng, vượt ngân sách "
        f"{number(campaign.budget_vnd)} đồng. Hãy thu hồi lệnh gửi để sửa, hoặc gửi tiếp đến khi hết ngân sách."
    )


def price_of(kept_vnd: int | None, settings: Settings) -> int:
    """A campaign's price for a segment: the one it was launched at, else today's."""
    return settings.price_per_segment_vnd if kept_vnd is None else kept_vnd


def spending_of(campaign: Campaign, settings: Settings, *, taken: int | None = None) -> Spending:
    """What a campaign has used, with the segments under way, or of `taken` segments."""
    return Spending(
        campaign.segments_taken if taken is None else taken,
        campaign.priced_segments,
        campaign.priced_vnd,
        price_of(campaign.price_vnd, settings),
    )
