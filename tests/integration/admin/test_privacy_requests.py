"""A person's requests in the office: written down, shown when they press, answered by a file or by erasing.

Answers about health: read by who handles them while they wait, opened on record after that, and named to nobody else.
"""

import html
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select, true, update

from admin.app import create_app
from admin.wording.filters import label_of
from campaigns.analytics.progress import read_progress
from campaigns.analytics.progress_counts import count_answers, count_own_answers
from campaigns.analytics.reach import read_parts_for
from campaigns.answer_totals import find_differences
from campaigns.models.campaigns import Campaign, Drive
from campaigns.models.privacy import PersonRequest
from campaigns.models.replies import Case
from campaigns.planning.kinds import load_kinds
from campaigns.reports.take_snapshot import take_snapshot
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import Exclusion, MessageState
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.hand_over import PeopleChoice, hand_over
from campaigns.visits.progress import read_totals
from campaigns.visits.results import Seen, enter_results, read_houses
from campaigns.visits.sheets import assign_sheet, create_sheet, read_lines
from outreach.accounts.users import CONFIRMED_FOR
from outreach.accounts.village_officers import add_officer
from outreach.contacts.references import set_references
from outreach.core.spreadsheets import write_workbook
from outreach.models.accounts import AuditEvent, AuditValues, Right, Role, User, UserSession
from outreach.models.contacts import Contact, ContactList, LegalBasis, Membership
from tests.integration.admin.test_api import ADMINISTRATOR, Other
from tests.integration.admin.test_drives import UNTIL_MIDNIGHT
from tests.integration.campaigns.test_merge_people import merge
from tests.support.admin_client import post, shows, signed_in
from tests.support.lists import bring, local, write
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, LIST, number

NAME = "=Y Blốc Kđăm"


@pytest.fixture
def person(world):
    return world.add_person(NAME, number(0))


def requests(world):
    return world.all(select(PersonRequest).order_by(PersonRequest.id))


def ask(client, person, kind):
    assert post(client, f"/admin/requests/of/{person}", kind=kind, asked_by="chính bà").status_code == 303


def test_a_request_is_shown_where_it_presses(world, author, person):
    ask(author, person, "correct")
    (made,) = requests(world)
    assert "Sửa dữ liệu" in author.get("/admin/requests/").text
    assert "dữ liệu cá nhân" not in author.get("/admin/").text
    world.execute(update(PersonRequest).values(due_at=world.now + timedelta(hours=3)))
    assert "1 yêu cầu về dữ liệu cá nhân đến hạn" in author.get("/admin/").text
    world.execute(update(PersonRequest).values(due_at=world.now))
    assert "1 yêu cầu về dữ liệu cá nhân đã quá hạn" in author.get("/admin/").text
    shows(author.get("/admin/requests/"), "1 yêu cầu chờ trả lời", "1 quá hạn")
    post(author, f"/admin/requests/{made.id}/finish", answer="đã sửa")
    assert "dữ liệu cá nhân" not in author.get("/admin/").text
    assert "đã sửa" in author.get(f"/admin/people/{person}/").text


def test_the_file_for_the_person_has_all_and_runs_nothing(world, client, person):
    campaign = world.sent()
    world.reply(number(0), "@toi da cai roi", gateway_id="SM1")
    world.do(set_references, world.organisation_id(), {"HV-7": person}, import_id=0)
    signed_in(client, AUTHOR)
    ask(client, person, "export")
    path = f"/admin/requests/{requests(world)[0].id}/export"
    assert post(client, path, format="json").status_code == 403
    signed_in(client, APPROVER)
    told = json.loads(post(client, path, format="json").data)
    assert told["Thông tin"][0] == {"Mục": "Họ tên", "Nội dung": NAME}
    assert {"Mục": "Mã do hệ thống khác đặt", "Nội dung": "HV-7 (Ủy ban MTTQ)"} in told["Thông tin"]
    assert told["Số điện thoại"][0]["Số"] == number(0)
    assert told["Danh sách"][0]["Danh sách"] == "Hội viên"
    assert told["Chiến dịch"][0]["Câu trả lời hiện nay"] == "Đã thực hiện"
    assert NAME in told["Tin đã gửi"][0]["Nội dung"]
    assert told["Câu trả lời"][0]["Nội dung"] == "@toi da cai roi"
    assert told["Yêu cầu về dữ liệu"][0]["Loại"] == "Xem dữ liệu về mình"
    with ZipFile(BytesIO(post(client, path, format="xlsx").data)) as book:
        sheets = [book.read(name).decode() for name in book.namelist() if "worksheets/" in name]
    assert len(sheets) == len(told)
    assert any(NAME in sheet for sheet in sheets)
    assert not any("<f>" in sheet or "<f " in sheet for sheet in sheets)
    assert len(world.audited("contact.export")) == 2
    assert world.status(campaign)["recipients"] == 1
    world.use(full_numbers_per_hour=1)
    client = signed_in(world.app().test_client(), APPROVER)
    assert [post(client, path, format="json").status_code for _ in range(2)] == [200, 422], (
        "no way around the quota of numbers"
    )


def test_the_file_for_the_person_has_rows_that_name_them_beside_another(world, client, tmp_path):
    person = world.add_person("A Bình", number(6))
    bring(world, write(tmp_path, f"1,Y Lan / A Bình,,Thôn 1,,{local(5)} / {local(6)}"))
    signed_in(client, AUTHOR)
    ask(client, person, "export")
    signed_in(client, APPROVER)
    told = json.loads(post(client, "/admin/requests/1/export", format="json").data)
    assert "Y Lan" in str(told["Dòng để riêng khi nhập"])


