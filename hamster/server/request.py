"""One request on the fast lane, as ASGI knows it."""

import types
from collections.abc import Awaitable, Coroutine, Generator
from contextvars import Context
from typing import Protocol, TypeVar, cast

import trio
from hypercorn.typing import ASGIReceiveEvent, ASGISendEvent

from hamster.server.answers import AnswerHead, BadAnswer, DateLine, Framing, render
from hamster.server.chunks import BadChunk, ChunkDecoder
from hamster.server.errors import ClientGone
from hamster.server.exchanges import Exchanges, is_event_stream
from hamster.server.heads import CHUNKED, Head
from hamster.server.wire import MAX_RECEIVE, Wire

T = TypeVar("T")

#: A client may send its next requests before it has the answer; of more than this nothing is read until then.
MAX_AHEAD = 2 * MAX_RECEIVE


class Incoming:
    """What came from the client and is not used yet."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.data = bytearray()
        self.gone = False
        """The client has left, or says that it sends no more."""

    async def more(self) -> bool:
        """Wait for more; False: there will be none."""
        data = await self._wire.receive()
        if not data:
            self.gone = True
        self.data += data
        return not self.gone


class Body(Protocol):
    """The body of a request, as it comes."""

    ended: bool

    def take(self, data: bytearray) -> bytes:
        """What of it is at the beginning of *data*, which is removed from there.

        Raises:
            BadChunk: It is broken.
        """
        ...


class SizedBody:
    """One of which the length is known."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.ended = not length

    def take(self, data: bytearray) -> bytes:
        piece = bytes(data[: self._left])
        del data[: len(piece)]
        self._left -= len(piece)
        self.ended = not self._left
        return piece


class ChunkedBody:
    """One that comes in chunks."""

    def __init__(self) -> None:
        self._decoder = ChunkDecoder()
        self.ended = False

    def take(self, data: bytearray) -> bytes:
        piece = self._decoder.feed(bytes(data))
        self.ended = self._decoder.ended
        data[:] = self._decoder.rest
        return piece


