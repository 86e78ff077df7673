"""Who may do what with a campaign, and who does not even see it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from campaigns.lifecycle import create_campaign, find_campaign, perform_action
from campaigns.planning.kinds import load_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.accounts.organisations import create_organisation
from outreach.accounts.users import find_user
from outreach.models.accounts import Organisation, OrganisationKind, Role, User
from outreach.models.contacts import ContactList
from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import BadCampaign, NotFound
from tests.integration.campaigns.test_lifecycle import state
from tests.support.errors import refuses
from tests.support.world import LIST, TEXT, World

A, C = CampaignAction, CampaignState
LEAST = {"name": "Bluezone", "text": TEXT, "lists": [LIST], "sender": "MTTQ"}


def add_user(
    world: World, role: Role, *, organisation: str | None = "MTTQ", area: str | None = None, email: str = ""
) -> str:
    """A user who never logs in; the e-mail."""
    email = email or f"{role}@loa.example"
    with world.runtime.db.write() as session:
        owner = session.scalar(select(Organisation.id).where(Organisation.code == (organisation or "")))
        session.add(
            User(
                email=email,
                role=role,
                organisation_id=owner,
                area_code=area,
                password_hash="none",
                created_at=world.now,
            )
        )
    return email


def test_a_campaign_is_seen_by_its_organisation_and_those_above(world: World) -> None:
    with world.runtime.db.write() as session:
        for code, level, parent in (
            ("62", AreaLevel.PROVINCE, None),
            ("608", AreaLevel.DISTRICT, "62"),
            ("617", AreaLevel.DISTRICT, "62"),
        ):
            session.add(Area(code=code, name=code, kind="", level=level, parent_code=parent))
            session.flush()
        for code, parent, area in (
            ("HPN", None, "62"),
            ("HPN-608", "HPN", "608"),
            ("HPN-617", "HPN", "617"),
            ("DOAN", None, "62"),
        ):
            made = create_organisation(
                session, code=code, name=code, kind=OrganisationKind.MASS, area_code=area, parent_code=parent
            )
            session.add(ContactList(organisation_id=made.id, name=f"{code} 1", created_at=world.now))
    author = add_user(world, Role.STAFF, organisation="HPN-608", email="author@loa.example")
    with world.runtime.db.write() as session:
        user = find_user(session, author)
        draft = read_draft({**LEAST, "lists": ["HPN-608 1"]}, kinds=load_kinds())
        campaign = create_campaign(session, draft, user=user, now=world.now).id
        # Lists of others are as good as not there.
        for name in ("HPN-617 1", "DOAN 1", LIST):
            with refuses(BadCampaign, says=name):
                create_campaign(
                    session,
                    read_draft({**LEAST, "lists": [name]}, kinds=load_kinds()),
                    user=user,
                    now=world.now,
                )

    sees = {
        ("HPN-608", None): True,
        ("HPN", None): True,
        ("MTTQ", None): True,  # the committee above all
        (None, "608"): True,
        (None, "62"): True,
        (None, None): True,
        ("HPN-617", None): False,
        ("DOAN", None): False,
        (None, "617"): False,
        ("HPN", "608"): True,
        ("HPN", "617"): False,
        ("MTTQ", "62"): True,
        ("MTTQ", "617"): False,
        ("HPN-608", "617"): True,  # one's own, wherever one works
    }
    for index, ((organisation, area), is_seen) in enumerate(sees.items()):
        email = add_user(
            world, Role.STAFF, organisation=organisation, area=area, email=f"u{index}@loa.example"
        )
        with world.runtime.db.read() as session:
            user = find_user(session, email)
            if is_seen:
                assert find_campaign(session, campaign, user=user).id == campaign
                continue
        # Not to be told from a campaign that is not there.
        for action in (A.SUBMIT, A.CANCEL, A.APPROVE):
            with pytest.raises(NotFound, match=str(campaign)):
                perform_action(world.runtime, campaign, action, user=user, now=world.now)
    assert state(world, campaign) is C.DRAFT
