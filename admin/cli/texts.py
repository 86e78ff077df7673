"""Commands on texts alone; no database is needed."""

from __future__ import annotations

import json

import click

from admin.cli.speaking import Group, read_lines, write_line
from campaigns.replies.classifier import classify
from outreach.errors import BadInput
from outreach.runtime import Runtime
from outreach.sms.text import measure


def text_commands(_runtime: Runtime) -> list[click.Command]:
    replies = Group("replies", help="Understand residents' replies.")
    sms = Group("sms", help="Measure message texts.")

    @replies.command("classify")
    def classify_lines() -> None:
        """One reply a line in, one `label<TAB>confidence` a line out."""
        for line in read_lines():
            label, confidence = classify(line)
            write_line(f"{label.value}\t{confidence:.2f}")

    @sms.command("measure")
    @click.option("--unaccented", is_flag=True, help="Without accents, as it would be sent.")
    def measure_lines(unaccented: bool) -> None:
        """One JSON string a line in; encoding, units, segments and the text as sent out."""
        for number, line in enumerate(read_lines(), start=1):
            try:
                text = json.loads(line)
            except (ValueError, RecursionError):
                text = None
            if not isinstance(text, str):
                raise BadInput(f'Dòng {number} không phải một chuỗi JSON. Mỗi dòng viết dạng “"nội dung"”.')
            # Half a character, as JSON can write it, cannot be sent.
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            measured = measure(whole, unaccented=unaccented)
            write_line(
                json.dumps(
                    {
                        "encoding": measured.encoding.value,
                        "units": measured.units,
                        "segments": measured.segments,
                        "text": measured.text,
                    },
                    ensure_ascii=False,
                )
            )

    return [replies, sms]
