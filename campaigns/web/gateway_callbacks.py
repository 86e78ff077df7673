"""Gateway callbacks: status callbacks and inbound SMS, which are verified, stored and acknowledged.

Stored callbacks are applied by a job.

- `/webhooks/twilio/inbound`: Twilio's replies, only while the gateway speaks Twilio's API (`admin/app.py`).
- `/webhooks/aggregator/…`: an aggregator's status callbacks, only while the gateway is one.
- `/webhooks/push`, `/webhooks/phone` and `/webhooks/zalo`: replies from a short code's operator, a phone, an official account.
- `StatusCallbackApp`: Twilio's status callbacks, before Flask. Those that come at the same time wait for one commit, without
  a thread each.
"""

import asyncio
import json
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import parse_form_data

from campaigns.delivery.incoming_reports import APPLY_LIMIT, StatusCallback, store_callbacks, store_operator
from campaigns.delivery.outbox import bill_attempt
from campaigns.models.messages import Attempt
from campaigns.models.replies import ReplyChannel
from campaigns.replies.gateway_inbox import as_reply, keep_number
from campaigns.replies.receive_reply import ACKNOWLEDGE_WINDOW, UNREADABLE, receive_reply
from campaigns.web.asgi import Application, Receive, Scope, Send, SharedWork, client_address
from campaigns.web.responses import note_error
from outreach.accounts.security_events import SecurityEvent, note_event
from outreach.core.db import DATABASE_AWAY, Database
from outreach.core.sentences import word_error
from outreach.core.settings import Settings
from outreach.gateway_accounts import account_settings
from outreach.models.office import ENVIRONMENT, GatewayAccount
from outreach.rules.aggregator import AttemptNames, id_prefix, read_operator, read_price, read_report
from outreach.rules.errors import BadInput
from outreach.rules.gateway import (
    Channel,
    DeliveryStatus,
    GatewayUnavailable,
    InboundMessage,
    StatusReport,
    Webhooks,
)
from outreach.rules.sms_inbound import ZaloNumber, is_secret, is_signed, is_signed_event, parse_push
from outreach.rules.sms_inbound import read_event as read_zalo
from outreach.rules.texts import clean_text
from outreach.runtime import Runtime
from outreach.sms.aggregator import AggregatorGateway, load_profile
from outreach.sms.android import MessageIds, read_event
from outreach.use_cases import enqueue_apply_callbacks, enqueue_send

log = logging.getLogger(__name__)


_FAILED = (DeliveryStatus.FAILED, DeliveryStatus.UNDELIVERED)
# An aggregator that does not know of its message yet is asked again: only after a time-out, of ten seconds, it surely calls again.
JUST_SENT_S = (2.0, 3.0)
# The database's ids have 64 bits.
LARGEST_ID = 2**63 - 1
# The gateway's ids are 34 characters; this is what the column holds.
LONGEST_GATEWAY_ID = 64


def create_gateway_callbacks(runtime: Runtime) -> Blueprint:
    """Create `/webhooks/twilio/inbound`. 403 on a bad signature with nothing stored, 2xx only once stored."""
    callbacks_blueprint = Blueprint("gateway_callbacks", __name__, url_prefix="/webhooks/twilio")

    @callbacks_blueprint.before_request
    def check_signature() -> None:
        path = request.full_path if request.query_string else request.path
        signature = request.headers.get("X-Twilio-Signature")
        if not runtime.webhooks.is_genuine(url=path, form=request.form, signature=signature):
            log.warning("webhook.bad_signature hook=%s bytes=%s", request.endpoint, request.content_length)
            abort(403)

    @callbacks_blueprint.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> ResponseReturnValue:
        return "", error.code or 500

    @callbacks_blueprint.post("/inbound")
    def inbound() -> ResponseReturnValue:
        """Take a resident's SMS in Twilio's form and signature; 404 with other gateways, 403 on a bad
        signature or another `AccountSid`, 2xx only once stored. So are reports at
        `/webhooks/twilio/status/<attempt>`.
        """
        message = runtime.webhooks.read_inbound(_storable_text(request.form))
        if not message.gateway_id or not message.sender:
            log.warning("webhook.incomplete_inbound bytes=%s", request.content_length)
            abort(400)
        store_reply(runtime, message, ReplyChannel.TWILIO)
        # An empty document: the gateway itself sends no reply. Our acknowledgement goes through the outbox.
        return "<Response/>", 200, {"Content-Type": "text/xml"}

    return callbacks_blueprint


