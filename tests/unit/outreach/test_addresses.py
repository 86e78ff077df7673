"""Which addresses are one caller."""

from outreach.core.rate_limits import network_of
from tests.support.tables import cases, each_of


@cases(
    *each_of("203.0.113.7 | ::ffff:203.0.113.7", "203.0.113.7"),
    *each_of("2001:db8:1:2:3:4:5:6 | 2001:db8:1:2::1 | 2001:db8:1:3::1", "2001:db8:1::/48"),
    ("2001:db8:2:3::1", "2001:db8:2::/48"),
    ("unix", "unix"),
    ("", ""),
)
def test_what_is_counted_as_one_caller(address, network):
    assert network_of(address) == network
