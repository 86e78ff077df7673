"""Invitations: who will come is no result, who came is; and a message is not submitted before place and time are filled in."""

from __future__ import annotations

from sqlalchemy import select

from campaigns.lifecycle import perform_action
from campaigns.models.replies import AnswerPlace, Reply, ReplyState
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignAction, CampaignState
from outreach.models.contacts import Contact
from outreach.rules.errors import BadCampaign
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, World, number

INVITED = "Moi ong/ba hop thon. Tra loi: 1 toi se den, 2 toi khong den duoc, TC tu choi"


@both_databases
def test_who_will_come_is_counted_apart_and_only_who_came_is_a_result(world: World) -> None:
    world.add_people(4)
    campaign = world.launch(kind="moi-du", text=INVITED, goal={"share": 0.5})
    world.send()
    world.reply(number(0), "1", gateway_id="SM1")
    world.reply(number(1), "da chau se di a", gateway_id="SM2")
    world.reply(number(2), "toi ban qua khong di duoc", gateway_id="SM3")
    with world.runtime.db.write() as session:
        recipient = world.recipient(number(3), campaign)
        record_page_answer(session, recipient.id, "own-1", keys=world.keys, now=world.now)
    status = world.status(campaign)
    assert [(each["text"], each["people"]) for each in status["own_answers"]] == [
        ("Tôi sẽ đến", 3),
        ("Tôi không đến được", 1),
        ("Tôi cần giúp đi lại", 0),
    ]
    assert status["self_reported"]["installed"] == 0, "a promise is no result"
    assert world.recipient(number(3), campaign).wants_reminder, "who will come is reminded of it"

    came = world.first(select(Contact.id).order_by(Contact.id))
    assert came
    world.tell(came, campaign, Label.INSTALLED, AnswerPlace.MEETING)  # after the meeting
    assert world.status(campaign)["self_reported"]["installed"] == 1


def test_a_text_with_a_gap_is_not_submitted_until_it_is_filled_in(world: World) -> None:
    world.add_people(1)
    for gap in (
        {"text": "Mời họp tại [địa điểm]. TC từ chối"},
        {"text": INVITED, "step": [{"text": "Nhắc họp lúc [giờ, ngày]. TC từ chối", "after_days": 1}]},
    ):
        draft = world.draft(kind="moi-du", name=str(len(gap)), **gap)
        with refuses(BadCampaign, says=r"còn chỗ phải điền: .*\["):
            perform_action(
                world.runtime, draft, CampaignAction.SUBMIT, user=world.user(AUTHOR), now=world.now
            )
    draft = world.draft(kind="moi-du", text=f"[QC] {INVITED}")
    done = perform_action(world.runtime, draft, CampaignAction.SUBMIT, user=world.user(AUTHOR), now=world.now)
    assert done.state is CampaignState.SUBMITTED


def test_the_third_answer_asks_for_help_where_nothing_else_is_third(world: World) -> None:
    world.add_people(3)
    campaign = world.launch(kind="tiem-chung", text="Moi di tiem. Tra loi: 1 da tiem, 2 chua, 3 can giup, TC")
    world.send()
    for index, body in enumerate(("3", "Số 3 ạ", "4")):
        world.reply(number(index), body, gateway_id=f"SM{index}")
        assert world.recipient(number(index), campaign).answer is Label.NEED_HELP


def test_a_bare_yes_right_after_the_question_is_its_answer(world: World) -> None:
    """After our thanks or a reply of the same person it is none; a mere "dạ" waits for an officer."""
    world.add_people(5)
    asked = f"Ong/ba co den hop thon duoc khong? {INVITED}"
    campaign = world.launch(kind="moi-du", text=asked)
    world.send()
    for n, body in enumerate(("có", "ko ạ", "dạ", "mấy giờ vậy?", "TC")):
        world.reply(number(n), body, gateway_id=f"SM{n}")
    world.reply(number(3), "ok", gateway_id="SM8")
    world.reply(number(1), "ok chị", gateway_id="SM9")
    status = world.status(campaign)
    assert [each["people"] for each in status["own_answers"]] == [1, 1, 0]
    replies = {reply.gateway_id: reply for reply in world.all(select(Reply).order_by(Reply.id))}
    assert replies["SM2"].state is ReplyState.INBOX
    assert replies["SM4"].label is Label.OPT_OUT
