"""The directory finds people by what an officer knows of them; a person's page tells all and shows no number unasked."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from campaigns.models.replies import Answer, AnswerPlace, AnswerSource, InstallReport, OfficerEntry
from campaigns.rules.links import LinkCipher
from outreach.accounts.users import find_user
from outreach.contacts import directory
from outreach.contacts.directory import ContactFilter, read_page
from outreach.contacts.suppressions import suppress
from outreach.imports.list_reader import check_list
from outreach.models.accounts import AuditEvent, AuditValues, Role
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    Membership,
    Phone,
    Suppression,
    SuppressionReason,
    Wish,
)
from outreach.rules.identity import name_key, name_order
from outreach.rules.wishes import WishSource
from tests.support.admin_client import post, signed_in
from tests.support.lists import import_rows
from tests.support.places import KONTUM_2020
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.wishes import opt_out
from tests.support.world import AUTHOR, number

NEIGHBOUR = "langben@loa.example"
NAMES = ("Nguyễn Văn An", "Trần Thị Anh", "Lê An", "An Văn Nguyễn", "Đỗ Thị Ngọc Hoa", "A Thun")


@pytest.fixture
def people(world):
    """Each name's contact; the n-th has the n-th sample number."""
    made = {}
    with world.runtime.db.write() as session:
        for index, name in enumerate(NAMES):
            person = Contact(name=name, name_key=name_key(name), created_at=world.now, updated_at=world.now)
            phone = Phone(e164=number(index), created_at=world.now)
            session.add_all([person, phone])
            session.flush()
            session.add(ContactPhone(contact_id=person.id, phone_id=phone.id, position=1))
            session.add(Membership(list_id=world.list_id, contact_id=person.id))
            made[name] = person.id
    return made


@pytest.fixture
def neighbour(world):
    """An officer of an organisation that has a list of its own, and no part in the other."""
    made = world.organisation(below=None)
    world.add_list("Hội viên", owner=made)
    return world.officer(NEIGHBOUR, Role.STAFF, made)


def found(world, email=AUTHOR, **wanted):
    with world.runtime.db.read() as session:
        page = read_page(session, find_user(session, email), ContactFilter(**wanted))
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
    key, stop = world.keys.secret_key, WishSource.SMS
    with world.runtime.db.write() as session:
        opt_out(world, session, number(0))
        opt_out(world, session, None, people["Lê An"], source=WishSource.REQUEST)
        opt_out(world, session, number(3), scope="channel:sms")
        back = opt_out(world, session, number(4))
        session.add(Wish(undoes_id=back.id, source=stop, said_at=world.now, learned_at=world.now))
        phone = session.scalars(select(Phone).where(Phone.e164 == number(5))).one()
        reason = SuppressionReason.WRONG_NUMBER
        suppress(session, phone, reason=reason, source="sms", secret_key=key, now=world.now)
    assert found(world, suppressed=True) == ["Lê An", "Nguyễn Văn An", "A Thun"]


def test_a_number_is_found_whole_only_by_who_may_see_it_and_that_is_on_record(client, world, people):
    auditor = "thanhtra@loa.example"
    world.officer(auditor, Role.AUDITOR)
    assert found(world, auditor, text="0900000002") == []
    assert found(world, auditor, text="002") == ["Lê An"]

    signed_in(client, auditor)
    refused = post(client, "/admin/people/", q="0900 000 002").text
    assert "không có quyền" in refused
    assert "hoặc đủ cả số" not in refused
    assert ">Lê An</a>" in client.get(post(client, "/admin/people/", q="002").location).text

    signed_in(client, AUTHOR)
    for text in ("0900 000 002", "0900000099", "le an", "002"):
        page = client.get(post(client, "/admin/people/", q=text).location).text
        assert "hoặc đủ cả số" in page
    events = world.all(
        select(AuditEvent).where(AuditEvent.action == "contact.search_number").order_by(AuditEvent.id)
    )
    assert [(event.actor_id, event.subject, event.details) for event in events] == [
        (world.user(AUTHOR).id, f"contacts:{people['Lê An']}", {"found": 1}),
        (world.user(AUTHOR).id, "contacts:all", {"found": 0}),
    ]


