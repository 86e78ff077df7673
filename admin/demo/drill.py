"""A storm to practise on, "diễn tập": a warning to the demo's invented people on the training phones, who answer over ten minutes.

The training phones play the residents (`simulator/residents.py`); the campaign's name and text say that it is a drill.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin.demo.load_demo import LOGINS, SENDER
from admin.demo.people import ORGANISATIONS
from campaigns.lifecycle import create_campaign, perform_action
from campaigns.models.campaigns import DRILL
from campaigns.planning.kinds import office_kinds
from campaigns.rules.draft import read_draft
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction
from outreach.accounts.users import create_user, find_by_email
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime

TEXT = "DIEN TAP. Bao so 9 vao tinh. Ong/ba co an toan khong? Bam: {link} Hoac nhan AN TOAN, CUU va so nguoi, noi o."
DRILL_PEOPLE = 2000
_REASON = "Diễn tập ứng cứu trên điện thoại tập huấn"


def may_drill(settings: Settings) -> bool:
    """Return whether an installation is for training: no message reaches anybody."""
    return settings.app_env != "production" and not settings.is_live


def start_drill(runtime: Runtime, *, people: int, now: datetime) -> int:
    """Launch the warning of a drill to the demo's people of some communes. Returns the campaign's id.

    Raises BadInput where messages would reach real people, and without the demo's data.
    """
    if not may_drill(runtime.settings):
        raise BadInput("demo_when_live")
    with runtime.db.write() as session:
        author, approver = (find_by_email(session, email) for email, *_ in LOGINS[1:3])
        communes = _communes_of(session, people)
        if author is None or approver is None or not communes:
            raise BadInput("drill_without_demo")
        draft = read_draft(
            {
                "name": f"{DRILL}: bão số 9, {now.astimezone(VIETNAM):%H:%M %d/%m}",
                "kind": "bao-lu",
                "text": TEXT,
                "lists": [name for _code, _name, name in ORGANISATIONS],
                "areas": communes,
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


def _communes_of(session: Session, people: int) -> list[str]:
    """Return neighbouring communes in which as many of the demo's people live, or all of them."""
    rows = session.execute(
        select(Contact.area_code, func.count())
        .where(Contact.area_code.is_not(None))
        .group_by(Contact.area_code)
        .order_by(Contact.area_code)
    )
    found, communes = 0, list[str]()
    for code, count in rows:
        if found < people and code:
            found += count
            communes.append(code)
    return communes


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
