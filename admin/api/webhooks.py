"""API routes of webhook subscriptions and their deliveries, and the webhooks themselves for the document."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.api.bodies import KEY, read_body
from admin.api.problems import pointing
from admin.api.routing import Api, as_json, bearer, fields_of, page_of, read_choice
from admin.api.schemas import (
    COUNT,
    ID,
    MOMENT,
    Schema,
    asked,
    boolean,
    listed,
    loose,
    maybe,
    one_of,
    paged,
    ref,
    ruled,
    shown,
    strict,
    string,
    told,
)
from campaigns.models.replies import AnswerSource
from campaigns.models.webhooks import Delivery, DeliveryState, Subscription
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignState, MessageState
from campaigns.rules.webhooks import LONGEST_URL, EventKind, secret_of
from campaigns.webhooks.deliver_events import (
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

_ADDRESS = "^https://([a-z]{2,20}[.]){1,4}[a-z]{2,20}(/[0-9A-Za-z._-]*)*$"
_KINDS: Schema = listed(one_of(OFFERED), minItems=1, maxItems=20)
_NEW: Schema = {
    "name": string(1, LONGEST_NAME),
    "url": ruled(string(1, LONGEST_URL, "in production https and public"), pattern=_ADDRESS),
    "organisation": string(1, 40, "code; with those under it"),
    "kinds": _KINDS,
}
_ENDED: Schema = told(MOMENT, "null while events are sent")
SCHEMAS: dict[str, Schema] = {
    "NewWebhook": shown(
        strict(**_NEW),
        {
            "name": "Portal",
            "url": "https://nhan.example/loa",
            "organisation": "MTTQ",
            "kinds": [EventKind.ANSWER_RECORDED.value],
        },
    ),
    "Webhook": strict(
        id=ID,
        **_NEW,
        created_at=MOMENT,
        ended_at=_ENDED,
        secret=maybe("string", "with which events are signed; given in the answer to its creation alone"),
        address=string(),
    ),
    "WebhookPage": paged("webhooks", ref("Webhook")),
    "Delivery": strict(
        id=ID,
        webhook_id=string(says="the header of the same name, the same at every try"),
        kind=one_of(EventKind),
        state=one_of(DeliveryState),
        at=MOMENT,
        tries=COUNT,
        status=maybe("integer", "of the last answer"),
        ended_at=MOMENT,
    ),
    "DeliveryPage": paged("deliveries", ref("Delivery")),
}
_STATE: Schema = asked("state", {"type": "string", "enum": [each.value for each in DeliveryState]})
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

    def act(use_case: Callable[..., None], subscription_id: int, *ids: int, status: int = 202) -> Response:
        """Let who made the token act on a subscription within its scope. Raises NotFound, and what the use case raises."""
        with api.runtime.db.read() as session:
            find_subscription(session, subscription_id, user=bearer().as_user())
            user = session.get_one(User, bearer().owner)
        use_case(api.runtime, subscription_id, *ids, user=user, now=datetime.now(UTC))
        return answer(subscription_id, status)

    @api.route(
        "POST /webhooks",
        Right.WEBHOOKS_WRITE,
        {200: "Created before, by the same request", 201: "Created"},
        "Webhook",
        body="NewWebhook",
        parameters=[KEY],
        refusals=(404,),
    )
    def create_webhook() -> Response:
        """Subscribe to events from now on."""
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

    @api.route("GET /webhooks", Right.WEBHOOKS_WRITE, "A page of them", "WebhookPage")
    def list_webhooks() -> Response:
        """Subscriptions of the token's organisation and those under it, the newest first."""
        with api.runtime.db.read() as session:
            query = (
                select(Subscription, Organisation.code)
                .join(Organisation, Organisation.id == Subscription.organisation_id)
                .where(visible_to(session, bearer().as_user(), Subscription.organisation_id))
            )
            page, following = page_of(session, query, Subscription.id, newest_first=True)
        return jsonify(webhooks=[describe(each, code) for each, code in page], next=following)

    @api.route("GET /webhooks/<int:webhook_id>", Right.WEBHOOKS_WRITE, "As it stands", "Webhook")
    def show_webhook(webhook_id: int) -> Response:
        """A subscription."""
        return answer(webhook_id)

    @api.route("POST /webhooks/<int:webhook_id>/end", Right.WEBHOOKS_WRITE, "Ended", "Webhook")
    def end_webhook(webhook_id: int) -> Response:
        """End a subscription; what waits for it is not sent."""
        return act(end_subscription, webhook_id, status=200)

    @api.route(
        "POST /webhooks/<int:webhook_id>/ping",
        Right.WEBHOOKS_WRITE,
        {202: "On its way; `deliveries` tells of it"},
        "Webhook",
    )
    def ping_webhook(webhook_id: int) -> Response:
        """Send a `ping`, to see whether events arrive."""
        return act(send_ping, webhook_id)

    @api.route(
        "GET /webhooks/<int:webhook_id>/deliveries",
        Right.WEBHOOKS_WRITE,
        "A page of them",
        "DeliveryPage",
        parameters=[_STATE],
    )
    def list_deliveries(webhook_id: int) -> Response:
        """Events of a subscription, the newest first; `state=failed` has those that did not arrive."""
        state = read_choice("state", [each.value for each in DeliveryState])
        with api.runtime.db.read() as session:
            find_subscription(session, webhook_id, user=bearer().as_user())
            query = select(Delivery).where(Delivery.subscription_id == webhook_id)
            query = query.where(Delivery.state == state) if state else query
            page, following = page_of(session, query, Delivery.id, newest_first=True)
        deliveries = [fields_of(each, SCHEMAS["Delivery"], webhook_id=each.event_id) for (each,) in page]
        return jsonify(deliveries=deliveries, next=following)

    @api.route(
        "POST /webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/again",
        Right.WEBHOOKS_WRITE,
        {202: "It waits again"},
        "Webhook",
    )
    def send_delivery_again(webhook_id: int, delivery_id: int) -> Response:
        """Send a failed event again, for another day."""
        return act(send_again, webhook_id, delivery_id)


_ID_OR_NULL: Schema = maybe("integer")
_STATES: Schema = one_of(CampaignState)
_BY_STATE: Schema = loose({each.value: {"type": "integer"} for each in MessageState})
_RECIPIENT: Schema = {
    "campaign": _ID_OR_NULL,
    "recipient": told(_ID_OR_NULL, "null where the answer is about health"),
    "reference": maybe(
        "string", "what the subscriber's own system calls the person; null where the answer is about health"
    ),
}
# What each event tells.
EVENT_DATA: dict[EventKind, dict[str, Any]] = {
    EventKind.ANSWER_RECORDED: {
        "answer": ID,
        **_RECIPIENT,
        "label": one_of(Label),
        "own_answer": _ID_OR_NULL,
        "drive_only": boolean(),
        "source": one_of(AnswerSource),
    },
    EventKind.INSTALL_REPORTED: {"report": ID, **_RECIPIENT, "source": one_of(AnswerSource)},
    EventKind.INSTALL_WITHDRAWN: {"report": ID, **_RECIPIENT},
    EventKind.OPT_OUT: {
        "suppression": ID,
        "people": listed(ID, "of the subscriber's own lists"),
        "references": listed(string(), "theirs, where there are any"),
        "source": string(),
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
                                type={"const": kind.value},
                                timestamp={"type": "string", "format": "date-time"},
                                data=strict(**data),
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
