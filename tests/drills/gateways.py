"""`make drill-gateways`: a large send over SMPP or an aggregator while connections are cut and workers are killed.

PostgreSQL, Redis, the simulator, the web and every worker are real processes of this run's own; reports are repeated and
shuffled. Over SMPP all connections are cut as often as workers are killed; what no answer was seen for is matched by its
receipt, or left for a person. A tenth of the people has had an earlier message; then the centre restarts, counts its ids anew and gives
them those that they had; another system's receipts come to the same numbers. In the middle the gateway takes three requests at once for a
while, and midnight comes: what the aggregator's callbacks do not settle by then is a person's. Exit status 1 if anything was lost, sent
twice or settled wrongly, or if the gateway was asked more than 1.1 times for a part that it took.

`--replies` lets residents write so many deliveries over SMPP instead, while all connections are cut: in parts, out of order, with equal
references, undecodable. Exit status 1 unless each that was acknowledged is kept, in its order.

`--night` sends a warning at 23:50 instead, of whose answers 0.4% stay out, half of these messages without a report, and goes past midnight.

`--gateway both` has two: messages go over SMPP until its line is dead, in the middle of the send; the aggregator carries on. At the end
the line is back, what is unknown is settled, and the first gateway is drained and closed.

`--notices` lets an aggregator's notices go first: 60% of the people are on the channel, 5% of whose notices come late and 1% not at all.
Exit status 1 unless everybody got the notice or the text, both only where the notice came later than it was waited for, as each figure
and the cost say.

`--centre FOLDER` sends over SMPP to the server of npm's `smpp` instead of the simulator; `npm install smpp` in an empty folder
makes FOLDER, its `node_modules`.
"""

import argparse
import base64
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import aliased

from campaigns.delivery import gateway_accounts
from campaigns.delivery.reconcile import decide_unknown
from campaigns.lifecycle import perform_action
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Message
from campaigns.rules.states import ACCEPTED_OR_BEYOND, AttemptState, CampaignAction, MessageState
from deploy.redis_server import find_port
from outreach.accounts.users import find_user
from outreach.core.db import count_rows
from outreach.models.accounts import Role
from outreach.models.contacts import Phone
from outreach.models.office import ENVIRONMENT
from outreach.rules.errors import WrongState
from tests.chaos.clocks import come_to_midnight, go_on_at, seconds_until
from tests.drills.ground import count_wrong, new_folder, open_world, running_servers
from tests.support.line import Line
from tests.support.processes import simulator_settings
from tests.support.servers import create_database
from tests.support.simulator import RunningSimulator, running_simulator
from tests.support.smpp_pdus import play_inbound
from tests.support.wait_until import wait_until
from tests.support.world import APPROVER, AUTHOR, number

ENDS_AFTER_S = 1800.0
CARRIES_ON_WITHIN_S = 10.0
TESTER = "+84905000999"
BETWEEN_KILLS_S, PARTS, LEAST_PACE = 3.0, 2, 40
FAULTS = {"latency_ms": 300, "callbacks_repeat": 2, "callbacks_shuffle": True, "rate_strangers": 0.1}
NARROW, NARROW_S, AT_ONCE, UNCHANGED_S = 100, 60.0, 3, 20.0
WARNED_BY = (CampaignAction.SUBMIT, CampaignAction.APPROVE, CampaignAction.APPROVE, CampaignAction.LAUNCH)
MOST_FOR_ONE = 1.1  # submissions for one part that was taken
NOTICE = {"notice_template": "228386", "notice_text": "Mời {name} cài Bluezone: {link}"}
NOTICE_WAIT_S = 15
NOTICE_FAULTS = {
    "notice_reach": 0.6,
    "notice_late": 0.05,
    "notice_late_s": 40.0,
    "notice_lost": 0.01,
    "rate_callbacks_lost": 0.005,
}
FAULTS_OF_HTTP = {"rate_cut": 0.03, "rate_cut_before": 0.02, "rate_500": 0.02, "rate_500_after": 0.02}


