"""Base of all commands: output as JSON or a sentence, errors as one message and an exit status."""

import codecs
import errno
import json
import os
import sqlite3
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import IO, Any

import click
from flask.cli import AppGroup
from flask_babel import gettext as _
from redis import RedisError
from sqlalchemy.exc import DataError, DBAPIError

from admin.wording.errors import LANGUAGE_KEY, show_error
from deploy import LANGUAGES
from outreach.accounts import audit
from outreach.accounts.users import find_user
from outreach.core.db import watchers
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.texts import clean_text, clean_texts
from outreach.runtime import Runtime
from outreach.use_cases import take_lost_jobs

_BLOCK = 1 << 20  # bytes read at once at most
_JSON_KEY = "loa.json"  # in the context of a command
_PROGRESS_KEY = "loa.progress"
PROGRESS_AFTER_S = 2.0
LARGEST_ID = 2**63 - 1  # largest database id
_FILE_ERRORS = {
    errno.ENOENT: LoaError("folder_missing"),
    errno.EISDIR: LoaError("folder_not_file"),
    errno.EACCES: LoaError("permission_missing"),
    errno.EROFS: LoaError("disk_read_only"),
    errno.ENOSPC: LoaError("disk_full"),
}


class Failure(click.ClickException):
    """Error of a command that could not do its work; exit status 1."""

    def __init__(self, error: LoaError) -> None:
        super().__init__(show_error(LoaError("command_failed", reason=error)))

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


class Mistyped(Failure):
    """Error of a command with wrong arguments; exit status 2."""

    exit_code = 2


def _clean_argument(text: str) -> str:
    """Return an argument clean; a path that is not in UTF-8 stays as it is."""
    return text if any("\ud800" <= letter <= "\udfff" for letter in text) else clean_text(text)


