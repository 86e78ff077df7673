"""Home page: open tasks, running campaigns, progress towards the goals, the emergency stop; what waits for the user, behind the bell; the
search everywhere: people by name or last digits, campaigns, places and pages, each within the user's rights; and the guides of
docs/huong-dan as pages, with the map from each page to its section there. They are Vietnamese; those in the folder `en` are read in English
by who chose English.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import abort, redirect, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.forms import Form, TextField
from admin.permissions import may_open
from admin.views.audience_cache import AudienceCache
from admin.views.base import AdminPage, FormAction, warn
from admin.views.campaign_page import read_results, read_sheet
from admin.views.campaigns import decide_unknown_messages
from admin.views.progress import may_change
from admin.wording.campaigns import show_warnings, tell_gaps
from admin.wording.errors import show_stored_error
from admin.wording.filters import day as show_day
from admin.wording.filters import label_of, moment, number, rows_waiting
from admin.wording.progress import DAY_STATES, OUTLOOKS, did_of, show_promised
from campaigns.agencies.reports import has_any_report, read_overview
from campaigns.analytics import open_tasks
from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.analytics.open_tasks import FirstStep, count_incidents, read_cards, read_first_steps
from campaigns.analytics.progress import read_drive_figures, read_forecast, read_progress
from campaigns.cases.case_list import count_open
from campaigns.delivery.reconcile import count_without_campaign
from campaigns.lifecycle import may_resume_sending, resume_all_sending, stop_all_sending
from campaigns.models.campaigns import Campaign, Drive
from campaigns.planning.drives import current_drive_id, list_drives
from campaigns.planning.keep_form import read_kept_forms
from campaigns.planning.kinds import all_kinds, words_of
from campaigns.planning.preview import read_texts
from campaigns.privacy.requests import count_unreported, count_urgent
from campaigns.reports import run_schedule
from campaigns.reports.settings import current_template, drives_with_report
from campaigns.reports.user_notices import UserNotice, hide_notices, read_notices
from campaigns.rules.cases import CaseKind
from campaigns.rules.draft import read_stored_draft
from campaigns.rules.reports.template import ReportTemplate
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignState
from outreach.accounts.permissions import areas_of, is_province_staff, organisations_of, visible_to
from outreach.contacts.directory import ContactFilter, read_page, record_search
from outreach.core.cache import cached_count
from outreach.imports.issues import count_waiting
from outreach.models.accounts import Area, NoticeKind, Role, User
from outreach.places.areas import IS_CURRENT
from outreach.rules.errors import NotAllowed
from outreach.rules.phone_numbers import unaccented
from outreach.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Task:
    """An open task with the URL where it is done; `look` is the colour of its badge, `mark` its text and its group, `count` how many it is."""

    text: str
    more: str
    url: str
    look: str
    mark: str
    count: int = 1


_STEP_PAGES = {
    FirstStep.LIST: "imports.index",
    FirstStep.TEXT: "campaigns.create",
    FirstStep.TEST: "campaigns.index",
    FirstStep.SUBMITTED: "campaigns.index",
    FirstStep.APPROVED: "campaigns.index",
    FirstStep.SENT: "campaigns.index",
    FirstStep.ANSWERED: "inbox.index",
    FirstStep.REPORT: "report.index",
}


class HomeView(AdminPage):
    name, endpoint, url = _l("Trang chủ"), "admin", "/admin"

    def __init__(self, runtime: Runtime, audiences: AudienceCache) -> None:
        super().__init__(runtime)
        self.audiences = audiences

    @expose("/")
    def index(self) -> ResponseReturnValue:
        now = datetime.now(UTC)
        with self.reading() as (session, user):
            is_leader = user.role is Role.LEADER
            waiting = self._waiting(session, user, now)
            tasks = (
                _report_tasks(session, user, now)
                if is_leader
                else _read_tasks(session, user, now, {each["sheet"].campaign.id for each in waiting})
            )
            return self.render(
                "home/home.html",
                cries=open_tasks.read_open_cries(session, user),
                to_help=count_open(session, user).get(CaseKind.HELP, 0) if is_leader else 0,
                events=read_cards(session, user, redis=self.runtime.redis, now=now),
                reads_cries=may_open(user.role, "inbox.number"),
                groups=_group(tasks),
                waiting=waiting,
                decided=open_tasks.read_decisions(session, user, since=now - timedelta(days=7))
                if may_open(user.role, "campaigns.approve")
                else [],
                cards=self._cards(session, user, now),
                shares=self._drive_shares(session, user, now),
                reports=_todays_reports(session, user, now) if is_leader else [],
                now=now,
                stopped=open_tasks.who_stopped(session),
                may_stop=may_open(user.role, "admin.stop"),
                may_release=may_resume_sending(session, user),
                undecided=count_without_campaign(session, user, now=now),
                has_campaigns=not open_tasks.is_empty(session, user, Campaign.organisation_id),
                first_steps=self._first_steps(session, user),
                makes_kinds=is_province_staff(session, user),
                has_sheet=may_open(user.role, "campaigns.sheet"),
            )

    def _first_steps(self, session: Session, user: User) -> list[tuple[FirstStep, bool, str]]:
        """Return the steps of the user's first campaign, whether each is done, and its page; none once all are, their first campaign is over, or unwanted."""
        if not may_open(user.role, "campaigns.create") or NoticeKind.FIRST in user.unwanted_notices:
            return []

        def read() -> dict[str, list[str]]:
            return {"done": sorted(read_first_steps(session, [user.id])[user.id])}

        key = f"loa:first-steps:{user.id}"
        done = cached_count(self.runtime.redis, key, read, min_ttl_s=2.0)["done"]
        if len(done) == len(FirstStep) or open_tasks.has_ended_campaign(session, user):
            return []
        return [(step, step.value in done, url_for(page)) for step, page in _STEP_PAGES.items()]

    # The list of steps is shown again from the account's page.
    hide_first_steps = FormAction("/first-steps", hide_notices, kind=NoticeKind.FIRST).tells(
        _l("Đã ẩn. Muốn xem lại, chọn ở Tài khoản của tôi, mục Thông báo việc chờ.")
    )

    @expose("/running")
    def running(self) -> ResponseReturnValue:
        """Render the campaigns of today alone; the home page polls this every few seconds."""
        with self.reading() as (session, user):
            return self.render(
                "home/running.html",
                cards=self._cards(session, user, datetime.now(UTC)),
                has_sheet=may_open(user.role, "campaigns.sheet"),
            )

    def _cards(self, session: Session, user: User, now: datetime) -> list[dict[str, Any]]:
        """Return the campaigns under way and those of today, for a leader those of the last 48 hours, with what came of each."""
        today = datetime.combine(now.astimezone(VIETNAM), time(), VIETNAM)
        since = now - timedelta(hours=48) if user.role is Role.LEADER else today
        return [
            {
                "name": campaign.name,
                "panel": read_sending_panel(session, campaign, now, runtime=self.runtime),
                "results": read_results(session, campaign, user),
            }
            for campaign in open_tasks.read_current(session, user, since=since)
        ]

    def _waiting(self, session: Session, user: User, now: datetime) -> list[dict[str, Any]]:
        """Return the campaigns that this user may approve, oldest first, with what an approver weighs before they open one."""
        if not may_open(user.role, "campaigns.approve"):
            return []
        cards, settings, kinds = [], self.settings, all_kinds(session)
        for each in open_tasks.read_campaigns_in_state(session, user, CampaignState.SUBMITTED):
            campaign = session.get_one(Campaign, each.id)
            audience = self.audiences.of_campaign(session, campaign)
            sheet = read_sheet(session, campaign, audience, user=user, settings=settings, now=now)
            if "approve" not in sheet.may:
                continue
            draft = read_stored_draft(sheet.description, kinds=kinds)
            text = read_texts(draft, settings=settings, now=now, facts=audience.fields)[0]
            doubts = show_warnings(sheet.preview.doubts, is_live=settings.is_live, gaps=tell_gaps(draft))
            cards.append({"sheet": sheet, "text": text, "doubts": doubts})
        return cards

    def _drive_shares(self, session: Session, user: User, now: datetime) -> list[dict[str, Any]]:
        """Return where the chosen drive stands, and every other one that has a goal and has not ended: its figures, its goal with
        the forecast, and what is said of them. A leader is also told which places lag, which only the whole page of progress knows.
        """
        is_leader = user.role is Role.LEADER
        today, shares = now.astimezone(VIETNAM).date(), list[dict[str, Any]]()
        for n, drive in enumerate(list_drives(session)):
            if n and drive.ends_on and drive.ends_on < today.isoformat():
                continue
            page = (
                read_progress(session, drive, user=user, runtime=self.runtime, now=now) if is_leader else None
            )
            figures = page or read_drive_figures(session, drive, user=user, redis=self.runtime.redis, now=now)
            if figures is None or (n and not figures.head.goal):
                continue
            head = (
                page.head
                if page
                else read_forecast(session, figures, user=user, runtime=self.runtime, now=now)
            )
            words = words_of(session, drive.kind)
            shares.append(
                {
                    "figures": figures,
                    "head": head,
                    "urges": page is not None and may_change(session, user, page)["urges"],
                    "did": did_of(words),
                    "promised": show_promised(figures.promised, words) if figures.promised else None,
                    "verdict": OUTLOOKS[head.outlook],
                    "days_left": head.days_left(today),
                }
            )
        return shares

    @expose("/stop", methods=["POST"])
    def stop(self) -> ResponseReturnValue:
        def told(_result: object) -> str:
            warn(_("Đã dừng toàn bộ việc nhắn tin. Không tin nào bị mất; mở lại thì gửi tiếp từ chỗ dừng."))
            return ""

        return self.submit_form(Form(), stop_all_sending, message=told)

    release = FormAction("/release", resume_all_sending).tells(
        _l("Đã mở lại. Các chiến dịch đang gửi sẽ tiếp tục trong vài giây.")
    )

    @expose("/undecided/<any(resend, keep):choice>", methods=["POST"])
    def decide(self, choice: str) -> ResponseReturnValue:
        """Decide on unknown messages that belong to no campaign, as a campaign's sheet does for its own."""
        decide_unknown_messages(self, None, choice)
        return redirect(url_for("admin.index"), code=303)


