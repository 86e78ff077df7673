"""Rows that wait for a person, as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.access.models import Organisation, User
from outreach.access.users import visible_to
from outreach.errors import NotFound
from outreach.people.importing.aside import IssueStatus
from outreach.people.models import Contact, ContactList, ImportIssue, ListImport

IS_WAITING = (
    ImportIssue.key != "",  # what came in before rows could be decided on is only given back as a file
    ImportIssue.decision.is_(None),
    ImportIssue.status.in_((IssueStatus.REVIEW, IssueStatus.QUESTION)),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row with the list and file that brought it; `known_as` is the name of whom it may be, or is, `lives_in` the code of
    the commune that is known of them.
    """

    issue: ImportIssue
    file_name: str
    list_id: int
    list_name: str
    organisation: str
    known_as: str | None
    lives_in: str | None


def read_waiting(
    session: Session, user: User, *, list_id: int | None = None, limit: int = 20
) -> tuple[list[Waiting], int]:
    """The rows that wait in the lists that a user may see, the oldest first, and how many there are."""
    query = (
        select(
            ImportIssue,
            ListImport.file_name,
            ContactList.id,
            ContactList.name,
            Organisation.name,
            Contact.name,
            Contact.area_code,
        )
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .outerjoin(Contact, Contact.id == ImportIssue.contact_id)
        .where(visible_to(session, user, ContactList.organisation_id), *IS_WAITING)
    )
    if list_id is not None:
        query = query.where(ContactList.id == list_id)
    count = session.scalar(
        select(func.count()).select_from(query.with_only_columns(ImportIssue.id).subquery())
    )
    rows = session.execute(query.order_by(ImportIssue.id).limit(limit))
    return [Waiting(*row) for row in rows], count or 0


def find_issue(session: Session, issue_id: int, *, user: User) -> ImportIssue:
    """A row kept aside in a list that the user may see. Raises NotFound."""
    found = session.scalar(
        select(ImportIssue)
        .join(ListImport, ListImport.id == ImportIssue.import_id)
        .join(ContactList, ContactList.id == ListImport.list_id)
        .where(ImportIssue.id == issue_id, visible_to(session, user, ContactList.organisation_id))
    )
    if found is None:
        raise NotFound("Không có dòng này, hoặc nằm ngoài phạm vi của bạn.")
    return found


def count_alike(session: Session, waiting: Sequence[Waiting]) -> dict[tuple[int, str], int]:
    """How many rows wait in each of these files for each reason."""
    rows = session.execute(
        select(ImportIssue.import_id, ImportIssue.reason, func.count())
        .where(ImportIssue.import_id.in_({each.issue.import_id for each in waiting}), *IS_WAITING)
        .group_by(ImportIssue.import_id, ImportIssue.reason)
    )
    return {(import_id, reason): count for import_id, reason, count in rows}
