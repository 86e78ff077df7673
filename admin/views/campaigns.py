"""The list of campaigns, their calendar, and each one's page with its actions and live figures; its form is in `campaign_form.py`."""

import calendar
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.forms import Form, LongTextField, NumberField, TextField, this_day
from admin.permissions import may_open
from admin.refusals import within_quota
from admin.views.base import AdminPage, FormAction
from admin.views.campaign_form import CampaignTextPages, count_undecided, read_whom
from admin.views.campaign_page import (
    CampaignSheet,
    CommentForm,
    cards_to_open,
    read_results,
    read_wave,
    results_every,
    sheet_context,
)
from admin.views.inbox import keep_opened
from admin.wording.campaigns import OTHER_LANGUAGES, sent_a_trial, show_warnings, tell_gaps
from admin.wording.errors import show_error
from admin.wording.filters import number
from admin.wording.progress import show_promised
from campaigns.analytics.calendar import read_calendar, read_collisions
from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.analytics.installs import hides_few
from campaigns.analytics.open_tasks import was_returned
from campaigns.analytics.progress_counts import count_answers, read_promised_of
from campaigns.answer_totals import sum_totals
from campaigns.cases.conversation import open_campaign_answers
from campaigns.cases.handle_case import may_read_answers
from campaigns.delivery.office_phones import send_test_message
from campaigns.delivery.reconcile import decide_unknown
from campaigns.goals.goals import read_campaign_goals
from campaigns.lifecycle import find_campaign, perform_action
from campaigns.models.campaigns import Campaign
from campaigns.models.replies import AnswerTotal
from campaigns.planning.audience import audience_query
from campaigns.planning.comments import settle_comment, write_comment
from campaigns.planning.drafts import describe_campaign
from campaigns.planning.drives import asks_of_health, list_drives
from campaigns.planning.kinds import all_kinds, find_outside_base, words_of
from campaigns.planning.preview import EXAMPLE_NAME, example_values, facts_of_campaign, read_texts
from campaigns.privacy.clocks import load_calendar, quiet_days
from campaigns.reports.settings import drives_with_report
from campaigns.reports.take_snapshot import days_with_report
from campaigns.rules.draft import read_stored_draft
from campaigns.rules.progress import PlaceCounts
from campaigns.rules.reach import InstallShare, share_of
from campaigns.rules.small_counts import FEWEST
from campaigns.rules.states import CampaignAction, CampaignState
from campaigns.sweep import SecondWave, send_second_wave
from outreach.accounts.permissions import organisations_of, visible_to
from outreach.core.db import count_rows
from outreach.models.accounts import Organisation, User
from outreach.models.contacts import ContactList
from outreach.rules.errors import LoaError, NotAllowed

PAGE = 25


class ReturnForm(Form):
    main = "reason"
    reason = LongTextField(_l("Trả lại để sửa, vì"), rows=2, required=True)


class ApproveForm(Form):
    """Approval of what the page showed: the number of the submission and of the recipients."""

    version = NumberField(_l("Lần trình"), type="hidden", default=None)
    recipients = NumberField(_l("Số người nhận"), type="hidden", default=None)


class WaveForm(Form):
    """A second wave to as many people as the page named."""

    people = NumberField(_l("Số người mới"), type="hidden", default=None)


class TrialForm(Form):
    """A test message; `shown_text` is the key of the text that it has."""

    main, not_passed = "number", ("shown_text",)
    number = TextField(
        _l("Gửi thử đến số của mình"), name="trial_number", type="tel", autocomplete="tel", class_="short"
    )
    shown_text = TextField()


