"""Who does a sending job's claims and records, so that the event loop does nothing but HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from outreach.runtime import Runtime

P = ParamSpec("P")
T = TypeVar("T")


class Away(Exception):
    """The database or Redis is away, or who was to ask it. The argument is the error's name, nothing of its words."""


class Clerk(Protocol):
    """Calls `function` with a runtime and `args` beside the event loop. Raises Away."""

    async def __call__(
        self, function: Callable[Concatenate[Runtime, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...


def attend(
    runtime: Runtime, function: Callable[Concatenate[Runtime, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """What a clerk does with a call, wherever that is. Raises Away."""
    try:
        return function(runtime, *args, **kwargs)
    except (SQLAlchemyError, RedisError) as error:
        raise Away(type(error).__name__) from None
