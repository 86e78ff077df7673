"""The documents of an issue, built from what was frozen and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from campaigns.report.changes import Change
from campaigns.report.form import read_form
from campaigns.report.models import FileKind, ReportIssue
from campaigns.report.paper.blocks import Paper
from campaigns.report.paper.composing import compose, compose_correction
from campaigns.report.paper.docx import write_docx
from campaigns.report.paper.pdf import draw_charts, write_pdf
from campaigns.report.paper.xlsx import write_xlsx
from campaigns.report.snapshot.figures import read_snapshot

MIME = {
    FileKind.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    FileKind.PDF: "application/pdf",
    FileKind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def paper_of(issue: ReportIssue) -> Paper:
    """What an issue says."""
    snapshot, form = read_snapshot(issue.snapshot), read_form(issue.form)
    if issue.n == 0:
        return compose(snapshot, form, written_on=issue.written_on)
    changes = [Change(**each) for each in issue.changes]
    return compose_correction(snapshot, form, changes, n=issue.n, written_on=issue.written_on)


def build(paper: Paper, *, made_at: datetime) -> dict[FileKind, bytes]:
    """The three files of a paper. `made_at` stands in their properties."""
    charts: Mapping[str, bytes] = draw_charts(paper)
    return {
        FileKind.DOCX: write_docx(paper, charts, made_at=made_at),
        FileKind.PDF: write_pdf(paper),
        FileKind.XLSX: write_xlsx(paper, made_at=made_at),
    }


def file_name(day: str, n: int, kind: FileKind) -> str:
    """report-2020-08-20.docx; a correction's says which one it is."""
    return f"report-{day}{f'-dinh-chinh-{n}' if n else ''}.{kind.value}"
