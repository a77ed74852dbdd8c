"""Looking at ports."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
import trustme

from actors.services.probing import Look, look, look_tcp
from actors.settings import AliveOptions, TcpOptions
from tests.actors.metrics.children import until
from tests.actors.services.probing.servers import PATIENCE, Served, Stream, serving


async def looked(served: Served, **options: object) -> Look:
    values = {"address": f"127.0.0.1:{served.port}", "timeout": PATIENCE / 2, **options}
    with trio.fail_after(PATIENCE):
        return await look_tcp(TcpOptions(**values))  # pyright: ignore[reportArgumentType] - of a test's own making


async def quiet(_: Served, stream: Stream) -> None:
    await stream.receive_some()


async def redis(served: Served, stream: Stream) -> None:
    """Says PONG in two pieces when it is asked."""
    served.requests.append(bytes(await stream.receive_some()))
    await stream.send_all(b"+PO")
    await trio.sleep(0.01)
    await stream.send_all(b"NG\r\n")


async def test_a_port_that_accepts_is_well() -> None:
    async with serving(quiet) as served:
        found = await looked(served)
    assert found.ok
    assert found.detail.startswith(f"connected to 127.0.0.1:{served.port} in 0.")
    assert float(found.figures["connect_s"]) <= found.latency


async def test_an_ipv6_port_is_well() -> None:
    async with serving(quiet, host="::1") as served:
        assert (await looked(served, address=f"[::1]:{served.port}")).ok


async def test_what_it_says_is_what_counts_where_something_is_expected() -> None:
    async with serving(redis) as served:
        found = await looked(served, send="PING\r\n", expect="+PONG")
        assert found.ok
        assert served.requests == [b"PING\r\n"]
        wrong = await looked(served, send="PING\r\n", expect="+OK")
    assert wrong.detail == 'expected "+OK", heard "+PONG" (it closed the connection)'


@pytest.mark.slow
async def test_a_port_that_says_nothing_is_cut_off() -> None:
    async with serving(quiet) as served:
        found = await looked(served, expect="hello", timeout=0.4)
    assert found.detail == 'no answer within 0.4 s, still waiting for "hello", having heard nothing'


async def test_a_port_that_says_too_much_is_cut_off() -> None:
    async def chatter(_: Served, stream: Stream) -> None:
        while True:
            await stream.send_all(b"x" * 1000)

    async with serving(chatter) as served:
        found = await looked(served, expect="hello")
    assert not found.ok
    assert 'expected "hello", heard "xxx' in found.detail


async def test_nobody_listening_is_not_well() -> None:
    async with serving(quiet) as served:
        pass
    found = await looked(served)
    assert (found.ok, found.ours) == (False, False)
    assert "Connection refused" in found.detail


async def test_too_slow_is_not_well_where_that_matters() -> None:
    async with serving(redis) as served:
        found = await looked(served, send="PING", expect="PONG", max_latency=0.005)
    assert not found.ok
    assert found.detail.endswith("s, expected 0.005 s or less")


async def test_tls_is_spoken_and_its_certificate_judged(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    end = datetime.now(UTC) + timedelta(days=20)
    cert = authority.issue_cert("localhost", not_after=end)
    cert.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - of PyOpenSSL, too
    async with serving(redis, tls=context) as served:
        spoken: dict[str, object] = {"address": f"localhost:{served.port}", "tls": True, "send": "PING", "expect": "P"}
        found = await looked(served, ca_file=str(tmp_path / "ca.pem"), **spoken)
        assert found.ok, found.detail
        assert 19.9 < float(found.figures["certificate_days"]) <= 20
        refused = await looked(served, **spoken)
        assert refused.detail.startswith("no TLS with localhost: its certificate is not accepted")
        soon = await looked(served, verify=False, certificate_days=30, **spoken)
        assert soon.detail == "the certificate expires in 20.0 days, expected 30 days or more; renew it"


async def test_a_stopped_look_leaves_no_connection() -> None:
    async with serving(quiet) as served, trio.open_nursery() as nursery:
        nursery.start_soon(looked, served)
        with trio.fail_after(PATIENCE):
            await until(lambda: served.connections > 0)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("ok", [True, False])
async def test_a_process_is_asked_by_its_port(ok: bool) -> None:
    async with serving(quiet) as served:
        port = served.port if ok else 9
        with trio.fail_after(PATIENCE):
            found = await look(AliveOptions(tcp=f"127.0.0.1:{port}", timeout=5.0))
    assert found.ok is ok
