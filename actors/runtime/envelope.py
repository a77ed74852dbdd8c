"""A message on its way, and what it is called."""

from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any, cast

from actors.runtime.message import Message
from actors.runtime.reply import ReplySlot


class Envelope:
    """A message on its way, with what its delivery needs to know. Written out for speed: one per message."""

    __slots__ = ("correlation", "deadline", "message", "on_taken", "sent_at", "slot")

    def __init__(
        self,
        message: Message[Any, Any],
        slot: ReplySlot[Any] | None,
        deadline: float,
        correlation: str | None,
        sent_at: float,
        on_taken: Callable[[], None] | None = None,
    ) -> None:
        self.message = message
        self.slot = slot
        self.deadline = deadline
        self.correlation = correlation
        self.sent_at = sent_at
        self.on_taken = on_taken
        """Called once, when the message leaves the queue for whatever reason. Timers count on it."""


class Resume(Message[Any, Any]):
    """A handler that was called without queueing and turned out to be a coroutine: its own actor runs it.

    An incarnation that comes after the one it was called on (*called_on*) handles the message anew.
    """

    __slots__ = ("_answer", "_called_on", "original")

    def __init__(self, original: Message[Any, Any], answer: Awaitable[Any], called_on: object) -> None:
        self._answer = answer
        self._called_on = called_on
        self.original = original

    def deliver(self, to: object) -> object:
        if to is self._called_on:
            return self._answer
        self.close()
        return self.original.deliver(to)

    def close(self) -> None:
        """It will never run: let the coroutine go without a warning."""
        answer: object = self._answer
        if isinstance(answer, CoroutineType):
            cast("CoroutineType[object, object, object]", answer).close()


def name_of(message: Message[Any, Any]) -> str:
    """What a message is called in errors and records; its content may be secret."""
    return type(message.original if isinstance(message, Resume) else message).__name__


def errors_of(message: Message[Any, Any]) -> tuple[type[Exception], ...]:
    """Which exceptions are answers to *message*."""
    return message.original.errors if isinstance(message, Resume) else message.errors


def release(message: Message[Any, Any]) -> None:
    """Let go of *message*, which nobody will handle (any more)."""
    if isinstance(message, Resume):
        message.close()
