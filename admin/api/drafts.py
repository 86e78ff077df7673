"""API routes of drafts: create, read and change a draft campaign, and submit it. People approve, on the site or by command."""

from datetime import UTC, datetime
from typing import Any

from flask import Response, jsonify
from sqlalchemy.orm import Session

from admin.api.bodies import KEY, read_body
from admin.api.campaigns import describe
from admin.api.problems import pointing
from admin.api.routing import Api, answer_with, bearer
from admin.api.schemas import Schema, boolean, listed, number, string, told
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

_TEXT: Schema = string(1, 2000)
_TEXTS: Schema = {"type": "object", "description": "texts by language"}
_NOTICE = {
    "notice_template": told(string(0, 40), "the id of a notice's template: it goes first where it reaches"),
    "notice_text": told(string(0, 400), "what the notice says; its parameters are the fields in their order"),
}
_NAMES: Schema = listed(string(0, 200), maxItems=1000)
_TABLE: Schema = {"type": "object"}
_MOMENT: Schema = string(0, 40, "ISO 8601, in Vietnam unless it names a zone")
SCHEMAS: dict[str, Schema] = {
    "Draft": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "text", "sender"],
        "description": "What a campaign's file has, as JSON; docs/campaigns.md says what each part means",
        "examples": [
            {
                "name": "Bluezone 1",
                "text": "[Chao {name}, ]moi ong/ba cai Bluezone: {link}",
                "lists": ["MTTQ/Members"],
                "sender": "MTTQ",
            }
        ],
        "properties": {
            "name": string(1, 120),
            "text": told(_TEXT, "the first message; fields {name}, {link}, and those of `fields`"),
            "sender": string(1, 20),
            "lists": told(_NAMES, "names of lists, or ORGANISATION/name"),
            "organisations": _NAMES,
            "also_in": told(_NAMES, "lists that people must be in as well, each of them"),
            "except": told(_NAMES, "lists whose people are left out"),
            "areas": told(_NAMES, "codes"),
            "languages": _NAMES,
            "smartphone": _NAMES,
            "answered": string(0, 40),
            "kind": string(0, 40),
            "drive": string(0, 120),
            "text_b": string(0, 2000),
            "texts": _TEXTS,
            **_NOTICE,
            "fields": {
                "type": "object",
                "maxProperties": 20,
                "additionalProperties": string(0, LONGEST_VALUE),
                "description": "columns of the lists that the texts name as {field}, each with the text for people without a value",
            },
            "hold_out": number(0, 0.5, kind="number"),
            "pace": number(0.1, 2_000_000_000, kind="number"),
            "window": listed(string(0, 5), minItems=2, maxItems=2),
            "cap_per_day": number(1, 2_000_000_000),
            "budget_vnd": number(1, 2_000_000_000),
            "starts_at": _MOMENT,
            "deadline": _MOMENT,
            "unaccented": boolean(),
            "unaccented_languages": _NAMES,
            "content": _TABLE,
            "goal": _TABLE,
            "urgent": _TABLE,
            "step": listed(
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["text"],
                    "properties": {
                        "text": _TEXT,
                        "after_days": number(0, 365),
                        "at": string(0, 5),
                        "text_b": string(0, 2000),
                        "texts": _TEXTS,
                        **_NOTICE,
                        "hold_out": number(0, 0.5, kind="number"),
                    },
                },
                maxItems=20,
            ),
        },
    }
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
        "POST /campaigns",
        Right.CAMPAIGNS_WRITE,
        {200: "Created before, by the same request", 201: "Created"},
        "Campaign",
        body="Draft",
        parameters=[KEY],
    )
    def create_draft() -> Response:
        """Create a draft; its author is who made the token."""
        now = datetime.now(UTC)

        def make(session: Session) -> int:
            with pointing(**_PARTS):
                campaign = create_campaign(session, read(session), user=bearer().as_author(), now=now)
            audit.record(session, "api.draft", campaign, None, now, token=bearer().token_id)
            return campaign.id

        made, is_new = api.once(make, now=now)
        return answer(made, 201 if is_new else 200)

    @api.route("GET /campaigns/<int:campaign_id>/draft", Right.CAMPAIGNS_READ, "As in its file", _TABLE)
    def show_draft(campaign_id: int) -> Response:
        """What a campaign was written as."""
        with api.runtime.db.read() as session:
            campaign = find_campaign(session, campaign_id, user=bearer().as_user())
            return jsonify(describe_campaign(session, campaign, kinds=all_kinds(session)))

    @api.route(
        "PUT /campaigns/<int:campaign_id>/draft", Right.CAMPAIGNS_WRITE, "Written", "Campaign", body="Draft"
    )
    def change_draft(campaign_id: int) -> Response:
        """Write a draft anew, as long as it was not submitted."""
        now = datetime.now(UTC)

        def change(session: Session) -> None:
            author = bearer().as_author()
            with pointing(**_PARTS):
                campaign = edit_campaign(session, campaign_id, read(session), user=author, now=now)
            audit.record(session, "api.draft", campaign, None, now, token=bearer().token_id)

        do_at_will(api.runtime, change)
        return answer(campaign_id, 200)

    @api.route(
        "POST /campaigns/<int:campaign_id>/submit",
        Right.CAMPAIGNS_WRITE,
        "Submitted",
        "Campaign",
        refusals=(422,),
    )
    def submit_draft(campaign_id: int) -> Response:
        """Submit a draft for approval by people."""
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
        texts = {name: step.get(name) for name in ("text", "text_b", "notice_text")}
        texts |= {f"texts/{code}": text for code, text in step.get("texts", {}).items()}
        for name, text in texts.items():
            try:
                parse_text(str(text or ""), fields)
            except BadTemplate:
                return f"{place}/{name}"
    return None
