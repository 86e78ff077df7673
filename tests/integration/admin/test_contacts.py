"""The directory finds people by what an officer knows of them; a person's page tells all and shows no number unasked.

A person's line of time: all that happened, the newest first, to who may know it; and the same person found and told apart.
Filters kept under a name: opened again from the page, replaced, removed, and seen by nobody else.
A user with an area: of what their organisations know, the people of that area and nobody else.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, update

from campaigns.cases.conversation import may_change, save_text
from campaigns.lifecycle import create_campaign, edit_campaign, prepare_correcting_campaign
from campaigns.models.activities import VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, PageOpen, Recipient
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import Answer, AnswerPlace, AnswerSource, InstallReport, OfficerEntry
from campaigns.planning.correct_texts import propose_correction
from campaigns.planning.drafts import read_segments, save_segment
from campaigns.planning.kinds import load_kinds
from campaigns.privacy.requests import read_requests
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.draft import read_draft
from campaigns.rules.links import LinkCipher
from campaigns.rules.states import CampaignAction, CampaignState, MessageState
from campaigns.sweep import send_second_wave
from outreach.accounts.kept_filters import keep_filters, read_filters, remove_filters
from outreach.accounts.users import create_organisation, find_user
from outreach.accounts.village_officers import add_officer, list_officers
from outreach.contacts import directory
from outreach.contacts.contact import find_contact
from outreach.contacts.directory import ContactFilter, read_page
from outreach.contacts.lists import record_basis
from outreach.imports.change_list import remove_list
from outreach.imports.uploads import undo_upload
from outreach.models.accounts import (
    AuditEvent,
    AuditValues,
    KeptFilters,
    Organisation,
    OrganisationKind,
    Role,
    User,
)
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ListImport,
    Membership,
    Phone,
    Suppression,
    SuppressionReason,
    Upload,
    UploadState,
    Wish,
)
from outreach.rules.errors import BadCampaign, BadInput, NotAllowed, NotFound
from outreach.rules.identity import name_key, name_order
from outreach.rules.wishes import WishSource
from tests.support.admin_client import post, shows, signed_in
from tests.support.errors import refuses
from tests.support.lists import bring, local, write
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.wishes import opt_out
from tests.support.world import APPROVER, AUTHOR, LIST, TEXT, number

NEIGHBOUR = "langben@loa.example"
NAMES = ("Nguyễn Văn An", "Trần Thị Anh", "Lê An", "An Văn Nguyễn", "Đỗ Thị Ngọc Hoa", "A Thun")


@pytest.fixture
def people(world):
    """Each name's contact; the n-th has the n-th sample number."""
    made = {}
    for index, name in enumerate(NAMES):
        made[name] = world.add_person(name, number(index), name_key=name_key(name))
    return made


@pytest.fixture
def neighbour(world):
    """An officer of an organisation that has a list of its own, and no part in the other."""
    made = world.organisation(below=None)
    world.add_list("Hội viên", owner=made)
    return world.officer(NEIGHBOUR, Role.STAFF, made)


def found(world, email=AUTHOR, **wanted):
    page = world.read(read_page, world.user(email), ContactFilter(**wanted))
    return [line.name for line in page.lines]


@both_databases
@cases(
    ("nguyen van", ["Nguyễn Văn An"]),
    ("NGUYỄN VĂN AN", ["Nguyễn Văn An"]),
    # names that begin so come first, then those whose given name does
    ("an", ["An Văn Nguyễn", "Lê An", "Nguyễn Văn An", "Trần Thị Anh"]),
    ("van an", ["Nguyễn Văn An"]),
    ("le an", ["Lê An"]),
    ("ngoc hoa", ["Đỗ Thị Ngọc Hoa"]),
    ("do", ["Đỗ Thị Ngọc Hoa"]),
    ("van", []),
    ("0900000002", ["Lê An"]),
    ("+84 900 000 002", ["Lê An"]),
    ("002", ["Lê An"]),
    ("02", []),
    # More than a masked number shows would find out the rest of it, digit by digit.
    ("0002", []),
    ("000002", []),
    ("900000002", ["Lê An"]),
    ("%", sorted(NAMES, key=name_order)),
)
def test_people_are_found_by_a_name_s_beginning_or_a_number_s_end(world, people, text, names):
    assert found(world, text=text) == names


@both_databases
@cases((1_000,), (1,))
def test_who_gets_no_messages_is_found_the_same_way_few_or_many(world, people, monkeypatch, many):
    monkeypatch.setattr(directory, "_MANY_CLOSED", many)
    opt_out(world, number(0))
    opt_out(world, None, people["Lê An"], source=WishSource.REQUEST)
    opt_out(world, number(3), scope="channel:sms")
    back = opt_out(world, number(4)).id
    world.add(Wish(undoes_id=back, source=WishSource.SMS, said_at=world.now, learned_at=world.now))
    world.suppress(number(5), SuppressionReason.WRONG_NUMBER)
    assert found(world, suppressed=True) == ["Lê An", "Nguyễn Văn An", "A Thun"]


