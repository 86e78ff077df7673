"""Village officers' phones: who may, what they carry, and results that come late, twice, from two, or from nobody any more."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from campaigns.analytics.progress_counts import count_at_the_door
from campaigns.analytics.reach import find_disagreements
from campaigns.cases.handle_case import assign_case, number_to_call
from campaigns.models.activities import SheetOfficer, VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Drive, Recipient
from campaigns.models.messages import Message
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Answer, AnswerTotal, Case, InstallReport
from campaigns.reports.settings import current_template
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.reports.writers.pdf import draw_charts
from campaigns.reports.writers.xlsx import write_xlsx
from campaigns.rules.cases import CaseKind
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.compose import compose
from campaigns.rules.reports.snapshot import read_snapshot
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import MessageState
from campaigns.rules.visits import VisitOutcome, VisitReason
from campaigns.visits import sheets
from campaigns.visits.progress import VisitCounts, add_up, read_corrected, read_officers, read_totals
from campaigns.visits.results import enter_results, undo_entry
from campaigns.visits.sheets import (
    assign_sheet,
    invite_officer,
    print_sheet,
    read_assignments,
    read_lines,
    take_back_sheet,
)
from outreach.accounts.users import change_user, disable_user
from outreach.accounts.village_officers import add_officer, code_of, link_of, shut_out
from outreach.contacts.wishes import people_left_alone
from outreach.models.accounts import Area, AreaLevel, Role, User
from outreach.models.contacts import Contact, ContactPhone, SuppressionReason
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.rules.keys import Purpose
from tests.integration.campaigns.test_answer_totals import recipients, says
from tests.integration.campaigns.test_concurrent_actions import at_once
from tests.integration.campaigns.test_merge_people import merge
from tests.support.admin_client import shows, signed_in
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import AUTHOR, number


class VisitPhone:
    """What the page does on one officer's phone, without a browser."""

    def __init__(self, world, client, name, e164):
        self.world, self.client = world, client
        self.officer = world.do(add_officer, name=name, number=e164, email="")
        self.token, self.known = "", 0

    def invite(self):
        """The link's token and the code, as the officer gets them."""
        runtime = self.world.runtime
        invited = self.world.do(invite_officer, self.officer.id)
        link = link_of(invited, runtime.settings)
        return link.split("#")[1], code_of(invited, runtime.settings.keys_of(Purpose.LINKS))

    def join(self):
        token, code = self.invite()
        joined = self.client.post("/visits/join", json={"token": token, "code": code})
        assert joined.status_code == 200, joined.text
        self.token = joined.json["phone"]
        return self

    def sync(self, *results, status=200, **more):
        body = {"results": list(results), "sent": self.ms(), "want": not results, **more}
        answer = self.client.post(
            "/visits/sync", data=json.dumps(body), headers={"Authorization": f"Bearer {self.token}"}
        )
        assert answer.status_code == status, answer.text
        told = answer.json
        self.known = told.get("now", self.known)
        return told

    def ms(self, *, hours=0):
        return int((self.world.now + timedelta(hours=hours)).timestamp() * 1000)

    def found(self, line, outcome, *, note="", hours=0):
        """A result as the page makes it: `hours` from now by the phone's clock."""
        at = self.ms(hours=hours)
        return {"key": str(uuid4()), "line": line, "outcome": outcome, "note": note, "at": at, "since": 0}


@pytest.fixture
def sheet(world):
    """A sheet of four with phones, 2 and 3 sharing one, and one without."""
    world.add_people(3)
    world.add_person("A Thun con", number(2))
    world.add_person("Y Blốc")
    world.execute(update(Contact).values(village="Thôn 3"))
    campaign_id = world.sent()
    world.set_all(MessageState.NO_REPORT)
    return world.make_sheet(campaign_id, list_id=1, now=world.now - timedelta(days=3))


@pytest.fixture
def phones(world, client, sheet):
    count = iter(range(900, 999))

    def open_phone(name="A Lăng", *, is_given=True):
        phone = VisitPhone(world, client, name, number(next(count)))
        if is_given:
            world.do(assign_sheet, sheet, officer_id=phone.officer.id, day=None, target=10)
        return phone.join()

    return open_phone


def lines(world, sheet):
    query = select(Contact.name, VisitLine.id).join(VisitLine, VisitLine.contact_id == Contact.id)
    return dict(world.rows(query.where(VisitLine.round_id == sheet)))


def labels(world):
    rows = world.all(select(Answer.label).where(Answer.undone_at.is_(None)).order_by(Answer.id))
    return [label.value for label in rows]


