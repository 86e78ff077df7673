"""User accounts: invite by a link, set role and scope, lock when someone leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import flash, g, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from admin.forms import ChoiceField, Form, RowField, TextField, labelled, row_id
from admin.views.base import FormAction
from admin.views.organisations import area_choices, organisation_choices
from admin.views.register_base import ChoiceFilter, TableRegister
from campaigns.analytics.first_campaign import FirstStep, read_first_steps
from campaigns.models.webhooks import Subscription
from outreach.accounts.identities import read_identities, remove_identity
from outreach.accounts.invitations import link_for
from outreach.accounts.permissions import find_visible, visible_to
from outreach.accounts.second_factor import remove_second_factor
from outreach.accounts.sessions import read_sessions
from outreach.accounts.users import (
    NO_PASSWORD,
    add_user,
    change_user,
    disable_user,
    enable_user,
    has_password,
    renew_invitation,
    sign_out_everywhere,
)
from outreach.models.accounts import ApiToken, AuditEvent, Organisation, Role, User
from outreach.rules.errors import NotFound

STATES = {"active": _l("Đang dùng"), "waiting": _l("Chờ đặt mật khẩu"), "disabled": _l("Đã khóa")}


def state_of(user: User) -> str:
    return "disabled" if not user.is_active else "active" if has_password(user) else "waiting"


NOWHERE = "none"  # what is chosen for a user without an organisation

# Session key of an invitation link until the one page that shows it.
_LINK = "invitation"


class InviteForm(Form):
    email = TextField(
        _l("Địa chỉ thư điện tử"), type="email", maxlength=254, required=True, autocomplete="off"
    )
    name = TextField(_l("Họ tên"), maxlength=120, autocomplete="off")
    role = ChoiceField(_l("Vai trò"), labelled(Role, "role"), coerce=Role, default=Role.STAFF)
    organisation_id = ChoiceField(
        _l("Tổ chức"),
        lambda: [(NOWHERE, _("Không thuộc tổ chức nào")), *organisation_choices()],
        name="organisation",
        coerce=str.strip,
        empty=_l("Hãy chọn"),
        required=True,
    )
    area_code = ChoiceField(
        _l("Địa bàn"),
        area_choices,
        name="area",
        coerce=str.strip,
        empty=_l("Không giới hạn"),
        hint=_l(
            "Người dùng xem được dữ liệu của tổ chức mình và các tổ chức trực thuộc; chọn thêm địa bàn thì chỉ các tổ chức trực thuộc trong địa bàn ấy và chỉ thấy, chỉ nhắn người dân trong địa bàn ấy; không thuộc tổ chức nào thì theo địa bàn; không có cả hai thì xem toàn bộ."
        ),
    )

    def values(self) -> dict[str, Any]:
        return {**super().values(), "organisation_id": row_id(self.organisation_id.data or "") or None}


class UserForm(InviteForm):
    email = None  # type: ignore[assignment]


class IdentityForm(Form):
    identity_id = RowField(name="identity")


_IS_WAITING = User.password_hash.startswith(NO_PASSWORD)


class UsersView(TableRegister):
    table, endpoint, url = User, "users", "/admin/users"
    name = title = _l("Người dùng")
    list_template = "settings/users.html"
    new_form, states, state_of = InviteForm, STATES, staticmethod(state_of)
    columns = (
        ("email", _l("Địa chỉ thư")),
        ("name", _l("Họ tên")),
        ("role", _l("Vai trò")),
        ("organisation.name", _l("Tổ chức")),
        ("area.name", _l("Địa bàn")),
        ("state", _l("Tình trạng")),
        ("practised", _l("Đã tập")),
    )
    export_columns = (*columns, ("created_at", _l("Tạo lúc")), ("identities", _l("Đăng nhập chung")))
    sortable = (("email", User.email), ("name", User.name), ("organisation.name", Organisation.name))
    searched = (User.email, User.name, Organisation.name)
    search_label = _l("Tên, địa chỉ thư hoặc tổ chức")
    order = (User.is_active.desc(), User.email)
    column_filters = (
        ChoiceFilter.of_labels(_l("Vai trò"), User.role, Role, "role"),
        ChoiceFilter(
            _l("Tình trạng"),
            {
                "active": (STATES["active"], User.is_active & ~_IS_WAITING),
                "waiting": (STATES["waiting"], User.is_active & _IS_WAITING),
                "disabled": (STATES["disabled"], ~User.is_active),
            },
        ),
    )

    def select(self, session: Session, user: User) -> Select[Any]:
        return (
            super()
            .select(session, user)
            .outerjoin(User.organisation)
            .where(visible_to(session, user, User.organisation_id))
            .options(contains_eager(User.organisation), joinedload(User.area))
        )

    def get_list(self, *args: Any, **values: Any) -> tuple[int, list[Any]]:
        count, users = super().get_list(*args, **values)
        with self.runtime.db.read() as session:
            g.first_steps = read_first_steps(session, [user.id for user in users])
            g.identities = read_identities(session, [user.id for user in users])
        return count, users

    def _get_field_value(self, model: User, name: str) -> Any:
        if name == "practised":  # the steps of a first campaign
            return f"{len(g.first_steps[model.id])}/{len(FirstStep)}"
        if name == "identities":
            return "; ".join(f"{each.issuer} ({each.subject})" for each in g.identities.get(model.id, ()))
        return STATES[state_of(model)] if name == "state" else super()._get_field_value(model, name)

    @expose("/export.csv")
    def export(self) -> ResponseReturnValue:
        return self.csv()

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        return self.submit_form(InviteForm(), url_for(".index"), add_user, show=self._show_link)

    @expose("/<int:user_id>/change", methods=["POST"])
    def change(self, user_id: int) -> ResponseReturnValue:
        leftovers = self._open_connections(user_id)

        def told(changed: User) -> str:
            if changed.role is not Role.ADMINISTRATOR:
                _flash_leftovers(leftovers)
            return str(_("Đã lưu. Vai trò và phạm vi mới có hiệu lực ngay."))

        return self.submit_form(
            UserForm(), url_for(".show", user_id=user_id), change_user, user_id, message=told
        )

    @expose("/<int:user_id>/disable", methods=["POST"])
    def disable(self, user_id: int) -> ResponseReturnValue:
        leftovers = self._open_connections(user_id)

        def told(_result: object) -> str:
            _flash_leftovers(leftovers)
            return str(_("Đã khóa tài khoản. Mọi phiên đăng nhập của tài khoản này đã kết thúc."))

        return self.submit_form(
            Form(), url_for(".show", user_id=user_id), disable_user, user_id, message=told
        )

    @expose("/<int:user_id>/enable", methods=["POST"])
    def enable(self, user_id: int) -> ResponseReturnValue:
        enabled = self.do(enable_user, user_id)
        flash(_("Đã mở lại tài khoản. Hãy chuyển liên kết bên dưới để đặt mật khẩu mới."), "success")
        return self._show_link(enabled)

    @expose("/<int:user_id>/link", methods=["POST"])
    def link(self, user_id: int) -> ResponseReturnValue:
        """Create a new link, for a user who lost the first or forgot the password."""
        return self._show_link(self.do(renew_invitation, user_id))

    sign_out = FormAction("/<int:user_id>/sign-out", sign_out_everywhere).tells(
        _l("Đã đăng xuất người này khỏi mọi máy.")
    )
    drop_second_factor = FormAction("/<int:user_id>/second-factor", remove_second_factor).tells(
        _l("Đã bỏ xác thực hai lớp của tài khoản này.")
    )
    remove_identity = FormAction("/<int:user_id>/identity", remove_identity, IdentityForm).tells(
        _l("Đã bỏ nối tài khoản với nơi đăng nhập chung.")
    )

    def _show_link(self, invited: User) -> ResponseReturnValue:
        """Redirect to the user's page, which shows the link for choosing a password once."""
        session[_LINK] = [invited.id, link_for(invited, self.settings)]
        return redirect(url_for(".show", user_id=invited.id), code=303)

    @expose("/<int:user_id>/")
    def show(self, user_id: int) -> ResponseReturnValue:
        pending = session.get(_LINK)
        link = pending[1] if pending and pending[0] == user_id else ""
        if link:
            session.pop(_LINK)
        with self.reading() as (db, me):
            found = find_visible(db, User, user_id, me, NotFound("user_not_found"))
            context = {
                "form": UserForm.on_page(
                    name=found.name,
                    role=found.role,
                    organisation_id=found.organisation_id or NOWHERE,
                    area_code=found.area_code,
                ),
                "last_login": db.scalar(
                    select(func.max(AuditEvent.at)).where(
                        AuditEvent.actor_id == user_id, AuditEvent.action == "login"
                    )
                ),
                "is_me": me.id == user_id,
                "sessions": read_sessions(db, user_id, now=datetime.now(UTC)),
                "identities": read_identities(db, [user_id]).get(user_id, []),
            }
        return self.render(
            "settings/user.html",
            found=found,
            is_waiting=not has_password(found),
            link=link,
            is_mailed=bool(self.settings.smtp_url),
            **context,
        )

    def _open_connections(self, user_id: int) -> tuple[list[str], list[str]]:
        """Return the names of the open tokens and webhooks that a user has made."""
        tokens = select(ApiToken.name).where(
            ApiToken.made_by == user_id, ApiToken.ended_at.is_(None), ApiToken.expires_at > datetime.now(UTC)
        )
        hooks = select(Subscription.name).where(
            Subscription.made_by == user_id, Subscription.ended_at.is_(None)
        )
        with self.reading() as (db, _me):
            return list(db.scalars(tokens.order_by(ApiToken.id))), list(
                db.scalars(hooks.order_by(Subscription.id))
            )


def _flash_leftovers(leftovers: tuple[list[str], list[str]]) -> None:
    tokens, hooks = leftovers
    if tokens:
        flash(
            _(
                "Đã thu hồi mã truy cập do người này tạo: %(names)s. Hệ thống còn cần thì hãy tạo mã mới cho hệ thống đó.",
                names=", ".join(tokens),
            ),
            "warning",
        )
    if hooks:
        flash(
            _(
                "Nơi nhận tin báo do người này thêm vẫn hoạt động: %(names)s. Nơi nào không còn cần thì hãy ngừng.",
                names=", ".join(hooks),
            ),
            "warning",
        )
