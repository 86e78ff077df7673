"""Uploaded list files: receive, correct columns, confirm, cancel, undo, expire; and the work on one by a worker.

An upload's file lies under the uploads folder, in a folder named after the upload's id, until the upload has ended.

Columns that an officer of an organisation named by hand are remembered for the next file with the same
header. Files that nobody confirms are removed: personal data must not stay because an officer forgot a page.

A worker checks, stores or undoes; each chunk of rows is one transaction. It holds a lease while it works. If it is killed,
another worker continues once the lease has run out: a check starts again from the first row; storing continues behind the
last stored row, as the rows and their count are in one commit.

A command imports a file as an upload without a user, stored by its own process and to be undone on its page. Nobody confirms it,
so that it is not checked before; a file that turns out to be unreadable is undone. If the command is killed, a worker goes on
with it, or the command when it is given the same file again.
"""

import hashlib
import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import areas_of, find_visible, require_role, visible_to
from outreach.accounts.users import find_organisation
from outreach.contacts.directory import require_all_people
from outreach.contacts.lists import create_list, set_basis
from outreach.core.db import DATABASE_AWAY, Database, gc_paused, prefetch_chunks
from outreach.imports.decide_issue import store_decided_before
from outreach.imports.issues import export_issues
from outreach.imports.list_reader import (
    PLACE_OF_FILE,
    PLACES_SHOWN,
    SKIPPED,
    PreviewCounts,
    PreviewRows,
    check_list,
    describe_sheets,
    line_key,
    rows_key,
)
from outreach.imports.store_rows import (
    CHUNK,
    begin_import,
    digest,
    find_or_create_list,
    lock_imports,
    store_rows,
)
from outreach.imports.undo_import import undo_import_rows
from outreach.models.accounts import Area, Role, User
from outreach.models.contacts import (
    ColumnMapping,
    ContactList,
    DoNotCallFile,
    ImportChange,
    ImportSighting,
    ListImport,
    Membership,
    RegisterState,
    Upload,
    UploadState,
)
from outreach.places.areas import installation_gazetteer, load_areas
from outreach.rules.cells import cell_text
from outreach.rules.errors import (
    BadInput,
    BadList,
    LoaError,
    NoPhoneColumn,
    NotFound,
    WrongState,
    error_from_json,
    or_raise,
)
from outreach.rules.gazetteer import Gazetteer
from outreach.rules.kept_values import MOST_FIELDS, PREFIX, field_of, name_of_label, read_field_name
from outreach.rules.list_columns import PHONE, SENSITIVE, Column
from outreach.rules.list_rows import CheckedRow
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_import, transaction, use_case

LARGEST = 30 * 2**20  # bytes
_REPEATABLE = ("", PHONE, Column.NAME)  # meanings that several columns of a sheet may share
ENDED = (UploadState.DONE, UploadState.FAILED, UploadState.CANCELLED)
_MEANINGS = {*_REPEATABLE, *Column}
_BLOCK_BYTES = 1 << 20
LONGEST_PLACE = 120  # characters
_LONGEST_STEM = 60  # characters, of up to three bytes each; a file system takes 255 bytes
_REGISTER = "register-"
REFERENCES = "references.json"  # beside rows of the API: what the sender calls their people


@use_case
def receive_upload(
    session: Session,
    content: IO[bytes],
    *,
    file_name: str,
    list_id: int,
    folder: Path,
    user: User | None,
    now: datetime,
) -> Upload:
    """Store a file for a list, to be checked by a worker. A command has no user, and no limit of size.

    Raises BadList if it is empty or too large, NotFound, NotAllowed.
    """
    if user is None:
        contact_list = session.get_one(ContactList, list_id)
    else:
        require_role(user, Role.STAFF, Role.APPROVER)
        contact_list = find_list(session, list_id, user=user)
    name = safe_file_name(file_name)
    upload = Upload(
        list_id=list_id,
        file_name=name,
        size=0,
        sha256="",
        uploaded_by=user.id if user else None,
        uploaded_at=now,
        due_at=now,
        corrected=read_mappings(session, contact_list.organisation_id),
    )
    session.add(upload)
    session.flush()
    path = path_of(upload, folder)
    try:
        upload.size, upload.sha256 = write_file(content, path, most=LARGEST if user else None)
        if user and upload.size > LARGEST:
            raise BadList("upload_large", name=name)
        if not upload.size:
            raise BadList("upload_empty", name=name)
    except BaseException:
        forget_file(upload, folder)
        raise
    if user:
        enqueue_after_commit(session, enqueue_import, upload.id)
    _record(session, upload, "upload.receive", user=user, now=now, bytes=upload.size)
    return upload


