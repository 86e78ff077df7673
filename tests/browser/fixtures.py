"""What stands in the office before the first visitor: a campaign in each state, a list in each, an incident."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path

from sqlalchemy import func, select

from admin.demo.load_demo import LOGINS, ORGANISATIONS, SENDER, TEXT
from campaigns.activities.activity_log import add_activity
from campaigns.agencies.reports import address_of, make_link, submit_by_officer
from campaigns.cases.handle_case import assign_case, close_case
from campaigns.cases.merge_people import merge_people
from campaigns.cases.rescue import hand_over_case, read_cries, team_link
from campaigns.delivery.office_phones import add_control_phone, answer_control_copy, queue_control_copies
from campaigns.goals.goals import import_official
from campaigns.lifecycle import edit_campaign
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.checks import ControlCopy
from campaigns.models.messages import Attempt, Incident, Message
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Case, Reply
from campaigns.models.webhooks import DeliveryState, Subscription
from campaigns.planning.audience import freeze_audience
from campaigns.planning.drafts import save_segment
from campaigns.planning.drives import current_drive_id, drive_for_figures
from campaigns.planning.kinds import create_kind, load_kinds
from campaigns.privacy.requests import finish_request, record_request
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
from outreach.imports.do_not_call import too_few_left
from outreach.imports.uploads import UploadContext, confirm_upload, process_upload, receive_upload
from outreach.models.accounts import Organisation, OrganisationKind, Right
from outreach.models.contacts import Contact, ContactList, DoNotCallFile, Membership, Phone
from outreach.rules.keys import Purpose
from tests.support.world import Site

DATA = Path(__file__).resolve().parents[1] / "data"
ADMINISTRATOR, AUTHOR, APPROVER, LEADER, AUDITOR = (email for email, *_ in LOGINS)
WOMEN, LIST = ORGANISATIONS[0][0], ORGANISATIONS[1][2]  # the code of one, a list of the Youth Union
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
    site = Site(runtime)
    # First, as a new campaign is proposed to be of the kind of the newest.
    made = _cry_for_help(site) | _write_campaigns(site)
    made["demo"] = demo = site.one(select(func.min(Campaign.id)))
    made["list"] = site.one(select(ContactList.id).where(ContactList.name == LIST))
    made["person"] = site.one(select(func.min(Recipient.contact_id)).join(Reply))
    made |= _work_through(site) | _merge(site, made["list"])
    _ask(site, made["person"])
    made |= _hand_in_figures(site)
    made |= {"round": _send_round(site, demo), "copy": _send_copies(site, demo)}
    _lose_sight(site, demo)
    _narrow(site)
    site.add(Incident(kind="sent_twice", subject="messages:1", details={}, at=site.now))
    made["hook"] = _open_to_others(site)
    content = {**load_kinds()["khao-sat"], "title": "Khám sức khỏe định kỳ"}
    made["kind"] = site.do(create_kind, content).code
    invited = site.user(LEADER)
    made |= {"user": invited.id, "organisation": site.one(select(func.max(Organisation.id)))}
    made["invitation"] = link_for(invited, runtime.settings).rpartition("/")[2]
    return made | _hand_in(site, made["list"]) | _report(site)


def _draft(site, name, *actions, **changes):
    """A campaign to the Youth Union's list, or as `changes` say, and what was done with it; its id."""
    usual = {"text": TEXT, "lists": [LIST], "sender": SENDER, "goal": {"share": 0.5}, "unaccented": True}
    campaign = site.draft(name=name, **usual | changes)
    for action in actions:
        site.act(campaign, action, APPROVER if action in (_A.APPROVE, _A.RETURN) else AUTHOR)
    return campaign


