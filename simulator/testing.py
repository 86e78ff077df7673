"""A simulator for the length of a `with`: its own process, a free port, and a handle to talk to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).resolve().parents[1]
STOP_TIMEOUT_S = 10.0
# The address is local: a proxy that the surroundings name has no business here.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """Speaks to the simulator at `url`. Methods raise urllib.error.HTTPError on a refused setting."""

    url: str
    account_sid: str
    auth_token: str

    def ledger(self, since: int = 0) -> list[dict[str, Any]]:
        """Accepted messages in order of acceptance, from index `since` on."""
        return [json.loads(line) for line in self._ask("GET", f"/_ledger?since={since}").splitlines()]

    def stats(self) -> dict[str, Any]:
        return self._json("GET", "/_stats")

    def faults(self, **changes: Any) -> dict[str, Any]:
        """Change the named faults; the full setting comes back."""
        return self._json("POST", "/_faults", changes)

    def residents(self, **changes: Any) -> dict[str, Any]:
        """Change how residents answer by themselves; the full setting comes back."""
        return self._json("POST", "/_residents", changes)

    def reply(self, from_: str, body: str, to: str | None = None) -> str:
        """A resident texts; the sid of the inbound message comes back."""
        sid: str = self._json("POST", "/_inbound", {"from": from_, "body": body, "to": to})["sid"]
        return sid

    def send_inbound_to(self, url: str) -> None:
        """Where residents' SMS are posted to from now on; '' for nowhere."""
        self._json("POST", "/_settings", {"inbound_url": url})

    def reset(self) -> None:
        """Forget messages, faults, residents and counts."""
        self._json("POST", "/_reset", {})

    def settle(self, timeout_s: float = 10.0) -> dict[str, Any]:
        """Wait until no callback, inbound SMS or link answer is pending; the counts come back.

        Raises TimeoutError. Messages still on their way (`sent_after_s`) have no callback yet.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            stats = self.stats()
            if not any(number for name, number in stats.items() if name.endswith("_pending")):
                return stats
            if time.monotonic() > deadline:
                raise TimeoutError("the simulator still has POSTs pending")
            time.sleep(0.02)

    def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._ask(method, path, body))
        return answer

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)  # noqa: S310 - http, ours
        with _opener.open(request, timeout=30) as response:
            content: bytes = response.read()
            return content


@contextmanager
def running_simulator(
    *,
    inbound_url: str = "",
    public_url: str = "",
    data: Path | None = None,
    keep: int | None = None,
    host: str = "127.0.0.1",
    account_sid: str = "AC" + "0" * 32,
    auth_token: str = "simulator",  # noqa: S107 - opens nothing but this training gateway
) -> Iterator[RunningSimulator]:
    """Start a simulator on a free port, yield its handle once it answers, end it afterwards.

    Raises RuntimeError with the process's own words when it does not start.
    """
    command = [sys.executable, "-m", "simulator", "--host", host, "--port", "0"]
    command += ["--inbound-url", inbound_url, "--public-url", public_url]
    command += ["--data", str(data)] if data else []
    command += ["--keep", str(keep)] if keep else []
    credentials = {"TWILIO_ACCOUNT_SID": account_sid, "TWILIO_AUTH_TOKEN": auth_token}
    with tempfile.TemporaryFile("w+") as words:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            cwd=_PROJECT,
            env={**os.environ, **credentials},
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        )
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            if "http://" not in ready:
                words.seek(0)
                raise RuntimeError(f"the simulator did not start: {words.read()[-2000:]}")
            url = ready[ready.index("http://") :].strip().replace("0.0.0.0", "127.0.0.1")  # noqa: S104
            yield RunningSimulator(url, account_sid, auth_token)
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
