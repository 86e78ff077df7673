"""Demo data: a province's Front committee, five organisations, invented people, a half-sent campaign.

Every number is a sample number, or for more people than there are of those a number made up at run time,
which only a gateway that is not live may get. Names are put together by chance. The goals are those of the province's letter; the
invented figures say that they are invented.

For large demos the rows that sending and answers leave behind are written by a few SQL statements.

Also a storm to practise on, "diễn tập": a warning to the invented people on the training phones, which answer over ten minutes
(`simulator/residents.py`); the campaign's name and text say that it is a drill.
"""

import math
import random
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import String, and_, case, cast, delete, func, insert, literal, select, text, update
from sqlalchemy.orm import Session

from campaigns.agencies.reports import submit_by_officer
from campaigns.answer_totals import recount
from campaigns.cases.conversation import save_text
from campaigns.delivery.claim_messages import ClaimSettings, claim
from campaigns.delivery.record_outcomes import apply_reports, record_outcomes
from campaigns.delivery.streams import TRANSACTIONAL_STREAM, Stream
from campaigns.goals.goals import enter_denominator, enter_official, find_subject, set_goal
from campaigns.lifecycle import change_campaign, create_campaign, perform_action
from campaigns.models.campaigns import DRILL, Campaign, Recipient
from campaigns.models.messages import Attempt, AttemptTotal, Message, Outbox
from campaigns.models.replies import Answer, AnswerSource, InstallReport
from campaigns.planning.drives import open_drive_of
from campaigns.planning.kinds import office_kinds
from campaigns.planning.registered_templates import register_sender
from campaigns.replies.receive_reply import receive_reply
from campaigns.replies.record_answer import record_page_answer
from campaigns.reports.settings import save_form
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.approvals import LaunchTerms
from campaigns.rules.draft import DEFAULT_KIND, read_draft
from campaigns.rules.goals import GoalScope, GoalSubject
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptReport, AttemptState, CampaignAction, MessageState
from campaigns.sweep import open_step, steps_due
from outreach.accounts.users import create_organisation, create_user, find_by_email, find_user, hash_unchecked
from outreach.contacts.languages import offer_languages
from outreach.core.db import Base, advance, change_rows, is_postgresql
from outreach.core.settings import Settings
from outreach.imports.store_rows import find_or_create_list
from outreach.models.accounts import Area, AreaLevel, OrganisationKind, Role, User
from outreach.models.contacts import Contact, ContactPhone, LegalBasis, Membership, Phone
from outreach.places.areas import load_areas
from outreach.rules.errors import BadInput
from outreach.rules.gateway import Accepted, Cause, InboundMessage
from outreach.rules.identity import name_key, name_order
from outreach.rules.quiet_days import NO_DAYS
from outreach.rules.segments import measure
from outreach.runtime import Runtime

ORGANISATIONS = (
    ("PN", "Hội Liên hiệp Phụ nữ tỉnh Kon Tum", "Hội viên phụ nữ"),
    ("TN", "Tỉnh đoàn Kon Tum", "Đoàn viên thanh niên"),
    ("ND", "Hội Nông dân tỉnh Kon Tum", "Hội viên nông dân"),
    ("CCB", "Hội Cựu chiến binh tỉnh Kon Tum", "Hội viên cựu chiến binh"),
    ("LDLD", "Liên đoàn Lao động tỉnh Kon Tum", "Đoàn viên công đoàn"),
)
_PREFIXES = [
    first + second
    for first, seconds in {"3": "23456789", "7": "06789", "8": "12345689", "9": "0134678"}.items()
    for second in seconds
]
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương")
_MIDDLES = ("Văn", "Thị", "Minh", "Thanh", "Ngọc", "Quang", "Thu", "Đức", "Kim", "Hữu")
_GIVEN = ("An", "Bình", "Hà", "Hiền", "Hùng", "Hương", "Khánh", "Linh", "Nga", "Phượng", "Sơn", "Tâm", "Yến")
_VILLAGERS = ("Thun", "Hlan", "Blưm", "Kiêng", "Sương", "Mơn", "Hyar", "Lâu", "Nhơi", "Huynh", "Poi", "Viu")
_CHUNK = 20_000


