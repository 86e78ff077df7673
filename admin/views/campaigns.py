"""The list of campaigns, and each campaign's sheet with its actions.

Also the plain data that both pages show, read in one snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin.forms import Form, LongTextField, NumberField, TextField
from admin.permissions import may_open
from admin.views.correct_texts import CampaignTextPages, read_wrong_texts
from admin.wording.campaigns import (
    OTHER_LANGUAGES,
    ShownChange,
    ShownLift,
    own_texts,
    sent_a_trial,
    show_changes,
    show_conditions,
    show_lifts,
    show_warnings,
)
from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.analytics.reach import read_reach, step_lifts
from campaigns.delivery.send_test_message import send_test_message
from campaigns.goals.goals import read_campaign_goals
from campaigns.lifecycle import find_campaign, perform_action
from campaigns.models.campaigns import (
    Campaign,
    CampaignDecision,
    CampaignList,
    CampaignVersion,
    Recipient,
    Step,
)
from campaigns.models.replies import InstallReport
from campaigns.planning.approvals import (
    approvals_needed,
    approvers_of,
    is_waiting_for_approval,
)
from campaigns.planning.correct_texts import apply_corrections, changed_texts, may_be_corrected
from campaigns.planning.drafts import (
    VersionChange,
    compare_versions,
    describe_campaign,
    is_campaign_author,
)
from campaigns.planning.kinds import all_kinds
from campaigns.planning.preview import EXAMPLE_NAME, AudiencePreview, Preview, build_preview
from campaigns.rules.content import Content, read_content
from campaigns.rules.draft import read_stored_draft
from campaigns.rules.reach import InstallShare, share_of
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.rules.urgent import MAX_PER_DAY, Urgency
from outreach.accounts.permissions import organisations_of, visible_to
from outreach.accounts.users import name_of
from outreach.core.db import count_rows
from outreach.core.settings import Settings
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import ContactList
from outreach.models.places import Area

PAGE = 25


class ReturnForm(Form):
    main = "reason"
    reason = LongTextField(_l("Trả lại để sửa, vì"), rows=2, required=True)


class ApproveForm(Form):
    """Approval of what the page showed: the number of the submission and of the recipients."""

    version = NumberField(_l("Lần trình"), type="hidden", default=None)
    recipients = NumberField(_l("Số người nhận"), type="hidden", default=None)


class TrialForm(Form):
    """A test message; `step` is the step whose text it has."""

    main, not_passed = "number", ("step_number",)
    number = TextField(
        _l("Gửi thử đến số của mình"), name="trial_number", type="tel", autocomplete="tel", class_="short"
    )
    step_number = NumberField(name="step", default=1)


_FORMS: dict[CampaignAction, type[Form]] = {
    CampaignAction.RETURN: ReturnForm,
    CampaignAction.APPROVE: ApproveForm,
}


class CampaignsView(CampaignTextPages):
    name, endpoint, url = _l("Chiến dịch"), "campaigns", "/admin/campaigns"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        state_name = request.args.get("state", "")
        state = CampaignState(state_name) if state_name in list(CampaignState) else None
        page = max(1, request.args.get("page", 1, type=int))
        with self.reading() as (session, user):
            rows, total = read_campaigns(session, user, state=state, page=page, size=PAGE)
        return self.render(
            "campaigns/list.html",
            campaigns=rows,
            total=total,
            page=page,
            pages=-(-total // PAGE),
            states=list(CampaignState),
            state=state,
            may_write=may_open(current_user.role, "campaigns.create"),
        )

    @expose("/<int:campaign_id>/")
    def sheet(self, campaign_id: int) -> ResponseReturnValue:
        """Show a campaign's sheet. `?tried`: a test message has just been sent."""
        with self.reading() as (session, user):
            return self._sheet(session, user, campaign_id)

    def _sheet(self, session: Session, user: User, campaign_id: int) -> str:
        campaign = find_campaign(session, campaign_id, user=user)
        now = datetime.now(UTC)
        audience = self.audiences.of_campaign(session, campaign)
        shown = read_sheet(session, campaign, audience, user=user, settings=self.settings, now=now)
        panel = (
            read_sending_panel(session, campaign, now, runtime=self.runtime) if shown.was_launched else None
        )
        page: str = self.render(
            "campaigns/sheet.html",
            sheet=shown,
            panel=panel,
            may_correct=may_open(user.role, "campaigns.texts")
            and may_be_corrected(campaign)
            and not campaign.correction,
            correction=_read_correction(session, campaign, user),
            own_texts=own_texts(shown.description.get("content", {}), campaign.kind),
            lifts=_read_lifts(session, campaign, user) if shown.was_launched else [],
            languages=OTHER_LANGUAGES,
            page_languages=list(campaign.content.get("languages", {})),
            campaign_id=campaign_id,
            shown_doubts=show_warnings(shown.preview.doubts, is_live=self.settings.is_live),
            example_name=EXAMPLE_NAME,
            passes_opt_outs=self.settings.urgent_passes_opt_outs,
            urgent_cap=MAX_PER_DAY,
            **read_wrong_texts(session, campaign, user),
            tried=sent_a_trial() if "tried" in request.args else "",
            return_form=ReturnForm.on_page(),
            trial_form=TrialForm.on_page(),
        )
        return page

    # -- actions of a campaign's life cycle --------------------------------------------------------

    @expose("/<int:campaign_id>/submit", methods=["POST"])
    def submit(self, campaign_id: int) -> ResponseReturnValue:
        return self._perform(
            campaign_id, CampaignAction.SUBMIT, _("Đã trình duyệt. Người duyệt sẽ được báo.")
        )

    @expose("/<int:campaign_id>/return", methods=["POST"])
    def return_draft(self, campaign_id: int) -> ResponseReturnValue:
        return self._perform(campaign_id, CampaignAction.RETURN, _("Chiến dịch đã trở về bản nháp để sửa."))

    @expose("/<int:campaign_id>/approve", methods=["POST"])
    def approve(self, campaign_id: int) -> ResponseReturnValue:
        return self._perform(campaign_id, CampaignAction.APPROVE, _("Đã duyệt. Chiến dịch có thể được gửi."))

    @expose("/<int:campaign_id>/launch", methods=["POST"])
    def launch(self, campaign_id: int) -> ResponseReturnValue:
        return self._perform(
            campaign_id, CampaignAction.LAUNCH, _("Đã cho gửi. Tiến trình hiện ngay trên trang này.")
        )

    @expose("/<int:campaign_id>/discard", methods=["POST"])
    def discard(self, campaign_id: int) -> ResponseReturnValue:
        return self._perform(
            campaign_id, CampaignAction.CANCEL, _("Đã bỏ chiến dịch này. Không có tin nào được gửi.")
        )

    def _perform(self, campaign_id: int, action: CampaignAction, message: str) -> ResponseReturnValue:
        """Perform an action. A refusal is shown on the sheet, with the typed reason still in its field."""

        def told(campaign: Campaign) -> str:
            if action is CampaignAction.APPROVE and campaign.state is CampaignState.SUBMITTED:
                return _("Đã ghi nhận lần duyệt thứ nhất. Cần thêm một người khác duyệt.")
            return message

        form: Form = _FORMS.get(action, Form)()
        page = url_for("campaigns.sheet", campaign_id=campaign_id)
        return self.submit_form(form, page, perform_action, campaign_id, action, message=told)

    @expose("/<int:campaign_id>/test", methods=["POST"])
    def send_test(self, campaign_id: int) -> ResponseReturnValue:
        form = TrialForm()
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            number = form.step_number.data
            step: Step = next((s for s in campaign.steps if s.number == number), campaign.steps[0])
        return self.submit_form(
            form,
            url_for("campaigns.sheet", campaign_id=campaign_id),
            send_test_message,
            text=step.text,
            unaccented=campaign.unaccented,
            settings=self.settings,
            campaign_id=campaign_id,
            then=url_for("campaigns.sheet", campaign_id=campaign_id, tried=1, _anchor="trial"),
        )


