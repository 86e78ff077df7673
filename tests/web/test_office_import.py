"""A list comes in through the page: understood before anything is stored, stored by a worker, put right by a file."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from outreach.people.importing.uploads import running
from outreach.people.importing.uploads.running import Work
from outreach.people.models import Contact, ContactPhone, ListImport, Upload, UploadState
from outreach.settings import Settings
from tests.flows.world import AUTHOR, World
from tests.web.office import post, signed_in, token

SAMPLE = Path(__file__).parents[1] / "data" / "contacts_sample.csv"
PLAIN = "STT,Họ và tên,SĐT\n" + "".join(f"{i},A Thun {i},0905000{i:03d}\n" for i in range(1, 8))


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, uploads_dir=str(tmp_path / "uploads"))


def hand_in(client: FlaskClient, world: World, name: str, content: bytes) -> TestResponse:
    form = {"csrf_token": token(client), "list": world.list_id, "file": (io.BytesIO(content), name)}
    return client.post("/admin/imports/", data=form, content_type="multipart/form-data")


def work_on(world: World, upload_id: int = 1, *, stops: list[bool] | None = None) -> bool:
    """What a worker does; told to stop at the question at which `stops` says so."""
    settings = world.runtime.settings
    asked = iter(stops or [])
    work = Work(world.runtime.db, Path(settings.uploads_dir), settings.secret_key, lambda: next(asked, False))
    return running.run(work, upload_id)


def upload(world: World, upload_id: int = 1) -> Upload:
    with world.runtime.db.read() as session:
        return session.get_one(Upload, upload_id)


def count(world: World, model: type) -> int:
    with world.runtime.db.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def files(world: World) -> list[Path]:
    return [path for path in Path(world.runtime.settings.uploads_dir).rglob("*") if path.is_file()]


def test_a_file_is_understood_confirmed_stored_and_its_bad_rows_come_back(
    client: FlaskClient, world: World
) -> None:
    signed_in(client, AUTHOR)
    assert hand_in(client, world, "danh sách.csv", SAMPLE.read_bytes()).status_code == 303
    assert "Đang đọc và kiểm tra tệp" in client.get("/admin/imports/1/").text

    assert work_on(world)
    page = client.get("/admin/imports/1/live")
    assert page.headers["X-Live"] == "end"
    assert "Xem trước" in page.text
    assert "Số điện thoại</strong>" in page.text
    assert upload(world).counts == {
        "rows": 110, "ok": 83, "review": 2, "reject": 25, "duplicates": 6, "known": 0, "no_place": upload(world).counts["no_place"],
    }  # fmt: skip
    assert count(world, Contact) == 0

    post(client, "/admin/imports/1/confirm")
    assert work_on(world)
    assert "Kết quả" in client.get("/admin/imports/1/").text
    with world.runtime.db.read() as session:
        counts = session.scalars(select(ListImport)).one().counts
    assert sum(counts.values()) - counts["rows"] == counts["rows"] == 110
    assert files(world) == []
    errors = client.get("/admin/imports/errors/1.csv")
    assert len(errors.data.decode("utf-8-sig").splitlines()) == 1 + counts["review"] + counts["rejected"]


def test_the_preview_shows_no_full_number(client: FlaskClient, world: World) -> None:
    signed_in(client, AUTHOR)
    hand_in(client, world, "a.csv", PLAIN.encode())
    work_on(world)
    page = client.get("/admin/imports/1/").text
    assert "0905•••001" in page
    assert "0905000001" not in page


@pytest.mark.parametrize("killed_after", [1, 2])
def test_a_worker_that_ended_halfway_is_followed_without_a_duplicate(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    monkeypatch.setattr(running, "CHUNK", 3)
    signed_in(client, AUTHOR)
    hand_in(client, world, "a.csv", PLAIN.encode())
    work_on(world)
    post(client, "/admin/imports/1/confirm")

    def die(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    store, calls = running.store_rows, iter(range(killed_after))
    monkeypatch.setattr(
        running, "store_rows", lambda *a, **m: store(*a, **m) if next(calls, None) is not None else die()
    )
    with pytest.raises(KeyboardInterrupt):
        work_on(world)
    monkeypatch.setattr(running, "store_rows", store)
    assert upload(world).progress == count(world, Contact) == 3 * killed_after
    assert not work_on(world)  # its lease still runs
    later = datetime.now(UTC) + timedelta(minutes=1)
    with world.runtime.db.write() as session:
        assert running.waiting(session, now=later) == [1]
        session.execute(update(Upload).values(due_at=datetime.now(UTC)))
    assert work_on(world)
    assert upload(world).state is UploadState.DONE
    assert count(world, Contact) == count(world, ContactPhone) == 7


def test_a_worker_told_to_stop_leaves_the_rest_to_the_next(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "CHUNK", 3)
    signed_in(client, AUTHOR)
    hand_in(client, world, "a.csv", PLAIN.encode())
    work_on(world)
    post(client, "/admin/imports/1/confirm")
    work_on(world, stops=[False, True])
    assert (upload(world).progress, upload(world).state) == (3, UploadState.STORING)
    work_on(world)
    assert (count(world, Contact), upload(world).state) == (7, UploadState.DONE)


def test_the_same_file_again_adds_nobody(client: FlaskClient, world: World) -> None:
    signed_in(client, AUTHOR)
    for upload_id in (1, 2):
        hand_in(client, world, "a.csv", PLAIN.encode())
        work_on(world, upload_id)
        post(client, f"/admin/imports/{upload_id}/confirm")
        work_on(world, upload_id)
    assert upload(world, 2).counts["known"] == 7
    assert count(world, Contact) == 7


def test_a_file_changed_behind_the_preview_is_refused(client: FlaskClient, world: World) -> None:
    signed_in(client, AUTHOR)
    hand_in(client, world, "a.csv", PLAIN.encode())
    work_on(world)
    (file,) = files(world)
    file.write_text(PLAIN.replace("A Thun", "Y Hlan"), encoding="utf-8")
    post(client, "/admin/imports/1/confirm")
    work_on(world)
    assert "bị thay đổi" in client.get("/admin/imports/1/").text
    assert count(world, Contact) == 0


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.pdf", b"%PDF-1.4", "Không đọc được loại tệp"),
        ("a.xlsx", b"PK\x03\x04 broken", "bị hỏng"),
        ("a.csv", "Họ và tên,Ghi chú\nA Thun,x\n".encode(), "Không tìm thấy cột số điện thoại"),
        ("../../a.csv", "Họ tên,SĐT\n".encode(), "không có người nào"),
    ],
)
def test_what_is_no_list_is_told_in_words_and_removed(
    client: FlaskClient, world: World, name: str, content: bytes, says: str
) -> None:
    signed_in(client, AUTHOR)
    hand_in(client, world, name, content)
    work_on(world)
    assert says in client.get("/admin/imports/1/").text
    assert files(world) == []


def test_a_cancelled_import_is_worked_on_no_more(client: FlaskClient, world: World) -> None:
    signed_in(client, AUTHOR)
    hand_in(client, world, "a.csv", PLAIN.encode())
    post(client, "/admin/imports/1/cancel")
    assert not work_on(world)
    assert "đã bị hủy" in client.get("/admin/imports/1/").text
    assert files(world) == []


def test_a_list_may_be_large_and_other_forms_not(client: FlaskClient, world: World) -> None:
    signed_in(client, AUTHOR)
    filling = PLAIN.encode() + b"\n" * 2_000_000
    assert hand_in(client, world, "a.csv", filling).status_code == 303
    assert upload(world).size == len(filling)
    too_large = hand_in(client, world, "a.csv", b"x" * (31 * 2**20))
    assert too_large.status_code == 303
    assert "lớn hơn 30 MB" in client.get(too_large.location).text
    assert post(client, "/admin/lists/", name="x" * 100_000).status_code == 413


def test_without_a_file_or_a_list_nothing_is_lost(client: FlaskClient, world: World) -> None:
    signed_in(client, AUTHOR)
    page = post(client, "/admin/imports/", new_name="Hội viên xã Đăk Hà")
    assert page.status_code == 400
    assert "Chưa chọn tệp" in page.text
    assert "Hội viên xã Đăk Hà" in page.text
