"""The web restarted under traffic, as systemd does it: the socket stays, and nobody is refused."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator

from campaigns.models.messages import StatusEvent
from tests.support.processes import ROOT, environment_of

CALLERS = 4


def start_web(listening, settings):
    """The whole service with a socket that it is given, by systemd's convention: the first one is descriptor 3."""
    command = 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" -m flask --app wsgi serve --web 1'
    return subprocess.Popen(
        ["sh", "-c", command, sys.executable],
        cwd=ROOT,
        env=environment_of(settings),
        preexec_fn=lambda: os.dup2(listening.fileno(), 3),
        pass_fds=[3],
    )


class Callers:
    """Callers of the status webhook, each with a new connection for every call."""

    def __init__(self, settings):
        self.base, self.signer = settings.public_base_url, RequestValidator(settings.twilio_auth_token)
        self.stored, self.failed = 0, []
        self.is_over = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.call, args=(i,)) for i in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def call(self, caller):
        for i in range(100_000):
            if self.is_over:
                return
            url = f"{self.base}/webhooks/twilio/status/{caller * 100_000 + i}"
            form = {"MessageSid": f"SM{caller}-{i}", "MessageStatus": "sent"}
            signature = self.signer.compute_signature(url, form)
            request = urllib.request.Request(
                url, urlencode(form).encode(), {"X-Twilio-Signature": signature, "Connection": "close"}
            )
            try:
                with urllib.request.urlopen(request, timeout=60) as response:
                    assert response.status // 100 == 2
                with self.lock:
                    self.stored += 1
            except (OSError, AssertionError, urllib.error.URLError) as error:
                self.failed.append(repr(error))

    def stop(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_no_request_is_lost_while_the_web_restarts(settings, runtime):
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        here = replace(settings, public_base_url=f"http://127.0.0.1:{listening.getsockname()[1]}")
        web = start_web(listening, here)
        callers = Callers(here)
        try:
            before = 0
            for _restart in range(2):
                ends = time.monotonic() + 60
                while callers.stored < before + 100 and time.monotonic() < ends:
                    time.sleep(0.05)
                assert callers.stored >= before + 100
                before = callers.stored
                web.send_signal(signal.SIGTERM)
                assert web.wait(timeout=60) == 0
                web = start_web(listening, here)
            while callers.stored < before + 100 and time.monotonic() < ends + 60:
                time.sleep(0.05)
        finally:
            callers.stop()
            web.terminate()
            web.wait(timeout=60)
    assert callers.failed == []
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(StatusEvent)) == callers.stored