def test_erasing_asks_twice_and_ends_the_persons_page(world, client, person):
    signed_in(client, AUTHOR)
    ask(client, person, "erase")
    signed_in(client, APPROVER)
    path = f"/admin/requests/{requests(world)[0].id}/erase"
    post(client, path, contact=person)
    assert client.get(f"/admin/people/{person}/").status_code == 200
    answer = post(client, path, contact=person, understood="1")
    assert answer.location.endswith("/admin/requests/")
    assert client.get(f"/admin/people/{person}/").status_code == 404
    assert "(đã xóa)" in client.get("/admin/requests/?state=done").text
    assert world.all(select(Contact.id)) == []


def test_both_clocks_are_kept_and_the_second_is_extended_once(world, approver, person):
    ask(approver, person, "export")
    (made,) = requests(world)
    assert post(approver, f"/admin/requests/{made.id}/respond").status_code == 303
    assert post(approver, f"/admin/requests/{made.id}/respond").status_code == 422
    (responded,) = requests(world)
    assert responded.responded_at
    assert responded.carry_out_by == made.carry_out_by
    world.execute(update(PersonRequest).values(due_at=world.now))  # the first clock no longer counts
    assert "dữ liệu cá nhân đã quá hạn" not in approver.get("/admin/").text
    assert post(approver, f"/admin/requests/{made.id}/extend", reason="").status_code == 422
    assert post(approver, f"/admin/requests/{made.id}/extend", reason="chờ nhà mạng").status_code == 303
    (extended,) = requests(world)
    assert made.carry_out_by
    assert extended.carry_out_by == made.carry_out_by + timedelta(days=10)
    assert post(approver, f"/admin/requests/{made.id}/extend", reason="lần nữa").status_code == 422
    assert "chờ nhà mạng" in approver.get("/admin/requests/").text


@pytest.mark.parametrize("kind", ["withdraw", "restrict", "object"])
def test_who_objects_withdraws_or_restricts_is_not_written_to_from_then_on(world, author, person, kind):
    consent = f"/admin/requests/of/{person}/consent"
    assert post(author, consent, given="yes", evidence="phiếu ký").status_code == 303
    ask(author, person, kind)
    campaign = world.launch()
    assert world.status(campaign)["excluded"] == {"opted_out": 1}
    shown = author.get(f"/admin/people/{person}/").text
    assert ("đã rút lại" in shown) == (kind == "withdraw")


def test_who_objects_without_a_number_is_not_written_to_on_one_that_is_found_later(world, author):
    person = world.add_person("Y Ba")
    ask(author, person, "object")
    assert post(author, f"/admin/people/{person}/add-number", number=number(5)).status_code == 303
    world.sent()
    assert number(5) not in world.sent_to()


def test_an_objection_outlasts_the_opt_out_that_was_there_before(world, author, person):
    first = world.sent()
    world.reply(number(0), "TC", gateway_id="SM1")
    ask(author, person, "object")
    world.undo(first, at=world.in_hours(1))
    assert world.status(world.launch(name="Lần hai"))["excluded"] == {"opted_out": 1}


def test_a_consent_needs_its_proof_and_a_child_somebody_who_gives_it(world, author, person):
    path = f"/admin/requests/of/{person}/consent"
    assert post(author, path, given="yes", evidence=" ").status_code == 422
    world.execute(update(Contact).values(birth_year=world.now.year - 9))
    assert "trẻ em" in author.get(f"/admin/people/{person}/").text
    assert post(author, path, given="yes", evidence="phiếu").status_code == 422
    done = post(author, path, given="yes", evidence="phiếu", guardian="mẹ, bà Y Hlan", purpose="tiem-chung")
    assert done.status_code == 303
    assert "bà Y Hlan" in author.get(f"/admin/people/{person}/").text
    assert post(author, path, given="yes", evidence="phiếu", purpose="x").status_code == 422


def test_a_breach_counts_down_until_the_authority_has_notice(world, client):
    world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    signed_in(client, "quantri@loa.example")
    path = "/admin/data-protection/"
    for wrong in ({"found_time": "25:00"}, {"found_on": "0001-01-01"}):
        assert post(client, f"{path}record", what="mất máy tính", **wrong).status_code == 422
    assert post(client, f"{path}record", what="mất máy tính có một danh sách").status_code == 303
    assert "Còn 71 giờ" in client.get(path).text
    assert "1 vi phạm dữ liệu cá nhân chưa thông báo" in client.get("/admin/").text
    assert post(client, f"{path}1/report", notice="A05, số 12, 26/11/2026").status_code == 303
    assert post(client, f"{path}1/report", notice="lần nữa").status_code == 422
    assert "vi phạm" not in client.get("/admin/").text


def test_the_impact_assessment_follows_the_settings_and_the_data(world, client, person):
    world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    world.execute(update(ContactList).values(basis=LegalBasis.CONSENT))
    signed_in(client, "quantri@loa.example")
    page = client.get("/admin/data-protection/impact").text
    assert "Ủy ban MTTQ" in page
    assert "1 người trong danh sách dựa trên sự đồng ý chưa có bản ghi" in page
    assert "không: đang ở chế độ tập huấn" in page
    phones = "Số điện thoại</dt><dd>1</dd>"
    assert phones in page
    world.erase(world.add_person("A Thun", number(1)))
    assert phones in client.get("/admin/data-protection/impact").text, "an erased number is none"
    signed_in(client, AUTHOR)
    post(client, f"/admin/requests/of/{person}/consent", given="yes", evidence="phiếu")
    signed_in(client, "quantri@loa.example")
    assert "chưa có bản ghi" not in client.get("/admin/data-protection/impact").text


