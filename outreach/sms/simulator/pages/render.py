"""Templates, the headers of every page, and how numbers and times are written for people."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from outreach.sms.simulator.exchange.messages import Direction, Sms, Status

_HERE = Path(__file__).resolve().parent
STATIC = _HERE / "static"
# Vietnam keeps one time without summer time, so a fixed offset is right.
_VIETNAM = timezone(timedelta(hours=7))

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with it browsers send `Origin: null`, and the guard would refuse our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def write_number(number: str) -> str:
    """`+84905000123` as people write it, 0905 000 123; other numbers as they are."""
    if number.startswith("+84") and len(number) == 12:
        local = "0" + number[3:]
        return f"{local[:4]} {local[4:7]} {local[7:]}"
    return number


def write_time(epoch: float) -> str:
    """Hour and minute in Vietnam, with the day when it is not today."""
    moment = datetime.fromtimestamp(epoch, _VIETNAM)
    is_today = moment.date() == datetime.now(_VIETNAM).date()
    return moment.strftime("%H:%M" if is_today else "%H:%M %d/%m")


def write_count(number: int) -> str:
    """Thousands with points, as in 5.000."""
    return f"{number:,}".replace(",", ".")


def describe_state(sms: Sms, *, is_wired: bool) -> str:
    """What the resident, or the trainer beside them, should know about where this message is.

    `is_wired`: residents' SMS have an address to go to.
    """
    if sms.direction is Direction.OUTBOUND:
        if sms.status in (Status.UNDELIVERED, Status.FAILED):
            return f"Không tới máy (mã {sms.error_code})"
        return "" if sms.status is Status.DELIVERED else "Đang tới máy…"
    if sms.status is Status.FAILED:
        return "Hệ thống không nhận tin này"
    if sms.is_reported:
        return "Đã gửi"
    return "Đang gửi…" if is_wired else "Chưa gửi được: chưa đặt địa chỉ nhận tin trả lời"


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"number": write_number, "time": write_time, "count": write_count}


def show(template: str, *, status: int = 200, version: str | None = None, **values: Any) -> web.Response:
    """A page, or with `version` a part of one that the poll script puts in place."""
    text = _environment.get_template(template).render(**values)
    headers = _HEADERS if version is None else {**_HEADERS, "X-Version": version}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def nothing_new() -> web.Response:
    return web.Response(status=204, headers=_HEADERS)
