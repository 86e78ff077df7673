"""What the surroundings decide, what is said when they decide wrongly, and the values of single settings."""

from datetime import date
from decimal import Decimal

import pytest

from outreach.core import settings as module
from outreach.core.sentences import word_error
from outreach.core.settings import BadSettings, Settings
from outreach.rules.errors import BadInput
from outreach.rules.formats import parse_role_map, read_decimal, read_whole, role_of
from outreach.rules.quiet_days import NO_DAYS, parse_quiet_days
from tests.support.errors import refuses
from tests.support.tables import cases, each_of

STRONG = "x" * 32
SECRETS = {"SECRET_KEY": STRONG, "TWILIO_ACCOUNT_SID": "AC" + "1" * 32, "TWILIO_AUTH_TOKEN": "t" * 32}


@pytest.fixture(autouse=True)
def local_env(monkeypatch, tmp_path):
    """The file of a running development; none unless the test writes it."""
    path = tmp_path / "env"
    monkeypatch.setattr(module, "LOCAL_ENV", path)
    return path


def read(**environ):
    return Settings.from_env(environ)


def complaints(**environ):
    with pytest.raises(BadSettings) as caught:
        read(**environ)
    return [line.strip() for line in word_error(caught.value).splitlines()[1:]]


def test_without_any_variable_it_is_a_training_installation():
    settings = read()
    assert settings.app_env == "development"
    assert settings.database_url.startswith("sqlite:///")
    assert settings.sms_gateway == "simulator"
    assert settings.api_base_url == "http://127.0.0.1:8001"
    assert not settings.is_live


def test_every_bad_variable_is_named_at_once():
    lines = complaints(
        APP_ENV="prod", DATABASE_URL="mysql://x", SEND_TIMEOUT_S="soon", SWEEP_S="-1", SMS_GATEWAY="fax"
    )
    named = "APP_ENV DATABASE_URL SMS_GATEWAY SEND_TIMEOUT_S SWEEP_S"
    assert [line.split(":")[0] for line in lines] == named.split()


def test_a_complaint_repeats_no_address_that_may_hold_a_password():
    said = "\n".join(complaints(DATABASE_URL="mysql://loa:hunter2@db/loa", REDIS_URL="http://:hunter2@redis"))
    assert "hunter2" not in said


@cases(
    *each_of("postgresql://u@h/loa | postgres://u@h/loa", "postgresql+psycopg://u@h/loa"),
    ("postgresql+psycopg://u@h/loa", "postgresql+psycopg://u@h/loa"),
    ("sqlite:///var/x.db", "sqlite:///var/x.db"),
)
def test_a_database_is_named_by_its_plain_scheme(given, taken):
    assert read(DATABASE_URL=given).database_url == taken


@pytest.mark.parametrize("name", ["PUBLIC_BASE_URL", "TWILIO_API_BASE_URL"])
def test_a_base_address_ends_without_a_slash_and_has_a_host(name):
    settings = read(**{name: "https://loa.example/"})
    assert getattr(settings, name.lower()) == "https://loa.example"
    for bad in ("loa.example", "ftp://loa.example", "https://", "https:loa"):
        assert complaints(**{name: bad})[0].startswith(name)


@cases(
    ("SEND_TIMEOUT_S", ["0.1", "10"], ["0.09", "121", "nan", "inf", ""]),
    ("LEASE_S", ["11", "3600"], ["0.9", "3601"]),
    ("SEND_IN_FLIGHT", ["1", "10000"], ["0", "10001", "1.5", "x"]),
    ("PRICE_PER_SEGMENT_VND", ["0", "350", "100000"], ["-1", "100001", "350.5"]),
    ("USD_VND", ["1", "23200", "25480.5"], ["0", "x"]),
    ("RECONCILE_S", ["0.2", "60"], ["0.1", "một phút"]),
    ("SWEEP_S", ["0.2", "600"], ["0.19", "601"]),
)
def test_a_number_lies_between_its_bounds(name, good, bad):
    for value in good:
        assert getattr(read(**{name: value}), name.lower()) == float(value)
    for value in filter(None, bad):
        (line,) = complaints(**{name: value})
        assert line.startswith(f"{name}: phải")


