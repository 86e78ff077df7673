"""A use case called with the runtime has a transaction of its own, and its jobs are enqueued after the commit."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from admin.app import create_app
from outreach import use_cases
from outreach.core.job_queue import DEFAULT, SEND, JobQueue
from outreach.models.accounts import User
from outreach.rules.errors import NotFound, WrongState
from tests.support.admin_client import post, signed_in
from tests.support.world import APPROVER, AUTHOR


@use_cases.use_case
def rename(session: Session, name: str, *, user: User, now: datetime, fails: bool = False) -> int:
    user.name = name
    use_cases.enqueue_after_commit(session, use_cases.enqueue_send)
    use_cases.enqueue_after_commit(session, use_cases.enqueue_send)
    use_cases.enqueue_after_commit(session, use_cases.enqueue_sweep)
    if fails:
        raise WrongState("Không làm được.")
    return user.id


def waiting(world):
    return {name: Queue(name, connection=world.runtime.redis).count for name in (SEND, DEFAULT)}


def name_of(world):
    return world.one(select(User.name).where(User.email == AUTHOR))


def without_redis(runtime):
    redis = Redis.from_url("redis://127.0.0.1:1")
    return replace(runtime, redis=redis, job_queue=JobQueue(redis))


def test_what_it_wrote_is_committed_and_each_job_enqueued_once(world):
    user = world.user(AUTHOR)
    assert rename(world.runtime, "A Mới", user=user, now=world.now) == user.id
    assert (name_of(world), waiting(world)) == ("A Mới", {SEND: 1, DEFAULT: 1})


def test_one_that_fails_leaves_nothing(world):
    before = name_of(world)
    with pytest.raises(WrongState):
        rename(world.runtime, "A Mới", user=world.user(AUTHOR), now=world.now, fails=True)
    assert (name_of(world), waiting(world)) == (before, {SEND: 0, DEFAULT: 0})


@use_cases.use_case
def lock_both(session: Session, order: list[int], ready: Barrier) -> None:
    first, second = (session.get_one(User, each, with_for_update={"of": User}) for each in _at(order, ready))
    first.name = second.name = "A Mới"


def _at(order, ready):
    """The first id, and the second once the other has locked its first; alone it waits for nobody."""
    yield order[0]
    with suppress(BrokenBarrierError):
        ready.wait(3)
    yield order[1]


@use_cases.use_case
def rename_while(session: Session, user_id: int, world: Any) -> None:
    """Rename a user whom somebody removes between the look and the change."""
    if (found := session.get(User, user_id)) is None:
        raise NotFound("user_not_found")
    world.execute(delete(User).where(User.id == user_id))
    found.name = "A Mới"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_that_wait_for_each_other_both_come_to_their_end(world):
    ids, ready = [world.user(each).id for each in (AUTHOR, APPROVER)], Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda order: lock_both(world.runtime, order, ready), (ids, ids[::-1])))
    assert name_of(world) == "A Mới"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_one_whose_row_is_removed_meanwhile_looks_again(world):
    gone = world.user(world.officer("gone@loa.example")).id
    with pytest.raises(NotFound):
        rename_while(world.runtime, gone, world)


def test_within_another_it_is_part_of_that_transaction(world):
    before = name_of(world)
    user = world.user(AUTHOR)

    def rename_twice():
        with use_cases.transaction(world.runtime) as session:
            own = session.get_one(User, user.id)
            rename(session, "A Một", user=own, now=world.now)
            rename(session, "A Hai", user=own, now=world.now, fails=True)

    with pytest.raises(WrongState):
        rename_twice()
    assert (name_of(world), waiting(world)) == (before, {SEND: 0, DEFAULT: 0})
    with use_cases.transaction(world.runtime) as session:
        rename(session, "A Ba", user=session.get_one(User, user.id), now=world.now)
        assert waiting(world) == {SEND: 0, DEFAULT: 0}
    assert (name_of(world), waiting(world)) == ("A Ba", {SEND: 1, DEFAULT: 1})


def test_without_redis_it_is_stored_and_its_caller_is_told(world):
    assert not use_cases.take_lost_jobs()
    rename(without_redis(world.runtime), "A Mới", user=world.user(AUTHOR), now=world.now)
    assert name_of(world) == "A Mới"
    assert (use_cases.take_lost_jobs(), use_cases.take_lost_jobs()) == (True, False)


def test_a_page_says_that_the_work_waits_for_redis(world):
    app = create_app(world.runtime.settings, runtime=without_redis(world.runtime))
    client = app.test_client()
    signed_in(client, APPROVER)
    post(client, "/admin/stop")
    assert post(client, "/admin/release").status_code == 303
    assert "hàng đợi (Redis) đang ngừng" in client.get("/admin/").text
