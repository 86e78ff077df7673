"""Drives, their goals and denominators with their history, set and entered by staff of the province; the daily report: a day's status, late
agencies, issues, corrections, mail, link and template; and urgings, what is written to late ones.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from functools import wraps
from itertools import groupby
from typing import Any

from flask import abort, current_app, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.forms import ChoiceField, DayField, Form, LongTextField, TextField, this_day, today
from admin.views.base import AdminPage, FormAction, PageAccess, requested_day, requested_drive_id
from admin.wording.errors import show_error
from admin.wording.filters import kind_titles, kind_words, label_of
from admin.wording.progress import CHECKLIST, FIELDS, HOUR_FIELDS, hours_of_the_day, mail_lines, typed_form
from campaigns.analytics.progress import PlaceTree, read_progress
from campaigns.goals.goals import enter_denominator, find_subject, read_goals, set_goal
from campaigns.goals.goals import read_history as read_goal_history
from campaigns.models.campaigns import Drive
from campaigns.models.reports import FileKind, UrgeChannel, Urging
from campaigns.planning.drives import (
    choose_drive,
    count_campaigns,
    current_drive_id,
    drive_for_figures,
    find_drive,
    list_drives,
    save_drive,
)
from campaigns.reports import issue_report
from campaigns.reports.documents import MIME, compose_now, document_of, download_file, end_link, file_name
from campaigns.reports.run_schedule import DayStatus, read_day_status, read_history
from campaigns.reports.settings import (
    current_template,
    may_approve_report,
    may_urge,
    require_province,
    save_form,
)
from campaigns.reports.urge_contact import (
    TRIED_FOR,
    find_contacts,
    read_urgings,
    text_with_link,
    urge_contact,
)
from campaigns.rules.goals import Denominator, Goal, Goals, GoalScope, GoalSubject, people_for
from campaigns.rules.reports.document import ReportDocument, read_notes
from campaigns.rules.reports.template import ReportTemplate
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.urge_texts import Lag, write_about_agency, write_about_place
from outreach.accounts.permissions import is_province_staff, organisations_of, visible_to
from outreach.accounts.users import name_of
from outreach.models.accounts import Area, AreaLevel, Organisation, OrganisationKind, Role, User
from outreach.places.areas import path_upwards, read_unit_history
from outreach.rules.errors import LoaError, NotFound, WrongState, or_raise
from outreach.runtime import Runtime

_LEVELS = list(AreaLevel)


@dataclass(frozen=True, slots=True)
class GoalChoice:
    """A possible subject of a goal: `key` names it in forms, `rank` is the order."""

    key: str
    name: str
    subject: GoalSubject
    rank: tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class GoalLine:
    """A subject with its goal and number of people; `most_people` where that is a range, `people` being the least."""

    place: GoalChoice
    goal: Goal | None
    people: Denominator | None
    most_people: int | None

    @property
    def targets(self) -> tuple[int, ...]:
        """Return how many people the goal asks for, or from how many to how many; nothing where it is not known."""
        values = (self.people.value if self.people else None, self.most_people)
        return tuple(people_for(self.goal.share, each) or 0 for each in values if each and self.goal)


class GoalForm(Form):
    main = "share"
    ids = "goal"
    subject = ChoiceField(_l("Đối tượng"), required=True)
    share = TextField(
        _l("Tỷ lệ cần đạt (phần trăm)"),
        hint=_l("Ví dụ 50. Để trống là bỏ mục tiêu này."),
        inputmode="decimal",
        maxlength=8,
    )
    deadline = TextField(_l("Đến hết ngày"), type="date")
    basis = TextField(
        _l("Căn cứ"),
        hint=_l("Văn bản giao mục tiêu: số, ngày, cơ quan ban hành."),
        maxlength=200,
        codes=("goal_source_long",),
    )


def _as_typed(goal: Goal | None) -> dict[str, str]:
    """Return a goal as the fields of its form."""
    if goal is None:
        return {}
    share = f"{100 * goal.share:.2f}".rstrip("0").rstrip(".").replace(".", ",")
    return {
        "share": share,
        "deadline": goal.deadline.isoformat() if goal.deadline else "",
        "basis": goal.basis,
    }


class DenominatorForm(Form):
    main = "value"
    ids = "people"
    subject = ChoiceField(_l("Đối tượng"), required=True)
    value = TextField(
        _l("Số người thuộc diện vận động"),
        hint=_l(
            "Ví dụ: số người từ 18 tuổi trở lên, số hộ. Để trống là rút lại số đã nhập của ngày này: từ đó là chưa rõ, không phải 0."
        ),
        inputmode="numeric",
        maxlength=14,
    )
    as_of = TextField(_l("Số liệu của ngày"), default=today, type="date", required=True, max=today)
    source = TextField(_l("Nguồn"), maxlength=200, required=True, codes=("figure_source_missing",))


class GoalsView(AdminPage):
    """Not in the menu: the progress page links here."""

    under = "progress"
    name, endpoint, url = "", "goals", "/admin/goals"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show goals. `?drive=`; `?subject=` has its history shown and is chosen in the forms.

        `?units=` is a day: places of that day, with what was entered for units of another day read in them.
        """
        now = datetime.now(UTC)
        key = request.values.get("subject", "")
        with self.reading() as (session, user):
            drive = requested_drive_id(session)
            current = read_goals(session, at=now, drive=drive)
            history = read_unit_history(session)
            day = history.day_of_units(requested_day("units") or date.max)
            tree = PlaceTree(history, day, current, drive)
            places = _read_places(session, user, tree)
            read = _read_figures(places, tree, current)
            chosen = next((place for place in places if place.key == key), None)
            goals: list[Goal | None] = []
            denominators: list[Denominator] = []
            typed: dict[str, str] = {}
            if chosen:
                goals, denominators = read_goal_history(session, chosen.subject)
                typed = _as_typed(current.goals.get(chosen.subject))
            set_form = GoalForm.on_page(subject=key, **typed)
            enter_form = DenominatorForm.on_page(subject=key)
            set_form.subject.choices = enter_form.subject.choices = {
                label_of(group[0].subject.scope, "scope"): [(place.key, place.name) for place in group]
                for group in (list(each) for _rank, each in groupby(places, key=lambda place: place.rank[0]))
            }
            return self.render(
                "progress/goals.html",
                drives=list_drives(session),
                drive=drive,
                with_goal=[line for line in read if line.goal],
                without_goal=[line for line in read if not line.goal],
                units=day,
                days_of_units=history.days,
                places=places,
                chosen=chosen,
                goals=goals,
                entered=denominators,
                may_set=day == [day, *history.days][-1] and is_province_staff(session, user),
                set_form=set_form,
                enter_form=enter_form,
            )

    @expose("/set", methods=["POST"])
    def set_goal(self) -> ResponseReturnValue:
        return self._write(GoalForm(), set_goal, _("Đã đặt mục tiêu."))

    @expose("/denominator", methods=["POST"])
    def enter(self) -> ResponseReturnValue:
        return self._write(DenominatorForm(), enter_denominator, _("Đã ghi số liệu."))

    def _write(
        self, form: GoalForm | DenominatorForm, action: Callable[..., bool], message: str
    ) -> ResponseReturnValue:
        key = form.subject.data or ""

        def write(runtime: Runtime, *, subject: str, **values: Any) -> bool:
            scope, _colon, place = subject.partition(":")
            named, now = request.values.get("drive", type=int), datetime.now(UTC)
            drive = drive_for_figures(runtime, named, now=now).id
            with runtime.db.read() as session:
                found = find_subject(session, drive=drive, scope=scope, place=place)
            return action(runtime, found, **values)

        return self.submit_form(
            form,
            write,
            message=lambda is_new: (
                message if is_new else _("Không có gì thay đổi: điều này đã được ghi từ trước.")
            ),
            page=url_for(".index", drive=request.values.get("drive"), subject=key, _anchor="history"),
        )


