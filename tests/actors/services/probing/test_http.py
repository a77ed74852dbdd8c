"""Looking at web pages: real servers on loopback, good ones and hostile ones."""

import gzip
import json
import ssl
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
import trustme

from actors.services.probing import Look, look_http
from actors.settings import HttpOptions, JsonCheck
from tests.actors.services.probing.servers import (
    PATIENCE,
    Served,
    Stream,
    answer,
    answering,
    head_of,
    pages,
    serving,
)


async def looked(url: str, **options: object) -> Look:
    """One look with a short deadline."""
    values = {"url": url, "timeout": PATIENCE / 2, **options}
    with trio.fail_after(PATIENCE):
        return await look_http(HttpOptions(**values))  # pyright: ignore[reportArgumentType] - of a test's own making


# --- what is well ---


async def test_a_page_that_answers_is_well_and_its_figures_are_told() -> None:
    async with serving(answering(answer())) as served:
        look = await looked(served.url("/a?b=1"), headers={"X-Team": "ops"}, method="POST", body="{}")
    assert look.ok, look.detail
    assert look.detail.startswith("status 200 in 0.")
    assert (look.figures["status"], look.figures["body_bytes"]) == (200, 5)
    assert 0 < float(look.figures["connect_s"]) <= float(look.figures["first_byte_s"]) <= look.latency
    (request,) = served.requests
    assert request.startswith(b"POST /a?b=1 HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\n{}")
    for line in (f"host: 127.0.0.1:{served.port}", "x-team: ops", "content-length: 2", "connection: close"):
        assert f"\r\n{line}\r\n".encode() in request.lower()


async def test_a_name_with_several_addresses_is_well_when_one_of_them_answers() -> None:
    async with serving(answering(answer())) as served:
        look = await looked(served.url(host="localhost"))
    assert look.ok, look.detail
    assert b"localhost:" in served.requests[0], "asked in the name of its host"


async def test_ipv6_is_spoken() -> None:
    async with serving(answering(answer()), host="::1") as served:
        look = await looked(served.url(host="[::1]"))
    assert look.ok, look.detail


async def test_user_and_password_of_the_address_are_sent_and_never_told() -> None:
    async with serving(answering(answer(status="500 Broken"))) as served:
        look = await looked(f"http://ops:hunter2@127.0.0.1:{served.port}/?token=hunter2")
    assert b"authorization: Basic b3BzOmh1bnRlcjI=" in served.requests[0]
    assert "hunter2" not in look.detail + str(look.figures)


async def test_the_environment_s_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serving(answering(answer())) as served:
        assert (await looked(served.url())).ok


# --- status, text, latency ---


@pytest.mark.parametrize(
    ("status", "allowed", "ok"),
    [("204 No", ("200-299",), True), ("404 No", ("200-299",), False), ("404 No", (200, 404), True)],
)
async def test_the_status_is_judged(status: str, allowed: tuple[int | str, ...], ok: bool) -> None:
    async with serving(answering(answer(b"", status=status))) as served:
        look = await looked(served.url(), status=allowed)
    assert look.ok is ok
    if not ok:
        assert look.detail == 'status 404, expected "200-299"'


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"text": "안녕"}, None),
        ({"text": "tschüss"}, 'the body does not hold "tschüss"'),
        ({"text_absent": "error"}, None),
        ({"text_absent": "안녕"}, 'the body holds "안녕"'),
        ({"text": "^v[0-9]+$", "regex": True}, 'the body does not hold "^v[0-9]+$"'),
        ({"text": "v[0-9]+", "regex": True}, None),
        ({"text_absent": "(?i)V12", "regex": True}, 'the body holds "(?i)V12"'),
    ],
)
async def test_the_body_is_searched(options: dict[str, object], problem: str | None) -> None:
    body = "안녕 v12".encode("cp949")
    async with serving(answering(answer(body, headers="Content-Type: text/html; charset=euc-kr\r\n"))) as served:
        look = await looked(served.url(), **options)
    assert (look.ok, look.detail if problem else None) == (problem is None, problem)


