"""Settings, commands, routes, words of figures, and the errors of gateways and of Loa, read from the code.

`python -m tests.project.reference` writes docs/reference.md. Helps and docstrings are taken as they stand.
"""

import re

import click
import yaml
from flask_babel import force_locale

from admin.app import create_app
from admin.cli.program import GROUPS
from admin.wording.filters import LABELS
from campaigns.rules.delivery import failure_policy
from outreach.core.settings import Settings
from outreach.rules.gateway import OutcomeUnknown, Refused, Throttled
from outreach.rules.twilio_errors import ERRORS, cause_of, read_answer
from tests.project.test_errors import sentences
from tests.project.test_layout import ROOT

OUT = ROOT / "docs" / "reference.md"
HEAD = """# Reference

For people who look up a setting, a command, a route, an alert or an error. `python -m tests.project.reference` writes this page from the code,
and a test compares them. [campaigns.md](campaigns.md) has a campaign's file and figures."""
SETTINGS = """Environment variables, read once at the start; every wrong one is reported. In development the lines of `var/env`, which
`make run` writes, stand for variables that are not set.

An administrator sets mail server, contacts, hours, days, prices and logo on the page `/admin/settings/` as well: that counts where
the variable is not set. It is stored in the database (the mail server sealed by `GATEWAY_KEYS`), and every process sees a change within a minute."""
COMMANDS = """`sudo loa …` in an installation, with the variables of `/etc/loa/env` or of the file in `LOA_ENV_FILE`;
`.venv/bin/flask --app wsgi …` in a clone. Each says the same with `--help`. With `--json` standard output is one JSON object. Messages are in
the language of `--lang vi|en`, else of `LOA_LANG`, else English where `LC_ALL`, `LC_MESSAGES` or `LANG` begins with `en`. The exit status is
not 0 on failure. `loa run` is `serve`, `loa --version` the release; [operations.md](operations.md#restarting-and-upgrading) has `loa upgrade`."""
ROUTES = """[api.md](api.md) says how the API is used, and `GET /api/v1/openapi.json` has each field. [screens.md](screens.md) has the pages
below `/admin`, [security.md](security.md#limits) the limits on tries."""
GATEWAYS = (
    """[gateways.md](gateways.md#errors-and-what-follows) says how long waits are. What answers a request:"""
)
CODES = """Twilio's codes. Those from 30000 on come in reports, after the message has left: it is not tried again. A code that is not
listed fails its one message and nothing else; staff read `Nguyên nhân khác`."""
ALERTS = """`deploy/monitoring/alerts.yml`, for Prometheus."""
WORDS = """In files, figures and the API, with what staff read; a kind has its own words for some. Reasons are in their order: of several the
first counts. [campaigns.md](campaigns.md#figures) says what they add up to."""
FAMILIES = {"answer": "label of an answer", "excluded": "excluded", "skip": "skipped"}
ERRORS_OF_LOA = """`code` of a problem in the API, with the sentence that people read (`%(…)s` is filled in; some are parts of others)."""
FOLLOWS = ("tried again", "number left alone", "pauses", "staff read")
# What no status tells is seen in tests/integration/outreach/test_twilio.py.
STATUSES = [
    ("401, 403, 404", read_answer(401, None)),
    ("429", read_answer(429, None)),
    ("any other 4xx with a code but 408", read_answer(400, "99999")),
    ("any other 4xx, 3xx, 5xx", read_answer(400, None)),
    (
        "no connection within half of `SEND_TIMEOUT_S`, or a certificate that is not valid",
        Throttled(fault="connection"),
    ),
    ("connection cut, or no answer within `SEND_TIMEOUT_S`", OutcomeUnknown("TimeoutError")),
]
REPORTED_FROM = 30_000
AT_REQUEST_TOO = {"63038"}


def link(text):
    """Return a help with the documents that it names as links, in one line of a table."""
    text = re.sub(r"docs/([\w.-]+\.md)(#[\w-]+)?", r"[\1](\1\2)", text)
    return re.sub(r"docs/(installation/[\w.-]+)", r"[\1](\1)", " ".join(text.split())).replace("|", "\\|")


def rows(*head, of):
    lines = [head, ("---",) * len(head), *of]
    return "\n".join(f"| {' | '.join(map(link, cells))} |".replace("  ", " ") for cells in lines)


def shown_default(item):
    """How a default is shown; not at all where a secret has one, or the help says it."""
    default = item.default
    if default in ("", (), None) or item.metadata.get("secret") or item.name == "twilio_account_sid":
        return ""
    if item.name == "push_fields":
        return "`id=id,sender=from,recipient=to,body=text,at=at`"
    if isinstance(default, bool):
        return "`yes`" if default else "`no`"
    text = f"{default:g}" if isinstance(default, int | float) else str(default)
    return f"`{text.removeprefix('sqlite:///').removeprefix(f'{ROOT}/')}`"