def test_an_officer_signs_in_once_with_link_and_code_and_a_wrong_code_is_tried_five_times(
    world, client, sheet
):
    phone = VisitPhone(world, client, "A Lăng", number(900))
    token, code = phone.invite()
    wrong = "000000" if code != "000000" else "111111"

    def join(typed):
        return str(client.post("/visits/join", json={"token": token, "code": typed}).json.get("error", "in"))

    text = world.first(select(Message.text).order_by(Message.id.desc()))
    assert text
    assert code in text, "the code goes to the officer's number"
    assert token not in text
    assert [join(wrong) for _ in range(5)] == ["Mã chưa đúng. Hãy xem lại 6 chữ số vừa nhận."] * 5
    assert "quá nhiều lần" in join(code)
    token, code = phone.invite()
    half = f'{{"token": "{token}", "code": "\\ud800"}}'
    assert client.post("/visits/join", data=half).status_code == 422, "half a letter is a wrong code"
    assert join(code) == "in"
    assert "đã dùng" in join(code)
    assert "chưa đủ" in client.post("/visits/join", json={"token": token[:-3], "code": code}).json["error"]
    # No page of the office opens to the account.
    with pytest.raises(BadInput, match="officer_unreachable"):
        world.do(add_officer, name="A", number="", email="")


def test_a_sheet_is_given_to_no_phone_by_who_sees_only_a_part_of_it(world, sheet):
    places = {"kind": "xã", "level": AreaLevel.COMMUNE}
    world.add(Area(code="23281", name="Đăk Hring", **places), Area(code="23284", name="Đăk Ui", **places))
    world.execute(update(Contact).values(area_code="23281"))
    world.change(Contact, world.contact("A Thun 0"), area_code="23284")
    world.officer("xa@loa.example", Role.STAFF, world.organisation_id())
    world.execute(update(User).where(User.email == "xa@loa.example").values(area_code="23281"))
    officer = world.do(add_officer, name="A Lăng", number=number(901), email="", by="xa@loa.example")
    with pytest.raises(BadInput, match="sheet_beyond_scope"):
        world.do(assign_sheet, sheet, officer_id=officer.id, day=None, target=None, by="xa@loa.example")
    world.execute(update(Contact).values(area_code="23281"))
    world.do(assign_sheet, sheet, officer_id=officer.id, day=None, target=None, by="xa@loa.example")


def test_what_no_phone_of_ours_would_send_breaks_nothing(world, sheet, phones):
    phone = phones()
    line = lines(world, sheet)["A Thun 0"]
    for number_ in (10**30, -1, 0, 1.5, float("inf"), "1", None, [1]):
        phone.sync(phone.found(line, "absent") | {"line": number_}, status=422)
    broken = phone.found(line, "absent", note="\ud800 a\0")
    assert phone.sync(broken)["told"] == {broken["key"]: "recorded"}
    for body in (b"[" * 50_000, b"\xff", b"null", b'{"results": {}}', b'{"results": [null]}'):
        answer = phone.client.post(
            "/visits/sync", data=body, headers={"Authorization": f"Bearer {phone.token}"}
        )
        assert answer.status_code in (200, 422)
    half = b'{"token": "\\ud800", "code": "\\ud800"}'
    assert phone.client.post("/visits/join", data=half).status_code == 422


def test_no_visit_was_before_its_sheet_whatever_a_phone_says(world, sheet, phones):
    phone, there = phones(), lines(world, sheet)
    for name in ("A Thun 0", "Y Blốc"):
        sent = phone.found(there[name], "installed") | {"at": 0}
        assert phone.sync(sent)["told"] == {sent["key"]: "recorded"}
    made = world.get_one(VisitSheet, sheet).made_at
    assert {row.visited_at for row in world.all(select(VisitResult))} == {made}
    assert not world.all(select(AnswerTotal).where(AnswerTotal.day < made.date().isoformat())), (
        "no day of 1970"
    )


@both_databases
def test_a_phone_carries_its_own_sheets_by_house_and_numbers_only_to_call(world, sheet, phones):
    phone, other = phones(), phones("Y Hồng", is_given=False)
    assert other.sync()["data"]["people"] == []
    data = phone.sync()["data"]
    people = {person["name"]: person for person in data["people"]}
    assert sorted(people) == ["A Thun 0", "A Thun 1", "A Thun 2", "A Thun con", "Y Blốc"]
    assert people["A Thun 2"]["house"] == people["A Thun con"]["house"]
    assert len({person["house"] for person in data["people"]}) == 4
    assert not [person for person in data["people"] if "phone" in person]
    assert phone.sync(have=data["digest"])["data"] is None
    line = people["A Thun 0"]["line"]
    assert phone.sync(phone.found(line, "absent"))["told"]
    again = {person["name"]: person for person in phone.sync()["data"]["people"]}
    assert again["A Thun 0"]["phone"] == number(0).replace("+84", "0")
    assert [name for name, person in again.items() if "phone" in person] == ["A Thun 0"]
    carried = world.audited("round.carry")
    mine = [event.details for event in carried if event.actor_id == phone.officer.id]
    assert mine == [{"rows": 5, "numbers": 0}, {"rows": 5, "numbers": 1}]


