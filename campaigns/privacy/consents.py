"""Consents: a record of its own for each person and purpose, with its proof; of two about a purpose the one of the later day counts."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, String, cast, literal, or_, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Drive
from campaigns.models.privacy import ConsentEvent, PersonRequest, RequestKind
from campaigns.models.replies import Answer
from campaigns.privacy.clocks import load_clocks
from campaigns.rules.own_answers import OPT_OUT_OF_DRIVE
from campaigns.rules.privacy import Childhood, childhood, clocks_on
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.contacts.contact import find_contact, find_recorded_contact
from outreach.contacts.directory import read_stated
from outreach.contacts.wishes import of_person, record_wish, take_back
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import Wish
from outreach.rules.errors import BadInput
from outreach.rules.wishes import WishSource, kind_scope
from outreach.use_cases import use_case

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
