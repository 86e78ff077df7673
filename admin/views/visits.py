"""Visit sheets for officers on foot: made by village, printed, entered with one key per line; and the village officers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from wtforms.validators import ValidationError

from admin.forms import CheckField, ChoiceField, DayField, Form, NumberField, RowField, TextField, row_id
from admin.refusals import within_quota
from admin.views.base import AdminPage, FormAction, warn
from admin.wording.errors import show_error
from admin.wording.filters import has_outcome
from campaigns.analytics.installs import list_launched
from campaigns.models.activities import VisitSheet
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.visits import (
    DEFAULT_PERCENT,
    MOST_PERCENT,
    RESULT_KEYS,
    VisitOutcome,
    read_code,
    read_keys,
)
from campaigns.visits.progress import read_officers
from campaigns.visits.results import SaveResult, enter_results, undo_entry
from campaigns.visits.sheets import (
    MOST_TARGET,
    CandidateVillage,
    assign_sheet,
    create_and_give,
    find_candidates,
    find_sheet,
    invite_officer,
    list_sheets,
    print_sheet,
    read_assignments,
    read_lines,
    read_sheet,
    take_back_sheet,
)
from outreach.accounts.village_officers import add_officer, link_of, list_officers, shut_out
from outreach.contacts.lists import read_names
from outreach.models.accounts import User
from outreach.places.areas import read_districts, read_place_names
from outreach.rules.errors import BadInput, NotAllowed, NotFound

_ALL_VILLAGES = "*"  # in the form: all villages on one sheet


class SheetForm(Form):
    """A sheet for the people whom the page shows; `village` is the button that was pressed."""

    campaign_id = RowField(name="campaign")
    list_id = RowField(name="list", filters=[lambda list_id: list_id or None])
    area_code = TextField(name="area", type="hidden", maxlength=10)
    village = TextField(
        default=_ALL_VILLAGES, filters=[lambda village: None if village == _ALL_VILLAGES else village]
    )
    officer = TextField(
        _l("Giao cho ai"),
        maxlength=120,
        autocomplete="off",
        placeholder=_l("Ví dụ: ông A Thun, Ban công tác Mặt trận thôn 3"),
    )
    officer_id = ChoiceField(_l("Cán bộ thôn"), coerce=row_id, empty=_l("Chỉ in phiếu giấy"))
    day = DayField(_l("Ngày đi"), hint=_l("Để trống: đi sớm nhất có thể."))
    check_percent = NumberField(
        _l("Kiểm tra ngẫu nhiên (phần trăm số người tự báo)"),
        name="check",
        max=MOST_PERCENT,
        default=DEFAULT_PERCENT,
        codes=("check_percent_wrong",),
        hint=_l("Những người này có trong phiếu như mọi người khác, không đánh dấu."),
    )
    again = CheckField(_l("Cả người đang có trong phiếu khác"))

    def values(self) -> dict[str, Any]:
        return {**super().values(), "check_percent": self.check_percent.data or 0}


class AssignForm(Form):
    """A sheet for one village officer; the page sets the choices."""

    officer_id = ChoiceField(
        _l("Cán bộ thôn"), name="officer", coerce=row_id, empty=_l("Hãy chọn"), required=True
    )
    day = DayField(_l("Ngày đi"), hint=_l("Để trống: đi sớm nhất có thể."))
    target = NumberField(
        _l("Số người mỗi ngày"), max=MOST_TARGET, default=None, codes=("visit_target_wrong",)
    )


class ResultsForm(Form):
    """Results of a sheet: the field `k<line>` of each line holds its key."""

    visited_at = TextField(
        _l("Thời điểm đến"),
        name="visited",
        type="datetime-local",
        hint=_l("Ai đã tự trả lời sau giờ này thì câu trả lời của họ được giữ."),
        codes=("visit_in_future", "visit_before_sheet"),
    )
    wrong_lines: list[int] = []  # noqa: RUF012 - a constant

    @property
    def changed(self) -> set[int]:
        """Return the lines whose key differs from the one that the page showed: others may have come since."""
        return {n for n, key in self.keys.items() if key.strip() != request.form.get(f"w{n}", "\0")}

    @property
    def keys(self) -> dict[int, str]:
        """Return the keys as they were sent, by line."""
        return {
            int(name[1:]): text[:4]
            for name, text in request.form.items()
            if name[:1] == "k" and name[1:].isdecimal() and len(name) < 6
        }

    def validate(self, extra_validators: Any = None) -> bool:
        is_valid = super().validate(extra_validators)
        self.wrong_lines = read_keys(self.keys)[1]
        if self.wrong_lines:
            lines = ", ".join(map(str, self.wrong_lines))
            self.form_errors.append(
                _(
                    "Dữ liệu chưa được lưu. Phím ở dòng %(lines)s không đúng, hãy dùng các phím trong bảng.",
                    lines=lines,
                )
            )
        return is_valid and not self.wrong_lines

    def validate_visited_at(self, field: TextField) -> None:
        try:
            self._moment()
        except ValueError as error:
            raise ValidationError(
                _("Dữ liệu chưa được lưu. “Thời điểm đến” không phải là ngày và giờ.")
            ) from error

    def _moment(self) -> datetime | None:
        """Return the field's day and hour in Vietnam, None if it is empty."""
        text = self.visited_at.data
        return datetime.fromisoformat(text).replace(tzinfo=VIETNAM) if text else None

    def values(self) -> dict[str, Any]:
        outcomes = read_keys({n: key for n, key in self.keys.items() if n in self.changed})[0]
        return {"outcomes": outcomes, "visited_at": self._moment()}

    @property
    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield the faults; wrong keys are a fault of the first line with one."""
        line = f"k{self.wrong_lines[0]}" if self.wrong_lines else ""
        yield from ((place or line, fault) for place, fault in super().faults)


def _tell(result: SaveResult, said: str) -> str:
    flash(said, "success")
    if count := result.outdated:
        warn(_("%(n)s người đã tự trả lời sau đó: câu trả lời của họ được giữ.", n=count))
    return ""


class VisitsView(AdminPage):
    name, endpoint, url = _l("Đến từng nhà"), "visits", "/admin/rounds"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List visit sheets.

        `?campaign=`, `?list=`, `?area=` also show the people there whom nothing has reached, by village. `?code=` opens the
        sheet of a printed code, at the line that it names.
        """
        values = request.values
        if (code := request.args.get("code")) and (url := self._find(code)):
            return redirect(url)
        campaign_id, list_id = values.get("campaign", type=int), values.get("list", type=int)
        area = values.get("area", "").replace("\0", "")[:10]
        villages: list[CandidateVillage] | None = None
        error = ""
        with self.reading() as (session, user):
            campaigns = list_launched(session, user)
            if campaign_id in dict(campaigns) and (list_id is not None or area):
                try:
                    villages = find_candidates(
                        session,
                        campaign_id or 0,
                        list_id=list_id,
                        area_code=area or None,
                        user=user,
                        now=datetime.now(UTC),
                        check_percent=DEFAULT_PERCENT,
                    )
                except (BadInput, NotAllowed) as refused:
                    error = show_error(refused)
            area_codes = {each.area_code for each in villages or ()}
            form = SheetForm.on_page(campaign_id=campaign_id, list_id=list_id, area_code=area)
            form.officer_id.choices = [(each.id, each.name) for each in list_officers(session, user)]
            return self.render(
                "progress/visit_sheets.html",
                sheets=list_sheets(session, user),
                campaigns=campaigns,
                lists=read_names(session, user),
                districts=read_districts(session),
                campaign_id=campaign_id,
                list_id=list_id,
                area=area,
                villages=villages,
                communes=read_place_names(session, area_codes) if len(area_codes) > 1 else {},
                whole=_ALL_VILLAGES,
                form=form,
                error=error,
            )

    def _find(self, code: str) -> str:
        """Return the URL of the sheet of a printed code, "" with a message where there is none."""
        sheet_id, line = read_code(code.replace("\0", "")[:40]) or (0, 0)
        with self.runtime.db.read() as session:
            try:
                find_sheet(session, sheet_id, user=session.get_one(User, current_user.id))
            except NotFound:
                warn(_("Không có phiếu nào mang mã này trong phạm vi được giao."))
                return ""
        return url_for(".show", round_id=sheet_id, _anchor=f"k{line}" if line else None)

    @expose("/", methods=["POST"])
    def make(self) -> ResponseReturnValue:
        """Make a sheet and give it to the chosen officer, who is invited; `paper` is the village of a sheet to print."""
        form = SheetForm()

        def told(given: tuple[VisitSheet, User | None]) -> str:
            if form.officer_id.data:
                return _("Đã lập phiếu và giao cho %(name)s.", name=given[0].officer)
            return _("Đã lập phiếu. Hãy in và giao cho người đi.")

        def then(given: tuple[VisitSheet, User | None]) -> str:
            sheet, invited = given
            if invited is None:
                return url_for(".show", round_id=sheet.id)
            session[_LINK] = [invited.id, link_of(invited, self.settings)]
            return url_for("visit_officers.index")

        return self.submit_form(form, create_and_give, message=told, then=then)

    @expose("/<int:round_id>/")
    def show(self, round_id: int) -> ResponseReturnValue:
        with self.reading() as (session, user):
            sheet = read_sheet(session, round_id, user=user)
            lines = read_lines(session, round_id, user=user)
            assign_form = AssignForm.on_page()
            assign_form.officer_id.choices = [(each.id, each.name) for each in list_officers(session, user)]
            # The latest visit entered, else now: most lines of a sheet are visited on one day.
            visits = [line.visited_at for line in lines if line.visited_at]
            last = max(visits, default=datetime.now(UTC)).astimezone(VIETNAM)
            return self.render(
                "progress/visit_sheet.html",
                sheet=sheet,
                lines=lines,
                keys=_named_keys(sheet.kind),
                key_of={outcome: key for key, outcome in RESULT_KEYS.items()},
                counts={
                    outcome: n
                    for outcome in VisitOutcome
                    if (n := sum(line.outcome is outcome for line in lines))
                },
                form=ResultsForm.on_page(visited_at=f"{last:%Y-%m-%dT%H:%M}"),
                undo_form=Form(),
                given=read_assignments(session, [round_id]).get(round_id, []),
                assign_form=assign_form,
            )

    # To a village officer, for a day.
    assign = FormAction("/<int:round_id>/assign", assign_sheet, AssignForm).tells(_l("Đã giao phiếu."))

    @expose("/<int:round_id>/take-back/<int:officer_id>", methods=["POST"])
    def take_back(self, round_id: int, officer_id: int) -> ResponseReturnValue:
        told = _("Đã thu lại phiếu.")
        return self.submit_form(Form(), take_back_sheet, round_id, officer_id=officer_id, message=told)

    # One key per line, all lines at once
    enter = FormAction("/<int:round_id>/enter", enter_results, ResultsForm).tells(
        lambda entered: _tell(
            entered, _("Đã ghi %(n)s dòng.", n=entered.saved) if entered.saved else _("Không có gì thay đổi.")
        )
    )
    undo = FormAction("/<int:round_id>/undo", undo_entry).tells(
        lambda undone: _tell(undone, _("Đã hoàn tác %(n)s dòng của lần ghi vừa rồi.", n=undone.saved))
    )

    @expose("/<int:round_id>/sheet")
    def sheet(self, round_id: int) -> ResponseReturnValue:
        """Render a sheet for printing; `?numbers=1` with full numbers.

        The audit log records it and how many it shows; they count in the user's quota.
        """
        with_numbers, numbers = bool(request.args.get("numbers")), 0
        if with_numbers:
            with self.reading() as (session, user):
                shown = read_lines(session, round_id, user=user, with_numbers=True)
                numbers = sum(bool(line.phone) for line in shown)
        printed = within_quota(print_sheet, numbers=numbers)
        sheet, lines = self.do(printed, round_id, with_numbers=with_numbers)
        return self.render(
            "progress/visit_sheet_print.html",
            sheet=sheet,
            lines=lines,
            keys=_named_keys(sheet.kind),
            printed=datetime.now(VIETNAM),
        )


