"""Many agencies' figures in one file: a row each, by the agency's code or name. All of it is taken, or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.agencies.counts import Counts
from campaigns.agencies.models import Road
from campaigns.agencies.reports import Giver, hand_in, read_counts
from outreach.access.models import Organisation, OrganisationKind, Role, User
from outreach.access.users import require_role, visible_to
from outreach.errors import BadInput, BadList
from outreach.people.names import name_key
from outreach.people.reading.cells import Row, cell_text
from outreach.people.reading.files import read_sheets

_HEADER_WITHIN = 20  # rows
_MOST_ROWS = 2000
_MOST_TOLD = 20
# By what a heading holds, unaccented and without spaces; the first that fits.
_COLUMNS = (
    ("installed", ("dacai", "caidat", "socai")),
    ("with_smartphone", ("thongminh", "smartphone", "dttm")),
    ("note", ("ghichu",)),
    ("code", ("macoquan", "madonvi", "maso")),
    ("name", ("tencoquan", "tendonvi", "coquan", "donvi")),
    ("staff", ("tongso", "bienche", "songuoi", "canbo", "nhanvien")),
)
_NO_COLUMN = ("tyle", "phantram")
_TOTAL = ("tongcong", "cong", "tong")
_NEEDED = {"staff", "installed"}


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    cells: dict[str, str]


def hand_in_file(session: Session, path: Path, *, day: date, user: User, now: datetime) -> int:
    """Store a file's figures; how many agencies. Raises BadInput with each row that is not right: then nothing is
    stored. A sudden change needs a note in the row, as on the form.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    agencies = list(
        session.execute(
            select(Organisation.id, Organisation.code, Organisation.name).where(
                Organisation.kind == OrganisationKind.AGENCY, visible_to(session, user, Organisation.id)
            )
        )
    )
    by_code = {name_key(code): agency_id for agency_id, code, _name in agencies}
    by_name: dict[str, list[int]] = {}
    for agency_id, _code, name in agencies:
        by_name.setdefault(name_key(name), []).append(agency_id)
    wrong: list[str] = []
    taken: dict[int, int] = {}
    giver = Giver(Road.FILE, user_id=user.id)
    for line in _read_lines(path):
        try:
            agency_id = _find(line, by_code, by_name)
            if agency_id in taken:
                raise BadInput(f"trùng cơ quan với dòng {taken[agency_id]}.")
            taken[agency_id] = line.number
            counts: Counts = read_counts(
                *(line.cells.get(name, "") for name in ("staff", "with_smartphone", "installed"))
            )
            hand_in(
                session, agency_id, counts, day=day, note=line.cells.get("note", ""), giver=giver, now=now
            )
        except BadInput as error:
            wrong.append(f"Dòng {line.number}: {error}")
    if wrong:
        raise BadInput(nothing_stored(wrong))
    if not taken:
        raise BadList("Tệp không có dòng số liệu nào. Hãy kiểm tra lại tệp gốc.")
    return len(taken)


def nothing_stored(wrong: list[str]) -> str:
    """What is told of a file with wrong lines: the first of them, and how many more there are."""
    more = f" … và {len(wrong) - _MOST_TOLD} dòng khác." if len(wrong) > _MOST_TOLD else ""
    return f"Chưa lưu gì. {' '.join(wrong[:_MOST_TOLD])}{more}"


def _read_lines(path: Path) -> Iterator[_Line]:
    for sheet in read_sheets(path):
        columns: dict[int, str] = {}
        for number, row in enumerate(sheet.rows, 1):
            if number > _MOST_ROWS:
                raise BadList(f"Tệp có hơn {_MOST_ROWS} dòng, quá nhiều cho số liệu các cơ quan.")
            if not columns:
                columns = _header(row)
                if not columns and number == _HEADER_WITHIN:
                    break
                continue
            cells = {
                name: cell_text(row[position]) for position, name in columns.items() if position < len(row)
            }
            if cells.get("code") or name_key(cells.get("name", "")) not in ("", *_TOTAL):
                yield _Line(number, cells)
        if columns:
            return
    raise BadList(
        "Không tìm thấy dòng tiêu đề. Tệp cần có các cột: Mã cơ quan hoặc Tên cơ quan, Tổng số, "
        "Có điện thoại thông minh, Đã cài."
    )


def _header(row: Row) -> dict[int, str]:
    found: dict[int, str] = {}
    for position, cell in enumerate(row):
        key = name_key(cell_text(cell))
        for name, words in _COLUMNS:
            if name in found.values() or key.startswith(_NO_COLUMN):
                continue
            if any(word in key for word in words) or (name == "code" and key == "ma"):
                found[position] = name
                break
    names = set(found.values())
    return found if names >= _NEEDED and names & {"code", "name"} else {}


def _find(line: _Line, by_code: dict[str, int], by_name: dict[str, list[int]]) -> int:
    code, name = line.cells.get("code", ""), line.cells.get("name", "")
    if code:
        agency_id = by_code.get(name_key(code))
        if agency_id is None:
            raise BadInput(f"không có cơ quan nào mang mã “{code[:40]}”.")
        return agency_id
    found = by_name.get(name_key(name), [])
    if len(found) != 1:
        raise BadInput(
            f"không có cơ quan nào tên “{name[:60]}”."
            if not found
            else f"có nhiều cơ quan tên “{name[:60]}”; hãy ghi mã cơ quan."
        )
    return found[0]
