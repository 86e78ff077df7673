"""Village officers: added and invited, their phones signed out, and how far their sheets are."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import lazy_gettext as _l

from admin.forms import Form, TextField
from admin.views.base import AdminPage, FormAction
from campaigns.visits.assignments import invite_officer
from campaigns.visits.progress import read_officers
from outreach.accounts.village_officers import add_officer, link_of, shut_out
from outreach.models.accounts import User

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

        return self.submit_form(
            Form(),
            url_for(".index"),
            invite_officer,
            officer_id,
            message=keep,
        )

    shut_out = FormAction("/<int:officer_id>/shut-out", shut_out).tells(
        _l("Đã khóa máy của cán bộ này. Máy xóa dữ liệu ngay khi có mạng.")
    )
