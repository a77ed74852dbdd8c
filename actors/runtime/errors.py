"""What can go wrong between actors. Every error names the actor by its path."""

from typing import Literal

Phase = Literal["queued", "running"]


class ActorError(Exception):
    """Base of what the runtime raises."""


class ActorStopped(ActorError):
    """The actor has stopped, or stopped before it came to this message."""

    def __init__(self, path: str) -> None:
        super().__init__(f"actor {path} has stopped and takes no more messages; look it up again or start it")
        self.path = path


class ActorCrashed(ActorError):
    """The handler of this very message raised something that its message does not declare.

    The exception is the `__cause__`. The message is not delivered again, not even after a restart.
    """

    def __init__(self, path: str, message: str, cause: BaseException) -> None:
        super().__init__(
            f"actor {path} crashed while handling {message}: {cause!r}; its supervisor decides what follows"
        )
        self.path = path
        self.message = message
        self.__cause__ = cause


class ActorRestarting(ActorError):
    """The ask was queued when the actor crashed, and its mailbox fails queued asks on a restart."""

    def __init__(self, path: str) -> None:
        super().__init__(f"actor {path} is restarting and dropped the asks that were queued; ask again")
        self.path = path


class AskTimeout(ActorError):
    """No answer before the deadline.

    `phase` is `queued` when the message was never looked at (it never will be) and `running` when its handler
    had begun (it goes on, and its answer is dropped).
    """

    def __init__(self, path: str, message: str, phase: Phase, waited: float) -> None:
        super().__init__(
            f"actor {path} did not answer {message} within {waited:.3g} s (it was {phase}); "
            "ask with a longer timeout, or look at the actor's statistics"
        )
        self.path = path
        self.message = message
        self.phase: Phase = phase
        self.waited = waited


class AskCycle(ActorError):
    """The ask would have waited for itself. `cycle` is the chain of paths, first and last the same."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        super().__init__(f"asking would never end: {' -> '.join(cycle)}; let one of them tell instead of asking")
        self.cycle = cycle


class MailboxFull(ActorError):
    """The mailbox has no room and its policy does not wait."""

    def __init__(self, path: str, capacity: int) -> None:
        super().__init__(
            f"the mailbox of actor {path} is full ({capacity} messages); send more slowly, or give it more capacity"
        )
        self.path = path
        self.capacity = capacity


class RestartIntensityExceeded(ActorError):
    """A supervisor's children crashed more often than its restart intensity allows; it has stopped them all."""

    def __init__(self, path: str, restarts: int, period: float, cause: BaseException) -> None:
        super().__init__(
            f"supervisor {path} gave up: more than {restarts} restarts within {period:g} s; the last cause: {cause!r}"
        )
        self.path = path
        self.restarts = restarts
        self.period = period
        self.__cause__ = cause


class StartFailed(ActorError):
    """A child could not be started: its factory or its `on_start` raised, or took too long."""

    def __init__(self, path: str, cause: BaseException) -> None:
        super().__init__(f"actor {path} did not start: {cause!r}")
        self.path = path
        self.__cause__ = cause


class InvalidSpec(ActorError, ValueError):
    """A child or supervisor was described wrongly; nothing was started."""

    def __init__(self, field: str, got: object, expected: str) -> None:
        super().__init__(f"{field} is {got!r}; expected {expected}")
        self.field = field
        self.got = got
        self.expected = expected


class LinkedActorDown(ActorError):
    """An actor that this one is linked to has crashed."""

    def __init__(self, path: str, cause: Exception) -> None:
        super().__init__(f"linked actor {path} crashed: {cause!r}")
        self.path = path
        self.__cause__ = cause
