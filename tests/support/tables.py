"""Tables of cases: a test with one row of values a case, whose names are the test's own."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., None])


def cases(*rows: Any) -> Callable[[Test], Test]:
    """Run the test once for each row: a tuple of its last parameters' values, or its last parameter's value alone."""
    tuples = [row if isinstance(row, tuple) else (row,) for row in rows]

    def parametrize(test: Test) -> Test:
        names = list(inspect.signature(test).parameters)[-len(tuples[0]) :]
        return pytest.mark.parametrize(names, tuples)(test)

    return parametrize


def each_of(texts: str, *outcome: Any) -> list[tuple[Any, ...]]:
    """Rows of `cases`: one for each of the texts between " | ", all with the same outcome, if any."""
    return [(text, *outcome) for text in texts.split(" | ")]


def words(text: str) -> list[str]:
    """The parts of a text between " | ", or its words."""
    return text.split(" | " if " | " in text else None)
