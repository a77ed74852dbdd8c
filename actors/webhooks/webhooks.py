"""Webhooks as the rest of a program uses them: send, ask what became of it, and keep templates and receivers."""

import contextlib
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar, cast

import attrs
import trio

from actors.runtime import Bus
from actors.settings import WebhookSettings
from actors.settings.webhooks import WebhookRoute
from actors.webhooks import receiver_rows, rows, sent, template_rows
from actors.webhooks.disabling import enabled_again
from actors.webhooks.enhanced import MessageType, card_of, priority_of
from actors.webhooks.messages import (
    Notice,
    NoticeError,
    NoticeFailed,
    NoticesAdded,
    NoticeSent,
    WebhookType,
    accepted_receiver_of,
    put_notice,
    receiver_of,
    type_of,
)
from actors.webhooks.outbox import Outbox
from actors.webhooks.receiver_rows import Receiver
from actors.webhooks.router import Routing, addresses_set
from actors.webhooks.routes import DIGEST_AFTER, DIGEST_SECONDS, EventType, Route
from actors.webhooks.sent import AttemptMade, NotPossible, Sent, Statistics, Wanted
from actors.webhooks.template_rows import Template
from actors.webhooks.templates import render

T = TypeVar("T")


class NoAddress(Exception):
    """A message names no address, and none is configured for it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no address for {name} messages; name one, or configure one")
        self.name = name


class OtherMessage(Exception):
    """An idempotency key that another message was sent with."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the idempotency key {key!r} was used for another message; choose a new one")
        self.key = key


@attrs.frozen
class Accepted:
    """A message is in the outbox."""

    id: str
    """`webhook_1`, ..."""
    new: bool
    """False: one with the same idempotency key was there already."""


