"""Bounded queues of messages in front of actors."""

import enum
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs
import trio

from actors.runtime.errors import ActorStopped, InvalidSpec, MailboxFull
from actors.runtime.message import Message
from actors.runtime.reply import ReplySlot


class Full(enum.Enum):
    """What happens to a message that finds its mailbox full. `tell` never waits, whatever the policy."""

    BLOCK = "block"
    """`send` and `ask` wait for room (`ask` until its deadline); a `tell` becomes a dead letter."""
    REJECT = "reject"
    """`send` and `ask` raise `MailboxFull`; a `tell` becomes a dead letter."""
    DROP_OLDEST = "drop_oldest"
    """The oldest message that waits becomes a dead letter and makes room."""
    DROP_NEWEST = "drop_newest"
    """The new message becomes a dead letter."""


class KeepOnRestart(enum.Enum):
    """What a restart does with the messages that were queued. The one that crashed is gone in any case."""

    ALL = "all"
    FAIL_ASKS = "fail_asks"
    """Tells are kept; queued asks are answered with `ActorRestarting`."""
    NOTHING = "nothing"
    """Queued asks are answered with `ActorRestarting`, tells become dead letters."""


@attrs.frozen
class MailboxOptions:
    """How much a mailbox holds and what it does when full.

    Args:
        capacity: Messages in the channel, 1 or more. One batch more may be in the actor's hand.
        full: What happens to a message that finds it full.
        batch: Messages taken from the channel at a time, 1 or more; others get a turn after each batch.
        keep: What a restart does with the queue.
    """

    capacity: int = 256
    full: Full = Full.BLOCK
    batch: int = 32
    keep: KeepOnRestart = KeepOnRestart.ALL

    def __attrs_post_init__(self) -> None:
        for field in ("capacity", "batch"):
            got = getattr(self, field)
            if not isinstance(got, int) or got < 1:
                raise InvalidSpec(f"mailbox.{field}", got, "a whole number of 1 or more")


@attrs.frozen
class DeadLetter:
    """A message that nobody will handle, and why."""

    path: str
    message: str
    """The name of the message's class; its content may be secret."""
    reason: str


@attrs.define(eq=False)
class Envelope:
    """A message on its way, with what its delivery needs to know."""

    message: Message[Any, Any]
    slot: ReplySlot[Any] | None
    deadline: float
    correlation: str | None
    sent_at: float
    on_taken: Callable[[], None] | None = None
    """Called once, when the message leaves the queue for whatever reason. Timers count on it."""


@attrs.define
class MailboxCounts:
    """Where the messages went. At rest: sent is the sum of all the others and of what is queued."""

    sent: int = 0
    handled: int = 0
    crashed: int = 0
    interrupted: int = 0
    """Being handled when the actor was killed."""
    abandoned: int = 0
    """Asks whose caller was cancelled before their turn."""
    expired: int = 0
    """Asks whose deadline passed before their turn."""
    dead_lettered: int = 0


