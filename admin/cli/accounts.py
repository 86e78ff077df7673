"""Commands for organisations, users and API tokens.

For users in trouble: a new password, open sessions, a lost phone, too many wrong attempts.
"""

from datetime import UTC, datetime

import click
from flask_babel import gettext as _

from admin.cli.base import LARGEST_ID, Group, acting_as, acting_user, json_option, output, read_password
from admin.sign_in import clear_login_limits
from outreach.accounts import users as accounts
from outreach.accounts.api_tokens import MOST_DAYS, create_token, end_token, read_tokens
from outreach.accounts.invitations import link_for
from outreach.accounts.second_factor import remove_second_factor
from outreach.models.accounts import OrganisationKind, Right, Role
from outreach.runtime import Runtime


def access_commands(runtime: Runtime) -> list[click.Command]:
    organisations = Group("organisations", help="Create committees, mass organisations and agencies.")
    users = Group("users", help="Create users, unlock them, reset what they sign in with.")

    @organisations.command("create")
    @click.argument("code")
    @click.argument("name")
    @click.option("--kind", type=click.Choice([kind.value for kind in OrganisationKind]), default="mass")
    @click.option("--area", metavar="CODE")
    @click.option("--parent", metavar="CODE")
    @json_option
    def create(code: str, name: str, kind: str, area: str | None, parent: str | None) -> None:
        """Create an organisation."""
        with runtime.db.read() as session:
            parent_id = accounts.find_organisation(session, parent).id if parent else None
        made = accounts.save_organisation(
            runtime,
            code=code,
            name=name,
            kind=OrganisationKind(kind),
            area_code=area,
            parent_id=parent_id,
            user=None,
            now=datetime.now(UTC),
        )
        output({"id": made.id, "code": made.code}, _("Đã tạo tổ chức %(code)s.", code=made.code))

    @users.command("create")
    @click.argument("email")
    @click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
    @click.option("--organisation", metavar="CODE")
    @click.option("--area", metavar="CODE")
    @click.option("--name", default="", help="The full name.")
    @click.option(
        "--password-stdin", is_flag=True, required=True, help="The password is read from standard input."
    )
    @json_option
    def create_account(
        email: str, role: str, organisation: str | None, area: str | None, name: str, password_stdin: bool
    ) -> None:
        """Create a user; the password comes on standard input, so that no process list shows it.

        The user sees the organisation and those below it, or the area's organisations; with both,
        those below the organisation that are in the area; without either, everything. With an area
        only people who live in it are seen and written to; people whose place is not known are seen
        where their list is, and not written to.
        """
        password = read_password()
        with runtime.db.read() as session:
            organisation_id = accounts.find_organisation(session, organisation).id if organisation else None
        user = accounts.add_user(
            runtime,
            email=email,
            name=name,
            password=password,
            role=Role(role),
            organisation_id=organisation_id,
            area_code=area,
            user=None,
            now=datetime.now(UTC),
        )
        output({"id": user.id, "email": user.email}, _("Đã tạo tài khoản %(email)s.", email=user.email))

    add_entry_commands(users, runtime)
    return [organisations, users]