def test_a_number_is_found_whole_only_by_who_may_see_it_and_that_is_on_record(client, world, people):
    auditor = "thanhtra@loa.example"
    world.officer(auditor, Role.AUDITOR)
    assert found(world, auditor, text="0900000002") == []
    assert found(world, auditor, text="002") == ["Lê An"]

    signed_in(client, auditor)
    shows(post(client, "/admin/people/", q="0900 000 002"), "không có quyền", but="hoặc đủ cả số")
    assert ">Lê An</a>" in client.get(post(client, "/admin/people/", q="002").location).text

    signed_in(client, AUTHOR)
    for text in ("0900 000 002", "0900000099", "le an", "002"):
        assert "hoặc đủ cả số" in client.get(post(client, "/admin/people/", q=text).location).text
    events = world.audited("contact.search_number")
    assert [(event.actor_id, event.subject, event.details) for event in events] == [
        (world.user(AUTHOR).id, f"contacts:{people['Lê An']}", {"found": 1}),
        (world.user(AUTHOR).id, "contacts:all", {"found": 0}),
    ]


def test_somebody_else_s_place_is_no_place_to_go_on_from(world, people, neighbour):
    for wanted in ({}, {"list_id": world.list_id}, {"text": "0900000002"}):
        assert found(world, neighbour, **wanted) == []
    theirs = world.one(select(ContactList.id).where(ContactList.id != world.list_id))
    for name in ("An Anh", "Lê Anh"):
        person = world.add_person(name, name_key=name_key(name), given_key=name_order(name))
        world.execute(update(Membership).where(Membership.contact_id == person).values(list_id=theirs))
    stranger = people["Lê An"]
    user = world.read(find_user, neighbour)
    for after in (f"g{stranger}", f"n{stranger}", "g999", "x1", "g²", "g"):
        page = world.read(read_page, user, ContactFilter(), after=after)
        assert ([line.name for line in page.lines], page.count) == (["An Anh", "Lê Anh"], 2), after
    page = world.read(read_page, user, ContactFilter(), after=f"g{person - 1}")
    assert ([line.name for line in page.lines], page.count) == (["Lê Anh"], None)


@both_databases
def test_pages_follow_each_other_without_a_gap_or_a_repetition(world, monkeypatch):
    monkeypatch.setattr("outreach.contacts.directory.ON_A_PAGE", 4)
    world.add_people(9)
    for name in ("Thun A", "Thun B", "A Thun"):
        world.add_person(name, number(20))
    for person in world.all(select(Contact)):
        keys = {"name_key": name_key(person.name), "given_key": name_order(person.name)}
        world.change(Contact, person.id, **keys)

    def pages(text):
        after = ""
        while True:
            page = world.read(read_page, world.user(AUTHOR), ContactFilter(text=text), after=after)
            yield from (line.id for line in page.lines)
            if not (after := page.after):
                return

    for text, count in (("", 12), ("thun", 3), ("a", 11)):
        ids = list(pages(text))
        assert len(ids) == len(set(ids)) == count, text


@both_databases
def test_filters_narrow_down_together(world, people):
    world.execute(update(Contact).where(Contact.id == people["Lê An"]).values(has_smartphone=False))
    assert found(world, smartphone="no") == ["Lê An"]
    assert found(world, smartphone="no", text="nguyen") == []
    assert len(found(world, list_id=world.list_id)) == len(NAMES)
    assert found(world, list_id=world.list_id + 1) == []
    assert found(world, area_code="62999") == []


def test_numbers_are_masked_until_asked_for_and_the_look_is_on_record(author, world, people):
    person = f"/admin/people/{people['Lê An']}/"
    for page in ("/admin/people/", person):
        shows(author.get(page), "0900•••002", but=("0900000002", number(2)))
    phone_id = world.phone(number(2))
    assert "0900000002" in post(author, f"{person}number", phone=phone_id).text
    event = world.one(select(AuditEvent).where(AuditEvent.action == "contact.see_number"))
    assert event.subject == f"contacts:{people['Lê An']}"
    assert event.details == {"phone": phone_id}


def test_an_answer_at_the_door_counts_as_an_officers(author, world):
    campaign_id = world.launch(people=1)
    contact_id = world.recipient(number(0), campaign_id).contact_id
    said = {"campaign": campaign_id, "answer": "installed", "note": "máy của con"}
    refused = post(author, f"/admin/people/{contact_id}/answer", **said)
    assert refused.status_code == 422
    assert "Hãy chọn một mục ở ô “Nghe ở đâu”" in refused.text
    assert 'value="máy của con"' in refused.text
    page = post(author, f"/admin/people/{contact_id}/answer", **said, place="home")
    assert page.status_code == 303
    shown = author.get(page.location).text
    shows(shown, "Đã ghi câu trả lời", f"cán bộ ghi ({AUTHOR}, tại nhà)", "máy của con")
    assert world.one(select(Answer)).source is AnswerSource.OFFICER
    assert world.one(select(InstallReport)).source is AnswerSource.OFFICER
    entry = world.one(select(OfficerEntry))
    assert (entry.place, entry.recorded_by) == (AnswerPlace.HOME, world.user(AUTHOR).id)
    assert world.get_one(Contact, contact_id).has_smartphone is True
    post(author, f"/admin/people/{contact_id}/answer", **{**said, "answer": "no_smartphone"}, place="meeting")
    assert world.get_one(Contact, contact_id).has_smartphone is False
    post(author, f"/admin/people/{contact_id}/answer", **said, place="phone")
    listed = author.get(f"/admin/people/?campaign={campaign_id}&answer=installed").text
    assert f"/admin/people/{contact_id}/" in listed
    assert (
        "Chưa ai trả lời như vậy" in author.get(f"/admin/people/?campaign={campaign_id}&answer=refuse").text
    )


