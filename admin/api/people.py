"""API routes of people: rows for lists, and replies, in; answers, replies and opt-outs out, without texts and numbers; and webhooks, which tell of
them: subscriptions with their deliveries.

Rows go by the same rules as a file.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Response, jsonify, request, url_for
from sqlalchemy import ColumnElement, and_, case, or_, select
from sqlalchemy.orm import Session, aliased

from admin.api.problems import KEY, Malformed, check_part, pointing, read_body, read_json, read_key
from admin.api.routing import (
    USUAL,
    Api,
    answer_with,
    as_json,
    bearer,
    fields_of,
    newest_settled,
    page_of,
    read_choice,
    read_page,
)
from admin.api.schemas import (
    BY_PERSON_OR_PHONE,
    COUNT,
    FIELD_NAME,
    ID,
    MOMENT,
    NO_ZERO,
    PHONE,
    Schema,
    asked,
    body_of,
    boolean,
    listed,
    loose,
    maybe,
    number,
    one_of,
    paged,
    ref,
    ruled,
    shown,
    strict,
    string,
    told,
)
from admin.wording.errors import show_stored_error
from admin.wording.filters import label_of
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Answer, AnswerSource, Reply, ReplyState
from campaigns.models.webhooks import Delivery, DeliveryState, Subscription
from campaigns.replies.gateway_inbox import hand_in_reply, id_prefix
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignState, MessageState
from campaigns.rules.webhooks import LONGEST_URL, EventKind, secret_of
from campaigns.webhooks import deliver_events
from campaigns.webhooks.collect_events import (
    describe_answer,
    describe_opt_out,
    is_told,
    is_told_to,
    people_of_wishes,
    read_people_of,
)
from outreach.accounts.permissions import organisations_of, visible_to
from outreach.contacts.lists import LONGEST_NAME
from outreach.contacts.references import REFERENCE, read_references
from outreach.imports.issues import BIRTH_UNCLEAR, OTHER_COMMUNE, STORED, IssueStatus
from outreach.imports.receive_rows import (
    AT_ONCE,
    ROW_FIELDS,
    check_row_value,
    find_upload_of_token,
    receive_rows,
)
from outreach.imports.store_rows import ImportCounts
from outreach.imports.uploads import LARGEST, UploadContext, process_upload
from outreach.models.accounts import Organisation, Right, User
from outreach.models.contacts import (
    ContactList,
    ImportIssue,
    ListImport,
    Membership,
    Upload,
    UploadState,
    Wish,
)
from outreach.rules.errors import NotFound, or_raise
from outreach.rules.kept_values import LONGEST_NAME as LONGEST_FIELD_NAME
from outreach.rules.kept_values import LONGEST_VALUE, MOST_FIELDS
from outreach.rules.wishes import EVERYTHING

MOST_ROWS = 100_000
# A digit or a letter, including Vietnamese ones.
_HAS_TEXT = "[0-9A-Za-zÀ-ỹ]"
_ROW: Schema = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        name: maybe("string", part.says, maxLength=part.longest, pattern=f"^{NO_ZERO}$")
        if part.longest
        else maybe("boolean", part.says)
        for name, part in ROW_FIELDS.items()
    }
    | {
        "reference": maybe("string", ROW_FIELDS["reference"].says, pattern=REFERENCE),
        "fields": maybe(
            "object",
            "Values for the texts of the list's campaigns, by the name of the field, as a place to meet or an hour;"
            f" {MOST_FIELDS} names at most in all rows. A name is words of letters and digits; a value with a link, a phone"
            " number or the number of a paper, and a name that says sickness, origin or religion, are refused",
            maxProperties=MOST_FIELDS,
            propertyNames={"maxLength": LONGEST_FIELD_NAME, "pattern": FIELD_NAME},
            additionalProperties=maybe("string", maxLength=LONGEST_VALUE),
        ),
    },
    "description": "One person. At least a name or a phone; what is missing is read as an empty cell of a file is.",
    "anyOf": [
        {"required": [name], "properties": {name: {"type": "string", "pattern": _HAS_TEXT}}}
        for name in ("name", "phone")
    ],
}
SCHEMAS: dict[str, Schema] = {
    "Rows": shown(
        strict(
            organisation=string(1, 40, "Code of the organisation whose list it is"),
            list=string(
                1,
                LONGEST_NAME,
                pattern=f"^{NO_ZERO}{_HAS_TEXT}{NO_ZERO}$",
                says="Name of the list; made where there is none",
            ),
            rows=listed(_ROW, minItems=1, maxItems=MOST_ROWS),
        ),
        {
            "organisation": "MTTQ",
            "list": "Members",
            "rows": [{"name": "A Thun", "phone": "0905000901", "reference": "cd-7"}],
        },
    ),
    "Counts": told(
        strict(**dict.fromkeys(ImportCounts.__dataclass_fields__, COUNT)),
        "What came of the rows; the last six add up to `rows`",
    ),
    "SetAside": strict(
        row=number(1, says="Place among the rows sent, from 1"),
        status=one_of(IssueStatus, "`question`: stored, and one thing about it is not clear"),
        reason=string(),
        detail=string(says="the reason, in the language that is asked for"),
    ),
    "Import": strict(
        id=ID,
        state=one_of(UploadState),
        list=strict(id=ID, name=string()),
        rows=number(1),
        done=number(0, says="rows stored so far"),
        counts={
            "anyOf": [ref("Counts"), {"type": "null"}],
            "description": "null until it is done, and once it was undone",
        },
        set_aside=ref("SetAsidePage"),
        error=string(says="why it failed; else empty"),
        address=string(says="Where to ask for this again"),
    ),
    "SetAsidePage": paged("rows", ref("SetAside")),
}


def add_contact_routes(api: Api) -> None:
    settings = api.settings

    @api.blueprint.before_request
    def allow_many() -> None:
        if request.method == "POST":
            request.max_content_length = LARGEST

    @contextmanager
    def folder_of_request() -> Iterator[Path]:
        """Open the folder for the rows; a sandbox's is removed again."""
        if not bearer().is_sandbox:
            yield Path(settings.uploads_dir)
            return
        with TemporaryDirectory(prefix="loa-") as folder:
            yield Path(folder)

    @api.route(
        "POST /contacts/imports",
        Right.CONTACTS_WRITE,
        "Import",
        {200: "Stored", 202: "Taken in; ask its address"},
        body="Rows",
        parameters=[KEY],
        refusals=(404,),
    )
    def import_contacts() -> Response:
        """Hand in people for a list."""
        key, body = read_key(), read_json()
        sha256 = hashlib.sha256(request.get_data()).hexdigest()
        organisation, name, rows = check_rows(body)
        if bearer().is_sandbox and len(rows) > AT_ONCE:
            raise Malformed("sandbox_rows_many", pointer="/rows", most=AT_ONCE)
        with folder_of_request() as folder, pointing(organisation="/organisation"):
            upload, is_new = receive_rows(
                api.runtime,
                rows,
                folder=folder,
                organisation=organisation,
                list_name=name,
                key=key,
                sha256=sha256,
                bearer=bearer(),
                now=datetime.now(UTC),
            )
            if is_new and len(rows) <= AT_ONCE:
                process_upload(UploadContext(api.runtime.db, folder, lambda: False), upload.id)
        with api.runtime.db.read() as session:
            result = _describe(session, find_upload_of_token(session, upload.id, bearer=bearer()))
        is_under_way = result["state"] in (UploadState.STORING, UploadState.UNDOING)
        return answer_with(result, 202 if is_under_way else 200)

    @api.route("GET /contacts/imports/<int:import_id>", Right.CONTACTS_WRITE, "Import")
    def show_import(import_id: int) -> Response:
        """What has come of a handing in."""
        with api.runtime.db.read() as session:
            return jsonify(_describe(session, find_upload_of_token(session, import_id, bearer=bearer())))

    @api.route("GET /contacts/imports/<int:import_id>/set-aside", Right.CONTACTS_WRITE, "SetAsidePage")
    def show_set_aside(import_id: int) -> Response:
        """Rows that were not taken or are asked about, with the reason, in the order sent."""
        with api.runtime.db.read() as session:
            upload = find_upload_of_token(session, import_id, bearer=bearer())
            return jsonify(_issue_page(session, upload, read_page()))


