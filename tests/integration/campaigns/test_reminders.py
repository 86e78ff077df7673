"""Whom the later steps still reach: a ladder that ends with an answer, and adds up at every step."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from campaigns.analytics.campaign_status import read_sending_panel
from campaigns.cases.handle_case import assign_case, close_case
from campaigns.delivery.claim_messages import claim_next_batch
from campaigns.delivery.streams import open_streams, streams_still_open
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.messages import Message
from campaigns.privacy.clocks import quiet_days
from campaigns.replies.public_requests import leave_note
from campaigns.replies.record_answer import record_page_answer
from campaigns.rules.cases import CaseOutcome
from campaigns.rules.sending_hours import VIETNAM, StallReason
from campaigns.rules.states import CampaignAction, MessageState, SkipReason
from outreach.contacts.contact import Closing, lift_suppression
from outreach.core.settings import Settings
from outreach.rules.quiet_days import NO_DAYS, Period, QuietDays
from tests.integration.campaigns.test_audience import close_number
from tests.support.admin_client import shows, signed_in
from tests.support.servers import both_databases
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, number

CALL = Closing.DO_NOT_CALL


def later(world, campaign_id, **ago):
    """Time passes: the campaign was launched so long ago."""
    world.execute(
        update(Campaign).where(Campaign.id == campaign_id).values(launched_at=world.now - timedelta(**ago))
    )
    world.sweep()


def finish_cases(world):
    """An officer has dealt with all that waited."""
    for case in world.cases():
        world.do(assign_case, case.id)
        world.do(close_case, case.id, CaseOutcome.CALLED, note="", result=None)


def set_state(world, e164, state):
    world.execute(update(Message).where(Message.phone_id == world.phone(e164)).values(state=state))


def skipped(world, campaign_id, step):
    of = (Message.campaign_id == campaign_id, Step.number == step, Message.state == MessageState.SKIPPED)
    reasons = select(Message.skip_reason, func.count()).join(Step, Step.id == Message.step_id).where(*of)
    rows = world.rows(reasons.group_by(Message.skip_reason))
    return {reason.value: count for reason, count in rows}


REMINDERS = [{"text": "Nhắc: {link}", "after_days": 2}, {"text": "Nhắc lần cuối: {link}", "after_days": 4}]


@both_databases
def test_reminders_go_to_those_who_may_still_answer_and_every_step_adds_up(world):
    campaign = world.sent(people=9, step=REMINDERS)
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


def test_nobody_gets_two_texts_in_a_row_because_of_a_pause(world):
    """The first text waits in a pause until both reminders are overdue: each keeps its days from the one before."""
    campaign = world.launch(people=2, step=REMINDERS)

    def left_after(days):
        later(world, campaign, days=days)
        world.send()
        return len(world.sent_to())

    world.act(campaign, CampaignAction.PAUSE)
    world.execute(update(Campaign).values(launched_at=world.now - timedelta(days=7)))
    world.act(campaign, CampaignAction.RESUME)
    world.send()
    assert [left_after(days) for days in (7, 8, 9, 10, 11)] == [2, 2, 4, 4, 6]


def test_an_answer_between_the_reminders_queue_and_its_sending_still_stops_it(world):
    campaign = world.sent(people=2, step=REMINDERS[:1])
    later(world, campaign, days=3)
    assert world.status(campaign)["steps"][1]["messages"] == {"queued": 2}
    world.reply(number(0), "1", gateway_id="SM1")
    world.send()
    assert world.status(campaign)["steps"][1]["messages"] == {"accepted": 1, "skipped": 1}
    assert skipped(world, campaign, 2) == {SkipReason.ANSWERED: 1}


def test_whoever_asked_on_the_page_to_be_reminded_is_and_only_until_another_answer(world):
    campaign = world.sent(people=3, step=REMINDERS)
    for index in range(2):
        id_ = world.recipient(number(index), campaign).id
        world.do(record_page_answer, id_, "not_yet", now=datetime.now(UTC))
    world.reply(number(2), "2", gateway_id="SM2")
    later(world, campaign, days=3)
    assert skipped(world, campaign, 2) == {SkipReason.ANSWERED: 1}
    world.reply(number(1), "1", gateway_id="SM1")
    world.send()
    assert skipped(world, campaign, 2) == {SkipReason.ANSWERED: 2}
    assert [line["To"] for line in world.simulator.ledger() if line["Body"].startswith("Nhắc")] == [number(0)]


@cases("hỏi ai vậy?", "abc xyz")
def test_a_question_or_an_unclear_reply_before_a_reminders_sending_holds_it_back_too(world, words):
    campaign = world.sent(people=2, step=REMINDERS[:1])
    later(world, campaign, days=3)
    world.reply(number(0), words, gateway_id="SM1")
    world.send()
    assert skipped(world, campaign, 2) == {SkipReason.ANSWERED: 1}
    assert world.status(campaign)["steps"][1]["messages"] == {"accepted": 1, "skipped": 1}


@pytest.mark.parametrize("is_early", [False, True])  # before the reminder is queued
@pytest.mark.parametrize(("said", "reason"), [("TC", Closing.OPT_OUT), ("nhầm số rồi", Closing.WRONG_NUMBER)])
def test_a_person_opened_again_by_an_officer_is_reminded(world, said, reason, is_early):
    campaign = world.sent(people=2, step=REMINDERS[:1])
    if not is_early:
        later(world, campaign, days=3)
    for index in range(2):
        world.reply(number(index), said, gateway_id=f"SM{index}")
    lifted = {"reason": reason, "note": "Xin nhận tin lại", "by": APPROVER}
    person = world.recipient(number(1), campaign).contact_id
    world.do(lift_suppression, person, world.phone(number(1)), **lifted)
    later(world, campaign, days=3)
    world.send()
    assert [line["To"] for line in world.simulator.ledger() if line["Body"].startswith("Nhắc")] == [number(1)]


@pytest.mark.parametrize("is_early", [False, True])  # before the reminder is queued
@pytest.mark.parametrize("is_cry", [False, True])
def test_what_a_stranger_notes_of_a_number_holds_back_no_reminder_to_it(world, is_cry, is_early):
    campaign = world.sent(people=1, step=REMINDERS[:1])
    if not is_early:
        later(world, campaign, days=3)
    world.do(leave_note, number(0), "Gọi lại cho tôi", is_cry)
    if is_early:
        later(world, campaign, days=3)
    world.send()
    assert skipped(world, campaign, 2) == {}
    assert world.sent_to() == [number(0)] * 2


def test_a_number_suppressed_before_the_launch_opens_a_step_is_not_written_to(world):
    """Suppressed after the audience was frozen and before the next step: skipped there, still counted."""
    campaign = world.launch(people=3, step=REMINDERS[:1])
    close_number(world, number(0), CALL)
    world.send()
    assert sorted(world.sent_to()) == [number(1), number(2)]
    assert skipped(world, campaign, 1) == {SkipReason.SUPPRESSED: 1}
    later(world, campaign, days=3)
    assert world.status(campaign)["steps"][1]["messages"] == {"queued": 2, "skipped": 1}


def test_another_kind_of_campaign_goes_through_without_an_app_or_a_link(world):
    campaign = world.sent(
        people=4,
        name="Tiêm vắc xin",
        kind="tiem-chung",
        text="Moi ong/ba den tram y te tiem vac xin. Tra loi 1 neu da tiem, TC de tu choi.",
        step=[{"text": "Nhac ong/ba den tram y te.", "after_days": 2}],
    )
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


# Days without sending: nothing of a campaign leaves on them but a warning, and who writes is answered.


def keep_quiet(world, *, first=0, last=0):
    """Days without sending from `first` to `last` days after today."""
    today = datetime.now(VIETNAM).date()
    days = QuietDays(
        periods=(Period(today + timedelta(days=first), today + timedelta(days=last), "nghỉ Tết"),)
    )
    world.use(quiet_days=days)
    return days


@both_databases
def test_on_a_quiet_day_what_waits_stays_and_who_writes_is_answered(world):
    campaign_id = world.launch(people=3)
    days = keep_quiet(world)
    assert claim_next_batch(world.runtime, "test") is None
    campaign = world.get_one(Campaign, campaign_id)
    still = world.read(read_sending_panel, campaign, world.now, runtime=world.runtime).still
    assert still.why is StallReason.QUIET_DAY
    assert still.until.astimezone(VIETNAM).date() == days.periods[0].last + timedelta(days=1)
    world.change(Campaign, campaign_id, urgent_reason="Bão số 9")
    world.send()
    assert len(world.sent_to()) == 3
    world.change(Campaign, campaign_id, urgent_reason="")
    world.reply(number(0), "1", gateway_id="SMreply1")
    world.send()
    assert len(world.sent_to()) == 4


@both_databases
def test_what_is_claimed_before_a_quiet_day_does_not_leave_on_it(world):
    campaign_id = world.launch(people=3)
    days = keep_quiet(world, first=1, last=2)
    begins = datetime.combine(days.periods[0].first, datetime.min.time(), VIETNAM)
    claimed = claim_next_batch(world.runtime, "test")
    assert claimed is not None
    stream, batch, _tasks = claimed
    assert stream.closes_at == begins
    assert {item.closes_at for item in batch.claims} == {begins}
    later = world.read(streams_still_open, [campaign_id], now=begins, is_live=False, quiet=days)
    assert later == {}


@both_databases
def test_a_launch_on_a_quiet_day_opens_on_the_next_other_one(world):
    world.add_people(3)
    days = keep_quiet(world, last=1)
    ordinary = world.launch()
    after = datetime.combine(days.periods[0].last + timedelta(days=1), datetime.min.time(), VIETNAM)
    opened = select(Step.opened_at).where(Step.campaign_id == ordinary)
    assert world.one(opened) is None
    panel = world.read(
        read_sending_panel, world.get_one(Campaign, ordinary), world.now, runtime=world.runtime
    )
    assert panel.still is not None
    assert (panel.still.why, panel.still.until) == (StallReason.QUIET_DAY, after.astimezone(UTC))
    world.sweep(at=after)
    assert world.one(opened) is not None
    assert world.read(open_streams, is_live=False, quiet=days) == []


def test_the_card_tells_what_a_day_without_sending_puts_off_and_the_panel_why_nothing_leaves(world):
    world.add_people(3)
    days = keep_quiet(world, last=1)
    draft = world.draft(window=["07:00", "20:00"])
    launched = world.launch(name="Đã gửi", window=["07:00", "20:00"])
    first, last = days.periods[0].first, days.periods[0].last
    after = last + timedelta(days=1)
    opens = f"07:00 {after.day}/{after.month}/{after.year}"
    put_off = f"Không gửi ngày {first.day}/{first.month}/{first.year} đến {last.day}/{last.month}/{last.year} (nghỉ Tết); phần còn lại gửi từ {opens}."
    app = world.app()
    with app.test_client() as client:
        signed_in(client, AUTHOR)
        assert client.get(f"/admin/campaigns/{draft}/").text.count(put_off) == 2  # “Thời gian gửi”, “Xem lại”
        page = client.get(f"/admin/campaigns/{launched}/").text
    shows(page, put_off, f"Hôm nay là ngày không gửi tin.</strong> Tự gửi lúc {opens}.")


@cases((None, True, True), (None, False, False), (NO_DAYS, True, False))
def test_real_phones_get_nothing_on_a_holiday_unless_the_setting_says_so(given, is_live, is_quiet):
    settings = Settings(sms_live="yes" if is_live else "no", quiet_days=given)
    national_day = datetime(2026, 9, 2, tzinfo=VIETNAM).date()
    assert (quiet_days(settings).why(national_day) is not None) is is_quiet
