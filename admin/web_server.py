"""The web under gunicorn in a process that was forked from one that has loaded the program (`serve`)."""

import logging
import os
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

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
