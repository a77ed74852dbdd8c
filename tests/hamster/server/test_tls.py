"""The same server behind TLS."""

import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
import trio

from tests.hamster.clients import connected, serving, until
from tests.hamster.server.test_serving import plain_app

pytestmark = [
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate"),
    pytest.mark.usefixtures("both_protocols"),
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for the loopbacks, and its key."""
    directory = tmp_path_factory.mktemp("tls")
    chain, key = directory / "chain.pem", directory / "key.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += [
        "-subj",
        "/CN=localhost",
        "-addext",
        names,
        "-days",
        "2",
        "-keyout",
        str(key),
        "-out",
        str(chain),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return chain, key


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def client_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate[0])


@pytest.mark.slow
async def test_requests_are_answered_and_drained_over_tls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext):
    with trio.fail_after(20):
        async with (
            serving(plain_app, tls=server_tls) as server,
            httpx.AsyncClient(verify=client_tls) as client,
        ):
            for url in server.urls:
                assert url.startswith("https://")
                for _ in range(5):
                    assert (await client.get(url)).text == "ok"
            assert server.statistics().accepted == 2
            started = trio.current_time()
            await server.drain(5)
            assert trio.current_time() - started < 1
            assert server.statistics().crashed == 0


async def test_a_client_that_speaks_no_tls_is_dropped(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext):
    with trio.fail_after(20):
        async with serving(plain_app, tls=server_tls) as server, connected(server) as client:
            await client.stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await until(lambda: server.statistics().open_connections == 0, "the connection being dropped")
            assert server.statistics().crashed == 0
            async with httpx.AsyncClient(verify=client_tls) as polite:
                assert (await polite.get(server.url)).text == "ok"
