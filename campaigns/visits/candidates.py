"""Whom nothing has reached yet: the people of a list or a place, village by village. Within a user's scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.models.activities import VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Recipient
from campaigns.models.messages import Message
from campaigns.models.privacy import PersonRequest, RequestKind
from campaigns.rules.states import MessageState
from campaigns.rules.visits import VisitOutcome, VisitReason, visit_reason
from outreach.accounts.permissions import visible_to, within_area
from outreach.core.bulk import values_subquery
from outreach.models.accounts import User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    Membership,
    Suppression,
    SuppressionReason,
)
from outreach.rules.errors import BadInput
from outreach.rules.identity import name_key

# People of one place or list among whom is looked: a commune has some thousands.
MOST_LOOKED_AT = 20_000
# A sheet without results is somebody's work for so long; then its people may go on another one.
IN_HAND_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody to visit. `is_in_hand`: on another sheet of this campaign, whose results are still to come."""

    contact_id: int
    recipient_id: int
    given_key: str
    village: str
    why: VisitReason
    is_in_hand: bool


@dataclass(frozen=True, slots=True)
class CandidateVillage:
    """People whose villages are spelled alike, of one commune: many have a "Thôn 1".

    `key` says which of those that were asked for; `name` is empty where no village is known, `area_code` None where no
    commune is.
    """

    key: str
    name: str
    area_code: str | None
    people: list[Candidate]

    @property
    def free(self) -> list[Candidate]:
        return [person for person in self.people if not person.is_in_hand]


def find_candidates(
    session: Session,
    campaign_id: int,
    *,
    list_id: int | None,
    area_code: str | None,
    user: User,
    now: datetime,
) -> list[CandidateVillage]:
    """Whom to visit, of a list or a commune or both, by village. Raises BadInput where that is too many to look at."""
    if list_id is None and not area_code:
        raise BadInput("Hãy chọn một danh sách hoặc một xã, phường.")
    conditions: list[ColumnElement[bool]] = [Recipient.campaign_id == campaign_id]
    query = select(
        Recipient.id,
        Recipient.exclusion,
        Recipient.answer,
        Contact.id,
        Contact.given_key,
        Contact.village,
        Contact.area_code,
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
    ]
    if area_code:
        conditions.append(Contact.area_code == area_code)
    rows = session.execute(query.where(*conditions).limit(MOST_LOOKED_AT + 1)).all()
    if len(rows) > MOST_LOOKED_AT:
        raise BadInput(f"Có hơn {MOST_LOOKED_AT} người. Hãy chọn thêm xã, phường.")
    contacts = [row[3] for row in rows]
    states = _states(session, [row[0] for row in rows])
    peace, in_hand = _want_peace(session, contacts), _in_hand(session, campaign_id, contacts, now=now)
    villages: dict[str, CandidateVillage] = {}
    for recipient_id, exclusion, answer, contact_id, given_key, village, commune in rows:
        why = visit_reason(
            exclusion=exclusion,
            answer=answer,
            states=states.get(recipient_id, []),
            wants_peace=contact_id in peace,
        )
        if why:
            key = f"{commune or ''}.{name_key(village)}"
            found = villages.setdefault(key, CandidateVillage(key, village, commune, []))
            found.people.append(
                Candidate(contact_id, recipient_id, given_key, village, why, contact_id in in_hand)
            )
    for found in villages.values():
        found.people.sort(key=lambda person: (person.given_key, person.contact_id))
    return sorted(villages.values(), key=lambda each: (not each.name, each.area_code or "", each.name))


def _states(session: Session, recipients: Sequence[int]) -> dict[int, list[MessageState]]:
    states: dict[int, list[MessageState]] = {}
    for recipient_id, state in session.execute(
        select(Message.recipient_id, Message.state).where(
            Message.recipient_id.in_(values_subquery(session, recipients, BigInteger)),
            Message.step_id.is_not(None),
        )
    ):
        states.setdefault(recipient_id or 0, []).append(state)
    return states


def _want_peace(session: Session, contacts: Sequence[int]) -> set[int]:
    """Who has opted out on a phone or at the door, and who objects to what is done with them."""
    among = values_subquery(session, contacts, BigInteger)
    opted_out = (
        select(ContactPhone.contact_id)
        .join(Suppression, Suppression.phone_id == ContactPhone.phone_id)
        .where(
            ContactPhone.contact_id.in_(among),
            Suppression.reason == SuppressionReason.OPT_OUT,
            Suppression.lifted_at.is_(None),
        )
    )
    objects = select(PersonRequest.contact_id).where(
        PersonRequest.contact_id.in_(among), PersonRequest.kind == RequestKind.OBJECT
    )
    at_the_door = (
        select(VisitLine.contact_id)
        .join(VisitResult, VisitResult.line_id == VisitLine.id)
        .where(
            VisitLine.contact_id.in_(among),
            VisitResult.outcome == VisitOutcome.OPT_OUT,
            VisitResult.undone_at.is_(None),
        )
    )
    return {found for query in (opted_out, objects, at_the_door) for found in session.scalars(query) if found}


def _in_hand(session: Session, campaign_id: int, contacts: Sequence[int], *, now: datetime) -> set[int]:
    has_result = (
        select(VisitResult.id)
        .where(
            VisitResult.line_id == VisitLine.id,
            VisitResult.undone_at.is_(None),
            VisitResult.outcome.is_not(None),
        )
        .exists()
    )
    return {
        contact_id
        for contact_id in session.scalars(
            select(VisitLine.contact_id)
            .join(VisitSheet, VisitSheet.id == VisitLine.round_id)
            .where(
                VisitSheet.campaign_id == campaign_id,
                VisitSheet.made_at > now - IN_HAND_FOR,
                VisitLine.contact_id.in_(values_subquery(session, contacts, BigInteger)),
                ~has_result,
            )
        )
        if contact_id
    }
