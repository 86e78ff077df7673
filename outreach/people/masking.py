"""Numbers as lists show them: enough to tell them apart, too little to call."""

from __future__ import annotations


def masked(e164: str) -> str:
    """0905•••123."""
    national = "0" + e164.removeprefix("+84")
    return f"{national[:4]}•••{national[-3:]}"
