"""Scores of how files are read, row by row, against what is known of them.

A row is right when its status is one of those expected, an accepted row has exactly the numbers expected, one for review no
others, and the warning expected is among its warnings. A row too many and a row missing are wrong rows.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from outreach.imports.list_reader import check_list
from outreach.rules.errors import LoaError
from outreach.rules.identity import name_key
from tests.lists.people import Expected
from tests.support.places import KONTUM_2020

DATA = Path(__file__).resolve().parents[1] / "data"


@dataclass
class Score:
    """How a file, or all of a shape, was read."""

    rows: int = 0
    right: int = 0
    wrong_ok: int = 0
    wrong_names: int = 0

    def add(self, other):
        """Add another score to this one."""
        self.rows += other.rows
        self.right += other.right
        self.wrong_ok += other.wrong_ok
        self.wrong_names += other.wrong_names


def is_right(row, expected):
    """Whether a row was read as it should be."""
    numbers, status = set(row.phone.numbers), row.phone.status.value
    if status not in expected.statuses or (expected.warning and expected.warning not in row.phone.warnings):
        return False
    return numbers == expected.numbers if status == "ok" else numbers <= expected.numbers


def is_wrong_number(row, expected):
    """Whether a number that is not this row's was called ok."""
    return row.phone.status.value == "ok" and not set(row.phone.numbers) <= expected.numbers


def is_wrong_name(row, expected):
    """Whether a message to this row would bear a name that is not this person's."""
    is_ok = row.phone.status.value == "ok"
    return is_ok and expected.name != "" and name_key(row.name) != name_key(expected.name)


def align(rows, expected):
    """Pair what was read with what was expected, in order, with the fewest pairs that differ."""
    width = len(expected) + 1
    cost = [list(range(width))]
    for n, row in enumerate(rows, 1):
        line = [n]
        for m, wanted in enumerate(expected, 1):
            line.append(min(cost[-1][m] + 1, line[-1] + 1, cost[-1][m - 1] + (not is_right(row, wanted))))
        cost.append(line)
    n, m, pairs = len(rows), len(expected), []
    while n or m:
        if n and m and cost[n][m] == cost[n - 1][m - 1] + (not is_right(rows[n - 1], expected[m - 1])):
            n, m = n - 1, m - 1
            pairs.append((rows[n], expected[m]))
        elif n and cost[n][m] == cost[n - 1][m] + 1:
            n -= 1
            pairs.append((rows[n], None))
        else:
            m -= 1
            pairs.append((None, expected[m]))
    yield from reversed(pairs)


def check_file(path, expected, show=False):
    """Read a file and compare each of its rows."""
    score = Score()
    try:
        rows = list(check_list(path, KONTUM_2020))
    except LoaError as error:  # a file that is refused is a file of wrong rows
        print(f"  {path.name}: {type(error).__name__} {error}")
        rows = []
    nothing = Expected(statuses=frozenset())
    for row, wanted in align(rows, expected):
        right = bool(row and wanted and is_right(row, wanted))
        wrong = bool(row and is_wrong_number(row, wanted or nothing))
        misnamed = bool(row and wanted and is_wrong_name(row, wanted))
        score.add(Score(1, right, wrong, misnamed))
        if show and (misnamed or not right):
            print(f"  {path.name}: {wanted} / {row and (row.line, row.name, row.phone_text, row.phone)}")
    return score


def samples():
    """The two samples whose rows are known."""
    with (DATA / "contacts_sample_expected.csv").open(encoding="utf-8") as file:
        expected = {
            line["stt"]: Expected(
                frozenset(filter(None, line["expected_e164"].split("|"))), frozenset({line["status"]})
            )
            for line in csv.DictReader(file)
        }
    yield DATA / "contacts_sample.csv", [*expected.values()]
    yield DATA / "contacts_sample.xls", [expected[stt] for stt in ("7", "14", "41", "99", "206")]
