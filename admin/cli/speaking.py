"""How commands speak: JSON or a sentence out, errors as one clear message and an exit status that is not 0."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from flask.cli import AppGroup
from redis import RedisError
from sqlalchemy.exc import DBAPIError

from outreach.errors import LoaError


def _explain(error: Exception) -> str:
    if isinstance(error, LoaError):
        return str(error)
    if isinstance(error, DBAPIError):
        return (
            "Không dùng được cơ sở dữ liệu: "
            f"{type(error.orig).__name__}. Hãy kiểm tra DATABASE_URL, máy chủ, và chạy “flask --app wsgi db upgrade”."
        )
    return "Không kết nối được Redis. Hãy kiểm tra REDIS_URL và máy chủ Redis."


class _Speaking:
    """Mixed into commands and groups: turns what a caller can act on into a message."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)  # type: ignore[misc]
        except (LoaError, DBAPIError, RedisError) as error:
            raise click.ClickException(_explain(error)) from error


class Command(_Speaking, click.Command):
    """A command of its own."""


class Group(_Speaking, AppGroup):
    """A family of commands."""


json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
acting_as = click.option("--as", "email", required=True, metavar="EMAIL", help="The user who does it.")


def answer(data: dict[str, Any], *, as_json: bool, says: str) -> None:
    """The result: the data as one line of JSON, or a sentence for a person."""
    if as_json:
        click.echo(json.dumps(data, ensure_ascii=False))
    else:
        click.echo(says)


def read_lines() -> Any:
    """Standard input line by line as UTF-8; bytes that are none do not stop the rest."""
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def write_line(line: str) -> None:
    """One line out at once, for a reader that waits for it."""
    click.echo(line)
    sys.stdout.flush()
