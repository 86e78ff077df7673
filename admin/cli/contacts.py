"""Commands for what comes in and what goes out as text: list files are checked, imported and undone, the do-not-call register replaced; replies
are classified, imported and exported as examples; SMS are measured.
"""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

import click
from flask_babel import gettext as _

from admin.cli.base import (
    A_FILE,
    A_RESULT,
    LARGEST_ID,
    Day,
    Group,
    json_option,
    output,
    read_lines,
    write_line,
)
from campaigns.cases.handle_case import export_examples
from campaigns.planning.kinds import known_kinds, load_kinds
from campaigns.replies.gateway_inbox import import_log
from campaigns.rules.content import read_content
from campaigns.rules.replies.asked import Asked, read_asked
from campaigns.rules.replies.context import without_quote
from campaigns.rules.replies.understand import understand
from outreach.imports.do_not_call import import_do_not_call
from outreach.imports.exchange import exchange_wishes
from outreach.imports.issues import count_at_the_door
from outreach.imports.list_reader import write_check
from outreach.imports.store_rows import ImportCounts
from outreach.imports.uploads import export_errors, import_file, undo_import
from outreach.models.contacts import LegalBasis
from outreach.places.areas import gazetteer_of
from outreach.rules.errors import BadInput
from outreach.rules.segments import measure
from outreach.runtime import Runtime

_file = click.argument("file", type=A_FILE)


