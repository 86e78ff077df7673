"""Numbers as lists show them: enough to tell them apart, too little to call."""

from __future__ import annotations

from outreach.people.models import ERASED


def masked(e164: str) -> str:
    """0905•••123; dots alone where the number was erased."""
    if not e164 or e164.startswith(ERASED):
        return "•••"
    national = "0" + e164.removeprefix("+84")
    return f"{national[:4]}•••{national[-3:]}"