@pytest.mark.slow
async def test_an_expression_that_never_comes_to_an_end_is_cut_off_while_everything_else_goes_on() -> None:
    async with serving(answering(answer(b"a" * 40 + b"b"))) as served:
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                look: list[Look] = []

                async def searching() -> None:
                    look.append(await looked(served.url(), text="(a+)+$", regex=True, timeout=0.6))
                    nursery.cancel_scope.cancel()

                nursery.start_soon(searching)
                while True:
                    before = trio.current_time()
                    await trio.sleep(0.01)
                    assert trio.current_time() - before < 0.5, "the loop stood still"
    assert not look[0].ok
    assert look[0].detail == "no answer within 0.6 s, still searching the body"


async def test_a_slow_answer_is_not_well_where_that_matters() -> None:
    async def slow(_: Served, stream: Stream) -> None:
        await head_of(stream)
        await trio.sleep(0.03)
        await stream.send_all(answer())

    async with serving(slow) as served:
        look = await looked(served.url(), max_latency=0.02)
    assert not look.ok
    assert look.detail.endswith("s, expected 0.02 s or less")


# --- JSON ---


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        (JsonCheck(path="$.status", equals="ok"), None),
        (JsonCheck(path="$.status", equals="up"), """$['status'] is "ok", expected "up\""""),
        (JsonCheck(path="$.status", differs="ok"), """$['status'] is "ok", expected anything but "ok\""""),
        (JsonCheck(path="$.nodes[*].load", below=0.9), None),
        (JsonCheck(path="$.nodes[*].load", below=0.6), "$['nodes'][*]['load'] is 0.7, expected a number below 0.6"),
        (JsonCheck(path="$.nodes[*].load", above=0.1), None),
        (JsonCheck(path="$.status", above=1), """$['status'] is "ok", expected a number above 1"""),
        (JsonCheck(path="$.flag", equals=1), "$['flag'] is true, expected 1"),
        (JsonCheck(path="$.flag", equals=True), None),
        (JsonCheck(path="$.nothing"), "there is nothing at $['nothing']"),
        (JsonCheck(path="$.nodes[?@.load > 0.6].name", equals="b"), None),
    ],
)
async def test_json_is_judged_by_paths(check: JsonCheck, problem: str | None) -> None:
    document = {"status": "ok", "flag": True, "nodes": [{"name": "a", "load": 0.5}, {"name": "b", "load": 0.7}]}
    async with serving(answering(answer(json.dumps(document).encode()))) as served:
        look = await looked(served.url(), json=(check,))
    expected = None if problem is None else problem.replace("$['nodes'][*]['load']", check.path)
    for plain, quoted in (("$.status", "$['status']"), ("$.flag", "$['flag']"), ("$.nothing", "$['nothing']")):
        expected = None if expected is None else expected.replace(quoted, plain)
    assert (look.ok, None if look.ok else look.detail) == (problem is None, expected)
    if look.ok:
        assert check.path in look.figures


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>", "the body is no JSON: "),
        (b"", "the body is no JSON: "),
        (b"[" * 100_000, "the body is no JSON: "),
        (b'{"a": NaN}', "$.b"),
    ],
)
async def test_what_is_no_json_says_so(body: bytes, problem: str) -> None:
    async with serving(answering(answer(body))) as served:
        look = await looked(served.url(), json=(JsonCheck(path="$.b"),))
    assert not look.ok
    assert problem in look.detail


# --- redirects ---


def redirecting(status: str, location: str) -> bytes:
    return answer(b"", status=status, headers=f"Location: {location}\r\n")


async def test_redirects_are_followed_and_the_final_address_is_told() -> None:
    def page(_: Served, path: str) -> bytes:
        return answer() if path.startswith("/home") else redirecting("302 Found", "/home?session=secret")

    async with serving(pages(page)) as served:
        look = await looked(served.url("/start"))
        assert look.ok, look.detail
        assert (look.figures["redirects"], look.figures["url"]) == (1, served.url("/home"))
        assert look.detail.endswith(f"at {served.url('/home')}")
        first = await looked(served.url("/start"), redirects=0, status=(302,))
        assert first.ok, "not followed, a redirect is the answer"


