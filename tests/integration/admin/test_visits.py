"""Sheets for visits: who stands on them, what is printed of them, and what comes back, entered, repeated and undone.

Alike replies in one go: grouped by meaning, handled together after a look at all, and remembered for the next.
"""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from campaigns.analytics.reach import find_disagreements
from campaigns.models.activities import VisitSheet
from campaigns.models.campaigns import Recipient
from campaigns.models.messages import Message
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Answer, AnswerPlace, Case, Handling, InstallReport, OfficerEntry, Reply
from campaigns.replies.public_requests import receive_page_message
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction, MessageState
from campaigns.visits.sheets import read_assignments
from outreach.accounts.village_officers import add_officer
from outreach.models.accounts import Area, AreaLevel, AuditEvent, Role
from outreach.models.contacts import Contact
from outreach.places.areas import load_areas
from outreach.rules.errors import WrongState
from tests.integration.campaigns.test_answer_totals import recipients, says
from tests.support.admin_client import post, shows, signed_in
from tests.support.lists import UNITS, bring, local
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.wishes import numbers_left_alone
from tests.support.world import AUTHOR, LIST, number

# 0 and 1 live in village 3, as "Thôn 3" and "thôn 3"; 2 and 3 in village 4; 4 has no phone.
FULL = number(0).replace("+84", "0")


@pytest.fixture
def campaign(world, client):
    world.add_people(4)
    world.add_person("Y Blốc")
    for place, person in enumerate(world.all(select(Contact.id).order_by(Contact.id))):
        village = ("Thôn 3", "thôn 3", "Thôn 4", "Thôn 4", "Thôn 3")[place]
        world.change(Contact, person, village=village)
    campaign_id = world.sent()
    world.set_all(MessageState.NO_REPORT)
    signed_in(client, AUTHOR)
    return campaign_id


def make(client, campaign, **more):
    made = post(client, "/admin/rounds/", campaign=campaign, list=1, **{"village": ".thon3", **more})
    assert made.status_code in (303, 422)
    return made.location or made.text


def answers(world):
    """Labels in their order, and whether each still stands."""
    rows = world.all(select(Answer).order_by(Answer.id))
    return [(row.label.value, row.undone_at is None) for row in rows]


def test_a_sheet_is_made_given_and_its_officer_invited_in_one_step(world, client, campaign):
    officer = world.do(add_officer, name="Y Hlan", number="0905000801", email="")
    assert "Giao và mời" in client.get(f"/admin/rounds/?campaign={campaign}&list=1").text
    assert make(client, campaign, officer_id=str(officer.id)) == "/admin/rounds/officers/"
    assert "Liên kết mở phiếu của Y Hlan" in client.get("/admin/rounds/officers/").text
    (given,) = world.read(read_assignments, 1)
    assert given.officer.id == officer.id
    assert "Y Hlan" in client.get("/admin/rounds/1/").text
    # Without an officer it is a sheet on paper.
    assert make(client, campaign, again="1") == "/admin/rounds/2/"


@both_databases
def test_a_sheet_holds_those_whom_nothing_has_reached_and_nobody_who_wants_peace(world, client, campaign):
    world.add_people(3, first=4)
    _first, second, third, fourth = recipients(world)
    world.execute(
        update(Message).where(Message.recipient_id == second).values(state=MessageState.UNDELIVERED)
    )
    contact = world.get_one(Recipient, fourth).contact_id
    assert contact
    world.ask(contact, RequestKind.OBJECT, asked_by="chính ông")
    says(world, third, Label.NOT_YET)
    page = client.get(f"/admin/rounds/?campaign={campaign}&list=1").text
    assert page.count("Thôn 4") == 0  # one has answered, one objects
    assert page.count('name="village" value=".thon3"') == 1
    show = make(client, campaign, officer="ông A Thun")
    page = client.get(show).text
    shows(
        page, "1-01", "1-03", "Chưa có số điện thoại", "Tin không đến được", "Cần hỏi tại nhà", "ông A Thun"
    )
    # Nobody is sent to the same door twice.
    assert "đã có trong phiếu khác" in make(client, campaign)
    assert client.get(make(client, campaign, again="1")).status_code == 200
    assert "Không còn ai cần đến nhà ở đây" in make(client, campaign, village="*"), "the page says why not"
    assert world.first(select(AuditEvent.details).where(AuditEvent.action == "round.make"))


