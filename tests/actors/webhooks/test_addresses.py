"""Which addresses are of the internet, in all spellings that lead elsewhere."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.webhooks.addresses import is_public


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "162.159.135.232", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_what_is_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
        "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::10.0.0.1",
        "2002:7f00:1::", "2002:a00:1::", "2001::1", "2001:db8::1", "3fff::1", "fc00::1", "fd12::1", "fe80::1",
        "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "5f00::1",
    ],
)  # fmt: skip
def test_what_leads_home_or_to_nobody_is_not(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_no_more_public_within_an_ipv6_one(address: IPv4Address) -> None:
    for within in (f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}"):
        if int(ip_address(within)) > 1:
            assert is_public(within) == is_public(str(address))


@given(st.ip_addresses(v=6))
def test_nothing_is_public_that_the_registry_calls_private(address: IPv6Address) -> None:
    if is_public(str(address)):
        assert not any((address.is_private, address.is_loopback, address.is_link_local, address.is_multicast))