@pytest.mark.parametrize("form", [{"kind": "all"}, {"kind": "erase", "asked_on": "hôm qua"}])
def test_a_form_that_no_page_offers_is_refused(author, person, form):
    assert post(author, f"/admin/requests/of/{person}", asked_by="bà", **form).status_code == 422


# Lists handed over: who is on them and who is not, what they show to whom, and what is on record of it.


OTHER = "khac@loa.example"
TO = {"recipient": "Trạm Y tế xã", "purpose": "Chuẩn bị buổi họp"}
TEXT = "Mời {name} dự họp thôn lúc {giờ hẹn}: {link} Trả lời 1 hoặc 2. TC từ chối"
LINES = """Họ và tên,Năm sinh,Thôn,SĐT,{{giờ hẹn}}
A Thun,1980,Thôn 1,{0},07:30
Y Rơ,1975,Thôn 2,{1},08:00
A Bré,1990,Thôn 1,{2},
Y Hlan,1960,Thôn 1,{3},09:00
A Hờ,1971,Thôn 2,{4},09:00
"""


def count_in(page, answer):
    """Return the number in an answer's row of the results, and how many of them had promised it."""
    row = page.partition(f"{answer}</a>")[2].partition("</tr>")[0]
    [people], promised = (
        re.findall(r"<strong>([\d.]+)</strong>", row),
        re.findall(r"trong đó (\d+) người", row),
    )
    return ", ".join([people, *(f"{n} promised" for n in promised)])


@pytest.fixture
def campaign(world, tmp_path):
    """A meeting: three will come, of whom one opted out since, one cannot, one is silent."""
    file = tmp_path / "list.csv"
    file.write_text(LINES.format(*(local(n) for n in range(11, 16))), encoding="utf-8")
    bring(world, file, LIST)
    campaign = world.sent(
        kind="moi-du",
        text=TEXT,
        fields={"giờ hẹn": "8 giờ"},
        window=["00:00", "24:00"],
        content={"asked": "dự họp"},
    )
    for n, (person, said) in enumerate(((0, "1"), (1, "1"), (2, "2"), (3, "1"), (3, "TC"))):
        world.reply(number(11 + person), said, gateway_id=f"SM{n}")
    return campaign


def listed(page):
    return re.findall(r'<th scope="row"><a[^>]*>([^<]+)</a>', page)


@both_databases
def test_a_list_is_handed_over_with_what_its_recipient_needs_and_on_record(world, author, campaign):
    page = f"/admin/campaigns/{campaign}/hand-over/"
    direct = re.search(rf'href="({page}[^"]+order=[^"]+)"', author.get(f"/admin/campaigns/{campaign}/").text)
    leading = author.get(html.unescape(direct[1])).text
    assert listed(leading) == ["A Thun", "Y Rơ"], "the campaign leads to who will come, by the hour"
    assert re.search(r'name="recipient"[^>]*value="Ủy ban MTTQ"', leading), (
        "for oneself nothing is to be typed"
    )
    assert "chờ cán bộ xem" not in leading
    world.reply(number(15), "chi chua biet the nao", gateway_id="SM9")
    assert "1 câu trả lời còn chờ cán bộ xem, chưa có trong danh sách." in author.get(page).text
    assert listed(author.get(page).text) == ["A Bré", "A Thun", "A Hờ", "Y Rơ"], (
        "by village; who opted out is absent"
    )
    assert listed(author.get(f"{page}?answer=own-1").text) == ["A Thun", "Y Rơ"]
    villages = dict(re.findall(r'<option value="([^"]+)">(Thôn \d)', author.get(f"{page}?answer=own-1").text))
    village = next(key for key, name in villages.items() if name == "Thôn 1")

    other = author.get(f"{page}?answer=own-1&area=23281&village=.thon1").text
    assert "Không có ai trong danh sách này" in other, "a commune without people"
    assert listed(author.get(f"{page}?answer=own-1&village=23281.thon9").text) == ["A Thun", "Y Rơ"], (
        "a village of the commune chosen before leaves nobody out"
    )
    assert post(author, f"{page}list", answer="own-1").status_code == 422, "to whom, and what for?"
    assert world.audited("campaign.hand_over") == []
    began = world.scalar(select(UserSession.began_at))
    world.execute(update(UserSession).values(began_at=datetime.now(UTC) - CONFIRMED_FOR))
    asked = author.get(f"{page}?answer=own-1").text
    assert "/login/confirm?next=" in asked
    assert 'name="recipient"' not in asked, "what is typed would be lost on the way"
    world.execute(update(UserSession).values(began_at=began))
    by_hour = author.get(f"{page}?order=giờ hẹn").text
    assert listed(by_hour) == ["A Thun", "Y Rơ", "A Bré", "A Hờ"], "07:30, 08:00, 8 giờ, 09:00"
    assert "8 giờ (chung)" in by_hour, "what was written to who has no hour of their own"
    printed = post(author, f"{page}list", answer="own-1", village=village, **TO).text
    for shown in (
        "Nơi nhận: Trạm Y tế xã",
        "Mục đích: Chuẩn bị buổi họp",
        "A Thun, 1980",
        "07:30",
        "Tôi sẽ đến",
    ):
        assert shown in printed
    shows(printed, but=("Y Rơ", local(11)))
    assert "[" not in printed.partition("<table")[0], "what the kind leaves to fill in is not printed"

    file = post(author, f"{page}list", answer="own-1", form="xlsx", with_numbers="1", **TO)
    rows = CalamineWorkbook.from_filelike(io.BytesIO(file.data)).get_sheet_by_index(0).to_python()
    heading = next(n for n, row in enumerate(rows) if row[0] == "Mã")
    assert "Nơi nhận: Trạm Y tế xã" in [row[0] for row in rows[:heading]]
    assert rows[heading + 1][1:8] == ["A Thun", "1980", "Thôn 1", "07:30", "Tôi sẽ đến", local(11), ""]
    assert len(rows) == heading + 3
    first, second = world.audited("campaign.hand_over")
    assert f"?answer=own-1&amp;area=&amp;village={village}" in printed, "the way back keeps the choice"
    assert (first.details["rows"], first.details["numbers"], second.details["numbers"]) == (1, 0, 2)
    people = world.all(select(Contact.id).where(Contact.name.in_(("A Thun", "Y Rơ"))))
    assert {each.subject for each in world.audited("contact.see_number")} == {
        f"contacts:{each}" for each in people
    }


