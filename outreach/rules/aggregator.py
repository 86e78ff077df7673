"""Aggregators by HTTP: a profile says how one of them is asked and what its answers mean. Pure.

A profile is a TOML file: see docs/gateways.md.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from outreach.rules import gateway
from outreach.rules.phone_numbers import Operator
from outreach.rules.segments import Encoding, measure
from outreach.rules.texts import clean_text


@dataclass(frozen=True, slots=True)
class Profile:
    """Interface of one aggregator, as its file describes it."""

    name: str
    url: str
    send: Mapping[str, Any]
    answer: Mapping[str, Any]
    report: tuple[Mapping[str, Any], ...]
    status: Mapping[str, Any] | None = None
    tested: str = ""
    operator: Mapping[str, Any] | None = None
    # As `send`, with the `report`s of notices, whether it `falls_back`, and then its `price`.
    notice: Mapping[str, Any] | None = None

    @property
    def channel(self) -> gateway.Channel | None:
        """How notices go by it: alone, or in one request with the text where the provider falls back itself; None: not at all."""
        if self.notice is None:
            return None
        return gateway.Channel.BOTH if self.notice.get("falls_back") else gateway.Channel.ZALO

    @property
    def request_id(self) -> gateway.Lasting | None:
        """For how long the same request may be made again, as a second message is refused by its id; None: never."""
        return (
            gateway.Lasting(self.answer.get("repeated_within", gateway.Lasting.DAY))
            if self.answer.get("repeated")
            else None
        )


def read_profile(data: Mapping[str, Any]) -> Profile:
    """Return the profile of a file. Raises TypeError, KeyError or ValueError for one that is wrong."""
    profile = Profile(**{**data, "report": tuple(data["report"])})
    for rule in (*profile.report, *(profile.notice or {}).get("report", ())):
        gateway.DeliveryStatus(rule["status"])
        gateway.Cause(rule.get("cause", gateway.Cause.OTHER))
    for operator in (profile.operator or {}).get("values", {}).values():
        Operator(operator)
    for cause in profile.answer.get("causes", {}):
        gateway.Cause(cause)
    _ = profile.request_id
    return profile


def id_prefix(account_id: int) -> str:
    """Return the prefix of an account's message ids, as two aggregators may give the same; empty for the first account."""
    return "" if account_id == 1 else f"{account_id}:"


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a field's template with its values; a list is filled item by item, and so is a table."""
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    if isinstance(template, Mapping):
        return {name: fill(item, values) for name, item in template.items()}
    if not isinstance(template, str):
        return template
    for name, value in values.items():
        if template == f"{{{name}}}":
            return value
    return template.format_map(values) if "{" in template else template


def values_of(
    message: gateway.OutboundMessage,
    profile: Profile,
    *,
    key: str,
    secret: str,
    request: str,
    callback: str,
    account: str = "",
) -> dict[str, Any]:
    """Return what may stand in the fields of a request. `account`: the official account that notices come from."""
    digits = message.to.lstrip("+")
    numbers = {"e164": message.to, "84": digits, "local": "0" + digits.removeprefix("84")}
    measured = measure(message.body)
    return {
        "key": key,
        "secret": secret,
        "number": numbers[profile.send.get("number", "84")],
        "body": measured.text,
        "sender": message.sender,
        "unicode": "1" if measured.encoding is Encoding.UCS2 else "0",
        "request": request,
        "callback": callback,
        "account": account,
        "template": message.notice.template if message.notice else "",
        "values": list(message.notice.values) if message.notice else [],
    }


def read_answer(profile: Profile, status: int, answer: Any) -> gateway.Outcome:
    """Return the outcome of a request, from HTTP's status and the answer as JSON, None if it is none.

    A repeated request is accepted without an id: its callback brings it.
    """
    if status == 429:
        return gateway.Throttled()
    code = _find(answer, profile.answer["code"])
    if code is None:
        return (
            gateway.Refused(gateway.Cause.ACCOUNT, str(status))
            if status in (401, 403, 404)
            else gateway.OutcomeUnknown(f"http_{status}")
        )
    rules = profile.answer
    if code in rules["accepted"]:
        gateway_id = _find(answer, rules["id"])
        return gateway.Accepted(gateway_id[:64]) if gateway_id else gateway.OutcomeUnknown("no_id")
    if code in rules.get("repeated", ()):
        return gateway.Accepted("")
    if code in rules.get("throttled", ()):
        return gateway.Throttled()
    if status >= 500:
        return gateway.OutcomeUnknown(f"http_{status}")
    causes = rules.get("causes", {})
    cause = next((cause for cause, codes in causes.items() if code in codes), gateway.Cause.OTHER)
    return gateway.Refused(gateway.Cause(cause), code[:24])


