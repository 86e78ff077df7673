"""Simulation: all parts of one simulator, put together."""

import asyncio
from contextlib import suppress
from typing import Any

from simulator.network import Network, Options, Parts
from simulator.residents import Residents
from simulator.smpp import SmppServer

SMPP_NAME = "loa"  # the system id of SMPP; its password is the account's token


class Simulation(Parts):
    """One simulator. Create it, then `start` it inside the event loop."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.network = Network(self)
        self.smpp = SmppServer(self, self.network, login=(SMPP_NAME, options.auth_token))
        self.residents = Residents(self, self.network)
        self.network.on_arrival = self.residents.consider
        self.set_inbound_url(options.inbound_url)
        self._flushing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the journal and continue from there. Raises OSError when its directory cannot be used."""
        self.journal.load(self.store)
        await self.poster.start()
        if self.options.smpp_port is not None:
            await self.smpp.start("127.0.0.1", self.options.smpp_port)
        self.network.resume()
        self._flushing = asyncio.create_task(self.journal.keep_flushing())

    async def stop(self) -> None:
        if self._flushing:
            self._flushing.cancel()
            with suppress(asyncio.CancelledError):
                await self._flushing
        await self.smpp.stop()
        await self.poster.stop()
        self.journal.close()

    def set_inbound_url(self, url: str) -> None:
        """Set where residents' SMS are posted to, and the local address of the public one."""
        self.panel.inbound_url = self.poster.local_url = url

    def reset(self) -> None:
        """Delete all messages, faults, habits and counts, on disk too; the addresses stay."""
        self.network.forget()
        self.store.clear()
        self.journal.clear()
        self.panel.reset()
        self.counters.clear()

    def count(self) -> dict[str, Any]:
        """Return the counters and the sizes of the store."""
        return {
            **self.counters.as_json(),
            "distinct_numbers": len({sms.to for sms in self.store.ledger}),
            "phones": len(self.store.phones),
            "messages_held": len(self.store.everything),
            "opted_out": len(self.store.opted_out),
        }
