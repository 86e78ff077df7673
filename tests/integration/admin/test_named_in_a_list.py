"""Naming a person whom another organisation recorded opens nothing of what that organisation knows.

On what basis a list is written to: given with the list or later, shown wherever it counts, and counted.
"""

import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from campaigns.analytics.open_tasks import export_event
from campaigns.cases.case_list import CaseFilter, read_case_list
from campaigns.cases.conversation import record_answer
from campaigns.cases.handle_case import number_to_call, unassign_case
from campaigns.cases.merge_people import merge_people, unmerge_people
from campaigns.cases.rescue import hand_over_case
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import AnswerPlace
from campaigns.models.webhooks import Delivery, Subscription
from campaigns.privacy.export_data import find_recorded_contact as of_exports
from campaigns.privacy.requests import record_request
from campaigns.replies.gateway_inbox import hand_in_reply
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.visits import VisitOutcome
from campaigns.rules.webhooks import EventKind
from campaigns.visits.results import enter_results, read_houses
from campaigns.visits.sheets import assign_sheet, create_sheet, read_lines
from campaigns.webhooks.collect_events import collect_events
from campaigns.webhooks.deliver_events import subscribe
from outreach.accounts.api_tokens import Bearer
from outreach.accounts.village_officers import add_officer
from outreach.contacts.contact import (
    Closing,
    correct_contact,
    find_contact,
    lift_suppression,
    read_contact,
    reveal_number,
    suppress_number,
)
from outreach.contacts.directory import ContactFilter, read_page
from outreach.contacts.lists import create_list, record_basis
from outreach.contacts.phones import add_number, remove_number
from outreach.contacts.wishes import is_left_alone, people_left_alone
from outreach.core.schema import downgrade, upgrade
from outreach.core.sentences import word_error
from outreach.imports.change_list import merge_list, remove_list
from outreach.imports.issues import export_issues, read_open_issues
from outreach.imports.list_reader import check_list
from outreach.imports.store_rows import find_or_create_list
from outreach.imports.uploads import preview_for, undo_import
from outreach.models.accounts import Area, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportIssue,
    LegalBasis,
    ListImport,
    Membership,
    Phone,
    Upload,
    WishNumber,
    WishPerson,
)
from outreach.rules.errors import BadInput, LoaError, NotAllowed, NotFound
from outreach.rules.gateway import VIETNAM
from outreach.rules.identity import mask_number
from tests.support.admin_client import post, shows, signed_in, token
from tests.support.lists import GAZETTEER, import_rows, local
from tests.support.servers import on_sqlite
from tests.support.uploads import PLAIN, hand_in, work_on
from tests.support.world import AUTHOR, LIST, TEXT, number

database_url = on_sqlite

HEADER = "Họ và tên,Năm sinh,Thôn,Xã/phường,SĐT,Điện thoại thông minh"
NOSY, THEIR_APPROVER, PROVINCE = "pn@loa.example", "pn-duyet@loa.example", "tinh@loa.example"
OPT_OUT = Closing.OPT_OUT


def bring(world, folder, code, list_name, *rows, header=HEADER):
    """Import rows into a list of an organisation; the import's id."""
    file = folder / f"{code}-{list_name}.csv"
    file.write_text("\n".join([header, *rows]), encoding="utf-8")
    into = world.do(find_or_create_list, organisation_id=world.organisation_id(code), name=list_name)
    of = {"into": into, "file": file, "known_areas": set(world.all(select(Area.code)))}
    return world.do(import_rows, check_list(file, GAZETTEER), **of)[0].id


@pytest.fixture
def person(world, tmp_path):
    """A person of the farmers' union with two numbers, one opted out, whom the women's union then names; the id."""
    world.add_areas({"615": "Đắk Hà", "608": "Kon Tum"}, {"23500": "615", "23281": "608"})
    for code in ("ND", "PN"):
        women = world.organisation(code, f"Hội {code}", below=None)
    world.officer(NOSY, Role.STAFF, women)
    world.officer(THEIR_APPROVER, Role.APPROVER, women)
    world.officer(PROVINCE, Role.APPROVER)
    bring(world, tmp_path, "ND", "Nông dân", f"A Thun,1961,Làng Kà,,{local(1)}; {local(2)},có")
    contact_id = world.one(select(Contact.id))
    world.change(Contact, contact_id, area_code="23500")
    world.do(
        suppress_number, contact_id, phone_id(world, 2), reason=OPT_OUT, note="gọi điện xin thôi", by=PROVINCE
    )
    # Twice, as the second list of an organisation must not open what the first did not.
    for name in ("Tên lạ", "Tên lạ 2"):
        bring(world, tmp_path, "PN", name, f"A Thun,,,,{local(1)},")
    return contact_id


def phone_id(world, index):
    return world.phone(number(index))


def test_the_page_and_the_directory_show_what_the_file_itself_brought(client, world, person):
    secrets = ("1961", "Làng Kà", "Xã 23500", mask_number(number(2)), "gọi điện xin thôi", "phiếu ký số 7")
    pages = [f"/admin/people/{person}/", "/admin/people/"]
    signed_in(client, PROVINCE)
    post(client, f"/admin/requests/of/{person}/consent", given="yes", evidence="phiếu ký số 7")
    signed_in(client, NOSY)
    for page in pages:
        shown = shows(client.get(page), "A Thun", mask_number(number(1)))
        assert not [secret for secret in secrets if secret in shown.split("</form>")[-1]]
    assert "do tổ chức khác ghi nhận" in client.get(pages[0]).text
    line = client.get(pages[0]).text.split('<ol class="timeline">')[1]
    assert line.split("</ol>")[0].count("<li>") == 2, "their own two imports alone"
    signed_in(client, PROVINCE)
    shown = client.get(pages[0]).text
    assert all(secret in shown for secret in secrets)


