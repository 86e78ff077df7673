"""In a storm: who is safe, who needs help and where, by page, SMS and the page for everybody; handed over, joined, settled, and removed in time."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO

import pytest
from docx import Document
from limits import RateLimitItemPerHour
from sqlalchemy import select, update

from campaigns.analytics.open_tasks import count_event, export_event, read_unheard
from campaigns.cases.handle_case import (
    cases_visible_to,
    close_case,
    label_reply,
    reopen_case,
    undo_reply_label,
)
from campaigns.cases.rescue import (
    alert_officers,
    flat,
    hand_over_case,
    join_case,
    note_case,
    read_cries,
    shown_cry,
)
from campaigns.lifecycle import stop_all_sending
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Answer, Case, Reply, SafetyReport
from campaigns.planning.kinds import load_kinds
from campaigns.privacy.export_data import export_personal_data
from campaigns.privacy.retention import remove_expired
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.links import LinkCipher
from campaigns.rules.replies.labels import Label
from campaigns.rules.safety import CryState, Need, SafetyStatus
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction, Exclusion, MessageState
from campaigns.web import public_page
from outreach.accounts.security_events import SecurityEvent, read_events
from outreach.contacts.suppressions import lock_phone
from outreach.core.db import Base
from outreach.models.accounts import AuditEvent, Role
from outreach.models.contacts import Contact
from outreach.rules.errors import BadInput, WrongState
from tests.integration.campaigns.test_interleaved_transactions import interleave
from tests.support.admin_client import post, signed_in
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, number

HERE = "16.04712, 108.20678"
TEAM = number(70)


@pytest.fixture
def event(world):
    """A warning to five people."""
    world.runtime.redis.flushdb()
    world.add_areas({"608": "Đắk Hà"}, {"23500": "608"})
    world.add_people(5, first=10)
    world.execute(update(Contact).values(area_code="23500", village="Thôn 3"))
    event = world.launch(content=load_kinds()["bao-lu"], name="Bão số 9")
    world.execute(update(Campaign).values(urgent_reason="Bão số 9 đổ bộ trong đêm"))
    world.send()
    return event


def say(world, body, *, sender=None, minutes=0):
    count = world.count(Reply)
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    reply = world.reply(sender or number(10), body, gateway_id=f"said-{count}", now=now)
    assert reply
    return reply


def path_of(world, event, index=10):
    recipient = world.recipient(number(index), event)
    return f"/{LinkCipher(world.runtime.settings.secret_key).token(recipient.id)}"


def cries(world, event):
    user = world.user(AUTHOR)
    return world.read(read_cries, event, world.read(cases_visible_to, user))


def counts(world, event):
    world.runtime.redis.flushdb()
    return world.read(count_event, event, world.user(AUTHOR), redis=world.runtime.redis)


def do(world, use_case, *args, **values):
    return use_case(world.runtime, *args, user=world.user(AUTHOR), now=datetime.now(UTC), **values)


def hand_over(world, case_id, team=TEAM):
    to = {"officer_id": None, "team": "Đội xuồng 2", "number": team}
    do(world, hand_over_case, case_id, **to, settings=world.runtime.settings)
    text = world.all(select(Message.text).where(Message.text.like("%Loa: can cuu%")).order_by(Message.id))[-1]
    (path,) = re.findall(r"http\S+(/team/\S+)", text)
    return path


@both_databases
def test_the_page_of_a_warning_asks_first_whether_one_is_safe(world, event, client):
    path = path_of(world, event)
    page = client.get(path)
    text = page.get_data(as_text=True)
    assert text.index("Ông/bà có an toàn không?") < text.index("Nhà tôi đã chuẩn bị xong")
    assert 'href="tel:112"' in text
    assert "geolocation=()" in page.headers["Permissions-Policy"]
    assert client.post(path, data={"answer": "safe"}).status_code == 303
    assert "an toàn." in client.get(path).get_data(as_text=True)
    assert world.all(select(Answer.id)) == world.all(select(Case.id)) == []
    found = counts(world, event)
    assert (found.total.people, found.total.safe, found.total.unheard) == (5, 1, 4)


def test_a_cry_on_the_page_is_urgent_and_its_details_can_be_changed_until_it_is_settled(world, event, client):
    path = path_of(world, event)
    assert client.post(path, data={"answer": "help"}).location == f"{path}?help="
    page = client.get(f"{path}?help")
    assert "geolocation=(self)" in page.headers["Permissions-Policy"]
    assert len(page.data) < 14_000
    details = {"answer": "details", "people": "5", "need": ["boat", "birth"], "place": "Gần nhà rông"}
    given = {"latitude": "16.047123", "longitude": "108.206781"}
    assert client.post(path, data={**details, **given}).location == f"{path}?help=1"
    (cry,) = cries(world, event)
    assert (cry.people, cry.needs, cry.place) == (5, [Need.BIRTH, Need.BOAT], "Gần nhà rông")
    assert (cry.position, cry.danger, cry.state) == ((16.04712, 108.20678), 3, CryState.NEW)
    assert world.one(select(Case.urgent_at))
    client.post(path, data={**details, "people": "6", "forget": "1"})
    (cry,) = cries(world, event)
    assert (cry.people, cry.position) == (6, None)
    client.post(path, data={"answer": "safe"})  # an officer settles it, nobody else
    (cry,) = cries(world, event)
    assert cry.safe_at
    settle(world, cry.id)
    assert client.post(path, data=details).status_code == 422
    assert "giúp xong" in client.get(f"{path}?help").get_data(as_text=True)
    assert counts(world, event).total.safe == 1
    client.post(path, data={"answer": "other"})
    (cry,) = cries(world, event)
    assert (cry.needs, cry.people, cry.place, cry.status is SafetyStatus.OTHER) == ([], None, "", True)


def settle(world, case_id):
    do(world, note_case, case_id, outcome=CaseOutcome.VISITED, note="Đã đưa đi")


def test_the_page_of_a_campaign_that_is_no_warning_asks_nothing_of_it(world, client):
    world.add_people(1, first=10)
    event = world.launch()
    path = path_of(world, event)
    assert "an toàn" not in client.get(path).get_data(as_text=True)
    assert client.post(path, data={"answer": "safe"}).status_code == 422


@both_databases
def test_an_sms_says_that_one_is_safe_or_cries_with_people_needs_and_position(world, event):
    say(world, "AN TOAN")
    assert world.all(select(Case.id)) == []
    assert world.one(select(SafetyReport.status)) is SafetyStatus.SAFE
    assert counts(world, event).total.safe == 1
    say(world, f"CUU 5 nguoi mai nha {HERE}", minutes=1)
    assert world.all(select(Reply.body).order_by(Reply.id))[-1] == "CUU 5 nguoi mai nha [vị trí]"
    (cry,) = cries(world, event)
    assert (cry.people, cry.needs, cry.position) == (5, [Need.BOAT], (16.04712, 108.20678))
    say(world, "cuu voi, con het thuoc", minutes=2)  # joins the first
    (cry,) = cries(world, event)
    assert cry.needs == [Need.BOAT, Need.MEDICINE]
    assert cry.position
    assert counts(world, event).total.need == 1
    assert len(world.all(select(Message.id).where(Message.text.like("Neu dang nguy hiem%")))) == 1


def test_words_of_a_storm_mean_nothing_without_one(world):
    world.runtime.redis.flushdb()
    world.add_people(1, first=10)
    world.sent()
    say(world, f"toi o {HERE}")
    assert world.all(select(SafetyReport.phone_id)) == []
    assert HERE in world.one(select(Reply.body))


def test_a_cry_from_a_number_in_no_list_is_the_events_and_shown_apart(world, event, client):
    for minutes in (0, 1):
        say(world, "CUU 3 nguoi", sender=number(99), minutes=minutes)
    (cry,) = cries(world, event)
    assert (bool(cry.recipient_id), cry.is_verified, cry.people) == (False, True, 3)
    found = counts(world, event)
    assert (found.others_need, found.total.need, found.total.unheard) == (1, 0, 5)
    page = signed_in(client, AUTHOR).get("/admin/rescue/").text
    told = re.findall(r"<dd>(\d+)</dd><dt>cần giúp|(\d+) cần giúp \(đã có", page)
    assert told == [("1", ""), ("", "1")], "the figures have it, and that is said"


def test_the_page_for_everybody_takes_the_same_and_never_speaks_for_a_number(world, event, client):
    form = {"number": "0" + number(10)[3:], "people": "4", "need": "boat", "place": f"Cầu treo {HERE}"}
    assert client.post("/an-toan", data={**form, "answer": "safe"}).status_code == 303
    assert counts(world, event).total.safe == 0  # anybody may have typed it
    assert client.post("/an-toan", data={**form, "answer": "help"}).location == "/an-toan?done=help"
    (cry,) = cries(world, event)
    assert (bool(cry.recipient_id), cry.is_verified, cry.place) == (False, False, "Cầu treo")
    assert cry.position
    say(world, "AN TOAN")
    client.post("/an-toan", data={**form, "answer": "help", "place": "chỗ khác"})
    (cry,) = cries(world, event)
    assert cry.place == "Cầu treo (người khác ghi)"
    refused = client.post("/an-toan", data={**form, "number": "123", "answer": "help"})
    assert refused.status_code == 422
    assert "Cầu treo" in refused.get_data(as_text=True)  # nothing that was typed is lost


def test_what_a_stranger_types_of_a_number_takes_away_nothing_that_was_typed_before(world, event, client):
    form = {"number": f"0{number(99)[3:]}", "answer": "help"}
    first = {**form, "people": "4", "need": "boat", "place": f"Cầu treo {HERE}"}
    false = {**form, "place": "Bến xe 16.90000, 108.20690", "forget": "1"}
    for typed in (first, form, false, false):
        assert client.post("/an-toan", data=typed).status_code == 303
    (cry,) = cries(world, event)
    assert (cry.people, cry.needs, cry.position) == (4, [Need.BOAT], (16.04712, 108.20678))
    assert cry.place == "Cầu treo; Bến xe 16.90000, 108.20690"


def test_what_anybody_may_have_typed_puts_no_cry_back(world, event, client):
    form = {"number": "0" + number(99)[3:], "people": "4"}
    for word in ("help", "safe"):
        assert client.post("/an-toan", data={**form, "answer": word}).status_code == 303
    (cry,) = cries(world, event)
    assert cry.safe_at is None


def test_a_text_that_arrives_late_takes_back_nothing_that_was_said_since(world, event):
    say(world, "CUU 5 nguoi", minutes=9)
    say(world, f"CUU {HERE}", minutes=2)
    say(world, "AN TOAN", minutes=1)
    (cry,) = cries(world, event)
    assert (cry.safe_at, cry.people, cry.position) == (None, 5, (16.04712, 108.20678))


def test_a_cry_that_an_officer_finds_after_an_earlier_one_is_new(world, event):
    say(world, "CUU 5 nguoi mai nha")
    (cry,) = cries(world, event)
    hand_over(world, cry.id)
    settle(world, cry.id)
    say(world, "con lau nua khong vay", minutes=5)
    (case,) = world.all(select(Case.id).where(Case.done_at.is_(None)))
    do(world, label_reply, case, Label.NEED_HELP.value)
    (cry,) = cries(world, event)
    assert (cry.state, cry.people, cry.handed_to) == (CryState.NEW, None, "")
    hand_over(world, cry.id)
    (cry,) = cries(world, event)
    assert (cry.state, cry.people) == (CryState.ON_THE_WAY, None)


def test_the_page_for_everybody_is_braked_and_names_112(world, event, client):
    form = {"number": "0" + number(99)[3:], "answer": "safe"}
    answers = [client.post("/an-toan", data=form) for _ in range(21)]
    assert [each.status_code for each in answers] == [303] * 20 + [429]
    assert "112" in answers[-1].get_data(as_text=True)
    assert world.count(SafetyReport) == 1


def test_what_is_refused_to_one_address_keeps_no_cry_of_another_from_being_taken(
    world, event, client, monkeypatch
):
    for limit, most in (("PER_ADDRESS", 1), ("IN_ALL", 3)):
        monkeypatch.setattr(public_page, f"REPORTS_{limit}", RateLimitItemPerHour(most, 1, f"test:{limit}"))

    def cry(n, address):
        form = {"number": f"0{number(n)[3:]}", "answer": "help"}
        return client.post("/an-toan", data=form, environ_base={"REMOTE_ADDR": address}).status_code

    assert [cry(n, "198.51.100.7") for n in range(30, 35)] == [303] + [429] * 4
    assert cry(35, "203.0.113.9") == 303


def test_one_address_uses_up_a_third_of_the_alerts_at_most(world, event, client):
    for n in range(30, 55):
        form = {"number": f"0{number(n)[3:]}", "answer": "help"}
        assert client.post("/an-toan", data=form).status_code == 303
    assert sum(cry.is_urgent for cry in cries(world, event)) == public_page.CRIES_TOLD_PER_ADDRESS.amount


def test_cries_that_a_stranger_types_by_the_dozen_stand_behind_the_one_that_a_number_sent(
    world, event, client, monkeypatch
):
    monkeypatch.setattr(public_page, "CRIES_TOLD", RateLimitItemPerHour(1, 1, "test:told"))
    say(world, "CUU 5 nguoi mai nha")
    for n in range(30, 52):
        form = {"number": f"0{number(n)[3:]}", "answer": "help", "need": "birth"}
        assert client.post("/an-toan", data=form).status_code == 303
    listed = cries(world, event)
    assert [cry.is_verified for cry in listed] == [True] + [False] * 22
    assert sum(cry.is_urgent for cry in listed) == 2  # of these alone officers are told
    say(world, "CUU 5 nguoi", sender=number(50))
    assert all(cry.is_urgent for cry in cries(world, event)[:2])


@cases(
    ("/an-toan", {"answer": "help", "place": "Sai chỗ"}),
    ("/hoi/nhan", {"note": "Cứu tôi với, nước lên tới mái nhà"}),
)
def test_a_cry_that_anybody_may_have_typed_is_marked_so_until_the_number_itself_cries(
    world, event, client, path, form
):
    say(world, "AN TOAN")
    assert client.post(path, data={**form, "number": f"0{number(10)[3:]}"}).status_code in (200, 303)
    assert [cry.is_verified for cry in cries(world, event)] == [False]
    say(world, "CUU", minutes=1)
    assert next(cry.is_verified for cry in cries(world, event))


@cases(10, 99)
def test_the_place_that_a_relative_typed_and_the_team_on_its_way_stay_when_the_number_itself_cries(
    world, event, client, n
):
    form = {"number": f"0{number(n)[3:]}", "answer": "help", "need": "birth", "place": f"Cầu treo {HERE}"}
    assert client.post("/an-toan", data=form).status_code == 303
    link = hand_over(world, cries(world, event)[0].id)
    say(world, "CUU", sender=number(n), minutes=1)
    (cry,) = cries(world, event)
    assert (cry.is_verified, cry.place, cry.needs) == (True, "Cầu treo (người khác ghi)", [Need.BIRTH])
    assert (cry.state, client.get(link).status_code) == (CryState.ON_THE_WAY, 200)
    do(world, close_case, cry.id, CaseOutcome.VISITED, note="", result=None)
    form = {"number": form["number"], "note": "Cứu tôi với, nước lên tới mái nhà"}
    assert client.post("/hoi/nhan", data=form).status_code == 200
    for each in flat(cries(world, event))[:-1]:  # the team is back; a stranger's note is all that is open
        do(world, close_case, each.id, CaseOutcome.VISITED, note="", result=None)
    say(world, "CUU, nuoc dang len", sender=number(n), minutes=2)
    assert [(cry.state, cry.place) for cry in cries(world, event)] == [(CryState.NEW, "")]


def test_what_a_relative_types_of_a_number_that_cried_without_a_place_is_kept(world, event, client):
    say(world, "CUU")
    form = {"number": f"0{number(10)[3:]}", "answer": "other", "people": "4", "place": f"Cầu treo {HERE}"}
    for typed in (form, {**form, "place": "chỗ khác", "people": "9"}):
        assert client.post("/an-toan", data=typed).status_code == 303
    (cry,) = cries(world, event)
    assert (cry.is_verified, cry.people, cry.position) == (True, 4, (16.04712, 108.20678))
    assert cry.place == "Cầu treo (người khác ghi)"


def test_a_note_stays_when_a_case_is_settled_without_one_and_opened_again(world, event):
    say(world, "nước ngập rồi, đường bị cắt không biết làm sao")
    (case,) = world.cases()
    world.change(Case, case.id, note="Đã gọi, máy bận")
    do(world, label_reply, case.id, Label.NOT_YET)
    assert world.get_one(Case, case.id).done_at
    do(world, undo_reply_label, case.id)
    assert world.get_one(Case, case.id).note == "Đã gọi, máy bận"


def test_without_an_event_the_page_for_everybody_takes_nothing(world, client):
    world.runtime.redis.flushdb()
    assert "Hiện không có cảnh báo" in client.get("/an-toan").get_data(as_text=True)
    form = {"number": "0" + number(99)[3:], "answer": "help"}
    assert client.post("/an-toan", data=form).status_code == 422


def test_a_team_gets_the_place_and_a_link_that_ends_with_the_case(world, event, client):
    say(world, f"CUU 5 nguoi {HERE}")
    (cry,) = cries(world, event)
    first = hand_over(world, cry.id)
    text = world.all(select(Message.text).where(Message.text.like("%/team/%")))[-1]
    assert all(each in text for each in ("Thon 3", "5 nguoi", number(10)))
    assert "16.04" not in text
    (cry,) = cries(world, event)
    assert (cry.state, cry.handed_to) == (CryState.ON_THE_WAY, "Đội xuồng 2")
    page = client.get(first)
    assert page.status_code == 200
    assert "16.04712" in page.get_data(as_text=True)
    assert world.one(select(AuditEvent.subject).where(AuditEvent.action == "case.team_look"))
    world.execute(update(SafetyReport).values(handed_at=datetime.now(UTC) - timedelta(minutes=9)))
    assert client.get(first).status_code == 410  # others are on the way
    second = hand_over(world, cry.id)
    assert client.get(second).status_code == 200
    settle(world, cry.id)
    assert [client.get(each).status_code for each in (first, second, "/team/forged")] == [410] * 3


def test_cases_are_joined_parted_noted_and_settled_together(world, event):
    for index, where in ((10, HERE), (11, "16.0472, 108.2069"), (12, "16.9, 108.2069")):
        say(world, f"CUU {where}", sender=number(index))
    first, second, third = sorted(cries(world, event), key=lambda cry: cry.id)
    assert (first.near, second.near, third.near) == (None, first.id, None)
    do(world, join_case, second.id, first.id)
    lead = next(cry for cry in cries(world, event) if cry.id == first.id)
    assert [each.id for each in lead.joined] == [second.id]
    assert counts(world, event).open == 2  # as the page has it
    with refuses(BadInput, says="Chỉ gộp được"):
        do(world, join_case, first.id, first.id)
    do(world, join_case, second.id, 0)
    assert len(cries(world, event)) == 3
    do(world, join_case, second.id, first.id)
    do(world, note_case, first.id, note="  Nhà   sàn ", outcome=None)
    assert next(cry.note for cry in cries(world, event) if cry.id == first.id) == "Nhà sàn"
    before_second = {"seen": world.read(shown_cry, first), "note": ""}
    world.change(Case, second.id, urgent_at=datetime.now(UTC) + timedelta(minutes=1))
    with refuses(WrongState, says="vừa kêu cứu"):
        do(world, note_case, first.id, outcome=CaseOutcome.VISITED, **before_second)
    settle(world, first.id)
    assert [cry.id for cry in cries(world, event)] == [third.id]
    assert counts(world, event).settled == 2


def test_joined_cases_are_settled_while_somebody_holds_the_number_of_one_and_then_the_other_case(
    world, event
):
    for index in (10, 11):
        say(world, f"CUU {HERE}", sender=number(index))
    first, second = sorted(cries(world, event), key=lambda cry: cry.id)
    do(world, join_case, second.id, first.id)

    def note_it(session):
        lock_phone(session, second.phone_id)
        session.execute(update(Case).where(Case.id == first.id).values(note="Nhà sàn"))

    about = {"outcome": CaseOutcome.VISITED, "note": ""}
    user, now = world.user(AUTHOR), world.now
    settle_all = partial(note_case.__wrapped__, case_id=first.id, user=user, now=now, **about)
    interleave(world, note_it, settle_all, before="is_update")
    assert cries(world, event) == []


def test_a_case_whose_lead_was_settled_alone_is_shown_again_and_none_is_hidden_once_that_is_reopened(
    world, event
):
    for index in (10, 11, 12):
        say(world, "CUU", sender=number(index))
    first, second, third = sorted(cry.id for cry in cries(world, event))
    do(world, join_case, second, first)
    do(world, close_case, first, CaseOutcome.CALLED, note="", result=None)
    assert sorted(cry.id for cry in cries(world, event)) == [second, third]
    do(world, join_case, third, second)
    do(world, reopen_case, first)
    assert sorted(each.id for each in flat(cries(world, event))) == [first, second, third]


def test_a_cry_that_was_handed_to_a_team_is_not_told_as_untaken(world, event):
    world.use(stand_in_contacts=(number(81),))
    say(world, "CUU")
    (cry,) = cries(world, event)
    before = {"taken_by": world.user(APPROVER).id, "taken_at": world.in_hours(-2)}
    world.change(Case, cry.id, urgent_at=world.in_hours(-1), **before)
    hand_over(world, cry.id)
    assert alert_officers(world.runtime, cry.id, now=world.now) == 0


def test_a_team_whose_message_cannot_arrive_is_not_said_to_be_on_its_way_and_officers_are_told_once(
    world, event, author
):
    world.use(duty_contacts=(number(80),))
    say(world, "CUU")
    (cry,) = cries(world, event)
    assert alert_officers(world.runtime, cry.id, now=world.now) == 1
    hand_over(world, cry.id)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert alert_officers(world.runtime, cry.id, now=later) == 0
    of_team = world.one(select(SafetyReport.handed_message_id))
    world.change(Message, of_team, state=MessageState.UNDELIVERED)
    assert (cries(world, event)[0].state, counts(world, event).on_the_way) == (CryState.TAKEN, 0)
    for page in (f"/admin/rescue/live?event={event}", "/admin/rescue/paper", f"/admin/inbox/{cry.id}/"):
        assert "không tới: gọi cho đội hoặc giao lại" in author.get(page).text
    assert [alert_officers(world.runtime, cry.id, now=later) for _again in range(2)] == [1, 0]
    assert "Tin giao doi khong toi, goi doi hoac giao lai" in (
        world.all(select(Message.text).order_by(Message.id))[-1] or ""
    )
    hand_over(world, cry.id)
    assert cries(world, event)[0].state is CryState.ON_THE_WAY


def test_those_who_stand_in_are_told_of_a_teams_message_that_cannot_arrive_where_nobody_is_on_duty(
    world, event
):
    world.use(stand_in_contacts=(number(81),))
    say(world, "CUU")
    (cry,) = cries(world, event)
    late = datetime.now(UTC) + timedelta(minutes=11)
    assert alert_officers(world.runtime, cry.id, now=late) == 1
    hand_over(world, cry.id)
    of_team = world.one(select(SafetyReport.handed_message_id))
    later = late + timedelta(minutes=1)
    world.change(SafetyReport, (event, world.phone(number(10))), handed_at=later)
    assert alert_officers(world.runtime, cry.id, now=later) == 0
    world.change(Message, of_team, state=MessageState.UNDELIVERED)
    assert [alert_officers(world.runtime, cry.id, now=later) for _again in range(2)] == [1, 0]
    texts = world.all(select(Message.text).where(Message.text.like("Loa: co nguoi%")).order_by(Message.id))
    assert ["Tin giao doi khong toi" in (text or "") for text in texts] == [False, True]


def test_officers_told_of_a_further_cry_are_told_as_well_when_the_teams_message_ends_after_it(world, event):
    world.use(duty_contacts=(number(80),))
    say(world, "CUU")
    (cry,) = cries(world, event)
    hand_over(world, cry.id)
    world.send()
    say(world, "CUU nuoc len nhanh", minutes=15)
    told, ended, later = (datetime.now(UTC) + timedelta(minutes=each) for each in (16, 59, 60))
    assert alert_officers(world.runtime, cry.id, now=told) == 1
    of_team = world.one(select(SafetyReport.handed_message_id))
    sent = world.one(select(Attempt.id).where(Attempt.message_id == of_team))
    world.change(Attempt, sent, settled_at=ended)
    world.change(Message, of_team, state=MessageState.UNDELIVERED)
    assert [alert_officers(world.runtime, cry.id, now=later) for _again in range(2)] == [1, 0]


def test_a_teams_link_leads_on_when_an_earlier_case_of_the_number_is_opened_again(world, event, client):
    stranger = number(90)
    say(world, "CUU", sender=stranger)
    (earlier,) = cries(world, event)
    do(world, close_case, earlier.id, CaseOutcome.CALLED, note="", result=None)
    say(world, "CUU", minutes=1, sender=stranger)
    (cry,) = cries(world, event)
    link = hand_over(world, cry.id)
    do(world, reopen_case, earlier.id)
    assert client.get(link).status_code == 200


def test_a_question_in_an_event_is_handed_to_no_team(world, event):
    say(world, "bao giờ nước rút vậy?")
    [case] = world.cases()
    with refuses(WrongState, says="không thuộc đợt ứng cứu"):
        hand_over(world, case.id)
    with refuses(WrongState, says="không thuộc đợt ứng cứu"):
        settle(world, case.id)
    assert [each.taken_at for each in world.cases()] == [None]


def test_while_all_sending_is_stopped_no_team_is_said_to_be_on_its_way(world, event):
    say(world, "CUU")
    (cry,) = cries(world, event)
    world.do(stop_all_sending, by=APPROVER)
    with refuses(WrongState, says="gọi điện cho đội"):
        hand_over(world, cry.id)
    assert [each.state for each in cries(world, event)] == [CryState.NEW]


def test_the_office_hands_over_and_exports_on_its_page_and_a_refused_form_keeps_what_was_typed(
    world, event, client
):
    say(world, f"CUU 5 nguoi {HERE}")
    signed_in(client, AUTHOR)
    (cry,) = cries(world, event)
    assert f'id="case-{cry.id}"' in client.get("/admin/rescue/").text
    assert (
        world.one(select(AuditEvent.subject).where(AuditEvent.action == "event.look")) == f"campaigns:{event}"
    )
    form = {"event": event, "team": "Đội xuồng 2", "number": "12"}
    refused = post(client, f"/admin/rescue/{cry.id}/hand", **form)
    assert refused.status_code == 422
    assert all(each in refused.text for each in ("Đội xuồng 2", "Số của đội phải là một số di động."))
    assert post(client, f"/admin/rescue/{cry.id}/hand", **{**form, "number": TEAM}).status_code == 303
    assert "Đội đang đi" in client.get(f"/admin/rescue/live?event={event}").text
    file = post(client, "/admin/rescue/export", event=event, reason="Giao cho Ban chỉ huy", kind="geojson")
    assert file.json
    assert file.json["features"][0]["geometry"]["coordinates"] == [108.20678, 16.04712]
    table = post(client, "/admin/rescue/export", event=event, reason="Giao cho Ban chỉ huy")
    assert number(10) in table.text
    assert "16.04" not in table.headers["Content-Disposition"]
    assert not read_events(world.runtime.redis, event=SecurityEvent.NUMBERS_QUOTA)
    world.use(full_numbers_per_hour=0)
    client = signed_in(world.app().test_client(), AUTHOR)
    assert number(10) in post(client, "/admin/rescue/export", event=event, reason="Giao Ban chỉ huy").text
    assert read_events(world.runtime.redis, event=SecurityEvent.NUMBERS_QUOTA), (
        "many numbers at once are an alert"
    )


def test_an_open_page_is_sent_what_changed_and_nothing_else(world, event, author):
    for index in (10, 11):
        say(world, "CUU 5 nguoi", sender=number(index))
    address = f"/admin/rescue/live?event={event}"

    def look(page):
        have = " ".join(re.findall(r'data-key="(\w+)"', page))
        return str(author.get(address, headers={"X-Have": have}).text)

    first = look("")
    assert first.count("data-same") == 0
    same = look(first)
    assert (same.count("data-same"), same.count("<form")) == (2, 0)
    assert re.findall(r'id="(case-\d+)"', same) == re.findall(r'id="(case-\d+)"', first)
    say(world, "CUU 5 nguoi, con het thuoc", sender=number(11))
    changed = look(same)
    assert (changed.count("data-same"), "thuốc" in changed) == (1, True)
    # Who asks for this alone has looked, too.
    looks = world.all(select(AuditEvent.subject).where(AuditEvent.action == "event.look"))
    assert looks == [f"campaigns:{event}"]


def test_the_operators_are_asked_by_a_letter_and_their_answer_stands_beside_our_reach(world, event, author):
    letter = author.get(f"/admin/rescue/letter?event={event}")
    words = " ".join(each.text for each in Document(BytesIO(letter.data)).paragraphs)
    assert all(each in words for each in ("Bão số 9 đổ bộ trong đêm", "/an-toan", "Xã 23500"))
    assert "{" not in words
    form = author.get(f"/admin/publicity/new?campaign={event}&kind=operators").text
    assert re.search(r'value="operators"[^>]* checked', form)
    entry = {"kind": "operators", "area": "62", "campaign": event, "organisation": 1, "times": "1"}
    told = {"first": f"{datetime.now(VIETNAM):%Y-%m-%d}", "people": "412000", "about": "Đã gửi lúc 20 giờ"}
    assert post(author, "/admin/publicity/new", **entry, **told).status_code == 303
    page = author.get(f"/admin/rescue/?event={event}").text
    assert all(each in page for each in ("412.000 thuê bao", "Đã gửi lúc 20 giờ", "có 5 người"))


def test_a_drill_is_offered_where_no_message_reaches_anybody(world, author):
    assert "Bắt đầu diễn tập" in author.get("/admin/rescue/").text
    refused = post(author, "/admin/rescue/drill")
    assert refused.status_code == 422
    assert "demo load" in refused.text  # there is no demo here


def test_the_leader_sees_figures_and_nobodys_place(world, event, client):
    say(world, f"CUU 5 nguoi tren mai nha {HERE}")
    world.officer("lanhdao@loa.example", Role.LEADER)
    signed_in(client, "lanhdao@loa.example")
    page = client.get("/admin/").text
    assert "80,0%" in page  # of five people one was heard of
    assert not any(each in page for each in ("16.04", "mai nha", "/admin/rescue/"))


def test_only_who_works_on_the_event_sees_its_cries(world, event, client):
    say(world, f"CUU 5 nguoi {HERE}")
    stranger = world.user(world.officer("pn@loa.example", organisation_id=world.organisation(below=None)))
    assert world.read(read_cries, event, world.read(cases_visible_to, stranger)) == []
    assert world.read(count_event, event, stranger, redis=world.runtime.redis).total.people == 0
    assert world.read(read_unheard, event, stranger) == []
    village = world.officer("thon@loa.example", Role.VILLAGE)
    for email in (stranger.email, village):
        signed_in(client, email)
        pages = [
            client.get(f"/admin/rescue/{page}?event={event}") for page in ("", "live", "paper", "unheard")
        ]
        pages.append(post(client, "/admin/rescue/export", event=event, reason="Giao cho Ban chỉ huy"))
        pages.append(client.get(f"/admin/rescue/live?event={event}&part=map"))
        assert not any("16.04" in each.text or number(10) in each.text for each in pages)


def test_who_was_not_heard_of_is_named_by_hamlet(world, event):
    say(world, "AN TOAN")
    say(world, "CUU", sender=number(11))
    world.press(event, "installed", index=12)
    (hamlet,) = world.read(read_unheard, event, world.user(AUTHOR))
    assert (hamlet.village, hamlet.people) == ("Thôn 3", 2)


def test_of_who_has_written_something_that_nobody_has_read_yet_there_is_news(world, event, client):
    say(world, "trời tối quá", sender=number(11))
    assert world.recipient(number(11), event).answer is None
    client.post("/an-toan", data={"number": number(12), "answer": "safe"})  # anybody may have
    found = counts(world, event).total
    assert (found.heard, found.unheard) == (1, 4)
    assert [row.people for row in world.read(read_unheard, event, world.user(AUTHOR))] == [4]


def test_a_list_is_exported_only_with_a_reason_which_is_on_record(world, event):
    say(world, "CUU")
    with refuses(BadInput, says="lý do"):
        do(world, export_event, event, reason=" ")
    assert len(do(world, export_event, event, reason="Giao cho Ban chỉ huy tỉnh")[1]) == 1
    assert world.one(select(AuditEvent.subject).where(AuditEvent.action == "event.export"))


@both_databases
def test_some_days_after_the_event_nothing_of_needs_and_places_is_left(world, event):
    say(world, f"CUU 5 nguoi mai nha {HERE}")
    say(world, "AN TOAN", sender=number(11))
    (cry,) = cries(world, event)
    hand_over(world, cry.id)
    world.execute(update(Campaign).values(ended_at=datetime.now(UTC)))
    after = datetime.now(UTC) + timedelta(days=29)
    assert remove_expired(world.runtime, days=3650, now=after)["reports"] == 0
    assert remove_expired(world.runtime, days=3650, now=after + timedelta(days=2))["reports"] == 1
    left = world.all(select(SafetyReport).order_by(SafetyReport.phone_id))
    assert [each.status for each in left] == [SafetyStatus.HELP, SafetyStatus.SAFE]
    for each in left:
        told = (each.people, each.needs, each.place, each.position, each.handed_to)
        assert told == (None, [], "", None, "")
    assert world.all(select(Message.id).where(Message.text.like("%/team/%"))) == []
    tables = {table.name: str(world.rows(select(table))) for table in Base.metadata.sorted_tables}
    assert [name for name, rows in tables.items() if "16.047" in rows or "108.206" in rows] == []


@cases((False, 1, 13, 0), (False, 1, 15, 1), (True, 30, 46, 1))
def test_places_stay_while_the_storm_lasts_and_go_though_its_warning_was_never_sent_to_its_end(
    world, event, is_paused, keeps_for, day, removed
):
    world.use(position_days=keeps_for)
    world.change(Campaign, event, ended_at=None if is_paused else world.now)
    if is_paused:
        world.act(event, CampaignAction.PAUSE)
    say(world, f"CUU {HERE}")
    at = datetime.now(UTC) + timedelta(days=day)
    assert remove_expired(world.runtime, days=3650, now=at)["reports"] == removed


def test_a_cry_from_a_number_that_was_in_no_list_is_in_the_file_for_its_person(world, event):
    say(world, f"CUU {HERE}", sender=number(60))
    asked = world.ask(world.add_person("Y Hlan", number(60)), RequestKind.EXPORT)
    parts = {part.title: part.rows for part in world.do(export_personal_data, asked, by=APPROVER)}
    assert len(parts["An toàn, cần giúp"]) == 1


def test_who_was_safe_stays_counted_when_they_are_erased(world, event):
    say(world, "AN TOAN")
    world.erase(world.recipient(number(10), event).contact_id or 0)
    assert (counts(world, event).total.safe, counts(world, event).total.unheard) == (1, 4)


def test_whose_house_cries_loses_no_position_when_another_of_the_house_is_erased(world, event):
    other = world.add_person("Y Hlan", number(10))
    shared = {"contact_id": other, "phone_id": world.phone(number(10))}
    world.add(Recipient(campaign_id=event, exclusion=Exclusion.SHARED_PHONE, **shared))
    say(world, f"CUU {HERE}")
    world.erase(other)
    (cry,) = cries(world, event)
    assert cry.position


def test_a_position_and_what_a_team_was_told_are_erased_with_the_person(world, event):
    say(world, f"CUU {HERE}")
    (cry,) = cries(world, event)
    hand_over(world, cry.id)
    world.send()
    settle(world, cry.id)
    world.erase(world.recipient(number(10), event).contact_id)
    assert world.all(select(SafetyReport.place)) == [""]
    told = world.all(select(Message.text)) + world.all(select(Attempt.body))
    assert [text for text in told if text and number(10) in text] == []


def test_the_usual_answers_of_the_contract_stay(world, event, client):
    path = path_of(world, event)
    assert client.post(path, data={"answer": "installed"}).location == path
    assert client.post(path, data={"answer": "need_help"}).location == path
    assert world.one(select(Answer.label).where(Answer.label == Label.NEED_HELP))
    (cry,) = cries(world, event)
    assert cry.danger == 0
