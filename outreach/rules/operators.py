"""Mobile operators of Vietnam: which one a number was first given to. Pure.

Since 2018 numbers move between operators and keep their series, so a series is a guess; what a gateway reports of a number
comes before it. Source: the operators' series as assigned by the Ministry, and the conversion of 15/9/2018.
"""

from enum import StrEnum


class Operator(StrEnum):
    """Operator of a number."""

    VIETTEL = "viettel"
    MOBIFONE = "mobifone"
    VINAPHONE = "vinaphone"
    VIETNAMOBILE = "vietnamobile"
    GMOBILE = "gmobile"
    ITEL = "itel"
    WINTEL = "wintel"
    OTHER = "other"


_SERIES = {
    Operator.VIETTEL: "32 33 34 35 36 37 38 39 86 96 97 98",
    Operator.MOBIFONE: "70 76 77 78 79 89 90 93",
    Operator.VINAPHONE: "81 82 83 84 85 88 91 94",
    Operator.VIETNAMOBILE: "52 56 58 92",
    Operator.GMOBILE: "59 99",
    Operator.ITEL: "87",
    Operator.WINTEL: "55",
}
_BY_SERIES = {series: operator for operator, all_of in _SERIES.items() for series in all_of.split()}


def operator_of(e164: str, reported: str | None = None) -> Operator:
    """Return the operator that a gateway reported, else the one whose series the number is of."""
    return Operator(reported) if reported else operator_of_series(e164.removeprefix("+84")[:2])


def operator_of_series(series: str) -> Operator:
    """Return the operator of a series: the first two digits of a mobile number without its leading nought."""
    return _BY_SERIES.get(series, Operator.OTHER)
