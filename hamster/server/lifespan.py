"""The application's start and end.

Not Hypercorn's: there, an application that refuses to start is served for a moment nevertheless.
"""

import logging

import trio
from hypercorn.typing import ASGIFramework, ASGIReceiveEvent, ASGISendEvent, LifespanScope, LifespanState

from hamster.server.errors import StartupFailed

log = logging.getLogger(__name__)


class Lifespan:
    """Runs the application's lifespan in *nursery*, whose cancellation ends what is left of it."""

    def __init__(self, app: ASGIFramework, state: LifespanState, nursery: trio.Nursery) -> None:
        self._app = app
        self._state = state
        self._nursery = nursery
        # At most two events are ever sent: startup and shutdown.
        self._send, self._receive = trio.open_memory_channel[ASGIReceiveEvent](2)
        self._started = trio.Event()
        self._ended = trio.Event()
        self._failure: str | None = None

    async def start(self, seconds: float) -> None:
        """Wait until the application is ready. One that knows no lifespan is.

        Raises:
            StartupFailed: It says so, or does not answer within *seconds*.
        """
        self._nursery.start_soon(self._run)
        self._send.send_nowait({"type": "lifespan.startup"})
        with trio.move_on_after(seconds) as scope:
            await self._started.wait()
        if scope.cancelled_caught:
            raise StartupFailed(f"no answer to its startup within {seconds:g} s")
        if self._failure is not None:
            raise StartupFailed(self._failure)

    async def stop(self, seconds: float) -> None:
        """Let the application shut down; after *seconds* go on without it."""
        self._send.send_nowait({"type": "lifespan.shutdown"})
        with trio.move_on_after(seconds) as scope:
            await self._ended.wait()
        if scope.cancelled_caught:
            log.error("application.shutdown_timeout after_s=%g", seconds)

    async def _run(self) -> None:
        scope: LifespanScope = {
            "type": "lifespan",
            "asgi": {"spec_version": "2.0", "version": "3.0"},
            "state": self._state,
        }
        try:
            await self._app(scope, self._receive.receive, self._hear)
        except Exception as error:  # An application without a lifespan raises here, by the specification.
            if self._started.is_set():
                log.exception("application.lifespan_failed")
            else:
                log.info("application.no_lifespan error=%r", error)
        finally:
            self._started.set()
            self._ended.set()

    async def _hear(self, message: ASGISendEvent) -> None:
        match message["type"]:
            case "lifespan.startup.complete":
                self._started.set()
            case "lifespan.startup.failed":
                self._failure = message["message"] or "it gave no reason"
                self._started.set()
            case "lifespan.shutdown.complete":
                self._ended.set()
            case "lifespan.shutdown.failed":
                log.error("application.shutdown_failed reason=%r", message["message"])
                self._ended.set()
            case _:
                raise ValueError(f"lifespan message is {message['type']}; expected one of lifespan.*")
        await trio.lowlevel.checkpoint()
