"""What becomes of services when their configuration is another one. Pure: settings in, a plan out."""

import enum
from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from actors.services.messages import ServiceView, State, Wanted
from actors.settings import ProcessOptions, ServiceSettings


class Effect(enum.IntEnum):
    """What it takes for a changed key to count; of several the largest."""

    NONE = 0
    AT_ONCE = 1
    NEXT_START = 2
    """It is no reason to end a process that works: it counts from the next one on."""
    RESTART = 3
    """The process itself would be another one."""
    REPLACE = 4
    """It is another service by the same id."""


SERVICE: Mapping[str, Effect] = {
    "id": Effect.REPLACE,
    "name": Effect.AT_ONCE,
    "description": Effect.AT_ONCE,
    "kind": Effect.REPLACE,
    "autostart": Effect.AT_ONCE,  # it is about our own start, and starts or stops nothing now
    "tags": Effect.AT_ONCE,
    "depends_on": Effect.AT_ONCE,
    "log": Effect.NEXT_START,  # a run's holder rotates by what it was told with the run; a monitor's is its own
    "origin": Effect.AT_ONCE,
    "instance_of": Effect.RESTART,  # in its environment
    "instance": Effect.RESTART,
}
"""Of every key of a service but those of its kind."""

PROCESS: Mapping[str, Effect] = {
    "command": Effect.RESTART,
    "cwd": Effect.RESTART,
    "env": Effect.RESTART,
    "env_files": Effect.RESTART,
    "user": Effect.RESTART,
    "group": Effect.RESTART,
    "umask": Effect.RESTART,
    "nice": Effect.RESTART,
    "limits": Effect.RESTART,
    "stdin": Effect.RESTART,
    "instances": Effect.NEXT_START,  # one more or less at the end: the others only have the number in their environment
    "start_seconds": Effect.AT_ONCE,
    "stop_signal": Effect.AT_ONCE,
    "stop_grace": Effect.AT_ONCE,
    "restart": Effect.AT_ONCE,
    "expected_exit_codes": Effect.AT_ONCE,
    "backoff_initial": Effect.AT_ONCE,
    "backoff_max": Effect.AT_ONCE,
    "healthy_seconds": Effect.AT_ONCE,
    "fatal_failures": Effect.AT_ONCE,
    "fatal_window": Effect.AT_ONCE,
    "fatal_retry": Effect.AT_ONCE,
    "reload_signal": Effect.AT_ONCE,
    "reload_command": Effect.AT_ONCE,
    "memory_max": Effect.AT_ONCE,
    "ready": Effect.AT_ONCE,
    "alive": Effect.AT_ONCE,
    "schedule": Effect.AT_ONCE,
    "watch": Effect.AT_ONCE,
}
"""Of every key of kind `process`. All keys of a monitor count at once: it has no process."""

BROUGHT_UP = frozenset({State.STARTING, State.RUNNING, State.BACKOFF, State.FATAL})
"""Where a service that is wanted is started anew for its new settings: it runs by the old ones, or failed by them.
One that has `EXITED` did its job; one that is stopping is started by the new ones anyway."""


@attrs.frozen
class Change:
    """One service that is configured anew."""

    settings: ServiceSettings
    keys: tuple[str, ...]
    """What is different, as in the configuration file."""
    effect: Effect


@attrs.frozen
class Plan:
    """How one configuration is led to another. A service that is replaced is in `removed` and in `added`."""

    removed: tuple[str, ...]
    added: tuple[ServiceSettings, ...]
    changed: tuple[Change, ...]


def plan(old: Mapping[str, ServiceSettings], new: Sequence[ServiceSettings]) -> Plan:
    """What is to be done so that the services *old* become *new*; both without groups, each id once."""
    kept = {settings.id for settings in new}
    removed = [service_id for service_id in old if service_id not in kept]
    added: list[ServiceSettings] = []
    changed: list[Change] = []
    for settings in new:
        before = old.get(settings.id)
        if before is None:
            added.append(settings)
        elif (effect := effect_of(before, settings)) is Effect.REPLACE:
            removed.append(settings.id)
            added.append(settings)
        elif effect is not Effect.NONE:
            changed.append(Change(settings, changed_keys(before, settings), effect))
    return Plan(tuple(removed), tuple(added), tuple(changed))


def changed_keys(old: ServiceSettings, new: ServiceSettings) -> tuple[str, ...]:
    """The keys that are different, those of the kind after the others."""
    keys = _different(old, new, SERVICE)
    if old.kind != new.kind:
        return keys  # whose other keys they are is another question
    return keys + (_different(_part(old), _part(new), _fields(_part(new))))


def effect_of(old: ServiceSettings, new: ServiceSettings) -> Effect:
    """What it takes to make *old*, which is running, *new*."""
    keys = _different(old, new, SERVICE)
    effects = [Effect.AT_ONCE if key == "log" and new.process is None else SERVICE[key] for key in keys]
    if old.kind == new.kind:
        if new.process is not None and old.process is not None:
            effects += [PROCESS[key] for key in _different(old.process, new.process, PROCESS)]
            # The socket for it is made with the process.
            if notifies(old.process) != notifies(new.process):
                effects.append(Effect.RESTART)
        elif old.monitor != new.monitor:
            effects.append(Effect.AT_ONCE)
    return max(effects, default=Effect.NONE)


def notifies(options: ProcessOptions) -> bool:
    """Whether its process is given a `NOTIFY_SOCKET`."""
    ready = options.ready is not None and options.ready.notify
    return ready or (options.alive is not None and options.alive.notify)


def starts_anew(effect: Effect, view: ServiceView) -> bool:
    """Whether a service that was configured is started anew for it."""
    return effect is Effect.RESTART and view.wanted is Wanted.UP and view.state in BROUGHT_UP


def _part(settings: ServiceSettings) -> object:
    return settings.process if settings.process is not None else settings.monitor


def _fields(part: object) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(part))))


def _different(old: object, new: object, keys: Mapping[str, Effect] | Sequence[str]) -> tuple[str, ...]:
    return tuple(key for key in keys if getattr(old, key, None) != getattr(new, key, None))
