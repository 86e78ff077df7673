"""The life of one message, searched exhaustively: claim, lease, fence, request, record, lookup, callback, repeat.

Every order of steps is tried: a worker may die or be stopped at any of them, a request may be cut before or after the
gateway took it, time passes between any two. The rules are the program's own (`campaigns.rules.lookups`). What is
searched for: a state in which two copies have left, and an end in which the message is forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from campaigns.rules.lookups import (
    TIMES_ABSENT,
    LookupResult,
    UnknownAttempt,
    judge_lookup,
    may_repeat,
)
from outreach.rules.gateway import DeliveryStatus, ListedMessage

START = datetime(2020, 8, 18, tzinfo=UTC)
BODY = "Mời cài"
LEASE, TIMEOUT, LIST_DELAY = 3, 1, 2  # seconds; a request may start until LEASE - TIMEOUT after its claim
END = 10  # when the search stops: late enough for a repeat and its own end


class Phase(NamedTuple):
    """What the worker of an attempt is doing: `doing` since `since`."""

    doing: str  # holds, checked, asked, ended
    since: int


@dataclass(frozen=True, slots=True)
class Life:
    """One attempt. `known` is its state in the database, `taken` when the gateway took its request."""

    claimed: int
    phase: Phase
    known: str = "sending"  # sending, unknown, absent, accepted
    unknown_since: int = 0
    times_absent: int = 0
    looked_at: int = -1
    taken: int | None = None


@dataclass(frozen=True, slots=True)
class World:
    """One moment: the message waits in the outbox or has attempts."""

    now: int = 0
    waits: bool = True
    attempts: tuple[Life, ...] = ()
    has_incident: bool = False

    @property
    def copies(self) -> int:
        return sum(attempt.taken is not None for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What may go wrong, and how long the list really takes."""

    fence: int = LEASE - TIMEOUT  # seconds after the claim from which no request starts
    stops_after_check: bool = False  # a worker may be stopped between its check of the fence and the request
    list_takes: int = LIST_DELAY
    alters: bool = False  # the list shows another text
    calls_back: bool = True
    attempts: int = 3  # so many are tried at most


def steps(world: World, given: Assumptions) -> Iterator[World]:
    """Yield every world that may come next."""
    if world.now < END:
        yield replace(world, now=world.now + 1)
    if world.waits and len(world.attempts) < given.attempts:
        claimed = Life(claimed=world.now, phase=Phase("holds", world.now))
        yield replace(world, waits=False, attempts=(*world.attempts, claimed))
    for n, attempt in enumerate(world.attempts):
        for changed in _worker_steps(world, attempt, given):
            if changed is None:  # given back unsent
                rest = world.attempts[:n] + world.attempts[n + 1 :]
                yield replace(world, waits=True, attempts=rest)
            else:
                yield _with(world, n, changed)
        yield from _database_steps(world, n, attempt, given)


def _worker_steps(world: World, attempt: Life, given: Assumptions) -> Iterator[Life | None]:
    doing, now = attempt.phase.doing, world.now
    if doing == "ended":
        return
    ended = replace(attempt, phase=Phase("ended", 0))
    yield ended  # killed
    if doing == "holds" and now < attempt.claimed + given.fence:
        if given.stops_after_check:
            yield replace(attempt, phase=Phase("checked", 0))
        yield from _leave(attempt, now)
    elif doing == "holds" and attempt.known == "sending":
        yield None
    elif doing == "checked":
        yield from _leave(attempt, now)
    elif doing == "asked" and now <= attempt.phase.since + TIMEOUT:
        if attempt.taken is not None:
            yield _accept(ended)
        if attempt.known == "sending":  # cut, or timed out
            yield replace(ended, known="unknown", unknown_since=now)


def _leave(attempt: Life, now: int) -> Iterator[Life]:
    """The request is taken by the gateway, or cut on its way."""
    yield replace(attempt, phase=Phase("asked", now), taken=now)
    yield replace(attempt, phase=Phase("asked", now))


def _accept(attempt: Life) -> Life:
    return replace(attempt, known="accepted")