def test_that_somebody_is_left_alone_is_shown_and_not_how_or_to_whom_they_said_so(client, world, person):
    signed_in(client, PROVINCE)
    post(client, f"/admin/requests/of/{person}", kind="object", asked_by="chính ông")
    signed_in(client, NOSY)
    shown = shows(client.get(f"/admin/people/{person}/"), "không gửi tin", but=(PROVINCE, "cán bộ ghi"))
    for owner, source in (("PN", [""]), ("ND", ["officer", "request"])):
        of = world.organisation_id(owner)
        _row, token = world.token(
            world.officer(f"{owner}-qt@loa.example", Role.ADMINISTRATOR), organisation_id=of
        )
        told = client.get("/api/v1/opt-outs", headers={"Authorization": f"Bearer {token}"}).json["opt_outs"]
        assert sorted({each["source"] for each in told}) == source
    assert "yêu cầu về dữ liệu cá nhân" not in shown


def test_a_filter_or_a_search_does_not_tell_either(world, person):
    nosy, province = world.user(NOSY), world.user(PROVINCE)
    for asked in (
        ContactFilter(smartphone="yes"),
        ContactFilter(suppressed=True),
        ContactFilter(area_code="615"),
        ContactFilter(text=number(2)[-3:]),
    ):
        assert [line.id for line in world.read(read_page, province, asked).lines] == [person]
        assert world.read(read_page, nosy, asked).lines == []
    assert [line.id for line in world.read(read_page, nosy, ContactFilter(text="thun")).lines] == [person]


def test_a_sheet_that_the_province_makes_of_their_list_does_not_tell_either(world, person):
    world.execute(delete(WishNumber))
    world.execute(delete(WishPerson))
    list_id = world.one(select(ContactList.id).where(ContactList.name == "Tên lạ"))
    whom = {"list_id": list_id, "area_code": None, "village": None, "officer": "", "again": False}
    sheet = world.do(create_sheet, world.sent(lists=["Tên lạ"]), **whom, by=PROVINCE)
    assert [line.birth_year for line in world.read(read_lines, sheet.id, user=world.user(PROVINCE))] == [1961]
    assert world.read(read_lines, sheet.id, user=world.user(NOSY)) == []


def test_whoever_only_names_a_person_changes_nothing_and_lifts_no_opt_out(world, person):
    lift = {"reason": OPT_OUT, "note": "ông muốn nhận tin lại"}
    profile = {
        "name": "A Thun", "birth_year": "", "sex": "", "village": "", "area_code": "", "has_smartphone": None,
    }  # fmt: skip
    known, hidden = phone_id(world, 1), phone_id(world, 2)

    def attempt(use_case, *arguments, by, **values):
        try:
            use_case(world.runtime, person, *arguments, user=world.user(by), now=world.now, **values)
        except LoaError as error:
            return word_error(error) and type(error).__name__
        return "done"

    for by in (NOSY, THEIR_APPROVER):
        assert attempt(reveal_number, hidden, by=by) == "NotFound"
        assert attempt(correct_contact, by=by, **profile) == "NotAllowed"
        assert attempt(add_number, local(3), by=by) == "NotAllowed"
        assert attempt(remove_number, known, by=by, note="x") == "NotAllowed"
        assert attempt(lift_suppression, hidden, by=by, **lift) == "NotAllowed"
        assert attempt(reveal_number, known, by=by) == "done"
    with pytest.raises(NotAllowed):
        world.read(of_exports, person, user=world.user(THEIR_APPROVER))
    assert world.read(find_contact, person, user=world.user(NOSY)).birth_year == 1961
    assert attempt(lift_suppression, hidden, by=PROVINCE, reason=OPT_OUT, note=" ") == "BadInput"
    assert attempt(lift_suppression, hidden, by=PROVINCE, **lift) == "done"


@pytest.mark.parametrize("withdrawn", ["a consent", "a request"])
def test_who_only_names_a_person_takes_no_withdrawal_back(world, person, withdrawn):
    if withdrawn == "a consent":
        world.consent(person, is_given=False, by=PROVINCE)
    else:
        asked = {"asked_by": "chính ông", "asked_on": None}
        world.do(record_request, person, RequestKind.WITHDRAW, **asked, by=PROVINCE)
    with pytest.raises(NotAllowed):
        world.consent(person, by=NOSY)
    assert world.read(people_left_alone, [person]) == {person}
    world.consent(person, by=PROVINCE)  # whose own people they are


@pytest.mark.parametrize("is_before", [True, False])
def test_a_number_that_others_hand_in_with_a_persons_takes_no_opt_out_of_theirs_back(
    world, person, tmp_path, is_before
):
    def stop():
        assert world.reply(number(1), "TC", gateway_id="stop", now=world.now)

    if is_before:
        stop()
    bring(world, tmp_path, "PN", "Tên lạ 3", f"A Thun,,,,{local(1)}; {local(9)},")
    if not is_before:
        stop()
    asked = world.reply(number(9), "DK", gateway_id="asked", now=world.now + timedelta(minutes=1))
    assert asked
    assert world.read(is_left_alone, phone_id(world, 1))
    assert world.cases()[-1].reply_id == asked.id  # an officer looks
    world.reply(number(1), "DK", gateway_id="own", now=world.now + timedelta(minutes=2))
    assert not world.read(is_left_alone, phone_id(world, 1))


