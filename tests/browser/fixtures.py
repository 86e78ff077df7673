"""What stands in the office before the first visitor: a campaign in each state, a list in each, an incident."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from sqlalchemy import func, select, update

from admin.demo.load_demo import LOGINS, ORGANISATIONS, SENDER, TEXT
from campaigns.activities.activity_log import add_activity
from campaigns.agencies.reports import address_of, make_link, submit_by_officer
from campaigns.cases.handle_case import assign_case, close_case
from campaigns.cases.merge_people import merge_people
from campaigns.cases.rescue import hand_over_case, read_cries, team_link
from campaigns.delivery.office_phones import add_control_phone, answer_control_copy, queue_control_copies
from campaigns.goals.goals import import_official
from campaigns.lifecycle import change_campaign, create_campaign, edit_campaign
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.checks import ControlCopy
from campaigns.models.messages import Attempt, Incident, Message
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Case, Reply
from campaigns.models.webhooks import DeliveryState
from campaigns.planning.approvals import LaunchTerms
from campaigns.planning.audience import freeze_audience
from campaigns.planning.drafts import save_segment
from campaigns.planning.drives import current_drive_id, drive_for_figures
from campaigns.planning.kinds import create_kind, load_kinds
from campaigns.privacy.requests import finish_request, record_request
from campaigns.replies.receive_reply import receive_reply
from campaigns.replies.safety import Details, record_page_details, record_page_safety
from campaigns.reports.documents import address_of as report_address
from campaigns.reports.documents import end_link as end_report_link
from campaigns.reports.documents import make_link as make_report_link
from campaigns.reports.issue_report import approve_report, correct, freeze, issue, prepare_report
from campaigns.reports.urge_contact import text_with_link, urge_contact
from campaigns.rules.activities import ActivityEntry, ActivityKind
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.draft import read_draft
from campaigns.rules.links import FIRST_CONTROL_COPY, LinkCipher
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptState, CampaignAction, CampaignState, MessageState
from campaigns.rules.visits import VisitOutcome
from campaigns.rules.webhooks import EventKind
from campaigns.visits.results import enter_results
from campaigns.visits.sheets import create_sheet
from campaigns.webhooks.collect_events import new_delivery
from campaigns.webhooks.deliver_events import OFFERED, subscribe
from outreach.accounts.api_tokens import create_token, end_token
from outreach.accounts.invitations import link_for
from outreach.accounts.users import create_organisation, find_user
from outreach.contacts.phones import find_or_create_phones
from outreach.imports.do_not_call import too_few_left
from outreach.imports.uploads import UploadContext, confirm_upload, process_upload, receive_upload
from outreach.models.accounts import Organisation, OrganisationKind, Right
from outreach.models.contacts import Contact, ContactList, ContactPhone, DoNotCallFile, Membership, Phone
from outreach.rules.gateway import InboundMessage
from outreach.rules.keys import Purpose

DATA = Path(__file__).resolve().parents[1] / "data"
ADMINISTRATOR, AUTHOR, APPROVER, LEADER, AUDITOR = (email for email, *_ in LOGINS)
LIST = ORGANISATIONS[1][2]  # a list of the Youth Union
SHORT_LIST = """Họ và tên,Số điện thoại,Xã/phường
A Blưm,0905000901,xã Mường Hoong
Y Hlan,0905000902,thị trấn Đăk Hà
Y Sương,090500090,xã Ya Tăng
A Huynh,không có,Phường Quang Trung
Y Rơ,09O5 OOO 903,xã Ya Tăng
A Rin,09O5 OOO 904,xã Ya Tăng
"""
_A = CampaignAction


def seed_site(runtime):
    """The ids of what was put there, by the name of its state."""
    now = datetime.now(UTC)
    # First, as a new campaign is proposed to be of the kind of the newest.
    made = _cry_for_help(runtime, now)
    with runtime.db.write() as session:
        made |= _write_campaigns(session, now)
        made["demo"] = session.scalars(select(func.min(Campaign.id))).one()
        made["list"] = session.scalars(select(ContactList.id).where(ContactList.name == LIST)).one()
        made["person"] = session.scalars(select(func.min(Recipient.contact_id)).join(Reply)).one()
        made |= _work_through(session, now)
        made |= _merge(session, now)
        _ask(session, made["person"], now)
        made |= _hand_in_figures(session, runtime, now)
        made["round"] = _send_round(session, made["demo"], now)
        made["copy"] = _send_copies(session, made["demo"], runtime.settings, now)
        _lose_sight(session, made["demo"], now)
        _narrow(session, now)
        session.add(Incident(kind="sent_twice", subject="messages:1", details={}, at=now))
        made |= _hand_in(session, Path(runtime.settings.uploads_dir), now)
        made["hook"] = _open_to_others(session, now)
        content = {**load_kinds()["khao-sat"], "title": "Khám sức khỏe định kỳ"}
        made["kind"] = create_kind(session, content, user=find_user(session, AUTHOR), now=now).code
        invited = find_user(session, LEADER)
        made["user"] = invited.id
        made["organisation"] = session.scalars(select(func.max(Organisation.id))).one()
        made["invitation"] = link_for(invited, runtime.settings).rpartition("/")[2]
    _work_on(runtime, made)
    return made | _report(runtime, now)


def _cry_for_help(runtime, now):
    """A warning with cries in each state; the token of a team that is on the way, and somebody's number whom it was written to."""
    numbers = [f"+8490500095{n}" for n in range(6)]
    with runtime.db.write() as session:
        author, approver = find_user(session, AUTHOR), find_user(session, APPROVER)
        owner = session.scalars(select(Organisation.id).where(Organisation.code == ORGANISATIONS[0][0])).one()
        made = ContactList(organisation_id=owner, name="Dân ven suối", created_at=now)
        session.add(made)
        session.flush()
        phones = find_or_create_phones(session, numbers, now=now)
        for n, e164 in enumerate(numbers):
            times = {"created_at": now, "updated_at": now, "area_code": ("23281", "23284")[n % 2]}
            person = Contact(name=f"A Suối {n}", name_key=f"asuoi{n}", village=f"Thôn {n % 3 + 1}", **times)
            session.add(person)
            session.flush()
            session.add(ContactPhone(contact_id=person.id, phone_id=phones[e164], position=1))
            session.add(Membership(list_id=made.id, contact_id=person.id))
        draft = _draft("Bão số 9, lũ về đêm", kind="bao-lu", lists=[f"{ORGANISATIONS[0][0]}/Dân ven suối"])
        event = create_campaign(session, draft, user=author, now=now)
        terms = LaunchTerms(approvals=1, estimate_vnd=None)
        for action, user in ((_A.SUBMIT, author), (_A.APPROVE, approver), (_A.LAUNCH, author)):
            change_campaign(session, event.id, action, terms=terms, user=user, now=now)
        event.urgent_reason, event.state, event.ended_at = "Bão số 9", CampaignState.COMPLETED, now
        freeze_audience(session, event)
        rows = session.scalars(
            select(Recipient).where(Recipient.campaign_id == event.id).order_by(Recipient.id)
        ).all()
        for recipient, word in zip(rows, ("help", "help", "other", "safe"), strict=False):
            at = now - timedelta(minutes=20 - 9 * (recipient.id % 3))
            record_page_safety(session, recipient.id, word, now=at)
        where = [("14.3601", "108.0002"), ("14.3603", "108.0003"), ("14.4202", "107.9701")]
        for recipient, (latitude, longitude) in zip(rows, where, strict=False):
            form = {"people": "5", "place": "Gần nhà rông", "latitude": latitude, "longitude": longitude}
            details = Details.typed(form, ["boat", "birth"])
            record_page_details(session, recipient.id, details, now=now)
        text = InboundMessage(
            "SMcry", "+84905000959", SENDER, "CUU 12 nguoi tren mai truong hoc, het gao", False
        )
        assert receive_reply(session, text, now=now)
        first = session.scalars(select(Case.id).where(Case.recipient_id == rows[0].id)).one()
        to = {"officer_id": None, "team": "Đội xuồng 2", "number": "0905000960"}
        hand_over_case(session, first, **to, settings=runtime.settings, user=author, now=now)
        (cry,) = read_cries(session, event.id, Case.id == first)
        token = team_link(cry, runtime.settings, by=1).rpartition("/")[2]
        link = LinkCipher(runtime.settings.keys_of(Purpose.LINKS)).token(rows[4].id)
    return {"event": event.id, "team_token": token, "warned": link}


