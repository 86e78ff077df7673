"""The work on an upload: checked first, stored after the officer's word. Each chunk of rows is one transaction.

A worker holds a lease while it works. One that was killed is followed by another when the lease has run out: a
check starts anew, storing goes on behind the last stored row, as the rows and the count of them are one commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.core.bulk import gc_paused, prefetch_chunks
from outreach.core.db import Database
from outreach.imports.list_reader import check_list
from outreach.imports.preview import ROWS_SHOWN, PreviewCounts, describe_sheets, show_row
from outreach.imports.store_rows import CHUNK, digest, store_rows
from outreach.imports.undo_import import undo_import_rows
from outreach.imports.uploads import begin_undoing, end_upload, forget_file, path_of
from outreach.models.contacts import ListImport, Upload, UploadState
from outreach.models.places import Area
from outreach.rules.errors import BadList, LoaError, NoPhoneColumn
from outreach.rules.gazetteer import default_gazetteer

# Longer than opening the largest workbook and storing one chunk take.
LEASE = timedelta(seconds=30)
_AT_WORK = (UploadState.CHECKING, UploadState.STORING, UploadState.UNDOING)
MOST_TRIES = 3  # workers that may end over it without having moved it on
_NOT_UNDONE = "Chưa gỡ hết những gì tệp này đã đưa vào. Hãy bấm “Hoàn tác lần nhập” lần nữa; nếu vẫn lỗi, hãy báo người quản trị."
_SERVER_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class UploadContext:
    """What working on uploads needs. `stop_requested` is asked between two chunks."""

    db: Database
    folder: Path
    secret_key: str
    stop_requested: Callable[[], bool]


def uploads_to_process(session: Session, *, now: datetime) -> list[int]:
    """Uploads that someone should be working on and nobody is."""
    return list(
        session.scalars(
            select(Upload.id).where(Upload.state.in_(_AT_WORK), Upload.due_at <= now).order_by(Upload.id)
        )
    )


def process_upload(work: UploadContext, upload_id: int) -> bool:
    """Do what its state asks for, to the end or until told to stop. False where there is nothing to do."""
    upload = _take(work, upload_id)
    if upload is None:
        return False
    path = path_of(upload, work.folder)
    try:
        if upload.state is UploadState.UNDOING:
            _undo(work, upload)
            return True
        if not path.is_file() or digest(path) != upload.sha256:
            raise BadList("Tệp đã lưu bị thay đổi hoặc không còn. Hãy chọn lại tệp gốc và nhập lại từ đầu.")
        with gc_paused():
            if upload.state is UploadState.CHECKING:
                _check(work, upload, path)
            else:
                _store(work, upload, path)
    except LoaError as error:
        _fail(work, upload, str(error))
    except _SERVER_AWAY:
        raise  # another worker goes on when the lease has run out
    except Exception:
        _fail(
            work,
            upload,
            _NOT_UNDONE
            if upload.state is UploadState.UNDOING
            else "Hệ thống gặp lỗi khi xử lý tệp này. Hãy thử lưu lại tệp bằng Excel rồi nhập lại; "
            "nếu vẫn lỗi, hãy báo người quản trị.",
        )
        raise
    return True


def _take(work: UploadContext, upload_id: int) -> Upload | None:
    now = datetime.now(UTC)
    with work.db.write() as session:
        upload = session.get(Upload, upload_id, with_for_update=True)
        if upload is None or upload.state not in _AT_WORK or upload.due_at is None or upload.due_at > now:
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
    """Every worker that took it ended over it: the next one would, too."""
    tried = f"Hệ thống đã thử {MOST_TRIES} lần mà không xử lý được tệp này. "
    if upload.state is UploadState.STORING:
        begin_undoing(
            upload, now=now, error=f"{tried}Hãy chia danh sách thành nhiều tệp nhỏ hơn rồi nhập lại."
        )
    elif upload.state is UploadState.CHECKING:
        end_upload(
            upload,
            UploadState.FAILED,
            now=now,
            error=f"{tried}Hãy chép danh sách sang một tệp Excel mới, hoặc chia thành nhiều tệp nhỏ hơn.",
        )
    else:
        end_upload(
            upload,
            UploadState.FAILED,
            now=now,
            error=f"Hệ thống đã thử {MOST_TRIES} lần. {_NOT_UNDONE}",
        )


def _check(work: UploadContext, upload: Upload, path: Path) -> None:
    understood = describe_sheets(path, upload.corrected)
    preview, shown, done = PreviewCounts(upload.list_id, work.secret_key), list[dict[str, Any]](), 0
    try:
        for chunk in prefetch_chunks(check_list(path, default_gazetteer(), upload.corrected), CHUNK):
            with work.db.read() as session:
                told = preview.add(session, chunk)
            first = zip(chunk[: ROWS_SHOWN - len(shown)], told, strict=False)
            shown += [show_row(row, *said) for row, said in first]
            with work.db.write() as session:
                held = _still_ours(session, work, upload, done=done)
                if held is None:
                    return
                done += len(chunk)
                held.progress = done
    except NoPhoneColumn as error:
        if not understood["sheets"]:
            raise
        _ask_for_columns(work, upload, understood, str(error), done=done)
        return
    with work.db.write() as session:
        held = _still_ours(session, work, upload, done=done)
        if held is None:
            return
        if not done:
            raise BadList(f"Tệp “{upload.file_name}” không có người nào. Hãy kiểm tra lại tệp gốc.")
        held.counts, held.total = dict(preview.counts), done
        held.preview = {**understood, "rows": shown}
        held.state, held.due_at = UploadState.READY, None


def _ask_for_columns(
    work: UploadContext, upload: Upload, understood: dict[str, Any], problem: str, *, done: int
) -> None:
    with work.db.write() as session:
        held = _still_ours(session, work, upload, done=done)
        if held is not None:
            held.counts, held.total = {}, None
            held.preview = {**understood, "rows": [], "problem": problem}
            held.state, held.due_at = UploadState.READY, None


def _store(work: UploadContext, upload: Upload, path: Path) -> None:
    with work.db.read() as session:
        known_areas = set(session.scalars(select(Area.code)))
    done = upload.progress
    rows = islice(check_list(path, default_gazetteer(), upload.corrected), done, None)
    for chunk in prefetch_chunks(rows, CHUNK):
        with work.db.write() as session:
            held = _still_ours(session, work, upload, done=done)
            if held is None:
                return
            brought = session.get_one(ListImport, held.import_id)
            store_rows(
                session,
                chunk,
                brought=brought,
                known_areas=known_areas,
                secret_key=work.secret_key,
                now=datetime.now(UTC),
            )
            done += len(chunk)
            held.progress = done
    with work.db.write() as session:
        held = _still_ours(session, work, upload, done=done)
        if held is None:
            return
        now = datetime.now(UTC)
        counts = session.get_one(ListImport, held.import_id).counts
        end_upload(held, UploadState.DONE, now=now)
        audit.record(
            session,
            actor_id=held.uploaded_by,
            action="contacts.import",
            subject=f"contact_lists:{held.list_id}",
            now=now,
            **counts,
        )
    forget_file(upload, work.folder)


def _undo(work: UploadContext, upload: Upload) -> None:
    done = upload.progress
    while True:
        with work.db.write() as session:
            held = _still_ours(session, work, upload, done=done)
            if held is None:
                return
            now = datetime.now(UTC)
            brought = session.get_one(ListImport, held.import_id)
            taken = undo_import_rows(session, brought, limit=CHUNK, secret_key=work.secret_key, now=now)
            if not taken:
                end_upload(
                    held,
                    UploadState.FAILED if held.error else UploadState.CANCELLED,
                    now=now,
                    error=held.error,
                )
                break
            done += taken
            held.progress = done
    forget_file(upload, work.folder)


def _still_ours(session: Session, work: UploadContext, upload: Upload, *, done: int) -> Upload | None:
    """Its row, locked and its lease renewed; None when it was cancelled, taken over, or we were told to stop."""
    now = datetime.now(UTC)
    held = session.get_one(Upload, upload.id, with_for_update=True)
    if held.state is not upload.state or held.progress != done:
        return None
    if work.stop_requested():
        held.due_at, held.tries = now, 0
        return None
    held.due_at = now + LEASE
    if held.state is not UploadState.CHECKING:  # a check begins anew each time
        held.tries = 0  # with the chunk that comes now
    return held


def _fail(work: UploadContext, upload: Upload, error: str) -> None:
    with work.db.write() as session:
        held = session.get_one(Upload, upload.id, with_for_update=True)
        if held.state is not upload.state:
            return
        now = datetime.now(UTC)
        if held.state is UploadState.STORING:
            begin_undoing(held, now=now, error=error)
        else:
            end_upload(held, UploadState.FAILED, now=now, error=error)
    forget_file(upload, work.folder)
