"""Routes of one claim: which gateway account carries each message, and for which price."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from redis import Redis
from sqlalchemy.orm import Session

from campaigns.delivery.message_data import WaitingMessage
from campaigns.delivery.streams import RateLimit, Reservation, reserve_capacity
from campaigns.rules.gateway_choice import GatewayTerms, Health, in_order, take_first
from outreach.core.settings import Settings
from outreach.gateway_accounts import notice_channel, read_accounts
from outreach.models.gateways import ENVIRONMENT, GatewayAccount, GatewayState
from outreach.rules.gateway import Channel
from outreach.rules.operators import Operator, operator_of
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


class Routes:
    """Choice of accounts for the messages of one claim, within what each account's pace and workers have room for."""

    def __init__(
        self,
        terms: Sequence[GatewayTerms],
        health: Health,
        *,
        redis: Redis,
        usual_price_vnd: int,
        most_segments: float,
    ) -> None:
        self._terms, self._health, self._price = terms, health, usual_price_vnd
        self._trying = set(health.trying)
        self._asks_encoding = not all(each.has_unicode for each in terms)
        self._by_id = {each.id: each for each in terms}
        self._is_alone = sum(each.is_active for each in terms) == 1
        self._orders: dict[tuple[str, Operator, bool], list[GatewayTerms]] = {}
        self._room: dict[int, float] = dict.fromkeys(health.full, 0.0)
        self._passed: Counter[int] = Counter()  # segments that had to wait for an account with a pace
        self.reservations: dict[int, Reservation] = {}
        for each in terms:
            if each.pace and each.is_active:
                limit = RateLimit(f"gateway:{each.id}", each.pace)
                reserved = reserve_capacity(redis, [limit], max_segments=most_segments)
                if reserved:
                    self.reservations[each.id] = reserved
                self._room[each.id] = min(
                    self._room.get(each.id, math.inf), reserved.segments if reserved else 0.0
                )

    def choose(
        self, row: WaitingMessage, body: str, *, sender: str, segments: int, is_notice: bool = False
    ) -> Route | None:
        """Return the route of a message; None if no gateway takes its sender, ever.

        `is_notice`: it goes as a notice where one of its gateways has them.
        """
        if row.account_id is not None:  # a test of this account, whatever its state
            given = self._by_id.get(row.account_id)
            return Route(given.id, price_vnd=given.price_vnd) if given else None
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
            ordered = [each for each in ordered if each.notices] or ordered
        chosen = take_first(ordered, down=self._health.down, trying=self._trying, is_alone=self._is_alone)
        if chosen is None:
            return Route(None, WAIT_FOR_GATEWAY)
        room = self._room.get(chosen.id)
        if room is not None:
            if room <= 0:
                self._passed[chosen.id] += segments
                ahead_s = self._passed[chosen.id] / chosen.pace if chosen.pace else 0.0
                return Route(None, timedelta(seconds=min(60.0, max(1.0, ahead_s))))
            self._room[chosen.id] = room - segments
        notice = chosen.notices if is_notice else None
        return Route(chosen.id, price_vnd=chosen.price_to(operator), notice=notice)

    def settle(self, used: Counter[int]) -> None:
        """Give back the reserved sending time that no message was found for. `used`: segments by account."""
        for account_id, reservation in self.reservations.items():
            reservation.settle(used[account_id])