def test_what_is_searched_for_stands_in_no_address(author, world, people):
    for text, name, other in (
        ("0900000002", "Lê An", "A Thun"),
        ("le an", "Lê An", "A Thun"),
        ("thun", "A Thun", "Lê An"),
    ):
        found = post(author, "/admin/people/", q=text, smartphone="unknown")
        assert found.status_code == 303
        assert text.replace(" ", "") not in re.sub(r"[+ ]|%20", "", found.location)
        assert "smartphone=unknown" in found.location
        shows(author.get(found.location), f">{name}</a>", f'value="{text}"', but=f">{other}</a>")
        with author.session_transaction() as kept:  # the cookie is signed and can be read
            assert kept["searches"]
            assert text not in str(dict(kept))
    # Each tab goes on with its own search; one that is long gone asks again.
    assert ">A Thun</a>" in author.get(found.location).text
    assert "Hãy gõ lại" in author.get("/admin/people/?s=0123abcd").text


def test_an_answer_is_found_in_any_campaign_or_in_one(author, world):
    world.add_people(3)
    campaigns = [world.launch(), world.launch()]
    said = {}
    for index, (campaign_id, answer) in enumerate(zip(campaigns, ("installed", "refuse"), strict=True)):
        said[answer] = world.recipient(number(index), campaign_id).contact_id
        form = {"campaign": campaign_id, "answer": answer, "place": "home"}
        post(author, f"/admin/people/{said[answer]}/answer", **form)
    for query, expected in (
        ("answer=installed", {"installed"}),
        ("answer=refuse", {"refuse"}),
        (f"answer=refuse&campaign={campaigns[0]}", set()),
        (f"campaign={campaigns[1]}", {"refuse"}),
        ("answer=opt_out", set()),
    ):
        page = author.get(f"/admin/people/?{query}").text
        assert {answer for answer, person in said.items() if f"/admin/people/{person}/" in page} == expected


def test_the_text_that_was_sent_is_shown_without_the_secret_of_its_link(author, world):
    campaign_id = world.sent(people=1)
    recipient = world.recipient(number(0), campaign_id)
    token = LinkCipher(world.runtime.settings.secret_key).token(recipient.id)
    assert token in world.simulator.ledger()[0]["Body"]
    shows(author.get(f"/admin/people/{recipient.contact_id}/"), "/••••••••", but=token)


def test_a_number_is_suppressed_and_lifted_with_a_reason_only(author, world, people):
    person = f"/admin/people/{people['Lê An']}/"
    phone_id = world.phone(number(2))
    form = {"phone": phone_id, "reason": "wrong_number"}
    post(author, f"{person}suppress", **form, note=" ")
    assert found(world, suppressed=True) == []
    post(author, f"{person}suppress", **form, note="ông báo nhầm số")
    assert found(world, suppressed=True) == ["Lê An"]
    assert "ông báo nhầm số" in author.get(person).text
    post(author, f"{person}lift", **form, note="ông gọi lại")
    assert found(world, suppressed=True) == []
    held = world.one(select(Suppression))
    assert held.note == "ông báo nhầm số\nông gọi lại"
    assert held.lifted_at is not None
    assert held.lifted_at <= datetime.now(UTC)


def test_a_corrected_name_is_found_by_the_new_one(author, world, people):
    said = {"name": " Lê  Ân Bình ", "village": "Thôn 2", "smartphone": "no", "language": "sed"}
    post(author, f"/admin/people/{people['Lê An']}/correct", **said)
    assert found(world, smartphone="no") == ["Lê Ân Bình"]
    assert found(world, text="binh") == ["Lê Ân Bình"]
    page = author.get(f"/admin/people/{people['Lê An']}/").text
    assert re.search(r"<dd>Thôn 2</dd>", page)
    assert "<dd>Xơ Đăng</dd>" in page
    values = world.one(select(AuditValues.changes))
    assert values["language"] == [None, "sed"]
    wrong = post(author, f"/admin/people/{people['Lê An']}/correct", name="Lê Ân Bình", language="xx")
    assert "Hãy chọn một mục ở ô “Ngôn ngữ”" in wrong.text


