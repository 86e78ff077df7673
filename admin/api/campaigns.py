"""API routes of campaigns: the list and their status, drafts to be created, changed and submitted, one recipient more; and of their figures:
self-reports, goals and official figures, in three routes, since they are never added up.

People approve and launch, on the page or by command.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from flask import Response, jsonify, url_for
from sqlalchemy import select, true
from sqlalchemy.orm import Session

from admin.api import routing
from admin.api.problems import KEY, Malformed, pointing, read_body
from admin.api.schemas import (
    BY_PERSON_OR_PHONE,
    COUNT,
    FIELD_NAME,
    FILLED,
    ID,
    MOMENT,
    PHONE,
    SHARE,
    Schema,
    asked,
    boolean,
    listed,
    loose,
    maybe,
    number,
    one_of,
    paged,
    ref,
    ruled,
    strict,
    string,
    told,
)
from admin.views.audience_cache import tell_audience
from admin.wording.errors import show_stored_error
from campaigns.analytics.campaign_status import JOINED_LATER, read_status
from campaigns.analytics.installs import small_in_drive
from campaigns.analytics.progress import ProgressPage, drive_of_campaign, read_progress
from campaigns.goals.goals import latest_official, read_goals
from campaigns.lifecycle import create_campaign, edit_campaign, find_campaign, perform_action
from campaigns.models.campaigns import Campaign, CampaignList, Recipient, Step
from campaigns.models.messages import Message
from campaigns.planning.drafts import describe_campaign
from campaigns.planning.drives import asks_of_health, current_drive_id, list_drives
from campaigns.planning.kinds import all_kinds, office_kinds
from campaigns.rules.audience import Answered, Smartphone
from campaigns.rules.draft import DEFAULT_KIND, SENDER, Draft, read_draft
from campaigns.rules.goals import GoalScope
from campaigns.rules.list_fields import parse_text, read_substitutes
from campaigns.rules.own_answers import MEANINGS
from campaigns.rules.progress import RankRow, RankTable, ShareBasis
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction, CampaignState, Exclusion, MessageState, SkipReason
from campaigns.sweep import add_recipient
from outreach.accounts import audit
from outreach.accounts.api_tokens import do_at_will
from outreach.accounts.permissions import organisations_of, visible_to
from outreach.contacts.references import REFERENCE, find_person
from outreach.models.accounts import Right
from outreach.models.contacts import ContactList
from outreach.rules.errors import BadTemplate, NotAllowed, NotFound, or_raise
from outreach.rules.gateway import Cause
from outreach.rules.kept_values import LONGEST_NAME as LONGEST_FIELD_NAME
from outreach.rules.kept_values import LONGEST_VALUE
from outreach.rules.languages import NAMES as LANGUAGES
from outreach.rules.languages import VIETNAMESE


def counts_of(kind: type[StrEnum], *others: str) -> dict[str, Any]:
    """Return the schema of counts by these names; a missing name means zero."""
    return loose(dict.fromkeys((*(each.value for each in kind), *others), COUNT))


_TOLD_OF_MANY: dict[str, Schema] = {
    "answers": counts_of(Label),
    "own_answers": listed(
        strict(number=number(1, 9), text=string(), means=one_of(MEANINGS), people=COUNT),
        "the campaign's own answers to its own question; where one promises, who is recorded as done stays counted at what they said",
    ),
    "self_reported": ref("SelfReported"),
}
SCHEMAS: dict[str, Schema] = {
    "Campaign": strict(
        id=ID,
        name=string(),
        kind=string(),
        drive=told(ID, "campaigns of one drive share their figures"),
        state=one_of(CampaignState),
        created_at=MOMENT,
        launched_at=MOMENT,
        deadline=MOMENT,
        ended_at=MOMENT,
        address=string(),
    ),
    "CampaignPage": paged("campaigns", ref("Campaign")),
    "SelfReported": strict(
        installed=COUNT,
        denominator=maybe("integer"),
        basis=maybe(
            "string",
            "`entered`: against the entered figure; `recipients`: against those written to who have not said that they have no smartphone",
        ),
        share=SHARE,
        goal=SHARE,
        denominator_date=maybe("string", format="date"),
        denominator_source=maybe("string"),
    ),
    "CampaignStatus": strict(
        {
            "notices": told(
                strict(
                    **dict.fromkeys(("arrived", "texts", "both", "waiting"), COUNT), causes=counts_of(Cause)
                ),
                "where a step has a notice: how many arrived, and where the text went, instead or too",
            ),
            **_TOLD_OF_MANY,
        },
        id=ID,
        name=string(),
        state=one_of(CampaignState),
        pause_reason=string(),
        recipients=COUNT,
        excluded=counts_of(Exclusion),
        steps=listed(
            strict(
                step={"type": "integer"},
                messages=counts_of(MessageState),
                skipped=counts_of(SkipReason, JOINED_LATER),
            )
        ),
        page=strict(opened=COUNT, clicked=COUNT),
    ),
}
_STATE: Schema = asked("state", {"type": "string", "enum": [each.value for each in CampaignState]})


def add_campaign_routes(api: routing.Api) -> None:
    @api.route("GET /campaigns", Right.CAMPAIGNS_READ, "CampaignPage", parameters=[_STATE])
    def list_campaigns() -> Response:
        """Campaigns of the token's organisation and those under it, the newest first."""
        state = routing.read_choice("state", [each.value for each in CampaignState])
        with api.runtime.db.read() as session:
            query = select(Campaign).where(
                visible_to(session, routing.bearer().as_user(), Campaign.organisation_id),
                Campaign.state == state if state else true(),
            )
            page, following = routing.page_of(session, query, Campaign.id, newest_first=True)
        return jsonify(campaigns=[describe(each) for (each,) in page], next=following)

    @api.route("GET /campaigns/<int:campaign_id>", Right.CAMPAIGNS_READ, "CampaignStatus")
    def show_campaign(campaign_id: int) -> Response:
        """Where a campaign stands, as `campaigns status --json` tells it."""
        with api.runtime.db.read() as session:
            campaign = find_campaign(session, campaign_id, user=routing.bearer().as_user())
            status = read_status(session, campaign)
            small = small_in_drive(session, campaign, user=routing.bearer().as_reader())
        if small and small.is_all:
            status = {name: value for name, value in status.items() if name not in _TOLD_OF_MANY}
        return jsonify({**status, "pause_reason": show_stored_error(status["pause_reason"])})


