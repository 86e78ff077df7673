"""Phones for those of a new audience whose phones others have: who has another one makes room."""

from itertools import chain

from sqlalchemy import BigInteger, exists, func, or_, select, update
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Recipient
from campaigns.rules.audience import AudienceQuery, match_phones
from campaigns.rules.states import Exclusion
from outreach.contacts.phones import NAMED_PHONES
from outreach.contacts.wishes import LEFT_ALONE
from outreach.core.bulk import change_rows, rows_table, values_subquery
from outreach.models.contacts import ContactPhone, Suppression, SuppressionReason


def give_free_phones(session: Session, query: AudienceQuery, campaign_id: int, *, after: int = 0) -> None:
    """Let new recipients whose phones others have get one where these have another: the statement gives each one by one.

    `after`: the id after which the new ones begin; the others keep their phones.
    """
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
                Recipient.phone_id.in_(values_subquery(session, found, BigInteger)),
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


def find_usable_phones(session: Session, people: list[int], query: AudienceQuery) -> dict[int, list[int]]:
    """Return the phones that each of these people may be written to on, in order."""
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
    is_theirs = exists().where(
        NAMED_PHONES.c.contact_id == ContactPhone.contact_id,
        NAMED_PHONES.c.phone_id == ContactPhone.phone_id,
        NAMED_PHONES.c.organisation_id.in_(query.organisations),
    )
    phones_by_contact: dict[int, list[int]] = {}
    for contact_id, phone_id in session.execute(
        select(ContactPhone.contact_id, ContactPhone.phone_id)
        .where(ContactPhone.contact_id.in_(values_subquery(session, people, BigInteger)), ~blocked, ~refused)
        .where(or_(~ContactPhone.is_named, is_theirs))
        .order_by(ContactPhone.contact_id, ContactPhone.position)
    ):
        phones_by_contact.setdefault(contact_id, []).append(phone_id)
    return phones_by_contact
