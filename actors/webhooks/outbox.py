"""The outbox: it sees what waits, and has a sender for each receiver of it."""

import hashlib
import logging
import re
import time
from random import Random
from typing import TYPE_CHECKING, cast

import attrs
import trio

from actors.masking import mask_addresses
from actors.runtime import (
    Actor,
    ActorState,
    ActorStopped,
    Backoff,
    Bus,
    Cell,
    ChildSpec,
    Message,
    Ref,
    Restart,
    Supervisor,
)
from actors.store import Store, StoreError
from actors.webhooks import rows
from actors.webhooks.messages import NoticeQueued, NoticesAdded, WebhookType
from actors.webhooks.rules import RetryPolicy
from actors.webhooks.sender import Desk, LookForWork, Office, Sender

if TYPE_CHECKING:
    from actors.webhooks.delivery import Delivery

log = logging.getLogger("actors.webhooks")

PAUSE_SECONDS = 0.05
"""Between two looks when messages come in crowds; who is sending looks for itself."""
LOOK_SECONDS = 15.0
"""Between two looks at what waits, should nobody have told us."""
TIDY_SECONDS = 3600.0
TOLD_AT_ONCE = 100
"""Notices of which it is told that they came, at each look."""
SENDERS = 256
"""Receivers that are sent to at the same time; those of the oldest notices come first."""
SENDER_GRACE = 2.0
"""Seconds for the attempt in progress when we stop; cut off, it is made again after the next start."""
SENDER_BACKOFF = Backoff(initial=1.0, maximum=60.0, at_once=0)


@attrs.define(eq=False)
class Outbox:
    """What is remembered beside the outbox's actor."""

    store: Store
    bus: Bus
    sending: Cell[bool]
    random: Random
    supervisor: Supervisor
    policy: RetryPolicy = attrs.field(factory=RetryPolicy)
    senders: dict[str, tuple[Desk, Ref[Sender]]] = attrs.field(factory=dict[str, tuple[Desk, Ref[Sender]]])
    """By receiver."""
    private: bool = False
    """Whether notices may go to addresses that are not public."""
    told_until: int | None = None
    """The number of the last notice that was told of as queued."""
    office: Office | None = None
    """Made with the first sender: most of what it takes is of no use to who sends nothing."""


class OutboxActor(Actor):
    """Wakes senders. It sends nothing itself, and waits for none of them."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._told = False
        self._looked_at = -PAUSE_SECONDS

    async def on_start(self) -> None:
        self.context.start_soon(self._follow_notices)
        self.context.start_soon(self._follow_switch)
        self.context.every(LOOK_SECONDS, lambda _: _LookAround())
        self.context.every(TIDY_SECONDS, lambda _: _Tidy())
        self.context.tell(_Tidy())
        self._look_soon()

    async def look(self) -> None:
        """Wake the senders of all receivers that something waits for."""
        box = self._outbox
        self._told, self._looked_at = False, trio.current_time()
        await self._tell_queued()
        if not box.sending.value:
            return
        try:
            # As a write, behind those that were given to the store before: a notice may be among them.
            waiting = await box.store.write(rows.receivers, durable=False)
        except StoreError as error:
            log.warning("webhooks.store_failed error=%s next=look_later", error)
            return
        for receiver in waiting[:SENDERS]:
            await self._wake(receiver)

    async def _tell_queued(self) -> None:
        """Tell of what came since the last look; of a crowd only the newest."""
        box = self._outbox
        try:
            if box.told_until is None:
                box.told_until = await box.store.write(rows.last_number, durable=False)
                return
            added = await box.store.write(rows.added_since(box.told_until, TOLD_AT_ONCE), durable=False)
        except StoreError:
            return  # the look that follows says so
        for number, key, url, webhook_type in added:
            box.told_until = number
            kind = cast("WebhookType", webhook_type)
            box.bus.publish(NoticeQueued(f"webhook_{number}", key, mask_addresses(url), kind))

    async def tidy(self) -> None:
        """Forget what was sent or given up long ago."""
        self._outbox.store.write_later(lambda connection: rows.tidy(connection, time.time()))

    async def _wake(self, receiver: str) -> None:
        box = self._outbox
        if receiver in box.senders:
            desk, ref = box.senders[receiver]
            if ref.state not in (ActorState.STOPPED, ActorState.FAILED):
                desk.woken = desk.woken or ref.tell(LookForWork())
                if desk.woken:
                    return
            await self._forget(receiver)  # it has ended, or is about to
        if len(box.senders) < SENDERS or await self._forget_one_that_ended():
            await self._hire(receiver)

    async def _hire(self, receiver: str) -> None:
        box = self._outbox
        if box.office is None:
            delivery = await trio.to_thread.run_sync(_delivery, box.private)
            box.office = Office(box.store, box.bus, box.sending, delivery, box.policy, box.random)
        desk, office = Desk(receiver), box.office
        spec = ChildSpec(
            sender_name(receiver),
            lambda: Sender(desk, office),
            restart=Restart.TRANSIENT,
            grace=SENDER_GRACE,
            backoff=SENDER_BACKOFF,
        )
        try:
            box.senders[receiver] = desk, await box.supervisor.start(spec)
        except ActorStopped:
            return  # everything stops

    async def _forget_one_that_ended(self) -> bool:
        for receiver, (_, ref) in self._outbox.senders.items():
            if ref.state in (ActorState.STOPPED, ActorState.FAILED):
                await self._forget(receiver)
                return True
        return False

    async def _forget(self, receiver: str) -> None:
        del self._outbox.senders[receiver]
        name = sender_name(receiver)
        if name in self._outbox.supervisor.children:
            await self._outbox.supervisor.stop(name)

    def _look_soon(self) -> None:
        """Look at once after a while without a look, else a moment later: a crowd is looked at together."""
        if self._told:
            return
        wait = self._looked_at + PAUSE_SECONDS - trio.current_time()
        if wait > 0:
            self._told = True
            self.context.after(wait, lambda _: _LookAround())
        else:
            self._told = self.context.tell(_LookAround())

    async def _follow_notices(self) -> None:
        with self._outbox.bus.subscribe(NoticesAdded) as notices:
            async for _ in notices:
                self._look_soon()

    async def _follow_switch(self) -> None:
        with self._outbox.sending.subscribe().changes as changes:
            async for _ in changes:
                self._look_soon()


@attrs.frozen
class _LookAround(Message[OutboxActor, None]):
    async def deliver(self, to: OutboxActor) -> None:
        await to.look()


@attrs.frozen
class _Tidy(Message[OutboxActor, None]):
    async def deliver(self, to: OutboxActor) -> None:
        await to.tidy()


def _delivery(private: bool) -> "Delivery":
    """The way to receivers. Blocking: it reads the trusted certificates, and what speaks HTTP takes 10 MB."""
    from actors.webhooks.delivery import Delivery, trusted

    return Delivery(trusted(), private=private)


def sender_name(receiver: str) -> str:
    """What the sender of *receiver* is called: its host, and a hash instead of the path, which may be secret."""
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", receiver.partition("/")[0]).strip(".-")[:40] or "receiver"
    return f"{host}-{hashlib.sha256(receiver.encode()).hexdigest()[:10]}"


async def open_outbox(outbox: Outbox) -> None:
    """Start the outbox under its supervisor."""
    await outbox.supervisor.start(ChildSpec("outbox", lambda: OutboxActor(outbox)))