@pytest.mark.parametrize("way", ["SMS", "personal link"])
@pytest.mark.parametrize("is_undone", [False, True])
def test_a_number_that_others_hand_in_with_a_persons_silences_nobody_else(
    world, person, tmp_path, way, is_undone
):
    people = [f"Y Lan {n},19{n},Làng Kà,,{local(n)},có" for n in (70, 71)]
    named = [f"Y Lan {n},,,,{local(9)}; {local(n)}," for n in (70, 71)]
    bring(world, tmp_path, "ND", "Nông dân", *people)
    brought = bring(world, tmp_path, "PN", "Tên lạ", *named)
    lan = world.all(select(Contact.id).where(Contact.name.like("Y Lan%")).order_by(Contact.id))
    if way == "SMS":
        world.reply(number(9), "TC", gateway_id="stop", now=world.now)
    else:  # of a message that went to the number, as the person's own is known as wrong
        wrong = {"reason": Closing.WRONG_NUMBER, "note": "sai số", "by": PROVINCE}
        world.do(suppress_number, lan[0], phone_id(world, 70), **wrong)
        world.sent(lists=["Tên lạ"])
        sent_to = select(Recipient.id).where(Recipient.phone_id == phone_id(world, 9))
        world.do(record_page_answer, world.one(sent_to), "opt_out")
        lift = {"reason": Closing.WRONG_NUMBER, "note": "đúng số", "by": PROVINCE}
        world.do(lift_suppression, lan[0], phone_id(world, 70), **lift)
    if is_undone:
        undo_import(world.runtime, brought)
    assert world.read(is_left_alone, phone_id(world, 9))
    assert world.read(people_left_alone, lan) == set()
    shown, _phones = world.read(read_contact, lan[0], user=world.user(PROVINCE))
    assert not shown.is_left_alone
    theirs = world.launch(name="Của Hội Nông dân", lists=["Nông dân"])
    written_to = select(Recipient.phone_id).where(
        Recipient.campaign_id == theirs, Recipient.exclusion.is_(None)
    )
    assert {phone_id(world, 70), phone_id(world, 71)} <= {*world.all(written_to)}


@pytest.mark.parametrize("reason", [Closing.WRONG_NUMBER, Closing.DO_NOT_CALL])
def test_who_only_names_a_person_turns_no_messages_to_a_number_that_they_hand_in(
    world, person, tmp_path, reason
):
    bring(world, tmp_path, "ND", "Nông dân", f"Y Lan,1970,Làng Kà,,{local(3)},có")
    bring(world, tmp_path, "PN", "Tên lạ", f"Y Lan,,,,{local(3)}; {local(9)},")
    lan = world.one(select(ContactPhone.contact_id).where(ContactPhone.phone_id == phone_id(world, 3)))
    with pytest.raises(NotAllowed):
        world.do(suppress_number, lan, phone_id(world, 3), reason=reason, note="sai số", by=NOSY)
    theirs = world.sent(lists=["Tên lạ"])
    world.change(Campaign, theirs, organisation_id=world.user(NOSY).organisation_id)
    told = {"place": AnswerPlace.PHONE, "note": "", "by": NOSY}
    with pytest.raises(NotAllowed):
        world.do(record_answer, lan, theirs, "wrong_number", **told)
    # Nor does another system of theirs.
    system, owner = world.officer("quantri@loa.example", Role.ADMINISTRATOR), world.user(NOSY).organisation_id
    made, _text = world.token(system, organisation_id=owner)
    said = {"reference": "1", "person": "", "phone": number(3), "text": "nhầm số rồi", "is_opt_out": False}
    bearer = Bearer(made.id, owner, frozenset(made.rights), made.made_by, False)
    with pytest.raises(NotAllowed):
        world.do(hand_in_reply, **said, at=world.now, bearer=bearer)
    assert world.do(record_answer, lan, theirs, "not_yet", **told)
    reached = select(Phone.e164).join(Recipient, Recipient.phone_id == Phone.id)
    reached = reached.where(Recipient.campaign_id == world.sent(lists=["Nông dân"]))
    assert world.one(reached.where(Recipient.contact_id == lan)) == number(3)
    world.do(suppress_number, lan, phone_id(world, 3), reason=Closing.OPT_OUT, note="xin thôi", by=NOSY)


def test_a_system_hears_of_nobody_who_is_not_left_alone_by_a_number_that_others_hand_in(world, two_named):
    boss = world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    for code in ("ND", "PN"):
        of = {"organisation_id": world.organisation_id(code), "kinds": [EventKind.OPT_OUT], "by": boss}
        world.do(subscribe, name=code, url="https://kho.example/", is_production=False, **of)
    world.reply(number(9), "TC", gateway_id="stop", now=world.now)
    assert world.read(people_left_alone, two_named) == set()
    collect_events(world.runtime.db, now=datetime.now(UTC))
    told = select(Subscription.name, Delivery.data).join(Subscription)
    lan, _hoa = two_named
    assert [(name, data["people"]) for name, data in world.rows(told)] == [("PN", [lan])]


@pytest.fixture
def two_named(world, person, tmp_path):
    """Y Lan with a number of the farmers' union and Y Hoa without, for both of whom the women's union hands in one; ids."""
    bring(world, tmp_path, "ND", "Nông dân", f"Y Lan,1970,Làng Kà,,{local(3)},có", "Y Hoa,1980,Làng Kà,,,")
    rows = f"Y Lan,1970,Làng Kà,,{local(9)}; {local(3)},", f"Y Hoa,1980,Làng Kà,,{local(8)},"
    bring(world, tmp_path, "PN", "Tên lạ", *rows)
    two = world.all(select(Contact.id).where(Contact.name.in_(("Y Lan", "Y Hoa"))).order_by(Contact.id))
    assert len(two) == 2
    return two


