"""Which campaigns' figures a user may see, and the self-reported share of one. An official figure never enters here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from campaigns.answers.models import Counter
from campaigns.figures.share import Share, share_of
from campaigns.goals.goal import Denominator, Goal
from campaigns.goals.reading import read_campaign_goals
from campaigns.models import Campaign, CampaignList
from campaigns.replies.classifier import Label
from campaigns.states import CampaignState
from outreach.access.models import User
from outreach.access.users import visible_to
from outreach.errors import NotFound
from outreach.people.models import ContactList


@dataclass(slots=True)
class Tally:
    """Counts of recipients; `installed` are the reports that stand."""

    recipients: int = 0
    no_smartphone: int = 0
    answered: int = 0
    installed: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """A campaign's share and its own goal; `known` is the entered figure that the share is of, where there is one and
    the user sees all lists of the campaign."""

    campaign_id: int
    name: str
    goal: float | None
    share: Share
    known: Denominator | None
    total: Tally


def list_launched(
    session: Session, user: User, *, limit: int = 50, cancelled: bool = True
) -> list[tuple[int, str, datetime]]:
    """The campaigns whose figures a user may see, newest first: id, name, launch; `cancelled` ones among them."""
    wanted = [] if cancelled else [Campaign.state != CampaignState.CANCELLED]
    rows = session.execute(
        select(Campaign.id, Campaign.name, Campaign.launched_at)
        .where(Campaign.launched_at.is_not(None), takes_part(session, user), *wanted)
        .order_by(Campaign.launched_at.desc(), Campaign.id.desc())
        .limit(limit)
    )
    return [(row.id, row.name, row.launched_at) for row in rows]


def read_total(session: Session, campaign_id: int, *, user: User) -> Figures:
    """The campaign's share alone. Raises NotFound."""
    campaign, goal, is_whole = find_counted(session, campaign_id, user=user)
    total = _read_total(session, campaign_id, user=user)
    known = goal.denominator if goal and is_whole else None
    share = share_of(
        installed=total.installed,
        recipients=total.recipients,
        no_smartphone=total.no_smartphone,
        entered=known.value if known else None,
    )
    return Figures(campaign.id, campaign.name, goal.share if goal else None, share, known, total)


def takes_part(session: Session, user: User) -> ColumnElement[bool]:
    """Campaigns of the user's scope, and those that write to a list of it."""
    lists = (
        select(CampaignList.campaign_id)
        .join(ContactList, ContactList.id == CampaignList.list_id)
        .where(visible_to(session, user, ContactList.organisation_id))
    )
    return or_(visible_to(session, user, Campaign.organisation_id), Campaign.id.in_(lists))


def find_counted(session: Session, campaign_id: int, *, user: User) -> tuple[Campaign, Goal | None, bool]:
    """A campaign whose figures a user may see, its goal, and whether they see all its lists. Raises NotFound."""
    campaign = session.scalar(select(Campaign).where(Campaign.id == campaign_id, takes_part(session, user)))
    if campaign is None:
        raise NotFound(f"Không có chiến dịch số {campaign_id} mà bạn được xem.")
    goal = read_campaign_goals(session, [campaign_id]).get(campaign_id)
    return campaign, goal, not hides_lists(session, [campaign_id], user=user)


def hides_lists(session: Session, campaigns: Sequence[int], *, user: User) -> bool:
    """Whether campaigns write to a list that the user does not see: then they see but a part of the figures."""
    seen = visible_to(session, user, ContactList.organisation_id)
    hidden = (
        select(CampaignList.list_id).join(ContactList).where(CampaignList.campaign_id.in_(campaigns), ~seen)
    )
    return session.execute(hidden.limit(1)).first() is not None


def _read_total(session: Session, campaign_id: int, *, user: User) -> Tally:
    seen = visible_to(session, user, ContactList.organisation_id)
    tally = Tally()
    for answer, people, installed in session.execute(
        select(Counter.answer, func.sum(Counter.people), func.sum(Counter.installed))
        .outerjoin(ContactList, ContactList.id == Counter.list_id)
        .where(Counter.campaign_id == campaign_id, seen)
        .group_by(Counter.answer)
    ):
        tally.recipients += int(people)
        tally.no_smartphone += int(people) if answer is Label.NO_SMARTPHONE else 0
        tally.answered += int(people) if answer else 0
        tally.installed += int(installed)
    return tally
