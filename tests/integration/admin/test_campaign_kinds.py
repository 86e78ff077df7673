"""Campaigns without an app, a vaccination or a storm: nothing of the app on their pages; and the answer page tried out."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from admin.views.inbox import labels_of
from admin.wording.filters import label_of
from campaigns.models.campaigns import Campaign
from campaigns.planning.kinds import load_kinds, office_kinds
from campaigns.rules.replies.labels import Label
from tests.integration.admin.test_campaigns import begun, filled, form_of, save
from tests.integration.campaigns.test_answer_page import everything
from tests.support.admin_client import post, signed_in
from tests.support.servers import on_sqlite
from tests.support.world import APPROVER, AUTHOR, World

database_url = on_sqlite

WITHOUT_APP = [kind for kind in load_kinds() if not load_kinds()[kind].get("app")]


def choose(client: FlaskClient, kind: str, **typed: str) -> str:
    """The form as it comes back once another kind was chosen."""
    new = form_of(client.get("/admin/campaigns/new").text)
    return post(client, "/admin/campaigns/new", **{**new, **typed, "kind": kind, "wish": "look"}).text


@pytest.mark.parametrize("kind", WITHOUT_APP)
def test_another_kind_brings_its_own_message(client: FlaskClient, world: World, kind: str) -> None:
    signed_in(client, AUTHOR)
    form = form_of(choose(client, kind))
    assert "mời ông/bà[ {name}] " in form["text"][0]
    assert form["text"] != begun(client)["text"]
    assert "Bluezone" not in form["text"][0]


def test_a_message_that_was_rewritten_stays_and_is_doubted_where_it_names_the_app(
    client: FlaskClient, world: World
) -> None:
    signed_in(client, AUTHOR)
    page = choose(client, "bao-lu", text="Mời cài Bluezone. TC thôi nhận tin")
    assert form_of(page)["text"] == ["Mời cài Bluezone. TC thôi nhận tin"]
    assert "Tin còn nhắc ứng dụng của loại chiến dịch khác" in page


@pytest.mark.parametrize("kind", WITHOUT_APP)
def test_answers_are_called_after_the_action(client: FlaskClient, kind: str) -> None:
    with client.application.test_request_context():
        done, not_done = label_of(Label.INSTALLED, "found", kind), label_of(Label.NOT_YET, "found", kind)
    assert done.startswith("Đã ")
    assert not_done.startswith("Sẽ " if kind in ("hen-tiem", "moi-du") else "Chưa ")
    assert Label.NO_SMARTPHONE not in labels_of(kind)
    assert Label.NO_SMARTPHONE in labels_of("bluezone")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", "Ông/bà đã cài Bluezone trên điện thoại này chưa?"),
        ("?answer=need_help", "Ông/bà đã trả lời: Tôi cần người giúp"),
        ("?answer=install", "Cài xong, xin ông/bà quay lại đây"),
        ("?answer=opt_out", "Tôi bấm nhầm, tôi vẫn nhận tin"),
        ("?answer=undo", "Tôi đã cài xong"),
        ("?answer=%00", "Tôi đã cài xong"),
        ("?about", "Về tin nhắn này"),
    ],
)
def test_the_answer_page_is_tried_out_and_nothing_is_recorded(
    client: FlaskClient, world: World, query: str, shown: str
) -> None:
    world.add_people(1)
    signed_in(client, AUTHOR)
    campaign_id = save(client)
    signed_in(client, APPROVER)
    before = everything(world)
    response = client.get(f"/admin/campaigns/{campaign_id}/page{query}")
    assert shown in response.text
    assert "không có gì được ghi lại" in response.text
    assert 'method="post"' not in response.text
    assert everything(world) == before
    assert client.post(f"/admin/campaigns/{campaign_id}/page", data={"answer": "opt_out"}).status_code == 405


def test_a_translation_is_seen_as_its_readers_see_it(client: FlaskClient, world: World) -> None:
    world.add_people(1)
    campaign_id = world.draft(content={"languages": {"sed": {"title": "Tiêu đề XĐ"}}})
    signed_in(client, AUTHOR)
    assert f'/admin/campaigns/{campaign_id}/page/sed"' in client.get(f"/admin/campaigns/{campaign_id}/").text
    assert "Tiêu đề XĐ" in client.get(f"/admin/campaigns/{campaign_id}/page/sed").text
    assert "Tiêu đề XĐ" not in client.get(f"/admin/campaigns/{campaign_id}/page").text


def test_a_kind_is_kept(client: FlaskClient, world: World) -> None:
    world.add_people(1)
    signed_in(client, AUTHOR)
    typed = {
        **form_of(choose(client, "bao-lu")),
        **filled(kind="bao-lu", text="Mời chuẩn bị. TC thôi nhận tin"),
    }
    campaign_id = save(client, **typed)
    with world.runtime.db.read() as session:
        kept = session.scalars(select(Campaign).where(Campaign.id == campaign_id)).one()
        assert (kept.kind, kept.content) == ("bao-lu", office_kinds(session)["bao-lu"])
