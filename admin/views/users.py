"""User accounts: invite by a link, set role and scope, lock when someone leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import abort, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin.views.base import AdminPage
from admin.views.organisations import choices_of_areas, choices_of_organisations
from campaigns.enqueue_jobs import enqueue_invitation_mail
from campaigns.models.webhooks import Subscription
from outreach.accounts.invitations import link_for
from outreach.accounts.permissions import visible_to
from outreach.accounts.sessions import read_sessions
from outreach.accounts.users import (
    change_user,
    disable_user,
    enable_user,
    has_password,
    invite_user,
    renew_invitation,
    reset_second_factor,
    sign_out_everywhere,
)
from outreach.models.accounts import ApiToken, AuditEvent, Organisation, Role, User
from outreach.models.places import Area
from outreach.rules.errors import LoaError, NotFound
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
            with self.writing() as (db, user):
                invited = invite_user(
                    db,
                    email=request.form.get("email", ""),
                    user=user,
                    now=datetime.now(UTC),
                    **_scope(form_values),
                )
                session[_LINK] = [invited.id, link_for(invited, self.runtime.settings)]
        except LoaError as error:
            return self._list(
                error=str(error), form_values={**form_values, "email": request.form.get("email", "")}
            ), 400
        self._mail(invited.id)
        return redirect(url_for(".show", user_id=invited.id), code=303)

    @expose("/<int:user_id>/")
    def show(self, user_id: int) -> ResponseReturnValue:
        return self._show(user_id)

    @expose("/<int:user_id>/change", methods=["POST"])
    def change(self, user_id: int) -> ResponseReturnValue:
        form_values = _read_form()

        def act(db: Session, user: User, now: datetime) -> None:
            leftovers = _open_connections(db, user_id, now=now)
            if (
                change_user(db, user_id, user=user, now=now, **_scope(form_values)).role
                is not Role.ADMINISTRATOR
            ):
                _flash_leftovers(leftovers)

        return self._run(user_id, act, _("Đã lưu. Vai trò và phạm vi mới có hiệu lực ngay."))

    @expose("/<int:user_id>/disable", methods=["POST"])
    def disable(self, user_id: int) -> ResponseReturnValue:
        def act(db: Session, user: User, now: datetime) -> None:
            leftovers = _open_connections(db, user_id, now=now)
            disable_user(db, user_id, user=user, now=now)
            _flash_leftovers(leftovers)

        return self._run(
            user_id, act, _("Đã khóa tài khoản. Mọi phiên đăng nhập của tài khoản này đã kết thúc.")
        )

    @expose("/<int:user_id>/enable", methods=["POST"])
    def enable(self, user_id: int) -> ResponseReturnValue:
        def act(db: Session, user: User, now: datetime) -> None:
            session[_LINK] = [
                user_id,
                link_for(enable_user(db, user_id, user=user, now=now), self.runtime.settings),
            ]

        return self._run(
            user_id, act, _("Đã mở lại tài khoản. Hãy chuyển liên kết bên dưới để đặt mật khẩu mới.")
        )

    @expose("/<int:user_id>/link", methods=["POST"])
    def link(self, user_id: int) -> ResponseReturnValue:
        """Create a new link, for a user who lost the first or forgot the password."""
        try:
            with self.writing() as (db, user):
                invited = renew_invitation(db, user_id, user=user, now=datetime.now(UTC))
                session[_LINK] = [user_id, link_for(invited, self.runtime.settings)]
        except NotFound:
            abort(404)
        self._mail(user_id)
        return redirect(url_for(".show", user_id=user_id), code=303)

    @expose("/<int:user_id>/sign-out", methods=["POST"])
    def sign_out(self, user_id: int) -> ResponseReturnValue:
        def act(db: Session, user: User, now: datetime) -> None:
            sign_out_everywhere(db, user_id, user=user, now=now)

        return self._run(user_id, act, _("Đã đăng xuất người này khỏi mọi máy."))

    @expose("/<int:user_id>/second-factor", methods=["POST"])
    def drop_second_factor(self, user_id: int) -> ResponseReturnValue:
        def act(db: Session, user: User, now: datetime) -> None:
            reset_second_factor(db, user_id, user=user, now=now)

        return self._run(user_id, act, _("Đã bỏ xác thực hai lớp của tài khoản này."))

    def _mail(self, user_id: int) -> None:
        if self.runtime.settings.smtp_url:
            enqueue_invitation_mail(self.runtime.job_queue, user_id)

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

    def _run(
        self, user_id: int, act: Callable[[Session, User, datetime], None], message: str
    ) -> ResponseReturnValue:
        url = url_for(".show", user_id=user_id)
        if refused := self.run_action(act, on_error_url=url):
            return refused
        flash(message, "success")
        return redirect(url, code=303)


def _open_connections(db: Session, user_id: int, *, now: datetime) -> tuple[list[str], list[str]]:
    """Return the names of the open tokens and webhooks that a user has made."""
    tokens = select(ApiToken.name).where(
        ApiToken.made_by == user_id, ApiToken.ended_at.is_(None), ApiToken.expires_at > now
    )
    hooks = select(Subscription.name).where(Subscription.made_by == user_id, Subscription.ended_at.is_(None))
    return list(db.scalars(tokens.order_by(ApiToken.id))), list(db.scalars(hooks.order_by(Subscription.id)))


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
