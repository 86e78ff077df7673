"""What a killed worker had claimed and not begun to send: its database process outlives it for as long as it takes to give it back."""

import logging
import time
from collections.abc import Callable
from multiprocessing.sharedctypes import RawArray
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery.claim_messages import Claim, claim_next_batch
from campaigns.delivery.record_outcomes import store_outcomes
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
KEPT = 1 << 18  # requests
RETRY_S = 1.0


class StartedRequests:
    """The last requests that a worker began, in memory that it shares with its database process."""

    def __init__(self) -> None:
        self._ids = RawArray("q", KEPT)
        self._count = RawArray("q", 1)

    @property
    def count(self) -> int:
        return int(self._count[0])

    def note(self, attempt_id: int) -> None:
        """Note that an attempt's request is about to leave."""
        count = self._count[0]
        self._ids[count % KEPT] = attempt_id
        self._count[0] = count + 1

    def since(self, count: int) -> set[int] | None:
        """Return the attempts whose requests began since there were `count`; None if these are more than are kept."""
        if self.count - count > KEPT:
            return None
        return {self._ids[i % KEPT] for i in range(count, self.count)}


class ClaimsInHand:
    """The claims of a worker whose outcomes have not been stored, as its database process sees them pass."""

    def __init__(self, started: StartedRequests) -> None:
        self._started = started
        self._claims: dict[
            int, tuple[Claim, int]
        ] = {}  # by attempt, with the count of requests at that moment

    def note_call(self, function: Callable[..., Any], args: tuple[Any, ...], answer: Any) -> None:
        """Note what a call has done that succeeded; before its answer is passed on."""
        if function is claim_next_batch and answer:
            count = self._started.count
            self._claims |= {task.claim.attempt_id: (task.claim, count) for task in answer[2]}
        elif function is store_outcomes:
            for claim, _outcome in args[0]:
                self._claims.pop(claim.attempt_id, None)

    def give_back(self, runtime: Runtime) -> int:
        """Return what was certainly never sent to the outbox, after the worker's end. Returns how many messages.

        The others are found when their leases are over. Tries again while the database is away, for as long as a lease.
        """
        first = min((count for _claim, count in self._claims.values()), default=0)
        begun = self._started.since(first)
        if begun is None:
            return 0
        unsent = [(claim, None) for claim, _count in self._claims.values() if claim.attempt_id not in begun]
        gives_up_at = time.monotonic() + runtime.settings.lease_s
        while unsent and time.monotonic() < gives_up_at:
            try:
                store_outcomes(runtime, unsent)
            except SQLAlchemyError as error:
                log.warning("send.not_given_back count=%d error=%s", len(unsent), type(error).__name__)
                time.sleep(RETRY_S)
            else:
                log.warning("send.given_back count=%d", len(unsent))
                return len(unsent)
        return 0
