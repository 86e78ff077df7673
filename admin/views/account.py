"""The user's own account: password, sessions, second factor, kept filters; and the invitation page."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user, logout_user
from flask_wtf.csrf import generate_csrf
from wtforms.validators import ValidationError

from admin.forms import ChecksField, ChoiceField, Form, SecretField, TextField, labelled
from admin.permissions import may_open
from admin.sign_in import may_try_own_password
from admin.views.base import AdminPage, FormAction, asks_password
from admin.wording.errors import show_error
from campaigns.reports.user_notices import choose_notices
from outreach.accounts import second_factor
from outreach.accounts import users as accounts
from outreach.accounts.invitations import choose_password, find_invited
from outreach.accounts.kept_filters import LONGEST_NAME, keep_filters, read_filters, remove_filters
from outreach.models.accounts import NoticeKind, User
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose
from outreach.rules.password_strength import SHORTEST_PASSWORD
from outreach.runtime import Runtime

PAGES = ("contacts.index", "inbox.index", "campaigns.index", "do_not_call.index")
# The page reached, and the key of a search text, which is a name or number and stays in the cookie.
_NOT_KEPT = {"s", "q", "search", "after", "page", "perhaps"}


class KeepForm(Form):
    main = "keep"
    page = ChoiceField(choices=[(page, page) for page in PAGES], type="hidden")
    query = TextField(type="hidden", filters=[lambda text: kept_query(text)])
    name = TextField(
        _l("Lưu bộ lọc này với tên"),
        name="filters_name",
        maxlength=LONGEST_NAME,
        required=True,
        autocomplete="off",
        codes=("filters_name_missing", "filters_none_chosen", "filters_too_many"),
    )


def page_of(form: KeepForm) -> str:
    """Return the address of the form's page, with its filters."""
    return f"{url_for(form.page.data or PAGES[0])}?{form.query.data or ''}"


def kept_query(query: str) -> str:
    """Return of a page's query what is kept: its filters that are set."""
    return urlencode([(name, value) for name, value in parse_qsl(query) if name not in _NOT_KEPT])


def filters_here(runtime: Runtime) -> dict[str, object]:
    """Return the current page's kept filters, each with its address, and the form to keep those that are set."""
    page, query = request.endpoint or "", kept_query(request.query_string.decode("utf-8", "replace"))
    if page not in PAGES or not may_open(current_user.role, page):
        return {}
    with runtime.db.read() as session:
        kept = [
            (each.id, each.name, f"{url_for(page)}?{each.query}", each.query == query)
            for each in read_filters(session, current_user.id, page)
        ]
    return {"page": page, "kept": kept, "form": KeepForm.on_page(page=page, query=query) if query else None}


R = TypeVar("R")


class PasswordForm(Form):
    not_passed = ("again",)
    current = SecretField(
        _l("Mật khẩu hiện tại"),
        autocomplete="current-password",
        required=True,
        codes=("current_password_wrong", "too_many_attempts"),
    )
    new = SecretField(
        _l("Mật khẩu mới"),
        hint=_l("Ít nhất %(n)s ký tự. Một câu ngắn dễ nhớ tốt hơn một từ khó nhớ.", n=SHORTEST_PASSWORD),
        autocomplete="new-password",
        minlength=SHORTEST_PASSWORD,
        required=True,
        codes=("password_short", "password_common", "password_same"),
    )
    again = SecretField(
        _l("Gõ lại mật khẩu mới"), autocomplete="new-password", minlength=SHORTEST_PASSWORD, required=True
    )

    def validate_again(self, field: SecretField) -> None:
        if field.data != self.new.data:
            raise ValidationError(_("Hai lần gõ mật khẩu mới không giống nhau. Hãy gõ lại."))


class NewPasswordForm(PasswordForm):
    """The password of an invited user, who has none."""

    current = None  # type: ignore[assignment]


