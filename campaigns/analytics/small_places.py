"""Small places and organisations in health figures, for readers who may not see the people."""

from collections import Counter
from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from campaigns.cases.handle_case import may_read_answers
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.rules.small_counts import Small, fold_small
from outreach.accounts.permissions import visible_to
from outreach.models.accounts import User
from outreach.models.contacts import ContactList
from outreach.models.places import Area, AreaLevel

_ALL = "all"


class GroupCount(NamedTuple):
    """People of an area and organisation and the groups that they are in; without any they are in no campaign's audience."""

    area: str | None
    organisation: int | None
    groups: tuple[Hashable, ...]
    n: int


def hides_few(campaigns: Sequence[Campaign], user: User | None) -> bool:
    """Return whether figures of few people are hidden from a reader; without a `user` the reader may be anybody."""
    return not (user and may_read_answers(user)) and any(campaign.is_health for campaign in campaigns)


def find_small(
    session: Session,
    campaigns: Sequence[Campaign],
    *,
    user: User | None = None,
    as_of: datetime | None = None,
) -> Small | None:
    """Return what has few people in a drive's figures, within the reader's scope; None where nothing is hidden from them.

    Of a place or organisation where all are left out it is those, as that can be for what they answered.
    """
    if not hides_few(campaigns, user):
        return None
    return _fold(session, _count_groups(session, campaigns, user=user, as_of=as_of), Small(), each=False)


def small_in_drive(session: Session, campaign: Campaign, *, user: User) -> Small | None:
    """Return what has few people in the figures of one campaign, beside those of its drive; None where nothing is hidden.

    The groups that must not be few are the recipients of each campaign of the drive, and those who are in the lists of the same
    ones: every difference between the figures of campaigns and drive is of whole groups.
    """
    launched = (Campaign.drive_id == campaign.drive_id, Campaign.launched_at.is_not(None))
    campaigns = session.scalars(select(Campaign).where(*launched)).all() if campaign.is_health else []
    if not hides_few(campaigns, user):
        return None
    counts = _count_groups(session, campaigns, user=user, as_of=None)
    in_drive = _fold(session, counts, Small(), each=False)
    return in_drive if len(campaigns) == 1 else _fold(session, counts, in_drive, each=True)


def _sizes(counts: Sequence[GroupCount], place: str, *, each: bool) -> dict[Any, Counter[Hashable]]:
    """Return the people by place, an attribute of the counts: in all, and in `each` of their groups."""
    sizes: dict[Any, Counter[Hashable]] = {}
    with_recipients = {getattr(found, place) for found in counts if found.groups}
    for count in counts:
        code = getattr(count, place)
        if count.groups or code not in with_recipients:
            groups = (_ALL, *count.groups) if each else (_ALL,)
            sizes.setdefault(code, Counter()).update(dict.fromkeys(groups, count.n))
    return sizes


def _fold(session: Session, counts: Sequence[GroupCount], also: Small, *, each: bool) -> Small:
    parent = aliased(Area)
    above = session.execute(
        select(Area.code, parent.code)
        .join(parent, parent.code == Area.parent_code)
        .where(Area.level == AreaLevel.COMMUNE, parent.level == AreaLevel.DISTRICT)
    )
    return Small(
        fold_small(_sizes(counts, "area", each=each), dict(above.all()), also=also.areas),
        fold_small(_sizes(counts, "organisation", each=each), {}, also=also.organisations),
    )


def _count_groups(
    session: Session, campaigns: Sequence[Campaign], *, user: User | None, as_of: datetime | None
) -> list[GroupCount]:
    """Count people of the campaigns' lists by area and organisation, each with the groups that they are in."""
    ids = sorted(campaign.id for campaign in campaigns)
    is_counted, of_campaign = Recipient.exclusion.is_(None), Recipient.campaign_id
    in_each = [  # 1: in its lists, 2: and a recipient
        func.max(case((and_(is_counted, of_campaign == each), 2), (of_campaign == each, 1), else_=0))
        for each in ids
    ]
    first = func.coalesce(func.min(case((is_counted, Recipient.id))), func.min(Recipient.id))
    people = (
        select(first.label("first"), *(column.label(f"in_{n}") for n, column in enumerate(in_each)))
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(
            of_campaign.in_(ids),
            visible_to(session, user, ContactList.organisation_id) if user else true(),
            or_(Recipient.joined_at.is_(None), Recipient.joined_at <= as_of) if as_of else true(),
        )
        .group_by(func.coalesce(Recipient.phone_id, -Recipient.contact_id, -Recipient.id))
        .subquery()
    )
    key = (Recipient.area_code, ContactList.organisation_id, *list(people.c)[1:])
    rows = session.execute(
        select(func.count(), *key)
        .join(people, people.c.first == Recipient.id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .group_by(*key)
    )
    counts = []
    for n, area, organisation, *held in rows:
        groups = [each for each, how in zip(ids, held, strict=True) if how == 2]
        lists = tuple(how > 0 for how in held)
        counts.append(GroupCount(area, organisation, (lists, *groups) if groups else (), n))
    return counts