def invent_people(session: Session, count: int, *, under: str, chance: random.Random, now: datetime) -> None:
    """Fill an empty directory with `count` people, in the lists of organisations below `under`.

    Each has a phone.
    """
    communes = session.scalars(select(Area.code).where(Area.level == AreaLevel.COMMUNE)).all()
    lists = []
    for code, name, list_name in ORGANISATIONS:
        made = create_organisation(
            session, code=code, name=name, kind=OrganisationKind.MASS, area_code="62", parent_code=under
        )
        contact_list = find_or_create_list(session, organisation_id=made.id, name=list_name, now=now)
        contact_list.basis, contact_list.basis_note = LegalBasis.MEMBERSHIP, "Điều lệ của tổ chức"
        lists.append(contact_list.id)
    numbers = _numbers(count)
    for start in range(1, count + 1, _CHUNK):
        # The tables are empty: a person and their phone get the same id.
        ids = range(start, min(start + _CHUNK, count + 1))
        _fill(session, Contact, [_person(id_, communes, chance, now) for id_ in ids])
        _fill(
            session,
            Phone,
            [
                {"id": id_, "e164": e164, "reversed": e164[::-1], "created_at": now}
                for id_, e164 in zip(ids, islice(numbers, len(ids)), strict=True)
            ],
        )
        _fill(session, ContactPhone, [{"contact_id": id_, "phone_id": id_, "position": 1} for id_ in ids])
        _fill(
            session,
            Membership,
            [{"contact_id": id_, "list_id": chance.choice(lists), "unit": ""} for id_ in ids],
        )
    if is_postgresql(session):
        for table in ("contacts", "phones"):
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {count})"))
            session.execute(text(f"ANALYZE {table}"))
        session.execute(text("ANALYZE contact_phones, memberships"))


def _person(id_: int, communes: Any, chance: random.Random, now: datetime) -> dict[str, Any]:
    name = _invent_name(chance)
    by_name, by_given = _keys(name)
    return {
        "id": id_,
        "name": name,
        "name_key": by_name,
        "given_key": by_given,
        "birth_year": chance.randint(1940, 2004),
        "area_code": chance.choice(communes),
        "village": f"Thôn {chance.randint(1, 9)}",
        "has_smartphone": chance.choices((True, False, None), (40, 8, 52))[0],
        "created_at": now,
        "updated_at": now,
    }


