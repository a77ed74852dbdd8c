"""Typed, bounded, supervised actors on Trio."""

from actors.runtime.actor import Actor, Context
from actors.runtime.backoff import Backoff
from actors.runtime.bus import Bus
from actors.runtime.cell import Cell, Changed, Watch
from actors.runtime.core import CORRELATION, TRANSITIONS, ActorState, ActorStatistics, Down
from actors.runtime.errors import (
    ActorCrashed,
    ActorError,
    ActorRestarting,
    ActorStopped,
    AskCycle,
    AskTimeout,
    InvalidSpec,
    LinkedActorDown,
    MailboxFull,
    RestartIntensityExceeded,
    StartFailed,
)
from actors.runtime.events import ActorEnded, ActorFailed, ActorStarted, TreeNode
from actors.runtime.histogram import Latency
from actors.runtime.mailbox import DeadLetter, Full, KeepOnRestart, MailboxCounts, MailboxOptions
from actors.runtime.message import Message
from actors.runtime.ref import DEFAULT_ASK_TIMEOUT, Ref
from actors.runtime.specs import ChildSpec, Restart, RestartIntensity, Strategy, SupervisorSpec
from actors.runtime.subscription import Lagged, Overflow, Subscription, SubscriptionStatistics
from actors.runtime.supervisor import Supervisor
from actors.runtime.timers import Tick, Timer
from actors.runtime.tracing import MessageTraced
from actors.runtime.tree import open_supervisor

__all__ = [
    "CORRELATION",
    "DEFAULT_ASK_TIMEOUT",
    "TRANSITIONS",
    "Actor",
    "ActorCrashed",
    "ActorEnded",
    "ActorError",
    "ActorFailed",
    "ActorRestarting",
    "ActorStarted",
    "ActorState",
    "ActorStatistics",
    "ActorStopped",
    "AskCycle",
    "AskTimeout",
    "Backoff",
    "Bus",
    "Cell",
    "Changed",
    "ChildSpec",
    "Context",
    "DeadLetter",
    "Down",
    "Full",
    "InvalidSpec",
    "KeepOnRestart",
    "Lagged",
    "Latency",
    "LinkedActorDown",
    "MailboxCounts",
    "MailboxFull",
    "MailboxOptions",
    "Message",
    "MessageTraced",
    "Overflow",
    "Ref",
    "Restart",
    "RestartIntensity",
    "RestartIntensityExceeded",
    "StartFailed",
    "Strategy",
    "Subscription",
    "SubscriptionStatistics",
    "Supervisor",
    "SupervisorSpec",
    "Tick",
    "Timer",
    "TreeNode",
    "Watch",
    "open_supervisor",
]
