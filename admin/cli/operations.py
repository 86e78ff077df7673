"""Commands for operators: database, backups, retention of personal data, audit log.

After a restore campaigns stay paused until the gateway was asked about each message, so that nobody gets a second message.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

import click
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from admin.cli.base import Day, Failure, Group, answer_lines, json_option, output, wants_json, warn
from admin.demo.drill import DRILL_PEOPLE, start_drill
from admin.demo.load_demo import LOGINS, PASSWORD, load_demo
from campaigns.analytics.reach import find_disagreements
from campaigns.answer_totals import Difference, find_differences
from campaigns.delivery.after_restore import settle_restored
from campaigns.privacy.health_answers import count_people, separate_health_answers
from campaigns.privacy.retention import (
    ClearResult,
    ExpiryResult,
    campaigns_due,
    clear_campaign,
    preview_clear,
    preview_expired,
    remove_expired,
)
from campaigns.rules.delivery import create_renderer
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.audit import check_audit, read_anchor, read_outside_heads
from outreach.backups.backups import create_backup, restore_backup, signer_of
from outreach.contacts.hash_keys import hash_migrated_wishes
from outreach.contacts.move_people import (
    Tried,
    UnitMove,
    apply_reform,
    find_users_without_ground,
    load_units,
    move_people,
    plan_moves,
)
from outreach.core.schema import downgrade, is_known, newest, read_revision, upgrade
from outreach.imports.uploads import import_areas
from outreach.models.office import Backup
from outreach.places.units import gazetteer_of
from outreach.rules.audit_chain import ChainFault
from outreach.rules.errors import BadInput, LoaError
from outreach.runtime import Runtime

SHOWN = 20  # differences that are printed


def data_commands(runtime: Runtime) -> list[click.Command]:
    db = Group("db", help="The database's shape.")
    areas = Group("areas", help="Provinces, districts and communes.")
    counters = Group("counters", help="The sums behind the figures.")
    demo = Group("demo", help="Invented data for trying and training.")

    @db.command("upgrade")
    @json_option
    def upgrade_database() -> None:
        """Create or update the tables."""
        upgrade(runtime.db)
        audit.begin_keyed_chain(runtime, now=datetime.now(UTC))
        hash_migrated_wishes(runtime)
        name = runtime.db.url.render_as_string()
        says = _("Cơ sở dữ liệu đã ở phiên bản mới nhất: %(name)s", name=name)
        output({"status": "current"}, says)

    @db.command("version")
    @json_option
    def show_version() -> None:
        """Say which version the database has, and which this program needs."""
        found = read_revision(runtime.db)
        says = _(
            "Cơ sở dữ liệu: %(found)s; chương trình cần: %(needed)s", found=found or "–", needed=newest()
        )
        data = {"revision": found, "newest": newest(), "backups_dir": runtime.settings.backups_dir}
        output(data, says)

    @db.command("downgrade")
    @click.argument("revision")
    @json_option
    def downgrade_database(revision: str) -> None:
        """Bring the tables back to an earlier version; what only later ones can hold is lost."""
        if not is_known(revision):
            raise BadInput("revision_unknown", revision=revision)
        downgrade(runtime.db, revision)
        says = _("Cơ sở dữ liệu đã về phiên bản %(revision)s.", revision=revision)
        output({"revision": revision}, says)

    @areas.command("load")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
    @click.option(
        "--province",
        "provinces",
        multiple=True,
        metavar="CODE",
        help="Today's units of a province, or several.",
    )
    @json_option
    def load(file: Path | None, provinces: tuple[str, ...]) -> None:
        """Load areas: today's of a province, or those of a CSV with the columns of kontum_units.csv. Nobody is moved."""
        if (file is None) is not bool(provinces):
            raise BadInput("areas_file_or_province")
        now = datetime.now(UTC)
        if file is not None:
            communes = import_areas(runtime, file, now=now)
            says = _("Đã nạp %(communes)s xã, phường, thị trấn.", communes=communes)
            output({"communes": communes}, says)
            return
        loaded = load_units(runtime, provinces, now=now)
        says = _(
            "Đã nạp %(communes)s xã, phường, đặc khu; %(ended)s đơn vị cũ đã kết thúc.",
            communes=loaded.communes,
            ended=loaded.ended,
        )
        output({"communes": loaded.communes, "ended": loaded.ended}, says)

    @areas.command("move")
    @click.option("--dry-run", is_flag=True, help="Only say whom it would move.")
    @json_option
    def move_to_successors(dry_run: bool) -> None:
        """Move the people of communes that went whole into another; those of split ones are asked about.

        Places of organisations go along. It names the users whose place is a part of a larger unit today:
        they see nobody until an administrator gives them another. A second time it moves nobody.
        """
        now = datetime.now(UTC)
        if dry_run:
            with runtime.db.read() as session:
                moves = plan_moves(session)
        else:
            moves = move_people(runtime, now=now)
        with runtime.db.read() as session:
            users = find_users_without_ground(session)
        if users:
            warn(
                _(
                    "Địa bàn của các tài khoản này nay chỉ là một phần của đơn vị mới, nên họ không thấy ai; hãy chọn lại địa bàn cho họ: %(users)s",
                    users=", ".join(users),
                )
            )
        _show_moves(moves, is_plan=dry_run)

    @areas.command("change")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option(
        "--on", type=Day(), required=True, metavar="YYYY-MM-DD", help="The day since when it holds."
    )
    @click.option("--dry-run", is_flag=True, help="Only say whom `areas move` would then move.")
    @json_option
    def change(file: Path, on: date, dry_run: bool) -> None:
        """Split, merge or rename communes, from a CSV: old_code, new_code, new_name, main. Nobody is moved.

        A line for each unit that an old one became, `x` in `main` where most of a split one went,
        the same code twice for a rename. It says whom `areas move` would move.
        """
        try:
            _loaded, moves = apply_reform(runtime, file, day=on, dry_run=dry_run, now=datetime.now(UTC))
        except Tried as tried:
            moves = tried.moves
        _show_moves(moves, is_plan=True)

    @areas.command("match")
    @click.option("--province", metavar="CODE", help="Whose places are known; the whole nation's without it.")
    @click.option("--on", type=Day(), metavar="YYYY-MM-DD", help="The day of the places; today without it.")
    def match_lines(province: str | None, on: date | None) -> None:
        """Recognise places: one per line in; a code, `ambiguous:CODE/CODE` or an empty line out.

        Codes are those of the day, before 1 July 2025 of the units of 2024. An old unit gives its
        successor, a split one a question. No database is needed.
        """
        day = on or datetime.now(UTC).astimezone(VIETNAM).date()
        gazetteer = gazetteer_of(frozenset((province,)) if province else frozenset(), day)
        answer_lines(lambda line: gazetteer.match(line).as_text)

    @demo.command("load")
    @click.option("--contacts", type=click.IntRange(1, 2_000_000), default=5000, show_default=True)
    @json_option
    def load_invented(contacts: int) -> None:
        """Fill an empty database with invented people and a half-sent campaign."""
        n_contacts = load_demo(runtime, contacts=contacts, now=datetime.now(UTC))
        logins = "\n".join(f"  {email:24} {PASSWORD}   {title}" for email, _role, title, _name in LOGINS)
        output(
            {"contacts": n_contacts, "logins": [email for email, *_ in LOGINS]},
            _(
                "Đã tạo %(n_contacts)s người trong danh sách mẫu. Tài khoản dùng thử:\n%(logins)s",
                n_contacts=n_contacts,
                logins=logins,
            ),
        )

    @demo.command("drill")
    @click.option("--people", type=click.IntRange(1, 7000), default=DRILL_PEOPLE, show_default=True)
    @json_option
    def play_drill(people: int) -> None:
        """Play a storm on the training phones: a warning that they answer over ten minutes."""
        event = start_drill(runtime, people=people, now=datetime.now(UTC))
        says = _(
            "Diễn tập đã bắt đầu: mở trang Ứng cứu, chiến dịch số %(n)s. Trong 10 phút máy tập huấn sẽ trả lời.",
            n=event,
        )
        output({"campaign": event}, says)

    @counters.command("verify")
    @json_option
    def verify_counters() -> None:
        """Recount all recipients and compare; fails if a counter differs."""
        with runtime.db.read() as session:
            sums, differences = find_differences(session)
            compared, disagreements = find_disagreements(session)
        if differences:
            lines = [_describe_difference(difference) for difference in differences[:SHOWN]]
            raise Failure(LoaError("counters_differ", n=len(differences), lines=lines))
        if disagreements:
            lines = [
                LoaError(
                    "reach_count_differs",
                    campaign=each.campaign_id,
                    source=each.source,
                    what=each.what,
                    counted=each.counted,
                    other=each.other,
                )
                for each in disagreements[:SHOWN]
            ]
            raise Failure(LoaError("reach_counts_differ", n=len(disagreements), lines=lines))
        output({"sums": sums + compared, "different": 0}, _("Cả %(n)s số đếm đều khớp.", n=sums + compared))

    return [db, areas, counters, demo]