def _report(runtime, now):
    """Yesterday's report, corrected, and the links to it; the day before's link has been ended."""
    yesterday = now.astimezone(VIETNAM).date() - timedelta(days=1)
    before = yesterday - timedelta(days=1)
    with runtime.db.read() as session:
        drive = current_drive_id(session)
        author, approver = find_user(session, AUTHOR), find_user(session, APPROVER)
    iso = yesterday.isoformat()
    freeze(runtime, drive, yesterday, now=now)
    prepare_report(runtime, drive, iso, remark="Mưa lớn tại ba xã", user=author, now=now)
    for is_correction in (False, True):
        if is_correction:
            correct(runtime, drive, yesterday, user=author, now=now)
        approve_report(runtime, drive, iso, prepared_at=now.isoformat(), user=approver, now=now)
        issue(runtime, drive, yesterday, now=now)
    with runtime.db.write() as session:
        [ended, shown] = (
            make_report_link(session, drive, day.isoformat(), days=7, user=None, now=now)
            for day in (before, yesterday)
        )
        end_report_link(session, ended.id, user=find_user(session, AUTHOR), now=now)
    urged = urge_contact(
        runtime,
        drive,
        area="608",
        organisation=None,
        channel="mail",
        contact="Đồng chí Chủ tịch",
        address="xa608@loa.example",
        text="Kính gửi đồng chí,\n\nThành phố Kon Tum còn thiếu 1.204 người. Đề nghị cho biết biện pháp tại:\n{link}",
        user=author,
        now=now,
    )
    urge_token = text_with_link(urged, runtime.settings).rpartition("/")[2]
    tokens = [report_address(link, runtime.settings).rpartition("/")[2] for link in (ended, shown)]
    return {
        "yesterday": yesterday.isoformat(),
        "ended_token": tokens[0],
        "report_token": tokens[1],
        "urge_token": urge_token,
        "drive": str(drive),
    }


