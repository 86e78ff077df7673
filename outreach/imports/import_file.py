"""Import of a file by a command: an upload without a user, stored by this process while the command runs.

It goes the way of a file uploaded on the page: kept as an upload, stored in chunks that are a transaction each, to be
undone on its page. Nobody confirms it, so that it is not checked before; a file that turns out to be unreadable is undone.
If the command is killed, a worker goes on with it, or the command when it is given the same file again.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.organisations import find_organisation
from outreach.contacts.lists import set_basis
from outreach.imports.list_reader import check_list
from outreach.imports.process_upload import UploadContext, process_upload
from outreach.imports.store_rows import digest, find_or_create_list
from outreach.imports.uploads import ENDED, begin_storing, place_of_file, read_mappings, receive_upload
from outreach.models.contacts import ListImport, Upload, UploadState
from outreach.places.areas import load_areas
from outreach.places.unit_days import installation_gazetteer
from outreach.rules.errors import BadList, WrongState, error_from_json
from outreach.rules.keys import Purpose
from outreach.rules.list_rows import CheckedRow
from outreach.runtime import Runtime
from outreach.use_cases import transaction, use_case

_ASK_AGAIN_S = 1.0  # while a worker has the upload


def import_file(
    runtime: Runtime,
    path: Path,
    *,
    organisation: str,
    list_name: str,
    now: datetime,
    basis: str = "",
    basis_note: str = "",
    place: Mapping[str, str] | None = None,
) -> ListImport:
    """Import a file into an organisation's list, created if it does not exist. Returns once all is stored.

    `place`: `commune` and `village` of people whose rows name none. Raises NotFound for the organisation, BadList, BadInput for the basis, WrongState if it was cancelled meanwhile.
    """
    folder, key = Path(runtime.settings.uploads_dir), runtime.settings.keys_of(Purpose.SUPPRESSIONS)
    with runtime.db.read() as session:
        owner = find_organisation(session, organisation)
        gazetteer = installation_gazetteer(session)
        said = place_of_file(gazetteer, place or {})
        rows = check_list(path, gazetteer, read_mappings(session, owner.id) | said)
    # A file that is no list is refused before anything is stored.
    opened: Iterator[CheckedRow] | None = chain(list(islice(rows, 1)), rows)
    with transaction(runtime) as session:
        into = find_or_create_list(session, organisation_id=owner.id, name=list_name, now=now)
        if basis:
            set_basis(into, basis=basis, since=None, note=basis_note, now=now)
            audit.record(session, "list.basis", into, None, now, basis=basis)
        unfinished = select(Upload).where(
            Upload.list_id == into.id,
            Upload.sha256 == digest(path),
            Upload.uploaded_by.is_(None),
            Upload.state.not_in(ENDED),
        )
        upload = session.scalars(unfinished.limit(1)).first()
        if upload is None:
            with path.open("rb") as content:
                upload = receive_upload(
                    session, content, file_name=path.name, list_id=into.id, folder=folder, user=None, now=now
                )
            upload.corrected = upload.corrected | said
            begin_storing(session, upload, now=now)
    context = UploadContext(runtime.db, folder, key, lambda: False)
    while upload.state not in ENDED:
        if not process_upload(context, upload.id, opened):
            time.sleep(_ASK_AGAIN_S)
        opened = None
        with runtime.db.read() as session:
            upload = session.get_one(Upload, upload.id)
    if upload.state is UploadState.CANCELLED:
        raise WrongState("import_cancelled_on_page")
    if upload.state is UploadState.FAILED:
        raise BadList("file_refused", reason=error_from_json(upload.error) or upload.error)
    with runtime.db.read() as session:
        return session.get_one(ListImport, upload.import_id)


@use_case
def import_areas(session: Session, file: Path, *, now: datetime) -> int:
    """Load the areas of a file, as a command. Returns the number of communes. Raises BadInput."""
    communes = load_areas(session, file)
    audit.record(session, "areas.load", "areas:all", None, now, communes=communes)
    return communes
