"""A file that a command writes, where the disk may be full."""

import errno

import pytest

from outreach.core.whole_file import whole_file


def test_a_disk_that_is_full_leaves_no_half_file_and_what_was_there(tmp_path):
    new, old = tmp_path / "new.csv", tmp_path / "old.csv"
    old.write_text("yesterday")

    def fill(path):
        with whole_file(path) as unfinished:
            unfinished.write_text("half")
            raise OSError(errno.ENOSPC, "full")

    for path in (new, old):
        with pytest.raises(OSError, match="full"):
            fill(path)
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    assert old.read_text() == "yesterday"
    with whole_file(old) as unfinished:
        unfinished.write_text("today")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["today"]
