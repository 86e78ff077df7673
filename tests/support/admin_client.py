"""What the office's tests share: signing in, and sending a form as a page would."""

import re
from secrets import token_hex
from typing import Any

from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from tests.support.world import PASSWORD


def token(client: FlaskClient, path: str = "") -> str:
    """The token against forged forms, from this page or, without one, of this session: a page takes longer to draw."""
    if not path:
        key = client.application.secret_key
        assert key
        with client.session_transaction() as session:
            return str(
                URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps(
                    session.setdefault("csrf_token", token_hex(20))
                )
            )
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found, f"no form on {path}"
    return found[1]


def signed_in(client: FlaskClient, email: str, password: str = PASSWORD) -> FlaskClient:
    """The same browser, signed in as this user and nobody else."""
    client.delete_cookie("session")
    form = {"email": email, "password": password, "csrf_token": token(client)}
    assert client.post("/login", data=form).status_code == 303
    return client


def post(client: FlaskClient, path: str, **form: Any) -> TestResponse:
    """Press a button of a form."""
    return client.post(path, data={"csrf_token": token(client), **form})


def shows(page: TestResponse | str, *wanted: str, but: str | tuple[str, ...] = (), status: int = 0) -> str:
    """Expect these texts on a page, none of `but`, and the answer's status where one is named; the page's text."""
    text = page if isinstance(page, str) else page.text
    if status and not isinstance(page, str):
        assert page.status_code == status, text
    missing = [each for each in wanted if each not in text]
    left = [each for each in ((but,) if isinstance(but, str) else but) if each in text]
    assert (missing, left) == ([], []), text
    return text