def _read_figures(places: list[GoalChoice], tree: PlaceTree, current: Goals) -> list[GoalLine]:
    """Return the places with a goal or a number of people, of their own or read from the units of another day."""
    codes = {place.subject.area for place in places} - {None}
    people, most = tree.denominators({code or "" for code in codes}, current.denominators)
    lines = []
    for place in places:
        code = place.subject.area or ""
        goal = current.goals.get(place.subject)
        if code and goal is None and not any(map(tree.goal_of_ground, path_upwards(tree.areas, code)[1:])):
            # Of places on the same ground the largest stands for all.
            goal = tree.goal_of_ground(code)
        known = people.get(code) if code else current.denominators.get(place.subject)
        if goal or known:
            line = GoalLine(place, goal, known, most.get(code))
            lines.append(line)
    return lines


def _read_places(session: Session, user: User, tree: PlaceTree) -> list[GoalChoice]:
    """Return the subjects whose goals the user may see: areas (largest first), agencies, organisations."""
    drive = tree.drive
    places = [
        GoalChoice(
            f"{GoalScope.RESIDENTS}:{area.code}",
            f"{area.kind} {area.name}",
            GoalSubject(drive, GoalScope.RESIDENTS, area=area.code),
            (0, _LEVELS.index(area.level), area.code),
        )
        for area in tree.units.of_day
    ]
    places.append(
        GoalChoice(
            f"{GoalScope.STAFF}:",
            _("Tất cả cơ quan, đơn vị"),
            GoalSubject(drive, GoalScope.STAFF),
            (1, 0, ""),
        )
    )
    for organisation in session.scalars(
        select(Organisation).where(visible_to(session, user, Organisation.id))
    ):
        is_agency = organisation.kind is OrganisationKind.AGENCY
        scope = GoalScope.STAFF if is_agency else GoalScope.MEMBERS
        places.append(
            GoalChoice(
                f"{scope}:{organisation.code}",
                organisation.name,
                GoalSubject(drive, scope, organisation=organisation.id),
                (1 if is_agency else 2, 1, organisation.name),
            )
        )
    return sorted(places, key=lambda place: place.rank)