def _show_moves(moves: Sequence[UnitMove], *, is_plan: bool) -> None:
    moved = sum(each.people for each in moves if each.is_whole)
    left = sum(each.people for each in moves if not each.is_whole)
    lines = [
        f"{each.old.full_name} ({each.old.code}) → "
        + ", ".join(f"{new.full_name} ({new.code})" for new in each.new)
        + f": {each.people}"
        for each in moves
    ]
    summary = (
        _("Sẽ chuyển %(moved)s người; %(left)s người phải hỏi.", moved=moved, left=left)
        if is_plan
        else _("Đã chuyển %(moved)s người; %(left)s người phải hỏi.", moved=moved, left=left)
    )
    units = [
        {
            "from": each.old.code,
            "name": each.old.full_name,
            "to": [new.code for new in each.new],
            "people": each.people,
        }
        for each in moves
    ]
    output({"moved": moved, "left": left, "units": units}, "\n".join((*lines, summary)))


def _describe_difference(difference: Difference) -> LoaError:
    campaign_id, list_id, area, label, _own, day = difference.key
    counted, kept = difference.counted, difference.kept
    answer = LoaError("counter_of_answer", label=label or LoaError("no_answer_yet"))
    return LoaError(
        "counter_differs",
        campaign=campaign_id,
        list=str(list_id) if list_id else LoaError("not_known"),
        area=area or LoaError("not_known"),
        part=LoaError("counter_of_day", day=day) if day else answer,
        comparison=LoaError("counter_people", counted=counted.people, kept=kept.people)
        if counted.people != kept.people
        else LoaError("counter_installed", counted=counted.installed, kept=kept.installed),
    )


