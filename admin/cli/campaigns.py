"""Commands for campaigns (create, approve, launch, status …), goals, denominators, official figures, and the daily report: its files, its status,
due actions, verification of issued reports.
"""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
from flask import g
from flask_babel import gettext as _

from admin.cli.base import (
    A_FILE,
    A_FOLDER,
    LARGEST_ID,
    Day,
    Failure,
    Group,
    acting_as,
    acting_user,
    json_option,
    output,
    read_toml,
    warn,
)
from admin.views.audience_cache import tell_audience
from admin.wording.errors import show_error, show_stored_error
from admin.wording.filters import percent
from admin.wording.progress import told_of, word_of
from campaigns.analytics.campaign_status import read_status
from campaigns.goals.goals import find_subject, import_denominators, import_official, set_goal
from campaigns.lifecycle import STATE_NAMES, create_campaign, perform_action
from campaigns.models.campaigns import Campaign
from campaigns.planning.drives import current_drive_id, drive_for_figures, find_drive, open_drive_of
from campaigns.planning.kinds import all_kinds, office_kinds
from campaigns.reports import documents
from campaigns.reports.run_schedule import read_day_status, run_due_actions
from campaigns.rules.draft import DEFAULT_KIND, read_draft
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.core.whole_file import whole_file
from outreach.rules.errors import BadInput, LoaError, NotFound
from outreach.runtime import Runtime

_ACTIONS = {
    CampaignAction.SUBMIT: "Send a draft for approval.",
    CampaignAction.APPROVE: "Approve; never by an author.",
    CampaignAction.LAUNCH: "Start sending, or schedule it for its `starts_at`.\n\nWhere the audience has outgrown the approval "
    "the campaign is submitted again, and the command fails.",
    CampaignAction.PAUSE: "Stop within a second; what waits stays.",
    CampaignAction.RESUME: "Go on after a pause.",
    CampaignAction.CANCEL: "End it; what waits is not sent.",
    CampaignAction.UNDO: "Take a launch back, as long as no message has left.",
}
# Before these one reads whom the first message would reach.
_GO_ON = (CampaignAction.SUBMIT, CampaignAction.APPROVE, CampaignAction.LAUNCH)
_which = click.argument("campaign_id", type=click.IntRange(1, LARGEST_ID), metavar="ID")
_version = click.option(
    "--version",
    type=click.IntRange(1, LARGEST_ID),
    metavar="N",
    help="Number of the submission that was read; else one that changed since it was submitted is refused.",
)


def campaign_commands(runtime: Runtime) -> list[click.Command]:
    campaigns = Group("campaigns", help="Create campaigns, submit, approve, launch, pause and follow them.")

    @campaigns.command("create")
    @click.argument("file", type=A_FILE)
    @acting_as
    @json_option
    def create(file: Path, email: str) -> None:
        """Create a draft from a TOML file.

        docs/campaigns.md says what it may hold.
        """
        with runtime.db.read() as session:
            kinds = office_kinds(session)
        draft = read_draft(read_toml(file), kinds=kinds)
        campaign = create_campaign(runtime, draft, user=acting_user(runtime, email), now=datetime.now(UTC))
        made = {"id": campaign.id, "name": campaign.name, "state": campaign.state.value}
        output(made, _("Đã tạo chiến dịch số %(id)s (bản nháp).", id=made["id"]))

    def add_action(action: CampaignAction, help_text: str) -> None:
        @campaigns.command(action.value, help=help_text)
        @_which
        @acting_as
        @(_version if action is CampaignAction.APPROVE else lambda command: command)
        @json_option
        def run(campaign_id: int, email: str, version: int | None = None) -> None:
            user, now = acting_user(runtime, email), datetime.now(UTC)
            notes, reached = (
                tell_audience(runtime, campaign_id, now=now) if action in _GO_ON else ([], {"repeated": 0})
            )
            state = perform_action(runtime, campaign_id, action, user=user, now=now, version=version).state
            for note in notes:
                warn(note)
            is_half = action is CampaignAction.APPROVE and state is CampaignState.SUBMITTED
            output(
                {"id": campaign_id, "state": state.value, **reached},
                _(
                    "Chiến dịch số %(campaign_id)s: %(state)s.",
                    campaign_id=campaign_id,
                    state=show_error(STATE_NAMES[state]),
                )
                + (" " + _("Cần thêm một người khác duyệt.") if is_half else ""),
            )

    for action, help_text in _ACTIONS.items():
        add_action(action, help_text)

    @campaigns.command("status")
    @_which
    @json_option
    def status(campaign_id: int) -> None:
        """Show a campaign's status.

        State, recipients, excluded by reason, messages by step, state and reason for skipping,
        answers, self-reported share: docs/campaigns.md says what each means.
        """
        with runtime.db.read() as session:
            campaign = session.get(Campaign, campaign_id)
            if campaign is None:
                raise NotFound("campaign_id_unknown", id=campaign_id)
            found = read_status(session, campaign)
        found["pause_reason"] = show_stored_error(found["pause_reason"])
        g.kinds_of = runtime.db  # as in a page
        output(found, "\n".join(_describe(found, campaign.kind)))

    return [campaigns]