def _tell_wave(wave: SecondWave) -> str:
    n = number(wave.people)
    if wave.has_left:
        return _("Đã xếp vào hàng gửi cho %(n)s người mới vào danh sách.", n=n)
    return _("Việc gửi cho %(n)s người mới vào danh sách chờ duyệt.", n=n)


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
        """Show a campaign from its draft to its result: as a form to those who may write it now, else to read.

        `?tried`: a test message has just been sent. `?part=results`: how many gave each answer, alone.
        """
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            if campaign.launched_at and request.args.get("part") == "results":
                shown = self.render(
                    "campaigns/results.html",
                    campaign_id=campaign.id,
                    results=read_results(session, campaign, user, by_place=campaign.ended_at is not None),
                )
                # A page that stays open asks no longer than answers come.
                return shown, {} if results_every(campaign, now=datetime.now(UTC)) else {"X-Live": "end"}
            if campaign.state is CampaignState.DRAFT and may_open(user.role, "campaigns.edit"):
                return self.show_draft(session, user, campaign)
            return self._read(session, user, campaign)

    def _read(self, session: Session, user: User, campaign: Campaign) -> str:
        audience = self.audiences.of_campaign(session, campaign)
        if audience.people < FEWEST and not may_read_answers(user) and asks_of_health(session, campaign):
            raise NotAllowed("few_people_hidden")
        shown = sheet_context(session, campaign, audience, user=user, runtime=self.runtime)
        sheet: CampaignSheet = shown["sheet"]
        draft = read_stored_draft(sheet.description, kinds=all_kinds(session))
        settings = self.settings
        return self.render(
            "campaigns/campaign.html",
            **shown,
            form=None,
            opened=cards_to_open(sheet, shown["open_comments"]),
            preview=sheet.preview,
            is_counting=False,
            is_chosen=True,
            sender=campaign.sender,
            kind=campaign.kind,
            who=read_whom(session, sheet.description),
            waiting={}  # no longer told
            if sheet.was_launched or sheet.is_over
            else count_undecided(session, user, audience_query(session, campaign).lists),
            draft=draft,
            content=sheet.content,
            texts_read=read_texts(
                draft,
                settings=settings,
                now=datetime.now(UTC),
                price_vnd=sheet.preview.price_vnd,
                facts=sheet.preview.audience.fields,
            ),
            shown_text=request.args.get("shown_text", "0"),
            languages=OTHER_LANGUAGES,
            language_names=OTHER_LANGUAGES,
            shown_doubts=show_warnings(
                sheet.preview.doubts,
                is_live=settings.is_live,
                gaps=tell_gaps(draft),
                form=url_for("campaigns.edit", campaign_id=campaign.id) if "edit" in sheet.may else None,
                odd_names=sheet.preview.audience.odd_names
                if "edit" in sheet.may and not user.area_code
                else (),
            ),
            example_name=EXAMPLE_NAME,
            passes_opt_outs=settings.urgent_passes_opt_outs,
            wave=read_wave(
                session, campaign, user, sheet.preview, settings=settings, may_count="joined" in request.args
            ),
            tried=sent_a_trial() if "tried" in request.args else "",
            return_form=ReturnForm.on_page(),
            trial_form=TrialForm.on_page(),
        )

    # -- actions of a campaign's life cycle --------------------------------------------------------

    @expose("/<int:campaign_id>/answers", methods=["POST"])
    def open_answers(self, campaign_id: int) -> ResponseReturnValue:
        """Open the list of who answered a campaign about health; recorded in the audit log."""

        def then(_opened: int) -> str:
            keep_opened(campaign_id)
            if request.args.get("then") == "hand_over":
                return url_for("hand_over.index", campaign_id=campaign_id)
            return url_for("contacts.index", campaign=campaign_id)

        return self.submit_form(Form(), within_quota(open_campaign_answers), campaign_id, then=then)

    submit = FormAction("/<int:campaign_id>/submit", perform_action, action=CampaignAction.SUBMIT).tells(
        _l("Đã trình phê duyệt. Người duyệt sẽ được báo.")
    )
    return_draft = FormAction(
        "/<int:campaign_id>/return", perform_action, ReturnForm, action=CampaignAction.RETURN
    ).tells(_l("Chiến dịch đã trở về bản nháp để sửa."))
    approve = FormAction(
        "/<int:campaign_id>/approve", perform_action, ApproveForm, action=CampaignAction.APPROVE
    ).tells(
        lambda campaign: (
            _("Đã ghi nhận lần duyệt thứ nhất. Cần thêm một người khác duyệt.")
            if campaign.state is CampaignState.SUBMITTED
            else _("Đã duyệt. Chiến dịch có thể được gửi.")
        )
    )
    launch = FormAction("/<int:campaign_id>/launch", perform_action, action=CampaignAction.LAUNCH).tells(
        _l("Đã bắt đầu gửi.")
    )
    discard = FormAction("/<int:campaign_id>/discard", perform_action, action=CampaignAction.CANCEL).tells(
        _l("Đã bỏ chiến dịch này. Không có tin nào được gửi.")
    )
    # The first step to those who have joined the lists, or the question for the approval that this needs.
    extend = FormAction("/<int:campaign_id>/extend", send_second_wave, WaveForm).tells(_tell_wave)

    @expose("/<int:campaign_id>/comments", methods=["POST"])
    def comment(self, campaign_id: int) -> ResponseReturnValue:
        form, told = CommentForm(), _("Đã ghi góp ý.")
        then = url_for("campaigns.sheet", campaign_id=campaign_id, _anchor=f"talk-{form.card.data}")
        return self.submit_form(form, write_comment, campaign_id, message=told, then=then)

    settle = FormAction(
        "/<int:campaign_id>/comments/<int:comment_id>/settle",
        settle_comment,
        then=lambda comment: url_for(
            "campaigns.sheet", campaign_id=comment.campaign_id, _anchor=f"talk-{comment.card}"
        ),
    )

    @expose("/<int:campaign_id>/test", methods=["POST"])
    def send_test(self, campaign_id: int) -> ResponseReturnValue:
        form = TrialForm()
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            kinds, unaccented = all_kinds(session), campaign.unaccented
            draft = read_stored_draft(describe_campaign(session, campaign, kinds=kinds), kinds=kinds)
            facts = facts_of_campaign(session, campaign)
        texts = {each.key: each for each in read_texts(draft, settings=self.settings, now=datetime.now(UTC))}
        chosen = texts.get(form.shown_text.data or "", texts["0"])
        return self.submit_form(
            form,
            send_test_message,
            text=chosen.to_try,
            unaccented=unaccented,
            campaign_id=campaign_id,
            fields=example_values(draft.fields, facts),
            then=url_for(
                "campaigns.sheet", campaign_id=campaign_id, tried=1, shown_text=chosen.key, _anchor="trial"
            ),
        )


