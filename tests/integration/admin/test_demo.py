"""The demo's data: a newcomer finds a registered sender, officers with names, and reasons for what did not arrive."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from admin.demo import load_demo
from admin.demo.load_demo import start_drill
from campaigns.models.campaigns import Campaign, Sender
from campaigns.models.messages import Attempt, Outbox
from campaigns.replies.safety import find_event
from campaigns.rules.states import AttemptState, CampaignState
from campaigns.sweep import sweep
from outreach.models.accounts import User
from outreach.rules.gateway import Cause
from tests.support.servers import both_databases

pytestmark = both_databases


@pytest.mark.parametrize("one_by_one", [1_000, 0], ids=["by the use cases", "in bulk"])
def test_the_demo_raises_no_question_that_it_does_not_answer(runtime, monkeypatch, one_by_one):
    monkeypatch.setattr(load_demo, "_ONE_BY_ONE", one_by_one)
    load_demo.load_demo(runtime, contacts=600, now=datetime.now(UTC))
    with runtime.db.read() as session:
        campaign = session.scalars(select(Campaign)).one()
        sender = session.get_one(Sender, campaign.sender)
        lost = session.scalars(select(Attempt.cause).where(Attempt.state == AttemptState.UNDELIVERED)).all()
        bodies = session.scalars(select(Attempt.body).where(Attempt.stream_id == campaign.id)).all()
        names = session.scalars(select(User.name)).all()
    assert sender.registered_on
    assert all(names)
    assert lost
    assert set(lost) <= {cause.value for cause in Cause} - {Cause.OTHER.value}
    assert all(body.isascii() for body in bodies)
    assert campaign.pace == 20


def test_a_drill_leaves_and_is_an_event_that_says_what_it_is(runtime):
    now = datetime.now(UTC)
    load_demo.load_demo(runtime, contacts=60, now=now)
    for n, people in enumerate((10, 60)):  # an office practises more than once
        drill = start_drill(runtime, people=people, now=now + timedelta(minutes=n))
        sweep(runtime, now=now + timedelta(minutes=n + 1))
        with runtime.db.read() as session:
            campaign = session.get_one(Campaign, drill)
            waiting = session.scalar(select(func.count()).where(Outbox.stream_id == drill))
            event = find_event(session, None, now=datetime.now(UTC))
        assert campaign.state is CampaignState.SENDING
        assert waiting in (range(5, 31), range(40, 61))[n]  # whole communes; who wants no messages gets none
        assert event.is_drill
        assert campaign.name.startswith("DIỄN TẬP")
