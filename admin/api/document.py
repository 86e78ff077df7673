"""The API's blueprint with all routes, and its OpenAPI 3.1 document."""

from typing import Any

from flask import Blueprint, Response, jsonify

from admin.api import campaigns, people, problems
from admin.api.campaigns import add_campaign_routes, add_draft_routes, add_figure_routes, add_recipient_routes
from admin.api.people import add_contact_routes, add_reply_routes, add_webhook_routes, describe_webhooks
from admin.api.routing import Api
from outreach.runtime import Runtime

_ABOUT = (
    "Contacts, drafts and replies in, campaigns, answers and figures out. Numbers and names of people never leave by it. Errors are "
    "`application/problem+json` with a `code`, the `pointer` or `parameter` that is meant, and a `detail` in Vietnamese or, as "
    "`Accept-Language` asks, in English. Successful reads carry an `ETag`. With a sandbox token every request is checked and "
    "answered as usual, and what it wrote is rolled back: nothing is kept, nothing is sent; its answers have `Loa-Sandbox: true`."
)
_TAGS = {
    "answers": "What residents said",
    "campaigns": "Campaigns, and drafts of them",
    "contacts": "People handed in for lists",
    "goals": "Goals in force",
    "official-figures": "Figures that authorities make known",
    "openapi": "This document",
    "opt-outs": "Who wants no messages",
    "replies": "Replies, out and in",
    "webhooks": "Subscriptions to events, and the events",
}


def create_api(runtime: Runtime) -> Blueprint:
    """Return the blueprint of `/api/v1/…`; only the document is open without a token."""
    api = Api(runtime)
    add_contact_routes(api)
    add_campaign_routes(api)
    add_draft_routes(api)
    add_figure_routes(api)
    add_recipient_routes(api)
    add_reply_routes(api)
    add_webhook_routes(api)

    @api.route("GET /openapi.json", None, {"type": "object"}, "OpenAPI 3.1")
    def show_document() -> Response:
        """This document."""
        return jsonify(describe(api))

    return api.blueprint


def describe(api: Api) -> dict[str, Any]:
    """Return the OpenAPI document.

    It has exactly the API's routes, as each is declared with its description.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Loa",
            "version": "1.1",
            "description": _ABOUT,
            "contact": {"name": "The installation's administrator", "url": api.settings.public_base_url},
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": api.settings.public_base_url.rstrip("/")}],
        "tags": [{"name": name, "description": says} for name, says in _TAGS.items()],
        "paths": api.paths,
        "webhooks": describe_webhooks(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Problem": problems.SCHEMA,
                **people.SCHEMAS,
                **campaigns.SCHEMAS,
                **campaigns.DRAFT_SCHEMAS,
                **campaigns.FIGURE_SCHEMAS,
                **campaigns.RECIPIENT_SCHEMAS,
                **people.REPLY_SCHEMAS,
                **people.WEBHOOK_SCHEMAS,
            },
        },
    }
