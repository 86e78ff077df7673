"""Two transactions over the same rows, one in the middle of the other: nothing is lost and nothing counted twice."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

from sqlalchemy import event, func, select, update

from campaigns.delivery.claim_messages import claim_next_batch
from campaigns.delivery.outbox import FOLD_AFTER, fold_attempt_totals, return_unsent
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.lifecycle import change_state
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, AttemptTotal, Message, Outbox
from campaigns.rules.states import AttemptReport, AttemptState, CampaignAction, MessageState
from campaigns.sweep import complete_finished, send_second_wave, skip_past_deadline, start_scheduled
from outreach.contacts.suppressions import lock_phone
from tests.support.servers import both_databases
from tests.support.world import APPROVER, number

pytestmark = both_databases

# What waits for a lock of the transaction in whose middle it began has not come to its end by then.
BLOCKED_S = 0.7


def interleave(world, first, second, *, before="is_delete"):
    """`second` begins before the first DELETE (or `before`) of `first`; both have committed when this returns."""
    begun = []

    def run_second():
        world.do(second)

    with ThreadPoolExecutor(1) as pool:
        with world.runtime.db.write() as session:

            def begin(state):
                if getattr(state, before) and not begun:
                    begun.append(pool.submit(run_second))
                    wait(begun, timeout=BLOCKED_S)

            event.listen(session, "do_orm_execute", begin)
            first(session)
        begun[0].result()


def test_what_is_put_back_while_the_deadline_passes_is_skipped_with_the_rest(world):
    campaign = world.launch(people=5, deadline=world.in_hours(1))
    taken = claim_next_batch(world.runtime, "test", limit=2)
    claims = taken[1].claims

    late = world.in_hours(2)
    interleave(
        world,
        lambda session: skip_past_deadline(session, now=late),
        lambda session: return_unsent(session, [(item, world.now) for item in claims]),
    )
    queued = world.all(select(Message.id).where(Message.state == MessageState.QUEUED))
    assert sorted(world.all(select(Outbox.message_id))) == sorted(queued)
    world.sweep(at=late)
    assert world.status(campaign)["steps"][0]["messages"] == {"skipped": 5}
    assert world.status(campaign)["state"] == "completed"


def test_a_failure_is_recorded_while_somebody_holds_its_phone_and_then_the_campaign(world):
    campaign = world.sent(people=1)
    attempt = world.one(select(Attempt))
    world.execute(update(Attempt).values(state=AttemptState.FAILED, cause="other"))
    report = AttemptReport(attempt.id, AttemptState.UNDELIVERED, cause="bad_number")
    now = world.now

    def lock_both(session):
        lock_phone(session, attempt.phone_id)
        session.execute(update(Campaign).where(Campaign.id == campaign).values(pace=3))

    interleave(
        world, lock_both, lambda session: apply_reports(session, [report], now=now), before="is_update"
    )
    assert world.one(select(Attempt.state)) is AttemptState.UNDELIVERED


def test_a_second_wave_that_begins_while_its_campaign_is_completed_is_sent(world):
    campaign = world.sent(people=2)
    world.set_all()
    world.add_people(1, first=10)
    more = {"settings": world.runtime.settings, "user": world.user(APPROVER), "now": world.now}
    interleave(
        world,
        lambda session: complete_finished(session, now=world.now),
        lambda session: send_second_wave(session, campaign, **more),
        before="is_update",
    )
    world.send()
    assert number(10) in world.sent_to()


def test_a_campaign_whose_launch_is_undone_while_it_would_start_does_not_start(world):
    world.add_people(2)
    campaign = world.draft(starts_at=world.in_hours(1).isoformat())
    world.begin(campaign)

    def undo(session):
        change_state(session, campaign, CampaignAction.UNDO, now=world.now)

    interleave(
        world, lambda session: start_scheduled(session, now=world.in_hours(2)), undo, before="is_update"
    )
    assert world.status(campaign)["state"] == "approved"


def test_two_sweeps_at_once_fold_a_total_once(world):
    old = world.now - FOLD_AFTER - timedelta(minutes=1)
    total = {"stream_id": 1, "at": old}
    for n in (1, 2, 3):
        failed = AttemptTotal(state=AttemptState.FAILED, cause="account", n=n, segments=2 * n, **total)
        world.add(failed, AttemptTotal(state=AttemptState.SENT, n=n, segments=n, **total))

    interleave(world, *[lambda session: fold_attempt_totals(session, now=world.now)] * 2)
    of = (func.sum(AttemptTotal.n), func.sum(AttemptTotal.segments), func.count())
    states = select(AttemptTotal.state, *of).group_by(AttemptTotal.state)
    sums = world.rows(states.order_by(AttemptTotal.state))
    assert [tuple(row) for row in sums] == [(AttemptState.FAILED, 6, 12, 1), (AttemptState.SENT, 6, 6, 1)]