def test_year_and_sex_are_corrected_and_what_cannot_be_is_refused(author, world, people):
    path = f"/admin/people/{people['Lê An']}"
    post(author, f"{path}/correct", name="Lê An", birth_year="1961", sex="f")
    for year in ("1899", "2999", "61 tuổi"):
        answer = post(author, f"{path}/correct", name="Lê An", birth_year=year, sex="m")
        assert "Năm sinh phải từ 1900" in answer.text
    person = world.get_one(Contact, people["Lê An"])
    assert (person.birth_year, person.sex) == (1961, "f")
    (event,) = world.audited("contact.correct")
    assert event.details == {"fields": ["birth_year", "sex"]}


def test_a_campaign_writes_to_the_number_that_was_added_once_the_other_is_wrong(author, world, people):
    person = people["Lê An"]
    path = f"/admin/people/{person}"
    for wrong in ("không có", "0260 3000123", "0905000777; 0905000778"):
        assert "Số điện thoại chưa đúng" in post(author, f"{path}/add-number", number=wrong).text
    post(author, f"{path}/add-number", number="0905.000.777")
    assert "Người này đã có số đó" in post(author, f"{path}/add-number", number="+84 905 000 777").text
    wrong_id, right_id = world.all(
        select(ContactPhone.phone_id).where(ContactPhone.contact_id == person).order_by(ContactPhone.position)
    )
    post(author, f"{path}/suppress", phone=wrong_id, reason="wrong_number", note="bà báo")
    campaign = world.launch()
    assert world.recipient("+84905000777", campaign).phone_id == right_id


def test_a_number_taken_off_a_person_is_history_and_no_old_list_brings_it_back(
    author, world, people, tmp_path
):
    person = people["Lê An"]
    path, wrong = f"/admin/people/{person}", number(NAMES.index("Lê An"))
    phone_id = world.one(select(ContactPhone.phone_id).where(ContactPhone.contact_id == person))
    assert "Hãy ghi rõ căn cứ" in post(author, f"{path}/remove-number", phone=phone_id).text
    bad = post(author, f"{path}/remove-number", phone=phone_id, note="gõ nhầm", number="không có")
    assert "Số điện thoại chưa đúng" in bad.text
    done = post(author, f"{path}/remove-number", phone=phone_id, note="gõ nhầm", number="0905000777")
    shows(author.get(done.location), "Đã thay số điện thoại", "Gỡ số", "gõ nhầm")
    list_file = write(tmp_path, f"1,Lê An,1961,,,{wrong}", f"2,A Khác,1970,,,{wrong}")
    counts = bring(world, list_file, LIST)
    assert (counts.created, counts.updated) == (1, 1)  # the year of birth alone
    theirs = world.all(select(Phone.e164).join(ContactPhone).where(ContactPhone.contact_id == person))
    assert theirs == ["+84905000777"]
    # Nobody else had it: what waits for it would reach a stranger.
    assert world.all(select(Suppression.reason)) == ["wrong_number"]


def test_an_approver_says_whose_wish_to_be_left_alone_it_was_with_the_number_that_goes(client, world):
    for by, first, who in ((APPROVER, 801, "person"), (APPROVER, 811, "other"), (AUTHOR, 821, "other")):
        signed_in(client, by)
        person = world.add_person("Y Hlan", number(first), number(first + 1))
        path = f"/admin/people/{person}"
        assert "Ai đã từ chối nhận tin" not in client.get(f"{path}/").text
        phone_id = world.phone(number(first))
        post(client, f"{path}/suppress", phone=phone_id, reason="opt_out", note="bà xin thôi")
        page = client.get(f"{path}/").text
        assert "không gửi tin: người này đã từ chối" in page
        assert ('value="person" checked' in page) is (by == APPROVER)
        post(client, f"{path}/remove-number", phone=phone_id, note="đổi số", who=who)
        page = client.get(f"{path}/").text
        is_open = by == APPROVER and who == "other"
        assert ("không gửi tin" in page) is not is_open
        assert ('<span class="tag good">nhận tin' in page) is is_open


def test_a_number_that_others_share_goes_on_being_written_to_when_one_of_them_gives_it_up(
    author, world, people
):
    one, other = people["Lê An"], people["A Thun"]
    phone_id = world.one(select(ContactPhone.phone_id).where(ContactPhone.contact_id == one))
    world.add(ContactPhone(contact_id=other, phone_id=phone_id, position=2))
    post(author, f"/admin/people/{one}/remove-number", phone=phone_id, note="số của anh trai")
    owners = world.all(select(ContactPhone.contact_id).where(ContactPhone.phone_id == phone_id))
    assert owners == [other]
    assert world.all(select(Suppression).order_by(Suppression.id)) == []


def test_a_list_is_made_once(author, world):
    user = world.user(AUTHOR)
    shows(post(author, "/admin/lists/", name="Hội viên mới", organisation=user.organisation_id), status=303)
    again = post(author, "/admin/lists/", name="Hội viên mới", organisation=user.organisation_id)
    assert again.status_code == 422
    assert "đã có danh sách" in again.text


only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def lines(page):
    """Return the entries of the line of time, each as its text."""
    line = page.split('<ol class="timeline">')[1].split("</ol>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", entry).split()) for entry in line.split("<li>")[1:]]