def _fill(session: Session, model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert many rows at once, on PostgreSQL by its own fast way."""
    advance(len(rows))
    if not is_postgresql(session):
        session.execute(insert(model), rows)
        return
    columns = ", ".join(rows[0])
    driver = session.connection().connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {model.__tablename__} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


def _numbers(count: int) -> Iterator[str]:
    """Yield the 280,000 sample numbers first, then numbers that are merely valid."""
    made = 0
    for block in range(1000):
        for last in range(10_000):
            for prefix in _PREFIXES:
                yield f"+84{prefix}{last % 10}{block:03d}{last // 10:03d}"
                made += 1
                if made == count:
                    return


@cache
def _keys(name: str) -> tuple[str, str]:
    return name_key(name), name_order(name)


def _invent_name(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return f"{chance.choice(('A', 'Y'))} {chance.choice(_VILLAGERS)}"
    return f"{chance.choice(_FAMILIES)} {chance.choice(_MIDDLES)} {chance.choice(_GIVEN)}"


LETTER = "Công văn của UBND tỉnh Kon Tum về đẩy mạnh cài đặt Bluezone, tháng 8 năm 2020"
EXAMPLE = "SỐ VÍ DỤ để tập huấn, không phải số thật"
# People by district: estimates from the census of 2019 and the shares of 2022.
RESIDENTS = {
    "608": 165_563,
    "615": 74_172,
    "611": 60_545,
    "616": 49_838,
    "612": 47_935,
    "610": 47_770,
    "614": 28_956,
    "617": 27_334,
    "613": 26_246,
    "618": 12_080,
}
# Of the demo's people, so that its shares look like those of a province.
_WITH_SMARTPHONE = 0.56
_OFFICIAL_OF = (0.34, 0.28, 0.31, 0.22, 0.27, 0.19, 0.24, 0.12, 0.17, 0.3)  # of those, by district
# What each agency counted on the last days, the oldest first: staff, smartphones, installed. None: not handed in.
_AGENCIES: tuple[tuple[str, str, tuple[StaffCounts | None, ...]], ...] = (
    (
        "STTTT",
        "Sở Thông tin và Truyền thông",
        (StaffCounts(62, 60, 51), StaffCounts(62, 60, 57), StaffCounts(62, 60, 60)),
    ),
    (
        "SYT",
        "Sở Y tế",
        (StaffCounts(1_204, 1_181, 920), StaffCounts(1_204, 1_181, 1_043), StaffCounts(1_204, 1_181, 1_120)),
    ),
    ("SGDDT", "Sở Giáo dục và Đào tạo", (StaffCounts(318, 309, 188), StaffCounts(318, 309, 226), None)),
    ("STC", "Sở Tài chính", (None, StaffCounts(74, None, 40), StaffCounts(74, 71, 55))),
)


def invent_figures(session: Session, contacts: int, *, under: str, user: User, now: datetime) -> None:
    """Goals, denominators, official installs and agencies' counts for a demo of so many people."""
    today = now.astimezone(VIETNAM).date()
    then = now - timedelta(days=4)
    drive = open_drive_of(session, DEFAULT_KIND, now=then).id
    for scope, place, share in ((GoalScope.RESIDENTS, "62", "50"), (GoalScope.STAFF, "", "100")):
        subject = find_subject(session, drive=drive, scope=scope, place=place)
        deadline = (today + timedelta(days=12)).isoformat()
        set_goal(session, subject, share=share, deadline=deadline, basis=LETTER, user=user, now=then)
    whole = sum(RESIDENTS.values())
    owners = {
        code: max(1, round(contacts * _WITH_SMARTPHONE * people / whole))
        for code, people in RESIDENTS.items()
    }
    for code, count in {"62": sum(owners.values()), **owners}.items():
        enter_denominator(
            session,
            GoalSubject(drive, GoalScope.RESIDENTS, area=code),
            value=str(count),
            as_of=then.astimezone(VIETNAM).date().isoformat(),
            source=EXAMPLE,
            user=user,
            now=then,
        )
    for (code, count), share_of_them in zip(owners.items(), _OFFICIAL_OF, strict=True):
        enter_official(
            session,
            drive=drive,
            day=(today - timedelta(days=1)).isoformat(),
            area=code,
            installed=str(round(count * share_of_them)),
            source=EXAMPLE,
            user=user,
            now=now,
        )
    for code, name, days in _AGENCIES:
        agency = create_organisation(
            session, code=code, name=name, kind=OrganisationKind.AGENCY, parent_code=under, area_code="62"
        )
        for ago, counts in zip(range(len(days) - 1, -1, -1), days, strict=True):
            if counts:
                submit_by_officer(
                    session,
                    agency.id,
                    counts,
                    day=today - timedelta(days=ago),
                    note=EXAMPLE,
                    user=user,
                    now=now - timedelta(days=ago),
                )


UNITS = Path(__file__).resolve().parents[2] / "outreach" / "places" / "kontum_units.csv"
REPORT_FORM = Path(__file__).with_name("kontum.toml")
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
LANGUAGES = ("sed", "bdq", "jeh", "jra", "brb", "rmx")  # of Kon Tum
FRONT = ("MTTQ", "Ủy ban MTTQ Việt Nam tỉnh Kon Tum")
# Written with accents and sent without, as the form suggests: one part fewer, and every phone can show it.
TEXT = (
    "UB MTTQ tỉnh Kon Tum kính mời ông/bà[ {name}] cài Bluezone để phòng dịch: {link} "
    "Trả lời: 1 đã cài, 2 chưa, 3 không có smartphone, 4 cần giúp, TC từ chối nhận tin"
)
# More messages than this are sent and answered by a few SQL statements instead of the use cases: a million in a minute.
_ONE_BY_ONE = 5_000
# Causes of undelivered messages, with their weights.
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
    ("Hẹn gọi lại", "[{name} oi, ]da nhan tin cua ong/ba. Can bo se goi lai trong ngay.", ""),
    (
        "Cách cài",
        "[{name} oi, ]ong/ba bam vao {link} roi bam Cai dat Bluezone, cho cai xong thi mo len va bat Bluetooth.",
        "bluezone",
    ),
    (
        "Nơi giúp",
        "Can giup cai Bluezone, moi ong/ba mang dien thoai den nha van hoa thon, co can bo giup.",
        "bluezone",
    ),
)


