"""What is on record for the protection of data: requests, answered in time; consents; breaches, with the clock for their notice.

A consent is a record of its own for each person and purpose, with its proof; of two about a purpose the one of the later day counts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Drive
from campaigns.models.privacy import STOPPING, Breach, ConsentEvent, PersonRequest, RequestKind
from campaigns.models.replies import Answer
from campaigns.privacy.clocks import load_calendar, load_clocks
from campaigns.rules.own_answers import OPT_OUT_OF_DRIVE
from campaigns.rules.privacy import Childhood, Urgency, carry_out_by, childhood, clocks_on, due_at, urgency
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, home_of, require_role, visible_to
from outreach.contacts.contact import find_contact, find_recorded_contact
from outreach.contacts.directory import people_visible_to, read_stated
from outreach.contacts.suppressions import lock_phones
from outreach.contacts.wishes import of_person, record_wish, take_back
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import Contact, ContactPhone, Wish
from outreach.rules.errors import BadInput, NotFound, WrongState, or_raise
from outreach.rules.wishes import WishSource, kind_scope
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
    """Return an open request of a person whom the user may see, locked. Raises NotFound, WrongState."""
    error = NotFound("request_not_found")
    request = find_visible(session, PersonRequest, request_id, user, error, lock=True)
    if request.contact_id is not None:
        find_contact(session, request.contact_id, user=user)
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


ALL_MESSAGES = ""
_WITHDRAWN = "rút lại theo yêu cầu về dữ liệu cá nhân"


@use_case
def record_consent(
    session: Session,
    contact_id: int,
    *,
    purpose: str,
    is_given: bool,
    on: date | None,
    evidence: str,
    guardian: str,
    purposes: Collection[str],
    user: User,
    now: datetime,
) -> ConsentEvent:
    """Record that a person consented to a purpose, or withdrew that: from then on they are left alone with it.

    A consent takes back such withdrawals of before its day's end, also those that were requests, but not by who has the person only
    by naming them in a list. What they asked for by other ways holds until it is taken back there.
    `purposes` are the known ones. Raises BadInput for an unknown purpose, a day in the future, no proof, or a child
    without somebody who consents for them; NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    person = find_contact(session, contact_id, user=user)
    today = now.astimezone(VIETNAM).date()
    evidence, guardian = " ".join(evidence.split())[:300], " ".join(guardian.split())[:120]
    if purpose not in purposes and purpose != ALL_MESSAGES:
        raise BadInput("consent_purpose_unknown")
    if on is not None and on > today:
        raise BadInput("consent_day_wrong")
    if not evidence:
        raise BadInput("consent_evidence_missing")
    child_age = clocks_on(load_clocks(), today).child_age
    is_child = childhood(person.birth_year, today=today, age=child_age) is Childhood.CHILD
    if is_given and is_child and not guardian:
        raise BadInput("consent_guardian_missing", age=child_age)
    day = on or today
    made = ConsentEvent(
        contact_id=contact_id,
        purpose=purpose,
        is_given=is_given,
        on=day.isoformat(),
        evidence=evidence,
        guardian=guardian,
        recorded_by=user.id,
        recorded_at=now,
    )
    session.add(made)
    session.flush()
    scope, evidence_of = kind_scope(purpose), f"consent_events:{made.id}"
    if is_given:
        requests = select(literal("person_requests:") + cast(PersonRequest.id, String)).where(
            PersonRequest.contact_id == contact_id, PersonRequest.kind == RequestKind.WITHDRAW
        )
        is_withdrawal = or_(Wish.source == WishSource.CONSENT, Wish.evidence.in_(requests))
        if take_back(
            session,
            is_withdrawal,
            Wish.scope == scope,
            Wish.said_at < datetime.combine(day + timedelta(days=1), time(), VIETNAM),
            of_person(contact_id),
            source=WishSource.CONSENT,
            said_at=now,
            now=now,
            evidence=evidence_of,
            recorded_by=user.id,
            person=contact_id,
        ):
            find_recorded_contact(session, contact_id, user=user)
    else:
        wish = record_wish(
            session,
            WishSource.CONSENT,
            people=[contact_id],
            scope=scope,
            said_at=now if day == today else datetime.combine(day, time(), VIETNAM),
            now=now,
            evidence=evidence_of,
            note=evidence,
            recorded_by=user.id,
        )
        _apply_later_consent(session, wish, contact_id, purpose, day, now=now)
    action = "consent.give" if is_given else "consent.withdraw"
    audit.record(session, action, person, user, now, purpose=purpose)
    return made


def _apply_later_consent(
    session: Session, wish: Wish, contact_id: int, purpose: str, day: date, *, now: datetime
) -> None:
    """Take a withdrawal of a day back that is recorded after a consent of a later one, as that would have done."""
    later = (ConsentEvent.contact_id == contact_id, ConsentEvent.purpose == purpose, ConsentEvent.is_given)
    events = select(ConsentEvent, User).join(User, User.id == ConsentEvent.recorded_by).where(*later)
    for event, by in session.execute(events.where(ConsentEvent.on > day.isoformat())).all():
        if not read_stated(session, [contact_id], user=by):
            of_consent: dict[str, Any] = {"evidence": f"consent_events:{event.id}", "recorded_by": by.id}
            take_back(
                session, Wish.id == wish.id, source=WishSource.CONSENT, said_at=now, now=now, **of_consent
            )


