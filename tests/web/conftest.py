"""The web over the same real parts as the flows have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from admin.app import create_app
from outreach.runtime import Runtime
from outreach.settings import Settings
from tests.flows import conftest as flows

quick_ends = flows.quick_ends
shared_simulator = flows.shared_simulator
simulator = flows.simulator
settings = flows.settings
runtime = flows.runtime
world = flows.world


@pytest.fixture
def client(settings: Settings, runtime: Runtime) -> Iterator[FlaskClient]:
    """A browser before the web."""
    app = create_app(settings, runtime=runtime)
    with app.test_client() as browser:
        yield browser
