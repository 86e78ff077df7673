"""Lists of people on paper: visit sheets for officers on foot, made by village, printed, entered with one key per line, and the village
officers; and lists handed over, a campaign's people by what they answered, printed or as a workbook for who sees to them, and who came.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Response, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import Session
from wtforms.validators import ValidationError

from admin import forms
from admin.refusals import within_quota
from admin.views.base import AdminPage, FormAction, send_workbook, warn
from admin.views.inbox import listed_answers, opened_campaigns, said_in_words
from admin.wording.errors import show_error
from admin.wording.filters import day, has_outcome, label_of
from campaigns.analytics.installs import list_launched
from campaigns.cases.case_list import count_open
from campaigns.lifecycle import find_campaign
from campaigns.models.activities import VisitSheet
from campaigns.models.campaigns import Campaign
from campaigns.rules import visits as rules
from campaigns.rules.own_answers import read_own_answers
from campaigns.rules.replies.labels import OFFICER_LABELS, Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.visits import hand_over, sheets
from campaigns.visits.progress import read_officers
from campaigns.visits.results import SaveResult, enter_results, may_undo_entry, undo_entry
from outreach.accounts.village_officers import add_officer, link_of, list_officers, shut_out
from outreach.contacts.lists import read_names
from outreach.models.accounts import Organisation, User
from outreach.places.areas import read_districts, read_place_names
from outreach.rules.errors import BadInput, NotAllowed, NotFound
from outreach.rules.sms_template import find_gaps
from outreach.runtime import Runtime

_ALL_VILLAGES = "*"  # in the form: all villages on one sheet


class SheetForm(forms.Form):
    """A sheet for the people whom the page shows; `village` is the button that was pressed."""

    campaign_id = forms.RowField(name="campaign")
    list_id = forms.RowField(name="list", filters=[lambda list_id: list_id or None])
    area_code = forms.TextField(name="area", type="hidden", maxlength=10)
    village = forms.TextField(
        default=_ALL_VILLAGES, filters=[lambda village: None if village == _ALL_VILLAGES else village]
    )
    officer = forms.TextField(
        _l("Giao cho ai"),
        maxlength=120,
        autocomplete="off",
        placeholder=_l("Ví dụ: ông A Thun, Ban công tác Mặt trận thôn 3"),
    )
    officer_id = forms.ChoiceField(_l("Cán bộ thôn"), coerce=forms.row_id, empty=_l("Chỉ in phiếu giấy"))
    day = forms.DayField(_l("Ngày đi"), hint=_l("Để trống: đi sớm nhất có thể."))
    check_percent = forms.NumberField(
        _l("Kiểm tra ngẫu nhiên (phần trăm số người tự báo)"),
        name="check",
        max=rules.MOST_PERCENT,
        default=rules.DEFAULT_PERCENT,
        codes=("check_percent_wrong",),
        hint=_l("Những người này có trong phiếu như mọi người khác, không đánh dấu."),
    )
    again = forms.CheckField(_l("Cả người đang có trong phiếu khác"))

    def values(self) -> dict[str, Any]:
        return {**super().values(), "check_percent": self.check_percent.data or 0}


class AssignForm(forms.Form):
    """A sheet for one village officer; the page sets the choices."""

    officer_id = forms.ChoiceField(
        _l("Cán bộ thôn"), name="officer", coerce=forms.row_id, empty=_l("Hãy chọn"), required=True
    )
    day = forms.DayField(_l("Ngày đi"), hint=_l("Để trống: đi sớm nhất có thể."))
    target = forms.NumberField(
        _l("Số người mỗi ngày"), max=sheets.MOST_TARGET, default=None, codes=("visit_target_wrong",)
    )


class ResultsForm(forms.Form):
    """Results of a sheet: the field `k<line>` of each line holds its key."""

    visited_at = forms.TextField(
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
        self.wrong_lines = rules.read_keys(self.keys)[1]
        if self.wrong_lines:
            lines = ", ".join(map(str, self.wrong_lines))
            self.form_errors.append(
                _(
                    "Dữ liệu chưa được lưu. Phím ở dòng %(lines)s không đúng, hãy dùng các phím trong bảng.",
                    lines=lines,
                )
            )
        return is_valid and not self.wrong_lines

    def validate_visited_at(self, field: forms.TextField) -> None:
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
        outcomes = rules.read_keys({n: key for n, key in self.keys.items() if n in self.changed})[0]
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
        villages: list[sheets.CandidateVillage] | None = None
        error = ""
        with self.reading() as (session, user):
            campaigns = list_launched(session, user)
            if campaign_id in dict(campaigns) and (list_id is not None or area):
                try:
                    villages = sheets.find_candidates(
                        session,
                        campaign_id or 0,
                        list_id=list_id,
                        area_code=area or None,
                        user=user,
                        now=datetime.now(UTC),
                        check_percent=rules.DEFAULT_PERCENT,
                    )
                except (BadInput, NotAllowed) as refused:
                    error = show_error(refused)
            area_codes = {each.area_code for each in villages or ()}
            form = SheetForm.on_page(campaign_id=campaign_id, list_id=list_id, area_code=area)
            form.officer_id.choices = [(each.id, each.name) for each in list_officers(session, user)]
            return self.render(
                "progress/visit_sheets.html",
                sheets=sheets.list_sheets(session, user),
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
        sheet_id, line = rules.read_code(code.replace("\0", "")[:40]) or (0, 0)
        with self.runtime.db.read() as session:
            try:
                sheets.find_sheet(session, sheet_id, user=session.get_one(User, current_user.id))
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

        return self.submit_form(form, sheets.create_and_give, message=told, then=then)

    @expose("/<int:round_id>/")
    def show(self, round_id: int) -> ResponseReturnValue:
        with self.reading() as (session, user):
            sheet = sheets.read_sheet(session, round_id, user=user)
            lines = sheets.read_lines(session, round_id, user=user)
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
                key_of={outcome: key for key, outcome in rules.RESULT_KEYS.items()},
                counts={
                    outcome: n
                    for outcome in rules.VisitOutcome
                    if (n := sum(line.outcome is outcome for line in lines))
                },
                form=ResultsForm.on_page(visited_at=f"{last:%Y-%m-%dT%H:%M}"),
                may_undo=may_undo_entry(session, round_id, user=user, now=datetime.now(UTC)),
                given=sheets.read_assignments(session, round_id),
                assign_form=assign_form,
            )

    # To a village officer, for a day.
    assign = FormAction("/<int:round_id>/assign", sheets.assign_sheet, AssignForm).tells(_l("Đã giao phiếu."))

    @expose("/<int:round_id>/take-back/<int:officer_id>", methods=["POST"])
    def take_back(self, round_id: int, officer_id: int) -> ResponseReturnValue:
        told = _("Đã thu lại phiếu.")
        return self.submit_form(
            forms.Form(), sheets.take_back_sheet, round_id, officer_id=officer_id, message=told
        )

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
                shown = sheets.read_lines(session, round_id, user=user, with_numbers=True)
                numbers = sum(bool(line.phone) for line in shown)
        printed = within_quota(sheets.print_sheet, numbers=numbers)
        sheet, lines = self.do(printed, round_id, with_numbers=with_numbers)
        return self.render(
            "progress/visit_sheet_print.html",
            sheet=sheet,
            lines=lines,
            keys=_named_keys(sheet.kind),
            printed=datetime.now(VIETNAM),
        )


def _named_keys(kind: str) -> list[tuple[str, rules.VisitOutcome]]:
    """Return the result keys of a kind. Where nobody is asked whether they cannot there is no key for it; the others keep theirs."""
    return [item for item in rules.RESULT_KEYS.items() if has_outcome(kind, item[1])]


# Session key of an invitation's link until the one page that shows it.
_LINK = "visits-link"


class OfficerForm(forms.Form):
    name = forms.TextField(
        _l("Họ tên"), maxlength=120, required=True, autocomplete="off", codes=("officer_name_missing",)
    )
    number = forms.TextField(
        _l("Số điện thoại"),
        type="tel",
        maxlength=20,
        autocomplete="off",
        hint=_l("Mã mở phiếu được gửi đến số này."),
        codes=("officer_number_wrong", "officer_unreachable"),
    )
    email = forms.TextField(
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

        return self.submit_form(forms.Form(), sheets.invite_officer, officer_id, message=keep)

    shut_out = FormAction("/<int:officer_id>/shut-out", shut_out).tells(
        _l("Đã khóa máy của cán bộ này. Máy xóa dữ liệu ngay khi có mạng.")
    )


ON_A_PAGE = 20


class ChoiceForm(forms.Form):
    """Which people a page shows; a form on it sends them along."""

    not_passed = hand_over.PeopleChoice._fields
    answer = forms.TextField(type="hidden", maxlength=40)
    area = forms.TextField(type="hidden", maxlength=10)
    village = forms.TextField(type="hidden", maxlength=140)
    order = forms.TextField(type="hidden", maxlength=40)

    @property
    def choice(self) -> hand_over.PeopleChoice:
        return hand_over.PeopleChoice(self.answer.data, self.area.data, self.village.data, self.order.data)


class HandOverForm(ChoiceForm):
    recipient = forms.TextField(
        _l("Nơi nhận"),
        maxlength=120,
        required=True,
        autocomplete="off",
        placeholder=_l("Ví dụ: Trạm Y tế xã Đắk Hà"),
        codes=("hand_over_unsaid",),
    )
    purpose = forms.TextField(
        _l("Mục đích"),
        maxlength=200,
        required=True,
        autocomplete="off",
        placeholder=_l("Ví dụ: chuẩn bị buổi tiêm ngày 5/12"),
    )
    with_numbers = forms.CheckField(
        _l("Kèm số điện thoại đầy đủ"), hint=_l("Chỉ khi nơi nhận phải gọi. Mỗi số được ghi vào nhật ký.")
    )


class ReturnedForm(forms.Form):
    file = forms.FileField(
        _l("Danh sách đã điểm danh, có cột đánh x"),
        missing=_l("Hãy chọn tệp danh sách đã đánh dấu."),
        codes=("hand_over_not_returned", "hand_over_nobody_marked"),
    )


class UndoForm(forms.Form):
    answer_id = forms.RowField()


class HandOverView(AdminPage):
    """Not in the menu: a campaign's page leads here."""

    under = "campaigns"
    name, endpoint, url = "", "hand_over", "/admin/campaigns/<int:campaign_id>/hand-over"

    @expose("/")
    def index(self, campaign_id: int) -> ResponseReturnValue:
        """List a campaign's people. `?answer=`, `?area=`, `?village=` choose among them; `?order=`, `?page=`.

        Those of a campaign about health once they were opened on record: a button does.
        """
        chosen = _requested()
        number = max(1, request.args.get("page", 1, type=int))
        with self.reading() as (session, user):
            campaign = find_campaign(session, campaign_id, user=user)
            if campaign.is_health and campaign_id not in opened_campaigns():
                return self.render("campaigns/hand_over.html", campaign=campaign, listed=None)
            listed = hand_over.read_people(session, campaign_id, chosen, user=user, opened=opened_campaigns())
            if chosen.village not in ("", *listed.villages):  # of another commune, or of nobody now
                chosen = chosen._replace(village="")
                listed = hand_over.read_people(
                    session, campaign_id, chosen, user=user, opened=opened_campaigns()
                )
            begin = (number - 1) * ON_A_PAGE
            last = hand_over.read_last_marks(session, campaign_id, user=user)
            organisation = session.get(Organisation, campaign.organisation_id or 0)
            return self.render(
                "campaigns/hand_over.html",
                campaign=campaign,
                listed=listed,
                people=listed.people[begin : begin + ON_A_PAGE],
                page=number,
                pages=-(-len(listed.people) // ON_A_PAGE),
                chosen=chosen,
                answers=_answers(campaign),
                communes=forms.communes(session),
                said=_said(campaign),
                written=_written(campaign),
                heading=heading,
                form=HandOverForm.on_page(
                    **chosen._asdict(),
                    recipient=organisation.name if organisation else "",
                    purpose=campaign.name,
                ),
                waiting=_waiting(session, user, campaign_id),
                kept=chosen._asdict(),
                done=label_of(Label.INSTALLED, "answer", campaign.kind),
                last=last,
                undo_form=UndoForm.on_page(answer_id=last.answer_id) if last else None,
                returned_form=ReturnedForm.on_page(),
            )

    @expose("/list", methods=["POST"])
    def make(self, campaign_id: int) -> ResponseReturnValue:
        """Show the list for printing, or send it as a workbook; recorded in the audit log."""
        form = HandOverForm()
        opened = opened_campaigns()
        numbers = 0
        with self.reading() as (session, user):
            waiting = _waiting(session, user, campaign_id)
            if form.with_numbers.data:
                listed = hand_over.read_people(session, campaign_id, form.choice, user=user, opened=opened)
                numbers = sum(bool(each.number) for each in listed.people)

        def show(listed: hand_over.PeopleList) -> ResponseReturnValue:
            with force_locale("vi"):  # for its recipient, whatever language the office's pages are in
                head = _head(listed, form)
                if request.form.get("form") == "xlsx":
                    return _workbook(listed, head)
                return self.render(
                    "campaigns/hand_over_print.html",
                    listed=listed,
                    waiting=waiting,
                    about=_about(listed.campaign),
                    head=head,
                    code=lambda each: rules.person_code(campaign_id, each.recipient_id),
                    said=_said(listed.campaign),
                    written=_written(listed.campaign),
                    heading=heading,
                    kept=form.choice._asdict(),
                    chosen=_answers(listed.campaign).get(form.choice.answer, ""),
                    has_numbers=any(each.number for each in listed.people),
                )

        return self.submit_form(
            form,
            within_quota(hand_over.hand_over, numbers=numbers),
            campaign_id,
            form.choice,
            opened=opened,
            show=show,
        )

    @expose("/came", methods=["POST"])
    def came(self, campaign_id: int) -> ResponseReturnValue:
        """Record that the people marked on the page came."""
        people = {forms.row_id(each) for each in request.form.getlist("came")}
        return self._record(forms.Form(), campaign_id, lambda: people)

    @expose("/returned", methods=["POST"])
    def returned(self, campaign_id: int) -> ResponseReturnValue:
        """Record who is marked on a list that came back."""
        form = ReturnedForm()

        def read() -> set[int]:
            with form.file.saved() as path:
                marks = hand_over.read_returned(path, campaign_id=campaign_id)
            if marks.unclear:
                lines = ", ".join(map(str, marks.unclear[:20]))
                warn(_("Không hiểu dấu ở dòng %(lines)s; những dòng này chưa được ghi.", lines=lines))
            if marks.strangers:
                warn(_("%(n)s dòng là của chiến dịch khác, không được ghi.", n=marks.strangers))
            return marks.came

        return self._record(form, campaign_id, read)

    @expose("/undo", methods=["POST"])
    def undo(self, campaign_id: int) -> ResponseReturnValue:
        def told(n: int) -> str:
            return _("Đã hoàn tác %(n)s người của lần ghi vừa rồi.", n=n)

        return self.submit_form(
            UndoForm(), hand_over.undo_came, campaign_id, opened=opened_campaigns(), message=told
        )

    def _record(
        self, form: forms.Form, campaign_id: int, read: Callable[[], set[int]]
    ) -> ResponseReturnValue:
        def record(runtime: Runtime, **values: Any) -> hand_over.Recorded:
            return hand_over.record_came(runtime, campaign_id, read(), **values)

        def told(recorded: hand_over.Recorded) -> str:
            if recorded.left_out:
                warn(
                    _(
                        "%(n)s người có dấu không được ghi vì không có trong danh sách này: đã từ chối nhận tin, phản đối, đã xóa, hoặc mã bị sửa.",
                        n=recorded.left_out,
                    )
                )
            if recorded.to_do:
                warn(
                    _(
                        "Mỗi lần ghi được nhiều nhất %(most)s người. Còn %(n)s người chưa được ghi: hãy tải tệp này lên lần nữa.",
                        most=hand_over.MOST_MARKED,
                        n=recorded.to_do,
                    )
                )
            return _("Đã ghi %(n)s người.", n=recorded.new) if recorded.new else _("Không có gì thay đổi.")

        number = request.form.get("page", 1, type=int)
        page = url_for(".index", campaign_id=campaign_id, **_requested()._asdict(), page=number)
        return self.submit_form(form, record, opened=opened_campaigns(), message=told, page=page)


def _waiting(session: Session, user: User, campaign_id: int) -> int:
    """Return how many answers of a campaign an officer has still to look at: the list lacks what they say."""
    return sum(count_open(session, user, campaign_id).values())


def _requested() -> hand_over.PeopleChoice:
    """Return the people whom the address or a form names."""
    values = request.values
    return hand_over.PeopleChoice(
        values.get("answer", "")[:40],
        values.get("area", "")[:10],
        values.get("village", "")[:140],
        values.get("order", "")[:40],
    )


def _answers(campaign: Campaign) -> dict[str, str]:
    """Return what people may be chosen by: each answer of the campaign's that leads to a list, by its word."""
    labels = [label for label in OFFICER_LABELS if label not in hand_over.NOT_LISTED]
    return {
        "": _("Tất cả người nhận tin"),
        hand_over.ANSWERED: _("Mọi người đã trả lời"),
        hand_over.UNANSWERED: _("Chưa trả lời"),
        **listed_answers(campaign.kind, read_own_answers(campaign.content), labels),
    }


def _about(campaign: Campaign) -> str:
    """Return what a campaign asks for, or its name where that has gaps to fill in, as a kind suggests it."""
    asked = str(campaign.content.get("asked") or "")
    return campaign.name if not asked or find_gaps(asked) else asked


def _said(campaign: Campaign) -> Any:
    """Return the filter for what a person of the list has said, in words; "" for nothing."""
    own = read_own_answers(campaign.content)

    return lambda each: said_in_words(own, each.said, each.own, campaign.kind)


def _written(campaign: Campaign) -> Any:
    """Return the filter for what was written to a person for a field; the substitute, as all without a value have it, is told apart."""

    def written(each: hand_over.ListedPerson, name: str) -> str:
        value = each.value_of(name, campaign)
        return _("%(value)s (chung)", value=value) if value and not each.values.get(name) else value

    return written


def heading(name: str) -> str:
    """Return a field's name as the head of its column."""
    return name[:1].upper() + name[1:]


def _head(listed: hand_over.PeopleList, form: HandOverForm) -> list[str]:
    """Return the lines of a list's head: who gets it, what for, of which day, and by whom."""
    today = datetime.now(VIETNAM).date()
    return [
        _("Nơi nhận: %(name)s", name=form.recipient.data),
        _("Mục đích: %(purpose)s", purpose=form.purpose.data),
        _(
            "Lập ngày %(day)s, người lập: %(name)s, số người: %(n)s",
            day=day(today.isoformat()),
            name=current_user.shown_name,
            n=len(listed.people),
        ),
        _(
            "Chỉ dùng cho mục đích trên; không sao chụp, không chuyển cho nơi khác; xong việc thì trả lại hoặc hủy."
        ),
    ]


def _workbook(listed: hand_over.PeopleList, head: list[str]) -> Response:
    campaign, said, written = listed.campaign, _said(listed.campaign), _written(listed.campaign)
    has_numbers = any(each.number for each in listed.people)
    done = label_of(Label.INSTALLED, "answer", campaign.kind)
    headings = [
        rules.CODE_HEADING,
        _("Họ tên"),
        _("Năm sinh"),
        _("Nơi ở"),
        *map(heading, campaign.fields),
        _("Câu trả lời"),
        *([_("Số điện thoại")] if has_numbers else []),
        _("%(done)s (đánh x)", done=done),
    ]
    rows = [
        [
            rules.person_code(campaign.id, each.recipient_id),
            each.name,
            str(each.birth_year or ""),
            each.place,
            *(written(each, name) for name in campaign.fields),
            said(each),
            *([each.number] if has_numbers else []),
            "",  # also of who has come: were they corrected since, our own mark would come back as the recipient's
        ]
        for each in listed.people
    ]
    over = [[campaign.name], *([line] for line in head)]
    return send_workbook(_("Danh sách"), [*over, headings, *rows], name=f"danh-sach-{campaign.id}")
