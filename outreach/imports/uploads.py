"""An upload's life: receive, confirm, cancel, expire; remembered columns.

A file handed in on the page: taken, confirmed, cancelled. The work on it stands in `running`.

The file lies under the uploads folder, in a folder of its upload's id, until the upload has ended.

What an organisation's officers said of columns, remembered for the next file with the same header.

Files that nobody confirmed: people's data must not lie about because an officer forgot a page.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from shutil import rmtree
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.core.db import Database
from outreach.imports.list_reader import SKIPPED, line_key
from outreach.imports.store_rows import begin_import
from outreach.models.accounts import Role, User
from outreach.models.contacts import (
    ColumnMapping,
    ContactList,
    DoNotCallFile,
    ListImport,
    RegisterState,
    Upload,
    UploadState,
)
from outreach.rules.errors import BadInput, BadList, NotFound, WrongState
from outreach.rules.list_columns import PHONE, SENSITIVE, Column

LARGEST = 30 * 2**20  # bytes
_MANY = ("", PHONE)  # meanings that several columns may have
ENDED = (UploadState.DONE, UploadState.FAILED, UploadState.CANCELLED)
_MEANINGS = {*_MANY, *Column}
_BLOCK = 1 << 20
_LONGEST_STEM = 60  # characters, of up to three bytes each; a file system takes 255 bytes


def receive_upload(
    session: Session,
    content: IO[bytes],
    *,
    file_name: str,
    list_id: int,
    folder: Path,
    user: User,
    now: datetime,
) -> Upload:
    """Take a file in for a list, to be checked. Raises BadList, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    find_list(session, list_id, user=user)
    name = safe_file_name(file_name)
    upload = Upload(
        list_id=list_id,
        file_name=name,
        size=0,
        sha256="",
        uploaded_by=user.id,
        uploaded_at=now,
        due_at=now,
        corrected=read_mappings(session, list_id),
    )
    session.add(upload)
    session.flush()
    path = path_of(upload, folder)
    try:
        upload.size, upload.sha256 = _write(content, path)
        if upload.size > LARGEST:
            raise BadList(f"Tệp “{name}” lớn hơn 30 MB. Hãy chia danh sách thành nhiều tệp nhỏ hơn.")
        if not upload.size:
            raise BadList(f"Tệp “{name}” trống, không có nội dung nào. Hãy kiểm tra lại tệp gốc.")
    except BaseException:
        forget_file(upload, folder)
        raise
    _record(session, upload, "upload.receive", user=user, now=now, bytes=upload.size)
    return upload


def find_upload(session: Session, upload_id: int, *, user: User) -> Upload:
    """An upload into a list that the user may see. Raises NotFound."""
    upload = session.scalar(
        select(Upload)
        .join(ContactList, ContactList.id == Upload.list_id)
        .where(Upload.id == upload_id, visible_to(session, user, ContactList.organisation_id))
    )
    if upload is None:
        raise NotFound("Không có lần nhập này, hoặc nằm ngoài phạm vi của bạn.")
    return upload


def find_list(session: Session, list_id: int, *, user: User) -> ContactList:
    """A list that the user may see. Raises NotFound."""
    found = session.scalar(
        select(ContactList).where(
            ContactList.id == list_id, visible_to(session, user, ContactList.organisation_id)
        )
    )
    if found is None:
        raise NotFound("Không có danh sách này, hoặc nằm ngoài phạm vi của bạn.")
    return found


