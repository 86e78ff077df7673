"""What Twilio's OpenAPI document (API 2010-04-01, twilio_api_v2010) says of the two requests that Loa makes.

Only names, types and limits of the parameters, in our own words. `DateSent` is a date there by its description and its
example, though its format is given as date-time.
"""

from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

_TEXT: dict[str, Any] = {"type": "string"}
_FLAG: dict[str, Any] = {"enum": ["true", "false"]}
_NUMBER: dict[str, Any] = {"type": "string", "minLength": 1}  # of a phone, a short code or a registered name
_ADDRESS: dict[str, Any] = {"type": "string", "pattern": "^https?://[^/_]+/"}  # a host without underscores


def _id(prefix: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{prefix}[0-9a-fA-F]{{32}}$"}


PATH = {"type": "string", "pattern": r"^/2010-04-01/Accounts/AC[0-9a-fA-F]{32}/Messages\.json$"}
CREATE: dict[str, Any] = {
    "type": "object",
    "required": ["To"],
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(("To", "From"), _NUMBER),
        **dict.fromkeys(("SendAt", "ContentVariables", "MediaUrl", "PersistentAction"), _TEXT),
        **dict.fromkeys(("ProvideFeedback", "ForceDelivery", "SmartEncoded", "ShortenUrls"), _FLAG),
        "SendAsMms": _FLAG,
        **{"MessagingServiceSid": _id("MG"), "ApplicationSid": _id("AP"), "ContentSid": _id("HX")},
        "Body": {"type": "string", "maxLength": 1600},
        "StatusCallback": _ADDRESS,
        "Attempt": {"type": "string", "pattern": "^[0-9]+$"},
        # 1 to 36,000 seconds
        "ValidityPeriod": _TEXT | {"pattern": "^([1-9][0-9]{0,3}|[12][0-9]{4}|3[0-5][0-9]{3}|36000)$"},
        "ContentRetention": {"enum": ["retain", "discard"]},
        "AddressRetention": {"enum": ["retain", "obfuscate"]},
        "ScheduleType": {"const": "fixed"},
        "RiskCheck": {"enum": ["enable", "disable"]},
    },
    "allOf": [
        {"anyOf": [{"required": ["From"]}, {"required": ["MessagingServiceSid"]}]},
        {"anyOf": [{"required": ["Body"]}, {"required": ["MediaUrl"]}, {"required": ["ContentSid"]}]},
    ],
}
LIST: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "To": _NUMBER,
        "From": _NUMBER,
        **{name: {"type": "string", "format": "date"} for name in ("DateSent", "DateSent<", "DateSent>")},
        "PageSize": {"type": "string", "pattern": "^([1-9][0-9]{0,2}|1000)$"},
        "Page": {"type": "string", "pattern": "^[0-9]+$"},
        "PageToken": _TEXT,
    },
}


def breaches(method: str, path: str, query: dict[str, str], form: dict[str, str]) -> list[str]:
    """Return where a request departs from the document."""
    schema, values = (CREATE, form) if method == "POST" else (LIST, query)
    found = [] if method in ("GET", "POST") else [f"method {method}"]
    found += [f"{name} in the address of a POST" for name in query] if method == "POST" else []
    for part, by in ((path, PATH), (values, schema)):
        faults = Draft202012Validator(by, format_checker=FormatChecker()).iter_errors(part)
        found += [f"{list(fault.absolute_path)}: {fault.message}" for fault in faults]
    return found
