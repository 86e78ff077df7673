"""Imports that do not come to their end: stopped, undone, given up, forgotten. Nothing is left half stored."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from outreach.imports import uploads
from outreach.imports.uploads import remove_ended, remove_unconfirmed
from outreach.models.contacts import (
    Contact,
    DoNotCallFile,
    Membership,
    Phone,
    RegisterState,
    Upload,
    UploadState,
)
from tests.support.admin_client import post, signed_in
from tests.support.servers import both_databases
from tests.support.uploads import PLAIN, checked, confirmed, count, files, hand_in, upload, work_on
from tests.support.world import AUTHOR


def stored_by_half(client, world, monkeypatch):
    """Three of seven people are stored when the worker is told to stop."""
    monkeypatch.setattr(uploads, "CHUNK", 3)
    checked(client, world, PLAIN)
    post(client, "/admin/imports/1/confirm")
    work_on(world, stops=[False, True])
    assert count(world, Contact) == 3


@both_databases
def test_a_cancelled_import_takes_back_what_it_has_stored(client, world, monkeypatch):
    stored_by_half(client, world, monkeypatch)
    post(client, "/admin/imports/1/cancel")
    assert "Đang gỡ" in client.get("/admin/imports/1/").text
    work_on(world)
    assert upload(world).state is UploadState.CANCELLED
    assert "đã được hoàn tác" in client.get("/admin/imports/1/").text
    assert count(world, Contact) == count(world, Phone) == count(world, Membership) == 0
    assert files(world) == []


def test_a_file_that_breaks_while_it_is_stored_leaves_nothing_behind(client, world, monkeypatch):
    stored_by_half(client, world, monkeypatch)
    (file,) = files(world)
    file.write_text(PLAIN.replace("A Thun", "Y Hlan"), encoding="utf-8")
    work_on(world)
    assert upload(world).state is UploadState.UNDOING
    work_on(world)
    assert upload(world).state is UploadState.FAILED
    assert "bị thay đổi" in client.get("/admin/imports/1/").text
    assert count(world, Contact) == 0


def test_an_import_is_undone_at_any_time(client, world):
    checked(client, world, PLAIN)
    confirmed(client, world)
    assert "Hoàn tác lần nhập" in client.get("/admin/imports/1/").text
    post(client, "/admin/imports/1/undo")
    work_on(world)
    assert count(world, Contact) == count(world, Phone) == 0
    assert "đã hoàn tác" in client.get(f"/admin/lists/{world.list_id}/").text
    again = post(client, "/admin/imports/1/undo")
    assert "không hoàn tác được nữa" in again.text


def test_taking_back_that_broke_off_is_asked_for_again(client, world, monkeypatch):
    checked(client, world, PLAIN)
    confirmed(client, world)
    post(client, "/admin/imports/1/undo")

    def break_off(*_args, **_more):
        raise RuntimeError

    undo_rows = uploads.undo_import_rows
    monkeypatch.setattr(uploads, "undo_import_rows", break_off)
    with pytest.raises(RuntimeError):
        work_on(world)
    monkeypatch.setattr(uploads, "undo_import_rows", undo_rows)
    assert upload(world).state is UploadState.FAILED
    page = client.get("/admin/imports/1/").text
    assert "Chưa gỡ hết những gì tệp này đã đưa vào" in page
    assert "/admin/imports/1/undo" in page
    post(client, "/admin/imports/1/undo")
    work_on(world)
    assert upload(world).state is UploadState.CANCELLED
    assert count(world, Contact) == 0
    assert "/admin/imports/1/undo" not in client.get("/admin/imports/1/").text


@pytest.mark.parametrize("confirmed", [False, True])
def test_an_import_that_ends_its_worker_three_times_is_given_up(client, world, monkeypatch, confirmed):
    if confirmed:
        stored_by_half(client, world, monkeypatch)
    else:
        signed_in(client, AUTHOR)
        hand_in(client, world, "a.csv", PLAIN.encode())

    def die(*_args):
        raise KeyboardInterrupt

    check_list = uploads.check_list
    monkeypatch.setattr(uploads, "check_list", die)
    for _ in range(uploads.MOST_TRIES):
        with pytest.raises(KeyboardInterrupt):
            work_on(world)
        world.execute(update(Upload).values(due_at=datetime.now(UTC)))
    monkeypatch.setattr(uploads, "check_list", check_list)
    assert not work_on(world)
    work_on(world)  # takes back what was stored
    assert upload(world).state is UploadState.FAILED
    assert "đã thử 3 lần" in client.get("/admin/imports/1/").text
    assert count(world, Contact) == 0


def test_a_file_that_nobody_confirms_is_removed_after_some_days(client, world):
    signed_in(client, AUTHOR)
    for _ in range(2):
        hand_in(client, world, "a.csv", PLAIN.encode())
    work_on(world, 1)
    folder, keep = Path(world.runtime.settings.uploads_dir), timedelta(days=7)
    now = datetime.now(UTC)
    assert remove_unconfirmed(world.runtime.db, folder, keep=keep, now=now + timedelta(days=6)) == 0
    assert remove_unconfirmed(world.runtime.db, folder, keep=keep, now=now + timedelta(days=8)) == 1
    assert upload(world, 1).state is UploadState.CANCELLED
    assert "sau 7 ngày không có ai xác nhận" in client.get("/admin/imports/1/").text
    assert upload(world, 2).state is UploadState.CHECKING  # a worker's turn, not an officer's
    assert len(files(world)) == 1


@pytest.mark.parametrize(
    ("state", "is_kept"), [(state, state not in ("done", "failed", "cancelled")) for state in UploadState]
)
def test_a_file_whose_worker_died_at_its_end_does_not_stay(client, world, state, is_kept):
    signed_in(client, AUTHOR)
    hand_in(client, world, "a.csv", PLAIN.encode())
    world.execute(update(Upload).values(state=state))
    folder, now = Path(world.runtime.settings.uploads_dir), datetime.now(UTC)
    assert remove_ended(world.runtime.db, folder, now=now) == (0 if is_kept else 1)
    assert bool(files(world)) is is_kept


def test_a_register_that_was_given_up_does_not_stay_either_nor_what_was_broken_off(world):
    folder, now = Path(world.runtime.settings.uploads_dir), datetime.now(UTC)
    for number, state in ((1, RegisterState.FAILED), (2, RegisterState.WAITING)):
        world.add(DoNotCallFile(id=number, file_name="a.csv", state=state, handed_in_at=now))
    for name in ("register-1", "register-2", "register-3", "99", "not-ours"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.csv").write_text("0905000123")

    def left_after(days):
        remove_ended(world.runtime.db, folder, now=now + timedelta(days=days))
        return sorted(path.name for path in folder.iterdir())

    assert left_after(0) == ["99", "not-ours", "register-2", "register-3"], "one may be on its way in"
    assert left_after(2) == ["not-ours", "register-2"]