def _open_to_others(session, now):
    """A token in use, one that was ended; the id of a webhook's subscription with events in each state."""
    owner = session.scalars(select(Organisation.id).where(Organisation.code == ORGANISATIONS[0][0])).one()
    user = find_user(session, ADMINISTRATOR)
    for name, rights in (("Cổng dữ liệu của tỉnh", list(Right)), ("Phần mềm cũ", [Right.FIGURES_READ])):
        token, _text = create_token(
            session, name=name, organisation_id=owner, rights=rights, days=365, user=user, now=now
        )
    end_token(session, token.id, user=user, now=now)
    hook = subscribe(
        session,
        name="Kho dữ liệu của tỉnh",
        url="https://dulieu.example.vn/loa/tin-bao",
        organisation_id=owner,
        kinds=OFFERED,
        is_production=True,
        user=user,
        now=now,
    )
    for number, (kind, state, tries, status) in enumerate(
        [
            (EventKind.PING, DeliveryState.DELIVERED, 1, 204),
            (EventKind.ANSWER_RECORDED, DeliveryState.DELIVERED, 3, 200),
            (EventKind.INSTALL_REPORTED, DeliveryState.FAILED, 17, 400),
            (EventKind.MESSAGE_FINAL, DeliveryState.WAITING, 2, None),
        ]
    ):
        told = new_delivery(hook, kind, f"{kind}:{number}", {}, at=now, now=now)
        told.state, told.tries, told.status = state, tries, status
        session.add(told)
    hook.tries, hook.due_at = 2, now + timedelta(minutes=2)
    session.flush()
    return hook.id


def _draft(name, **changes):
    data = {
        "name": name,
        "text": TEXT,
        "lists": [LIST],
        "sender": SENDER,
        "goal": {"share": 0.5},
        "unaccented": True,
    }
    return read_draft({**data, **changes}, kinds=load_kinds())


