"""The long-running processes. Each can be started, stopped or killed by itself, as many as wanted."""

from __future__ import annotations

import click

from admin.cli.speaking import Command
from outreach.access import audit
from outreach.runtime import Runtime
from outreach.schema import require_current
from workers.processes import keep_children, parse_queues, work
from workers.scheduler import keep_time


def process_commands(runtime: Runtime) -> list[click.Command]:
    @click.command("worker", cls=Command)
    @click.option("--queues", metavar="A,B", help="send, inbound, default; all where none is named.")
    def worker(queues: str | None) -> None:
        """Work on one queue, or keep a child for each of several."""
        audit.come_from("")
        names = parse_queues(queues)
        require_current(runtime.db)
        if len(names) == 1:
            work(runtime, names[0])
        else:
            keep_children(names)

    @click.command("scheduler", cls=Command)
    def scheduler() -> None:
        """Ring the periodic jobs. One is enough; two do no harm."""
        require_current(runtime.db)
        keep_time(runtime)

    return [worker, scheduler]