def load_demo(runtime: Runtime, *, contacts: int, now: datetime) -> int:
    """Fill an empty database in one transaction. Returns the number of people.

    Raises BadInput in production, as the passwords are known, if there is data already, or if messages would reach
    real people.
    """
    if runtime.settings.app_env == "production":
        raise BadInput("demo_in_production")
    if runtime.settings.is_live:
        raise BadInput("demo_when_live")
    chance = random.Random(62)  # noqa: S311 - the same invented people every time
    with runtime.db.write() as session:
        if session.scalar(select(Area.code).limit(1)) or session.scalar(select(Contact.id).limit(1)):
            raise BadInput("demo_not_empty")
        load_areas(session, UNITS)
        front = create_organisation(
            session, code=FRONT[0], name=FRONT[1], kind=OrganisationKind.FRONT, area_code="62"
        )
        for email, role, _title, name in LOGINS:
            made = create_user(
                session, email=email, password=None, role=role, organisation_id=front.id, now=now, name=name
            )
            made.password_hash = hash_unchecked(PASSWORD)  # everybody knows it
        register_sender(
            session,
            name=SENDER,
            registered_on=(now - timedelta(days=30)).date().isoformat(),
            note="Đăng ký giả định để tập huấn, gồm mẫu tin vận động cài Bluezone",
            user=find_user(session, LOGINS[0][0]),
            now=now,
        )
        save_form(
            session,
            open_drive_of(session, DEFAULT_KIND, now=now - timedelta(days=4)).id,
            tomllib.loads(REPORT_FORM.read_text(encoding="utf-8")),
            user=find_user(session, LOGINS[0][0]),
            now=now,
        )
        offer_languages(session, codes=LANGUAGES, user=find_user(session, LOGINS[0][0]), now=now)
        for title, text, kind in _KEPT:
            author = find_user(session, LOGINS[1][0])
            save_text(session, title=title, text=text, text_id=None, kind=kind, user=author, now=now)
        invent_people(session, contacts, under=FRONT[0], chance=chance, now=now)
        invent_figures(session, contacts, under=FRONT[0], user=find_user(session, LOGINS[1][0]), now=now)
        _run_campaign(session, runtime.settings, contacts=contacts, chance=chance, now=now)
    return contacts


