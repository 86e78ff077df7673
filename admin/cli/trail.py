"""The audit trail by command."""

from __future__ import annotations

import click

from admin.cli.speaking import Failure, Group, answer, json_option
from outreach.access.trail.chain import Fault
from outreach.access.trail.verifying import read_anchor, verify
from outreach.runtime import Runtime

_FAULTS = {
    Fault.CHANGED: "đã bị sửa sau khi ghi",
    Fault.VALUES: "còn nguyên, nhưng giá trị trước và sau của nó đã bị sửa",
    Fault.REMOVED: "đã bị xóa",
    Fault.INSERTED: "là mục bị chèn thêm, không do hệ thống ghi",
}


def trail_commands(runtime: Runtime) -> list[click.Command]:
    trail = Group("audit", help="The record of who did what.")

    @trail.command("verify")
    @click.option(
        "--anchor",
        "anchors",
        multiple=True,
        metavar="NUMBER:HASH",
        help="A head that was printed or mailed before; it must still be part of the chain.",
    )
    @json_option
    def verify_audit(anchors: tuple[str, ...], as_json: bool) -> None:
        """Read the whole audit again; fails and names the first entry that is not as it was written."""
        with runtime.db.read() as session:
            verdict = verify(session, [read_anchor(anchor) for anchor in anchors])
        if verdict.broken is not None:
            found = verdict.broken
            if as_json:
                click.echo(f'{{"broken": {found.id}, "fault": "{found.fault.value}"}}')
            raise Failure(
                f"Nhật ký không còn nguyên vẹn. Mục đầu tiên sai: số {found.id}, {_FAULTS[found.fault]}. "
                "Hãy giữ nguyên cơ sở dữ liệu, báo người phụ trách an toàn thông tin và đối chiếu với bản sao lưu."
            )
        answer(
            {"entries": verdict.entries, "emptied": verdict.emptied, "head": str(verdict.head)},
            as_json=as_json,
            says=f"Nhật ký nguyên vẹn: {verdict.entries} mục, trong đó {verdict.emptied} mục đã xóa giá trị theo yêu cầu.\n"
            f"Mốc cuối, nên ghi lại ở nơi khác: {verdict.head}",
        )

    return [trail]