class DriveForm(Form):
    main = "name"
    ids = "drive"
    name = TextField(
        _l("Tên đợt"),
        required=True,
        maxlength=120,
        autocomplete="off",
        placeholder=_l("Ví dụ: Tiêm vắc xin cúm, quý IV năm 2026"),
        codes=("drive_name_wrong", "drive_name_taken"),
    )
    kind = ChoiceField(_l("Loại chiến dịch"), required=True, codes=("drive_kind_unknown", "drive_kind_fixed"))
    starts_on = DayField(_l("Từ ngày"), required=True)
    ends_on = DayField(
        _l("Đến hết ngày"), hint=_l("Chưa biết thì để trống."), codes=("drive_ends_before_start",)
    )


class DrivesView(AdminPage):
    """Not in the menu: the progress page links here."""

    under = "progress"
    name, endpoint, url = "", "drives", "/admin/drives"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List drives. `?edit=` opens the form of one; without it the form opens a new one."""
        with self.reading() as (session, user):
            drives = list_drives(session)
            edited = next((drive for drive in drives if drive.id == request.args.get("edit", type=int)), None)
            form = DriveForm.on_page(**_values(edited)) if edited else DriveForm.on_page(starts_on=this_day())
            form.kind.choices = list(kind_titles().items())
            return self.render(
                "progress/drives.html",
                drives=drives,
                chosen=current_drive_id(session),
                campaigns=count_campaigns(session),
                titles=kind_titles(),
                edited=edited,
                form=form,
                may_edit=is_province_staff(session, user),
            )

    create = FormAction("/new", save_drive, DriveForm).tells(_l("Đã mở đợt vận động."))

    @expose("/<int:drive_id>/edit", methods=["POST"])
    def edit(self, drive_id: int) -> ResponseReturnValue:
        with self.reading() as (session, _user):
            find_drive(session, drive_id)
        page = url_for(".index", edit=drive_id)
        then = url_for(".index")
        return self.submit_form(DriveForm(), save_drive, drive_id, message=_("Đã lưu."), then=then, page=page)

    choose = FormAction("/<int:drive_id>/choose", choose_drive).tells(
        _l("Từ nay trang chủ, trang tiến độ, biểu của cơ quan và thư lấy số liệu của đợt này.")
    )


def _values(drive: Any) -> dict[str, Any]:
    return {
        "name": drive.name,
        "kind": drive.kind,
        "starts_on": date.fromisoformat(drive.starts_on),
        "ends_on": date.fromisoformat(drive.ends_on) if drive.ends_on else None,
    }


class NotesForm(Form):
    main = "remark"
    ids = "notes"
    remark = LongTextField(_l("Nhận xét trong ngày"), rows=2, codes=("report_notes_long",))
    hindered = LongTextField(_l("Khó khăn, vướng mắc (mỗi ý một dòng)"), rows=3)
    asked = LongTextField(_l("Đề xuất, kiến nghị trong ngày (mỗi ý một dòng)"), rows=3)


class ApproveForm(Form):
    """Approval of the report as it was prepared at a moment."""

    prepared_at = TextField(type="hidden")


def _requested_report() -> dict[str, Any]:
    """Return the drive and the day that the request names."""
    with current_app.extensions["runtime"].db.read() as session:
        drive = requested_drive_id(session)
    return {"drive": drive, "day": (requested_day("day") or this_day()).isoformat()}


def _page_of_day(*_form: Form, **_address: int) -> str:
    """Return the URL of the report that the request names."""
    return url_for("report.index", **_requested_report())


class DayAction(FormAction):
    """A route that calls a use case for the drive and the day that the request names, and leads back to that day.

    Where there is no report the page of the day says so.
    """

    def __call__(self, view: PageAccess, **address: Any) -> ResponseReturnValue:
        asked = _requested_report()

        @wraps(self.use_case)
        def act(*args: Any, **values: Any) -> Any:
            try:
                return self.use_case(*args, **values)
            except NotFound as missing:
                raise WrongState.of(missing) from missing

        page = url_for("report.index", **asked)
        return view.submit_form(self.form(), act, **asked, message=self.message, page=page)


def _freeze(runtime: Runtime, drive: int, day: str, *, user: User, now: datetime) -> bool:
    """Freeze by hand: for a missed day, or one without running campaigns."""
    with runtime.db.read() as session:
        user = session.get_one(User, user.id)
        require_province(session, user)
    return issue_report.freeze(runtime, drive, date.fromisoformat(day), user=user, now=now)


def _look(runtime: Runtime, drive: int, day: str, *, user: User, now: datetime) -> int:
    """Look for figures that arrived after the freeze."""
    with runtime.db.read() as session:
        require_province(session, session.get_one(User, user.id))
    return issue_report.note_pending_changes(runtime, drive, date.fromisoformat(day), now=now)


def _approve(runtime: Runtime, drive: int, day: str, *, prepared_at: str, user: User, now: datetime) -> None:
    """Approve what was read, by the moment of its preparation, and issue it."""
    issue_report.approve_report(runtime, drive, day, prepared_at=prepared_at, user=user, now=now)
    issue_report.issue(runtime, drive, date.fromisoformat(day), now=now)


class ReportView(AdminPage):
    name, endpoint, url = _l("Báo cáo ngày"), "report", "/admin/report"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show a day's report. `?day=`: by default today."""
        return self._show()

    @expose("/live")
    def live(self) -> ResponseReturnValue:
        """Render the part of the page that the browser refreshes."""
        return self._show(is_part=True)

    def _show(self, *, is_part: bool = False) -> ResponseReturnValue:
        now, day = datetime.now(UTC), requested_day("day") or this_day()
        with self.reading() as (session, user):
            if not _sees_all(session, user):
                return self.render("reports/out_of_scope.html")
            drive = requested_drive_id(session)
            status = read_day_status(session, drive, day, self.settings, now=now)
            if is_part:
                return self.render("reports/day_status.html", drive=drive, **_status_context(status, now))
            return self.render(
                "reports/report.html",
                mails=mail_lines(status),
                history=read_history(session, drive),
                drives=list_drives(session),
                may_act=is_province_staff(session, user),
                may_approve=may_approve_report(session, user),
                prepared_by=name_of(session, status.to_approve.prepared_by) if status.to_approve else "",
                is_own=status.to_approve is not None and status.to_approve.prepared_by == user.id,
                notes=_notes_form(status),
                paper=document_of(status.issues[-1]) if status.issues else None,
                kinds=[kind.value for kind in FileKind],
                drive=drive,
                **_status_context(status, now),
            )

    @expose("/preview")
    def preview(self) -> ResponseReturnValue:
        """Show issue `?n=`, or without it what the report would say now."""
        day, n = requested_day("day") or this_day(), request.args.get("n", type=int)
        with self.reading() as (session, user):
            if not _sees_all(session, user):
                return self.render("reports/out_of_scope.html")
            drive = requested_drive_id(session)
            if n is None:
                document: ReportDocument | None = replace(
                    compose_now(session, drive, day, now=datetime.now(UTC)), is_draft=True
                )
            else:
                issues = issue_report.read_issues(session, drive, day.isoformat())
                chosen = next((each for each in issues if each.n == n), None)
                document = document_of(or_raise(chosen, NotFound("report_not_found")))
        return self.render("reports/preview.html", paper=document, day=day.isoformat(), n=n, drive=drive)

    @expose("/file")
    def file(self) -> ResponseReturnValue:
        """Send a document as it was issued: `?day=&n=&kind=`."""
        day, n = requested_day("day") or this_day(), request.args.get("n", 0, type=int)
        with self.reading() as (session, user):
            if not _sees_all(session, user):
                return self.render("reports/out_of_scope.html")
            drive = requested_drive_id(session)
        try:
            kind = FileKind(request.args.get("kind", ""))
        except ValueError:
            abort(404)
        content = self.do(download_file, drive, day, n=n, kind=kind)
        name = file_name(day.isoformat(), n, kind)
        return send_file(io.BytesIO(content), MIME[kind], as_attachment=True, download_name=name)

    issue = DayAction("/issue", _freeze).tells(
        lambda is_new: _("Đã chốt số liệu.") if is_new else _("Báo cáo này đã có từ trước.")
    )
    # Before those who may approve it, with the notes typed.
    prepare = DayAction("/prepare", issue_report.prepare_report, NotesForm).tells(
        _l("Đã trình ký. Người có thẩm quyền xem và phê duyệt ở trang này.")
    )
    approve = DayAction("/approve", _approve, ApproveForm).tells(_l("Đã phê duyệt và phát hành."))
    correct = DayAction("/correct", issue_report.correct).tells(
        lambda changes: (
            _("Đã lập và trình ký báo cáo đính chính: %(count)s số liệu.", count=len(changes))
            if changes
            else _("Không có số liệu nào thay đổi so với báo cáo đã phát hành.")
        )
    )
    look = DayAction("/look", _look).tells(
        lambda count: (
            _("Có %(count)s số liệu gửi đến sau khi chốt.", count=count)
            if count
            else _("Không có số liệu nào gửi đến sau khi chốt.")
        )
    )
    send = DayAction("/send", issue_report.send_again).tells(
        lambda count: _("Đang gửi lại đến %(count)s nơi nhận.", count=count)
    )
    by_hand = DayAction("/by-hand", issue_report.note_by_hand).tells(
        _l("Đã ghi: báo cáo đã gửi bằng cách khác.")
    )
    link = DayAction("/link", issue_report.share_report).tells(_l("Liên kết đã sẵn sàng để gửi."))
    end_link = FormAction("/link/<int:report_link_id>/end", end_link, page=_page_of_day).tells(
        _l("Đã ngừng liên kết. Người đang giữ liên kết không xem được nữa.")
    )

    @expose("/form", methods=["GET", "POST"])
    def form(self) -> ResponseReturnValue:
        """Show and save the settings of a drive's report: letterhead, texts, hours, recipients. `?drive=`"""
        error, form_values = "", None
        with self.reading() as (session, user):
            drive = requested_drive_id(session)
        if request.method == "POST":
            form_values = typed_form(request.form)
            try:
                self.do(save_form, drive, form_values)
            except LoaError as refused:
                error = show_error(refused)
            else:
                flash(_("Đã lưu. Báo cáo đã chốt giữ nguyên mẫu cũ của nó."), "success")
                return redirect(url_for(".form", drive=drive), code=303)
        with self.reading() as (session, user):
            if not error and not _sees_all(session, user):  # it names who gets the report
                return self.render("reports/out_of_scope.html")
            form: ReportTemplate = current_template(session, drive)
            page = self.render(
                "reports/template_form.html",
                values=form_values or asdict(form),
                fields=FIELDS,
                hours=HOUR_FIELDS,
                drive=drive,
                drives=list_drives(session),
                may_act=is_province_staff(session, user),
                error=error,
            )
        return (page, 422) if error else page


