"""Counts to shares. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """Self-reported installs against those who could install.

    `basis` says what the denominator is: `entered` (a dated, attributed figure of smartphone owners) or
    `recipients` (those written to who have not said that they have no smartphone). `value` is None where
    the denominator is zero: unknown, never nought.
    """

    installed: int
    denominator: int
    basis: str
    value: float | None


def share_of(*, installed: int, recipients: int, no_smartphone: int, entered: int | None) -> Share:
    """The share toward a goal."""
    denominator = entered if entered is not None else recipients - no_smartphone
    value = installed / denominator if denominator > 0 else None
    return Share(installed, denominator, "entered" if entered is not None else "recipients", value)
