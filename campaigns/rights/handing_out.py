"""What is kept about a person, as a file: a workbook for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from outreach.people.importing.workbook import write_workbook


@dataclass(frozen=True, slots=True)
class Deed:
    """What the audit calls something that was done."""

    action: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the file: `rows` under `labels`, each a text, a number, a status, a `Deed` or None."""

    title: str
    labels: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def write_dossier(parts: Sequence[Part], path: Path, in_words: Callable[[StrEnum | Deed], str]) -> None:
    """By the file's name an XLSX, a sheet for each part, or JSON. `in_words` says a status for people."""

    def told(value: Any) -> Any:
        return in_words(value) if isinstance(value, StrEnum | Deed) else value

    rows = {part.title: [[told(value) for value in row] for row in part.rows] for part in parts}
    if path.suffix == ".json":
        data = {
            part.title: [dict(zip(part.labels, row, strict=True)) for row in rows[part.title]]
            for part in parts
        }
        path.write_text(json.dumps(data, ensure_ascii=False, indent=2), encoding="utf-8")
        return
    sheets = {
        part.title: [
            part.labels,
            *(["" if value is None else str(value) for value in row] for row in rows[part.title]),
        ]
        for part in parts
    }
    write_workbook(path, sheets)