@use_case
def receive_upload_for_new_list(
    session: Session,
    /,
    content: IO[bytes],
    *,
    user: User,
    now: datetime,
    file_name: str,
    folder: Path,
    **new: Any,
) -> Upload:
    """Create a list, `new` being what `create_list` needs, and store its first file. Raises as both do.

    The list stays hidden until the file's rows are stored: a file that fails or is cancelled leaves no empty list.
    """
    list_id = create_list(session, user=user, now=now, hidden=True, **new).id
    return receive_upload(
        session, content, file_name=file_name, list_id=list_id, folder=folder, user=user, now=now
    )


def find_upload(session: Session, upload_id: int, *, user: User) -> Upload:
    """Return an upload into a list that the user may see. Raises NotFound."""
    query = select(Upload).join(ContactList, ContactList.id == Upload.list_id)
    is_seen = visible_to(session, user, ContactList.organisation_id)
    return or_raise(
        session.scalar(query.where(Upload.id == upload_id, is_seen)), NotFound("import_not_found")
    )


def preview_for(session: Session, upload: Upload, *, user: User) -> dict[str, Any]:
    """Return an upload's preview as a user may see it.

    Of a file that somebody else handed in, users with an area see the rows of their area and no examples of cells.
    """
    preview: dict[str, Any] = upload.preview
    areas = areas_of(session, user)
    if areas is None or upload.uploaded_by == user.id or not preview:
        return preview
    sheets = [
        {
            **sheet,
            "columns": [
                [position, label, meaning, []] for position, label, meaning, _texts in sheet["columns"]
            ],
            "lines": [[line, ""] for line, _beginning in sheet["lines"]],
        }
        for sheet in preview.get("sheets", [])
    ]
    seen = {
        part: [row for row in preview.get(part, []) if row["area_code"] is None or row["area_code"] in areas]
        for part in ("rows", "doubts", "differing", "odd_names")
    }
    return {**preview, "sheets": sheets, **seen}


def find_list(session: Session, list_id: int, *, user: User) -> ContactList:
    """Return a list that the user may see. Raises NotFound."""
    return find_visible(session, ContactList, list_id, user, NotFound("list_not_found"))


@use_case
def correct_columns(
    session: Session,
    upload_id: int,
    *,
    columns: Mapping[str, Mapping[str, str]],
    lines: Mapping[int, str] | None = None,
    place: Mapping[str, str] | None = None,
    user: User,
    now: datetime,
) -> Upload:
    """Set the meanings of columns and the header lines by hand, and check the file again.

    `columns`: by the header's signature, column position to meaning; that of a field is PREFIX and the name it shall have,
    or PREFIX alone for the name of its title. `lines`: by the sheet's index in the
    preview, the line of its header, "0" for none, or SKIPPED. A sheet whose header changes has its columns
    guessed again. `place`: see `place_of_file`.

    Raises BadInput for an unknown meaning, a field's name that is not plain, too many fields, or if no sheet has phones, WrongState if the upload is not ready.
    """
    upload = lock_ready(session, upload_id, user=user)
    sheets = upload.preview.get("sheets", [])
    lines_changed = {}
    for index, line in (lines or {}).items():
        sheet = sheets[index] if index < len(sheets) else None
        if sheet is None or line not in {"0", SKIPPED, *(str(number) for number, _ in sheet["lines"])}:
            raise BadInput("header_unknown")
        if line != str(sheet["line"]):
            lines_changed[line_key(sheet["sheet"])] = {"line": line}
    meanings = _new_meanings(sheets, columns, lines_changed)
    said = place_of_file(installation_gazetteer(session), place) if place is not None else {}
    if place is not None:
        upload.corrected = {key: each for key, each in upload.corrected.items() if key != PLACE_OF_FILE}
    check_again(session, upload, {**upload.corrected, **meanings, **lines_changed, **said}, now=now)
    return upload


def check_again(session: Session, upload: Upload, corrected: dict[str, Any], *, now: datetime) -> None:
    """Let a worker check the file again, with what is corrected now."""
    upload.corrected = corrected
    upload.state, upload.progress, upload.tries, upload.due_at = UploadState.CHECKING, 0, 0, now
    upload.preview, upload.counts, upload.total = {}, {}, None
    enqueue_after_commit(session, enqueue_import, upload.id)


