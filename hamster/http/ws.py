"""`/ws`: what happens, the moment it happens."""

from collections.abc import Awaitable, Callable
from typing import cast

import attrs
import msgspec
import trio
from quart import websocket
from quart_trio import QuartTrio

from actors.runtime import Lagged
from actors.system import System
from hamster.http import errors_ko
from hamster.http.frames import ALERT_LEVELS, EVENT_TYPES, Frame
from hamster.http.live import Client, Hub, Interest
from hamster.http.logs import LEVEL_NAMES

SERVER_VERSION = "1.0.0"
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
)
BATCH = 64
"""Frames taken from a client's queue at a time; its own answers come between them."""


class BadFrameError(Exception):
    """A client's frame that cannot be used. `code` is for programs, the text for people, `details` say what."""

    def __init__(self, code: str, text: str, **details: object) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.details = details


def register(app: QuartTrio, system: System, hub: Hub) -> None:
    """Add `/ws` to *app*."""

    async def connect() -> None:
        await websocket.accept()  # pyright: ignore[reportUnknownMemberType] - a bare dict in Quart
        client = hub.join()
        try:
            greet(client, hub, system)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_frames, client, hub, websocket.send)
                await receive_frames(client, hub, system)
        finally:
            hub.leave(client)

    app.add_websocket("/ws", "ws", connect)


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


async def receive_frames(client: Client, hub: Hub, system: System) -> None:
    """Answer what *client* sends, for as long as it is connected."""
    while True:
        received = await websocket.receive()
        try:
            answers = handle(received, client, hub, system)
        except BadFrameError as error:
            data = {"error_code": error.code, "error_message": error.text, "details": error.details}
            answers = [hub.maker.frame("error", data)]
        for frame in answers:
            client.answer(frame)


def handle(received: str | bytes, client: Client, hub: Hub, system: System) -> list[Frame]:
    """The answers to one frame.

    Raises:
        BadFrameError: It is no JSON object, of no known type, or has values that cannot be.
    """
    message = parse(received)
    parameters = parameters_of(message)
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
            return []
        case other:
            raise BadFrameError("UNKNOWN_TYPE", errors_ko.WS_UNKNOWN_TYPE.format(got=_short(other)), type=_short(other))


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
    if parameters.get("subscription") == "all":
        return Interest()
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
            text = errors_ko.WS_BAD_VALUE.format(field="log_levels", got=_short(word), expected=", ".join(LEVEL_NAMES))
            raise BadFrameError("INVALID_DATA", text, field="log_levels", got=_short(word))
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
            text = errors_ko.WS_BAD_VALUE.format(field=name, got=_short(word), expected=expected)
            raise BadFrameError("INVALID_DATA", text, field=name, got=_short(word))
        found.add(word)
    return frozenset(found)


def echo(parameters: dict[str, object]) -> dict[str, object]:
    """What a pong gives back of its ping, so that a client can measure the way: small plain values."""
    return {
        name: value
        for name, value in parameters.items()
        if name in ("timestamp", "id", "nonce") and isinstance(value, (str, int, float)) and len(str(value)) <= 100
    }


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
