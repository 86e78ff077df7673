"""Commands for operators: database, backups, retention of personal data, audit log, keys, checks, and what a new administrator takes over.

After a restore campaigns stay paused until the gateway was asked about each message, so that nobody gets a second message.
A new key goes into the variables of all processes; until then nothing changes. Web processes are restarted first: they
know both keys, and what workers make under the new one opens at once.
"""

import os
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.cli.base import (
    A_FILE,
    A_FOLDER,
    Command,
    Day,
    Failure,
    Group,
    acting_as,
    acting_user,
    answer_lines,
    json_option,
    output,
    wants_json,
    warn,
)
from admin.demo.load_demo import DRILL_PEOPLE, LOGINS, PASSWORD, load_demo, start_drill
from admin.wording.errors import show_error
from admin.wording.filters import label_of
from campaigns.analytics.reach import find_disagreements
from campaigns.answer_totals import Difference, find_differences
from campaigns.checks.doctor import run_checks
from campaigns.delivery.after_restore import settle_restored
from campaigns.delivery.office_phones import send_test_message
from campaigns.models.figures import AgencyLink
from campaigns.models.reports import ReportLink
from campaigns.privacy import retention
from campaigns.privacy.health_answers import count_people, separate_health_answers
from campaigns.rules.checks import Level
from campaigns.rules.delivery import create_renderer
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.audit import check_audit, read_anchor, read_head, read_outside_heads
from outreach.accounts.second_factor import has_second_factor
from outreach.backups.backups import create_backup, restore_backup, signer_of
from outreach.contacts import move_people
from outreach.contacts.hash_keys import count_hashes, hash_migrated_wishes, rehash_suppressions
from outreach.core.db import count_rows
from outreach.core.schema import downgrade, is_known, newest, read_revision, upgrade
from outreach.core.settings import Settings
from outreach.gateway_accounts import read_accounts
from outreach.imports.exchange import public_key
from outreach.imports.uploads import import_areas
from outreach.models.accounts import ApiToken, Role, User, UserSession
from outreach.models.office import Backup
from outreach.places.areas import gazetteer_of
from outreach.rules.audit_chain import ChainFault
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.keys import Purpose, key_id, split_keys
from outreach.runtime import Runtime

SHOWN = 20  # differences that are printed


def data_commands(runtime: Runtime) -> list[click.Command]:
    db = Group("db", help="Create or update the database's tables, or take an update back.")
    areas = Group("areas", help="Load provinces, districts and communes; split, merge and recognise them.")
    counters = Group("counters", help="Recount the sums behind the figures, and compare.")
    demo = Group("demo", help="Load invented data for trying and training, or play a storm.")

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
    @click.argument("file", type=A_FILE, required=False)
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
        loaded = move_people.load_units(runtime, provinces, now=now)
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
                moves = move_people.plan_moves(session)
        else:
            moves = move_people.move_people(runtime, now=now)
        with runtime.db.read() as session:
            users = move_people.find_users_without_ground(session)
        if users:
            warn(
                _(
                    "Địa bàn của các tài khoản này nay chỉ là một phần của đơn vị mới, nên họ không thấy ai; hãy chọn lại địa bàn cho họ: %(users)s",
                    users=", ".join(users),
                )
            )
        _show_moves(moves, is_plan=dry_run)

    @areas.command("change")
    @click.argument("file", type=A_FILE)
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
            _loaded, moves = move_people.apply_reform(
                runtime, file, day=on, dry_run=dry_run, now=datetime.now(UTC)
            )
        except move_people.Tried as tried:
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
            lines = disagreements[:SHOWN]
            raise Failure(LoaError("reach_counts_differ", n=len(disagreements), lines=lines))
        output({"sums": sums + compared, "different": 0}, _("Cả %(n)s số đếm đều khớp.", n=sums + compared))

    return [db, areas, counters, demo]


