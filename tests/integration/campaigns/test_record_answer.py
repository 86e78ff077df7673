"""What residents say and what follows: counted once, taken back, left alone, confirmed once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from campaigns.models.messages import Message
from campaigns.models.replies import Case, Reply, ReplyState
from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.links import LinkCipher
from campaigns.rules.replies.labels import Label
from tests.support.servers import both_databases
from tests.support.world import number


@pytest.fixture
def campaign(world):
    """A campaign that three people have received; the gateway's record starts anew after it."""
    campaign = world.sent(people=3)
    world.simulator.reset()
    return campaign


def share(world, campaign):
    found = world.status(campaign)["self_reported"]
    return found["installed"], found["denominator"]


def test_an_install_reported_twice_counts_once(world, campaign):
    assert share(world, campaign) == (0, 3)
    world.press(campaign, "installed")
    world.press(campaign, "installed")
    world.reply(number(0), "da cai roi", gateway_id="SM1")
    assert share(world, campaign) == (1, 3)


def test_the_share_rises_by_reply_and_by_page(world, campaign):
    world.reply(number(0), "Em cài rồi nhé", gateway_id="SM1")
    world.press(campaign, "installed", index=1)
    world.press(campaign, "no_smartphone", index=2)
    assert share(world, campaign) == (2, 2)
    assert world.status(campaign)["answers"] == {"installed": 2, "no_smartphone": 1}


@both_databases
def test_a_later_answer_takes_an_install_back_and_undo_brings_it_again(world, campaign):
    world.press(campaign, "installed")
    world.reply(number(0), "xóa rồi, không cài nữa", gateway_id="SM1")
    assert share(world, campaign)[0] == 0
    world.press(campaign, "undo")
    assert share(world, campaign)[0] == 1
    world.press(campaign, "undo")
    assert share(world, campaign)[0] == 0
    world.press(campaign, "undo")
    assert world.status(campaign)["answers"] == {}


@both_databases
def test_an_opt_out_is_confirmed_once_and_ends_all_sending_to_the_number(world, campaign):
    world.reply(number(0), "TC", gateway_id="SM1")
    world.reply(number(0), "tu choi nhan tin", gateway_id="SM2")
    world.press(campaign, "opt_out")
    world.send()
    confirmations = [line for line in world.simulator.ledger() if line["To"] == number(0)]
    assert len(confirmations) == 1
    assert "tu choi" in confirmations[0]["Body"]
    world.simulator.reset()
    later = world.sent(name="Đợt hai", text="Nhắc lại: mời cài Bluezone {link}")
    assert sorted(world.sent_to()) == [number(1), number(2)]
    assert world.status(later)["excluded"] == {"opted_out": 1}


def test_an_opt_out_is_confirmed_on_each_number_that_it_comes_from(world):
    world.add_person("Y Mot", number(0), number(7))
    world.launch()
    for index in (7, 0):
        world.reply(number(index), "TC", gateway_id=f"SM{index}")
    world.send()
    assert sorted(world.sent_to()) == [number(0), number(7)]


def test_an_opt_out_is_confirmed_at_any_hour_and_other_answers_wait(world):
    campaign = world.sent(people=2)
    world.simulator.reset()
    world.close_window(campaign)
    world.reply(number(0), "TC", gateway_id="SM1")
    world.reply(number(1), "1", gateway_id="SM2")
    world.send()
    assert world.sent_to() == [number(0)]


def test_pressing_to_and_fro_sends_one_confirmation(world, campaign):
    for _ in range(4):
        world.press(campaign, "opt_out")
        world.press(campaign, "undo")
    world.send()
    assert world.sent_to() == []  # each was taken back before its confirmation had left
    for _ in range(3):  # more presses within minutes are refused
        world.press(campaign, "opt_out")
        world.send()
        world.press(campaign, "undo")
    assert world.sent_to() == [number(0)]


def test_each_answer_is_acknowledged_once(world, campaign):
    world.reply(number(0), "1", gateway_id="SM1")
    world.send()
    world.reply(number(0), "2", gateway_id="SM2")
    world.send()
    world.reply(number(0), "1", gateway_id="SM3")
    world.send()
    bodies = [line["Body"] for line in world.simulator.ledger()]
    assert len(bodies) == 2
    assert bodies[0].startswith("Cam on")


def test_nobody_is_thanked_for_what_they_have_taken_back_meanwhile(world, campaign):
    world.reply(number(0), "1", gateway_id="SM1")
    world.press(campaign, "undo")
    world.reply(number(1), "1", gateway_id="SM2")
    world.reply(number(1), "2", gateway_id="SM3")
    world.reply(number(2), "1", gateway_id="SM4")
    world.reply(number(2), "TC", gateway_id="SM5")
    world.send()
    texts = {line["To"]: line["Body"] for line in world.simulator.ledger()}
    assert len(world.sent_to()) == 2
    assert "nhan lai so 1" in texts[number(1)]
    assert "tu choi" in texts[number(2)]


def test_a_campaign_without_accents_answers_without_them(world):
    world.add_people(2)
    replies = {
        "installed": {"reply": "Cảm ơn ông/bà"},
        "opt_out": {"reply": "Đã nhận lời từ chối lúc {time}."},
    }
    world.sent(unaccented=True, content={"answers": replies})
    world.simulator.reset()
    world.reply(number(0), "1", gateway_id="SM1")
    world.reply(number(1), "TC", gateway_id="SM2")
    world.send()
    texts = {line["To"]: line["Body"] for line in world.simulator.ledger()}
    assert texts[number(0)] == "Cam on ong/ba"
    assert texts[number(1)].startswith("Da nhan loi tu choi luc ")


