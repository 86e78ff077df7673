"""Comments beside the cards of a campaign: by who writes it and who decides on it, with replies, until they are settled.

They stay with the campaign when it is returned, and are removed with its personal data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Campaign, CampaignAuthor, CampaignComment, CommentCard
from campaigns.rules.states import CampaignState
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role, visible_to
from outreach.accounts.users import name_of
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotFound, WrongState, or_raise
from outreach.use_cases import use_case

LONGEST = 1000
_CLOSED = (CampaignState.COMPLETED, CampaignState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment or a reply, as it is shown; of a reply `is_settled` and `replies` mean nothing."""

    id: int
    by: str
    at: datetime
    text: str
    is_settled: bool
    replies: Sequence[Comment] = ()


@use_case
def write_comment(
    session: Session,
    campaign_id: int,
    *,
    card: str,
    text: str,
    reply_to: int | None = None,
    user: User,
    now: datetime,
) -> CampaignComment:
    """Write a comment, or a reply that opens one again. Raises NotFound, NotAllowed, BadInput, WrongState."""
    campaign = _find_open(session, campaign_id, user)
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise BadInput("comment_missing")
    if len(text) > LONGEST:
        raise BadInput("comment_long", most=LONGEST)
    if card not in list(CommentCard):
        raise NotFound("comment_not_found")
    if reply_to is not None:
        first = _find_comment(session, campaign, reply_to)
        card, first.settled_at, first.settled_by = first.card, None, None
    comment = CampaignComment(
        campaign_id=campaign.id,
        card=CommentCard(card),
        reply_to=reply_to,
        text=text,
        written_by=user.id,
        written_at=now,
    )
    session.add(comment)
    session.flush()
    audit.record(session, "campaign.comment", campaign, user, now, card=card)
    return comment


@use_case
def settle_comment(
    session: Session, campaign_id: int, comment_id: int, *, user: User, now: datetime
) -> CampaignComment:
    """Mark a comment as settled. Raises NotFound, NotAllowed, WrongState once the campaign is over."""
    campaign = _find_open(session, campaign_id, user)
    comment = _find_comment(session, campaign, comment_id)
    if comment.settled_at is None:
        comment.settled_at, comment.settled_by = now, user.id
        audit.record(session, "campaign.settle_comment", campaign, user, now, card=comment.card)
    return comment


def read_comments(session: Session, campaign_id: int) -> dict[str, list[Comment]]:
    """Return a found campaign's comments by card, oldest first, with replies."""
    rows = session.scalars(
        select(CampaignComment).where(CampaignComment.campaign_id == campaign_id).order_by(CampaignComment.id)
    ).all()
    replies: dict[int, list[Comment]] = {}
    by_card: dict[str, list[Comment]] = {}
    for row in rows:
        own = replies.setdefault(row.id, []) if row.reply_to is None else ()
        by = name_of(session, row.written_by)
        shown = Comment(row.id, by, row.written_at, row.text, row.settled_at is not None, own)
        target = by_card.setdefault(row.card, []) if row.reply_to is None else replies[row.reply_to]
        target.append(shown)
    return by_card


def count_open(comments: dict[str, list[Comment]]) -> Counter[str]:
    """Return how many comments of each card are not settled."""
    return Counter({card: sum(not each.is_settled for each in found) for card, found in comments.items()})


def _find_open(session: Session, campaign_id: int, user: User) -> Campaign:
    require_role(user, Role.STAFF, Role.APPROVER)
    error = NotFound("campaign_id_not_visible", id=campaign_id)
    campaign = find_visible(session, Campaign, campaign_id, user, error)
    if campaign.state in _CLOSED:
        raise WrongState("comments_closed")
    return campaign


def _find_comment(session: Session, campaign: Campaign, comment_id: int) -> CampaignComment:
    """Return a comment of the campaign that is no reply, locked. Raises NotFound."""
    of_campaign = (CampaignComment.campaign_id == campaign.id, CampaignComment.reply_to.is_(None))
    query = select(CampaignComment).where(CampaignComment.id == comment_id, *of_campaign)
    return or_raise(session.scalar(query.with_for_update()), NotFound("comment_not_found"))


def read_unanswered(session: Session, user: User) -> list[tuple[int, int, str]]:
    """Return (newest remark, campaign, name) of a user's open threads in which the last is another's."""
    thread = func.coalesce(CampaignComment.reply_to, CampaignComment.id)
    opening = aliased(CampaignComment)
    written = select(CampaignAuthor.campaign_id).where(CampaignAuthor.user_id == user.id)
    taken_part = select(thread).where(CampaignComment.written_by == user.id)
    rows = session.execute(
        select(thread, CampaignComment.id, CampaignComment.written_by, Campaign.id, Campaign.name)
        .join(opening, opening.id == thread)
        .join(Campaign, Campaign.id == CampaignComment.campaign_id)
        .where(
            opening.settled_at.is_(None),
            Campaign.state.not_in(_CLOSED),
            or_(Campaign.id.in_(written), thread.in_(taken_part)),
            visible_to(session, user, Campaign.organisation_id),
        )
        .order_by(CampaignComment.id)
    )
    newest = {of: (remark, by, campaign_id, name) for of, remark, by, campaign_id, name in rows}
    return [(remark, campaign_id, name) for remark, by, campaign_id, name in newest.values() if by != user.id]