def add_entry_commands(users: Group, runtime: Runtime) -> None:
    @users.command("reset-password")
    @click.argument("email")
    @click.option("--password-stdin", is_flag=True, help="The new password is read from standard input.")
    @json_option
    def reset(email: str, password_stdin: bool) -> None:
        """Print a link for choosing a new password, or set one from standard input.

        The link is good once within 72 hours, and is mailed, too.
        """
        user, now = acting_user(runtime, email), datetime.now(UTC)
        if password_stdin:
            accounts.set_password(runtime, user.id, read_password(), now=now)
            output({"id": user.id}, _("Đã đặt mật khẩu mới cho %(email)s.", email=user.email))
        else:
            link = link_for(accounts.renew_invitation(runtime, user.id, user=None, now=now), runtime.settings)
            says = _(
                "Liên kết đặt mật khẩu cho %(email)s, dùng một lần trong 72 giờ:\n%(link)s",
                email=user.email,
                link=link,
            )
            output({"id": user.id, "link": link}, says)

    @users.command("sessions")
    @click.argument("email")
    @click.option("--end", is_flag=True, help="Sign the user out on every device.")
    @json_option
    def sessions(email: str, end: bool) -> None:
        """List the devices where a user is signed in."""
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            user = accounts.find_user(session, email)
            open_sessions = [
                {
                    "id": each.id,
                    "device": each.device,
                    "address": each.address,
                    "began_at": each.began_at.isoformat(),
                    "seen_at": each.seen_at.isoformat(),
                }
                for each in accounts.read_sessions(session, user.id, now=now)
            ]
        if end:
            accounts.sign_out_everywhere(runtime, user.id, user=None, now=now)
        lines = [
            "  "
            + _(
                "%(device)s, %(address)s, từ %(began_at)s",
                device=each["device"] or _("Không rõ"),
                address=each["address"],
                began_at=each["began_at"],
            )
            for each in open_sessions
        ]
        head = (
            _("Đã đăng xuất %(n)s máy.", n=len(open_sessions))
            if end
            else _("Đang đăng nhập ở %(n)s máy.", n=len(open_sessions))
        )
        output({"sessions": open_sessions, "ended": end}, "\n".join([head, *lines]))

    @users.command("remove-second-factor")
    @click.argument("email")
    @json_option
    def remove(email: str) -> None:
        """Remove the second factor of a user who lost phone and recovery codes and was recognised in person."""
        user = acting_user(runtime, email)
        remove_second_factor(runtime, user.id, user=None, now=datetime.now(UTC))
        output({"id": user.id}, _("Đã bỏ xác thực hai lớp của %(email)s.", email=user.email))

    @users.command("unlock")
    @click.argument("email")
    @json_option
    def unlock(email: str) -> None:
        """Unlock a user after too many wrong passwords or codes."""
        user = acting_user(runtime, email)
        accounts.unlock_user(runtime, user.id, now=datetime.now(UTC))
        clear_login_limits(runtime.redis, user.email)
        output({"id": user.id}, _("%(email)s đăng nhập lại được ngay.", email=user.email))


def token_commands(runtime: Runtime) -> list[click.Command]:
    tokens = Group("tokens", help="Create, list and end tokens by which other systems use /api/v1.")

    @tokens.command("create")
    @click.argument("name")
    @click.option("--organisation", required=True, metavar="CODE", help="With those under it.")
    @click.option(
        "--right",
        "rights",
        multiple=True,
        required=True,
        type=click.Choice([right.value for right in Right]),
        help="May be repeated.",
    )
    @click.option("--days", type=click.IntRange(1, MOST_DAYS), default=365, show_default=True)
    @click.option("--sandbox", is_flag=True, help="What it writes is rolled back.")
    @acting_as
    @json_option
    def create(
        name: str, organisation: str, rights: tuple[str, ...], days: int, sandbox: bool, email: str
    ) -> None:
        """Create a token; it is shown only once.

        Only administrators may.
        """
        with runtime.db.read() as session:
            user, organisation_id = (
                accounts.find_user(session, email),
                accounts.find_organisation(session, organisation).id,
            )
        made, text = create_token(
            runtime,
            name=name,
            organisation_id=organisation_id,
            rights=rights,
            days=days,
            is_sandbox=sandbox,
            user=user,
            now=datetime.now(UTC),
        )
        found = {"id": made.id, "token": text, "expires_at": made.expires_at.isoformat()}
        output(found, _("Mã truy cập số %(id)s, chỉ hiện một lần: %(text)s", id=made.id, text=text))

    @tokens.command("list")
    @acting_as
    @json_option
    def show(email: str) -> None:
        """List the tokens."""
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            lines = read_tokens(session, accounts.find_user(session, email))
        found = [
            {
                "id": line.id,
                "name": line.name,
                "organisation": line.organisation.name,
                "rights": line.rights,
                "sandbox": line.is_sandbox,
                "is_open": line.is_open(now),
                "expires_at": line.expires_at.isoformat(),
                "last_used_at": line.last_used_at.isoformat() if line.last_used_at else None,
            }
            for line in lines
        ]
        closed = ", " + _("hết hạn hoặc đã thu hồi")
        says = [
            f"{line.id} {line.name} ({line.organisation.name}): {', '.join(line.rights)}"
            + ("" if line.is_open(now) else closed)
            for line in lines
        ]
        output({"tokens": found}, "\n".join(says) or _("Chưa có mã truy cập nào."))

    @tokens.command("end")
    @click.argument("token_id", type=click.IntRange(1, LARGEST_ID), metavar="ID")
    @acting_as
    @json_option
    def end(token_id: int, email: str) -> None:
        """End a token; it can no longer be used."""
        end_token(runtime, token_id, user=acting_user(runtime, email), now=datetime.now(UTC))
        output({"id": token_id}, _("Đã thu hồi mã truy cập số %(token_id)s.", token_id=token_id))

    return [tokens]