def test_numbers_of_a_list_count_in_the_quota_of_opened_numbers(world, campaign):
    settings = replace(world.runtime.settings, full_numbers_per_hour=3)
    runtime = replace(world.runtime, settings=settings)
    client = signed_in(create_app(settings, runtime=runtime).test_client(), AUTHOR)
    page = f"/admin/campaigns/{campaign}/hand-over/list"
    assert post(client, page, with_numbers="1", **TO).status_code == 422, (
        "four numbers, and three are allowed"
    )
    assert post(client, page, answer="own-1", with_numbers="1", **TO).status_code == 200
    assert post(client, page, answer="own-1", with_numbers="1", **TO).status_code == 422, (
        "one is left, and it stays"
    )
    assert post(client, page, answer="own-2", with_numbers="1", **TO).status_code == 200
    assert post(client, page, **TO).status_code == 200, "without numbers as often as needed"


def test_what_was_said_of_another_campaign_of_the_drive_counts_for_its_lists(world, author, campaign):
    world.sent(kind="moi-du", name="B", text="Mời dự họp. Trả lời 1 hoặc 2.", window=["00:00", "24:00"])
    world.reply(number(11), "TC VIEC NAY", gateway_id="drive")
    page = f"/admin/campaigns/{campaign}/hand-over/"
    assert listed(author.get(f"{page}?answer=own-1").text) == ["Y Rơ"]
    world.reply(number(12), "nhầm số rồi", gateway_id="wrong")
    printed = post(author, f"{page}list", with_numbers="1", **TO).text
    assert "Y Rơ" in printed
    assert local(12) not in printed, "a stranger has it, as they said of another message"
    assert local(13) in printed


def test_a_list_about_health_is_opened_on_record_first(world, author):
    world.add_people(2)
    text = "Moi ong/ba di tiem. Tra loi 1 hoac 2."
    campaign = world.sent(kind="hen-tiem", text=text, content={"asked": "tiêm"}, window=["00:00", "24:00"])
    world.reply(number(0), "1", gateway_id="SM1")
    page = f"/admin/campaigns/{campaign}/hand-over/"
    assert listed(author.get(page).text) == []
    assert post(author, f"{page}list", **TO).status_code in (404, 422)
    assert (
        post(author, f"/admin/campaigns/{campaign}/answers?then=hand_over").headers["Location"].endswith(page)
    )
    assert listed(author.get(page).text) == ["A Thun 0", "A Thun 1"]
    assert len(world.audited("campaign.see_answers")) == 1
    everybody = [str(world.recipient(number(n), campaign).id) for n in (0, 1)]
    post(author, f"{page}came", came=everybody)
    card = author.get(f"/admin/campaigns/{campaign}/").text
    assert count_in(card, f'href="{page}?answer=own-1">Tôi sẽ đến') == "1"
    assert count_in(card, f'href="{page}?answer=installed">Tôi đã tiêm rồi') == "2, 1 promised"
    assert listed(author.get(f"{page}?answer=installed").text) == ["A Thun 0", "A Thun 1"]