def store_reply(runtime: Runtime, message: InboundMessage, channel: ReplyChannel) -> None:
    """Store and apply a reply. Aborts with 400 if its id cannot be stored, and raises what the transaction raised."""
    if len(message.gateway_id) > LONGEST_GATEWAY_ID:
        abort(400)
    if UNREADABLE in message.body:
        message = replace(message, raw=request.get_data())

    def receive() -> None:
        with runtime.db.write() as session:
            now = datetime.now(UTC)
            received_at = min(message.received_at or now, now)
            receive_reply(
                session,
                message,
                now=received_at,
                channel=channel,
                acknowledge=now - received_at <= ACKNOWLEDGE_WINDOW,
            )

    try:
        receive()
    except IntegrityError:
        # The same reply at the same moment; the other call has stored it. Any other cause raises again below, and
        # the caller repeats the call.
        log.info("webhook.inbound_repeated")
        receive()
    enqueue_send(runtime)


def read_status_call(webhooks: Webhooks, attempt: str, form: Mapping[str, str]) -> StatusCallback | None:
    """Read a genuine status callback for the attempt in its address.

    Returns None if that is no id, or if the call names no message: whose it is could not be compared.
    """
    attempt_id = _read_id(attempt)
    report = webhooks.read_status(_storable_text(form))
    if attempt_id is None or not report.gateway_id:
        log.warning("webhook.no_such_attempt")
        return None
    if report.status is None:
        log.warning("webhook.unknown_status attempt=%s", attempt_id)
    return StatusCallback.of(attempt_id, report)


def store_callback(runtime: Runtime, callback: StatusCallback, *, now: datetime) -> None:
    """Store one callback by itself. Raises what the transaction raised; `StatusWriter` stores many."""
    store_callbacks(runtime.db, [callback], now=now)
    enqueue_apply_callbacks(runtime)


def _read_id(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID))):
        return None
    return int(text) if int(text) <= LARGEST_ID else None


def create_reply_channels(runtime: Runtime) -> Blueprint:
    """Create `/webhooks/push`, `/webhooks/phone` and `/webhooks/zalo`.

    404 for a channel that is not set up, 403 on a bad proof with nothing stored, 2xx only once stored.
    """
    channels = Blueprint("reply_channels", __name__, url_prefix="/webhooks")
    settings = runtime.settings
    message_ids = MessageIds(settings.secret_key)

    @channels.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> ResponseReturnValue:
        return "", error.code or 500

    def check(is_proven: bool) -> None:
        if not is_proven:
            log.warning("webhook.bad_signature hook=%s bytes=%s", request.endpoint, request.content_length)
            abort(403)

    @channels.post("/push")
    def push() -> ResponseReturnValue:
        """Take a reply from a short code's operator (docs/inbound.md); 404 where that is not set up."""
        if not settings.push_secret:
            abort(404)
        proof, content = request.headers.get(settings.push_header), request.get_data()
        if settings.push_proof == "secret":
            check(is_secret(proof, secret=settings.push_secret))
        else:
            check(is_signed(content, key=settings.push_secret, signature=proof))
        fields = _read_object(content) if request.is_json else request.form.to_dict()
        try:
            message = parse_push(_storable_text(fields), settings.push_fields)
        except BadInput as error:
            return word_error(error), 400
        store_reply(runtime, message, ReplyChannel.PUSH)
        return {"status": "ok"}, 200

    @channels.post("/phone")
    def phone() -> ResponseReturnValue:
        """Take a reply or a report from an Android phone (docs/inbound.md); 404 where that is not set up."""
        if not settings.phone_webhook_key:
            abort(404)
        content, moment = request.get_data(), request.headers.get("X-Timestamp", "")
        signature = request.headers.get("X-Signature")
        # Its age does not matter: an old call that comes again changes nothing, as each is known by its id.
        check(is_signed(content + moment.encode(), key=settings.phone_webhook_key, signature=signature))
        event = _read_object(content)
        payload = event.get("payload")
        if isinstance(payload, dict):
            event = {**event, "payload": _storable_text(payload)}
        data = read_event(event, secret_key=settings.secret_key)
        if isinstance(data, InboundMessage):
            store_reply(runtime, data, ReplyChannel.PHONE)
        elif data:
            identity, report = data
            attempt_id = message_ids.attempt_id(identity)
            if attempt_id is not None:  # other apps use the phone as well
                store_callback(runtime, StatusCallback.of(attempt_id, report), now=datetime.now(UTC))
        return "", 204

    @channels.post("/zalo")
    def zalo() -> ResponseReturnValue:
        """Take what somebody wrote to the official account on Zalo (docs/inbound.md); 404 where that is not set up."""
        if not settings.zalo_secret:
            abort(404)
        content, head = request.get_data(), request.headers
        event, sent_at = _read_object(content), head.get("X-ZEvent-Timestamp", "")
        signature = head.get("X-ZEvent-Signature")
        check(
            is_signed_event(content, event, secret=settings.zalo_secret, signature=signature, sent_at=sent_at)
        )
        said = read_zalo(event)
        if said:
            with runtime.db.write() as session:
                if isinstance(said, ZaloNumber):
                    keep_number(session, said)
                    return {"status": "ok"}, 200
                message = as_reply(session, said, now=datetime.now(UTC))
            store_reply(runtime, message, ReplyChannel.ZALO)
        return {"status": "ok"}, 200

    return channels