def backup_commands(runtime: Runtime) -> list[click.Command]:
    backup = Group("backup", help="The database in one file, and back.")

    @backup.command("create")
    @click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", required=False)
    @click.option("--keep", type=click.IntRange(1), help="How many files stay in DIR; all without it.")
    @json_option
    def create(folder: Path | None, keep: int | None) -> None:
        """Write a backup into DIR, by default BACKUPS_DIR, while the system is running.

        The file is read through and signed, and its SHA-256 stored beside it. Of the answer keep
        `signer`, the public half of the key, and `audit_head`, the end of the audit log, elsewhere.
        `loa backup` alone keeps the newest 14.
        """
        key = runtime.settings.backup_keys
        made = create_backup(
            runtime.db,
            folder or Path(runtime.settings.backups_dir),
            secret_key=key,
            keep=keep,
            now=datetime.now(UTC),
            recipients=runtime.settings.backup_recipients,
        )
        output(
            {
                "file": str(made.path),
                "bytes": made.size,
                "seconds": round(made.seconds, 2),
                "removed": made.removed,
                "audit_head": made.audit_head,
                "signer": signer_of(key),
            },
            _(
                "Đã sao lưu vào %(path)s (%(size)s byte, %(seconds)s giây). Hãy giữ SECRET_KEY ở nơi khác: thiếu nó, bản sao lưu không dùng được.",
                path=made.path,
                size=made.size,
                seconds=f"{made.seconds:.1f}",
            ),
        )

    @backup.command("restore")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option("--replace", is_flag=True, help="Also where the database holds data, which is lost.")
    @click.option(
        "--identity",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="The file with the age secret key of an encrypted backup.",
    )
    @click.option(
        "--accept-foreign",
        default="",
        metavar="REASON",
        help="Take a file that this installation has not signed, as those from before 1.2.0; REASON goes on record.",
    )
    @json_option
    def restore(file: Path, replace: bool, identity: Path | None, accept_foreign: str) -> None:
        """Replace the database by a backup; campaigns pause until the gateway was asked about each message.

        Only rows of Loa's tables are taken; nothing in a file is executed. A file that is damaged, cut short,
        of another key or of a newer version is refused, and the database is as it was. Messages without a
        final state are unknown until the gateway's list says what became of them.
        """
        settings, results = runtime.settings, []

        def settle(session: Session, backup_row: Backup) -> None:
            renderer = create_renderer(settings)
            restored = settle_restored(
                session, backup_row, renderer=renderer, lease_s=settings.lease_s, now=datetime.now(UTC)
            )
            if accept_foreign:
                reason = {"reason": (None, accept_foreign)}
                audit.record_change(session, "backup.accept", backup_row, None, datetime.now(UTC), reason)
            results.append((backup_row.taken_at, restored))

        head = restore_backup(
            runtime.db,
            file,
            secret_key=settings.backup_keys,
            replace=replace,
            settle=settle,
            identity=identity,
            accept_foreign=bool(accept_foreign.strip()),
        )
        [(taken_at, restored)] = results
        output(
            {"taken_at": taken_at.isoformat(), "audit_head": head, **asdict(restored)},
            _(
                "Đã khôi phục dữ liệu của %(minutes)s phút trước. Đã tạm dừng %(paused)s chiến dịch; %(open_now)s tin đang chờ đối soát với nhà cung cấp tin nhắn. Hãy chạy lại web, worker và scheduler, chờ hết tin chưa rõ kết quả (campaigns status) rồi mới cho gửi tiếp. Câu trả lời, số bị chặn và yêu cầu xóa dữ liệu từ lúc sao lưu đến nay không có trong bản sao: hãy nhập lại (replies import) và làm lại.\nMọi người phải đăng nhập lại; %(tokens)s mã truy cập của hệ thống khác đã bị thu hồi, hãy tạo mã mới.\nNhững gì sau đây trở lại như lúc sao lưu, hãy xem từng mục và khóa hoặc ngừng lại cái không còn được dùng: tài khoản đã khóa, đã đổi vai trò hoặc đổi mật khẩu; mã khôi phục đã dùng; xác thực hai lớp đã bỏ hoặc đã bật; liên kết gửi số liệu của cơ quan; liên kết xem báo cáo; địa chỉ nhận thông báo.",
                minutes=f"{(datetime.now(UTC) - taken_at).total_seconds() / 60:.0f}",
                paused=restored.paused,
                open_now=restored.waiting + restored.under_way + restored.reported_on,
                tokens=restored.tokens,
            ),
        )

    return [backup]