def test_a_number_that_is_a_stranger_s_is_on_no_phone_and_no_sheet(world, sheet, phones):
    world.suppress(number(0), SuppressionReason.WRONG_NUMBER)
    person = world.contact("A Thun 0")
    world.add(ContactPhone(contact_id=person, phone_id=world.phone(number(1)), position=2))
    phone = phones()
    people = {person["name"]: person for person in phone.sync()["data"]["people"]}
    phone.sync(phone.found(people["A Thun 0"]["line"], "absent"))
    again = {person["name"]: person for person in phone.sync()["data"]["people"]}
    assert again["A Thun 0"]["phone"] == number(1).replace("+84", "0")
    lines = world.read(read_lines, sheet, user=world.user(AUTHOR), with_numbers=True)
    assert [line.phone for line in lines if line.name == "A Thun 0"] == [number(1)]


def test_a_number_that_somebody_has_no_more_is_on_no_paper(world, sheet):
    person = world.contact("A Thun 0")
    links = update(ContactPhone).where(ContactPhone.contact_id == person)
    world.execute(links.values(phone_id=world.phone(number(1))))
    _sheet, lines = world.do(print_sheet, sheet, with_numbers=True)
    assert [line.phone for line in lines if line.name == "A Thun 0"] == [number(1)]


@pytest.mark.parametrize("is_one_sending", [False, True])
@pytest.mark.parametrize("name", ["A Thun 0", "Y Blốc"])
def test_an_opt_out_that_its_officer_puts_right_stands_until_staff_open_it(
    world, sheet, phones, name, is_one_sending
):
    phone, line = phones(), lines(world, sheet)[name]
    said, slip = phone.found(line, "opt_out", hours=-2), phone.found(line, "not_yet", hours=-1)
    told = phone.sync(said, slip) if is_one_sending else (phone.sync(said), phone.sync(slip))[1]
    assert told["told"][slip["key"]] == "opted_out"
    person = world.contact(name)
    assert world.read(people_left_alone, [person]) == {person}
    assert {row.outcome for row in world.read(read_lines, sheet) if row.name == name} == {
        VisitOutcome.NOT_YET
    }


@pytest.mark.parametrize("outcome", ["installed", "refuse", "call"])
@pytest.mark.parametrize("name", ["Y Blốc", "A Thun con"])
def test_who_has_answered_at_a_door_is_on_no_further_sheet(world, sheet, phones, name, outcome):
    numbered = select(Contact.name).join(Recipient, Recipient.contact_id == Contact.id)
    if name in world.all(numbered.where(Recipient.exclusion.is_(None))):
        name = "A Thun 2"  # who has the same number
    phone, line = phones(), lines(world, sheet)[name]
    phone.sync(phone.found(line, "absent", hours=-2))
    again = world.make_sheet(1, list_id=1)
    assert [*lines(world, again)] == [name]
    world.do(assign_sheet, again, officer_id=phone.officer.id, day=None, target=None)
    phone.sync(phone.found(lines(world, again)[name], outcome, hours=-1))
    with pytest.raises(BadInput, match="nobody_to_visit"):
        world.make_sheet(1, list_id=1)
    totals = world.read(read_totals, world.drive())
    assert (totals.people, totals.done, totals.absent) == (5, 1, 0), "each person once"


@both_databases
def test_who_wants_no_more_of_this_drive_leaves_the_phone_unless_they_were_met(world, sheet, phones):
    phone = phones()
    phone.sync(phone.found(lines(world, sheet)["A Thun 1"], "not_yet"))
    for index in (0, 1):
        world.press(1, "opt_out_drive", index=index)
    names = [person["name"] for person in phone.sync()["data"]["people"]]
    assert "A Thun 0" not in names
    assert "A Thun 1" in names


