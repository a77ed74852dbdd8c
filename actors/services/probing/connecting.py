"""Connections to what is looked at: names resolved in threads of their own, all addresses tried, TLS."""

import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import attrs
import trio
from trio.lowlevel import RunVar

from actors.services.probing.looks import OURS, LookFailed, Progress, failed_by

Address: TypeAlias = tuple[int, int, int, str, Any]
"""Family, kind, protocol, canonical name and the address itself, whose shape is the family's: see `getaddrinfo`."""

RESOLVERS = 16
"""Threads that may wait for name servers. A dead name server holds a thread for up to half a minute, and takes none of
Trio's own 40, which everything else needs."""

STAGGER = 0.25
"""Seconds after which the next address is tried as well (RFC 8305)."""

MOST_ADDRESSES = 8
"""Of one name."""

TRUST_SECONDS = 3600.0
"""The machine's authorities are read again after this long: they change with its updates."""


@attrs.frozen
class _Trust:
    context: ssl.SSLContext
    until: float


# Of the run, not of the module: two systems in one program share them as they share Trio's own limiter.
_resolving: RunVar[trio.CapacityLimiter | None] = RunVar("probing_resolving", default=None)
_trust: RunVar[_Trust | None] = RunVar("probing_trust", default=None)


async def connect(host: str, port: int, progress: Progress) -> trio.SocketStream:
    """A connection to the first address of *host* that accepts one.

    Raises:
        LookFailed: The name is not known, or none of its addresses accepts.
    """
    progress.doing = f"resolving {host}"
    addresses = await resolve(host, port)
    progress.doing = f"connecting to {shown_address(host, port)}"
    return trio.SocketStream(await _first(addresses, shown_address(host, port)))


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of *host*, in the order to try them.

    Raises:
        LookFailed: There is none.
    """
    limiter = _resolving.get()
    if limiter is None:
        limiter = trio.CapacityLimiter(RESOLVERS)
        _resolving.set(limiter)
    try:
        found = await trio.to_thread.run_sync(_addresses, host, port, abandon_on_cancel=True, limiter=limiter)
    except OSError as error:  # socket.gaierror is one, and its numbers, below zero, are no errnos
        raise failed_by(error, f"resolve {host!r}") from error
    except UnicodeError as error:
        raise LookFailed(f"cannot resolve {host!r}: it is no host name") from error
    except RuntimeError as error:  # "can't start new thread"
        raise LookFailed(f"cannot resolve {host!r}: {error}", ours=True) from error
    return _alternating(found)[:MOST_ADDRESSES]


def _addresses(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        # Out of descriptors the resolver cannot read its files, and says that there is no such name.
        socket.socket().close()
        raise
    return [(int(family), int(kind), protocol, name, address) for family, kind, protocol, name, address in found]


def _alternating(addresses: Sequence[Address]) -> list[Address]:
    """*addresses* so that the second is of another family than the first: if one family goes nowhere, the other may."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    other = [address for address in addresses if address[0] != addresses[0][0]]
    return [*first[:1], *other[:1], *first[1:], *other[1:]]


async def _first(addresses: Sequence[Address], where: str) -> trio.socket.SocketType:
    won: list[trio.socket.SocketType] = []
    failures: list[tuple[str, OSError]] = []

    async def attempt(address: Address, over: trio.Event) -> None:
        family, kind, protocol, _, place = address
        try:
            with_one = trio.socket.socket(family, kind, protocol)
        except OSError as error:
            failures.append((str(place[0]), error))
            over.set()
            return
        try:
            await with_one.connect(place)
        except OSError as error:
            with_one.close()
            failures.append((str(place[0]), error))
            over.set()
        except BaseException:
            with_one.close()
            raise
        else:
            won.append(with_one)
            nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            for address in addresses:
                over = trio.Event()
                nursery.start_soon(attempt, address, over)
                with trio.move_on_after(STAGGER):
                    await over.wait()
    except BaseException:
        for connection in won:
            connection.close()
        raise
    for late in won[1:]:
        late.close()
    if won:
        return won[0]
    raise LookFailed(
        f"cannot connect to {where}: {reasons(failures)}",
        ours=bool(failures) and all(error.errno in OURS for _, error in failures),
    )


def reasons(failures: Sequence[tuple[str, OSError]]) -> str:
    """Why none of several addresses accepted: each reason with those that it holds for."""
    by_reason: dict[str, list[str]] = {}
    for place, error in failures:
        reason = os.strerror(error.errno) if error.errno else str(error)  # Trio adds the address to its own text
        by_reason.setdefault(reason, []).append(place)
    return ", ".join(f"{reason} ({', '.join(places)})" for reason, places in by_reason.items())


async def secure(
    stream: trio.SocketStream, host: str, progress: Progress, *, verify: bool = True, ca_file: str | None = None
) -> "trio.SSLStream[trio.SocketStream]":
    """TLS on *stream*, which is closed if it does not come about.

    Args:
        stream: Connected.
        host: Whose certificate is expected.
        progress: Where it says that it is at it.
        verify: False: any certificate will do.
        ca_file: The authorities to trust instead of the machine's.

    Raises:
        LookFailed: No TLS, or not with this certificate.
    """
    try:
        context = await tls_context(verify=verify, ca_file=ca_file)
        progress.doing = f"agreeing on TLS with {host}"
        secured = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
        await secured.do_handshake()
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(stream)
        raise LookFailed(f"no TLS with {host}: {tls_reason(error.__cause__)}") from error
    except (ValueError, UnicodeError) as error:  # a name that no certificate can have
        await trio.aclose_forcefully(stream)
        raise LookFailed(f"no TLS with {host}: {error}") from error
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secured


class ShowsCertificate(Protocol):
    """What an `ssl.SSLObject` has, and Trio's stream around one."""

    def getpeercert(self, binary_form: Literal[True]) -> bytes | None: ...


def certificate_of(tls: ShowsCertificate) -> bytes | None:
    """The certificate of the other side, in DER, also of one that was not verified; after the handshake."""
    return tls.getpeercert(True)


def tls_reason(error: BaseException | None) -> str:
    """Why there is no TLS, in words."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {error.verify_message or error.reason}"
        case ssl.SSLError():
            return (error.reason or str(error)).replace("_", " ").lower()
        case None:
            return "the connection was closed"
        case _:
            return str(error)


async def tls_context(*, verify: bool, ca_file: str | None) -> ssl.SSLContext:
    """How TLS is spoken; see `secure`.

    Raises:
        LookFailed: There are no authorities to be read.
    """
    if not verify:
        return _without_verifying()
    if ca_file is not None:
        # Read each time: small, and it may have been replaced.
        return await trio.to_thread.run_sync(_trusting, Path(ca_file))
    known = _trust.get()
    if known is None or known.until <= trio.current_time():
        context = await trio.to_thread.run_sync(ssl.create_default_context)  # 45 ms: a hundred and more authorities
        known = _Trust(context, trio.current_time() + TRUST_SECONDS)
        _trust.set(known)
    return known.context


def _without_verifying() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _trusting(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except ssl.SSLError as error:
        raise LookFailed(f"ca_file {str(ca_file)!r} holds no certificate in PEM format", ours=True) from error
    except OSError as error:
        failed = failed_by(error, f"read ca_file {str(ca_file)!r}")
        raise LookFailed(failed.detail, ours=True) from error


def shown_address(host: str, port: int) -> str:
    """*host* and *port* as an address has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[host]:port`, which the settings have checked."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