def _write_campaigns(session, now):
    author, approver = find_user(session, AUTHOR), find_user(session, APPROVER)

    def write(name, *actions, **changes):
        campaign_id = create_campaign(session, _draft(name, **changes), user=author, now=now).id
        for action in actions:
            user = approver if action in (_A.APPROVE, _A.RETURN) else author
            terms = LaunchTerms(approvals=1, estimate_vnd=None)
            change_campaign(
                session,
                campaign_id,
                action,
                terms=terms,
                user=user,
                now=now,
                reason="Xin nêu rõ nơi giúp cài đặt.",
            )
        return campaign_id

    closed = ["00:00", "00:01"] if now.hour != 17 else ["12:00", "12:01"]  # 17:00 UTC is midnight in Vietnam
    reminder = [{"after_days": 2, "at": "18:00", "text": f"Nhắc lại: {TEXT}"}]
    returned = write("Vận động Đoàn viên cài Bluezone", _A.SUBMIT, _A.RETURN)
    again = _draft(
        "Vận động Đoàn viên cài Bluezone", text=TEXT.replace("{link}", "{link} Cần giúp: Đoàn xã.")
    )
    edit_campaign(session, returned, again, user=author, now=now)
    change_campaign(session, returned, _A.SUBMIT, terms=None, user=author, now=now)
    return {
        "draft": write(
            "Nhắc cài Bluezone trước 20/8",
            step=[{**reminder[0], "hold_out": 0.1, "text_b": f"Còn ít ngày: {TEXT}"}],
        ),
        "submitted": returned,
        "approved": write(
            "Mời tiêm vắc xin đợt 2",
            _A.SUBMIT,
            _A.APPROVE,
            kind="tiem-chung",
            smartphone=["yes", "unknown"],
            languages=["vi"],
            answered="no",
            text="Moi ong/ba di tiem vac xin. Tra loi: 1 da tiem, 4 can giup, TC thoi nhan tin",
        ),
        "scheduled": write(
            "Nhắc bật Bluetooth", _A.SUBMIT, _A.APPROVE, _A.LAUNCH, starts_at=now + timedelta(days=2)
        ),
        "standing_still": write(
            "Cài Bluezone ngoài giờ",
            _A.SUBMIT,
            _A.APPROVE,
            _A.LAUNCH,
            window=closed,
            areas=["23281"],
            hold_out=0.3,
            text_b=f"Xin giúp: {TEXT}",
        ),
        "cancelled": write("Cài Bluezone, bản thử", _A.SUBMIT, _A.CANCEL),
    }


def _narrow(session, now):
    """A segment kept for next time, and two files of the national register."""
    said = {"organisations": [ORGANISATIONS[0][0]], "areas": ["608"], "smartphone": ["yes", "unknown"]}
    save_segment(
        session, "Thành phố, có điện thoại thông minh", said, user=find_user(session, AUTHOR), now=now
    )
    counts = {"rows": 120_000, "numbers": 119_204, "other": 512, "unread": 3, "added": 119_204, "removed": 0}
    told = {"handed_in_by": find_user(session, ADMINISTRATOR).id, "handed_in_at": now, "ended_at": now}
    session.add_all(
        [
            DoNotCallFile(
                file_name="DNC 8-2020.xlsx",
                state="done",
                counts={**counts, "people": 17, "skipped": ["Ghi chú"]},
                **told,
            ),
            DoNotCallFile(
                file_name="DNC moi.csv",
                state="failed",
                error=too_few_left(119_101, 119_204).as_json(),
                **told,
            ),
        ]
    )


def _work_through(session, now):
    """Of the residents' cases one is done, one in hand, one in doubt."""
    author = find_user(session, AUTHOR)
    helped, help_id, *_more = session.scalars(
        select(Case.id).where(Case.kind == CaseKind.HELP).order_by(Case.opened_at)
    )
    note = "Đã cài giúp tại nhà, bà dùng máy của con."
    close_case(session, helped, CaseOutcome.VISITED, note=note, result=Label.INSTALLED, user=author, now=now)
    assign_case(session, help_id, user=author, now=now)
    silent = (
        select(Phone.e164)
        .join(Recipient, Recipient.phone_id == Phone.id)
        .join(Attempt, Attempt.phone_id == Phone.id)
    )
    unanswered = silent.where(Recipient.answer.is_(None), Attempt.stream_id > 0)
    e164, *others = session.scalars(unanswered.distinct().order_by(Phone.e164).limit(3))
    assert receive_reply(session, InboundMessage("SMdoubt", e164, SENDER, "ok", False), now=now)
    doubt = session.scalars(select(func.max(Case.id)).where(Case.kind == CaseKind.UNCLEAR)).one()
    # Two who ask the same.
    for at, (other, text) in enumerate(
        zip(others, ("Tin này có phải lừa đảo không?", "lua dao ha"), strict=True)
    ):
        reply = InboundMessage(f"SMalike{at}", other, SENDER, text, False)
        assert receive_reply(session, reply, now=now)
    alike = session.scalars(select(func.max(Case.id)).where(Case.kind == CaseKind.QUESTION)).one()
    return {"help": help_id, "doubt": doubt, "alike": alike}


