"""Roles allowed per endpoint of the admin site. An endpoint without a row is closed to everybody."""

from outreach.models.accounts import Role

_ALL = frozenset(Role) - {Role.VILLAGE}  # who opens no page of the office
_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_STAFF = frozenset({Role.ADMINISTRATOR, Role.STAFF, Role.APPROVER})
_APPROVER = frozenset({Role.ADMINISTRATOR, Role.APPROVER})
_READERS = _STAFF | {Role.AUDITOR}
_OVERSEERS = _ADMINISTRATOR | {Role.AUDITOR}
# By view: which of its endpoints each set of roles may use.
_VIEWS: dict[str, dict[frozenset[Role], str]] = {
    "admin": {_ALL: "index running", _STAFF: "hide_first_steps decide", _APPROVER: "stop release"},
    "incidents": {_APPROVER | {Role.AUDITOR}: "index", _APPROVER: "see"},
    "account": {
        _ALL: "index token notices password end_session end_others",
        _READERS: "keep_filters remove_filters",
    },
    "notices": {_ALL: "index"},
    "search": {_ALL: "index find"},
    "second_factor": {_ALL: "index confirm renew remove"},
    "agencies": {_ALL: "index show", _STAFF: "submit roster link end file"},
    "audit": {_OVERSEERS: "index"},
    "security": {_ADMINISTRATOR: "index"},
    "checks": {_ADMINISTRATOR: "index allow"},
    "calendar": {_ALL: "index collisions"},
    "campaigns": {
        _READERS: "index sheet page",
        _STAFF: "create edit texts drop_texts preview keep drop send_test open_answers comment settle "
        "submit return_draft launch correct extend discard",
        _APPROVER: "confirm_texts approve",
    },
    "office": {_ADMINISTRATOR: "index mail duty sending budget logo send_test remove_logo"},
    "gateways": {_ADMINISTRATOR: "index save change_state send_test add_phone remove_phone"},
    "templates": {_STAFF: "index form", _ADMINISTRATOR: "save set_state remove"},
    "guides": {_ALL: "index show picture"},
    "kinds": {_READERS: "index page", _STAFF: "create edit"},
    "drives": {_ALL: "index", _STAFF: "create edit choose"},
    "goals": {_ALL: "index", _STAFF: "set_goal enter"},
    "hand_over": {_STAFF: "index make came returned undo"},
    "imports": {
        _READERS: "index show live",
        _STAFF: "receive columns rows row add confirm cancel undo errors",
    },
    "inbox": {
        _READERS: "index show",
        _STAFF: "answer label undo assign unassign close reopen number measure_answer",
    },
    "saved_texts": {_READERS: "index", _STAFF: "save remove"},
    # Positions and needs are for who works on the event.
    "rescue": {_STAFF: "index live letter drill unheard paper export take hand note join"},
    "alike": {_READERS: "index show", _STAFF: "label answer close undo"},
    "installs": {_READERS: "index"},
    "lists": {
        _READERS: "index show",
        _STAFF: "create basis rename archive merge split remove waiting decide places answer_place "
        "languages offer_languages settle_spelling retract",
    },
    "organisations": {_OVERSEERS: "index export show", _ADMINISTRATOR: "create change"},
    "contacts": {
        _READERS: "index search show",
        _STAFF: "number open_answers correct add_number remove_number compare find_same "
        "declare_different merge unmerge answer suppress lift",
    },
    "progress": {_ALL: "index picture places", _STAFF: "official"},
    "urging": {_STAFF | {Role.LEADER}: "index send"},
    "activities": {_ALL: "index show", _STAFF: "create enter correct withdraw"},
    "privacy_requests": {
        _READERS: "index",
        _STAFF: "record finish respond consent",
        _APPROVER: "extend erase export",
    },
    "data_protection": {_OVERSEERS: "index impact", _ADMINISTRATOR: "record report"},
    "report": {
        _ALL: "index live preview file",
        _STAFF: "issue prepare correct look send by_hand link end_link form",
        _APPROVER | {Role.LEADER}: "approve",
    },
    "visits": {_READERS: "index show", _STAFF: "make enter undo sheet assign take_back"},
    "visit_officers": {_READERS: "index", _STAFF: "create invite shut_out"},
    "reach": {_ALL: "index file"},
    "reply_log": {_ADMINISTRATOR: "index receive"},
    "sending": {_READERS: "panel", _STAFF: "act decide"},
    "do_not_call": {_OVERSEERS: "index export", _ADMINISTRATOR: "receive"},
    "tokens": {_OVERSEERS: "index", _ADMINISTRATOR: "create end"},
    "webhook_subscriptions": {_OVERSEERS: "index show", _ADMINISTRATOR: "create ping resend end"},
    "users": {
        _OVERSEERS: "index export show",
        _ADMINISTRATOR: "create change disable enable link sign_out remove_identity drop_second_factor",
    },
    "senders": {_ADMINISTRATOR: "index save remove"},
}
ROUTES: dict[str, frozenset[Role]] = {
    f"{view}.{name}": roles
    for view, endpoints in _VIEWS.items()
    for roles, names in endpoints.items()
    for name in names.split()
}
# Endpoints that ask for the password again unless it was given lately: files with personal data, the second factor, and what
# opens longer than a session: accounts and their links, tokens, webhooks, the servers to which mails and messages go.
CONFIRMED = frozenset(
    f"{view}.{name}"
    for view, names in {
        "do_not_call": "export",
        "gateways": "save",
        "hand_over": "make",
        "imports": "errors",
        "office": "duty mail",
        "privacy_requests": "export",
        "rescue": "export",
        "second_factor": "confirm index",
        "tokens": "create",
        "users": "change create drop_second_factor enable export link",
        "visit_officers": "create",
        "visits": "sheet",
        "webhook_subscriptions": "create",
    }.items()
    for name in names.split()
)


def may_open(role: Role, endpoint: str | None) -> bool:
    """Return whether a role may use an endpoint."""
    return role in ROUTES.get(endpoint or "", frozenset())