def settings():
    for item in Settings.variables().values():
        yield f"`{item.name.upper()}`", shown_default(item), item.metadata["help"]


def commands(group, *above):
    """Yield a row for each command of a group: how it is typed, and what it and its options do."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
            continue
        told = [each for each in command.params if not {"--json", "--lang"} & set(each.opts)]
        helps = [
            f"`{each.opts[0]}`: {text}"
            for each in told
            if each.name != "email" and (text := getattr(each, "help", None))
        ]
        yield (
            f"`{' '.join((*above, name, *map(usage, told)))}`",
            "<br>".join((" ".join((command.help or "").split()), *helps)),
        )


def usage(parameter):
    choices = "|".join(map(str, getattr(parameter.type, "choices", ())))
    is_flag = getattr(parameter, "is_flag", False)
    value = (
        ""
        if is_flag
        else parameter.metavar or choices or parameter.type.name.upper().replace("INTEGER RANGE", "N")
    )
    if isinstance(parameter, click.Argument):
        text = parameter.metavar or choices or str(parameter.name).upper()
    else:
        text = f"{parameter.opts[0]} {value}".strip()
    text = text if parameter.required else f"[{text}]"
    return f"{text} …" if parameter.multiple or parameter.nargs == -1 else text


def api_routes(app):
    for path, operations in app.test_client().get("/api/v1/openapi.json").get_json()["paths"].items():
        for method, operation in operations.items():
            yield f"`{method.upper()} {path}`", operation["summary"], operation["description"]


def other_routes(app):
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(("/admin", "/api", "/static")):
            (method, *_others) = sorted(rule.methods - {"HEAD", "OPTIONS"})
            address = re.sub(r"<\w+\([^)]*\):|<\w+:", "<", rule.rule)
            said = (app.view_functions[rule.endpoint].__doc__ or "").split("\n\n")[0]
            yield f"`{method} {address}`", said


def what_follows(outcome):
    """Tried again, number left alone, campaign paused, what staff read."""
    if isinstance(outcome, Throttled):
        return "by itself, after the wait", "", "", ""
    if isinstance(outcome, OutcomeUnknown):
        return "once, after its absence is proved", "", "", str(LABELS["message.unknown"])
    assert isinstance(outcome, Refused)
    policy = failure_policy(outcome.cause)
    again = "when the campaign goes on" if policy.pauses else "no"
    return again, *consequences(outcome.cause)


def consequences(cause):
    policy = failure_policy(cause)
    alone = f"yes: {LABELS[f'suppression.{policy.suppresses}']}" if policy.suppresses else ""
    return alone, "yes" if policy.pauses else "", str(LABELS[f"cause.{cause.value}"])


def code_row(code):
    if int(code) >= REPORTED_FROM and code not in AT_REQUEST_TOO:
        return code, ERRORS[code][1], "no", *consequences(cause_of(code))
    return code, ERRORS[code][1], *what_follows(read_answer(400, code))


def words(family):
    return (
        (f"`{key.split('.')[1]}`", str(text))
        for key, text in LABELS.items()
        if re.fullmatch(rf"{family}\.\w+", key)
    )


def alerts():
    rules = yaml.safe_load((ROOT / "deploy/monitoring/alerts.yml").read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        yield f"`{rule['alert']}`", rule["annotations"]["summary"], rule["annotations"]["action"]


def write_page():
    """Return docs/reference.md."""
    app = create_app(Settings.from_env({}))
    parts = [HEAD, "## Settings", SETTINGS, rows("variable", "default", "", of=settings())]
    parts += ["## Commands", COMMANDS]
    for title, names in GROUPS.items():
        group = click.Group(
            commands={name: app.cli.commands[name] for name in names.split() if name != "upgrade"}
        )
        parts += [f"### {title}", rows("command", "", of=commands(group))]
    parts += ["## Routes", ROUTES, "### The API", rows("route", "", "", of=api_routes(app))]
    parts += ["### Other routes", rows("route", "", of=other_routes(app))]
    answers = ((answer, *what_follows(outcome)) for answer, outcome in STATUSES)
    parts += ["## Words of answers and figures", WORDS]
    with app.test_request_context(), force_locale("en"):
        parts += [rows(title, "", of=words(family)) for family, title in FAMILIES.items()]
    parts += ["## What the gateway's errors mean", GATEWAYS, rows("answer", *FOLLOWS, of=answers), CODES]
    parts += [rows("code", "meaning", *FOLLOWS, of=map(code_row, ERRORS))]
    parts += ["## Alerts", ALERTS, rows("alert", "means", "what to do", of=alerts())]
    parts += ["## Loa's errors", ERRORS_OF_LOA]
    parts += [rows("code", "", of=((f"`{code}`", text) for code, text in sorted(sentences("en").items())))]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    OUT.write_text(write_page(), encoding="utf-8")
