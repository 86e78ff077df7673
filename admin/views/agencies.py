"""Agencies' reports on their staff: figures against the goal, missing reports, rosters, links."""

from datetime import UTC, datetime
from typing import Any

from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin import forms
from admin.views.base import AdminPage, FormAction, requested_day
from campaigns.agencies import reports
from campaigns.agencies.import_reports import RosterResult, read_roster, submit_file, submit_roster
from campaigns.cases.conversation import visible_campaigns
from campaigns.goals.goals import read_staff_goal
from campaigns.planning.drives import current_drive
from campaigns.planning.kinds import needs_smartphone, words_of
from campaigns.reports.settings import current_template
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.kind_words import KindWords
from outreach.runtime import Runtime

_NO_FILE = _l("Chưa chọn tệp. Hãy chọn tệp Excel, LibreOffice hoặc CSV.")
_UNKNOWN = _l("Chưa rõ số nào thì để trống, đừng ghi 0.")


class ReportForm(forms.Form):
    drive_id = forms.RowField(name="drive")  # another may be chosen while the page is open
    day = forms.DayField(_l("Số liệu của ngày"), required=True, max=forms.today, codes=("figures_day_wrong",))
    staff = forms.TextField(
        _l("Tổng số người"),
        inputmode="numeric",
        required=True,
        autocomplete="off",
        codes=("staff_total_missing", "figures_impossible", "figure_not_number"),
    )
    with_smartphone = forms.TextField(inputmode="numeric", autocomplete="off", hint=_UNKNOWN)
    installed = forms.TextField(_l("Đã thực hiện"), inputmode="numeric", autocomplete="off", hint=_UNKNOWN)
    note = forms.TextField(_l("Ghi chú"), maxlength=300, autocomplete="off", codes=("figures_doubtful",))

    def values(self) -> dict[str, Any]:
        values = super().values()
        typed = (values.pop(name, "") for name in ("staff", "with_smartphone", "installed"))
        counts = reports.read_counts(*typed)
        return values | {"counts": counts}


class RosterForm(forms.Form):
    ids = "roster"
    drive_id = forms.RowField(name="drive")
    day = forms.DayField(
        _l("Danh sách của ngày"), required=True, max=forms.today, codes=("figures_day_wrong",)
    )
    file = forms.FileField(
        _l("Tệp"),
        missing=_NO_FILE,
        codes=("roster_long", "roster_marks_wrong", "roster_empty", "done_column_missing"),
    )
    campaign_id = forms.ChoiceField(
        _l("Ghi kết quả vào chiến dịch"),
        name="campaign",
        coerce=forms.row_id,
        empty=_l("Không ghi, chỉ lấy số liệu"),
        codes=("campaign_without_recipients",),
    )
    note = forms.TextField(_l("Ghi chú"), maxlength=300, autocomplete="off", codes=("figures_doubtful",))


class LinkForm(forms.Form):
    holder = forms.TextField(
        _l("Giao cho ai"),
        required=True,
        maxlength=120,
        autocomplete="off",
        placeholder=_l("Ví dụ: chị Hoa, văn phòng"),
        codes=("link_holder_missing",),
    )
    days = forms.NumberField(
        _l("Thời hạn sử dụng (ngày)"),
        default=14,
        min=1,
        max=reports.LONGEST_DAYS,
        required=True,
        codes=("link_days_wrong",),
    )


class FiguresForm(forms.Form):
    """A file with the figures of many agencies for one day."""

    main = "file"
    ids = "file"
    drive_id = forms.RowField(name="drive")
    day = forms.DayField(_l("Số liệu của ngày"), required=True, max=forms.today)
    file = forms.FileField(_l("Tệp"), missing=_NO_FILE)


