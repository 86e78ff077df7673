"""Registered templates: a campaign whose words fit none is not submitted and not approved, and is told which words."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from python_calamine import CalamineWorkbook

from campaigns.models.campaigns import Campaign
from campaigns.planning.registered_templates import form_rows, save_template, set_template_state
from campaigns.rules.states import CampaignAction
from outreach.models.accounts import Role
from outreach.models.office import ENVIRONMENT
from outreach.rules.errors import BadCampaign
from tests.support.admin_client import post, shows, signed_in
from tests.support.world import AUTHOR, number

ADMINISTRATOR = "quantri@loa.example"
TEXT = "[Chào {name}, ]mời ông/bà cài Bluezone: {link}"


def register(world, text, state="accepted", until=""):
    """A template of MTTQ with its state at the environment's gateway; its id."""
    template = world.do(save_template, sender="MTTQ", text=text, note="", by=ADMINISTRATOR)
    world.do(
        set_template_state, template.id, account_id=ENVIRONMENT, state=state, until=until, by=ADMINISTRATOR
    )
    return template.id


def submit(world, campaign_id):
    world.decide(campaign_id, CampaignAction.SUBMIT)


def refusal(world, campaign_id):
    with pytest.raises(BadCampaign) as refused:
        submit(world, campaign_id)
    return refused.value


@pytest.fixture
def world(world):
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    world.runtime = replace(world.runtime)
    return world


def test_words_and_names_that_fit_no_accepted_template_are_told(world):
    world.add_person("A Thun", number(1))
    draft = world.draft(text=TEXT, unaccented=True)
    yesterday = (world.now - timedelta(days=2)).date().isoformat()
    register(world, "Chao {A10}, moi ong/ba cai Bluezone: {C40}", until=yesterday)
    assert refusal(world, draft).code == "sender_without_template"
    register(world, "moi ong/ba cai dat Bluezone: {C40}")
    error = refusal(world, draft)
    assert error.code == "text_without_template"
    assert (error.parameters["extra"], error.parameters["missing"]) == ("Chao A Thun,", "dat")
    register(world, "Chao {A10}, moi ong/ba cai Bluezone: {C40}")
    assert refusal(world, draft).code == "nameless_without_template"
    register(world, "moi ong/ba cai Bluezone: {C40}")
    world.add_person("Y Bloc Nie Kdam", number(2))
    error = refusal(world, draft)
    assert error.parameters["extra"] == "Y Bloc Nie Kdam,"
    register(world, "Chao {A30}, moi ong/ba cai Bluezone: {C40}")
    submit(world, draft)
    submit(world, world.draft(name="Khác", sender="Y TE"))  # nothing is registered for it


def test_a_text_in_another_language_is_compared_and_registered_as_it_is_sent(world):
    """Accents are dropped in a language that is named alone."""
    world.add_person("A Thun", number(1))
    text = "Jak môn cài Bluezone: {link}"
    plain, accented = ("Jak mon cai Bluezone: {C60}", "Jak môn cài Bluezone: {C60}")
    for template in ("moi ong/ba cai Bluezone: {C60}", accented):
        register(world, template)
    texts = {"unaccented": True, "text": "mời ông/bà cài Bluezone: {link}", "texts": {"sed": text}}
    kept = world.draft(name="Giữ dấu", **texts)
    submit(world, kept)
    dropped = world.draft(name="Bỏ dấu", unaccented_languages=["sed"], **texts)
    assert refusal(world, dropped).code == "text_without_template"

    def written(session):
        return [form_rows(session.get_one(Campaign, each))[1][2] for each in (kept, dropped)]

    assert world.read(written) == [each.replace("{C60}", "{P}") for each in (accented, plain)]


def test_administrator_keeps_the_register_and_staff_take_the_operators_form(world, client):
    draft = world.draft(text=TEXT, unaccented=True)
    signed_in(client, ADMINISTRATOR)
    refused = post(client, "/admin/templates/", sender="MTTQ", text="Chao {name}", note="")
    assert refused.status_code == 422
    assert "Tham số" in refused.text
    assert post(client, "/admin/templates/", sender="MTTQ", text="Chao {A10}", note="").status_code == 303
    done = post(client, "/admin/templates/1/state", account_id="1", state="accepted", until="2030-12-31")
    assert done.status_code == 303
    shows(client.get("/admin/templates/"), "Đã duyệt", "31/12/2030")
    signed_in(client, AUTHOR)
    assert f"/admin/templates/form/{draft}.xlsx" in client.get(f"/admin/campaigns/{draft}/").text
    sheet = client.get(f"/admin/templates/form/{draft}.xlsx")
    rows = CalamineWorkbook.from_filelike(BytesIO(sheet.data)).get_sheet_by_index(0).to_python()
    assert rows[1][:7] == [1, "MTTQ", "Chao {P}, moi ong/ba cai Bluezone: {P}", "A", 30, "C", 60]
    assert rows[2][2] == "moi ong/ba cai Bluezone: {P}"