def test_somebody_else_s_place_is_no_place_to_go_on_from(world, people, neighbour):
    for wanted in ({}, {"list_id": world.list_id}, {"text": "0900000002"}):
        assert found(world, neighbour, **wanted) == []
    with world.runtime.db.write() as session:
        theirs = session.scalars(select(ContactList).where(ContactList.id != world.list_id)).one()
        for name in ("An Anh", "Lê Anh"):
            person = Contact(
                name=name,
                name_key=name_key(name),
                given_key=name_order(name),
                created_at=world.now,
                updated_at=world.now,
            )
            session.add(person)
            session.flush()
            session.add(Membership(list_id=theirs.id, contact_id=person.id))
    stranger = people["Lê An"]
    user = world.read(find_user, neighbour)
    for after in (f"g{stranger}", f"n{stranger}", "g999", "x1", "g²", "g"):
        page = world.read(read_page, user, ContactFilter(), after=after)
        assert ([line.name for line in page.lines], page.count) == (["An Anh", "Lê Anh"], 2), after
    page = world.read(read_page, user, ContactFilter(), after=f"g{person.id - 1}")
    assert ([line.name for line in page.lines], page.count) == (["Lê Anh"], None)


@both_databases
def test_pages_follow_each_other_without_a_gap_or_a_repetition(world, monkeypatch):
    monkeypatch.setattr("outreach.contacts.directory.ON_A_PAGE", 4)
    world.add_people(9)
    for name in ("Thun A", "Thun B", "A Thun"):
        world.add_person(name, number(20))
    with world.runtime.db.write() as session:
        for person in session.scalars(select(Contact)):
            person.name_key, person.given_key = name_key(person.name), name_order(person.name)

    def pages(text):
        after = ""
        while True:
            with world.runtime.db.read() as session:
                page = read_page(session, find_user(session, AUTHOR), ContactFilter(text=text), after=after)
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


def test_numbers_are_masked_until_asked_for_and_the_look_is_on_record(client, world, people):
    signed_in(client, AUTHOR)
    person = f"/admin/people/{people['Lê An']}/"
    for page in ("/admin/people/", person):
        text = client.get(page).text
        assert "0900•••002" in text
        assert "0900000002" not in text
        assert number(2) not in text
    phone_id = world.scalar(select(Phone.id).where(Phone.e164 == number(2)))
    assert "0900000002" in post(client, f"{person}number", phone=phone_id).text
    event = world.one(select(AuditEvent).where(AuditEvent.action == "contact.see_number"))
    assert event.subject == f"contacts:{people['Lê An']}"
    assert event.details == {"phone": phone_id}


def test_an_answer_at_the_door_counts_as_an_officers(client, world):
    campaign_id = world.launch(people=1)
    contact_id = world.recipient(number(0), campaign_id).contact_id
    signed_in(client, AUTHOR)
    said = {"campaign": campaign_id, "answer": "installed", "note": "máy của con"}
    refused = post(client, f"/admin/people/{contact_id}/answer", **said)
    assert refused.status_code == 422
    assert "Hãy chọn một mục ở ô “Nghe ở đâu”" in refused.text
    assert 'value="máy của con"' in refused.text
    page = post(client, f"/admin/people/{contact_id}/answer", **said, place="home")
    assert page.status_code == 303
    shown = client.get(page.location).text
    for text in ("Đã ghi câu trả lời", f"cán bộ ghi ({AUTHOR}, tại nhà)", "máy của con"):
        assert text in shown
    assert world.one(select(Answer)).source is AnswerSource.OFFICER
    assert world.one(select(InstallReport)).source is AnswerSource.OFFICER
    entry = world.one(select(OfficerEntry))
    assert (entry.place, entry.recorded_by) == (AnswerPlace.HOME, world.user(AUTHOR).id)
    assert world.get_one(Contact, contact_id).has_smartphone is True
    post(client, f"/admin/people/{contact_id}/answer", **{**said, "answer": "no_smartphone"}, place="meeting")
    assert world.get_one(Contact, contact_id).has_smartphone is False
    post(client, f"/admin/people/{contact_id}/answer", **said, place="phone")
    listed = client.get(f"/admin/people/?campaign={campaign_id}&answer=installed").text
    assert f"/admin/people/{contact_id}/" in listed
    assert (
        "Chưa ai trả lời như vậy" in client.get(f"/admin/people/?campaign={campaign_id}&answer=refuse").text
    )


def test_what_is_searched_for_stands_in_no_address(client, world, people):
    signed_in(client, AUTHOR)
    for text, name, other in (
        ("0900000002", "Lê An", "A Thun"),
        ("le an", "Lê An", "A Thun"),
        ("thun", "A Thun", "Lê An"),
    ):
        found = post(client, "/admin/people/", q=text, smartphone="unknown")
        assert found.status_code == 303
        assert text.replace(" ", "") not in re.sub(r"[+ ]|%20", "", found.location)
        assert "smartphone=unknown" in found.location
        page = client.get(found.location).text
        assert f">{name}</a>" in page
        assert f">{other}</a>" not in page
        assert f'value="{text}"' in page
        with client.session_transaction() as kept:  # the cookie is signed and can be read
            assert kept["searches"]
            assert text not in str(dict(kept))
    # Each tab goes on with its own search; one that is long gone asks again.
    assert ">A Thun</a>" in client.get(found.location).text
    assert "Hãy gõ lại" in client.get("/admin/people/?s=0123abcd").text


