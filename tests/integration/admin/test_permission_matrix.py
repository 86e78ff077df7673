"""Every route with every role, with nobody, and with the neighbour's people.

The table below is the promise, written by hand; `admin.permissions` and the views keep it or the suite
fails. A new route needs a row here, too.
"""

import itertools
import re
import shutil
from io import BytesIO
from typing import NamedTuple

import pytest

from admin.app import create_app
from admin.permissions import ROUTES
from outreach.accounts.audit import read_head
from outreach.core.settings import Settings
from outreach.models.accounts import Role
from outreach.runtime import open_runtime
from tests.support.permission_world import BODY, HERE, LIST, MARK, NAME, NUMBER, THERE, Office, Visitor, dump

# Administrator, Staff, aPprover, Leader, aUditor, and a Village officer, who opens none of them; a dot where the door stays closed.
# `open` is for everybody: the status for nobody, then for who is signed in.
TABLE = """
GET  admin.index            ASPLU
GET  admin.running          ASPLU
POST admin.hide_first_steps ASP..
POST admin.stop             A.P..
POST admin.release          A.P..
POST admin.decide           ASP..
GET  incidents.index        A.P.U
POST incidents.see           A.P..
GET  calendar.index         ASPLU
GET  calendar.collisions    ASPLU
GET  campaigns.index        ASP.U
GET  campaigns.sheet        ASP.U
GET  campaigns.create       ASP..
POST campaigns.create       ASP..
GET  campaigns.edit         ASP..
POST campaigns.edit         ASP..
GET  campaigns.page         ASP.U
GET  campaigns.texts        ASP..
POST campaigns.texts        ASP..
POST campaigns.confirm_texts A.P..
POST campaigns.drop_texts   ASP..
POST campaigns.preview      ASP..
POST campaigns.keep         ASP..
POST campaigns.drop         ASP..
GET  search.index           ASPLU
POST search.find            ASPLU
POST campaigns.send_test      ASP..
POST campaigns.open_answers ASP..
POST campaigns.comment      ASP..
POST campaigns.settle       ASP..
POST campaigns.submit       ASP..
POST campaigns.return_draft    ASP..
POST campaigns.approve      A.P..
POST campaigns.launch       ASP..
POST campaigns.correct      ASP..
POST campaigns.extend       ASP..
POST campaigns.discard      ASP..
GET  sending.panel          ASP.U
POST sending.act            ASP..
GET  installs.index         ASP.U
POST sending.decide         ASP..
GET  inbox.index            ASP.U
GET  inbox.show             ASP.U
POST inbox.answer           ASP..
GET  saved_texts.index       ASP.U
POST saved_texts.save        ASP..
POST saved_texts.remove      ASP..
POST inbox.assign             ASP..
POST inbox.unassign          ASP..
POST inbox.number           ASP..
POST inbox.label            ASP..
POST inbox.undo             ASP..
POST inbox.close           ASP..
POST inbox.reopen           ASP..
POST inbox.measure_answer   ASP..
GET  rescue.index           ASP..
GET  rescue.live            ASP..
GET  rescue.letter          ASP..
POST rescue.drill           ASP..
GET  rescue.unheard         ASP..
GET  rescue.paper           ASP..
POST rescue.export          ASP..
POST rescue.take            ASP..
POST rescue.hand            ASP..
POST rescue.note            ASP..
POST rescue.join            ASP..
GET  alike.index            ASP.U
GET  alike.show             ASP.U
POST alike.label            ASP..
POST alike.answer           ASP..
POST alike.close            ASP..
POST alike.undo             ASP..
GET  progress.index         ASPLU
GET  progress.picture       ASPLU
GET  progress.places        ASPLU
POST progress.official      ASP..
GET  urging.index           ASPL.
POST urging.send            ASPL.
GET  agencies.index         ASPLU
GET  agencies.show          ASPLU
POST agencies.submit       ASP..
POST agencies.roster        ASP..
POST agencies.link          ASP..
POST agencies.end           ASP..
POST agencies.file          ASP..
GET  hand_over.index        ASP..
POST hand_over.make         ASP..
POST hand_over.came         ASP..
POST hand_over.returned     ASP..
POST hand_over.undo         ASP..
GET  visits.index           ASP.U
POST visits.make            ASP..
GET  visits.show            ASP.U
POST visits.enter           ASP..
POST visits.undo            ASP..
GET  visits.sheet           ASP..
POST visits.assign          ASP..
POST visits.take_back       ASP..
GET  visit_officers.index    ASP.U
POST visit_officers.create   ASP..
POST visit_officers.invite   ASP..
POST visit_officers.shut_out ASP..
GET  reach.index            ASPLU
POST reach.file             ASPLU
GET  activities.index        ASPLU
GET  activities.create       ASP..
POST activities.enter        ASP..
GET  activities.show         ASPLU
POST activities.correct      ASP..
POST activities.withdraw     ASP..
GET  kinds.index            ASP.U
GET  kinds.page             ASP.U
GET  kinds.create           ASP..
POST kinds.create           ASP..
GET  kinds.edit             ASP..
POST kinds.edit             ASP..
GET  drives.index           ASPLU
POST drives.create          ASP..
POST drives.edit            ASP..
POST drives.choose          ASP..
GET  goals.index            ASPLU
POST goals.set_goal         ASP..
POST goals.enter            ASP..
GET  report.index           ASPLU
GET  report.live            ASPLU
GET  report.preview         ASPLU
GET  report.file            ASPLU
POST report.issue           ASP..
POST report.prepare         ASP..
POST report.approve         A.PL.
POST report.correct         ASP..
POST report.look            ASP..
POST report.send            ASP..
POST report.by_hand         ASP..
POST report.link            ASP..
POST report.end_link        ASP..
GET  report.form            ASP..
POST report.form            ASP..
GET  contacts.index           ASP.U
POST contacts.search          ASP.U
GET  contacts.show            ASP.U
POST contacts.number          ASP..
POST contacts.open_answers    ASP..
POST contacts.correct         ASP..
POST contacts.add_number      ASP..
POST contacts.remove_number   ASP..
GET  contacts.compare         ASP..
POST contacts.find_same       ASP..
POST contacts.declare_different ASP..
POST contacts.merge           ASP..
POST contacts.unmerge      ASP..
POST contacts.answer          ASP..
POST contacts.suppress        ASP..
POST contacts.lift            ASP..
GET  privacy_requests.index           ASP.U
POST privacy_requests.record      ASP..
POST privacy_requests.finish          ASP..
POST privacy_requests.respond         ASP..
POST privacy_requests.extend          A.P..
POST privacy_requests.consent         ASP..
GET  data_protection.index            A...U
POST data_protection.record           A....
POST data_protection.report           A....
GET  data_protection.impact           A...U
POST privacy_requests.erase           A.P..
POST privacy_requests.export          A.P..
GET  lists.index            ASP.U
GET  lists.show             ASP.U
POST lists.create           ASP..
POST lists.basis            ASP..
POST lists.rename           ASP..
POST lists.archive          ASP..
POST lists.merge            ASP..
POST lists.split            ASP..
POST lists.remove           ASP..
GET  lists.waiting          ASP..
POST lists.decide           ASP..
GET  lists.places           ASP..
POST lists.answer_place     ASP..
GET  lists.languages        ASP..
POST lists.offer_languages  ASP..
POST lists.settle_spelling  ASP..
POST lists.retract          ASP..
GET  imports.index          ASP.U
POST imports.receive        ASP..
GET  imports.show           ASP.U
GET  imports.live           ASP.U
POST imports.columns        ASP..
POST imports.rows        ASP..
POST imports.row            ASP..
POST imports.add            ASP..
POST imports.confirm        ASP..
POST imports.cancel         ASP..
POST imports.undo           ASP..
GET  imports.errors         ASP..
GET  senders.index          A....
POST senders.save           A....
POST senders.remove         A....
GET  office.index           A....
POST office.mail             A....
POST office.duty             A....
POST office.sending          A....
POST office.budget           A....
POST office.logo             A....
POST office.send_test        A....
POST office.remove_logo      A....
GET  gateways.index         A....
POST gateways.save          A....
POST gateways.change_state  A....
POST gateways.send_test     A....
POST gateways.add_phone     A....
POST gateways.remove_phone  A....
GET  templates.index        ASP..
POST templates.save         A....
POST templates.set_state    A....
POST templates.remove       A....
GET  templates.form         ASP..
GET  reply_log.index        A....
POST reply_log.receive      A....
GET  do_not_call.index         A...U
GET  do_not_call.export        A...U
POST do_not_call.receive       A....
GET  guides.index           ASPLU
GET  guides.show            ASPLU
GET  guides.picture         ASPLU
GET  account.index          ASPLU
GET  account.token          ASPLU
POST account.password       ASPLU
POST account.notices        ASPLU
GET  notices.index          ASPLU
POST account.keep_filters      ASP.U
POST account.remove_filters    ASP.U
POST account.end_session    ASPLU
POST account.end_others     ASPLU
GET  second_factor.index    ASPLU
POST second_factor.confirm  ASPLU
POST second_factor.renew    ASPLU
POST second_factor.remove   ASPLU
GET  audit.index            A...U
GET  security.index         A....
GET  checks.index           A....
POST checks.allow           A....
GET  organisations.index    A...U
GET  organisations.show     A...U
GET  organisations.export   A...U
POST organisations.create   A....
POST organisations.change   A....
GET  webhook_subscriptions.index          A...U
POST webhook_subscriptions.create         A....
GET  webhook_subscriptions.show           A...U
POST webhook_subscriptions.ping        A....
POST webhook_subscriptions.resend          A....
POST webhook_subscriptions.end            A....
GET  tokens.index         A...U
POST tokens.create        A....
POST tokens.end           A....
GET  users.index            A...U
GET  users.show             A...U
GET  users.export           A...U
POST users.create           A....
POST users.change           A....
POST users.disable          A....
POST users.enable           A....
POST users.link             A....
POST users.sign_out         A....
POST users.remove_identity A....
POST users.drop_second_factor A....
GET  first_setup.show       open 404 404
POST first_setup.set_up     open 404 404
GET  invitation.show        open 400 400
POST invitation.choose      open 400 400
GET  login.front            open 200 302
GET  login.show             open 200 302
POST login.sign_in          open 401 401
GET  login.go_to_provider   open 404 404
GET  login.return_from_provider open 404 404
GET  login.leave_provider   open 404 404
GET  login.ask_code         open 302 302
POST login.check            open 303 303
GET  login.ask_password     open 302 200
POST login.confirm          open 302 401
GET  login.forgotten        open 200 200
POST login.ask_for_link     open 200 200
POST login.sign_out         open 303 303
POST login.choose_language  open 303 303
GET  static_files.static   open 200 200
GET  health.healthz         open 200 200
GET  health.readyz          open 503 503
GET  health.metrics         open 200 200
GET  api.list_campaigns    open 401 401
GET  api.show_campaign     open 401 401
GET  api.show_figures      open 401 401
GET  api.list_goals        open 401 401
GET  api.list_official     open 401 401
POST api.import_contacts   open 401 401
GET  api.show_import       open 401 401
GET  api.show_set_aside    open 401 401
GET  api.list_answers      open 401 401
GET  api.list_deliveries   open 401 401
GET  api.list_opt_outs     open 401 401
GET  api.list_replies      open 401 401
GET  api.list_webhooks     open 401 401
GET  api.show_draft        open 401 401
GET  api.show_recipient    open 401 401
GET  api.show_reply        open 401 401
GET  api.show_webhook      open 401 401
POST api.create_draft      open 401 401
POST api.create_recipient  open 401 401
POST api.create_reply      open 401 401
POST api.create_webhook    open 401 401
POST api.end_webhook       open 401 401
POST api.ping_webhook      open 401 401
POST api.send_delivery_again open 401 401
POST api.submit_draft      open 401 401
PUT  api.change_draft      open 401 401
GET  api.show_document     open 200 200
GET  exchange.wishes        open 403 403
GET  agency_page.form       open 404 404
POST agency_page.hand_in    open 404 404
GET  report_page.show       open 404 404
GET  urge_page.form         open 404 404
POST urge_page.answer       open 404 404
GET  report_page.file       open 404 404
GET  answer_page.show       open 404 404
POST answer_page.answer     open 404 404
GET  answer_page.show_with_rest open 404 404
POST answer_page.show_with_rest open 404 404
GET  safety_page.index      open 200 200
POST safety_page.report     open 422 422
GET  team_page.show         open 410 410
GET  public_page.index      open 200 200
GET  public_page.poster     open 200 200
POST public_page.check      open 422 422
POST public_page.code       open 422 422
POST public_page.confirm    open 422 422
POST public_page.note       open 422 422
POST gateway_callbacks.inbound       open 403 403
GET  aggregator_callbacks.status     open 404 404
POST aggregator_callbacks.status     open 404 404
POST reply_channels.phone            open 404 404
POST reply_channels.push             open 404 404
POST reply_channels.zalo            open 404 404
GET  visits_app.page        open 200 200
GET  visits_app.file        open 404 404
POST visits_app.join        open 422 422
POST visits_app.sync        open 401 401
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
ABOUT_WHAT = {
    "sending.panel": "launched_id",
    "installs.index": "launched_id",
    "hand_over.index": "launched_id",
    "hand_over.make": "launched_id",
    "hand_over.came": "launched_id",
    "hand_over.returned": "launched_id",
    "hand_over.undo": "launched_id",
    "reach.index": "launched_id",
    "reach.file": "launched_id",
    "sending.act": "launched_id",
    "campaigns.texts": "launched_id",
    "campaigns.confirm_texts": "launched_id",
    "campaigns.drop_texts": "launched_id",
    "sending.decide": "launched_id",
    "campaigns.extend": "launched_id",
}  # else the draft
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
        method, endpoint, who, *statuses = line.split()
        roles = frozenset(LETTERS[letter] for letter in who if letter in LETTERS)
        is_open = (int(statuses[0]), int(statuses[1])) if who == "open" else None
        rows.append(Row(method, endpoint, roles if is_open is None else frozenset(Role), is_open))
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
def office(redis_url, migrated_sqlite, tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    shutil.copy(migrated_sqlite, folder / "loa.db")
    settings = Settings.from_env(
        {
            "DATABASE_URL": f"sqlite:///{folder}/loa.db",
            "REDIS_URL": redis_url,
            "SECRET_KEY": "tests-only-" + "k" * 32,
            "UPLOADS_DIR": str(folder / "uploads"),
            "TWILIO_API_BASE_URL": "http://127.0.0.1:1",
        }
    )
    runtime = open_runtime(settings)
    runtime.redis.flushdb()
    yield Office(create_app(settings, runtime=runtime), runtime)
    runtime.close()


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


def test_pages_open_for_their_roles_and_reading_changes_nothing(office):
    before, wrong = dump(office.runtime, without="audit_"), []
    for row in (row for row in GUARDED if row.method == "GET"):
        for visitor in visitors(office, row, may=True):
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


def test_forms_are_taken_from_their_roles(office):
    wrong = []
    for row in (row for row in GUARDED if row.method == "POST"):
        for visitor in visitors(office, row, may=True):
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
