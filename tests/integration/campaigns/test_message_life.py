"""The life of one message, searched exhaustively: claim, lease, fence, request, record, lookup, callback, repeat.

Every order of steps is tried: a worker may die or be stopped at any of them, a request may be cut before or after the
gateway took it, time passes between any two. The rules are the program's own (`campaigns.rules.receipts`). What is
searched for: a state in which two copies have left, and an end in which the message is forgotten. Then the same for a request that is
made again under its id while the day ends, for receipts of a centre that counts anew and of strangers, and for the window.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import NamedTuple

import pytest

from campaigns.rules.receipts import (
    TIMES_ABSENT,
    Candidate,
    LookupResult,
    ReceiptFacts,
    UnknownAttempt,
    find_attempt,
    judge_lookup,
    may_repeat,
)
from campaigns.rules.states import AttemptState
from outreach.rules import gateway
from outreach.rules.gateway import (
    FIRST,
    VIETNAM,
    Accepted,
    DeliveryStatus,
    Lasting,
    ListedMessage,
    Throttled,
    next_size,
    repeats_until,
)
from tests.support.tables import cases

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
    def copies(self):
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


def steps(world, given):
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


def _worker_steps(world, attempt, given):
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
            yield replace(ended, known="accepted")
        if attempt.known == "sending":  # cut, or timed out
            yield replace(ended, known="unknown", unknown_since=now)


def _leave(attempt, now):
    """The request is taken by the gateway, or cut on its way."""
    yield replace(attempt, phase=Phase("asked", now), taken=now)
    yield replace(attempt, phase=Phase("asked", now))


def _with(world, n, changed):
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


def _database_steps(world, n, attempt, given):
    now = world.now
    if given.calls_back and attempt.taken is not None and attempt.known != "accepted":
        yield _with(world, n, replace(attempt, known="accepted"))
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
        yield _with(world, n, replace(attempt, known="accepted"))
    elif found is LookupResult.ABSENT:
        times = attempt.times_absent + 1
        repeats = sum(other.known == "absent" for other in world.attempts)
        counted = replace(attempt, times_absent=min(times, TIMES_ABSENT), looked_at=now)
        if may_repeat(times_absent=times, repeats=repeats):
            yield replace(_with(world, n, replace(counted, known="absent")), waits=True)
        else:
            yield _with(world, n, counted)


def at(second):
    return START + timedelta(seconds=second)


def is_remembered(world):
    """Sent, waiting, at a worker whose lease will end, or unknown: looked up again, and a person's in the end."""
    known = {attempt.known for attempt in world.attempts}
    return world.waits or bool(known & {"accepted", "sending", "unknown"})


def search(given):
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
def test_at_most_one_copy_leaves_and_no_message_is_forgotten(calls_back, alters):
    worlds, copies, silent, is_kept = search(Assumptions(calls_back=calls_back, alters=alters))
    assert worlds > 5_000
    assert (copies, silent, is_kept) == (1, 0, True)


@cases(
    Assumptions(
        fence=LEASE + LIST_DELAY + 2 * TIMEOUT
    ),  # a fence behind the end of the lease and of the lookups
    Assumptions(list_takes=LIST_DELAY + 3, calls_back=False, attempts=2),  # a list slower than was declared
    Assumptions(stops_after_check=True, attempts=2),
)
def test_the_search_finds_what_a_broken_promise_costs_one_copy_more_and_never_in_silence(broken):
    _worlds, copies, silent, is_kept = search(broken)
    assert (copies, silent, is_kept) == (2, 0, True)


# -- a request that is made again under its id, while the gateway's day ends


MIDNIGHT = datetime(2026, 11, 30, tzinfo=VIETNAM)
STEP_MIN = 5


class Night(NamedTuple):
    """One request: when it was claimed, the days of the gateway on which it has its id, how many messages it made of it."""

    step: int = -6
    claimed: int | None = None
    is_settled: bool = False
    days: frozenset[int] = frozenset()
    copies: int = 0


def search_night(lasting, *, gateway_ahead_min):
    """Search all nights. Returns how many there are, and the most copies that have left in one."""

    def asked(night):
        yield night  # cut on its way
        at = MIDNIGHT + timedelta(minutes=STEP_MIN * night.step + gateway_ahead_min)
        taken = night._replace(days=night.days | {at.day}, copies=night.copies + (at.day not in night.days))
        yield taken  # taken, or refused as repeated, and the answer cut
        yield taken._replace(is_settled=True)

    seen, queue = {Night()}, deque([Night()])
    while queue:
        night = queue.popleft()
        following = [night._replace(step=night.step + 1)] if night.step < 6 else []
        if night.claimed is None:
            following += asked(night._replace(claimed=night.step))
        elif not night.is_settled:
            claimed, now = (
                MIDNIGHT + timedelta(minutes=STEP_MIN * step) for step in (night.claimed, night.step)
            )
            if now < repeats_until(claimed, lasting):
                following += asked(night)
        for each in following:
            if each not in seen:
                seen.add(each)
                queue.append(each)
    return len(seen), max(night.copies for night in seen)


@cases(-8, 0, 8)
def test_a_request_that_is_made_again_makes_no_second_message_though_the_day_ends(gateway_ahead_min):
    nights, copies = search_night(Lasting.DAY, gateway_ahead_min=gateway_ahead_min)
    assert nights > 100
    assert copies == 1


def test_the_search_finds_a_day_that_is_forgotten_and_a_clock_that_is(monkeypatch):
    assert search_night(Lasting.ALWAYS, gateway_ahead_min=0)[1] == 2
    monkeypatch.setattr(gateway, "CLOCK_SLACK", timedelta(0))
    assert search_night(Lasting.DAY, gateway_ahead_min=8)[1] == 2