def _issue_page(
    session: Session, upload: Upload, asked: tuple[int, int | None] = (USUAL, None)
) -> dict[str, Any]:
    """Return a page of the issues, without numbers or names: the sender knows rows by their place."""
    # What was taken as in an earlier file waits for nobody.
    taken_over = ImportIssue.decision.in_(STORED) & ImportIssue.decided_by.is_(None)
    turn = case({BIRTH_UNCLEAR: 1, OTHER_COMMUNE: 2}, value=ImportIssue.reason, else_=0)
    place = ImportIssue.row * 3 + turn  # a row may raise several questions
    query = select(place, ImportIssue.row, ImportIssue.status, ImportIssue.reason).where(
        ImportIssue.import_id == upload.import_id, ImportIssue.decision.is_(None) | ~taken_over
    )
    page, following = page_of(session, query, place, asked, "api.show_set_aside", import_id=upload.id)
    return {
        "rows": [
            fields_of(issue, SCHEMAS["SetAside"], detail=label_of(issue.reason, "row_reason"))
            for issue in page
        ],
        "next": following,
    }


def _describe(session: Session, upload: Upload) -> dict[str, Any]:
    contact_list = session.get_one(ContactList, upload.list_id)
    counts = session.get_one(ListImport, upload.import_id).counts
    return {
        "id": upload.id,
        "state": upload.state,
        "list": {"id": contact_list.id, "name": contact_list.name},
        "rows": upload.total,
        "done": upload.total if upload.state is UploadState.DONE else upload.progress,
        "counts": counts if upload.state is UploadState.DONE else None,
        "set_aside": _issue_page(session, upload),
        "error": show_stored_error(upload.error),
        "address": url_for("api.show_import", import_id=upload.id),
    }


