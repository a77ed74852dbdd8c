"""The hub: follows the bus once and hands every frame to all clients, of which none can hold up another."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import attrs
import trio

from actors.alerts.messages import AlertChanged
from actors.deploy.messages import BranchSwitched, DeploymentChanged, GitChanged
from actors.logs import Told
from actors.metrics.messages import SampleTaken
from actors.runtime import Lagged, Subscription
from actors.services import RollingEnded, ServiceChanged, ServiceEvent, ServicesConfigured
from actors.services.monitors.feed.messages import NewsPublished, NewsSummed, SourceChanged
from actors.system import System
from actors.webhooks.messages import NoticeFailed, NoticeQueued, NoticeSent
from hamster.http.frames import DEFAULT_TYPES, Event, Frame, FrameMaker

log = logging.getLogger("hamster.live")

CLIENTS = 1_000
"""That may be connected, unless configured."""
CLIENT_FRAMES = 1_000
"""How far a client may be behind: minutes of a calm system, seconds of a stormy one, about 300 KB."""
HUB_EVENTS = 10_000
"""How far the hub itself may be behind the bus: it only encodes, so this is never reached but in a stall."""
SHOWN: tuple[type[Event], ...] = (
    ServiceChanged,
    ServiceEvent,
    ServicesConfigured,
    RollingEnded,
    SampleTaken,
    AlertChanged,
    NewsPublished,
    NewsSummed,
    NoticeQueued,
    NoticeSent,
    NoticeFailed,
    SourceChanged,
    DeploymentChanged,
    BranchSwitched,
    GitChanged,
)
"""What becomes frames."""
LOG_UPDATE = "log_update"
LOG_RECORDS = 5_000
LOG_BATCH = 200
"""Records of one look at most: an update has those of one log."""
SETTLE_SECONDS = 0.5
"""How long the last frames may take to their clients before the sockets are closed; milliseconds, if they read."""


@attrs.frozen
class Interest:
    """What a client wants to get."""

    types: frozenset[str] = DEFAULT_TYPES
    service_ids: frozenset[str] | None = None
    """Of frames about a service, only these services'; None for all."""
    alert_levels: frozenset[str] | None = None
    log_levels: frozenset[str] | None = None
    """Of records of logs, only these levels'; None for all."""

    def covers(self, frame: Frame) -> bool:
        """Whether *frame* is wanted."""
        if frame.type not in self.types:
            return False
        if self.service_ids is not None and frame.service_id is not None and frame.service_id not in self.service_ids:
            return False
        return self.alert_levels is None or frame.alert_level is None or frame.alert_level in self.alert_levels


class Client:
    """One connected client: its interest, and its frames that are not sent yet."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connected_at = datetime.now(UTC)
        self.info: dict[str, str] = {}
        """What it says of itself."""
        self.interest = Interest()
        self.frames: Subscription[Frame] = Subscription(capacity=CLIENT_FRAMES)
        self.sending = False
        """Frames were taken from the queue, and not all of them are sent."""

    @property
    def settled(self) -> bool:
        """Whether everything that was queued is sent."""
        return not self.sending and self.frames.statistics().queued == 0

    def offer(self, frame: Frame) -> None:
        """Queue *frame* if the client wants it; never waits."""
        if self.interest.covers(frame):
            self.frames.push(frame)

    def answer(self, frame: Frame) -> None:
        """Queue *frame*, which the client asked for."""
        self.frames.push(frame)


class Hub:
    """All clients of one application. `run` must be running for frames to come."""

    def __init__(self, system: System, maker: FrameMaker, *, most: int = CLIENTS) -> None:
        self.maker = maker
        self._most = most
        self._clients: dict[str, Client] = {}
        self._number = 0
        self._events = system.bus.subscribe(*SHOWN, capacity=HUB_EVENTS)
        self._logs = system.logs
        self._interest_changed = trio.Event()

    @property
    def clients(self) -> Mapping[str, Client]:
        """Who is connected, by client id."""
        return self._clients

    @property
    def is_full(self) -> bool:
        """Whether there are as many clients as may be."""
        return len(self._clients) >= self._most

    def join(self) -> Client:
        """A new client, which gets frames from now on."""
        self._number += 1
        client = Client(f"client_{self._number}")
        self._clients[client.name] = client
        return client

    def leave(self, client: Client) -> None:
        """Forget *client*."""
        self._clients.pop(client.name, None)
        client.frames.close()

    def interest_changed(self) -> None:
        """A client wants something else than before."""
        self._interest_changed.set()

    def _listeners(self) -> list[Client]:
        """Who wants what is written to logs."""
        return [client for client in self._clients.values() if LOG_UPDATE in client.interest.types]

    async def run_logs(self) -> None:
        """Hand what is written to logs to the clients that want it, for as long as one does. Runs for ever."""
        while True:
            if self._listeners():
                with self._logs.feed(None, capacity=LOG_RECORDS) as feed:
                    while self._listeners():
                        self._hand_out_logs(await feed.receive_batch(LOG_BATCH))
            self._interest_changed = trio.Event()
            if not self._listeners():
                await self._interest_changed.wait()

    def _hand_out_logs(self, batch: Sequence[Told | Lagged]) -> None:
        by_log: dict[str, list[Told]] = {}
        for told in batch:
            if not isinstance(told, Lagged):
                by_log.setdefault(told.log.name, []).append(told)
        missed = sum(told.missed for told in batch if isinstance(told, Lagged))
        listeners = self._listeners()
        for levels in {client.interest.log_levels for client in listeners}:
            frames = [
                self.maker.log_update(name, wanted)
                for name, entries in by_log.items()
                if (wanted := [told for told in entries if levels is None or told.record.level in levels])
            ]
            if missed:
                frames.append(self.maker.frame("lagged", {"missed": missed}))
            for client in listeners:
                if client.interest.log_levels == levels:
                    for frame in frames:
                        client.frames.push(frame)

    def close(self) -> None:
        """Take no more events."""
        self._events.close()

    async def settle(self) -> None:
        """Wait until the clients have what was told so far; for a moment, since some may not read."""
        with trio.move_on_after(SETTLE_SECONDS):
            # Looked at once, at the end: an event would cost something with every frame before.
            while self._events.statistics().queued or not all(client.settled for client in self._clients.values()):  # noqa: ASYNC110
                await trio.sleep(0.01)

    async def run(self) -> None:
        """Hand events to the clients until closed."""
        while True:
            try:
                events = await self._events.receive_batch()
            except trio.EndOfChannel:
                return
            for event in events:
                try:
                    self._hand_out(event)
                except Exception:  # an event that cannot be shown must end neither the sockets nor what runs here
                    log.exception("live.event_not_shown event=%s", type(event).__name__)

    def _hand_out(self, event: Event | Lagged) -> None:
        if isinstance(event, Lagged):
            log.error("live.events_missed count=%d", event.missed)
            frame = self.maker.frame("lagged", {"missed": event.missed})
            for client in self._clients.values():
                client.answer(frame)
            return
        for frame in self.maker.of(event):
            for client in self._clients.values():
                client.offer(frame)
