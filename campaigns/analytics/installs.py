"""Self-reported installs: the single reports behind the figures; which campaigns' figures a user may see, and which of few people not.

Official figures are never added to these.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from campaigns.cases.handle_case import may_read_answers
from campaigns.models.campaigns import Campaign, CampaignList, Recipient
from campaigns.models.replies import AnswerSource, InstallReport
from campaigns.rules.small_counts import FEWEST, Small, fold_small, is_few
from outreach.accounts.permissions import visible_to, within_area
from outreach.core.db import find_row
from outreach.models.accounts import Area, AreaLevel, Organisation, User
from outreach.models.contacts import Contact, ContactList, Phone
from outreach.places.areas import areas_within
from outreach.rules.errors import NotFound, or_raise
from outreach.rules.identity import mask_number


def list_launched(session: Session, user: User) -> list[tuple[int, str]]:
    """Return id and name of the newest campaigns whose figures a user may see."""
    rows = session.execute(
        select(Campaign.id, Campaign.name)
        .where(Campaign.launched_at.is_not(None), takes_part(session, user))
        .order_by(Campaign.launched_at.desc(), Campaign.id.desc())
        .limit(50)
    )
    return [(row.id, row.name) for row in rows]


def takes_part(session: Session, user: User) -> ColumnElement[bool]:
    """Return the condition for campaigns of the user's scope and those that write to one of its lists."""
    lists = (
        select(CampaignList.campaign_id)
        .join(ContactList, ContactList.id == CampaignList.list_id)
        .where(visible_to(session, user, ContactList.organisation_id))
    )
    return or_(visible_to(session, user, Campaign.organisation_id), Campaign.id.in_(lists))


def find_visible_campaign(session: Session, campaign_id: int, *, user: User) -> Campaign:
    """Return a campaign whose figures the user may see. Raises NotFound."""
    seen = select(Campaign).where(Campaign.id == campaign_id, takes_part(session, user))
    return or_raise(session.scalar(seen), NotFound("campaign_id_not_visible", id=campaign_id))


def hides_lists(session: Session, campaigns: Sequence[int], *, user: User) -> bool:
    """Return whether campaigns write to a list hidden from the user, who then sees a part of the figures."""
    seen = visible_to(session, user, ContactList.organisation_id)
    hidden = (
        select(CampaignList.list_id).join(ContactList).where(CampaignList.campaign_id.in_(campaigns), ~seen)
    )
    return session.execute(hidden.limit(1)).first() is not None


PAGE = 20


@dataclass(frozen=True, slots=True)
class InstallFilter:
    """Filter of install reports: by district or commune; `standing` ones are still in force."""

    standing: bool = True
    source: AnswerSource | None = None
    area: str = ""
    organisation_id: int | None = None


@dataclass(frozen=True, slots=True)
class InstallRow:
    """An install report with its source; `contact_id` is None for an erased contact."""

    id: int
    contact_id: int | None
    name: str
    phone: str
    place: str
    organisation: str
    source: AnswerSource
    reported_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class InstallPage:
    """One page of install reports, newest first; `after` is the cursor of the next page.

    `is_masked`: they are about health, and name nobody. `by_day`: the reader may not see the people, so that the moment is not
    told either, as it stands in the audit log beside a name. `is_few`: what was asked for has too few people for a figure.
    """

    campaign: str
    count: int
    lines: list[InstallRow]
    after: int | None
    area: str
    organisation: str
    is_masked: bool
    by_day: bool
    is_few: bool


def _conditions(
    session: Session, filters: InstallFilter, small: Small | None
) -> Iterator[ColumnElement[bool]]:
    if filters.standing:
        yield InstallReport.withdrawn_at.is_(None)
    if filters.source:
        yield InstallReport.source == filters.source
    if filters.area:
        within = areas_within(session, [filters.area])
        shown = within if small is None else [each for each in within if small.area_of(each) in within]
        yield Recipient.area_code.in_(sorted(shown))
    if filters.organisation_id:
        yield ContactList.organisation_id == filters.organisation_id