def contact_commands(runtime: Runtime) -> list[click.Command]:
    contacts = Group("contacts", help="Check, import and undo lists of people; the do-not-call register.")

    @contacts.command("check")
    @_file
    @click.option("--out", required=True, type=A_RESULT)
    @click.option(
        "--province", default="62", show_default=True, metavar="CODE", help="Whose places are known."
    )
    @click.option("--on", type=Day(), default="2020-08-20", show_default=True, help="The day of the places.")
    @json_option
    def check(file: Path, out: Path, province: str, on: date) -> None:
        """Check a list file and report each row; nothing is stored and no database is needed.

        Read are XLSX, XLS, ODS, CSV, the tables of DOCX and the contacts of VCF. Text that is
        struck through is an old number (warning `struck_through`). Tables beside each other are
        read from left to right, the further ones named by their columns (`Lớp 4B F:I`). For review
        are rows with two people (`two_people`), numbers that stand in notes or addresses, a number
        without a name in a list with names, and people who died or moved away by their note. An
        installation's own imports use the units in its table.
        """
        _check_output_path(file, out)
        turned = list[str]()
        counts = write_check(file, out, gazetteer_of(frozenset((province,)), on), turned)
        for sheet in turned:
            click.echo(
                _("Trang tính “%(name)s” nằm ngang: mỗi người một cột. Đã xoay lại để đọc.", name=sheet),
                err=True,
            )
        output(
            dict(counts),
            _(
                "Kết quả: %(counts)s. Xem %(file)s.",
                counts=", ".join(f"{name} {count}" for name, count in counts.items()),
                file=out,
            ),
        )

    @contacts.command("import")
    @_file
    @click.option("--list", "list_name", required=True, metavar="NAME")
    @click.option("--organisation", required=True, metavar="CODE")
    @click.option(
        "--errors",
        type=A_RESULT,
        help="Where to write the rows that were not taken, with the reason: .csv or .xlsx.",
    )
    @click.option(
        "--basis",
        type=click.Choice([each.value for each in LegalBasis]),
        help="On what basis the list is written to.",
    )
    @click.option("--basis-note", default="", metavar="TEXT", help="The paper that it rests on.")
    @click.option("--commune", default="", metavar="NAME", help="Of people whose row names no commune.")
    @click.option("--village", default="", metavar="NAME", help="Of people whose row names no village.")
    @json_option
    def bring_in(
        file: Path,
        list_name: str,
        organisation: str,
        errors: Path | None,
        basis: str | None,
        basis_note: str,
        commune: str,
        village: str,
    ) -> None:
        """Import a file into an organisation's list. Importing it again changes nothing.

        Columns that the organisation's officers named before are known. It prints the import's
        number, which `contacts undo` takes. A rejected row with a name is stored for visits, and
        counted once more in `for_visits`. If it is killed, a worker goes on, or the same command.
        """
        _check_output_path(file, errors)
        list_import = import_file(
            runtime,
            file,
            organisation=organisation,
            list_name=list_name,
            basis=basis or "",
            basis_note=basis_note,
            place={"commune": commune, "village": village},
            now=datetime.now(UTC),
        )
        if errors:
            export_errors(runtime, list_import.id, errors, user=None, now=datetime.now(UTC))
        counts = ImportCounts(**list_import.counts)
        with runtime.db.read() as session:
            at_the_door = count_at_the_door(session, list_import.id)
        output(
            {"import": list_import.id, **asdict(counts), "for_visits": at_the_door},
            _(
                "Lần nhập %(id)s. Đã đọc %(rows)s dòng: %(created)s người mới, %(updated)s bổ sung, %(merged)s gộp, %(unchanged)s không đổi, %(review)s chờ quyết định, %(rejected)s không hợp lệ (trong đó %(at_the_door)s dòng của người được lưu để gặp tận nhà).",
                id=list_import.id,
                rows=counts.rows,
                created=counts.created,
                updated=counts.updated,
                merged=counts.merged,
                unchanged=counts.unchanged,
                review=counts.review,
                rejected=counts.rejected,
                at_the_door=at_the_door,
            ),
        )

    @contacts.command("undo")
    @click.argument("import_id", metavar="IMPORT", type=click.IntRange(1, LARGEST_ID))
    @json_option
    def take_back(import_id: int) -> None:
        """Undo an import, by the number from `contacts import`: contacts that only it contained are removed.

        What it added to others goes as well. An import made on the page can be undone, too; if
        interrupted, the same command goes on.
        """
        people = undo_import(runtime, import_id)
        output(
            {"import": import_id, "people": people},
            _(
                "Đã hoàn tác lần nhập %(import_id)s: gỡ những gì tệp đã đưa vào của %(people)s người.",
                import_id=import_id,
                people=people,
            ),
        )

    @contacts.command("do-not-call")
    @_file
    @click.option("--shrink", is_flag=True, help="The file is the whole register: all other numbers go.")
    @json_option
    def replace_do_not_call(file: Path, shrink: bool) -> None:
        """Replace the do-not-call register by a newer file of the national DoNotCall register.

        Its numbers are suppressed, those of the former file no longer. It is refused where more
        than a fifth of those would go. Any size takes the same memory.
        """
        counts = import_do_not_call(runtime, file, may_shrink=shrink, now=datetime.now(UTC))
        left_out = ", ".join(f"“{name}”" for name in counts["skipped"])
        output(
            counts,
            _(
                "Danh sách không quảng cáo (DoNotCall) nay có %(numbers)s số: thêm %(added)s, bỏ %(removed)s. %(people)s người trong hệ thống có số trong danh sách này.",
                numbers=counts["numbers"],
                added=counts["added"],
                removed=counts["removed"],
                people=counts["people"],
            )
            + (
                " " + _("Không lấy trang %(left_out)s: 200 dòng đầu không có số di động.", left_out=left_out)
                if left_out
                else ""
            ),
        )

    @contacts.command("exchange")
    @json_option
    def exchange() -> None:
        """Take from the other installations of EXCHANGE_PEERS who is to be left alone.

        A worker does it every five minutes, and they take from this one. What went wrong with one is in `doctor`.
        """
        counts = exchange_wishes(runtime, now=datetime.now(UTC))
        output(
            counts,
            _(
                "Đã nhận %(taken)s lời từ chối mới và %(taken_back)s lời được rút lại. %(failed)s nơi không trao đổi được.",
                **counts,
            ),
        )

    return [contacts]


def _check_output_path(file: Path, out: Path | None) -> None:
    """Check that the result does not overwrite the list file. Raises BadInput."""
    if out and out.resolve() == file.resolve():
        raise BadInput("result_is_list_command")


