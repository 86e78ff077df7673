"""Twilio's webhook signature, written from its public description.

Source: Twilio, "Validating requests": the URL, then every parameter name and value in the order of the
names, HMAC-SHA1 under the auth token, base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping


def sign(url: str, params: Mapping[str, str], *, auth_token: str) -> str:
    """The X-Twilio-Signature of a form POST of `params` to `url`."""
    text = url + "".join(name + params[name] for name in sorted(params))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode("ascii")
