"""Organisations and users by command."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.cli.entry import add_entry_commands
from admin.cli.speaking import Group, answer, json_option, read_password
from outreach.access import audit
from outreach.access.models import OrganisationKind, Role
from outreach.access.organisations import create_organisation, find_organisation
from outreach.access.users import create_user
from outreach.errors import BadInput
from outreach.places.models import Area
from outreach.runtime import Runtime


def access_commands(runtime: Runtime) -> list[click.Command]:
    organisations = Group("organisations", help="Committees, mass organisations and agencies.")
    users = Group("users", help="Those who work with Loa.")

    @organisations.command("create")
    @click.argument("code")
    @click.argument("name")
    @click.option("--kind", type=click.Choice([kind.value for kind in OrganisationKind]), default="mass")
    @click.option("--area", metavar="CODE")
    @click.option("--parent", metavar="CODE")
    @json_option
    def create(code: str, name: str, kind: str, area: str | None, parent: str | None, as_json: bool) -> None:
        """Create an organisation."""
        now = datetime.now(UTC)
        with runtime.db.write() as session:
            made = create_organisation(
                session, code=code, name=name, kind=OrganisationKind(kind), area_code=area, parent_code=parent
            )
            audit.record(
                session,
                actor_id=None,
                action="organisation.create",
                subject=f"organisations:{made.id}",
                now=now,
            )
        answer({"id": made.id, "code": made.code}, as_json=as_json, says=f"Đã tạo tổ chức {made.code}.")

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
        email: str,
        role: str,
        organisation: str | None,
        area: str | None,
        name: str,
        password_stdin: bool,
        as_json: bool,
    ) -> None:
        """Create a user; the password comes on standard input, so that no process list shows it."""
        password = read_password()
        now = datetime.now(UTC)
        with runtime.db.write() as session:
            found = find_organisation(session, organisation) if organisation else None
            _check_area(session, area)
            user = create_user(
                session,
                email=email,
                password=password,
                role=Role(role),
                organisation_id=found.id if found else None,
                area_code=area,
                now=now,
                name=name,
            )
            audit.record(session, actor_id=None, action="user.create", subject=f"users:{user.id}", now=now)
        answer({"id": user.id, "email": user.email}, as_json=as_json, says=f"Đã tạo tài khoản {user.email}.")

    add_entry_commands(users, runtime)
    return [organisations, users]


def _check_area(session: Session, code: str | None) -> None:
    if code and not session.scalar(select(Area.code).where(Area.code == code)):
        raise BadInput(f"Không có địa bàn mã {code}. Hãy nạp danh mục địa bàn trước.")