def _merge(session, now):
    """Somebody whom a list had twice, merged, and a third row that may be the same person."""
    made = session.scalars(select(ContactList.id).where(ContactList.name == LIST)).one()
    people = []
    for name, village in (("Y Hlưm Niê", "Thôn 2"), ("Y HLUM NIE", ""), ("Y Hlum Niê", "Thôn 2")):
        person = Contact(
            name=name, name_key="yhlumnie", birth_year=1961, village=village, created_at=now, updated_at=now
        )
        session.add(person)
        session.flush()
        session.add(Membership(list_id=made, contact_id=person.id))
        people.append(person.id)
    author = find_user(session, AUTHOR)
    merge_people(session, people[0], people[1], user=author, now=now)
    return {"merged": people[0], "alike_person": people[2]}


def _ask(session, contact_id, now):
    """Of a person's requests one is answered, one overdue, one due."""
    author = find_user(session, AUTHOR)
    for kind, days in ((RequestKind.CORRECT, 12), (RequestKind.EXPORT, 9), (RequestKind.ERASE, 0)):
        asked = record_request(
            session,
            contact_id,
            kind,
            asked_by="chính bà, tại nhà",
            asked_on=(now - timedelta(days=days)).date(),
            user=author,
            now=now,
        )
        if kind is RequestKind.CORRECT:
            finish_request(
                session, asked.id, answer="đã sửa tên thôn, báo bà qua điện thoại", user=author, now=now
            )


def _hand_in_figures(session, runtime, now):
    """Of three agencies one has handed in today, corrected, one yesterday and not all, one never."""
    author = find_user(session, AUTHOR)
    today = now.astimezone(VIETNAM).date()
    ids = [
        create_organisation(
            session, code=code, name=name, kind=OrganisationKind.AGENCY, parent_code="MTTQ"
        ).id
        for code, name in (("SNV", "Sở Nội vụ"), ("SXD", "Sở Xây dựng"), ("STP", "Sở Tư pháp"))
    ]
    for agency, counts, days in (
        (ids[0], StaffCounts(1204, 1180, 950), 1),
        (ids[0], StaffCounts(1204, 1180, 1102), 0),
        (ids[0], StaffCounts(1204, 1181, 1120), 0),
        (ids[1], StaffCounts(310, None, 255), 1),
    ):
        day = today - timedelta(days=days)
        submit_by_officer(session, agency, counts, day=day, note="", user=author, now=now)
    lines = "day,area,installed,source\n2020-08-20,608,31.250,Sở Thông tin và Truyền thông\n2020-08-19,610,16,Bộ TT&TT\n"
    drive = drive_for_figures(session, now=now).id
    import_official(session, lines.encode(), drive=drive, user=author, now=now)
    link = make_link(session, ids[0], holder="chị Hoa, văn phòng Sở", days=14, user=author, now=now)
    for entry, area in (
        (
            ActivityEntry(
                ActivityKind.LOUDSPEAKER,
                today - timedelta(days=3),
                today,
                2,
                who="Đài truyền thanh xã",
                place="Thôn 3",
            ),
            "23281",
        ),
        (
            ActivityEntry(
                ActivityKind.MEETING,
                today,
                today,
                1,
                64,
                who="Ban công tác Mặt trận",
                place="Nhà rông thôn 1",
            ),
            "23284",
        ),
        (
            ActivityEntry(
                ActivityKind.RADIO, today, today, 3, who="Đài PT-TH tỉnh", about="Hướng dẫn cài Bluezone"
            ),
            "62",
        ),
    ):
        entered = add_activity(
            session,
            entry,
            area=area,
            organisation_id=author.organisation_id or 1,
            campaign_id=None,
            form_key="",
            user=author,
            now=now,
        )
    return {
        "entry": entered.id,
        "agency": ids[0],
        "agency_token": address_of(link, runtime.settings).rpartition("/")[2],
    }