def test_an_acknowledgement_carries_the_name_and_the_link_and_keeps_no_token(world):
    world.add_person("A Thun", number(0))
    reply = "[{name} oi, ]da nhan luc {time}. Xem lai: {link}"
    campaign = world.sent(content={"answers": {"installed": {"reply": reply}}})
    world.reply(number(0), "1", gateway_id="SM1")
    world.send()
    settings = world.runtime.settings
    token = LinkCipher(settings.secret_key).token(world.recipient(number(0), campaign).id)
    sent = world.simulator.ledger()[-1]["Body"]
    assert sent.startswith("A Thun oi, da nhan luc ")
    assert sent.endswith(f"Xem lai: {settings.public_base_url}/{token}")
    kept = world.one(select(Message.text).where(Message.answer_id.is_not(None)))
    assert kept
    assert token not in kept


def test_a_repeated_webhook_changes_nothing(world, campaign):
    assert world.reply(number(0), "1", gateway_id="SM1")
    assert world.reply(number(0), "1", gateway_id="SM1") is None
    assert len(world.all(select(Reply))) == 1


@pytest.mark.parametrize("text", ["ok", "cài ở đâu vậy", "❤️", ""])
def test_what_is_no_answer_goes_to_the_inbox_and_counts_for_nothing(world, campaign, text):
    reply = world.reply(number(0), text, gateway_id="SM1")
    assert [case.reply_id for case in world.cases()] == [reply.id]
    assert world.status(campaign)["answers"] == {}


def test_a_call_for_help_is_counted_and_looked_at(world, campaign):
    reply = world.reply(number(0), "giup toi voi", gateway_id="SM1")
    assert reply.label is Label.NEED_HELP
    assert [(case.kind, case.reply_id) for case in world.cases()] == [(CaseKind.HELP, reply.id)]
    assert world.status(campaign)["answers"] == {"need_help": 1}


@pytest.mark.parametrize(("first", "again"), [("page", "page"), ("officer", "officer"), ("reply", "page")])
def test_help_that_is_asked_for_again_after_its_case_is_looked_at_again(world, campaign, first, again):
    def ask(way, now):
        world.now = now
        if way == "page":
            world.press(campaign, Label.NEED_HELP)
        elif way == "reply":
            world.reply(number(0), "giup toi voi", gateway_id="SM1", now=now)
        else:
            world.hear(world.recipient(number(0), campaign), Label.NEED_HELP)

    ask(first, world.now)
    (case,) = world.cases()
    done_at = world.now + timedelta(hours=1)
    world.change(Case, case.id, done_at=done_at, outcome=CaseOutcome.CALLED)
    ask(again, done_at - timedelta(minutes=1))  # comes in late
    assert world.cases() == []
    for _ in range(2):
        ask(again, done_at + timedelta(hours=1))
    assert [each.kind for each in world.cases()] == [CaseKind.HELP]
    assert world.status(campaign)["answers"] == {"need_help": 1}
    world.undo(campaign)
    assert world.cases() == []


def test_a_reply_belongs_to_the_latest_message_for_fourteen_days(world, campaign):
    later = world.sent(name="Đợt hai", text="Nhắc lại: mời cài Bluezone {link}")
    reply = world.reply(number(0), "1", gateway_id="SM1")
    assert reply.campaign_id == later
    late = world.reply(number(1), "1", gateway_id="SM2", now=world.now + timedelta(days=15))
    assert (late.recipient_id, late.state) == (None, ReplyState.INBOX)


def test_a_stranger_s_opt_out_counts_and_is_confirmed(world, campaign):
    stranger = number(900)
    assert world.reply(stranger, "huy tin", gateway_id="SM1")
    world.send()
    assert world.sent_to() == [stranger]
    world.add_person("Y Blưm", stranger)
    assert world.status(world.launch(name="Đợt hai"))["excluded"] == {"opted_out": 1}


def test_an_opt_out_that_the_gateway_has_answered_is_not_answered_twice(world, campaign):
    world.reply(number(0), "STOP", gateway_id="SM1", is_opt_out=True)
    world.send()
    assert world.sent_to() == []
    assert world.status(campaign)["answers"] == {"opt_out": 1}


def test_a_call_for_help_that_the_gateway_has_answered_is_not_answered_twice(world, campaign):
    world.reply(number(0), "HELP", gateway_id="SM1", is_help_request=True)
    world.send()
    assert world.sent_to() == []
    assert [case.kind for case in world.cases()] == [CaseKind.HELP]
    assert world.status(campaign)["answers"] == {"need_help": 1}


def test_a_wrong_number_is_not_written_to_again_but_the_person_s_other_phone_is(world):
    world.add_person("A Thun", number(1), number(2))
    world.sent()
    assert world.sent_to() == [number(1)]
    world.reply(number(1), "nham so roi", gateway_id="SM1")
    world.send()
    world.simulator.reset()
    world.sent(name="Đợt hai")
    assert world.sent_to() == [number(2)]


def test_who_opts_out_on_their_second_phone_is_not_written_to_on_the_first(world):
    world.add_person("Y Hai Máy", number(10), number(11))
    world.add_person("Y Một Máy", number(12))
    campaign = world.launch()
    world.reply(number(11), "TC", gateway_id="SM1")
    world.send()
    assert [line["To"] for line in world.simulator.ledger() if line["To"] != number(11)] == [number(12)]
    assert world.status(campaign)["steps"][0]["messages"] == {"accepted": 1, "skipped": 1}