async def test_a_loop_of_redirects_ends() -> None:
    async with serving(pages(lambda _, path: redirecting("307 Again", f"{path}a"))) as served:
        look = await looked(served.url("/"), redirects=3)
    assert look.detail == "more than 3 redirects, the last to '/aaaa'"
    assert served.connections == 4


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        ("303 See", "PUT", "GET"),
        ("302 Found", "POST", "GET"),
        ("302 Found", "PUT", "PUT"),
        ("307 Again", "POST", "POST"),
        ("303 See", "HEAD", "HEAD"),
    ],
)
async def test_the_method_after_a_redirect_is_that_of_the_rules(status: str, method: str, then: str) -> None:
    def page(_: Served, path: str) -> bytes:
        return answer(b"") if path == "/home" else redirecting(status, "/home")

    async with serving(pages(page)) as served:
        assert (await looked(served.url(), method=method)).ok
    assert [request.split(b" ")[0].decode() for request in served.requests] == [method, then]


async def test_headers_stay_with_the_origin_that_they_were_meant_for() -> None:
    async with (
        serving(answering(answer())) as other,
        serving(pages(lambda _, __: redirecting("302 Found", other.url()))) as served,
    ):
        look = await looked(f"http://u:p@127.0.0.1:{served.port}/", headers={"X-Api-Key": "hunter2"})
    assert look.ok, look.detail
    assert b"hunter2" in served.requests[0]
    assert b"hunter2" not in other.requests[0]
    assert b"authorization" not in other.requests[0]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://h/", "http://", "http://[", "gopher:x"])
async def test_a_redirect_to_somewhere_else_than_the_web_is_not_followed(location: str) -> None:
    async with serving(answering(redirecting("302 Found", location))) as served:
        look = await looked(served.url())
    assert not look.ok
    assert "redirect" in look.detail or "cannot" in look.detail


# --- bodies ---


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        (gzip.compress(b"hello world", mtime=0), "gzip"),
        (zlib.compress(b"hello world"), "deflate"),
        (zlib.compress(b"hello world", wbits=-15), "deflate"),
        (gzip.compress(b"hello", mtime=0) + gzip.compress(b" world", mtime=0), "x-gzip"),
        (b"hello world", "identity"),
    ],
)
async def test_an_encoded_body_is_decoded(encoded: bytes, name: str) -> None:
    body = answer(encoded, headers=f"Content-Encoding: {name}\r\n")
    async with serving(answering(body)) as served:
        look = await looked(served.url(), text="hello world")
    assert look.ok, look.detail


async def test_a_body_in_an_encoding_that_was_not_asked_for_says_so() -> None:
    async with serving(answering(answer(b"x", headers="Content-Encoding: br\r\n"))) as served:
        assert (await looked(served.url())).ok, "nobody wants to read it"
        look = await looked(served.url(), text="hello")
    assert look.detail == 'the body is encoded as "br", expected gzip, deflate or nothing'


async def test_a_few_bytes_that_decode_to_gigabytes_are_read_up_to_the_limit() -> None:
    bomb = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(bytes(1024 * 1024)) for _ in range(64)) + bomb.flush()
    assert len(packed) < 1_000_000
    async with serving(answering(answer(packed, headers="Content-Encoding: gzip\r\n"))) as served:
        look = await looked(served.url(), max_body=4096)
    assert look.ok, look.detail
    assert look.figures["body_bytes"] == 4096


@pytest.mark.parametrize("cut", [b"\x1f\x8b\x08 no gzip", gzip.compress(b"hello" * 100, mtime=0)[:-20]])
async def test_an_encoding_that_is_none_is_not_well(cut: bytes) -> None:
    async with serving(answering(answer(cut, headers="Content-Encoding: gzip\r\n"))) as served:
        look = await looked(served.url())
    assert not look.ok
    assert "the body" in look.detail


async def endless(_: Served, stream: Stream) -> None:
    await head_of(stream)
    await stream.send_all(answer(b"", length=False))
    while True:
        await stream.send_all(b"x" * 10_000)


async def test_a_body_without_end_is_read_as_far_as_it_matters() -> None:
    async with serving(endless) as served:
        assert (await looked(served.url(), max_body=100_000)).figures["body_bytes"] == 100_000
        assert (await looked(served.url(), text="x", max_body=100_000)).ok
        missing = await looked(served.url(), text="y", max_body=1000)
        assert missing.detail == 'the body does not hold "y" in its first 1,000 characters; raise max_body'
        absent = await looked(served.url(), text_absent="y", max_body=1000)
        assert absent.detail == 'the body is too large to tell that it does not hold "y"; raise max_body'
        tree = await looked(served.url(), json=(JsonCheck(path="$.a"),), max_body=1000)
        assert tree.detail == "the body is too large to be read as JSON; raise max_body"


