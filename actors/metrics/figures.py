"""Which values a figure of an alert rule has, of one look at the machine and the services. Pure, but for the tally."""

from collections import deque
from collections.abc import Mapping

from actors.metrics.records import Sample
from actors.metrics.usage import Usage
from actors.services.messages import Board, Health, ServiceView, State, Wanted
from actors.settings import Figure
from actors.settings.patterns import names

RESTARTS_SECONDS = 3600.0
"""Over which the figure `restarts` counts."""
MAX_RESTARTS = 10_000
"""Of one service that are counted in that time: three a second."""

_RUNS = (State.STARTING, State.RUNNING, State.STOPPING)


class RestartTally:
    """How often each service was restarted in the last `RESTARTS_SECONDS`."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._times: dict[str, deque[float]] = {}

    def note(self, board: Board, at: float) -> None:
        """Look at the services' counts, at *at* of a clock that only moves forward. What was before is not counted."""
        for service in self._known.keys() - board.keys():
            del self._known[service]
            self._times.pop(service, None)
        for service, view in board.items():
            risen = view.restarts - self._known.get(service, view.restarts)
            self._known[service] = view.restarts
            times = self._times.setdefault(service, deque(maxlen=MAX_RESTARTS))
            times.extend([at] * max(0, risen))
            while times and times[0] <= at - RESTARTS_SECONDS:
                times.popleft()

    def count(self, service: str) -> int:
        """As of the last look."""
        return len(self._times.get(service, ()))


def values(
    figure: Figure, sample: Sample, board: Board, usage: Mapping[str, Usage], restarts: RestartTally
) -> Mapping[str, float | None]:
    """The values of *figure*: by service id for a figure of services, else one by `""`. None: it does not come.

    What cannot have the figure is not among them: CPU and memory of a service that does not run.
    """
    if figure.target is None:
        return {"": _of_machine(figure, sample)}
    found: dict[str, float | None] = {}
    for service, view in board.items():
        if not names(figure.target, view.settings):
            continue
        match figure.name:
            case "restarts":
                found[service] = float(restarts.count(service))
            case "down":
                found[service] = float(is_down(view))
            case "health":
                if view.wanted is Wanted.UP:
                    found[service] = {Health.HEALTHY: 1.0, Health.UNHEALTHY: 0.0}.get(view.health)
            case name:
                if view.state in _RUNS and view.settings.kind == "process":
                    found[service] = getattr(usage[service], name) if service in usage else None
    return found


def is_down(view: ServiceView) -> bool:
    """Whether the service is wanted and does not do its work, be it that it does not run or that it is not well."""
    if view.wanted is Wanted.DOWN or view.state is State.EXITED:
        return False
    return view.state is not State.RUNNING or view.health is Health.UNHEALTHY


def _of_machine(figure: Figure, sample: Sample) -> float | None:
    part = figure.part
    if part is None:
        return getattr(sample, figure.name)
    match figure.name:
        case "disk_percent":
            mount = sample.mounts.get(part)
            return None if mount is None else mount.percent
        case "temperature":
            return sample.temperatures.get(part)
        case "disk_read_per_second" | "disk_write_per_second":
            device = sample.disks.get(part)
        case _:
            device = sample.interfaces.get(part)
    if device is None:
        return None
    inward = figure.name in ("disk_read_per_second", "net_recv_per_second")
    return device.inward_per_second if inward else device.outward_per_second
