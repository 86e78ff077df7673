"""Benchmark of an import: rows per second and peak memory, beside a minimal reader (the floor).

The floor reads the same file with the same library and has `phonenumbers` parse and validate each number; nothing is
stored. Each runs in its own process, so that their memory is measured separately.
"""

import csv
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import phonenumbers
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from benchmarks.ground import Ground
from benchmarks.measures import peak_mb, show, target
from outreach.accounts.users import create_organisation
from outreach.core.settings import Settings
from outreach.core.spreadsheets import write_workbook
from outreach.imports.uploads import import_file
from outreach.models.accounts import Organisation, OrganisationKind
from outreach.runtime import open_runtime

ROWS = 100_000
LARGE = 1_000_000
ROUNDS = 3  # of the smaller ones; medians
MOST_TIMES_THE_FLOOR = 1.5
MOST_SECONDS = 30.0  # of the large one
MOST_MB = 400.0
_HEADER = ["STT", "Họ và tên", "Năm sinh", "Giới tính", "Dân tộc"]
_HEADER += ["Thôn/Tổ dân phố", "Xã/phường", "SĐT", "Chi hội", "Ghi chú"]
_PHONE = 7
_FAMILY, _MIDDLE, _GIVEN = (
    ["Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Y", "A"],
    ["Văn", "Thị", "Công", "Ngọc"],
    ["An", "Bình", "Hoa", "Thun", "Hlan", "Sương"],
)
_COMMUNES = ["xã MƯỜNG HOONG", "Măng Buk", "T.T Dak Ha", "xã Hòa Bình"]
_COMMUNES += ["Đăk Mar", "X. Đắk Rơwa", "phường Quyết Thắng"]
_PREFIXES = ("90", "91", "97", "32", "35", "38", "70", "79", "81", "84", "86", "88", "58")


def rows(count: int) -> Iterator[list[str]]:
    """Yield rows as in real lists: of ten numbers one is oddly formatted, one is old and one is invalid."""
    chance = random.Random(5)
    for n in range(1, count + 1):
        digits = f"{n * 7919 % 10**7:07d}"
        number = f"0{_PREFIXES[n % len(_PREFIXES)]}{digits}"
        match n % 10:
            case 0:
                number = number[:-2]
            case 1:
                number = f"0168{digits}"
            case 2:
                number = f"+84 {number[1:4]}.{number[4:7]}.{number[7:]}"
        name = f"{chance.choice(_FAMILY)} {chance.choice(_MIDDLE)} {chance.choice(_GIVEN)}"
        yield [
            *(str(n), name, str(1940 + n % 60), ("Nam", "Nữ")[n % 2], "Kinh", f"Thôn {n % 12 + 1}"),
            *(_COMMUNES[n % len(_COMMUNES)], number, f"CH Phụ nữ thôn {n % 12 + 1}", ""),
        ]


def main(on: Ground, *, count: int = ROWS, large: int = LARGE) -> str:
    """Import both kinds of file with `count` rows, and CSV with `large`, each twice."""
    table, verdicts = [], []
    for suffix, size in ((".xlsx", count), (".csv", count), (".csv", large)):
        file = write_list(on.folder / f"list-{size}{suffix}", size)
        floors, done, again = [], [], []
        for _ in range(1 if size == large else ROUNDS):
            floors.append(_alone("floor", file))
            with on.database() as url:
                done.append(_alone("bring", file, url))
                again.append(_alone("bring", file, url))
        least = _seconds(floors)
        times = _seconds(done) / least
        for what, runs in (("floor", floors), ("import", done), ("the same again", again)):
            seconds, mb = _seconds(runs), max(run["mb"] for run in runs)
            shown = f"{seconds:.1f}", f"{size / seconds:,.0f}", f"{mb:.0f}", f"{seconds / least:.2f}"
            table.append((f"{size:,} {suffix}", what, *shown))
        if suffix == ".xlsx":
            verdicts.append(target(f"{suffix} in floors", times, at_most=MOST_TIMES_THE_FLOOR))
        if size == large:
            verdicts.append(target(f"seconds for {large:,}", _seconds(done), at_most=MOST_SECONDS))
            verdicts.append(
                target("MB at the most", max(run["mb"] for run in done), at_most=MOST_MB, form=".0f")
            )
        changed = sum(run["counts"][name] for run in again for name in ("created", "updated", "merged"))
        verdicts.append(target(f"changed by {suffix} again", changed, at_most=0, form=".0f"))
        file.unlink()
    head = ("file", "what", "s", "rows/s", "MB", "floors")
    return "\n".join([show(head, table), "", *verdicts])


def _seconds(runs: list[dict[str, Any]]) -> float:
    return median([run["seconds"] for run in runs])


def write_list(path: Path, count: int) -> Path:
    """Write a list of `count` rows, as a workbook or CSV by its suffix."""
    if path.suffix == ".xlsx":
        write_workbook(path, {"DS": (row for part in ([_HEADER], rows(count)) for row in part)})
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(row for part in ([_HEADER], rows(count)) for row in part)
    return path


def floor(path: Path) -> dict[str, int]:
    """Read the file, parse and validate its numbers."""
    valid = 0
    for row in _read(path):
        try:
            valid += phonenumbers.is_valid_number(phonenumbers.parse(str(row[_PHONE]), "VN"))
        except phonenumbers.NumberParseException:
            continue
    return {"valid": valid}


def bring(path: Path, url: str) -> dict[str, int]:
    """Import the file as `contacts import` does."""
    settings = Settings.from_env({"DATABASE_URL": url, "UPLOADS_DIR": str(path.parent / "uploads")})
    runtime = open_runtime(settings)
    with runtime.db.write() as session:
        if not session.scalar(select(Organisation.id)):
            create_organisation(session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS)
    list_import = import_file(runtime, path, organisation="PN", list_name="Hội viên", now=datetime.now(UTC))
    runtime.close()
    return list_import.counts


def _read(path: Path) -> Iterator[list[object]]:
    if path.suffix == ".xlsx":
        yield from CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows()
    else:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.reader(file)


def _alone(what: str, *arguments: object) -> dict[str, Any]:
    """Run `what` in its own process. Returns seconds without its start, peak MB, and its counts."""
    command = [sys.executable, "-m", "benchmarks.imports", what, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


if __name__ == "__main__":
    name, file, *rest = sys.argv[1:]
    started = time.perf_counter()
    counts = {"floor": floor, "bring": bring}[name](Path(file), *rest)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "mb": peak_mb([os.getpid()]), "counts": counts}))