def _url_if_open(user: User, endpoint: str, **values: Any) -> str:
    """Return the URL of a page, or "" if the user may not open it."""
    return url_for(endpoint, **values) if may_open(user.role, endpoint) else ""


def _group(tasks: list[Task]) -> list[tuple[str, str, int, list[Task]]]:
    """Return the tasks by what is to be done, in their order: (badge, its colour, how many, the tasks)."""
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.mark, []).append(task)
    return [(mark, each[0].look, sum(task.count for task in each), each) for mark, each in groups.items()]


def _todays_reports(
    session: Session, user: User, now: datetime
) -> list[tuple[Drive, tuple[str, Any], ReportTemplate]]:
    """Return today's report of each drive that has one, for who sees the whole province: its state as a badge, its form's hours."""
    today, drives = now.astimezone(VIETNAM).date(), list_drives(session)
    if organisations_of(session, user) is not None:
        return []
    states = [(drive, run_schedule.read_today(session, drive.id, today, now=now)) for drive in drives]
    return [
        (drive, DAY_STATES[state], current_template(session, drive.id))
        for drive, state in states
        if state and state is not run_schedule.DayState.NOT_WANTED
    ]


def _read_tasks(session: Session, user: User, now: datetime, shown: Collection[int]) -> list[Task]:
    """Return the open tasks, people who need help before papers; campaigns that are `shown` already are not waiting once more."""
    unknown, cases = open_tasks.read_unknown(session, user, now=now), _case_tasks(session, user)
    incidents = count_incidents(session, user) if may_open(user.role, "incidents.index") else 0
    seen = _("%(count)s sự cố cần xem", count=incidents), "", url_for("incidents.index")
    return [
        *([Task(*seen, "bad", _("Sự cố"), incidents)] if incidents else []),
        *(task for task in cases if task.look == "warn"),
        *_report_tasks(session, user, now),
        *_campaign_tasks(session, user, shown),
        *(_draft_tasks(session, user) if may_open(user.role, "campaigns.create") else []),
        *(_decision_task(campaign, user) for campaign in unknown if campaign.undecided),
        *_privacy_tasks(session, user, now),
        *_breach_tasks(session, user, now),
        *(task for task in cases if task.look != "warn"),
        *_list_tasks(session, user),
        *_agency_tasks(session, user, now),
        *(
            Task(
                _("%(count)s tin chưa rõ kết quả: %(name)s", count=number(left), name=campaign.name),
                "",
                _sheet_url(user, campaign.id),
                "info",
                _("Chờ kết quả"),
                left,
            )
            for campaign in unknown
            if (left := campaign.unknown - campaign.undecided)
        ),
    ]


