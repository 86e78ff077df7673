"""The first installation: the command `setup`, from a file or by questions, step by step; and a page for the least of it, open only
while there is no user, and only with the code that the start has printed.

Each step looks first whether it is done, so that the command may be interrupted and repeated. What somebody has entered
since stays as it is.
"""

import hashlib
import hmac
import secrets
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from flask import Blueprint, abort, flash, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from redis import RedisError
from sqlalchemy import func, select

from admin.cli.base import A_FILE, Command, end_progress, json_option, output, read_password, read_toml
from admin.forms import ChoiceField, Form, TextField
from admin.wording.errors import show_error
from campaigns.goals.goals import about, enter_denominator, find_subject, set_goal
from campaigns.models.campaigns import Sender
from campaigns.models.figures import DenominatorEntry, GoalEntry
from campaigns.models.reports import ReportForm
from campaigns.planning.drives import open_drive_of
from campaigns.planning.kinds import known_kinds
from campaigns.planning.registered_templates import register_sender
from campaigns.reports.settings import default_data, save_form
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.installation import Installation, Row, front_name, read_installation
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit, users
from outreach.accounts.api_tokens import open_sandbox
from outreach.accounts.invitations import link_for
from outreach.contacts.languages import offer_languages, read_offered
from outreach.contacts.move_people import load_units
from outreach.core.mail import check_server
from outreach.core.schema import upgrade
from outreach.models.accounts import Area, AreaLevel, Organisation, OrganisationKind, Role, User
from outreach.places.areas import province_names
from outreach.rules.errors import BadInput, LoaError
from outreach.runtime import Runtime

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass
class Step:
    """What a step found and did: rows that are new, and rows that were there."""

    name: str
    says: str
    new: int = 0
    kept: int = 0


