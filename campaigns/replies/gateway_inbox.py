"""What a gateway sends over a connection of our own: receipts, late answers, replies. Stored before it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.delivery.receipts import store_receipts
from campaigns.delivery.record_outcomes import AttemptReport, apply_reports
from campaigns.models.replies import Reply, ReplyChannel, ReplyPart
from campaigns.replies.receive_reply import receive_reply
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.states import AttemptState
from outreach.enqueue_jobs import enqueue_apply_callbacks, enqueue_send
from outreach.rules.gateway import InboundMessage, InboundPart, InboxItem, LateAnswer, Receipt
from outreach.rules.keys import Purpose
from outreach.rules.smpp import SAME_REPLY, reply_id
from outreach.runtime import Runtime

# What has come of a reply by then is read: it may be an opt-out.
PARTS_WAIT_FOR = timedelta(minutes=5)


class GatewayInbox:
    """Inbox of a process's gateway: stores in a thread of its own, so that receipts wait for no claim."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gateway-inbox")

    async def __call__(self, items: list[InboxItem]) -> None:
        """Store all items and return once they are durable. Raises what the transaction raised: none is stored."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(
            self._thread, lambda: store_delivered(self._runtime, items, now=datetime.now(UTC))
        )


def store_delivered(runtime: Runtime, items: Sequence[InboxItem], *, now: datetime) -> None:
    """Store what a gateway sent: receipts together, replies each in its transaction. May be repeated."""
    receipts = [item for item in items if isinstance(item, Receipt)]
    late = [item for item in items if isinstance(item, LateAnswer)]
    if receipts or late:
        with runtime.db.write() as session:
            store_receipts(session, receipts, now=now)
            reports = [
                AttemptReport(item.attempt_id, AttemptState.ACCEPTED, item.gateway_id) for item in late
            ]
            apply_reports(
                session, reports, now=now, secret_key=runtime.settings.keys_of(Purpose.SUPPRESSIONS)
            )
        enqueue_apply_callbacks(runtime)
    replies = [item for item in items if isinstance(item, InboundMessage | InboundPart)]
    for reply in replies:
        try:
            _store_reply(runtime, reply, now=now)
        except IntegrityError:
            _store_reply(runtime, reply, now=now)  # the same at the same moment, at another worker
    if replies:
        enqueue_send(runtime)


def _store_reply(runtime: Runtime, reply: InboundMessage | InboundPart, *, now: datetime) -> None:
    with runtime.db.write() as session:
        if isinstance(reply, InboundPart):
            _add_part(session, reply, now=now)
            join_parts(session, runtime, now=now)
        else:
            _receive(session, runtime, reply, now=now)


def _receive(session: Session, runtime: Runtime, message: InboundMessage, *, now: datetime) -> None:
    key = runtime.settings.secret_key
    # The centre repeats what was not answered, and the id's period may have ended meanwhile.
    before = (now - SAME_REPLY).timestamp()
    earlier = reply_id(message.sender, message.recipient, message.body, secret_key=key, now=before)
    if session.scalar(
        select(Reply.id).where(Reply.gateway_id == earlier, Reply.received_at > now - SAME_REPLY)
    ):
        return
    context = AnswerContext.of(runtime.settings)
    receive_reply(session, message, keys=context, now=now, channel=ReplyChannel.PUSH)


def _add_part(session: Session, part: InboundPart, *, now: datetime) -> None:
    same = select(ReplyPart.id).where(
        ReplyPart.sender == part.sender[:32],
        ReplyPart.recipient == part.recipient[:32],
        ReplyPart.reference == part.reference,
        ReplyPart.number == part.number,
    )
    if session.scalar(same) is None:
        session.add(
            ReplyPart(
                sender=part.sender[:32],
                recipient=part.recipient[:32],
                reference=part.reference,
                total=part.total,
                number=part.number,
                body=part.body,
                received_at=now,
            )
        )
        session.flush()


def has_parts(session: Session) -> bool:
    """Return whether parts of long replies wait for the others."""
    return session.scalar(select(ReplyPart.id).limit(1)) is not None


def join_parts(session: Session, runtime: Runtime, *, now: datetime) -> int:
    """Receive the replies whose parts are complete, or have waited for PARTS_WAIT_FOR. Returns how many."""
    groups: dict[tuple[str, str, int], list[ReplyPart]] = {}
    for part in session.scalars(select(ReplyPart).order_by(ReplyPart.id).with_for_update()):
        groups.setdefault((part.sender, part.recipient, part.reference), []).append(part)
    count = 0
    for (sender, recipient, _), parts in groups.items():
        if len(parts) < parts[0].total and now - parts[0].received_at < PARTS_WAIT_FOR:
            continue
        body = "".join(part.body for part in sorted(parts, key=lambda part: part.number))
        key = runtime.settings.secret_key
        identity = reply_id(sender, recipient, body, secret_key=key, now=now.timestamp())
        _receive(
            session, runtime, InboundMessage(identity, sender, recipient, body, is_opt_out=False), now=now
        )
        session.execute(delete(ReplyPart).where(ReplyPart.id.in_([part.id for part in parts])))
        count += 1
    return count