@both_databases
def test_who_came_is_recorded_at_one_stroke_and_undone(world, author, campaign, tmp_path):
    page = f"/admin/campaigns/{campaign}/hand-over/"

    def state():
        return [world.recipient(number(n), campaign).answer for n in (11, 12, 13, 15)]

    shown = re.findall(r'name="came" value="(\d+)"', author.get(f"{page}?answer=own-1").text)
    assert len(shown) == 2
    gone = world.recipient(number(14), campaign)
    assert post(author, f"{page}came").status_code == 422, "nobody is marked"
    assert post(
        author, f"{page}came", came=[*shown, str(gone.id)], answer="own-1", page="2"
    ).location.endswith("answer=own-1&area=&village=&order=&page=2")
    assert "1 người có dấu không được ghi" in author.get(page).text, "who marks is told of who was left out"
    assert state() == ["installed", "installed", "no_smartphone", None]
    assert world.recipient(number(14), campaign).answer == "opt_out", "who opted out is on no list"
    post(author, f"{page}came", came=shown)
    assert [each.details for each in world.audited("campaign.came")] == [{"rows": 2}], (
        "repeated, it is nothing new"
    )
    told = author.get(f"{page}?answer=own-1").text
    assert told.count("Tôi sẽ đến · Đã đến dự") == 2, "who promised, and who came"
    card = author.get(f"/admin/campaigns/{campaign}/").text
    assert count_in(card, f'href="{page}?answer=own-1">Tôi sẽ đến') == "2", "who came promised it before"
    assert count_in(card, f'{page}?answer=installed">Đã đến dự') == "2, 2 promised"
    assert count_in(card, f'{page}?answer=unanswered">Chưa trả lời') == "1"
    assert author.get(f"/admin/campaigns/{campaign}/?part=results").text in card, (
        "as an open page asks for it"
    )
    assert listed(author.get(f"{page}?answer=unanswered").text) == ["A Hờ"]
    assert "Tôi sẽ đến · Đã đến dự" in author.get(f"/admin/people/?campaign={campaign}").text
    totals = world.read(count_answers, [campaign], seen=true())[campaign]
    own = {str(number): people for (_label, number), people in totals.items()}
    of_drive = world.read(count_own_answers, [world.get_one(Campaign, campaign)], as_of=datetime.now(UTC))
    assert (own["1"], of_drive[0].people) == (2, 2), "one campaign's totals and a drive's last answers"
    assert world.read(find_differences)[1] == []

    heading = ["Mã", "Họ tên", "Đã đến dự (đánh x)"]
    codes = [
        f"D{campaign}-{each}"
        for each in (shown[0], *(world.recipient(number(n), campaign).id for n in (13, 15)))
    ]
    sheets = {
        "Thôn 1": [heading, [codes[0], "A", "x"]],
        "Thôn 2": [heading, [codes[1], "B", "X"], [codes[2], "B", "sau"]],
    }
    write_workbook(tmp_path / "list.xlsx", sheets)
    for _again in range(2):
        with (tmp_path / "list.xlsx").open("rb") as file:
            post(author, f"{page}returned", file=(file, "list.xlsx"))
    assert state() == ["installed", "installed", "installed", None]
    assert "Không hiểu dấu ở dòng 3" in author.get(page).text
    assert (
        post(author, f"{page}returned", file=(io.BytesIO(b"Ten;SDT\nA;1\n"), "list.csv")).status_code == 422
    )

    def last():
        found = re.search(r'name="answer_id" value="(\d+)"', author.get(page).text)
        return found and found[1]

    world.reply(number(12), "2", gateway_id="late")
    marks = last()
    assert post(author, f"{page}undo", answer_id=marks).status_code == 303
    assert post(author, f"{page}undo", answer_id=marks).status_code == 422, "pressed twice, it undoes no more"
    assert state() == ["installed", "no_smartphone", "no_smartphone", None]
    post(author, f"{page}undo", answer_id=last())
    assert state() == ["not_yet", "no_smartphone", "no_smartphone", None], (
        "what somebody has said since stays"
    )
    assert last() is None, "nothing is left that could be undone"
    assert [each.details["rows"] for each in world.audited("campaign.undo_came")] == [1, 1]


@pytest.mark.parametrize("marked", [11, 15])
def test_who_was_merged_since_a_list_was_handed_over_came_by_the_mark_of_either(
    world, author, campaign, marked
):
    rows = {n: world.recipient(number(n), campaign) for n in (11, 15)}
    merge(world, rows[15].contact_id, rows[11].contact_id)
    page = f"/admin/campaigns/{campaign}/hand-over/"
    post(author, f"{page}came", came=str(rows[marked].id))
    assert "không được ghi" not in author.get(page).text
    assert world.recipient(number(11), campaign).answer == "installed"


def test_who_promised_and_who_came_are_told_alike_on_every_page_and_without_a_goal_nobody_set(
    world, author, campaign
):
    came = [str(world.recipient(number(n), campaign).id) for n in (11, 15)]  # the second had not answered
    post(author, f"/admin/campaigns/{campaign}/hand-over/came", came=came)
    said = ["Báo sẽ đến 2/5", "không đến được 1", "cần giúp đi lại 0", "trả lời khác 1", "chưa trả lời 0"]
    done = "Ghi nhận đã đến dự: 2 người (trong đó 1 người đã báo trước)"
    for page in ("/admin/", "/admin/progress/"):
        text = " ".join(re.sub(r"<[^>]*>", "", author.get(page).text).split())
        assert f"{said[0]} {' · '.join(said[1:])}{done}" in text, page
        for word in ("tự khai báo", "Chưa đặt mục tiêu", "Còn thiếu", "so với mục tiêu"):
            assert word not in text, f"{page}: {word}"
    assert f"{said[0]}, đã đến dự 2<" in author.get("/admin/campaigns/").text
    card = author.get(f"/admin/campaigns/{campaign}/").text
    assert "Trả lời khác" not in card, "an opt-out is named there, and who came alone is no other answer"
    assert count_in(card, "Đã đến dự") == "2, 1 promised"