class Mailbox:
    """The queue of one actor, kept beside its ref: a restart does not touch it unless told to.

    A Trio memory channel, drained in batches: what was taken but not handled yet waits in `_batch`, which survives
    a crash. Waiting for room is the only thing that ever waits, and only under `Full.BLOCK`, so that making room and
    filling it are always one step.
    """

    def __init__(self, path: str, options: MailboxOptions, dead_letter: Callable[[DeadLetter], None]) -> None:
        self.path = path
        self.options = options
        self.counts = MailboxCounts()
        self.peak = 0
        self.closed = False
        self._publish = dead_letter
        self._batch: deque[Envelope] = deque()
        self._send, self._receive = trio.open_memory_channel[Envelope](options.capacity)

    @property
    def depth(self) -> int:
        """Messages that wait, those of the batch in hand included."""
        return len(self._batch) + self._receive.statistics().current_buffer_used

    def oldest(self) -> float | None:
        """When the message that waits longest was sent (seconds of Trio's clock); None if none waits."""
        if not self._batch:
            # A channel cannot be looked into; taking a batch early changes nothing else.
            self._fill_batch()
        return self._batch[0].sent_at if self._batch else None

    def note_peak(self) -> None:
        """Bring `peak` up to date. The queue only grows between two batches, so once a batch is exact."""
        self.peak = max(self.peak, self.depth)

    def put_nowait(self, envelope: Envelope) -> bool:
        """Queue *envelope* without waiting; False if it became a dead letter instead."""
        if self.try_put(envelope):
            return True
        self.counts.sent += 1
        if self.closed:
            self.discard(envelope, "the actor has stopped")
            return False
        return self._put_full(envelope)

    def try_put(self, envelope: Envelope) -> bool:
        """Queue *envelope* if there is room; False, and nothing has happened, if not."""
        if self.closed:
            return False
        try:
            self._send.send_nowait(envelope)
        except trio.WouldBlock:
            return False
        self.counts.sent += 1
        return True

    async def put(self, envelope: Envelope) -> None:
        """Queue *envelope*, waiting for room under `Full.BLOCK`.

        Raises:
            ActorStopped: The mailbox is closed, or was while this waited.
            MailboxFull: There is no room and the policy does not wait.
        """
        if self.options.full is Full.BLOCK and not self.closed:
            await self._put_when_free(envelope)
            return
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self.put_nowait(envelope):
            raise ActorStopped(self.path) if self.closed else self._full()

    async def take(self) -> Envelope:
        """The next message, waiting for one.

        Raises:
            trio.EndOfChannel: The mailbox is closed and empty.
        """
        if not self._batch:
            self._batch.append(await self._receive.receive())
            self.note_peak()
            self._fill_batch()
        return self.pop()

    @property
    def has_batch(self) -> bool:
        """Whether `take` would not wait."""
        return bool(self._batch)

    def pop(self) -> Envelope:
        """Take the first message of the batch in hand, which must not be empty."""
        envelope = self._batch.popleft()
        if envelope.on_taken is not None:
            envelope.on_taken()
        return envelope

    def close(self) -> None:
        """Take no more: senders that wait get `ActorStopped`; what is queued can still be taken."""
        self.closed = True
        self._send.close()

    def discard(self, envelope: Envelope, reason: str, *, error: BaseException | None = None) -> None:
        """Give *envelope* up: its asker gets *error* (or `ActorStopped`), anybody else's becomes a dead letter."""
        if envelope.on_taken is not None:
            envelope.on_taken()
            envelope.on_taken = None
        if envelope.slot is not None:
            if envelope.slot.void:
                self.count_void(envelope)
                return
            envelope.slot.error(error or ActorStopped(self.path))
        self.counts.dead_lettered += 1
        self._publish(DeadLetter(self.path, type(envelope.message).__name__, reason))

    def count_void(self, envelope: Envelope) -> None:
        """Count an ask that nobody waits for any more, by why."""
        if trio.current_time() >= envelope.deadline:
            self.counts.expired += 1
        else:
            self.counts.abandoned += 1

    def restart(self, error: BaseException) -> None:
        """Do with the queue what the options say about a restart, and take messages again if it was closed."""
        if self.closed:
            self._reopen()
        keep = self.options.keep
        if keep is KeepOnRestart.ALL:
            return
        kept: deque[Envelope] = deque()
        while (envelope := self._next_queued()) is not None:
            if keep is KeepOnRestart.FAIL_ASKS and envelope.slot is None:
                kept.append(envelope)
            else:
                self.discard(envelope, "the actor restarts", error=error)
        self._batch = kept

    def drop_all(self, reason: str) -> None:
        """Close, and give up everything that is queued."""
        self.close()
        while (envelope := self._next_queued()) is not None:
            self.discard(envelope, reason)
        self._receive.close()

    def _reopen(self) -> None:
        self._batch = deque(iter(self._next_queued, None))
        self._receive.close()
        self._send, self._receive = trio.open_memory_channel[Envelope](self.options.capacity)
        self.closed = False

    async def _put_when_free(self, envelope: Envelope) -> None:
        try:
            await self._send.send(envelope)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            raise ActorStopped(self.path) from None
        self.counts.sent += 1

    def _put_full(self, envelope: Envelope) -> bool:
        if self.options.full is Full.DROP_OLDEST:
            # The next in line moves from the channel behind the batch in hand, which makes the room.
            self._batch.append(self._receive.receive_nowait())
            self.discard(self._batch.popleft(), "the mailbox was full and drops its oldest", error=self._full())
            self._send.send_nowait(envelope)
            return True
        self.discard(envelope, "the mailbox was full", error=self._full())
        return False

    def _full(self) -> MailboxFull:
        return MailboxFull(self.path, self.options.capacity)

    def _fill_batch(self) -> None:
        for _ in range(self.options.batch - 1):
            try:
                self._batch.append(self._receive.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
                return

    def _next_queued(self) -> Envelope | None:
        if self._batch:
            return self._batch.popleft()
        try:
            return self._receive.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
            return None
