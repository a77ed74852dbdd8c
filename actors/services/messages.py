"""What a service can be told and asked, what is known of it, and the events it causes."""

import enum
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import attrs

from actors.runtime import Message
from actors.services.causes import AUTOSTART, COMMAND, Cause
from actors.services.look import Look
from actors.settings import Origin, ServiceSettings


class State(enum.Enum):
    """Where a service is. `facts` about its process, apart from what is wanted of it."""

    STOPPED = "stopped"
    STARTING = "starting"
    """Its process was asked for, or is younger than `start_seconds`."""
    RUNNING = "running"
    BACKOFF = "backoff"
    """It ended and will be started again."""
    STOPPING = "stopping"
    EXITED = "exited"
    """It ended as expected and is not started again."""
    FATAL = "fatal"
    """It failed too often, or once where it is never restarted; only a command starts it again."""


class Wanted(enum.Enum):
    """What was last commanded."""

    UP = "up"
    DOWN = "down"


class Health(enum.Enum):
    """Whether a service does its work, apart from whether it runs."""

    UNKNOWN = "unknown"
    """Nobody looks, or nobody has seen enough yet."""
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@attrs.frozen
class Failure:
    """Why a service is not, or was not, as it should be."""

    reason: Literal[
        "exit", "signal", "spawn", "lost", "not_ready", "not_alive", "memory", "dependency", "down", "reload"
    ]
    """An exit code, a signal, a start that did not come about, a process killed with what watched it; not ready in
    time, no longer alive, above its memory, a dependency that will not come; what a monitor watches is down; it runs
    on, but was not told to read its configuration again."""
    detail: str
    """English, for logs."""
    at: datetime
    exit_code: int | None = None
    signal: str | None = None
    """Name, such as `SIGKILL`."""


@attrs.frozen
class ServiceView:
    """All that is known of one service at one moment."""

    settings: ServiceSettings
    state: State = State.STOPPED
    wanted: Wanted = Wanted.DOWN
    available: bool = True
    """False where it cannot be started: this version cannot run its kind, or it was told nothing to watch."""
    pid: int | None = None
    running_since: datetime | None = None
    """When its process was started (UTC); None while it is not running."""
    running_since_clock: float | None = None
    """The same on Trio's clock, which no change of the time of day moves."""
    restarts: int = 0
    """How often it was started again without being told to, since we started."""
    last_failure: Failure | None = None
    next_restart_at: datetime | None = None
    health: Health = Health.UNKNOWN
    health_detail: str | None = None
    """What the last look said, in English; of a monitor also the latest figures in words."""
    last_look: Look | None = None
    """Of a monitor: what its last look in this run found."""
    looked_at: datetime | None = None
    """When that was (UTC)."""
    ready_at: datetime | None = None
    """When it was first ready for work in this run (UTC)."""
    waits_for: tuple[str, ...] = ()
    """The services it depends on that are not as far as they must be before it is started."""
    next_run_at: datetime | None = None
    """When its schedule starts it next (UTC)."""
    lost_output_bytes: int = 0
    """Output that its log could not take, over all of its runs."""

    @property
    def id(self) -> str:
        """Its id."""
        return self.settings.id


@attrs.frozen
class ServiceChanged:
    """A service's view is another one. Published with the change, never without one."""

    old: ServiceView
    new: ServiceView


@attrs.frozen
class Happened:
    """One thing that happened to a service, with its reason: what its history is made of."""

    service_id: str
    at: datetime
    what: Literal["state", "health", "wanted", "configured", "monitored"]
    """Its state, its health, what is wanted of it or its configuration became another one; or (`monitored`) we began or
    ceased to watch it, which uptime is counted between."""
    old: str | None
    new: str | None
    reason: str
    """One word: the rule's event (`start`, `up`, `again`, ...), or who asked: `command`, `autostart`, `dependency`,
    `rolling`, `schedule`, `watch`, `reload`, `shutdown`; `probe` for its health."""
    detail: str = ""
    """English: which exit code, which signal, which probe said what, who asked."""
    pid: int | None = None
    exit_code: int | None = None
    signal: str | None = None


EventType = Literal["started", "stopped", "restarted", "error", "recovered", "config_changed"]


@attrs.frozen
class ServiceEvent:
    """Something that people want to hear about a service."""

    event_type: EventType
    view: ServiceView
    """Of the moment after it."""
    at: datetime
    failure: Failure | None = None
    """With `error`: what failed. With `recovered`: what it recovered from."""
    duration: float | None = None
    """With `recovered`: the seconds that it lasted, where they are known."""


