"""Processing of an upload by a worker: check, store, undo. Each chunk of rows is one transaction.

A worker holds a lease while it works. If it is killed, another worker continues once the lease has run out: a
check starts again from the first row; storing continues behind the last stored row, as the rows and their
count are in one commit.

A command imports a file as an upload without a user, stored by its own process and to be undone on its page. Nobody confirms it,
so that it is not checked before; a file that turns out to be unreadable is undone. If the command is killed, a worker goes on
with it, or the command when it is given the same file again.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.organisations import find_organisation
from outreach.contacts.lists import set_basis
from outreach.core.db import DATABASE_AWAY, Database, gc_paused, prefetch_chunks
from outreach.imports.list_reader import check_list, rows_key
from outreach.imports.preview import PreviewCounts, PreviewRows, describe_sheets
from outreach.imports.receive_rows import read_row_references
from outreach.imports.store_rows import CHUNK, digest, find_or_create_list, store_rows
from outreach.imports.undo_import import undo_import_rows
from outreach.imports.uploads import (
    ENDED,
    begin_storing,
    begin_undoing,
    end_upload,
    forget_file,
    path_of,
    place_of_file,
    read_mappings,
    receive_upload,
)
from outreach.models.contacts import ContactList, ListImport, Upload, UploadState
from outreach.models.places import Area
from outreach.places.areas import load_areas
from outreach.places.unit_days import installation_gazetteer
from outreach.rules.errors import BadList, LoaError, NoPhoneColumn, WrongState, error_from_json
from outreach.rules.keys import Purpose
from outreach.rules.list_rows import CheckedRow
from outreach.runtime import Runtime
from outreach.use_cases import transaction, use_case

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
    secret_key: str
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
    preview, shown, done = PreviewCounts(upload.list_id, context.secret_key), PreviewRows(understood), 0
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
    references = read_row_references(path_of(upload, context.folder))
    done = upload.progress
    for chunk in prefetch_chunks(islice(rows, done, None), CHUNK):
        with _next_part(context, upload, done=done) as (session, claimed):
            list_import = session.get_one(ListImport, claimed.import_id)
            store_rows(
                session,
                chunk,
                list_import=list_import,
                known_areas=known_areas,
                secret_key=context.secret_key,
                now=datetime.now(UTC),
                references=references,
            )
            done += len(chunk)
            claimed.progress = done
    with _next_part(context, upload, done=done) as (session, claimed):
        now = datetime.now(UTC)
        counts = session.get_one(ListImport, claimed.import_id).counts
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
            undone = undo_import_rows(
                session, list_import, limit=CHUNK, secret_key=context.secret_key, now=now
            )
            if not undone:
                end_upload(claimed, UploadState.FAILED if claimed.error else UploadState.CANCELLED, now=now)
                break
            done += undone
            claimed.progress = done
    forget_file(upload, context.folder)


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
    folder, key = Path(runtime.settings.uploads_dir), runtime.settings.keys_of(Purpose.SUPPRESSIONS)
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
    context = UploadContext(runtime.db, folder, key, lambda: False)
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


@use_case
def import_areas(session: Session, file: Path, *, now: datetime) -> int:
    """Load the areas of a file, as a command. Returns the number of communes. Raises BadInput."""
    communes = load_areas(session, file)
    audit.record(session, "areas.load", "areas:all", None, now, communes=communes)
    return communes
