"""Figures that others have made known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from admin.cli.speaking import Group, acting_as, answer, json_option
from campaigns.official import import_official
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

    return [official]