@dataclass(frozen=True, slots=True)
class ShownCorrection:
    """A proposed correction, and what the user may do about it."""

    by: str
    at: datetime
    changes: list[ShownChange]
    may_confirm: bool
    may_drop: bool


def _read_correction(session: Session, campaign: Campaign, user: User) -> ShownCorrection | None:
    if not campaign.correction:
        return None
    by = campaign.correction["by"]
    content = apply_corrections(campaign.content, campaign.correction["texts"])
    changes = [
        VersionChange(f"content.{path}", before, after)
        for path, (before, after) in changed_texts(campaign.content, content).items()
    ]
    is_approver = user.role in _APPROVERS
    return ShownCorrection(
        by=name_of(session, by),
        at=datetime.fromisoformat(campaign.correction["at"]),
        changes=show_changes(changes, areas={}, organisations={}),
        may_confirm=is_approver and user.id != by and not is_campaign_author(session, campaign, user),
        may_drop=is_approver or user.id == by,
    )


def _read_lifts(session: Session, campaign: Campaign, user: User) -> list[ShownLift]:
    if not any(step.hold_out or step.text_b for step in campaign.steps):
        return []
    seen = organisations_of(session, user)
    return show_lifts(step_lifts(campaign, read_reach(session, campaign, seen=seen, now=datetime.now(UTC))))


