"""Runtime of every process: settings, database, Redis, job queue and gateway. No Flask."""

import gc
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisUnavailable
from redis.retry import Retry
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, configure_mappers

from outreach.core.db import Database, InstallationFacts
from outreach.core.job_queue import JobQueue
from outreach.core.settings import Settings
from outreach.core.signed_tokens import open_sealed
from outreach.models.office import ENVIRONMENT, OfficeSetting
from outreach.rules.aggregator import id_prefix
from outreach.rules.errors import BadInput
from outreach.rules.gateway import Gateway, Inbox, InboxItem, Webhooks
from outreach.rules.keys import Purpose
from outreach.sms.aggregator import AggregatorGateway
from outreach.sms.android import AndroidGateway
from outreach.sms.smpp import SmppGateway
from outreach.sms.twilio import TwilioGateway, TwilioWebhooks

# A Redis that hangs must not block a webhook, whose caller waits 15 seconds.
REDIS_TIMEOUT_S = 3.0
# So old may be what a process knows of the settings of the office.
OFFICE_SETTINGS_S = 20.0
log = logging.getLogger(__name__)


async def _no_inbox(items: list[InboxItem]) -> None:
    raise NotImplementedError("a gateway that was opened for sending alone")


@dataclass(slots=True, eq=False)
class Runtime:
    """Shared objects of a process, created once at its start and passed on as arguments.

    `settings` are the variables', with those of the office beneath them as `refresh` last read them.
    """

    settings: Settings
    db: Database
    redis: Redis
    job_queue: JobQueue
    webhooks: Webhooks
    _variables: Settings = field(init=False)
    _refresh_at: float = field(init=False, default=0.0)  # by time.monotonic

    def __post_init__(self) -> None:
        self._variables = own = self.settings
        audit, numbers = own.keys_of(Purpose.AUDIT), own.keys_of(Purpose.SUPPRESSIONS)
        self.db = self.db.of(InstallationFacts(audit, numbers, own.is_live))

    def refresh(self, *, at_once: bool = False) -> None:
        """Read what the office has set, where that was not done lately. Web and workers call it before each request and job."""
        now = time.monotonic()
        if now < self._refresh_at and not at_once:
            return
        self._refresh_at = now + OFFICE_SETTINGS_S
        # Where the database is away, who needs it next says so.
        with suppress(SQLAlchemyError), self.db.read() as session:
            self.settings = self._variables.with_office(read_office_values(session, self._variables))

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


def read_office_values(session: Session, settings: Settings) -> dict[str, str]:
    """Return what the office has set, as variables are written. A secret that none of today's keys opens counts as not set."""
    values = {}
    for row in session.scalars(select(OfficeSetting)):
        try:
            values[row.name] = (
                open_sealed(row.value, keys=settings.keys_of(Purpose.GATEWAYS))
                if row.is_sealed
                else row.value
            )
        except BadInput:
            log.warning("office.secret_unread name=%s", row.name)
    return values


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
        db=Database(settings.database_url),
        redis=redis,
        job_queue=JobQueue(redis),
        webhooks=TwilioWebhooks(settings),
    )
