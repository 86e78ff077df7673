"""What a body of rows must be: the document's schema of it, and the check that says in Vietnamese what is wrong and where."""

from __future__ import annotations

import re
from typing import Any

from admin.api.problems import Malformed
from admin.api.routing import ref
from outreach.people.importing.uploads.rows_in import PARTS
from outreach.people.lists import LONGEST_NAME

MOST_ROWS = 100_000

# A digit or a letter, Vietnamese ones among them.
_SAYS = "[0-9A-Za-zÀ-ỹ]"
_ROW: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        name: {"type": ["boolean", "null"], "description": part.says}
        if not part.longest
        else {"type": ["string", "null"], "maxLength": part.longest, "description": part.says}
        for name, part in PARTS.items()
    },
    "description": "One person. At least a name or a phone; what is missing is read as an empty cell of a file is.",
    "anyOf": [
        {"required": [name], "properties": {name: {"type": "string", "pattern": _SAYS}}}
        for name in ("name", "phone")
    ],
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "Row": _ROW,
    "Rows": {
        "type": "object",
        "additionalProperties": False,
        "required": ["organisation", "list", "rows"],
        "properties": {
            "organisation": {
                "type": "string",
                "minLength": 1,
                "maxLength": 40,
                "description": "Code of the organisation whose list it is",
            },
            "list": {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_NAME,
                "pattern": _SAYS,
                "description": "Name of the list; made where there is none",
            },
            "rows": {"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": ref("Row")},
        },
    },
}


def check_rows(body: object) -> tuple[str, str, list[dict[str, Any]]]:
    """Organisation, list and rows of a body. Raises Malformed, which names the part that is wrong."""
    if not isinstance(body, dict) or set(body) != {"organisation", "list", "rows"}:
        raise Malformed("Nội dung phải là một đối tượng JSON có đúng ba phần: organisation, list, rows.")
    organisation, name, rows = body["organisation"], body["list"], body["rows"]
    if not isinstance(organisation, str) or not 0 < len(organisation) <= 40:
        raise Malformed("organisation phải là mã của tổ chức.", "/organisation")
    if not isinstance(name, str) or not _says(name) or len(name) > LONGEST_NAME:
        raise Malformed(f"list phải là tên danh sách, tối đa {LONGEST_NAME} chữ.", "/list")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
        raise Malformed(f"rows phải là danh sách có từ 1 đến {MOST_ROWS} người.", "/rows")
    for place, row in enumerate(rows):
        _check_row(row, f"/rows/{place}")
    _check_letters(organisation, "/organisation")
    _check_letters(name, "/list")
    return organisation, " ".join(name.split()), rows


def _check_row(row: object, place: str) -> None:
    if not isinstance(row, dict):
        raise Malformed("Mỗi người phải là một đối tượng JSON.", place)
    for name, value in row.items():
        part = PARTS.get(name)
        if part is None:
            raise Malformed(f"Không có mục nào tên như vậy. Các mục: {', '.join(PARTS)}.", place)
        if value is None:
            continue
        if not part.longest:
            if not isinstance(value, bool):
                raise Malformed("Phải là true, false hoặc null.", f"{place}/{name}")
        elif not isinstance(value, str) or len(value) > part.longest:
            raise Malformed(f"Phải là chữ, tối đa {part.longest} ký tự.", f"{place}/{name}")
        else:
            _check_letters(value, f"{place}/{name}")
    if not any(_says(str(row.get(name) or "")) for name in ("name", "phone")):
        raise Malformed("Mỗi người phải có tên hoặc số điện thoại.", place)


def _says(text: str) -> bool:
    return re.search(_SAYS, text) is not None


def _check_letters(text: str, place: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Malformed("Có ký tự không hợp lệ (nửa cặp thay thế của UTF-16).", place)