def test_who_asks_for_help_at_the_door_is_a_case_also_without_a_number_of_their_own(world, sheet, phones):
    phone, line = phones(), lines(world, sheet)
    written_to = select(Contact.name).join(Recipient, Recipient.contact_id == Contact.id)
    reached = world.all(written_to.where(Recipient.exclusion.is_(None)))
    shared = next(name for name in ("A Thun 2", "A Thun con") if name not in reached)
    for name, outcome in (("Y Blốc", "need_help"), (shared, "call")):
        phone.sync(phone.found(line[name], outcome, hours=-2))
    cases = world.cases()
    assert [case.kind for case in cases] == [CaseKind.HELP] * 2
    with pytest.raises(NotFound):
        world.do(number_to_call, cases[0].id)
    phone.sync(phone.found(line["Y Blốc"], "not_yet", hours=-1))  # a slip
    assert [case.id for case in world.cases()] == [cases[1].id]


@cases((Label.NOT_YET, 1), (Label.WRONG_NUMBER, 1), (Label.INSTALLED, 0))
def test_who_asked_for_help_at_the_door_waits_for_it_though_they_have_answered_since(
    world, sheet, phones, label, waits
):
    phone, line = phones(), lines(world, sheet)["A Thun 0"]
    says(world, recipients(world)[0], label)
    phone.sync(phone.found(line, "call", hours=-2))
    assert len(world.cases()) == waits
    phone.sync(phone.found(line, "not_yet", hours=-1))  # a slip
    assert world.cases() == []


@cases("A Thun 0", "Y Blốc")
def test_a_sheet_on_paper_stores_nothing_of_who_was_erased_since(world, client, sheet, name):
    (line,) = [each for each in world.read(read_lines, sheet) if each.name == name]
    world.erase(line.contact_id)
    assert f'name="k{line.n}"' not in signed_in(client, AUTHOR).get(f"/admin/rounds/{sheet}").text
    assert world.do(enter_results, sheet, {line.n: VisitOutcome.NEED_HELP}).saved == 0
    assert world.cases() == []


def test_two_sheets_made_at_once_send_nobody_two_officers(world, sheet):
    def make():
        try:
            return world.make_sheet(campaign_id, list_id=1)
        except BadInput as error:
            return error.code

    campaign_id = world.sent(name="Đợt hai")
    world.set_all(MessageState.NO_REPORT)
    assert sorted(map(str, at_once(make, make))) == [str(sheet + 1), "nobody_to_visit"]


def test_a_result_counts_once_however_often_it_comes_and_a_wish_to_be_called_is_a_case(world, sheet, phones):
    phone, line = phones(), lines(world, sheet)
    results = [
        phone.found(line["A Thun 0"], "installed", hours=-30),
        phone.found(line["A Thun 1"], "call", note="  gọi  sau 19 giờ ", hours=-29),
        phone.found(line["Y Blốc"], "no_smartphone", hours=-28),
    ]
    for _again in range(3):
        assert set(phone.sync(*results)["told"].values()) == {"recorded"}
    assert labels(world) == ["installed", "need_help"]
    stored = world.all(select(VisitResult).order_by(VisitResult.visited_at))
    assert [row.note for row in stored] == ["", "gọi sau 19 giờ", ""]
    assert abs(stored[0].visited_at - (world.now - timedelta(hours=30))) < timedelta(minutes=1)
    assert len(world.all(select(Case).order_by(Case.id))) == 1
    assert world.read(find_disagreements)[1] == []
    # The officer thinks again, twice, before there is a network.
    told = phone.sync(
        phone.found(line["A Thun 0"], "not_yet", hours=-1), phone.found(line["A Thun 0"], "refuse", hours=-1)
    )
    assert set(told["told"].values()) == {"recorded"}
    assert labels(world) == ["need_help", "refuse"]
    # A note that was left alone stays.
    phone.sync(phone.found(line["A Thun 1"], "not_yet") | {"note": None})
    (person,) = [each for each in phone.sync()["data"]["people"] if each["name"] == "A Thun 1"]
    assert person["noted"]
    notes = world.all(select(VisitResult.note).where(VisitResult.line_id == line["A Thun 1"]))
    assert notes == ["gọi sau 19 giờ"] * 2


@cases(-24 * 365 * 6, 24 * 365)
def test_a_wrong_clock_moves_no_visit(world, sheet, phones, off):
    phone, line = phones(), lines(world, sheet)
    result = phone.found(line["A Thun 0"], "not_yet", hours=off - 2)
    phone.sync(result, sent=phone.ms(hours=off))
    (at,) = world.all(select(VisitResult.visited_at))
    assert at is not None
    assert abs(at - (world.now - timedelta(hours=2))) < timedelta(minutes=2)