def read_consents(session: Session, contact_id: int, *, seen_by: User | None = None) -> list[ConsentEvent]:
    """Return events about a found person, latest first; with `seen_by` those of their organisations."""
    query = select(ConsentEvent).where(ConsentEvent.contact_id == contact_id)
    if seen_by is not None:
        query = query.join(User, User.id == ConsentEvent.recorded_by)
        query = query.where(visible_to(session, seen_by, User.organisation_id))
    return list(session.scalars(query.order_by(ConsentEvent.id.desc())))


def withdraw_all(
    session: Session, contact_id: int, wish: Wish, *, on: date, user: User, now: datetime
) -> None:
    """Withdraw each consent that a person has given and not withdrawn, as this wish of theirs says, but none of a later day."""
    latest = {event.purpose: event for event in reversed(read_consents(session, contact_id))}
    session.add_all(
        ConsentEvent(
            contact_id=contact_id,
            purpose=purpose,
            is_given=False,
            on=on.isoformat(),
            evidence=_WITHDRAWN,
            recorded_by=user.id,
            recorded_at=now,
        )
        for purpose, event in latest.items()
        if event.is_given and event.on <= on.isoformat()
    )
    _apply_later_consent(session, wish, contact_id, ALL_MESSAGES, on, now=now)


def opted_out_of_drive(session: Session, recipients: Select[Any] | Sequence[int | None]) -> set[int]:
    """Return those recipients whose opt-out in force is from the drive alone."""
    rows = session.execute(
        select(Answer.recipient_id, Answer.drive_only)
        .where(Answer.recipient_id.in_(recipients), Answer.label == Label.OPT_OUT, Answer.undone_at.is_(None))
        .order_by(Answer.at, Answer.id)
    )
    in_force: dict[int | None, bool] = dict(rows.all())  # the last one
    return {recipient for recipient, of_drive in in_force.items() if recipient and of_drive}


def shown_answer(answer: Label | None, recipient: int | None, of_drive: Collection[int]) -> str | None:
    """Return the word of a recipient's current answer: an opt-out from the drive alone (`of_drive`) has its own."""
    return OPT_OUT_OF_DRIVE if answer is Label.OPT_OUT and recipient in of_drive else answer


def recorded_scope(session: Session, scope: str) -> str:
    """Return the name of the drive or the organisation that a wish is about, a kind's code; "" for everything."""
    word, _, value = scope.partition(":")
    if word == "drive":
        return session.get_one(Drive, int(value)).name
    if word == "organisation":
        return session.get_one(Organisation, int(value)).name
    return value


_LONGEST = 2000


@use_case
def record_breach(
    session: Session,
    *,
    found_on: date | None,
    found_time: str,
    what: str,
    people: int | None,
    measures: str,
    user: User,
    now: datetime,
) -> Breach:
    """Record a breach, found at a given moment or now. Raises BadInput, NotAllowed."""
    require_role(user)
    what, measures = what.strip()[:_LONGEST], measures.strip()[:_LONGEST]
    if not what:
        raise BadInput("breach_what_missing")
    found_at = _read_moment(found_on, found_time, now)
    hours = clocks_on(load_clocks(), found_at.astimezone(VIETNAM).date()).breach_hours
    made = Breach(
        found_at=found_at,
        due_at=found_at + timedelta(hours=hours),
        what=what,
        people=people,
        measures=measures,
        recorded_by=user.id,
        recorded_at=now,
    )
    session.add(made)
    audit.record(session, "breach.record", made, user, now)
    return made


def _read_moment(day: date | None, clock: str, now: datetime) -> datetime:
    if day is None and not clock.strip():
        return now
    try:
        at = time.fromisoformat(clock.strip() or "00:00")
    except ValueError:
        raise BadInput("breach_time_wrong") from None
    found_at = datetime.combine(day or now.astimezone(VIETNAM).date(), at.replace(tzinfo=None), VIETNAM)
    if found_at > now:
        raise BadInput("breach_time_wrong")
    return found_at


@use_case
def report_breach(session: Session, breach_id: int, *, notice: str, user: User, now: datetime) -> Breach:
    """Record the notice to the authority: to whom, its number and day. Raises BadInput, NotFound, WrongState."""
    require_role(user)
    breach = or_raise(session.get(Breach, breach_id, with_for_update=True), NotFound("breach_not_found"))
    if breach.reported_at is not None:
        raise WrongState("breach_reported_before")
    notice = " ".join(notice.split())[:300]
    if not notice:
        raise BadInput("breach_notice_missing")
    breach.notice, breach.reported_by, breach.reported_at = notice, user.id, now
    audit.record(session, "breach.report", breach, user, now)
    return breach


def read_breaches(session: Session, user: User, *, now: datetime) -> list[tuple[Breach, Urgency, int]]:
    """Return the breaches that were recorded within a user's scope, those that are not reported first.

    Each with the urgency of its notice, and the hours that are left, negative once it is late.
    """
    rows = session.scalars(
        select(Breach)
        .join(User, User.id == Breach.recorded_by)
        .where(visible_to(session, user, User.organisation_id))
        .order_by(Breach.reported_at.is_not(None), Breach.id.desc())
    )
    return [(row, urgency(row.due_at, now=now), int((row.due_at - now) / timedelta(hours=1))) for row in rows]


def count_unreported(session: Session, *, now: datetime) -> tuple[int, int]:
    """Return how many breaches are not reported, and how many of these are late."""
    ends = session.scalars(select(Breach.due_at).where(Breach.reported_at.is_(None))).all()
    return len(ends), sum(end <= now for end in ends)