def _lines(
    session: Session, rows: Sequence[Any], small: Small | None, *, is_masked: bool
) -> list[InstallRow]:
    """Return rows as the page shows them: of people who are few in their place with the place that counts them."""
    areas = small.areas if small else {}
    targets = [code for code in areas.values() if code]
    names = dict(session.execute(select(Area.code, Area.name).where(Area.code.in_(targets))).all())
    return [
        InstallRow(
            id=report.id,
            contact_id=None if is_masked else contact_id,
            name="" if is_masked else name or "",
            phone="" if is_masked else mask_number(e164),
            place=(names.get(areas[area] or "", "") if area and area in areas else place) or "",
            organisation="" if small else organisation or "",
            source=report.source,
            reported_at=report.reported_at,
            withdrawn_at=report.withdrawn_at,
        )
        for report, contact_id, name, e164, area, place, organisation in rows
    ]


def read_reports(
    session: Session, campaign_id: int, filters: InstallFilter, *, user: User, after: int | None
) -> InstallPage:
    """Return a page of the reports that a user may see. Raises NotFound.

    The conditions are those by which the figures count them. For readers of whom few people are hidden, a line has a place
    and no organisation: with both, few would be left; nor is it their own area alone, which may have few.
    """
    campaign = find_visible_campaign(session, campaign_id, user=user)
    small = small_in_drive(session, campaign, user=user)
    of, owner_id = filters.area, filters.organisation_id
    is_hidden = small is not None and (
        small.is_all or of in small.areas or owner_id in small.organisations or bool(of and owner_id)
    )
    conditions = [
        InstallReport.campaign_id == campaign_id,
        visible_to(session, user, ContactList.organisation_id),
        true() if small else within_area(session, user, Contact.area_code),
        *_conditions(session, filters, small),
    ]
    reports = (
        select(InstallReport)
        .join(Recipient, Recipient.id == InstallReport.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .outerjoin(Contact, Contact.id == Recipient.contact_id)
        .where(*conditions)
    )
    count = session.scalar(reports.with_only_columns(func.count())) or 0
    page = reports if after is None else reports.where(InstallReport.id < after)
    rows = session.execute(
        page.join(Phone, Phone.id == InstallReport.phone_id)
        .outerjoin(Area, Area.code == Recipient.area_code)
        .outerjoin(Organisation, Organisation.id == ContactList.organisation_id)
        .with_only_columns(
            *(InstallReport, Contact.id, Contact.name, Phone.e164),
            *(Recipient.area_code, Area.name, Organisation.name),
        )
        .order_by(InstallReport.id.desc())
        .limit(PAGE + 1)
    ).all()
    lines = _lines(session, rows[:PAGE], small, is_masked=campaign.is_health)
    chosen = find_row(session, Area, filters.area)
    owner = find_row(session, Organisation, filters.organisation_id)
    return InstallPage(
        campaign=campaign.name,
        count=count,
        lines=[] if is_hidden or (small and filters.organisation_id) else lines,
        after=lines[-1].id if len(rows) > PAGE else None,
        area=chosen.name if chosen else "",
        organisation=owner.name if owner else "",
        is_masked=campaign.is_health,
        by_day=small is not None,
        is_few=is_hidden,
    )


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
    counts = _count_groups(session, campaigns, user=user, as_of=as_of)
    small, people = _fold(session, counts, Small(), each=False), _count_people(counts)
    return replace(small, is_all=0 < people[_ALL] < FEWEST, is_each=_has_few_in_one(people))


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
    small = in_drive if len(campaigns) == 1 else _fold(session, counts, in_drive, each=True)
    return replace(small, is_all=_has_few_in_one(_count_people(counts)))


def _count_people(counts: Sequence[GroupCount]) -> Counter[Hashable]:
    """Return the recipients of a drive, in all and of each campaign."""
    people = Counter[Hashable]()
    for count in counts:
        people.update(dict.fromkeys((_ALL, *count.groups[1:]) if count.groups else (), count.n))
    return people


def _has_few_in_one(people: Counter[Hashable]) -> bool:
    """Return whether a campaign of the drive has few people, or all but few of them."""
    rest = Counter({each: people[_ALL] - n for each, n in people.items()})
    return is_few(people) or is_few(rest)


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