# -- receipts: of two messages of ours to a number, and of a stranger's, from a centre that may count anew


TEXTS = ("Kinh moi ong/ba cai Bluezone", "Chieu mai hop o nha van hoa")
STRANGE = "Vien phi cua ba la 200 nghin"
Rule = Callable[[ReceiptFacts, Sequence[Candidate]], int | None]


class Story(NamedTuple):
    """What happens: whether each of two answers was lost, both have one text, the centre counts anew between them, what its
    receipts carry, and whose receipts come in which order, ours (0, 1) or a stranger's (2).
    """

    lost: tuple[bool, bool]
    is_same_text: bool
    counts_anew: bool
    quotes: bool
    has_reference: bool
    order: tuple[int, ...]


def settled_wrongly(rule, story):
    """Play a story, six seconds between two receipts. Returns whether one settled another message than its own, and whose did."""
    texts = (TEXTS[0], TEXTS[0 if story.is_same_text else 1], STRANGE)
    ids = ("10", "10" if story.counts_anew else "20", "30")
    states = [AttemptState.UNKNOWN if lost else AttemptState.ACCEPTED for lost in story.lost]
    ended = [None, None]
    found = set()
    for n, message in enumerate(story.order):
        # A centre that counts anew has sent the receipts of before: those of the second come after its answer.
        now = START + timedelta(minutes=10, seconds=6 * n)
        attempts = [
            Candidate(i, frozenset() if lost else frozenset({ids[i]}), 500 + i, texts[i], states[i], START, ended[i])
            for i, lost in enumerate(story.lost)
        ]  # fmt: skip
        receipt = ReceiptFacts(
            (ids[message],),
            (1 if message == 2 else 500 + message) if story.has_reference else None,
            texts[message][:20] if story.quotes else "",
            now,
        )
        if (settled := rule(receipt, attempts)) is None:
            continue
        if settled != message:
            return True, found
        found.add(message)
        states[settled], ended[settled] = AttemptState.DELIVERED, now
    return False, found


def stories():
    orders = [(2,), (0, 1), (1, 0), (1,), (0, 0, 1), (2, 1, 0), (2, 0, 1)]
    yes_no = (False, True)
    for lost in product(yes_no, yes_no):
        for same, anew, quoted, reference in product(yes_no, yes_no, yes_no, yes_no):
            for order in orders:
                # Where an answer was lost, and the id of another message is given anew, nothing but text or reference tells.
                tells = reference or (quoted and not same)
                if not (anew and any(lost) and not tells):
                    yield Story(lost, same, anew, quoted, reference, order)


def test_no_receipt_settles_another_message_than_its_own():
    told = [(story, settled_wrongly(find_attempt, story)) for story in stories()]
    assert [story for story, (is_wrong, _) in told if is_wrong] == []
    plain = [(s, found) for s, (_, found) in told if not any(s.lost) and not s.counts_anew]
    assert all(found == set(s.order) - {2} for s, found in plain)  # an accepted message has its receipt
    by_reference = [(s, found) for s, (_, found) in told if s.has_reference]
    assert all(found == set(s.order) - {2} for s, found in by_reference)


def any_text_fits(receipt, attempts):
    """As it was: what no id is known of is the one message whose outcome is unknown."""
    found = find_attempt(receipt, attempts)
    unknown = [each.id for each in attempts if each.state is AttemptState.UNKNOWN]
    return unknown[0] if found is None and len(unknown) == 1 else found


def an_id_is_for_ever(receipt, attempts):
    return next((each.id for each in attempts if set(receipt.message_ids) & each.ids), None)


def the_newest_has_the_id(receipt, attempts):
    return an_id_is_for_ever(receipt, list(reversed(attempts)))


@cases(any_text_fits, an_id_is_for_ever, the_newest_has_the_id)
def test_the_search_finds_what_settles_by_less(broken):
    assert any(settled_wrongly(broken, story)[0] for story in stories())


# -- the window: a centre that takes `limit` at once, asked by one that may have 50 under way


def send_by_window(limit, rule, *, messages, size=FIRST):
    """Send round by round, at first with a window of `size`. Returns submissions for one accepted, and the window in the end."""
    is_new, submitted, accepted = size == FIRST, 0, 0
    while accepted < messages and submitted < 20 * messages:
        under_way, is_stale = int(size), False
        for n in range(under_way):
            answer = Accepted("x") if n < limit else Throttled()
            before = size
            size = rule(size, answer, under_way=under_way, most=50, is_stale=is_stale, is_new=is_new)
            is_stale, is_new = is_stale or size < before, is_new and size >= before
            submitted, accepted = submitted + 1, accepted + (n < limit)
    return submitted / accepted, size


@pytest.mark.parametrize("limit", [2, 3, 5, 10, 49, 50])
@pytest.mark.parametrize("messages", [300, 6_864])
def test_the_window_is_learned_with_few_requests_too_many(limit, messages):
    submissions, size = send_by_window(limit, next_size, messages=messages)
    assert submissions < 1.1
    grown = limit if messages > 1_000 else 3  # 300 messages are sent before a wide window is open
    assert min(limit, grown) * 0.6 <= size <= limit + 1


def test_the_search_finds_a_window_that_does_not_learn_or_is_lowered_by_what_is_stale():
    assert send_by_window(3, lambda *_, **__: 50.0, messages=1_000)[0] > 10
    every_refusal = partial(send_by_window, 30, messages=100, size=50.0)  # it took 50 until now
    lowers_by_each = every_refusal(lambda *a, **more: next_size(*a, **{**more, "is_stale": False}))
    assert lowers_by_each[1] < every_refusal(next_size)[1]