def _describe(status: dict[str, Any], kind: str) -> list[str]:
    lines = [
        _(
            "Chiến dịch số %(id)s “%(name)s”: %(state)s",
            id=status["id"],
            name=status["name"],
            state=show_error(STATE_NAMES[CampaignState(status["state"])]),
        )
    ]
    if status["pause_reason"]:
        lines.append("  " + _("Lý do dừng: %(pause_reason)s", pause_reason=status["pause_reason"]))
    lines.append("  " + _("Người nhận: %(recipients)s", recipients=status["recipients"]))
    groups = [(_("Không gửi"), "excluded", status["excluded"])]
    for step in status["steps"]:
        groups.append((_("Bước %(step)s", step=step["step"]), "message", step["messages"]))
        groups.append((_("Bước %(step)s, bỏ qua vì", step=step["step"]), "skip", step["skipped"]))
    answers = Counter(status["answers"])
    for own in status["own_answers"]:
        answers[own["means"]] -= own["people"]
    groups.append((_("Trả lời"), "answer", answers))
    for title, family, counts in groups:
        named = [f"{word_of(family, name, kind)} {count}" for name, count in sorted(counts.items()) if count]
        if family == "answer":
            named = [
                f"{own['text']} {own['people']}" for own in status["own_answers"] if own["people"]
            ] + named
        if named:
            lines.append(f"  {title}: {', '.join(named)}")
    reported = status["self_reported"]
    if reported["share"] is not None:
        of_all = f"{reported['installed']}/{reported['denominator']} ({percent(reported['share'])})"
        lines.append(f"  {told_of(kind)}: {of_all}")
    return lines


def _drive_of(runtime: Runtime, kind: str) -> int:
    with runtime.db.read() as session:
        kinds = all_kinds(session)
    if kind not in kinds:
        raise BadInput("kind_unknown_in_file", kind=kind[:40], kinds=sorted(kinds))
    return open_drive_of(runtime, kind, now=datetime.now(UTC)).id


