"""Organisations' lists: contents, imports, legal basis, new lists, and decisions on import issues."""

from datetime import UTC, datetime
from itertools import chain
from typing import Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from admin.forms import CheckField, ChecksField, ChoiceField, Form, TextField, labelled, row_id
from admin.views.base import AdminPage, FormAction
from outreach.accounts.permissions import is_province_staff
from outreach.contacts import lists
from outreach.contacts.languages import offer_languages, read_offered, read_open_spellings, settle_spelling
from outreach.contacts.place_questions import answer_place, read_questions
from outreach.imports import issues
from outreach.imports.change_list import archive_list, merge_list, remove_list, rename_list, split_list
from outreach.imports.decide_issue import MAX_ALIKE, birth_years, decide_issue
from outreach.imports.retract_decision import read_last, retract_decision
from outreach.models.contacts import ContactList, LegalBasis
from outreach.places.areas import read_districts, read_place_names
from outreach.rules.identity import vietnamese_order
from outreach.rules.languages import NAMES, VIETNAMESE

_BASES = labelled(LegalBasis, "basis")
_NAME_CODES = ("list_name_missing", "list_name_long", "list_name_taken")


class ListForm(Form):
    name = TextField(_l("Tên danh sách"), maxlength=120, required=True, codes=_NAME_CODES)
    organisation_id = ChoiceField(_l("Của tổ chức"), name="organisation", coerce=row_id)
    basis = ChoiceField(_l("Căn cứ nhắn tin"), _BASES, empty=_l("Chưa ghi"), codes=("basis_missing",))
    basis_note = TextField(
        _l("Văn bản, phiếu đồng ý"), maxlength=200, codes=("basis_note_long", "basis_document_missing")
    )


class RenameForm(Form):
    name = TextField(_l("Tên mới"), maxlength=120, required=True, codes=_NAME_CODES)


class MergeForm(Form):
    into = ChoiceField(
        _l("Danh sách giữ lại"),
        coerce=row_id,
        empty=_l("Chọn"),
        required=True,
        codes=("list_merge_unfit", "list_merge_basis"),
    )


class SplitForm(Form):
    area_code = ChoiceField(
        _l("Người ở xã, phường"), name="area", empty=_l("Chọn"), required=True, codes=("list_split_empty",)
    )
    name = TextField(
        _l("Tên danh sách mới"), name="new_name", maxlength=120, required=True, codes=_NAME_CODES
    )

    def values(self) -> dict[str, Any]:
        values = super().values()
        return {"areas": [values.pop("area_code")], **values}


class BasisForm(Form):
    basis = ChoiceField(
        _l("Căn cứ nhắn tin"), _BASES, empty=_l("Chưa ghi"), required=True, codes=("basis_missing",)
    )
    note = TextField(
        _l("Văn bản, phiếu đồng ý"),
        name="basis_note",
        maxlength=200,
        codes=("basis_note_long", "basis_document_missing"),
    )
    since = TextField(_l("Từ ngày"), type="date", codes=("basis_day_wrong", "basis_day_future"))


class PlaceForm(Form):
    area_code = ChoiceField(
        _l("Xã, phường hiện nay"), name="area", empty=_l("Chọn"), required=True, codes=("commune_unknown",)
    )


class SpellingForm(Form):
    code = ChoiceField(
        _l("Là tiếng"),
        name="language",
        choices=list(NAMES.items()),
        empty=_l("Chọn"),
        required=True,
        codes=("language_unknown",),
    )


class LanguagesForm(Form):
    codes = ChecksField(name="languages", default=())


class DecideForm(Form):
    """A decision by its button: its value, then behind a dot the answer to a question (a birth year or "moved").

    `phone` is the corrected number; `alike` applies to all rows of the file that wait for the same reason.
    """

    decision = TextField(_l("Quyết định"))
    phone = TextField(
        _l("Số đúng, nếu khác số đọc được"),
        inputmode="tel",
        autocomplete="off",
        maxlength=40,
        codes=("typed_number_for_one", "typed_number_wrong"),
    )
    and_alike = CheckField(name="alike")

    def validate_decision(self, field: TextField) -> None:
        if field.data.partition(".")[0] not in list(issues.Decision):
            raise ValidationError(_("Hãy bấm một trong các nút của dòng."))

    def values(self) -> dict[str, Any]:
        decision, _dot, detail = self.decision.data.partition(".")
        return super().values() | {
            "decision": issues.Decision(decision),
            "birth_year": int(detail) if detail.isdecimal() else None,
            "has_moved": detail == "moved",
        }


