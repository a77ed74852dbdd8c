"""Processes that belong to us: started, watched, logged, and gone without a trace when they are to be.

A single `CancelScope` cannot do that: children have children, which change their session, and we may be
killed ourselves. So a tiny process, the keeper, owns them through one holder each; `open_keeper` is its
handle.
"""

from .client import Keeper, KeeperClosed, RunExists, open_keeper
from .link import KeeperUnavailable
from .run import Phase, Run, RunStatus
from .spec import InvalidSpec, ProcessSpec, Rotation

__all__ = [
    "InvalidSpec",
    "Keeper",
    "KeeperClosed",
    "KeeperUnavailable",
    "Phase",
    "ProcessSpec",
    "Rotation",
    "Run",
    "RunExists",
    "RunStatus",
    "open_keeper",
]
