"""Window of a gateway's connection: waits until one request more may be under way, and learns how many may."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable
from dataclasses import replace

from outreach.rules.gateway import FIRST, LEAST, Outcome, Throttled, next_size

NEVER = float("-inf")


class SendWindow:
    """At most `most` requests under way at once, and no more than the gateway is learned to take. For one event loop."""

    def __init__(self, most: int) -> None:
        self.size, self._most = min(FIRST, most), most
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._lowered_at = NEVER

    async def __aenter__(self) -> None:
        if self._under_way < int(self.size) and not self._waiting:
            self._under_way += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    async def __aexit__(self, *_: object) -> None:
        self._under_way -= 1
        while self._waiting and self._under_way < int(self.size):
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)

    async def ask(self, request: Awaitable[Outcome]) -> Outcome:
        """Await a request's outcome and learn from it. Called inside the window."""
        asked_at = time.monotonic()
        outcome = await request
        before = self.size
        self.size = next_size(
            before,
            outcome,
            under_way=self._under_way,
            most=self._most,
            is_stale=asked_at <= self._lowered_at,
            is_new=self._lowered_at == NEVER,
        )
        if self.size < before:
            self._lowered_at = time.monotonic()
        if isinstance(outcome, Throttled) and before > LEAST and outcome.retry_after_s is None:
            return replace(outcome, is_eased=not outcome.fault)
        return outcome
