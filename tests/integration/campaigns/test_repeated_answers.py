"""What is said a second time, by another road or another person, outlives the taking back of the first."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from campaigns.answers.counters import differences
from campaigns.answers.models import InstallReport, Place, Source
from campaigns.answers.officers import write_down
from campaigns.answers.taking import take_back
from campaigns.casework.handling import give_label
from campaigns.casework.kinds import CaseKind
from campaigns.replies.classifier import Label
from tests.flows.test_cases import campaign, do, press, stopped
from tests.flows.world import AUTHOR, World, number

__all__ = ["campaign"]  # the fixture


def hear(world: World, campaign: int, label: Label) -> int:
    """An officer writes down what they heard at the door; the answer's id."""
    recipient = world.recipient(number(0), campaign)
    with world.runtime.db.write() as session:
        answer = write_down(
            session,
            session.merge(recipient),
            label,
            place=Place.HOME,
            note="",
            user=world.user(AUTHOR),
            keys=world.keys,
            now=world.now,
        )
        assert answer
        return answer.id


def unsay(world: World, answer_id: int) -> None:
    with world.runtime.db.write() as session:
        assert take_back(session, answer_id, now=world.now, is_mistaken=True)


@pytest.mark.parametrize("road", ["sms", "page"])
def test_who_asked_to_be_left_alone_themselves_stays_so_when_the_officers_entry_goes(
    world: World, campaign: int, road: str
) -> None:
    entry = hear(world, campaign, Label.OPT_OUT)
    if road == "sms":
        world.reply(number(0), "STOP", gateway_id="SM1")
    else:
        press(world, campaign, "opt_out")
    unsay(world, entry)
    assert stopped(world) == {number(0): "opt_out"}
    press(world, campaign, "undo")
    assert stopped(world) == {}


@pytest.mark.parametrize(
    ("sender", "again"), [(number(0), "STOP"), (number(0), "page"), (number(900), "STOP")]
)
def test_a_plain_stop_after_a_doubtful_one_stands_when_the_doubtful_was_none(
    world: World, campaign: int, sender: str, again: str
) -> None:
    world.reply(sender, "phiền quá", gateway_id="SM1")
    (doubtful,) = (each for each in world.cases() if each.kind is CaseKind.OPT_OUT)
    if again == "page":
        press(world, campaign, "opt_out")
    else:
        world.reply(sender, again, gateway_id="SM2")
    do(world, give_label, doubtful.id, Label.UNCLEAR)
    assert stopped(world) == {sender: "opt_out"}
    world.send()
    confirmed = [
        line for line in world.simulator.ledger() if line["To"] == sender and "http" not in line["Body"]
    ]
    assert len(confirmed) == 1


def test_one_press_of_undo_takes_back_a_stop_that_was_said_twice(world: World, campaign: int) -> None:
    world.reply(number(0), "STOP", gateway_id="SM1")
    press(world, campaign, "opt_out")
    press(world, campaign, "undo")
    assert stopped(world) == {}
    assert world.recipient(number(0), campaign).answer is None


def test_an_install_that_its_owner_confirmed_counts_as_theirs_once_the_officers_entry_goes(
    world: World, campaign: int
) -> None:
    entry = hear(world, campaign, Label.INSTALLED)
    world.reply(number(0), "1", gateway_id="SM1")
    unsay(world, entry)
    with world.runtime.db.read() as session:
        standing = session.scalars(select(InstallReport).where(InstallReport.withdrawn_at.is_(None))).all()
        assert [report.source for report in standing] == [Source.SMS]
        assert differences(session)[1] == []
    press(world, campaign, "not_yet")
    with world.runtime.db.read() as session:
        assert not session.scalars(select(InstallReport).where(InstallReport.withdrawn_at.is_(None))).all()
        assert differences(session)[1] == []