class ServiceNotFound(LookupError):
    """There is no service of this id."""

    def __init__(self, service: str) -> None:
        super().__init__(f"there is no service {service!r}; ask for the list of services to see their ids")
        self.service = service


class ServiceIsGroup(ServiceNotFound):
    """The id is that of several instances, none of which has it."""

    def __init__(self, service: str, instances: Sequence[str]) -> None:
        super().__init__(service)
        self.args = (f"{service!r} runs as {', '.join(instances)}; name one of these",)
        self.instances = tuple(instances)


class ServiceExists(Exception):
    """There is a service of this id already."""

    def __init__(self, service: str) -> None:
        super().__init__(f"there is a service {service!r} already; change that one or choose another id")
        self.service = service


class ServiceOwned(Exception):
    """The service was not added at run time: whoever configured it changes it."""

    def __init__(self, service: str, origin: Origin) -> None:
        super().__init__(f"service {service!r} is of the {origin}; change it there; nothing was done")
        self.service = service
        self.origin = origin


class ServiceNeeded(Exception):
    """Other services depend on it."""

    def __init__(self, service: str, by: Sequence[str]) -> None:
        super().__init__(f"service {service!r} cannot go: {', '.join(by)} depend on it; change those first")
        self.service = service
        self.by = tuple(by)


class NotApplied(Exception):
    """What was configured is kept, but the service could not be told; the next reload does it."""

    def __init__(self, service: str, why: str) -> None:
        super().__init__(f"the configuration of service {service!r} could not be applied: {why}; reload to try again")
        self.service = service
        self.why = why


class ServiceUnavailable(Exception):
    """This version cannot run services of this kind."""

    def __init__(self, service: str, kind: str) -> None:
        super().__init__(f"service {service!r} is of kind {kind!r}, which this version cannot run; nothing was done")
        self.service = service
        self.kind = kind


class ServiceUnconfigured(ServiceUnavailable):
    """There is nothing for a monitor to look at, because a key of its settings is not set."""

    def __init__(self, service: str, kind: str, key: str) -> None:
        super().__init__(service, kind)
        self.args = (
            f"services.{service}.{key} is not set; a monitor of kind {kind!r} has nothing to watch without it; set it",
        )
        self.key = key