@both_databases
def test_two_officers_an_answer_meanwhile_and_who_opted_out_or_objects_are_settled_and_told(
    world, sheet, phones
):
    first, second, line = phones(), phones("Y Hồng"), lines(world, sheet)

    def sent(phone, name, outcome, hours):
        result = phone.found(line[name], outcome, hours=hours)
        return str(phone.sync(result)["told"][result["key"]])

    assert sent(first, "A Thun 0", "not_yet", -5) == "recorded"
    assert sent(second, "A Thun 0", "installed", -6) == "visited"  # earlier, though it comes later
    assert sent(second, "A Thun 0", "absent", -1) == "visited"  # nobody met says nothing about an answer
    assert sent(second, "A Thun 0", "installed", -4) == "replaced"
    assert labels(world) == ["installed"]
    says(world, recipients(world)[1], Label.NOT_YET)  # now, by their own phone
    assert sent(first, "A Thun 1", "installed", -3) == "answered"
    assert labels(world) == ["installed", "not_yet"]
    says(world, recipients(world)[2], Label.OPT_OUT, days=-2)
    assert sent(first, "A Thun 2", "need_help", -1) == "opted_out"
    # A slip put right: the number stays closed, the officer is told, and nobody goes there again.
    assert sent(second, "A Thun con", "opt_out", -1) == "recorded"
    assert sent(second, "A Thun con", "absent", 0) == "opted_out"
    assert "A Thun con" not in {person["name"] for person in second.sync()["data"]["people"]}
    contact = world.contact("Y Blốc")
    world.ask(contact, RequestKind.OBJECT, asked_by="chính bà")
    assert sent(first, "Y Blốc", "no_smartphone", -1) == "gone"
    assert "Y Blốc" not in {person["name"] for person in first.sync()["data"]["people"]}
    world.execute(update(VisitLine).where(VisitLine.id == line["A Thun con"]).values(contact_id=None))
    assert sent(first, "A Thun con", "installed", -1) == "gone"
    assert world.read(find_disagreements)[1] == []


def test_nothing_is_accepted_from_a_phone_that_was_shut_out_or_an_account_that_changed(world, sheet, phones):
    line = lines(world, sheet)["A Thun 0"]
    author, now = world.user(AUTHOR), world.now
    administrator = world.officer("quantri@loa.example", Role.ADMINISTRATOR)

    def change_role(phone):
        about = {"name": "A Lăng", "role": Role.STAFF, "organisation_id": phone.officer.organisation_id}
        world.do(change_user, phone.officer.id, **about, area_code=None, by=administrator)

    ends = [
        lambda phone: world.do(shut_out, phone.officer.id, user=author, now=now),
        lambda phone: phone.invite(),  # a new phone in place of a lost one
        lambda phone: world.do(disable_user, phone.officer.id, by=administrator),
        change_role,
    ]
    for end in ends:
        phone = phones()
        phone.sync()
        end(phone)
        holders = {each.officer.id: each.has_phone for each in world.read(read_assignments, sheet)}
        assert holders[phone.officer.id] is False
        phone.sync(phone.found(line, "installed"), status=401)
        phone.token = phone.token[:-2]
        phone.sync(status=401)
    assert labels(world) == []
    # A sheet that was taken back leaves the phone; what was found before still counts, another's sheet never.
    phone, stranger = phones(), phones("Y Hồng", is_given=False)
    world.do(take_back_sheet, sheet, officer_id=phone.officer.id, user=author, now=now)
    assert phone.sync()["data"]["people"] == []
    assert set(stranger.sync(stranger.found(line, "installed"))["told"].values()) == {"unknown"}
    later = phone.found(line, "not_yet", hours=0.5)
    assert set(phone.sync(later)["told"].values()) == {"unknown"}, "the sheet was no longer theirs"
    assert labels(world) == []
    assert set(phone.sync(phone.found(line, "installed", hours=-1))["told"].values()) == {"recorded"}
    assert labels(world) == ["installed"]
    # But a wish to be left alone counts on any sheet.
    assert set(phone.sync(phone.found(line, "opt_out", hours=0.5))["told"].values()) == {"recorded"}
    assert labels(world)[-1] == "opt_out"


def test_a_phone_keeps_a_drives_people_a_week_beyond_its_last_day_or_the_day_they_were_given_later(
    world, sheet, phones
):
    phone = phones()
    for given, last, kept in ((-20, -6, 5), (-20, -9, 0), (-6, -9, 5), (-8, -9, 0)):
        world.execute(update(SheetOfficer).values(assigned_at=world.now + timedelta(days=given)))
        ends_on = (world.now + timedelta(days=last)).date().isoformat()
        world.execute(update(Drive).values(ends_on=ends_on))
        assert len(phone.sync()["data"]["people"]) == kept