@pytest.mark.slow
async def test_of_a_stream_of_events_only_the_head_need_be_read() -> None:
    async def events(_: Served, stream: Stream) -> None:
        await head_of(stream)
        await stream.send_all(answer(b"", length=False, headers="Content-Type: text/event-stream\r\n"))
        await trio.sleep_forever()

    async with serving(events) as served:
        assert (await looked(served.url(), max_body=0)).ok
        look = await looked(served.url(), timeout=0.5)
        assert look.detail == "no answer within 0.5 s, still waiting for the body"


async def test_a_body_that_breaks_off_is_not_well() -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")) as served:
        look = await looked(served.url())
    assert not look.ok
    assert "what 127.0.0.1 answers is no HTTP: peer closed connection" in look.detail


# --- hostile and dead servers ---


async def drip(_: Served, stream: Stream) -> None:
    await head_of(stream)
    for byte in answer(b"x" * 10_000):
        await stream.send_all(bytes([byte]))
        await trio.sleep(0.05)


async def silent(_: Served, stream: Stream) -> None:
    await head_of(stream)
    await trio.sleep_forever()


async def waiting(_: Served, stream: Stream) -> None:
    await head_of(stream)
    while True:
        await stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        await trio.sleep(0.001)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("handler", "still"),
    [
        (drip, "still waiting for the answer of 127.0.0.1"),
        (silent, "still waiting for the answer of 127.0.0.1"),
        (waiting, "still waiting for the answer of 127.0.0.1"),
    ],
)
async def test_a_server_that_takes_its_time_is_cut_off_at_the_deadline(handler: object, still: str) -> None:
    async with serving(handler) as served:  # pyright: ignore[reportArgumentType] - one of those above
        began = trio.current_time()
        look = await looked(served.url(), timeout=0.5)
        assert trio.current_time() - began < 5.0
    assert (look.ok, look.ours) == (False, False)
    assert look.detail == f"no answer within 0.5 s, {still}"


