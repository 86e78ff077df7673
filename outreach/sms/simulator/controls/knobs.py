"""Settings that can be turned while the simulator runs: declared once, checked once, drawn on a page.

A group of settings is a frozen dataclass of knobs; a change gives a new one, or BadKnob and no change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

Group = TypeVar("Group")


class Kind(StrEnum):
    SHARE = "share"  # 0 to 1; shown as percent
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    WHOLE = "whole"
    FLAG = "flag"
    OPTIONAL = "optional"  # seconds or nothing
    SEED = "seed"  # a whole number or nothing


class BadKnob(ValueError):
    """A setting that does not exist, or a value it cannot take; `name` is the setting."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


@dataclasses.dataclass(frozen=True, slots=True)
class Knob:
    """`label` and `hint` are what the control page shows."""

    name: str
    kind: Kind
    label: str
    hint: str
    low: float
    high: float


def knob(default: Any, kind: Kind, label: str, hint: str = "", *, low: float = 0, high: float = 3600) -> Any:
    high = 1 if kind is Kind.SHARE else high
    return dataclasses.field(
        default=default, metadata={"kind": kind, "label": label, "hint": hint, "low": low, "high": high}
    )


def knobs_of(group: Any) -> list[Knob]:
    return [Knob(name=item.name, **item.metadata) for item in dataclasses.fields(group)]


def turn(group: Group, changes: Mapping[str, Any]) -> Group:
    """`group` with `changes` made. Raises BadKnob at the first that cannot be."""
    known = {item.name: item for item in knobs_of(group)}
    checked = {}
    for name, value in changes.items():
        if name not in known:
            raise BadKnob(name, f"unknown; known are {', '.join(known)}")
        checked[name] = _check(known[name], value)
    return dataclasses.replace(group, **checked)  # type: ignore[type-var]


def parse_changes(group: Any, form: Mapping[str, str]) -> dict[str, Any]:
    """The changes that a form of the control page asks for; percent become shares, absent boxes false."""
    changes: dict[str, Any] = {}
    for item in knobs_of(group):
        raw = form.get(item.name, "").strip().replace(",", ".")
        if item.kind is Kind.FLAG:
            changes[item.name] = bool(raw)
        elif not raw:
            changes[item.name] = None if item.kind in (Kind.OPTIONAL, Kind.SEED) else 0
        else:
            try:
                number = float(raw)
            except ValueError:
                raise BadKnob(item.name, "not a number") from None
            changes[item.name] = number / 100 if item.kind is Kind.SHARE else number
    return changes


def _check(item: Knob, value: Any) -> Any:
    if item.kind is Kind.FLAG:
        if not isinstance(value, bool):
            raise BadKnob(item.name, "must be true or false")
        return value
    if value is None and item.kind in (Kind.OPTIONAL, Kind.SEED):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise BadKnob(item.name, "must be a number")
    if not item.low <= value <= item.high:
        raise BadKnob(item.name, f"must lie between {item.low:g} and {item.high:g}")
    if item.kind in (Kind.WHOLE, Kind.SEED):
        if value != int(value):
            raise BadKnob(item.name, "must be a whole number")
        return int(value)
    return value
