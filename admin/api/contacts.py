"""API routes of contacts: import rows by the same rules as a file, read an import's state and issues."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Response, jsonify, request, url_for
from sqlalchemy import case, select
from sqlalchemy.orm import Session

from admin.api.bodies import KEY, check_part, read_json, read_key
from admin.api.problems import Malformed, pointing
from admin.api.routing import USUAL, Api, answer_with, bearer, fields_of, page_of, read_page
from admin.api.schemas import (
    COUNT,
    FIELD_NAME,
    ID,
    NO_ZERO,
    Schema,
    listed,
    maybe,
    number,
    one_of,
    paged,
    ref,
    shown,
    strict,
    string,
    told,
)
from admin.wording.errors import show_stored_error
from admin.wording.filters import label_of
from outreach.contacts.lists import LONGEST_NAME
from outreach.contacts.references import REFERENCE
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
from outreach.models.accounts import Right
from outreach.models.contacts import ContactList, ImportIssue, ListImport, Upload, UploadState
from outreach.rules.kept_values import LONGEST_NAME as LONGEST_FIELD_NAME
from outreach.rules.kept_values import LONGEST_VALUE, MOST_FIELDS
from outreach.rules.keys import Purpose

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
                secret_key = settings.keys_of(Purpose.SUPPRESSIONS)
                process_upload(UploadContext(api.runtime.db, folder, secret_key, lambda: False), upload.id)
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
