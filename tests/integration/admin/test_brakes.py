"""Limits that hold against whoever has many addresses, one good link or many tries, and shut out nobody else."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from io import BytesIO

from argon2 import PasswordHasher
from sqlalchemy import select

from admin import sign_in as limits
from admin.app import MAX_FORM_BYTES, create_app, create_front
from campaigns.web.page_lookups import MOST, MOST_OF_ALL, TokenGuard
from outreach.accounts import users
from outreach.accounts.security_events import SecurityEvent, count_events, read_events
from outreach.models.accounts import Role
from outreach.models.contacts import ContactPhone
from tests.integration.admin.test_health import metrics
from tests.integration.admin.test_sign_in import is_in, sign_in
from tests.support.admin_client import post, signed_in, token
from tests.support.asgi_client import AsgiClient
from tests.support.servers import on_sqlite
from tests.support.world import APPROVER, AUTHOR, PASSWORD

database_url = on_sqlite

ADMINISTRATOR = "quantri@loa.example"


def at(address):
    return {"headers": {"X-Forwarded-For": address}}


def test_another_address_of_the_same_ipv6_network_is_no_new_caller(client, world):
    for n in range(limits.FAILURES_PER_ADDRESS.amount):
        assert sign_in(client, f"a{n}@loa.example", **at(f"2001:db8:1:{n:x}:2::1")).status_code == 401
    assert sign_in(client, AUTHOR, PASSWORD, **at("2001:db8:1:ffff::9")).status_code == 429
    assert sign_in(client, AUTHOR, PASSWORD, **at("2001:db8:2::9")).status_code == 303


def test_a_lock_on_an_address_that_a_stranger_caused_leaves_a_known_device_in(author, world):
    author.post("/logout", data={"csrf_token": token(author)})
    stranger = world.app().test_client()
    for _ in range(limits.FAILURES_PER_EMAIL.amount):
        assert sign_in(stranger).status_code == 401
    assert sign_in(stranger, AUTHOR, PASSWORD).status_code == 429
    elsewhere = {"environ_base": {"REMOTE_ADDR": "198.51.100.7"}}
    with world.app().test_client() as other:
        assert sign_in(other, AUTHOR, PASSWORD, **elsewhere).status_code == 303, (
            "a new device in another network"
        )
    assert sign_in(author, AUTHOR, PASSWORD).status_code == 303
    assert is_in(author)
    # The device is known for its own address alone, has a limit of its own, and its cookie cannot be made.
    author.delete_cookie("session")
    for _ in range(limits.FAILURES_PER_DEVICE.amount):
        assert sign_in(author).status_code == 401
    assert sign_in(author, AUTHOR, PASSWORD).status_code == 429
    for _ in range(limits.FAILURES_PER_EMAIL.amount):
        sign_in(stranger, APPROVER)
    assert sign_in(author, APPROVER, PASSWORD).status_code == 429


def test_ones_own_link_opened_again_and_again_buys_no_guesses(world):
    guard, address = TokenGuard(world.runtime.redis), "203.0.113.7"
    refused = 0
    for n in range(MOST + 20):
        refused += bool(guard.miss(address))
        assert guard.hit(address, 1) == 0, "what was open before stays open"
        assert guard.hit(address, 1) == 0
        assert n < MOST or guard.hit(address, 2)
    assert refused == 20
    assert count_events(world.runtime.redis)[SecurityEvent.LINKS_GUESSED] == 1


def test_a_carriers_thousand_residents_behind_one_address_all_get_in(world):
    guard, address = TokenGuard(world.runtime.redis), "2001:db8:5::1"
    for resident in range(1, 1001):
        if resident % 10 == 0:
            guard.miss(f"2001:db8:5:0::{resident:x}")
        assert guard.hit(address, resident) == 0


def test_no_number_of_good_links_buys_more_than_the_cap(world):
    guard, address = TokenGuard(world.runtime.redis), "203.0.113.9"
    guard.miss(address)
    for resident in range(1, MOST_OF_ALL * 2):
        assert guard.hit(address, resident) == 0
    misses = [guard.miss(address) for _ in range(MOST_OF_ALL)]
    assert [bool(wait) for wait in misses] == [False] * (MOST_OF_ALL - 1) + [True]
    assert guard.hit(address, 5_000) > 0
    assert guard.hit(address, 5) == 0


def test_passwords_are_checked_a_few_at_a_time(world, monkeypatch):
    running, most, lock, pause = 0, 0, threading.Lock(), threading.Event()

    class Watched(PasswordHasher):
        def verify(self, hash, password):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            pause.wait(0.005)
            with lock:
                running -= 1
            return super().verify(hash, password)

    monkeypatch.setattr(users, "_hasher", Watched(time_cost=1, memory_cost=8, parallelism=1))
    user = world.user(AUTHOR)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _n: users.check_password(user, PASSWORD), range(16)))
    assert most == users._hashing._initial_value


def test_a_user_who_opens_too_many_numbers_is_held_back_and_it_is_an_alert(client, world):
    person = world.add_person("Y Hlan", "+84905000123")
    phone = world.one(select(ContactPhone.phone_id))
    settings = replace(world.runtime.settings, full_numbers_per_hour=2)
    runtime = replace(world.runtime, settings=settings)
    client = signed_in(create_app(settings, runtime=runtime).test_client(), AUTHOR)
    shown = [post(client, f"/admin/people/{person}/number", phone=phone) for _ in range(3)]
    assert [response.status_code for response in shown] == [200, 200, 422]
    assert ["0905000123" in response.text for response in shown] == [True, True, False]
    assert "Hãy đợi" in shown[2].text
    [event] = read_events(runtime.redis, event=SecurityEvent.NUMBERS_QUOTA)
    assert event.who == f"users:{world.user(AUTHOR).id}"
    assert metrics(client)["loa_security_events numbers_quota"] == 1


def test_what_was_refused_is_on_the_administrators_page_with_address_and_account(client, world):
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    sign_in(client, AUTHOR, **at("203.0.113.20"))
    signed_in(client, AUTHOR)
    assert client.get("/admin/users/", **at("203.0.113.21")).status_code == 403
    assert client.get("/api/v1/campaigns", **at("203.0.113.22")).status_code == 401
    assert client.post("/webhooks/twilio/inbound", data={}, **at("203.0.113.23")).status_code == 403
    assert client.get("/admin/security/").status_code == 403
    signed_in(client, ADMINISTRATOR)
    page = client.get("/admin/security/").text
    for seen in (
        "203.0.113.20", "Sai mật khẩu", "203.0.113.21", "Mở trang không được phép", "203.0.113.22",
        "API bị từ chối", "203.0.113.23", "Thông báo sai chữ ký", AUTHOR,
    ):  # fmt: skip
        assert seen in page
    assert "203.0.113.22" not in client.get("/admin/security/?event=forbidden").text
    figures = metrics(client)
    for name in ("login_refused", "api_refused", "webhook_refused"):
        assert figures[f"loa_security_events {name}"] == 1
    assert figures["loa_security_events forbidden"] == 2


def test_a_large_body_is_read_only_for_who_may_hand_in_a_file(world):
    app = world.app()
    officer = signed_in(app.test_client(), AUTHOR)
    cookie = officer.get_cookie("session")
    assert cookie
    read = []
    inner = app.wsgi_app

    def watched(environ, start):
        read.append(len(environ["wsgi.input"].read()))
        environ["wsgi.input"].seek(0)
        return inner(environ, start)

    app.wsgi_app = watched
    with closing(AsgiClient(create_front(app))) as front:

        def sent(path, **headers):
            front.post(path, data={"file": (BytesIO(b"x" * 3 * MAX_FORM_BYTES), "a.csv")}, headers=headers)
            return read[-1]

        assert sent("/admin/imports/") == 0
        assert sent("/admin/imports/", Cookie="session=forged") == 0
        assert sent("/login") == 0
        assert sent("/api/v1/contacts", Authorization="Bearer loa_forged") == 0
        assert sent("/admin/lists/", Cookie=f"session={cookie.value}") == 0
        assert sent("/admin/imports/", Cookie=f"session={cookie.value}") > 3 * MAX_FORM_BYTES
