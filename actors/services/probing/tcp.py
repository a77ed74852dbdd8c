"""Looking at a port."""

from functools import partial
from typing import cast

import trio

from actors.services.probing.certificate import days_left, require_days
from actors.services.probing.connecting import ShowsCertificate, certificate_of, connect, secure, split
from actors.services.probing.looks import Look, LookFailed, Progress, bounded, one_line
from actors.setting_rules import shown
from actors.settings import TcpOptions

MOST_ANSWER = 64 * 1024
"""Bytes in which the expected text is looked for."""
CHUNK_BYTES = 4096
SHOWN = 80


async def look_tcp(options: TcpOptions, *, timeout: float | None = None) -> Look:
    """Whether a port accepts a connection, and answers as it should. Figures: `connect_s`, `certificate_days`.

    Args:
        options: Where, and what to say and to hear there.
        timeout: Seconds for all of it; that of *options* unless told.
    """
    return await bounded(options.timeout if timeout is None else timeout, partial(_look, options))


async def _look(options: TcpOptions, progress: Progress) -> str:
    if options.address is None:
        raise LookFailed("there is nothing to connect to; set address", ours=True)
    host, port = split(options.address)
    began = trio.current_time()
    stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] = await connect(host, port, progress)
    took = trio.current_time() - began
    progress.figures["connect_s"] = round(took, 6)
    days: float | None = None
    try:
        if options.tls:
            stream = await secure(stream, host, progress, verify=options.verify, ca_file=options.ca_file)
            days = days_left(certificate_of(cast("ShowsCertificate", stream)))
            if days is not None:
                progress.figures["certificate_days"] = round(days, 2)
        await _talk(stream, options, progress)
    except trio.BrokenResourceError as error:
        raise LookFailed(f"the connection broke, {progress.doing}") from error
    finally:
        await trio.aclose_forcefully(stream)
    took = trio.current_time() - began
    if options.max_latency is not None and took > options.max_latency:
        raise LookFailed(f"took {took:.3f} s, expected {options.max_latency:g} s or less")
    require_days(days, options.certificate_days)
    said = "" if options.expect is None else f", which says {shown(options.expect)}"
    return f"connected to {options.address} in {took:.3f} s{said}"


async def _talk(stream: trio.abc.Stream, options: TcpOptions, progress: Progress) -> None:
    if options.send is not None:
        progress.doing = "sending"
        await stream.send_all(options.send.encode())
    if options.expect is None:
        return
    wanted = options.expect.encode()
    heard = bytearray()
    while wanted not in heard:
        progress.doing = f"waiting for {shown(options.expect)}, having heard {_said(heard)}"
        data = await stream.receive_some(CHUNK_BYTES)
        heard += data
        if not data or len(heard) > MOST_ANSWER:
            ending = "it closed the connection" if not data else f"{len(heard):,} bytes"
            raise LookFailed(f"expected {shown(options.expect)}, heard {_said(heard)} ({ending})")


def _said(heard: bytes | bytearray) -> str:
    return shown(one_line(heard[:SHOWN].decode("utf-8", "replace"))) if heard else "nothing"