def _cry_for_help(site):
    """A warning with cries in each state; the token of a team that is on the way, and somebody's number whom it was written to."""
    owner = site.one(select(Organisation.id).where(Organisation.code == WOMEN))
    people = [
        site.add_person(
            f"A Suối {n}", f"+8490500095{n}", village=f"Thôn {n % 3 + 1}", area_code=("23281", "23284")[n % 2]
        )
        for n in range(6)
    ]
    site.add_list("Dân ven suối", *people, owner=owner)
    steps, to = (_A.SUBMIT, _A.APPROVE, _A.LAUNCH), {"kind": "bao-lu", "lists": [f"{WOMEN}/Dân ven suối"]}
    event = _draft(site, "Bão số 9, lũ về đêm", *steps, **to)
    ended = {"state": CampaignState.COMPLETED, "ended_at": site.now}
    site.change(Campaign, event, urgent_reason="Bão số 9", **ended)
    site.do(freeze_audience, site.get_one(Campaign, event))
    rows = site.all(select(Recipient.id).where(Recipient.campaign_id == event).order_by(Recipient.id))
    for recipient, word in zip(rows, ("help", "help", "other", "safe"), strict=False):
        at = site.now - timedelta(minutes=20 - 9 * (recipient % 3))
        site.do(record_page_safety, recipient, word, now=at)
    where = [("14.3601", "108.0002"), ("14.3603", "108.0003"), ("14.4202", "107.9701")]
    for recipient, (latitude, longitude) in zip(rows, where, strict=False):
        form = {"people": "5", "place": "Gần nhà rông", "latitude": latitude, "longitude": longitude}
        site.do(record_page_details, recipient, Details.typed(form, ["boat", "birth"]))
    cry = "CUU 12 nguoi tren mai truong hoc, het gao"
    assert site.reply("+84905000959", cry, gateway_id="SMcry")
    first = site.one(select(Case.id).where(Case.recipient_id == rows[0]))
    site.do(hand_over_case, first, officer_id=None, team="Đội xuồng 2", number="0905000960")
    (cry,) = site.read(read_cries, event, Case.id == first)
    settings = site.runtime.settings
    token = team_link(cry, settings, by=1).rpartition("/")[2]
    link = LinkCipher(settings.keys_of(Purpose.LINKS)).token(rows[4])
    return {"event": event, "team_token": token, "warned": link}


def _report(site):
    """Yesterday's report, corrected, and the links to it; the day before's link has been ended."""
    runtime, now = site.runtime, site.now
    yesterday = now.astimezone(VIETNAM).date() - timedelta(days=1)
    drive, iso = site.read(current_drive_id), yesterday.isoformat()
    freeze(runtime, drive, yesterday, now=now)
    site.do(prepare_report, drive, iso, remark="Mưa lớn tại ba xã")
    for is_correction in (False, True):
        if is_correction:
            site.do(correct, drive, iso)
        site.do(approve_report, drive, iso, prepared_at=now.isoformat(), by=APPROVER)
        issue(runtime, drive, yesterday, now=now)
    ended, shown = (
        site.do(make_report_link, drive, (yesterday - timedelta(days=before)).isoformat(), days=7, user=None)
        for before in (1, 0)
    )
    site.do(end_report_link, ended.id)
    text = "Kính gửi đồng chí,\n\nThành phố Kon Tum còn thiếu 1.204 người. Đề nghị cho biết biện pháp tại:\n{link}"
    to = {"channel": "mail", "contact": "Đồng chí Chủ tịch", "address": "xa608@loa.example"}
    urged = site.do(urge_contact, drive, area="608", organisation=None, text=text, **to)
    return {
        "yesterday": iso,
        "ended_token": report_address(ended, runtime.settings).rpartition("/")[2],
        "report_token": report_address(shown, runtime.settings).rpartition("/")[2],
        "urge_token": text_with_link(urged, runtime.settings).rpartition("/")[2],
        "drive": str(drive),
    }