class Webhooks:
    """Sends messages, and knows what became of them. All that is written is on the disk before a call returns.

    Calls raise `StoreError` where the database does not answer.
    """

    def __init__(self, outbox: Outbox, routing: Routing, settings: WebhookSettings) -> None:
        self._outbox = outbox
        self._routing = routing
        self._settings = settings
        self.configure(settings)

    @property
    def bus(self) -> Bus:
        """Where `NoticeQueued`, `NoticeSent` and `NoticeFailed` are told; a disabled address is an alert."""
        return self._outbox.bus

    def configure(self, settings: WebhookSettings) -> None:
        """Go by these settings from the next attempt on."""
        self._settings = settings
        self._outbox.private = settings.allow_private
        self._routing.addresses = settings.addresses
        self._routing.configured = [_route(name, route) for name, route in settings.routes.items()]
        if self._outbox.office is not None:
            self._outbox.office.delivery.private = settings.allow_private

    # -- sending

    async def send(
        self,
        url: str,
        *,
        message: str | None = None,
        webhook_type: WebhookType | None = None,
        template_id: str | None = None,
        variables: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Put a message into the outbox: with *template_id* the template with *variables*, else *message*.

        Args:
            url: http or https.
            message: The text.
            webhook_type: What the receiver understands; None: what its address looks like.
            template_id: Of a template.
            variables: Of the template.
            idempotency_key: With one that was used before for the same message, nothing is sent, and the first answer
                is given again.

        Raises:
            NoticeError: It cannot be sent; see `put_notice`.
            OtherMessage: The key was used for another message.
        """
        notice = Notice(
            _key(idempotency_key),
            url,
            webhook_type or type_of(url),
            message=message,
            template_id=template_id,
            variables=dict(variables or {}),
        )
        return await self._put(notice, idempotency_key)

    async def send_card(
        self,
        kind: MessageType,
        data: Mapping[str, object],
        *,
        url: str | None = None,
        webhook_type: WebhookType | None = None,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Put a message of one of the seven kinds into the outbox. Arguments and errors are those of `send`.

        Raises:
            NoAddress: *url* is None, and none is configured.
        """
        address = url or await self.address_for(kind, webhook_type)
        notice = Notice(
            _key(idempotency_key),
            address,
            webhook_type or type_of(address),
            card=card_of(kind, data),
            message_type=kind,
            priority=priority_of(kind),
        )
        return await self._put(notice, idempotency_key)

    async def _put(self, notice: Notice, idempotency_key: str | None, receiver: Receiver | None = None) -> Accepted:
        if receiver is not None:
            notice = attrs.evolve(notice, receiver_id=receiver.id, private=receiver.allow_private)

        def transaction(connection: sqlite3.Connection) -> Accepted | NoticeError | OtherMessage:
            try:
                return _accepted(connection, notice, idempotency_key or "")
            except (NoticeError, OtherMessage) as error:  # it shares its commit with others, whom that is no matter of
                return error

        accepted = await self._outbox.store.write_in_turn(transaction)
        if not isinstance(accepted, Accepted):
            raise accepted
        self.bus.publish(NoticesAdded())
        return accepted

    async def delivered(self, webhook_id: str, seconds: float, *, attempts: int | None = None) -> Sent:
        """A message once it is sent or given up, or as it is after *seconds*.

        Args:
            webhook_id: Of the message.
            seconds: To wait at most.
            attempts: So many are enough, however they went.

        Raises:
            UnknownWebhook: There is none.
        """
        with trio.move_on_after(seconds), self.bus.subscribe(NoticeSent, NoticeFailed) as told:
            while True:
                found, made = await self.one(webhook_id)
                if found.status != "pending" or (attempts is not None and len(made) >= attempts):
                    return found
                async for event in told:
                    if not isinstance(event, NoticeSent | NoticeFailed) or event.id == webhook_id:
                        break  # also when some were missed: look again
        return (await self.one(webhook_id))[0]

    # -- what became of it

    async def page(self, wanted: Wanted, limit: int, skip: int = 0) -> tuple[int, Sequence[Sent]]:
        """How many messages are wanted, and a page of them, the newest first."""
        return await self._read(sent.page(wanted, limit, skip))

    async def one(self, webhook_id: str) -> tuple[Sent, Sequence[AttemptMade]]:
        """A message and its attempts. Raises `UnknownWebhook`."""
        return await self._read(sent.one(webhook_id))

    async def retry(self, webhook_id: str) -> None:
        """Send a message again that was given up. Raises `UnknownWebhook`, and `NotPossible` for any other."""
        await self._outbox.store.write(sent.retry(webhook_id))
        self.bus.publish(NoticesAdded())

    async def cancel(self, webhook_id: str) -> None:
        """Give a message up that waits. Raises as `retry`."""
        await self._outbox.store.write(sent.cancel(webhook_id))

    async def cancel_if_waiting(self, webhook_id: str) -> None:
        """The same, if it waits. Raises `UnknownWebhook`."""
        with contextlib.suppress(NotPossible):
            await self.cancel(webhook_id)

    async def statistics(self, *, cards: bool = False) -> Statistics:
        """How all of them went, as far as they are remembered; *cards*: those of the seven kinds alone."""
        return await self._read(sent.figures(cards=cards))

    async def enable(self, url: str) -> bool:
        """Send to an address again that was disabled; whether it was. Raises `InvalidNotice` for what is none."""
        receiver = receiver_of(url)
        enabled = await self._outbox.store.write(rows.enable(receiver))
        self.bus.publish(enabled_again(receiver))
        return enabled

    # -- templates

    async def templates(self) -> Sequence[Template]:
        """All of them."""
        return await self._read(template_rows.listed)

    async def template(self, template_id: str) -> Template:
        """One of them. Raises `UnknownTemplate`."""
        return await self._read(template_rows.one(template_id))

    async def add_template(
        self, template_id: str, name: str, description: str, webhook_type: WebhookType, template: str
    ) -> Template:
        """Make one. Raises `InvalidTemplate`, `TemplateExists` and `TooManyTemplates`."""
        return await self._outbox.store.write(template_rows.add(template_id, name, description, webhook_type, template))

    async def change_template(self, template_id: str, **changes: str) -> Template:
        """Change its name, description, webhook_type or template. Raises `UnknownTemplate` and `InvalidTemplate`."""
        return await self._outbox.store.write(template_rows.change(template_id, **changes))

    async def remove_template(self, template_id: str) -> None:
        """Delete one. Raises `UnknownTemplate`."""
        await self._outbox.store.write(template_rows.remove(template_id))

    async def preview(self, template_id: str, variables: Mapping[str, str]) -> str:
        """What would be sent. Raises `UnknownTemplate`, `MissingVariable` and `InvalidTemplate`."""
        return render((await self.template(template_id)).template, variables, template_id)

    # -- receivers

    async def receivers(self) -> Sequence[Receiver]:
        """All of them."""
        return await self._read(receiver_rows.listed)

    async def receiver(self, receiver_id: str) -> Receiver:
        """One of them. Raises `UnknownReceiver`."""
        return await self._read(receiver_rows.one(receiver_id))

    async def add_receiver(
        self,
        name: str,
        url: str,
        *,
        webhook_type: WebhookType | None = None,
        event_types: Sequence[EventType] = (),
        allow_private: bool = False,
        secret: str | None = None,
        services: Sequence[str] = (),
        quiet: tuple[str, str] | None = None,
        digest_after: int = DIGEST_AFTER,
        digest_seconds: float = DIGEST_SECONDS,
    ) -> Receiver:
        """Make one; see `Route` for what it hears. Raises `InvalidNotice` for its address, and `TooManyReceivers`.

        *quiet* are two times of day, `HH:MM`.
        """
        add = receiver_rows.add(
            name,
            url,
            webhook_type or type_of(url),
            event_types,
            allow_private=allow_private,
            secret=secret,
            services=services,
            quiet_from=None if quiet is None else quiet[0],
            quiet_until=None if quiet is None else quiet[1],
            digest_after=digest_after,
            digest_seconds=digest_seconds,
        )
        return await self._outbox.store.write(add)

    async def change_receiver(self, receiver_id: str, **changes: object) -> Receiver:
        """Change its name, url, webhook_type, event_types, enabled or allow_private; see `receiver_rows.change`."""
        changed = await self._outbox.store.write(receiver_rows.change(receiver_id, **changes))
        if changed.disabled_why is None:
            self.bus.publish(enabled_again(receiver_of(changed.url)))
        self.bus.publish(NoticesAdded())
        return changed

    async def rotate_secret(self, receiver_id: str, overlap: float = receiver_rows.OVERLAP_SECONDS) -> Receiver:
        """Give it another secret; the old one signs beside it for *overlap* seconds. Raises `UnknownReceiver`."""
        return await self._outbox.store.write(receiver_rows.rotate(receiver_id, overlap))

    async def remove_receiver(self, receiver_id: str) -> None:
        """Delete one, and give up what waits for it. Raises `UnknownReceiver`."""
        await self._outbox.store.write(receiver_rows.remove(receiver_id))

    async def replay(self, receiver_id: str, since: datetime, *, only_failed: bool = False) -> int:
        """Send everything again that was made for a receiver *since* then; how many. Raises `UnknownReceiver`."""
        count = await self._outbox.store.write(
            receiver_rows.replay(receiver_id, since.timestamp(), only_failed=only_failed)
        )
        self.bus.publish(NoticesAdded())
        return count

    async def send_to(self, receiver: Receiver, message: str) -> Accepted:
        """Send a text to a receiver. Raises `NoticeError`."""
        notice = Notice(_key(None), receiver.url, receiver.webhook_type, message=message)
        return await self._put(notice, None, receiver)

    # -- addresses for who names none

    async def address_for(self, kind: MessageType, webhook_type: WebhookType | None) -> str:
        """Where a message of a kind goes that names no address: set over the API, else configured.

        Raises:
            NoAddress: There is none.
        """
        special = {"error_alert": "alerts", "data_update": "posco"}.get(kind)
        if kind.startswith("deployment"):
            special = "posco"
        known = await self.addresses()
        for name in (webhook_type, special, "default"):
            if name is not None and name in known:
                return known[name]
        raise NoAddress(kind)

    async def addresses(self) -> Mapping[str, str]:
        """All such addresses, by what they are for."""
        kept = await self._read(addresses_set)
        return {**self._settings.addresses, **kept}

    @property
    def configured_addresses(self) -> Mapping[str, str]:
        """Those of the configuration."""
        return self._settings.addresses

    async def own_addresses(self) -> Mapping[str, str]:
        """Those that were set over the API, which come first."""
        return await self._read(addresses_set)

    async def put_addresses(self, addresses: Mapping[str, str]) -> None:
        """Have these, and no others, be those that were set over the API. Raises `InvalidNotice` for what is none."""
        for url in addresses.values():
            accepted_receiver_of(url)

        def transaction(connection: sqlite3.Connection) -> None:
            if dict(addresses_set(connection)) != dict(addresses):
                connection.execute("DELETE FROM webhook_defaults")
                rows = [(name, url, time.time()) for name, url in addresses.items()]
                connection.executemany("INSERT INTO webhook_defaults VALUES (?, ?, ?)", rows)

        await self._outbox.store.write(transaction)

    async def set_address(self, name: str, url: str) -> None:
        """Have messages go there that name no address. Raises `InvalidNotice` for what is no address."""
        accepted_receiver_of(url)

        def transaction(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO webhook_defaults VALUES (?, ?, ?)", (name, url, time.time()))

        await self._outbox.store.write(transaction)

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await self._outbox.store.read(query)


def _accepted(connection: sqlite3.Connection, notice: Notice, idempotency_key: str) -> Accepted:
    number = put_notice(connection, notice)
    if number is not None:
        return Accepted(f"webhook_{number}", new=True)
    query = "SELECT number, url, message, template_id, message_type FROM webhooks WHERE key = ?"
    known, url, message, template_id, message_type = connection.execute(query, (notice.key,)).fetchone()
    same = notice.template_id is not None or message == (notice.message or message)
    # Of a card only its kind is compared: its figures have the time, which is another when a request is repeated.
    if (url, template_id, message_type) != (notice.url, notice.template_id, notice.message_type) or not same:
        raise OtherMessage(idempotency_key)
    return Accepted(f"webhook_{known}", new=False)


def _route(name: str, route: WebhookRoute) -> Route:
    return Route(
        name=f"route:{name}",
        url=route.url,
        webhook_type=route.webhook_type or type_of(route.url),
        events=[cast("EventType", event) for event in route.events],
        services=route.services,
        allow_private=route.allow_private,
        quiet_from=route.quiet_from,
        quiet_until=route.quiet_until,
        digest_after=route.digest_after,
        digest_seconds=route.digest_seconds,
    )


def _key(idempotency_key: str | None) -> str:
    return f"api/{uuid.uuid4().hex}" if idempotency_key is None else f"idempotency/{idempotency_key}"
