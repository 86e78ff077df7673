"""Writer of the report as PDF, and of charts and drawings as PNG, by Typst with bundled fonts only.

No font of the machine is used. Liberation Serif has the widths of Times New Roman and all Vietnamese letters
(SIL Open Font License, see fonts/).
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from campaigns.rules.reports.document import DRAFT, Block, Chart, ReportDocument, Table, cell

_HERE = Path(__file__).parent


def write_pdf(report: ReportDocument) -> bytes:
    """Return the PDF, the same bytes for the same report."""
    return _compile("report.typ", "pdf", paper=_as_paper(report))


def draw_charts(report: ReportDocument) -> dict[str, bytes]:
    """Return each chart of the report as PNG, by its name."""
    names = [block.name for block in report.blocks if isinstance(block, Chart)]
    paper = _as_paper(report)
    return {name: _compile("report.typ", "png", ppi=220, paper=paper, chart=name) for name in names}


def svg_as_png(svg: str) -> bytes:
    """Return an SVG as PNG, about 1500 pixels wide, on one page."""
    return _compile("picture.typ", "png", ppi=288, svg=svg)


def _compile(
    source: str, file_format: Literal["pdf", "png"], *, ppi: int | None = None, **inputs: str
) -> bytes:
    import typst  # noqa: PLC0415 - 8 MB, where reports are made alone

    made = typst.compile(
        str(_HERE / source),
        root=str(_HERE),
        font_paths=[str(_HERE.parent / "fonts")],
        ignore_system_fonts=True,
        format=file_format,
        ppi=ppi,
        sys_inputs=inputs,
        timestamp=0,
    )
    return made if isinstance(made, bytes) else made[0]


def _as_paper(report: ReportDocument) -> str:
    paper = {
        **asdict(report),
        "title": report.title,
        "draft": DRAFT if report.is_draft else "",
        "blocks": [_block(block) for block in report.blocks],
        "appendices": [
            {**asdict(appendix), "blocks": [_block(block) for block in appendix.blocks]}
            for appendix in report.appendices
        ],
    }
    return json.dumps(paper, ensure_ascii=False)


def _block(block: Block) -> dict[str, Any]:
    data = asdict(block)
    if isinstance(block, Table):
        data["above"] = block.above
        data["rows"] = [
            [{"text": cell(value), "unknown": value is None} for value in row] for row in block.rows
        ]
    return data