def _campaign_tasks(session: Session, user: User, shown: Collection[int]) -> list[Task]:
    """Return a task for each campaign that waits for somebody: to be approved, confirmed, launched, changed, resumed."""
    tasks = []

    def add(campaign_id: int, name: str, more: str, look: str, mark: str) -> None:
        tasks.append(Task(name, more, _sheet_url(user, campaign_id), look, mark))

    for campaign in open_tasks.read_campaigns_in_state(session, user, CampaignState.SUBMITTED):
        if campaign.id not in shown:
            add(campaign.id, campaign.name, "", "info", _("Chờ duyệt"))
    for what, more in (
        (Campaign.correction, _("Có câu sửa chờ xác nhận.")),
        (Campaign.wave, _("Xin gửi thêm cho người mới vào danh sách.")),
    ):
        if may_open(user.role, "campaigns.confirm_texts"):
            for campaign_id, name in open_tasks.read_proposed(session, user, what):
                add(campaign_id, name, more, "warn", _("Chờ duyệt"))
    for campaign in open_tasks.read_campaigns_in_state(session, user, CampaignState.APPROVED):
        more = _("Mở ra và bấm gửi.") if may_open(user.role, "campaigns.launch") else _("Chờ cán bộ bấm gửi.")
        add(campaign.id, campaign.name, more, "good", _("Đã duyệt"))
    for campaign in open_tasks.read_returned(session, user):
        more = _("Người duyệt trả lại. Sửa rồi trình lần nữa.")
        add(campaign.id, campaign.name, more, "warn", _("Trả lại"))
    for campaign in open_tasks.read_campaigns_in_state(session, user, CampaignState.PAUSED):
        reason = show_stored_error(campaign.pause_reason) or _("Một cán bộ đã tạm dừng.")
        add(campaign.id, campaign.name, reason, "warn", _("Tạm dừng"))
    return tasks


