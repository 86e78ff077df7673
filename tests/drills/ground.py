"""What the drills stand on: servers of a run's own, and Loa on them with its processes."""

import shutil
from collections import Counter
from contextlib import contextmanager

from sqlalchemy import select

from campaigns.models.messages import Attempt
from campaigns.rules.states import AttemptState
from outreach.core.schema import upgrade
from outreach.models.contacts import Phone
from outreach.runtime import open_runtime
from tests.support.processes import Processes
from tests.support.servers import POSTGRES_SETTINGS, make_folder, start_postgres, start_redis
from tests.support.world import World


@contextmanager
def new_folder():
    """A folder of the run's own."""
    folder = make_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tell_result(world, campaign, *, messages):
    """Print how many were lost, written to twice or left open. Returns whether none was."""
    sent = Counter(world.sent_to())
    twice = sum(times > 1 for times in sent.values())
    lost = messages - len(sent)
    counts = world.status(campaign)["steps"][0]["messages"]
    still_open = sum(counts.get(state, 0) for state in ("unknown", "sending", "queued"))
    print(f"lost {lost}  twice {twice}  open {still_open}  states {counts}")
    return not (lost or twice or still_open)


_TAKEN = (AttemptState.ACCEPTED, AttemptState.SENT, AttemptState.DELIVERED, AttemptState.UNDELIVERED)


def count_wrong(world):
    """Return how many attempts count as taken by the gateway, of which it has no message."""
    with world.runtime.db.read() as session:
        rows = session.execute(
            select(Phone.e164, Attempt.body)
            .join(Phone, Phone.id == Attempt.phone_id)
            .where(Attempt.state.in_(_TAKEN))
        )
        settled = Counter((number, body) for number, body in rows)
    return (settled - Counter((line["To"], line["Body"]) for line in world.simulator.ledger())).total()


@contextmanager
def running_servers(folder, postgres_settings=POSTGRES_SETTINGS, *, bind="127.0.0.1"):
    """PostgreSQL and Redis."""
    postgres, redis = start_postgres(folder, postgres_settings), start_redis(folder, bind=bind)
    try:
        yield postgres, redis
    finally:
        redis.stop()
        postgres.stop()


@contextmanager
def open_world(settings, simulator, folder):
    """An upgraded database with its world, and the processes that are started on it."""
    runtime = open_runtime(settings)
    processes = Processes(settings, folder / "processes.log")
    try:
        upgrade(runtime.db)
        yield World(runtime, simulator), processes
    finally:
        processes.stop()
        runtime.close()
