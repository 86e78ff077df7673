"""Candidates for home visits: people of a list or commune not reached yet, by village."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, and_, exists, select
from sqlalchemy.orm import Session

from campaigns.cases.handle_case import may_read_answers
from campaigns.models.activities import VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import AnswerSource, InstallReport, SafetyReport
from campaigns.planning.drives import campaign_scopes
from campaigns.rules.safety import SafetyStatus
from campaigns.rules.states import Exclusion, MessageState
from campaigns.rules.visits import VisitOutcome, VisitReason, is_drawn, village_key, visit_reason
from outreach.accounts.permissions import visible_to, within_area
from outreach.contacts.directory import people_recorded_for
from outreach.contacts.wishes import people_left_alone
from outreach.core.db import values_subquery
from outreach.models.accounts import User
from outreach.models.contacts import Contact, ContactList, ContactPhone, Membership
from outreach.rules.errors import BadInput, NotAllowed

# The most people of a commune or list that are searched: a commune has some thousands.
_MOST_PEOPLE = 20_000
# How long people stay reserved by a sheet without results; then they may go on another one.
_RESERVED_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Contact to visit. `is_in_hand`: on another sheet of this campaign that has no result for them yet."""

    contact_id: int
    recipient_id: int
    why: VisitReason
    is_in_hand: bool


@dataclass(frozen=True, slots=True)
class CandidateVillage:
    """Candidates of a village, `key` within the result, `name` "" if unknown; `area_code` None likewise."""

    key: str
    name: str
    area_code: str | None
    people: list[Candidate]

    @property
    def free(self) -> list[Candidate]:
        """Return the people who are on no other sheet."""
        return [person for person in self.people if not person.is_in_hand]


def find_candidates(
    session: Session,
    campaign_id: int,
    *,
    list_id: int | None,
    area_code: str | None,
    user: User,
    now: datetime,
    check_percent: int = 0,
) -> list[CandidateVillage]:
    """Find the people to visit, of a list or a commune or both, by village.

    `check_percent` of those who reported by themselves that it is done are among them, for a random check. Only people within the user's scope are found. Raises BadInput if neither is given or there are too many people, and NotAllowed where it would tell somebody who handles no answers what few people said about their health.
    """
    if list_id is None and not area_code:
        raise BadInput("visit_place_missing")
    campaign = session.get_one(Campaign, campaign_id)
    if campaign.is_health and not may_read_answers(user):
        raise NotAllowed("visit_people_hidden")
    rows = _people_of(session, campaign_id, list_id, area_code, user)
    contacts = [row[3] for row in rows]
    states = _states(session, [row[0] for row in rows])
    unwilling = people_left_alone(session, contacts, scopes=campaign_scopes(campaign))
    visited = _read_visits(session, campaign_id, contacts, now=now)
    settled = unwilling | visited.answered
    reasons = {
        contact_id: visit_reason(exclusion=exclusion, answer=answer, states=states.get(recipient_id, []))
        for recipient_id, exclusion, answer, contact_id, *_place in rows
        if contact_id not in settled
    }
    reasons |= dict.fromkeys(
        _drawn(session, campaign_id, rows, check_percent, but=unwilling | visited.checked), VisitReason.CHECK
    )
    shared = [row[3] for row in rows if row[1] is Exclusion.SHARED_PHONE and row[3] not in settled]
    reasons |= _reasons_of_housemates(session, shared, reasons)
    villages: dict[str, CandidateVillage] = {}
    for recipient_id, _exclusion, _answer, contact_id, village, commune in rows:
        if reason := reasons.get(contact_id):
            key = village_key(commune, village)
            group = villages.setdefault(key, CandidateVillage(key, village, commune, []))
            is_in_hand = contact_id in visited.reserved
            group.people.append(Candidate(contact_id, recipient_id, reason, is_in_hand))
    return sorted(
        villages.values(), key=lambda village: (not village.name, village.area_code or "", village.name)
    )


