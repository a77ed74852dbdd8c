"""What goes over the WebSocket: frames made of events, each encoded once for all clients."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import attrs
import msgspec

from actors.alerts.messages import AlertChanged
from actors.deploy.messages import DeployEvent
from actors.logs import Told
from actors.metrics.messages import Readings, SampleTaken
from actors.services import RollingEnded, ServiceChanged, ServiceEvent, ServicesConfigured, ServiceView
from actors.services.monitors.feed.messages import NewsEvent, NewsPublished, NewsSummed, SourceChanged
from actors.system import System
from actors.webhooks.messages import NoticeFailed, NoticeQueued, NoticeSent
from hamster.http import texts_ko
from hamster.http.alert_models import alert_frame
from hamster.http.log_models import told_json
from hamster.http.masking import mask_text
from hamster.http.metrics_models import metrics_model
from hamster.http.news_frames import news_data
from hamster.http.posco_frames import posco_data
from hamster.http.rolling_alert import rolling_alert
from hamster.http.service_encoding import ServiceEncoder
from hamster.http.service_models import status_of
from hamster.http.times import Stamp
from hamster.http.webhook_frames import webhook_data

EVENT_TYPES = (
    "status_update",
    "service_event",
    "alert",
    "log_update",
    "webhook_event",
    "posco_event",
    "news_update",
    "services_update",
    "metrics_update",
)
"""What a client can subscribe to; the other types are answers, which it gets in any case."""

DEFAULT_TYPES = frozenset(EVENT_TYPES) - {"log_update"}

ALERT_LEVELS = ("info", "warning", "critical")

Event = (
    ServiceChanged
    | ServiceEvent
    | ServicesConfigured
    | RollingEnded
    | SampleTaken
    | AlertChanged
    | NewsEvent
    | NoticeQueued
    | NoticeSent
    | NoticeFailed
    | DeployEvent
)


@attrs.frozen
class Frame:
    """One encoded frame, and what filters look at."""

    type: str
    text: str
    seq: int
    service_id: str | None = None
    alert_level: str | None = None


class FrameMaker:
    """Numbers and encodes frames. One per application: `seq` counts through all of its clients' frames."""

    def __init__(self, system: System, stamp: Stamp) -> None:
        self._system = system
        self._stamp = stamp
        self._services = ServiceEncoder(stamp)
        self._seq = itertools.count(1)
        self._boot = f"{datetime.now(UTC).timestamp():.0f}"

    def frame(self, kind: str, data: object, *, service_id: str | None = None, alert_level: str | None = None) -> Frame:
        """A frame of *kind* with *data*, now."""
        return self._frame(next(self._seq), kind, data, service_id, alert_level)

    def lagged(self, missed: int, *, before: Frame) -> Frame:
        """Tells a client that *missed* frames are missing for it in front of *before*.

        It takes the number of the last one that is missing, so that numbers rise from frame to frame.
        """
        return self._frame(before.seq - 1, "lagged", {"missed": missed}, None, None)

    def _frame(self, seq: int, kind: str, data: object, service_id: str | None, alert_level: str | None) -> Frame:
        whole = {
            "type": kind,
            "data": data,
            "timestamp": self._stamp(datetime.now(UTC)),
            "id": f"{self._boot}-{seq}",
            "seq": seq,
        }
        return Frame(kind, msgspec.json.encode(whole).decode(), seq, service_id, alert_level)

    def of(self, event: Event) -> Iterable[Frame]:
        """The frames that *event* comes to; none when it changes nothing that clients see."""
        match event:
            case ServiceChanged():
                if _shown(event.old) != _shown(event.new):
                    yield self.status_update(event.new)
            case ServiceEvent():
                yield self._service_event(event)
            case ServicesConfigured():
                yield self.services_update()
            case RollingEnded():
                if event.rolling.state == "failed":
                    yield self.alert(rolling_alert(event))
            case SampleTaken():
                yield self.metrics_update(event.readings)
            case AlertChanged():
                if event.told:
                    yield self._alert(event)
            case NoticeQueued() | NoticeSent() | NoticeFailed():
                yield self.frame("webhook_event", webhook_data(event, self._stamp))
            case NewsPublished() | NewsSummed() | SourceChanged():
                yield self.frame("news_update", news_data(event, self._stamp), service_id=_feed_of(event))
            case _:
                yield self._posco_event(event)

    def _posco_event(self, event: DeployEvent) -> Frame:
        return self.frame("posco_event", posco_data(event, self._stamp))

    def log_update(self, name: str, entries: Sequence[Told]) -> Frame:
        """What was written to the log *name*, the oldest first."""
        shown = [msgspec.Raw(told_json(told, self._stamp)) for told in entries]
        return self.frame("log_update", {"file_name": name, "entries": shown, "total_new_entries": len(entries)})

    def status_update(self, view: ServiceView) -> Frame:
        """The status of one service."""
        data = {
            "service_id": view.id,
            "status": status_of(view),
            "timestamp": self._stamp(datetime.now(UTC)),
            "state": view.state.value,
            "pid": view.pid,
            "restarts": view.restarts,
            "health": view.health.value,
        }
        return self.frame("status_update", data, service_id=view.id)

    def services_update(self) -> Frame:
        """All services, as `GET /api/services/` has them."""
        readings = self._system.metrics.readings.value
        views = self._system.services.board.value.values()
        return self.frame("services_update", {"services": [self._services.encoded(view, readings) for view in views]})

    def metrics_update(self, readings: Readings) -> Frame:
        """The newest sample, as `GET /api/metrics/` has it, and what the services use."""
        sample = readings.sample
        data: Mapping[str, object] = {} if sample is None else attrs.asdict(metrics_model(sample, self._stamp))
        usage = {service: attrs.asdict(figures) for service, figures in readings.usage.items()}
        return self.frame("metrics_update", {**data, "system_health": readings.health, "services": usage})

    def alert(self, data: Mapping[str, object]) -> Frame:
        """An `alert` of *data*, which has the contract's keys."""
        return self.frame("alert", data, alert_level=str(data["level"]))

    def _service_event(self, event: ServiceEvent) -> Frame:
        view, failure = event.view, event.failure
        error = "" if failure is None else mask_text(failure.detail)
        details: dict[str, object] = {
            "pid": view.pid,
            "restarts": view.restarts,
            "state": view.state.value,
            "error": error or None,
            "exit_code": None if failure is None else failure.exit_code,
            "signal": None if failure is None else failure.signal,
            "next_restart_at": None if view.next_restart_at is None else self._stamp(view.next_restart_at),
            "duration": event.duration,
        }
        data = {
            "service_id": view.id,
            "event_type": event.event_type,
            "status": status_of(view),
            "message": texts_ko.SERVICE_EVENTS[event.event_type].format(name=view.settings.name, error=error),
            "details": details,
        }
        return self.frame("service_event", data, service_id=view.id)

    def _alert(self, event: AlertChanged) -> Frame:
        data = alert_frame(event, self._stamp)
        return self.frame("alert", data, service_id=event.alert.service_id, alert_level=str(data["level"]))


def _shown(view: ServiceView) -> tuple[object, ...]:
    return (view.state, view.pid, view.restarts, view.health)


def _feed_of(event: NewsEvent) -> str:
    return event.new.service_id if isinstance(event, SourceChanged) else event.service_id
