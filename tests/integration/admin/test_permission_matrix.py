"""Every route with every role, with nobody, and with the neighbour's people.

The table below is the promise, written by hand; `admin.permissions` and the views keep it or the suite
fails. A new route is named here, too.
"""

import itertools
import re
from io import BytesIO
from typing import NamedTuple

import pytest

from admin.permissions import ROUTES
from outreach.accounts.audit import read_head
from outreach.models.accounts import Role
from tests.support.permission_world import (
    BODY,
    ELSEWHERE,
    HERE,
    LIST,
    MARK,
    NAME,
    NUMBER,
    THERE,
    Office,
    Visitor,
    dump,
)

# Administrator, Staff, aPprover, Leader, aUditor, and a Village officer, who opens none of them; a dot where the door stays closed.
# `open` is for everybody: the status for nobody, then for who is signed in. After the view: methods, each with its routes.
TABLE = """
ASPLU        admin                 GET index running
ASP..        admin                 POST hide_first_steps
A.P..        admin                 POST stop release
ASP..        admin                 POST decide
A.P.U        incidents             GET index
A.P..        incidents             POST see
ASPLU        calendar              GET index collisions
ASP.U        campaigns             GET index sheet
ASP..        campaigns             GET create POST create GET edit POST edit
ASP.U        campaigns             GET page
ASP..        campaigns             GET texts POST texts
A.P..        campaigns             POST confirm_texts
ASP..        campaigns             POST drop_texts preview keep drop
ASPLU        search                GET index POST find
ASP..        campaigns             POST send_test open_answers comment settle submit return_draft
A.P..        campaigns             POST approve
ASP..        campaigns             POST launch correct extend discard
ASP.U        sending               GET panel
ASP..        sending               POST act
ASP.U        installs              GET index
ASP..        sending               POST decide
ASP.U        inbox                 GET index show
ASP..        inbox                 POST answer
ASP.U        saved_texts           GET index
ASP..        saved_texts           POST save remove
ASP..        inbox                 POST assign unassign number label undo close reopen measure_answer
ASP..        rescue                GET index live letter POST drill GET unheard paper POST export take hand
ASP..        rescue                POST note join
ASP.U        alike                 GET index show
ASP..        alike                 POST label answer close undo
ASPLU        progress              GET index picture places
ASP..        progress              POST official
ASPL.        urging                GET index POST send
ASPLU        agencies              GET index show
ASP..        agencies              POST submit roster link end file
ASP..        hand_over             GET index POST make came returned undo
ASP.U        visits                GET index
ASP..        visits                POST make
ASP.U        visits                GET show
ASP..        visits                POST enter undo GET sheet POST assign take_back
ASP.U        visit_officers        GET index
ASP..        visit_officers        POST create invite shut_out
ASPLU        reach                 GET index POST file
ASPLU        activities            GET index
ASP..        activities            GET create POST enter
ASPLU        activities            GET show
ASP..        activities            POST correct withdraw
ASP.U        kinds                 GET index page
ASP..        kinds                 GET create POST create GET edit POST edit
ASPLU        drives                GET index
ASP..        drives                POST create edit choose
ASPLU        goals                 GET index
ASP..        goals                 POST set_goal enter
ASPLU        report                GET index live preview file
ASP..        report                POST issue prepare
A.PL.        report                POST approve
ASP..        report                POST correct look send by_hand link end_link GET form POST form
ASP.U        contacts              GET index POST search GET show
ASP..        contacts              POST number open_answers correct add_number remove_number GET compare
ASP..        contacts              POST find_same declare_different merge unmerge answer suppress lift
ASP.U        privacy_requests      GET index
ASP..        privacy_requests      POST record finish respond
A.P..        privacy_requests      POST extend
ASP..        privacy_requests      POST consent
A...U        data_protection       GET index
A....        data_protection       POST record report
A...U        data_protection       GET impact
A.P..        privacy_requests      POST erase export
ASP.U        lists                 GET index show
ASP..        lists                 POST create basis rename archive merge split remove GET waiting
ASP..        lists                 POST decide GET places POST answer_place GET languages
ASP..        lists                 POST offer_languages settle_spelling retract
ASP.U        imports               GET index
ASP..        imports               POST receive
ASP.U        imports               GET show live
ASP..        imports               POST columns rows row add confirm cancel undo GET errors
A....        senders               GET index POST save remove
A....        office                GET index POST mail duty sending budget logo send_test remove_logo
A....        gateways              GET index POST save change_state send_test add_phone remove_phone
ASP..        templates             GET index
A....        templates             POST save set_state remove
ASP..        templates             GET form
A....        reply_log             GET index POST receive
A...U        do_not_call           GET index export
A....        do_not_call           POST receive
ASPLU        guides                GET index show picture
ASPLU        account               GET index token POST password notices
ASPLU        notices               GET index
ASP.U        account               POST keep_filters remove_filters
ASPLU        account               POST end_session end_others
ASPLU        second_factor         GET index POST confirm renew remove
A...U        audit                 GET index
A....        security              GET index
A....        checks                GET index POST allow
A...U        organisations         GET index show export
A....        organisations         POST create change
A...U        webhook_subscriptions GET index
A....        webhook_subscriptions POST create
A...U        webhook_subscriptions GET show
A....        webhook_subscriptions POST ping resend end
A...U        tokens                GET index
A....        tokens                POST create end
A...U        users                 GET index show export
A....        users                 POST create change disable enable link sign_out remove_identity
A....        users                 POST drop_second_factor
open 404 404 first_setup           GET show POST set_up
open 400 400 invitation            GET show POST choose
open 200 302 login                 GET front show
open 401 401 login                 POST sign_in
open 404 404 login                 GET go_to_provider return_from_provider leave_provider
open 302 302 login                 GET ask_code
open 303 303 login                 POST check
open 302 200 login                 GET ask_password
open 302 401 login                 POST confirm
open 200 200 login                 GET forgotten POST ask_for_link
open 303 303 login                 POST sign_out choose_language
open 200 200 static_files          GET static
open 200 200 health                GET healthz
open 503 503 health                GET readyz
open 200 200 health                GET metrics
open 401 401 api                   GET list_campaigns show_campaign show_figures list_goals list_official
open 401 401 api                   POST import_contacts GET show_import show_set_aside list_answers
open 401 401 api                   GET list_deliveries list_opt_outs list_replies list_webhooks show_draft
open 401 401 api                   GET show_recipient show_reply show_webhook POST create_draft
open 401 401 api                   POST create_recipient create_reply create_webhook end_webhook
open 401 401 api                   POST ping_webhook send_delivery_again submit_draft PUT change_draft
open 200 200 api                   GET show_document
open 403 403 exchange              GET wishes
open 404 404 agency_page           GET form POST hand_in
open 404 404 report_page           GET show
open 404 404 urge_page             GET form POST answer
open 404 404 report_page           GET file
open 404 404 answer_page           GET show POST answer GET show_with_rest POST show_with_rest
open 200 200 safety_page           GET index
open 422 422 safety_page           POST report
open 410 410 team_page             GET show
open 200 200 public_page           GET index poster
open 422 422 public_page           POST check code confirm note
open 403 403 gateway_callbacks     POST inbound
open 404 404 aggregator_callbacks  GET status POST status
open 404 404 reply_channels        POST phone push zalo
open 200 200 visits_app            GET page
open 404 404 visits_app            GET file
open 422 422 visits_app            POST join
open 401 401 visits_app            POST sync
"""
LETTERS = dict(zip("ASPLUV", Role, strict=True))
NOBODY = Visitor("nobody")
ROLES = [Role.ADMINISTRATOR, Role.STAFF, Role.APPROVER, Role.LEADER, Role.AUDITOR, Role.VILLAGE]
WITHOUT_TOKEN = (
    "gateway_callbacks.",
    "aggregator_callbacks.",
    "reply_channels.",
    "answer_page.",
    "public_page.",
    "safety_page.",
    "agency_page.",
    "urge_page.",
    "api.",
    "visits_app.",
)  # their callers prove themselves otherwise
# Objects that belong to the installation, not to an organisation.
OF_ALL = {"drive_id", "incident_id", "place_question_id", "report_link_id", "spelling_id", "code"}
LAUNCHED = """
sending.panel installs.index hand_over.index hand_over.make hand_over.came hand_over.returned
hand_over.undo reach.index reach.file sending.act campaigns.texts campaigns.confirm_texts
campaigns.drop_texts sending.decide campaigns.extend
"""
ABOUT_WHAT = dict.fromkeys(LAUNCHED.split(), "launched_id")  # else the draft
# What is about one person: also not for colleagues who have another area.
OF_A_PERSON = ("contacts.", "privacy_requests.", "inbox.", "alike.", "rescue.")
OF_THE_AGENCY = {"agencies.show", "agencies.submit", "agencies.roster", "agencies.link", "agencies.end"}
# A file to correct, and rows to decide on: on record.
SHOWS_NUMBERS = {("GET", "imports.errors"), ("GET", "lists.waiting"), ("GET", "visits.sheet")}
OPENED = {"GET": {200, 302}, "POST": {200, 204, 303, 422}}  # a refused form is 422
REFUSED_WITHIN = {
    "report.file": {404},  # nothing is issued yet
    "report.prepare": {404},  # nothing is frozen yet
    "campaigns.keep": {404},  # a form is kept under a key of its own
    "campaigns.drop": {404},
    "account.remove_filters": {404},  # another user's
    "contacts.unmerge": {404},  # nobody was merged
    "users.remove_identity": {404},  # nobody signs in by a provider
    "account.end_session": {404},  # another's: what is one's own is known to its page alone
    "lists.answer_place": {404},  # no place is open
    "lists.settle_spelling": {404},  # no spelling is open
    "gateways.remove_phone": {404},  # gone since the first of them removed it
    "saved_texts.remove": {404},  # gone since the first of them removed it
}
FEWEST_CELLS = 750


