"""What happens reaches whoever subscribed to it: once put into line, in order, signed, until it is taken."""

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from campaigns.cases.merge_people import merge_people, unmerge_people
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt
from campaigns.models.replies import Answer, AnswerSource, InstallReport
from campaigns.models.webhooks import Delivery, DeliveryState, EventPosition, Subscription
from campaigns.rules.replies.labels import Label
from campaigns.rules.states import AttemptState, CampaignAction
from campaigns.rules.webhooks import EventKind, secret_of
from campaigns.webhooks import collect_events as collect_events_module
from campaigns.webhooks.collect_events import collect_events
from campaigns.webhooks.deliver_events import (
    OFFERED,
    GuardedResolver,
    delete_old_deliveries,
    deliver_events,
    end_subscription,
    send_again,
    send_ping,
    subscribe,
)
from outreach.models.accounts import Organisation, Role
from outreach.use_cases import enqueue_webhooks
from tests.integration.campaigns.test_concurrent_actions import at_once
from tests.support.admin_client import shows
from tests.support.processes import QuickProcesses
from tests.support.servers import both_databases
from tests.support.wait_until import wait_until
from tests.support.webhook_receiver import Receiver
from tests.support.world import AUTHOR, number

ADMINISTRATOR = "quantri@loa.example"
_L = Label


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def administrator(world):
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    world.organisation()


def listen(world, receiver, *, organisation="MTTQ", kinds=OFFERED):
    """A subscription of this receiver's; its id."""
    to = {"organisation_id": world.organisation_id(organisation), "by": ADMINISTRATOR}
    at = {"name": "Kho dữ liệu", "url": receiver.url, "now": datetime.now(UTC)}
    made = world.do(subscribe, **at, **to, kinds=kinds, is_production=False)
    receiver.secret = secret_of(made.salt, secret_key=world.runtime.settings.secret_key)
    return made.id


def tell(world):
    """A round of the worker."""
    collect_events(world.runtime.db, now=datetime.now(UTC))
    return asyncio.run(deliver_events(world.runtime, for_s=20, stop_requested=lambda: False))


