"""Demo data: a province with a Front committee, five organisations, invented people and a campaign half done.

Every number is a sample number, or for more people than there are of those a number made up at run time,
which only a gateway that is not live may get. Names are put together by chance.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from campaigns.answering import Keys, take_page_answer
from campaigns.delivery.claims import claim
from campaigns.delivery.lanes import SERVICE_LANE, Lane
from campaigns.delivery.recording import Report, record, settle
from campaigns.delivery.rendering import Renderer
from campaigns.draft import read_draft
from campaigns.inbox import receive_reply
from campaigns.kinds import load_kinds
from campaigns.lifecycle import act, create_campaign, open_step, steps_due
from campaigns.links import LinkCipher
from campaigns.messages import Attempt
from campaigns.models import Recipient
from campaigns.states import AttemptState, CampaignAction
from outreach.access.models import OrganisationKind, Role
from outreach.access.organisations import create_organisation
from outreach.access.users import create_user, find_user
from outreach.errors import BadInput
from outreach.people.importing import find_or_create_list
from outreach.people.models import Contact, ContactPhone, Membership, Phone
from outreach.people.names import name_key
from outreach.places.loading import load_areas
from outreach.places.models import Area, AreaLevel
from outreach.runtime import Runtime
from outreach.settings import Settings
from outreach.sms.gateway import Accepted, Inbound

UNITS = Path(__file__).resolve().parent.parent / "outreach" / "places" / "kontum_units.csv"

# Shown by `demo load` and by `make run`; a live gateway refuses the whole data set.
PASSWORD = "loa-demo-2020"  # noqa: S105
LOGINS = (
    ("quantri@loa.example", Role.ADMINISTRATOR, "quản trị"),
    ("canbo@loa.example", Role.STAFF, "cán bộ Mặt trận"),
    ("duyet@loa.example", Role.APPROVER, "người duyệt"),
    ("lanhdao@loa.example", Role.LEADER, "lãnh đạo"),
    ("kiemtra@loa.example", Role.AUDITOR, "kiểm tra"),
)
FRONT = ("MTTQ", "Ủy ban MTTQ Việt Nam tỉnh Kon Tum")
ORGANISATIONS = (
    ("PN", "Hội Liên hiệp Phụ nữ tỉnh Kon Tum", "Hội viên phụ nữ"),
    ("TN", "Tỉnh đoàn Kon Tum", "Đoàn viên thanh niên"),
    ("ND", "Hội Nông dân tỉnh Kon Tum", "Hội viên nông dân"),
    ("CCB", "Hội Cựu chiến binh tỉnh Kon Tum", "Hội viên cựu chiến binh"),
    ("LDLD", "Liên đoàn Lao động tỉnh Kon Tum", "Đoàn viên công đoàn"),
)
TEXT = (
    "[{name} oi, ]UB MTTQ tinh Kon Tum moi ong/ba cai Bluezone de phong dich: {link} "
    "Tra loi: 1 da cai, 2 chua, 3 khong co smartphone, 4 can giup, TC thoi nhan tin"
)
_PREFIXES = [
    "32",
    "33",
    "34",
    "35",
    "36",
    "37",
    "38",
    "39",
    "70",
    "76",
    "77",
    "78",
    "79",
    "81",
    "82",
    "83",
    "84",
    "85",
    "86",
    "88",
    "89",
    "90",
    "91",
    "93",
    "94",
    "96",
    "97",
    "98",
]
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương")
_MIDDLES = ("Văn", "Thị", "Minh", "Thanh", "Ngọc", "Quang", "Thu", "Đức", "Kim", "Hữu")
_GIVEN = ("An", "Bình", "Hà", "Hiền", "Hùng", "Hương", "Khánh", "Linh", "Nga", "Phượng", "Sơn", "Tâm", "Yến")
_VILLAGERS = ("Thun", "Hlan", "Blưm", "Kiêng", "Sương", "Mơn", "Hyar", "Lâu", "Nhơi", "Huynh", "Poi", "Viu")
_SAID = (
    ("1", 46),
    ("2", 16),
    ("3", 9),
    ("4", 5),
    ("TC", 2),
    ("cài ở đâu vậy", 4),
    ("da cai roi", 14),
    ("ok", 4),
)


def load_demo(runtime: Runtime, *, contacts: int, now: datetime) -> int:
    """Fill an empty database in one transaction; the number of people.

    Raises BadInput where there is data already, or where messages would reach real people.
    """
    if runtime.settings.is_live:
        raise BadInput("Cổng tin nhắn đang gửi thật, không nạp dữ liệu mẫu được. Hãy dùng bộ mô phỏng.")
    chance = random.Random(62)  # noqa: S311 - the same invented people every time
    with runtime.db.write() as session:
        if session.scalar(select(Area.code).limit(1)) or session.scalar(select(Contact.id).limit(1)):
            raise BadInput("Cơ sở dữ liệu đã có dữ liệu. Hãy nạp dữ liệu mẫu vào một cơ sở dữ liệu trống.")
        load_areas(session, UNITS)
        front = create_organisation(
            session, code=FRONT[0], name=FRONT[1], kind=OrganisationKind.FRONT, area_code="62"
        )
        for email, role, _ in LOGINS:
            create_user(
                session,
                email=email,
                password=PASSWORD,
                role=role,
                organisation_id=front.id,
                area_code=None,
                now=now,
            )
        _add_people(session, contacts, chance=chance, now=now)
        _run_campaign(session, runtime.settings, contacts=contacts, chance=chance, now=now)
    return contacts


def _numbers(count: int) -> Iterator[str]:
    """Sample numbers first; the 280,000 used up, numbers that are merely valid."""
    made = 0
    for block in range(1000):
        for last in range(10_000):
            for prefix in _PREFIXES:
                yield f"+84{prefix}{last % 10}{block:03d}{last // 10:03d}"
                made += 1
                if made == count:
                    return


def _add_people(session: Session, count: int, *, chance: random.Random, now: datetime) -> None:
    communes = session.scalars(select(Area.code).where(Area.level == AreaLevel.COMMUNE)).all()
    lists = []
    for code, name, list_name in ORGANISATIONS:
        made = create_organisation(
            session, code=code, name=name, kind=OrganisationKind.MASS, area_code="62", parent_code=FRONT[0]
        )
        lists.append(find_or_create_list(session, organisation_id=made.id, name=list_name, now=now).id)
    numbers = _numbers(count)
    for start in range(0, count, 5000):
        size = min(5000, count - start)
        people = []
        for _ in range(size):
            name = _invent_name(chance)
            people.append(
                {
                    "name": name,
                    "name_key": name_key(name),
                    "birth_year": chance.randint(1940, 2004),
                    "area_code": chance.choice(communes),
                    "village": f"Thôn {chance.randint(1, 9)}",
                    "has_smartphone": chance.choices((True, False, None), (40, 8, 52))[0],
                    "created_at": now,
                    "updated_at": now,
                }
            )
        ids = session.scalars(
            insert(Contact).returning(Contact.id, sort_by_parameter_order=True), people
        ).all()
        phones = session.scalars(
            insert(Phone).returning(Phone.id, sort_by_parameter_order=True),
            [{"e164": next(numbers), "created_at": now} for _ in range(size)],
        ).all()
        session.execute(
            insert(ContactPhone),
            [
                {"contact_id": person, "phone_id": phone, "position": 1}
                for person, phone in zip(ids, phones, strict=True)
            ],
        )
        session.execute(
            insert(Membership), [{"contact_id": person, "list_id": chance.choice(lists)} for person in ids]
        )


def _invent_name(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return f"{chance.choice(('A', 'Y'))} {chance.choice(_VILLAGERS)}"
    return f"{chance.choice(_FAMILIES)} {chance.choice(_MIDDLES)} {chance.choice(_GIVEN)}"


def _run_campaign(
    session: Session, settings: Settings, *, contacts: int, chance: random.Random, now: datetime
) -> None:
    """A campaign of three days ago: half sent and answered as residents do, then paused."""
    then = now - timedelta(days=3)
    draft = read_draft(
        {
            "name": "Vận động cài đặt Bluezone, đợt 1",
            "text": TEXT,
            "lists": [name for _, _, name in ORGANISATIONS],
            "sender": "MTTQKONTUM",
            "goal": {"share": 0.5},
            "step": [{"after_days": 5, "at": "18:00", "text": f"Nhac lai: {TEXT}"}],
        },
        kinds=load_kinds(),
    )
    author, approver = (find_user(session, email) for email, *_ in LOGINS[1:3])
    campaign_id = create_campaign(session, draft, user=author, now=then).id
    act(session, campaign_id, CampaignAction.SUBMIT, user=author, now=then)
    act(session, campaign_id, CampaignAction.APPROVE, user=approver, now=then)
    act(session, campaign_id, CampaignAction.LAUNCH, user=author, now=then)
    open_step(session, steps_due(session, now=then)[0], now=then)
    keys = Keys(secret_key=settings.secret_key, is_live=False)
    for _ in range(0, contacts // 2, 500):
        _pretend_to_send(session, settings, campaign_id, chance=chance, then=then)
    _answer(session, campaign_id, chance=chance, keys=keys, then=then)
    act(session, campaign_id, CampaignAction.PAUSE, user=author, now=now)
    while _pretend_to_send(session, settings, SERVICE_LANE, chance=chance, then=now):
        pass


def _pretend_to_send(
    session: Session, settings: Settings, lane_id: int, *, chance: random.Random, then: datetime
) -> int:
    """What a worker and the gateway would have done with one batch; how many messages."""
    renderer = Renderer(public_base_url=settings.public_base_url, cipher=LinkCipher(settings.secret_key))
    batch = claim(
        session,
        Lane(id=lane_id, closes_at=then),
        limit=500,
        segments=math.inf,
        now=then,
        lease_s=settings.lease_s,
        worker="demo",
        renderer=renderer,
        price_vnd=settings.price_per_segment_vnd,
        is_live=False,
        service_sender=settings.twilio_from,
    )
    accepted = [(item, Accepted(f"SM{chance.getrandbits(128):032x}")) for item in batch.claims]
    record(session, accepted, now=then, reconcile_s=settings.reconcile_s, secret_key=settings.secret_key)
    ends = (AttemptState.DELIVERED, AttemptState.UNDELIVERED)
    reports = [Report(item.attempt_id, chance.choices(ends, (96, 4))[0]) for item in batch.claims]
    settle(session, reports, now=then)
    return len(batch.claims) + batch.skipped


def _answer(session: Session, campaign_id: int, *, chance: random.Random, keys: Keys, then: datetime) -> None:
    """Four in ten of those reached answer within two days, two thirds of them on the page."""
    reached = session.execute(
        select(Recipient.id, Phone.e164)
        .join(Phone, Phone.id == Recipient.phone_id)
        .join(Attempt, Attempt.phone_id == Phone.id)
        .where(Recipient.campaign_id == campaign_id, Attempt.state == AttemptState.DELIVERED)
        .order_by(Recipient.id)
    ).all()
    words = [word for word, _ in _SAID]
    weights = [weight for _, weight in _SAID]
    for recipient_id, e164 in reached:
        if chance.random() > 0.4:
            continue
        at = then + timedelta(minutes=chance.randint(2, 2880))
        if chance.random() < 0.66:
            pressed = chance.choices(("installed", "need_help", "no_smartphone", "opt_out"), (80, 8, 10, 2))[
                0
            ]
            take_page_answer(session, recipient_id, pressed, keys=keys, now=at)
        else:
            text = chance.choices(words, weights)[0]
            inbound = Inbound(f"SM{chance.getrandbits(128):032x}", e164, "MTTQKONTUM", text, stopped=False)
            receive_reply(session, inbound, keys=keys, now=at)
