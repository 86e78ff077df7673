"""An officer's answer by SMS: within the hours and the cap, never to who opted out, once, and taken back in time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from campaigns.analytics.open_tasks import read_unknown
from campaigns.cases import conversation
from campaigns.cases.conversation import answer_by_sms, list_texts, read_sent, remove_text, save_text
from campaigns.cases.handle_case import Reopened, close_case, label_reply, reopen_case, undo_reply_label
from campaigns.delivery.reconcile import count_undecided, count_without_campaign, decide_unknown
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message, Outbox
from campaigns.models.replies import Case, SavedText
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.delivery import GIVES_UP_AFTER, TRANSACTIONAL_GIVES_UP_AFTER
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignAction, MessageKind, MessageState, SkipReason
from outreach.models.accounts import Role
from outreach.rules.errors import BadInput, BadTemplate, NotAllowed, NotFound, WrongState
from outreach.rules.wishes import WishSource
from tests.integration.campaigns.test_cases import case, do
from tests.integration.campaigns.test_concurrent_actions import at_once
from tests.support.errors import refuses
from tests.support.servers import both_databases
from tests.support.wishes import numbers_left_alone, opt_out
from tests.support.world import AUTHOR, number

TEXT = "Can bo se goi lai trong ngay."


def asked(world, **changes):
    """A campaign that somebody has asked for help in; the case's id. The gateway's record starts anew."""
    campaign = world.sent(people=2, **{"window": ["00:00", "24:00"], **changes})
    world.press(campaign, "need_help")
    world.simulator.reset()
    (opened,) = world.cases()
    return opened.id


def close_the_window(world):
    """From now on it is not the campaign's hour."""
    world.close_window(world.one(select(Campaign.id)))


def answer(world, case_id, text=TEXT, *, is_done=True):
    return world.do(answer_by_sms, case_id, text, is_done=is_done)


def message(world, case_id):
    return world.get_one(Message, world.get_one(Case, case_id).message_id)


def test_an_answer_goes_out_once_and_ends_the_case(world):
    case_id = asked(world)
    assert answer(world, case_id) == world.now
    with pytest.raises(WrongState, match="case_done"):
        answer(world, case_id)
    world.send()
    assert [(line["To"], line["Body"]) for line in world.simulator.ledger()] == [(number(0), TEXT)]
    assert case(world, case_id).outcome is CaseOutcome.MESSAGED


def test_no_officer_writes_to_many_past_an_approval_by_recording_that_they_asked(world, monkeypatch):
    monkeypatch.setattr(conversation, "MOST_UNASKED", 2)
    campaign = world.sent(people=5, window=["00:00", "24:00"])
    world.press(campaign, "need_help", index=4)
    world.reply(number(3), "giup toi cai voi", gateway_id="SM3")
    for index in range(3):
        world.hear(world.recipient(number(index), campaign), Label.NEED_HELP)
    pressed, written, *recorded = (each.id for each in world.cases())
    for case_id in recorded[:2]:
        answer(world, case_id, "Nhan qua tai evil.vn")
    with pytest.raises(BadInput, match="answers_unasked_many"):
        answer(world, recorded[2], "Nhan qua tai evil.vn")
    for case_id in (pressed, written):  # who has asked by themselves is answered however many they are
        answer(world, case_id)


def test_an_answer_may_leave_the_case_open_and_is_not_sent_twice(world):
    case_id = asked(world)
    answer(world, case_id, is_done=False)
    with pytest.raises(WrongState, match="answer_under_way"):
        answer(world, case_id, "Xin doi them.")
    world.send()
    with pytest.raises(WrongState, match="answer_sent_before"):
        answer(world, case_id)
    answer(world, case_id, "Can bo dang den.")
    world.send()
    assert len(world.sent_to()) == 2
    assert case(world, case_id).done_at is not None


def test_an_answer_that_did_not_arrive_may_be_sent_once_more(world):
    case_id = asked(world)
    answer(world, case_id, is_done=False)
    world.send()
    world.change(Message, message(world, case_id).id, state=MessageState.UNDELIVERED)
    answer(world, case_id)
    world.send()
    assert [line["Body"] for line in world.simulator.ledger()] == [TEXT, TEXT]


def test_an_answer_waits_for_the_hours_and_can_be_taken_back_until_then(world):
    case_id = asked(world)
    close_the_window(world)
    leaves_at = answer(world, case_id)
    assert leaves_at > world.now
    world.send()
    assert world.sent_to() == []
    (waiting,) = world.read(read_sent, Message.id == message(world, case_id).id)
    assert (waiting.state, waiting.due_at, waiting.sent_at) == (MessageState.QUEUED, leaves_at, None)
    assert do(world, reopen_case, case_id) == Reopened(keeps_answer=False, keeps_message=False)
    assert message(world, case_id).state is MessageState.CANCELLED
    assert world.all(select(Outbox)) == []
    answer(world, case_id)  # the same words again: they have not been read
    assert message(world, case_id).state is MessageState.QUEUED