class Row(NamedTuple):
    method: str
    endpoint: str
    roles: frozenset[Role]
    is_open: tuple[int, int] | None  # for nobody, for who is signed in

    @property
    def needs_token(self):
        return self.method == "POST" and not self.endpoint.startswith(WITHOUT_TOKEN)

    def __str__(self):
        return f"{self.method} {self.endpoint}"


def read_table():
    rows = []
    for line in TABLE.strip().splitlines():
        who, *statuses = line[:13].split()
        is_open = (int(statuses[0]), int(statuses[1])) if who == "open" else None
        roles = frozenset(Role if is_open else (LETTERS[letter] for letter in who if letter in LETTERS))
        view, method, *names = line[13:].split()
        for name in names:
            if name in ("GET", "POST", "PUT"):
                method = name
            else:
                rows.append(Row(method, name if view == "-" else f"{view}.{name}", roles, is_open))
    return rows


ROWS = read_table()
GUARDED = [row for row in ROWS if row.is_open is None]

_NEW = itertools.count()


def form(office, row):
    """What a form holds where an empty one would not get as far as the rules."""
    values = office.values
    phone = {"phone": values["phone_id"], "reason": "opt_out", "note": "xin thôi"}
    draft = {
        "name": f"Bluezone {MARK}",
        "kind": "bluezone",
        "sender": "MTTQ",
        "lists": [f"{HERE}/{LIST}"],
        "text": "Mời cài Bluezone: {link}",
        "window_from": "08:00",
        "window_to": "20:00",
        "wish": "save",
    }
    filled = {
        "campaigns.create": draft,
        "campaigns.edit": draft,
        "campaigns.texts": {"wish": "save", "c.contact": MARK},
        "campaigns.comment": {"card": "whom", "comment": MARK},
        "campaigns.return_draft": {"reason": "Xin sửa câu đầu."},
        "campaigns.send_test": {"trial_number": "0912000732"},
        "hand_over.make": {"recipient": MARK, "purpose": MARK},
        "hand_over.came": {"came": "1"},
        "hand_over.returned": {"file": (BytesIO("Mã;Đã cài\nD1-1;x\n".encode()), "list.csv")},
        "inbox.label": {"label": "unclear"},
        "inbox.answer": {"text": "Can bo se goi lai trong ngay."},
        "saved_texts.save": {"title": f"Hẹn {MARK} {next(_NEW)}", "text": "Can bo se goi lai."},
        "inbox.close": {"outcome": "called"},
        "rescue.export": {"event": values["launched_id"], "reason": f"Giao cho {MARK}"},
        "contacts.number": phone,
        "contacts.correct": {"name": NAME},
        "contacts.add_number": {"number": "0912000733"},
        "contacts.remove_number": {**phone, "number": NUMBER},  # taken off and given back
        "contacts.answer": {"campaign": values["launched_id"], "answer": "not_yet", "place": "home"},
        "contacts.merge": {"other": values["contact_id"]},
        "contacts.unmerge": {"merge": "1"},
        "contacts.declare_different": {"other": values["contact_id"]},
        "users.remove_identity": {"identity": "1"},
        "contacts.suppress": phone,
        "contacts.lift": {**phone, "reason": "wrong_number"},  # an opt-out is for approvers
        "agencies.submit": {"day": office.now.strftime("%Y-%m-%d"), "staff": "7319"},
        "agencies.roster": {
            "day": office.now.strftime("%Y-%m-%d"),
            "file": (BytesIO(b"Ten,SDT,Da cai\nA B,0905000001,x\n"), "roster.csv"),
        },
        "agencies.link": {"holder": MARK, "days": "3"},
        "visits.make": {"campaign": values["launched_id"], "list": values["list_id"]},
        "visits.enter": {"k1": "2"},
        "visits.assign": {"officer": values["officer_id"]},
        "visit_officers.create": {"name": MARK, "number": f"0912000{next(_NEW):03}"},
        "activities.enter": {"kind": "radio", "area": "62", "organisation": values[HERE]},
        "activities.correct": {"kind": "radio", "version": values["entry_id"]},
        "activities.withdraw": {"version": values["entry_id"]},
        "privacy_requests.record": {"kind": "export", "asked_by": MARK},
        "privacy_requests.finish": {"answer": MARK},
        "privacy_requests.extend": {"reason": MARK},
        "privacy_requests.consent": {"given": "yes", "evidence": MARK},
        "data_protection.record": {"what": MARK},
        "data_protection.report": {"notice": MARK},
        "privacy_requests.erase": {
            "understood": "1"
        },  # of a request for something else: refused, and the person stays
        "lists.decide": {"decision": "dropped"},
        "lists.answer_place": {"area": "62"},
        "lists.settle_spelling": {"language": "rad"},
        "lists.create": {"name": f"Mới {MARK} {next(_NEW)}", "organisation": values[HERE]},
        "lists.basis": {"basis": "consent", "basis_note": MARK},
        "imports.receive": {"list": values["list_id"], "file": (BytesIO(b"STT\n1\n"), f"{MARK}.csv")},
        "senders.save": {"name": "MTTQ"},
        "reply_log.receive": {"file": (BytesIO(b"from;text\n"), "log.csv")},
        "do_not_call.receive": {"file": (BytesIO(b"0905000001\n"), "dnc.csv")},
        "organisations.create": {"code": f"X{next(_NEW)}", "name": f"Hội {MARK}", "kind": "mass"},
        "organisations.change": {"code": HERE, "name": f"Hội Phụ nữ {MARK}", "kind": "mass"},
        "users.create": {"email": f"moi{next(_NEW)}@loa.example", "role": "staff", "organisation": "none"},
        "users.change": {"name": MARK, "role": "staff", "organisation": values[HERE]},
        "senders.remove": {"name": "MTTQ"},
        "templates.save": {"sender": "MTTQ", "text": MARK},
        "templates.set_state": {"account_id": "1", "state": "accepted"},
        "gateways.save": {"account_id": "1", "position": "1"},
        "gateways.change_state": {"state": "active"},
        "gateways.send_test": {"number": "0905000999"},
        "gateways.add_phone": {"number": f"090500{next(_NEW):04}", "holder": "Cán bộ"},
        "webhook_subscriptions.create": {
            "name": MARK,
            "url": "http://127.0.0.1:1/",
            "organisation": values[HERE],
            "kind": "opt_out",
        },
        "tokens.create": {"name": MARK, "organisation": values[HERE], "right": "figures:read", "days": "30"},
    }
    return filled.get(row.endpoint, {})


