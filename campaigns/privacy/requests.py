"""Privacy requests: recorded, read, and answered in time."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.privacy import STOPPING, PersonRequest, RequestKind
from campaigns.privacy.clocks import load_calendar, load_clocks
from campaigns.privacy.consents import withdraw_all
from campaigns.rules.privacy import Urgency, carry_out_by, clocks_on, due_at, urgency
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, home_of, require_role, visible_to
from outreach.contacts.contact import find_contact
from outreach.contacts.directory import people_visible_to
from outreach.contacts.suppressions import lock_phones
from outreach.contacts.wishes import record_wish
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact, ContactPhone
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.rules.wishes import WishSource
from outreach.use_cases import use_case

MAX_ROWS = 200
_LONGEST_ASKED_BY, _LONGEST_ANSWER = 120, 300
_LONGEST_AGO = timedelta(days=60)  # a request may be recorded late


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A privacy request with its person, who recorded it, and who answered it.

    The person is "" once erased, or without a name. If the reader may not see the person (`is_seen` is
    False), neither their name nor who asked for them is shown.
    """

    request: PersonRequest
    is_seen: bool
    person: str
    recorded_by: str
    done_by: str
    urgency: Urgency

    @property
    def asked_by(self) -> str:
        """Return who made the request; empty if the reader may not see the person."""
        return self.request.asked_by if self.is_seen else ""

    @property
    def asked_day(self) -> str:
        """Return the day of the request, as YYYY-MM-DD."""
        return f"{self.request.asked_at.astimezone(VIETNAM):%Y-%m-%d}"

    @property
    def last_day(self) -> str:
        """Return the day, as YYYY-MM-DD, by whose end it must be responded to."""
        return _last_day(self.request.due_at)

    @property
    def carry_out_day(self) -> str:
        """Return the day, as YYYY-MM-DD, by whose end it must be carried out; "" if that is not recorded."""
        return _last_day(self.request.carry_out_by) if self.request.carry_out_by else ""

    @property
    def may_extend(self) -> bool:
        """Return whether the time for carrying it out may be extended."""
        asked = self.request
        allowed = clocks_on(load_clocks(), asked.asked_at.astimezone(VIETNAM).date()).extensions
        return not asked.done_at and bool(asked.carry_out_by and allowed and not asked.extended_at)


def _last_day(end: datetime) -> str:
    return f"{end.astimezone(VIETNAM) - timedelta(seconds=1):%Y-%m-%d}"


def _next_end() -> ColumnElement[datetime]:
    """Return the end of the clock that runs: to respond, then to carry out."""
    is_waiting = PersonRequest.responded_at.is_(None)
    later = func.coalesce(PersonRequest.carry_out_by, PersonRequest.due_at)
    return case((is_waiting, PersonRequest.due_at), else_=later)


@use_case
def record_request(
    session: Session,
    contact_id: int,
    kind: RequestKind,
    *,
    asked_by: str,
    asked_on: date | None,
    secret_key: str,
    user: User,
    now: datetime,
    has_processor: bool = False,
) -> PersonRequest:
    """Store a request that an officer received; `asked_on` is its day if it was not today.

    `has_processor`: a processor or third party must take part, which may give more time. Somebody who objects,
    withdraws consent or wants processing restricted is not written to from now on.

    Raises BadInput for a day in the future or long past, WrongState where the same request is open, NotFound,
    NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_contact(session, contact_id, user=user)
    asked_by = " ".join(asked_by.split())[:_LONGEST_ASKED_BY]
    if not asked_by:
        raise BadInput("requester_missing")
    asked_at = now
    if asked_on is not None and asked_on != now.astimezone(VIETNAM).date():
        asked_at = datetime.combine(asked_on, time(), VIETNAM)
        if not now - _LONGEST_AGO < asked_at < now:
            raise BadInput("request_day_wrong")
    # Phones before their people, as every answer locks them.
    theirs = select(ContactPhone.phone_id).where(ContactPhone.contact_id == contact_id)
    phones = lock_phones(session, session.scalars(theirs).all())
    # Two officers may record the same request at once: the lock on the contact makes the second see the first's.
    session.execute(select(Contact.id).where(Contact.id == contact_id).with_for_update())
    same = select(PersonRequest.id).where(
        PersonRequest.contact_id == contact_id, PersonRequest.kind == kind, PersonRequest.done_at.is_(None)
    )
    if session.execute(same).first():
        raise WrongState("request_waiting")
    rule = clocks_on(load_clocks(), asked_at.astimezone(VIETNAM).date())
    request = PersonRequest(
        kind=kind,
        contact_id=contact_id,
        organisation_id=home_of(session, user),
        asked_by=asked_by,
        asked_at=asked_at,
        due_at=due_at(asked_at, load_calendar(), working_days=rule.respond_working_days),
        has_processor=has_processor,
        carry_out_by=carry_out_by(asked_at, rule.days_for(kind, has_processor=has_processor)),
        recorded_by=user.id,
        recorded_at=now,
    )
    session.add(request)
    session.flush()
    if kind in STOPPING:
        wish = record_wish(
            session,
            WishSource.REQUEST,
            people=[contact_id],
            phones=phones,
            secret_key=secret_key,
            said_at=asked_at,
            now=now,
            evidence=f"person_requests:{request.id}",
            recorded_by=user.id,
        )
        if kind is RequestKind.WITHDRAW:
            day = asked_at.astimezone(VIETNAM).date()
            withdraw_all(session, contact_id, wish, on=day, user=user, now=now)
    _record(session, "request.write_down", request, user=user, now=now)
    return request


@use_case
def respond_to_request(session: Session, request_id: int, *, user: User, now: datetime) -> PersonRequest:
    """Record that the person was told what will be done. Raises WrongState, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    request = lock_request(session, request_id, user=user)
    if request.responded_at is not None:
        raise WrongState("request_responded_before")
    request.responded_by, request.responded_at = user.id, now
    _record(session, "request.respond", request, user=user, now=now)
    return request