def read_campaigns(
    session: Session, user: User, *, state: CampaignState | None, page: int, size: int
) -> tuple[list[dict[str, Any]], int]:
    """Return one page of the campaigns that the user may see, newest first, and their total number."""
    seen = visible_to(session, user, Campaign.organisation_id)
    conditions = [seen, Campaign.state == state] if state else [seen]
    total = count_rows(session, Campaign, *conditions)
    rows = session.execute(
        select(Campaign, Organisation.name, User.shown_name, was_returned())
        .outerjoin(Organisation, Organisation.id == Campaign.organisation_id)
        .join(User, User.id == Campaign.created_by)
        .where(*conditions)
        .order_by(Campaign.id.desc())
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    campaigns = [row[0] for row in rows]
    told = [each for each in campaigns if not hides_few([each], user)]
    promised = _promised(session, told, user)
    counts = _counts(session, campaigns)
    by_share = counts.keys() & {each.id for each in told} - promised.keys()
    shares = _shares(session, {each: counts[each] for each in by_share})
    return [
        {
            "id": campaign.id,
            "name": campaign.name,
            "state": campaign.state,
            "was_returned": is_returned,
            "organisation": organisation or "",
            "recipients": counts[campaign.id].recipients if campaign.id in counts else None,
            "share": shares.get(campaign.id),
            "promised": promised.get(campaign.id),
            "at": campaign.launched_at or campaign.starts_at or campaign.created_at,
            "was_launched": campaign.launched_at is not None,
            "is_urgent": bool(campaign.urgent_reason),
            "author": author,
        }
        for campaign, organisation, author, is_returned in rows
    ], total


def _promised(session: Session, campaigns: list[Campaign], user: User) -> dict[int, str]:
    """Return of each launched campaign whose people promise what came of it, in words."""
    asking = [each for each in campaigns if each.launched_at and each.content.get("own_answers")]
    if not asking:
        return {}
    seen = visible_to(session, user, ContactList.organisation_id)
    ids, shown = [each.id for each in asking], {}
    counts = count_answers(session, ids, seen=seen)
    # Who asks for help or for no more messages afterwards has done it all the same.
    installed = {
        id_: n for id_, _people, n in sum_totals(session, ids, AnswerTotal.campaign_id, where=[seen])
    }
    for each in asking:
        if figures := read_promised_of(each, counts[each.id], done=installed.get(each.id, 0)):
            words = words_of(session, each.kind)
            done = _("đã %(done)s %(n)s", done=words.done, n=number(figures.done))
            shown[each.id] = f"{show_promised(figures, words)[0][0]}, {done}"
    return shown


def _counts(session: Session, campaigns: list[Campaign]) -> dict[int, PlaceCounts]:
    """Return the recipients of each launched campaign, with their answers and installs, from the kept totals."""
    counts = {each.id: PlaceCounts() for each in campaigns if each.recipients is not None}
    outside = {each.id: find_outside_base(session, each.kind) for each in campaigns if each.id in counts}
    by = (AnswerTotal.campaign_id, AnswerTotal.answer)
    for id_, answer, people, installed in sum_totals(session, counts, *by):
        without = people if answer in outside[id_] else 0
        counts[id_].update(PlaceCounts(installed=installed, recipients=people, no_smartphone=without))
    return counts


def _shares(session: Session, counts: Mapping[int, PlaceCounts]) -> dict[int, InstallShare]:
    """Return the self-reported share of each of these campaigns, of the people entered for its goal if there are any."""
    goals = read_campaign_goals(session, counts)
    entered = {campaign_id: goal.denominator.value for campaign_id, goal in goals.items() if goal.denominator}
    return {
        campaign_id: share_of(
            installed=each.installed,
            recipients=each.recipients,
            no_smartphone=each.no_smartphone,
            entered=entered.get(campaign_id),
        )
        for campaign_id, each in counts.items()
    }


SHEET = "/admin/campaigns/{}/"


class SendingView(AdminPage):
    """Not in the menu: shown on a campaign's sheet."""

    name, endpoint, url = "", "sending", "/admin/campaigns/<int:campaign_id>/running"

    @expose("/")
    def panel(self, campaign_id: int) -> ResponseReturnValue:
        """Render the figures alone; the sheet polls this every second."""
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            panel = read_sending_panel(session, campaign, datetime.now(UTC), runtime=self.runtime)
        page = self.render("campaigns/sending_live.html", panel=panel)
        return page, {"X-Live": "end"} if panel.is_over else {}

    @expose("/<any(pause, resume, undo, cancel):action>", methods=["POST"])
    def act(self, campaign_id: int, action: str) -> ResponseReturnValue:
        """Perform an action.

        Called by script it returns 204 and the figures refresh; otherwise it redirects to the sheet.
        """
        if request.headers.get("X-Requested-With") == "fetch":
            try:
                self.do(perform_action, campaign_id, CampaignAction(action))
            except LoaError as error:
                return show_error(error), 422
            return "", 204
        undone = _("Đã thu hồi lệnh gửi. Chưa ai nhận tin; chiến dịch trở về “Đã duyệt”.")
        return self.submit_form(
            Form(),
            perform_action,
            campaign_id,
            CampaignAction(action),
            message=undone if action == CampaignAction.UNDO else "",
            page=SHEET.format(campaign_id),
        )

    @expose("/undecided/<any(resend, keep):choice>", methods=["POST"])
    def decide(self, campaign_id: int, choice: str) -> ResponseReturnValue:
        """Decide on messages whose outcome the gateway cannot tell: resend, or count as sent."""
        decide_unknown_messages(self, campaign_id, choice)
        return redirect(SHEET.format(campaign_id), code=303)


def decide_unknown_messages(view: AdminPage, campaign_id: int | None, choice: str) -> None:
    """Resend messages of unknown outcome or count them as sent, and flash how many there were."""
    is_resend = choice == "resend"
    count = view.do(decide_unknown, campaign_id, resend=is_resend)
    if not count:
        flash(_("Không còn tin nào cần quyết định."), "info")
    elif is_resend:
        flash(_("Đã xếp %(count)s tin vào hàng để gửi lại.", count=number(count)), "success")
    else:
        flash(_("Đã ghi %(count)s tin là đã gửi.", count=number(count)), "success")


class CalendarView(AdminPage):
    name, endpoint, url = _l("Lịch gửi"), "calendar", "/admin/calendar"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show a month. `?month=` is YYYY-MM, by default this one; `?collisions` counts them at once."""
        month = _requested_month()
        weeks = calendar.Calendar().monthdatescalendar(month.year, month.month)
        first, last = weeks[0][0], weeks[-1][-1]
        with self.reading() as (session, user):
            now = datetime.now(UTC)
            entries = read_calendar(session, user, first, last, settings=self.settings, now=now)
            sees_reports = organisations_of(session, user) is None
            reports = _report_days(session, [day for week in weeks for day in week]) if sees_reports else {}
            collisions = self._collisions(session, user) if "collisions" in request.args else None
        quiet, holidays = quiet_days(self.settings), load_calendar()
        return self.render(
            "campaigns/calendar.html",
            month=month,
            before=(month - timedelta(days=1)).strftime("%Y-%m"),
            after=(month + timedelta(days=31)).strftime("%Y-%m"),
            weeks=weeks,
            today=this_day(),
            entries={day: [each for each in entries if each.day == day] for week in weeks for day in week},
            reports=reports,
            quiet={day: why for week in weeks for day in week if (why := quiet.why(day)) is not None},
            has_entries=bool(entries),
            collisions=collisions,
            # Told where the holidays are kept and next year's are wanted soon.
            holidays_until=holidays.known_until
            if quiet.takes_holidays and holidays.is_running_out(this_day())
            else None,
        )

    @expose("/collisions")
    def collisions(self) -> ResponseReturnValue:
        """Render the collisions of all steps to come, or with `?campaign=` of one campaign's."""
        with self.reading() as (session, user):
            campaign_id = request.args.get("campaign", type=int)
            if campaign_id:
                find_campaign(session, campaign_id, user=user)
            found = self._collisions(session, user, campaign_id)
        page = self.render("campaigns/collisions.html", collisions=found, of_one=bool(campaign_id))
        return page, {"X-Live": "end"}

    def _collisions(self, session: Session, user: User, campaign_id: int | None = None) -> list[Any]:
        """Return (campaign, name, its collisions), those with most phones first."""
        found = read_collisions(
            session, user, runtime=self.runtime, now=datetime.now(UTC), campaign_id=campaign_id
        )
        by_phones = sorted(found.items(), key=lambda each: -max(row.phones for row in each[1]))
        return [(of, find_campaign(session, of, user=user).name, rows) for of, rows in by_phones]


def _requested_month() -> date:
    asked = f"{request.args.get('month', '')}-01"
    try:
        # Moments of the year 1 have none in UTC.
        return date.fromisoformat(asked if asked >= "2000" else "")
    except ValueError:
        return this_day().replace(day=1)


def _report_days(session: Session, days: list[date]) -> dict[date, list[str]]:
    """Return the drives whose report is due, by day."""
    with_report = set(drives_with_report(session))
    due: dict[date, list[str]] = {}
    for drive in list_drives(session):
        for day in days_with_report(session, drive.id, days) if drive.id in with_report else ():
            due.setdefault(day, []).append(drive.name)
    return due