def _case_tasks(session: Session, user: User) -> list[Task]:
    """Return a task for each kind of open case, each leading to exactly those that it counts."""
    if not may_open(user.role, "inbox.index"):
        return []
    counts = count_open(session, user)
    tasks = []
    for kind in sorted(counts, key=lambda kind: (kind is not CaseKind.HELP, kind)):
        url, count, name = url_for("inbox.index", kind=kind.value), counts[kind], label_of(kind, "case")
        if kind is CaseKind.HELP:
            tasks.append(Task(_("Gọi lại hoặc cử người đến giúp"), "", url, "warn", name, count))
        else:
            tasks.append(Task(f"{name}: {number(count)}", "", url, "info", _("Trả lời"), count))
    return tasks


def _list_tasks(session: Session, user: User) -> list[Task]:
    return [
        Task(
            _("Danh sách “%(name)s”: %(rows)s", name=waiting.list_name, rows=rows_waiting([waiting])),
            waiting.file_name,
            _url_if_open(user, "lists.waiting", list=waiting.list_id),
            "info",
            _("Quyết định"),
            waiting.review + waiting.questions,
        )
        for waiting in count_waiting(session, user)[: open_tasks.MAX_ROWS]
    ]


def _agency_tasks(session: Session, user: User, now: datetime) -> list[Task]:
    drive, today = current_drive_id(session), now.astimezone(VIETNAM).date()
    if not has_any_report(session, user, drive):
        return []
    if not (missing := read_overview(session, user, drive, day=today).missing):
        return []
    text = _("%(count)s cơ quan chưa gửi số liệu hôm nay", count=len(missing))
    return [Task(text, "", url_for("agencies.index"), "info", _("Cơ quan"), len(missing))]