def create_aggregator_callbacks(runtime: Runtime) -> Blueprint:
    """Create `GET /webhooks/aggregator/<name>`, whose address is the proof: nobody signs these calls.

    404 for an address that is none of ours, 2xx only once stored. That a message did not arrive is believed when the
    aggregator says so again, asked by us.
    """
    callbacks_blueprint = Blueprint("aggregator_callbacks", __name__, url_prefix="/webhooks/aggregator")
    names = AttemptNames(runtime.settings.secret_key)

    @callbacks_blueprint.route("/<name>", methods=["GET", "POST"])
    def status(name: str) -> ResponseReturnValue:
        """Take an aggregator's report; the address is its proof, and 404 where it is none of ours."""
        attempt_id = names.attempt_id(name)
        if attempt_id is None:
            log.warning("webhook.no_such_attempt")
            return "", 404
        found = _settings_of_attempt(runtime, attempt_id)
        if found is None:
            log.warning("webhook.no_such_attempt")
            return "", 404
        account_id, settings, way = found
        content = _read_object(request.get_data()) if request.is_json else request.values.to_dict()
        profile = load_profile(settings.aggregator_profile)
        report = read_report(profile, content, of_notice=way is not Channel.SMS)
        if report.gateway_id:
            report = replace(report, gateway_id=(id_prefix(account_id) + report.gateway_id)[:64])
        if report.status in _FAILED:
            try:
                report = asyncio.run(_confirm(settings, account_id, report, way))
            except GatewayUnavailable as error:
                log.warning("webhook.not_confirmed attempt=%s error=%s", attempt_id, error)
                return "", 503  # it is repeated
        if report.status is None:
            log.warning("webhook.unknown_status attempt=%s", attempt_id)
        if way is Channel.BOTH:  # notice and text have an id each, and one attempt
            report = replace(report, gateway_id="")
            price = read_price(profile, content)
            if price is not None and report.status is DeliveryStatus.DELIVERED:
                with runtime.db.write() as session:
                    bill_attempt(session, attempt_id, price, now=datetime.now(UTC))
        store_callback(runtime, StatusCallback.of(attempt_id, report), now=datetime.now(UTC))
        if operator := read_operator(profile, content):
            store_operator(runtime, attempt_id, report.gateway_id, operator)
        return "", 204

    return callbacks_blueprint


def _settings_of_attempt(runtime: Runtime, attempt_id: int) -> tuple[int, Settings, Channel] | None:
    """Return the aggregator's account of an attempt, its settings and the channel; None if the attempt went by no aggregator.

    An attempt that was undone meanwhile counts as the environment's: the callback is stored, and names no attempt.
    """
    with runtime.db.read() as session:
        query = select(Attempt.account_id, Attempt.channel).where(Attempt.id == attempt_id)
        account_id, channel = session.execute(query).one_or_none() or (ENVIRONMENT, Channel.SMS)
        account = session.get(GatewayAccount, account_id)
        settings = account_settings(account, runtime.settings) if account else runtime.settings
    return (account_id, settings, Channel(channel)) if settings.sms_gateway == "aggregator" else None


async def _confirm(settings: Settings, account_id: int, report: StatusReport, way: Channel) -> StatusReport:
    """Return what the aggregator says when it is asked; why a notice failed it says in its call alone.

    Raises GatewayUnavailable also where it does not know of the message even after a while (eSMS: 105, soon after it was sent).
    """
    gateway = AggregatorGateway(settings, id_prefix=id_prefix(account_id))
    try:
        answer = await gateway.ask(report.gateway_id, of_notice=way is not Channel.SMS)
        for wait_s in JUST_SENT_S:
            if answer is None or answer.status or way is Channel.ZALO:
                break
            await asyncio.sleep(wait_s)
            answer = await gateway.ask(report.gateway_id, of_notice=way is not Channel.SMS)
    finally:
        await gateway.close()
    if answer is None or (way is Channel.ZALO and answer.status in (None, *_FAILED)):
        return report
    if answer.status is None:
        raise GatewayUnavailable("not_known_yet")
    return StatusReport(report.gateway_id, answer.status, answer.cause, answer.code)


