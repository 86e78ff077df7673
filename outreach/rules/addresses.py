"""Network addresses as limits count them."""

from ipaddress import IPv6Address, ip_address, ip_network


def network_of(address: str) -> str:
    """Return what is counted as one caller: an IPv4 address, the /48 network of an IPv6 address, else the text itself.

    An IPv6 connection has at least 2^64 addresses, a site with a /48 65,536 times as many, and may use another for each request.
    """
    try:
        parsed = ip_address(address.strip())
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed), 48), strict=False))
    return str(parsed)
