"""People whose commune ended: which commune they live in today. Moved by the units' successors, never in silence.

Who lived in a unit that went whole into another is moved there, and the move is kept. Where the unit was split, the people
stay until an officer has answered for each village (`place_questions`). Campaigns, answers and reports of before keep the
units of their day.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.contacts.place_questions import ask_about_split_units, move_contacts
from outreach.core.db import set_columns
from outreach.models.accounts import Area, Organisation, User
from outreach.models.contacts import Contact, PlaceQuestion
from outreach.places.areas import (
    IS_CURRENT,
    LoadedUnits,
    areas_within,
    change_units,
    last_units,
    load_provinces,
    read_successors,
)
from outreach.rules.errors import BadInput
from outreach.rules.gateway import VIETNAM
from outreach.use_cases import use_case


class NamedUnit(NamedTuple):
    """Unit as a plan names it, also after the transaction that read it was taken back."""

    code: str
    full_name: str


@dataclass(frozen=True, slots=True)
class UnitMove:
    """People of an ended unit, and the units that it became, the likely one first."""

    old: NamedUnit
    people: int
    new: tuple[NamedUnit, ...]

    @property
    def is_whole(self) -> bool:
        return len(self.new) == 1


def plan_moves(session: Session) -> list[UnitMove]:
    """Return whom `move_people` would move, and whom it would ask about."""
    counts = session.execute(
        select(Contact.area_code, func.count())
        .join(Area, Area.code == Contact.area_code)
        .where(Area.valid_to.is_not(None))
        .group_by(Contact.area_code)
        .order_by(Contact.area_code)
    ).all()
    successors = read_successors(session)
    areas = {area.code: NamedUnit(area.code, area.full_name) for area in session.scalars(select(Area))}
    return [
        UnitMove(areas[code], people, tuple(areas[new] for new in last_units(successors, code)))
        for code, people in counts
        if code in successors
    ]


def find_users_without_ground(session: Session) -> list[str]:
    """Return the emails of users whose place ended and is a part of a larger unit today: they see nobody.

    An administrator gives them a place; a reform alone shows nobody more people than before.
    """
    current = set(session.scalars(select(Area.code).where(IS_CURRENT)))
    users = session.execute(
        select(User.email, User.area_code).where(User.area_code.is_not(None)).order_by(User.email)
    )
    return [email for email, code in users.all() if not areas_within(session, [code or ""]) & current]


@use_case
def load_units(session: Session, provinces: Collection[str], *, now: datetime) -> LoadedUnits:
    """Load today's units of provinces, as a command. Nobody is moved. Raises BadInput for an unknown code."""
    loaded = load_provinces(session, provinces)
    audit.record(session, "areas.load", "areas:all", None, now, communes=loaded.communes, ended=loaded.ended)
    return loaded


class Tried(Exception):
    """End of a dry run, with what it found."""

    def __init__(self, loaded: LoadedUnits, moves: list[UnitMove]) -> None:
        self.loaded, self.moves = loaded, moves


@use_case
def apply_reform(
    session: Session, file: Path, *, day: date, dry_run: bool, now: datetime
) -> tuple[LoadedUnits, list[UnitMove]]:
    """Apply a file of changes to the units (`change_units`), as a command. Nobody is moved yet.

    Returns what changed, and whom `move_people` would move. Raises BadInput; Tried at the end of a dry run.
    """
    if day > now.astimezone(VIETNAM).date():
        raise BadInput("areas_change_future")
    loaded = change_units(session, file, day)
    moves = plan_moves(session)
    if dry_run:
        raise Tried(loaded, moves)
    audit.record(session, "areas.load", "areas:all", None, now, communes=loaded.communes, ended=loaded.ended)
    return loaded, moves


@use_case
def move_people(session: Session, *, now: datetime) -> list[UnitMove]:
    """Move the people of units that went whole into another, as a command; with them organisations and answers about places.

    Users keep their place: a merged unit is more than they may see (`find_users_without_ground`). Returns the moves with the
    people who stay as questions. Doing it again moves nobody.
    """
    moves = plan_moves(session)
    for move in moves:
        if move.is_whole:
            move_contacts(session, move.old.code, move.new[0].code, now=now)
    successors = read_successors(session)
    for old in successors:
        new = last_units(successors, old)
        is_whole = len(new) == 1
        if is_whole:
            set_columns(session, Organisation, Organisation.area_code == old, area_code=new[0])
        # What was answered with a unit that was split since is asked again.
        set_columns(
            session, PlaceQuestion, PlaceQuestion.area_code == old, area_code=new[0] if is_whole else None
        )
    ask_about_split_units(session, now=now)
    audit.record(
        session,
        "areas.move",
        "areas:all",
        None,
        now,
        moved=sum(move.people for move in moves if move.is_whole),
        left=sum(move.people for move in moves if not move.is_whole),
    )
    return moves
