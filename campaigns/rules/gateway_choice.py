"""Which gateway carries a message: first those that can, then those that are well, the cheapest, the order of the page. And when to claim more. Pure."""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta

from outreach.rules.gateway import Channel
from outreach.rules.phone_numbers import Operator


@dataclass(frozen=True, slots=True)
class GatewayTerms:
    """What is agreed with a gateway, and how it is. Empty `senders` or `operators` are all of them.

    `price_vnd` is a segment's, `prices` where an operator's differs; None is the installation's estimate.
    `is_resting`: it refused much, so it is passed over while another can carry.
    """

    id: int
    senders: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    price_vnd: int | None = None
    prices: tuple[tuple[str, int], ...] = ()
    position: int = 1
    has_unicode: bool = True
    is_active: bool = True
    is_resting: bool = False
    pace: float | None = None
    notices: Channel | None = None  # how notices go by it; None: not at all

    def price_to(self, operator: Operator) -> int | None:
        return next((vnd for name, vnd in self.prices if name == operator), self.price_vnd)

    def can_carry(self, sender: str, operator: Operator, *, is_unicode: bool) -> bool:
        """Return whether messages of this kind may go by this gateway at all."""
        return (
            self.is_active
            and (not self.senders or sender in self.senders)
            and (not self.operators or operator in self.operators)
            and (self.has_unicode or not is_unicode)
        )


def in_order(
    gateways: Iterable[GatewayTerms],
    sender: str,
    operator: Operator,
    *,
    is_unicode: bool = False,
    usual_price_vnd: int = 0,
) -> list[GatewayTerms]:
    """Return the gateways that can carry a message: not resting first, then cheap, then by the page."""

    def rank(gateway: GatewayTerms) -> tuple[bool, int, int, int]:
        price = gateway.price_to(operator)
        return (gateway.is_resting, usual_price_vnd if price is None else price, gateway.position, gateway.id)

    able = (each for each in gateways if each.can_carry(sender, operator, is_unicode=is_unicode))
    return sorted(able, key=rank)


@dataclass(frozen=True, slots=True)
class Health:
    """A worker's view of gateways: `down` have a fault, `trying` of them get one message; `full` wait."""

    down: frozenset[int] = frozenset()
    trying: frozenset[int] = frozenset()
    full: frozenset[int] = frozenset()


# A worker claims what it sends in this time, so that at a campaign's end no worker is left with much more than the
# others. It makes the next claim while the buffers still hold enough for the time that a claim and a record take.
CLAIM_FOR_S = 0.5
CLAIM_AHEAD_S = 0.25
MIN_CLAIM, MOST_CLAIM = 200, 1000  # messages


@dataclass(frozen=True, slots=True)
class PoolState:
    """A gateway in one worker. `buffered` messages wait; `is_used`: it was given some lately; `is_halted` by the gateway's wish."""

    account_id: int
    buffered: int = 0
    has_fault: bool = False
    may_try: bool = False
    is_halted: bool = False
    is_used: bool = True


def next_claim(
    pools: Sequence[PoolState], *, active: Set[int], unusable: Set[int], per_second: float, is_in_hand: bool
) -> tuple[int, Health] | None:
    """Return how many messages to claim now, and by which gateways; None while enough is buffered.

    `active` accounts carry messages, of which some may be `unusable` here. `per_second`: what this worker has sent so far.
    `is_in_hand`: it has requests under way or outcomes to record. While each gateway has a fault one message at a time tries.
    """
    down = frozenset(pool.account_id for pool in pools if pool.has_fault) | unusable
    trying = frozenset(pool.account_id for pool in pools if pool.may_try)
    limit = int(min(MOST_CLAIM, max(MIN_CLAIM, per_second * CLAIM_FOR_S)))
    enough = max(MIN_CLAIM / 2, per_second * CLAIM_AHEAD_S)
    asked = active - down
    if not asked:
        if is_in_hand or (len(active) > 1 and not trying):
            return None
        asked, limit, enough = active, 1, 0.0
    if _have_enough([pool for pool in pools if pool.account_id in asked], enough):
        return None
    full = frozenset(pool.account_id for pool in pools if pool.buffered > max(MOST_CLAIM, 4 * enough))
    return limit, Health(down, trying, full)


def _have_enough(pools: Sequence[PoolState], enough: float) -> bool:
    """Return whether no gateway asks for more; one lately given nothing does not: another carries them all."""
    used = [pool for pool in pools if pool.is_used] or pools
    return bool(used) and all(pool.buffered > enough or pool.is_halted for pool in used)


def take_first(
    ordered: Sequence[GatewayTerms], *, down: Collection[int], trying: set[int], is_alone: bool
) -> GatewayTerms | None:
    """Return the first gateway without a fault, or one that is to be tried, which then is no longer in `trying`.

    None: each has a fault, so the message waits. `is_alone`: there is one gateway, whose own worker makes it wait for its turn.
    """
    for gateway in ordered:
        if gateway.id not in down:
            return gateway
        if gateway.id in trying:
            trying.discard(gateway.id)
            return gateway
    return ordered[0] if ordered and is_alone else None


# A gateway rests if so many of its outcomes within FAILURE_WINDOW failed, or so many of its messages have no report
# although they were accepted a while ago.
REST_FOR = timedelta(minutes=15)
FEWEST_REFUSED, REFUSED_SHARE = 30, 0.25
SILENT_AFTER, SILENT_WITHIN = timedelta(minutes=15), timedelta(hours=1)
FEWEST_SILENT, SILENT_SHARE = 100, 0.5


def refuses_much(*, failed: int, well: int) -> bool:
    """Return whether a gateway refused so much lately that it should rest."""
    return failed >= FEWEST_REFUSED and failed >= REFUSED_SHARE * (failed + well)


def reports_slowly(*, silent: int, reported: int) -> bool:
    """Return whether too many of a gateway's messages have been without a report for too long."""
    return silent >= FEWEST_SILENT and silent >= SILENT_SHARE * (silent + reported)
