"""Senders: one for each receiver, so that a slow one delays nobody else."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, TypeVar

import attrs
import trio

from actors.masking import mask_addresses
from actors.runtime import Actor, Bus, Cell, Message, Timer
from actors.store import Store, StoreError
from actors.webhooks import rows
from actors.webhooks.disabling import disabled
from actors.webhooks.messages import NoticeFailed, NoticeSent
from actors.webhooks.noting import AHEAD, Desk, Notes
from actors.webhooks.rules import Attempt, RetryPolicy, next_attempt, rest

T = TypeVar("T")

if TYPE_CHECKING:
    from actors.webhooks.delivery import Delivery

log = logging.getLogger("actors.webhooks")

IDLE_SECONDS = 60.0
"""A sender that has nothing to do for so long ends; the outbox starts another when there is something again."""
LONGEST_SLEEP = 60.0
"""Seconds until it looks again in any case: what is due is told by the time of day, which may be set."""
GATHER_SECONDS = 0.01
"""How long an outcome waits for others to be noted with it."""
STORE_SECONDS = 5.0
"""Until the store is asked again that did not answer. Without it nothing is sent: nobody would know afterwards."""
SETTLE_SECONDS = 2.0
"""How long noting what became of an attempt may go on while everything stops."""


@attrs.frozen
class Office:
    """What all senders share."""

    store: Store
    bus: Bus
    sending: Cell[bool]
    """False: what comes is kept."""
    delivery: "Delivery"
    policy: RetryPolicy
    random: Random
    rests_until: dict[str, float] = attrs.field(factory=dict[str, float])
    """By host, on Trio's clock: where one address was told to leave all of them alone."""


def host_of(receiver: str) -> str:
    """The host of a receiver."""
    return receiver.partition(":")[0]