def test_villages_of_one_name_in_two_communes_are_two_rounds(world, client, campaign):
    world.do(load_areas, UNITS)
    world.live_in(("23500", "23503", "23503", "23503", "23500"), village="Thôn 3")
    first, second = (world.get_one(Area, code).full_name for code in ("23500", "23503"))
    page = client.get(f"/admin/rounds/?campaign={campaign}&list=1").text
    assert re.findall(r'name="village" value="([^"*]*)"', page) == ["23500.thon3", "23503.thon3"]
    assert [f"Thôn 3, {name}" in page for name in (first, second)] == [True, True]
    sheet = client.get(make(client, campaign, village="23503.thon3")).text
    assert (f"Thôn 3, {second}" in sheet, first in sheet) == (True, False)
    assert [f"1-0{n}" in sheet for n in (1, 2, 3, 4)] == [True, True, True, False]


def test_numbers_are_masked_on_paper_unless_asked_for_and_each_print_is_on_record(world, client, campaign):
    show = make(client, campaign)
    assert FULL not in client.get(show).text
    plain = shows(client.get(f"{show}sheet"), f"{FULL[:4]}•••{FULL[-3:]}", but=FULL)
    assert plain.count('class="box"') == 3 * 7
    assert FULL in client.get(f"{show}sheet?numbers=1").text
    told = world.audited("round.print")
    assert [event.details["numbers"] for event in told] == [0, 2]
    world.officer("kiemtra@loa.example", Role.AUDITOR)
    signed_in(client, "kiemtra@loa.example")
    assert client.get(show).status_code == 200
    assert client.get(f"{show}sheet").status_code == 403


def test_full_numbers_on_paper_count_in_the_quota_of_an_hour(world, client, campaign):
    paper = f"{make(client, campaign)}sheet?numbers=1"
    for quota, shown in ((3, [True, False]), (1, [False])):
        world.use(full_numbers_per_hour=quota)
        client = signed_in(world.app().test_client(), AUTHOR)
        assert [FULL in client.get(paper).text for _ in shown] == shown
    assert client.get(paper).status_code == 422


def test_who_wants_nobody_to_come_is_on_no_paper_that_is_printed_from_then_on(world, client, campaign):
    show = make(client, campaign)
    names = [name for name in world.all(select(Contact.name)) if name in client.get(f"{show}sheet").text]
    alone = world.scalar(select(Contact.id).where(Contact.name == names[0]))
    world.ask(alone, RequestKind.OBJECT)
    paper = client.get(f"{show}sheet").text
    assert [name in paper for name in names] == [False] + [True] * (len(names) - 1)


def test_what_comes_back_counts_as_answers_however_often_it_is_saved_and_is_undone_as_a_whole(
    world, client, campaign
):
    show = make(client, campaign)
    keys = {"k1": "1", "k2": "2", "k3": "0"}
    for _again in range(2):
        assert post(client, f"{show}enter", **keys).status_code == 303
    stand = answers(world)
    assert sorted(stand) == [("installed", True), ("not_yet", True)]
    assert {row.place for row in world.all(select(OfficerEntry))} == {AnswerPlace.HOME}
    assert world.all(select(InstallReport.withdrawn_at)) == [None]
    assert world.read(find_disagreements)[1] == []
    assert "3/3" in client.get(show).text
    # A slip of the finger: corrected, then undone.
    post(client, f"{show}enter", **keys | {"k1": "3"})
    assert ("installed", False) in answers(world)
    assert post(client, f"{show}undo").status_code == 303
    assert [label for label, stands in answers(world) if stands] == ["not_yet", "installed"]
    # An emptied field takes its result back; a wrong key saves nothing.
    post(client, f"{show}enter", **keys | {"k2": ""})
    assert [label for label, stands in answers(world) if stands] == ["installed"]
    wrong = post(client, f"{show}enter", k1="2", k2="8")
    assert (wrong.status_code, "dòng 2" in wrong.text, 'value="8"' in wrong.text) == (422, True, True)
    assert [label for label, stands in answers(world) if stands] == ["installed"]