def _draft_tasks(session: Session, user: User) -> list[Task]:
    """Return a task for each campaign that the user is writing: kept as typed, or saved as a draft."""
    tasks = [
        Task(
            kept.name or _("Chiến dịch chưa đặt tên"),
            _("lưu lúc %(at)s", at=moment(kept.written_at)),
            url_for("campaigns.create", key=kept.key),
            "info",
            _("Viết dở"),
        )
        for kept in read_kept_forms(session, user)
    ]
    return tasks + [
        Task(draft.name, "", _sheet_url(user, draft.id), "info", _("Bản nháp"))
        for draft in open_tasks.read_campaigns_in_state(session, user, CampaignState.DRAFT)
    ]


def _privacy_tasks(session: Session, user: User, now: datetime) -> list[Task]:
    """Return tasks for privacy requests due or overdue: the law allows two working days."""
    if not may_open(user.role, "privacy_requests.index"):
        return []
    overdue, soon = count_urgent(session, user, now=now)
    url = url_for("privacy_requests.index")
    tasks = []
    if overdue:
        text = _("%(count)s yêu cầu về dữ liệu cá nhân đã quá hạn", count=overdue)
        tasks.append(Task(text, "", url, "bad", _("Quá hạn"), overdue))
    if soon:
        text = _("%(count)s yêu cầu về dữ liệu cá nhân đến hạn", count=soon)
        tasks.append(Task(text, "", url, "warn", _("Đến hạn"), soon))
    return tasks


def _breach_tasks(session: Session, user: User, now: datetime) -> list[Task]:
    """Return a task while a breach is not reported to the authority."""
    if not may_open(user.role, "data_protection.record"):
        return []
    waiting, late = count_unreported(session, now=now)
    if not waiting:
        return []
    text = _("%(n)s vi phạm dữ liệu cá nhân chưa thông báo cho cơ quan chuyên trách", n=waiting)
    url = url_for("data_protection.index")
    return [Task(text, "", url, "bad", _("Quá hạn") if late else _("Đến hạn"), waiting)]


def _decision_task(campaign: Any, user: User) -> Task:
    return Task(
        _(
            "%(count)s tin chưa rõ kết quả, cần người quyết định: %(name)s",
            count=number(campaign.undecided),
            name=campaign.name,
        ),
        "",
        _url_if_open(user, "campaigns.sheet", campaign_id=campaign.id, _anchor="undecided"),
        "warn",
        _("Cần quyết định"),
        campaign.undecided,
    )


# What is told of an alarm about a day's report, and its colour.
_ALARMS: dict[run_schedule.Alarm, tuple[Any, str]] = {
    run_schedule.Alarm.MISSING: (_l("Còn cơ quan, đơn vị chưa gửi số liệu cho báo cáo ngày"), "warn"),
    run_schedule.Alarm.UNAPPROVED: (_l("Báo cáo hôm nay chưa được phê duyệt, chưa phát hành"), "bad"),
    run_schedule.Alarm.UNDELIVERED: (_l("Báo cáo ngày %(day)s chưa đến được tất cả nơi nhận"), "bad"),
}