def read_report(profile: Profile, fields: Any, *, of_notice: bool = False) -> gateway.StatusReport:
    """Return what a callback or an answered question says; its status is None where no rule fits.

    `of_notice`: the attempt went as a notice, whose own rules come first.
    """
    gateway_id = _find(fields, (profile.status or profile.answer)["id"]) or ""
    rules = (*(profile.notice or {}).get("report", ()), *profile.report) if of_notice else profile.report
    for rule in rules:
        if all(_fits(_find(fields, name), wanted) for name, wanted in rule["when"].items()):
            cause = gateway.Cause(rule["cause"]) if "cause" in rule else None
            code = ",".join(str(_find(fields, name)) for name in rule["when"])[:24] if cause else None
            return gateway.StatusReport(gateway_id[:64], gateway.DeliveryStatus(rule["status"]), cause, code)
    return gateway.StatusReport(gateway_id[:64], None)


_DEAREST_VND = 1_000_000


def read_price(profile: Profile, fields: Any) -> Decimal | None:
    """Return what a message in both ways has cost, in VND, where the profile names the field of a callback that says so.

    Nobody signs a callback: what no message costs is left out, so that the report beside it counts.
    """
    try:
        price = Decimal(_find(fields, (profile.notice or {}).get("price", "")) or "NaN")
        return price if 0 <= price <= _DEAREST_VND else None
    except InvalidOperation:
        return None


def read_operator(profile: Profile, fields: Any) -> Operator | None:
    """Return the operator that a callback names, None where it names none that is known."""
    if profile.operator is None:
        return None
    value = profile.operator["values"].get(_find(fields, profile.operator["field"]) or "")
    return Operator(value) if value else None


def _find(answer: Any, path: str) -> str | None:
    """Return a field's text, by names with dots between; letters may be large or small."""
    for name in path.split("."):
        if not isinstance(answer, Mapping):
            return None
        answer = next((value for key, value in answer.items() if str(key).lower() == name.lower()), None)
    return None if answer is None or isinstance(answer, Mapping | list) else clean_text(str(answer)).strip()


def _fits(value: str | None, wanted: str | list[str]) -> bool:
    if isinstance(wanted, list):
        return any(_fits(value, each) for each in wanted)
    if wanted == ">0":
        return value is not None and value.isascii() and value.isdigit() and value.strip("0") != ""
    if wanted.startswith("~"):  # somewhere within, however it is quoted; -144 is not in -1441
        ends = r"(?!\d)" if wanted[-1].isdigit() else ""
        return value is not None and bool(re.search(re.escape(wanted[1:]) + ends, value))
    return value == wanted


class AttemptNames:
    """Names of attempts for the aggregator: the request's id, and the callback's address that nobody can guess."""

    def __init__(self, secret_key: str) -> None:
        self._key = hashlib.sha256(f"aggregator/{secret_key}".encode()).digest()
        self._installation = hashlib.sha256(self._key).hexdigest()[:8]

    def request(self, attempt_id: int) -> str:
        """Return the id of the request, the same each time that it is made."""
        return f"loa-{self._installation}-{attempt_id}"

    def callback(self, attempt_id: int) -> str:
        """Return the attempt's name in the callback's address."""
        return f"{attempt_id}-{self._proof(attempt_id)}"

    def attempt_id(self, name: str) -> int | None:
        """Return the attempt of a callback's address, or None if it is not one of ours."""
        number, _, proof = name.partition("-")
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            return None
        return int(number) if hmac.compare_digest(proof.encode(), self._proof(int(number)).encode()) else None

    def _proof(self, attempt_id: int) -> str:
        return hmac.new(self._key, str(attempt_id).encode(), hashlib.sha256).hexdigest()[:32]
