"""The day of a report played through: chased, alarmed, frozen, sent, corrected; also after the scheduler was down."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from campaigns.activities.activity_log import add_activity, correct_activity
from campaigns.agencies.reports import make_link, submit_report
from campaigns.goals.goals import enter_denominator, enter_official, set_goal
from campaigns.models.activities import VisitLine
from campaigns.models.campaigns import Campaign
from campaigns.models.figures import AgencyReport, ReportChannel
from campaigns.models.messages import Attempt
from campaigns.models.reports import FileKind, ReportDay, ReportForm, ReportLink, ReportMail
from campaigns.replies.record_answer import record_page_answer
from campaigns.reports.documents import build_without_issuing, read_files, verify_issues, words_of
from campaigns.reports.issue_report import (
    approve_report,
    correct,
    freeze,
    is_delivered,
    issue,
    newest_issue,
    note_by_hand,
    note_pending_changes,
    prepare_report,
    read_issues,
    send_again,
)
from campaigns.reports.run_schedule import (
    Alarm,
    read_alarm,
    read_day_status,
    read_missed_days,
    read_waiting_reports,
    run_due_actions,
)
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import days_with_report, take_snapshot
from campaigns.rules.activities import ActivityEntry
from campaigns.rules.activities import ActivityKind as Means
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.goals import GoalScope, GoalSubject
from campaigns.rules.reports.document import short_day
from campaigns.rules.reports.snapshot import describe_change, read_snapshot
from campaigns.rules.reports.template import ReportAction
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptState, CampaignAction
from campaigns.rules.visits import VisitOutcome
from campaigns.sweep import send_second_wave
from campaigns.visits.results import enter_results
from outreach.models.accounts import OrganisationKind, Role
from outreach.models.contacts import Contact
from outreach.rules.errors import BadInput, NotAllowed, WrongState
from tests.support.report_sample import save_sample_form
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, number

NO_TEXT = {}
LEADERS = ("lanhdao@loa.example", "bcd@loa.example")
D = ReportAction


class Province:
    """A campaign under way, and three agencies: one with a user, one with a link, one without any address."""

    def __init__(self, world, smtp_url):
        self.world = world
        self.post_to(smtp_url)
        self.campaign_id = world.launch(people=6, deadline=world.in_hours(72))
        self.day = (world.now.astimezone(VIETNAM) + timedelta(days=1)).date()
        world.do(save_sample_form, AUTHOR, world.now)
        world.add_areas({"608": "Kon Tum", "610": "Đắk Glei"})
        self.health, self.schools, self.finance = (
            world.organisation(code, name, kind=OrganisationKind.AGENCY, below=None)
            for code, name in (("SYT", "Sở Y tế"), ("SGD", "Sở Giáo dục"), ("STC", "Sở Tài chính"))
        )
        world.officer("syt@loa.example", Role.STAFF, self.health)
        world.do(make_link, self.schools, holder="chị Hoa <hoa@sgd.loa.example>", days=14)

    def post_to(self, smtp_url):
        self.world.use(smtp_url=smtp_url, report_recipients=LEADERS)

    def at(self, clock, *, day=None):
        return datetime.fromisoformat(f"{day or self.day}T{clock}:00").replace(tzinfo=VIETNAM).astimezone(UTC)

    def tick(self, clock, *, day=None):
        return run_due_actions(self.world.runtime, now=self.at(clock, day=day))

    def approve(self, clock, *, day=None, notes=NO_TEXT):
        """One officer prepares what is frozen, another approves it."""
        runtime, iso, now = self.world.runtime, (day or self.day).isoformat(), self.at(clock, day=day)
        prepare_report(runtime, 1, iso, **notes, user=self.officer(), now=now)
        approver = self.world.user(APPROVER)
        approve_report(runtime, 1, iso, prepared_at=now.isoformat(), user=approver, now=now)

    def publish(self, clock):
        """Freeze, prepare, approve and issue."""
        done = self.tick(clock)
        self.approve(clock)
        return [*done, *self.tick(clock)]

    def correct(self, clock):
        """An officer prepares a correction, another approves it."""
        assert self.world.do(correct, 1, self.day.isoformat(), user=self.officer(), now=self.at(clock))
        self.approve(clock)
        return self.tick(clock)

    def officer(self):
        return self.world.user(AUTHOR)

    def hand_in(self, agency, clock, *, installed, note=""):
        counts, at = StaffCounts(120, 100, installed), {"day": self.day, "now": self.at(clock)}
        told = {"drive": 1, "note": note, "channel": ReportChannel.FORM}
        self.world.do(submit_report, agency, counts, **told, **at)

    def answer(self, index, clock):
        """A resident presses "installed" at an hour of the day, whenever that becomes known."""
        recipient = self.world.recipient(number(index), self.campaign_id)
        self.world.do(record_page_answer, recipient.id, "installed", now=self.at(clock))

    def snapshot(self):
        found = self.world.read(newest_issue, 1, self.day.isoformat())
        return read_snapshot(found.snapshot)

    def files(self):
        return self.world.read(read_files, 1, self.day.isoformat())


@pytest.fixture
def province(world, box):
    return Province(world, box.url)


def test_the_letter_says_the_hour_at_which_its_link_ends_also_of_a_report_issued_after_midnight(
    province, box
):
    province.tick("13:31")
    province.approve("23:50")
    box.take()
    province.tick("00:30", day=province.day + timedelta(days=1))
    run_due_actions(province.world.runtime, now=province.at("00:31", day=province.day + timedelta(days=1)))
    ends = province.world.scalar(select(ReportLink.expires_at)).astimezone(VIETNAM)
    part = box.take()[0][1].get_body(("plain",))
    assert f"đến {ends:%H:%M ngày %d/%m/%Y}" in part.get_content()


def addressees(mails):
    return sorted(address for address, _mail in mails)


def body(mail):
    part = mail.get_body(("plain",))
    return str(part.get_content()).replace("\r\n", "\n")


@both_databases
def test_a_day_from_the_first_reminder_to_the_correction(province, box):
    assert province.tick("10:59") == []
    province.hand_in(province.health, "10:59", installed=90)

    # 11:00: those without figures are asked, by link where they have no account; who has no address stands on the page.
    assert province.tick("11:00") == [D.CHASE, D.DELIVER]
    [(address, mail)] = box.take()
    assert address == "hoa@sgd.loa.example"
    assert "Sở Giáo dục" in body(mail)
    assert "/agency/" in body(mail)
    assert province.tick("11:01") == []

    # 13:00: the officers of the province are told who is missing.
    province.answer(0, "12:10")
    assert province.tick("13:00") == [D.ALARM_MISSING, D.DELIVER]
    mails = box.take()
    assert addressees(mails) == sorted([AUTHOR, APPROVER])
    assert "- Sở Giáo dục\n- Sở Tài chính" in body(mails[0][1])
    assert "Sở Y tế" not in body(mails[0][1])

    # 13:30: frozen; out when one officer has prepared it and another approved it.
    assert province.publish("13:30") == [D.FREEZE, D.ISSUE, D.DELIVER]
    mails = box.take()
    assert addressees(mails) == sorted(LEADERS)
    [docx, pdf, xlsx] = sorted(part.get_filename() or "" for part in mails[0][1].iter_attachments())
    assert (docx, pdf, xlsx) == tuple(f"report-{province.day}.{kind.value}" for kind in FileKind)
    assert "/report/" in body(mails[0][1])
    assert re.search(r"Mốc nhật ký để đối chiếu khi kiểm tra: \d+:[0-9a-f]{64}", body(mails[0][1]))
    snapshot = province.snapshot()
    assert snapshot.whole.reported.reported == 1
    assert set(snapshot.missing) == {"Sở Giáo dục", "Sở Tài chính"}
    assert province.tick("13:31") == []
    issued = province.files()

    # Late and corrected figures: a correction when two people say so, with what changed; what was issued stays.
    province.hand_in(province.schools, "14:20", installed=70)
    province.hand_in(province.health, "14:30", installed=95)
    assert province.tick("16:31") == []
    assert province.correct("16:35") == [D.ISSUE, D.DELIVER]
    mails = box.take()
    assert addressees(mails) == sorted(LEADERS)
    assert "Sở Y tế: số người đã cài đặt: 95 (đã báo cáo: 90)" in body(mails[0][1])
    assert "Sở Giáo dục: số người đã cài đặt: 70 (đã báo cáo: chưa có số liệu)" in body(mails[0][1])
    files = province.files()
    assert {name: files[name] for name in issued} == issued
    words = " ".join(words_of(files[f"report-{province.day}-dinh-chinh-1.docx"], FileKind.DOCX))
    assert "BÁO CÁO BỔ SUNG, ĐÍNH CHÍNH" in words
    assert province.tick("16:36") == []

    assert province.world.read(verify_issues) == (2, [])


def test_at_the_deadline_without_approval_there_is_an_alarm_and_no_report(province, box):
    province.world.officer("chutich@loa.example", Role.LEADER)
    assert province.tick("13:30") == [D.FREEZE]
    assert province.tick("13:45") == [D.ALARM_UNDELIVERED, D.DELIVER]
    mails = box.take()
    assert addressees(mails) == sorted([AUTHOR, APPROVER, "chutich@loa.example"])
    assert "chưa được phê duyệt" in body(mails[0][1])
    runtime, iso = province.world.runtime, province.day.isoformat()
    world = province.world
    assert world.read(read_alarm, 1, province.day) is Alarm.UNAPPROVED
    assert world.read(read_files, 1, iso) == {}
    # `reports daily` writes it all the same, marked as a draft.
    drafts = build_without_issuing(runtime, 1, province.day, now=province.at("14:05"))
    assert {kind: "DỰ THẢO" in words_of(drafts[kind], kind) for kind in (FileKind.DOCX, FileKind.XLSX)} == {
        FileKind.DOCX: True,
        FileKind.XLSX: True,
    }
    # The next morning it is a day that was missed, until two people made it good.
    day_after = province.day + timedelta(days=1)
    assert province.day in world.read(read_missed_days, 1, today=day_after)
    province.approve("14:30")
    assert world.read(read_waiting_reports, world.user("chutich@loa.example")) == []
    assert province.tick("14:31") == [D.ISSUE, D.DELIVER]
    assert province.day not in world.read(read_missed_days, 1, today=day_after)
    assert "DỰ THẢO" not in words_of(province.files()[f"report-{iso}.docx"], FileKind.DOCX)


def test_who_prepared_a_report_does_not_approve_it_and_what_was_read_is_what_is_approved(province):
    province.tick("13:30")
    runtime, iso = province.world.runtime, province.day.isoformat()
    first, second = province.at("13:31"), province.at("13:32")
    officer, approver = province.officer(), province.world.user(APPROVER)
    with pytest.raises(WrongState, match="report_prepared_anew"):
        approve_report(runtime, 1, iso, prepared_at="", user=approver, now=first)
    prepare_report(runtime, 1, iso, remark="Mưa lớn.\nMất điện", user=approver, now=first)
    with pytest.raises(NotAllowed, match="report_prepared_by_you"):
        approve_report(runtime, 1, iso, prepared_at=first.isoformat(), user=approver, now=first)
    with pytest.raises(NotAllowed, match="report_not_yours_to_approve"):
        approve_report(runtime, 1, iso, prepared_at=first.isoformat(), user=officer, now=first)
    prepare_report(runtime, 1, iso, remark="Mưa lớn", asked="Thêm xe", user=officer, now=second)
    with pytest.raises(WrongState, match="report_prepared_anew"):
        approve_report(runtime, 1, iso, prepared_at=first.isoformat(), user=approver, now=second)
    approve_report(runtime, 1, iso, prepared_at=second.isoformat(), user=approver, now=second)
    with pytest.raises(WrongState, match="report_approved_before"):
        prepare_report(runtime, 1, iso, user=officer, now=second)
    province.tick("13:33")
    words = " ".join(words_of(province.files()[f"report-{iso}.docx"], FileKind.DOCX))
    assert "Nhận xét: Mưa lớn." in words
    assert "1. Thêm xe." in words
    assert province.world.read(verify_issues) == (1, [])


def test_fifty_late_entries_in_an_evening_make_one_correction_after_a_person_s_word(province, box):
    province.hand_in(province.health, "10:59", installed=30)
    province.publish("13:30")
    box.take()
    for n in range(50):
        province.hand_in(province.health, f"{17 + n // 10}:{10 + n % 10}", installed=31 + n)
        if n % 10 == 9:
            assert province.tick(f"{17 + n // 10}:30") == []  # noted, and left to a person
    runtime, iso = province.world.runtime, province.day.isoformat()
    changed = province.world.get_one(ReportDay, (1, iso)).pending
    [change] = [each for each in changed if each["what"] == "Sở Y tế: số người đã cài đặt"]
    assert (change["before"], change["after"]) == (30, 80)  # the figure that was printed
    officer = province.officer()
    correct(runtime, 1, province.day.isoformat(), user=officer, now=province.at("22:00"))
    province.hand_in(province.health, "22:05", installed=99)
    # The same one, with what came since.
    correct(runtime, 1, province.day.isoformat(), user=officer, now=province.at("22:06"))
    province.approve("22:10")
    assert province.tick("22:11") == [D.ISSUE, D.DELIVER]
    assert len(box.take()) == len(LEADERS)
    issues = province.world.read(read_issues, 1, iso)
    changes = {each["what"]: (each["before"], each["after"]) for each in issues[-1].changes}
    assert [issue.n for issue in issues] == [0, 1]
    assert changes == {
        "Cộng các cơ quan, đơn vị đủ số liệu: số người đã cài đặt": (30, 99),
        "Sở Y tế: số người đã cài đặt": (30, 99),
    }


def test_the_report_is_out_before_two_though_the_scheduler_was_down_from_one(province, box):
    province.hand_in(province.health, "10:30", installed=90)
    province.tick("12:59")
    box.take()
    province.answer(0, "13:29")
    province.answer(1, "13:31")
    province.hand_in(province.schools, "13:40", installed=70)
    form = province.world.read(current_template, 1)
    on_time = province.world.read(
        take_snapshot, form, drive=1, day=province.day, known_until=province.at("13:30")
    )
    assert province.publish("13:50") == [D.FREEZE, D.ALARM_UNDELIVERED, D.DELIVER, D.ISSUE, D.DELIVER]
    assert set(LEADERS) <= set(addressees(box.take()))
    # What came after 13:30 is not in it: it says what it would have said on time.
    assert province.snapshot() == on_time
    assert on_time.whole.reported.reported == 1
    assert "Sở Giáo dục" in on_time.missing
    assert province.correct("16:30") == [D.ISSUE, D.DELIVER]
    assert "Sở Giáo dục" not in province.snapshot().missing
    assert province.snapshot().whole.reported.reported == 1


def test_a_mail_server_that_is_away_is_tried_again_and_the_officers_are_alarmed(province, box):
    province.hand_in(province.health, "10:30", installed=90)
    province.post_to("smtp://127.0.0.1:1")
    assert province.publish("13:30") == [D.FREEZE, D.ISSUE, D.DELIVER]
    assert province.tick("13:30") == []
    assert province.tick("13:32") == [D.DELIVER]
    assert province.tick("13:45") == [D.DELIVER, D.ALARM_UNDELIVERED, D.DELIVER]
    assert province.world.read(read_alarm, 1, province.day) is Alarm.UNDELIVERED
    province.post_to(box.url)
    assert province.tick("13:47") == [D.DELIVER]
    # The mail that it could not be sent is about nothing any more, now that it arrived.
    assert addressees(box.take()) == sorted(LEADERS)
    assert province.world.read(read_alarm, 1, province.day) is None
    assert province.tick("13:49") == []


def test_an_agency_that_has_sent_its_figures_meanwhile_is_not_reminded_of_them(province, box):
    province.post_to("smtp://127.0.0.1:1")
    assert D.CHASE in province.tick("11:00")
    province.hand_in(province.health, "11:05", installed=90)
    province.post_to(box.url)
    assert province.tick("11:10") == [D.DELIVER]
    assert addressees(box.take()) == ["hoa@sgd.loa.example"]
    refused = select(func.count()).where(ReportMail.refused_at.is_not(None))
    assert province.world.scalar(refused) == 0  # the page would name the address as one that is wrong


def test_a_reminder_that_is_not_sent_any_more_does_not_wait(province):
    province.post_to("smtp://127.0.0.1:1")
    province.tick("11:00")
    settings, waiting = province.world.runtime.settings, []
    for clock in ("11:01", "14:30"):
        status = province.world.read(read_day_status, 1, province.day, settings, now=province.at(clock))
        waiting.append(status.as_data()["mails"]["chase"]["waiting"])
    assert waiting == [2, 0]


@cases(False, True)
def test_the_report_of_a_day_missed_long_ago_is_issued_and_mailed(province, box, is_issued):
    runtime, later = province.world.runtime, province.day + timedelta(days=10)
    freeze(runtime, 1, province.day, now=province.at("09:00", day=later))
    iso, now = province.day.isoformat(), province.at("09:00", day=later)
    prepare_report(runtime, 1, iso, user=province.officer(), now=now)
    approver = province.world.user(APPROVER)
    approve_report(runtime, 1, iso, prepared_at=now.isoformat(), user=approver, now=now)
    if is_issued:  # as the page does, if the process is not ended in between
        issue(runtime, 1, province.day, now=now)
    province.tick("09:01", day=later)
    assert addressees(box.take()) == sorted(LEADERS)


@cases("the schedule is at work", "a correction is prepared")
def test_a_figure_that_comes_while_others_are_counted_is_noted(province, monkeypatch, meanwhile):
    world, is_first = province.world, iter([True])
    if meanwhile == "a correction is prepared" and not world.runtime.db.is_postgresql:
        return  # SQLite has one writer
    province.hand_in(province.health, "10:59", installed=90)
    province.publish("13:30")
    province.hand_in(province.health, "15:02", installed=95)
    if meanwhile == "the schedule is at work":
        province.tick("15:00")  # it began before, and had mail to send
    else:

        def count_slowly(*about, **values):
            counted = take_snapshot(*about, **values)
            if next(is_first, False):
                province.hand_in(province.health, "15:03", installed=96)
            return counted

        monkeypatch.setattr("campaigns.reports.issue_report.take_snapshot", count_slowly)
        world.do(correct, 1, province.day.isoformat(), user=province.officer(), now=province.at("15:04"))
    province.tick("15:10")
    assert world.get_one(ReportDay, (1, province.day.isoformat())).pending


def test_a_figure_that_is_stored_after_a_look_that_saw_a_later_row_is_noted(province):
    world = province.world
    if not world.runtime.db.is_postgresql:
        return  # SQLite has one writer
    province.publish("13:30")
    province.tick("14:00")
    with world.runtime.db.write() as session:
        told = {"day": province.day.isoformat(), "drive_id": 1, "note": "", "channel": ReportChannel.FORM}
        figures = {"staff": 120, "with_smartphone": 100, "installed": 97, "reported_at": province.at("14:59")}
        session.add(AgencyReport(organisation_id=province.health, **told, **figures))
        session.flush()  # has its id, and is not committed
        province.hand_in(province.schools, "14:59", installed=40)
        province.tick("15:00")
    province.tick("15:05")
    assert "97" in str(world.one(select(ReportDay.pending)))


def test_an_address_that_is_refused_keeps_the_report_from_nobody_else_and_alarms(province, box):
    province.world.use(report_recipients=("nobody@loa.example", LEADERS[0]))
    assert province.publish("13:30") == [D.FREEZE, D.ISSUE, D.DELIVER]
    assert addressees(box.take()) == [LEADERS[0]]
    assert province.tick("13:45") == [D.ALARM_UNDELIVERED, D.DELIVER]


@cases(("put_off", "421 busy"), ("put_off", "450 greylisted"), ("put_off_at_data", "451 try again later"))
def test_an_address_that_is_put_off_is_tried_again_and_keeps_nobody_else_waiting(province, box, at, code):
    getattr(box, at)[LEADERS[0]] = code
    assert province.publish("13:30") == [D.FREEZE, D.ISSUE, D.DELIVER]
    assert addressees(box.take()) == [LEADERS[1]]
    assert province.tick("13:45") == [D.DELIVER, D.ALARM_UNDELIVERED, D.DELIVER]
    assert addressees(box.take()) == sorted([AUTHOR, APPROVER])
    getattr(box, at).clear()
    assert province.tick("13:47") == [D.DELIVER]
    assert addressees(box.take()) == [LEADERS[0]]
    assert province.world.read(is_delivered, 1, province.day.isoformat())


@pytest.mark.parametrize(
    ("is_mistyped", "is_sent_again"), [(False, True), (True, True), (True, False)], ids=str
)
def test_what_was_sent_again_or_to_the_right_address_and_taken_ends_the_alarm(
    province, box, is_mistyped, is_sent_again
):
    box.put_off[LEADERS[0]] = "550 mailbox is closed"
    province.publish("13:30")
    province.tick("13:45")
    if is_mistyped:
        province.world.use(report_recipients=("dung-dia-chi@loa.example", LEADERS[1]))
    else:
        box.put_off.clear()
    box.take()
    world, iso = province.world, province.day.isoformat()
    user = world.officer("tinh@loa.example")
    if is_sent_again:
        world.do(send_again, 1, iso, world.runtime.settings, by=user, now=province.at("13:50"))
    assert world.read(read_alarm, 1, province.day) is Alarm.UNDELIVERED
    province.tick("13:51")
    assert province.world.read(read_alarm, 1, province.day) is None
    again = [LEADERS[1]] if is_sent_again else []
    assert addressees(box.take()) == sorted(
        ["dung-dia-chi@loa.example" if is_mistyped else LEADERS[0], *again]
    )


def test_an_address_that_is_taken_out_and_named_again_gets_the_report(province, box):
    box.put_off |= dict.fromkeys(LEADERS, "421 busy")
    province.publish("13:30")
    for named, clock in ((LEADERS[1:], "13:32"), (LEADERS, "13:34")):
        province.world.use(report_recipients=named)
        province.tick(clock)
    box.put_off.clear()
    province.tick("13:36")
    assert addressees(box.take()) == sorted(LEADERS)


def test_what_is_sent_again_long_after_has_a_link_that_still_opens(province, box):
    province.publish("13:30")
    box.take()
    later = province.day + timedelta(days=200)
    values = {"user": province.officer(), "now": province.at("09:00", day=later)}
    send_again(province.world.runtime, 1, province.day.isoformat(), province.world.runtime.settings, **values)
    province.tick("09:01", day=later)
    until = province.world.scalar(select(func.max(ReportLink.expires_at))).astimezone(VIETNAM)
    assert until > values["now"]
    assert f"đến {until:%H:%M ngày %d/%m/%Y}" in body(box.take()[0][1])


def test_a_report_issued_before_anybody_was_to_get_it_is_delivered_by_its_correction(province, box):
    settings = province.world.runtime.settings
    province.world.runtime = replace(province.world.runtime, settings=replace(settings, report_recipients=()))
    province.publish("13:30")
    province.world.runtime = replace(province.world.runtime, settings=settings)
    province.hand_in(province.health, "15:00", installed=90)
    province.correct("16:00")
    assert addressees(box.take()) >= sorted(LEADERS)
    assert province.world.read(is_delivered, 1, province.day.isoformat())


def test_a_correction_that_reaches_nobody_is_alarmed_though_the_report_was_delivered_by_hand(province, box):
    world, iso = province.world, province.day.isoformat()
    province.publish("13:30")
    world.do(note_by_hand, 1, iso, user=province.officer(), now=province.at("13:40"))
    assert world.read(is_delivered, 1, iso)
    province.post_to("smtp://127.0.0.1:9")
    province.hand_in(province.health, "15:00", installed=90)
    province.correct("16:00")
    assert not world.read(is_delivered, 1, iso)
    assert world.one(select(ReportDay.undelivered_at)) == province.at("16:00")
    world.do(note_by_hand, 1, iso, user=province.officer(), now=province.at("16:10"))
    assert world.read(is_delivered, 1, iso)


def test_what_fails_for_one_drive_keeps_no_other_s_report_waiting(province, monkeypatch):
    world = province.world
    other = world.drive("tiem-chung")
    form = world.one(select(ReportForm))
    world.add(ReportForm(drive_id=other, data=form.data, saved_by=form.saved_by, saved_at=form.saved_at))
    world.execute(update(ReportForm).where(ReportForm.drive_id == 1).values(data={}))
    world.execute(update(Campaign).values(drive_id=other))
    with pytest.raises(BadInput):
        province.tick("13:30")
    assert province.world.read(newest_issue, other, province.day.isoformat())


@both_databases
def test_two_schedulers_at_once_send_once(province, box):
    province.tick("13:30")
    province.approve("13:30")
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda _: province.tick("13:30"), range(2)))
    province.tick("13:31")
    assert addressees(box.take()) == sorted(LEADERS)
    assert len(province.world.read(read_issues, 1, province.day.isoformat())) == 1
    assert province.world.count(ReportMail) == len(LEADERS)


def test_a_mail_that_may_have_gone_out_is_sent_again_as_the_same_one(province, box):
    province.publish("13:30")
    first = {mail["Message-ID"] for _, mail in box.take()}
    # Killed after sending, before it was noted.
    province.world.execute(update(ReportMail).values(sent_at=None))
    assert province.tick("13:31") == []
    assert province.tick("13:34") == [D.DELIVER]
    assert {mail["Message-ID"] for _, mail in box.take()} == first


@both_databases
def test_what_was_answered_before_the_hour_and_entered_after_it_makes_a_correction(province):
    province.publish("13:30")
    province.answer(0, "13:10")  # from a log that an operator sent later
    province.answer(1, "13:45")
    province.world.do(
        enter_official,
        drive=1,
        day=province.day.isoformat(),
        area="608",
        installed="12.500",
        source="Sở TT&TT",
        by=province.world.officer("tinh@loa.example", Role.STAFF),
        now=province.at("14:05"),
    )
    assert province.correct("16:30") == [D.ISSUE, D.DELIVER]
    changes = {
        each["what"]: (each["before"], each["after"])
        for each in province.world.read(read_issues, 1, province.day.isoformat())[1].changes
    }
    assert changes == {
        "Tỷ lệ so với mục tiêu": ("0,0%", "16,7%"),
        "Số chính thức, Huyện Kon Tum": (None, 12500),
        "Số tự khai báo, Tỉnh Kon Tum": (0, 1),
        "Ủy ban MTTQ: đã trả lời": (0, 1),
        "Ủy ban MTTQ: số tự khai báo": (0, 1),
        "Đợt “Bluezone”: trả lời": (0, 1),
        "Đợt “Bluezone”: tự khai báo đã cài đặt": (0, 1),
        f"Số tự khai báo, cộng dồn đến {short_day(province.day.isoformat())}": (0, 1),
    }


def test_outreach_that_is_moved_to_another_day_corrects_the_day_it_was_on(province):
    def told(day):
        return ActivityEntry(Means.RADIO, day, day, 3, None, "Đài huyện", "Đăk Glei", "")

    world = province.world
    by = world.officer("tinh@loa.example")
    where = {"area": "62", "organisation_id": world.organisation_id(), "campaign_id": None}
    at = province.at("10:00")
    made = world.do(add_activity, told(province.day), **where, form_key="", by=by, now=at)
    province.publish("13:30")
    later, at = told(province.day + timedelta(days=1)), province.at("14:00")
    world.do(correct_activity, made.entry_id, later, version=made.id, **where, by=by, now=at)
    assert province.correct("16:30") == [D.ISSUE, D.DELIVER]
    changes = province.world.read(read_issues, 1, province.day.isoformat())[1].changes
    assert [(each["what"], each["before"], each["after"]) for each in changes] == [
        ("Phát thanh: số lượt", 3, 0),
        ("Phát thanh: số lượt trong ngày", 3, 0),
    ]


def test_a_day_without_anything_under_way_has_no_report_of_itself(province, box):
    after = province.day + timedelta(days=9)
    assert [province.tick(clock, day=after) for clock in ("11:00", "13:00", "13:50")] == [[], [], []]
    freeze(province.world.runtime, 1, after, now=province.at("14:10", day=after))
    province.approve("14:10", day=after)
    assert province.tick("14:11", day=after) == [D.ISSUE, D.DELIVER]
    assert addressees(box.take()) == sorted(LEADERS)


@both_databases
def test_a_campaign_s_line_counts_those_written_to_and_what_had_been_sent_whatever_became_of_it(world, box):
    world.add_person("Không có số máy")  # in the list, and excluded
    province = Province(world, box.url)
    world.send()

    def line():
        form, as_of = world.read(current_template, 1), province.at("13:30")
        [sent] = world.read(take_snapshot, form, drive=1, day=province.day, known_until=as_of).campaigns
        return sent.recipients, sent.sent

    assert line() == (6, 6)
    # Reported between 13:30 and a late build.
    world.execute(update(Attempt).values(state=AttemptState.FAILED, settled_at=province.at("13:40")))
    assert line() == (6, 6)


def test_the_official_total_is_of_all_places_also_where_few_were_written_to_about_health(world):
    districts = {"608": "Kon Tum", "610": "Đắk Glei", "611": "Ngọc Hồi"}
    world.add_areas(districts)
    world.add_people(12)
    for n, person in enumerate(world.all(select(Contact.id))):
        world.change(Contact, person, area_code="608" if n < 6 else "610" if n < 10 else "611")
    campaign = world.get_one(Campaign, world.launch(kind="tiem-chung", text="Moi ong/ba di tiem: {link}"))
    drive, day = campaign.drive_id, world.now.astimezone(VIETNAM).date()
    for area in districts:
        figure = {"day": day.isoformat(), "area": area, "installed": "100", "source": "Sở Y tế"}
        world.do(enter_official, drive=drive, **figure)
    form, until = world.read(current_template, drive), world.in_hours(48)
    found = world.read(take_snapshot, form, drive=drive, day=day + timedelta(days=1), known_until=until)
    assert len(found.districts) < 3
    assert found.whole.official
    assert found.whole.official.installed == 300


def test_nobody_freezes_figures_that_are_not_there_yet(province):
    with pytest.raises(BadInput, match="report_before_freeze"):
        freeze(province.world.runtime, 1, province.day, now=province.at("13:29"))


def test_a_second_wave_after_the_freeze_is_no_late_figure(province):
    world = province.world
    province.publish("13:30")
    world.add_people(4, first=50)
    wave = world.do(send_second_wave, province.campaign_id, by=APPROVER, now=province.at("15:00"))
    assert wave.has_left
    province.hand_in(province.schools, "14:20", installed=70)
    changes = world.do(
        correct, 1, province.day.isoformat(), user=province.officer(), now=province.at("16:00")
    )
    assert changes
    assert not [line for line in map(describe_change, changes) if "người nhận" in line or "nhắn tin" in line]


def test_a_visit_before_the_hour_that_is_entered_after_it_is_noticed(world, box):
    person = world.add_person("Không Máy")
    province = Province(world, box.url)
    sheet = world.make_sheet(province.campaign_id, now=province.at("08:00"))
    province.publish("13:30")
    line = select(VisitLine.n).where(VisitLine.round_id == sheet, VisitLine.contact_id == person)
    times = {"now": province.at("15:00"), "visited_at": province.at("12:00")}
    world.do(enter_results, sheet, {world.one(line): VisitOutcome.INSTALLED}, **times)
    noted = note_pending_changes(world.runtime, 1, province.day, now=province.at("15:30"))
    changes = world.do(correct, 1, province.day.isoformat(), now=province.at("16:00"))
    assert noted == len(changes) > 0


@cases("corrected", "a newer day is entered", "withdrawn")
def test_a_denominator_that_is_put_right_late_counts_whatever_came_after(province, then):
    world, day = province.world, province.day

    def enter(value, as_of, at):
        subject = GoalSubject(1, GoalScope.RESIDENTS, area="62")
        fields = {"value": value, "as_of": as_of.isoformat(), "source": "Sở"}
        world.do(enter_denominator, subject, **fields, now=at)

    def owners(known_until):
        form = world.read(current_template, 1)
        snapshot = world.read(take_snapshot, form, drive=1, day=day, known_until=known_until)
        return snapshot.whole.owners.count if snapshot.whole.owners else None

    old, morrow = day - timedelta(days=5), day + timedelta(days=1)
    enter("1000", old, province.at("09:00"))
    assert owners(province.at("13:30")) == 1000
    enter("" if then == "withdrawn" else "1100", old, province.at("15:00"))
    if then == "a newer day is entered":
        enter("1200", morrow, province.at("09:00", day=morrow))
    assert owners(province.at("13:30")) == 1000
    assert owners(province.at("10:00", day=morrow)) == (None if then == "withdrawn" else 1100)


@cases("the goal was raised", "the campaign was cancelled")
def test_days_of_report_stay_days_of_report(province, then):
    world, today = province.world, province.world.now.astimezone(VIETNAM).date()
    days = [today - timedelta(days=3), today]
    ago = world.now - timedelta(days=10)
    over = {"launched_at": ago} if then == "the campaign was cancelled" else {"launched_at": None}
    world.execute(update(Campaign).values(**over))
    if then == "the campaign was cancelled":
        world.act(province.campaign_id, CampaignAction.CANCEL)
    else:
        for share, at in (("50", ago), ("60", world.now)):
            subject = GoalSubject(1, GoalScope.RESIDENTS, area="62")
            goal = {"share": share, "deadline": (today + timedelta(days=30)).isoformat(), "basis": "CV"}
            world.do(set_goal, subject, **goal, now=at)
    due = world.read(days_with_report, 1, days)
    assert due == (days[:1] if then == "the campaign was cancelled" else days)
