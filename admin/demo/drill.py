"""A storm to practise on, "diễn tập": a warning to invented people on the training phones, who answer over ten minutes.

The training phones play the residents (`simulator/residents.py`); the campaign's name and text say that it is a drill.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from admin.demo.load_demo import LOGINS, SENDER
from campaigns.lifecycle import create_campaign, perform_action
from campaigns.models.campaigns import DRILL
from campaigns.planning.kinds import office_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction
from outreach.accounts.users import create_user, find_user
from outreach.contacts.phones import find_or_create_phones
from outreach.core.db import count_rows
from outreach.imports.store_rows import find_or_create_list
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact, ContactPhone, Membership
from outreach.models.places import Area, AreaLevel
from outreach.rules.errors import BadInput
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime

TEXT = "DIEN TAP. Bao so 9 vao tinh. Ong/ba co an toan khong? Bam: {link} Hoac nhan AN TOAN, CUU va so nguoi, noi o."
_REASON = "Diễn tập ứng cứu trên điện thoại tập huấn"
_LIST = f"{DRILL} bão lũ"
_PREFIXES = ("90", "91", "93", "94", "96", "97", "98")  # a thousand sample numbers each


def start_drill(runtime: Runtime, *, people: int, now: datetime) -> int:
    """Launch the warning of a drill to invented people of the demo's communes. Returns the campaign's id.

    Raises BadInput where messages would reach real people, and without the demo's data.
    """
    if runtime.settings.app_env == "production" or runtime.settings.is_live:
        raise BadInput("demo_when_live")
    with runtime.db.write() as session:
        author, approver = (find_user(session, email) for email, *_ in LOGINS[1:3])
        owner = author.organisation
        communes = session.scalars(select(Area.code).where(Area.level == AreaLevel.COMMUNE)).all()
        if owner is None or not communes:
            raise BadInput("drill_without_demo")
        made = find_or_create_list(session, organisation_id=owner.id, name=_LIST, now=now)
        key = runtime.settings.keys_of(Purpose.SUPPRESSIONS)
        _add_people(session, made.id, people, communes=communes, key=key, now=now)
        draft = read_draft(
            {
                "name": f"{DRILL}: bão số 9, {now.astimezone(VIETNAM):%H:%M %d/%m}",
                "kind": "bao-lu",
                "text": TEXT,
                "lists": [f"{owner.code}/{_LIST}"],
                "sender": SENDER,
                "urgent": {"reason": _REASON},
            },
            kinds=office_kinds(session),
        )
        campaign_id = create_campaign(session, draft, user=author, now=now).id
        second = _second_approver(session, approver, now=now)
    for action, user in (
        (CampaignAction.SUBMIT, author),
        (CampaignAction.APPROVE, approver),
        (CampaignAction.APPROVE, second),  # a warning needs two
        (CampaignAction.LAUNCH, author),
    ):
        perform_action(runtime, campaign_id, action, user=user, reason=_REASON, now=now)
    return campaign_id


def _second_approver(session: Session, first: User, *, now: datetime) -> User:
    """Return another approver than the demo's; where there is none, somebody is made who cannot sign in."""
    others = select(User).where(User.role == Role.APPROVER, User.is_active, User.id != first.id)
    return session.scalar(others.order_by(User.id).limit(1)) or create_user(
        session,
        email="duyet-dien-tap@loa.example",
        password=None,
        role=Role.APPROVER,
        organisation_id=first.organisation_id,
        now=now,
        name="Người duyệt diễn tập",
    )


def _add_people(
    session: Session, list_id: int, people: int, *, communes: Sequence[str], key: str, now: datetime
) -> None:
    """Put invented people on the drill's list, beside those that are there from an earlier one."""
    there = count_rows(session, Membership, Membership.list_id == list_id)
    if there >= people:
        return
    chance = random.Random(9)  # noqa: S311 - the same people every time
    numbers = [f"+84{_PREFIXES[n // 1000]}{chance.randint(0, 9)}000{n % 1000:03}" for n in range(people)][
        there:
    ]
    phones = find_or_create_phones(session, numbers, secret_key=key, now=now)
    rows = [
        Contact(
            name=f"Diễn Tập {n + 1}",
            name_key=f"dientap{n + 1}",
            given_key=f"tap {n + 1:04}",
            village=f"Thôn {n % 5 + 1}",
            area_code=chance.choice(communes),
            created_at=now,
            updated_at=now,
        )
        for n in range(there, people)
    ]
    session.add_all(rows)
    session.flush()
    pairs = list(zip(rows, numbers, strict=True))
    session.execute(
        insert(ContactPhone),
        [{"contact_id": row.id, "phone_id": phones[e164], "position": 1} for row, e164 in pairs],
    )
    session.execute(insert(Membership), [{"contact_id": row.id, "list_id": list_id} for row in rows])
