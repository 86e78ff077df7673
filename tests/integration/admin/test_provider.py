"""Signing in by an OpenID provider: whom it lets in, as what, and what does not pass for its word."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import select, update

from admin.app import THREADS, create_app, create_front
from outreach.accounts.invitations import choose_password, link_for
from outreach.accounts.users import Identity, find_or_link
from outreach.core.settings import BadSettings, Settings
from outreach.models.accounts import Organisation, Role, User, UserIdentity
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.formats import parse_role_map
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime
from tests.support.admin_client import post, shows, signed_in
from tests.support.asgi_client import AsgiClient
from tests.support.openid_provider import CLIENT, SECRET, OpenIdProvider
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, PASSWORD

PERSON = {"sub": "7", "email": AUTHOR, "email_verified": True, "name": "A Thun"}


@dataclass
class Web:
    """Loa with a provider, a browser before both, and the database behind."""

    runtime: Runtime
    provider: OpenIdProvider
    settings: Settings

    def __post_init__(self):
        self.runtime = replace(self.runtime, settings=self.settings)
        self.app = create_app(self.settings, runtime=self.runtime)
        self.browser = self.new_browser()

    def new_browser(self):
        return self.app.test_client()

    def go(self, path="/login/provider"):
        """Press the button; returns where the provider sends the browser back to."""
        there = self.browser.get(path)
        assert there.location.startswith(f"{self.provider.issuer}/authorize?")
        back = urlsplit(self.provider.authorize(urlsplit(there.location).query))
        return f"{back.path}?{back.query}"

    def sign_in(self, **person):
        self.provider.person = {**PERSON, **person}
        return self.browser.get(self.go())

    def is_in(self):
        return self.browser.get("/admin/").status_code == 200


@pytest.fixture
def provider():
    opened = OpenIdProvider()
    yield opened
    opened.close()


@pytest.fixture
def web(settings, world, provider):
    return Web(
        world.runtime,
        provider,
        replace(settings, oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET),
    )


@both_databases
def test_an_account_is_linked_by_its_verified_mail_and_found_by_subject_from_then_on(web, world):
    assert "127.0.0.1" in web.browser.get("/login").text
    assert web.sign_in(email=AUTHOR.upper()).status_code == 303
    assert web.is_in()
    asked = web.provider.asked[0]
    assert (asked["response_type"], asked["code_challenge_method"], asked["max_age"]) == (
        "code",
        "S256",
        "900",
    )
    out = post(web.browser, "/logout")
    assert "/login?left=1" in out.location
    assert web.browser.get("/login/provider/end").location.startswith(f"{web.provider.issuer}/end?")
    assert not web.is_in()
    # The address at the provider may change; an unverified one links nothing, and is not looked at here.
    assert web.sign_in(email="khac@loa.example", email_verified=False).status_code == 303
    assert web.is_in()
    user = world.one(select(User).where(User.email == AUTHOR))
    known = world.one(select(UserIdentity))
    told = [each.action for each in world.audited(subject=f"users:{user.id}")]
    assert (known.user_id, known.subject, known.is_made) == (user.id, "7", False)
    assert [each for each in told if each in ("login", "user.identity")] == [
        "user.identity",
        "login",
        "login",
    ]
    assert signed_in(web.new_browser(), AUTHOR).get("/admin/").status_code == 200  # by password as before
    # The account there was made anew: the administrator removes the old one, and the next sign-in links the new one.
    chief = "quantri@loa.example"
    world.officer(chief, Role.ADMINISTRATOR)
    assert web.provider.issuer in web.browser.get("/admin/account/").text  # to its own user, too
    office = signed_in(web.new_browser(), chief)
    assert f"{web.provider.issuer}" in office.get(f"/admin/users/{user.id}/").text
    assert f"{web.provider.issuer} (7)" in office.get("/admin/users/export.csv").text
    assert post(office, f"/admin/users/{user.id}/identity", identity=known.id).status_code == 303
    assert not web.is_in()
    assert web.sign_in(sub="8").status_code == 303
    assert world.all(select(UserIdentity.subject)) == ["8"]


def test_what_is_not_the_providers_word_opens_nothing(web, world):
    provider = web.provider
    provider.person = dict(PERSON)
    lies = [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"sub": None},
        {"auth_time": 1},
        {"auth_time": None},
    ]
    for lie in lies:
        provider.claims = lie
        assert web.browser.get(web.go()).status_code == 401, lie
        assert not web.is_in()
    provider.claims = {}
    provider.algorithm = "none"
    assert web.browser.get(web.go()).status_code == 401
    provider.algorithm, provider.key = "RS256", RSAKey.generate_key(2048, {"kid": "1"})
    assert web.browser.get(web.go()).status_code == 401  # signed by a key that it does not show
    assert world.all(select(UserIdentity)) == []


def test_a_way_back_is_of_one_browser_and_of_one_time(web):
    web.provider.person = dict(PERSON)
    back = web.go()
    assert web.new_browser().get(back).status_code == 401  # another browser has not asked
    assert web.browser.get(back.replace("state=", "state=x")).status_code == 401
    assert web.browser.get(back.replace("iss=", "iss=x")).status_code == 401
    code = parse_qs(urlsplit(back).query)["code"][0]
    other = web.go().replace("code=", f"code={code}&x=")
    web.provider.codes.clear()  # as for a code that was used
    assert web.browser.get(other).status_code == 401
    assert web.browser.get("/login/provider/return?error=access_denied&state=x").status_code == 401
    web.browser.get(back := web.go("/login/provider?next=/admin/campaigns/"))
    assert web.is_in()
    post(web.browser, "/logout")
    assert web.browser.get(back).status_code == 401
    assert not web.is_in()


def test_who_has_no_account_or_a_locked_one_stays_out(web, world):
    world.officer("kiem@loa.example", Role.STAFF)
    for person in (
        {"email": "la@loa.example"},
        {"email": "\u212aiem@loa.example"},  # K, the sign of kelvin, is a k in small letters
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": None},
    ):
        assert web.sign_in(**person).status_code == 401, person
    web.sign_in()
    post(web.browser, "/logout")
    assert web.sign_in(sub="8").status_code == 401  # the address has another owner at the provider
    world.execute(update(User).where(User.email == AUTHOR).values(is_active=False))
    assert web.sign_in().status_code == 401
    assert "bị khóa" in web.sign_in().text
    assert web.browser.get(web.go(), headers={"Accept-Language": "en"}).status_code == 401


@both_databases
def test_groups_make_an_account_and_it_follows_them(web, world):
    world.organisation()
    roles = parse_role_map("loa-qt=administrator, loa-canbo=staff:PN, loa-xem=auditor")
    web = Web(web.runtime, web.provider, replace(web.settings, oidc_roles=roles, oidc_creates=True))
    new = {"sub": "9", "email": "moi@loa.example"}
    assert web.sign_in(**new, groups=["khác"]).status_code == 401
    assert web.sign_in(**new, groups=["loa-xem", "loa-canbo"]).status_code == 303
    assert web.is_in()

    def account():
        roles = select(User.role, Organisation.code)
        roles = roles.outerjoin(Organisation, Organisation.id == User.organisation_id)
        return world.rows(roles.where(User.email == new["email"]))[0]

    assert account() == (Role.STAFF, "PN")
    post(web.browser, "/logout")
    assert web.sign_in(**new, groups="loa-xem").status_code == 303
    assert account() == (Role.AUDITOR, None)
    elsewhere, web.browser = web.browser, web.new_browser()
    assert elsewhere.get("/admin/").status_code == 200
    assert web.sign_in(**new, groups=5).status_code == 401
    assert elsewhere.get("/admin/").status_code == 302
    # It gets no password by which it could go on: neither by an administrator's link nor by one of before.
    made = world.one(select(User).where(User.email == new["email"]))
    token = link_for(made, web.settings).rpartition("/")[2]
    choose = {"secret_key": web.settings.keys_of(Purpose.LINKS), "now": world.now}
    with pytest.raises(BadInput, match="link_used"):
        choose_password(world.runtime, token, PASSWORD, **choose)
    # What an administrator made keeps its role.
    assert web.sign_in(groups=["loa-qt"]).status_code == 303
    assert world.one(select(User.role).where(User.email == AUTHOR)) is Role.STAFF


@both_databases
def test_of_two_administrators_who_are_none_any_more_at_the_same_moment_one_stays(world):
    def come_in(first, number, role):
        person = Identity(
            "https://ai.example", str(number), f"{number}@loa.example", True, "", frozenset(["g"])
        )
        roles = parse_role_map(f"g={role}")
        find_or_link(first, person, roles=roles, creates=True, now=world.now)

    for number in (1, 2):
        come_in(world.runtime, number, "administrator")
    with ThreadPoolExecutor(1) as other:
        with world.runtime.db.write() as session:
            come_in(session, 1, "auditor")
            second = other.submit(come_in, world.runtime, 2, "auditor")
            wait([second], timeout=0.5)
        with pytest.raises(WrongState, match="last_administrator"):
            second.result()


def test_groups_are_asked_for_where_the_provider_tells_them_apart(web, world):
    settings = replace(web.settings, oidc_roles=parse_role_map("loa-xem=auditor"), oidc_creates=True)
    web.provider.asked_apart = {"sub": "9", "groups": ["loa-xem"]}
    web = Web(web.runtime, web.provider, settings)
    assert web.sign_in(sub="9", email="moi@loa.example").status_code == 303
    assert web.is_in()
    web.provider.asked_apart["sub"] = "8"  # another's
    assert Web(web.runtime, web.provider, settings).sign_in(sub="9").status_code == 401
    # Verified is the address beside it, not one that stands elsewhere.
    web.provider.asked_apart = {"sub": "5", "groups": [], "email": "khac@loa.example", "email_verified": True}
    assert Web(web.runtime, web.provider, settings).sign_in(sub="5", email_verified=None).status_code == 401


def test_the_second_factor_is_the_providers_unless_loa_asks_for_its_own(web, world):
    world.execute(update(User).where(User.email == AUTHOR).values(totp_nonce="n"))
    web.sign_in()
    assert web.is_in()
    own = Web(web.runtime, web.provider, replace(web.settings, oidc_second_factor="own"))
    assert "/login/code" in own.sign_in().location
    assert not own.is_in()


def test_a_provider_that_is_away_leaves_the_password(web):
    web.provider.close()
    shows(web.browser.get("/login/provider"), 'name="password"', status=503)


def test_a_provider_that_does_not_answer_holds_up_no_page(web, monkeypatch):
    """Strangers may press its button as often as they like: each waits for the provider in a thread of the web."""
    monkeypatch.setattr("admin.provider._TIMEOUT_S", 3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
        silent_web = Web(web.runtime, web.provider, replace(web.settings, oidc_issuer=issuer))
        front = AsgiClient(create_front(silent_web.app))

        async def press_and_open():
            waiting = [asyncio.ensure_future(front.ask("GET", "/login/provider")) for _ in range(2 * THREADS)]
            await asyncio.sleep(0.5)
            began = time.monotonic()
            assert (await front.ask("GET", "/login")).status_code == 200
            took = time.monotonic() - began
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {503}
            return took

        assert front.run(press_and_open()) < 2
        front.close()


def test_settings_that_do_not_fit_are_told():
    with pytest.raises(BadSettings) as told:
        Settings.from_env({"OIDC_ISSUER": "https://id.example", "OIDC_ROLES": "x=king"})
    assert str(told.value).count("oidc_setting_missing") == 2
    assert "role_map_wrong" in str(told.value)
