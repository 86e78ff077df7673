"""Files made to exhaust whoever parses them."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.support.list_files import ods_around, write_xlsx

ROWS = [["STT", "Họ và tên", "SĐT"], [1, "Y Blưm", "0905000123"]]
_SHEET = "xl/worksheets/sheet1.xml"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def with_sheet(path: Path, body: str) -> Path:
    """A workbook whose one sheet is this XML, or holds it."""
    write_xlsx(path, {"DS": ROWS})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[_SHEET] = body.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def _sheet(rows: str, after: str = "", before: str = "") -> str:
    return f'{before}<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>'


def quoted_reference(path: Path) -> Path:
    """Two cells in the farthest corners, whose references are in single quotes: 17 billion cells."""
    rows = "<row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='XFD1048576'><v>2</v></c></row>"
    return with_sheet(path, _sheet(rows))


def nested_rows(path: Path) -> Path:
    """Row tags that never end: a pattern that looks for their end from each begins again a million times."""
    return with_sheet(path, _sheet("<row " * 1_000_000))


def wide_merges(path: Path) -> Path:
    """Merged ranges as wide as the sheet and as high as a merged cell may be, many of them."""
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="600"><c r="XFD600"><v>1</v></c></row>'
    merges = "".join(f'<mergeCell ref="A{n}:XFD{n + 500}"/>' for n in range(1, 90))
    return with_sheet(path, _sheet(cells, f"<mergeCells>{merges}</mergeCells>"))


def nested_zips(path: Path) -> Path:
    """An archive within an archive, ten deep, the innermost full of zeros."""
    content = bytes(20 * 2**20)
    for depth in range(10):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{depth}.zip", content)
        content = packed.getvalue()
    path.write_bytes(content)
    return path


def entities(path: Path) -> Path:
    """Entities that stand for others, ten times each: a billion laughs."""
    lines = "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "laugh">' for n in range(10)
    )
    cell = '<row r="1"><c r="A1" t="inlineStr"><is><t>&l9;</t></is></c></row>'
    return with_sheet(path, _sheet(cell, before=f"<!DOCTYPE w [{lines}]>"))


def many_strings(path: Path) -> Path:
    """A table of texts that packs to half a megabyte and fills the memory."""
    write_xlsx(path, {"DS": ROWS})
    text = "<si><t>" + "x" * 30_000 + "</t></si>"
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/sharedStrings.xml", "w") as part,
    ):
        part.write(f'<sst xmlns="{_MAIN}">'.encode())
        for _ in range(19):
            part.write((text * 1000).encode())
        part.write(b"</sst>")
    return path


def repeated_cells(path: Path) -> Path:
    """A row of an ODS sheet that stands for a million, with its numbers in single quotes."""
    cell = "<table:table-cell office:value-type='string' table:number-columns-repeated='900'><text:p>x</text:p></table:table-cell>"
    row = f"<table:table-row table:number-rows-repeated='1000000'>{cell}</table:table-row>"
    return ods_around(path, row)


_XLSX = (quoted_reference, nested_rows, wide_merges, nested_zips, entities, many_strings)
HOSTILE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    each.__name__.replace("_", " "): (".xlsx", each) for each in _XLSX
} | {"repeated cells": (".ods", repeated_cells)}
