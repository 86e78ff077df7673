"""Accounts: a link opens them once, a role counts at once, a leaver is out at once; the record of it is readable."""

import re

import pytest
from itsdangerous import TimestampSigner
from sqlalchemy import select

from campaigns.models.webhooks import Subscription
from outreach.accounts.api_tokens import authenticate_token
from outreach.accounts.users import find_user
from outreach.models.accounts import AuditEvent, Organisation, Role, User
from tests.support.admin_client import post, signed_in, token
from tests.support.tables import cases
from tests.support.world import AUTHOR, PASSWORD

ADMINISTRATOR, NEW = "quantri@loa.example", "moi@loa.example"
CHOSEN = "một mật khẩu mới"


@pytest.fixture(autouse=True)
def administrator(world):
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    return ADMINISTRATOR


@pytest.fixture
def other(client, world):
    """A second browser, before the same database."""
    return world.app().test_client()


def invite(client):
    """The new user's id and the path of their link."""
    made = post(client, "/admin/users/", email=NEW, name="Y Hlan", role="staff", organisation="none")
    assert made.status_code == 303
    page = client.get(made.location).text
    found = re.search(r'value="http://[^/]+(/login/invitation/[^"]+)"', page)
    return int(made.location.rstrip("/").rsplit("/", 1)[-1]), found[1]


def choose(browser, link, password=CHOSEN, again=None):
    form = {"csrf_token": token(browser, "/login"), "new": password, "again": again or password}
    return browser.post(link, data=form).status_code


def test_a_link_opens_an_account_once(client, other):
    signed_in(client, ADMINISTRATOR)
    _made, link = invite(client)
    assert NEW in other.get(link).text
    assert choose(other, link, "ngắn") == 422
    assert choose(other, link, CHOSEN, "khác hẳn rồi") == 422
    assert choose(other, link) == 303
    assert choose(other, link) == 400
    assert "đã được dùng" in other.get(link).text
    signed_in(other, NEW, CHOSEN)
    assert other.get("/admin/").status_code == 200


def test_a_link_ends_after_three_days_and_no_letter_of_it_can_be_changed(client, other, world, monkeypatch):
    signed_in(client, ADMINISTRATOR)
    _made, link = invite(client)
    changed = link[:-5] + ("A" if link[-5] != "A" else "B") + link[-4:]
    assert other.get(changed).status_code == 400
    for hours, answer in ((71, 200), (73, 400)):
        then = int(world.in_hours(hours).timestamp())
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _signer, then=then: then)
        assert other.get(link).status_code == answer


def test_nobody_signs_in_without_having_chosen_a_password(client, other):
    signed_in(client, ADMINISTRATOR)
    invite(client)
    form = {"email": NEW, "password": "!", "csrf_token": token(other, "/login")}
    assert other.post("/login", data=form).status_code == 401


def test_a_leaver_is_out_at_once_and_an_old_link_lets_nobody_in(client, other, world):
    signed_in(other, AUTHOR)
    assert other.get("/admin/").status_code == 200
    signed_in(client, ADMINISTRATOR)
    leaver, (new, link) = world.user(AUTHOR).id, invite(client)
    for each in (leaver, new):
        post(client, f"/admin/users/{each}/disable")
    assert other.get("/admin/").status_code == 302
    assert choose(other, link) == 400
    post(client, f"/admin/users/{leaver}/enable")
    form = {"email": AUTHOR, "password": PASSWORD, "csrf_token": token(other, "/login")}
    assert other.post("/login", data=form).status_code == 401  # a new password is to be chosen


def test_a_new_role_counts_from_the_next_click_on(client, other, world):
    signed_in(other, AUTHOR)
    assert other.get("/admin/people/").status_code == 200
    signed_in(client, ADMINISTRATOR)
    post(
        client,
        f"/admin/users/{world.user(AUTHOR).id}/change",
        name="A Thun",
        role="leader",
        organisation="none",
    )
    assert other.get("/admin/people/").status_code == 403


