"""Drafts of campaigns: stored and described; their versions and decisions.

A description is what a campaign's file, form or version contains. A version is what an author submitted; a decision
approves or returns it. Versions can be compared. A segment is an audience saved under a name, for an organisation's later
campaigns.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from campaigns.goals.goals import append_denominator, append_goal, campaign_subject, read_campaign_goals
from campaigns.models.campaigns import (
    Campaign,
    CampaignAuthor,
    CampaignDecision,
    CampaignList,
    CampaignVersion,
    ListPart,
    OtherList,
    Segment,
    Step,
)
from campaigns.planning.audience import add_lists
from campaigns.planning.drives import drive_named, open_drive_of
from campaigns.planning.kinds import all_kinds, find_content, load_kinds
from campaigns.rules.audience import CONDITIONS, read_conditions
from campaigns.rules.content import Content, merge
from campaigns.rules.draft import Draft, GoalDraft
from campaigns.rules.kind_words import action_of, propose_content
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignState
from campaigns.rules.urgent import Urgency
from outreach.accounts import audit
from outreach.accounts.permissions import areas_of, find_visible, home_of, require_role, visible_to
from outreach.models.accounts import Area, MailedNotice, Organisation, Role, User
from outreach.models.contacts import ContactList
from outreach.places.areas import IS_CURRENT
from outreach.rules.errors import BadCampaign, BadInput, NotFound
from outreach.use_cases import use_case

_SIMPLE_PARTS = ("name", "sender", "unaccented", "pace", "cap_per_day", "budget_vnd", "starts_at", "deadline")


def save_draft(session: Session, campaign: Campaign, draft: Draft, *, user: User, now: datetime) -> None:
    """Store a draft, the user one of its authors. Raises BadCampaign for what is not there or theirs."""
    lists = find_lists(session, user, draft.lists)
    others = {
        (each.id, part)
        for part, names in ((ListPart.ALSO_IN, draft.also_in), (ListPart.EXCEPT, draft.excepted))
        for each in find_lists(session, user, names)
    }
    organisations = find_organisations(session, user, draft.conditions.organisations)
    areas = find_areas(session, user, draft.areas)
    for part in _SIMPLE_PARTS:
        setattr(campaign, part, getattr(draft, part))
    campaign.organisation_id = (
        campaign.organisation_id
        or user.organisation_id
        or (lists[0].organisation_id if lists else organisations[0].id)
    )
    if draft.drive:
        campaign.drive_id = drive_named(session, draft.drive, kind=draft.kind).id
    elif campaign.drive_id is None or campaign.kind != draft.kind:
        campaign.drive_id = open_drive_of(session, draft.kind, now=now).id
    campaign.kind = draft.kind
    campaign.content = dict(draft.content)
    kind_content = find_content(session, draft.kind) or {}
    campaign.is_health = bool(draft.content.get("health") or kind_content.get("health"))
    campaign.unaccented_languages = list(draft.unaccented_languages)
    campaign.fields = dict(draft.fields)
    campaign.areas = areas
    campaign.conditions = draft.conditions.as_data()
    campaign.window_from, campaign.window_to = draft.hours or (None, None)
    urgent = draft.urgent or Urgency("")
    campaign.urgent_reason, campaign.urgent_basis = urgent.reason, urgent.basis
    session.add(campaign)
    session.flush()
    _replace_steps_and_lists(session, campaign, draft, lists, others)
    find_lists(session, user, [*draft.lists, *draft.also_in, *draft.excepted])  # or one was removed meanwhile
    add_lists(session, campaign)
    _append_goal(session, campaign, draft.goal, user=user, now=now)
    session.merge(CampaignAuthor(campaign_id=campaign.id, user_id=user.id))
    session.flush()
    session.expire(campaign, ["steps"])


def _replace_steps_and_lists(
    session: Session,
    campaign: Campaign,
    draft: Draft,
    lists: Sequence[ContactList],
    others: set[tuple[int, ListPart]],
) -> None:
    for table in (Step, CampaignList, OtherList):
        session.execute(
            delete(table)
            .where(table.campaign_id == campaign.id)
            .execution_options(synchronize_session="fetch")
        )
    session.add_all(
        Step(campaign_id=campaign.id, number=number, **asdict(step))
        for number, step in enumerate(draft.steps, start=1)
    )
    ids = sorted({each.id for each in lists})
    session.add_all(CampaignList(campaign_id=campaign.id, list_id=list_id) for list_id in ids)
    session.add_all(
        OtherList(campaign_id=campaign.id, list_id=list_id, part=part) for list_id, part in sorted(others)
    )
    session.flush()


def _append_goal(
    session: Session, campaign: Campaign, goal: GoalDraft | None, *, user: User, now: datetime
) -> None:
    """Append the draft's goal and denominator, unless they are current already."""
    subject = campaign_subject(campaign)
    deadline = campaign.deadline.astimezone(VIETNAM).date() if campaign.deadline else None
    append_goal(
        session, subject, share=goal.share if goal else None, deadline=deadline, basis="", user=user, now=now
    )
    current = read_campaign_goals(session, [campaign.id]).get(campaign.id)
    denominator = current.denominator if current else None
    if denominator and (
        goal is None or goal.date != denominator.as_of.isoformat() or goal.denominator is None
    ):
        append_denominator(
            session,
            subject,
            value=None,
            as_of=denominator.as_of,
            source=denominator.source,
            user=user,
            now=now,
        )
    if goal and goal.denominator is not None and goal.date:
        as_of = date.fromisoformat(goal.date)
        append_denominator(
            session, subject, value=goal.denominator, as_of=as_of, source=goal.source, user=user, now=now
        )