def reached(world, people, *lists):
    """The numbers on which a new campaign to these lists reaches people."""
    campaign = world.launch(lists=[*lists])
    of = (Recipient.campaign_id == campaign, Recipient.exclusion.is_(None))
    query = select(Recipient.contact_id, Phone.e164).join(Phone, Phone.id == Recipient.phone_id)
    found = dict(world.rows(query.where(*of)))
    return [found.get(each) for each in people]


def test_a_number_that_others_hand_in_for_a_person_gets_messages_of_campaigns_to_their_lists_alone(
    world, two_named, tmp_path
):
    lan, _hoa = two_named
    world.do(suppress_number, lan, phone_id(world, 3), reason=Closing.WRONG_NUMBER, note="sai", by=PROVINCE)
    assert reached(world, two_named, "Nông dân") == [None, None]
    assert reached(world, two_named, "Tên lạ") == [number(9), number(8)]
    assert reached(world, two_named, "Tên lạ", "Nông dân") == [number(9), number(8)]
    said = bring(world, tmp_path, "ND", "Nông dân", f"Y Lan,1970,Làng Kà,,{local(3)}; {local(9)},")
    assert reached(world, two_named, "Nông dân") == [number(9), None]
    undo_import(world.runtime, said)
    assert reached(world, two_named, "Nông dân") == [None, None]
    for contact_id, index in zip(two_named, (9, 8), strict=True):  # an officer knows that it is theirs
        world.do(add_number, contact_id, number(index), by=PROVINCE)
        with pytest.raises(BadInput):
            world.do(add_number, contact_id, number(index), by=PROVINCE)
    assert reached(world, two_named, "Nông dân") == [number(9), number(8)]


@pytest.fixture
def unnumbered(world, person, tmp_path):
    """Y Lan, whom a new list of the farmers' union recorded, and an older one of the women's union names without a number; the id."""
    bring(world, tmp_path, "ND", "Mới", f"Y Lan,1970,Làng Kà,,{local(3)},có")
    bring(world, tmp_path, "PN", "Tên lạ", "Y Lan,1970,Làng Kà,,,")
    return world.contact("Y Lan")


@pytest.mark.parametrize("without_basis", ["", "Mới"])
def test_what_a_person_writes_goes_to_who_recorded_them_and_not_to_who_names_them_in_an_older_list(
    world, unnumbered, without_basis
):
    farmers = world.organisation_id("ND")
    farmer = world.officer("nd@loa.example", Role.STAFF, farmers)
    for list_id in world.all(select(ContactList.id).where(ContactList.name == without_basis)):
        world.change(ContactList, list_id, basis=LegalBasis.NONE)
    world.sent(lists=["Tên lạ", "Mới"])
    world.reply(number(3), "May cuoc goi la, toi khong hieu gi ca", gateway_id="SM1")

    def readers():
        seen = {
            who: world.read(read_case_list, world.user(who), CaseFilter(), now=world.now).lines
            for who in (farmer, NOSY)
        }
        return [who for who, lines in seen.items() if any(line.person == "Y Lan" for line in lines)]

    assert readers() == [farmer]


def test_who_records_people_before_others_bring_their_numbers_reads_none_of_these(world, person, tmp_path):
    bring(world, tmp_path, "PN", "Tên lạ", "Y Hlan,1971,Làng Kà,,,")
    bring(world, tmp_path, "ND", "Mới", f"Y Hlan,1971,Làng Kà,,{local(4)},có")
    hlan = world.contact("Y Hlan")
    with pytest.raises(NotAllowed):
        world.do(reveal_number, hlan, phone_id(world, 4), by=NOSY)
    campaign = world.sent(lists=["Tên lạ", "Mới"])
    list_id = world.one(select(ContactList.id).where(ContactList.name == "Tên lạ"))
    whom = {"list_id": list_id, "area_code": None, "village": None, "officer": "", "again": False}
    sheet = world.do(create_sheet, campaign, **whom, by=NOSY)
    for who, shown in ((NOSY, ""), (PROVINCE, number(4))):
        lines = world.read(read_lines, sheet.id, user=world.user(who), with_numbers=True)
        assert [line.phone for line in lines if line.name == "Y Hlan"] == [shown]
    officer = world.do(add_officer, name="A Lăng", number=local(900), email="", by=NOSY)
    world.do(assign_sheet, sheet.id, officer_id=officer.id, day=None, target=10, by=NOSY)
    (n,) = (line.n for line in lines if line.name == "Y Hlan")
    world.do(enter_results, sheet.id, {n: VisitOutcome.ABSENT}, by=NOSY)
    (at_home,) = world.read(read_houses, officer, now=world.now).people
    assert (at_home.name, at_home.phone) == ("Y Hlan", "")
    farmers = world.organisation_id("ND")
    for who in (PROVINCE, world.officer("nd@loa.example", Role.STAFF, farmers)):
        assert world.do(reveal_number, hlan, phone_id(world, 4), by=who) == number(4)
    bring(world, tmp_path, "PN", "Tên lạ", f"Y Hlan,1971,Làng Kà,,{local(4)},")
    assert world.do(reveal_number, hlan, phone_id(world, 4), by=NOSY) == number(4), (
        "their own list has it now"
    )


