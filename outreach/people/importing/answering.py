"""What a person answers to a question about rows that are stored: a year of birth, a commune."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from outreach.errors import BadInput
from outreach.people.models import Contact, ImportChange, ImportIssue
from outreach.places.models import Area


def birth_years(doubt: str, *, this_year: int) -> list[int]:
    """The years that two digits may mean, the likeliest first: of the last century, of this one, an age."""
    digits = int(doubt[-2:])
    years = [1900 + digits, 2000 + digits]
    if doubt.isdecimal():
        years.append(this_year - digits)
    return [year for year in dict.fromkeys(years) if year < this_year]


def answer_birth(
    session: Session, issues: Sequence[ImportIssue], birth_year: int | None, *, now: datetime
) -> None:
    """Two digits mean this year in the first row, and are read alike in the others; None leaves them open."""
    if birth_year is None:
        return
    said = int(issues[0].cells["birth_doubt"][-2:])
    # As a year of the last century or of this one, or as an age, whichever the first row is answered with.
    reading = next(
        (number for number in (1900, 2000) if number + said == birth_year),
        None if now.year - said == birth_year else -1,
    )
    for issue in issues:
        person = session.get(Contact, issue.contact_id) if issue.contact_id else None
        digits = int(issue.cells["birth_doubt"][-2:])
        year = now.year - digits if reading is None else reading + digits
        if year not in birth_years(issue.cells["birth_doubt"], this_year=now.year):
            if issue is issues[0]:
                raise BadInput("Năm sinh không khớp với ô trong tệp. Hãy tải lại trang.")
            continue
        if person is not None and person.birth_year is None:
            person.birth_year, person.updated_at = year, now
            issue.undo = {"contact": person.id, "values": {"birth_year": [None, year]}}


def move(session: Session, issues: Sequence[ImportIssue], *, now: datetime) -> None:
    """People live where these rows say, until their imports are undone."""
    for issue in issues:
        person = session.get(Contact, issue.contact_id) if issue.contact_id else None
        commune = session.get(Area, issue.cells["area_code"])
        if person is None or commune is None:
            continue
        # The village that was known lies in the other commune.
        said = {"area_code": commune.code, "village": issue.cells["village"][:120]}
        values = {
            name: [known, value] for name, value in said.items() if (known := getattr(person, name)) != value
        }
        issue.undo = {"contact": person.id, "values": values}
        for name, value in said.items():
            setattr(person, name, value)
        person.updated_at = now
        _tell_change(session, issue.import_id, person.id, values)


def _tell_change(session: Session, import_id: int, contact_id: int, values: dict[str, list[Any]]) -> None:
    change = session.get(ImportChange, (import_id, contact_id))
    if change is None:
        change = ImportChange(import_id=import_id, contact_id=contact_id, fields={}, phones=[])
        session.add(change)
    first = {name: told[0] for name, told in change.fields.items()}
    said = {name: [first.get(name, before), value] for name, (before, value) in values.items()}
    change.fields = {**change.fields, **said}
    session.flush()  # the next row may be of the same person