def find_lists(session: Session, user: User, names: Sequence[str]) -> list[ContactList]:
    """Return lists by NAME, or ORGANISATION/NAME where two have it, each once. Raises BadCampaign."""
    full_name = Organisation.code + "/" + ContactList.name
    query = (
        select(ContactList, full_name)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(
            visible_to(session, user, ContactList.organisation_id),
            ~ContactList.hidden,
            or_(ContactList.name.in_(names), full_name.in_(names)),
        )
    )
    matches = defaultdict[str, list[ContactList]](list)
    for each, full in session.execute(query).all() if names else ():
        matches[each.name].append(each)
        matches[full].append(each)
    for name in names:
        if not matches[name]:
            raise BadCampaign("list_name_unknown", name=name)
        if len(matches[name]) > 1:
            raise BadCampaign("list_name_ambiguous", lists=len(matches[name]), name=name)
    return [matches[name][0] for name in dict.fromkeys(names)]


def find_areas(session: Session, user: User, codes: Sequence[str]) -> list[str]:
    """Return the areas of a user's campaign: those named, or if none are named the user's own.

    A code means today's unit where there is one. An empty result means everywhere. Raises BadCampaign for an area that does
    not exist, or outside the user's.
    """
    current = select(Area.official_code, Area.code).where(Area.official_code.in_(codes), IS_CURRENT)
    today = dict(session.execute(current).all())
    codes = [today.get(code, code) for code in codes]
    known = set(session.scalars(select(Area.code).where(Area.code.in_(codes))))
    if missing := [code for code in codes if code not in known]:
        raise BadCampaign("area_codes_unknown", codes=missing)
    within = areas_of(session, user)
    if within is None or user.area_code is None:
        return list(codes)
    if outside := [code for code in codes if code not in within]:
        raise BadCampaign("area_codes_out_of_scope", codes=outside)
    return list(codes) or [user.area_code]


def find_organisations(session: Session, user: User, codes: Sequence[str]) -> list[Organisation]:
    """Return organisations by their codes, in that order. Raises BadCampaign."""
    query = select(Organisation).where(
        Organisation.code.in_(codes), visible_to(session, user, Organisation.id)
    )
    by_code = {organisation.code: organisation for organisation in session.scalars(query)}
    if missing := [code for code in codes if code not in by_code]:
        raise BadCampaign("organisation_code_not_usable", code=missing[0])
    return [by_code[code] for code in codes]


