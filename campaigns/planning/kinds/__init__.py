"""The kinds of campaign that come with Loa: one TOML file each, whose name is the kind's."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


def needs_smartphone(kind: str) -> bool:
    """Whether campaigns of a kind are about an app; of an unknown kind it is assumed."""
    return bool(load_kinds().get(kind, {"app": True}).get("app"))


@cache
def load_kinds() -> dict[str, dict[str, Any]]:
    """Every kind's content by name."""
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in sorted(Path(__file__).parent.glob("*.toml"))
    }
