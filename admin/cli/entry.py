"""Accounts as an operator helps with them: a new password, open sessions, a lost telephone, a lock-out."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from admin.cli.speaking import Group, answer, json_option, read_password
from admin.login_brake import lift_brake
from outreach.access import audit
from outreach.access.entry.second_factor import remove_second_factor
from outreach.access.entry.sessions import end_sessions, read_sessions
from outreach.access.invitations import link_for
from outreach.access.users import find_user, hash_password
from outreach.runtime import Runtime


def add_entry_commands(users: Group, runtime: Runtime) -> None:
    @users.command("reset-password")
    @click.argument("email")
    @click.option("--password-stdin", is_flag=True, help="The new password is read from standard input.")
    @json_option
    def reset(email: str, password_stdin: bool, as_json: bool) -> None:
        """A link by which the user chooses a new password, or a password given here."""
        password = read_password() if password_stdin else None
        now = datetime.now(UTC)
        with runtime.db.write() as session:
            user = find_user(session, email)
            if password is not None:
                user.password_hash = hash_password(password)
                end_sessions(session, user.id, now=now)
            action = "user.link" if password is None else "user.password"
            audit.record(session, actor_id=None, action=action, subject=f"users:{user.id}", now=now)
        if password is None:
            link = link_for(user, runtime.settings)
            says = f"Liên kết đặt mật khẩu cho {user.email}, dùng một lần trong 72 giờ:\n{link}"
            answer({"id": user.id, "link": link}, as_json=as_json, says=says)
        else:
            answer({"id": user.id}, as_json=as_json, says=f"Đã đặt mật khẩu mới cho {user.email}.")

    @users.command("sessions")
    @click.argument("email")
    @click.option("--end", is_flag=True, help="Sign the user out on every device.")
    @json_option
    def sessions(email: str, end: bool, as_json: bool) -> None:
        """Where a user is signed in."""
        now = datetime.now(UTC)
        with runtime.db.write() as session:
            user = find_user(session, email)
            held = [
                {
                    "id": each.id,
                    "device": each.device,
                    "address": each.address,
                    "began_at": each.began_at.isoformat(),
                    "seen_at": each.seen_at.isoformat(),
                }
                for each in read_sessions(session, user.id, now=now)
            ]
            if end:
                ended = end_sessions(session, user.id, now=now)
                audit.record(
                    session,
                    actor_id=None,
                    action="session.end_all",
                    subject=f"users:{user.id}",
                    now=now,
                    sessions=ended,
                )
        lines = [
            f"  {each['device'] or 'Không rõ'}, {each['address']}, từ {each['began_at']}" for each in held
        ]
        said = f"{'Đã đăng xuất' if end else 'Đang đăng nhập ở'} {len(held)} máy."
        answer({"sessions": held, "ended": end}, as_json=as_json, says="\n".join([said, *lines]))

    @users.command("remove-second-factor")
    @click.argument("email")
    @json_option
    def remove(email: str, as_json: bool) -> None:
        """For who lost telephone and recovery codes, and was recognised in person."""
        with runtime.db.write() as session:
            user = find_user(session, email)
            remove_second_factor(session, user.id, actor_id=None, now=datetime.now(UTC))
        answer({"id": user.id}, as_json=as_json, says=f"Đã bỏ xác thực hai lớp của {user.email}.")

    @users.command("unlock")
    @click.argument("email")
    @json_option
    def unlock(email: str, as_json: bool) -> None:
        """Let a user try again at once who typed too many wrong passwords or codes."""
        now = datetime.now(UTC)
        with runtime.db.write() as session:
            user = find_user(session, email)
            user.wrong_codes = 0
            audit.record(session, actor_id=None, action="user.unlock", subject=f"users:{user.id}", now=now)
            lift_brake(runtime.redis, user.email)
        answer({"id": user.id}, as_json=as_json, says=f"{user.email} đăng nhập lại được ngay.")