def _notes_form(status: DayStatus) -> NotesForm:
    """Return the form of the notes: as typed where it was refused, else as stored."""
    form = NotesForm.on_page()
    waiting = status.to_approve
    if waiting is not None and waiting.notes and not form.errors:
        notes = read_notes(waiting.notes)
        form.remark.data = notes.remark
        form.hindered.data, form.asked.data = "\n".join(notes.hindered), "\n".join(notes.asked)
    return form


def _sees_all(session: Session, user: User) -> bool:
    """Return whether the user sees the whole province, which the report is about.

    Others are sent to their own figures.
    """
    return organisations_of(session, user) is None


def _status_context(status: DayStatus, now: datetime) -> dict[str, Any]:
    return {
        "standing": status,
        "day": status.day.isoformat(),
        "is_today": status.day == now.astimezone(VIETNAM).date(),
        "hours": hours_of_the_day(status, now),
        "checklist": [(step, *CHECKLIST[step.name]) for step in status.checklist],
        "asked": now,
    }


class UrgeForm(Form):
    main = "text"
    ids = "urge"
    channel = ChoiceField(
        _l("Gửi bằng"),
        required=True,
        choices=[
            (UrgeChannel.MAIL.value, _l("thư điện tử")),
            (UrgeChannel.SMS.value, _l("tin nhắn từ máy của đồng chí")),
        ],
    )
    contact = TextField(_l("Người nhận"), maxlength=200, autocomplete="off")
    address = TextField(
        _l("Địa chỉ thư hoặc số điện thoại"),
        required=True,
        maxlength=254,
        autocomplete="off",
        codes=("urge_address_wrong", "urge_number_wrong", "urged_today"),
    )
    text = LongTextField(
        _l("Nội dung"),
        required=True,
        rows=9,
        hint=_l("Giữ nguyên {link}: liên kết để trả lời được ghi vào đó."),
        codes=("urge_text_wrong",),
    )


