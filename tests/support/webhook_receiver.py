"""Another system's receiver of webhooks: a real HTTP server that checks each signature and answers as it is told."""

import base64
import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Got:
    event_id: str
    event: dict[str, Any]
    status: int
    text: str

    @property
    def kind(self) -> str:
        return str(self.event["type"])


class Receiver:
    """`answers` are the statuses of the next requests, after them 204; `holds` lets each wait so many seconds."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: list[int] = []
        self.holds = 0.0
        self.secret = ""
        self.forged = 0
        self.asked = 0
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/loa"

    def taken(self) -> list[Got]:
        """What was answered well, in order."""
        return [each for each in self.got if each.status < 300]

    def open(self) -> None:
        """Listen, on the port of before where there was one."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                time.sleep(receiver.holds)
                status = receiver.answers.pop(0) if receiver.answers else 204
                if not receiver.is_ours(self.headers, body):
                    receiver.forged += 1
                receiver.got.append(Got(self.headers["webhook-id"], json.loads(body), status, body.decode()))
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def is_ours(self, headers: Any, body: bytes) -> bool:
        """As docs/api.md tells a receiver to check."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = "v1," + base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
        is_new = abs(time.time() - int(headers["webhook-timestamp"])) < 300
        return is_new and wanted in headers["webhook-signature"].split(" ")