class CannotReload(Exception):
    """Nobody said how it can be told to read its configuration again."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"service {service!r} has neither reload_signal nor reload_command; add one or restart it; nothing was done"
        )
        self.service = service


class ServiceNotRunning(Exception):
    """It has no process that could be told something."""

    def __init__(self, service: str, state: State) -> None:
        super().__init__(f"service {service!r} is {state.value}; expected it to run; start it; nothing was done")
        self.service = service
        self.state = state


class NoInput(Exception):
    """It has no stdin that anybody could write to."""

    def __init__(self, service: str) -> None:
        super().__init__(f'service {service!r} has no stdin to write to; it needs stdin = "pipe"; nothing was sent')
        self.service = service


class InputFull(Exception):
    """It does not read what was sent before."""

    def __init__(self, service: str, limit: int) -> None:
        super().__init__(
            f"service {service!r} does not read its stdin: {limit} bytes wait; nothing was sent; try again later"
        )
        self.service = service
        self.limit = limit


class InputClosed(Exception):
    """The end of its input was sent before."""

    def __init__(self, service: str) -> None:
        super().__init__(f"the input of service {service!r} has ended; restart it to send more; nothing was sent")
        self.service = service


@attrs.frozen
class InputTaken:
    """What was sent is in the stdin of a service, or on its way there in order."""

    sent: int
    """Bytes."""
    ended: bool
    """Whether its end was sent, too."""


@attrs.frozen
class ReloadTaken:
    """A service is being told to read its configuration again."""

    number: int
    """Of which `ReloadEnded` says what came of it."""
    ended: bool
    """It has been told already, as by a signal, with which nothing can go wrong."""


@attrs.frozen
class ReloadEnded:
    """A service was told to read its configuration again, or could not be."""

    service_id: str
    number: int
    problem: str | None
    """English; None: it was told."""


@attrs.frozen
class Accepted:
    """A command was taken; what comes of it follows as events."""

    view: ServiceView
    """Of the moment after it was taken."""
    changed: bool
    """False: the service already is, or is on its way to, what was asked for."""


@attrs.frozen
class Configured:
    """A service took its new settings."""

    restarted: bool
    """It is on its way to a new process, for the one it had was started by the old ones."""


@attrs.frozen
class Reconfigured:
    """What a new configuration changed, by ids. Services that are in none of these are as they were."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Nothing of them is left."""
    restarted: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """They run on with the new settings."""
    later: tuple[str, ...] = ()
    """Of the changed ones, those of which something counts only from their next start on."""
    failed: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Why some are still as they were; the next reload tries them again."""

    @property
    def nothing(self) -> bool:
        """Whether all is as it was."""
        return not (self.added or self.removed or self.restarted or self.changed or self.failed)


@attrs.frozen
class ServicesConfigured:
    """There are other services, or other settings of them. Published once for each new configuration."""

    outcome: Reconfigured


class ServiceCommands(Protocol):
    """What every service handles, whatever its kind."""

    def start(self, by: Cause) -> Accepted | Awaitable[Accepted]: ...

    def stop(self) -> Accepted | Awaitable[Accepted]: ...

    def restart(self, by: Cause) -> Accepted | Awaitable[Accepted]: ...

    def begin(self, by: Cause) -> Accepted | Awaitable[Accepted]: ...

    def reload(self) -> ReloadTaken | Awaitable[ReloadTaken]: ...

    def send_input(self, data: bytes, *, end: bool) -> InputTaken | Awaitable[InputTaken]: ...

    def shut_down(self) -> Awaitable[None] | None: ...

    def configure(self, settings: ServiceSettings) -> Configured | Awaitable[Configured]: ...


@attrs.frozen
class StartService(Message[ServiceCommands, Accepted]):
    """Have it running; at once, also out of a backoff or FATAL."""

    errors = (ServiceUnavailable,)

    by: Cause = COMMAND

    def deliver(self, to: ServiceCommands) -> Accepted | Awaitable[Accepted]:
        return to.start(self.by)


@attrs.frozen
class StopService(Message[ServiceCommands, Accepted]):
    """Have it stopped, and nothing left of it."""

    errors = (ServiceUnavailable,)

    def deliver(self, to: ServiceCommands) -> Accepted | Awaitable[Accepted]:
        return to.stop()


@attrs.frozen
class RestartService(Message[ServiceCommands, Accepted]):
    """Have it stopped, if it runs, and started."""

    errors = (ServiceUnavailable,)

    by: Cause = COMMAND

    def deliver(self, to: ServiceCommands) -> Accepted | Awaitable[Accepted]:
        return to.restart(self.by)


@attrs.frozen
class BeginService(Message[ServiceCommands, Accepted]):
    """Have it as it should be when we start: running; a job waits for the times of its schedule."""

    errors = (ServiceUnavailable,)

    by: Cause = AUTOSTART

    def deliver(self, to: ServiceCommands) -> Accepted | Awaitable[Accepted]:
        return to.begin(self.by)


@attrs.frozen
class ReloadService(Message[ServiceCommands, ReloadTaken]):
    """Tell it to read its configuration again, by its signal or its command; it runs on."""

    errors = (CannotReload, ServiceNotRunning, ServiceUnavailable)

    def deliver(self, to: ServiceCommands) -> ReloadTaken | Awaitable[ReloadTaken]:
        return to.reload()


@attrs.frozen
class SendInput(Message[ServiceCommands, InputTaken]):
    """Write to its stdin: all of it, or nothing."""

    errors = (NoInput, InputFull, InputClosed, ServiceNotRunning)
    data: bytes
    end: bool = False
    """Then its stdin ends."""

    def deliver(self, to: ServiceCommands) -> InputTaken | Awaitable[InputTaken]:
        return to.send_input(self.data, end=self.end)


@attrs.frozen
class ShutDown(Message[ServiceCommands, None]):
    """Stop it because everything stops; what is wanted of it stays as it is."""

    def deliver(self, to: ServiceCommands) -> Awaitable[None] | None:
        return to.shut_down()


@attrs.frozen
class Configure(Message[ServiceCommands, Configured]):
    """Go by other settings of the same id and kind from now on.

    What needs no new process counts at once. A process that was started by settings that are no longer true (see
    `reload.effect_of`) is restarted, if it is wanted.
    """

    settings: ServiceSettings

    def deliver(self, to: ServiceCommands) -> Configured | Awaitable[Configured]:
        return to.configure(self.settings)


Board = Mapping[str, ServiceView]
"""All services by id, in the order of the configuration. A new mapping for every change."""
