"""What is written in the campaign form is kept while one writes, and two who write are shown both."""

from sqlalchemy import func, select

from campaigns.models.campaigns import Campaign, CampaignForm, Step
from campaigns.rules.states import CampaignState
from outreach.models.accounts import AuditEvent, Role
from tests.support.admin_client import post, signed_in
from tests.support.world import AUTHOR, LIST

KEY = "k" * 24
COLLEAGUE = "dongnghiep@loa.example"


def written(world, **more):
    """A form that can be saved."""
    return {
        "name": "Vận động tổ 1",
        "kind": "bluezone",
        "content_of": "bluezone",
        "text": "Mời ông/bà cài Bluezone: {link}",
        "sender": "MTTQ",
        "lists": LIST,
        "key": KEY,
        "writer": "page-1",
        "version": "0",
        **more,
    }


def keep(client, **fields):
    return post(client, "/admin/campaigns/writing", **fields)


def test_a_form_is_kept_before_it_is_valid_and_found_again_on_the_home_page(client, world):
    signed_in(client, AUTHOR)
    answer = keep(client, key=KEY, writer="page-1", version="0", name="Vận động tháng 8", text="Mời [")
    assert (answer.status_code, answer.json["version"]) == (200, 1)
    home = client.get("/admin/").text
    assert "Vận động tháng 8" in home
    assert f"/admin/campaigns/new?key={KEY}" in home
    page = client.get(f"/admin/campaigns/new?key={KEY}").text
    assert 'value="Vận động tháng 8"' in page
    assert "Mời [</textarea>" in page
    assert "Đang hiện phần viết dở" in page
    post(client, "/admin/campaigns/writing/drop", key=KEY)
    assert "Vận động tháng 8" not in client.get("/admin/").text


def test_back_and_save_makes_no_second_draft(client, world):
    signed_in(client, AUTHOR)
    kept = keep(client, **written(world)).json  # valid, so it is a draft with an address at once
    first = post(client, "/admin/campaigns/new", wish="save", **written(world, version="1"))
    assert first.status_code == 303, first.text
    again = post(
        client, "/admin/campaigns/new", wish="save", **written(world, version="1", name="Vận động tổ 1 và 2")
    )
    assert again.location == first.location == kept["address"]
    assert world.all(select(Campaign.name)) == ["Vận động tổ 1 và 2"]
    assert [form.fields for form in world.all(select(CampaignForm))] == [{}, {}]
    edits = select(func.count()).where(AuditEvent.action == "campaign.edit")
    assert world.scalar(edits) == 0  # one page went on writing what it had begun
    assert client.get(f"/admin/campaigns/new?key={KEY}").status_code == 302  # to the draft


def test_an_answer_that_got_lost_is_no_other_person_and_another_page_is(client, world):
    signed_in(client, AUTHOR)
    keep(client, **written(world))
    assert (
        keep(client, **written(world, name="Tên khác")).status_code == 200
    )  # the same page, with the version it knew
    other = keep(client, **written(world, writer="page-2", name="Của trang kia"))
    assert other.status_code == 409
    assert other.json["fields"]["name"] == ["Tên khác"]
    assert keep(client, **written(world, writer="page-2", version=other.json["version"])).status_code == 200


def test_a_draft_that_somebody_else_saved_meanwhile_is_not_overwritten(client, world):
    world.officer(COLLEAGUE, Role.STAFF)
    signed_in(client, AUTHOR)
    saved = post(client, "/admin/campaigns/new", wish="save", **written(world))
    edit = f"{saved.location}edit"
    mine = written(world, key="", writer="mine", version="2", name="Của tôi")
    signed_in(client, COLLEAGUE)
    theirs = written(world, key="", writer="theirs", version="2", name="Của đồng nghiệp")
    assert post(client, edit, wish="save", **theirs).status_code == 303
    signed_in(client, AUTHOR)
    refused = post(client, edit, wish="save", **mine)
    assert refused.status_code == 422
    assert "Người khác đã lưu mẫu này" in refused.text
    assert "Của đồng nghiệp" in refused.text  # both are there
    assert "Của tôi" in refused.text
    assert post(client, edit, wish="save", **{**mine, "version": "3"}).status_code == 303
    assert world.one(select(Campaign.name)) == "Của tôi"
    signed_in(client, COLLEAGUE)  # who still has the first page open
    back = post(client, "/admin/campaigns/new", wish="save", **written(world, name="Quay lại"))
    assert back.status_code == 404  # another's form


def test_a_second_page_of_a_new_form_does_not_overwrite_the_draft_that_it_became(client, world):
    signed_in(client, AUTHOR)
    keep(client, **written(world, text="Mời ["))  # both pages have read version 1 of the new form
    draft = keep(client, **written(world, version="1")).json
    late = keep(client, **written(world, version="1", writer="page-2", name="Của trang kia"))
    assert late.status_code == 409
    assert late.json["version"] == draft["version"]


def test_each_page_that_changes_a_draft_is_in_the_audit_log_once(client, world):
    world.officer(COLLEAGUE, Role.STAFF)
    signed_in(client, AUTHOR)
    draft = keep(client, **written(world)).json

    def edits():
        query = select(func.count()).where(AuditEvent.action == "campaign.edit")
        return world.scalar(query) or 0

    signed_in(client, COLLEAGUE)
    theirs = written(world, key=draft["key"], writer="theirs", version=str(draft["version"]))
    keep(client, **{**theirs, "text": "Mời ["})  # beside the draft, which is as it was
    assert edits() == 0
    keep(client, **theirs)
    keep(client, **{**theirs, "name": "Của đồng nghiệp"})
    assert edits() == 1
    post(client, "/admin/campaigns/writing/drop", key=draft["key"])
    keep(client, **{**theirs, "writer": "", "version": "6", "name": "Không tên trang"})
    assert edits() == 2


def test_anothers_form_and_a_wrong_key_are_not_there(client, world):
    world.officer(COLLEAGUE, Role.STAFF)
    signed_in(client, AUTHOR)
    keep(client, **written(world))
    signed_in(client, COLLEAGUE)
    assert client.get(f"/admin/campaigns/new?key={KEY}").status_code == 404
    for key in (KEY, "short", "campaign-999999", "campaign-x"):
        assert keep(client, **written(world, key=key)).status_code == 404
    assert world.scalar(select(func.count()).select_from(CampaignForm)) == 2  # the page's, and its draft's


def test_what_is_not_valid_yet_waits_beside_the_draft_and_submitting_takes_what_was_typed(client, world):
    world.add_people(1)
    signed_in(client, AUTHOR)
    page = keep(client, **written(world)).json["address"]
    half = written(world, key="", version="1", text="Mời [")
    assert keep(client, **{**half, "key": "campaign-1"}).json["saved"] is False
    shown = client.get(page).text
    assert "Mời [</textarea>" in shown
    assert post(client, f"{page}edit", wish="submit", **{**half, "version": "2"}).status_code == 422
    whole = {**half, "version": "2", "text": "Mời cô bác: {link}"}
    assert post(client, f"{page}edit", wish="submit", **whole).status_code == 303
    found = world.rows(select(Campaign.state, Step.text).join(Step, Step.campaign_id == Campaign.id))
    assert found == [(CampaignState.SUBMITTED, "Mời cô bác: {link}")]
    assert "Mời cô bác" in client.get(page).text
    assert keep(client, **{**whole, "key": "campaign-1", "version": "3"}).status_code == 422
