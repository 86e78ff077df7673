"""Keys that are changed in the middle of a running campaign: nothing that was promised under a former one is lost."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
from sqlalchemy import func, select, update

from admin.app import create_app
from campaigns.agencies.reports import address_of as agency_address
from campaigns.agencies.reports import open_link
from campaigns.models.figures import AgencyLink
from campaigns.models.messages import Outbox
from campaigns.models.replies import Answer
from campaigns.planning.drives import drive_for_figures
from outreach.accounts.invitations import find_invited, link_for
from outreach.contacts.hash_keys import count_hashes
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.wishes import is_left_alone, record_wish
from outreach.core.settings import Settings
from outreach.imports.erasures import record_erasure
from outreach.models.contacts import Contact, Phone
from outreach.rules.keys import Purpose, key_id, split_keys
from outreach.rules.wishes import WishSource
from tests.support.admin_client import post, signed_in, token
from tests.support.processes import environment_of
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR, PASSWORD, number

PEOPLE = 6
OPTED_OUT, ERASED_NUMBER, AGAIN = number(0), number(50), number(51)


def command(app, *words):
    done = app.test_cli_runner().invoke(args=[*words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def erase_after_opt_out(world, e164):
    """Somebody who opted out and was erased: the hashes alone remember them."""
    with world.runtime.db.write() as session:
        phone = session.get_one(Phone, find_or_create_phones(session, [e164], now=world.now)[e164])
        page = WishSource.PAGE
        record_wish(session, page, phones=[phone], said_at=world.now, now=world.now)
        record_erasure(session, Contact(name="Y Hlan"), [(e164, True)], now=world.now)
        session.flush()
        session.delete(phone)


def set_up_second_factor(client):
    page = client.get("/admin/account/second-factor/").text
    secret = re.search(r'class="secret">([^<]+)<', page)
    totp = pyotp.TOTP(secret[1].replace(" ", ""))
    done = post(client, "/admin/account/second-factor/", code=totp.now())
    return totp, re.findall(r"<li><code>([^<]+)</code>", done.text)


def rotate(world, app, file):
    """What an operator does: new keys into the file of variables, all processes started again, `keys rehash`."""
    given = environment_of(world.runtime.settings)
    file.write_text("".join(f"{name}={value}\n" for name, value in given.items() if "\n" not in value))
    file.chmod(0o640)
    former = world.runtime.settings
    assert len(
        command(app, "keys", "rotate", *(each.value for each in Purpose), "--file", str(file))["changed"]
    ) == len(Purpose)
    assert file.stat().st_mode & 0o777 == 0o640
    settings = Settings.from_env(dict(line.split("=", 1) for line in file.read_text().splitlines()))
    for purpose in Purpose:
        newest, *others = split_keys(settings.keys_of(purpose))
        known = split_keys(former.keys_of(purpose))
        assert newest not in known
        assert others == ([] if purpose is Purpose.SESSIONS else known)
    world.runtime = replace(world.runtime, settings=settings)
    return create_app(settings, runtime=world.runtime)


@both_databases
def test_every_link_opens_every_opt_out_holds_sessions_end_and_second_factors_work(world, tmp_path):
    app = world.app()
    officer = signed_in(app.test_client(), APPROVER)
    totp, codes = set_up_second_factor(officer)
    campaign = world.launch(people=PEOPLE)
    later = datetime.now(UTC) + timedelta(hours=1)
    world.execute(update(Outbox).where(Outbox.message_id % 2 == 0).values(not_before=later))
    world.send()
    first_half = set(world.sent_to())
    assert len(first_half) == PEOPLE / 2
    opted_out = next(iter(first_half))
    world.reply(opted_out, "TC", gateway_id="SM1")
    erase_after_opt_out(world, ERASED_NUMBER)
    by = {"made_by": world.user(AUTHOR).id, "made_at": world.now, "expires_at": world.in_hours(1)}
    to = {"drive_id": world.do(drive_for_figures).id, "organisation_id": world.organisation_id()}
    link = world.add(AgencyLink(holder="Phòng Nội vụ", **to, **by))
    agency = agency_address(link, world.runtime.settings).rsplit("/", 1)[1]
    invitation = link_for(world.user(AUTHOR), world.runtime.settings).rsplit("/", 1)[1]

    for _round in range(2):  # a second change, too: keys of two generations stand behind the newest
        app = rotate(world, app, tmp_path / "env")
        assert officer.application is not app
        officer_now = app.test_client()
        officer_now.set_cookie("session", officer.get_cookie("session").value)
        assert officer_now.get("/admin/account/").status_code == 302, "sessions end"
        command(app, "keys", "rehash")
        assert command(app, "audit", "verify")["entries"] > 0, "entries under former keys are verified, too"

    settings, browser = world.runtime.settings, app.test_client()
    world.execute(update(Outbox).values(not_before=datetime.now(UTC)))
    world.send()
    sent = [line for line in world.simulator.ledger() if f"{settings.public_base_url}/" in line["Body"]]
    assert len({line["To"] for line in sent}) == PEOPLE
    for line in sent:  # links of both halves, each answered by the one it was sent to
        path = line["Body"].rsplit("/", 1)[1]
        assert browser.get(f"/{path}").status_code == 200
        assert browser.post(f"/{path}", data={"answer": "no_smartphone"}).status_code == 303
        recipient = world.recipient(line["To"], campaign)
        assert world.scalar(
            select(func.count()).where(Answer.recipient_id == recipient.id, Answer.label == "no_smartphone")
        )
    assert world.read(is_left_alone, world.phone(opted_out))
    keys = settings.keys_of(Purpose.LINKS)
    assert world.read(open_link, agency, secret_key=keys)
    assert world.read(find_invited, invitation, secret_key=keys).email == AUTHOR

    keys = settings.keys_of(Purpose.SUPPRESSIONS)
    # Known numbers are under the newest key; the erased one and its name are recognised by a former one.
    counts = world.read(count_hashes)
    assert counts[key_id(split_keys(keys)[0])] == 1
    assert counts[key_id(split_keys(keys)[-1])] == 3
    back = world.do(find_or_create_phones, [ERASED_NUMBER])[ERASED_NUMBER]
    assert world.read(is_left_alone, back)

    form = {"email": APPROVER, "password": PASSWORD, "csrf_token": token(browser, "/login")}
    for code, is_right in (("000000", False), (codes[0], True)):
        browser.post("/login", data={**form, "csrf_token": token(browser, "/login")})
        answer = browser.post("/login/code", data={"code": code, "csrf_token": token(browser, "/login/code")})
        assert (answer.status_code == 303) is is_right
    browser.delete_cookie("session")
    browser.post("/login", data={**form, "csrf_token": token(browser, "/login")})
    fresh = totp.at(datetime.now(UTC) + timedelta(seconds=30))
    answer = browser.post("/login/code", data={"code": fresh, "csrf_token": token(browser, "/login/code")})
    assert answer.status_code == 303
