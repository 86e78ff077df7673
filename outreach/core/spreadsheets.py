"""XLSX workbooks written row by row.

Every cell is a text or a whole number: none is run as a formula, and no text loses a leading zero.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

_OFFICE = "http://schemas.openxmlformats.org"
_MAIN = f"{_OFFICE}/spreadsheetml/2006/main"
_RELATIONS = f"{_OFFICE}/officeDocument/2006/relationships"
_PACKAGE = f"{_OFFICE}/package/2006"
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\']")
_MAX_NAME_LENGTH = 31


def write_workbook(path: Path, sheets: Mapping[str, Iterable[Sequence[str | int]]]) -> None:
    """Write an XLSX file: for each sheet its name and rows, the first of which is the header."""
    names = _names(sheets)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _content_types(len(names)))
        archive.writestr("_rels/.rels", _relations({"r1": ("officeDocument", "xl/workbook.xml")}))
        entries = "".join(
            f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(names, 1)
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{entries}</sheets></workbook>',
        )
        parts = {f"r{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(names) + 1)}
        archive.writestr("xl/_rels/workbook.xml.rels", _relations(parts))
        for n, rows in enumerate(sheets.values(), 1):
            with archive.open(f"xl/worksheets/sheet{n}.xml", "w") as file:
                file.write(f'<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
                for row in rows:
                    file.write(f"<row>{''.join(map(_cell, row))}</row>".encode())
                file.write(b"</sheetData></worksheet>")


def _names(sheets: Iterable[str]) -> list[str]:
    """Return valid sheet names: short, without forbidden marks, each once."""
    names: list[str] = []
    for sheet in sheets:
        name = _NOT_IN_A_NAME.sub(" ", sheet).strip()[:_MAX_NAME_LENGTH] or f"Trang {len(names) + 1}"
        if name.lower() in map(str.lower, names):
            name = f"{name[: _MAX_NAME_LENGTH - 5]} {len(names) + 1}"
        names.append(name)
    return names


def _cell(text: str | int) -> str:
    if isinstance(text, int):
        return f"<c><v>{text}</v></c>"
    if not text:
        return "<c/>"
    content = escape(_NOT_IN_XML.sub("", text))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{content}</t></is></c>'


def _relations(parts: Mapping[str, tuple[str, str]]) -> str:
    entries = "".join(
        f'<Relationship Id="{key}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for key, (kind, target) in parts.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{entries}</Relationships>'


def _content_types(sheets: int) -> str:
    entries = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_SPREADSHEET}.worksheet+xml"/>'
        for n in range(1, sheets + 1)
    )
    return (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_SPREADSHEET}.sheet.main+xml"/>{entries}</Types>'
    )


def escape_formula(text: str) -> str:
    """Return the text so that a spreadsheet does not run it as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
