"""People of a planned audience who share a phone with the one whom its message addresses."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.planning.audience import audience_statement
from campaigns.rules.audience import AudienceQuery
from outreach.core.bulk import full_scan
from outreach.models.contacts import Contact

_SHARING = """WHERE COALESCE(exclusion, 'shared_phone') = 'shared_phone'
  AND phone_id IN (SELECT phone_id FROM audience WHERE exclusion = 'shared_phone')"""


def read_sharing(session: Session, query: AudienceQuery, *, most: int) -> list[tuple[str, str]]:
    """Return the names of up to `most` people whose phone would get its message in another one's name, each with that name."""
    columns = "phone_id, contact_id, exclusion"
    statement, parameters = audience_statement(query, into="", columns=columns, which=_SHARING)
    with full_scan(session):
        rows = session.execute(statement, parameters).all()
    addressed = {phone_id: contact_id for phone_id, contact_id, exclusion in rows if exclusion is None}
    left_out = sorted((contact_id, addressed.get(phone_id)) for phone_id, contact_id, why in rows if why)[
        :most
    ]
    people = {contact_id for pair in left_out for contact_id in pair if contact_id is not None}
    names = dict(session.execute(select(Contact.id, Contact.name).where(Contact.id.in_(people))).all())
    return [(names[contact_id], names.get(other or 0, "")) for contact_id, other in left_out]