def _open_to_others(site):
    """A token in use, one that was ended; the id of a webhook's subscription with events in each state."""
    owner, now = site.one(select(Organisation.id).where(Organisation.code == WOMEN)), site.now
    to = {"organisation_id": owner, "by": ADMINISTRATOR}
    for name, rights in (("Cổng dữ liệu của tỉnh", list(Right)), ("Phần mềm cũ", [Right.FIGURES_READ])):
        token, _text = site.do(create_token, name=name, rights=rights, days=365, **to)
    site.do(end_token, token.id, by=ADMINISTRATOR)
    at = {"name": "Kho dữ liệu của tỉnh", "url": "https://dulieu.example.vn/loa/tin-bao"}
    hook = site.do(subscribe, **at, kinds=OFFERED, is_production=True, **to)
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
        site.add(told)
    site.change(Subscription, hook.id, tries=2, due_at=now + timedelta(minutes=2))
    return hook.id


def _write_campaigns(site):
    reminder = {"after_days": 2, "at": "18:00", "text": f"Nhắc lại: {TEXT}"}
    returned = _draft(site, "Vận động Đoàn viên cài Bluezone", _A.SUBMIT, _A.RETURN)
    text = TEXT.replace("{link}", "{link} Cần giúp: Đoàn xã.")
    again = {"name": "Vận động Đoàn viên cài Bluezone", "text": text, "lists": [LIST], "sender": SENDER}
    again |= {"goal": {"share": 0.5}, "unaccented": True}
    site.do(edit_campaign, returned, read_draft(again, kinds=load_kinds()))
    site.act(returned, _A.SUBMIT)
    launched, two_days = (_A.SUBMIT, _A.APPROVE, _A.LAUNCH), site.now + timedelta(days=2)
    vaccination = {
        "kind": "tiem-chung",
        "smartphone": ["yes", "unknown"],
        "languages": ["vi"],
        "answered": "no",
        "text": "Moi ong/ba di tiem vac xin. Tra loi: 1 da tiem, 4 can giup, TC thoi nhan tin",
    }
    # 17:00 UTC is midnight in Vietnam.
    closed = ["00:00", "00:01"] if site.now.hour != 17 else ["12:00", "12:01"]
    narrow = {"window": closed, "areas": ["23281"], "hold_out": 0.3, "text_b": f"Xin giúp: {TEXT}"}
    tried = {**reminder, "hold_out": 0.1, "text_b": f"Còn ít ngày: {TEXT}"}
    return {
        "draft": _draft(site, "Nhắc cài Bluezone trước 20/8", step=[tried]),
        "submitted": returned,
        "approved": _draft(site, "Mời tiêm vắc xin đợt 2", _A.SUBMIT, _A.APPROVE, **vaccination),
        "scheduled": _draft(site, "Nhắc bật Bluetooth", *launched, starts_at=two_days),
        "standing_still": _draft(site, "Cài Bluezone ngoài giờ", *launched, **narrow),
        "cancelled": _draft(site, "Cài Bluezone, bản thử", _A.SUBMIT, _A.CANCEL),
    }


def _narrow(site):
    """A segment kept for next time, and two files of the national register."""
    said = {"organisations": [WOMEN], "areas": ["608"], "smartphone": ["yes", "unknown"]}
    site.do(save_segment, "Thành phố, có điện thoại thông minh", said)
    counts = {"rows": 120_000, "numbers": 119_204, "other": 512, "unread": 3, "added": 119_204, "removed": 0}
    counts |= {"people": 17, "skipped": ["Ghi chú"]}
    told = {"handed_in_by": site.user(ADMINISTRATOR).id, "handed_in_at": site.now, "ended_at": site.now}
    error = too_few_left(119_101, 119_204).as_json()
    site.add(
        DoNotCallFile(file_name="DNC 8-2020.xlsx", state="done", counts=counts, **told),
        DoNotCallFile(file_name="DNC moi.csv", state="failed", error=error, **told),
    )