def retention_commands(runtime: Runtime) -> list[click.Command]:
    retention = Group("retention", help="Personal data that have had their time.")
    days, health_days = runtime.settings.retention_days, runtime.settings.health_retention_days

    @retention.command("show")
    @json_option
    def show() -> None:
        """Show what would be removed now; removes nothing.

        Of campaigns that ended RETENTION_DAYS ago, and what is as old without one; how many people stay
        because something else needs them, and of how many the answers about health would be separated.
        """
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            due = campaigns_due(session, days=days, now=now)
            results = {
                each: preview_clear(session, each, days=days, now=now, before=due[:n])
                for n, each in enumerate(due)
            }
            expired = preview_expired(session, days=days, now=now)
            people = count_people(session, days=health_days, now=now)
        _print_results(results, expired, people, head=_("Sẽ xóa"))

    @retention.command("run")
    @json_option
    def run() -> None:
        """Remove expired personal data now; a worker does it each day.

        Names, numbers, texts, replies, notes, values of lists, rows that imports did not take, values in
        the audit log. Figures stay, and by hashes suppressions and wishes to be left alone.
        """
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            due = campaigns_due(session, days=days, now=now)
        results = {each: clear_campaign(runtime, each, days=days, now=now) for each in due}
        people = separate_health_answers(runtime.db, days=health_days, now=now)
        expired = remove_expired(runtime, days=days, now=now)
        _print_results(results, expired, people, head=_("Đã xóa"))

    return [retention]