def test_an_answer_is_found_in_any_campaign_or_in_one(client, world):
    world.add_people(3)
    campaigns = [world.launch(), world.launch()]
    said = {}
    signed_in(client, AUTHOR)
    for index, (campaign_id, answer) in enumerate(zip(campaigns, ("installed", "refuse"), strict=True)):
        said[answer] = world.recipient(number(index), campaign_id).contact_id
        form = {"campaign": campaign_id, "answer": answer, "place": "home"}
        post(client, f"/admin/people/{said[answer]}/answer", **form)
    for query, expected in (
        ("answer=installed", {"installed"}),
        ("answer=refuse", {"refuse"}),
        (f"answer=refuse&campaign={campaigns[0]}", set()),
        (f"campaign={campaigns[1]}", {"refuse"}),
        ("answer=opt_out", set()),
    ):
        page = client.get(f"/admin/people/?{query}").text
        assert {answer for answer, person in said.items() if f"/admin/people/{person}/" in page} == expected


def test_the_text_that_was_sent_is_shown_without_the_secret_of_its_link(client, world):
    campaign_id = world.sent(people=1)
    recipient = world.recipient(number(0), campaign_id)
    token = LinkCipher(world.keys.secret_key).token(recipient.id)
    assert token in world.simulator.ledger()[0]["Body"]
    signed_in(client, AUTHOR)
    page = client.get(f"/admin/people/{recipient.contact_id}/").text
    assert token not in page
    assert "/••••••••" in page


def test_a_number_is_suppressed_and_lifted_with_a_reason_only(client, world, people):
    signed_in(client, AUTHOR)
    person = f"/admin/people/{people['Lê An']}/"
    phone_id = world.scalar(select(Phone.id).where(Phone.e164 == number(2)))
    form = {"phone": phone_id, "reason": "wrong_number"}
    post(client, f"{person}suppress", **form, note=" ")
    assert found(world, suppressed=True) == []
    post(client, f"{person}suppress", **form, note="ông báo nhầm số")
    assert found(world, suppressed=True) == ["Lê An"]
    assert "ông báo nhầm số" in client.get(person).text
    post(client, f"{person}lift", **form, note="ông gọi lại")
    assert found(world, suppressed=True) == []
    held = world.one(select(Suppression))
    assert held.note == "ông báo nhầm số\nông gọi lại"
    assert held.lifted_at is not None
    assert held.lifted_at <= datetime.now(UTC)


def test_a_corrected_name_is_found_by_the_new_one(client, world, people):
    signed_in(client, AUTHOR)
    said = {"name": " Lê  Ân Bình ", "village": "Thôn 2", "smartphone": "no", "language": "sed"}
    post(client, f"/admin/people/{people['Lê An']}/correct", **said)
    assert found(world, smartphone="no") == ["Lê Ân Bình"]
    assert found(world, text="binh") == ["Lê Ân Bình"]
    page = client.get(f"/admin/people/{people['Lê An']}/").text
    assert re.search(r"<dd>Thôn 2</dd>", page)
    assert "<dd>Xơ Đăng</dd>" in page
    values = world.one(select(AuditValues.changes))
    assert values["language"] == [None, "sed"]
    wrong = post(client, f"/admin/people/{people['Lê An']}/correct", name="Lê Ân Bình", language="xx")
    assert "Hãy chọn một mục ở ô “Ngôn ngữ”" in wrong.text


def test_year_and_sex_are_corrected_and_what_cannot_be_is_refused(client, world, people):
    signed_in(client, AUTHOR)
    path = f"/admin/people/{people['Lê An']}"
    post(client, f"{path}/correct", name="Lê An", birth_year="1961", sex="f")
    for year in ("1899", "2999", "61 tuổi"):
        answer = post(client, f"{path}/correct", name="Lê An", birth_year=year, sex="m")
        assert "Năm sinh phải từ 1900" in answer.text
    person = world.get_one(Contact, people["Lê An"])
    assert (person.birth_year, person.sex) == (1961, "f")
    (event,) = world.all(select(AuditEvent).where(AuditEvent.action == "contact.correct"))
    assert event.details == {"fields": ["birth_year", "sex"]}


