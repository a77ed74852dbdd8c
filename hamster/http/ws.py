"""`/ws`: what happens, the moment it happens."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import attrs
import msgspec
import trio
from quart import Response, websocket
from quart_trio import QuartTrio

from actors.runtime import Lagged
from actors.system import System
from hamster.http import errors_ko
from hamster.http.app import json_response
from hamster.http.frames import ALERT_LEVELS, EVENT_TYPES, Frame
from hamster.http.gate_asgi import StoppingSwitch
from hamster.http.live import Client, Hub, Interest
from hamster.http.logs import LEVEL_NAMES
from hamster.http.pacing import FRAMES, FrameBudget, HandshakePacer
from hamster.http.problems import HttpProblem
from hamster.http.times import Stamp
from hamster.http.ws_commands import COMMANDS, BadFrameError, CommandType, WsCommands, can_be_given_back, short
from hamster.security import Security

SERVER_VERSION = "1.0.0"
WAITING = 10
"""Commands of one client that may wait; they are carried out one after the other."""
LONGEST_INFO = 200
MOST_INFO = 20
"""Values that a client may say of itself."""
FEATURES = (
    "status_update",
    "service_event",
    "alert",
    "services_update",
    "metrics_update",
    "subscribe",
    "filters",
    "log_update",
    "news_update",
    "webhook_event",
    "posco_event",
    "service_control",
    "send_webhook",
    "client_info",
)
BATCH = 64
"""Frames taken from a client's queue at a time; its own answers come between them."""


def register(
    app: QuartTrio,
    system: System,
    hub: Hub,
    stopping: StoppingSwitch,
    stamp: Stamp,
    security: Security | None = None,
) -> None:
    """Add `/ws` to *app*, and who is connected."""
    pacer = HandshakePacer()
    commands = WsCommands(system, hub.maker, stopping, security)

    async def connect() -> None:
        await pace(pacer)
        if hub.is_full:
            raise HttpProblem(503, errors_ko.TOO_MANY_CONNECTIONS)
        client = hub.join()  # before the first wait: others that come meanwhile must count it
        client.info["user_agent"] = websocket.headers.get("user-agent", "")[:LONGEST_INFO]
        try:
            greet(client, hub, system)
            await websocket.accept()  # pyright: ignore[reportUnknownMemberType] - a bare dict in Quart
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_frames, client, hub, websocket.send)
                conversation = Conversation(client, hub, system, commands)
                nursery.start_soon(conversation.carry_out)
                await conversation.run()
        finally:
            hub.leave(client)

    async def clients() -> Response:
        return json_response([client_model(client, stamp) for client in hub.clients.values()])

    app.add_websocket("/ws", "ws", connect)
    app.add_url_rule("/api/websocket/clients", "ws.clients", clients, methods=["GET"])


async def pace(pacer: HandshakePacer) -> None:
    """Hold the current handshake if its page opens sockets too often."""
    page = (websocket.remote_addr, websocket.headers.get("origin"))
    held = pacer.hold(page, trio.current_time())
    if held:
        await trio.sleep(held)


def client_model(client: Client, stamp: Stamp) -> Mapping[str, object]:
    """Who is connected, and how far it is behind."""
    figures = client.frames.statistics()
    return {
        "client_id": client.name,
        "connected_at": stamp(client.connected_at),
        "info": client.info,
        "event_types": sorted(client.interest.types),
        "queued": figures.queued,
        "missed": figures.missed,
    }


def greet(client: Client, hub: Hub, system: System) -> None:
    """The first frames: who the client is, and how every service stands."""
    data = {"client_id": client.name, "server_version": SERVER_VERSION, "features": FEATURES}
    client.answer(hub.maker.frame("connection_established", data))
    for view in system.services.board.value.values():
        client.answer(hub.maker.status_update(view))


