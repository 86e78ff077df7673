"""The command `loa`: the program of `admin/cli` with the installation's settings.

The settings are the variables of /etc/loa/env (or of the file in LOA_ENV_FILE), else those of the environment, as in a
container. Where root runs it, it becomes the user `loa`. Needs only the standard library.
"""

import gettext
import os
import pwd
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy import VERSION, language_of_environment

ROOT = Path(__file__).resolve().parents[1]
ENV_FILE = Path("/etc/loa/env")
USER = "loa"
WITHOUT_DATABASE = {"sms", "replies classify", "areas match", "contacts check"}


class NotSetUp(Exception):
    """The installation's settings are missing; `str()` says what to do."""


def speak() -> None:
    """Take the words of this process, and those of click and argparse, from the catalogue of the commands' helps."""
    os.environ["LANGUAGE"] = language_of_environment()
    gettext.bindtextdomain("commands", ROOT / "admin/translations")
    gettext.textdomain("commands")


def translate(sentence: str, **values: object) -> str:
    """Return a sentence in the reader's language."""
    speak()
    found = sentence and gettext.gettext(sentence)
    return found.format(**values) if values else found


def read_variables(text: str) -> dict[str, str]:
    """Return the variables of a file as systemd reads it: NAME=value a line, # for comments, quotes around a value."""
    variables = {}
    for line in text.splitlines():
        name, sign, value = line.strip().partition("=")
        if sign and not name.startswith("#"):
            value = value.strip()
            is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            variables[name.strip()] = value[1:-1] if is_quoted else value
    return variables


def needs_database(arguments: Sequence[str]) -> bool:
    """Check whether a command works with the installation's data."""
    words = [word for word in arguments if not word.startswith("-")]
    return (
        bool(words) and not {words[0], " ".join(words[:2])} & WITHOUT_DATABASE and "--help" not in arguments
    )


def find_settings(environ: Mapping[str, str], arguments: Sequence[str]) -> dict[str, str]:
    """Return the variables of the installation over those of the environment.

    Raises NotSetUp where there are none, or none that says which database: the default, an SQLite file in the program's
    folder, is chosen by naming it. Raises PermissionError.
    """
    file = Path(environ.get("LOA_ENV_FILE", ENV_FILE))
    variables = dict(environ)
    try:
        variables |= read_variables(file.read_text(encoding="utf-8"))
        variables.setdefault("APP_ENV", "production")
    except FileNotFoundError:
        if needs_database(arguments) and ("LOA_ENV_FILE" in environ or not environ.get("DATABASE_URL")):
            raise NotSetUp(translate("there is no {file}, see docs/installation.md.", file=file)) from None
    if needs_database(arguments) and not variables.get("DATABASE_URL", "").strip():
        raise NotSetUp(
            translate("DATABASE_URL is missing in {file}: postgresql://… or sqlite:////….", file=file)
        )
    return variables


def spell_out(arguments: Sequence[str]) -> list[str]:
    """Return the program's words of a command: `run` is `serve`, `backup` alone makes one in BACKUPS_DIR."""
    if arguments[:1] == ["run"]:
        return ["serve", *arguments[1:]]
    return ["backup", "create", "--keep", "14"] if arguments == ["backup"] else [*arguments] or ["--help"]


def become(name: str) -> None:
    """Give up root for a user of this machine. Raises KeyError if there is none."""
    user = pwd.getpwnam(name)
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ["HOME"] = user.pw_dir


def main() -> None:
    """Replace this process by the command."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print(f"Loa {VERSION}")
        return
    if arguments[:1] == ["upgrade"]:
        os.execv(sys.executable, [sys.executable, "-m", "deploy.upgrade", *arguments[1:]])  # noqa: S606
    try:
        is_installation = "LOA_ENV_FILE" not in os.environ and ENV_FILE.exists()
        variables = find_settings(os.environ, arguments)
        if os.geteuid() == 0 and is_installation:
            become(USER)
            variables["HOME"] = os.environ["HOME"]
    except PermissionError:
        sys.exit(translate("loa: the settings cannot be read. Use sudo: sudo loa …"))
    except KeyError:
        sys.exit(translate("loa: there is no user {user}, see docs/installation.md.", user=USER))
    except NotSetUp as error:
        sys.exit(f"loa: {error}")
    os.umask(0o077)
    variables["PYTHONPATH"] = str(ROOT)
    # -P: nothing is loaded from the folder in which it is typed.
    program = [sys.executable, "-P", "-m", "admin"]
    os.execve(sys.executable, [*program, *spell_out(arguments)], variables)  # noqa: S606 - our own command line


if __name__ == "__main__":
    main()
