"""Who said stop is left alone, whatever becomes of the number that they said it from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from outreach.contacts.contact import Closing, lift_suppression, suppress_number
from outreach.contacts.phones import add_number, remove_number
from outreach.imports.undo_import import undo_import_rows
from outreach.models.contacts import ListImport, Phone
from outreach.rules.errors import NotAllowed
from tests.support.lists import bring, local, people, write
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone
from tests.support.world import APPROVER, AUTHOR, LIST, World, number

FIRST, SECOND, THIRD = number(1), number(2), number(3)


def phone_id(world: World, e164: str) -> int:
    with world.runtime.db.read() as session:
        return session.scalars(select(Phone.id).where(Phone.e164 == e164)).one()


def do(world: World, operation: Any, *args: Any, by: str = AUTHOR, **more: Any) -> None:
    with world.runtime.db.write() as session:
        operation(session, *args, user=world.user(by), now=datetime.now(UTC), **more)


def say_stop(world: World, person: int, e164: str) -> None:
    opt_out = {"reason": Closing.OPT_OUT, "note": "bà xin thôi"}
    do(world, suppress_number, person, phone_id(world, e164), secret_key=world.keys.secret_key, **opt_out)


def remove(world: World, person: int, e164: str, **more: Any) -> None:
    key = world.keys.secret_key
    do(world, remove_number, person, phone_id(world, e164), note="đổi số", secret_key=key, **more)


def add(world: World, person: int, e164: str) -> None:
    do(world, add_number, person, e164, secret_key=world.keys.secret_key)


def opted_out(world: World) -> set[str]:
    with world.runtime.db.read() as session:
        return numbers_left_alone(session)


def undo(world: World, import_id: int) -> None:
    done, key = 1, world.keys.secret_key
    while done:
        with world.runtime.db.write() as session:
            brought = session.get_one(ListImport, import_id)
            done = undo_import_rows(session, brought, limit=100, secret_key=key, now=world.now)


def test_the_other_numbers_of_whom_refused_are_left_alone_when_the_first_is_taken_off(world: World) -> None:
    person = world.add_person("Y Hlan", FIRST, SECOND)
    say_stop(world, person, FIRST)
    remove(world, person, FIRST)
    add(world, person, THIRD)
    assert opted_out(world) == {FIRST, SECOND, THIRD}
    assert world.status(world.launch())["excluded"] == {"opted_out": 1}
    world.send()
    assert world.sent_to() == []


@both_databases
def test_a_message_that_waits_for_the_other_number_is_not_sent(world: World) -> None:
    person = world.add_person("Y Hlan", FIRST, SECOND)
    world.launch()
    assert world.recipient(FIRST, 1)
    say_stop(world, person, SECOND)
    remove(world, person, SECOND)
    world.send()
    assert world.sent_to() == []


def test_an_opt_out_of_whoever_else_has_the_number_is_not_the_persons(world: World) -> None:
    person = world.add_person("Y Hlan", FIRST, SECOND)
    say_stop(world, person, FIRST)
    remove(world, person, FIRST, opted_out=False)
    add(world, person, THIRD)
    assert opted_out(world) == {FIRST}


def test_a_number_that_comes_later_is_left_alone_until_the_person_says_otherwise(
    world: World, tmp_path: Path
) -> None:
    person = world.add_person("Y Hlan", FIRST)
    say_stop(world, person, FIRST)
    remove(world, person, FIRST)
    add(world, person, SECOND)
    assert opted_out(world) == {FIRST, SECOND}
    reason = Closing.OPT_OUT
    note = "bà gọi lại"
    with pytest.raises(NotAllowed):
        do(world, lift_suppression, person, phone_id(world, SECOND), reason=reason, note=note)
    do(world, lift_suppression, person, phone_id(world, SECOND), reason=reason, note=note, by=APPROVER)
    add(world, person, THIRD)
    assert opted_out(world) == set()
    world.launch()
    world.send()
    assert world.sent_to() == [SECOND], "not to the former number"


def test_a_list_that_has_the_former_number_brings_no_new_one_to_write_to(
    world: World, tmp_path: Path
) -> None:
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), LIST)
    say_stop(world, 1, FIRST)
    remove(world, 1, FIRST)
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)} / {local(2)}"), LIST)
    assert people(world) == {"Y Hlan": [SECOND]}
    assert opted_out(world) == {FIRST, SECOND}


@both_databases
@pytest.mark.parametrize("undone", [1, 2])
def test_an_import_taken_back_leaves_nobody_to_write_to_who_refused(
    world: World, tmp_path: Path, undone: int
) -> None:
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), LIST)
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)} / {local(2)}"), LIST if undone == 1 else "Khác")
    say_stop(world, 1, SECOND)
    undo(world, undone)
    if undone == 1:  # the later file of the list had them, too
        assert opted_out(world) == {FIRST, SECOND}
        undo(world, 2)
    else:
        assert people(world) == {"Y Hlan": [FIRST]}
        assert opted_out(world) == {FIRST}
    bring(world, write(tmp_path, f"1,Y Hlan,,,,{local(1)}"), LIST)
    assert world.status(world.launch())["excluded"] == {"opted_out": 1}
