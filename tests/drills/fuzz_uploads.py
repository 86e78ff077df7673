"""`make fuzz-uploads`: damaged files for every upload; a reader gives rows or a refusal, and no process ends.

Hypothesis takes files that are right, and changes, cuts, repeats and exchanges their bytes and, of workbooks, the XML
within. Each goes to the five readers: contacts, agencies, rosters, the do-not-call register, the reply log. Prints
how many were read and refused, and the most memory of this process and of the reading processes. Exit status 1 if a
reader raised anything but a refusal, the server of the reading processes ended, or one took more than its limit.
"""

import argparse
import io
import resource
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from campaigns.agencies.import_reports import read_lines, read_roster
from campaigns.replies.gateway_inbox import read_log
from outreach.imports import sheet_process
from outreach.imports.do_not_call import RegisterCounts, read_register
from outreach.imports.list_reader import check_list, describe_sheets
from outreach.rules.errors import LoaError
from tests.lists.shapes_tables import contacts, word_tables
from tests.support.hostile_files import HOSTILE
from tests.support.list_files import write_ods, write_xlsx
from tests.support.places import KONTUM_2020

ROWS = [
    ["STT", "Họ và tên", "Năm sinh", "SĐT", "Đã cài", "Mã", "Cơ quan", "Số người", "Nội dung", "Từ số"],
    [1, "Y Blưm", 1990, "0905000123", "x", "S1", "Sở Y tế", 12, "1", "0905000123"],
    [2, "A Lâu", "", "0913000248", "", "S2", "Sở Nội vụ", 3, "TC", "0913000248"],
]
_AT_ONCE = 500
_PIECES = (b"\0", b'"', b"'", b"<", b"]]>", b"<row ", b"&l;", b"\xff\xfe", b"PK\x03\x04", b"9" * 30)
_PIECES += (b"=cmd|'x'!A1",)


def seeds(folder):
    """Files that are right, and hostile ones, by suffix and a name."""
    csv = "\n".join(",".join(map(str, row)) for row in ROWS).encode()
    made = {
        "a.xlsx": write_xlsx(folder / "a.xlsx", {"DS": ROWS, "B": ROWS}, merged=("B2:B3",)).read_bytes(),
        "a.ods": write_ods(folder / "a.ods", ROWS).read_bytes(),
        "a.csv": csv,
        "b.csv": csv.decode().encode("utf-16"),
        "c.csv": csv.replace(b",", b";"),
        "a.xls": b"\xd0\xcf\x11\xe0" + "Workbook".encode("utf-16-le") + bytes(600),
    }
    for file in (word_tables(1, "merged"), contacts(2, "2.1")):
        file.write(folder / file.name)
        made[file.name] = (folder / file.name).read_bytes()
    for name, (suffix, make) in HOSTILE.items():
        if name not in ("many strings", "wide merges"):  # which take a second each time
            made[f"{name.replace(' ', '-')}{suffix}"] = make(folder / f"h{suffix}").read_bytes()
    return made


def _changed(content, changes):
    for at, cut, piece in changes:
        start = at % (len(content) + 1)
        content = content[:start] + piece + content[start + cut :]
    return content


def _changed_within(content, changes):
    """Change the parts of an archive and pack them again, so that the damage reaches the parser of XML."""
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(packed, "w") as target:
            for n, name in enumerate(source.namelist()):
                part = source.read(name)[: 1 << 20]
                mine = [change for change in changes if change[0] % 3 != 0 or n % 2]
                target.writestr(name, _changed(part, mine) if name.endswith(".xml") else part)
    except (zipfile.BadZipFile, OSError, RuntimeError, ValueError):
        return content
    return packed.getvalue()


def readers():
    """What each upload does with a file before it stores anything."""
    places = KONTUM_2020
    return {
        "contacts": lambda path: (describe_sheets(path, {}), list(check_list(path, places))),
        "agencies": lambda path: list(read_lines(path)),
        "roster": read_roster,
        "register": lambda path: list(read_register(path, RegisterCounts())),
        "reply log": lambda path: list(read_log(path)),
    }


def fuzz(files, *, random_seed=1):
    """Give so many damaged files to the readers in turn. Returns how each was answered; raises what none may raise."""
    outcomes = Counter()
    turn = 0
    with tempfile.TemporaryDirectory() as folder:
        good, all_readers = seeds(Path(folder)), list(readers().items())
        piece = st.one_of(st.sampled_from(_PIECES), st.binary(max_size=8))
        change = st.tuples(st.integers(0, 1 << 16), st.sampled_from((0, 0, 1, 3, 40, 2000)), piece)
        changes = st.lists(change, max_size=6)

        @seed(random_seed)
        @settings(
            max_examples=files,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            name=st.sampled_from(sorted(good)),
            changed=changes,
            is_within=st.sampled_from((True, True, False)),
        )
        def read_one(name: str, changed: list[tuple[int, int, bytes]], is_within: bool) -> None:
            nonlocal turn
            kind, read = all_readers[turn % len(all_readers)]
            turn += 1
            path = Path(folder, f"file{Path(name).suffix}")
            path.write_bytes((_changed_within if is_within else _changed)(good[name], changed))
            try:
                read(path)
            except LoaError as error:
                outcomes[f"refused: {error.code}"] += 1
            else:
                outcomes["read"] += 1
            outcomes[f"files: {kind}"] += 1

        read_one()
    return outcomes


@contextmanager
def watched_memory():
    """Keep the most memory, in bytes, that a child of the reading server was seen to have."""
    most, is_over = [0], threading.Event()

    def look():
        while not is_over.wait(0.005):
            server = sheet_process.server_pid()
            if server is None:
                continue
            try:
                children = Path(f"/proc/{server}/task/{server}/children").read_text("ascii").split()
                for child in children:
                    status = Path(f"/proc/{child}/status").read_text("ascii")
                    if "VmHWM:" in status:
                        most[0] = max(most[0], int(status.split("VmHWM:")[1].split()[0]) * 1024)
            except OSError:
                continue  # it has ended meanwhile

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        is_over.set()
        thread.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    fuzz(1)
    server = sheet_process.server_pid()
    outcomes = Counter()
    with watched_memory() as most:
        # Hypothesis remembers all that one run has tried, by gigabytes in the end.
        for n, left in enumerate(range(arguments.files, 0, -_AT_ONCE)):
            outcomes += fuzz(min(left, _AT_ONCE), random_seed=arguments.seed + n)
            print(
                f"{arguments.files - left + min(left, _AT_ONCE)} files, {time.monotonic() - began:.0f} s",
                flush=True,
            )
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for name, count in sorted(outcomes.items()):
        print(f"{count:7} {name}")
    print(
        f"{time.monotonic() - began:.0f} s; server of the readers ended: {sheet_process.server_pid() != server}"
    )
    print(f"most memory: this process {own / 2**20:.0f} MB, a reading process {most[0] / 2**20:.0f} MB")
    is_well = sheet_process.server_pid() == server and max(own, most[0]) <= sheet_process.MEMORY
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
