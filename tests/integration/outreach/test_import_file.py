"""A list imported by the command is an upload like the page's: shown, undone there, and finished after a kill."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from outreach.imports import uploads
from outreach.imports.list_reader import check_list
from outreach.models.accounts import AuditEvent
from outreach.models.contacts import Contact, Phone, Upload, UploadState
from outreach.rules.errors import BadList
from tests.support.admin_client import post
from tests.support.servers import both_databases
from tests.support.uploads import PLAIN, files, upload, work_on

PARENTS = "STT,Họ tên cha,SĐT cha,Họ tên mẹ,SĐT mẹ,Thôn\n"


def bring(world, tmp_path, text=PLAIN):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    return uploads.import_file(
        world.runtime, path, organisation="MTTQ", list_name="Mới", now=datetime.now(UTC)
    )


def test_the_page_shows_it_and_undoes_it(author, world, tmp_path):
    assert bring(world, tmp_path).counts["created"] == 7
    assert files(world) == []
    told = world.all(select(AuditEvent.action).order_by(AuditEvent.id))
    assert told == ["login", "upload.receive", "contacts.import"]
    assert "dòng lệnh" in author.get("/admin/imports/").text
    assert "dòng lệnh" in author.get("/admin/imports/1/").text
    post(author, "/admin/imports/1/undo")
    work_on(world)
    assert (upload(world).state, world.count(Contact)) == (UploadState.CANCELLED, 0)


def test_parents_of_one_row_are_two_people_the_one_without_a_number_to_be_visited(world, tmp_path):
    text = PARENTS + "1,A Huy,,Y Lan,0905000124,Thôn 1\n2,A Tân,0905000125,Y Mơn,0905000126,Thôn 1\n"
    for outcome in ("created", "unchanged"):
        counts = bring(world, tmp_path, text).counts
        assert {name: n for name, n in counts.items() if n} == {"rows": 2, outcome: 2}
        people = {each.name: each.at_the_door for each in world.all(select(Contact))}
        assert {name for name, is_visited in people.items() if is_visited} == {"A Huy"}
        assert len(people) == world.count(Contact) == 4


def fail_in_the_second_part(monkeypatch, error):
    """Store three rows at a time, and fail before the second three. Returns what ends this."""
    store, parts = uploads.store_rows, iter((True, False))

    def store_once(*arguments, **more):
        if not next(parts):
            raise error
        store(*arguments, **more)

    monkeypatch.setattr(uploads, "CHUNK", 3)
    monkeypatch.setattr(uploads, "store_rows", store_once)
    return lambda: monkeypatch.setattr(uploads, "store_rows", store)


@both_databases
def test_a_command_that_was_killed_goes_on_where_it_was_when_it_is_given_the_file_again(
    world, tmp_path, monkeypatch
):
    mend = fail_in_the_second_part(monkeypatch, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        bring(world, tmp_path)
    assert (world.count(Contact), upload(world).state) == (3, UploadState.STORING)
    mend()
    world.execute(update(Upload).values(due_at=datetime.now(UTC)))  # as if its lease had run out
    done = bring(world, tmp_path)
    assert (done.id, done.counts["rows"], done.counts["created"]) == (1, 7, 7)
    assert (world.count(Contact), world.count(Upload)) == (7, 1)
    again = bring(world, tmp_path)
    assert (again.id, again.counts["unchanged"]) == (2, 7)


def test_a_worker_goes_on_where_there_is_one(world, tmp_path, monkeypatch):
    mend = fail_in_the_second_part(monkeypatch, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        bring(world, tmp_path)
    mend()
    world.execute(update(Upload).values(due_at=datetime.now(UTC)))
    assert work_on(world)
    assert (upload(world).state, world.count(Contact)) == (UploadState.DONE, 7)


def test_a_file_that_turns_out_to_be_unreadable_leaves_nothing_behind(world, tmp_path, monkeypatch):
    def breaks(path, *more):
        for row in check_list(path, *more):
            if row.row == 5:
                raise BadList("quote_not_closed", name="list.csv", line=5)
            yield row

    monkeypatch.setattr(uploads, "CHUNK", 3)
    monkeypatch.setattr(uploads, "check_list", breaks)
    with pytest.raises(BadList, match="quote_not_closed"):
        bring(world, tmp_path)
    assert upload(world).state is UploadState.FAILED
    assert world.count(Contact) == world.count(Phone) == 0
    assert files(world) == []
