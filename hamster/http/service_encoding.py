"""Services as JSON, each made only when it is another one than before."""

import attrs
import msgspec

from actors.metrics.messages import Readings
from actors.metrics.usage import Usage
from actors.services import ServiceView, State
from actors.settings import ServiceSettings
from hamster.http.service_models import config_of, service_model
from hamster.http.times import Stamp, seconds_since

MOST = 10_000
"""Services whose JSON is kept; with more there is a mistake somewhere, and all begin anew."""


@attrs.frozen
class _Made:
    view: ServiceView
    usage: Usage | None
    uptime: int | None
    text: msgspec.Raw


class ServiceEncoder:
    """Makes JSON of services. One for an application."""

    def __init__(self, stamp: Stamp) -> None:
        self._stamp = stamp
        self._made: dict[str, _Made] = {}
        self._configs: dict[str, tuple[ServiceSettings, msgspec.Raw]] = {}

    def encoded(self, view: ServiceView, readings: Readings) -> msgspec.Raw:
        """*view* with what *readings* say of its processes, as `service_model` has it."""
        usage = readings.usage.get(view.id)
        uptime = seconds_since(view.running_since_clock) if view.state is State.RUNNING else None
        made = self._made.get(view.id)
        if made is not None and made.view is view and made.usage == usage and made.uptime == uptime:
            return made.text
        model = service_model(view, readings, self._stamp, config=self._config(view))
        text = msgspec.Raw(msgspec.json.encode(model))
        if len(self._made) >= MOST:
            self._made.clear()
            self._configs.clear()
        self._made[view.id] = _Made(view, usage, uptime, text)
        return text

    def _config(self, view: ServiceView) -> msgspec.Raw:
        known = self._configs.get(view.id)
        if known is None or known[0] is not view.settings:
            known = self._configs[view.id] = view.settings, msgspec.Raw(msgspec.json.encode(config_of(view)))
        return known[1]