class CodeForm(Form):
    main = "code"
    code = TextField(
        _l("Mã sáu số"),
        filters=[lambda text: text.replace(" ", "")],
        inputmode="numeric",
        autocomplete="one-time-code",
        maxlength=10,
        size=10,
        required=True,
    )


class OwnPasswordForm(Form):
    main = "password"
    password = SecretField(_l("Mật khẩu hiện tại"), autocomplete="current-password", required=True)


class NoticesForm(Form):
    wanted = ChecksField(_l("Báo khi có"), labelled(NoticeKind, "notice"))


class AccountView(AdminPage):
    name, endpoint, url = "", "account", "/admin/account"

    @expose("/token")
    def token(self) -> ResponseReturnValue:
        """Return who is signed in, a token for the forms of a page that was opened before, and whether the one to `?to=` asks for the password."""
        asks = asks_password(request.args.get("to", "/"))
        return {"user": current_user.id, "csrf_token": generate_csrf(), "asks_password": asks}

    @expose("/")
    def index(self) -> ResponseReturnValue:
        with self.reading() as (db, user):
            wanted = [kind.value for kind in NoticeKind if kind not in user.unwanted_notices]
            return self.render(
                "settings/account.html",
                form=PasswordForm.on_page(),
                notices_form=NoticesForm.on_page(wanted=wanted),
                sessions=accounts.read_sessions(db, user.id, now=datetime.now(UTC)),
                identities=accounts.read_identities(db, [user.id]).get(user.id, []),
            )

    # What to hear of, in the page and by mail
    notices = FormAction("/notices", choose_notices, NoticesForm).tells(
        _l("Đã lưu. Việc không chọn thì không báo trên trang, cũng không gửi thư.")
    )

    @expose("/password", methods=["POST"])
    def password(self) -> ResponseReturnValue:
        """Change the password; all sessions end, this one as well."""

        def told(_result: object) -> str:
            logout_user()
            return _("Đã đổi mật khẩu. Hãy đăng nhập lại bằng mật khẩu mới.")

        def change(runtime: Runtime, **values: Any) -> None:
            limit_attempts(runtime, values["user"].id)
            accounts.change_password(runtime, **values)

        return self.submit_form(PasswordForm(), change, message=told, then=url_for("login.show"))

    keep_filters = FormAction("/filters/keep", keep_filters, KeepForm, page=page_of).tells(
        _l("Đã lưu bộ lọc.")
    )

    @expose("/filters/<int:filters_id>/remove", methods=["POST"])
    def remove_filters(self, filters_id: int) -> ResponseReturnValue:
        page = request.form.get("page", "")
        back = url_for(page if page in PAGES else ".index")
        return self.submit_form(
            Form(), remove_filters, filters_id, message=_("Đã xóa bộ lọc đã lưu."), page=back
        )

    end_session = FormAction("/sessions/<int:session_id>/end", accounts.end_session).tells(
        _l("Đã đăng xuất máy đó.")
    )

    @expose("/sessions/end-others", methods=["POST"])
    def end_others(self) -> ResponseReturnValue:
        message, key = _("Đã đăng xuất khỏi mọi máy khác."), current_user.session_key
        return self.submit_form(Form(), accounts.end_other_sessions, key=key, message=message)


def limit_attempts(runtime: Runtime, user_id: int) -> None:
    """Count an attempt at the user's own password. Raises BadInput after too many."""
    if not may_try_own_password(runtime.redis, user_id):
        raise BadInput("too_many_attempts")


