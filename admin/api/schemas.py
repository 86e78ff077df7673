"""Parts of JSON Schemas that the API's bodies and answers are made of."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

Schema = dict[str, Any]
NO_ZERO = "[^\\u0000]*"  # no zero byte
FILLED = rf"^{NO_ZERO}[^\s\u0000]{NO_ZERO}$"
_LETTERS = r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1ef9"
FIELD_NAME = f"^[{_LETTERS}][0-9{_LETTERS}]*( [0-9{_LETTERS}]+)*$"


def ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def strict(perhaps: Schema | None = None, /, **properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties, and perhaps others."""
    return {**loose({**properties, **(perhaps or {})}), "required": list(properties)}


def loose(properties: Schema, says: str = "") -> Schema:
    """Return the schema of an object with some of these properties and no others."""
    return told({"type": "object", "additionalProperties": False, "properties": properties}, says)


def told(schema: Schema, says: str) -> Schema:
    """Return a schema with what it is about."""
    return {**schema, "description": says} if says else schema


def shown(schema: Schema, *examples: Any) -> Schema:
    """Return a schema with values that it allows."""
    return {**schema, "examples": list(examples)}


def maybe(kind: str, says: str = "", **more: Any) -> Schema:
    """Return the schema of a value that may be null."""
    return told({"type": [kind, "null"], **more}, says)


def string(least: int = 0, most: int | None = None, says: str = "", **more: Any) -> Schema:
    """Return the schema of a string of at least and at most so many characters; one with bounds is stored."""
    bounds = {name: bound for name, bound in (("minLength", least), ("maxLength", most)) if bound}
    stored = {"pattern": f"^{NO_ZERO}$"} if bounds else {}
    return told({"type": "string", **bounds, **stored, **more}, says)


def number(least: float, most: float | None = None, says: str = "", *, kind: str = "integer") -> Schema:
    """Return the schema of a number between bounds."""
    return told({"type": kind, "minimum": least} | ({} if most is None else {"maximum": most}), says)


def ruled(schema: Schema, **words: Any) -> Schema:
    """Return a schema with words of JSON Schema that a rule checks, which says more exactly what is wrong."""
    return {**schema, "allOf": [words]}


def boolean(says: str = "") -> Schema:
    return told({"type": "boolean"}, says)


def one_of(values: Iterable[StrEnum], says: str = "") -> Schema:
    """Return the schema of one of an enum's values."""
    return told({"enum": [each.value for each in values]}, says)


def listed(items: Schema, says: str = "", **bounds: int) -> Schema:
    """Return the schema of a list."""
    return told({"type": "array", "items": items, **bounds}, says)


def paged(name: str, items: Schema) -> Schema:
    """Return the schema of a page of a list."""
    return strict(**{name: listed(items)}, next=NEXT)


def body_of(schema: Schema) -> Schema:
    """Return the body of a request, which has to be there."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def asked(name: str, schema: Schema, says: str = "") -> Schema:
    """Return a parameter of the query."""
    return told({"name": name, "in": "query", "schema": schema}, says)


# No pattern: a number is read as in a list, and an opt-out of one that cannot be read waits for an officer.
PHONE = string(1, 40, "A mobile number of Vietnam as a list may have it: 0905000901, +84 905 000 901")
BY_PERSON_OR_PHONE = [{"required": ["person"]}, {"required": ["phone"]}]
# Range of a database id.
ID = number(1, 2**63 - 1)
COUNT = number(0)
SHARE = maybe("number", "null where it is not known", minimum=0)
MOMENT = maybe("string", "UTC", format="date-time")
NEXT = maybe("string", "Address of the next page")