def place_of_file(gazetteer: Gazetteer, place: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the correction that says where people of a file live whose rows name no place: `commune`, `village`.

    Raises BadInput for a commune that nobody knows.
    """
    given = {
        name: text
        for name in ("commune", "village")
        if (text := cell_text(place.get(name, ""))[:LONGEST_PLACE])
    }
    if "commune" in given and not gazetteer.match(given["commune"]).as_text:
        raise BadInput("commune_name_unknown", name=given["commune"])
    return {PLACE_OF_FILE: given} if given else {}


def _new_meanings(
    sheets: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Mapping[str, str]],
    lines: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, str]]:
    """Return the meanings of columns as a user named them, of the sheets that keep their header. Raises BadInput."""
    unchanged, changed = list[Mapping[str, Any]](), list[Mapping[str, Any]]()
    for sheet in sheets:
        line = lines.get(line_key(sheet["sheet"]), {}).get("line", str(sheet["line"]))
        if line != SKIPPED:
            (unchanged if line == str(sheet["line"]) else changed).append(sheet)
    if not unchanged and not changed:
        raise BadInput("all_sheets_left_out")
    other = _signatures(sheets) - (_signatures(unchanged) - _signatures(changed))
    named = {signature: each for signature, each in columns.items() if signature not in other}
    if not changed and not any(PHONE in _meanings(sheet, named) for sheet in unchanged):
        raise BadInput("phone_column_unset")
    headers = {sheet["signature"]: sheet["columns"] for sheet in sheets}
    meanings = {signature: _checked(headers.get(signature, []), each) for signature, each in named.items()}
    read = chain.from_iterable(_meanings(sheet, meanings) for sheet in unchanged)
    if len({*filter(None, map(field_of, read))}) > MOST_FIELDS:
        raise BadInput("list_fields_many", most=MOST_FIELDS)
    return meanings


def _checked(columns: Sequence[Sequence[Any]], meanings: Mapping[str, str]) -> dict[str, str]:
    """Return the meanings of a header's columns, those of fields with their names, or those of their titles. Raises BadInput."""
    labels = {str(position): label for position, label, meaning, _ in columns if meaning != SENSITIVE}
    named = {each for each in meanings.values() if not each.startswith(PREFIX)}
    if not meanings.keys() <= labels.keys() or not named <= _MEANINGS:
        raise BadInput("columns_not_understood")
    checked = {
        position: PREFIX
        + read_field_name(meaning.removeprefix(PREFIX).strip() or name_of_label(labels[position]))
        if meaning.startswith(PREFIX)
        else meaning
        for position, meaning in meanings.items()
    }
    if any(count > 1 and meaning not in _REPEATABLE for meaning, count in Counter(checked.values()).items()):
        raise BadInput("columns_same_meaning")
    return checked


def _signatures(sheets: Sequence[Mapping[str, Any]]) -> set[str]:
    return {sheet["signature"] for sheet in sheets}


def _meanings(sheet: Mapping[str, Any], columns: Mapping[str, Mapping[str, str]]) -> Collection[str]:
    """Return the meanings of a sheet's columns: as corrected, or else as understood."""
    corrected = columns.get(sheet["signature"])
    return corrected.values() if corrected is not None else [meaning for _, _, meaning, _ in sheet["columns"]]


@use_case
def confirm_upload(session: Session, upload_id: int, *, user: User, now: datetime) -> Upload:
    """Confirm the preview, so that a worker stores the rows. Raises WrongState, BadInput without phones."""
    upload = lock_ready(session, upload_id, user=user)
    if upload.preview.get("problem"):
        raise BadInput("phone_column_unset")
    begin_storing(session, upload, now=now)
    remember_mappings(session, upload)
    enqueue_after_commit(session, enqueue_import, upload.id)
    _record(session, upload, "upload.confirm", user=user, now=now)
    return upload


def begin_storing(session: Session, upload: Upload, *, now: datetime) -> None:
    """Begin the import of an upload's rows."""
    list_import = begin_import(
        session, list_id=upload.list_id, file_name=upload.file_name, sha256=upload.sha256, now=now
    )
    upload.import_id, upload.state, upload.due_at = list_import.id, UploadState.STORING, now
    upload.progress = upload.tries = 0


@use_case
def cancel_upload(session: Session, upload_id: int, *, user: User, now: datetime) -> Upload:
    """Cancel an upload; a worker undoes rows stored already. Raises WrongState if it has ended."""
    upload = _lock(session, upload_id, user=user)
    rows = upload.progress
    if upload.state is UploadState.STORING:
        begin_undoing(upload, now=now)
        enqueue_after_commit(session, enqueue_import, upload.id)
    elif upload.state in (UploadState.CHECKING, UploadState.READY):
        end_upload(upload, UploadState.CANCELLED, now=now)
    else:
        raise WrongState("import_ended")
    _record(session, upload, "upload.cancel", user=user, now=now, rows=rows)
    return upload


@use_case
def undo_upload(session: Session, upload_id: int, *, user: User, now: datetime) -> Upload:
    """Undo all that an ended upload stored; a worker does it.

    Raises WrongState while it is worked on, or if nothing is left to undo.
    """
    upload = _lock(session, upload_id, user=user)
    if not may_be_undone(session, upload):
        raise WrongState("import_undo_late")
    begin_undoing(upload, now=now)
    enqueue_after_commit(session, enqueue_import, upload.id)
    _record(session, upload, "upload.undo", user=user, now=now, rows=upload.total or 0)
    return upload


@use_case
def export_errors(
    session: Session, import_id: int, out: Path, *, user: User | None, now: datetime
) -> ListImport:
    """Write the rows of an import that were not stored, with full numbers, to a file to correct; recorded.

    A command has no user. Raises NotFound.
    """
    list_import = or_raise(session.get(ListImport, import_id), NotFound("import_id_unknown", id=import_id))
    if user:
        find_list(session, list_import.list_id, user=user)
    rows = export_issues(session, import_id, out, user=user)
    audit.record(session, "import.see_errors", list_import, user, now, rows=rows)
    return list_import


def may_be_undone(session: Session, upload: Upload) -> bool:
    """Return whether an upload has ended with rows still stored, also after an undo that failed halfway."""
    if upload.state not in ENDED or upload.import_id is None:
        return False
    return session.get_one(ListImport, upload.import_id).undone_at is None


def begin_undoing(upload: Upload, *, now: datetime, error: LoaError | None = None) -> None:
    """Let a worker undo what the upload stored; with an `error` it ends as failed, else as cancelled."""
    upload.state, upload.due_at = UploadState.UNDOING, now
    upload.error = error.as_json() if error else ""
    upload.progress = upload.tries = 0
    upload.ended_at = None


def end_upload(upload: Upload, state: UploadState, *, now: datetime, error: LoaError | None = None) -> None:
    """End an upload; an earlier error of it stays. Of its preview only the columns stay; the rest is personal data."""
    upload.state, upload.ended_at, upload.due_at = state, now, None
    if error:
        upload.error = error.as_json()
    sheets = [
        {**sheet, "lines": [], "columns": [[*column[:3], []] for column in sheet["columns"]]}
        for sheet in upload.preview.get("sheets", [])
    ]
    differing = [{"row": each["row"], "area_code": None} for each in upload.preview.get("differing", [])]
    if upload.preview:
        emptied: dict[str, Any] = {part: [] for part in ("rows", "doubts", "odd_names", "places")}
        upload.preview = {**upload.preview, **emptied, "sheets": sheets, "differing": differing}
    upload.corrected = {
        key: value for key, value in upload.corrected.items() if not key.startswith(rows_key(""))
    }


def path_of(upload: Upload | DoNotCallFile, folder: Path) -> Path:
    """Return the path of a file. It keeps the sender's name, as error messages show it."""
    own = f"{_REGISTER}{upload.id}" if isinstance(upload, DoNotCallFile) else str(upload.id)
    return folder / own / upload.file_name


def forget_file(upload: Upload | DoNotCallFile, folder: Path) -> None:
    """Remove the file, if it is still there."""
    shutil.rmtree(path_of(upload, folder).parent, ignore_errors=True)


def _lock(session: Session, upload_id: int, *, user: User) -> Upload:
    require_role(user, Role.STAFF, Role.APPROVER)
    upload = find_upload(session, upload_id, user=user)
    if upload.import_id and upload.uploaded_by != user.id:
        # Also whom it only saw again: what it said of them is undone as well.
        tables = (ImportChange, ImportSighting)
        told = (select(each.contact_id).where(each.import_id == upload.import_id) for each in tables)
        is_told = or_(Membership.last_import_id == upload.import_id, *map(Membership.contact_id.in_, told))
        is_stored = Membership.import_id == upload.import_id
        require_all_people(session, user, is_stored | (Membership.list_id == upload.list_id) & is_told)
    return session.get_one(Upload, upload_id, with_for_update=True, populate_existing=True)


def lock_ready(session: Session, upload_id: int, *, user: User) -> Upload:
    """Return an upload that waits for its confirmation, locked. Raises NotFound, NotAllowed, WrongState."""
    upload = _lock(session, upload_id, user=user)
    if upload.state is not UploadState.READY:
        raise WrongState("import_not_waiting")
    return upload


def safe_file_name(file_name: str) -> str:
    """Return a name that is safe in the file system and that its sender still recognises."""
    name = PurePosixPath(file_name.replace("\\", "/")).name
    name = re.sub(r"[^\w .()+,&-]", "_", name).strip(" .")
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        return name[:_LONGEST_STEM] or "danh-sach"
    return f"{stem[:_LONGEST_STEM]}.{suffix[:5]}"


def write_file(content: IO[bytes], path: Path, *, most: int | None) -> tuple[int, str]:
    """Write a file, no further than a block beyond `most` bytes. Returns its size and SHA-256."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while (most is None or size <= most) and (block := content.read(_BLOCK_BYTES)):
            size += len(block)
            digest.update(block)
            file.write(block)
    return size, digest.hexdigest()


def _record(
    session: Session, upload: Upload, action: str, *, user: User | None, now: datetime, **details: int
) -> None:
    audit.record(session, action, f"contact_lists:{upload.list_id}", user, now, upload=upload.id, **details)


def read_mappings(session: Session, organisation_id: int) -> dict[str, dict[str, str]]:
    """Return the columns that an organisation named by hand, by the header's signature."""
    rows = session.scalars(select(ColumnMapping).where(ColumnMapping.organisation_id == organisation_id))
    return {mapping.signature: mapping.columns for mapping in rows}


def remember_mappings(session: Session, upload: Upload) -> None:
    """Store the corrected columns of this file's headers, where phones are among them."""
    owner = session.get_one(ContactList, upload.list_id).organisation_id
    headers: list[dict[str, Any]] = upload.preview.get("sheets", [])
    for signature in {sheet["signature"] for sheet in headers} & upload.corrected.keys():
        columns = upload.corrected[signature]
        if PHONE in columns.values():
            session.merge(ColumnMapping(organisation_id=owner, signature=signature, columns=columns))


# A file is written before its row is committed; if there is still no row, the upload was interrupted.
_ORPHAN_AFTER = timedelta(days=1)


def remove_unconfirmed(db: Database, folder: Path, *, keep: timedelta, now: datetime) -> int:
    """Expire the uploads that were not confirmed within `keep`, and remove their files. Returns how many."""
    overdue = select(Upload.id).where(Upload.state == UploadState.READY, Upload.uploaded_at < now - keep)
    with db.read() as session:
        ids = session.scalars(overdue).all()
    for upload_id in ids:
        with db.write() as session:
            upload = session.get_one(Upload, upload_id, with_for_update=True)
            if upload.state is not UploadState.READY:
                continue
            end_upload(
                upload, UploadState.CANCELLED, now=now, error=LoaError("import_not_confirmed", days=keep.days)
            )
        forget_file(upload, folder)
    return len(ids)


def remove_ended(db: Database, folder: Path, *, now: datetime) -> int:
    """Remove the folders of ended files, whose process may have died before it did. Returns how many."""
    folders = {path.name: path for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else {}
    if not folders:
        return 0
    uploads = [int(name) for name in folders if name.isdecimal()]
    registers = [int(name.removeprefix(_REGISTER)) for name in folders if _is_register(name)]
    states = select(Upload.id, Upload.state).where(Upload.id.in_(uploads))
    register_states = select(DoNotCallFile.id, DoNotCallFile.state).where(DoNotCallFile.id.in_(registers))
    with db.read() as session:
        ended = {str(id_): state in ENDED for id_, state in session.execute(states)}
        for id_, state in session.execute(register_states):
            ended[f"{_REGISTER}{id_}"] = state is not RegisterState.WAITING
    removable = [
        path
        for name, path in folders.items()
        if (ended[name] if name in ended else _is_orphan(path, now=now))
    ]
    for path in removable:
        shutil.rmtree(path, ignore_errors=True)
    return len(removable)


def _is_register(name: str) -> bool:
    return name.startswith(_REGISTER) and name.removeprefix(_REGISTER).isdecimal()


def _is_orphan(path: Path, *, now: datetime) -> bool:
    is_upload_folder = path.name.isdecimal() or _is_register(path.name)
    try:
        return is_upload_folder and path.stat().st_mtime < (now - _ORPHAN_AFTER).timestamp()
    except FileNotFoundError:
        return False


# Longer than it takes to open the largest workbook, and to store one chunk.
LEASE = timedelta(seconds=30)
_IN_PROGRESS = (UploadState.CHECKING, UploadState.STORING, UploadState.UNDOING)
MOST_TRIES = 3  # workers that may die without progress
_NOT_UNDONE = LoaError("import_not_undone")


class _Lost(Exception):
    """The upload was cancelled or taken over by another worker, or a stop was requested."""


@dataclass(frozen=True, slots=True)
class UploadContext:
    """Settings and resources for the processing. `stop_requested` is called between two chunks."""

    db: Database
    folder: Path
    stop_requested: Callable[[], bool]


def uploads_to_process(session: Session, *, now: datetime) -> list[int]:
    """Return the ids of uploads with work to do that no worker holds a lease on."""
    return list(
        session.scalars(
            select(Upload.id).where(Upload.state.in_(_IN_PROGRESS), Upload.due_at <= now).order_by(Upload.id)
        )
    )


def process_upload(context: UploadContext, upload_id: int, rows: Iterator[CheckedRow] | None = None) -> bool:
    """Do what the upload's state asks for, to the end or until a stop is requested.

    `rows` are all rows of its file, if it was opened already. Returns False if there is nothing to do.
    """
    upload = _claim(context, upload_id)
    if upload is None:
        return False
    path = path_of(upload, context.folder)
    try:
        if upload.state is UploadState.UNDOING:
            _undo(context, upload)
            return True
        if not path.is_file() or digest(path) != upload.sha256:
            raise BadList("file_changed")
        with gc_paused():
            if upload.state is UploadState.CHECKING:
                _check(context, upload, path)
            else:
                _store(context, upload, rows or _read_rows(context, upload, path))
    except LoaError as error:
        _fail(context, upload, error)
    except _Lost:
        pass
    except DATABASE_AWAY:
        raise  # another worker continues when the lease has run out
    except Exception:
        is_undoing = upload.state is UploadState.UNDOING
        _fail(context, upload, _NOT_UNDONE if is_undoing else LoaError("import_fault"))
        raise
    return True


def _claim(context: UploadContext, upload_id: int) -> Upload | None:
    now = datetime.now(UTC)
    with context.db.write() as session:
        upload = session.get(Upload, upload_id, with_for_update=True)
        if upload is None or upload.state not in _IN_PROGRESS or upload.due_at is None or upload.due_at > now:
            return None
        if upload.tries >= MOST_TRIES:
            _give_up(upload, now=now)
            return None
        upload.tries += 1
        upload.due_at = now + LEASE
        if upload.state is UploadState.CHECKING:
            upload.progress = 0
        return upload


def _give_up(upload: Upload, *, now: datetime) -> None:
    """End an upload over which every worker that took it died: the next one would, too."""
    if upload.state is UploadState.STORING:
        return begin_undoing(upload, now=now, error=LoaError("import_given_up", tries=MOST_TRIES))
    error = LoaError("import_undo_given_up", tries=MOST_TRIES, what_to_do=_NOT_UNDONE)
    if upload.state is UploadState.CHECKING:
        error = LoaError("import_check_given_up", tries=MOST_TRIES)
    end_upload(upload, UploadState.FAILED, now=now, error=error)


def _check(context: UploadContext, upload: Upload, path: Path) -> None:
    understood = describe_sheets(path, upload.corrected)
    preview, shown, done = PreviewCounts(upload.list_id), PreviewRows(understood), 0
    try:
        for chunk in prefetch_chunks(_read_rows(context, upload, path), CHUNK):
            with context.db.read() as session:
                outcomes = preview.add(session, chunk)
            shown.add(chunk, outcomes)
            with _next_part(context, upload, done=done) as (_, claimed):
                done += len(chunk)
                claimed.progress = done
    except NoPhoneColumn as error:
        if not understood["sheets"]:
            raise
        _ask_for_columns(context, upload, understood, error.code, done=done)
        return
    if understood["sheets"] and all(sheet["guessed"] for sheet in understood["sheets"] if sheet["columns"]):
        _ask_for_columns(context, upload, understood, "numbers_in_texts", done=done)
        return
    with _next_part(context, upload, done=done) as (_, claimed):
        if not done:
            raise BadList("file_without_people", name=upload.file_name)
        claimed.counts, claimed.total = dict(preview.counts), done
        said = sum(len(rows) for key, rows in upload.corrected.items() if key.startswith(rows_key("")))
        claimed.preview = {
            **understood,
            **shown.parts,
            "said": said,
            "fields": preview.of_people.having(),
            "differing": [*preview.of_people.differing.values()],
            "places": [[name, n, of] for (name, of), n in shown.places.most_common(PLACES_SHOWN)],
        }
        claimed.state, claimed.due_at = UploadState.READY, None


def _read_rows(context: UploadContext, upload: Upload, path: Path) -> Iterator[CheckedRow]:
    with context.db.read() as session:
        gazetteer = installation_gazetteer(session)
    return check_list(path, gazetteer, upload.corrected)


def _ask_for_columns(
    context: UploadContext, upload: Upload, understood: dict[str, Any], problem: str, *, done: int
) -> None:
    with _next_part(context, upload, done=done) as (_, claimed):
        claimed.counts, claimed.total = {}, None
        claimed.preview = {**understood, "rows": [], "problem": problem}
        claimed.state, claimed.due_at = UploadState.READY, None


def _store(context: UploadContext, upload: Upload, rows: Iterator[CheckedRow]) -> None:
    with context.db.read() as session:
        known_areas = set(session.scalars(select(Area.code)))
    references = _read_references(path_of(upload, context.folder))
    done = upload.progress
    for chunk in prefetch_chunks(islice(rows, done, None), CHUNK):
        with _next_part(context, upload, done=done) as (session, claimed):
            list_import = session.get_one(ListImport, claimed.import_id)
            store_rows(
                session,
                chunk,
                list_import=list_import,
                known_areas=known_areas,
                now=datetime.now(UTC),
                references=references,
            )
            done += len(chunk)
            claimed.progress = done
    with _next_part(context, upload, done=done) as (session, claimed):
        now = datetime.now(UTC)
        list_import = session.get_one(ListImport, claimed.import_id)
        store_decided_before(session, list_import, now=now)
        counts = list_import.counts
        session.get_one(ContactList, claimed.list_id).hidden = False
        end_upload(claimed, UploadState.DONE, now=now)
        audit.record(
            session, "contacts.import", f"contact_lists:{claimed.list_id}", claimed.uploaded_by, now, **counts
        )
    forget_file(upload, context.folder)


def _undo(context: UploadContext, upload: Upload) -> None:
    done = upload.progress
    while True:
        with _next_part(context, upload, done=done) as (session, claimed):
            now = datetime.now(UTC)
            list_import = session.get_one(ListImport, claimed.import_id)
            undone = undo_import_rows(session, list_import, limit=CHUNK, now=now)
            if not undone:
                end_upload(claimed, UploadState.FAILED if claimed.error else UploadState.CANCELLED, now=now)
                break
            done += undone
            claimed.progress = done
    forget_file(upload, context.folder)


def _read_references(path: Path) -> tuple[int, dict[int, str]]:
    """Return the organisation whose system names the people of a file, and its names by their rows."""
    beside = path.with_name(REFERENCES)
    if not beside.is_file():
        return 0, {}
    content = json.loads(beside.read_text(encoding="utf-8"))
    return content["organisation"], {int(row): name for row, name in content["rows"].items()}


@contextmanager
def _next_part(context: UploadContext, upload: Upload, *, done: int) -> Iterator[tuple[Session, Upload]]:
    """Open the transaction of the next chunk, with the upload's row locked and its lease renewed. Raises _Lost."""
    with context.db.write() as session:
        now = datetime.now(UTC)
        claimed = session.get_one(Upload, upload.id, with_for_update=True)
        is_ours = claimed.state is upload.state and claimed.progress == done
        goes_on = is_ours and not context.stop_requested()
        if goes_on:
            claimed.due_at = now + LEASE
            if claimed.state is not UploadState.CHECKING:  # a check starts from the first row each time
                claimed.tries = 0  # the upload advances with this chunk
            yield session, claimed
        elif is_ours:
            claimed.due_at, claimed.tries = now, 0
    if not goes_on:
        raise _Lost


def _fail(context: UploadContext, upload: Upload, error: LoaError) -> None:
    with context.db.write() as session:
        locked = session.get_one(Upload, upload.id, with_for_update=True)
        if locked.state is not upload.state:
            return
        now = datetime.now(UTC)
        if locked.state is UploadState.STORING:
            begin_undoing(locked, now=now, error=error)
        else:
            end_upload(locked, UploadState.FAILED, now=now, error=error)
    forget_file(upload, context.folder)


_ASK_AGAIN_S = 1.0  # while a worker has the upload


def import_file(
    runtime: Runtime,
    path: Path,
    *,
    organisation: str,
    list_name: str,
    now: datetime,
    basis: str = "",
    basis_note: str = "",
    place: Mapping[str, str] | None = None,
) -> ListImport:
    """Import a file into an organisation's list, created if it does not exist. Returns once all is stored.

    `place`: `commune` and `village` of people whose rows name none. Raises NotFound for the organisation, BadList, BadInput for the basis, WrongState if it was cancelled meanwhile.
    """
    folder = Path(runtime.settings.uploads_dir)
    with runtime.db.read() as session:
        owner = find_organisation(session, organisation)
        gazetteer = installation_gazetteer(session)
        said = place_of_file(gazetteer, place or {})
        rows = check_list(path, gazetteer, read_mappings(session, owner.id) | said)
    # A file that is no list is refused before anything is stored.
    opened: Iterator[CheckedRow] | None = chain(list(islice(rows, 1)), rows)
    with transaction(runtime) as session:
        into = find_or_create_list(session, organisation_id=owner.id, name=list_name, now=now)
        if basis:
            set_basis(into, basis=basis, since=None, note=basis_note, now=now)
            audit.record(session, "list.basis", into, None, now, basis=basis)
        unfinished = select(Upload).where(
            Upload.list_id == into.id,
            Upload.sha256 == digest(path),
            Upload.uploaded_by.is_(None),
            Upload.state.not_in(ENDED),
        )
        upload = session.scalars(unfinished.limit(1)).first()
        if upload is None:
            with path.open("rb") as content:
                upload = receive_upload(
                    session, content, file_name=path.name, list_id=into.id, folder=folder, user=None, now=now
                )
            upload.corrected = upload.corrected | said
            begin_storing(session, upload, now=now)
    context = UploadContext(runtime.db, folder, lambda: False)
    while upload.state not in ENDED:
        if not process_upload(context, upload.id, opened):
            time.sleep(_ASK_AGAIN_S)
        opened = None
        with runtime.db.read() as session:
            upload = session.get_one(Upload, upload.id)
    if upload.state is UploadState.CANCELLED:
        raise WrongState("import_cancelled_on_page")
    if upload.state is UploadState.FAILED:
        raise BadList("file_refused", reason=error_from_json(upload.error) or upload.error)
    with runtime.db.read() as session:
        return session.get_one(ListImport, upload.import_id)


def undo_import(runtime: Runtime, import_id: int) -> int:
    """Undo an import in parts, and end its upload. Returns how many people it was about. Raises NotFound, WrongState."""
    people = 0
    while True:
        with transaction(runtime) as session:
            now = datetime.now(UTC)
            lock_imports(session)  # before any row, as a merge does
            found = session.get(ListImport, import_id, with_for_update=True)
            list_import = or_raise(found, NotFound("import_id_unknown", id=import_id))
            upload = session.scalar(select(Upload).where(Upload.import_id == import_id).with_for_update())
            if list_import.undone_at is not None or (upload is not None and upload.state not in ENDED):
                raise WrongState("import_id_undone", id=import_id)
            done = undo_import_rows(session, list_import, limit=CHUNK, now=now)
            if not done:
                if upload is not None:
                    end_upload(upload, UploadState.CANCELLED, now=now)
                about = f"contact_lists:{list_import.list_id}"
                audit.record(session, "contacts.undo", about, None, now)
                return people
            people += done


@use_case
def import_areas(session: Session, file: Path, *, now: datetime) -> int:
    """Load the areas of a file, as a command. Returns the number of communes. Raises BadInput."""
    communes = load_areas(session, file)
    audit.record(session, "areas.load", "areas:all", None, now, communes=communes)
    return communes
