"""Tells receivers what happens: each event to whoever wants it, at once, or together with others."""

import logging
import sqlite3
import time as clock
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, tzinfo
from hashlib import sha256

import attrs

from actors.runtime import Actor, Bus, ChildSpec, Lagged, Message, Subscription, Supervisor
from actors.store import Store, StoreError
from actors.webhooks import receiver_rows
from actors.webhooks.happenings import Happening, Sentences, Source, digest_of, happening_of
from actors.webhooks.messages import Notice, NoticeError, NoticesAdded, put_notice, type_of
from actors.webhooks.routes import Route

log = logging.getLogger("actors.webhooks")

TICK_SECONDS = 1.0
"""Between two looks whether what was held is due."""
SAME_SECONDS = 60
"""Within which the same thing is told once."""
LISTED = 20
"""Titles in a digest."""
DEPLOYMENTS = "posco"
"""The address that hears of deployments without further ado."""
HELD = 10_000
"""Messages that may be held for one receiver; of more only the count is told."""


@attrs.define(eq=False)
class Routing:
    """What is remembered beside the router's actor."""

    store: Store
    bus: Bus
    events: Subscription[Source]
    """What comes while the actor is down waits here."""
    sentences: Sentences
    zone: tzinfo | None
    configured: Sequence[Route] = ()
    """Of the configuration."""
    addresses: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The same, for messages that name none, by what they are for."""

    def routes(self, connection: sqlite3.Connection) -> list[Route]:
        """Everybody who is told of something."""
        return routes(connection, self.configured, self.addresses)


class Router(Actor):
    """Makes notices of events. All that it decides is within one transaction of the store."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing

    async def on_start(self) -> None:
        self.context.start_soon(self._follow)
        self.context.every(TICK_SECONDS, lambda _: _Tick())

    async def _follow(self) -> None:
        async for event in self._routing.events:
            if isinstance(event, Lagged):
                log.error("webhooks.events_missed count=%d", event.missed)
            else:
                self._take(event)

    def _take(self, event: Source) -> None:
        routing = self._routing
        happening = happening_of(event, routing.sentences, routing.zone)
        if happening is None:
            return
        now = datetime.now(UTC)
        routing.store.write_later(
            lambda connection: spread(connection, happening, routing.routes(connection), now, routing.zone),
            then=lambda told: routing.bus.publish(NoticesAdded()) if told else None,
        )

    async def tick(self) -> None:
        """Tell together what was held, once it is due."""
        routing = self._routing
        now = clock.time()
        try:
            if await routing.store.read(lambda connection: is_due(connection, now)):
                told = await routing.store.write(
                    lambda connection: tell_together(connection, routing.routes(connection), now)
                )
                if told:
                    routing.bus.publish(NoticesAdded())
        except StoreError as error:
            log.warning("webhooks.digest_waits error=%s next=later", error)


@attrs.frozen
class _Tick(Message[Router, None]):
    async def deliver(self, to: Router) -> None:
        await to.tick()


def routes(
    connection: sqlite3.Connection, configured: Sequence[Route], addresses: Mapping[str, str] | None = None
) -> list[Route]:
    """All routes: the configured ones, the receivers that are enabled, and the address that deployments are for.

    Args:
        connection: Has the receivers, and the addresses that were set over the API.
        configured: Routes.
        addresses: Those of the configuration.
    """
    receivers = [one for one in receiver_rows.listed(connection) if one.enabled and one.event_types]
    found = [*configured, *map(_route_of, receivers)]
    url = {**(addresses or {}), **addresses_set(connection)}.get(DEPLOYMENTS)
    if url is not None and not any(route.url == url and "deployment" in route.events for route in found):
        found.append(Route(name=f"address:{DEPLOYMENTS}", url=url, webhook_type=type_of(url), events=("deployment",)))
    return found


def addresses_set(connection: sqlite3.Connection) -> Mapping[str, str]:
    """The addresses for messages that name none which were set over the API, by what they are for."""
    return dict(connection.execute("SELECT name, url FROM webhook_defaults").fetchall())


def _route_of(receiver: receiver_rows.Receiver) -> Route:
    return Route(
        name=receiver.id,
        url=receiver.url,
        webhook_type=receiver.webhook_type,
        events=receiver.event_types,
        services=receiver.services,
        allow_private=receiver.allow_private,
        quiet_from=None if receiver.quiet_from is None else time.fromisoformat(receiver.quiet_from),
        quiet_until=None if receiver.quiet_until is None else time.fromisoformat(receiver.quiet_until),
        digest_after=receiver.digest_after,
        digest_seconds=receiver.digest_seconds,
    )