def test_an_own_answer_is_in_the_results_before_anybody_gives_it_and_keeps_its_name(world, author):
    world.add_people(2)
    own = {"2": {"text": "Tôi đã dự buổi trước", "means": "installed"}}
    content = {"asked": "dự họp", "own_answers": own}
    campaign = world.launch(kind="moi-du", text="Moi ong/ba hop. Tra loi 1, 2, 3", content=content)
    counted = []
    for _given in range(2):
        sheet = author.get(f"/admin/campaigns/{campaign}/").text
        counted.append(count_in(sheet, "Tôi đã dự buổi trước"))
        world.answers(campaign, {0: Label.INSTALLED}, own={0: 2})
    assert counted == ["0", "1"]


AUDITOR = "kiemtra@loa.example"
SAID = "toi tiem roi nhung bi di ung, khong biet co tiem tiep duoc khong?"


@pytest.fixture
def vaccination(world):
    """A vaccination, to which one person wrote what they fear and another that it is done."""
    world.add_people(3)
    world.officer(AUDITOR, Role.AUDITOR)
    vaccination = world.sent(
        kind="tiem-chung",
        name="Tiêm",
        text="Mời ông/bà đi tiêm. Trả lời 1 hoặc 2.",
        window=["00:00", "24:00"],
    )
    world.reply(number(0), SAID, gateway_id="SM1")
    world.reply(number(1), "da tiem roi", gateway_id="SM2")
    return vaccination


def contact(world, index):
    return world.contact(f"A Thun {index}")


@both_databases
def test_an_answer_is_masked_where_it_does_not_wait_for_the_reader(world, client, vaccination):
    (case,) = world.cases()
    pages, person = ("/admin/inbox/", f"/admin/inbox/{case.id}/"), f"/admin/people/{contact(world, 0)}/"
    signed_in(client, AUDITOR)
    waiting = client.get(pages[0]).text
    assert f"/admin/inbox/{case.id}/" not in waiting, "its kind and place tell what somebody there said"
    assert "Không còn việc nào phải làm" in waiting
    assert client.get(pages[1]).status_code == 404
    world.change(Case, case.id, urgent_at=world.now)  # a cry for help waits unseen by nobody
    for page in pages:
        shows(client.get(page), "đã che", but="di ung")
    world.change(Case, case.id, urgent_at=None)
    assert "Đang chờ cán bộ" not in client.get(person).text, "what the case is about tells what they said"
    assert client.get(f"/admin/people/?campaign={vaccination}&answer=installed").status_code == 404
    assert f"/admin/people/?campaign={vaccination}" not in client.get(f"/admin/campaigns/{vaccination}/").text
    assert post(client, f"/admin/people/{contact(world, 1)}/answers").status_code == 403

    signed_in(client, AUTHOR)
    assert "Đang chờ cán bộ" in client.get(person).text
    for page in pages:
        assert SAID in client.get(page).text, "it waits for an officer"
    post(client, f"/admin/inbox/{case.id}/finish", outcome="called")
    for page in ("/admin/inbox/?state=done", f"/admin/inbox/{case.id}/"):
        text = client.get(page).text
        assert "đã che" in text
        assert "di ung" not in text, "it waits no longer"
    shows(client.get(f"/admin/campaigns/{vaccination}/installs/"), "(đã che)", but="A Thun 1")


@both_databases
def test_a_persons_answers_are_opened_once_and_on_record(world, author, vaccination):
    person = contact(world, 0)
    page = author.get(f"/admin/people/{person}/").text
    line = page.split('<ol class="timeline">')[1]
    shows(line, "Tin và câu trả lời về sức khỏe, đã che", but=("di ung", "Trả lời</strong>", "Đã gửi tin"))
    assert SAID in post(author, f"/admin/people/{person}/answers").text
    assert SAID not in author.get(f"/admin/people/{person}/").text
    entry = world.one(select(AuditEvent).where(AuditEvent.action == "contact.see_answers"))
    assert (entry.subject, entry.actor_id) == (f"contacts:{person}", world.user(AUTHOR).id)


def test_no_page_tells_an_answer_by_why_a_later_campaign_leaves_somebody_out(world, author, vaccination):
    text = "Mời ông/bà đi tiêm. Trả lời 1 hoặc 2."
    later = world.launch(kind="tiem-chung", name="Tiêm lại", text=text, answered="no")
    assert world.status(later)["excluded"] == {"answers": 1}
    shown = f"/admin/people/{contact(world, 1)}/"
    assert label_of(Exclusion.ANSWERS, "excluded") not in author.get(shown).text
    assert label_of(Exclusion.ANSWERS, "excluded") in post(author, f"{shown}answers").text


def test_who_answered_is_listed_for_who_works_with_it_on_record(world, client, vaccination):
    sheet, listed = f"/admin/campaigns/{vaccination}/", f"/admin/people/?campaign={vaccination}"
    signed_in(client, AUDITOR)
    seen = client.get(sheet).text
    assert "quá ít người" in seen, "three people: a figure would tell of single ones"
    assert not re.search(r"Người chưa trả lời</caption>.*?<strong>", seen, re.DOTALL)
    assert post(client, f"{sheet}answers").status_code == 403

    signed_in(client, AUTHOR)
    assert client.get(listed).status_code == 404, "not yet opened"
    assert f"{sheet}answers" in client.get(sheet).text
    assert "&amp;answer=" not in client.get(sheet).text
    assert post(client, f"{sheet}answers").headers["Location"].endswith(listed)
    assert f"campaign={vaccination}&amp;answer=" in client.get(sheet).text, "each figure leads to its people"
    page = client.get(f"{listed}&answer=installed").text
    assert "A Thun 1" in page
    assert re.search(r'<td data-label="Câu trả lời">[^–<]+</td>', page)
    assert "A Thun 2" not in page
    entry = world.one(select(AuditEvent).where(AuditEvent.action == "campaign.see_answers"))
    assert (entry.subject, entry.actor_id) == (f"campaigns:{vaccination}", world.user(AUTHOR).id)
    world.execute(update(User).where(User.email == AUTHOR).values(role=Role.AUDITOR))
    assert client.get(listed).status_code == 404, "for who works with it alone"


