"""Signing in: who gets in, what a guesser learns, where it leads, and what ends it.

The first installation as a page: with the code that the start prints, once, and never when there is a user.
"""

import logging
import re
import socket
from base64 import b64encode
from dataclasses import replace

import pytest
from argon2 import PasswordHasher
from redis import Redis
from sqlalchemy import select

from admin import sign_in as limits
from admin.app import create_app
from admin.first_setup import make_code
from outreach.accounts import users
from outreach.models.accounts import AuditEvent, Organisation, Role, User
from tests.support.admin_client import shows, signed_in, token
from tests.support.servers import on_sqlite
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, PASSWORD

database_url = on_sqlite

NOBODY = "khong-co@loa.example"
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def client(settings, runtime):
    """A browser that keeps nothing of a request, so that there may be two."""
    return create_app(settings, runtime=runtime).test_client()


def browser(settings, runtime, **changes):
    """A browser before a web with other settings."""
    changed = replace(settings, **changes)
    return create_app(changed, runtime=replace(runtime, settings=changed)).test_client()


def sign_in(client, email=AUTHOR, password="sai mật khẩu", *, query="", **more):
    form = {"email": email, "password": password, "csrf_token": token(client, "/login")}
    return client.post(f"/login{query}", data=form, **more)


def is_in(client):
    return client.get("/admin/").status_code == 200


def without_secrets(page):
    return re.sub(r'nonce="[^"]+"|name="csrf_token" value="[^"]+"', "", page)


# -- guessing ------------------------------------------------------------------------------------------


def test_wrong_password_unknown_address_and_one_without_a_password_read_and_take_the_same(
    client, world, monkeypatch
):
    worked = []

    class Watched(PasswordHasher):
        def verify(self, hash, password):
            worked.append(str(hash).rsplit("$", 2)[0])  # the parameters: how much work it is
            return super().verify(hash, password)

    # As in production: other tests hash more cheaply.
    world.change(User, world.user(AUTHOR).id, password_hash=PasswordHasher().hash(PASSWORD))
    world.change(User, world.user(APPROVER).id, password_hash=users.no_password())
    monkeypatch.setattr(users, "_hasher", Watched())
    users._dummy_hash.cache_clear()
    pages = []
    for email in (AUTHOR, NOBODY, APPROVER):
        response = sign_in(client, email)
        assert response.status_code == 401
        pages.append(without_secrets(response.text).replace(email, "EMAIL"))
    assert len(set(pages)) == 1
    assert "không đúng" in pages[0]
    assert len(worked) == 3
    assert len(set(worked)) == 1
    assert not is_in(client)


@cases("", "\0", "canbo@loa.example\0", "'; --", "%", "a" * 3000)
def test_a_strange_address_is_only_wrong(client, world, email):
    assert sign_in(client, email).status_code == 401


def test_capitals_and_spaces_in_an_address_do_not_matter(client, world):
    assert sign_in(client, f" {AUTHOR.upper()} ", PASSWORD).status_code == 303


def test_a_refused_address_and_password_stand_in_no_log(client, world, caplog):
    caplog.set_level(logging.INFO)
    sign_in(client, NOBODY)
    shows(caplog.text, "security.login_refused address=127.0.0.1 who=-", but=(NOBODY, "sai mật khẩu"))


def test_guessing_one_address_is_slowed_down_and_says_how_long(client, world, monkeypatch):
    monkeypatch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    for _ in range(limits.FAILURES_PER_EMAIL.amount):
        assert sign_in(client).status_code == 401
    held = sign_in(client, f" {AUTHOR.upper()}", PASSWORD)
    shows(held, "đợi 15 phút", status=429)
    assert 0 < int(held.headers["Retry-After"]) <= limits.FAILURES_PER_EMAIL.get_expiry()
    assert not is_in(client)
    # Others are not held up by it, and when its time is over the right password opens again.
    assert sign_in(client, APPROVER, PASSWORD).status_code == 303
    (key,) = world.runtime.redis.keys("loa:login:email/*")
    assert 0 < world.runtime.redis.ttl(key) <= limits.FAILURES_PER_EMAIL.get_expiry()
    world.runtime.redis.delete(key)
    client.delete_cookie("session")
    assert sign_in(client, AUTHOR, PASSWORD).status_code == 303


