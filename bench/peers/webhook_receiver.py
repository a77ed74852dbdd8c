"""A receiver of webhooks in a process of its own, as fast as a few lines are: it notes ids, and answers 204.

`python -m bench.peers.webhook_receiver`: prints its port. A request whose path begins with /hang is never answered.
"""

import sys
from functools import partial
from typing import cast

import trio

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
HANG = b"POST /hang"
COUNT = b"GET /count"
IDS = b"GET /ids"


class Receiver:
    """Takes everything."""

    def __init__(self) -> None:
        self._ids: list[bytes] = []

    async def serve(self, stream: trio.SocketStream) -> None:
        """Deal with one connection."""
        received = b""
        try:
            while True:
                while (end := received.find(b"\r\n\r\n")) < 0:
                    if not (part := await stream.receive_some()):
                        return
                    received += part
                head, received = received[:end].lower(), received[end + 4 :]
                if head.startswith(HANG.lower()):
                    await trio.sleep_forever()
                length = int(_header(head, b"content-length") or 0)
                while len(received) < length:
                    received += await stream.receive_some()
                received = received[length:]
                await stream.send_all(self._answer(head))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    def _answer(self, head: bytes) -> bytes:
        if head.startswith(COUNT.lower()):
            return _said(f"{len(self._ids)} {len(set(self._ids))}".encode())
        if head.startswith(IDS.lower()):
            ids, self._ids = self._ids, []
            return _said(b"\n".join(ids))
        self._ids.append(_header(head, b"webhook-id"))
        return ANSWER


def _header(head: bytes, name: bytes) -> bytes:
    at = head.find(b"\r\n" + name + b":")
    return b"" if at < 0 else head[at + len(name) + 3 :].partition(b"\r\n")[0].strip()


def _said(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def main() -> None:
    """Serve for ever."""
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, Receiver().serve, 0, host="127.0.0.1")
        listeners = cast("list[trio.SocketListener]", await nursery.start(serve))
        sys.stdout.write(f"{listeners[0].socket.getsockname()[1]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main)
