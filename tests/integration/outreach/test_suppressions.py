"""Who said stop is left alone, whatever becomes of the number that they said it from."""

from datetime import UTC, datetime

import pytest

from outreach.contacts.contact import Closing, suppress_number
from outreach.contacts.phones import add_number, remove_number
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision
from outreach.imports.uploads import undo_import
from tests.support.lists import bring, local, people, write
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import AUTHOR, LIST, number

FIRST, SECOND, THIRD = number(1), number(2), number(3)


def phone_id(world, e164):
    return world.phone(e164)


def do(world, operation, *args, by=AUTHOR, **more):
    world.do(operation, *args, by=by, now=datetime.now(UTC), **more)


def say_stop(world, person, e164):
    opt_out = {"reason": Closing.OPT_OUT, "note": "bà xin thôi"}
    do(world, suppress_number, person, phone_id(world, e164), **opt_out)


def remove(world, person, e164, **more):
    do(world, remove_number, person, phone_id(world, e164), note="đổi số", **more)


def test_a_number_that_was_removed_by_mistake_and_is_added_again_is_written_to(world):
    person = world.add_person("Y Hlan", FIRST)
    remove(world, person, FIRST)
    do(world, add_number, person, FIRST)
    world.sent()
    assert world.sent_to() == [FIRST]


def test_two_whose_numbers_were_swapped_are_both_written_to(world):
    one, other = world.add_person("Y Hlan", FIRST), world.add_person("A Thun", SECOND)
    remove(world, one, FIRST, right_number=SECOND)
    remove(world, other, SECOND, right_number=FIRST)
    world.sent()
    assert sorted(world.sent_to()) == [FIRST, SECOND]


@both_databases
@pytest.mark.parametrize("way", ["a file", "a decision"])
def test_who_gets_the_former_number_of_somebody_else_is_written_to(world, tmp_path, way):
    former = world.add_person("Y Hlan", FIRST)
    remove(world, former, FIRST)
    written = local(1) if way == "a file" else local(1).replace("000", "OOO", 1)
    bring(world, write(tmp_path, f"1,A Thun,,,,{written}"), LIST)
    if way == "a decision":
        do(world, decide_issue, 1, Decision.TAKEN, phone=local(1))
    world.sent()
    assert world.sent_to() == [FIRST]


@both_databases
def test_nobody_is_written_to_whose_import_or_number_was_undone_meanwhile(world, tmp_path):
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), LIST)
    bring(world, write(tmp_path, f"1,A Thun,,,,{local(2)}", f"2,Y Rơ,,,,{local(4)}"), LIST)
    bring(world, write(tmp_path, f"1,A Thun,,,,{local(2)}", name="other.csv"), "Khác")
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)} / {local(3)}"), LIST)
    do(world, suppress_number, 1, world.phone(FIRST), reason=Closing.WRONG_NUMBER, note="số cũ")
    world.launch()
    assert world.recipient(THIRD, 1)
    for each in (2, 4):
        undo_import(world.runtime, each)
    world.send()
    assert world.sent_to() == [SECOND]


@both_databases
def test_a_message_that_waits_for_the_other_number_is_not_sent(world):
    person = world.add_person("Y Hlan", FIRST, SECOND)
    world.launch()
    assert world.recipient(FIRST, 1)
    say_stop(world, person, SECOND)
    remove(world, person, SECOND)
    world.send()
    assert world.sent_to() == []


def test_a_list_that_has_the_former_number_brings_no_new_one_to_write_to(world, tmp_path):
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), LIST)
    say_stop(world, 1, FIRST)
    remove(world, 1, FIRST)
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)} / {local(2)}"), LIST)
    assert people(world) == {"Y Hlan": [SECOND]}
    assert world.read(numbers_left_alone) == {FIRST, SECOND}
