"""What `make bench` measures with: its gateway counts rightly and keeps its limit; its parts can be loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import gateway
from benchmarks.__main__ import PARTS, SMALL
from benchmarks.contestants import loop
from benchmarks.profile import describe

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="the gateway is a C program")


@pytest.fixture
def slow_gateway(tmp_path: Path) -> Iterator[gateway.Gateway]:
    with gateway.running(gateway.build(tmp_path), latency_ms=20, limit=5) as running:
        yield running


def test_the_gateway_counts_each_message_once_and_lets_no_more_through_than_its_limit(
    slow_gateway: gateway.Gateway,
) -> None:
    run = loop.run(slow_gateway, "ours", messages=50, in_flight=5)
    stats = slow_gateway.stats()
    assert (stats.accepted, stats.distinct, stats.most, stats.throttled) == (50, 50, 5, 0)
    assert sum(slow_gateway.ledger().values()) == 50
    assert run.per_second <= slow_gateway.per_second == 250


def test_the_gateway_refuses_what_is_beyond_its_limit(slow_gateway: gateway.Gateway) -> None:
    with pytest.raises(RuntimeError):
        loop.run(slow_gateway, "ours", messages=50, in_flight=10)
    assert slow_gateway.stats().throttled > 0


def test_a_profile_names_the_part_nearest_to_where_the_time_went(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    stacks.write_text(
        "run (workers/context.py:1);claim (campaigns/delivery/claim_messages.py:80);render (campaigns/rules/links.py:9) 3\n"
        "run (workers/context.py:1);claim (campaigns/delivery/claim_messages.py:80);execute (sqlalchemy/x.py:9) 1\n"
    )
    said = describe(stacks)
    assert "75.0%" in said.split("personal link")[1].splitlines()[0]
    assert "25.0%" in said.split("claim: PostgreSQL")[1].splitlines()[0]


def test_every_part_has_a_small_size() -> None:
    assert SMALL.keys() == PARTS.keys()
