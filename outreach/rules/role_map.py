"""Map of an identity provider's groups to roles, as `OIDC_ROLES` has it: `loa-canbo=staff:PN, loa-qt=administrator`."""

from collections.abc import Collection
from typing import NamedTuple

from outreach.rules.errors import BadInput

ROLES = ("administrator", "staff", "approver", "leader", "auditor")


class MappedRole(NamedTuple):
    """A group with the role of its people, and the code of their organisation ("": none)."""

    group: str
    role: str
    organisation: str


def parse_role_map(value: str) -> tuple[MappedRole, ...]:
    """Return the map as it is written. Raises BadInput."""
    found = []
    for part in filter(None, map(str.strip, value.split(","))):
        group, _equals, meant = part.rpartition("=")
        role, _colon, organisation = meant.partition(":")
        if not group.strip() or role.strip() not in ROLES:
            raise BadInput("role_map_wrong", part=part, roles=list(ROLES))
        found.append(MappedRole(group.strip(), role.strip(), organisation.strip()))
    return tuple(found)


def role_of(roles: Collection[MappedRole], groups: Collection[str]) -> MappedRole | None:
    """Return the role of who is in these groups: of several the one written first."""
    return next((each for each in roles if each.group in groups), None)