async def send_frames(client: Client, hub: Hub, send: Callable[[str], Awaitable[None]]) -> None:
    """Send what is queued for *client*. A client that does not read holds up this task alone."""
    missed = 0
    while True:
        try:
            frames = await client.frames.receive_batch(BATCH)
        except trio.EndOfChannel:
            return
        client.sending = True
        for frame in frames:
            if isinstance(frame, Lagged):
                missed += frame.missed
                continue
            if missed:
                await send(hub.maker.lagged(missed, before=frame).text)
                missed = 0
            await send(frame.text)
        client.sending = False


class Conversation:
    """What one client sends, and is answered, for as long as it is connected."""

    def __init__(self, client: Client, hub: Hub, system: System, commands: WsCommands) -> None:
        self._client = client
        self._hub = hub
        self._system = system
        self._commands = commands
        self._budget = FrameBudget()
        self._ordered, self._orders = trio.open_memory_channel[tuple[CommandType, dict[str, object]]](WAITING)

    async def run(self) -> None:
        """Answer what comes, for ever."""
        while True:
            received = await websocket.receive()
            wait = self._budget.take(trio.current_time())
            if wait:
                await self._hold_back(wait)
                continue
            try:
                self._take(received)
            except BadFrameError as error:
                self._client.answer(self._commands.error(error))

    async def carry_out(self) -> None:
        """Carry commands out in their order, beside `run`, so that the next frame need not wait for one. For ever."""
        async for kind, parameters in self._orders:
            self._client.answer(await self._commands.answer(kind, parameters))

    async def _hold_back(self, wait: float) -> None:
        """Say that it is too fast, and read nothing until it may send again: then TCP holds it, and nobody else."""
        text = errors_ko.WS_TOO_FAST.format(rate=f"{FRAMES:g}")
        error = BadFrameError("RATE_LIMITED", text, retry_after=round(wait, 3), limit_per_second=FRAMES)
        self._client.answer(self._commands.error(error))
        await trio.sleep(wait)

    def _take(self, received: str | bytes) -> None:
        message = parse(received)
        kind, parameters = message.get("type"), parameters_of(message)
        if kind in COMMANDS:
            mark = {"request_id": message["id"]} if "id" in message else {}
            self._command(kind, {**mark, **parameters})
            return
        for frame in handle(message, parameters, self._client, self._hub, self._system):
            self._client.answer(frame)

    def _command(self, kind: CommandType, parameters: dict[str, object]) -> None:
        try:
            self._ordered.send_nowait((kind, parameters))
        except trio.WouldBlock:
            raise BadFrameError("BUSY", errors_ko.WS_BUSY.format(limit=WAITING)) from None


def handle(
    message: dict[str, object], parameters: dict[str, object], client: Client, hub: Hub, system: System
) -> list[Frame]:
    """The answers to one frame that is no command.

    Raises:
        BadFrameError: It is of no known type, or has values that cannot be.
    """
    match message.get("type", "subscribe" if "subscription" in message else None):
        case "ping":
            return [hub.maker.frame("pong", {"client_id": client.name, **echo(parameters)})]
        case "subscribe":
            client.interest = subscribed(client.interest, parameters)
            hub.interest_changed()
            return []
        case "unsubscribe":
            client.interest = unsubscribed(client.interest, parameters)
            return []
        case "request_status":
            return [hub.maker.services_update(), hub.maker.metrics_update(system.metrics.readings.value)]
        case "client_info":
            tell_about(client.info, parameters)
            return []
        case other:
            raise BadFrameError("UNKNOWN_TYPE", errors_ko.WS_UNKNOWN_TYPE.format(got=short(other)), type=short(other))


def tell_about(known: dict[str, str], parameters: dict[str, object]) -> None:
    """Add what a client says of itself to what is *known*: a few short plain values."""
    for name, value in parameters.items():
        key = name[:LONGEST_INFO]
        if _is_plain(value) and (key in known or len(known) < MOST_INFO):
            known[key] = str(value)[:LONGEST_INFO]


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def parse(received: str | bytes) -> dict[str, object]:
    """The JSON object in a frame.

    Raises:
        BadFrameError: There is none.
    """
    if isinstance(received, bytes):
        raise BadFrameError("INVALID_FRAME", errors_ko.WS_NO_TEXT)
    try:
        return msgspec.json.decode(received, type=dict[str, object])
    except msgspec.ValidationError:
        raise BadFrameError("INVALID_FRAME", errors_ko.WS_NO_OBJECT) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadFrameError("INVALID_JSON", errors_ko.WS_NO_JSON) from None