@cases(
    *each_of("redis://redis:6379/0 | rediss://redis.loa.example:6379/0", False),
    ("redis://loa:word@redis:6379/0", True),
    ("rediss://:word@redis.loa.example:6379/0?ssl_ca_certs=/etc/loa/redis-ca.crt", True),
    *each_of("redis://127.0.0.1:6379/0 | unix:///run/redis/redis.sock", True),
)
def test_production_takes_no_open_redis_of_another_machine(url, is_taken):
    given = {"APP_ENV": "production", **SECRETS, "REDIS_URL": url}
    if is_taken:
        assert read(**given).redis_url == url
    else:
        assert complaints(**given)[0].startswith("REDIS_URL")


def test_an_empty_variable_counts_as_not_set():
    assert read(SEND_TIMEOUT_S=" ", DATABASE_URL="").send_timeout_s == 10


def test_a_lease_outlasts_a_request():
    assert read(SEND_TIMEOUT_S="10", LEASE_S="10.1").lease_s == 10.1
    for lease in ("10", "5"):
        assert complaints(SEND_TIMEOUT_S="10", LEASE_S=lease)[0].startswith("LEASE_S")


@pytest.mark.parametrize("key", ["", "x" * 31, "development-only-secret"])
def test_production_does_not_start_with_a_weak_secret(key):
    assert complaints(APP_ENV="production", SECRET_KEY=key)[0].startswith("SECRET_KEY")


def test_production_needs_the_gateways_credentials():
    lines = complaints(APP_ENV="production", SECRET_KEY=STRONG, SMS_GATEWAY="twilio")
    assert [line.split(":")[0] for line in lines] == ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"]
    signed = {"APP_ENV": "production", "SECRET_KEY": STRONG, "TWILIO_ACCOUNT_SID": "AC1"}
    # The default token stands in the source: whoever reads it could sign webhooks.
    for gateway in ("twilio", "simulator"):
        given = {**signed, "SMS_GATEWAY": gateway, "TWILIO_AUTH_TOKEN": "simulator"}
        (line,) = complaints(**given)
        assert line.startswith("TWILIO_AUTH_TOKEN")
    assert read(**signed, SMS_GATEWAY="twilio", TWILIO_AUTH_TOKEN="t").is_live


@cases(
    ({}, False),
    ({"SMS_GATEWAY": "twilio"}, True),
    ({"SMS_GATEWAY": "twilio", "TWILIO_API_BASE_URL": "http://127.0.0.1:8001"}, False),
    ({"SMS_GATEWAY": "twilio", "TWILIO_API_BASE_URL": "https://sms.loa.example"}, False),
    # Whatever the gateway is called: what counts is whom the requests reach.
    ({"TWILIO_API_BASE_URL": "https://api.twilio.com"}, True),
    ({"TWILIO_API_BASE_URL": "https://API.Twilio.COM/"}, True),
    ({"TWILIO_API_BASE_URL": "https://api.twilio.com.:443"}, True),
    ({"TWILIO_API_BASE_URL": "https://api.sydney.au1.twilio.com"}, True),
    ({"TWILIO_API_BASE_URL": "https://twilio.com.loa.example"}, False),
    ({"TWILIO_API_BASE_URL": "https://nottwilio.com"}, False),
    ({"TWILIO_API_BASE_URL": "http://127.0.0.1:8001/twilio.com"}, False),
)
def test_only_twilios_own_host_is_live(environ, is_live):
    assert read(**SECRETS, **environ).is_live is is_live


@pytest.mark.parametrize("missing", ["SECRET_KEY", "TWILIO_AUTH_TOKEN"])
def test_nothing_is_live_on_a_guessed_secret_even_in_development(missing):
    with refuses(BadSettings, says=missing):
        read(**{**SECRETS, missing: ""}, SMS_GATEWAY="twilio")


def test_a_second_shell_finds_the_running_development(local_env, monkeypatch):
    for item in Settings.variables().values():
        monkeypatch.delenv(item.name.upper(), raising=False)
    local_env.write_text(
        "# written by the start\nREDIS_URL=unix:///tmp/r.sock?db=0\nPUBLIC_BASE_URL=http://127.0.0.1:8010\n"
    )
    assert Settings.from_env().redis_url == "unix:///tmp/r.sock?db=0"
    monkeypatch.setenv("PUBLIC_BASE_URL", "http://127.0.0.1:9000")
    assert Settings.from_env().public_base_url == "http://127.0.0.1:9000"
    # Production never takes what a development left lying about, nor does who names every variable.
    monkeypatch.setenv("APP_ENV", "production")
    monkeypatch.setenv("SECRET_KEY", STRONG)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "t" * 32)
    assert Settings.from_env().redis_url == "redis://127.0.0.1:6379/0"
    assert read().redis_url == "redis://127.0.0.1:6379/0"