@both_databases
def test_all_that_happened_stands_in_one_line_the_newest_first(author, world, tmp_path, monkeypatch):
    bring(world, write(tmp_path, f"1,Y Hlan,1990,,,{local(1)}"), "Hội viên mới")
    person = world.contact("Y Hlan")
    campaign = world.launch(name="Mời cài Bluezone", lists=["MTTQ/Hội viên mới"])
    world.sweep()
    assert "Tin chờ gửi, sớm nhất" in author.get(f"/admin/people/{person}/").text
    world.send()
    world.reply(number(1), "1", gateway_id="SM1", now=world.now)
    recipient = world.recipient(number(1), campaign)
    world.execute(insert(PageOpen).values(campaign_id=campaign, recipient_id=recipient.id, at=world.now))
    phone = world.phone(number(1))
    page = f"/admin/people/{person}/"
    post(author, f"/admin/requests/of/{person}/consent", given="yes", evidence="phiếu ký số 7")
    post(author, f"/admin/requests/of/{person}", kind="correct", asked_by="chính bà")
    post(author, f"{page}suppress", phone=phone, reason="wrong_number", note="bà báo trực tiếp")
    post(author, f"{page}lift", phone=phone, reason="wrong_number", note="bà dùng lại số này")
    told = lines(author.get(page).text)
    wanted = (
        "Bỏ chặn số 0900•••",
        "Ngừng gửi tin đến số",
        "Yêu cầu về dữ liệu : Sửa dữ liệu",
        "Đồng ý nhận tin",
        "Trả lời : tin nhắn Đã cài · Mời cài Bluezone",
        "Trang trả lời được mở · Mời cài Bluezone",
        "Đã gửi tin",
        "Nhập vào danh sách : Hội viên mới",
    )
    for each in wanted:
        assert any(each in line for line in told), (each, told)
    assert "Bỏ chặn" in told[0]
    assert "phiếu ký số 7" in " ".join(told)
    assert "bà dùng lại số này" in told[0]
    assert number(1) not in " ".join(told)
    monkeypatch.setattr("campaigns.cases.conversation.ON_A_PAGE", 3)
    shown = author.get(page).text
    assert lines(shown) == told[:3]
    older = re.search(r'href="([^"]+from=3[^"]*)"', shown)
    assert lines(author.get(older[1]).text) == told[3:6]


@only_sqlite
def test_the_same_person_is_looked_for_by_name_and_who_is_another_is_not_offered_again(author, world):
    first, second = world.add_person("Y Hlan", number(1)), world.add_person("Y Hlan", number(1))
    third = world.add_person("A Thun", number(3))
    page = f"/admin/people/{first}/"
    with_second, with_third = f"{page}compare?with={second}", f"{page}compare?with={third}"
    assert f'href="{with_second}"' in author.get(page).text
    assert f'href="{page}compare"' in author.get(page).text
    found = post(author, f"{page}find-same", q="thun").location
    assert "thun" not in found
    assert f'href="{with_third}"' in author.get(found).text
    assert (
        f'href="{with_third}"' in author.get(post(author, f"{page}find-same", q=number(3)[-3:]).location).text
    )
    for _twice in range(2):
        post(author, f"{page}different", other=second)
    assert f'href="{with_second}"' not in author.get(page).text
    assert f"compare?with={first}" not in author.get(f"/admin/people/{second}/").text
    # It was a mistake: they can still be merged, and taken apart they are not offered either.
    assert post(author, f"{page}merge", other=second).status_code == 303
    merge = re.search(r'name="merge" value="(\d+)"', author.get(page).text)
    apart = post(author, f"{page}unmerge", merge=merge[1]).location
    assert "compare?with=" not in author.get(apart).text


@only_sqlite
def test_who_is_another_stays_so_when_a_third_is_merged(approver, world):
    first, second = world.add_person("Y Hlan", number(1)), world.add_person("Y Hlan", number(1))
    third = world.add_person("Y Hlan", number(1))
    for other in (second, third):
        post(approver, f"/admin/people/{first}/different", other=other)
    post(approver, f"/admin/people/{second}/merge", other=third)
    assert "compare?with=" not in approver.get(f"/admin/people/{first}/").text


def test_who_refuses_one_kind_alone_is_not_offered_to_be_opened(approver, world):
    """What takes a consent that was withdrawn for a kind back is another consent."""
    person = world.add_person("Y Hlan", number(1))
    for scope, is_offered in (("kind:bluezone", False), ("", True)):
        opt_out(world, None, person, source=WishSource.CONSENT, scope=scope)
        page = approver.get(f"/admin/people/{person}/").text
        assert "Từ chối nhận tin" in page
        assert (f'action="/admin/people/{person}/lift"' in page) is is_offered


def keep(world, name, query, email=AUTHOR):
    world.do(keep_filters, page="inbox.index", query=query, name=name, by=email)


def kept(world, email=AUTHOR):
    found = world.read(read_filters, world.user(email).id, "inbox.index")
    return [(each.name, each.query) for each in found]


