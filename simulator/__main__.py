"""Command line of the gateway simulator: `python -m simulator`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from simulator.callbacks import is_this_machine
from simulator.network import Options
from simulator.server import create_app
from simulator.simulation import Simulation

# The same development values as in the project's settings, which this process does not import.
ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "simulator"  # noqa: S105 - opens nothing but this training gateway


def main() -> int:
    """Run the simulator until SIGINT or SIGTERM. Returns the exit code."""
    args = _read_arguments()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    options = Options(
        account_sid=os.environ.get("TWILIO_ACCOUNT_SID") or ACCOUNT_SID,
        auth_token=os.environ.get("TWILIO_AUTH_TOKEN") or AUTH_TOKEN,
        inbound_url=args.inbound_url,
        public_url=args.public_url.rstrip("/"),
        data=args.data,
        keep=args.keep,
        smpp_port=args.smpp_port,
    )
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(options, host=args.host, port=args.port))
    except OSError as error:
        print(f"Không khởi động được điện thoại tập huấn: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(options: Options, *, host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # A request that is never answered may sleep for long; it must not delay the end.
    runner = web.AppRunner(create_app(Simulation(options)), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        # The parent process reads the port here, if it asked for port 0.
        print(f"Simulator ready on http://{host}:{runner.addresses[0][1]}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=8001, help="0 takes a free one, which the first line names"
    )
    parser.add_argument("--host", default="127.0.0.1", help="there is no login")
    parser.add_argument("--data", type=Path, help="folder that keeps messages between starts")
    parser.add_argument(
        "--inbound-url",
        default="http://127.0.0.1:8000/webhooks/twilio/inbound",
        help="where residents' SMS are posted to, on this machine; '' for nowhere",
    )
    parser.add_argument(
        "--public-url",
        default="",
        help="public address of the system under test: calls are signed for it, and sent to the inbound URL's port",
    )
    parser.add_argument(
        "--keep", type=int, default=2_000_000, help="messages in memory; above that the oldest tenth goes"
    )
    parser.add_argument(
        "--smpp-port", type=int, help="also speak SMPP on this port of this machine; 0 takes a free one"
    )
    args = parser.parse_args()
    if args.inbound_url and not is_this_machine(args.inbound_url):
        parser.error("--inbound-url must lie on this machine")
    if args.keep < 10:
        parser.error("--keep must be at least 10")
    return args


if __name__ == "__main__":
    sys.exit(main())
