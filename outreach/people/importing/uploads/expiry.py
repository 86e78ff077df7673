"""Files that nobody confirmed: people's data must not lie about because an officer forgot a page."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from outreach.db import Database
from outreach.people.importing.uploads.receiving import end, forget_file
from outreach.people.models import Upload, UploadState


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
