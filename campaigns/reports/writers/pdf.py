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
_PICTURE_PPI = 220


def write_pdf(report: ReportDocument) -> bytes:
    """Return the PDF, the same bytes for the same report."""
    return _compile(report, "pdf")


def draw_charts(report: ReportDocument) -> dict[str, bytes]:
    """Return each chart of the report as PNG, by its name."""
    return {
        block.name: _compile(report, "png", chart=block.name)
        for block in report.blocks
        if isinstance(block, Chart)
    }


def _compile(report: ReportDocument, file_format: Literal["pdf", "png"], **more: str) -> bytes:
    import typst  # noqa: PLC0415 - 8 MB, where reports are made alone

    return typst.compile(
        str(_HERE / "report.typ"),
        root=str(_HERE),
        font_paths=[str(_HERE.parent / "fonts")],
        ignore_system_fonts=True,
        format=file_format,
        ppi=_PICTURE_PPI if file_format == "png" else None,
        sys_inputs={"paper": json.dumps(_as_data(report), ensure_ascii=False), **more},
        timestamp=0,
    )


def _as_data(report: ReportDocument) -> dict[str, Any]:
    return {
        **report.as_data(),
        "title": report.title,
        "draft": DRAFT if report.is_draft else "",
        "blocks": [_block(block) for block in report.blocks],
        "appendices": [
            {**asdict(appendix), "blocks": [_block(block) for block in appendix.blocks]}
            for appendix in report.appendices
        ],
    }


def _block(block: Block) -> dict[str, Any]:
    data = asdict(block)
    if isinstance(block, Table):
        data["above"] = block.above
        data["rows"] = [
            [{"text": cell(value), "unknown": value is None} for value in row] for row in block.rows
        ]
    return data


_PPI = 288


def svg_as_png(svg: str) -> bytes:
    """Return an SVG as PNG, about 1500 pixels wide, on one page."""
    import typst  # noqa: PLC0415 - as in pdf.py

    pictures = typst.compile(
        str(_HERE / "picture.typ"),
        root=str(_HERE),
        font_paths=[str(_HERE.parent / "fonts")],
        ignore_system_fonts=True,
        format="png",
        ppi=_PPI,
        sys_inputs={"svg": svg},
    )
    return pictures if isinstance(pictures, bytes) else pictures[0]
