"""Errors of the API as RFC 9457 `application/problem+json`, with a helpful `detail` in Vietnamese."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from redis import RedisError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from werkzeug.exceptions import HTTPException

from outreach.rules.errors import BadInput, LoaError, NotAllowed, NotFound, WrongState

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
BEGINS = "/api/"
# By status: the problem's name, and its default detail.
_KINDS: dict[int, tuple[str, str]] = {
    400: ("bad-request", "Yêu cầu không đọc được. Hãy xem tài liệu của giao diện."),
    401: (
        "unauthorized",
        "Thiếu mã truy cập, hoặc mã đã hết hạn hay bị thu hồi. Hãy gửi tiêu đề Authorization: Bearer.",
    ),
    403: ("forbidden", "Mã truy cập không có quyền này."),
    404: ("not-found", "Không có tài nguyên này trong phạm vi của mã truy cập."),
    405: ("method-not-allowed", "Địa chỉ này không nhận phương thức này."),
    409: ("conflict", "Trạng thái đã thay đổi. Hãy đọc lại rồi gửi lại."),
    413: ("too-large", "Nội dung quá lớn. Hãy chia thành nhiều lần gửi."),
    415: ("unsupported-media-type", "Hãy gửi JSON, với Content-Type: application/json."),
    422: ("unprocessable", "Dữ liệu không dùng được."),
    429: ("too-many-requests", "Gửi quá nhiều yêu cầu. Hãy đợi theo tiêu đề Retry-After."),
    500: ("fault", "Hệ thống gặp lỗi. Hãy gửi lại sau; nếu vẫn lỗi, hãy báo người quản trị."),
    503: ("unavailable", "Hệ thống tạm thời không phục vụ được. Hãy gửi lại sau."),
}
_TITLES: dict[int, str] = {
    400: "Yêu cầu không đúng",
    401: "Chưa xác thực",
    403: "Không có quyền",
    404: "Không tìm thấy",
    405: "Phương thức không được dùng",
    409: "Xung đột",
    413: "Quá lớn",
    415: "Không đúng loại nội dung",
    422: "Dữ liệu không dùng được",
    429: "Quá nhiều yêu cầu",
    500: "Lỗi hệ thống",
    503: "Tạm ngừng",
}
RETRY_AFTER_S = 30
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "`urn:loa:` and the problem's name"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "in Vietnamese, and fit to act on"},
        "pointer": {"type": "string", "description": "RFC 6901: which part of the body is meant"},
    },
}


def problem(status: int, detail: str = "", *, pointer: str | None = None, **headers: str) -> Response:
    """Return an error response; header names have `_` for `-`."""
    name, default = _KINDS.get(status, (f"status-{status}", "Yêu cầu không thực hiện được."))
    body: dict[str, Any] = {
        "type": f"urn:loa:{name}",
        "title": _TITLES.get(status, "Không thực hiện được"),
        "status": status,
        "detail": detail or default,
    }
    if pointer is not None:
        body["pointer"] = pointer
    if status == 401:
        headers.setdefault("WWW_Authenticate", 'Bearer realm="loa"')
    if status in (429, 503):
        headers.setdefault("Retry_After", str(RETRY_AFTER_S))
    return Response(
        json.dumps(body, ensure_ascii=False),
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        content_type=MEDIA_TYPE,
    )


class Malformed(BadInput):
    """A body that does not match the document; `pointer` is the wrong part, as in RFC 6901."""

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.pointer = pointer


def is_api() -> bool:
    """Return whether the current request is for the API, even if no route matches."""
    return request.path.startswith(BEGINS)


def problem_from_http(error: HTTPException) -> Response:
    """Return an HTTP error of Flask as a problem."""
    allowed = dict(error.get_headers()).get("Allow")
    return problem(error.code or 500, **({"Allow": allowed} if allowed else {}))


def install_problems(blueprint: Blueprint) -> None:
    """Add the error handlers to the blueprint; for unknown routes the application uses `is_api`."""

    @blueprint.errorhandler(404)
    @blueprint.errorhandler(403)
    @blueprint.errorhandler(HTTPException)
    def http(error: HTTPException) -> ResponseReturnValue:
        return problem_from_http(error)

    @blueprint.errorhandler(Malformed)
    def malformed(error: Malformed) -> ResponseReturnValue:
        return problem(422, str(error), pointer=error.pointer)

    @blueprint.errorhandler(LoaError)
    def refused(error: LoaError) -> ResponseReturnValue:
        kinds = ((BadInput, 422), (NotFound, 404), (NotAllowed, 403), (WrongState, 409))
        status = next((status for kind, status in kinds if isinstance(error, kind)), 409)
        return problem(status, str(error))

    @blueprint.errorhandler(OverflowError)
    @blueprint.errorhandler(DataError)
    def unusable(_error: Exception) -> ResponseReturnValue:
        """Answer a value that the database cannot store: a row with such an id does not exist."""
        return problem(404 if request.method == "GET" else 422)

    @blueprint.errorhandler(OperationalError)
    @blueprint.errorhandler(InterfaceError)
    @blueprint.errorhandler(NoConnectionFree)
    @blueprint.errorhandler(RedisError)
    def away(error: Exception) -> ResponseReturnValue:
        log.warning("api.server_away at=%s error=%s", request.url_rule, type(error).__name__)
        return problem(503)

    @blueprint.errorhandler(Exception)
    def fault(error: Exception) -> ResponseReturnValue:
        # Log the place only: the error's message may quote numbers and names.
        places = "".join(traceback.format_tb(error.__traceback__))
        log.error("api.fault at=%s error=%s\n%s", request.url_rule, type(error).__name__, places)
        return problem(500)
