"""Spellings of hosts and origins."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hamster.http.names import Authority, Origin, parse_authority, parse_origin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", Authority("localhost", None)),
        ("LOCALHOST:8000", Authority("localhost", 8000)),
        ("localhost.", Authority("localhost", None)),
        ("localhost.:80", Authority("localhost", 80)),
        ("127.0.0.1:65535", Authority("127.0.0.1", 65535)),
        ("[::1]", Authority("::1", None)),
        ("[::1]:8000", Authority("::1", 8000)),
        ("[0:0:0:0:0:0:0:1]", Authority("::1", None)),
        ("[::FFFF:127.0.0.1]", Authority(str(ipaddress.IPv6Address("::ffff:127.0.0.1")), None)),
        ("my_host-1.example.org", Authority("my_host-1.example.org", None)),
    ],
)
def test_a_host_has_one_spelling(text: str, expected: Authority):
    assert parse_authority(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "localhost..",
        "a..b",
        ".localhost",
        ":8000",
        "localhost:",
        "localhost:65536",
        "localhost:-1",
        "localhost:+80",
        "localhost:\uff18\uff10",
        "localhost:80:80",
        "::1",
        "[::1",
        "::1]",
        "[::1]x",
        "[localhost]",
        "[127.0.0.1]",
        "[::1%25lo]",
        "user@localhost",
        "localhost@evil.example",
        "user:secret@localhost:80",
        "localhost/",
        "localhost/path",
        "localhost?",
        "localhost#",
        "localhost\\evil",
        " localhost",
        "localhost ",
        "localhost\t",
        "local host",
        "localhost,evil.example",
        "localhost\x00",
        "%6cocalhost",
        "\uff4cocalhost",
        "http://localhost",
        "*",
        "a" * 254,
    ],
)
def test_anything_else_is_no_host(text: str):
    assert parse_authority(text) is None


@pytest.mark.parametrize(
    "text", ["localhost", "LOCALHOST.", "app.localhost", "127.0.0.1", "127.9.8.7", "[::1]", "[0::1]:1"]
)
def test_these_are_the_machine_itself(text: str):
    authority = parse_authority(text)
    assert authority is not None
    assert authority.is_loopback


@pytest.mark.parametrize(
    "text",
    [
        "evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1.evil.example",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.01",
        "0.0.0.0",  # noqa: S104 - read, not bound to
        "128.0.0.1",
        "[::]",
        "[fe80::1]",
    ],
)
def test_these_are_not_or_are_nobodys_canonical_spelling(text: str):
    authority = parse_authority(text)
    assert authority is not None
    assert not authority.is_loopback


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://localhost:1420", Origin("http", "localhost", 1420)),
        ("HTTP://LocalHost:1420", Origin("http", "localhost", 1420)),
        ("http://localhost", Origin("http", "localhost", 80)),
        ("http://localhost:80", Origin("http", "localhost", 80)),
        ("https://localhost.", Origin("https", "localhost", 443)),
        ("tauri://localhost", Origin("tauri", "localhost", None)),
        ("http://[::1]:5173", Origin("http", "::1", 5173)),
    ],
)
def test_an_origin_has_one_spelling(text: str, expected: Origin):
    assert parse_origin(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "localhost",
        "//localhost",
        "http:localhost",
        "http:/localhost",
        "http://",
        "http://localhost/",
        "http://localhost/path",
        "http://localhost?",
        "http://localhost#x",
        "http://localhost@evil.example",
        "http://localhost:1420@evil.example",
        "http://evil.example\\@localhost",
        "http://localhost http://evil.example",
        "http://localhost, http://evil.example",
        "1http://localhost",
        "http://localhost:99999",
        "http://localhost:",
        "javascript:alert(1)",
        "file://",
    ],
)
def test_anything_else_is_no_origin(text: str):
    assert parse_origin(text) is None


names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,10}[a-z0-9])?){0,3}", fullmatch=True)
ports = st.one_of(st.none(), st.integers(0, 65_535))


@given(names, ports, st.integers(min_value=0), st.booleans())
def test_case_and_a_trailing_dot_change_nothing(name: str, port: int | None, capitals: int, dot: bool):
    spelled = "".join(letter.upper() if capitals >> i & 1 else letter for i, letter in enumerate(name))
    text = spelled + ("." if dot else "") + (f":{port}" if port is not None else "")
    assert parse_authority(text) == Authority(name, port)


@given(st.ip_addresses(v=6), ports)
def test_every_ipv6_address_is_known_by_its_shortest_spelling(address: ipaddress.IPv6Address, port: int | None):
    suffix = f":{port}" if port is not None else ""
    expected = Authority(str(address), port)
    assert parse_authority(f"[{address.exploded}]{suffix}") == parse_authority(f"[{address}]{suffix}") == expected


@given(st.text(max_size=40))
def test_no_text_raises_and_what_is_taken_reads_back_the_same(text: str):
    authority = parse_authority(text)
    parse_origin(text)
    if authority is not None:
        host = f"[{authority.host}]" if ":" in authority.host else authority.host
        again = host + (f":{authority.port}" if authority.port is not None else "")
        assert parse_authority(again) == authority