def test_who_wants_to_be_left_alone_is_and_what_they_say_later_is_not_undone(world, client, campaign):
    show = make(client, campaign)
    post(client, f"{show}enter", k1="6", k3="6")
    left_alone = world.read(numbers_left_alone)
    assert len(left_alone) == 1
    # Neither is on another sheet, though one has no phone to be suppressed; the third is.
    assert "Đã lập" in client.get(make(client, campaign, again="1")).text
    assert 'name="k2"' not in client.get("/admin/rounds/2/").text
    signed_in(client, world.officer("khac@loa.example"))
    assert f"{show}undo" not in client.get(show).text, "a wish is no slip of theirs"
    signed_in(client, AUTHOR)
    assert f"{show}undo" in client.get(show).text
    post(client, f"{show}undo")
    assert world.read(numbers_left_alone) == set()
    post(client, f"{show}enter", k1="2")
    says(world, recipients(world)[0], Label.INSTALLED, days=1)
    post(client, f"{show}undo")
    assert "câu trả lời của họ được giữ" in client.get(show).text
    assert [label for label, stands in answers(world) if stands] == ["not_yet", "installed"]


def smartphones(world):
    return world.all(select(Contact.has_smartphone).order_by(Contact.id))


def test_what_is_entered_in_the_evening_does_not_undo_what_was_said_since_the_visit(world, client, campaign):
    show = make(client, campaign)
    world.execute(update(VisitSheet).values(made_at=world.now - timedelta(days=1)))
    at = world.now - timedelta(minutes=30)
    visited = at.astimezone(VIETNAM).strftime("%Y-%m-%dT%H:%M")
    for place, label in enumerate((Label.INSTALLED, Label.NOT_YET)):
        says(world, recipients(world)[place], label)
    assert "đang ghi: Đã cài" in client.get(show).text
    post(client, f"{show}enter", k1="2", k2="6", k3="3", visited=visited)
    page = client.get(show).text
    assert f'value="{visited}"' in page  # a correction is of the same visit
    assert "1 người đã tự trả lời sau đó" in page
    assert [label for label, stands in answers(world) if stands] == ["installed", "not_yet", "opt_out"]
    assert "3/3" in page  # kept on the sheet
    post(client, f"{show}undo")
    assert [label for label, stands in answers(world) if stands] == ["installed", "not_yet"]
    assert world.read(numbers_left_alone) == set()
    # What is said at a later visit counts.
    post(client, f"{show}enter", k1="3")
    assert answers(world)[-1] == ("no_smartphone", True)
    # From this drive alone, and so the sheet says it.
    world.do(record_page_answer, recipients(world)[1], "opt_out_drive", now=datetime.now(UTC))
    assert "đang ghi: Không nhận tin về việc này nữa" in client.get(show).text


def test_a_visit_lies_between_the_sheet_and_now(world, client, campaign):
    show = make(client, campaign)
    for days, told in ((1, "ở sau lúc này"), (-1, "ở trước ngày lập phiếu")):
        day = (world.now + timedelta(days=days)).astimezone(VIETNAM)
        refused = post(client, f"{show}enter", k1="2", visited=f"{day:%Y-%m-%dT%H:%M}")
        assert (refused.status_code, told in refused.text) == (422, True)
    assert post(client, f"{show}enter", k1="2", visited="hôm qua").status_code == 422
    assert answers(world) == []


def test_what_was_known_of_a_phone_is_known_again_when_the_entry_was_a_slip(world, client, campaign):
    show = make(client, campaign)
    post(client, f"{show}enter", k1="3", k2="1", k3="3")
    assert smartphones(world) == [False, True, None, None, False]
    post(client, f"{show}enter", k1="1", k2="2", k3="0")
    assert smartphones(world) == [True, None, None, None, None]
    post(client, f"{show}undo")
    assert smartphones(world) == [False, True, None, None, False]
    world.execute(update(Contact).where(Contact.name == "Y Blốc").values(has_smartphone=True))
    post(client, f"{show}undo")
    assert smartphones(world) == [None, None, None, None, True]  # written by somebody else since


def test_a_launch_from_whose_lists_a_sheet_was_made_is_not_taken_back(world, author):
    world.add_people(1)
    world.add_person("Y Blốc")
    campaign_id = world.launch()
    assert make(author, campaign_id, village="*").startswith("/admin/rounds/")
    with pytest.raises(WrongState, match="undo_launch_visited"):
        world.act(campaign_id, CampaignAction.UNDO)


def test_a_sheet_of_several_communes_says_which_and_one_of_a_single_commune_does_not_repeat_it(
    world, client, campaign
):
    area = world.add(Area(code="23368", name="Đắk Long", kind="Xã", level=AreaLevel.COMMUNE))
    world.execute(update(Contact).values(area_code=area.code))
    code, name = area.code, area.full_name
    assert f"Thôn 3, {name} · " in client.get(make(client, campaign, village="*") + "sheet").text
    of_one = client.get(make(client, campaign, area=code, village=f"{code}.thon3", again="1") + "sheet").text
    assert (f"Thôn 3, {name}" in of_one, f"Thôn 3, {name} · " in of_one) == (True, False)