def test_a_persons_text_has_what_the_list_that_recorded_them_says_and_not_a_later_one_that_names_them(
    world, unnumbered, tmp_path
):
    fields = {"header": f"{HEADER},{{giờ hẹn}}"}
    bring(world, tmp_path, "ND", "Mới", f"Y Lan,1970,Làng Kà,,{local(3)},có,8h", **fields)
    text = {"text": "Moi den luc {giờ hẹn}: {link}", "fields": {"giờ hẹn": "gio hanh chinh"}}
    world.launch(lists=["Tên lạ", "Mới"], **text)
    bring(world, tmp_path, "PN", "Tên lạ", "Y Lan,1970,Làng Kà,,,,21h", **fields)
    world.send()
    (body,) = (line["Body"] for line in world.simulator.ledger() if line["To"] == number(3))
    assert "den luc 8h:" in body


def test_recording_that_somebody_asks_for_help_shows_no_number_that_ones_lists_do_not_have(
    client, world, unnumbered
):
    world.change(Contact, unnumbered, village="Làng Mới")
    women = world.organisation_id("PN")
    campaign = world.sent(lists=["Tên lạ"])
    world.change(Campaign, campaign, organisation_id=women)
    said = {"place": AnswerPlace.PHONE, "note": "", "by": NOSY}
    assert world.do(record_answer, unnumbered, campaign, "need_help", **said)
    (case,) = world.cases()
    world.change(Campaign, campaign, urgent_reason="bão")

    def exported():
        return [
            cry.number for cry in world.do(export_event, campaign, reason="giao ban phòng bão", by=NOSY)[1]
        ]

    assert exported() == [""]
    with pytest.raises(NotFound):
        world.do(number_to_call, case.id, by=NOSY)
    team = {"officer_id": None, "team": "Xuồng", "number": number(70), "settings": world.runtime.settings}

    def told(by):
        """The message to a team, its page, and the office's two pages of the case."""
        world.do(hand_over_case, case.id, **team, by=by)
        sms = world.all(select(Message.text).where(Message.text.like("%can cuu%")).order_by(Message.id))[-1]
        signed_in(client, by)
        pages = (sms[sms.index("/team/") :], f"/admin/rescue/?event={campaign}", f"/admin/inbox/{case.id}/")
        shown = [sms, *(client.get(page).text for page in pages)]
        world.do(unassign_case, case.id, by=by)
        return shown

    texts = told(NOSY)
    for hidden in (number(3), local(3), "Làng Mới", "Lang Moi"):
        assert not [text for text in texts if hidden in text]
    sms, page, *_office = told(PROVINCE)
    assert all(shown in sms for shown in (number(3), "Lang Moi"))
    assert all(shown in page for shown in (number(3), "Làng Mới"))
    world.press(campaign, "need_help", index=3)
    assert world.do(number_to_call, case.id, by=NOSY) == number(3), "who presses themselves is called"
    assert exported() == [number(3)]


@pytest.fixture
def recorded(world, person, tmp_path):
    """Y Bích, whom the women's union recorded with a phone of its own first; the farmers' list then states one; the id."""
    bring(world, tmp_path, "PN", "Tên lạ", f"Y Bích,1975,Làng Kà,,{local(9)}; {local(6)},")
    bring(world, tmp_path, "ND", "Nông dân", f"Y Bích,1975,Làng Kà,,{local(6)},có")
    return world.contact("Y Bích")


def test_campaigns_write_on_the_numbers_that_their_own_lists_state(world, recorded, tmp_path):
    assert reached(world, [recorded], "Nông dân") == [number(6)]
    assert reached(world, [recorded], "Tên lạ") == [number(9)]
    assert reached(world, [recorded], "Tên lạ", "Nông dân") == [number(9)]
    stop = {"reason": Closing.OPT_OUT, "note": "xin thôi", "by": PROVINCE}
    wrong = {"reason": Closing.WRONG_NUMBER, "note": "sai số", "by": PROVINCE}
    world.do(suppress_number, recorded, phone_id(world, 6), **wrong)
    assert reached(world, [recorded], "Nông dân") == [None], "a stranger's phone is no substitute"
    bring(world, tmp_path, "ND", "Không số", "Y Bích,1975,Làng Kà,,,có")
    assert reached(world, [recorded], "Không số") == [None]
    list_id = world.one(select(ContactList.id).where(ContactList.name == "Nông dân"))
    whom = {"list_id": list_id, "area_code": None, "village": None, "officer": "", "again": False}
    sheet = world.do(create_sheet, world.sent(lists=["Nông dân"]), **whom, by=PROVINCE)
    lines = world.read(read_lines, sheet.id, user=world.user(PROVINCE), with_numbers=True)
    assert [line.phone for line in lines if line.name == "Y Bích"] == [""]
    world.do(add_number, recorded, local(5), by=PROVINCE)
    bring(world, tmp_path, "ND", "Nông dân", f"Y Bích,1975,Làng Kà,,{local(6)}; {local(7)},có")
    assert reached(world, [recorded], "Nông dân") == [number(5)]
    world.do(suppress_number, recorded, phone_id(world, 5), **stop)
    assert reached(world, [recorded], "Nông dân") == [None]