def test_what_has_left_stays_sent_when_the_case_is_opened_again(world):
    case_id = asked(world)
    answer(world, case_id)
    world.send()
    assert do(world, reopen_case, case_id) == Reopened(keeps_answer=False, keeps_message=True)
    assert [each.id for each in world.cases()] == [case_id]


@both_databases
def test_a_case_opened_again_while_its_answer_leaves_comes_to_one_end(world):
    case_id = asked(world)
    answer(world, case_id)
    _sent, reopened = at_once(world.send, lambda: do(world, reopen_case, case_id))
    assert isinstance(reopened, Reopened)
    world.send()
    assert len(world.sent_to()) == (1 if reopened.keeps_message else 0)
    expected = message(world, case_id).state is not MessageState.CANCELLED
    assert expected is reopened.keeps_message


def test_who_opted_out_is_not_written_to_before_or_after(world):
    case_id = asked(world)
    answer(world, case_id, is_done=False)
    world.reply(number(0), "TC", gateway_id="SM1", is_opt_out=True)
    world.send()
    assert world.sent_to() == []
    assert message(world, case_id).skip_reason is SkipReason.SUPPRESSED
    with pytest.raises(WrongState, match="number_takes_no_messages"):
        answer(world, case_id, "Xin loi.")


def test_an_officer_is_told_that_who_asks_from_another_number_than_they_opted_out_on_gets_no_answer(world):
    case_id = asked(world)
    contact_id = world.recipient(number(0), 1).contact_id or 0
    opt_out(world, None, contact_id, source=WishSource.DOOR)
    with pytest.raises(WrongState, match="number_takes_no_messages"):
        answer(world, case_id)


def test_the_cap_holds_for_answers(world):
    case_id = asked(world, cap_per_day=1)
    answer(world, case_id)
    world.send()
    assert world.sent_to() == []
    assert message(world, case_id).state is MessageState.QUEUED


@pytest.mark.parametrize(("text", "said"), [("  ", "Chưa có nội dung"), ("ắ" * 300, "dài 5 tin nhắn")])
def test_an_empty_and_a_long_answer_are_refused(world, text, said):
    case_id = asked(world)
    with refuses(BadInput, says=said):
        answer(world, case_id, text)


def test_a_stranger_can_only_be_called(world):
    world.reply(number(900), "4", gateway_id="SM1")
    with pytest.raises(WrongState, match="number_without_campaign"):
        answer(world, world.cases()[0].id)


def test_an_opt_out_label_taken_back_before_its_confirmation_left_sends_nothing(world):
    world.sent(people=1, window=["00:00", "24:00"])
    world.simulator.reset()
    world.reply(number(0), "ok", gateway_id="SM1")
    (unclear,) = world.cases()
    do(world, label_reply, unclear.id, Label.OPT_OUT)
    do(world, undo_reply_label, unclear.id)
    world.send()
    assert world.sent_to() == []
    do(world, label_reply, unclear.id, Label.OPT_OUT)
    world.send()
    assert world.sent_to() == [number(0)]
    assert world.read(numbers_left_alone) == {number(0)}


def test_a_finished_call_does_not_touch_an_answer_sent_before(world):
    case_id = asked(world)
    close_the_window(world)
    answer(world, case_id, is_done=False)
    do(world, close_case, case_id, CaseOutcome.CALLED)
    do(world, reopen_case, case_id)
    assert message(world, case_id).state is MessageState.QUEUED


def test_kept_texts_are_an_organisations_own_and_those_above_it(world):
    for code in ("PN", "TN"):
        world.officer(f"{code.lower()}@loa.example", Role.STAFF, world.organisation(code, f"Hội {code}"))
    ids = {}
    for email in (AUTHOR, "pn@loa.example", "tn@loa.example"):
        saved = world.do(save_text, title=email, text="Chao {name}.", text_id=None, by=email)
        ids[email] = saved.id
    assert [each.title for each in world.read(list_texts, world.user("pn@loa.example"), None)] == [
        AUTHOR,
        "pn@loa.example",
    ]
    assert len(world.read(list_texts, world.user(AUTHOR), None)) == 3
    pn = world.user("pn@loa.example")
    for other in (AUTHOR, "tn@loa.example"):
        with world.runtime.db.write() as session:
            with pytest.raises(NotFound):
                remove_text(session, ids[other], user=pn, now=world.now)
            with pytest.raises(NotFound):
                save_text(session, title="x", text="x", text_id=ids[other], user=pn, now=world.now)
            with pytest.raises(BadTemplate):
                save_text(session, title="x", text="{ten}", text_id=None, user=pn, now=world.now)
            with pytest.raises(BadInput):
                save_text(session, title=" ", text="x", text_id=None, user=pn, now=world.now)
    world.do(remove_text, ids["pn@loa.example"], user=pn, now=world.now + timedelta(minutes=1))
    assert [each.title for each in world.read(list_texts, pn, None)] == [AUTHOR]


