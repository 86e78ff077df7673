"""A user with an area: of what their organisations know, the people of that area and nobody else."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from campaigns.cases.conversation import may_change, save_text
from campaigns.lifecycle import create_campaign, edit_campaign, prepare_correcting_campaign
from campaigns.models.activities import VisitResult, VisitSheet
from campaigns.models.campaigns import Recipient
from campaigns.models.privacy import RequestKind
from campaigns.planning.correct_texts import propose_correction
from campaigns.planning.drafts import read_segments, save_segment
from campaigns.planning.kinds import load_kinds
from campaigns.privacy.requests import read_requests
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.draft import read_draft
from campaigns.rules.states import CampaignAction, CampaignState, MessageState
from campaigns.second_wave import send_second_wave
from outreach.accounts.users import create_organisation, find_user
from outreach.accounts.village_officers import add_officer, list_officers
from outreach.contacts.contact import find_contact
from outreach.contacts.directory import ContactFilter, read_page
from outreach.contacts.lists import record_basis
from outreach.imports.change_list import remove_list
from outreach.imports.store_rows import find_or_create_list
from outreach.imports.uploads import undo_upload
from outreach.models.accounts import Organisation, OrganisationKind, Role, User
from outreach.models.contacts import Contact, ContactList, ListImport, Membership, Upload, UploadState
from outreach.rules.errors import BadCampaign, NotAllowed, NotFound
from tests.support.admin_client import post, signed_in
from tests.support.errors import refuses
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, LIST, TEXT, number

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
    with world.runtime.db.write() as session:
        session.execute(update(User).where(User.email.in_((LIMITED, BY_PLACE))).values(area_code=DISTRICT))
        session.get_one(Organisation, women).area_code = DISTRICT
        theirs = find_or_create_list(session, organisation_id=women, name="Phụ nữ", now=world.now).id
        places = {IN: COMMUNE, ALSO_IN: COMMUNE, OUT: ELSEWHERE, UNKNOWN: None}
        for person in session.scalars(select(Contact)):
            person.area_code = places[person.name]
            if person.name in (ALSO_IN, OUT):
                session.add(Membership(list_id=theirs, contact_id=person.id))
    return world


def id_of(world, name):
    return world.one(select(Contact.id).where(Contact.name == name))


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
    with (
        office.runtime.db.write() as session
    ):  # another's sheet, of people whom that organisation does not have
        women = find_user(session, BY_PLACE)
        made = session.scalars(select(VisitSheet)).one()
        made.organisation_id = create_organisation(
            session, code="PN2", name="Hội Phụ nữ khác", kind=OrganisationKind.MASS, area_code=DISTRICT
        ).id
        assert women.organisation_id is None
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
        office.ask(id_of(office, name), RequestKind.EXPORT, WHOLE, asked_by=f"con gái của {name}")
    signed_in(client, WHOLE)
    assert told(client.get("/admin/requests/").text) == {IN, OUT}
    signed_in(client, LIMITED)
    page = client.get("/admin/requests/").text
    assert told(page) == {IN}
    assert "(ngoài phạm vi được giao)" in page


def test_who_has_an_area_alone_goes_on_with_what_they_recorded(office):
    office.ask(id_of(office, ALSO_IN), RequestKind.EXPORT, BY_PLACE, asked_by="chính người đó")
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
    with office.runtime.db.write() as session:
        user = find_user(session, LIMITED)
        campaign = create_campaign(session, read_draft(least, kinds=load_kinds()), user=user, now=office.now)
        assert campaign.areas == [DISTRICT]
        narrower = read_draft({**least, "areas": [COMMUNE]}, kinds=load_kinds())
        assert edit_campaign(session, campaign.id, narrower, user=user, now=office.now).areas == [COMMUNE]
        beyond = read_draft({**least, "areas": [COMMUNE, "608"]}, kinds=load_kinds())
        with refuses(BadCampaign, says="608 nằm ngoài phạm vi"):
            edit_campaign(session, campaign.id, beyond, user=user, now=office.now)
        campaign_id = campaign.id
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
    local = office.add_list("Đắk Hà", id_of(office, IN), id_of(office, UNKNOWN))
    office.do(remove_list, local, by=LIMITED)
    office.do(undo_upload, uploads[0], by=WHOLE)