def _run_campaign(
    session: Session, settings: Settings, *, contacts: int, chance: random.Random, now: datetime
) -> None:
    """Create a campaign of three days ago: half sent and answered as residents do, then paused."""
    then = now - timedelta(days=3)
    draft = read_draft(
        {
            "name": "Vận động cài đặt Bluezone, đợt 1",
            "text": TEXT,
            "lists": [name for _, _, name in ORGANISATIONS],
            "sender": SENDER,
            "unaccented": True,
            "pace": 20,  # slow enough to practise pausing
            "goal": {"share": 0.5},
            "step": [{"after_days": 5, "at": "18:00", "text": f"Nhắc lại: {TEXT}"}],
        },
        kinds=office_kinds(session),
    )
    author, approver = (find_user(session, email) for email, *_ in LOGINS[1:3])
    terms = LaunchTerms(approvals=1, estimate_vnd=None)
    campaign_id = create_campaign(session, draft, user=author, now=then).id
    change_campaign(session, campaign_id, CampaignAction.SUBMIT, terms=None, user=author, now=then)
    change_campaign(session, campaign_id, CampaignAction.APPROVE, terms=terms, user=approver, now=then)
    change_campaign(session, campaign_id, CampaignAction.LAUNCH, terms=terms, user=author, now=then)
    open_step(session, steps_due(session, now=then, quiet=NO_DAYS)[0], settings=settings, now=then)
    first = min(contacts // 2, _ONE_BY_ONE)
    for sent in range(0, first, 500):
        most = min(500, first - sent)
        _pretend_to_send(session, settings, campaign_id, most=most, chance=chance, then=then)
    _answer_as_residents(session, campaign_id, chance=chance, then=then)
    if contacts // 2 > _ONE_BY_ONE:
        send_in_bulk(session, campaign_id, contacts // 2 - _ONE_BY_ONE, then=then)
    change_campaign(session, campaign_id, CampaignAction.PAUSE, terms=None, user=author, now=now)
    while _pretend_to_send(session, settings, TRANSACTIONAL_STREAM, most=500, chance=chance, then=now):
        pass


def _pretend_to_send(
    session: Session, settings: Settings, stream_id: int, *, most: int, chance: random.Random, then: datetime
) -> int:
    """Do what a worker and the gateway would have done with one batch. Returns its number of messages."""
    by = replace(ClaimSettings.of(settings, worker="demo"), quiet=NO_DAYS)
    stream, price_vnd = Stream(id=stream_id, closes_at=then), settings.price_per_segment_vnd
    batch = claim(session, stream, by, limit=most, segments=math.inf, now=then, price_vnd=price_vnd)
    accepted = [(item, Accepted(f"SM{chance.getrandbits(128):032x}")) for item in batch.claims]
    record_outcomes(session, accepted, now=then, settings=settings)
    reports = [
        AttemptReport(item.attempt_id, AttemptState.DELIVERED)
        if chance.random() < 0.96
        else AttemptReport(item.attempt_id, AttemptState.UNDELIVERED, cause=chance.choices(*_LOST)[0].value)
        for item in batch.claims
    ]
    apply_reports(session, reports, now=then)
    return len(batch.claims) + batch.skipped


def _answer_as_residents(
    session: Session, campaign_id: int, *, chance: random.Random, then: datetime
) -> None:
    """Record answers: four in ten of those reached answer within two days, two thirds of them on the page."""
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
            record_page_answer(session, recipient_id, pressed, now=at)
        else:
            text = chance.choices(words, weights)[0]
            inbound = InboundMessage(
                f"SM{chance.getrandbits(128):032x}", e164, SENDER, text, is_opt_out=False
            )
            receive_reply(session, inbound, now=at)


_BODY = "UB MTTQ tinh Kon Tum moi ong/ba cai Bluezone de phong dich"
# Of 25 messages one does not arrive; of five that do two are answered, and of ten answers eight say installed.
_LOST_OF = 25
_CAUSES = {0: Cause.UNREACHABLE, 25: Cause.BAD_NUMBER, 50: Cause.UNREACHABLE, 75: Cause.EXPIRED}  # of 100
_ASKED_OF, _ANSWER = 5, 2


def send_in_bulk(session: Session, campaign_id: int, count: int, *, then: datetime) -> None:
    """Mark `count` waiting messages of a campaign as sent, reported and answered at the moment `then`."""
    waiting = (
        select(Message.id)
        .where(Message.campaign_id == campaign_id, Message.state == MessageState.QUEUED)
        .order_by(Message.id)
        .limit(count)
        .subquery()
    )
    first, last = session.execute(select(func.min(waiting.c.id), func.max(waiting.c.id))).one()
    these = and_(
        Message.campaign_id == campaign_id,
        Message.state == MessageState.QUEUED,
        Message.id.between(first, last),
    )
    is_lost = Message.id % _LOST_OF == 0
    _attempt(session, campaign_id, these, is_lost, then=then)
    session.execute(
        delete(Outbox).where(Outbox.stream_id == campaign_id, Outbox.message_id.between(first, last))
    )
    session.execute(
        update(Message)
        .where(these)
        .values(state=case((is_lost, MessageState.UNDELIVERED.value), else_=MessageState.DELIVERED.value))
    )
    _answer_in_bulk(session, campaign_id, first=first, last=last, then=then)


def _attempt(session: Session, campaign_id: int, these: object, is_lost: object, *, then: datetime) -> None:
    segments = measure(_BODY).segments
    rows = select(
        Message.id,
        literal(1),
        Message.phone_id,
        literal(campaign_id),
        case((is_lost, AttemptState.UNDELIVERED.value), else_=AttemptState.DELIVERED.value),  # type: ignore[arg-type]
        literal("demo"),
        literal(_BODY),
        literal(segments),
        literal(then, Attempt.claimed_at.type),
        literal(0),
        literal("SMdemo") + cast(Message.id, String),
        literal(then, Attempt.claimed_at.type),
        case(*((Message.id % 100 == rest, cause.value) for rest, cause in _CAUSES.items()), else_=None),
    ).where(these)  # type: ignore[arg-type]
    columns = (
        "message_id n phone_id stream_id state worker body segments claimed_at times_absent gateway_id settled_at "
        "cause"
    )
    made = session.execute(insert(Attempt).from_select(columns.split(), rows))
    ended = session.execute(
        select(Attempt.state, Attempt.cause, func.count(), func.sum(Attempt.segments))
        .join(Message, Message.id == Attempt.message_id)
        .where(these)  # type: ignore[arg-type]
        .group_by(Attempt.state, Attempt.cause)
    ).all()
    session.add_all(
        AttemptTotal(stream_id=campaign_id, state=state, cause=cause, n=n, segments=total, at=then)
        for state, cause, n, total in ended
    )
    session.execute(
        update(Campaign)
        .where(Campaign.id == campaign_id)
        .values(segments_taken=Campaign.segments_taken + segments * made.rowcount)  # type: ignore[attr-defined]
    )


def _answer_in_bulk(session: Session, campaign_id: int, *, first: int, last: int, then: datetime) -> None:
    before = session.scalar(select(func.coalesce(func.max(Answer.id), 0))) or 0
    tens = Message.id % 100 // 10
    label = case(
        (tens == 0, Label.NOT_YET.value), (tens == 1, Label.NO_SMARTPHONE.value), else_=Label.INSTALLED.value
    )
    reached = select(
        Message.recipient_id,
        Message.campaign_id,
        Message.phone_id,
        label,
        literal(AnswerSource.PAGE.value),
        literal(then, Answer.at.type),
    ).where(
        Message.campaign_id == campaign_id,
        Message.id.between(first, last),
        Message.state == MessageState.DELIVERED,
        Message.id % _ASKED_OF < _ANSWER,
    )
    columns = ["recipient_id", "campaign_id", "phone_id", "label", "source", "at"]
    session.execute(insert(Answer).from_select(columns, reached))
    change_rows(
        session,
        update(Recipient)
        .where(Answer.recipient_id == Recipient.id, Answer.id > before)
        .values(answer=Answer.label, answered_at=Answer.at),
    )
    installed = select(
        Answer.campaign_id, Answer.phone_id, Answer.recipient_id, Answer.id, Answer.source, Answer.at
    ).where(Answer.id > before, Answer.label == Label.INSTALLED)
    columns = ["campaign_id", "phone_id", "recipient_id", "answer_id", "source", "reported_at"]
    session.execute(insert(InstallReport).from_select(columns, installed))
    recount(session, campaign_id)


_DRILL_TEXT = "DIEN TAP. Bao so 9 vao tinh. Ong/ba co an toan khong? Bam: {link} Hoac nhan AN TOAN, CUU va so nguoi, noi o."
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
                "text": _DRILL_TEXT,
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
