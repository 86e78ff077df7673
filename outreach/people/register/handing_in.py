"""A register's file handed in on the page: taken, worked on by a worker, told what came of it."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO

from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from outreach.access import audit
from outreach.access.models import User
from outreach.access.users import require_role
from outreach.db import Database
from outreach.errors import BadList, LoaError
from outreach.people.importing.uploads.receiving import LARGEST, tidy
from outreach.people.models import Register, RegisterState
from outreach.people.register.reading import RegisterCounts
from outreach.people.register.replacing import replace_register

# Longer than the largest file takes: another worker takes it only when this one has died.
LEASE = timedelta(minutes=30)
MOST_TRIES = 3
_SERVER_AWAY = (OperationalError, InterfaceError)


def hand_in(
    session: Session,
    content: IO[bytes],
    *,
    file_name: str,
    folder: Path,
    user: User,
    now: datetime,
    may_shrink: bool = False,
) -> Register:
    """Take a file in for a worker. Administrators only. Raises BadList, NotAllowed."""
    require_role(user)
    register = Register(
        file_name=tidy(file_name), may_shrink=may_shrink, handed_in_by=user.id, handed_in_at=now, due_at=now
    )
    session.add(register)
    session.flush()
    path = path_of(register, folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(content, file)
        size = path.stat().st_size
        if not size or size > LARGEST:
            raise BadList(
                "Tệp trống hoặc lớn hơn 30 MB. Tệp lớn hơn, hãy nhờ người quản trị nhập bằng lệnh trên máy chủ."
            )
    except BaseException:
        forget(register, folder)
        raise
    audit.record(
        session, actor_id=user.id, action="register.receive", subject=f"registers:{register.id}", now=now
    )
    return register


def read_registers(session: Session, *, limit: int = 20) -> list[tuple[Register, str]]:
    """The latest files, each with the name of who handed it in ("" for a command)."""
    query = (
        select(Register, User)
        .outerjoin(User, User.id == Register.handed_in_by)
        .order_by(Register.id.desc())
        .limit(limit)
    )
    return [
        (register, (user.name or user.email) if user else "") for register, user in session.execute(query)
    ]


def waiting(session: Session, *, now: datetime) -> list[int]:
    """Files that a worker should be at and none is."""
    query = select(Register.id).where(Register.state == RegisterState.WAITING, Register.due_at <= now)
    return list(session.scalars(query.order_by(Register.id)))


def run(db: Database, folder: Path, register_id: int, *, secret_key: str) -> bool:
    """Put a file in the former one's place; all of it or nothing. False where there is nothing to do."""
    now = datetime.now(UTC)
    with db.write() as session:
        register = session.get(Register, register_id, with_for_update=True)
        if register is None or register.state is not RegisterState.WAITING or not register.due_at:
            return False
        if register.due_at > now:
            return False
        register.tries += 1
        register.due_at = now + LEASE
        tries, may_shrink = register.tries, register.may_shrink
    path, error = path_of(register, folder), ""
    try:
        if tries > MOST_TRIES:
            raise BadList("Hệ thống đã thử nhiều lần mà không xử lý được tệp này. Hãy báo người quản trị.")
        replace_register(
            db,
            path,
            secret_key=secret_key,
            now=now,
            record=partial(_end, register_id),
            may_shrink=may_shrink,
        )
    except LoaError as refused:
        error = str(refused)
    except _SERVER_AWAY:
        raise  # another worker takes it up
    except Exception:
        error = "Hệ thống gặp lỗi khi xử lý tệp này. Danh sách cũ vẫn còn hiệu lực. Hãy báo người quản trị."
        raise
    finally:
        if error:
            with db.write() as session:
                failed = session.get_one(Register, register_id)
                failed.state, failed.error, failed.due_at = RegisterState.FAILED, error, None
                failed.ended_at = datetime.now(UTC)
            forget(register, folder)
    forget(register, folder)
    return True


def _end(register_id: int, session: Session, counts: RegisterCounts) -> None:
    end(session, session.get_one(Register, register_id), counts, now=datetime.now(UTC))


def end(session: Session, register: Register, counts: RegisterCounts, *, now: datetime) -> None:
    """Say what came of it, in the transaction of what came of it."""
    found = asdict(counts)
    register.state, register.counts, register.due_at, register.ended_at = (
        RegisterState.DONE,
        found,
        None,
        now,
    )
    audit.record(
        session,
        actor_id=register.handed_in_by,
        action="register.replace",
        subject=f"registers:{register.id}",
        now=now,
        **{name: count for name, count in found.items() if name != "skipped"},
    )


def path_of(register: Register, folder: Path) -> Path:
    """Where its file lies until the work has ended."""
    return folder / f"register-{register.id}" / register.file_name


def forget(register: Register, folder: Path) -> None:
    """Remove the file; it may be gone already."""
    shutil.rmtree(path_of(register, folder).parent, ignore_errors=True)
