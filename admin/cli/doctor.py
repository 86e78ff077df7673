"""Commands `doctor`, `send-test` and `handover`: the checks of the installation, and what a new administrator takes over."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.cli.base import Command, Failure, acting_as, acting_user, json_option, output
from admin.wording.errors import show_error
from admin.wording.filters import label_of
from campaigns.checks.doctor import run_checks
from campaigns.delivery.office_phones import send_test_message
from campaigns.models.figures import AgencyLink
from campaigns.models.reports import ReportLink
from campaigns.rules.checks import Level
from outreach.accounts.audit import read_head
from outreach.accounts.second_factor import has_second_factor
from outreach.backups.backups import signer_of
from outreach.core.db import count_rows
from outreach.core.settings import Settings
from outreach.gateway_accounts import read_accounts
from outreach.models.accounts import ApiToken, Role, User, UserSession
from outreach.models.office import Backup
from outreach.rules.errors import LoaError
from outreach.rules.keys import Purpose, key_id, split_keys
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


def handover_commands(runtime: Runtime) -> list[click.Command]:
    @click.command("handover", cls=Command)
    @json_option
    def handover() -> None:
        """Print what a new administrator takes over (no secret is shown), and what is missing."""
        with runtime.db.read() as session:
            data = _read(session, runtime.settings)
        lines = [f"{name}: {_shown(value)}" for name, value in data.items()]
        missing = [show_error(each) for each in _find_missing(data)]
        lines += [_("Còn thiếu:"), *(f"! {each}" for each in missing)] if missing else [_("Không thiếu gì.")]
        output({**data, "missing": missing}, "\n".join(lines))

    return [handover]


def _read(session: Session, settings: Settings) -> dict[str, Any]:
    users = session.scalars(
        select(User).where(User.role == Role.ADMINISTRATOR, User.is_active).order_by(User.id)
    )
    tokens = session.scalars(select(ApiToken).where(ApiToken.ended_at.is_(None)).order_by(ApiToken.id)).all()
    phones = select(User.name).join(UserSession, UserSession.user_id == User.id).order_by(User.id)
    now = datetime.now(UTC)
    links: dict[str, Any] = {"agencies": AgencyLink, "reports": ReportLink}
    newest = session.scalar(select(Backup.finished_at).order_by(Backup.id.desc()).limit(1))
    return {
        "administrators": [{"email": each.email, "second_factor": has_second_factor(each)} for each in users],
        "keys": {
            each.variable: [key_id(key) for key in split_keys(settings.keys_of(each)) if key]
            for each in Purpose
        },
        "backup_signer": signer_of(settings.backup_keys),
        "backups": {
            "folder": settings.backups_dir,
            "newest": newest.isoformat() if newest else None,
            "encrypted_for": list(settings.backup_recipients),
        },
        "audit_head": str(read_head(session)),
        "audit_head_to": list(settings.audit_head_to),
        "tokens": [
            {
                "id": each.id,
                "name": each.name,
                "made_by": each.maker.email,
                "maker_active": each.maker.is_active,
            }
            for each in tokens
        ],
        "officers_phones": session.scalars(
            phones.where(UserSession.ended_at.is_(None), UserSession.kept_until > now)
        ).all(),
        "open_links": {
            name: count_rows(session, each, each.ended_at.is_(None), each.expires_at > now)
            for name, each in links.items()
        },
        "gateways": [
            {"name": each.name, "kind": each.kind.value, "login": each.login}
            for each in read_accounts(session)
        ]
        or [
            {"name": settings.sms_gateway, "kind": settings.sms_gateway, "login": settings.twilio_account_sid}
        ],
        "duty_contacts": len(settings.duty_contacts),
    }


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}={_shown(each)}" for name, each in value.items())
    if isinstance(value, list):
        return (
            ", ".join(f"({_shown(each)})" if isinstance(each, dict) else str(each) for each in value) or "–"
        )
    return "–" if value is None else str(value)


def _find_missing(data: dict[str, Any]) -> Iterator[LoaError]:
    """Yield what a handover lacks, each with what to do."""
    if len(data["administrators"]) < 2:
        yield LoaError("handover_one_administrator")
    for each in data["administrators"]:
        if not each["second_factor"]:
            yield LoaError("handover_no_second_factor", email=each["email"])
    if data["backups"]["newest"] is None:
        yield LoaError("check_backup_none")
    if not data["backups"]["encrypted_for"]:
        yield LoaError("check_backup_open")
    if not data["audit_head_to"]:
        yield LoaError("handover_no_audit_head")
    for each in data["tokens"]:
        if not each["maker_active"]:
            yield LoaError("handover_token_of_nobody", name=each["name"])
    if not data["duty_contacts"]:
        yield LoaError("handover_no_duty")