def test_what_no_page_of_ours_sends_is_refused_and_the_application_is_small_and_strict(world, client, phones):
    phone = phones()
    good = phone.found(1, "installed")
    for bad in (
        [{**good, "key": "x"}],
        [{**good, "outcome": "wrong_number"}],
        [{**good, "at": -5}],
        [{**good, "line": "a"}],
        [good] * 51,
        {"a": 1},
    ):
        assert "không đọc được" in phone.sync(status=422, results=bad)["error"]
    page = client.get("/visits/")
    names = re.findall(r'(?:src|href)="([a-z.]+)"', page.text)
    assert sorted(names) == ["app.css", "app.js", "manifest.webmanifest"]
    sizes = len(page.data)
    for name in (*names, "store.js", "worker.js"):
        file = client.get(f"/visits/{name}")
        policy = file.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "http" not in policy
        sizes += len(file.data)
        assert (
            client.get(f"/visits/{name}", headers={"If-None-Match": file.headers["ETag"]}).status_code == 304
        )
    assert sizes < 150_000 / 3
    assert json.loads(client.get("/visits/manifest.webmanifest").data)["scope"] == "/visits/"
    assert client.get("/visits/routes.py").status_code == 404


def test_the_office_sees_how_far_each_officer_is_and_who_needs_help(world, sheet, phones, client):
    first, second, line = phones(), phones("Y Hồng"), lines(world, sheet)
    first.sync(first.found(line["A Thun 0"], "need_help"), first.found(line["A Thun 1"], "absent"))
    second.sync(second.found(line["Y Blốc"], "installed"))
    author = world.user(AUTHOR)
    found = {each.officer.name: each for each in world.read(read_officers, author)}
    mine, theirs = found["A Lăng"], found["Y Hồng"]
    totals = world.read(read_totals, world.drive(), author)
    for each in (mine.counts, totals):
        counted = (each.people, each.done, each.left, each.absent, each.help, each.installed)
        assert counted == (5, 2, 3, 1, 1, 1)
    assert (mine.today, theirs.today, mine.target) == (1, 1, 10)
    assert mine.seen_at is not None
    signed_in(client, AUTHOR)
    shows(client.get("/admin/rounds/officers/"), "1/10", but=number(900))


def test_few_people_of_a_health_campaign_are_no_difference_to_the_others_of_an_officer():
    of_health, other = VisitCounts([1], people=2, help=1), VisitCounts([2], people=10, help=3)
    assert add_up([of_health, other], hidden={1}).help is None
    assert add_up([of_health, other], hidden=set()).help == 4
    enough = [replace(of_health, people=5), other]
    assert add_up(enough, hidden={1}).help == 4
    assert add_up(enough, hidden={1}, is_part=True).help is None, "of all the rest may be few"
    assert add_up([other], hidden={1}).help == 3


def test_the_saving_before_is_undone_next_though_a_phone_has_written_a_line_of_the_last(world, sheet, phones):
    user, now = world.user(AUTHOR), datetime.now(UTC)
    lines = dict(world.rows(select(VisitLine.n, VisitLine.id).where(VisitLine.round_id == sheet)))
    one, two = sorted(lines)[:2]
    for outcome, hours in ((VisitOutcome.NOT_YET, 3), (VisitOutcome.REFUSE, 2)):
        at = now - timedelta(hours=hours)
        both = {one: outcome, two: outcome}
        world.do(enter_results, sheet, both, user=user, now=at, visited_at=at)
    phone = phones()
    phone.sync(phone.found(lines[one], "installed"))
    saved = [world.do(undo_entry, sheet, user=user, now=now).saved for _ in range(2)]
    assert saved == [1, 1]
    with pytest.raises(WrongState):
        world.do(undo_entry, sheet, user=user, now=now)


# What is found at a door late, twice, on two sheets, or of somebody who is two rows of a list.


def test_a_note_written_later_is_no_later_visit_and_leaves_what_the_person_has_said_since(
    world, sheet, phones
):
    phone, line = phones(), lines(world, sheet)["A Thun 0"]
    phone.sync(phone.found(line, "installed", hours=-4))
    says(world, recipients(world)[0], Label.NOT_YET)
    noted = phone.found(line, "installed", note="máy mới mua", hours=0.5)
    assert phone.sync(noted, sent=phone.ms(hours=0.5))["told"] == {noted["key"]: "recorded"}
    assert labels(world) == ["installed", "not_yet"]
    notes = select(VisitResult.note).where(VisitResult.undone_at.is_(None)).order_by(VisitResult.id)
    assert world.all(notes)[-1] == "máy mới mua"