def test_of_many_villages_twenty_stand_first(world, author):
    world.add_people(22)
    for n, person in enumerate(world.all(select(Contact.id))):
        world.change(Contact, person, village=f"Thôn {n + 1}")
    campaign = world.sent()
    world.set_all(MessageState.NO_REPORT)
    page = author.get(f"/admin/rounds/?campaign={campaign}&list=1").text
    assert page.count('<tr class="further">') == 2
    assert "Xem tất cả (22)" in page


def test_a_campaign_alone_asks_for_a_list_or_a_place(client, campaign):
    assert "Hãy chọn thêm một danh sách" in client.get(f"/admin/rounds/?campaign={campaign}").text
    assert "Hãy chọn thêm một danh sách" not in client.get(f"/admin/rounds/?campaign={campaign}&list=1").text
    assert "Hãy chọn thêm một danh sách" not in client.get("/admin/rounds/").text


def test_a_sheet_for_a_meeting_asks_who_will_come_and_says_at_what_hour(world, author, tmp_path):
    file = tmp_path / "list.csv"
    rows = f"A Thun,{local(1)},8h30,Thôn 3\nY Rơ,{local(2)},,Thôn 3\nY Tôn,,9h00,Thôn 3\n"
    file.write_text(f"Họ tên,SĐT,{{giờ hẹn}},Thôn\n{rows}", encoding="utf-8")
    bring(world, file, LIST)
    text = "Mời ông/bà dự họp lúc {giờ hẹn}. Trả lời 1 hoặc 2. Soạn TC để từ chối."
    kept = {"fields": {"giờ hẹn": "8h00"}, "window": ["00:00", "24:00"]}
    campaign = world.sent(kind="moi-du", text=text, **kept)
    world.set_all(MessageState.NO_REPORT)
    show = make(author, campaign)
    printed = author.get(f"{show}sheet").text
    words = re.findall(r'<span class="word">([^<]*)</span><br>(\d)', printed)
    assert words[:4] == [("Đã đến dự", "1"), ("Sẽ đến", "2"), ("Không đến được", "3"), ("Cần giúp", "4")]
    hours = re.findall(r'<th scope="row">([^<]+)<br><small>giờ hẹn: (\w+)', printed)
    assert sorted(hours) == [
        ("A Thun", "8h30"),
        ("Y Rơ", "8h00"),
        ("Y Tôn", "9h00"),
    ]  # a substitute; and no number
    will = hours.index(("A Thun", "8h30")) + 1
    post(author, f"{show}enter", **{f"k{n}": "2" if n == will else "3" for n in (1, 2, 3)})
    said = world.rows(select(Recipient.answer, Recipient.own_answer).order_by(Recipient.id))
    assert said[:2] == [(Label.NOT_YET, 1), (Label.NO_SMARTPHONE, 2)]
    assert world.all(select(Contact.has_smartphone)) == [None] * 3, "nothing was asked about phones"


DOUBTS = ("có phải lừa đảo không", "tin này thật hay giả vậy?", "sao lừa đảo thế")


@pytest.fixture
def asked(world, client):
    """The cases of three who doubt the same, of one who says something else, and of one who cries for help."""
    world.sent(people=12, window=["00:00", "24:00"])
    for index, text in enumerate((*DOUBTS, "cài có hao pin không", "cứu với nước ngập tới nóc nhà rồi")):
        world.reply(number(index), text, gateway_id=f"SM{index}")
    signed_in(client, AUTHOR)
    return [each.id for each in world.cases()]


def outcomes(world, ids):
    return [world.get_one(Case, each).outcome for each in ids]


