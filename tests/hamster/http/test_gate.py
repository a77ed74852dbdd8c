"""Who may ask, and what every answer says."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hamster.http.gate import (
    DEFAULT_ORIGINS,
    Gate,
    GateSettings,
    Pass,
    Preflight,
    Refusal,
    Refused,
    RequestHead,
    Verdict,
)

HEAD = RequestHead(
    scheme="http",
    method="GET",
    target=b"/api/services",
    headers=((b"host", b"localhost:8000"),),
    local=("127.0.0.1", 8000),
)
CHANGES = ["POST", "PUT", "PATCH", "DELETE", "PURGE", "TRACE", "post"]


def head(
    *more: tuple[bytes, bytes],
    host: bytes | None = b"localhost:8000",
    method: str = "GET",
    scheme: str = "http",
    target: bytes = b"/api/services",
    local: tuple[str, int | None] | None = ("127.0.0.1", 8000),
) -> RequestHead:
    hosts = () if host is None else ((b"host", host),)
    return RequestHead(scheme=scheme, method=method, target=target, headers=(*hosts, *more), local=local)


def check(request: RequestHead, settings: GateSettings | None = None) -> Verdict:
    return Gate(settings).check(request)


def headers_of(verdict: Verdict) -> dict[bytes, bytes]:
    named = dict(verdict.headers)
    assert len(named) == len(verdict.headers), "no header twice"
    return named


def refused(verdict: Verdict, reason: Refused) -> bool:
    return isinstance(verdict, Refusal) and verdict.reason is reason


@pytest.mark.parametrize("host", [b"localhost", b"localhost:1", b"LOCALHOST.:9", b"127.0.0.1:8000", b"[::1]:99"])
def test_the_machine_itself_is_known_under_any_port(host: bytes):
    assert isinstance(check(head(host=host)), Pass)


@pytest.mark.parametrize(
    "host", [b"evil.example", b"localhost.evil.example:8000", b"user@localhost", b"", b"\xff", b"*"]
)
def test_another_host_is_refused(host: bytes):
    verdict = check(head(host=host))
    assert refused(verdict, Refused.HOST)
    assert isinstance(verdict, Refusal)
    assert verdict.status == 403


def test_no_host_and_two_hosts_are_refused():
    assert refused(check(head(host=None)), Refused.HOST)
    assert refused(check(head((b"host", b"localhost"))), Refused.HOST)


@pytest.mark.parametrize(
    ("host", "local", "scheme", "known"),
    [
        (b"192.168.1.5:8000", ("192.168.1.5", 8000), "http", True),
        (b"192.168.1.5:8001", ("192.168.1.5", 8000), "http", False),
        (b"192.168.1.5", ("192.168.1.5", 8000), "http", False),
        (b"192.168.1.5", ("192.168.1.5", 80), "http", True),
        (b"192.168.1.5", ("192.168.1.5", 443), "https", True),
        (b"192.168.1.5", ("192.168.1.5", 443), "wss", True),
        (b"[fd00::5]:8000", ("fd00::5", 8000), "http", True),
        (b"192.168.1.6:8000", ("192.168.1.5", 8000), "http", False),
        (b"192.168.1.5:8000", None, "http", False),
    ],
)
def test_the_address_a_connection_came_in_on_is_known_with_its_port(
    host: bytes, local: tuple[str, int] | None, scheme: str, known: bool
):
    assert isinstance(check(head(host=host, local=local, scheme=scheme)), Pass) is known


def test_listed_hosts_are_known_with_any_port_or_the_one_listed():
    settings = GateSettings(allowed_hosts=("Watch.Example.org", "other.example:8443", "fd00::7"))
    for host in (b"watch.example.org", b"watch.example.org:1", b"other.example:8443", b"[fd00::7]:5"):
        assert isinstance(check(head(host=host), settings), Pass)
    assert refused(check(head(host=b"other.example"), settings), Refused.HOST)
    assert refused(check(head(host=b"sub.watch.example.org"), settings), Refused.HOST)


@pytest.mark.parametrize("target", [b"http://localhost:8000/", b"localhost:443", b"*", b"evil"])
def test_a_target_that_is_no_path_is_refused(target: bytes):
    verdict = check(head(target=target))
    assert refused(verdict, Refused.TARGET)
    assert isinstance(verdict, Refusal)
    assert verdict.status == 400


def test_options_may_ask_about_the_whole_server():
    assert isinstance(check(head(target=b"*", method="OPTIONS")), Pass)


@pytest.mark.parametrize("origin", [*DEFAULT_ORIGINS, "HTTP://LOCALHOST:1420", "http://localhost:8000"])
def test_pages_on_the_list_and_our_own_may_read_and_change(origin: str):
    for request in (
        head((b"origin", origin.encode())),
        head((b"origin", origin.encode()), method="POST"),
        head((b"origin", origin.encode()), scheme="ws"),
    ):
        verdict = check(request)
        assert isinstance(verdict, Pass)
        assert headers_of(verdict)[b"access-control-allow-origin"] == origin.encode(), "as the page wrote it"


@pytest.mark.parametrize(
    "origin",
    [
        b"http://evil.example",
        b"null",
        b"",
        b"http://localhost:3000",
        b"https://localhost:8000",
        b"http://127.0.0.1:8000",
        b"http://localhost:1420@evil.example",
        b"http://localhost:1420/",
        b"http://localhost:1420.evil.example",
        b"tauri://localhost.evil.example",
        b"tauri://evil",
        b"\xff",
    ],
)
def test_other_pages_may_neither_change_nor_open_a_websocket_nor_read(origin: bytes):
    for method in CHANGES:
        assert refused(check(head((b"origin", origin), method=method)), Refused.ORIGIN)
    assert refused(check(head((b"origin", origin), scheme="ws")), Refused.ORIGIN)
    read = check(head((b"origin", origin)))
    assert isinstance(read, Pass)
    assert b"access-control-allow-origin" not in headers_of(read)


def test_two_origins_are_refused_though_both_are_known():
    origins = ((b"origin", b"tauri://localhost"), (b"origin", b"tauri://localhost"))
    assert refused(check(head(*origins, method="POST")), Refused.ORIGIN)


def test_who_sends_no_origin_is_no_browser_and_may_change():
    for method in CHANGES:
        assert isinstance(check(head(method=method)), Pass)
    assert isinstance(check(head(scheme="ws")), Pass)


@pytest.mark.parametrize(
    ("scheme", "origin", "own"),
    [
        ("ws", b"http://localhost:8000", True),
        ("wss", b"https://localhost:8000", True),
        ("ws", b"https://localhost:8000", False),
        ("wss", b"http://localhost:8000", False),
        ("https", b"https://localhost:8000", True),
        ("https", b"http://localhost:8000", False),
    ],
)
def test_our_own_origin_has_our_scheme(scheme: str, origin: bytes, own: bool):
    assert isinstance(check(head((b"origin", origin), method="POST", scheme=scheme)), Pass) is own


def test_our_own_origin_leaves_out_the_usual_port():
    assert isinstance(check(head((b"origin", b"http://localhost"), host=b"localhost", method="POST")), Pass)
    assert isinstance(check(head((b"origin", b"http://localhost"), host=b"localhost:80", method="POST")), Pass)


def preflight(origin: bytes, **options: object) -> Verdict:
    asked = ((b"origin", origin), (b"access-control-request-method", b"DELETE"))
    return check(attrs.evolve(HEAD, method="OPTIONS", headers=(*HEAD.headers, *asked), **options))


def test_a_preflight_is_answered_on_every_path():
    for target in (b"/", b"/api/services/x/start", b"/no/such/path"):
        verdict = preflight(b"tauri://localhost", target=target)
        assert isinstance(verdict, Preflight)
        headers = headers_of(verdict)
        assert headers[b"access-control-allow-origin"] == b"tauri://localhost"
        assert headers[b"access-control-allow-methods"] == b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        assert headers[b"access-control-allow-headers"] == (
            b"content-type, authorization, x-api-key, x-cache-hit, x-request-id, last-event-id"
        )
        assert headers[b"access-control-expose-headers"] == (
            b"content-disposition, x-next-cursor, retry-after, etag, x-request-id"
        )


def test_a_preflight_of_another_page_is_refused():
    assert refused(preflight(b"http://evil.example"), Refused.ORIGIN)


def test_options_without_its_two_headers_is_no_preflight():
    assert isinstance(check(head((b"origin", b"tauri://localhost"), method="OPTIONS")), Pass)
    assert isinstance(check(head((b"access-control-request-method", b"PUT"), method="OPTIONS")), Pass)


def test_every_answer_has_the_security_headers_and_varies_by_origin():
    for verdict in (
        check(head()),
        check(head(host=b"evil")),
        preflight(b"tauri://localhost"),
        preflight(b"null"),
    ):
        headers = headers_of(verdict)
        assert headers[b"vary"] == b"Origin"
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert headers[b"x-frame-options"] == b"DENY"
        assert headers[b"x-xss-protection"] == b"1; mode=block"
        assert headers[b"referrer-policy"] == b"no-referrer"
        assert headers[b"x-request-id"] == verdict.request_id
        assert b"strict-transport-security" not in headers


def test_over_tls_browsers_are_told_to_stay_there():
    assert b"strict-transport-security" in headers_of(check(head(scheme="https")))


def test_pages_get_a_policy():
    verdict = check(head(), GateSettings(content_security_policy="default-src 'none'"))
    assert isinstance(verdict, Pass)
    assert verdict.page_headers == ((b"content-security-policy", b"default-src 'none'"),)


@pytest.mark.parametrize("given_id", [b"a", b"A-9._z", b"x" * 64])
def test_a_plain_request_id_is_taken_over(given_id: bytes):
    assert check(head((b"x-request-id", given_id))).request_id == given_id


@pytest.mark.parametrize("given_id", [b"", b"x" * 65, b"a b", b"a\r\nb", "한".encode(), b"<x>", b"a;b"])
def test_any_other_is_replaced(given_id: bytes):
    request_id = check(head((b"x-request-id", given_id))).request_id
    assert request_id != given_id
    assert request_id.isalnum()


def test_request_ids_differ():
    gate = Gate()
    assert len({gate.check(HEAD).request_id for _ in range(100)}) == 100


@pytest.mark.parametrize("bad", ["localhost:1420", "http://localhost/", "*", "null", ""])
def test_an_origin_that_cannot_be_read_is_refused_when_the_gate_is_made(bad: str):
    with pytest.raises(ValueError, match=r"allowed origin is .*; expected scheme://host"):
        Gate(GateSettings(allowed_origins=(bad,)))


@pytest.mark.parametrize("bad", ["http://host", "*", "", "a/b", "*.example.org"])
def test_a_host_that_cannot_be_read_is_refused_when_the_gate_is_made(bad: str):
    with pytest.raises(ValueError, match=r"allowed host is .*; expected a name or an address"):
        Gate(GateSettings(allowed_hosts=(bad,)))


@given(
    host=st.one_of(st.none(), st.binary(max_size=20), st.sampled_from([b"localhost:8000", b"evil.example"])),
    origins=st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([b"tauri://localhost", b"null"])), max_size=2),
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", *CHANGES]),
    scheme=st.sampled_from(["http", "https", "ws", "wss"]),
    target=st.one_of(st.binary(max_size=10), st.just(b"/")),
)
def test_whatever_comes_no_foreign_page_changes_anything(
    host: bytes | None, origins: list[bytes], method: str, scheme: str, target: bytes
):
    request = head(*((b"origin", origin) for origin in origins), host=host, method=method, scheme=scheme, target=target)
    verdict = check(request)
    headers = headers_of(verdict)
    assert headers[b"vary"] == b"Origin"
    allowed = headers.get(b"access-control-allow-origin")
    assert allowed is None or origins == [allowed]
    if isinstance(verdict, Pass) and (method in CHANGES or scheme in {"ws", "wss"}):
        assert not origins or allowed is not None
        assert target.startswith(b"/")
