"""Kannel, written in C: its HTTP or SMPP SMSC with our gateway, fed by its sendsms as by an application.

A request to sendsms has RECIPIENTS numbers, so that feeding costs Kannel as little as possible.
"""

import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from benchmarks.contestants import Run
from benchmarks.contestants.loop import BODY, number
from benchmarks.gateway import Gateway
from benchmarks.measures import answers, cpu_s, peak_mb, wait_until
from deploy.processes import die_with_parent
from deploy.redis_server import find_port

RECIPIENTS = 100
STARTS_WITHIN_S = 20.0
ENDS_AFTER_S = 120.0
HOW_TO_INSTALL = "apt-get install kannel"
_SETTINGS = """
group = core
admin-port = {admin}
admin-password = bench
admin-allow-ip = "127.0.0.1"
smsbox-port = {boxes}
box-allow-ip = "127.0.0.1"
log-level = 3
sms-outgoing-queue-limit = 1000000

{smsc_group}
group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
log-level = 3

group = sendsms-user
username = bench
password = bench
max-messages = 1
"""

_SMSC = {
    "http": """
group = smsc
smsc = http
smsc-id = gateway
system-type = generic
port = {smsc}
connect-allow-ip = "127.0.0.1"
send-url = "{gateway}/send?to=%p&from=%P&text=%b"
status-success-regex = "queued"
max-pending-submits = {in_flight}
""",
    "smpp": """
group = smsc
smsc = smpp
smsc-id = gateway
host = 127.0.0.1
port = {port}
transceiver-mode = true
smsc-username = bench
smsc-password = bench
system-type = ""
max-pending-submits = {in_flight}
""",
}


def is_installed() -> bool:
    return shutil.which("bearerbox") is not None and shutil.which("smsbox") is not None


def run(gateway: Gateway, folder: Path, *, messages: int, in_flight: int, smsc: str = "http") -> Run:
    """Run both of its processes with one of _SMSC. `messages` is a multiple of RECIPIENTS."""
    ports = {name: find_port() for name in ("admin", "boxes", "smsc", "sendsms")}
    settings = folder / "kannel.conf"
    group = _SMSC[smsc].format(
        **ports, gateway=gateway.url, port=gateway.url.rpartition(":")[2], in_flight=in_flight
    )
    settings.write_text(_SETTINGS.format(**ports, smsc_group=group))
    started: list[subprocess.Popen[bytes]] = []
    try:
        with (folder / "kannel.log").open("ab") as words:
            for program, page in (
                ("bearerbox", f"http://127.0.0.1:{ports['admin']}/status.txt?password=bench"),
                ("smsbox", f"http://127.0.0.1:{ports['sendsms']}/cgi-bin/sendsms?username=bench"),
            ):
                started.append(_start(program, settings, words))
                wait_until(
                    lambda page=page: answers(page),
                    "Kannel does not start: see kannel.log",
                    seconds=STARTS_WITHIN_S,
                )
        time.sleep(1.0)  # until its two processes are connected
        pids = [process.pid for process in started]
        before = cpu_s(pids)
        with ThreadPoolExecutor(4) as feeders:
            fed = [
                feeders.submit(_feed, ports["sendsms"], first) for first in range(1, messages + 1, RECIPIENTS)
            ]
            stats = gateway.wait_for(messages, seconds=ENDS_AFTER_S)
            for each in fed:
                each.result()
        return Run(messages, stats.last - stats.first, cpu_s(pids) - before, 0.0, peak_mb(pids))
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def _start(program: str, settings: Path, words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [program, str(settings)],
        stdout=words,
        stderr=words,
        cwd=settings.parent,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )


def _feed(port: int, first: int) -> None:
    form = {
        "username": "bench",
        "password": "bench",
        "from": "MTTQ",
        "to": " ".join(number(i) for i in range(first, first + RECIPIENTS)),
        "text": BODY.format(first),
    }
    urlopen(f"http://127.0.0.1:{port}/cgi-bin/sendsms?{urlencode(form)}", timeout=ENDS_AFTER_S).close()
