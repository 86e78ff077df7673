"""Simulator for tests: a context manager that starts it as its own process on a free port."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROJECT = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 10.0
# The address is local: a proxy from the environment must not be used.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """Client of a running simulator. Methods raise urllib.error.HTTPError on an invalid setting."""

    url: str
    account_sid: str
    auth_token: str

    def ledger(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the accepted messages in order of acceptance, from index `since` on."""
        return [json.loads(line) for line in self._request("GET", f"/_ledger?since={since}").splitlines()]

    def stats(self) -> dict[str, Any]:
        return self._json("GET", "/_stats")

    def faults(self, **changes: Any) -> dict[str, Any]:
        """Change these faults. Returns all faults."""
        return self._json("POST", "/_faults", changes)

    def residents(self, **changes: Any) -> dict[str, Any]:
        """Change how residents answer automatically. Returns all their settings."""
        return self._json("POST", "/_residents", changes)

    def reply(self, from_: str, body: str, to: str | None = None) -> str:
        """Send an SMS as a resident. Returns the sid of the inbound message."""
        return self._json("POST", "/_inbound", {"from": from_, "body": body, "to": to})["sid"]

    def send_inbound_to(self, url: str) -> None:
        """Set the URL to which residents' SMS are posted; '' for none."""
        self._json("POST", "/_settings", {"inbound_url": url})

    @property
    def smpp_url(self) -> str:
        """Where it speaks SMPP, with its login."""
        return f"smpp://loa:{self.auth_token}@127.0.0.1:{self._json('GET', '/_settings')['smpp_port']}"

    def smpp_receivers(self) -> int:
        """Return how many SMPP connections take receipts and replies."""
        return self._json("GET", "/_settings")["smpp_receivers"]

    def cut_smpp(self, *, restart: bool = False) -> int:
        """Cut all SMPP connections, as with a `restart` of the centre, which then counts its ids anew. Returns how many there were."""
        return self._json("POST", "/_smpp/cut", {"restart": restart})["cut"]

    def deliver_smpp(self, pdus: Iterable[bytes]) -> None:
        """Deliver these PDUs as they stand, in their order, to the client that is bound."""
        self._json("POST", "/_smpp/deliver", {"pdus": [pdu.hex() for pdu in pdus]})

    def reset(self) -> None:
        """Delete messages, faults, residents' settings and counts."""
        self._json("POST", "/_reset", {})

    def settle(self, timeout_s: float = 30.0) -> dict[str, Any]:
        """Wait until no callback, inbound SMS or link answer is pending. Returns the counts.

        Raises TimeoutError. Messages not sent yet (`sent_after_s`) have no callback that would be pending.
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
        return json.loads(self._request(method, path, body))

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with _opener.open(request, timeout=30) as response:
            return response.read()


@contextmanager
def running_simulator(
    *,
    inbound_url: str = "",
    public_url: str = "",
    data: Path | None = None,
    host: str = "127.0.0.1",
    account_sid: str = "AC" + "0" * 32,
    auth_token: str = "simulator",
) -> Iterator[RunningSimulator]:
    """Start a simulator on a free port, yield a client once it is ready, and stop it afterwards.

    Raises RuntimeError with the process's output when it does not start.
    """
    command = [sys.executable, "-m", "simulator", "--host", host, "--port", "0", "--smpp-port", "0"]
    command += ["--inbound-url", inbound_url, "--public-url", public_url]
    command += ["--data", str(data)] if data else []
    credentials = {"TWILIO_ACCOUNT_SID": account_sid, "TWILIO_AUTH_TOKEN": auth_token}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            cwd=_PROJECT,
            env={**os.environ, **credentials},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            if "http://" not in ready:
                errors.seek(0)
                raise RuntimeError(f"the simulator did not start: {errors.read()[-2000:]}")
            url = ready[ready.index("http://") :].strip().replace("0.0.0.0", "127.0.0.1")
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