@both_databases
def test_filters_are_kept_once_a_name_and_are_ones_own(world):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _n: keep(world, "Cần giúp", "kind=help"), range(2)))
    keep(world, " Cần  giúp ", "kind=help&mine=1")
    assert (kept(world), kept(world, APPROVER)) == ([("Cần giúp", "kind=help&mine=1")], [])
    filters_id = world.one(select(KeptFilters.id))
    with pytest.raises(NotFound):
        world.do(remove_filters, filters_id, by=APPROVER)
    world.do(remove_filters, filters_id)
    assert kept(world) == []


def test_an_empty_name_no_filter_and_too_many_are_refused(world):
    for name, query in ((" ", "kind=help"), ("Tất cả", "")):
        with pytest.raises(BadInput):
            keep(world, name, query)
    for n in range(20):
        keep(world, f"Bộ lọc {n}", "kind=help")
    with pytest.raises(BadInput):
        keep(world, "Một bộ nữa", "kind=help")
    keep(world, "Bộ lọc 3", "mine=1")  # replaced
    assert ("Bộ lọc 3", "mine=1") in kept(world)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_kept_filters_are_on_their_page_without_what_was_searched_for(world, author):
    assert 'value="smartphone=no"' in author.get("/admin/people/?smartphone=no&s=ab12&after=g7").text
    sent = {"page": "contacts.index", "query": "smartphone=no&s=ab12", "filters_name": "Chưa có máy"}
    answer = post(author, "/admin/account/filters/keep", **sent)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/admin/people/?smartphone=no"
    assert '<a href="/admin/people/?smartphone=no">Chưa có máy</a>' in author.get("/admin/people/").text
    assert "Chưa có máy" not in author.get("/admin/inbox/").text
    refused = post(author, "/admin/account/filters/keep", page="contacts.index", query="smartphone=no")
    assert refused.status_code == 422
    sent["page"] = "users.index"  # has no filters to keep
    assert post(author, "/admin/account/filters/keep", **sent).status_code == 422


# Four people of the Front's list: two of Đắk Hà, one of Kon Tum, one of whom nobody knows.
IN, ALSO_IN, OUT, UNKNOWN = "A Thun 0", "A Thun 1", "A Thun 2", "A Thun 3"
DISTRICT, COMMUNE, ELSEWHERE = "615", "23425", "23281"
LIMITED, BY_PLACE, WHOLE = "dakha@loa.example", "theodiaban@loa.example", AUTHOR


@pytest.fixture
def office(world):
    world.add_areas({"608": "Kon Tum", DISTRICT: "Đắk Hà"}, {ELSEWHERE: "608", COMMUNE: DISTRICT})
    women = world.organisation(name="Hội Phụ nữ huyện")
    world.officer(LIMITED, Role.STAFF, world.user(AUTHOR).organisation_id)
    world.officer(BY_PLACE)
    world.add_people(4)
    users = update(User).where(User.email.in_((LIMITED, BY_PLACE)))
    world.execute(users.values(area_code=DISTRICT))
    world.change(Organisation, women, area_code=DISTRICT)
    world.live_in((COMMUNE, COMMUNE, ELSEWHERE, None))
    world.add_list("Phụ nữ", *(world.contact(name) for name in (ALSO_IN, OUT)), owner=women)
    return world


def told(text):
    return {name for name in (IN, ALSO_IN, OUT, UNKNOWN) if name in text}


@cases(
    (WHOLE, {IN, ALSO_IN, OUT, UNKNOWN}),
    (LIMITED, {IN, ALSO_IN, UNKNOWN}),
    (BY_PLACE, {ALSO_IN}),  # of the organisations that sit there
)
def test_the_directory_and_a_persons_page_end_at_the_area(office, email, seen):
    with office.runtime.db.read() as session:
        user = find_user(session, email)
        for wanted in (ContactFilter(), ContactFilter(text="A Thun"), ContactFilter(area_code="62")):
            found = {line.name for line in read_page(session, user, wanted).lines}
            assert found == seen
        for person in session.scalars(select(Contact)):
            if person.name in seen:
                assert find_contact(session, person.id, user=user) is person
            else:
                with pytest.raises(NotFound):
                    find_contact(session, person.id, user=user)


def silent(world):
    """A campaign whose messages nobody has seen arrive; its id."""
    campaign_id = world.sent(window=["00:00", "24:00"])
    world.set_all(MessageState.NO_REPORT)
    return campaign_id


