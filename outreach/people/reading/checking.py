"""A list's file to checked rows: what `contacts check` writes out and what the importer stores."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from outreach.errors import BadInput, BadList
from outreach.people.phone.cells import PhoneStatus
from outreach.people.reading.cells import cell_text
from outreach.people.reading.columns import no_phone_column
from outreach.people.reading.lists import read_list_sheets
from outreach.people.reading.rows import CheckedRow, RowReader
from outreach.places.matching import Gazetteer

_OUT_COLUMNS = ("row", "stt", "status", "e164", "reason", "warnings", "commune_code")


def check_list(
    path: Path, gazetteer: Gazetteer, corrected: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[CheckedRow]:
    """Yield each person of the file in order; of a CSV file only one row is held at a time.

    `corrected` is what a person said of columns and headers (see `read_list_sheets`). Raises BadList, on the first row or
    while reading, when the file cannot be read as a list. People of a sheet without phones are rows without one;
    NoPhoneColumn says, at the end, that no sheet has any.
    """
    count = 0
    has_phones = False
    labels: tuple[str, ...] = ()
    for sheet in read_list_sheets(path, corrected or {}):
        if sheet.is_left_out:
            continue
        if sheet.header is None:
            rows = (tuple(map(cell_text, row)) for _, row in sheet.first)
            labels = labels if count else max((labels, *rows), key=_filled)
            continue
        if not sheet.header.phones:
            labels = sheet.header.labels
            if not sheet.name:  # there is no other
                break
        has_phones = has_phones or bool(sheet.header.phones)
        reader = RowReader(sheet.header, gazetteer, sheet=sheet.name, merged=sheet.merged)
        for line, row in sheet.rows:
            person = reader.read(row, line=line, number=count + 1)
            if person is not None:
                count += 1
                yield person
    if not has_phones:
        raise no_phone_column(labels) if any(labels) else _no_rows(path)


def write_check(path: Path, out: Path, gazetteer: Gazetteer) -> dict[str, int]:
    """Write the CSV of a list's check to `out` and return the counts `rows`, `ok`, `review`, `reject`.

    `out` appears only once complete. Raises BadList when the list cannot be read, BadInput when `out` would
    overwrite it.
    """
    if out.exists() and path.exists() and out.samefile(path):
        raise BadInput("Tệp kết quả trùng với tệp danh sách. Hãy chọn một tên tệp kết quả khác.")
    unfinished = out.with_name(f"{out.name}.part")
    counts = Counter[str]()
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_OUT_COLUMNS)
            for row in check_list(path, gazetteer):
                phone = row.phone
                counts[phone.status] += 1
                writer.writerow(
                    [
                        row.row,
                        row.stt,
                        phone.status,
                        "|".join(phone.numbers),
                        phone.reason or "",
                        "|".join(phone.warnings),
                        row.commune_code,
                    ]
                )
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return {"rows": counts.total(), **{status.value: counts[status] for status in PhoneStatus}}


def _no_rows(path: Path) -> BadList:
    return BadList(f"Tệp “{path.name}” không có dòng dữ liệu nào. Hãy kiểm tra lại tệp gốc rồi nhập lại.")


def _filled(labels: Sequence[str]) -> int:
    return sum(map(bool, labels))