def test_a_number_that_the_recording_organisation_adds_is_not_used_by_others_whose_lists_state_a_number(
    world, recorded, tmp_path
):
    world.do(remove_number, recorded, phone_id(world, 6), note="sai", right_number=local(5), by=NOSY)
    assert reached(world, [recorded], "Nông dân") == [None]
    assert reached(world, [recorded], "Tên lạ") == [number(9)]
    world.organisation("CCB", "Hội Cựu chiến binh", below=None)
    bring(world, tmp_path, "CCB", "Cựu chiến binh", "Y Bích,1975,Làng Kà,,,")
    of_list = select(ContactList.id).where(ContactList.name == "Cựu chiến binh")
    known = world.one(select(Membership.stated).where(Membership.list_id.in_(of_list)))
    assert known["phones"] == []
    assert reached(world, [recorded], "Cựu chiến binh") == [number(9)], "the only numbers that are known"


def test_nobody_removes_a_number_that_they_may_not_read(world, two_named):
    lan, _hoa = two_named
    farmers = world.organisation_id("ND")
    theirs = world.officer("nd@loa.example", Role.STAFF, farmers)
    with pytest.raises(NotAllowed):
        world.do(remove_number, lan, phone_id(world, 9), note="sai số", by=theirs)
    world.do(remove_number, lan, phone_id(world, 3), note="sai số", by=theirs)
    assert reached(world, two_named, "Tên lạ") == [number(9), number(8)]


def test_a_number_that_two_others_hand_in_is_still_no_number_of_whose_people_they_are(
    world, two_named, tmp_path
):
    world.organisation("CCB", "Hội Cựu chiến binh", below=None)
    bring(world, tmp_path, "CCB", "Cựu chiến binh", f"Y Hoa,1980,Làng Kà,,{local(8)},")
    assert reached(world, two_named, "Nông dân") == [number(3), None]
    assert reached(world, two_named, "Cựu chiến binh") == [None, number(8)]


def test_a_number_that_others_hand_in_stays_one_when_its_person_is_merged_and_taken_apart_again(
    world, two_named, tmp_path
):
    _lan, hoa = two_named
    bring(world, tmp_path, "ND", "Nông dân", f"Y Hoa Kđăm,1980,Làng Kà,,{local(5)},có")
    kept = world.contact("Y Hoa Kđăm")
    merge = world.do(merge_people, kept, hoa, by=PROVINCE)
    world.do(suppress_number, kept, phone_id(world, 5), reason=Closing.WRONG_NUMBER, note="sai", by=PROVINCE)
    assert reached(world, [kept], "Nông dân") == [None]
    assert reached(world, [kept], "Tên lạ") == [number(8)]
    again = world.do(unmerge_people, merge.id, by=PROVINCE)
    assert reached(world, [again], "Nông dân") == [None]
    assert reached(world, [again], "Tên lạ") == [number(8)]


def test_numbers_that_others_handed_in_before_an_upgrade_are_known_as_such_after_it(world, two_named):
    named = select(ContactPhone.contact_id, ContactPhone.phone_id).where(ContactPhone.is_named)
    before = world.rows(named)
    assert before
    downgrade(world.runtime.db, "0224_what_belongs_to_whom")
    upgrade(world.runtime.db)
    assert world.rows(named) == before


def test_staff_lift_no_opt_out_of_their_own_people(client, world, person):
    farmers = world.organisation_id("ND")
    world.officer("nd@loa.example", Role.STAFF, farmers)
    signed_in(client, "nd@loa.example")
    page = f"/admin/people/{person}/"
    assert f'action="{page}lift"' not in client.get(page).text
    answer = post(client, f"{page}lift", phone=phone_id(world, 2), reason="opt_out", note="x")
    assert answer.status_code in (403, 422)
    signed_in(client, PROVINCE)
    assert f'action="{page}lift"' in client.get(page).text


def test_what_a_later_file_states_is_added_and_the_next_of_the_organisation_too(world, person, tmp_path):
    bring(world, tmp_path, "PN", "Tên lạ", f"A Thun,,Thôn 9,,{local(1)}; {local(4)},")
    [line] = world.read(read_page, world.user(NOSY), ContactFilter()).lines
    assert (line.village, line.birth_year, len(line.phones)) == ("Thôn 9", None, 2)
    phones = world.all(select(ContactPhone.phone_id))
    assert len(phones) == 3


FACTS = ("birth_year", "village", "area_code", "has_smartphone")


def facts_of(world, name):
    return tuple(world.one(select(getattr(Contact, fact)).where(Contact.name == name)) for fact in FACTS)


@pytest.fixture
def unknown(world, person, tmp_path):
    """Y Ngân, of whom the farmers' union knows a number alone; the women's union then states more; that import's id."""
    bring(world, tmp_path, "ND", "Nông dân", f"Y Ngân,,,,{local(12)},")
    return bring(world, tmp_path, "PN", "Tên lạ", f"Y Ngân,1950,Thôn 9,Phường Quang Trung,{local(12)},không")


THEIRS, OWN = (1950, "Thôn 9", "23281", False), (1971, "Làng Kà", "23500", True)


@pytest.mark.parametrize("first", ["the farmers'", "the women's"])
def test_what_a_list_that_only_names_a_person_said_gives_way_to_the_recording_organisation(
    world, unknown, tmp_path, first
):
    assert facts_of(world, "Y Ngân") == THEIRS
    said = bring(world, tmp_path, "ND", "Nông dân", f"Y Ngân,1971,Làng Kà,Thị trấn Đắk Hà,{local(12)},có")
    assert facts_of(world, "Y Ngân") == OWN
    theirs = select(ImportIssue.id).where(ImportIssue.import_id == said)
    assert world.all(theirs) == [], "nothing to ask about"
    bring(world, tmp_path, "ND", "Nông dân", f"Y Ngân,1972,Làng Kô,,{local(12)},")
    bring(world, tmp_path, "PN", "Tên lạ", f"Y Ngân,1950,Thôn 8,,{local(12)},không")
    assert facts_of(world, "Y Ngân") == OWN
    if first == "the farmers'":
        undo_import(world.runtime, said)
        assert facts_of(world, "Y Ngân") == THEIRS
        undo_import(world.runtime, unknown)
        born = 1972
    else:
        undo_import(world.runtime, unknown)
        assert facts_of(world, "Y Ngân") == OWN
        undo_import(world.runtime, said)
        born = 1950
    assert facts_of(world, "Y Ngân") == (born, "Làng Kô", None, False), "what the files say that stand"