def spread(
    connection: sqlite3.Connection,
    happening: Happening,
    all_routes: Sequence[Route],
    now: datetime,
    zone: tzinfo | None,
) -> int:
    """Put what happened into the outbox for each route that wants it, or hold it; how many were put."""
    told = 0
    for route in all_routes:
        if not route.wants(happening.event_type, happening.service_id):
            continue
        key = _key(route, happening, now)
        if connection.execute("SELECT 1 FROM webhooks WHERE key = ?", (key,)).fetchone():
            continue  # it was told a moment ago
        ends = None if happening.urgent else route.quiet_ends(now, zone)
        if ends is not None:
            _hold(connection, route, happening, now, ends.timestamp())
        elif not happening.urgent and _is_flooded(connection, route, now):
            _hold(connection, route, happening, now, now.timestamp() + route.digest_seconds)
        else:
            told += _put(connection, route, key, happening)
    return told


def _key(route: Route, happening: Happening, now: datetime) -> str:
    bucket = int(now.timestamp()) // SAME_SECONDS
    return f"event/{route.name}/{sha256(happening.key.encode()).hexdigest()[:24]}/{bucket}"


def _put(connection: sqlite3.Connection, route: Route, key: str, happening: Happening) -> int:
    return _notify(
        connection,
        Notice(
            key,
            route.url,
            route.webhook_type,
            card=happening.card,
            message_type=happening.message_type or happening.event_type,
            priority="critical" if happening.urgent else "normal",
            event_type=happening.event_type,
            receiver_id=route.name,
            private=route.allow_private,
        ),
    )


def _notify(connection: sqlite3.Connection, notice: Notice) -> int:
    try:
        return 0 if put_notice(connection, notice) is None else 1
    except NoticeError as error:  # its address is disabled: the others are told all the same
        log.info("webhooks.not_told receiver=%s error=%s", notice.receiver_id, error)
        return 0


def _is_flooded(connection: sqlite3.Connection, route: Route, now: datetime) -> bool:
    """Whether so many were told within the last seconds that the next ones are told together."""
    if connection.execute("SELECT 1 FROM webhook_held WHERE route = ? LIMIT 1", (route.name,)).fetchone():
        return True  # in order, behind those
    since = now.timestamp() - route.digest_seconds
    query = "SELECT count(*) FROM webhooks WHERE receiver_id = ? AND event_type IS NOT NULL AND created_at > ?"
    return connection.execute(query, (route.name, since)).fetchone()[0] >= route.digest_after


def _hold(connection: sqlite3.Connection, route: Route, happening: Happening, now: datetime, due: float) -> None:
    first = connection.execute("SELECT min(due_at) FROM webhook_held WHERE route = ?", (route.name,)).fetchone()[0]
    card = happening.card
    connection.execute(
        "INSERT INTO webhook_held (route, event_type, title, body, held_at, due_at) VALUES (?, ?, ?, ?, ?, ?)",
        (route.name, happening.event_type, card.title, card.body, now.timestamp(), first or due),
    )
    held = "SELECT number FROM webhook_held WHERE route = ? ORDER BY number DESC LIMIT -1 OFFSET ?"
    connection.execute(f"DELETE FROM webhook_held WHERE number IN ({held})", (route.name, HELD))  # noqa: S608 - ours


def is_due(connection: sqlite3.Connection, now: float) -> bool:
    """Whether something that was held is to be told."""
    return connection.execute("SELECT 1 FROM webhook_held WHERE due_at <= ? LIMIT 1", (now,)).fetchone() is not None


def tell_together(connection: sqlite3.Connection, all_routes: Sequence[Route], now: float) -> int:
    """Put one message for each route into the outbox for all that was held for it and is due; how many."""
    by_name = {route.name: route for route in all_routes}
    query = "SELECT route, count(*), max(number) FROM webhook_held WHERE due_at <= ? GROUP BY route"
    told = 0
    for name, count, last in connection.execute(query, (now,)).fetchall():
        lines = connection.execute(
            "SELECT title, body FROM webhook_held WHERE route = ? AND due_at <= ? ORDER BY number DESC LIMIT ?",
            (name, now, LISTED),
        ).fetchall()
        connection.execute("DELETE FROM webhook_held WHERE route = ? AND due_at <= ?", (name, now))
        route = by_name.get(name)
        if route is None:
            continue  # it wants nothing any more
        shown = tuple(f"{title}: {body.partition(chr(10))[0]}" for title, body in reversed(lines))
        notice = Notice(
            f"digest/{name}/{last}",
            route.url,
            route.webhook_type,
            card=digest_of(count, shown),
            message_type="digest",
            priority="normal",
            event_type="digest",
            receiver_id=name,
            private=route.allow_private,
        )
        told += _notify(connection, notice)
    return told


async def open_router(routing: Routing, supervisor: Supervisor) -> None:
    """Start it under *supervisor*."""
    await supervisor.start(ChildSpec("router", lambda: Router(routing)))