def _show_moves(moves: Sequence[move_people.UnitMove], *, is_plan: bool) -> None:
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
    backup = Group("backup", help="Back up the database into one file, and restore it.")

    @backup.command("create")
    @click.argument("folder", type=A_FOLDER, metavar="DIR", required=False)
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
    @click.argument("file", type=A_FILE)
    @click.option("--replace", is_flag=True, help="Also where the database holds data, which is lost.")
    @click.option("--identity", type=A_FILE, help="The file with the age secret key of an encrypted backup.")
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
    kept = Group("retention", help="Show or remove personal data whose time is over.")
    days, health_days = runtime.settings.retention_days, runtime.settings.health_retention_days

    @kept.command("show")
    @json_option
    def show() -> None:
        """Show what would be removed now; removes nothing.

        Of campaigns that ended RETENTION_DAYS ago, and what is as old without one; how many people stay
        because something else needs them, and of how many the answers about health would be separated.
        """
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            due = retention.campaigns_due(session, days=days, now=now)
            results = {
                each: retention.preview_clear(session, each, days=days, now=now, before=due[:n])
                for n, each in enumerate(due)
            }
            expired = retention.preview_expired(session, days=days, now=now)
            people = count_people(session, days=health_days, now=now)
        _print_results(results, expired, people, head=_("Sẽ xóa"))

    @kept.command("run")
    @json_option
    def run() -> None:
        """Remove expired personal data now; a worker does it each day.

        Names, numbers, texts, replies, notes, values of lists, rows that imports did not take, values in
        the audit log. Figures stay, and by hashes suppressions and wishes to be left alone.
        """
        now = datetime.now(UTC)
        with runtime.db.read() as session:
            due = retention.campaigns_due(session, days=days, now=now)
        results = {each: retention.clear_campaign(runtime, each, days=days, now=now) for each in due}
        people = separate_health_answers(runtime.db, days=health_days, now=now)
        expired = retention.remove_expired(runtime, days=days, now=now)
        _print_results(results, expired, people, head=_("Đã xóa"))

    return [kept]


