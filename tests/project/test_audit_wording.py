"""The audit trail's page has a word for everything that is recorded."""

from __future__ import annotations

import re
from pathlib import Path

from admin.wording.audit import ACTIONS, SUBJECTS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    file.read_text() for part in ("admin", "campaigns", "outreach") for file in (ROOT / part).rglob("*.py")
]


def found(pattern: str) -> set[str]:
    return {match for source in SOURCES for match in re.findall(pattern, source)}


def test_every_action_and_every_subject_has_a_word() -> None:
    actions, subjects = found(r'action="([a-z_.]+)"'), found(r'subject=f?"([a-z_]+)')
    assert len(actions) > 20
    assert len(subjects) > 10
    assert actions - set(ACTIONS) == set()
    # Incidents have words of their own.
    assert subjects - set(SUBJECTS) - {"attempts"} == set()