def _page_of(contact_list: ContactList) -> str:
    return url_for("lists.show", list_id=contact_list.id)


def _next(*_form: Form, **_address: int) -> str:
    """Return the URL of the rows that wait, from the next one on."""
    return url_for("lists.waiting", list=request.args.get("list", type=int), _anchor="next")


class ListsView(AdminPage):
    name, endpoint, url = _l("Danh sách"), "lists", "/admin/lists"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        with self.reading() as (session, user):
            form = ListForm.on_page(organisation_id=lists.usual_organisation(session, user))
            form.organisation_id.choices = lists.read_organisations(session, user)
            return self.render(
                "contacts/lists.html",
                lists=lists.read_lists(session, user),
                waiting=issues.count_waiting(session, user),
                form=form,
                open_places=read_questions(session, user)[1],
                open_languages=len(read_open_spellings(session)),
            )

    create = FormAction("/", lists.create_list, ListForm, then=_page_of).tells(
        lambda created: _(
            "Đã tạo danh sách “%(name)s”. Tiếp theo, hãy nhập tệp vào danh sách.", name=created.name
        )
    )

    @expose("/<int:list_id>/")
    def show(self, list_id: int) -> ResponseReturnValue:
        with self.reading() as (session, user):
            shown = next(iter(lists.read_lists(session, user, list_id=list_id)), None) or abort(404)
            merge, split = MergeForm.on_page(), SplitForm.on_page()
            merge.into.choices = [
                (row.id, row.name)
                for row in lists.read_lists(session, user)
                if row.organisation_id == shown.organisation_id and row.id != list_id and not row.archived_at
            ]
            split.area_code.choices = lists.read_communes_of_list(session, list_id)
            return self.render(
                "contacts/list.html",
                list=shown,
                waiting=issues.count_waiting(session, user, lists=[list_id]),
                imports=lists.read_imports(session, list_id),
                uploads=lists.read_uploads(session, user, list_id=list_id, only_open=True),
                form=BasisForm.on_page(
                    basis=shown.basis or "", note=shown.basis_note, since=shown.basis_since or ""
                ),
                rename=RenameForm.on_page(name=shown.name),
                merge=merge,
                split=split,
            )

    rename = FormAction("/<int:list_id>/rename", rename_list, RenameForm).tells(_l("Đã đổi tên danh sách."))
    # Archived, or brought back.
    archive = FormAction("/<int:list_id>/archive", archive_list).tells(
        lambda changed: (
            _("Đã lưu trữ danh sách: không còn được chọn cho chiến dịch và lần nhập mới.")
            if changed.archived_at
            else _("Đã đưa danh sách trở lại sử dụng.")
        )
    )
    merge = FormAction("/<int:list_id>/merge", merge_list, MergeForm, then=_page_of).tells(
        lambda target: _("Đã gộp người vào danh sách “%(name)s”.", name=target.name)
    )
    split = FormAction("/<int:list_id>/split", split_list, SplitForm, then=_page_of).tells(
        lambda new: _("Đã tách thành danh sách “%(name)s”.", name=new.name)
    )
    remove = FormAction("/<int:list_id>/remove", remove_list, then=".index").tells(
        lambda removed: _("Đã xóa danh sách “%(name)s”.", name=removed.name)
    )
    basis = FormAction("/<int:list_id>/basis", lists.record_basis, BasisForm).tells(
        _l("Đã ghi căn cứ nhắn tin. Mọi chiến dịch chưa gửi tính theo căn cứ này.")
    )

    @expose("/waiting")
    def waiting(self) -> ResponseReturnValue:
        """Show rows that wait for a decision, with full numbers: recorded in the audit log.

        `?list=` limits to one list.
        """
        list_id = request.args.get("list", type=int)
        now = datetime.now(UTC)
        rows, count = self.do(issues.see_open_issues, list_id=list_id)
        questions = [each for each in rows if each.issue.reason == issues.OTHER_COMMUNE]
        codes = chain.from_iterable((each.lives_in, each.issue.cells["area_code"]) for each in questions)
        with self.reading() as (session, user):
            return self.render(
                "contacts/review.html",
                rows=rows,
                count=count,
                waiting=issues.count_waiting(session, user, lists=None if list_id is None else [list_id]),
                alike=issues.count_similar(session, rows),
                most_alike=MAX_ALIKE,
                last=read_last(session, user, now=now),
                list_id=list_id,
                years={
                    each.issue.id: birth_years(each.issue.cells["birth_doubt"], this_year=now.year)
                    for each in rows
                    if each.issue.reason == issues.BIRTH_UNCLEAR
                },
                this_year=now.year,
                communes=read_place_names(session, codes),
                decide_form=DecideForm.on_page,
            )

    @expose("/places")
    def places(self) -> ResponseReturnValue:
        """Show the spellings of places that name no commune for sure, each to be settled for all its people."""
        with self.reading() as (session, user):
            questions, count = read_questions(session, user)
            groups = {title: communes for _code, title, communes in read_districts(session)}
            may_answer = is_province_staff(session, user)
        forms = {each.id: PlaceForm.on_page(each.id) for each in questions}
        for each in questions:
            own = [(area.code, area.full_name) for area in each.candidates]
            likely = {str(_("Có thể là")): own} if own else {}
            forms[each.id].area_code.choices = likely | groups
        return self.render(
            "contacts/places.html", questions=questions, count=count, forms=forms, may_answer=may_answer
        )

    # For all people with the spelling, and for later lists.
    answer_place = FormAction(
        "/places/<int:place_question_id>", answer_place, PlaceForm, page=".places", is_keyed=True
    ).tells(
        lambda people: _("Đã xác định nơi ở của %(n)s người. Lần nhập sau sẽ hiểu cách viết này.", n=people)
    )

    @expose("/languages")
    def languages(self) -> ResponseReturnValue:
        """Show the languages offered for texts, and spellings in lists that wait to be settled."""
        others = [(code, name) for code, name in NAMES.items() if code != VIETNAMESE]
        with self.reading() as (session, user):
            spellings = read_open_spellings(session)
            return self.render(
                "contacts/languages.html",
                names=dict(sorted(others, key=lambda each: vietnamese_order(each[1]))),
                offered=read_offered(session),
                spellings=spellings,
                forms={each.id: SpellingForm.on_page(each.id) for each in spellings},
                may_change=is_province_staff(session, user),
            )

    offer_languages = FormAction("/languages", offer_languages, LanguagesForm, page=".languages").tells(
        lambda codes: _("Đã lưu: soạn tin được bằng tiếng Việt và %(n)s tiếng khác.", n=len(codes))
    )
    # For all phones with the spelling, and for later lists
    settle_spelling = FormAction(
        "/languages/<int:spelling_id>", settle_spelling, SpellingForm, page=".languages", is_keyed=True
    ).tells(lambda phones: _("Đã ghi ngôn ngữ cho %(n)s số. Lần nhập sau sẽ hiểu cách viết này.", n=phones))

    @expose("/waiting/<int:issue_id>", methods=["POST"])
    def decide(self, issue_id: int) -> ResponseReturnValue:
        form = DecideForm(issue_id)

        def told(rows: int) -> str:
            return _("Đã quyết định như nhau cho %(n)s dòng.", n=rows) if form.and_alike.data else ""

        return self.submit_form(form, decide_issue, issue_id, message=told, page=_next())

    # The user's own decision, for all rows that it covered
    retract = FormAction("/waiting/<int:issue_id>/retract", retract_decision, page=_next).tells(
        lambda n: _("Đã hoàn tác: %(n)s dòng chờ quyết định trở lại.", n=n)
    )
