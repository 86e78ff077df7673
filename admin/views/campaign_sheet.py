"""What a campaign's sheet and the list of campaigns show, read in one snapshot as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin.views.campaign_words import ShownChange, show_changes, show_conditions
from campaigns.answers.models import InstallReport
from campaigns.figures.share import Share, share_of
from campaigns.goals.reading import read_campaign_goals
from campaigns.models import (
    Campaign,
    CampaignAuthor,
    CampaignDecision,
    CampaignList,
    CampaignVersion,
    Recipient,
)
from campaigns.planning.approvals import approvers_of, is_held, needed_for
from campaigns.planning.content import Content, read_content
from campaigns.planning.draft import read_kept
from campaigns.planning.editing import describe
from campaigns.planning.kinds import load_kinds
from campaigns.planning.preview import Audience, Preview, preview
from campaigns.planning.versions import compare
from campaigns.replies.classifier import Label
from campaigns.states import CampaignState
from outreach.access.models import Organisation, Role, User
from outreach.access.users import visible_to
from outreach.people.models import ContactList
from outreach.places.models import Area
from outreach.settings import Settings

_WRITERS = (Role.STAFF, Role.APPROVER, Role.ADMINISTRATOR)
_APPROVERS = (Role.APPROVER, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class Decided:
    """A submission, and what was decided on it (None: nothing yet)."""

    n: int
    submitted_by: str
    submitted_at: datetime
    approved: bool | None
    decided_by: str
    decided_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything on a sheet. `may` holds the steps that this user may take now."""

    id: int
    name: str
    state: CampaignState
    organisation: str
    author: str
    created_at: datetime
    approver: str
    approved_at: datetime | None
    said: dict[str, Any]
    content: Content
    kind: str
    lists: list[tuple[int, str, str]]  # id, name, organisation
    areas: list[str]
    conditions: list[tuple[str, str]]  # what else people must be, in words
    preview: Preview
    submissions: list[Decided]
    changes: list[ShownChange]
    compared_with: int | None
    is_author: bool
    approvals: int  # how many it takes
    approved_by: list[str]  # who has given one to what was submitted last
    is_held: bool  # stands still until a second one is given
    may: frozenset[str]
    was_launched: bool
    is_over: bool
    launched_at: datetime | None
    ended_at: datetime | None
    starts_at: datetime | None
    deadline: datetime | None


def read_sheet(
    session: Session,
    campaign: Campaign,
    audience: Audience,
    *,
    user: User,
    settings: Settings,
    now: datetime,
) -> Sheet:
    """A campaign for its author, its approver and whoever may read it."""
    kinds = load_kinds()
    said = describe(session, campaign, kinds=kinds)
    draft = read_kept(said, kinds=kinds)
    versions = session.scalars(
        select(CampaignVersion).where(CampaignVersion.campaign_id == campaign.id).order_by(CampaignVersion.n)
    ).all()
    area_names = dict(
        session.execute(select(Area.code, Area.kind + " " + Area.name).order_by(Area.code)).all()
    )
    compared, changes = _compare(campaign, said, list(versions))
    is_author = (
        campaign.created_by == user.id or session.get(CampaignAuthor, (campaign.id, user.id)) is not None
    )
    organisation = session.get(Organisation, campaign.organisation_id) if campaign.organisation_id else None
    approver = session.get(User, campaign.approved_by) if campaign.approved_by else None
    shown = preview(session, draft, audience, settings=settings, now=now)
    given = approvers_of(session, campaign.id)
    held = is_held(campaign)
    may = _may(CampaignState.SUBMITTED if held else campaign.state, user.role, is_author=is_author)
    if held:
        may -= {"discard", "withdraw", "return"}
    return Sheet(
        id=campaign.id,
        name=campaign.name,
        state=campaign.state,
        organisation=organisation.name if organisation else "",
        author=_shown(session.get_one(User, campaign.created_by)),
        created_at=campaign.created_at,
        approver=_shown(approver) if approver else "",
        approved_at=campaign.approved_at,
        said=said,
        content=read_content(campaign.content),
        kind=kinds.get(campaign.kind, {}).get("title", campaign.kind),
        lists=_lists(session, campaign),
        areas=[area_names.get(code, code) for code in campaign.areas],
        conditions=show_conditions(said, organisations=_organisations(session)),
        preview=shown,
        submissions=_submissions(session, list(versions)),
        changes=show_changes(changes, areas=area_names, organisations=_organisations(session)),
        compared_with=compared,
        is_author=is_author,
        approvals=needed_for(shown, settings),
        approved_by=[_shown(session.get_one(User, number)) for number in given],
        is_held=held,
        may=may - {"approve"} if user.id in given else may,
        was_launched=campaign.state not in _BEFORE_LAUNCH and campaign.approved_at is not None,
        is_over=campaign.state in (CampaignState.COMPLETED, CampaignState.CANCELLED),
        launched_at=campaign.launched_at,
        ended_at=campaign.ended_at,
        starts_at=campaign.starts_at,
        deadline=campaign.deadline,
    )