@use_case
def extend_request(
    session: Session, request_id: int, *, reason: str, user: User, now: datetime
) -> PersonRequest:
    """Extend a request's time, once, by as many days. Raises BadInput, WrongState, NotFound, NotAllowed."""
    require_role(user, Role.APPROVER)
    request = lock_request(session, request_id, user=user)
    reason = " ".join(reason.split())[:_LONGEST_ANSWER]
    if not reason:
        raise BadInput("extension_reason_missing")
    rule = clocks_on(load_clocks(), request.asked_at.astimezone(VIETNAM).date())
    if request.carry_out_by is None or request.extended_at is not None or not rule.extensions:
        raise WrongState("request_extended_before")
    if now >= request.carry_out_by:
        raise WrongState("request_extension_late")
    days = rule.days_for(request.kind, has_processor=request.has_processor)
    request.carry_out_by += timedelta(days=days)
    request.extended_at, request.extension_reason = now, reason
    _record(session, "request.extend", request, user=user, now=now)
    return request


@use_case
def finish_request(
    session: Session, request_id: int, *, answer: str, user: User, now: datetime
) -> PersonRequest:
    """Close a request with what was done, or why not. Raises BadInput, WrongState, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    request = lock_request(session, request_id, user=user)
    answer = " ".join(answer.split())[:_LONGEST_ANSWER]
    if not answer:
        raise BadInput("request_answer_missing")
    request.answer, request.done_by, request.done_at = answer, user.id, now
    if request.responded_at is None:
        request.responded_by, request.responded_at = user.id, now
    _record(session, "request.finish", request, user=user, now=now)
    return request


def lock_request(session: Session, request_id: int, *, user: User) -> PersonRequest:
    """Return an open request that the user may see, locked. Raises NotFound, WrongState."""
    error = NotFound("request_not_found")
    request = find_visible(session, PersonRequest, request_id, user, error, lock=True)
    if request.done_at is not None:
        raise WrongState("request_answered_before")
    return request


def read_requests(
    session: Session, user: User, *, now: datetime, is_done: bool = False, contact_id: int | None = None
) -> list[RequestRow]:
    """Return open requests, most urgent first, answered ones latest first, or all of one person."""
    recorder, closer = aliased(User), aliased(User)
    query = (
        select(
            PersonRequest,
            # Requests of an erased contact no longer say who they were.
            or_(Contact.id.is_(None), people_visible_to(session, user)),
            Contact.name,
            recorder,
            closer,
        )
        .outerjoin(Contact, Contact.id == PersonRequest.contact_id)
        .join(recorder, recorder.id == PersonRequest.recorded_by)
        .outerjoin(closer, closer.id == PersonRequest.done_by)
        .where(visible_to(session, user, PersonRequest.organisation_id))
        .limit(MAX_ROWS)
    )
    if contact_id is not None:
        query = query.where(PersonRequest.contact_id == contact_id).order_by(PersonRequest.id.desc())
    elif is_done:
        query = query.where(PersonRequest.done_at.is_not(None)).order_by(PersonRequest.done_at.desc())
    else:
        query = query.where(PersonRequest.done_at.is_(None)).order_by(_next_end(), PersonRequest.id)
    return [
        RequestRow(
            request,
            bool(is_seen),
            (person or "") if is_seen else "",
            recorded_by.shown_name,
            done_by.shown_name if done_by else "",
            urgency(
                request.carry_out_by if request.responded_at and request.carry_out_by else request.due_at,
                now=now,
            ),
        )
        for request, is_seen, person, recorded_by, done_by in session.execute(query)
    ]


def count_urgent(session: Session, user: User, *, now: datetime) -> tuple[int, int]:
    """Return how many open requests are overdue, and how many are on their last day."""
    ends = session.scalars(
        select(_next_end()).where(
            PersonRequest.done_at.is_(None),
            _next_end() <= now + timedelta(days=1),
            visible_to(session, user, PersonRequest.organisation_id),
        )
    ).all()
    overdue = sum(urgency(end, now=now) is Urgency.OVERDUE for end in ends)
    return overdue, len(ends) - overdue


def _record(session: Session, action: str, request: PersonRequest, *, user: User, now: datetime) -> None:
    audit.record(session, action, f"contacts:{request.contact_id}", user, now, kind=request.kind.value)