class LaneRequest:
    """`receive` and `send` of one request; also what the server ends when it drains, if it is an event stream."""

    def __init__(self, head: Head, incoming: Incoming, wire: Wire, exchanges: Exchanges, date: DateLine) -> None:
        self._head = head
        self._incoming = incoming
        self._wire = wire
        self._exchanges = exchanges
        self._date = date
        self.body: Body = ChunkedBody() if head.length == CHUNKED else SizedBody(head.length)
        self._continue = head.expects_continue
        self._told_body = False
        self._watching: trio.CancelScope | None = None
        self._start: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self.answer: AnswerHead | None = None
        """What was sent of the answer's head."""
        self._sent = 0
        self.ended = False
        """The answer is complete."""
        self.broken = False
        """The body is, so that the client may be told and the connection has to end."""

    @property
    def keep_alive(self) -> bool:
        """Whether another request may follow the answer."""
        answered = self.ended and self.answer is not None and self.answer.keep_alive
        # A client that waits for our word, and got an answer instead, may send the body or not.
        return answered and not (self._continue and not self.body.ended)

    async def receive(self) -> ASGIReceiveEvent:
        """The next piece of the body; behind it the client's leaving, or the end of the answer."""
        if not self._told_body:
            piece = await self._next_piece()
            if piece is not None:
                self._told_body = self.body.ended
                return {"type": "http.request", "body": piece, "more_body": not self.body.ended}
        else:
            await self._watch()
        return {"type": "http.disconnect"}

    async def discard(self) -> None:
        """Read what the application left of the body."""
        while not self.body.ended and await self._next_piece() is not None:
            pass

    async def _next_piece(self) -> bytes | None:
        incoming = self._incoming
        while not self.body.ended and not self.broken:
            if incoming.data:
                piece = self._taken()
                if piece or self.body.ended:
                    return piece
            if self._continue and self._start is None and not self.broken:
                self._continue = False
                await self._wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            if self.broken or not await incoming.more():
                return None
        return b"" if self.body.ended else None

    def _taken(self) -> bytes:
        try:
            return self.body.take(self._incoming.data)
        except BadChunk:
            self.broken = True
            return b""

    async def _watch(self) -> None:
        incoming = self._incoming
        with trio.CancelScope() as self._watching:
            while not self.ended and not incoming.gone:
                if len(incoming.data) > MAX_AHEAD:
                    await trio.sleep_forever()
                await incoming.more()
        self._watching = None

    async def send(self, message: ASGISendEvent) -> None:
        """Take the next part of the answer.

        Raises:
            BadAnswer: It cannot be sent, or does not belong here.
            ClientGone: Nobody is there to get it.
        """
        if self._wire.stream.closed:
            raise ClientGone
        if self.ended:
            await trio.lowlevel.checkpoint()  # the server said goodbye in the application's stead
            return
        match message["type"]:
            case "http.response.start" if self._start is None:
                self._start = (message["status"], list(message.get("headers", ())))
                if is_event_stream(self._start[1]):
                    await self._begin_stream()
            case "http.response.body" if self._start is not None:
                await self._send_body(message.get("body", b""), more=message.get("more_body", False))
            case _:
                started = "has begun" if self._start is not None else "has not begun"
                raise BadAnswer(f"the application sent {message['type']!r}, but its answer {started}")

    async def end(self) -> None:
        """Complete an event stream in the application's stead."""
        if not self.ended:
            await self._send_body(b"", more=False)

    def forget(self) -> None:
        self._exchanges.streams.discard(self)

    async def _begin_stream(self) -> None:
        self._exchanges.streams.add(self)
        if self._exchanges.draining:
            await self.end()

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        data = b""
        answer = self.answer
        if answer is None:
            answer = self._render(None if more else len(body))
            data = answer.data
        data += self._framed(answer, body, more=more)
        self.answer = answer
        if not more:
            self._complete()
        if data:
            await self._wire.send(data)
        if more:
            await trio.lowlevel.checkpoint()  # an endless answer to a fast client must not stop everybody else

    def _render(self, body_length: int | None) -> AnswerHead:
        if self._start is None:
            raise BadAnswer("an answer ended that has not begun")
        return render(
            self._start[0],
            self._start[1],
            method=self._head.method,
            version=self._head.version,
            keep_alive=self._head.keep_alive and not self._exchanges.draining,
            date=self._date(),
            body_length=body_length,
        )

    def _framed(self, answer: AnswerHead, body: bytes, *, more: bool) -> bytes:
        match answer.framing:
            case Framing.NONE:
                return b""
            case Framing.CLOSE:
                return body
            case Framing.CHUNKED:
                chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
                return chunk if more else chunk + b"0\r\n\r\n"
            case Framing.LENGTH:
                self._sent += len(body)
                if answer.length is not None and (
                    self._sent > answer.length or (self._sent < answer.length and not more)
                ):
                    raise BadAnswer(f"the body has {self._sent} bytes, and {answer.length} were announced")
                return body

    def _complete(self) -> None:
        self.ended = True
        if self._watching is not None:
            self._watching.cancel()


@types.coroutine
def in_context(context: Context, coroutine: Coroutine[object, object, T]) -> Generator[object, object, T]:
    """Run *coroutine* to its end in *context*: what it sets there is not seen by the next request."""
    try:
        yielded = context.run(coroutine.send, None)
        while True:
            try:
                received = yield yielded
            except BaseException as error:
                yielded = context.run(coroutine.throw, error)
            else:
                yielded = context.run(coroutine.send, received)
    except StopIteration as stopped:
        return cast("T", stopped.value)


def as_coroutine(awaitable: Awaitable[T]) -> Coroutine[object, object, T]:
    """*awaitable* as what `in_context` drives."""
    if isinstance(awaitable, Coroutine):
        return cast("Coroutine[object, object, T]", awaitable)

    async def wait() -> T:
        return await awaitable

    return wait()
