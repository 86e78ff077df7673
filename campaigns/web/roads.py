"""Replies by other roads than Twilio: a short code's operator (`/webhooks/push`) and a phone (`/webhooks/phone`)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException

from campaigns.answers.inbox import ACKNOWLEDGED_FOR, receive_reply
from campaigns.answers.models import Road
from campaigns.answers.taking import Keys
from campaigns.delivery.callbacks import Callback
from campaigns.rings import ring_send
from campaigns.web.webhooks import LONGEST_GATEWAY_ID, store_callback
from outreach.errors import BadInput
from outreach.runtime import Runtime
from outreach.sms.android import MessageNames, read_event
from outreach.sms.gateway import Inbound
from outreach.sms.push import read_push
from outreach.sms.signing import is_secret, is_signed

log = logging.getLogger(__name__)


def create_roads(runtime: Runtime) -> Blueprint:
    """404 for a road that is not set up, 403 on a bad proof with nothing stored, 2xx only once stored."""
    roads = Blueprint("roads", __name__, url_prefix="/webhooks")
    settings = runtime.settings
    keys = Keys(secret_key=settings.secret_key, is_live=settings.is_live)
    names = MessageNames(settings.secret_key)

    @roads.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> ResponseReturnValue:
        return "", error.code or 500

    def store(message: Inbound, road: Road) -> None:
        if len(message.gateway_id) > LONGEST_GATEWAY_ID:
            abort(400)

        def receive() -> None:
            with runtime.db.write() as session:
                now = datetime.now(UTC)
                at = min(message.received_at or now, now)
                receive_reply(
                    session, message, keys=keys, now=at, road=road, acknowledge=now - at <= ACKNOWLEDGED_FOR
                )

        try:
            receive()
        except IntegrityError:
            # At the same moment; the other call has stored it. Anything else shows again, and the caller repeats.
            log.info("webhook.inbound_repeated")
            receive()
        ring_send(runtime.doorbell)

    def check(is_proven: bool) -> None:
        if not is_proven:
            log.warning("webhook.bad_signature hook=%s bytes=%s", request.endpoint, request.content_length)
            abort(403)

    @roads.post("/push")
    def push() -> ResponseReturnValue:
        if not settings.push_secret:
            abort(404)
        proof, content = request.headers.get(settings.push_header), request.get_data()
        if settings.push_proof == "secret":
            check(is_secret(proof, secret=settings.push_secret))
        else:
            check(is_signed(content, key=settings.push_secret, signature=proof))
        said = _table(content) if request.is_json else request.form.to_dict()
        try:
            message = read_push(_storable(said), settings.push_fields)
        except BadInput as error:
            return str(error), 400
        store(message, Road.PUSH)
        return {"status": "ok"}, 200

    @roads.post("/phone")
    def phone() -> ResponseReturnValue:
        if not settings.phone_webhook_key:
            abort(404)
        content, moment = request.get_data(), request.headers.get("X-Timestamp", "")
        signature = request.headers.get("X-Signature")
        # An old call that comes again changes nothing: each is known by its id. So its age does not matter.
        check(is_signed(content + moment.encode(), key=settings.phone_webhook_key, signature=signature))
        event = _table(content)
        payload = event.get("payload")
        if isinstance(payload, dict):
            event = {**event, "payload": _storable(payload)}
        told = read_event(event, secret_key=settings.secret_key)
        if isinstance(told, Inbound):
            store(told, Road.PHONE)
        elif told:
            identity, report = told
            attempt_id = names.attempt_id(identity)
            if attempt_id is not None:  # others use the phone as well
                store_callback(runtime, Callback.of(attempt_id, report), now=datetime.now(UTC))
        return "", 204

    return roads


def _table(content: bytes) -> dict[str, object]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        abort(400)
    return said if isinstance(said, dict) else abort(400)


def _storable(said: Mapping[str, object]) -> dict[str, str]:
    """Texts without NUL and halves of characters: PostgreSQL has no place for them."""
    return {
        name: str(value).replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for name, value in said.items()
        if isinstance(value, str | int | float)
    }