@dataclass
class Setup:
    """One run of the command."""

    runtime: Runtime
    plan: Installation
    password: str | None
    now: datetime
    steps: list[Step] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    link: str = ""

    def run(self) -> None:
        """Do every step that is not done yet, each in a transaction of its own.

        All are tried before, and forgotten: of a plan that cannot be carried out nothing is stored.
        """
        with open_sandbox(self.runtime) as forgetting:
            for step in replace(self, runtime=forgetting, steps=[], warnings=[]).stored_steps():
                step()
        for step in (*self.stored_steps(), self.check_mail, self.check_queue):
            done = step()
            self.steps.append(done)
            counts = _("%(new)s mới, %(kept)s đã có", new=done.new, kept=done.kept)
            click.echo(f"- {done.says}{f' ({counts})' if done.new or done.kept else ''}", err=True)

    def stored_steps(self) -> tuple[Callable[[], Step], ...]:
        return (
            self.add_province,
            self.add_organisations,
            self.add_administrator,
            self.add_users,
            self.offer_languages,
            self.add_senders,
            self.save_report,
            self.set_goals,
        )

    def add_province(self) -> Step:
        step = Step("province", _("Xã, phường, đặc khu của tỉnh"))
        with self.runtime.db.read() as session:
            found = session.get(Area, self.plan.province)
        if found is not None and found.level is AreaLevel.PROVINCE:
            step.kept = 1
        else:
            step.new = load_units(self.runtime, [self.plan.province], now=self.now).communes
        return step

    def add_organisations(self) -> Step:
        step = Step("organisations", _("Tổ chức"))
        for row in self.plan.organisations:
            with self.runtime.db.read() as session:
                found = session.scalar(select(Organisation).where(Organisation.code == row["code"]))
                parent = users.find_organisation(session, row["parent"]).id if row.get("parent") else None
            if found:
                step.kept += 1
                if found.name != row["name"]:
                    self.warn_kept("organisation", row["code"], found.name)
                continue
            kind = OrganisationKind(row.get("kind", OrganisationKind.MASS))
            is_root = kind is OrganisationKind.FRONT and not parent
            users.save_organisation(
                self.runtime,
                code=row["code"],
                name=row["name"],
                kind=kind,
                area_code=row.get("area") or (self.plan.province if is_root else None),
                parent_id=parent,
                user=None,
                now=self.now,
            )
            step.new += 1
        return step

    def add_administrator(self) -> Step:
        step = Step("administrator", _("Người quản trị"))
        row = {**self.plan.administrator, "role": Role.ADMINISTRATOR}
        user = self.add_account(row, step, password=self.password)
        if not users.has_password(user):
            if step.kept:
                user = users.renew_invitation(self.runtime, user.id, user=None, now=self.now)
            self.link = link_for(user, self.runtime.settings)
        return step

    def add_users(self) -> Step:
        step = Step("users", _("Tài khoản khác"))
        for row in self.plan.users:
            self.add_account(row, step)
        return step

    def add_account(self, row: Row, step: Step, *, password: str | None = None) -> User:
        with self.runtime.db.read() as session:
            found = users.find_by_email(session, row["email"])
            code = row.get("organisation")
            organisation_id = users.find_organisation(session, code).id if code else None
        if found:
            step.kept += 1
            if found.role != row["role"]:
                self.warn_kept("user", found.email, found.role.value)
            return found
        step.new += 1
        return users.add_user(
            self.runtime,
            email=row["email"],
            name=row.get("name", ""),
            password=password,
            role=Role(row["role"]),
            organisation_id=organisation_id,
            area_code=row.get("area") or None,
            user=None,
            now=self.now,
        )

    def offer_languages(self) -> Step:
        step = Step("languages", _("Ngôn ngữ"))
        with self.runtime.db.read() as session:
            step.kept = len(read_offered(session))
        if self.plan.languages and not step.kept:
            step.new = len(self.act(offer_languages, codes=self.plan.languages))
        return step

    def add_senders(self) -> Step:
        step = Step("senders", _("Tên người gửi"))
        for row in self.plan.senders:
            with self.runtime.db.read() as session:
                found = session.get(Sender, row["name"])
            if found:
                step.kept += 1
            else:
                self.act(register_sender, **{"registered_on": "", "note": "", **row})
                step.new += 1
        return step

    def save_report(self) -> Step:
        step = Step("report", _("Mẫu báo cáo"))
        with self.runtime.db.read() as session:
            saved = session.scalar(select(func.count()).select_from(ReportForm))
            kind = self.plan.report.get("kind", DEFAULT_KIND)
            data = default_data(session, kind=kind)
        if saved:
            step.kept = 1
            return step
        parts = dict(self.plan.report)
        hours = {**data["hours"], **parts.pop("hours", {})}
        drive = open_drive_of(self.runtime, kind, now=self.now).id
        self.act(save_form, drive, {**data, **parts, "hours": hours})
        step.new = 1
        return step

    def set_goals(self) -> Step:
        step = Step("goals", _("Mục tiêu và tổng số"))
        denominators = (DenominatorEntry, enter_denominator, self.plan.denominators)
        goals = (GoalEntry, set_goal, self.plan.goals)
        for table, enter, rows in (denominators, goals):
            for row in rows:
                figures = dict(row) if table is DenominatorEntry else {"deadline": "", "basis": "", **row}
                kind, scope = figures.pop("kind", DEFAULT_KIND), figures.pop("scope", "residents")
                place = figures.pop("place", "") or self.plan.province
                drive = open_drive_of(self.runtime, kind, now=self.now).id
                with self.runtime.db.read() as session:
                    subject = find_subject(session, drive=drive, scope=scope, place=place)
                    is_known = session.scalar(select(table.id).where(*about(table, subject)).limit(1))
                if is_known:
                    step.kept += 1
                else:
                    self.act(enter, subject, **figures)
                    step.new += 1
        return step

    def check_mail(self) -> Step:
        settings = self.runtime.settings
        if not settings.smtp_url:
            self.warnings.append(show_error(LoaError("setup_no_mail")))
            return Step("mail", _("Thư: chưa khai báo"))
        if not settings.report_recipients:
            self.warnings.append(show_error(LoaError("setup_no_recipients")))
        try:
            check_server(settings.smtp_url)
        except OSError as error:  # smtplib's errors are OSErrors, too
            self.warnings.append(show_error(LoaError("setup_mail_away", reason=str(error))))
            return Step("mail", _("Thư: máy chủ không nhận"))
        return Step("mail", _("Thư: máy chủ nhận đăng nhập"))

    def check_queue(self) -> Step:
        try:
            self.runtime.redis.ping()
        except RedisError:
            self.warnings.append(show_error(LoaError("setup_redis_away")))
            return Step("redis", _("Redis: không trả lời"))
        return Step("redis", _("Redis: trả lời"))

    def act(self, use_case: Callable[..., Any], *args: Any, **values: Any) -> Any:
        """Call a use case as the administrator."""
        with self.runtime.db.read() as session:
            user = users.find_by_email(session, self.plan.administrator["email"])
        return use_case(self.runtime, *args, user=user, now=self.now, **values)

    def warn_kept(self, part: str, name: str, value: str) -> None:
        self.warnings.append(show_error(LoaError("setup_kept", part=part, name=name, value=value)))


