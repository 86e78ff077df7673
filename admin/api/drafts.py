"""API routes of drafts: create, read and change a draft campaign, and submit it. People approve, on the site or by command."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify
from sqlalchemy.orm import Session

from admin.api.bodies import KEY, read_body
from admin.api.campaigns import describe
from admin.api.problems import pointing
from admin.api.routing import Api, answer_with, bearer, ref
from campaigns.lifecycle import create_campaign, edit_campaign, find_campaign, perform_action
from campaigns.models.campaigns import Campaign
from campaigns.planning.drafts import describe_campaign
from campaigns.planning.kinds import all_kinds, office_kinds
from campaigns.rules.draft import Draft, read_draft
from campaigns.rules.list_fields import parse_text, read_substitutes
from campaigns.rules.states import CampaignAction
from outreach.accounts import audit
from outreach.accounts.api_requests import do_at_will
from outreach.models.accounts import Right
from outreach.rules.errors import BadTemplate
from outreach.rules.kept_values import LONGEST_VALUE

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 2000}
_TEXTS: dict[str, Any] = {"type": "object", "description": "texts by language"}
_NAMES: dict[str, Any] = {"type": "array", "maxItems": 1000, "items": {"type": "string", "maxLength": 200}}
_TABLE: dict[str, Any] = {"type": "object"}
_MOMENT: dict[str, Any] = {
    "type": "string",
    "maxLength": 40,
    "description": "ISO 8601, in Vietnam unless it names a zone",
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "Draft": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "text", "sender"],
        "description": "What a campaign's file has, as JSON; docs/reference.md, “A campaign's file”, says what each part means",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 120},
            "text": {
                **_TEXT,
                "description": "the first message; fields {name}, {link}, and those of `fields`",
            },
            "sender": {"type": "string", "minLength": 1, "maxLength": 20},
            "lists": {**_NAMES, "description": "names of lists, or ORGANISATION/name"},
            "organisations": _NAMES,
            "also_in": {**_NAMES, "description": "lists that people must be in as well, each of them"},
            "except": {**_NAMES, "description": "lists whose people are left out"},
            "areas": {**_NAMES, "description": "codes"},
            "languages": _NAMES,
            "smartphone": _NAMES,
            "answered": {"type": "string", "maxLength": 40},
            "kind": {"type": "string", "maxLength": 40},
            "drive": {"type": "string", "maxLength": 120},
            "text_b": {"type": "string", "maxLength": 2000},
            "texts": _TEXTS,
            "fields": {
                "type": "object",
                "maxProperties": 20,
                "additionalProperties": {"type": "string", "maxLength": LONGEST_VALUE},
                "description": "columns of the lists that the texts name as {field}, each with the text for people without a value",
            },
            "hold_out": {"type": "number", "minimum": 0, "maximum": 0.5},
            "pace": {"type": "number", "minimum": 0.1, "maximum": 2_000_000_000},
            "window": {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "items": {"type": "string", "maxLength": 5},
            },
            "cap_per_day": {"type": "integer", "minimum": 1, "maximum": 2_000_000_000},
            "budget_vnd": {"type": "integer", "minimum": 1, "maximum": 2_000_000_000},
            "starts_at": _MOMENT,
            "deadline": _MOMENT,
            "unaccented": {"type": "boolean"},
            "unaccented_languages": _NAMES,
            "content": _TABLE,
            "goal": _TABLE,
            "urgent": _TABLE,
            "step": {
                "type": "array",
                "maxItems": 20,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["text"],
                    "properties": {
                        "text": _TEXT,
                        "after_days": {"type": "integer", "minimum": 0, "maximum": 365},
                        "at": {"type": "string", "maxLength": 5},
                        "text_b": {"type": "string", "maxLength": 2000},
                        "texts": _TEXTS,
                        "hold_out": {"type": "number", "minimum": 0, "maximum": 0.5},
                    },
                },
            },
        },
    },
}
# The part that a fault is in, by the beginning of its code.
_PARTS = {
    "list_": "/lists",
    "area_": "/areas",
    "organisation_": "/organisations",
    "languages_": "/languages",
    "sender_": "/sender",
    "kind_": "/kind",
    "campaign_drive": "/drive",
    "window_": "/window",
    "urgent_": "/urgent",
    "deadline_": "/deadline",
    "goal_": "/goal",
    "denominator_": "/goal",
    "content_": "/content",
    "field_": "/fields",
    "label_": "/content",
    "texts_": "/texts",
    "hold_out": "/hold_out",
    "step": "/step",
    "after_days": "/step",
    "unaccented": "/unaccented_languages",
}


def add_draft_routes(api: Api) -> None:
    def read(session: Session) -> Draft:
        """Return the draft in the request's body. Raises Malformed, BadCampaign."""
        body = read_body(SCHEMAS["Draft"])
        try:
            return read_draft(body, kinds=office_kinds(session))
        except BadTemplate as error:
            error.pointer = _wrong_text(body)
            raise

    def answer(campaign_id: int, status: int) -> Response:
        with api.runtime.db.read() as session:
            return answer_with(describe(session.get_one(Campaign, campaign_id)), status)

    @api.route(
        "POST",
        "/campaigns",
        right=Right.CAMPAIGNS_WRITE,
        summary="Create a draft; its author is who made the token",
        parameters=[KEY],
        body=ref("Draft"),
        answers={
            200: ("Created before, by the same request", ref("Campaign")),
            201: ("Created", ref("Campaign")),
        },
        refusals=(409, 413, 415, 422),
    )
    def create_draft() -> Response:
        now = datetime.now(UTC)

        def make(session: Session) -> int:
            with pointing(**_PARTS):
                campaign = create_campaign(session, read(session), user=bearer().as_author(), now=now)
            audit.record(session, "api.draft", campaign, None, now, token=bearer().token_id)
            return campaign.id

        made, is_new = api.once(make, now=now)
        return answer(made, 201 if is_new else 200)

    @api.route(
        "GET",
        "/campaigns/<int:campaign_id>/draft",
        right=Right.CAMPAIGNS_READ,
        summary="What a campaign was written as",
        answers={200: ("As in its file", _TABLE)},
    )
    def show_draft(campaign_id: int) -> Response:
        with api.runtime.db.read() as session:
            campaign = find_campaign(session, campaign_id, user=bearer().as_user())
            return jsonify(describe_campaign(session, campaign, kinds=all_kinds(session)))

    @api.route(
        "PUT",
        "/campaigns/<int:campaign_id>/draft",
        right=Right.CAMPAIGNS_WRITE,
        summary="Write a draft anew, as long as it was not submitted",
        body=ref("Draft"),
        answers={200: ("Written", ref("Campaign"))},
        refusals=(409, 413, 415, 422),
    )
    def change_draft(campaign_id: int) -> Response:
        now = datetime.now(UTC)

        def change(session: Session) -> None:
            author = bearer().as_author()
            with pointing(**_PARTS):
                campaign = edit_campaign(session, campaign_id, read(session), user=author, now=now)
            audit.record(session, "api.draft", campaign, None, now, token=bearer().token_id)

        do_at_will(api.runtime, change)
        return answer(campaign_id, 200)

    @api.route(
        "POST",
        "/campaigns/<int:campaign_id>/submit",
        right=Right.CAMPAIGNS_WRITE,
        summary="Submit a draft for approval by people",
        answers={200: ("Submitted", ref("Campaign"))},
        refusals=(409, 422),
    )
    def submit_draft(campaign_id: int) -> Response:
        now = datetime.now(UTC)
        with api.runtime.db.read() as session:
            find_campaign(session, campaign_id, user=bearer().as_user())
        perform_action(api.runtime, campaign_id, CampaignAction.SUBMIT, user=bearer().as_author(), now=now)
        return answer(campaign_id, 200)


def _wrong_text(body: dict[str, Any]) -> str | None:
    """Return the place of the first text that is no template."""
    fields = read_substitutes(body.get("fields", {}))
    steps = [("", body), *((f"/step/{n}", step) for n, step in enumerate(body.get("step", ())))]
    for place, step in steps:
        texts = {name: step.get(name) for name in ("text", "text_b")}
        texts |= {f"texts/{code}": text for code, text in step.get("texts", {}).items()}
        for name, text in texts.items():
            try:
                parse_text(str(text or ""), fields)
            except BadTemplate:
                return f"{place}/{name}"
    return None
