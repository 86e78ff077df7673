"""What was said before changes what a reply means: a mistake taken back, a yes to an offer of help, two meanings at once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from campaigns.cases.conversation import answer_by_sms
from campaigns.models.messages import Message
from campaigns.models.replies import InstallReport
from tests.support.wishes import numbers_left_alone
from tests.support.world import number

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def campaign(world):
    world.add_people(3, first=15)
    campaign = world.sent()
    return campaign


def test_a_mistake_takes_back_the_answer_of_the_last_minutes_and_an_officer_looks(world, campaign):
    world.reply(number(15), "1", gateway_id="first", now=world.now)
    world.reply(number(15), "nhầm", gateway_id="second", now=world.now + timedelta(minutes=3))
    assert world.recipient(number(15), campaign).answer is None
    assert [case.kind for case in world.cases()] == ["unclear"]


@pytest.mark.parametrize(("word", "answer"), [("1", "installed"), ("TC", "opt_out")])
def test_a_mistake_that_arrives_late_takes_back_nothing_that_was_said_since(world, campaign, word, answer):
    for minute, body in ((1, "3"), (4, word), (2, "nhầm")):
        world.reply(number(15), body, gateway_id=body, now=world.now + timedelta(minutes=minute))
    assert world.recipient(number(15), campaign).answer == answer
    assert (number(15) in world.read(numbers_left_alone)) is (word == "TC")


def test_yes_to_our_offer_of_help_asks_for_help(world, campaign):
    world.reply(number(15), "cài ở đâu", gateway_id="first")
    (case,) = world.cases()
    world.do(answer_by_sms, case.id, "Ông/bà có cần cán bộ đến nhà giúp không?", is_done=True)
    world.send()
    world.reply(number(15), "dạ có", gateway_id="second")
    assert world.recipient(number(15), campaign).answer == "need_help"


def test_done_and_stop_in_one_message_both_count(world, campaign):
    world.reply(number(15), "cài rồi, đừng nhắn nữa", gateway_id="first")
    assert world.recipient(number(15), campaign).answer == "opt_out"
    assert world.count(InstallReport) == 1


def test_a_doubt_gets_one_short_answer_and_the_case_stays_open(world, campaign):
    world.reply(number(15), "tin này có phải lừa đảo không", gateway_id="first")
    world.reply(number(15), "có phải lừa đảo không?", gateway_id="second")
    answers = world.all(select(Message.text).where(Message.text.like("%OTP%")))
    assert len(answers) == 1
    assert {case.kind for case in world.cases()} == {"question"}
