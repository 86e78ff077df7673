"""What is personal and has had its time."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import click

from admin.cli.speaking import Group, answer, json_option
from campaigns.rights.expiry import Expired, foresee_expired, remove_expired
from campaigns.rights.retention import Cleared, campaigns_due, clear, foresee
from outreach.runtime import Runtime


def retention_commands(runtime: Runtime) -> list[click.Command]:
    retention = Group("retention", help="Personal data that have had their time.")
    days = runtime.settings.retention_days

    @retention.command("show")
    @json_option
    def show(as_json: bool) -> None:
        """Say what would be removed now; nothing is."""
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            due = campaigns_due(session, days=days, now=now)
            found = {campaign_id: foresee(session, campaign_id, days=days, now=now) for campaign_id in due}
            expired = foresee_expired(session, days=days, now=now)
        _tell(found, expired, as_json=as_json, head="Sẽ xóa")

    @retention.command("run")
    @json_option
    def run(as_json: bool) -> None:
        """Remove it, as a worker does by itself each day."""
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            due = campaigns_due(session, days=days, now=now)
        found = {campaign_id: clear(runtime.db, campaign_id, days=days, now=now) for campaign_id in due}
        expired = remove_expired(runtime.db, days=days, now=now)
        _tell(found, expired, as_json=as_json, head="Đã xóa")

    return [retention]


def _tell(found: dict[int, Cleared], expired: Expired, *, as_json: bool, head: str) -> None:
    lines = [
        f"{head} của chiến dịch {campaign_id}: {each.people} người (giữ {each.kept} người còn trong chiến dịch khác, "
        f"danh sách mới hoặc yêu cầu chưa trả lời), {each.numbers} số điện thoại, nội dung của {each.messages} tin, "
        f"{each.replies} câu trả lời, {each.notes} ghi chú."
        for campaign_id, each in found.items()
    ]
    if any(asdict(expired).values()):
        lines.append(
            f"{head} ngoài các chiến dịch: {expired.rows} dòng để riêng khi nhập, {expired.replies} câu trả lời, "
            f"{expired.messages} tin, {expired.cases} việc và {expired.numbers} số của người không có trong danh bạ, "
            f"người hỏi và trả lời của {expired.requests} yêu cầu về dữ liệu, "
            f"giá trị cũ và mới của {expired.entries} lần sửa trong nhật ký."
        )
    answer(
        {
            "campaigns": [{"id": campaign_id, **asdict(each)} for campaign_id, each in found.items()],
            "expired": asdict(expired),
        },
        as_json=as_json,
        says="\n".join(lines) or "Không có dữ liệu nào quá hạn lưu giữ.",
    )
