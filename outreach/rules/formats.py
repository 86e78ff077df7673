"""Parsers of environment variables and push fields; numbers as written in Vietnamese.

How a variable's text is checked and read. Each raises ValueError with what is wrong, in Vietnamese. Pure.

Numbers as they are written in Vietnamese. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit


def text(value: str) -> str:
    return value


def url(*schemes: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes:
            raise ValueError(f"phải là địa chỉ bắt đầu bằng {' hoặc '.join(s + ':' for s in schemes)}")
        if parts.scheme in ("http", "https") and not parts.hostname:
            raise ValueError("phải có tên máy chủ, ví dụ https://example.vn")
        check_port(value)
        return value.rstrip("/") if "http" in schemes else value

    return check


def database(value: str) -> str:
    # The driver is ours to choose; operators write the plain scheme.
    value = re.sub(r"^(postgres|postgresql)://", "postgresql+psycopg://", value)
    if not value.startswith(("postgresql+psycopg://", "sqlite:///")):
        raise ValueError("phải bắt đầu bằng postgresql:// hoặc sqlite:///")
    check_port(value)
    return value


def check_port(value: str) -> None:
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise ValueError("cổng (port) trong địa chỉ phải là một số") from None


def choice(*allowed: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"phải là một trong: {', '.join(allowed)}")
        return value

    return check


def number(low: float, high: float) -> Callable[[str], float]:
    def check(value: str) -> float:
        try:
            read = float(value)
        except ValueError:
            raise ValueError("phải là một số") from None
        if not low <= read <= high:
            raise ValueError(f"phải từ {low:g} đến {high:g}")
        return read

    return check


def whole(low: int, high: int) -> Callable[[str], int]:
    def check(value: str) -> int:
        read = number(low, high)(value)
        if read != int(read):
            raise ValueError("phải là số nguyên")
        return int(read)

    return check


def addresses(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def read_lines(written: str) -> dict[str, str]:
    """`NAME=value` a line."""
    lines = written.splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def format_number(value: int) -> str:
    """1.234.567"""
    return f"{value:,}".replace(",", ".")


class PushFields(NamedTuple):
    """What an operator calls the parts of a reply."""

    id: str = "id"
    sender: str = "from"
    recipient: str = "to"
    body: str = "text"
    at: str = "at"

    def __str__(self) -> str:
        return ",".join(f"{ours}={theirs}" for ours, theirs in self._asdict().items())


DEFAULT_FIELDS = PushFields()


def parse_push_fields(text: str) -> PushFields:
    """`id=mo_id,sender=msisdn` to an operator's names. Raises ValueError."""
    named = PushFields()._asdict()
    for part in filter(None, map(str.strip, text.split(","))):
        ours, sign, theirs = part.partition("=")
        if not sign or ours.strip() not in named or not theirs.strip():
            raise ValueError(f"viết dạng id=…,sender=…,recipient=…,body=…,at=…; không hiểu “{part}”")
        named[ours.strip()] = theirs.strip()
    return PushFields(**named)
