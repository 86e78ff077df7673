"""Runtime of every process: settings, database, Redis, job queue and gateway. No Flask."""

from __future__ import annotations

import gc
from dataclasses import dataclass

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisUnavailable
from redis.retry import Retry
from sqlalchemy.orm import configure_mappers

from outreach.core.db import Database
from outreach.core.job_queue import JobQueue
from outreach.core.settings import Settings
from outreach.models.gateways import ENVIRONMENT
from outreach.rules.aggregator import id_prefix
from outreach.rules.gateway import Gateway, Inbox, InboxItem, Webhooks
from outreach.rules.keys import Purpose
from outreach.sms.aggregator import AggregatorGateway
from outreach.sms.android import AndroidGateway
from outreach.sms.smpp import SmppGateway
from outreach.sms.twilio import TwilioGateway, TwilioWebhooks

# A Redis that hangs must not block a webhook, whose caller waits 15 seconds.
REDIS_TIMEOUT_S = 3.0


async def _no_inbox(items: list[InboxItem]) -> None:
    raise NotImplementedError("a gateway that was opened for sending alone")


@dataclass(frozen=True, slots=True)
class Runtime:
    """Shared objects of a process, created once at its start and passed on as arguments."""

    settings: Settings
    db: Database
    redis: Redis
    job_queue: JobQueue
    webhooks: Webhooks

    def open_gateway(
        self, inbox: Inbox | None = None, *, settings: Settings | None = None, account_id: int = ENVIRONMENT
    ) -> Gateway:
        """Open a gateway in the running event loop; the caller closes it.

        `settings` are those of the account, by default the environment's. The simulator uses Twilio's API. `inbox` stores what
        comes in over the gateway's own connection, where it has one.
        """
        own = settings or self.settings
        if own.sms_gateway == "smpp":
            return SmppGateway(own, inbox or _no_inbox, account_id=account_id)
        if own.sms_gateway == "aggregator":
            return AggregatorGateway(own, id_prefix=id_prefix(account_id))
        if own.sms_gateway == "phone":
            return AndroidGateway(own)
        return TwilioGateway(own)

    def close(self) -> None:
        self.db.close()
        self.redis.close()


def freeze_loaded_objects() -> None:
    """Exclude all loaded modules and tables from garbage collection, and collect less often.

    It cost a sender a seventh of its time. The models are connected before, at the first use of one otherwise: each process
    that is forked would do it for itself, in 15 MB of its own.
    """
    configure_mappers()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def open_runtime(settings: Settings) -> Runtime:
    """Create the runtime without connecting: both servers may still be starting."""
    redis = Redis.from_url(
        settings.redis_url,
        # A command that timed out may have been executed: it is not repeated.
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 3, supported_errors=(RedisUnavailable,)),
        socket_connect_timeout=REDIS_TIMEOUT_S,
        socket_timeout=REDIS_TIMEOUT_S,
        health_check_interval=15,
    )
    return Runtime(
        settings=settings,
        db=Database(settings.database_url, audit_keys=settings.keys_of(Purpose.AUDIT)),
        redis=redis,
        job_queue=JobQueue(redis),
        webhooks=TwilioWebhooks(settings),
    )
