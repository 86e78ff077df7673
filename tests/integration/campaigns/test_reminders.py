"""Whom the later steps still reach: a ladder that ends with an answer, and adds up at every step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from campaigns.cases.handle_case import assign_case, close_case
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.messages import Message
from campaigns.models.replies import Case
from campaigns.replies.record_answer import AnswerContext, record_page_answer
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.states import CampaignAction, MessageState, SkipReason
from outreach.accounts.users import find_user
from outreach.contacts.contact import Closing
from outreach.models.contacts import Phone
from tests.integration.campaigns.test_audience import close_number
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, World, number

CALL = Closing.DO_NOT_CALL


def later(world: World, campaign_id: int, **ago: float) -> None:
    """Time passes: the campaign was launched so long ago."""
    with world.runtime.db.write() as session:
        session.execute(
            update(Campaign)
            .where(Campaign.id == campaign_id)
            .values(launched_at=world.now - timedelta(**ago))
        )
    world.sweep()


def finish_cases(world: World) -> None:
    """An officer has dealt with all that waited."""
    with world.runtime.db.write() as session:
        officer = find_user(session, AUTHOR)
        for case_id in session.scalars(select(Case.id).where(Case.done_at.is_(None))).all():
            assign_case(session, case_id, user=officer, now=world.now)
            close_case(
                session,
                case_id,
                CaseOutcome.CALLED,
                note="",
                result=None,
                user=officer,
                keys=world.keys,
                now=world.now,
            )


def set_state(world: World, e164: str, state: MessageState) -> None:
    with world.runtime.db.write() as session:
        phone = session.scalar(select(Phone.id).where(Phone.e164 == e164))
        session.execute(update(Message).where(Message.phone_id == phone).values(state=state))


def skipped(world: World, campaign_id: int, step: int) -> dict[str, int]:
    with world.runtime.db.read() as session:
        rows = session.execute(
            select(Message.skip_reason, func.count())
            .join(Step, Step.id == Message.step_id)
            .where(
                Message.campaign_id == campaign_id, Step.number == step, Message.state == MessageState.SKIPPED
            )
            .group_by(Message.skip_reason)
        ).all()
    return {reason.value: count for reason, count in rows}


REMINDERS = [{"text": "Nhắc: {link}", "after_days": 2}, {"text": "Nhắc lần cuối: {link}", "after_days": 4}]


@both_databases
def test_reminders_go_to_those_who_may_still_answer_and_every_step_adds_up(world: World) -> None:
    world.add_people(9)
    campaign = world.launch(step=REMINDERS)
    world.send()
    for index, text in enumerate(("1", "2", "TC", "toi khong biet cai", "may toi khong cai duoc", "hỏi ai?")):
        world.reply(number(index), text, gateway_id=f"SM{index}")
    set_state(world, number(6), MessageState.UNDELIVERED)
    set_state(world, number(7), MessageState.FAILED)
    answered = world.scalar(
        select(func.count()).where(Recipient.campaign_id == campaign, Recipient.answer.is_not(None))
    )
    assert answered == 5  # a question is no answer

    later(world, campaign, days=3)
    status = world.status(campaign)
    assert [step["step"] for step in status["steps"]] == [1, 2]
    assert status["steps"][1]["messages"] == {"queued": 1, "skipped": 8}
    assert skipped(world, campaign, 2) == {
        SkipReason.ANSWERED: 5,  # whoever asked is told first, not reminded
        SkipReason.SUPPRESSED: 1,
        SkipReason.UNREACHABLE: 2,
    }
    world.send()
    reminded = [line["To"] for line in world.simulator.ledger() if line["Body"].startswith("Nhắc")]
    assert reminded == [number(8)]

    # Once the question is dealt with the ladder goes on; whom one reminder did not reach the next leaves alone.
    world.reply(number(8), "3", gateway_id="SM80")
    finish_cases(world)
    later(world, campaign, days=5)
    world.send()
    reminded = [line["To"] for line in world.simulator.ledger() if "lần cuối" in line["Body"]]
    assert reminded == [number(5)]
    world.sweep()
    status = world.status(campaign)
    assert [sum(step["messages"].values()) for step in status["steps"]] == [9, 9, 9]
    assert status["state"] == "completed"


def test_nobody_gets_two_texts_in_a_row_because_of_a_pause(world: World) -> None:
    """The first text waits in a pause until both reminders are overdue: each keeps its days from the one before."""
    world.add_people(2)
    campaign = world.launch(step=REMINDERS)

    def left_after(days: int) -> int:
        later(world, campaign, days=days)
        world.send()
        return len(world.sent_to())

    world.act(campaign, CampaignAction.PAUSE)
    with world.runtime.db.write() as session:
        session.execute(update(Campaign).values(launched_at=world.now - timedelta(days=7)))
    world.act(campaign, CampaignAction.RESUME)
    world.send()
    assert [left_after(days) for days in (7, 8, 9, 10, 11)] == [2, 2, 4, 4, 6]


def test_an_answer_between_the_reminders_queue_and_its_sending_still_stops_it(world: World) -> None:
    world.add_people(2)
    campaign = world.launch(step=REMINDERS[:1])
    world.send()
    later(world, campaign, days=3)
    assert world.status(campaign)["steps"][1]["messages"] == {"queued": 2}
    world.reply(number(0), "1", gateway_id="SM1")
    world.send()
    assert world.status(campaign)["steps"][1]["messages"] == {"accepted": 1, "skipped": 1}
    assert skipped(world, campaign, 2) == {SkipReason.ANSWERED: 1}


def test_whoever_asked_on_the_page_to_be_reminded_is_and_only_until_another_answer(world: World) -> None:
    world.add_people(3)
    campaign = world.launch(step=REMINDERS)
    world.send()
    keys = AnswerContext(secret_key=world.runtime.settings.secret_key, is_live=False)
    with world.runtime.db.write() as session:
        for index in range(2):
            id_ = world.recipient(number(index), campaign).id
            record_page_answer(session, id_, "not_yet", keys=keys, now=datetime.now(UTC))
    world.reply(number(2), "2", gateway_id="SM2")
    later(world, campaign, days=3)
    assert skipped(world, campaign, 2) == {SkipReason.ANSWERED: 1}
    world.reply(number(1), "1", gateway_id="SM1")
    world.send()
    assert skipped(world, campaign, 2) == {SkipReason.ANSWERED: 2}
    assert [line["To"] for line in world.simulator.ledger() if line["Body"].startswith("Nhắc")] == [number(0)]


@pytest.mark.parametrize("words", ["hỏi ai vậy?", "abc xyz"])
def test_a_question_or_an_unclear_reply_before_a_reminders_sending_holds_it_back_too(
    world: World, words: str
) -> None:
    world.add_people(2)
    campaign = world.launch(step=REMINDERS[:1])
    world.send()
    later(world, campaign, days=3)
    world.reply(number(0), words, gateway_id="SM1")
    world.send()
    assert skipped(world, campaign, 2) == {SkipReason.ANSWERED: 1}
    assert world.status(campaign)["steps"][1]["messages"] == {"accepted": 1, "skipped": 1}


def test_a_number_suppressed_before_the_launch_opens_a_step_is_not_written_to(world: World) -> None:
    """Suppressed after the audience was frozen and before the next step: skipped there, still counted."""
    world.add_people(3)
    campaign = world.launch(step=REMINDERS[:1])
    close_number(world, number(0), CALL)
    world.send()
    assert sorted(world.sent_to()) == [number(1), number(2)]
    assert skipped(world, campaign, 1) == {SkipReason.SUPPRESSED: 1}
    later(world, campaign, days=3)
    assert world.status(campaign)["steps"][1]["messages"] == {"queued": 2, "skipped": 1}


def test_another_kind_of_campaign_goes_through_without_an_app_or_a_link(world: World) -> None:
    world.add_people(4)
    campaign = world.launch(
        name="Tiêm vắc xin",
        kind="tiem-chung",
        text="Moi ong/ba den tram y te tiem vac xin. Tra loi 1 neu da tiem, TC de tu choi.",
        step=[{"text": "Nhac ong/ba den tram y te.", "after_days": 2}],
    )
    world.send()
    assert {line["Body"] for line in world.simulator.ledger()} == {
        "Moi ong/ba den tram y te tiem vac xin. Tra loi 1 neu da tiem, TC de tu choi."
    }
    world.reply(number(0), "1", gateway_id="SM1")
    world.reply(number(1), "toi da tiem roi", gateway_id="SM2")
    world.reply(number(2), "TC", gateway_id="SM3")
    status = world.status(campaign)
    assert status["answers"] == {"installed": 2, "opt_out": 1}
    assert status["self_reported"]["installed"] == 2
    world.send()
    thanks = {line["Body"] for line in world.simulator.ledger() if line["To"] == number(1)}
    assert "Cam on ong/ba da tiem vac xin." in thanks
    later(world, campaign, days=3)
    world.send()
    assert [line["To"] for line in world.simulator.ledger() if line["Body"].startswith("Nhac")] == [number(3)]
    world.sweep()
    assert world.status(campaign)["state"] == "completed"
