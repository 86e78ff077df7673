"""Gateways that a process has open, one for each account. They outlive its jobs."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from outreach.core.settings import Settings
from outreach.gateway_accounts import account_settings, read_accounts, shared_name
from outreach.models.office import GatewayKind, GatewayState
from outreach.rules.errors import LoaError
from outreach.rules.gateway import Gateway, Inbox
from outreach.runtime import Runtime

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenGateway:
    """An account's gateway with its settings; `name` is what its workers share limits and faults under."""

    account_id: int
    gateway: Gateway
    settings: Settings
    name: str
    changed_at: datetime


class OpenGateways:
    """The open gateways of a process. Belongs to one event loop.

    `refresh` opens those of new and changed accounts, and closes those of closed accounts. What a changed account's former
    connection has under way may end first.
    """

    def __init__(self, runtime: Runtime, inbox: Inbox | None = None) -> None:
        self._runtime, self._inbox = runtime, inbox
        self._open: dict[int, OpenGateway] = {}
        self.active: frozenset[int] = frozenset()  # accounts that may be given messages
        self._closing: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    def get(self, account_id: int) -> OpenGateway | None:
        return self._open.get(account_id)

    def all(self) -> Sequence[OpenGateway]:
        return list(self._open.values())

    async def refresh(self, *, without_smpp: bool = False) -> None:
        """Read the accounts and open their gateways. `without_smpp`: none that would take reports from a sending worker."""
        async with self._lock:
            accounts = await asyncio.to_thread(self._read)
            for account_id in self._open.keys() - accounts.keys():
                self._close_later(self._open.pop(account_id))
            for account_id, (settings, changed_at) in accounts.items():
                before = self._open.get(account_id)
                if before and before.changed_at == changed_at:
                    continue
                if without_smpp and settings.sms_gateway == "smpp":
                    continue
                tags = shared_name(account_id, self._runtime.settings)
                gateway = self._runtime.open_gateway(self._inbox, settings=settings, account_id=account_id)
                self._open[account_id] = OpenGateway(account_id, gateway, settings, tags, changed_at)
                if before:
                    self._close_later(before)

    def _read(self) -> dict[int, tuple[Settings, datetime]]:
        found: dict[int, tuple[Settings, datetime]] = {}
        active: set[int] = set()
        with self._runtime.db.read() as session:
            for account in read_accounts(session):
                try:
                    own = account_settings(account, self._runtime.settings)
                except LoaError as error:
                    log.error("gateway.not_opened account=%s error=%s", account.id, error.code)
                    continue
                is_own = account.kind is GatewayKind.ENVIRONMENT  # its terms change, its connection does not
                if account.state is GatewayState.ACTIVE:
                    active.add(account.id)
                found[account.id] = own, datetime.min.replace(tzinfo=UTC) if is_own else account.changed_at
        self.active = frozenset(active)
        return found

    def _close_later(self, former: OpenGateway) -> None:
        async def close() -> None:
            await asyncio.sleep(former.settings.send_timeout_s)
            await former.gateway.close()

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all."""
        for task in list(self._closing):
            task.cancel()
        await asyncio.gather(*(each.gateway.close() for each in self._open.values()))
        self._open.clear()