def test_a_sheet_shows_each_the_people_they_may_see_whoever_made_it(office, client):
    campaign_id = silent(office)
    signed_in(client, LIMITED)
    assert told(client.get(f"/admin/rounds/?campaign={campaign_id}&list=1").text) == set()
    own = post(client, "/admin/rounds/", campaign=campaign_id, list=office.list_id, village="*").location
    assert own
    assert told(client.get(own).text) == {IN, ALSO_IN, UNKNOWN}
    signed_in(client, WHOLE)
    show = post(
        client, "/admin/rounds/", campaign=campaign_id, list=office.list_id, village="*", again="1"
    ).location
    assert show
    assert told(client.get(show).text) == {IN, ALSO_IN, OUT, UNKNOWN}
    signed_in(client, LIMITED)
    page = client.get(show).text
    assert told(page) == {IN, ALSO_IN, UNKNOWN}
    assert "Không hiện 1 dòng của người ngoài phạm vi" in page
    assert told(client.get(f"{show}sheet?numbers=1").text) == {IN, ALSO_IN, UNKNOWN}
    # Nothing is entered for whom one does not see, and what others entered stays.
    assert post(client, f"{show}enter", **{f"k{n}": "2" for n in range(1, 5)}).status_code == 303
    entered = office.all(
        select(Contact.name)
        .join(Recipient, Recipient.contact_id == Contact.id)
        .where(Recipient.answer.is_not(None))
    )
    assert set(entered) == {IN, ALSO_IN, UNKNOWN}
    assert len(office.all(select(VisitResult).order_by(VisitResult.id))) == 3


def test_who_made_a_sheet_sees_it_and_who_owns_it_sees_nobody_more(office, client):
    campaign_id = silent(office)
    signed_in(client, WHOLE)
    show = post(client, "/admin/rounds/", campaign=campaign_id, list=office.list_id, village="*").location
    assert show
    # Another's sheet, of people whom that organisation does not have.
    about = {"code": "PN2", "name": "Hội Phụ nữ khác", "kind": OrganisationKind.MASS}
    other = office.do(create_organisation, **about, area_code=DISTRICT).id
    office.execute(update(VisitSheet).values(organisation_id=other))
    assert office.user(BY_PLACE).organisation_id is None
    assert told(client.get(show).text) == {IN, ALSO_IN, OUT, UNKNOWN}  # the maker's own scope
    signed_in(client, BY_PLACE)
    assert told(client.get(show).text) == {ALSO_IN}


def test_cases_and_reports_of_installs_end_at_the_area(office, client):
    campaign_id = silent(office)
    for index in range(4):
        recipient = office.recipient(number(index), campaign_id)
        for said in ("installed", "need_help"):
            office.do(record_page_answer, recipient.id, said, now=datetime.now(UTC))
    outside = next(case.id for case in office.cases() if case.area_code == ELSEWHERE)
    signed_in(client, LIMITED)
    assert told(client.get("/admin/inbox/").text) == {IN, ALSO_IN, UNKNOWN}
    assert client.get(f"/admin/inbox/{outside}/").status_code == 404
    assert post(client, f"/admin/inbox/{outside}/number").status_code == 404
    page = client.get(f"/admin/campaigns/{campaign_id}/installs/?all=1").text
    assert told(page) == {IN, ALSO_IN, UNKNOWN}
    signed_in(client, WHOLE)
    assert client.get(f"/admin/inbox/{outside}/").status_code == 200
    assert told(client.get(f"/admin/campaigns/{campaign_id}/installs/?all=1").text) == {
        IN,
        ALSO_IN,
        OUT,
        UNKNOWN,
    }


def test_a_request_names_its_person_to_those_who_may_see_them(office, client):
    for name in (IN, OUT):
        office.ask(office.contact(name), RequestKind.EXPORT, WHOLE, asked_by=f"con gái của {name}")
    signed_in(client, WHOLE)
    assert told(client.get("/admin/requests/").text) == {IN, OUT}
    signed_in(client, LIMITED)
    page = client.get("/admin/requests/").text
    assert told(page) == {IN}
    assert "(ngoài phạm vi được giao)" in page


def test_who_has_an_area_alone_goes_on_with_what_they_recorded(office):
    office.ask(office.contact(ALSO_IN), RequestKind.EXPORT, BY_PLACE, asked_by="chính người đó")
    officer = office.do(add_officer, by=BY_PLACE, name="A Lâu", number=number(50), email="")
    segment = office.do(save_segment, "Cả huyện", {"lists": ["Phụ nữ"]}, by=BY_PLACE)
    text = office.do(save_text, by=BY_PLACE, title="Chào", text="Xin chào", text_id=None)
    user = office.user(BY_PLACE)
    assert [each.request.kind for each in office.read(read_requests, user=user)] == [RequestKind.EXPORT]
    assert [each.id for each in office.read(list_officers, user=user)] == [officer.id]
    assert [each.id for each in office.read(read_segments, user=user)] == [segment.id]
    assert office.read(may_change, text, user=user)


