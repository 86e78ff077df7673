"""The work list of people's requests: written down, read, answered in time."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.privacy import PersonRequest, RequestKind
from campaigns.rules.privacy import Urgency, WorkCalendar, due_at, read_calendar, urgency
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.contacts.contact import find_contact
from outreach.contacts.directory import people_visible_to
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact
from outreach.rules.errors import BadInput, NotFound, WrongState

SHOWN = 200
_LONGEST_ASKED_BY, _LONGEST_ANSWER = 120, 300
_LONGEST_AGO = timedelta(days=60)  # a request that was found in a drawer


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request with its person ("" once erased, or without a name) and who wrote it down and answered it.

    Of a person whom the reader may not see neither name nor who asked for them is told (`is_seen`).
    """

    request: PersonRequest
    is_seen: bool
    person: str
    recorded_by: str
    done_by: str
    urgency: Urgency

    @property
    def asked_by(self) -> str:
        return self.request.asked_by if self.is_seen else ""

    @property
    def asked_day(self) -> str:
        """The day of the request, as YYYY-MM-DD."""
        return f"{self.request.asked_at.astimezone(VIETNAM):%Y-%m-%d}"

    @property
    def last_day(self) -> str:
        """The day, as YYYY-MM-DD, by whose end it must be answered."""
        return f"{self.request.due_at.astimezone(VIETNAM) - timedelta(seconds=1):%Y-%m-%d}"


@cache
def load_calendar() -> WorkCalendar:
    """The country's working days, from `holidays.toml`."""
    text = (Path(__file__).parent / "holidays.toml").read_text(encoding="utf-8")
    return read_calendar(tomllib.loads(text))


def record_request(
    session: Session,
    contact_id: int,
    kind: RequestKind,
    *,
    asked_by: str,
    asked_on: date | None,
    user: User,
    now: datetime,
) -> PersonRequest:
    """A request as an officer heard it; `asked_on` is the day where it was not today.

    Raises BadInput for a day to come or long gone, WrongState where the same is open, NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_contact(session, contact_id, user=user)
    asked_by = " ".join(asked_by.split())[:_LONGEST_ASKED_BY]
    if not asked_by:
        raise BadInput("Hãy ghi ai yêu cầu, ví dụ “chính người đó, tại nhà” hoặc “con gái, qua điện thoại”.")
    asked_at = now
    if asked_on is not None and asked_on != now.astimezone(VIETNAM).date():
        asked_at = datetime.combine(asked_on, time(), VIETNAM)
        if not now - _LONGEST_AGO < asked_at < now:
            raise BadInput("Ngày yêu cầu phải trong 60 ngày qua và không sau hôm nay.")
    # Two officers who write the same down at once: the person's row makes the second one see the first's.
    session.execute(select(Contact.id).where(Contact.id == contact_id).with_for_update())
    same = select(PersonRequest.id).where(
        PersonRequest.contact_id == contact_id, PersonRequest.kind == kind, PersonRequest.done_at.is_(None)
    )
    if session.execute(same).first():
        raise WrongState("Người này đã có một yêu cầu như vậy đang chờ trả lời.")
    made = PersonRequest(
        kind=kind,
        contact_id=contact_id,
        organisation_id=user.organisation_id,
        asked_by=asked_by,
        asked_at=asked_at,
        due_at=due_at(asked_at, load_calendar()),
        recorded_by=user.id,
        recorded_at=now,
    )
    session.add(made)
    session.flush()
    _record(session, "request.write_down", made, user=user, now=now)
    return made


def finish_request(
    session: Session, request_id: int, *, answer: str, user: User, now: datetime
) -> PersonRequest:
    """It was answered: what was done, or why not. Raises BadInput, WrongState, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    request = lock_request(session, request_id, user=user)
    answer = " ".join(answer.split())[:_LONGEST_ANSWER]
    if not answer:
        raise BadInput("Hãy ghi đã làm gì và trả lời người dân thế nào.")
    request.answer, request.done_by, request.done_at = answer, user.id, now
    _record(session, "request.finish", request, user=user, now=now)
    return request


def lock_request(session: Session, request_id: int, *, user: User) -> PersonRequest:
    """An open request that the user may see, locked. Raises NotFound, WrongState."""
    found = session.scalar(
        select(PersonRequest).where(
            PersonRequest.id == request_id, visible_to(session, user, PersonRequest.organisation_id)
        )
    )
    if found is None:
        raise NotFound("Không có yêu cầu này, hoặc nằm ngoài phạm vi của bạn.")
    session.refresh(found, with_for_update=True)
    if found.done_at is not None:
        raise WrongState("Yêu cầu này đã được trả lời rồi.")
    return found


def read_requests(
    session: Session, user: User, *, now: datetime, is_done: bool = False, contact_id: int | None = None
) -> list[RequestRow]:
    """Open requests, the most pressing first, or answered ones, the latest first; of one person, all."""
    recorder, doer = aliased(User), aliased(User)
    query = (
        select(
            PersonRequest,
            # What was recorded with somebody who is erased since tells nobody who they were.
            or_(Contact.id.is_(None), people_visible_to(session, user)),
            Contact.name,
            recorder.name,
            recorder.email,
            doer.name,
            doer.email,
        )
        .outerjoin(Contact, Contact.id == PersonRequest.contact_id)
        .join(recorder, recorder.id == PersonRequest.recorded_by)
        .outerjoin(doer, doer.id == PersonRequest.done_by)
        .where(visible_to(session, user, PersonRequest.organisation_id))
        .limit(SHOWN)
    )
    if contact_id is not None:
        query = query.where(PersonRequest.contact_id == contact_id).order_by(PersonRequest.id.desc())
    elif is_done:
        query = query.where(PersonRequest.done_at.is_not(None)).order_by(PersonRequest.done_at.desc())
    else:
        query = query.where(PersonRequest.done_at.is_(None)).order_by(PersonRequest.due_at, PersonRequest.id)
    return [
        RequestRow(
            request,
            bool(is_seen),
            (person or "") if is_seen else "",
            recorder_name or recorder_email,
            doer_name or doer_email or "",
            urgency(request.due_at, now=now),
        )
        for request, is_seen, person, recorder_name, recorder_email, doer_name, doer_email in session.execute(
            query
        )
    ]


def count_urgent(session: Session, user: User, *, now: datetime) -> tuple[int, int]:
    """Open requests that are overdue, and those whose last day has begun."""
    found = session.scalars(
        select(PersonRequest.due_at).where(
            PersonRequest.done_at.is_(None),
            PersonRequest.due_at <= now + timedelta(days=1),
            visible_to(session, user, PersonRequest.organisation_id),
        )
    ).all()
    overdue = sum(urgency(due, now=now) is Urgency.OVERDUE for due in found)
    return overdue, len(found) - overdue


def _record(session: Session, action: str, request: PersonRequest, *, user: User, now: datetime) -> None:
    audit.record(
        session,
        actor_id=user.id,
        action=action,
        subject=f"contacts:{request.contact_id}",
        now=now,
        kind=request.kind.value,
    )
