"""Comments beside a campaign's cards: written, answered, settled, carried back to the author, and removed in the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from campaigns.models.campaigns import Campaign, CampaignComment
from campaigns.planning.comments import count_open, read_comments, settle_comment, write_comment
from campaigns.privacy.retention import clear_campaign
from campaigns.reports.user_notices import read_notices
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.accounts.organisations import create_organisation
from outreach.accounts.users import find_user
from outreach.models.accounts import AuditEvent, NoticeKind, OrganisationKind, Role
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState
from tests.support.admin_client import post, signed_in
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, World


def write(world: World, campaign_id: int, email: str = APPROVER, **more: Any) -> int:
    values = {"card": "whom", "text": "Vì sao có cả phường Quyết Thắng?", **more}
    user = world.user(email)
    return write_comment(world.runtime, campaign_id, user=user, now=world.now, **values).id


def counted(world: World, campaign_id: int) -> dict[str, int]:
    with world.runtime.db.read() as session:
        return dict(count_open(read_comments(session, campaign_id)))


def test_a_comment_at_a_campaign_that_is_over_waits_for_nobody(world: World) -> None:
    """Nobody can answer or settle it any more."""
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    write(world, campaign_id)
    with world.runtime.db.read() as session:
        author = find_user(session, AUTHOR)
        assert [each.kind for each in read_notices(session, author, now=world.now)] == [NoticeKind.COMMENT]
    with world.runtime.db.write() as session:
        session.get_one(Campaign, campaign_id).state = CampaignState.CANCELLED
    with world.runtime.db.read() as session:
        assert read_notices(session, author, now=world.now) == []


@both_databases
def test_a_comment_is_open_until_it_is_settled_and_a_reply_opens_it_again(world: World) -> None:
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    first = write(world, campaign_id)
    write(world, campaign_id, card="words", text="Một\r\nhai ")
    assert counted(world, campaign_id) == {"whom": 1, "words": 1}
    for _ in range(2):
        settle_comment(world.runtime, campaign_id, first, user=world.user(AUTHOR), now=world.now)
    assert counted(world, campaign_id) == {"whom": 0, "words": 1}
    reply = write(world, campaign_id, AUTHOR, card="when", text="Theo công văn 12.", reply_to=first)
    assert counted(world, campaign_id) == {"whom": 1, "words": 1}
    with world.runtime.db.read() as session:
        talk = read_comments(session, campaign_id)
        actions = select(AuditEvent.action).where(AuditEvent.action.contains("comment"))
        assert sorted(session.scalars(actions)) == ["campaign.comment"] * 3 + ["campaign.settle_comment"]
    assert [each.text for each in talk["words"]] == ["Một\nhai"]
    [shown] = talk["whom"]
    assert [(each.by, each.text) for each in shown.replies] == [(AUTHOR, "Theo công văn 12.")]
    with pytest.raises(NotFound):
        settle_comment(world.runtime, campaign_id, reply, user=world.user(AUTHOR), now=world.now)


@both_databases
def test_a_comment_waits_for_the_other_until_it_is_answered_or_settled(world: World) -> None:
    def waits_for() -> set[str]:
        with world.runtime.db.read() as session:
            users = {email: find_user(session, email) for email in (AUTHOR, APPROVER, "khac@loa.example")}
            found = {email: read_notices(session, user, now=world.now) for email, user in users.items()}
        return {email for email, each in found.items() if any(one.kind is NoticeKind.COMMENT for one in each)}

    world.officer("khac@loa.example", Role.APPROVER)
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    first = write(world, campaign_id)
    assert waits_for() == {AUTHOR}
    write(world, campaign_id, AUTHOR, text="Theo công văn 12.", reply_to=first)
    assert waits_for() == {APPROVER}
    settle_comment(world.runtime, campaign_id, first, user=world.user(APPROVER), now=world.now)
    assert waits_for() == set()


REFUSED: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"text": "  \n"}, BadInput),
    ({"text": "x" * 1001}, BadInput),
    ({"card": "sending"}, NotFound),
    ({"reply_to": 999}, NotFound),
    ({"email": "lanhdao@loa.example"}, NotAllowed),
    ({"email": "khac@loa.example"}, NotFound),
]


def test_what_is_no_comment_and_who_may_not_write_one(world: World) -> None:
    campaign_id, other = world.draft(), world.draft()
    of_another = write(world, other)
    with world.runtime.db.write() as session:
        world.add_officer(session, "lanhdao@loa.example", Role.LEADER)
        women = create_organisation(session, code="PN", name="Hội Phụ nữ", kind=OrganisationKind.MASS)
        world.add_officer(session, "khac@loa.example", Role.STAFF, women.id)
    for values, error in [*REFUSED, ({"reply_to": of_another}, NotFound)]:
        with pytest.raises(error):
            write(world, campaign_id, **values)
    world.act(campaign_id, CampaignAction.CANCEL)
    with pytest.raises(WrongState):
        write(world, campaign_id)
    assert counted(world, campaign_id) == {}


@both_databases
def test_comments_are_removed_with_the_campaigns_personal_data(world: World) -> None:
    world.add_people(1)
    campaign_id = world.draft()
    write(world, campaign_id, reply_to=write(world, campaign_id))
    world.act(campaign_id, CampaignAction.CANCEL)
    clear_campaign(world.runtime, campaign_id, days=1, now=world.now + timedelta(days=2))
    assert world.scalar(select(func.count()).select_from(CampaignComment)) == 0


def test_the_author_finds_the_approvers_comments_when_a_campaign_comes_back(
    client: FlaskClient, world: World
) -> None:
    campaign_id = world.draft()
    world.act(campaign_id, CampaignAction.SUBMIT)
    page = f"/admin/campaigns/{campaign_id}/"
    signed_in(client, APPROVER)
    assert post(client, f"{page}comments", card="whom", comment="Bỏ <b>phường</b> ra.").status_code == 303
    refused = post(client, f"{page}comments", card="when", comment=" ")
    assert refused.status_code == 422
    assert 'id="error-comment-comment-when-None"' in refused.text
    world.act(campaign_id, CampaignAction.RETURN, APPROVER)
    shown = signed_in(client, AUTHOR).get(page).text
    assert "Bỏ &lt;b&gt;phường&lt;/b&gt; ra." in shown
    assert "Còn 1 góp ý chưa giải quyết" in shown
    assert "Góp ý chưa giải quyết:" in shown
    comment = world.one(select(CampaignComment.id))
    assert post(client, f"{page}comments/{comment}/settle").status_code == 303
    shown = client.get(page).text
    assert "1 góp ý đã giải quyết" in shown
    assert "chưa giải quyết" not in shown
