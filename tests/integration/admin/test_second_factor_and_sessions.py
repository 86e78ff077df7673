"""Beyond the password: second factors, sessions that can be ended, and a forgotten password."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from itsdangerous import TimestampSigner
from sqlalchemy import func, select, update

from admin import sign_in as limits
from admin.app import create_app
from outreach.accounts.invitations import mail_link
from outreach.accounts.notices import mail_notice
from outreach.accounts.second_factor import WRONG_CODES
from outreach.accounts.users import CONFIRMED_FOR, ENDS_AT_LATEST, name_device
from outreach.core.job_queue import DEFAULT, open_queue
from outreach.core.signed_tokens import TokenPurpose
from outreach.models.accounts import AuditEvent, Role, User, UserSession
from tests.support.admin_client import shows, signed_in, token
from tests.support.servers import on_sqlite
from tests.support.tables import cases
from tests.support.world import APPROVER, AUTHOR, PASSWORD

database_url = on_sqlite

ADMINISTRATOR = "quantri@loa.example"
LEADER = "lanhdao@loa.example"


@pytest.fixture(autouse=True)
def officers(world):
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    world.officer(LEADER, Role.LEADER)


@pytest.fixture
def client(world):
    return browser(world)


def browser(world, **settings):
    """Another browser, before a web with other settings."""
    changed = replace(world.runtime.settings, **settings)
    return create_app(changed, runtime=replace(world.runtime, settings=changed)).test_client()


def is_in(client):
    return client.get("/admin/account/").status_code == 200


def post(client, path, **form):
    """Press a button; the account's page opens to everybody."""
    return client.post(path, data={"csrf_token": token(client, "/admin/account/"), **form})


def set_up(client):
    """Turn the second factor on, as a telephone would; it, and the recovery codes."""
    page = client.get("/admin/account/second-factor/").text
    assert "<svg" in page
    secret = re.search(r'class="secret">([^<]+)<', page)
    totp = pyotp.TOTP(secret[1].replace(" ", ""))
    done = post(client, "/admin/account/second-factor/", code=totp.now())
    assert done.status_code == 200
    codes = re.findall(r"<li><code>([^<]+)</code>", done.text)
    assert len(set(codes)) == 10
    return totp, codes


def next_code(totp):
    """The one after the present: taken, as clocks differ, and not used yet."""
    return totp.at(datetime.now(UTC) + timedelta(seconds=30))


def type_password(client, email=APPROVER):
    client.delete_cookie("session")
    form = {"email": email, "password": PASSWORD, "csrf_token": token(client, "/login")}
    return str(client.post("/login?next=/admin/audit/", data=form).location)


def type_code(client, code):
    form = {"code": code, "csrf_token": token(client, "/login/code")}
    return client.post("/login/code", data=form).status_code


def test_with_a_second_factor_the_password_alone_opens_nothing(approver, world):
    approver.get("/admin/account/second-factor/")
    assert post(approver, "/admin/account/second-factor/", code="000000").status_code == 422
    totp, codes = set_up(approver)
    used = totp.now()
    assert type_password(approver) == "/login/code?next=/admin/audit/"
    assert not is_in(approver)
    assert type_code(approver, used) == 401  # the code that turned it on has been seen on the way
    assert type_code(approver, next_code(totp)) == 303
    assert is_in(approver)
    # The telephone is lost: each recovery code opens once.
    for status in (303, 401):
        type_password(approver)
        assert type_code(approver, codes[0].upper()) == status
    dump = world.one(select(User.totp_nonce).where(User.email == APPROVER))
    assert totp.secret not in str(dump)


def test_codes_cannot_be_guessed_and_the_wait_ends(approver, world):
    totp, codes = set_up(approver)
    type_password(approver)
    for _ in range(WRONG_CODES):
        assert type_code(approver, "123456") == 401
    assert type_code(approver, next_code(totp)) == 429
    type_password(approver)  # another attempt with the right password is the same attempt
    assert type_code(approver, codes[1]) == 429
    world.execute(update(User).values(wrong_code_at=datetime.now(UTC) - timedelta(minutes=16)))
    assert type_code(approver, next_code(totp)) == 303


