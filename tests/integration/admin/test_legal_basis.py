"""On what basis a list is written to: given with the list or later, shown wherever it counts, and counted."""

import io
from datetime import UTC, datetime

from sqlalchemy import select

from outreach.contacts.lists import create_list, record_basis
from outreach.models.accounts import User
from outreach.models.contacts import ContactList, LegalBasis
from outreach.rules.gateway import VIETNAM
from tests.support.admin_client import post, signed_in, token
from tests.support.servers import on_sqlite
from tests.support.uploads import PLAIN, hand_in, work_on
from tests.support.world import AUTHOR, LIST, TEXT

database_url = on_sqlite


def test_a_list_without_a_basis_is_doubted_and_one_that_may_not_be_written_to_reaches_nobody(client, world):
    world.add_people(2)
    signed_in(client, AUTHOR)
    page, form = f"/admin/lists/{world.list_id}/", "/admin/campaigns/new"
    asked = {"lists": f"MTTQ/{LIST}", "text": TEXT, "sender": "MTTQ", "kind": "bluezone", "wish": "look"}
    assert "im lặng không phải là đồng ý" in client.get(page).text
    assert "Có danh sách chưa ghi căn cứ" in post(client, form, **asked).text

    refused = post(client, f"{page}basis", basis="duty", basis_note=" ", since="2020-08-10")
    assert refused.status_code == 422
    assert "phải ghi số văn bản" in refused.text
    assert 'value="2020-08-10"' in refused.text
    for wrong in (
        {"basis": ""},
        {"basis": "consent", "since": "2999-01-01"},
        {"basis": "consent", "since": "x"},
    ):
        assert post(client, f"{page}basis", **wrong).status_code == 422
    assert (
        post(client, f"{page}basis", basis="duty", basis_note="CV 12", since="2020-08-10").status_code == 303
    )
    assert "Nhiệm vụ được giao, có văn bản</strong>, từ 10/8/2020: CV 12" in client.get(page).text
    assert "từ 10/8/2020" in client.get("/admin/people/1/").text
    assert "Có danh sách chưa ghi căn cứ" not in post(client, form, **asked).text

    assert post(client, f"{page}basis", basis="none").status_code == 303
    campaign = world.launch()
    assert world.status(campaign)["excluded"] == {"no_basis": 2}
    assert "Chỉ có trong danh sách không được nhắn tin" in client.get(f"/admin/campaigns/{campaign}/").text


def test_before_seven_in_the_morning_a_basis_is_of_that_day(world):
    early = datetime(2020, 8, 10, 6, 30, tzinfo=VIETNAM).astimezone(UTC)
    world.do(record_basis, world.list_id, basis="consent", since="2020-08-10", note="", now=early)
    owner = world.get_one(ContactList, world.list_id).organisation_id
    made = world.do(create_list, name="Mới", organisation_id=owner, basis="consent", now=early)
    assert made.basis_since == "2020-08-10"


def test_an_import_gives_its_new_list_a_basis_and_leads_on_to_a_campaign(client, world, settings):
    world.change(User, world.user(AUTHOR).id, name="Nguyễn Thu Hương")
    signed_in(client, AUTHOR)
    new = {"new_name": "Mới", "organisation": 1, "basis": "consent", "basis_note": "Phiếu 8/2020"}
    file = {"file": (io.BytesIO(PLAIN.encode()), "moi.csv"), "csrf_token": token(client)}
    sent = client.post("/admin/imports/", data={**new, **file}, content_type="multipart/form-data")
    assert sent.status_code == 303
    made = world.one(select(ContactList).where(ContactList.name == "Mới"))
    assert (made.basis, made.basis_note) == (LegalBasis.CONSENT, "Phiếu 8/2020")

    assert hand_in(client, world, "b.csv", PLAIN.encode()).status_code == 303
    assert work_on(world, 2)
    assert post(client, "/admin/imports/2/confirm").status_code == 303
    assert work_on(world, 2)
    world.draft(name="Đợt hai")
    done = client.get("/admin/imports/2/").text
    assert "Nguyễn Thu Hương" in done
    assert AUTHOR not in done
    assert f'href="/admin/campaigns/new?list={world.list_id}"' in done
    assert "Chiến dịch đang dùng danh sách này: Đợt hai." in done
    begun = client.get(f"/admin/campaigns/new?list={world.list_id}").text
    assert f'value="MTTQ/{LIST}" checked' in begun
    assert client.get("/admin/campaigns/new?list=999").status_code == 404