def _report_tasks(session: Session, user: User, now: datetime) -> list[Task]:
    """Return tasks about reports: days that were missed, alarms of today, reports that wait for the user's approval."""
    tasks, today = [], now.astimezone(VIETNAM).date()

    def add(text: Any, more: str, look: str, mark: str, drive: int, iso: str) -> None:
        url = _url_if_open(user, "report.index", drive=drive, day=iso)
        tasks.append(Task(str(text) % {"day": show_day(iso)}, more, url, look, mark))

    for drive in drives_with_report(session) if is_province_staff(session, user) else ():
        mark, late = _("Báo cáo ngày"), _("Vẫn lập được: số liệu tính đến giờ chốt của ngày đó.")
        for day in run_schedule.read_missed_days(session, drive, today=today):
            text = _("Chưa phát hành báo cáo ngày %(day)s")
            add(text, late, "bad", mark, drive, day.isoformat())
        for day in (today, today - timedelta(days=1)):
            alarm = run_schedule.read_alarm(session, drive, day)
            # Yesterday without a report is a missed day.
            if alarm and (day == today or alarm is run_schedule.Alarm.UNDELIVERED):
                add(_ALARMS[alarm][0], "", _ALARMS[alarm][1], mark, drive, day.isoformat())
    mark = _("Chờ phê duyệt")
    corrected = _("Báo cáo bổ sung, đính chính ngày %(day)s chờ phê duyệt")
    for each in run_schedule.read_waiting_reports(session, user):
        if not each.by_user:
            text = corrected if each.n else _("Báo cáo ngày %(day)s chờ phê duyệt")
            add(text, "", "warn", mark, each.drive, each.day)
    return tasks


def _sheet_url(user: User, campaign_id: int) -> str:
    return _url_if_open(user, "campaigns.sheet", campaign_id=campaign_id)


_COUNTED_FOR_S = 15.0


class NoticesView(AdminPage):
    """Not in the menu: the bell on every page leads here."""

    under = "admin"
    name, endpoint, url = "", "notices", "/admin/notices"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        with self.reading() as (session, user):
            waiting = read_notices(session, user, now=datetime.now(UTC))
        return self.render("home/notices.html", waiting=[(each, _page_of(each)) for each in waiting])


def _page_of(each: UserNotice) -> str:
    """Return the address of the page where it is done."""
    match each.kind:
        case NoticeKind.READY | NoticeKind.FAILED:
            return url_for("imports.show", upload_id=each.id)
        case NoticeKind.CASES:
            return url_for("inbox.show", case_id=each.id)
        case NoticeKind.REPORT:
            return url_for("report.index", drive=each.id, day=each.day)
    return url_for("campaigns.sheet", campaign_id=each.id)


def count_notices(runtime: Runtime) -> int:
    """Return how much waits for the current user, some seconds old at most."""

    def count() -> dict[str, int]:
        with runtime.db.read() as session:
            return {
                "n": len(read_notices(session, session.get_one(User, current_user.id), now=datetime.now(UTC)))
            }

    return int(
        cached_count(runtime.redis, f"loa:waiting:{current_user.id}", count, min_ttl_s=_COUNTED_FOR_S)["n"]
    )


