"""Files as organisations send them, made as small as they can be."""

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import xlsxwriter


def write_xlsx(
    path: Path, sheets: dict, *, hidden: tuple = (), merged: tuple = (), hidden_rows: tuple = ()
) -> Path:
    """A workbook of sheets, each a list of rows; None leaves a cell out, {"B9": 1} puts cells where they say.

    `merged` are ranges like "B2:B4", `hidden_rows` numbers like "2", in every sheet.
    """
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            if name in hidden:
                sheet.hide()
            elif book.get_worksheet_by_name(next(each for each in sheets if each not in hidden)) is sheet:
                sheet.activate()
                sheet.set_first_sheet()
            for each in merged:
                sheet.merge_range(each, "")
            for number in hidden_rows:
                sheet.set_row(int(number) - 1, None, None, {"hidden": True})
            if isinstance(rows, dict):
                for at, value in rows.items():
                    sheet.write(at, value)
            else:
                for line, row in enumerate(rows):
                    sheet.write_row(line, 0, row)
    return path


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
