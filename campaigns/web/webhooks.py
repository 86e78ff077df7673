"""The gateway's calls to us: verified, stored, acknowledged. What follows from them happens elsewhere."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from campaigns.answering import Keys
from campaigns.delivery.callbacks import store_status
from campaigns.inbox import receive_reply
from campaigns.rings import ring_apply, ring_send
from outreach.runtime import Runtime

log = logging.getLogger(__name__)


def create_webhooks(runtime: Runtime) -> Blueprint:
    """`/webhooks/twilio/…`: 403 on a bad signature with nothing stored, 2xx only once stored."""
    hooks = Blueprint("webhooks", __name__, url_prefix="/webhooks/twilio")
    keys = Keys(secret_key=runtime.settings.secret_key, is_live=runtime.settings.is_live)

    @hooks.before_request
    def check_signature() -> None:
        path = request.full_path if request.query_string else request.path
        signature = request.headers.get("X-Twilio-Signature")
        if not runtime.webhooks.is_genuine(url=path, form=request.form, signature=signature):
            log.warning("webhook.bad_signature path=%s bytes=%s", request.path, request.content_length)
            abort(403)

    @hooks.post("/status/<int:attempt_id>")
    def status(attempt_id: int) -> ResponseReturnValue:
        report = runtime.webhooks.read_status(request.form)
        with runtime.db.write() as session:
            store_status(session, attempt_id, report, now=datetime.now(UTC))
        ring_apply(runtime.doorbell)
        return "", 204

    @hooks.post("/inbound")
    def inbound() -> ResponseReturnValue:
        message = runtime.webhooks.read_inbound(request.form)
        if not message.gateway_id or not message.sender:
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
