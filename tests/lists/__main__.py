"""make lists-check: how well files of many shapes are read, and the two samples; the scores are those of `scores`.

Ends with 1 when fewer than 99 % of the rows are right or a wrong number was called ok. `shapes_office` was written before
the reader was looked at: then 624 of its 754 rows were right and 16 wrong numbers were called ok. docs/performance.md has
the figures of files that are kept outside.
"""

import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.lists.scores import Score, check_file, samples
from tests.lists.shapes_bare import bare_files
from tests.lists.shapes_habits import habit_files
from tests.lists.shapes_office import office_files
from tests.lists.shapes_other import other_files
from tests.lists.shapes_tables import table_files

LEAST_SHARE = 0.99


def main(arguments):
    """Check all files, or those whose shape or name has a word; --show prints the rows that are wrong."""
    show = "--show" in arguments
    words = [argument for argument in arguments if not argument.startswith("-")]
    by_shape = defaultdict(Score)
    files = [*office_files(), *other_files(), *bare_files(), *table_files(), *habit_files()]
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            if all(word not in f"{file.shape} {file.name}" for word in words) and words:
                continue
            path = Path(folder) / file.name
            file.write(path)
            by_shape[file.shape].add(check_file(path, file.expected, show))
    if not words:
        for path, expected in samples():
            by_shape["samples"].add(check_file(path, expected, show))
    total = Score()
    for shape, score in by_shape.items():
        print(
            f"{shape:32} {score.right:5} of {score.rows:5} right, {score.wrong_ok} wrong numbers called ok, {score.wrong_names} wrong names"
        )
        total.add(score)
    share = total.right / total.rows
    print(
        f"{'all':32} {total.right:5} of {total.rows:5} right ({share:.1%}), {total.wrong_ok} wrong numbers called ok,"
        f" {total.wrong_names} wrong names"
    )
    return int(share < LEAST_SHARE or total.wrong_ok > 0)


sys.exit(main(sys.argv[1:]))