def test_one_answer_goes_to_all_who_ask_the_same_and_to_no_other(world, client, asked):
    groups = client.get("/admin/inbox/alike/").text
    assert "3 tin" in groups
    assert re.findall(r"/admin/inbox/alike/(\d+)/", groups) == [str(asked[0])]
    page = client.get(f"/admin/inbox/alike/{asked[0]}/").text
    assert [int(each) for each in re.findall(r'name="case" value="(\d+)" checked', page)] == asked[:3]
    post(client, f"/admin/inbox/{asked[1]}/finish", outcome="called", result="")
    text = "[{name} oi, ]tin that: {link}"
    done = post(client, f"/admin/inbox/alike/{asked[0]}/answer", case=asked[:3], text=text)
    assert done.status_code == 303
    shows(client.get(done.location), "Đã xử lý 2 việc", "1 việc chưa xử lý")
    assert outcomes(world, asked) == [
        CaseOutcome.MESSAGED,
        CaseOutcome.CALLED,
        CaseOutcome.MESSAGED,
        None,
        None,
    ]
    sent = world.all(select(Message.text).where(Message.text.contains("tin that")))
    assert len({*sent}) == 2
    assert all(re.fullmatch(r"A Thun \d oi, tin that: {link}", each) for each in sent)
    world.send()
    bodies = {line["Body"] for line in world.simulator.ledger() if "tin that" in line["Body"]}
    assert bodies == {
        f"A Thun {n} oi, tin that: {world.runtime.settings.link_base}/{world.link(1, n)}" for n in (0, 2)
    }


@cases(("finish", {"outcome": "called"}), ("label", {"label": "installed"}))
def test_who_cries_while_the_page_is_open_is_not_closed_with_the_others(world, client, asked, route, told):
    world.change(Case, asked[1], urgent_at=world.now)
    done = post(client, f"/admin/inbox/alike/{asked[0]}/{route}", case=asked[:2], **told)
    assert "vừa kêu cứu" in client.get(done.location).text
    assert [bool(each) for each in outcomes(world, asked[:2])] == [True, False]


def test_only_chosen_cases_are_closed_and_what_is_refused_keeps_the_choice(world, client, asked):
    refused = post(client, f"/admin/inbox/alike/{asked[0]}/finish", case=asked[:2], outcome="")
    assert refused.status_code == 422
    assert [int(each) for each in re.findall(r'name="case" value="(\d+)" checked', refused.text)] == asked[:2]
    assert post(client, f"/admin/inbox/alike/{asked[0]}/finish", outcome="called").status_code == 422
    post(client, f"/admin/inbox/alike/{asked[0]}/finish", case=asked[:2], outcome="called")
    assert outcomes(world, asked[:3]) == [CaseOutcome.CALLED, CaseOutcome.CALLED, None]


def test_a_case_says_who_said_the_same_and_one_press_labels_them_all_where_all_their_words_are_read(
    world, client, asked
):
    page = client.get(f"/admin/inbox/{asked[0]}/?campaign=1").text
    assert f'href="/admin/inbox/alike/{asked[0]}/?back=1&amp;campaign=1"' in page
    assert [f"“{text}”" in page for text in DOUBTS] == [False, True, True]
    action = html.unescape(re.search(r'formaction="([^"]+)">Gửi cho cả 3 người cùng ý', page)[1])
    done = post(client, action, case=asked[:3], seen=0, text="[{name} oi, ]tin that")
    assert done.location.startswith("/admin/inbox/?")
    assert "campaign=1" in done.location
    assert len(world.all(select(Message.text).where(Message.text.endswith("oi, tin that")))) == 3
    for index, text in enumerate(("ok", "Ok", "ok"), start=5):
        world.reply(number(index), text, gateway_id=f"SM{index}")
    ids = [each.id for each in world.cases()][-3:]
    page = client.get(f"/admin/inbox/{ids[0]}/").text
    assert [int(each) for each in re.findall(r'name="case" value="(\d+)"', page)] == ids
    assert "“Ok”" in page
    assert page.index("Cả 3 tin cùng ý") < page.index("Cần giúp</button>")  # offered first
    action = re.search(r'formaction="([^"]+)"[^>]*>.*Cả 3 tin cùng ý: Chưa rõ', page)[1]
    done = post(client, html.unescape(action), case=ids, label="unclear", next=ids[1])
    after = client.get(done.location).text
    assert done.location.startswith("/admin/inbox/?")
    assert "Đã xử lý 3 việc" in after
    assert outcomes(world, ids) == [CaseOutcome.CLASSIFIED] * 3


def test_what_was_settled_together_is_taken_back_together(world, client, asked):
    for action, values in (("label", {"label": "refuse"}), ("finish", {"outcome": "called"})):
        done = post(client, f"/admin/inbox/alike/{asked[0]}/{action}", case=asked[:3], **values)
        page = client.get(done.location).text
        assert "Đã xử lý 3 việc" in page
        undo = {
            "what": re.findall(r'name="what" value="(\w+)"', page),
            "case": re.findall(r'name="case" value="(\d+)"', page),
        }
        back = client.get(post(client, "/admin/inbox/alike/undo", **undo).location).text
        assert "Đã hoàn tác 3 việc" in back
        assert outcomes(world, asked) == [None] * 5
        assert re.findall(r"/admin/inbox/alike/(\d+)/", back) == [str(asked[0])]


