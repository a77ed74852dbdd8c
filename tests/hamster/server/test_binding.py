"""Listening, and the sentence for each way it can fail."""

import contextlib
import errno
import socket
from collections.abc import Iterable

import pytest

from hamster.server import (
    AddressInUse,
    AddressNotHere,
    BindError,
    InvalidPort,
    PortForbidden,
    UnknownHost,
    bind_sockets,
)
from hamster.server.binding import url_of


@contextlib.contextmanager
def closing_all(sockets: Iterable[socket.socket]):
    with contextlib.ExitStack() as stack:
        for sock in sockets:
            stack.callback(sock.close)
        yield


async def test_localhost_is_both_loopbacks_on_one_free_port():
    sockets = await bind_sockets()
    with closing_all(sockets):
        names = [sock.getsockname()[:2] for sock in sockets]
        port = names[0][1]
        assert names == [("127.0.0.1", port), ("::1", port)]
        assert port > 0
        assert [url_of(sock, tls=False) for sock in sockets] == [
            f"http://127.0.0.1:{port}",
            f"http://[::1]:{port}",
        ]


@pytest.mark.parametrize("spelling", ["localhost", "LocalHost", "localhost."])
async def test_localhost_is_known_however_it_is_written(spelling: str):
    sockets = await bind_sockets(spelling)
    with closing_all(sockets):
        assert len(sockets) == 2


async def test_an_address_is_itself_alone():
    for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("[::1]", "::1")):
        sockets = await bind_sockets(host)
        with closing_all(sockets):
            assert [sock.getsockname()[0] for sock in sockets] == [shown]


async def test_every_interface_is_reached_by_loopback():
    sockets = await bind_sockets("0.0.0.0")  # noqa: S104 - that is what is tested
    with closing_all(sockets):
        assert url_of(sockets[0], tls=True) == f"https://127.0.0.1:{sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
async def test_a_port_in_use_on_either_loopback_is_one_sentence(taken: str):
    with closing_all(sockets := await bind_sockets(taken)):
        port = int(sockets[0].getsockname()[1])
        with pytest.raises(AddressInUse) as caught:
            await bind_sockets("localhost", port)
    assert (caught.value.host, caught.value.port) == (taken, port)
    assert str(caught.value) == (
        f"port {port} on {taken} is in use by another program; "
        "stop that program or choose another port (0 takes any free one)"
    )


async def test_a_port_left_a_moment_ago_can_be_taken_again():
    with closing_all(sockets := await bind_sockets("127.0.0.1")):
        port = int(sockets[0].getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)):
            sockets[0].setblocking(True)
            sockets[0].accept()[0].close()  # The server's end closes first, and stays in TIME_WAIT.
    with closing_all(await bind_sockets("127.0.0.1", port)):
        pass


async def test_an_address_of_another_machine_is_refused():
    with pytest.raises(AddressNotHere, match=r"192\.0\.2\.1 is not an address of this machine"):
        await bind_sockets("192.0.2.1")


async def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownHost, match=r"host 'no-such-host\.invalid' has no address"):
        await bind_sockets("no-such-host.invalid")


@pytest.mark.parametrize("port", [-1, 65_536])
async def test_a_number_that_is_no_port_is_refused(port: int):
    with pytest.raises(InvalidPort, match=f"port is {port}; expected 0 to 65535"):
        await bind_sockets("localhost", port)


async def test_a_forbidden_port_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    def refuse(sock: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # The tests may run as root, who may use every port.
    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PortForbidden, match=r"port 80 on 127\.0\.0\.1 may not be used by this user"):
        await bind_sockets("localhost", 80)


async def test_without_ipv6_localhost_is_127_0_0_1_alone(monkeypatch: pytest.MonkeyPatch):
    make = socket.socket

    def without_ipv6(family: int = -1, kind: int = -1) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return make(family, kind)

    monkeypatch.setattr("hamster.server.binding.socket.socket", without_ipv6)
    with closing_all(sockets := await bind_sockets()):
        assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1"]
    with pytest.raises(BindError, match="cannot listen on ::1 port 0"):
        await bind_sockets("::1")


async def test_two_programs_cannot_share_a_port():
    with closing_all(sockets := await bind_sockets()):
        port = int(sockets[0].getsockname()[1])
        with pytest.raises(AddressInUse):
            await bind_sockets("localhost", port)
