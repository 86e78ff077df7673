"""The API's blueprint with all routes, and its OpenAPI 3.1 document."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from admin.api import campaigns, contacts, figures, problems
from admin.api.campaigns import add_campaign_routes
from admin.api.contacts import add_contact_routes
from admin.api.figures import add_figure_routes
from admin.api.routing import Api
from outreach.runtime import Runtime

_ABOUT = (
    "Contacts in, campaigns and figures out. Numbers and names of people never leave by it. Errors are "
    "`application/problem+json` with a `code`, and a `detail` in Vietnamese or, as `Accept-Language` asks, in English. Successful reads carry an `ETag`."
)


def create_api(runtime: Runtime) -> Blueprint:
    """Return the blueprint of `/api/v1/…`; only the document is open without a token."""
    api = Api(runtime)
    add_contact_routes(api)
    add_campaign_routes(api)
    add_figure_routes(api)

    @api.route(
        "GET",
        "/openapi.json",
        right=None,
        summary="This document",
        answers={200: ("OpenAPI 3.1", {"type": "object"})},
    )
    def show_document() -> Response:
        return jsonify(describe(api))

    return api.blueprint


def describe(api: Api) -> dict[str, Any]:
    """Return the OpenAPI document.

    It has exactly the API's routes, as each is declared with its description.
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": "Loa", "version": "1", "description": _ABOUT},
        "servers": [{"url": api.runtime.settings.public_base_url.rstrip("/")}],
        "paths": api.paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Problem": problems.SCHEMA,
                **contacts.SCHEMAS,
                **campaigns.SCHEMAS,
                **figures.SCHEMAS,
            },
        },
    }
