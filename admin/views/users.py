"""Organisations as a tree; user accounts: invite by a link, set role and scope, lock when someone leaves; and connections of other
systems: API tokens, and webhook subscriptions with their deliveries.
"""

from datetime import UTC, datetime
from typing import Any

from flask import current_app, flash, g, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, Text, cast, func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from admin.forms import CheckField, ChecksField, ChoiceField, Form, RowField, TextField, labelled, row_id
from admin.views.base import AdminPage, ChoiceFilter, ExportedRegister, FormAction, TableRegister, warn
from campaigns.analytics.open_tasks import FirstStep, read_first_steps
from campaigns.models.webhooks import Subscription
from campaigns.rules.webhooks import LONGEST_URL, secret_of
from campaigns.webhooks import deliver_events
from outreach.accounts import users as accounts
from outreach.accounts.api_tokens import LONGEST_NAME, create_token, end_token
from outreach.accounts.invitations import link_for
from outreach.accounts.permissions import find_visible, visible_to
from outreach.accounts.second_factor import remove_second_factor
from outreach.contacts.lists import read_lists
from outreach.models.accounts import (
    ApiToken,
    Area,
    AreaLevel,
    AuditEvent,
    Organisation,
    OrganisationKind,
    Right,
    Role,
    User,
)
from outreach.places.areas import IS_CURRENT
from outreach.rules.errors import NotFound
from outreach.rules.identity import vietnamese_order


def tree_places() -> Any:
    """Return a query of the organisations' places in the tree: text that sorts each after its parent, by name."""
    ranked = select(
        Organisation.id,
        Organisation.parent_id,
        cast(1_000_000 + func.row_number().over(order_by=(Organisation.name, Organisation.id)), Text).label(
            "place"
        ),
    ).subquery()
    top = (
        select(ranked.c.id, ranked.c.place).where(ranked.c.parent_id.is_(None)).cte("places", recursive=True)
    )
    below = select(ranked.c.id, top.c.place + ranked.c.place).join(top, ranked.c.parent_id == top.c.id)
    return top.union_all(below)


def organisation_choices() -> list[tuple[int, str]]:
    """Return (id, name) of all organisations; for administrators, who see them all."""
    with current_app.extensions["runtime"].db.read() as session:
        rows = session.execute(select(Organisation.id, Organisation.name))
        return sorted(
            ((organisation_id, name) for organisation_id, name in rows),
            key=lambda row: vietnamese_order(row[1]),
        )


def area_choices() -> list[tuple[str, str]]:
    """Return (code, name) of the province, districts and communes, each after the area it lies in."""
    with current_app.extensions["runtime"].db.read() as session:
        areas = sorted(
            session.scalars(select(Area).where(IS_CURRENT)), key=lambda area: vietnamese_order(area.name)
        )
    below: dict[str | None, list[Area]] = {}
    for area in areas:
        below.setdefault(area.parent_code, []).append(area)
    choices: list[tuple[str, str]] = []

    def add(parent: str | None, depth: int) -> None:
        for area in below.get(parent, []):
            choices.append((area.code, "\u2003" * depth + f"{area.kind} {area.name}"))
            if area.level is not AreaLevel.COMMUNE:
                add(area.code, depth + 1)

    add(None, 0)
    return choices


class OrganisationForm(Form):
    name = TextField(_l("Tên tổ chức"), maxlength=200, required=True)
    code = TextField(
        _l("Mã"),
        maxlength=40,
        required=True,
        hint=_l("Viết ngắn, không dấu, mỗi tổ chức một mã, ví dụ PN-DAKHA."),
    )
    kind = ChoiceField(
        _l("Loại"), labelled(OrganisationKind, "kind"), coerce=OrganisationKind, default=OrganisationKind.MASS
    )
    parent_id = ChoiceField(
        _l("Trực thuộc"),
        organisation_choices,
        name="parent",
        coerce=int,
        empty=_l("Không trực thuộc tổ chức nào"),
    )
    area_code = ChoiceField(_l("Địa bàn"), area_choices, name="area", coerce=str.strip, empty=_l("Chưa rõ"))