def check_rows(body: Any) -> tuple[str, str, list[dict[str, Any]]]:
    """Return organisation, list and rows of a body. Raises Malformed, which names the wrong part."""
    check_part(body, SCHEMAS["Rows"], "")
    places: dict[str | int, int] = {}
    names: set[str] = set()
    for place, row in enumerate(body["rows"]):
        if not any(re.search(_HAS_TEXT, row.get(name) or "") for name in ("name", "phone")):
            raise Malformed("row_without_name_and_phone", pointer=f"/rows/{place}")
        for name, value in (row.get("fields") or {}).items():
            part = f"/rows/{place}/fields/{name.replace('~', '~0').replace('/', '~1')}"
            with pointing(field=part):
                names.add(check_row_value(name, value))
        if places.setdefault(row.get("reference") or place, place) != place:
            raise Malformed("reference_twice", pointer=f"/rows/{place}/reference")
    if len(names) > MOST_FIELDS:
        raise Malformed("list_fields_many", pointer="/rows", most=MOST_FIELDS)
    return body["organisation"], " ".join(body["list"].split()), body["rows"]


_ADDRESS = "^https://([a-z]{2,20}[.]){1,4}[a-z]{2,20}(/[0-9A-Za-z._-]*)*$"
_KINDS: Schema = listed(one_of(deliver_events.OFFERED), minItems=1, maxItems=20)
_NEW: Schema = {
    "name": string(1, deliver_events.LONGEST_NAME),
    "url": ruled(string(1, LONGEST_URL, "in production https and public"), pattern=_ADDRESS),
    "organisation": string(1, 40, "code; with those under it"),
    "kinds": _KINDS,
}
_ENDED: Schema = told(MOMENT, "null while events are sent")
WEBHOOK_SCHEMAS: dict[str, Schema] = {
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
_WEBHOOK_PARTS = {
    "webhook_name": "/name",
    "webhook_events": "/kinds",
    "webhook_": "/url",
    "organisation_": "/organisation",
}


def add_webhook_routes(api: Api) -> None:
    settings = api.settings

    def answer(subscription_id: int, status: int = 200, *, is_new: bool = False) -> Response:
        with api.runtime.db.read() as session:
            found = deliver_events.find_subscription(session, subscription_id, user=bearer().as_user())
            code = session.get_one(Organisation, found.organisation_id).code
            response = jsonify(describe(found, code, is_new=is_new))
        response.status_code = status
        return response

    def describe(each: Subscription, organisation: str, *, is_new: bool = False) -> dict[str, Any]:
        return fields_of(
            each,
            WEBHOOK_SCHEMAS["Webhook"],
            organisation=organisation,
            created_at=as_json(each.made_at),
            secret=secret_of(each.salt, secret_key=settings.secret_key) if is_new else None,
            address=url_for("api.show_webhook", webhook_id=each.id),
        )

    def act(use_case: Callable[..., None], subscription_id: int, *ids: int, status: int = 202) -> Response:
        """Let who made the token act on a subscription within its scope. Raises NotFound, and what the use case raises."""
        with api.runtime.db.read() as session:
            deliver_events.find_subscription(session, subscription_id, user=bearer().as_user())
            user = session.get_one(User, bearer().owner)
        use_case(api.runtime, subscription_id, *ids, user=user, now=datetime.now(UTC))
        return answer(subscription_id, status)

    @api.route(
        "POST /webhooks",
        Right.WEBHOOKS_WRITE,
        "Webhook",
        {200: "Created before, by the same request", 201: "Created"},
        body="NewWebhook",
        parameters=[KEY],
        refusals=(404,),
    )
    def create_webhook() -> Response:
        """Subscribe to events from now on."""
        now, body = datetime.now(UTC), read_body(WEBHOOK_SCHEMAS["NewWebhook"])

        def make(session: Session) -> int:
            visible = visible_to(session, bearer().as_user(), Organisation.id)
            owner = session.scalar(
                select(Organisation.id).where(Organisation.code == body["organisation"], visible)
            )
            with pointing(**_WEBHOOK_PARTS):
                return deliver_events.subscribe(
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

    @api.route("GET /webhooks", Right.WEBHOOKS_WRITE, "WebhookPage")
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

    @api.route("GET /webhooks/<int:webhook_id>", Right.WEBHOOKS_WRITE, "Webhook")
    def show_webhook(webhook_id: int) -> Response:
        """A subscription."""
        return answer(webhook_id)

    @api.route("POST /webhooks/<int:webhook_id>/end", Right.WEBHOOKS_WRITE, "Webhook", "Ended")
    def end_webhook(webhook_id: int) -> Response:
        """End a subscription; what waits for it is not sent."""
        return act(deliver_events.end_subscription, webhook_id, status=200)

    @api.route(
        "POST /webhooks/<int:webhook_id>/ping",
        Right.WEBHOOKS_WRITE,
        "Webhook",
        {202: "On its way; `deliveries` tells of it"},
    )
    def ping_webhook(webhook_id: int) -> Response:
        """Send a `ping`, to see whether events arrive."""
        return act(deliver_events.send_ping, webhook_id)

    @api.route(
        "GET /webhooks/<int:webhook_id>/deliveries", Right.WEBHOOKS_WRITE, "DeliveryPage", parameters=[_STATE]
    )
    def list_deliveries(webhook_id: int) -> Response:
        """Events of a subscription, the newest first; `state=failed` has those that did not arrive."""
        state = read_choice("state", [each.value for each in DeliveryState])
        with api.runtime.db.read() as session:
            deliver_events.find_subscription(session, webhook_id, user=bearer().as_user())
            query = select(Delivery).where(Delivery.subscription_id == webhook_id)
            query = query.where(Delivery.state == state) if state else query
            page, following = page_of(session, query, Delivery.id, newest_first=True)
        deliveries = [
            fields_of(each, WEBHOOK_SCHEMAS["Delivery"], webhook_id=each.event_id) for (each,) in page
        ]
        return jsonify(deliveries=deliveries, next=following)

    @api.route(
        "POST /webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/again",
        Right.WEBHOOKS_WRITE,
        "Webhook",
        {202: "It waits again"},
    )
    def send_delivery_again(webhook_id: int, delivery_id: int) -> Response:
        """Send a failed event again, for another day."""
        return act(deliver_events.send_again, webhook_id, delivery_id)


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
        "source": string(says="empty where the lists only name the people"),
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
    headers = [
        {"name": name, "in": "header", "required": True, "description": says, "schema": {"type": "string"}}
        for name, says in _HEADERS.items()
    ]
    moment = {"type": "string", "format": "date-time"}
    return {
        kind.value: {
            "post": {
                "operationId": f"receive_{kind.value.replace('.', '_')}",
                "summary": f"Event `{kind.value}`",
                "tags": ["webhooks"],
                "security": [],
                "parameters": headers,
                "requestBody": body_of(
                    strict(type={"const": kind.value}, timestamp=moment, data=strict(**data))
                ),
                "responses": {
                    "204": {"description": "Taken; any 2xx within 10 seconds"},
                    "410": {"description": "Gone: the subscription ends"},
                },
            }
        }
        for kind, data in EVENT_DATA.items()
    }


_OWN: Schema = string(pattern=REFERENCE)
_MASKED: Schema = maybe("integer", "null where it is about health, or nobody's")
REPLY_SCHEMAS: dict[str, Schema] = {
    "NewReply": {
        **loose(
            {
                "reference": told(_OWN, "what you call this reply; it comes in once"),
                "person": told(_OWN, "what you call the person, as handed in with a list"),
                "phone": PHONE,
                "text": string(1, 1000, "as the person wrote it"),
                "opt_out": boolean("true: no messages any more, whatever the text"),
                "at": ruled(
                    string(0, 40, "when it came, ISO 8601, from 2000 to now; now if it is missing"),
                    format="date-time",
                ),
            },
            "A reply or an opt-out that came by another channel",
        ),
        "oneOf": BY_PERSON_OR_PHONE,
        "anyOf": [
            {"required": ["text"]},
            {"required": ["opt_out"], "properties": {"opt_out": {"const": True}}},
        ],
        "examples": [
            {
                "person": "cd-7",
                "text": "da cai roi",
                "reference": "zalo-881",
                "at": "2020-08-05T07:00:00+07:00",
            },
            {"phone": "0905000901", "opt_out": True},
        ],
    },
    "Reply": strict(
        id=ID,
        reference=maybe("string", "what you call it, if you handed it in"),
        campaign=_MASKED,
        recipient=_MASKED,
        person=maybe("string", "what you call the person"),
        label=one_of(Label),
        is_sure=boolean("false: an officer looks at it"),
        state=one_of(ReplyState),
        answer=maybe("integer", "the answer that it became"),
        at=MOMENT,
    ),
    "ReplyPage": paged("replies", ref("Reply")),
    "Answer": strict(**EVENT_DATA[EventKind.ANSWER_RECORDED], at=MOMENT, undone_at=MOMENT),
    "AnswerPage": paged("answers", ref("Answer")),
    "OptOut": strict(**EVENT_DATA[EventKind.OPT_OUT], at=MOMENT, lifted_at=MOMENT),
    "OptOutPage": paged("opt_outs", ref("OptOut")),
}
_FIRST_YEAR = 2000  # of a reply; an earlier one is a slip
_PARTS = {"person_": "/person", "phone_": "/phone", "reply_in_future": "/at", "reply_known": "/reference"}


def add_reply_routes(api: Api) -> None:
    @api.route("GET /answers", Right.REPLIES_READ, "AnswerPage")
    def list_answers() -> Response:
        """What residents said, by any channel, the oldest first."""
        newest = newest_settled(api.runtime.db, Answer.id)
        with api.runtime.db.read() as session:
            user = bearer().as_user()
            query = (
                select(Answer, Campaign.is_health, Recipient.contact_id)
                .join(Recipient, Recipient.id == Answer.recipient_id)
                .join(Campaign, Campaign.id == Answer.campaign_id)
                .join(ContactList, ContactList.id == Recipient.list_id)
                .where(visible_to(session, user, ContactList.organisation_id), Answer.id <= newest)
                .where(is_told(organisations_of(session, user)))
            )
            page, following = page_of(session, query, Answer.id)
            names = _names(session, {contact for _, is_health, contact in page if contact and not is_health})
        answers = [
            {
                **describe_answer(answer, is_health=is_health),
                "reference": None if is_health else names.get(contact),
                "at": as_json(answer.at),
                "undone_at": as_json(answer.undone_at),
            }
            for answer, is_health, contact in page
        ]
        return jsonify(answers=answers, next=following)

    @api.route("GET /opt-outs", Right.REPLIES_READ, "OptOutPage")
    def list_opt_outs() -> Response:
        """Opt-outs from everything, of people of the token's lists, the oldest first."""
        newest = newest_settled(api.runtime.db, Wish.id)
        with api.runtime.db.read() as session:
            again = aliased(Wish)
            query = select(Wish, again.said_at).outerjoin(again, again.undoes_id == Wish.id)
            query = query.where(Wish.undoes_id.is_(None), Wish.scope == EVERYTHING, Wish.id <= newest)
            seen = organisations_of(session, bearer().as_user())
            if seen is not None:
                theirs = people_of_wishes().subquery()
                known = select(theirs.c.wish_id).join(Membership, is_told_to(theirs))
                lists = select(ContactList.id).where(ContactList.organisation_id.in_(seen))
                query = query.where(Wish.id.in_(known.where(Membership.list_id.in_(lists))))
            rows, following = page_of(session, query, Wish.id)
            people = read_people_of(session, [wish.id for wish, _ended in rows])
            found = [
                (
                    wish,
                    ended_at,
                    [each for each in people.get(wish.id, ()) if seen is None or each.owner in seen],
                )
                for wish, ended_at in rows
            ]
            names = _names(session, {each.contact_id for _, _, theirs in found for each in theirs})
        opt_outs = [
            {
                **(told := describe_opt_out(wish, theirs)),
                "references": [names[who] for who in told["people"] if who in names],
                "at": as_json(wish.said_at),
                "lifted_at": as_json(ended_at),
            }
            for wish, ended_at, theirs in found
        ]
        return jsonify(opt_outs=opt_outs, next=following)

    @api.route("GET /replies", Right.REPLIES_READ, "ReplyPage")
    def list_replies() -> Response:
        """Replies as they were understood, the oldest first, without their texts."""
        newest = newest_settled(api.runtime.db, Reply.id)
        with api.runtime.db.read() as session:
            replies, following = _page(session, read_page(), Reply.id <= newest)
        return jsonify(replies=replies, next=following)

    @api.route("GET /replies/<int:reply_id>", Right.REPLIES_READ, "Reply")
    def show_reply(reply_id: int) -> Response:
        """A reply as it was understood."""
        with api.runtime.db.read() as session:
            replies, _following = _page(session, (1, reply_id - 1))
        if not replies or replies[0]["id"] != reply_id:
            raise NotFound("reply_not_found")
        return jsonify(replies[0])

    @api.route(
        "POST /replies",
        Right.REPLIES_WRITE,
        "Reply",
        {200: "Handed in before, by the same request", 201: "Recorded"},
        body="NewReply",
        parameters=[KEY],
        refusals=(404,),
    )
    def create_reply() -> Response:
        """Hand in a reply or an opt-out that came by another channel."""
        now, key, body = datetime.now(UTC), read_key(), read_body(REPLY_SCHEMAS["NewReply"])
        if ("person" in body) == ("phone" in body):
            raise Malformed("reply_person_or_phone", pointer="/phone" if "phone" in body else "/person")
        if not body.get("opt_out") and "text" not in body:
            raise Malformed("reply_without_text", pointer="/text")

        def make(session: Session) -> int:
            with pointing(**_PARTS):
                return hand_in_reply(
                    session,
                    reference=body.get("reference") or f"#{hashlib.sha256(key.encode()).hexdigest()[:24]}",
                    person=body.get("person", ""),
                    phone=body.get("phone", ""),
                    text=body.get("text", ""),
                    is_opt_out=body.get("opt_out", False),
                    at=_read_moment(body["at"]) if "at" in body else now,
                    bearer=bearer(),
                    now=now,
                ).id

        made, is_new = api.once(make, now=now)
        with api.runtime.db.read() as session:
            replies, _following = _page(session, (1, made - 1))
        location = url_for("api.show_reply", reply_id=made)
        return answer_with(replies[0], 201 if is_new else 200, location=location)


def _page(
    session: Session, asked: tuple[int, int | None], *among: ColumnElement[bool]
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of replies: of people of the token's lists, those that it handed in, and nobody's for who sees everything."""
    user, own = bearer().as_user(), id_prefix(bearer())
    handed_in = Reply.gateway_id.startswith(own, autoescape=True)
    is_own = visible_to(session, user, ContactList.organisation_id)
    is_seen = or_(and_(is_own, is_told(organisations_of(session, user))), handed_in)
    query = (
        # Of an opt-out handed in by this system, whose number another organisation wrote to, nothing of theirs is told.
        select(Reply, or_(Campaign.is_health, ~is_own), Recipient.contact_id, Answer.id, is_own)
        .outerjoin(Campaign, Campaign.id == Reply.campaign_id)
        .outerjoin(Recipient, Recipient.id == Reply.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .outerjoin(Answer, Answer.reply_id == Reply.id)
        .where(is_seen, *among)
    )
    page, following = page_of(session, query, Reply.id, asked, "api.list_replies")
    names = _names(session, {contact for _, is_health, contact, *_ in page if contact and not is_health})
    described = [
        fields_of(
            reply,
            REPLY_SCHEMAS["Reply"],
            reference=reply.gateway_id.removeprefix(own)
            if reply.gateway_id.startswith(own) and not reply.gateway_id.startswith(f"{own}#")
            else None,
            campaign=reply.campaign_id if is_own or not reply.recipient_id else None,
            recipient=None if is_health else reply.recipient_id,
            person=None if is_health else names.get(contact),
            answer=answer_id,
            at=as_json(reply.received_at),
        )
        for reply, is_health, contact, answer_id, is_own in page
    ]
    return described, following


def _names(session: Session, contact_ids: Collection[int]) -> dict[int, str]:
    """Return what the token's system calls people."""
    known = read_references(session, contact_ids)
    return {contact: name for (owner, contact), name in known.items() if owner == bearer().organisation_id}


def _read_moment(text: str) -> datetime:
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(text)
        if at.year >= _FIRST_YEAR:
            return (at if at.tzinfo else at.replace(tzinfo=VIETNAM)).astimezone(UTC)
    raise Malformed("reply_moment_wrong", pointer="/at")
