"""Variety of a province for uniform test data: areas, lists, languages, shared phones, answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select, text

import outreach.places
from campaigns.answer_totals import recount
from campaigns.models.campaigns import Campaign
from outreach.accounts.organisations import create_organisation
from outreach.core.db import Database
from outreach.models.accounts import OrganisationKind
from outreach.models.contacts import ContactList
from outreach.places.areas import load_areas
from outreach.places.load_units import load_provinces

ORGANISATIONS = ("PN", "ND", "TN", "CCB")
LISTS_EACH = 5
# One person in ten shares the phone of another; one in fifty has a second phone after a shared one.
_VARIETY = (
    "SET LOCAL session_replication_role = replica",
    """UPDATE contacts SET area_code = codes[1 + id % (array_length(codes, 1) + 1)],
              has_smartphone = CASE id % 5 WHEN 0 THEN NULL WHEN 1 THEN false ELSE true END
       FROM (SELECT array_agg(code) AS codes FROM areas WHERE level = 'commune') all_areas""",
    """UPDATE phones SET language = CASE id % 10 WHEN 0 THEN 'sed' WHEN 1 THEN 'bdq' ELSE 'jra' END
       WHERE id % 10 < 3""",
    "UPDATE contact_phones SET phone_id = phone_id - 1 WHERE contact_id % 10 = 0",
    "INSERT INTO contact_phones (contact_id, phone_id, position) SELECT id, id, 2 FROM contacts WHERE id % 50 = 0",
    """INSERT INTO memberships (list_id, contact_id, unit)
       SELECT :first + id / 3 % :lists, id, '' FROM contacts WHERE id % 3 = 0""",
    """UPDATE recipients SET answer = CASE WHEN id % 10 < 2 THEN 'installed' ELSE 'need_help' END, answered_at = now()
       WHERE id % 10 < 3""",
)


def add_variety(db: Database, province: str = "") -> list[str]:
    """Vary a database filled by `campaign_of`. Returns the names of the new lists, as in campaign forms.

    `province`: the code of the one whose present units people live in; else Kon Tum's of 2020.
    """
    now = datetime.now(UTC)
    names = []
    with db.write() as session:
        if province:
            load_provinces(session, {province})
        else:
            load_areas(session, Path(next(iter(outreach.places.__path__)), "kontum_units.csv"))
        lists = []
        for code in ORGANISATIONS:
            owner = create_organisation(
                session, code=code, name=code, kind=OrganisationKind.MASS, parent_code="MTTQ"
            )
            for n in range(LISTS_EACH):
                lists.append(ContactList(organisation_id=owner.id, name=f"Danh sách {n}", created_at=now))
                names.append(f"{code}/Danh sách {n}")
        session.add_all(lists)
        session.flush()
        parameters = {"first": min(item.id for item in lists), "lists": len(lists)}
        for statement in _VARIETY:
            session.execute(text(statement), parameters if ":first" in statement else {})
        for campaign_id in session.scalars(select(Campaign.id)):
            recount(session, campaign_id)
    return names