# Pages whose address has no object in it but whose form or query names one of the organisation's.
NAMED = [
    ("GET", "campaigns.create", {"copy": "launched_id"}),
    ("GET", "progress.index", {"campaign": "launched_id"}),
    ("GET", "contacts.index", {"campaign": "launched_id"}),
    ("GET", "contacts.index", {"list": "list_id"}),
    ("GET", "contacts.index", {"organisation": "organisation_id"}),
    ("GET", "inbox.index", {"campaign": "launched_id"}),
    ("GET", "inbox.index", {"organisation": "organisation_id"}),
    ("GET", "imports.index", {"list": "list_id"}),
    ("POST", "campaigns.create", {}),
    ("POST", "lists.create", {}),
    ("POST", "imports.receive", {}),
    ("GET", "saved_texts.index", {"edit": "text_id"}),
    ("GET", "visits.index", {"campaign": "launched_id", "list": "list_id"}),
    ("POST", "visits.make", {}),
    ("GET", "activities.index", {"organisation": "organisation_id"}),
    ("GET", "activities.create", {"copy": "entry_id"}),
    ("POST", "activities.enter", {}),
]


@pytest.fixture(scope="module")
def office(open_site):
    return Office(*open_site(TWILIO_API_BASE_URL="http://127.0.0.1:1"))