def setup_commands(runtime: Runtime) -> list[click.Command]:
    @click.command("setup", cls=Command)
    @click.option(
        "--from",
        "file",
        type=A_FILE,
        metavar="FILE.toml",
        help="What the installation needs; without it the command asks.",
    )
    @click.option("--sqlite", is_flag=True, help="Production with an SQLite database, on one machine.")
    @click.option("--password-stdin", is_flag=True, help="The administrator's password; else a link is made.")
    @json_option
    def setup(file: Path | None, sqlite: bool, password_stdin: bool) -> None:
        """Set up an installation; safe to repeat: what is there stays.

        It upgrades the database and enters what an installation needs, as in
        docs/installation/setup.toml, or asks for the least of it. It prints the database and the
        gateway, counts for each step, and a link by which the administrator chooses a password. In
        production an SQLite database must be chosen (`--sqlite`) and be readable by nobody else.
        """
        now = datetime.now(UTC)
        kinds, today = known_kinds(runtime.db), now.astimezone(VIETNAM).date()
        password = read_password() if password_stdin else None
        plan = read_installation(read_toml(file), kinds=kinds, today=today) if file else None
        check_database(runtime, allows_sqlite=sqlite or (plan is not None and plan.sqlite))
        click.echo(describe(runtime), err=True)
        upgrade(runtime.db)
        if plan is None:
            kinds = known_kinds(runtime.db)
            try:
                plan = read_installation(dict(ask(today, kinds)), kinds=kinds, today=today)
            except click.Abort as stopped:
                raise BadInput("setup_no_terminal") from stopped
        run = Setup(runtime, plan, password, now)
        run.run()
        for warning in run.warnings:
            click.echo(f"! {warning}", err=True)
        says = _("Đã thiết lập xong.")
        if run.link:
            says += "\n" + _(
                "Người quản trị đặt mật khẩu tại liên kết này, dùng một lần trong 72 giờ:\n%(link)s",
                link=run.link,
            )
        steps = [{"step": step.name, "new": step.new, "kept": step.kept} for step in run.steps]
        output({"steps": steps, "warnings": run.warnings, "link": run.link}, says)

    return [setup]


def check_database(runtime: Runtime, *, allows_sqlite: bool) -> None:
    """Refuse, in production, an SQLite database that nobody chose, or one whose file others may read.

    Raises BadInput.
    """
    if runtime.settings.app_env != "production" or runtime.db.is_postgresql:
        return
    file = Path(runtime.db.url.database or "")
    if not allows_sqlite:
        raise BadInput("setup_sqlite_not_chosen", file=str(file))
    for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        with suppress(FileNotFoundError):
            if path.stat().st_mode & OTHERS:
                raise BadInput("setup_database_readable", file=str(file))


def describe(runtime: Runtime) -> str:
    """Return which database and which gateway these settings mean, so that a wrong one is seen at once."""
    return _(
        "Cơ sở dữ liệu: %(database)s\nChế độ: %(mode)s, nhà cung cấp tin nhắn: %(gateway)s (%(live)s)",
        database=runtime.db.url.render_as_string(),
        mode=runtime.settings.app_env,
        gateway=runtime.settings.sms_gateway,
        live=_("GỬI THẬT") if runtime.settings.is_live else _("TẬP HUẤN"),
    )


def ask(today: date, kinds: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Ask for what no installation works without; all else is entered on pages later."""
    end_progress()
    provinces = province_names(today)
    click.echo(", ".join(f"{each} {name}" for each, name in sorted(provinces.items())), err=True)
    code = _ask(_("Mã tỉnh, thành phố"), "", lambda text: text in provinces)
    name = provinces[code]
    yield "province", code
    front = {
        "code": _ask(_("Mã của Ủy ban MTTQ cấp tỉnh trong hệ thống"), "MTTQ"),
        "name": _ask(_("Tên đầy đủ"), front_name(name)),
        "kind": "front",
    }
    yield "organisation", [front]
    yield (
        "administrator",
        {
            "email": _ask(_("E-mail của người quản trị"), "", lambda text: text.count("@") == 1),
            "name": _ask(_("Họ và tên của người quản trị"), ""),
        },
    )
    kind = _ask(
        _("Loại chiến dịch của báo cáo ngày (%(kinds)s)", kinds=", ".join(kinds)),
        DEFAULT_KIND,
        lambda text: text in kinds,
    )
    yield "report", {"kind": kind, "place": _ask(_("Địa danh trên văn bản"), name.split(" ", 1)[-1])}
    sender = click.prompt(_("Tên người gửi đã đăng ký với nhà mạng (để trống nếu chưa có)"), "", err=True)
    if sender.strip():
        day = click.prompt(_("Ngày được chấp thuận, ví dụ 2026-11-20 (để trống nếu đang chờ)"), "", err=True)
        yield "sender", [{"name": sender.strip(), "registered_on": day.strip()}]


def _ask(question: str, default: str, fits: Callable[[str], bool] = bool) -> str:
    """Ask until the answer fits."""
    while True:
        answer = str(click.prompt(question, default=default or None, err=True)).strip()
        if fits(answer):
            return answer
        click.echo(show_error(LoaError("setup_answer_wrong", value=answer)), err=True)


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
            users.check_email(plan.administrator["email"])  # before the code is used up
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
