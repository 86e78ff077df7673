"""Files made to exhaust their reader are refused in words, and neither this process nor the next file feels them."""

import os
import resource
import signal
import threading
import time

import pytest

from outreach.core.sentences import word_error
from outreach.imports import sheet_process
from outreach.imports.list_reader import check_list
from outreach.imports.sheet_process import read_sheets
from outreach.rules.errors import BadList
from tests.drills.fuzz_uploads import fuzz, readers
from tests.support.errors import refuses
from tests.support.hostile_files import HOSTILE, ROWS
from tests.support.list_files import write_xlsx
from tests.support.lists import GAZETTEER


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_every_upload_and_harms_nobody(tmp_path, name):
    suffix, make = HOSTILE[name]
    path, good = make(tmp_path / f"bad{suffix}"), write_xlsx(tmp_path / "good.xlsx", {"DS": ROWS})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in [*readers().values()][: 1 if name in ("many strings", "wide merges") else None]:  # slow ones
        with pytest.raises(BadList) as refused:
            read(path)
        assert word_error(refused.value) != refused.value.code
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024, "in kilobytes"
    assert [len([*sheet.rows]) for sheet in read_sheets(good)] == [2]


def test_a_cell_of_a_page_keeps_no_worker_busy(tmp_path):
    endless = ["- ", "; ", "(", "\n", "cu u "]
    rows = [[f"Nguyễn Văn A{each * 6_000}", "0905000001", each * 6_000] for each in endless]
    file = write_xlsx(tmp_path / "long.xlsx", {"DS": [["Họ và tên", "SĐT", "Ghi chú"], *rows]})
    started = time.process_time()
    assert len([*check_list(file, GAZETTEER)]) == len(endless)
    assert time.process_time() - started < 20


def test_damaged_files_of_every_upload_are_read_or_refused():
    outcomes = fuzz(60)
    assert sum(count for name, count in outcomes.items() if name.startswith("files")) == 60


def test_a_server_that_was_ended_is_started_again(tmp_path):
    good = write_xlsx(tmp_path / "good.xlsx", {"DS": ROWS})
    assert [*read_sheets(good)]
    pid = sheet_process.server_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    sheet_process._server[0].wait()
    assert [*read_sheets(good)]


def test_more_files_at_once_than_may_be_read_are_told_to_wait(tmp_path, monkeypatch):
    good = write_xlsx(tmp_path / "good.xlsx", {"DS": ROWS})
    monkeypatch.setattr(sheet_process, "_slots", threading.BoundedSemaphore(1))
    monkeypatch.setattr(sheet_process, "WAIT_S", 0)
    first = read_sheets(good)
    next(first)
    with refuses(BadList, says="Hãy thử lại"):
        next(read_sheets(good))
    first.close()
    assert [*read_sheets(good)]