def parameters_of(message: dict[str, object]) -> dict[str, object]:
    """The parameters of a frame: in `data`, or beside `type`."""
    data = message.get("data")
    if data is None:
        return {name: value for name, value in message.items() if name not in ("type", "data")}
    if not isinstance(data, dict):
        raise BadFrameError("INVALID_DATA", errors_ko.WS_DATA_NO_OBJECT, field="data")
    return cast("dict[str, object]", data)


def subscribed(interest: Interest, parameters: dict[str, object]) -> Interest:
    """The interest after `subscribe`: the types named and the filters given replace those before."""
    match parameters.get("subscription"):
        case None:
            pass
        case "all":
            return Interest()
        case other:
            text = errors_ko.WS_BAD_VALUE.format(field="subscription", got=short(other), expected="all")
            raise BadFrameError("INVALID_DATA", text, field="subscription", got=short(other))
    types = words(parameters, "event_types", EVENT_TYPES)
    filters = parameters.get("filters")
    if filters is not None and not isinstance(filters, dict):
        raise BadFrameError("INVALID_DATA", errors_ko.WS_DATA_NO_OBJECT, field="filters")
    given = cast("dict[str, object]", filters or {})
    levels = words(given, "log_levels", None)
    return Interest(
        types=interest.types if types is None else types,
        service_ids=words(given, "service_ids", None) if filters is not None else interest.service_ids,
        alert_levels=words(given, "alert_levels", ALERT_LEVELS) if filters is not None else interest.alert_levels,
        log_levels=log_levels(levels) if filters is not None else interest.log_levels,
    )


def unsubscribed(interest: Interest, parameters: dict[str, object]) -> Interest:
    """The interest after `unsubscribe`: without the types named, or without any."""
    types = words(parameters, "event_types", EVENT_TYPES)
    left = frozenset[str]() if types is None else interest.types - types
    return attrs.evolve(interest, types=left)


def log_levels(words_given: frozenset[str] | None) -> frozenset[str] | None:
    """The levels that a client names, in any spelling; None: all.

    Raises:
        BadFrameError: One is none.
    """
    if words_given is None:
        return None
    found: set[str] = set()
    for word in words_given:
        level = LEVEL_NAMES.get(word.upper())
        if level is None:
            text = errors_ko.WS_BAD_VALUE.format(field="log_levels", got=short(word), expected=", ".join(LEVEL_NAMES))
            raise BadFrameError("INVALID_DATA", text, field="log_levels", got=short(word))
        found.add(level)
    return frozenset(found)


def words(parameters: dict[str, object], name: str, known: tuple[str, ...] | None) -> frozenset[str] | None:
    """A list of words, or one alone; None where there is none.

    Raises:
        BadFrameError: It is something else, or a word is not among the *known*.
    """
    value = parameters.get(name)
    if value is None:
        return None
    listed = cast("list[object]", value) if isinstance(value, list) else [value]
    found: set[str] = set()
    for word in listed:
        if not isinstance(word, str) or (known is not None and word not in known):
            expected = ", ".join(known) if known else errors_ko.WS_TEXTS
            text = errors_ko.WS_BAD_VALUE.format(field=name, got=short(word), expected=expected)
            raise BadFrameError("INVALID_DATA", text, field=name, got=short(word))
        found.add(word)
    return frozenset(found)


def echo(parameters: dict[str, object]) -> dict[str, object]:
    """What a pong gives back of its ping, so that a client can measure the way: small plain values."""
    return {
        name: value
        for name, value in parameters.items()
        if name in ("timestamp", "id", "nonce") and can_be_given_back(value)
    }