class AgenciesView(AdminPage):
    under = "progress"
    name, endpoint, url = "", "agencies", "/admin/agencies"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show all agencies. `?day=` is the day of the figures, by default today."""
        day = min(requested_day("day") or forms.this_day(), forms.this_day())
        with self.reading() as (session, user):
            drive = current_drive(session)
            drive_id = drive.id if drive else 0
            return self.render(
                "reports/agencies.html",
                overview=reports.read_overview(session, user, drive_id, day=day),
                goal=read_staff_goal(session, drive_id, at=datetime.now(UTC)),
                drive=drive,
                words=words_of(session, drive.kind if drive else DEFAULT_KIND),
                today=forms.today(),
                day=day.isoformat(),
                form=FiguresForm.on_page(day=forms.this_day(), drive_id=drive_id),
            )

    @expose("/<int:organisation_id>/")
    def show(self, organisation_id: int) -> ResponseReturnValue:
        now = datetime.now(UTC)
        with self.reading() as (session, user):
            agency = reports.find_agency(session, organisation_id, user=user)
            drive = current_drive(session)
            drive_id, kind = (drive.id, drive.kind) if drive else (0, DEFAULT_KIND)
            words = words_of(session, kind)
            report_form = _report_form(words, drive_id)
            roster_form = RosterForm.on_page(day=forms.this_day(), drive_id=drive_id)
            roster_form.campaign_id.choices = visible_campaigns(session, user)
            if not roster_form.campaign_id.choices:
                del roster_form.campaign_id
            return self.render(
                "reports/agency.html",
                agency=agency,
                today=forms.today(),
                drive=drive,
                words=words,
                has_app=needs_smartphone(session, kind),
                freeze=current_template(session, drive_id).hours.freeze,
                history=reports.read_history(session, drive_id, organisation_id),
                links=[
                    (link, reports.address_of(link, self.settings))
                    for link in reports.read_links(session, drive_id, organisation_id, now=now)
                ],
                report_form=report_form,
                roster_form=roster_form,
                link_form=LinkForm.on_page(),
                end_form=forms.Form(),
            )

    submit = FormAction("/<int:organisation_id>/report", reports.submit_by_officer, ReportForm).tells(
        _l("Đã ghi số liệu.")
    )

    @expose("/<int:organisation_id>/roster", methods=["POST"])
    def roster(self, organisation_id: int) -> ResponseReturnValue:
        """Import the agency's staff by name.

        Its figures are counted from them; each install mark also counts in the campaign.
        """
        form = RosterForm()

        def store(runtime: Runtime, **values: Any) -> RosterResult:
            with form.file.saved() as path:
                people = read_roster(path)
            return submit_roster(runtime, organisation_id, people, **values)

        return self.submit_form(form, store, message=_roster_message)

    # The page shows the link while it is valid: users who see the agency may pass it on.
    link = FormAction("/<int:organisation_id>/link", reports.make_link, LinkForm).tells(
        _l("Đã tạo liên kết. Hãy gửi cho đúng người.")
    )

    @expose("/<int:organisation_id>/links/<int:link_id>/end", methods=["POST"])
    def end(self, organisation_id: int, link_id: int) -> ResponseReturnValue:
        return self.submit_form(forms.Form(), reports.end_link, link_id, message=_("Đã ngừng liên kết."))

    @expose("/file", methods=["POST"])
    def file(self) -> ResponseReturnValue:
        """Import the figures of many agencies for one day from a file."""
        form = FiguresForm()

        def store(runtime: Runtime, **values: Any) -> int:
            with form.file.saved() as path:
                return submit_file(runtime, path, **values)

        return self.submit_form(
            form, store, message=lambda count: _("Đã ghi số liệu của %(count)s cơ quan.", count=count)
        )


def _roster_message(result: RosterResult) -> str:
    report = result.report
    sentences = [
        _(
            "Đã ghi: %(staff)s người, %(count)s người đã thực hiện.",
            staff=report.staff,
            count=report.installed,
        ),
        _("Trong chiến dịch, %(count)s người được ghi là đã thực hiện.", count=result.marked)
        if result.marked
        else "",
        _("%(count)s người không còn được tính.", count=result.taken_back) if result.taken_back else "",
        _("%(count)s người đã tự trả lời khác; câu trả lời của họ được giữ nguyên.", count=result.contrary)
        if result.contrary
        else "",
        _(
            "%(count)s số trong danh sách không nhận tin của chiến dịch nên chỉ tính vào số liệu của cơ quan.",
            count=result.strangers,
        )
        if result.strangers
        else "",
    ]
    return " ".join(filter(None, sentences))


def _report_form(words: KindWords, drive_id: int) -> ReportForm:
    """Return the form with the words of a kind; where all staff count, it asks for no part of them."""
    form = ReportForm.on_page(day=forms.this_day(), drive_id=drive_id)
    form.installed.label.text = _("Đã %(done)s", done=words.done)
    if words.owners:
        form.with_smartphone.label.text = words.counted_heading
    else:
        del form.with_smartphone
    return form