def arguments(app, endpoint):
    return set().union(*(rule.arguments for rule in app.url_map.iter_rules(endpoint)))


def has_object(office, row):
    return any(name.endswith("_id") for name in arguments(office.app, row.endpoint) - OF_ALL)


def address(office, row, **query):
    kept = dict(office.values)
    if about := ABOUT_WHAT.get(row.endpoint):
        office.values["campaign_id"] = kept[about]
    if row.endpoint in OF_THE_AGENCY:
        office.values["organisation_id"] = kept["agency_id"]
    try:
        return office.path(row.endpoint, **query)
    finally:
        office.values = kept


def visitors(office, row, *, may):
    return [office.visitors[HERE, role] for role in ROLES if (role in row.roles) is may]


def allowed(office, row, *, thorough):
    """Who may: one of them, for each route another, in `make test`; the others in the rest."""
    may = visitors(office, row, may=True)
    turn = ROWS.index(row) % len(may) if may else 0
    return may[:turn] + may[turn + 1 :] if thorough else may[turn : turn + 1]


def closed_cells(office):
    """(row, who, with token, whether the answer is the right refusal)."""
    for row in GUARDED:
        yield row, NOBODY, True, _is_sent_to_sign_in
        for visitor in visitors(office, row, may=False):
            yield row, visitor, True, lambda answer: answer.status_code == 403
    for row in ROWS:
        if row.needs_token:
            # The token is asked for before the role: one who may and nobody show it.
            may = next(iter(visitors(office, row, may=True)), NOBODY)
            for visitor in (NOBODY, may):
                yield row, visitor, False, _is_called_forged


