"""Which role may open which page: one row for each route of the office. What has no row is closed to all."""

from __future__ import annotations

from outreach.access.models import Role

_ALL = frozenset(Role)
_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_STAFF = frozenset({Role.ADMINISTRATOR, Role.STAFF, Role.APPROVER})
_APPROVER = frozenset({Role.ADMINISTRATOR, Role.APPROVER})
_READERS = _STAFF | {Role.AUDITOR}
_OVERSEERS = _ADMINISTRATOR | {Role.AUDITOR}

ROUTES: dict[str, frozenset[Role]] = {
    "admin.index": _ALL,
    "admin.running": _ALL,
    "admin.stop": _APPROVER,
    "admin.release": _APPROVER,
    "admin.incidents": _APPROVER | {Role.AUDITOR},
    "admin.see_incident": _APPROVER,
    "account.index": _ALL,
    "account.password": _ALL,
    "agencies.index": _ALL,
    "agencies.show": _ALL,
    "agencies.hand_in": _STAFF,
    "agencies.link": _STAFF,
    "agencies.end": _STAFF,
    "agencies.file": _STAFF,
    "audit.index": _OVERSEERS,
    "campaigns.index": _READERS,
    "campaigns.sheet": _READERS,
    "campaigns.create": _STAFF,
    "campaigns.edit": _STAFF,
    "campaigns.preview": _STAFF,
    "campaigns.try_out": _STAFF,
    "campaigns.submit": _STAFF,
    "campaigns.give_back": _STAFF,
    "campaigns.approve": _APPROVER,
    "campaigns.launch": _STAFF,
    "campaigns.discard": _STAFF,
    "imports.index": _READERS,
    "imports.receive": _STAFF,
    "imports.show": _READERS,
    "imports.live": _READERS,
    "imports.columns": _STAFF,
    "imports.confirm": _STAFF,
    "imports.cancel": _STAFF,
    "imports.undo": _STAFF,
    "imports.errors": _STAFF,
    "inbox.index": _READERS,
    "inbox.show": _READERS,
    "inbox.answer": _STAFF,
    "inbox.texts": _READERS,
    "inbox.save_text": _STAFF,
    "inbox.remove_text": _STAFF,
    "inbox.label": _STAFF,
    "inbox.undo": _STAFF,
    "inbox.take": _STAFF,
    "inbox.release": _STAFF,
    "inbox.finish": _STAFF,
    "inbox.reopen": _STAFF,
    "inbox.number": _STAFF,
    "lists.index": _READERS,
    "lists.create": _STAFF,
    "lists.waiting": _STAFF,
    "lists.decide": _STAFF,
    "lists.show": _READERS,
    "organisations.index": _OVERSEERS,
    "organisations.create": _ADMINISTRATOR,
    "organisations.show": _OVERSEERS,
    "organisations.change": _ADMINISTRATOR,
    "people.index": _READERS,
    "people.search": _READERS,
    "people.show": _READERS,
    "people.number": _STAFF,
    "people.correct": _STAFF,
    "people.answer": _STAFF,
    "people.suppress": _STAFF,
    "people.lift": _STAFF,
    "progress.index": _ALL,
    "rights.index": _READERS,
    "rights.write_down": _STAFF,
    "rights.finish": _STAFF,
    "rights.erase": _APPROVER,
    "rights.export": _APPROVER,
    "running.panel": _READERS,
    "running.act": _STAFF,
    "running.decide": _STAFF,
    "users.index": _OVERSEERS,
    "users.create": _ADMINISTRATOR,
    "users.show": _OVERSEERS,
    "users.change": _ADMINISTRATOR,
    "users.disable": _ADMINISTRATOR,
    "users.enable": _ADMINISTRATOR,
    "users.link": _ADMINISTRATOR,
    "senders.index": _ADMINISTRATOR,
    "senders.save": _ADMINISTRATOR,
    "senders.remove": _ADMINISTRATOR,
}


def may_open(role: Role, endpoint: str | None) -> bool:
    """Whether a role may use the route behind an endpoint."""
    return role in ROUTES.get(endpoint or "", frozenset())