def test_a_kept_text_is_offered_in_campaigns_of_its_kind_and_a_general_one_in_all(world):
    author = world.user(AUTHOR)
    given = {"text": "Chao.", "text_id": None, "now": world.now}
    for title, kind in (("Gọi lại", ""), ("Cách cài", "bluezone"), ("Nơi tránh trú", "bao-lu")):
        world.do(save_text, title=title, kind=kind, **given)
    with pytest.raises(BadInput):
        world.do(save_text, title="x", kind="la", **given)
    # Its kind was removed since.
    by = {"changed_by": author.id, "changed_at": world.now, "organisation_id": author.organisation_id}
    world.add(SavedText(title="Loại cũ", text="Chao.", kind="da-bo", **by))
    offered = {
        kind: [each.title for each in world.read(list_texts, author, kind)]
        for kind in ("bao-lu", "bluezone", "khao-sat", None)
    }
    assert offered == {
        "bao-lu": ["Nơi tránh trú", "Gọi lại", "Loại cũ"],
        "bluezone": ["Cách cài", "Gọi lại", "Loại cũ"],
        "khao-sat": ["Gọi lại", "Loại cũ"],
        None: ["Gọi lại", "Loại cũ"],
    }


# Confirmations and acknowledgements that do not get through: they are neither given up early nor lost
# from sight.


BELOW = "pn@loa.example"


def confirmation(world):
    state = world.one(select(Message.state).where(Message.kind == MessageKind.CONFIRMATION))
    return state


def let_it_wait(world, **changes):
    """As if what is in the outbox had been put back so often, and were due again."""
    world.execute(update(Outbox).values(not_before=world.now, **changes))


def test_a_fault_of_the_account_holds_a_confirmation_back_for_a_day_and_loses_it_not(world):
    world.sent(people=1)
    world.reply(number(0), "TC", gateway_id="SM1")
    world.use_token("wrong")
    world.send()
    for refused in (GIVES_UP_AFTER + 1, TRANSACTIONAL_GIVES_UP_AFTER - 2):
        let_it_wait(world, refused=refused, throttled=100)
        world.send()
        assert confirmation(world) is MessageState.QUEUED
    world.use_token(world.simulator.auth_token)
    let_it_wait(world)
    world.send()
    assert len(world.sent_to()) == 2


def test_after_more_than_a_day_of_it_a_confirmation_has_failed(world):
    world.sent(people=1)
    world.reply(number(0), "TC", gateway_id="SM1")
    world.use_token("wrong")
    let_it_wait(world, refused=TRANSACTIONAL_GIVES_UP_AFTER - 1)
    world.send()
    assert confirmation(world) is MessageState.FAILED


def test_what_the_gateway_was_too_busy_for_counts_not_as_refused(world):
    campaign = world.launch(people=2)
    let_it_wait(world, throttled=50)
    world.use_token("wrong")
    world.send()
    assert world.status(campaign)["steps"][0]["messages"] == {"queued": 2}
    # The account alone: somebody has let it go on in vain so often.
    let_it_wait(world, refused=GIVES_UP_AFTER - 1)
    world.act(campaign, CampaignAction.RESUME)
    world.send()
    assert world.status(campaign)["steps"][0]["messages"] == {"failed": 2}


def decide(world, campaign, email, *, resend):
    return world.do(decide_unknown, campaign, resend=resend, by=email, now=datetime.now(UTC))


def test_a_confirmation_nobody_saw_the_end_of_is_decided_with_its_campaign(world):
    campaign = world.sent(people=2)
    world.sweep()
    world.reply(number(0), "TC", gateway_id="SM1")
    world.send()
    world.lose_sight()
    now = datetime.now(UTC)
    assert world.read(count_undecided, campaign, now=now) == (2, 1)
    (line,) = world.read(read_unknown, world.user(AUTHOR), now=now)
    assert (line.id, line.unknown, line.undecided) == (campaign, 3, 3)
    assert decide(world, campaign, AUTHOR, resend=True) == 3
    assert confirmation(world) is MessageState.QUEUED
    world.send()
    assert world.sent_to().count(number(0)) == 3  # who has opted out gets the campaign's own message no more
    world.lose_sight()
    decide(world, campaign, AUTHOR, resend=False)
    assert confirmation(world) is MessageState.NO_REPORT


def test_what_belongs_to_no_campaign_is_decided_by_those_who_see_everything(world):
    world.officer(BELOW, Role.STAFF, world.organisation())
    world.reply(number(7), "TC", gateway_id="SM1")  # a stranger
    world.send()
    world.lose_sight()
    now = datetime.now(UTC)
    assert world.read(count_without_campaign, world.user(AUTHOR), now=now) == 1
    assert world.read(count_without_campaign, world.user(BELOW), now=now) == 0
    with pytest.raises(NotAllowed):
        decide(world, None, BELOW, resend=False)
    assert decide(world, None, AUTHOR, resend=False) == 1
    assert confirmation(world) is MessageState.NO_REPORT
