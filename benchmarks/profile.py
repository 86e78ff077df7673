"""Profile of a worker by parts of the program, from py-spy's stacks of threads that hold the GIL."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from benchmarks.measures import show

# The innermost frame that matches decides.
PARTS = (
    ("personal link, text, segments", r"rules/links|rules/delivery|rules/sms_template|rules/segments"),
    ("claim: rate limits in Redis", r"delivery/streams"),
    ("claim: PostgreSQL and its rows", r"delivery/(claim_messages|message_data)"),
    ("record: PostgreSQL and its rows", r"delivery/(record_outcomes|outbox)"),
    ("to the database process and back", r"concurrent/futures/process|multiprocessing/"),
    ("look for pauses and opt-outs", r"_check_streams \("),
    ("twilio's library", r"twilio/(rest|base|http)/"),
    ("HTTP: aiohttp, our client", r"aiohttp/|sms/(http_client|twilio)\.py|yarl|multidict|urllib"),
    ("sending: buffer and senders", r"delivery/send_messages"),
)
ELSE = "event loop and the rest"
LONGEST = 15


def read(stacks: Path) -> list[tuple[list[str], int]]:
    """Read stacks in py-spy's raw format, with their counts."""
    lines = (line.rpartition(" ") for line in stacks.read_text().splitlines())
    return [(stack.split(";"), int(times)) for stack, _, times in lines]


def part_of(stack: list[str]) -> str:
    """Return the part of the program to which a stack belongs."""
    for frame in reversed(stack):
        for name, pattern in PARTS:
            if re.search(pattern, frame):
                return name
    return ELSE


def describe(stacks: Path) -> str:
    """Return two tables: shares of the parts, and the functions with the most samples."""
    read_stacks = read(stacks)
    total = sum(times for _, times in read_stacks) or 1
    parts: Counter[str] = Counter()
    ends: Counter[tuple[str, str]] = Counter()
    for stack, times in read_stacks:
        part = part_of(stack)
        parts[part] += times
        ends[(re.sub(r":\d+\)$", ")", stack[-1]), part)] += times
    first = show(["where", "share"], [[name, f"{times / total:.1%}"] for name, times in parts.most_common()])
    second = show(
        ["function", "in", "share"],
        [[name, part, f"{times / total:.1%}"] for (name, part), times in ends.most_common(LONGEST)],
    )
    return f"{first}\n\n{second}\n\n{total} samples"
