"""The crowd as it stands in the database, read in one go."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import BigInteger, exists, func, literal, select
from sqlalchemy.orm import Session

from campaigns.planning.audience_sql import census
from campaigns.planning.crowd import Alike, Crowd, Sharer
from campaigns.states import Exclusion
from outreach.bulk import listed, over_everybody
from outreach.people.models import Contact, ContactPhone, Suppression, SuppressionReason

# People whose texts may be measured, chosen by their id; of fewer, everybody.
NAMES = 30_000


def read_census(session: Session, kind: str) -> Crowd:
    """Everybody who stands in a list now, with what they told campaigns of this kind."""
    last = session.scalar(select(func.max(Contact.id))) or 0
    every = max(1, -(-last // NAMES))
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    people: Counter[Alike] = Counter()
    kinds: dict[tuple[str, ...], Alike] = {}
    lists: dict[str, frozenset[int]] = {}
    alone: dict[int, Alike] = {}
    sharers: list[tuple[int, Alike, int, int]] = []
    with over_everybody(session):
        rows = session.execute(census(is_postgresql=is_postgresql), {"kind": kind, "every": every}).all()
    for row in rows:
        *key, shared_id, contact_id, usable, number = row
        alike = kinds.get(tuple(key))
        if alike is None:
            brought, area, smartphone, language, history, unreachable = key
            if brought not in lists:
                lists[brought] = frozenset(map(int, brought.split(",")))
            reason = Exclusion(unreachable) if unreachable else None
            alike = Alike(lists[brought], area, smartphone, language, history, reason)
            kinds[tuple(key)] = alike
        people[alike] += number
        if contact_id is not None and contact_id % every == 0:
            alone[contact_id] = alike
        if shared_id is not None:
            sharers.append((contact_id, alike, shared_id, usable))
    further = _further_phones(session, [contact_id for contact_id, _, _, usable in sharers if usable > 1])
    names = session.execute(
        select(Contact.id, Contact.name).where(Contact.id % every == 0).order_by(Contact.id)
    )
    return Crowd(
        people,
        [
            Sharer(contact_id, alike, phone_id, tuple(further.get(contact_id, ())))
            for contact_id, alike, phone_id, _ in sharers
        ],
        [(alone[contact_id], name) for contact_id, name in names if contact_id in alone],
    )


def _further_phones(session: Session, people: list[int]) -> dict[int, list[int]]:
    """The phones behind the first that each of these may be written to on, in order."""
    blocked = exists(
        select(literal(1)).where(
            Suppression.phone_id == ContactPhone.phone_id,
            Suppression.lifted_at.is_(None),
            Suppression.reason != SuppressionReason.OPT_OUT,
        )
    )
    found: dict[int, list[int]] = {}
    for contact_id, phone_id in session.execute(
        select(ContactPhone.contact_id, ContactPhone.phone_id)
        .where(ContactPhone.contact_id.in_(listed(session, people, BigInteger)), ~blocked)
        .order_by(ContactPhone.contact_id, ContactPhone.position)
    ):
        found.setdefault(contact_id, []).append(phone_id)
    return {contact_id: phones[1:] for contact_id, phones in found.items()}
