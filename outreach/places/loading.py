"""Bringing the areas in: the columns of kontum_units.csv, once or again."""

from __future__ import annotations

import csv
from pathlib import Path

from sqlalchemy.orm import Session

from outreach.errors import BadInput
from outreach.places.models import Area, AreaLevel

COLUMNS = (
    "province_code",
    "district_code",
    "district_name",
    "district_kind",
    "commune_code",
    "commune_name",
    "commune_kind",
)
PROVINCES = {"62": "Kon Tum"}


def load_areas(session: Session, file: Path) -> int:
    """Create or update provinces, districts and communes. Returns the number of communes. Raises BadInput."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            rows = [] if missing else list(reader)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise BadInput(f"Không đọc được tệp {file.name}. Hãy lưu tệp dạng CSV, bảng mã UTF-8.") from error
    if missing:
        raise BadInput(f"Tệp {file.name} thiếu cột {', '.join(missing)}.")
    if not rows:
        raise BadInput(f"Tệp {file.name} không có dòng nào.")
    for row in rows:
        province = row["province_code"]
        _keep(session, province, PROVINCES.get(province, province), "Tỉnh", AreaLevel.PROVINCE, None)
    for row in rows:
        _keep(
            session,
            row["district_code"],
            row["district_name"],
            row["district_kind"],
            AreaLevel.DISTRICT,
            row["province_code"],
        )
    for row in rows:
        _keep(
            session,
            row["commune_code"],
            row["commune_name"],
            row["commune_kind"],
            AreaLevel.COMMUNE,
            row["district_code"],
        )
    session.flush()
    return len({row["commune_code"] for row in rows})


def _keep(
    session: Session, code: str, name: str, kind: str, level: AreaLevel, parent_code: str | None
) -> None:
    area = session.get(Area, code)
    if area is None:
        session.add(Area(code=code, name=name, kind=kind, level=level, parent_code=parent_code))
        session.flush()
    else:
        area.name, area.kind, area.level, area.parent_code = name, kind, level, parent_code
