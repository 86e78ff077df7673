"""What an agency's roster says of its people, and what it adds up to."""

from __future__ import annotations

from campaigns.rules.agencies import RosterPerson, StaffCounts, by_number, count, find_heading, read_mark
from tests.support.tables import cases, each_of


@cases(
    *each_of("x | X | ✓ | v | 1 | có | rồi | đã | Đã cài | đã cài đặt ngày 12/8 | ĐÃ CÀI", True),
    *each_of("cài rồi | xong", True),
    ("", False),
    *each_of("- | 0 | không | Chưa | chưa cài được | ko", False),
    *each_of("đang cài | 7 | nghỉ thai sản", None),
)
def test_a_mark_says_yes_or_no_or_nothing_that_we_understand(text: str, means: bool | None) -> None:
    assert read_mark(text) is means


@cases(
    (("STT", "Họ và tên", "SĐT", "Đã cài"), (0, 1, 2), 3),
    (("Họ tên", "Cài đặt Bluezone", "Điện thoại"), (0, 2), 1),
    (("Họ tên", "ĐT", "Đã tiêm mũi 1"), (0, 1), 2),
    (("Họ tên", "ĐT cài Bluezone"), (0, 1), None),  # the column of the telephone
    (("Họ tên", "SĐT", "Đơn vị", "Ghi chú"), (0, 1, 2, 3), None),
    (("Họ tên", "SĐT", "Đã nghỉ"), (0, 1), None),
)
def test_the_column_of_marks_is_found_by_its_heading(
    labels: tuple[str, ...], taken: tuple[int, ...], at: int | None
) -> None:
    assert find_heading(labels, taken) == at


def person(
    name: str, *numbers: str, has_smartphone: bool | None = None, has_done: bool = False
) -> RosterPerson:
    return RosterPerson(name, numbers, has_smartphone, has_done)


@cases(
    ([person("A"), person("B", has_done=True)], StaffCounts(2, None, 1)),
    ([person("A", has_smartphone=True), person("B", has_smartphone=False)], StaffCounts(2, 1, 0)),
    # Whoever has the app has something to have it on.
    ([person("A", has_smartphone=False, has_done=True)], StaffCounts(1, 1, 1)),
    # Twice in the list is once in the figures; two who share a number or a name are two.
    ([person("An", "+84905000001"), person("AN", "+84905000001", has_done=True)], StaffCounts(1, None, 1)),
    ([person("An", "+84905000001"), person("Bình", "+84905000001")], StaffCounts(2, None, 0)),
    ([person("An"), person("An")], StaffCounts(2, None, 0)),
)
def test_people_are_counted_once_each(people: list[RosterPerson], counts: StaffCounts) -> None:
    assert count(people) == counts


def test_a_shared_number_has_the_app_if_anyone_of_them_says_so() -> None:
    people = [person("A", "+84905000001", has_done=True), person("B", "+84905000001", "+84905000002")]
    assert by_number(people) == {"+84905000001": True, "+84905000002": False}
