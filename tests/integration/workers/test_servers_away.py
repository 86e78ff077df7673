"""Redis or PostgreSQL away, at the start and in the middle: it is said in a line, waited for, and nothing is lost."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from redis import Redis
from twilio.request_validator import RequestValidator

from admin.app import create_app, create_front
from campaigns.models.messages import StatusEvent
from campaigns.models.replies import Reply
from campaigns.rules.links import LinkCipher
from campaigns.rules.states import CampaignAction
from outreach.core.schema import upgrade
from outreach.runtime import open_runtime
from tests.support.asgi_client import AsgiClient
from tests.support.processes import QuickProcesses
from tests.support.servers import Server, create_database, make_folder, start_postgres, start_redis
from tests.support.wait_until import wait_until
from tests.support.world import APPROVER, AUTHOR, World, number

one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass
class Restartable:
    """A server of a test's own, that comes back at the same address."""

    begin: Callable[[], Server]
    server: Server

    @property
    def url(self):
        return self.server.url

    def stop(self):
        self.server.stop()

    def start(self):
        self.server = self.begin()


@pytest.fixture
def redis(tmp_path):
    server = start_redis(tmp_path)
    made = Restartable(lambda: start_redis(tmp_path, server.url), server)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def postgres():
    folder = make_folder()
    made = Restartable(lambda: start_postgres(folder), start_postgres(folder))
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(settings, redis):
    """Few requests at once, so that there is a middle."""
    return replace(settings, redis_url=redis.url, send_in_flight=20)


@pytest.fixture
def processes(settings, tmp_path):
    made = QuickProcesses(settings, tmp_path / "processes.log")
    yield made
    made.stop()


@pytest.fixture
def on_postgres(settings, postgres, simulator, processes):
    """A world in the PostgreSQL that can be stopped; the processes work for it."""
    settings = replace(settings, database_url=create_database(postgres.url))
    processes.environment["DATABASE_URL"] = settings.database_url
    runtime = open_runtime(settings)
    upgrade(runtime.db)
    yield World(runtime, simulator)
    runtime.close()


@contextmanager
def redis_that_hangs(url):
    """It takes connections and answers nothing, for as long as the block."""
    with Redis.from_url(url) as client:
        process_id = client.info("server")["process_id"]
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def assert_everybody_once(world, people):
    assert sorted(world.sent_to()) == [number(i) for i in range(people)]


def assert_quiet(processes):
    """No stack of Python's, and nobody's number."""
    assert "Traceback" not in processes.said()
    assert number(0)[:9] not in processes.said()


# -- Redis


@one_database
def test_a_send_goes_on_when_redis_stops_hangs_and_comes_back(world, simulator, processes, redis):
    world.add_people(300)
    simulator.faults(latency_ms=150)
    campaign = world.launch()
    processes.start("worker", "--queues", "send,default")
    processes.start("scheduler")
    wait_until(lambda: simulator.stats()["accepted"] > 40)
    redis.stop()
    # Whoever sends goes on to the end of the job: the database knows what is to be done. Then it waits.
    wait_until(lambda: simulator.stats()["accepted"] == 300)
    wait_until(lambda: "worker.waits_for_redis" in processes.said())
    redis.start()
    wait_until(lambda: world.status(campaign)["state"] == "completed")
    assert_everybody_once(world, 300)
    # And the same processes, which nobody has restarted, do the next work, after a Redis that only hangs.
    settings = world.runtime.settings
    client = create_app(settings, runtime=world.runtime).test_client()
    token = LinkCipher(settings.secret_key).token(world.recipient(number(0), campaign).id)
    simulator.reset()
    with redis_that_hangs(redis.url):
        asked_at = time.monotonic()
        assert client.post(f"/{token}", data={"answer": "installed"}).status_code == 303
        assert time.monotonic() - asked_at < 15  # as long as a webhook's caller waits
        assert world.status(campaign)["answers"] == {"installed": 1}
        later = world.launch(name="Đợt hai", text="Đợt hai, mời cài: {link}")
    wait_until(lambda: world.status(later)["state"] == "completed")
    assert_everybody_once(world, 300)
    assert processes.are_running()
    assert_quiet(processes)


