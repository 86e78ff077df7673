"""Keys of one purpose: the newest makes, the former ones only read and compare. Pure.

Functions that take such keys take one text: a key, or several separated by newlines, newest first. So a place that knows
one key alone passes it as it is. A key's id names it in tables and in `keys show` and does not reveal it.
"""

import hashlib
import hmac
from enum import StrEnum


class Purpose(StrEnum):
    """What a key is for; each may have its own, so that one that leaks opens nothing else."""

    SESSIONS = "sessions"
    LINKS = "links"
    SECOND_FACTORS = "second-factors"
    SUPPRESSIONS = "suppressions"
    AUDIT = "audit"
    GATEWAYS = "gateways"

    @property
    def variable(self) -> str:
        """Environment variable with the purpose's own keys; without it SECRET_KEY is used."""
        return self.name.removesuffix("S") + ("_KEY" if self is Purpose.SESSIONS else "_KEYS")


def join_keys(keys: tuple[str, ...]) -> str:
    return "\n".join(keys)


def split_keys(keys: str) -> list[str]:
    """Return the keys of one purpose, newest first."""
    return keys.split("\n")


def oldest_first(keys: str) -> list[str]:
    """Return the keys as itsdangerous takes them: the last signs, all of them verify."""
    return split_keys(keys)[::-1]


def newest_key(keys: str) -> str:
    return split_keys(keys)[0]


def key_id(key: str) -> str:
    """Return eight hexadecimal characters that name a key."""
    return hmac.new(key.encode(), b"key id", hashlib.sha256).hexdigest()[:8]


def six_digits(text: str, key: str) -> str:
    """Return a code of six digits that only a holder of the key can make for a text; nothing of it need be stored."""
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06}"