@cases(0, 1)
def test_who_was_merged_stands_on_a_new_sheet_once_and_on_an_old_one_with_what_they_answered(world, kept):
    campaign = world.sent(people=2)
    world.set_all(MessageState.NO_REPORT)
    old = world.make_sheet(campaign, list_id=1)
    people = world.all(select(Contact.id).order_by(Contact.id))
    merge(world, people[kept], people[1 - kept])
    assert len(world.read(read_lines, world.make_sheet(campaign, list_id=1, again=True))) == 1
    says(world, recipients(world)[0], Label.NOT_YET)
    assert {row.answer for row in world.read(read_lines, old)} == {"not_yet"}


def test_a_result_that_another_one_outdates_as_it_comes_counts_at_no_moment(world, sheet, phones):
    first, second, line = phones(), phones("Y Hồng"), lines(world, sheet)["Y Blốc"]
    first.sync(first.found(line, "not_yet", hours=-2))
    second.sync(second.found(line, "installed", hours=-3))  # comes later, was earlier

    def counted():
        at = world.now - timedelta(hours=1)
        return [row[3] for row in world.read(count_at_the_door, [1], as_of=at, seen=None)]

    assert counted() == [VisitOutcome.NOT_YET]


def test_what_stayed_behind_an_entry_counts_once_the_entry_is_undone(world, sheet, phones):
    phone, line = phones(), lines(world, sheet)["Y Blốc"]
    n = world.one(select(VisitLine.n).where(VisitLine.id == line))
    world.do(enter_results, sheet, {n: VisitOutcome.REFUSE})
    late = phone.found(line, "need_help", hours=-3)
    assert phone.sync(late)["told"] == {late["key"]: "visited"}
    world.do(undo_entry, sheet)
    assert [row.outcome for row in world.read(read_lines, sheet) if row.n == n] == [VisitOutcome.NEED_HELP]
    assert [case.kind for case in world.cases()] == [CaseKind.HELP]


def test_of_two_sheets_the_later_visit_counts_whichever_was_entered_last(world, sheet):
    other = world.make_sheet(1, list_id=1, again=True, now=world.now - timedelta(days=3))
    for each, outcome, hours in ((sheet, VisitOutcome.INSTALLED, 1), (other, VisitOutcome.NOT_YET, 20)):
        n = world.one(select(VisitLine.n).where(VisitLine.id == lines(world, each)["Y Blốc"]))
        world.do(enter_results, each, {n: outcome}, visited_at=world.now - timedelta(hours=hours))
    counted = world.read(count_at_the_door, [1], as_of=world.now, seen=None)
    assert [row[3] for row in counted] == [VisitOutcome.INSTALLED]


@cases("installed", "need_help")
def test_what_two_sheets_say_of_one_number_still_holds_when_one_of_them_was_a_slip(
    world, sheet, phones, said
):
    other = world.make_sheet(1, list_id=1, again=True, now=world.now - timedelta(days=3))
    phone = phones()
    world.do(assign_sheet, other, officer_id=phone.officer.id, day=None, target=None)
    mine, theirs = (lines(world, each)["A Thun 0"] for each in (sheet, other))
    phone.sync(phone.found(mine, said, hours=-3), phone.found(theirs, said, hours=-2))
    phone.sync(phone.found(mine, "absent", hours=-1))
    assert labels(world) == [said]
    assert len(world.cases()) == (said == "need_help")


def test_a_slip_on_one_sheet_withdraws_no_help_that_was_asked_for_on_another(world, sheet, phones):
    other = world.make_sheet(1, list_id=1, again=True, now=world.now - timedelta(days=3))
    phone = phones()
    world.do(assign_sheet, other, officer_id=phone.officer.id, day=None, target=None)
    mine, theirs = (lines(world, each)["Y Blốc"] for each in (sheet, other))
    phone.sync(phone.found(mine, "need_help", hours=-3), phone.found(theirs, "call", hours=-2))
    phone.sync(phone.found(mine, "not_yet", hours=-1))
    assert [case.kind for case in world.cases()] == [CaseKind.HELP]
    phone.sync(phone.found(theirs, "not_yet", hours=-1))
    assert world.cases() == []


