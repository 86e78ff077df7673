"""Places of lists that are not recognised, or that may be several communes: kept as written, and settled by spelling.

A question is one spelling; where the place is a commune that was split, one of its villages. Its answer goes to all people
with it, and to every later row that is written so.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, func, insert, literal, or_, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import is_province_staff
from outreach.core.db import UtcDateTime, count_rows, find_row, set_columns, values_subquery
from outreach.models.accounts import Area, AreaLevel, ContactMove, User
from outreach.models.contacts import Contact, PlaceQuestion
from outreach.places.areas import last_units, read_successors
from outreach.rules.errors import BadInput, NotFound
from outreach.rules.gazetteer import PlaceMatch
from outreach.rules.identity import name_key
from outreach.rules.list_rows import CheckedRow
from outreach.use_cases import use_case

ON_A_PAGE = 30


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Question with the number of people who wait for its answer, and its candidates, the likely one first."""

    id: int
    text: str
    village: str
    people: int
    candidates: list[Area]


def apply_answers(session: Session, rows: Iterable[CheckedRow]) -> dict[str, list[CheckedRow]]:
    """Give rows the commune that was answered for their spelling. Returns the others that need an answer, by key."""
    alike: dict[tuple[str, str, str], list[CheckedRow]] = {}
    for row in rows:
        if row.place.code is None and row.commune:
            village = row.village if row.place.candidates else ""
            alike.setdefault((row.commune, row.district, village), []).append(row)
    waiting: dict[str, list[CheckedRow]] = {}
    for as_written in alike.values():
        waiting.setdefault(_key_of(as_written[0]), []).extend(as_written)
    if not waiting:
        return {}
    known = session.execute(
        select(PlaceQuestion.key, PlaceQuestion.id, PlaceQuestion.area_code).where(
            PlaceQuestion.key.in_(waiting)
        )
    )
    for key, question_id, area_code in known.all():
        for row in waiting[key]:
            if area_code:
                row.place = PlaceMatch(area_code)
            else:
                row.place_question = question_id
        del waiting[key]
    return waiting


def ask_about_places(session: Session, rows: Sequence[CheckedRow]) -> None:
    """Give rows the answered commune of their spelling, or the question about it, asked now if it is new."""
    new = apply_answers(session, rows)
    questions = [
        PlaceQuestion(
            key=key,
            text=", ".join(filter(None, (first.commune, first.district)))[:250],
            village=first.village[:120] if first.place.candidates else "",
            candidates=sorted(first.place.candidates, key=lambda code: (code != first.place.likely, code)),
        )
        for key, (first, *_others) in new.items()
    ]
    session.add_all(questions)
    session.flush()
    for question in questions:
        for row in new[question.key]:
            row.place_question = question.id


def follow_answers(session: Session, rows: Iterable[CheckedRow]) -> None:
    """Give rows whose question was answered since they were read the commune of the answer."""
    asked = [row for row in rows if row.place_question]
    ids = {row.place_question for row in asked}
    answers = dict(
        session.execute(
            select(PlaceQuestion.id, PlaceQuestion.area_code).where(
                PlaceQuestion.id.in_(ids), PlaceQuestion.area_code.is_not(None)
            )
        ).all()
    )
    for row in asked:
        if row.place_question in answers:
            row.place, row.place_question = PlaceMatch(answers[row.place_question]), None


def follow_answer(session: Session, person: Contact) -> None:
    """Let somebody of no commune of today, whose question was answered, live where the answer says."""
    question = find_row(session, PlaceQuestion, person.place_question_id)
    area = find_row(session, Area, person.area_code)
    if question and question.area_code and (area is None or area.valid_to):
        person.area_code = question.area_code


def _key_of(row: CheckedRow) -> str:
    village = name_key(row.village) if row.place.candidates else ""
    return _key(" ".join(row.commune.lower().split()), " ".join(row.district.lower().split()), village)


