"""What the surroundings decide: each variable once, with its type, its check and a line of help.

`Settings.from_env` reads them all and reports every bad one at once. In development the lines of
`var/env`, written by `make run`, stand in for variables that are not set, so that a command typed in
a second shell reaches the same database and Redis.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from outreach.errors import BadInput

ROOT = Path(__file__).resolve().parent.parent
LOCAL_ENV = ROOT / "var" / "env"
TWILIO_API = "https://api.twilio.com"
WEAK_SECRET = "development-only-secret"  # noqa: S105 - refused in production


class BadSettings(BadInput):
    """One or more variables are wrong; `str()` lists them all, a line each."""


def _text(value: str) -> str:
    return value


def _url(*schemes: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes:
            raise ValueError(f"phải là địa chỉ bắt đầu bằng {' hoặc '.join(s + ':' for s in schemes)}")
        if parts.scheme in ("http", "https") and not parts.hostname:
            raise ValueError("phải có tên máy chủ, ví dụ https://example.vn")
        _check_port(value)
        return value.rstrip("/") if "http" in schemes else value

    return check


def _database(value: str) -> str:
    # The driver is ours to choose; operators write the plain scheme.
    value = re.sub(r"^(postgres|postgresql)://", "postgresql+psycopg://", value)
    if not value.startswith(("postgresql+psycopg://", "sqlite:///")):
        raise ValueError("phải bắt đầu bằng postgresql:// hoặc sqlite:///")
    _check_port(value)
    return value


def _check_port(value: str) -> None:
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise ValueError("cổng (port) trong địa chỉ phải là một số") from None


def _choice(*allowed: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"phải là một trong: {', '.join(allowed)}")
        return value

    return check


def _number(low: float, high: float) -> Callable[[str], float]:
    def check(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            raise ValueError("phải là một số") from None
        if not low <= number <= high:
            raise ValueError(f"phải từ {low:g} đến {high:g}")
        return number

    return check


def _whole(low: int, high: int) -> Callable[[str], int]:
    def check(value: str) -> int:
        number = _number(low, high)(value)
        if number != int(number):
            raise ValueError("phải là số nguyên")
        return int(number)

    return check


def _addresses(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _var(
    name: str, default: Any, parse: Callable[[str], Any], help_text: str, *, secret: bool = False
) -> Any:
    return field(
        default=default, metadata={"name": name, "parse": parse, "help": help_text, "secret": secret}
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Frozen; passed as an argument, never imported as a global."""

    app_env: str = _var(
        "APP_ENV",
        "development",
        _choice("development", "production"),
        "`production` refuses to start with a missing or weak secret",
    )
    database_url: str = _var(
        "DATABASE_URL",
        f"sqlite:///{ROOT / 'var' / 'loa.db'}",
        _database,
        "PostgreSQL (`postgresql://…`) or SQLite (`sqlite:///path`)",
    )
    redis_url: str = _var(
        "REDIS_URL", "redis://127.0.0.1:6379/0", _url("redis", "rediss", "unix"), "the queue's Redis"
    )
    secret_key: str = _var(
        "SECRET_KEY",
        WEAK_SECRET,
        _text,
        "at least 32 characters in production; signs sessions, keys the personal links and the hashes of "
        "suppressed numbers, so changing it ends all links already sent",
        secret=True,
    )
    public_base_url: str = _var(
        "PUBLIC_BASE_URL",
        "http://127.0.0.1:8000",
        _url("http", "https"),
        "under which residents and the gateway reach the web; stands in links and signatures",
    )
    sms_gateway: str = _var(
        "SMS_GATEWAY", "simulator", _choice("simulator", "twilio"), "who carries the messages"
    )
    twilio_account_sid: str = _var("TWILIO_ACCOUNT_SID", "AC" + "0" * 32, _text, "Twilio's account")
    twilio_auth_token: str = _var(
        "TWILIO_AUTH_TOKEN", "simulator", _text, "Twilio's token; also signs its webhooks", secret=True
    )
    twilio_from: str = _var(
        "TWILIO_FROM", "LOA", _text, "sender of messages that belong to no campaign (confirmations, tests)"
    )
    twilio_messaging_service_sid: str = _var(
        "TWILIO_MESSAGING_SERVICE_SID", "", _text, "sends through this service instead of a sender"
    )
    twilio_api_base_url: str = _var(
        "TWILIO_API_BASE_URL",
        "",
        _url("http", "https"),
        "another server that speaks Twilio's API; then nothing is live",
    )
    uploads_dir: str = _var(
        "UPLOADS_DIR",
        str(ROOT / "var" / "uploads"),
        _text,
        "where lists wait that were handed in on the page; web and workers must share it",
    )
    upload_keep_days: int = _var(
        "UPLOAD_KEEP_DAYS",
        7,
        _whole(1, 365),
        "days after which a list that was handed in on the page and never confirmed is removed",
    )
    smtp_url: str = _var("SMTP_URL", "", _url("smtp", "smtps"), "mail server for reports and notices")
    report_recipients: tuple[str, ...] = _var(
        "REPORT_RECIPIENTS", (), _addresses, "who gets the daily report, separated by commas"
    )
    price_per_segment_vnd: int = _var(
        "PRICE_PER_SEGMENT_VND", 350, _whole(0, 100_000), "an estimate until the gateway bills, in VND"
    )
    send_in_flight: int = _var(
        "SEND_IN_FLIGHT", 100, _whole(1, 10_000), "requests under way at once in one sending worker"
    )
    account_in_flight: int = _var(
        "ACCOUNT_IN_FLIGHT",
        0,
        _whole(0, 100_000),
        "requests under way at once over all workers together, shared evenly between them; 0 is no limit",
    )
    send_timeout_s: float = _var(
        "SEND_TIMEOUT_S", 10.0, _number(0.1, 120), "seconds to wait for the gateway's answer to one request"
    )
    lease_s: float = _var(
        "LEASE_S", 60.0, _number(1, 3600), "seconds for which a worker owns the messages it has claimed"
    )
    reconcile_s: float = _var(
        "RECONCILE_S",
        60.0,
        _number(0.2, 3600),
        "seconds between two looks into the gateway's list for a message whose outcome nobody saw",
    )
    sweep_s: float = _var(
        "SWEEP_S", 5.0, _number(0.2, 600), "seconds between two sweeps for work that should be moving"
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read all variables, of this process where none are given.

        Raises BadSettings with one line for each that is wrong.
        """
        if environ is None:
            environ = os.environ
            if environ.get("APP_ENV", "development") == "development":
                environ = {**_read_local_env(), **environ}
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for item in fields(cls):
            name = item.metadata["name"]
            raw = environ.get(name, "").strip()
            if not raw:
                continue
            try:
                values[item.name] = item.metadata["parse"](raw)
            except ValueError as error:
                wrong.append(f"{name}: {error}")
        settings = cls(**values)
        wrong += settings._problems(environ)
        if wrong:
            raise BadSettings("Biến môi trường chưa đúng, hãy sửa rồi chạy lại:\n  " + "\n  ".join(wrong))
        return settings

    def _problems(self, environ: Mapping[str, str]) -> list[str]:
        wrong = []
        # Whatever the environment is called: where real people are written to, nothing may be guessed.
        if self.app_env == "production" or self.is_live:
            if len(self.secret_key) < 32 or self.secret_key == WEAK_SECRET:
                wrong.append(
                    "SECRET_KEY: khi APP_ENV=production hoặc gửi thật phải có ít nhất 32 ký tự ngẫu nhiên"
                )
            if self.sms_gateway == "twilio":
                wrong += [
                    f"{name}: bắt buộc khi APP_ENV=production hoặc gửi thật, với SMS_GATEWAY=twilio"
                    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
                    if not environ.get(name, "").strip()
                ]
        if self.lease_s <= self.send_timeout_s:
            wrong.append("LEASE_S: phải lớn hơn SEND_TIMEOUT_S, nếu không sẽ không gửi được tin nào")
        return wrong

    @property
    def api_base_url(self) -> str:
        """Where Twilio's API is spoken: its own host, the simulator's, or another that was named."""
        if self.twilio_api_base_url:
            return self.twilio_api_base_url
        return TWILIO_API if self.sms_gateway == "twilio" else "http://127.0.0.1:8001"

    @property
    def is_live(self) -> bool:
        """Whether messages reach real people: only Twilio's own host does (design: Live)."""
        host = (urlsplit(self.api_base_url).hostname or "").rstrip(".")
        return host == "twilio.com" or host.endswith(".twilio.com")


def _read_local_env() -> dict[str, str]:
    try:
        lines = LOCAL_ENV.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
