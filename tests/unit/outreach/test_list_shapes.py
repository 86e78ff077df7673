"""Files of difficult shapes are read as they are meant; `make lists-check` reads all of them."""

import pytest

from tests.lists import shapes_habits as habits
from tests.lists import shapes_office as office
from tests.lists import shapes_other as other
from tests.lists.scores import check_file


@pytest.mark.parametrize(
    "file",
    [
        office.official(1, "xlsx"),
        office.struck_through(41),
        office.side_by_side(121),
        office.numbers_in_notes(131),
        other.other_columns_below(221, "xls"),
        other.village_titles(301),
        other.names_together(261),
        other.chat(291),
        other.support_payments(326),
        other.chat_in_a_workbook(327),
        *habits.habit_files(),
    ],
    ids=lambda file: file.name,
)
def test_every_row_is_read_as_it_is_meant(file, tmp_path):
    path = tmp_path / file.name
    file.write(path)
    score = check_file(path, file.expected)
    assert (score.right, score.wrong_ok, score.wrong_names) == (score.rows, 0, 0)