def _work_through(site):
    """Of the residents' cases one is done, one in hand, one in doubt."""
    cases = select(Case.id).where(Case.kind == CaseKind.HELP).order_by(Case.opened_at)
    helped, help_id, *_more = site.all(cases)
    note = "Đã cài giúp tại nhà, bà dùng máy của con."
    site.do(close_case, helped, CaseOutcome.VISITED, note=note, result=Label.INSTALLED)
    site.do(assign_case, help_id)
    silent = select(Phone.e164).join(Recipient, Recipient.phone_id == Phone.id)
    silent = silent.join(Attempt, Attempt.phone_id == Phone.id)
    unanswered = silent.where(Recipient.answer.is_(None), Attempt.stream_id > 0)
    three = site.all(unanswered.distinct().order_by(Phone.e164).limit(3))
    # One in doubt, and two who ask the same.
    said = ("ok", "Tin này có phải lừa đảo không?", "lua dao ha")
    for at, (e164, text) in enumerate(zip(three, said, strict=True)):
        assert site.reply(e164, text, gateway_id=f"SMsaid{at}")
    doubt, alike = (
        site.one(select(func.max(Case.id)).where(Case.kind == kind))
        for kind in (CaseKind.UNCLEAR, CaseKind.QUESTION)
    )
    return {"help": help_id, "doubt": doubt, "alike": alike}


def _merge(site, list_id):
    """Somebody whom a list had twice, merged, and a third row that may be the same person."""
    people = [
        site.add_person(name, name_key="yhlumnie", birth_year=1961, village=village)
        for name, village in (("Y Hlưm Niê", "Thôn 2"), ("Y HLUM NIE", ""), ("Y Hlum Niê", "Thôn 2"))
    ]
    site.add(*(Membership(list_id=list_id, contact_id=person) for person in people))
    site.do(merge_people, people[0], people[1])
    return {"merged": people[0], "alike_person": people[2]}


def _ask(site, contact_id):
    """Of a person's requests one is answered, one overdue, one due."""
    for kind, days in ((RequestKind.CORRECT, 12), (RequestKind.EXPORT, 9), (RequestKind.ERASE, 0)):
        on = (site.now - timedelta(days=days)).date()
        asked = site.do(record_request, contact_id, kind, asked_by="chính bà, tại nhà", asked_on=on)
        if kind is RequestKind.CORRECT:
            site.do(finish_request, asked.id, answer="đã sửa tên thôn, báo bà qua điện thoại")


def _hand_in_figures(site):
    """Of three agencies one has handed in today, corrected, one yesterday and not all, one never."""
    today = site.now.astimezone(VIETNAM).date()
    ids = [
        site.organisation(code, name, kind=OrganisationKind.AGENCY)
        for code, name in (("SNV", "Sở Nội vụ"), ("SXD", "Sở Xây dựng"), ("STP", "Sở Tư pháp"))
    ]
    for agency, counts, days in (
        (ids[0], StaffCounts(1204, 1180, 950), 1),
        (ids[0], StaffCounts(1204, 1180, 1102), 0),
        (ids[0], StaffCounts(1204, 1181, 1120), 0),
        (ids[1], StaffCounts(310, None, 255), 1),
    ):
        site.do(submit_by_officer, agency, counts, day=today - timedelta(days=days), note="")
    lines = "day,area,installed,source\n2020-08-20,608,31.250,Sở Thông tin và Truyền thông\n2020-08-19,610,16,Bộ TT&TT\n"
    site.do(import_official, lines.encode(), drive=site.do(drive_for_figures).id)
    link = site.do(make_link, ids[0], holder="chị Hoa, văn phòng Sở", days=14)
    since, kinds = today - timedelta(days=3), ActivityKind
    by_radio = {"who": "Đài truyền thanh xã", "place": "Thôn 3"}
    meeting = {"people": 64, "who": "Ban công tác Mặt trận", "place": "Nhà rông thôn 1"}
    on_air = {"who": "Đài PT-TH tỉnh", "about": "Hướng dẫn cài Bluezone"}
    by = {"organisation_id": site.user(AUTHOR).organisation_id or 1, "campaign_id": None, "form_key": ""}
    for entry, area in (
        (ActivityEntry(kinds.LOUDSPEAKER, since, today, 2, **by_radio), "23281"),
        (ActivityEntry(kinds.MEETING, today, today, 1, **meeting), "23284"),
        (ActivityEntry(kinds.RADIO, today, today, 3, **on_air), "62"),
    ):
        entered = site.do(add_activity, entry, area=area, **by)
    token = address_of(link, site.runtime.settings).rpartition("/")[2]
    return {"entry": entered.id, "agency": ids[0], "agency_token": token}


