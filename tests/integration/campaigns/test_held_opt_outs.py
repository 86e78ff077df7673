"""A likely wish to be left alone closes the number, and is confirmed once somebody has looked or nobody has in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from campaigns.cases.case_list import CaseFilter, read_case_list
from campaigns.cases.handle_case import label_reply
from campaigns.models.messages import Message
from campaigns.models.replies import Case
from campaigns.replies.held_opt_outs import confirm_overdue
from campaigns.replies.receive_reply import receive_reply
from campaigns.rules.cases import CaseKind
from campaigns.rules.replies.labels import Label
from campaigns.rules.replies.understand import Understanding
from campaigns.rules.states import MessageKind
from outreach.rules.gateway import InboundMessage
from tests.integration.campaigns.test_cases import campaign, do, stopped
from tests.support.world import AUTHOR, World, number

__all__ = ["campaign"]  # the fixture
HELD = Understanding(Label.OPT_OUT, 0.3, False, False, "held")


def keep_held(world: World, sender: str) -> Case:
    """A reply that is likely, not surely, a wish to be left alone; its case."""
    inbound = InboundMessage(f"SM{sender}", sender, "MTTQ", "thôi mệt", False, False)
    with world.runtime.db.write() as session:
        receive_reply(session, inbound, keys=world.keys, now=world.now, meant=HELD)
    return world.cases()[-1]


def confirmations(world: World) -> int:
    return world.scalar(select(func.count()).where(Message.kind == MessageKind.CONFIRMATION)) or 0


@pytest.mark.parametrize("sender", [number(0), number(900)])
def test_an_officer_who_agrees_confirms_it_once(world: World, campaign: int, sender: str) -> None:
    held = keep_held(world, sender)
    assert held.kind is CaseKind.OPT_OUT
    assert (stopped(world), confirmations(world)) == ({sender: "opt_out"}, 0)
    do(world, label_reply, held.id, Label.OPT_OUT)
    assert (stopped(world), confirmations(world)) == ({sender: "opt_out"}, 1)


def test_an_officer_who_does_not_agree_opens_the_number_again(world: World, campaign: int) -> None:
    held = keep_held(world, number(0))
    do(world, label_reply, held.id, Label.REFUSE)
    assert (stopped(world), confirmations(world)) == ({}, 0)
    with world.runtime.db.write() as session:
        assert confirm_overdue(session, keys=world.keys, now=world.now + timedelta(days=9)) == 0


def test_one_that_was_none_has_no_later_opt_out_confirmed_twice(world: World, campaign: int) -> None:
    held = keep_held(world, number(0))
    do(world, label_reply, held.id, Label.REFUSE)
    for days in (1, 4):
        world.reply(number(0), "TC", gateway_id=f"TC{days}", now=world.now + timedelta(days=days))
    assert (stopped(world), confirmations(world)) == ({number(0): "opt_out"}, 1)


def test_who_is_erased_before_anybody_has_looked_hears_no_more(world: World, campaign: int) -> None:
    keep_held(world, number(0))
    world.simulator.reset()
    world.erase(world.recipient(number(0), campaign).contact_id or 0)
    with world.runtime.db.write() as session:
        confirm_overdue(session, keys=world.keys, now=world.now + timedelta(days=9))
    world.send()
    assert world.sent_to() == []


def test_without_a_look_it_counts_after_a_working_day_and_is_confirmed_once(
    world: World, campaign: int
) -> None:
    keep_held(world, number(0))
    for later, confirmed in ((timedelta(hours=20), 0), (timedelta(days=9), 1), (timedelta(days=10), 1)):
        with world.runtime.db.write() as session:
            confirm_overdue(session, keys=world.keys, now=world.now + later)
        assert confirmations(world) == confirmed
    assert stopped(world) == {number(0): "opt_out"}
    assert [case.kind for case in world.cases()] == [CaseKind.OPT_OUT]


def test_it_stands_in_the_inbox_after_the_cries_and_before_all_else(world: World, campaign: int) -> None:
    world.reply(number(1), "cài ở đâu vậy", gateway_id="SM1")
    keep_held(world, number(0))
    world.reply(number(2), "cứu tôi với, nhà sập rồi", gateway_id="SM3")
    with world.runtime.db.read() as session:
        found = read_case_list(session, world.user(AUTHOR), CaseFilter(), now=world.now)
        kinds = [line.case.kind for line in found.lines]
    assert kinds == [CaseKind.HELP, CaseKind.OPT_OUT, CaseKind.QUESTION]
