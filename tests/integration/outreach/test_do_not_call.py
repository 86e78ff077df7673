"""The national register of numbers that want no advertising: its newest file counts, whole or not at all."""

import io
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from outreach.contacts.phones import add_number
from outreach.core.spreadsheets import write_workbook
from outreach.imports import do_not_call
from outreach.imports.do_not_call import RegisterCounts, read_register, replace_register
from outreach.models.accounts import Role, User
from outreach.models.contacts import DoNotCallFile, Phone, RegisterState, Suppression, SuppressionReason
from outreach.rules.errors import BadList, NotAllowed
from tests.support.errors import refuses
from tests.support.lists import bring, local, write
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, number


def put(world, file, *, may_shrink=False):
    how = {"now": world.now, "may_shrink": may_shrink}
    counts = replace_register(world.runtime.db, file, record=lambda _session, _counts: None, **how)
    return asdict(counts)


def listed(tmp_path, *indexes):
    file = tmp_path / "dnc.csv"
    file.write_text("".join(f"{local(i)}\n" for i in indexes), encoding="utf-8")
    return file


def on_register(world):
    """The people's numbers that are suppressed for the register's sake."""
    query = (
        select(Phone.e164)
        .join(Suppression, Suppression.phone_id == Phone.id)
        .where(Suppression.reason == SuppressionReason.DO_NOT_CALL, Suppression.lifted_at.is_(None))
    )
    return set(world.all(query))


@both_databases
def test_the_newest_file_replaces_the_one_before_it(world, tmp_path):
    world.add_people(4, first=1)
    world.suppress(number(4), SuppressionReason.DO_NOT_CALL)
    first = put(world, listed(tmp_path, 1, 2, 2, 4, 50))
    assert first == {
        "rows": 5,
        "numbers": 4,
        "other": 0,
        "unread": 0,
        "added": 3,
        "removed": 0,
        "people": 3,
        "skipped": [],
    }
    assert on_register(world) == {number(1), number(2), number(4)}
    again = put(world, listed(tmp_path, 1, 2, 2, 4, 50))
    assert (again["added"], again["removed"]) == (0, 0)

    second = put(world, listed(tmp_path, 2, 3), may_shrink=True)
    assert (second["added"], second["removed"], second["people"]) == (1, 2, 2)
    # What an officer wrote down is no entry of the register and stays.
    assert on_register(world) == {number(2), number(3), number(4)}
    campaign = world.launch()
    assert world.status(campaign)["excluded"] == {"do_not_call": 3}


@both_databases
def test_a_number_of_the_register_that_a_later_list_brings_is_left_alone(world, tmp_path):
    put(world, listed(tmp_path, 7))
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(7)}", f"2,A Thun,,,,{local(8)}"))
    assert on_register(world) == {number(7)}


@both_databases
def test_a_number_that_a_reply_brings_while_the_register_is_replaced_is_left_alone(
    world, tmp_path, monkeypatch
):
    replace = do_not_call._replace

    def meanwhile(session, *args, **given):
        replace(session, *args, **given)
        # The reply is stored as one who sees nothing of the register's transaction does.
        session.execute(insert(Phone).values(e164=number(7), reversed=number(7)[::-1], created_at=world.now))

    monkeypatch.setattr(do_not_call, "_replace", meanwhile)
    put(world, listed(tmp_path, 7))
    assert on_register(world) == {number(7)}


def test_a_number_that_is_being_stored_while_the_register_is_replaced_is_left_alone(world, tmp_path):
    person, file = world.add_person("A Thun"), listed(tmp_path, 7)
    with ThreadPoolExecutor(1) as pool:
        with world.runtime.db.write() as session:
            add_number(
                session, person, number(7), user=session.get_one(User, world.user(AUTHOR).id), now=world.now
            )
            replacing = pool.submit(put, world, file)
            wait([replacing], timeout=3)
        replacing.result()
    world.sent()
    assert world.sent_to() == []