def main():
    options = argparse.ArgumentParser(prog="python -m tests.drills.gateways")
    options.add_argument("--gateway", choices=("smpp", "aggregator", "twilio", "both"), default="smpp")
    options.add_argument("--messages", type=int, default=20_000)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument(
        "--centre", type=Path, help="node_modules with npm's smpp, whose server takes the messages"
    )
    options.add_argument("--replies", action="store_true", help="residents write, nothing is sent")
    options.add_argument("--notices", action="store_true", help="notices first, by an aggregator")
    options.add_argument("--night", action="store_true", help="a warning at 23:50")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--reference", action="store_true", help="receipts repeat our reference")
    given = options.parse_args()
    clocks = go_on_at("23:40:00") if given.gateway != "both" else None
    with new_folder() as folder, running_servers(folder) as (postgres, redis):
        port = find_port()
        common = {
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
            "SMS_LIVE": "no",
            "SMPP_WINDOW": 50,
            "AGGREGATOR_PROFILE": "esms",
            "NOTICE_ACCOUNT": "1397492183140006179" if given.notices else "",
            "NOTICE_WAIT_S": NOTICE_WAIT_S,
        }
        play = play_both if given.gateway == "both" else play_one
        with running_centre(given.centre) if given.centre else running_simulator() as simulator:

            def settings(by, **more):
                return simulator_settings(create_database(postgres.url), redis.url, by, **common, **more)

            return play(given, folder, simulator, settings, port, clocks)


