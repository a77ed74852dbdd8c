"""Accepting: bounds, and a machine that has run out."""

import contextlib
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from hamster.server import ServerLimits
from tests.hamster.clients import Client, answer, connected, serving, until, with_lifespan
from tests.hamster.server.starved_server import FILES

pytestmark = pytest.mark.usefixtures("both_protocols")

ROOT = Path(__file__).parents[3]


@with_lifespan
async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    await answer(send)


async def test_one_client_too_many_is_told_503_and_the_others_stay():
    with trio.fail_after(10):
        async with (
            serving(app, limits=ServerLimits(max_connections=2)) as server,
            connected(server) as one,
            connected(server) as two,
        ):
            assert (await one.ask("GET", "/")).body == (await two.ask("GET", "/")).body == b"ok"
            async with connected(server) as third:
                reply = await third.ask("GET", "/")
                assert (reply.status, reply.headers["connection"]) == (503, "close")
                assert reply.json() == {"detail": "Service Unavailable", "status_code": 503}
            assert (await one.ask("GET", "/")).body == b"ok"
            statistics = server.statistics()
            assert (statistics.open_connections, statistics.accepted, statistics.refused) == (2, 2, 1)


async def test_a_place_is_free_again_when_a_client_leaves():
    with trio.fail_after(10):
        async with serving(app, limits=ServerLimits(max_connections=1)) as server:
            for _ in range(5):
                async with connected(server) as client:
                    assert (await client.ask("GET", "/")).body == b"ok"
                await until(lambda: server.statistics().open_connections == 0, "the place being free")
            assert server.statistics().refused == 0


@pytest.mark.slow
async def test_a_crowd_beyond_the_bound_does_not_stop_those_within():
    with trio.fail_after(20):
        async with (
            serving(app, limits=ServerLimits(max_connections=3)) as server,
            contextlib.AsyncExitStack() as stack,
        ):
            inside = [await stack.enter_async_context(connected(server)) for _ in range(3)]
            for client in inside:
                assert (await client.ask("GET", "/")).body == b"ok"
            for _ in range(200):
                await stack.enter_async_context(connected(server))
            await until(lambda: server.statistics().refused == 200, "all others being turned away")
            for client in inside:
                assert (await client.ask("GET", "/")).body == b"ok"


async def line(stream: trio.abc.ReceiveStream) -> bytes:
    got = b""
    while not got.endswith(b"\n"):
        got += await stream.receive_some(1)
    return got


@pytest.mark.slow
async def test_a_process_out_of_files_pauses_says_so_once_and_goes_on():
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "tests.hamster.server.starved_server"]
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            child: trio.Process = await nursery.start(
                partial(
                    trio.run_process,
                    command,
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            )
            assert child.stdout is not None
            assert child.stdin is not None
            assert child.stderr is not None
            port = int(await line(child.stdout))
            async with contextlib.AsyncExitStack() as stack:
                # The kernel completes all of these; the process can accept only some.
                for _ in range(FILES * 2):
                    await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
                said = b""
                while b"server.accept_paused" not in said:
                    said += await child.stderr.receive_some()
            late = await trio.open_tcp_stream("127.0.0.1", port)
            async with late:
                assert (await Client(late).ask("GET", "/")).body == b"ok"
            await child.stdin.send_all(b"done\n")
            assert int(await line(child.stdout)) >= 1
            async for more in child.stderr:
                said += more
    assert said.count(b"server.accept_paused") == 1
    assert said.count(b"server.accept_resumed") == 1
    assert b"Traceback" not in said
