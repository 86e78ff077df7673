"""The program `loa`: all commands under its own name, in the reader's language, in groups of who needs them."""

from collections.abc import Mapping
from typing import Any

import click
from flask import Flask
from flask.cli import FlaskGroup

from deploy.command import speak, translate

GROUPS = {
    "Staff: people, campaigns, figures": "contacts campaigns replies sms goals official reports",
    "Administrators: users, areas, personal data, keys": "users organisations areas tokens retention audit keys handover",
    "Operators: the machine": "setup serve worker scheduler db backup doctor send-test counters demo upgrade",
}


class Program(FlaskGroup):
    """All commands of the application; Flask's own are left out."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return " ".join(GROUPS.values()).split()

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        # Executed before this program begins (deploy/command.py); here for the list of commands.
        if name == "upgrade":
            return click.Command(
                name, help=translate("Install another release; if that fails, this one stays.")
            )
        return super().get_command(ctx, name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in GROUPS.items():
            with formatter.section(translate(title)):
                commands = ((name, self.get_command(ctx, name)) for name in names.split())
                formatter.write_dl(
                    [(name, command.get_short_help_str(200)) for name, command in commands if command]
                )


def translate_helps(commands: Mapping[str, click.Command]) -> None:
    """Put the helps of commands and options into the language of the process."""
    for command in commands.values():
        for each in (command, *command.params):
            if text := getattr(each, "help", None):
                parts = (" ".join(part.split()) for part in text.split("\n\n"))
                vars(each)["help"] = "\n\n".join(map(translate, parts))
        if isinstance(command, click.Group):
            translate_helps(command.commands)


def _load() -> Flask:
    from wsgi import app  # noqa: PLC0415 - after the language is set

    translate_helps(app.cli.commands)
    return app


def main(arguments: list[str] | None = None, **more: Any) -> None:
    """Run a command of `loa`."""
    speak()
    program = Program(
        name="loa",
        create_app=_load,
        add_default_commands=False,
        add_version_option=False,
        load_dotenv=False,
        help=translate("Loa: messages to every resident, and how far they have come."),
        epilog=translate(
            "Begin: `loa setup` on a server, `loa demo load` for a try with invented data. `loa COMMAND --help` explains each command."
        ),
    )
    program.params = []  # Flask's own: the application is known
    program.main(arguments, prog_name="loa", **more)