def in_time(world):
    """As if every wait were over."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    world.execute(update(Subscription).values(due_at=None, leased_until=None))
    world.execute(update(Delivery).values(due_at=past))


def says(world, campaign, index, label, *, hours=0):
    """An answer on the page, or as an officer enters it who heard it so many `hours` ago."""
    source = AnswerSource.OFFICER if hours else AnswerSource.PAGE
    at = datetime.now(UTC) - timedelta(hours=hours)
    world.answers(campaign, {index: label}, source=source, at=at)


def line(world):
    return world.all(select(Delivery).order_by(Delivery.id))


def test_what_happens_is_told_with_ids_and_labels_alone(world, receiver):
    campaign = world.launch(people=3)
    says(world, campaign, 0, _L.NOT_YET)
    listen(world, receiver)  # what was before is told to nobody
    tell(world)
    assert receiver.got == []

    says(world, campaign, 0, _L.INSTALLED)
    says(world, campaign, 1, _L.OPT_OUT)
    tell(world)
    world.undo(campaign, at=datetime.now(UTC))
    world.act(campaign, CampaignAction.PAUSE)
    tell(world)
    assert tell(world).delivered == 0

    told = {got.kind: got.event["data"] for got in receiver.got}
    assert [got.kind for got in receiver.got] == [
        "answer.recorded", "answer.recorded", "install.reported", "opt_out", "install.withdrawn", "campaign.state",
    ]  # fmt: skip
    recipient = world.recipient(number(0), campaign).id
    first = receiver.got[0].event["data"]
    assert (first["campaign"], first["recipient"], first["label"], first["source"]) == (
        campaign, recipient, "installed", "page",
    )  # fmt: skip
    assert told["install.withdrawn"]["report"] == told["install.reported"]["report"]
    assert len(told["opt_out"]["people"]) == 1
    assert told["campaign.state"] == {"campaign": campaign, "state": "paused", "before": "sending"}
    assert receiver.forged == 0
    assert len({got.event_id for got in receiver.got}) == len(receiver.got)
    for got in receiver.got:
        shows(got.text, but=("+84", "A Thun"))


def test_what_is_about_health_names_no_recipient(world, receiver):
    campaign = world.launch(people=5, kind="tiem-chung", text="Mời ông/bà đi tiêm. Trả lời 1 hoặc 2.")
    listen(world, receiver)
    says(world, campaign, 0, _L.INSTALLED)
    tell(world)
    says(world, campaign, 0, _L.NOT_YET)
    tell(world)
    told = [got for got in receiver.got if got.kind.startswith(("answer.", "install."))]
    assert [got.kind for got in told] == [
        "answer.recorded", "install.reported", "answer.recorded", "install.withdrawn",
    ]  # fmt: skip
    assert {got.event["data"]["recipient"] for got in told} == {None}


@both_databases
def test_messages_that_came_to_their_end_are_counted_by_batch(world, receiver):
    world.add_people(4)
    listen(world, receiver, kinds=["message.final", "campaign.state"])
    campaign = world.sent()
    world.report(AttemptState.DELIVERED)
    tell(world)
    finals = [got.event["data"] for got in receiver.got if got.kind == "message.final"]
    assert finals == [{"campaign": campaign, "messages": {"delivered": 4}, "more": {"delivered": 4}}]
    states = [got.event["data"]["state"] for got in receiver.got if got.kind == "campaign.state"]
    assert states == ["sending"]


def test_an_organisation_hears_of_its_own_people_alone(world, receiver):
    campaign = world.launch(people=2)
    listen(world, receiver, organisation="PN")
    says(world, campaign, 0, _L.INSTALLED)
    says(world, campaign, 1, _L.OPT_OUT)
    world.act(campaign, CampaignAction.PAUSE)
    tell(world)
    assert receiver.got == []


def test_a_receiver_that_was_away_gets_everything_in_order_under_the_same_ids(world, receiver):
    campaign = world.launch(people=5)
    listen(world, receiver, kinds=["answer.recorded"])
    receiver.answers = [503]
    says(world, campaign, 0, _L.NOT_YET)
    says(world, campaign, 1, _L.NOT_YET)
    done = tell(world)
    assert (done.delivered, done.in_vain) == (0, 1)  # the second waits behind the first
    assert tell(world).in_vain == 0  # and both for their time
    receiver.close()
    for index in (2, 3, 4):
        says(world, campaign, index, _L.NOT_YET)
        in_time(world)
        tell(world)
    held = world.one(select(Subscription))
    assert held.tries == 4
    assert held.due_at is not None
    assert 100 < (held.due_at - datetime.now(UTC)).total_seconds() <= 300
    receiver.open()
    in_time(world)
    assert tell(world).delivered == 5
    taken = receiver.taken()
    assert [got.event["data"]["answer"] for got in taken] == sorted(
        got.event["data"]["answer"] for got in taken
    )
    assert [got.event_id for got in taken] == [each.event_id for each in line(world)]
    assert receiver.got[0].event_id == taken[0].event_id
    assert receiver.forged == 0


def test_an_event_that_is_refused_lets_the_others_pass_and_fails_after_a_day(world, receiver):
    campaign = world.launch(people=2)
    subscription = listen(world, receiver, kinds=["answer.recorded"])
    receiver.answers = [302]  # no redirect is followed
    says(world, campaign, 0, _L.NOT_YET)
    says(world, campaign, 1, _L.NOT_YET)
    assert tell(world).delivered == 1
    first, second = line(world)
    assert (first.state, second.state) == (DeliveryState.WAITING, DeliveryState.DELIVERED)
    world.execute(update(Delivery).values(since=datetime.now(UTC) - timedelta(days=1)))
    in_time(world)
    receiver.answers = [400]
    assert tell(world).failed == 1
    assert line(world)[0].state is DeliveryState.FAILED
    assert tell(world).delivered == 0
    user = world.user(ADMINISTRATOR)
    send_again(world.runtime, subscription, first.id, user=user, now=datetime.now(UTC))
    assert tell(world).delivered == 1
    assert receiver.got[-1].event_id == first.event_id
    assert world.do(delete_old_deliveries, now=datetime.now(UTC) + timedelta(days=31)) == 2


def test_a_receiver_that_is_away_for_a_day_gets_no_more_of_what_is_that_old(world, receiver):
    campaign = world.launch(people=3)
    listen(world, receiver, kinds=["answer.recorded"])
    says(world, campaign, 0, _L.NOT_YET)
    says(world, campaign, 1, _L.NOT_YET)
    receiver.answers = [500]
    tell(world)
    world.execute(update(Delivery).values(since=datetime.now(UTC) - timedelta(days=1)))
    says(world, campaign, 2, _L.NOT_YET)
    in_time(world)
    receiver.answers = [500]
    assert tell(world).failed == 2
    assert [each.state.value for each in line(world)] == ["failed", "failed", "waiting"]


def test_a_receiver_that_is_gone_ends_its_subscription(world, receiver):
    subscription = listen(world, receiver)
    user = world.user(ADMINISTRATOR)
    send_ping(world.runtime, subscription, user=user, now=datetime.now(UTC))
    send_ping(world.runtime, subscription, user=user, now=datetime.now(UTC))
    receiver.answers = [410]
    tell(world)
    assert len(receiver.got) == 1
    assert [each.state.value for each in line(world)] == ["failed", "failed"]
    assert world.one(select(Subscription)).ended_at


def test_a_worker_killed_in_between_is_followed_by_one_that_sends_the_same_again(world, receiver):
    campaign = world.launch(people=3)
    listen(world, receiver, kinds=["answer.recorded"])
    for index in range(3):
        says(world, campaign, index, _L.NOT_YET)
    processes = QuickProcesses(world.runtime.settings)
    try:
        receiver.holds = 0.3
        worker = processes.start("worker", "--queues", "hooks")
        enqueue_webhooks(world.runtime)
        wait_until(lambda: receiver.asked == 2)
        processes.kill(worker)  # the second is with the receiver, its answer with nobody
        wait_until(lambda: len(receiver.got) == 2)
        receiver.holds = 0.0
        in_time(world)  # as if its lease had run out
        processes.start("worker", "--queues", "hooks")
        enqueue_webhooks(world.runtime)
        wait_until(lambda: len(receiver.got) == 4)
    finally:
        processes.stop()
    first, second, again, third = (got.event_id for got in receiver.got)
    assert second == again
    assert len({first, second, third}) == 3
    assert [each.event_id for each in line(world)] == [first, second, third]


@both_databases
def test_two_workers_never_work_on_one_receiver_at_once(world, receiver):
    campaign = world.launch(people=4)
    listen(world, receiver, kinds=["answer.recorded"])
    for index in range(4):
        says(world, campaign, index, _L.NOT_YET)
    collect_events(world.runtime.db, now=datetime.now(UTC))
    receiver.holds = 0.05

    async def both():
        await asyncio.gather(
            *(deliver_events(world.runtime, for_s=20, stop_requested=lambda: False) for _ in range(2))
        )

    asyncio.run(both())
    ids = [got.event_id for got in receiver.got]
    assert ids == [each.event_id for each in line(world)]


@both_databases
def test_an_answer_whose_transaction_ends_late_is_not_passed_over(world, receiver):
    if not world.runtime.db.is_postgresql:
        return  # SQLite has one writer: no number is given before another's transaction has ended
    campaign = world.launch(people=2)
    listen(world, receiver, kinds=["answer.recorded"])
    early, late = (world.recipient(number(index), campaign) for index in range(2))

    def add(session, recipient):
        answer = Answer(
            recipient_id=recipient.id,
            campaign_id=campaign,
            phone_id=recipient.phone_id,
            label=_L.NOT_YET,
            source=AnswerSource.PAGE,
            at=datetime.now(UTC),
        )
        session.add(answer)
        session.flush()
        return answer.id

    with world.runtime.db.write() as slow:
        first = add(slow, early)
        second = world.do(add, late)
        assert second > first
        for _ in range(3):
            tell(world)
        assert receiver.got == []  # the later number is there; the earlier one may still come
    tell(world)
    tell(world)
    assert [got.event["data"]["answer"] for got in receiver.got] == [first, second]


def test_no_name_leads_a_webhook_into_this_machine_in_production(world, receiver):
    subscription = listen(world, receiver)
    send_ping(world.runtime, subscription, user=world.user(ADMINISTRATOR), now=datetime.now(UTC))
    world.use(app_env="production")
    assert tell(world).in_vain == 1
    assert line(world)[0].error == "address"
    assert receiver.asked == 0

    async def look_up(is_production):
        resolver = GuardedResolver(is_production=is_production)
        return len(await resolver.resolve("localhost", 80))

    assert asyncio.run(look_up(False)) >= 1
    with pytest.raises(OSError, match="no public address"):
        asyncio.run(look_up(True))


def test_nothing_is_read_where_nobody_listens(world, receiver):
    campaign = world.launch(people=1)
    subscription = listen(world, receiver, kinds=["answer.recorded"])
    end_subscription(world.runtime, subscription, user=world.user(ADMINISTRATOR), now=datetime.now(UTC))
    says(world, campaign, 0, _L.INSTALLED)
    assert collect_events(world.runtime.db, now=datetime.now(UTC)) == 0
    # Who subscribes again hears of what comes after.
    listen(world, receiver, kinds=["answer.recorded"])
    says(world, campaign, 0, _L.NOT_YET)
    tell(world)
    assert [got.event["data"]["label"] for got in receiver.got] == ["not_yet"]


def test_a_report_that_a_merge_withdrew_is_told_again_once_it_is_taken_apart(world, receiver):
    one, two = world.add_person("A Thun", number(1)), world.add_person("A Thun Kđăm", number(2))
    listen(world, receiver)
    campaign = world.sent()
    for index in (1, 2):
        says(world, campaign, index, Label.INSTALLED)
    tell(world)
    user = world.user(AUTHOR)
    for _ in range(2):  # what was restored may be withdrawn again
        now = datetime.now(UTC)
        merged = merge_people(world.runtime, one, two, user=user, now=now).id
        tell(world)
        unmerge_people(world.runtime, merged, user=user, now=datetime.now(UTC))
        tell(world)
    told = world.rows(select(Delivery.kind, Delivery.data).order_by(Delivery.id))
    active = set(world.all(select(InstallReport.id).where(InstallReport.withdrawn_at.is_(None))))
    known = set()
    for kind, data in told:
        if kind == EventKind.INSTALL_REPORTED:
            known.add(data["report"])
        elif kind == EventKind.INSTALL_WITHDRAWN:
            known.discard(data["report"])
    assert known == active
    assert sum(kind == EventKind.INSTALL_WITHDRAWN for kind, _data in told) == 2


def test_what_final_counts_add_up_to_is_what_they_say(world, receiver, monkeypatch):
    """Also where a late report takes a message out of a state, and where a second wave follows after weeks."""
    monkeypatch.setattr(collect_events_module, "FINALS_EVERY", timedelta())
    world.add_people(3)
    listen(world, receiver, kinds=["message.final"])
    campaign = world.sent()
    world.report(AttemptState.NO_REPORT)
    tell(world)
    world.report(AttemptState.DELIVERED)
    tell(world)
    for ended_at in (
        datetime.now(UTC) - timedelta(days=20),
        None,
    ):  # its reports are no longer looked for, then it goes on
        world.execute(update(Campaign).values(ended_at=ended_at))
        tell(world)
    finals = [got.event["data"] for got in receiver.got]
    sums = Counter()
    for each in finals:
        sums.update(each["more"])
    assert +sums == Counter(finals[-1]["messages"]) == {"delivered": 3}
    assert {each["campaign"] for each in finals} == {campaign}


@both_databases
def test_a_message_that_arrives_by_both_its_attempts_is_final_once(world, receiver):
    """As a notice that was given up and comes late, after its text."""
    world.add_people(1)
    listen(world, receiver, kinds=["message.final"])
    world.sent()
    world.report(AttemptState.PASSED)
    world.send()
    world.report(AttemptState.DELIVERED)
    tell(world)
    assert len(world.all(select(Attempt.id))) == 2
    assert [got.event["data"]["messages"] for got in receiver.got] == [{"delivered": 1}]


def test_who_subscribes_while_a_round_runs_is_not_refused(world, receiver):
    subscription = listen(world, receiver)
    end_subscription(world.runtime, subscription, user=world.user(ADMINISTRATOR), now=datetime.now(UTC))
    with ThreadPoolExecutor(1) as pool, world.runtime.db.write() as session:
        session.execute(select(EventPosition).with_for_update()).all()
        waiting = pool.submit(listen, world, receiver)
        time.sleep(0.3)
        session.commit()
        assert waiting.result(timeout=10) > subscription


def test_an_answer_of_before_that_is_entered_after_the_subscription_is_told(world, receiver):
    campaign = world.launch(people=1)
    listen(world, receiver, kinds=["answer.recorded"])
    says(world, campaign, 0, _L.NOT_YET, hours=3)
    tell(world)
    assert [got.kind for got in receiver.got] == ["answer.recorded"]


def test_a_withdrawal_is_told_once_however_often_the_person_answers_later(world, receiver):
    campaign = world.launch(people=1)
    for label in (_L.INSTALLED, _L.REFUSE):
        says(world, campaign, 0, label)
    listen(world, receiver, kinds=["install.withdrawn"])
    says(world, campaign, 0, _L.NEED_HELP)
    tell(world)
    assert receiver.got == []


def test_an_install_that_an_answer_of_hours_ago_withdraws_is_told_as_withdrawn(world, receiver):
    campaign = world.launch(people=1)
    listen(world, receiver, kinds=["install.reported", "install.withdrawn"])
    for hours, label in ((3, _L.INSTALLED), (2, _L.REFUSE)):
        says(world, campaign, 0, label, hours=hours)
        tell(world)
        tell(world)
    assert [got.kind for got in receiver.got] == ["install.reported", "install.withdrawn"]


def test_an_install_withdrawn_before_it_could_be_read_is_told_before_its_withdrawal(world, receiver):
    """Else a receiver that adds up the events would count it for ever."""
    if not world.runtime.db.is_postgresql:
        return  # SQLite has one writer
    campaign = world.launch(people=1)
    listen(world, receiver, kinds=["install.reported", "install.withdrawn"])
    with world.runtime.db.write() as slow:  # as an import of minutes
        slow.execute(update(Organisation).values(name=Organisation.name))
        for label in (_L.INSTALLED, _L.REFUSE):
            says(world, campaign, 0, label)
        for _ in range(2):
            tell(world)
        assert receiver.got == []
    for _ in range(2):
        tell(world)
    assert [got.kind for got in receiver.got] == ["install.reported", "install.withdrawn"]


@both_databases
def test_of_two_who_subscribe_first_at_the_same_moment_neither_is_refused(world, receiver):
    first = partial(listen, world, receiver)
    assert len(set(at_once(first, first))) == 2