def test_a_campaign_of_a_user_with_an_area_is_for_the_people_of_that_area(office, client):
    least = {
        "name": "Bluezone",
        "text": TEXT,
        "lists": [LIST],
        "sender": "MTTQ",
        "window": ["00:00", "24:00"],
    }
    kinds = {"kinds": load_kinds()}
    campaign_id = office.do(create_campaign, read_draft(least, **kinds), by=LIMITED).id
    assert office.get_one(Campaign, campaign_id).areas == [DISTRICT]
    narrower = read_draft({**least, "areas": [COMMUNE]}, **kinds)
    assert office.do(edit_campaign, campaign_id, narrower, by=LIMITED).areas == [COMMUNE]
    beyond = read_draft({**least, "areas": [COMMUNE, "608"]}, **kinds)
    with refuses(BadCampaign, says="608 nằm ngoài phạm vi"):
        office.do(edit_campaign, campaign_id, beyond, by=LIMITED)
    office.act(campaign_id, CampaignAction.SUBMIT, LIMITED)
    office.act(campaign_id, CampaignAction.APPROVE, APPROVER)
    office.act(campaign_id, CampaignAction.LAUNCH, LIMITED)
    office.sweep()
    names = office.all(
        select(Contact.name)
        .join(Recipient, Recipient.contact_id == Contact.id)
        .where(Recipient.campaign_id == campaign_id, Recipient.exclusion.is_(None))
    )
    assert sorted(names) == [IN, ALSO_IN]
    signed_in(client, LIMITED)
    form = client.get("/admin/campaigns/new").text
    areas = form.split('id="areas"')[1].split("</details>\n  <div")[0]
    assert f'value="{DISTRICT}"' in areas
    assert f'value="{COMMUNE}"' in areas
    assert 'value="608"' not in areas
    assert f'value="{ELSEWHERE}"' not in areas
    assert "Chiến dịch chỉ gửi trong phạm vi được giao: Huyện Đắk Hà" in areas


def narrowed(office, email, role):
    """Somebody of the Front's committee for the district alone; their address."""
    office.officer(email, role, office.user(AUTHOR).organisation_id)
    office.execute(update(User).where(User.email == email).values(area_code=DISTRICT))
    return email


def test_a_campaign_to_people_elsewhere_is_not_approved_corrected_or_cancelled_by_who_has_an_area(
    office, client
):
    deputy = narrowed(office, "pho@loa.example", Role.APPROVER)
    draft = office.draft(name="Cả tỉnh")
    office.decide(draft, CampaignAction.SUBMIT)
    sent = office.sent(window=["00:00", "24:00"])
    text = {"since": None, "new_texts": {"question": "Ông/bà đã cài chưa?"}}
    for refused in (
        lambda: office.decide(draft, CampaignAction.APPROVE, deputy),
        lambda: office.decide(sent, CampaignAction.CANCEL, LIMITED),
        lambda: office.do(prepare_correcting_campaign, sent, step=1, variant="a", by=LIMITED),
        lambda: office.do(propose_correction, sent, **text, by=LIMITED),
        lambda: office.do(send_second_wave, sent, by=LIMITED),
    ):
        with refuses(NotAllowed, says="ngoài phạm vi"):
            refused()
    signed_in(client, deputy)
    assert 'value="approve"' not in client.get(f"/admin/campaigns/{draft}/").text
    assert office.decide(sent, CampaignAction.PAUSE, LIMITED) is CampaignState.PAUSED  # as a fault is seen
    # One whose people all live there is theirs, also where another officer of the committee wrote it.
    own = office.draft(name="Cả huyện", areas=[DISTRICT])
    office.decide(own, CampaignAction.SUBMIT)
    assert office.decide(own, CampaignAction.APPROVE, deputy) is CampaignState.APPROVED


def test_a_campaign_to_lists_of_others_is_not_cancelled_by_who_has_one_of_them(office):
    everywhere, women = office.officer("tinh@loa.example"), office.officer("phunu@loa.example")
    theirs = office.one(select(ContactList).where(ContactList.name == "Phụ nữ"))
    office.execute(update(User).where(User.email == women).values(organisation_id=theirs.organisation_id))
    draft = read_draft(
        {"name": "Hai danh sách", "text": TEXT, "lists": ["Phụ nữ", LIST], "sender": "MTTQ"},
        kinds=load_kinds(),
    )
    campaign = office.do(create_campaign, draft, by=everywhere)
    assert campaign.organisation_id == theirs.organisation_id
    with refuses(NotAllowed, says="ngoài phạm vi"):
        office.decide(campaign.id, CampaignAction.CANCEL, women)


def test_a_list_and_an_import_with_people_elsewhere_are_not_removed_by_who_has_an_area(office):
    uploads = []
    for column in (Membership.import_id, Membership.last_import_id):  # the second saw everybody again
        file = {"list_id": office.list_id, "file_name": "tinh.xlsx", "sha256": ""}
        brought = office.add(ListImport(imported_at=office.now, **file)).id
        is_member = Membership.list_id == office.list_id
        office.execute(update(Membership).where(is_member).values({column: brought}))
        done = {"state": UploadState.DONE, "import_id": brought, "uploaded_by": office.user(AUTHOR).id}
        uploads.append(office.add(Upload(size=1, uploaded_at=office.now, **file, **done)).id)
    for refused in (
        lambda: office.do(remove_list, office.list_id, by=LIMITED),
        lambda: office.do(record_basis, office.list_id, basis="none", since="", note="", by=LIMITED),
        *(lambda upload=each: office.do(undo_upload, upload, by=LIMITED) for each in uploads),
    ):
        with refuses(NotAllowed, says="ngoài phạm vi"):
            refused()
    local = office.add_list("Đắk Hà", office.contact(IN), office.contact(UNKNOWN))
    office.do(remove_list, local, by=LIMITED)
    office.do(undo_upload, uploads[0], by=WHOLE)