def test_the_time_between_password_and_code_is_short_and_belongs_to_one_browser(approver, world, monkeypatch):
    totp, _codes = set_up(approver)
    assert browser(world).get("/login/code").location == "/login"
    type_password(approver)
    monkeypatch.setattr("admin.sign_in.CODE_WITHIN", timedelta(0))
    assert approver.get("/login/code").location == "/login"
    form = {"code": next_code(totp), "csrf_token": token(approver, "/login")}
    assert approver.post("/login/code", data=form).location == "/login"
    assert not is_in(approver)


def test_where_it_is_required_whoever_may_see_numbers_gets_no_further_without(world):
    client = browser(world, second_factor="required")
    for email, must in ((ADMINISTRATOR, True), (APPROVER, True), (AUTHOR, True), (LEADER, False)):
        signed_in(client, email)
        for path in ("/admin/", "/admin/progress/"):
            answer = client.get(path)
            found = (answer.status_code, answer.location)
            assert found == ((303, "/admin/account/second-factor/") if must else (200, None)), (email, path)
        assert post(client, "/admin/account/sessions/end-others").status_code == 303
    signed_in(client, APPROVER)
    stopped = client.post("/admin/stop", data={"csrf_token": token(client, "/admin/account/")})
    assert stopped.location == "/admin/account/second-factor/"
    set_up(client)
    assert client.get("/admin/").status_code == 200


@cases(
    ("production", "", True),
    ("production", "optional", False),
    ("development", "", False),
    ("development", "required", True),
)
def test_production_requires_it_where_nothing_else_is_said(world, app_env, second_factor, required):
    settings = replace(world.runtime.settings, app_env=app_env, second_factor=second_factor)
    assert settings.requires_second_factor is required


def test_it_is_taken_off_by_ones_password_or_by_an_administrator(client, world):
    signed_in(client, APPROVER)
    set_up(client)
    assert post(client, "/admin/account/second-factor/remove", password="sai").status_code == 422
    assert post(client, "/admin/account/second-factor/codes", password=PASSWORD).status_code == 200
    assert post(client, "/admin/account/second-factor/remove", password=PASSWORD).status_code == 303
    assert type_password(client) == "/admin/audit/"
    set_up(client)
    other = signed_in(browser(world), ADMINISTRATOR)
    number = world.user(APPROVER).id
    assert "Đang bật" in other.get(f"/admin/users/{number}/").text
    assert post(other, f"/admin/users/{number}/second-factor").status_code == 303
    assert type_password(client) == "/admin/audit/"
    actions = world.all(select(AuditEvent.action).order_by(AuditEvent.id))
    assert [operation for operation in actions if operation.startswith("second_factor")] == [
        "second_factor.set_up",
        "second_factor.renew_codes",
        "second_factor.remove",
        "second_factor.set_up",
        "second_factor.remove",
    ]


# -- sessions ------------------------------------------------------------------------------------------


def test_one_sees_where_one_is_signed_in_and_ends_it_from_elsewhere(client, world):
    elsewhere = browser(world)
    elsewhere.environ_base["HTTP_USER_AGENT"] = (
        "Mozilla/5.0 (Linux; Android 10) Chrome/84.0 Mobile Safari/537.36"
    )
    elsewhere.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    third = browser(world)
    for each in (client, elsewhere, third):
        signed_in(each, AUTHOR)
    shows(client.get("/admin/account/"), "Chrome, Android", "203.0.113.9")
    ids = world.all(select(UserSession.id).order_by(UserSession.id))
    stranger = signed_in(browser(world), APPROVER)
    assert post(stranger, f"/admin/account/sessions/{ids[1]}/end").status_code == 404
    assert is_in(elsewhere)
    assert post(client, f"/admin/account/sessions/{ids[1]}/end").status_code == 303
    assert [is_in(each) for each in (client, elsewhere, third)] == [True, False, True]
    post(client, "/admin/account/sessions/end-others")
    assert [is_in(each) for each in (client, third, stranger)] == [True, False, True]
    administrator = signed_in(browser(world), ADMINISTRATOR)
    post(administrator, f"/admin/users/{world.user(AUTHOR).id}/sign-out")
    assert not is_in(client)


def test_a_session_that_saw_no_page_for_twelve_hours_is_over_whatever_its_cookie_says(author, world):
    for hours, stays in ((11, True), (13, False)):
        world.execute(update(UserSession).values(seen_at=datetime.now(UTC) - timedelta(hours=hours)))
        assert is_in(author) is stays
        if stays:
            seen = world.one(select(UserSession.seen_at))
            assert datetime.now(UTC) - seen < timedelta(minutes=1)


