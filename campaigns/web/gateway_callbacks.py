"""The gateway's calls to us: verified, stored, acknowledged. What follows from them happens elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException

from campaigns.answers.inbox import receive_reply
from campaigns.answers.taking import Keys
from campaigns.delivery.callbacks import Callback, CallbackStore
from campaigns.rings import ring_apply, ring_send
from outreach.runtime import Runtime
from outreach.sms.gateway import Webhooks

log = logging.getLogger(__name__)

# What the database numbers rows with: 64 bits.
LARGEST_ID = 2**63 - 1

# The gateway's ids are 34 characters; this is what the column holds.
LONGEST_GATEWAY_ID = 64


def create_webhooks(runtime: Runtime) -> Blueprint:
    """`/webhooks/twilio/…`: 403 on a bad signature with nothing stored, 2xx only once stored."""
    hooks = Blueprint("webhooks", __name__, url_prefix="/webhooks/twilio")
    keys = Keys(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    @hooks.before_request
    def check_signature() -> None:
        path = request.full_path if request.query_string else request.path
        signature = request.headers.get("X-Twilio-Signature")
        if not runtime.webhooks.is_genuine(url=path, form=request.form, signature=signature):
            log.warning("webhook.bad_signature hook=%s bytes=%s", request.endpoint, request.content_length)
            abort(403)

    @hooks.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> ResponseReturnValue:
        return "", error.code or 500

    # The id comes as text: Python refuses to read a number of thousands of digits.
    @hooks.post("/status/<attempt>")
    def status(attempt: str) -> ResponseReturnValue:
        callback = read_status_call(runtime.webhooks, attempt, request.form)
        if callback is None:
            abort(404)
        store_callback(runtime, callback, now=datetime.now(UTC))
        return "", 204

    @hooks.post("/inbound")
    def inbound() -> ResponseReturnValue:
        message = runtime.webhooks.read_inbound(_storable(request.form))
        if not message.gateway_id or len(message.gateway_id) > LONGEST_GATEWAY_ID or not message.sender:
            log.warning("webhook.incomplete_inbound bytes=%s", request.content_length)
            abort(400)
        try:
            with runtime.db.write() as session:
                receive_reply(session, message, keys=keys, now=datetime.now(UTC))
        except IntegrityError:
            # The same reply came twice at the same moment and the other call has stored it. Anything
            # else would show again, and the gateway repeats.
            log.info("webhook.inbound_repeated")
            with runtime.db.write() as session:
                receive_reply(session, message, keys=keys, now=datetime.now(UTC))
        ring_send(runtime.doorbell)
        # An empty document: no reply by the gateway itself, ours goes the way of all messages.
        return "<Response/>", 200, {"Content-Type": "text/xml"}

    return hooks


def read_status_call(webhooks: Webhooks, attempt: str, form: Mapping[str, str]) -> Callback | None:
    """What a genuine call said of the attempt in its address; None where that is no id."""
    attempt_id = _read_id(attempt)
    if attempt_id is None:
        log.warning("webhook.no_such_attempt")
        return None
    report = webhooks.read_status(_storable(form))
    if report.status is None:
        log.warning("webhook.unknown_status attempt=%s", attempt_id)
    return Callback.of(attempt_id, report)


def store_callback(runtime: Runtime, callback: Callback, *, now: datetime) -> None:
    """Store one by itself; where many come there is `status_calls`. Raises what the transaction raised."""
    store = CallbackStore(runtime.db)
    try:
        store.store([callback], now=now)
    finally:
        store.let_go()
    ring_apply(runtime.doorbell)


def _read_id(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID))):
        return None
    return int(text) if int(text) <= LARGEST_ID else None


def _storable(form: Mapping[str, str]) -> dict[str, str]:
    """The form's fields, the first of each name, without NUL: PostgreSQL has no place for it in a text."""
    return {name: value.replace("\0", "") for name, value in form.items()}