def _people_of(
    session: Session, campaign_id: int, list_id: int | None, area_code: str | None, user: User
) -> Sequence[Any]:
    """Return a campaign's recipients of a list or a commune whom the user may see. Raises BadInput for too many."""
    conditions = [Recipient.campaign_id == campaign_id, Recipient.merge_id == 0]
    query = select(
        Recipient.id, Recipient.exclusion, Recipient.answer, Contact.id, Contact.village, Contact.area_code
    ).join(Contact, Contact.id == Recipient.contact_id)
    if list_id is not None:
        query = query.join(Membership, Membership.contact_id == Contact.id).join(
            ContactList, ContactList.id == Membership.list_id
        )
        conditions.append(Membership.list_id == list_id)
    else:
        query = query.join(ContactList, ContactList.id == Recipient.list_id)
    conditions += [
        visible_to(session, user, ContactList.organisation_id),
        within_area(session, user, Contact.area_code),
        people_recorded_for(session, user),
        # Who said in a storm to be safe was heard of.
        ~exists().where(
            SafetyReport.campaign_id == campaign_id,
            SafetyReport.phone_id == Recipient.phone_id,
            SafetyReport.is_verified,
            SafetyReport.status == SafetyStatus.SAFE,
        ),
    ]
    if area_code:
        conditions.append(Contact.area_code == area_code)
    # In order: a village is called as its first person has it.
    in_order = query.where(*conditions).order_by(Contact.given_key, Contact.id)
    rows = session.execute(in_order.limit(_MOST_PEOPLE + 1)).all()
    if len(rows) > _MOST_PEOPLE:
        raise BadInput("visit_people_many", most=_MOST_PEOPLE)
    return rows


def _drawn(
    session: Session, campaign_id: int, rows: Sequence[Any], percent: int, *, but: Collection[int]
) -> list[int]:
    """Return the contacts drawn for a random check, who reported it themselves."""
    drawn = {row[0]: row[3] for row in rows if is_drawn(campaign_id, row[0], percent) and row[3] not in but}
    if not drawn:
        return []
    among = values_subquery(session, list(drawn))
    own = select(InstallReport.recipient_id).where(
        InstallReport.recipient_id.in_(among),
        InstallReport.withdrawn_at.is_(None),
        InstallReport.source.in_((AnswerSource.SMS, AnswerSource.PAGE)),
    )
    return [drawn[recipient_id] for recipient_id in session.scalars(own)]


def _reasons_of_housemates(
    session: Session, shared: Sequence[int], reasons: Mapping[int, VisitReason | None]
) -> dict[int, VisitReason]:
    """Return a reason for those who got no message as they share a phone with somebody who is visited: one house."""
    if not shared:
        return {}
    among = values_subquery(
        session, [*shared, *(key for key, reason in reasons.items() if reason)], BigInteger
    )
    phones: dict[int, list[int]] = {}
    for contact_id, phone_id in session.execute(
        select(ContactPhone.contact_id, ContactPhone.phone_id).where(ContactPhone.contact_id.in_(among))
    ):
        phones.setdefault(phone_id, []).append(contact_id)
    return {
        contact_id: reason
        for together in phones.values()
        if (reason := next(filter(None, map(reasons.get, together)), None))
        for contact_id in together
        if contact_id in set(shared)
    }


def _states(session: Session, recipients: Sequence[int]) -> dict[int, list[MessageState]]:
    states: dict[int, list[MessageState]] = {}
    for recipient_id, state in session.execute(
        select(Message.recipient_id, Message.state).where(
            Message.recipient_id.in_(values_subquery(session, recipients)), Message.step_id.is_not(None)
        )
    ):
        states.setdefault(recipient_id or 0, []).append(state)
    return states


class _Visits(NamedTuple):
    """Of some people: those reserved by a sheet without a result, those who answered at the door, and those visited for a check."""

    reserved: set[int]
    answered: set[int]
    checked: set[int]


def _read_visits(session: Session, campaign_id: int, contacts: Sequence[int], *, now: datetime) -> _Visits:
    rows = session.execute(
        select(VisitLine.id, VisitLine.contact_id, VisitLine.why, VisitSheet.made_at, VisitResult.outcome)
        .join(VisitSheet, VisitSheet.id == VisitLine.round_id)
        .outerjoin(VisitResult, and_(VisitResult.line_id == VisitLine.id, VisitResult.undone_at.is_(None)))
        .where(
            VisitSheet.campaign_id == campaign_id,
            VisitLine.contact_id.in_(values_subquery(session, contacts)),
        )
        .order_by(VisitResult.id)
    )
    lines = {row.id: row for row in rows}.values()  # of a line's results the last one counts
    met = [line for line in lines if line.outcome is not None]
    return _Visits(
        {each.contact_id for each in lines if not each.outcome and each.made_at > now - _RESERVED_FOR},
        {each.contact_id for each in met if each.outcome is not VisitOutcome.ABSENT},
        {each.contact_id for each in met if each.why is VisitReason.CHECK},
    )
