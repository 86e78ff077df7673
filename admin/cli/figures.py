"""Goals, what they are shares of, and figures that others have made known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from admin.cli.speaking import Group, acting_as, answer, json_option
from campaigns.goals.entering import find_subject, set_goal
from campaigns.goals.files import import_denominators
from campaigns.official import import_official
from campaigns.planning.draft import DEFAULT_KIND
from campaigns.planning.kinds import load_kinds
from outreach.access.users import find_user
from outreach.runtime import Runtime


def figure_commands(runtime: Runtime) -> list[click.Command]:
    official = Group("official", help="Official installs by district and commune.")

    @official.command("import")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @acting_as
    @json_option
    def bring(file: Path, email: str, as_json: bool) -> None:
        """A CSV with the columns day, area, installed, source: all of it or nothing."""
        content = file.read_bytes()
        with runtime.db.write() as session:
            user = find_user(session, email)
            new, same = import_official(session, content, user=user, now=datetime.now(UTC))
        says = f"Đã nhập {new} số liệu chính thức; {same} số liệu đã có từ trước."
        answer({"new": new, "same": same}, as_json=as_json, says=says)

    goals = Group("goals", help="Goals and how many people they are shares of.")

    @goals.command("set")
    @click.argument("scope", type=click.Choice(["residents", "staff", "members"]))
    @click.option("--place", default="", help="An area's or an organisation's code; none for all agencies.")
    @click.option("--share", required=True, help="Percent; empty ends the goal.")
    @click.option("--deadline", default="", help="The last day, YYYY-MM-DD.")
    @click.option("--basis", default="", help="The paper that asks for it.")
    @click.option("--kind", default=DEFAULT_KIND)
    @acting_as
    @json_option
    def put(
        scope: str,
        place: str,
        share: str,
        deadline: str,
        basis: str,
        kind: str,
        email: str,
        as_json: bool,
    ) -> None:
        """A goal of residents of an area, staff of an agency or of all, members of an organisation."""
        with runtime.db.write() as session:
            user = find_user(session, email)
            subject = find_subject(session, kind=kind, scope=scope, place=place, kinds=load_kinds())
            is_new = set_goal(
                session,
                subject,
                share=share,
                deadline=deadline,
                basis=basis,
                user=user,
                now=datetime.now(UTC),
            )
        says = "Đã đặt mục tiêu." if is_new else "Không có gì thay đổi."
        answer({"new": int(is_new)}, as_json=as_json, says=says)

    @goals.command("denominators")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--kind", default=DEFAULT_KIND)
    @acting_as
    @json_option
    def count(file: Path, kind: str, email: str, as_json: bool) -> None:
        """A CSV with the columns scope, place, value, as_of, source: all of it or nothing."""
        content = file.read_bytes()
        with runtime.db.write() as session:
            user = find_user(session, email)
            new, same = import_denominators(
                session, content, kind=kind, kinds=load_kinds(), user=user, now=datetime.now(UTC)
            )
        says = f"Đã nhập {new} số liệu; {same} số liệu đã có từ trước."
        answer({"new": new, "same": same}, as_json=as_json, says=says)

    return [official, goals]
