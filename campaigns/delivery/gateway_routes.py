"""Routes of one claim: which gateway account carries each message, and for which price."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from redis import Redis
from sqlalchemy.orm import Session

from campaigns.delivery.message_data import WaitingMessage
from campaigns.delivery.streams import RateLimit, Reservation, reserve_capacity, sender_rate_limit
from campaigns.rules.gateway_choice import GatewayTerms, Health, in_order, take_first
from campaigns.rules.states import MessageKind
from outreach.core.settings import Settings
from outreach.gateway_accounts import notice_channel, read_accounts
from outreach.models.office import ENVIRONMENT, GatewayAccount, GatewayState
from outreach.rules.gateway import Channel
from outreach.rules.phone_numbers import Operator, operator_of
from outreach.rules.segments import Encoding, measure

# A message that only gateways with a fault can carry is looked at again after this time.
WAIT_FOR_GATEWAY = timedelta(seconds=10)


class Route(NamedTuple):
    """The account for a message, None while it has to wait; `wait` is how long. `price_vnd`: what a segment costs there.

    `notice`: how it goes as a notice.
    """

    account_id: int | None
    wait: timedelta = timedelta(0)
    price_vnd: int | None = None
    notice: Channel | None = None


BY_ENVIRONMENT = Route(ENVIRONMENT)


def terms_of(account: GatewayAccount, *, settings: Settings | None = None, now: datetime) -> GatewayTerms:
    """Return an account's terms as the rule reads them; those of notices need the environment's `settings`."""
    return GatewayTerms(
        id=account.id,
        senders=frozenset(account.senders),
        operators=frozenset(account.operators),
        price_vnd=account.price_vnd,
        prices=tuple(account.prices.items()),
        position=account.position,
        has_unicode=account.has_unicode,
        is_active=account.state is GatewayState.ACTIVE,
        is_resting=account.rested_until is not None and account.rested_until > now,
        pace=account.pace,
        notices=notice_channel(account, settings) if settings else None,
    )


def read_gateway_terms(session: Session, *, settings: Settings, now: datetime) -> list[GatewayTerms]:
    """Return the terms of all accounts that are not closed."""
    return [terms_of(account, settings=settings, now=now) for account in read_accounts(session)]


# What has a rate limit of its own: a gateway account, or a sender, for its confirmations apart.
_Limited = int | tuple[str, bool]


class Routes:
    """Choice of accounts for the messages of one claim, within what each account's pace and workers have room for.

    And within the paces of `senders`, where the claim has not reserved them: of a confirmation the next free time, whenever it is.
    """

    def __init__(
        self,
        terms: Sequence[GatewayTerms],
        health: Health,
        *,
        redis: Redis,
        usual_price_vnd: int,
        most_segments: float,
        ahead_s: float,
        senders: Mapping[str, float],
    ) -> None:
        self._terms, self._health, self._price = terms, health, usual_price_vnd
        self._redis, self._most, self._ahead_s, self._senders = redis, most_segments, ahead_s, senders
        self._trying = set(health.trying)
        self._asks_encoding = not all(each.has_unicode for each in terms)
        self._by_id = {each.id: each for each in terms}
        self._is_alone = sum(each.is_active for each in terms) == 1
        self._orders: dict[tuple[str, Operator, bool], list[GatewayTerms]] = {}
        self._room: dict[_Limited, float] = dict.fromkeys(health.full, 0.0)
        self._passed: Counter[_Limited] = Counter()  # segments that had to wait for a pace
        self._reservations: dict[_Limited, Reservation] = {}
        for each in terms:
            if each.pace and each.is_active:
                self._reserve(each.id, RateLimit(f"gateway:{each.id}", each.pace), ahead_s)

    def _reserve(self, key: _Limited, limit: RateLimit, ahead_s: float | None) -> None:
        reserved = reserve_capacity(self._redis, [limit], max_segments=self._most, ahead_s=ahead_s)
        if reserved:
            self._reservations[key] = reserved
        self._room[key] = min(self._room.get(key, math.inf), reserved.segments if reserved else 0.0)

    def choose(
        self, row: WaitingMessage, body: str, *, sender: str, segments: int, is_notice: bool = False
    ) -> Route | None:
        """Return the route of a message; None if no gateway takes its sender, ever.

        `is_notice`: it goes as a notice where one of its gateways has them.
        """
        paces: dict[_Limited, float | None] = {}
        if pace := self._senders.get(sender):
            is_confirmation = row.kind is MessageKind.CONFIRMATION
            paces[sender, is_confirmation] = pace
            if (sender, is_confirmation) not in self._room:
                ahead_s = None if is_confirmation else self._ahead_s
                self._reserve((sender, is_confirmation), sender_rate_limit(sender, pace), ahead_s)
        if row.account_id is not None:  # a test of this account, whatever its state
            given = self._by_id.get(row.account_id)
            return (
                self._within(paces, Route(given.id, price_vnd=given.price_vnd), segments) if given else None
            )
        operator = operator_of(row.e164, row.operator)
        is_unicode = self._asks_encoding and measure(body).encoding is Encoding.UCS2
        kind = sender, operator, is_unicode
        if (ordered := self._orders.get(kind)) is None:
            ordered = in_order(
                self._terms, sender, operator, is_unicode=is_unicode, usual_price_vnd=self._price
            )
            self._orders[kind] = ordered
        if not ordered:
            return None
        if is_notice:
            ordered = sorted(ordered, key=lambda each: each.notices is None)
        chosen = take_first(ordered, down=self._health.down, trying=self._trying, is_alone=self._is_alone)
        if chosen is None:
            return Route(None, WAIT_FOR_GATEWAY)
        notice = chosen.notices if is_notice else None
        route = Route(chosen.id, price_vnd=chosen.price_to(operator), notice=notice)
        return self._within({**paces, chosen.id: chosen.pace}, route, segments)

    def _within(self, paces: Mapping[_Limited, float | None], route: Route, segments: int) -> Route:
        """Return a route if these have room for so many segments, else how long they wait."""
        for key, pace in paces.items():
            if self._room.get(key, math.inf) <= 0:
                self._passed[key] += segments
                ahead_s = self._passed[key] / pace if pace else 0.0
                return Route(None, timedelta(seconds=math.ceil(min(60.0, max(1.0, ahead_s)))))
        for key in paces.keys() & self._room.keys():
            self._room[key] -= segments
        return route

    def reservations_of(self, account_id: int, sender: str, kind: MessageKind) -> list[Reservation]:
        """Return the reserved spans that a message is placed in."""
        keys: tuple[_Limited, ...] = (account_id, (sender, kind is MessageKind.CONFIRMATION))
        return [self._reservations[key] for key in keys if key in self._reservations]

    def settle(self) -> None:
        """Give back the reserved sending time that no message was found for. Raises RedisError."""
        for reservation in self._reservations.values():
            reservation.settle()