def _print_results(
    results: Mapping[int, Counter[str]], expired: Counter[str], people: int, *, head: str
) -> None:
    lines = [
        _(
            "%(head)s của chiến dịch %(campaign_id)s: %(people)s người (giữ %(kept)s người còn trong chiến dịch khác, danh sách mới hoặc yêu cầu chưa trả lời), %(numbers)s số điện thoại, nội dung của %(messages)s tin, %(replies)s câu trả lời, %(notes)s ghi chú, %(values)s giá trị cột của danh sách.",
            head=head,
            campaign_id=campaign_id,
            **each,
        )
        for campaign_id, each in results.items()
    ]
    if people:
        lines.append(
            _("%(head)s mối nối giữa câu trả lời về sức khỏe và %(people)s người.", head=head, people=people)
        )
    if any(expired.values()):
        lines.append(
            _(
                "%(head)s ngoài các chiến dịch: %(rows)s dòng để riêng khi nhập, %(replies)s câu trả lời, %(messages)s tin, %(cases)s việc và %(numbers)s số của người không có trong danh bạ, người hỏi và trả lời của %(requests)s yêu cầu về dữ liệu, giá trị cũ và mới của %(entries)s lần sửa trong nhật ký.",
                head=head,
                **expired,
            )
        )
    output(
        {
            "campaigns": [{"id": campaign_id, **each} for campaign_id, each in results.items()],
            "expired": expired,
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
    trail = Group("audit", help="Check that the record of who did what is whole.")

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


def key_commands(runtime: Runtime) -> list[click.Command]:
    keys = Group(
        "keys", help="Show and change the keys of sessions, links, second factors and hashes of numbers."
    )

    @keys.command("show")
    @json_option
    def show() -> None:
        """Name the keys in use, never the keys themselves, and how many hashes need each."""
        with runtime.db.read() as session:
            hashes = count_hashes(session)
        rows = []
        for purpose in Purpose:
            for place, key in enumerate(split_keys(runtime.settings.keys_of(purpose))):
                row = {
                    "purpose": purpose.value,
                    "key": key_id(key),
                    "use": "makes" if place == 0 else "reads",
                }
                if purpose is Purpose.SUPPRESSIONS:
                    row["hashes"] = hashes.pop(key_id(key), 0)  # type: ignore[assignment]
                rows.append(row)
        signer = signer_of(runtime.settings.backup_keys)
        rows.append({"purpose": "backups", "key": signer, "use": "signs"})
        rows.append({"purpose": "exchange", "key": public_key(runtime.settings), "use": "signs"})
        unnamed = hashes.pop("", 0)
        lines = [" ".join(f"{name}={value}" for name, value in row.items()) for row in rows]
        output(
            {"keys": rows, "hashes_before_ids": unnamed, "hashes_of_unknown_keys": sum(hashes.values())},
            "\n".join(lines),
        )

    @keys.command("rotate")
    @click.argument("purposes", nargs=-1, required=True, type=click.Choice([each.value for each in Purpose]))
    @click.option("--file", type=A_FILE, help="The file of variables; without it the new lines are printed.")
    @json_option
    def rotate(purposes: tuple[str, ...], file: Path | None) -> None:
        """Make a new key for each purpose; the former ones stay behind it, to open and compare only."""
        lines = {}
        for purpose in map(Purpose, purposes):
            # Of sessions no former key is kept: they are to end.
            former = () if purpose is Purpose.SESSIONS else runtime.settings.own_keys_of(purpose)
            lines[purpose.variable] = ",".join([secrets.token_urlsafe(36), *former])
        if file:
            _write_variables(file, lines)
        shown = {} if file else {"variables": lines}
        output(
            {"changed": [*lines], **shown},
            _(
                "Đã ghi khóa mới vào %(file)s. Hãy khởi động lại web trước, rồi đến các worker, sau đó chạy `keys rehash`.",
                file=file,
            )
            if file
            else "\n".join(f"{name}={value}" for name, value in lines.items()),
        )

    @keys.command("rehash")
    @json_option
    def rehash() -> None:
        """Bring the hashes of suppressed numbers that are known under the newest key."""
        changed = rehash_suppressions(runtime, now=datetime.now(UTC))
        output({"changed": changed}, _("Đã chuyển %(n)s số bị chặn sang khóa mới.", n=changed))

    return [keys]


def _write_variables(file: Path, lines: dict[str, str]) -> None:
    """Replace these variables in a file of `NAME=value` lines, at once and with its owner and mode. Raises BadInput."""
    try:
        found = file.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise BadInput("campaign_file_not_utf8", name=file.name) from None
    kept = [line for line in found if line.partition("=")[0].strip() not in lines]
    status = file.stat()
    new = file.with_name(f".{file.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as written:
        written.write("\n".join([*kept, *(f"{name}={value}" for name, value in lines.items()), ""]))
        os.fchmod(written.fileno(), status.st_mode & 0o777)
        os.fchown(written.fileno(), status.st_uid, status.st_gid)
        os.fsync(written.fileno())
    new.replace(file)


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
            data = _read_handover(session, runtime.settings)
        lines = [f"{name}: {_in_words(value)}" for name, value in data.items()]
        missing = [show_error(each) for each in _find_missing(data)]
        lines += [_("Còn thiếu:"), *(f"! {each}" for each in missing)] if missing else [_("Không thiếu gì.")]
        output({**data, "missing": missing}, "\n".join(lines))

    return [handover]


def _read_handover(session: Session, settings: Settings) -> dict[str, Any]:
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


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}={_in_words(each)}" for name, each in value.items())
    if isinstance(value, list):
        return (
            ", ".join(f"({_in_words(each)})" if isinstance(each, dict) else str(each) for each in value)
            or "–"
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
