"""Bodies of requests: read as JSON and checked against the schema that the document shows, each fault with its place."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from admin.api.problems import Malformed, Unreadable
from outreach.rules.texts import clean_texts

LONGEST_KEY = 100
KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Chosen anew for each handing in; a repeat with the same key and body changes nothing",
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{LONGEST_KEY}}}$"},
}
# The database stores neither half a surrogate pair nor a zero byte.
_NOT_STORED = re.compile("[\ud800-\udfff\0]")
_BOUNDS = [(f"min{kind}", f"max{kind}") for kind in ("Length", "Items", "imum")]
_TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
    "null": type(None),
}


def read_key() -> str:
    """Return the request's idempotency key. Raises Unreadable."""
    key = request.headers.get("Idempotency-Key", "")
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable() and " " not in key):
        raise Unreadable("idempotency_key_wrong", parameter="Idempotency-Key", most=LONGEST_KEY)
    return key


def digest_request() -> str:
    """Return the SHA-256 of the request's address and body, by which a repeat is known."""
    return hashlib.sha256(request.path.encode() + b"\n" + request.get_data()).hexdigest()


def read_json() -> Any:
    """Return the request's body. Raises Unreadable, UnsupportedMediaType."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    body = request.get_data()
    try:
        return json.loads(body, parse_constant=_refuse, parse_float=_read_number)
    except json.JSONDecodeError as error:
        line, column = error.lineno, error.colno
    except UnicodeDecodeError as error:
        before = body[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2]) + 1
    except (RecursionError, ValueError):  # too deep; a number of thousands of digits, or one that is none
        line, column = 1, 1
    raise Unreadable("body_not_json", line=line, column=column)


def _refuse(word: str) -> None:
    raise ValueError(word)


def _read_number(text: str) -> float:
    """Return a number; one that is whole is an integer to JSON Schema, however it is written."""
    value = float(text)
    return int(value) if value.is_integer() else value


def read_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request's body, which is as the schema of an object says. Raises Malformed, which names the wrong part."""
    body = read_json()
    check_part(body, schema, "")
    return dict(clean_texts(body))


def _is_of(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and isinstance(value, bool) == (
        kind == "boolean"
    )  # a number to Python


def check_part(value: Any, schema: Mapping[str, Any], pointer: str) -> None:
    """Check a part of a body against its schema, by the words of JSON Schema that our bodies use. Raises Malformed."""
    name = pointer.rpartition("/")[2] or "JSON"
    types = schema.get("type", ())
    types = [types] if isinstance(types, str) else types
    if types and not any(_is_of(each, value) for each in types):
        raise Malformed("body_part_type_wrong", pointer=pointer, name=name, type="/".join(types))
    if "enum" in schema and value not in schema["enum"]:
        values = list(map(str, schema["enum"]))
        raise Malformed("body_part_not_among", pointer=pointer, name=name, values=values)
    if isinstance(value, str):
        if _NOT_STORED.search(value):
            raise Malformed("text_half_surrogate", pointer=pointer)
        if "pattern" in schema and not re.search(schema["pattern"], value):
            raise Malformed("body_part_form_wrong", pointer=pointer, name=name)
    _check_size(value, schema, pointer, name)
    if isinstance(value, list):
        for place, each in enumerate(value):
            check_part(each, schema.get("items", {}), f"{pointer}/{place}")
    if isinstance(value, dict):
        _check_members(value, schema, pointer)


def _check_size(value: Any, schema: Mapping[str, Any], pointer: str, name: str) -> None:
    size = len(value) if isinstance(value, str | list) else value if isinstance(value, int | float) else None
    for smallest, largest in _BOUNDS:
        least, most = schema.get(smallest), schema.get(largest)
        if size is not None and not (size if least is None else least) <= size <= (
            size if most is None else most
        ):
            raise Malformed(
                "body_part_size_wrong", pointer=pointer, name=name, least=least or 0, most=most or "…"
            )


def _check_members(value: dict[str, Any], schema: Mapping[str, Any], pointer: str) -> None:
    parts, others = schema.get("properties", {}), schema.get("additionalProperties")
    if others is False and (unknown := sorted(value.keys() - parts.keys())):
        part, known = unknown[0], list(parts)
        raise Malformed("body_part_unknown", pointer=_part_of(pointer, part), name=part[:40], parts=known)
    if missing := [each for each in schema.get("required", ()) if each not in value]:
        raise Malformed("body_part_missing", pointer=_part_of(pointer, missing[0]), name=missing[0])
    for part, each in value.items():
        if part not in parts:  # a name that the document does not have may hold anything
            check_part(part, {}, pointer)
        check_part(each, parts.get(part, others or {}), _part_of(pointer, part))


def _part_of(pointer: str, part: str) -> str:
    return f"{pointer}/" + part.replace("~", "~0").replace("/", "~1")
