"""A list in the worst shape in which organisations keep theirs, as large as wanted."""

from outreach.rules.legacy_fonts import _TCVN3
from tests.support.list_files import write_xlsx

_NAMES = ("Nguyễn Thị Hoa", "A Thun", "Y Blưm", "Trần Văn Đức", "Lê Thị Ngọc Ánh", "A Huỳnh", "Đỗ Quang Sơn")
_PLACES = ("xã Đắk Pxi", "Xã  Ya Tăng", "P. Quang Trung", "TT Đắk Hà", "xã Đắk Long", "Sa Loong")
_TO_TCVN3 = {letter: code for code, letter in _TCVN3.items()}
_HEADER = ["STT", "Họ và tên", "Năm sinh", "Thôn", "Xã/phường", "SĐT", "Chi hội", "Ghi chú"]
_BELOW = 6  # the line under titles and header


def write_worst_list(path, people):
    """One sheet a village group, each with merged titles, STT from 1 again, dittos, several phones in a cell, line
    breaks, floats; one of them in an old font, one with its header in the middle of nowhere, one that is no list.
    """
    sheets = {"Bìa": [["ỦY BAN MẶT TRẬN"], ["Danh sách kèm theo công văn"]]}
    each = people // 4
    for number in range(4):
        rows = [_row(number * each + index, index) for index in range(each)]
        if number == 2:
            rows = [[_in_tcvn3(cell) for cell in row] for row in rows]
        titles = [
            ["HỘI LIÊN HIỆP PHỤ NỮ TỈNH KON TUM"],
            [f"DANH SÁCH HỘI VIÊN ĐỢT {number + 1}"],
            [],
            ["(Kèm theo Công văn số      /HPN ngày    tháng 8 năm 2020)"],
        ]
        header = [_in_tcvn3(cell) for cell in _HEADER] if number == 2 else _HEADER
        sheets[f"Cụm {number + 1}"] = [*titles, header, *rows, [], ["", "Tổng cộng:", each]]
    return write_xlsx(path, sheets, merged=("A1:H1", "A2:H2", f"D{_BELOW}:D{_BELOW + 1}"))


def _row(person, index):
    # Three digits, and three behind the zeros: sample numbers, none of them anybody's.
    digits = f"9{person // 1000:02d}000{person % 1000:03d}"
    written = (
        float(digits),
        f"0{digits}",
        f"0{digits[:3]}.{digits[3:6]}.{digits[6:]}",
        f"+84 {digits[:3]} {digits[3:6]} {digits[6:]}\n(con gái)",
        f"0{digits} - 0{digits[:2]}9000{digits[6:]}",
        f"0{digits[:3]}OOO{digits[6:]}",
        "không có",
        f"0{digits[:7]}",
        f"'0{digits}",
    )[index % 9]
    ditto = index % 5 in (2, 3)
    return [
        index + 1,
        f" {_NAMES[index % 7]}  {person} ".upper() if index % 11 == 0 else f"{_NAMES[index % 7]} {person}",
        (1950 + index % 50, f"{index % 28 + 1:02d}/0{index % 9 + 1}/19{60 + index % 39}", 62, "")[index % 4],
        '"' if ditto else f"Thôn {index % 12 + 1}",
        "nt" if ditto else _PLACES[(index // 5) % 6],
        written,
        f"Chi hội {index % 9 + 1}",
        "=1+1" if index % 97 == 0 else None,
    ]


def _in_tcvn3(cell):
    if not isinstance(cell, str):
        return cell
    return "".join(_TO_TCVN3.get(letter, _TO_TCVN3.get(letter.lower(), letter)) for letter in cell)
