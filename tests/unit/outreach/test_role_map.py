"""Groups of an identity provider and the roles that they have."""

import pytest

from outreach.rules.errors import BadInput
from outreach.rules.formats import parse_role_map, role_of
from tests.support.tables import cases

ROLES = parse_role_map("loa-qt=administrator, cn=loa=staff:PN ,loa-xem = auditor : MTTQ,")


@cases(
    ([], None),
    (["khác"], None),
    (["loa-qt"], ("administrator", "")),
    (["cn=loa"], ("staff", "PN")),
    (["loa-xem"], ("auditor", "MTTQ")),
    (["loa-xem", "loa-qt"], ("administrator", "")),  # as written, not as given
    (["LOA-QT"], None),
)
def test_the_first_group_of_the_map_counts(groups, expected):
    found = role_of(ROLES, groups)
    assert (found and (found.role, found.organisation)) == expected


@pytest.mark.parametrize("wrong", ["x", "=staff", "x=king", "x=village", "x=staff,y"])
def test_what_is_no_map_is_refused(wrong):
    with pytest.raises(BadInput):
        parse_role_map(wrong)