def describe(campaign: Campaign) -> dict[str, Any]:
    """Describe a campaign as in the list."""
    address = url_for("api.show_campaign", campaign_id=campaign.id)
    return routing.fields_of(campaign, SCHEMAS["Campaign"], address=address, drive=campaign.drive_id)


_TEXT: Schema = ruled(string(1, 2000), pattern="[^\\s]")
_LANGUAGES: Schema = listed({"enum": list(LANGUAGES)}, maxItems=1000)
_OTHER_LANGUAGES: Schema = {"enum": [code for code in LANGUAGES if code != VIETNAMESE]}
_TEXTS: Schema = {
    "type": "object",
    "propertyNames": _OTHER_LANGUAGES,
    "additionalProperties": string(0, 2000),
    "description": "texts by language",
}
_CLOCK: Schema = ruled(string(0, 5), pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
_BOTH_OR_NONE = {"notice_template": ["notice_text"], "notice_text": ["notice_template"]}
_NOTICE_ALONE = {"notice_text": {"properties": {"text_b": {"maxLength": 0}, "urgent": False}}}
_NOTICE = {"dependentRequired": _BOTH_OR_NONE, "dependentSchemas": _NOTICE_ALONE}
# Of the first step, whose parts are the draft's own, and of each further one.
_FIRST_STEP = {
    "text": _TEXT,
    "text_b": string(0, 2000),
    "texts": _TEXTS,
    "hold_out": number(0, 0.5, kind="number"),
    "notice_template": string(1, 40, "a notice's template: it goes first where it reaches", pattern=FILLED),
    "notice_text": string(1, 400, "what it says; its parameters are the fields in order", pattern=FILLED),
}
_STEP = {**_FIRST_STEP, "after_days": number(0, 365), "at": _CLOCK}
_NAMES: Schema = listed(string(0, 200), maxItems=1000)
_TABLE: Schema = {"type": "object"}
_MOMENT: Schema = ruled(string(0, 40, "ISO 8601, in Vietnam unless it names a zone"), format="date-time")
_GOAL = {
    "share": ruled({"type": "number"}, exclusiveMinimum=0, maximum=1),
    "denominator": number(1, 2_000_000_000, "people, a figure of `date` from `source`"),
    "date": ruled(string(0, 40), format="date"),
    "source": ruled(string(0, 200), minLength=1),
}
DRAFT_SCHEMAS: dict[str, Schema] = {
    "Submitted": strict(
        **SCHEMAS["Campaign"]["properties"],
        recipients=maybe("integer", "who would get the first message now"),
        excluded=told(counts_of(Exclusion), "who would not, by reason") | {"type": ["object", "null"]},
        repeated=maybe("integer", "of the recipients, who just got the same content and will be skipped"),
        warnings=listed(string(), "what people should know of it, in words"),
    ),
    "Draft": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "text", "sender"],
        "anyOf": [
            {"required": [name], "properties": {name: {"minItems": 1}}} for name in ("lists", "organisations")
        ],
        **_NOTICE,
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
            "name": ruled(string(1, 120), pattern="[^\\s]"),
            **_FIRST_STEP,
            "text": told(_TEXT, "the first message; fields {name}, {link}, and those of `fields`"),
            "sender": ruled(string(1, 20), pattern=f"^({SENDER.pattern})$"),
            "lists": told(_NAMES, "names of lists, or ORGANISATION/name"),
            "organisations": told(_NAMES, "codes"),
            "also_in": told(_NAMES, "lists that people must be in as well, each of them"),
            "except": told(_NAMES, "lists whose people are left out"),
            "areas": told(_NAMES, "codes"),
            "languages": _LANGUAGES,
            "smartphone": listed(one_of(Smartphone)),
            "answered": {"enum": ["", *Answered]},
            "kind": string(0, 40, f"id of one of the office's kinds; `{DEFAULT_KIND}` where it is missing"),
            "drive": string(0, 120, "its name; the open one of the kind where it is missing"),
            "fields": {
                "type": "object",
                "maxProperties": 20,
                "propertyNames": {"maxLength": LONGEST_FIELD_NAME, "pattern": FIELD_NAME},
                "additionalProperties": string(0, LONGEST_VALUE),
                "description": "columns of the lists that the texts name as {field}, each with the text for people without a value",
            },
            "pace": number(0.1, 2_000_000_000, kind="number"),
            "window": listed(_CLOCK, "from and until, which is later at submission", minItems=2, maxItems=2),
            "cap_per_day": number(1, 2_000_000_000),
            "budget_vnd": number(1, 2_000_000_000),
            "starts_at": _MOMENT,
            "deadline": _MOMENT | {"description": "after `starts_at`; ISO 8601"},
            "unaccented": boolean(),
            "unaccented_languages": listed(_OTHER_LANGUAGES),
            "content": _TABLE,
            "goal": {
                **loose(_GOAL),
                "required": ["share"],
                "dependentRequired": {"denominator": ["date", "source"]},
            },
            "urgent": {**loose({"reason": string(1, 500), "basis": string(0, 500)}), "required": ["reason"]},
            "step": listed({**loose(_STEP), "required": ["text"], **_NOTICE}, maxItems=20),
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
    "notice_": "/notice_text",
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


def add_draft_routes(api: routing.Api) -> None:
    def read(session: Session) -> Draft:
        """Return the draft in the request's body. Raises Malformed, BadCampaign."""
        body = read_body(DRAFT_SCHEMAS["Draft"])
        try:
            return read_draft(body, kinds=office_kinds(session))
        except BadTemplate as error:
            error.pointer = _wrong_text(body)
            raise

    def answer(campaign_id: int, status: int, **more: Any) -> Response:
        with api.runtime.db.read() as session:
            return routing.answer_with({**describe(session.get_one(Campaign, campaign_id)), **more}, status)

    @api.route(
        "POST /campaigns",
        Right.CAMPAIGNS_WRITE,
        "Campaign",
        {200: "Created before, by the same request", 201: "Created"},
        body="Draft",
        parameters=[KEY],
    )
    def create_draft() -> Response:
        """Create a draft; its author is who made the token."""
        now = datetime.now(UTC)

        def make(session: Session) -> int:
            with pointing(**_PARTS):
                campaign = create_campaign(session, read(session), user=routing.bearer().as_author(), now=now)
            audit.record(session, "api.draft", campaign, None, now, token=routing.bearer().token_id)
            return campaign.id

        made, is_new = api.once(make, now=now)
        return answer(made, 201 if is_new else 200)

    @api.route("GET /campaigns/<int:campaign_id>/draft", Right.CAMPAIGNS_READ, _TABLE, "As in its file")
    def show_draft(campaign_id: int) -> Response:
        """What a campaign was written as."""
        with api.runtime.db.read() as session:
            campaign = find_campaign(session, campaign_id, user=routing.bearer().as_user())
            return jsonify(describe_campaign(session, campaign, kinds=all_kinds(session)))

    @api.route(
        "PUT /campaigns/<int:campaign_id>/draft", Right.CAMPAIGNS_WRITE, "Campaign", "Written", body="Draft"
    )
    def change_draft(campaign_id: int) -> Response:
        """Write a draft anew, as long as it was not submitted."""
        now = datetime.now(UTC)

        def change(session: Session) -> None:
            author = routing.bearer().as_author()
            with pointing(**_PARTS):
                campaign = edit_campaign(session, campaign_id, read(session), user=author, now=now)
            audit.record(session, "api.draft", campaign, None, now, token=routing.bearer().token_id)

        do_at_will(api.runtime, change)
        return answer(campaign_id, 200)

    @api.route(
        "POST /campaigns/<int:campaign_id>/submit",
        Right.CAMPAIGNS_WRITE,
        "Submitted",
        "Submitted; `recipients` is 0 where nobody would get a message; the counts are null where they would tell answers about health",
        refusals=(422,),
    )
    def submit_draft(campaign_id: int) -> Response:
        """Submit a draft for approval by people, and say how many its first message would reach if it left now."""
        now = datetime.now(UTC)
        with api.runtime.db.read() as session:
            campaign = find_campaign(session, campaign_id, user=routing.bearer().as_user())
            is_told = not asks_of_health(session, campaign)
        untold = list[str](), dict.fromkeys(("recipients", "excluded", "repeated"))
        notes, reached = tell_audience(api.runtime, campaign_id, now=now) if is_told else untold
        perform_action(
            api.runtime, campaign_id, CampaignAction.SUBMIT, user=routing.bearer().as_author(), now=now
        )
        return answer(campaign_id, 200, warnings=notes, **reached)


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


_WAITS = (MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN)
_HAS_LEFT = (MessageState.ACCEPTED, MessageState.SENT, MessageState.DELIVERED, MessageState.NO_REPORT)
RECIPIENT_SCHEMAS: dict[str, Schema] = {
    "NewRecipient": {
        **loose(
            {"person": string(pattern=REFERENCE, says="what you call the person"), "phone": PHONE},
            "One person of the campaign's lists, by exactly one of both",
        ),
        "oneOf": BY_PERSON_OR_PHONE,
        "examples": [{"person": "cd-7"}, {"phone": "0905000901"}],
    },
    "Recipient": strict(
        recipient=ID,
        campaign=ID,
        result={"enum": ["queued", "sent", "refused"]},
        reason=maybe(
            "string",
            "why it was refused: an exclusion (`opted_out`, `do_not_call`, `no_basis`), a skip reason, or the message's state",
        ),
        address=string(says="Where to ask for this again"),
    ),
}


def add_recipient_routes(api: routing.Api) -> None:
    @api.route(
        "POST /campaigns/<int:campaign_id>/recipients",
        Right.MESSAGES_SEND,
        "Recipient",
        "Sent, queued, or refused",
        body="NewRecipient",
    )
    def create_recipient(campaign_id: int) -> Response:
        """Send an approved campaign's first message to one more person of its lists; once, however often it is asked."""
        now, body = datetime.now(UTC), read_body(RECIPIENT_SCHEMAS["NewRecipient"])
        if len(body) != 1:
            raise Malformed("reply_person_or_phone", pointer="/phone" if body else "/person")

        def make(session: Session) -> dict[str, Any]:
            with pointing(person_="/person", phone_="/phone"):
                named = find_person(
                    session,
                    routing.bearer(),
                    person=body.get("person", ""),
                    phone=body.get("phone", ""),
                    rather_in=select(CampaignList.list_id).where(CampaignList.campaign_id == campaign_id),
                )
                row = add_recipient(
                    session,
                    campaign_id,
                    named.contact_id or 0,
                    settings=api.settings,
                    user=routing.bearer().as_author(),
                    now=now,
                )
            return _describe(session, row)

        return routing.answer_with(do_at_will(api.runtime, make))

    @api.route(
        "GET /campaigns/<int:campaign_id>/recipients/<int:recipient_id>", Right.MESSAGES_SEND, "Recipient"
    )
    def show_recipient(campaign_id: int, recipient_id: int) -> Response:
        """What came of the first message to one person."""
        with api.runtime.db.read() as session:
            user = routing.bearer().as_user()
            find_campaign(session, campaign_id, user=user)
            # A campaign may write to lists of organisations that the token is not for.
            seen = visible_to(session, user, ContactList.organisation_id)
            row = session.scalar(
                select(Recipient)
                .outerjoin(ContactList, ContactList.id == Recipient.list_id)
                .where(Recipient.id == recipient_id, Recipient.campaign_id == campaign_id, seen)
            )
            return jsonify(_describe(session, or_raise(row, NotFound("api_not_found"))))


def _describe(session: Session, row: Recipient) -> dict[str, Any]:
    message = session.scalar(
        select(Message)
        .join(Step, Step.id == Message.step_id)
        .where(Message.recipient_id == row.id, Step.number == 1)
    )
    result, reason = "queued", None
    if row.exclusion:
        result, reason = "refused", row.exclusion.value
    elif message and message.state in _HAS_LEFT:
        result = "sent"
    elif message and message.state not in _WAITS:
        result, reason = "refused", (message.skip_reason or message.state).value
    return {
        "recipient": row.id,
        "campaign": row.campaign_id,
        "result": result,
        "reason": reason,
        "address": url_for("api.show_recipient", campaign_id=row.campaign_id, recipient_id=row.id),
    }


_DAY: Schema = string(format="date", says="in Vietnam")
_LINE: Schema = {
    "code": maybe("string", "null for those of whom it is not known"),
    "name": string(),
    "installed": COUNT,
    "recipients": told(COUNT, "of all campaigns of the drive, each number once"),
    "at_the_door": told(COUNT, "of them, who has no usable number and answered at the door"),
    "perhaps": told(
        COUNT, "further recipients who may live there, as their unit was split; in no other count"
    ),
    "no_smartphone": COUNT,
    "answered": COUNT,
    "denominator": maybe("integer"),
    "share": SHARE,
    "missing": maybe("integer", "people short of the goal"),
    "rank": maybe("integer"),
}
_BASIS: Schema = one_of(
    ShareBasis,
    "`entered`: of people as entered; `recipients`: of those written to who have not said that they have no smartphone",
)
_OFFICIAL: Schema = strict(
    area=string(), installed=COUNT, day=_DAY, source=string(), is_sum=boolean("of the district's communes")
)
_DENOMINATOR: Schema = strict(value={"type": "integer"}, as_of=_DAY, source=string())
FIGURE_SCHEMAS: dict[str, Schema] = {
    "FigureTable": strict(
        basis=told(_BASIS, "of every line's share, so that they can be compared"),
        lines=listed(ref("FigureLine")),
    ),
    "FigureLine": strict(**_LINE),
    "Figures": strict(
        campaign=ID,
        drive=strict(id=ID, name=string()),
        kind=string(),
        as_of=MOMENT,
        campaigns=told(COUNT, "of the campaign's drive; all figures are over all of them, each number once"),
        is_whole=boolean("false where they write to lists outside the token's scope, too"),
        self_reported=strict(
            **_LINE,
            basis=_BASIS,
            goal=SHARE,
            deadline=maybe("string", format="date"),
            target=maybe("integer"),
            is_of_place=boolean(
                "the goal is residents' of the whole province; else that of the newest campaign"
            ),
        ),
        districts=ref("FigureTable"),
        communes={
            "type": "object",
            "additionalProperties": ref("FigureTable"),
            "description": "by the district's code",
        },
        organisations=told(ref("FigureTable"), "`code` is the organisation's number"),
        days=listed(
            strict(day=_DAY, installed={"type": "integer"}), "standing reports at the end of each day"
        ),
    ),
    "Goal": strict(
        drive=ID,
        kind=string(says="of the drive"),
        scope={"enum": [each.value for each in GoalScope if each is not GoalScope.AUDIENCE]},
        area=maybe("string"),
        organisation=maybe("integer"),
        share=number(0, 1, kind="number"),
        deadline=maybe("string", format="date"),
        basis=string(says="the paper that asks for it"),
        denominator={"anyOf": [_DENOMINATOR, {"type": "null"}]},
        target=maybe("integer", "people with whom it is reached"),
    ),
    "Goals": strict(as_of=MOMENT, goals=listed(ref("Goal"))),
    "Official": strict(
        drive=told(COUNT, "the chosen one; 0 before the first"), as_of=_DAY, areas=listed(_OFFICIAL)
    ),
}


def add_figure_routes(api: routing.Api) -> None:
    @api.route(
        "GET /campaigns/<int:campaign_id>/figures",
        Right.FIGURES_READ,
        "Figures",
        "Self-reports alone; official figures never enter",
        is_table=True,
    )
    def show_figures(campaign_id: int) -> Response:
        """What residents report, as the leaders' page has it: by district, commune, organisation and day."""
        now = datetime.now(UTC)
        with api.runtime.db.read() as session:
            user = routing.bearer().as_reader()
            drive = drive_of_campaign(session, campaign_id, user=user)
            progress = read_progress(session, drive, user=user, runtime=api.runtime, now=now)
        figures = _describe_progress(or_raise(progress, NotAllowed("few_people_hidden")), campaign_id, now)
        return (
            routing.answer_table(("level", "within", *_LINE), _figure_rows(figures))
            if routing.wants_table()
            else jsonify(figures)
        )

    @api.route(
        "GET /goals",
        Right.FIGURES_READ,
        "Goals",
        "Those of places and agencies, and of organisations of the scope",
        is_table=True,
    )
    def list_goals() -> Response:
        """Goals in force, each with the figure that it is a share of."""
        now = datetime.now(UTC)
        with api.runtime.db.read() as session:
            seen = organisations_of(session, routing.bearer().as_user())
            kinds = {drive.id: drive.kind for drive in list_drives(session)}
            goals = [
                goal
                for subject, goal in read_goals(session, at=now).goals.items()
                if subject.organisation is None or seen is None or subject.organisation in seen
            ]
        described = [
            routing.fields_of(
                goal,
                FIGURE_SCHEMAS["Goal"],
                kind=kinds[goal.subject.drive],
                **goal.subject._asdict(),
                denominator=routing.fields_of(goal.denominator, _DENOMINATOR) if goal.denominator else None,
            )
            for goal in goals
        ]
        if routing.wants_table():
            of_whom = {f"denominator_{name}": name for name in _DENOMINATOR["properties"]}
            rows = (
                {
                    **each,
                    **{column: (each["denominator"] or {}).get(name) for column, name in of_whom.items()},
                }
                for each in described
            )
            whole = [name for name in FIGURE_SCHEMAS["Goal"]["properties"] if name != "denominator"]
            return routing.answer_table([*whole, *of_whom], rows)
        return jsonify(as_of=routing.as_json(now), goals=described)

    @api.route(
        "GET /official-figures", Right.FIGURES_READ, "Official", "Never added to self-reports", is_table=True
    )
    def list_official() -> Response:
        """Installs that the app's maker or a department has made known, by place."""
        today = datetime.now(UTC).astimezone(VIETNAM).date()
        with api.runtime.db.read() as session:
            if organisations_of(session, routing.bearer().as_user()) is not None:
                raise NotAllowed("official_figures_token")
            drive = current_drive_id(session)
            known = latest_official(session, drive, today=today)
        areas = [routing.fields_of(figure, _OFFICIAL, area=area) for area, figure in sorted(known.items())]
        if routing.wants_table():
            return routing.answer_table(list(_OFFICIAL["properties"]), areas)
        return jsonify(drive=drive, as_of=today.isoformat(), areas=areas)


def _describe_progress(progress: ProgressPage, campaign_id: int, now: datetime) -> dict[str, Any]:
    head = progress.head
    return {
        "campaign": campaign_id,
        "drive": {"id": progress.drive.id, "name": progress.drive.name},
        "kind": progress.drive.kind,
        # To the minute: a repeated read within it gets 304.
        "as_of": routing.as_json(now.replace(second=0, microsecond=0)),
        "campaigns": len(progress.campaigns),
        "is_whole": progress.is_whole,
        "self_reported": {
            **_describe_line(head.line),
            "basis": head.basis.value,
            "goal": head.goal.share if head.goal else None,
            "deadline": head.goal.deadline.isoformat() if head.goal and head.goal.deadline else None,
            "target": head.target,
            "is_of_place": head.is_of_place,
        },
        "districts": _describe_table(progress.districts),
        "communes": {district: _describe_table(table) for district, table in progress.communes.items()},
        "organisations": _describe_table(progress.organisations),
        "days": [{"day": day.isoformat(), "installed": installed} for day, installed in head.days],
    }


def _figure_rows(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Return figures as rows of one table; `level` says what a row is about, `within` is a commune's district."""
    whole = {name: figures["self_reported"][name] for name in _LINE}
    empty = dict.fromkeys(_LINE)
    return [
        {"level": "total", "within": None, **whole},
        *({"level": "district", "within": None, **line} for line in figures["districts"]["lines"]),
        *(
            {"level": "commune", "within": district, **line}
            for district, table in figures["communes"].items()
            for line in table["lines"]
        ),
        *({"level": "organisation", "within": None, **line} for line in figures["organisations"]["lines"]),
        *(
            {"level": "day", "within": None, **empty, "code": each["day"], "installed": each["installed"]}
            for each in figures["days"]
        ),
    ]


def _describe_table(table: RankTable) -> dict[str, Any]:
    return {"basis": table.basis.value, "lines": [_describe_line(line) for line in table.lines]}


def _describe_line(line: RankRow) -> dict[str, Any]:
    perhaps = line.perhaps.recipients if line.perhaps else 0
    return {
        name: perhaps
        if name == "perhaps"
        else getattr(line.counts if hasattr(line.counts, name) else line, name)
        for name in _LINE
    }
