"""An OpenID provider with real keys: it signs `person` in at once, and can lie in what it says."""

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "loa", "s" * 32


@dataclass
class OpenIdProvider:
    """`claims` go over those of the ID token, None takes one out; `key` signs it, `algorithm` is in its header.

    `asked_apart` are claims that stand in no token: they are told at the userinfo endpoint, the groups to a scope of theirs.
    """

    person: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256"}))
    algorithm: str = "RS256"
    asked_apart: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = KeySet([self.key])
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(parts.query))
                    self.end_headers()
                else:
                    self.answer(200, provider.documents()[parts.path])

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.answer(*provider.exchange(body, self.headers["Authorization"] or ""))

            def answer(self, status: int, content: Any) -> None:
                text = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def documents(self) -> dict[str, Any]:
        scopes = self.asked[-1]["scope"].split() if self.asked else []
        told = {name: value for name, value in self.asked_apart.items() if name != "groups" or name in scopes}
        apart = {"userinfo_endpoint": f"{self.issuer}/userinfo", "scopes_supported": ["openid", "groups"]}
        return {
            "/userinfo": told,
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "end_session_endpoint": f"{self.issuer}/end",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                **(apart if self.asked_apart else {}),
            },
            "/keys": self.keys.as_dict(private=False),
        }

    def authorize(self, query: str) -> str:
        """Return where the browser goes next: back, with a code."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    def exchange(self, body: str, authorization: str) -> tuple[int, Any]:
        """Give an ID token for a code, once, to who has its verifier and the client's secret."""
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        given = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        is_client = authorization == "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if asked is None or not is_client or given.decode().rstrip("=") != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        times = {"iat": now, "exp": now + 300, "auth_time": now}
        told: dict[str, Any] = {"iss": self.issuer, "aud": CLIENT, "nonce": asked["nonce"], **times}
        told |= {**self.person, **self.claims}
        claims = {name: value for name, value in told.items() if value is not None}
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": self.sign(claims)}

    def sign(self, claims: dict[str, Any]) -> str:
        if self.algorithm == "none":
            head, body = (
                base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
                for each in ({"alg": "none", "kid": "1"}, claims)
            )
            return f"{head}.{body}."
        return jwt.encode({"alg": self.algorithm, "kid": "1"}, claims, self.key)
