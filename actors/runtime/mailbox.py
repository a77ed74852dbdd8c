"""Bounded queues of messages in front of actors."""

import enum
from collections import deque
from collections.abc import Callable

import attrs
import trio

from actors.runtime.envelope import Envelope, name_of, release
from actors.runtime.errors import ActorStopped, InvalidSpec, MailboxFull
from actors.runtime.histogram import BUCKETS


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
    """Everything is kept, in order."""
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


@attrs.frozen
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

    A Trio memory channel, drained in batches: what was taken but not handled yet waits in `batch`, which survives
    a crash. Waiting for room is the only thing that ever waits, and only under `Full.BLOCK`, so that making room and
    filling it are always one step.
    """

    def __init__(self, path: str, options: MailboxOptions, dead_letter: Callable[[DeadLetter], None]) -> None:
        self.path = path
        self.options = options
        self.peak = 0
        self.closed = False
        self.parked = False
        """The actor waits in `refill`, and there is no message for it."""
        self._reader: trio.lowlevel.Task | None = None
        self._senders_waiting = 0
        self.batch: deque[Envelope] = deque()
        self.waits = [0] * BUCKETS
        """How long messages waited for their turn: how often, by `histogram.bucket`."""
        self.sent = self.handled = self.crashed = self.interrupted = 0
        self.abandoned = self.expired = self.dead_lettered = 0
        self._unsifted = 0
        """Messages at the front of the channel that were there before a restart, which may not keep them."""
        self._restart_error: BaseException = ActorStopped(path)
        self._publish = dead_letter
        self._in_channel = 0
        """About how many messages the channel holds: a message of a sender that had to wait is counted a moment late.
        Above 0 it is worth looking; looking in vain costs an exception."""
        self._send, self._receive = trio.open_memory_channel[Envelope](options.capacity)

    @property
    def depth(self) -> int:
        """Messages that wait, those of the batch in hand included."""
        return len(self.batch) + self._receive.statistics().current_buffer_used

    @property
    def room(self) -> int:
        """Messages that can be put without waiting."""
        return self.options.capacity - self._receive.statistics().current_buffer_used

    @property
    def blocked(self) -> int:
        """Senders that wait for room."""
        return self._send.statistics().tasks_waiting_send

    def counts(self) -> MailboxCounts:
        """A record of now."""
        return MailboxCounts(
            self.sent,
            self.handled,
            self.crashed,
            self.interrupted,
            self.abandoned,
            self.expired,
            self.dead_lettered,
        )

    def oldest(self) -> float | None:
        """When the message that waits longest was sent (seconds of Trio's clock); None if none waits."""
        if not self.batch:
            # A channel cannot be looked into; taking a batch early changes nothing else.
            self._fill_batch()
        return self.batch[0].sent_at if self.batch else None

    def note_peak(self) -> None:
        """Bring `peak` up to date. The queue only grows between two batches, so once a batch is exact."""
        self.peak = max(self.peak, self.depth)

    # -- putting

    def try_put(self, envelope: Envelope) -> bool:
        """Queue *envelope* if there is room; False, and nothing has happened, if not."""
        try:
            self._send.send_nowait(envelope)
        except (trio.WouldBlock, trio.ClosedResourceError):
            return False
        self.sent += 1
        self._in_channel += 1
        if self.parked:
            self._wake()
        return True

    def put_nowait(self, envelope: Envelope) -> bool:
        """Queue *envelope* without waiting; False if it became a dead letter instead."""
        try:  # `try_put`, written out: this is the path of every tell
            self._send.send_nowait(envelope)
        except (trio.WouldBlock, trio.ClosedResourceError):
            return self._put_nowhere(envelope)
        self.sent += 1
        self._in_channel += 1
        if self.parked:
            self._wake()
        return True

    async def put(self, envelope: Envelope) -> None:
        """Queue *envelope*, waiting for room under `Full.BLOCK`.

        Raises:
            ActorStopped: The mailbox is closed, or was while this waited.
            MailboxFull: There is no room and the policy does not wait.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.try_put(envelope):
            return
        if self.options.full is Full.BLOCK and not self.closed:
            await self._put_when_free(envelope)
        elif not self.put_nowait(envelope):
            raise ActorStopped(self.path) if self.closed else self._full()

    # -- taking

    async def refill(self) -> None:
        """Have something in `batch`, waiting for it.

        The actor parks here and not in the channel, which would hand it a message past `batch` and cost an exception
        whenever it is empty: so an empty channel is never asked unless a sender that waited may just have filled it.

        Raises:
            trio.EndOfChannel: The mailbox is closed and empty.
        """
        if self._in_channel > 0 or self._senders_waiting:
            self._fill_batch()
            if self.batch:
                self._note_batch()
                await trio.lowlevel.checkpoint()  # after each batch others get a turn
                return
        while True:
            if self.closed:
                self._fill_batch()
                if self.batch:
                    return
                await trio.lowlevel.checkpoint_if_cancelled()
                raise trio.EndOfChannel
            self._reader = trio.lowlevel.current_task()
            self.parked = True
            await trio.lowlevel.wait_task_rescheduled(self._abort)
            self._fill_batch()
            if self.batch:
                self._note_batch()
                return

    def _wake(self) -> None:
        """Wake the actor, which is parked. Armed and disarmed in single steps: see `ReplySlot`."""
        self.parked = False
        reader, self._reader = self._reader, None
        if reader is not None:
            trio.lowlevel.reschedule(reader)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self.parked = False
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    # -- ending

    def close(self) -> None:
        """Take no more: senders that wait get `ActorStopped`; what is queued can still be taken."""
        self.closed = True
        self._send.close()
        if self.parked:
            self._wake()

    def discard(self, envelope: Envelope, reason: str, *, error: BaseException | None = None) -> None:
        """Give *envelope* up: its asker gets *error* (or `ActorStopped`), anybody else's becomes a dead letter."""
        if envelope.on_taken is not None:
            envelope.on_taken()
        if envelope.slot is not None:
            if envelope.slot.void:
                self.count_void(envelope)
                return
            envelope.slot.error(error or ActorStopped(self.path))
        self.dead_lettered += 1
        release(envelope.message)
        self._publish(DeadLetter(self.path, name_of(envelope.message), reason))

    def count_void(self, envelope: Envelope) -> None:
        """Count an ask that nobody waits for any more, by why."""
        release(envelope.message)
        if trio.current_time() >= envelope.deadline:
            self.expired += 1
        else:
            self.abandoned += 1

    def restart(self, error: BaseException) -> None:
        """Do with the queue what the options say about a restart, and take messages again if it was closed.

        Senders that wait for room keep waiting, and none of them is let in beyond the bound.
        """
        if self.blocked:
            if self.options.keep is not KeepOnRestart.ALL:
                self._sift_all(error)
            return
        queued = list(iter(self._next_queued, None))
        self._unsifted = 0
        if self.closed:
            self._reopen()
        kept = [envelope for envelope in queued if self._survives(envelope, error)]
        in_hand = max(0, len(kept) - self.options.capacity)
        self.batch.extend(kept[:in_hand])
        for envelope in kept[in_hand:]:
            self._send.send_nowait(envelope)
            self._in_channel += 1

    def drop_all(self, reason: str) -> None:
        """Close, and give up everything that is queued."""
        self.close()
        self._unsifted = 0
        while (envelope := self._next_queued()) is not None:
            self.discard(envelope, reason)
        self._receive.close()

    def _reopen(self) -> None:
        self._receive.close()
        self._send, self._receive = trio.open_memory_channel[Envelope](self.options.capacity)
        self.closed = False

    def _survives(self, envelope: Envelope, error: BaseException) -> bool:
        """Whether a restart keeps *envelope*; if not, it is given up."""
        keep = self.options.keep
        if keep is KeepOnRestart.ALL or (keep is KeepOnRestart.FAIL_ASKS and envelope.slot is None):
            return True
        self.discard(envelope, "the actor restarts", error=error)
        return False

    def _sift_all(self, error: BaseException) -> None:
        queued = tuple(self.batch)
        self.batch.clear()
        self.batch.extend(envelope for envelope in queued if self._survives(envelope, error))
        # Each message that leaves the channel lets a sender in, so no more are taken than the batch has room for; the
        # others are looked at when their batch is filled.
        self._unsifted, self._restart_error = self.options.capacity, error
        self._sift()

    def _sift(self) -> None:
        while self._unsifted and len(self.batch) < self.options.batch:
            self._unsifted -= 1
            self._in_channel -= 1
            envelope = self._receive.receive_nowait()
            if self._survives(envelope, self._restart_error):
                self.batch.append(envelope)

    async def _put_when_free(self, envelope: Envelope) -> None:
        self._senders_waiting += 1
        try:
            await self._send.send(envelope)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            raise ActorStopped(self.path) from None
        finally:
            self._senders_waiting -= 1
        self.sent += 1
        self._in_channel += 1
        if self.parked:
            self._wake()

    def _put_nowhere(self, envelope: Envelope) -> bool:
        self.sent += 1
        if self.closed:
            self.discard(envelope, "the actor has stopped")
            return False
        if self.options.full is Full.DROP_OLDEST:
            # The next in line moves from the channel behind the batch in hand, which makes the room.
            # One leaves the channel and one enters it.
            self.batch.append(self._receive.receive_nowait())
            self.discard(self.batch.popleft(), "the mailbox was full and drops its oldest", error=self._full())
            self._send.send_nowait(envelope)
            return True
        self.discard(envelope, "the mailbox was full", error=self._full())
        return False

    def _full(self) -> MailboxFull:
        return MailboxFull(self.path, self.options.capacity)

    def _fill_batch(self) -> None:
        if self._unsifted:
            self._sift()
        receive, batch = self._receive.receive_nowait, self.batch
        before = len(batch)
        # Where no sender waits the count is exact, and the exception of an empty channel is never met.
        most = self.options.batch - before
        if not self._senders_waiting and not self.closed:
            most = min(most, self._in_channel)
        try:
            for _ in range(most):
                batch.append(receive())
        except (trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
            pass
        self._in_channel -= len(batch) - before

    def _note_batch(self) -> None:
        # Asking the channel costs more than all the rest of a message: only when there may be more in it.
        if len(self.batch) < self.options.batch:
            self.peak = max(self.peak, len(self.batch))
        else:
            self.note_peak()

    def _next_queued(self) -> Envelope | None:
        if self.batch:
            return self.batch.popleft()
        try:
            envelope = self._receive.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
            return None
        self._in_channel -= 1
        return envelope