@contextmanager
def running_centre(modules):
    """Start the foreign centre; what is asked of the simulator can be asked of it, too."""
    with subprocess.Popen(
        ["node", str(Path(__file__).with_name("centre.cjs"))],
        env={**os.environ, "NODE_PATH": str(modules.resolve())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield RunningSimulator(process.stdout.readline().strip(), "AC" + "0" * 32, "simulator")
        process.stdin.close()


def play_one(given, folder, simulator, settings, port, clocks):
    assert clocks
    own = settings(
        simulator,
        SMS_GATEWAY="simulator" if given.gateway == "twilio" else given.gateway,
        SMPP_URL=simulator.smpp_url,
        AGGREGATOR_URL=f"{simulator.url}/aggregator",
        AGGREGATOR_KEY=simulator.account_sid,
        AGGREGATOR_SECRET=simulator.auth_token,
    )
    with open_world(own, simulator, folder) as (world, processes):
        if given.replies:
            result = play_inbound(
                world, people=500, messages=given.messages, cuts=given.kills, seed=given.seed
            )
            print(result)
            return int(result.kept != result.acknowledged or bool(result.lost or result.out_of_order))
        start_all(processes, port)
        simulator.faults(**FAULTS, gives_reference=given.reference, seed=given.seed)
        if given.notices:
            return play_notices(given, world, simulator, processes, clocks)
        if given.night:
            return play_night(given, world, simulator, processes, clocks)
        earlier = send_earlier(world, processes, people=given.messages // 10)
        world.add_people(given.messages - given.messages // 10, first=given.messages // 10)
        before = simulator.stats()
        if given.gateway == "aggregator":
            simulator.faults(**FAULTS_OF_HTTP)
        if not given.centre:
            simulator.cut_smpp(restart=True)
        # Each worker has started and sends before the next is killed.
        pace = given.messages * PARTS / (max(1, given.kills) * BETWEEN_KILLS_S)
        campaign = launch(world, name="Đợt hai", pace=max(LEAST_PACE, round(pace)))
        killed, cuts = break_things(given, world, processes, clocks)
        wait_for_end(world, campaign)
        print(f"workers killed {killed}  connections cut {cuts} times")
        result = report(world, campaign, messages=given.messages, had=earlier)
        return result or tell_submissions(simulator, before)


def launch(world, **changes):
    """Launch a campaign whose step is open, by this process or by a worker's sweep. Returns its id."""
    campaign = world.launch(**changes)
    wait_until(lambda: world.status(campaign)["steps"])
    return campaign


def send_earlier(world, processes, *, people):
    """Send another text to these people, wait for its reports, and end the worker. Returns how many there were."""
    world.add_people(people)
    campaign = launch(world, name="Đợt một", text="[Chào {name}, ]mai họp thôn: {link}")
    worker = processes.start("worker", "--queues", "send")
    wait_for_end(world, campaign)
    processes.kill(worker)
    return people


def tell_submissions(simulator, before):
    """Print how often the gateway was asked for a part that it took. Returns 1 if too often."""
    stats = simulator.stats()
    asked, throttled = (stats.get(name, 0) - before.get(name, 0) for name in ("requests", "throttled"))
    share = asked / max(1, asked - throttled)
    print(f"submissions {asked}, of which {throttled} were too many at once: {share:.3f} for one taken")
    return int(share > MOST_FOR_ONE)


def play_notices(given, world, simulator, processes, clocks):
    """Notices first; workers are killed, answers cut, reports doubled and lost, and midnight comes."""
    world.add_people(given.messages)
    simulator.faults(**NOTICE_FAULTS, **FAULTS_OF_HTTP)
    pace = given.messages * PARTS / (max(1, given.kills) * BETWEEN_KILLS_S * 4)
    campaign = launch(world, **NOTICE, pace=max(LEAST_PACE, round(pace)))
    killed, _cuts = break_things(given, world, processes, clocks)
    wait_until(lambda: not world.status(campaign)["notices"]["waiting"], ENDS_AFTER_S)
    wait_for_end(world, campaign)
    time.sleep(2 * NOTICE_FAULTS["notice_late_s"])
    wait_until(lambda: not world.simulator.stats()["callbacks_pending"], ENDS_AFTER_S)
    time.sleep(5)
    seen = {}
    for entry in simulator.ledger():
        if entry["status"] == "delivered":
            seen.setdefault(entry["To"], Counter())[bool(entry["Notice"])] += 1
    both = {to for to, kinds in seen.items() if len(kinds) == 2}
    with world.runtime.db.read() as session:
        notice, text = aliased(Attempt), aliased(Attempt)
        late = session.execute(
            select(Phone.e164, notice.settled_at - notice.claimed_at)
            .join(notice, notice.phone_id == Phone.id)
            .join(text, text.message_id == notice.message_id)
            .where(notice.channel == "zalo", notice.state == AttemptState.DELIVERED, text.channel == "sms")
            .where(text.state.in_(ACCEPTED_OR_BEYOND))
        ).all()
        arrived = count_rows(
            session, Attempt, Attempt.channel == "zalo", Attempt.state == AttemptState.DELIVERED
        )
        texts = count_rows(session, Attempt, Attempt.channel == "sms", Attempt.state.in_(ACCEPTED_OR_BEYOND))
        unknown = set(
            session.scalars(
                select(Phone.e164)
                .join(Attempt, Attempt.phone_id == Phone.id)
                .where(Attempt.state == AttemptState.UNKNOWN)
            )
        )
        money = session.get_one(Campaign, campaign)
        price, each = money.price_vnd or 0, round(money.steps[0].segments_each or 1)
        vnd = money.priced_vnd + (money.segments_taken - money.priced_segments) * price
    status = world.status(campaign)
    states, notices = status["steps"][0]["messages"], status["notices"]
    lost = given.messages - len(seen.keys() | unknown)
    twice = sum(max(kinds.values()) > 1 for kinds in seen.values())
    early = sum(took <= timedelta(seconds=NOTICE_WAIT_S) for _number, took in late)
    least, most = given.messages * world.runtime.settings.notice_price_vnd, given.messages * each * price
    figures = (arrived, texts - len(late), len(late)) == tuple(
        notices[name] for name in ("arrived", "texts", "both")
    )
    cost = vnd == arrived * world.runtime.settings.notice_price_vnd + (texts + len(unknown)) * each * price
    print(
        f"workers killed {killed}  people {given.messages}  lost {lost}  one kind twice {twice}  states {states}"
    )
    print(
        f"notices {notices}; both by the ledger {len(both)}, by SQL {len(late)}, of which too early {early}"
    )
    print(f"cost {vnd}, foretold {least} to {most}; figures equal {figures}, cost equal {cost}")
    print(f"unknown, for a person: {len(unknown)}, of which the gateway has {len(unknown & seen.keys())}")
    # Of which Loa heard nothing: the report of a notice's arrival was lost as well.
    untold = both - {to for to, _took in late}
    print(f"both, with no report of the notice: {len(untold)}")
    is_right = figures and cost and least <= vnd <= most and {to for to, _took in late} <= both
    return int(bool(lost or twice or early) or not is_right or sum(states.values()) != given.messages)


def play_night(given, world, simulator, processes, clocks):
    """A warning at 23:50; then the clocks of all go on past midnight, in steps, until an hour later a person is asked."""
    world.add_people(given.messages)
    simulator.faults(rate_timeout=0.004, timeout_s=30, rate_callbacks_lost=0.5, callbacks_repeat=1)
    for _ in range(2):
        processes.start("worker", "--queues", "send")
    clocks.step(seconds_until("23:50:00"))
    second = "duyet2@loa.example"
    with world.runtime.db.write() as session:
        world.add_officer(session, second, Role.APPROVER)
    campaign = world.draft(urgent={"reason": "Bão số 9 đổ bộ đêm nay"}, text="Bao so 9: so tan ngay. {link}")
    for action, email in zip(WARNED_BY, (AUTHOR, APPROVER, second, AUTHOR), strict=True):
        user, now = world.user(email), datetime.now(UTC)
        perform_action(world.runtime, campaign, action, user=user, now=now)
    wait_until(lambda: world.status(campaign)["steps"])
    wait_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"], ENDS_AFTER_S)
    for clock in ("23:56:00", "23:59:55", "00:04:00", "00:11:00", "00:58:00"):
        time.sleep(8)
        clocks.step(seconds_until(clock))
    time.sleep(8)
    return report(world, campaign, messages=given.messages, had=0)


def play_both(given, folder, first, settings, port, _clocks):
    messages, key = given.messages, base64.b64encode(os.urandom(32)).decode()
    with running_simulator() as second, closing(Line(first.smpp_url)) as line:
        own = settings(second, SMS_GATEWAY="smpp", SMPP_URL=line.url, GATEWAY_KEYS=f"1:{key}")
        with open_world(own, second, folder) as (world, processes):
            world.add_people(messages)
            for each in (first, second):
                each.faults(**FAULTS, seed=1)
            start_all(processes, port)
            for _ in range(2):
                processes.start("worker", "--queues", "send")
            administrator = add_second(world, second)
            campaign = launch(world)
            wait_until(lambda: first.stats()["accepted"] > messages / 2, ENDS_AFTER_S)
            before = second.stats()["accepted"]
            line.cut()
            died = time.monotonic()
            wait_until(lambda: second.stats()["accepted"] > before, ENDS_AFTER_S)
            carried_on = time.monotonic() - died
            wait_until(lambda: "queued" not in world.status(campaign)["steps"][0]["messages"], ENDS_AFTER_S)
            all_sent = time.monotonic() - died
            line.restore()
            wait_for_end(world, campaign)
            unknown = world.status(campaign)["steps"][0]["messages"].get("unknown", 0)
            sent = Counter(entry["To"] for each in (first, second) for entry in each.ledger())
            print(
                f"the other carried on after {carried_on:.1f} s; all was sent {all_sent:.0f} s after the line was cut"
            )
            print(f"over SMPP {len(first.ledger())}, over the aggregator {len(second.ledger()) - 1}")
            result = report(world, campaign, messages=messages, had=0, sent=sent - Counter([TESTER]))
            close_first(world, campaign, administrator)
            print(f"{unknown} unknown settled by a person; the first gateway is closed")
            return result or int(carried_on > CARRIES_ON_WITHIN_S)


def start_all(processes, port):
    """Start everything but the workers that send."""
    processes.start_web(port)
    for queue in ("default", "inbound"):
        processes.start("worker", "--queues", queue)
    processes.start("scheduler")


def add_second(world, simulator):
    """Add the aggregator at a simulator, test it and put it to work. Returns the administrator."""
    with world.runtime.db.write() as session:
        administrator = world.add_officer(session, "quantri@loa.example", Role.ADMINISTRATOR)
    by = {"user": administrator, "settings": world.runtime.settings}
    account = gateway_accounts.save_gateway(
        world.runtime,
        account_id=None,
        connection=gateway_accounts.TypedConnection(
            name="Nhà cung cấp B",
            kind="aggregator",
            profile="esms",
            url=f"{simulator.url}/aggregator",
            login=simulator.account_sid,
            secret=simulator.auth_token,
        ),
        terms=gateway_accounts.TypedTerms(position="2", proof="operator"),
        now=datetime.now(UTC),
        **by,
    ).id
    gateway_accounts.try_gateway(world.runtime, account, number=TESTER, now=datetime.now(UTC), **by)
    wait_until(lambda: simulator.stats()["accepted"] == 1, ENDS_AFTER_S)
    wait_until(lambda: is_done(world, account, "active", administrator), ENDS_AFTER_S)
    return administrator


def is_done(world, account, state, user):
    try:
        gateway_accounts.change_gateway_state(
            world.runtime, account, state=state, user=user, now=datetime.now(UTC)
        )
    except WrongState:
        return False
    return True


def close_first(world, campaign, administrator):
    """Settle what is unknown as a person does three hours later, drain the first gateway and close it."""
    now = datetime.now(UTC) + timedelta(hours=3)
    with world.runtime.db.write() as session:
        author = find_user(session, AUTHOR)
        decide_unknown(session, campaign, resend=False, user=author, now=now)
    for state in ("draining", "closed"):
        wait_until(lambda state=state: is_done(world, ENVIRONMENT, state, administrator), ENDS_AFTER_S)


def break_things(given, world, processes, clocks):
    """Kill a worker and cut all SMPP connections, `kills` times over the send, every fourth time with a restart of the centre.

    A third of the way the gateway becomes narrow for a while, half of the way midnight comes. Returns how many workers were
    killed before all had left, and how often there were connections to cut.
    """
    simulator = world.simulator
    senders = [processes.start("worker", "--queues", "send") for _ in range(2)]
    chance, killed, cuts, ends = random.Random(given.seed), 0, 0, time.monotonic() + ENDS_AFTER_S
    events = {0.5: lambda: come_to_midnight(clocks)}
    if not given.centre:
        events |= {0.33: lambda: narrow(simulator)}
    while (killed < given.kills or events) and time.monotonic() < ends and (left := count_left(world)):
        share = 1 - left / given.messages
        for at in [at for at in events if share > at]:
            events.pop(at)()
        if killed < given.kills and share > (killed + 1) / (given.kills + 2):
            restart = not given.centre and killed % 4 == 3
            cuts += simulator.cut_smpp(restart=restart) > 0
            victim = senders.pop(chance.randrange(len(senders)))
            processes.kill(victim)
            senders.append(processes.start("worker", "--queues", "send"))
            killed += 1
        time.sleep(0.1)
    return killed, cuts


def count_left(world):
    """Return how many messages have not left."""
    with world.runtime.db.read() as session:
        waits = Message.state.in_((MessageState.QUEUED, MessageState.SENDING))
        return count_rows(session, Message, waits)


def narrow(simulator):
    """Take only a few requests at once, for so many messages."""
    before, ends = simulator.stats(), time.monotonic() + NARROW_S
    simulator.faults(most_at_once=AT_ONCE)
    while (after := simulator.stats())["accepted"] - before["accepted"] < NARROW and time.monotonic() < ends:
        time.sleep(0.2)
    simulator.faults(most_at_once=0)
    taken, throttled = (after[name] - before[name] for name in ("accepted", "throttled"))
    print(f"{AT_ONCE} at once: {taken} messages taken, {throttled} requests were too many")


def wait_for_end(world, campaign):
    """Wait until nothing is under way, and nothing has changed any more for a while: not every message has a report."""
    ends, since, before = time.monotonic() + ENDS_AFTER_S, time.monotonic(), {}
    while time.monotonic() < ends:
        counts = world.status(campaign)["steps"][0]["messages"]
        is_busy = (
            counts.get("sending") or counts.get("queued") or world.simulator.stats()["callbacks_pending"]
        )
        if is_busy or counts != before:
            since, before = time.monotonic(), counts
        elif set(counts) <= {"delivered"} or time.monotonic() - since > UNCHANGED_S:
            return
        time.sleep(0.5)


def report(world, campaign, *, messages, had, sent=None):
    """Print what became of a campaign's messages, and of those that `had` an earlier one. Returns the exit status."""
    both = sent is not None
    sent = (sent or Counter(world.sent_to())) - Counter(number(i) for i in range(had))
    status = world.status(campaign)
    counts = status["steps"][0]["messages"]
    unknown = set(
        world.all(
            select(Phone.e164)
            .join(Attempt, Attempt.phone_id == Phone.id)
            .where(Attempt.state == AttemptState.UNKNOWN)
        )
    )
    twice = sum(times > 1 for times in sent.values())
    lost = messages - len(sent.keys() | unknown)
    wrong = 0 if both else count_wrong(world)
    is_short = sum(counts.values()) != status["recipients"]
    print(
        f"messages {messages}  sent {len(sent)}  lost {lost}  twice {twice}  settled wrongly {wrong}  states {counts}"
    )
    print(f"unknown, for a person: {len(unknown)}, of which the gateway has {len(unknown & sent.keys())}")
    return 1 if lost or twice or wrong or is_short else 0


if __name__ == "__main__":
    sys.exit(main())
