"""What a new installation needs, as a TOML file or as typed: province, organisations, accounts, senders, report, goals.

A file is checked as a whole before anything is stored.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, TypeVar

from campaigns.rules.draft import DEFAULT_KIND, check_sender
from campaigns.rules.goals import read_as_of, read_count, read_deadline, read_share
from campaigns.rules.reports.template import HOURS, NAMES
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.languages import NAMES as LANGUAGES

Row = Mapping[str, str]
T = TypeVar("T")
_ONE = {"administrator"}
# Each part with the fields that it must have, and the others.
PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "administrator": (("email",), ("name",)),
    "organisation": (("code", "name"), ("kind", "area", "parent")),
    "user": (("email", "role"), ("name", "organisation", "area")),
    "sender": (("name",), ("registered_on", "pace", "note")),
    "goal": (("share",), ("scope", "place", "kind", "deadline", "basis")),
    "denominator": (("value", "as_of", "source"), ("scope", "place", "kind")),
}
_ORGANISATION_KINDS = ("front", "mass", "agency")
_ROLES = ("administrator", "staff", "approver", "leader", "auditor")
_SCOPES = ("residents", "staff", "members")


@dataclass(frozen=True, slots=True)
class Installation:
    """A checked plan; rows hold texts, as the use cases take them from forms."""

    province: str
    administrator: Row
    sqlite: bool = False
    organisations: tuple[Row, ...] = ()
    users: tuple[Row, ...] = ()
    senders: tuple[Row, ...] = ()
    goals: tuple[Row, ...] = ()
    denominators: tuple[Row, ...] = ()
    languages: tuple[str, ...] = ()  # codes of those offered beside Vietnamese
    report: Mapping[str, Any] = field(default_factory=dict)  # parts that differ from the default form


def front_name(province: str) -> str:
    """Return what the Front committee of a province, such as "Tỉnh Lâm Đồng", is called."""
    return f"Ủy ban MTTQ Việt Nam {province[:1].lower()}{province[1:]}"


def read_installation(data: Mapping[str, Any], *, kinds: Collection[str], today: date) -> Installation:
    """Read a plan. `kinds` are the known kinds of campaign. Raises BadInput with everything that is wrong."""
    errors: list[LoaError] = []
    known = {"province", "sqlite", "languages", "report", *PARTS}
    errors += [LoaError("setup_part_unknown", part=name) for name in sorted(set(data) - known)]
    province = _text(data.get("province", ""))
    if not province:
        errors.append(LoaError("setup_part_missing", part="province"))
    sqlite = _read_typed("sqlite", data, False, errors)
    languages = [_text(code) for code in _read_typed("languages", data, list[Any](), errors)]
    for n, code in enumerate(languages, 1):
        _check_choice(f"languages {n}", code, sorted(LANGUAGES), errors)
    rows = {part: _read_rows(part, data.get(part), errors) for part in PARTS}
    if not rows["administrator"]:
        errors.append(LoaError("setup_part_missing", part="administrator.email"))
    _check_organisations(rows["organisation"], errors)
    codes = {row["code"] for row in rows["organisation"] if row.get("code")}
    for part, key, default, allowed in (
        ("user", "role", "", _ROLES),
        ("user", "organisation", "", ("", *sorted(codes))),
        ("goal", "scope", _SCOPES[0], _SCOPES),
        ("goal", "kind", DEFAULT_KIND, sorted(kinds)),
        ("denominator", "scope", _SCOPES[0], _SCOPES),
        ("denominator", "kind", DEFAULT_KIND, sorted(kinds)),
    ):
        for n, row in enumerate(rows[part], 1):
            _check_choice(f"{part} {n}, {key}", row.get(key, default), allowed, errors)
    readers: tuple[tuple[str, str, Callable[[str], object]], ...] = (
        ("sender", "name", check_sender),
        ("goal", "share", read_share),
        ("goal", "deadline", read_deadline),
        ("denominator", "value", read_count),
        ("denominator", "as_of", partial(read_as_of, today=today)),
    )
    for part, key, read in readers:
        for n, row in enumerate(rows[part], 1):
            _check(f"{part} {n}, {key}", errors, read, row.get(key, ""))
    report = data.get("report", {})
    _check_report(report, kinds, errors)
    if errors:
        raise BadInput("setup_wrong", errors=errors)
    return Installation(
        province=province,
        administrator=rows["administrator"][0],
        sqlite=sqlite,
        organisations=tuple(rows["organisation"]),
        users=tuple(rows["user"]),
        senders=tuple(rows["sender"]),
        goals=tuple(rows["goal"]),
        denominators=tuple(rows["denominator"]),
        languages=tuple(languages),
        report=report,
    )


def _read_typed(part: str, data: Mapping[str, Any], default: T, errors: list[LoaError]) -> T:
    value = data.get(part, default)
    if isinstance(value, type(default)):
        return value
    errors.append(LoaError("setup_part_type", part=part))
    return default


def _read_rows(part: str, value: Any, errors: list[LoaError]) -> list[dict[str, str]]:
    required, optional = PARTS[part]
    found = [] if value is None else [value] if part in _ONE else value
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        errors.append(LoaError("setup_part_type", part=part))
        return []
    rows = []
    for n, row in enumerate(found, 1):
        name = part if part in _ONE else f"{part} {n}"
        unknown = sorted(set(row) - {*required, *optional})
        errors += [LoaError("setup_part_unknown", part=f"{name}, {key}") for key in unknown]
        texts = {key: _text(value) for key, value in row.items()}
        errors += [
            LoaError("setup_part_missing", part=f"{name}, {key}") for key in required if not texts.get(key)
        ]
        rows.append(texts)
    return rows


def _text(value: Any) -> str:
    """Return a TOML value as typed into a form: a date as YYYY-MM-DD, a number as its digits."""
    return value.isoformat() if isinstance(value, date) else " ".join(str(value).split())


def _check(part: str, errors: list[LoaError], read: Callable[[str], object], value: str) -> None:
    try:
        read(value)
    except BadInput as error:
        errors.append(LoaError("setup_part_wrong", part=part, reason=error))


def _check_choice(part: str, value: str, allowed: Collection[str], errors: list[LoaError]) -> None:
    if value not in allowed:
        errors.append(LoaError("setup_choice_wrong", part=part, value=value, choices=list(allowed)))


def _check_organisations(rows: list[dict[str, str]], errors: list[LoaError]) -> None:
    """A parent stands before those below it, and no code twice."""
    codes: list[str] = []
    for n, row in enumerate(rows, 1):
        _check_choice(f"organisation {n}, kind", row.get("kind", "mass"), _ORGANISATION_KINDS, errors)
        if row.get("parent") and row["parent"] not in codes:
            errors.append(LoaError("setup_parent_later", part=f"organisation {n}", code=row["parent"]))
        if row.get("code") in codes:
            errors.append(LoaError("setup_code_twice", part=f"organisation {n}", code=row["code"]))
        codes.append(row.get("code", ""))
    if not any(row.get("kind") == "front" and not row.get("parent") for row in rows):
        errors.append(LoaError("setup_front_missing"))


def _check_report(report: Any, kinds: Collection[str], errors: list[LoaError]) -> None:
    if not isinstance(report, Mapping) or not isinstance(report.get("hours", {}), Mapping):
        errors.append(LoaError("setup_part_type", part="report"))
        return
    unknown = [f"report, {key}" for key in sorted(set(report) - {*NAMES, "hours"})]
    unknown += [f"report.hours, {key}" for key in sorted(set(report.get("hours", {})) - set(HOURS))]
    errors += [LoaError("setup_part_unknown", part=part) for part in unknown]
    if "kind" in report:
        _check_choice("report, kind", _text(report["kind"]), sorted(kinds), errors)