class OrganisationsView(ExportedRegister):
    table, endpoint, url = Organisation, "organisations", "/admin/organisations"
    name = title = _l("Tổ chức")
    list_template = "settings/organisations.html"
    columns = export_columns = (
        ("name", _l("Tên tổ chức")),
        ("code", _l("Mã")),
        ("kind", _l("Loại")),
        ("parent.name", _l("Trực thuộc")),
        ("area.name", _l("Địa bàn")),
    )
    sortable = (("name", Organisation.name), ("code", Organisation.code))
    searched = (Organisation.name, Organisation.code)
    search_label = _l("Tên hoặc mã")
    column_filters = (ChoiceFilter.of_labels(_l("Loại"), Organisation.kind, OrganisationKind, "kind"),)
    _places = tree_places()
    order = (_places.c.place,)

    def select(self, session: Session, user: User) -> Select[Any]:
        return (
            super()
            .select(session, user)
            .join(self._places, self._places.c.id == Organisation.id)
            .where(visible_to(session, user, Organisation.id))
            .options(joinedload(Organisation.parent), joinedload(Organisation.area))
        )

    create = FormAction(
        "/",
        accounts.save_organisation,
        OrganisationForm,
        then=lambda created: url_for(".show", organisation_id=created.id),
    ).tells(lambda created: _("Đã tạo tổ chức “%(name)s”.", name=created.name))

    @expose("/<int:organisation_id>/")
    def show(self, organisation_id: int) -> ResponseReturnValue:
        with self.reading() as (session, user):
            error = NotFound("organisation_not_found")
            organisation = find_visible(session, Organisation, organisation_id, user, error)
            users = select(User).where(User.organisation_id == organisation_id).order_by(User.email)
            kept = ("code", "name", "kind", "area_code", "parent_id")
            return self.render(
                "settings/organisation.html",
                found=organisation,
                users=session.scalars(users).all(),
                lists=[row for row in read_lists(session, user) if row.organisation_id == organisation_id],
                form=OrganisationForm.on_page(**{name: getattr(organisation, name) for name in kept}),
            )

    change = FormAction("/<int:organisation_id>/change", accounts.save_organisation, OrganisationForm).tells(
        _l("Đã lưu thông tin tổ chức.")
    )

    def show_list(self, **context: Any) -> str:
        with self.reading() as (_session, user):
            # A committee without a parent sees everything, so a new organisation is not one by default.
            form = OrganisationForm.on_page(parent_id=user.organisation_id)
        return super().show_list(form=form, **context)


STATES = {"active": _l("Đang dùng"), "waiting": _l("Chờ đặt mật khẩu"), "disabled": _l("Đã khóa")}


def state_of(user: User) -> str:
    return "disabled" if not user.is_active else "active" if accounts.has_password(user) else "waiting"


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


_IS_WAITING = User.password_hash.startswith(accounts.NO_PASSWORD)