def neighbours(office):
    return [(role, office.visitors[THERE, role]) for role in ROLES if role is not Role.ADMINISTRATOR]


def _is_sent_to_sign_in(answer):
    return answer.status_code == 302 and answer.location.startswith("/login")


def _is_called_forged(answer):
    return answer.status_code == 400 and "Biểu mẫu đã hết hạn" in answer.get_data().decode("utf-8", "replace")


def _is_let_in(row, answer):
    return (
        answer.status_code in OPENED[row.method] | REFUSED_WITHIN.get(row.endpoint, set())
        and "Biểu mẫu đã hết hạn" not in answer.get_data().decode("utf-8", "replace")
        and not (answer.location or "").startswith("/login")
        and "không có quyền" not in answer.get_data().decode("utf-8", "replace")
    )


def last_entry(office):
    """The number of the audit's last entry."""
    return office.read(read_head).id


def fail_with(lines):
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def describe(row, visitor, answer):
    where = f" -> {answer.location}" if answer.location else ""
    return f"{row} as {visitor.name}: {answer.status_code}{where}"


def leaks(answer, *words):
    return [word for word in words if word in answer.get_data().decode("utf-8", "replace")]


def spellings(e164):
    local = "0" + e164.removeprefix("+84")
    return [e164, local, f"{local[:4]} {local[4:7]} {local[7:]}", f"{local[:4]}.{local[4:7]}.{local[7:]}"]


