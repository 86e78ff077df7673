"""What was not taken comes back in the file's own columns, is put right, and is asked about once only."""

import csv

from python_calamine import CalamineWorkbook
from sqlalchemy import select, update

from outreach.imports.issues import Decision, count_reasons, export_issues
from outreach.imports.store_rows import ImportCounts
from outreach.models.contacts import Contact, ImportIssue, ListImport
from tests.support.list_files import write_xlsx
from tests.support.lists import bring, local, people, write
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import number


def give_back(world, out):
    return world.read(export_issues, max(world.all(select(ListImport.id))), out)


def issues(world):
    """(import, reason, decision) in their order."""
    rows = world.all(select(ImportIssue).order_by(ImportIssue.id))
    return [(each.import_id, each.reason, each.decision) for each in rows]


@both_databases
@cases("csv", "xlsx")
def test_a_corrected_file_comes_in_again_and_closes_what_it_puts_right(world, tmp_path, kind):
    lines = [f"1,Y Hlan,,,,{local(1)}", "2,=A Thun,,Thôn 1,Đắk Mar,09050", '3,Y Rơ,,nt,nt,"09O5 OOO 123"']
    assert bring(world, write(tmp_path, *lines)).created == 1
    out = tmp_path / f"errors.{kind}"
    assert give_back(world, out) == 2
    if kind == "csv":
        out.write_bytes(out.read_bytes().replace(b"09050,", f"{local(2)},".encode()))
    else:
        header, first, second = CalamineWorkbook.from_path(out).get_sheet_by_index(0).to_python()
        assert second[:6] == ["3", "Y Rơ", "", "Thôn 1", "Đắk Mar", "09O5 OOO 123"]
        write_xlsx(out, {"DS": [header, [*first[:5], local(2), *first[6:]], second]})
    again = bring(world, out)
    assert again == ImportCounts(rows=2, updated=1, review=1)  # stored for visits before, now with a number
    assert people(world) == {"Y Hlan": [number(1)], "=A Thun": [number(2)]}
    assert [decision for _, _, decision in issues(world)] == [Decision.CORRECTED, Decision.SUPERSEDED, None]


def test_the_same_row_from_another_file_is_asked_about_once(world, tmp_path):
    file = write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123", "2,A Thun,,,,hỏng")
    for _ in range(2):
        assert bring(world, file) == ImportCounts(rows=2, review=1, rejected=1)
    assert [decision for _, _, decision in issues(world)] == [Decision.SUPERSEDED] * 2 + [None] * 2
    assert give_back(world, tmp_path / "errors.csv") == 2
    # In another list it is another question.
    bring(world, file, "Danh sách khác")
    assert [decision for _, _, decision in issues(world)][2:] == [None] * 4


def test_a_row_put_right_in_an_older_download_is_asked_about_no_more(world, tmp_path):
    file, out = write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123"), tmp_path / "errors.csv"
    bring(world, file)
    give_back(world, out)
    bring(world, file)
    out.write_bytes(out.read_bytes().replace(b"09O5 OOO 123", local(123).encode()))
    assert bring(world, out).created == 1
    assert [decision for _, _, decision in issues(world)] == [Decision.SUPERSEDED, Decision.CORRECTED]


def test_a_row_that_was_dropped_is_not_asked_about_again(world, tmp_path):
    file = write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123")
    bring(world, file)
    world.execute(update(ImportIssue).values(decision=Decision.DROPPED))
    assert bring(world, file) == ImportCounts(rows=1, rejected=1)
    assert [decision for _, _, decision in issues(world)] == [Decision.DROPPED] * 2


def test_sheets_of_different_shapes_come_back_each_in_its_own_columns(world, tmp_path):
    sheets = {
        "Thôn 1": [["DANH SÁCH"], [], ["STT", "Họ tên", "Dân tộc", "SĐT"], [1, "Y Hlan", "Ba Na", "09050"]],
        "Thôn 2": [["Số máy", "Tên", "Tổ"], ["xyz", "A Thun", 3]],
    }
    bring(world, write_xlsx(tmp_path / "list.xlsx", sheets))
    give_back(world, tmp_path / "errors.xlsx")
    book = CalamineWorkbook.from_path(tmp_path / "errors.xlsx")
    assert book.sheet_names == ["Thôn 1", "Thôn 2"]
    first, second = (book.get_sheet_by_name(name).to_python() for name in book.sheet_names)
    assert first[0][:4] == ["STT", "Họ tên", "Dân tộc", "SĐT"]
    # Ethnic origin is not ours to keep.
    assert first[1][:5] == ["1", "Y Hlan", "", "09050", "không hợp lệ"]
    assert first[1][5].startswith("thiếu chữ số")
    assert first[1][6:] == ["4", "L1.1"]
    assert second[1][:3] == ["xyz", "A Thun", "3"]
    assert second[1][5:] == ["2", "L1.2"]
    give_back(world, tmp_path / "errors.csv")
    with (tmp_path / "errors.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Họ tên"], row["SĐT"], row["Tên"], row["Số máy"]) for row in rows] == [
        ("Y Hlan", "09050", "", ""),
        ("", "", "A Thun", "xyz"),
    ]


def test_two_digits_for_a_birth_year_are_a_question_and_no_guess(world, tmp_path):
    file = write(tmp_path, f"1,Y Hlan,41,,,{local(1)}", f"2,A Thun,1990,,,{local(2)}")
    assert bring(world, file).created == 2
    assert world.all(select(Contact.birth_year).order_by(Contact.id)) == [None, 1990]
    (issue,) = world.all(select(ImportIssue))
    assert (issue.status, issue.reason, issue.cells["birth_doubt"]) == ("question", "birth_unclear", "41")
    assert issue.contact_id is not None
    assert world.read(count_reasons, issue.import_id) == [("question", "birth_unclear", 1)]
    assert bring(world, file).unchanged == 2
    assert world.read(count_reasons, issue.import_id + 1) == [], "it is asked once"


def test_a_changed_name_is_a_question_and_no_overwrite(world, tmp_path):
    bring(world, write(tmp_path, f"1,Nguyễn Thị Hoa,1990,,,{local(1)}"))
    # Another phone, another year, another name altogether: another person.
    others = [
        f"1,Nguyễn Thị Ngọc Hoa,1990,,,{local(2)}",
        f"2,Nguyễn Thị Ngọc Hoa,1970,,,{local(1)}",
        f"3,Trần Văn Nam,1990,,,{local(1)}",
    ]
    assert bring(world, write(tmp_path, *others)).created == 3
    renamed = write(tmp_path, f"1,Nguyễn Thị Hoà Bình,,,,{local(3)}", f"2,Nguyen Thị Hoan,1990,,,{local(1)}")
    assert bring(world, renamed) == ImportCounts(rows=2, created=1, review=1)
    assert [(reason, decision) for _, reason, decision in issues(world)] == [("changed_name", None)]
    assert "Nguyễn Thị Hoa" in people(world)


@cases("L1.99999999999", "L99999999999.1", "12.30000000001", "1.1", "L1.1 ", "L١.١")
def test_a_code_that_no_file_of_ours_gave_a_row_is_passed_over(world, tmp_path, code):
    bring(world, write(tmp_path, "1,Y Hlan,,,,09O5 OOO 123"))
    file = tmp_path / "again.csv"
    file.write_text(f"STT,Họ và tên,SĐT,Mã dòng (giữ nguyên)\n1,A Thun,{local(1)},{code}\n", encoding="utf-8")
    assert bring(world, file).created == 1
    assert [decision for *_, decision in issues(world)] == [Decision.CORRECTED if code[-1] == " " else None]
