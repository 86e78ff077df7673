"""API routes of campaigns: the list, and a campaign's status."""

from typing import Any

from flask import Response, jsonify, url_for
from sqlalchemy import select, true

from admin.api.routing import PARAMETERS, Api, bearer, fields_of, page_of, read_choice, read_page
from admin.api.schemas import (
    COUNT,
    ID,
    MOMENT,
    SHARE,
    Schema,
    asked,
    listed,
    maybe,
    number,
    one_of,
    paged,
    ref,
    strict,
    string,
    told,
)
from admin.wording.errors import show_stored_error
from campaigns.analytics.campaign_status import JOINED_LATER, read_status
from campaigns.lifecycle import find_campaign
from campaigns.models.campaigns import Campaign
from campaigns.rules.own_answers import MEANINGS
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignState, Exclusion, MessageState, SkipReason
from outreach.accounts.permissions import visible_to
from outreach.models.accounts import Right


def counts_of(kind: type[Label | Exclusion | MessageState | SkipReason], *others: str) -> dict[str, Any]:
    """Return the schema of counts by these names; a missing name means zero."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": dict.fromkeys((*(each.value for each in kind), *others), COUNT),
    }


SCHEMAS: dict[str, Schema] = {
    "Campaign": strict(
        {
            "id": ID,
            "name": string(),
            "kind": string(),
            "drive": told(ID, "campaigns of one drive share their figures"),
            "state": one_of(CampaignState),
            "created_at": MOMENT,
            "launched_at": MOMENT,
            "deadline": MOMENT,
            "ended_at": MOMENT,
            "address": string(),
        }
    ),
    "CampaignPage": paged("campaigns", ref("Campaign")),
    "SelfReported": strict(
        {
            "installed": COUNT,
            "denominator": maybe("integer"),
            "basis": maybe(
                "string",
                "`entered`: against the entered figure; `recipients`: against those written to who have not said that they have no smartphone",
            ),
            "share": SHARE,
            "goal": SHARE,
            "denominator_date": maybe("string", format="date"),
            "denominator_source": maybe("string"),
        }
    ),
    "CampaignStatus": strict(
        {
            "id": ID,
            "name": string(),
            "state": one_of(CampaignState),
            "pause_reason": string(),
            "recipients": COUNT,
            "excluded": counts_of(Exclusion),
            "steps": listed(
                strict(
                    {
                        "step": {"type": "integer"},
                        "messages": counts_of(MessageState),
                        "skipped": counts_of(SkipReason, JOINED_LATER),
                    }
                )
            ),
            "page": strict({"opened": COUNT, "clicked": COUNT}),
            "answers": counts_of(Label),
            "own_answers": listed(
                strict(
                    {"number": number(1, 9), "text": string(), "means": one_of(MEANINGS), "people": COUNT}
                ),
                "the campaign's own answers to its own question; where one promises, who is recorded as done stays counted at what they said",
            ),
            "self_reported": ref("SelfReported"),
        }
    ),
}
_STATE: Schema = asked("state", {"type": "string", "enum": [each.value for each in CampaignState]})


def add_campaign_routes(api: Api) -> None:
    @api.route(
        "GET /campaigns",
        Right.CAMPAIGNS_READ,
        "A page of them",
        "CampaignPage",
        parameters=[*PARAMETERS, _STATE],
    )
    def list_campaigns() -> Response:
        """Campaigns of the token's organisation and those under it, the newest first."""
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

    @api.route("GET /campaigns/<int:campaign_id>", Right.CAMPAIGNS_READ, "As it stands", "CampaignStatus")
    def show_campaign(campaign_id: int) -> Response:
        """Where a campaign stands, as `campaigns status --json` tells it."""
        with api.runtime.db.read() as session:
            status = read_status(session, find_campaign(session, campaign_id, user=bearer().as_user()))
        return jsonify({**status, "pause_reason": show_stored_error(status["pause_reason"])})


def describe(campaign: Campaign) -> dict[str, Any]:
    """Describe a campaign as in the list."""
    address = url_for("api.show_campaign", campaign_id=campaign.id)
    return fields_of(campaign, SCHEMAS["Campaign"], address=address, drive=campaign.drive_id)
