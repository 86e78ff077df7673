"""The database: brought up to date and filled."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from admin.cli.speaking import Failure, Group, answer, json_option
from admin.demo import LOGINS, PASSWORD, load_demo
from campaigns.answers.counters import Difference, differences
from campaigns.reach.proving import disagreements
from outreach.access import audit
from outreach.places.loading import load_areas
from outreach.runtime import Runtime
from outreach.schema import upgrade

SHOWN = 20  # differences that are spelled out


def data_commands(runtime: Runtime) -> list[click.Command]:
    db = Group("db", help="The database's shape.")
    areas = Group("areas", help="Provinces, districts and communes.")
    counters = Group("counters", help="The sums behind the figures.")
    demo = Group("demo", help="Invented data for trying and training.")

    @db.command("upgrade")
    @json_option
    def upgrade_database(as_json: bool) -> None:
        """Create or update the tables."""
        upgrade(runtime.db)
        answer({"status": "current"}, as_json=as_json, says="Cơ sở dữ liệu đã ở phiên bản mới nhất.")

    @areas.command("load")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @json_option
    def load(file: Path, as_json: bool) -> None:
        """Load areas from a CSV with the columns of kontum_units.csv."""
        with runtime.db.write() as session:
            communes = load_areas(session, file)
            audit.record(
                session,
                actor_id=None,
                action="areas.load",
                subject="areas:all",
                now=datetime.now(UTC),
                communes=communes,
            )
        answer({"communes": communes}, as_json=as_json, says=f"Đã nạp {communes} xã, phường, thị trấn.")

    @demo.command("load")
    @click.option("--contacts", type=click.IntRange(1, 2_000_000), default=5000, show_default=True)
    @json_option
    def load_invented(contacts: int, as_json: bool) -> None:
        """Fill an empty database with invented people and a campaign half done."""
        made = load_demo(runtime, contacts=contacts, now=datetime.now(UTC))
        logins = "\n".join(f"  {email:24} {PASSWORD}   {title}" for email, _role, title, _name in LOGINS)
        answer(
            {"contacts": made, "logins": [email for email, *_ in LOGINS]},
            as_json=as_json,
            says=f"Đã tạo {made} người trong danh sách mẫu. Tài khoản dùng thử:\n{logins}",
        )

    @counters.command("verify")
    @json_option
    def verify_counters(as_json: bool) -> None:
        """Count all recipients anew and compare; fails where a counter says something else."""
        with runtime.db.read() as session:
            sums, wrong = differences(session)
            compared, apart = disagreements(session)
        if wrong:
            said = "\n".join(f"  {_where(found)}" for found in wrong[:SHOWN])
            raise Failure(f"{len(wrong)} số đếm không khớp với danh sách người nhận tin:\n{said}")
        if apart:
            said = "\n".join(
                f"  chiến dịch {each.campaign_id}, {each.source} {each.what}: đếm lại {each.counted}, đang ghi {each.other}"
                for each in apart[:SHOWN]
            )
            raise Failure(f"{len(apart)} số về kết quả gửi không khớp:\n{said}")
        answer(
            {"sums": sums + compared, "different": 0},
            as_json=as_json,
            says=f"Cả {sums + compared} số đếm đều khớp.",
        )

    return [db, areas, counters, demo]


def _where(found: Difference) -> str:
    campaign_id, list_id, area, said, day = found.key
    parts = [
        f"chiến dịch {campaign_id}",
        f"danh sách {list_id or 'chưa rõ'}",
        f"địa bàn {area or 'chưa rõ'}",
        f"ngày {day}" if day else f"trả lời {said or 'chưa có'}",
    ]
    what = (
        f"đếm lại {found.counted.people} người, đang ghi {found.kept.people}"
        if found.counted.people != found.kept.people
        else f"đếm lại {found.counted.installed} máy đã cài, đang ghi {found.kept.installed}"
    )
    return f"{', '.join(parts)}: {what}"