def test_what_was_found_at_the_door_is_for_who_handles_answers(world, vaccination):
    world.set_all(MessageState.NO_REPORT)
    sheet = world.make_sheet(vaccination)
    world.do(enter_results, sheet, {1: VisitOutcome.NOT_YET})
    found = {
        email: [line.outcome for line in world.read(read_lines, sheet, by=email)]
        for email in (AUTHOR, AUDITOR)
    }
    assert VisitOutcome.NOT_YET in found[AUTHOR]
    assert set(found[AUDITOR]) == {None}
    officer = world.do(add_officer, name="A Lăng", number=local(900), email="")
    again = world.do(
        create_sheet, vaccination, list_id=world.list_id, area_code=None, village=None, officer="", again=True
    )
    world.do(assign_sheet, again.id, officer_id=officer.id, day=None, target=None)
    for line in world.read(read_lines, again.id, by=AUTHOR):
        world.tell(line.contact_id, vaccination, Label.NOT_YET)
    carried = world.read(read_houses, officer, now=world.now).people
    assert carried
    assert {(each.answer, each.earlier) for each in carried} == {(None, Seen())}, "whom to visit alone"


def test_the_audit_log_does_not_keep_the_answer(world, author, vaccination):
    (case,) = world.cases()
    post(author, f"/admin/inbox/{case.id}/label", label="installed")
    world.tell(contact(world, 2), vaccination, Label.NOT_YET)
    entries = world.audited("case.label", "contact.answer")
    assert len(entries) == 2
    assert not [entry for entry in entries if {"label", "suggested"} & set(entry.details)]
    to = {"recipient": "Trạm Y tế xã", "purpose": "Hẹn mũi hai", "with_numbers": True}
    world.do(hand_over, vaccination, PeopleChoice(answer="not_yet"), opened=[vaccination], **to)
    handed, shown = (
        world.one(select(AuditEvent).where(AuditEvent.action == action, AuditEvent.actor_id.is_not(None)))
        for action in ("campaign.hand_over", "contact.see_number")
    )
    assert shown.subject == f"contacts:{contact(world, 2)}", "beside the answer it would say who gave it"
    assert world.get_one(AuditValues, handed.id).changes.keys() == {"recipient", "purpose"}


def test_a_campaign_is_about_health_if_its_kind_is(world):
    plain = world.draft()
    health = world.draft(name="Khám", kind="tiem-chung", content={"health": False})
    assert load_kinds()["tiem-chung"]["health"]
    assert world.get_one(Campaign, health).is_health, "a campaign does not lessen what its kind asks for"
    assert not world.get_one(Campaign, plain).is_health


@both_databases
def test_figures_of_a_commune_of_few_people_are_those_of_its_district_for_who_may_not_see_them(world, client):
    world.add_areas({"621": "Đắk Hà"}, {"a1": "621", "a2": "621", "a3": "621"})
    world.officer(AUDITOR, Role.AUDITOR)
    world.add_people(16)
    world.live_in(["a1"] * 2 + ["a2"] * 5 + ["a3"] * 9)
    campaign = world.launch(kind="tiem-chung", name="Tiêm", text="Mời tiêm. Trả lời 1 hoặc 2. {link}")
    for n in (0, 1, 2, 8):
        world.press(campaign, "installed", index=n)
    now = world.in_hours(1)
    row, found = world.get_one(Campaign, campaign), {}
    drive, day = world.get_one(Drive, row.drive_id), now.astimezone(VIETNAM).date()
    for email in (AUDITOR, AUTHOR):
        page = world.read(read_progress, drive, by=email, runtime=world.runtime, now=now)
        communes = {line.code: line.installed for line in page.communes["621"].lines}
        (district,) = page.districts.lines
        found[email] = (communes, district.installed)
        parts = world.read(read_parts_for, row, by=email)
        areas = {area for (_step, _owner, area), totals in parts.items() if totals.answered}
        assert areas == ({"621", "a3"} if email == AUDITOR else {"a1", "a2", "a3"})
    snapshot = world.read(take_snapshot, UNTIL_MIDNIGHT, drive=drive.id, day=day, known_until=now)
    assert found[AUTHOR] == ({"a1": 2, "a2": 1, "a3": 1}, 4), "officers see all"
    assert found[AUDITOR][1] == 4
    assert found[AUDITOR][0]["a3"] == 1
    assert found[AUDITOR][0].get("a1", 0) == 0
    reported = {place.code: place.reported.answered for place in (*snapshot.districts, *snapshot.communes)}
    assert reported == {"621": 4, "a3": 1}
    world.send()
    world.sweep(at=world.in_hours(300))
    assert world.get_one(Campaign, campaign).ended_at, "then its page has results by place"
    signed_in(client, AUDITOR)
    shows(client.get(f"/admin/campaigns/{campaign}/"), "Huyện Đắk Hà", but="Xã a1")
    shows(client.get(f"/admin/campaigns/{campaign}/reach/?district=621"), "Xã a3", but=("Xã a1", "Xã a2"))
    reports = f"/admin/campaigns/{campaign}/installs/"
    assert "Xã a1" not in client.get(reports).text
    assert re.search(r'"nowrap">\s*\d+/\d+/\d+', client.get(reports).text), (
        "the day, as the audit log has the moment"
    )
    for few in ("a1", "a3&organisation=1"):
        assert "quá ít người" in client.get(f"{reports}?area={few}").text, "no 0 that is none"
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    figures = Other(client, world, Right.FIGURES_READ).get(f"/api/v1/campaigns/{campaign}/figures").json
    communes = {line["code"]: line["installed"] for line in figures["communes"]["621"]["lines"]}
    assert (communes["a3"], communes.get("a1", 0)) == (1, 0)