def _read_object(content: bytes) -> dict[str, object]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        abort(400)
    return data if isinstance(data, dict) else abort(400)


def _storable_text(fields: Mapping[str, object]) -> dict[str, str]:
    """Return the fields that are text or numbers, the first of each name, clean."""
    return {
        name: clean_text(str(value)) for name, value in fields.items() if isinstance(value, str | int | float)
    }


PATH = "/webhooks/twilio/status/"
FORM = "application/x-www-form-urlencoded"
# Callbacks that come within this time share a statement and its wait for the disk; no user waits for a callback.
GATHER_S = 0.002
ENQUEUE_EVERY_S = 0.1  # at most this often under a steady flow of callbacks


class StatusCallbackApp:
    """ASGI application for status callbacks, in front of another application.

    403 on a bad signature with nothing stored, 2xx only once stored.
    """

    def __init__(self, runtime: Runtime, *, others: Application, most_bytes: int) -> None:
        """Create the application. `most_bytes`: the largest form of a callback; a larger one is refused."""
        self._webhooks, self._others, self._most_bytes = runtime.webhooks, others, most_bytes
        self._redis = runtime.redis
        self._writer = StatusWriter(runtime.db, stored=lambda: enqueue_apply_callbacks(runtime))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(PATH):
            return await self._others(scope, receive, send)
        headers = dict(scope["headers"])
        attempt = scope["path"][len(PATH) :]
        if not attempt or "/" in attempt:
            return await self._others(scope, receive, send)
        try:
            status = await self._receive_callback(scope, attempt, headers, receive)
        except DATABASE_AWAY as error:
            log.warning("web.database_away at=%s error=%s", PATH, type(error).__name__)
            status = 503
        except Exception as error:
            # The error's message stays out of the log: SQLAlchemy quotes a statement's values in it.
            stack = "".join(traceback.format_tb(error.__traceback__))
            log.error("web.fault at=%s error=%s\n%s", PATH, type(error).__name__, stack)
            status = 500
        if status >= 500:
            await asyncio.to_thread(note_error, self._redis)
        length = [] if status == 204 else [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": length})
        await send({"type": "http.response.body", "body": b""})

    async def _receive_callback(
        self, scope: Scope, attempt: str, headers: Mapping[bytes, bytes], receive: Receive
    ) -> int:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 400  # the caller has gone
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._most_bytes:
                return 413
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        _, form, _ = parse_form_data(
            {"wsgi.input": BytesIO(body), "CONTENT_TYPE": FORM, "CONTENT_LENGTH": str(len(body))}
        )
        signature = headers.get(b"x-twilio-signature", b"").decode("latin-1")
        url = f"{path}?{query}" if query else path
        if not self._webhooks.is_genuine(url=url, form=form, signature=signature):
            address = client_address(scope)
            await asyncio.to_thread(
                note_event, self._redis, SecurityEvent.WEBHOOK_REFUSED, address=address, who="status"
            )
            return 403
        callback = read_status_call(self._webhooks, attempt, form)
        if callback is None:
            return 404
        await self._writer.store(callback)
        return 204


class StatusWriter:
    """Writer that stores callbacks that come at the same time in one transaction. For one event loop."""

    def __init__(self, db: Database, *, stored: Callable[[], object]) -> None:
        """Create a writer.

        `stored` is called after a commit, in a thread; once for commits that follow closely.
        """
        self._db, self._stored = db, stored
        self._shared = SharedWork[StatusCallback, None](self._store_all, most=APPLY_LIMIT, gather_s=GATHER_S)
        self._enqueueing: asyncio.Task[None] | None = None
        self._enqueued_at = 0.0

    async def store(self, callback: StatusCallback) -> None:
        """Store a callback and return once it is durable.

        Raises what the transaction raised, and then it is not stored.
        """
        await self._shared.ask(callback)
        self._enqueueing = self._enqueueing or asyncio.create_task(self._enqueue())

    def _store_all(self, callbacks: list[StatusCallback]) -> list[None]:
        store_callbacks(self._db, callbacks, now=datetime.now(UTC))
        return [None] * len(callbacks)

    async def _enqueue(self) -> None:
        await asyncio.sleep(max(0.0, self._enqueued_at + ENQUEUE_EVERY_S - time.monotonic()))
        # What is stored from here on is enqueued again.
        self._enqueueing, self._enqueued_at = None, time.monotonic()
        try:
            await asyncio.to_thread(self._stored)
        except Exception:
            log.exception("callbacks.enqueue_failed")  # the sweep finds what was stored