def test_report_recipients_are_separated_by_commas():
    assert read(REPORT_RECIPIENTS=" a@loa.example, ,b@loa.example ").report_recipients == (
        "a@loa.example",
        "b@loa.example",
    )


@cases(
    ({}, {}, "price_per_segment_vnd", 350),
    ({}, {"price_per_segment_vnd": "400"}, "price_per_segment_vnd", 400),
    ({"PRICE_PER_SEGMENT_VND": "500"}, {"price_per_segment_vnd": "400"}, "price_per_segment_vnd", 500),
    # Also one that is set to what is usual.
    ({"PRICE_PER_SEGMENT_VND": "350"}, {"price_per_segment_vnd": "400"}, "price_per_segment_vnd", 350),
    ({"PRICE_PER_SEGMENT_VND": " "}, {"price_per_segment_vnd": "400"}, "price_per_segment_vnd", 400),
    ({"SMTP_URL": "smtp://a.example"}, {"smtp_url": "smtp://b.example"}, "smtp_url", "smtp://a.example"),
    ({}, {"smtp_url": "smtp://b.example"}, "smtp_url", "smtp://b.example"),
    ({}, {"sending_hours": "06:00 - 21:00"}, "sending_hours", "06:00-21:00"),
    # What can no longer be read, and what is no setting of the office's.
    ({}, {"price_per_segment_vnd": "rẻ"}, "price_per_segment_vnd", 350),
    ({}, {"secret_key": "stolen"}, "secret_key", module.WEAK_SECRET),
)
def test_the_offices_settings_hold_where_no_variable_is_set(environ, office, name, holds):
    assert getattr(read(**environ).with_office(office), name) == holds


def test_every_variable_is_explained():
    for item in Settings.variables().values():
        assert item.metadata["help"], item.name


SMPP = {"SMS_GATEWAY": "smpp", "SMPP_URL": "smpp://loa:p%40ss@10.0.0.1:2775", "SECRET_KEY": STRONG}
AGGREGATOR = {"SMS_GATEWAY": "aggregator", "AGGREGATOR_PROFILE": "esms", "AGGREGATOR_KEY": "k"}
AGGREGATOR["SECRET_KEY"] = STRONG


@cases(
    ({}, False),
    ({"SMS_LIVE": "yes", "SECRET_KEY": STRONG, "TWILIO_AUTH_TOKEN": "t" * 32}, True),
    (SMPP, True),
    ({**SMPP, "SMS_LIVE": "no"}, False),
    (AGGREGATOR, True),
    ({**AGGREGATOR, "SMS_LIVE": "no"}, False),
    ({**SECRETS, "SMS_GATEWAY": "twilio", "TWILIO_API_BASE_URL": "http://127.0.0.1:1"}, False),
    (
        {**SECRETS, "SMS_GATEWAY": "twilio", "TWILIO_API_BASE_URL": "http://127.0.0.1:1", "SMS_LIVE": "yes"},
        True,
    ),
)
def test_live_is_declared_or_follows_from_the_gateway(environ, is_live):
    assert read(**environ).is_live is is_live


def test_twilio_itself_cannot_be_declared_a_training():
    assert complaints(**SECRETS, SMS_GATEWAY="twilio", SMS_LIVE="no")[0].startswith("SMS_LIVE:")


@cases("", "smpp://10.0.0.1:2775", "smpp://loa@10.0.0.1", "http://loa:x@10.0.0.1", "smpp://loa:x@h:port")
def test_smpp_needs_its_login_and_host(url):
    assert complaints(SMS_GATEWAY="smpp", SMPP_URL=url, SECRET_KEY=STRONG)[0].startswith("SMPP_URL:")


def test_an_aggregator_needs_a_profile_that_there_is():
    assert [line.split(":")[0] for line in complaints(SMS_GATEWAY="aggregator", SECRET_KEY=STRONG)] == [
        "AGGREGATOR_PROFILE",
        "AGGREGATOR_KEY",
    ]
    assert "esms" in complaints(**{**AGGREGATOR, "AGGREGATOR_PROFILE": "nobody"})[0]


