"""Commands for texts: classify replies, export examples, import reply logs, measure SMS."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from flask_babel import gettext as _

from admin.cli.base import A_FILE, Group, json_option, output, read_lines, write_line
from campaigns.cases.handle_case import export_examples
from campaigns.planning.kinds import known_kinds, load_kinds
from campaigns.replies.gateway_inbox import import_log
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.content import read_content
from campaigns.rules.replies.asked import Asked, read_asked
from campaigns.rules.replies.context import without_quote
from campaigns.rules.replies.understand import understand
from outreach.rules.errors import BadInput
from outreach.rules.segments import measure
from outreach.runtime import Runtime


def text_commands(runtime: Runtime) -> list[click.Command]:
    replies = Group("replies", help="Understand residents' replies.")
    sms = Group("sms", help="Measure message texts.")

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
    @click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
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
        settings = runtime.settings
        keys = AnswerContext.of(settings)
        done = import_log(runtime, file, keys=keys, actor_id=None, now=datetime.now(UTC))
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