async def test_a_head_without_end_is_cut_off() -> None:
    async def long(_: Served, stream: Stream) -> None:
        await head_of(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\n")
        while True:
            await stream.send_all(b"X-Pad: " + b"x" * 5000 + b"\r\n")

    async with serving(long) as served:
        look = await looked(served.url())
    assert "is no HTTP" in look.detail


@pytest.mark.parametrize("said", [b"", b"hello\r\n", b"\x16\x03\x01 \r\n\r\n"])
async def test_what_speaks_no_http_is_not_well(said: bytes) -> None:
    async with serving(answering(said)) as served:
        look = await looked(served.url())
    assert not look.ok
    assert "no HTTP" in look.detail


async def test_a_protocol_that_was_not_asked_for_is_not_well() -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\n"
    async with serving(answering(switch)) as served:
        look = await looked(served.url())
    assert not look.ok


async def test_a_server_that_refuses_a_large_request_early_is_heard() -> None:
    async def refuse(_: Served, stream: Stream) -> None:
        await stream.receive_some(100)
        await stream.send_all(answer(b"", status="413 Too Large"))
        await trio.sleep(0.05)

    async with serving(refuse) as served:
        look = await looked(served.url(), method="POST", body="x" * 8_000_000, status=(413,))
    assert look.ok or "broke" in look.detail, "a reset may overtake the answer"


async def closed_port() -> int:
    """A port where nobody listens."""
    async with serving(answering()) as served:
        return served.port


async def test_a_refused_connection_says_where() -> None:
    port = await closed_port()
    look = await looked(f"http://127.0.0.1:{port}/")
    assert (look.ok, look.ours) == (False, False)
    assert look.detail == f"cannot connect to 127.0.0.1:{port}: Connection refused (127.0.0.1)"


async def test_a_name_that_nobody_has_says_so() -> None:
    look = await looked("http://nobody.invalid/", timeout=5.0)
    assert (look.ok, look.ours) == (False, False)
    assert "nobody.invalid" in look.detail


async def test_without_descriptors_nothing_is_said_about_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    async with serving(answering(answer())) as served:
        await looked(served.url())  # whatever is opened once is open
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            by_address = await look_http(HttpOptions(url=served.url()))
            by_name = await look_http(HttpOptions(url="http://nobody.invalid/"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [(look.ok, look.ours, look.verdict) for look in (by_address, by_name)] == [(False, True, None)] * 2, by_name
    assert "Too many open files" in by_address.detail


# --- TLS ---


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def tls_server(authority: trustme.CA, *, days: float = 365.0, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    now = datetime.now(UTC)
    cert = authority.issue_cert(name, not_before=now - timedelta(days=400), not_after=now + timedelta(days=days))
    cert.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - for PyOpenSSL's, too
    return context


async def test_the_days_of_a_certificate_are_told_whether_it_is_verified_or_not(
    authority: trustme.CA, ca_file: str
) -> None:
    async with serving(answering(answer()), tls=tls_server(authority, days=30)) as served:
        url = served.url(scheme="https", host="localhost")
        for options in ({"ca_file": ca_file}, {"verify": False}):
            look = await looked(url, **options)
            assert look.ok, look.detail
            assert 29.9 < float(look.figures["certificate_days"]) <= 30.0
            assert look.detail.endswith("certificate for 30 days")


async def test_a_certificate_that_expires_soon_is_not_well_where_that_matters(
    authority: trustme.CA, ca_file: str
) -> None:
    async with serving(answering(answer()), tls=tls_server(authority, days=6.5)) as served:
        url = served.url(scheme="https", host="localhost")
        assert (await looked(url, ca_file=ca_file, certificate_days=6)).ok
        look = await looked(url, ca_file=ca_file, certificate_days=7)
    assert look.detail == "the certificate expires in 6.5 days, expected 7 days or more; renew it"


async def test_an_expired_certificate_is_refused_and_unverified_still_told(authority: trustme.CA, ca_file: str) -> None:
    async with serving(answering(answer()), tls=tls_server(authority, days=-3)) as served:
        url = served.url(scheme="https", host="localhost")
        refused = await looked(url, ca_file=ca_file)
        assert refused.detail == "no TLS with localhost: its certificate is not accepted: certificate has expired"
        assert (await looked(url, verify=False)).ok
        look = await looked(url, verify=False, certificate_days=1)
    assert look.detail == "the certificate expired 3.0 days ago, expected 1 days or more; renew it"


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("elsewhere.example", True)])
async def test_a_certificate_of_somebody_else_is_refused(
    authority: trustme.CA, ca_file: str, name: str, trusted: bool
) -> None:
    async with serving(answering(answer()), tls=tls_server(authority, name=name)) as served:
        look = await looked(served.url(scheme="https", host="localhost"), ca_file=ca_file if trusted else None)
    assert not look.ok
    assert look.detail.startswith("no TLS with localhost: its certificate is not accepted: ")


@pytest.mark.slow
async def test_what_speaks_no_tls_is_not_well_and_what_says_nothing_is_cut_off(ca_file: str) -> None:
    async def plain(_: Served, stream: Stream) -> None:
        await stream.receive_some()
        await stream.send_all(answer(status="400 Bad"))

    async with serving(plain) as served:
        look = await looked(served.url(scheme="https"), ca_file=ca_file)
    assert look.detail.startswith("no TLS with 127.0.0.1: ")

    async def nothing(_: Served, stream: Stream) -> None:
        await trio.sleep_forever()

    async with serving(nothing) as served:
        look = await looked(served.url(scheme="https"), ca_file=ca_file, timeout=0.6)
    assert look.detail == "no answer within 0.6 s, still agreeing on TLS with 127.0.0.1"


async def test_authorities_that_cannot_be_read_are_our_own_fault(tmp_path: Path) -> None:
    nothing = await looked("https://127.0.0.1:9/", ca_file=str(tmp_path / "none.pem"))
    assert nothing.ours
    assert "none.pem" in nothing.detail
    (tmp_path / "wrong.pem").write_text("no certificate")
    wrong = await looked("https://127.0.0.1:9/", ca_file=str(tmp_path / "wrong.pem"))
    assert wrong.ours
    assert "PEM" in wrong.detail