def _key(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


def ask_about_split_units(session: Session, *, now: datetime) -> None:
    """Ask about each village of the ended units that were split, where people live; whose village was asked about, live there."""
    areas = {area.code: area for area in session.scalars(select(Area))}
    successors = read_successors(session)
    is_open = select(PlaceQuestion.id).where(PlaceQuestion.area_code.is_(None))
    for old in successors:
        new = last_units(successors, old)
        if len(new) == 1:
            continue
        people = session.execute(
            select(Contact.id, Contact.village)
            .where(Contact.area_code == old, func.coalesce(Contact.place_question_id, 0).not_in(is_open))
            .order_by(Contact.village)
        ).all()
        by_village = sorted(people, key=lambda person: name_key(person.village))
        for village_key, group in groupby(by_village, key=lambda person: name_key(person.village)):
            members = list(group)
            key = _key(f"={old}", village_key)
            question = session.scalar(select(PlaceQuestion).where(PlaceQuestion.key == key))
            if question is None:
                question = PlaceQuestion(
                    key=key, text=areas[old].full_name, village=members[0].village, candidates=new
                )
                session.add(question)
                session.flush()
            ids = [person.id for person in members]
            live_there = Contact.id.in_(values_subquery(session, ids))
            if question.area_code:
                move_contacts(session, old, question.area_code, live_there, now=now)
            else:
                set_columns(session, Contact, live_there, place_question_id=question.id)


def read_former_places(session: Session, contact_id: int) -> list[tuple[str, datetime]]:
    """Return the communes that a person was recorded in before, each with the moment of the change, the newest first."""
    query = (
        select(Area, ContactMove.moved_at)
        .join(ContactMove, ContactMove.from_code == Area.code)
        .where(ContactMove.contact_id == contact_id)
        .order_by(ContactMove.id.desc())
    )
    return [(area.full_name, moved_at) for area, moved_at in session.execute(query)]


def read_questions(session: Session, user: User) -> tuple[list[OpenQuestion], int]:
    """Return the open questions with people, those with most first, and how many there are; none to whom may not answer."""
    if not is_province_staff(session, user):
        return [], 0
    waiting = (
        select(Contact.place_question_id.label("id"), func.count().label("people"))
        .where(Contact.place_question_id.is_not(None))
        .group_by(Contact.place_question_id)
        .subquery()
    )
    rows = session.execute(
        select(PlaceQuestion, waiting.c.people)
        .join(waiting, waiting.c.id == PlaceQuestion.id)
        .where(PlaceQuestion.area_code.is_(None))
        .order_by(waiting.c.people.desc(), PlaceQuestion.id)
    ).all()
    shown = rows[:ON_A_PAGE]
    successors = read_successors(session)
    candidates = {
        question.id: dict.fromkeys(
            last for code in question.candidates for last in last_units(successors, code)
        )
        for question, _people in shown
    }
    codes = set().union(*candidates.values())
    areas = {
        area.code: area
        for area in session.scalars(select(Area).where(Area.code.in_(codes), Area.valid_to.is_(None)))
    }
    return [
        OpenQuestion(
            question.id,
            question.text,
            question.village,
            people,
            [areas[code] for code in candidates[question.id] if code in areas],
        )
        for question, people in shown
    ], len(rows)


@use_case
def answer_place(session: Session, question_id: int, *, area_code: str, user: User, now: datetime) -> int:
    """Settle a spelling: all people with it live in this commune. Returns how many. Later rows written so follow.

    Raises NotFound, also for who does not see the whole province, and BadInput for a place that is no commune of today.
    """
    question = session.get(PlaceQuestion, question_id, with_for_update=True)
    is_open = question and question.area_code in (None, area_code)  # others may have answered it meanwhile
    if question is None or not is_open or not is_province_staff(session, user):
        raise NotFound("place_question_unknown")
    area = session.get(Area, area_code)
    if area is None or area.level is not AreaLevel.COMMUNE or area.valid_to is not None:
        raise BadInput("commune_unknown")
    question.area_code, question.decided_by, question.decided_at = area.code, user.id, now
    waits = Contact.place_question_id == question.id
    people = count_rows(session, Contact, waits)
    ended = session.scalars(
        select(Contact.area_code)
        .join(Area, Area.code == Contact.area_code)
        .where(waits, Area.valid_to.is_not(None))
        .distinct()
    ).all()
    for old in ended:
        move_contacts(session, old or "", area.code, waits, now=now)
    set_columns(
        session,
        Contact,
        waits,
        or_(Contact.area_code.is_(None), Contact.area_code == area.code),
        area_code=area.code,
        updated_at=now,
    )
    audit.record(
        session, "place.answer", f"place_questions:{question.id}", user, now, area=area.code, people=people
    )
    return people


def move_contacts(session: Session, old: str, new: str, *which: ColumnElement[bool], now: datetime) -> None:
    """Move the contacts of a unit to another, those that meet conditions, and keep from where."""
    lives_there = (Contact.area_code == old, *which)
    session.execute(
        insert(ContactMove).from_select(
            ["contact_id", "from_code", "to_code", "moved_at"],
            select(Contact.id, literal(old), literal(new), literal(now, UtcDateTime)).where(*lives_there),
        )
    )
    set_columns(session, Contact, *lives_there, area_code=new, updated_at=now)