@cases("disable", "change")
def test_who_is_no_administrator_any_more_leaves_no_token_that_opens(client, world, how):
    now = world.now
    leaver = world.user(world.officer("cu@loa.example", Role.ADMINISTRATOR))
    number, organisation = leaver.id, world.one(select(Organisation.id))
    secrets = {
        email: world.token(email, name=f"Cổng của {email}", rights=["figures:read"], now=now)[1]
        for email in (leaver.email, ADMINISTRATOR)
    }
    about = {"name": "Trục liên thông", "url": "https://example.vn/loa", "kinds": [], "salt": "s"}
    world.add(Subscription(**about, organisation_id=organisation, made_by=number, made_at=now))
    signed_in(client, ADMINISTRATOR)
    kept = post(client, f"/admin/users/{number}/change", name="Cũ", role="administrator", organisation="none")
    assert "Đã thu hồi" not in client.get(kept.location).text
    page = client.get(
        post(client, f"/admin/users/{number}/{how}", name="Cũ", role="staff", organisation="none").location
    ).text
    assert "Cổng của cu@loa.example" in page
    assert "Trục liên thông" in page
    assert world.read(authenticate_token, secrets["cu@loa.example"], now=now) is None
    assert world.read(authenticate_token, secrets[ADMINISTRATOR], now=now)
    ended = world.one(select(AuditEvent).where(AuditEvent.action == "token.end"))
    assert ended.actor_id == world.read(find_user, ADMINISTRATOR).id
    assert world.one(select(Subscription.ended_at)) is None


def test_the_last_administrator_stays(client, world):
    signed_in(client, ADMINISTRATOR)
    own = world.user(ADMINISTRATOR).id
    post(client, f"/admin/users/{own}/disable")
    post(client, f"/admin/users/{own}/change", name="", role="staff", organisation="none")
    still = world.get_one(User, own)
    assert (still.role, still.is_active) == (Role.ADMINISTRATOR, True)


@cases("không phải", AUTHOR, "moi@loa.example\r\nBcc: khac@loa.example", "a,b@loa.example")
def test_an_address_that_cannot_be_taken_keeps_what_was_typed(client, email):
    signed_in(client, ADMINISTRATOR)
    page = post(client, "/admin/users/", email=email, name="Y Hlan", role="approver", organisation="none")
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert 'value="Y Hlan"' in page.text


def test_ones_own_password_ends_every_session(client, other):
    signed_in(client, AUTHOR)
    signed_in(other, AUTHOR)
    form = {"current": PASSWORD, "new": CHOSEN, "again": CHOSEN}
    assert post(client, "/admin/account/password", **{**form, "current": "sai"}).status_code == 422
    assert post(client, "/admin/account/password", **{**form, "again": "khác"}).status_code == 422
    assert post(client, "/admin/account/password", **form).status_code == 303
    assert client.get("/admin/").status_code == other.get("/admin/").status_code == 302
    signed_in(client, AUTHOR, CHOSEN)
    assert client.get("/admin/").status_code == 200


def test_an_organisation_cannot_stand_below_itself(client, world):
    signed_in(client, ADMINISTRATOR)
    below, top = world.organisation(), world.user(AUTHOR).organisation_id
    form = {"code": "MTTQ", "name": "Ủy ban MTTQ tỉnh", "kind": "front"}
    refused = post(client, f"/admin/organisations/{top}/change", **form, parent=below)
    assert refused.status_code == 422
    assert "trực thuộc nó" in refused.text
    assert post(client, f"/admin/organisations/{top}/change", **form).status_code == 303
    assert world.get_one(Organisation, top).name == "Ủy ban MTTQ tỉnh"
    assert "Ủy ban MTTQ tỉnh" in client.get("/admin/organisations/").text


def test_the_record_tells_who_did_what(client, world):
    signed_in(client, ADMINISTRATOR)
    made, _link = invite(client)
    page = client.get("/admin/audit/?action=user.create").text
    assert "Tạo tài khoản" in page
    assert ADMINISTRATOR in page
    assert f"/admin/users/{made}/" in page
    assert "Không có việc nào như vậy" in client.get("/admin/audit/?action=user.create&day=2020-01-01").text