MOST_OF_A_KIND = 6
_FEWEST_LETTERS = 2
_FEWEST_DIGITS = 3


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A result: its text, what tells it from others, and where it leads."""

    text: str
    more: str
    url: str


class SearchForm(Form):
    text = TextField(
        _l("Tìm người, chiến dịch, địa bàn, trang"),
        name="q",
        filters=[str.strip],
        maxlength=100,
        autocomplete="off",
    )


class SearchView(AdminPage):
    name, endpoint, url = "", "search", "/admin/search"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self.render("home/search.html", form=SearchForm.on_page(), kinds=[], searched=False)

    @expose("/", methods=["POST"])
    def find(self) -> ResponseReturnValue:
        """Show what is found; names and numbers are no part of an address, which logs keep. `?part` is for the script."""
        form = SearchForm()
        text = form.text.data if form.validate() else ""
        found: dict[str, list[SearchResult]] = {}
        digits = sum(map(str.isdecimal, text))
        if digits >= _FEWEST_DIGITS or len(text) - digits >= _FEWEST_LETTERS:
            may_open_people = self._may_search_people(text)
            with self.reading() as (session, user):
                found = {
                    _("Người dân"): _people(session, user, text) if may_open_people else [],
                    _("Chiến dịch"): self._campaigns(session, user, text),
                    _("Địa bàn"): _places(session, user, text) if may_open_people else [],
                    _("Trang"): self._pages(text),
                }
        template = "home/search_results.html" if "part" in request.args else "home/search.html"
        kinds = [{"title": title, "results": results} for title, results in found.items() if results]
        return self.render(template, form=form, kinds=kinds, searched=bool(text))

    def _may_search_people(self, text: str) -> bool:
        """Whether people are searched for; a whole number only for who may see numbers, which is recorded."""
        if not may_open(current_user.role, "contacts.index"):
            return False
        try:
            self.do(record_search, text)
        except NotAllowed:
            return False
        return True

    def _campaigns(self, session: Session, user: User, text: str) -> list[SearchResult]:
        if not may_open(user.role, "campaigns.sheet"):
            return []
        rows = session.execute(
            select(Campaign.id, Campaign.name, Campaign.state)
            .where(visible_to(session, user, Campaign.organisation_id))
            .order_by(Campaign.id.desc())
        )
        return _first(
            SearchResult(name, label_of(state, "state"), url_for("campaigns.sheet", campaign_id=campaign_id))
            for campaign_id, name, state in rows
            if matches(text, name)
        )

    def _pages(self, text: str) -> list[SearchResult]:
        pages = [
            (str(item.name), item.get_url())
            for item in self.admin.menu()
            if item.is_visible() and item.get_url()
        ]
        pages += [
            (str(name), url_for(endpoint))
            for endpoint, name in _MORE_PAGES.items()
            if may_open(current_user.role, endpoint)
        ]
        return _first(SearchResult(name, "", url) for name, url in pages if matches(text, name))


# Pages that are not in the menu.
_MORE_PAGES = {
    "campaigns.create": _l("Soạn chiến dịch"),
    "imports.index": _l("Nhập tệp danh sách"),
    "lists.waiting": _l("Dòng chờ quyết định"),
    "lists.places": _l("Địa danh chờ xác định"),
    "account.index": _l("Tài khoản, mật khẩu"),
    "guides.index": _l("Hướng dẫn"),
}


def matches(text: str, name: str) -> bool:
    """Check whether each word of the text begins a word of the name; accents do not count."""
    words = unaccented(name).replace("-", " ").split()
    return all(any(word.startswith(part) for word in words) for part in unaccented(text).split())


def _first(results: Iterable[SearchResult]) -> list[SearchResult]:
    return [found for found, _n in zip(results, range(MOST_OF_A_KIND), strict=False)]


def _people(session: Session, user: User, text: str) -> list[SearchResult]:
    lines = read_page(session, user, ContactFilter(text=text)).lines[:MOST_OF_A_KIND]
    return [
        SearchResult(
            line.name or _("(chưa có tên)"),
            ", ".join(filter(None, (line.village, line.place, *(number for number, _off in line.phones)))),
            url_for("contacts.show", contact_id=line.id),
        )
        for line in lines
    ]


def _places(session: Session, user: User, text: str) -> list[SearchResult]:
    areas = areas_of(session, user)
    query: Any = select(Area.code, Area.kind, Area.name).where(IS_CURRENT).order_by(Area.name)
    if areas is not None:
        query = query.where(Area.code.in_(areas))
    return _first(
        SearchResult(f"{kind} {name}", _("Người dân ở đây"), url_for("contacts.index", area=code))
        for code, kind, name in session.execute(query)
        if matches(text, f"{kind} {name}")
    )


if TYPE_CHECKING:
    from markdown_it.token import Token


class GuidesView(AdminPage):
    name, endpoint, url = "", "guides", "/admin/huong-dan"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self.show(INDEX)

    @expose("/<guide>")
    def show(self, guide: str) -> ResponseReturnValue:
        found = read_guide(guide, str(get_locale()))
        if found is None:
            abort(404)
        return self.render("home/guide.html", guide=found, is_index=guide == INDEX)

    @expose("/pictures/<picture>")
    def picture(self, picture: str) -> ResponseReturnValue:
        return send_from_directory(PICTURES, picture, max_age=3600)


_DOCS = Path(__file__).resolve().parents[2] / "docs"
_FOLDER = _DOCS / "huong-dan"
PICTURES = _DOCS / "pictures"
INDEX = "README"
# By endpoint, or by view for all its pages: the section on how to use it, as guide#heading.
SECTIONS: Mapping[str, str] = tomllib.loads((_FOLDER / "pages.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Guide:
    """A guide: its title and language, its sections as (anchor, heading), and the rest as HTML."""

    title: str
    language: str
    sections: list[tuple[str, str]]
    html: Markup


def section_of(endpoint: str | None) -> tuple[str, str]:
    """Return guide and anchor of an endpoint, the index if there is no section about it."""
    endpoint = endpoint or ""
    section = SECTIONS.get(endpoint) or SECTIONS.get(endpoint.partition(".")[0]) or INDEX
    guide, _hash, anchor = section.partition("#")
    return guide, anchor


def names() -> list[str]:
    """Return the names of all guides."""
    return sorted(path.stem for path in _FOLDER.glob("*.md"))


@cache
def read_guide(name: str, language: str = "vi") -> Guide | None:
    """Return a guide by its file name, None if there is none. In Vietnamese if the language has none.

    A section has the same anchor in every language. Links between guides and to pictures are relative: they fit the URLs of `guides.show` and `guides.picture`.
    """
    if name not in names():
        return None
    from markdown_it import MarkdownIt  # noqa: PLC0415 - 1 MB, where a guide is read alone

    parser = MarkdownIt("commonmark").enable("table")
    vietnamese = tokens = parser.parse((_FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    translation = _FOLDER / language / f"{name}.md"
    if is_translated := translation.is_file():
        tokens = parser.parse(translation.read_text(encoding="utf-8"))
    title = tokens[1].content
    for (heading, _text), (_heading, text) in zip(_headings(tokens), _headings(vietnamese), strict=True):
        # As code hosts make it.
        heading.attrSet("id", re.sub(r"[^\w -]", "", text.content).lower().replace(" ", "-"))
    for token in tokens:
        for child in token.children or ():
            if child.type == "link_open":
                file, hash_, anchor = str(child.attrGet("href")).partition("#")
                child.attrSet("href", file.removesuffix(".md") + (hash_ + quote(anchor) if anchor else ""))
            elif child.type == "image":
                source = str(child.attrGet("src"))
                child.attrSet("src", f"pictures/{Path(source).name}")
                child.attrSet("loading", "lazy")
    return Guide(
        title,
        language if is_translated else "vi",
        [(str(h.attrGet("id")), text.content) for h, text in _headings(tokens) if h.tag == "h2"],
        Markup(parser.renderer.render(tokens[3:], parser.options, {})),  # noqa: S704 (our own files)
    )


def _headings(tokens: list[Token]) -> list[tuple[Token, Token]]:
    return [(heading, text) for heading, text in pairwise(tokens) if heading.type == "heading_open"]
