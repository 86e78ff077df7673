"""Callers who wait together for one piece of work in a thread, and each get their own of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def answer_all(waiting: Iterable[tuple[asyncio.Future[T], T]], *, failed: Exception | None) -> None:
    """Give each caller its answer, or all of them the failure; who has hung up meanwhile gets nothing."""
    for future, answer in waiting:
        if future.done():
            continue
        if failed:
            future.set_exception(failed)
        else:
            future.set_result(answer)