class Sender(Actor):
    """Sends what waits for one receiver, one after the other, first attempts in order."""

    def __init__(self, desk: Desk, office: Office) -> None:
        self._desk = desk
        self._office = office
        self._alarm: Timer | None = None
        self._notes = Notes(desk, office.store, office.policy, self._noted)
        self._noting = False
        self._enough = trio.Event()
        """So many outcomes are there that they are worth a transaction."""

    async def on_start(self) -> None:
        self._desk.woken = True
        self.context.tell(LookForWork())

    async def on_stop(self) -> None:
        # What happened is noted, whatever happens to us; what did not is not counted as an attempt.
        with trio.move_on_after(SETTLE_SECONDS):
            await self._notes.settle(take=False)
            await self._notes.give_back()

    async def work(self) -> None:
        """Send the next notices that are due; then, or when there are none, see to it that we come back."""
        self._desk.woken = False
        self._sleep(None)
        for _ in range(AHEAD):  # and not more: what else we are told is not to wait for all of them
            if not await self._next():
                return
        self.wake()

    async def _next(self) -> bool:
        """Send the next notice; False: there is none now, and when there may be is seen to."""
        office, desk = self._office, self._desk
        try:
            if not office.sending.value:
                await self._notes.give_back()
                self._sleep(IDLE_SECONDS)
                return False
            if (resting := await self._resting()) > 0:
                await self._notes.give_back()
                self._sleep(resting)
                return False
            await self._notes.take()
            if not office.sending.value:  # it was paused meanwhile
                await self._notes.give_back()
                self._sleep(IDLE_SECONDS)
                return False
        except StoreError as error:
            log.warning("webhooks.store_failed error=%s next=wait", error)
            self._sleep(STORE_SECONDS)
            return False
        if not desk.turns:
            self._sleep(IDLE_SECONDS if desk.due_at is None else max(desk.due_at - time.time(), 0.0))
            return False
        await self._send(desk.turns.popleft())
        return True

    def wake(self) -> None:
        """Look for work once what is queued is handled."""
        if not self._desk.woken:
            self._desk.woken = self.context.tell(LookForWork())

    async def rang(self) -> None:
        """Look again after a sleep; end if that was for want of work and there is still none."""
        if self._desk.woken:
            return
        waiting = await self._ask(rows.receivers, default=(self._desk.receiver,))
        if self._desk.receiver in waiting and self._office.sending.value:
            self.wake()
        else:
            self.context.stop()

    async def _resting(self) -> float:
        """Seconds that the receiver is still to be left alone; above 0 if it is."""
        desk, now = self._desk, trio.current_time()
        if desk.rests_until is None:
            asked = await self._office.store.read(lambda c: rows.resting_until(c, desk.receiver))
            desk.rests_until = now if asked is None else now + asked - time.time()
        everywhere = self._office.rests_until.get(host_of(desk.receiver), now)
        return max(desk.rests_until, everywhere) - now

    async def _send(self, notice: rows.Waiting) -> None:
        office, desk = self._office, self._desk
        desk.under_way = notice.number
        try:
            attempt = await office.delivery.attempt(notice, office.policy.deadline)
        finally:
            desk.under_way = None
        now = time.time()
        again_at = next_attempt(
            office.policy,
            attempt,
            attempts=notice.attempts,
            first_at=notice.first_attempt_at,
            now=now,
            random=office.random,
        )
        if again_at is None and attempt.again:
            error = f"{attempt.error}; given up after {notice.attempts} attempts"
            attempt = attrs.evolve(attempt, error=error)
        desk.failures = 0 if attempt.sent else desk.failures + 1
        seconds = rest(attempt, desk.failures, office.random)
        desk.rests_until = trio.current_time() + seconds
        if attempt.everywhere:
            office.rests_until[host_of(desk.receiver)] = desk.rests_until
        asked = now + seconds if seconds > 0 and attempt.status is not None else None
        desk.outcomes.append(rows.Outcome(notice, attempt, now, again_at, asked))
        if attempt.sent and seconds == 0 and desk.turns and len(desk.outcomes) < AHEAD:
            self._note_beside()  # the next one need not wait for that
            return
        # It happened, whatever happens to us: noted also while everything stops.
        with trio.move_on_after(SETTLE_SECONDS, shield=True):
            await self._notes.settle(take=seconds == 0 and office.sending.value)

    def _note_beside(self) -> None:
        """Note what became of the last attempts while the next one is made."""
        if len(self._desk.outcomes) >= AHEAD // 2:
            self._enough.set()
        if not self._noting:
            self._noting = True
            self.context.start_soon(self._note)

    async def _note(self) -> None:
        try:
            while self._desk.outcomes:
                with trio.move_on_after(GATHER_SECONDS):
                    await self._enough.wait()
                self._enough = trio.Event()
                await self._notes.settle(take=self._office.sending.value)
        finally:
            self._noting = False

    def _noted(self, outcome: rows.Outcome, why: str | None) -> None:
        """An outcome is on the disk: let everybody know."""
        if why is not None:
            self._tell_disabled(outcome.notice, why)
        self._tell(outcome.notice, outcome.attempt, outcome.next_attempt_at)

    def _tell_disabled(self, notice: rows.Waiting, why: str) -> None:
        address = mask_addresses(notice.url)
        log.warning("webhooks.address_disabled to=%s why=%r next=send_nothing", address, why)
        self._office.bus.publish(disabled(self._desk.receiver, notice.url, why))

    def _tell(self, notice: rows.Waiting, attempt: Attempt, again_at: float | None) -> None:
        address = mask_addresses(notice.url)
        about = (notice.id, notice.key, address, notice.webhook_type, notice.attempts)
        if attempt.error is None and attempt.status is not None:
            took = attempt.took * 1000.0
            log.info("webhook.sent id=%s to=%s attempts=%d took_ms=%.0f", notice.id, address, notice.attempts, took)
            self._office.bus.publish(NoticeSent(*about, attempt.status, took))
            return
        at = None if again_at is None else datetime.fromtimestamp(again_at, UTC)
        # No error of ours, and never one: an alert on our log's errors would go out by webhook, and fail again.
        log.warning(
            "webhook.failed id=%s to=%s attempts=%d error=%r next=%s",
            notice.id,
            address,
            notice.attempts,
            attempt.error,
            "give_up" if again_at is None else f"retry_in_s={again_at - time.time():.1f}",
        )
        self._office.bus.publish(NoticeFailed(*about, attempt.error or "", attempt.status, at))

    def _sleep(self, seconds: float | None) -> None:
        """Be rung after that time instead of the one before; not at all for None."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        if seconds is not None:
            self._alarm = self.context.after(min(seconds, LONGEST_SLEEP), lambda _: _Rang())

    async def _ask(self, query: Callable[..., T], *, default: T) -> T:
        try:
            return await self._office.store.read(query)
        except StoreError:
            return default


@attrs.frozen
class LookForWork(Message[Sender, None]):
    """There is something to send."""

    async def deliver(self, to: Sender) -> None:
        await to.work()


@attrs.frozen
class _Rang(Message[Sender, None]):
    async def deliver(self, to: Sender) -> None:
        await to.rang()
