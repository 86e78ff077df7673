"""Which role may open which page: one row for each route of the office. What has no row is closed to all."""

from __future__ import annotations

from outreach.access.models import Role

_ALL = frozenset(Role)
_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_STAFF = frozenset({Role.ADMINISTRATOR, Role.STAFF, Role.APPROVER})
_APPROVER = frozenset({Role.ADMINISTRATOR, Role.APPROVER})
_READERS = _STAFF | {Role.AUDITOR}

ROUTES: dict[str, frozenset[Role]] = {
    "admin.index": _ALL,
    "admin.running": _ALL,
    "admin.stop": _APPROVER,
    "admin.release": _APPROVER,
    "admin.incidents": _APPROVER | {Role.AUDITOR},
    "admin.see_incident": _APPROVER,
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
    "inbox.index": _READERS,
    "inbox.handle": _STAFF,
    "inbox.undo": _STAFF,
    "inbox.number": _STAFF,
    "progress.index": _ALL,
    "running.panel": _READERS,
    "running.act": _STAFF,
    "senders.index": _ADMINISTRATOR,
    "senders.save": _ADMINISTRATOR,
    "senders.remove": _ADMINISTRATOR,
}


def may_open(role: Role, endpoint: str | None) -> bool:
    """Whether a role may use the route behind an endpoint."""
    return role in ROUTES.get(endpoint or "", frozenset())
