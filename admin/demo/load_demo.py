"""Demo data: a province with a Front committee, five organisations, invented people and a campaign half done.

Every number is a sample number, or for more people than there are of those a number made up at run time,
which only a gateway that is not live may get. Names are put together by chance.
"""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin.demo_bulk import send_in_bulk
from admin.demo_figures import invent_figures
from admin.demo_people import ORGANISATIONS, invent_people
from campaigns.answers.inbox import receive_reply
from campaigns.answers.taking import Keys, take_page_answer
from campaigns.casework.saved_texts import save_text
from campaigns.delivery.claims import claim
from campaigns.delivery.lanes import SERVICE_LANE, Lane
from campaigns.delivery.recording import Report, record, settle
from campaigns.delivery.rendering import Renderer
from campaigns.lifecycle import act, create_campaign
from campaigns.links import LinkCipher
from campaigns.messages import Attempt
from campaigns.models import Recipient
from campaigns.planning.draft import read_draft
from campaigns.planning.kinds import load_kinds
from campaigns.planning.senders import register_sender
from campaigns.states import AttemptState, CampaignAction
from campaigns.timetable import open_step, steps_due
from outreach.access.models import OrganisationKind, Role
from outreach.access.organisations import create_organisation
from outreach.access.users import create_user, find_user
from outreach.errors import BadInput
from outreach.people.models import Contact, Phone
from outreach.places.loading import load_areas
from outreach.places.models import Area
from outreach.runtime import Runtime
from outreach.settings import Settings
from outreach.sms.gateway import Accepted, Cause, Inbound

UNITS = Path(__file__).resolve().parent.parent / "outreach" / "places" / "kontum_units.csv"

# Shown by `demo load` and by `make run`; a live gateway refuses the whole data set.
PASSWORD = "loa-demo-2020"  # noqa: S105
LOGINS = (
    ("quantri@loa.example", Role.ADMINISTRATOR, "quản trị", "Trần Minh Đức"),
    ("canbo@loa.example", Role.STAFF, "cán bộ Mặt trận", "Nguyễn Thu Hương"),
    ("duyet@loa.example", Role.APPROVER, "người duyệt", "Lê Quang Sơn"),
    ("lanhdao@loa.example", Role.LEADER, "lãnh đạo", "Phạm Thanh Bình"),
    ("kiemtra@loa.example", Role.AUDITOR, "kiểm tra", "Đỗ Ngọc Nga"),
)
SENDER = "MTTQKONTUM"
FRONT = ("MTTQ", "Ủy ban MTTQ Việt Nam tỉnh Kon Tum")
# Written with accents and sent without, as the form suggests: one part fewer, and every phone can show it.
TEXT = (
    "[{name} ơi, ]UB MTTQ tỉnh Kon Tum mời ông/bà cài Bluezone để phòng dịch: {link} "
    "Trả lời: 1 đã cài, 2 chưa, 3 không có smartphone, 4 cần giúp, TC thôi nhận tin"
)
# More messages than these are sent and answered by a few statements, without the use cases: a million in a minute.
_ONE_BY_ONE = 5_000

# Why messages do not arrive, and how often among those.
_LOST = ((Cause.UNREACHABLE, Cause.BAD_NUMBER, Cause.EXPIRED, Cause.BLOCKED), (60, 22, 12, 6))
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

_KEPT = (
    ("Hẹn gọi lại", "[{name} oi, ]da nhan tin cua ong/ba. Can bo se goi lai trong ngay."),
    (
        "Cách cài",
        "[{name} oi, ]ong/ba bam vao {link} roi bam Cai dat Bluezone, cho cai xong thi mo len va bat Bluetooth.",
    ),
    ("Nơi giúp", "Can giup cai Bluezone, moi ong/ba mang dien thoai den nha van hoa thon, co can bo giup."),
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
        for email, role, _title, name in LOGINS:
            create_user(
                session,
                email=email,
                password=PASSWORD,
                role=role,
                organisation_id=front.id,
                area_code=None,
                now=now,
                name=name,
            )
        register_sender(
            session,
            name=SENDER,
            registered_on=(now - timedelta(days=30)).date().isoformat(),
            note="Đăng ký giả định để tập huấn, gồm mẫu tin vận động cài Bluezone",
            user=find_user(session, LOGINS[0][0]),
            now=now,
        )
        for title, text in _KEPT:
            author = find_user(session, LOGINS[1][0])
            save_text(session, title=title, text=text, text_id=None, user=author, now=now)
        invent_people(session, contacts, under=FRONT[0], chance=chance, now=now)
        invent_figures(session, contacts, under=FRONT[0], user=find_user(session, LOGINS[1][0]), now=now)
        _run_campaign(session, runtime.settings, contacts=contacts, chance=chance, now=now)
    return contacts


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
            "sender": SENDER,
            "unaccented": True,
            "pace": 20,  # slow enough for a pause to be practised
            "goal": {"share": 0.5},
            "step": [{"after_days": 5, "at": "18:00", "text": f"Nhắc lại: {TEXT}"}],
        },
        kinds=load_kinds(),
    )
    author, approver = (find_user(session, email) for email, *_ in LOGINS[1:3])
    campaign_id = create_campaign(session, draft, user=author, now=then).id
    act(session, campaign_id, CampaignAction.SUBMIT, user=author, now=then)
    act(session, campaign_id, CampaignAction.APPROVE, user=approver, now=then)
    act(session, campaign_id, CampaignAction.LAUNCH, user=author, now=then)
    open_step(session, steps_due(session, now=then)[0], settings=settings, now=then)
    keys = Keys(secret_key=settings.secret_key, is_live=False)
    first = min(contacts // 2, _ONE_BY_ONE)
    for sent in range(0, first, 500):
        most = min(500, first - sent)
        _pretend_to_send(session, settings, campaign_id, most=most, chance=chance, then=then)
    _answer(session, campaign_id, chance=chance, keys=keys, then=then)
    if contacts // 2 > _ONE_BY_ONE:
        send_in_bulk(session, campaign_id, contacts // 2 - _ONE_BY_ONE, then=then)
    act(session, campaign_id, CampaignAction.PAUSE, user=author, now=now)
    while _pretend_to_send(session, settings, SERVICE_LANE, most=500, chance=chance, then=now):
        pass


def _pretend_to_send(
    session: Session, settings: Settings, lane_id: int, *, most: int, chance: random.Random, then: datetime
) -> int:
    """What a worker and the gateway would have done with one batch of at most so many; how many messages."""
    renderer = Renderer(public_base_url=settings.public_base_url, cipher=LinkCipher(settings.secret_key))
    batch = claim(
        session,
        Lane(id=lane_id, closes_at=then),
        limit=most,
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
    reports = [
        Report(item.attempt_id, AttemptState.DELIVERED)
        if chance.random() < 0.96
        else Report(item.attempt_id, AttemptState.UNDELIVERED, cause=chance.choices(*_LOST)[0].value)
        for item in batch.claims
    ]
    settle(session, reports, now=then, secret_key=settings.secret_key)
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
            inbound = Inbound(f"SM{chance.getrandbits(128):032x}", e164, SENDER, text, stopped=False)
            receive_reply(session, inbound, keys=keys, now=at)
