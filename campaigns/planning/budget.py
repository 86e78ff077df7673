"""A campaign's money: put aside as it is launched, at a price that stays, and drawn on until the gateway has billed."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.planning.audience import sample_names
from campaigns.planning.preview import EXAMPLE_TOKEN, SAMPLE, Audience, estimate
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
        f"Nay có {amount(recipients)} người nhận, dự kiến {amount(total)} đồng, vượt ngân sách "
        f"{amount(campaign.budget_vnd)} đồng. Hãy thu hồi lệnh gửi để sửa, hoặc gửi tiếp đến khi hết ngân sách."
    )


def refusal_of(*, estimate_vnd: int | None, budget_vnd: int | None) -> str:
    """Why a launch is refused that would cost more than the campaign's budget; "" where it would not."""
    if estimate_vnd is None or budget_vnd is None or estimate_vnd <= budget_vnd:
        return ""
    return (
        f"Chi phí ước tính {amount(estimate_vnd)} đồng vượt ngân sách {amount(budget_vnd)} đồng của chiến dịch. "
        "Hãy rút lại để tăng ngân sách, bớt người nhận hoặc rút ngắn tin, rồi trình duyệt lại."
    )


def reserve_of(steps: Iterable[tuple[int, float | None]], *, price_vnd: int) -> int:
    """What is put aside in VND for messages that have not left: by step how many, and segments each of them takes.

    A step without segments was opened before they were kept, and has nothing put aside.
    """
    return round(sum(messages * (each or 0.0) for messages, each in steps) * price_vnd)


def price_of(kept_vnd: int | None, settings: Settings) -> int:
    """A campaign's price for a segment: the one it was launched at, else today's."""
    return settings.price_per_segment_vnd if kept_vnd is None else kept_vnd


def amount(number: int) -> str:
    """As it is written in Vietnamese: 1.234.567."""
    return f"{number:,}".replace(",", ".")
