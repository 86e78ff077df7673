"""Commands for the daily report: its files, its status, due actions, verification of issued reports."""

from datetime import UTC, date, datetime
from pathlib import Path

import click
from flask_babel import gettext as _

from admin.cli.base import LARGEST_ID, Day, Failure, Group, json_option, output, warn
from campaigns.planning.drives import current_drive_id, find_drive
from campaigns.reports.documents import (
    build_without_issuing,
    file_name,
    read_files,
    record_export,
    verify_issues,
)
from campaigns.reports.run_schedule import read_day_status, run_due_actions
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime

_drive = click.option(
    "--drive", type=click.IntRange(1, LARGEST_ID), metavar="ID", help="The chosen one by default."
)
_which = click.option("--date", "day", type=Day(), required=True, metavar="YYYY-MM-DD")


def report_commands(runtime: Runtime) -> list[click.Command]:
    reports = Group("reports", help="The daily report.")

    @reports.command("daily")
    @_which
    @_drive
    @click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
    @json_option
    def daily(day: date, drive: int | None, out: Path) -> None:
        """Write a day's documents: as issued, with corrections, or built now if none was issued.

        The files are report-YYYY-MM-DD.docx, .pdf and .xlsx, and those of each correction with
        dinh-chinh-N. What is built now is marked DỰ THẢO and not stored.
        """
        now = datetime.now(UTC)
        out.mkdir(parents=True, exist_ok=True)
        with runtime.db.read() as session:
            drive_id = find_drive(session, drive).id if drive else current_drive_id(session)
            files = read_files(session, drive_id, day.isoformat())
        is_issued = bool(files)
        if not is_issued:
            files = {
                file_name(day.isoformat(), 0, kind): content
                for kind, content in build_without_issuing(runtime, drive_id, day, now=now).items()
            }
            warn(
                _("Ngày này chưa phát hành báo cáo; văn bản được dựng từ số liệu hiện có, chưa được lưu lại.")
            )
        for name, content in files.items():
            (out / name).write_bytes(content)
        record_export(runtime, day, files=len(files), now=now)
        done = {"day": day.isoformat(), "issued": is_issued, "files": sorted(files)}
        output(done, _("Đã ghi %(n)s tệp vào %(out)s.", n=len(files), out=out))

    @reports.command("status")
    @_which
    @_drive
    @json_option
    def status(day: date, drive: int | None) -> None:
        """Show the status of a day's report.

        Who is missing, what was issued, mail sent and waiting, late figures.
        """
        with runtime.db.read() as session:
            drive_id = find_drive(session, drive).id if drive else current_drive_id(session)
            standing = read_day_status(session, drive_id, day, runtime.settings, now=datetime.now(UTC))
        data = standing.as_data()
        output(data, "\n".join(f"{name}: {value}" for name, value in data.items()))

    @reports.command("run")
    @json_option
    def run() -> None:
        """Run the report's due actions once now, as the scheduler does."""
        done = [action.value for action in run_due_actions(runtime, now=datetime.now(UTC))]
        says = _("Đã làm: %(done)s.", done=", ".join(done)) if done else _("Chưa có việc gì đến giờ.")
        output({"done": done}, says)

    @reports.command("verify")
    @json_option
    def verify() -> None:
        """Rebuild every issued report and compare; fails if one differs from what was issued."""
        with runtime.db.read() as session:
            checked, wrong = verify_issues(session)
        if wrong:
            raise Failure(LoaError("issues_differ", n=len(wrong), differences=wrong))
        says = _("Đã dựng lại %(checked)s báo cáo đã phát hành, tất cả đều khớp.", checked=checked)
        output({"issues": checked, "different": 0}, says)

    return [reports]
