"""The first installation as a page, open only while there is no user, and only with the code that the start has printed."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from redis import RedisError
from sqlalchemy import select

from admin.cli.setup import Setup
from admin.forms import ChoiceField, Form, TextField
from campaigns.planning.kinds import known_kinds
from campaigns.rules.installation import front_name, read_installation
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.users import check_email
from outreach.models.accounts import User
from outreach.places.areas import province_names
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime

_KEY = "loa:first-setup"
CODE_VALID_S = 24 * 3600
# Nobody guesses it within its day, so that no number of wrong ones has to close the page to who has it.
_CODE_BYTES = 8


def _provinces() -> list[tuple[str, str]]:
    names = province_names(datetime.now(VIETNAM).date())
    return [("", _("Chọn tỉnh, thành phố")), *sorted(names.items(), key=lambda each: each[1])]


class FirstSetupForm(Form):
    not_passed = ("code",)
    code = TextField(
        _l("Mã thiết lập"),
        required=True,
        maxlength=20,
        autocomplete="off",
        hint=_l("In ra lúc khởi động Loa trên máy chủ, dùng một lần."),
        codes=("first_setup_code_wrong",),
    )
    province = ChoiceField(_l("Tỉnh, thành phố"), choices=_provinces, required=True)
    name = TextField(
        _l("Tên đầy đủ của Ủy ban MTTQ cấp tỉnh"), maxlength=200, hint=_l("Để trống thì lấy theo tên tỉnh.")
    )
    email = TextField(_l("E-mail của người quản trị"), required=True, maxlength=200, type="email")
    person = TextField(_l("Họ và tên của người quản trị"), maxlength=100)
    sender = TextField(
        _l("Tên người gửi đã đăng ký với nhà mạng"), maxlength=11, hint=_l("Chưa có thì để trống, nhập sau.")
    )


def is_empty(runtime: Runtime) -> bool:
    """Return whether there is no user yet. Raises DBAPIError."""
    with runtime.db.read() as session:
        return session.scalar(select(User.id).limit(1)) is None


def make_code(runtime: Runtime) -> str:
    """Make the code of the page, in place of one that was made before; "" where there is a user. Raises RedisError."""
    if not is_empty(runtime):
        return ""
    code = secrets.token_hex(_CODE_BYTES)
    runtime.redis.set(_KEY, _digest(runtime, code), ex=CODE_VALID_S)
    return code


def _digest(runtime: Runtime, code: str) -> str:
    return hmac.new(
        runtime.settings.secret_key.encode(), f"setup {code}".encode(), hashlib.sha256
    ).hexdigest()


def use_code(runtime: Runtime, code: str) -> None:
    """Use the code up. Raises BadInput for a wrong one."""
    try:
        stored = runtime.redis.get(_KEY) or b""
    except RedisError:
        raise BadInput("redis_not_reachable") from None
    expected = stored.decode() if isinstance(stored, bytes) else str(stored)
    if not hmac.compare_digest(expected, _digest(runtime, code.strip().lower())):
        raise BadInput("first_setup_code_wrong")
    if not runtime.redis.delete(_KEY):  # of two at once one goes on
        raise BadInput("first_setup_code_wrong")


def create_first_setup(runtime: Runtime) -> Blueprint:
    """Return the blueprint of `/setup`: 404 once there is a user."""
    pages = Blueprint("first_setup", __name__)

    def page(form: FirstSetupForm) -> str:
        return render_template("sign_in/first_setup.html", form=form)

    @pages.get("/setup")
    def show() -> ResponseReturnValue:
        """Show the first installation as a page; 404 once there is a user. It needs the code that `serve`
        prints, valid for a day, once.
        """
        if not is_empty(runtime):
            abort(404)
        form = FirstSetupForm(is_sent=False, code=request.args.get("code", ""))
        return page(form)

    @pages.post("/setup")
    def set_up() -> ResponseReturnValue:
        """Set up what no installation works without, and lead the administrator to the choice of a password."""
        if not is_empty(runtime):
            abort(404)
        form = g.refused_form = FirstSetupForm()
        if not form.validate():
            return page(form), 422
        now = datetime.now(UTC)
        try:
            values = form.values()
            today = now.astimezone(VIETNAM).date()
            plan = read_installation(_as_data(values), kinds=known_kinds(runtime.db), today=today)
            check_email(plan.administrator["email"])  # before the code is used up
            use_code(runtime, form.code.data)
        except BadInput as error:
            form.refuse(error)
            return page(form), 422
        audit.set_origin(request.remote_addr or "")
        run = Setup(runtime, plan, None, now)
        run.run()
        flash(_("Đã thiết lập xong. Hãy đặt mật khẩu của người quản trị."), "success")
        return redirect(urlsplit(run.link).path, code=303)

    return pages


def _as_data(values: dict[str, Any]) -> dict[str, Any]:
    """Return what was typed as the parts of an installation's file."""
    province = values["province"]
    named = province_names(datetime.now(VIETNAM).date()).get(province, "")
    front = {"code": "MTTQ", "name": values["name"].strip() or front_name(named), "kind": "front"}
    data: dict[str, Any] = {
        "province": province,
        "administrator": {"email": values["email"].strip(), "name": values["person"].strip()},
        "organisation": [front],
        "report": {"place": named.split(" ", 1)[-1]},
    }
    if values["sender"].strip():
        data["sender"] = [{"name": values["sender"].strip(), "registered_on": ""}]
    return data
