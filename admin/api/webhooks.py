"""API routes of webhook subscriptions and their deliveries, and the webhooks themselves for the document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.api.bodies import KEY, read_body
from admin.api.campaigns import COUNT, MOMENT
from admin.api.problems import pointing
from admin.api.routing import (
    ID,
    NEXT,
    PARAMETERS,
    Api,
    as_json,
    bearer,
    fields_of,
    page_of,
    read_choice,
    read_page,
    ref,
    strict,
)
from campaigns.models.replies import AnswerSource
from campaigns.models.webhooks import Delivery, DeliveryState, Subscription
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignState, MessageState
from campaigns.rules.webhooks import LONGEST_URL, EventKind, secret_of
from campaigns.webhooks.subscriptions import (
    LONGEST_NAME,
    OFFERED,
    end_subscription,
    find_subscription,
    send_again,
    send_ping,
    subscribe,
)
from outreach.accounts.permissions import visible_to
from outreach.models.accounts import Organisation, Right, User
from outreach.rules.errors import NotFound, or_raise

_KINDS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": 20,
    "items": {"enum": [each.value for each in OFFERED]},
}
_NEW: dict[str, Any] = {
    "name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
    "url": {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_URL,
        "description": "in production https and public",
    },
    "organisation": {
        "type": "string",
        "minLength": 1,
        "maxLength": 40,
        "description": "code; with those under it",
    },
    "kinds": _KINDS,
}
_ENDED: dict[str, Any] = {**MOMENT, "description": "null while events are sent"}
SCHEMAS: dict[str, dict[str, Any]] = {
    "NewWebhook": strict(_NEW),
    "Webhook": strict(
        {
            "id": ID,
            **_NEW,
            "created_at": MOMENT,
            "ended_at": _ENDED,
            "secret": {
                "type": ["string", "null"],
                "description": "with which events are signed; given in the answer to its creation alone",
            },
            "address": {"type": "string"},
        }
    ),
    "WebhookPage": strict({"webhooks": {"type": "array", "items": ref("Webhook")}, "next": NEXT}),
    "Delivery": strict(
        {
            "id": ID,
            "webhook_id": {
                "type": "string",
                "description": "the header of the same name, the same at every try",
            },
            "kind": {"enum": [each.value for each in EventKind]},
            "state": {"enum": [each.value for each in DeliveryState]},
            "at": MOMENT,
            "tries": COUNT,
            "status": {"type": ["integer", "null"], "description": "of the last answer"},
            "ended_at": MOMENT,
        }
    ),
    "DeliveryPage": strict({"deliveries": {"type": "array", "items": ref("Delivery")}, "next": NEXT}),
}
_STATE: dict[str, Any] = {
    "name": "state",
    "in": "query",
    "schema": {"type": "string", "enum": [each.value for each in DeliveryState]},
}
_PARTS = {
    "webhook_name": "/name",
    "webhook_events": "/kinds",
    "webhook_": "/url",
    "organisation_": "/organisation",
}


def add_webhook_routes(api: Api) -> None:
    settings = api.settings

    def answer(subscription_id: int, status: int = 200, *, is_new: bool = False) -> Response:
        with api.runtime.db.read() as session:
            found = find_subscription(session, subscription_id, user=bearer().as_user())
            code = session.get_one(Organisation, found.organisation_id).code
            response = jsonify(describe(found, code, is_new=is_new))
        response.status_code = status
        return response

    def describe(each: Subscription, organisation: str, *, is_new: bool = False) -> dict[str, Any]:
        return fields_of(
            each,
            SCHEMAS["Webhook"],
            organisation=organisation,
            created_at=as_json(each.made_at),
            secret=secret_of(each.salt, secret_key=settings.secret_key) if is_new else None,
            address=url_for("api.show_webhook", webhook_id=each.id),
        )

    def maker(session: Session, subscription_id: int) -> User:
        """Return who made the token, for a subscription within its scope. Raises NotFound."""
        find_subscription(session, subscription_id, user=bearer().as_user())
        return session.get_one(User, bearer().owner)

    @api.route(
        "POST",
        "/webhooks",
        right=Right.WEBHOOKS_WRITE,
        summary="Subscribe to events from now on",
        parameters=[KEY],
        body=ref("NewWebhook"),
        answers={
            200: ("Created before, by the same request", ref("Webhook")),
            201: ("Created", ref("Webhook")),
        },
        refusals=(404, 409, 413, 415, 422),
    )
    def create_webhook() -> Response:
        now, body = datetime.now(UTC), read_body(SCHEMAS["NewWebhook"])

        def make(session: Session) -> int:
            visible = visible_to(session, bearer().as_user(), Organisation.id)
            owner = session.scalar(
                select(Organisation.id).where(Organisation.code == body["organisation"], visible)
            )
            with pointing(**_PARTS):
                return subscribe(
                    session,
                    name=body["name"],
                    url=body["url"],
                    organisation_id=or_raise(owner, NotFound("organisation_code_out_of_scope")),
                    kinds=body["kinds"],
                    is_production=settings.app_env == "production",
                    user=session.get_one(User, bearer().owner),
                    now=now,
                ).id

        made, is_new = api.once(make, now=now)
        return answer(made, 201 if is_new else 200, is_new=True)

    @api.route(
        "GET",
        "/webhooks",
        right=Right.WEBHOOKS_WRITE,
        summary="Subscriptions of the token's organisation and those under it, the newest first",
        parameters=PARAMETERS,
        answers={200: ("A page of them", ref("WebhookPage"))},
    )
    def list_webhooks() -> Response:
        with api.runtime.db.read() as session:
            query = (
                select(Subscription, Organisation.code)
                .join(Organisation, Organisation.id == Subscription.organisation_id)
                .where(visible_to(session, bearer().as_user(), Subscription.organisation_id))
            )
            page, following = page_of(
                session, query, Subscription.id, read_page(), "list_webhooks", newest_first=True
            )
        return jsonify(webhooks=[describe(each, code) for each, code in page], next=following)

    @api.route(
        "GET",
        "/webhooks/<int:webhook_id>",
        right=Right.WEBHOOKS_WRITE,
        summary="A subscription",
        answers={200: ("As it stands", ref("Webhook"))},
    )
    def show_webhook(webhook_id: int) -> Response:
        return answer(webhook_id)

    @api.route(
        "POST",
        "/webhooks/<int:webhook_id>/end",
        right=Right.WEBHOOKS_WRITE,
        summary="End a subscription; what waits for it is not sent",
        answers={200: ("Ended", ref("Webhook"))},
        refusals=(409,),
    )
    def end_webhook(webhook_id: int) -> Response:
        with api.runtime.db.read() as session:
            user = maker(session, webhook_id)
        end_subscription(api.runtime, webhook_id, user=user, now=datetime.now(UTC))
        return answer(webhook_id)

    @api.route(
        "POST",
        "/webhooks/<int:webhook_id>/ping",
        right=Right.WEBHOOKS_WRITE,
        summary="Send a `ping`, to see whether events arrive",
        answers={202: ("On its way; `deliveries` tells of it", ref("Webhook"))},
        refusals=(409,),
    )
    def ping_webhook(webhook_id: int) -> Response:
        with api.runtime.db.read() as session:
            user = maker(session, webhook_id)
        send_ping(api.runtime, webhook_id, user=user, now=datetime.now(UTC))
        return answer(webhook_id, 202)

    @api.route(
        "GET",
        "/webhooks/<int:webhook_id>/deliveries",
        right=Right.WEBHOOKS_WRITE,
        summary="Events of a subscription, the newest first; `state=failed` has those that did not arrive",
        parameters=[*PARAMETERS, _STATE],
        answers={200: ("A page of them", ref("DeliveryPage"))},
    )
    def list_deliveries(webhook_id: int) -> Response:
        state = read_choice("state", [each.value for each in DeliveryState])
        with api.runtime.db.read() as session:
            find_subscription(session, webhook_id, user=bearer().as_user())
            query = select(Delivery).where(Delivery.subscription_id == webhook_id)
            page, following = page_of(
                session,
                query.where(Delivery.state == state) if state else query,
                Delivery.id,
                read_page(),
                "list_deliveries",
                newest_first=True,
                webhook_id=webhook_id,
                state=state,
            )
        deliveries = [fields_of(each, SCHEMAS["Delivery"], webhook_id=each.event_id) for (each,) in page]
        return jsonify(deliveries=deliveries, next=following)

    @api.route(
        "POST",
        "/webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/again",
        right=Right.WEBHOOKS_WRITE,
        summary="Send a failed event again, for another day",
        answers={202: ("It waits again", ref("Webhook"))},
        refusals=(409,),
    )
    def send_delivery_again(webhook_id: int, delivery_id: int) -> Response:
        with api.runtime.db.read() as session:
            user = maker(session, webhook_id)
        send_again(api.runtime, webhook_id, delivery_id, user=user, now=datetime.now(UTC))
        return answer(webhook_id, 202)


_ID_OR_NULL: dict[str, Any] = {"type": ["integer", "null"]}
_STATES: dict[str, Any] = {"enum": [each.value for each in CampaignState]}
_BY_STATE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {each.value: {"type": "integer"} for each in MessageState},
}
_RECIPIENT: dict[str, Any] = {
    "campaign": _ID_OR_NULL,
    "recipient": {**_ID_OR_NULL, "description": "null where the answer is about health"},
    "reference": {
        "type": ["string", "null"],
        "description": "what the subscriber's own system calls the person; null where the answer is about health",
    },
}
# What each event tells.
EVENT_DATA: dict[EventKind, dict[str, Any]] = {
    EventKind.ANSWER_RECORDED: {
        "answer": ID,
        **_RECIPIENT,
        "label": {"enum": [each.value for each in Label]},
        "own_answer": _ID_OR_NULL,
        "drive_only": {"type": "boolean"},
        "source": {"enum": [each.value for each in AnswerSource]},
    },
    EventKind.INSTALL_REPORTED: {
        "report": ID,
        **_RECIPIENT,
        "source": {"enum": [each.value for each in AnswerSource]},
    },
    EventKind.INSTALL_WITHDRAWN: {"report": ID, **_RECIPIENT},
    EventKind.OPT_OUT: {
        "suppression": ID,
        "people": {"type": "array", "items": ID, "description": "of the subscriber's own lists"},
        "references": {
            "type": "array",
            "items": {"type": "string"},
            "description": "theirs, where there are any",
        },
        "source": {"type": "string"},
    },
    EventKind.CAMPAIGN_STATE: {"campaign": ID, "state": _STATES, "before": _STATES},
    EventKind.MESSAGE_FINAL: {"campaign": ID, "messages": _BY_STATE, "more": _BY_STATE},
    EventKind.PING: {},
}
_HEADERS = {
    "webhook-id": "the same at every try",
    "webhook-timestamp": "of this try, in seconds",
    "webhook-signature": "`v1,` and the signature, as Standard Webhooks has it",
}


def describe_webhooks() -> dict[str, Any]:
    """Return the document's `webhooks`: what is sent to subscribers."""
    return {
        kind.value: {
            "post": {
                "operationId": f"receive_{kind.value.replace('.', '_')}",
                "summary": f"Event `{kind.value}`",
                "tags": ["webhooks"],
                "security": [],
                "parameters": [
                    {
                        "name": name,
                        "in": "header",
                        "required": True,
                        "description": says,
                        "schema": {"type": "string"},
                    }
                    for name, says in _HEADERS.items()
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": strict(
                                {
                                    "type": {"const": kind.value},
                                    "timestamp": {"type": "string", "format": "date-time"},
                                    "data": strict(data),
                                }
                            )
                        }
                    },
                },
                "responses": {
                    "204": {"description": "Taken; any 2xx within 10 seconds"},
                    "410": {"description": "Gone: the subscription ends"},
                },
            }
        }
        for kind, data in EVENT_DATA.items()
    }
