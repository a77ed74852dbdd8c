"""Looking at a service on command: the question, the ticket to wait with, and what can be in the way."""

from typing import Protocol, runtime_checkable

import attrs
import trio

from actors.runtime import Message
from actors.services.look import Look
from actors.services.messages import ServiceCommands


class NotCheckable(Exception):
    """A service of this kind cannot be looked at on command."""

    def __init__(self, service: str, kind: str) -> None:
        super().__init__(f"service {service!r} is of kind {kind!r}, which has nothing to look at; ask for its state")
        self.service = service
        self.kind = kind


class NotRunning(Exception):
    """It would have to run for that."""

    def __init__(self, service: str) -> None:
        super().__init__(f"service {service!r} does not run; nothing was done; start it first")
        self.service = service


class CheckAborted(Exception):
    """The look was not made to its end: the monitor was stopped, configured anew or crashed meanwhile."""

    def __init__(self, service: str) -> None:
        super().__init__(f"the look of {service!r} was not made to its end; look at its state, and check again")
        self.service = service


class LookTicket:
    """A look that is being made; whoever has it waits for what was found."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.force = False
        """Look as if for the first time; of a feed: ask also a server that wants to be left alone."""
        self._settled = trio.Event()
        self._answer: Look | CheckAborted = CheckAborted(service)

    def settle(self, answer: Look | CheckAborted) -> None:
        """Let everybody have *answer*; the first one counts."""
        if not self._settled.is_set():
            self._answer = answer
            self._settled.set()

    async def wait(self) -> Look:
        """What was found; waits as long as its caller lets it.

        Raises:
            CheckAborted: Nothing was.
        """
        await self._settled.wait()
        if isinstance(self._answer, CheckAborted):
            raise CheckAborted(self.service)
        return self._answer


@runtime_checkable
class Checked(Protocol):
    """A service that can be looked at on command."""

    def check(self, *, force: bool) -> LookTicket: ...


@attrs.frozen
class CheckNow(Message[ServiceCommands, LookTicket]):
    """Look now, or join the look that is on; the answer is a ticket to wait with for what was found."""

    service: str
    kind: str
    force: bool = False

    errors = (NotCheckable, NotRunning)

    def deliver(self, to: ServiceCommands) -> LookTicket:
        if not isinstance(to, Checked):
            raise NotCheckable(self.service, self.kind)
        return to.check(force=self.force)
