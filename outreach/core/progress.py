"""How far long work is, for who waits for it in a terminal; nobody else is told."""

from collections.abc import Callable

watchers: list[Callable[[int], None]] = []


def advance(rows: int) -> None:
    """Say that so many more rows were read or stored."""
    for watcher in watchers:
        watcher(rows)
