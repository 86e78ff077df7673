"""Files that nobody confirmed: people's data must not lie about because an officer forgot a page."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from shutil import rmtree

from sqlalchemy import select

from outreach.db import Database
from outreach.people.importing.uploads.receiving import end, forget_file
from outreach.people.models import Register, RegisterState, Upload, UploadState

_ENDED = (UploadState.DONE, UploadState.FAILED, UploadState.CANCELLED)
_REGISTER = "register-"
# A file is written before its row can be seen; one that still has none was broken off.
_NOBODYS_AFTER = timedelta(days=1)


def remove_unconfirmed(db: Database, folder: Path, *, keep: timedelta, now: datetime) -> int:
    """End the uploads that have waited for an officer's word longer than `keep`, and remove their files; how many."""
    overdue = select(Upload.id).where(Upload.state == UploadState.READY, Upload.uploaded_at < now - keep)
    with db.read() as session:
        ids = session.scalars(overdue).all()
    for upload_id in ids:
        with db.write() as session:
            upload = session.get_one(Upload, upload_id, with_for_update=True)
            if upload.state is not UploadState.READY:
                continue
            end(
                upload,
                UploadState.CANCELLED,
                now=now,
                error=f"Tệp đã bị xóa vì sau {keep.days} ngày không có ai xác nhận. Chưa có gì được lưu.",
            )
        forget_file(upload, folder)
    return len(ids)


def remove_ended(db: Database, folder: Path, *, now: datetime) -> int:
    """Remove the folders of uploads and registers that have ended, as whoever ended one may have died before its file was
    gone; how many.
    """
    there = {path.name: path for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else {}
    if not there:
        return 0
    uploads = [int(name) for name in there if name.isdecimal()]
    registers = [int(name.removeprefix(_REGISTER)) for name in there if _is_register(name)]
    states = select(Upload.id, Upload.state).where(Upload.id.in_(uploads))
    of_registers = select(Register.id, Register.state).where(Register.id.in_(registers))
    with db.read() as session:
        ended = {str(id_): state in _ENDED for id_, state in session.execute(states)}
        for id_, state in session.execute(of_registers):
            ended[f"{_REGISTER}{id_}"] = state is not RegisterState.WAITING
    gone = [
        path for name, path in there.items() if (ended[name] if name in ended else _is_nobodys(path, now=now))
    ]
    for path in gone:
        rmtree(path, ignore_errors=True)
    return len(gone)


def _is_register(name: str) -> bool:
    return name.startswith(_REGISTER) and name.removeprefix(_REGISTER).isdecimal()


def _is_nobodys(path: Path, *, now: datetime) -> bool:
    is_ours = path.name.isdecimal() or _is_register(path.name)
    try:
        return is_ours and path.stat().st_mtime < (now - _NOBODYS_AFTER).timestamp()
    except FileNotFoundError:
        return False