@cases(
    ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/84.0 Safari/537.36 Edg/84.0", "Edge, Windows"),
    ("Mozilla/5.0 (Windows NT 6.1) coc_coc_browser/86.0 Chrome/80.0 Safari/537.36", "Cốc Cốc, Windows"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 13_6 like Mac OS X) Version/13.1 Safari/604.1", "Safari, iPhone"),
    ("curl/7.68", ""),
)
def test_devices_are_called_by_names_that_people_know(agent, name):
    assert name_device(agent) == name


# -- a forgotten password ------------------------------------------------------------------------------


@pytest.fixture
def office_with_mail(world, box):
    world.use(smtp_url=box.url)
    return browser(world), box


def forget(client, email, host="http://localhost"):
    page = client.get("/login/forgotten", base_url=host).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    answer = client.post("/login/forgotten", data={"email": email, "csrf_token": found[1]}, base_url=host)
    assert answer.status_code in (200, 429)
    return answer


def run_mail_jobs(world):
    """Run the jobs that were enqueued; how many mails went."""
    queue, sent = open_queue(DEFAULT, world.runtime.redis), 0
    for job in queue.jobs:
        if job.func_name == "workers.jobs.notice_mail_job":
            continue
        sent += mail_link(world.runtime.db, world.runtime.settings, *job.args, TokenPurpose.RESET)
    queue.empty()
    world.runtime.redis.delete(*(world.runtime.redis.keys("loa:pending:*") or ["-"]))
    return sent


def test_a_forgotten_password_is_chosen_anew_by_mail(office_with_mail, world, monkeypatch):
    client, box = office_with_mail
    signed_in(client, AUTHOR)
    elsewhere = browser(world)
    known = forget(elsewhere, f" {AUTHOR.upper()}", "http://evil.example")
    assert run_mail_jobs(world) == 1
    unknown = forget(elsewhere, "khong-co@loa.example")
    assert run_mail_jobs(world) == 0
    strip = re.compile(r'nonce="[^"]+"|value="[^"]+"')
    assert strip.sub("", known.text) == strip.sub("", unknown.text)
    ((to, letter),) = box.mails
    assert to == AUTHOR
    link = re.search(r"(http\S+)(/login/invitation/\S+)", letter.get_content())
    assert link[1] == world.runtime.settings.public_base_url
    for hours, status in ((3, 400), (1, 200)):
        then = int(world.in_hours(hours).timestamp())
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _signer, then=then: then)
        assert elsewhere.get(link[2]).status_code == status
    monkeypatch.undo()
    form = {"csrf_token": token(elsewhere, "/login"), "new": "một câu khác hẳn", "again": "một câu khác hẳn"}
    assert elsewhere.post(link[2], data=form).status_code == 303
    assert not is_in(client)
    signed_in(elsewhere, AUTHOR, "một câu khác hẳn")


def test_nobodys_mailbox_is_filled(office_with_mail, world):
    client, box = office_with_mail
    pages = set()
    for _ in range(limits.REQUESTS_PER_EMAIL.amount + 2):
        answer = forget(client, AUTHOR)
        pages.add((answer.status_code, re.sub(r'(nonce|value)="[^"]+"', "", answer.text)))
        run_mail_jobs(world)
    assert len(pages) == 1
    assert len(box.mails) == limits.REQUESTS_PER_EMAIL.amount
    for number in range(limits.REQUESTS_PER_ADDRESS.amount):
        held = forget(client, f"{number}@loa.example")
    assert held.status_code == 429


def test_commands_help_who_cannot_get_in(client, world):
    operator = client.application.test_cli_runner()

    def types(*words, stdin=""):
        done = operator.invoke(args=["users", *words], input=stdin)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    signed_in(client, APPROVER)
    set_up(client)
    assert "Đang đăng nhập ở 1 máy" in types("sessions", APPROVER)
    types("sessions", APPROVER, "--end")
    assert not is_in(client)
    types("remove-second-factor", APPROVER)
    types("reset-password", APPROVER, "--password-stdin", stdin="một câu khác hẳn\n")
    for _ in range(limits.FAILURES_PER_EMAIL.amount + 1):
        limits.hit_login(world.runtime.redis, email=APPROVER, address="203.0.113.9")
    types("unlock", APPROVER)
    signed_in(client, APPROVER, "một câu khác hẳn")
    link = re.search(r"/login/invitation/\S+", types("reset-password", APPROVER))
    assert APPROVER in client.get(link[0]).text


