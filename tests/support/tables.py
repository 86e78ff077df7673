"""Tables of cases: a test with one row of values a case, whose names are the test's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., None])


def cases(*rows: tuple[Any, ...]) -> Callable[[Test], Test]:
    """Run the test once for each row; a row holds the test's last parameters, fixtures come before them."""

    def parametrize(test: Test) -> Test:
        names = list(inspect.signature(test).parameters)[-len(rows[0]) :]
        return pytest.mark.parametrize(names, rows)(test)

    return parametrize


def each_of(texts: str, *outcome: Any) -> list[tuple[Any, ...]]:
    """Rows of `cases`: one for each of the texts between " | ", all with the same outcome."""
    return [(text, *outcome) for text in texts.split(" | ")]
