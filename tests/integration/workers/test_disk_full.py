"""A full disk: sending stands still, loses nothing, and goes on by itself once there is room."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, text

from tests.support.world import number

ENOUGH = 1_000_000


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_send_goes_on_when_the_full_disk_has_room_again(world, caplog):
    # SQLite's own limit says what a full disk says.
    campaign = world.launch(people=1500)
    db = world.runtime.db
    with db.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    most = [pages + 60]  # room for a first claim and not for all that follows

    @event.listens_for(db.engine, "checkout")
    def limit(connection, *_):
        connection.execute(f"PRAGMA max_page_count = {most[0]}")

    db.engine.dispose()
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(world.send, 60)
        while "send.claim_failed" not in caplog.text and "send.record_failed" not in caplog.text:
            assert not sending.done()
            world.wait(0.05)
        assert len(world.sent_to()) < 1500
        most[0] = ENOUGH
        sending.result()
    assert_all_arrive(world, campaign, 1500)


_FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON attempts EXECUTE FUNCTION full_disk();
"""


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_send_goes_on_when_postgresql_has_room_again(world, caplog):
    # Its disk is not ours to fill: it says what it would say, in the midst of claims and records.
    world.add_people(300)
    world.simulator.faults(latency_ms=300)
    campaign = world.launch()
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(world.send, 60)
        while not world.sent_to():
            world.wait(0.02)
        world.execute(text(_FULL))
        try:
            while "send.record_failed" not in caplog.text:
                world.wait(0.05)
        finally:
            world.execute(text("DROP FUNCTION full_disk CASCADE"))
        sending.result()
    assert_all_arrive(world, campaign, 300)


def assert_all_arrive(world, campaign, people):
    """Once each, by themselves."""
    for _ in range(20):
        world.sweep()
        if world.status(campaign)["state"] == "completed":
            break
        world.wait(0.2)
        world.reconcile()
        world.send()
    assert sorted(world.sent_to()) == sorted(number(i) for i in range(people))
    assert world.status(campaign)["state"] == "completed"
