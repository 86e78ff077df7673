"""Residents' pages before Flask: the same page, and whatever is not plain is left to Flask."""

import asyncio
import time
from contextlib import closing

import pytest

from admin.app import create_front
from campaigns.models.campaigns import PageOpen
from campaigns.web import page_lookups
from campaigns.web.answer_page import AnswerPageApp
from campaigns.web.page_lookups import MOST
from tests.support.asgi_client import AsgiClient
from tests.support.servers import both_databases

pytestmark = both_databases


OF_FLASK = ("Vary", "X-Request-Id")  # headers that only requests which reach Flask have


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(page_lookups, "EVERY_S", 0.05)


@pytest.fixture
def front(client):
    with closing(AsgiClient(create_front(client.application))) as through_the_front:
        yield through_the_front


@pytest.fixture
def tokens(world):
    campaign = world.launch(people=3)
    return [world.link(campaign, i) for i in range(3)]


def test_the_page_is_the_one_that_flask_shows(front, client, tokens):
    written = client.get(f"/{tokens[0]}")  # from here on it is kept
    before_flask = front.get(f"/{tokens[1]}")
    assert before_flask.status_code == 200
    assert before_flask.data == written.data
    # Nothing is stored, so nothing varies.
    said = {name.lower(): value for name, value in written.headers.items() if name not in OF_FLASK}
    assert {name.lower(): value for name, value in before_flask.headers.items()} == said
    assert front.post(f"/{tokens[1]}", data={"answer": "installed"}).status_code == 303
    assert "đã cài" in front.get(f"/{tokens[1]}").get_data(as_text=True)
    assert front.get(f"/{tokens[1]}").data != before_flask.data


def test_it_is_answered_without_flask(client, world, tokens):
    client.get(f"/{tokens[0]}")

    async def nobody(*_request):
        raise AssertionError("left to the other application")

    desk = client.application.extensions["desk"]
    with closing(AsgiClient(AnswerPageApp(world.runtime.db, desk, others=nobody, is_https=True))) as alone:
        pages = [alone.get(f"/{token}") for token in tokens]
        assert all(page.status_code == 200 for page in pages)
        assert pages[0].headers["Strict-Transport-Security"] == "max-age=31536000"
        for path, headers in (
            (f"/{tokens[0]}?about", {}),
            (f"/{tokens[0]}", {"Cookie": "session=x"}),
            ("/zzzzzzzz", {}),
        ):
            with pytest.raises(AssertionError, match="left"):
                alone.get(path, headers=headers)


def test_many_at_once_share_a_look_up_and_each_opening_is_noted(front, client, world, tokens):
    client.get(f"/{tokens[0]}")

    async def all_at_once():
        answers = await asyncio.gather(*(front.ask("GET", f"/{token}") for token in tokens * 20))
        return [answer.status_code for answer in answers]

    assert front.run(all_at_once()) == [200] * 60
    limit = time.monotonic() + 30
    while True:
        if world.count(PageOpen) == 3:
            break
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_who_guesses_is_held_up_here_as_well(front, client, tokens):
    client.get(f"/{tokens[0]}")
    guesser = {"X-Forwarded-For": "203.0.113.9"}
    statuses = [front.get("/zzzzzzzz", headers=guesser).status_code for _ in range(MOST + 1)]
    assert statuses[0] == 404
    assert front.get(f"/{tokens[0]}", headers=guesser).status_code == 429
    assert front.get(f"/{tokens[0]}", headers={"X-Forwarded-For": "203.0.113.8"}).status_code == 200


def test_a_look_up_that_fails_here_is_made_once_more_by_flask(front, client, world, tokens, monkeypatch):
    client.get(f"/{tokens[0]}")

    def away():
        raise ConnectionError("away")

    monkeypatch.setattr(type(world.runtime.db), "connect_autocommit", lambda _self: away())
    # Flask's look-ups have a connection of their own since the first page.
    assert front.get(f"/{tokens[1]}").status_code == 200