def test_a_campaign_writes_to_the_number_that_was_added_once_the_other_is_wrong(client, world, people):
    signed_in(client, AUTHOR)
    person = people["Lê An"]
    path = f"/admin/people/{person}"
    for wrong in ("không có", "0260 3000123", "0905000777; 0905000778"):
        answer = post(client, f"{path}/add-number", number=wrong)
        assert "Số điện thoại chưa đúng" in answer.text
    post(client, f"{path}/add-number", number="0905.000.777")
    again = post(client, f"{path}/add-number", number="+84 905 000 777")
    assert "Người này đã có số đó" in again.text
    wrong_id, right_id = world.all(
        select(ContactPhone.phone_id).where(ContactPhone.contact_id == person).order_by(ContactPhone.position)
    )
    post(client, f"{path}/suppress", phone=wrong_id, reason="wrong_number", note="bà báo")
    campaign = world.launch()
    assert world.recipient("+84905000777", campaign).phone_id == right_id


def test_a_number_taken_off_a_person_is_history_and_no_old_list_brings_it_back(
    client, world, people, tmp_path
):
    signed_in(client, AUTHOR)
    person = people["Lê An"]
    path, wrong = f"/admin/people/{person}", number(NAMES.index("Lê An"))
    phone_id = world.one(select(ContactPhone.phone_id).where(ContactPhone.contact_id == person))
    without_note = post(client, f"{path}/remove-number", phone=phone_id)
    assert "Hãy ghi rõ căn cứ" in without_note.text
    bad = post(client, f"{path}/remove-number", phone=phone_id, note="gõ nhầm", number="không có")
    assert "Số điện thoại chưa đúng" in bad.text
    done = post(client, f"{path}/remove-number", phone=phone_id, note="gõ nhầm", number="0905000777")
    page = client.get(done.location).text
    assert "Đã thay số điện thoại" in page
    assert "Gỡ số" in page
    assert "gõ nhầm" in page
    list_file = tmp_path / "a.csv"
    list_file.write_text(
        f"Họ và tên,Năm sinh,SĐT\nLê An,1961,{wrong}\nA Khác,1970,{wrong}\n", encoding="utf-8"
    )
    with world.runtime.db.write() as session:
        _, counts = import_rows(
            session,
            check_list(list_file, KONTUM_2020),
            into=session.get_one(ContactList, world.list_id),
            file=list_file,
            known_areas=set(),
            secret_key=world.keys.secret_key,
            now=datetime.now(UTC),
        )
        assert (counts.created, counts.updated) == (1, 1)  # the year of birth alone
    theirs = world.all(select(Phone.e164).join(ContactPhone).where(ContactPhone.contact_id == person))
    assert theirs == ["+84905000777"]
    # Nobody else had it: what waits for it would reach a stranger.
    assert world.all(select(Suppression.reason)) == ["wrong_number"]


def test_whose_wish_to_be_left_alone_it_was_is_said_with_the_number_that_goes(client, world):
    signed_in(client, AUTHOR)
    for first, who in ((801, "person"), (811, "other")):
        person = world.add_person("Y Hlan", number(first), number(first + 1))
        path = f"/admin/people/{person}"
        assert "Ai đã từ chối nhận tin" not in client.get(f"{path}/").text
        phone_id = world.one(select(Phone.id).where(Phone.e164 == number(first)))
        post(client, f"{path}/suppress", phone=phone_id, reason="opt_out", note="bà xin thôi")
        page = client.get(f"{path}/").text
        assert "không gửi tin: người này đã từ chối" in page
        assert 'value="person" checked' in page
        post(client, f"{path}/remove-number", phone=phone_id, note="đổi số", who=who)
        page = client.get(f"{path}/").text
        assert ("không gửi tin" in page) is (who == "person")
        assert ('<span class="tag good">nhận tin' in page) is (who == "other")


def test_a_number_that_others_share_goes_on_being_written_to_when_one_of_them_gives_it_up(
    client, world, people
):
    signed_in(client, AUTHOR)
    one, other = people["Lê An"], people["A Thun"]
    with world.runtime.db.write() as session:
        phone_id = session.scalars(select(ContactPhone.phone_id).where(ContactPhone.contact_id == one)).one()
        session.add(ContactPhone(contact_id=other, phone_id=phone_id, position=2))
    post(client, f"/admin/people/{one}/remove-number", phone=phone_id, note="số của anh trai")
    owners = world.all(select(ContactPhone.contact_id).where(ContactPhone.phone_id == phone_id))
    assert owners == [other]
    assert world.all(select(Suppression).order_by(Suppression.id)) == []


def test_a_list_is_made_once(client, world):
    signed_in(client, AUTHOR)
    user = world.user(AUTHOR)
    made = post(client, "/admin/lists/", name="Hội viên mới", organisation=user.organisation_id)
    assert made.status_code == 303
    again = post(client, "/admin/lists/", name="Hội viên mới", organisation=user.organisation_id)
    assert again.status_code == 422
    assert "đã có danh sách" in again.text