def test_guessing_many_addresses_from_one_place_is_slowed_down(world):
    redis, place = world.runtime.redis, "203.0.113.5"
    for index in range(limits.FAILURES_PER_ADDRESS.amount):
        assert not limits.hit_login(redis, email=f"{index}@loa.example", address=place)
    assert limits.hit_login(redis, email="new@loa.example", address=place)
    assert not limits.hit_login(redis, email="new@loa.example", address="203.0.113.6")


def test_signing_in_rightly_uses_up_nothing(world):
    redis, place = world.runtime.redis, "203.0.113.5"
    for _ in range(limits.FAILURES_PER_ADDRESS.amount + 1):
        assert not limits.hit_login(redis, email=AUTHOR, address=place)
        limits.refund_login(redis, email=AUTHOR, address=place)


def test_a_refund_after_the_window_does_not_last(world):
    redis, place = world.runtime.redis, "203.0.113.5"
    limits.refund_login(redis, email=AUTHOR, address=place)
    (key,) = redis.keys("loa:login:address/*")
    assert redis.get(key) == b"-1"
    assert 0 < redis.ttl(key) <= limits.FAILURES_PER_ADDRESS.get_expiry()


def test_who_is_held_back_by_an_address_does_not_hold_back_the_office(world):
    redis, place = world.runtime.redis, "203.0.113.5"
    waits = [limits.hit_login(redis, email=AUTHOR, address=place) for _ in range(60)]
    assert waits[-1]
    assert not limits.hit_login(redis, email=APPROVER, address=place)


def test_the_office_opens_without_redis(settings, world, caplog):
    away = replace(world.runtime, redis=Redis.from_url(NOWHERE))
    client = browser(settings, away)
    assert sign_in(client).status_code == 401
    assert sign_in(client, AUTHOR, PASSWORD).status_code == 303
    assert "login.limits_away" in caplog.text


def test_a_redis_that_hangs_is_waited_for_once(caplog):
    with (
        socket.create_server(("127.0.0.1", 0)) as hangs,
        Redis(port=hangs.getsockname()[1], socket_timeout=0.1, retry=None) as redis,
    ):
        assert limits.hit_login(redis, email=AUTHOR, address="203.0.113.5") == 0
    assert caplog.text.count("login.limits_away error=TimeoutError") == 1


# -- sessions ------------------------------------------------------------------------------------------


def cookie(client):
    found = client.get_cookie("session")
    return found.value


def test_signing_in_begins_a_session_of_its_own(client, world):
    planted_token = token(client, "/login")
    with client.session_transaction() as session:
        session.update(planted="by someone else", language="en")
    planted = cookie(client)
    signed_in(client, AUTHOR)  # with the cookie deleted it begins with none at all
    client.set_cookie("session", planted)
    assert not is_in(client)
    assert sign_in(client, AUTHOR, PASSWORD).status_code == 303
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["language"] == "en"
    assert token(client) != planted_token
    client.set_cookie("session", planted)
    assert not is_in(client)


def test_signing_out_ends_the_session_wherever_its_cookie_was_copied_to(client, world):
    other = client.application.test_client()
    signed_in(other, AUTHOR)
    signed_in(client, AUTHOR)
    copied = cookie(client)
    assert client.get("/logout").status_code in (404, 405)
    assert is_in(client)
    gone = client.post("/logout", data={"csrf_token": token(client)})
    assert (gone.status_code, gone.location) == (303, "/login")
    assert not is_in(client)
    client.set_cookie("session", copied)
    assert not is_in(client)
    assert is_in(other)  # the same user elsewhere goes on


def test_a_session_ends_at_once_when_its_user_is_disabled_or_gets_another_password(client, world):
    changes = ({"is_active": False}, {"password_hash": users._hasher.hash("một mật khẩu khác")})
    for email, change in zip((AUTHOR, APPROVER), changes, strict=True):
        signed_in(client, email)
        assert is_in(client)
        world.change(User, world.user(email).id, **change)
        assert not is_in(client)
        assert sign_in(client, email, PASSWORD).status_code == 401


