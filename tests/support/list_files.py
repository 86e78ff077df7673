"""Files as organisations send them, made as small as they can be."""

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

_OFFICE = "http://schemas.openxmlformats.org"
_MAIN = f"{_OFFICE}/spreadsheetml/2006/main"
_RELATIONS = f"{_OFFICE}/officeDocument/2006/relationships"
HIDDEN = ' spans="1:3" hidden="1"'
_RELATED = f'xmlns="{_OFFICE}/package/2006/relationships"'


def write_xlsx(
    path: Path, sheets: dict, *, hidden: tuple = (), merged: tuple = (), hidden_rows: tuple = ()
) -> Path:
    """A workbook of sheets, each a list of rows; None leaves a cell out, {"B9": 1} puts cells where they say.

    `merged` are ranges like "B2:B4", `hidden_rows` numbers like "2", in every sheet.
    """
    names = list(sheets)
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}" state={quoteattr(_state(name in hidden))}/>'
        for n, name in enumerate(names, 1)
    )
    related = "".join(
        f'<Relationship Id="r{n}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(names) + 1)
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "_rels/.rels",
            f"<Relationships {_RELATED}>"
            f'<Relationship Id="r1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>',
        )
        archive.writestr("xl/_rels/workbook.xml.rels", f"<Relationships {_RELATED}>{related}</Relationships>")
        for n, name in enumerate(names, 1):
            archive.writestr(f"xl/worksheets/sheet{n}.xml", _sheet_xml(sheets[name], merged, hidden_rows))
    return path


def _state(is_hidden: bool) -> str:
    return "hidden" if is_hidden else "visible"


def _sheet_xml(rows, merged=(), hidden_rows=()) -> str:
    if isinstance(rows, dict):
        cells = rows
    else:
        cells = {
            f"{chr(65 + column)}{line}": value
            for line, row in enumerate(rows, 1)
            for column, value in enumerate(row)
            if value is not None
        }
    lines: dict[str, str] = {}
    for at, value in cells.items():
        number = at.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        lines[number] = lines.get(number, "") + _cell_xml(at, value)
    body = "".join(
        f'<row r="{number}"{HIDDEN if number in hidden_rows else ""}>{line}</row>'
        for number, line in lines.items()
    )
    ranges = "".join(f'<mergeCell ref="{each}"/>' for each in merged)
    merges = f"<mergeCells>{ranges}</mergeCells>" if merged else ""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData>{merges}</worksheet>'


def _cell_xml(at: str, value) -> str:
    if isinstance(value, int | float):
        return f'<c r="{at}"><v>{value}</v></c>'
    return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def write_ods(path: Path, rows: list) -> Path:
    """A LibreOffice sheet with the long empty tail that LibreOffice leaves behind."""
    body = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    tail = (
        '<table:table-row table:number-rows-repeated="1048000">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    )
    return ods_around(path, body + tail)


def ods_around(path: Path, body: str) -> Path:
    """A LibreOffice file around the rows of its one sheet."""
    ns = "urn:oasis:names:tc:opendocument:xmlns"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{ns}:manifest:1.0"/>')
        archive.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{ns}:office:1.0" xmlns:table="{ns}:table:1.0" '
            f'xmlns:text="{ns}:text:1.0"><office:body><office:spreadsheet><table:table table:name="DS">'
            f"{body}</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    return path


def _ods_cell(value) -> str:
    if isinstance(value, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    return (
        f'<table:table-cell office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
        if value
        else "<table:table-cell/>"
    )
