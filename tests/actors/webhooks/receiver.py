"""A receiver of webhooks on loopback that answers as it is told to."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import attrs
import msgspec
import trio

PATIENCE = 20.0
"""Seconds that a test gives to what takes milliseconds on an idle machine."""


@attrs.frozen
class Arrival:
    """One request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Mapping[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])

    @property
    def text(self) -> object:
        """The message, whatever the shape."""
        return next(self.json[key] for key in ("content", "text", "message") if key in self.json)


@attrs.frozen
class Answer:
    """What to answer, and how."""

    status: int = 204
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: bytes = b""
    endless: bool = False
    """The body goes on for ever."""
    silent: bool = False
    """Nothing is answered, ever."""
    broken: bool = False
    """The connection is closed instead."""
    held: trio.Event | None = None
    """It is answered once this is set."""


@attrs.define(eq=False)
class Receiver:
    """Takes every request, notes it, and answers with the next of `answers`, the last one again and again."""

    port: int = 0
    answers: list[Answer] = attrs.field(factory=lambda: [Answer()])
    by_path: dict[str, list[Answer]] = attrs.field(factory=dict[str, list[Answer]])
    arrived: list[Arrival] = attrs.field(factory=list[Arrival])
    more: trio.Event = attrs.field(factory=trio.Event)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def until(self, condition: Callable[[list[Arrival]], bool]) -> list[Arrival]:
        """What arrived, once *condition* holds for it."""
        with trio.fail_after(PATIENCE):
            while not condition(self.arrived):
                await self.more.wait()
        return self.arrived

    async def serve(self, stream: trio.SocketStream | trio.SSLStream[trio.SocketStream]) -> None:
        """Deal with one connection; how it is broken off by the other side is the test's business."""
        try:
            async with stream:
                await self._serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def _serve(self, stream: trio.SocketStream | trio.SSLStream[trio.SocketStream]) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += (part := await stream.receive_some())
            if not part:
                return
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += await stream.receive_some()
        path = first.split()[1]
        self.arrived.append(Arrival(path, headers, body))
        self.more.set()
        self.more = trio.Event()
        answers = self.by_path.get(path.partition("?")[0], self.answers)
        await _answer(stream, answers.pop(0) if len(answers) > 1 else answers[0])


async def _answer(stream: trio.SocketStream | trio.SSLStream[trio.SocketStream], answer: Answer) -> None:
    if answer.silent:
        await trio.sleep_forever()
    if answer.broken:
        return
    if answer.held is not None:
        await answer.held.wait()
    headers = dict(answer.headers)
    if not answer.endless:
        headers["Content-Length"] = str(len(answer.body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    await stream.send_all(f"HTTP/1.1 {answer.status} Said\r\n{lines}Connection: close\r\n\r\n".encode() + answer.body)
    while answer.endless:
        await stream.send_all(b"x" * 4096)


@asynccontextmanager
async def a_receiver(*answers: Answer) -> AsyncGenerator[Receiver, None]:
    """A receiver for the time of the block; without *answers* it takes everything."""
    receiver = Receiver()
    receiver.answers = list(answers) or receiver.answers
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, receiver.serve, 0, host="127.0.0.1")
        listeners = cast("list[trio.SocketListener]", await nursery.start(serve))
        receiver.port = listeners[0].socket.getsockname()[1]
        yield receiver
        nursery.cancel_scope.cancel()