def _with(world: World, n: int, changed: Life) -> World:
    """Store an attempt's change; what is accepted after all withdraws a repeat that waits, or is an incident."""
    before = world.attempts[n]
    attempts = (*world.attempts[:n], changed, *world.attempts[n + 1 :])
    is_new = changed.known == "accepted" and before.known != "accepted"
    others = any(a.known == "accepted" for i, a in enumerate(attempts) if i != n)
    return replace(
        world,
        attempts=attempts,
        waits=world.waits and not is_new,
        has_incident=world.has_incident or (is_new and others),
    )


def _database_steps(world: World, n: int, attempt: Life, given: Assumptions) -> Iterator[World]:
    now = world.now
    if given.calls_back and attempt.taken is not None and attempt.known != "accepted":
        yield _with(world, n, _accept(attempt))
    if attempt.known == "sending" and now >= attempt.claimed + LEASE:
        yield _with(world, n, replace(attempt, known="unknown", unknown_since=now))
    if attempt.known != "unknown" or attempt.looked_at == now:
        return
    listed = [
        ListedMessage(f"SM{i}", "***" if given.alters else BODY, at(other.taken), DeliveryStatus.SENT)
        for i, other in enumerate(world.attempts)
        if other.taken is not None and other.taken + given.list_takes <= now
    ]
    owned = {f"SM{i}" for i, other in enumerate(world.attempts) if other.known == "accepted"}
    found, _match = judge_lookup(
        UnknownAttempt(n, BODY, at(attempt.claimed), at(attempt.unknown_since)),
        listed,
        asked_at=at(now),
        owned=owned,
        list_delay=timedelta(seconds=LIST_DELAY),
    )
    if found is LookupResult.FOUND:
        yield _with(world, n, _accept(attempt))
    elif found is LookupResult.ABSENT:
        times = attempt.times_absent + 1
        repeats = sum(other.known == "absent" for other in world.attempts)
        counted = replace(attempt, times_absent=min(times, TIMES_ABSENT), looked_at=now)
        if may_repeat(times_absent=times, repeats=repeats):
            yield replace(_with(world, n, replace(counted, known="absent")), waits=True)
        else:
            yield _with(world, n, counted)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def is_remembered(world: World) -> bool:
    """Sent, waiting, at a worker whose lease will end, or unknown: looked up again, and a person's in the end."""
    known = {attempt.known for attempt in world.attempts}
    return world.waits or bool(known & {"accepted", "sending", "unknown"})


def search(given: Assumptions) -> tuple[int, int, int, bool]:
    """Search all worlds that can come to be.

    Returns how many there are, the most copies that have left, in how many all is known of two copies and no incident
    is on record, and whether the message is remembered in all.
    """
    seen, queue = {World()}, deque([World()])
    while queue:
        for following in steps(queue.popleft(), given):
            if following not in seen:
                seen.add(following)
                queue.append(following)
    silent = sum(
        world.copies > 1
        and not world.has_incident
        and all(attempt.known == "accepted" for attempt in world.attempts if attempt.taken is not None)
        for world in seen
    )
    return len(seen), max(world.copies for world in seen), silent, all(map(is_remembered, seen))


@pytest.mark.parametrize("calls_back", [True, False])
@pytest.mark.parametrize("alters", [False, True])
def test_at_most_one_copy_leaves_and_no_message_is_forgotten(calls_back: bool, alters: bool) -> None:
    worlds, copies, silent, is_kept = search(Assumptions(calls_back=calls_back, alters=alters))
    assert worlds > 5_000
    assert (copies, silent, is_kept) == (1, 0, True)


@pytest.mark.parametrize(
    "broken",
    [
        Assumptions(
            fence=LEASE + LIST_DELAY + 2 * TIMEOUT
        ),  # a fence behind the end of the lease and of the lookups
        Assumptions(
            list_takes=LIST_DELAY + 3, calls_back=False, attempts=2
        ),  # a list slower than was declared
        Assumptions(stops_after_check=True, attempts=2),
    ],
)
def test_the_search_finds_what_a_broken_promise_costs_one_copy_more_and_never_in_silence(
    broken: Assumptions,
) -> None:
    _worlds, copies, silent, is_kept = search(broken)
    assert (copies, silent, is_kept) == (2, 0, True)
