"""What an agency says of its staff, and its roster: what cannot be, what is asked, what many add up to."""

from campaigns.rules.agencies import (
    RosterPerson,
    StaffCounts,
    StaffTotal,
    add_up,
    by_number,
    count,
    find_doubts,
    find_heading,
    find_problem,
    read_mark,
)
from tests.support.tables import cases, each_of


@cases(
    (StaffCounts(10, 8, 8), None),
    (StaffCounts(10, 10, 0), None),
    (StaffCounts(10, None, 7), None),
    (StaffCounts(10, 8, None), None),
    (StaffCounts(10), None),
    (StaffCounts(0, 0, 0), "staff_number_wrong"),
    (StaffCounts(10, 8, -1), "staff_number_wrong"),
    (StaffCounts(100_001), "staff_number_large"),
    (StaffCounts(10, 11, 5), "more_smartphones_than_staff"),
    (StaffCounts(10, 8, 9), "more_installed_than_smartphones"),
    (StaffCounts(10, None, 11), "more_installed_than_staff"),
)
def test_figures_that_contradict_each_other_are_refused(counts, problem):
    found = find_problem(counts)
    assert (found and found.code) == problem


@cases(
    (None, StaffCounts(10, 8, 1), []),
    (StaffCounts(100, 90, 80), StaffCounts(100, 90, 85), []),
    (StaffCounts(100, 90, 80), StaffCounts(99, 89, 78), []),  # two have left
    (StaffCounts(100, 90, 80), StaffCounts(100, 90, 75), ["installed_fell"]),
    (StaffCounts(100, 90, 80), StaffCounts(100, 90, None), ["installed_fell"]),
    (StaffCounts(100, 90, None), StaffCounts(100, 90, 0), []),
    (StaffCounts(1000, 900, 800), StaffCounts(1000, 900, 761), []),  # less than a twentieth
    (StaffCounts(100, 90, 80), StaffCounts(100, 80, 80), ["smartphones_fell"]),
    (StaffCounts(100, 90, 80), StaffCounts(121, 90, 80), ["staff_changed"]),
    (
        StaffCounts(100, 90, 80),
        StaffCounts(79, 70, 60),
        ["installed_fell", "smartphones_fell", "staff_changed"],
    ),
    (StaffCounts(3, 3, 3), StaffCounts(5, 5, 5), []),  # two more people are no error
)
def test_a_sudden_change_is_a_question(before, now, doubts):
    assert [each.code for each in find_doubts(now, before)] == doubts


def test_what_is_not_known_is_left_out_and_counted_as_such():
    total = add_up([StaffCounts(10, 8, 4), StaffCounts(20, None, 15), StaffCounts(30, 12, 12), None])
    assert total == StaffTotal(agencies=4, known=2, staff=60, with_smartphone=20, installed=16)
    assert total.share == 0.8
    assert total.unknown == 2
    assert StaffCounts(20, None, 15).share is None
    assert StaffCounts(20, 0, 0).share is None


def test_of_nothing_the_share_is_unknown_not_nought():
    assert add_up([None, StaffCounts(5)]).share is None
    assert add_up([]).share is None


@cases(
    *each_of("x | X | ✓ | v | 1 | có | rồi | đã | Đã cài | đã cài đặt ngày 12/8 | ĐÃ CÀI", True),
    *each_of("cài rồi | xong", True),
    ("", False),
    *each_of("- | 0 | không | Chưa | chưa cài được | ko", False),
    *each_of("đang cài | 7 | nghỉ thai sản", None),
)
def test_a_mark_says_yes_or_no_or_nothing_that_we_understand(text, means):
    assert read_mark(text) is means


@cases(
    (("STT", "Họ và tên", "SĐT", "Đã cài"), (0, 1, 2), 3),
    (("Họ tên", "Cài đặt Bluezone", "Điện thoại"), (0, 2), 1),
    (("Họ tên", "ĐT", "Đã tiêm mũi 1"), (0, 1), 2),
    (("Họ tên", "ĐT cài Bluezone"), (0, 1), None),  # the column of the telephone
    (("Họ tên", "SĐT", "Đơn vị", "Ghi chú"), (0, 1, 2, 3), None),
    (("Họ tên", "SĐT", "Đã nghỉ"), (0, 1), None),
)
def test_the_column_of_marks_is_found_by_its_heading(labels, taken, at):
    assert find_heading(labels, taken) == at


def person(name, *numbers, has_smartphone=None, has_done=False):
    return RosterPerson(name, numbers, has_smartphone, has_done)


@cases(
    ([person("A"), person("B", has_done=True)], StaffCounts(2, None, 1)),
    ([person("A", has_smartphone=True), person("B", has_smartphone=False)], StaffCounts(2, 1, 0)),
    # Who has the app has a smartphone.
    ([person("A", has_smartphone=False, has_done=True)], StaffCounts(1, 1, 1)),
    # Twice in the list is once in the figures; two who share a number or a name are two.
    ([person("An", "+84905000001"), person("AN", "+84905000001", has_done=True)], StaffCounts(1, None, 1)),
    ([person("An", "+84905000001"), person("Bình", "+84905000001")], StaffCounts(2, None, 0)),
    ([person("An"), person("An")], StaffCounts(2, None, 0)),
)
def test_people_are_counted_once_each(people, counts):
    assert count(people) == counts


def test_a_shared_number_has_the_app_if_anyone_of_them_says_so():
    people = [person("A", "+84905000001", has_done=True), person("B", "+84905000001", "+84905000002")]
    assert by_number(people) == {"+84905000001": True, "+84905000002": False}
