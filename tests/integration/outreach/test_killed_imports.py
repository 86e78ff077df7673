"""A worker of imports killed in the middle of a file: another one goes on, and nobody is there twice."""

from datetime import UTC, datetime
from io import BytesIO
from itertools import count, islice
from pathlib import Path

import pytest
from sqlalchemy import select, update

from outreach.imports.uploads import UploadContext, confirm_upload, process_upload, receive_upload
from outreach.models.contacts import Contact, ContactPhone, ListImport, Membership, Phone, Upload, UploadState
from outreach.rules.phone_numbers import PhoneStatus, read_phone_cell
from outreach.use_cases import enqueue_import
from tests.support.processes import QuickProcesses
from tests.support.wait_until import wait_until
from tests.support.world import number

pytestmark = pytest.mark.parametrize(
    "database_url", ["postgresql", pytest.param("sqlite", marks=pytest.mark.rest)], indirect=True
)

PEOPLE = 25_000  # three chunks


@pytest.fixture
def processes(settings):
    made = QuickProcesses(settings)
    yield made
    made.stop()


def test_a_kill_in_the_middle_of_a_file_loses_nobody_and_doubles_nobody(world, processes):
    # Some look made up and would wait for a person.
    plain = (each for each in map(number, count(1)) if read_phone_cell(each).status is PhoneStatus.OK)
    rows = "".join(f"{i},A Thun {i},{e164}\n" for i, e164 in enumerate(islice(plain, PEOPLE), 1))
    folder = Path(world.runtime.settings.uploads_dir)
    file = BytesIO(f"STT,Họ và tên,SĐT\n{rows}".encode())
    into = {"file_name": "a.csv", "list_id": world.list_id, "folder": folder}
    upload = world.do(receive_upload, file, **into, now=datetime.now(UTC))
    process_upload(UploadContext(world.runtime.db, folder, lambda: False), upload.id)
    world.do(confirm_upload, upload.id, now=datetime.now(UTC))
    worker = processes.start("worker", "--queues", "imports")
    enqueue_import(world.runtime, upload.id)
    wait_until(lambda: look(world, upload.id).progress > 0)
    processes.kill(worker)
    killed_at = look(world, upload.id).progress
    assert 0 < killed_at < PEOPLE
    world.execute(update(Upload).values(due_at=datetime.now(UTC)))  # as if its lease had run out
    processes.start("worker", "--queues", "imports")
    enqueue_import(world.runtime, upload.id)
    wait_until(lambda: look(world, upload.id).state is not UploadState.STORING)
    assert look(world, upload.id).state is UploadState.DONE
    for table in (Contact, ContactPhone, Membership, Phone):
        assert world.count(table) == PEOPLE
    counts = world.one(select(ListImport)).counts
    assert (counts["rows"], counts["created"]) == (PEOPLE, PEOPLE)


def look(world, upload_id):
    return world.get_one(Upload, upload_id)