def figure_commands(runtime: Runtime) -> list[click.Command]:
    official = Group("official", help="Import official figures by district and commune.")

    @official.command("import")
    @click.argument("file", type=A_FILE)
    @acting_as
    @json_option
    def bring(file: Path, email: str) -> None:
        """Import official figures of the chosen drive from a CSV with the columns day, area, installed, source: all rows or none.

        Installs are those until the end of the day. The same again changes nothing, another figure
        for a day replaces the former.
        """
        content = file.read_bytes()
        user, now = acting_user(runtime, email), datetime.now(UTC)
        drive = drive_for_figures(runtime, now=now).id
        new, same = import_official(runtime, content, drive=drive, user=user, now=now)
        says = _("Đã nhập %(new)s số liệu chính thức; %(same)s số liệu đã có từ trước.", new=new, same=same)
        output({"new": new, "same": same}, says)

    goals = Group("goals", help="Set goals, and how many people they are shares of.")

    @goals.command("set")
    @click.argument("scope", type=click.Choice(["residents", "staff", "members"]))
    @click.option("--place", default="", help="An area's or an organisation's code; none for all agencies.")
    @click.option("--share", required=True, help="Percent; empty ends the goal.")
    @click.option("--deadline", default="", help="The last day, YYYY-MM-DD.")
    @click.option("--basis", default="", help="The paper that asks for it.")
    @click.option("--kind", default=DEFAULT_KIND, help="Of the drive: the open one of this kind.")
    @acting_as
    @json_option
    def put(scope: str, place: str, share: str, deadline: str, basis: str, kind: str, email: str) -> None:
        """Set a goal for an area's residents, the staff of one or all agencies, or an organisation's members."""
        drive = _drive_of(runtime, kind)
        with runtime.db.read() as session:
            subject = find_subject(session, drive=drive, scope=scope, place=place)
        is_new = set_goal(
            runtime,
            subject,
            share=share,
            deadline=deadline,
            basis=basis,
            user=acting_user(runtime, email),
            now=datetime.now(UTC),
        )
        says = _("Đã đặt mục tiêu.") if is_new else _("Không có gì thay đổi.")
        output({"new": int(is_new)}, says)

    @goals.command("denominators")
    @click.argument("file", type=A_FILE)
    @click.option("--kind", default=DEFAULT_KIND, help="Of the drive: the open one of this kind.")
    @acting_as
    @json_option
    def count(file: Path, kind: str, email: str) -> None:
        """Import denominators from a CSV with columns scope, place, value, as_of, source: all rows or none.

        An empty value takes back that day's entry.
        """
        content = file.read_bytes()
        user = acting_user(runtime, email)
        drive = _drive_of(runtime, kind)
        new, same = import_denominators(runtime, content, drive=drive, user=user, now=datetime.now(UTC))
        says = _("Đã nhập %(new)s số liệu; %(same)s số liệu đã có từ trước.", new=new, same=same)
        output({"new": new, "same": same}, says)

    return [official, goals]


_drive = click.option(
    "--drive", type=click.IntRange(1, LARGEST_ID), metavar="ID", help="The chosen one by default."
)
_day = click.option("--date", "day", type=Day(), required=True, metavar="YYYY-MM-DD")


def report_commands(runtime: Runtime) -> list[click.Command]:
    reports = Group("reports", help="Write the daily report, see where it stands, check former ones.")

    @reports.command("daily")
    @_day
    @_drive
    @click.option("--out", type=A_FOLDER, required=True)
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
            files = documents.read_files(session, drive_id, day.isoformat())
        is_issued = bool(files)
        if not is_issued:
            files = {
                documents.file_name(day.isoformat(), 0, kind): content
                for kind, content in documents.build_without_issuing(runtime, drive_id, day, now=now).items()
            }
            warn(
                _("Ngày này chưa phát hành báo cáo; văn bản được dựng từ số liệu hiện có, chưa được lưu lại.")
            )
        for name, content in files.items():
            with whole_file(out / name) as unfinished:
                unfinished.write_bytes(content)
        documents.record_export(runtime, day, files=len(files), now=now)
        done = {"day": day.isoformat(), "issued": is_issued, "files": sorted(files)}
        output(done, _("Đã ghi %(n)s tệp vào %(out)s.", n=len(files), out=out))

    @reports.command("status")
    @_day
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
            checked, wrong = documents.verify_issues(session)
        if wrong:
            raise Failure(LoaError("issues_differ", n=len(wrong), differences=wrong))
        says = _("Đã dựng lại %(checked)s báo cáo đã phát hành, tất cả đều khớp.", checked=checked)
        output({"issues": checked, "different": 0}, says)

    return [reports]
