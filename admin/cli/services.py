"""Commands that go on until they are stopped: worker, scheduler, and `serve` with everything in one.

Worker and scheduler can each be started, stopped or killed independently, in any number. With `serve` gunicorn runs in a process that was
forked from one that has loaded the program.
"""

import errno
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import click
from flask_babel import gettext as _
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.util import is_ipv6, parse_address
from redis import RedisError

from admin.cli.base import Command, Failure, warn
from admin.first_setup import make_code
from outreach.accounts import audit
from outreach.core.job_queue import QUEUES
from outreach.core.schema import require_current
from outreach.rules.errors import BadInput, WrongState
from outreach.runtime import Runtime
from workers.processes import parse_queues, run_scheduler, supervise, work_alone, worker_tasks

DEFAULT_ADDRESS = "127.0.0.1:8000"


class _OneLog(Logger):
    """Log of gunicorn and uvicorn in the form that `LOG_FORMAT` gives all processes."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers = logging.getLogger().handlers


class _Web(BaseApplication):
    def __init__(self, load_front: Callable[[], Any], options: dict[str, Any]) -> None:
        self._load_front, self._options = load_front, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self._load_front()


def run_web(load_front: Callable[[], Any], *, bind: str, processes: int) -> None:
    """Serve the ASGI application that `load_front` returns in each process, until asked to stop, on the socket that systemd holds open, else at `bind`."""
    if "LISTEN_PID" in os.environ:
        os.environ["LISTEN_PID"] = str(os.getpid())  # systemd named the process that this one was forked from
    options = {
        "bind": bind,
        "workers": processes,
        "worker_class": "deploy.web_worker.DrainingWorker",
        "graceful_timeout": 30,
        "timeout": 60,
        "control_socket_disable": True,
        "logger_class": _OneLog,
        "proc_name": "loa web",
    }
    _Web(load_front, options).run()


class NotStarted(Failure):
    """Failure after which another start would not help; systemd knows it by its status."""

    exit_code = 3


def _check_address(bind: str) -> None:
    """Raise BadInput where the web cannot listen at an address: its process would be started again and again."""
    if "LISTEN_PID" in os.environ or bind.startswith(("unix:", "fd:")):
        return
    try:
        host, port = parse_address(bind)
        socket.create_server(
            (host, port), family=socket.AF_INET6 if is_ipv6(host) else socket.AF_INET
        ).close()
    except (OSError, OverflowError, RuntimeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise BadInput("address_in_use", address=bind) from error
        raise BadInput("address_wrong", address=bind) from error


def tell_first_setup(runtime: Runtime) -> None:
    """Print where a new installation is set up, and the code that opens the page."""
    with suppress(RedisError):
        if code := make_code(runtime):
            warn(
                _(
                    "Chưa có tài khoản nào. Mở %(url)s/setup để thiết lập lần đầu, mã dùng một lần: %(code)s",
                    url=runtime.settings.public_base_url.rstrip("/"),
                    code=code,
                )
            )
    runtime.close()


def process_commands(runtime: Runtime, load_front: Callable[[], Any]) -> list[click.Command]:
    settings = runtime.settings

    def check_and_close() -> None:
        """Check the database's version, and close all connections: none may be open when processes are forked."""
        audit.set_origin("")
        require_current(runtime.db)
        runtime.close()

    @click.command("worker", cls=Command)
    @click.option(
        "--queues", metavar="A,B", help="send, inbound, default, imports, hooks; all where none is named."
    )
    def worker(queues: str | None) -> None:
        """Work on one queue, or on several with a process for sending, one for imports and one for all others.

        For one queue `python -m workers QUEUE` does the same in less memory.
        """
        names = parse_queues(queues)
        check_and_close()
        if len(names) == 1:
            work_alone(settings, names[0])
        else:
            supervise(worker_tasks(settings, names))

    @click.command("scheduler", cls=Command)
    def scheduler() -> None:
        """Enqueue the periodic jobs. One scheduler is enough; two do no harm."""
        check_and_close()
        run_scheduler(settings)

    @click.command("serve", cls=Command)
    @click.option("--bind", default=DEFAULT_ADDRESS, show_default=True, help="Where the web listens.")
    @click.option(
        "--web", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes of the web."
    )
    def serve(bind: str, web: int) -> None:
        """Run web, workers and scheduler as one service; they share the memory of what is loaded.

        The web listens on the socket that systemd holds, if there is one. The exit status is 3
        where the database has another version.
        """
        try:
            check_and_close()
            _check_address(bind)
            tell_first_setup(runtime)
        except WrongState as error:
            raise NotStarted(error) from error
        tasks: dict[str, Callable[[], None]] = {
            "web": partial(run_web, load_front, bind=bind, processes=web),
            **worker_tasks(settings, QUEUES),
            "scheduler": partial(run_scheduler, settings),
        }
        supervise(tasks)

    return [worker, scheduler, serve]
