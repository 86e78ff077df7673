"""The command line, `flask --app wsgi …`.

Results go to standard output, warnings and errors to standard error.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from click import Context
from flask import Flask

from admin.cli import operations
from admin.cli.accounts import access_commands, token_commands
from admin.cli.campaigns import campaign_commands, figure_commands, report_commands
from admin.cli.contacts import contact_commands, text_commands
from admin.cli.services import process_commands
from admin.first_setup import setup_commands
from outreach.runtime import Runtime


def register_commands(app: Flask, runtime: Runtime, *, load_front: Callable[[], Any]) -> None:
    """Add all commands to the application; `load_front` returns the ASGI application of the web."""
    for make in (
        access_commands,
        operations.backup_commands,
        operations.data_commands,
        operations.key_commands,
        operations.retention_commands,
        setup_commands,
        token_commands,
        operations.trail_commands,
    ):
        for command in make(runtime):
            app.cli.add_command(command)
    # What these do depends on what an administrator has set on the page; processes read it themselves, after they have forked.
    for make in (
        campaign_commands,
        contact_commands,
        operations.doctor_commands,
        figure_commands,
        operations.handover_commands,
        report_commands,
        text_commands,
    ):
        for command in make(runtime):
            command.invoke = partial(_invoke, runtime, command.invoke)  # type: ignore[method-assign]
            app.cli.add_command(command)
    for command in process_commands(runtime, load_front):
        app.cli.add_command(command)


def _invoke(runtime: Runtime, invoke: Callable[[Context], Any], context: Context) -> Any:
    runtime.refresh()
    return invoke(context)