def correct_columns(
    session: Session,
    upload_id: int,
    *,
    columns: Mapping[str, Mapping[str, str]],
    lines: Mapping[int, str] | None = None,
    user: User,
    now: datetime,
) -> Upload:
    """Read it again with columns as a person names them: by the header's signature, position to meaning; and with
    the headers on other lines, or the sheet left out, by the sheet's place among those shown. Of a sheet that has
    another header now the columns are guessed anew.

    Raises BadInput for a meaning that there is not or when no sheet has phones, WrongState when it is not ready.
    """
    upload = _lock_ready(session, upload_id, user=user)
    sheets = upload.preview.get("sheets", [])
    moved = _moved(sheets, lines or {})
    kept, anew = list[dict[str, Any]](), list[dict[str, Any]]()
    for sheet in sheets:
        line = moved.get(line_key(sheet["sheet"]), {}).get("line", str(sheet["line"]))
        if line != SKIPPED:
            (kept if line == str(sheet["line"]) else anew).append(sheet)
    if not kept and not anew:
        raise BadInput("Mọi trang tính đều được chọn là không nhập. Hãy để lại ít nhất một trang tính.")
    headers = {sheet["signature"]: sheet["columns"] for sheet in sheets}
    still = {sheet["signature"] for sheet in kept} - {sheet["signature"] for sheet in anew}
    gone = headers.keys() - still
    columns = {signature: meanings for signature, meanings in columns.items() if signature not in gone}
    if not anew and not any(PHONE in _meanings(sheet, columns) for sheet in kept):
        raise BadInput("Chưa có cột nào là số điện thoại. Hãy chọn cột chứa số điện thoại.")
    for signature, meanings in columns.items():
        offered = headers.get(signature, [])
        positions = {str(position) for position, _, meaning, _ in offered if meaning != SENSITIVE}
        if not meanings.keys() <= positions or not set(meanings.values()) <= _MEANINGS:
            raise BadInput("Không hiểu cách chọn cột. Hãy tải lại trang rồi chọn lại.")
        twice = [
            each for each, count in Counter(meanings.values()).items() if count > 1 and each not in _MANY
        ]
        if twice:
            raise BadInput(
                "Có hai cột cùng một nội dung. Mỗi nội dung, trừ số điện thoại, chỉ chọn cho một cột."
            )
    upload.corrected = {**upload.corrected, **columns, **moved}
    upload.state, upload.progress, upload.tries, upload.due_at = UploadState.CHECKING, 0, 0, now
    upload.preview, upload.counts, upload.total = {}, {}, None
    return upload


def _meanings(sheet: Mapping[str, Any], columns: Mapping[str, Mapping[str, str]]) -> Collection[str]:
    """What a sheet's columns are taken for, as a person says or as it was understood."""
    said = columns.get(sheet["signature"])
    return said.values() if said is not None else [meaning for _, _, meaning, _ in sheet["columns"]]


def _moved(sheets: Sequence[Mapping[str, Any]], lines: Mapping[int, str]) -> dict[str, dict[str, str]]:
    """The sheets whose header a person says is on another line, or that are left out, as it stands among the
    corrections.
    """
    moved = {}
    for index, line in lines.items():
        sheet = sheets[index] if index < len(sheets) else None
        if sheet is None or line not in {"0", SKIPPED, *(str(number) for number, _ in sheet["lines"])}:
            raise BadInput("Không có dòng tiêu đề như vậy. Hãy tải lại trang rồi chọn lại.")
        if line != str(sheet["line"]):
            moved[line_key(sheet["sheet"])] = {"line": line}
    return moved


def confirm_upload(session: Session, upload_id: int, *, user: User, now: datetime) -> Upload:
    """What was understood is right: store it. Raises WrongState when it is not ready, BadInput without phones."""
    upload = _lock_ready(session, upload_id, user=user)
    if upload.preview.get("problem"):
        raise BadInput("Chưa có cột nào là số điện thoại. Hãy chọn cột chứa số điện thoại.")
    brought = begin_import(
        session, list_id=upload.list_id, file_name=upload.file_name, sha256=upload.sha256, now=now
    )
    upload.import_id = brought.id
    upload.state = UploadState.STORING
    upload.progress = upload.tries = 0
    upload.due_at = now
    remember_mappings(session, upload)
    _record(session, upload, "upload.confirm", user=user, now=now)
    return upload


def cancel_upload(session: Session, upload_id: int, *, user: User, now: datetime) -> Upload:
    """Stop it; what a storing one has stored is taken back. Raises WrongState when it has ended."""
    upload = _lock(session, upload_id, user=user)
    rows = upload.progress
    if upload.state is UploadState.STORING:
        begin_undoing(upload, now=now)
    elif upload.state in (UploadState.CHECKING, UploadState.READY):
        end_upload(upload, UploadState.CANCELLED, now=now)
    else:
        raise WrongState("Lần nhập này đã kết thúc nên không hủy được nữa.")
    _record(session, upload, "upload.cancel", user=user, now=now, rows=rows)
    return upload


def undo_upload(session: Session, upload_id: int, *, user: User, now: datetime) -> Upload:
    """Take back all that it stored. Raises WrongState while it is worked on, or where nothing is left of it."""
    upload = _lock(session, upload_id, user=user)
    if not may_be_undone(session, upload):
        raise WrongState(
            "Lần nhập này không hoàn tác được nữa. Hãy tải lại trang để xem tình trạng mới nhất."
        )
    begin_undoing(upload, now=now)
    _record(session, upload, "upload.undo", user=user, now=now, rows=upload.total or 0)
    return upload


