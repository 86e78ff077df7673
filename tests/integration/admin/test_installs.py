"""The reports behind a figure: as many as it says, each with its source, and those taken back when asked for."""

import re
from datetime import timedelta

import pytest

from campaigns.models.replies import AnswerSource
from campaigns.rules.replies.labels import Label
from tests.integration.admin import test_progress
from tests.support.admin_client import signed_in
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, number

places = test_progress.places
INSTALLED = ((0, AnswerSource.SMS), (1, AnswerSource.PAGE), (2, AnswerSource.OFFICER), (5, AnswerSource.PAGE))


def tell(world, campaign, person, label, source, *, minutes=0):
    world.answers(campaign, {person: label}, source=source, at=world.now + timedelta(minutes=minutes))


def listed(page):
    body = re.search(r"<tbody>(.*)</tbody>", page, re.DOTALL)
    return body[1].count("<tr>") if body else 0


@pytest.fixture
def campaign(places):
    campaign = test_progress.launch(places)
    for person, source in INSTALLED:
        tell(places, campaign, person, Label.INSTALLED, source)
    return campaign


@both_databases
def test_a_figure_leads_to_as_many_reports_as_it_says(client, places, campaign):
    signed_in(client, AUTHOR)
    shown = client.get(f"/admin/progress/?campaign={campaign}").text
    links = re.findall(rf'<a href="(/admin/campaigns/{campaign}/installs/\?[^"]+)">(\d+)</a>', shown)
    assert len(links) >= 2  # a district and an organisation
    for link, figure in links:
        assert listed(client.get(link.replace("&amp;", "&")).text) == int(figure), link
    page = client.get(f"/admin/campaigns/{campaign}/installs/").text
    assert listed(page) == 4
    for said in ("tin nhắn", "trang trả lời", "cán bộ"):
        assert said in page.lower()
    assert number(0) not in page


def test_a_report_taken_back_is_shown_when_asked_for_and_a_phone_counts_once(client, places, campaign):
    signed_in(client, AUTHOR)
    tell(places, campaign, 0, Label.NOT_YET, AnswerSource.SMS, minutes=1)  # "cài rồi nhưng xóa rồi"
    path = f"/admin/campaigns/{campaign}/installs/"
    assert listed(client.get(path).text) == 3
    with_history = client.get(f"{path}?all=1").text
    assert listed(with_history) == 4
    assert "rút lại" in with_history
    tell(places, campaign, 0, Label.INSTALLED, AnswerSource.PAGE, minutes=2)
    assert listed(client.get(path).text) == 4
    assert listed(client.get(f"{path}?all=1").text) == 5
    assert listed(client.get(f"{path}?source=page").text) == 3
    assert listed(client.get(f"{path}?source=nothing").text) == 4
    assert client.get("/admin/campaigns/999/installs/").status_code == 404


def test_each_sees_the_reports_of_their_own_lists(client, places, campaign):
    signed_in(client, test_progress.NEIGHBOUR)
    page = client.get(f"/admin/campaigns/{campaign}/installs/").text
    assert listed(page) == 1
    assert "A Thun 5" in page