_WRITERS = (Role.STAFF, Role.APPROVER, Role.ADMINISTRATOR)
_APPROVERS = (Role.APPROVER, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """A submission and the decision on it; `approved` is None while it waits."""

    n: int
    submitted_by: str
    submitted_at: datetime
    approved: bool | None
    decided_by: str
    decided_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class CampaignSheet:
    """All data of a sheet. `may` holds the actions that this user may take now."""

    id: int
    name: str
    state: CampaignState
    organisation: str
    author: str
    created_at: datetime
    approver: str
    approved_at: datetime | None
    description: dict[str, Any]
    content: Content
    kind: str
    lists: list[tuple[int, str, str]]  # id, name, organisation
    areas: list[str]
    conditions: list[tuple[str, str]]  # further conditions on the audience: label, value
    preview: Preview
    submissions: list[SubmissionRow]
    changes: list[ShownChange]
    compared_with: int | None
    is_author: bool
    approvals: int  # number needed
    approved_by: list[str]  # names of those who approved the last submission
    is_held: bool  # launched, and waits for an approval
    version: int | None  # number of the last submission
    urgent: Urgency | None
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
    audience: AudiencePreview,
    *,
    user: User,
    settings: Settings,
    now: datetime,
) -> CampaignSheet:
    """Return the data of a campaign's sheet, with the actions that `user` may take."""
    kinds = all_kinds(session)
    description = describe_campaign(session, campaign, kinds=kinds)
    draft = read_stored_draft(description, kinds=kinds)
    versions = session.scalars(
        select(CampaignVersion).where(CampaignVersion.campaign_id == campaign.id).order_by(CampaignVersion.n)
    ).all()
    area_names = dict(
        session.execute(select(Area.code, Area.kind + " " + Area.name).order_by(Area.code)).all()
    )
    compared, changes = _compare(campaign, description, list(versions))
    is_author = is_campaign_author(session, campaign, user)
    organisation = session.get(Organisation, campaign.organisation_id) if campaign.organisation_id else None
    shown = build_preview(session, draft, audience, settings=settings, now=now)
    approver_ids = approvers_of(session, campaign.id)
    waits = is_waiting_for_approval(campaign)
    may = _allowed_actions(
        CampaignState.SUBMITTED if waits else campaign.state, user.role, is_author=is_author
    )
    if waits:
        may -= {"discard", "withdraw", "return"}
    return CampaignSheet(
        id=campaign.id,
        name=campaign.name,
        state=campaign.state,
        organisation=organisation.name if organisation else "",
        author=name_of(session, campaign.created_by),
        created_at=campaign.created_at,
        approver=name_of(session, campaign.approved_by),
        approved_at=campaign.approved_at,
        description=description,
        content=read_content(campaign.content),
        kind=kinds.get(campaign.kind, {}).get("title", campaign.kind),
        lists=_lists(session, campaign),
        areas=[area_names.get(code, code) for code in campaign.areas],
        conditions=show_conditions(description, organisations=_organisations(session)),
        preview=shown,
        submissions=_submissions(session, list(versions)),
        changes=show_changes(changes, areas=area_names, organisations=_organisations(session)),
        compared_with=compared,
        is_author=is_author,
        approvals=approvals_needed(shown, settings, is_urgent=draft.urgent is not None),
        urgent=draft.urgent,
        approved_by=[name_of(session, number) for number in approver_ids],
        is_held=waits,
        version=versions[-1].n if versions else None,
        may=may - {"approve"} if user.id in approver_ids else may,
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


def _allowed_actions(state: CampaignState, role: Role, *, is_author: bool) -> frozenset[str]:
    """Return the actions to offer; the use cases check again when one is taken."""
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
    campaign: Campaign, description: dict[str, Any], versions: list[CampaignVersion]
) -> tuple[int | None, list[Any]]:
    """Return the compared version and the changes.

    For a draft since it was last submitted, else between the last two submissions.
    """
    if campaign.state not in _BEFORE_LAUNCH:
        return None, []
    if campaign.state is CampaignState.DRAFT and versions:
        return versions[-1].n, compare_versions(versions[-1].data, description)
    if len(versions) > 1:
        return versions[-2].n, compare_versions(versions[-2].data, versions[-1].data)
    return None, []


def _submissions(session: Session, versions: list[CampaignVersion]) -> list[SubmissionRow]:
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
    names = {user.id: user.shown_name for user in session.scalars(select(User).where(User.id.in_(ids)))}
    submissions = []
    for version in reversed(versions):
        decided = decisions.get(version.id)
        submissions.append(
            SubmissionRow(
                n=version.n,
                submitted_by=names[version.submitted_by],
                submitted_at=version.submitted_at,
                approved=decided.approved if decided else None,
                decided_by=names[decided.decided_by] if decided else "",
                decided_at=decided.decided_at if decided else None,
                reason=decided.reason if decided else "",
            )
        )
    return submissions


def read_campaigns(
    session: Session, user: User, *, state: CampaignState | None, page: int, size: int
) -> tuple[list[dict[str, Any]], int]:
    """Return one page of the campaigns that the user may see, newest first, and their total number."""
    seen = visible_to(session, user, Campaign.organisation_id)
    conditions = [seen, Campaign.state == state] if state else [seen]
    total = count_rows(session, Campaign, *conditions)
    rows = session.execute(
        select(Campaign, Organisation.name, User.name, User.email)
        .outerjoin(Organisation, Organisation.id == Campaign.organisation_id)
        .join(User, User.id == Campaign.created_by)
        .where(*conditions)
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
            "is_urgent": bool(campaign.urgent_reason),
            "author": name or email,
        }
        for campaign, organisation, name, email in rows
    ], total


def _shares(session: Session, campaigns: list[Campaign]) -> dict[int, InstallShare]:
    """Return the self-reported share of each launched campaign; reads indexes only."""
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
