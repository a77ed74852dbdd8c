"""Run by the tests: a server that may open few files, so that accepting fails."""

import logging
import resource
import sys

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from hamster.server import bind_sockets, open_server
from tests.hamster.clients import answer, with_lifespan

FILES = 40


@with_lifespan
async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    await answer(send)


async def main() -> None:
    async with open_server(app, sockets=await bind_sockets("127.0.0.1")) as server:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        print(server.ports[0], flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
        print(server.statistics().accept_pauses, flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    trio.run(main)