class _Path(click.Path):
    """A path; of a wrong one is said whether it is missing, of the other kind, or closed to the user."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            vars(error)["why"] = self._fault_of(value, os.fsdecode(value))
            raise

    def _fault_of(self, value: Any, path: str) -> LoaError:
        if not os.path.exists(value):
            return LoaError("valid_path", path=path)
        if self.file_okay and os.path.isdir(value):
            return LoaError("valid_file", path=path)
        if not self.file_okay and os.path.isfile(value):
            return LoaError("valid_folder", path=path)
        return LoaError("valid_right", path=path)


A_FILE = _Path(exists=True, dir_okay=False, path_type=Path)
A_RESULT = _Path(dir_okay=False, writable=True, path_type=Path)
A_FOLDER = _Path(file_okay=False, path_type=Path)


class _ErrorMessages:
    """Mixin for commands and groups: turns errors that the user can act on into messages."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        name, words, *rest = args
        try:
            return super().make_context(name, [*map(_clean_argument, words)], *rest, **more)  # type: ignore[misc]
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise Mistyped(_explain_usage(error)) from error

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            # Independent of the machine's locale.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
        audit.set_origin(audit.COMMAND)
        try:
            result = super().invoke(ctx)  # type: ignore[misc]
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise Mistyped(_explain_usage(error)) from error
        except (LoaError, DBAPIError, sqlite3.Error, RedisError) as error:
            raise Failure(_explain(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output is gone: click ends quietly
                raise
            reason = _FILE_ERRORS.get(error.errno or 0, error.strerror)
            name = error.filename or LoaError("a_file")
            raise Failure(LoaError("file_not_usable", name=name, reason=reason)) from error
        if take_lost_jobs():
            warn(show_error(LoaError("redis_away_command_stored")))
        return result


def _set_language(context: click.Context, _parameter: click.Parameter, language: str | None) -> None:
    context.meta[LANGUAGE_KEY] = language


class _Progress(threading.Thread):
    """A line on a terminal from the third second of a command on: how many rows it has read or stored, and how long it takes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.rows, self.ended = 0, threading.Event()
        # Here, as the thread knows no language.
        self.words = _("Đang làm: %(seconds)s giây", seconds="{1:.0f}")
        self.words_of_rows = _("Đang làm: %(rows)s dòng, %(seconds)s giây", rows="{0}", seconds="{1:.0f}")

    def run(self) -> None:
        began = time.monotonic()
        wait_s = PROGRESS_AFTER_S
        while not self.ended.wait(wait_s):
            words = self.words_of_rows if self.rows else self.words
            click.echo("\r" + words.format(self.rows, time.monotonic() - began), nl=False, err=True)
            wait_s = 0.5
        if wait_s != PROGRESS_AFTER_S:
            click.echo("\r\033[K", nl=False, err=True)

    def count(self, rows: int) -> None:
        self.rows += rows

    def end(self) -> None:
        """Clear the line; what is said from here on has it for itself."""
        self.ended.set()
        self.join()
        watchers.clear()


class Command(_ErrorMessages, click.Command):
    """A single command with error messages, an option for their language, and in a terminal a line of its progress.

    Those that go on until they are stopped, or answer line by line, have no `--json`, and no such line.
    """

    def invoke(self, ctx: click.Context) -> Any:
        has_json = any(each.name == "json" for each in self.params)
        if not has_json or ctx.meta.get(_JSON_KEY) or not sys.stderr.isatty():
            return super().invoke(ctx)
        progress = ctx.meta[_PROGRESS_KEY] = _Progress()
        watchers.append(progress.count)
        progress.start()
        try:
            return super().invoke(ctx)
        finally:
            progress.end()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.append(
            click.Option(
                ["--lang"],
                type=click.Choice(LANGUAGES),
                callback=_set_language,
                expose_value=False,
                is_eager=True,
                help="Language of messages; by default that of LOA_LANG, LC_ALL or LANG.",
            )
        )


class Group(_ErrorMessages, AppGroup):
    """A group of commands with error messages."""

    command_class = Command


def _explain(error: Exception) -> LoaError:
    if isinstance(error, LoaError):
        return error
    if isinstance(error, DataError):
        return LoaError("value_not_storable")
    if isinstance(error, RedisError):
        return LoaError("redis_not_reachable")
    cause = getattr(error, "orig", error)
    state, said = getattr(cause, "sqlstate", ""), str(cause)
    if state in ("42P01", "42703") or said.startswith("no such "):
        return LoaError("database_without_tables")
    is_full = state == "53100" or "disk is full" in said
    reason = LoaError("disk_full") if is_full else type(cause).__name__
    return LoaError("database_not_usable", error=reason)


def _explain_usage(error: click.UsageError) -> LoaError:
    """Return the error for a usage error of click, whose own messages are English."""
    see = LoaError("see_help", command=error.ctx.command_path) if error.ctx else ""
    parameter: click.Parameter | None = getattr(error, "param", None)
    name = ""
    if isinstance(parameter, click.Option):
        name = parameter.opts[0]
    elif parameter is not None:
        name = parameter.metavar or str(parameter.name).upper()
    if isinstance(error, click.MissingParameter):
        return LoaError("parameter_missing", name=name, see=see)
    if isinstance(error, click.NoSuchCommand):
        return LoaError("command_unknown", name=error.command_name, see=see)
    if isinstance(error, click.NoSuchOption):
        return LoaError("option_unknown", name=error.option_name, see=see)
    if isinstance(error, click.BadParameter) and parameter is not None:
        valid = getattr(error, "why", None) or _valid_values(parameter.type)
        return LoaError("parameter_wrong", name=name, valid=valid, see=see)
    return LoaError("command_wrong", reason=error.format_message(), see=see)


def _valid_values(kind: Any) -> LoaError | str:
    if isinstance(kind, click.Choice):
        return LoaError("valid_choice", choices=list(map(str, kind.choices)))
    if isinstance(kind, click.IntRange):
        return LoaError("valid_from", least=kind.min)
    return getattr(kind, "fits", "")  # a parameter type of our own


class Day(click.ParamType[date]):
    """A day as YYYY-MM-DD, of this century or the last."""

    name = "day"
    fits = LoaError("valid_day")

    def convert(self, value: Any, _parameter: click.Parameter | None, _context: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            if len(value) == 10 and 1900 <= (day := date.fromisoformat(value)).year < 2100:
                return day
        except ValueError:
            pass
        self.fail(str(self.fits))


def _note_json(context: click.Context, _parameter: click.Parameter, is_json: bool) -> None:
    context.meta[_JSON_KEY] = is_json


json_option = click.option(
    "--json", is_flag=True, callback=_note_json, expose_value=False, help="JSON on standard output."
)
acting_as = click.option("--as", "email", required=True, metavar="EMAIL", help="The user who does it.")


def acting_user(runtime: Runtime, email: str) -> User:
    """Return the user of `--as`. Raises NotFound."""
    with runtime.db.read() as session:
        return find_user(session, email)


def wants_json() -> bool:
    return bool(click.get_current_context().meta.get(_JSON_KEY))


def output(data: dict[str, Any], says: str) -> None:
    """Print the result: with `--json` the data as one line, else the sentence `says`."""
    end_progress()
    click.echo(json.dumps(data, ensure_ascii=False) if wants_json() else says)


def end_progress() -> None:
    """Clear the line of the command's progress, before something is said or asked."""
    if progress := click.get_current_context().meta.get(_PROGRESS_KEY):
        progress.end()


def warn(says: str) -> None:
    """Print a warning on standard error."""
    end_progress()
    click.echo(says, err=True)


def read_password() -> str:
    """Read a password from standard input, so that no process list shows it. Raises BadInput."""
    try:
        return sys.stdin.buffer.read().decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadInput("password_not_utf8") from None


def read_toml(file: Path) -> dict[str, Any]:
    """Return the data of a TOML file, its texts clean. Raises BadInput."""
    try:
        return dict(clean_texts(tomllib.loads(file.read_text(encoding="utf-8-sig"))))
    except UnicodeDecodeError:
        raise BadInput("campaign_file_not_utf8", name=file.name) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput("campaign_file_not_toml", name=file.name, reason=str(error)) from error


def read_lines() -> Iterator[str]:
    """Yield the lines of standard input as UTF-8; invalid bytes are replaced."""
    # Only LF ends a line: a CR in the middle belongs to the text.
    sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace", newline="\n")  # type: ignore[union-attr]
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def answer_lines(answer: Callable[[str], str]) -> None:
    """Write one line for each line of standard input, as soon as it is there; many at once if many are there."""
    pending, is_first = b"", True
    stdin: Any = sys.stdin.buffer
    while block := stdin.read1(_BLOCK):
        *lines, pending = (pending + block).split(b"\n")
        if lines and is_first:
            lines[0], is_first = lines[0].removeprefix(codecs.BOM_UTF8), False
        _write_answers(lines, answer)
    if pending:
        _write_answers([pending.removeprefix(codecs.BOM_UTF8) if is_first else pending], answer)


def _write_answers(lines: list[bytes], answer: Callable[[str], str]) -> None:
    if lines:
        sys.stdout.write(
            "".join(f"{answer(line.decode('utf-8', 'replace').rstrip(chr(13)))}\n" for line in lines)
        )
        sys.stdout.flush()


def write_line(line: str) -> None:
    """Print a line and flush, for a reader that waits for it."""
    click.echo(line)
    sys.stdout.flush()
