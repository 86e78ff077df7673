"""Tokens of other systems by command."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from admin.cli.speaking import LARGEST_ID, Group, acting_as, answer, json_option
from outreach.access.organisations import find_organisation
from outreach.access.tokens.keeping import MOST_DAYS, end_token, make_token, read_tokens
from outreach.access.tokens.models import Right
from outreach.access.users import find_user
from outreach.runtime import Runtime


def token_commands(runtime: Runtime) -> list[click.Command]:
    tokens = Group("tokens", help="Tokens by which other systems use /api/v1.")

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
    @acting_as
    @json_option
    def create(
        name: str, organisation: str, rights: tuple[str, ...], days: int, email: str, as_json: bool
    ) -> None:
        """Make a token; it is shown this once."""
        with runtime.db.write() as session:
            made, text = make_token(
                session,
                name=name,
                organisation_id=find_organisation(session, organisation).id,
                rights=rights,
                days=days,
                user=find_user(session, email),
                now=datetime.now(UTC),
            )
        found = {"id": made.id, "token": text, "expires_at": made.expires_at.isoformat()}
        answer(found, as_json=as_json, says=f"Mã truy cập số {made.id}, chỉ hiện một lần: {text}")

    @tokens.command("list")
    @acting_as
    @json_option
    def show(email: str, as_json: bool) -> None:
        """The tokens that there are."""
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            lines = read_tokens(session, find_user(session, email))
        found = [
            {
                "id": line.token.id,
                "name": line.token.name,
                "organisation": line.organisation,
                "rights": line.token.rights,
                "is_open": line.is_open(now),
                "expires_at": line.token.expires_at.isoformat(),
                "last_used_at": line.token.last_used_at.isoformat() if line.token.last_used_at else None,
            }
            for line in lines
        ]
        says = [
            f"{line.token.id} {line.token.name} ({line.organisation}): {', '.join(line.token.rights)}"
            f"{'' if line.is_open(now) else ', hết hạn hoặc đã thu hồi'}"
            for line in lines
        ]
        answer({"tokens": found}, as_json=as_json, says="\n".join(says) or "Chưa có mã truy cập nào.")

    @tokens.command("end")
    @click.argument("token_id", type=click.IntRange(1, LARGEST_ID), metavar="ID")
    @acting_as
    @json_option
    def end(token_id: int, email: str, as_json: bool) -> None:
        """End a token; it opens nothing from now on."""
        with runtime.db.write() as session:
            end_token(session, token_id, user=find_user(session, email), now=datetime.now(UTC))
        answer({"id": token_id}, as_json=as_json, says=f"Đã thu hồi mã truy cập số {token_id}.")

    return [tokens]
