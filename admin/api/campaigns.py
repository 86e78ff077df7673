"""API routes of campaigns: the list, and a campaign's status."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, url_for
from sqlalchemy import select, true

from admin.api.routing import (
    ID,
    NEXT,
    PARAMETERS,
    Api,
    bearer,
    fields_of,
    page_of,
    read_choice,
    read_page,
    ref,
    strict,
)
from admin.wording.errors import show_stored_error
from campaigns.analytics.campaign_status import read_status
from campaigns.lifecycle import find_campaign
from campaigns.models.campaigns import Campaign
from campaigns.rules.own_answers import MEANINGS
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignState, Exclusion, MessageState
from outreach.accounts.permissions import visible_to
from outreach.models.accounts import Right

COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
SHARE: dict[str, Any] = {
    "type": ["number", "null"],
    "minimum": 0,
    "description": "null where it is not known",
}
MOMENT: dict[str, Any] = {"type": ["string", "null"], "format": "date-time", "description": "UTC"}


def counts_of(kind: type[Label] | type[Exclusion] | type[MessageState]) -> dict[str, Any]:
    """Return the schema of counts by these names; a missing name means zero."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {each.value: COUNT for each in kind},
    }


SCHEMAS: dict[str, dict[str, Any]] = {
    "Campaign": strict(
        {
            "id": ID,
            "name": {"type": "string"},
            "kind": {"type": "string"},
            "drive": {**ID, "description": "campaigns of one drive share their figures"},
            "state": {"enum": [each.value for each in CampaignState]},
            "created_at": MOMENT,
            "launched_at": MOMENT,
            "deadline": MOMENT,
            "ended_at": MOMENT,
            "address": {"type": "string"},
        }
    ),
    "CampaignPage": strict({"campaigns": {"type": "array", "items": ref("Campaign")}, "next": NEXT}),
    "SelfReported": strict(
        {
            "installed": COUNT,
            "denominator": {"type": ["integer", "null"]},
            "basis": {
                "type": ["string", "null"],
                "description": "`entered`: against the entered figure; `recipients`: against those written to who have not said that they have no smartphone",
            },
            "share": SHARE,
            "goal": SHARE,
            "denominator_date": {"type": ["string", "null"], "format": "date"},
            "denominator_source": {"type": ["string", "null"]},
        }
    ),
    "CampaignStatus": strict(
        {
            "id": ID,
            "name": {"type": "string"},
            "state": {"enum": [each.value for each in CampaignState]},
            "pause_reason": {"type": "string"},
            "recipients": COUNT,
            "excluded": counts_of(Exclusion),
            "steps": {
                "type": "array",
                "items": strict({"step": {"type": "integer"}, "messages": counts_of(MessageState)}),
            },
            "page": strict({"opened": COUNT, "clicked": COUNT}),
            "answers": counts_of(Label),
            "own_answers": {
                "type": "array",
                "description": "the campaign's own answers to its own question, each part of `answers`",
                "items": strict(
                    {
                        "number": {"type": "integer", "minimum": 1, "maximum": 9},
                        "text": {"type": "string"},
                        "means": {"enum": [each.value for each in MEANINGS]},
                        "people": COUNT,
                    }
                ),
            },
            "self_reported": ref("SelfReported"),
        }
    ),
}
_STATE: dict[str, Any] = {
    "name": "state",
    "in": "query",
    "schema": {"type": "string", "enum": [each.value for each in CampaignState]},
}


def add_campaign_routes(api: Api) -> None:
    @api.route(
        "GET",
        "/campaigns",
        right=Right.CAMPAIGNS_READ,
        summary="Campaigns of the token's organisation and those under it, the newest first",
        parameters=[*PARAMETERS, _STATE],
        answers={200: ("A page of them", ref("CampaignPage"))},
    )
    def list_campaigns() -> Response:
        state = read_choice("state", [each.value for each in CampaignState])
        with api.runtime.db.read() as session:
            query = select(Campaign).where(
                visible_to(session, bearer().as_user(), Campaign.organisation_id),
                Campaign.state == state if state else true(),
            )
            page, following = page_of(
                session, query, Campaign.id, read_page(), "list_campaigns", newest_first=True, state=state
            )
        return jsonify(campaigns=[describe(each) for (each,) in page], next=following)

    @api.route(
        "GET",
        "/campaigns/<int:campaign_id>",
        right=Right.CAMPAIGNS_READ,
        summary="Where a campaign stands, as `campaigns status --json` tells it",
        answers={200: ("As it stands", ref("CampaignStatus"))},
    )
    def show_campaign(campaign_id: int) -> Response:
        with api.runtime.db.read() as session:
            status = read_status(session, find_campaign(session, campaign_id, user=bearer().as_user()))
        return jsonify({**status, "pause_reason": show_stored_error(status["pause_reason"])})


def describe(campaign: Campaign) -> dict[str, Any]:
    """Describe a campaign as in the list."""
    address = url_for("api.show_campaign", campaign_id=campaign.id)
    return fields_of(campaign, SCHEMAS["Campaign"], address=address, drive=campaign.drive_id)
