"""Commands `doctor`, the checks of the installation, and `send-test`, one message to one's own telephone."""

from datetime import UTC, datetime

import click
from flask_babel import gettext as _

from admin.cli.base import Command, Failure, acting_as, acting_user, json_option, output
from admin.wording.errors import show_error
from admin.wording.filters import label_of
from campaigns.checks.doctor import run_checks
from campaigns.delivery.send_test_message import send_test_message
from campaigns.rules.checks import Level
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime

_MARKS = {Level.OK: "✓", Level.WARNING: "!", Level.FAULT: "✗"}


def doctor_commands(runtime: Runtime) -> list[click.Command]:
    @click.command("doctor", cls=Command)
    @json_option
    def doctor() -> None:
        """Check the installation, with what to do; fails if a check finds a fault.

        The page of system checks has the same.
        """
        findings = run_checks(runtime, now=datetime.now(UTC))
        lines, data = [], []
        for each in findings:
            problem = show_error(each.problem) if each.problem else ""
            label = label_of(each.check, "check")
            lines.append(f"{_MARKS[each.level]} {label}{f': {problem}' if problem else ''}")
            code = each.problem.code if each.problem else ""
            data.append(
                {"check": each.check.value, "level": each.level.value, "code": code, "problem": problem}
            )
        output({"checks": data}, "\n".join(lines))
        if faults := sum(each.level is Level.FAULT for each in findings):
            raise Failure(LoaError("checks_failed", n=faults))

    @click.command("send-test", cls=Command)
    @click.argument("number")
    @click.option("--text", help="What it says.")
    @acting_as
    @json_option
    def send_test(number: str, text: str | None, email: str) -> None:
        """Send one message to a number of one's own, through the gateway, and see its report come in."""
        message = send_test_message(
            runtime,
            text=text or _("Loa: tin thử, không cần trả lời."),
            unaccented=False,
            number=number,
            user=acting_user(runtime, email),
            settings=runtime.settings,
            now=datetime.now(UTC),
        )
        says = _("Đã xếp tin thử vào hàng. Gõ loa doctor sau 15 phút để xem kết quả có được báo về không.")
        output({"message": message.id}, says)

    return [doctor, send_test]
