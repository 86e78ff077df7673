"""What `make bench` measures with: its gateway counts rightly and keeps its limit; its parts can be loaded."""

import shutil

import pytest

from benchmarks import gateway
from benchmarks.__main__ import PARTS, SMALL
from benchmarks.contestants import loop

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None, reason="the gateway is a C program: apt-get install gcc libc6-dev"
)


@pytest.fixture
def slow_gateway(tmp_path):
    with gateway.running(gateway.build(tmp_path), latency_ms=20, limit=5) as running:
        yield running


def test_the_gateway_counts_each_message_once_and_lets_no_more_through_than_its_limit(slow_gateway):
    run = loop.run(slow_gateway, "ours", messages=50, in_flight=5)
    stats = slow_gateway.stats()
    assert (stats.accepted, stats.distinct, stats.most, stats.throttled) == (50, 50, 5, 0)
    assert run.per_second <= 5 / 0.020


def test_the_gateway_refuses_what_is_beyond_its_limit(slow_gateway):
    with pytest.raises(RuntimeError):
        loop.run(slow_gateway, "ours", messages=50, in_flight=10)
    assert slow_gateway.stats().throttled > 0


def test_every_part_has_a_small_size():
    assert SMALL.keys() == PARTS.keys()