def may_be_undone(session: Session, upload: Upload) -> bool:
    """Has it ended with something stored? Also by taking back that did not come to its end."""
    if upload.state not in ENDED or upload.import_id is None:
        return False
    return session.get_one(ListImport, upload.import_id).undone_at is None


def begin_undoing(upload: Upload, *, now: datetime, error: str = "") -> None:
    """A worker takes back what it stored; with an error it ends as failed, else as cancelled."""
    upload.state, upload.error, upload.due_at = UploadState.UNDOING, error, now
    upload.progress = upload.tries = 0
    upload.ended_at = None


def end_upload(upload: Upload, state: UploadState, *, now: datetime, error: str = "") -> None:
    """Nothing more is done for it; of its preview only the columns stay, as the rest is people's."""
    upload.state, upload.error, upload.ended_at, upload.due_at = state, error, now, None
    sheets = [
        {**sheet, "lines": [], "columns": [[*column[:3], []] for column in sheet["columns"]]}
        for sheet in upload.preview.get("sheets", [])
    ]
    upload.preview = {**upload.preview, "sheets": sheets, "rows": []} if upload.preview else {}


def path_of(upload: Upload, folder: Path) -> Path:
    """Where its file lies. The name is the sender's own: what is said of the file names it."""
    return folder / str(upload.id) / upload.file_name


def forget_file(upload: Upload, folder: Path) -> None:
    """Remove the file; it may be gone already."""
    shutil.rmtree(path_of(upload, folder).parent, ignore_errors=True)


def _lock(session: Session, upload_id: int, *, user: User) -> Upload:
    require_role(user, Role.STAFF, Role.APPROVER)
    find_upload(session, upload_id, user=user)
    return session.get_one(Upload, upload_id, with_for_update=True, populate_existing=True)


def _lock_ready(session: Session, upload_id: int, *, user: User) -> Upload:
    upload = _lock(session, upload_id, user=user)
    if upload.state is not UploadState.READY:
        raise WrongState("Lần nhập này không còn chờ xác nhận. Hãy tải lại trang để xem tình trạng mới nhất.")
    return upload


def safe_file_name(file_name: str) -> str:
    """A name that is safe as a file's and that its sender knows again."""
    name = PurePosixPath(file_name.replace("\\", "/")).name
    name = re.sub(r"[^\w .()+,&-]", "_", name).strip(" .")
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        return name[:_LONGEST_STEM] or "danh-sach"
    return f"{stem[:_LONGEST_STEM]}.{suffix[:5]}"


def _write(content: IO[bytes], path: Path) -> tuple[int, str]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while size <= LARGEST and (block := content.read(_BLOCK)):
            size += len(block)
            digest.update(block)
            file.write(block)
    return size, digest.hexdigest()


def _record(
    session: Session, upload: Upload, action: str, *, user: User, now: datetime, **details: int
) -> None:
    audit.record(
        session,
        actor_id=user.id,
        action=action,
        subject=f"contact_lists:{upload.list_id}",
        now=now,
        upload=upload.id,
        **details,
    )


def read_mappings(session: Session, list_id: int) -> dict[str, dict[str, str]]:
    """Columns named by hand by the header's signature, of the organisation that the list belongs to."""
    rows = session.scalars(
        select(ColumnMapping)
        .join(ContactList, ContactList.organisation_id == ColumnMapping.organisation_id)
        .where(ContactList.id == list_id)
    )
    return {each.signature: each.columns for each in rows}


def remember_mappings(session: Session, upload: Upload) -> None:
    """Remember the columns of the headers that this file has, where a person named them and phones among them."""
    owner = session.get_one(ContactList, upload.list_id).organisation_id
    headers: list[dict[str, Any]] = upload.preview.get("sheets", [])
    for signature in {sheet["signature"] for sheet in headers} & upload.corrected.keys():
        columns = upload.corrected[signature]
        if PHONE in columns.values():
            session.merge(ColumnMapping(organisation_id=owner, signature=signature, columns=columns))


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
            end_upload(
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
    of_registers = select(DoNotCallFile.id, DoNotCallFile.state).where(DoNotCallFile.id.in_(registers))
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