def _named_keys(kind: str) -> list[tuple[str, VisitOutcome]]:
    """Return the result keys of a kind. Where nobody is asked whether they cannot there is no key for it; the others keep theirs."""
    return [item for item in RESULT_KEYS.items() if has_outcome(kind, item[1])]


# Session key of an invitation's link until the one page that shows it.
_LINK = "visits-link"


class OfficerForm(Form):
    name = TextField(
        _l("Họ tên"), maxlength=120, required=True, autocomplete="off", codes=("officer_name_missing",)
    )
    number = TextField(
        _l("Số điện thoại"),
        type="tel",
        maxlength=20,
        autocomplete="off",
        hint=_l("Mã mở phiếu được gửi đến số này."),
        codes=("officer_number_wrong", "officer_unreachable"),
    )
    email = TextField(
        _l("Hoặc thư điện tử"),
        type="email",
        maxlength=254,
        autocomplete="off",
        codes=("email_wrong", "email_taken"),
    )


class VisitOfficersView(AdminPage):
    under = "visits"
    name, endpoint, url = "", "visit_officers", "/admin/rounds/officers"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List the village officers with their progress; after an invitation, its link once."""
        invited_id, link = session.pop(_LINK, (0, ""))
        with self.reading() as (db, user):
            officers = read_officers(db, user, now=datetime.now(UTC))
            return self.render(
                "progress/visit_officers.html",
                officers=officers,
                invited=next((each.officer for each in officers if each.officer.id == invited_id), None),
                link=link,
                form=OfficerForm.on_page(),
            )

    create = FormAction("/", add_officer, OfficerForm).tells(
        _l("Đã thêm. Hãy bấm “Mời” để gửi mã và lấy liên kết.")
    )

    @expose("/<int:officer_id>/invite", methods=["POST"])
    def invite(self, officer_id: int) -> ResponseReturnValue:
        def keep(officer: User) -> str:
            session[_LINK] = [officer.id, link_of(officer, self.settings)]
            return ""

        return self.submit_form(Form(), invite_officer, officer_id, message=keep)

    shut_out = FormAction("/<int:officer_id>/shut-out", shut_out).tells(
        _l("Đã khóa máy của cán bộ này. Máy xóa dữ liệu ngay khi có mạng.")
    )