def _lists(session: Session, campaign: Campaign) -> list[tuple[int, str, str]]:
    rows = session.execute(
        select(ContactList.id, ContactList.name, Organisation.name)
        .join(CampaignList, CampaignList.list_id == ContactList.id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(CampaignList.campaign_id == campaign.id)
        .order_by(Organisation.name, ContactList.name)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _organisations(session: Session) -> dict[str, str]:
    return dict(session.execute(select(Organisation.code, Organisation.name)).all())


_BEFORE_LAUNCH = (CampaignState.DRAFT, CampaignState.SUBMITTED, CampaignState.APPROVED)


def _may(state: CampaignState, role: Role, *, is_author: bool) -> frozenset[str]:
    """What the use cases would let this user do; they decide again when it is pressed."""
    if role not in _WRITERS:
        return frozenset()
    may = {"copy", "try"}
    if state in _BEFORE_LAUNCH:
        may.add("discard")
    if state is CampaignState.DRAFT:
        may |= {"edit", "submit"}
    elif state in (CampaignState.SUBMITTED, CampaignState.APPROVED):
        if is_author:
            may.add("withdraw")
        elif role in _APPROVERS:
            may.add("return")
        if state is CampaignState.APPROVED:
            may.add("launch")
        elif role in _APPROVERS and not is_author:
            may.add("approve")
    return frozenset(may)


def _compare(
    campaign: Campaign, said: dict[str, Any], versions: list[CampaignVersion]
) -> tuple[int | None, list[Any]]:
    """What has changed: in a draft since it was submitted last, else between the last two submissions."""
    if campaign.state not in _BEFORE_LAUNCH:
        return None, []
    if campaign.state is CampaignState.DRAFT and versions:
        return versions[-1].n, compare(versions[-1].data, said)
    if len(versions) > 1:
        return versions[-2].n, compare(versions[-2].data, versions[-1].data)
    return None, []


def _submissions(session: Session, versions: list[CampaignVersion]) -> list[Decided]:
    if not versions:
        return []
    decisions: dict[int, CampaignDecision] = {}
    for decision in session.scalars(
        select(CampaignDecision)
        .where(CampaignDecision.version_id.in_([version.id for version in versions]))
        .order_by(CampaignDecision.id)
    ):
        decisions[decision.version_id] = decision
    ids = {version.submitted_by for version in versions} | {d.decided_by for d in decisions.values()}
    names = {user.id: _shown(user) for user in session.scalars(select(User).where(User.id.in_(ids)))}
    told = []
    for version in reversed(versions):
        made = decisions.get(version.id)
        told.append(
            Decided(
                n=version.n,
                submitted_by=names[version.submitted_by],
                submitted_at=version.submitted_at,
                approved=made.approved if made else None,
                decided_by=names[made.decided_by] if made else "",
                decided_at=made.decided_at if made else None,
                reason=made.reason if made else "",
            )
        )
    return told


def _shown(user: User) -> str:
    return user.name or user.email


def read_campaigns(
    session: Session, user: User, *, state: CampaignState | None, page: int, size: int
) -> tuple[list[dict[str, Any]], int]:
    """One page of the campaigns that the user may see, the newest first, and how many there are."""
    seen = visible_to(session, user, Campaign.organisation_id)
    wanted = [seen, Campaign.state == state] if state else [seen]
    total = session.scalar(select(func.count()).select_from(Campaign).where(*wanted)) or 0
    rows = session.execute(
        select(Campaign, Organisation.name, User.name, User.email)
        .outerjoin(Organisation, Organisation.id == Campaign.organisation_id)
        .join(User, User.id == Campaign.created_by)
        .where(*wanted)
        .order_by(Campaign.id.desc())
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    shares = _shares(session, [row[0] for row in rows])
    return [
        {
            "id": campaign.id,
            "name": campaign.name,
            "state": campaign.state,
            "organisation": organisation or "",
            "recipients": campaign.recipients,
            "share": shares.get(campaign.id),
            "at": campaign.launched_at or campaign.starts_at or campaign.created_at,
            "was_launched": campaign.launched_at is not None,
            "author": name or email,
        }
        for campaign, organisation, name, email in rows
    ], total


def _shares(session: Session, campaigns: list[Campaign]) -> dict[int, Share]:
    """The self-reported share of each launched campaign, from indexes alone."""
    launched = {campaign.id: campaign.recipients for campaign in campaigns if campaign.recipients is not None}
    installed = dict(
        session.execute(
            select(InstallReport.campaign_id, func.count())
            .where(InstallReport.campaign_id.in_(launched), InstallReport.withdrawn_at.is_(None))
            .group_by(InstallReport.campaign_id)
        ).all()
    )
    without = dict(
        session.execute(
            select(Recipient.campaign_id, func.count())
            .where(Recipient.campaign_id.in_(launched), Recipient.answer == Label.NO_SMARTPHONE)
            .group_by(Recipient.campaign_id)
        ).all()
    )
    goals = read_campaign_goals(session, launched)
    entered = {campaign_id: goal.denominator.value for campaign_id, goal in goals.items() if goal.denominator}
    return {
        campaign_id: share_of(
            installed=installed.get(campaign_id, 0),
            recipients=recipients,
            no_smartphone=without.get(campaign_id, 0),
            entered=entered.get(campaign_id),
        )
        for campaign_id, recipients in launched.items()
    }
