"""A server that speaks the API of SMS Gateway for Android as its documentation says: messages by an id, Basic auth."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

LOGIN, PASSWORD = "phone", "phone-password"


@dataclass
class PhoneServer:
    """`messages` are what the phone has, by id; `faults` answer the next requests: a status, or 0 for a cut line
    after the message was taken."""

    url: str = ""
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[int] = field(default_factory=list)
    asked: int = 0

    def set_state(self, identity: str, state: str, error: str | None = None) -> None:
        message = self.messages[identity]
        message["state"] = state
        message["recipients"][0] |= {"state": state, "error": error}

    def take(self, said: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if said["id"] in self.messages:
            return 409, {"message": "message already exists"}
        assert said["textMessage"]["text"]
        (number,) = said["phoneNumbers"]
        self.messages[said["id"]] = {
            "id": said["id"],
            "deviceId": "d1",
            "state": "Pending",
            "isHashed": False,
            "isEncrypted": False,
            "recipients": [{"phoneNumber": number, "state": "Pending"}],
            "states": {},
            "createdAt": "2020-08-15T01:00:00Z",
            "text": said["textMessage"]["text"],
            "ttl": said.get("ttl"),
        }
        return 202, self.shown(said["id"])

    def shown(self, identity: str) -> dict[str, Any]:
        """The app's list shows no texts."""
        return {key: value for key, value in self.messages[identity].items() if key not in ("text", "ttl")}


@contextmanager
def running_phone() -> Iterator[PhoneServer]:
    phone = PhoneServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: Any) -> None:
            pass

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            phone.asked += 1
            fault = phone.faults.pop(0) if phone.faults else None
            if fault:
                self.answer(fault, {"message": "no"})
            elif not self.may():
                self.answer(401, {"message": "unauthorized"})
            else:
                status, shown = phone.take(said)
                if fault == 0:
                    self.close_connection = True
                    self.connection.close()
                else:
                    self.answer(status, shown)

        def do_GET(self) -> None:
            identity = self.path.rpartition("/")[2]
            if not self.may():
                self.answer(401, {})
            elif identity in phone.messages:
                self.answer(200, phone.shown(identity))
            else:
                self.answer(404, {"message": "not found"})

        def may(self) -> bool:
            pair = base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
            return self.headers.get("Authorization") == f"Basic {pair}"

        def answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status == 429:
                self.send_header("Retry-After", "2")
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    phone.url = f"http://127.0.0.1:{server.server_port}/3rdparty/v1"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield phone
    server.shutdown()
    thread.join()
    server.server_close()
