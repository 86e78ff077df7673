"""What is said a second time, by another channel or another person, outlives the taking back of the first."""

from datetime import timedelta
from itertools import accumulate

import pytest
from sqlalchemy import func, select, update

from campaigns.answer_totals import find_differences
from campaigns.cases.handle_case import label_reply
from campaigns.models.replies import AnswerSource, AnswerTotal, InstallReport
from campaigns.replies.record_answer import undo_answer_by_id
from campaigns.rules.cases import CaseKind
from campaigns.rules.replies.labels import Label
from tests.integration.campaigns.test_cases import campaign, do, stopped
from tests.support.tables import cases
from tests.support.world import number

__all__ = ["campaign"]  # the fixture


def hear(world, campaign, label):
    """An officer writes down what they heard at the door; the answer's id."""
    recipient = world.recipient(number(0), campaign)
    answer = world.hear(recipient, label)
    return answer.id


def unsay(world, answer_id):
    assert world.do(undo_answer_by_id, answer_id, is_mistaken=True)


@cases("sms", "page")
def test_who_asked_to_be_left_alone_themselves_stays_so_when_the_officers_entry_goes(
    world, campaign, channel
):
    entry = hear(world, campaign, Label.OPT_OUT)
    if channel == "sms":
        world.reply(number(0), "STOP", gateway_id="SM1")
    else:
        world.press(campaign, "opt_out")
    unsay(world, entry)
    assert stopped(world) == {number(0): "opt_out"}
    world.press(campaign, "undo")
    assert stopped(world) == {}


@cases((number(0), "STOP"), (number(0), "page"), (number(900), "STOP"))
def test_a_plain_stop_after_a_doubtful_one_stands_when_the_doubtful_was_none(world, campaign, sender, again):
    world.reply(sender, "thôi mệt", gateway_id="SM1")
    (doubtful,) = (each for each in world.cases() if each.kind is CaseKind.OPT_OUT)
    if again == "page":
        world.press(campaign, "opt_out")
    else:
        world.reply(sender, again, gateway_id="SM2")
    do(world, label_reply, doubtful.id, Label.UNCLEAR)
    assert stopped(world) == {sender: "opt_out"}
    world.send()
    confirmed = [
        line for line in world.simulator.ledger() if line["To"] == sender and "http" not in line["Body"]
    ]
    assert len(confirmed) == 1


def test_one_press_of_undo_takes_back_a_stop_that_was_said_twice(world, campaign):
    world.reply(number(0), "STOP", gateway_id="SM1")
    world.press(campaign, "opt_out")
    world.press(campaign, "undo")
    assert stopped(world) == {}
    assert world.recipient(number(0), campaign).answer is None


@pytest.mark.parametrize("told", ["sms", "page"])
@pytest.mark.parametrize("since", ["installed", "no_smartphone"])
def test_undoing_what_was_said_after_not_yet_brings_the_reminder_back(world, campaign, told, since):
    if told == "sms":
        world.reply(number(0), "2", gateway_id="SM1", now=world.now - timedelta(minutes=1))
    world.press(campaign, "not_yet")
    for answer in (since, "undo"):
        world.press(campaign, answer)
    recipient = world.recipient(number(0), campaign)
    assert (recipient.answer, recipient.wants_reminder) == (Label.NOT_YET, True)
    world.press(campaign, "undo")
    assert not world.recipient(number(0), campaign).wants_reminder


@cases(False, True)
def test_on_no_day_does_a_number_count_twice(world, campaign, late):
    """An officer's entry is undone days after the resident said so too, or a reply of the days between comes in late."""
    now, entry = world.now, hear(world, campaign, Label.INSTALLED)
    for after, what in sorted([(2 + 3 * late, "reply"), (4, "undo")]):
        world.now = now + timedelta(days=after)
        if what == "undo":
            unsay(world, entry)
        else:
            world.reply(number(0), "1", gateway_id="SM1", now=now + timedelta(days=2))
    assert world.read(find_differences)[1] == []
    days = select(AnswerTotal.day, func.sum(AnswerTotal.installed)).where(AnswerTotal.day.is_not(None))
    changes = world.rows(days.group_by(AnswerTotal.day).order_by(AnswerTotal.day))
    assert {*accumulate(int(change) for _day, change in changes)} <= {0, 1}


def test_a_report_in_force_of_an_answer_that_was_undone_is_found(world, campaign):
    unsay(world, hear(world, campaign, Label.INSTALLED))
    with world.runtime.db.write() as session:
        assert find_differences(session)[1] == []
        report = session.scalars(select(InstallReport)).one()
        session.execute(update(AnswerTotal).where(AnswerTotal.installed < 0).values(installed=0))
        report.withdrawn_at = None
        session.flush()
        assert [each.kept.installed - each.counted.installed for each in find_differences(session)[1]] == [1]


def test_an_install_that_its_owner_confirmed_counts_as_theirs_once_the_officers_entry_goes(world, campaign):
    entry = hear(world, campaign, Label.INSTALLED)
    world.reply(number(0), "1", gateway_id="SM1")
    unsay(world, entry)
    standing = world.all(
        select(InstallReport).where(InstallReport.withdrawn_at.is_(None)).order_by(InstallReport.id)
    )
    assert [report.source for report in standing] == [AnswerSource.SMS]
    assert world.read(find_differences)[1] == []
    world.press(campaign, "not_yet")
    assert not world.all(
        select(InstallReport).where(InstallReport.withdrawn_at.is_(None)).order_by(InstallReport.id)
    )
    assert world.read(find_differences)[1] == []