def test_a_session_ends_after_a_day_of_work_however_busy(approver, world):
    """Whoever has copied a cookie cannot keep it alive by calling now and then."""
    began = datetime.now(UTC) - ENDS_AT_LATEST
    world.execute(update(UserSession).values(began_at=began, seen_at=datetime.now(UTC)))
    assert not is_in(approver)


def test_exports_and_the_second_factor_ask_for_the_password_again(client, world):
    """A browser that was left open gives away no file."""
    signed_in(client, ADMINISTRATOR)
    export = "/admin/users/export.csv"
    assert client.get(export).status_code == 200
    world.execute(update(UserSession).values(began_at=datetime.now(UTC) - CONFIRMED_FOR))
    form = {"code": "000000", "csrf_token": token(client, "/admin/account/")}
    for asked in (client.get(export), client.get("/admin/account/second-factor/")):
        assert asked.location.startswith("/login/confirm?next=")
    assert client.post("/admin/account/second-factor/", data=form).location.startswith("/login/confirm")
    asked = client.get(export).location
    for password, status in (("sai mật khẩu", 401), (PASSWORD, 303)):
        form = {"password": password, "csrf_token": token(client, asked)}
        answer = client.post(asked, data=form)
        assert answer.status_code == status
    assert answer.location == export
    assert client.get(export).status_code == 200


@cases(
    ("/admin/users/", {"email": "moi@loa.example", "role": "administrator", "organisation": "none"}),
    ("/admin/users/{leader}/change", {"name": "", "role": "administrator", "organisation": "none"}),
    ("/admin/users/{own}/link", {}),
    ("/admin/users/{leader}/enable", {}),
    ("/admin/users/{own}/second-factor", {}),
    ("/admin/tokens/", {"name": "Cổng", "organisation": "1", "right": "figures:read", "days": "730"}),
    ("/admin/hooks/", {"name": "Cổng", "organisation": "1", "kind": "opt_out", "url": "https://a.example"}),
    ("/admin/gateways/save", {"kind": "smpp", "host": "tin.example"}),
    ("/admin/settings/mail", {"host": "thu.example", "security": "smtps"}),
    ("/admin/settings/duty", {"duty_contacts": "ke-trom@thu.example"}),
    ("/admin/rounds/officers/", {"name": "A Thun", "email": "thun@loa.example"}),
)
def test_what_would_let_a_thief_of_the_session_stay_asks_for_the_password_again(client, world, path, form):
    """An account, a link, a token or a second factor taken off opens longer than the browser that was left open."""
    signed_in(client, ADMINISTRATOR)
    ids = {"own": world.user(ADMINISTRATOR).id, "leader": world.user(LEADER).id}
    world.execute(update(UserSession).values(began_at=datetime.now(UTC) - CONFIRMED_FOR))
    written = world.scalar(select(func.count(AuditEvent.id)))
    asked = post(client, path.format(**ids), **form)
    assert asked.status_code == 303
    assert asked.location.startswith("/login/confirm"), asked.location
    assert world.scalar(select(func.count(AuditEvent.id))) == written


def test_a_form_that_asks_for_the_password_asks_before_anything_is_typed(client, world):
    signed_in(client, ADMINISTRATOR)
    assert 'name="email"' in client.get("/admin/users/").text
    world.execute(update(UserSession).values(began_at=datetime.now(UTC) - CONFIRMED_FOR))
    shows(client.get("/admin/users/"), "/login/confirm?next=/admin/users/", but='name="email"')


def test_who_signs_in_otherwise_than_before_is_told_by_mail(office_with_mail, world):
    client, box = office_with_mail
    signed_in(client, APPROVER)
    set_up(client)
    post(client, "/admin/account/second-factor/codes", password=PASSWORD)
    post(client, "/admin/account/second-factor/remove", password=PASSWORD)
    new = "trâu đỏ bay ngược"
    post(client, "/admin/account/password", current=PASSWORD, new=new, again=new)
    for job in open_queue(DEFAULT, world.runtime.redis).jobs:
        if job.func_name == "workers.jobs.notice_mail_job":
            mail_notice(world.runtime.db, world.runtime.settings, *job.args, now=datetime.now(UTC))
    assert [to for to, _letter in box.mails] == [APPROVER] * 4
