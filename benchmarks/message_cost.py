"""Where the processor's time of a message goes: each part of sending by itself, one after another.

`python -m benchmarks.message_cost` prints microseconds a message. As no part waits for another, it hardly matters what else
the machine does; the parts' sum is what `benchmarks.send_rates` measures as the CPU of one worker with its servers.
"""

from __future__ import annotations

import itertools
import pickle
import time
from collections import Counter

from sqlalchemy import text

from benchmarks import gateway
from benchmarks.contestants import loop
from benchmarks.ground import Ground, ground, ready_to_send
from benchmarks.measures import cpu_s, show
from campaigns.delivery.claim_messages import CLAIM_LIMIT, claim_next_batch
from campaigns.delivery.record_outcomes import store_outcomes
from outreach.rules.gateway import Accepted
from outreach.runtime import Runtime, freeze_loaded_objects, open_runtime

MESSAGES, IN_FLIGHT = 30_000, 100
CLIENT, SMPP = "the gateway's client, by HTTP", "the same by SMPP"


def measure_client(on: Ground, *, smpp: bool) -> float:
    """Return the processor's seconds that requests alone take, by the bare loop."""
    with gateway.running(on.gateway_program) as to:
        client = "smpp" if smpp else "ours"
        return loop.run(to, client, messages=MESSAGES, in_flight=IN_FLIGHT).sender_cpu_s


def measure_database(on: Ground, runtime: Runtime) -> Counter[str]:
    """Claim all and record each as accepted; return the messages and the seconds by part, here and in PostgreSQL."""
    spent: Counter[str] = Counter()
    gateway_ids = map("SM{:032x}".format, itertools.count())
    while True:
        moments = [_moment(on)]
        claimed = claim_next_batch(runtime, "cost", CLAIM_LIMIT)
        moments.append(_moment(on))
        if not claimed:
            return spent
        _stream, _batch, tasks = pickle.loads(pickle.dumps(claimed))
        outcomes = [(task.claim, Accepted(next(gateway_ids))) for task in tasks]
        outcomes = pickle.loads(pickle.dumps(outcomes))
        moments.append(_moment(on))
        store_outcomes(runtime, outcomes)
        moments.append(_moment(on))
        spent["messages"] += len(tasks)
        for name, (here, there), (here_then, there_then) in zip(
            ("claim", "hand over", "record"), moments, moments[1:], strict=False
        ):
            spent[name] += here_then - here
            spent[f"{name}, PostgreSQL"] += there_then - there


def _moment(on: Ground) -> tuple[float, float]:
    return time.process_time(), cpu_s(on.server_pids()[:1])


def main() -> str:
    with ground() as on:
        with ready_to_send(on, MESSAGES, pace=5_000_000) as (template, _), on.database(template) as url:
            runtime = open_runtime(on.settings(url))
            with runtime.db.write() as session:
                session.execute(text("UPDATE campaigns SET state = 'sending'"))
            freeze_loaded_objects()
            spent = measure_database(on, runtime)
            runtime.close()
        messages = spent["messages"]
        parts = {
            CLIENT: measure_client(on, smpp=False) / MESSAGES,
            SMPP: measure_client(on, smpp=True) / MESSAGES,
            "claim: checks, text, link": spent["claim"] / messages,
            "claim, in PostgreSQL": spent["claim, PostgreSQL"] / messages,
            "record": spent["record"] / messages,
            "record, in PostgreSQL": spent["record, PostgreSQL"] / messages,
            "from process to process and back": spent["hand over"] / messages,
        }
    return show(["part", "µs a message"], [[name, f"{s * 1e6:.1f}"] for name, s in parts.items()])


if __name__ == "__main__":
    print(main())
