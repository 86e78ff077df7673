"""Commands for contacts: check, import and undo list files, and replace the do-not-call register."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.cli.base import Group, json_option, output
from outreach.accounts import audit
from outreach.accounts.organisations import find_organisation
from outreach.contacts.lists import set_basis
from outreach.imports.do_not_call import RegisterCounts, end, replace_register
from outreach.imports.issues import export_issues
from outreach.imports.list_reader import check_list, write_check
from outreach.imports.store_rows import CHUNK, find_or_create_list, import_rows
from outreach.imports.undo_import import finish_undo, lock_import, undo_import_rows
from outreach.imports.uploads import read_mappings
from outreach.models.contacts import DoNotCallFile, LegalBasis
from outreach.models.places import Area
from outreach.rules.errors import BadInput
from outreach.rules.gazetteer import default_gazetteer
from outreach.runtime import Runtime

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_RESULT = click.Path(dir_okay=False, writable=True, path_type=Path)


def contact_commands(runtime: Runtime) -> list[click.Command]:
    contacts = Group("contacts", help="Lists of people as organisations keep them.")

    @contacts.command("check")
    @_file
    @click.option("--out", required=True, type=_RESULT)
    @json_option
    def check(file: Path, out: Path, as_json: bool) -> None:
        """Check a list file and report each row; nothing is stored and no database is needed."""
        _check_output_path(file, out)
        counts = write_check(file, out, default_gazetteer())
        output(
            dict(counts),
            as_json=as_json,
            says="Kết quả: "
            + ", ".join(f"{name} {count}" for name, count in counts.items())
            + f". Xem {out}.",
        )

    @contacts.command("import")
    @_file
    @click.option("--list", "list_name", required=True, metavar="NAME")
    @click.option("--organisation", required=True, metavar="CODE")
    @click.option(
        "--errors",
        type=_RESULT,
        help="Where to write the rows that were not taken, with the reason: .csv or .xlsx.",
    )
    @click.option(
        "--basis",
        type=click.Choice([each.value for each in LegalBasis]),
        help="On what basis the list is written to.",
    )
    @click.option("--basis-note", default="", metavar="TEXT", help="The paper that it rests on.")
    @json_option
    def bring_in(
        file: Path,
        list_name: str,
        organisation: str,
        errors: Path | None,
        basis: str | None,
        basis_note: str,
        as_json: bool,
    ) -> None:
        """Import a file into an organisation's list. Importing it again changes nothing."""
        _check_output_path(file, errors)
        now = datetime.now(UTC)
        gazetteer = default_gazetteer()
        with runtime.db.write() as session:
            owner = find_organisation(session, organisation)
            into = find_or_create_list(session, organisation_id=owner.id, name=list_name, now=now)
            if basis:
                today = now.date()
                set_basis(into, basis=basis, since=today.isoformat(), note=basis_note, today=today)
                subject = f"contact_lists:{into.id}"
                audit.record(session, "list.basis", subject, None, now, basis=basis)
            list_import, counts = import_rows(
                session,
                check_list(file, gazetteer, read_mappings(session, into.id)),
                into=into,
                file=file,
                known_areas=set(session.scalars(select(Area.code))),
                secret_key=runtime.settings.secret_key,
                now=now,
            )
            audit.record(session, "contacts.import", into, None, now, **asdict(counts))
            if errors:
                rows = export_issues(session, list_import.id, errors)
                subject = f"list_imports:{list_import.id}"
                audit.record(session, "import.see_errors", subject, None, now, rows=rows)
        output(
            {"import": list_import.id, **asdict(counts)},
            as_json=as_json,
            says=(
                f"Lần nhập {list_import.id}. Đã đọc {counts.rows} dòng: {counts.created} người mới, {counts.updated} bổ sung, "
                f"{counts.merged} gộp, {counts.unchanged} không đổi, {counts.review} chờ xem lại, "
                f"{counts.rejected} không hợp lệ."
            ),
        )

    @contacts.command("undo")
    @click.argument("import_id", metavar="IMPORT", type=int)
    @json_option
    def take_back(import_id: int, as_json: bool) -> None:
        """Undo an import, by the number from `contacts import`: contacts that only it contained are removed."""
        key, people = runtime.settings.secret_key, 0
        while done := _undo_chunk(runtime, import_id, key):
            people += done
        output(
            {"import": import_id, "people": people},
            as_json=as_json,
            says=f"Đã hoàn tác lần nhập {import_id}: gỡ những gì tệp đã đưa vào của {people} người.",
        )

    @contacts.command("do-not-call")
    @_file
    @click.option("--shrink", is_flag=True, help="The file is the whole register: all other numbers go.")
    @json_option
    def replace_do_not_call(file: Path, shrink: bool, as_json: bool) -> None:
        """Replace the do-not-call register by a newer file of the national DoNotCall register."""
        now = datetime.now(UTC)

        def record(session: Session, found: RegisterCounts) -> None:
            register = DoNotCallFile(file_name=file.name[:200], may_shrink=shrink, handed_in_at=now)
            session.add(register)
            session.flush()
            end(session, register, found, now=datetime.now(UTC))

        key = runtime.settings.secret_key
        counts = asdict(
            replace_register(runtime.db, file, secret_key=key, now=now, record=record, may_shrink=shrink)
        )
        left_out = ", ".join(f"“{name}”" for name in counts["skipped"])
        output(
            counts,
            as_json=as_json,
            says=(
                f"Danh sách không làm phiền nay có {counts['numbers']} số: thêm {counts['added']}, bỏ "
                f"{counts['removed']}. {counts['people']} người trong hệ thống có số trong danh sách này."
                + (f" Không lấy trang {left_out}: 200 dòng đầu không có số di động." if left_out else "")
            ),
        )

    return [contacts]


def _undo_chunk(runtime: Runtime, import_id: int, secret_key: str) -> int:
    """Undo part of an import in its own transaction, so that others can work meanwhile.

    Returns 0 once it is finished.
    """
    now = datetime.now(UTC)
    with runtime.db.write() as session:
        list_import = lock_import(session, import_id)
        done = undo_import_rows(session, list_import, limit=CHUNK, secret_key=secret_key, now=now)
        if not done:
            finish_undo(session, list_import, now=now)
        return done


def _check_output_path(file: Path, out: Path | None) -> None:
    """Check that the result does not overwrite the list file. Raises BadInput."""
    if out and out.resolve() == file.resolve():
        raise BadInput("Tệp kết quả trùng với tệp danh sách. Hãy đặt tên khác cho tệp kết quả.")