def _print_results(results: dict[int, ClearResult], expired: ExpiryResult, people: int, *, head: str) -> None:
    lines = [
        _(
            "%(head)s của chiến dịch %(campaign_id)s: %(people)s người (giữ %(kept)s người còn trong chiến dịch khác, danh sách mới hoặc yêu cầu chưa trả lời), %(numbers)s số điện thoại, nội dung của %(messages)s tin, %(replies)s câu trả lời, %(notes)s ghi chú, %(values)s giá trị cột của danh sách.",
            head=head,
            campaign_id=campaign_id,
            **asdict(each),
        )
        for campaign_id, each in results.items()
    ]
    if people:
        lines.append(
            _("%(head)s mối nối giữa câu trả lời về sức khỏe và %(people)s người.", head=head, people=people)
        )
    if any(asdict(expired).values()):
        lines.append(
            _(
                "%(head)s ngoài các chiến dịch: %(rows)s dòng để riêng khi nhập, %(replies)s câu trả lời, %(messages)s tin, %(cases)s việc và %(numbers)s số của người không có trong danh bạ, người hỏi và trả lời của %(requests)s yêu cầu về dữ liệu, giá trị cũ và mới của %(entries)s lần sửa trong nhật ký.",
                head=head,
                **asdict(expired),
            )
        )
    output(
        {
            "campaigns": [{"id": campaign_id, **asdict(each)} for campaign_id, each in results.items()],
            "expired": asdict(expired),
            "health_answers": people,
        },
        "\n".join(lines) or _("Không có dữ liệu nào quá hạn lưu giữ."),
    )


_FAULTS = {
    ChainFault.CHANGED: LoaError("audit_changed"),
    ChainFault.VALUES: LoaError("audit_values_changed"),
    ChainFault.REMOVED: LoaError("audit_removed"),
    ChainFault.INSERTED: LoaError("audit_inserted"),
    ChainFault.UNKNOWN_KEY: LoaError("audit_key_unknown"),
    ChainFault.UNKEYED: LoaError("audit_unkeyed"),
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
    def verify_audit(anchors: tuple[str, ...]) -> None:
        """Check the whole audit log; fails and names the first entry that is not as it was written.

        It compares with the heads in the files of AUDIT_HEAD_TO and those of `--anchor`, and prints
        the log's head.
        """
        with runtime.db.read() as session:
            outside = read_outside_heads(runtime.settings)
            verdict = check_audit(session, [*outside, *map(read_anchor, anchors)])
        if verdict.broken is not None:
            broken = verdict.broken
            if wants_json():
                click.echo(f'{{"broken": {broken.id}, "fault": "{broken.fault.value}"}}')
            raise Failure(LoaError("audit_broken", id=broken.id, fault=_FAULTS[broken.fault]))
        data = {
            "entries": verdict.entries,
            "emptied": verdict.emptied,
            "head": str(verdict.head),
            "compared": len(outside) + len(anchors),
        }
        output(
            data,
            _(
                "Nhật ký nguyên vẹn: %(entries)s mục, trong đó %(emptied)s mục đã xóa giá trị theo yêu cầu; khớp với %(compared)s mốc giữ ở nơi khác.\nMốc cuối, nên ghi lại ở nơi khác: %(head)s",
                **data,
            ),
        )

    return [trail]