@cases(
    *each_of("emblem.png | emblem.SVG", 100, True), ("emblem.png", 60_000, False), ("emblem.exe", 100, False)
)
def test_an_emblem_is_a_small_picture(tmp_path, name, size, is_taken):
    (tmp_path / name).write_bytes(b"x" * size)
    if is_taken:
        assert read(OFFICE_LOGO=str(tmp_path / name)).office_logo == str(tmp_path / name)
    else:
        assert "không quá 50 KB" in complaints(OFFICE_LOGO=str(tmp_path / name))[0]
    assert "OFFICE_LOGO" in complaints(OFFICE_LOGO=str(tmp_path / "none.png"))[0]


@cases(
    *each_of("1250 | 1.250 | 1 250 | 1\xa0250", "1250"),
    *each_of("5.000.000 | 5,000,000", "5000000"),
    *each_of("12,5 | 12.5", "12.5"),
    ("0,125", "0.125"),
    ("1.25", "1.25"),  # 1.250 that Excel has read as a fraction
    ("1.0", "1"),
    (" 7 ", "7"),
)
def test_a_point_or_a_comma_groups_threes_and_else_begins_a_fraction(text, number):
    assert read_decimal(text) == Decimal(number)


@pytest.mark.parametrize("text", ["1.2.3", "1.250,5", "1.250 000", "1..250", "-3", "²", "1e3", "10 5", "x"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"\A"):
        read_decimal(text)


@pytest.mark.parametrize("text", ["12.5", "1.25", "1,2", "0,5", "1001"])
def test_a_fraction_is_no_number_of_people(text):
    with pytest.raises(ValueError, match=r"\A"):
        read_whole(text, most=1000)


def test_nothing_is_no_number():
    assert read_decimal(" ") is None
    assert read_whole("", most=9) is None
    assert read_whole("1.000", most=1000) == 1000


ROLES = parse_role_map("loa-qt=administrator, cn=loa=staff:PN ,loa-xem = auditor : MTTQ,")


@cases(
    ([], None),
    (["khác"], None),
    (["loa-qt"], ("administrator", "")),
    (["cn=loa"], ("staff", "PN")),
    (["loa-xem"], ("auditor", "MTTQ")),
    (["loa-xem", "loa-qt"], ("administrator", "")),  # as written, not as given
    (["LOA-QT"], None),
)
def test_the_first_group_of_the_map_counts(groups, expected):
    found = role_of(ROLES, groups)
    assert (found and (found.role, found.organisation)) == expected


@pytest.mark.parametrize("wrong", ["x", "=staff", "x=king", "x=village", "x=staff,y"])
def test_what_is_no_map_is_refused(wrong):
    with pytest.raises(BadInput):
        parse_role_map(wrong)


TET = "2027-02-05..2027-02-11 nghỉ Tết"


@cases(
    ("sun", date(2027, 2, 7), "weekday.6"),
    ("sun", date(2027, 2, 8), None),
    ("sat, sun", date(2027, 2, 6), "weekday.5"),
    (TET, date(2027, 2, 4), None),
    (TET, date(2027, 2, 5), "nghỉ Tết"),
    (TET, date(2027, 2, 11), "nghỉ Tết"),
    (TET, date(2027, 2, 12), None),
    (f"sun,{TET}", date(2027, 2, 7), "nghỉ Tết"),
    ("2027-02-05", date(2027, 2, 5), ""),
    ("none", date(2027, 2, 7), None),
)
def test_a_day_is_quiet_for_what_the_setting_names(text, day, why):
    assert parse_quiet_days(text).why(day) == why
    assert parse_quiet_days(str(parse_quiet_days(text))) == parse_quiet_days(text)


@cases(
    *each_of("sunday | 2027-02-30 | 2027-02-05...2027-02-11", "quiet_days_part"),
    *each_of("2027-02-11..2027-02-05 | 2027-02-05..2028-02-11", "quiet_days_period"),
    ("mon,tue,wed,thu,fri,sat,sun", "quiet_days_all"),
)
def test_what_cannot_be_meant_is_refused(text, code):
    with pytest.raises(BadInput) as refused:
        parse_quiet_days(text)
    assert refused.value.code == code


def test_none_is_no_day():
    assert parse_quiet_days("none") == NO_DAYS