def text_commands(runtime: Runtime) -> list[click.Command]:
    replies = Group("replies", help="Classify residents' replies, import and export them.")
    sms = Group("sms", help="Measure how many messages a text takes.")

    @replies.command("classify")
    @click.option("--kind", default="bluezone", help="Kind of campaign, also one made by staff.")
    @click.option("--asked", "file", type=A_FILE, help="Instead of a kind, a JSON file of what was asked.")
    def classify_lines(kind: str, file: Path | None) -> None:
        """Classify replies: one per line in; label, confidence, `automatic`, `person` or `held`, and `urgent` or nothing out.

        What comes out is separated by tabs. With `opt_out` `held` means that nothing more is sent
        until an officer has looked; with another word it counts at once. `opt_in` is a wish to be
        written to. A file of what was asked has `text` (the message as sent), `question` and
        `answers`, each with `number`, `words` and perhaps `means`, a label; without it the label is
        `answer-NUMBER`.
        """
        asked, sent = read_asked(file.read_bytes()) if file else (asked_of_kind(kind), "")
        for line in read_lines():
            reply = understand(without_quote(line, sent), asked)
            acts = "automatic" if reply.is_automatic else "person"
            acts = "held" if reply.opt_out == "held" else acts
            label = reply.label or f"answer-{reply.own}"
            urgent = "urgent" if reply.is_urgent else ""
            write_line(f"{label}\t{reply.confidence:.2f}\t{acts}\t{urgent}")

    def asked_of_kind(kind: str) -> Asked:
        kinds = load_kinds()
        if kind not in kinds:  # only those made in the office need the database
            kinds = known_kinds(runtime.db)
        if kind not in kinds:
            raise BadInput("kind_not_found", code=kind[:40])
        return read_content(kinds[kind]).vocabulary

    @replies.command("examples")
    @click.argument("file", type=A_RESULT)
    @click.option("--corrected", is_flag=True, help="Only where the officer chose another label.")
    @json_option
    def write_examples(file: Path, corrected: bool) -> None:
        """Export replies with the labels from officers, for the classifier's test.

        Beside each label stand the suggested one and its confidence. Digits are zeros, names stay.
        """
        count = export_examples(runtime, file, corrected_only=corrected, now=datetime.now(UTC))
        says = _(
            "Đã ghi %(count)s câu trả lời có nhãn của cán bộ vào %(file)s. Tên người trong câu vẫn còn: hãy xem lại.",
            count=count,
            file=file,
        )
        output({"examples": count}, says)

    @replies.command("import")
    @click.argument("file", type=A_FILE)
    @json_option
    def import_replies(file: Path) -> None:
        """Import a reply log (CSV, Excel) of an operator or a phone; importing it again changes nothing."""
        done = import_log(runtime, file, actor_id=None, now=datetime.now(UTC))
        says = _("Đã đọc %(rows)s dòng: %(new)s câu trả lời mới, %(known)s câu đã có.", **asdict(done))
        if done.unreadable:
            lines = ", ".join(map(str, done.unreadable[:20]))
            says += " " + _(
                "Không đọc được dòng %(lines)s%(more)s.",
                lines=lines,
                more="…" if len(done.unreadable) > 20 else "",
            )
        output(asdict(done), says)

    @sms.command("measure")
    @click.option("--unaccented", is_flag=True, help="Without accents, as it would be sent.")
    def measure_lines(unaccented: bool) -> None:
        """Measure texts: one JSON string per line in; encoding, units, segments and the text as sent out."""
        for number, line in enumerate(read_lines(), start=1):
            try:
                text = json.loads(line)
            except (ValueError, RecursionError):
                text = None
            if not isinstance(text, str):
                raise BadInput("line_not_json", line=number)
            # JSON can contain half a surrogate pair, which cannot be sent: replace it.
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            measured = measure(whole, unaccented=unaccented)
            write_line(json.dumps(measured._asdict(), ensure_ascii=False))

    return [replies, sms]