def _send_round(site, campaign_id):
    """A sheet of whom nothing has reached, half of it brought back."""
    people = select(Contact.area_code).join(Recipient, Recipient.contact_id == Contact.id)
    people = people.join(Message, Message.recipient_id == Recipient.id).where(
        Recipient.campaign_id == campaign_id,
        Recipient.answer.is_(None),
        Message.state == MessageState.DELIVERED,
    )
    area = site.first(people.group_by(Contact.area_code).order_by(func.count().desc(), Contact.area_code))
    assert area
    whom = {"list_id": None, "area_code": area, "village": None, "again": False}
    made = site.do(create_sheet, campaign_id, officer="ông A Thun, Ban công tác Mặt trận", **whom)
    site.do(enter_results, made.id, {1: VisitOutcome.NOT_YET, 2: VisitOutcome.ABSENT})
    return made.id


def _send_copies(site, campaign_id):
    """Copies of the first step to two control phones, one of them answered; the token of the other's link."""
    for number, holder in (("0962000311", "Nguyễn Thị Hương"), ("0912000312", "A Tú")):
        site.do(add_control_phone, number=number, holder=holder, by=ADMINISTRATOR)
    step = site.first(select(Step).where(Step.campaign_id == campaign_id).order_by(Step.number))
    site.do(queue_control_copies, step, site.get_one(Campaign, campaign_id))
    first, second = site.all(select(ControlCopy.id).order_by(ControlCopy.id))
    site.do(answer_control_copy, FIRST_CONTROL_COPY + first, look="garbled", clock="")
    return LinkCipher(site.runtime.settings.keys_of(Purpose.LINKS)).token(FIRST_CONTROL_COPY + second)


def _lose_sight(site, campaign_id):
    """Three messages of which nobody has seen the outcome for two hours."""
    of = select(Attempt).where(Attempt.stream_id == campaign_id)
    times = {"claimed_at": site.now - timedelta(hours=2), "due_at": site.now + timedelta(days=1)}
    for attempt in site.all(of.order_by(Attempt.id).limit(3)):
        site.change(Attempt, attempt.id, state=AttemptState.UNKNOWN, **times)
        site.change(Message, attempt.message_id, state=MessageState.UNKNOWN)


def _hand_in(site, list_id):
    """A list to look at, two that are none, and one that was confirmed, as a worker leaves them."""
    folder = Path(site.runtime.settings.uploads_dir)
    work = UploadContext(site.runtime.db, folder, lambda: False)
    made = {}
    for state, name, content in (
        ("ready", "chi doan to 2.csv", (DATA / "contacts_sample.csv").read_bytes()),
        ("nameless", "khong co so.csv", "Họ và tên,Ghi chú\nA Thun,không có số\n".encode()),
        ("unreadable", "don xin.csv", "Kính gửi Ủy ban\n".encode()),
        ("done", "chi doan to 3.csv", SHORT_LIST.encode()),
    ):
        handed = {"file_name": name, "list_id": list_id, "folder": folder}
        made[state] = site.do(receive_upload, BytesIO(content), by=AUTHOR, **handed).id
        process_upload(work, made[state])
    site.do(confirm_upload, made["done"])
    process_upload(work, made["done"])
    return made