def create_invitations(runtime: Runtime) -> Blueprint:
    """Return the blueprint of `/login/invitation/<token>`, open to holders of the link."""
    pages = Blueprint("invitation", __name__)
    secret_key = runtime.settings.keys_of(Purpose.LINKS)

    @pages.errorhandler(BadInput)
    def refused(error: BadInput) -> ResponseReturnValue:
        title = _("Không dùng được liên kết này")
        return render_template("layout/error.html", title=title, what_to_do=show_error(error)), 400

    @pages.get("/login/invitation/<token>")
    def show(token: str) -> ResponseReturnValue:
        """Ask for a first or a new password, by a link."""
        return page(email_of(token), NewPasswordForm(is_sent=False))

    def email_of(token: str) -> str:
        with runtime.db.read() as session:
            return find_invited(session, token, secret_key=secret_key).email

    def page(email: str, form: NewPasswordForm) -> str:
        return render_template("sign_in/invitation.html", email=email, form=form)

    @pages.post("/login/invitation/<token>")
    def choose(token: str) -> ResponseReturnValue:
        """Take the new password, once."""
        form, email = NewPasswordForm(), email_of(token)
        g.refused_form = form
        if not form.validate():
            return page(email, form), 422
        try:
            choose_password(runtime, token, form.new.data, secret_key=secret_key, now=datetime.now(UTC))
        except BadInput as error:
            form.refuse(error)
            return page(email, form), 422
        logout_user()
        flash(_("Đã đặt mật khẩu. Bây giờ hãy đăng nhập."), "success")
        return redirect(url_for("login.show"), code=303)

    return pages


# Session key of the new secret's nonce until a right code confirms it.
_NONCE = "totp_nonce"


class SecondFactorView(AdminPage):
    name, endpoint, url = "", "second_factor", "/admin/account/second-factor"

    @property
    def secret_key(self) -> str:
        """The keys that its use cases take."""
        return self.settings.keys_of(Purpose.SECOND_FACTORS)

    @expose("/", methods=["POST"])
    def confirm(self) -> ResponseReturnValue:
        """Confirm the set-up by a code from the phone; the recovery codes are shown this once."""

        def show(codes: list[str]) -> str:
            session.pop(_NONCE, None)
            return self.render("settings/second_factor.html", codes=codes, is_new=True)

        return self.submit_form(
            CodeForm(), second_factor.set_up, nonce=str(session.get(_NONCE, "")), show=show
        )

    @expose("/codes", methods=["POST"])
    def renew(self) -> ResponseReturnValue:
        return self.submit_form(
            OwnPasswordForm("codes"),
            _with_password(second_factor.renew_recovery_codes),
            show=lambda codes: self.render("settings/second_factor.html", codes=codes, is_new=False),
        )

    @expose("/remove", methods=["POST"])
    def remove(self) -> ResponseReturnValue:
        return self.submit_form(
            OwnPasswordForm("removal"),
            _with_password(second_factor.remove_second_factor),
            current_user.id,
            message=_("Đã bỏ xác thực hai lớp của tài khoản này."),
        )

    @expose("/")
    def index(self) -> ResponseReturnValue:
        context: dict[str, Any] = {}
        with self.reading() as (db, user):
            has_one = user.totp_nonce is not None
            if has_one:
                context["left"] = second_factor.count_recovery_codes(db, user.id)
            else:
                import segno  # noqa: PLC0415 - 3 MB, where a code is drawn alone

                nonce = session.setdefault(_NONCE, second_factor.new_nonce())
                secret = second_factor.secret_of(user.id, nonce, secret_key=self.secret_key)
                qr_code = segno.make(second_factor.address_of(secret, user.email), error="m", micro=False)
                context["picture"] = qr_code.svg_inline(scale=5, border=2, omitsize=True)
                context["secret"] = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
        return self.render(
            "settings/second_factor.html",
            codes=None,
            has_one=has_one,
            code_form=CodeForm.on_page(),
            password_form=OwnPasswordForm.on_page,
            must=current_user.must_set_up,
            **context,
        )


def _with_password(use_case: Callable[..., R]) -> Callable[..., R]:
    """Return a use case that asks for the user's password first."""

    @wraps(use_case)
    def run(runtime: Runtime, *args: Any, password: str, **values: Any) -> R:
        user_id = values["user"].id
        limit_attempts(runtime, user_id)
        with runtime.db.read() as db:
            asked = db.get_one(User, user_id)
        if not accounts.check_password(asked, password):
            raise BadInput("password_wrong")
        return use_case(runtime, *args, **values)

    return run