def _send_round(session, campaign_id, now):
    """A sheet of whom nothing has reached, half of it brought back."""
    author = find_user(session, AUTHOR)
    areas = session.execute(
        select(Contact.area_code, func.count())
        .join(Recipient, Recipient.contact_id == Contact.id)
        .join(Message, Message.recipient_id == Recipient.id)
        .where(
            Recipient.campaign_id == campaign_id,
            Recipient.answer.is_(None),
            Message.state == MessageState.DELIVERED,
        )
        .group_by(Contact.area_code)
        .order_by(func.count().desc(), Contact.area_code)
    ).first()
    assert areas
    made = create_sheet(
        session,
        campaign_id,
        list_id=None,
        area_code=areas[0],
        village=None,
        officer="ông A Thun, Ban công tác Mặt trận",
        again=False,
        user=author,
        now=now,
    )
    found = {1: VisitOutcome.NOT_YET, 2: VisitOutcome.ABSENT}
    enter_results(session, made.id, found, user=author, now=now)
    return made.id


def _send_copies(session, campaign_id, settings, now):
    """Copies of the first step to two control phones, one of them answered; the token of the other's link."""
    administrator = find_user(session, ADMINISTRATOR)
    for number, holder in (("0962000311", "Nguyễn Thị Hương"), ("0912000312", "A Tú")):
        add_control_phone(
            session, number=number, holder=holder, settings=settings, user=administrator, now=now
        )
    campaign = session.get_one(Campaign, campaign_id)
    queue_control_copies(session, campaign.steps[0], campaign, settings=settings, now=now)
    first, second = session.scalars(select(ControlCopy.id).order_by(ControlCopy.id))
    answer_control_copy(session, FIRST_CONTROL_COPY + first, look="garbled", clock="", now=now)
    return LinkCipher(settings.keys_of(Purpose.LINKS)).token(FIRST_CONTROL_COPY + second)


def _lose_sight(session, campaign_id, now):
    """Three messages of which nobody has seen the outcome for two hours."""
    lost = session.execute(
        select(Attempt.id, Attempt.message_id)
        .where(Attempt.stream_id == campaign_id)
        .order_by(Attempt.id)
        .limit(3)
    ).all()
    ids = [row.id for row in lost]
    session.execute(
        update(Attempt)
        .where(Attempt.id.in_(ids))
        .values(
            state=AttemptState.UNKNOWN, claimed_at=now - timedelta(hours=2), due_at=now + timedelta(days=1)
        )
    )
    messages = [row.message_id for row in lost]
    session.execute(update(Message).where(Message.id.in_(messages)).values(state=MessageState.UNKNOWN))


def _hand_in(session, folder, now):
    """A list to look at, and one that is none."""
    author = find_user(session, AUTHOR)
    into = session.scalars(select(ContactList).where(ContactList.name == LIST)).one()

    def hand_in(name, content):
        return receive_upload(
            session, BytesIO(content), file_name=name, list_id=into.id, folder=folder, user=author, now=now
        ).id

    return {
        "ready": hand_in("chi doan to 2.csv", (DATA / "contacts_sample.csv").read_bytes()),
        "nameless": hand_in("khong co so.csv", "Họ và tên,Ghi chú\nA Thun,không có số\n".encode()),
        "unreadable": hand_in("don xin.csv", "Kính gửi Ủy ban\n".encode()),
        "done": hand_in("chi doan to 3.csv", SHORT_LIST.encode()),
    }


def _work_on(runtime, made):
    """What a worker does with the files; one is confirmed."""
    folder = Path(runtime.settings.uploads_dir)
    work = UploadContext(runtime.db, folder, lambda: False)
    for name in ("ready", "nameless", "unreadable", "done"):
        process_upload(work, made[name])
    with runtime.db.write() as session:
        confirm_upload(session, made["done"], user=find_user(session, AUTHOR), now=datetime.now(UTC))
    process_upload(work, made["done"])
