"""The inbox: one press a reply, taken back exactly, the number only on demand, and only within scope."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.answers.models import Handling, Reply, ReplyState
from campaigns.replies.classifier import Label
from outreach.access.models import AuditEvent, OrganisationKind, Role
from outreach.access.organisations import create_organisation
from outreach.people.models import Suppression
from tests.flows.world import AUTHOR, World, number
from tests.web.office import post, signed_in


@pytest.fixture
def campaign_id(world: World) -> int:
    world.add_people(4)
    campaign = world.launch(window=["00:00", "24:00"])
    world.send()
    return campaign


def receive(world: World, index: int, body: str) -> int:
    reply = world.reply(number(index), body, gateway_id=f"SM{index}{len(body)}")
    assert reply
    return reply.id


def state(world: World, reply_id: int) -> ReplyState:
    with world.runtime.db.read() as session:
        return session.get_one(Reply, reply_id).state


def stands(world: World, index: int, campaign_id: int) -> Label | None:
    return world.recipient(number(index), campaign_id).answer


def test_one_press_gives_the_label_and_leads_to_the_next(
    world: World, client: FlaskClient, campaign_id: int
) -> None:
    first, second = receive(world, 0, "ok"), receive(world, 1, "ừ")
    signed_in(client, AUTHOR)
    page = client.get("/admin/inbox/").text
    assert page.index(f'id="reply-{first}"') < page.index(f'id="reply-{second}"')
    assert number(0) not in page
    answer = post(client, f"/admin/inbox/{first}/label", label="installed", next=second)
    assert answer.location.endswith(f"#reply-{second}")
    assert state(world, first) is ReplyState.HANDLED
    assert stands(world, 0, campaign_id) is Label.INSTALLED
    assert world.status(campaign_id)["self_reported"]["installed"] == 1
    with world.runtime.db.read() as session:
        handling = session.scalars(select(Handling)).one()
        assert (handling.label, handling.handled_by) == (Label.INSTALLED, world.user(AUTHOR).id)


def test_a_press_is_taken_back_exactly(world: World, client: FlaskClient, campaign_id: int) -> None:
    help_id = receive(world, 0, "4")
    assert stands(world, 0, campaign_id) is Label.NEED_HELP  # counted at once, and looked at
    signed_in(client, AUTHOR)
    post(client, f"/admin/inbox/{help_id}/label", label="opt_out")
    with world.runtime.db.read() as session:
        assert session.scalar(select(Suppression).where(Suppression.lifted_at.is_(None)))
    assert post(client, f"/admin/inbox/{help_id}/undo").status_code == 303
    assert state(world, help_id) is ReplyState.INBOX
    assert stands(world, 0, campaign_id) is Label.NEED_HELP
    with world.runtime.db.read() as session:
        assert session.scalar(select(Suppression).where(Suppression.lifted_at.is_(None))) is None


def test_a_label_that_leaves_the_question_open_only_closes_the_reply(
    world: World, client: FlaskClient, campaign_id: int
) -> None:
    help_id = receive(world, 0, "4")
    signed_in(client, AUTHOR)
    post(client, f"/admin/inbox/{help_id}/label", label="question")
    assert state(world, help_id) is ReplyState.HANDLED
    assert stands(world, 0, campaign_id) is None


def test_of_two_who_press_at_once_one_is_told(world: World, client: FlaskClient, campaign_id: int) -> None:
    reply_id = receive(world, 0, "ok")
    signed_in(client, AUTHOR)
    post(client, f"/admin/inbox/{reply_id}/label", label="installed")
    post(client, f"/admin/inbox/{reply_id}/label", label="refuse")
    assert "vừa được người khác xử lý" in client.get("/admin/inbox/").text
    assert stands(world, 0, campaign_id) is Label.INSTALLED


def test_the_number_is_shown_on_demand_and_that_is_on_record(
    world: World, client: FlaskClient, campaign_id: int
) -> None:
    reply_id = receive(world, 0, "4")
    signed_in(client, AUTHOR)
    local = "0" + number(0).removeprefix("+84")
    assert local not in client.get("/admin/inbox/").text
    assert local in post(client, f"/admin/inbox/{reply_id}/number").text
    with world.runtime.db.read() as session:
        seen = session.scalars(select(AuditEvent).where(AuditEvent.action == "reply.see_number")).one()
    assert (seen.subject, seen.actor_id) == (f"replies:{reply_id}", world.user(AUTHOR).id)
    assert not re.search(r"\d{7}", str(seen.details))


def test_a_neighbours_reply_is_not_there_and_an_auditor_only_reads(
    world: World, client: FlaskClient, campaign_id: int
) -> None:
    reply_id = receive(world, 0, "cài ở đâu vậy")
    with world.runtime.db.write() as session:
        other = create_organisation(
            session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS, parent_code="MTTQ"
        )
        for email, role, organisation in (
            ("pn@loa.example", Role.STAFF, other.id),
            ("kiemtra@loa.example", Role.AUDITOR, None),
        ):
            world.add_officer(session, email, role, organisation)
    signed_in(client, "pn@loa.example")
    assert "Không còn câu trả lời nào chờ xem" in client.get("/admin/inbox/").text
    assert post(client, f"/admin/inbox/{reply_id}/label", label="refuse").status_code == 404
    assert post(client, f"/admin/inbox/{reply_id}/number").status_code == 404
    signed_in(client, "kiemtra@loa.example")
    page = client.get("/admin/inbox/").text
    assert "cài ở đâu vậy" in page
    assert 'name="label"' not in page
    assert post(client, f"/admin/inbox/{reply_id}/label", label="refuse").status_code == 403
