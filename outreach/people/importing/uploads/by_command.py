"""An import taken back by command, whether a page brought it in or a command."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.access import audit
from outreach.errors import NotFound, WrongState
from outreach.people.importing.uploads.receiving import ENDED, end
from outreach.people.models import ListImport, Upload, UploadState


def hold_import(session: Session, import_id: int) -> ListImport:
    """An import to be taken back, locked. Raises NotFound, WrongState while a page's is worked on or where
    it is undone already.
    """
    brought = session.get(ListImport, import_id, with_for_update=True)
    if brought is None:
        raise NotFound(f"Không có lần nhập số {import_id}.")
    upload = session.scalar(select(Upload).where(Upload.import_id == import_id).with_for_update())
    if brought.undone_at is not None or (upload is not None and upload.state not in ENDED):
        raise WrongState(f"Lần nhập số {import_id} đã được hoàn tác, hoặc đang được xử lý.")
    return brought


def end_undone(session: Session, brought: ListImport, *, now: datetime) -> None:
    """All of an import was taken back: on record, and its page says so."""
    upload = session.scalar(select(Upload).where(Upload.import_id == brought.id))
    if upload is not None:
        end(upload, UploadState.CANCELLED, now=now)
    audit.record(
        session, actor_id=None, action="contacts.undo", subject=f"contact_lists:{brought.list_id}", now=now
    )
