"""Phones for those of a new audience whose phones others have: who has another one makes room."""

from collections.abc import Callable
from itertools import chain
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, exists, func, or_, select, update
from sqlalchemy.orm import Session

from campaigns.models.campaigns import CampaignList, Recipient
from campaigns.rules.audience import EVERYBODY, AudienceQuery, Sides, match_phones
from campaigns.rules.states import Exclusion
from outreach.contacts.phones import CONTESTED_PHONES
from outreach.contacts.wishes import LEFT_ALONE
from outreach.core.db import change_rows, rows_table, values_subquery
from outreach.models.contacts import ContactList, ContactPhone, Suppression, SuppressionReason

_NOT_CONTESTED = Sides(frozenset(), frozenset())


def give_free_phones(session: Session, query: AudienceQuery, campaign_id: int, *, after: int = 0) -> None:
    """Give new recipients (ids above `after`) phones of those with another, where the statement could not."""
    new = (Recipient.campaign_id == campaign_id, Recipient.id > after)
    left = (
        select(ContactPhone.contact_id)
        .join(Recipient, Recipient.contact_id == ContactPhone.contact_id)
        .where(*new, Recipient.exclusion == Exclusion.SHARED_PHONE)
    )
    asking = set(session.scalars(left.group_by(ContactPhone.contact_id).having(func.count() > 1)))
    choices: dict[int, list[int]] = {}
    holders: dict[int, int] = {}
    phones: set[int] = set()
    has_it = or_(Recipient.exclusion.is_(None), Recipient.exclusion == Exclusion.SAME_PERSON)
    while asking:
        usable = find_usable_phones(session, sorted(asking), query).items()
        several = {contact_id: theirs for contact_id, theirs in usable if len(theirs) > 1}
        choices |= several
        found = set(chain.from_iterable(several.values())) - phones
        phones |= found
        rows = session.execute(
            select(Recipient.id, Recipient.contact_id, Recipient.phone_id, Recipient.exclusion).where(
                Recipient.campaign_id == campaign_id,
                Recipient.phone_id.in_(values_subquery(session, found)),
                has_it,
            )
        ).all()
        holders |= {row.phone_id: row.contact_id or -row.id for row in rows}
        moves = {
            row.contact_id for row in rows if row.id > after and row.exclusion is None and row.contact_id
        }
        asking = moves - choices.keys()
    given = match_phones(choices, holders)
    changed = [
        {"contact_id": contact_id, "phone_id": phone_id}
        for phone_id, contact_id in given.items()
        if holders.get(phone_id) != contact_id
    ]
    if not changed:
        return
    table = rows_table(session, {"contact_id": BigInteger, "phone_id": BigInteger}, changed)
    mine = update(Recipient).where(*new, Recipient.contact_id == table.c.contact_id)
    # In two steps: no phone is two people's in between.
    change_rows(session, mine.values(exclusion=Exclusion.SHARED_PHONE))
    change_rows(session, mine.values(exclusion=None, phone_id=table.c.phone_id))


def are_others(contact_id: Any, phone_id: Any, campaign_id: Any) -> ColumnElement[bool]:
    """Return the condition that a person's number is not theirs in a campaign to its lists."""
    columns = CONTESTED_PHONES.c
    owners = select(ContactList.organisation_id).join(CampaignList, CampaignList.list_id == ContactList.id)
    is_theirs = select(func.max(columns.is_theirs)).where(
        columns.contact_id == contact_id,
        columns.phone_id == phone_id,
        or_(
            columns.organisation_id == EVERYBODY,
            columns.organisation_id.in_(
                owners.where(CampaignList.campaign_id == campaign_id).correlate_except(
                    CampaignList, ContactList
                )
            ),
        ),
    )
    return func.coalesce(is_theirs.correlate_except(CONTESTED_PHONES).scalar_subquery(), 1) == 0


def _read_sides(session: Session, people: list[int]) -> dict[tuple[int, int], Sides]:
    """Return the sides of these people's phones (contact id, phone id), where there are any."""
    found: dict[tuple[int, int], dict[int, int]] = {}
    columns = CONTESTED_PHONES.c
    # A few are looked up one by one: a subquery would read everybody's first.
    among = people if len(people) <= 1_000 else values_subquery(session, people)
    for contact_id, phone_id, organisation_id, is_theirs in session.execute(
        select(columns.contact_id, columns.phone_id, columns.organisation_id, func.max(columns.is_theirs))
        .where(columns.contact_id.in_(among))
        .group_by(columns.contact_id, columns.phone_id, columns.organisation_id)
    ):
        found.setdefault((contact_id, phone_id), {})[organisation_id] = is_theirs
    return {
        link: Sides(*(frozenset(each for each, side in of.items() if side == wanted) for wanted in (1, 0)))
        for link, of in found.items()
    }


def find_usable_phones(
    session: Session,
    people: list[int],
    query: AudienceQuery,
    *,
    left_out: Callable[[Sides], bool] | None = None,
) -> dict[int, list[int]]:
    """Return these people's usable phones in order, without those of others, or by their sides `left_out`."""
    reasons = [SuppressionReason.WRONG_NUMBER]
    if not query.passes_opt_outs:
        reasons.append(SuppressionReason.DO_NOT_CALL)
    refused = exists().where(
        LEFT_ALONE.c.phone_id == ContactPhone.phone_id,
        LEFT_ALONE.c.scope.in_(query.scopes),
        LEFT_ALONE.c.is_firm >= int(query.passes_opt_outs),
    )
    blocked = exists().where(
        Suppression.phone_id == ContactPhone.phone_id,
        Suppression.lifted_at.is_(None),
        Suppression.reason.in_(reasons),
    )
    left_out = left_out or (lambda sides: sides.are_others(query.organisations))
    sides = _read_sides(session, people)
    phones_by_contact: dict[int, list[int]] = {}
    for contact_id, phone_id in session.execute(
        select(ContactPhone.contact_id, ContactPhone.phone_id)
        .where(ContactPhone.contact_id.in_(values_subquery(session, people)), ~blocked, ~refused)
        .order_by(ContactPhone.contact_id, ContactPhone.position)
    ):
        if not left_out(sides.get((contact_id, phone_id), _NOT_CONTESTED)):
            phones_by_contact.setdefault(contact_id, []).append(phone_id)
    return phones_by_contact