class UsersView(ExportedRegister):
    table, endpoint, url = User, "users", "/admin/users"
    name = title = _l("Người dùng")
    list_template = "settings/users.html"
    new_form, states, state_of = InviteForm, STATES, staticmethod(state_of)
    columns = (
        ("name", _l("Họ tên")),
        ("email", _l("Địa chỉ thư")),
        ("role", _l("Vai trò")),
        ("organisation.name", _l("Tổ chức")),
        ("area.name", _l("Địa bàn")),
        ("state", _l("Tình trạng")),
        ("practised", _l("Bước đã tập")),
    )
    export_columns = (*columns, ("created_at", _l("Tạo lúc")), ("identities", _l("Đăng nhập chung")))
    sortable = (("name", User.name), ("email", User.email), ("organisation.name", Organisation.name))
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
            g.identities = accounts.read_identities(session, [user.id for user in users])
        return count, users

    def _get_field_value(self, model: User, name: str) -> Any:
        if name == "practised":  # the steps of a first campaign
            return f"{len(g.first_steps[model.id])}/{len(FirstStep)}"
        if name == "identities":
            return "; ".join(f"{each.issuer} ({each.subject})" for each in g.identities.get(model.id, ()))
        return STATES[state_of(model)] if name == "state" else super()._get_field_value(model, name)

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        return self.submit_form(InviteForm(), accounts.add_user, show=self._show_link)

    @expose("/<int:user_id>/change", methods=["POST"])
    def change(self, user_id: int) -> ResponseReturnValue:
        leftovers = self._open_connections(user_id)

        def told(changed: User) -> str:
            if changed.role is not Role.ADMINISTRATOR:
                _flash_leftovers(leftovers)
            return str(_("Đã lưu. Vai trò và phạm vi mới có hiệu lực ngay."))

        return self.submit_form(UserForm(), accounts.change_user, user_id, message=told)

    @expose("/<int:user_id>/disable", methods=["POST"])
    def disable(self, user_id: int) -> ResponseReturnValue:
        leftovers = self._open_connections(user_id)

        def told(_result: object) -> str:
            _flash_leftovers(leftovers)
            return str(_("Đã khóa tài khoản. Mọi phiên đăng nhập của tài khoản này đã kết thúc."))

        return self.submit_form(Form(), accounts.disable_user, user_id, message=told)

    @expose("/<int:user_id>/enable", methods=["POST"])
    def enable(self, user_id: int) -> ResponseReturnValue:
        enabled = self.do(accounts.enable_user, user_id)
        flash(_("Đã mở lại tài khoản. Hãy chuyển liên kết bên dưới để đặt mật khẩu mới."), "success")
        return self._show_link(enabled)

    @expose("/<int:user_id>/link", methods=["POST"])
    def link(self, user_id: int) -> ResponseReturnValue:
        """Create a new link, for a user who lost the first or forgot the password."""
        return self._show_link(self.do(accounts.renew_invitation, user_id))

    sign_out = FormAction("/<int:user_id>/sign-out", accounts.sign_out_everywhere).tells(
        _l("Đã đăng xuất người này khỏi mọi máy.")
    )
    drop_second_factor = FormAction("/<int:user_id>/second-factor", remove_second_factor).tells(
        _l("Đã bỏ xác thực hai lớp của tài khoản này.")
    )
    remove_identity = FormAction("/<int:user_id>/identity", accounts.remove_identity, IdentityForm).tells(
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
        logins = select(func.max(AuditEvent.at)).where(
            AuditEvent.actor_id == user_id, AuditEvent.action == "login"
        )
        with self.reading() as (db, me):
            found = find_visible(db, User, user_id, me, NotFound("user_not_found"))
            return self.render(
                "settings/user.html",
                found=found,
                is_waiting=not accounts.has_password(found),
                link=link,
                is_mailed=bool(self.settings.smtp_url),
                form=UserForm.on_page(
                    name=found.name,
                    role=found.role,
                    organisation_id=found.organisation_id or NOWHERE,
                    area_code=found.area_code,
                ),
                last_login=db.scalar(logins),
                is_me=me.id == user_id,
                sessions=accounts.read_sessions(db, user_id, now=datetime.now(UTC)),
                identities=accounts.read_identities(db, [user_id]).get(user_id, []),
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
        warn(
            _(
                "Đã thu hồi mã truy cập do người này tạo: %(names)s. Hệ thống còn cần thì hãy tạo mã mới cho hệ thống đó.",
                names=", ".join(tokens),
            )
        )
    if hooks:
        warn(
            _(
                "Nơi nhận tin báo do người này thêm vẫn hoạt động: %(names)s. Nơi nào không còn cần thì hãy ngừng.",
                names=", ".join(hooks),
            )
        )


def _owner() -> ChoiceField:
    label, empty = _l("Tổ chức (gồm cả cấp dưới)"), _l("Chọn tổ chức")
    return ChoiceField(
        label, organisation_choices, name="organisation", coerce=int, empty=empty, required=True
    )


class TokenForm(Form):
    name = TextField(_l("Tên hệ thống dùng mã"), maxlength=LONGEST_NAME, required=True, autocomplete="off")
    organisation_id = _owner()
    rights = ChecksField(_l("Quyền"), labelled(Right, "right"), name="right", default=())
    days = ChoiceField(
        _l("Hạn dùng"), [(n, _l("%(n)s ngày", n=n)) for n in (30, 90, 365, 730)], coerce=int, default=365
    )
    is_sandbox = CheckField(
        _l("Chỉ để chạy thử: kiểm tra và trả lời như thật, không lưu và không gửi gì"), name="sandbox"
    )


class WebhookForm(Form):
    name = TextField(
        _l("Tên hệ thống nhận"), maxlength=deliver_events.LONGEST_NAME, required=True, autocomplete="off"
    )
    url = TextField(
        _l("Địa chỉ nhận (https://…)"), type="url", maxlength=LONGEST_URL, required=True, autocomplete="off"
    )
    organisation_id = _owner()
    kinds = ChecksField(
        _l("Loại tin báo"), labelled(deliver_events.OFFERED, "event"), name="kind", default=()
    )


class TokensView(TableRegister):
    table, endpoint, url = ApiToken, "tokens", "/admin/tokens"
    name, title = _l("Kết nối"), _l("Kết nối hệ thống khác")
    list_template, new_form = "settings/api_tokens.html", TokenForm
    columns = (
        ("name", _l("Tên")),
        ("rights", _l("Quyền")),
        ("expires_at", _l("Hạn dùng")),
        ("last_used_at", _l("Dùng lần cuối")),
        ("maker", _l("Người tạo")),
        ("state", _l("Tình trạng")),
    )
    sortable = (
        ("name", ApiToken.name),
        ("expires_at", ApiToken.expires_at),
        ("last_used_at", ApiToken.last_used_at),
    )
    order = (ApiToken.ended_at.is_not(None), ApiToken.id.desc())
    column_filters = (
        ChoiceFilter(
            _l("Tình trạng"),
            {
                "open": (_l("Chưa thu hồi"), ApiToken.ended_at.is_(None)),
                "ended": (_l("Đã thu hồi"), ApiToken.ended_at.is_not(None)),
            },
        ),
    )

    def select(self, session: Session, user: User) -> Select[Any]:
        visible = super().select(session, user).where(visible_to(session, user, ApiToken.organisation_id))
        return visible.options(joinedload(ApiToken.organisation), joinedload(ApiToken.maker))

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        """Create a token. This response shows it; it is stored nowhere, not even for the next page."""

        def show(created: tuple[ApiToken, str]) -> ResponseReturnValue:
            return self.show_list(made=created[0].name, text=created[1])

        return self.submit_form(TokenForm(), create_token, show=show)

    end = FormAction("/<int:api_token_id>/end", end_token).tells(
        _l("Đã thu hồi mã truy cập. Hệ thống dùng mã này không vào được nữa.")
    )


class WebhooksView(AdminPage):
    under = "tokens"
    name, endpoint, url = "", "webhook_subscriptions", "/admin/hooks"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        with self.reading() as (session, user):
            lines = deliver_events.read_subscriptions(session, user)
        return self.render("settings/webhooks.html", lines=lines, form=WebhookForm.on_page())

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        """Subscribe. This response shows the secret once."""
        settings = self.settings

        def show(made: Subscription) -> ResponseReturnValue:
            return self._show(made.id, secret=secret_of(made.salt, secret_key=settings.secret_key))

        is_production = settings.app_env == "production"
        return self.submit_form(
            WebhookForm(), deliver_events.subscribe, is_production=is_production, show=show
        )

    @expose("/<int:hook_id>/")
    def show(self, hook_id: int) -> ResponseReturnValue:
        return self._show(hook_id)

    ping = FormAction("/<int:hook_id>/try", deliver_events.send_ping).tells(
        _l("Đã gửi tin thử. Tải lại trang sau vài giây để xem kết quả.")
    )
    resend = FormAction("/<int:hook_id>/deliveries/<int:delivery_id>/again", deliver_events.send_again).tells(
        _l("Tin báo được gửi lại. Tải lại trang sau vài giây để xem kết quả.")
    )
    end = FormAction("/<int:hook_id>/end", deliver_events.end_subscription).tells(
        _l("Đã ngừng. Không gửi tin báo nào đến đây nữa.")
    )

    def _show(self, hook_id: int, *, secret: str = "") -> str:
        with self.reading() as (session, user):
            subscription = deliver_events.find_subscription(session, hook_id, user=user)
            return self.render(
                "settings/webhook.html",
                hook=subscription,
                organisation=session.get_one(Organisation, subscription.organisation_id).name,
                deliveries=deliver_events.read_deliveries(session, hook_id),
                secret=secret,
            )