@cases("A Thun 0", "Y Blốc")
def test_help_that_is_asked_for_again_stays_the_case_of_who_took_it(world, sheet, phones, name):
    phone, line = phones(), lines(world, sheet)[name]
    phone.sync(phone.found(line, "need_help", hours=-3))
    (case,) = world.cases()
    world.do(assign_case, case.id)
    phone.sync(phone.found(line, "call", note="gọi sau 19 giờ", hours=-2))
    phones("Y Hồng").sync(phone.found(line, "need_help", hours=-1))
    on_paper = {world.one(select(VisitLine.n).where(VisitLine.id == line)): VisitOutcome.CALL}
    for enter_or_undo, given in ((enter_results, [on_paper]), (undo_entry, [])):
        world.do(enter_or_undo, sheet, *given)
        assert [(each.id, each.taken_by) for each in world.cases()] == [(case.id, world.user(AUTHOR).id)]


# Random checks at the door: unmarked on every paper and phone, and what they leave of the self-reports.


REPORTED = 24


def test_a_check_looks_like_any_visit_and_corrects_the_count_beside_it(world, client, monkeypatch):
    monkeypatch.setattr(sheets, "is_drawn", lambda _campaign, recipient, percent: percent and recipient % 2)
    campaign = world.sent(people=REPORTED + 2)
    world.set_all(MessageState.NO_REPORT)
    for recipient in recipients(world)[:REPORTED]:
        says(world, recipient, Label.INSTALLED)
    author = world.user(AUTHOR)

    def make(percent):
        return world.make_sheet(campaign, list_id=1, check_percent=percent)

    with pytest.raises(BadInput, match="check_percent_wrong"):
        make(31)
    sheet = make(5)
    lines = world.rows(select(VisitLine.n, VisitLine.why).order_by(VisitLine.n))
    assert world.read(read_corrected, 1, author, as_of=world.now) is None
    checks = [n for n, why in lines if why is VisitReason.CHECK]
    assert (len(lines), len(checks)) == (2 + REPORTED // 2, REPORTED // 2)
    # Neither the phone, nor the page, nor the paper tells who is checked.
    phone = VisitPhone(world, client, "A Lăng", number(900))
    world.do(assign_sheet, sheet, officer_id=phone.officer.id, day=None, target=None, user=author)
    people = phone.join().sync()["data"]["people"]
    usual = {"code": "", "first": 3, "house": 0, "line": 0, "name": "", "sheet": sheet, "village": ""}
    for each in people:
        shown = {**each, "name": "", "code": "", "house": 0, "line": 0}
        assert shown == {**usual, "why": "Cần hỏi tại nhà"}
    signed_in(client, AUTHOR)
    assert "Đã cài, lúc" not in client.get(f"/admin/rounds/{sheet}/").text
    found = {
        n: VisitOutcome.INSTALLED if place % 4 else VisitOutcome.NOT_YET for place, n in enumerate(checks)
    }
    world.do(enter_results, sheet, found, user=author)
    left = world.all(
        select(InstallReport).where(InstallReport.withdrawn_at.is_(None)).order_by(InstallReport.id)
    )
    corrected = world.read(read_corrected, 1, author, as_of=world.now)
    assert len(left) == REPORTED - 3  # what was not so is taken back, as by any answer
    assert (corrected.reported, corrected.checks, corrected.confirmed) == (21, 12, 9)
    assert corrected.likely == 9 + 12 * 9 / 12
    assert 9 < corrected.low < corrected.likely < corrected.high < 21
    shows(client.get("/admin/progress/"), "Ước tính sau kiểm tra: 18", "Số báo cáo: 21")
    until = {"day": world.now.astimezone(VIETNAM).date() + timedelta(days=1)}
    until["known_until"] = world.now + timedelta(minutes=1)
    form = world.read(current_template, 1)
    snapshot = world.read(take_snapshot, form, drive=1, **until)
    assert read_snapshot(json.loads(json.dumps(snapshot.as_data()))) == snapshot
    assert snapshot.checked is not None
    assert (snapshot.whole.reported.reported, snapshot.checked.likely) == (21, 18)
    document = compose(snapshot, form)
    workbook = write_xlsx(document, draw_charts(document), made_at=world.now)
    with zipfile.ZipFile(io.BytesIO(workbook)) as book:
        cells = "".join(book.read(name).decode() for name in book.namelist() if name.endswith(".xml"))
    for said in ("21 người tự khai báo đã", "Ước tính sau kiểm tra: 18 người, trong khoảng"):
        assert any(said in getattr(block, "text", "") for block in document.blocks)
        assert said in cells
    # Nobody is checked twice.
    with pytest.raises(BadInput, match="nobody_to_visit"):
        make(5)