def test_a_village_that_only_others_stated_goes_with_its_commune_and_comes_back_with_it(
    world, unknown, tmp_path
):
    said = bring(world, tmp_path, "ND", "Nông dân", f"Y Ngân,,,Thị trấn Đắk Hà,{local(12)},")
    assert facts_of(world, "Y Ngân") == (1950, "", "23500", False)
    undo_import(world.runtime, said)
    assert facts_of(world, "Y Ngân") == THEIRS


def test_what_the_recording_organisation_confirmed_or_an_officer_put_right_stays(world, unknown, tmp_path):
    bring(world, tmp_path, "ND", "Nông dân", f"Y Ngân,1950,,,{local(12)},")
    ngan = world.contact("Y Ngân")
    profile = {"name": "Y Ngân", "birth_year": "1950", "sex": "", "area_code": "23281"}
    later = {"has_smartphone": False, "by": PROVINCE, "now": world.now + timedelta(minutes=1)}
    for village in ("Thôn 7", "Thôn 9"):
        world.do(correct_contact, ngan, **profile, **later, village=village)
    bring(world, tmp_path, "ND", "Nông dân", f"Y Ngân,1971,Làng Kà,,{local(12)},")
    assert facts_of(world, "Y Ngân")[:2] == (1950, "Thôn 9")


def test_a_list_that_only_names_a_person_replaces_nothing_however_often_it_comes(world, person, tmp_path):
    bring(world, tmp_path, "PN", "Tên lạ", f"A Thun,1950,Thôn 9,Phường Quang Trung,{local(1)},không")
    assert facts_of(world, "A Thun") == (1961, "Làng Kà", "23500", True)


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_list_that_names_a_person_opens_no_more_than_its_files_say_that_stand(
    world, person, tmp_path, is_removed
):
    name = "Tên lạ 3" if is_removed else "Tên lạ"
    undone = bring(world, tmp_path, "PN", name, f"A Thun,1961,,,{local(1)}; {local(2)},")
    bring(world, tmp_path, "PN", "Tên lạ", f"A Thun,,,,{local(1)},")
    seen, phones = world.read(read_contact, person, user=world.user(NOSY))
    assert (seen.birth_year, len(phones)) == (1961, 2)
    if is_removed:
        world.do(remove_list, world.one(select(ContactList.id).where(ContactList.name == name)), by=NOSY)
    else:
        undo_import(world.runtime, undone)
    seen, phones = world.read(read_contact, person, user=world.user(NOSY))
    assert (seen.birth_year, len(phones)) == (None, 1)
    assert facts_of(world, "A Thun") == (1961, "Làng Kà", "23500", True)


def test_rows_for_review_previews_and_error_files_keep_to_the_area(world, person, tmp_path):
    limited = "dakha@loa.example"
    women = world.organisation_id("PN")
    made = world.user(world.officer(limited, Role.STAFF, women))
    world.change(User, made.id, area_code="615")
    one = world.first(select(ListImport).where(ListImport.list_id == 3))
    for row, area in ((1, "23500"), (2, "23281"), (3, None)):
        cells = {"area_code": area, "source": [f"row {row}"], "sheet": "", "line": row, "numbers": []}
        why = {"status": "review", "reason": "too_short", "key": f"k{row}"}
        world.add(ImportIssue(import_id=one.id, row=row, cells=cells, **why))
    file = {"list_id": one.list_id, "file_name": "x.csv", "size": 1, "sha256": "0"}
    preview = {
        "sheets": [{"columns": [[0, "Tên", "name", ["A Bí"]]], "lines": [[1, "A Bí"]]}],
        "rows": [{"area_code": "23500"}, {"area_code": "23281"}, {"area_code": None}],
    }
    upload = world.add(Upload(**file, uploaded_by=made.id, uploaded_at=world.now, preview=preview))
    import_id, upload_id = one.id, upload.id
    with world.runtime.db.read() as session:
        for email, rows in ((limited, [1, 3]), (NOSY, [1, 2, 3])):
            user = world.user(email)
            seen, count = read_open_issues(session, user)
            assert ([each.issue.row for each in seen], count) == (rows, len(rows))
            assert export_issues(session, import_id, tmp_path / "errors.csv", user=user) == len(rows)
        upload = session.get_one(Upload, upload_id)
        assert len(preview_for(session, upload, user=world.user(limited))["rows"]) == 3, "their own file"
        upload.uploaded_by = world.user(NOSY).id
        shown = preview_for(session, upload, user=world.user(limited))
        assert [row["area_code"] for row in shown["rows"]] == ["23500", None]
        assert "A Bí" not in str(shown)
        session.expunge(upload)