VACCINATION = {"kind": "tiem-chung", "text": "Mời tiêm. Trả lời 1 hoặc 2. {link}"}


def test_no_campaign_about_health_can_be_subtracted_from_its_drive(world, client):
    world.add_areas({"621": "Đắk Hà"}, {"a1": "621", "a2": "621", "a3": "621"})
    world.officer(AUDITOR, Role.AUDITOR)
    world.add_people(60)
    world.live_in(["a1"] * 18 + ["a2"] * 20 + ["a3"] * 22)
    people = world.all(select(Contact.id).order_by(Contact.id))
    # All but two of the first commune and six of the second.
    world.add_list("Thêm", *people[2:18], *people[24:])
    first = world.launch(name="Tiêm", **VACCINATION)
    second = world.launch(name="Tiêm nhắc", lists=["Thêm"], **VACCINATION)
    world.press(first, "installed", index=0)
    signed_in(client, AUDITOR)
    assert "Xã a1" in client.get(f"/admin/progress/?campaign={first}&district=621").text
    for campaign in (first, second):
        reach = client.get(f"/admin/campaigns/{campaign}/reach/?district=621").text
        assert "Xã a3" in reach
        assert "Xã a1" not in reach, "with the drive it would tell of two people"
        assert "Xã a2" not in reach, "it would be what the first is not"
    parts = world.read(read_parts_for, world.get_one(Campaign, second), by=AUDITOR)
    assert {area for _step, _owner, area in parts} == {"621", "a3"}


@both_databases
def test_figures_about_health_of_an_organisation_with_few_people_are_not_shown(world, client):
    small, large = world.organisation("HND", "Hội Nông dân"), world.organisation()
    world.add_areas({"621": "Đắk Hà"}, {"a1": "621"})
    world.officer(AUDITOR, Role.AUDITOR)
    world.add_people(20)
    world.live_in(["a1"] * 20)
    lists = [world.add_list(name, owner=owner) for owner, name in ((small, "Nông dân"), (large, "Phụ nữ"))]
    people = world.all(select(Contact.id).order_by(Contact.id))
    for list_id, part in zip(lists, (people[:2], people[2:9]), strict=True):
        world.execute(update(Membership).where(Membership.contact_id.in_(part)).values(list_id=list_id))
    campaign = world.launch(name="Tiêm", lists=["Hội viên", "HND/Nông dân", "PN/Phụ nữ"], **VACCINATION)
    world.press(campaign, "installed", index=0)
    signed_in(client, AUDITOR)
    for page in (f"/admin/progress/?campaign={campaign}", f"/admin/campaigns/{campaign}/reach/"):
        text = client.get(page).text
        assert "Hội Nông dân" not in text, page
        assert "Hội Phụ nữ" not in text, "the whole less the others would be the two"
        assert "Ủy ban MTTQ" in text
    assert "quá ít người" in client.get(f"/admin/campaigns/{campaign}/installs/?organisation={small}").text
    row, now = world.get_one(Campaign, campaign), world.in_hours(1)
    until = {"day": now.astimezone(VIETNAM).date(), "known_until": now}
    snapshot = world.read(take_snapshot, UNTIL_MIDNIGHT, drive=row.drive_id, **until)
    parts = world.read(read_parts_for, row, by=AUDITOR)
    assert [body.name for body in snapshot.bodies] == ["Ủy ban MTTQ"]
    assert {owner for _step, owner, _area in parts} == {None}, (
        "no place is small, but with organisations it would be"
    )
    signed_in(client, AUTHOR)
    assert "Hội Nông dân" in client.get(f"/admin/campaigns/{campaign}/reach/").text


def test_visits_of_a_campaign_about_health_tell_who_handles_no_answers_nothing_of_single_people(
    world, client, vaccination
):
    world.set_all(MessageState.NO_REPORT)
    sheet = world.make_sheet(vaccination)
    world.do(enter_results, sheet, {1: VisitOutcome.NEED_HELP})
    for email, named in ((AUTHOR, True), (AUDITOR, False)):
        signed_in(client, email)
        lines = client.get(f"/admin/rounds/{sheet}/").text
        assert ("A Thun 2" in lines, "(đã che)" in lines) == (named, not named)
        village = client.get(f"/admin/rounds/?campaign={vaccination}&list={world.list_id}").text
        assert ("Chỉ người xử lý câu trả lời" in village) is not named
        totals = world.read(read_totals, world.drive("tiem-chung"), world.user(email))
        assert (totals.people, totals.help) == (2, 1 if named else None)
        page = client.get(f"/admin/progress/?campaign={vaccination}").text
        assert ("quá ít người" in page) is not named