def test_who_signs_in_while_the_password_is_changed_is_not_in(client, world, monkeypatch):
    def check_slowly(user, password):
        users.set_password(world.runtime, user.id, "một mật khẩu khác hẳn", now=world.now)
        return True

    monkeypatch.setattr("outreach.accounts.users.check_password", check_slowly)
    assert sign_in(client).status_code == 303
    assert not is_in(client)


def test_a_session_ends_after_twelve_hours_without_a_page(client):
    assert client.application.permanent_session_lifetime.total_seconds() == 12 * 3600


def test_signing_in_and_out_stand_on_record(author, world):
    author.post("/logout", data={"csrf_token": token(author)})
    events = [(event.action, event.actor_id) for event in world.all(select(AuditEvent))]
    me = world.user(AUTHOR).id
    assert events[-2:] == [("login", me), ("logout", me)]


# -- where it leads ------------------------------------------------------------------------------------

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "////evil.example/%2f..",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/admin\\evil",
    "https://evil.example/admin/",
    "https:evil.example",
    "https:/evil.example",
    "HTTP://evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    " //evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nSet-Cookie: a=b",
    "/\0/evil.example",
    "",
]


def test_nothing_leads_to_another_site(client, world, monkeypatch):
    monkeypatch.setattr("outreach.accounts.users.check_password", lambda user, password: user is not None)
    stranger = client.application.test_client()
    signed_in(client, AUTHOR)
    for target in ELSEWHERE:
        there = {"query_string": {"next": target}}
        form = {"email": AUTHOR, "password": PASSWORD, "csrf_token": token(stranger, "/login")}
        answers = [
            stranger.post("/login", data=form, **there),
            client.get("/login", **there),
            client.post("/language", data={"csrf_token": token(client), "next": target}),
        ]
        assert [(answer.status_code, answer.location) for answer in answers] == [
            (303, "/admin/"),
            (302, "/admin/"),
            (303, "/admin/"),
        ], target
        stranger.delete_cookie("session")
    for path in ("/%0d%0aSet-Cookie:a=b", "/%09/evil.example", "/%5cevil.example"):
        location = client.get("/login", query_string={"next": path}).location
        assert re.fullmatch(r"/[^/\\\s][^\\\s]*", location), location


def test_it_leads_back_to_the_page_that_was_asked_for(client, world):
    asked = client.get("/admin/progress/?district=610")
    assert asked.status_code == 302
    assert asked.location.startswith("/login?")
    page = client.get(asked.location)
    form = {
        "email": AUTHOR,
        "password": PASSWORD,
        "csrf_token": re.search(r'csrf_token" value="([^"]+)', page.text)[1],
    }
    assert client.post(asked.location, data=form).location == "/admin/progress/?district=610"


def test_a_form_sent_without_a_session_leads_home_afterwards(client, world):
    sent = client.post("/admin/stop", data={"csrf_token": token(client, "/login")})
    assert (sent.status_code, sent.location) == (302, "/login")


def test_a_forged_host_name_stands_in_no_answer(author, world):
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    for path in (
        "/admin/",
        "/admin",
        "/admin/campaigns",
        "/login",
        "/admin/khong-co",
        "/khong-co",
        "/ABCDEFGH",
    ):
        response = author.get(path, headers=evil)
        assert "evil.example" not in response.text + response.headers.get("Location", ""), path


# -- forged forms, cookies and headers -----------------------------------------------------------------


@cases("/login", "/logout", "/language", "/admin/stop")
def test_a_form_of_another_site_is_refused(approver, world, path):
    stranger = approver.application.test_client()
    for forged in (None, "x", token(stranger, "/login")):
        form = {"email": APPROVER, "password": PASSWORD, **({"csrf_token": forged} if forged else {})}
        shows(approver.post(path, data=form), "Biểu mẫu đã hết hạn", status=400)
    assert is_in(approver)


@cases(("https://loa.example", True), ("http://loa.example", False))
def test_cookies_are_kept_from_scripts_and_other_sites(settings, world, address, is_https):
    client = browser(settings, world.runtime, public_base_url=address)
    answer = client.get("/login", base_url=address)
    (set_cookie,) = answer.headers.getlist("Set-Cookie")
    parts = {part.strip() for part in set_cookie.split(";")}
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= parts
    assert ("Secure" in parts) is is_https
    assert ("Strict-Transport-Security" in answer.headers) is is_https


