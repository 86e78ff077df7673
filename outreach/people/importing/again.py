"""Which imports of a list had somebody: the first, the last, and those between, so that each can be taken back."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, ForeignKey, case, delete, exists, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from outreach.bulk import UNSYNCED, listed
from outreach.db import Base, BigId
from outreach.people.models import ListImport, Membership


class Sighting(Base):
    """An import that had a person of its list again, between the first one and the last."""

    __tablename__ = "sightings"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    import_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    list_id: Mapped[int] = mapped_column(BigId)


def see_again(session: Session, contacts: Collection[int], *, brought: ListImport) -> None:
    """People of the list whom this import had, too."""
    if not contacts:
        return
    theirs = (
        Membership.list_id == brought.list_id,
        Membership.contact_id.in_(listed(session, contacts, BigInteger)),
        Membership.import_id.is_distinct_from(brought.id),
    )
    known = exists().where(
        Sighting.contact_id == Membership.contact_id, Sighting.import_id == Membership.last_import_id
    )
    before = select(Membership.contact_id, Membership.last_import_id, Membership.list_id).where(
        *theirs, Membership.last_import_id != brought.id, ~known
    )
    session.execute(insert(Sighting).from_select(["contact_id", "import_id", "list_id"], before))
    session.execute(
        update(Membership).where(*theirs).values(last_import_id=brought.id), execution_options=UNSYNCED
    )


def hand_on(session: Session, contacts: Collection[int], *, brought: ListImport) -> set[int]:
    """People whom this import brought are the next one's that had them. Which row it was, it did not say.

    Those whom no other had.
    """
    theirs = (
        Membership.list_id == brought.list_id,
        Membership.import_id == brought.id,
        Membership.contact_id.in_(listed(session, contacts, BigInteger)),
    )
    between = (
        select(Sighting.contact_id, func.min(Sighting.import_id).label("import_id"))
        .where(Sighting.list_id == brought.list_id, Sighting.import_id != brought.id)
        .where(Sighting.contact_id.in_(listed(session, contacts, BigInteger)))
        .group_by(Sighting.contact_id)
        .subquery()
    )
    heirs: dict[int | None, set[int]] = {}
    for contact_id, last, other in session.execute(
        select(Membership.contact_id, Membership.last_import_id, between.c.import_id)
        .outerjoin(between, between.c.contact_id == Membership.contact_id)
        .where(*theirs)
    ):
        heirs.setdefault(min(filter(None, (last, other)), default=None), set()).add(contact_id)
    alone = heirs.pop(None, set())
    for import_id, people in heirs.items():
        last = case((Membership.last_import_id == import_id, None), else_=Membership.last_import_id)
        session.execute(
            update(Membership)
            .where(*theirs[:2], Membership.contact_id.in_(listed(session, people, BigInteger)))
            .values(import_id=import_id, last_import_id=last, row=None),
            execution_options=UNSYNCED,
        )
    return alone


def unsee(session: Session, *, brought: ListImport) -> None:
    """This import had nobody: whose last one it was, theirs is the one before it."""
    before = (
        select(func.max(Sighting.import_id))
        .where(
            Sighting.list_id == brought.list_id,
            Sighting.contact_id == Membership.contact_id,
            Sighting.import_id.not_in((brought.id, func.coalesce(Membership.import_id, 0))),
        )
        .scalar_subquery()
    )
    session.execute(
        update(Membership)
        .where(Membership.list_id == brought.list_id, Membership.last_import_id == brought.id)
        .values(last_import_id=before),
        execution_options=UNSYNCED,
    )
    session.execute(delete(Sighting).where(Sighting.import_id == brought.id), execution_options=UNSYNCED)
