"""Actors in JSON: what the server encodes and its client decodes."""

import attrs


@attrs.define(slots=False)
class ActorFigures:
    """An actor's counts, durations in seconds. At rest `sent` is the sum of what follows it up to `queued`."""

    sent: int
    handled: int
    crashed: int
    interrupted: int
    abandoned: int
    expired: int
    dead_lettered: int
    queued: int
    capacity: int
    peak: int
    oldest_age: float | None
    busy_for: float | None
    wait_p50: float | None
    wait_p99: float | None


@attrs.define(slots=False)
class ActorNode:
    """A supervisor or an actor, and what is beneath it."""

    path: str
    name: str
    kind: str
    state: str
    restarts: int
    uptime: float | None
    statistics: ActorFigures | None
    children: "list[ActorNode]"