def test_every_kind_of_answer_carries_the_headers(author, world, monkeypatch):
    def broken(*_args):
        raise RuntimeError

    kinds = {
        "/admin/": 200,
        "/admin/senders/": 403,
        "/admin/campaigns/999/": 404,
        "/admin/khong-co": 404,
        "/khong-co": 404,
        "/admin/stop": 405,
        "/static/admin.css": 200,
        "/static/khong-co.css": 404,
        "/login": 302,
        "/ABCDEFGH": 404,
        "/healthz": 200,
        "/metrics": 200,
    }
    answers = {path: author.get(path) for path in kinds}
    assert {path: answer.status_code for path, answer in answers.items()} == kinds
    answers["forged"] = author.post("/logout")
    monkeypatch.setattr("admin.views.home._read_tasks", broken)
    answers["fault"] = author.get("/admin/")
    assert (answers["forged"].status_code, answers["fault"].status_code) == (400, 500)
    for path, answer in answers.items():
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["X-Frame-Options"] == "DENY", path
        assert headers["Referrer-Policy"] in ("same-origin", "no-referrer"), path
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, path
        assert "base-uri 'none'" in policy, path
        assert "script-src 'nonce-" in policy or "default-src 'none'" in policy, path
        assert "unsafe" not in policy.replace("style-src 'unsafe-inline'", ""), path
        if path != "/static/admin.css":
            assert headers["Cache-Control"] == "no-store", path


def test_each_answer_has_a_nonce_of_its_own_and_every_script_carries_it(author, world):
    seen = set()
    for path in ("/admin/", "/admin/", "/admin/campaigns/new", "/admin/progress/"):
        answer = author.get(path)
        (nonce,) = set(re.findall(r"'nonce-([^']+)'", answer.headers["Content-Security-Policy"]))
        scripts = re.findall(r"<script\b[^>]*>", answer.text)
        assert scripts, path
        assert all(f'nonce="{nonce}"' in script for script in scripts), path
        assert not re.search(r"<[^>]+\s(?:on\w+|style)=", answer.text), path
        seen.add(nonce)
    assert len(seen) == 4


def test_the_office_has_its_emblem_in_the_head_of_the_pages(settings, runtime, tmp_path):
    logo = tmp_path / "emblem.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    page = browser(settings, runtime, office_logo=str(logo)).get("/login").text
    assert f'src="data:image/svg+xml;base64,{b64encode(logo.read_bytes()).decode()}"' in page


FORM = {
    "province": "68",
    "name": "",
    "email": "quantri@loa.example",
    "person": "Trần Minh Đức",
    "sender": "MTTQ",
}


def test_a_new_installation_is_set_up_on_the_page(client, runtime):
    code = make_code(runtime)
    csrf = token(client, f"/setup?code={code}")
    wrong = client.post("/setup", data={**FORM, "code": "0000000000", "csrf_token": csrf})
    assert wrong.status_code == 422
    assert "Mã thiết lập không đúng" in wrong.text
    assert "Trần Minh Đức" in wrong.text  # nothing that was typed is lost
    assert (
        client.post("/setup", data={**FORM, "email": "x", "code": code, "csrf_token": csrf}).status_code
        == 422
    )
    done = client.post("/setup", data={**FORM, "code": code, "csrf_token": csrf})
    assert done.status_code == 303
    assert re.match(r"/login/invitation/", done.headers["Location"])
    with runtime.db.read() as session:
        assert session.scalars(select(User.role)).all() == [Role.ADMINISTRATOR]
        assert session.scalars(select(Organisation.name)).all() == ["Ủy ban MTTQ Việt Nam tỉnh Lâm Đồng"]
    assert client.get("/setup").status_code == 404
    assert client.post("/setup", data={**FORM, "code": code, "csrf_token": csrf}).status_code == 404
    assert make_code(runtime) == ""


def test_wrong_codes_of_strangers_close_the_page_to_nobody(client, runtime):
    code = make_code(runtime)
    csrf = token(client, "/setup")
    for _ in range(15):
        assert client.post("/setup", data={**FORM, "code": "guess", "csrf_token": csrf}).status_code == 422
    with runtime.db.read() as session:
        assert session.scalar(select(User.id)) is None
    assert client.post("/setup", data={**FORM, "code": code, "csrf_token": csrf}).status_code == 303
