"""Columns of lists as fields of a campaign's texts: which there are, and what its people have there."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, distinct, exists, func, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Campaign, CampaignList, Recipient
from campaigns.planning.audience import audience_query
from campaigns.rules.audience import AudienceQuery, ContactField
from outreach.models.contacts import Contact, ContactList, ContactPhone, KeptValue, Membership
from outreach.rules.errors import BadCampaign
from outreach.rules.identity import vietnamese_order

_SAMPLE = 100  # values that a text is measured with
_NAMED = 6  # values that an approver reads


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """A field's values in the lists: some, longest, `commonest`, how many `different`, people without."""

    values: tuple[str, ...]
    longest: str
    without: int
    commonest: tuple[str, ...] = ()
    different: int = 0


def read_field_facts(session: Session, names: Collection[str], query: AudienceQuery) -> dict[str, FieldFacts]:
    """Return the facts of fields for who has a number among the people of an audience's lists, of its areas if it has any."""
    people = select(Membership.contact_id).distinct().where(Membership.list_id.in_(query.lists))
    people = people.where(exists().where(ContactPhone.contact_id == Membership.contact_id))
    for condition in query.conditions:
        if condition.field is ContactField.AREA:
            people = people.join(Contact, Contact.id == Membership.contact_id)
            people = people.where(Contact.area_code.in_(condition.allowed))
    return {name: _facts(session, name, query.lists, people) for name in names}


def facts_of_campaign(session: Session, campaign: Campaign) -> dict[str, FieldFacts]:
    """Return the facts of a campaign's fields: for its recipients once they are frozen."""
    if not campaign.fields:
        return {}
    query = audience_query(session, campaign)
    if campaign.recipients is None:
        return read_field_facts(session, campaign.fields, query)
    people = select(Recipient.contact_id).where(
        Recipient.campaign_id == campaign.id, Recipient.exclusion.is_(None), Recipient.contact_id.is_not(None)
    )
    return {name: _facts(session, name, query.lists, people) for name in campaign.fields}


def values_of_campaign(session: Session, campaign: Campaign) -> dict[str, set[str]]:
    """Return all that may be written for each field of a campaign's texts: values and substitute."""
    lists = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)
    return {
        name: {
            substitute,
            *session.scalars(
                select(KeptValue.value).distinct().where(KeptValue.list_id.in_(lists), KeptValue.name == name)
            ),
        }
        for name, substitute in campaign.fields.items()
    }


def find_missing_fields(session: Session, campaign: Campaign) -> list[str]:
    """Return the fields of a campaign's texts that none of its lists has any more: everybody would get the substitute."""
    if not campaign.fields:
        return []
    own = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)
    known = {
        name
        for names in session.scalars(select(ContactList.fields).where(ContactList.id.in_(own)))
        for name in names
    }
    return [name for name in campaign.fields if name not in known]


def require_fields(session: Session, campaign: Campaign) -> None:
    """Raise BadCampaign for a field that none of a campaign's lists has."""
    for name in find_missing_fields(session, campaign):
        raise BadCampaign("field_not_in_lists", name=name)


def _facts(session: Session, name: str, lists: Collection[int], people: Select[Any]) -> FieldFacts:
    of_field = (KeptValue.list_id.in_(lists), KeptValue.name == name)
    values = select(KeptValue.value).where(*of_field)
    longest = values.order_by(func.length(KeptValue.value).desc(), KeptValue.value).limit(1)
    ids = people.subquery()
    person = ids.c[0]
    without = (
        select(func.count())
        .select_from(ids)
        .where(~exists().where(*of_field, KeptValue.contact_id == person))
    )
    newer = aliased(KeptValue)
    is_replaced = exists().where(
        newer.list_id.in_(lists),
        newer.name == name,
        newer.contact_id == KeptValue.contact_id,
        newer.import_id > KeptValue.import_id,
    )
    theirs = values.where(KeptValue.contact_id.in_(select(person)), ~is_replaced)
    of_most = theirs.group_by(KeptValue.value).order_by(func.count().desc(), KeptValue.value).limit(_NAMED)
    return FieldFacts(
        tuple(session.scalars(theirs.order_by(KeptValue.contact_id, KeptValue.import_id).limit(_SAMPLE))),
        session.scalar(longest) or "",
        session.scalar(without) or 0,
        tuple(sorted(session.scalars(of_most), key=vietnamese_order)),
        session.scalar(theirs.with_only_columns(func.count(distinct(KeptValue.value)))) or 0,
    )
