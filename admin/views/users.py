"""User accounts: invite by a link, set role and scope, lock when someone leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import abort, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin.views.base import AdminPage, refuse
from admin.views.organisations import choices_of_areas, choices_of_organisations
from campaigns.models.webhooks import Subscription
from outreach.accounts.invitations import link_for
from outreach.accounts.permissions import visible_to
from outreach.accounts.second_factor import remove_second_factor
from outreach.accounts.sessions import read_sessions
from outreach.accounts.users import (
    add_user,
    change_user,
    disable_user,
    enable_user,
    has_password,
    renew_invitation,
    sign_out_everywhere,
)
from outreach.models.accounts import ApiToken, AuditEvent, Organisation, Role, User
from outreach.models.places import Area
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime

# Session key of an invitation link until the one page that shows it.
_LINK = "invitation"


class UsersView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Người dùng"), endpoint="users", url="/admin/users")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List users. `?q=` is part of a name or e-mail."""
        return self._list()

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        form_values = _read_form()
        try:
            invited = self.do(add_user, email=request.form.get("email", ""), **_scope(form_values))
        except LoaError as error:
            return self._list(
                error=str(error), form_values={**form_values, "email": request.form.get("email", "")}
            ), 400
        return self._show_link(invited)

    @expose("/<int:user_id>/")
    def show(self, user_id: int) -> ResponseReturnValue:
        return self._show(user_id)

    @expose("/<int:user_id>/change", methods=["POST"])
    def change(self, user_id: int) -> ResponseReturnValue:
        form_values = _read_form()
        leftovers = self._open_connections(user_id)
        url = url_for(".show", user_id=user_id)
        try:
            changed = self.do(change_user, user_id, **_scope(form_values))
        except LoaError as error:
            return refuse(error, url)
        if changed.role is not Role.ADMINISTRATOR:
            _flash_leftovers(leftovers)
        flash(_("Đã lưu. Vai trò và phạm vi mới có hiệu lực ngay."), "success")
        return redirect(url, code=303)

    @expose("/<int:user_id>/disable", methods=["POST"])
    def disable(self, user_id: int) -> ResponseReturnValue:
        leftovers = self._open_connections(user_id)
        url = url_for(".show", user_id=user_id)
        try:
            self.do(disable_user, user_id)
        except LoaError as error:
            return refuse(error, url)
        _flash_leftovers(leftovers)
        flash(_("Đã khóa tài khoản. Mọi phiên đăng nhập của tài khoản này đã kết thúc."), "success")
        return redirect(url, code=303)

    @expose("/<int:user_id>/enable", methods=["POST"])
    def enable(self, user_id: int) -> ResponseReturnValue:
        enabled = self.do(enable_user, user_id)
        flash(_("Đã mở lại tài khoản. Hãy chuyển liên kết bên dưới để đặt mật khẩu mới."), "success")
        return self._show_link(enabled)

    @expose("/<int:user_id>/link", methods=["POST"])
    def link(self, user_id: int) -> ResponseReturnValue:
        """Create a new link, for a user who lost the first or forgot the password."""
        return self._show_link(self.do(renew_invitation, user_id))

    @expose("/<int:user_id>/sign-out", methods=["POST"])
    def sign_out(self, user_id: int) -> ResponseReturnValue:
        url = url_for(".show", user_id=user_id)
        return self.do_and_tell(url, _("Đã đăng xuất người này khỏi mọi máy."), sign_out_everywhere, user_id)

    @expose("/<int:user_id>/second-factor", methods=["POST"])
    def drop_second_factor(self, user_id: int) -> ResponseReturnValue:
        url, message = url_for(".show", user_id=user_id), _("Đã bỏ xác thực hai lớp của tài khoản này.")
        return self.do_and_tell(url, message, remove_second_factor, user_id)

    def _show_link(self, invited: User) -> ResponseReturnValue:
        """Redirect to the user's page, which shows the link for choosing a password once."""
        session[_LINK] = [invited.id, link_for(invited, self.runtime.settings)]
        return redirect(url_for(".show", user_id=invited.id), code=303)

    def _list(self, *, error: str = "", form_values: dict[str, Any] | None = None) -> str:
        search = request.args.get("q", "")[:100].strip()
        with self.reading() as (db, me):
            query = (
                select(User, Organisation.name, Area.name)
                .outerjoin(Organisation, Organisation.id == User.organisation_id)
                .outerjoin(Area, Area.code == User.area_code)
                .where(visible_to(db, me, User.organisation_id))
                .order_by(User.is_active.desc(), User.email)
            )
            if search:
                like = User.email.icontains(search, autoescape=True) | User.name.icontains(
                    search, autoescape=True
                )
                query = query.where(like)
            users = [
                {
                    "id": user.id,
                    "email": user.email,
                    "name": user.name,
                    "role": user.role,
                    "organisation": organisation,
                    "area": area,
                    "is_active": user.is_active,
                    "is_waiting": not has_password(user),
                }
                for user, organisation, area in db.execute(query)
            ]
            context = {"organisations": choices_of_organisations(db), "areas": choices_of_areas(db)}
        return self.render(
            "settings/users.html",
            users=users,
            roles=list(Role),
            asked=search,
            error=error,
            typed=form_values or {},
            **context,
        )

    def _show(self, user_id: int) -> str:
        pending = session.get(_LINK)
        link = pending[1] if pending and pending[0] == user_id else ""
        if link:
            session.pop(_LINK)
        with self.reading() as (db, me):
            found = db.scalar(
                select(User).where(User.id == user_id, visible_to(db, me, User.organisation_id))
            )
            if found is None:
                abort(404)
            context = {
                "organisations": choices_of_organisations(db),
                "areas": choices_of_areas(db),
                "last_login": db.scalar(
                    select(func.max(AuditEvent.at)).where(
                        AuditEvent.actor_id == user_id, AuditEvent.action == "login"
                    )
                ),
                "is_me": me.id == user_id,
                "sessions": read_sessions(db, user_id, now=datetime.now(UTC)),
            }
        return self.render(
            "settings/user.html",
            found=found,
            is_waiting=not has_password(found),
            roles=list(Role),
            link=link,
            is_mailed=bool(self.runtime.settings.smtp_url),
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


def _read_form() -> dict[str, Any]:
    form = request.form
    return {
        "name": form.get("name", ""),
        "role": form.get("role", ""),
        "organisation_id": form.get("organisation", type=int),
        "area_code": form.get("area", "") or None,
    }


def _scope(form_values: dict[str, Any]) -> dict[str, Any]:
    if form_values["role"] not in list(Role):
        abort(400)
    return {**form_values, "role": Role(form_values["role"])}