def campaigns_of_list(session: Session, user: User, list_id: int) -> list[tuple[int, str]]:
    """Return (id, name) of visible campaigns that write to a list and are not cancelled."""
    query = (
        select(Campaign.id, Campaign.name)
        .join(CampaignList, CampaignList.campaign_id == Campaign.id)
        .where(
            CampaignList.list_id == list_id,
            Campaign.state != CampaignState.CANCELLED,
            visible_to(session, user, Campaign.organisation_id),
        )
        .order_by(Campaign.id.desc())
    )
    return [(campaign_id, name) for campaign_id, name in session.execute(query)]


def describe_campaign(
    session: Session, campaign: Campaign, *, kinds: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Describe a campaign as in its file, ready for JSON. `read_draft` makes the same draft of it."""
    first, *reminders = campaign.steps
    named = (
        select(Organisation.code + "/" + ContactList.name)
        .select_from(ContactList)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .order_by(Organisation.code, ContactList.name)
    )
    lists = named.join(CampaignList, CampaignList.list_id == ContactList.id).where(
        CampaignList.campaign_id == campaign.id, CampaignList.is_chosen
    )
    others = named.join(OtherList, OtherList.list_id == ContactList.id).where(
        OtherList.campaign_id == campaign.id
    )
    goal = read_campaign_goals(session, [campaign.id]).get(campaign.id)
    denominator = goal.denominator if goal else None
    changed = changed_parts(kinds.get(campaign.kind, {}), campaign.content)
    description = {
        "name": campaign.name,
        "kind": campaign.kind,
        "sender": campaign.sender,
        "lists": list(session.scalars(lists)),
        **{
            part.value: list(session.scalars(others.where(OtherList.part == part))) or None
            for part in ListPart
        },
        "areas": campaign.areas,
        **campaign.conditions,
        "text": first.text,
        **_variants(first),
        "fields": campaign.fields or None,
        "unaccented": campaign.unaccented,
        "unaccented_languages": campaign.unaccented_languages or None,
        "step": [
            _without_none(
                {"after_days": step.after_days, "at": step.at, "text": step.text, **_variants(step)}
            )
            for step in reminders
        ],
        "window": [campaign.window_from, campaign.window_to] if campaign.window_from else None,
        "starts_at": _clock_time(campaign.starts_at),
        "deadline": _clock_time(campaign.deadline),
        "pace": campaign.pace,
        "cap_per_day": campaign.cap_per_day,
        "urgent": Urgency(campaign.urgent_reason, campaign.urgent_basis).as_data()
        if campaign.urgent_reason
        else None,
        "budget_vnd": campaign.budget_vnd,
        "goal": _without_none(
            {
                "share": goal.share,
                "denominator": denominator.value if denominator else None,
                "date": denominator.as_of.isoformat() if denominator else None,
                "source": denominator.source if denominator else "",
            }
        )
        if goal
        else None,
        # Of a kind made in the office all of it, as that may be changed later.
        "content": changed if campaign.kind in load_kinds() else merge(changed, campaign.content),
    }
    return _without_none(description)


# What of a campaign decides which texts leave, to whom and from whom. Limits on when, how fast and how dear are kept by
# themselves; names change nothing.
_PLAN = (
    *("drive_id", "kind", "sender", "content", "unaccented", "unaccented_languages", "fields"),
    *("areas", "conditions", "urgent_reason", "urgent_basis", "corrects"),
)
_STEP_PLAN = ("number", "text", "text_b", "texts", "hold_out", "after_days", "at")
_NOTICE = ("notice_template", "notice_text")


def plan_of(session: Session, campaign: Campaign) -> dict[str, Any]:
    """Return what an approval of a campaign is bound to, by ids, as it comes back from JSON."""
    chosen = select(CampaignList.list_id).where(
        CampaignList.campaign_id == campaign.id, CampaignList.is_chosen
    )
    others = select(OtherList.part, OtherList.list_id).where(OtherList.campaign_id == campaign.id)
    plan = {
        **{name: getattr(campaign, name) for name in _PLAN},
        "steps": [
            {name: getattr(step, name) for name in _STEP_PLAN}
            # Only where there is one: what was approved before there were notices stays approved.
            | {name: value for name in _NOTICE if (value := getattr(step, name))}
            for step in campaign.steps
        ],
        "lists": sorted(session.scalars(chosen)),
        "other_lists": sorted([part.value, list_id] for part, list_id in session.execute(others)),
    }
    return dict(json.loads(json.dumps(plan)))


def _variants(step: Step) -> dict[str, Any]:
    """Return a step's other texts, its notice and the share held out; None where there is nothing."""
    notice = {name: getattr(step, name) or None for name in _NOTICE}
    return {"text_b": step.text_b, "texts": step.texts or None, "hold_out": step.hold_out or None, **notice}


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def _clock_time(moment: datetime | None) -> str | None:
    return moment.astimezone(VIETNAM).replace(tzinfo=None).isoformat("T", "minutes") if moment else None


def changed_parts(base: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs from a kind's content, False for what is missing; `merge` brings it back."""
    changed: dict[str, Any] = {key: value is False for key, value in base.items() if key not in content}
    for key, value in content.items():
        base_value = base.get(key)
        if isinstance(value, Mapping) and isinstance(base_value, Mapping):
            if parts := changed_parts(base_value, value):
                changed[key] = parts
        elif value != base_value:
            changed[key] = value
    return changed


def suggest_text(content: Content, *, takes_replies: bool) -> str:
    """Suggest a first message: who asks, what for, the link, how to answer, how to stop.

    What only the officer knows, such as a place, is a gap to fill in (`find_gaps`).
    Without `takes_replies` no reply by SMS comes back to us, and everything is done behind the link.
    """
    asked = content.asked or action_of(content.title)
    if not takes_replies:
        return (
            f"{content.issuer} kính mời ông/bà[ {{name}}] {asked}: {{link}} Trả lời hoặc từ chối tại liên kết"
        )
    link = ": {link}" if content.app else "."
    if content.own_answers:
        # What follows from the action alone is not said again: the message would cost twice as much.
        usual = propose_content({"title": content.title, "words": {"done": content.words.done}})
        short = dict(zip((text for _means, text in usual["answers"]), ("đã xong", "chưa"), strict=False))
        menu = [
            f"{own.number} {short.get(own.text, own.text[:1].lower() + own.text[1:])}"
            for own in content.own_answers
        ]
        is_usual = content.question == usual["question"]
        asked += "." if is_usual else f"{'.' if content.asked else ':'} {content.question}"
        link = "" if not content.app else link
    else:
        menu = [f"1 đã {content.words.done}", "2 chưa"]
        if content.wording(Label.NO_SMARTPHONE).reply:
            menu.append("3 không có điện thoại thông minh")
        menu.append(f"{len(menu) + 1} cần giúp")
    return f"{content.issuer} kính mời ông/bà[ {{name}}] {asked}{link} Trả lời: {', '.join(menu)}, TC từ chối nhận tin"


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A changed part, by its key in the campaign's file (`content.question`). None: not present."""

    key: str
    before: Any
    after: Any


def store_version(session: Session, campaign: Campaign, *, user_id: int, now: datetime) -> CampaignVersion:
    """Store a campaign as it is submitted. The caller locks its row, so that numbers do not collide."""
    last = newest_version(session, campaign.id)
    version = CampaignVersion(
        campaign_id=campaign.id,
        n=last.n + 1 if last else 1,
        data=describe_campaign(session, campaign, kinds=all_kinds(session)),
        plan=plan_of(session, campaign),
        submitted_by=user_id,
        submitted_at=now,
    )
    session.add(version)
    session.flush()
    return version


def record_decision(
    session: Session,
    campaign: Campaign,
    *,
    read: Mapping[str, Any] | None,
    reason: str = "",
    user: User,
    now: datetime,
    is_mailed: bool = True,
) -> None:
    """Store a decision on the newest version: an approval with what was `read`, or without it a return."""
    version = newest_version(session, campaign.id) or store_version(
        session, campaign, user_id=campaign.created_by, now=now
    )
    decision = CampaignDecision(
        version_id=version.id,
        approved=read is not None,
        read=read,
        reason=reason,
        decided_by=user.id,
        decided_at=now,
        mailed_at=None if is_mailed else now,
    )
    session.add(decision)
    session.flush()


APPROVAL_MAIL = "approval:"


def mail_key(version_id: int, decision: CampaignDecision | None) -> str:
    """Return the name under which is kept who was told by mail of a version, or of a decision on it."""
    return f"{APPROVAL_MAIL}{version_id}:{decision.id if decision else 0}"


def resend_decision_mail(session: Session, campaign_id: int) -> None:
    """Make the mail about the last decision on the newest version due again."""
    version = newest_version(session, campaign_id)
    if version is None:
        return
    decisions = select(CampaignDecision).where(CampaignDecision.version_id == version.id)
    if last := session.scalar(decisions.order_by(CampaignDecision.id.desc()).limit(1)):
        last.mailed_at = None
        session.execute(delete(MailedNotice).where(MailedNotice.key == mail_key(version.id, last)))


def read_versions(session: Session, campaign_id: int) -> list[CampaignVersion]:
    """Return the submitted versions, the oldest first."""
    query = select(CampaignVersion).where(CampaignVersion.campaign_id == campaign_id)
    return list(session.scalars(query.order_by(CampaignVersion.n)))


def is_campaign_author(session: Session, campaign: Campaign, user: User) -> bool:
    """Return whether the user has written on the campaign."""
    wrote = session.get(CampaignAuthor, (campaign.id, user.id))
    return wrote is not None or campaign.created_by == user.id


def newest_version(session: Session, campaign_id: int) -> CampaignVersion | None:
    """Return the version submitted last, or None."""
    return session.scalar(
        select(CampaignVersion)
        .where(CampaignVersion.campaign_id == campaign_id)
        .order_by(CampaignVersion.n.desc())
        .limit(1)
    )


def compare_versions(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[VersionChange]:
    """Return the parts that differ, in the order of `after`, then the removed ones."""
    old, new = _flatten(before), _flatten(after)
    keys = [*new, *(key for key in old if key not in new)]
    return [VersionChange(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]


def _flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten tables to dotted keys; a step is `step.2`, its number among all messages."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if key == "step":
            flat |= {f"step.{n}": step for n, step in enumerate(value, start=2)}
        elif isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


LONGEST_NAME = 80
# The parts of a campaign's file that describe its audience, and those that are lists.
PARTS = ("lists", "organisations", "also_in", "except", "areas", *CONDITIONS)
LISTED = tuple(part for part in PARTS if CONDITIONS.get(part, list) is list)


def read_segments(session: Session, user: User) -> list[Segment]:
    """Return the segments that a user may use, by name."""
    query = select(Segment).where(visible_to(session, user, Segment.organisation_id))
    return list(session.scalars(query.order_by(Segment.name, Segment.id)))


def find_segment(session: Session, segment_id: int, *, user: User) -> Segment:
    """Return a segment that the user may use. Raises NotFound."""
    return find_visible(session, Segment, segment_id, user, NotFound("saved_audience_not_found"))


@use_case
def save_segment(
    session: Session, name: str, description: Mapping[str, Any], *, user: User, now: datetime
) -> Segment:
    """Save a draft's audience as a segment, in place of one of that name. Raises BadInput, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    name = " ".join(name.split())
    if not name:
        raise BadInput("saved_audience_name_missing")
    if len(name) > LONGEST_NAME:
        raise BadInput("saved_audience_name_long", most=LONGEST_NAME)
    data = {key: description[key] for key in PARTS if description.get(key)}
    if not data.get("lists") and not data.get("organisations"):
        raise BadInput("saved_audience_empty")
    read_conditions(data)
    # Locked so that, if two officers save the same name at once, the second replaces the first one's segment.
    owner = home_of(session, user)
    session.execute(
        select(Organisation.id).where(Organisation.id == owner).with_for_update(key_share=True)
    ).all()
    of_name = (Segment.organisation_id.is_not_distinct_from(owner), Segment.name == name)
    segment = session.scalar(select(Segment).where(*of_name))
    if segment is None:
        segment = Segment(organisation_id=owner, name=name)
        session.add(segment)
    segment.data, segment.saved_by, segment.saved_at = data, user.id, now
    session.flush()
    audit.record(session, "segment.save", segment, user, now)
    return segment


@use_case
def remove_segment(session: Session, segment_id: int, *, user: User, now: datetime) -> None:
    """Remove a segment. Campaigns that began with it keep their audience. Raises NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    session.delete(find_segment(session, segment_id, user=user))
    audit.record(session, "segment.remove", f"segments:{segment_id}", user, now)