def test_a_list_without_a_basis_is_doubted_and_one_that_may_not_be_written_to_reaches_nobody(author, world):
    world.add_people(2)
    page, form = f"/admin/lists/{world.list_id}/", "/admin/campaigns/new"
    asked = {"lists": f"MTTQ/{LIST}", "text": TEXT, "sender": "MTTQ", "kind": "bluezone", "wish": "look"}
    assert "im lặng không phải là đồng ý" in author.get(page).text
    assert "Có danh sách chưa ghi căn cứ" in post(author, form, **asked).text

    refused = post(author, f"{page}basis", basis="duty", basis_note=" ", since="2020-08-10")
    assert refused.status_code == 422
    assert "phải ghi số văn bản" in refused.text
    assert 'value="2020-08-10"' in refused.text
    for wrong in (
        {"basis": ""},
        {"basis": "consent", "since": "2999-01-01"},
        {"basis": "consent", "since": "x"},
    ):
        assert post(author, f"{page}basis", **wrong).status_code == 422
    assert (
        post(author, f"{page}basis", basis="duty", basis_note="CV 12", since="2020-08-10").status_code == 303
    )
    assert "Nhiệm vụ được giao, có văn bản</strong>, từ 10/8/2020: CV 12" in author.get(page).text
    assert "từ 10/8/2020" in author.get("/admin/people/1/").text
    assert "Có danh sách chưa ghi căn cứ" not in post(author, form, **asked).text

    assert post(author, f"{page}basis", basis="none").status_code == 303
    campaign = world.launch()
    assert world.status(campaign)["excluded"] == {"no_basis": 2}
    assert "Chỉ có trong danh sách không được nhắn tin" in author.get(f"/admin/campaigns/{campaign}/").text


def test_before_seven_in_the_morning_a_basis_is_of_that_day(world):
    early = datetime(2020, 8, 10, 6, 30, tzinfo=VIETNAM).astimezone(UTC)
    world.do(record_basis, world.list_id, basis="consent", since="2020-08-10", note="", now=early)
    owner = world.get_one(ContactList, world.list_id).organisation_id
    made = world.do(create_list, name="Mới", organisation_id=owner, basis="consent", now=early)
    assert made.basis_since == "2020-08-10"


def test_an_import_gives_its_new_list_a_basis_and_leads_on_to_a_campaign(author, world, settings):
    world.change(User, world.user(AUTHOR).id, name="Nguyễn Thu Hương")
    new = {"new_name": "Mới", "organisation": 1, "basis": "consent", "basis_note": "Phiếu 8/2020"}
    file = {"file": (io.BytesIO(PLAIN.encode()), "moi.csv"), "csrf_token": token(author)}
    sent = author.post("/admin/imports/", data={**new, **file}, content_type="multipart/form-data")
    assert sent.status_code == 303
    made = world.one(select(ContactList).where(ContactList.name == "Mới"))
    assert (made.basis, made.basis_note) == (LegalBasis.CONSENT, "Phiếu 8/2020")

    assert hand_in(author, world, "b.csv", PLAIN.encode()).status_code == 303
    assert work_on(world, 2)
    assert post(author, "/admin/imports/2/confirm").status_code == 303
    assert work_on(world, 2)
    world.draft(name="Đợt hai")
    done = author.get("/admin/imports/2/").text
    assert "Nguyễn Thu Hương" in done
    assert AUTHOR not in done
    assert f'href="/admin/campaigns/new?list={world.list_id}"' in done
    assert "Chiến dịch đang dùng danh sách này: Đợt hai." in done
    assert f'value="MTTQ/{LIST}" checked' in author.get(f"/admin/campaigns/new?list={world.list_id}").text
    assert author.get("/admin/campaigns/new?list=999").status_code == 404


def test_lists_that_only_name_somebody_say_the_same_together_once_merged(world, recorded, tmp_path):
    bring(world, tmp_path, "ND", "Một", f"Y Bích,,,,{local(6)}; {local(7)},")
    bring(world, tmp_path, "ND", "Hai", f"Y Bích,1975,,,{local(6)},")
    theirs = world.officer("nd@loa.example", Role.STAFF, world.organisation_id("ND"))
    ids = dict(world.rows(select(ContactList.name, ContactList.id)))
    world.do(remove_list, ids["Nông dân"], by=theirs)
    before = world.read(read_contact, recorded, user=world.user(theirs))
    world.do(merge_list, ids["Một"], into=ids["Hai"], by=theirs)
    world.do(remove_list, ids["Một"], by=theirs)
    assert world.read(read_contact, recorded, user=world.user(theirs)) == before
    assert reached(world, [recorded], "Hai") == [number(6)]
    wrong = {"reason": Closing.WRONG_NUMBER, "note": "sai", "by": PROVINCE}
    world.do(suppress_number, recorded, phone_id(world, 6), **wrong)
    assert reached(world, [recorded], "Hai") == [number(7)]


@pytest.mark.parametrize("name", ["Tên lạ", "Danh sách ghi"])
def test_merged_with_their_own_somebody_whom_a_list_only_names_is_seen_by_what_it_says_of_both(
    world, person, tmp_path, name
):
    bring(world, tmp_path, "PN", name, f"Y Rơ,1971,,,{local(5)},")

    def seen(contact_id):
        shown, phones = world.read(read_contact, contact_id, user=world.user(NOSY))
        return shown.is_partial, shown.birth_year, shown.village, [each.e164 for each in phones]

    other = world.contact("Y Rơ")
    before = seen(person), seen(other)
    merge = world.do(merge_people, person, other, by=PROVINCE)
    assert seen(person) == (True, 1971, "", [number(1), number(5)])
    other = world.do(unmerge_people, merge.id, by=PROVINCE)
    assert (seen(person), seen(other)) == before
