"""What the runtime tells over the bus about its actors."""

import attrs

from actors.runtime.core import ActorState, ActorStatistics


@attrs.frozen
class ActorStarted:
    """An incarnation handles messages."""

    path: str
    restarts: int


@attrs.frozen
class ActorFailed:
    """An actor crashed, or a supervisor gave up on its children."""

    path: str
    error: str
    restart_in: float | None
    """Seconds; None: it is not started again."""


@attrs.frozen
class ActorEnded:
    """An actor is gone for good: stopped, or given up."""

    path: str
    state: ActorState


@attrs.frozen
class TreeNode:
    """An actor or supervisor and what is beneath it, as of now."""

    path: str
    name: str
    kind: str
    """`actor` or `supervisor`."""
    state: ActorState
    restarts: int
    statistics: ActorStatistics | None
    children: "tuple[TreeNode, ...]" = ()
