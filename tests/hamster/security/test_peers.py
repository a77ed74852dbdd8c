import attrs
import pytest

from hamster.security.peers import Proxies, peer_name


@attrs.frozen
class Sent:
    headers: tuple[tuple[bytes, bytes], ...] = ()
    method: str = "GET"
    is_websocket: bool = False

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]


def forwarded(*values: str, name: str = "x-forwarded-for") -> Sent:
    return Sent(tuple((name.encode(), value.encode()) for value in values))


PROXIES = Proxies(["10.0.0.0/8", "::1"])


def test_who_is_no_proxy_says_nothing_of_others() -> None:
    assert PROXIES.client("192.0.2.7", forwarded("203.0.113.9")) == "192.0.2.7"
    assert Proxies().client("127.0.0.1", forwarded("203.0.113.9")) == "127.0.0.1"


@pytest.mark.parametrize(
    ("values", "client"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["unknown"], "10.9.9.9"),
        (["203.0.113.9, nonsense"], "10.9.9.9"),
        ([""], "10.9.9.9"),
        (["10.1.1.1"], "10.1.1.1"),
    ],
)
def test_the_first_from_the_right_that_is_no_proxy_is_who_asked(values: list[str], client: str) -> None:
    assert PROXIES.client("10.9.9.9", forwarded(*values)) == client


def test_the_standard_header_counts_before_the_customary_one() -> None:
    sent = Sent(
        ((b"forwarded", b'proto=https;For="[2001:db8::7]:1";by=10.1.1.1'), (b"x-forwarded-for", b"203.0.113.9"))
    )
    assert PROXIES.client("::1", sent) == "2001:db8::7"


def test_an_ipv4_proxy_that_comes_over_ipv6_is_the_same_one() -> None:
    assert PROXIES.client("::ffff:10.0.0.1", forwarded("203.0.113.9")) == "203.0.113.9"


def test_all_addresses_of_an_ipv6_network_are_one_peer() -> None:
    assert peer_name("2001:db8:1:2::7") == peer_name("2001:db8:1:2:ffff::1") != peer_name("2001:db8:1:3::7")
    assert peer_name("192.0.2.7") == "192.0.2.7"
    assert peer_name(None) == "unknown"