def test_a_file_that_takes_away_more_than_a_fifth_is_taken_only_when_somebody_says_so(world, tmp_path):
    world.add_people(5, first=1)
    put(world, listed(tmp_path, 1, 2, 3, 4, 5))
    assert put(world, listed(tmp_path, 1, 2, 3, 4, 6))["removed"] == 1
    before = on_register(world)
    with refuses(BadList, says=r"thiếu 2 trong 5 số .* chưa thay gì.* --shrink"):
        put(world, listed(tmp_path, 1, 2, 3, 5))
    assert on_register(world) == before

    boss = world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    given = {"file_name": "a.csv", "folder": tmp_path, "by": boss}
    refused, taken = (
        world.do(do_not_call.receive_file, listed(tmp_path, 5).open("rb"), may_shrink=said, **given).id
        for said in (False, True)
    )
    for register_id in (refused, taken):
        do_not_call.process_file(world.runtime.db, tmp_path, register_id)
    states = [world.get_one(DoNotCallFile, each).state for each in (refused, taken)]
    assert states == [RegisterState.FAILED, RegisterState.DONE]
    assert on_register(world) == {number(5)}


def test_a_sheet_without_a_number_at_its_head_is_named(tmp_path):
    sheets = {
        "Ghi chú": [["Danh sách"], *[["không"]] * 200, ["0905000003"]],
        "Số": [["0905000001"]],
        "Trống": [[""]],
    }
    write_workbook(tmp_path / "dnc.xlsx", sheets)
    counts = RegisterCounts()
    assert list(read_register(tmp_path / "dnc.xlsx", counts)) == ["+84905000001"]
    assert counts.skipped == ["Ghi chú"]


def test_a_file_without_numbers_changes_nothing(world, tmp_path):
    world.add_people(1, first=1)
    put(world, listed(tmp_path, 1))
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("Họ và tên,Xã\nY Hlan,Đắk Mar\n", encoding="utf-8")
    with pytest.raises(BadList):
        put(world, wrong)
    assert on_register(world) == {number(1)}


def test_a_file_from_the_page_is_worked_on_once_and_then_gone(world, tmp_path):
    world.add_people(2, first=1)
    content = listed(tmp_path, 1).read_bytes()
    given = {"file_name": "DNC.csv", "folder": tmp_path / "uploads"}

    def receive(content, by):
        return world.do(do_not_call.receive_file, io.BytesIO(content), by=by, **given).id

    with pytest.raises(NotAllowed):
        receive(content, AUTHOR)
    boss = world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    good, bad = receive(content, boss), receive(b"Ten\nA\n", boss)

    def work(register_id):
        return do_not_call.process_file(world.runtime.db, tmp_path / "uploads", register_id)

    assert world.read(do_not_call.files_to_process, now=world.now) == [good, bad]
    assert [work(good), work(good), work(bad)] == [True, False, True]
    done, failed = world.get_one(DoNotCallFile, good), world.get_one(DoNotCallFile, bad)
    assert world.read(do_not_call.files_to_process, now=world.now + timedelta(days=1)) == []
    assert (done.state, done.counts["people"]) == (RegisterState.DONE, 1)
    assert failed.state is RegisterState.FAILED
    assert "register_no_numbers" in failed.error
    assert on_register(world) == {number(1)}
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_worker_that_died_over_it_is_followed_by_another(world, tmp_path):
    given = {"file_name": "a.csv", "folder": tmp_path}
    boss = world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    given = world.do(do_not_call.receive_file, listed(tmp_path, 1).open("rb"), by=boss, **given).id
    world.execute(update(DoNotCallFile).values(tries=1, due_at=world.now + timedelta(hours=1)))
    assert not do_not_call.process_file(world.runtime.db, tmp_path, given)
    world.execute(update(DoNotCallFile).values(due_at=world.now))
    assert do_not_call.process_file(world.runtime.db, tmp_path, given)


FILES = [
    ("0905000001\n0905000002\n", [1, 2], 0, 0),
    (
        "STT;Số thuê bao;Ngày đăng ký\n1;84905000001;01/07/2020 09:05\n2;84905000002;01/07/2020\n",
        [1, 2],
        0,
        0,
    ),
    ("+84905000001\t2020\n02603861234\t2020\n0905000002\t2020\n", [1, 2], 1, 0),
    ("Danh sách\nSố điện thoại\n905000001\n905.000.002\n09050000034567\n", [1, 2], 0, 1),
]


@pytest.mark.parametrize(("content", "indexes", "other", "unread"), FILES, ids=range(len(FILES)))
def test_the_numbers_are_found_whatever_stands_beside_them(content, indexes, other, unread, tmp_path):
    file = tmp_path / "dnc.csv"
    file.write_text(content, encoding="utf-8")
    counts = RegisterCounts()
    found = list(read_register(file, counts))
    assert found == [f"+84905000{i:03d}" for i in indexes]
    assert (counts.other, counts.unread) == (other, unread)
