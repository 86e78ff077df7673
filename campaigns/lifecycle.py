"""A campaign from draft to end. Each function is one use case's work in the caller's transaction.

A change of state is one conditional UPDATE: of two people who press at once, one wins and the other is
told what happened.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from campaigns.audience import freeze_audience, queue_step
from campaigns.draft import Draft
from campaigns.messages import Message, Outbox
from campaigns.models import Campaign, CampaignList, Goal, Step
from campaigns.states import CAMPAIGN_MOVES, UNSETTLED, CampaignAction, CampaignState, MessageState
from campaigns.windows import step_due_at
from outreach.access import audit
from outreach.access.models import Organisation, Role, User
from outreach.access.users import require_role, visible_to
from outreach.errors import BadCampaign, NotAllowed, NotFound, WrongState
from outreach.people.models import ContactList
from outreach.places.models import Area

STATE_NAMES = {
    CampaignState.DRAFT: "bản nháp",
    CampaignState.SUBMITTED: "chờ duyệt",
    CampaignState.APPROVED: "đã duyệt",
    CampaignState.SCHEDULED: "đã hẹn giờ",
    CampaignState.SENDING: "đang gửi",
    CampaignState.PAUSED: "tạm dừng",
    CampaignState.COMPLETED: "đã hoàn thành",
    CampaignState.CANCELLED: "đã hủy",
}

_WHO = {
    CampaignAction.SUBMIT: (Role.STAFF, Role.APPROVER),
    CampaignAction.RETURN: (Role.APPROVER,),
    CampaignAction.APPROVE: (Role.APPROVER,),
    CampaignAction.LAUNCH: (Role.STAFF, Role.APPROVER),
    CampaignAction.PAUSE: (Role.STAFF, Role.APPROVER),
    CampaignAction.RESUME: (Role.STAFF, Role.APPROVER),
    CampaignAction.CANCEL: (Role.STAFF, Role.APPROVER),
}


def create_campaign(session: Session, draft: Draft, *, user: User, now: datetime) -> Campaign:
    """Store a draft. Raises BadCampaign for a list or an area that is not there (or not the user's)."""
    require_role(user, Role.STAFF, Role.APPROVER)
    lists = [_find_list(session, user, name) for name in draft.lists]
    known = set(session.scalars(select(Area.code).where(Area.code.in_(draft.areas))))
    if missing := [code for code in draft.areas if code not in known]:
        raise BadCampaign(f"Không có mã địa bàn {', '.join(missing)}. Hãy nạp danh mục địa bàn hoặc sửa mã.")
    campaign = Campaign(
        name=draft.name,
        state=CampaignState.DRAFT,
        organisation_id=user.organisation_id or lists[0].organisation_id,
        sender=draft.sender,
        content=dict(draft.content),
        unaccented=draft.unaccented,
        areas=list(draft.areas),
        pace=draft.pace,
        window_from=draft.hours[0] if draft.hours else None,
        window_to=draft.hours[1] if draft.hours else None,
        cap_per_day=draft.cap_per_day,
        budget_vnd=draft.budget_vnd,
        starts_at=draft.starts_at,
        deadline=draft.deadline,
        created_by=user.id,
        created_at=now,
        steps=[
            Step(number=number, text=step.text, after_days=step.after_days, at=step.at)
            for number, step in enumerate(draft.steps, start=1)
        ],
    )
    session.add(campaign)
    session.flush()
    session.add_all(CampaignList(campaign_id=campaign.id, list_id=found.id) for found in dict.fromkeys(lists))
    if draft.goal:
        session.add(
            Goal(
                campaign_id=campaign.id,
                share=draft.goal.share,
                denominator=draft.goal.denominator,
                denominator_date=draft.goal.date,
                denominator_source=draft.goal.source,
            )
        )
    _record(session, campaign.id, user.id, "create", now)
    return campaign


def _find_list(session: Session, user: User, name: str) -> ContactList:
    """A list by its name, or by ORGANISATION/name where two organisations use the same."""
    query = (
        select(ContactList)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .where(
            visible_to(session, user, ContactList.organisation_id),
            or_(ContactList.name == name, Organisation.code + "/" + ContactList.name == name),
        )
    )
    found = session.scalars(query).all()
    if not found:
        raise BadCampaign(f"Không có danh sách “{name}” mà bạn được dùng. Hãy nhập danh sách hoặc sửa tên.")
    if len(found) > 1:
        raise BadCampaign(f"Có {len(found)} danh sách tên “{name}”. Hãy viết dạng MÃ_TỔ_CHỨC/{name}.")
    return found[0]


def find_campaign(session: Session, campaign_id: int, *, user: User) -> Campaign:
    """A campaign that the user may see. Raises NotFound."""
    campaign = session.scalar(
        select(Campaign).where(
            Campaign.id == campaign_id, visible_to(session, user, Campaign.organisation_id)
        )
    )
    if campaign is None:
        raise NotFound(f"Không có chiến dịch số {campaign_id} mà bạn được xem.")
    return campaign


def move(
    session: Session, campaign_id: int, action: CampaignAction, *, now: datetime, **values: object
) -> bool:
    """The conditional UPDATE. False when the campaign is not in a state that allows the action."""
    allowed, target = CAMPAIGN_MOVES[action]
    if target in (CampaignState.COMPLETED, CampaignState.CANCELLED):
        values["ended_at"] = now
    changed = session.execute(
        update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.state.in_(allowed))
        .values(state=target, **values)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    return changed.rowcount == 1  # type: ignore[attr-defined]


def act(session: Session, campaign_id: int, action: CampaignAction, *, user: User, now: datetime) -> Campaign:
    """Submit, return, approve, launch, pause, resume or cancel. Raises NotFound, NotAllowed, WrongState."""
    campaign = find_campaign(session, campaign_id, user=user)
    require_role(user, *_WHO[action])
    values: dict[str, object] = {}
    if action is CampaignAction.SUBMIT:
        values = {"submitted_at": now}
    elif action is CampaignAction.APPROVE:
        # Four eyes, administrators included.
        if campaign.created_by == user.id:
            raise NotAllowed("Người soạn chiến dịch không được tự duyệt. Hãy nhờ người khác duyệt.")
        values = {"approved_at": now, "approved_by": user.id}
    elif action is CampaignAction.LAUNCH:
        if campaign.deadline and campaign.deadline <= now:
            raise WrongState("Chiến dịch đã quá thời hạn gửi. Hãy tạo chiến dịch mới với thời hạn khác.")
        values = {"launched_at": now}
    elif action is CampaignAction.RESUME:
        values = {"pause_reason": "", "launched_at": func.coalesce(Campaign.launched_at, now)}
    before = campaign.state
    if (
        "launched_at" in values
        and before in CAMPAIGN_MOVES[action][0]
        and not campaign.launched_at
        and campaign.starts_at
        and campaign.starts_at > now
    ):
        action, values = CampaignAction.SCHEDULE, {"pause_reason": ""}
    if not move(session, campaign_id, action, now=now, **values):
        raise WrongState(
            f"Chiến dịch đang ở trạng thái “{STATE_NAMES[before]}”, không thể làm việc này. Hãy tải lại để xem."
        )
    if action is CampaignAction.CANCEL:
        _cancel_queued(session, campaign_id)
    _record(session, campaign_id, user.id, action.value, now)
    return session.get_one(Campaign, campaign_id)


def pause_by_itself(session: Session, campaign_id: int, *, reason: str, now: datetime) -> None:
    """Stop a campaign that would go wrong for everybody, and say why."""
    if move(session, campaign_id, CampaignAction.PAUSE, now=now, pause_reason=reason):
        _record(session, campaign_id, None, "pause", now, reason=reason)


def _cancel_queued(session: Session, campaign_id: int) -> None:
    """What waits is cancelled; what is under way ends by itself."""
    waiting = select(Outbox.message_id).where(Outbox.lane == campaign_id)
    session.execute(
        update(Message)
        .where(Message.id.in_(waiting), Message.state == MessageState.QUEUED)
        .values(state=MessageState.CANCELLED)
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(Outbox).where(Outbox.lane == campaign_id))


def start_scheduled(session: Session, *, now: datetime) -> list[int]:
    """Set off the campaigns whose time has come; their ids."""
    due = session.scalars(
        select(Campaign.id).where(Campaign.state == CampaignState.SCHEDULED, Campaign.starts_at <= now)
    ).all()
    return [
        campaign_id
        for campaign_id in due
        if move(session, campaign_id, CampaignAction.LAUNCH, now=now, launched_at=now)
    ]


def steps_due(session: Session, *, now: datetime) -> list[int]:
    """Steps of sending campaigns whose time has come and that are not open yet, in order."""
    steps = session.scalars(
        select(Step)
        .join(Campaign)
        .where(Campaign.state == CampaignState.SENDING, Step.opened_at.is_(None))
        .order_by(Step.campaign_id, Step.number)
    ).all()
    return [
        step.id
        for step in steps
        if step.campaign.launched_at
        and step_due_at(step.campaign.launched_at, after_days=step.after_days, at=step.at) <= now
    ]


def open_step(session: Session, step_id: int, *, now: datetime) -> bool:
    """Materialise a step's messages, the audience before the first. False when another was quicker."""
    step = session.get_one(Step, step_id)
    campaign = session.execute(
        select(Campaign).where(Campaign.id == step.campaign_id).with_for_update()
    ).scalar_one()
    if campaign.state is not CampaignState.SENDING:
        return False
    opened = session.execute(
        update(Step)
        .where(Step.id == step_id, Step.opened_at.is_(None))
        .values(opened_at=now)
        .execution_options(synchronize_session=False)
    )
    if opened.rowcount != 1:  # type: ignore[attr-defined]
        return False
    if step.number == 1:
        freeze_audience(session, campaign)
    queue_step(session, step, now=now)
    return True


def complete_finished(session: Session, *, now: datetime) -> list[int]:
    """End the campaigns that have opened every step and have nothing left to send or to clear up."""
    unsettled = exists().where(Message.campaign_id == Campaign.id, Message.state.in_(UNSETTLED))
    unopened = exists().where(Step.campaign_id == Campaign.id, Step.opened_at.is_(None))
    finished = session.scalars(
        select(Campaign.id).where(Campaign.state == CampaignState.SENDING, ~unopened, ~unsettled)
    ).all()
    return [
        campaign_id
        for campaign_id in finished
        if move(session, campaign_id, CampaignAction.COMPLETE, now=now)
    ]


def _record(
    session: Session, campaign_id: int, actor_id: int | None, action: str, now: datetime, **details: object
) -> None:
    audit.record(
        session,
        actor_id=actor_id,
        action=f"campaign.{action}",
        subject=f"campaigns:{campaign_id}",
        now=now,
        **details,
    )