class UrgingsView(AdminPage):
    """Not in the menu: the leaders' page links here."""

    under = "progress"
    name, endpoint, url = "", "urging", "/admin/urging"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show the message prepared for `?area=` or `?organisation=` in `?drive=`, and those sent; without either all of them."""
        now, area, organisation = datetime.now(UTC), *_about_whom()
        with self.reading() as (session, user):
            if not may_urge(session, user):
                return self.render("progress/urge_out_of_scope.html")
            drive = find_drive(session, requested_drive_id(session))
            form = current_template(session, drive.id)
            today = now.astimezone(VIETNAM).date()
            done = kind_words(drive.kind).done
            if organisation:
                agency = session.get(Organisation, organisation)
                if agency is None or agency.kind is not OrganisationKind.AGENCY:
                    abort(404)
                name = agency.name
                text = write_about_agency(
                    name, issuer=form.issuer_in_text, done=done, freeze=form.hours.freeze, today=today
                )
            elif area is None:
                name = text = ""
            else:
                place = session.get(Area, area)
                if place is None:
                    abort(404)
                name = place.full_name
                lag = self._lag(drive, place, now)
                text = write_about_place(lag, issuer=form.issuer_in_text, done=done, today=today)
            contacts = find_contacts(session, drive.id, area=area, organisation=organisation, now=now)
            sent = read_urgings(session, drive.id, area=area, organisation=organisation)
            shown = self._form_about(text, contacts)
            return self.render(
                "progress/urge.html",
                drive=drive,
                name=name,
                form=shown,
                contacts=contacts,
                sent=[(each, text_with_link(each, self.settings)) for each in sent],
                about={"area": area, "organisation": organisation},
                is_about_somebody=bool(area or organisation),
                has_mail=bool(self.settings.smtp_url),
                given_up=now - TRIED_FOR,
            )

    def _form_about(self, text: str, contacts: Sequence[tuple[str, str]]) -> UrgeForm:
        """Return the form with the text, and the first contact that can be reached, where nothing was entered."""
        form = UrgeForm.on_page()
        if not form.text.data:
            form.text.data = text
            if not self.settings.smtp_url:
                form.channel.data = UrgeChannel.SMS.value
        within_reach = [each for each in contacts if self.settings.smtp_url or "@" not in each[1]]
        if within_reach and not form.address.data:
            form.contact.data, form.address.data = within_reach[0]
        return form

    def _lag(self, drive: Drive, place: Area, now: datetime) -> Lag:
        # It goes to others: what officers see of few people's health is not in it.
        anybody = User(role=Role.LEADER)
        with self.reading() as (session, _user):
            leaders = read_progress(session, drive, user=anybody, runtime=self.runtime, now=now)
        goal = leaders.head.goal if leaders else None
        tables = [leaders.districts, *leaders.communes.values()] if leaders else []
        line = next((line for table in tables for line in table.lines if line.code == place.code), None)
        return Lag(
            place.full_name,
            line.share if line else None,
            goal.share if goal else None,
            line.missing if line else None,
            goal.deadline if goal else None,
        )

    @expose("/send", methods=["POST"])
    def send(self) -> ResponseReturnValue:
        area, organisation = _about_whom()
        with self.reading() as (session, _user):
            drive = requested_drive_id(session)
        page = url_for(".index", drive=drive, area=area, organisation=organisation)

        def told(written: Urging) -> str:
            if written.channel is UrgeChannel.SMS:
                return _("Đã ghi. Mở tin nhắn ở dưới để gửi từ điện thoại.")
            if self.settings.smtp_url:
                return _("Đã ghi. Thư được gửi ngay.")
            return _("Đã ghi, nhưng thư chưa gửi đi: hệ thống chưa có máy chủ thư.")

        return self.submit_form(
            UrgeForm(), urge_contact, drive, area=area, organisation=organisation, message=told, page=page
        )


def _about_whom() -> tuple[str | None, int | None]:
    """Return the area or the organisation of the query."""
    area, organisation = request.args.get("area") or None, request.args.get("organisation", type=int)
    return (area, None) if area else (None, organisation)
