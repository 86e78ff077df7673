"""Handing a list in, and the worker's part of it."""

import io
from pathlib import Path

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from outreach.imports import uploads
from outreach.imports.uploads import UploadContext
from outreach.models.contacts import Upload
from tests.support.admin_client import post, signed_in, token
from tests.support.world import AUTHOR, World

SAMPLE = Path(__file__).parents[1] / "data" / "contacts_sample.csv"
PLAIN = "STT,Họ và tên,SĐT\n" + "".join(f"{i},A Thun {i},0905000{i:03d}\n" for i in range(1, 8))


def hand_in(client: FlaskClient, world: World, name: str, content: bytes, **more: str) -> TestResponse:
    """Hand in a file for the world's list, or as `more` fields of the form say."""
    form = {"csrf_token": token(client), "list": world.list_id, "file": (io.BytesIO(content), name), **more}
    return client.post("/admin/imports/", data=form, content_type="multipart/form-data")


def work_on(world: World, upload_id: int = 1, *, stops: list[bool] | None = None) -> bool:
    """What a worker does; told to stop at the question at which `stops` says so."""
    settings = world.runtime.settings
    asked = iter(stops or [])
    work = UploadContext(world.runtime.db, Path(settings.uploads_dir), lambda: next(asked, False))
    return uploads.process_upload(work, upload_id)


def checked(
    client: FlaskClient,
    world: World,
    content: bytes | str,
    name: str = "a.csv",
    *,
    upload_id: int = 1,
    **more: str,
) -> str:
    """Hand in a file, as `hand_in`, by the author of the world, and have it checked; its page."""
    signed_in(client, AUTHOR)
    hand_in(client, world, name, content.encode() if isinstance(content, str) else content, **more)
    work_on(world, upload_id)
    return client.get(f"/admin/imports/{upload_id}/").text


def confirmed(client: FlaskClient, world: World, upload_id: int = 1) -> str:
    """Confirm a file that was checked, and have it stored; its page."""
    post(client, f"/admin/imports/{upload_id}/confirm")
    work_on(world, upload_id)
    return client.get(f"/admin/imports/{upload_id}/").text


def upload(world: World, upload_id: int = 1) -> Upload:
    return world.get_one(Upload, upload_id)


def files(world: World) -> list[Path]:
    return [path for path in Path(world.runtime.settings.uploads_dir).rglob("*") if path.is_file()]
