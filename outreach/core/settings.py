"""Settings from environment variables, named after their fields: each with its type, check and line of help.

`Settings.from_env` reads them all and reports every invalid one at once. In development the lines of
`var/env`, written by `make run`, are used for variables that are not set, so that a command typed in
a second shell uses the same database and Redis.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from outreach.rules import formats
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.exchange import NAME, USUAL_REASONS, Peer, parse_peers, parse_reasons
from outreach.rules.formats import DEFAULT_FIELDS, MappedRole, PushFields, parse_push_fields, parse_role_map
from outreach.rules.keys import Purpose, join_keys
from outreach.rules.quiet_days import QuietDays, parse_quiet_days
from outreach.rules.wishes import WishSource

IMAGES = {".png": "image/png", ".webp": "image/webp", ".svg": "image/svg+xml"}
IMAGES |= dict.fromkeys((".jpg", ".jpeg"), "image/jpeg")
LARGEST_LOGO = 50 * 1024  # bytes: it comes with each page
ROOT = Path(__file__).resolve().parents[2]
LOCAL_ENV = ROOT / "var" / "env"
PROFILES = ROOT / "outreach" / "sms" / "aggregators"
TWILIO_API = "https://api.twilio.com"
THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
WEAK_SECRET = "development-only-secret"  # noqa: S105 - refused in production
KNOWN_TOKEN = "simulator"  # noqa: S105 - refused in production: anybody who reads this could sign webhooks
log = logging.getLogger(__name__)


class BadSettings(BadInput):
    """Invalid environment variables, with all that is wrong."""


def _var(default: Any, parse: Callable[[str], Any], **marks: bool) -> Callable[[str], Any]:
    """Return what declares a setting by its line of help: `secret`, or set on the page of the `office` as well."""
    return lambda text: field(default=default, metadata={"parse": parse, "help": text, **marks})


_text, _secret = _var("", formats.text), _var("", formats.text, secret=True)
_web = _var("", formats.url("http", "https"))
_keys = _var((), formats.listed, secret=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a process, frozen; passed as an argument, never imported as a global."""

    app_env: str = _var("development", formats.choice("development", "production", "test"))(
        "`production` refuses to start with a missing or weak secret; `test` is for a server that replaces "
        "a phone in tests"
    )
    database_url: str = _var(f"sqlite:///{ROOT / 'var' / 'loa.db'}", formats.database)(
        "PostgreSQL (`postgresql://…`) or SQLite (`sqlite:///path`)"
    )
    redis_url: str = _var("redis://127.0.0.1:6379/0", formats.url("redis", "rediss", "unix"))(
        "the job queue's Redis: `redis://user:password@host:6379/0`, with TLS "
        "`rediss://…?ssl_ca_certs=FILE`; in production one on another machine needs a password"
    )
    secret_key: str = _var(WEAK_SECRET, formats.text, secret=True)(
        "at least 32 characters in production; the key of every purpose below that has none of its own, "
        "and of webhooks' secrets. Where the keys below are not set, changing it ends all links already "
        "sent"
    )
    session_key: str = _secret("signs sessions; a new one signs everybody out")
    link_keys: tuple[str, ...] = _keys(
        "keys of links, newest first, separated by commas: the first makes new links, the others open "
        "those under way (docs/operations.md#changing-keys)"
    )
    second_factor_keys: tuple[str, ...] = _keys(
        "keys of second factors, newest first: all of them check codes"
    )
    suppression_keys: tuple[str, ...] = _keys(
        "keys of the hashes of numbers, newest first: the first makes hashes, the others are for "
        "comparison only"
    )
    exchange_name: str = _text(
        "what other installations call this one (at most 15 small letters, digits and hyphens), where "
        "wishes to be left alone are exchanged with them (docs/scale.md#wishes-between-installations)"
    )
    exchange_keys: tuple[str, ...] = _keys(
        "keys that all of them share, newest first: the first hashes the numbers that are told, all compare"
    )
    exchange_peers: tuple[Peer, ...] = _var((), parse_peers)(
        "the others, separated by commas, each with the key that signs what it tells (`keys show` there): "
        "`gialai=https://loa.example#KEY`"
    )
    exchange_reasons: tuple[WishSource, ...] = _var(USUAL_REASONS, parse_reasons)(
        "by which ways a wish must have been said to be told to the others; only those from everything are"
    )
    audit_keys: tuple[str, ...] = _keys(
        "keys of the audit log's chain, newest first: the first chains, all of them verify"
    )
    gateway_keys: tuple[str, ...] = _keys(
        "keys that seal the secrets of gateways set up on the page, newest first: the others open those "
        "sealed before"
    )
    audit_head_to: tuple[str, ...] = _var((), formats.outside_places)(
        "where the end of the audit log's chain goes each day, outside the database: `file:/path`, "
        "`mail:address`, `syslog`, separated by commas"
    )
    second_factor: str = _var("", formats.choice("required", "optional"))(
        "`required`: everybody who may see full numbers (administrators, approvers, staff) can only set up "
        "a second factor until they have one; `optional`: each user decides. By default `required` in "
        "production, else `optional`"
    )
    public_base_url: str = _var("http://127.0.0.1:8000", formats.url("http", "https"))(
        "under which residents and the gateway reach the web; used in links and signatures"
    )
    link_base_url: str = _web(
        "a shorter host with which personal links in texts begin, as each of its letters is billed; by "
        "default PUBLIC_BASE_URL. It serves the same web, or at least `/<token>` and `/hoi`; pages name it "
        "as the official one"
    )
    boundaries_file: str = _text(
        "a GeoJSON file with the boundaries of places, each with its official code in the property `code`: "
        "the maps show them, else circles at the places' centres; one that cannot be read is logged, and "
        "there are circles"
    )
    sms_gateway: str = _var(
        "simulator", formats.choice("simulator", "twilio", "phone", "smpp", "aggregator")
    )(
        "who carries the messages: `simulator`, `twilio`, `smpp` (an operator's centre) or `aggregator` "
        "(see docs/gateways.md), or `phone`, an Android phone with a SIM (docs/inbound.md)"
    )
    sms_live: str = _var("", formats.choice("yes", "no"))(
        "`yes` or `no`: whether messages reach real phones. By default `no` for the simulator and for "
        "another server at `TWILIO_API_BASE_URL`, else `yes`; Twilio's own host is always live"
    )
    twilio_account_sid: str = _var("AC" + "0" * 32, formats.text)(
        "Twilio's account, of which alone webhooks are taken; the simulator's by default"
    )
    twilio_auth_token: str = _var(KNOWN_TOKEN, formats.text, secret=True)(
        "Twilio's token; also signs its webhooks. In production the default, the simulator's, is refused"
    )
    twilio_from: str = _var("LOA", formats.text)(
        "sender of messages that belong to no campaign (confirmations, tests)"
    )
    twilio_messaging_service_sid: str = _text("send through this service instead of a sender")
    twilio_api_base_url: str = _web(
        "another server that speaks Twilio's API; then nothing is live. By default Twilio's, or the "
        "simulator's on port 8001"
    )
    phone_api_base_url: str = _web(
        "where SMS Gateway for Android speaks its API; like its login and password required with `phone`"
    )
    phone_login: str = _text("the app's login")
    phone_password: str = _secret("the app's password")
    phone_webhook_key: str = _secret("the app's signing key; without it `/webhooks/phone` answers 404")
    smpp_url: str = _var("", formats.url("smpp", "smpps"), secret=True)(
        "the operator's centre: `smpp://SYSTEM_ID:PASSWORD@HOST:PORT`, `smpps://` with TLS; required with "
        "`smpp`"
    )
    smpp_window: int = _var(10, formats.whole(1, 10_000))(
        "messages under way at once on one connection, as the operator allows"
    )
    smpp_bind: str = _var("auto", formats.choice("auto", "transceiver", "pair"))(
        "`transceiver`, one connection for both directions, or `pair`, a transmitter and a receiver; "
        "`auto` is a pair where the centre refuses a transceiver"
    )
    smpp_long: str = _var("udh", formats.choice("udh", "payload"))(
        "`udh`: a long message goes in parts with headers; `payload`: whole in `message_payload`, and the "
        "centre splits it"
    )
    aggregator_profile: str = _text(
        "`esms`, `speedsms`, `vietguys`, or the path of a profile (docs/gateways.md); required with "
        "`aggregator`"
    )
    aggregator_url: str = _web("where the aggregator's interface is; by default the profile's")
    aggregator_key: str = _text("the account's key")
    aggregator_secret: str = _secret("the account's secret")
    notice_account: str = _text(
        "the official account by which the aggregator sends templated notices, where its profile has them "
        "(docs/gateways.md#notices); without it all goes by SMS"
    )
    notice_price_vnd: int = _var(200, formats.whole(0, 100_000))(
        "what a notice costs that has arrived, in VND"
    )
    notice_wait_s: int = _var(1800, formats.whole(1, 86_400))(
        "how long a notice's report is waited for before the text goes instead"
    )
    zalo_secret: str = _secret(
        "the official account's secret, by which its calls are recognised; without it `/webhooks/zalo` "
        "answers 404"
    )
    push_secret: str = _secret(
        "the secret by which a short code's operator is recognised, at least 16 characters; without it "
        "`/webhooks/push` answers 404"
    )
    push_proof: str = _var("signature", formats.choice("signature", "secret"))(
        "what is sent in PUSH_HEADER: `signature`, the body's HMAC-SHA256 under the secret, or `secret`, "
        "the secret itself"
    )
    push_header: str = _var("X-Signature", formats.text)("the header with the proof")
    push_fields: PushFields = _var(DEFAULT_FIELDS, parse_push_fields)(  # noqa: RUF009 - a tuple, whatever its name
        "the operator's names for the parts of a reply: id, sender, recipient, body, at"
    )
    oidc_issuer: str = _web(
        "an OpenID provider by which people sign in beside passwords "
        "(docs/operations.md#signing-in-by-a-provider): its issuer; `https` in production"
    )
    oidc_client_id: str = _text(
        "what the provider calls Loa; it must allow `PUBLIC_BASE_URL/login/provider/return`"
    )
    oidc_client_secret: str = _secret("the secret that the provider gave for it")
    oidc_role_claim: str = _var("groups", formats.text)("the claim that has a person's groups")
    oidc_roles: tuple[MappedRole, ...] = _var((), parse_role_map)(
        "roles of groups, separated by commas: `loa-canbo=staff:PN, loa-qt=administrator`; of several the "
        "one written first counts"
    )
    oidc_creates: bool = _var(False, formats.yes_or_no)(
        "`yes`: who has no account gets one by their groups, which it then follows. Else an administrator "
        "makes it, and it is linked by its mail address, which the provider must have verified"
    )
    oidc_second_factor: str = _var("provider", formats.choice("provider", "own"))(
        "who asks for a second factor of those who sign in by the provider: `provider`, or `own` for "
        "Loa's, as after a password"
    )
    uploads_dir: str = _var(str(ROOT / "var" / "uploads"), formats.text)(
        "where uploaded lists are kept until they are stored; web and workers must share it"
    )
    upload_keep_days: int = _var(7, formats.whole(1, 365))(
        "days after which an uploaded list that was never confirmed is removed"
    )
    api_requests_per_minute: int = _var(120, formats.whole(1, 100_000))(
        "requests of one token to the API (docs/api.md) in a minute"
    )
    full_numbers_per_hour: int = _var(60, formats.whole(1, 100_000))(
        "full phone numbers that one user may open in an hour on the pages of people and cases and in "
        "lists that are handed over; beyond that it is refused, and an alert"
    )
    smtp_url: str = _var("", formats.url("smtp", "smtps"), office=True)(
        "mail server for reports and notices: `smtp://user:password@host:587/?from=loa@example.vn` "
        "(STARTTLS), or `smtps://…`; without it no mail is sent"
    )
    report_recipients: tuple[str, ...] = _var((), formats.listed)(
        "who gets the daily report of the first drive, separated by commas; the form of a drive's report "
        "may name others"
    )
    duty_contacts: tuple[str, ...] = _var((), formats.contacts, office=True)(
        "who is told of a cry for help (docs/replies.md#cries-for-help) within seconds: mail addresses, "
        "mobile numbers and addresses of webhooks (`https://…`), separated by commas. A webhook gets "
        "`case.urgent`, later `case.untaken`, or `case.team_untold` where the message to a rescue team has "
        "not arrived, with the number of the case, the time, the place, the campaign and the link"
    )
    stand_in_contacts: tuple[str, ...] = _var((), formats.contacts, office=True)(
        "who is told when nobody has taken it within ten minutes"
    )
    alert_secret: str = _secret(
        "signs alerts to webhooks, as those of subscriptions (docs/api.md#webhooks) are signed; the secret "
        "of the signature is `whsec_` and its base64"
    )
    price_per_segment_vnd: int = _var(350, formats.whole(0, 100_000), office=True)(
        "an estimate in VND until the gateway bills; a campaign keeps the one of its launch"
    )
    usd_vnd: float = _var(23_200.0, formats.number(1, 1_000_000))(
        "đồng for a dollar, to convert a bill in dollars to whole đồng for each message (about the banks' "
        "rate of August 2020). For a bill in another currency the estimate stays"
    )
    campaign_budget_vnd: int = _var(0, formats.whole(0, 1_000_000_000), office=True)(
        "the budget that a new campaign begins with, in VND; 0 is none"
    )
    two_approvals_people: int = _var(0, formats.whole(0, 100_000_000), office=True)(
        "from so many recipients on a campaign needs the approval of two people, neither an author; 0 is "
        "never. Checked again when the audience is frozen: a campaign that then needs a second approval "
        "waits for it"
    )
    two_approvals_vnd: int = _var(0, formats.whole(0, 1_000_000_000), office=True)(
        "the same from such a cost of its own messages on, in VND (acknowledgements are not counted, as "
        "with the budget)"
    )
    urgent_passes_opt_outs: bool = _var(False, formats.yes_or_no)(
        "`yes` lets a warning (docs/campaigns.md#warnings) whose draft has a legal basis go to opted-out "
        "numbers and those of the do-not-call register; never to numbers reported as wrong or dead, nor to "
        "who objected to the processing, restricted it or withdrew consent. While it is `no` a draft with "
        "such a basis can be neither submitted, approved nor launched"
    )
    sending_hours: str = _var("08:00-20:00", formats.hours, office=True)(
        "the hours that a new campaign begins with, in Vietnam time"
    )
    quiet_days: QuietDays | None = _var(None, parse_quiet_days, office=True)(  # noqa: RUF009 - frozen
        "days on which campaigns send nothing, separated by commas "
        "(docs/campaigns.md#days-without-sending): weekdays (`sun`), `holidays`, days and periods with a "
        "name (`2027-02-05..2027-02-11 nghỉ Tết`); `none` is no day. By default the nation's holidays "
        "where messages reach real phones, else none"
    )
    approved_growth_percent: float = _var(5.0, formats.number(0, 1000))(
        "percent by which an audience may grow after its approval. Beyond that, with another legal basis "
        "of a list, or at a cost that is higher by this and by more than a tenth, a launch submits the "
        "campaign again; one that has been launched waits for the approvers before its first message"
    )
    send_in_flight: int = _var(100, formats.whole(1, 10_000))(
        "requests under way at once in one sending worker"
    )
    send_timeout_s: float = _var(10.0, formats.number(0.1, 120))("seconds to wait for the gateway's answer")
    lease_s: float = _var(60.0, formats.number(1, 3600))(
        "seconds for which a worker owns what it has claimed; more than `SEND_TIMEOUT_S`"
    )
    reconcile_s: float = _var(60.0, formats.number(0.2, 3600))(
        "seconds between two looks into the gateway's list for a message whose outcome is unknown"
    )
    list_delay_s: float = _var(120.0, formats.number(0, 86_400))(
        "seconds that a message may take to appear in the gateway's list: before that its absence proves "
        "nothing"
    )
    sweep_s: float = _var(5.0, formats.number(0.2, 600))("seconds between two sweeps")
    backups_dir: str = _var(str(ROOT / "var" / "backups"), formats.text)(
        "where `backup create` stores backups, unless it is given a folder"
    )
    backup_recipients: tuple[str, ...] = _var((), formats.listed)(
        "age keys (`age1…`), separated by commas: backups are encrypted for their holders; without one "
        "they are not"
    )
    retention_days: int = _var(90, formats.whole(1, 3650))(
        "days after a campaign's end after which what is personal in it is removed, see `retention show`"
    )
    health_retention_days: int = _var(30, formats.whole(15, 3650))(
        "days (at least 15) after the last campaign of a drive about health after which its answers lead "
        "to nobody; see docs/operations.md#personal-data-past-their-time"
    )
    office_logo: str = _var("", formats.text, office=True)(
        "file with your emblem for the head of the pages and the sign-in: PNG, JPEG, WebP or SVG, at most "
        "50 KB; Loa's own without it"
    )
    position_days: int = _var(30, formats.whole(1, 365))(
        "days after an event's end after which what its people needed, and where they were, is removed"
    )
    log_format: str = _var("text", formats.choice("text", "json"))(
        "`text`, lines for people, or `json`: one object a line, with the event and its ids as fields"
    )
    sentry_dsn: str = _var("", formats.url("http", "https"), secret=True)(
        "where faults are reported, as type and place in the code only; without it nothing is sent anywhere"
    )
    given: frozenset[str] = frozenset()  # fields whose variable is set

    @classmethod
    def variables(cls) -> dict[str, Field[Any]]:
        """Return the fields that a variable sets, by name."""
        return {item.name: item for item in fields(cls) if item.metadata}

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read all variables, by default from `os.environ`. Raises BadSettings, a line for each problem."""
        if environ is None:
            environ = os.environ
            if environ.get("APP_ENV", "development") == "development":
                local = LOCAL_ENV.read_text("utf-8") if os.access(LOCAL_ENV, os.R_OK) else ""
                environ = {**formats.read_lines(local), **environ}
        values: dict[str, Any] = {}
        problems: list[LoaError] = []
        for field_name, item in cls.variables().items():
            name = field_name.upper()
            raw = environ.get(name, "").strip()
            if not raw:
                continue
            try:
                values[field_name] = item.metadata["parse"](raw)
            except BadInput as error:
                problems.append(LoaError("setting_wrong", name=name, reason=error))
        settings = cls(**values, given=frozenset(values))
        problems += settings._find_problems(environ)
        if problems:
            raise BadSettings("settings_wrong", problems=problems)
        return settings

    def with_office(self, values: Mapping[str, str]) -> Settings:
        """Return these settings with what the office has set, written as its variables are, where no variable is set.

        What can no longer be read counts as not set: a page must open on which it is set again.
        """
        found: dict[str, Any] = {}
        for name in OFFICE:
            if name in values and name not in self.given:
                try:
                    found[name] = self.variables()[name].metadata["parse"](values[name])
                except BadInput as error:
                    log.warning("office.setting_unread name=%s error=%s", name, error.code)
        return replace(self, **found)

    def _find_problems(self, environ: Mapping[str, str]) -> list[LoaError]:
        def missing(*names: str) -> list[str]:
            return [name for name in names if not environ.get(name, "").strip()]

        # Also outside production: if real people receive messages, no secret may be weak.
        needs_secrets = self.app_env == "production" or self.is_live
        problems = self._weak_secrets() if needs_secrets else []
        if self.sms_gateway == "twilio" and needs_secrets:
            problems += [
                LoaError("twilio_setting_missing", name=name) for name in missing("TWILIO_ACCOUNT_SID")
            ]
        if self.speaks_twilio and needs_secrets and self.twilio_auth_token == KNOWN_TOKEN:
            problems.append(LoaError("twilio_setting_missing", name="TWILIO_AUTH_TOKEN"))
        if self.oidc_issuer:
            names = missing("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
            problems += [LoaError("oidc_setting_missing", name=name) for name in names]
        if self.sms_gateway == "phone":
            names = missing("PHONE_API_BASE_URL", "PHONE_LOGIN", "PHONE_PASSWORD", "PHONE_WEBHOOK_KEY")
            problems += [LoaError("phone_setting_missing", name=name) for name in names]
        if self.sms_gateway == "aggregator":
            names = missing("AGGREGATOR_PROFILE", "AGGREGATOR_KEY")
            problems += [LoaError("aggregator_setting_missing", name=name) for name in names]
        return problems + self._contradictions()

    def _weak_secrets(self) -> list[LoaError]:
        def is_weak(key: str) -> bool:
            return len(key) < 32 or key == WEAK_SECRET

        problems = [LoaError("secret_key_weak")] if is_weak(self.secret_key) else []
        given = {purpose.variable: self._given_keys_of(purpose) for purpose in Purpose}
        given["EXCHANGE_KEYS"] = self.exchange_keys
        problems += [
            LoaError("purpose_key_weak", name=name) for name, keys in given.items() if any(map(is_weak, keys))
        ]
        return problems

    def _contradictions(self) -> list[LoaError]:
        """Return what is wrong with settings that depend on each other, or on files."""
        is_production = self.app_env == "production"
        redis, centre = urlsplit(self.redis_url), urlsplit(self.smpp_url)
        is_elsewhere = bool(redis.hostname) and redis.hostname not in THIS_MACHINE
        is_open = is_elsewhere and not redis.password and "password=" not in redis.query
        has_centre = all((centre.hostname, centre.username, centre.password))
        profiles = sorted(path.stem for path in PROFILES.glob("*.toml"))
        is_file = "/" in self.aggregator_profile
        has_profile = (
            is_file or self.aggregator_profile in ("", *profiles) or self.sms_gateway != "aggregator"
        )
        no_profile = LoaError("setting_choice", choices=profiles)
        no_image = LoaError("setting_image", kb=LARGEST_LOGO // 1024)
        found = (
            (
                is_production and bool(self.oidc_issuer) and not self.oidc_issuer.startswith("https:"),
                LoaError("oidc_not_https"),
            ),
            (is_production and is_open, LoaError("redis_open")),
            (self.sms_gateway == "smpp" and not has_centre, LoaError("smpp_url_missing")),
            (not has_profile, LoaError("setting_wrong", name="AGGREGATOR_PROFILE", reason=no_profile)),
            (self.sms_live == "no" and self._is_twilio, LoaError("twilio_is_live")),
            (bool(self.exchange_peers) and not self._has_exchange, LoaError("exchange_incomplete")),
            (0 < len(self.push_secret) < 16, LoaError("push_secret_short")),
            (self.lease_s <= self.send_timeout_s, LoaError("lease_short")),
            (not self._has_usable_logo(), LoaError("setting_wrong", name="OFFICE_LOGO", reason=no_image)),
        )
        return [problem for is_wrong, problem in found if is_wrong]

    @property
    def _has_exchange(self) -> bool:
        """Whether all that the exchange needs is given: a name of one's own, shared keys, in production addresses by https."""
        urls = [each.url for each in self.exchange_peers if self.app_env == "production"]
        is_own = self.exchange_name not in [each.name for each in self.exchange_peers]
        return (
            is_own
            and bool(NAME.fullmatch(self.exchange_name))
            and bool(self.exchange_keys)
            and all(url.startswith("https:") for url in urls)
        )

    def _has_usable_logo(self) -> bool:
        logo = Path(self.office_logo)
        is_image = logo.suffix.lower() in IMAGES and logo.is_file() and os.access(logo, os.R_OK)
        return not self.office_logo or (is_image and logo.stat().st_size <= LARGEST_LOGO)

    def keys_of(self, purpose: Purpose) -> str:
        """Return the keys of a purpose as `outreach.rules.keys` has them: its own, or SECRET_KEY.

        By the shared keys of the exchange numbers are compared as by former ones.
        """
        shared = self.exchange_keys if purpose is Purpose.SUPPRESSIONS else ()
        return join_keys((*self.own_keys_of(purpose), *shared))

    def own_keys_of(self, purpose: Purpose) -> tuple[str, ...]:
        """Return the keys of a purpose that nobody shares."""
        return self._given_keys_of(purpose) or (self.secret_key,)

    @property
    def backup_keys(self) -> str:
        """Return what a backup's check is made of: the keys without which hashes and links in it are lost."""
        links, hashes = map(self.own_keys_of, (Purpose.LINKS, Purpose.SUPPRESSIONS))
        return join_keys(
            tuple(hashed if hashed == link else f"{hashed} {link}" for hashed in hashes for link in links)
        )

    def _given_keys_of(self, purpose: Purpose) -> tuple[str, ...]:
        given = getattr(self, purpose.variable.lower())
        return given if isinstance(given, tuple) else (given,) if given else ()

    @property
    def api_base_url(self) -> str:
        """Base URL of the gateway's API: the phone's, Twilio's, the simulator's, or another configured."""
        if self.sms_gateway == "phone":
            return self.phone_api_base_url
        if self.twilio_api_base_url:
            return self.twilio_api_base_url
        return TWILIO_API if self.sms_gateway == "twilio" else "http://127.0.0.1:8001"

    @property
    def speaks_twilio(self) -> bool:
        """Whether the gateway speaks Twilio's API, so that its webhooks are taken."""
        return self.sms_gateway in {"simulator", "twilio"}

    @property
    def requires_second_factor(self) -> bool:
        """Whether everybody who may see full numbers must set up a second factor before anything else."""
        return self.second_factor == "required" or (not self.second_factor and self.app_env == "production")

    @property
    def link_base(self) -> str:
        """What personal links begin with."""
        return self.link_base_url or self.public_base_url

    @property
    def takes_replies(self) -> bool:
        """Whether residents' SMS replies can reach us: Twilio delivers none from Vietnam."""
        return self.sms_gateway in ("simulator", "smpp") or bool(self.push_secret or self.phone_webhook_key)

    @property
    def account(self) -> str:
        """Name of the gateway's account, under which workers share limits and faults."""
        if self.sms_gateway == "aggregator":
            return f"{self.aggregator_profile}:{self.aggregator_url}"
        return self.smpp_url.rpartition("@")[2] if self.sms_gateway == "smpp" else self.twilio_account_sid

    @property
    def requests_at_once(self) -> int:
        """How many messages a sending worker has in hand at once: enough to keep the gateway's window full."""
        return 2 * self.smpp_window if self.sms_gateway == "smpp" else self.send_in_flight

    @property
    def _is_twilio(self) -> bool:
        host = (urlsplit(self.api_base_url).hostname or "").rstrip(".")
        return self.sms_gateway in ("twilio", "simulator") and (
            host == "twilio.com" or host.endswith(".twilio.com")
        )

    @property
    def is_live(self) -> bool:
        """Whether messages reach real people, as SMS_LIVE declares, or by the kind of gateway.

        The server of a phone may run on this machine, so its host decides nothing. Only with `APP_ENV=test` is a phone
        on this machine a simulated one.
        """
        if self._is_twilio:
            return True
        if self.sms_live:
            return self.sms_live == "yes"
        if self.sms_gateway == "phone":
            host = urlsplit(self.api_base_url).hostname
            return not (self.app_env == "test" and host in THIS_MACHINE)
        return self.sms_gateway not in ("twilio", "simulator")


# What an administrator may set on the page of the office, too: a variable that is set wins.
OFFICE = tuple(name for name, item in Settings.variables().items() if item.metadata.get("office"))
