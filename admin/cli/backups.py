"""Backing up, and what follows a restore: nobody gets a second message."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from admin.cli.speaking import Group, answer, json_option
from campaigns.delivery.rendering import renderer_of
from campaigns.delivery.restoring import Restored, settle_restored
from outreach.backups.loading import restore_backup
from outreach.backups.making import create_backup
from outreach.backups.models import Backup
from outreach.runtime import Runtime


def backup_commands(runtime: Runtime) -> list[click.Command]:
    backup = Group("backup", help="The database in one file, and back.")

    @backup.command("create")
    @click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
    @click.option("--keep", type=click.IntRange(1), help="How many files stay in DIR; all without it.")
    @json_option
    def create(folder: Path, keep: int | None, as_json: bool) -> None:
        """Write a backup into DIR while everything goes on."""
        key = runtime.settings.secret_key
        made = create_backup(runtime.db, folder, secret_key=key, keep=keep, now=datetime.now(UTC))
        answer(
            {
                "file": str(made.path),
                "bytes": made.size,
                "seconds": round(made.seconds, 2),
                "removed": made.removed,
            },
            as_json=as_json,
            says=f"Đã sao lưu vào {made.path} ({made.size} byte, {made.seconds:.1f} giây). "
            "Hãy giữ SECRET_KEY ở nơi khác: thiếu nó, bản sao lưu không dùng được.",
        )

    @backup.command("restore")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--replace", is_flag=True, help="Also where the database holds data, which is lost.")
    @json_option
    def restore(file: Path, replace: bool, as_json: bool) -> None:
        """Put a backup in the database's place; campaigns stop until the gateway was asked about each message."""
        settings, came = runtime.settings, []

        def settle(session: Session, found: Backup) -> None:
            renderer = renderer_of(settings)
            restored = settle_restored(
                session, found, renderer=renderer, lease_s=settings.lease_s, now=datetime.now(UTC)
            )
            came.append((found.taken_at, restored))

        restore_backup(runtime.db, file, secret_key=settings.secret_key, replace=replace, settle=settle)
        [(taken_at, restored)] = came
        answer(
            {"taken_at": taken_at.isoformat(), **asdict(restored)},
            as_json=as_json,
            says=_say(restored, age_s=(datetime.now(UTC) - taken_at).total_seconds()),
        )

    return [backup]


def _say(restored: Restored, *, age_s: float) -> str:
    open_now = restored.waiting + restored.under_way + restored.reported_on
    return (
        f"Đã khôi phục dữ liệu của {age_s / 60:.0f} phút trước. Đã tạm dừng {restored.paused} chiến dịch; {open_now} tin "
        "đang chờ đối soát với tổng đài. Hãy chạy lại web, worker và scheduler, chờ hết tin chưa rõ kết quả "
        "(campaigns status) rồi mới cho gửi tiếp. Câu trả lời, số bị chặn và yêu cầu xóa dữ liệu từ lúc sao lưu "
        "đến nay không có trong bản sao: hãy nhập lại (replies import) và làm lại.\n"
        f"Mọi người phải đăng nhập lại; {restored.tokens} mã truy cập của hệ thống khác đã bị thu hồi, hãy tạo mã mới.\n"
        "Những gì sau đây trở lại như lúc sao lưu, hãy xem từng mục và khóa hoặc ngừng lại cái không còn được dùng: "
        "tài khoản đã khóa, đã đổi vai trò hoặc đổi mật khẩu; mã khôi phục đã dùng; xác thực hai lớp đã bỏ hoặc đã bật; "
        "liên kết nộp số liệu của cơ quan; liên kết xem báo cáo; nơi nhận tin báo."
    )
