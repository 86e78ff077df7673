"""Rows received by the API: written as a CSV file of a list, then imported like any other file.

So the same rules apply: numbers, places and names are read alike, if a worker is killed another one
continues, and the import can be undone on its page. No officer confirms it: the sender names the fields of
the rows.
"""

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.api_tokens import Bearer, require_same
from outreach.accounts.permissions import visible_to
from outreach.imports.list_reader import line_key
from outreach.imports.store_rows import begin_import, digest, find_or_create_list
from outreach.imports.uploads import REFERENCES, path_of
from outreach.models.accounts import Organisation
from outreach.models.contacts import ContactList, RowsReceived, Upload, UploadState
from outreach.rules.errors import BadInput, NotFound, or_raise
from outreach.rules.kept_values import LONGEST_VALUE, find_unfit, read_field_name
from outreach.rules.list_columns import PHONE, PLAIN_LABELS, Column
from outreach.rules.texts import clean_text
from outreach.use_cases import enqueue_after_commit, enqueue_import, use_case

# Up to this many rows are stored while the caller waits; more by a worker.
AT_ONCE = 1000
_YES, _NO = "có", "không"


class RowField(NamedTuple):
    """Field that a row may have: the column it is written to ("": none), and its longest text in characters."""

    column: str
    longest: int
    says: str


ROW_FIELDS: dict[str, RowField] = {
    "name": RowField(Column.NAME, 120, "full name"),
    "phone": RowField(PHONE, 120, "one or several numbers, as written"),
    "birth": RowField(Column.BIRTH, 40, "year or date of birth"),
    "sex": RowField(Column.SEX, 20, "nam, nữ, m or f"),
    "village": RowField(Column.VILLAGE, 120, "thôn, tổ dân phố"),
    "commune": RowField(Column.COMMUNE, 120, "xã, phường, thị trấn"),
    "district": RowField(Column.DISTRICT, 120, "huyện, thành phố"),
    "unit": RowField(Column.UNIT, 120, "branch of the organisation"),
    "language": RowField(Column.LANGUAGE, 40, "language to write in, by name or ISO 639 code"),
    "smartphone": RowField(Column.SMARTPHONE, 0, "whether the person has one"),
    "note": RowField(Column.NOTE, 200, "anything else"),
    "reference": RowField("", 40, "what you call this person; events and answers carry it back"),
}


@use_case
def receive_rows(
    session: Session,
    rows: Sequence[Mapping[str, object]],
    *,
    list_name: str,
    organisation: str,
    key: str,
    sha256: str,
    folder: Path,
    bearer: Bearer,
    now: datetime,
) -> tuple[Upload, bool]:
    """Store rows as an upload into a list, created if it does not exist; a worker imports them.

    Returns the upload, and whether it is new: of requests with one key one makes it. Raises NotFound for an organisation outside
    the token's scope, BadInput where the earlier request had other rows. The use of the token is recorded in the audit log.
    """
    received = session.scalar(
        select(RowsReceived).where(RowsReceived.token_id == bearer.token_id, RowsReceived.key == key)
    )
    if received is not None:
        require_same(received.sha256, sha256)
        return session.get_one(Upload, received.upload_id), False
    user = bearer.as_user()
    is_named = (Organisation.code == organisation, visible_to(session, user, Organisation.id))
    found = session.scalar(select(Organisation).where(*is_named))
    owner, path = or_raise(found, NotFound("organisation_code_out_of_scope")), None
    try:
        contact_list = find_or_create_list(session, organisation_id=owner.id, name=list_name, now=now)
        upload = Upload(
            list_id=contact_list.id,
            file_name=f"API {now:%Y-%m-%d %H.%M.%S}.csv",
            size=0,
            sha256="",
            state=UploadState.STORING,
            total=len(rows),
            corrected={line_key(""): {"line": "1"}},
            uploaded_by=bearer.owner,
            uploaded_at=now,
            due_at=now,
        )
        session.add(upload)
        session.flush()
        session.add(
            RowsReceived(token_id=bearer.token_id, key=key, sha256=sha256, upload_id=upload.id, at=now)
        )
        session.flush()
        path = path_of(upload, folder)
        _write(rows, path)
        _write_references(rows, path, organisation_id=bearer.organisation_id)
        upload.size, upload.sha256 = path.stat().st_size, digest(path)
        upload.import_id = begin_import(
            session, list_id=contact_list.id, file_name=upload.file_name, sha256=upload.sha256, now=now
        ).id
    except BaseException:
        if path is not None:
            shutil.rmtree(path.parent, ignore_errors=True)
        raise
    if len(rows) > AT_ONCE:
        enqueue_after_commit(session, enqueue_import, upload.id)
    about = {"token": bearer.token_id, "upload": upload.id, "rows": len(rows)}
    audit.record(session, "api.contacts", contact_list, None, now, **about)
    return upload, True


def find_upload_of_token(session: Session, upload_id: int, *, bearer: Bearer) -> Upload:
    """Return an upload received by the API, into a list of the bearer's scope. Raises NotFound."""
    query = (
        select(Upload)
        .join(ContactList, ContactList.id == Upload.list_id)
        .where(Upload.id == upload_id, Upload.id.in_(select(RowsReceived.upload_id)))
        .where(visible_to(session, bearer.as_user(), ContactList.organisation_id))
    )
    return or_raise(session.scalar(query), NotFound("import_id_out_of_scope", id=upload_id))


def _write(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write("sep=,\r\n")  # the separator need not be guessed
        columns = {name: PLAIN_LABELS[field.column] for name, field in ROW_FIELDS.items() if field.column}
        kept = [
            {_read_name(name): _cell(value) for name, value in (row.get("fields") or {}).items()}
            for row in rows
        ]
        names = sorted({name for values in kept for name in values})
        writer = csv.writer(file)
        writer.writerow([PLAIN_LABELS[Column.STT], *columns.values(), *(f"{{{name}}}" for name in names)])
        for number, (row, values) in enumerate(zip(rows, kept, strict=True), start=1):
            cells = (_cell(row.get(name)) for name in columns)
            writer.writerow([str(number), *cells, *(values.get(name, "") for name in names)])


def check_row_value(name: str, value: object) -> str:
    """Return the field's name that a row's value for texts has. Raises BadInput for a name or a value that no list keeps."""
    field, text = _read_name(name), _cell(value)
    if text and find_unfit(text):
        raise BadInput("field_value_unfit", name=field, most=LONGEST_VALUE)
    return field


_read_name = lru_cache(maxsize=64)(read_field_name)  # 100,000 rows have the same five


def _write_references(rows: Sequence[Mapping[str, object]], path: Path, *, organisation_id: int) -> None:
    """Write what the sender calls the rows' people to a file beside theirs, if anything."""
    references = {str(n): row["reference"] for n, row in enumerate(rows, start=1) if row.get("reference")}
    if references:
        content = json.dumps({"organisation": organisation_id, "rows": references})
        path.with_name(REFERENCES).write_text(content, encoding="utf-8")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _YES if value else _NO
    return " ".join(clean_text(str(value)).split())