# ------------------------------------------------------------------------------------------------------


def test_every_route_has_a_row_and_every_row_a_route(office):
    routes = {
        (method, rule.endpoint)
        for rule in office.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    rows = [(row.method, row.endpoint) for row in ROWS]
    assert len(rows) == len(set(rows))
    fail_with(
        [f"no row for {method} {endpoint}" for method, endpoint in sorted(routes - set(rows))]
        + [f"no route for {method} {endpoint}" for method, endpoint in sorted(set(rows) - routes)]
        + [
            f"a permission without a route: {name}"
            for name in sorted({*ROUTES} - {row.endpoint for row in ROWS})
        ]
    )


def test_what_is_closed_stays_closed_and_nothing_changes(office):
    before, wrong = dump(office.runtime), []
    for row, visitor, token, is_right in closed_cells(office):
        answer = office.ask(visitor, row.method, address(office, row), form(office, row), token=token)
        if not is_right(answer) or MARK in re.sub(r"\S*@\S*|\([^()]*\)", "", answer.text):
            wrong.append(describe(row, visitor, answer))
    fail_with(wrong)
    assert dump(office.runtime) == before


def test_nothing_of_an_organisation_is_there_for_its_neighbours(office):
    before, wrong = dump(office.runtime), []
    for row in GUARDED:
        for role, visitor in neighbours(office):
            if role not in row.roles or not (row.method == "GET" or has_object(office, row)):
                continue
            answer = office.ask(visitor, row.method, address(office, row), form(office, row))
            expected = {404} if has_object(office, row) else {200}
            if answer.status_code not in expected or leaks(answer, MARK, *spellings(NUMBER)):
                wrong.append(describe(row, visitor, answer))
    fail_with(wrong)
    assert dump(office.runtime) == before


def test_nothing_of_a_person_is_there_for_colleagues_who_have_another_area(office):
    """Requests under the law on personal data could be answered, and their time extended, by who did not see the person."""
    before, wrong = dump(office.runtime), []
    for row in GUARDED:
        if not (row.endpoint.startswith(OF_A_PERSON) and has_object(office, row)):
            continue
        for role in row.roles & {Role.STAFF, Role.APPROVER}:
            visitor = office.visitors[ELSEWHERE, role]
            answer = office.ask(visitor, row.method, address(office, row), form(office, row))
            if answer.status_code != 404 or leaks(answer, NAME, BODY, *spellings(NUMBER)):
                wrong.append(describe(row, visitor, answer))
    fail_with(wrong)
    assert dump(office.runtime) == before


def test_what_a_form_or_a_query_names_is_looked_for_in_ones_own_scope(office):
    before, wrong = dump(office.runtime), []
    for method, endpoint, query in NAMED:
        row = next(row for row in ROWS if (row.method, row.endpoint) == (method, endpoint))
        path = address(office, row, **{name: office.values[value] for name, value in query.items()})
        for role, visitor in neighbours(office):
            if role not in row.roles:
                continue
            answer = office.ask(visitor, method, path, form(office, row) if method == "POST" else None)
            typed = MARK if method == "GET" else BODY
            if answer.status_code not in (200, 404, 422) or leaks(answer, typed, NAME):
                wrong.append(describe(row, visitor, answer))
    fail_with(wrong)
    assert dump(office.runtime) == before


@pytest.mark.rest
def test_an_object_that_cannot_be_is_not_found(office):
    wrong = []
    for row in GUARDED:
        names = [name for name in arguments(office.app, row.endpoint) if name.endswith("_id")]
        if not names:
            continue
        for strange in (0, 2**31, 2**63, 10**40):
            kept = dict(office.values)
            office.values |= dict.fromkeys(names, strange)
            answer = office.ask(
                office.visitors[HERE, Role.ADMINISTRATOR],
                row.method,
                office.path(row.endpoint),
                form(office, row),
            )
            office.values = kept
            if answer.status_code != 404:
                wrong.append(f"{row} of {strange:.0e}: {answer.status_code}")
    fail_with(wrong)


@pytest.mark.rest
def test_a_query_that_cannot_be_is_no_fault_of_ours(office, thorough):
    names = ("page", "list", "campaign", "organisation", "copy", "after", "done", "user")
    strange = {
        **dict.fromkeys(names, 10**30),
        **dict.fromkeys(("q", "district", "area", "state", "name"), "\0%"),
    }
    wrong = []
    for row in (row for row in GUARDED if row.method == "GET"):
        alone = [{name: value} for name, value in strange.items()] if thorough else []
        for query in (strange, dict.fromkeys(names, -1), *alone):
            answer = office.ask(
                office.visitors[HERE, Role.ADMINISTRATOR], "GET", address(office, row, **query), None
            )
            if answer.status_code not in (200, 302, 400, 404):
                wrong.append(f"{row} with {query}: {answer.status_code}")
    fail_with(wrong)


def test_pages_open_for_their_roles_and_reading_changes_nothing(office, thorough):
    before, wrong = dump(office.runtime, without="audit_"), []
    for row in (row for row in GUARDED if row.method == "GET"):
        for visitor in allowed(office, row, thorough=thorough):
            answer = office.ask(visitor, "GET", address(office, row), None)
            if not _is_let_in(row, answer):
                wrong.append(describe(row, visitor, answer))
            shown = [] if (row.method, row.endpoint) in SHOWS_NUMBERS else leaks(answer, *spellings(NUMBER))
            if visitor is office.visitors[HERE, Role.LEADER]:
                shown += leaks(answer, NAME, BODY)
            if shown:
                wrong.append(f"{describe(row, visitor, answer)} shows {shown}")
    fail_with(wrong)
    assert dump(office.runtime, without="audit_") == before


@pytest.mark.rest
def test_what_is_open_is_open_for_everybody(office):
    wrong = []
    for row in ROWS:
        if row.is_open is None:
            continue
        for visitor in (NOBODY, *(office.visitors[HERE, role] for role in ROLES)):
            answer = office.ask(visitor, row.method, address(office, row), {}, token=row.needs_token)
            if answer.status_code != row.is_open[visitor is not NOBODY]:
                wrong.append(describe(row, visitor, answer))
    fail_with(wrong)


def test_forms_are_taken_from_their_roles(office, thorough):
    wrong = []
    for row in (row for row in GUARDED if row.method == "POST"):
        for visitor in allowed(office, row, thorough=thorough):
            before = last_entry(office)
            answer = office.ask(visitor, "POST", address(office, row), form(office, row))
            if not _is_let_in(row, answer):
                wrong.append(describe(row, visitor, answer))
            if leaks(answer, *spellings(NUMBER)) and last_entry(office) == before:
                wrong.append(f"{describe(row, visitor, answer)} shows a number and nobody will know")
    fail_with(wrong)


def test_what_shows_whole_numbers_is_on_record(office):
    wrong = []
    for method, endpoint in sorted(SHOWS_NUMBERS | {("POST", "contacts.number"), ("POST", "inbox.number")}):
        row, shown = next(row for row in ROWS if (row.method, row.endpoint) == (method, endpoint)), 0
        for visitor in visitors(office, row, may=True):
            before = last_entry(office)
            answer = office.ask(visitor, method, address(office, row), form(office, row))
            shown += answer.status_code == 200  # whoever has not taken the case is sent back
            if answer.status_code == 200 and last_entry(office) == before:
                wrong.append(describe(row, visitor, answer))
        if not shown:
            wrong.append(f"{row} showed nothing")
    fail_with(wrong)


def test_the_matrix_has_not_lost_its_cells(office, record_property):
    closed = sum(1 for _cell in closed_cells(office))
    opened = sum(len(visitors(office, row, may=True)) for row in GUARDED)
    public = sum(1 + len(ROLES) for row in ROWS if row.is_open)
    theirs = sum(
        role in row.roles and (row.method == "GET" or has_object(office, row))
        for row in GUARDED
        for role, _visitor in neighbours(office)
    )
    cells = closed + opened + public + theirs
    record_property("cells", cells)
    print(f"{cells} cells: {closed} refused, {opened} let in, {public} open to all, {theirs} of neighbours")
    assert cells >= FEWEST_CELLS