@one_database
def test_without_redis_a_launch_says_so_workers_wait_until_told_to_stop_and_the_rest_starts_later(
    world, processes, redis
):
    world.add_people(5)
    campaign = world.draft()
    world.act(campaign, CampaignAction.SUBMIT)
    world.act(campaign, CampaignAction.APPROVE, APPROVER)
    redis.stop()
    for command in (("worker", "--queues", "send"), ("worker", "--queues", "default"), ("scheduler",)):
        processes.start(*command)
    leaving = [processes.start("worker", "--queues", queues) for queues in ("imports", "imports,hooks")]
    done = processes.run("campaigns", "launch", str(campaign), "--as", AUTHOR)
    assert done.returncode == 0
    assert "đang gửi" in done.stdout
    assert "sẽ tự thực hiện khi Redis hoạt động trở lại" in done.stderr
    wait_until(lambda: processes.said().count("Chưa kết nối được Redis") >= 5)
    assert processes.are_running()
    for process in leaving:
        process.terminate()
        process.wait(timeout=60)
        processes.running.remove(process)
    time.sleep(1)
    assert processes.are_running()
    redis.start()
    wait_until(lambda: world.status(campaign)["state"] == "completed")
    assert_everybody_once(world, 5)
    assert_quiet(processes)


# -- PostgreSQL


@one_database
def test_workers_wait_for_the_database_at_their_start_and_in_the_middle_of_a_send(
    on_postgres, simulator, processes, postgres
):
    world = on_postgres
    world.add_people(300)
    simulator.faults(latency_ms=150)
    postgres.stop()
    processes.start("worker", "--queues", "send,default")
    processes.start("scheduler")
    wait_until(lambda: "job.server_away" in processes.said())
    postgres.start()
    campaign = world.launch()
    wait_until(lambda: simulator.stats()["accepted"] > 40)
    postgres.stop()
    time.sleep(2)
    postgres.start()
    wait_until(lambda: world.status(campaign)["state"] == "completed")
    assert_everybody_once(world, 300)
    assert processes.are_running()
    assert_quiet(processes)


@one_database
def test_what_the_gateway_brings_while_the_database_is_away_is_stored_when_it_repeats(on_postgres, postgres):
    world = on_postgres
    campaign = world.launch(people=1)
    settings = world.runtime.settings
    app = create_app(settings, runtime=world.runtime)
    client, front = app.test_client(), AsgiClient(create_front(app))
    token = LinkCipher(settings.secret_key).token(world.recipient(number(0), campaign).id)
    calls = {
        "/webhooks/twilio/status/1": {"MessageSid": "SM1", "MessageStatus": "delivered"},
        "/webhooks/twilio/inbound": {"MessageSid": "SM2", "From": number(0), "Body": "1"},
    }

    def call_all():
        validator = RequestValidator(settings.twilio_auth_token)
        codes = []
        for path, form in calls.items():
            signature = validator.compute_signature(settings.public_base_url + path, form)
            codes.append(front.post(path, data=form, headers={"X-Twilio-Signature": signature}).status_code)
        codes.append(client.post(f"/{token}", data={"answer": "installed"}).status_code)
        codes.append(client.get(f"/{token}").status_code)
        return codes

    postgres.stop()
    assert call_all() == [503] * 4
    assert client.get("/readyz").json["missing"] == ["database", "worker"]
    postgres.start()
    assert call_all() == [204, 200, 303, 200]
    assert world.count(StatusEvent) == 1
    assert world.count(Reply) == 1
    assert world.status(campaign)["answers"] == {"installed": 1}
    front.close()


@one_database
def test_commands_say_which_server_is_away(world, processes):
    processes.environment["DATABASE_URL"] = "postgresql://loa@127.0.0.1:1/loa"
    done = processes.run("campaigns", "status", "1", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Không dùng được cơ sở dữ liệu" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