def test_what_officers_decide_is_the_suggestion_for_the_same_words_and_goes_with_the_person(
    world, client, asked
):
    words = "lúc khác hẵng hay"

    def suggested(index):
        world.reply(number(index), words, gateway_id=f"SM2{index}")
        reply = world.first(select(Reply).order_by(Reply.id.desc()))
        return reply.label, reply.is_sure

    first, _is_sure = suggested(5)
    other = Label.REFUSE if first is not Label.REFUSE else Label.NOT_YET
    for index in (6, 7, 8):
        case = world.cases()[-1]
        post(client, f"/admin/inbox/{case.id}/label", label=other.value)
        assert suggested(index) == (other, index == 8)
    world.execute(update(Reply).where(Reply.id.in_(select(Handling.reply_id))).values(body=""))
    assert suggested(9)[0] is first


def test_what_an_officer_decides_holds_for_people_of_lists_that_they_see(world, client):
    """Else one personal link and one association's officer would opt the whole province's people out by words that many write."""
    women = world.organisation()
    campaign = world.sent(people=3, window=["00:00", "24:00"])
    members = [world.recipient(number(index), campaign) for index in (1, 2)]
    own = world.add_list("Phụ nữ thôn 1", *(each.contact_id for each in members), owner=women)
    for member in members:
        world.change(Recipient, member.id, list_id=own)
    signed_in(client, world.officer("phunu@loa.example", Role.STAFF, women))
    for _ in range(3):
        world.do(receive_page_message, members[0].id, "lúc khác hẵng hay")
        post(client, f"/admin/inbox/{world.cases()[-1].id}/label", label="opt_out")
    said = [world.reply(number(index), "lúc khác hẵng hay", gateway_id=f"SM{index}") for index in (0, 2)]
    assert [reply.label is Label.OPT_OUT and reply.is_sure for reply in said] == [False, True]


def test_one_press_for_a_group_is_one_decision_and_gives_no_label_by_itself(world, client, asked):
    said = [world.reply(number(index), "lúc khác hẵng hay", gateway_id=f"SM{index}") for index in (5, 6, 7)]
    ids = world.all(select(Case.id).where(Case.reply_id.in_([reply.id for reply in said])))
    post(client, f"/admin/inbox/alike/{ids[0]}/label", case=ids, label="opt_out")
    again = world.reply(number(8), "lúc khác hẵng hay", gateway_id="SM8")
    assert (again.label, again.is_sure) == (Label.OPT_OUT, False)


@cases(
    ("moi-du", None, "own-1", 3, (Label.NOT_YET, 1, False)),  # not the own answer that the model would guess
    ("bluezone", "moi-du", "installed", 5, None),  # something else was asked there
    ("moi-du", "moi-du", "own-1", 3, None),  # another campaign's answers may have other numbers
    ("bluezone", None, "opt_out_drive", 3, (Label.OPT_OUT, None, True)),
    ("bluezone", "moi-du", "opt_out_drive", 3, (Label.OPT_OUT, None, True)),
)
def test_what_officers_decided_counts_as_they_decided_it_and_where_the_same_was_asked(
    world, author, first, second, word, times, expected
):
    texts = {
        "bluezone": "Moi ong/ba cai Bluezone: {link} TC de tu choi",
        "moi-du": "Moi ong/ba du hop. TC de tu choi",
    }
    world.sent(people=6, kind=first, text=texts[first])
    for index in range(times):
        world.reply(number(index), "rồi hen", gateway_id=f"SM{index}")
        post(author, f"/admin/inbox/{world.cases()[-1].id}/label", label=word)
    if second:
        world.sent(kind=second, name="Lần hai", text=texts[second].replace("Moi", "Kinh moi"))
    reply = world.reply(number(5), "rồi hen", gateway_id="SM5")
    given = world.rows(
        select(Answer.label, Answer.own_answer, Answer.drive_only).where(Answer.reply_id == reply.id)
    )
    assert given == ([expected] if expected else [])


def test_an_answer_is_measured_as_it_would_be_sent(world, client, asked):
    measured = post(client, f"/admin/inbox/{asked[0]}/measure", text="Tin thật " * 20)
    assert measured.json["segments"] >= 2
    assert measured.json["text"].startswith("Tin th")
