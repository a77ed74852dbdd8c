"""The watch of one service's files, there while the service is wanted."""

from collections.abc import Callable

import trio

from actors.runtime.actor import Context
from actors.services.file_watch import FileWatch
from actors.services.messages import Wanted
from actors.services.record import ServiceRecord
from actors.settings import FileWatchOptions


class WatchedFiles:
    """Belongs to an incarnation of the service's actor.

    It goes on while the service is started again: what changes meanwhile would else go unseen.
    """

    def __init__(self, record: ServiceRecord, context: Context, changed: Callable[[str], bool]) -> None:
        self._record = record
        self._context = context
        self._changed = changed
        self._options: FileWatchOptions | None = None
        self._scope = trio.CancelScope()

    def tend(self) -> None:
        """Watch what is to be watched now, and nothing else. To be called whenever that may have changed."""
        record = self._record
        wanted = record.view.wanted is Wanted.UP and not record.shutting_down
        options = record.options.watch if wanted else None
        if options == self._options:
            return
        self._scope.cancel()
        self._options = options
        if options is not None:
            self._scope = trio.CancelScope()
            watch = FileWatch(record.settings.id, options, self._changed)
            self._context.start_soon(_within, self._scope, watch, name=f"{self._context.path} files")


async def _within(scope: trio.CancelScope, watch: FileWatch) -> None:
    with scope:
        await watch.run()
